"""Exact recomputation of a convolution tower: only the columns that an edit can reach.

A tower is local: a base changes no column further away than `Geometry.reach_bp`. So a piece of the edited window,
long enough that its own zero padding does not reach the changed columns either, is run through the tower alone, and
what it changes is added to the reference. Where the piece begins or ends with the window its padding is the window's
and nothing is dropped there. Pieces start at whole tokens, so that pooling falls on the same bases.

This holds in eval mode for edits of equal length. The idea is that of fastISM (Nair et al., Bioinformatics 2022),
with one piece through the whole tower in place of a patch per layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from locus2target.sequence.encoding import UNKNOWN, Codes
from locus2target.sequence.networks.interface import Geometry


@dataclass(frozen=True, slots=True)
class Edits:
    """B replacements of bases by as many others in one window.

    Attributes
    ----------
    starts
        int64 of shape (B,): index in the window of the first changed base.
    alleles
        B arrays of uint8 codes that are written there; an empty one is no edit.
    """

    starts: npt.NDArray[np.int64]
    alleles: Sequence[Codes]

    def __len__(self) -> int:
        """B."""
        return len(self.alleles)

    @property
    def longest(self) -> int:
        """Bases of the longest allele."""
        return max(map(len, self.alleles), default=0)

    def take(self, rows: npt.NDArray[np.int64]) -> "Edits":
        """Some edits, in the order given."""
        return Edits(self.starts[rows], [self.alleles[row] for row in rows])

    def on_reverse_strand(self, length: int) -> "Edits":
        """The same edits in the reverse complement of a window of `length` bases."""
        ends = self.starts + np.fromiter(map(len, self.alleles), dtype=np.int64, count=len(self))
        return Edits(length - ends, [reverse_complement_codes(allele) for allele in self.alleles])

    def write(self, codes: Codes, firsts: npt.NDArray[np.int64], length: int) -> Codes:
        """Pieces of the edited window, uint8 of shape (B, length), that begin at the bases `firsts`, (B,)."""
        pieces: Codes = codes[firsts[:, None] + np.arange(length)]
        for piece, first, start, allele in zip(pieces, firsts, self.starts, self.alleles, strict=True):
            piece[start - first : start - first + len(allele)] = allele
        return pieces


def reverse_complement_codes(codes: Codes) -> Codes:
    """Reverse complement of uint8 codes (..., L); unknown bases stay unknown."""
    flipped = codes[..., ::-1]
    return np.where(flipped < UNKNOWN, 3 - flipped, flipped).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Halo:
    """Pieces that recompute edits of one length: fixed in size, so that edits can be batched.

    Attributes
    ----------
    geometry
        Of the network.
    changed
        Tokens that an edit can change at most.
    margin
        Tokens at either side of them that the padding of a piece may spoil.
    """

    geometry: Geometry
    changed: int
    margin: int

    @property
    def tokens(self) -> int:
        """Tokens of a piece."""
        return self.changed + 2 * self.margin

    def first_tokens(self, edits: Edits) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First token of each edit's piece, and first token that the piece replaces; int64 of shape (B,) each."""
        bp, n_tokens = self.geometry.token_bp, self.geometry.length // self.geometry.token_bp
        changed = (edits.starts - self.geometry.reach_bp) // bp
        pieces = np.clip(changed - self.margin, 0, n_tokens - self.tokens)
        return pieces, np.clip(changed, 0, n_tokens - self.changed)


def plan_halo(geometry: Geometry, longest: int) -> Halo | None:
    """Pieces for edits of up to `longest` bases; None if they are not shorter than the window.

    Parameters
    ----------
    geometry
        Of a network with a local tower.
    longest
        Bases; single bases have pieces of their own, longer edits share those of the next whole token.
    """
    bp = geometry.token_bp
    bases = 1 if longest <= 1 else -(-longest // bp) * bp
    margin = -(-geometry.reach_bp // bp)
    changed = (bases + 2 * geometry.reach_bp + bp - 2) // bp + 1  # wherever the edit lies within a token
    halo = Halo(geometry, changed, margin)
    return halo if halo.tokens < geometry.length // bp else None


@dataclass(frozen=True, slots=True)
class Patch:
    """What B edits change in some columns of one level.

    Attributes
    ----------
    changes
        Float32 of shape (B, C, k): edited columns minus those of the reference.
    firsts
        int64 of shape (B,): column of the window where each edit's begin.
    """

    changes: torch.Tensor
    firsts: npt.NDArray[np.int64]

    def onto(self, reference: torch.Tensor, window: slice) -> torch.Tensor:
        """Columns `window` of the edited level: (B, C, stop - start) from the reference's (1, C, n)."""
        edited = reference[:, :, window].repeat(len(self.firsts), 1, 1)
        start, stop = window.start, window.start + edited.shape[2]
        width = self.changes.shape[2]
        for target, changes, first in zip(edited, self.changes, self.firsts.tolist(), strict=True):
            low, high = max(first, start), min(first + width, stop)
            if low < high:
                target[:, low - start : high - start] += changes[:, low - first : high - first]
        return edited


def recompute(
    convolve: Callable[[Codes], Sequence[torch.Tensor]], halo: Halo, window: Codes, edits: Edits
) -> tuple[Patch, ...]:
    """What edits change in each level of the tower.

    The pieces of the reference are run along with the edited ones, and the difference is what counts: a column that
    an edit does not reach then keeps its bits, and rounding, of bfloat16 above all, falls out of ALT minus REF.

    Parameters
    ----------
    convolve
        Tower: uint8 codes (B, n) to levels (B, C_i, n_i).
    halo
        For edits as long as these.
    window
        uint8 codes (L,).
    edits
        B edits.
    """
    pieces, changed = halo.first_tokens(edits)
    bp = halo.geometry.token_bp
    places, place = np.unique(pieces * bp, return_inverse=True)  # near edits share a piece of the reference
    unedited: Codes = window[places[:, None] + np.arange(halo.tokens * bp)]
    edited = edits.write(window, pieces * bp, halo.tokens * bp)
    patches = []
    for level, level_bp in zip(convolve(np.concatenate([unedited, edited])), halo.geometry.level_bp, strict=True):
        columns = bp // level_bp  # per token
        before, after = level[: len(places)].float(), level[len(places) :].float()
        change = after - before[torch.from_numpy(place).to(before.device)]
        inner = zip(change, ((changed - pieces) * columns).tolist(), strict=True)
        width = halo.changed * columns
        patches.append(Patch(torch.stack([part[:, i : i + width] for part, i in inner]), changed * columns))
    return tuple(patches)
