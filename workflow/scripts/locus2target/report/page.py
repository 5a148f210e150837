"""The report page of a run: one HTML file that asks no one for anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from locus2target.core.tables import Record, atomic_path, records
from locus2target.core.version import VERSION
from locus2target.report.disease_findings import Finding, disease_findings
from locus2target.report.formats import MISSING, anchor, format_count, plural
from locus2target.report.gene_cards import GeneCard, gene_card
from locus2target.report.gene_directions import direction_table
from locus2target.report.locus_cards import LocusCard, locus_card
from locus2target.report.locus_plot import shown_loci
from locus2target.report.method_checks import check_methods
from locus2target.report.quality import assess_quality
from locus2target.report.rendering import render_template, svg_address
from locus2target.report.run_tables import RunTables, is_confident
from locus2target.report.tables import Table, ranked_table, write_table_page

_RUNNERS_UP = 6
_MAX_TABLE_ROWS = 500  # snakemake's single-file report shows no item above about 1.5 MB


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one disease: its first gene, whether that is confident, and what else there is."""

    disease: str
    best: Record | None
    confident: bool
    others: tuple[Record, ...]
    counts: str


@dataclass(frozen=True, slots=True)
class DiseaseSection:
    """The part of the page about one disease."""

    anchor: str
    disease: str
    verdict: Verdict
    ranked: Table
    directions: Table
    findings: tuple[Finding, ...]
    network: str
    genes: tuple[GeneCard, ...]
    loci: tuple[LocusCard, ...]
    cut: str


