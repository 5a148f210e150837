"""Batched scoring of variants with any model, and the table of their effects."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from locus2target.core.errors import InputError
from locus2target.core.schemas import VARIANT_EFFECTS
from locus2target.core.variants import variant_keys
from locus2target.sequence.backends import Effects, Model, ModelSpec, PredictionT, ScoringBackend
from locus2target.sequence.encoding import Codes, one_hot
from locus2target.sequence.windows import OK, FetchBases, HaplotypeWindows, extract_windows

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VariantScores:
    """What became of V variants.

    Attributes
    ----------
    status, reason
        One word and one sentence per variant.
    effects
        Scores of those with status `ok`; `effects.variants` counts the V variants.
    """

    status: list[str]
    reason: list[str]
    effects: Effects

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which variants have status `ok`, bool of shape (V,)."""
        return np.array([status == OK for status in self.status], dtype=np.bool_)

    def largest(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Effect of largest size of each variant, and its track; of equal ones the first track.

        Returns
        -------
        tuple
            float64 of shape (V,): 0 for a scored variant without effects, NaN for one that was not scored; and int64
            of shape (V,): index of the track, -1 where there is none.
        """
        values = np.where(self.scored, 0.0, np.nan)
        tracks = np.full(len(values), -1, dtype=np.int64)
        effects = self.effects
        order = np.lexsort((effects.tracks, -np.abs(effects.values), effects.variants))
        best = order[np.diff(effects.variants[order], prepend=-1) != 0]
        values[effects.variants[best]] = effects.values[best]
        tracks[effects.variants[best]] = effects.tracks[best]
        return values, tracks


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


def score_variants(
    model: Model[PredictionT], variants: pd.DataFrame, fetch: FetchBases, *, batch_size: int
) -> VariantScores:
    """Score variants in any order; the answer does not depend on the order or on the batch size.

    Parameters
    ----------
    model
        Backend and scorer.
    variants
        Columns chromosome, position (1-based), ref, alt.
    fetch
        Access to the genome.
    batch_size
        Windows, of either haplotype, in one pass through the model.
    """
    status, reason = [""] * len(variants), [""] * len(variants)
    parts = []
    for rows in _batches(variants, max(1, batch_size // 2)):
        windows = extract_windows(variants.iloc[rows], fetch, model.spec.window)
        for row, word, sentence in zip(rows, windows.status, windows.reason, strict=True):
            status[row], reason[row] = word, sentence
        scorable = np.flatnonzero(windows.scorable)
        if len(scorable):
            effects = model.scorer.effects(*_predict_pairs(model.backend, windows, scorable))
            parts.append((rows[scorable[effects.variants]], effects))
    return VariantScores(status, reason, _gather(parts))


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
    inputs = _encode(codes[first], backend.spec).to(backend.device)
    prediction = backend.predict(inputs.float(), torch.from_numpy(spans[first]).to(backend.device))
    of_window = torch.from_numpy(inverse).to(backend.device)
    return prediction.take(of_window[: len(rows)]), prediction.take(of_window[len(rows) :])


def _encode(codes: Codes, spec: ModelSpec) -> torch.Tensor:
    """One-hot windows, (B, 4, L); one byte per entry unless unknown bases are quarters."""
    encoded = torch.from_numpy(one_hot(codes))
    if spec.n_encoding == "quarter":
        unknown = encoded.sum(1, keepdim=True) == 0
        return encoded.float() + 0.25 * unknown
    return encoded


def _gather(parts: list[tuple[npt.NDArray[np.int64], Effects]]) -> Effects:
    """Effects of all batches, by variant and track."""
    variants = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in parts)])
    tracks = np.concatenate([np.empty(0, np.int64), *(effects.tracks for _, effects in parts)])
    values = np.concatenate([np.empty(0), *(effects.values for _, effects in parts)])
    details = [detail for _, effects in parts for detail in effects.details]
    order = np.lexsort((tracks, variants))
    return Effects(variants[order], tracks[order], values[order], [details[i] for i in order])


def effects_table(
    model: Model[PredictionT], variants: pd.DataFrame, scores: VariantScores, background: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """Table `variant_effects`: per variant one row with its largest effect, then one row per reported track.

    Parameters
    ----------
    model, variants, scores
        What was scored and what came out.
    background
        float64: sizes of the largest effects of background single-base changes, ascending; may be empty. The quantile
        is the share of them that is smaller; only single-base changes have one, since longer changes touch more words.
    """
    keys = variant_keys(variants).tolist()
    single = (variants["ref"].str.len().to_numpy() == 1) & (variants["alt"].str.len().to_numpy() == 1)
    comparable = single & scores.scored if len(background) else np.zeros(len(keys), dtype=np.bool_)
    values, tracks = scores.largest()
    quantiles = np.searchsorted(background, np.abs(values), side="left") / max(1, len(background))
    first = np.searchsorted(scores.effects.variants, np.arange(len(keys) + 1))
    rows: list[dict[str, object]] = []
    for v, key in enumerate(keys):
        scored, track = scores.status[v] == OK, int(tracks[v])
        largest: dict[str, object] = {
            "variant": key,
            "model": model.spec.model,
            "scorer": model.scorer.largest,
            "value": values[v] if scored else None,
            "background_quantile": quantiles[v] if comparable[v] else None,
            "status": scores.status[v],
            "reason": model.scorer.silent_reason if scored and track < 0 else scores.reason[v],
        }
        rows.append(largest | _labels(model.spec, track))
        rows.extend(_track_row(model, key, scores.effects, e) for e in range(first[v], first[v + 1]))
    return VARIANT_EFFECTS.frame(rows)


def _track_row(model: Model[PredictionT], key: str, effects: Effects, e: int) -> dict[str, object]:
    """Row of one effect on one track."""
    return {
        "variant": key,
        "model": model.spec.model,
        "scorer": model.scorer.name,
        "value": effects.values[e],
        "detail": effects.details[e],
        "status": OK,
        "reason": "",
    } | _labels(model.spec, int(effects.tracks[e]))


def _labels(spec: ModelSpec, track: int) -> dict[str, object]:
    """Name and group of a track; nothing for track -1."""
    return {} if track < 0 else {"track": spec.tracks[track].name, "track_group": spec.tracks[track].group}
