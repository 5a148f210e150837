"""Predictions of many variants of one window by a profile network, with all that they share computed once.

The convolution tower is run on the window once per strand and, for each variant, again where it can change
(`halo`). Only the bins and tracks that scores read are decoded. Changes of length go through the whole network.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from locus2target.sequence.encoding import Codes, one_hot_tensor
from locus2target.sequence.halo import Edits, Halo, plan_halo, recompute, reverse_complement_codes
from locus2target.sequence.networks.interface import Geometry, ProfileNetwork

Bins = npt.NDArray[np.int64]
_JOINED_BINS = 64  # runs of bins closer than this are decoded as one: a pass costs more than the bins between them


class TrackNetwork:
    """A profile network on its device, and the tracks that are wanted of it.

    Parameters
    ----------
    network
        In eval mode, float32; moved to the device.
    device
        Where it runs.
    dtype
        Of tower, trunk and decoder. The head, and all that follows, is float32.
    tracks
        int64 of shape (T,): wanted outputs.
    mates
        int64 of shape (T,): the same tracks as the reverse complement predicts them; None reads the forward strand
        alone.

    Attributes
    ----------
    is_local
        Whether a base reaches a few columns of tower and decoder only; squeeze-and-excitation layers average all.
    """

    def __init__(
        self, network: ProfileNetwork, device: torch.device, dtype: torch.dtype, tracks: Bins, mates: Bins | None
    ) -> None:
        self.geometry: Geometry = network.geometry
        self.device, self.dtype = device, dtype
        self._head = _moved(network, device, torch.float32)
        self._trunk = self._head if dtype == torch.float32 else _moved(copy.deepcopy(network), device, dtype)
        self._outputs = [torch.from_numpy(rows).to(device) for rows in (tracks, mates) if rows is not None]
        self.is_local = network.is_local
        self._halo = lru_cache(maxsize=None)(lambda bases: plan_halo(self.geometry, bases) if self.is_local else None)

    @property
    def strands(self) -> int:
        """1: forward alone; 2: mean with the reverse complement."""
        return len(self._outputs)

    def outputs(self, strand: int) -> Tensor:
        """Outputs of the head on the device, int64 (T,), that are the wanted tracks on strand 0 or 1."""
        return self._outputs[strand]

    def halo(self, longest: int) -> Halo | None:
        """Pieces for edits of up to `longest` bases; None where the whole tower has to be run."""
        return self._halo(longest)

    def encode(self, codes: Codes) -> Tensor:
        """One-hot (B, 4, n) on the device of uint8 codes (B, n)."""
        return one_hot_tensor(torch.from_numpy(codes).to(self.device), dtype=self.dtype)

    def convolve(self, one_hot: Tensor) -> tuple[Tensor, ...]:
        """Levels of the tower for whole windows or pieces, (B, 4, n)."""
        return self._trunk.convolve(one_hot)

    def convolve_codes(self, codes: Codes) -> tuple[Tensor, ...]:
        """The same for uint8 codes (B, n)."""
        return self._trunk.convolve(self.encode(codes))

    def predict(self, levels: "Levels", runs: Sequence["Run"], outputs: Tensor) -> Tensor:
        """Predictions of the bins of some runs, float32 (B, T, K)."""
        tokens = self._trunk.transform(levels(len(self.geometry.level_bp) - 1, slice(0, None)))
        parts = []
        for run in runs:
            span = self._trunk.decode_span(run.start, run.stop)
            cut = [levels(level, columns) for level, columns in enumerate(span.levels)]
            embedding = self._trunk.decode(tokens[:, :, span.tokens], cut, span, run.start, run.stop)
            predicted = self._head.predict(embedding.float(), outputs)
            parts.append(predicted if len(run.columns) == predicted.shape[2] else predicted[:, :, run.columns])
        return torch.cat(parts, dim=2)


Levels = Callable[[int, slice], Tensor]
"""(level, columns) -> (B, C, stop - start) of the haplotypes at hand."""


@dataclass(frozen=True, slots=True)
class Run:
    """Output bins `start` to `stop` that are decoded together; `columns`, int64, are those that are wanted of them."""

    start: int
    stop: int
    columns: Bins


def plan_runs(bins: Bins, joined: int = _JOINED_BINS) -> list[Run]:
    """Runs that hold the ascending bins; those with fewer than `joined` bins between them are one.

    >>> [(run.start, run.stop, run.columns.tolist()) for run in plan_runs(np.array([2, 3, 6, 20]), joined=5)]
    [(2, 7, [0, 1, 4]), (20, 21, [0])]
    """
    parts = np.split(bins, np.flatnonzero(np.diff(bins) > joined) + 1)
    return [Run(int(part[0]), int(part[-1]) + 1, part - part[0]) for part in parts]


class WindowPredictor:
    """Predicts haplotypes of one window at chosen bins, in the orientation of the genome.

    Parameters
    ----------
    network
        What predicts.
    window
        uint8 codes of the window, (L,).
    bins
        int64 of shape (K,): output bins that are wanted, ascending, at least one.
    """

    def __init__(self, network: TrackNetwork, window: Codes, bins: Bins) -> None:
        self._strands = [_Strand(network, window, bins, strand) for strand in range(network.strands)]

    def edited(self, edits: Edits) -> Tensor:
        """Predictions of the window with edits of equal length, before the inverse transform, float32 (B, T, K).

        The mean over strands; an empty edit gives REF.
        """
        return _mean([strand.edited(edits) for strand in self._strands])

    def whole(self, windows: Codes) -> Tensor:
        """The same for whole windows, uint8 (B, L), that have nothing in common with this one but their place."""
        return _mean([strand.whole(windows) for strand in self._strands])


class _Strand:
    """One strand of a window; `strand` 1 is the reverse complement."""

    def __init__(self, network: TrackNetwork, window: Codes, bins: Bins, strand: int) -> None:
        self._network, self._is_reverse = network, strand == 1
        n_bins = network.geometry.n_bins
        oriented = n_bins - 1 - bins[::-1] if self._is_reverse else bins
        self._runs = plan_runs(oriented) if network.is_local else [Run(0, n_bins, oriented)]
        self._outputs = network.outputs(strand)
        self._window = self._orient(window)
        self._levels: tuple[Tensor, ...] | None = None

    @torch.inference_mode()
    def edited(self, edits: Edits) -> Tensor:
        """Predictions (B, T, K) in the orientation of the genome."""
        length = self._network.geometry.length
        edits = edits.on_reverse_strand(length) if self._is_reverse else edits
        halo = self._network.halo(edits.longest)
        if halo is None:
            return self._predict(_columns_of(self._convolve_whole(edits)))
        reference = self._reference()
        patches = recompute(self._network.convolve_codes, halo, self._window, edits)
        return self._predict(lambda level, columns: patches[level].onto(reference[level], columns))

    @torch.inference_mode()
    def whole(self, windows: Codes) -> Tensor:
        """Predictions (B, T, K) in the orientation of the genome."""
        return self._predict(_columns_of(self._network.convolve_codes(self._orient(windows))))

    def _reference(self) -> tuple[Tensor, ...]:
        """Levels of the window itself, computed when they are first needed."""
        if self._levels is None:
            self._levels = self._network.convolve_codes(self._window[None])
        return self._levels

    def _convolve_whole(self, edits: Edits) -> tuple[Tensor, ...]:
        return self._network.convolve_codes(
            edits.write(self._window, np.zeros(len(edits), np.int64), len(self._window))
        )

    def _orient(self, codes: Codes) -> Codes:
        return reverse_complement_codes(codes) if self._is_reverse else codes

    def _predict(self, levels: Levels) -> Tensor:
        predicted = self._network.predict(levels, self._runs, self._outputs)
        return predicted.flip(2) if self._is_reverse else predicted


def _columns_of(levels: Sequence[Tensor]) -> Levels:
    return lambda level, columns: levels[level][:, :, columns]


def _mean(strands: Sequence[Tensor]) -> Tensor:
    """Mean of strands before the inverse transform, as Calico's `EnsembleReverseComplement` takes it."""
    return strands[0] if len(strands) == 1 else (strands[0] + strands[1]) / 2


def _moved(network: ProfileNetwork, device: torch.device, dtype: torch.dtype) -> ProfileNetwork:
    if not isinstance(network, nn.Module):
        raise TypeError(f"{type(network).__name__} is not a torch module")
    return network.to(device=device, dtype=dtype)
