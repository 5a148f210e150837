"""Cell models: networks with one output vector per window, such as scBasset and small accessibility networks.

For each window, strand, shift and replicate REF is computed once. Substitutions are patches of it (`patches`), exact
and at the cost of the columns that they change; insertions and deletions are whole haplotypes, in which the bases right
of the change move. Scores are averaged over strands, shifts and replicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, VariantScores
from locus2target.sequence.batching import Batches
from locus2target.sequence.cell_networks import (
    FAMILIES,
    CellFamily,
    CellNetwork,
    LoadedCells,
    choose_outputs,
    mean_weights,
)
from locus2target.sequence.cell_windows import CellWindows, gather_windows
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.shared_windows import SharedWindow, first_faults, plan_windows, read_window
from locus2target.sequence.weights import checksum
from locus2target.sequence.windows import OK, WindowSpec

_VERSION = 1
_CPU_WINDOWS = 16
_FLANK = 0  # no bases near the variant decide more than others
Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CellModel:
    """Replicates of a network.

    Attributes
    ----------
    spec
        What the model is.
    row
        How it is run.
    family
        Score and its formula.
    networks
        One per replicate.
    batches
        How many windows, or whole haplotypes, a pass takes.
    """

    spec: ModelSpec
    row: ModelRow
    family: CellFamily
    networks: tuple[CellNetwork, ...]
    batches: Batches

    @property
    def scores(self) -> tuple[Score, ...]:
        """Its only score."""
        strands = "mean of both strands" if self.row.strands == 2 else "forward strand"
        patched = "patches" in self.spec.capabilities
        way = "substitutions by exact patches of REF" if patched else "every ALT as a whole window"
        averaged = f"{strands}, {len(self.row.shifts)} shifts and {len(self.networks)} replicates"
        formula = f"{self.family.formula} (version {_VERSION}); {averaged}; {way}, indels anchored at the left"
        return (Score(self.family.score, f"largest_{self.family.score}", "", formula, ""),)

    @property
    def settings_key(self) -> str:
        """Grid, strands, shifts, and which cells are averaged."""
        row = self.row
        return f"shared {row.shared_bp}, strands {row.strands}, shifts {row.shifts}, tracks {row.tracks}"

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score variants, as `VariantModel.score` says."""
        window = self.spec.window
        cells = plan_windows(
            variants, length=window.length, shared_bp=self.row.shared_bp, center_offset=window.center_offset
        )
        status, reason = [""] * len(variants), [""] * len(variants)
        offsets = np.zeros(len(variants), dtype=np.int64)
        values = np.zeros((len(variants), len(self.spec.tracks)), dtype=np.float32)

        def score_some(some: Rows) -> list[_CellScores]:
            return self._score_cells([cells[i] for i in some], variants, sources)

        for some, scored in self.batches.run(score_some, np.arange(len(cells))):
            for cell, result in zip((cells[i] for i in some), scored, strict=True):
                values[cell.rows] = result.values
                center = cell.start + window.length // 2 + 1  # 1-based
                offsets[cell.rows] = variants["position"].to_numpy()[cell.rows] - center
                for row, (word, sentence) in zip(cell.rows.tolist(), result.verdicts, strict=True):
                    status[row], reason[row] = word, sentence
        return VariantScores(status, reason, _effects(status, values), offsets)

    def _score_cells(
        self, cells: Sequence[SharedWindow], variants: pd.DataFrame, sources: Sources
    ) -> list["_CellScores"]:
        """Scores of some cells' variants."""
        founds = [
            [
                read_window(
                    replace(cell, start=cell.start - shift),
                    variants,
                    sources.fetch,
                    length=self.spec.window.length,
                    flank=self.spec.window.flank,
                )
                for cell in cells
            ]
            for shift in self.row.shifts
        ]
        verdicts = [first_faults(same_cell) for same_cell in zip(*founds, strict=True)]
        scorable = [np.array([word == OK for word, _ in verdict], dtype=np.bool_) for verdict in verdicts]
        total = np.zeros((sum(map(len, scorable)), len(self.spec.tracks)), dtype=np.float32)
        for shifted in founds:
            windows = gather_windows(shifted, scorable, patches="patches" in self.spec.capabilities)
            for strand in (windows, windows.reverse_complement())[: self.row.strands]:
                for network in self.networks:
                    self._add_changes(strand, network, total)
        total /= len(founds) * self.row.strands * len(self.networks)
        ends = np.cumsum([len(one) for one in scorable])[:-1]
        return [_CellScores(verdict, part) for verdict, part in zip(verdicts, np.split(total, ends), strict=True)]

    def _add_changes(self, windows: CellWindows, network: CellNetwork, total: Values) -> None:
        """Add the changes of the outputs by each variant, on one strand."""
        if network.engine is None:
            ref = network.vectors(windows.ref)
        else:
            reference = network.engine.reference(torch.from_numpy(windows.ref).to(network.device))
            ref = reference.output
            for part in windows.substitutions:
                changes = network.engine.changes(reference, part.windows, part.starts, part.alts)
                total[part.rows] += network.outputs(changes)
        whole = windows.haplotypes
        for first in range(0, len(whole.rows), self.batches.size):
            some = slice(first, first + self.batches.size)
            changes = network.vectors(whole.codes[some]) - ref[torch.from_numpy(whole.windows[some]).to(network.device)]
            total[whole.rows[some]] += network.outputs(changes)


