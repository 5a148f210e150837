"""The demo and the toy run: their inputs, their results, and copies that a test may spoil."""

import shutil
from pathlib import Path

import pytest
from running import run_snakemake
from toy import ROOT, Toy, write_toy


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has run."""
    directory = tmp_path_factory.mktemp("demo")
    for name in ("config", "demo", "resources"):
        (directory / name).symlink_to(ROOT / name)
    run_snakemake(directory, "--cores", "2")
    return directory


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The toy run's inputs. Read only: a test that changes something takes `toy_copy`."""
    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def finished_toy(toy: Toy) -> Toy:
    """The toy run, run to its end once per session."""
    targets = ("all", "mendelian_randomization")
    run_snakemake(toy.directory, *targets, "--cores", "2", "--configfile", "config/config.yaml")
    return toy


@pytest.fixture
def toy_copy(toy: Toy, tmp_path: Path) -> Path:
    """A folder with the toy's inputs that a test may spoil."""
    for name in ("data", "config"):
        shutil.copytree(toy.directory / name, tmp_path / name)
    return tmp_path
