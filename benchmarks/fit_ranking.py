"""Fit the weights of the ranking on the shipped loci with a known target (even chromosomes), and write them.

    python benchmarks/fit_ranking.py resources/ranking/fitted_weights.json

Then copy the final weights of `model` to resources/ranking/evidence_weights.tsv (a test compares them), and measure
with benchmarks/ranking.py. docs/ranking_model.md says what was fitted and how.
"""

import argparse
import hashlib
import os
import sys
from datetime import date
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from locus2target.targets.benchmark_data import read_truth
from locus2target.targets.benchmark_run import BenchmarkFiles, prepare
from locus2target.targets.ranking_model import MODELS, PENALTY, fit_model, write_models

VERSION = "2026.11"
SHARES_SLOPE = -1.85
"""Slope with distance alone, before its temperature; fixed, since the features of the other models rest on it."""
DATA = ROOT / "resources" / "benchmark"
FILES = BenchmarkFiles(
    DATA / "gencode_v43_tss.bed.gz",
    ROOT / "resources" / "pathways" / "pathways.symbols.gmt.gz",
    (DATA / "credible_sets.even.tsv.gz",),
)
TRUTH = DATA / "target_genes.even.tsv"


def main(path: Path) -> None:
    benchmark, table = prepare(read_truth(TRUTH), FILES, shares_slope=SHARES_SLOPE)
    models = {name: fit_model(table, features) for name, features in MODELS.items()}
    facts = {
        "version": VERSION,
        "fitted": date.today().isoformat(),
        "shares_slope": SHARES_SLOPE,
        "penalty": PENALTY,
        "n_loci": len(benchmark.loci),
        "n_genes": int(benchmark.targets["gene"].nunique()),
        "files": {file.name: _checksum(file) for file in (TRUTH, FILES.genes, FILES.gene_sets, *FILES.credible_sets)},
    }
    write_models(path, models, facts)
    for name, model in models.items():
        print(name, {key: round(weight, 3) for key, weight in model.final.items()}, f"T {model.temperature:.2f}")


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="JSON file to write")
    main(parser.parse_args().models)
