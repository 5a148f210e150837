"""A block of layers whose input is added to its output."""

from torch import Tensor, nn


class Residual(nn.Sequential):
    """Layers that keep channels and columns, around which their input is led and added."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, L) to (B, C, L)."""
        y = x
        for layer in self:
            y = layer(y)
        return x + y
