"""Saturation mutagenesis: every single-base change of the reference sequence around a variant."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import region_around
from locus2target.core.schemas import MUTAGENESIS
from locus2target.core.variants import variant_keys
from locus2target.sequence.backends import READS_NO_SEQUENCE, VariantModel, VariantScores
from locus2target.sequence.encoding import BASES
from locus2target.sequence.scoring import Scoring, largest_effects
from locus2target.sequence.windows import OK, FetchBases

NOT_SEQUENCE_MODEL = "not_sequence_model"
_CHANGE = ["chromosome", "position", "ref", "alt"]


def mutate_windows(scoring: Scoring, windows: pd.DataFrame, *, flank_bp: int) -> pd.DataFrame:
    """Score all three substitutions of every base around each window's variant by the model's first score.

    A motif bank shows at each change the motif that changes most. Every other model shows the one track (and gene)
    that the window's own variant changes most, so that the values of a window can be compared.

    Parameters
    ----------
    scoring
        Model and genome.
    windows
        Table `mutagenesis_windows`.
    flank_bp
        Bases on either side of the variant's first base.

    Returns
    -------
    pd.DataFrame
        Table `mutagenesis`, windows in the order given: one row per change, one row for a base that cannot be
        scored, and one row for a window whose own variant cannot be.
    """
    model = scoring.model
    centers = windows[["locus", *_CHANGE]].reset_index(drop=True)
    own = _score_centers(scoring, centers)
    centers = centers.assign(variant=variant_keys(centers), status=own.status, reason=own.reason)
    usable = centers["status"] == OK
    changes = _changes_around(centers[usable], scoring.sources.fetch, flank_bp)
    scores = scoring.score(changes[_CHANGE])
    shown = _shown_effects(model, scores, changes.index.to_numpy(np.int64), own)
    rows = pd.concat([_refusals(centers[~usable]), _label(model, changes, scores, shown)])
    rows = rows.sort_index(kind="stable").assign(model=model.spec.model)
    return rows.reindex(columns=MUTAGENESIS.names).reset_index(drop=True)


def _score_centers(scoring: Scoring, centers: pd.DataFrame) -> VariantScores:
    """Scores of the windows' own variants."""
    scores = scoring.score(centers[_CHANGE])
    if scoring.model.spec.kind not in READS_NO_SEQUENCE:
        return scores
    n, reason = len(centers), "the model gives known scores of variants and reads no sequence that could be mutated"
    return VariantScores([NOT_SEQUENCE_MODEL] * n, [reason] * n, scores.effects, scores.offsets)


def _changes_around(centers: pd.DataFrame, fetch: FetchBases, flank_bp: int) -> pd.DataFrame:
    """All substitutions around each center; the index is the center's. An unknown base is listed once, as N>A."""
    rows = []
    for index, center in zip(centers.index, centers.to_dict("records"), strict=True):
        region = region_around(center["chromosome"], center["position"], flank_bp)
        bases = fetch(region.chromosome, region.start, region.end)
        rows += [
            (index, center["locus"], center["variant"], region.chromosome, position, ref, alt)
            for position, ref in enumerate(bases, start=region.first_position)
            for alt in (BASES if ref in BASES else "A")
            if alt != ref
        ]
    return pd.DataFrame(rows, columns=["center", "locus", "variant", *_CHANGE]).set_index("center")


def _shown_effects(
    model: VariantModel, scores: VariantScores, centers: npt.NDArray[np.int64], own: VariantScores
) -> npt.NDArray[np.int64]:
    """Element of `scores.effects` that is shown for each change, -1 for none; `centers` has the window of each."""
    if model.spec.kind == "motif":
        return largest_effects(scores, len(model.scores))[:, 0]
    focus = own.effects.at(largest_effects(own, len(model.scores))[:, 0])
    effects = scores.effects
    window = centers[effects.variants]
    wanted = (effects.scores == 0) & (effects.tracks == focus.tracks[window]) & (effects.genes == focus.genes[window])
    shown = np.full(len(centers), -1, dtype=np.int64)
    shown[effects.variants[wanted]] = np.flatnonzero(wanted)
    return shown


def _label(
    model: VariantModel, changes: pd.DataFrame, scores: VariantScores, shown: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Changes with the effect that is shown; those of a base that cannot be scored become one row."""
    effects, score = scores.effects.at(shown), model.scores[0]
    silent = scores.scored & (shown < 0)
    names = np.array([*(track.name for track in model.spec.tracks), None], dtype=np.object_)
    rows = changes.assign(
        track=names[effects.tracks],
        gene_id=effects.genes,
        scorer=score.largest if model.spec.kind == "motif" else score.name,
        value=np.where(silent, np.float32(score.silent_value), effects.values),
        status=scores.status,
        reason=np.where(silent, score.silent_reason, np.array(scores.reason, dtype=np.object_)),
    )
    refused = rows["status"] != OK
    repeated = rows.set_index("position", append=True).index.duplicated()
    return pd.concat([rows[~refused], _refusals(rows[refused & ~repeated])]).sort_values("position", kind="stable")


def _refusals(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that say why there is no score, naming the place but no change."""
    return rows.assign(ref=None, alt=None)
