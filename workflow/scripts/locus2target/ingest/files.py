"""Files as users bring them: plain, gzipped or block-gzipped, whole or cut short."""

import gzip
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from locus2target.core.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_BGZF_SUBFIELD = b"BC\x02\x00"  # extra field that every BGZF block header carries (SAM specification, section 4.1)
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # the empty last block
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
    """Refuse a path that is not a file.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}", where=where, remedy="Correct the path, or put the file there.")


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
    """Whether an index of a VCF or BCF lies beside it."""
    return any(Path(f"{path}{suffix}").is_file() for suffix in (".tbi", ".csi"))


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


def numbered_lines(path: str | Path, *, where: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a plain or gzipped text file.

    Raises
    ------
    InputError
        If the file is missing, is not text, or its compression is broken or cut short.
    """
    require_file(path, where=where)
    number = 0
    opener = gzip.open if is_gzipped(path) else open
    with opener(path, "rt", encoding="utf-8") as file:
        try:
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
