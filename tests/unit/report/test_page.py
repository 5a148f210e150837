"""The page as text: its sections say what the tables say, data make no element, the summary holds its facts."""

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pack_decoder import decode, unpack
from report_run import DISEASES, HOSTILE, RUN, Rendered, ToyRun, gene_id

from locus2target.core.errors import InputError
from locus2target.core.tables import write_table
from locus2target.report.locus_inputs import BesideTables
from locus2target.report.page import read_review, write_report
from locus2target.report.run_data import RunFacts
from locus2target.report.run_record import record_block
from locus2target.report.run_tables import RunTables, TableParts, load_run_tables

FIGURE = "data:image/svg+xml;base64,"
FACTS = RunFacts(name="toy", title="A toy", created="2 January 2026")


class _Page(HTMLParser):
    """Collects tags, ids, link targets, and the text of each part of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fragments: list[str] = []
        self.addresses: list[str] = []
        self.figures: list[str] = []
        self.texts: dict[str, str] = {}
        self._part = ""
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self._script = tag in {"script", "style"}
        if values.get("class") == "part-of":
            self._part = " ".join(str(values[name]) for name in ("data-view", "data-disease") if name in values)
        elif tag == "footer":
            self._part = "footer"
        for name, value in attrs:
            assert not name.startswith("on"), f"event handler {name} in {tag}"
            if name == "id":
                self.ids.append(str(value))
            elif name in {"src", "href", "action", "srcset", "data"}:
                kind = self.fragments if str(value).startswith("#") else self.addresses
                (self.figures if str(value).startswith(FIGURE) else kind).append(str(value))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  as the parser calls it
        self._script = False

    def handle_data(self, data: str) -> None:
        if not self._script:
            self.texts[self._part] = self.texts.get(self._part, "") + data

    def said(self, part: str) -> str:
        """Text of a part, with single blanks."""
        return " ".join(self.texts[part].split())


@pytest.fixture(scope="module")
def html(rendered: Rendered) -> str:
    return rendered.report.read_text()


@pytest.fixture(scope="module")
def page(html: str) -> _Page:
    return _Page(html)


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


def _facts(html: str) -> dict[str, Any]:
    """The run's facts, unpacked from the page."""
    packed = re.search(r'<script type="text/plain" id="run-data">([^<]*)</script>', html)
    assert packed is not None
    facts: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    return facts


def test_links_lead_to_ids_and_to_pages_of_the_run(page: _Page, html: str) -> None:
    facts = _facts(html)
    pages = {("locus", row["locus"]) for row in facts["loci"]}
    pages |= {("gene", row["disease"], row["gene_id"]) for row in facts["targets"]}
    links = {fragment[1:] for fragment in page.fragments}
    routes = {tuple(map(unquote, link.split("/"))) for link in links if "/" in link}
    assert {route[:2] for route in routes} >= {("locus", "alpha_strong"), ("gene", "alpha")}
    assert routes <= pages
    assert {link for link in links if "/" not in link} <= {*page.ids, "home"}
    assert page.addresses == []
    assert len(page.ids) == len(set(page.ids))


def test_a_study_without_loci_has_no_link(page: _Page) -> None:
    assert not [fragment for fragment in page.fragments if "gamma" in fragment]


def test_hostile_text_makes_no_element(page: _Page, html: str) -> None:
    assert page.tags.count("img") == len(page.figures)
    assert html.count("<b>bold") == 0
    ours = html.count("<script>") + html.count('<script type="text/plain"')
    assert page.tags.count("script") == ours == html.count("</script>")
    assert HOSTILE in page.said("disease alpha")
    assert "alert('x')</script>" not in html


def test_networks_are_images_of_their_disease(page: _Page) -> None:
    figures = [base64.b64decode(address.removeprefix(FIGURE)).decode() for address in page.figures]
    assert [re.findall("<text.*?>(.*)</text>", figure) for figure in figures] == [["alpha"], ["beta"]]


def test_sections_of_a_disease_have_addresses_of_their_own(page: _Page) -> None:
    found = {disease: [name for name in page.ids if name.endswith(f"-{disease}")] for disease in DISEASES}
    findings = ("contexts", "gene_sets", "regulators")
    assert found["alpha"] == [f"{name}-alpha" for name in ("gene_directions", *findings, "network")]
    assert found["beta"] == [f"{name}-beta" for name in (*findings, "network")]
    assert found["gamma"] == [f"{name}-gamma" for name in findings]


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("home", "1,045,000 rows of 3 files came in; 1,035,000 were kept, 10,000 left behind"),
        ("home", "4 of 6 loci were fine-mapped."),
        ("home", "Not analysed: mhc (1), too_few_variants (1)."),
        ("home", "Without a lead variant, and so without a locus: gamma_2020."),
        ("home", "GENE0 is the first target, with probability 0.91."),
        ("home", f"No confident target. First of the ranking is {HOSTILE} with probability 0.21 (uncertain)."),
        ("home", "No confident target. No locus has a candidate gene."),
        ("home", "unsigned_statistics"),
        ("home", "1 locus fitted again with the other fine-mapping engine: the largest PIP difference is 3.2×10⁻⁹"),
        ("home", "With functional priors the PIP of 1 variant changes by more than 0.1"),
        ("home", "log10(p_ref / p_alt); version 1"),
        ("about", "genome.build"),
        ("about", "susieR 0.12.35"),
        ("about", "config/config.yaml"),
        ("about", "Posterior inclusion probability"),
        ("about", "Permission is hereby granted"),
        ("about", "Apache License"),
        ("disease alpha", "1 of 2 tested contexts with q ≤ 0.05. Not tested: too_few_loci (1); for example: 2 loci,"),
        ("disease alpha", "None of 20 tested gene sets is significant (q ≤ 0.05). Shown: the 10 best"),
        ("disease alpha", "1 of 2 tested motif families with q ≤ 0.05."),
        ("disease alpha", "Mendelian randomization on what colocalises"),
        ("disease alpha", "No edge is a measured interaction."),
        ("disease gamma", "This run has no gene set to test."),
    ],
)
def test_parts_say(page: _Page, part: str, sentence: str) -> None:
    assert sentence in page.said(part)


