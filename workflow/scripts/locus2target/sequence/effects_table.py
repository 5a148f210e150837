"""The table of variant effects: from a model's scores to rows."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import MODEL_SCORES, VARIANT_EFFECTS
from locus2target.core.variants import variant_keys
from locus2target.sequence.backends import VariantModel, VariantScores
from locus2target.sequence.background import background_quantiles
from locus2target.sequence.scoring import by_size, largest_effects, largest_values
from locus2target.sequence.windows import OK


def describe_scores(model: VariantModel) -> pd.DataFrame:
    """Table `model_scores`: what each score of a model is, and which weights are behind it."""
    spec = model.spec
    of_model = {
        "model": spec.model,
        "kind": spec.kind,
        "n_tracks": len(spec.tracks),
        "window_bp": spec.window.length,
        "weights_sha256": spec.weights_sha256,
        "licence": spec.licence,
        "citation": spec.citation,
    }
    return MODEL_SCORES.frame(
        of_model | {"scorer": score.name, "mask": score.mask, "formula": score.formula} for score in model.scores
    )


def effects_table(
    model: VariantModel,
    variants: pd.DataFrame,
    scores: VariantScores,
    background: pd.DataFrame,
    *,
    tracks_per_score: int | None,
) -> pd.DataFrame:
    """Table `variant_effects`: per variant and score a row with the largest effect, then the reported effects.

    Parameters
    ----------
    model, variants, scores
        What was scored and what came out.
    background
        Table `score_background`; may be empty. Only single-base changes are compared with it, since it is made of
        such and longer changes touch more sequence.
    tracks_per_score
        Effects of each variant and score that get a row of their own, largest first; None for all. The row of the
        largest says how many have none.
    """
    variants = variants.reset_index(drop=True)
    reported, left_out = _reported(scores, len(model.scores), tracks_per_score)
    largest, values = largest_effects(scores, len(model.scores)), largest_values(scores, model.scores)
    frames = [
        _largest_rows(model, scores, s, largest[:, s], values[:, s], left_out[:, s]) for s in range(len(model.scores))
    ]
    table = pd.concat([*frames, _effect_rows(model, scores, reported)], ignore_index=True)
    table = table.sort_values(["row", "score", "place"], kind="stable", ignore_index=True)
    table["variant"] = variant_keys(variants).to_numpy()[table["row"].to_numpy(np.int64)]
    table["model"] = model.spec.model
    table["mask"] = np.array([score.mask for score in model.scores], dtype=np.object_)[
        table["score"].to_numpy(np.int64)
    ]
    table["background_quantile"] = _quantiles(table, variants, background)
    table["window_offset"] = pd.Series(scores.offsets[table["row"].to_numpy(np.int64)], dtype="Int64").where(
        table["status"] == OK
    )
    return table[VARIANT_EFFECTS.names]


def _reported(
    scores: VariantScores, n_scores: int, limit: int | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Elements that get a row, ascending, and how many of each variant and score do not, int64 (V, n_scores)."""
    order, pair = by_size(scores.effects, n_scores)
    counts = np.bincount(pair, minlength=len(scores.status) * n_scores).reshape(-1, n_scores)
    if limit is None:
        return np.sort(order), np.zeros_like(counts)
    starts = np.concatenate([[0], np.cumsum(counts.ravel())[:-1]]) if counts.size else np.empty(0, np.int64)
    place = np.arange(len(order)) - starts[pair]
    return np.sort(order[place < limit]), np.maximum(counts - limit, 0)


def _largest_rows(
    model: VariantModel,
    scores: VariantScores,
    s: int,
    largest: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    left_out: npt.NDArray[np.int64],
) -> pd.DataFrame:
    """One row per variant: the effect of largest size under score s, or why there is none."""
    score = model.scores[s]
    silent = scores.scored & (largest < 0)
    frame = _labels(model, scores, largest)
    frame["value"] = values
    frame["detail"] = [_with_count(detail, n) for detail, n in zip(frame["detail"], left_out.tolist(), strict=True)]
    frame["scorer"] = score.largest
    frame["status"] = scores.status
    frame["reason"] = np.where(silent, score.silent_reason, np.array(scores.reason, dtype=np.object_))
    return frame.assign(row=np.arange(len(largest)), score=s, place=-1, largest=True)


def _with_count(detail: object, left_out: int) -> str | None:
    """Detail of a largest effect, with the number of smaller ones that are not listed."""
    unlisted = f"{left_out} smaller effects have no row" if left_out else None
    return "; ".join(text for text in (detail, unlisted) if isinstance(text, str)) or None


def _effect_rows(model: VariantModel, scores: VariantScores, elements: npt.NDArray[np.int64]) -> pd.DataFrame:
    """One row per reported effect."""
    frame = _labels(model, scores, elements)
    which = scores.effects.scores[elements]
    frame["scorer"] = np.array([score.name for score in model.scores], dtype=np.object_)[which]
    return frame.assign(
        status=OK,
        reason="",
        row=scores.effects.variants[elements],
        score=which,
        place=np.arange(len(elements)),
        largest=False,
    )


def _labels(model: VariantModel, scores: VariantScores, elements: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Value, track, gene, coverage and detail of some effects; missing for element -1."""
    effects = scores.effects.at(elements)
    names = np.array([*(track.name for track in model.spec.tracks), None], dtype=np.object_)
    groups = np.array([*(track.group for track in model.spec.tracks), None], dtype=np.object_)
    return pd.DataFrame(
        {
            "value": effects.values,
            "track": names[effects.tracks],
            "track_group": groups[effects.tracks],
            "gene_id": effects.genes,
            "coverage": effects.coverage,
            "detail": effects.details,
        }
    )


def _quantiles(table: pd.DataFrame, variants: pd.DataFrame, background: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Background quantile of each row that has one."""
    single = ((variants["ref"].str.len() == 1) & (variants["alt"].str.len() == 1)).to_numpy()
    comparable = single[table["row"].to_numpy(np.int64)] & table["value"].notna().to_numpy()
    quantiles = np.full(len(table), np.nan)
    tracks = table["track"].where(~table["largest"], None)
    groups = table[comparable].groupby(["scorer", "mask", tracks[comparable]], dropna=False)
    for (scorer, mask, track), rows in groups.indices.items():
        places = np.flatnonzero(comparable)[rows]
        name = None if pd.isna(track) else str(track)
        sizes = np.abs(table["value"].to_numpy(np.float32)[places])
        quantiles[places] = background_quantiles(background, str(scorer), str(mask), name, sizes)
    return quantiles
