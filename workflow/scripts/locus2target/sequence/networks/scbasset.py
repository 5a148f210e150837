"""scBasset: chromatin accessibility of single cells from 1,344 bases (Yuan and Kelley 2022, Nature Methods 19:1088).

Facts of the architecture: calico/scBasset, `scbasset/utils.py` and `scbasset/basenji_utils.py`. Each convolution comes
after an activation, so the first activation acts on the one-hot sequence itself. Batch normalization has Keras' epsilon
of 0.001. Random shifts and reverse complements of the training hold no weights.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from locus2target.core.errors import InputError
from locus2target.sequence.networks.keras_layers import KerasLayers
from locus2target.sequence.tracks import read_targets
from locus2target.sequence.weights import LoadedNetwork, find_file, load_into, read_state_dict

STEM_POOL = 3
TOWER_POOL = 2
EPSILON = 1e-3
_TORCH_FILES = ("model.safetensors", "model.pth", "model.pt")
_KERAS_FILES = ("best_model.h5", "model_best.h5", "model.h5")
_NAME_FILES = ("cells.txt", "targets.txt")
_TRAINED = "Use the `best_model.h5` that `scbasset_train.py` wrote for one data set, without batch correction."


class SigmoidGelu(nn.Module):
    """x * sigmoid(1.702 x): the approximation of GELU that scBasset was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return x * torch.sigmoid(1.702 * x)


@dataclass(frozen=True, slots=True)
class ScBassetShape:
    """Sizes of a network.

    Attributes
    ----------
    widths, kernels
        Channels and bases of each convolution.
    positions
        Columns that are left after the last one.
    latent
        Width of the bottleneck.
    cells
        Outputs.
    """

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    positions: int
    latent: int
    cells: int

    @property
    def pools(self) -> tuple[int, ...]:
        """Columns pooled after each convolution: 3 after the first, 2 in the tower, none after the last."""
        return (STEM_POOL, *[TOWER_POOL] * (len(self.widths) - 2), 1)


PUBLISHED = ScBassetShape(
    widths=(288, 288, 323, 363, 407, 456, 512, 256), kernels=(17, *[5] * 6, 1), positions=7, latent=32, cells=1
)