@pytest.mark.parametrize(
    ("locus", "sentence"),
    [
        ("alpha_strong", "GENE0 leads with probability 0.91, 0.85 more than the next of 11 candidates."),
        ("alpha_sparse", "The ranking abstains: no gene reaches the configured probability"),
    ],
)
def test_facts_say_how_clear_a_locus_is(html: str, locus: str, sentence: str) -> None:
    (row,) = [row for row in _facts(html)["loci"] if row["locus"] == locus]
    assert sentence in " ".join(row["verdict"])
    assert all(isinstance(caution, str) for caution in row["cautions"])


def test_page_and_summary_hold_the_same_facts(rendered: Rendered, html: str) -> None:
    facts = _facts(html)
    assert json.loads(rendered.summary.read_text()) == facts
    packs = dict(re.findall(r'class="locus-pack" data-locus="([^"]+)"[^>]*>([^<]+)<', html))
    assert set(packs) == {row["locus"] for row in facts["loci"] if row["has_pack"]}
    header, _ = unpack(decode(packs["alpha_strong"].strip()))
    assert header["locus"] == "alpha_strong"


def _written(tables: RunTables, folder: Path, review: object) -> tuple[str, str]:
    """Text of page and summary."""
    page, summary = folder / "page.html", folder / "summary.json"
    without_qtl = RunTables(
        **{name: getattr(tables, name) for name in RunTables.__slots__ if name != "colocalization"},
        colocalization=tables.colocalization.iloc[:0],  # no QTL table has to be there
    )
    write_report(page, summary, without_qtl, BesideTables({}), FACTS, record=RUN, review=review)
    return page.read_text(), summary.read_text()


def test_marks_of_an_earlier_run_are_handed_over(tables: RunTables, tmp_path: Path) -> None:
    marks = {"format": 1, "run": "earlier", "marks": {f"alpha|{gene_id(0)}": {"mark": "accepted", "note": "</script>"}}}
    saved = tmp_path / "earlier.review.json"
    saved.write_text(json.dumps(marks))
    page, summary = _written(tables, tmp_path, read_review(saved))
    assert _facts(page) == {**json.loads(summary), "review": marks}


def test_same_tables_give_the_same_page(tables: RunTables, tmp_path: Path) -> None:
    once, again = _written(tables, tmp_path, None), _written(tables, tmp_path, None)
    assert once == again
    assert str(tmp_path) not in once[0]


def test_tables_in_parts_give_the_page_of_whole_tables(tables: RunTables, tmp_path: Path) -> None:
    """Rows per variant come batch by batch, and are never together in memory."""
    parted = {name: _one_part_per_locus(getattr(tables, name), tmp_path / name) for name in _PER_VARIANT}
    assert all(len(parts.paths) > 1 for parts in parted.values())
    assert _written(replace(tables, **parted), tmp_path, None) == _written(tables, tmp_path, None)


_PER_VARIANT = ("credible_sets", "variant_effects", "prior_effects")


def _one_part_per_locus(whole: TableParts, folder: Path) -> TableParts:
    """The same rows in files of one locus each, or of one row where the table knows no loci; and one without rows."""
    (frame,) = whole.read()
    keys = frame["locus"] if "locus" in frame else frame.index.to_series()
    groups = [rows for _, rows in frame.groupby(keys, sort=False)]
    paths = [folder / f"{number}.parquet" for number in range(len(groups) + 1)]
    for path, rows in zip(paths, [frame.iloc[:0], *groups], strict=True):
        write_table(rows, path, whole.schema)
    return TableParts(tuple(paths), whole.schema)


@pytest.mark.parametrize("content", [None, "{", "not json"])
def test_a_review_that_is_no_json_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "review.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"review\.json \(report\.review\)"):
        read_review(path)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"a": {"x": 1}, "b": {"x": 2}}, "rows"),
        ({"a": [{"x": 1}, {"x": 2}], "b": [{"x": 3}]}, "rows"),
        ([{"x": 1}], "rows"),
        ({"a": {"x": 1}, "b": 2}, "pairs"),
        ({}, "pairs"),
        ("one", "line"),
        ("one\ntwo", "text"),
        (None, "line"),
        ([1, 2], "line"),
    ],
)
def test_any_record_of_the_run_can_be_shown(value: object, kind: str) -> None:
    assert record_block(value)["kind"] == kind
