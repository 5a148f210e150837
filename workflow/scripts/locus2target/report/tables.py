"""Tables for people: cells formatted by kind, with the full value kept for sorting and export in the browser."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from locus2target.core.tables import Record, atomic_path
from locus2target.report import formats
from locus2target.report.rendering import render_template

Kind = Literal[
    "text",
    "long",
    "region",
    "list",
    "variants",
    "count",
    "number",
    "probability",
    "p_value",
    "log_odds",
    "direction",
    "badge",
]
_NUMERIC = {"count", "number", "probability", "p_value", "log_odds"}
_TEXT_FORMATS: Mapping[str, Callable[[str], str]] = {
    "text": str,
    "long": str,
    "region": str,
    "badge": str,
    "list": formats.format_list,
    "variants": lambda text: ", ".join(map(formats.format_variant, formats.split_list(text))),
}
_NUMBER_FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": formats.format_count,
    "number": formats.format_number,
    "probability": formats.format_probability,
    "p_value": formats.format_p_value,
    "log_odds": formats.format_signed,
    "direction": formats.format_direction,
}
_TONES = {
    **dict.fromkeys(("ok", "PASS", "confident", "clear", "high"), "good"),
    **dict.fromkeys(("FAIL", "ld_mismatch", "ld_failed", "fit_failed", "not_converged", "ref_mismatch"), "bad"),
    **dict.fromkeys(("NONE", "none", "dropped", "uncertain", "not_in_ld", "no_lead", "not_candidate"), "quiet"),
    **dict.fromkeys(("low", "unknown", "no_local_evidence", "not_ranked"), "quiet"),
}
_FULL_BAR = 3.0  # log odds that fill a bar: odds of 20 to 1


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column: the value of a row it shows, its heading, how its values are written.

    Attributes
    ----------
    help
        What the column says, shown on hover.
    link
        Value of the row that holds the target of a link, if the cell is one.
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

    @property
    def css(self) -> str:
        """Classes of the column's cells."""
        classes = {"num": self.numeric, "bar": self.kind == "log_odds", "export": self.export_only}
        classes |= {kind: self.kind == kind for kind in ("long", "region")}
        return " ".join(name for name, holds in classes.items() if holds)


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


def build_table(
    rows: Iterable[Record], columns: Sequence[TableColumn], *, caption: str = "", filename: str = ""
) -> Table:
    """Format rows, in their order."""
    cells = tuple(tuple(_cell(column, row) for column in columns) for row in rows)
    return Table(tuple(columns), cells, caption, filename)


def _cell(column: TableColumn, row: Record) -> Cell:
    value = row[column.name]
    if formats.is_missing(value):
        return Cell(formats.MISSING)
    href = "" if column.link is None or formats.is_missing(row[column.link]) else str(row[column.link])
    text = format_value(value, column.kind)
    exact = "" if str(value) == text else (f"{float(str(value)):.6g}" if column.numeric else str(value))
    tone = _TONES.get(str(value), "warn") if column.kind == "badge" else ""
    bar = max(-1.0, min(1.0, float(str(value)) / _FULL_BAR)) if column.kind == "log_odds" else 0.0
    return Cell(text, exact, href, tone, bar)


def format_value(value: object, kind: Kind) -> str:
    """A present value as people read it."""
    if kind in _TEXT_FORMATS:
        return _TEXT_FORMATS[kind](str(value))
    return _NUMBER_FORMATS[kind](float(str(value)))


def write_table_page(path: str | Path, tables: Sequence[Table], *, title: str) -> None:
    """Write sortable tables as a small self-contained HTML file, for `snakemake --report`."""
    with atomic_path(path) as temporary:
        temporary.write_text(render_template("table.html.j2", title=title, tables=tables), encoding="utf-8")
