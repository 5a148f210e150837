"""The explorer's file holds the run's facts, its loci and a reviewer's marks; the summary holds the same facts."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pack_decoder import decode, unpack
from report_run import ToyRun

from locus2target.core.errors import InputError
from locus2target.report.explorer import read_beside, read_review, write_explorer
from locus2target.report.locus_inputs import packed_loci
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.run_tables import load_run_tables

FACTS = RunFacts(name="toy", title="A toy", created="2 January 2026")


def written(toy_run: ToyRun, folder: Path, review: object) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The page's text, the facts inside it and the summary."""
    whole = load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]
    tables = replace(whole, colocalization=whole.colocalization.iloc[:0])  # no QTL table has to be there
    page, summary = folder / "explorer.html", folder / "summary.json"
    beside = read_beside({}, open_chromatin=None, links=None)
    write_explorer(page, summary, tables, beside, FACTS, review=review)
    text = page.read_text()
    inside = re.search(r'<script[^>]*id="run-data"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert inside is not None
    expected = json.loads(json.dumps(run_data(tables, FACTS, packed=packed_loci(tables))))
    assert json.loads(summary.read_text()) == expected
    return text, json.loads(inside[1]), expected


def test_page_and_summary_hold_the_same_facts(toy_run: ToyRun, tmp_path: Path) -> None:
    text, inside, expected = written(toy_run, tmp_path, None)
    assert inside == expected
    packs = re.findall(r'class="locus-pack" data-locus="([^"]+)"[^>]*>([^<]+)<', text)
    assert len(packs) == sum(locus["has_pack"] for locus in expected["loci"]) > 0
    header, _ = unpack(decode(packs[0][1].strip()))
    assert header["format"] == 1
    assert "Quality control" in text


def test_marks_of_an_earlier_run_are_handed_over(toy_run: ToyRun, tmp_path: Path) -> None:
    marks = {"format": 1, "run": "earlier", "marks": {"d|ENSG1": {"mark": "accepted", "note": "</script>"}}}
    saved = tmp_path / "earlier.review.json"
    saved.write_text(json.dumps(marks))
    text, inside, expected = written(toy_run, tmp_path, read_review(saved))
    assert inside == {**expected, "review": marks}
    assert text.count("</script>") == text.count("<script")


@pytest.mark.parametrize("content", [None, "{", "not json"])
def test_a_review_that_is_no_json_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "review.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"review\.json \(report\.review\)"):
        read_review(path)
