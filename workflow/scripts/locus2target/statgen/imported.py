"""Studies that come fine-mapped: their credible sets take the places that loci and fine-mapping would fill.

A credible set is a signal; sets of one fine-mapped region, or sets whose lead variants lie close together, form a
locus. PIPs are taken as they stand. What the source's LD was like is not known here, so there is no verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region, region_around
from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, LOCI, SIGNAL_LBF, SIGNALS
from locus2target.core.tables import stack_tables
from locus2target.statgen.abf import FloatArray, effect_signs, study_log_bayes_factors
from locus2target.statgen.loci import LocusRules, group_leads, locus_id, name_neighbours

IMPORTED, PIP_ONLY = "imported", "pip_only"
_OK = "ok"
_KEY = ["variant", "chromosome", "position", "ref", "alt"]
_MIN_SHARE_OF_MEMBERS = 2  # variants with Bayes factors, over those of the set; fewer are little more than the set
_OUTSIDE = "-1"  # how UK Biobank's and FinnGen's releases write that a variant is in no set
_NO_LD = "The study came fine-mapped; the LD behind it was not seen."


@dataclass(frozen=True, slots=True)
class ImportedStudy:
    """A study's rows for the tables of loci and fine-mapping, and how many variants belong to no locus."""

    loci: pd.DataFrame
    fine_mapping: pd.DataFrame
    credible_sets: pd.DataFrame
    signals: pd.DataFrame
    signal_lbf: pd.DataFrame
    n_outside: int


@dataclass(frozen=True, slots=True)
class _Locus:
    """A region, its rows of the study's table (a variant once for each of its sets), and the names of its sets."""

    region: Region
    rows: pd.DataFrame
    sets: tuple[str, ...]


def import_study(
    variants: pd.DataFrame, *, study: str, disease: str, traits: Mapping[str, Any], rules: LocusRules, where: str
) -> ImportedStudy:
    """Arrange a study's credible sets as loci with signals.

    Parameters
    ----------
    variants
        `core.schemas.IMPORTED_VARIANTS`.
    study, disease
        Ids that every row carries.
    traits
        Of the studies sheet: `trait_type` and `sd_y`.
    rules
        The config's `loci` section; windows around the sets' leads are the loci.
    where
        The study's file, for messages.

    Raises
    ------
    InputError
        If no variant is in a credible set, one set's name stands for several places, or two regions are one place.
    """
    named = variants["credible_set"].where(variants["credible_set"] != _OUTSIDE)
    variants = variants.assign(credible_set=named, region=variants["region"].fillna(""))
    if named.isna().all():
        remedy = "Map credible_set in the sheet's `columns`; variants in no set have it empty or -1."
        raise InputError("no variant is in a credible set", where=where, remedy=remedy)
    loci = list(_loci(variants, rules, where))
    regions = [locus.region for locus in loci]
    _require_distinct(regions, where)
    parts = [_import_locus(locus, regions, study, disease, traits=traits, rules=rules) for locus in loci]
    placed = pd.concat([locus.rows["variant"] for locus in loci])
    return ImportedStudy(
        loci=LOCI.frame(part.locus for part in parts),
        fine_mapping=FINE_MAPPING.frame(part.fine_mapping for part in parts),
        credible_sets=stack_tables((part.variants for part in parts), CREDIBLE_SETS),
        signals=SIGNALS.frame(row for part in parts for row in part.signals),
        signal_lbf=stack_tables((factors for part in parts for factors in part.factors), SIGNAL_LBF),
        n_outside=int((~variants["variant"].isin(placed)).sum()),
    )


def _require_distinct(regions: list[Region], where: str) -> None:
    """Loci are named by their place: two fine-mapped regions of the source may not come to the same one."""
    for number, region in enumerate(regions):
        if region in regions[:number]:
            raise InputError(
                f"two fine-mapped regions have their credible sets in the same place, {region}",
                where=where,
                remedy="Keep one of the two, or leave `region` unmapped: their sets then are signals of one locus.",
            )


# ---- Loci --------------------------------------------------------------------------------------------------------


def _loci(variants: pd.DataFrame, rules: LocusRules, where: str) -> Iterator[_Locus]:
    """Loci by place: sets of one region of the source, or without regions sets whose windows overlap."""
    leads = _set_leads(variants, rules, where)
    for chromosome in sorted(leads["chromosome"].unique(), key=chromosome_rank):
        here = variants[variants["chromosome"] == chromosome]
        for _, of_region in leads[leads["chromosome"] == chromosome].groupby("region", sort=True):
            yield from _group_sets(here, of_region.sort_values("position"), rules)


