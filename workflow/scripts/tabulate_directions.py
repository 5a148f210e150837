"""Tabulate, per disease and gene, whether more of the gene's product goes with more or with less of the disease.

Input: CIS_EFFECTS of all batches and GENES. Output: GENE_DIRECTIONS as Parquet and TSV, one row for every disease and
gene whose expression or protein level colocalizes with the disease; a direction that the estimates do not give is
missing, and the row says why.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import CIS_EFFECTS, GENE_DIRECTIONS, GENES
from locus2target.core.tables import read_table, read_tables, write_table, write_tsv
from locus2target.statgen.mendelian.directions import tabulate_directions

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(*, cis_effects: Sequence[str], genes: str, gene_directions: str, gene_directions_tsv: str) -> None:
    table = tabulate_directions(read_tables(cis_effects, CIS_EFFECTS), read_table(genes, GENES))
    write_table(table, gene_directions, GENE_DIRECTIONS)
    write_tsv(table, gene_directions_tsv)
    for reliability, count in table["reliability"].value_counts().items():
        logger.info("%d gene(s) with a direction that is %s", count, reliability)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            cis_effects=list(snakemake.input.cis_effects),
            genes=snakemake.input.genes,
            gene_directions=snakemake.output.gene_directions,
            gene_directions_tsv=snakemake.output.gene_directions_tsv,
        )
