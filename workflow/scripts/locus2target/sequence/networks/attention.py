"""Self-attention with relative positions (Borzoi) and with rotary positions (Flashzoi).

Both go through `torch.nn.functional.scaled_dot_product_attention`, and have the parameter names of borzoi-pytorch
0.5.1. Nothing that depends on the number of tokens or the device is kept between calls.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

# Queries attended at a time. Their positional bias is (B, heads, queries, tokens), the largest tensor of the trunk.
_QUERIES = 1024


class CentralMasks:
    """Positional features of Borzoi: whether a key is within each of some widths of the query, and on which side.

    Widths grow geometrically to `tokens`. Feature f of a distance d is 1 where `|d| < width[f]`; as many more features
    are these times the sign of d. All distances between two widths have the same features, so few distances stand for
    all of them (`positional_features_central_mask` of calico/baskerville-tf, commit b06950b).

    Parameters
    ----------
    features
        Number of features, even.
    tokens
        Tokens of the windows that the network was trained on.
    """

    def __init__(self, features: int, tokens: int) -> None:
        rate = (tokens + 1) ** (2 / features)
        # A distance is whole: it is below a width when it is below the next whole number, rounding error aside.
        self.widths = [math.ceil(round(rate**power - 1, 6)) for power in range(1, features // 2 + 1)]

    def features(self, distances: list[int], like: torch.Tensor) -> torch.Tensor:
        """Features (n, features) of n distances, with the device and dtype of another tensor."""
        distance = torch.tensor(distances, device=like.device)[:, None]
        within = distance.abs() < torch.tensor(self.widths, device=like.device)
        return torch.cat([within, within * distance.sign()], dim=1).to(like.dtype)

    def runs(self, first: int, last: int) -> tuple[list[int], list[int]]:
        """Part the distances `first` to `last` into runs with equal features: a member and the length of each."""
        changes = {first, 0, 1} | set(self.widths) | {1 - width for width in self.widths}
        starts = sorted(start for start in changes if first <= start <= last)
        return starts, [after - start for start, after in zip(starts, [*starts[1:], last + 1], strict=True)]


class RelativeAttention(nn.Module):
    """Attention of Borzoi, (B, N, C) to (B, N, C).

    The logit of query i and key j is `(q_i + u) . k_j + (q_i + v) . r(j - i)`, q scaled by `key_dim ** -0.5` and r a
    linear map of the features of the distance. As these are equal for all distances of a run, r is made once per run
    and its logits are spread over the run, where borzoi-pytorch and baskerville multiply by all 2N - 1 distances.

    Parameters
    ----------
    channels, heads
        C, and heads.
    key_dim, value_dim
        Channels of a key and of a value, per head.
    features, position_tokens
        Of `CentralMasks`.
    """

    def __init__(
        self, channels: int, heads: int, *, key_dim: int, value_dim: int, features: int, position_tokens: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = key_dim**-0.5
        self.masks = CentralMasks(features, position_tokens)
        self.to_q = nn.Linear(channels, heads * key_dim, bias=False)
        self.to_k = nn.Linear(channels, heads * key_dim, bias=False)
        self.to_v = nn.Linear(channels, heads * value_dim, bias=False)
        self.to_out = nn.Linear(heads * value_dim, channels)
        self.to_rel_k = nn.Linear(features, heads * key_dim, bias=False)
        self.rel_content_bias = nn.Parameter(torch.randn(1, heads, 1, key_dim))
        self.rel_pos_bias = nn.Parameter(torch.randn(1, heads, 1, key_dim))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        query = _split_heads(self.to_q(tokens), self.heads) * self.scale
        key = _split_heads(self.to_k(tokens), self.heads)
        value = _split_heads(self.to_v(tokens), self.heads)
        content = query + self.rel_content_bias.to(query.dtype)
        position = query + self.rel_pos_bias.to(query.dtype)
        n = tokens.shape[1]
        if tokens.device.type == "cpu":  # its fused kernel wants keys as wide as values
            missing = max(value.shape[-1] - key.shape[-1], 0)
            content, key = F.pad(content, (0, missing)), F.pad(key, (0, missing))
        parts = [
            F.scaled_dot_product_attention(
                content[:, :, start : start + _QUERIES],
                key,
                value,
                attn_mask=self._bias(position[:, :, start : start + _QUERIES], start, n),
                scale=1.0,
            )
            for start in range(0, n, _QUERIES)
        ]
        attended: torch.Tensor = self.to_out(_join_heads(torch.cat(parts, dim=2)))
        return attended

    def _bias(self, position: torch.Tensor, start: int, n: int) -> torch.Tensor:
        """Positional logits (B, heads, q, n) of the q queries from `start` on.

        Row i of `logits` holds the distances from -stop to n - start, so the one of key j is q - i + j columns from its
        beginning: a view whose rows are one column shorter lines them up. (One distance more than needed at both
        ends keeps rows aligned in memory, as fused GPU kernels demand.)
        """
        batch, heads, queries, _ = position.shape
        members, lengths = self.masks.runs(-(start + queries), n - start)
        keys = _split_heads(self.to_rel_k(self.masks.features(members, position))[None], heads)
        per_run = position @ keys.transpose(-1, -2)  # (B, heads, q, runs)
        spread = zip(per_run.unbind(-1), lengths, strict=True)
        logits = torch.cat([run[..., None].expand(-1, -1, -1, length) for run, length in spread], dim=-1).contiguous()
        row = n + queries
        size = queries * (row + 1)
        return logits.as_strided((batch, heads, queries, n), (heads * size, size, row, 1), queries)


class RotaryAttention(nn.Module):
    """Attention of Flashzoi, (B, N, C) to (B, N, C): rotary positions, every two query heads share keys and values.

    It computes what flash_attn.modules.mha.MHA does as borzoi-pytorch 0.5.1 sets it up (`num_heads_kv = heads // 2`,
    biases, non-interleaved rotation of the first `rotary_dim` channels, scale `(C / heads) ** -0.5`).
    """

    def __init__(self, channels: int, heads: int, *, rotary_dim: int, base: float) -> None:
        super().__init__()
        self.mha = GroupedAttention(channels, heads, rotary_dim=rotary_dim, base=base)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        attended: torch.Tensor = self.mha(tokens)
        return attended


class GroupedAttention(nn.Module):
    """The body of `RotaryAttention`, which the published parameter names put one level down."""

    def __init__(self, channels: int, heads: int, *, rotary_dim: int, base: float) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, heads // 2
        self.rotary_dim, self.base = rotary_dim, base
        self.head_dim = channels // heads
        self.Wqkv = nn.Linear(channels, (heads + 2 * self.kv_heads) * self.head_dim)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Apply it."""
        heads = _split_heads(self.Wqkv(tokens), self.heads + 2 * self.kv_heads)
        query, key, value = torch.split(heads, [self.heads, self.kv_heads, self.kv_heads], dim=1)
        query, key = self._rotate(query), self._rotate(key)
        attended = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
        projected: torch.Tensor = self.out_proj(_join_heads(attended))
        return projected

    def _rotate(self, heads: torch.Tensor) -> torch.Tensor:
        """Turn channel pairs (c, c + rotary_dim / 2) of (B, heads, N, C) by angles that grow with the position."""
        half = self.rotary_dim // 2
        steps = torch.arange(half, device=heads.device, dtype=torch.float32) / half
        where = torch.arange(heads.shape[2], device=heads.device, dtype=torch.float32)
        angle = where[:, None] * self.base**-steps  # (N, half)
        cos, sin = angle.cos().to(heads.dtype), angle.sin().to(heads.dtype)
        first, second, rest = torch.split(heads, [half, half, heads.shape[-1] - 2 * half], dim=-1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1)


def _split_heads(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, N, heads * D) to (B, heads, N, D)."""
    return tokens.view(*tokens.shape[:2], heads, -1).transpose(1, 2)


def _join_heads(heads: torch.Tensor) -> torch.Tensor:
    """(B, heads, N, D) to (B, N, heads * D)."""
    return heads.transpose(1, 2).flatten(2)
