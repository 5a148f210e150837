"""Kernels of the native SuSiE engine: one sweep over the effects (Wang et al. 2020, Zou et al. 2022).

All is on the scale of z-scores: with standardised genotypes every diagonal entry of X'X is the same d, so that R in
place of X'X, z in place of X'y, and prior variances times d leave the posterior as it is. The kernels share one module
because numba's cache does not notice when a function changes in another.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
LdArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]

FIXED, SIMPLE, OPTIM, EM = 0, 1, 2, 3  # how an effect's prior variance follows from the data

_LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE = -30.0, 15.0  # the interval that susieR searches
_ROOT_EPSILON = 1.4901161193847656e-08  # of float64: the tolerance of R's optim()
_GOLDEN = (3 - math.sqrt(5)) / 2
_NEGLECTED = 1e-8  # how far from R times the posterior mean an effect's fitted z-scores may lie, at most
_UNCHANGED = 1e-12  # share of the largest z-score by which a residual may move and count as the same

_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # the first has 21 trailing zero bits
_ROUNDING = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number, kept in the lowest bits


class Locus(NamedTuple):
    """What does not change during a fit.

    Attributes
    ----------
    ld
        float32 or float64, C order: R, (p, p), or its factor F with R = F'F, (n_people, p).
    is_factor
        Which of the two.
    z_score
        float64 (p,).
    prior
        float64 (p,): probability that an effect is variant j.
    null_prior
        Probability that it is none; they sum to 1.
    unit
        Prior variance on the scale of z-scores that belongs to 1 on the scale of effects.
    largest
        Largest |z|.
    """

    ld: LdArray
    is_factor: bool
    z_score: FloatArray
    prior: FloatArray
    null_prior: float
    unit: float
    largest: float


class Effects(NamedTuple):
    """K effects, updated in place; on the scale of z-scores where nothing else is said.

    Attributes
    ----------
    alpha
        float64 (K, p): probability that effect k is variant j.
    null_alpha
        float64 (K,): probability that it is none.
    residual
        float64 (K, p): z-scores less all other effects, as of the effect's last update.
    mean
        float64 (K, p): posterior mean.
    fitted
        float64 (K, p): R times `mean`.
    is_idle
        bool (K,): whether `mean` is zero.
    variance
        float64 (K,): prior variance, on the scale of effects.
    used_variance, start_variance
        float64 (K,): the one that the posterior was computed with, and the one before the last update.
    residual_variance
        float64 (K,): at the last update; 0 before the first.
    lbf
        float64 (K,): log Bayes factor.
    second_moment
        float64 (K,): expected square, summed over variants.
    divergence
        float64 (K,): Kullback-Leibler divergence of the posterior from the prior.
    """

    alpha: FloatArray
    null_alpha: FloatArray
    residual: FloatArray
    mean: FloatArray
    applied: FloatArray
    fitted: FloatArray
    is_idle: npt.NDArray[np.bool_]
    variance: FloatArray
    used_variance: FloatArray
    start_variance: FloatArray
    residual_variance: FloatArray
    lbf: FloatArray
    second_moment: FloatArray
    divergence: FloatArray


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def exponential(x: float) -> float:
    """The exponential of x <= 0, to the last bit but one; unlike the library's, it runs in SIMD registers.

    Below -700 it stays at 1e-304.
    """
    x = max(x, -700.0)
    shifted = x * _LOG2_E + _ROUNDING
    whole = shifted - _ROUNDING
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW  # |r| <= ln(2) / 2; the Taylor series to r**12 is exact there
    y = 1 / 479001600
    y = y * r + 1 / 39916800
    y = y * r + 1 / 3628800
    y = y * r + 1 / 362880
    y = y * r + 1 / 40320
    y = y * r + 1 / 5040
    y = y * r + 1 / 720
    y = y * r + 1 / 120
    y = y * r + 1 / 24
    y = y * r + 1 / 6
    y = y * r + 0.5
    y = y * r + 1.0
    y = y * r + 1.0
    exponent = np.float64(shifted).view(np.int64) << 52
    result: float = np.int64(np.float64(y).view(np.int64) + exponent).view(np.float64)
    return result


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # lets the sum run in SIMD lanes
def _weighted_exponentials(gap: FloatArray, shrinkage: float, weights: FloatArray) -> float:
    total = 0.0
    for j in range(len(gap)):
        total += weights[j] * exponential(shrinkage * gap[j])
    return total


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(x: FloatArray, y: FloatArray) -> float:
    total = 0.0
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@numba.njit(cache=True, nogil=True, fastmath={"reassoc"})
def _sum(x: FloatArray) -> float:
    total = 0.0
    for j in range(len(x)):
        total += x[j]
    return total


@numba.njit(cache=True, nogil=True)
def _add(source: FloatArray, target: FloatArray) -> None:
    for j in range(len(target)):
        target[j] += source[j]


@numba.njit(cache=True, nogil=True)
def _copy(source: FloatArray, target: FloatArray) -> None:
    for j in range(len(target)):
        target[j] = source[j]


@numba.njit(cache=True, nogil=True)
def log_evidence(
    variance: float, residual_variance: float, gap: FloatArray, best: float, prior: FloatArray, null_prior: float
) -> float:
    """Log Bayes factor of an effect with this prior variance against none: log sum_j prior_j exp(lbf_j).

    Parameters
    ----------
    variance, residual_variance
        On the scale of z-scores.
    gap
        float64 of shape (p,), <= 0: half the chi-square of each variant less that of the best.
    best
        Half the chi-square of the best variant.
    prior
        float64 of shape (p,): prior probability of each variant.
    null_prior
        Prior probability of no effect at all, whose Bayes factor is 1.
    """
    shrinkage = variance / (variance + residual_variance)
    log_best = shrinkage * best + 0.5 * math.log(residual_variance / (variance + residual_variance))
    total = _weighted_exponentials(gap, shrinkage, prior)
    if null_prior == 0.0:
        return log_best + math.log(total)
    top = max(log_best, 0.0)
    return top + math.log(total * math.exp(log_best - top) + null_prior * math.exp(-top))


@numba.njit(cache=True, nogil=True)
def search_log_variance(
    unit: float, residual_variance: float, gap: FloatArray, best: float, prior: FloatArray, null_prior: float
) -> tuple[float, float]:
    """Log prior variance with the highest evidence, and that evidence: Brent's minimiser (1973, chapter 5).

    Interval, tolerance and first point are those of R's one-dimensional `optim`, so that the search visits the same
    points and ends at the same one: only then do iteration counts agree with susieR's.

    Parameters
    ----------
    unit
        Variance on the scale of z-scores of a variance of 1 on the scale of effects.
    residual_variance, gap, best, prior, null_prior
        See `log_evidence`.
    """
    low, high = _LOWEST_LOG_VARIANCE, _HIGHEST_LOG_VARIANCE
    x = second = third = low + _GOLDEN * (high - low)
    f_x = -log_evidence(unit * math.exp(x), residual_variance, gap, best, prior, null_prior)
    f_second = f_third = f_x
    step = step_before = 0.0
    while True:
        least = _ROOT_EPSILON * abs(x) + _ROOT_EPSILON / 3
        if abs(x - 0.5 * (low + high)) <= 2 * least - 0.5 * (high - low):
            return x, -f_x
        step, step_before = _next_step(low, high, x, second, third, f_x, f_second, f_third, step, step_before, least)
        size = max(abs(step), least)
        new = x + size if step > 0 else x - size
        f_new = -log_evidence(unit * math.exp(new), residual_variance, gap, best, prior, null_prior)
        loser = x if f_new <= f_x else new
        if (new < x) == (f_new <= f_x):
            high = loser
        else:
            low = loser
        if f_new <= f_x:
            third, second, x = second, x, new
            f_third, f_second, f_x = f_second, f_x, f_new
        elif f_new <= f_second or second == x:
            third, second = second, new
            f_third, f_second = f_second, f_new
        elif f_new <= f_third or third in (x, second):
            third, f_third = new, f_new


@numba.njit(cache=True, nogil=True)
def _next_step(
    low: float,
    high: float,
    x: float,
    second: float,
    third: float,
    f_x: float,
    f_second: float,
    f_third: float,
    step: float,
    step_before: float,
    least: float,
) -> tuple[float, float]:
    """Where to look next, seen from the best point: to the vertex of a parabola, or into the larger golden section."""
    if abs(step_before) > least:
        r = (x - second) * (f_x - f_third)
        q = (x - third) * (f_x - f_second)
        numerator, denominator = (x - second) * r - (x - third) * q, 2 * (q - r)
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        is_inside = denominator * (low - x) < numerator < denominator * (high - x)
        if is_inside and abs(numerator) < abs(0.5 * denominator * step_before):
            vertex = numerator / denominator
            if min(x + vertex - low, high - (x + vertex)) < 2 * least:  # too near an end: a small step to the middle
                vertex = least if x < 0.5 * (low + high) else -least
            return vertex, step
    section = (low if x >= 0.5 * (low + high) else high) - x
    return _GOLDEN * section, section


@numba.njit(cache=True, nogil=True)
def multiply_matrix(r: LdArray, vector: FloatArray, live: npt.NDArray[np.int64], product: FloatArray) -> None:
    """R times a vector whose entries outside `live` are zero.

    Parameters
    ----------
    r
        float32 or float64 of shape (p, p), symmetric: rows are read in place of columns.
    vector
        float64 of shape (p,).
    live
        int64: where the vector is not zero.
    product
        float64 of shape (p,), filled.
    """
    for j in range(len(product)):
        product[j] = 0.0
    n_blocks = len(live) // 4 * 4
    for k in range(0, n_blocks, 4):  # four rows at once, since each pass reads and writes `product`
        _add_four(r, vector, live[k], live[k + 1], live[k + 2], live[k + 3], product)
    for k in range(n_blocks, len(live)):
        row, weight = r[live[k]], vector[live[k]]
        for j in range(len(product)):
            product[j] += weight * row[j]


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _add_four(rows: LdArray, weights: FloatArray, a: int, b: int, c: int, d: int, total: FloatArray) -> None:
    first, second, third, fourth = rows[a], rows[b], rows[c], rows[d]
    w_a, w_b, w_c, w_d = weights[a], weights[b], weights[c], weights[d]
    for j in range(len(total)):
        total[j] += (w_a * first[j] + w_b * second[j]) + (w_c * third[j] + w_d * fourth[j])


@numba.njit(cache=True, nogil=True)
def multiply_factor(factor: LdArray, vector: FloatArray, live: npt.NDArray[np.int64], product: FloatArray) -> None:
    """F'F times a vector whose entries outside `live` are zero, F being float32 or float64 of shape (n_people, p).

    See `multiply_matrix` for the rest.
    """
    n_people = len(factor)
    scores, people = np.empty(n_people), np.arange(n_people)
    for i in range(n_people):
        total = 0.0
        for j in live:
            total += factor[i, j] * vector[j]
        scores[i] = total
    multiply_matrix(factor, scores, people, product)


@numba.njit(cache=True, nogil=True)
def multiply_ld(locus: Locus, vector: FloatArray, product: FloatArray) -> None:
    """R times a vector of shape (p,), into `product`."""
    live, n_live = np.empty(len(vector), np.int64), 0
    for j in range(len(vector)):
        if vector[j] != 0.0:
            live[n_live] = j
            n_live += 1
    live = live[:n_live]
    if locus.is_factor:
        multiply_factor(locus.ld, vector, live, product)
    else:
        multiply_matrix(locus.ld, vector, live, product)


@numba.njit(cache=True, nogil=True)
def sweep(locus: Locus, effects: Effects, residual_variance: float, method: int) -> tuple[float, int]:
    """Update every effect once, given all others.

    Two kinds of effects are spared the work, because the outcome is known: those whose residual is that of their last
    update, and those that, like the effect before them, are switched off.

    Returns
    -------
    tuple[float, int]
        Expected squared residual, less y'y; effects whose residual had changed.
    """
    n_effects, p = effects.alpha.shape
    total, residual, gap, change = np.zeros(p), np.empty(p), np.empty(p), np.empty(p)
    for k in range(n_effects):  # anew in each sweep, so that rounding does not add up
        _add(effects.fitted[k], total)
    n_changed = 0
    for k in range(n_effects):
        for j in range(p):
            residual[j] = locus.z_score[j] - (total[j] - effects.fitted[k, j])
        if _is_settled(effects, k, residual, residual_variance, method, locus.largest):
            continue
        n_changed += 1
        if k > 0 and _is_like_previous(effects, k):
            _copy_previous(effects, k)
            continue
        best = _half_chi_square_gap(residual, residual_variance, locus.prior, gap)
        effects.start_variance[k] = effects.variance[k]
        _copy(residual, effects.residual[k])
        if method in (OPTIM, SIMPLE):
            effects.variance[k] = _choose_variance(locus, effects.variance[k], residual_variance, gap, best, method)
        _update_posterior(locus, effects, k, residual_variance, gap, best)
        if method == EM:
            effects.variance[k] = _expected_variance(locus, effects, k, residual_variance, gap, best)
        _update_fitted(locus, effects, k, change)
        _add(change, total)
    return _expected_squares(locus, effects, total), n_changed


@numba.njit(cache=True, nogil=True)
def _update_fitted(locus: Locus, effects: Effects, k: int, change: FloatArray) -> None:
    """Bring R times the posterior mean up to date, and give its change."""
    mean, applied = effects.mean[k], effects.applied[k]
    if effects.is_idle[k]:
        for j in range(len(change)):
            change[j], effects.fitted[k, j], applied[j] = -effects.fitted[k, j], 0.0, 0.0
        return
    moved, threshold = np.zeros(len(mean)), _negligible(mean, applied)
    for j in range(len(mean)):
        if abs(mean[j] - applied[j]) > threshold:
            moved[j] = mean[j] - applied[j]
            applied[j] = mean[j]
    multiply_ld(locus, moved, change)
    _add(change, effects.fitted[k])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _negligible(x: FloatArray, y: FloatArray) -> float:
    """Size below which the differences of two arrays sum to no more than `_NEGLECTED`."""
    threshold = _NEGLECTED
    while True:
        total = 0.0
        for j in range(len(x)):
            difference = abs(x[j] - y[j])
            total += difference if difference <= threshold else 0.0
        if total <= _NEGLECTED:
            return threshold
        threshold *= 0.25


@numba.njit(cache=True, nogil=True)
def _is_settled(
    effects: Effects, k: int, residual: FloatArray, residual_variance: float, method: int, largest: float
) -> bool:
    if abs(effects.residual_variance[k] - residual_variance) > _UNCHANGED * residual_variance:
        return False
    if method == EM and effects.variance[k] != effects.start_variance[k]:
        return False  # the other methods arrive at the same variance from wherever they start
    seen, step = effects.residual[k], _UNCHANGED * largest
    for j in range(len(residual)):  # noqa: SIM110 - a kernel
        if abs(residual[j] - seen[j]) > step:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _is_like_previous(effects: Effects, k: int) -> bool:
    """Whether the effect before is switched off, as this one is: then both see the same residual."""
    both_idle: bool = effects.is_idle[k] and effects.is_idle[k - 1] and effects.variance[k - 1] == 0.0
    return both_idle and effects.start_variance[k - 1] == effects.variance[k]


@numba.njit(cache=True, nogil=True)
def _copy_previous(effects: Effects, k: int) -> None:
    effects.start_variance[k] = effects.variance[k]
    _copy(effects.alpha[k - 1], effects.alpha[k])
    _copy(effects.residual[k - 1], effects.residual[k])
    _copy(effects.mean[k - 1], effects.mean[k])
    effects.null_alpha[k] = effects.null_alpha[k - 1]
    effects.variance[k] = effects.variance[k - 1]
    effects.used_variance[k] = effects.used_variance[k - 1]
    effects.residual_variance[k] = effects.residual_variance[k - 1]
    effects.lbf[k] = effects.lbf[k - 1]
    effects.second_moment[k] = effects.second_moment[k - 1]
    effects.divergence[k] = effects.divergence[k - 1]


@numba.njit(cache=True, nogil=True)
def _half_chi_square_gap(residual: FloatArray, residual_variance: float, prior: FloatArray, gap: FloatArray) -> float:
    """Fill `gap` as `log_evidence` wants it, and give the best variant's half chi-square."""
    scale = 0.5 / residual_variance
    best = 0.0
    for j in range(len(residual)):
        gap[j] = scale * residual[j] * residual[j]
        if gap[j] > best and prior[j] > 0.0:
            best = gap[j]
    for j in range(len(residual)):
        gap[j] = min(gap[j] - best, 0.0)  # positive only where the prior is zero
    return best


