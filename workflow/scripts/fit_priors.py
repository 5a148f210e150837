"""Fit functional priors: how much likelier variants with large sequence scores or in annotations are to be causal.

Input: credible sets, signals and log Bayes factors of all batches (not of imported studies), the studies' canonical
tables (file stem = study; for allele frequencies), variant effects, genes, and annotation files (BED 0-based, TSV
1-based). Output: PRIOR_WEIGHTS for every variant of every analysed locus, from loci on other chromosomes; and
PRIOR_ENRICHMENT with the enrichments, without each chromosome in turn and for all, beside those of shuffled features.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from locus2target.core import schemas
from locus2target.core.intervals import region_of_positions
from locus2target.core.job import job
from locus2target.core.tables import read_table, read_tables, write_table
from locus2target.statgen import prior_features as features
from locus2target.statgen.functional_priors import (
    FACTOR_COLUMNS,
    FloatArray,
    PriorSettings,
    fit_functional_prior,
    gather_signals,
    shuffle_within_loci,
)
from locus2target.statgen.prior_tables import (
    FITTED,
    PERMUTED,
    VARIANT_COLUMNS,
    enrichment_table,
    locus_groups,
    prior_variants,
    weights_table,
)
from locus2target.targets.annotations import match_consequences, read_consequences, read_open_chromatin
from locus2target.targets.overlaps import overlapping_rows

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    credible_sets: Sequence[str],
    signals: Sequence[str],
    signal_lbf: Sequence[str],
    sumstats: Sequence[str],
    variant_effects: Sequence[str],
    genes: str,
    annotations: Mapping[str, str | None],
    prior_weights: str,
    enrichment: str,
    settings: Mapping[str, Any],
) -> None:
    rules = PriorSettings.from_settings(settings)
    variants = prior_variants(read_tables(credible_sets, schemas.CREDIBLE_SETS, columns=VARIANT_COLUMNS))
    loci = locus_groups(variants)
    frequency = _frequencies(variants, {Path(path).stem: path for path in sumstats})
    distance = features.tss_distances(variants, read_table(genes, schemas.GENES))
    strata = features.frequency_distance_strata(frequency, distance)
    known: list[features.Feature] = []
    if features.SEQUENCE_SCORES in settings["features"]:
        effects = read_tables(
            variant_effects, schemas.VARIANT_EFFECTS, columns=features.SCORE_COLUMNS, only={"largest": [True]}
        )
        known += features.sequence_features(variants, effects, strata)
    for name, carriers in _carriers(variants, annotations).items():
        if name in settings["features"]:
            known.append(features.annotation_feature(name, variants, carriers, strata))
    evidence = gather_signals(
        variants,
        read_tables(signals, schemas.SIGNALS),
        read_tables(signal_lbf, schemas.SIGNAL_LBF, columns=FACTOR_COLUMNS),
    )
    logging.getLogger("locus2target").info(
        "%d features of %d variants in %d loci; %d signals of %d loci to learn from",
        *(len(known), len(variants), len(loci.starts), len(evidence.locus), len(set(evidence.locus))),
    )
    values = np.column_stack([np.empty((len(variants), 0)), *(feature.values for feature in known)])
    chromosome = variants["chromosome"].to_numpy(object)[loci.starts]
    fitted = fit_functional_prior(values, loci, chromosome, evidence, rules)
    shuffled = shuffle_within_loci(values, loci, seed=rules.seed)
    control = fit_functional_prior(shuffled, loci, chromosome, evidence, rules)
    write_table(weights_table(variants, fitted.weights), prior_weights, schemas.PRIOR_WEIGHTS)
    write_table(enrichment_table(known, {FITTED: fitted, PERMUTED: control}), enrichment, schemas.PRIOR_ENRICHMENT)


def _frequencies(variants: pd.DataFrame, sumstats: Mapping[str, str]) -> FloatArray:
    """Minor allele frequency of each row in its own study; NaN where the study does not give it."""
    found = np.full(len(variants), np.nan)
    for (study, _), rows in variants.groupby(["study", "locus"], sort=False):
        span = region_of_positions(rows["chromosome"].iloc[0], rows["position"].min(), rows["position"].max())
        columns = ["variant", "minor_allele_frequency"]
        of_locus = read_table(sumstats[str(study)], schemas.SUMSTATS, columns=columns, region=span)
        by_variant = of_locus.drop_duplicates("variant").set_index("variant")["minor_allele_frequency"]
        found[rows.index] = rows["variant"].map(by_variant).to_numpy(np.float64)
    return found


def _carriers(variants: pd.DataFrame, annotations: Mapping[str, str | None]) -> dict[str, set[str] | None]:
    """Keys of the variants that have each annotation; None without its file."""
    each = variants.drop_duplicates("variant").reset_index(drop=True)
    peaks, coding = annotations["open_chromatin"], annotations["coding_consequences"]
    carriers: dict[str, set[str] | None] = {features.OPEN_CHROMATIN: None, features.CODING_CONSEQUENCE: None}
    if peaks is not None:
        inside = overlapping_rows(each, read_open_chromatin(peaks))[:, 0]
        carriers[features.OPEN_CHROMATIN] = set(each["variant"].iloc[np.unique(inside)])
    if coding is not None:
        carriers[features.CODING_CONSEQUENCE] = set(match_consequences(each, read_consequences(coding))["variant"])
    return carriers


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=snakemake.input.credible_sets,
            signals=snakemake.input.signals,
            signal_lbf=snakemake.input.signal_lbf,
            sumstats=snakemake.input.sumstats,
            variant_effects=snakemake.input.variant_effects,
            genes=snakemake.input.genes,
            annotations=snakemake.params.annotations,
            prior_weights=snakemake.output.prior_weights,
            enrichment=snakemake.output.enrichment,
            settings=snakemake.params.settings,
        )
