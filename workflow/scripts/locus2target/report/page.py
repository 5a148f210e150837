"""The report of a run: one HTML file that asks no one for anything, and its facts as JSON for machines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locus2target.core.errors import InputError
from locus2target.core.tables import atomic_path
from locus2target.report.app_page import render_app
from locus2target.report.locus_inputs import BesideTables, pack_loci
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.run_tables import RunTables
from locus2target.report.sections import render_sections


def write_report(
    page: str | Path,
    summary: str | Path,
    tables: RunTables,
    beside: BesideTables,
    facts: RunFacts,
    *,
    record: Mapping[str, Any],
    review: object,
) -> None:
    """Write the page and the summary.

    Parameters
    ----------
    page
        HTML file to write.
    summary
        JSON file to write: what the page knows of every locus, gene and piece of evidence, without the variants, as
        `run_data` documents it.
    tables, beside
        The run.
    facts
        Its name and title.
    record
        Settings, sheets and versions: texts, numbers, lists of rows and nested mappings, by heading.
    review
        Marks of an earlier run's reviewer, as `read_review` gives them; None without.
    """
    packs = pack_loci(tables, beside)
    data = run_data(tables, facts, packed=packs.keys())
    shown = data if review is None else {**data, "review": review}
    html = render_app(shown, packs, sections=render_sections(tables, record), title=facts.title)
    with atomic_path(page) as path:
        path.write_text(html, encoding="utf-8")
    with atomic_path(summary) as path:
        path.write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")


def read_review(path: str | Path) -> object:
    """Read the JSON that a report saved; the page itself checks what it means, and says so where it cannot use it.

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
