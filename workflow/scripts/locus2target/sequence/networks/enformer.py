"""Enformer (Avsec et al., Nature Methods 2021) with the parameter names of enformer-pytorch.

The published weights are `EleutherAI/enformer-official-rough` on Hugging Face: DeepMind's, converted. Their
architecture is that of enformer-pytorch 0.8.12 with `use_tf_gamma=True`, on 196,608 bases.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.networks.enformer_positions import positional_features
from locus2target.sequence.networks.interface import DecodeSpan, Geometry
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_json, read_state_dict

_STEM_KERNEL = 15
_TOWER_KERNEL = 5
_QUERIES = 512  # queries attended at a time; their positional logits are (B, heads, queries, tokens + queries)
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
# enformer-pytorch registers its parts twice; files hold either name or both.
_PARTS = {
    "_trunk.1.": "stem.",
    "_trunk.2.": "conv_tower.",
    "_trunk.4.": "transformer.",
    "_trunk.6.": "final_pointwise.",
}


@dataclass(frozen=True, slots=True)
class EnformerConfig:
    """Shape of an Enformer; the defaults are those of the published weights.

    Attributes
    ----------
    dim
        Channels of a token.
    depth, heads
        Transformer layers, and heads of each.
    output_heads
        Tracks by species.
    target_length
        Output bins in the middle of the window.
    attn_dim_key
        Channels of a key per head.
    num_downsamples
        Poolings by two before the transformer.
    dim_divisible_by
        Widths of the tower are multiples of it.
    length
        Bases of a window.
    """

    dim: int = 1536
    depth: int = 11
    heads: int = 8
    output_heads: Mapping[str, int] = field(default_factory=lambda: {"human": 5313, "mouse": 1643})
    target_length: int = 896
    attn_dim_key: int = 64
    num_downsamples: int = 7
    dim_divisible_by: int = 128
    length: int = 196_608

    def __post_init__(self) -> None:
        if self.dim % (6 * self.heads):
            raise ValueError(f"dim {self.dim} is not a multiple of 6 x {self.heads} heads")
        spare = self.tokens - self.target_length
        if self.length % self.token_bp or spare < 0 or spare % 2:
            raise ValueError(f"{self.target_length} bins are not the middle of {self.length} bases in whole bins")

    @property
    def token_bp(self) -> int:
        """Bases per token."""
        return int(2**self.num_downsamples)

    @property
    def tokens(self) -> int:
        """Tokens of a window."""
        return self.length // self.token_bp

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels after the stem and after each block of the tower: from half of `dim` geometrically to `dim`."""
        first, blocks, unit = self.dim // 2, self.num_downsamples - 1, self.dim_divisible_by
        growth = math.exp(math.log(self.dim / first) / (blocks - 1))
        return first, *(round(first * growth**block / unit) * unit for block in range(blocks))

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: Path) -> "EnformerConfig":
        """Shape from the `config.json` of a Hugging Face folder.

        Raises
        ------
        InputError
            For a key that is missing or makes no network, and for `use_tf_gamma: false`.
        """
        if values.get("use_tf_gamma", True) is not True:
            raise InputError(
                f"use_tf_gamma is {values['use_tf_gamma']}, but DeepMind's weights need TensorFlow's gamma features",
                where=str(where),
                remedy="enformer-pytorch writes false when it saves a folder, whatever the weights are: remove the key "
                "if these are DeepMind's. Weights trained with enformer-pytorch's own features are not supported.",
            )
        keys = [key for key in cls.__slots__ if key != "length"]
        missing = [key for key in keys if key not in values]
        if missing:
            raise InputError(
                f"no {', '.join(missing)} inside", where=str(where), remedy="Use the file published with the weights."
            )
        try:
            return cls(**{key: values[key] for key in keys})
        except (ValueError, TypeError) as error:
            raise InputError(str(error), where=str(where), remedy="Use the file published with the weights.") from error


