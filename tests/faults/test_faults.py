"""A run that is broken on one machine: what the user sees, and that a rerun ends with the unbroken run's results."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from breaking import BATCHES, DEVICE_HOLDS, LOCAL, Run, is_left_over, kill_alone, processes_in, resume, wait_for

from locus2target.core import schemas
from locus2target.core.tables import read_table

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("faults")]
Record = Callable[[str, object], None]
FINE_MAPPED = "results/finemap_loci/1-of-2.fine_mapping.parquet"


def test_a_killed_job_leaves_no_result_and_runs_again(run: Run, undisturbed: Run, record_property: Record) -> None:
    run.forget("colocalize_loci")
    code, output = run.finish(faults="colocalize_loci:kill")
    assert code == 1
    assert "Error in rule colocalize_loci" in output
    half = [name for name in run.results() if is_left_over(name)]
    assert len(half) == 1  # the fault came while a table was half written ...
    batch = half[0].split("/.")[1].split(".")[0]
    assert not (run.directory / f"results/colocalize_loci/{batch}.parquet").exists()  # ... under another name
    code, output = run.finish()
    assert code == 0, output
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 1)


def test_a_killed_driver_is_resumed(run: Run, undisturbed: Run, record_property: Record) -> None:
    run.forget("colocalize_loci")
    driver = run.start(faults="colocalize_loci:hang")
    wait_for((run.done / "colocalize_loci").exists, "a job that has begun to write")
    code, output = resume(run)
    assert code == 1
    assert f"a driver is at work in this folder (process {driver.pid})" in output
    kill_alone(driver)
    assert processes_in(run.directory), "the dead driver's job goes on"
    code, output = run.finish()
    assert code == 1
    assert "locked" in output
    code, output = resume(run)
    assert code == 0, output
    assert "ending the jobs of the dead driver" in output
    assert not processes_in(run.directory)
    assert run.results() == undisturbed.results()  # half-written files are gone too
    record_property("faults", 1)


@pytest.fixture
def small_disk(run: Run) -> Iterator[Path]:
    """The run's results on a file system of 8 MB."""
    results = run.directory / "results"
    kept = results.rename(run.directory / "kept")
    results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", results], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a file system of its own cannot be mounted (this needs root): {mounted.stderr.decode().strip()}")
    shutil.copytree(kept, results, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(kept)
    yield results
    subprocess.run(["umount", results], check=True)


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_named_and_emptied(
    small_disk: Path, run: Run, undisturbed: Run, record_property: Record
) -> None:
    run.forget("colocalize_loci")
    ballast = small_disk / "ballast"
    fill(ballast)
    code, output = run.finish()
    assert code == 1
    assert "the disk, or your quota on it, is full" in output
    assert "Traceback" not in output
    ballast.unlink()
    code, output = run.finish()
    assert code == 0, output
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 1)


def damage(path: Path, content: bytes) -> None:
    """Change a file behind Snakemake's back: its time stays."""
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_damaged_table_is_named_and_made_again(run: Run, undisturbed: Run, record_property: Record) -> None:
    cut, flipped = (run.directory / f"results/finemap_qtls/{batch}.qtl_signals.parquet" for batch in BATCHES)
    damage(cut, cut.read_bytes()[: cut.stat().st_size // 2])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 4] ^= 1
    damage(flipped, bytes(content))
    run.forget("colocalize_loci")
    code, output = run.finish(*LOCAL, "--keep-going")
    assert code == 1
    assert "Traceback" not in output
    for path in (cut, flipped):
        assert f"{path.relative_to(run.directory)}: the table is damaged" in output
        path.unlink()  # as the message says
    code, output = run.finish()
    assert code == 0, output
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 2)


def test_an_end_of_r_is_no_end_of_the_run(run: Run, record_property: Record) -> None:
    pytest.importorskip("rpy2.rinterface", reason="rpy2 and R with susieR are needed")
    run.change_config(finemapping={"engine": "susier"})
    code, output = run.finish(faults="finemap_loci:r_quit", targets=(FINE_MAPPED,))
    assert code == 1  # R's quit() gives exit code 0: the missing output tells
    assert not (run.directory / FINE_MAPPED).exists()
    (run.done / "finemap_loci").unlink()
    code, output = run.finish(faults="finemap_loci:r_kill", targets=(FINE_MAPPED,))
    assert code == 1
    code, output = run.finish(targets=(FINE_MAPPED,))
    assert code == 0, output
    broken = run.whole_results()
    run.forget("finemap_loci")
    code, output = run.finish(targets=(FINE_MAPPED,))
    assert code == 0, output
    whole = run.whole_results()
    assert {name: broken[name] for name in whole} == whole
    record_property("faults", 2)


def test_a_gpu_without_memory_gets_smaller_batches(run: Run, undisturbed: Run, record_property: Record) -> None:
    scores = "results/score_variants/tiny/1-of-1.parquet"
    run.forget("score_variants")
    code, output = run.finish(faults="score_variants:gpu_memory")
    assert code == 0, output
    assert (
        "out of memory on cpu, going on with batches of"
        in output + (run.directory / "logs/score_variants/tiny/1-of-1.log").read_text()
    )
    sizes = [int(size) for size in (run.done / "score_variants").read_text().split()]
    assert max(sizes) > DEVICE_HOLDS >= sizes[-1]
    found, expected = (read_table(where.directory / scores, schemas.VARIANT_EFFECTS) for where in (run, undisturbed))
    labels = [name for name in schemas.VARIANT_EFFECTS.names if found[name].dtype.kind != "f"]
    assert found[labels].equals(expected[labels])
    np.testing.assert_allclose(found["value"], expected["value"], rtol=1e-4, atol=1e-6)
    record_property("faults", 1)


def test_unreadable_weights_are_named(run: Run, undisturbed: Run, record_property: Record) -> None:
    weights = run.directory / "data/tiny_borzoi/f0/model_best.pth"
    whole = weights.read_bytes()
    damage(weights, whole[: len(whole) // 2])
    run.forget("score_variants")
    code, output = run.finish()
    assert code == 1
    assert "data/tiny_borzoi/f0/model_best.pth" in output
    assert "fetch it again" in output
    assert "Traceback" not in output
    damage(weights, whole)
    code, output = run.finish()
    assert code == 0, output
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 1)


def test_a_clock_that_is_ahead_is_named(run: Run, undisturbed: Run, record_property: Record) -> None:
    name = "results/finemap_qtls/1-of-2.qtl_signals.parquet"
    tomorrow = time.time() + 86_400
    os.utime(run.directory / name, (tomorrow, tomorrow))
    run.forget("colocalize_loci")
    code, output = run.finish()
    assert code == 1
    assert "has older modification time" in output
    assert f"than input {name}" in output
    assert "clock skew" in output
    os.utime(run.directory / name)  # touch
    code, output = run.finish()
    assert code == 0, output
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 1)
