"""Predict the coding consequences of the variants in the credible-set tables with bcftools csq.

Reads CREDIBLE_SETS of all batches (positions 1-based), the indexed genome and gene models in Ensembl's GFF3. Writes the
consequences as `annotations.coding_consequences` takes them (TSV: chromosome, position, ref, alt, gene_id,
consequence), and a TSV with the status and reason of every variant. One table of credible sets is in memory at a time;
of the others 16 bytes per variant are kept.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.likely_variants import LikelyVariants
from locus2target.core.schemas import CREDIBLE_SETS
from locus2target.core.tables import append_tsv, read_table
from locus2target.targets.consequence_calling import predict_consequences

if TYPE_CHECKING:
    snakemake: Any


def main(
    *, credible_sets: Sequence[str], genome: str, gene_models: str, consequences: str, dispositions: str, build: str
) -> None:
    every, statuses = LikelyVariants(min_pip=0), Counter[str]()
    for path in credible_sets:
        every.add(read_table(path, CREDIBLE_SETS, columns=["chromosome", "position", "ref", "alt", "pip"]))
    variants = every.along_genome()
    with append_tsv(consequences) as append_consequences, append_tsv(dispositions) as append_dispositions:
        for predicted in predict_consequences(variants, genome=genome, gene_models=gene_models, build=build):
            append_consequences(predicted.consequences)
            append_dispositions(predicted.dispositions)
            statuses.update(predicted.dispositions["status"])
    for status, count in statuses.most_common():
        logging.getLogger("locus2target").info("%d variants with status %s", count, status)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=snakemake.input.credible_sets,
            genome=snakemake.input.genome,
            gene_models=snakemake.input.gene_models,
            consequences=snakemake.output.consequences,
            dispositions=snakemake.output.dispositions,
            build=snakemake.params.build,
        )
