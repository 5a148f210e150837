"""Shorkie and Shorkie LM: yeast expression and a language model of yeast DNA (Chao et al. 2025, calico/shorkie-paper).

Both read 16,384 bases and share one trunk: a residual convolution tower down to 128 bases per token, transformer layers
as Borzoi's, and U-Net stages that go back up. Shorkie has three stages (bins of 16 bases) and a head of tracks; Shorkie
LM has seven (single bases) and a softmax over the bases. Facts: `params.json` in calico/shorkie-paper, `blocks.py` and
`seqnn.py` in calico/baskerville-yeast, and tdsone/shorkie-pytorch, which agrees with the published weights.

The published input has 170 channels: the four bases, one that is always 0, and one for each of the 165 species of the
language model's corpus. The species' channel is 1 at every base of the window; S. cerevisiae (R64) is channel 114. The
networks here take the four bases alone and add the species themselves.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import BASES
from locus2target.sequence.networks.attention import RelativeAttention
from locus2target.sequence.networks.interface import DecodeSpan, Geometry
from locus2target.sequence.networks.keras_layers import KerasLayers
from locus2target.sequence.networks.layers import ConvBlock, Residual, SeparableConv
from locus2target.sequence.networks.shorkie_config import PUBLISHED_FILES, ShorkieShape, read_shape
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_state_dict

NetworkT = TypeVar("NetworkT", bound="YeastNetwork")
S_CEREVISIAE = 114
EPSILON = 1e-3
_TORCH_FILES = ("model.safetensors", "model_best.pth", "model.pth")
_KERAS_FILES = ("model_best.h5", "train/model_best.h5", "model.h5")
_PARAMS_FILES = ("params.json", "../params.json")


class YeastNetwork(nn.Module):
    """Trunk that Shorkie and Shorkie LM share; a `ProfileNetwork` but for the head.

    Parameters
    ----------
    shape
        Sizes.
    """

    is_local = True

    def __init__(self, shape: ShorkieShape) -> None:
        super().__init__()
        self.shape = shape
        self.stem = nn.Conv1d(shape.channels, shape.stem_width, shape.stem_kernel, padding="same")
        self.tower = nn.ModuleList(
            TowerBlock(width, wider, shape.kernel, shape.convolutions)
            for width, wider in pairwise((shape.stem_width, *shape.widths))
        )
        width = shape.widths[-1]
        self.transformer = nn.Sequential(*(_transformer_layer(shape) for _ in range(shape.layers)))
        self.stages = nn.ModuleList(
            UpStage(width, skip, shape.unet_kernel) for skip in shape.widths[: -shape.stages - 1 : -1]
        )
        self.activation = nn.GELU(approximate="tanh")
        self.head = nn.Conv1d(width, shape.outputs, 1)

    @property
    def geometry(self) -> Geometry:
        """Shape of input and output."""
        return self.shape.geometry

    @property
    def n_tracks(self) -> int:
        """Outputs of the head."""
        return self.shape.outputs

    def convolve(self, sequence: Tensor) -> tuple[Tensor, ...]:
        """Tower: (B, 4, n) to the levels that the U-Net reads, finest first, and the tokens."""
        x = self._stem(sequence)
        levels = []
        for block in self.tower:
            level = block(x)
            levels.append(level)
            x = functional.max_pool1d(level, 2)
        return (*levels[len(levels) - len(self.stages) :], x)

    def transform(self, tokens: Tensor) -> Tensor:
        """Transformer: (B, C, N) to (B, C, N)."""
        mixed: Tensor = self.transformer(tokens.transpose(1, 2))
        return mixed.transpose(1, 2)

    def decode_span(self, start: int, stop: int) -> DecodeSpan:
        """Columns that decide bins `start` to `stop`, counted after the crop."""
        reads = self._reads(start, stop)
        coarsest = reads[0]
        tokens = slice(coarsest.start // 2, -(-coarsest.stop // 2))
        return DecodeSpan(tokens=tokens, levels=(*reads[::-1], slice(0, 0)))

    def decode(self, tokens: Tensor, levels: Sequence[Tensor], span: DecodeSpan, start: int, stop: int) -> Tensor:
        """Embeddings (B, C, stop - start) from columns cut to `span`."""
        x, first = tokens, span.tokens.start
        skips = zip(levels[len(self.stages) - 1 :: -1], span.levels[len(self.stages) - 1 :: -1], strict=True)
        for stage, (level, columns) in zip(self.stages, skips, strict=True):
            x = stage(x, level, columns.start - 2 * first)
            first = columns.start
        cut = start + self.shape.crop_bins - first
        embedding: Tensor = self.activation(x[..., cut : cut + stop - start])
        return embedding

    def forward(self, sequence: Tensor) -> Tensor:
        """Whole windows (B, 4, length) to float32 (B, outputs, n_bins)."""
        levels = self.convolve(sequence)
        bins = self.geometry.n_bins
        span = self.decode_span(0, bins)
        cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
        return self.predict(self.decode(self.transform(levels[-1])[..., span.tokens], cut, span, 0, bins), None)

    def predict(self, embedding: Tensor, tracks: Tensor | None) -> Tensor:
        """Head in float32: (B, C, n) to (B, T, n) of the outputs with these indices, or of all."""
        raise NotImplementedError

    def _stem(self, sequence: Tensor) -> Tensor:
        """First convolution; of the species, only the channel that is not 0 is computed."""
        weight, bias = self.stem.weight, self.stem.bias
        if self.shape.channels > len(BASES):
            weight = weight[:, [*range(len(BASES)), S_CEREVISIAE]]
            sequence = torch.cat([sequence, torch.ones_like(sequence[:, :1])], dim=1)
        return functional.conv1d(sequence, weight, bias, padding="same")

    def _reads(self, start: int, stop: int) -> list[slice]:
        """Columns that each stage reads from its level, coarsest first, to make output bins."""
        geometry = self.geometry
        half = self.shape.unet_kernel // 2
        start, stop = start + geometry.crop_bins, stop + geometry.crop_bins
        reads = []
        for level_bp in geometry.level_bp[:-1]:
            columns = slice(max(start - half, 0), min(stop + half, geometry.length // level_bp))
            reads.append(columns)
            start, stop = columns.start // 2, -(-columns.stop // 2)
        return reads[::-1]


class Shorkie(YeastNetwork):
    """Shorkie fine-tuned on tracks."""

    def predict(self, embedding: Tensor, tracks: Tensor | None) -> Tensor:
        """Head in float32: (B, C, n) to (B, T, n) of the tracks with these indices (int64), or of all."""
        weight, bias = self.head.weight, self.head.bias
        if tracks is not None and bias is not None:
            weight, bias = weight[tracks], bias[tracks]
        return functional.softplus(_head(embedding, weight, bias))


class ShorkieLm(YeastNetwork):
    """Shorkie's language model: a `ProfileNetwork` whose bins are bases and whose tracks are A, C, G, T."""

    def predict(self, embedding: Tensor, tracks: Tensor | None) -> Tensor:
        """Log probabilities in float32, (B, C, n) to (B, 4, n), or of some bases."""
        log_probabilities = _head(embedding, self.head.weight, self.head.bias).log_softmax(dim=1)
        return log_probabilities if tracks is None else log_probabilities[:, tracks]

    def base_log_probs(self, one_hot: Tensor) -> Tensor:
        """Natural logarithm of the probability of each base at each position.

        Parameters
        ----------
        one_hot
            (B, 4, length); a masked base is a column of zeros.

        Returns
        -------
        Tensor
            Float32 (B, 4, length), order ACGT.
        """
        return self.forward(one_hot)


