"""The same inputs give the same results, whatever the threads, batches, hash seed, folder and order of the sheets.

The session's toy run (two cores, two batches of loci and of variants) is compared with one that differs in all of
these at once. Where a table is in batches, its rows are compared in an order of their own.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import running
import yaml
from running import run_snakemake
from toy import ROOT, SHEETS, Toy, write_sheet

from locus2target.core.digest import script_digest
from locus2target.core.provenance import library_origin

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]
CONFIG = ("--configfile", "config/config.yaml")
BATCH = re.compile(r"\d+-of-\d+")
THREADED = ("finemap_loci", "finemap_qtls", "crosscheck_loci", "apply_priors", "score_variants")
NETWORK = re.compile(r"^(sample_background|score_variants|mutate_windows)/tiny_borzoi")
OF_LARGEST = 1e-4  # of a column's largest number: a network sums in float32, in an order that threads decide
SCRIPTS = ROOT / "workflow" / "scripts"


@pytest.fixture(scope="module")
def other_run(finished_toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the same inputs with other threads, batches, hash seed, folders, and sheets upside down."""
    folder = tmp_path_factory.mktemp("other") / "work folder"
    for name in ("data", "config"):
        shutil.copytree(finished_toy.directory / name, folder / name)
    for name, rows in SHEETS.items():
        write_sheet(folder / "config" / f"{name}.tsv", name, rows[::-1])
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["loci"]["batches"] = 1
    config["scoring"] |= {"batches": 3, "batch_size": 3, "chunk": 50}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "tmp").mkdir()
    threads = [f"{step}=4" for step in THREADED]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(running.ENVIRONMENT, "PYTHONHASHSEED", "12345")
        patch.setitem(running.ENVIRONMENT, "TMPDIR", str(folder / "tmp"))
        targets = ("all", "mendelian_randomization")
        run_snakemake(folder, *targets, "--cores", "4", "--set-threads", *threads, *CONFIG)
    return folder / "results"


@pytest.fixture(scope="module")
def results(finished_toy: Toy) -> Path:
    return finished_toy.directory / "results"


def tables_of(results: Path) -> dict[str, list[Path]]:
    """Files of each table, those of batches together."""
    found: dict[str, list[Path]] = {}
    for path in sorted(results.rglob("*.parquet")):
        found.setdefault(BATCH.sub("*", path.relative_to(results).as_posix()), []).append(path)
    return found


def stacked(paths: list[Path]) -> pd.DataFrame:
    """Rows of all files, categories as text."""
    table = pa.concat_tables([pq.read_table(path) for path in paths]).to_pandas()
    labels = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(labels, object))


def numbers_of(table: pd.DataFrame) -> list[str]:
    return list(table.select_dtypes("float").columns)


def in_own_order(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by what is no number with a fraction, then by what is."""
    numbers = numbers_of(table)
    others = [name for name in table.columns if name not in numbers]
    return table.sort_values([*others, *numbers], ignore_index=True, key=_comparable)


def _comparable(column: "pd.Series[object]") -> "pd.Series[object]":
    return column if pd.api.types.is_numeric_dtype(column) else column.astype(str)


def require_equal(name: str, found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Fail where a cell differs, numbers in any bit; those of a network in more than their last digits."""
    if not NETWORK.match(name):
        pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=name)
        return
    numbers = numbers_of(expected)
    pd.testing.assert_frame_equal(found.drop(columns=numbers), expected.drop(columns=numbers), obj=name)
    for column in numbers:
        limit = OF_LARGEST * np.nan_to_num(expected[column].abs().max())
        np.testing.assert_allclose(found[column], expected[column], rtol=0, atol=limit, err_msg=f"{name}: {column}")


def test_every_table_is_the_same(results: Path, other_run: Path) -> None:
    expected, found = tables_of(results), tables_of(other_run)
    assert set(found) == set(expected)
    steps = {name.partition("/")[0] for name in expected}
    assert steps >= {
        *("harmonize_sumstats", "harmonize_qtl", "finemap_loci", "finemap_qtls", "apply_priors", "colocalize_loci"),
        *("score_variants", "mutate_windows", "assemble_evidence", "rank_genes", "annotate_targets"),
        *("enrich_contexts", "enrich_gene_sets", "enrich_regulators", "estimate_trait_effects"),
    }
    for name, paths in expected.items():
        require_equal(name, *(in_own_order(stacked(files)) for files in (found[name], paths)))


def test_tables_that_are_in_no_batches_have_their_rows_in_the_same_order(results: Path, other_run: Path) -> None:
    expected, found = tables_of(results), tables_of(other_run)
    for name in expected:
        if "*" not in name:
            require_equal(name, stacked(found[name]), stacked(expected[name]))


def test_files_for_people_are_the_same(results: Path, other_run: Path) -> None:
    files = [path for ending in ("tsv", "svg", "png") for path in sorted(results.rglob(f"*.{ending}"))]
    assert {path.suffix for path in files} == {".tsv", ".svg", ".png"}
    for path in files:
        assert (other_run / path.relative_to(results)).read_bytes() == path.read_bytes(), path


def test_checksums_of_what_is_sent_tell_that_two_runs_agree(results: Path, other_run: Path) -> None:
    one, other = ((run / "export_results/SHA256SUMS").read_text().splitlines() for run in (results, other_run))
    differing = {line.split()[1] for line in set(one) ^ set(other)}
    assert differing <= {"README.md", "report.html", "summary.json"}  # diseases in the sheet's order; the time


def test_one_core_fine_maps_like_many(other_run: Path) -> None:
    before = {path: path.read_bytes() for path in sorted((other_run / "finemap_loci").glob("*.parquet"))}
    targets = [str(path.relative_to(other_run.parent)) for path in before]
    run_snakemake(other_run.parent, *targets, "--cores", "1", "--force", "--rerun-triggers", "mtime", *CONFIG)
    assert {path: path.read_bytes() for path in before} == before


def origins_of(results: Path) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    for path in sorted(results.rglob("*.parquet")):
        yield path.relative_to(results).parts[0], pq.read_schema(path).metadata


def test_every_table_names_its_step_and_the_code_that_made_it(results: Path) -> None:
    for step, metadata in origins_of(results):
        assert metadata[b"step"].decode() == step
        assert metadata[b"code"].decode() == script_digest(SCRIPTS / f"{step}.py")


def test_what_is_sent_names_the_code(results: Path) -> None:
    readme = (results / "export_results/README.md").read_text()
    summary = (results / "export_results/summary.json").read_text()
    for text in (readme, summary, (results / "record_run/manifest.json").read_text()):
        assert library_origin()["library"] in text
