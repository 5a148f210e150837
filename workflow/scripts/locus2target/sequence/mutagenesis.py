"""Saturation mutagenesis: every single-base change of the reference sequence around a variant."""

import numpy as np
import pandas as pd

from locus2target.core.intervals import region_around
from locus2target.core.schemas import MUTAGENESIS
from locus2target.core.variants import variant_keys
from locus2target.sequence.backends import Model, PredictionT
from locus2target.sequence.encoding import BASES
from locus2target.sequence.scoring import VariantScores, score_variants
from locus2target.sequence.windows import OK, FetchBases, extract_windows

_CHANGE = ["chromosome", "position", "ref", "alt"]


def mutate_windows(
    model: Model[PredictionT], windows: pd.DataFrame, fetch: FetchBases, *, flank_bp: int, batch_size: int
) -> pd.DataFrame:
    """Score all three substitutions of every base around each window's variant.

    Parameters
    ----------
    model, fetch, batch_size
        As for `score_variants`.
    windows
        Table `mutagenesis_windows`.
    flank_bp
        Bases on either side of the variant's first base.

    Returns
    -------
    pd.DataFrame
        Table `mutagenesis`, windows in the order given: one row per change with its largest effect, one row for a
        base that cannot be scored, and one row for a window whose own variant cannot be.
    """
    verdicts = extract_windows(windows, fetch, model.spec.window)
    centers = windows[["locus", *_CHANGE]].reset_index(drop=True)
    centers = centers.assign(variant=variant_keys(centers), status=verdicts.status, reason=verdicts.reason)
    usable = centers["status"] == OK
    changes = _changes_around(centers[usable], fetch, flank_bp)
    scores = score_variants(model, changes[_CHANGE], fetch, batch_size=batch_size)
    rows = pd.concat([_refusals(centers[~usable]), _label(model, changes, scores)])
    rows = rows.sort_index(kind="stable").assign(model=model.spec.model)
    return rows.reindex(columns=MUTAGENESIS.names).reset_index(drop=True)


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


def _label(model: Model[PredictionT], changes: pd.DataFrame, scores: VariantScores) -> pd.DataFrame:
    """Changes with their largest effect; those of a base that cannot be scored become one row."""
    values, tracks = scores.largest()
    names = np.array([track.name for track in model.spec.tracks] + [None], dtype=object)
    silent = scores.scored & (tracks < 0)
    rows = changes.assign(
        track=names[tracks],
        scorer=model.scorer.largest,
        value=values,
        status=scores.status,
        reason=np.where(silent, model.scorer.silent_reason, np.array(scores.reason, dtype=object)),
    )
    refused = rows["status"] != OK
    repeated = rows.set_index("position", append=True).index.duplicated()
    return pd.concat([rows[~refused], _refusals(rows[refused & ~repeated])]).sort_values("position", kind="stable")


def _refusals(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that say why there is no score, naming the place but no change."""
    return rows.assign(ref=None, alt=None)
