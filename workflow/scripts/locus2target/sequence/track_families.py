"""Families of published track models: how each is loaded, what its predictions stand for, and its usual scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.networks.adapters import is_adapted, load_adapted_borzoi
from locus2target.sequence.networks.borzoi import PARAMETERS, Borzoi, load_borzoi
from locus2target.sequence.networks.borzoi_config import Species
from locus2target.sequence.networks.enformer import load_enformer
from locus2target.sequence.networks.interface import ProfileNetwork
from locus2target.sequence.networks.shorkie import Shorkie, load_shorkie
from locus2target.sequence.tracks import Family, TrackTable, find_targets, plain_tracks, read_targets
from locus2target.sequence.weights import LoadedNetwork, find_file, read_json


@dataclass(frozen=True, slots=True)
class Transform:
    """Way from predictions to coverage: arguments of `tracks.Untransform`."""

    family: Family
    rescale: bool = True
    unclip: bool = True


@dataclass(frozen=True, slots=True)
class TrackFamily:
    """What holds for all models of a backend.

    Attributes
    ----------
    load
        Reads the weights of one replicate, with the head for a species; None for the human one, or the only one.
    transform
        Of a loaded network and its folder.
    scorers
        Scores where the models sheet does not say.
    needs_targets
        Whether predictions mean nothing without the table of tracks.
    licence, citation
        Of the published weights.
    """

    load: Callable[[Path, Species | None], LoadedNetwork[nn.Module]]
    transform: Callable[[ProfileNetwork, Path], Transform]
    scorers: str
    needs_targets: bool
    licence: str
    citation: str


def read_track_table(family: TrackFamily, folder: Path, n_tracks: int) -> TrackTable:
    """Table of tracks of the network in a folder.

    Raises
    ------
    InputError
        If it is needed and missing, or has another number of tracks than the network.
    """
    path = find_targets(folder)
    if path is None:
        if not family.needs_targets:
            return plain_tracks(n_tracks)
        raise InputError(
            "there is no targets.txt, which says what the tracks are and how their coverage was squashed",
            where=str(folder),
            remedy="Put the table that was published with the weights beside them or one folder up.",
        )
    table = read_targets(path)
    if len(table.frame) != n_tracks:
        raise InputError(
            f"it has {len(table.frame)} tracks, the network {n_tracks}",
            where=str(path),
            remedy="Use the table that was published with these weights (human and mouse have one each).",
        )
    return table


def load_for_table(family: TrackFamily, folder: Path, targets: Path | None) -> LoadedNetwork[nn.Module]:
    """Network of a folder, with the head that a table of tracks is of.

    That is the head for mouse where it has as many tracks as the table, and the human one has not.

    Parameters
    ----------
    family
        Of the network.
    folder
        Weights of one replicate.
    targets
        Table of tracks, or None.

    Raises
    ------
    InputError
        If the weights or the table cannot be used. A table that is of neither head is not refused here.
    """
    loaded = family.load(folder, None)
    n_rows = None if targets is None else len(read_targets(targets).frame)
    if n_rows in {None, loaded.network.n_tracks}:
        return loaded
    try:
        mouse = family.load(folder, "mouse")
    except InputError:  # no such head: `read_track_table` says what is wrong with the table
        return loaded
    return mouse if mouse.network.n_tracks == n_rows else loaded


def _load_borzoi(folder: Path, species: Species | None) -> LoadedNetwork[Borzoi]:
    """Published or fine-tuned network, as its files say; a fine-tuned one has one head."""
    return load_adapted_borzoi(None, folder) if is_adapted(folder) else load_borzoi(folder, species)


def _load_shorkie(folder: Path, _species: Species | None) -> LoadedNetwork[Shorkie]:
    return load_shorkie(folder)


def _borzoi_transform(network: ProfileNetwork, folder: Path) -> Transform:
    """Transform of a network of the Borzoi line.

    Borzoi and Flashzoi learned coverage of the first kind, with Calico's hidden layer of 1,920 before the head; Prime,
    the mini models and networks fine-tuned with baskerville the current one. The releases for torch say which in
    `params.json` (`model.untransform`, baskerville docs/targets.md). Prime's own benchmarks leave the soft clip
    (bench_eqtl_sed_sc.sh in calico/borzoi-paper).
    """
    if not isinstance(network, Borzoi):
        raise TypeError(f"{type(network).__name__} is not of the Borzoi line")
    config = network.config
    if is_adapted(folder):
        return Transform("baskerville")
    if config.gelu == "none":  # of the releases for torch alone
        named = read_json(find_file(folder, PARAMETERS))["model"].get("untransform")
        legacy = named == "borzoi"
    else:
        legacy = config.hidden is not None
    is_prime = config.stages == 3
    return Transform("borzoi_legacy" if legacy else "baskerville", unclip=not is_prime)


def _as_predicted(_network: ProfileNetwork, _folder: Path) -> Transform:
    return Transform("none")


FAMILIES: Mapping[str, TrackFamily] = {
    "borzoi": TrackFamily(
        load=_load_borzoi,
        transform=_borzoi_transform,
        scorers="logSED,logD2",
        needs_targets=True,
        licence="Apache-2.0 (Calico); CC-BY-4.0 or MIT for the ports of johahi; see resources/models/catalogue.tsv",
        citation="Linder et al. 2025, doi:10.1038/s41588-024-02053-6",
    ),
    "enformer": TrackFamily(
        load=load_enformer,
        transform=_as_predicted,
        scorers="SAD,center_mask",
        needs_targets=False,
        licence="CC-BY-4.0",
        citation="Avsec et al. 2021, doi:10.1038/s41592-021-01252-x",
    ),
    # Shorkie's own scripts score predictions as they are: the inverse is commented out in baskerville-yeast's snps.py
    # (commit 3978c14), and score_variants_shorkie.py of calico/shorkie-paper (commit ed28a96) has none.
    "shorkie": TrackFamily(
        load=_load_shorkie,
        transform=_as_predicted,
        scorers="logSED,logD2",
        needs_targets=True,
        licence="Apache-2.0",
        citation="Chao et al. 2025, doi:10.1101/2025.09.19.677475",
    ),
}
"""Families by the backend that the models sheet names."""
