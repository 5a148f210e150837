"""How a change of a few columns passes through the layers of a convolutional network, exactly.

A patch holds what a variant adds to an activation, in the columns that it can change and for many variants at once.
A linear layer is applied to the patch alone, so that its size in float32 is that of the change and not of the
activation. Any other layer is applied to the activation with the patch added, in those columns, and the activation
without it is taken off. The idea is that of fastISM (Nair et al. 2022, Bioinformatics 38:2397).

Patches are stored column by column, (V, w, C), so that a few columns are one piece of memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from locus2target.sequence.networks.residual import Residual

_ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.GELU,
    nn.SiLU,
    nn.ELU,
    nn.LeakyReLU,
    nn.Softplus,
    nn.Sigmoid,
    nn.Tanh,
)
_SMALL_SHARE = 8
_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d)  # in eval mode


@dataclass(frozen=True, slots=True)
class Patch:
    """What V variants add to w columns of an activation; columns outside the activation hold zeros.

    Attributes
    ----------
    values
        (V, w, C).
    windows
        int64 of shape (V,): the window that each variant is in.
    starts
        int64 of shape (V,): column of the first of the w; may lie outside.
    lowest, highest
        Smallest and largest of `starts`, or of what would be: known without asking the device.
    """

    values: Tensor
    windows: Tensor
    starts: Tensor
    lowest: int
    highest: int

    @property
    def width(self) -> int:
        """Columns, w."""
        return self.values.shape[1]


@dataclass(frozen=True)
class Activation:
    """Output of a layer for the unchanged windows, (B, C, L)."""

    values: Tensor

    @property
    def length(self) -> int:
        """Columns, L."""
        return self.values.shape[2]

    @cached_property
    def columns(self) -> Tensor:
        """The same column by column, (B, L, C), so that some columns are one piece of memory."""
        return self.values.transpose(1, 2).contiguous()

    def at(self, windows: Tensor, columns: Tensor) -> Tensor:
        """Some columns (V, w) of the windows (V, 1): (V, w, C).

        Where a small share is read, it costs less to pick single values than to turn the whole around.
        """
        variants, width = columns.shape
        batch, channels, length = self.values.shape
        if "columns" not in self.__dict__ and _SMALL_SHARE * variants * width < batch * length:
            return self.values.transpose(1, 2)[windows, columns]
        rows = (windows * length + columns).view(-1)
        return self.columns.view(-1, channels).index_select(0, rows).view(variants, width, channels)


@dataclass(frozen=True, slots=True)
class Trace:
    """Activations of the unchanged windows before and after a layer, and those inside it."""

    before: Activation
    after: Activation
    inner: "tuple[Trace, ...]" = ()


class LayerPatcher(Protocol):
    """A layer that can be applied to whole windows and to patches."""

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        ...

    def apply(self, patch: Patch, trace: Trace) -> Patch:
        """What the patch becomes behind the layer."""
        ...


class ConvolutionPatcher:
    """`nn.Conv1d` of any width, stride and dilation; zeros beyond the ends."""

    def __init__(self, layer: nn.Conv1d) -> None:
        out_channels, in_channels, self._taps = layer.weight.shape
        self._layer = layer
        self._stride, self._dilation = layer.stride[0], layer.dilation[0]
        reach = self._dilation * (self._taps - 1)
        if isinstance(layer.padding, str):
            self._left = reach // 2 if layer.padding == "same" else 0
        else:
            self._left = layer.padding[0]
        # column i changes output columns i + left - tap * dilation: the last tap comes first
        taps_last_first = layer.weight.detach().flip(2).permute(1, 2, 0)
        self._weight = taps_last_first.reshape(in_channels, self._taps * out_channels).contiguous()

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        return Trace(before, Activation(self._layer(before.values)))

    def apply(self, patch: Patch, trace: Trace) -> Patch:
        """Product of every column with all taps, added up where they fall; the bias is part of no change."""
        variants, width, channels = patch.values.shape
        products = (patch.values.reshape(variants * width, channels) @ self._weight).view(
            variants, width, self._taps, -1
        )
        reach = self._dilation * (self._taps - 1)
        if width == 1 and self._dilation == 1:
            values = products[:, 0]
        else:
            values = products.new_zeros(variants, width + reach, products.shape[3])
            for tap in range(self._taps):
                first = tap * self._dilation
                values[:, first : first + width] += products[:, :, tap]
        return _stride(_shift(replace(patch, values=values), self._left - reach), self._stride, trace)


class NormalizationPatcher:
    """`nn.BatchNorm1d` in eval mode: a factor for each channel."""

    def __init__(self, layer: nn.BatchNorm1d) -> None:
        if layer.running_var is None:
            raise ValueError("batch normalization without running statistics is no layer of its own column")
        self._layer = layer
        self._factor = (layer.running_var + layer.eps).rsqrt().detach()
        if layer.affine:
            self._factor = self._factor * layer.weight.detach()

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        return Trace(before, Activation(self._layer(before.values)))

    def apply(self, patch: Patch, trace: Trace) -> Patch:  # noqa: ARG002  # one signature for all layers
        """Scale the channels."""
        return replace(patch, values=patch.values * self._factor)


class ElementwisePatcher:
    """Any function of single values."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        return Trace(before, Activation(self._layer(before.values.clone())))  # it may work in place

    def apply(self, patch: Patch, trace: Trace) -> Patch:
        """Function of the changed activation, less that of the unchanged one."""
        changed = self._layer(_columns(trace.before, patch, patch.width).add_(patch.values))
        values = changed.sub_(_columns(trace.after, patch, patch.width))
        return inside(replace(patch, values=values), trace.after.length)


