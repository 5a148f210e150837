"""Estimators of a causal effect by regression of outcome effects on exposure effects, and by likelihood.

With x and y the effects of an instrument on exposure and outcome and sx, sy their standard errors, all but the last use
first-order weights 1 / sy^2. The residual standard error of such a regression, sigma, is 1 when the instruments agree.
Reported numbers follow the conventions of TwoSampleMR (Hemani et al. 2018) to rounding.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp, stdtrit

from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.mendelian.instruments import Instruments
from locus2target.statgen.mendelian.regression import Line, line_through_origin, line_with_intercept
from locus2target.statgen.mendelian.tails import neg_log10_p_of_chi2, neg_log10_p_of_t

FloatArray = npt.NDArray[np.float64]

_NORMAL_975 = 1.959963984540054  # quantile of the standard normal distribution
_ANGLES = 513  # lines on each of two grids in search of the highest likelihood


@dataclass(frozen=True, slots=True)
class Estimate:
    """A causal effect: change of the outcome per unit of the exposure.

    Attributes
    ----------
    method
        Name of the estimator, as in `methods.METHODS`.
    n_instruments
        Variants behind it.
    estimate, standard_error
        Outcome units per exposure unit. The sign test has no standard error (NaN).
    neg_log10_p
        Two-sided, that the effect is not 0.
    df
        Degrees of freedom of Student's t behind the p-value and the interval; None: normal distribution.
    q, q_df, q_neg_log10_p
        Cochran's (or Rucker's) heterogeneity statistic, its degrees of freedom and p-value; None where the method has
        none.
    """

    method: str
    n_instruments: int
    estimate: float
    standard_error: float
    neg_log10_p: float
    df: int | None = None
    q: float | None = None
    q_df: int | None = None
    q_neg_log10_p: float | None = None

    @property
    def confidence_interval(self) -> tuple[float, float]:
        """95 % interval, of the same distribution as the p-value: it leaves out 0 exactly where p is below 0.05."""
        quantile = _NORMAL_975 if self.df is None else float(stdtrit(self.df, 0.975))
        half = quantile * self.standard_error
        return self.estimate - half, self.estimate + half


@dataclass(frozen=True, slots=True)
class EggerFit:
    """Both lines of an Egger regression: the causal effect (slope) and the average pleiotropic effect (intercept)."""

    effect: Estimate
    intercept: Estimate


def make_estimate(
    method: str,
    n_instruments: int,
    effect: float,
    standard_error: float,
    *,
    df: int | None = None,
    q: float | None = None,
    q_df: int | None = None,
) -> Estimate:
    """Estimate with its p-values: of t with `df` degrees of freedom, or normal."""
    ratio = effect / standard_error if standard_error else math.copysign(math.inf, effect)
    tail = neg_log10_p_of_z(np.asarray(ratio)) if df is None else neg_log10_p_of_t(ratio, df)
    q_tail = None if q is None or q_df is None else neg_log10_p_of_chi2(q, q_df)
    return Estimate(method, n_instruments, float(effect), float(standard_error), float(tail), df, q, q_df, q_tail)


def wald_ratio(data: Instruments) -> Estimate:
    """Effect of a single instrument, y / x, with first-order standard error sy / |x|.

    Raises
    ------
    EstimationError
        Without an instrument.
    ValueError
        With more than one; see `sensitivity.single_snp`.
    """
    data.require(1, "wald_ratio")
    if len(data) > 1:
        raise ValueError(f"a Wald ratio has one instrument, not {len(data)}")
    return make_estimate("wald_ratio", 1, data.ratio[0], data.ratio_se[0])


def ivw(data: Instruments) -> Estimate:
    """Inverse-variance weighted effect; its standard error is scaled by sigma, but never below the fixed-effect one.

    These are multiplicative random effects without under-dispersion: the usual main analysis. Needs 2 instruments.
    """
    line = _line(data, "ivw", data.outcome_se**-2.0)
    return _of_line("ivw", line, scale=max(line.sigma, 1.0))


def ivw_fixed(data: Instruments) -> Estimate:
    """Inverse-variance weighted effect with fixed-effect standard error. Needs 2 instruments."""
    return _of_line("ivw_fixed", _line(data, "ivw_fixed", data.outcome_se**-2.0), scale=1.0)


def ivw_random(data: Instruments) -> Estimate:
    """Inverse-variance weighted effect; standard error scaled by sigma, also below 1. Needs 2 instruments."""
    line = _line(data, "ivw_random", data.outcome_se**-2.0)
    return _of_line("ivw_random", line, scale=line.sigma)


def unweighted(data: Instruments) -> Estimate:
    """Effect with equal weights, for comparison with TwoSampleMR's `mr_uwr`. Needs 2 instruments.

    Its standard error follows the rule of `ivw` with outcome standard errors of 1. They hardly ever are: do not use it
    for inference.
    """
    line = _line(data, "unweighted", np.ones(len(data)))
    return _of_line("unweighted", line, scale=max(line.sigma, 1.0))


def _line(data: Instruments, method: str, weights: FloatArray) -> Line:
    data.require(2, method)
    return line_through_origin(data.exposure_beta, data.outcome_beta, weights)


def _of_line(method: str, line: Line, *, scale: float) -> Estimate:
    return make_estimate(method, line.df + 1, line.slope, scale * line.slope_se, q=line.residual, q_df=line.df)


def egger(data: Instruments) -> EggerFit:
    """MR-Egger regression (Bowden et al. 2015): allows pleiotropy that does not depend on instrument strength.

    Effects are oriented so that x is positive. Standard errors are scaled by sigma, but never downward; p-values are of
    t with k - 2 degrees of freedom. Needs 3 instruments.

    Raises
    ------
    EstimationError
        With fewer instruments, or when all exposure effects have the same size.
    """
    data.require(3, "egger")
    oriented = data.outcome_beta * np.sign(data.exposure_beta)
    line = line_with_intercept(np.abs(data.exposure_beta), oriented, data.outcome_se**-2.0)
    k, df, scale = len(data), line.df, max(line.sigma, 1.0)
    return EggerFit(
        make_estimate("egger", k, line.slope, scale * line.slope_se, df=df, q=line.residual, q_df=df),
        make_estimate("egger_intercept", k, line.intercept, scale * line.intercept_se, df=df),
    )


def sign_test(data: Instruments) -> Estimate:
    """Excess of instruments with effects of the same sign: 2 (share of them - 1/2), with an exact binomial p-value.

    It says whether there is an effect, and in which direction, not how large it is; it has no standard error (NaN).
    Outcome effects of 0 have no sign and are left out. Needs 6 instruments with one.
    """
    signed = data.take(data.outcome_beta != 0)
    signed.require(6, "sign_test")
    k = len(signed)
    n_same = int(np.sum(np.sign(signed.exposure_beta) == np.sign(signed.outcome_beta)))
    counts = np.arange(min(n_same, k - n_same) + 1)
    log_choose = gammaln(k + 1) - gammaln(counts + 1) - gammaln(k - counts + 1)
    log_p = min(float(logsumexp(log_choose)) - (k - 1) * math.log(2.0), 0.0)
    return Estimate("sign_test", k, 2.0 * n_same / k - 1.0, math.nan, abs(log_p) / math.log(10.0))


def maximum_likelihood(data: Instruments) -> Estimate:
    """Effect of highest likelihood when both effects are normal around a line through the origin.

    The true exposure effects are parameters too. Profiled out, they leave sum (y - b x)^2 / (sy^2 + b^2 sx^2), which is
    also the heterogeneity statistic; `b` is its exact global minimum, where TwoSampleMR's `mr_two_sample_ml` stops
    somewhat before. The standard error is of the observed information. Needs 2 instruments.
    """
    data.require(2, "maximum_likelihood")
    k = len(data)
    effect, q = likelihood_minimum(data)
    x, sx, y, sy = data.exposure_beta, data.exposure_se, data.outcome_beta, data.outcome_se
    curvature = sx**-2.0 + effect**2 * sy**-2.0  # of the likelihood, in each true exposure effect
    true_x = (x * sx**-2.0 + effect * y * sy**-2.0) / curvature
    shared = (2.0 * effect * true_x - y) * sy**-2.0
    information = float(np.sum(true_x**2 * sy**-2.0 - shared**2 / curvature))
    return make_estimate("maximum_likelihood", k, effect, information**-0.5, q=q, q_df=k - 1)


def likelihood_minimum(data: Instruments, overdispersion: float = 1.0) -> tuple[float, float]:
    """Global minimum over b of Q(b) = sum (y - b x)^2 / (phi sy^2 + b^2 sx^2), and Q there.

    A line through the origin is turned over half a circle, which includes b = inf: Q is smooth and periodic there. A
    grid finds the minimum, a finer one brackets it, the root of the derivative makes it exact.

    Parameters
    ----------
    data
        At least one instrument.
    overdispersion
        phi, multiplies the outcome variances.
    """
    unit_x, unit_y = float(np.median(data.exposure_se)), float(np.median(data.outcome_se))
    x, vx = data.exposure_beta / unit_x, (data.exposure_se / unit_x) ** 2
    y, vy = data.outcome_beta / unit_y, overdispersion * (data.outcome_se / unit_y) ** 2

    def q(angles: FloatArray) -> FloatArray:
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        total: FloatArray = ((cos * y - sin * x) ** 2 / (cos**2 * vy + sin**2 * vx)).sum(axis=1)
        return total

    def half_derivative(angle: float) -> float:
        cos, sin = math.cos(angle), math.sin(angle)
        residual = (cos * y - sin * x) / (cos**2 * vy + sin**2 * vx)
        return -float(np.sum(residual * (sin * y + cos * x) + residual**2 * cos * sin * (vx - vy)))

    center, reach = 0.0, math.pi / 2.0
    for _ in range(2):
        angles = np.linspace(center - reach, center + reach, _ANGLES)
        center, reach = float(angles[np.argmin(q(angles))]), float(angles[1] - angles[0])
    angle = float(brentq(half_derivative, center - reach, center + reach, xtol=1e-16, rtol=1e-15))
    return math.tan(angle) * unit_y / unit_x, float(q(np.array([angle]))[0])
