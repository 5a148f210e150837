"""Mutagenesis maps of a locus: the predicted change of every substitution, its logo, motifs by name, and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import start_of
from locus2target.core.tables import Record, records
from locus2target.report.formats import format_number, format_signed

BASES = "ACGT"
_WINDOW = ["locus", "variant", "model"]
NO_TRACK = 65535
"""Stands in `HeatMap.track` for a substitution without a value."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One window around a variant, by one model and score; positions are columns from `start` (0-based) on.

    Attributes
    ----------
    ref
        Reference bases, N where there is no substitution.
    values
        Change by column and new base in the order of `BASES`, NaN where there is none; float32 (n, 4). Of several
        tracks the largest change stays.
    tracks, track
        Names of the tracks, and the place of each change's track among them (`NO_TRACK` without); uint16 (n, 4).
    attribution
        Height of the reference base in the logo, NaN where the table has none; float32 (n,).
    motifs
        Named motifs, 0-based half-open.
    note
        Sentences on what the window and its variant change most, and on the motifs.
    """

    variant: str
    model: str
    scorer: str
    start: int
    ref: str
    values: npt.NDArray[np.float32]
    tracks: tuple[str, ...]
    track: npt.NDArray[np.uint16]
    attribution: npt.NDArray[np.float32]
    motifs: tuple[Mapping[str, Any], ...]
    note: str


def heat_maps(
    mutagenesis: pd.DataFrame, attribution: pd.DataFrame, motif_hits: pd.DataFrame, effects: pd.DataFrame
) -> dict[str, list[HeatMap]]:
    """Maps of every locus: one per centre variant, model and score, in the order of the rows.

    Windows without a score have no map.

    Parameters
    ----------
    mutagenesis, attribution, motif_hits
        Tables of a run.
    effects
        Rows of VARIANT_EFFECTS, of the centre variants among others.
    """
    scored = _with_codes(mutagenesis[mutagenesis["value"].notna() & mutagenesis["alt"].isin(list(BASES))])
    heights, hits = (dict(iter(table.groupby(_WINDOW, sort=False))) for table in (attribution, motif_hits))
    own = _own_changes(effects, scored)
    maps: dict[str, list[HeatMap]] = {}
    for (*window, scorer), rows in scored.groupby([*_WINDOW, "scorer"], sort=False):
        key = tuple(window)
        locus, variant, model = (str(name) for name in window)
        drawn = _map(rows, heights.get(key, attribution.iloc[:0]))
        motifs = records(hits.get(key, motif_hits.iloc[:0]))
        note = " ".join([_largest_change(rows), *own.get((variant, model), []), _motif_words(motifs)])
        named = tuple(_motif(hit) for hit in motifs)
        maps.setdefault(locus, []).append(
            HeatMap(variant=variant, model=model, scorer=str(scorer), **drawn, motifs=named, note=note)
        )
    return maps


def _with_codes(scored: pd.DataFrame) -> pd.DataFrame:
    """Rows with `base`, the place of the new base in `BASES`, and names of tracks where the table has none."""
    base = pd.Index(list(BASES)).get_indexer(pd.Index(scored["alt"].astype(object)))
    return scored.assign(base=base, track=_track_names(scored))


def _track_names(changes: pd.DataFrame) -> "pd.Series[Any]":
    """Name of each row's track; without one, what the row's reason says the change is of."""
    reason = changes["reason"].astype(object).where(changes["reason"] != "", "the model's output")
    return changes["track"].astype(object).where(changes["track"].notna(), reason)


def _own_changes(effects: pd.DataFrame, scored: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """A sentence on the largest effect of each centre variant, by variant and model."""
    centres = effects[effects["value"].notna() & effects["variant"].isin(scored["variant"].unique())]
    ordered = centres.assign(size=centres["value"].abs(), track=_track_names(centres)).sort_values(
        "size", kind="stable"
    )
    return {
        (row["variant"], row["model"]): [
            f"The variant itself changes {row['track']} most: {format_signed(row['value'])} ({row['scorer']})."
        ]
        for row in records(ordered)
    }


def _map(window: pd.DataFrame, heights: pd.DataFrame) -> dict[str, Any]:
    """What `HeatMap` says by column: its start, reference, changes, tracks and logo."""
    position = window["position"].to_numpy(np.int64)
    first, length = int(position.min()), int(np.ptp(position)) + 1
    column, base = position - first, window["base"].to_numpy(np.int64)
    value = window["value"].to_numpy(np.float32)
    codes, names = pd.factorize(window["track"].to_numpy(dtype=object))
    order = np.argsort(np.abs(value), kind="stable")  # the largest among tracks is written last and stays
    values = np.full((length, len(BASES)), np.nan, np.float32)
    track = np.full((length, len(BASES)), NO_TRACK, np.uint16)
    values[column[order], base[order]] = value[order]
    track[column[order], base[order]] = codes[order]
    return {
        "start": start_of(first),
        "ref": _reference(window, column, length),
        "values": values,
        "tracks": tuple(str(name) for name in names),
        "track": track,
        "attribution": _logo(heights, first, length),
    }


def _reference(window: pd.DataFrame, column: npt.NDArray[np.int64], length: int) -> str:
    bases = np.full(length, "N", dtype=object)
    bases[column] = window["ref"].to_numpy(dtype=object)
    return "".join(bases)


def _logo(heights: pd.DataFrame, first: int, length: int) -> npt.NDArray[np.float32]:
    """Attribution by column; bases beyond the window's substitutions are left out."""
    column = heights["position"].to_numpy(np.int64) - first
    inside = (column >= 0) & (column < length)
    logo = np.full(length, np.nan, np.float32)
    logo[column[inside]] = heights["attribution"].to_numpy(np.float32)[inside]
    return logo


def _motif(hit: Record) -> dict[str, Any]:
    kept = ("start", "end", "strand", "neg_log10_p", "attribution_share", "holds_variant")
    return {"name": hit["motif"], "p": hit["shift_p"], **{name: hit[name] for name in kept}}


def _largest_change(window: pd.DataFrame) -> str:
    """Name the motif or track that the window's substitutions change most."""
    place = int(np.argmax(np.abs(window["value"].to_numpy(np.float32))))
    names = ("track", "value", "scorer", "ref", "alt", "position")
    track, value, scorer, ref, alt, position = (window[name].iloc[place] for name in names)
    return f"Largest change of the window: {track}, {format_signed(value)} ({scorer}) for {ref}>{alt} at {position:,}."


def _motif_words(hits: Sequence[Record]) -> str:
    """Say which motifs stand where the attribution is."""
    if not hits:
        return "No motif stands where the attribution is."
    named = ", ".join(
        f"{hit['motif']} ({hit['attribution_share']:.0%} of the attribution, shift p = {format_number(hit['shift_p'])}"
        f"{'; holds the variant' if hit['holds_variant'] else ''})"
        for hit in hits
    )
    return f"Motifs under the attribution: {named}."
