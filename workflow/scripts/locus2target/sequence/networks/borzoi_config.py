"""Shape of a network of the Borzoi family, read from the parameter files that are published with the weights.

Three kinds of file: `config.json` of borzoi-pytorch (Hugging Face `johahi/*`), `params.json` of Calico's baskerville in
torch, and `params.json` of its TensorFlow predecessor. A setting that makes the computation something else than what
`networks.borzoi` does is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from locus2target.core.errors import InputError
from locus2target.sequence.networks.layers import Gelu

Species = Literal["human", "mouse"]
Block = Mapping[str, Any]

_POOL = 2  # of the stem and of every block
_OTHER_MODEL = "Use the parameters file as it is published with a model of the Borzoi family."


@dataclass(frozen=True, slots=True)
class BorzoiConfig:
    """Shape of the network; the defaults are those of Borzoi.

    Attributes
    ----------
    length
        Bases of a window.
    widths
        Channels after the stem and after each convolution block; the last is the width of the trunk.
    stem_kernel, kernel, decoder_kernel
        Columns of the convolutions of stem, blocks and decoder, odd.
    depth, heads
        Layers of the transformer, and heads of each.
    attention
        `relative` positions (Borzoi), or `rotary` ones (Flashzoi).
    key_dim, value_dim
        Channels per head, with relative positions.
    position_features, position_tokens
        Features of a relative position; tokens of the windows of training, which decide their widths.
    rotary_dim, rotary_base
        With rotary positions, how many channels of a head are turned; angles are powers of one over the base.
    stages
        Stages of the U-Net.
    upsample_conv
        Whether the main path of a stage has a convolution (not in the mini models).
    hidden
        Channels between decoder and head; None where the head reads the decoder (Prime, mini models).
    crop_bins
        Bins dropped at each end.
    human_tracks, mouse_tracks
        Tracks of the heads; None for a head that is not there.
    gelu, epsilon
        Approximation of the GELU, and what the normalizations add to variances.
    """

    length: int = 524_288
    widths: tuple[int, ...] = (512, 608, 736, 896, 1056, 1280, 1536)
    stem_kernel: int = 15
    kernel: int = 5
    decoder_kernel: int = 3
    depth: int = 8
    heads: int = 8
    attention: Literal["relative", "rotary"] = "relative"
    key_dim: int = 64
    value_dim: int = 192
    position_features: int = 32
    position_tokens: int = 4096
    rotary_dim: int = 128
    rotary_base: float = 20_000.0
    stages: int = 2
    upsample_conv: bool = True
    hidden: int | None = 1920
    crop_bins: int = 5120
    human_tracks: int | None = 7611
    mouse_tracks: int | None = None
    gelu: Gelu = "tanh"
    epsilon: float = 1e-3

    @property
    def width(self) -> int:
        """Channels of trunk and decoder."""
        return self.widths[-1]

    @property
    def token_bp(self) -> int:
        """Bases per token."""
        return int(_POOL ** len(self.widths))

    @property
    def bin_bp(self) -> int:
        """Bases per output bin."""
        return int(_POOL ** (len(self.widths) - self.stages))


@dataclass(frozen=True, slots=True)
class Head:
    """A head in a `params.json`.

    Attributes
    ----------
    species
        What it predicts for.
    index
        Its place among the heads of the model.
    block
        Its settings.
    """

    species: Species
    index: int
    block: Block


def config_from_huggingface(
    values: Mapping[str, Any], *, where: str, human_tracks: int | None, mouse_tracks: int | None
) -> BorzoiConfig:
    """Shape from the `config.json` of borzoi-pytorch 0.5.1, whose window and tower are always those of Borzoi.

    Parameters
    ----------
    values
        Content of the file; what it does not name is as in borzoi-pytorch.
    where
        Path of the file, for messages.
    human_tracks, mouse_tracks
        Tracks of the heads that the weights have; the file does not tell.
    """
    model = values.get("model_type")
    if model not in {"borzoi", "prime"}:
        raise InputError(f"model_type is {model!r}, not 'borzoi' or 'prime'", where=where, remedy=_OTHER_MODEL)
    prime = model == "prime"
    bins = 32_768 if prime else 16_384
    kept = values.get("bins_to_return", 12_288 if prime else 6144)
    if not values.get("return_center_bins_only", True):
        kept = bins - 32
    if not 0 < kept <= bins or kept % 2:
        raise InputError(f"bins_to_return is {kept}, not an even number up to {bins}", where=where, remedy=_OTHER_MODEL)
    width = values.get("dim", BorzoiConfig().width)
    return BorzoiConfig(
        widths=(*BorzoiConfig().widths[:-1], width),
        depth=values.get("depth", 8),
        heads=values.get("heads", 8),
        attention="rotary" if values.get("flashed", False) else "relative",
        key_dim=values.get("attn_dim_key", 64),
        value_dim=values.get("attn_dim_value", 192),
        stages=3 if prime else 2,
        hidden=None if prime else 1920,
        crop_bins=(bins - kept) // 2,
        human_tracks=human_tracks,
        mouse_tracks=mouse_tracks,
    )


def find_head(params: Mapping[str, Any], species: Species | None, *, where: str) -> Head:
    """The head of a `params.json` for a species; the first one if none is named."""
    model = _model(params, where)
    names = sorted(key for key in model if key.startswith("head"))
    for index, name in enumerate(names):
        kind: Species = "mouse" if "mouse" in name else "human"
        if species in {None, kind}:
            return Head(kind, index, _single(model[name], name, where))
    raise InputError(
        f"no head for {'any species' if species is None else species} among {names}",
        where=where,
        remedy="Name a species that the model has a head for.",
    )


def config_from_keras(params: Mapping[str, Any], head: Head, *, where: str) -> BorzoiConfig:
    """Shape from a `params.json` of baskerville-tf (commit b06950b): Borzoi, Prime, mini and user-trained models."""
    model = _model(params, where)
    _only(model, "activation", ("gelu",), "relu", where)
    _only(model, "norm_type", ("batch", "batch-sync"), None, where)
    blocks = _Blocks(model, where)
    stem = blocks.take("conv_dna")
    _only(stem, "norm_type", (None,), model["norm_type"], where)
    _only(stem, "activation", ("linear", None), model["activation"], where)
    _only(stem, "pool_size", (_POOL,), 1, where)
    tower = blocks.take("res_tower")
    for key, value, default in (("num_convs", 1, 2), ("pool_size", _POOL, _POOL), ("pool_type", "max", "max")):
        _only(tower, key, (value,), default, where)
    trunk = blocks.take("transformer_tower")
    for key, value in (("qkv_width", 1), ("dense_expansion", 2), ("content_position_bias", True)):
        _only(trunk, key, (value,), value, where)
    stage = blocks.take("unet_conv")
    stages = 1
    while blocks.follows("unet_conv"):
        if blocks.take("unet_conv") != stage:
            raise InputError("the stages of its U-Net differ", where=where, remedy=_OTHER_MODEL)
        stages += 1
    crop_bins = _number(blocks.take("Cropping1D"), "cropping", where) if blocks.follows("Cropping1D") else 0
    hidden = _number(blocks.take("conv_nac"), "filters", where) if blocks.follows("conv_nac") else None
    blocks.finish()
    _only(head.block, "activation", ("softplus",), "linear", where)
    length, heads, trained = (
        _number(model, "seq_length", where),
        _number(trunk, "heads", where),
        trunk.get("seqlen_train"),
    )
    widths = (_number(stem, "filters", where), *_keras_widths(tower, where))
    return BorzoiConfig(
        length=length,
        widths=widths,
        stem_kernel=stem.get("kernel_size", 15),
        kernel=tower.get("kernel_size", 1),
        decoder_kernel=stage.get("kernel_size", 1),
        depth=_number(trunk, "repeat", where),
        heads=heads,
        key_dim=_number(trunk, "key_size", where),
        value_dim=widths[-1] // heads,
        position_features=_number(trunk, "num_position_features", where),
        position_tokens=length // _POOL ** len(widths) if trained is None else trained,
        stages=stages,
        upsample_conv=stage.get("upsample_conv", False),
        crop_bins=crop_bins,
        hidden=hidden,
        human_tracks=_number(head.block, "units", where) if head.species == "human" else None,
        mouse_tracks=_number(head.block, "units", where) if head.species == "mouse" else None,
    )


def config_from_baskerville(params: Mapping[str, Any], head: Head, *, where: str) -> BorzoiConfig:
    """Shape from a `params.json` of baskerville in torch (commit 777c733): its Borzoi and Borzoi Prime releases.

    There, GELU is the exact function and normalizations add 1e-4, unlike in TensorFlow and borzoi-pytorch.
    """
    model = _model(params, where)
    blocks = _Blocks(model, where)
    stem = blocks.take("ConvDNA")
    for key, value, default in (("norm_type", None, "batch"), ("act_func", "linear", "gelu"), ("pool_size", _POOL, 1)):
        _only(stem, key, (value,), default, where)
    tower = blocks.take("ConvTower")
    for key, value, default in (("pool_size", _POOL, 1), ("conv_bias", True, False), ("residual", False, False)):
        _only(tower, key, (value,), default, where)
    trunk = blocks.take("TransformerTower")
    _only(trunk, "type", ("enformer",), "", where)
    for key, value in (("act_func", "relu"), ("norm_type", "layer"), ("expansion", 2), ("extra_norm", False)):
        _only(trunk, key, (value,), value, where)
    _only(trunk, "gated", (None,), None, where)
    decoder = blocks.take("UnetTower")
    _only(decoder, "type", ("borzoi", "v1"), "", where)
    _only(decoder, "skip_match", (False,), True, where)
    for block in (tower, decoder):
        _only(block, "norm_type", ("batch",), model.get("norm_type", "batch"), where)
        _only(block, "act_func", ("gelu",), model.get("act_func", "gelu"), where)
    crop_bins = _number(blocks.take("Crop"), "crop_size", where) if blocks.follows("Crop") else 0
    blocks.finish()
    length = _number(model, "seq_length", where)
    widths = _baskerville_widths(stem, tower, where)
    n_tracks = _number(head.block, "num_targets", where)
    return BorzoiConfig(
        length=length,
        widths=widths,
        stem_kernel=_number(stem, "kernel_size", where),
        kernel=tower.get("kernel_size", 1),
        decoder_kernel=decoder.get("kernel_size", 3),
        depth=_number(trunk, "repeat", where),
        heads=_number(trunk, "heads", where),
        key_dim=trunk.get("key_len", 32),
        value_dim=widths[-1] // _number(trunk, "heads", where),
        position_features=trunk.get("pos_features", 32),
        position_tokens=length // _POOL ** len(widths),
        stages=decoder.get("repeat", 1),
        upsample_conv=decoder.get("upsample_conv", False),
        crop_bins=crop_bins,
        hidden=_baskerville_hidden(head.block, where),
        human_tracks=n_tracks if head.species == "human" else None,
        mouse_tracks=n_tracks if head.species == "mouse" else None,
        gelu="none",
        epsilon=1e-4,
    )


class _Blocks:
    """The blocks of a trunk, taken one after the other."""

    def __init__(self, model: Mapping[str, Any], where: str) -> None:
        self._left = list(model.get("trunk", []))
        self._where = where

    def follows(self, name: str) -> bool:
        """Whether the next block has this name."""
        return bool(self._left) and self._left[0].get("name") == name

    def take(self, name: str) -> Block:
        """The next block, which must have this name."""
        if not self.follows(name):
            found = repr(self._left[0].get("name")) if self._left else "the end"
            raise InputError(
                f"a block {name!r} should follow in the trunk, not {found}", where=self._where, remedy=_OTHER_MODEL
            )
        block: Block = self._left.pop(0)
        return block

    def finish(self) -> None:
        """Refuse blocks that are left."""
        if self._left:
            name = self._left[0].get("name")
            raise InputError(
                f"the trunk has a block {name!r} more than Borzoi has", where=self._where, remedy=_OTHER_MODEL
            )


def _model(params: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    model = params.get("model")
    if not isinstance(model, Mapping):
        raise InputError("no section `model` inside", where=where, remedy=_OTHER_MODEL)
    return model


def _single(head: Any, name: str, where: str) -> Block:
    """The one block of a head, which may stand in a list."""
    blocks = head if isinstance(head, list) else [head]
    if len(blocks) != 1:
        raise InputError(f"{name} has {len(blocks)} blocks where Borzoi has one", where=where, remedy=_OTHER_MODEL)
    block: Block = blocks[0]
    return block


def _only(block: Block, key: str, allowed: Sequence[object], default: object, where: str) -> None:
    """Refuse a setting that the network cannot be built with; `default` holds where it is left out."""
    value = block.get(key, default)
    if value not in allowed:
        name = block.get("name", "model")
        wanted = " or ".join(map(repr, allowed))
        raise InputError(f"{key} of {name} is {value!r}; Borzoi has {wanted}", where=where, remedy=_OTHER_MODEL)


def _number(block: Block, key: str, where: str) -> int:
    value = block.get(key)
    if not isinstance(value, int) or value < 0:
        name = block.get("name", "model")
        raise InputError(f"{key} of {name} is {value!r}, not a whole number", where=where, remedy=_OTHER_MODEL)
    return value


def _keras_widths(tower: Block, where: str) -> list[int]:
    """Widths after each block of a `res_tower`, geometric from `filters_init`."""
    first, repeat = _number(tower, "filters_init", where), _number(tower, "repeat", where)
    factor = tower.get("filters_mult")
    if factor is None:
        factor = (_number(tower, "filters_end", where) / first) ** (1 / (repeat - 1))
    return [_round_to(first * factor**block, tower.get("divisible_by", 1)) for block in range(repeat)]


def _baskerville_widths(stem: Block, tower: Block, where: str) -> tuple[int, ...]:
    """Widths after the stem and each block of a `ConvTower`, geometric from its `in_channels`."""
    first, repeat = _number(tower, "in_channels", where), _number(tower, "repeat", where)
    factor = (_number(tower, "out_channels", where) / first) ** (1 / repeat)
    widths = (_round_to(first * factor**block, tower.get("divisible_by", 1)) for block in range(1, repeat + 1))
    return (_number(stem, "out_channels", where), *widths)


def _baskerville_hidden(head: Block, where: str) -> int | None:
    """Channels of the hidden layer of a head of kind `FinalBorzoi`; None for `Final`, which has none."""
    name = head.get("name")
    if name == "FinalBorzoi":
        _only(head, "norm_type", ("batch",), "batch", where)
        return int(head.get("hidden_channels", 1920))
    if name == "Final":
        _only(head, "norm_type", (None,), "batch", where)
        _only(head, "output_act", ("softplus",), "softplus", where)
        return None
    raise InputError(f"the head is {name!r}, not 'Final' or 'FinalBorzoi'", where=where, remedy=_OTHER_MODEL)


def _round_to(value: float, divisor: int) -> int:
    return round(value / divisor) * divisor
