"""The explorer: the run as an application in one file, and its facts as JSON for machines and for later comparison."""

import json
from collections.abc import Mapping
from pathlib import Path

from locus2target.core.errors import InputError
from locus2target.core.tables import atomic_path
from locus2target.report.app_page import render_app
from locus2target.report.locus_inputs import BesideTables, pack_loci
from locus2target.report.method_checks import check_methods
from locus2target.report.quality import assess_quality
from locus2target.report.rendering import render_template
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.run_tables import RunTables
from locus2target.targets.bed import read_gene_links, read_open_chromatin


def write_explorer(
    page: str | Path,
    summary: str | Path,
    tables: RunTables,
    beside: BesideTables,
    facts: RunFacts,
    *,
    review: object,
) -> None:
    """Write the page and the summary.

    Parameters
    ----------
    page
        HTML file to write.
    summary
        JSON file to write: what the page knows of every locus, gene and piece of evidence, without the variants.
    tables, beside
        The run.
    facts
        Its name and title.
    review
        Marks of an earlier run's reviewer, as `read_review` gives them; None without.
    """
    packs = pack_loci(tables, beside)
    data = run_data(tables, facts, packed=packs.keys())
    sections = render_template(
        "sections.html.j2", quality=assess_quality(tables, links={}), checks=check_methods(tables)
    )
    shown = data if review is None else {**data, "review": review}
    with atomic_path(page) as path:
        path.write_text(render_app(shown, packs, sections=sections, title=facts.title), encoding="utf-8")
    with atomic_path(summary) as path:
        path.write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")


def read_review(path: str | Path) -> object:
    """Read the JSON that the explorer saved; the page itself checks what it means, and says so where it cannot use it.

    Raises
    ------
    InputError
        If the file is absent or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Give the file that 'Save review' of an earlier report wrote, or null."
        raise InputError(f"cannot be read ({error})", where=f"{path} (report.review)", remedy=remedy) from error


def read_beside(qtl_paths: Mapping[str, str | Path], *, open_chromatin: str | None, links: str | None) -> BesideTables:
    """Read the annotation files that the locus pages draw; QTL tables are read locus by locus."""
    return BesideTables(
        qtl_paths,
        None if open_chromatin is None else read_open_chromatin(open_chromatin),
        None if links is None else read_gene_links(links),
    )
