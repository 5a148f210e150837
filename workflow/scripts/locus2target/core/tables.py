"""The one reader and writer of tables, and the schema of each.

Tables are Parquet, written whole or not at all, with checksums that reading verifies. A schema states column, type,
unit and whether values may be missing; writing checks a table against it, reading can select columns and a region.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.core.provenance import table_origin

ROWS_AT_ONCE = 100_000
"""Rows whose text is made at a time when a long table is written; whole row groups of its file."""
_ROWS_PER_GROUP = 50_000  # small enough that reading one locus touches one or two groups
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
}


Record = dict[str, Any]
"""One row of a table, by column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its unit, whether it may be missing, and what it says."""

    name: str
    type: str
    description: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A named table: its columns in order, and what one row of it is."""

    name: str
    columns: tuple[Column, ...]
    row: str = ""

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def arrow(self) -> pa.Schema:
        """The Arrow schema, with the table's name and, as `table_origin` has it, the code that writes it."""
        fields = [pa.field(column.name, _ARROW_TYPES[column.type], column.nullable) for column in self.columns]
        return pa.schema(fields, metadata={"table": self.name, **table_origin()})

    def empty(self) -> pd.DataFrame:
        """A table without rows."""
        return self.to_pandas(self.arrow().empty_table())

    def frame(self, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
        """A table from one mapping per row; keys that are left out are missing values."""
        records = [{name: row.get(name) for name in self.names} for row in rows]
        return self.to_pandas(pa.Table.from_pylist(records, self.arrow()))

    def to_pandas(self, table: pa.Table) -> pd.DataFrame:
        """A data frame of some or all columns; whole numbers that may be missing stay whole numbers (`Int64`)."""
        frame: pd.DataFrame = table.to_pandas()
        optional = [c.name for c in self.columns if c.type == "int64" and c.nullable and c.name in frame.columns]
        return frame.astype(dict.fromkeys(optional, "Int64"))


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; move it there when the body ends, remove it when the body fails.

    A reader sees the old file or the whole new one, also when a job is killed or two copies of it run.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=f".tmp{target.suffix}", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_table(frame: pd.DataFrame, path: str | Path, schema: TableSchema) -> None:
    """Write a table as Parquet, columns in the schema's order.

    Raises
    ------
    ValueError
        If a column is missing or unknown, has the wrong type, or misses values where it may not: a defect of the
        caller, not of the user's data.
    """
    with append_table(path, schema) as append:
        append(frame)


@contextmanager
def append_table(path: str | Path, schema: TableSchema) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a table part by part; the file appears when the body ends, whole.

    The body is given a function that takes the next rows, and raises ValueError as `write_table` does.
    """
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema.arrow(), compression="zstd", write_page_checksum=True) as writer,
    ):

        def append(frame: pd.DataFrame) -> None:
            writer.write_table(_checked(frame, schema), row_group_size=_ROWS_PER_GROUP)

        yield append


def _checked(frame: pd.DataFrame, schema: TableSchema) -> pa.Table:
    """The rows as Arrow, in the schema's columns and types."""
    unknown = sorted(set(frame.columns) - set(schema.names))
    absent = sorted(set(schema.names) - set(frame.columns))
    if unknown or absent:
        raise ValueError(f"table {schema.name}: unknown columns {unknown}, absent columns {absent}")
    try:
        table = pa.Table.from_pandas(frame[schema.names], schema.arrow(), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"table {schema.name}: {error}") from error
    for column in schema.columns:
        if not column.nullable and table.column(column.name).null_count:
            raise ValueError(f"table {schema.name}: column {column.name} misses values")
    return table


def write_tsv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tab-separated copy for people: header, no index, missing values empty."""
    with append_tsv(path) as append:
        append(frame)


@contextmanager
def append_tsv(path: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a tab-separated copy part by part, at least one; the file appears when the body ends, whole."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:

        def append(frame: pd.DataFrame) -> None:
            frame.to_csv(out, sep="\t", index=False, float_format="%.6g", header=out.tell() == 0)

        yield append


def read_table(
    path: str | Path,
    schema: TableSchema,
    *,
    columns: Sequence[str] | None = None,
    region: Region | None = None,
    only: Mapping[str, Collection[object]] | None = None,
) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Parameters
    ----------
    path, schema
        The file and what it must hold.
    columns
        Columns to read; all by default.
    region
        Only rows with `chromosome` and `position` inside; other row groups are not read.
    only
        By column, the values of the rows that are wanted; the others are left out while reading, not afterwards.

    Raises
    ------
    ValueError
        If the file holds another table or another version's columns.
    InputError
        If the file is damaged: cut short, empty, or with bytes that do not give its checksums.
    """
    with _only_whole(path):
        stored = pq.read_schema(path)
    if stored.names != schema.names:
        raise ValueError(f"{path}: columns {stored.names} are not those of table {schema.name} {schema.names}")
    wanted = None if columns is None else list(columns)
    filters = [*_inside(region), *_among(only, schema)] or None
    with _only_whole(path):
        table = pq.read_table(path, columns=wanted, filters=filters, page_checksum_verification=True)
    return schema.to_pandas(table)


@contextmanager
def _only_whole(path: str | Path) -> Iterator[None]:
    """Turn the ways in which a damaged file cannot be read into an `InputError`; a missing file stays an OSError."""
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"the table is damaged ({error})",
            where=str(path),
            remedy="Remove the file and run again: the step that makes it writes it anew.",
        ) from error


