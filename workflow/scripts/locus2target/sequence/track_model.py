"""Track models: every variant of a cell of the genome scored against one shared reference.

For each window, replicate and shift REF is predicted once. Variants whose alleles have the same length are edits of
it (`track_reference`); others are predicted as whole haplotypes, anchored at the left and at the right of the change,
and stitched (`indels`). Predictions of the two strands are averaged before the inverse transform; scores are averaged
over shifts and replicates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Capability, ModelSpec, Score, Sources, Track, VariantScores
from locus2target.sequence.batching import Batches
from locus2target.sequence.masks import MaskMaker, MaskSpec
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.interface import Geometry, ProfileNetwork
from locus2target.sequence.scorers import ScoreRequest, parse_scorers
from locus2target.sequence.shared_windows import SharedWindow, WindowVariants, first_faults, plan_windows, read_window
from locus2target.sequence.track_families import FAMILIES, load_for_table, read_track_table
from locus2target.sequence.track_readings import Reading, Reduced, ScoreSums, plan_readings
from locus2target.sequence.track_reference import TrackNetwork
from locus2target.sequence.track_scoring import WindowScorer
from locus2target.sequence.tracks import TrackTable, Untransform, find_targets, select_tracks
from locus2target.sequence.weights import checksum
from locus2target.sequence.windows import OK, WindowSpec

OUTSIDE_OUTPUT = "outside_output"

_EXACT: frozenset[Capability] = frozenset({"gradients", "bfloat16"})
_CPU_BASES = 524_288  # of a batch on a CPU: Borzoi takes 3 GB for as many, and larger batches are no faster

_OF_GENES = frozenset({"exons", "exons_majority", "gene", "tss"})
_NO_PEAK = "the variant lies in no peak"
_NO_GENE = "no gene in reach of the model's output"
_NO_GENE_OF_STRAND = f"{_NO_GENE} on the strand of a track"
Makers = Mapping[MaskSpec, MaskMaker]
Rows = npt.NDArray[np.int64]
Verdict = tuple[str, str]
"""Status and reason."""


@dataclass(frozen=True, slots=True)
class TrackModel:
    """Replicates of a profile network, with the scores that are asked for.

    Attributes
    ----------
    spec
        What the model is.
    row
        How it is run.
    networks
        One per replicate.
    requests
        Scores and masks.
    untransform
        Way from raw predictions to coverage.
    track_strands
        object of shape (T,): strand of each of the model's tracks, as `TrackTable.strands` has it.
    batches
        How many haplotypes a pass takes.
    """

    spec: ModelSpec
    row: ModelRow
    networks: tuple[TrackNetwork, ...]
    requests: tuple[ScoreRequest, ...]
    untransform: Untransform
    track_strands: npt.NDArray[np.object_]
    batches: Batches

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives, in the order of the requests."""
        return tuple(self._describe(request) for request in self.requests)

    @property
    def settings_key(self) -> str:
        """Grid, strands, shifts and precision."""
        row = self.row
        return f"shared {row.shared_bp}, strands {row.strands}, shifts {row.shifts}, precision {row.precision}"

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score variants, as `VariantModel.score` says."""
        window, geometry = self.spec.window, self.networks[0].geometry
        makers = {mask: MaskMaker(mask, geometry, sources) for mask in {request.mask for request in self.requests}}
        status, reason = [""] * len(variants), [""] * len(variants)
        sums = ScoreSums(self.track_strands, _gene_strands(sources))
        cells = plan_windows(
            variants, length=window.length, shared_bp=self.row.shared_bp, center_offset=window.center_offset
        )
        offsets = variants["position"].to_numpy(np.int64) - 1 - window.length // 2
        for cell in cells:
            offsets[cell.rows] -= cell.start
            for row, verdict in zip(cell.rows, self._score_cell(cell, variants, sources, makers, sums), strict=True):
                status[row], reason[row] = verdict
        return VariantScores(status, reason, sums.effects(), offsets)

    def _describe(self, request: ScoreRequest) -> Score:
        scorer, mask = request.scorer, request.mask
        mean = f"mean of the scores of {len(self.row.shifts)} shift(s) and {len(self.networks)} replicate(s)"
        parts = (
            f"{scorer.formula} (version {scorer.version})",
            mask.extent(self.networks[0].geometry.bin_bp),
            self._strand_policy() if mask.kind in _OF_GENES else "",
            self.untransform.text,
            "mean of both strands' raw predictions" if self.row.strands == 2 else "forward strand",
            mean,
        )
        return Score(
            name=scorer.name,
            largest=f"largest_{scorer.name}",
            mask=mask.text,
            formula="; ".join(filter(None, parts)),
            silent_reason=self._silent_reason(request),
        )

    def _strand_policy(self) -> str:
        """Which tracks a gene is scored on, in words; empty where no track has a strand."""
        if (self.track_strands == ".").all():
            return ""
        unread = int((self.track_strands == "?").sum())
        exception = f" ({unread} stranded track(s) whose strand their names do not tell are read)" if unread else ""
        return f"no tracks of the strand opposite to the gene's{exception}"

    def _silent_reason(self, request: ScoreRequest) -> str:
        """Why a variant may have no such score."""
        if request.mask.kind in _OF_GENES:
            return _NO_GENE_OF_STRAND if np.isin(self.track_strands, ["+", "-"]).any() else _NO_GENE
        return _NO_PEAK if request.mask.kind == "peak" else ""

    def _score_cell(
        self, cell: SharedWindow, variants: pd.DataFrame, sources: Sources, makers: Makers, sums: ScoreSums
    ) -> list[Verdict]:
        """Add the scores of one cell's variants; what became of each."""
        length, flank = self.spec.window.length, self.spec.window.flank
        windows = [replace(cell, start=cell.start - shift) for shift in self.row.shifts]
        founds = [read_window(window, variants, sources.fetch, length=length, flank=flank) for window in windows]
        verdicts = first_faults(founds)
        members = np.flatnonzero([status == OK for status, _ in verdicts])
        plans = [
            plan_readings(self.requests, makers, window, found, members)
            for window, found in zip(windows, founds, strict=True)
        ]
        outside = _outside(self.requests, plans, members)
        for member, verdict in outside.items():
            verdicts[member] = verdict
        for found, plan in zip(founds, plans, strict=True):
            for reduced in self._score_window(found, _without(plan, list(outside))):
                sums.add(cell.rows, reduced)
        return verdicts

    def _score_window(self, found: WindowVariants, readings: Sequence[Reading]) -> Iterator[list[Reduced]]:
        """Scores of a window's variants by all replicates, batch by batch."""
        for network in self.networks if readings else ():
            scorer = WindowScorer(network, found, self.requests, readings, self.untransform)
            self.batches.measure(scorer.predict_reference)
            for function, items in scorer.passes():
                for _, reduced in self.batches.run(function, items):
                    yield reduced


