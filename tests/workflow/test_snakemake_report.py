"""Snakemake's own report of the toy run, in both forms: every item has its caption and label, and opens."""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import NEEDS_CHROMIUM, Visit, chromium
from running import run_snakemake
from toy import Toy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]
TARGETS = ("all", "mendelian_randomization")
DISEASES = ("imported_disease", "null_disease", "outcome", "toy_disease")
_FORMS = ("page", "table of all rows (TSV)")
EXPECTED: dict[tuple[str, str], set[str]] = {  # category and subcategory: labels, joined
    ("Cell types and tissues", "Other"): {f"{disease}; {form}" for disease in DISEASES for form in _FORMS},
    ("Pathways and regulators", "Gene sets"): {f"{disease}; {form}" for disease in DISEASES for form in _FORMS},
    ("Pathways and regulators", "Transcription factors"): {
        f"{disease}; {form}" for disease in DISEASES for form in _FORMS
    },
    ("Pathways and regulators", "Network"): set(DISEASES),
    ("Mendelian randomization", "Genes on diseases"): {
        *(f"{disease}; page" for disease in DISEASES),
        "all; table of all rows (TSV)",
    },
    ("Mendelian randomization", "toy_gwas on outcome_gwas"): {
        *(f"{plot} plot" for plot in ("scatter", "forest", "funnel", "radial")),
        "table of all methods (TSV)",
    },
    ("Quality control", "Other"): {"Input rows and loci"},
    ("Files", "Other"): {"README of all columns (Markdown)"},
}
IN_CAPTION = {  # rule: what the captions of its items must say
    "enrich_contexts": "cannot be told apart",
    "enrich_gene_sets": "may be one finding",
    "enrich_regulators": "may be unbound",
    "tabulate_findings": "",
    "tabulate_directions": "compare signs, not sizes",
    "estimate_trait_effects": "Do not read a small p as a cause",
    "annotate_targets": "not told apart",
    "render_report": "",
    "draw_network": "no evidence that the factor binds",
    "plot_locus": "need not be causal",
    "export_results": "results/export_results",
}


@dataclass(frozen=True)
class Report:
    """One form of the report, unpacked, and what it says of its items."""

    page: Path
    results: dict[str, dict[str, Any]]
    categories: dict[str, dict[str, list[str]]]

    def labels(self, category: str, subcategory: str) -> set[str]:
        return {"; ".join(self.results[path]["labels"].values()) for path in self.categories[category][subcategory]}


def _variable(page: str, name: str) -> Any:
    """JSON that the page's script keeps under a name."""
    start = re.search(rf"^\s*var {name} = (?={{)", page, re.MULTILINE)
    assert start is not None, name
    return json.JSONDecoder().raw_decode(page, start.end())[0]


def _read(page: Path) -> Report:
    text = page.read_text()
    return Report(page, _variable(text, "results"), _variable(text, "categories"))


@pytest.fixture(scope="module")
def reports(finished_toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    folder = tmp_path_factory.mktemp("report")
    for form in ("html", "zip"):
        target = str(folder / f"report.{form}")
        arguments = ("--cores", "1", "--configfile", "config/config.yaml", "--report", target)
        run_snakemake(finished_toy.directory, *TARGETS, *arguments)
    with zipfile.ZipFile(folder / "report.zip") as archive:
        archive.extractall(folder / "unpacked")
    return {"html": _read(folder / "report.html"), "zip": _read(folder / "unpacked" / "report" / "report.html")}


@pytest.mark.parametrize("form", ["html", "zip"])
def test_every_item_is_there_with_category_and_label(reports: dict[str, Report], form: str) -> None:
    report = reports[form]
    for (category, subcategory), labels in EXPECTED.items():
        assert report.labels(category, subcategory) == labels
    for disease in DISEASES:
        assert any(disease in path for path in report.categories["Ranked genes"]["Other"])
    assert any(label.startswith("toy_gwas__1_") for label in report.labels("Loci", "toy_disease"))
    assert set(report.categories["Loci"]) == set(DISEASES)


@pytest.mark.parametrize("form", ["html", "zip"])
def test_every_item_has_a_caption_that_says_what_not_to_conclude(reports: dict[str, Report], form: str) -> None:
    for path, item in reports[form].results.items():
        caption = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", item["caption"]))
        assert len(caption) > 200, path
        assert "{{" not in caption
        assert IN_CAPTION[item["job_properties"]["rule"]] in caption, path


def test_interactive_report_is_in_the_zip_only(reports: dict[str, Report], finished_toy: Toy) -> None:
    """The single-file form would show it blank."""
    assert "Interactive report" not in reports["html"].categories
    (path,) = reports["zip"].categories["Interactive report"]["Other"]
    packed = reports["zip"].page.parent / reports["zip"].results[path]["data_uri"]
    assert packed.read_bytes() == (finished_toy.directory / "results/render_report/report.html").read_bytes()


def test_no_page_of_the_single_file_is_too_big_to_show(reports: dict[str, Report]) -> None:
    pages = [item for item in reports["html"].results.values() if item["mime_type"] == "text/html"]
    assert len(pages) > 4 * len(DISEASES)
    assert max(len(item["data_uri"]) for item in pages) < 2_000_000


def needs_chromium(test: Any) -> Any:
    """Mark of a test that opens a browser."""
    for mark in NEEDS_CHROMIUM:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


def _open(page: "Page", category: str, subcategory: str | None, label: str) -> None:
    """Go through the menu as a reader does, and press the eye beside the item."""
    page.locator("nav a", has_text=category).first.click()
    if subcategory is not None:
        page.locator("nav a", has_text=subcategory).first.click()
    page.locator("nav tbody tr", has_text=label).locator("a").first.click()


@needs_chromium
@pytest.mark.parametrize("form", ["html", "zip"])
def test_items_open_in_a_browser_from_disk(reports: dict[str, Report], browser: "Browser", form: str) -> None:
    page = Visit(browser, reports[form].page).page
    for category in {category for category, _ in EXPECTED}:
        assert page.locator("nav").get_by_text(category, exact=True).count() == 1
    _open(page, "Cell types and tissues", None, "toy_disease")
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    assert frame.locator("h1").inner_text() == "Cell types and tissues: toy_disease"
    page.context.close()

    page = Visit(browser, reports[form].page).page
    _open(page, "Loci", "toy_disease", "toy_gwas__1_")
    image = page.locator("img[src*='svg']:not([src*='logo'])").last
    image.wait_for()
    assert image.evaluate("img => img.complete && img.naturalWidth") > 400
    page.context.close()


@needs_chromium
def test_interactive_report_opens_in_the_zip_form(reports: dict[str, Report], browser: "Browser") -> None:
    page = Visit(browser, reports["zip"].page).page
    _open(page, "Interactive report", None, "Everything, with links")
    frame = page.frame_locator("iframe")
    frame.locator("#app h1").first.wait_for()
    assert frame.get_by_text("toy_disease").count() + frame.get_by_text("toy disease").count() > 0
    page.context.close()
