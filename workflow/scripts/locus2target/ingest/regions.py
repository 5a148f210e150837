"""Large summary statistics by region: which parts of the genome a run needs, and the lines of an indexed file there.

A bgzipped file with a tabix index beside it is not read whole: its header and the lines of the regions are cut out
into a temporary file, which the readers then treat like any other.
"""

import gzip
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pysam

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.index_files import index_of
from locus2target.core.intervals import Region, parse_region
from locus2target.core.schemas import LOCI
from locus2target.core.tables import read_tables, records
from locus2target.ingest.files import check_bgzf
from locus2target.ingest.liftover import ChainFile

_PADDING_BP = 1_000  # around loci: left-alignment moves indels, hardly ever further
_LIFT_GAP_BP = 10_000  # gaps between blocks of a chain are mostly smaller: fewer, longer stretches to read
_CONFIGURATION = "<4i"  # of a tabix index: format, and the columns of sequence name, first and last base
_MAGICS = (b"TBI\1", b"CSI\1")


def read_regions(texts: Sequence[str] | None, *, where: str) -> list[Region] | None:
    """Regions of a config key, merged; None where the key gives none.

    Raises
    ------
    InputError
        If one is no region.
    """
    return None if texts is None else merge_regions(parse_region(text, where=where) for text in texts)


def locus_regions(loci: Sequence[str]) -> list[Region]:
    """Where the loci of some LOCI tables lie that will be analysed, with a margin, merged."""
    table = read_tables(loci, LOCI, columns=["chromosome", "start", "end", "status"]).query("status == 'ok'")
    return merge_regions(
        Region(row["chromosome"], max(0, row["start"] - _PADDING_BP), row["end"] + _PADDING_BP)
        for row in records(table)
    )


def merge_regions(regions: Iterable[Region], *, gap: int = 0) -> list[Region]:
    """Disjoint regions in order of place; those that touch, or lie at most `gap` bases apart, become one."""
    merged: list[Region] = []
    for region in sorted(regions, key=lambda each: (each.chromosome, each.start)):
        if merged and merged[-1].chromosome == region.chromosome and region.start <= merged[-1].end + gap:
            merged[-1] = Region(region.chromosome, merged[-1].start, max(merged[-1].end, region.end))
        else:
            merged.append(region)
    return merged


def on_source_build(regions: Sequence[Region] | None, chain: ChainFile | None) -> list[Region] | None:
    """Where a source of another build has the rows that are lifted into regions; None for everywhere."""
    if regions is None or chain is None:
        return None if regions is None else list(regions)
    return merge_regions(chain.regions_onto(regions), gap=_LIFT_GAP_BP)


@contextmanager
def cut_to_regions(path: str, regions: Sequence[Region], *, n_header: int) -> Iterator[str]:
    """Give a temporary file with the first lines of a bgzipped, indexed file and those whose place is in a region.

    Parameters
    ----------
    path
        The file, its index beside it.
    regions
        Disjoint, on the file's build, with canonical names of chromosomes.
    n_header
        Lines at the top that are copied as they are.

    Raises
    ------
    InputError
        If the file is cut short, or its index is older than the file or cannot be read. An `InputError` of the body
        is given the name of the file instead of the temporary one.
    """
    check_bgzf(path, where=path)
    _refuse_old_index(path)
    with tempfile.TemporaryDirectory(prefix="l2t-regions-") as folder:
        cut = Path(folder) / Path(path).name.removesuffix(".gz").removesuffix(".bgz")
        with cut.open("wb") as file:
            with gzip.open(path) as source:
                file.writelines(source.readline() for _ in range(n_header))
            file.writelines(_lines(path, regions))
        try:
            yield str(cut)
        except InputError as error:
            place = f"{path}, counting its header and the lines inside the regions only"
            raise InputError(
                error.problem.replace(str(cut), path), where=error.where.replace(str(cut), place), remedy=error.remedy
            ) from error


def _refuse_old_index(path: str) -> None:
    """Refuse an index that was made before its file: it leads to wrong places, and rows would be missing."""
    index = index_of(path)
    if index is not None and index.stat().st_mtime_ns < Path(path).stat().st_mtime_ns:
        raise InputError(
            f"the index {index} is older than the file",
            where=path,
            remedy="Make the index anew with `tabix`; if only copying changed the times, `touch` the index.",
        )


def _lines(path: str, regions: Sequence[Region]) -> Iterator[bytes]:
    # latin-1 turns every byte into one character and back, so lines stay what they are
    try:
        with pysam.TabixFile(path, index=str(index_of(path)), encoding="latin-1") as table:
            names: dict[str, list[str]] = {}
            for name in table.contigs:
                names.setdefault(canonical_chromosome(name), []).append(name)
            for region in regions:
                for name in names.get(region.chromosome, ()):
                    for line in table.fetch(name, region.start, region.end):
                        yield line.encode("latin-1") + b"\n"
    except (OSError, ValueError) as error:
        raise InputError(
            f"it cannot be read by its index ({error})",
            where=path,
            remedy="Check the file with `bgzip --test`; make its index anew with `tabix`, or remove the index.",
        ) from error


def refuse_other_columns(path: str, header: Sequence[str], columns: Mapping[str, str]) -> None:
    """Refuse an index over other columns than those that say where a row lies: it would find other rows.

    Parameters
    ----------
    path
        The indexed table.
    header
        Its column names.
    columns
        Our name -> column, as `columns.resolve_columns` gives them.

    Raises
    ------
    InputError
        If the index is damaged, or over other columns. Names like 1_1387167_A_C are not compared.
    """
    sequence, first, last = _indexed_columns(path)
    for name, indexed in (("chromosome", {sequence}), ("position", {first, last})):
        if name in columns and header.index(columns[name]) + 1 not in indexed:
            there = ", ".join(header[number - 1] for number in sorted(indexed) if 0 < number <= len(header))
            raise InputError(
                f"its index is over column {there}, but the {name} is read from {columns[name]}",
                where=path,
                remedy="Index the file by the columns that the sheet names, or remove the index.",
            )


def _indexed_columns(path: str) -> tuple[int, int, int]:
    """1-based numbers of the columns of sequence name, first and last base (SAM/tabix specification)."""
    try:
        content = gzip.decompress(Path(str(index_of(path))).read_bytes())
        if content[:4] not in _MAGICS:
            raise ValueError("no tabix index")
        start = 8 if content[:4] == _MAGICS[0] else 16  # behind n_ref; behind min_shift, depth and the length of this
        _, sequence, first, last, *_ = struct.unpack_from(_CONFIGURATION, content, start)
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise InputError(
            f"its index cannot be read ({error})", where=path, remedy="Make the index anew with `tabix`."
        ) from error
    return sequence, first, last or first


def inside_regions(
    chromosome: npt.NDArray[np.object_], position: npt.NDArray[np.int64], regions: Sequence[Region]
) -> npt.NDArray[np.bool_]:
    """Which 1-based positions lie inside disjoint regions, bool array of shape (n_positions,)."""
    inside = np.zeros(len(position), dtype=np.bool_)
    for region in regions:
        there = (position >= region.first_position) & (position <= region.last_position)
        inside |= there & (chromosome == region.chromosome)
    return inside
