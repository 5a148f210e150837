"""Say what a run will read, do and cost, and every problem at once, before anything runs.

As a program, `check_run.py CONFIG`: prints the plan, with the jobs of a dry run, or all problems; status 1 with any.
As a step: writes the plan (PLAN, text) of the config and the sheets that the workflow has validated; nothing reads it.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locus2target.core.config_file import read_config
from locus2target.core.errors import InputError
from locus2target.core.job import job
from locus2target.core.settings import Settings, without_guards
from locus2target.core.snakemake_calls import SNAKEFILE, planned_jobs
from locus2target.core.tables import atomic_path
from locus2target.ingest.plan import describe, make_plan
from locus2target.ingest.preflight import examine_run

if TYPE_CHECKING:
    snakemake: Any

SCHEMAS = SNAKEFILE.parent / "workflow" / "schemas"


def main(*, plan: str, config_file: str, config: Mapping[str, Any], sheets: Mapping[str, Any]) -> None:
    settings = Settings(config=config, **sheets)
    with atomic_path(plan) as path:
        path.write_text(describe(make_plan(settings, config=config_file, jobs=None)))


def check(config_file: str) -> tuple[str, list[str]]:
    """Text of the plan, empty when there are problems; and the problems."""
    try:
        config = read_config(config_file)
        settings, problems = examine_run(config, schemas=SCHEMAS, where=config_file)
        if problems:
            return "", problems
        jobs = planned_jobs(config_file, directory=".")
        return describe(make_plan(without_guards(settings, config), config=config_file, jobs=jobs)), []
    except InputError as error:
        return "", [str(error)]


def command_line(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: check_run.py CONFIG\n")
        return 2
    plan, problems = check(arguments[0])
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        sys.stderr.write(f"{count} in {arguments[0]} and what it names; nothing has run:{listed}\n")
        return 1
    sys.stdout.write(f"{plan}\nNo problem found. Nothing has run. To run it:\n")
    sys.stdout.write(f"snakemake --configfile {arguments[0]} --cores {os.cpu_count()}\n")
    return 0


if __name__ == "__main__":
    if "snakemake" not in globals():
        sys.exit(command_line(sys.argv[1:]))
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            plan=snakemake.output.plan,
            config_file=snakemake.params.config_file,
            config=snakemake.params.config,
            sheets=snakemake.params.sheets,
        )
