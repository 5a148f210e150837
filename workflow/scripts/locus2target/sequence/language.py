"""Variants scored by DNA language models: Shorkie LM, Nucleotide GPT, Hugging Face folders, and programs such as Evo 2.

Each variant is scored in a window centered on it, REF and ALT haplotype of exactly the same number of bases. Scores are
averaged over strands, shifts of the window, and replicates of the weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, Track, VariantScores
from locus2target.sequence.language_backends import Embedding, LanguageBackend, LanguageInfo
from locus2target.sequence.language_scorers import (
    HaplotypePairs,
    LanguageScorer,
    MaskedPllDelta,
    all_values,
    default_scorers,
    make_scorers,
)
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.windows import (
    OK,
    UNSUPPORTED_ALLELE,
    HaplotypeWindows,
    WindowSpec,
    extract_windows,
)

NO_SCORE = "no_score"

_KNOWN_FLANK = 16  # with less known sequence around it a prediction says nothing about the variant
_CHUNK_BASES = 2**25  # of windows held at once
_TRACK = Track("language model", "language model")


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model with its scores.

    Attributes
    ----------
    spec
        What the model is.
    scorers
        Scores of every replicate of the weights; the same scores in the same order for each.
    strands
        1 reads the forward strand, 2 averages with the reverse complement.
    shifts
        Shifts of the window, in bases.
    settings_key
        Settings besides weights and formulas that decide a score.
    at_once
        Whether all variants of a call are given to the model together: it is a program that takes long to start.
    """

    spec: ModelSpec
    scorers: tuple[tuple[LanguageScorer, ...], ...]
    strands: int
    shifts: tuple[int, ...]
    settings_key: str
    at_once: bool = False

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives."""
        return tuple(scorer.score for scorer in self.scorers[0])

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score variants, as `VariantModel.score` says."""
        status, reason = [OK] * len(variants), [""] * len(variants)
        parts = [Effects.empty()]
        of_variant = 2 * self.spec.window.length * len(self.shifts) * self.strands
        size = max(1, len(variants) if self.at_once else _CHUNK_BASES // of_variant)
        for rows in _chunks(variants, size):
            verdicts, effects = self._score_chunk(variants.iloc[rows], sources)
            for row, (word, sentence) in zip(rows, verdicts, strict=True):
                status[row], reason[row] = word, sentence
            parts.append(effects.of_variants(rows))
        offset = self.spec.window.center_offset - self.spec.window.length // 2
        return VariantScores(status, reason, Effects.concatenate(parts), np.full(len(variants), offset, np.int64))

    def _score_chunk(self, variants: pd.DataFrame, sources: Sources) -> tuple[list[tuple[str, str]], Effects]:
        """Status and reason of each variant, and the scores of those that have some."""
        shifted = [
            extract_windows(variants, sources.fetch, shift_window(self.spec.window, shift)) for shift in self.shifts
        ]
        verdicts = [_first_problem(shifted, v) for v in range(len(variants))]
        rows = np.array([v for v, (word, _) in enumerate(verdicts) if word == OK], dtype=np.int64)
        if not len(rows):
            return verdicts, Effects.empty()
        pairs = [HaplotypePairs.of_windows(windows, rows) for windows in shifted]
        defined = np.stack([scorer.defined(pairs[0]) for scorer in self.scorers[0]])
        values = np.where(defined, self._mean_values(pairs), np.nan)
        for v, row in enumerate(rows):
            verdicts[row] = self._verdict(defined[:, v], values[:, v])
        kept = np.array([verdicts[row][0] == OK for row in rows], dtype=np.bool_)
        return verdicts, _effects(values[:, kept], rows[kept])

    def _mean_values(self, shifted: Sequence[HaplotypePairs]) -> npt.NDArray[np.float64]:
        """Scores (S, V), averaged over shifts, strands and replicates."""
        views = [*shifted, *(pairs.reverse_complement() for pairs in shifted if self.strands == 2)]
        pairs = HaplotypePairs.joined(views)
        values = np.stack([all_values(replicate, pairs) for replicate in self.scorers])  # (R, S, views * V)
        return np.asarray(values.reshape(*values.shape[:2], len(views), -1).mean(axis=(0, 2)), dtype=np.float64)

    def _verdict(self, defined: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> tuple[str, str]:
        """Status and reason of one variant whose windows could be read, from its scores."""
        names = [score.name for score in self.scores]
        if not defined.any():
            remedy = "add pll_delta@unmasked or pll_delta@flank:25 to the scorers of the models sheet"
            return UNSUPPORTED_ALLELE, f"{', '.join(names)} is defined for single-base changes only; {remedy}"
        bad = [
            name for name, asked, value in zip(names, defined, values, strict=True) if asked and not np.isfinite(value)
        ]
        if bad:
            return NO_SCORE, (
                f"the model gives no finite {', '.join(bad)} for this window, or the variant's two haplotypes have "
                "unequal numbers of unknown bases in it"
            )
        return OK, ""


def load_language_model(row: ModelRow, *, device: torch.device, batch_size: int) -> LanguageModel:
    """Load a language model.

    Parameters
    ----------
    row
        With backend `shorkie_lm`, `nucleotide_gpt`, `huggingface` or `external`.
    device
        Where it runs; programs outside choose for themselves.
    batch_size
        Windows in one forward pass.

    Raises
    ------
    InputError
        If the weights cannot be used, the window does not fit the model, or a score is not one that it can give.
    """
    where = f"models sheet, model {row.model}"
    _refuse_settings(row, where)
    backends = [_load_backend(row, replicate, device, batch_size) for replicate in range(len(row.weights))]
    text = row.scorers if row.scorers is not None else default_scorers(backends[0])
    scorers = tuple(make_scorers(text, backend, where=where) for backend in backends)
    infos = [backend.info for backend in backends]
    window = _window(row, infos, scorers[0], where)
    checksums = "-".join(info.weights_sha256 for info in infos)
    spec = ModelSpec(
        model=row.model,
        kind=infos[0].kind,
        window=window,
        bin_size=None,
        tracks=(_TRACK,),
        licence=infos[0].licence,
        citation=infos[0].citation,
        weights_sha256=checksums,
        capabilities=frozenset({"embeddings"}) if isinstance(backends[0], Embedding) else frozenset(),
    )
    key = f"strands={row.strands} shifts={row.shifts} precision={row.precision}"
    return LanguageModel(spec, scorers, row.strands, row.shifts, key, at_once=row.backend == "external")


def shift_window(window: WindowSpec, shift: int) -> WindowSpec:
    """The window with its sequence moved `shift` bases to the right."""
    return WindowSpec(window.length, window.center_offset + shift, window.flank)


def _load_backend(row: ModelRow, replicate: int, device: torch.device, batch_size: int) -> LanguageBackend:
    path = row.weights[replicate]
    if row.backend == "external":
        from locus2target.sequence.external import load_external

        return load_external(path)
    if row.backend == "huggingface":
        from locus2target.sequence.huggingface import load_huggingface

        return load_huggingface(path, device=device, batch_size=batch_size, precision=row.precision)
    from locus2target.sequence.language_networks import load_nucleotide_gpt_backend, load_shorkie_lm_backend

    load = load_shorkie_lm_backend if row.backend == "shorkie_lm" else load_nucleotide_gpt_backend
    return load(path, device=device, batch_size=batch_size, precision=row.precision)


def _refuse_settings(row: ModelRow, where: str) -> None:
    """Refuse settings that other models have and these do not."""
    if row.shared_bp:
        raise InputError(
            f"shared_bp is {row.shared_bp}, but language models read a window centered on each variant",
            where=where,
            remedy="Set shared_bp to 0.",
        )
    if row.tracks != "all":
        raise InputError(
            f"tracks is {row.tracks!r}, but language models have no tracks", where=where, remedy="Write all."
        )


def _window(row: ModelRow, infos: Sequence[LanguageInfo], scorers: Sequence[LanguageScorer], where: str) -> WindowSpec:
    """Window of the row, or the model's own."""
    length = row.window_bp if row.window_bp is not None else infos[0].default_bp
    if length is None:
        raise InputError(
            "the model does not say how many bases it reads", where=where, remedy="Set window_bp in the models sheet."
        )
    _check_length(length, infos, where)
    center = row.center_offset if row.center_offset is not None else length // 2
    flanks = [scorer.flank for scorer in scorers if isinstance(scorer, MaskedPllDelta) and scorer.flank is not None]
    flank = max([_KNOWN_FLANK, *flanks])
    edges = [center + shift for shift in row.shifts]
    if min(edges) < flank or max(edges) >= length - flank:
        raise InputError(
            f"a window of {length} bases with the variant at base {center} (0-based), shifted by {row.shifts}, leaves "
            f"fewer than {flank} bases beside it",
            where=where,
            remedy="Raise window_bp, or change center_offset, shifts or the flank of pll_delta.",
        )
    return WindowSpec(length, center, flank)


def _check_length(length: int, infos: Sequence[LanguageInfo], where: str) -> None:
    """Refuse a window that one of the replicates cannot read."""
    for info in infos:
        longest = info.longest_bp if info.longest_bp is not None else length
        if not info.shortest_bp <= length <= longest:
            limit = f"at most {longest}" if length > longest else f"at least {info.shortest_bp}"
            raise InputError(
                f"window_bp is {length}, but the model reads {limit} bases", where=where, remedy="Change window_bp."
            )


def _chunks(variants: pd.DataFrame, size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Row numbers along the genome, so that variants of one place come together and share their REF window."""
    contigs = pd.factorize(variants["chromosome"])[0]
    order = np.lexsort((variants["position"].to_numpy(np.int64), contigs))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _first_problem(shifted: Sequence[HaplotypeWindows], v: int) -> tuple[str, str]:
    """Status and reason of variant v in the first window that cannot be scored, or `ok`."""
    verdicts = ((windows.status[v], windows.reason[v]) for windows in shifted)
    return next((verdict for verdict in verdicts if verdict[0] != OK), (OK, ""))


def _effects(values: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> Effects:
    """Scores (S, V) of the variants `rows` that are defined, as effects on the one track."""
    scores, columns = np.nonzero(~np.isnan(values))
    n = len(scores)
    return Effects(
        variants=rows[columns],
        scores=scores.astype(np.int64),
        tracks=np.zeros(n, np.int64),
        values=values[scores, columns].astype(np.float32),
        genes=np.full(n, None, np.object_),
        coverage=np.full(n, np.nan, np.float32),
        details=np.full(n, "", np.object_),
    )
