"""Rankings of genes against known targets, one JSON line per method and metric, with bootstrap intervals over genes.

    python benchmarks/ranking.py --credible-sets FILE [FILE ...] --genes FILE --truth FILE
    python benchmarks/ranking.py --genes FILE --truth FILE              # lead variants only
    python benchmarks/ranking.py --genes FILE --gold-standards FILE     # the Open Targets file as it is
    python benchmarks/ranking.py                                        # the data that this project ships

Columns of the files: `locus2target.targets.benchmark_data`. Methods: the shipped model, its ablations (each fitted
anew), and the baselines. Loci on a chromosome that the shipped weights were fitted on are predicted by the fit without
that chromosome.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from locus2target.core.errors import InputError
from locus2target.targets.benchmark_data import read_gold_standards, read_truth
from locus2target.targets.benchmark_metrics import MeasureSettings
from locus2target.targets.benchmark_run import BenchmarkFiles, json_lines, measure_all, prepare
from locus2target.targets.ranking_model import read_models

SHIPPED = ROOT / "resources" / "benchmark"


def main() -> None:
    options = _parser().parse_args()
    if options.truth is None and options.gold_standards is None:
        options.truth = SHIPPED / "target_genes.even.tsv"
        options.credible_sets = [SHIPPED / "credible_sets.even.tsv.gz"]
    try:
        _measure(options)
    except InputError as error:
        sys.exit(str(error))


def _measure(options: argparse.Namespace) -> None:
    truth = read_truth(options.truth) if options.truth else read_gold_standards(options.gold_standards)
    models, facts = read_models(options.models)
    files = BenchmarkFiles(options.genes, options.gene_sets, tuple(options.credible_sets))
    benchmark, table = prepare(truth, files, shares_slope=facts["shares_slope"])
    for metrics in measure_all(benchmark, table, models, MeasureSettings(draws=options.draws)):
        for line in json_lines(metrics, benchmark):
            print(json.dumps(line), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credible-sets", type=Path, nargs="+", default=[])
    parser.add_argument("--genes", type=Path, default=SHIPPED / "gencode_v43_tss.bed.gz")
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--truth", type=Path, help="known targets, of credible sets or of lead variants")
    known.add_argument("--gold-standards", type=Path, help="the gold standards of Open Targets Genetics")
    parser.add_argument("--gene-sets", type=Path, default=ROOT / "resources" / "pathways" / "pathways.symbols.gmt.gz")
    parser.add_argument("--models", type=Path, default=ROOT / "resources" / "ranking" / "fitted_weights.json")
    parser.add_argument("--draws", type=int, default=1_000, help="bootstrap draws of target genes")
    return parser


if __name__ == "__main__":
    main()
