"""Moving variants from one genome build to another with a chain file (UCSC chain format).

The format's "target" is the build that variants come from, its "query" the build they go to. Coordinates are
0-based and half-open; a query on '-' counts from the end of the chromosome.
(https://genome.ucsc.edu/goldenPath/help/chain.html)

A chain library of PyPI answers for one base at a time; here millions of alleles are looked up at once, and an allele
is lifted only if all its bases lie in one gap-free block.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import ORDER, canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.ingest.files import numbered_lines

_LOG = logging.getLogger(__name__)
_REMEDY = "Download the chain file again; UCSC and Ensembl chain files are read, plain or gzipped."
_STATUSES = ("ok", "split", "multiple", "unmapped")
IntArray = npt.NDArray[np.int64]


class ChainFile:
    """A chain file, ready to lift variants.

    Only chains between chromosomes 1-22, X, Y and MT count. Ensembl's files also map the primary chromosomes to
    patches and alternative haplotypes; with those, much of the genome would have several images.

    Parameters
    ----------
    path
        Chain file, plain or gzipped, with or without `chr`.
    where
        The config key that names the file, for errors.

    Attributes
    ----------
    source_lengths, target_lengths
        Bases per canonical chromosome of the build that variants come from and of the build they go to, for
        `genome.check_build`.

    Raises
    ------
    InputError
        If the file is missing, cut short, or breaks the format.
    """

    def __init__(self, path: str, *, where: str) -> None:
        blocks = _read_blocks(path, where=where)
        self.source_lengths = blocks.source_lengths
        self.target_lengths = blocks.target_lengths
        self._segments = _segments_by_chromosome(blocks)

    def lift(
        self, chromosomes: Sequence[str] | pd.Series, positions: npt.ArrayLike, ref_lengths: npt.ArrayLike
    ) -> pd.DataFrame:
        """Lift reference alleles.

        Parameters
        ----------
        chromosomes
            Canonical names, shape (n,).
        positions
            1-based positions of the first REF base, shape (n,).
        ref_lengths
            Bases of REF, shape (n,), at least 1.

        Returns
        -------
        pandas.DataFrame
            One row per variant, in order: `chromosome`; `position` (Int64), the 1-based leftmost base of the lifted
            allele; `strand`; `status` (texts are categories). All but `status` are missing unless it is `ok`. Other
            statuses: `unmapped` (no chain), `split` (REF spans a gap or the end of a chain), `multiple` (more than
            one chain).
            On strand `-` the alleles must be reverse-complemented, and an indel normalised again: its anchor base
            then stands on the right.
        """
        first = np.asarray(positions, dtype=np.int64) - 1
        last = first + np.asarray(ref_lengths, dtype=np.int64) - 1
        codes, names = pd.factorize(np.asarray(chromosomes, dtype=object))
        status = np.full(len(first), _STATUSES.index("unmapped"), dtype=np.int8)
        strand, target = (np.full(len(first), -1, dtype=np.int8) for _ in range(2))  # -1: missing
        position = np.zeros(len(first), dtype=np.int64)
        for code, name in enumerate(names):
            segments = self._segments.get(name)
            if segments is None:
                continue
            rows = np.flatnonzero(codes == code)
            status[rows], segment = segments.find(first[rows], last[rows])
            lifted = status[rows] == 0
            rows, segment = rows[lifted], segment[lifted]
            sign = segments.sign[segment]
            position[rows] = sign * np.where(sign > 0, first[rows], last[rows]) + segments.offset[segment] + 1
            strand[rows] = sign < 0
            target[rows] = segments.target[segment]
        return pd.DataFrame(
            {
                "chromosome": pd.Categorical.from_codes(target, pd.Index(list(self.target_lengths))),
                "position": pd.arrays.IntegerArray(position, status != 0),
                "strand": pd.Categorical.from_codes(strand, pd.Index(["+", "-"])),
                "status": pd.Categorical.from_codes(status, pd.Index(_STATUSES)),
            }
        )

    def regions_onto(self, regions: Sequence[Region]) -> list[Region]:
        """Regions of the source build whose bases are lifted into regions of the target build, in no order.

        Only bases with one image count, as only they are lifted.
        """
        names = list(self.target_lengths)
        found: list[Region] = []
        for source, segments in self._segments.items():
            for region in regions:
                if region.chromosome in names:
                    spans = segments.onto(names.index(region.chromosome), region.start, region.end)
                    found += [Region(source, start, end) for start, end in spans]
        return found


@dataclass(slots=True)
class _Blocks:
    """Gap-free blocks of all chains: base x of the source goes to sign * x + offset of the target (both 0-based)."""

    source: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    sign: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    source_lengths: dict[str, int] = field(default_factory=dict)
    target_lengths: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The header line of one chain, and the line number it stands on."""

    line: int
    source: str
    source_length: int
    source_start: int
    source_end: int
    target: str
    target_length: int
    target_strand: str
    target_start: int
    target_end: int

    @property
    def is_primary(self) -> bool:
        """Whether both ends are chromosomes 1-22, X, Y or MT."""
        return self.source in ORDER and self.target in ORDER


