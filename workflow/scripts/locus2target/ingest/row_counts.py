"""How much a file holds, without reading all of it."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

from cyvcf2 import VCF

from locus2target.ingest.files import is_bgzf, is_gzipped

_SAMPLE_BYTES = 4_000_000  # compressed bytes that an estimate rests on
_BCF_MAGIC = b"BCF"


@dataclass(frozen=True, slots=True)
class RowCount:
    """Lines of a table without comments and header; `exact` when the whole file was read for it."""

    rows: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.rows:,} rows" if self.exact else f"about {_two_digits(self.rows):,} rows"


def _two_digits(number: int) -> int:
    """The number to two digits: an estimate has no more.

    >>> _two_digits(12345)
    12000
    """
    return int(float(f"{number:.1e}"))


def estimate_rows(path: str | Path, *, has_header: bool) -> RowCount:
    """Rows of a text table, from the lines in its first bytes and its size.

    Parameters
    ----------
    path
        Plain or gzipped.
    has_header
        Whether the first line that does not start with `##` is a header; without one, lines with `#` are comments.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
    text = _inflate(start) if is_gzipped(path) else start
    lines = text.count(b"\n") + (size <= _SAMPLE_BYTES and not text.endswith(b"\n") and text != b"")
    comment = b"##" if has_header else b"#"
    comments = has_header + sum(line.startswith(comment) for line in text.splitlines())
    if size <= _SAMPLE_BYTES:
        return RowCount(max(lines - comments, 0), exact=True)
    return RowCount(round(lines * size / len(start)) - comments, exact=False)


def _inflate(start: bytes) -> bytes:
    """What the first bytes of a gzip file hold; its members, of which bgzip makes many, one after the other."""
    parts = []
    while start:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(start))
        except zlib.error:  # a damaged file, which whoever reads it reports
            break
        start = member.unused_data
    return b"".join(parts)


def count_genotypes(path: str) -> tuple[int, int]:
    """People and records of an indexed VCF or BCF; the records from its index."""
    vcf = VCF(path)
    try:
        return len(vcf.samples), int(vcf.num_records)
    finally:
        vcf.close()


def file_kind(path: str | Path) -> str:
    """How a file is stored, whatever its name says."""
    if Path(path).is_dir():
        return "folder"
    content = _content(path)
    packing = "bgzipped " if is_bgzf(path) else "gzipped " if is_gzipped(path) else ""
    return f"{packing}{content}"


def _content(path: str | Path) -> str:
    """VCF and BCF by their first bytes; of others the last suffix of the name."""
    opener = gzip.open if is_gzipped(path) else open
    try:
        with opener(path, "rb") as file:
            first = file.read(16)
    except (OSError, EOFError, zlib.error):  # a damaged file, which whoever reads it reports
        first = b""
    if first.startswith(_BCF_MAGIC):
        return "BCF"
    if first.startswith(b"##fileformat=VCF"):
        return "VCF"
    suffixes = [suffix for suffix in Path(path).suffixes if suffix not in {".gz", ".bgz"}]
    return suffixes[-1].removeprefix(".").upper() if suffixes else "file"


def file_size(path: str | Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    place = Path(path)
    if not place.is_dir():
        return place.stat().st_size
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
