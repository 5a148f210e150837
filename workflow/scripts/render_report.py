"""Render the report of a run: one self-contained HTML page, and two kinds of small tables for `snakemake --report`.

Inputs: every table of the run, as the schemas define them, and the networks as SVG, all in `tables` by the names that
`load_run_tables` gives them. What is about a disease has one file per disease; the stem of a file of targets, and of a
network, is its disease. `run` is shown in the settings section.
Outputs: the page, its facts as JSON, one table of ranked genes per disease, one of input rows and loci.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.report.locus_inputs import BesideTables
from locus2target.report.page import read_review, write_report
from locus2target.report.quality import input_tables
from locus2target.report.ranked_page import write_ranked_page
from locus2target.report.run_data import RunFacts
from locus2target.report.run_tables import load_run_tables
from locus2target.report.tables import write_table_page
from locus2target.targets.bed import read_gene_links, read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any

_BESIDE_TABLES = ("qtl", "annotations", "review")
"""Inputs of the rule that `load_run_tables` does not take."""


def main(
    *,
    tables: Mapping[str, Any],
    qtl: Mapping[str, str],
    annotations: Mapping[str, str | None],
    report: str,
    summary: str,
    ranked_tables: list[str],
    qc_table: str,
    settings: Mapping[str, Any],
    run: Mapping[str, Any],
) -> None:
    loaded = load_run_tables(**tables)
    for disease, path in zip(loaded.diseases, ranked_tables, strict=True):
        write_ranked_page(path, loaded, disease)
    write_table_page(qc_table, input_tables(loaded), title="Quality control: input rows and loci")
    beside = _read_beside(qtl, open_chromatin=annotations["open_chromatin"], links=annotations["enhancer_gene_links"])
    created = datetime.now(tz=UTC).strftime("%d %B %Y, %H:%M UTC")
    facts = RunFacts(name=str(run["config"]["run_name"]), title=str(settings["title"]), created=created)
    marks = None if settings["review"] is None else read_review(settings["review"])
    write_report(report, summary, loaded, beside, facts, record=run, review=marks)


def _read_beside(qtl_paths: Mapping[str, str], *, open_chromatin: str | None, links: str | None) -> BesideTables:
    """Read the annotation files that the locus pages draw; QTL tables are read locus by locus."""
    return BesideTables(
        qtl_paths,
        None if open_chromatin is None else read_open_chromatin(open_chromatin),
        None if links is None else read_gene_links(links),
    )


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            tables={name: paths for name, paths in snakemake.input.items() if name not in _BESIDE_TABLES},
            qtl=dict(zip(snakemake.params.qtls, snakemake.input.qtl, strict=True)),
            annotations=snakemake.params.annotations,
            report=snakemake.output.report,
            summary=snakemake.output.summary,
            ranked_tables=list(snakemake.output.ranked_tables),
            qc_table=snakemake.output.qc_table,
            settings=snakemake.params.settings,
            run=snakemake.params.run,
        )
