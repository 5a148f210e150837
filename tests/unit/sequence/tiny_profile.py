"""A profile network small enough to recompute in full: pooling tower, one attention layer, U-Net decoder."""

import torch
from torch import nn

from locus2target.sequence.networks.interface import DecodeSpan, Geometry


class TinyProfile(nn.Module):
    """Levels at 4 and 8 bp, bins of 4 bp; the tower is 5 bases wide at 1 bp, and 3 columns at 2 and at 4 bp."""

    is_local = True

    def __init__(self, *, length=256, tracks=5, width=8, crop=4, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.geometry = Geometry(
            length=length, token_bp=8, bin_bp=4, crop_bins=crop, level_bp=(4, 8), reach_bp=2 * 1 + 1 * 2 + 1 * 4
        )
        self.n_tracks = tracks
        self.stem = nn.Conv1d(4, width, 5, padding=2)
        self.norm = nn.BatchNorm1d(width)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2.0)
        self.middle = nn.Conv1d(width, width, 3, padding=1)
        self.top = nn.Conv1d(width, width, 3, padding=1)
        self.position = nn.Parameter(torch.randn(width, length // 8) / 2)
        self.mix = nn.Conv1d(width, 3 * width, 1)
        self.skip = nn.Conv1d(width, width, 1)
        self.smooth = nn.Conv1d(width, width, 3)
        self.head = nn.Conv1d(width, tracks, 1)
        for layer in (self.stem, self.middle, self.top, self.smooth):
            layer.weight.data *= 2  # random layers hardly pass on what one base changes
        self.eval().requires_grad_(False)

    def convolve(self, sequence):
        stem = nn.functional.max_pool1d(nn.functional.gelu(self.norm(self.stem(sequence))), 2)
        level = nn.functional.max_pool1d(nn.functional.gelu(self.middle(stem)), 2)
        return level, nn.functional.max_pool1d(nn.functional.gelu(self.top(level)), 2)

    def transform(self, tokens):
        query, key, value = self.mix(tokens + self.position).transpose(1, 2).chunk(3, dim=2)
        return tokens + nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)

    def decode_span(self, start, stop):
        columns = self.geometry.length // 4
        low, high = max(start + self.geometry.crop_bins - 1, 0), min(stop + self.geometry.crop_bins + 1, columns)
        return DecodeSpan(slice(low // 2, (high + 1) // 2), (slice(low, high), slice(0, 0)))

    def decode(self, tokens, levels, span, start, stop):
        assert levels[1].shape[2] == 0
        columns = self.geometry.length // 4
        cut = span.levels[0]
        up = tokens.repeat_interleave(2, dim=2)[:, :, cut.start - 2 * span.tokens.start :][:, :, : levels[0].shape[2]]
        mixed = up + self.skip(levels[0])
        first, last = start + self.geometry.crop_bins, stop + self.geometry.crop_bins
        padded = nn.functional.pad(mixed, (int(first == 0), int(last == columns)))
        return self.smooth(padded)

    def predict(self, embedding, tracks):
        weight, bias = self.head.weight, self.head.bias
        if tracks is not None:
            weight, bias = weight[tracks], bias[tracks]
        return nn.functional.softplus(4 * nn.functional.conv1d(nn.functional.gelu(embedding), weight, bias))

    def forward(self, sequence):
        levels = self.convolve(sequence)
        span = self.decode_span(0, self.geometry.n_bins)
        cut = [level[:, :, columns] for level, columns in zip(levels, span.levels, strict=True)]
        tokens = self.transform(levels[-1])[:, :, span.tokens]
        return self.predict(self.decode(tokens, cut, span, 0, self.geometry.n_bins), None)
