"""What the calibration benchmark puts the pipeline through: simulated loci whose LD fits, and loci whose LD does not.

Every replicate draws one study and meets it with every kind of LD, so that scenarios differ in nothing else. Fits,
verdicts, fall-backs and colocalizations are made by the pipeline's own functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from simulation import (
    FloatArray,
    IntArray,
    Population,
    Study,
    draw_people_study,
    draw_study,
    exchange_alleles,
    ld_of_founders,
    ld_off_register,
    subpopulation,
)
from simulation_ld import People, known_ld, panel

from locus2target.core.intervals import Region
from locus2target.statgen.abf import CASE_CONTROL, QUANTITATIVE, study_log_bayes_factors
from locus2target.statgen.coloc_pairs import hypothesis_posteriors, pair_sums
from locus2target.statgen.coloc_traits import arrange_signals
from locus2target.statgen.colocalization import ColocalizationRules, colocalize_locus
from locus2target.statgen.engine import FineMappingEngine, FitError, SusieInput
from locus2target.statgen.finemapping import FineMappedLocus, FineMappingSettings, finemap_locus
from locus2target.statgen.ld_sources import GenotypeLd, LdSource
from locus2target.statgen.qtl_signals import RepeatedLd, finemap_traits

GOOD, SMALL_PANEL, EXCHANGED, OTHER_PEOPLE = "good LD", "panel of 300", "exchanged alleles", "other people's LD"
SCENARIOS: Mapping[str, tuple[str, str]] = {
    "in_sample": (GOOD, "LD of the study's own 50,000 people"),
    "real_people": (GOOD, "the 489 people themselves: their genotypes, a simulated trait, their own LD"),
    "panel_2000": (GOOD, "2,000 other people of the same population"),
    "panel_1000": (GOOD, "1,000 other people of the same population"),
    "panel_500": (GOOD, "500 other people of the same population"),
    "panel_300": (SMALL_PANEL, "300 other people of the same population"),
    "exchange_1": (EXCHANGED, "one associated variant has its alleles exchanged; in-sample LD"),
    "exchange_5_percent": (EXCHANGED, "5 % of the associated variants, at least one; in-sample LD"),
    "exchange_20_percent": (EXCHANGED, "20 % of the associated variants, at least one; in-sample LD"),
    "exchange_1_panel_500": (EXCHANGED, "one associated variant; panel of 500"),
    "exchange_20_percent_panel_500": (EXCHANGED, "20 % of the associated variants; panel of 500"),
    "founders_40": (OTHER_PEOPLE, "5,000 people of a population that 40 of the people founded"),
    "founders_10": (OTHER_PEOPLE, "5,000 people of a population that 10 of the people founded"),
    "off_register": (OTHER_PEOPLE, "each variant has the LD of the one five places further on"),
}
"""Group and description of each kind of LD."""

R2_CLASSES: Mapping[str, tuple[float, float]] = {
    "r2 below 0.2": (0.0, 0.2),
    "r2 0.2 to 0.5": (0.2, 0.5),
    "r2 0.5 to 0.8": (0.5, 0.8),
    "r2 0.8 to 0.95": (0.8, 0.95),
    "anywhere": (0.0, 1.0),
}
"""LD between the causal variants of two traits that share none; anywhere: any other variant of the locus."""
SHARED = "shared"
PIP_BINS = np.array([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
"""Bounds of the bins in which PIPs are held against the truth; a bin includes its upper bound."""

N_STUDY = 50_000.0
N_FOUNDED = 5_000
N_QTL = 500
QTL_P = 1e-5
_GENOME_WIDE_Z = 5.4513  # p = 5e-8: what makes a locus, and here an associated variant
_QTL_Z = 4.4172  # p = 1e-5
_SHIFT = 5
_STRENGTH = (5.0, 15.0)  # expected z-score of a causal variant on its own
_STRENGTH_PEOPLE = (5.0, 9.0)  # the same in a few hundred people
_QUANTITATIVE_SHEET = {"trait_type": QUANTITATIVE, "sd_y": 1.0}
_CASE_CONTROL_SHEET = {"trait_type": CASE_CONTROL, "sd_y": None}
_TISSUE = "simulated"
_QTL_SHEET = {"qtl_type": "eqtl", "tissue": _TISSUE, "sd_y": 1.0, "coverage": "full"}


@dataclass(frozen=True)
class Pipeline:
    """What is measured: the engine and the settings of a run."""

    engine: FineMappingEngine
    fine_mapping: FineMappingSettings
    colocalization: ColocalizationRules


def constant_sources(populations: Mapping[str, Population]) -> dict[tuple[str, str], LdSource]:
    """Sources that are the same in all replicates, by population and scenario."""
    sources: dict[tuple[str, str], LdSource] = {}
    for name, population in populations.items():
        sources[name, "in_sample"] = known_ld(population, population.r, N_STUDY)
        sources[name, "off_register"] = known_ld(population, ld_off_register(population, _SHIFT), N_FOUNDED)
        sources[name, "real_people"] = RepeatedLd(GenotypeLd(People(population, population.dosages)))
    return sources


# ---- Fine-mapping ------------------------------------------------------------------------------------------------


def finemap_replicate(
    population: Population,
    constant: Mapping[tuple[str, str], LdSource],
    pipeline: Pipeline,
    *,
    n_causal: int,
    trait_type: str,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """One study met with every kind of LD: a row per scenario, with what was claimed and whether it is true."""
    study = _draw_locus(population, n_causal, trait_type, rng)
    own = _draw_people_locus(population, n_causal, rng)
    sources: dict[str, LdSource] = {name: constant[population.name, name] for name in ("in_sample", "off_register")}
    sources |= {f"panel_{n_people}": panel(population, n_people, rng) for n_people in (2000, 1000, 500, 300)}
    for n_founders in (40, 10):
        rows, r = ld_of_founders(population, n_founders, rng)
        sources[f"founders_{n_founders}"] = known_ld(population, r, N_FOUNDED, rows)
    cases = {name: (study, source) for name, source in sources.items()}
    cases["real_people"] = (own, constant[population.name, "real_people"])
    for name, share in (("1", 0.0), ("5_percent", 0.05), ("20_percent", 0.2)):
        exchanged = _exchange_share(study, share, rng)
        cases[f"exchange_{name}"] = (exchanged, sources["in_sample"])
        cases[f"exchange_{name}_panel_500"] = (exchanged, sources["panel_500"])
    shared = {"locus": population.name, "n_variants": population.size, "n_causal": n_causal, "trait_type": trait_type}
    return [shared | {"scenario": name} | _finemap(population, *cases[name], pipeline) for name in SCENARIOS]


def _draw_locus(population: Population, n_causal: int, trait_type: str, rng: np.random.Generator) -> Study:
    """A study whose lead is genome-wide significant, as that of any locus is."""
    while True:
        causal = rng.choice(population.size, size=n_causal, replace=False)
        study = draw_study(population, causal, _strengths(_STRENGTH, n_causal, rng), N_STUDY, trait_type, rng)
        if np.abs(study.z_score).max() > _GENOME_WIDE_Z:
            return study


def _draw_people_locus(population: Population, n_causal: int, rng: np.random.Generator) -> Study:
    while True:
        causal = rng.choice(population.size, size=n_causal, replace=False)
        study = draw_people_study(population, causal, _strengths(_STRENGTH_PEOPLE, n_causal, rng), rng)
        if np.abs(study.z_score).max() > _GENOME_WIDE_Z:
            return study


def _strengths(bounds: tuple[float, float], n_causal: int, rng: np.random.Generator) -> FloatArray:
    """Expected z-scores, uniform on the log scale, either sign."""
    low, high = bounds
    size = np.exp(rng.uniform(np.log(low), np.log(high), size=n_causal))
    strengths: FloatArray = size * rng.choice([-1.0, 1.0], size=n_causal)
    return strengths


def _exchange_share(study: Study, share: float, rng: np.random.Generator) -> Study:
    """Exchange the alleles of so many of the associated variants, of one at least."""
    associated = np.flatnonzero(np.abs(study.z_score) > _GENOME_WIDE_Z)
    n_exchanged = max(1, round(share * len(associated)))
    return exchange_alleles(study, rng.choice(associated, size=n_exchanged, replace=False))


def _finemap(population: Population, study: Study, source: LdSource, pipeline: Pipeline) -> dict[str, Any]:
    locus = _locus_row(population, study)
    sheet = _CASE_CONTROL_SHEET if study.trait_type == CASE_CONTROL else _QUANTITATIVE_SHEET
    result = finemap_locus(
        locus, study.sumstats, study=sheet, ld_source=source, engine=pipeline.engine, settings=pipeline.fine_mapping
    )
    found = result.fine_mapping.iloc[0]
    lambda_ = np.nan if pd.isna(found["ld_lambda"]) else float(found["ld_lambda"])
    row = {"verdict": found["ld_verdict"], "rung": found["rung"], "status": found["status"], "ld_lambda": lambda_}
    mass = result.signals.loc[result.signals["primary"], "coverage"].sum()
    pip = result.credible_sets["pip"].to_numpy(np.float64, na_value=np.nan)
    row |= _score_claims("", study, _claimed_sets(result.credible_sets), float(mass), pip)
    return row | _score_claims("unchecked_", study, *_fit_unchecked(locus, study, source, pipeline))


def _locus_row(population: Population, study: Study) -> dict[str, Any]:
    lead = int(np.argmax(np.abs(study.z_score)))
    region = population.region
    return {
        "locus": population.name,
        "study": "simulated",
        "disease": "simulated",
        "chromosome": region.chromosome,
        "start": region.start,
        "end": region.end,
        "lead_variant": study.sumstats["variant"].iloc[lead],
        "lead_neg_log10_p": float(study.sumstats["neg_log10_p"].iloc[lead]),
        "n_variants": population.size,
        "n_leads": 1,
        "status": "ok",
        "reason": "",
    }


def _claimed_sets(credible_sets: pd.DataFrame) -> list[IntArray]:
    """Rows of the variants of each credible set that the pipeline stands by."""
    numbers = credible_sets["credible_set"].to_numpy(np.float64, na_value=np.nan)
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers[~np.isnan(numbers)])]


def _fit_unchecked(
    locus: Mapping[str, Any], study: Study, source: LdSource, pipeline: Pipeline
) -> tuple[list[IntArray], float, FloatArray]:
    """Sets, their posterior mass and PIPs of SuSiE with all its effects, whatever the LD: a run without checks."""
    region = Region(locus["chromosome"], locus["start"], locus["end"])
    aligned = source.align(region, study.sumstats, min_maf=pipeline.fine_mapping.ld.min_maf)
    ld, rows = aligned.matrix(), aligned.rows
    n_samples = float(study.sumstats["n_effective"].iloc[0])
    r = ld.r if ld.factor is None else None
    pip = np.full(len(study.sumstats), np.nan)
    try:
        fit = pipeline.engine.fit(
            SusieInput(study.z_score[rows], r, n_samples, factor=ld.factor), pipeline.fine_mapping.susie
        )
    except FitError:
        return [], 0.0, pip
    pip[rows] = fit.pip
    mass = sum(one.coverage for one in fit.credible_sets)
    return [rows[one.variables] for one in fit.credible_sets], mass, pip


def _score_claims(prefix: str, study: Study, sets: Sequence[IntArray], mass: float, pip: FloatArray) -> dict[str, Any]:
    """Hold sets and PIPs against the truth."""
    true = [bool(np.isin(study.causal, members).any()) for members in sets]
    in_sets = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *sets]))
    confident = np.flatnonzero(pip > 0.9)
    is_causal = np.isin(np.arange(len(pip)), study.causal)
    in_bin = np.digitize(pip, PIP_BINS, right=True)  # NaN lands behind the last bin
    scores = {
        "n_sets": len(sets),
        "set_mass": mass,
        "n_true_sets": sum(true),
        "set_sizes": [len(members) for members in sets],
        "n_causal_found": int(np.isin(study.causal, in_sets).sum()),
        "n_confident": len(confident),
        "n_false_confident": int((~is_causal[confident]).sum()),
        "pip_n": [int((in_bin == number).sum()) for number in range(1, len(PIP_BINS))],
        "pip_sum": [float(pip[in_bin == number].sum()) for number in range(1, len(PIP_BINS))],
        "pip_causal": [int(is_causal[in_bin == number].sum()) for number in range(1, len(PIP_BINS))],
    }
    return {f"{prefix}{name}": value for name, value in scores.items()}


# ---- Colocalization ----------------------------------------------------------------------------------------------


def colocalize_replicate(
    population: Population,
    constant: Mapping[tuple[str, str], LdSource],
    pipeline: Pipeline,
    *,
    truth: str,
    n_causal: int,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    """H4 of a disease study and a molecular trait in 500 people, who share a causal variant or do not.

    Parameters
    ----------
    population, constant, pipeline
        As for `finemap_replicate`; the disease has in-sample LD, the molecular trait that of its own people.
    truth
        `shared`, or one of `R2_CLASSES`: LD between the molecular trait's causal variant and the disease's nearest.
    n_causal
        Of the disease.
    rng
        Random numbers.

    Returns
    -------
    dict or None
        None when the locus has no variant in such LD with the disease's causal ones.
    """
    study = _draw_locus(population, n_causal, QUANTITATIVE, rng)
    varying, cohort = subpopulation(population, population.draw_people(N_QTL, rng))
    candidates = study.causal if truth == SHARED else _in_r2_class(population, study.causal, R2_CLASSES[truth])
    usable = np.flatnonzero(np.isin(varying, candidates))
    if not len(usable):
        return None
    molecular = _draw_molecular(cohort, rng.choice(usable, size=1), rng)
    locus = _locus_row(population, study)
    disease = finemap_locus(
        locus,
        study.sumstats,
        study=_QUANTITATIVE_SHEET,
        ld_source=constant[population.name, "in_sample"],
        engine=pipeline.engine,
        settings=pipeline.fine_mapping,
    )
    posterior, n_pairs = _colocalize(locus, disease, molecular, cohort, pipeline)
    return {
        "locus": population.name,
        "truth": truth,
        "n_causal": n_causal,
        "n_pairs": n_pairs,
        "posterior_h4": posterior,
        "single_posterior_h4": _single_effect_h4(disease, molecular, pipeline.colocalization),
    }


def _in_r2_class(population: Population, causal: IntArray, bounds: tuple[float, float]) -> IntArray:
    """Variants that are not causal themselves and whose r2 with the nearest causal one is in bounds."""
    nearest = (population.r[:, causal] ** 2).max(axis=1)
    return np.setdiff1d(np.flatnonzero((nearest >= bounds[0]) & (nearest <= bounds[1])), causal)


def _draw_molecular(cohort: Population, causal: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    """`core.schemas.QTL` rows of a gene with one causal variant, strong enough to be looked at."""
    while True:
        study = draw_people_study(cohort, causal, _strengths(_STRENGTH_PEOPLE, 1, rng), rng)
        if np.abs(study.z_score).max() > _QTL_Z:
            return study.sumstats.assign(gene_id="ENSG0", phenotype_id="ENSG0", tissue=_TISSUE)


def _colocalize(
    locus: Mapping[str, Any],
    disease: FineMappedLocus,
    molecular: pd.DataFrame,
    cohort: Population,
    pipeline: Pipeline,
) -> tuple[float, int]:
    """Largest H4 of the pairs of signals that the pipeline compares, and their number."""
    traits = finemap_traits(
        locus,
        molecular,
        qtl="simulated",
        qtl_sheet=_QTL_SHEET,
        ld=RepeatedLd(GenotypeLd(People(cohort, cohort.dosages))),
        engine=pipeline.engine,
        settings=pipeline.fine_mapping,
        qtl_p=QTL_P,
    )
    found = colocalize_locus(
        locus,
        arrange_signals(disease.signals, disease.signal_lbf, status=str(disease.fine_mapping["status"].iloc[0])),
        molecular,
        qtl="simulated",
        qtl_sheet=_QTL_SHEET,
        qtl_signals=traits.signals,
        qtl_signal_lbf=traits.signal_lbf,
        rules=pipeline.colocalization,
    ).colocalization
    posteriors = found["posterior_h4"].to_numpy(np.float64, na_value=np.nan)
    return float(np.nanmax(posteriors)) if np.isfinite(posteriors).any() else 0.0, int(np.isfinite(posteriors).sum())


def _single_effect_h4(disease: FineMappedLocus, molecular: pd.DataFrame, rules: ColocalizationRules) -> float:
    """H4 of one causal variant each, over all variants that both have: coloc.abf."""
    first = disease.signal_lbf.query("signal == 0").set_index("variant")["log_bayes_factor"]
    factors = study_log_bayes_factors(molecular, trait_type=QUANTITATIVE, sd_y=1.0).values
    second = pd.Series(factors, index=molecular["variant"]).reindex(first.index)
    signals: FloatArray = np.stack([first.to_numpy(np.float64), second.to_numpy(np.float64)])
    sums = pair_sums(signals[:1], signals[1:])
    return float(hypothesis_posteriors(sums, rules.priors)[0, 0, 4])
