"""What a profile network shows to the engine that scores variants: its geometry, and its three parts.

A profile network predicts tracks along a window: a convolution tower makes tokens, a trunk mixes all of them, and a
decoder makes output bins. The tower is local, so a base changes only a few columns of it; the engine recomputes
those alone (`sequence.halo`). Only the bins and tracks that a score needs are decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of a profile network.

    Attributes
    ----------
    length
        Bases of an input window; a multiple of `token_bp`.
    token_bp
        Bases per token of the trunk.
    bin_bp
        Bases per output bin.
    crop_bins
        Bins at each end of the window that are not part of the output.
    level_bp
        Bases per column of each level that `convolve` returns, finest first; the last is `token_bp`.
    reach_bp
        A base changes nothing in the tower further away than this, before rounding out to whole columns.
    """

    length: int
    token_bp: int
    bin_bp: int
    crop_bins: int
    level_bp: tuple[int, ...]
    reach_bp: int

    @property
    def n_bins(self) -> int:
        """Output bins."""
        return self.length // self.bin_bp - 2 * self.crop_bins


@dataclass(frozen=True, slots=True)
class DecodeSpan:
    """What `decode` must be given to make some output bins: columns of the tokens and of each level.

    Attributes
    ----------
    tokens
        Columns of the trunk's output.
    levels
        Columns of each level that the decoder reads, in the order of `Geometry.level_bp`; empty slices for levels that
        it does not read.
    """

    tokens: slice
    levels: tuple[slice, ...]


class ProfileNetwork(Protocol):
    """A profile network in eval mode; every method takes and returns batches and runs in the dtype of its input."""

    @property
    def geometry(self) -> Geometry:
        """Shape of input and output."""
        ...

    @property
    def n_tracks(self) -> int:
        """Tracks of the head."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether the tower is local; a layer that averages over the window makes every edit reach everything."""
        ...

    def convolve(self, sequence: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Convolution tower.

        Parameters
        ----------
        sequence
            One-hot (B, 4, n) of a whole window, or of a piece of one, n a multiple of `token_bp`.

        Returns
        -------
        tuple
            Levels (B, C_i, n / level_bp[i]), finest first; the last are the tokens.
        """
        ...

    def transform(self, tokens: torch.Tensor) -> torch.Tensor:
        """Trunk: (B, C, N) tokens of a whole window to (B, D, N)."""
        ...

    def decode_span(self, start: int, stop: int) -> DecodeSpan:
        """Columns that decide output bins `start` to `stop` (exclusive, counted after the crop), padding included."""
        ...

    def decode(
        self, tokens: torch.Tensor, levels: Sequence[torch.Tensor], span: DecodeSpan, start: int, stop: int
    ) -> torch.Tensor:
        """Decoder: embeddings (B, E, stop - start) of output bins, from columns already cut to `span`."""
        ...

    def predict(self, embedding: torch.Tensor, tracks: torch.Tensor | None) -> torch.Tensor:
        """Head in float32: (B, E, n) to (B, T, n) of the tracks with these indices (int64), or of all."""
        ...

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Whole network on whole windows: (B, 4, length) to float32 (B, n_tracks, n_bins)."""
        ...
