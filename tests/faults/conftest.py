"""The small run without a fault, once per session, and copies that a test breaks."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))  # the toy run and how it is started

from breaking import Run, copy_of, processes_in, write_small_run


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small run, to its end. Read only: a test takes `run`."""
    run = write_small_run(tmp_path_factory.mktemp("undisturbed"))
    code, output = run.finish()
    assert code == 0, output[-6000:]
    return run


@pytest.fixture
def run(undisturbed: Run, tmp_path: Path) -> Iterator[Run]:
    """A finished run that a test may break."""
    run = copy_of(undisturbed, tmp_path / "run")
    yield run
    for process in processes_in(run.directory):  # nothing goes on when a test has failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