class Enformer(nn.Module):
    """Enformer, a `ProfileNetwork`; it has the heads of all species and predicts with that of one.

    Parameters
    ----------
    config
        Shape.
    species
        Head that it predicts with; a key of `config.output_heads`.
    """

    is_local = True

    def __init__(self, config: EnformerConfig, species: str = "human") -> None:
        super().__init__()
        self.config, self.species = config, species
        widths = config.widths
        self.stem = nn.Sequential(
            nn.Conv1d(4, widths[0], _STEM_KERNEL, padding=_STEM_KERNEL // 2),
            Residual(*_conv_block(widths[0], widths[0], 1)),
            AttentionPool(widths[0]),
        )
        self.conv_tower = nn.Sequential(*map(_tower_block, widths[:-1], widths[1:]))
        self.transformer = nn.ModuleList(TransformerLayer(config) for _ in range(config.depth))
        # The place of a block in the middle is part of the published names.
        block = nn.Sequential(*_conv_block(widths[-1], 2 * config.dim, 1))
        self.final_pointwise = nn.Sequential(nn.Identity(), block, nn.Identity(), nn.Identity(), Gelu())
        self._heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(2 * config.dim, tracks)) for name, tracks in config.output_heads.items()}
        )
        features = torch.from_numpy(positional_features(config.tokens, config.dim // config.heads))
        self.register_buffer("_features", features, persistent=False)
        self._features: torch.Tensor

    @property
    def geometry(self) -> Geometry:
        """Shape of input and output.

        A convolution of k columns of s bases each reaches s * (k - 1) / 2 bases; pooling takes whole columns together
        and reaches no further. The stem reads bases, the blocks of the tower columns of 2, 4, ... bases.
        """
        config = self.config
        blocks = sum(2**level for level in range(1, config.num_downsamples))
        return Geometry(
            length=config.length,
            token_bp=config.token_bp,
            bin_bp=config.token_bp,
            crop_bins=(config.tokens - config.target_length) // 2,
            level_bp=(config.token_bp,),
            reach_bp=_STEM_KERNEL // 2 + _TOWER_KERNEL // 2 * blocks,
        )

    @property
    def n_tracks(self) -> int:
        """Tracks of the head."""
        return self.config.output_heads[self.species]

    def convolve(self, sequence: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Convolution tower: one-hot (B, 4, n) to the tokens (B, dim, n / token_bp) alone."""
        return (self.conv_tower(self.stem(sequence)),)

    def transform(self, tokens: torch.Tensor) -> torch.Tensor:
        """Trunk: (B, dim, N) tokens of a whole window to the same shape."""
        if tokens.shape[2] != self.config.tokens:
            raise ValueError(f"{tokens.shape[2]} tokens are not a window of {self.config.tokens}")
        mixed = tokens.transpose(1, 2)
        features = self._features.to(mixed.dtype)
        for layer in self.transformer:
            mixed = layer(mixed, features)
        return mixed.transpose(1, 2)

    def decode_span(self, start: int, stop: int) -> DecodeSpan:
        """Tokens that decide output bins `start` to `stop`: the bins' own, as the decoder is pointwise."""
        crop = self.geometry.crop_bins
        return DecodeSpan(tokens=slice(start + crop, stop + crop), levels=(slice(0, 0),))

    def decode(
        self, tokens: torch.Tensor, levels: Sequence[torch.Tensor], span: DecodeSpan, start: int, stop: int
    ) -> torch.Tensor:
        """Decoder: embeddings (B, 2 * dim, stop - start) from the bins' tokens (B, dim, stop - start)."""
        del levels, span
        if tokens.shape[2] != stop - start:
            raise ValueError(f"{tokens.shape[2]} tokens for {stop - start} bins")
        embedding: torch.Tensor = self.final_pointwise(tokens)
        return embedding

    def predict(self, embedding: torch.Tensor, tracks: torch.Tensor | None) -> torch.Tensor:
        """Head in float32: (B, 2 * dim, n) to (B, T, n) of the tracks with these indices (int64), or of all."""
        head = f"_heads.{self.species}.0"
        rows = slice(None) if tracks is None else tracks
        weight, bias = self.get_parameter(f"{head}.weight")[rows], self.get_parameter(f"{head}.bias")[rows]
        with torch.autocast(embedding.device.type, enabled=False):
            return F.softplus(F.conv1d(embedding.float(), weight.float()[:, :, None], bias.float()))

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Whole network on whole windows: (B, 4, length) to float32 (B, n_tracks, n_bins)."""
        tokens = self.transform(*self.convolve(sequence))
        bins = self.geometry.n_bins
        span = self.decode_span(0, bins)
        return self.predict(self.decode(tokens[:, :, span.tokens], (), span, 0, bins), None)


def load_enformer(folder: Path, species: str | None = None) -> LoadedNetwork[Enformer]:
    """Enformer from a Hugging Face folder: `config.json`, and `model.safetensors` or `pytorch_model.bin`.

    Parameters
    ----------
    folder
        Local copy of `EleutherAI/enformer-official-rough`.
    species
        Head: `human` (5,313 tracks) or `mouse` (1,643); None for the human one, or the only one.

    Raises
    ------
    InputError
        If a file is missing or damaged, does not fit the architecture, or has no head for the species.
    """
    settings = find_file(folder, ["config.json"])
    config = EnformerConfig.from_json(read_json(settings), where=settings)
    heads = list(config.output_heads)
    head = species if species is not None else "human" if "human" in heads or not heads else heads[0]
    if head not in heads:
        raise InputError(
            f"there is no head for species {head!r}, only for {', '.join(heads)}",
            where=str(settings),
            remedy="Use the folder as published: its output_heads are human and mouse.",
        )
    weights = find_file(folder, _WEIGHT_FILES)
    network = Enformer(config, head)
    load_into(network, published_names(read_state_dict(weights)), where=weights, ignore=("*.num_batches_tracked",))
    return LoadedNetwork(network.eval(), (settings, weights))


def published_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor of enformer-pytorch once, where its files name the trunk's parts again under `_trunk`."""
    names = {name: name for name in state}
    for twin, part in _PARTS.items():
        names.update({name: part + name.removeprefix(twin) for name in state if name.startswith(twin)})
    return {names[name]: tensor for name, tensor in state.items()}


class Gelu(nn.Module):
    """The sigmoid approximation of GELU, x * sigmoid(1.702 x), that Enformer was trained with."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return x * torch.sigmoid(1.702 * x)


class Residual(nn.Module):
    """`x + fn(x)`."""

    def __init__(self, *fn: nn.Module) -> None:
        super().__init__()
        self.fn = nn.Sequential(*fn)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        change: torch.Tensor = self.fn(x)
        return x + change


class AttentionPool(nn.Module):
    """Softmax-weighted mean of two neighbouring columns, per channel: (B, C, n) to (B, C, n / 2).

    The softmax of two logits is a sigmoid of their difference, and the logits are linear in the columns: one product
    with the columns' difference gives both weights.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_attn_logits = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        first, second = columns[:, :, 0::2], columns[:, :, 1::2]
        difference = first - second
        share = torch.sigmoid(F.conv1d(difference, self.to_attn_logits.weight[:, :, 0]))
        return torch.addcmul(second, share, difference)


class RelativeAttention(nn.Module):
    """Attention with relative positions, (B, N, C) to (B, N, C).

    The logit of query i and key j is `(q_i + u) . k_j + (q_i + v) . r(j - i)`, q scaled by `key_dim ** -0.5` and r a
    linear map of the positional features of the distance.
    """

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__()
        self.heads, self.scale = config.heads, config.attn_dim_key**-0.5
        keys, values = config.heads * config.attn_dim_key, config.dim
        self.to_q = nn.Linear(config.dim, keys, bias=False)
        self.to_k = nn.Linear(config.dim, keys, bias=False)
        self.to_v = nn.Linear(config.dim, values, bias=False)
        self.to_out = nn.Linear(values, config.dim)
        self.to_rel_k = nn.Linear(config.dim // config.heads, keys, bias=False)
        self.rel_content_bias = nn.Parameter(torch.randn(1, config.heads, 1, config.attn_dim_key))
        self.rel_pos_bias = nn.Parameter(torch.randn(1, config.heads, 1, config.attn_dim_key))

    def forward(self, tokens: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Apply it, given the features (2N - 1, F) of all distances."""
        query = self._split(self.to_q(tokens)) * self.scale
        key, value = self._split(self.to_k(tokens)), self._split(self.to_v(tokens))
        content, position = query + self.rel_content_bias, query + self.rel_pos_bias
        # One distance more at both ends keeps rows of logits aligned in memory, as fused GPU kernels demand.
        distances = F.pad(self._split(self.to_rel_k(features)[None]), (0, 0, 1, 1))
        attended = [
            F.scaled_dot_product_attention(
                part, key, value, attn_mask=_relative_logits(where, distances, first), scale=1.0
            )
            for part, where, first in zip(
                content.split(_QUERIES, dim=2),
                position.split(_QUERIES, dim=2),
                range(0, tokens.shape[1], _QUERIES),
                strict=True,
            )
        ]
        mixed: torch.Tensor = self.to_out(torch.cat(attended, dim=2).transpose(1, 2).flatten(2))
        return mixed

    def _split(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, heads * D) to (B, heads, N, D)."""
        batch, n, _ = tokens.shape
        return tokens.view(batch, n, self.heads, -1).transpose(1, 2)


def _relative_logits(queries: torch.Tensor, distances: torch.Tensor, first: int) -> torch.Tensor:
    """Positional logits (B, heads, q, N) of queries (B, heads, q, D), the first of which is token `first`.

    `distances`, (1, heads, 2N + 1, D), are the keys of distances -N to N. The q queries meet the distances
    -(first + q) to N - first; in row i the one of key j lies q - i + j columns from its beginning, so a view whose rows
    are one column shorter lines them up.
    """
    batch, heads, q, _ = queries.shape
    n = distances.shape[2] // 2
    logits = queries @ distances[:, :, n - first - q : 2 * n - first + 1].transpose(-1, -2)
    row = n + q
    size = q * (row + 1)
    return logits.as_strided((batch, heads, q, n), (heads * size, size, row, 1), q)


class AttentionBlock(nn.Module):
    """Pre-norm attention with a residual."""

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__()
        self.fn = nn.ModuleList([nn.LayerNorm(config.dim), RelativeAttention(config)])

    def forward(self, tokens: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        norm, attention = self.fn
        mixed: torch.Tensor = attention(norm(tokens), features)
        return tokens + mixed


class TransformerLayer(nn.ModuleList):
    """Attention, then a feed-forward part; (B, N, C) to (B, N, C)."""

    def __init__(self, config: EnformerConfig) -> None:
        wider, back = nn.Linear(config.dim, 2 * config.dim), nn.Linear(2 * config.dim, config.dim)
        # Layers without parameters keep the published places of the others.
        feed_forward = Residual(nn.LayerNorm(config.dim), wider, nn.Identity(), nn.ReLU(), back)
        super().__init__([AttentionBlock(config), feed_forward])

    def forward(self, tokens: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Apply it, given the positional features (2N - 1, F)."""
        attention, feed_forward = self
        mixed: torch.Tensor = feed_forward(attention(tokens, features))
        return mixed


def _conv_block(channels: int, out_channels: int, kernel: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(channels, out_channels, kernel, padding=kernel // 2)
    return nn.BatchNorm1d(channels), Gelu(), conv


def _tower_block(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(*_conv_block(channels, out_channels, _TOWER_KERNEL)),
        Residual(*_conv_block(out_channels, out_channels, 1)),
        AttentionPool(out_channels),
    )
