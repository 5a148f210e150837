"""Variants of several windows, sorted by what a network has to do for them: patch REF, or read a whole haplotype."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from locus2target.sequence.encoding import Codes, reverse_complement
from locus2target.sequence.shared_windows import WindowVariants

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Substitutions:
    """Variants whose alleles have m bases both.

    Attributes
    ----------
    rows
        int64 of shape (n,): number of each variant among all.
    windows
        int64 of shape (n,): its window.
    starts
        int64 of shape (n,): index in the window of the first base.
    alts
        uint8 codes of shape (n, m).
    """

    rows: Rows
    windows: Rows
    starts: Rows
    alts: Codes


@dataclass(frozen=True, slots=True)
class Haplotypes:
    """Variants as whole windows of ALT, the base before the change in its place.

    Attributes
    ----------
    rows, windows
        As in `Substitutions`.
    codes
        uint8 of shape (n, L).
    """

    rows: Rows
    windows: Rows
    codes: Codes


@dataclass(frozen=True, slots=True)
class CellWindows:
    """W windows and their variants.

    Attributes
    ----------
    ref
        uint8 codes of shape (W, L).
    substitutions
        One for each length.
    haplotypes
        All other variants.
    """

    ref: Codes
    substitutions: tuple[Substitutions, ...]
    haplotypes: Haplotypes

    def reverse_complement(self) -> "CellWindows":
        """The same on the other strand."""
        length = self.ref.shape[1]
        return CellWindows(
            _reverse(self.ref),
            tuple(
                replace(part, starts=length - part.starts - part.alts.shape[1], alts=_reverse(part.alts))
                for part in self.substitutions
            ),
            replace(self.haplotypes, codes=_reverse(self.haplotypes.codes)),
        )


def gather_windows(
    founds: Sequence[WindowVariants], scorable: Sequence[npt.NDArray[np.bool_]], *, patches: bool
) -> CellWindows:
    """Sort the variants of some windows; rows count all variants, window by window.

    Parameters
    ----------
    founds
        Windows with their variants.
    scorable
        bool of shape (V,) for each: which variants to take.
    patches
        Whether substitutions are to be patches; otherwise they are haplotypes as well.
    """
    taken = np.concatenate(scorable)
    windows = np.repeat(np.arange(len(founds)), [len(found.starts) for found in founds])
    members = np.concatenate([np.arange(len(found.starts)) for found in founds])
    starts = np.concatenate([found.starts for found in founds])
    lengths = np.concatenate([found.alt_lengths for found in founds])
    is_patch = np.concatenate([found.is_substitution for found in founds]) & patches
    alts = [alt for found in founds for alt in found.alts]
    substitutions = []
    for length in np.unique(lengths[taken & is_patch & (lengths > 0)]):  # without a change there is no difference
        rows = np.flatnonzero(taken & is_patch & (lengths == length))
        substitutions.append(Substitutions(rows, windows[rows], starts[rows], np.stack([alts[row] for row in rows])))
    rest = np.flatnonzero(taken & ~is_patch)
    codes = [
        founds[window].haplotypes(members[rest][windows[rest] == window], "alt", "left")
        for window in np.unique(windows[rest])
    ]
    length = founds[0].length
    return CellWindows(
        np.stack([found.ref for found in founds]),
        tuple(substitutions),
        Haplotypes(rest, windows[rest], np.concatenate([np.empty((0, length), np.uint8), *codes])),
    )


def _reverse(codes: Codes) -> Codes:
    reversed_codes: Codes = reverse_complement(torch.from_numpy(codes)).numpy()
    return reversed_codes
