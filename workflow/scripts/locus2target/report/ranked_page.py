"""Ranked genes of one disease as a small page on their own, for `snakemake --report`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from locus2target.core.tables import Record, records
from locus2target.report.formats import SOURCE_LABELS, anchor, format_count, source_label
from locus2target.report.run_tables import RunTables
from locus2target.report.tables import Table, TableColumn, build_table, write_table_page
from locus2target.targets.ranking import PRIOR, parse_parts

_MAX_TABLE_ROWS = 500  # snakemake's single-file report shows no item above about 1.5 MB

_RANKED_HEAD = (
    TableColumn("gene_rank", "Rank", "count", "1 is the most probable target of the disease"),
    TableColumn("gene_symbol", "Gene"),
    TableColumn("gene_id", "Gene id", export_only=True),
    TableColumn(
        "probability", "Probability", "probability", "that the gene is the target of at least one locus, 0 to 1"
    ),
    TableColumn(
        "status",
        "Status",
        "badge",
        "confident; distance_only when no source that names genes doubles its odds; uncertain below the config's limit",
    ),
    TableColumn("direction", "Direction", "direction", "▲ more gene activity goes with more disease, ▼ with less"),
    TableColumn("modulation", "Drug should", "text", "inhibit or activate; the gene's page says what this rests on"),
    TableColumn(
        "modulation_reliability", "Reliability", "badge", "of what a drug should do: high, moderate, low, none"
    ),
)
_RANKED_TAIL = (
    TableColumn("contexts", "Tissues", "list", "tissues and cell types of the evidence at the best locus"),
    TableColumn("best_region", "Best locus", "region", "locus with the highest probability"),
    TableColumn("n_loci", "Loci", "count", "loci of the disease that have the gene as a candidate"),
    TableColumn("n_other_diseases", "Other diseases", "count", "of the run that the gene is a probable target of"),
    TableColumn("best_locus", "Best locus id", export_only=True),
    TableColumn("variants", "Variants", "variants", "supporting variants at the best locus", export_only=True),
    TableColumn("parts", "Log odds by source", export_only=True),
    TableColumn("mechanism", "Mechanism", export_only=True),
    TableColumn("reason", "Reason", export_only=True),
    TableColumn("probability_local", "Without convergence", export_only=True),
    TableColumn("probability_unweighted", "With every context alike", export_only=True),
    TableColumn("modulation_reason", "Why inhibit or activate", export_only=True),
    TableColumn("other_diseases", "Other diseases, named", export_only=True),
)


def write_ranked_page(path: str | Path, tables: RunTables, disease: str) -> None:
    """Write the ranked genes of one disease as a sortable table."""
    ranked = tables.targets[tables.targets["disease"] == disease].sort_values("gene_rank")
    caption = (
        "" if len(ranked) <= _MAX_TABLE_ROWS else f"The first {_MAX_TABLE_ROWS} of {format_count(len(ranked))} genes."
    )
    regions = tables.regions
    rows = [
        {**row, "best_region": regions.get(row["best_locus"], row["best_locus"])}
        for row in records(ranked.head(_MAX_TABLE_ROWS))
    ]
    table = ranked_table(rows, caption=caption, filename=f"{anchor('ranked_genes', disease)}.tsv")
    write_table_page(path, [table], title=f"Ranked genes: {disease}")


def ranked_table(ranked: Sequence[Record], *, caption: str, filename: str) -> Table:
    """The ranked genes of one disease, with one bar per evidence source that any of them has.

    Parameters
    ----------
    ranked
        Rows of TARGETS with `best_region`.
    """
    parts = [parse_parts(row["parts"]) for row in ranked]
    sources = [source for source in present_sources(parts) if source != PRIOR]
    rows = [
        {**row, **{f"part:{source}": part.get(source) for source in sources}}
        for row, part in zip(ranked, parts, strict=True)
    ]
    bars = [
        TableColumn(f"part:{source}", source_label(source), "log_odds", "log odds this evidence adds")
        for source in sources
    ]
    return build_table(rows, [*_RANKED_HEAD, *bars, *_RANKED_TAIL], caption=caption, filename=filename)


def present_sources(parts: Iterable[Mapping[str, float]]) -> list[str]:
    """Sources that occur, known ones first in their usual order."""
    found = dict.fromkeys(source for part in parts for source in part)
    known = [source for source in SOURCE_LABELS if source in found]
    return [*known, *(source for source in found if source not in SOURCE_LABELS)]
