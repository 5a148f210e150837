"""Kernels outlive their job, jobs do not see each other's files, and a damaged archive costs time only."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from environment import STARTED_WITH

from locus2target.core import kernel_cache
from locus2target.core.kernel_cache import VARIABLE, archive_of, open_kernel_cache

PACKAGE = Path(kernel_cache.__file__).parents[1]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "as before")  # and restored


def compiled(cache: kernel_cache.KernelCache, name: str, content: str) -> None:
    path = cache.folder / "statgen" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def test_what_one_job_compiled_the_next_one_finds(tmp_path: Path) -> None:
    archive = tmp_path / "kernels" / "step.123.zip"
    first = open_kernel_cache(archive)
    compiled(first, "susie.nbi", "index")
    first.keep()
    second = open_kernel_cache(archive)
    assert second.folder != first.folder
    assert (second.folder / "statgen" / "susie.nbi").read_text() == "index"


def test_two_jobs_at_once_leave_the_files_of_one(tmp_path: Path) -> None:
    archive = tmp_path / "step.123.zip"
    one, other = open_kernel_cache(archive), open_kernel_cache(archive)
    for cache, kernel in ((one, "first"), (other, "second")):  # numba would call both files `1`
        compiled(cache, "susie.nbi", kernel)
        compiled(cache, "susie.1.nbc", kernel)
    one.keep()
    other.keep()
    folder = open_kernel_cache(archive).folder / "statgen"
    assert (folder / "susie.nbi").read_text() == (folder / "susie.1.nbc").read_text()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_damaged_archive_is_left_aside(tmp_path: Path, share: float) -> None:
    archive = tmp_path / "step.123.zip"
    cache = open_kernel_cache(archive)
    compiled(cache, "susie.nbi", "index" * 200)
    cache.keep()
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(share * len(whole))])
    assert not open_kernel_cache(archive).unpacked


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    archive = tmp_path / "step.123.zip"
    cache = open_kernel_cache(archive)
    compiled(cache, "susie.nbi", "index" * 200)
    cache.keep()
    content = bytearray(archive.read_bytes())
    content[300] ^= 1
    archive.write_bytes(content)
    assert not open_kernel_cache(archive).unpacked


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "step.123.zip"
    open_kernel_cache(archive).keep()
    assert not archive.exists()


def test_archives_of_other_sources_go(tmp_path: Path) -> None:
    old = tmp_path / "step.old.zip"
    with zipfile.ZipFile(old, "w"), zipfile.ZipFile(tmp_path / "other_step.old.zip", "w"):
        pass
    cache = open_kernel_cache(tmp_path / "step.new.zip")
    compiled(cache, "susie.nbi", "index")
    cache.keep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other_step.old.zip", "step.new.zip"]


def test_every_kernel_counts_for_the_name_of_the_archive() -> None:
    with_kernels = {path for path in PACKAGE.rglob("*.py") if "@numba." in path.read_text()}
    assert with_kernels == set(PACKAGE.rglob("*_numba.py"))
    assert archive_of("finemap_loci").name.startswith("finemap_loci.")


STEP = """
import sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
from locus2target.core.kernel_cache import open_kernel_cache

cache = open_kernel_cache(Path("step.1.zip"))
import numpy
from locus2target.sequence.encoding_numba import fill_codes

codes = numpy.empty(4, dtype=numpy.uint8)
fill_codes(numpy.frombuffer(b"ACGT", dtype=numpy.uint8), codes)
cache.keep()
print(codes.tolist(), sum(fill_codes.stats.cache_hits.values()))
"""


def test_numba_finds_the_kernels_of_the_job_before(tmp_path: Path) -> None:
    script = tmp_path / "step.py"
    script.write_text(STEP.format(scripts=str(PACKAGE.parent)))
    said = [
        subprocess.check_output([sys.executable, script], cwd=tmp_path, env=STARTED_WITH, text=True) for _ in range(2)
    ]
    assert said == ["[0, 1, 2, 3] 0\n", "[0, 1, 2, 3] 1\n"]
