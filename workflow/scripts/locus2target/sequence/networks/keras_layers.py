"""Keras layers turned into tensors of our networks, in the order in which the published code made them.

Keras names a layer by its kind and a counter (`conv1d`, `conv1d_1`, ...) that goes on over all models built in one
process. So layers are taken by kind, lowest number first, not by name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from locus2target.core.errors import InputError
from locus2target.sequence.weights import read_keras_weights

_SAME_MODEL = "Check that the folder holds the model that the sheet names, as its authors publish it."
_ATTENTION = ("rel_content_bias", "rel_pos_bias", "to_q", "to_k", "to_v", "to_out", "to_out", "to_rel_k")


class KerasLayers:
    """Layers of an h5 file, taken one by one into `state`.

    Parameters
    ----------
    path
        Keras 2 `.h5` file, weights alone or a whole model.

    Attributes
    ----------
    arrays
        Of every layer by its name, taken or not.
    state
        Tensors made so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: dict[str, Tensor] = {}
        self.arrays = read_keras_weights(path)
        self._left: dict[str, list[tuple[int, str]]] = {}
        for name in self.arrays:
            kind, _, number = name.rpartition("_")
            if not number.isdigit():
                kind, number = name, "0"
            self._left.setdefault(kind, []).append((int(number), name))
        for layers in self._left.values():
            layers.sort(reverse=True)

    def count(self, kind: str) -> int:
        """Layers of a kind that are left."""
        return len(self._left.get(kind, ()))

    def next_shape(self, kind: str) -> tuple[int, ...]:
        """Shape of the first array of the next layer of a kind."""
        return self.arrays[self._next_name(kind)][0].shape

    def take(self, kind: str, dimensions: Sequence[int]) -> tuple[npt.NDArray[Any], ...]:
        """Arrays of the next layer of a kind, which must have these numbers of dimensions."""
        name = self._next_name(kind)
        self._left[kind].pop()
        arrays = self.arrays[name]
        if [array.ndim for array in arrays] != list(dimensions):
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise InputError(
                f"layer {name} has arrays of shapes {shapes}, where {len(dimensions)} with "
                f"{', '.join(map(str, dimensions))} dimensions were expected",
                where=str(self.path),
                remedy=_SAME_MODEL,
            )
        return arrays

    def conv(self, to: str, *, bias: bool = True) -> None:
        """`conv1d`: kernel (width, in, out) to `to`.weight (out, in, width), and its bias."""
        kernel, *rest = self.take("conv1d", [3, 1] if bias else [3])
        self._put(f"{to}.weight", kernel.transpose(2, 1, 0))
        self._put_bias(to, rest)

    def dense(self, to: str, *, bias: bool = True, as_conv: bool = False) -> None:
        """`dense`: kernel (in, out) to `to`.weight (out, in), or (out, in, 1) for a convolution, and its bias."""
        kernel, *rest = self.take("dense", [2, 1] if bias else [2])
        self._put(f"{to}.weight", kernel.T[..., None] if as_conv else kernel.T)
        self._put_bias(to, rest)

    def separable_conv(self, depthwise: str, pointwise: str) -> None:
        """`separable_conv1d`: its two kernels and bias."""
        by_channel, across, bias = self.take("separable_conv1d", [3, 3, 1])
        self._put(f"{depthwise}.weight", by_channel.transpose(1, 2, 0))
        self._put(f"{pointwise}.weight", across.transpose(2, 1, 0))
        self._put(f"{pointwise}.bias", bias)

    def batch_norm(self, to: str) -> None:
        """`batch_normalization`: gamma, beta, mean, variance."""
        arrays = self.take("batch_normalization", [1] * 4)
        for part, array in zip(("weight", "bias", "running_mean", "running_var"), arrays, strict=True):
            self._put(f"{to}.{part}", array)

    def layer_norm(self, to: str) -> None:
        """`layer_normalization`: gamma, beta."""
        for part, array in zip(("weight", "bias"), self.take("layer_normalization", [1, 1]), strict=True):
            self._put(f"{to}.{part}", array)

    def attention(self, to: str) -> None:
        """`multihead_attention` of baskerville, into the names of `attention.RelativeAttention`."""
        arrays = self.take("multihead_attention", [4, 4, 2, 2, 2, 2, 1, 2])
        for part, array in zip(_ATTENTION, arrays, strict=True):
            if array.ndim == 4:
                self._put(f"{to}.{part}", array)
            else:
                self._put(f"{to}.{part}.{'bias' if array.ndim == 1 else 'weight'}", array.T)

    def scale(self, to: str) -> None:
        """`scale`: one factor per channel."""
        (factors,) = self.take("scale", [1])
        self._put(to, factors)

    def require_all_taken(self) -> None:
        """Refuse a file that holds more layers than the network has."""
        left = [name for layers in self._left.values() for _, name in layers]
        if left:
            raise InputError(
                f"{len(left)} layers are not part of the network: {', '.join(sorted(left)[:5])}",
                where=str(self.path),
                remedy=_SAME_MODEL,
            )

    def _next_name(self, kind: str) -> str:
        if not self.count(kind):
            raise InputError(
                f"the network has more {kind} layers than this file",
                where=str(self.path),
                remedy=_SAME_MODEL,
            )
        return self._left[kind][-1][1]

    def _put(self, name: str, array: npt.NDArray[Any]) -> None:
        self.state[name] = torch.from_numpy(np.ascontiguousarray(array))

    def _put_bias(self, to: str, rest: Sequence[npt.NDArray[Any]]) -> None:
        for bias in rest:
            self._put(f"{to}.bias", bias)
