"""Loci: the stretches of the genome where a study has signal, and how they are dealt to batches.

Leads are the variants with p <= `lead_p`, taken strongest first (the leftmost of equals); each claims the variants
within `window_bp` of it, which can then not be leads themselves. A locus is a lead's window, or several that overlap.
Where overlapping windows would together be longer than `max_locus_bp` they are parted at the widest gap between
neighbouring leads, again and again until every part fits. No window is ever cut: the parts overlap, and say so in
their reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region, parse_region, region_around
from locus2target.core.schemas import LOCI, SUMSTATS
from locus2target.core.tables import read_table

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocusRules:
    """What makes a locus: the settings of the config's `loci` section.

    Attributes
    ----------
    min_neg_log10_p
        A lead is at or above this.
    window_bp, max_locus_bp
        Bases on either side of a lead; longest merged locus.
    min_variants
        A locus with fewer is listed, not analysed.
    left_out
        Region whose loci are listed, not analysed (the MHC); None to treat all alike.
    """

    min_neg_log10_p: float
    window_bp: int
    max_locus_bp: int
    min_variants: int
    left_out: Region | None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "LocusRules":
        """Read the config's `loci` section.

        Raises
        ------
        InputError
            If the window of a single lead is longer than a locus may be, or the MHC region cannot be read.
        """
        window_bp, max_locus_bp = int(settings["window_bp"]), int(settings["max_locus_bp"])
        if 2 * window_bp + 1 > max_locus_bp:
            raise InputError(
                f"a lead with {window_bp} bases on either side does not fit into a locus of {max_locus_bp} bases",
                where="config, loci.max_locus_bp",
                remedy=f"Raise it to {2 * window_bp + 1} or more, or lower loci.window_bp.",
            )
        mhc = settings["mhc"]
        report_only = mhc["policy"] == "report"
        return cls(
            min_neg_log10_p=float(-np.log10(settings["lead_p"])),
            window_bp=window_bp,
            max_locus_bp=max_locus_bp,
            min_variants=int(settings["min_variants"]),
            left_out=parse_region(mhc["region"], where="config, loci.mhc.region") if report_only else None,
        )


def pick_leads(position: IntArray, neg_log10_p: FloatArray, *, min_neg_log10_p: float, window_bp: int) -> IntArray:
    """Leads of one chromosome.

    Parameters
    ----------
    position
        int64 array of shape (n_variants,), 1-based, in any order.
    neg_log10_p
        float64 array of shape (n_variants,).
    min_neg_log10_p, window_bp
        Strength a lead needs, and the bases on either side that it claims.

    Returns
    -------
    numpy.ndarray
        int64 row numbers of the leads, by position.
    """
    candidates = np.flatnonzero(neg_log10_p >= min_neg_log10_p)
    candidates = candidates[np.lexsort((position[candidates], -neg_log10_p[candidates]))]
    leads = []
    while len(candidates):
        lead = candidates[0]
        leads.append(lead)
        candidates = candidates[np.abs(position[candidates] - position[lead]) > window_bp]
    rows = np.array(leads, dtype=np.int64)
    return rows[np.argsort(position[rows])]


def group_leads(position: IntArray, *, window_bp: int, max_locus_bp: int) -> list[slice]:
    """Group leads whose windows overlap, parted at the widest gaps where a group would be longer than allowed.

    Parameters
    ----------
    position
        int64 array of shape (n_leads,), 1-based and rising.
    window_bp, max_locus_bp
        Bases on either side of a lead; longest group, windows included.

    Returns
    -------
    list of slice
        Neighbouring leads that form one locus, in order of position.
    """
    apart = np.flatnonzero(np.diff(position) > 2 * window_bp) + 1
    bounds = [0, *apart.tolist(), len(position)]
    pending = [slice(first, last) for first, last in pairwise(bounds) if first < last]
    groups = []
    while pending:
        group = pending.pop()
        members = position[group]
        if len(members) == 1 or members[-1] - members[0] + 2 * window_bp + 1 <= max_locus_bp:
            groups.append(group)
        else:
            cut = group.start + int(np.argmax(np.diff(members))) + 1
            pending += [slice(group.start, cut), slice(cut, group.stop)]
    return sorted(groups, key=lambda group: group.start)


@dataclass(frozen=True, slots=True)
class Locus:
    """A region with its leads: rows of the chromosome's variants, and the strongest of them."""

    region: Region
    n_leads: int
    lead: int


def find_loci(sumstats: str | Path, *, study: str, disease: str, rules: LocusRules) -> pd.DataFrame:
    """Find the loci of a study.

    Only chromosome, position and p-value of the whole table are held in memory.

    Parameters
    ----------
    sumstats
        Canonical table of the study (`core.schemas.SUMSTATS`).
    study, disease
        Ids that every row carries.
    rules
        What makes a locus.

    Returns
    -------
    pandas.DataFrame
        `core.schemas.LOCI`, by place. Status `ok`; `mhc` where the locus reaches into the region left out;
        `too_few_variants`; or a single row `<study>__none` with status `no_lead`, without chromosome and lead.
    """
    columns = ["chromosome", "position", "neg_log10_p"]
    variants = read_table(sumstats, SUMSTATS, columns=columns)
    rows: list[dict[str, object]] = []
    for chromosome in sorted(variants["chromosome"].unique(), key=chromosome_rank):
        here = variants[variants["chromosome"] == chromosome]
        position, strength = here["position"].to_numpy(), here["neg_log10_p"].to_numpy()
        loci = list(loci_of_chromosome(chromosome, position, strength, rules))
        for locus in loci:
            n_variants = int(np.count_nonzero((position > locus.region.start) & (position <= locus.region.end)))
            status, reason = judge_locus(locus, n_variants, loci, rules)
            rows.append(
                {
                    "locus": locus_id(study, locus.region),
                    "chromosome": chromosome,
                    "start": locus.region.start,
                    "end": locus.region.end,
                    "lead_variant": _variant_at(sumstats, chromosome, position[locus.lead]),
                    "lead_neg_log10_p": strength[locus.lead],
                    "n_variants": n_variants,
                    "n_leads": locus.n_leads,
                    "status": status,
                    "reason": reason,
                }
            )
    if not rows:
        rows.append(_no_lead(sumstats, variants, study, rules))
    return LOCI.frame({"study": study, "disease": disease, **row} for row in rows)


