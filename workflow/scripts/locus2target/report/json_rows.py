"""Rows of tables as JSON takes them: Python's own types, None where a value is missing."""

from typing import Any

import pandas as pd

from locus2target.core.tables import Record


def plain_values(column: pd.Series) -> list[Any]:
    """Values of a column."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values


def plain_rows(frame: pd.DataFrame) -> list[Record]:
    """Rows of a frame, one mapping each."""
    names = [str(name) for name in frame.columns]
    columns = (plain_values(frame[name]) for name in names)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
