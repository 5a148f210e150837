"""Put what a colleague needs into one folder: report, tables per disease, figures, README of columns, checksums.

Inputs: Parquet tables of the run by the names of `result_files.RESULT_TABLES` (effects per ALT allele, probabilities
0..1), folders of figures per disease, networks as SVG and PNG, the report and its summary. Outputs: copies of report
and summary, `tables/<disease>.<table>.tsv` and `.parquet`, `figures`, README.md, and SHA256SUMS of all the others.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.tables import atomic_path
from locus2target.report.figures import atomic_directory
from locus2target.report.result_files import (
    RESULT_TABLES,
    checksums,
    copy_figures,
    result_readme,
    write_result_tables,
)

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    sources: Mapping[str, Sequence[str]],
    locus_figures: Mapping[str, str],
    networks: Sequence[str],
    report: str,
    summary: str,
    readme: str,
    sums: str,
    report_copy: str,
    summary_copy: str,
    tables: str,
    figures: str,
    run_name: str,
    build: str,
) -> None:
    with atomic_directory(tables) as folder:
        counts = write_result_tables(folder, sources, diseases=list(locus_figures))
    with atomic_directory(figures) as folder:
        copy_figures(folder, locus_figures, networks)
    for source, target in ((report, report_copy), (summary, summary_copy)):
        with atomic_path(target) as path:
            shutil.copyfile(source, path)
    with atomic_path(readme) as path:
        path.write_text(result_readme(counts, run_name=run_name, build=build), encoding="utf-8")
    Path(sums).unlink(missing_ok=True)  # it does not list itself
    text = checksums(Path(sums).parent)
    with atomic_path(sums) as path:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            sources={table.name: snakemake.input[table.name] for table in RESULT_TABLES},
            locus_figures=dict(zip(snakemake.params.diseases, snakemake.input.locus_figures, strict=True)),
            networks=list(snakemake.input.networks),
            report=snakemake.input.report,
            summary=snakemake.input.summary,
            readme=snakemake.output.readme,
            sums=snakemake.output.sums,
            report_copy=snakemake.output.report,
            summary_copy=snakemake.output.summary,
            tables=snakemake.output.tables,
            figures=snakemake.output.figures,
            run_name=snakemake.params.run_name,
            build=snakemake.params.build,
        )
