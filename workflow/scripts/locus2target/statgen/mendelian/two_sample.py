"""Genome-wide Mendelian randomization between two studies of a run: the effect of one trait on another.

Instruments are variants that are strongly associated with the exposure, measured in both studies, readable in both (see
`harmonize`), and independent of each other (see `clumping`). They are chosen among the variants that both studies
have, so that no proxy has to stand in for one that the outcome lacks. Every variant associated with the exposure keeps
a row that says what became of it.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import TRAIT_EFFECTS, TRAIT_INSTRUMENTS
from locus2target.core.tables import Record
from locus2target.core.variants import match_variants
from locus2target.statgen.abf import float_column
from locus2target.statgen.clumping import INDEX, Clumping, clump_variants
from locus2target.statgen.ld_sources import LdSource
from locus2target.statgen.mendelian.cis import MIN_F_STATISTIC
from locus2target.statgen.mendelian.estimators import Estimate, egger
from locus2target.statgen.mendelian.harmonize import MatchStatus, Palindromes, harmonize_effects
from locus2target.statgen.mendelian.instruments import EstimationError, Instruments
from locus2target.statgen.mendelian.methods import estimate_effect
from locus2target.statgen.mendelian.radial import RadialRefit, radial_ivw, refit_without_outliers
from locus2target.statgen.mendelian.sensitivity import leave_one_out
from locus2target.statgen.mendelian.steiger import steiger_test, variance_explained

logger = logging.getLogger(__name__)

USED = "used"
SUMSTATS_COLUMNS = [
    "variant",
    "chromosome",
    "position",
    "ref",
    "alt",
    "beta",
    "standard_error",
    "neg_log10_p",
    "alt_frequency",
    "n_effective",
]
"""What the two studies are read for."""

_KEY = SUMSTATS_COLUMNS[:5]
_EFFECTS = ("exposure_beta", "exposure_se", "outcome_beta", "outcome_se")
_OUTLIER_P = 0.05  # shared out over the instruments
_MIN_EGGER_I2 = 0.9  # below, Egger's slope is diluted by more than a tenth (Bowden et al. 2016)
_METHODS = ("ivw", "ivw_fixed", "egger", "weighted_median", "weighted_mode")


@dataclass(frozen=True, slots=True)
class TraitRules:
    """What the config's `mendelian_randomization` section says about a pair of studies.

    Attributes
    ----------
    min_neg_log10_p
        Association with the exposure from which a variant is a candidate.
    palindromes
        Policy for A/T and C/G variants.
    clumping
        When two candidates count as one.
    draws, seed
        Of the bootstrap behind the standard errors of median and mode.
    """

    min_neg_log10_p: float
    palindromes: Palindromes
    clumping: Clumping
    draws: int
    seed: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "TraitRules":
        """Read the config's section."""
        return cls(
            min_neg_log10_p=-float(np.log10(settings["instrument_p"])),
            palindromes=Palindromes(settings["palindromes"]),
            clumping=Clumping(max_bp=int(settings["clump_bp"]), min_r2=float(settings["clump_r2"])),
            draws=int(settings["bootstrap_draws"]),
            seed=int(settings["seed"]),
        )


# ---- Instruments ---------------------------------------------------------------------------------------------------


