"""Fine-mapping of loci: as many claims as a locus' statistics and LD can carry, and a sentence for what they cannot.

Every locus gets the single-effect posterior of all its variants (signal 0), which needs no LD. Where a cohort's LD
covers the locus and fits its statistics, SuSiE finds its separate signals (1, 2, ...). At the first step that fails
the locus stays with signal 0, and its status and reason say which step that was.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, SIGNAL_LBF, SIGNALS
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.abf import (
    LogBayesFactors,
    credible_set,
    effect_signs,
    single_effect_log_bayes_factor,
    single_effect_posterior,
    study_log_bayes_factors,
)
from locus2target.statgen.engine import (
    CredibleSet,
    FineMappingEngine,
    FitError,
    FloatArray,
    IntArray,
    SusieFit,
    SusieInput,
    SusieSettings,
    allele_scale,
)
from locus2target.statgen.ld import AlignedDosages, LdMatrix, align_dosages, compute_ld
from locus2target.statgen.ld_diagnostics import FAIL, NONE, LdDiagnostics, LdSettings, assess_ld, unsettled

LOGGER = logging.getLogger(__name__)

SUSIE, ABF, NO_METHOD = "susie", "abf", "none"
OK = "ok"
_LOCUS = ("locus", "study", "disease")
_KEY = ["variant", "chromosome", "position", "ref", "alt"]


class RegionGenotypes(Protocol):
    """What fine-mapping needs of a cohort: `ingest.cohort.CohortGenotypes` has it."""

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        """Dosages of the region's variants that are at least that frequent."""
        ...


@dataclass(frozen=True, slots=True)
class FineMappingSettings:
    """The config's `finemapping` section."""

    susie: SusieSettings
    ld: LdSettings

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "FineMappingSettings":
        """Read the section; the config's schema has checked its keys and types."""
        own = {name: value for name, value in settings.items() if name != "ld"}
        return cls(SusieSettings(**own), LdSettings(**settings["ld"]))


@dataclass(frozen=True, slots=True)
class FineMappedLocus:
    """Rows of one locus for the four tables of the step, as their schemas in `core.schemas` have them."""

    fine_mapping: pd.DataFrame
    credible_sets: pd.DataFrame
    signals: pd.DataFrame
    signal_lbf: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _SingleEffect:
    """Posterior of the locus if it has one causal variant; arrays of shape (n_variants,)."""

    log_bayes_factors: LogBayesFactors
    posterior: FloatArray


