"""Substitutions in a convolutional network, exactly, at the cost of the few columns that they change.

The unchanged windows pass through the network once. For each substitution every layer is recomputed only where the
changed bases reach (`patch_layers`), up to the layer that reads all columns: a mean, a maximum, or a dense layer. That
one is brought up to date with the changed columns alone, and the layers behind it see one vector per variant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from locus2target.sequence.encoding import Codes
from locus2target.sequence.patch_layers import (
    Activation,
    LayerPatcher,
    Patch,
    Trace,
    apply_layers,
    inside,
    is_elementwise,
    patcher_of,
    trace_layers,
)

_CPU_CHUNK = 128  # variants whose patches stay in a core's cache
_DEVICE_CHUNK = 4096

Kept = tuple[Tensor, ...]
"""What a readout keeps of the unchanged windows."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the network computes for B unchanged windows.

    Attributes
    ----------
    codes
        uint8 of shape (B, L).
    traces
        Of the layers that keep columns.
    readout
        What the readout keeps to bring itself up to date.
    vectors
        (B, D_i) behind the readout and behind each layer after it; the last is the network's output.
    """

    codes: Tensor
    traces: tuple[Trace, ...]
    readout: Kept
    vectors: tuple[Tensor, ...]

    @property
    def output(self) -> Tensor:
        """Output (B, D) for the unchanged windows."""
        return self.vectors[-1]


class Readout(Protocol):
    """Layer that makes one vector of all columns."""

    def trace(self, last: Activation) -> tuple[Tensor, Kept]:
        """Vectors (B, D) of the last activations, and what `change` needs of them."""
        ...

    def change(self, patch: Patch, kept: Kept) -> Tensor:
        """What a patch adds to the vectors, (V, D)."""
        ...


class MeanReadout:
    """Mean of every channel."""

    def trace(self, last: Activation) -> tuple[Tensor, Kept]:
        """Means; the activations."""
        return last.values.mean(2), (last.values,)

    def change(self, patch: Patch, kept: Kept) -> Tensor:
        """Sum of the changes over the number of columns."""
        return patch.values.sum(1) / kept[0].shape[2]


class MaxReadout:
    """Maximum of every channel."""

    def trace(self, last: Activation) -> tuple[Tensor, Kept]:
        """Maxima; the activations, and the maxima before each column and from each column on."""
        x = last.columns
        nothing = torch.full_like(x[:, :1], -torch.inf)
        before = torch.cat([nothing, x.cummax(1).values], 1)
        behind = torch.cat([x.flip(1).cummax(1).values.flip(1), nothing], 1)
        return x.amax(1), (x, before, behind)

    def change(self, patch: Patch, kept: Kept) -> Tensor:
        """Maximum of the changed columns and of those on either side, less what it was."""
        x, before, behind = kept
        length = x.shape[1]
        columns = patch.starts[:, None] + torch.arange(patch.width, device=x.device)
        nearest = columns.clamp(0, length - 1)
        changed = x[patch.windows[:, None], nearest] + patch.values
        changed.masked_fill_((columns != nearest)[:, :, None], -torch.inf)
        left = before[patch.windows, patch.starts.clamp(0, length)]
        right = behind[patch.windows, (patch.starts + patch.width).clamp(0, length)]
        return torch.maximum(torch.maximum(left, right), changed.amax(1)) - before[patch.windows, length]


class DenseReadout:
    """`nn.Linear` of all columns of all channels."""

    def __init__(self, layer: nn.Linear) -> None:
        self._layer = layer

    def trace(self, last: Activation) -> tuple[Tensor, Kept]:
        """Vectors; the weights by column, (L, C, D)."""
        weights = self._layer.weight.detach().T.reshape(*last.values.shape[1:], -1).transpose(0, 1).contiguous()
        return self._layer(last.values.flatten(1)), (weights,)

    def change(self, patch: Patch, kept: Kept) -> Tensor:
        """Product of the changed columns with their weights, for all variants at a column at once."""
        (weights,) = kept
        order = torch.argsort(patch.starts)
        starts, counts = torch.unique_consecutive(patch.starts[order], return_counts=True)
        change = weights.new_zeros(len(patch.values), weights.shape[2])
        for start, rows in zip(starts.tolist(), torch.split(order, counts.tolist()), strict=True):
            first, last = max(start, 0), min(start + patch.width, len(weights))
            if first < last:
                columns = patch.values[rows, first - start : last - start].flatten(1)
                change[rows] = columns @ weights[first:last].flatten(0, 1)
        return change


class PatchEngine:
    """A chain of layers on one device that is applied to windows, and to substitutions in them by patches."""

    def __init__(
        self, layers: Sequence[LayerPatcher], readout: Readout, tail: Sequence[nn.Module], table: Tensor
    ) -> None:
        self._layers = tuple(layers)
        self._readout = readout
        self._tail = tuple(tail)
        self._table = table
        self._chunk = _CPU_CHUNK if table.device.type == "cpu" else _DEVICE_CHUNK

    @classmethod
    def of(cls, network: nn.Sequential, table: Tensor, *, elementwise: tuple[type[nn.Module], ...] = ()) -> Self | None:
        """Engine of a network in eval mode; None if it has a layer through which no patch is known to pass.

        Parameters
        ----------
        network
            From the one-hot window (B, 4, L) to a vector (B, D): layers that keep columns (`patch_layers`); then
            `nn.AdaptiveAvgPool1d(1)` or `nn.AdaptiveMaxPool1d(1)` and `nn.Flatten`, or `nn.Flatten` and `nn.Linear`;
            then layers on vectors.
        table
            One-hot column of each base code, float32 of shape (5, 4), on the network's device.
        elementwise
            Types of layers that are functions of single values, besides those of torch.
        """
        modules = list(_flat(network))
        layers: list[LayerPatcher] = []
        while modules and (layer := patcher_of(modules[0], elementwise)) is not None:
            layers.append(layer)
            modules.pop(0)
        ending = _ending(modules)
        if ending is None or not all(_is_vector_layer(layer, elementwise) for layer in ending[1]):
            return None
        return cls(layers, *ending, table)

    @torch.inference_mode()
    def reference(self, codes: Tensor) -> Reference:
        """Pass unchanged windows through the network.

        Parameters
        ----------
        codes
            uint8 of shape (B, L), on the device.
        """
        one_hot = Activation(self._table[codes.long()].transpose(1, 2).contiguous())
        traces = trace_layers(self._layers, one_hot)
        vector, kept = self._readout.trace(traces[-1].after if traces else one_hot)
        vectors = [vector]
        for layer in self._tail:
            vectors.append(layer(vectors[-1]))
        return Reference(codes, traces, kept, tuple(vectors))

    @torch.inference_mode()
    def changes(
        self, reference: Reference, windows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], alts: Codes
    ) -> Tensor:
        """What substitutions add to the network's output.

        Parameters
        ----------
        reference
            The unchanged windows.
        windows
            int64 of shape (V,): the window of each variant.
        starts
            int64 of shape (V,): index in it of the first base of `alts`.
        alts
            uint8 codes of shape (V, m): the bases of ALT; any of them may be as they were. Bases beyond the window's
            end are not read.

        Returns
        -------
        torch.Tensor
            Output for ALT minus output for REF, float32 of shape (V, D).
        """
        parts = [
            self._change(reference, windows[rows], starts[rows], alts[rows])
            for first in range(0, len(starts), self._chunk)
            for rows in [slice(first, first + self._chunk)]
        ]
        return torch.cat(parts) if parts else reference.output[:0]

    def _change(
        self, reference: Reference, windows: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], alts: Codes
    ) -> Tensor:
        """Changes of one chunk of variants."""
        device, length = reference.codes.device, reference.codes.shape[1]
        of_window, first = torch.from_numpy(windows).to(device), torch.from_numpy(starts).to(device)
        columns = first[:, None] + torch.arange(alts.shape[1], device=device)
        ref = reference.codes[of_window[:, None], columns.clamp_(0, length - 1)]
        values = self._table[torch.from_numpy(alts).to(device).long()] - self._table[ref.long()]
        patch = inside(Patch(values, of_window, first, int(starts.min()), int(starts.max())), length)
        patch = apply_layers(self._layers, patch, reference.traces)
        change = self._readout.change(patch, reference.readout)
        for layer, before, after in zip(self._tail, reference.vectors[:-1], reference.vectors[1:], strict=True):
            if isinstance(layer, nn.Linear):
                change = change @ layer.weight.T
            else:
                change = layer(before[of_window] + change) - after[of_window]
        return change


def _flat(network: nn.Sequential) -> Iterator[nn.Module]:
    """Layers of nested chains, in order."""
    for layer in network:
        if type(layer) is nn.Sequential:
            yield from _flat(layer)
        else:
            yield layer


def _ending(modules: Sequence[nn.Module]) -> tuple[Readout, list[nn.Module]] | None:
    """Readout and tail of a network, from the first layer that does not keep columns."""
    match modules:
        case [nn.AdaptiveAvgPool1d(output_size=1), nn.Flatten(start_dim=1), *tail]:
            return MeanReadout(), tail
        case [nn.AdaptiveMaxPool1d(output_size=1), nn.Flatten(start_dim=1), *tail]:
            return MaxReadout(), tail
        case [nn.Flatten(start_dim=1), nn.Linear() as dense, *tail]:
            return DenseReadout(dense), tail
    return None


def _is_vector_layer(layer: nn.Module, elementwise: tuple[type[nn.Module], ...]) -> bool:
    """Whether a layer treats each vector on its own."""
    if isinstance(layer, nn.BatchNorm1d):
        return layer.track_running_stats
    return isinstance(layer, (nn.Linear, nn.LayerNorm)) or is_elementwise(layer, elementwise)
