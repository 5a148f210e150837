"""Turn the results of all stages into evidence rows for the candidate genes of one disease.

Reads loci, fine-mapping, credible sets, signals, colocalization and gene effects of all batches, the variant effects
of the sequence models, genes (0-based, half-open), exons, the relevance of contexts, annotation files (BED: 0-based;
TSV: 1-based positions) and the table of evidence weights (natural-log likelihood ratios). Writes EVIDENCE: disease,
locus, gene, source, value in its unit, log odds, direction, supporting variants, context, and a status with its
reason. The variants of a few loci are in memory at a time.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import TableSchema, append_table, is_among, read_table, read_tables
from locus2target.statgen.coloc_flags import flag_promiscuous_genes
from locus2target.targets.candidates import genome_order
from locus2target.targets.evidence import (
    EFFECT_COLUMNS,
    StageResults,
    annotate_variants,
    collect_evidence,
    read_annotations,
)
from locus2target.targets.evidence_signals import tabulate_signals
from locus2target.targets.relevance import table_relevance
from locus2target.targets.weights import Weights, read_weights

if TYPE_CHECKING:
    snakemake: Any

_LOCI_AT_ONCE = 25


def main(
    *,
    loci: list[str],
    fine_mapping: list[str],
    credible_sets: list[str],
    signals: list[str],
    colocalization: list[str],
    cis_effects: list[str],
    variant_effects: list[str],
    genes: str,
    exons: str,
    contexts: str,
    annotations: dict[str, str | None],
    weights: str,
    evidence: str,
    disease: str,
    settings: dict[str, Any],
) -> None:
    every = StageResults(
        loci=_of_disease(loci, schemas.LOCI, disease),
        fine_mapping=_of_disease(fine_mapping, schemas.FINE_MAPPING, disease),
        credible_sets=schemas.CREDIBLE_SETS.empty(),
        signals=_of_disease(signals, schemas.SIGNALS, disease),
        colocalization=flag_promiscuous_genes(
            _of_disease(colocalization, schemas.COLOCALIZATION, disease), threshold=settings["posterior_threshold"]
        ),
        cis_effects=_of_disease(cis_effects, schemas.CIS_EFFECTS, disease),
        variant_effects=_largest_effects(variant_effects, credible_sets, disease),
        genes=read_table(genes, schemas.GENES),
        exons=read_table(exons, schemas.EXONS),
        relevance=table_relevance(read_table(contexts, schemas.CONTEXT_ENRICHMENT)),
    )
    limits = {"gene_types": settings["gene_types"], "window_bp": settings["candidate_window_bp"]}
    weighed, given = read_weights(weights), read_annotations(annotations, every.genes)
    pointing = _signals_of_genes(every, credible_sets, weighed, **limits)
    with append_table(evidence, schemas.EVIDENCE) as append:
        for names in _groups(every.loci):
            some = _part(every, names, _variants_of(names, credible_sets))
            found = annotate_variants(some, given)
            append(collect_evidence(some, found, pointing, weighed, **limits, in_prior=settings["in_prior"]))


def _of_disease(paths: list[str], schema: TableSchema, disease: str) -> pd.DataFrame:
    return read_tables(paths, schema, only={"disease": [disease]})


def _largest_effects(variant_effects: list[str], credible_sets: list[str], disease: str) -> pd.DataFrame:
    """Largest effects of the disease's variants."""
    own = read_tables(credible_sets, schemas.CREDIBLE_SETS, columns=["variant"], only={"disease": [disease]})
    wanted = {"largest": [True], "variant": own["variant"].unique()}
    return read_tables(variant_effects, schemas.VARIANT_EFFECTS, columns=EFFECT_COLUMNS, only=wanted)


def _groups(loci: pd.DataFrame) -> list["pd.Series[str]"]:
    """Names of a few loci after the other, along the genome; one group without any where there is none."""
    names = genome_order(loci)
    starts = range(0, max(1, len(names)), _LOCI_AT_ONCE)
    return [pd.Series(names[start : start + _LOCI_AT_ONCE], dtype="str") for start in starts]


def _variants_of(names: "pd.Series[str]", credible_sets: list[str]) -> pd.DataFrame:
    return read_tables(credible_sets, schemas.CREDIBLE_SETS, only={"locus": names})


def _part(every: StageResults, names: "pd.Series[str]", variants: pd.DataFrame) -> StageResults:
    """The results of a few loci, with their variants."""
    loci, effects = every.loci, every.variant_effects
    return replace(
        every,
        loci=loci[is_among(loci["locus"], names)],
        credible_sets=variants,
        variant_effects=effects[is_among(effects["variant"], variants["variant"])],
    )


def _signals_of_genes(
    every: StageResults, credible_sets: list[str], weights: Weights, *, gene_types: Sequence[str], window_bp: int
) -> pd.DataFrame:
    """Signals of all loci of the disease, and the genes of the configured types that they point at."""
    allowed = every.genes[every.genes["gene_type"].isin(gene_types)]
    parts = (
        tabulate_signals(_variants_of(names, credible_sets), allowed, weights, window_bp=window_bp)
        for names in _groups(every.loci)
    )
    return pd.concat(parts, ignore_index=True).sort_values(["study", "locus"], kind="stable", ignore_index=True)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            credible_sets=snakemake.input.credible_sets,
            signals=snakemake.input.signals,
            colocalization=snakemake.input.colocalization,
            cis_effects=snakemake.input.cis_effects,
            variant_effects=snakemake.input.variant_effects,
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            contexts=snakemake.input.contexts,
            annotations=snakemake.params.annotations,
            weights=snakemake.input.weights,
            evidence=snakemake.output.evidence,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