def _set_leads(variants: pd.DataFrame, rules: LocusRules, where: str) -> pd.DataFrame:
    """The variant with the highest PIP of each set, by place."""
    members = variants.dropna(subset="credible_set")
    by_set = members.groupby(["chromosome", "region", "credible_set"])["position"]
    span = (by_set.max() - by_set.min()).reset_index()
    widest = span.iloc[int(span["position"].argmax())]
    if widest["position"] > rules.max_locus_bp:
        raise InputError(
            f"credible set {widest['credible_set']!r} reaches over {widest['position']} bases: its name stands for "
            "several places",
            where=where,
            remedy="Map `region` to a column that tells the fine-mapped regions apart, or give each set its own name.",
        )
    ordered = members.sort_values(["pip", "position"], ascending=[False, True], kind="stable")
    leads = ordered.drop_duplicates(["chromosome", "region", "credible_set"])
    if leads["pip"].min() == 0.0:
        name = leads["credible_set"].iloc[int(leads["pip"].argmin())]
        remedy = "Does `pip` name the right column? A set needs a variant with a PIP above 0."
        raise InputError(f"no variant of credible set {name!r} has a PIP above 0", where=where, remedy=remedy)
    return leads


def _group_sets(here: pd.DataFrame, leads: pd.DataFrame, rules: LocusRules) -> Iterator[_Locus]:
    """Loci of one chromosome and one region of the source, from the leads of its sets by position."""
    position = leads["position"].to_numpy(np.int64)
    for group in group_leads(position, window_bp=rules.window_bp, max_locus_bp=rules.max_locus_bp):
        names = tuple(leads["credible_set"].iloc[group])
        of_region = here[here["region"] == leads["region"].iloc[0]]
        members = of_region[of_region["credible_set"].isin(names)]
        places = np.concatenate([position[group], members["position"].to_numpy(np.int64)])
        chromosome = str(leads["chromosome"].iloc[0])
        first, last = (region_around(chromosome, int(place), rules.window_bp) for place in (places.min(), places.max()))
        region = Region(chromosome, first.start, last.end)
        inside = of_region["position"].between(region.first_position, region.last_position)
        in_other_set = of_region["credible_set"].notna() & ~of_region["credible_set"].isin(names)
        yield _Locus(region, of_region[inside & ~in_other_set].reset_index(drop=True), names)


# ---- Rows of the tables ------------------------------------------------------------------------------------------

_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _LocusTables:
    """One locus' rows: of LOCI, FINE_MAPPING, CREDIBLE_SETS, SIGNALS, and for each signal of SIGNAL_LBF."""

    locus: _Row
    fine_mapping: _Row
    variants: pd.DataFrame
    signals: list[_Row]
    factors: list[pd.DataFrame]


def _import_locus(
    locus: _Locus, regions: list[Region], study: str, disease: str, *, traits: Mapping[str, Any], rules: LocusRules
) -> _LocusTables:
    """Rows of one locus; without variants and signals where it is left out."""
    shared = {"locus": locus_id(study, locus.region), "study": study, "disease": disease}
    variants = _one_row_per_variant(locus)
    row = _locus_row(locus, variants, regions, rules)
    if row["status"] != _OK:
        return _LocusTables(shared | row, shared | _fine_mapping_row(row, 0), CREDIBLE_SETS.empty(), [], [])
    marginal = _marginal_factors(locus, variants, traits)
    method = PIP_ONLY if marginal is None else IMPORTED
    signals, factors = [], []
    for signal, name in enumerate(locus.sets, start=1):
        members = locus.rows[locus.rows["credible_set"] == name]
        of_signal = _relative_factors(members) if marginal is None else marginal
        strength = None if marginal is None else _mean_factor(marginal)
        row_of_signal = {"signal": signal, "method": method, "log_bayes_factor": strength}
        signals.append(shared | row_of_signal | _signal_row(members))
        factors.append(of_signal.assign(locus=shared["locus"], signal=signal)[SIGNAL_LBF.names])
    listed = _variant_rows(variants, locus.sets).assign(**shared)[CREDIBLE_SETS.names]
    return _LocusTables(shared | row, shared | _fine_mapping_row(row, len(signals)), listed, signals, factors)