@dataclass(frozen=True, slots=True)
class _Segments:
    """One source chromosome cut at every block border: `start[i]` <= base < `start[i + 1]`.

    All arrays have shape (n_segments,); `sign`, `offset` and `target` hold only where `coverage` is 1.
    """

    start: IntArray
    coverage: IntArray
    sign: IntArray
    offset: IntArray
    target: IntArray

    def find(self, first: IntArray, last: IntArray) -> tuple[npt.NDArray[np.int8], IntArray]:
        """Status (index) of each stretch of bases first..last (0-based, inclusive), and its first base's segment."""
        left = np.searchsorted(self.start, first, side="right") - 1
        right = np.searchsorted(self.start, last, side="right") - 1
        several = (self.coverage[left] > 1) | (self.coverage[right] > 1)
        outcomes = {"multiple": several, "split": left != right, "unmapped": self.coverage[left] == 0}
        codes = [np.int8(_STATUSES.index(status)) for status in outcomes]
        return np.select(list(outcomes.values()), codes, np.int8(0)), left

    def onto(self, target: int, start: int, end: int) -> list[tuple[int, int]]:
        """Source bases (0-based, half-open) with one image, which lies in start..end of a target chromosome."""
        single = np.flatnonzero((self.coverage[:-1] == 1) & (self.target[:-1] == target))
        first, last = self.start[single], self.start[single + 1] - 1
        sign, offset = self.sign[single], self.offset[single]
        # the image of base x is sign * x + offset; on the other strand its order is turned round
        from_start, from_end = sign * (start - offset), sign * (end - 1 - offset)
        low = np.maximum(first, np.minimum(from_start, from_end))
        high = np.minimum(last, np.maximum(from_start, from_end))
        return [(int(low[row]), int(high[row]) + 1) for row in np.flatnonzero(low <= high)]


def _read_blocks(path: str, *, where: str) -> _Blocks:
    blocks = _Blocks()
    chain: _Chain | None = None
    source = target = ignored = 0
    for number, line in numbered_lines(path, where=where):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if fields[0] == "chain":
            _require_finished(chain, path, number)
            chain = _parse_header(fields, path, number)
            source, target = chain.source_start, chain.target_start
            ignored += not chain.is_primary
            continue
        if chain is None:
            raise InputError("alignment data before a chain header", where=f"{path}:{number}", remedy=_REMEDY)
        size, source_gap, target_gap = _parse_block(fields, path, number)
        if chain.is_primary:
            _add_block(blocks, chain, source, target, size)
        source, target = source + size + source_gap, target + size + target_gap
        if len(fields) == 1:
            _require_end(chain, source, target, path, number)
            chain = None
    _require_finished(chain, path, None)
    if not blocks.start:
        raise InputError("no chain between chromosomes 1-22, X, Y or MT", where=path, remedy=_REMEDY)
    _LOG.info("%s: %d blocks; %d chains to or from other contigs left out", path, len(blocks.start), ignored)
    return blocks


def _parse_header(fields: list[str], path: str, number: int) -> _Chain:
    """Read `chain score tName tSize tStrand tStart tEnd qName qSize qStrand qStart qEnd [id]`."""
    try:
        _, _, source, length, strand, start, end, target, target_length, target_strand, target_start, target_end = (
            fields[:12]
        )
        chain = _Chain(
            number,
            canonical_chromosome(source),
            int(length),
            int(start),
            int(end),
            canonical_chromosome(target),
            int(target_length),
            target_strand,
            int(target_start),
            int(target_end),
        )
    except ValueError as error:
        raise InputError(f"chain header cannot be read ({error})", where=f"{path}:{number}", remedy=_REMEDY) from error
    inside = 0 <= chain.source_start < chain.source_end <= chain.source_length
    target_inside = 0 <= chain.target_start < chain.target_end <= chain.target_length
    if strand != "+" or target_strand not in {"+", "-"} or not inside or not target_inside:
        raise InputError(
            "chain header has a wrong strand, or bounds outside the chromosome",
            where=f"{path}:{number}",
            remedy=_REMEDY,
        )
    return chain


