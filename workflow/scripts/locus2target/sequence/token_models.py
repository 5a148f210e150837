"""Language models over tokens, run with torch: likelihoods and embeddings of windows of base codes.

Windows whose tokens are bases have equally many tokens; windows cut into longer tokens are run in groups of equal
number. Nothing is ever padded, so that a window's result does not depend on its batch. Probabilities are computed from
the logits in float64.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from locus2target.sequence.batching import Batches
from locus2target.sequence.encoding import BASES, UNKNOWN, Codes, decode
from locus2target.sequence.language_backends import Indices, LanguageInfo, LogProbs


class TokenNetwork(Protocol):
    """A network over tokens, in eval mode on its device."""

    @property
    def n_layers(self) -> int:
        """Hidden states are numbered 0 to this."""
        ...

    def logits(self, tokens: Tensor) -> Tensor:
        """(B, T) token ids to (B, T, vocabulary)."""
        ...

    def hidden_state(self, tokens: Tensor, layer: int) -> Tensor:
        """(B, T) token ids to (B, T, D)."""
        ...


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """Windows of equally many tokens.

    Attributes
    ----------
    rows
        int64 of shape (n,): which windows.
    tokens
        int64 of shape (n, T): their token ids.
    known
        bool of shape (n, T): tokens of known sequence; special and unknown ones are not.
    """

    rows: Indices
    tokens: Indices
    known: npt.NDArray[np.bool_]


class Tokens(Protocol):
    """How windows become tokens."""

    def groups(self, codes: Codes) -> Iterator[TokenGroup]:
        """Token ids of windows (U, L); windows that the model cannot read are left out."""
        ...


@dataclass(frozen=True, slots=True)
class BaseTokens:
    """One token for each base.

    Attributes
    ----------
    ids
        int64 of shape (5,): tokens of A, C, G, T and of an unknown base.
    prefix, suffix
        Special tokens before and behind the window.
    """

    ids: Indices
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()

    def groups(self, codes: Codes) -> Iterator[TokenGroup]:
        """All windows in one group."""
        known = np.pad(codes < UNKNOWN, ((0, 0), (len(self.prefix), len(self.suffix))))
        yield TokenGroup(np.arange(len(codes)), self.tokens(codes), known)

    def tokens(self, codes: Codes) -> Indices:
        """Token ids, int64 of shape (U, prefix + L + suffix)."""
        specials = (np.broadcast_to(np.array(ids, np.int64), (len(codes), len(ids))) for ids in self._specials)
        before, behind = specials
        return np.concatenate([before, self.ids[codes], behind], axis=1)

    @property
    def _specials(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.prefix, self.suffix


@dataclass(frozen=True, slots=True)
class WordTokens:
    """Tokens of several bases, cut by a tokenizer.

    Attributes
    ----------
    encode
        Sequences to lists of token ids with special tokens.
    special
        Ids of special tokens, the unknown one among them.
    longest
        Most tokens that the model reads; None without a limit.
    """

    encode: Callable[[list[str]], Sequence[Sequence[int]]]
    special: frozenset[int]
    longest: int | None

    def groups(self, codes: Codes) -> Iterator[TokenGroup]:
        """Windows by number of tokens."""
        words = self.encode([decode(window) for window in codes])
        lengths = np.array([len(ids) for ids in words], dtype=np.int64)
        for length in np.unique(lengths):
            if self.longest is None or length <= self.longest:
                rows = np.flatnonzero(lengths == length)
                tokens = np.array([words[row] for row in rows.tolist()], dtype=np.int64)
                yield TokenGroup(rows, tokens, ~np.isin(tokens, list(self.special)))


@dataclass(frozen=True, slots=True)
class TokenRunner:
    """A network, how it reads windows, and how much of them at once."""

    network: TokenNetwork
    tokens: Tokens
    device: torch.device
    batches: Batches

    def map(self, group: TokenGroup, function: Callable[[Tensor, Tensor], Tensor]) -> npt.NDArray[np.float64]:
        """Results of `function(tokens, known)` for the windows of a group, in their order."""

        def run(rows: Indices) -> npt.NDArray[np.float64]:
            parts = (torch.from_numpy(array[rows]).to(self.device) for array in (group.tokens, group.known))
            with torch.inference_mode():
                return function(*parts).double().cpu().numpy()

        return np.concatenate([result for _, result in self.batches.run(run, np.arange(len(group.rows)))])

    def window_sums(self, codes: Codes, function: Callable[[Tensor, Tensor], Tensor]) -> LogProbs:
        """One number for each window; NaN for those that the model cannot read."""
        sums = np.full(len(codes), np.nan)
        for group in self.tokens.groups(codes):
            sums[group.rows] = self.map(group, function)
        return sums

    def embed(self, codes: Codes, layer: int) -> npt.NDArray[np.float64]:
        """Mean of a hidden state over the known tokens, (U, D); NaN for windows that the model cannot read."""

        def pooled(tokens: Tensor, known: Tensor) -> Tensor:
            states = self.network.hidden_state(tokens, layer).double()
            weight = known.unsqueeze(-1).double()
            return (states * weight).sum(dim=1) / weight.sum(dim=1)

        parts = [(group.rows, self.map(group, pooled)) for group in self.tokens.groups(codes)]
        width = parts[0][1].shape[1] if parts else 1
        vectors = np.full((len(codes), width), np.nan)
        for rows, vector in parts:
            vectors[rows] = vector
        return vectors


@dataclass(frozen=True, slots=True)
class MaskedBaseModel:
    """Masked language model whose tokens are bases: `MaskedBases`, `UnmaskedLikelihood` and `Embedding`."""

    info: LanguageInfo
    runner: TokenRunner
    tokens: BaseTokens
    mask_id: int

    @property
    def n_layers(self) -> int:
        """Layers."""
        return self.runner.network.n_layers

    def base_log_probs(self, codes: Codes, rows: Indices, positions: Indices) -> LogProbs:
        """See `MaskedBases`."""
        base_ids = torch.from_numpy(self.tokens.ids[: len(BASES)]).to(self.runner.device)

        def run(asked: Indices) -> LogProbs:
            tokens = self.tokens.tokens(codes[rows[asked]])
            order, places = np.arange(len(asked)), positions[asked] + len(self.tokens.prefix)
            tokens[order, places] = self.mask_id
            with torch.inference_mode():
                logits = self.runner.network.logits(torch.from_numpy(tokens).to(self.runner.device))
                here = logits[torch.from_numpy(order), torch.from_numpy(places)][:, base_ids]
                return here.double().log_softmax(dim=-1).cpu().numpy()

        parts = [result for _, result in self.runner.batches.run(run, np.arange(len(rows)))]
        return np.concatenate([np.empty((0, len(BASES))), *parts])

    def unmasked_log_likelihood(self, codes: Codes) -> LogProbs:
        """See `UnmaskedLikelihood`; probabilities are over the four bases."""
        base_ids = torch.from_numpy(self.tokens.ids[: len(BASES)]).to(self.runner.device)

        def summed(tokens: Tensor, known: Tensor) -> Tensor:
            log_p = self.runner.network.logits(tokens)[:, :, base_ids].double().log_softmax(dim=-1)
            seen = (tokens.unsqueeze(-1) == base_ids) & known.unsqueeze(-1)
            return torch.where(seen, log_p, 0.0).sum(dim=(1, 2))

        return self.runner.window_sums(codes, summed)

    def embed(self, codes: Codes, layer: int) -> npt.NDArray[np.float64]:
        """See `Embedding`."""
        return self.runner.embed(codes, layer)


@dataclass(frozen=True, slots=True)
class MaskedTokenModel:
    """Masked language model of longer tokens: `Likelihood`, `UnmaskedLikelihood` and `Embedding`."""

    info: LanguageInfo
    runner: TokenRunner
    mask_id: int

    @property
    def n_layers(self) -> int:
        """Layers."""
        return self.runner.network.n_layers

    def log_likelihood(self, codes: Codes) -> LogProbs:
        """See `Likelihood`: as many passes as a window has tokens; probabilities are over the whole vocabulary."""
        sums = np.full(len(codes), np.nan)
        for group in self.runner.tokens.groups(codes):
            for row, tokens, known in zip(group.rows, group.tokens, group.known, strict=True):
                sums[row] = self._masked_sum(tokens, np.flatnonzero(known))
        return sums

    def _masked_sum(self, tokens: Indices, places: Indices) -> float:
        """Sum of ln p(token) of one window, each place masked in turn."""

        def run(asked: Indices) -> LogProbs:
            copies = np.tile(tokens, (len(asked), 1))
            order = np.arange(len(asked))
            copies[order, places[asked]] = self.mask_id
            with torch.inference_mode():
                logits = self.runner.network.logits(torch.from_numpy(copies).to(self.runner.device))
                here = logits[torch.from_numpy(order), torch.from_numpy(places[asked])].double()
                log_p = here.log_softmax(dim=-1).cpu().numpy()
            return np.asarray(log_p[order, tokens[places[asked]]], dtype=np.float64)

        parts = [result for _, result in self.runner.batches.run(run, np.arange(len(places)))]
        return float(np.concatenate([np.empty(0), *parts]).sum())

    def unmasked_log_likelihood(self, codes: Codes) -> LogProbs:
        """See `UnmaskedLikelihood`."""

        def summed(tokens: Tensor, known: Tensor) -> Tensor:
            return _sum_log_probs(self.runner.network.logits(tokens), tokens, known)

        return self.runner.window_sums(codes, summed)

    def embed(self, codes: Codes, layer: int) -> npt.NDArray[np.float64]:
        """See `Embedding`."""
        return self.runner.embed(codes, layer)


@dataclass(frozen=True, slots=True)
class CausalModel:
    """Causal language model: `Likelihood` and `Embedding`."""

    info: LanguageInfo
    runner: TokenRunner

    @property
    def n_layers(self) -> int:
        """Layers."""
        return self.runner.network.n_layers

    def log_likelihood(self, codes: Codes) -> LogProbs:
        """See `Likelihood`; the first token has a term only where a special token stands before it."""

        def summed(tokens: Tensor, known: Tensor) -> Tensor:
            return _sum_log_probs(self.runner.network.logits(tokens)[:, :-1], tokens[:, 1:], known[:, 1:])

        return self.runner.window_sums(codes, summed)

    def embed(self, codes: Codes, layer: int) -> npt.NDArray[np.float64]:
        """See `Embedding`."""
        return self.runner.embed(codes, layer)


def _sum_log_probs(logits: Tensor, tokens: Tensor, known: Tensor) -> Tensor:
    """Sum of ln p(token) over the known tokens of each window, float64 (B,)."""
    sums = []
    for row, ids, counts in zip(logits, tokens, known, strict=True):  # one window in float64 at a time
        log_p = row.double().log_softmax(dim=-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        sums.append(torch.where(counts, log_p, 0.0).sum())
    return torch.stack(sums)
