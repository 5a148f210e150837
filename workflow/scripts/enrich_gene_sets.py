"""Test which pathways the probable target genes of one disease share, by permutation within loci.

Reads LOCUS_GENES of the disease (probabilities 0..1, of which those without convergence are used), the loci (0-based,
half-open), the genes, and gene sets in GMT. Writes GENE_SET_ENRICHMENT, one row per set, as Parquet and as TSV.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_table, read_tables, write_table, write_tsv
from locus2target.targets.gene_set_enrichment import enrich_gene_sets
from locus2target.targets.gene_sets import build_membership, read_gmt

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    locus_genes: str,
    loci: list[str],
    genes: str,
    gene_sets: list[str],
    enrichment: str,
    enrichment_tsv: str,
    disease: str,
    settings: dict[str, int],
) -> None:
    all_loci = read_tables(loci, schemas.LOCI)
    all_genes = read_table(genes, schemas.GENES)
    membership = build_membership(
        [read_gmt(path) for path in gene_sets],
        all_genes,
        min_genes=settings["min_genes"],
        max_genes=settings["max_genes"],
    )
    table = enrich_gene_sets(
        read_table(locus_genes, schemas.LOCUS_GENES),
        all_loci[all_loci["disease"] == disease],
        all_genes,
        membership,
        disease=disease,
        permutations=settings["permutations"],
        seed=settings["seed"],
    )
    write_table(table, enrichment, schemas.GENE_SET_ENRICHMENT)
    write_tsv(table, enrichment_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            locus_genes=snakemake.input.locus_genes,
            loci=list(snakemake.input.loci),
            genes=snakemake.input.genes,
            gene_sets=list(snakemake.input.gene_sets),
            enrichment=snakemake.output.enrichment,
            enrichment_tsv=snakemake.output.enrichment_tsv,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