def loci_of_chromosome(chromosome: str, position: IntArray, strength: FloatArray, rules: LocusRules) -> Iterator[Locus]:
    """Loci by place; windows that reach into the region left out merge only with each other."""
    leads = pick_leads(position, strength, min_neg_log10_p=rules.min_neg_log10_p, window_bp=rules.window_bp)
    windows = [region_around(chromosome, int(place), rules.window_bp) for place in position[leads]]
    left_out = np.array([_is_left_out(window, rules) for window in windows], dtype=bool)
    loci = []
    for members in (leads[left_out], leads[~left_out]):
        places = position[members]
        for group in group_leads(places, window_bp=rules.window_bp, max_locus_bp=rules.max_locus_bp):
            first, last = (region_around(chromosome, int(places[group][end]), rules.window_bp) for end in (0, -1))
            rows = members[group]
            lead = int(rows[np.argmax(strength[rows])])
            loci.append(Locus(Region(chromosome, first.start, last.end), len(rows), lead))
    yield from sorted(loci, key=lambda locus: locus.region.start)


def _is_left_out(region: Region, rules: LocusRules) -> bool:
    return rules.left_out is not None and rules.left_out.overlaps(region)


def judge_locus(locus: Locus, n_variants: int, loci: list[Locus], rules: LocusRules) -> tuple[str, str]:
    """Status and reason of a locus."""
    if _is_left_out(locus.region, rules):
        return "mhc", f"reaches into the MHC ({rules.left_out}); loci.mhc.policy is report"
    if n_variants < rules.min_variants:
        return "too_few_variants", f"{n_variants} variants; loci.min_variants is {rules.min_variants}"
    return "ok", name_neighbours(locus.region, [other.region for other in loci])


def name_neighbours(region: Region, regions: Iterable[Region]) -> str:
    """Say which other loci a locus overlaps; empty when none."""
    neighbours = [str(other) for other in regions if other != region and other.overlaps(region)]
    return f"overlaps {' and '.join(neighbours)}, with which it was not merged" if neighbours else ""


def locus_id(study: str, region: Region) -> str:
    """Id of a locus: study, chromosome, first and last position."""
    return f"{study}__{region.chromosome}_{region.first_position}_{region.last_position}"


def _variant_at(sumstats: str | Path, chromosome: str, position: int) -> str:
    """Key of the strongest variant at a position: keys of all variants would take most of the memory."""
    at = region_around(chromosome, int(position), 0)
    here = read_table(sumstats, SUMSTATS, columns=["variant", "neg_log10_p"], region=at)
    return str(here["variant"].iloc[here["neg_log10_p"].argmax()])


def _no_lead(sumstats: str | Path, variants: pd.DataFrame, study: str, rules: LocusRules) -> dict[str, object]:
    """The one row of a study without loci, so that the study does not vanish."""
    strongest, reason = 0.0, "the study has no variants"
    if len(variants):
        top = variants.iloc[variants["neg_log10_p"].argmax()]
        strongest = float(top["neg_log10_p"])
        variant = _variant_at(sumstats, top["chromosome"], top["position"])
        reason = (
            f"no variant has -log10 p >= {rules.min_neg_log10_p:.4g}; the strongest, {variant}, has {strongest:.4g}"
        )
    return {
        "locus": f"{study}__none",
        "chromosome": "",
        "start": 0,
        "end": 0,
        "lead_variant": "",
        "lead_neg_log10_p": strongest,
        "n_variants": len(variants),
        "n_leads": 0,
        "status": "no_lead",
        "reason": reason,
    }


def deal_loci(loci: pd.DataFrame, n_batches: int) -> list[pd.DataFrame]:
    """Deal loci to batches of similar cost.

    The cost of a locus that is analysed is the square of its variants (LD dominates), of others nothing. The costliest
    goes first, each to the batch with the least so far; the same loci are always dealt the same way.

    Parameters
    ----------
    loci
        `core.schemas.LOCI`, any order.
    n_batches
        Tables to return; some may be empty.

    Returns
    -------
    list of pandas.DataFrame
        Every row is in exactly one; rows keep their order.
    """
    cost = np.where(loci["status"] == "ok", loci["n_variants"].to_numpy(np.float64) ** 2, 0.0)
    load, filled = np.zeros(n_batches), np.zeros(n_batches, dtype=np.int64)
    batch = np.zeros(len(loci), dtype=np.int64)
    for row in np.lexsort((loci["locus"].to_numpy(str), -cost)):
        chosen = np.lexsort((filled, load))[0]
        batch[row] = chosen
        load[chosen] += cost[row]
        filled[chosen] += 1
    return [loci[batch == number].reset_index(drop=True) for number in range(n_batches)]