@dataclass(frozen=True, slots=True)
class _SeparateSignals:
    """A fit to be believed: its LD, its credible sets, strongest effect first, and the factor to the unit of beta."""

    ld: LdMatrix
    fit: SusieFit
    sets: tuple[CredibleSet, ...]
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How far fine-mapping with LD came: `status` is ok, or names the step that failed.

    `ld`, `diagnostics` and `fit` are there as far as it came, `signals` only when all went well.
    """

    status: str
    reason: str
    n_ld_variants: int = 0
    ld_posterior_mass: float | None = None
    ld: LdMatrix | None = None
    diagnostics: LdDiagnostics | None = None
    fit: SusieFit | None = None
    signals: _SeparateSignals | None = None


def finemap_locus(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    *,
    study: Mapping[str, Any],
    genotypes: RegionGenotypes | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> FineMappedLocus:
    """Fine-map one locus.

    Parameters
    ----------
    locus
        Row of `core.schemas.LOCI`. With a status other than ok nothing is done, and the reason is handed on.
    sumstats
        The study's variants in the locus, `core.schemas.SUMSTATS`.
    study
        Row of the studies sheet; `trait_type` and `sd_y` are read.
    genotypes
        The study's cohort; None when the study names none.
    engine
        Fits SuSiE.
    settings
        The config's `finemapping` section.
    """
    if locus["status"] != OK:
        return _not_analysed(locus, locus["status"], locus["reason"], n_variants=int(locus["n_variants"]))
    sumstats = sumstats.reset_index(drop=True)
    factors = study_log_bayes_factors(sumstats, trait_type=study["trait_type"], sd_y=study["sd_y"])
    if np.isnan(factors.values).all():
        reason = f"No Bayes factor for any of the {len(sumstats)} variants: {'; '.join(sorted(set(factors.reasons)))}."
        return _not_analysed(locus, "no_statistics", reason, n_variants=len(sumstats))
    single = _SingleEffect(factors, single_effect_posterior(factors.values))
    attempt = _attempt_susie(locus, sumstats, single, genotypes, engine, settings)
    LOGGER.info("%s: %s %s", locus["locus"], attempt.status, attempt.reason)
    return FineMappedLocus(
        _fine_mapping_row(locus, sumstats, attempt),
        _variant_rows(locus, sumstats, single, attempt, settings.susie.coverage),
        _signal_rows(locus, sumstats, single, attempt, settings.susie.coverage),
        _bayes_factor_rows(locus, sumstats, single, attempt),
    )


def _not_analysed(locus: Mapping[str, Any], status: str, reason: str, *, n_variants: int) -> FineMappedLocus:
    row = {name: locus[name] for name in _LOCUS} | {
        "method": NO_METHOD,
        "status": status,
        "reason": reason,
        "ld_verdict": NONE,
        "ld_reason": "The locus was not analysed.",
        "n_variants": n_variants,
        "n_ld_variants": 0,
        "n_signals": 0,
    }
    return FineMappedLocus(FINE_MAPPING.frame([row]), CREDIBLE_SETS.empty(), SIGNALS.empty(), SIGNAL_LBF.empty())


# ---- The ladder --------------------------------------------------------------------------------------------------


def _attempt_susie(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    single: _SingleEffect,
    genotypes: RegionGenotypes | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> _Attempt:
    """Go up step by step, and stop at the first that does not bear."""
    aligned = _gather_dosages(locus, sumstats, genotypes, settings.ld)
    if isinstance(aligned, _Attempt):
        return aligned
    attempt = _measure_coverage(locus, sumstats, single, aligned, settings.ld)
    if attempt.status != OK:
        return attempt
    try:
        return _judge_and_fit(sumstats, aligned, attempt, engine, settings)
    except np.linalg.LinAlgError as error:
        return replace(attempt, status="ld_failed", reason=f"The LD matrix cannot be decomposed: {error}.")


def _gather_dosages(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, genotypes: RegionGenotypes | None, limits: LdSettings
) -> AlignedDosages | _Attempt:
    """Dosages of the variants that have both genotypes and a signed statistic."""
    if genotypes is None:
        return _Attempt("no_ld", "The study names no cohort for LD.")
    signed = np.flatnonzero(np.isfinite(_floats(sumstats, "z_score")))
    if not len(signed):
        return _Attempt("unsigned_statistics", "The statistics have p-values but no direction of effect.")
    region = Region(locus["chromosome"], int(locus["start"]), int(locus["end"]))
    cohort = genotypes.read_region(region, min_maf=limits.min_maf)
    aligned = align_dosages(sumstats.iloc[signed], cohort.variants, cohort.dosages)
    LOGGER.info(
        "%s: %d of %d cohort variants used; %d not in the study, %d constant, %d exchanged; not read: %s",
        *(locus["locus"], len(aligned.rows), len(cohort.variants), aligned.n_not_in_study, aligned.n_monomorphic),
        *(cohort.n_exchanged, cohort.skipped),
    )
    if not len(aligned.rows):
        reason = (
            f"None of the {len(signed)} variants with signed statistics is among the cohort's {len(cohort.variants)} "
            f"variants here."
        )
        return _Attempt("no_ld", reason)
    return replace(aligned, rows=signed[aligned.rows])


def _measure_coverage(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    single: _SingleEffect,
    aligned: AlignedDosages,
    limits: LdSettings,
) -> _Attempt:
    """Whether enough of the locus is genotyped for its signals to be seen."""
    n_covered, mass = len(aligned.rows), float(single.posterior[aligned.rows].sum())
    attempt = _Attempt(OK, "", n_covered, mass)
    lead_is_covered = locus["lead_variant"] in set(sumstats["variant"].iloc[aligned.rows])
    lead = "" if lead_is_covered else f"; the lead {locus['lead_variant']} is not one of them"
    if n_covered < limits.min_variants:
        reason = f"{n_covered} variants have LD, fewer than {limits.min_variants}{lead}."
        return replace(attempt, status="ld_sparse", reason=reason)
    if mass < limits.min_posterior_mass:
        reason = (
            f"The {n_covered} variants with LD hold {mass:.1%} of the single-effect posterior, "
            f"less than {limits.min_posterior_mass:.0%}{lead}."
        )
        return replace(attempt, status="ld_sparse", reason=reason)
    return attempt


def _judge_and_fit(
    sumstats: pd.DataFrame,
    aligned: AlignedDosages,
    attempt: _Attempt,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> _Attempt:
    """Compute LD, hold it against the statistics, and fit SuSiE if the two belong together."""
    ld = compute_ld(aligned)
    of_ld = sumstats.iloc[ld.rows]
    ld.require_order(of_ld)
    z_score, n_effective = _floats(of_ld, "z_score"), _sample_size(of_ld)
    found = assess_ld(z_score, ld, settings.ld, n_effective=n_effective)
    attempt = replace(attempt, ld=ld, diagnostics=found)
    if found.verdict == FAIL:
        return replace(attempt, status="ld_mismatch", reason=found.reason)
    try:
        fit = engine.fit(SusieInput(z_score, ld.r, n_effective), settings.susie)
    except FitError as error:
        return replace(attempt, status="fit_failed", reason=f"{error}.")
    for message in fit.messages:
        LOGGER.info("%s: %s", fit.engine, message)
    complaint = _complaint(fit, z_score, n_effective, settings.susie)
    if complaint is not None:
        return replace(attempt, fit=fit, status=complaint[0], reason=complaint[1])
    sets = tuple(sorted(fit.credible_sets, key=lambda found: -fit.lbf[found.effect]))
    scale = allele_scale(z_score, _floats(of_ld, "standard_error"), np.nan if n_effective is None else n_effective)
    return replace(attempt, fit=fit, signals=_SeparateSignals(ld, fit, sets, scale))


def _complaint(
    fit: SusieFit, z_score: FloatArray, n_effective: float | None, settings: SusieSettings
) -> tuple[str, str] | None:
    """Status and reason for not using a fit; None when it settled and found a credible set."""
    reason = unsettled(fit, z_score, n_effective=n_effective)
    if reason is not None:
        return "not_converged", reason
    if fit.credible_sets:
        return None
    return "no_signal", (
        f"SuSiE found no credible set of purity {settings.min_purity:g}: the best effect has log Bayes factor "
        f"{fit.lbf.max():.1f}, the largest |z| with LD is {np.abs(z_score).max():.1f}."
    )


def _sample_size(sumstats: pd.DataFrame) -> float | None:
    """Median effective sample size; None when no variant states one."""
    sizes = _floats(sumstats, "n_effective")
    known = sizes[np.isfinite(sizes)]
    return float(np.median(known)) if len(known) else None


def _floats(frame: pd.DataFrame, column: str) -> FloatArray:
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan)


# ---- Rows of the tables ------------------------------------------------------------------------------------------


def _fine_mapping_row(locus: Mapping[str, Any], sumstats: pd.DataFrame, attempt: _Attempt) -> pd.DataFrame:
    found, fit = attempt.diagnostics, attempt.fit
    row = {name: locus[name] for name in _LOCUS} | {
        "method": ABF if attempt.signals is None else SUSIE,
        "status": attempt.status,
        "reason": attempt.reason,
        "ld_verdict": NONE if found is None else found.verdict,
        "ld_reason": attempt.reason if found is None else found.reason,
        "n_variants": len(sumstats),
        "n_ld_variants": attempt.n_ld_variants,
        "ld_posterior_mass": attempt.ld_posterior_mass,
        "n_signals": 1 if attempt.signals is None else len(attempt.signals.sets),
    }
    if found is not None:
        row |= {
            "sign_consistency": found.sign_consistency,
            "ld_lambda": found.ld_lambda,
            "n_ld_outliers": found.n_outliers,
        }
    if fit is not None:
        row |= {"converged": fit.converged, "n_iterations": fit.n_iterations, "engine": fit.engine}
    return FINE_MAPPING.frame([row])


def _variant_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: _SingleEffect, attempt: _Attempt, coverage: float
) -> pd.DataFrame:
    """CREDIBLE_SETS rows: every variant of the locus, with the posterior of the locus' primary method."""
    rows = sumstats[[*_KEY, "rsid", "neg_log10_p", "z_score"]].copy()
    for name in _LOCUS:
        rows[name] = locus[name]
    in_ld = np.zeros(len(rows), dtype=bool)
    if attempt.ld is not None:
        in_ld[attempt.ld.rows] = True
    posterior = (
        _single_effect_columns(single, credible_set(single.posterior, coverage))
        if attempt.signals is None
        else _susie_columns(sumstats, attempt.signals)
    )
    rows = rows.assign(**posterior, in_ld=in_ld, r_lead=_r_with_lead(locus, sumstats, attempt.ld))
    return rows[CREDIBLE_SETS.names]


