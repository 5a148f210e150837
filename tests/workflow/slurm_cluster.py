"""A one-machine SLURM cluster of a test module's own."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import ENVIRONMENT
from toy import ROOT

_PATH = f"{ENVIRONMENT['PATH']}:/usr/sbin"
_HAS_SLURM = all(shutil.which(name, path=_PATH) for name in ("sbatch", "slurmctld", "munged"))
NEEDS_SLURM = [
    pytest.mark.slurm,
    pytest.mark.workflow,
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(not _HAS_SLURM, reason="SLURM is not installed: sbatch, slurmctld and munged are needed"),
]


@contextmanager
def slurm_cluster(state: Path, *, port: int, **settings: str) -> Iterator[dict[str, str]]:
    """Start a cluster, and stop it at the end; gives the variables that lead SLURM's programs to it.

    `settings` are environment variables of tests/tools/start-slurm; clusters that may run at once need other ports.
    """
    environment = ENVIRONMENT | {"SLURM_TEST_DIR": str(state), "SLURM_TEST_PORT": str(port)} | settings
    tools = ROOT / "tests" / "tools"
    subprocess.run([tools / "start-slurm", "--no-install"], env=environment, check=True, capture_output=True)
    yield {"SLURM_CONF": str(state / "etc" / "slurm.conf")}
    subprocess.run([tools / "stop-slurm", "--purge"], env=environment, check=True, capture_output=True)
