import base64
import re
from html.parser import HTMLParser

import pytest
from report_run import HOSTILE, Rendered, gene_id

from locus2target.report.page import run_block

FIGURE = "data:image/svg+xml;base64,"


class _Page(HTMLParser):
    """Collects tags, ids, link targets and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fragments: list[str] = []
        self.addresses: list[str] = []
        self.figures: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"event handler {name} in {tag}"
            if name == "id":
                self.ids.append(str(value))
            elif name in {"src", "href", "action", "srcset", "data"}:
                kind = self.fragments if str(value).startswith("#") else self.addresses
                (self.figures if str(value).startswith(FIGURE) else kind).append(str(value))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def html(rendered: Rendered) -> str:
    return rendered.report.read_text()


@pytest.fixture(scope="module")
def page(html: str) -> _Page:
    return _Page(html)


def test_page_links_only_to_itself(page: _Page) -> None:
    assert page.addresses == ["explorer.html"]
    assert {fragment[1:] for fragment in page.fragments} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_hostile_text_makes_no_element(page: _Page, html: str) -> None:
    assert page.tags.count("img") == len(page.figures)
    assert "b" not in page.tags or html.count("<b>bold") == 0
    assert page.tags.count("script") == 2 + html.count('<script type="application/json">')
    assert HOSTILE in page.text
    assert "alert('x')</script>" not in html


def test_networks_are_images_of_their_disease(page: _Page) -> None:
    figures = [base64.b64decode(address.removeprefix(FIGURE)).decode() for address in page.figures]
    assert [re.findall("<text.*?>(.*)</text>", figure) for figure in figures] == [["alpha"], ["beta"]]


def test_policy_allows_the_pages_own_scripts_only(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "script-src" in policy[1]
    assert "unsafe-inline&#39;; style" not in policy[1]


@pytest.mark.parametrize(
    "sentence",
    [
        "1,045,000 rows of 3 files came in; 1,035,000 were kept, 10,000 left behind",
        "4 of 6 loci were fine-mapped.",
        "Not analysed: mhc (1), too_few_variants (1).",
        "Without a lead variant, and so without a locus: gamma_2020.",
        "No confident target",
        "4 loci, 2 fine-mapped; 1 confident target among 15 candidate genes",
        "Sections below: the first 3 of 15 genes.",
        "unsigned_statistics",
        "no_sequence: The FASTA has only N there.",
        "genome.build",
        "susieR 0.12.35",
        "Annotations (not counted as evidence)",
        "Inhibit reliability moderate More expression in whole blood, more alpha. Best H4 0.97.",
        "1 of 2 tested contexts with q ≤ 0.05. Not tested: too_few_loci (1); for example: 2 loci, at least 5 needed.",
        "None of 20 tested gene sets is significant (q ≤ 0.05). Shown: the 10 best",
        "1 of 2 tested motif families with q ≤ 0.05.",
        "This run has no gene set to test.",
        "GENE0 leads with probability 0.91, 0.85 more than the next of 11 candidates.",
        "The ranking abstains: no gene reaches the configured probability",
    ],
)
def test_page_says(page: _Page, sentence: str) -> None:
    assert sentence in " ".join(page.text.split())


def test_sections_of_shown_genes_and_loci(page: _Page) -> None:
    assert [name for name in page.ids if name.startswith("gene-alpha")] == [
        f"gene-alpha-{gene_id(n)}" for n in range(3)
    ]
    assert [name for name in page.ids if name.startswith("locus-")] == [
        "locus-alpha_strong", "locus-alpha_sparse", "locus-beta_unsigned", "locus-beta_quiet",
    ]  # fmt: skip


def test_page_stays_small(html: str) -> None:
    cards = re.findall(r'<article class="card (?:locus|gene)".*?</article>', html, re.DOTALL)
    per_locus = sum(map(len, cards)) / 4
    rest = len(html) - sum(map(len, cards))
    assert 15 * 4 * per_locus + rest < 5_000_000  # 15 loci of four times as many variants stay below 5 MB


def test_same_tables_give_the_same_page(rendered: Rendered, html: str) -> None:
    assert str(rendered.report.parent) not in html


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
    assert run_block(value)["kind"] == kind
