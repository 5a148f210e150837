"""Fine-mapping of loci: as many claims as a locus' statistics and LD can carry, and a sentence for what they cannot.

Every locus gets the single-effect posterior of all its variants (signal 0), which needs no LD. Where a cohort's LD
covers the locus and fits its statistics, SuSiE finds its separate signals (1, 2, ...). At the first step that fails
the locus stays with signal 0, and its status and reason say which step that was. Where the lead has no Bayes factor,
the lead variant is all that is named. `ladder` has the rungs.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.schemas import CREDIBLE_SETS, SIGNAL_LBF, SIGNALS
from locus2target.statgen.abf import LogBayesFactors, float_column, single_effect_posterior, study_log_bayes_factors
from locus2target.statgen.engine import FineMappingEngine, FloatArray, IntArray, SusieSettings
from locus2target.statgen.finemapping_rows import (
    Findings,
    SingleEffect,
    bayes_factor_rows,
    fine_mapping_row,
    lead_only_rows,
    median_sample_size,
    signal_rows,
    unmapped_row,
    variant_rows,
)
from locus2target.statgen.ladder import OK, SINGLE_EFFECT, fit_signals
from locus2target.statgen.ld_diagnostics import LdSettings
from locus2target.statgen.ld_sources import AlignedLd, LdSource

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FineMappingSettings:
    """What the config's `finemapping` section says about fits and LD."""

    susie: SusieSettings
    ld: LdSettings

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "FineMappingSettings":
        """Read the section, of which other keys are not for fits; the config's schema has checked keys and types."""
        own = {field.name: settings[field.name] for field in fields(SusieSettings) if field.name in settings}
        return cls(SusieSettings(**own), LdSettings(**settings["ld"]))


@dataclass(frozen=True, slots=True)
class FineMappedLocus:
    """Rows of one locus for the four tables of the step, as their schemas in `core.schemas` have them."""

    fine_mapping: pd.DataFrame
    credible_sets: pd.DataFrame
    signals: pd.DataFrame
    signal_lbf: pd.DataFrame


