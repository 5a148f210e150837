"""Adapters that are folded into the weights of the base: LoRA, Locon and IA3 cost nothing once they are.

Each function takes what it needs out of `delta`, so that tensors that no layer wants stay there to be found.
Formulas: `merge_lora`, `merge_locon` and `merge_ia3` of calico/baskerville-tf, `transfer.py` (commit 7875488).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from locus2target.core.errors import InputError

State = dict[str, Tensor]
PARTS = ("lora_down", "lora_up", "locon_down", "locon_up", "ia3")


def merge_lora(state: State, delta: State, layers: Sequence[str], *, alpha: float, where: Path) -> None:
    """Add a low-rank product to linear maps: W + alpha / rank * up @ down (Hu et al. 2021).

    Parameters
    ----------
    state
        Tensors of the base, changed.
    delta
        `<layer>.lora_down` (rank, in) and `<layer>.lora_up` (out, rank).
    layers
        Names of the linear maps.
    alpha
        Numerator of the scale.
    where
        File of `delta`, for messages.
    """
    for layer in layers:
        weight = state[f"{layer}.weight"]
        down = _take(delta, f"{layer}.lora_down", (None, weight.shape[1]), where)
        up = _take(delta, f"{layer}.lora_up", (weight.shape[0], len(down)), where)
        state[f"{layer}.weight"] = (weight.double() + alpha / len(down) * up.double() @ down.double()).float()


def merge_locon(state: State, delta: State, layers: Sequence[str], *, alpha: float, where: Path) -> None:
    """Add a low-rank convolution to convolutions: the taps are in `down`, `up` mixes channels (Yeh et al. 2023).

    `delta` holds `<layer>.locon_down` (rank, in, taps) and `<layer>.locon_up` (out, rank).
    """
    for layer in layers:
        weight = state[f"{layer}.weight"]
        down = _take(delta, f"{layer}.locon_down", (None, *weight.shape[1:]), where)
        up = _take(delta, f"{layer}.locon_up", (weight.shape[0], len(down)), where)
        product = torch.einsum("or,rit->oit", up.double(), down.double())
        state[f"{layer}.weight"] = (weight.double() + alpha / len(down) * product).float()


def merge_ia3_outputs(state: State, delta: State, layers: Sequence[str], *, where: Path) -> None:
    """Scale the outputs of linear maps without bias by `<layer>.ia3` (out,) (Liu et al. 2022)."""
    for layer in layers:
        weight = state[f"{layer}.weight"]
        state[f"{layer}.weight"] = weight * _take(delta, f"{layer}.ia3", (len(weight),), where)[:, None]


def merge_ia3_inputs(state: State, delta: State, layers: Sequence[str], *, width: int, where: Path) -> None:
    """Scale the inputs of those linear maps that read `width` channels by `<layer>.ia3` (width,).

    baskerville picks the layers by their input alone, 1,536 channels. Its comment speaks of the feed-forward
    down-projection, which is so in a trunk of 768 channels; in one of 1,536 these are the up-projection and pointwise
    maps of the U-Net, and the head of Prime.
    """
    for layer in layers:
        weight = state[f"{layer}.weight"]
        if weight.shape[1] == width:
            factor = _take(delta, f"{layer}.ia3", (width,), where)
            state[f"{layer}.weight"] = weight * factor.view(1, width, *[1] * (weight.ndim - 2))


def refuse_parts(delta: State, where: Path) -> None:
    """Refuse parts of adapters that no layer took."""
    left = sorted(name for name in delta if name.rpartition(".")[2] in PARTS)
    if left:
        raise InputError(
            f"{len(left)} tensors are for layers that this method does not adapt: {', '.join(left[:5])}",
            where=str(where),
            remedy="Check method and settings in adapter.json against the training.",
        )


def _take(delta: State, name: str, shape: Sequence[int | None], where: Path) -> Tensor:
    """Remove a tensor from `delta`; None is any size."""
    if name not in delta:
        raise InputError(
            f"tensor {name} is missing",
            where=str(where),
            remedy="Check method and settings in adapter.json against the training.",
        )
    tensor = delta.pop(name)
    if len(shape) != tensor.ndim or any(
        got == 0 or want not in {None, got} for want, got in zip(shape, tensor.shape, strict=True)
    ):
        wanted = ", ".join("rank" if size is None else str(size) for size in shape)
        raise InputError(
            f"tensor {name} has shape {tuple(tensor.shape)} in the file, where the base needs ({wanted})",
            where=str(where),
            remedy="Check that the adapter was trained on this base.",
        )
    return tensor