def _single_effect_columns(single: _SingleEffect, members: IntArray) -> dict[str, Any]:
    n_variants = len(single.posterior)
    missing = np.isnan(single.log_bayes_factors.values)
    return {
        "pip": np.where(missing, np.nan, single.posterior),
        "posterior_mean": np.full(n_variants, np.nan),
        "posterior_sd": np.full(n_variants, np.nan),
        "credible_set": _optional_integers(n_variants, {0: members}),
        "status": np.where(missing, "no_statistics", OK).astype(object),
        "reason": single.log_bayes_factors.reasons,
    }


def _susie_columns(sumstats: pd.DataFrame, signals: _SeparateSignals) -> dict[str, Any]:
    rows, fit, n_variants = signals.ld.rows, signals.fit, len(sumstats)
    without_ld = ~np.isin(np.arange(n_variants), rows)
    unsigned = np.isnan(_floats(sumstats, "z_score"))
    why_not = np.where(unsigned, "No direction of effect.", "Not genotyped in the cohort, or rare or constant there.")
    return {
        "pip": _spread(_pip_of_signals(signals), rows, n_variants),
        "posterior_mean": _spread(fit.posterior_mean() * signals.scale, rows, n_variants),
        "posterior_sd": _spread(fit.posterior_sd() * signals.scale, rows, n_variants),
        "credible_set": _optional_integers(n_variants, {k: rows[s.variables] for k, s in enumerate(signals.sets, 1)}),
        "status": np.where(without_ld, "not_in_ld", OK).astype(object),
        "reason": np.where(without_ld, why_not, "").astype(object),
    }


