"""Median estimators: consistent when less than half of the weight is on invalid instruments (Bowden et al. 2016).

The median of the Wald ratios is interpolated on their cumulative weight. Its standard error is the standard deviation
of the same estimator over normal draws of the effects on exposure and outcome, with the weights held.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import erfc

from locus2target.statgen.mendelian.estimators import Estimate, make_estimate
from locus2target.statgen.mendelian.instruments import Instruments

FloatArray = npt.NDArray[np.float64]

_PENALTY = 20.0
_DRAWS_AT_ONCE = 1_000_000  # numbers in a batch of draws


def simple_median(data: Instruments, *, draws: int, seed: int) -> Estimate:
    """Median of the Wald ratios, with equal weights.

    Parameters
    ----------
    data
        At least 3 instruments.
    draws, seed
        Of the bootstrap behind the standard error; the same seed gives the same answer.
    """
    return _median_estimate("simple_median", data, np.ones(len(data)), draws, seed)


def weighted_median(data: Instruments, *, draws: int, seed: int) -> Estimate:
    """Median of the Wald ratios, weighted by their second-order precision; parameters as in `simple_median`."""
    return _median_estimate("weighted_median", data, data.ratio_se_second_order**-2.0, draws, seed)


def penalised_weighted_median(data: Instruments, *, draws: int, seed: int) -> Estimate:
    """Weighted median with less weight on outlying instruments; parameters as in `simple_median`.

    The weight of an instrument is multiplied by min(1, 20 p), p being the probability of a ratio so far from the
    weighted median.
    """
    data.require(3, "penalised_weighted_median")
    weights = data.ratio_se_second_order**-2.0
    center = interpolated_median(data.ratio, weights)
    penalty = np.minimum(1.0, _PENALTY * erfc(np.abs(data.ratio - center) * np.sqrt(weights / 2.0)))
    return _median_estimate("penalised_weighted_median", data, weights * penalty, draws, seed)


def _median_estimate(method: str, data: Instruments, weights: FloatArray, draws: int, seed: int) -> Estimate:
    data.require(3, method)
    center = float(interpolated_median(data.ratio, weights))
    return make_estimate(method, len(data), center, _bootstrap_se(data, weights, draws, seed))


def interpolated_median(ratios: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted median along the last axis, interpolated linearly.

    Each sorted ratio stands at the cumulative weight up to its own middle, as a share of the total; the median is at
    1/2. The first ratio stands at 1/2 at most, the last at 1/2 at least.

    Parameters
    ----------
    ratios
        float64 array of shape (..., k).
    weights
        float64 array of shape (k,), not negative; at least one is positive.
    """
    order = np.argsort(ratios, axis=-1, kind="stable")
    ordered, weight = np.take_along_axis(ratios, order, axis=-1), weights[order]
    share = (np.cumsum(weight, axis=-1) - weight / 2.0) / weights.sum()
    above = np.clip(np.sum(share < 0.5, axis=-1, keepdims=True), 1, ratios.shape[-1] - 1)
    low, high = (np.take_along_axis(ordered, place, axis=-1)[..., 0] for place in (above - 1, above))
    share_low, share_high = (np.take_along_axis(share, place, axis=-1)[..., 0] for place in (above - 1, above))
    result: FloatArray = low + (high - low) * (0.5 - share_low) / (share_high - share_low)
    return result


def _bootstrap_se(data: Instruments, weights: FloatArray, draws: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    batch = max(1, _DRAWS_AT_ONCE // len(data))
    medians = []
    for start in range(0, draws, batch):
        shape = (min(batch, draws - start), len(data))
        exposure = rng.normal(data.exposure_beta, data.exposure_se, shape)
        outcome = rng.normal(data.outcome_beta, data.outcome_se, shape)
        medians.append(interpolated_median(outcome / exposure, weights))
    return float(np.std(np.concatenate(medians), ddof=1))
