"""Borzoi, Flashzoi, Borzoi Prime and the mini models: tracks along half a megabase.

The architecture is that of Linder et al. (Nature Genetics 2025) as borzoi-pytorch 0.5.1 and Calico's baskerville have
it, with the tensor names of borzoi-pytorch. `load_borzoi` reads weights in any of the three published formats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.networks.attention import RelativeAttention, RotaryAttention
from locus2target.sequence.networks.borzoi_config import (
    BorzoiConfig,
    Species,
    config_from_baskerville,
    config_from_huggingface,
    config_from_keras,
    find_head,
)
from locus2target.sequence.networks.borzoi_formats import from_baskerville, from_keras, refuse_other_kinds
from locus2target.sequence.networks.interface import DecodeSpan, Geometry
from locus2target.sequence.networks.layers import ConvBlock, Residual, SeparableConv
from locus2target.sequence.weights import (
    LoadedNetwork,
    find_file,
    load_into,
    read_json,
    read_keras_weights,
    read_state_dict,
)

HUGGINGFACE_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
BASKERVILLE_WEIGHTS = "model_best.pth"
KERAS_WEIGHTS: Mapping[Species | None, tuple[str, ...]] = {
    None: ("model_best.h5", "model0_best.h5", "model1_best.h5"),
    "human": ("model_best.h5", "model0_best.h5"),
    "mouse": ("model_best.h5", "model1_best.h5"),  # weights of the head with this index among those of params.json
}
PARAMETERS = ("params.json", "../params.json", "train/params.json")  # Calico keeps one for all folds beside them


@dataclass(frozen=True, slots=True)
class _Stage:
    """Columns of one stage of the decoder: those that it makes, and those that its convolution reads for them."""

    made: slice
    read: slice


class Stem(nn.Module):
    """First convolution and pool: (B, 4, n) to (B, C, n / 2)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv1d(4, channels, kernel, padding=kernel // 2)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        return F.max_pool1d(self.conv_layer(sequence), 2)


class Borzoi(nn.Module):
    """A network of the Borzoi family; `networks.interface.ProfileNetwork` says what its methods do.

    Fine-tuned networks put their own modules into it:

    - `transformer[i][0].adapter` is applied to the output of attention, `transformer[i][1].adapter` to that of the
      feed-forward layers, each before it is added to the residual (Houlsby adapters);
    - `adapter` of any `ConvBlock` is applied to the output of its convolution (squeeze-and-excitation). One that
      looks beyond its own column makes `convolve` of a piece, and `decode` of some bins, inexact: whoever sets it
      also sets `is_local`.

    They are None at first, and part of the state dict once they are set.

    Attributes
    ----------
    is_local
        Whether `convolve` of a piece equals the same columns of the whole window.
    config
        Shape of the network.
    species
        Whose head `predict` uses: the human one, if there is one, until another is set.
    """

    is_local: bool = True

    def __init__(self, config: BorzoiConfig) -> None:
        super().__init__()
        self.config = config
        self.species: Species = "mouse" if config.human_tracks is None else "human"
        self.conv_dna = Stem(config.widths[0], config.stem_kernel)
        blocks = [_conv_block(config, *widths, config.kernel) for widths in pairwise(config.widths)]
        in_tower = len(blocks) - (config.stages - 1)
        tower = [module for block in blocks[:in_tower] for module in (block, nn.MaxPool1d(2))]
        self.res_tower = nn.Sequential(*tower[:-1])
        for stage, block in enumerate(blocks[in_tower:], start=1):
            self.add_module(f"unet{stage}", nn.Sequential(nn.MaxPool1d(2), block))
        self.transformer = nn.Sequential(*(_transformer_layer(config) for _ in range(config.depth)))
        for stage, skip_width in enumerate(config.widths[-config.stages :]):
            main = config.width if config.upsample_conv else None
            upsampling = nn.Sequential(_conv_block(config, config.width, main, 1), nn.Upsample(scale_factor=2))
            self.add_module(f"upsampling_unet{stage}", upsampling)
            self.add_module(f"horizontal_conv{stage}", _conv_block(config, skip_width, config.width, 1))
            self.add_module(f"separable{stage}", SeparableConv(config.width, config.decoder_kernel))
        gelu = nn.GELU(approximate=config.gelu)
        self.final_joined_convs = (
            gelu
            if config.hidden is None
            else nn.Sequential(_conv_block(config, config.width, config.hidden, 1), nn.Identity(), gelu)
        )
        embedding = config.width if config.hidden is None else config.hidden
        if config.human_tracks is not None:
            self.human_head = nn.Conv1d(embedding, config.human_tracks, 1)
        if config.mouse_tracks is not None:
            self.mouse_head = nn.Conv1d(embedding, config.mouse_tracks, 1)

    @property
    def geometry(self) -> Geometry:
        """Shape of input and output."""
        config = self.config
        return Geometry(
            length=config.length,
            token_bp=config.token_bp,
            bin_bp=config.bin_bp,
            crop_bins=config.crop_bins,
            level_bp=tuple(config.bin_bp * 2**level for level in range(config.stages + 1)),
            reach_bp=config.stem_kernel // 2
            + sum((config.kernel // 2) * 2**block for block in range(1, len(config.widths))),
        )

    @property
    def n_tracks(self) -> int:
        """Tracks of the head."""
        return self._head.out_channels

    @property
    def _head(self) -> nn.Conv1d:
        return self.human_head if self.species == "human" else self.mouse_head

    def convolve(self, sequence: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Convolution tower: one-hot (B, 4, n) to its levels, finest first, the tokens last."""
        levels = [self.res_tower(self.conv_dna(sequence))]
        for stage in range(1, self.config.stages):
            levels.append(self.get_submodule(f"unet{stage}")(levels[-1]))
        return (*levels, F.max_pool1d(levels[-1], 2))

    def transform(self, tokens: torch.Tensor) -> torch.Tensor:
        """Transformer: (B, C, N) tokens to as many."""
        transformed: torch.Tensor = self.transformer(tokens.transpose(1, 2))
        return transformed.transpose(1, 2)

    def decode_span(self, start: int, stop: int) -> DecodeSpan:
        """Columns that decide output bins `start` to `stop`."""
        tokens, stages = self._stages(start, stop)
        return DecodeSpan(tokens, (*(stage.read for stage in stages), slice(0, 0)))

    def decode(
        self, tokens: torch.Tensor, levels: Sequence[torch.Tensor], span: DecodeSpan, start: int, stop: int
    ) -> torch.Tensor:
        """Decoder: embeddings (B, E, stop - start) from columns already cut to `span`.

        A stage pads its convolution with zeros only where its columns end with the window; elsewhere it reads the
        columns beyond those that it makes.
        """
        _, stages = self._stages(start, stop)
        half = self.config.decoder_kernel // 2
        columns, first = tokens, span.tokens.start
        for index in reversed(range(self.config.stages)):
            made, read = stages[index].made, stages[index].read
            columns = self.get_submodule(f"upsampling_unet{index}")(columns)
            columns = columns[..., read.start - 2 * first : read.stop - 2 * first]
            columns = columns + self.get_submodule(f"horizontal_conv{index}")(levels[index])
            left, right = half - (made.start - read.start), half - (read.stop - made.stop)
            columns = self.get_submodule(f"separable{index}")(columns, left, right)
            first = made.start
        embedding: torch.Tensor = self.final_joined_convs(columns)
        return embedding

    def predict(self, embedding: torch.Tensor, tracks: torch.Tensor | None) -> torch.Tensor:
        """Head in float32, under autocast too: (B, E, n) to (B, T, n)."""
        weight, bias = self._head.weight, self._head.bias
        if tracks is not None:
            weight, bias = weight[tracks], None if bias is None else bias[tracks]
        with torch.autocast(embedding.device.type, enabled=False):
            logits = F.conv1d(embedding.float(), weight.float(), None if bias is None else bias.float())
            return F.softplus(logits)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """Whole windows: (B, 4, length) to float32 (B, n_tracks, n_bins)."""
        *levels, tokens = self.convolve(sequence)
        n_bins = self.geometry.n_bins
        span = self.decode_span(0, n_bins)
        cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=False)]
        embedding = self.decode(self.transform(tokens)[..., span.tokens], cut, span, 0, n_bins)
        return self.predict(embedding, None)

    def _stages(self, start: int, stop: int) -> tuple[slice, list[_Stage]]:
        """Tokens and columns of each stage, finest first, that decide output bins `start` to `stop`."""
        geometry, half = self.geometry, self.config.decoder_kernel // 2
        if not 0 <= start < stop <= geometry.n_bins:
            raise ValueError(f"bins {start} to {stop} are not within the {geometry.n_bins} output bins")
        made = slice(start + geometry.crop_bins, stop + geometry.crop_bins)
        stages = []
        for level_bp in geometry.level_bp[:-1]:
            read = slice(max(made.start - half, 0), min(made.stop + half, geometry.length // level_bp))
            stages.append(_Stage(made, read))
            made = slice(read.start // 2, -(-read.stop // 2))
        return made, stages


def load_borzoi(folder: Path, species: Species | None = None) -> LoadedNetwork[Borzoi]:
    """Load a published network; the files in the folder tell the format.

    Parameters
    ----------
    folder
        Holds either `config.json` and weights of borzoi-pytorch (Hugging Face `johahi/*`), or `model_best.pth` of
        Calico's baskerville in torch, or `model_best.h5` or `model<head>_best.h5` of its TensorFlow predecessor. For
        the last two, `params.json` is in the folder or beside it.
    species
        Whose head to use; by default the only one, or else the human one.

    Raises
    ------
    InputError
        If files are missing or do not fit together, or the network is not of the Borzoi family.
    """
    if (folder / "config.json").is_file():
        return _load_huggingface(folder, species)
    weights = find_file(folder, ("config.json", BASKERVILLE_WEIGHTS, *KERAS_WEIGHTS[species]))
    parameters = find_file(folder, PARAMETERS)
    if weights.suffix == ".pth":
        return _load_baskerville(weights, parameters, species)
    return _load_keras(weights, parameters, species)


def _load_huggingface(folder: Path, species: Species | None) -> LoadedNetwork[Borzoi]:
    parameters, weights = folder / "config.json", find_file(folder, HUGGINGFACE_WEIGHTS)
    state = read_state_dict(weights)
    tracks = {
        kind: state[f"{kind}_head.weight"].shape[0] for kind in ("human", "mouse") if f"{kind}_head.weight" in state
    }
    if not tracks or species not in {None, *tracks}:
        raise InputError(
            f"no head for {'human or mouse' if species is None else species} among the weights",
            where=str(weights),
            remedy="Use the published folder of that species.",
        )
    config = config_from_huggingface(
        read_json(parameters),
        where=str(parameters),
        human_tracks=tracks.get("human"),
        mouse_tracks=tracks.get("mouse"),
    )
    loaded = _load(config, state, weights, parameters)
    loaded.network.species = loaded.network.species if species is None else species
    return loaded


def _load_baskerville(weights: Path, parameters: Path, species: Species | None) -> LoadedNetwork[Borzoi]:
    params, where = read_json(parameters), str(parameters)
    head = find_head(params, species, where=where)
    config = config_from_baskerville(params, head, where=where)
    return _load(config, from_baskerville(read_state_dict(weights), config, head), weights, parameters)


def _load_keras(weights: Path, parameters: Path, species: Species | None) -> LoadedNetwork[Borzoi]:
    params, where = read_json(parameters), str(parameters)
    if species is None and weights.name == "model1_best.h5":
        species = "mouse"
    head = find_head(params, species, where=where)
    config = config_from_keras(params, head, where=where)
    layers = read_keras_weights(weights)
    refuse_other_kinds(layers, where=str(weights))
    return _load(config, from_keras(layers, config, head, where=str(weights)), weights, parameters)


def _load(
    config: BorzoiConfig, state: Mapping[str, torch.Tensor], weights: Path, parameters: Path
) -> LoadedNetwork[Borzoi]:
    """Build the network without the time that random weights take, and fill it."""
    with torch.device("meta"):
        network = Borzoi(config)
    network.to_empty(device="cpu")
    for buffer in network.buffers():
        buffer.zero_()  # counts of batches, which some formats do not keep and evaluation does not read
    load_into(network, state, where=weights, ignore=("*.num_batches_tracked", "*.rotary_emb.inv_freq"))
    return LoadedNetwork(network.eval(), (weights, parameters))


def _conv_block(config: BorzoiConfig, channels: int, out_channels: int | None, kernel: int) -> ConvBlock:
    return ConvBlock(channels, out_channels, kernel, gelu=config.gelu, epsilon=config.epsilon)


def _transformer_layer(config: BorzoiConfig) -> nn.Sequential:
    """Attention and feed-forward layers; places of dropouts are kept, as published tensor names count them."""
    width = config.width
    attention: nn.Module
    if config.attention == "rotary":
        attention = RotaryAttention(width, config.heads, rotary_dim=config.rotary_dim, base=config.rotary_base)
    else:
        attention = RelativeAttention(
            width,
            config.heads,
            key_dim=config.key_dim,
            value_dim=config.value_dim,
            features=config.position_features,
            position_tokens=config.position_tokens,
        )
    ffn = (nn.Linear(width, 2 * width), nn.Identity(), nn.ReLU(), nn.Linear(2 * width, width))
    return nn.Sequential(
        Residual(nn.LayerNorm(width, eps=config.epsilon), attention),
        Residual(nn.LayerNorm(width, eps=config.epsilon), *ffn),
    )
