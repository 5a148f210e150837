"""Harmonisation: from a source's rows to one canonical table, with what became of every row.

Effect allele = ALT on the run's build, REF checked against the genome, indels left-normalised, one row per variant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.core.schemas import DISPOSITIONS, IMPORTED_VARIANTS, QTL, SUMSTATS
from locus2target.core.tables import TableSchema
from locus2target.core.variants import variant_keys
from locus2target.ingest.alleles import AlleleDictionary, IntArray, encode_alleles
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.association import Association, complete_association, effective_sample_size
from locus2target.ingest.canonical import (
    attach_statistics,
    normalize_indels,
    orient_alleles,
    sort_variants,
    withdraw_duplicates,
)
from locus2target.ingest.dispositions import Disposition, Ledger
from locus2target.ingest.genome import Genome, check_build
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.orientation import (
    Agreement,
    Sites,
    StudyOrientation,
    compare_with_genome,
    infer_orientation,
    refuse_mismatch,
    settle_orientation,
)
from locus2target.ingest.placement import canonical_chromosomes, lift_sites, settle_outside, settle_outside_regions
from locus2target.ingest.quality import (
    check_orientation,
    check_reading,
    check_table,
    check_values,
    compare_z_and_p,
    possible_values,
    qc_table,
    refuse_mistaken_columns,
)
from locus2target.ingest.readers import RawTable

_LARGEST_POSITION = 2**31 - 1  # of VCF and BED
STUDY, QTL_SET, CREDIBLE_SETS = "study", "qtl", "credible_sets"
_SCHEMAS: Mapping[str, TableSchema] = {STUDY: SUMSTATS, QTL_SET: QTL, CREDIBLE_SETS: IMPORTED_VARIANTS}
_DISTINGUISHING: Mapping[str, tuple[str, ...]] = {
    STUDY: (),
    QTL_SET: ("gene_id", "phenotype_id", "tissue"),
    CREDIBLE_SETS: ("credible_set",),
}
"""Columns that, besides the variant, tell rows apart which are no copies of one another."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the sheets say about one study or QTL set.

    Attributes
    ----------
    name, kind
        Id, and `study`, `qtl`, or `credible_sets` for a study that comes fine-mapped.
    where
        Name of sheet row and file, for messages.
    build
        Build of the source.
    declared_forward
        Whether the sheet vouches for the forward strand.
    n_samples, n_cases, n_controls
        People; `None` when not given.
    case_control
        Whether effects are log odds of a disease.
    tissue
        Of a QTL set; `None` when the file has a column.
    """

    name: str
    kind: str
    where: str
    build: str
    declared_forward: bool
    n_samples: float | None
    n_cases: float | None
    n_controls: float | None
    case_control: bool
    tissue: str | None


@dataclass(frozen=True, slots=True)
class HarmonizationSettings:
    """Run's build and limits, see `harmonization` in config/config.yaml; and the regions the study is restricted to."""

    build: str
    max_ref_mismatch: float
    min_strand_variants: int
    regions: Sequence[Region] | None = None

    @classmethod
    def from_config(cls, settings: Mapping[str, Any], *, regions: Sequence[Region] | None = None) -> Self:
        """Settings of the config's `harmonization` with the run's `build` beside them."""
        return cls(settings["build"], settings["max_ref_mismatch"], settings["min_strand_variants"], regions)


@dataclass(frozen=True, slots=True)
class Harmonized:
    """Canonical table (`SUMSTATS`, `QTL`, `IMPORTED_VARIANTS`); `DISPOSITIONS` in source order; `HARMONIZATION_QC`."""

    table: pd.DataFrame
    dispositions: pd.DataFrame
    qc: pd.DataFrame


def study_source(row: Mapping[str, Any], path: str) -> Source:
    """Source of a row of studies.tsv."""
    return Source(
        name=row["study"],
        kind=CREDIBLE_SETS if row["format"] == CREDIBLE_SETS else STUDY,
        where=f"study {row['study']} ({path})",
        build=row["build"],
        declared_forward=row["strand"] == "forward",
        n_samples=row["n_samples"],
        n_cases=row["n_cases"],
        n_controls=row["n_controls"],
        case_control=row["trait_type"] == "case_control",
        tissue=None,
    )


