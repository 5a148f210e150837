"""Regulators per disease: transcription factors whose motifs the probably causal variants change more than others do.

What is tested is a family of motifs, because factors of one family share their motif and the motif model reports of
each family only the motif that changes most. A variant changes a family's motif when the p-value of the best word
changes at least tenfold between the alleles; it has no row where neither allele reaches `scoring.motif_p`.

The test is ours. A disease's PIPs are dealt anew among the scored variants of each locus, which keeps the loci, the
number of their variants, the PIPs, and the motifs of their sequence. It does not correct for what sets causal variants
apart beyond their motifs: where they lie in open chromatin or CpG islands more often than their neighbours, motifs that
are common there come out too. Nor does it say which factor of a family binds, or that one is expressed where it counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from locus2target.core.progress import tracked
from locus2target.core.schemas import REGULATORS
from locus2target.core.tables import is_among
from locus2target.targets.evidence_rows import by_pip
from locus2target.targets.gene_set_enrichment import compare_with_permutations, stretches
from locus2target.targets.overlap_groups import overlap_groups

Floats = npt.NDArray[np.float64]

NOT_SCORED, TOO_FEW_VARIANTS, TOO_FEW_CHANGES = "not_scored", "too_few_variants", "too_few_changes"
NO_REGULATOR = "none"
_LARGEST_CHANGE, _CHANGE_OF_FAMILY = "motif_max_rank_change", "motif_rank_change"  # scores of the motif model
MOTIF_COLUMNS = ("variant", "track", "track_group", "scorer", "value", "status")
"""What this module reads of table `variant_effects`."""
MOTIF_ROWS = {"scorer": (_LARGEST_CHANGE, _CHANGE_OF_FAMILY), "status": ("ok",)}
"""... and in which rows, as `core.tables.read_table` takes them."""
_TENFOLD = 1.0  # log10 of the p-value of the best word
_NAMED_FACTORS = 3
_BLOCK = 4_000_000  # dealt PIPs held at a time: 32 MB


@dataclass(frozen=True, slots=True)
class MotifEffects:
    """What the motif model says of the variants of one disease.

    Attributes
    ----------
    scored
        Keys of the disease's variants that it has scored, each once.
    changes
        Columns variant, family, factor (of the motif that changes most) and value: motif families that each of them
        changes at least tenfold; each variant and family once.
    sites
        Columns family and factor: motifs of which any variant of the run has a site, each once.
    """

    scored: "pd.Series[str]"
    changes: pd.DataFrame
    sites: pd.DataFrame


def gather_motif_effects(tables: Iterable[pd.DataFrame], variants: "pd.Series[str]") -> MotifEffects:
    """Take from the motif model's rows what a disease's test needs; one table is in memory at a time.

    Parameters
    ----------
    tables
        `MOTIF_COLUMNS` of some or all variants of the run; rows of other models are passed over.
    variants
        Keys of the disease's variants.
    """
    none = pd.DataFrame({"variant": [], "family": [], "factor": []}, dtype="str").assign(value=0.0)
    scored, changes, sites = [none["variant"]], [none], [none[["family", "factor"]]]
    for table in tables:
        own = table[is_among(table["variant"], variants)]
        scored.append(own.loc[(own["scorer"] == _LARGEST_CHANGE) & (own["status"] == "ok"), "variant"])
        changes.append(changed_motifs(own))
        sites.append(_sites(table)[["family", "factor"]].drop_duplicates())
    return MotifEffects(
        scored=pd.concat(scored, ignore_index=True).drop_duplicates(),
        changes=_largest(pd.concat(changes, ignore_index=True)),  # a variant may have rows in several tables
        sites=pd.concat(sites, ignore_index=True).drop_duplicates(),
    )


def enrich_regulators(
    credible_sets: pd.DataFrame,
    loci: pd.DataFrame,
    motifs: MotifEffects,
    *,
    disease: str,
    permutations: int,
    seed: int,
    min_variants: int = 20,
    min_changes: int = 3,
) -> pd.DataFrame:
    """Test every motif family against one disease (schema REGULATORS), strongest first.

    The statistic is the share of the PIP of the disease's scored variants that lies on variants which change a motif of
    the family. Of loci that overlap the one with the most scored variants counts. `regulator` names the factors whose
    motifs change, most PIP first.

    Parameters
    ----------
    credible_sets, loci
        Variants and loci of the disease (schemas CREDIBLE_SETS and LOCI); variants without a PIP do not count.
    motifs
        Of the disease's variants. A family has a row when a variant of the run has a site of it; without any there is
        one row `none`.
    disease
        Written into every row.
    permutations, seed
        Number of times that the PIPs are dealt anew within each locus, and the seed of the draw.
    min_variants
        Scored variants that the tests need; with fewer, every family is `too_few_variants`.
    min_changes
        Scored variants with a changed motif that a test needs; a family with fewer is `too_few_changes`. Sequence
        alone decides this, not PIPs, so that the p-values of the others stay uniform.

    Raises
    ------
    ValueError
        If `permutations` is below 1.
    """
    if permutations < 1:
        raise ValueError(f"{permutations} permutations")
    variants = scored_variants(credible_sets, loci, motifs.scored)
    changes = motifs.changes.merge(variants, on="variant")
    families = name_families(motifs.sites, changes)
    if families.empty or variants.empty:
        return _not_scored(families, disease=disease)
    changed = _indicators(changes, variants, families.index)
    n_changes = np.asarray(changed.sum(axis=0), dtype=np.int64)
    verdicts = [_verdict(n, len(variants), min_changes, min_variants) for n in n_changes.tolist()]
    tested = np.array([status == "ok" for status, _ in verdicts], dtype=np.bool_)
    table = pd.DataFrame({"disease": disease, "regulator": families.to_numpy(), "family": families.index})
    table[["status", "reason"]] = verdicts
    table["n_variants"] = len(variants)
    top = {family: ",".join(by_pip(group)) for family, group in changes.groupby("family")}
    table["variants"] = table["family"].map(top)
    observed, shuffled = permute_pips(variants, changed[:, tested], permutations=permutations, seed=seed)
    for column, values in _statistics(observed, shuffled).items():
        table[column] = np.nan
        table.loc[tested, column] = values
    order = ["p_value", "z_score", "family"]
    table = table.sort_values(order, ascending=[True, False, True], na_position="last", ignore_index=True)
    return table[REGULATORS.names]


def scored_variants(credible_sets: pd.DataFrame, loci: pd.DataFrame, scored: "pd.Series[str]") -> pd.DataFrame:
    """Variants with a PIP that the motif model has scored, of overlapping loci those of the one with the most.

    Returns
    -------
    Columns group (number of the independent locus), variant and pip, each variant once; by group and variant.
    """
    known = credible_sets["pip"].notna() & is_among(credible_sets["variant"], scored)
    eligible = credible_sets.loc[known, ["locus", "variant", "pip"]].drop_duplicates(["locus", "variant"])
    counts = eligible.groupby("locus").size().rename("n").reset_index()
    counts["group"] = counts["locus"].map(overlap_groups(loci)).astype("int64")
    counts = counts.sort_values(["n", "locus"], ascending=[False, True]).drop_duplicates("group")
    chosen = eligible.merge(counts[["locus", "group"]], on="locus").sort_values(["group", "variant"])
    return chosen.drop_duplicates("variant")[["group", "variant", "pip"]].reset_index(drop=True)


def changed_motifs(variant_effects: pd.DataFrame) -> pd.DataFrame:
    """Motif families that each variant changes at least tenfold.

    Parameters
    ----------
    variant_effects
        Schema VARIANT_EFFECTS; rows of other models are passed over.

    Returns
    -------
    Columns variant, family, factor (of the motif that changes most) and value; each variant and family once.
    """
    sites = _sites(variant_effects)
    return _largest(sites[sites["value"].abs() >= _TENFOLD])


def _largest(changes: pd.DataFrame) -> pd.DataFrame:
    """Of each variant and family the motif that changes most."""
    ordered = changes.assign(size=-changes["value"].abs()).sort_values(["variant", "family", "size", "factor"])
    return ordered.drop_duplicates(["variant", "family"]).drop(columns="size").reset_index(drop=True)


def _sites(variant_effects: pd.DataFrame) -> pd.DataFrame:
    """Variant, family, factor and value of the motif model's scored sites; tracks are named `factor matrix_id`."""
    rows = variant_effects[(variant_effects["scorer"] == _CHANGE_OF_FAMILY) & (variant_effects["status"] == "ok")]
    factors = rows["track"].str.rsplit(" ", n=1).str[0]
    return pd.DataFrame(
        {"variant": rows["variant"], "family": rows["track_group"], "factor": factors, "value": rows["value"]}
    )


