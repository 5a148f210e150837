"""Networks with one output vector per window, from a folder to what the engine runs.

A network is a chain of layers from the window to a vector, and a last linear layer with one output per cell or cell
type. The change of an output's logit is the change of the vector times the output's weights: intercepts, and with them
a cell's depth, are no part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Track
from locus2target.sequence.encoding import Codes, one_hot_tensor
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.accessibility import load_accessibility
from locus2target.sequence.networks.scbasset import SigmoidGelu, load_scbasset
from locus2target.sequence.patches import PatchEngine
from locus2target.sequence.tracks import TrackTable, select_tracks

_GROUPS = "cell_groups.tsv"
_GROUP_MODE = "groups"


@dataclass(frozen=True, slots=True)
class CellFamily:
    """What the networks of a backend have in common.

    Attributes
    ----------
    score
        Name of the score.
    formula
        In words.
    load
        Reads one replicate.
    """

    score: str
    formula: str
    load: "Callable[[Path], LoadedCells]"


@dataclass(frozen=True, slots=True)
class LoadedCells:
    """One replicate on the CPU, in eval mode.

    Attributes
    ----------
    layers
        One-hot window (B, 4, L) to a vector (B, D).
    weights
        Float32 (T, D): of the outputs.
    length
        Bases of a window.
    tracks
        All outputs in order.
    licence, citation
        Terms and source of the weights.
    files
        All files that decide what it predicts.
    """

    layers: nn.Sequential
    weights: Tensor
    length: int
    tracks: tuple[Track, ...]
    licence: str
    citation: str
    files: tuple[Path, ...]


class CellNetwork:
    """One replicate on its device, with the outputs that are wanted.

    Parameters
    ----------
    layers
        One-hot window (B, 4, L) to a vector (B, D).
    weights
        Float32 (T, D) of the outputs.
    device
        Where it runs.
    """

    def __init__(self, layers: nn.Sequential, weights: Tensor, device: torch.device) -> None:
        self.device = device
        self._layers = layers.to(device)
        self._weights = weights.detach().to(device)
        columns = one_hot_tensor(torch.arange(5, dtype=torch.uint8, device=device)[None])[0].T
        self.engine = PatchEngine.of(self._layers, columns.contiguous(), elementwise=(SigmoidGelu,))

    @torch.inference_mode()
    def vectors(self, codes: Codes) -> Tensor:
        """Vectors (B, D) of whole windows, uint8 codes of shape (B, L)."""
        vectors: Tensor = self._layers(one_hot_tensor(torch.from_numpy(codes).to(self.device)))
        return vectors

    @torch.inference_mode()
    def outputs(self, changes: Tensor) -> npt.NDArray[np.float32]:
        """Changes of logits (V, T) from changes of vectors (V, D)."""
        outputs: npt.NDArray[np.float32] = (changes @ self._weights.T).cpu().numpy()
        return outputs


def read_scbasset(folder: Path) -> LoadedCells:
    """scBasset: the vector is the bottleneck behind its activation."""
    loaded = load_scbasset(folder)
    network = loaded.network
    groups = _read_groups(folder / _GROUPS, network.names) if (folder / _GROUPS).is_file() else None
    return LoadedCells(
        layers=nn.Sequential(
            network.tower, nn.Flatten(), network.bottleneck, network.bottleneck_norm, network.activation
        ).eval(),
        weights=network.cell_weights,
        length=network.length,
        tracks=tuple(map(Track, network.names, network.names if groups is None else groups)),
        licence="that of the data it was trained on; see the model's source",
        citation="Yuan and Kelley 2022, Nature Methods 19:1088",
        files=(*loaded.files, *([] if groups is None else [folder / _GROUPS])),
    )


def read_accessibility(folder: Path) -> LoadedCells:
    """Small network of accessibility: the vector is the hidden layer behind its activation."""
    loaded = load_accessibility(folder)
    network = loaded.network
    facts = network.facts
    return LoadedCells(
        layers=network.layers.eval(),
        weights=network.head.weight,
        length=network.shape.window_bp,
        tracks=tuple(map(Track, facts.tracks, facts.groups)),
        licence=facts.licence,
        citation=facts.citation,
        files=loaded.files,
    )


FAMILIES: Mapping[str, CellFamily] = {
    "scbasset": CellFamily(
        "cell_delta", "(latent vector of ALT - that of REF) . weights of the cell (Yuan and Kelley 2022)", read_scbasset
    ),
    "accessibility": CellFamily(
        "logit_difference", "log odds that the window is accessible, ALT - REF", read_accessibility
    ),
}


def choose_outputs(row: ModelRow, tracks: Sequence[Track]) -> tuple[tuple[Track, ...], npt.NDArray[np.int64]]:
    """Outputs that the models sheet asks for.

    Parameters
    ----------
    row
        Its `tracks`: `all`; regular expressions that are looked for in name and group; or `groups`, for the mean over
        the cells of every group, with a colon and regular expressions behind it for some groups.
    tracks
        All outputs of the network.

    Returns
    -------
    tuple
        The outputs, and int64 of shape (all,): which of them each output of the network is part of, or -1.

    Raises
    ------
    InputError
        If nothing is found, or groups are asked for and there are none.
    """
    mode, _, expression = row.tracks.partition(":")
    groups = np.array([track.group for track in tracks])
    if mode.strip() != _GROUP_MODE:
        chosen = select_tracks(_table([track.name for track in tracks], groups.tolist()), row.tracks)
        part_of = np.full(len(tracks), -1, dtype=np.int64)
        part_of[chosen] = np.arange(len(chosen))
        return tuple(tracks[i] for i in chosen), part_of
    names = np.unique(groups)
    if len(names) == len(tracks):
        raise InputError(
            f"model {row.model} has no groups of cells",
            where="models sheet, column tracks",
            remedy=f"Put a {_GROUPS} with columns identifier and group beside the weights, or write `all`.",
        )
    chosen = select_tracks(_table(names.tolist(), names.tolist()), expression or "all")
    rank = {name: i for i, name in enumerate(names[chosen])}
    part_of = np.array([rank.get(group, -1) for group in groups], dtype=np.int64)
    return tuple(Track(str(name), str(name)) for name in names[chosen]), part_of


def mean_weights(weights: Tensor, part_of: npt.NDArray[np.int64]) -> Tensor:
    """Weights (T, D) of outputs, each the mean of some outputs of the network.

    Parameters
    ----------
    weights
        Float32 (all, D): of the network.
    part_of
        As `choose_outputs` gives it.
    """
    used = np.flatnonzero(part_of >= 0)
    sizes = np.bincount(part_of[used])
    sums = weights.new_zeros(len(sizes), weights.shape[1])
    sums.index_add_(0, torch.from_numpy(part_of[used]), weights.detach()[torch.from_numpy(used)])
    return sums / torch.from_numpy(sizes)[:, None]


def _table(names: Sequence[str], descriptions: Sequence[str]) -> TrackTable:
    return TrackTable(pd.DataFrame({"identifier": names, "description": descriptions}))


def _read_groups(path: Path, names: Sequence[str]) -> list[str]:
    """Group of each cell."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = {"identifier", "group"} - set(table.columns)
    group_of = {} if missing else dict(zip(table["identifier"], table["group"], strict=True))
    unknown = [] if missing else [name for name in names if name not in group_of]
    if missing or unknown:
        raise InputError(
            f"column {min(missing)} is missing" if missing else f"cell {unknown[0]} has no group",
            where=str(path),
            remedy="Give every cell of the model one row with its identifier and group.",
        )
    return [group_of[name] for name in names]