class TowerBlock(nn.Module):
    """Convolution, then pointwise convolutions whose result is added times a factor per channel."""

    def __init__(self, width: int, wider: int, kernel: int, convolutions: int) -> None:
        super().__init__()
        self.wide = _norm_conv(width, wider, kernel)
        self.narrow = nn.Sequential(*(_norm_conv(wider, wider, 1) for _ in range(convolutions - 1)))
        self.scale = nn.Parameter(torch.zeros(wider))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, L) to (B, wider, L)."""
        x = self.wide(x)
        added: Tensor = self.scale[:, None] * self.narrow(x)
        return x + added


class UpStage(nn.Module):
    """U-Net stage: twice the columns, a level of the tower added, a separable convolution."""

    def __init__(self, width: int, skip: int, kernel: int) -> None:
        super().__init__()
        self.main = _norm_conv(width, width, 1)
        self.skip = _norm_conv(skip, width, 1)
        self.mix = SeparableConv(width, kernel)
        self.reach = kernel // 2

    def forward(self, x: Tensor, level: Tensor, offset: int) -> Tensor:
        """(B, C, N) and a level (B, S, K), whose first column is `offset` after twice the first of x, to (B, C, K)."""
        upsampled = self.main(x).repeat_interleave(2, dim=-1)[..., offset : offset + level.shape[-1]]
        mixed: Tensor = self.mix(upsampled + self.skip(level), self.reach, self.reach)
        return mixed


def _norm_conv(width: int, wider: int, kernel: int) -> ConvBlock:
    return ConvBlock(width, wider, kernel, gelu="tanh", epsilon=EPSILON)


def _transformer_layer(shape: ShorkieShape) -> nn.Sequential:
    """Attention and a feed-forward network of twice the width, each after a layer norm and added to its input."""
    width = shape.widths[-1]
    attention = RelativeAttention(
        width,
        shape.heads,
        key_dim=shape.key_width,
        value_dim=width // shape.heads,
        features=shape.position_features,
        position_tokens=shape.length // shape.geometry.token_bp,
    )
    return nn.Sequential(
        Residual(nn.LayerNorm(width, eps=EPSILON), attention),
        Residual(nn.LayerNorm(width, eps=EPSILON), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)),
    )


def _head(embedding: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Linear map of each column in float32, under autocast too."""
    with torch.autocast(embedding.device.type, enabled=False):
        return functional.conv1d(embedding.float(), weight.float(), None if bias is None else bias.float())


