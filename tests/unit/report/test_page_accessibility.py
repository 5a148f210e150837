"""No page of the report has a serious or critical violation of the accessibility rules of axe-core."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_visit import Visit
from browsing import NEEDS_CHROMIUM, chromium
from report_run import Rendered

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_CHROMIUM
_GRAVE = {"serious", "critical"}
_GENE = "() => { const [row] = L2T.data.run.targets; return L2T.router.link.gene(row.disease, row.gene_id); }"
_DISEASE = "() => L2T.router.link.disease(L2T.data.run.diseases[0].disease)"
_QUIET = "() => !/Reading |unpacked/i.test(document.querySelector('#app').innerText)"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(params=[1366, 390], ids=["desk", "phone"])
def visit(browser: "Browser", rendered: Rendered, request: pytest.FixtureRequest) -> Iterator[Visit]:
    opened = Visit(browser, rendered.report, width=request.param)
    yield opened
    opened.close()


def _violations(visit: Visit) -> list[str]:
    visit.until(_QUIET)
    found = axe.Axe().run(visit.page).response
    assert found["passes"]  # the rules did run
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in _GRAVE
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("fragment", ["#home", "#review", "#compare", "#about", "#disease/nothing"])
def test_pages_of_the_run(visit: Visit, fragment: str) -> None:
    visit.go(fragment)
    assert _violations(visit) == []


def test_disease_with_and_without_matches(visit: Visit) -> None:
    visit.go(visit.page.evaluate(_DISEASE))
    assert _violations(visit) == []
    visit.page.locator("#app [data-search]").first.fill("nothing like it")
    visit.page.wait_for_timeout(300)
    assert _violations(visit) == []


def test_gene_before_and_after_a_mark(visit: Visit) -> None:
    visit.go(visit.page.evaluate(_GENE))
    assert _violations(visit) == []
    visit.page.get_by_label("accepted").check()
    visit.go("#review")
    assert "1 accepted" in visit.view()
    assert _violations(visit) == []


def test_locus(visit: Visit) -> None:
    visit.go(visit.page.evaluate("() => L2T.router.link.locus(L2T.data.run.loci.find(row => row.has_pack).locus)"))
    visit.until("() => document.querySelector('#app canvas, #app svg') !== null")
    visit.page.wait_for_timeout(500)
    assert _violations(visit) == []


def test_comparison(visit: Visit, rendered: Rendered) -> None:
    visit.go("#compare")
    visit.choose("Choose a run", Path(rendered.summary))
    visit.until("() => document.querySelector('#app .grid') !== null")
    assert _violations(visit) == []


def test_the_rules_can_fail(browser: "Browser", rendered: Rendered) -> None:
    visit = Visit(browser, rendered.report)
    visit.page.evaluate("() => document.querySelector('#app h1').after(document.createElement('button'))")
    assert any(each.startswith("button-name") for each in _violations(visit))
    visit.close()
