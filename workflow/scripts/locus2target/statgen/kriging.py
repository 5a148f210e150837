"""What every z-score should be, given all others and the LD: which variants may have their alleles exchanged.

The leave-one-out distribution of `z ~ N(0, (1 - s) R + s I)`, and the odds that a z-score has the wrong sign under a
mixture of scaled normals for its deviation: `kriging_rss` of susieR (Zou et al. 2022). No variant is changed here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locus2target.statgen.ld import Spectrum

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SMALLEST_SCALE = 0.8  # the mixture's scales, in leave-one-out standard deviations: from here ...
_SCALE_STEP = 1.05  # ... by this factor ...
_LARGEST_DEVIATION = 2.0  # ... to this multiple of the largest standardized deviation
_FLOOR = 1e-15  # added to each weight, so that no variant has likelihood 0
_NO_WEIGHT = 1e-8  # of a component that the data do not ask for: the barrier keeps it off 0
_GAP = 1e-13  # of the weights' optimality conditions, per variant
_MAX_STEPS = 100  # about 20 are needed


@dataclass(frozen=True, slots=True)
class Kriging:
    """Leave-one-out distribution of z-scores; float64 arrays of shape (p,).

    Attributes
    ----------
    mean, variance
        Of each z-score, given all others.
    deviation
        Of the observed z-score from that mean, in standard deviations.
    log_ratio
        Log likelihood ratio of "the sign is wrong" against "it is right", natural log.
    """

    mean: FloatArray
    variance: FloatArray
    deviation: FloatArray
    log_ratio: FloatArray


def krige(z_score: FloatArray, spectrum: Spectrum, mismatch: float) -> Kriging:
    """Predict every z-score from all others.

    With `Omega = ((1 - s) R + s I)^-1` the mean is `z - Omega z / diag(Omega)` and the variance `1 / diag(Omega)`. Both
    follow from the spectrum in O(p rank), as Omega is `1 / s` times the projection on the null space besides.

    Parameters
    ----------
    z_score
        float64 array of shape (p,), as `engine.adjusted_z_scores` gives them.
    spectrum
        Of the LD matrix R.
    mismatch
        s, as `ld_diagnostics.estimate_lambda` gives it; above 0 where R has a null space.
    """
    null_precision = 1.0 / mismatch if mismatch > 0.0 else 0.0
    excess = 1.0 / ((1.0 - mismatch) * spectrum.values + mismatch) - null_precision
    precision = (spectrum.vectors**2) @ excess + null_precision
    weighted = spectrum.vectors @ (excess * (spectrum.vectors.T @ z_score)) + null_precision * z_score
    variance = 1.0 / precision
    residual = weighted * variance
    mean = z_score - residual
    return Kriging(mean, variance, residual / np.sqrt(variance), _sign_log_ratio(z_score, mean, np.sqrt(variance)))


def _sign_log_ratio(z_score: FloatArray, mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Density of -z against that of z around the mean, each under the mixture fitted to the observed deviations."""
    scales = _mixture_scales((z_score - mean) / sd)
    observed = _log_densities((z_score - mean) / sd, scales)
    reversed_ = _log_densities((z_score + mean) / sd, scales)
    weights = mixture_weights(observed) + _FLOOR
    return _log_mixture(reversed_, weights) - _log_mixture(observed, weights)


def _mixture_scales(deviation: FloatArray) -> FloatArray:
    largest = max(float(np.abs(deviation).max()), 1.0) * _LARGEST_DEVIATION
    n_steps = int(np.ceil(np.log2(largest / _SMALLEST_SCALE) / np.log2(_SCALE_STEP)))
    scales: FloatArray = largest * _SCALE_STEP ** np.arange(-n_steps, 1, dtype=np.float64)
    return scales


def _log_densities(deviation: FloatArray, scales: FloatArray) -> FloatArray:
    """(p, K): log density of each deviation under each scale, up to a constant per variant."""
    return -0.5 * (deviation[:, np.newaxis] / scales) ** 2 - np.log(scales)


def _log_mixture(log_densities: FloatArray, weights: FloatArray) -> FloatArray:
    peak = log_densities.max(axis=1)
    result: FloatArray = np.log(np.exp(log_densities - peak[:, np.newaxis]) @ weights) + peak
    return result


def mixture_weights(log_densities: FloatArray) -> FloatArray:
    """Weights of a mixture that make the data most likely, given its components: a convex problem.

    Minimises `-sum(log(L w)) + p sum(w)` over w >= 0, whose solution sums to 1, by Newton steps on the optimality
    conditions with a barrier that goes to 0 (primal-dual interior point).

    Parameters
    ----------
    log_densities
        float64 array of shape (p, K): log density of each observation under each component.

    Returns
    -------
    numpy.ndarray
        float64 array of shape (K,), sum 1; exactly 0 for components that the data do not ask for.
    """
    likelihood = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    n_rows, n_components = likelihood.shape
    weights = np.full(n_components, 1.0 / n_components)
    slack = np.ones(n_components)  # multiplier of w >= 0, per row
    for _ in range(_MAX_STEPS):
        ratio = likelihood / (likelihood @ weights)[:, np.newaxis]
        slope = 1.0 - ratio.mean(axis=0)
        gap = float(weights @ slack)
        if gap < _GAP and np.abs(slope - slack).max() < _GAP**0.5:
            break
        barrier = 0.1 * gap / n_components
        curvature = ratio.T @ ratio / n_rows + np.diag(slack / weights)
        step = np.linalg.solve(curvature, barrier / weights - slope)
        slack_step = (barrier - slack * step) / weights - slack
        weights = weights + _longest(weights, step) * step
        slack = slack + _longest(slack, slack_step) * slack_step
    weights[weights < _NO_WEIGHT] = 0.0
    result: FloatArray = weights / weights.sum()
    return result


def _longest(values: FloatArray, step: FloatArray) -> float:
    """Largest share of a step, up to 1, that keeps the values positive."""
    shrinking = step < 0.0
    return float(min(1.0, 0.99 * np.min(-values[shrinking] / step[shrinking], initial=np.inf)))


def flip_candidates(z_score: FloatArray, kriging: Kriging, *, min_log_ratio: float, min_abs_z: float) -> IntArray:
    """Rows of variants whose sign is probably wrong, most probable first.

    Parameters
    ----------
    z_score
        float64 array of shape (p,): those that were kriged.
    kriging
        Their leave-one-out distribution.
    min_log_ratio, min_abs_z
        A candidate's log ratio and |z| are above.
    """
    flagged = np.flatnonzero((kriging.log_ratio > min_log_ratio) & (np.abs(z_score) > min_abs_z))
    return flagged[np.argsort(-kriging.log_ratio[flagged], kind="stable")].astype(np.int64)
