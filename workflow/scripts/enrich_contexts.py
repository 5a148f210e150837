"""Find the cell types and tissues that one disease's signals point to.

Reads loci (0-based, half-open), credible sets (1-based positions, PIPs) and colocalization (posterior H4) of all
batches, genes, and the annotation files of open chromatin and enhancer-gene links (BED: 0-based). Writes
CONTEXT_ENRICHMENT as Parquet and TSV: for each context what was observed and what matched background has, p- and
q-value, the factor of the context's evidence, and a status with its reason.
"""

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import TableSchema, read_table, read_tables, write_table, write_tsv
from locus2target.targets.bed import read_gene_links, read_open_chromatin
from locus2target.targets.contexts import ContextSettings, DiseaseSignals, enrich_contexts
from locus2target.targets.relevance import GENE_LINK, OPEN_CHROMATIN

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(
    *,
    loci: list[str],
    credible_sets: list[str],
    colocalization: list[str],
    genes: str,
    annotations: dict[str, str | None],
    enrichment: str,
    enrichment_tsv: str,
    disease: str,
    gene_types: list[str],
    settings: dict[str, Any],
) -> None:
    signals = DiseaseSignals(
        disease,
        loci=_of_disease(loci, schemas.LOCI, disease),
        credible_sets=_of_disease(credible_sets, schemas.CREDIBLE_SETS, disease),
        colocalization=_of_disease(colocalization, schemas.COLOCALIZATION, disease),
    )
    peaks, links = annotations["open_chromatin"], annotations["enhancer_gene_links"]
    annotation = read_table(genes, schemas.GENES)
    table = enrich_contexts(
        signals,
        {
            OPEN_CHROMATIN: None if peaks is None else read_open_chromatin(peaks),
            GENE_LINK: None if links is None else read_gene_links(links),
        },
        annotation[annotation["gene_type"].isin(gene_types)],
        ContextSettings(**settings),
    )
    for (kind, status), rows in table.groupby(["kind", "status"], sort=True):
        logger.info(
            "%s: %d contexts %s, %d of them at full relevance", kind, len(rows), status, (rows["relevance"] == 1).sum()
        )
    write_table(table, enrichment, schemas.CONTEXT_ENRICHMENT)
    write_tsv(table, enrichment_tsv)


def _of_disease(paths: list[str], schema: TableSchema, disease: str) -> pd.DataFrame:
    return read_tables(paths, schema, only={"disease": [disease]})


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            credible_sets=snakemake.input.credible_sets,
            colocalization=snakemake.input.colocalization,
            genes=snakemake.input.genes,
            annotations=snakemake.params.annotations,
            enrichment=snakemake.output.enrichment,
            enrichment_tsv=snakemake.output.enrichment_tsv,
            disease=snakemake.wildcards.disease,
            gene_types=snakemake.params.gene_types,
            settings=snakemake.params.settings,
        )
