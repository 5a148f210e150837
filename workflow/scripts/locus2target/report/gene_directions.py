"""Gene directions: whether more of a gene goes with more of the disease, by Mendelian randomization."""

import math
from collections.abc import Mapping

import pandas as pd

from locus2target.core.tables import records
from locus2target.report.tables import Table, TableColumn, build_table

_Z_95 = 1.959963984540054
_COLUMNS = (
    TableColumn("gene_symbol", "Gene", link="href"),
    TableColumn("gene_id", "Gene id", export_only=True),
    TableColumn("direction", "Direction", "direction", "▲ more of the gene, more disease; ▼ less"),
    TableColumn("reliability", "Reliability", "badge", "consistent, single test, conflicting tests, or unsure"),
    TableColumn("estimate", "Effect", "number", "on the disease, per unit of the gene's level; log odds for a disease"),
    TableColumn("interval", "95 % interval", "text", "estimate ± 1.96 standard errors"),
    TableColumn("neg_log10_p", "p", "p_value"),
    TableColumn("n_agree", "Tests that agree", "count"),
    TableColumn("n_tests", "Tests", "count", "tissues and QTL sets with an estimate"),
    TableColumn("tissue", "Best test"),
    TableColumn("qtl", "QTL set", export_only=True),
    TableColumn("locus", "Locus id", export_only=True),
    TableColumn("statement", "In words", "long"),
)
_CAPTION = (
    "Mendelian randomization on what colocalises: the gene's QTL variants as instruments. An effect is causal only if "
    "these variants act on the disease through this gene alone; a neighbouring gene with the same QTL gives the same "
    "number. Units of expression differ between QTL sets: compare signs, not sizes."
)


def direction_table(directions: pd.DataFrame, *, disease: str, links: Mapping[str, str]) -> Table:
    """The directions of one disease's genes, best p first.

    Parameters
    ----------
    directions
        Rows of GENE_DIRECTIONS.
    disease
        Its id.
    links
        Link by gene id of the genes that have a page.
    """
    of_disease = directions[directions["disease"] == disease].sort_values("neg_log10_p", ascending=False, kind="stable")
    rows = [
        {**row, "interval": _interval(row["estimate"], row["standard_error"]), "href": links.get(row["gene_id"])}
        for row in records(of_disease)
    ]
    return build_table(rows, _COLUMNS, caption=_CAPTION, filename=f"gene_directions-{disease}.tsv")


def _interval(estimate: float, standard_error: float) -> str | None:
    if math.isnan(estimate) or math.isnan(standard_error):
        return None
    return f"{estimate - _Z_95 * standard_error:.3g} to {estimate + _Z_95 * standard_error:.3g}"
