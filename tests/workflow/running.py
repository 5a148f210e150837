"""Run Snakemake as a user would: a process of its own, in a folder of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from environment import STARTED_WITH
from toy import ROOT

ENVIRONMENT = {name: value for name, value in STARTED_WITH.items() if not name.startswith("SNAKEMAKE")}


def run_snakemake(
    directory: Path, *arguments: str, check: bool = True, root: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    """Run the workflow in `directory`; standard output and error together in `stdout`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), *arguments]
    done = subprocess.run(
        command,
        cwd=directory,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-8000:]}")
    return done


def planned_jobs(output: str) -> dict[str, int]:
    """Jobs per rule that a dry run lists; none when there is nothing to do."""
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}
    return {rule: count for rule, count in counts.items() if rule not in {"all", "total"}}
