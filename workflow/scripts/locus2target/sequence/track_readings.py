"""What the scores of one window read, and the sums of scores over shifts and replicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from locus2target.sequence.backends import Effects
from locus2target.sequence.masks import Mask, MaskMaker, MaskSpec
from locus2target.sequence.scorers import ScoreRequest
from locus2target.sequence.shared_windows import SharedWindow, WindowVariants

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """One score of some variants that read the same bins.

    Attributes
    ----------
    score
        Index into the requests.
    mask
        Gene, bins and coverage.
    members
        int64, ascending: variants, as `WindowVariants` counts them.
    """

    score: int
    mask: Mask
    members: Rows


def plan_readings(
    requests: Sequence[ScoreRequest],
    makers: Mapping[MaskSpec, MaskMaker],
    window: SharedWindow,
    found: WindowVariants,
    members: Rows,
) -> list[Reading]:
    """Readings of some variants of a window, by score; variants with the same gene and bins share one."""
    grouped: dict[tuple[int, str | None, bytes, float], tuple[Mask, list[int]]] = {}
    for score, request in enumerate(requests):
        for member in members.tolist():
            for mask in _masks(makers[request.mask], window, found, member):
                key = (score, mask.gene_id, mask.bins.tobytes(), mask.coverage if mask.gene_id is not None else 0.0)
                grouped.setdefault(key, (mask, []))[1].append(member)
    return [Reading(key[0], mask, np.array(rows, dtype=np.int64)) for key, (mask, rows) in grouped.items()]


def _masks(maker: MaskMaker, window: SharedWindow, found: WindowVariants, member: int) -> tuple[Mask, ...]:
    start = window.start + int(found.starts[member])
    end = start + int(found.ref_lengths[member])
    stitched = bool(found.ref_lengths[member] != found.alt_lengths[member])
    return maker.masks(window.chromosome, window.start, start, end, stitched=stitched)


def union_of_bins(readings: Sequence[Reading]) -> Rows:
    """All bins that some readings need, int64, ascending."""
    return np.unique(np.concatenate([reading.mask.bins for reading in readings]))


class Reducer:
    """Computes scores on the device: only one float per variant, reading and track leaves it.

    Parameters
    ----------
    requests
        Scores.
    readings
        Of one window.
    bins
        int64 of shape (K,): bins that predictions hold, ascending.
    device
        Of the predictions.
    """

    def __init__(
        self, requests: Sequence[ScoreRequest], readings: Sequence[Reading], bins: Rows, device: torch.device
    ) -> None:
        self._requests = requests
        self._readings = readings
        self._columns = [
            None
            if len(reading.mask.bins) == len(bins)
            else torch.from_numpy(np.searchsorted(bins, reading.mask.bins)).to(device)
            for reading in readings
        ]

    def __call__(self, ref: Tensor, alt: Tensor, members: Rows) -> list["Reduced"]:
        """Scores of some variants.

        Parameters
        ----------
        ref, alt
            Float32 (B or 1, T, K) and (B, T, K).
        members
            int64 of shape (B,): the variants, as `WindowVariants` counts them.
        """
        done: list[tuple[Reading, Rows, Tensor]] = []
        for reading, columns in zip(self._readings, self._columns, strict=True):
            chosen = np.flatnonzero(np.isin(members, reading.members))
            if len(chosen):
                reduce = self._requests[reading.score].scorer.reduce
                values = reduce(_cut(ref, chosen, columns), _cut(alt, chosen, columns))
                done.append((reading, members[chosen], values))
        if not done:
            return []
        arrays = torch.cat([values for _, _, values in done]).cpu().numpy()
        ends = np.cumsum([len(rows) for _, rows, _ in done])[:-1]
        parts = np.split(arrays, ends)
        return [Reduced(reading, rows, part) for (reading, rows, _), part in zip(done, parts, strict=True)]


@dataclass(frozen=True, slots=True)
class Reduced:
    """Values of a reading, float32 (B, T), of the variants `members`, int64 (B,)."""

    reading: Reading
    members: Rows
    values: npt.NDArray[np.float32]


def _cut(prediction: Tensor, rows: Rows, columns: Tensor | None) -> Tensor:
    """Some variants and bins of predictions (B or 1, T, K); all bins where `columns` is None."""
    if 1 != len(prediction) != len(rows):
        prediction = prediction[torch.from_numpy(rows).to(prediction.device)]
    return prediction if columns is None else prediction.index_select(2, columns)


_OPPOSITE = {"+": "-", "-": "+"}


class ScoreSums:
    """Adds up scores over shifts and replicates, and gives their means.

    Parameters
    ----------
    track_strands
        object of shape (T,): strand of each track as `TrackTable.strands` has it.
    gene_strands
        Strand of each gene: tracks of the opposite one say nothing about it.
    """

    def __init__(self, track_strands: npt.NDArray[np.object_], gene_strands: Mapping[str, str]) -> None:
        self._track_strands = track_strands
        self._gene_strands = gene_strands
        self._sums: dict[tuple[int, int, str | None], list[npt.NDArray[np.float64]]] = {}

    def add(self, rows: Rows, reduced: Sequence[Reduced]) -> None:
        """Add scores; `rows`, int64, are the rows in the batch of a window's variants."""
        for part in reduced:
            score, mask = part.reading.score, part.reading.mask
            for row, values in zip(rows[part.members].tolist(), part.values, strict=True):
                terms = np.append(values.astype(np.float64), mask.coverage)
                self._sums.setdefault((row, score, mask.gene_id), []).append(terms)

    def effects(self) -> Effects:
        """Means as effects: every score of every track, and gene that is not on the strand opposite to the track's."""
        if not self._sums:
            return Effects.empty()
        keys = sorted(self._sums, key=lambda key: (*key[:2], str(key[2])))  # whatever was scored first
        means = np.stack([np.mean(self._sums[key], axis=0) for key in keys]).astype(np.float32)
        variants, scores = (np.array([key[part] for key in keys], dtype=np.int64) for part in (0, 1))
        genes = np.array([gene for _, _, gene in keys], dtype=np.object_)
        opposite = np.array([_OPPOSITE.get(self._gene_strands.get(gene, "."), "") for gene in genes])
        rows, tracks = np.nonzero(opposite[:, None] != self._track_strands[None, :])
        return Effects.concatenate(
            [
                Effects(
                    variants=variants[rows],
                    scores=scores[rows],
                    tracks=tracks,
                    values=means[rows, tracks],
                    genes=genes[rows],
                    coverage=means[rows, -1],
                    details=np.full(len(rows), "", dtype=np.object_),
                )
            ]
        )