def qtl_source(row: Mapping[str, Any], path: str) -> Source:
    """Source of a row of qtls.tsv."""
    return Source(
        name=row["qtl"],
        kind=QTL_SET,
        where=f"QTL set {row['qtl']} ({path})",
        build=row["build"],
        declared_forward=row["strand"] == "forward",
        n_samples=row["n_samples"],
        n_cases=None,
        n_controls=None,
        case_control=False,
        tissue=row["tissue"],
    )


@dataclass(frozen=True, slots=True)
class _Values:
    """What the rows say, checked: statistics, and alleles as codes; arrays of shape (n_rows,)."""

    association: Association
    further: pd.DataFrame  # columns of a QTL set or of credible sets; none for a GWAS
    alleles: AlleleDictionary
    other: IntArray
    effect: IntArray


@dataclass(frozen=True, slots=True)
class _Context:
    """What the phases of one harmonisation share."""

    raw: RawTable
    genome: Genome
    chain: ChainFile | None
    source: Source
    settings: HarmonizationSettings
    ledger: Ledger


def harmonize_source(
    raw: RawTable, genome: Genome, *, chain: ChainFile | None, source: Source, settings: HarmonizationSettings
) -> Harmonized:
    """Harmonise all rows of a study or QTL set.

    Parameters
    ----------
    raw
        Rows as the reader gives them.
    genome
        Sequence of the run's build.
    chain
        From the source's build to the run's; needed only where they differ.
    source, settings
        What the sheets and the config say.

    Returns
    -------
    Harmonized
        Without rows where the source has none in the regions that are wanted.

    Raises
    ------
    InputError
        If the source cannot be what the sheet says it is (build, columns), or no row can be kept.
    """
    if raw.contig_lengths:
        check_build(raw.contig_lengths, source.build, where=source.where)
    ledger = Ledger(len(raw.frame))
    context = _Context(raw, genome, chain, source, settings, ledger)
    if raw.regions is not None and raw.frame.empty:
        return _nothing_inside(DISPOSITIONS.empty(), context)
    values = _check_rows(context)
    z_checks = compare_z_and_p(raw, values.association, ledger.open_rows(), where=source.where)
    rows, sites = _place(values, context)
    if not len(rows) and ledger.has(Disposition.OUTSIDE_REGIONS).any():
        return _nothing_inside(_disposition_table(_SCHEMAS[source.kind].empty().assign(row=rows), context), context)
    agreement, study = _orient(rows, sites, context)
    _require_kept(context)
    kept = ledger.kept()[rows]
    table = attach_statistics(orient_alleles(sites, agreement, rows)[kept], _statistics(values, raw, source))
    table = sort_variants(normalize_indels(table, genome), then=_DISTINGUISHING[source.kind])
    table["variant"] = variant_keys(table)
    withdraw_duplicates(table, ledger)
    dispositions = _disposition_table(table, context)
    table = table[ledger.kept()[table["row"].to_numpy()]]
    _require_kept(context)
    checks = [
        *check_reading(raw),
        *check_orientation(study),
        *z_checks,
        *check_values(raw, ledger),
        *check_table(table),
    ]
    names = _SCHEMAS[source.kind].names
    return Harmonized(
        table[names].reset_index(drop=True), dispositions, qc_table(source.name, source.kind, ledger, checks)
    )


def _nothing_inside(dispositions: pd.DataFrame, context: _Context) -> Harmonized:
    """No row, as the source has none in the regions that are wanted."""
    source = context.source
    checks = qc_table(source.name, source.kind, context.ledger, check_reading(context.raw))
    return Harmonized(_SCHEMAS[source.kind].empty(), dispositions, checks)


# ---- what the rows say -------------------------------------------------------------------------------------------


def _check_rows(context: _Context) -> _Values:
    """Settle rows without usable values; refuse a file whose columns were mistaken."""
    raw, ledger, kind = context.raw, context.ledger, context.source.kind
    frame = raw.frame
    ledger.settle(frame["is_header"].to_numpy(bool), Disposition.HEADER_ROW)
    ledger.settle(frame[["chromosome", "position"]].isna().any(axis=1).to_numpy(), Disposition.MISSING_POSITION)
    ledger.settle(frame[["effect_allele", "other_allele"]].isna().any(axis=1).to_numpy(), Disposition.MISSING_ALLELE)
    further = frame[[]]
    if kind == QTL_SET:
        further = _molecular_traits(raw, context.source, ledger)
    elif kind == CREDIBLE_SETS:
        further = _fine_mapped(frame, ledger)
    position = frame["position"].to_numpy(np.float64)
    possible = (position >= 1) & (position <= _LARGEST_POSITION) & (position == np.floor(position))
    ledger.settle(~possible, Disposition.INVALID_POSITION)
    if not len(ledger.open_rows()):
        _require_kept(context)
    alleles, (other, effect) = encode_alleles(frame["other_allele"], frame["effect_allele"])
    ledger.settle(~(alleles.valid[other] & alleles.valid[effect]) | (other == effect), Disposition.INVALID_ALLELE)
    association = complete_association(frame, ledger, required=kind != CREDIBLE_SETS)
    refuse_mistaken_columns(raw, ledger, where=context.source.where)
    return _Values(association, further, alleles, other, effect)


