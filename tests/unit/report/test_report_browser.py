"""The page in a real browser: offline, silent, sortable."""

import csv
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

import pytest
from report_run import Rendered, gene_id

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
    pytest.mark.skipif(find_library("atomic") is None, reason="libatomic, which playwright's driver needs, is absent"),
]
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


class _Visit:
    """One open page, with everything it said and asked for."""

    def __init__(self, browser: "playwright.Browser", path: Path, fragment: str = "") -> None:
        context = browser.new_context(offline=True, viewport={"width": 1366, "height": 768}, accept_downloads=True)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + fragment)


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: "playwright.Browser", rendered: Rendered) -> _Visit:
    return _Visit(browser, rendered.report)


def _genes(visit: _Visit) -> list[str]:
    rows = visit.page.locator("#disease-alpha .table-block").first.locator("tbody tr:visible td:nth-child(2)")
    return [text.strip() for text in rows.all_inner_texts()]


def test_page_is_silent_and_alone(visit: _Visit, rendered: Rendered) -> None:
    visit.page.wait_for_timeout(300)
    assert visit.complaints == []
    assert visit.requests == [rendered.report.as_uri()]


def test_every_gene_has_a_row(visit: _Visit) -> None:
    assert len(_genes(visit)) == 15
    assert _genes(visit)[:3] == ["GENE0", "<script>alert('x')</script>", "GENE2"]


def test_sorting_by_probability_and_rank(visit: _Visit) -> None:
    table = visit.page.locator("#disease-alpha .table-block").first
    heading = table.get_by_role("button", name="Probability")
    heading.click()
    assert _genes(visit)[0] == "GENE0"
    heading.click()
    assert _genes(visit)[0] != "GENE0"
    assert table.locator("th[aria-sort='ascending']").inner_text().startswith("Probability")
    table.get_by_role("button", name="Rank").click()
    assert _genes(visit)[0] == "GENE0"


def test_missing_values_sort_last(visit: _Visit) -> None:
    heading = visit.page.locator("#disease-alpha .table-block").first.get_by_role("button", name="eQTL", exact=True)
    for _ in range(2):
        heading.click()
        assert set(_genes(visit)[:3]) == {"GENE0", "<script>alert('x')</script>", "GENE2"}


def test_filter_hides_rows_and_counts(visit: _Visit) -> None:
    block = visit.page.locator("#disease-alpha .table-block").first
    block.locator(".filter").fill("erythro confident")
    assert _genes(visit) == ["GENE0"]
    assert block.locator(".matches").inner_text() == "1 of 15 rows"
    block.locator(".filter").fill("")
    assert len(_genes(visit)) == 15


def test_deep_link_opens_at_the_gene(browser: "playwright.Browser", rendered: Rendered) -> None:
    name = f"gene-alpha-{gene_id(2)}"
    visit = _Visit(browser, rendered.report, f"#{name}")
    top = visit.page.locator(f"[id='{name}']").bounding_box()
    assert top is not None
    assert 0 <= top["y"] < 200
    assert visit.page.evaluate("window.scrollY") > 500


def test_plots_are_drawn_and_speak_on_hover(visit: _Visit) -> None:
    inks = visit.page.evaluate(
        """() => [...document.querySelectorAll("canvas")].map((canvas) => {
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return pixels.some((value, index) => index % 4 < 3 && pixels[index | 3] && value < 128);
        })"""
    )
    assert inks == [True] * 5  # four loci and one heat map
    canvas = visit.page.locator("#locus-alpha_strong canvas.locus-plot")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x = 52 + (box["width"] - 64) * 0.4
    y = 24 + 220 * (1 - 1 / 1.05)
    canvas.hover(position={"x": x, "y": y})
    tip = visit.page.locator("#tip").inner_text()
    assert tip.splitlines()[:3] == ["22:1,400,000 A>G", "−log₁₀ p 25.30", "PIP 0.62"]


def test_download_holds_exact_values(visit: _Visit) -> None:
    block = visit.page.locator("#disease-alpha .table-block").first
    with visit.page.expect_download() as waiting:
        block.locator(".download").click()
    text = Path(waiting.value.path()).read_text()
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    assert waiting.value.suggested_filename == "ranked_genes-alpha.tsv"
    assert len(rows) == 15
    assert rows[0]["probability"] == "0.913"
    assert rows[0]["variants"] == "22:1400000:A:G"
    assert rows[1]["gene_symbol"] == "<script>alert('x')</script>"
    assert rows[1]["direction"] == ""


def test_no_sideways_scrolling_on_a_laptop_or_a_phone(visit: _Visit) -> None:
    for width in (1366, 1024, 400):
        visit.page.set_viewport_size({"width": width, "height": 768})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_small_tables_sort_too(browser: "playwright.Browser", rendered: Rendered) -> None:
    visit = _Visit(browser, rendered.ranked[0])
    visit.page.get_by_role("button", name="Gene", exact=True).click()
    first = visit.page.locator("tbody tr td:nth-child(2)").first.inner_text()
    assert first == "<script>alert('x')</script>"
    assert visit.complaints == []
