"""Predict the coding consequences of the variants in the credible-set tables with bcftools csq.

Reads CREDIBLE_SETS of all batches (positions 1-based), the indexed genome and gene models in Ensembl's GFF3. Writes the
consequences as `annotations.coding_consequences` takes them (TSV: chromosome, position, ref, alt, gene_id,
consequence), and a TSV with the status and reason of every variant.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import CREDIBLE_SETS
from locus2target.core.tables import read_tables, write_tsv
from locus2target.targets.consequence_calling import predict_consequences

if TYPE_CHECKING:
    snakemake: Any


def main(
    *, credible_sets: Sequence[str], genome: str, gene_models: str, consequences: str, dispositions: str, build: str
) -> None:
    variants = read_tables(credible_sets, CREDIBLE_SETS)
    predicted = predict_consequences(variants, genome=genome, gene_models=gene_models, build=build)
    write_tsv(predicted.consequences, consequences)
    write_tsv(predicted.dispositions, dispositions)


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
