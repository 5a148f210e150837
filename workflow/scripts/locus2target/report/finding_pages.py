"""What the loci of one disease say together, as small pages on their own."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from locus2target.core.tables import atomic_path
from locus2target.report.disease_findings import Finding
from locus2target.report.formats import plural
from locus2target.report.gene_directions import direction_table
from locus2target.report.rendering import render_template


def write_finding_page(path: str | Path, finding: Finding, disease: str) -> None:
    """Write one finding: result and definition, the table, and what not to conclude."""
    html = render_template("finding_page.html.j2", title=f"{finding.heading}: {disease}", finding=finding)
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def direction_finding(directions: pd.DataFrame, disease: str) -> Finding:
    """The directions of one disease's genes (rows of GENE_DIRECTIONS of any disease)."""
    table = direction_table(directions, disease=disease, links={})
    return Finding(
        name="gene_directions",
        heading="Gene directions",
        definition=table.caption,
        result=f"{plural(len(table.rows), 'gene')} with a molecular trait that colocalizes with the disease.",
        table=replace(table, caption=""),
        cautions=("A gene that is not listed had no test: it is not without effect.",),
    )
