"""Approximate Bayes factors for one causal variant (Wakefield 2009), and the posterior that follows from them.

A log Bayes factor compares "this variant has an effect" with "it has none", natural log. The formulas and the prior
standard deviations are those of coloc (Giambartolomei et al. 2014; Wallace 2020), so that both give the same numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp, ndtri_exp, softmax

FloatArray = npt.NDArray[np.float64]

QUANTITATIVE = "quantitative"
CASE_CONTROL = "case_control"
PRIOR_SD_QUANTITATIVE = 0.15  # of an effect, in standard deviations of the trait
PRIOR_SD_LOG_ODDS = 0.2
_ROUNDING = 1e-12  # a sum of probabilities misses 1 by about this much
_EFFECTIVE_CASE_FRACTION = 0.5  # an effective sample size counts people of a study with as many cases as controls

NO_STATISTIC = "neither beta and standard error nor a p-value with allele frequency and sample size"
NO_TRAIT_SD = "sd_y is not given, and allele frequency and sample size to estimate it are missing"


@dataclass(frozen=True, slots=True)
class LogBayesFactors:
    """Log Bayes factors of a study's variants.

    Attributes
    ----------
    values
        float64 array of shape (n_variants,), natural log; NaN where the statistics do not allow one.
    reasons
        Object array of shape (n_variants,): sentence where the value is NaN, empty elsewhere.
    """

    values: FloatArray
    reasons: npt.NDArray[np.object_]


def wakefield_log_bayes_factors(z_score: FloatArray, variance: FloatArray, *, prior_sd: float) -> FloatArray:
    """Log of Wakefield's approximate Bayes factor, `(log(1 - r) + r z^2) / 2` with `r = W / (W + V)`.

    Parameters
    ----------
    z_score
        float64 array of any shape; the sign does not matter.
    variance
        V, the squared standard error of the effect; same shape.
    prior_sd
        Square root of W, the prior standard deviation of the effect, on the effect's own scale.
    """
    shrinkage = prior_sd**2 / (prior_sd**2 + variance)
    result: FloatArray = 0.5 * (np.log1p(-shrinkage) + shrinkage * z_score**2)
    return result


def prior_effect_sd(trait_type: str, sd_y: float = 1.0) -> float:
    """Prior standard deviation of an effect: 0.15 trait standard deviations, or 0.2 log odds.

    Parameters
    ----------
    trait_type
        `quantitative` or `case_control`.
    sd_y
        Standard deviation of a quantitative trait, in the unit of its effects.
    """
    if trait_type == QUANTITATIVE:
        return PRIOR_SD_QUANTITATIVE * sd_y
    if trait_type == CASE_CONTROL:
        return PRIOR_SD_LOG_ODDS
    raise ValueError(f"trait type {trait_type!r} is not {QUANTITATIVE} or {CASE_CONTROL}")


def absolute_z_scores(neg_log10_p: FloatArray) -> FloatArray:
    """|z| of two-sided p-values given as -log10(p), also where p itself would underflow to 0."""
    log_tail = -np.log(10.0) * np.asarray(neg_log10_p, dtype=np.float64) - np.log(2.0)
    result: FloatArray = np.abs(ndtri_exp(log_tail))
    return result


def variance_from_frequency(
    frequency: FloatArray, n_samples: FloatArray | float, *, case_fraction: float | None = None
) -> FloatArray:
    """Variance of an effect estimate, from allele frequency and sample size alone.

    `1 / (2 N f (1 - f))` for a quantitative trait of standard deviation 1; divided by `s (1 - s)` for the log odds of
    a case-control trait with a share `s` of cases.

    Parameters
    ----------
    frequency
        Frequency of either allele, float64 array of shape (n_variants,).
    n_samples
        People, in all; one number or one per variant.
    case_fraction
        s; None for a quantitative trait.
    """
    spread = 1.0 if case_fraction is None else case_fraction * (1.0 - case_fraction)
    return 1.0 / (2.0 * n_samples * frequency * (1.0 - frequency) * spread)


def estimate_trait_sd(variance: FloatArray, frequency: FloatArray, n_samples: FloatArray | float) -> float:
    """Standard deviation of a quantitative trait, by regression through the origin of 2 N f (1 - f) on 1 / V.

    Parameters
    ----------
    variance
        Squared standard errors, float64 array of shape (n_variants,).
    frequency, n_samples
        Allele frequency and people per variant. Variants that lack any of the three are left out.

    Returns
    -------
    float
        NaN when no variant has all three.
    """
    precision = 1.0 / variance
    expected = 2.0 * n_samples * frequency * (1.0 - frequency)
    usable = np.isfinite(precision) & np.isfinite(expected) & (precision > 0) & (expected > 0)
    if not usable.any():
        return float("nan")
    x, y = precision[usable], expected[usable]
    return float(np.sqrt((x @ y) / (x @ x)))


def study_log_bayes_factors(sumstats: pd.DataFrame, *, trait_type: str, sd_y: float | None) -> LogBayesFactors:
    """Log Bayes factors of the variants of one trait, each from the best statistics that it has.

    From beta and standard error where both are there; otherwise from |z| (z-score or p-value), allele frequency and
    effective sample size, as coloc does for p-values.

    Parameters
    ----------
    sumstats
        Columns beta, standard_error, z_score, neg_log10_p, alt_frequency, minor_allele_frequency and n_effective of
        `core.schemas.SUMSTATS` or `QTL`. For a case-control study n_effective is 4 / (1 / cases + 1 / controls).
    trait_type
        `quantitative` or `case_control` (effects are log odds).
    sd_y
        Standard deviation of a quantitative trait in the unit of its effects; estimated from these variants when
        None. Not used for case-control.
    """
    effect, standard_error = float_column(sumstats, "beta"), float_column(sumstats, "standard_error")
    frequency, n_effective = _allele_frequencies(sumstats), float_column(sumstats, "n_effective")
    has_effect = np.isfinite(effect) & (standard_error > 0) & np.isfinite(standard_error)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(has_effect, standard_error**2, np.nan)
        trait_sd = 1.0 if trait_type == CASE_CONTROL else _trait_sd(sd_y, variance, frequency, n_effective)
        from_effect = wakefield_log_bayes_factors(
            effect / standard_error, variance, prior_sd=prior_effect_sd(trait_type, trait_sd)
        )
        from_frequency = _log_bayes_factors_without_effect(sumstats, frequency, n_effective, trait_type)
    values = np.where(np.isfinite(from_effect), from_effect, from_frequency)
    reasons = np.full(len(values), "", dtype=object)
    reasons[np.isnan(values)] = NO_STATISTIC
    reasons[np.isnan(values) & has_effect] = NO_TRAIT_SD
    return LogBayesFactors(values, reasons)


def _trait_sd(sd_y: float | None, variance: FloatArray, frequency: FloatArray, n_effective: FloatArray) -> float:
    return estimate_trait_sd(variance, frequency, n_effective) if sd_y is None else sd_y


def _log_bayes_factors_without_effect(
    sumstats: pd.DataFrame, frequency: FloatArray, n_effective: FloatArray, trait_type: str
) -> FloatArray:
    """From |z|, frequency and sample size; a quantitative trait is then on the scale of standard deviation 1."""
    z_score = float_column(sumstats, "z_score")
    absolute_z = np.where(
        np.isfinite(z_score), np.abs(z_score), absolute_z_scores(float_column(sumstats, "neg_log10_p"))
    )
    case_fraction = _EFFECTIVE_CASE_FRACTION if trait_type == CASE_CONTROL else None
    variance = variance_from_frequency(frequency, n_effective, case_fraction=case_fraction)
    values = wakefield_log_bayes_factors(absolute_z, variance, prior_sd=prior_effect_sd(trait_type))
    return np.where(np.isfinite(values) & np.isfinite(variance) & (variance > 0), values, np.nan)


def _allele_frequencies(sumstats: pd.DataFrame) -> FloatArray:
    """ALT frequency, or the minor allele's where ALT's is not known: f (1 - f) is the same for both."""
    alternative = float_column(sumstats, "alt_frequency")
    return np.where(np.isfinite(alternative), alternative, float_column(sumstats, "minor_allele_frequency"))


def effect_signs(sumstats: pd.DataFrame) -> FloatArray:
    """Sign of the ALT allele's effect per row, -1 or +1; NaN where the statistics are unsigned or the effect is 0."""
    z_score = float_column(sumstats, "z_score")
    return signs_of(np.where(np.isfinite(z_score), z_score, float_column(sumstats, "beta")))


