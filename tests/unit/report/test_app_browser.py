"""The app in a real browser, from disk with the network off: every page, the review, the comparison."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from app_run import DISEASES, HOSTILE, LOCI, N_GENES, SOURCES, WORDS, invented_run, pack
from app_visit import Visit, table_rows
from browsing import NEEDS_CHROMIUM, chromium

from locus2target.report.app_page import render_app
from locus2target.report.formats import SOURCE_LABELS, format_probability, format_signed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_CHROMIUM
_GENE = "#gene/alpha/ENSG00000000001"
_TABLE = ".grid[aria-label^='Ranked genes'] "
_SECTIONS = """
<div class="part-of" data-view="home"><section id="quality"><h2>Quality control</h2><p>All well.</p></section></div>
<div class="part-of" data-view="disease" data-disease="alpha"><section id="sets"><h2>Gene sets</h2></section></div>
<div class="part-of" data-view="about"><section id="glossary"><h2>Glossary</h2><p>Words.</p></section></div>
"""
_ROW_TEXTS = """
  rows => rows.map(row => Object.fromEntries([...row.querySelectorAll(".tabulator-cell")].map(
    cell => [cell.getAttribute("tabulator-field"), [cell.innerText.trim(), cell.firstElementChild?.title ?? ""]])))
"""
_NO_STORAGE = """
  Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Path]:
    folder = tmp_path_factory.mktemp("app")

    def _write(run: dict[str, Any]) -> Path:
        path = folder / f"report{len(list(folder.iterdir()))}.html"
        packs = {locus: pack(locus) for locus in LOCI}
        path.write_text(render_app(run, packs, sections=_SECTIONS, title=run["run"]["title"]), encoding="utf-8")
        return path

    return _write


@pytest.fixture(scope="module")
def report(write: Callable[[dict[str, Any]], Path]) -> Path:
    return write(invented_run())


@pytest.fixture
def visit(browser: "Browser", report: Path) -> Iterator[Visit]:
    opened = Visit(browser, report)
    yield opened
    opened.close()


def _targets(disease: str = DISEASES[0]) -> list[dict[str, Any]]:
    return [row for row in invented_run()["targets"] if row["disease"] == disease]


def test_home_gives_the_answers(visit: Visit) -> None:
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


def test_walk_by_clicks_and_back(visit: Visit) -> None:
    page = visit.page
    visit.turn(page.locator(".verdict").first.get_by_role("link", name="GENE1").click)
    assert visit.heading() == "GENE1 ENSG00000000001"
    assert page.title().startswith("GENE1")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    visit.turn(page.locator("#app").get_by_role("link", name="alpha", exact=True).click)
    assert visit.heading() == "alpha"
    assert not page.get_by_text("All well.").is_visible()
    visit.turn(page.locator(_TABLE).get_by_role("link", name="2:1,000–2,000").first.click)
    assert LOCI[1] in visit.page.evaluate("decodeURIComponent(location.hash)")
    assert page.locator("#app").inner_text()
    visit.turn(page.go_back)
    assert visit.heading() == "alpha"
    visit.turn(page.go_back)
    assert visit.heading().startswith("GENE1")


def test_deep_links_hold_hostile_names(browser: "Browser", report: Path) -> None:
    visit = Visit(browser, report, "#disease/beta%20%7C%20%3Ci%3Etwo%3C%2Fi%3E")
    assert visit.heading() == DISEASES[1]
    assert visit.cells("gene_symbol", _TABLE) == ["GENE1", HOSTILE]
    visit.turn(visit.page.locator(_TABLE).get_by_role("link", name=HOSTILE).click)
    assert visit.heading() == f"{HOSTILE} ENSG00000000002"
    visit.close()


@pytest.mark.parametrize("fragment", ["#nothing", "#gene/alpha", "#disease/%E0%A4%A", "#gene/alpha/none/more"])
def test_unknown_addresses_lead_home(visit: Visit, fragment: str) -> None:
    visit.go(fragment)
    if fragment.startswith("#disease"):
        assert "no disease" in visit.view()
        return
    assert visit.heading().startswith("Toy")
    assert "There is no page" in visit.page.locator("#message").inner_text()


def test_sections_are_reached_by_their_id(visit: Visit) -> None:
    page = visit.page
    for fragment, heading, text in (("#quality", f"Toy {HOSTILE}", "All well."), ("#glossary", "About this", "Words.")):
        visit.go("#compare")
        visit.go(fragment)
        assert visit.heading().startswith(heading)
        assert page.get_by_text(text).is_visible()
        assert page.locator("#message").is_hidden()
    visit.go("#disease/alpha")
    assert page.locator("#sections").get_by_role("heading", name="Gene sets").is_visible()
    visit.go("#disease/beta%20%7C%20%3Ci%3Etwo%3C%2Fi%3E")
    assert page.locator("#sections").get_by_role("heading", name="Gene sets").is_hidden()