def write_report(path: str | Path, tables: RunTables, *, settings: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Write the page.

    Parameters
    ----------
    path
        HTML file to write.
    tables
        The run.
    settings
        `title`, and `loci_per_disease`: sections per disease for loci, and for genes.
    run
        What the settings section shows: texts, numbers, lists of rows and nested mappings, by heading.
    """
    limit = int(settings["loci_per_disease"])
    shown = {disease: _shown_loci(tables, disease, limit) for disease in tables.diseases}
    links = section_links(tables, shown, limit)
    record = {"version": VERSION, "fine_mapping_engines": _engines(tables), **run}
    html = render_template(
        "page.html.j2",
        title=str(settings["title"]),
        quality=assess_quality(tables, links=links),
        checks=check_methods(tables),
        diseases=[disease_section(tables, disease, shown[disease], links, limit) for disease in tables.diseases],
        run=[(heading, run_block(value)) for heading, value in record.items()],
    )
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _engines(tables: RunTables) -> list[str]:
    return sorted(tables.fine_mapping["engine"].dropna().unique())


def _shown_loci(tables: RunTables, disease: str, limit: int) -> pd.DataFrame:
    return shown_loci(_of_disease(tables.loci, disease), _of_disease(tables.locus_genes, disease), limit)


def _of_disease(frame: pd.DataFrame, disease: str) -> pd.DataFrame:
    return frame[frame["disease"] == disease]


def section_links(tables: RunTables, shown: Mapping[str, pd.DataFrame], limit: int) -> dict[str, str]:
    """Link by locus id, and by `disease gene_id`, of everything that has a section."""
    links = {name: f"#{anchor('locus', name)}" for loci in shown.values() for name in loci["locus"]}
    for disease in tables.diseases:
        for gene_id in _top_genes(tables, disease, limit)["gene_id"]:
            links[f"{disease} {gene_id}"] = f"#{anchor('gene', disease, gene_id)}"
    return links


def _top_genes(tables: RunTables, disease: str, limit: int) -> pd.DataFrame:
    return _of_disease(tables.targets, disease).sort_values("gene_rank").head(limit)


def disease_section(
    tables: RunTables, disease: str, shown: pd.DataFrame, links: Mapping[str, str], limit: int
) -> DiseaseSection:
    """Everything the page says about one disease."""
    n_analysed = int((_of_disease(tables.loci, disease)["status"] == "ok").sum())
    ranked = _of_disease(tables.targets, disease).sort_values("gene_rank")
    return DiseaseSection(
        anchor=anchor("disease", disease),
        disease=disease,
        verdict=verdict(tables, disease),
        ranked=linked_ranked_table(ranked, tables.regions, links),
        directions=direction_table(tables.gene_directions, disease=disease),
        findings=disease_findings(tables, disease),
        network=svg_address(tables.networks[disease]) if disease in tables.networks else "",
        genes=tuple(gene_card(row, tables, links) for row in records(_top_genes(tables, disease, limit))),
        loci=tuple(locus_card(row, tables, links) for row in records(shown)),
        cut=_describe_cut(n_analysed, len(ranked), limit),
    )


def linked_ranked_table(
    ranked: pd.DataFrame, regions: Mapping[str, str], links: Mapping[str, str], *, caption: str = ""
) -> Table:
    """The ranked genes of one disease with links to their sections."""
    rows = [
        {
            **row,
            "best_region": regions.get(row["best_locus"], row["best_locus"]),
            "gene_href": links.get(f"{row['disease']} {row['gene_id']}"),
            "locus_href": links.get(row["best_locus"]),
        }
        for row in records(ranked)
    ]
    names = "-".join(["ranked_genes", *ranked["disease"].unique()])
    return ranked_table(rows, caption=caption, filename=f"{anchor(names)}.tsv")


def write_ranked_page(path: str | Path, tables: RunTables, disease: str) -> None:
    """Write the ranked genes of one disease as a sortable table on its own."""
    ranked = _of_disease(tables.targets, disease).sort_values("gene_rank")
    caption = (
        "" if len(ranked) <= _MAX_TABLE_ROWS else f"The first {_MAX_TABLE_ROWS} of {format_count(len(ranked))} genes."
    )
    table = linked_ranked_table(ranked.head(_MAX_TABLE_ROWS), tables.regions, {}, caption=caption)
    write_table_page(path, [table], title=f"Ranked genes: {disease}")


def _describe_cut(n_loci: int, n_genes: int, limit: int) -> str:
    parts = [
        f"{limit} of {format_count(number)} {unit}"
        for number, unit in ((n_loci, "analysed loci"), (n_genes, "genes"))
        if number > limit
    ]
    if not parts:
        return ""
    return f"Sections below: the first {' and the first '.join(parts)}. Every locus and gene is in the tables."


def verdict(tables: RunTables, disease: str) -> Verdict:
    """The answer for one disease."""
    ranked = _of_disease(tables.targets, disease).sort_values("gene_rank")
    candidates = records(ranked)
    named = [row for row in candidates if is_confident(row)]
    best = next(iter(named or candidates), None)
    others = tuple(named[1 : 1 + _RUNNERS_UP])
    loci = _of_disease(tables.loci, disease)
    mapped = _of_disease(tables.fine_mapping, disease)
    analysed = int((mapped["method"] != "none").sum())
    found = plural(int((loci["status"] != "no_lead").sum()), "locus", "loci")
    named_genes = plural(len(named), "confident target")
    counts = f"{found}, {analysed} fine-mapped; {named_genes} among {plural(len(ranked), 'candidate gene')}"
    return Verdict(disease, best, bool(named), others, counts)


def run_block(value: object) -> dict[str, Any]:
    """How one value of the run's record is shown: as rows of a table, as pairs, as text, or as one line.

    A sheet (row by id, or several rows by id) and a list of rows become a table; another mapping becomes pairs with
    dotted names.
    """
    rows = sheet_rows(value)
    if rows is not None:
        names = list(dict.fromkeys(str(name) for row in rows for name in row))
        return {"kind": "rows", "names": names, "rows": [[_shown(row.get(name)) for name in names] for row in rows]}
    if isinstance(value, Mapping):
        return {"kind": "pairs", "pairs": list(_flatten(value))}
    text = _shown(value)
    return {"kind": "text" if "\n" in text else "line", "text": text}


def sheet_rows(value: object) -> list[Mapping[str, object]] | None:
    """Rows of a sheet, in any of the shapes a run's record holds them; None when `value` is no sheet."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(items, list | tuple) or not items:
        return None
    if all(isinstance(item, list | tuple) for item in items):
        items = [row for item in items for row in item]
    same_columns = all(isinstance(item, Mapping) and list(item) == list(items[0]) for item in items)
    return list(items) if same_columns else None


def _flatten(value: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flatten(item, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _shown(item)


def _shown(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
