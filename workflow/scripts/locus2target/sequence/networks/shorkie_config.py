"""Sizes of Shorkie and Shorkie LM, read from the `params.json` that is published with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import BASES
from locus2target.sequence.networks.interface import Geometry
from locus2target.sequence.weights import read_json

PUBLISHED_FILES = "Use params.json and model_best.h5 as published with calico/shorkie-paper."
_SETTINGS: dict[str, dict[str, Any]] = {
    "model": {"activation": "gelu", "norm_type": "batch"},
    "conv_dna": {"norm_type": None, "activation": "linear", "pool_size": 1, "residual": False},
    "res_tower": {"pool_size": 2, "pool_type": "max"},
    "transformer_tower": {"dense_expansion": 2.0, "qkv_width": 1, "content_position_bias": True, "seqlen_train": None},
    "unet_conv": {"upsample_conv": True, "stride": 2},
    "Cropping1D": {},
}


@dataclass(frozen=True, slots=True)
class ShorkieShape:
    """Sizes of a network.

    Attributes
    ----------
    length
        Bases of an input window.
    channels
        Of the input: 170 with the species, 4 without.
    stem_width, stem_kernel
        Channels and bases of the first convolution.
    widths, kernel, convolutions
        Channels of the tower's blocks, width of their first convolution, convolutions in each.
    layers, heads, key_width, position_features
        Of the transformer.
    stages
        U-Net stages.
    unet_kernel
        Columns of their convolution.
    crop_bins
        Bins cut off at each end.
    outputs
        Tracks, or the four bases.
    """

    length: int
    channels: int
    stem_width: int
    stem_kernel: int
    widths: tuple[int, ...]
    kernel: int
    convolutions: int
    layers: int
    heads: int
    key_width: int
    position_features: int
    stages: int
    unet_kernel: int
    crop_bins: int
    outputs: int

    @property
    def geometry(self) -> Geometry:
        """Levels are the tower's blocks that a U-Net stage reads, before pooling, and the tokens."""
        token_bp = 2 ** len(self.widths)
        blocks_reach = self.kernel // 2 * (token_bp - 1)  # a column of block i is 2^i bases wide
        return Geometry(
            length=self.length,
            token_bp=token_bp,
            bin_bp=token_bp >> self.stages,
            crop_bins=self.crop_bins,
            level_bp=tuple(token_bp >> stage for stage in range(self.stages, -1, -1)),
            reach_bp=self.stem_kernel // 2 + blocks_reach,
        )


def read_shape(path: Path) -> ShorkieShape:
    """Sizes from params.json; it may not describe layers that the network here does not have."""
    model = read_json(path).get("model")
    try:
        return _shape(model)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"not the parameters of Shorkie ({type(error).__name__}: {error})", where=str(path), remedy=PUBLISHED_FILES
        ) from error


def _shape(model: Any) -> ShorkieShape:
    blocks = model["trunk"]
    names = [block["name"] for block in blocks]
    stages = names.count("unet_conv")
    cropped = names[-1] == "Cropping1D"
    if names != ["conv_dna", "res_tower", "transformer_tower", *["unet_conv"] * stages, *["Cropping1D"] * cropped]:
        raise ValueError(f"trunk of {', '.join(names)}")
    for block in [model | {"name": "model"}, *blocks]:
        _refuse_settings(block)
    stem, tower, transformer, *rest = blocks
    heads = [model[key] for key in sorted(model) if key.startswith("head")]
    shape = ShorkieShape(
        length=model["seq_length"],
        channels=len(BASES),
        stem_width=stem["filters"],
        stem_kernel=stem["kernel_size"],
        widths=_tower_widths(tower["filters_init"], tower["filters_end"], tower["divisible_by"], tower["repeat"]),
        kernel=tower["kernel_size"],
        convolutions=tower["num_convs"],
        layers=transformer["repeat"],
        heads=transformer["heads"],
        key_width=transformer["key_size"],
        position_features=transformer["num_position_features"],
        stages=stages,
        unet_kernel=rest[0]["kernel_size"],
        crop_bins=rest[-1]["cropping"] if cropped else 0,
        outputs=heads[0]["units"],
    )
    if not 1 <= stages <= len(shape.widths) or shape.length % 2 ** len(shape.widths) or shape.widths[-1] % shape.heads:
        raise ValueError("its sizes do not fit together")
    return shape


def _refuse_settings(block: Mapping[str, Any]) -> None:
    """Refuse settings that would make other layers than those here; what is unset has the value that we expect."""
    for setting, expected in _SETTINGS[block["name"]].items():
        if block.get(setting, expected) != expected:
            raise ValueError(f"{block['name']} with {setting} = {block[setting]}")


def _tower_widths(first: int, last: int, divisor: int, blocks: int) -> tuple[int, ...]:
    """Widths that grow geometrically, each rounded to a multiple of `divisor` (baskerville's `res_tower`)."""
    ratio = np.exp(np.log(last / first) / (blocks - 1))
    return tuple(int(np.round(first * ratio**i / divisor) * divisor) for i in range(blocks))
