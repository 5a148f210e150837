"""The demo's report as a reviewer meets it: every page from disk with the network off, and the tables' own numbers."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import pytest
from browsing import NEEDS_CHROMIUM, Visit, chromium

from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables
from locus2target.report.formats import format_probability, format_signed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.workflow, pytest.mark.xdist_group("demo")]
DISEASES = (
    *("covid_19", "ldl_cholesterol", "lymphocyte_count", "rheumatoid_arthritis", "schizophrenia", "type_1_diabetes"),
)
PICTURES = Path(tempfile.gettempdir()) / "demo_report"
HMGCR = "#gene/ldl_cholesterol/ENSG00000113161"
HMGCR_LOCUS = "ldl_ukb__5_73802658_75308237"
_ROWS = """
  rows => rows.map(row => Object.fromEntries([...row.querySelectorAll(".tabulator-cell")].map(
    cell => [cell.getAttribute("tabulator-field"), [cell.innerText.trim(), cell.firstElementChild?.title ?? ""]])))
"""
_TABLE = ".grid[aria-label^='Ranked genes'] "
_DRAWN = "performance.getEntriesByName('locus-page').length"
_PIXEL = "([x, y]) => L2T.charts.tracks.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x, y])"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: "Browser", demo: Path) -> Iterator[Visit]:
    opened = Visit(browser, demo / "results/render_report/report.html")
    opened.until("document.querySelector('#app h1') !== null")
    yield opened
    opened.close()


def targets(demo: Path, disease: str) -> pd.DataFrame:
    return pd.read_csv(demo / f"results/annotate_targets/{disease}.tsv", sep="\t")


def loci(demo: Path) -> pd.DataFrame:
    found = read_tables(sorted((demo / "results/define_loci").glob("*.parquet")), schemas.LOCI)
    return found[found["chromosome"] != ""]


def picture(visit: Visit, name: str) -> None:
    """A picture of the page to look at."""
    PICTURES.mkdir(exist_ok=True)
    visit.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def open_locus(visit: Visit, address: str) -> None:
    drawn = visit.page.evaluate(_DRAWN)
    visit.go(address)
    visit.until(f"{_DRAWN} > {drawn}")


def heading(visit: Visit) -> str:
    return str(visit.page.locator("#app h1").inner_text())


def test_every_page_opens_and_none_complains(visit: Visit, demo: Path) -> None:
    assert visit.page.locator(".verdict").count() == len(DISEASES)
    for address in ("#review", "#compare", "#about", "#quality", "#checks", "#settings", "#glossary"):
        visit.go(address)
        assert visit.page.locator("#message").is_hidden(), address
        picture(visit, address[1:])
    for disease in DISEASES:
        visit.go(f"#disease/{disease}")
        assert heading(visit) == disease.replace("_", " ")
        for row in targets(demo, disease).itertuples():
            visit.go(f"#gene/{disease}/{row.gene_id}")
            assert heading(visit).split()[0] == row.gene_symbol
            assert visit.page.locator("[role=alert]:visible").count() == 0
    for row in loci(demo).itertuples():
        visit.go(f"#locus/{quote(row.locus)}")
        assert heading(visit) == f"{row.chromosome}:{row.start + 1:,}–{row.end:,}"
        visit.until("!document.querySelector('#app').innerText.includes('Unpacking')")
        assert visit.page.locator("[role=alert]:visible").count() == 0


@pytest.mark.parametrize("disease", DISEASES)
def test_every_number_of_the_ranked_table_is_the_tables(visit: Visit, demo: Path, disease: str) -> None:
    visit.go(f"#disease/{disease}")
    expected = targets(demo, disease).set_index("gene_symbol")
    shown = scrolled_rows(visit)
    assert set(shown) == set(expected.index)
    for symbol, cells in shown.items():
        row = expected.loc[symbol]
        assert int(cells["gene_rank"][0]) == row["gene_rank"]
        for column in ("probability", "probability_local"):
            written, exact = cells[column]
            assert float(exact) == pytest.approx(row[column], rel=1e-5)
            assert written == format_probability(float(exact))
        parts = {name.removeprefix("part "): cell for name, cell in cells.items() if name.startswith("part ")}
        stated = dict(part.split("=") for part in row["parts"].split(";"))
        assert {source: float(value) for source, (_, value) in parts.items() if value} == {
            source: float(value) for source, value in stated.items()
        }
        assert all(written == format_signed(float(value)) for written, value in parts.values() if value)
        assert cells["status"][0].replace(" ", "_") == row["status"]
    picture(visit, f"disease_{disease}")


def scrolled_rows(visit: Visit) -> dict[str, dict[str, list[str]]]:
    """Cells by gene symbol and column, [text, exact value], of every row; the table draws only rows in sight."""
    rows: dict[str, dict[str, list[str]]] = {}
    holder = visit.page.locator(f"{_TABLE}.tabulator-tableholder")
    for _ in range(60):
        found = visit.page.locator(f"{_TABLE}.tabulator-row").evaluate_all(_ROWS)
        rows |= {row["gene_symbol"][0]: row for row in found}
        if holder.evaluate("element => element.scrollTop + element.clientHeight >= element.scrollHeight - 1"):
            break
        holder.evaluate("element => element.scrollBy(0, element.clientHeight / 2)")
        visit.page.wait_for_timeout(60)
    return rows


def test_sorting_and_filtering_agree_with_the_table(visit: Visit, demo: Path) -> None:
    visit.go("#disease/schizophrenia")
    expected = targets(demo, "schizophrenia").drop_duplicates("gene_symbol")
    visit.page.locator(_TABLE).get_by_role("button", name="Distance", exact=True).click()
    first = visit.page.locator(f"{_TABLE}.tabulator-row").first.evaluate_all(_ROWS)[0]
    assert float(first["part distance"][1]) == pytest.approx(expected["distance"].max(), rel=1e-5)
    visit.page.locator(_TABLE).get_by_label("Filter Probability", exact=True).press_sequentially(">0.1")
    visit.page.wait_for_timeout(500)
    likely = expected[expected["probability"] > 0.1]
    assert set(scrolled_rows(visit)) == set(likely["gene_symbol"])
    visit.page.locator(_TABLE).get_by_label("Filter Gene", exact=True).press_sequentially("CACNA1C")
    visit.page.wait_for_timeout(500)
    assert set(scrolled_rows(visit)) == {"CACNA1C"}


def test_a_click_on_a_variant_holds_its_numbers(visit: Visit, demo: Path) -> None:
    open_locus(visit, f"#locus/{HMGCR_LOCUS}")
    variants = read_tables(
        sorted((demo / "results/finemap_loci").glob("*.credible_sets.parquet")), schemas.CREDIBLE_SETS
    )
    own = variants[variants["locus"] == HMGCR_LOCUS]
    lead = own.loc[own["pip"].idxmax()]
    x, y = visit.page.evaluate(_PIXEL, [int(lead["position"]), float(lead["neg_log10_p"])])
    chart = visit.page.locator(".chart-tracks .chart")
    chart.scroll_into_view_if_needed()
    chart.click(position={"x": x, "y": y})
    said = visit.page.locator(".picked-variant").inner_text()
    assert lead["variant"] in said
    assert f"PIP {lead['pip']:.3f}"[:8] in said
    picture(visit, "locus")


def test_a_click_on_a_gene_leads_to_its_page(visit: Visit, demo: Path) -> None:
    visit.go("#disease/ldl_cholesterol")
    visit.turn(visit.page.locator(_TABLE).get_by_role("link", name="HMGCR").click)
    assert heading(visit).startswith("HMGCR")
    row = targets(demo, "ldl_cholesterol").iloc[0]
    text = visit.page.locator("#app").inner_text()
    assert format_probability(row["probability"]) in text
    for part in row["parts"].split(";"):
        assert format_signed(float(part.split("=")[1])) in text
    visit.page.wait_for_timeout(500)
    picture(visit, "gene")
    visit.turn(visit.page.locator("#app").get_by_role("link", name="POLK").first.click)
    assert heading(visit).startswith("POLK")


def test_what_the_locus_page_says_is_in_the_tables(visit: Visit, demo: Path) -> None:
    folder = demo / "results/rank_genes"
    for disease in DISEASES:
        candidates = read_table(folder / f"{disease}.locus_genes.parquet", schemas.LOCUS_GENES)
        for locus, rows in candidates.groupby("locus"):
            visit.go(f"#locus/{quote(str(locus))}")
            table = visit.page.locator("#app table", has_text="Candidates of the locus")
            shown = {cells[1]: cells for cells in (texts(row) for row in table.locator("tbody tr").all())}
            if set(rows["status"]) == {"mhc"}:
                assert "No candidate gene was ranked at this locus." in visit.text()
                continue
            assert len(shown) == len(rows)
            for row in rows.itertuples():
                name = "none of these" if row.gene_id == "none" else row.gene_symbol
                assert shown[name][2] == format_probability(row.probability), (locus, name)


def texts(row: Any) -> list[str]:
    return [str(text).strip() for text in row.locator("td").all_inner_texts()]


def test_a_review_is_saved_and_loaded_again(browser: "Browser", visit: Visit, demo: Path, tmp_path: Path) -> None:
    visit.go(HMGCR)
    visit.page.get_by_label("accepted").check()
    visit.page.locator("#review-note").fill("statins <b>lower</b> it")
    visit.page.locator("#review-note").blur()
    visit.go("#review")
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save review").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    mark = json.loads(saved.read_text())["marks"]["ldl_cholesterol|ENSG00000113161"]
    assert (mark["mark"], mark["note"]) == ("accepted", "statins <b>lower</b> it")
    assert mark["probability"] == pytest.approx(targets(demo, "ldl_cholesterol")["probability"][0], rel=1e-5)
    fresh = Visit(browser, visit.path, "#review")
    fresh.until("document.querySelector('#app h1') !== null")
    assert "No gene is marked yet" in fresh.text()
    fresh.page.locator("#app input[type=file]").set_input_files(saved)
    fresh.page.wait_for_timeout(300)
    assert "statins <b>lower</b> it" in fresh.text()
    fresh.close()


def test_a_run_compared_with_itself_moved_nothing(visit: Visit, demo: Path) -> None:
    visit.go("#compare")
    visit.page.locator("#app input[type=file]").first.set_input_files(demo / "results/render_report/summary.json")
    visit.page.wait_for_timeout(800)
    n_genes = sum(len(targets(demo, disease)) for disease in DISEASES)
    text = visit.page.locator("#app").inner_text()
    assert f"0 moved, 0 only in rank, {n_genes} did not, 0 entered, 0 left." in text
    picture(visit, "compared")
