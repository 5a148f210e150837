"""A row of the models sheet: which model, with which weights, and how it is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """How one model is run; None where the model's own default holds.

    Attributes
    ----------
    model
        Id.
    backend
        Model family, a key of the registry.
    weights
        Local files or folders, one per replicate; scores are averaged over them.
    window_bp
        Bases of a window, for models that can choose.
    shared_bp
        Variants of one cell of this many bases share a window and its REF pass; 0 centers each variant in its own.
    tracks
        Which outputs are wanted: `all`, or regular expressions separated by semicolons.
    scorers
        Scores, each `name` or `name@mask`, separated by commas.
    precision
        Of the trunk; heads and scores are float32.
    strands
        1 reads the forward strand, 2 averages with the reverse complement.
    shifts
        Shifts of the window in bases; scores are averaged over them.
    center_offset
        Index in the window of a variant's first base (of its cell's center, with shared windows).
    prefilter
        Share of the single-base changes that are scored, chosen by a gradient; None scores all.
    description
        For people.
    """

    model: str
    backend: str
    weights: tuple[Path, ...]
    window_bp: int | None = None
    shared_bp: int = 0
    tracks: str = "all"
    scorers: str | None = None
    precision: Precision = "float32"
    strands: Literal[1, 2] = 1
    shifts: tuple[int, ...] = (0,)
    center_offset: int | None = None
    prefilter: float | None = None
    description: str = ""

    @classmethod
    def from_sheet(cls, row: Mapping[str, Any], weights: Sequence[str]) -> "ModelRow":
        """Row as the checked sheet gives it, empty cells None, with its files or folders of weights."""
        given = {key: value for key, value in row.items() if value is not None and key != "replicates"}
        shifts = tuple(int(shift) for shift in str(given.pop("shifts", 0)).split(","))
        return cls(**(given | {"weights": tuple(map(Path, weights)), "shifts": shifts}))
