"""The page of a gene in a browser: its numbers are those of the data, and its variants' those of the locus' pack."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from app_run import DISEASES, EFFECTS, HOSTILE, LOCI, NAMED, VARIANTS, WORDS, invented_run, pack
from app_visit import Visit, table_rows
from browsing import NEEDS_CHROMIUM, chromium

from locus2target.report.app_page import render_app
from locus2target.report.formats import (
    format_p_value,
    format_probability,
    format_signed,
    format_variant,
    source_label,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_CHROMIUM
_FIRST, _SECOND = ("#gene/alpha/ENSG00000000001", "#gene/alpha/ENSG00000000002")
_DRAWN = "() => !document.querySelector('#app').innerText.includes('Reading p, PIP')"
_FIELDS = [
    "Why",
    "What speaks against it",
    "What a drug would have to do",
    "Convergence across loci",
    "Log odds, added up",
    "Supporting variants",
    "Tissues and cell types",
    "Evidence",
    "Not known",
    "Loci",
    "Other diseases of the run",
    "Annotations (not counted as evidence)",
]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    folder = tmp_path_factory.mktemp("gene")

    def _write(run: dict[str, Any], packs: dict[str, str]) -> Path:
        path = folder / f"report{len(list(folder.iterdir()))}.html"
        path.write_text(render_app(run, packs, sections="", title=run["run"]["title"]), encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="module")
def report(write: Callable[..., Path]) -> Path:
    return write(invented_run(), {locus: pack(locus) for locus in LOCI})


@pytest.fixture
def visit(browser: "Browser", report: Path) -> Iterator[Visit]:
    opened = Visit(browser, report)
    yield opened
    opened.close()


def _open(visit: Visit, fragment: str) -> None:
    visit.go(fragment)
    visit.until(_DRAWN)


def _target(rank: int) -> dict[str, Any]:
    found: dict[str, Any] = invented_run()["targets"][rank - 1]
    assert found["gene_rank"] == rank
    return found


def _section(visit: Visit, title: str) -> str:
    heading = visit.page.get_by_role("heading", name=title, exact=True)
    return str(visit.page.locator("#app section.part").filter(has=heading).inner_text())


def test_every_part_of_the_page_is_there(visit: Visit) -> None:
    _open(visit, _FIRST)
    assert visit.page.locator("#app section.part > h2").all_inner_texts() == _FIELDS


def test_the_summary_says_why_in_one_paragraph(visit: Visit) -> None:
    _open(visit, _SECOND)
    target = _target(2)
    assert visit.page.locator(".why > .summary").inner_text() == (
        f"{HOSTILE} (ENSG00000000002), alpha. rs1 (1:1500:A:G, PIP 0.7) → colocalises with {HOSTILE} → alpha. "
        f"Rank 2 of 120 candidate genes, probability {format_probability(target['probability'])} of being the target "
        "of at least one locus; uncertain: probability is below 0.5. "
        f"Best locus 1:1,000–2,000. {WORDS['locus_class']['no_local_evidence']} "
        f"Strongest for it: Distance ({format_signed(target['parts']['distance'])}): far away. "
        f"Strongest against it: eQTL (−0.25): H4 0.98 {HOSTILE}; LD verdict of the locus WARN: LD mismatch. "
        "What a drug would have to do is not known. Higher expression goes with more disease. "
        "Run toy, 2026-01-02 03:04, locus2target 0.0."
    )


def test_the_summary_is_copied(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _open(visit, _FIRST)
    visit.page.get_by_role("button", name="Copy this paragraph").press("Enter")
    visit.until("() => document.querySelector('.copy-tools').innerText.includes('Copied.')")
    copied = visit.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == visit.page.locator(".why > .summary").inner_text()
    assert "A drug would have to inhibit it (reliability moderate)." in copied


def test_a_browser_that_refuses_the_clipboard_selects_the_text(browser: "Browser", report: Path) -> None:
    refuse = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
    visit = Visit(browser, report, _FIRST, scripts=[refuse])
    visit.page.get_by_role("button", name="Copy this paragraph").click()
    visit.until("() => document.querySelector('.copy-tools').innerText.includes('Selected')")
    selected = visit.page.evaluate("() => window.getSelection().toString()")
    assert selected.strip() == visit.page.locator(".why > .summary").inner_text()
    visit.close()


def test_log_odds_add_up_as_in_the_data(visit: Visit) -> None:
    _open(visit, _SECOND)
    parts = _target(2)["parts"]
    total = 0.0
    expected = []
    for name in ("prior", "distance"):
        total += parts[name]
        expected.append([source_label(name), format_signed(parts[name]), format_signed(total)])
    assert visit.rows("The same in numbers") == expected
    chart = visit.page.locator(".waterfall-chart svg")
    assert chart.count() == 1
    for text in ("Prior", "Sum", format_signed(parts["prior"]), format_signed(total)):
        assert chart.locator("text", has_text=text).count() == 1


def test_what_speaks_for_and_against(visit: Visit) -> None:
    _open(visit, _SECOND)
    against = _section(visit, "What speaks against it")
    assert against.split("\n")[1:] == [
        f"eQTL (−0.25): H4 0.98 {HOSTILE}",
        "LD verdict of the locus WARN: LD mismatch",
        *(
            f"At the same locus {row['gene_symbol']} has probability {format_probability(row['probability'])}."
            for row in (_target(4), _target(6))
            if row["probability"] >= 0.05
        ),
        "That the target is none of the candidates has probability 0.07.",
    ]
    _open(visit, _FIRST)
    assert _section(visit, "Why").split("\n")[1:] == ["Distance (+2.20): far away", f"eQTL (+1.00): H4 0.98 {HOSTILE}"]


def test_what_a_drug_would_have_to_do(visit: Visit) -> None:
    _open(visit, _FIRST)
    section = _section(visit, "What a drug would have to do")
    assert "inhibit reliability moderate Higher expression goes with more disease." in section
    assert visit.page.locator(".badge.warn", has_text="reliability moderate").count() == 1
    assert "goes with" not in section.replace("Higher expression goes with", "")  # its direction is not known
    _open(visit, _SECOND)
    section = _section(visit, "What a drug would have to do")
    assert "Unknown Higher expression" in section
    assert "more activity of the gene goes with less of the disease" in section


def test_probabilities_without_convergence_and_contexts(visit: Visit) -> None:
    _open(visit, _FIRST)
    target = _target(1)
    values = [
        format_probability(target[name]) for name in ("probability", "probability_local", "probability_unweighted")
    ]
    assert (
        f"Probability {values[0]}; {values[1]} without convergence across loci; {values[2]} with every cell type and "
        "tissue counted alike." in _section(visit, "Convergence across loci")
    )


def test_variants_have_the_numbers_of_the_pack(visit: Visit) -> None:
    _open(visit, _FIRST)
    names = ("Distance, eQTL", "Distance, eQTL")
    rows = visit.rows("Variants that the evidence names")
    assert [row[:5] + row[6:] for row in rows] == [
        [
            format_variant(row["variant"]),
            row["rsid"],
            format_p_value(row["neg_log10_p"]),
            format_probability(row["pip"]),
            str(row["credible_set"]),
            sources,
        ]
        for row, sources in zip(NAMED, names, strict=False)
    ]
    # the rarer of two scores, not the larger, and no score of another gene; one line per model
    value, quantile = EFFECTS[1]["value"], EFFECTS[1]["quantile"]
    assert rows[0][5].split("\n") == [
        f"motifs: SPI1, odds {format_signed(value)} (quantile {format_probability(quantile)})",
        "borzoi: none, no sequence: only N there",
    ]
    assert rows[1][5] == "motifs: none, no sequence: only N there"
    exact = visit.page.locator("#app").get_by_title(str(NAMED[0]["pip"]), exact=True)
    assert exact.inner_text() == format_probability(NAMED[0]["pip"])


def test_a_score_of_another_gene_is_not_shown_as_this_genes(browser: "Browser", write: Callable[..., Path]) -> None:
    elsewhere = [{**row, "gene_id": "ELSEWHERE"} for row in EFFECTS if row["value"] is not None]
    packs = {locus: pack(locus, effects=elsewhere) for locus in LOCI}
    visit = Visit(browser, write(invented_run(), packs), _FIRST)
    visit.until(_DRAWN)
    effects = [row[5] for row in visit.rows("Variants that the evidence names")]
    assert effects == ["motifs: its largest effects are on other genes", "not scored"]
    visit.close()


def test_a_variant_links_to_its_place_in_the_locus(visit: Visit) -> None:
    _open(visit, _FIRST)
    link = visit.page.locator("#app").get_by_role("link", name=format_variant(VARIANTS[1]))
    address = visit.page.evaluate("hash => L2T.router.parse(hash)", link.get_attribute("href"))
    assert address == {"view": "locus", "parameters": {"locus": LOCI[1], "variant": VARIANTS[1]}}


def test_variants_that_the_pack_does_not_name(browser: "Browser", write: Callable[..., Path]) -> None:
    packs = {locus: pack(locus, named=NAMED[:1]) for locus in LOCI}
    visit = Visit(browser, write(invented_run(), packs), _FIRST)
    visit.until(_DRAWN)
    assert visit.rows("Variants that the evidence names")[1][1:6] == ["–"] * 5
    assert "1 variant without numbers" in _section(visit, "Supporting variants")
    visit.close()


def test_a_missing_pack_says_so(browser: "Browser", write: Callable[..., Path]) -> None:
    visit = Visit(browser, write(invented_run(), {}), _FIRST)
    visit.until(_DRAWN)
    section = _section(visit, "Supporting variants")
    assert "p, PIP and predicted effects are not shown: The report holds no association data of this locus" in section
    assert [row[0] for row in visit.rows("Variants that the evidence names")] == [
        format_variant(key) for key in VARIANTS[:2]
    ]
    assert "Constraint" in _section(visit, "Not known")
    visit.close()


def test_a_gene_without_variants_says_so(visit: Visit) -> None:
    _open(visit, "#gene/alpha/ENSG00000000005")
    assert "The evidence names no variant" in _section(visit, "Supporting variants")


def test_what_is_not_known_has_reasons(visit: Visit) -> None:
    _open(visit, _FIRST)
    assert visit.rows("What could not be found out") == [
        ["Constraint", "no annotation", "no table of constraint"],
        [f"borzoi score of {format_variant(VARIANTS[0])}", "no sequence", "only N there"],
        [f"motifs score of {format_variant(VARIANTS[1])}", "no sequence", "only N there"],
    ]


def test_leaving_before_the_variants_are_there_does_no_harm(visit: Visit) -> None:
    visit.page.evaluate(
        "([gene, home]) => { location.hash = gene; setTimeout(() => { location.hash = home; }); }", [_FIRST, "#home"]
    )
    visit.page.wait_for_timeout(300)
    assert visit.heading().startswith("Toy")
    assert "Supporting variants" not in visit.view()


def test_evidence_is_the_table(visit: Visit) -> None:
    _open(visit, _FIRST)
    data = invented_run()["evidence"]
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    own = [row for row in rows if (row["disease"], row["gene_id"]) == (DISEASES[0], "ENSG00000000001")]
    counted = sorted((row for row in own if row["status"] == "ok"), key=lambda row: -row["log_odds"])
    shown = visit.rows("Evidence with weight")
    assert [(row[1], row[3], row[4]) for row in shown] == [
        (source_label(row["source"]), format_signed(row["log_odds"]), format_signed(row["log_odds_unweighted"]))
        for row in counted
    ]
    name, text = visit.download("Download evidence TSV")
    assert name == "evidence-alpha-GENE1.tsv"
    for found, row in zip(table_rows(text), own, strict=True):
        for column in ("value", "log_odds", "log_odds_unweighted", "direction"):
            assert (float(found[column]) if found[column] else None) == row[column]
        assert (found["source"], found["status"], found["reason"]) == (row["source"], row["status"], row["reason"])


def test_candidates_of_the_best_locus(visit: Visit) -> None:
    _open(visit, "#gene/alpha/ENSG00000000021")
    candidates = [row for row in invented_run()["candidates"] if row["locus"] == LOCI[1]]
    first = [row for row in candidates if row["locus_rank"] <= 11 or row["gene_id"] == "ENSG00000000021"]
    rows = visit.rows("First candidates at the best locus")
    none = [row for row in rows if row[1] == "none of these genes"]
    assert none == [["", "none of these genes", "0.07", ""]]
    assert rows.index(none[0]) == sum(row["probability"] >= 0.07 for row in first)  # at its place
    assert [row for row in rows if row not in none] == [
        [
            str(row["locus_rank"]),
            row["gene_symbol"],
            format_probability(row["probability"]),
            format_signed(row["log_odds"]),
        ]
        for row in first
    ]


def test_other_diseases_and_annotations(visit: Visit) -> None:
    _open(visit, _FIRST)
    assert visit.rows("The gene in every other disease")[0][:3] == ["beta | <i>two</i>", "1", "0.93"]
    annotations = _section(visit, "Annotations (not counted as evidence)")
    assert f"Known drugs\n{HOSTILE}" in annotations
    assert "Tractability\n–" in annotations


def test_hostile_names_make_no_element(visit: Visit) -> None:
    for fragment in (_FIRST, _SECOND, "#disease/alpha", "#disease/beta%20%7C%20%3Ci%3Etwo%3C%2Fi%3E"):
        _open(visit, fragment)
        assert visit.page.locator("#app script, #app i:not(.up, .down), #app img").count() == 0
        assert "broken" not in visit.page.title().replace(HOSTILE, "")
    _open(visit, _FIRST)
    assert HOSTILE in visit.rows("Variants that the evidence names")[1]


def test_print_shows_the_whole_page(visit: Visit) -> None:
    _open(visit, _FIRST)
    visit.page.emulate_media(media="print")
    for title in _FIELDS:
        assert visit.page.get_by_role("heading", name=title, exact=True).is_visible()
    assert visit.page.locator(".why > .summary").is_visible()
    assert visit.page.locator(".waterfall-chart svg").is_visible()
    assert visit.page.locator(".review-form [role=status]").is_visible()
    for tool in (".top", ".copy-tools", ".review-form fieldset", "#app button"):
        assert not any(element.is_visible() for element in visit.page.locator(tool).all())
    cut = "elements => elements.filter(each => getComputedStyle(each).overflowY !== 'visible' && each.scrollHeight > each.clientHeight + 1).map(each => each.className)"  # noqa: E501
    assert visit.page.locator("#app section, #app .scroll, #app .why").evaluate_all(cut) == []


@pytest.mark.parametrize("width", [1366, 390])
def test_no_page_is_wider_than_the_window(browser: "Browser", report: Path, width: int) -> None:
    visit = Visit(browser, report, width=width)
    for fragment in (_FIRST, _SECOND, "#disease/alpha"):
        _open(visit, fragment)
        widths = visit.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1]
    visit.close()