def name_families(sites: pd.DataFrame, changes: pd.DataFrame) -> "pd.Series[str]":
    """Name each family by at most three factors, those with the most PIP on variants that change their motif first.

    Names are in capitals, because the bank has motifs of human and of mouse factors.

    Parameters
    ----------
    sites
        Columns family and factor.
    changes
        Columns variant, family, factor and pip of the disease's variants.

    Returns
    -------
    Names joined by `/`, indexed by family, families in alphabetical order.
    """
    named = pd.concat([sites.assign(pip=0.0), changes[["family", "factor", "pip"]]], ignore_index=True)
    named["factor"] = named["factor"].str.upper()
    mass = named.groupby(["family", "factor"])["pip"].sum().round(12).reset_index()
    ordered = mass.sort_values(["family", "pip", "factor"], ascending=[True, False, True])
    first = ordered.groupby("family").head(_NAMED_FACTORS)
    joined = {str(family): "/".join(group["factor"]) for family, group in first.groupby("family")}
    return pd.Series(joined, dtype="str")


def permute_pips(
    variants: pd.DataFrame, changed: sparse.csr_array, *, permutations: int, seed: int
) -> tuple[Floats, Floats]:
    """Share of the PIP on changed motifs as it is, and with the PIPs dealt anew among the variants of each locus.

    Parameters
    ----------
    variants
        As `scored_variants` gives them.
    changed
        Shape (n_variants, n_families), 1 where the variant changes a motif of the family.

    Returns
    -------
    tuple
        float64 arrays of shape (n_families,) and (n_families, permutations).
    """
    generator = np.random.default_rng(seed)
    pips = variants["pip"].to_numpy(np.float64)
    shares = pips / max(pips.sum(), np.finfo(np.float64).tiny)
    shuffled = np.zeros((changed.shape[1], permutations))
    loci = list(stretches(variants["group"].to_numpy(np.int64)))
    for first, end in tracked(loci, unit="loci", label="permuting regulators"):
        here = changed[first:end]
        block = max(1, _BLOCK // (end - first))
        for start in range(0, permutations, block):
            stop = min(start + block, permutations)
            dealt = generator.permuted(np.tile(shares[first:end], (stop - start, 1)), axis=1)
            shuffled[:, start:stop] += np.asarray(dealt @ here).T
    return np.asarray(shares @ changed, dtype=np.float64), shuffled


def _statistics(observed: Floats, shuffled: Floats) -> dict[str, Floats]:
    """Columns of the test; z is missing where all permutations agree."""
    compared = compare_with_permutations(observed, shuffled)
    sd = shuffled.std(axis=1)
    difference = observed - compared["expected"]
    z = np.divide(difference, sd, out=np.full_like(observed, np.nan), where=sd > 0)
    of_test = {name: compared[name] for name in ("observed", "expected", "p_value", "q_value")}
    return of_test | {"background_sd": sd, "z_score": z}


def _indicators(changes: pd.DataFrame, variants: pd.DataFrame, families: "pd.Index[str]") -> sparse.csr_array:
    """1 where a variant (row) changes a motif of a family (column)."""
    rows = pd.Index(variants["variant"]).get_indexer(pd.Index(changes["variant"]))
    columns = families.get_indexer(pd.Index(changes["family"]))
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(variants), len(families)))


def _verdict(n_changes: int, n_variants: int, min_changes: int, min_variants: int) -> tuple[str, str]:
    """Status and reason of one family."""
    if n_variants < min_variants:
        return TOO_FEW_VARIANTS, f"{n_variants} variants of the disease have scores; a test needs {min_variants}"
    if n_changes < min_changes:
        return TOO_FEW_CHANGES, f"{n_changes} scored variants change a motif of the family; a test needs {min_changes}"
    return "ok", ""


def _not_scored(families: "pd.Series[str]", *, disease: str) -> pd.DataFrame:
    """Rows without a test for a disease none of whose variants has a motif score."""
    reason = "the run has no motif model, or no variant of the run has a site of any motif"
    if len(families):
        reason = "no variant of the disease has a PIP and a score of the motif model"
    named = list(families.items()) if len(families) else [(None, NO_REGULATOR)]
    return REGULATORS.frame(
        {
            "disease": disease,
            "regulator": regulator,
            "family": family,
            "n_variants": 0,
            "status": NOT_SCORED,
            "reason": reason,
        }
        for family, regulator in named
    )
