"""-log10 of p-values from Student's t and chi-squared statistics, exact also where the p-value underflows.

The normal distribution is in `locus2target.ingest.association` (`neg_log10_p_of_z`).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc, gammaincc, gammaln, poch

from locus2target.ingest.association import size_of_z

FloatArray = npt.NDArray[np.float64]

_LN10 = math.log(10.0)
_FAR = 10.0  # |t| from which the series below is exact to rounding for any number of degrees of freedom
_FAR_TERMS = 30
_SMALLEST_TAIL = 1e-280  # below, a probability starts to lose digits to underflow
_MAX_FRACTION_TERMS = 100_000
_NEWTON_STEPS = 30
_LARGEST_T = 1e150  # whose square is finite
_LARGEST_EXPONENT = 600.0


def neg_log10_p_of_t(t: FloatArray | float, df: FloatArray | float) -> FloatArray:
    """-log10 of the two-sided p-value of Student's t.

    Parameters
    ----------
    t
        Statistic, any shape; infinite gives inf, NaN gives NaN.
    df
        Degrees of freedom, positive; broadcast against `t`.
    """
    size, degrees = np.broadcast_arrays(np.abs(np.asarray(t, np.float64)), np.asarray(df, np.float64))
    squared = np.minimum(size, _FAR) ** 2
    log_near_p = np.log(betaincc(0.5, degrees / 2.0, squared / (degrees + squared)))
    log_p = np.where(size > _FAR, _log_far_p_of_t(np.maximum(size, _FAR), degrees), log_near_p)
    return np.maximum(-log_p / _LN10, 0.0)


def _log_far_p_of_t(size: FloatArray, df: FloatArray) -> FloatArray:
    """Log of the incomplete beta function I_x(df / 2, 1 / 2), x = df / (df + t^2).

    I_x(a, b) = x^a (1 - x)^(b - 1) / (a B(a, b)) * 2F1(1 - b, 1; a + 1; -x / (1 - x)), and -x / (1 - x) = -df / t^2
    here. The terms of the series fall like those of the normal tail's, (2n - 1)!! / t^(2n), or faster.
    """
    half = df / 2.0
    with np.errstate(over="ignore"):  # beyond 1e154 p is 0
        squared = size**2
    ratio = df / squared
    term = np.ones_like(size)
    total = np.ones_like(size)
    for n in range(_FAR_TERMS):
        term = -term * ratio * (n + 0.5) / (half + 1.0 + n)
        total += term
    log_power = -half * np.log1p(squared / df) + 0.5 * np.log1p(ratio)
    return log_power - np.log(half) - _log_beta_half(half) + np.log(total)


def _log_beta_half(a: FloatArray) -> FloatArray:
    """Log of the beta function of a and 1 / 2, without the cancellation of log gamma functions for large a."""
    result: FloatArray = 0.5 * math.log(math.pi) - np.log(poch(a, 0.5))
    return result


def size_of_t(neg_log10_p: FloatArray, df: FloatArray | float) -> FloatArray:
    """|t| of a two-sided p-value: the inverse of `neg_log10_p_of_t`.

    Newton's method in log t, from the normal quantile and Wallace's (1959) transformation of it.

    Parameters
    ----------
    neg_log10_p
        Finite and not negative, any shape.
    df
        Degrees of freedom, positive; broadcast against `neg_log10_p`.
    """
    target, degrees = np.broadcast_arrays(np.asarray(neg_log10_p, np.float64), np.asarray(df, np.float64))
    shrunk = size_of_z(target) * (8.0 * degrees + 3.0) / (8.0 * degrees + 1.0)
    t: FloatArray = np.sqrt(degrees * np.expm1(np.minimum(shrunk**2 / degrees, _LARGEST_EXPONENT)))
    for _ in range(_NEWTON_STEPS):
        reached = neg_log10_p_of_t(t, degrees)
        slope = t * np.exp(_log_density_of_t(t, degrees) + reached * _LN10) * 2.0 / _LN10
        step = (target - reached) / np.maximum(slope, _SMALLEST_TAIL)
        t = np.minimum(t * np.exp(np.clip(step, -1.0, 1.0)), _LARGEST_T)
    return t


def _log_density_of_t(t: FloatArray, df: FloatArray) -> FloatArray:
    result: FloatArray = -0.5 * np.log(df) - _log_beta_half(df / 2.0) - (df + 1.0) / 2.0 * np.log1p(t**2 / df)
    return result


def neg_log10_p_of_chi2(statistic: float, df: int) -> float:
    """-log10 of P(chi-squared with `df` degrees of freedom > `statistic`)."""
    a, x = df / 2.0, statistic / 2.0
    tail = float(gammaincc(a, x))
    log_tail = math.log(tail) if tail > _SMALLEST_TAIL else _log_upper_gamma(a, x) - float(gammaln(a))
    return max(-log_tail / _LN10, 0.0)


def _log_upper_gamma(a: float, x: float) -> float:
    """Log of the upper incomplete gamma function by Legendre's continued fraction (modified Lentz), for x above a."""
    b = x + 1.0 - a
    d = 1.0 / b
    c = math.inf
    fraction = d
    for n in range(1, _MAX_FRACTION_TERMS):
        numerator = n * (a - n)
        b += 2.0
        d = 1.0 / (numerator * d + b)
        c = b + numerator / c
        fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return a * math.log(x) - x + math.log(fraction)
