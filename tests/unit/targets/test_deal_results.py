"""Rows of batches go to the tables of their diseases."""

from pathlib import Path

import pytest

import deal_results
from locus2target.core import schemas
from locus2target.core.tables import read_table, write_table


def batch(folder: Path, name: str, rows: list[tuple[str, str]]) -> str:
    path = folder / f"{name}.parquet"
    place = {"chromosome": "1", "start": 0, "end": 9, "lead_variant": "1:5:A:C", "n_variants": 3, "n_leads": 1}
    words = {"study": "s", "status": "ok", "reason": "", **place}
    frame = schemas.LOCI.frame({"locus": locus, "disease": disease, **words} for locus, disease in rows)
    write_table(frame, path, schemas.LOCI)
    return str(path)


def test_every_row_goes_to_its_disease_in_the_order_of_the_batches(tmp_path: Path) -> None:
    batches = [
        batch(tmp_path, "1", [("l3", "b"), ("l1", "a"), ("l2", "b")]),
        batch(tmp_path, "2", []),
        batch(tmp_path, "3", [("l0", "b"), ("l9", "a")]),
    ]
    dealt = [str(tmp_path / f"{disease}.dealt.parquet") for disease in "abc"]
    deal_results.main(batches=batches, dealt=dealt, diseases=["a", "b", "c"], table="loci")
    found = [read_table(path, schemas.LOCI) for path in dealt]
    assert [table["locus"].tolist() for table in found] == [["l1", "l9"], ["l3", "l2", "l0"], []]
    assert set(found[1]["disease"]) == {"b"}
    assert found[2].columns.tolist() == schemas.LOCI.names


def test_a_row_of_no_disease_of_the_run_stops_it_and_leaves_no_table(tmp_path: Path) -> None:
    path = batch(tmp_path, "1", [("l1", "a"), ("l2", "elsewhere")])
    with pytest.raises(KeyError, match="elsewhere"):
        deal_results.main(batches=[path], dealt=[str(tmp_path / "a.dealt.parquet")], diseases=["a"], table="loci")
    assert [file.name for file in tmp_path.iterdir()] == ["1.parquet"]


def test_every_table_that_is_dealt_says_of_which_disease_a_row_is() -> None:
    assert all("disease" in schema.names for schema in deal_results.SCHEMAS.values())
