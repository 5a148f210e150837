"""Turn the results of all stages into evidence rows for the candidate genes of one disease.

Reads loci, fine-mapping, credible sets, signals, colocalization and gene effects of all batches, the variant effects
of the sequence models, genes (0-based, half-open), exons, the relevance of contexts, annotation files (BED: 0-based;
TSV: 1-based positions) and the table of evidence weights (natural-log likelihood ratios). Writes EVIDENCE: disease,
locus, gene, source, value in its unit, log odds, direction, supporting variants, context, and a status with its
reason.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import TableSchema, read_table, read_tables, write_table
from locus2target.statgen.coloc_flags import flag_promiscuous_genes
from locus2target.targets.evidence import EFFECT_COLUMNS, StageResults, annotate_variants, collect_evidence
from locus2target.targets.relevance import table_relevance
from locus2target.targets.weights import read_weights

if TYPE_CHECKING:
    snakemake: Any


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
    tests = _of_disease(colocalization, schemas.COLOCALIZATION, disease)
    variants = _of_disease(credible_sets, schemas.CREDIBLE_SETS, disease)
    results = StageResults(
        loci=_of_disease(loci, schemas.LOCI, disease),
        fine_mapping=_of_disease(fine_mapping, schemas.FINE_MAPPING, disease),
        credible_sets=variants,
        signals=_of_disease(signals, schemas.SIGNALS, disease),
        colocalization=flag_promiscuous_genes(tests, threshold=settings["posterior_threshold"]),
        cis_effects=_of_disease(cis_effects, schemas.CIS_EFFECTS, disease),
        variant_effects=read_tables(
            variant_effects,
            schemas.VARIANT_EFFECTS,
            columns=EFFECT_COLUMNS,
            only={"largest": [True], "variant": variants["variant"].unique()},
        ),
        genes=read_table(genes, schemas.GENES),
        exons=read_table(exons, schemas.EXONS),
        relevance=table_relevance(read_table(contexts, schemas.CONTEXT_ENRICHMENT)),
    )
    rows = collect_evidence(
        results,
        annotate_variants(results, annotations),
        read_weights(weights),
        gene_types=settings["gene_types"],
        window_bp=settings["candidate_window_bp"],
        in_prior=settings["in_prior"],
    )
    write_table(rows, evidence, schemas.EVIDENCE)


def _of_disease(paths: list[str], schema: TableSchema, disease: str) -> pd.DataFrame:
    return read_tables(paths, schema, only={"disease": [disease]})


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