def _pip_of_signals(signals: _SeparateSignals) -> FloatArray:
    """1 - prod(1 - alpha) over the effects that have a credible set, shape (n_ld_variants,).

    An effect that found nothing can keep a tiny prior variance; its flat alpha would lift every variant by 1/p, and
    ten of them to a sum of PIPs near ten. susieR offers the same as `prune_by_cs`.
    """
    effects = [members.effect for members in signals.sets]
    pip: FloatArray = 1.0 - np.prod(1.0 - signals.fit.alpha[effects], axis=0)
    return pip


def _spread(values: FloatArray, rows: IntArray, n_variants: int) -> FloatArray:
    """Values of some rows in an array of all of them; NaN elsewhere."""
    result = np.full(n_variants, np.nan)
    result[rows] = values
    return result


def _optional_integers(n_variants: int, members: Mapping[int, IntArray]) -> pd.arrays.IntegerArray:
    """The signal of each row that belongs to one; a row in several sets counts for the strongest."""
    values, missing = np.zeros(n_variants, dtype=np.int64), np.ones(n_variants, dtype=bool)
    for signal in sorted(members, reverse=True):
        values[members[signal]] = signal
        missing[members[signal]] = False
    return pd.arrays.IntegerArray(values, missing)


def _r_with_lead(locus: Mapping[str, Any], sumstats: pd.DataFrame, ld: LdMatrix | None) -> FloatArray:
    """Signed r of every variant with the locus' lead; NaN where one of the two has no LD."""
    if ld is None:
        return np.full(len(sumstats), np.nan)
    lead = np.flatnonzero((sumstats["variant"].iloc[ld.rows] == locus["lead_variant"]).to_numpy())
    if not len(lead):
        return np.full(len(sumstats), np.nan)
    return _spread(ld.r[lead[0]], ld.rows, len(sumstats))


