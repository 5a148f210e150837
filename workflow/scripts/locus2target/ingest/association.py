"""Effect, standard error, z-score and p-value of each row: checked, and completed from one another.

Tails are computed in log space, so that -log10 p is exact also for |z| of hundreds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_ndtr, ndtri_exp

from locus2target.ingest.dispositions import Disposition, Ledger

FloatArray = npt.NDArray[np.float64]
_LN2 = np.log(2.0)
_LN10 = np.log(10.0)
_SIGNED_SHARE = 0.5  # of the usable rows, above which a source gives signs; a few strays do not make it signed


@dataclass(frozen=True, slots=True)
class Association:
    """Statistics per effect allele; float64 arrays of shape (n_rows,), NaN where unknown.

    Attributes
    ----------
    beta, standard_error
        Trait units, or log odds.
    z_score
        Signed; NaN when the source gives no sign.
    neg_log10_p
        Two-sided.
    reported_neg_log10_p
        As the source gives it; inf for p = 0, NaN when it gives none.
    """

    beta: FloatArray
    standard_error: FloatArray
    z_score: FloatArray
    neg_log10_p: FloatArray
    reported_neg_log10_p: FloatArray


def neg_log10_p_of_z(z_score: FloatArray) -> FloatArray:
    """-log10 of the two-sided normal p-value: -(log Phi(-|z|) + log 2) / log 10."""
    tail: FloatArray = -(log_ndtr(-np.abs(z_score)) + _LN2) / _LN10
    return np.maximum(tail, 0.0)


def size_of_z(neg_log10_p: FloatArray) -> FloatArray:
    """|z| of a two-sided normal p-value; inf for p = 0."""
    log_tail = -neg_log10_p * _LN10 - _LN2
    size: FloatArray = -ndtri_exp(np.minimum(log_tail, -_LN2))
    return np.abs(size)


def complete_association(raw: pd.DataFrame, ledger: Ledger, *, required: bool = True) -> Association:
    """Check the statistics of a raw frame (see `readers.RawTable`) and derive what is missing.

    The effect is ln(odds ratio) where only that is given; the standard error is then of ln(odds ratio). z is effect /
    standard error, else the source's, else from p and the sign of the effect. The standard error is |effect / z| where
    it is missing. p comes from z where it is missing or 0. Rows with impossible values are settled in `ledger`; where
    statistics are `required` those without p too, and those without a sign where most rows have one.
    """
    columns = {name: raw[name].to_numpy(np.float64) for name in ("beta", "odds_ratio", "standard_error", "z_score")}
    reported = raw["neg_log10_p"].to_numpy(np.float64)
    _settle_invalid(columns, reported, raw["unreadable"].to_numpy(bool), ledger)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_odds = np.log(columns["odds_ratio"])
        beta = np.where(np.isnan(columns["beta"]), log_odds, columns["beta"])
        z = beta / columns["standard_error"]
        z = np.where(np.isnan(z), columns["z_score"], z)
        from_p = np.where(np.isfinite(reported) & (beta != 0), np.sign(beta) * size_of_z(reported), np.nan)
        z = np.where(np.isnan(z), from_p, z)
        derived = np.where(z != 0, np.abs(beta / z), np.nan)
        standard_error = np.where(np.isnan(columns["standard_error"]), derived, columns["standard_error"])
    neg_log10_p = np.where(np.isfinite(reported), reported, neg_log10_p_of_z(z))
    if required:
        _settle_missing(z, neg_log10_p, reported, ledger)
    return Association(beta, standard_error, z, neg_log10_p, reported)


def _settle_missing(z: FloatArray, neg_log10_p: FloatArray, reported: FloatArray, ledger: Ledger) -> None:
    ledger.settle(np.isnan(neg_log10_p) & np.isposinf(reported), Disposition.ZERO_P)
    ledger.settle(np.isnan(neg_log10_p), Disposition.MISSING_STATISTIC)
    usable = ledger.open_rows()
    if np.isfinite(z[usable]).sum() > _SIGNED_SHARE * len(usable):
        ledger.settle(np.isnan(z), Disposition.MISSING_STATISTIC)


def _settle_invalid(
    columns: dict[str, FloatArray], reported: FloatArray, unreadable: npt.NDArray[np.bool_], ledger: Ledger
) -> None:
    infinite = np.zeros(len(reported), dtype=bool)
    for values in columns.values():
        infinite |= np.isinf(values)
    ledger.settle(unreadable | infinite, Disposition.INVALID_NUMBER)
    ledger.settle(np.isnan(columns["beta"]) & (columns["odds_ratio"] <= 0), Disposition.INVALID_ODDS_RATIO)
    ledger.settle(columns["standard_error"] <= 0, Disposition.NON_POSITIVE_STANDARD_ERROR)
    ledger.settle(reported < 0, Disposition.INVALID_P)


def effective_sample_size(n: FloatArray, n_cases: FloatArray, *, case_fraction: float) -> FloatArray:
    """Sample size of each row of a case-control study on the scale of a quantitative trait.

    It is 4 / (1/cases + 1/controls) = 4 N f (1 - f), with f the share of cases.

    Parameters
    ----------
    n, n_cases
        People and cases of each row, shape (n_rows,), NaN where the source does not say.
    case_fraction
        Share of cases in the whole study, for rows without `n_cases`; NaN when unknown: `n` of those is taken to be an
        effective size already.
    """
    share = np.where(n_cases < n, n_cases / n, case_fraction)
    return np.where(np.isnan(share), n, 4.0 * n * share * (1.0 - share))