def test_every_number_of_the_table_is_the_run_data(visit: Visit) -> None:
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


def test_only_rows_in_sight_are_drawn(visit: Visit) -> None:
    visit.go("#disease/alpha")
    assert 10 < len(visit.cells("gene_rank", _TABLE)) < N_GENES


def _all_ranks(visit: Visit) -> list[int]:
    """Ranks of all rows in their order, also of rows that are not drawn: the download has them all."""
    return [int(row["gene_rank"]) for row in table_rows(visit.download("Download TSV")[1])]


def _number(target: dict[str, Any], column: str) -> float | None:
    value = target["parts"].get(column) if column in SOURCES else target[column]
    return None if value is None else float(value)


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("Rank", "gene_rank"),
        ("Probability", "probability"),
        ("Local", "probability_local"),
        *((SOURCE_LABELS[name], name) for name in SOURCES),
    ],
)
def test_sorting_by_a_number_is_that_of_python(visit: Visit, title: str, column: str) -> None:
    """Both ways; genes without a value come last."""
    visit.go("#disease/alpha")
    heading = visit.page.locator(_TABLE).get_by_role("button", name=title, exact=True)
    values = {row["gene_rank"]: _number(row, column) for row in _targets()}
    seen = set()
    for _ in range(2):
        heading.click()
        down = visit.page.locator(f'{_TABLE}[aria-sort="descending"] .heading').all_inner_texts() == [title]
        seen.add(down)
        ranks = _all_ranks(visit)
        assert sorted(ranks) == list(range(1, N_GENES + 1))
        shown = [values[rank] for rank in ranks]
        present = [value for value in shown if value is not None]
        assert shown == [*present, *[None] * (len(shown) - len(present))]
        assert present == sorted(present, reverse=down)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("title", "typed", "kept"),
    [
        ("Rank", "10", lambda row: row["gene_rank"] <= 10),
        ("Rank", "=7", lambda row: row["gene_rank"] == 7),
        ("Probability", "0.05", lambda row: row["probability"] >= 0.05),
        ("Probability", "< 1e-3", lambda row: row["probability"] < 1e-3),
        ("eQTL", ">0.2", lambda row: row["parts"].get("colocalization_eqtl", -1) > 0.2),
        ("Distance", "<=-0.1", lambda row: row["parts"]["distance"] <= -0.1),
        ("Gene", "gene11", lambda row: "gene11" in row["gene_symbol"].lower()),
        ("Probability", "abc", lambda row: row["gene_rank"] > 0),  # no number hides nothing
    ],
)
def test_filters_keep_what_they_say(
    visit: Visit, title: str, typed: str, kept: Callable[[dict[str, Any]], bool]
) -> None:
    visit.go("#disease/alpha")
    visit.page.locator(_TABLE).get_by_label(f"Filter {title}", exact=True).press_sequentially(typed)
    visit.page.wait_for_timeout(500)
    expected = [row["gene_rank"] for row in _targets() if kept(row)]
    assert expected
    assert _all_ranks(visit) == expected


@pytest.mark.parametrize(
    ("title", "choice", "kept"),
    [
        ("Status", "confident", lambda row: row["status"] == "confident"),
        ("Direction", "▼ less", lambda row: row["direction"] == -1),
        ("Direction", "–", lambda row: row["direction"] is None),
        ("Drug would", "inhibit", lambda row: row["modulation"] == "inhibit"),
        ("Class", "clear", lambda row: row["best_locus"] == LOCI[1]),
    ],
)
def test_lists_above_columns_of_few_values(
    visit: Visit, title: str, choice: str, kept: Callable[[dict[str, Any]], bool]
) -> None:
    visit.go("#disease/alpha")
    visit.page.locator(_TABLE).get_by_label(f"Filter {title}").select_option(choice)
    visit.page.wait_for_timeout(500)
    expected = [row["gene_rank"] for row in _targets() if kept(row)]
    assert 0 < len(expected) < N_GENES
    assert _all_ranks(visit) == expected
    visit.page.locator("#app").get_by_role("button", name="Clear filters").first.click()
    visit.page.wait_for_timeout(300)
    assert visit.page.locator(_TABLE).get_by_label(f"Filter {title}").input_value() == ""
    assert len(_all_ranks(visit)) == N_GENES


