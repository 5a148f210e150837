"""Windows to learn accessibility from: open ones along the peaks of each cell type, closed ones of like GC content.

A window is open in a cell type when its central base lies in one of that cell type's peaks. Closed windows touch no
peak of any of them. Peaks and genome decide everything; only the choice among closed windows is drawn, by seed.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.sequence.encoding import UNKNOWN, Codes, encode
from locus2target.sequence.windows import FetchBases

TRAINING, VALIDATION, TEST = range(3)
PARTS = ("training", "validation", "test")
CLOSED_PER_OPEN = 2  # fewer where the genome has no more of a GC content
_GC_BINS = 40
_C, _G = 1, 2
Ints = npt.NDArray[np.int64]
Intervals = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True)
class TrainingWindows:
    """N windows with their labels.

    Attributes
    ----------
    codes
        uint8 of shape (N, window_bp + 2 margin).
    labels
        float32 of shape (N, T): 1 where the window is open in the cell type.
    parts
        int64 of shape (N,): `TRAINING`, `VALIDATION` or `TEST`.
    tracks
        The T cell types.
    """

    codes: Codes
    labels: npt.NDArray[np.float32]
    parts: Ints
    tracks: tuple[str, ...]

    def of_part(self, part: int) -> "TrainingWindows":
        """The windows of one part."""
        rows = self.parts == part
        return TrainingWindows(self.codes[rows], self.labels[rows], self.parts[rows], self.tracks)


@dataclass(frozen=True, slots=True)
class Split:
    """Stretches of the genome for each part; inside them every peak must be known.

    Attributes
    ----------
    training
        Learned from.
    validation
        Decides which epoch's weights stay.
    test
        Only measured.

    Raises
    ------
    InputError
        If two of them overlap.
    """

    training: tuple[Region, ...]
    validation: tuple[Region, ...]
    test: tuple[Region, ...]

    def __post_init__(self) -> None:
        for one, other in itertools.combinations((*self.training, *self.validation, *self.test), 2):
            if one.overlaps(other):
                raise InputError(
                    f"regions {one} and {other} overlap",
                    where="accessibility_training",
                    remedy="What is held out must not be learned from: give each base to one region of one part.",
                )

    @property
    def chromosomes(self) -> frozenset[str]:
        """Those that any part lies on."""
        return frozenset(region.chromosome for region in (*self.training, *self.validation, *self.test))

    def parts(self, chromosome: str, starts: Ints, ends: Ints) -> Ints:
        """Part of each window (0-based, half-open), or -1 for one that lies in none of them whole."""
        parts = np.full(len(starts), -1, dtype=np.int64)
        for part, regions in ((TRAINING, self.training), (VALIDATION, self.validation), (TEST, self.test)):
            for region in regions:
                if region.chromosome == chromosome:
                    parts[(starts >= region.start) & (ends <= region.end)] = part
        return parts


def gather_training_windows(
    peaks: pd.DataFrame,
    fetch: FetchBases,
    lengths: Mapping[str, int],
    split: Split,
    *,
    window_bp: int,
    margin: int,
    seed: int,
) -> TrainingWindows:
    """Cut open and closed windows out of a genome.

    Open stretches of any cell type are tiled with windows about half a window apart. For each open window up to two
    closed ones of its part and its class of GC content (one of 40) are drawn.

    Parameters
    ----------
    peaks
        Columns chromosome, start, end (0-based, half-open) and context (cell type).
    fetch, lengths
        Access to the genome; only chromosomes with peaks that a part lies on are read.
    split
        Which stretches are for what; nothing else is looked at.
    window_bp, margin
        Bases of a window, and bases kept on either side for shifts.
    seed
        Of the choice among closed windows.

    Raises
    ------
    InputError
        If a part has no open or no closed window, or a cell type no open window in a part.
    """
    tracks = tuple(sorted(peaks["context"].unique()))
    reach = window_bp // 2 + margin
    cut = [
        _cut_windows(rows, encode(fetch(str(chromosome), 0, lengths[str(chromosome)])), tracks, split, reach)
        for chromosome, rows in peaks.groupby("chromosome", sort=True)
        if chromosome in split.chromosomes.intersection(lengths)
    ]
    if not cut:
        raise InputError(
            "no chromosome of the training, validation and test regions has both peaks and sequence",
            where="accessibility_training",
            remedy="Give peaks of the genome's build, and regions in which they lie.",
        )
    windows = TrainingWindows(
        np.concatenate([one.codes for one in cut]),
        np.concatenate([one.labels for one in cut]),
        np.concatenate([one.parts for one in cut]),
        tracks,
    )
    chosen = _match_gc(windows, margin, np.random.default_rng(seed))
    matched = TrainingWindows(windows.codes[chosen], windows.labels[chosen], windows.parts[chosen], tracks)
    _check(matched)
    return matched


def _cut_windows(
    peaks: pd.DataFrame, genome: Codes, tracks: Sequence[str], split: Split, reach: int
) -> TrainingWindows:
    """All open and closed windows of a chromosome, without unknown bases."""
    merged = [merge_intervals(peaks[peaks["context"] == track]) for track in tracks]
    union = merge_intervals(peaks)
    centers = np.concatenate([_open_centers(union, reach), _closed_centers(union, genome, reach)])
    centers = centers[(centers >= reach) & (centers + reach <= len(genome))]
    parts = split.parts(str(peaks["chromosome"].iloc[0]), centers - reach, centers + reach)
    centers, parts = centers[parts >= 0], parts[parts >= 0]
    codes = genome[centers[:, None] + np.arange(-reach, reach)]
    known = ~(codes == UNKNOWN).any(axis=1)
    labels = np.column_stack([covers(intervals, centers) for intervals in merged]).astype(np.float32)
    return TrainingWindows(codes[known], labels[known], parts[known], tuple(tracks))


def merge_intervals(intervals: pd.DataFrame) -> Intervals:
    """Starts and ends of the union of intervals of one chromosome, ascending; those that touch are one."""
    order = np.argsort(intervals["start"].to_numpy(), kind="stable")
    starts = intervals["start"].to_numpy(np.int64)[order]
    reached = np.maximum.accumulate(intervals["end"].to_numpy(np.int64)[order])
    first = np.ones(len(starts), dtype=np.bool_)
    first[1:] = starts[1:] > reached[:-1]
    last = np.append(first[1:], np.ones(min(1, len(first)), dtype=np.bool_))
    return starts[first], reached[last]


def covers(merged: Intervals, positions: Ints) -> npt.NDArray[np.bool_]:
    """Which 0-based positions lie in a merged interval."""
    starts, ends = merged
    if not len(starts):
        return np.zeros(len(positions), dtype=np.bool_)
    before = np.searchsorted(starts, positions, side="right") - 1
    return np.asarray((before >= 0) & (positions < ends[before]), dtype=np.bool_)


def _open_centers(union: Intervals, reach: int) -> Ints:
    """Centers along each open stretch, evenly, about half a window apart."""
    centers = []
    for start, end in zip(*union, strict=True):
        n = max(1, round((end - start) / reach))
        centers.append(start + ((2 * np.arange(n) + 1) * (end - start)) // (2 * n))
    return np.concatenate(centers).astype(np.int64)


def _closed_centers(union: Intervals, genome: Codes, reach: int) -> Ints:
    """Centers half a window apart, wherever the window touches no peak and its central base is known."""
    grid = np.arange(reach, len(genome) - reach + 1, reach, dtype=np.int64)
    grid = grid[genome[np.minimum(grid, len(genome) - 1)] != UNKNOWN]
    starts, ends = union
    peaks_before = np.searchsorted(starts, grid + reach, side="left")  # that start left of the window's end
    peaks_passed = np.searchsorted(ends, grid - reach, side="right")  # that end left of its start
    clear: Ints = grid[peaks_before == peaks_passed]
    return clear


def _match_gc(windows: TrainingWindows, margin: int, generator: np.random.Generator) -> Ints:
    """Rows of all open windows, and of closed ones drawn to their GC content within each part."""
    inner = windows.codes[:, margin : windows.codes.shape[1] - margin]
    gc = ((inner == _C) | (inner == _G)).mean(axis=1)
    stratum = windows.parts * (_GC_BINS + 1) + (gc * _GC_BINS).astype(np.int64)
    is_open = windows.labels.any(axis=1)
    chosen = [np.flatnonzero(is_open)]
    for value, count in zip(*np.unique(stratum[is_open], return_counts=True), strict=True):
        pool = np.flatnonzero(~is_open & (stratum == value))
        chosen.append(generator.permutation(pool)[: CLOSED_PER_OPEN * count])
    return np.sort(np.concatenate(chosen))


def _check(windows: TrainingWindows) -> None:
    for part, name in enumerate(PARTS):
        labels = windows.of_part(part).labels
        empty = [track for t, track in enumerate(windows.tracks) if not labels[:, t].any()]
        if empty or labels.any(axis=1).all():
            raise InputError(
                f"the {name} part has no open window of {', '.join(empty)}"
                if empty
                else f"{name} has no closed window",
                where=f"accessibility_training.{name}",
                remedy="Choose regions whose sequence is known, with peaks of every cell type and bases between them.",
            )