def pair_candidates(exposure: pd.DataFrame, outcome: pd.DataFrame, *, rules: TraitRules) -> pd.DataFrame:
    """Put the outcome beside every variant associated with the exposure, on the exposure's ALT allele.

    Parameters
    ----------
    exposure, outcome
        Columns `SUMSTATS_COLUMNS` of `core.schemas.SUMSTATS`, of the same chromosomes.
    rules
        Limits; weaker associations with the exposure are left out without a row.

    Returns
    -------
    pandas.DataFrame
        Columns of the key, exposure_beta, exposure_se, exposure_neg_log10_p, exposure_n, outcome_beta, outcome_se,
        outcome_n, f_statistic, status and reason. The status is `candidate`, `no_beta`, `weak_instrument`,
        `not_in_outcome`, `palindromic` or `palindromic_ambiguous`.
    """
    associated = exposure[exposure["neg_log10_p"] >= rules.min_neg_log10_p].reset_index(drop=True)
    match = match_variants(associated, outcome)
    place = np.full(len(associated), -1)
    place[match.left] = match.right
    beside = outcome.iloc[place].reset_index(drop=True) if len(outcome) else outcome.reindex(associated.index)
    found = place >= 0
    pairs = associated[_KEY].assign(
        exposure_beta=float_column(associated, "beta"),
        exposure_se=float_column(associated, "standard_error"),
        exposure_neg_log10_p=associated["neg_log10_p"],
        exposure_n=float_column(associated, "n_effective"),
        outcome_se=np.where(found, float_column(beside, "standard_error"), np.nan),
        outcome_n=np.where(found, float_column(beside, "n_effective"), np.nan),
    )
    aligned = _align_outcome(associated, beside, found, rules.palindromes)
    pairs = pairs.assign(outcome_beta=aligned["outcome_beta"].where(found))
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs["f_statistic"] = (pairs["exposure_beta"] / pairs["exposure_se"]) ** 2
    return _judge_candidates(pairs, found, aligned)


def _align_outcome(
    exposure: pd.DataFrame, outcome: pd.DataFrame, found: npt.NDArray[np.bool_], palindromes: Palindromes
) -> pd.DataFrame:
    """`harmonize_effects` of rows that stand for the same variant; those not found have no outcome alleles."""
    rows = pd.DataFrame(
        {
            "exposure_effect_allele": exposure["alt"],
            "exposure_other_allele": exposure["ref"],
            "exposure_frequency": float_column(exposure, "alt_frequency"),
            "outcome_effect_allele": outcome["alt"].where(found),
            "outcome_other_allele": outcome["ref"].where(found),
            "outcome_beta": float_column(outcome, "beta"),
            "outcome_frequency": float_column(outcome, "alt_frequency"),
        }
    )
    return harmonize_effects(rows, palindromes=palindromes)


def _judge_candidates(pairs: pd.DataFrame, found: npt.NDArray[np.bool_], aligned: pd.DataFrame) -> pd.DataFrame:
    """Add status and reason; the first hindrance counts."""
    exposure_usable = np.isfinite(pairs["f_statistic"]) & (pairs["exposure_beta"] != 0) & (pairs["exposure_se"] > 0)
    outcome_usable = np.isfinite(pairs["outcome_beta"]) & (pairs["outcome_se"] > 0)
    hindrances = [
        (~exposure_usable, "no_beta", "the exposure study gives no effect size"),
        (pairs["f_statistic"] < MIN_F_STATISTIC, "weak_instrument", f"F statistic below {MIN_F_STATISTIC:g}"),
        (~found, "not_in_outcome", "the outcome study does not have the variant; no proxy is used"),
        (
            aligned["status"] == MatchStatus.PALINDROMIC,
            "palindromic",
            "A/T or C/G variant, which the policy `drop` leaves out",
        ),
        (
            aligned["status"] == MatchStatus.AMBIGUOUS,
            "palindromic_ambiguous",
            "A/T or C/G variant with a frequency that is missing or between 0.42 and 0.58",
        ),
        (~outcome_usable, "no_beta", "the outcome study gives no effect size"),
    ]
    conditions = [np.asarray(condition, dtype=bool) for condition, _, _ in hindrances]
    return pairs.assign(
        status=np.select(conditions, [status for _, status, _ in hindrances], "candidate").astype(object),
        reason=np.select(conditions, [reason for _, _, reason in hindrances], "").astype(object),
    )


