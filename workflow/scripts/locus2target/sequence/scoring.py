"""Scoring of variants with any model: chunk by chunk, what is known already read from the cache."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.errors import InputError
from locus2target.core.progress import progress
from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, VariantModel, VariantScores
from locus2target.sequence.score_cache import ScoreCache

_LOGGER = logging.getLogger(__name__)
_VARIANT = ["chromosome", "position", "ref", "alt"]
Rows = npt.NDArray[np.int64]


def resolve_device(name: str) -> torch.device:
    """Device for `auto`, `cpu` or `cuda`.

    Raises
    ------
    InputError
        If CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError(
            "device is cuda, but PyTorch finds no CUDA device",
            where="config, scoring.device",
            remedy="Run on a machine with a GPU and a CUDA build of PyTorch, or set auto or cpu.",
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def log_model(spec: ModelSpec, device: torch.device) -> None:
    """Say once per job what is run on what."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    _LOGGER.info("model %s: %d tracks, weights sha256 %s", spec.model, len(spec.tracks), spec.weights_sha256)
    _LOGGER.info("torch %s (CUDA %s) on %s", torch.__version__, torch.version.cuda, where)


@dataclass(frozen=True, slots=True)
class Scoring:
    """A model at work: what it reads, and where it keeps what it has done.

    Attributes
    ----------
    model
        What scores.
    sources
        Genome and genes.
    chunk
        Variants between two writes to the cache.
    cache
        Scores of earlier runs; each finished chunk is added, so a killed job goes on where it was. None: no cache.
    """

    model: VariantModel
    sources: Sources
    chunk: int
    cache: ScoreCache | None = None

    def score(self, variants: pd.DataFrame) -> VariantScores:
        """Score variants in any order; the answer depends neither on the order nor on the chunks nor on the cache.

        Parameters
        ----------
        variants
            Columns chromosome, position (1-based), ref, alt; one that is listed twice is scored once.
        """
        number = np.asarray(variants.groupby(_VARIANT, sort=False).ngroup(), dtype=np.int64)
        return self._score_distinct(variants.drop_duplicates(_VARIANT)).take(number)

    def _score_distinct(self, variants: pd.DataFrame) -> VariantScores:
        parts: list[tuple[Rows, VariantScores]] = []
        todo = along_genome(variants)
        keys = [] if self.cache is None else self.cache.keys(variants, self.sources)
        if self.cache is not None:
            known, stored = self.cache.load(keys)
            parts.append((known, stored))
            todo = todo[~np.isin(todo, known)]
            _LOGGER.info("%d of %d variants have scores in the cache", len(known), len(variants))
        with progress(len(todo), unit="variants", label=f"scoring with {self.model.spec.model}") as done:
            for start in range(0, len(todo), self.chunk):
                rows = todo[start : start + self.chunk]
                scores = self.model.score(variants.iloc[rows].reset_index(drop=True), self.sources)
                if self.cache is not None:
                    self.cache.save([keys[row] for row in rows], scores)
                parts.append((rows, scores))
                done.advance(len(rows))
        return VariantScores.merge(len(variants), parts)


def along_genome(variants: pd.DataFrame) -> Rows:
    """Row numbers by chromosome and position."""
    ranks = {name: chromosome_rank(name) for name in variants["chromosome"].unique()}
    order = {name: i for i, name in enumerate(sorted(ranks, key=lambda name: ranks[name]))}
    contigs = variants["chromosome"].map(order).to_numpy(np.int64)
    return np.lexsort((variants["position"].to_numpy(np.int64), contigs)).astype(np.int64)


def by_size(effects: Effects, n_scores: int) -> tuple[Rows, Rows]:
    """Order of effects by variant and score, then by size, largest first, then by track; and each one's pair.

    Returns
    -------
    tuple
        int64 of shape (E,) each: the elements in that order, and their pairs, `variant * n_scores + score`.
    """
    order = np.lexsort((effects.tracks, -np.abs(effects.values), effects.scores, effects.variants))
    return order, effects.variants[order] * n_scores + effects.scores[order]


def largest_effects(scores: VariantScores, n_scores: int) -> Rows:
    """Element of `scores.effects` with the largest size, for each variant and score; of equal ones the first track.

    Returns
    -------
    np.ndarray
        int64 of shape (V, n_scores); -1 where there is none.
    """
    effects = scores.effects
    order, pair = by_size(effects, n_scores)
    best = order[np.diff(pair, prepend=-1) != 0]
    largest = np.full((len(scores.status), n_scores), -1, dtype=np.int64)
    largest[effects.variants[best], effects.scores[best]] = best
    return largest


def largest_values(scores: VariantScores, described: Sequence[Score]) -> npt.NDArray[np.float32]:
    """Values of `largest_effects`, float32 (V, S); NaN for a variant that was not scored.

    A scored variant without any effect has the score's `silent_value`.
    """
    largest = largest_effects(scores, len(described))
    values = scores.effects.at(largest.ravel()).values.reshape(largest.shape)
    silent = np.array([score.silent_value for score in described], dtype=np.float32)
    values = np.where(largest < 0, silent, values)
    values[~scores.scored] = np.nan
    return values