def _variant_rows(variants: pd.DataFrame, sets: tuple[str, ...]) -> pd.DataFrame:
    """CREDIBLE_SETS rows without the ids of the locus; what the source does not say is missing."""
    signal_of = {name: signal for signal, name in enumerate(sets, start=1)}
    signal = variants["credible_set"].map(signal_of).astype("Int64")
    unknown = dict.fromkeys(("posterior_mean", "posterior_sd", "r_lead"), np.nan)
    known = variants[[*_KEY, "rsid", "neg_log10_p", "z_score", "pip"]]
    return known.assign(credible_set=signal, in_ld=False, status=_OK, reason="", **unknown)


def _one_row_per_variant(locus: _Locus) -> pd.DataFrame:
    """Each variant once, with its largest PIP; one of several sets keeps the set in which that is."""
    ordered = locus.rows.sort_values(["pip", "credible_set"], ascending=[False, True], kind="stable")
    return ordered.drop_duplicates("variant").sort_values(["position", "ref", "alt"]).reset_index(drop=True)


def _locus_row(locus: _Locus, variants: pd.DataFrame, regions: list[Region], rules: LocusRules) -> _Row:
    lead = variants.iloc[int(variants["pip"].argmax())]
    status, reason = _OK, name_neighbours(locus.region, regions)
    if rules.left_out is not None and rules.left_out.overlaps(locus.region):
        status, reason = "mhc", f"reaches into the MHC ({rules.left_out}); loci.mhc.policy is report"
    return {
        "chromosome": locus.region.chromosome,
        "start": locus.region.start,
        "end": locus.region.end,
        "lead_variant": lead["variant"],
        "lead_neg_log10_p": lead["neg_log10_p"],
        "n_variants": len(variants),
        "n_leads": len(locus.sets),
        "status": status,
        "reason": reason,
    }


def _fine_mapping_row(locus_row: Mapping[str, Any], n_signals: int) -> _Row:
    done = locus_row["status"] == _OK
    return {
        "method": IMPORTED if done else "none",
        "rung": IMPORTED if done else "none",
        "status": locus_row["status"],
        "reason": "" if done else locus_row["reason"],
        "ld_verdict": "NONE",
        "ld_reason": _NO_LD,
        "n_variants": locus_row["n_variants"],
        "n_ld_variants": 0,
        "n_signals": n_signals,
    }


def _mean_factor(factors: pd.DataFrame) -> float:
    """Log Bayes factor of a signal that each of its variants may be behind with equal prior probability."""
    values = factors["log_bayes_factor"].to_numpy(np.float64)
    return float(logsumexp(values) - np.log(len(values)))


def _signal_row(members: pd.DataFrame) -> _Row:
    return {
        "primary": True,
        "lead_variant": members["variant"].iloc[int(members["pip"].argmax())],
        "n_credible": len(members),
        "coverage": min(1.0, float(members["pip"].sum())),
        "status": _OK,
        "reason": "",
    }


def _marginal_factors(locus: _Locus, variants: pd.DataFrame, traits: Mapping[str, Any]) -> pd.DataFrame | None:
    """Log Bayes factors of the marginal statistics, which are those of the signal where it is the only one.

    None where the locus has several sets, or the source gives statistics for little more than the set's own variants:
    a colocalization needs the variants that the signal speaks against.
    """
    if len(locus.sets) > 1:
        return None
    inside = variants["credible_set"].notna().to_numpy()
    factors = study_log_bayes_factors(variants, trait_type=traits["trait_type"], sd_y=traits["sd_y"]).values
    known = np.isfinite(factors)
    if not known[inside].all() or known.sum() < _MIN_SHARE_OF_MEMBERS * inside.sum():
        return None
    return _factor_rows(variants[known], factors[known])


def _relative_factors(members: pd.DataFrame) -> pd.DataFrame:
    """Log PIPs of a set's variants: Bayes factors of the set up to a constant, if its prior was uniform."""
    possible = members[members["pip"] > 0]
    return _factor_rows(possible, np.log(possible["pip"].to_numpy(np.float64)))


def _factor_rows(variants: pd.DataFrame, factors: FloatArray) -> pd.DataFrame:
    signs = pd.Series(effect_signs(variants), index=variants.index)
    return variants[_KEY].assign(log_bayes_factor=factors, effect_sign=signs)