def choose_instruments(
    candidates: pd.DataFrame, *, ld_source: LdSource | None, exposure: str, outcome: str, rules: TraitRules
) -> pd.DataFrame:
    """Keep the strongest of each group of correlated candidates.

    Parameters
    ----------
    candidates
        Of `pair_candidates`, all chromosomes.
    ld_source
        LD of the exposure's cohort; None to keep candidates apart by distance alone.
    exposure, outcome
        Ids of the studies.
    rules
        Limits of clumping.

    Returns
    -------
    pandas.DataFrame
        The candidates with status `used`, `clumped`, `clumped_by_distance` or `not_in_ld_panel` instead of
        `candidate`, and with wald_ratio and wald_se; by position.
    """
    table = candidates.assign(exposure=exposure, outcome=outcome).reset_index(drop=True)
    open_rows = table["status"] == "candidate"
    eligible = table[open_rows].rename(columns={"exposure_neg_log10_p": "neg_log10_p"})
    clumped = clump_variants(eligible, ld_source=ld_source, rules=rules.clumping)
    table.loc[open_rows, "status"] = clumped["status"].replace({INDEX: USED})
    table.loc[open_rows, "reason"] = clumped["reason"]
    for status, count in table["status"].value_counts().items():
        logger.info("%s on %s: %d variant(s) %s", exposure, outcome, count, status)
    has_ratio = open_rows.to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = table["outcome_beta"] / table["exposure_beta"]
        ratio_se = table["outcome_se"] / table["exposure_beta"].abs()
    return table.assign(wald_ratio=ratio.where(has_ratio), wald_se=ratio_se.where(has_ratio))


# ---- Effects -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TraitEffects:
    """`core.schemas.TRAIT_EFFECTS` and `TRAIT_INSTRUMENTS` of one pair of studies."""

    effects: pd.DataFrame
    instruments: pd.DataFrame


def estimate_trait_effects(
    instruments: pd.DataFrame, *, exposure: str, outcome: str, rules: TraitRules
) -> TraitEffects:
    """Estimate the effect of the exposure on the outcome by every method, with its sensitivity analyses.

    Parameters
    ----------
    instruments
        Of `choose_instruments`.
    exposure, outcome
        Ids of the studies.
    rules
        Draws and seed of the bootstrap.

    Returns
    -------
    TraitEffects
        A row per method, also where the instruments do not allow it; one row `none` where there is no instrument.
    """
    used = instruments[instruments["status"] == USED]
    data = Instruments(*(used[name].to_numpy(np.float64) for name in _EFFECTS))
    rows = [_no_instruments(instruments)] if used.empty else list(_effect_rows(data, used, rules))
    pair = {"exposure": exposure, "outcome": outcome, "n_instruments": len(data)}
    effects = TRAIT_EFFECTS.frame(pair | row for row in rows)
    table = instruments.join(_influence(data, used.index)).reindex(columns=TRAIT_INSTRUMENTS.names)
    ordered = table.sort_values(["chromosome", "position", "ref", "alt"], kind="stable", ignore_index=True)
    return TraitEffects(effects, ordered.astype({"radial_outlier": "boolean"}))


def _no_instruments(instruments: pd.DataFrame) -> Record:
    counts = instruments["status"].value_counts()
    found = ", ".join(f"{count} {status}" for status, count in counts.items())
    reason = f"No associated variant can be used: {found}." if found else "No variant is associated with the exposure."
    return {"method": "none", "status": "no_instruments", "reason": reason}


def _effect_rows(data: Instruments, used: pd.DataFrame, rules: TraitRules) -> Iterator[Record]:
    for method in (("wald_ratio",) if len(data) == 1 else ()) + _METHODS:
        try:
            estimate = estimate_effect(method, data, draws=rules.draws, seed=rules.seed)
        except EstimationError as error:
            yield _untold(method, error)
            continue
        yield _told(estimate, _remark(method, data))
        if method == "egger":
            yield _told(egger(data).intercept, "average effect on the outcome that bypasses the exposure")
    yield from _radial_rows(data)
    yield _steiger_row(data, used)


def _told(estimate: Estimate, remark: str | None = None) -> Record:
    low, high = estimate.confidence_interval
    return {
        "method": estimate.method,
        "n_instruments": estimate.n_instruments,
        "estimate": estimate.estimate,
        "standard_error": estimate.standard_error,
        "confidence_low": low,
        "confidence_high": high,
        "neg_log10_p": estimate.neg_log10_p,
        "q_statistic": estimate.q,
        "q_df": estimate.q_df,
        "q_neg_log10_p": estimate.q_neg_log10_p,
        "remark": remark,
        "status": "ok",
        "reason": "",
    }


