"""The record of a run: settings, sheets and versions, in the shape the page shows them."""

from collections.abc import Iterator, Mapping
from typing import Any

from locus2target.core.provenance import library_origin
from locus2target.core.remote_files import as_written
from locus2target.report.formats import MISSING
from locus2target.report.run_tables import RunTables


def record_blocks(tables: RunTables, run: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Heading and block of everything that made the run what it is.

    Parameters
    ----------
    tables
        The run: its fine-mapping names the engines that were used.
    run
        Texts, numbers, lists of rows and nested mappings, by heading; remote files are shown with their addresses.
    """
    engines = sorted(tables.fine_mapping["engine"].dropna().unique())
    record = {"code": library_origin(), "fine_mapping_engines": engines, **as_written(run)}
    return [(heading, record_block(value)) for heading, value in record.items()]


def record_block(value: object) -> dict[str, Any]:
    """How one value of the record is shown: as rows of a table, as pairs, as text, or as one line.

    A sheet (row by id, or several rows by id) and a list of rows become a table; another mapping becomes pairs with
    dotted names.
    """
    rows = _sheet_rows(value)
    if rows is not None:
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        return {"kind": "rows", "names": names, "rows": [[_shown(row.get(name)) for name in names] for row in rows]}
    if isinstance(value, Mapping):
        return {"kind": "pairs", "pairs": list(_flatten(value))}
    text = _shown(value)
    return {"kind": "text" if "\n" in text else "line", "text": text}


def _sheet_rows(value: object) -> list[Mapping[str, object]] | None:
    """Rows of a sheet, in any of the shapes a record holds them; None when `value` is no sheet."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(items, list | tuple) or not items:
        return None
    if all(isinstance(item, list | tuple) for item in items):
        items = [row for item in items for row in item]
    same_columns = all(isinstance(item, Mapping) and list(item) == list(items[0]) for item in items)
    return list(items) if same_columns else None


def _flatten(value: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flatten(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _shown(item)


def _shown(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