def _parse_block(fields: list[str], path: str, number: int) -> tuple[int, int, int]:
    """Read `size source_gap target_gap`, or the last block's `size`."""
    try:
        size, source_gap, target_gap = map(int, fields if len(fields) > 1 else [fields[0], "0", "0"])
    except ValueError as error:
        raise InputError(
            f"{' '.join(fields)!r} is not a block (one or three whole numbers)",
            where=f"{path}:{number}",
            remedy=_REMEDY,
        ) from error
    if size < 0 or source_gap < 0 or target_gap < 0:
        raise InputError(f"{' '.join(fields)!r} has a negative size", where=f"{path}:{number}", remedy=_REMEDY)
    return size, source_gap, target_gap


def _add_block(blocks: _Blocks, chain: _Chain, source: int, target: int, size: int) -> None:
    blocks.source_lengths[chain.source] = chain.source_length
    blocks.target_lengths.setdefault(chain.target, chain.target_length)
    if not size:
        return
    sign = 1 if chain.target_strand == "+" else -1
    blocks.source.append(chain.source)
    blocks.start.append(source)
    blocks.end.append(source + size)
    blocks.target.append(list(blocks.target_lengths).index(chain.target))
    blocks.sign.append(sign)
    blocks.offset.append(target - source if sign > 0 else chain.target_length - 1 - target + source)


def _require_end(chain: _Chain, source: int, target: int, path: str, number: int) -> None:
    if (source, target) != (chain.source_end, chain.target_end):
        raise InputError(
            f"the blocks of the chain of line {chain.line} end at {source} and {target}, "
            f"its header says {chain.source_end} and {chain.target_end}",
            where=f"{path}:{number}",
            remedy=_REMEDY,
        )


def _require_finished(chain: _Chain | None, path: str, number: int | None) -> None:
    if chain is not None:
        raise InputError(
            f"the chain of line {chain.line} has no last block",
            where=path if number is None else f"{path}:{number}",
            remedy=_REMEDY,
        )


def _segments_by_chromosome(blocks: _Blocks) -> dict[str, _Segments]:
    source = np.array(blocks.source, dtype=object)
    columns = np.array([blocks.start, blocks.end, blocks.sign, blocks.offset, blocks.target], dtype=np.int64)
    segments = {}
    for name in blocks.source_lengths:
        # a chain that is listed twice counts once: some files have each chain under `2` and under `chr2`
        start, end, *images = np.unique(columns[:, source == name], axis=1)
        segments[name] = _cut_segments(start, end, images)
    return segments


def _cut_segments(start: IntArray, end: IntArray, images: Sequence[IntArray]) -> _Segments:
    """Cut a chromosome at the borders of its blocks (half-open, in any order, possibly overlapping).

    A running sum over the borders gives each segment's coverage, and, where one block covers it, that block's image:
    each block adds its numbers at its start and takes them away at its end.
    """
    borders = np.unique(np.concatenate([start, end]))
    at_start, at_end = np.searchsorted(borders, start), np.searchsorted(borders, end)

    def running_sum(values: IntArray) -> IntArray:
        change = np.zeros(len(borders), dtype=np.int64)
        np.add.at(change, at_start, values)
        np.subtract.at(change, at_end, values)
        return np.cumsum(change)

    table = np.stack([running_sum(np.ones_like(start)), *(running_sum(image) for image in images)])
    changed = np.append(True, np.any(table[:, 1:] != table[:, :-1], axis=0))  # blocks that abut without a shift are one
    before = np.zeros((len(table), 1), dtype=np.int64)
    coverage, sign, offset, target = np.hstack([before, table[:, changed]])
    beginning = np.iinfo(np.int64).min  # so that every base has a segment
    return _Segments(np.append(beginning, borders[changed]), coverage, sign, offset, target)