def _signal_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: _SingleEffect, attempt: _Attempt, coverage: float
) -> pd.DataFrame:
    shared = {name: locus[name] for name in _LOCUS}
    rows = [shared | _single_effect_signal(sumstats, single, attempt, coverage)]
    if attempt.signals is not None:
        rows += [
            shared | {"signal": signal} | _susie_signal(sumstats, attempt.signals, members)
            for signal, members in enumerate(attempt.signals.sets, start=1)
        ]
    return SIGNALS.frame(rows)


def _single_effect_signal(
    sumstats: pd.DataFrame, single: _SingleEffect, attempt: _Attempt, coverage: float
) -> dict[str, Any]:
    members = credible_set(single.posterior, coverage)
    return {
        "signal": 0,
        "method": ABF,
        "primary": attempt.signals is None,
        "lead_variant": sumstats["variant"].iloc[int(np.argmax(single.posterior))],
        "log_bayes_factor": single_effect_log_bayes_factor(single.log_bayes_factors.values),
        "n_credible": len(members),
        "coverage": float(single.posterior[members].sum()),
        "purity": _purity(members, attempt.ld),
        "status": OK,
        "reason": attempt.reason,
    }


def _purity(members: IntArray, ld: LdMatrix | None) -> float | None:
    """Smallest |r| between variants; None unless all of them have LD."""
    if ld is None or not np.isin(members, ld.rows).all():
        return None
    where = np.searchsorted(ld.rows, members)
    return float(np.abs(ld.r[np.ix_(where, where)]).min())


def _susie_signal(sumstats: pd.DataFrame, signals: _SeparateSignals, members: CredibleSet) -> dict[str, Any]:
    fit = signals.fit
    lead = signals.ld.rows[int(np.argmax(fit.alpha[members.effect]))]
    return {
        "method": SUSIE,
        "primary": True,
        "lead_variant": sumstats["variant"].iloc[lead],
        "log_bayes_factor": float(fit.lbf[members.effect]),
        "n_credible": len(members.variables),
        "coverage": members.coverage,
        "purity": members.purity_min,
        "status": OK,
        "reason": "",
    }


def _bayes_factor_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: _SingleEffect, attempt: _Attempt
) -> pd.DataFrame:
    """SIGNAL_LBF rows: every variant that has a Bayes factor in a signal."""
    present = np.flatnonzero(~np.isnan(single.log_bayes_factors.values))
    blocks = [(0, present, single.log_bayes_factors.values[present])]
    if attempt.signals is not None:
        rows, values = attempt.signals.ld.rows, attempt.signals.fit.lbf_variable
        blocks += [(signal, rows, values[found.effect]) for signal, found in enumerate(attempt.signals.sets, start=1)]
    signs = effect_signs(sumstats)
    frames = [
        sumstats[_KEY].iloc[rows].assign(signal=signal, log_bayes_factor=values, effect_sign=signs[rows])
        for signal, rows, values in blocks
    ]
    return pd.concat(frames, ignore_index=True).assign(locus=locus["locus"])[SIGNAL_LBF.names]
