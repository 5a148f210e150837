"""The page's facts are the numbers of the tables, missing ones are null, and nothing else gets in."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from report_run import DISEASES, HOSTILE, HOSTILE_REASON, ToyRun

from locus2target.core import schemas
from locus2target.core.provenance import library_origin
from locus2target.core.tables import records
from locus2target.core.version import VERSION
from locus2target.report.locus_classes import locus_verdict
from locus2target.report.locus_words import locus_cautions
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.run_tables import RunTables, load_run_tables

FACTS = RunFacts(name="toy", title=HOSTILE, created="2026-01-02")
PACKED = ("alpha_strong", "alpha_sparse", "beta_unsigned", "beta_quiet")


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data(tables: RunTables) -> dict[str, Any]:
    """As the page's script reads it."""
    return json.loads(json.dumps(run_data(tables, FACTS, packed=PACKED), allow_nan=False))


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table with None for what is missing."""
    return {name: None if pd.isna(value) else value for name, value in row.items()}


def parts(text: str) -> dict[str, float]:
    return {name: float(value) for name, _, value in (part.partition("=") for part in text.split(";") if part)}


def by_locus(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["locus"]: row for row in data["loci"]}


def test_keys_and_their_order(data: dict[str, Any]) -> None:
    assert list(data) == ["format", "run", "diseases", "loci", "targets", "candidates", "evidence", "words"]
    assert data["format"] == 1
    names = {"name": "toy", "title": HOSTILE, "version": VERSION, "created": "2026-01-02"}
    assert data["run"] == names | {"code": library_origin()}
    first, *_, last = data["loci"][0]
    assert (first, last) == ("locus", "has_pack")


def test_targets_are_the_table(data: dict[str, Any], tables: RunTables) -> None:
    rows = [plain(row) for row in records(tables.targets)]
    assert data["targets"] == [{**row, "parts": parts(row["parts"])} for row in rows]
    assert list(data["targets"][0]) == schemas.TARGETS.names


def test_candidates_are_the_table_without_none(data: dict[str, Any], tables: RunTables) -> None:
    rows = [plain(row) for row in records(tables.locus_genes) if row["gene_id"] != "none"]
    assert data["candidates"] == [{**row, "parts": parts(row["parts"])} for row in rows]


def test_loci_are_their_rows_in_three_tables(data: dict[str, Any], tables: RunTables) -> None:
    mapped = {row["locus"]: plain(row) for row in records(tables.fine_mapping)}
    classes = {row["locus"]: plain(row) for row in records(tables.locus_classes)}
    assert len(data["loci"]) == len(tables.loci)
    for row, found in zip(records(tables.loci), data["loci"], strict=True):
        for name in ("locus", "disease", "study", "chromosome", "start", "end", "lead_variant", "lead_neg_log10_p"):
            assert found[name] == plain(row)[name]
        for name in ("method", "ld_verdict", "ld_reason"):
            assert found[name] == mapped.get(row["locus"], {}).get(name, found[name])
        for name in ("locus_class", "top_gene", "top_probability", "margin", "none_probability", "n_candidates"):
            assert found[name] == classes.get(row["locus"], {}).get(name, found[name])


def test_status_is_why_a_locus_was_not_analysed_otherwise_that_of_fine_mapping(
    data: dict[str, Any], tables: RunTables
) -> None:
    loci = by_locus(data)
    assert loci["alpha_mhc"]["status"] == "mhc"
    assert loci["alpha_mhc"]["reason"] == "The locus lies in the MHC, where LD is too long."
    mapped = {row["locus"]: row for row in records(tables.fine_mapping)}
    for name in ("alpha_strong", "alpha_sparse", "beta_unsigned"):
        assert (loci[name]["status"], loci[name]["reason"]) == (mapped[name]["status"], mapped[name]["reason"])


def test_a_locus_without_class_and_fine_mapping_says_so(tables: RunTables) -> None:
    bare = replace(tables, fine_mapping=schemas.FINE_MAPPING.empty(), locus_classes=schemas.LOCUS_CLASSES.empty())
    found = by_locus(run_data(bare, FACTS, packed=()))["alpha_strong"]
    assert (found["method"], found["ld_verdict"], found["ld_reason"]) == ("none", "NONE", "")
    assert found["locus_class"] == "not_ranked"
    assert found["abstains"] is True
    assert [found[name] for name in ("top_gene", "top_probability", "margin", "none_probability")] == [None] * 4
    assert found["has_pack"] is False


def test_a_locus_knows_whether_its_association_is_in_the_page(data: dict[str, Any]) -> None:
    packed = {name for name, row in by_locus(data).items() if row["has_pack"]}
    assert packed == {"alpha_strong", "alpha_sparse", "beta_unsigned", "beta_quiet"}


def test_diseases_count_loci_of_each_class(data: dict[str, Any]) -> None:
    assert [row["disease"] for row in data["diseases"]] == list(DISEASES)
    alpha, beta, gamma = data["diseases"]
    names = ("n_loci", "n_ranked", "n_clear", "n_contested", "n_no_local_evidence")
    assert [alpha[name] for name in names] == [4, 2, 1, 0, 1]
    assert [beta[name] for name in names] == [2, 1, 0, 1, 0]
    assert [gamma[name] for name in names] == [0, 0, 0, 0, 0]  # its row says that the study has no locus


def test_the_first_genes_of_a_disease(data: dict[str, Any], tables: RunTables) -> None:
    ranked = tables.targets[tables.targets["disease"] == "alpha"].sort_values("gene_rank").head(7)
    columns = ["gene_id", "gene_symbol", "probability", "status"]
    assert data["diseases"][0]["top"] == records(ranked[columns])
    assert data["diseases"][2]["top"] == []


def test_a_named_target_is_the_answer_also_behind_genes_that_are_not_named(tables: RunTables) -> None:
    targets = tables.targets.copy()
    third = (targets["disease"] == "alpha") & (targets["gene_rank"] == 3)
    targets["status"] = targets["status"].where(targets["gene_rank"] != 1, "distance_only")
    targets.loc[third, "status"] = "confident"
    (alpha, *_) = run_data(replace(tables, targets=targets), FACTS, packed=())["diseases"]
    assert [row["gene_symbol"] for row in alpha["top"]][:3] == ["GENE2", "GENE0", HOSTILE]
    assert alpha["answer"] == ["GENE2 is the first target, with probability 0.03.", "GENE2 lies near the lead variant."]


def test_words_define_every_class_and_verdict(data: dict[str, Any]) -> None:
    assert {row["locus_class"] for row in data["loci"]} <= set(data["words"]["locus_class"])
    assert {row["ld_verdict"] for row in data["loci"]} <= set(data["words"]["ld_verdict"])


def test_every_locus_has_a_verdict_and_what_not_to_conclude(data: dict[str, Any], tables: RunTables) -> None:
    cautions = locus_cautions(tables)
    for row in data["loci"]:
        assert row["verdict"] == list(locus_verdict(tables.locus_classes, row["locus"]).sentences)
        assert row["cautions"] == list(cautions[row["locus"]])
    assert any(row["cautions"] for row in data["loci"])


def test_evidence_that_says_something_of_candidates_and_the_locus(data: dict[str, Any], tables: RunTables) -> None:
    assert data["evidence"]["columns"] == schemas.EVIDENCE.names
    found = [dict(zip(data["evidence"]["columns"], row, strict=True)) for row in data["evidence"]["rows"]]
    assert found == [plain(row) for row in records(tables.evidence)]  # all of the toy run's speaks
    assert {row["gene_id"] for row in found} >= {"none"}


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"log_odds": 0.0}, False),
        ({"log_odds": 0.0, "status": "no_annotation"}, True),
        ({"log_odds": -0.5}, True),
        ({"log_odds": 0.5, "gene_id": "ENSG_ELSEWHERE"}, False),
        ({"log_odds": 0.5, "locus": "alpha_mhc"}, False),
    ],
)
def test_evidence_that_is_left_out(tables: RunTables, values: dict[str, object], kept: bool) -> None:
    row = {**plain(records(tables.evidence)[0]), **values}
    run = replace(tables, evidence=schemas.EVIDENCE.frame([row]))
    assert len(run_data(run, FACTS, packed=PACKED)["evidence"]["rows"]) == kept


def test_hostile_text_stays_text(data: dict[str, Any]) -> None:
    assert HOSTILE in {row["gene_symbol"] for row in data["targets"]}
    assert HOSTILE_REASON in {row["reason"] for row in data["targets"]}
    assert by_locus(data)["beta_unsigned"]["top_gene"] == HOSTILE


def test_a_run_without_anything(tables: RunTables) -> None:
    values = {name: getattr(tables, name) for name in RunTables.__slots__}
    frames = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
    run = replace(tables, **{name: frame.iloc[:0] for name, frame in frames.items()}, diseases=("alpha",))
    found = run_data(run, FACTS, packed=[])
    assert found["loci"] == found["targets"] == found["candidates"] == found["evidence"]["rows"] == []
    counts = dict.fromkeys(("n_loci", "n_ranked", "n_clear", "n_contested", "n_no_local_evidence"), 0)
    answer = ["No confident target.", "No locus has a candidate gene."]
    assert found["diseases"] == [{"disease": "alpha", **counts, "answer": answer, "top": []}]
