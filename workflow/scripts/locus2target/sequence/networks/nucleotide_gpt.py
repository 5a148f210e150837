"""Nucleotide GPT: a causal language model of single bases.

The architecture is that of `projects/bio/modelling/model.py` in shaemclaughlin/NucleotideGPT (JAX; commit e66f9af):
token embeddings; layers of causal attention with rotary positions and of two dense maps with GELU (tanh) between them,
each with a root-mean-square norm before and another after, inside the residual; a final norm and an output map of its
own. There are no biases. Its authors have published no checkpoint, so `load_nucleotide_gpt` says what a folder must
hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import BASES
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_json, read_state_dict

_EPSILON = 1e-6  # of the norms
_WEIGHT_FILES = ("model.safetensors", "model.pth", "model.pt", "model.safetensors.index.json")


@dataclass(frozen=True, slots=True)
class NucleotideGptConfig:
    """Shape of a Nucleotide GPT, by the names of its JAX configuration; the defaults are those of the paper.

    Attributes
    ----------
    d_model
        Channels of the residual stream.
    ffw_multiplier
        Channels between the two dense maps of a layer, in units of `d_model`.
    query_heads, key_heads
        Attention heads; equal.
    key_dim
        Channels of a head, even.
    num_layers
        Layers.
    vocab_size
        Tokens of the vocabulary.
    max_seq_len
        Longest period of the rotary positions, over 2 pi, in tokens.
    vocabulary
        Letters of the tokens in order. Padding, ACGT and N in the loaders that the training scripts use; an older
        tokenizer of the same repository has the unknown base before the others (`PNACGT`).
    """

    d_model: int = 2048
    ffw_multiplier: int = 4
    query_heads: int = 8
    key_heads: int = 8
    key_dim: int = 128
    num_layers: int = 12
    vocab_size: int = 6
    max_seq_len: int = 8192
    vocabulary: str = "PACGTN"

    def __post_init__(self) -> None:
        if self.query_heads != self.key_heads:
            raise ValueError(f"query_heads {self.query_heads} and key_heads {self.key_heads} differ")
        if self.key_dim % 2:
            raise ValueError(f"key_dim {self.key_dim} is odd")
        if len(self.vocabulary) != self.vocab_size or not set(BASES + "N") <= set(self.vocabulary):
            raise ValueError(f"vocabulary {self.vocabulary!r} is not {self.vocab_size} letters with A, C, G, T and N")

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, where: Path) -> "NucleotideGptConfig":
        """Shape from a JSON object; all keys but `vocabulary` are needed, others are not read.

        Raises
        ------
        InputError
            For a key that is missing or makes no network.
        """
        keys = [field.name for field in fields(cls)]
        remedy = "Write the values of the `Config` that the network was trained with."
        missing = [key for key in keys if key not in values and key != "vocabulary"]
        if missing:
            raise InputError(f"no {', '.join(missing)} inside", where=str(where), remedy=remedy)
        try:
            return cls(**{key: values[key] for key in keys if key in values})
        except (ValueError, TypeError) as error:
            raise InputError(str(error), where=str(where), remedy=remedy) from error


class NucleotideGpt(nn.Module):
    """Causal language model of single bases.

    Parameters
    ----------
    config
        Shape.
    """

    def __init__(self, config: NucleotideGptConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = _parameter(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        self.gamma_final = nn.Parameter(torch.ones(config.d_model))
        self.vocab_proj = _parameter(config.d_model, config.vocab_size)

    @property
    def token_of_base(self) -> tuple[int, ...]:
        """Tokens of A, C, G, T and the unknown base: of each base code of this project."""
        return tuple(self.config.vocabulary.index(letter) for letter in BASES + "N")

    def tokenize(self, codes: torch.Tensor) -> torch.Tensor:
        """Tokens, int64 (B, L), of uint8 base codes (B, L)."""
        return torch.tensor(self.token_of_base, device=codes.device)[codes.long()]

    def hidden_state(self, tokens: torch.Tensor, layer: int) -> torch.Tensor:
        """Residual stream (B, L, d_model) after so many layers, for tokens (B, L); 0 gives the token embeddings."""
        x = self.embedding[tokens]
        cos, sin = _rotation(tokens.shape[1], self.config, tokens.device)
        for block in self.layers[:layer]:
            x = block(x, cos, sin)
        return x

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (B, L, vocab_size) of the next token, from the hidden state after the last layer."""
        return _norm(hidden, self.gamma_final) @ self.vocab_proj

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (B, L, vocab_size) for tokens (B, L): column i is about token i + 1, given those up to i."""
        return self.logits(self.hidden_state(tokens, len(self.layers)))


class Layer(nn.Module):
    """Attention and dense maps, each between two norms inside a residual; (B, L, D) to (B, L, D)."""

    def __init__(self, config: NucleotideGptConfig) -> None:
        super().__init__()
        width, heads, key_dim = config.d_model, config.query_heads, config.key_dim
        self.q = _parameter(width, heads, key_dim)
        self.k = _parameter(width, heads, key_dim)
        self.v = _parameter(width, heads, key_dim)
        self.proj = _parameter(heads, key_dim, width)
        self.w1 = _parameter(width, width * config.ffw_multiplier)
        self.w2 = _parameter(width * config.ffw_multiplier, width)
        self.attn_in_gamma = nn.Parameter(torch.ones(width))
        self.attn_out_gamma = nn.Parameter(torch.ones(width))
        self.ff_in_gamma = nn.Parameter(torch.ones(width))
        self.ff_out_gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """Apply it, given cosines and sines (L, key_dim / 2) of the rotary angles."""
        x = x + _norm(self._attend(_norm(x, self.attn_in_gamma), cos, sin), self.attn_out_gamma)
        between = F.gelu(_norm(x, self.ff_in_gamma) @ self.w1, approximate="tanh")
        return x + _norm(between @ self.w2, self.ff_out_gamma)

    def _attend(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        query, key, value = (torch.einsum("btd,dhk->bhtk", x, weight) for weight in (self.q, self.k, self.v))
        query, key = _rotate(query, cos, sin), _rotate(key, cos, sin)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return torch.einsum("bhtk,hkd->btd", attended, self.proj)


def load_nucleotide_gpt(folder: Path) -> LoadedNetwork[NucleotideGpt]:
    """Nucleotide GPT from a folder that a user has made of a trained checkpoint.

    No checkpoint is published. The folder holds `config.json` with the fields of `NucleotideGptConfig`, and
    `model.safetensors` (or `model.pth`) with the arrays of the JAX `Weights` as they are, their path in it as the
    name: `embedding`, `vocab_proj`, `gamma_final`, and for each layer from 0 on `layers.<i>.` followed by `q`, `k`,
    `v`, `proj`, `w1`, `w2`, `attn_in_gamma`, `attn_out_gamma`, `ff_in_gamma` or `ff_out_gamma`. In JAX, with
    `weights` restored by the repository's `load`::

        paths, _ = jax.tree_util.tree_flatten_with_path(weights)
        name = lambda path: jax.tree_util.keystr(path).replace("[", ".").replace("]", "").lstrip(".")
        safetensors.numpy.save_file({name(path): np.asarray(array) for path, array in paths}, "model.safetensors")

    Raises
    ------
    InputError
        If a file is missing or damaged, or a tensor is missing, unexpected or of another shape.
    """
    settings = find_file(folder, ["config.json"])
    weights = find_file(folder, _WEIGHT_FILES)
    network = NucleotideGpt(NucleotideGptConfig.from_json(read_json(settings), where=settings))
    load_into(network, read_state_dict(weights), where=weights)
    return LoadedNetwork(network.eval(), (settings, weights))


def _parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape) * shape[0] ** -0.5)


def _norm(x: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, gamma.shape, gamma, _EPSILON)


def _rotation(length: int, config: NucleotideGptConfig, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, float32 (L, key_dim / 2): periods grow geometrically from 2 pi to 2 pi max_seq_len tokens."""
    steps = torch.arange(0, config.key_dim, 2, device=device, dtype=torch.float32) / config.key_dim
    frequency = 1 / config.max_seq_len**steps
    angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] * frequency
    return angle.cos(), angle.sin()


def _rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn channel pairs (c, c + key_dim / 2) of (B, H, L, key_dim) by the angles."""
    first, second = heads.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(heads.dtype)