def _untold(method: str, error: EstimationError) -> Record:
    return {"method": method, "status": error.status, "reason": error.reason}


def _remark(method: str, data: Instruments) -> str | None:
    if method in {"wald_ratio", "ivw"}:
        strength = float(data.f_statistic.mean())
        return (
            f"mean F statistic {strength:.0f}: if the studies share people, the estimate leans towards the correlation "
            f"of the traits by up to {100 / strength:.1f} %, if they do not, towards 0 by as much"
        )
    if method == "egger":
        i2 = exposure_heterogeneity(data)
        return f"I2 of the exposure effects {i2:.2f}: the slope is diluted towards 0" if i2 < _MIN_EGGER_I2 else None
    return None


def exposure_heterogeneity(data: Instruments) -> float:
    """I2 of the exposure effects, 0..1: the share of Egger's slope that measurement error leaves (Bowden et al. 2016).

    >>> exact = Instruments(np.array([1.0, 2.0]), np.array([1e-9, 1e-9]), np.ones(2), np.ones(2))
    >>> round(exposure_heterogeneity(exact), 6)
    1.0
    """
    size, weights = np.abs(data.exposure_beta), data.exposure_se**-2.0
    q = float(weights @ (size - np.average(size, weights=weights)) ** 2)
    return max(0.0, (q - (len(data) - 1)) / q) if q > 0 else 0.0


def _radial_refit(data: Instruments) -> RadialRefit:
    return refit_without_outliers(data, partial(radial_ivw, weights=3), alpha=_OUTLIER_P / len(data))


def _radial_rows(data: Instruments) -> Iterator[Record]:
    without = "radial_ivw_without_outliers"
    try:
        refit = _radial_refit(data)
    except EstimationError as error:
        yield from (_untold(method, error) for method in ("radial_ivw", without))
        return
    n_outliers = int(refit.outliers.sum())
    yield _told(refit.before.effect)
    if refit.after is None:
        left = len(data) - n_outliers
        yield {"method": without, "n_instruments": left, "status": "too_few_instruments", "reason": refit.reason}
        return
    yield _told(refit.after.effect, f"{n_outliers} outlier(s) left out") | {"method": without}


def _steiger_row(data: Instruments, used: pd.DataFrame) -> Record:
    n_exposure, n_outcome = (used[name].to_numpy(np.float64) for name in ("exposure_n", "outcome_n"))
    if not ((n_exposure > 2).all() and (n_outcome > 2).all()):
        reason = "The number of people behind an instrument is not known in both studies."
        return {"method": "steiger", "status": "no_sample_size", "reason": reason}
    test = steiger_test(
        variance_explained(data.exposure_beta / data.exposure_se, n_exposure),
        variance_explained(data.outcome_beta / data.outcome_se, n_outcome),
        n_exposure=float(n_exposure.mean()),
        n_outcome=float(n_outcome.mean()),
    )
    return {
        "method": "steiger",
        "neg_log10_p": None if np.isnan(test.neg_log10_p) else test.neg_log10_p,
        "r2_exposure": test.r2_exposure,
        "r2_outcome": test.r2_outcome,
        "direction_correct": test.correct_direction,
        "remark": "tests which trait the instruments explain more of; both count as quantitative",
        "status": test.status,
        "reason": test.reason,
    }


def _influence(data: Instruments, index: "pd.Index[int]") -> pd.DataFrame:
    """What each instrument does to the IVW estimates; empty cells where there are too few of them."""
    columns: dict[str, Any] = {}
    if len(data) >= 2:
        refit = _radial_refit(data)
        columns |= {"radial_q": refit.before.q_contributions, "radial_outlier": refit.outliers}
    if len(data) >= 3:
        without = leave_one_out(data)
        columns |= {"leave_one_out": without.estimate, "leave_one_out_se": without.standard_error}
    return pd.DataFrame(columns, index=index)