def load_track_model(row: ModelRow, *, device: torch.device, batch_size: int) -> TrackModel:
    """Load a published model with all its replicates.

    Parameters
    ----------
    row
        Row of the models sheet; `row.backend` is a key of `track_families.FAMILIES`.
    device
        Where it runs.
    batch_size
        Haplotypes in one pass at most; fewer where the memory does not allow that many.

    Raises
    ------
    InputError
        If weights or tracks cannot be used, or the settings do not fit the network.
    """
    family = FAMILIES[row.backend]
    targets = find_targets(row.weights[0])
    loaded = [load_for_table(family, folder, targets) for folder in row.weights]
    networks = [_as_profile(replicate.network) for replicate in loaded]
    geometry, n_tracks = networks[0].geometry, networks[0].n_tracks
    for folder, network in zip(row.weights, networks, strict=True):
        _check_replicate(network, geometry, n_tracks, folder)
    table = read_track_table(family, row.weights[0], n_tracks)
    files = [*(path for replicate in loaded for path in replicate.files), *([] if targets is None else [targets])]
    window = _window(row, geometry)
    rows = select_tracks(table, row.tracks)
    transform = family.transform(networks[0], row.weights[0])
    mates = table.strand_pair[rows] if row.strands == 2 else None
    ready = [TrackNetwork(network, device, getattr(torch, row.precision), rows, mates) for network in networks]
    limit = batch_size if device.type == "cuda" else min(batch_size, max(1, _CPU_BASES // geometry.length))
    return TrackModel(
        spec=ModelSpec(
            model=row.model,
            kind="track",
            window=window,
            bin_size=geometry.bin_bp,
            tracks=tuple(_tracks(table, rows)),
            licence=family.licence,
            citation=family.citation,
            weights_sha256=checksum(files),
            capabilities=frozenset(_EXACT if ready[0].halo(1) is None else {*_EXACT, "halo"}),
        ),
        row=row,
        networks=tuple(ready),
        requests=parse_scorers(family.scorers if row.scorers is None else row.scorers),
        untransform=Untransform(
            table, rows, family=transform.family, rescale=transform.rescale, unclip=transform.unclip
        ),
        track_strands=table.strands[rows],
        batches=Batches(limit, device, f"model {row.model}, windows of {geometry.length} bases"),
    )


def _gene_strands(sources: Sources) -> Mapping[str, str]:
    """Strand of each gene."""
    if sources.genes is None:
        return {}
    genes = sources.genes.genes
    return dict(zip(genes["gene_id"], genes["strand"], strict=True))


def _as_profile(network: nn.Module) -> ProfileNetwork:
    return cast("ProfileNetwork", network)


def _check_replicate(network: ProfileNetwork, geometry: Geometry, n_tracks: int, folder: Path) -> None:
    if (network.geometry, network.n_tracks) != (geometry, n_tracks):
        raise InputError(
            f"{network.n_tracks} tracks and {network.geometry}, unlike the first replicate's {n_tracks} and {geometry}",
            where=str(folder),
            remedy="Name replicates of one model only.",
        )


def _window(row: ModelRow, geometry: Geometry) -> WindowSpec:
    """Window of a row of the models sheet, which the network's geometry must allow."""
    where = f"models sheet, model {row.model}"
    if row.window_bp not in {None, geometry.length}:
        raise InputError(
            f"window_bp is {row.window_bp}, the network reads {geometry.length} bases",
            where=where,
            remedy="Leave it empty.",
        )
    center = geometry.length // 2 if row.center_offset is None else row.center_offset
    crop = geometry.crop_bins * geometry.bin_bp
    reach = row.shared_bp // 2 + max(map(abs, row.shifts))
    if not crop <= center - reach <= center + reach < geometry.length - crop:
        raise InputError(
            f"variants could lie up to {reach} bases from base {center} of the window, but only bases {crop} to "
            f"{geometry.length - crop} have output",
            where=where,
            remedy="Lower shared_bp or the shifts, or leave center_offset empty.",
        )
    return WindowSpec(geometry.length, center, 0)


def _tracks(table: TrackTable, rows: Rows) -> Iterator[Track]:
    chosen = table.frame.iloc[rows]
    for identifier, description in zip(chosen["identifier"], chosen["description"], strict=True):
        yield Track(str(identifier), str(description))


def _outside(requests: Sequence[ScoreRequest], plans: Sequence[Sequence[Reading]], members: Rows) -> dict[int, Verdict]:
    """Verdict on variants around which a score wants bins that the output of a window does not have."""
    outside = {}
    for score, request in enumerate(requests):
        for readings in plans if request.mask.kind == "center" else ():
            inside = [reading.members for reading in readings if reading.score == score]
            for member in np.setdiff1d(members, np.concatenate([np.empty(0, np.int64), *inside])).tolist():
                outside[member] = (
                    OUTSIDE_OUTPUT,
                    f"the variant lies outside the model's output, where mask {request.mask.text} has no bins; lower "
                    "shared_bp in the models sheet",
                )
    return outside


def _without(readings: Sequence[Reading], members: Sequence[int]) -> list[Reading]:
    """Readings without some variants."""
    kept = [replace(reading, members=np.setdiff1d(reading.members, members)) for reading in readings]
    return [reading for reading in kept if len(reading.members)]