@numba.njit(cache=True, nogil=True)
def _choose_variance(
    locus: Locus, variance: float, residual_variance: float, gap: FloatArray, best: float, method: int
) -> float:
    """The old or (OPTIM) the best found prior variance, or 0 if that explains the data as well."""
    prior, null_prior = locus.prior, locus.null_prior
    evidence = log_evidence(locus.unit * variance, residual_variance, gap, best, prior, null_prior)
    if method == OPTIM:
        found, evidence_found = search_log_variance(locus.unit, residual_variance, gap, best, prior, null_prior)
        if not evidence_found < evidence:
            variance, evidence = math.exp(found), evidence_found
    return 0.0 if log_evidence(0.0, residual_variance, gap, best, prior, null_prior) >= evidence else variance


@numba.njit(cache=True, nogil=True)
def _update_posterior(
    locus: Locus, effects: Effects, k: int, residual_variance: float, gap: FloatArray, best: float
) -> None:
    """Posterior of one effect for its prior variance and residual."""
    alpha, mean, residual = effects.alpha[k], effects.mean[k], effects.residual[k]
    variance = locus.unit * effects.variance[k]
    shrinkage = variance / (variance + residual_variance)
    for j in range(len(alpha)):
        alpha[j] = locus.prior[j] * exponential(shrinkage * gap[j])
    log_best = shrinkage * best + 0.5 * math.log(residual_variance / (variance + residual_variance))
    top = max(log_best, 0.0) if locus.null_prior > 0.0 else log_best
    null = locus.null_prior * math.exp(-top) if locus.null_prior > 0.0 else 0.0
    of_variants = math.exp(log_best - top)
    total = _sum(alpha) * of_variants + null
    for j in range(len(alpha)):
        alpha[j] *= of_variants / total
        mean[j] = alpha[j] * shrinkage * residual[j]
    effects.null_alpha[k] = null / total
    effects.lbf[k] = top + math.log(total)
    effects.is_idle[k] = variance == 0.0
    effects.used_variance[k] = effects.variance[k]
    effects.residual_variance[k] = residual_variance
    fit = _dot(mean, residual)
    effects.second_moment[k] = shrinkage * residual_variance * (1 - effects.null_alpha[k]) + shrinkage * fit
    effects.divergence[k] = -effects.lbf[k] + (fit - 0.5 * effects.second_moment[k]) / residual_variance


@numba.njit(cache=True, nogil=True)
def _expected_variance(
    locus: Locus, effects: Effects, k: int, residual_variance: float, gap: FloatArray, best: float
) -> float:
    """Expected square of the effect: an EM step; or 0 if that explains the data as well."""
    of_null = effects.null_alpha[k] * effects.variance[k]  # the data say nothing of it
    variance = effects.second_moment[k] / locus.unit + of_null
    prior, null_prior = locus.prior, locus.null_prior
    evidence = log_evidence(locus.unit * variance, residual_variance, gap, best, prior, null_prior)
    return 0.0 if log_evidence(0.0, residual_variance, gap, best, prior, null_prior) >= evidence else variance


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _expected_squares(locus: Locus, effects: Effects, total: FloatArray) -> float:
    """Expected |y - Xb|^2 less y'y."""
    squares: float = _sum(effects.second_moment)
    for k in range(len(effects.alpha)):
        if not effects.is_idle[k]:
            mean, applied, fitted = effects.mean[k], effects.applied[k], effects.fitted[k]
            for j in range(len(mean)):
                others = total[j] - fitted[j]
                squares += 2 * mean[j] * (others - locus.z_score[j]) - applied[j] * others
    return squares
