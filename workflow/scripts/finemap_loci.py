"""Fine-map a batch of loci: LD from the study's cohort, its verdict, and SuSiE where the LD can be believed.

Input: LOCI of the batch, the studies' canonical tables (file stem = study), the genome, the cohorts' LD files.
Output: FINE_MAPPING with one row per locus that says what could be claimed and why no more; CREDIBLE_SETS with every
variant of the analysed loci; SIGNALS; SIGNAL_LBF. Log Bayes factors are natural logs. Loci are fitted `threads` at a
time, with as many LD matrices in memory; the tables do not depend on it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import LOCI
from locus2target.core.tables import read_table, records
from locus2target.statgen.finemapping_batch import finemap_batch, write_fine_mapping

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    loci: str,
    sumstats: Sequence[str],
    genome: str,
    fine_mapping: str,
    credible_sets: str,
    signals: str,
    signal_lbf: str,
    studies: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    results = finemap_batch(
        records(read_table(loci, LOCI)),
        sumstats=sumstats,
        genome=genome,
        studies=studies,
        cohorts=cohorts,
        settings=settings,
        threads=threads,
    )
    write_fine_mapping(
        results, fine_mapping=fine_mapping, credible_sets=credible_sets, signals=signals, signal_lbf=signal_lbf
    )


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            sumstats=snakemake.input.sumstats,
            genome=snakemake.input.genome,
            fine_mapping=snakemake.output.fine_mapping,
            credible_sets=snakemake.output.credible_sets,
            signals=snakemake.output.signals,
            signal_lbf=snakemake.output.signal_lbf,
            studies=snakemake.params.studies,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
            threads=snakemake.threads,
        )
