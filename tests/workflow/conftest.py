"""Run Snakemake on small data, as a user would: a process of its own, in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy import ROOT, Toy, write_toy

Snakemake = Callable[..., "subprocess.CompletedProcess[str]"]


def run_snakemake(
    directory: Path, *arguments: str, check: bool = True, root: Path = ROOT
) -> "subprocess.CompletedProcess[str]":
    """Run the workflow in `directory`; standard output and error together in `stdout`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SNAKEMAKE", "PYTEST"))}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
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


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The toy run's inputs. Read only: a test that changes something takes `toy_copy`."""
    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def finished_toy(toy: Toy) -> Toy:
    """The toy run, run to its end once per session."""
    run_snakemake(toy.directory, "--cores", "2", "--configfile", "config/config.yaml")
    return toy


@pytest.fixture
def toy_copy(toy: Toy, tmp_path: Path) -> Path:
    """A folder with the toy's inputs that a test may spoil."""
    for name in ("data", "config"):
        shutil.copytree(toy.directory / name, tmp_path / name)
    return tmp_path
