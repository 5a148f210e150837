"""What every sequence model looks like to the rest of the project.

A backend turns windows into predictions, a scorer turns the predictions of both haplotypes into effects. Windows,
one-hot encoding, batching, devices and tables are outside (`scoring`), written once for all models.
"""

from dataclasses import dataclass
from typing import Generic, Literal, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from locus2target.sequence.windows import WindowSpec

Kind = Literal["motif", "track", "masked_lm", "causal_lm"]
Capability = Literal["cpu", "gradients", "bfloat16", "gene_scores"]


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
        Its outputs in order.
    n_encoding
        One-hot column of an unknown base, padding beyond a chromosome's end included: zeros, or 0.25 for each base.
    licence, citation
        Terms and source of the weights.
    weights_sha256
        Of the weight file.
    capabilities
        What it can do beyond predicting.
    """

    model: str
    kind: Kind
    window: WindowSpec
    bin_size: int | None
    tracks: tuple[Track, ...]
    n_encoding: Literal["zero", "quarter"]
    licence: str
    citation: str
    weights_sha256: str
    capabilities: frozenset[Capability]


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

    def predict(self, one_hot: torch.Tensor, spans: torch.Tensor) -> PredictionT_co:
        """Predict windows.

        Parameters
        ----------
        one_hot
            float32 of shape (B, 4, L), channels ACGT.
        spans
            int64 of shape (B, 2): start and end of the bases that differ from the other haplotype. Models that read
            the whole window need not look at them.
        """
        ...


@dataclass(frozen=True, slots=True)
class Effects:
    """Scores of some variants on some tracks, one element per score.

    Attributes
    ----------
    variants
        int64 of shape (E,): row of the variant in the batch; ascending.
    tracks
        int64 of shape (E,): index into the model's tracks.
    values
        float64 of shape (E,): ALT against REF.
    details
        One text per score.
    """

    variants: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    details: list[str]


class VariantScorer(Protocol[PredictionT_contra]):
    """A named score of ALT against REF.

    Attributes
    ----------
    name
        Of the score of one variant on one track.
    largest
        Of the score that has the largest size among a variant's tracks: one per variant.
    silent_reason
        Why a variant may have no track to report: its largest score is then 0.
    """

    name: str
    largest: str
    silent_reason: str

    def effects(self, ref: PredictionT_contra, alt: PredictionT_contra) -> Effects:
        """Scores worth reporting, from the predictions of both haplotypes of B variants."""
        ...


@dataclass(frozen=True, slots=True)
class Model(Generic[PredictionT]):
    """A backend with the scorer that reads its predictions."""

    backend: ScoringBackend[PredictionT]
    scorer: VariantScorer[PredictionT]

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.backend.spec
