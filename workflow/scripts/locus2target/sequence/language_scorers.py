"""Scores of variants from DNA language models: ALT against REF, in natural logarithms.

The scores of the models sheet:

`masked_llr`
    ln p(alt) - ln p(ref) at the masked position of a single-base change; one forward pass serves all its ALT alleles.
`pll_delta`
    Pseudo-log-likelihood, ALT - REF: the sum over the window of ln p(token) with each token masked in turn.
    `pll_delta@mean` divides by the window's bases. `pll_delta@flank:K` sums over the changed bases and K on either
    side. `pll_delta@unmasked` takes all terms from one pass with nothing masked (the wild-type marginal
    approximation): hundreds of times cheaper, but the model sees the base that it predicts.
`causal_delta`
    Log-likelihood, ALT - REF: the sum over the window of ln p(token | tokens before it), in float64.
    `causal_delta@mean` divides by the window's bases, last.
`embedding_distance`
    Distance between mean-pooled hidden states: `embedding_distance@cosine` (1 - cosine, the default) or
    `embedding_distance@l2`; `@cosine:20` reads hidden state 20 instead of the last.

REF and ALT windows have the same number of bases whatever the alleles, so that a longer allele does not score lower for
its length alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Score
from locus2target.sequence.encoding import UNKNOWN, Codes
from locus2target.sequence.language_backends import (
    Embedding,
    Indices,
    LanguageBackend,
    Likelihood,
    MaskedBases,
    UnmaskedLikelihood,
)
from locus2target.sequence.windows import HaplotypeWindows

_SINGLE_BASES_ONLY = "the variant is not a single-base change, and masked_llr is defined for those only"
_NEVER_SILENT = "every scored variant has a score"


@dataclass(frozen=True, slots=True)
class HaplotypePairs:
    """Windows of V variants, each distinct one once.

    Attributes
    ----------
    codes
        uint8 of shape (U, L): distinct windows.
    ref, alt
        int64 of shape (V,): row in `codes` of each variant's haplotypes.
    ref_spans, alt_spans
        int64 of shape (V, 2): start and end in the window of the bases that differ.
    """

    codes: Codes
    ref: Indices
    alt: Indices
    ref_spans: Indices
    alt_spans: Indices

    @classmethod
    def of_windows(cls, windows: HaplotypeWindows, rows: Indices) -> "HaplotypePairs":
        """Pairs of the variants `rows`; variants at one place share their REF window."""
        codes, row_of = _distinct(np.concatenate([windows.ref[rows], windows.alt[rows]]))
        return cls(codes, row_of[: len(rows)], row_of[len(rows) :], windows.ref_spans[rows], windows.alt_spans[rows])

    @classmethod
    def joined(cls, parts: Sequence["HaplotypePairs"]) -> "HaplotypePairs":
        """The pairs of all parts, one part after the other; windows that parts share are there once."""
        codes, row_of = _distinct(np.concatenate([part.codes for part in parts]))
        rows = np.split(row_of, np.cumsum([len(part.codes) for part in parts])[:-1])
        return cls(
            codes,
            np.concatenate([row[part.ref] for row, part in zip(rows, parts, strict=True)]),
            np.concatenate([row[part.alt] for row, part in zip(rows, parts, strict=True)]),
            np.concatenate([part.ref_spans for part in parts]),
            np.concatenate([part.alt_spans for part in parts]),
        )

    def reverse_complement(self) -> "HaplotypePairs":
        """The same windows read from the other strand."""
        flipped = self.codes[:, ::-1]
        codes = np.ascontiguousarray(np.where(flipped < UNKNOWN, 3 - flipped, flipped))
        length = self.codes.shape[1]
        return replace(
            self,
            codes=codes,
            ref_spans=length - self.ref_spans[:, ::-1],
            alt_spans=length - self.alt_spans[:, ::-1],
        )

    @property
    def single(self) -> npt.NDArray[np.bool_]:
        """Which variants change one base and nothing else, bool of shape (V,)."""
        ref_bases, alt_bases = (spans[:, 1] - spans[:, 0] for spans in (self.ref_spans, self.alt_spans))
        return np.asarray((ref_bases == 1) & (alt_bases == 1), dtype=np.bool_)

    @property
    def equally_known(self) -> npt.NDArray[np.bool_]:
        """Whose haplotypes have equally many unknown bases, bool of shape (V,).

        A change of length can move some in or out at the window's end: of two sums over known bases the one with fewer
        terms is larger for that alone, so such variants have no score.
        """
        unknown = (self.codes == UNKNOWN).sum(axis=1)
        return np.asarray(unknown[self.ref] == unknown[self.alt], dtype=np.bool_)


def _distinct(codes: Codes) -> tuple[Codes, Indices]:
    """Distinct windows (U, L) among (W, L), and the row of each of the W in them."""
    whole = np.ascontiguousarray(codes).view(f"V{codes.shape[1]}").ravel()
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    return codes[first], inverse.astype(np.int64)


class LanguageScorer(Protocol):
    """One score, bound to a backend."""

    @property
    def score(self) -> Score:
        """Name and formula."""
        ...

    def defined(self, pairs: HaplotypePairs) -> npt.NDArray[np.bool_]:
        """For which variants there is such a score, bool of shape (V,)."""
        ...

    def values(self, pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """Scores, float64 of shape (V,); they mean nothing where the score is not defined."""
        ...


@dataclass(frozen=True, slots=True)
class MaskedLlr:
    """`masked_llr`."""

    backend: MaskedBases
    text: str

    @property
    def score(self) -> Score:
        """Name and formula."""
        return _score(
            self.text, "ln p(alt) - ln p(ref), the base masked; p over the four bases; v1", silent=_SINGLE_BASES_ONLY
        )

    def defined(self, pairs: HaplotypePairs) -> npt.NDArray[np.bool_]:
        """Single-base changes."""
        return pairs.single

    def values(self, pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """One pass for each distinct REF window and position."""
        values = np.full(len(pairs.ref), np.nan)
        single = np.flatnonzero(pairs.single)
        if len(single):
            rows, positions = pairs.ref[single], pairs.ref_spans[single, 0]
            asked, inverse = np.unique(np.stack([rows, positions]), axis=1, return_inverse=True)
            log_p = self.backend.base_log_probs(pairs.codes, asked[0], asked[1])[inverse.ravel()]
            ref, alt = pairs.codes[rows, positions], pairs.codes[pairs.alt[single], positions]
            order = np.arange(len(single))
            values[single] = log_p[order, alt] - log_p[order, ref]
        return values


@dataclass(frozen=True, slots=True)
class MaskedPllDelta:
    """`pll_delta` of a model whose tokens are bases; `flank` None sums over the whole window."""

    backend: MaskedBases
    text: str
    flank: int | None
    mean: bool

    @property
    def score(self) -> Score:
        """Name and formula."""
        where = "the window" if self.flank is None else f"the change and {self.flank} bases on either side"
        divided = ", divided by the bases of the window" if self.mean else ""
        return _score(self.text, f"sum over {where} of ln p(base), each masked in turn, ALT - REF{divided}; v1")

    def defined(self, pairs: HaplotypePairs) -> npt.NDArray[np.bool_]:
        """All variants."""
        return np.ones(len(pairs.ref), dtype=np.bool_)

    def values(self, pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """As many passes as positions, over distinct stretches of distinct windows."""
        starts, ends = self._stretches(pairs)
        rows = np.concatenate([pairs.ref, pairs.alt])
        asked = np.stack([rows, np.tile(starts, 2), np.tile(ends, 2)])
        distinct, inverse = np.unique(asked, axis=1, return_inverse=True)
        sums = np.array([self._sum(pairs.codes, *stretch) for stretch in distinct.T.tolist()])[inverse.ravel()]
        delta = sums[len(pairs.ref) :] - sums[: len(pairs.ref)]
        if self.flank is None:
            delta = np.where(pairs.equally_known, delta, np.nan)
        return np.asarray(delta / pairs.codes.shape[1] if self.mean else delta, dtype=np.float64)

    def _stretches(self, pairs: HaplotypePairs) -> tuple[Indices, Indices]:
        """Start and end (exclusive) of the positions that count: equally many on both haplotypes."""
        length = pairs.codes.shape[1]
        starts = np.minimum(pairs.ref_spans[:, 0], pairs.alt_spans[:, 0])
        ends = np.maximum(pairs.ref_spans[:, 1], pairs.alt_spans[:, 1])
        if self.flank is None:
            return np.zeros_like(starts), np.full_like(ends, length)
        return np.maximum(starts - self.flank, 0), np.minimum(ends + self.flank, length)

    def _sum(self, codes: Codes, row: int, start: int, end: int) -> float:
        """Sum of ln p(base) over the known bases of a stretch of a window."""
        positions = start + np.flatnonzero(codes[row, start:end] < UNKNOWN)
        log_p = self.backend.base_log_probs(codes, np.full_like(positions, row), positions)
        return float(log_p[np.arange(len(positions)), codes[row, positions]].sum())


@dataclass(frozen=True, slots=True)
class WindowDelta:
    """A sum over the whole window, ALT - REF, that the backend gives by itself."""

    window_sums: Callable[[Codes], npt.NDArray[np.float64]]
    text: str
    terms: str
    mean: bool

    @property
    def score(self) -> Score:
        """Name and formula."""
        divided = ", divided by the bases of the window" if self.mean else ""
        return _score(self.text, f"sum over the window of {self.terms}, ALT - REF{divided}; v1")

    def defined(self, pairs: HaplotypePairs) -> npt.NDArray[np.bool_]:
        """All variants."""
        return np.ones(len(pairs.ref), dtype=np.bool_)

    def values(self, pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """One sum for each distinct window."""
        return self.of_sums(self.window_sums(pairs.codes), pairs)

    def of_sums(self, sums: npt.NDArray[np.float64], pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """Scores from the sums of all windows."""
        delta = np.where(pairs.equally_known, sums[pairs.alt] - sums[pairs.ref], np.nan)
        return delta / pairs.codes.shape[1] if self.mean else delta


def all_values(scorers: Sequence["LanguageScorer"], pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
    """Values (S, V) of several scores of one backend; sums that some of them share are asked for once."""
    functions = {scorer.window_sums for scorer in scorers if isinstance(scorer, WindowDelta)}
    sums = {function: function(pairs.codes) for function in functions}
    return np.stack(
        [
            scorer.of_sums(sums[scorer.window_sums], pairs) if isinstance(scorer, WindowDelta) else scorer.values(pairs)
            for scorer in scorers
        ]
    )


@dataclass(frozen=True, slots=True)
class EmbeddingDistance:
    """`embedding_distance`."""

    backend: Embedding
    text: str
    metric: str
    layer: int

    @property
    def score(self) -> Score:
        """Name and formula."""
        measure = "1 - cosine of" if self.metric == "cosine" else "Euclidean distance between"
        return _score(self.text, f"{measure} REF and ALT hidden state {self.layer}, averaged over the window; v1")

    def defined(self, pairs: HaplotypePairs) -> npt.NDArray[np.bool_]:
        """All variants."""
        return np.ones(len(pairs.ref), dtype=np.bool_)

    def values(self, pairs: HaplotypePairs) -> npt.NDArray[np.float64]:
        """One embedding for each distinct window."""
        vectors = self.backend.embed(pairs.codes, self.layer)
        ref, alt = vectors[pairs.ref], vectors[pairs.alt]
        if self.metric == "l2":
            return np.asarray(np.linalg.norm(alt - ref, axis=1), dtype=np.float64)
        # |u - v|^2 / 2 of unit vectors is 1 - cosine without the cancellation that near vectors suffer.
        unit_ref, unit_alt = (vector / np.linalg.norm(vector, axis=1, keepdims=True) for vector in (ref, alt))
        return np.asarray(((unit_alt - unit_ref) ** 2).sum(axis=1) / 2, dtype=np.float64)


def default_scorers(backend: LanguageBackend) -> str:
    """Scores of a model for which the sheet names none."""
    if backend.info.kind == "causal_lm":
        return "causal_delta"
    if isinstance(backend, MaskedBases):
        return "masked_llr,pll_delta@unmasked" if isinstance(backend, UnmaskedLikelihood) else "masked_llr"
    return "pll_delta@mean"


def make_scorers(text: str, backend: LanguageBackend, *, where: str) -> tuple[LanguageScorer, ...]:
    """Scores that the models sheet names, separated by commas, for one backend.

    Raises
    ------
    InputError
        If a score is unknown, named twice, or not one that the model can give.
    """
    requests = [part.strip() for part in text.split(",") if part.strip()]
    if not requests or len(set(requests)) < len(requests):
        raise InputError(f"scorers {text!r} names no score, or one twice", where=where, remedy="Name each score once.")
    return tuple(_make_scorer(request, backend, where) for request in requests)


def _make_scorer(text: str, backend: LanguageBackend, where: str) -> LanguageScorer:
    name, _, option = text.partition("@")
    makers = {
        "masked_llr": _make_masked_llr,
        "pll_delta": _make_pll_delta,
        "causal_delta": _make_causal_delta,
        "embedding_distance": _make_embedding_distance,
    }
    if name not in makers:
        raise InputError(f"{name!r} is not a score of language models", where=where, remedy=f"Use {', '.join(makers)}.")
    return makers[name](text, option, backend, where)


def _make_masked_llr(text: str, option: str, backend: LanguageBackend, where: str) -> LanguageScorer:
    if option:
        raise _unknown_option(text, "masked_llr", where)
    return MaskedLlr(_masked_bases(text, backend, where), text)


def _make_pll_delta(text: str, option: str, backend: LanguageBackend, where: str) -> LanguageScorer:
    if backend.info.kind != "masked_lm":
        raise _not_offered(text, "this is a causal model; ask for causal_delta", where)
    if option == "unmasked":
        if not isinstance(backend, UnmaskedLikelihood):
            raise _not_offered(text, "this backend gives no unmasked probabilities; ask for pll_delta", where)
        terms = "ln p(token) in one pass with nothing masked (approximation)"
        return WindowDelta(backend.unmasked_log_likelihood, text, terms, mean=False)
    flank = _flank(text, option, where)
    if flank is None and isinstance(backend, Likelihood):
        return WindowDelta(backend.log_likelihood, text, "ln p(token), each masked in turn", mean=option == "mean")
    return MaskedPllDelta(_masked_bases(text, backend, where), text, flank, mean=option == "mean")


def _flank(text: str, option: str, where: str) -> int | None:
    """Bases on either side in `flank:K`; None for the whole window."""
    if option in {"", "mean"}:
        return None
    name, _, number = option.partition(":")
    if name != "flank" or not number.isdecimal():
        raise _unknown_option(text, "pll_delta, pll_delta@mean, pll_delta@flank:25 or pll_delta@unmasked", where)
    return int(number)


def _make_causal_delta(text: str, option: str, backend: LanguageBackend, where: str) -> LanguageScorer:
    if option not in {"", "mean"}:
        raise _unknown_option(text, "causal_delta or causal_delta@mean", where)
    if backend.info.kind != "causal_lm" or not isinstance(backend, Likelihood):
        raise _not_offered(text, "this is a masked model; ask for pll_delta", where)
    return WindowDelta(backend.log_likelihood, text, "ln p(token | tokens before it)", mean=option == "mean")


def _make_embedding_distance(text: str, option: str, backend: LanguageBackend, where: str) -> LanguageScorer:
    if not isinstance(backend, Embedding):
        raise _not_offered(text, "this backend gives no hidden states", where)
    metric, _, number = (option or "cosine").partition(":")
    layer = int(number) if number.isdecimal() else backend.n_layers
    if metric not in {"cosine", "l2"} or not (number.isdecimal() or not number) or layer > backend.n_layers:
        forms = f"embedding_distance@cosine or @l2, with :0 to :{backend.n_layers} behind it for a hidden state"
        raise _unknown_option(text, forms, where)
    return EmbeddingDistance(backend, text, metric, layer)


def _masked_bases(text: str, backend: LanguageBackend, where: str) -> MaskedBases:
    if isinstance(backend, MaskedBases):
        return backend
    if backend.info.kind == "causal_lm":
        raise _not_offered(text, "this is a causal model; ask for causal_delta", where)
    if backend.info.unit == "token":
        reason = (
            "its tokens are longer than a base, so that no single base can be masked and a change of one base can cut "
            "its neighbours into other tokens; ask for pll_delta@mean (whole windows) or embedding_distance"
        )
        raise _not_offered(text, reason, where)
    raise _not_offered(text, "this backend scores whole windows only; ask for pll_delta", where)


def _not_offered(text: str, reason: str, where: str) -> InputError:
    return InputError(f"the model cannot give {text}", where=where, remedy=f"{reason[0].upper()}{reason[1:]}.")


def _unknown_option(text: str, forms: str, where: str) -> InputError:
    return InputError(f"{text!r} is not a score", where=where, remedy=f"Write {forms}.")


def _score(text: str, formula: str, *, silent: str = _NEVER_SILENT) -> Score:
    name, _, option = text.partition("@")
    largest = f"largest_{name}" + (f"@{option}" if option else "")
    return Score(name=text, largest=largest, mask="", formula=formula, silent_reason=silent)