def signs_of(effects: FloatArray) -> FloatArray:
    """-1 or +1 for effects of any shape; NaN for those that are 0 or NaN."""
    signs: FloatArray = np.sign(effects)
    return np.where(signs == 0.0, np.nan, signs)


def float_column(frame: pd.DataFrame, column: str) -> FloatArray:
    """A column as float64 array; NaN where it misses a value."""
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)


def single_effect_log_bayes_factor(log_bayes_factors: FloatArray, prior_weights: FloatArray | None = None) -> float:
    """Log Bayes factor of "one of these variants is causal": log of the mean Bayes factor, by prior weight.

    Parameters
    ----------
    log_bayes_factors
        float64 array of shape (n_variants,), natural log; NaN does not count.
    prior_weights
        float64 array of shape (n_variants,), positive, on any scale; None for equal ones.
    """
    usable = ~np.isnan(log_bayes_factors)
    if not usable.any():
        return float("nan")
    weights = np.ones(usable.sum()) if prior_weights is None else prior_weights[usable]
    return float(logsumexp(log_bayes_factors[usable], b=weights) - np.log(weights.sum()))


def single_effect_posterior(log_bayes_factors: FloatArray, prior_weights: FloatArray | None = None) -> FloatArray:
    """Probability of each variant to be the causal one, given that exactly one of them is.

    Parameters
    ----------
    log_bayes_factors
        float64 array of shape (n_variants,), natural log. A variant with NaN gets probability 0.
    prior_weights
        float64 array of shape (n_variants,), positive: prior probability of each variant, on any scale; None for
        equal ones.

    Returns
    -------
    numpy.ndarray
        float64 array of shape (n_variants,) that sums to 1; all 0 when every value is NaN or there is none.
    """
    posterior = np.zeros(log_bayes_factors.shape)
    usable = ~np.isnan(log_bayes_factors)
    if usable.any():
        weighted = log_bayes_factors if prior_weights is None else log_bayes_factors + np.log(prior_weights)
        posterior[usable] = softmax(weighted[usable])
    return posterior


def credible_set(posterior: FloatArray, coverage: float) -> npt.NDArray[np.int64]:
    """Smallest set of variants whose posterior mass reaches `coverage`.

    Parameters
    ----------
    posterior
        float64 array of shape (n_variants,) that sums to at most 1.
    coverage
        Mass to reach, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        int64 row numbers, most probable first, the earlier row first where two are equal. Empty when the whole
        posterior does not reach the coverage.
    """
    order = np.argsort(-posterior, kind="stable").astype(np.int64)
    cumulative = np.cumsum(posterior[order])
    if not len(order) or cumulative[-1] < coverage - _ROUNDING:
        return order[:0]
    n_needed = int(np.searchsorted(cumulative, coverage - _ROUNDING)) + 1
    return order[:n_needed]
