"""How the pipeline grows with the cohort: time, memory, jobs and bytes of each step, over three sizes.

Cohorts are made from the demo's real genotypes (scale_cohort.py) and run through the whole pipeline with the smallest
sequence model, the motif bank. Prints one JSON line per figure; those of a step are sums over its jobs, but memory,
which is the peak of its largest job. Growth exponents are slopes of log figure on log loci: 1 is proportional, 0 does
not grow; start-up, about 1.5 s of processor and 130 MB a job, holds them down in small runs.

    python benchmarks/scale.py                                      # 20, 60 and 180 loci of 2,000 variants
    python benchmarks/scale.py --loci 1000 --diseases 5 --qtls 20   # one size
    python benchmarks/scale.py --dag                                # planning only, at 1,000 and at 15,000 loci
    python benchmarks/scale.py --quick                              # planning of a small run
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import pandas as pd
from scale_cohort import Size, write_cohort, write_config
from scale_measure import growth_exponents, plan, run, share_found, steps

SIZES = (20, 60, 180)
DAG_SIZES = (Size(5, 1_000, 500, 2_000, 500, 20), Size(50, 15_000, 7_500, 2_000, 500, 49))
TINY = Size(1, 1, 1, 200, 100, 1)
UNITS = {"jobs": "jobs", "wall_seconds": "s", "cpu_seconds": "s", "peak_mb": "MB", "bytes": "bytes"}
GROWING = ("cpu_seconds", "peak_mb", "bytes")
Figure = tuple[str, str, float, str]


def described(size: Size) -> str:
    return f"{size.diseases} diseases, {size.loci} loci, {size.variants} variants each, {size.qtls} QTL sets"


def planning(size: Size, folder: Path) -> Iterator[Figure]:
    """Figures of the DAG alone, over the files of a tiny cohort: planning looks at names, not at contents."""
    there = folder / f"planned_{size.loci}"
    shutil.copytree(folder / "tiny", there)
    write_config(there, size, files=TINY)
    planned, case = plan(there), described(size)
    yield case, "jobs planned", planned.jobs, "jobs"
    yield case, "planning, clock", planned.wall_seconds, "s"
    yield case, "planning, processor", planned.cpu_seconds, "s"
    yield case, "planning, peak memory", planned.peak_mb, "MB"


def running(size: Size, folder: Path, cores: int, seed: int) -> tuple[pd.DataFrame, list[Figure]]:
    """Steps of a run, and its figures."""
    write_cohort(folder, size, seed=seed)
    seconds, case = run(folder, cores), described(size)
    table = steps(folder)
    found, n_loci = share_found(folder)
    figures: list[Figure] = [(case, "whole run, clock", seconds, "s")]
    for step, row in table.iterrows():
        figures += [(case, f"{step}: {name}", row[name], unit) for name, unit in UNITS.items()]
    figures += [
        (case, f"all steps: {name}", table[name].sum(), UNITS[name]) for name in ("jobs", "cpu_seconds", "bytes")
    ]
    figures.append((case, f"planted gene ranked first, of {n_loci} loci", found, "share"))
    return table, figures


def growth(tables: dict[float, pd.DataFrame]) -> Iterator[Figure]:
    sizes = sorted(tables)
    case = f"{', '.join(f'{size:g}' for size in sizes)} loci"
    for name in GROWING:
        exponents = growth_exponents(sizes, {size: table[name] for size, table in tables.items()})
        for step, exponent in exponents.items():
            yield case, f"{step}: growth of {name} with loci", exponent, "exponent"


def figures(options: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    if options.dag or options.quick:
        write_cohort(folder / "tiny", TINY, seed=options.seed)
        for size in (Size(2, 60, 30, 200, 100, 3),) if options.quick else DAG_SIZES:
            yield from planning(size, folder)
        return
    tables: dict[float, pd.DataFrame] = {}
    for loci in SIZES if options.loci is None else (options.loci,):
        places = loci // 2 if options.diseases > 1 else loci
        size = Size(options.diseases, loci, places, options.variants, options.people, options.qtls)
        tables[loci], found = running(size, folder / f"loci_{loci}", options.cores, options.seed)
        yield from found
    if len(tables) > 1:
        yield from growth(tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loci", type=int, help="of all diseases together; 20, 60 and 180 in turn unless given")
    parser.add_argument("--diseases", type=int, default=5)
    parser.add_argument("--variants", type=int, default=2_000, help="of each locus")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--qtls", type=int, default=20)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where cohorts and runs are kept; a temporary one unless given")
    parser.add_argument("--dag", action="store_true", help="planning only, at 1,000 and at 15,000 loci")
    parser.add_argument("--quick", action="store_true", help="planning of 60 loci")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for case, figure, value, unit in figures(
            options, Path(temporary) if options.folder is None else options.folder
        ):
            line = {"benchmark": "scale", "case": case, "figure": figure, "value": round(float(value), 3), "unit": unit}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
