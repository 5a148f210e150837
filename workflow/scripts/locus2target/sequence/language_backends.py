"""What DNA language models can be asked, whatever they run on.

A backend says what it is and offers one or more of four abilities; `language_scorers` turns them into scores. Windows
are uint8 base codes and all windows of a call have the same length: no backend ever pads one sequence to another's
length, which is where wrong terms creep into a likelihood.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from locus2target.sequence.encoding import Codes

Indices = npt.NDArray[np.int64]
LogProbs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LanguageInfo:
    """What a loaded language model is.

    Attributes
    ----------
    kind
        Whether it predicts masked tokens from both sides, or the next token from those before it.
    unit
        Whether each base is one token, or tokens are longer words (BPE, k-mers).
    default_bp
        Bases of a window when the models sheet does not say; None when it must.
    shortest_bp, longest_bp
        Shortest and longest window that the model can read; `longest_bp` is None without a limit.
    weights_sha256
        Of the weight files.
    licence, citation
        Terms and source of the weights.
    """

    kind: Literal["masked_lm", "causal_lm"]
    unit: Literal["base", "token"]
    default_bp: int | None
    shortest_bp: int
    longest_bp: int | None
    weights_sha256: str
    licence: str
    citation: str


class LanguageBackend(Protocol):
    """A language model with its weights."""

    @property
    def info(self) -> LanguageInfo:
        """What the model is."""
        ...


@runtime_checkable
class MaskedBases(LanguageBackend, Protocol):
    """Predicts single masked bases."""

    def base_log_probs(self, codes: Codes, rows: Indices, positions: Indices) -> LogProbs:
        """Log-probabilities of the four bases at masked places, one forward pass of a window for each.

        Parameters
        ----------
        codes
            uint8 of shape (U, L): windows.
        rows, positions
            int64 of shape (Q,): window and index in it of the one base that is masked.

        Returns
        -------
        np.ndarray
            float64 of shape (Q, 4), order ACGT; natural logarithm, the four probabilities sum to 1.
        """
        ...


@runtime_checkable
class UnmaskedLikelihood(LanguageBackend, Protocol):
    """Scores whole windows in one pass with nothing masked."""

    def unmasked_log_likelihood(self, codes: Codes) -> LogProbs:
        """Sum over known tokens of ln p(token) when the model sees all of them, float64 of shape (U,)."""
        ...


@runtime_checkable
class Likelihood(LanguageBackend, Protocol):
    """Scores whole windows: pseudo-log-likelihood of masked models, log-likelihood of causal ones."""

    def log_likelihood(self, codes: Codes) -> LogProbs:
        """Sum over known tokens of ln p(token), float64 of shape (U,); NaN for a window that cannot be scored.

        Masked models: each token masked in turn. Causal models: each token given those before it.
        """
        ...


@runtime_checkable
class Embedding(LanguageBackend, Protocol):
    """Represents windows as vectors."""

    @property
    def n_layers(self) -> int:
        """Layers; hidden states are numbered 0 (token embeddings) to this."""
        ...

    def embed(self, codes: Codes, layer: int) -> npt.NDArray[np.float64]:
        """Mean over a window's tokens of one hidden state, float64 of shape (U, D)."""
        ...
