"""Run the pipeline on a cohort, and read what it took: time, memory, jobs and bytes of each step, and how they grow."""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from locus2target.core import schemas
from locus2target.core.tables import read_table

ROOT = Path(__file__).parents[1]
_TOTAL = re.compile(r"^total\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Planning:
    """What building the DAG took: jobs, seconds on the clock and of the processor, peak memory."""

    jobs: int
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def plan(folder: Path, snakefile: Path = ROOT / "Snakefile") -> Planning:
    """Time a dry run; call it in a process of its own, whose other children need less memory."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = _snakemake(folder, snakefile, "--dry-run", "--quiet", "rules")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = _TOTAL.search(done.stdout)
    if total is None:
        raise RuntimeError(f"the dry run counted no jobs: {done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Planning(int(total[1]), time.perf_counter() - start, cpu, after.ru_maxrss / 1000)


def run(folder: Path, cores: int, snakefile: Path = ROOT / "Snakefile") -> float:
    """Run the whole pipeline, and give the seconds on the clock."""
    start = time.perf_counter()
    _snakemake(folder, snakefile, "--cores", str(cores), "--scheduler", "greedy")
    return time.perf_counter() - start


def _snakemake(folder: Path, snakefile: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    command += ["--configfile", str(folder / "config/config.yaml"), *options]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **threads}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"snakemake ended with {done.returncode}: {(done.stderr + done.stdout)[-4000:]}")
    return done


def steps(folder: Path) -> pd.DataFrame:
    """What the jobs of each step took, from Snakemake's benchmark files.

    Returns
    -------
    Indexed by step: `jobs`, `wall_seconds` and `cpu_seconds` of all jobs together, `peak_mb` of the largest (resident
    memory, sampled), `bytes` that the step left in results.
    """
    benchmarks = folder / "logs/benchmarks"
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        step = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        rows.append({"step": step, "wall_seconds": job["s"], "cpu_seconds": job["cpu_time"], "peak_mb": job["max_rss"]})
    each = pd.DataFrame(rows).groupby("step")
    table = each[["wall_seconds", "cpu_seconds"]].sum().assign(jobs=each.size(), peak_mb=each["peak_mb"].max())
    return table.assign(bytes=[_bytes_in(folder / "results" / step) for step in table.index])


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def growth_exponents(sizes: Sequence[float], values: Mapping[float, pd.Series]) -> pd.Series:
    """Slope of log value on log size, by least squares over the sizes: 1 is proportional, 0 does not grow."""
    table = pd.DataFrame(dict(values))[list(sizes)].dropna()
    log_size = np.log(np.asarray(sizes, dtype=np.float64))
    centred = log_size - log_size.mean()
    slopes = np.log(table.clip(lower=1e-9).to_numpy(np.float64)) @ centred / (centred @ centred)
    return pd.Series(slopes, index=table.index)


def share_found(folder: Path) -> tuple[float, int]:
    """Share of the loci found whose planted gene is ranked first, and the number of those loci."""
    truth = pd.read_csv(folder / "truth.tsv", sep="\t", dtype={"chromosome": str})
    hits = []
    for disease, planted in truth.groupby("disease"):
        candidates = read_table(folder / f"results/rank_genes/{disease}.locus_genes.parquet", schemas.LOCUS_GENES)
        named = candidates[candidates["gene_id"] != "none"].sort_values("locus_rank")
        first = named.drop_duplicates("locus")
        hits += [_is_planted(row, planted) for row in first[["locus", "gene_id"]].itertuples(index=False)]
    judged = [hit for hit in hits if hit is not None]
    return float(np.mean(judged)) if judged else float("nan"), len(judged)


def _is_planted(found: tuple[str, str], planted: pd.DataFrame) -> bool | None:
    """Whether the first gene of a locus is the planted one; None for a locus around no planted variant."""
    locus, gene = found
    chromosome, start, end = locus.rsplit("__", 1)[1].rsplit("_", 2)
    inside = planted["chromosome"].eq(chromosome) & planted["position"].between(int(start), int(end))
    return bool(planted.loc[inside, "gene_id"].eq(gene).any()) if inside.any() else None
