"""The app in a real browser, from disk with the network off: every page, the review, the comparison."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest
from app_run import DISEASES, HOSTILE, LOCI, N_GENES, invented_run, pack

from locus2target.report.app_page import render_app
from locus2target.report.formats import format_probability, format_signed

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
    pytest.mark.skipif(find_library("atomic") is None, reason="libatomic, which playwright's driver needs, is absent"),
]
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_GENE = "#gene/alpha/ENSG00000000001"
_TABLE = ".grid[aria-label^='Ranked genes'] "
# Tests of the shell do not need the locus page: this one stands in where the real one is not there.
_LOCUS_VIEW = """
  window.L2T = { views: { locus: { render(container, { locus }) {
    const heading = document.createElement("h1");
    heading.textContent = `Locus ${locus}`;
    container.append(heading);
  } } } };
"""
_ROW_TEXTS = """
  rows => rows.map(row => Object.fromEntries([...row.querySelectorAll(".tabulator-cell")].map(
    cell => [cell.getAttribute("tabulator-field"), [cell.innerText.trim(), cell.firstElementChild?.title ?? ""]])))
"""
_NO_STORAGE = """
  Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } });
"""


class _Visit:
    """One open page in a browser profile of its own, with everything it said and asked for."""

    def __init__(self, browser: "playwright.Browser", path: Path, fragment: str = "", *scripts: str) -> None:
        self.context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}, accept_downloads=True)
        self.path = path
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url.partition("#")[0]))
        for script in (_LOCUS_VIEW, *scripts):
            self.page.add_init_script(script)
        self.page.goto(path.as_uri() + fragment)

    def go(self, fragment: str) -> None:
        self.page.evaluate("hash => { location.hash = hash; }", fragment)
        self.page.wait_for_timeout(150)

    def heading(self) -> str:
        return str(self.page.locator("#app h1").inner_text())

    def cells(self, field: str, table: str = _TABLE) -> list[str]:
        found = self.page.locator(f'{table}.tabulator-row .tabulator-cell[tabulator-field="{field}"]')
        return [text.strip() for text in found.all_inner_texts()]

    def download(self, button: str, *, within: str = "#app", nth: int = 0) -> tuple[str, str]:
        """Name and text of the file that a button gives."""
        with self.page.expect_download() as download:
            self.page.locator(within).get_by_role("button", name=button).nth(nth).click()
        return download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")

    def choose(self, label: str, path: Path) -> None:
        self.page.locator(f"#app input[type=file][aria-label='{label}']").set_input_files(path)
        self.page.wait_for_timeout(300)

    def picture(self, name: str) -> None:
        """A picture of the page to look at."""
        self.page.screenshot(path=Path(tempfile.gettempdir()) / f"p3_{name}.png", full_page=True)

    def close(self) -> None:
        """The page was silent, and asked for nothing but itself."""
        assert self.complaints == []
        assert set(self.requests) == {self.path.as_uri()}
        self.context.close()


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Path]:
    folder = tmp_path_factory.mktemp("app")

    def _write(run: dict[str, Any]) -> Path:
        path = folder / f"report{len(list(folder.iterdir()))}.html"
        sections = '<section id="quality"><h2>Quality control</h2><p>All well.</p></section>'
        packs = {locus: pack(locus) for locus in LOCI}
        path.write_text(render_app(run, packs, sections=sections, title=run["run"]["title"]), encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="module")
def report(write: Callable[[dict[str, Any]], Path]) -> Path:
    return write(invented_run())


@pytest.fixture
def visit(browser: "playwright.Browser", report: Path) -> Iterator[_Visit]:
    opened = _Visit(browser, report)
    yield opened
    opened.close()


def _targets(disease: str = DISEASES[0]) -> list[dict[str, Any]]:
    return [row for row in invented_run()["targets"] if row["disease"] == disease]


def _tsv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_home_gives_the_answers(visit: _Visit) -> None:
    assert visit.heading() == f"Toy {HOSTILE}"
    assert visit.page.title() == f"Toy {HOSTILE}"
    cards = visit.page.locator(".verdict")
    assert cards.count() == 2
    assert "0.93" in cards.first.inner_text()
    assert (
        "2 loci, 2 ranked: 1 clear, 0 contested, 1 without local evidence. 120 candidate genes."
        in cards.first.inner_text()
    )
    assert visit.page.get_by_text("All well.").is_visible()
    visit.picture("home")


def test_walk_by_clicks_and_back(visit: _Visit) -> None:
    page = visit.page
    page.locator(".verdict").first.get_by_role("link", name="GENE1").click()
    assert visit.heading() == "GENE1 ENSG00000000001"
    assert page.title().startswith("GENE1")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.locator("#app").get_by_role("link", name="alpha", exact=True).click()
    assert visit.heading() == "alpha"
    assert not page.get_by_text("All well.").is_visible()
    page.locator(_TABLE).get_by_role("link", name="2:1,000–2,000").first.click()
    assert LOCI[1] in visit.page.evaluate("decodeURIComponent(location.hash)")
    assert page.locator("#app").inner_text()
    page.go_back()
    assert visit.heading() == "alpha"
    page.go_back()
    assert visit.heading().startswith("GENE1")


def test_deep_links_hold_hostile_names(browser: "playwright.Browser", report: Path) -> None:
    visit = _Visit(browser, report, "#disease/beta%20%7C%20%3Ci%3Etwo%3C%2Fi%3E")
    assert visit.heading() == DISEASES[1]
    assert visit.cells("gene_symbol") == ["GENE1", HOSTILE]
    visit.page.locator(_TABLE).get_by_role("link", name=HOSTILE).click()
    assert visit.heading() == f"{HOSTILE} ENSG00000000002"
    visit.close()


@pytest.mark.parametrize("fragment", ["#nothing", "#gene/alpha", "#disease/%E0%A4%A", "#gene/alpha/none/more"])
def test_unknown_addresses_lead_home(visit: _Visit, fragment: str) -> None:
    visit.go(fragment)
    if fragment.startswith("#disease"):
        assert "no disease" in visit.page.locator("#app").inner_text()
        return
    assert visit.heading().startswith("Toy")
    assert "There is no page" in visit.page.locator("#message").inner_text()


def test_sections_are_reached_by_their_id(visit: _Visit) -> None:
    visit.go("#compare")
    visit.go("#quality")
    assert visit.page.get_by_text("All well.").is_visible()
    assert visit.page.locator("#message").is_hidden()


def test_every_number_of_the_table_is_the_run_data(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    targets = {row["gene_id"]: row for row in _targets()}
    seen: set[str] = set()
    holder = visit.page.locator(_TABLE + ".tabulator-tableholder")
    for _ in range(30):
        rows = visit.page.locator(_TABLE + ".tabulator-row").evaluate_all(_ROW_TEXTS)
        seen |= {_check_row(row, targets) for row in rows}
        holder.evaluate("element => { element.scrollTop += 400; }")
        visit.page.wait_for_timeout(50)
        if len(seen) == N_GENES:
            break
    assert seen == set(targets)


def _check_row(cells: dict[str, list[str]], targets: dict[str, dict[str, Any]]) -> str:
    """Compare one drawn row, text and tooltip by column, with the run data; give its gene id."""
    target = targets[cells["gene_symbol"][1]]
    for name in ("probability", "probability_local"):
        assert cells[name][0] == format_probability(target[name])
        assert float(cells[name][1]) == target[name]
    assert int(cells["gene_rank"][0]) == target["gene_rank"]
    for source in ("prior", "distance", "colocalization_eqtl"):
        value = target["parts"].get(source)
        assert cells[f"part {source}"][0] == ("–" if value is None else format_signed(value))
        assert value is None or float(cells[f"part {source}"][1]) == value
    assert cells["status"][0] == target["status"]
    return str(target["gene_id"])


def test_only_rows_in_sight_are_drawn(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    assert 10 < len(visit.cells("gene_rank")) < N_GENES


def test_sort_filter_search_and_download(visit: _Visit) -> None:
    page = visit.page
    visit.go("#disease/alpha")
    heading = page.locator(_TABLE).get_by_role("button", name="eQTL")
    heading.click()
    assert visit.cells("gene_rank")[:3] == ["1", "4", "7"]
    heading.click()
    assert visit.cells("gene_rank")[:2] == ["118", "115"]  # ascending; the genes without come last
    page.get_by_label("Filter Rank").fill("10")
    page.locator(_TABLE).get_by_label("Filter Probability").press_sequentially(">0.05")
    page.wait_for_timeout(500)
    assert sorted(map(int, visit.cells("gene_rank"))) == [1, 2, 3, 4, 5]
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("/")
    page.keyboard.type("gene4 COLOCALISES")
    page.wait_for_timeout(200)
    assert visit.cells("gene_symbol") == ["GENE4"]
    assert "1 of 120 genes" in page.locator("#app .table-tools").first.inner_text()
    name, text = visit.download("Download TSV")
    assert name == "ranked_genes-alpha.tsv"
    assert [row["gene_symbol"] for row in _tsv(text)] == ["GENE4"]
    page.locator("#app").get_by_role("button", name="Clear filters").first.click()
    page.wait_for_timeout(200)
    _, text = visit.download("Download TSV")
    assert len(_tsv(text)) == N_GENES
    visit.picture("disease")


def test_downloaded_values_are_exact(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    _, text = visit.download("Download TSV")
    for row, target in zip(_tsv(text), _targets(), strict=True):
        assert row["gene_symbol"] == target["gene_symbol"]
        assert float(row["probability"]) == target["probability"]
        assert float(row["probability_local"]) == target["probability_local"]
        assert float(row["distance"]) == target["parts"]["distance"]
        assert (
            row["colocalization_eqtl"] == ""
            or float(row["colocalization_eqtl"]) == target["parts"]["colocalization_eqtl"]
        )


def test_arrow_keys_walk_the_rows(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    visit.page.locator(_TABLE).get_by_role("link", name="GENE1", exact=True).focus()
    for _ in range(22):
        visit.page.keyboard.press("ArrowDown")
        visit.page.wait_for_timeout(30)
    assert visit.page.evaluate("document.activeElement.textContent") == "GENE23"
    visit.page.keyboard.press("ArrowUp")
    visit.page.wait_for_timeout(30)
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_timeout(100)
    assert visit.heading().startswith("GENE22")


def test_table_is_as_it_was_on_coming_back(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    visit.page.get_by_label("Filter Gene").fill("gene3")
    visit.page.get_by_label("Search Ranked genes of alpha").fill("gene33")
    visit.page.wait_for_timeout(500)
    visit.page.locator(_TABLE).get_by_role("link", name="GENE33").click()
    visit.page.go_back()
    visit.page.wait_for_timeout(300)
    assert visit.cells("gene_symbol") == ["GENE33"]
    assert visit.page.get_by_label("Filter Gene").input_value() == "gene3"


def test_gene_page_says_why_and_why_not(visit: _Visit) -> None:
    visit.go("#gene/alpha/ENSG00000000002")
    text = visit.page.locator("#app").inner_text()
    target = _targets()[1]
    assert "Rank 2 of 120 genes for alpha" in text
    assert f"eQTL (−0.25): H4 0.98 {HOSTILE}" in text
    assert "LD verdict of the locus WARN: LD mismatch" in text
    assert "no table of constraint" in text
    sums = (
        visit.page.locator("section", has_text="Log odds, added up")
        .locator("tbody tr td:nth-child(2)")
        .all_inner_texts()
    )
    assert sums == [format_signed(target["parts"][name]) for name in ("prior", "distance")]
    assert visit.page.locator(".waterfall-chart svg").count() == 1
    assert visit.page.locator(".waterfall-chart svg text", has_text="Prior").count() == 1
    assert visit.page.locator(".waterfall-chart svg text", has_text="−2.71").count() == 1
    for title in (
        "Supporting variants",
        "Tissues and cell types",
        "Convergence across loci",
        "Loci",
        "Annotations (not counted as evidence)",
    ):
        assert visit.page.get_by_role("heading", name=title, exact=True).count() == 1
    visit.picture("gene")


def test_jump_box_finds_genes_and_loci(visit: _Visit) -> None:
    box = visit.page.get_by_label("Go to a gene or locus")
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("gene17")
    assert visit.page.locator("#places option").count() == 1
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_timeout(100)
    assert visit.heading().startswith("GENE17")
    box.fill("nowhere")
    box.press("Enter")
    assert "No gene or locus matches" in visit.page.locator("#message").inner_text()


def test_packs_are_unpacked_on_demand(visit: _Visit) -> None:
    positions = visit.page.evaluate("id => L2T.data.unpack(id).then(({arrays}) => [...arrays.position])", LOCI[2])
    assert positions == [10, 20, 30]
    refused = visit.page.evaluate("() => L2T.data.unpack('none').catch(error => error.message)")
    assert "no association data" in refused


def test_review_is_saved_and_read_in_a_fresh_page(
    browser: "playwright.Browser", visit: _Visit, report: Path, tmp_path: Path
) -> None:
    page = visit.page
    visit.go(_GENE)
    page.get_by_label("accepted").check()
    page.get_by_label("Note (kept with a mark)").fill("strong </script> 'case'")
    page.get_by_label("Note (kept with a mark)").blur()
    visit.go("#disease/alpha")
    page.get_by_label("Review of GENE4", exact=True).select_option("unsure")
    assert page.get_by_label("Review of GENE1", exact=True).input_value() == "accepted"
    visit.go("#review")
    assert "2 marks: 1 accepted, 0 rejected, 1 unsure" in page.locator("#app").inner_text()
    visit.picture("review")
    assert "not saved" in page.locator("#pages").inner_text()
    name, text = visit.download("Save review")
    assert "not saved" not in page.locator("#pages").inner_text()
    assert name == "toy.review.json"
    saved = json.loads(text)
    assert {key: saved[key] for key in ("format", "run", "created")} == {
        "format": 1,
        "run": "toy",
        "created": "2026-01-02 03:04",
    }
    mark = saved["marks"]["alpha|ENSG00000000001"]
    assert (mark["mark"], mark["note"]) == ("accepted", "strong </script> 'case'")
    assert mark["probability"] == _targets()[0]["probability"]

    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    fresh = _Visit(browser, report, "#review", _NO_STORAGE)
    assert "No gene is marked yet" in fresh.page.locator("#app").inner_text()
    fresh.choose("Load review", path)
    assert "2 marks read" in fresh.page.locator("#app").inner_text()
    fresh.go(_GENE)
    assert fresh.page.get_by_label("accepted").is_checked()
    assert fresh.page.get_by_label("Note (kept with a mark)").input_value() == "strong </script> 'case'"
    fresh.close()


def test_marks_outlive_a_reload(visit: _Visit) -> None:
    visit.go(_GENE)
    visit.page.get_by_label("rejected").check()
    visit.page.reload()
    assert visit.page.get_by_label("rejected").is_checked()
    visit.page.get_by_label("not reviewed").check()
    visit.page.reload()
    assert visit.page.get_by_label("not reviewed").is_checked()


def test_review_of_an_earlier_run_is_carried_over(
    browser: "playwright.Browser", write: Callable[[dict[str, Any]], Path]
) -> None:
    old = {"mark": "accepted", "note": "n", "when": "2025-06-01T00:00:00Z", "probability": 0.5}
    marks = {"alpha|ENSG00000000001": old, "alpha|GONE": {**old, "mark": "rejected"}, "broken": 1}
    review = {"format": 1, "run": "toy", "created": "2025-05-05", "marks": marks}
    visit = _Visit(browser, write({**invented_run(), "review": review}), "#review")
    rows = visit.page.locator("#app tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert "carried over" in rows[0]
    assert rows[0].split("\t")[-3:-1] == ["0.50", "0.93"]
    assert "GONE (no candidate in this run)" in rows[1]
    visit.picture("carried")
    visit.go(_GENE)
    assert "0.50 then, 0.93 now" in visit.page.locator(".review-form").inner_text()
    visit.page.get_by_label("unsure").check()
    assert "Carried over" not in visit.page.locator(".review-form").inner_text()
    visit.close()


@pytest.mark.parametrize(
    "text", ["no json", "[]", "null", '{"format": 2, "marks": {}}', '{"format": 1, "marks": null}']
)
def test_wrong_review_files_are_refused_in_words(visit: _Visit, tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    visit.go("#review")
    visit.choose("Load review", path)
    assert "wrong.json was not read" in visit.page.locator("#app .message").inner_text()


def test_a_broken_review_of_the_run_does_not_stop_the_page(
    browser: "playwright.Browser", write: Callable[[dict[str, Any]], Path]
) -> None:
    visit = _Visit(browser, write({**invented_run(), "review": {"format": 9}}), "#review")
    assert "was not read" in visit.page.locator("#app .message").inner_text()
    visit.close()


def _earlier() -> dict[str, Any]:
    """The run before: gene 1 weaker, gene 2 moved with the same evidence, gene 3 not there, another gene there."""
    run = invented_run(created="2025-01-01")
    alpha = {row["gene_rank"]: row for row in run["targets"] if row["disease"] == DISEASES[0]}
    alpha[1].update(
        gene_rank=2, probability=0.4, status="uncertain", parts={**alpha[1]["parts"], "colocalization_eqtl": 0.25}
    )
    alpha[2].update(gene_rank=1, probability=0.5)
    alpha[3].update(gene_id="ENSG_OLD", gene_symbol="OLD")
    return run


@pytest.mark.parametrize("kind", ["json", "html"])
def test_comparison_says_what_moved_and_why(
    visit: _Visit, write: Callable[[dict[str, Any]], Path], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(_earlier()), encoding="utf-8")
    visit.go("#compare")
    visit.choose("Choose a run", path if kind == "json" else write(_earlier()))
    text = visit.page.locator("#app").inner_text()
    assert "2 moved, 0 only in rank, 119 did not, 1 entered, 1 left." in text
    assert "1 became confident targets, 0 are no longer." in text
    visit.picture("compare")
    _, tsv = visit.download("Download TSV")
    rows = {row["gene_id"]: row for row in _tsv(tsv) if row["disease"] == DISEASES[0]}
    now, then = invented_run()["targets"], _earlier()["targets"]
    first = rows["ENSG00000000001"]
    assert float(first["probability_change"]) == now[0]["probability"] - then[0]["probability"]
    assert (first["rank_then"], first["rank_now"], first["rank_change"]) == ("2", "1", "-1")
    assert first["reason"] == "eQTL +0.75"
    assert rows["ENSG00000000002"]["reason"].startswith("Same evidence")
    assert rows["ENSG00000000003"]["state"] == "entered"
    assert rows["ENSG_OLD"]["state"] == "left"
    assert rows["ENSG_OLD"]["probability_now"] == ""
    assert visit.cells("gene_symbol", ".grid ")[0] == "GENE1"  # the largest change first
    visit.go("#home")
    visit.go("#compare")
    assert visit.cells("gene_symbol", ".grid ")[0] == "GENE1"


def test_what_is_no_run_is_refused_in_words(visit: _Visit, tmp_path: Path) -> None:
    visit.go("#compare")
    for text in ("{}", "<p>page</p>", "text", "null"):
        path = tmp_path / "other.json"
        path.write_text(text, encoding="utf-8")
        visit.choose("Choose a run", path)
        assert "other.json was not read" in visit.page.locator("#app .message").inner_text()


def test_skip_link_and_print(visit: _Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "app"
    visit.go("#disease/alpha")
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = visit.page.locator(".tabulator-print-table").first
    assert printed.locator("tbody tr").count() == N_GENES
    assert HOSTILE in printed.inner_text()
    visit.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert visit.page.locator(".tabulator-print-table").count() == 0


def test_the_formats_are_those_of_the_other_tables(visit: _Visit) -> None:
    values = [0, 1, 0.004, 0.125, 0.375, 0.625, 0.875, 0.285, 0.155, 0.145, 0.995, 0.99, 0.01, 0.5, 1e-9]
    probability = "values => values.map(value => L2T.format.probability(value))"
    assert visit.page.evaluate(probability, values) == [format_probability(value) for value in values]
    numbers = [*values, -0.125, -2.705, 3.335, -0.001, 12.5]
    signed = "values => values.map(value => L2T.format.signed(value))"
    assert visit.page.evaluate(signed, numbers) == [format_signed(value) for value in numbers]