class ScBasset(nn.Module):
    """scBasset as published.

    Parameters
    ----------
    shape
        Sizes; `PUBLISHED` but for the cells, which are those of the data set.
    names
        Of the cells; numbers if there are none.

    Attributes
    ----------
    tower
        `nn.Sequential` of activations, `nn.Conv1d` (same padding, no bias), `nn.BatchNorm1d` and `nn.MaxPool1d`.
    """

    def __init__(self, shape: ScBassetShape, names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.names = tuple(str(cell) for cell in range(shape.cells)) if names is None else tuple(names)
        if len(self.names) != shape.cells:
            raise ValueError(f"{len(self.names)} names for {shape.cells} cells")
        self.length = shape.positions
        for pool in shape.pools:
            self.length *= pool
        self.tower = _tower(shape)
        self.bottleneck = nn.Linear(shape.widths[-1] * shape.positions, shape.latent, bias=False)
        self.bottleneck_norm = nn.BatchNorm1d(shape.latent, eps=EPSILON)
        self.activation = SigmoidGelu()
        self.head = nn.Linear(shape.latent, shape.cells)

    @property
    def cell_weights(self) -> Tensor:
        """Float32 (cells, latent): a latent change times these is the change of the cells' logits.

        Neither the cells' intercepts nor their depth are part of it.
        """
        return self.head.weight

    def features(self, one_hot: Tensor) -> Tensor:
        """Tower: (B, 4, length) to (B, C, positions)."""
        features: Tensor = self.tower(one_hot)
        return features

    def latent(self, features: Tensor) -> Tensor:
        """Bottleneck: (B, C, positions) to (B, latent), after its activation."""
        latent: Tensor = self.activation(self.bottleneck_norm(self.bottleneck(features.flatten(1))))
        return latent

    def cell_logits(self, latent: Tensor) -> Tensor:
        """(B, latent) to (B, cells): log odds that a cell is accessible."""
        logits: Tensor = self.head(latent)
        return logits

    def forward(self, one_hot: Tensor) -> Tensor:
        """(B, 4, length) to the probability that each cell is accessible, (B, cells)."""
        return torch.sigmoid(self.cell_logits(self.latent(self.features(one_hot))))


def load_scbasset(folder: Path) -> LoadedNetwork[ScBasset]:
    """Network from a folder.

    Parameters
    ----------
    folder
        `best_model.h5` as `scbasset_train.py` writes it (weights, or a whole Keras model), or our state dict in
        `model.safetensors` or `model.pth`. Beside it the cells' names, in the order of training: `cells.txt` with one
        name per line, or `targets.txt` with a column `identifier`. Sizes are read from the weights.

    Raises
    ------
    InputError
        If a file is missing or damaged, a tensor does not fit, or the names are not one per cell.
    """
    path = find_file(folder, (*_TORCH_FILES, *_KERAS_FILES))
    state = _read_keras(path) if path.suffix == ".h5" else read_state_dict(path)
    shape = _shape(state, path)
    named = next((folder / name for name in _NAME_FILES if (folder / name).is_file()), None)
    network = ScBasset(shape, None if named is None else _read_names(named, shape.cells))
    load_into(network, state, where=path, ignore=("*.num_batches_tracked",))
    return LoadedNetwork(network.eval(), (path,) if named is None else (path, named))


def _tower(shape: ScBassetShape) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width = 4
    for i, (wider, kernel, pool) in enumerate(zip(shape.widths, shape.kernels, shape.pools, strict=True)):
        layers[f"activation{i}"] = SigmoidGelu()
        layers[f"conv{i}"] = nn.Conv1d(width, wider, kernel, padding="same", bias=False)
        layers[f"norm{i}"] = nn.BatchNorm1d(wider, eps=EPSILON)
        if pool > 1:
            layers[f"pool{i}"] = nn.MaxPool1d(pool)
        width = wider
    layers["activation"] = SigmoidGelu()
    return nn.Sequential(layers)


def _read_keras(path: Path) -> dict[str, Tensor]:
    layers = KerasLayers(path)
    for i in range(layers.count("conv1d")):
        layers.conv(f"tower.conv{i}", bias=False)
        layers.batch_norm(f"tower.norm{i}")
    width = layers.state[f"tower.conv{i}.weight"].shape[0] if layers.state else 1
    layers.dense("bottleneck", bias=False)
    layers.batch_norm("bottleneck_norm")
    layers.dense("head")
    layers.require_all_taken()
    # Keras flattens (positions, channels), torch (channels, positions)
    flat = layers.state["bottleneck.weight"]
    if flat.shape[1] % width == 0:
        layers.state["bottleneck.weight"] = flat.reshape(len(flat), -1, width).transpose(1, 2).flatten(1)
    return layers.state


def _shape(state: Mapping[str, Tensor], path: Path) -> ScBassetShape:
    """Sizes that the weights have."""
    convolutions = [state[name] for i in range(len(state)) if (name := f"tower.conv{i}.weight") in state]
    needed = [name for name in ("bottleneck.weight", "head.weight") if name not in state]
    if len(convolutions) < 2 or needed:
        missing = ", ".join(needed) if needed else "a tower of convolutions"
        raise InputError(f"not the weights of scBasset: {missing} is missing", where=str(path), remedy=_TRAINED)
    widths = tuple(weight.shape[0] for weight in convolutions)
    latent, flat = state["bottleneck.weight"].shape
    if flat % widths[-1]:
        raise InputError(
            f"tensor bottleneck.weight reads {flat} values, which are not whole columns of {widths[-1]} channels",
            where=str(path),
            remedy=_TRAINED,
        )
    kernels = tuple(weight.shape[2] for weight in convolutions)
    return ScBassetShape(widths, kernels, flat // widths[-1], latent, state["head.weight"].shape[0])


def _read_names(path: Path, cells: int) -> list[str]:
    if path.name == "cells.txt":
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        names = read_targets(path).frame["identifier"].tolist()
    twice = [name for name, times in Counter(names).items() if times > 1]
    if len(names) != cells or twice:
        problem = (
            f"cell {twice[0]} is named twice" if twice else f"{len(names)} names, but the weights have {cells} cells"
        )
        raise InputError(problem, where=str(path), remedy="List the cells once each, in the order of the training.")
    return names
