"""Windows that many variants share: one read of the genome, and one REF prediction, for all variants of a cell.

The chromosome is parted into cells on a fixed grid, and each cell has one window around its center. The window of a
variant, and with it its score, depends on its position alone: never on the other variants of the run.

A variant is written into the shared window as a whole haplotype. Where the alleles differ in length the bases on one
side of the change must move, so that there are two ways to write it: anchored at the left or at the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import start_of
from locus2target.sequence.encoding import UNKNOWN, Codes, decode, encode
from locus2target.sequence.windows import OK, FetchBases, judge_variant


@dataclass(frozen=True, slots=True)
class SharedWindow:
    """A window and the variants that are scored in it.

    Attributes
    ----------
    chromosome
        Its chromosome.
    start
        Of the window, 0-based; may be negative.
    rows
        int64 row numbers of the variants, ascending.
    """

    chromosome: str
    start: int
    rows: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WindowVariants:
    """A window's sequence and V variants as changes of it.

    Attributes
    ----------
    length
        Bases of the window, L.
    sequence
        uint8 codes of the window and of as many bases behind it as the longest REF allele has.
    starts
        int64 of shape (V,): index in the window of the first changed base; bases that both alleles share are trimmed.
    ref_lengths, alt_lengths
        int64 of shape (V,): bases of the trimmed alleles; 0 for the shorter side of an insertion or deletion.
    alts
        V arrays of uint8 codes: trimmed ALT alleles.
    status, reason
        One word and one sentence per variant. Where the status is not `ok` the other attributes mean nothing.
    """

    length: int
    sequence: Codes
    starts: npt.NDArray[np.int64]
    ref_lengths: npt.NDArray[np.int64]
    alt_lengths: npt.NDArray[np.int64]
    alts: list[Codes]
    status: list[str]
    reason: list[str]

    @property
    def ref(self) -> Codes:
        """The window itself, uint8 of shape (L,)."""
        return self.sequence[: self.length]

    @property
    def scorable(self) -> npt.NDArray[np.bool_]:
        """Which variants have status `ok`, bool of shape (V,)."""
        return np.array([status == OK for status in self.status], dtype=np.bool_)

    @property
    def is_substitution(self) -> npt.NDArray[np.bool_]:
        """Which variants have alleles of equal length, so that no other base moves; bool of shape (V,)."""
        return np.equal(self.ref_lengths, self.alt_lengths)

    def haplotypes(
        self, rows: npt.NDArray[np.int64], side: Literal["ref", "alt"], anchor: Literal["left", "right"]
    ) -> Codes:
        """Whole windows of one allele.

        Anchored at the left, the base before the change stays where it is. Anchored at the right, the first base after
        the change sits at `starts` on either haplotype. Exchanging REF and ALT, in the genome as well, exchanges the
        results exactly.

        Parameters
        ----------
        rows
            Variants with status `ok`, int64 of shape (n,).
        side
            Which allele.
        anchor
            Which side of the change stays in place.

        Returns
        -------
        np.ndarray
            uint8 of shape (n, L).
        """
        windows = np.empty((len(rows), self.length), dtype=np.uint8)
        for window, row in zip(windows, rows, strict=True):
            start, after = self.starts[row], self.starts[row] + self.ref_lengths[row]
            allele = self.alts[row] if side == "alt" else self.sequence[start:after]
            end = start + len(allele) if anchor == "left" else start  # of the allele in the new window
            window[: end - len(allele)] = self.sequence[start - end + len(allele) : start]
            window[end - len(allele) : end] = allele
            window[end:] = self.sequence[after : after + self.length - end]
        return windows


def plan_windows(
    variants: pd.DataFrame, *, length: int, shared_bp: int, center_offset: int, shift: int = 0
) -> list[SharedWindow]:
    """Windows that hold all variants, in the order of chromosomes in the table, then of position.

    Parameters
    ----------
    variants
        Columns chromosome, position (1-based); in any order.
    length
        Bases of a window.
    shared_bp
        Bases of a cell of the grid; 0 gives every distinct position a window of its own.
    center_offset
        Index in the window of the cell's center, or of the variant's first base where each position has its own.
    shift
        Bases by which the sequence is moved to the right in the window.
    """
    if not 0 <= shared_bp <= 2 * min(center_offset, length - center_offset):
        raise ValueError(
            f"cells of {shared_bp} bases do not fit {length}-base windows centered on base {center_offset}"
        )
    if variants.empty:
        return []
    cell_bp = max(shared_bp, 1)
    cells = variants["position"].map(start_of).to_numpy(np.int64) // cell_bp
    chromosomes, names = pd.factorize(variants["chromosome"])
    order = np.lexsort((cells, chromosomes))
    changes = (np.diff(cells[order]) != 0) | (np.diff(chromosomes[order]) != 0)
    return [
        SharedWindow(
            chromosome=str(names[chromosomes[rows[0]]]),
            start=int(cells[rows[0]]) * cell_bp + cell_bp // 2 - center_offset - shift,
            rows=rows.astype(np.int64),
        )
        for rows in np.split(order, np.flatnonzero(changes) + 1)
    ]


def read_window(
    window: SharedWindow, variants: pd.DataFrame, fetch: FetchBases, *, length: int, flank: int
) -> WindowVariants:
    """Read a window's sequence and check each of its variants against it.

    Parameters
    ----------
    window
        Which bases, and which variants.
    variants
        The table that `window.rows` counts: columns position (1-based), ref, alt.
    fetch
        Access to the genome; called once.
    length
        Bases of the window.
    flank
        Bases on either side of the changed ones that must be known and inside the window.
    """
    refs, alts = (list(variants[column].array.take(window.rows)) for column in ("ref", "alt"))
    offsets = [start_of(position) - window.start for position in variants["position"].array.take(window.rows)]
    behind = min(length, max(map(len, refs)))  # a longer REF allele does not fit anyway
    sequence = encode(fetch(window.chromosome, window.start, window.start + length + behind))
    changes = [_trim(offset, ref, alt) for offset, ref, alt in zip(offsets, refs, alts, strict=True)]
    verdicts = [
        _judge(sequence, length, flank, (offset, ref, alt), change)
        for offset, ref, alt, change in zip(offsets, refs, alts, changes, strict=True)
    ]
    return WindowVariants(
        length=length,
        sequence=sequence,
        starts=np.array([start for start, _, _ in changes], dtype=np.int64),
        ref_lengths=np.array([len(ref) for _, ref, _ in changes], dtype=np.int64),
        alt_lengths=np.array([len(alt) for _, _, alt in changes], dtype=np.int64),
        alts=[encode(alt) for _, _, alt in changes],
        status=[status for status, _ in verdicts],
        reason=[reason for _, reason in verdicts],
    )


Change = tuple[int, str, str]
"""Index in the window, bases there, bases that take their place."""


def _trim(start: int, ref: str, alt: str) -> Change:
    """The change without the bases that both alleles share, at the end first: as far left as the alleles say."""
    tail = _shared(ref[::-1], alt[::-1])
    ref, alt = ref[: len(ref) - tail], alt[: len(alt) - tail]
    head = _shared(ref, alt)
    return start + head, ref[head:], alt[head:]


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the common prefix."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _judge(sequence: Codes, length: int, flank: int, record: Change, change: Change) -> tuple[str, str]:
    """Status and reason of a variant, as the file writes it and as it changes the window."""
    offset, ref, alt = record
    start, old, new = change
    genome = decode(sequence[offset : offset + len(ref)])
    longest = max(len(old), len(new))
    moved = 0 if len(old) == len(new) else longest  # anchored at the right, the alleles lie left of `start`
    fits = flank <= start - moved and start + longest + flank <= length
    flanks = sequence[max(0, start - flank) : start + len(old) + flank]
    return judge_variant(ref, alt, genome, length, flank, fits=fits, unknown=bool((flanks == UNKNOWN).any()))


def first_faults(founds: Sequence[WindowVariants]) -> list[tuple[str, str]]:
    """Status and reason of each variant of the same windows at several shifts: the first that speaks against it."""
    verdicts = zip(*(zip(found.status, found.reason, strict=True) for found in founds), strict=True)
    return [next((verdict for verdict in of_shifts if verdict[0] != OK), (OK, "")) for of_shifts in verdicts]
