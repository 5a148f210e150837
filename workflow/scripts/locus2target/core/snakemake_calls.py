"""What Snakemake itself says of a run: which jobs it would run, and what became of every output."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from locus2target.core.errors import InputError

SNAKEFILE = Path(__file__).resolve().parents[4] / "Snakefile"
_TARGETS = {"all", "total"}
_JOB = re.compile(r"^(\w+) +(\d+)$")


def planned_jobs(config: str | Path, *, directory: str | Path, everything: bool = False) -> dict[str, int]:
    """Jobs that a dry run lists, by rule, in the order of the workflow's graph.

    Parameters
    ----------
    config
        Path of the config, from `directory`.
    directory
        Folder of the run.
    everything
        Also jobs whose results are there already.
    """
    forced = ("--forceall",) if everything else ()
    return parse_job_table(call_snakemake(config, ("--dry-run", "--quiet", "rules", *forced), directory=directory))


def parse_job_table(output: str) -> dict[str, int]:
    r"""The table `Job stats` of Snakemake's output; empty when there was nothing to do.

    >>> parse_job_table("Job stats:\njob   count\n----  -----\nmap_reads  2\nall  1\ntotal  3\n\nReasons:")
    {'map_reads': 2}
    """
    _, _, rest = output.partition("Job stats:\n")
    table, _, _ = rest.partition("\n\n")
    jobs = (_JOB.match(line) for line in table.splitlines())
    return {job[1]: int(job[2]) for job in jobs if job is not None and job[1] not in _TARGETS}


def call_snakemake(config: str | Path, arguments: Sequence[str], *, directory: str | Path) -> str:
    """Standard output of Snakemake on this workflow, which runs no job here.

    Raises
    ------
    InputError
        With all that Snakemake said, on both streams, if it refuses.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--configfile", str(config)]
    done = subprocess.run(  # noqa: S603  our own arguments
        [*command, *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        # Its errors go to one stream or the other, and what the Snakefile printed before may tell the cause.
        words = "\n".join(stream.strip() for stream in (done.stdout, done.stderr) if stream.strip())
        raise InputError(f"Snakemake refuses:\n{words}\n", where=str(config), remedy="Nothing has run.")
    return done.stdout
