"""What every sequence model looks like to the rest of the project.

Three layers. A `ScoringBackend` turns windows into predictions. A `VariantScorer` turns the predictions of both
haplotypes into effects. A `VariantModel` joins them: it takes variants and gives scores with a status each. Windows,
one-hot encoding, shared references, strands, batches, devices, caches and tables are outside the backends, once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.sequence.genes import GeneModels
from locus2target.sequence.windows import OK, FetchBases, WindowSpec

Kind = Literal["motif", "track", "cell", "masked_lm", "causal_lm", "gene_linear", "score_table"]
READS_NO_SEQUENCE: frozenset[Kind] = frozenset({"score_table", "gene_linear"})  # they know variants by name
Capability = Literal["gradients", "bfloat16", "halo", "patches", "logits", "embeddings"]


@dataclass(frozen=True, slots=True)
class Track:
    """One output of a model: a motif, or an assay in a cell type; `group` gathers outputs that say the same."""

    name: str
    group: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a loaded model is.

    Attributes
    ----------
    model
        Id in the models sheet.
    kind
        What the model predicts.
    window
        Shape of its input.
    bin_size
        Bases per output bin; None when it has one output per window.
    tracks
        Its outputs in order, as far as they are asked for.
    licence, citation
        Terms and source of the weights.
    weights_sha256
        Of the weight files.
    capabilities
        What it can do beyond predicting.
    genome_build
        Of the variants that it knows by name; None for a model that reads sequence of any build.
    """

    model: str
    kind: Kind
    window: WindowSpec
    bin_size: int | None
    tracks: tuple[Track, ...]
    licence: str
    citation: str
    weights_sha256: str
    capabilities: frozenset[Capability] = frozenset()
    genome_build: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A named score of one variant on one track.

    Attributes
    ----------
    name
        As the field calls it.
    largest
        Name of the score that has the largest size among a variant's tracks and genes: one per variant.
    mask
        Output bins that it reads, for example `exons` or `center:2048`; empty when it reads all.
    formula
        In one line, with its version and the transform, strand, shift and replicate policy behind the numbers.
    silent_reason
        Why a scored variant may have nothing to report.
    silent_value
        Its largest score then: NaN, or 0 where silence means that nothing changes.
    """

    name: str
    largest: str
    mask: str
    formula: str
    silent_reason: str
    silent_value: float = math.nan


@dataclass(frozen=True, slots=True)
class Effects:
    """Scores of some variants, one element per score.

    Attributes
    ----------
    variants
        int64 of shape (E,): row of the variant in the batch.
    scores
        int64 of shape (E,): index into the model's scores.
    tracks
        int64 of shape (E,): index into the model's tracks.
    values
        float32 of shape (E,): ALT against REF.
    genes
        object of shape (E,): gene id the score is about, or None.
    coverage
        float32 of shape (E,): share of the mask (a gene's exons, say) inside the model's output; NaN without a mask.
    details
        object of shape (E,): one text per score, may be empty.
    """

    variants: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    genes: npt.NDArray[np.object_]
    coverage: npt.NDArray[np.float32]
    details: npt.NDArray[np.object_]

    @classmethod
    def empty(cls) -> "Effects":
        """No scores."""
        index, value, text = np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.object_)
        return cls(index, index, index, value, text, value, text)

    @classmethod
    def concatenate(cls, parts: Sequence["Effects"]) -> "Effects":
        """All elements of some parts (one or more), by variant, score and track."""
        columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)]
        joined = cls(*columns)
        return joined.take(np.lexsort((joined.tracks, joined.scores, joined.variants)))

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Effects":
        """Some elements, in the order given."""
        return Effects(*(getattr(self, field.name)[rows] for field in fields(self)))

    def at(self, elements: npt.NDArray[np.int64]) -> "Effects":
        """The elements with these numbers; -1 gives a blank one: track -1, value NaN, neither gene nor detail."""
        index, value, text = np.array([-1]), np.array([np.nan], np.float32), np.array([None], np.object_)
        blank = Effects(index, index, index, value, text, value, text)
        padded = (np.concatenate([getattr(self, field.name), getattr(blank, field.name)]) for field in fields(self))
        return Effects(*(column[elements] for column in padded))

    def of_variants(self, rows: npt.NDArray[np.int64]) -> "Effects":
        """The same scores with variant i of this batch counted as variant `rows[i]` of a larger one."""
        return replace(self, variants=rows[self.variants])


@dataclass(frozen=True, slots=True)
class VariantScores:
    """What became of V variants.

    Attributes
    ----------
    status, reason
        One word and one sentence per variant.
    effects
        Scores of those with status `ok`; `effects.variants` counts the V variants.
    offsets
        int64 of shape (V,): bases from the center of the window that was read to the variant's first base.
    """

    status: list[str]
    reason: list[str]
    effects: Effects
    offsets: npt.NDArray[np.int64]

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which variants have status `ok`, bool of shape (V,)."""
        return np.array([status == OK for status in self.status], dtype=np.bool_)

    @classmethod
    def merge(cls, n: int, parts: Sequence[tuple[npt.NDArray[np.int64], "VariantScores"]]) -> "VariantScores":
        """Scores of n variants from those of parts of them; each part comes with its rows."""
        status, reason = [""] * n, [""] * n
        offsets = np.zeros(n, dtype=np.int64)
        for rows, scores in parts:
            offsets[rows] = scores.offsets
            for row, word, sentence in zip(rows.tolist(), scores.status, scores.reason, strict=True):
                status[row], reason[row] = word, sentence
        effects = [Effects.empty(), *(scores.effects.of_variants(rows) for rows, scores in parts)]
        return cls(status, reason, Effects.concatenate(effects), offsets)

    def take(self, rows: npt.NDArray[np.int64]) -> "VariantScores":
        """Scores of the variants `rows`, in that order; a variant may be named any number of times."""
        named = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=len(self.status))
        firsts = np.cumsum(counts) - counts
        times = counts[self.effects.variants]
        elements = np.repeat(np.arange(len(times)), times)
        nth = np.arange(len(elements)) - np.repeat(np.cumsum(times) - times, times)
        places = named[firsts[self.effects.variants[elements]] + nth]
        effects = Effects.concatenate([replace(self.effects.take(elements), variants=places)])
        listed = rows.tolist()
        return VariantScores(
            [self.status[row] for row in listed], [self.reason[row] for row in listed], effects, self.offsets[rows]
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """What models read besides the variants.

    Attributes
    ----------
    fetch
        Access to the genome.
    lengths
        Bases of every chromosome.
    genes
        Genes and exons for scores about genes; None when there are none.
    peaks
        Columns chromosome, start, end (0-based, half-open): elements for scores about the peak of a variant, or None.
    """

    fetch: FetchBases
    lengths: Mapping[str, int]
    genes: GeneModels | None = None
    peaks: pd.DataFrame | None = None


class VariantModel(Protocol):
    """A model that scores variants: backend, weights and scorers, ready on a device."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        ...

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives."""
        ...

    @property
    def settings_key(self) -> str:
        """Text that names all settings that decide a score besides weights and score formulas."""
        ...

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score variants (columns chromosome, position (1-based), ref, alt) in the order given.

        A score depends on the variant, the genome and the model alone: never on the other variants, their order or
        the batch size.
        """
        ...


class Prediction(Protocol):
    """A backend's output for B windows."""

    def take(self, rows: torch.Tensor) -> Self:
        """Output of the windows `rows`, an int64 tensor; a window may be named more than once."""
        ...


PredictionT = TypeVar("PredictionT", bound=Prediction)
PredictionT_contra = TypeVar("PredictionT_contra", bound=Prediction, contravariant=True)
PredictionT_co = TypeVar("PredictionT_co", bound=Prediction, covariant=True)


class ScoringBackend(Protocol[PredictionT_co]):
    """A model with its weights on one device."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the weights are and inputs must be."""
        ...

    def predict(self, codes: torch.Tensor, spans: torch.Tensor) -> PredictionT_co:
        """Predict windows.

        Parameters
        ----------
        codes
            uint8 base codes of shape (B, L) on the device; `encoding.one_hot_tensor` makes them one-hot there.
        spans
            int64 of shape (B, 2): start and end of the bases that differ from the other haplotype. Models that read
            the whole window need not look at them.
        """
        ...


class VariantScorer(Protocol[PredictionT_contra]):
    """Scores of ALT against REF from a backend's predictions."""

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives."""
        ...

    def effects(self, ref: PredictionT_contra, alt: PredictionT_contra) -> Effects:
        """Scores worth reporting, from the predictions of both haplotypes of B variants."""
        ...