def load_shorkie(folder: Path) -> LoadedNetwork[Shorkie]:
    """Shorkie from a folder.

    Parameters
    ----------
    folder
        `params.json` (there, or one folder up as in the bucket of the authors) and `model_best.h5` as published, or our
        state dict in `model.safetensors` or `model_best.pth`. S. cerevisiae is the species.

    Raises
    ------
    InputError
        If a file is missing or damaged, the parameters describe something else, or a tensor does not fit.
    """
    return _load(folder, Shorkie)


def load_shorkie_lm(folder: Path) -> LoadedNetwork[ShorkieLm]:
    """Shorkie's language model from a folder with the same files as `load_shorkie`.

    Raises
    ------
    InputError
        As `load_shorkie`, and if the head does not give four bases at every base of the window.
    """
    loaded = _load(folder, ShorkieLm)
    shape, geometry = loaded.network.shape, loaded.network.geometry
    if (shape.outputs, geometry.bin_bp, geometry.crop_bins) != (4, 1, 0):
        raise InputError(
            f"a language model has 4 outputs per base and no crop; here are {shape.outputs} outputs per "
            f"{geometry.bin_bp} bases and {geometry.crop_bins} bins cropped",
            where=str(folder),
            remedy="For Shorkie fine-tuned on tracks, use the backend `shorkie`.",
        )
    return loaded


def _load(folder: Path, family: type[NetworkT]) -> LoadedNetwork[NetworkT]:
    parameters = find_file(folder, _PARAMS_FILES)
    path = find_file(folder, (*_TORCH_FILES, *_KERAS_FILES))
    shape = read_shape(parameters)
    state = _read_keras(path, shape) if path.suffix == ".h5" else read_state_dict(path)
    if "stem.weight" not in state:
        raise InputError("tensor stem.weight is missing", where=str(path), remedy=PUBLISHED_FILES)
    channels = state["stem.weight"].shape[1]  # params.json does not say
    if channels != len(BASES) and channels <= S_CEREVISIAE:
        raise InputError(
            f"tensor stem.weight reads {channels} channels; 4 (bases) or 170 (with species) were expected",
            where=str(path),
            remedy=PUBLISHED_FILES,
        )
    with torch.device("meta"):  # random weights would take longer than reading the right ones
        network = family(replace(shape, channels=channels))
    network.to_empty(device="cpu")
    load_into(network, state, where=path, ignore=("*.num_batches_tracked",))
    return LoadedNetwork(network.eval(), (path, parameters))


def _read_keras(path: Path, shape: ShorkieShape) -> dict[str, Tensor]:
    layers = KerasLayers(path)
    layers.conv("stem")
    for block in range(len(shape.widths)):
        names = [f"tower.{block}.wide", *(f"tower.{block}.narrow.{i}" for i in range(shape.convolutions - 1))]
        for name in names:
            layers.batch_norm(f"{name}.norm")
            layers.conv(f"{name}.conv_layer")
        layers.scale(f"tower.{block}.scale")
    for layer in range(shape.layers):
        attention, feed_forward = f"transformer.{layer}.0.fn", f"transformer.{layer}.1.fn"
        layers.layer_norm(f"{attention}.0")
        layers.attention(f"{attention}.1")
        layers.layer_norm(f"{feed_forward}.0")
        layers.dense(f"{feed_forward}.1")
        layers.dense(f"{feed_forward}.3")
    for stage in range(shape.stages):
        for part in ("main", "skip"):
            layers.batch_norm(f"stages.{stage}.{part}.norm")
        for part in ("main", "skip"):
            layers.dense(f"stages.{stage}.{part}.conv_layer", as_conv=True)
        layers.separable_conv(f"stages.{stage}.mix.conv_layer.0", f"stages.{stage}.mix.conv_layer.1")
    layers.dense("head", as_conv=True)
    layers.require_all_taken()
    return layers.state
