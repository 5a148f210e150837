"""Fit functional priors: how much likelier variants with large sequence scores or in annotations are to be causal.

Input: credible sets, signals and log Bayes factors of all batches (not of imported studies), the studies' canonical
tables (file stem = study; for allele frequencies), variant effects, genes, and annotation files (BED 0-based, TSV
1-based). Output: PRIOR_WEIGHTS for every variant of every analysed locus, from loci on other chromosomes; and
PRIOR_ENRICHMENT with the enrichments, without each chromosome in turn and for all, beside those of shuffled features.
The tables of one batch are in memory at a time; of all loci only numbers are kept.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core import schemas
from locus2target.core.intervals import region_of_positions
from locus2target.core.job import job
from locus2target.core.tables import append_table, pieces, read_table, write_table
from locus2target.core.variant_codes import VariantCodes
from locus2target.statgen import prior_features as features
from locus2target.statgen.functional_priors import (
    FACTOR_COLUMNS,
    FloatArray,
    PriorSettings,
    Signals,
    fit_functional_prior,
    gather_signals,
    shuffle_within_loci,
)
from locus2target.statgen.prior_tables import (
    FITTED,
    LOCUS_COLUMNS,
    PERMUTED,
    VARIANT_COLUMNS,
    PriorLoci,
    enrichment_table,
    prior_variants,
    weights_tables,
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
    loci = PriorLoci.of_batches(
        read_table(path, schemas.CREDIBLE_SETS, columns=LOCUS_COLUMNS) for path in credible_sets
    )
    studies = {Path(path).stem: path for path in sumstats}
    batches = zip(credible_sets, signals, signal_lbf, strict=True)
    variants, evidence = _read_batches(loci, batches, studies, read_table(genes, schemas.GENES))
    known, values = _features(variants, variant_effects, annotations, settings["features"])
    logging.getLogger("locus2target").info(
        "%d features of %d variants in %d loci; %d signals of %d loci to learn from",
        *(len(known), len(values), len(loci.name), len(evidence.locus), len(set(evidence.locus))),
    )
    fitted = fit_functional_prior(values, loci.groups, loci.chromosome, evidence, rules)
    with append_table(prior_weights, schemas.PRIOR_WEIGHTS) as append:
        for table in weights_tables(loci, variants, fitted.weights):
            append(table)
    fits = {FITTED: fitted.fits}
    del fitted, variants  # their arrays are as long as all loci together
    shuffle_within_loci(values, loci.groups, seed=rules.seed)
    fits[PERMUTED] = fit_functional_prior(values, loci.groups, loci.chromosome, evidence, rules).fits
    write_table(enrichment_table(known, fits), enrichment, schemas.PRIOR_ENRICHMENT)


def _read_batches(
    loci: PriorLoci, batches: Iterable[tuple[str, str, str]], sumstats: Mapping[str, str], genes: pd.DataFrame
) -> tuple[features.PriorVariants, Signals]:
    """Read variants and signals of all loci; one batch of (credible sets, signals, Bayes factors) is kept at a time."""
    keys, evidence = VariantCodes(), []
    codes, strata = np.empty(loci.n_variants, dtype=np.int64), np.empty(loci.n_variants, dtype=np.int8)
    for credible_sets, signals, signal_lbf in batches:
        batch = prior_variants(read_table(credible_sets, schemas.CREDIBLE_SETS, columns=VARIANT_COLUMNS))
        rows = loci.rows(batch)
        codes[rows] = keys.encode(batch)
        distance = features.tss_distances(batch, genes)
        strata[rows] = features.frequency_distance_strata(_frequencies(batch, sumstats), distance)
        factors = read_table(signal_lbf, schemas.SIGNAL_LBF, columns=FACTOR_COLUMNS)
        of_batch = gather_signals(batch, read_table(signals, schemas.SIGNALS), factors)
        evidence.append(replace(of_batch, rows=rows[of_batch.rows]))
    return features.PriorVariants.of_codes(keys, codes, loci.groups, strata), Signals.by_locus(evidence)


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


def _features(
    variants: features.PriorVariants,
    variant_effects: Sequence[str],
    annotations: Mapping[str, str | None],
    wanted: Collection[str],
) -> tuple[list[features.Feature], FloatArray]:
    """The wanted features and their values, float64 of shape (n_variants, n_features)."""
    scores = _scores(variants, variant_effects) if features.SEQUENCE_SCORES in wanted else {}
    carriers = {name: find(variants, annotations[file]) for name, (file, find) in _CARRIERS.items() if name in wanted}
    columns = chain(
        (features.sequence_feature(model, of_model, variants) for model, of_model in scores.items()),
        (features.annotation_feature(name, having, variants) for name, having in carriers.items()),
    )
    known, values = [], np.empty((len(variants.of_row), len(scores) + len(carriers)))
    for number, column in enumerate(columns):  # made one by one
        known.append(column.feature)
        values[:, number] = column.values
    return known, values


def _scores(variants: features.PriorVariants, variant_effects: Sequence[str]) -> dict[str, FloatArray]:
    """Largest background quantile of each distinct variant, by model; one file is read at a time."""
    largest = {"largest": [True]}
    return features.sequence_scores(
        (
            read_table(path, schemas.VARIANT_EFFECTS, columns=features.SCORE_COLUMNS, only=largest)
            for path in variant_effects
        ),
        variants,
    )


def _in_open_chromatin(variants: features.PriorVariants, peaks: str | None) -> npt.NDArray[np.bool_] | None:
    """Which distinct variants lie in a peak; None without a file."""
    if peaks is None:
        return None
    intervals = read_open_chromatin(peaks)
    inside = np.zeros(len(variants.distinct), dtype=bool)
    for part in pieces(slice(0, len(inside))):
        pairs = overlapping_rows(variants.keys.decode(variants.distinct[part]), intervals)
        inside[part.start + pairs[:, 0]] = True
    return inside


def _change_proteins(variants: features.PriorVariants, coding: str | None) -> npt.NDArray[np.bool_] | None:
    """Which distinct variants have a coding consequence; None without a file."""
    if coding is None:
        return None
    consequences = read_consequences(coding)
    chosen = variants.at_places_of(consequences)
    each = variants.keys.decode(variants.distinct[chosen])
    changing = np.zeros(len(variants.distinct), dtype=bool)
    changing[chosen] = each["variant"].isin(match_consequences(each, consequences)["variant"])
    return changing


_CARRIERS = {
    features.OPEN_CHROMATIN: ("open_chromatin", _in_open_chromatin),
    features.CODING_CONSEQUENCE: ("coding_consequences", _change_proteins),
}
"""By annotation: its file, and which variants have it."""


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
