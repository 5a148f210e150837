"""Index the reference genome and list its contigs.

Reads the user's FASTA (plain or bgzipped). Writes a link to it with the index beside the link, so the FASTA's own
folder may be read-only, and the table `contigs` (length in bases).
"""

import logging
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import CONTIGS
from locus2target.core.tables import write_table
from locus2target.ingest.genome import Genome, check_build, index_fasta

if TYPE_CHECKING:
    snakemake: Any

_LOG = logging.getLogger(__name__)


def main(*, fasta: str, genome: str, contigs: str, build: str) -> None:
    index_fasta(fasta, genome)
    with Genome(genome) as reference:
        check_build(reference.lengths, build, where=fasta)
        table = reference.contigs()
    write_table(table, contigs, CONTIGS)
    _LOG.info("%s: %d contigs, %d bases", fasta, len(table), table["length"].sum())


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            fasta=snakemake.input.fasta,
            genome=snakemake.output.genome,
            contigs=snakemake.output.contigs,
            build=snakemake.params.build,
        )
