"""The finished page in a real browser, from disk with the network off: pages, links, sections, review, comparison."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import NEEDS_CHROMIUM, Visit, chromium
from report_run import DISEASES, HOSTILE, LEAD, RUN, Rendered, ToyRun, gene_id

from locus2target.report.locus_inputs import BesideTables
from locus2target.report.page import write_report
from locus2target.report.run_data import RunFacts
from locus2target.report.run_tables import RunTables, load_run_tables

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = NEEDS_CHROMIUM
_SECTIONS = "#sections > .part-of:visible section:visible"


class _Visit(Visit):
    """An open page that has started, with what is asked of its view and its sections."""

    def __init__(self, browser: "Browser", path: Path, fragment: str = "", *, script: bool = True) -> None:
        super().__init__(browser, path, fragment, javascript=script)
        if script:
            self.page.locator("#app h1").wait_for()

    def says(self, text: str) -> None:
        """The page says so, now or soon."""
        expect(self.page.locator("#app")).to_contain_text(text, timeout=30_000, use_inner_text=True)

    def heading(self) -> str:
        return str(self.page.locator("#app h1").inner_text())

    def sections(self) -> list[str]:
        """Ids of the server-rendered sections in view."""
        ids: list[str] = self.page.locator(_SECTIONS).evaluate_all("found => found.map(section => section.id)")
        return ids

    def current(self) -> list[str]:
        return list(self.page.locator("#pages a[aria-current]").all_inner_texts())

    def download(self, button: "Locator") -> tuple[str, str]:
        """Name and text of the file that a button gives."""
        with self.page.expect_download() as waiting:
            button.click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_text(encoding="utf-8")

    def choose(self, label: str, path: Path) -> None:
        self.page.locator(f"#app input[type=file][aria-label='{label}']").set_input_files(path)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: "Browser", rendered: Rendered) -> Iterator[_Visit]:
    opened = _Visit(browser, rendered.report)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    whole = load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]
    return replace(whole, colocalization=whole.colocalization.iloc[:0])  # no QTL table has to be there


@pytest.fixture(scope="module")
def write(tables: RunTables, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the page of a changed run, with its summary beside it."""

    def _write(name: str, *, created: str = "1 January 2020", review: object = None, **changed: object) -> Path:
        page = tmp_path_factory.mktemp(name) / "report.html"
        facts = RunFacts(name=name, title=f"Run {name}", created=created)
        run = replace(tables, **changed)  # type: ignore[arg-type]
        write_report(page, page.with_name("summary.json"), run, BesideTables({}), facts, record=RUN, review=review)
        return page

    return _write


def test_home_answers_and_holds_quality_and_checks(visit: _Visit) -> None:
    cards = visit.page.locator(".verdict").all_inner_texts()
    assert len(cards) == len(DISEASES)
    assert cards[0].split()[:3] == ["alpha", "GENE0", "0.91"]
    assert "GENE0 is the first target, with probability 0.91." in cards[0]
    assert "4 loci, 2 ranked: 1 clear, 0 contested, 1 without local evidence. 15 candidate genes." in cards[0]
    assert "No confident target." in cards[1]
    assert f"First of the ranking is {HOSTILE} with probability 0.21 (uncertain)." in cards[1]
    assert "No locus has a candidate gene." in cards[2]
    assert visit.sections() == ["quality", "checks"]
    assert visit.current() == ["Home"]
    assert visit.page.locator("noscript:visible").count() == 0


def test_every_page_of_the_run_opens_without_a_complaint(visit: _Visit, rendered: Rendered) -> None:
    facts = json.loads(rendered.summary.read_text())
    pages = [("disease", row["disease"]) for row in facts["diseases"]]
    pages += [("locus", row["locus"]) for row in facts["loci"] if row["chromosome"]]
    pages += [("gene", row["disease"], row["gene_id"]) for row in facts["targets"][:4]]
    for page in [*pages, ("review",), ("compare",), ("about",)]:
        visit.go("#" + "/".join(page))
        if page[0] == "locus":
            visit.page.locator("#app .cautions").wait_for()  # the last thing that it shows
        assert visit.heading()
        assert visit.page.locator("#message").is_hidden()
        assert "could not be shown" not in visit.page.locator("#app").inner_text()