def test_filters_and_search_together(visit: Visit) -> None:
    page = visit.page
    visit.go("#disease/alpha")
    page.get_by_label("Filter Rank").fill("10")
    page.locator(_TABLE).get_by_label("Filter Probability").press_sequentially(">0.05")
    page.wait_for_timeout(500)
    assert sorted(map(int, visit.cells("gene_rank", _TABLE))) == [1, 2, 3, 4, 5]
    page.locator("#app h1").click()
    page.keyboard.press("/")
    page.keyboard.type("gene4 COLOCALISES")
    page.wait_for_timeout(200)
    assert visit.cells("gene_symbol", _TABLE) == ["GENE4"]
    assert "1 of 120 genes" in page.locator("#app .table-tools").first.inner_text()
    name, text = visit.download("Download TSV")
    assert name == "ranked_genes-alpha.tsv"
    assert [row["gene_symbol"] for row in table_rows(text)] == ["GENE4"]
    page.get_by_label("Search Ranked genes of alpha").fill("nothing like it")
    page.wait_for_timeout(200)
    assert "No row matches the filters." in visit.view()
    page.locator("#app").get_by_role("button", name="Clear filters").first.click()
    page.wait_for_timeout(200)
    assert len(_all_ranks(visit)) == N_GENES


def test_large_tables_draw_few_rows(browser: "Browser", write: Callable[[dict[str, Any]], Path]) -> None:
    n_genes = 1500
    visit = Visit(browser, write(invented_run(n_genes=n_genes)), "#disease/alpha")
    drawn = visit.page.locator(_TABLE + ".tabulator-row")
    assert 10 < drawn.count() < 100
    visit.page.locator(_TABLE + ".tabulator-tableholder").evaluate("element => { element.scrollTop = 1e9; }")
    visit.page.wait_for_timeout(300)
    assert visit.cells("gene_rank", _TABLE)[-1] == "1,500"
    assert drawn.count() < 100
    assert _all_ranks(visit) == list(range(1, n_genes + 1))
    visit.page.locator(_TABLE).get_by_role("button", name="Rank", exact=True).click()
    visit.page.wait_for_timeout(100)
    assert visit.cells("gene_rank", _TABLE)[-1] == "1"  # still at the end, now of the other order
    visit.close()


def test_words_of_the_run_explain_classes_and_verdicts(visit: Visit) -> None:
    visit.go("#disease/alpha")
    page = visit.page
    page.get_by_text("How to read the table").click()
    for meaning in WORDS["locus_class"].values():
        assert page.get_by_text(meaning, exact=False).first.is_visible()
    loci = page.locator(".grid[aria-label^='Loci']")
    assert loci.get_by_title("LD fits badly. LD mismatch").inner_text() == "WARN"
    assert loci.get_by_title(WORDS["locus_class"]["clear"]).inner_text() == "clear"


def test_downloaded_values_are_exact(visit: Visit) -> None:
    visit.go("#disease/alpha")
    _, text = visit.download("Download TSV")
    for row, target in zip(table_rows(text), _targets(), strict=True):
        assert (row["gene_symbol"], row["gene_id"]) == (target["gene_symbol"], target["gene_id"])
        assert (row["status"], row["best_locus"]) == (target["status"], target["best_locus"])
        for column in ("gene_rank", "probability", "probability_local", "direction", *SOURCES):
            assert (float(row[column]) if row[column] else None) == _number(target, column)
    name, text = visit.download("Download TSV", nth=1)
    assert name == "loci-alpha.tsv"
    loci = {row["locus"]: row for row in invented_run()["loci"]}
    for row in table_rows(text):
        for column in ("start", "end", "lead_neg_log10_p", "top_probability", "margin", "none_probability"):
            assert float(row[column]) == loci[row["locus"]][column]


def test_arrow_keys_walk_the_rows(visit: Visit) -> None:
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


def test_table_is_as_it_was_on_coming_back(visit: Visit) -> None:
    visit.go("#disease/alpha")
    visit.page.get_by_label("Filter Gene").fill("gene3")
    visit.page.get_by_label("Search Ranked genes of alpha").fill("gene33")
    visit.page.wait_for_timeout(500)
    visit.turn(visit.page.locator(_TABLE).get_by_role("link", name="GENE33").click)
    visit.page.go_back()
    visit.page.wait_for_timeout(300)
    assert visit.cells("gene_symbol", _TABLE) == ["GENE33"]
    assert visit.page.get_by_label("Filter Gene").input_value() == "gene3"


def test_jump_box_finds_genes_and_loci(visit: Visit) -> None:
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


