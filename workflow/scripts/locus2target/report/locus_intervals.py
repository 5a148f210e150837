"""Open chromatin and enhancers of a locus, merged where there are more than a page can draw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import Record

MAX_INTERVALS = 3_000
COLUMNS = ("kind", "context", "start", "end", "gene")
_NARROWEST_GAP_BP = 100
_KEYS = (["kind", "context", "gene"], ["kind", "gene"])  # what merged intervals have in common, first choice first


@dataclass(frozen=True, slots=True)
class LocusIntervals:
    """Intervals to draw (columns `COLUMNS`), and a sentence on what was merged; empty where nothing was."""

    rows: pd.DataFrame
    note: str


def annotation_intervals(
    open_chromatin: pd.DataFrame | None, links: pd.DataFrame | None, symbols: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """Intervals of both kinds by chromosome: columns kind, context, start, end and gene.

    Parameters
    ----------
    open_chromatin, links
        As the readers of BED files give them; None where the config names no file.
    symbols
        Display name by gene id; a gene that is not in it is named as the file names it.
    """
    frames = []
    if open_chromatin is not None:
        frames.append(open_chromatin.assign(kind="open_chromatin", gene=None))
    if links is not None:
        named = links["gene"].map(symbols)
        frames.append(links.assign(kind="link", gene=named.where(named.notna(), links["gene"])))
    if not frames:
        return {}
    stacked = pd.concat([frame.astype({"gene": "str"}) for frame in frames], ignore_index=True)
    return {str(name): rows[list(COLUMNS)] for name, rows in stacked.groupby("chromosome", sort=False)}


def locus_intervals(
    locus: Record, intervals: Mapping[str, pd.DataFrame], *, limit: int = MAX_INTERVALS
) -> LocusIntervals:
    """Intervals that overlap a locus, at most `limit`.

    Parameters
    ----------
    locus
        Row of LOCI.
    intervals
        By chromosome, from `annotation_intervals`.
    limit
        Above it, neighbours of one context (and gene) are merged, over ever wider gaps; where contexts alone are too
        many, those of all contexts are.
    """
    everywhere = intervals.get(str(locus["chromosome"]), pd.DataFrame(columns=list(COLUMNS)))
    inside = everywhere[(everywhere["start"] < locus["end"]) & (everywhere["end"] > locus["start"])]
    if len(inside) <= limit:
        return LocusIntervals(inside, "")
    length = int(locus["end"]) - int(locus["start"])
    merged: pd.DataFrame = inside
    note = ""
    for keys, gap in _attempts(length):
        merged = merge_intervals(inside, keys, gap=gap)
        note = _note(len(inside), len(merged), gap, over_contexts="context" not in keys)
        if len(merged) <= limit:
            break
    return LocusIntervals(merged, note)


def _attempts(length: int) -> Iterator[tuple[Sequence[str], int]]:
    for keys in _KEYS:
        gap = 0
        while gap < length:
            yield keys, gap
            gap = max(_NARROWEST_GAP_BP, gap * 2)
        yield keys, length


def merge_intervals(intervals: pd.DataFrame, keys: Sequence[str], *, gap: int) -> pd.DataFrame:
    """Join intervals with equal `keys` that overlap or lie at most `gap` bases apart; missing keys are equal.

    Several contexts in one interval become their number, in words.
    """
    same = intervals.groupby(list(keys), dropna=False, sort=False).ngroup()
    ordered = intervals.assign(group=same).sort_values(["group", "start"], kind="stable")
    reach = ordered.groupby("group")["end"].cummax()
    first = (ordered["group"] != ordered["group"].shift()) | (ordered["start"] > reach.shift() + gap)
    merged = ordered.groupby(first.cumsum()).agg(
        kind=("kind", "first"),
        context=("context", _joined_contexts),
        start=("start", "min"),
        end=("end", "max"),
        gene=("gene", lambda genes: genes.iloc[0]),
    )
    return merged[list(COLUMNS)].sort_values(["start", "end"], kind="stable", ignore_index=True)


def _joined_contexts(contexts: pd.Series) -> str:
    names = contexts.unique()
    return str(names[0]) if len(names) == 1 else f"{len(names)} contexts"


def _note(n_given: int, n_drawn: int, gap: int, *, over_contexts: bool) -> str:
    apart = f"at most {gap:,} bases apart" if gap else "that overlap"
    whose = "of all contexts" if over_contexts else "of one context"
    return f"{n_given:,} chromatin intervals and links were merged to {n_drawn:,}: those {whose} {apart} are one."
