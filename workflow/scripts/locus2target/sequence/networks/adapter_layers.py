"""Layers that fine-tuning adds to Borzoi and that cannot be merged into its weights, and which layers are adapted.

Facts: `adapters.py`, `layers.py` and `transfer.py` of calico/baskerville-tf (commit 7875488).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig
from locus2target.sequence.networks.borzoi_formats import block_names
from locus2target.sequence.networks.interface import DecodeSpan
from locus2target.sequence.networks.layers import ConvBlock, Residual

ATTENTION = "to_q", "to_k", "to_v", "to_out"


class Houlsby(nn.Module):
    """Bottleneck with a residual, x + up(relu(down(x))), on tokens (B, N, C) (Houlsby et al. 2019)."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.down = nn.Linear(channels, latent)
        self.up = nn.Linear(latent, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        changed: Tensor = self.up(self.down(x).relu())
        return x + changed


class SqueezeExcite(nn.Module):
    """Every channel times 1 + tanh(excite(relu(squeeze(mean over all columns)))), on (B, C, n)."""

    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, rank, bias=False)
        self.excite = nn.Linear(rank, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        factor: Tensor = self.excite(self.squeeze(x.mean(dim=-1)).relu()).tanh()
        return x + x * factor[..., None]


class PooledBorzoi(Borzoi):
    """Borzoi with squeeze-and-excitation: a base changes all columns, so that pieces cannot stand for a window.

    `convolve` must be given whole windows. `decode` makes all bins, whichever are asked for.
    """

    is_local = False

    def decode_span(self, start: int, stop: int) -> DecodeSpan:  # noqa: ARG002  # signature of ProfileNetwork
        """All columns."""
        return super().decode_span(0, self.geometry.n_bins)

    def decode(self, tokens: Tensor, levels: Sequence[Tensor], span: DecodeSpan, start: int, stop: int) -> Tensor:
        """Embeddings (B, E, stop - start) of some output bins."""
        return super().decode(tokens, levels, span, 0, self.geometry.n_bins)[..., start:stop]


def attention_layers(config: BorzoiConfig, parts: Sequence[str]) -> list[str]:
    """Names of linear maps of every attention, of `ATTENTION`."""
    return [f"transformer.{layer}.0.fn.1.{part}" for layer in range(config.depth) for part in parts]


def convolutions(config: BorzoiConfig) -> list[str]:
    """Names of the blocks whose layers are `Conv1D` in Keras, in their order."""
    hidden = [] if config.hidden is None else ["final_joined_convs.0"]
    return ["conv_dna", *block_names(config), *hidden]


def dense_layers(config: BorzoiConfig) -> list[str]:
    """Names of the layers that are `Dense` in Keras, but for those of the attention; `head` is the last."""
    ffn = [f"transformer.{layer}.1.fn.{index}" for layer in range(config.depth) for index in (1, 4)]
    main = [f"upsampling_unet{stage}.0.conv_layer" for stage in range(config.stages) if config.upsample_conv]
    skip = [f"horizontal_conv{stage}.conv_layer" for stage in range(config.stages)]
    return [*ffn, *main, *skip, "head"]


def add_houlsby(network: Borzoi, latent: int) -> None:
    """Put an adapter behind attention and feed-forward layers of every transformer layer."""
    for module in network.transformer.modules():
        if isinstance(module, Residual):
            module.adapter = Houlsby(network.config.width, latent)


def add_squeeze_excite(network: PooledBorzoi, selected: int, rank: int) -> None:
    """Put squeeze-and-excitation behind the last convolutions."""
    for name in convolutions(network.config)[1:][-selected:] if selected else ():
        block = network.get_submodule(name)
        if isinstance(block, ConvBlock) and isinstance(block.conv_layer, nn.Conv1d):
            block.adapter = SqueezeExcite(block.conv_layer.out_channels, rank)


def empty_network(config: BorzoiConfig, *, latent: int | None, squeezed: int, rank: int) -> Borzoi:
    """Network on the CPU with the layers that are added, weights undefined.

    Parameters
    ----------
    config
        Of the base, with the tracks of the new head.
    latent
        Bottleneck of Houlsby adapters; None for none.
    squeezed, rank
        Convolutions with squeeze-and-excitation, and its bottleneck.
    """
    with torch.device("meta"):
        network = PooledBorzoi(config) if squeezed else Borzoi(config)
        if latent is not None:
            add_houlsby(network, latent)
        if isinstance(network, PooledBorzoi):
            add_squeeze_excite(network, squeezed, rank)
    return network.to_empty(device="cpu")
