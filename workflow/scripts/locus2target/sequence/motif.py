"""Motif model: how well transcription factors' motifs match the REF and the ALT haplotype.

It needs no download and sees binding sites only: no chromatin, no cell type. Read its scores as "which site could
change", never as an effect on expression.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Effects, ModelSpec, Score, Track
from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.motif_bank import SCORE_UNIT, MotifBank, pvalue_table, read_motif_bank, score_matrix
from locus2target.sequence.pairs import PairModel
from locus2target.sequence.windows import WindowSpec

_LOGGER = logging.getLogger(__name__)
_WINDOW_BP = 256


@dataclass(frozen=True, slots=True)
class MotifPrediction:
    """Match of M motifs to B haplotypes, over both strands of the words that overlap the changed bases.

    Attributes
    ----------
    score
        int64 of shape (B, M): best word, in 0.01 bit.
    log10_p
        float64 of shape (B, M): p-value of that score for one random word.
    occupancy
        float32 of shape (B, M): log2 of the sum of the odds of all those words, bits.
    """

    score: torch.Tensor
    log10_p: torch.Tensor
    occupancy: torch.Tensor

    def take(self, rows: torch.Tensor) -> "MotifPrediction":
        """Predictions of some haplotypes."""
        return MotifPrediction(self.score[rows], self.log10_p[rows], self.occupancy[rows])


class MotifBackend:
    """A bank of weight matrices as one matrix product per motif width.

    Attributes
    ----------
    smallest_log10_p
        float64 of shape (M,): log10 p-value of each motif's best possible word; a motif of w bases cannot go below
        w log10(0.25).
    """

    def __init__(self, bank: MotifBank, spec: ModelSpec, device: torch.device) -> None:
        matrices = [score_matrix(counts) for counts in bank.counts]
        table = pvalue_table(matrices)
        self._spec = spec
        self._device = device
        self._widest = int(bank.widths.max())
        self._filters = _filters(matrices, device)
        by_width = np.argsort(bank.widths, kind="stable")
        self._column = torch.from_numpy(np.argsort(by_width, kind="stable")).to(device)  # of each motif, in that order
        self._log10_p = torch.from_numpy(table.log10_p).to(device)
        self._zeros = torch.from_numpy(table.zeros).to(device)
        self.smallest_log10_p = table.smallest

    @classmethod
    def load(cls, weights: str | Path, *, model: str, window_bp: int, device: torch.device) -> Self:
        """Load a motif bank for windows of `window_bp` bases.

        Raises
        ------
        InputError
            If the file cannot be read or the windows are shorter than the widest motif needs.
        """
        bank = read_motif_bank(weights)
        return cls(bank, _spec(bank, model=model, window_bp=window_bp), device)

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self._spec

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._device

    @torch.inference_mode()
    def predict(self, codes: torch.Tensor, spans: torch.Tensor) -> MotifPrediction:
        """Match every motif to the words that overlap the changed bases of each haplotype.

        Parameters
        ----------
        codes
            uint8 of shape (B, L).
        spans
            int64 of shape (B, 2); where a span is empty, words that read across the junction count.
        """
        lengths = spans[:, 1] - spans[:, 0]
        flank = self._widest - 1
        read = one_hot_tensor(_around(codes, spans[:, 0], flank=flank, length=int(lengths.max()) + 2 * flank))
        matches = []
        for matrices in self._filters:
            width = len(matrices) // 4
            words = read[:, :, self._widest - width : read.shape[2] - (self._widest - width)]
            matches.append(_match(words, matrices, lengths + width - 1))
        best, occupancy = (torch.cat(parts, dim=1)[:, self._column] for parts in zip(*matches, strict=True))
        score = best.to(torch.int64)
        return MotifPrediction(score, self._log10_p[self._zeros + score], occupancy)


def _filters(matrices: Sequence[npt.NDArray[np.int64]], device: torch.device) -> list[torch.Tensor]:
    """Score matrices of both strands per width w, narrow to wide, float32 of shape (4 w, 2 M_w).

    A product of these with one-hot words is one score per word, strand and motif: whole numbers that float32 holds
    exactly, so the sums do not depend on their order.
    """
    filters = []
    for width in sorted({len(matrix) for matrix in matrices}):
        forward = np.stack([matrix for matrix in matrices if len(matrix) == width])  # (M_w, w, 4)
        both = np.concatenate([forward, forward[:, ::-1, ::-1]])  # reversed bases are complements in the order ACGT
        columns = both.transpose(2, 1, 0).reshape(4 * width, -1)  # (2 M_w, w, 4) -> (4 w, 2 M_w)
        filters.append(torch.from_numpy(columns.astype(np.float32)).to(device))
    return filters


def _around(codes: torch.Tensor, starts: torch.Tensor, *, flank: int, length: int) -> torch.Tensor:
    """`length` bases from `flank` before each start, (B, length); those past a window repeat its last base.

    Past the window lie only bases that a shorter span of the batch does not read.
    """
    columns = starts[:, None] - flank + torch.arange(length, device=starts.device)
    return codes.gather(1, columns.clamp(max=codes.shape[1] - 1))


def _match(read: torch.Tensor, matrices: torch.Tensor, n_words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Best score and occupancy of motifs of one width w.

    Parameters
    ----------
    read
        float32 of shape (B, 4, S): the bases read.
    matrices
        float32 of shape (4 w, 2 M_w).
    n_words
        int64 of shape (B,): words, from the first base on, that overlap the haplotype's changed bases.

    Returns
    -------
    tuple
        Best score, in 0.01 bit, and occupancy, in bits: float32 of shape (B, M_w).
    """
    words = read.unfold(2, len(matrices) // 4, 1).permute(0, 2, 1, 3)  # (B, 4, P, w) -> (B, P, 4, w)
    batch, places = words.shape[:2]
    scores = words.reshape(batch * places, -1) @ matrices  # (B P, 2 M_w)
    scores = scores.view(batch, places, -1)
    if int(n_words.min()) < places:
        outside = torch.arange(places, device=read.device) >= n_words[:, None]
        scores.masked_fill_(outside[:, :, None], -math.inf)
    scores = scores.view(batch, 2 * places, -1)  # strands are words like any other
    best = scores.amax(1)
    odds = scores.sub_(best[:, None]).mul_(SCORE_UNIT).exp2_().sum(1)  # against the best word: no underflow
    return best, best * SCORE_UNIT + odds.log2()


def _spec(bank: MotifBank, *, model: str, window_bp: int) -> ModelSpec:
    flank = int(bank.widths.max()) - 1
    if window_bp < 2 * flank + 1:
        raise InputError(
            f"window_bp {window_bp} of model {model} is too small",
            where="models sheet",
            remedy=f"The widest motif of {bank.title} needs {2 * flank + 1} bases or more; 256 leaves room for indels.",
        )
    tracks = tuple(
        Track(f"{name} {motif}", family)
        for name, motif, family in zip(bank.names, bank.ids, bank.families, strict=True)
    )
    return ModelSpec(
        model=model,
        kind="motif",
        window=WindowSpec(window_bp, window_bp // 2, flank),
        bin_size=None,
        tracks=tracks,
        licence=bank.licence,
        citation=bank.citation,
        weights_sha256=bank.sha256,
    )


class RankChangeScorer:
    """log10(p_ref / p_alt) of a motif's best word: positive where ALT matches better.

    The best word is chosen for each haplotype on its own, as atSNP does (Zuo et al. 2015, Bioinformatics 31:3353).
    A motif counts when one haplotype reaches `motif_p`; of a family the motif with the largest change is reported.
    """

    def __init__(self, families: Sequence[str], *, motif_p: float) -> None:
        self._families = np.unique(families, return_inverse=True)[1]
        self._limit = math.log10(motif_p)
        self._scores = (
            Score(
                name="motif_rank_change",
                largest="motif_max_rank_change",
                mask="",
                formula=f"log10(p_ref / p_alt) of the best word, both strands, min(p) <= {motif_p:g}; version 1",
                silent_reason=f"no motif reaches p <= {motif_p:g} on either allele",
                silent_value=0.0,
            ),
        )

    @property
    def scores(self) -> tuple[Score, ...]:
        """The one score."""
        return self._scores

    def effects(self, ref: MotifPrediction, alt: MotifPrediction) -> Effects:
        """Rank change of the best motif of every family that has a site on either haplotype."""
        p_ref, p_alt = ref.log10_p.cpu().numpy(), alt.log10_p.cpu().numpy()
        variants, motifs = np.nonzero(np.minimum(p_ref, p_alt) <= self._limit)
        change = (p_ref - p_alt)[variants, motifs]
        families = self._families[motifs]
        order = np.lexsort((motifs, -np.abs(change), families, variants))
        first = np.diff(variants[order] * len(self._families) + families[order], prepend=-1) != 0
        chosen = np.sort(order[first])  # back to the order of variants, then motifs
        variants, motifs = variants[chosen], motifs[chosen]
        rows = torch.from_numpy(variants).to(ref.score.device), torch.from_numpy(motifs).to(ref.score.device)
        bits = (alt.score[rows] - ref.score[rows]).cpu().numpy() * SCORE_UNIT
        occupancy = (alt.occupancy[rows] - ref.occupancy[rows]).cpu().numpy()
        details = [
            _describe(*numbers)
            for numbers in zip(
                change[chosen], p_ref[variants, motifs], p_alt[variants, motifs], bits, occupancy, strict=True
            )
        ]
        return Effects(
            variants=variants,
            scores=np.zeros(len(variants), dtype=np.int64),
            tracks=motifs,
            values=change[chosen].astype(np.float32),
            genes=np.full(len(variants), None, dtype=np.object_),
            coverage=np.full(len(variants), np.nan, dtype=np.float32),
            details=np.array(details, dtype=np.object_),
        )


def _describe(change: float, log10_ref: float, log10_alt: float, bits: float, occupancy: float) -> str:
    """Say for people what happens to a site."""
    word = "neutral" if change == 0 else "gain" if change > 0 else "loss"
    return f"{word}: p_ref={10**log10_ref:.2g}, p_alt={10**log10_alt:.2g}, bits={bits:+.2f}, occupancy={occupancy:+.2f}"


def load_motif_model(
    row: ModelRow, *, device: torch.device, batch_size: int, motif_p: float
) -> PairModel[MotifPrediction]:
    """Motif backend with the rank-change scorer; `batch_size` counts windows.

    Raises
    ------
    InputError
        If the bank cannot be read or the windows are too short for it.
    """
    window_bp = _WINDOW_BP if row.window_bp is None else row.window_bp
    backend = MotifBackend.load(row.weights[0], model=row.model, window_bp=window_bp, device=device)
    short = int(np.sum(backend.smallest_log10_p > math.log10(motif_p)))
    if short:
        _LOGGER.info("%d of %d motifs are too short to reach p <= %g", short, len(backend.spec.tracks), motif_p)
    scorer = RankChangeScorer([track.group for track in backend.spec.tracks], motif_p=motif_p)
    return PairModel(backend, scorer, batch_size)
