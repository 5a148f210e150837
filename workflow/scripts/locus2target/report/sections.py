"""What the page shows without a script: quality and checks, what each disease's loci say together, settings, words.

Each part belongs to one page of the app, which shows it below what its script draws (app/main.js).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from locus2target.core.version import VERSION
from locus2target.report.addresses import gene_address, locus_address
from locus2target.report.answers import disease_answer
from locus2target.report.disease_findings import Finding, disease_findings
from locus2target.report.gene_directions import direction_table
from locus2target.report.method_checks import check_methods
from locus2target.report.quality import assess_quality
from locus2target.report.rendering import VENDOR, render_template, svg_address
from locus2target.report.run_record import record_blocks
from locus2target.report.run_tables import RunTables
from locus2target.report.tables import Table


@dataclass(frozen=True, slots=True)
class DiseasePart:
    """What the page of one disease shows below its ranked genes and loci."""

    disease: str
    answer: tuple[str, ...]
    directions: Table
    findings: tuple[Finding, ...]
    network: str


def render_sections(tables: RunTables, record: Mapping[str, Any]) -> str:
    """HTML of all parts, with what comes from data escaped.

    Parameters
    ----------
    tables
        The run.
    record
        Settings, sheets and versions, by heading.
    """
    placed = tables.loci[tables.loci["chromosome"] != ""]  # a study without any locus has a row of its own, no page
    links = {locus: locus_address(locus) for locus in placed["locus"]}
    return render_template(
        "sections.html.j2",
        quality=assess_quality(tables, links=links),
        checks=check_methods(tables, links=links),
        diseases=[_disease_part(tables, disease) for disease in tables.diseases],
        record=record_blocks(tables, record),
        version=VERSION,
        licences=list(_licences()),
    )


def _disease_part(tables: RunTables, disease: str) -> DiseasePart:
    ranked = tables.targets[tables.targets["disease"] == disease]
    links = {gene_id: gene_address(disease, gene_id) for gene_id in ranked["gene_id"]}
    return DiseasePart(
        disease=disease,
        answer=disease_answer(ranked),
        directions=direction_table(tables.gene_directions, disease=disease, links=links),
        findings=disease_findings(tables, disease),
        network=svg_address(tables.networks[disease]) if disease in tables.networks else "",
    )


def _licences() -> Iterator[tuple[str, str]]:
    """Licences of the libraries that the page holds, which ask to go wherever it goes."""
    for path in sorted(VENDOR.iterdir()):
        if ".LICENSE" in path.name or ".NOTICE" in path.name:
            yield path.name, path.read_text(encoding="utf-8")
