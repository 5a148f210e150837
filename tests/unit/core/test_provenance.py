import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from locus2target.core import provenance
from locus2target.core.provenance import library_origin, origin_in_words
from locus2target.core.tables import Column, TableSchema, write_table
from locus2target.core.version import VERSION

TOY = TableSchema("toy", (Column("value", "int64", ""),))


def metadata(folder: Path) -> dict[str, str]:
    write_table(TOY.frame([{"value": 1}]), folder / "toy.parquet", TOY)
    stored = pq.read_schema(folder / "toy.parquet").metadata
    return {name.decode(): value.decode() for name, value in stored.items()}


def test_a_table_of_a_step_names_the_step_and_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = SimpleNamespace(rule="finemap_loci", params={"library": "0123456789ab"})
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", step, raising=False)
    assert metadata(tmp_path) == {
        "table": "toy",
        "locus2target": VERSION,
        "step": "finemap_loci",
        "code": "0123456789ab",
    }


def test_a_table_of_the_library_names_the_version(tmp_path: Path) -> None:
    assert metadata(tmp_path) == {"table": "toy", "locus2target": VERSION}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the library's; no repository around it counts."""
    monkeypatch.setattr(provenance, "_LIBRARY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    library_origin.cache_clear()
    yield tmp_path
    library_origin.cache_clear()


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_code_without_git_has_a_digest_only(checkout: Path) -> None:
    origin = library_origin()
    assert (origin["commit"], origin["changed_since_commit"]) == (None, None)
    assert origin_in_words() == f"Made by locus2target {VERSION}: library `{origin['library']}`, no git checkout."


@pytest.mark.parametrize(("text", "changed"), [("1", False), ("2", True)])
def test_code_of_a_checkout_has_its_commit(checkout: Path, text: str, changed: bool) -> None:
    git(checkout, "init")
    (checkout / "a.py").write_text("1")
    git(checkout, "add", "a.py")
    git(checkout, "commit", "-m", "first")
    (checkout / "a.py").write_text(text)
    origin = library_origin()
    assert (origin["commit"], origin["changed_since_commit"]) == (git(checkout, "rev-parse", "HEAD"), changed)
    assert f"git commit `{origin['commit']}`" in origin_in_words()
    assert ("from which files differ" in origin_in_words()) == changed
