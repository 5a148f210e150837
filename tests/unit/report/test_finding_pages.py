"""The small pages of `snakemake --report` about what the loci of a disease say together."""

import html
import re
from pathlib import Path

import pytest
from report_run import ToyRun

import tabulate_findings
from locus2target.core import schemas
from locus2target.core.tables import read_table, write_table

PAGES = ("contexts", "gene_sets", "regulators", "directions")
TABLES = {
    "contexts": schemas.CONTEXT_ENRICHMENT,
    "gene_sets": schemas.GENE_SET_ENRICHMENT,
    "regulators": schemas.REGULATORS,
}


def _pages(run: ToyRun, folder: Path, disease: str) -> dict[str, str]:
    """The pages of one disease, from files of that disease as the run writes them."""
    own = {}
    for name, schema in TABLES.items():
        frame = read_table(run.inputs[name][0], schema)
        own[name] = str(folder / f"{name}.parquet")
        write_table(frame[frame["disease"] == disease], own[name], schema)
    outputs = {f"{name}_page": str(folder / f"{name}.html") for name in PAGES}
    tabulate_findings.main(**own, gene_directions=run.inputs["gene_directions"], **outputs, disease=disease)
    return {name: Path(outputs[f"{name}_page"]).read_text() for name in PAGES}


@pytest.fixture(scope="module")
def alpha(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _pages(toy_run, tmp_path_factory.mktemp("findings"), "alpha")


def test_pages_name_disease_and_subject(alpha: dict[str, str]) -> None:
    titles = {name: re.search(r"<h1>(.*?)</h1>", page).group(1) for name, page in alpha.items()}  # type: ignore[union-attr]
    assert titles == {
        "contexts": "Cell types and tissues: alpha",
        "gene_sets": "Gene sets: alpha",
        "regulators": "Transcription factors: alpha",
        "directions": "Gene directions: alpha",
    }


def test_pages_hold_every_row_that_they_should(toy_run: ToyRun, alpha: dict[str, str]) -> None:
    contexts = read_table(toy_run.inputs["contexts"][0], schemas.CONTEXT_ENRICHMENT)
    own = contexts[contexts["disease"] == "alpha"]
    assert len(own)
    assert all(name in html.unescape(alpha["contexts"]) for name in own["context"])
    directions = read_table(toy_run.inputs["gene_directions"], schemas.GENE_DIRECTIONS)
    mine = directions["disease"] == "alpha"
    assert all(name in html.unescape(alpha["directions"]) for name in directions.loc[mine, "gene_id"])
    counted = re.search(r"(\d+) genes? with a molecular trait", alpha["directions"])
    assert counted is not None
    assert int(counted[1]) == mine.sum() > 0
    others = set(directions.loc[~mine, "gene_id"]) - set(directions.loc[mine, "gene_id"])
    assert not any(name in alpha["directions"] for name in others)


def test_pages_say_what_was_asked_what_came_out_and_what_not_to_conclude(alpha: dict[str, str]) -> None:
    assert "Overlapping loci count once." in alpha["contexts"]
    assert "A context without enrichment is not excluded" in alpha["contexts"]
    assert "Sets overlap" in alpha["gene_sets"]
    assert "A motif stands for a family" in alpha["regulators"]
    assert "compare signs, not sizes" in alpha["directions"]
    assert "A gene that is not listed had no test" in alpha["directions"]


def test_disease_without_rows_gets_pages_that_say_so(toy_run: ToyRun, tmp_path: Path) -> None:
    pages = _pages(toy_run, tmp_path, "nowhere")
    assert all("No rows." in page for page in pages.values())
    assert "This run has no gene set to test." in pages["gene_sets"]
