"""Deal the loci of all studies to batches of similar expected cost (variants squared).

Input: LOCI of every study. Output: LOCI of every batch; each locus, analysed or not, is in exactly one.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import LOCI
from locus2target.core.tables import read_tables, write_table
from locus2target.statgen.loci import deal_loci

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(*, loci: Sequence[str], batches: Sequence[str]) -> None:
    for path, batch in zip(batches, deal_loci(read_tables(loci, LOCI), len(batches)), strict=True):
        write_table(batch, path, LOCI)
        logger.info("%s: %d loci", path, len(batch))


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(loci=list(snakemake.input.loci), batches=list(snakemake.output.batches))