def finemap_locus(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    *,
    study: Mapping[str, Any],
    ld_source: LdSource | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
    prior_weights: FloatArray | None = None,
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
    ld_source
        LD of the study's cohort; None when the study names none.
    engine
        Fits SuSiE.
    settings
        The config's `finemapping` section.
    prior_weights
        float64 array of shape (len(sumstats),), positive: prior probability of each variant to be causal, on any
        scale; None for equal ones.

    Raises
    ------
    InputError
        If the LD source's file cannot be used.
    """
    if locus["status"] != OK:
        row = unmapped_row(locus)
        return FineMappedLocus(row, CREDIBLE_SETS.empty(), SIGNALS.empty(), SIGNAL_LBF.empty())
    sumstats = sumstats.reset_index(drop=True)
    factors = study_log_bayes_factors(sumstats, trait_type=study["trait_type"], sd_y=study["sd_y"])
    problem = _missing_factors(locus, sumstats, factors)
    if problem is not None:
        LOGGER.info("%s: lead only: %s", locus["locus"], problem)
        return FineMappedLocus(*lead_only_rows(locus, sumstats, factors, problem), SIGNAL_LBF.empty())
    single = SingleEffect(factors, single_effect_posterior(factors.values, prior_weights), prior_weights)
    found = _find_signals(locus, sumstats, single, ld_source, engine, settings)
    LOGGER.info("%s: %s, %s %s", locus["locus"], found.rung, found.status, found.reason)
    coverage = settings.susie.coverage
    return FineMappedLocus(
        fine_mapping_row(locus, sumstats, found),
        variant_rows(locus, sumstats, single, found, coverage),
        signal_rows(locus, sumstats, single, found, coverage),
        bayes_factor_rows(locus, sumstats, single, found),
    )


def _missing_factors(locus: Mapping[str, Any], sumstats: pd.DataFrame, factors: LogBayesFactors) -> str | None:
    """Why a posterior would mean nothing; None when it means something.

    Without the lead the others would share out its probability among them.
    """
    missing, lead = np.isnan(factors.values), locus["lead_variant"]
    is_lead = (sumstats["variant"] == lead).to_numpy()
    if missing.all():
        return f"No Bayes factor for any of the {len(sumstats)} variants: {_joined(factors.reasons)}."
    if missing[is_lead].any():
        return f"No Bayes factor for the lead {lead}: {_joined(factors.reasons[is_lead])}."
    return None


def _joined(reasons: npt.NDArray[np.object_]) -> str:
    return "; ".join(sorted(set(reasons)))


def _find_signals(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    single: SingleEffect,
    ld_source: LdSource | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> Findings:
    """Go up step by step, and stop at the first that does not bear."""
    if ld_source is None:
        return Findings(SINGLE_EFFECT, "no_ld", "The study names no cohort for LD.")
    signed = np.flatnonzero(np.isfinite(float_column(sumstats, "z_score")))
    if not len(signed):
        return Findings(
            SINGLE_EFFECT, "unsigned_statistics", "The statistics have p-values but no direction of effect."
        )
    aligned = _align(locus, sumstats.iloc[signed], ld_source, settings.ld)
    if not len(aligned.rows):
        reason = (
            f"None of the {len(signed)} variants with signed statistics is in the cohort's LD ({_left_out(aligned)})."
        )
        return Findings(SINGLE_EFFECT, "no_ld", reason)
    found = _measure_coverage(locus, sumstats, single, signed[aligned.rows], settings.ld)
    return found if found.status != OK else _fit(sumstats, single, found, aligned, engine, settings)


def _align(locus: Mapping[str, Any], signed: pd.DataFrame, ld_source: LdSource, limits: LdSettings) -> AlignedLd:
    region = Region(locus["chromosome"], int(locus["start"]), int(locus["end"]))
    aligned = ld_source.align(region, signed, min_maf=limits.min_maf)
    LOGGER.info(
        "%s: LD for %d of %d signed variants, %d of them with REF and ALT exchanged; of the cohort's left out: %s",
        *(locus["locus"], len(aligned.rows), len(signed), aligned.n_exchanged, _left_out(aligned)),
    )
    return aligned


def _left_out(aligned: AlignedLd) -> str:
    counts = [f"{count} {reason}" for reason, count in sorted(aligned.left_out.items())]
    return ", ".join(counts) if counts else "none"


def _measure_coverage(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    single: SingleEffect,
    rows: IntArray,
    limits: LdSettings,
) -> Findings:
    """Whether enough of the locus has LD for its signals to be seen."""
    mass = float(single.posterior[rows].sum())
    found = Findings(SINGLE_EFFECT, OK, "", ld_rows=rows, ld_posterior_mass=mass)
    lead_is_covered = locus["lead_variant"] in set(sumstats["variant"].iloc[rows])
    lead = "" if lead_is_covered else f"; the lead {locus['lead_variant']} is not one of them"
    if len(rows) < limits.min_variants:
        reason = f"{len(rows)} variants have LD, fewer than {limits.min_variants}{lead}."
        return replace(found, status="ld_sparse", reason=reason)
    if mass < limits.min_posterior_mass:
        reason = (
            f"The {len(rows)} variants with LD hold {mass:.1%} of the single-effect posterior, "
            f"less than {limits.min_posterior_mass:.0%}{lead}."
        )
        return replace(found, status="ld_sparse", reason=reason)
    return found


def _fit(
    sumstats: pd.DataFrame,
    single: SingleEffect,
    found: Findings,
    aligned: AlignedLd,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> Findings:
    """Compute LD and fit as many signals as it can carry."""
    ld, of_ld = aligned.matrix(), sumstats.iloc[found.ld_rows]
    ld.require_order(of_ld)
    attempt = fit_signals(
        float_column(of_ld, "z_score"),
        ld,
        n_effective=median_sample_size(of_ld),
        engine=engine,
        settings=settings.susie,
        limits=settings.ld,
        prior_weights=None if single.prior_weights is None else single.prior_weights[found.ld_rows],
    )
    return replace(found, rung=attempt.rung, status=attempt.status, reason=attempt.reason, ld=ld, attempt=attempt)
