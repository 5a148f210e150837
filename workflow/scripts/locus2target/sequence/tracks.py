"""Tracks of a model: what they are, which are wanted, their strand mates, and the way back from squashed coverage.

Models of the Basenji and Borzoi line are trained on coverage that was scaled, pooled, squashed and clipped with
parameters of its own for each track. They are columns of the `targets.txt` that is published with the weights.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from locus2target.core.errors import InputError

Rows = npt.NDArray[np.int64]
Family = Literal["none", "borzoi_legacy", "baskerville"]

_Inverse = Callable[[Tensor], Tensor]

_POOLS = ("sum", "mean", "avg", "median", "max")  # how the bases of a bin are pooled; what follows names the squashing
_INVERSES: Mapping[Family, Mapping[str, _Inverse]] = {
    "borzoi_legacy": {"sqrt": lambda x: x ** (4 / 3)},  # forward x^(3/4), whatever the name says
    "baskerville": {
        "sqrt": lambda x: x * (x + 2),  # (1 + x)^2 - 1 without cancellation; forward sqrt(1 + x) - 1
        "exp75": lambda x: torch.expm1(4 / 3 * torch.log1p(x)),  # forward (1 + x)^(3/4) - 1
    },
}
_TARGETS_FILES = ("targets.txt", "hg38/targets.txt", "../targets.txt", "../hg38/targets.txt")
_SHEET = "models sheet, column tracks"
_AS_PUBLISHED = "Use the targets.txt that is published with the weights, unchanged."
_DEFAULTS: dict[str, float] = {"clip": np.inf, "clip_soft": np.inf, "scale": 1.0}


@dataclass(frozen=True, slots=True)
class TrackTable:
    """Tracks of a model in the order of its outputs.

    Attributes
    ----------
    frame
        identifier, description
            Names for machines and for people.
        clip, clip_soft
            float64: squashed coverage was cut at `clip`; above `clip_soft` it was replaced by a square root. Infinite
            where that was not done.
        scale
            float64: factor on the coverage.
        sum_stat
            How the bases of a bin were pooled, and the power that was taken then: `sum`, `mean_sqrt`, `sum_exp75`.
        strand_pair
            int64: row of the same track on the other strand; its own row when the track has no strand.
    """

    frame: pd.DataFrame

    @property
    def strand_pair(self) -> Rows:
        """Row of each track's mate, int64 of shape (tracks,)."""
        return self.frame["strand_pair"].to_numpy(np.int64)

    @property
    def strands(self) -> npt.NDArray[np.object_]:
        """Strand of each track, object of shape (tracks,): `+`, `-`, or `.` for one that is unstranded.

        The sign is the last of the identifier, `ENCFF281BWX+`, as Calico's tools read it, or else of the description.
        It counts only where the mate has the other one; `?` is a track with a mate whose strand cannot be read so.
        """
        strands = np.where(self.strand_pair == np.arange(len(self.frame)), ".", "?").astype(np.object_)
        for names in (self.frame["identifier"], self.frame["description"]):
            signs = names.str[-1:].to_numpy(np.object_)
            found = (strands == "?") & np.isin(signs + signs[self.strand_pair], ["+-", "-+"])
            strands[found] = signs[found]
        return strands


def find_targets(folder: Path) -> Path | None:
    """Table of tracks beside the weights or one folder up, where replicates share it; None when there is none."""
    return next((folder / name for name in _TARGETS_FILES if (folder / name).is_file()), None)


def read_targets(path: Path) -> TrackTable:
    """Read the table of tracks that belongs to a model.

    Parameters
    ----------
    path
        Tab-separated, one line per output: a label, then columns by name. `identifier` must be there; `strand_pair`
        holds labels. Columns that some models lack (`clip`, `clip_soft`, `scale`, `sum_stat`, `strand_pair`,
        `description`) mean: not done, unstranded, described by its identifier.

    Raises
    ------
    InputError
        If a column or a value cannot be used.
    """
    table = _read_cells(path)
    frame = pd.DataFrame({"identifier": table["identifier"]})
    frame["description"] = table.get("description", table["identifier"])
    for column, default in _DEFAULTS.items():
        frame[column] = _numbers(table, column, default, path)
    if (frame["scale"] <= 0).any():
        raise InputError("column scale has values that are not positive", where=str(path), remedy=_AS_PUBLISHED)
    frame["sum_stat"] = table.get("sum_stat", pd.Series("sum", index=table.index)).replace("", "sum")
    frame["strand_pair"] = _mates(table, path)
    return TrackTable(frame.reset_index(drop=True))


