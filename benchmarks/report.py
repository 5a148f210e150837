"""The report of a large run: how big its page is, how long it takes to write, to appear, and to open a locus.

The run is synthetic (benchmarks/synthetic_run.py): 300 loci of 5,000 variants unless told otherwise. Prints one JSON
line per figure. Python's times are processor time of one call. What the browser does is measured in headless Chromium
without a GPU, from a file on disk: paints as the browser reports them since navigation began; the answers when the
app put them into the page, also since then; opening a locus from the change of the address until its charts are there
and a frame was drawn, median over loci of different places in the page. Figures of the browser are null where Chromium
or playwright is absent.

    python benchmarks/report.py
    python benchmarks/report.py --quick
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from synthetic_run import synthetic_run

from locus2target.report.app_page import render_app
from locus2target.report.locus_inputs import pack_loci
from locus2target.report.locus_pack import encode
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.sections import render_sections

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-precise-memory-info")
BROWSER_FIGURES = {
    "first paint": "ms",
    "first contentful paint": "ms",
    "page loaded": "ms",
    "answers shown": "ms",
    "a locus opens": "ms",
    "heap after that": "MB",
}
N_OPENED = 5
PAINTS = """() => new Promise((resolve) => {
  const paints = () => performance.getEntriesByType("paint");
  const entries = () => Object.fromEntries(paints().map((entry) => [entry.name, entry.startTime]));
  if (performance.getEntriesByName("first-contentful-paint").length) resolve(entries());
  else new PerformanceObserver(() => resolve(entries())).observe({ type: "paint", buffered: true });
})"""
LOADED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd"
WATCH_ANSWERS = """
  new MutationObserver((_changes, observer) => {
    if (!document.querySelector("#app h1")) return;
    window.answersShown = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
"""
ANSWERED = """() => new Promise((resolve) => {
  const look = () => (window.answersShown ? resolve(window.answersShown) : requestAnimationFrame(look));
  look();
})"""
OPEN_LOCUS = """(locus) => new Promise((resolve, reject) => {
  const start = performance.now();
  const before = L2T.charts && L2T.charts.tracks;
  const look = () => {
    const charts = L2T.charts && L2T.charts.tracks;
    if (charts && charts !== before) requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
    else if (performance.now() - start > 20000) reject(new Error("the locus did not open"));
    else requestAnimationFrame(look);
  };
  location.hash = "#locus/" + encodeURIComponent(locus);
  look();
})"""
HEAP = "() => performance.memory.usedJSHeapSize"
Result = TypeVar("Result")
Figure = tuple[str, float | None, str]


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def megabytes(*texts: str) -> float:
    return sum(len(text.encode("utf-8")) for text in texts) / 1e6


def written(n_loci: int, n_variants: int, folder: Path) -> tuple[Path, list[str], list[Figure]]:
    """The page, its loci, and what Python did."""
    tables, beside = synthetic_run(n_loci, n_variants, folder)
    facts = RunFacts(name="benchmark", title="Synthetic run", created="2026-01-01")
    packs, pack_seconds = timed(lambda: pack_loci(tables, beside))
    loci = list(packs)
    data, data_seconds = timed(lambda: run_data(tables, facts, packed=loci))
    sections, section_seconds = timed(lambda: render_sections(tables, {"run_name": "benchmark"}))
    html, page_seconds = timed(lambda: render_app(data, packs, sections=sections, title="Synthetic run"))
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8")
    facts_text = json.dumps(data, separators=(",", ":"))
    return (
        path,
        loci,
        [
            ("facts gathered", data_seconds, "s"),
            ("loci packed", pack_seconds, "s"),
            ("sections rendered", section_seconds, "s"),
            ("page rendered", page_seconds, "s"),
            ("size of the page", megabytes(html), "MB"),
            ("of it packs", megabytes(*packs.values()), "MB"),
            ("of it facts", len(encode(facts_text.encode("utf-8"))) / 1e6, "MB"),
            ("of it sections", megabytes(sections), "MB"),
            ("facts as JSON", megabytes(facts_text), "MB"),
        ],
    )


def shown(path: Path, loci: list[str]) -> dict[str, float]:
    """What the browser did with the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(OPTIONS))
        page = chromium.new_context(offline=True, viewport={"width": 1366, "height": 768}).new_page()
        page.add_init_script(WATCH_ANSWERS)
        page.goto(path.as_uri())
        paints: dict[str, Any] = page.evaluate(PAINTS)
        figures = {
            "first paint": paints["first-paint"],
            "first contentful paint": paints["first-contentful-paint"],
            "page loaded": page.evaluate(LOADED),
            "answers shown": page.evaluate(ANSWERED),
        }
        step = max(1, len(loci) // N_OPENED)
        figures["a locus opens"] = median([page.evaluate(OPEN_LOCUS, locus) for locus in loci[::-step][:N_OPENED]])
        figures["heap after that"] = page.evaluate(HEAP) / 1e6
        chromium.close()
    return figures


def browser_figures(path: Path, loci: list[str]) -> Iterator[Figure]:
    try:
        import playwright  # noqa: F401  asked for only where it is used
    except ImportError:
        found: dict[str, float] = {}
    else:
        found = shown(path, loci) if CHROMIUM.exists() else {}
    for name, unit in BROWSER_FIGURES.items():
        yield name, found.get(name), unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loci", type=int, default=300)
    parser.add_argument("--variants", type=int, default=5_000, help="of each locus")
    parser.add_argument("--quick", action="store_true", help="6 loci of 500 variants")
    options = parser.parse_args()
    n_loci, n_variants = (6, 500) if options.quick else (options.loci, options.variants)
    with tempfile.TemporaryDirectory() as folder:
        path, loci, figures = written(n_loci, n_variants, Path(folder))
        case = f"{n_loci} loci, {n_variants} variants each"
        for name, value, unit in (*figures, *browser_figures(path, loci)):
            rounded = None if value is None else round(value, 3)
            print(json.dumps({"benchmark": "report", "case": case, "figure": name, "value": rounded, "unit": unit}))


if __name__ == "__main__":
    main()
