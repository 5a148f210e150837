"""Fit some of the run's loci again with the other engine, and compare.

Input: LOCI, FINE_MAPPING and CREDIBLE_SETS of all batches, the studies' canonical tables, the genome, the cohorts' LD.
Output: ENGINE_CROSSCHECK with one row per chosen locus; without rows when none was asked for or none has a fit. That
the other engine is not installed is a status, not a failure.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.schemas import CREDIBLE_SETS, ENGINE_CROSSCHECK, FINE_MAPPING, LOCI
from locus2target.core.tables import read_tables, records, write_table
from locus2target.statgen.crosscheck import (
    OTHER_ENGINE,
    choose_loci,
    crosscheck_locus,
    crosscheck_row,
    engine_problem,
)
from locus2target.statgen.engines import open_engine
from locus2target.statgen.finemapping import FineMappingSettings
from locus2target.statgen.finemapping_batch import StudyStatistics, open_cohorts

LOGGER = logging.getLogger(__name__)

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    loci: Sequence[str],
    fine_mapping: Sequence[str],
    credible_sets: Sequence[str],
    sumstats: Sequence[str],
    genome: str,
    crosscheck: str,
    studies: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
) -> None:
    rules, names = FineMappingSettings.from_settings(settings), (settings["engine"], OTHER_ENGINE[settings["engine"]])
    chosen = records(choose_loci(read_tables(fine_mapping, FINE_MAPPING), settings["crosscheck"]))
    by_locus = {row["locus"]: row for row in records(read_tables(loci, LOCI))}
    of_chosen = {"locus": [mapping["locus"] for mapping in chosen]}
    variants, statistics = read_tables(credible_sets, CREDIBLE_SETS, only=of_chosen), StudyStatistics(sumstats)
    engine = open_engine(names[1])
    problem = engine_problem(engine) if chosen else None
    rows = []
    with (
        open_cohorts(cohorts, genome) as sources,
        threadpool_limits(1, user_api="blas"),  # as in the fit that is compared: more would sum in another order
    ):
        for mapping in tracked(chosen, unit="loci", label=f"fitting with {names[1]}"):
            result = {"status": "engine_missing", "reason": problem}
            if problem is None:
                locus, study = by_locus[mapping["locus"]], studies[mapping["study"]]
                result = crosscheck_locus(
                    locus,
                    statistics.read(locus),
                    variants=variants[variants["locus"] == mapping["locus"]],
                    study=study,
                    ld_source=sources.get(study["cohort"]),
                    engine=engine,
                    settings=rules,
                )
            LOGGER.info("%s: %s %s", mapping["locus"], result["status"], result["reason"])
            rows.append(crosscheck_row(mapping, names, result))
    write_table(ENGINE_CROSSCHECK.frame(rows), crosscheck, ENGINE_CROSSCHECK)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            credible_sets=snakemake.input.credible_sets,
            sumstats=snakemake.input.sumstats,
            genome=snakemake.input.genome,
            crosscheck=snakemake.output.crosscheck,
            studies=snakemake.params.studies,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
        )