@dataclass(frozen=True, slots=True)
class _CellScores:
    """Status and reason of each variant of a cell, and its scores (V, T)."""

    verdicts: list[tuple[str, str]]
    values: Values


def _effects(status: Sequence[str], values: Values) -> Effects:
    """One effect per variant that was scored and output."""
    scored = np.flatnonzero([word == OK for word in status])
    n, tracks = len(scored), values.shape[1]
    return Effects(
        variants=np.repeat(scored, tracks),
        scores=np.zeros(n * tracks, dtype=np.int64),
        tracks=np.tile(np.arange(tracks), n),
        values=values[scored].ravel(),
        genes=np.full(n * tracks, None, dtype=np.object_),
        coverage=np.full(n * tracks, np.nan, dtype=np.float32),
        details=np.full(n * tracks, "", dtype=np.object_),
    )


def load_cell_model(row: ModelRow, *, device: torch.device, batch_size: int) -> CellModel:
    """Model of a row of the models sheet with backend `scbasset` or `accessibility`.

    Parameters
    ----------
    row
        Each of its weights is a folder.
    device
        Where it runs.
    batch_size
        Windows in one pass; fewer on a CPU, where more would not fit its caches.

    Raises
    ------
    InputError
        If weights cannot be used, replicates differ in their outputs, or the row asks for what there is not.
    """
    family = FAMILIES[row.backend]
    replicates = [family.load(folder) for folder in row.weights]
    _check_row(row, family, replicates)
    tracks, part_of = choose_outputs(row, replicates[0].tracks)
    networks = tuple(CellNetwork(loaded.layers, mean_weights(loaded.weights, part_of), device) for loaded in replicates)
    first = replicates[0]
    window = _window(row, first.length)
    spec = ModelSpec(
        model=row.model,
        kind="cell",
        window=window,
        bin_size=None,
        tracks=tracks,
        licence=first.licence,
        citation=first.citation,
        weights_sha256=checksum(path for loaded in replicates for path in loaded.files),
        capabilities=frozenset({"patches"} if all(network.engine is not None for network in networks) else ()),
    )
    limit = min(batch_size, _CPU_WINDOWS) if device.type == "cpu" else batch_size
    return CellModel(spec, row, family, networks, Batches(limit, device, f"model {row.model}, {first.length} bases"))


def _window(row: ModelRow, length: int) -> WindowSpec:
    """Window of a row of the models sheet; every variant of a cell must lie in it at every shift."""
    center = length // 2 if row.center_offset is None else row.center_offset
    reach = row.shared_bp // 2 + max(map(abs, row.shifts))
    if not 0 <= center - reach <= center + reach < length:
        raise InputError(
            f"variants could lie up to {reach} bases from base {center} of a window of {length} bases",
            where=f"models sheet, model {row.model}",
            remedy="Lower shared_bp or the shifts, or leave center_offset empty.",
        )
    return WindowSpec(length, center, _FLANK)


def _check_row(row: ModelRow, family: CellFamily, replicates: Sequence[LoadedCells]) -> None:
    """Refuse what these models cannot do, and replicates that are not of one model."""
    first = replicates[0]
    wishes = {
        f"window_bp {row.window_bp}": (row.window_bp in {None, first.length}, f"Leave it empty or {first.length}."),
        f"scorers {row.scorers}": (row.scorers in {None, family.score}, f"Leave it empty or {family.score}."),
        f"precision {row.precision}": (row.precision == "float32", "Write float32."),
        f"shared_bp {row.shared_bp}": (row.shared_bp <= first.length // 2, f"Write {first.length // 2} or less."),
    }
    for wish, (granted, remedy) in wishes.items():
        if not granted:
            raise InputError(f"{wish} is not for model {row.model}", where="models sheet", remedy=remedy)
    for folder, loaded in zip(row.weights, replicates, strict=True):
        if (loaded.tracks, loaded.length) != (first.tracks, first.length):
            raise InputError(
                f"outputs or window differ from those of {row.weights[0]}",
                where=str(folder),
                remedy="Replicates of a model are trained on the same cells with the same window.",
            )
