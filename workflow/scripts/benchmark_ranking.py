"""Measure the ranking on loci with a known target: the fitted model, its ablations and the baselines.

Reads credible sets (none: the truth has lead variants only), genes, the truth, gene sets and fitted models (columns:
`locus2target.targets.benchmark_data`). Writes one JSON line per method and metric, with bootstrap intervals over
target genes, and the same as TSV.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.job import job
from locus2target.core.tables import atomic_path, write_tsv
from locus2target.targets.benchmark_data import read_truth
from locus2target.targets.benchmark_metrics import MeasureSettings
from locus2target.targets.benchmark_run import BenchmarkFiles, json_lines, measure_all, prepare
from locus2target.targets.ranking_model import read_models

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    credible_sets: list[str],
    genes: str,
    truth: str,
    gene_sets: str,
    models: str,
    metrics: str,
    metrics_tsv: str,
    settings: dict[str, int],
) -> None:
    fitted, facts = read_models(Path(models))
    files = BenchmarkFiles(Path(genes), Path(gene_sets), tuple(Path(path) for path in credible_sets))
    benchmark, table = prepare(read_truth(Path(truth)), files, shares_slope=facts["shares_slope"])
    measured = pd.concat(measure_all(benchmark, table, fitted, MeasureSettings(**settings)), ignore_index=True)
    with atomic_path(metrics) as path:
        path.write_text("".join(f"{json.dumps(line)}\n" for line in json_lines(measured, benchmark)), encoding="utf-8")
    write_tsv(measured, metrics_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=list(snakemake.input.credible_sets),
            genes=snakemake.input.genes,
            truth=snakemake.input.truth,
            gene_sets=snakemake.input.gene_sets,
            models=snakemake.input.models,
            metrics=snakemake.output.metrics,
            metrics_tsv=snakemake.output.metrics_tsv,
            settings=snakemake.params.settings,
        )