def _inside(region: Region | None) -> Iterator[tuple[str, str, object]]:
    """Conditions on the place of a row, as pyarrow takes them."""
    if region is not None:
        yield "chromosome", "==", region.chromosome
        yield "position", ">=", region.first_position
        yield "position", "<=", region.last_position


def _among(only: Mapping[str, Collection[object]] | None, schema: TableSchema) -> Iterator[tuple[str, str, object]]:
    """Conditions on the values of columns; no value at all has a type too, and no row has it."""
    types = {column.name: column.type for column in schema.columns}
    for name, values in ({} if only is None else only).items():
        stored = pa.string() if types[name] == "category" else _ARROW_TYPES[types[name]]
        known = values if isinstance(values, (pd.Series, pd.api.extensions.ExtensionArray)) else list(values)
        yield name, "in", pa.array(known, stored)


def read_tables(
    paths: Iterable[str | Path],
    schema: TableSchema,
    *,
    columns: Sequence[str] | None = None,
    only: Mapping[str, Collection[object]] | None = None,
) -> pd.DataFrame:
    """Read several files of one table, all rows and columns or some as `read_table` does, and stack them in order."""
    stacked = stack_tables((read_table(path, schema, columns=columns, only=only) for path in paths), schema)
    return stacked if columns is None else stacked[list(columns)]


def stack_tables(frames: Iterable[pd.DataFrame], schema: TableSchema) -> pd.DataFrame:
    """Rows of several frames of one table in the order given; the empty table where there are none."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else schema.empty()


def pieces(part: slice) -> Iterator[slice]:
    """Cut a stretch of rows into stretches of at most `ROWS_AT_ONCE`; an empty one is one piece."""
    for start in range(part.start, max(part.stop, part.start + 1), ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, part.stop))


def records(frame: pd.DataFrame) -> list[Record]:
    """Rows of a frame, one mapping each."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def is_among(texts: "pd.Series[str]", wanted: "pd.Series[str]") -> npt.NDArray[np.bool_]:
    """Whether each text is one of those wanted: bool array of shape (n_texts,).

    `Series.isin` says the same, some forty times slower: pandas makes an object of every text first (3.0).
    """
    found = pc.is_in(pa.array(texts, pa.string()), value_set=pa.array(wanted, pa.string()))
    return np.asarray(found, dtype=np.bool_)
