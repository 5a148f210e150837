"""DNABERT-2: a BERT without position embeddings (Zhou et al. 2024, ICLR).

The architecture is MosaicBERT's (Portes et al. 2023, NeurIPS). Positions enter as a penalty on attention that grows
with distance (ALiBi, Press et al. 2022), so that a window may have any length, and the MLP is gated (GEGLU). Names of
the tensors are those of the published checkpoint `zhihan1996/DNABERT-2-117M`, whose own code needs an old Triton;
attention here is the plain one that it approximates.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from locus2target.core.errors import InputError
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_json, read_state_dict

_WORDS = "bert.embeddings.word_embeddings.weight"
_DECODER = "cls.predictions.decoder.weight"
_HEAD_EPS = 1e-12  # of the head's layer norm, whatever the configuration says


@dataclass(frozen=True, slots=True)
class Dnabert2Shape:
    """Sizes of the network, as `config.json` names them."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    type_vocab_size: int
    layer_norm_eps: float


class Dnabert2(nn.Module):
    """Masked language model: token ids to logits."""

    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.bert = _Bert(shape)
        self.cls = _Heads(shape)

    @property
    def n_layers(self) -> int:
        """Layers of the encoder."""
        return len(self.bert.encoder.layer)

    def hidden_states(self, tokens: Tensor) -> list[Tensor]:
        """Token embeddings and the output of each layer.

        Parameters
        ----------
        tokens
            int64 of shape (B, T): ids of sequences of equal length, without padding.

        Returns
        -------
        list
            One more than there are layers, each (B, T, D).
        """
        states: list[Tensor] = [self.bert.embeddings(tokens)]
        bias = self.bert.encoder.bias(tokens.shape[1]).to(states[0])
        for layer in self.bert.encoder.layer:
            states.append(layer(states[-1], bias))
        return states

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, vocabulary) of token ids (B, T)."""
        logits: Tensor = self.cls.predictions(self.hidden_states(tokens)[-1])
        return logits


class _Bert(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.embeddings = _Embeddings(shape)
        self.encoder = _Encoder(shape)


class _Heads(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.predictions = _Head(shape)


class _Embeddings(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.token_type_embeddings = nn.Embedding(shape.type_vocab_size, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_eps)

    def forward(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.LayerNorm(self.word_embeddings(tokens) + self.token_type_embeddings.weight[0])
        return embedded


class _Encoder(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers))
        self.slopes = alibi_slopes(shape.num_attention_heads)

    def bias(self, length: int) -> Tensor:
        """Penalty on attention, (H, T, T): minus the distance times the head's slope."""
        places = torch.arange(length)
        distance = (places[:, None] - places[None, :]).abs()
        return -torch.tensor(self.slopes)[:, None, None] * distance


class _Layer(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.attention = _Attention(shape)
        self.mlp = _GatedMlp(shape)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        mixed: Tensor = self.mlp(self.attention(states, bias))
        return mixed


class _Attention(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.self = _SelfAttention(shape)
        self.output = _Output(shape)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        attended: Tensor = self.output(self.self(states, bias), states)
        return attended


class _SelfAttention(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.heads = shape.num_attention_heads
        self.Wqkv = nn.Linear(shape.hidden_size, 3 * shape.hidden_size)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        batch, length, width = states.shape
        packed = self.Wqkv(states).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4)  # each (B, H, T, D / H)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.transpose(1, 2).reshape(batch, length, width)


class _Output(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.dense = nn.Linear(shape.hidden_size, shape.hidden_size)
        self.LayerNorm = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_eps)

    def forward(self, mixed: Tensor, states: Tensor) -> Tensor:
        normed: Tensor = self.LayerNorm(self.dense(mixed) + states)
        return normed


class _GatedMlp(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(shape.hidden_size, 2 * shape.intermediate_size, bias=False)
        self.wo = nn.Linear(shape.intermediate_size, shape.hidden_size)
        self.layernorm = nn.LayerNorm(shape.hidden_size, eps=shape.layer_norm_eps)

    def forward(self, states: Tensor) -> Tensor:
        gate, value = self.gated_layers(states).chunk(2, dim=-1)
        normed: Tensor = self.layernorm(self.wo(nn.functional.gelu(gate) * value) + states)
        return normed


class _Head(nn.Module):
    def __init__(self, shape: Dnabert2Shape) -> None:
        super().__init__()
        self.transform = nn.ModuleDict(
            {
                "dense": nn.Linear(shape.hidden_size, shape.hidden_size),
                "LayerNorm": nn.LayerNorm(shape.hidden_size, eps=_HEAD_EPS),
            }
        )
        self.decoder = nn.Linear(shape.hidden_size, shape.vocab_size)

    def forward(self, states: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.transform["dense"](states))
        logits: Tensor = self.decoder(self.transform["LayerNorm"](hidden))
        return logits


def alibi_slopes(heads: int) -> list[float]:
    """Slope of each attention head (Press et al. 2022, ICLR, and their code for other numbers than powers of 2).

    >>> alibi_slopes(2)
    [0.0625, 0.00390625]
    >>> alibi_slopes(3) == [*alibi_slopes(2), alibi_slopes(4)[0]]
    True
    """
    power = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8.0 * (head + 1) / power) for head in range(power)]
    return slopes if power == heads else slopes + alibi_slopes(2 * power)[0::2][: heads - power]


def is_dnabert2(config: dict[str, Any]) -> bool:
    """Whether a `config.json` describes this architecture; transformers itself would take it for a plain BERT."""
    return config.get("model_type") == "bert" and "alibi_starting_size" in config


def load_dnabert2(folder: Path) -> LoadedNetwork[Dnabert2]:
    """Load DNABERT-2, or a model of the same architecture, from its Hugging Face folder.

    Raises
    ------
    InputError
        If a file is missing or does not fit the architecture.
    """
    config_path = find_file(folder, ["config.json"])
    config = read_json(config_path)
    try:
        shape = Dnabert2Shape(**{name: config[name] for name in Dnabert2Shape.__annotations__})
    except KeyError as error:
        raise InputError(
            f"{error} is missing", where=str(config_path), remedy="Use the config.json as published."
        ) from error
    weights = find_file(folder, ["model.safetensors", "pytorch_model.bin"])
    state = read_state_dict(weights)
    if _DECODER not in state and _WORDS in state:
        state[_DECODER] = state[_WORDS]  # one matrix, which safetensors keeps once
    network = Dnabert2(shape)
    load_into(network, state, where=weights, ignore=["bert.pooler.*", "bert.embeddings.position_ids"])
    return LoadedNetwork(network.eval(), (config_path, weights))
