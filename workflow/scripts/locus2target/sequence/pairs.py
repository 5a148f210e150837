"""Variants scored pair by pair: each in a window centered on it, REF and ALT haplotype in one pass.

This is the way for models that read few bases, such as the motif bank; models of long windows share their reference
(`track_model`, `cell_model`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.sequence.backends import (
    Effects,
    ModelSpec,
    PredictionT,
    Score,
    ScoringBackend,
    Sources,
    VariantScorer,
    VariantScores,
)
from locus2target.sequence.windows import HaplotypeWindows, extract_windows


@dataclass(frozen=True, slots=True)
class PairModel(Generic[PredictionT]):
    """A backend with the scorer that reads its predictions.

    Attributes
    ----------
    backend, scorer
        What predicts and what compares.
    batch_size
        Windows, of either haplotype, in one pass.
    """

    backend: ScoringBackend[PredictionT]
    scorer: VariantScorer[PredictionT]
    batch_size: int

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.backend.spec

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives."""
        return self.scorer.scores

    @property
    def settings_key(self) -> str:
        """Nothing but weights, window and formulas decides."""
        return ""

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score variants, as `VariantModel.score` says."""
        status, reason = [""] * len(variants), [""] * len(variants)
        parts = [Effects.empty()]
        for rows in _batches(variants, max(1, self.batch_size // 2)):
            windows = extract_windows(variants.iloc[rows], sources.fetch, self.spec.window)
            for row, word, sentence in zip(rows, windows.status, windows.reason, strict=True):
                status[row], reason[row] = word, sentence
            scorable = np.flatnonzero(windows.scorable)
            if len(scorable):
                effects = self.scorer.effects(*_predict_pairs(self.backend, windows, scorable))
                parts.append(effects.of_variants(rows[scorable]))
        offsets = np.full(len(variants), self.spec.window.center_offset - self.spec.window.length // 2, dtype=np.int64)
        return VariantScores(status, reason, Effects.concatenate(parts), offsets)


def _batches(variants: pd.DataFrame, size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Row numbers, batch by batch: alleles of like length together, then along the genome.

    A batch costs as much as its longest change, and near variants share one read of the genome.
    """
    longest = np.maximum(variants["ref"].str.len().to_numpy(np.int64), variants["alt"].str.len().to_numpy(np.int64))
    contigs = np.unique(variants["chromosome"].to_numpy(str), return_inverse=True)[1]
    order = np.lexsort((variants["position"].to_numpy(np.int64), contigs, longest))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _predict_pairs(
    backend: ScoringBackend[PredictionT], windows: HaplotypeWindows, rows: npt.NDArray[np.int64]
) -> tuple[PredictionT, PredictionT]:
    """Predictions of both haplotypes in one pass; variants at one place share their REF window."""
    codes = np.concatenate([windows.ref[rows], windows.alt[rows]])
    spans = np.concatenate([windows.ref_spans[rows], windows.alt_spans[rows]])
    whole = np.ascontiguousarray(np.concatenate([spans.view(np.uint8), codes], axis=1))
    _, first, inverse = np.unique(whole.view(f"V{whole.shape[1]}").ravel(), return_index=True, return_inverse=True)
    prediction = backend.predict(
        torch.from_numpy(codes[first]).to(backend.device), torch.from_numpy(spans[first]).to(backend.device)
    )
    of_window = torch.from_numpy(inverse).to(backend.device)
    return prediction.take(of_window[: len(rows)]), prediction.take(of_window[len(rows) :])
