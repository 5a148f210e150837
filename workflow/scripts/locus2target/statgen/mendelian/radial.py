"""Radial regression: each instrument's part in the heterogeneity, and the estimate without outliers.

With W the weight of a ratio, ratio * sqrt(W) is regressed on sqrt(W) (Bowden et al. 2018). Three weights:

    1  first order             x^2 / sy^2
    2  second order            1 / (sy^2 / x^2 + y^2 sx^2 / x^4)
    3  modified second order   x^2 / (sy^2 + b^2 sx^2), with b from weights 1

Iterated to its own estimate, and with b inside the sum that is made smallest, weights 3 become the iterative and exact
ones (Bowden et al. 2019). Standard errors are scaled by sigma, upward and downward, except the exact ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.mendelian.estimators import Estimate, likelihood_minimum, make_estimate
from locus2target.statgen.mendelian.instruments import NOT_CONVERGED, EstimationError, Instruments
from locus2target.statgen.mendelian.regression import Line, line_through_origin, line_with_intercept

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Weights = Literal[1, 2, 3]

_MAX_ITERATIONS = 1000
_ROUNDING = 1e-9  # by which a bracket is widened


@dataclass(frozen=True, slots=True)
class RadialFit:
    """A radial line and what each of the `k` instruments has to do with it.

    Attributes
    ----------
    effect
        Causal effect: the slope.
    intercept
        Of radial Egger; None without.
    root_weights
        sqrt(W), shape (k,): the horizontal axis of a radial plot.
    weighted_ratios
        ratio * sqrt(W), shape (k,): the vertical axis.
    q_contributions
        Squared residuals, shape (k,); they sum to the heterogeneity statistic.
    overdispersion
        Factor of the outcome variances within W; 1 except for exact random effects.
    """

    effect: Estimate
    intercept: Estimate | None
    root_weights: FloatArray
    weighted_ratios: FloatArray
    q_contributions: FloatArray
    overdispersion: float = 1.0

    @property
    def q_neg_log10_p(self) -> FloatArray:
        """-log10 p of each contribution, as chi-squared with 1 degree of freedom; shape (k,)."""
        return neg_log10_p_of_z(np.sqrt(self.q_contributions))

    def outliers(self, alpha: float) -> BoolArray:
        """Instruments whose contribution has p below `alpha`, shape (k,). Give alpha / k to correct for number."""
        mask: BoolArray = self.q_neg_log10_p > -math.log10(alpha)
        return mask


@dataclass(frozen=True, slots=True)
class RadialRefit:
    """The same radial fit before and after outliers were left out.

    Attributes
    ----------
    before
        Of all `k` instruments.
    outliers
        Those left out, bool array of shape (k,).
    after
        Of the others: `before` itself where there is no outlier, None where the others are too few or too alike.
    reason
        Sentence that says why `after` is None; else empty.
    """

    before: RadialFit
    outliers: BoolArray
    after: RadialFit | None
    reason: str


def radial_ivw(data: Instruments, *, weights: Weights = 1) -> RadialFit:
    """Radial inverse-variance weighted effect. Needs 2 instruments.

    Parameters
    ----------
    data
        Instruments.
    weights
        1, 2 or 3, see the module; b of weights 3 is the effect with weights 1.
    """
    data.require(2, "radial_ivw")
    return _ivw_fit("radial_ivw", data, _radial_weights(data, weights, _ivw_line))


def radial_egger(data: Instruments, *, weights: Weights = 1) -> RadialFit:
    """Radial Egger effect and intercept; p-values of t with k - 2 degrees of freedom. Needs 3 instruments.

    Parameters
    ----------
    data
        Instruments.
    weights
        1, 2 or 3, see the module; b of weights 3 is the slope with weights 1.

    Raises
    ------
    EstimationError
        With fewer instruments, or when all weights are equal.
    """
    data.require(3, "radial_egger")
    chosen = _radial_weights(data, weights, _egger_line)
    line = _egger_line(data, chosen)
    k, df, sigma = len(data), line.df, line.sigma
    effect = make_estimate("radial_egger", k, line.slope, sigma * line.slope_se, df=df, q=line.residual, q_df=df)
    intercept = make_estimate("radial_egger_intercept", k, line.intercept, sigma * line.intercept_se, df=df)
    return _fit(data, chosen, effect, intercept)


def radial_ivw_iterative(data: Instruments, *, tolerance: float = 1e-10) -> RadialFit:
    """Radial effect whose weights 3 hold that effect itself. Needs 2 instruments.

    Parameters
    ----------
    data
        Instruments.
    tolerance
        Change of the effect from which it counts as settled, in standard errors of fixed-effect IVW.

    Raises
    ------
    EstimationError
        With fewer instruments, or when the effect does not settle (weak instruments).
    """
    data.require(2, "radial_ivw_iterative")
    effect, weights = 0.0, _modified_weights(data, 0.0)
    smallest_change = tolerance * float(weights.sum()) ** -0.5
    for _ in range(_MAX_ITERATIONS):
        previous, effect = effect, _ivw_line(data, weights).slope
        if abs(effect - previous) <= smallest_change:
            return _ivw_fit("radial_ivw_iterative", data, weights)
        weights = _modified_weights(data, effect)
    raise EstimationError(NOT_CONVERGED, f"The effect did not settle in {_MAX_ITERATIONS} iterations.")


def radial_ivw_exact(data: Instruments) -> RadialFit:
    """Effect with the smallest heterogeneity over b of weights 3: exact fixed effects. Needs 2 instruments.

    It is the estimate of `maximum_likelihood`; the standard error is 1 / sqrt(sum of weights).
    """
    data.require(2, "radial_ivw_exact")
    effect, _ = likelihood_minimum(data)
    return _exact_fit("radial_ivw_exact", data, effect, 1.0)


def radial_ivw_exact_random(data: Instruments) -> RadialFit:
    """Exact effect with outcome variances multiplied by phi, at least 1, so that heterogeneity is k - 1 at most.

    The standard error is 1 / sqrt(sum of weights), as for fixed effects. Needs 2 instruments.
    """
    data.require(2, "radial_ivw_exact_random")
    df = len(data) - 1
    _, smallest_q = likelihood_minimum(data)
    overdispersion = 1.0
    if smallest_q > df:
        # Q falls with phi: at Q(1) / df it is df or more, at the first-order Q / df it is df or less
        low, high = smallest_q / df, _ivw_line(data, _modified_weights(data, 0.0)).residual / df
        overdispersion = float(
            brentq(
                lambda phi: likelihood_minimum(data, phi)[1] - df,
                low * (1.0 - _ROUNDING),
                high * (1.0 + _ROUNDING),
                rtol=1e-14,
            )
        )
    effect, _ = likelihood_minimum(data, overdispersion)
    return _exact_fit("radial_ivw_exact_random", data, effect, overdispersion)


def refit_without_outliers(
    data: Instruments, fit: Callable[[Instruments], RadialFit] = radial_ivw, *, alpha: float
) -> RadialRefit:
    """Fit, leave out the instruments that are outliers in that fit, and fit once more.

    Parameters
    ----------
    data
        Instruments.
    fit
        One of the functions above; `functools.partial` for other weights.
    alpha
        As for `RadialFit.outliers`.

    Raises
    ------
    EstimationError
        When already the first fit is not possible.
    """
    before = fit(data)
    outliers = before.outliers(alpha)
    if not outliers.any():
        return RadialRefit(before, outliers, before, "")
    try:
        return RadialRefit(before, outliers, fit(data.take(~outliers)), "")
    except EstimationError as error:
        return RadialRefit(before, outliers, None, f"Without {outliers.sum()} outliers: {error.reason}")


def _modified_weights(data: Instruments, effect: float, overdispersion: float = 1.0) -> FloatArray:
    """Weights 3 at an effect; at an effect of 0 they are weights 1."""
    variance = overdispersion * data.outcome_se**2 + (effect * data.exposure_se) ** 2
    return data.exposure_beta**2 / variance


def _radial_weights(
    data: Instruments, weights: Weights, first_pass: Callable[[Instruments, FloatArray], Line]
) -> FloatArray:
    if weights == 2:
        return data.ratio_se_second_order**-2.0
    first_order = _modified_weights(data, 0.0)
    return first_order if weights == 1 else _modified_weights(data, first_pass(data, first_order).slope)


def _ivw_line(data: Instruments, weights: FloatArray) -> Line:
    return line_through_origin(np.ones(len(data)), data.ratio, weights)


def _egger_line(data: Instruments, weights: FloatArray) -> Line:
    root = np.sqrt(weights)
    return line_with_intercept(root, data.ratio * root, np.ones(len(data)))


def _ivw_fit(method: str, data: Instruments, weights: FloatArray) -> RadialFit:
    line = _ivw_line(data, weights)
    effect = make_estimate(method, len(data), line.slope, line.sigma * line.slope_se, q=line.residual, q_df=line.df)
    return _fit(data, weights, effect, None)


def _exact_fit(method: str, data: Instruments, slope: float, overdispersion: float) -> RadialFit:
    weights = _modified_weights(data, slope, overdispersion)
    q = float(weights @ (data.ratio - slope) ** 2)
    effect = make_estimate(method, len(data), slope, float(weights.sum()) ** -0.5, q=q, q_df=len(data) - 1)
    return _fit(data, weights, effect, None, overdispersion)


def _fit(
    data: Instruments, weights: FloatArray, effect: Estimate, intercept: Estimate | None, overdispersion: float = 1.0
) -> RadialFit:
    root = np.sqrt(weights)
    ratios = data.ratio * root
    start = 0.0 if intercept is None else intercept.estimate
    return RadialFit(effect, intercept, root, ratios, (ratios - start - effect.estimate * root) ** 2, overdispersion)
