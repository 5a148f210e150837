"""Harmonisation of a large QTL set: read whole, and by its index around one locus; beside pandas, which only reads it.

Prints one JSON line per figure. Each reading has a process of its own, whose peak memory is taken.

    python benchmarks/ingest.py            # 3 million rows
    python benchmarks/ingest.py --quick    # 20,000
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np
import pandas as pd
import pysam
from timing import peak_memory

from locus2target.core.intervals import Region
from locus2target.ingest.columns import QTL_DEFAULTS
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, Source, harmonize_source
from locus2target.ingest.readers import read_delimited

GENOME = Path(__file__).parents[1] / "demo/data/genome/GRCh37_partial.fa.gz"
SPAN = Region("20", 3_000_000, 62_000_000)  # N in the demo's genome: every row is kept as it is
LOCUS = Region("20", 30_000_000, 31_000_000)
VARIANTS_PER_TRAIT = 5_000
SETTINGS = HarmonizationSettings("GRCh37", max_ref_mismatch=0.05, min_strand_variants=20)
Measured = tuple[int, float, float]  # rows, processor seconds, peak MB


def write_set(folder: Path, n_rows: int) -> str:
    """A bgzipped, indexed QTL set with the columns of the eQTL Catalogue: each trait has variants within 1 Mb."""
    rng = np.random.default_rng(1)
    trait = np.arange(n_rows) // VARIANTS_PER_TRAIT
    middle = rng.integers(SPAN.start + 500_000, SPAN.end - 500_000, trait[-1] + 1)
    beta = rng.normal(scale=0.1, size=n_rows)
    gene = pd.Series(trait).map("ENSG{:011d}".format)
    table = pd.DataFrame({"molecular_trait_id": gene, "chromosome": SPAN.chromosome})
    table["position"] = middle[trait] + rng.integers(-500_000, 500_000, n_rows)
    table = table.assign(ref="A", alt="G", beta=beta.round(6), se=0.1, maf=rng.uniform(0.01, 0.5, n_rows).round(4))
    table = table.assign(gene_id=gene).sort_values("position", kind="stable")
    path = folder / "set.tsv"
    table.to_csv(path, sep="\t", index=False)
    pysam.tabix_index(str(path), seq_col=1, start_col=2, end_col=2, line_skip=1)
    return f"{path}.gz"


def harmonised(path: str, regions: list[Region] | None) -> int:
    """Rows of the canonical table."""
    people = {"n_samples": 500.0, "n_cases": None, "n_controls": None}
    source = Source("set", "qtl", path, "GRCh37", True, **people, case_control=False, tissue="blood")
    with Genome(GENOME) as genome:
        raw = read_delimited(path, {}, QTL_DEFAULTS, regions=regions)
        return len(harmonize_source(raw, genome, chain=None, source=source, settings=SETTINGS).table)


def read_by_pandas(path: str) -> int:
    """Rows of the file."""
    return len(pd.read_csv(path, sep="\t"))


def measure(function: Callable[..., int], *arguments: object) -> Measured:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, function, *arguments).result()


def _measured(function: Callable[..., int], *arguments: object) -> Measured:
    start = time.process_time()
    n_rows = function(*arguments)
    seconds = time.process_time() - start
    return n_rows, seconds, peak_memory()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 rows")
    n_rows = 20_000 if parser.parse_args().quick else 3_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = write_set(Path(folder), n_rows)
        found = {
            "whole": measure(harmonised, path, None),
            "one locus of 1 Mb by index": measure(harmonised, path, [LOCUS]),
            "pandas.read_csv, whole": measure(read_by_pandas, path),
        }
    for case, (rows, seconds, megabytes) in found.items():
        for figure, value, unit in (
            ("rows", rows, "rows"),
            ("processor", seconds, "s"),
            ("peak memory", megabytes, "MB"),
        ):
            line = {"benchmark": "ingest", "case": f"{n_rows:,} rows, {case}", "figure": figure, "unit": unit}
            print(json.dumps(line | {"value": round(value, 3)}), flush=True)


if __name__ == "__main__":
    main()
