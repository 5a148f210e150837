"""Rankings of genes against known targets, one JSON line per method and metric, with bootstrap intervals over genes.

    python benchmarks/ranking.py --credible-sets FILE [FILE ...] --genes FILE --truth FILE
    python benchmarks/ranking.py --genes FILE --gold-standards FILE

Columns of the files: `locus2target.targets.benchmark_data`. Methods so far: the baselines that every model of this
project stands beside.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from locus2target.targets.benchmark_baselines import baselines
from locus2target.targets.benchmark_data import (
    build_benchmark,
    read_credible_sets,
    read_genes,
    read_gold_standards,
    read_truth,
)
from locus2target.targets.benchmark_metrics import MeasureSettings, lay_out, measure


def main() -> None:
    options = _parser().parse_args()
    truth = read_truth(options.truth) if options.truth else read_gold_standards(options.gold_standards)
    sets = read_credible_sets(options.credible_sets) if options.credible_sets else None
    benchmark = build_benchmark(truth, read_genes(options.genes), sets)
    layout = lay_out(benchmark.candidates, benchmark.targets)
    settings = MeasureSettings(draws=options.draws)
    for method, prediction in baselines(benchmark.candidates).items():
        for row in measure(layout, prediction, method=method, settings=settings).to_dict("records"):
            known = {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124  NaN
            print(json.dumps({"benchmark": "ranking"} | known))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credible-sets", type=Path, nargs="+")
    parser.add_argument("--genes", type=Path, required=True)
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument("--truth", type=Path)
    known.add_argument("--gold-standards", type=Path)
    parser.add_argument("--draws", type=int, default=1_000, help="bootstrap draws of target genes")
    return parser


if __name__ == "__main__":
    main()