def _molecular_traits(raw: RawTable, source: Source, ledger: Ledger) -> pd.DataFrame:
    """Gene without version, molecular trait (the gene where there is no other) and tissue of each row.

    Rows without gene or tissue are settled.

    Raises
    ------
    InputError
        If the file has no gene column, or neither file nor sheet says the tissue.
    """
    frame = raw.frame
    if "gene_id" not in frame:
        raise InputError("no column gives gene_id", where=source.where, remedy="Map gene_id in the sheet's `columns`.")
    if source.tissue is None and "tissue" not in frame:
        raise InputError(
            "neither the sheet nor a column says the tissue",
            where=source.where,
            remedy="Fill in `tissue` in the sheet.",
        )
    gene = stable_gene_ids(frame["gene_id"])
    tissue = frame["tissue"] if source.tissue is None else pd.Series(source.tissue, index=frame.index, dtype="str")
    trait = frame["phenotype_id"].fillna(gene) if "phenotype_id" in frame else gene
    ledger.settle(gene.isna().to_numpy(), Disposition.MISSING_GENE)
    ledger.settle(tissue.isna().to_numpy(), Disposition.MISSING_TISSUE)
    return pd.DataFrame({"gene_id": gene, "phenotype_id": trait, "tissue": tissue})


def _fine_mapped(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """PIP, credible set and region of each row; rows without a possible PIP are settled."""
    pip = frame["pip"].to_numpy(np.float64)
    ledger.settle(np.isnan(pip), Disposition.MISSING_PIP)
    ledger.settle(~((pip >= 0.0) & (pip <= 1.0)), Disposition.INVALID_PIP)
    region = frame["region"] if "region" in frame else pd.Series(np.nan, index=frame.index, dtype="str")
    return frame[["pip", "credible_set"]].assign(region=region)


def _statistics(values: _Values, raw: RawTable, source: Source) -> pd.DataFrame:
    """Statistics of every raw row, per effect allele; frequencies and sizes that cannot be are missing."""
    frame, association = raw.frame, values.association
    frequency, stated = (possible_values(frame, name) for name in ("effect_allele_frequency", "minor_allele_frequency"))
    known = np.where(np.isnan(frequency), stated, frequency)
    return pd.DataFrame(
        {
            "rsid": frame["rsid"],
            "beta": association.beta,
            "standard_error": association.standard_error,
            "z_score": association.z_score,
            "neg_log10_p": association.neg_log10_p,
            "alt_frequency": frequency,
            "minor_allele_frequency": np.minimum(known, 1.0 - known),
            "n_effective": _sample_sizes(frame, source),
            **dict(values.further.items()),
        }
    )


def _sample_sizes(frame: pd.DataFrame, source: Source) -> npt.NDArray[np.float64]:
    """Effective sample size of each row; a case-control study that counts no cases gives effective sizes itself."""
    n = possible_values(frame, "n")
    total = np.nan if source.n_samples is None else source.n_samples
    if not source.case_control:
        return np.where(np.isnan(n), total, n)
    n_cases, fraction = possible_values(frame, "n_cases"), np.nan
    if source.n_cases is not None and source.n_controls is not None:
        total = source.n_cases + source.n_controls
        fraction = source.n_cases / total
    return effective_sample_size(np.where(np.isnan(n), total, n), n_cases, case_fraction=fraction)


# ---- where the rows lie, and which allele is REF -----------------------------------------------------------------


def _place(values: _Values, context: _Context) -> tuple[IntArray, Sites]:
    """Sites on the run's build of the rows that are still open."""
    frame, source, settings, ledger = context.raw.frame, context.source, context.settings, context.ledger
    rows = ledger.open_rows()
    position = frame["position"].to_numpy(np.float64)[rows].astype(np.int64)
    chromosome = canonical_chromosomes(frame["chromosome"].iloc[rows])
    sites = Sites(chromosome, position, position, values.other[rows], values.effect[rows], values.alleles)
    if source.build != settings.build:
        sites = lift_sites(sites, _fitting_chain(context), rows, ledger)
        rows, sites = _still_open(rows, sites, ledger)
    settle_outside(sites, context.genome, rows, ledger)
    if settings.regions is not None:
        settle_outside_regions(sites, settings.regions, rows, ledger)
    return _still_open(rows, sites, ledger)


def _still_open(rows: IntArray, sites: Sites, ledger: Ledger) -> tuple[IntArray, Sites]:
    is_open = np.isin(rows, ledger.open_rows(), assume_unique=True)
    return rows[is_open], sites.take(is_open)


def _fitting_chain(context: _Context) -> ChainFile:
    source, run_build = context.source, context.settings.build
    if context.chain is None:
        raise InputError(
            f"its build is {source.build}, the run's is {run_build}, and there is no chain file to lift it over",
            where=source.where,
            remedy=f"Name a {source.build} to {run_build} chain file under genome.chains in the config.",
        )
    check_build(context.chain.source_lengths, source.build, where=f"chain file of {source.where}")
    check_build(context.chain.target_lengths, run_build, where=f"chain file of {source.where}")
    return context.chain


def _orient(rows: IntArray, sites: Sites, context: _Context) -> tuple[npt.NDArray[np.int8], StudyOrientation]:
    """Settle every open row by its agreement with the genome, and by what the whole study proves."""
    source, settings = context.source, context.settings
    agreement = compare_with_genome(sites, context.genome)
    study = infer_orientation(
        sites,
        agreement,
        declared_forward=source.declared_forward,
        names_ref=context.raw.names_ref,
        min_variants=settings.min_strand_variants,
    )
    refuse_mismatch(
        study,
        max_mismatch=settings.max_ref_mismatch,
        min_variants=settings.min_strand_variants,
        example=_mismatch_example(rows, sites, agreement, context),
        build=settings.build,
        where=source.where,
    )
    return settle_orientation(sites, agreement, study, rows, context.ledger), study


def _mismatch_example(rows: IntArray, sites: Sites, agreement: npt.NDArray[np.int8], context: _Context) -> str:
    suspects = np.flatnonzero(
        np.isin(agreement, (Agreement.NEITHER, Agreement.COMPLEMENT, Agreement.COMPLEMENT_SWAPPED))
    )
    if not len(suspects):
        return "none"
    site = int(suspects[0])
    raw_row = context.raw.frame.iloc[int(rows[site])]
    chromosome, position = str(sites.chromosome[site]), int(sites.first_position[site])
    sequence = context.genome.fetch(chromosome, position - 1, position + 4)
    return f"row {raw_row['row']} ({raw_row['source_variant']}), where the genome reads {sequence}"


# ---- what became of them -----------------------------------------------------------------------------------------


def _disposition_table(table: pd.DataFrame, context: _Context) -> pd.DataFrame:
    """Table `dispositions`: every source row in order; rows that were dropped as duplicates keep their key."""
    frame, ledger = context.raw.frame, context.ledger
    keys = np.full(len(frame), None, dtype=object)
    keys[table["row"].to_numpy()] = table["variant"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "row": frame["row"],
            "source_variant": frame["source_variant"],
            "variant": pd.Series(keys, dtype="str"),
            "disposition": ledger.words(),
            "kept": ledger.kept(),
        }
    )


def _require_kept(context: _Context) -> None:
    if context.ledger.kept().any():
        return
    counts = context.ledger.counts()
    reasons = "; ".join(f"{count} x {word.value} ({word.sentence})" for word, count in counts.items())
    names = ""
    if Disposition.UNKNOWN_CHROMOSOME in counts:
        theirs = sorted(context.raw.frame["chromosome"].dropna().unique())
        names = f" Its chromosomes are {_some(theirs)}; the genome's are {_some(list(context.genome.lengths))}."
    raise InputError(
        f"no row can be kept: {reasons}",
        where=context.source.where,
        remedy="Check file, build and columns in the sheet." + names,
    )


def _some(names: list[str]) -> str:
    return ", ".join(map(str, names[:10])) + (", ..." if len(names) > 10 else "")
