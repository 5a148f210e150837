"""The reference sequence: indexing the user's FASTA, and reading it by canonical chromosome."""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pysam

from locus2target.core.chromosomes import contig_map
from locus2target.core.errors import InputError
from locus2target.core.schemas import CONTIGS
from locus2target.core.tables import atomic_path
from locus2target.ingest.files import HoldsFiles, check_bgzf, is_gzipped, numbered_lines, require_file

_LOG = logging.getLogger(__name__)
_TO_ACGTN = bytes(base if base in b"ACGT" else ord("N") for base in bytes(range(256)).upper())

_HEADER = re.compile(rb"\n>[^\n]*")
_OF_SEQUENCE = bytes(range(33, 127)) + b"\n"
_BLOCK = 1 << 24  # bytes read at a time

# Bases per chromosome (Genome Reference Consortium; the same in UCSC, Ensembl and NCBI copies).
BUILD_LENGTHS: Mapping[str, Mapping[str, int]] = {
    "GRCh37": {
        "1": 249250621, "2": 243199373, "3": 198022430, "4": 191154276, "5": 180915260, "6": 171115067,
        "7": 159138663, "8": 146364022, "9": 141213431, "10": 135534747, "11": 135006516, "12": 133851895,
        "13": 115169878, "14": 107349540, "15": 102531392, "16": 90354753, "17": 81195210, "18": 78077248,
        "19": 59128983, "20": 63025520, "21": 48129895, "22": 51304566, "X": 155270560,
    },
    "GRCh38": {
        "1": 248956422, "2": 242193529, "3": 198295559, "4": 190214555, "5": 181538259, "6": 170805979,
        "7": 159345973, "8": 145138636, "9": 138394717, "10": 133797422, "11": 135086622, "12": 133275309,
        "13": 114364328, "14": 107043718, "15": 101991189, "16": 90338345, "17": 83257441, "18": 80373285,
        "19": 58617616, "20": 64444167, "21": 46709983, "22": 50818468, "X": 156040895,
    },
}  # fmt: skip


def index_fasta(fasta: str, link: str) -> None:
    """Link the user's FASTA to `link` and write its index (`.fai`, and `.gzi` when compressed) beside the link.

    The folder that holds the FASTA may be read-only; nothing is written there.

    Raises
    ------
    InputError
        If the file is missing, not FASTA, compressed with plain gzip, cut short, holds a contig twice, or has
        lines of unequal length or with blanks.
    """
    require_file(fasta, where="genome.fasta")
    compressed = is_gzipped(fasta)
    if compressed:
        check_bgzf(fasta, where="genome.fasta")
    _check_first_line(fasta)
    with atomic_path(f"{link}.fai") as fai, atomic_path(f"{link}.gzi") as gzi:
        try:
            pysam.faidx("--fai-idx", str(fai), "--gzi-idx", str(gzi), fasta)
        except pysam.utils.SamtoolsError as error:
            raise InputError(
                "the file cannot be indexed; a contig has lines of unequal length, or the file is damaged",
                where=fasta,
                remedy="Rewrite it with lines of one length, for example with `seqkit seq -w 60`.",
            ) from error
        _check_contig_names(fasta, fai)
    if not compressed:
        Path(f"{link}.gzi").unlink()
    _link(Path(fasta).resolve(), Path(link))


def _check_first_line(fasta: str) -> None:
    _, first = next(numbered_lines(fasta, where="genome.fasta"), (0, ""))
    if not first.startswith(">"):
        raise InputError(
            "the file is not FASTA: its first line does not start with '>'",
            where=fasta,
            remedy="Give the reference genome as FASTA, plain or compressed with bgzip.",
        )


def _check_contig_names(fasta: str, fai: Path) -> None:
    """Refuse contigs that occur twice, of which htslib quietly keeps the first.

    The headers are counted first, at the speed of decompression; only when the index holds fewer are they looked at
    one by one.
    """
    if _count_headers(fasta) == len(fai.read_text().splitlines()):
        return
    lines: dict[str, int] = {}
    for number, line in numbered_lines(fasta, where="genome.fasta"):
        if not line.startswith(">"):
            continue
        name = line[1:].split(maxsplit=1)[0] if line[1:].strip() else ""
        if name in lines:
            raise InputError(
                f"contig {name!r} is already on line {lines[name]}",
                where=f"{fasta}:{number}",
                remedy="Keep one of the two.",
            )
        lines[name] = number


def _count_headers(fasta: str) -> int:
    """Lines that start with `>`, read in large blocks; blanks among the bases shift what follows, and are refused."""
    count, rest = 0, b"\n"
    with pysam.BGZFile(fasta, "r", None) if is_gzipped(fasta) else Path(fasta).open("rb") as file:
        while block := file.read(_BLOCK):
            whole, newline, last = (rest + block).rpartition(b"\n")
            count += _headers_of(whole, fasta)
            rest = newline + last
    return count + _headers_of(rest, fasta)


