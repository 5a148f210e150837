"""Files as users bring them: plain, gzipped or block-gzipped, whole or cut short."""

import csv
import gzip
import io
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.index_files import index_of

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_SUBFIELD = b"BC\x02\x00"  # extra field that every BGZF block header carries (SAM specification, section 4.1)
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # the empty last block
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BUFFER = 1 << 18  # bytes of text read at a time
BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged gzip file raises."""


class HoldsFiles(ABC):
    """An object with open files that a `with` block closes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the files."""


def require_file(path: str | Path, *, where: str) -> None:
    """Refuse a path that is not a file, or one that may not be read.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be opened.
    """
    try:
        if not Path(path).is_file():
            raise InputError(f"there is no file {path}", where=where, remedy="Correct the path, or put the file there.")
        with Path(path).open("rb"):
            pass
    except OSError as error:  # also raised for a name that is too long, or below a folder that may not be entered
        raise InputError(
            f"{path} cannot be opened ({error.strerror})", where=where, remedy="Correct the path or its permissions."
        ) from error


def is_gzipped(path: str | Path) -> bool:
    """Whether the file's content is gzip (BGZF included), whatever its name says."""
    with Path(path).open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def is_bgzf(path: str | Path) -> bool:
    """Whether the file's content is block-gzipped."""
    with Path(path).open("rb") as file:
        header = file.read(18)
    return header.startswith(_GZIP_MAGIC) and header[12:16] == _BGZF_SUBFIELD


def has_index(path: str | Path) -> bool:
    """Whether an index of a block-gzipped table, VCF or BCF lies beside it."""
    return index_of(path) is not None


def check_bgzf(path: str | Path, *, where: str) -> None:
    """Refuse a file that is not block-gzipped, or that lacks BGZF's closing block.

    Raises
    ------
    InputError
        If random access would fail, or would silently return only part of the data.
    """
    if not is_bgzf(path):
        raise InputError(
            f"{path} is not compressed with bgzip",
            where=where,
            remedy="Compress it with `bgzip` (plain gzip allows no random access) and index it again.",
        )
    with Path(path).open("rb") as file:
        file.seek(max(0, Path(path).stat().st_size - len(_BGZF_END)))
        tail = file.read()
    if tail != _BGZF_END:
        raise InputError(
            f"{path} ends without BGZF's closing block: it is cut short",
            where=where,
            remedy="Copy or download the file again.",
        )


class TextBytes(io.RawIOBase):
    """Bytes of a text file, unpacked where it is gzipped, without a byte-order mark.

    NUL bytes are refused: parsers in C take them for the end of a cell and lose what follows.

    Parameters
    ----------
    path
        The file; its content, not its name, says whether it is compressed.

    Raises
    ------
    InputError
        On reading, if a NUL byte is there.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self._path = path
        self._stored = Path(path).open("rb")  # noqa: SIM115  closed with this object
        self._text = gzip.GzipFile(fileobj=self._stored) if is_gzipped(path) else self._stored
        first = self._text.read(len(_BYTE_ORDER_MARK))
        self._pending = b"" if first == _BYTE_ORDER_MARK else first

    @property
    def bytes_read(self) -> int:
        """Bytes of the file itself, compressed or not, that reading has reached."""
        return self._stored.tell()

    def readable(self) -> bool:
        """Tell `io` that bytes can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, as `io.RawIOBase` says."""
        if self._pending:
            block, self._pending = self._pending[: len(buffer)], self._pending[len(buffer) :]
        else:
            block = self._text.read(len(buffer))
        if b"\0" in block:
            raise InputError(
                "the file is not text: it holds a NUL byte",
                where=str(self._path),
                remedy="Save the file as UTF-8 text (not UTF-16), plain or gzipped; if it is, copy it again.",
            )
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close the file."""
        self._stored.close()
        super().close()


def open_text(path: str | Path) -> io.BufferedReader:
    """Open a text file as buffered `TextBytes`."""
    return io.BufferedReader(TextBytes(path), buffer_size=_BUFFER)