def plain_tracks(n: int) -> TrackTable:
    """Tracks of a model that is published without a table: numbered, unstranded, not squashed."""
    names = [f"track_{number}" for number in range(n)]
    frame = pd.DataFrame({"identifier": names, "description": names})
    return TrackTable(frame.assign(**_DEFAULTS, sum_stat="sum", strand_pair=np.arange(n)))


def select_tracks(table: TrackTable, expression: str) -> Rows:
    """Rows of the tracks that are wanted.

    Parameters
    ----------
    table
        All tracks.
    expression
        `all`, or regular expressions separated by semicolons; a track is wanted if one of them occurs in its
        identifier, a space, and its description. Upper and lower case differ.

    Returns
    -------
    np.ndarray
        int64, ascending.

    Raises
    ------
    InputError
        If a regular expression is not valid or finds no track.
    """
    if expression.strip() == "all":
        return np.arange(len(table.frame))
    names = table.frame["identifier"] + " " + table.frame["description"]
    wanted = np.zeros(len(names), dtype=np.bool_)
    for pattern in filter(None, (part.strip() for part in expression.split(";"))):
        wanted |= _found(names, pattern)
    if not wanted.any():
        raise InputError("no track is selected", where=_SHEET, remedy="Write `all` or regular expressions.")
    return np.flatnonzero(wanted)


class Untransform:
    """Way back from a model's squashed predictions to coverage.

    The forward transforms are those of Calico's data preparation, their inverses those of baskerville's
    `untransform_preds_borzoi` (family `borzoi_legacy`) and `untransform_preds` (family `baskerville`). What was cut at
    `clip` cannot be had back. The inverse is convex, so averaging before and after it differ.

    Parameters
    ----------
    table
        All tracks.
    rows
        int64 of shape (T,): the tracks that predictions will hold, in this order.
    family
        `none` leaves predictions as they are.
    rescale
        Keep each track's `scale` on the coverage, as baskerville does unless told to unscale; otherwise divide by it.
        Scores with a pseudocount depend on it.
    unclip
        Undo the square root above `clip_soft`.

    Raises
    ------
    InputError
        If a track was squashed in a way that the family does not know.
    """

    def __init__(self, table: TrackTable, rows: Rows, *, family: Family, rescale: bool, unclip: bool) -> None:
        self.family: Family = family
        self.rescale = rescale
        self.unclip = unclip
        chosen = table.frame.iloc[rows]
        self._inverses = [] if family == "none" else _inverses(chosen, family)
        parameters = chosen[["clip_soft", "scale"]].to_numpy(np.float32).T[:, :, None]  # (2, T, 1)
        self._parameters = torch.tensor(parameters)

    @property
    def text(self) -> str:
        """What is done, for the record of a score."""
        if self.family == "none":
            return "predictions as they are"
        scale = "track scale kept" if self.rescale else "track scale divided out"
        soft_clip = "soft clip undone" if self.unclip else "soft clip left in place"
        return f"{self.family} coverage, {soft_clip}, {scale}"

    def __call__(self, prediction: Tensor) -> Tensor:
        """Coverage (..., T, K) from predictions (..., T, K) of K bins, float32; leaves its argument as it was."""
        if self.family == "none":
            return prediction
        self._move(prediction.device)
        clip_soft, scale = self._parameters
        if self.family == "borzoi_legacy":
            return self._undo_legacy(prediction, clip_soft, scale)
        return self._undo_current(prediction, clip_soft, scale)

    def _undo_legacy(self, prediction: Tensor, clip_soft: Tensor, scale: Tensor) -> Tensor:
        """Scale came last: squash, then c + sqrt(x - c) above the soft clip c, then times scale."""
        coverage = prediction / scale
        if self.unclip:
            above = (coverage - clip_soft).clamp(min=0)
            coverage = torch.minimum(coverage, clip_soft) + above.square()
        coverage = self._unsquash(coverage)
        return coverage * scale if self.rescale else coverage

    def _undo_current(self, prediction: Tensor, clip_soft: Tensor, scale: Tensor) -> Tensor:
        """Scale came first: times scale, squash, then c - 1 + sqrt(x - c + 1) above the soft clip c."""
        coverage = prediction
        if self.unclip:
            above = (coverage - clip_soft).clamp(min=0)
            coverage = torch.minimum(coverage, clip_soft) + above * (above + 2)  # c - 1 + (above + 1)^2
        coverage = self._unsquash(coverage)
        return coverage if self.rescale else coverage / scale

    def _unsquash(self, coverage: Tensor) -> Tensor:
        for inverse, tracks in self._inverses:
            coverage = coverage.index_copy(-2, tracks, inverse(coverage.index_select(-2, tracks)))
        return coverage

    def _move(self, device: torch.device) -> None:
        """Keep the parameters where the predictions are."""
        if self._parameters.device != device:
            self._parameters = self._parameters.to(device)
            self._inverses = [(inverse, tracks.to(device)) for inverse, tracks in self._inverses]


