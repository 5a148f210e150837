"""The tables of a finished run, as the report reads them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from locus2target.core import schemas
from locus2target.core.tables import Record, TableSchema, read_table, read_tables, records
from locus2target.targets.ranking import CONFIDENT


@dataclass(frozen=True, slots=True)
class TableParts:
    """A table that grows with the variants of a run: one of its files is in memory at a time.

    Attributes
    ----------
    paths
        Files of the table; the rows of a locus are in one of them.
    schema
        What each holds.
    """

    paths: tuple[str | Path, ...]
    schema: TableSchema

    def read(
        self, columns: Sequence[str] | None = None, *, only: Mapping[str, Collection[object]] | None = None
    ) -> Iterator[pd.DataFrame]:
        """One frame per file, as `read_table` selects columns and rows."""
        for path in self.paths:
            yield read_table(path, self.schema, columns=columns, only=only)


@dataclass(frozen=True, slots=True)
class RunTables:
    """One frame per table, all studies and diseases stacked; `diseases` in the order of the run.

    `targets` holds the ranked genes; `networks` the figure of each disease, as SVG text.
    """

    diseases: tuple[str, ...]
    harmonization_qc: pd.DataFrame
    loci: pd.DataFrame
    fine_mapping: pd.DataFrame
    credible_sets: TableParts
    signals: pd.DataFrame
    colocalization: pd.DataFrame
    crosscheck: pd.DataFrame
    prior_enrichment: pd.DataFrame
    prior_effects: TableParts
    cis_effects: pd.DataFrame
    gene_directions: pd.DataFrame
    variant_effects: TableParts
    model_scores: pd.DataFrame
    mutagenesis: pd.DataFrame
    attribution: pd.DataFrame
    motif_hits: pd.DataFrame
    genes: pd.DataFrame
    exons: pd.DataFrame
    evidence: pd.DataFrame
    locus_genes: pd.DataFrame
    locus_classes: pd.DataFrame
    targets: pd.DataFrame
    context_enrichment: pd.DataFrame
    gene_set_enrichment: pd.DataFrame
    regulators: pd.DataFrame
    networks: Mapping[str, str]

    @property
    def gene_symbols(self) -> dict[str, str]:
        """Display name by gene id."""
        return dict(zip(self.genes["gene_id"], self.genes["gene_symbol"], strict=True))

    @property
    def regions(self) -> dict[str, str]:
        """Short region by locus id."""
        return {row["locus"]: short_region(row) for row in records(self.loci)}


def load_run_tables(
    *,
    harmonization_qc: Iterable[str],
    loci: Iterable[str],
    fine_mapping: Iterable[str],
    credible_sets: Iterable[str],
    signals: Iterable[str],
    colocalization: Iterable[str],
    crosscheck: str,
    prior_enrichment: Iterable[str],
    prior_effects: Iterable[str],
    cis_effects: Iterable[str],
    gene_directions: str,
    variant_effects: Iterable[str],
    model_scores: Iterable[str],
    mutagenesis: Iterable[str],
    attribution: Iterable[str],
    motif_hits: Iterable[str],
    genes: str,
    exons: str,
    evidence: Sequence[str],
    locus_genes: Iterable[str],
    locus_classes: Iterable[str],
    targets: Iterable[str],
    contexts: Iterable[str],
    gene_sets: Iterable[str],
    regulators: Iterable[str],
    networks: Iterable[str],
) -> RunTables:
    """Read the tables of a run, those with rows per variant when they are asked; stems of targets are diseases."""
    return RunTables(
        diseases=tuple(Path(path).stem for path in targets),
        harmonization_qc=read_tables(harmonization_qc, schemas.HARMONIZATION_QC),
        loci=read_tables(loci, schemas.LOCI),
        fine_mapping=read_tables(fine_mapping, schemas.FINE_MAPPING),
        credible_sets=TableParts(tuple(credible_sets), schemas.CREDIBLE_SETS),
        signals=read_tables(signals, schemas.SIGNALS),
        colocalization=read_tables(colocalization, schemas.COLOCALIZATION),
        crosscheck=read_table(crosscheck, schemas.ENGINE_CROSSCHECK),
        prior_enrichment=read_tables(prior_enrichment, schemas.PRIOR_ENRICHMENT),
        prior_effects=TableParts(tuple(prior_effects), schemas.PRIOR_EFFECTS),
        cis_effects=read_tables(cis_effects, schemas.CIS_EFFECTS),
        gene_directions=read_table(gene_directions, schemas.GENE_DIRECTIONS),
        variant_effects=TableParts(tuple(variant_effects), schemas.VARIANT_EFFECTS),
        model_scores=read_tables(model_scores, schemas.MODEL_SCORES),
        mutagenesis=read_tables(mutagenesis, schemas.MUTAGENESIS),
        attribution=read_tables(attribution, schemas.ATTRIBUTION),
        motif_hits=read_tables(motif_hits, schemas.MOTIF_HITS),
        genes=read_table(genes, schemas.GENES),
        exons=read_table(exons, schemas.EXONS),
        evidence=read_tables(evidence, schemas.EVIDENCE),
        locus_genes=read_tables(locus_genes, schemas.LOCUS_GENES),
        locus_classes=read_tables(locus_classes, schemas.LOCUS_CLASSES),
        targets=read_tables(targets, schemas.TARGETS),
        context_enrichment=read_tables(contexts, schemas.CONTEXT_ENRICHMENT),
        gene_set_enrichment=read_tables(gene_sets, schemas.GENE_SET_ENRICHMENT),
        regulators=read_tables(regulators, schemas.REGULATORS),
        networks={Path(path).stem: Path(path).read_text(encoding="utf-8") for path in networks},
    )


def short_region(locus: Record) -> str:
    """Chromosome and bounds of a locus row in Mb; the id of one that stands for a study without loci."""
    if not locus["chromosome"]:
        return str(locus["locus"])
    return f"{locus['chromosome']}:{locus['start'] / 1e6:.2f}–{locus['end'] / 1e6:.2f} Mb"


def is_confident(ranked: Record) -> bool:
    """Whether the ranking names a ranked gene as a target."""
    return bool(ranked["status"] == CONFIDENT)


def fine_mapping_of(fine_mapping: pd.DataFrame, locus: str) -> Record:
    """Fine-mapping row of a locus; one that says so where there is none."""
    rows = records(fine_mapping[fine_mapping["locus"] == locus])
    if rows:
        return rows[0]
    absent = {"method": "none", "status": "not_analysed", "reason": "The locus was not fine-mapped."}
    return {**absent, "ld_verdict": "NONE", "ld_reason": ""}