def numbered_lines(path: str | Path, *, where: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a plain or gzipped text file.

    Raises
    ------
    InputError
        If the file is missing, is not text, or its compression is broken or cut short.
    """
    require_file(path, where=where)
    number = 0
    try:
        with io.TextIOWrapper(open_text(path), encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\r\n")
    except BROKEN_GZIP as error:
        raise InputError(
            f"the compressed data break off after line {number} ({error})",
            where=str(path),
            remedy="Copy or download the file again.",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"what follows line {number} is not text ({error.reason})",
            where=str(path),
            remedy="Check that this is the file you meant, plain or gzipped.",
        ) from error


def read_cells(
    path: str | Path, *, where: str, header: bool, columns: int | None = None, skipped: int = 0
) -> pd.DataFrame:
    """Read the cells of a tab-separated table as text, as they stand in the file.

    Parameters
    ----------
    path
        Plain or gzipped, whatever its name says.
    where
        Sheet and row, or config key, that name the file, for errors.
    header
        Whether the first line names the columns; cells may then stand in double quotes, as R writes them.
    columns
        Read so many columns only; lines may then have more.
    skipped
        Lines at the top to leave out.

    Returns
    -------
    One row per line that is not empty; the index is the line's number in the file, from 1. Cells that a line lacks at
    its end are empty. Without header, no rows and no columns for a file without lines.

    Raises
    ------
    InputError
        If the file is missing, damaged or not text, lacks the header, a line has more cells than the first, a quote
        spans several cells, or a column is named twice.
    """
    first, line = next(
        ((number, line) for number, line in numbered_lines(path, where=where) if number > skipped and line.strip()),
        (0, ""),
    )
    if first == 0:
        return _named_by_first_line(pd.DataFrame(), path) if header else pd.DataFrame()
    _refuse_few_columns(line, columns, where=f"{path}, line {first}")
    try:
        with open_text(path) as source:
            table = pd.read_csv(
                cast("IO[bytes]", source),
                sep="\t",
                header=None,
                usecols=None if columns is None else range(columns),
                skiprows=first - 1,
                skip_blank_lines=False,
                dtype="str",
                keep_default_na=False,
                quoting=csv.QUOTE_MINIMAL if header else csv.QUOTE_NONE,
            )
    except BROKEN_GZIP as error:
        raise InputError(
            f"the compressed data break off ({error})", where=str(path), remedy="Copy or download the file again."
        ) from error
    except ValueError as error:  # also what the parser and the decoder raise
        raise InputError(
            f"not a tab-separated table of text ({str(error).strip()})",
            where=str(path),
            remedy="Give every line as many cells as the first, separated by tabs, as UTF-8 text.",
        ) from error
    table.index = table.index + first
    _refuse_open_quotes(table, path)
    table = table[(table != "").any(axis=1)]
    return _named_by_first_line(table, path) if header else table


def _refuse_few_columns(line: str, columns: int | None, *, where: str) -> None:
    found = line.count("\t") + 1
    if columns is not None and found < columns:
        raise InputError(
            f"{found} columns, where at least {columns} are needed",
            where=where,
            remedy="Separate the columns by tabs, and give every line all of them.",
        )


def _refuse_open_quotes(table: pd.DataFrame, path: str | Path) -> None:
    swallowed = table.apply(lambda column: column.str.contains(r"[\t\r\n]", na=False)).any(axis=1).to_numpy(bool)
    if swallowed.any():
        raise InputError(
            "a quote opens and spans several cells",
            where=f"{path}, line {table.index[int(swallowed.argmax())]}",
            remedy="Close the quote, or remove it.",
        )


def _named_by_first_line(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    if table.empty:
        raise InputError("not a table: there are no lines", where=str(path), remedy="Give a table with a header.")
    names = table.iloc[0].str.strip()
    repeated = names[names.duplicated() & names.ne("")]
    if len(repeated):
        raise InputError(
            f"column {repeated.iloc[0]!r} is named twice",
            where=f"{path}, line {table.index[0]}",
            remedy="Keep one of them, or rename the others.",
        )
    return table.iloc[1:].set_axis(names.tolist(), axis=1)
