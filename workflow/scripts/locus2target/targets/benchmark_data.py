"""Benchmark loci with a known target gene, as candidate genes with distances.

Truth tables come in two shapes: with credible sets (`trait, credible_set_id, chromosome, lead_position, gene`, the
position 0-based as in the credible sets) or with lead variants only (`trait, chromosome, position, gene`, 1-based).
Inside, every position is 1-based.
"""

import zlib
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.targets.signal_shares import SOFTENING_BP

WINDOW_BP = 500_000
"""Largest distance from the lead variant to a candidate's transcription start (Weeks et al. 2023)."""
OK, NO_CANDIDATES, NOT_CANDIDATE = "ok", "no_candidates", "target_not_candidate"

_TRUTH_SETS = ("trait", "credible_set_id", "chromosome", "lead_position", "gene")
_TRUTH_LEADS = ("trait", "chromosome", "position", "gene")
# coding_gene, splice_site, splice_gene, promoter and the posterior effects are not even read
_SET_COLUMNS = ("trait", "credible_set_id", "chromosome", "position_0based_start", "allele1", "allele2", "pip")
_SET_TABLE = ("trait", "credible_set_id", "chromosome", "position", "allele1", "allele2", "pip", "has_coding")
_GENE_COLUMNS = ("#chr", "start", "end", "name", "strand", "Ensembl_ID", "gene_type")
_BODY_COLUMNS = ("body_start", "body_end")
_GOLD_COLUMNS = {
    "trait_info.standard_trait_name": "trait",
    "trait_info.reported_trait_name": "reported",
    "sentinel_variant.locus_GRCh38.chromosome": "chromosome",
    "sentinel_variant.locus_GRCh38.position": "position",
    "gold_standard_info.gene_id": "gene",
    "gold_standard_info.highest_confidence": "confidence",
}
_LOCUS = ["locus", "trait", "credible_set_id", "chromosome", "position"]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Loci with a known target, and what may be known about them.

    Attributes
    ----------
    candidates
        One row per locus and candidate gene, in the order of the loci, then of the gene ids: locus, trait,
        credible_set_id (missing without credible sets), chromosome, gene (id), gene_symbol, is_target, tss_distance
        (lead to TSS, bases), mean_log10_tss_distance (PIP-weighted mean of log10(distance + 1 kb)), body_distance and
        mean_log10_body_distance (the same to the gene body, 0 inside; missing when the gene file has no bodies).
    variants
        Variants of each locus' own credible set, or its lead variant: locus, chromosome, position (1-based), allele1,
        allele2 (missing for a lead variant), weight (PIP over the sum of the set's PIPs).
    loci
        locus, trait, credible_set_id, chromosome, position (of the lead), n_candidates, status and reason
        (`target_not_candidate`: a locus that no method can get right; `no_candidates`: one without rows above).
    targets
        locus and gene, one row per known target, also of targets that are not candidates.
    """

    candidates: pd.DataFrame
    variants: pd.DataFrame
    loci: pd.DataFrame
    targets: pd.DataFrame


def build_benchmark(
    truth: pd.DataFrame,
    genes: pd.DataFrame,
    credible_sets: pd.DataFrame | None = None,
    *,
    gene_types: Collection[str] = ("protein_coding",),
    window_bp: int = WINDOW_BP,
) -> Benchmark:
    """List the candidate genes of each locus, with their distances.

    The truth is defined by a coding signal of the same trait next to the locus, so nothing returned may show that
    signal: consequence columns are never read (`read_credible_sets`), and of the variants of a locus' chromosome only
    those of its own credible set are returned, which has no coding variant by the rule of the benchmark.

    Parameters
    ----------
    truth
        From `read_truth` or `read_gold_standards`.
    genes
        From `read_genes`.
    credible_sets
        From `read_credible_sets`; needed when the truth names credible sets.
    gene_types
        Biotypes that may be candidates.
    window_bp
        Largest distance from the lead variant to the transcription start, inclusive, bases.

    Raises
    ------
    InputError
        If the truth has no row, a credible set of it is absent, a locus has two lead positions, or a symbol of the
        truth belongs to several genes.
    """
    if truth.empty:
        raise InputError("has no row", where="truth table", remedy="Give at least one locus with its target gene.")
    loci = truth[_LOCUS].drop_duplicates().reset_index(drop=True)
    _check_one_lead(loci)
    targets = truth.assign(gene=_gene_ids(truth["gene"], genes))[["locus", "gene"]].drop_duplicates(ignore_index=True)
    variants = _own_variants(loci, credible_sets)
    allowed = genes[genes["gene_type"].isin(list(gene_types))].sort_values("gene_id")
    on_chromosome = {str(name): group for name, group in allowed.groupby("chromosome")}
    variants_of = {str(name): group for name, group in variants.groupby("locus")}
    parts = [
        _candidates_of(locus, on_chromosome.get(locus["chromosome"], allowed.head(0)), variants_of, window_bp)
        for locus in loci.to_dict("records")
    ]
    candidates = pd.concat(parts, ignore_index=True)
    known = pd.MultiIndex.from_frame(targets)
    candidates.insert(6, "is_target", pd.MultiIndex.from_frame(candidates[["locus", "gene"]]).isin(known))
    return Benchmark(candidates, variants, _with_status(loci, candidates), targets)


def signals_elsewhere(credible_sets: pd.DataFrame, *, trait: str, chromosome: str) -> pd.DataFrame:
    """Give a trait's credible sets on the other chromosomes: what may be learned from for a locus of this one.

    Leaving out the whole chromosome also leaves out the coding signal that defines the locus' truth.
    """
    of_trait = credible_sets["trait"] == trait
    elsewhere = credible_sets["chromosome"] != canonical_chromosome(chromosome)
    return credible_sets[of_trait & elsewhere].reset_index(drop=True)


def read_credible_sets(paths: Sequence[Path]) -> pd.DataFrame:
    """Read variants of credible sets: trait, credible_set_id, chromosome, position (1-based), alleles, pip, has_coding.

    A coding signal of the same trait is the truth, so what a variant does to which gene (coding_gene, splice,
    promoter) is never read. `has_coding` says of the whole set whether any of its variants is coding (column `coding`;
    true where the column is absent, since it cannot be ruled out): features of a locus must leave such sets of its
    trait and chromosome out, see `ranking_features` and `signals_elsewhere`.

    Raises
    ------
    InputError
        If a file or column is missing, a position is no whole number, a PIP is not within 0..1, or `coding` is neither
        True nor False.
    """
    frames = []
    for path in paths:
        frame = _read(path, _SET_COLUMNS, optional=("coding",))
        frame["position"] = _whole_numbers(frame, "position_0based_start", path) + 1
        pips = pd.to_numeric(frame["pip"], errors="coerce")
        _refuse(frame, "pip", ~pips.between(0.0, 1.0), path, "a number from 0 to 1")
        frames.append(frame.assign(pip=pips.astype(np.float64), coding=_coding(frame, path)))
    variants = pd.concat(frames, ignore_index=True)
    variants["has_coding"] = variants.groupby(["trait", "credible_set_id", "chromosome"])["coding"].transform("any")
    return variants[list(_SET_TABLE)]


def _coding(frame: pd.DataFrame, path: Path) -> "pd.Series[bool]":
    if "coding" not in frame:
        return pd.Series(True, index=frame.index)
    words = frame["coding"].str.lower()
    _refuse(frame, "coding", ~words.isin(["true", "false"]), path, "True or False")
    return words == "true"


def read_genes(path: Path) -> pd.DataFrame:
    """Read one start region per gene (BED with a header); the transcription start is the middle of the region.

    Returns
    -------
    gene_id (without version), gene_symbol, chromosome, tss (1-based), body_start (0-based), body_end, strand and
    gene_type. Bodies are missing (NaN) unless the file has the columns `body_start` and `body_end`.

    Raises
    ------
    InputError
        If the file or a column is missing, a coordinate is no whole number, or a gene is there twice.
    """
    frame = _read(path, _GENE_COLUMNS, chromosome="#chr", optional=_BODY_COLUMNS)
    has_bodies = set(_BODY_COLUMNS) <= set(frame.columns)
    middle = (_whole_numbers(frame, "start", path) + _whole_numbers(frame, "end", path)) // 2
    genes = pd.DataFrame(
        {
            "gene_id": frame["Ensembl_ID"].str.split(".").str[0],
            "gene_symbol": frame["name"],
            "chromosome": frame["chromosome"],
            "tss": middle + 1,
        }
        | {name: _whole_numbers(frame, name, path).astype(float) if has_bodies else np.nan for name in _BODY_COLUMNS}
        | {"strand": frame["strand"], "gene_type": frame["gene_type"]}
    )
    _refuse(frame, "Ensembl_ID", genes["gene_id"].duplicated(), path, "there once")
    return genes


def read_truth(path: Path) -> pd.DataFrame:
    """Read known targets, with credible sets or with lead variants only (the header says which).

    Returns
    -------
    locus, trait, credible_set_id (missing for lead variants), chromosome, position (1-based) and gene (symbol or id).

    Raises
    ------
    InputError
        If the file or a column is missing, or a position is no whole number.
    """
    header = _header(path)
    names = _TRUTH_SETS if "credible_set_id" in header else _TRUTH_LEADS
    frame = _read(path, names)
    if names is _TRUTH_SETS:
        frame["position"] = _whole_numbers(frame, "lead_position", path) + 1
    else:
        frame["position"] = _whole_numbers(frame, "position", path)
        frame["credible_set_id"] = None
    return _with_locus(frame)[[*_LOCUS, "gene"]]


def read_gold_standards(path: Path, *, confidences: Collection[str] = ("High", "Medium")) -> pd.DataFrame:
    """Read the Open Targets gold standards: GRCh38 sentinel, gene id and trait of the rows of these confidences.

    Rows that say the same (one sentinel, trait and gene from several curators) are read once, with the first's
    confidence; a trait without a standard name goes by its reported name.

    Returns
    -------
    As `read_truth`, and `confidence`.

    Raises
    ------
    InputError
        If the file or a column is missing, or a position is no whole number.
    """
    raw = _read(path, tuple(_GOLD_COLUMNS), chromosome="sentinel_variant.locus_GRCh38.chromosome")
    frame = raw.rename(columns={name: new for name, new in _GOLD_COLUMNS.items() if new != "chromosome"})
    frame = frame[frame["confidence"].isin(list(confidences))].reset_index(drop=True)
    frame["trait"] = frame["trait"].where(~frame["trait"].isin(["", "NA"]), frame["reported"])
    frame["position"] = _whole_numbers(frame, "position", path)
    frame["credible_set_id"] = None
    located = _with_locus(frame)[[*_LOCUS, "gene", "confidence"]]
    return located.drop_duplicates(["locus", "gene"], ignore_index=True)


def _with_locus(frame: pd.DataFrame) -> pd.DataFrame:
    """Name each locus `trait|credible set`, or `trait|chromosome:position` without credible sets."""
    position = frame["chromosome"] + ":" + frame["position"].astype(str)
    return frame.assign(locus=frame["trait"] + "|" + frame["credible_set_id"].fillna(position))


def _check_one_lead(loci: pd.DataFrame) -> None:
    twice = loci.loc[loci["locus"].duplicated(), "locus"]
    if len(twice):
        raise InputError(
            f"{twice.iloc[0]} has more than one lead variant",
            where="truth table",
            remedy="Give each credible set of a trait one chromosome and lead position.",
        )


def _gene_ids(names: pd.Series, genes: pd.DataFrame) -> list[str]:
    """Ids of genes named by id or symbol; a name that no gene has stays as it is."""
    bare = names.str.replace(r"^(ENSG\d+)\.\d+$", r"\1", regex=True)
    by_symbol = genes.loc[genes["gene_symbol"].isin(bare), ["gene_symbol", "gene_id"]]
    twice = by_symbol.loc[by_symbol["gene_symbol"].duplicated(), "gene_symbol"]
    if len(twice):
        raise InputError(
            f"{twice.iloc[0]} is the symbol of several genes",
            where="truth table",
            remedy="Name this target by its Ensembl id.",
        )
    ids = dict(by_symbol.itertuples(index=False, name=None))
    return [ids.get(name, name) for name in bare]


def _own_variants(loci: pd.DataFrame, credible_sets: pd.DataFrame | None) -> pd.DataFrame:
    """Variants of each locus' own credible set with weights that add up to 1; the lead variant where there is none."""
    columns = ["locus", "chromosome", "position", "allele1", "allele2", "weight"]
    has_set = loci["credible_set_id"].notna()
    leads = loci[~has_set].assign(allele1=None, allele2=None, weight=1.0)[columns]
    if not has_set.any():
        return leads.reset_index(drop=True)
    if credible_sets is None:
        raise InputError(
            "the truth table names credible sets, and no file with credible sets is given",
            where="truth table",
            remedy="Give the credible sets, or a truth table with the columns trait, chromosome, position, gene.",
        )
    keys = ["trait", "credible_set_id", "chromosome"]
    found = loci.loc[has_set, ["locus", *keys]].merge(credible_sets, on=keys, how="left")
    totals = found.groupby("locus")["pip"].transform("sum")
    if (totals <= 0).any():  # an absent set has one row without a PIP, whose sum is 0
        raise InputError(
            f"{found.loc[totals <= 0, 'locus'].iloc[0]} has no variant with a PIP above 0",
            where="credible sets",
            remedy="Give the file that holds this trait and credible set, or drop the row of the truth table.",
        )
    weighted = found.assign(weight=found["pip"] / totals)[columns]
    return weighted if leads.empty else pd.concat([weighted, leads], ignore_index=True)


def _candidates_of(
    locus: Mapping[Hashable, Any], genes: pd.DataFrame, variants_of: Mapping[str, pd.DataFrame], window_bp: int
) -> pd.DataFrame:
    """Rows of one locus, without the truth."""
    lead = np.array([locus["position"]], dtype=np.int64)
    near = genes[np.abs(genes["tss"] - lead[0]) <= window_bp]
    variants = variants_of[locus["locus"]]
    positions, weights = variants["position"].to_numpy(np.int64), variants["weight"].to_numpy(np.float64)
    tss = near["tss"].to_numpy(np.float64)
    first, last = near["body_start"].to_numpy(np.float64) + 1, near["body_end"].to_numpy(np.float64)
    names = {name: locus[name] for name in ("locus", "trait", "credible_set_id", "chromosome")}
    columns = {
        "gene": near["gene_id"].to_numpy(),
        "gene_symbol": near["gene_symbol"].to_numpy(),
        "tss_distance": _distances(tss, tss, lead)[:, 0],
        "mean_log10_tss_distance": _mean_log10(_distances(tss, tss, positions), weights),
        "body_distance": _distances(first, last, lead)[:, 0],
        "mean_log10_body_distance": _mean_log10(_distances(first, last, positions), weights),
    }
    return pd.DataFrame(columns).assign(**names)[[*names, *columns]].astype({"credible_set_id": "object"})


def _distances(
    first: npt.NDArray[np.float64], last: npt.NDArray[np.float64], positions: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Bases from each position to each stretch of bases `first` to `last` (1-based, inclusive), 0 inside.

    Shape (genes, positions); NaN for a stretch that is not known.
    """
    before, after = first[:, None] - positions[None, :], positions[None, :] - last[:, None]
    return np.maximum(np.maximum(before, after), 0.0)


def _mean_log10(distances: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mean: npt.NDArray[np.float64] = np.log10(distances + SOFTENING_BP) @ weights
    return mean


def _with_status(loci: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Count candidates, and say which loci have none or not the target."""
    per_locus = candidates.groupby("locus")["is_target"].agg(["size", "any"]).reindex(loci["locus"])
    counts = per_locus["size"].fillna(0).to_numpy(np.int64)
    hit = per_locus["any"].eq(True).to_numpy()
    status = np.select([counts == 0, ~hit], [NO_CANDIDATES, NOT_CANDIDATE], OK)
    reasons = {
        OK: "",
        NO_CANDIDATES: "no gene of the allowed types starts within the window",
        NOT_CANDIDATE: "the known target is not of the allowed types, starts beyond the window or is unknown",
    }
    return loci.assign(n_candidates=counts, status=status, reason=[reasons[str(name)] for name in status])


def _parse(path: Path, **options: Any) -> pd.DataFrame:
    """Read a tab-separated table as text."""
    try:
        table: pd.DataFrame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, **options)
    except (OSError, EOFError, zlib.error, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise InputError(
            f"cannot be read as a table: {error}", where=str(path), remedy="Give a tab-separated file with a header."
        ) from error
    return table


def _header(path: Path) -> list[str]:
    return [str(name) for name in _parse(path, nrows=0).columns]


def _read(
    path: Path, columns: Sequence[str], *, chromosome: str = "chromosome", optional: Sequence[str] = ()
) -> pd.DataFrame:
    """Read columns as text, with `chromosome` in the one spelling used inside."""
    header = _header(path)
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"lacks the column {', '.join(missing)} (found: {', '.join(header)})",
            where=str(path),
            remedy=f"Give a tab-separated file with the columns {', '.join(columns)}.",
        )
    wanted = [*columns, *(name for name in optional if name in header)]
    frame = _parse(path, usecols=wanted)
    spelling = {name: canonical_chromosome(name) for name in frame[chromosome].unique()}
    return frame.assign(chromosome=frame[chromosome].map(spelling))


def _whole_numbers(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    _refuse(frame, column, ~frame[column].str.fullmatch(r"\d{1,12}"), path, "a whole number of 0 or more")
    return frame[column].astype(np.int64)


def _refuse(frame: pd.DataFrame, column: str, wrong: pd.Series, path: Path, expected: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{column} is {frame[column].iloc[row]!r} in data row {row + 1}, expected {expected}",
            where=str(path),
            remedy="Correct the row or take it out.",
        )