def _inverses(chosen: pd.DataFrame, family: Family) -> list[tuple[_Inverse, Tensor]]:
    """Inverse of each squashing, with the index of the tracks that it is for."""
    pool, _, squash = (part.to_numpy() for _, part in chosen["sum_stat"].str.partition("_").items())
    known = np.isin(pool, _POOLS) & np.isin(squash, ["", *_INVERSES[family]])
    if not known.all():
        track = chosen.iloc[int(np.flatnonzero(~known)[0])]
        raise InputError(
            f"sum_stat {track['sum_stat']!r} of track {track['identifier']} has no inverse in family {family}",
            where="table of tracks",
            remedy="Leave such tracks out, or use the table that was published with these weights.",
        )
    return [
        (inverse, torch.from_numpy(np.flatnonzero(squash == name)))
        for name, inverse in _INVERSES[family].items()
        if (squash == name).any()
    ]


def _read_cells(path: Path) -> pd.DataFrame:
    """Cells of a table of tracks as text; labels are the index."""
    try:
        table = pd.read_csv(path, sep="\t", index_col=0, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"not a table of tracks ({error})", where=str(path), remedy=_AS_PUBLISHED) from error
    table.index = table.index.astype(str)
    if "identifier" not in table or table.empty:
        raise InputError("no column identifier, or no line below it", where=str(path), remedy=_AS_PUBLISHED)
    return table


def _numbers(table: pd.DataFrame, column: str, default: float, path: Path) -> "pd.Series[float]":
    """Column as numbers; the default where a cell or the whole column is missing."""
    if column not in table:
        return pd.Series(default, index=table.index)
    numbers = pd.to_numeric(table[column], errors="coerce").astype(np.float64)
    given = ~table[column].isin(["", "nan", "NaN", "None"])
    bad = given & numbers.isna()
    if bad.any():
        raise InputError(f"{column} {table[column][bad].iloc[0]!r} is no number", where=str(path), remedy=_AS_PUBLISHED)
    return numbers.where(given, default)


def _mates(table: pd.DataFrame, path: Path) -> Rows:
    """Row of each track's mate: `strand_pair` names the label, which need not be the row."""
    own = np.arange(len(table))
    if "strand_pair" not in table:
        return own
    labels = table.index
    mates = labels.get_indexer(pd.Index(table["strand_pair"])) if labels.is_unique else np.full(len(table), -1)
    bad = (mates < 0) | (mates[mates] != own)
    if bad.any():
        label, mate = labels[bad][0], table["strand_pair"][bad].iloc[0]
        raise InputError(
            f"strand_pair {mate!r} of line {label!r} is not the label of a line that names this one in turn",
            where=str(path),
            remedy=_AS_PUBLISHED,
        )
    return mates.astype(np.int64)


def _found(names: "pd.Series[str]", pattern: str) -> npt.NDArray[np.bool_]:
    """Which names hold a regular expression; one that finds nothing is a mistake."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"{pattern!r} is not a regular expression ({error})",
            where=_SHEET,
            remedy="Put \\ before signs like + or (.",
        ) from error
    found = np.array([expression.search(name) is not None for name in names], dtype=np.bool_)
    if not found.any():
        raise InputError(
            f"{pattern!r} finds no track; the first is {names.iloc[0]!r}",
            where=_SHEET,
            remedy="Write what stands in the model's targets.txt; (?i) in front takes upper and lower case alike.",
        )
    return found
