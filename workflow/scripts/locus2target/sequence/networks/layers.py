"""Layers that the networks of the Borzoi family are made of, with the published parameter names.

A layer may carry an `adapter`: a module that changes what the layer gives, put there by whoever loads a fine-tuned
network. It is None at first and adds nothing to the state dict until it is set.
"""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

Gelu = Literal["tanh", "none"]  # the approximation by tanh, or the exact function


class ConvBlock(nn.Module):
    """Batch normalization, GELU and convolution: (B, C, n) to (B, D, n), zero padding at both ends.

    Attributes
    ----------
    adapter
        Applied to the output of the convolution, for example squeeze-and-excitation; None for none.

    Parameters
    ----------
    channels
        C.
    out_channels
        D; None for a block without a convolution.
    kernel
        Columns of the convolution, odd.
    """

    def __init__(self, channels: int, out_channels: int | None, kernel: int, *, gelu: Gelu, epsilon: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, eps=epsilon)
        self.activation = nn.GELU(approximate=gelu)
        self.conv_layer = (
            nn.Identity() if out_channels is None else nn.Conv1d(channels, out_channels, kernel, padding=kernel // 2)
        )
        self.adapter: nn.Module | None = None

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        convolved: torch.Tensor = self.conv_layer(self.activation(self.norm(columns)))
        if self.adapter is not None:
            convolved = self.adapter(convolved)
        return convolved


class SeparableConv(nn.Module):
    """Depthwise convolution, then a mixing of channels: (B, C, n) to (B, C, n + left + right - kernel + 1)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        depthwise = nn.Conv1d(channels, channels, kernel, groups=channels, bias=False)
        self.conv_layer = nn.Sequential(depthwise, nn.Conv1d(channels, channels, 1))

    def forward(self, columns: torch.Tensor, left: int, right: int) -> torch.Tensor:
        """Apply it to columns with so many columns of zeros at both ends."""
        convolved: torch.Tensor = self.conv_layer(F.pad(columns, (left, right)))
        return convolved


class Residual(nn.Module):
    """`x + fn(x)`; with an adapter `x + adapter(fn(x))`.

    Attributes
    ----------
    adapter
        Applied to the output of `fn` before it is added, as Houlsby adapters are; None for none.
    """

    def __init__(self, *fn: nn.Module) -> None:
        super().__init__()
        self.fn = nn.Sequential(*fn)
        self.adapter: nn.Module | None = None

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Apply it to (B, N, C)."""
        change: torch.Tensor = self.fn(tokens)
        if self.adapter is not None:
            change = self.adapter(change)
        return tokens + change
