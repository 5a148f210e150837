"""A job's thread pools, all of them, have as many threads as Snakemake gave the job."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import ENVIRONMENT
from toy import ROOT

WORKFLOW = """
rule all:
    input: "1.json", "2.json"

rule probe:
    output: "{threads}.json"
    log: "{threads}.log"
    threads: lambda wildcards: int(wildcards.threads)
    script: "probe.py"
"""
PROBE = """
import importlib, json, sys
sys.path.append({scripts!r})
from locus2target.core.job import job

import numba, numpy, pyarrow, threadpoolctl, torch

numpy.ones((200, 200)) @ numpy.ones((200, 200))
if importlib.util.find_spec("rpy2"):  # R brings a BLAS of its own
    from locus2target.statgen.susier import _open_session
    _open_session().interface.evalr("crossprod(matrix(1, 200, 200))")
with job(snakemake.log[0], threads=snakemake.threads):
    pools = {{pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}}
    pools |= {{"numba": numba.get_num_threads(), "torch": torch.get_num_threads(), "arrow": pyarrow.cpu_count()}}
with open(snakemake.output[0], "w") as file:
    json.dump(pools, file)
"""
CROWDED = {"OMP_NUM_THREADS": "16", "OPENBLAS_NUM_THREADS": "16", "MKL_NUM_THREADS": "16"}  # as some sites' profiles do


@pytest.mark.workflow
def test_pools_follow_the_threads_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    (tmp_path / "probe.py").write_text(PROBE.format(scripts=str(ROOT / "workflow" / "scripts")))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT | CROWDED, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for threads in (1, 2):
        pools = json.loads((tmp_path / f"{threads}.json").read_text())
        assert {"numba", "torch", "arrow"} < set(pools)
        assert {name: size for name, size in pools.items() if size > threads} == {}
        assert pools["numba"] == pools["torch"] == threads