def test_packs_are_unpacked_on_demand(visit: Visit) -> None:
    positions = visit.page.evaluate("id => L2T.data.unpack(id).then(({arrays}) => [...arrays.position])", LOCI[2])
    assert positions == [10, 20, 30]
    refused = visit.page.evaluate("() => L2T.data.unpack('none').catch(error => error.message)")
    assert "no association data" in refused


def test_review_is_saved_and_read_in_a_fresh_page(
    browser: "Browser", visit: Visit, report: Path, tmp_path: Path
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
    fresh = Visit(browser, report, "#review", scripts=[_NO_STORAGE])
    assert "No gene is marked yet" in fresh.page.locator("#app").inner_text()
    fresh.choose("Load review", path)
    assert "2 marks read" in fresh.page.locator("#app").inner_text()
    fresh.go(_GENE)
    assert fresh.page.get_by_label("accepted").is_checked()
    assert fresh.page.get_by_label("Note (kept with a mark)").input_value() == "strong </script> 'case'"
    fresh.close()


def test_marks_outlive_a_reload(visit: Visit) -> None:
    visit.go(_GENE)
    visit.page.get_by_label("rejected").check()
    visit.reload()
    assert visit.page.get_by_label("rejected").is_checked()
    visit.page.get_by_label("not reviewed").check()
    visit.reload()
    assert visit.page.get_by_label("not reviewed").is_checked()


def test_review_of_an_earlier_run_is_carried_over(browser: "Browser", write: Callable[[dict[str, Any]], Path]) -> None:
    old = {"mark": "accepted", "note": "n", "when": "2025-06-01T00:00:00Z", "probability": 0.5}
    marks = {"alpha|ENSG00000000001": old, "alpha|GONE": {**old, "mark": "rejected"}, "broken": 1}
    review = {"format": 1, "run": "toy", "created": "2025-05-05", "marks": marks}
    visit = Visit(browser, write({**invented_run(), "review": review}), "#review")
    rows = visit.page.locator("#app tbody tr").all_inner_texts()
    assert len(rows) == 2
    assert "carried over" in rows[0]
    assert rows[0].split("\t")[-3:-1] == ["0.50", "0.93"]
    assert "GONE (no candidate in this run)" in rows[1]
    visit.go(_GENE)
    assert "0.50 then, 0.93 now" in visit.page.locator(".review-form").inner_text()
    visit.page.get_by_label("unsure").check()
    assert "Carried over" not in visit.page.locator(".review-form").inner_text()
    visit.close()


@pytest.mark.parametrize(
    "text", ["no json", "[]", "null", '{"format": 2, "marks": {}}', '{"format": 1, "marks": null}']
)
def test_wrong_review_files_are_refused_in_words(visit: Visit, tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    visit.go("#review")
    visit.choose("Load review", path)
    assert "wrong.json was not read" in visit.page.locator("#app .message").inner_text()


def test_a_broken_review_of_the_run_does_not_stop_the_page(
    browser: "Browser", write: Callable[[dict[str, Any]], Path]
) -> None:
    visit = Visit(browser, write({**invented_run(), "review": {"format": 9}}), "#review")
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
    visit: Visit, write: Callable[[dict[str, Any]], Path], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(_earlier()), encoding="utf-8")
    visit.go("#compare")
    visit.choose("Choose a run", path if kind == "json" else write(_earlier()))
    visit.until("() => document.querySelector('#app .grid') !== null")
    text = visit.view()
    assert "2 moved, 0 only in rank, 119 did not, 1 entered, 1 left." in text
    assert "1 became confident targets, 0 are no longer." in text
    _, tsv = visit.download("Download TSV")
    rows = {row["gene_id"]: row for row in table_rows(tsv) if row["disease"] == DISEASES[0]}
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


def test_what_is_no_run_is_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    visit.go("#compare")
    for text in ("{}", "<p>page</p>", "text", "null"):
        path = tmp_path / "other.json"
        path.write_text(text, encoding="utf-8")
        visit.choose("Choose a run", path)
        assert "other.json was not read" in visit.page.locator("#app .message").inner_text()


def test_skip_link_and_print(visit: Visit) -> None:
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


def test_the_formats_are_those_of_the_other_tables(visit: Visit) -> None:
    values = [0, 1, 0.004, 0.125, 0.375, 0.625, 0.875, 0.285, 0.155, 0.145, 0.995, 0.99, 0.01, 0.5, 1e-9]
    probability = "values => values.map(value => L2T.format.probability(value))"
    assert visit.page.evaluate(probability, values) == [format_probability(value) for value in values]
    numbers = [*values, -0.125, -2.705, 3.335, -0.001, 12.5]
    signed = "values => values.map(value => L2T.format.signed(value))"
    assert visit.page.evaluate(signed, numbers) == [format_signed(value) for value in numbers]
