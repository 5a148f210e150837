"""Colocalization of all pairs of two sets of signals at once: the sums, the hypotheses, and what they hang on.

Each row of a matrix of log Bayes factors is a signal with at most one causal variant. For a pair of rows

    H0 neither has one, H1 the first only, H2 the second only, H3 two different ones, H4 one for both.

With A, B and C the log sums over the shared variants of the Bayes factors of the first, of the second, and of their
product, the log weights are 0, log p1 + A, log p2 + B, log p1 + log p2 + log(exp(A + B) - exp(C)) and log p12 + C
(Giambartolomei et al. 2014; signals of SuSiE as in Wallace 2021). The sums of all pairs are matrix products.

With prior weights w the first signal's prior becomes p1_j = p1 w_j / mean(w) and the prior of a shared variant p12_j =
p12 w_j / mean(w), the mean over the shared variants: the Bayes factors of the first are multiplied by w, and the sums
A and C divided by its mean.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SENSITIVITY_P12 = 1e-6  # the strictest p12 in use; sharing that needs a larger one hangs on the prior
_SMALLEST_PRODUCT = 1e-280  # below, a product of scaled exponentials has lost terms to underflow


@dataclass(frozen=True, slots=True)
class Priors:
    """Prior probabilities that a variant is causal for the first, for the second, and for both."""

    p1: float
    p2: float
    p12: float


@dataclass(frozen=True, slots=True)
class PairSums:
    """What the hypotheses of every pair follow from.

    Attributes
    ----------
    n_shared
        int64 array of shape (S, P): variants that both have.
    first, second, both
        float64 arrays of shape (S, P): log sums over the shared variants of the Bayes factors (the first's times its
        prior weights) of the first, of the second, and of the products; -inf where nothing is shared.
    log_weight
        float64 array of shape (S, P): log of the mean prior weight of the shared variants; 0 with equal weights.
    """

    n_shared: IntArray
    first: FloatArray
    second: FloatArray
    both: FloatArray
    log_weight: FloatArray


@dataclass(frozen=True, slots=True)
class _Terms:
    """Rows of terms exp(logs) = exp(top) * scaled: `logs` and `scaled` of shape (N, V), `top` of shape (N, 1).

    `all_one` where every term is 1, so that a product with them is a plain sum.
    """

    logs: FloatArray
    top: FloatArray
    scaled: FloatArray
    all_one: bool = False


def pair_sums(first: FloatArray, second: FloatArray, *, log_weights: FloatArray | None = None) -> PairSums:
    """Sums over the shared variants of all pairs.

    Parameters
    ----------
    first
        Log Bayes factors, float64 array of shape (S, V), natural log; NaN where a signal lacks the variant.
    second
        The same of shape (P, V), over the same variants in the same order.
    log_weights
        Log prior weights of the variants to be causal for the first, float64 array of shape (V,), finite, on any
        scale; None for equal ones.
    """
    in_first, in_second = ~np.isnan(first), ~np.isnan(second)
    present_first, present_second = _presence(in_first), _presence(in_second)
    n_shared = np.rint(_products(present_first, present_second)).astype(np.int64)
    weighted = first if log_weights is None else first + log_weights
    terms_first = _terms(np.where(in_first, weighted, -np.inf))
    terms_second = _terms(np.where(in_second, second, -np.inf))
    log_weight = np.zeros(n_shared.shape)
    if log_weights is not None:
        weights = _terms(np.where(in_first, log_weights, -np.inf))
        log_weight = _log_products(weights, present_second, n_shared) - np.log(np.maximum(n_shared, 1))
        log_weight[n_shared == 0] = 0.0
    return PairSums(
        n_shared,
        _log_products(terms_first, present_second, n_shared),
        _log_products(present_first, terms_second, n_shared),
        _log_products(terms_first, terms_second, n_shared),
        log_weight,
    )


def _presence(present: npt.NDArray[np.bool_]) -> _Terms:
    """Terms of 1 where a variant is there and 0 where it is not."""
    scaled = present.astype(np.float64)
    return _Terms(np.where(present, 0.0, -np.inf), np.zeros((len(present), 1)), scaled, bool(present.all()))


def _terms(logs: FloatArray) -> _Terms:
    top = logs.max(axis=1, initial=-np.inf, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return _Terms(logs, top, np.exp(logs - top))


def _log_products(first: _Terms, second: _Terms, n_shared: IntArray) -> FloatArray:
    """All log sums over v of exp(first.logs[s, v] + second.logs[p, v]), as one matrix product.

    Pairs whose largest terms lie so far below both rows' tops that the product underflows are summed directly.
    """
    product = _products(first, second)
    with np.errstate(divide="ignore"):
        result: FloatArray = np.log(product) + first.top + second.top.T
    underflown = (product < _SMALLEST_PRODUCT) & (n_shared > 0)
    for row in np.flatnonzero(underflown.any(axis=1)):
        columns = np.flatnonzero(underflown[row])
        result[row, columns] = logsumexp(first.logs[row] + second.logs[columns], axis=1)
    return result


def _products(first: _Terms, second: _Terms) -> FloatArray:
    """All sums over v of first.scaled[s, v] * second.scaled[p, v], shape (S, P)."""
    shape = (len(first.scaled), len(second.scaled))
    if second.all_one:
        return np.broadcast_to(first.scaled.sum(axis=1)[:, np.newaxis], shape)
    if first.all_one:
        return np.broadcast_to(second.scaled.sum(axis=1), shape)
    result: FloatArray = first.scaled @ second.scaled.T
    return result


def hypothesis_posteriors(sums: PairSums, priors: Priors) -> FloatArray:
    """Posterior probabilities of H0 to H4 for every pair, float64 array of shape (S, P, 5).

    A prior that times the number of shared variants would reach 1 is lowered to 1 / (n_shared + 1).
    """
    posterior: FloatArray = softmax(_log_weights(sums, priors), axis=-1)
    return posterior


def _log_weights(sums: PairSums, priors: Priors) -> FloatArray:
    """Log weights of H0 to H4 without their common constant, shape (S, P, 5)."""
    log_p1, log_p2 = np.log(_capped(priors.p1, sums.n_shared)), np.log(_capped(priors.p2, sums.n_shared))
    log_p12 = np.minimum(np.log(_capped(priors.p12, sums.n_shared)), np.minimum(log_p1, log_p2))
    first, both = sums.first - sums.log_weight, sums.both - sums.log_weight
    separate = first + sums.second
    with np.errstate(divide="ignore", invalid="ignore"):
        same_share = np.where(np.isfinite(both), np.minimum(both - separate, 0.0), -np.inf)
        different = separate + np.log(-np.expm1(same_share))
    return np.stack(
        [
            np.zeros_like(separate),
            log_p1 + first,
            log_p2 + sums.second,
            log_p1 + log_p2 + different,
            log_p12 + both,
        ],
        axis=-1,
    )


def _capped(prior: float, n_variants: IntArray) -> FloatArray:
    """The prior per variant, lowered to 1 / (n + 1) where n variants would have a probability of 1 or more."""
    return np.where(prior * n_variants >= 1.0, 1.0 / (n_variants + 1.0), prior)


def prior_range(sums: PairSums, priors: Priors, *, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Range of p12 in which the posterior of H4 is above `threshold`, the other priors as given.

    Returns
    -------
    tuple of numpy.ndarray
        Smallest and largest p12, float64 arrays of shape (S, P). The largest is min(p1, p2): a variant cannot be
        causal for both more often than for one. NaN in both where no p12 up to there suffices.
    """
    weights = _log_weights(sums, priors)
    others = logsumexp(weights[..., :4], axis=-1)
    high = np.minimum(_capped(priors.p1, sums.n_shared), _capped(priors.p2, sums.n_shared))
    with np.errstate(over="ignore"):
        low = np.exp(np.log(threshold) - np.log1p(-threshold) + others - (sums.both - sums.log_weight))
    possible = low < high
    return np.where(possible, low, np.nan), np.where(possible, high, np.nan)


def covered_share(shared: FloatArray, total: FloatArray, n_variants: IntArray, *, prior: float) -> FloatArray:
    """Share of a trait's single-effect posterior that its shared variants can speak for.

    The posterior includes "no causal variant", which needs no variant to be shared: a trait without signal is not held
    against the overlap, a trait whose causal variant lies outside is.

    Parameters
    ----------
    shared
        Log sum of the Bayes factors of the shared variants, shape (S, P).
    total, n_variants
        Log sum over all variants of the trait in the locus, and their number; broadcast against `shared`.
    prior
        Probability of a variant to be causal.
    """
    probability = _capped(prior, n_variants)
    none = np.log1p(-probability * n_variants)
    share: FloatArray = np.exp(
        np.logaddexp(none, np.log(probability) + shared) - np.logaddexp(none, np.log(probability) + total)
    )
    return share
