"""Find the loci of one study.

Input: the study's canonical table (SUMSTATS). Output: LOCI, one row per locus, or one row `<study>__none` with status
`no_lead`. `start` is 0-based, `end` exclusive, distances are in bases.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import LOCI
from locus2target.core.tables import write_table
from locus2target.statgen.loci import LocusRules, find_loci

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(*, sumstats: str, loci: str, study: str, disease: str, settings: Mapping[str, Any]) -> None:
    found = find_loci(sumstats, study=study, disease=disease, rules=LocusRules.from_settings(settings))
    write_table(found, loci, LOCI)
    for status, count in found["status"].value_counts().items():
        logger.info("%s: %d row(s) with status %s", study, count, status)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            sumstats=snakemake.input.sumstats,
            loci=snakemake.output.loci,
            study=snakemake.wildcards.study,
            disease=snakemake.params.disease,
            settings=snakemake.params.settings,
        )
