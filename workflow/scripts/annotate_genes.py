"""Read genes and exons from the annotation.

Reads a GTF (GENCODE or Ensembl) and the genome's contigs. Writes the tables `genes` (bounds 0-based half-open, TSS
1-based) and `exons` (merged per gene, 0-based half-open).
"""

from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import CONTIGS, EXONS, GENES
from locus2target.core.tables import read_table, write_table
from locus2target.ingest.annotation import read_annotation

if TYPE_CHECKING:
    snakemake: Any


def main(*, gtf: str, contigs: str, genes: str, exons: str) -> None:
    chromosomes = set(read_table(contigs, CONTIGS, columns=["chromosome"])["chromosome"])
    annotation = read_annotation(gtf, chromosomes=chromosomes)
    write_table(annotation.genes, genes, GENES)
    write_table(annotation.exons, exons, EXONS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            gtf=snakemake.input.gtf,
            contigs=snakemake.input.contigs,
            genes=snakemake.output.genes,
            exons=snakemake.output.exons,
        )
