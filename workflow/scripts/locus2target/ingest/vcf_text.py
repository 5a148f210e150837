"""Lines of a text VCF that htslib takes wrongly, looked for before it reads them.

htslib ends the whole process at an empty line between records and at a short line on a contig that the header lacks
(a header line among the records is one), and keeps the lowest 32 bits of a position that has more, which can be
another valid position.
"""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from locus2target.core.errors import InputError, shortened
from locus2target.ingest.files import is_gzipped, open_text

_BCF_MAGIC = b"BCF"
_BLOCK = 1 << 24  # bytes of text read at a time
_CELL = rb"[^\t\n]+\t"
_RECORD = _CELL + rb"[0-9]{1,9}\t[^\t\n]*\t" + 2 * _CELL + 2 * rb"[^\t\n]*\t"  # CHROM POS ID REF ALT QUAL FILTER
_BROKEN = re.compile(rb"\n(?!" + _RECORD + rb")[^\n]*")


def refuse_broken_lines(path: str | Path) -> None:
    """Refuse a VCF with an empty line, a short one, or a position of more than 9 digits; BCF is let pass.

    Raises
    ------
    InputError
        That names the first such line. Damaged compression is raised as it is, see `files.BROKEN_GZIP`.
    """
    if is_bcf(path):
        return
    with open_text(path) as source:
        n_before = 0
        for line in source:  # the header
            if line.strip() and not line.startswith(b"##"):  # htslib passes over empty lines here, and only here
                break
            n_before += 1
        else:
            return
        if not line.startswith(b"#CHROM"):  # htslib will not take it for VCF
            return
        rest = b"\n"
        while block := source.read(_BLOCK):
            whole, newline, last = (rest + block).rpartition(b"\n")
            _refuse_first(_BROKEN.search(whole), path, n_before)
            n_before += whole.count(b"\n")
            rest = newline + last
        if len(rest) > 1:
            _refuse_first(_BROKEN.search(rest), path, n_before)


def is_bcf(path: str | Path) -> bool:
    """Whether the file's content is BCF, compressed or not."""
    with gzip.open(path) if is_gzipped(path) else Path(path).open("rb") as file:
        return file.read(len(_BCF_MAGIC)) == _BCF_MAGIC


def _refuse_first(found: re.Match[bytes] | None, path: str | Path, n_before: int) -> None:
    """Refuse the line that was found, in a text that stands behind `n_before` ends of lines."""
    if found is not None:
        line = found.group().removeprefix(b"\n").decode(errors="replace")
        raise InputError(
            f"the line {shortened(line)} is no record of a VCF",
            where=f"{path}, line {n_before + found.string.count(bytes([10]), 0, found.start()) + 2}",
            remedy="Remove the line if it is empty; a record has 8 columns or more and a position of at most 9 digits.",
        )


def readable_records(records: Iterable[Any], path: str | Path) -> Iterator[Any]:
    """Yield the records of cyvcf2; htslib's errors, which it passes on as plain `Exception`, become an `InputError`."""
    records = iter(records)
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except Exception as error:  # cyvcf2 raises nothing narrower
            raise InputError(
                f"a record cannot be read ({error})",
                where=str(path),
                remedy="Mend that record, or fetch the file again.",
            ) from error
        yield record