def _headers_of(text: bytes, fasta: str) -> int:
    """Headers in a text that starts with the end of a line."""
    bases, count = _HEADER.subn(b"", text)
    if bases.removesuffix(b"\r").replace(b"\r\n", b"\n").translate(None, delete=_OF_SEQUENCE):
        raise InputError(
            "there is a blank, or a sign that is not ASCII, among the bases",
            where=fasta,
            remedy="Rewrite the file, for example with `seqkit seq -w 60`.",
        )
    return count


def _link(target: Path, link: Path) -> None:
    """Make or replace a symbolic link in one step."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    temporary.symlink_to(target)
    temporary.replace(link)


class Genome(HoldsFiles):
    """An indexed FASTA, read by canonical chromosome (`1`, `X`, `MT`), whatever its contigs are called.

    Use it as a context manager. It holds an open file, so each process and thread opens its own.

    Parameters
    ----------
    path
        FASTA with its `.fai` (and `.gzi`) beside it, as `index_fasta` leaves it.

    Raises
    ------
    InputError
        If the file is missing, or two contigs stand for one chromosome.
    """

    def __init__(self, path: str | Path) -> None:
        require_file(path, where="genome")
        self._path = str(path)
        self._fasta = pysam.FastaFile(self._path)
        self._contigs = contig_map(self._fasta.references, where=self._path)
        by_contig = dict(zip(self._fasta.references, self._fasta.lengths, strict=True))
        self.lengths: dict[str, int] = {name: by_contig[contig] for name, contig in self._contigs.items()}

    def close(self) -> None:
        """Close the file."""
        self._fasta.close()

    def has_chromosome(self, chromosome: str) -> bool:
        """Whether the FASTA has a contig for the canonical chromosome."""
        return chromosome in self.lengths

    def contigs(self) -> pd.DataFrame:
        """Contigs in the file's order, as table `contigs`."""
        rows = (
            {"contig": contig, "chromosome": chromosome, "length": self.lengths[chromosome]}
            for chromosome, contig in self._contigs.items()
        )
        return CONTIGS.frame(rows)

    def fetch(self, chromosome: str, start: int, end: int) -> str:
        """Bases of a 0-based, half-open stretch, in A, C, G, T and N.

        The answer always has `end - start` bases: those before or behind the contig, on a chromosome that the
        FASTA does not have, or written in another IUPAC code are N.

        Raises
        ------
        ValueError
            If `end` lies before `start`.
        """
        return self._bases(chromosome, start, end).decode("ascii")

    def codes(self, chromosome: str, start: int, end: int) -> npt.NDArray[np.uint8]:
        """The same bases as `fetch`, as ASCII codes: read-only uint8 array of shape (end - start,)."""
        return np.frombuffer(self._bases(chromosome, start, end), dtype=np.uint8)

    def _bases(self, chromosome: str, start: int, end: int) -> bytes:
        if end < start:
            raise ValueError(f"stretch {chromosome}:{start}-{end} (0-based) ends before it starts")
        first = max(0, start)
        last = min(end, self.lengths.get(chromosome, 0))
        if last <= first:
            return b"N" * (end - start)
        inside: bytes = self._fasta.fetch(self._contigs[chromosome], first, last).encode("ascii", "replace")
        if len(inside) != last - first:
            raise InputError(
                f"reading {chromosome}:{first}-{last} (0-based) gave {len(inside)} bases",
                where=self._path,
                remedy="The FASTA changed after it was indexed, or is damaged; run step index_reference again.",
            )
        return b"N" * (first - start) + inside.translate(_TO_ACGTN) + b"N" * (end - last)


def check_build(lengths: Mapping[str, int], build: str, *, where: str) -> None:
    """Refuse contig lengths that contradict a genome build.

    A contig may be shorter than the chromosome (a FASTA of part of the genome); it may not be longer, nor have
    exactly the other build's length. Chromosomes 1-22 and X are looked at; others are not told apart by length.

    Parameters
    ----------
    lengths
        Bases per canonical chromosome, from a FASTA, a VCF header or a chain file.
    build
        GRCh37 or GRCh38.
    where
        What the lengths come from, for the error.

    Raises
    ------
    InputError
        If a contig contradicts the build.
    """
    others = {name: table for name, table in BUILD_LENGTHS.items() if name != build}
    for chromosome, expected in BUILD_LENGTHS[build].items():
        length = lengths.get(chromosome)
        if length is None or length == expected:
            continue
        matching = [name for name, table in others.items() if table[chromosome] == length]
        if matching or length > expected:
            verdict = f", which is its length in {matching[0]}" if matching else ""
            raise InputError(
                f"chromosome {chromosome} has {length} bases{verdict}; {build} has {expected}",
                where=where,
                remedy=f"Give a file on {build}, or correct the build.",
            )
    if not BUILD_LENGTHS[build].keys() & lengths.keys():
        _LOG.warning("%s: no chromosome 1-22 or X, so build %s could not be checked", where, build)
