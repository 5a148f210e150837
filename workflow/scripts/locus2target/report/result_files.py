"""The folder of results that a user sends to a colleague: tables per disease, figures, a README of columns, checksums.

Tables of batches of loci are parted by disease, in the order of the genome. Nothing is computed here.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from locus2target.core import schemas
from locus2target.core.digest import file_sha256
from locus2target.core.provenance import origin_in_words
from locus2target.core.tables import TableSchema, read_table, read_tables, stack_tables, write_table, write_tsv
from locus2target.report.column_docs import CONVENTIONS, describe_columns, describe_summary, markdown_table
from locus2target.report.formats import format_count
from locus2target.targets.candidates import genome_order


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A table of the folder: its name in file names, its schema, and a column whose missing value leaves a row out."""

    name: str
    schema: TableSchema
    needs: str | None = None
    note: str = ""


RESULT_TABLES = (
    ResultTable("targets", schemas.TARGETS),
    ResultTable("locus_classes", schemas.LOCUS_CLASSES),
    ResultTable("locus_genes", schemas.LOCUS_GENES),
    ResultTable("evidence", schemas.EVIDENCE),
    ResultTable("loci", schemas.LOCI),
    ResultTable("fine_mapping", schemas.FINE_MAPPING),
    ResultTable("signals", schemas.SIGNALS),
    ResultTable(
        "credible_sets",
        schemas.CREDIBLE_SETS,
        needs="credible_set",
        note="Only variants of credible sets; those outside are in `results/finemap_loci` (`results/apply_priors` "
        "where the ranking rests on functional priors) of the run's own folder.",
    ),
    ResultTable("colocalization", schemas.COLOCALIZATION),
    ResultTable("cis_effects", schemas.CIS_EFFECTS),
    ResultTable("gene_directions", schemas.GENE_DIRECTIONS),
    ResultTable("contexts", schemas.CONTEXT_ENRICHMENT),
    ResultTable("gene_sets", schemas.GENE_SET_ENRICHMENT),
    ResultTable("regulators", schemas.REGULATORS),
    ResultTable("network", schemas.NETWORK_EDGES),
)
"""Tables of the folder, those that most people want first."""

RowCounts = Mapping[str, Mapping[str, int]]
"""Rows by table and disease."""


