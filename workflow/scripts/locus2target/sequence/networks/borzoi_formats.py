"""Tensor names of the formats that weights of the Borzoi family are published in, put into those of borzoi-pytorch."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.networks.borzoi_config import BorzoiConfig, Head

Arrays = tuple[npt.NDArray[Any], ...]
State = dict[str, torch.Tensor]

_KERAS_KIND = re.compile(r"(?:sync_)?(.+?)(?:_(\d+))?$")  # batch_normalization_11: the kind, and the how manieth


def block_names(config: BorzoiConfig) -> list[str]:
    """Names of the convolution blocks after the stem, as borzoi-pytorch has them: pools count in its Sequentials."""
    in_tower = len(config.widths) - config.stages
    last = [f"unet{stage}.1" for stage in range(1, config.stages)]
    return [f"res_tower.{2 * block}" for block in range(in_tower)] + last


def from_baskerville(state: Mapping[str, torch.Tensor], config: BorzoiConfig, head: Head) -> State:
    """Rename the tensors of a `model_best.pth` of baskerville in torch (names of `SeqNNMod` at commit 777c733).

    Tensors of other heads are left out; names that are not known stay as they are, for strict loading to refuse.
    """
    prefixes = _baskerville_prefixes(config, head)
    renamed = {}
    for name, tensor in state.items():
        plain = re.sub(r"^heads\.", "heads_cov.", name.replace("_orig_mod.", ""))  # compiled, or of the first release
        if plain.startswith("heads_") and not plain.startswith(f"heads_cov.{head.index}."):
            continue
        old = next((prefix for prefix in prefixes if plain.startswith(prefix)), "")
        renamed[prefixes.get(old, "") + plain.removeprefix(old)] = tensor
    return renamed


def _baskerville_prefixes(config: BorzoiConfig, head: Head) -> dict[str, str]:
    """Beginnings of tensor names of baskerville and what takes their place."""
    prefixes = {"trunk.0.conv.": "conv_dna.conv_layer."}
    for index, block in enumerate(block_names(config)):
        prefixes[f"trunk.1.layers.{2 * index}.norm.layer."] = f"{block}.norm."
        prefixes[f"trunk.1.layers.{2 * index}.conv."] = f"{block}.conv_layer."
    for layer in range(config.depth):
        attention, ffn = f"transformer.{layer}.0.fn", f"transformer.{layer}.1.fn"
        old = f"trunk.2.blocks.{layer}"
        prefixes |= {
            f"{old}.norm.layer.": f"{attention}.0.",
            f"{old}.mha.q_proj.": f"{attention}.1.to_q.",
            f"{old}.mha.k_proj.": f"{attention}.1.to_k.",
            f"{old}.mha.v_proj.": f"{attention}.1.to_v.",
            f"{old}.mha.out_proj.": f"{attention}.1.to_out.",
            f"{old}.mha.to_pos_k.": f"{attention}.1.to_rel_k.",
            f"{old}.mha.rel_": f"{attention}.1.rel_",
            f"{old}.ffn.dense1.norm.layer.": f"{ffn}.0.",
            f"{old}.ffn.dense1.linear.": f"{ffn}.1.",
            f"{old}.ffn.dense2.linear.": f"{ffn}.4.",
        }
    for index, stage in enumerate(reversed(range(config.stages))):
        old = f"trunk.3.layers.{index}"
        prefixes |= {
            f"{old}.normx.layer.": f"upsampling_unet{stage}.0.norm.",
            f"{old}.convx.": f"upsampling_unet{stage}.0.conv_layer.",
            f"{old}.normu.layer.": f"horizontal_conv{stage}.norm.",
            f"{old}.convu.": f"horizontal_conv{stage}.conv_layer.",
            f"{old}.conv_depth.": f"separable{stage}.conv_layer.0.",
            f"{old}.conv_point.": f"separable{stage}.conv_layer.1.",
        }
    old = f"heads_cov.{head.index}.0"
    return prefixes | {
        f"{old}.norm.layer.": "final_joined_convs.0.norm.",
        f"{old}.conv_nac.": "final_joined_convs.0.conv_layer.",
        f"{old}.conv.": f"{head.species}_head.",
    }


def from_keras(layers: Mapping[str, Arrays], config: BorzoiConfig, head: Head, *, where: str) -> State:
    """Arrange the weights of a Keras model of baskerville-tf, layer by layer of each kind.

    Keras numbers the layers of a kind in the order that the model makes them, from a number that depends on what the
    process had made before. So their order is what counts (as in weight_conversion.ipynb of borzoi-pytorch). Layers
    of kinds that Borzoi does not have are left out; `refuse_other_kinds` is for files that should have none.
    """
    by_kind = _group_layers(layers)
    state: State = {}
    for kind, names in _keras_names(config, head).items():
        found = by_kind.get(kind, [])
        if len(found) != len(names):
            raise InputError(
                f"{len(found)} layers of kind {kind}, but the parameters file makes {len(names)}",
                where=where,
                remedy="Check that params.json belongs to these weights.",
            )
        for name, arrays in zip(names, found, strict=True):
            state |= _ARRANGE[kind](name, arrays)
    return state


def refuse_other_kinds(layers: Mapping[str, Arrays], *, where: str) -> None:
    """Refuse a Keras file with weights that `from_keras` would leave out."""
    others = sorted(set(_group_layers(layers)) - set(_ARRANGE))
    if others:
        raise InputError(
            f"weights of layers that Borzoi does not have: {', '.join(others)}",
            where=where,
            remedy="Use the files as published with a model of the Borzoi family.",
        )


def _keras_names(config: BorzoiConfig, head: Head) -> dict[str, list[str]]:
    """Our names of the layers of each kind, in the order in which baskerville-tf makes them."""
    blocks = block_names(config)
    stages = list(reversed(range(config.stages)))
    paths = [name for stage in stages for name in (f"upsampling_unet{stage}.0", f"horizontal_conv{stage}")]
    points = paths if config.upsample_conv else paths[1::2]
    hidden = [] if config.hidden is None else ["final_joined_convs.0"]
    attention = [f"transformer.{layer}.0.fn" for layer in range(config.depth)]
    ffn = [f"transformer.{layer}.1.fn" for layer in range(config.depth)]
    dense = [f"{name}.{index}" for name in ffn for index in (1, 4)]
    return {
        "conv1d": [f"{name}.conv_layer" for name in ("conv_dna", *blocks, *hidden)],
        "batch_normalization": [f"{name}.norm" for name in (*blocks, *paths, *hidden)],
        "layer_normalization": [f"{name}.0" for pair in zip(attention, ffn, strict=True) for name in pair],
        "multihead_attention": [f"{name}.1" for name in attention],
        "separable_conv1d": [f"separable{stage}.conv_layer" for stage in stages],
        "dense": [*dense, *(f"{name}.conv_layer" for name in points), f"{head.species}_head"],
    }


def _group_layers(layers: Mapping[str, Arrays]) -> dict[str, list[Arrays]]:
    """Layers of each kind, in the order of their numbers."""
    numbered: dict[str, list[tuple[int, str]]] = {}
    for name in layers:
        match = _KERAS_KIND.fullmatch(name)
        if match is not None:
            numbered.setdefault(match[1], []).append((int(match[2] or 0), name))
    return {kind: [layers[name] for _, name in sorted(names)] for kind, names in numbered.items()}


def _tensor(array: npt.NDArray[Any], axes: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(axes)))


def _norm(name: str, arrays: Arrays) -> State:
    """Keras keeps gamma and beta, and, for a batch normalization, mean and variance."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": _tensor(array, (0,)) for part, array in zip(parts, arrays, strict=False)}


