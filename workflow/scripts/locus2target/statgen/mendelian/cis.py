"""Mendelian randomization at one locus: the effect of a molecular trait on a disease with which it colocalizes.

Instruments are the lead variants of the trait's signals, one per credible set, and only of signals that share their
causal variant with the disease: a signal that does not would measure LD, not an effect. One instrument gives the Wald
ratio. Several are correlated, and the ratio is their generalised least squares fit (Burgess et al. 2016):

    b = x' W y / x' W x,    W = (diag(sy) R diag(sy))^-1,    Q = (y - b x)' W (y - b x)

with x, y the effects on trait and disease, sy the standard errors of y and R the correlation of the variants. The
standard error is max(1, sigma) / sqrt(x' W x), sigma^2 = Q / (k - 1), as for the usual IVW of TwoSampleMR.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from locus2target.core.schemas import CIS_EFFECTS
from locus2target.core.tables import Record, records
from locus2target.core.variants import match_variants
from locus2target.statgen.abf import float_column
from locus2target.statgen.coloc_traits import TRAIT
from locus2target.statgen.mendelian.estimators import Estimate, make_estimate, wald_ratio
from locus2target.statgen.mendelian.instruments import Instruments
from locus2target.statgen.mendelian.steiger import OK, steiger_test, variance_explained

logger = logging.getLogger(__name__)
FloatArray = npt.NDArray[np.float64]

MOLECULAR_TRAIT = ["qtl", *TRAIT]
MIN_F_STATISTIC = 10.0
"""Strength below which an instrument is weak (Staiger and Stock 1997)."""

_SHRINKAGE = 1e-3  # of r towards 0: leads that are nearly one variant must not be played off against each other
_EFFECTS = ["exposure_beta", "exposure_se", "outcome_beta", "outcome_se"]


def cis_ivw(data: Instruments, r: FloatArray) -> Estimate:
    """Inverse-variance weighted effect with correlated instruments.

    Parameters
    ----------
    data
        At least 2 instruments.
    r
        float64 array of shape (k, k): correlation of the alleles that the effects count.

    Raises
    ------
    EstimationError
        With fewer instruments.
    """
    data.require(2, "cis_ivw")
    k = len(data)
    factor = cho_factor(data.outcome_se[:, np.newaxis] * _shrunk(r) * data.outcome_se, lower=True)
    weighted_x = cho_solve(factor, data.exposure_beta)
    precision = float(weighted_x @ data.exposure_beta)
    effect = float(weighted_x @ data.outcome_beta) / precision
    residual = data.outcome_beta - effect * data.exposure_beta
    q = float(residual @ cho_solve(factor, residual))
    scale = max(math.sqrt(q / (k - 1)), 1.0)
    return make_estimate("cis_ivw", k, effect, scale / math.sqrt(precision), q=q, q_df=k - 1)


def joint_variance_explained(z_score: FloatArray, r: FloatArray, n_samples: float) -> float:
    """Share of a trait's variance that correlated variants explain together.

    The correlations c of variants and trait, c^2 = F / (n - 2 + F), give c' R^-1 c; independent variants add up.

    Parameters
    ----------
    z_score
        beta / standard_error, shape (k,).
    r
        Correlation of the variants, shape (k, k).
    n_samples
        People, more than 2.
    """
    correlation = np.sign(z_score) * np.sqrt(variance_explained(z_score, n_samples))
    return float(correlation @ cho_solve(cho_factor(_shrunk(r), lower=True), correlation))


def _shrunk(r: FloatArray) -> FloatArray:
    shrunk: FloatArray = (1.0 - _SHRINKAGE) * r + _SHRINKAGE * np.eye(len(r))
    return shrunk


def shared_tests(tests: pd.DataFrame, *, min_posterior_h4: float) -> pd.DataFrame:
    """Colocalizations whose signals of the molecular trait can be instruments.

    Disease signals count where ranking rests on them (or the single effect, for a trait that could not be compared with
    those). A trait that was parted into signals is judged by its signals, not also by the single effect.

    Parameters
    ----------
    tests
        Rows of `core.schemas.COLOCALIZATION`.
    min_posterior_h4
        The config's `mendelian_randomization.min_posterior_h4`.
    """
    usable = tests[(tests["status"] == "ok") & tests["posterior_h4"].notna()]
    trait = [usable[name] for name in ("locus", *MOLECULAR_TRAIT)]
    has_primary = usable["primary"].groupby(trait).transform("any").astype(bool)
    is_parted = (usable["qtl_signal"] > 0).groupby(trait).transform("any").astype(bool)
    of_disease = usable["primary"] | (~has_primary & (usable["signal"] == 0))
    judged = usable[of_disease & ((usable["qtl_signal"] > 0) | ~is_parted)]
    shared = judged[judged["posterior_h4"] >= min_posterior_h4]
    n_judged, n_shared = (len(rows.drop_duplicates(["locus", *MOLECULAR_TRAIT])) for rows in (judged, shared))
    logger.info(
        "%d of %d pairs of a locus and a molecular trait colocalize (H4 at least %g); the others get no estimate",
        n_shared,
        n_judged,
        min_posterior_h4,
    )
    return shared


@dataclass(frozen=True, slots=True)
class CisStatistics:
    """Statistics of one locus behind its estimates with the traits of one QTL set.

    Attributes
    ----------
    study
        Rows of `core.schemas.SUMSTATS` in the locus.
    qtl
        Columns `coloc_traits.QTL_COLUMNS` of the QTL set's rows in the locus.
    signals, signal_ld
        Rows of `core.schemas.QTL_SIGNALS` and `QTL_SIGNAL_LD` of the locus and the QTL set.
    """

    study: pd.DataFrame
    qtl: pd.DataFrame
    signals: pd.DataFrame
    signal_ld: pd.DataFrame


def estimate_cis_effects(tests: pd.DataFrame, statistics: CisStatistics) -> pd.DataFrame:
    """Effect on the disease of every molecular trait of one QTL set that shares a signal at one locus.

    Parameters
    ----------
    tests
        Rows of `shared_tests` of the locus and the QTL set.
    statistics
        Of both.

    Returns
    -------
    pandas.DataFrame
        `core.schemas.CIS_EFFECTS`, one row per trait. Status `ok`; `weak_instrument` with all numbers; without an
        estimate `no_shared_instrument` (the study has neither the signals' leads nor the shared variant) or `no_beta`.
    """
    rows = []
    for names, of_trait in tests.groupby(MOLECULAR_TRAIT, sort=True):
        trait = dict(zip(MOLECULAR_TRAIT, names, strict=True))
        best = records(of_trait.sort_values("posterior_h4", ascending=False, kind="stable"))
        base = trait | {name: best[0][name] for name in ("disease", "study", "locus", "qtl_type", "posterior_h4")}
        own = CisStatistics(
            statistics.study,
            *(_rows_of(table, trait) for table in (statistics.qtl, statistics.signals, statistics.signal_ld)),
        )
        rows.append(base | _estimate_trait(best, own))
    return CIS_EFFECTS.frame(rows)


def _rows_of(table: pd.DataFrame, trait: Mapping[str, Any]) -> pd.DataFrame:
    mask = np.ones(len(table), dtype=bool)
    for name in TRAIT:
        mask &= (table[name] == trait[name]).to_numpy()
    return table[mask]


def _estimate_trait(tests: Sequence[Record], statistics: CisStatistics) -> Record:
    """Estimate and status of one trait; its tests come best first."""
    effects = pair_effects(statistics.qtl, statistics.study)
    instruments, remark = _choose_instruments(tests, statistics, effects[effects["has_beta"]])
    if instruments.empty:
        return {"method": "none", "n_instruments": 0} | _why_no_instrument(tests, statistics.signals, effects)
    data = Instruments(*(instruments[name].to_numpy(np.float64) for name in _EFFECTS))
    r = _correlation(instruments["qtl_signal"], statistics.signal_ld)
    estimate = cis_ivw(data, r) if len(data) > 1 else wald_ratio(data)
    strength = float(data.f_statistic.min())
    is_weak = strength < MIN_F_STATISTIC
    return {
        "method": estimate.method,
        "n_instruments": estimate.n_instruments,
        "instruments": ",".join(instruments["variant"]),
        "estimate": estimate.estimate,
        "standard_error": estimate.standard_error,
        "neg_log10_p": estimate.neg_log10_p,
        "min_f_statistic": strength,
        "q_statistic": estimate.q,
        "q_neg_log10_p": estimate.q_neg_log10_p,
        **_direction_columns(data, r, instruments),
        "remark": remark,
        "status": "weak_instrument" if is_weak else "ok",
        "reason": f"F statistic {strength:.3g} is below {MIN_F_STATISTIC:g}: the estimate is biased" if is_weak else "",
    }


def pair_effects(qtl_rows: pd.DataFrame, study: pd.DataFrame) -> pd.DataFrame:
    """Effects on a molecular trait and on the disease, of the same ALT allele, for all variants that both have.

    Parameters
    ----------
    qtl_rows
        Columns `coloc_traits.QTL_COLUMNS`, of one molecular trait.
    study
        Rows of `core.schemas.SUMSTATS`.

    Returns
    -------
    pandas.DataFrame
        Columns variant (key in the QTL set), study_variant, exposure_beta, exposure_se, outcome_beta, outcome_se,
        exposure_n, outcome_n, and has_beta: whether the four effects are numbers that an estimate can rest on.
    """
    match = match_variants(qtl_rows, study)
    exposure, outcome = qtl_rows.iloc[match.left], study.iloc[match.right]
    pairs = pd.DataFrame(
        {
            "variant": exposure["variant"].to_numpy(object),
            "study_variant": outcome["variant"].to_numpy(object),
            "exposure_beta": float_column(exposure, "beta"),
            "exposure_se": float_column(exposure, "standard_error"),
            "outcome_beta": float_column(outcome, "beta") * match.sign,
            "outcome_se": float_column(outcome, "standard_error"),
            "exposure_n": float_column(exposure, "n_effective"),
            "outcome_n": float_column(outcome, "n_effective"),
        }
    )
    values = pairs[_EFFECTS].to_numpy()
    finite = np.isfinite(values).all(axis=1)
    return pairs.assign(has_beta=finite & (values[:, 0] != 0) & (values[:, 1] > 0) & (values[:, 3] > 0))


def _choose_instruments(
    tests: Sequence[Record], statistics: CisStatistics, effects: pd.DataFrame
) -> tuple[pd.DataFrame, str | None]:
    """Rows of `effects` to use, with the signal of each in `qtl_signal`, and what people should know about them.

    The lead of every shared signal, if the study has it. If it has none of them, the most probable shared variant of
    the best test stands in for one; it always has both statistics. LD is known between leads only, so that a stand-in
    is never used beside another instrument.
    """
    shared = list(dict.fromkeys(int(test["qtl_signal"]) for test in tests))
    leads = _leads(statistics.signals)
    chosen = pd.DataFrame({"qtl_signal": shared, "variant": [leads.get(signal) for signal in shared]})
    chosen = chosen.merge(effects, on="variant").drop_duplicates("variant")
    if chosen.empty:
        test = next((test for test in tests if test["shared_variant"] in set(effects["study_variant"])), None)
        if test is None:
            return chosen, None
        stand_in = effects[effects["study_variant"] == test["shared_variant"]].assign(qtl_signal=test["qtl_signal"])
        return stand_in, "the lead of the signal lacks statistics for both; its most probable shared variant instead"
    if len(chosen) > 1 and not _has_all_ld(chosen["qtl_signal"], statistics.signal_ld):
        strength = (chosen["exposure_beta"] / chosen["exposure_se"]).abs()
        return chosen.loc[[strength.idxmax()]], "no LD between the leads of the signals; the strongest alone"
    n_without = len(shared) - len(chosen)
    return chosen, f"{n_without} of {len(shared)} shared signals without a lead that both have" if n_without else None


def _leads(signals: pd.DataFrame) -> dict[int, str]:
    return dict(zip(signals["signal"].astype(int), signals["lead_variant"], strict=True))


def _pairs_with_ld(signal_ld: pd.DataFrame) -> dict[tuple[int, int], float]:
    columns = (signal_ld[name].tolist() for name in ("first_signal", "second_signal", "r"))
    return {(first, second): r for first, second, r in zip(*columns, strict=True)}


def _has_all_ld(signals: pd.Series, signal_ld: pd.DataFrame) -> bool:
    known, ordered = _pairs_with_ld(signal_ld), sorted(signals)
    return all((first, second) in known for first in ordered for second in ordered if first < second)


def _correlation(signals: pd.Series, signal_ld: pd.DataFrame) -> FloatArray:
    """Correlation of the signals' leads, float64 array of shape (k, k)."""
    known, order = _pairs_with_ld(signal_ld), signals.tolist()
    rows = [[1.0 if a == b else known[min(a, b), max(a, b)] for b in order] for a in order]
    return np.array(rows, dtype=np.float64)


def _direction_columns(data: Instruments, r: FloatArray, instruments: pd.DataFrame) -> Record:
    """Steiger's test, where the number of people is known for both."""
    n_exposure, n_outcome = (float(instruments[name].mean()) for name in ("exposure_n", "outcome_n"))
    if not (n_exposure > 2 and n_outcome > 2):
        return {}
    test = steiger_test(
        np.array([joint_variance_explained(data.exposure_beta / data.exposure_se, r, n_exposure)]),
        np.array([joint_variance_explained(data.outcome_beta / data.outcome_se, r, n_outcome)]),
        n_exposure=n_exposure,
        n_outcome=n_outcome,
    )
    if test.status != OK:
        return {}
    return {"steiger_correct": test.correct_direction, "steiger_neg_log10_p": test.neg_log10_p}


def _why_no_instrument(tests: Sequence[Record], signals: pd.DataFrame, effects: pd.DataFrame) -> Record:
    leads = _leads(signals)
    wanted = {name for test in tests for name in (leads.get(int(test["qtl_signal"])), test["shared_variant"])}
    if (effects["variant"].isin(wanted) | effects["study_variant"].isin(wanted)).any():
        return {"status": "no_beta", "reason": "the study or the QTL set has no effect size for the instrument"}
    return {
        "status": "no_shared_instrument",
        "reason": "the study has neither the leads of the shared signals nor their most probable shared variant",
    }