class PoolPatcher:
    """`nn.MaxPool1d` and `nn.AvgPool1d`."""

    def __init__(self, layer: nn.MaxPool1d | nn.AvgPool1d) -> None:
        self._layer = layer
        self._size, self._step, self._padding = (
            _single(size) for size in (layer.kernel_size, layer.stride, layer.padding)
        )
        self._is_mean = isinstance(layer, nn.AvgPool1d)

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        return Trace(before, Activation(self._layer(before.values)))

    def apply(self, patch: Patch, trace: Trace) -> Patch:
        """Pool the changed columns together with the unchanged ones beside them."""
        length = trace.before.length
        width = (patch.width - 1 + self._size - 1) // self._step + 1
        ahead = self._padding - (self._size - 1)
        pooled = replace(
            patch,
            starts=-torch.div(-(patch.starts + ahead), self._step, rounding_mode="floor"),
            lowest=-(-(patch.lowest + ahead) // self._step),
            highest=-(-(patch.highest + ahead) // self._step),
        )
        first = pooled.starts * self._step - self._padding  # column that the first pool begins with
        values = _place(patch.values, patch.starts - first, (width - 1) * self._step + self._size)
        if self._is_mean:
            means = values.unfold(1, self._size, self._step).mean(-1)
            return inside(replace(pooled, values=means), trace.after.length)
        columns = replace(patch, starts=first)
        values += _columns(trace.before, columns, values.shape[1])
        if self._padding:
            values.masked_fill_(_outside(first, values.shape[1], length)[:, :, None], -torch.inf)
        best = values.unfold(1, self._size, self._step).amax(-1)
        best -= _columns(trace.after, pooled, width)
        return inside(replace(pooled, values=best), trace.after.length)


class ResidualPatcher:
    """Layers around which their input is led."""

    def __init__(self, layers: Sequence[LayerPatcher]) -> None:
        self._layers = tuple(layers)

    def trace(self, before: Activation) -> Trace:
        """Apply it to unchanged windows."""
        inner = trace_layers(self._layers, before)
        return Trace(before, Activation(before.values + inner[-1].after.values), inner)

    def apply(self, patch: Patch, trace: Trace) -> Patch:
        """Patch of the layers inside, and the patch itself in its place in it."""
        inner = apply_layers(self._layers, patch, trace.inner)
        inner.values.add_(_place(patch.values, patch.starts - inner.starts, inner.width))
        return inner


def patcher_of(layer: nn.Module, elementwise: tuple[type[nn.Module], ...]) -> LayerPatcher | None:
    """Patcher of a layer, or None if it is not known how a patch passes through it."""
    patcher: LayerPatcher | None = None
    if is_elementwise(layer, elementwise):
        patcher = ElementwisePatcher(layer)
    elif isinstance(layer, Residual):
        inner = [patcher_of(part, elementwise) for part in layer]
        known = [part for part in inner if part is not None]
        patcher = ResidualPatcher(known) if len(known) == len(inner) else None
    elif isinstance(layer, nn.BatchNorm1d) and layer.track_running_stats:
        patcher = NormalizationPatcher(layer)
    elif isinstance(layer, nn.Conv1d) and layer.groups == 1 and layer.padding_mode == "zeros":
        patcher = ConvolutionPatcher(layer)
    elif isinstance(layer, (nn.MaxPool1d, nn.AvgPool1d)) and _is_plain_pool(layer):
        patcher = PoolPatcher(layer)
    return patcher


def _is_plain_pool(layer: nn.MaxPool1d | nn.AvgPool1d) -> bool:
    """Whether every pool has as many columns, side by side, and padding counts like any other."""
    whole = layer.count_include_pad if isinstance(layer, nn.AvgPool1d) else _single(layer.dilation) == 1
    return whole and not layer.ceil_mode


def is_elementwise(layer: nn.Module, others: tuple[type[nn.Module], ...]) -> bool:
    """Whether a layer is a function of single values: one of torch's, or of `others`."""
    return isinstance(layer, (*_ELEMENTWISE, *_NOTHING, *others))


def trace_layers(layers: Sequence[LayerPatcher], before: Activation) -> tuple[Trace, ...]:
    """Activations of unchanged windows, layer by layer."""
    traces: list[Trace] = []
    for layer in layers:
        traces.append(layer.trace(traces[-1].after if traces else before))
    return tuple(traces)


def apply_layers(layers: Sequence[LayerPatcher], patch: Patch, traces: Sequence[Trace]) -> Patch:
    """What a patch becomes behind the last layer."""
    for layer, trace in zip(layers, traces, strict=True):
        patch = layer.apply(patch, trace)
    return patch


def _single(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]


def _shift(patch: Patch, by: int) -> Patch:
    """The same values, some columns on."""
    return replace(patch, starts=patch.starts + by, lowest=patch.lowest + by, highest=patch.highest + by)


def _stride(patch: Patch, stride: int, trace: Trace) -> Patch:
    """Every column whose number is a multiple of `stride`."""
    if stride > 1:
        starts = -torch.div(-patch.starts, stride, rounding_mode="floor")
        width = (patch.width - 1) // stride + 1
        values = _place(patch.values, patch.starts - starts * stride, (width - 1) * stride + 1)[:, ::stride]
        lowest, highest = -(-patch.lowest // stride), -(-patch.highest // stride)
        patch = Patch(values, patch.windows, starts, lowest, highest)
    return inside(patch, trace.after.length)


def inside(patch: Patch, length: int) -> Patch:
    """Patch of an activation of `length` columns: nothing outside, and no wider than that."""
    if patch.width > length:
        values = _place(patch.values, patch.starts, length)
        return Patch(values, patch.windows, torch.zeros_like(patch.starts), 0, 0)
    if patch.lowest < 0 or patch.highest + patch.width > length:
        patch.values.masked_fill_(_outside(patch.starts, patch.width, length)[:, :, None], 0)
    return patch


def _outside(starts: Tensor, width: int, length: int) -> Tensor:
    """Which of `width` columns lie outside, bool of shape (V, w)."""
    columns = starts[:, None] + torch.arange(width, device=starts.device)
    return (columns < 0) | (columns >= length)


def _columns(activation: Activation, patch: Patch, width: int) -> Tensor:
    """The patch's columns of the unchanged windows, (V, w, C); the nearest column for those outside."""
    columns = patch.starts[:, None] + torch.arange(width, device=patch.starts.device)
    return activation.at(patch.windows[:, None], columns.clamp_(0, activation.length - 1))


def _place(values: Tensor, offsets: Tensor, width: int) -> Tensor:
    """Values (V, w, C) from column `offsets[v]` on among `width` columns of zeros; what falls outside is dropped."""
    variants, given, channels = values.shape
    columns = torch.arange(width, device=values.device) - offsets[:, None]
    empty = (columns < 0) | (columns >= given)
    first = torch.arange(variants, device=values.device)[:, None] * given
    rows = columns.clamp_(0, given - 1).add_(first)
    placed = values.reshape(-1, channels).index_select(0, rows.view(-1)).view(variants, width, channels)
    return placed.masked_fill_(empty[:, :, None], 0)