def _conv(name: str, arrays: Arrays) -> State:
    """Keras' kernel is (columns, in, out)."""
    return {f"{name}.weight": _tensor(arrays[0], (2, 1, 0)), f"{name}.bias": _tensor(arrays[1], (0,))}


def _separable(name: str, arrays: Arrays) -> State:
    """Keras' depthwise kernel is (columns, channels, 1)."""
    depthwise, *pointwise = arrays
    return {f"{name}.0.weight": _tensor(depthwise, (1, 2, 0))} | _conv(f"{name}.1", tuple(pointwise))


def _dense(name: str, arrays: Arrays) -> State:
    """Keras' kernel is (in, out); outside the transformer it is a convolution of one column here."""
    kernel = _tensor(arrays[0], (1, 0))
    weight = kernel if name.startswith("transformer.") else kernel[..., None]
    return {f"{name}.weight": weight, f"{name}.bias": _tensor(arrays[1], (0,))}


def _attention(name: str, arrays: Arrays) -> State:
    """The order in which `MultiheadAttention` of baskerville-tf keeps its weights: its own two biases come first."""
    content, position, q, k, v, out, out_bias, rel_k = arrays
    kernels = {"to_q": q, "to_k": k, "to_v": v, "to_out": out, "to_rel_k": rel_k}
    return {f"{name}.{part}.weight": _tensor(kernel, (1, 0)) for part, kernel in kernels.items()} | {
        f"{name}.to_out.bias": _tensor(out_bias, (0,)),
        f"{name}.rel_content_bias": torch.from_numpy(content),
        f"{name}.rel_pos_bias": torch.from_numpy(position),
    }


_ARRANGE: Mapping[str, Callable[[str, Arrays], State]] = {
    "conv1d": _conv,
    "batch_normalization": _norm,
    "layer_normalization": _norm,
    "multihead_attention": _attention,
    "separable_conv1d": _separable,
    "dense": _dense,
}