def write_result_tables(
    folder: Path, sources: Mapping[str, Sequence[str]], *, diseases: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Write every table of `RESULT_TABLES` for every disease, as TSV and as Parquet.

    Parameters
    ----------
    folder
        Where `<disease>.<table>.tsv` and `.parquet` go.
    sources
        Parquet files by table, each with rows of one or of several diseases.
    diseases
        Of the run.

    Returns
    -------
    dict
        Rows by table and disease.
    """
    loci = read_tables(sources["loci"], schemas.LOCI)
    ranks = {locus: rank for rank, locus in enumerate(genome_order(loci))}
    counts: dict[str, dict[str, int]] = {}
    for table in RESULT_TABLES:
        rows = _rows_of(table, sources[table.name], ranks)
        counts[table.name] = {disease: _write_both(folder, table, rows, disease) for disease in diseases}
    return counts


def _rows_of(table: ResultTable, paths: Sequence[str], ranks: Mapping[str, int]) -> pd.DataFrame:
    """Rows of all diseases, by locus where the table has one; rows of a locus stay in their order."""
    parts = (read_table(path, table.schema) for path in paths)
    kept = parts if table.needs is None else (part[part[table.needs].notna()] for part in parts)
    frame = stack_tables(kept, table.schema)
    if "locus" in table.schema.names:
        frame = frame.sort_values("locus", key=lambda names: names.map(ranks), kind="stable")
    return frame


def _write_both(folder: Path, table: ResultTable, rows: pd.DataFrame, disease: str) -> int:
    own = rows[rows["disease"] == disease]
    write_table(own, folder / f"{disease}.{table.name}.parquet", table.schema)
    write_tsv(own, folder / f"{disease}.{table.name}.tsv")
    return len(own)


def copy_figures(folder: Path, loci: Mapping[str, str], networks: Iterable[str]) -> None:
    """Copy the figures of loci, a folder per disease, and beside these folders the networks."""
    for disease, source in loci.items():
        shutil.copytree(source, folder / disease, ignore=shutil.ignore_patterns(".*"))
    for network in networks:
        source_file = Path(network)
        shutil.copyfile(source_file, folder / f"{source_file.stem}.network{source_file.suffix}")


def result_readme(counts: RowCounts, *, run_name: str, build: str) -> str:
    """README of the folder, in Markdown: what is where, how to read it, and every column of every table.

    Parameters
    ----------
    counts
        Rows by table and disease, as `write_result_tables` gives them.
    run_name, build
        Of the run.
    """
    parts = [
        f"# Results of the run {run_name}",
        f"Which genes should we aim at, why, and how sure are we? An answer per disease, on {build}.",
        f"{origin_in_words()} `results/record_run/manifest.json` of the run's own folder says what went in. Parquet "
        "tables name the step that wrote them (`step`) and the digest of its code (`code`) in their metadata.",
        "Open `report.html` in a browser: it holds everything below with definitions, and needs no network. "
        "`sha256sum -c SHA256SUMS` in this folder tells whether the files are whole.",
        "## Files",
        _file_table(),
        "## How to read the tables",
        "\n".join(f"- {sentence}" for sentence in (*CONVENTIONS, "Rows with a locus are in the order of the genome.")),
        "## What not to conclude",
        "\n".join(f"- {sentence}" for sentence in _CAUTIONS),
        "## Tables",
        "Rows per disease:",
        _count_table(counts),
        *(_describe(table) for table in RESULT_TABLES),
        "## summary.json",
        "For programs: the facts of `report.html` without the variants. Texts, numbers, lists and objects; a missing "
        "value is null; numbers have every digit.",
        describe_summary(),
    ]
    return "\n\n".join(parts) + "\n"


_FILES = (
    ("report.html", "the report: one page per disease, gene and locus"),
    ("tables/DISEASE.TABLE.tsv, .parquet", "the tables below, one file of each form per disease"),
    (
        "figures/DISEASE/LOCUS.svg, .png",
        "association, fine-mapping and genes of a locus; `no_loci` where there is none",
    ),
    ("figures/DISEASE.network.svg, .png", "regulators, target genes and pathways"),
    ("summary.json", "the report's facts for programs"),
    ("SHA256SUMS", "checksum of every other file"),
)
_CAUTIONS = (
    "A probability is that of a gene among the candidates of its locus and none of them: a target farther from the "
    "lead variant than the candidate window cannot be found.",
    "Two genes whose probabilities differ little are not told apart. `status` says which genes more than distance "
    "speaks for.",
    "A colocalization is a shared variant, not a proof that the gene acts: neighbours with the same QTL share it too.",
    "A locus, gene or pair with a status other than `ok` was not found to be without effect; it was not judged.",
)


def _file_table() -> str:
    return markdown_table(("file", "holds"), [[f"`{name}`", meaning] for name, meaning in _FILES])


def _count_table(counts: RowCounts) -> str:
    diseases = list(next(iter(counts.values())))
    rows = [[disease, *(format_count(by_disease[disease]) for by_disease in counts.values())] for disease in diseases]
    return markdown_table(("disease", *counts), rows)


def _describe(table: ResultTable) -> str:
    sentence = f"Files `tables/DISEASE.{table.name}.tsv` and `.parquet`. One row is {table.schema.row}."
    return "\n\n".join([f"### {table.name}", f"{sentence} {table.note}".rstrip(), describe_columns(table.schema)])


def checksums(folder: Path) -> str:
    """Lines of `sha256sum` for every file below a folder, but not for hidden ones."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
