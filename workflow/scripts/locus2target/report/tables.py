"""Tables for people: cells formatted by kind, sortable in the browser, with the full value kept for sorting and export."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from locus2target.core.tables import atomic_path
from locus2target.report import formats
from locus2target.report.rendering import render_template

Kind = Literal["text", "list", "variants", "count", "number", "probability", "p_value", "log_odds", "direction", "badge"]
_NUMERIC = {"count", "number", "probability", "p_value", "log_odds"}
_TONES = {
    "ok": "good",
    "PASS": "good",
    "WARN": "warn",
    "warning": "warn",
    "mhc": "warn",
    "NONE": "quiet",
    "none": "quiet",
    "FAIL": "bad",
    "dropped": "quiet",
}
_FULL_BAR = 4.0  # log odds that fill a bar: odds of 55 to 1


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: the frame's column it shows, its heading, how its values are written.

    Attributes
    ----------
    help
        What the column says, shown on hover.
    link
        Column of the frame that holds the target of a link, if the cell is one.
    export_only
        Whether the column is left out of view and only written to the downloaded TSV.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    link: str | None = None
    export_only: bool = False

    @property
    def numeric(self) -> bool:
        """Whether values are aligned as numbers."""
        return self.kind in _NUMERIC


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what is shown, and the value behind it for sorting and export (empty when they are the same)."""

    text: str
    value: str = ""
    href: str = ""
    tone: str = ""
    bar: float = 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be rendered; `caption` defines it, `filename` names its download."""

    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    filename: str = ""


def build_table(frame: pd.DataFrame, columns: Sequence[TableColumn], *, caption: str = "", filename: str = "") -> Table:
    """Format the rows of a frame, in its order."""
    records = frame.to_dict("records")
    rows = tuple(tuple(_cell(column, record) for column in columns) for record in records)
    return Table(tuple(columns), rows, caption, filename)


def _cell(column: TableColumn, record: Mapping[str, object]) -> Cell:
    value = record[column.name]
    if formats.is_missing(value):
        return Cell(formats.MISSING)
    href = "" if column.link is None or formats.is_missing(record[column.link]) else str(record[column.link])
    text = format_value(value, column.kind)
    exact = "" if str(value) == text else (f"{float(str(value)):.6g}" if column.numeric else str(value))
    tone = _TONES.get(str(value), "bad") if column.kind == "badge" else ""
    bar = max(-1.0, min(1.0, float(str(value)) / _FULL_BAR)) if column.kind == "log_odds" else 0.0
    return Cell(text, exact, href, tone, bar)


def format_value(value: object, kind: Kind) -> str:
    """A present value as people read it."""
    if kind in {"text", "badge"}:
        return str(value)
    if kind == "list":
        return ", ".join(formats.split_list(value))
    if kind == "variants":
        return ", ".join(formats.format_variant(key) for key in formats.split_list(value))
    number = float(str(value))
    if kind == "count":
        return formats.format_count(number)
    if kind == "probability":
        return formats.format_probability(number)
    if kind == "p_value":
        return formats.format_p_value(number)
    if kind == "log_odds":
        return formats.format_signed(number)
    return formats.format_direction(number) if kind == "direction" else formats.format_number(number)


def write_table_page(path: str | Path, table: Table, *, title: str) -> None:
    """Write one sortable table as a small self-contained HTML file, for `snakemake --report`."""
    with atomic_path(path) as temporary:
        temporary.write_text(render_template("table.html.j2", title=title, table=table), encoding="utf-8")


RANKED_COLUMNS = (
    TableColumn("gene_rank", "Rank", "count", "1 is the most probable target of the disease"),
    TableColumn("gene_symbol", "Gene", link="gene_href"),
    TableColumn("gene_id", "Gene id", export_only=True),
    TableColumn("probability", "Probability", "probability", "that the gene is the target of at least one locus, 0 to 1"),
    TableColumn("status", "Status", "badge", "ok, or what keeps the gene from being named"),
    TableColumn("best_locus", "Best locus", help="locus with the highest probability", link="locus_href"),
    TableColumn("n_loci", "Loci", "count", "loci of the disease that have the gene as a candidate"),
    TableColumn("direction", "More gene activity", "direction", "what more activity of the gene goes with"),
    TableColumn("contexts", "Tissues", "list", "tissues and cell types of the evidence at the best locus"),
)
_RANKED_TAIL = (
    TableColumn("variants", "Variants", "variants", "supporting variants at the best locus", export_only=True),
    TableColumn("parts", "Log odds by source", export_only=True),
    TableColumn("mechanism", "Mechanism", export_only=True),
    TableColumn("reason", "Reason", export_only=True),
)


def ranked_table(ranked: pd.DataFrame, *, caption: str, filename: str) -> Table:
    """The ranked genes of one disease, with one bar per evidence source that any of them has.

    Parameters
    ----------
    ranked
        Ranked-genes rows with the link columns `gene_href` and `locus_href` (missing where there is no section).
    """
    parts = [formats.parse_parts(text) for text in ranked["parts"]]
    sources = present_sources(parts)
    frame = ranked.assign(**{f"part:{source}": [part.get(source) for part in parts] for source in sources})
    bars = [
        TableColumn(f"part:{source}", formats.source_label(source), "log_odds", "log odds this evidence adds")
        for source in sources
    ]
    return build_table(frame, [*RANKED_COLUMNS, *bars, *_RANKED_TAIL], caption=caption, filename=filename)


def present_sources(parts: Iterable[Mapping[str, float]]) -> list[str]:
    """Sources that occur, known ones first in their usual order."""
    found = dict.fromkeys(source for part in parts for source in part)
    known = [source for source in formats.SOURCE_LABELS if source in found]
    return [*known, *(source for source in found if source not in formats.SOURCE_LABELS)]
