"""Mutagenesis maps of a locus: the predicted change of every substitution, a sequence logo, and motifs by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.core.variants import parse_variant_key
from locus2target.report.formats import format_number, format_signed, format_variant, is_missing
from locus2target.report.run_tables import RunTables

_BASES = "ACGT"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Saturation mutagenesis of one window: what is drawn (None when there is nothing), and words about it."""

    title: str
    note: str
    data: Mapping[str, Any] | None


def heat_maps(windows: pd.DataFrame, tables: RunTables) -> list[HeatMap]:
    """One map per centre variant and model, in the order of a locus' `mutagenesis` rows."""
    maps = []
    for variant, model in dict.fromkeys(zip(windows["variant"], windows["model"], strict=True)):
        window = _of(windows, variant, model)
        scored = records(window[window["value"].notna() & window["alt"].notna()])
        title = f"{format_variant(variant)} · {model}"
        if scored:
            locus = windows["locus"].iloc[0]
            bases, hits = (
                _of(table[table["locus"] == locus], variant, model) for table in (tables.attribution, tables.motif_hits)
            )
            own = records(_of(tables.variant_effects, variant, model).dropna(subset="value"))
            note = " ".join([_map_note(scored, own), *_motif_note(records(hits))])
            maps.append(HeatMap(title, note, _map_data(variant, scored) | _logo_data(scored, bases, hits)))
        else:
            first = records(window)[0]
            maps.append(HeatMap(title, f"{first['status']}: {first['reason']}", None))
    return maps


def _of(table: pd.DataFrame, variant: str, model: str) -> pd.DataFrame:
    return table[(table["variant"] == variant) & (table["model"] == model)]


def _map_data(variant: str, scored: list[Record]) -> dict[str, Any]:
    """Values and tracks by base and position; positions without a value are None."""
    first = min(row["position"] for row in scored)
    size = max(row["position"] for row in scored) - first + 1
    tracks: dict[str, int] = {}
    values: list[list[float | None]] = [[None] * size for _ in _BASES]
    named = [[0] * size for _ in _BASES]
    reference = ["N"] * size
    for row in sorted(scored, key=lambda row: abs(row["value"])):  # the strongest track of a substitution stays
        column, base = row["position"] - first, _BASES.find(row["alt"])
        reference[column] = row["ref"]
        if base >= 0:
            values[base][column] = _significant(row["value"])
            named[base][column] = tracks.setdefault(_track_name(row), len(tracks))
    centre = parse_variant_key(variant)
    return {
        "chromosome": centre.chromosome,
        "first": first,
        "reference": "".join(reference),
        "values": values,
        "tracks": list(tracks),
        "track": named,
        "centre": centre.position,
        "limit": max(abs(row["value"]) for row in scored),
    }


def _logo_data(scored: list[Record], bases: pd.DataFrame, hits: pd.DataFrame) -> dict[str, Any]:
    """Attribution by column, and motifs as first column, end column, name and strand."""
    first = min(row["position"] for row in scored)
    size = max(row["position"] for row in scored) - first + 1
    heights = [0.0] * size
    for position, value in zip(bases["position"], bases["attribution"], strict=True):
        heights[position - first] = _significant(value)
    motifs = [[hit["start"] + 1 - first, hit["end"] + 1 - first, hit["motif"], hit["strand"]] for hit in records(hits)]
    return {"attribution": heights, "motifs": motifs}


def _significant(value: float) -> float:
    """Four significant digits, to keep the page small."""
    return float(f"{value:.4g}")


def _track_name(row: Record) -> str:
    if is_missing(row["track"]):
        return "the model's output" if is_missing(row["reason"]) else str(row["reason"])
    return str(row["track"])


def _map_note(scored: list[Record], own: list[Record]) -> str:
    """Name the motif or track that the window and its centre variant change most."""
    row = max(scored, key=lambda row: abs(row["value"]))
    note = (
        f"Largest change of the window: {_track_name(row)}, {format_signed(row['value'])} ({row['scorer']}) for "
        f"{row['ref']}>{row['alt']} at {row['position']:,}."
    )
    if own:
        best = max(own, key=lambda effect: abs(effect["value"]))
        note += (
            f" The variant itself changes {_track_name(best)} most: {format_signed(best['value'])} ({best['scorer']})."
        )
    return note


def _motif_note(hits: list[Record]) -> list[str]:
    """Say which motifs stand where the attribution is."""
    if not hits:
        return ["No motif stands where the attribution is."]
    named = ", ".join(
        f"{hit['motif']} ({hit['attribution_share']:.0%} of the attribution, shift p = {format_number(hit['shift_p'])}"
        f"{'; holds the variant' if hit['holds_variant'] else ''})"
        for hit in hits
    )
    return [f"Motifs under the attribution: {named}."]