def test_each_page_shows_its_own_sections_and_is_marked(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    names = ("gene_directions", "contexts", "gene_sets", "regulators", "network")
    assert visit.sections() == [f"{name}-alpha" for name in names]
    assert visit.current() == ["alpha"]
    listed = visit.page.locator("#app nav.contents a").all_inner_texts()
    assert listed == visit.page.locator(f"{_SECTIONS} h2").all_inner_texts()
    visit.go("#disease/gamma")
    assert visit.sections() == [f"{name}-gamma" for name in names[1:4]]
    visit.go(f"#gene/alpha/{gene_id(0)}")
    assert visit.sections() == []
    assert visit.current() == ["alpha"]
    visit.go("#locus/beta_quiet")
    assert visit.current() == ["beta"]
    visit.go("#about")
    assert visit.sections() == ["settings", "glossary", "software"]
    assert visit.current() == ["About"]


@pytest.mark.parametrize(
    ("fragment", "heading"),
    [
        ("#glossary", "About this report"),
        ("#quality", "Toy run <b>bold</b>"),
        ("#regulators-alpha", "alpha"),
        ("#contexts-beta", "beta"),
    ],
)
def test_a_section_is_an_address(browser: "Browser", rendered: Rendered, fragment: str, heading: str) -> None:
    visit = _Visit(browser, rendered.report, fragment)
    assert visit.heading() == heading
    assert fragment[1:] in visit.sections()
    box = visit.page.locator(fragment).bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 768
    assert visit.page.evaluate("document.activeElement.closest('section')?.id") == fragment[1:]
    visit.go("#compare")
    visit.turn(visit.page.go_back)
    assert visit.heading() == heading
    assert visit.page.locator("#message").is_hidden()
    visit.close()


def test_sections_of_one_page_lead_to_each_other_without_drawing_it_again(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    visit.page.evaluate("() => { document.querySelector('#app h1').dataset.kept = 'yes'; }")
    visit.turn(visit.page.locator("#app nav.contents a[href='#regulators-alpha']").click)
    assert visit.page.evaluate("document.querySelector('#app h1').dataset.kept") == "yes"
    assert visit.page.evaluate("window.scrollY") > 200


def test_tables_lead_to_loci_and_genes(visit: _Visit) -> None:
    visit.turn(visit.page.locator("#quality").get_by_role("link", name="22:1.00–2.00 Mb").click)
    assert "22:1,000,001" in visit.heading()
    visit.go("#disease/alpha")
    visit.turn(visit.page.locator("#gene_directions-alpha").get_by_role("link", name="GENE1").click)
    assert visit.heading().startswith(HOSTILE)


def test_a_variant_of_a_locus_is_an_address(visit: _Visit) -> None:
    key = f"22:{LEAD}:A:G"
    href = visit.page.evaluate("key => L2T.router.link.variant('alpha_strong', key)", key)
    assert href == "#locus/alpha_strong/22%3A1400000%3AA%3AG"
    parsed = visit.page.evaluate("href => L2T.router.parse(href)", href)
    assert parsed == {"view": "locus", "parameters": {"locus": "alpha_strong", "variant": key}}
    visit.go(href)
    assert visit.page.locator("#message").is_hidden()
    assert visit.current() == ["alpha"]


def test_links_of_tables_and_of_scripts_are_the_same(visit: _Visit, rendered: Rendered) -> None:
    for row in json.loads(rendered.summary.read_text())["targets"]:
        href = visit.page.evaluate("([d, g]) => L2T.router.link.gene(d, g)", [row["disease"], row["gene_id"]])
        assert href == f"#gene/{row['disease']}/{row['gene_id']}"


def test_sorting_filtering_and_downloading_a_table_of_a_section(visit: _Visit) -> None:
    block = visit.page.locator("#quality .table-block", has_text="Lead p")
    loci = block.locator("tbody tr:visible td:first-child")
    assert loci.count() == 7
    block.get_by_role("button", name="Lead p").click()
    assert loci.first.inner_text() == "6:1.00–2.00 Mb"
    assert block.locator("th[aria-sort='descending']").inner_text().startswith("Lead p")
    block.get_by_role("button", name="Lead p").click()
    assert loci.first.inner_text() == "gamma_2020__none"
    block.locator(".filter").fill("unsigned beta")
    assert loci.all_inner_texts() == ["1:1.00–2.00 Mb"]
    assert block.locator(".matches").inner_text() == "1 of 7 rows"
    name, text = visit.download(block.locator(".download"))
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    assert name == "loci.tsv"
    assert {row["locus"]: row["lead_neg_log10_p"] for row in rows}["alpha_strong"] == "25.3"


def test_missing_values_sort_last(visit: _Visit) -> None:
    visit.go("#disease/alpha")
    block = visit.page.locator("#contexts-alpha .table-block")
    for _ in range(2):
        block.get_by_role("button", name="Fold").click()
        assert block.locator("tbody td:first-child").last.inner_text() == "Whole blood"


def test_many_diseases_go_into_a_menu(browser: "Browser", write: Callable[..., Path]) -> None:
    names = ("alpha", *(f"disease_{number}" for number in range(50)))
    visit = _Visit(browser, write("many", diseases=names), "#disease/disease_7")
    menu = visit.page.locator("#pages details.menu")
    assert visit.page.locator("#pages").get_by_role("link", name="disease 33").is_hidden()
    summary = menu.locator("summary")
    assert summary.inner_text() == "51 diseases"
    assert "current" in str(menu.get_attribute("class"))
    summary.focus()
    visit.page.keyboard.press("Enter")
    link = visit.page.locator("#pages").get_by_role("link", name="disease 33")
    assert link.is_visible()
    visit.page.keyboard.press("Escape")
    assert link.is_hidden()
    assert visit.page.evaluate("document.activeElement.tagName") == "SUMMARY"
    summary.click()
    visit.turn(link.click)
    assert visit.heading() == "disease 33"
    assert link.is_hidden()
    header = visit.page.locator("header.top").bounding_box()
    assert header is not None
    assert header["height"] < 80
    visit.close()


def test_without_a_script_every_section_can_be_read(browser: "Browser", rendered: Rendered) -> None:
    visit = _Visit(browser, rendered.report, script=False)
    text = visit.page.locator("body").inner_text()
    for sentence in (
        "need JavaScript",
        "GENE0 is the first target, with probability 0.91.",
        "4 of 6 loci were fine-mapped.",
        "1 of 2 tested motif families with q ≤ 0.05.",
        "This run has no gene set to test.",
        "Posterior inclusion probability",
    ):
        assert sentence in text
    assert len(visit.sections()) == 1 + 2 + 5 + 4 + 3 + 3  # answers, home, each disease, about
    visit.page.context.close()


def test_a_page_whose_facts_are_broken_says_so_and_keeps_its_sections(
    browser: "Browser", rendered: Rendered, tmp_path: Path
) -> None:
    path = tmp_path / "broken.html"
    start = 'id="run-data">'
    head, _, rest = rendered.report.read_text().partition(start)
    path.write_text(head + start + "H4sIAAAA" + rest[rest.index("</script>") :])
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.locator("#message").wait_for()
    assert "could not be read" in page.locator("#message").inner_text()
    assert page.locator("#quality").is_visible()
    assert page.locator("#contexts-alpha").is_visible()
    context.close()


@pytest.mark.parametrize(
    ("fragment", "printed", "left_out"),
    [("#home", "quality", "glossary"), ("#disease/alpha", "contexts-alpha", "contexts-beta")],
)
def test_paper_holds_the_sections_of_the_page(visit: _Visit, fragment: str, printed: str, left_out: str) -> None:
    visit.go(fragment)
    visit.page.emulate_media(media="print")
    assert visit.page.locator(f"#{printed}").is_visible()
    assert visit.page.locator(f"#{left_out}").is_hidden()
    assert visit.page.locator("header.top").is_hidden()
    assert visit.page.locator(f"#{printed} .table-tools").first.is_hidden()


@pytest.mark.parametrize("fragment", ["#home", "#disease/alpha", "#about", "#compare", "#review"])
def test_no_sideways_scrolling_on_a_laptop_or_a_phone(visit: _Visit, fragment: str) -> None:
    visit.go(fragment)
    for width in (1366, 1024, 400):
        visit.page.set_viewport_size({"width": width, "height": 768})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_review_goes_from_one_run_to_the_next(
    browser: "Browser", visit: _Visit, write: Callable[..., Path], tables: RunTables, tmp_path: Path
) -> None:
    visit.go(f"#gene/alpha/{gene_id(0)}")
    visit.page.get_by_label("accepted").check()
    visit.page.reload()
    visit.page.locator("#app h1").wait_for()
    assert "Review (1, not saved)" in visit.page.locator("#pages").inner_text()
    visit.go("#review")
    name, text = visit.download(visit.page.get_by_role("button", name="Save review"))
    assert name == "toy.review.json"
    saved = tmp_path / name
    saved.write_text(text, encoding="utf-8")
    assert "Review (1)" in visit.page.locator("#pages").inner_text()
    weaker = tables.targets.assign(
        probability=tables.targets["probability"].where(tables.targets["gene_id"] != gene_id(0), 0.3)
    )
    path = write("next", created="2 January 2020", review=json.loads(text), targets=weaker)
    following = _Visit(browser, path, "#review")
    (row,) = following.page.locator("#app tbody tr").all_inner_texts()
    assert "carried over" in row
    assert row.split("\t")[-3:-1] == ["0.91", "0.30"]
    following.close()
    empty = _Visit(browser, write("by_hand", created="3 January 2020"), "#review")
    empty.choose("Load review", saved)
    empty.says("1 mark read.")
    assert "carried over" in empty.page.locator("#app tbody tr").inner_text()
    empty.close()


@pytest.mark.parametrize("file", ["summary.json", "report.html"])
def test_two_runs_are_compared(visit: _Visit, write: Callable[..., Path], tables: RunTables, file: str) -> None:
    targets = tables.targets.copy()
    first = (targets["disease"] == "alpha") & (targets["gene_rank"] == 1)
    targets.loc[first, "probability"] = 0.4
    targets.loc[first, "status"] = "uncertain"
    targets.loc[first, "parts"] = targets.loc[first, "parts"].str.replace("eqtl=2.4", "eqtl=0.9")
    classes = tables.locus_classes.copy()
    sparse = classes["locus"] == "alpha_sparse"
    classes.loc[sparse, ["locus_class", "top_gene"]] = ["contested", "GENE12"]
    loci = tables.loci[tables.loci["locus"] != "alpha_small"]
    earlier = write(f"earlier_{file[:3]}", targets=targets, locus_classes=classes, loci=loci)
    visit.go(f"#gene/alpha/{gene_id(0)}")
    visit.page.get_by_label("rejected").check()
    visit.go("#compare")
    visit.choose("Choose a run", earlier.with_name(file))
    visit.says("1 moved, 0 only in rank, 15 did not, 0 entered, 0 left.")
    visit.says("1 became confident targets, 0 are no longer.")
    _, tsv = visit.download(visit.page.locator("#app").get_by_role("button", name="Download TSV").first)
    rows = {(row["disease"], row["gene_id"]): row for row in csv.DictReader(tsv.splitlines(), delimiter="\t")}
    row = rows["alpha", gene_id(0)]
    assert (row["probability_then"], row["probability_now"], row["state"]) == ("0.4", "0.913", "moved")
    assert (row["reason"], row["mark"]) == ("eQTL +1.50", "rejected")
    _, tsv = visit.download(visit.page.locator("#app").get_by_role("button", name="Download TSV").last)
    loci_rows = {row["locus"]: row for row in csv.DictReader(tsv.splitlines(), delimiter="\t")}
    top = "GENE10, GENE11, GENE12, GENE13, GENE14"
    assert loci_rows["alpha_sparse"]["what"].replace(",", ", ").replace("  ", " ") == (
        f"Class: contested → no local evidence; Top gene: GENE12 → {top}"
    )
    assert {locus: row["state"] for locus, row in loci_rows.items()} == {
        "alpha_sparse": "changed",
        "alpha_small": "entered",
    }
    visit.turn(visit.page.locator("#app").get_by_role("link", name="17:1,000,001–2,000,000").click)
    assert "17:1,000,001" in visit.heading()
    assert {other["state"] for key, other in rows.items() if key != ("alpha", gene_id(0))} == {"same"}


def test_small_tables_sort_too(browser: "Browser", rendered: Rendered) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(rendered.ranked[0].as_uri())
    page.get_by_role("button", name="Gene", exact=True).click()
    assert page.locator("tbody tr td:nth-child(2)").first.inner_text() == HOSTILE
    assert complaints == []
    context.close()
