"""LD matrix against plink 1.9, and reading dosages of a region against cyvcf2's own genotype array; one thread each.

`python benchmarks/ld.py [--quick]` prints one JSON line per figure. Without plink1.9 on the PATH the peer of the LD
matrix is numpy in double precision. Genotypes are simulated: blocks of 20 variants that share haplotypes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import numpy as np
import numpy.typing as npt
import pysam
import pysam.bcftools
from cyvcf2 import VCF

from locus2target.core.intervals import Region
from locus2target.ingest.cohort import CohortGenotypes
from locus2target.statgen import ld

FloatArray = npt.NDArray[np.float64]
CallArray = npt.NDArray[np.int8]

_PLINK_CODES = np.array([0b11, 0b10, 0b00, 0b01], dtype=np.uint8)  # of 0, 1, 2 copies of A1, and of a missing call
_MISSING = 3
_BIM_SPACING = 100


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        for n_variants, n_samples in [(300, 500)] if quick else [(2000, 2500), (5000, 10_000)]:
            calls = simulate_calls(n_variants, n_samples)
            benchmark_matrix(calls, Path(folder))
            calls[np.random.default_rng(2).random(calls.shape) < 0.01] = _MISSING
            benchmark_missing(calls)
        benchmark_imputed(*((100, 200) if quick else (2000, 2500)))
        benchmark_spectrum([200] if quick else [1000, 2000])
        for n_variants, n_samples in [(200, 300)] if quick else [(6000, 2500), (2000, 10_000), (1200, 20_000)]:
            benchmark_reading(n_variants, n_samples, Path(folder))


def simulate_calls(n_variants: int, n_samples: int) -> CallArray:
    """Hard calls 0, 1, 2, int8 of shape (n_variants, n_samples), with LD within blocks of 20."""
    rng = np.random.default_rng(1)
    calls = np.empty((n_variants, n_samples), dtype=np.int8)
    for variant in range(n_variants):
        if variant % 20 == 0:
            shared = rng.random((2, n_samples))
        own = np.where(rng.random((2, n_samples)) < 0.2, rng.random((2, n_samples)), shared)
        calls[variant] = (own < rng.uniform(0.05, 0.5)).sum(axis=0)
    return calls


def dosages_of(calls: CallArray) -> npt.NDArray[np.float32]:
    """Float32 dosages, NaN where missing, as `CohortGenotypes.read_region` gives them."""
    dosages = calls.astype(np.float32)
    dosages[calls == _MISSING] = np.nan
    return dosages


def median_seconds(function: Callable[[], object], *, repeats: int = 3) -> float:
    """Median wall time of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def report(case: str, figure: str, value: float, unit: str, **peer: Any) -> None:
    """Print one figure as a JSON line."""
    row = {"benchmark": "ld", "case": case, "figure": figure, "value": float(f"{value:.4g}"), "unit": unit, **peer}
    print(json.dumps(row), flush=True)


def benchmark_matrix(calls: CallArray, folder: Path) -> None:
    """All pairs' r: ours from arrays in memory, plink's from a .bed in the page cache to a file of r."""
    case = f"{calls.shape[0]} variants x {calls.shape[1]} people"
    dosages = dosages_of(calls)
    ld.correlation_matrix(dosages[:20])  # compiled or read from the cache
    reference = np.corrcoef(dosages.astype(np.float64))
    r = ld.correlation_matrix(dosages)
    report(case, "largest error of r", float(np.abs(r - reference).max()), "r", peer="numpy.corrcoef, float64")
    computing = median_seconds(lambda: ld.correlation_matrix(dosages))
    decoding = median_seconds(lambda: ld.correlation_matrix(dosages_of(calls)))
    writing = median_seconds(lambda: np.save(folder / "r.npy", ld.correlation_matrix(dosages_of(calls)).astype("f4")))
    peer, peer_seconds, peer_r = time_peer(calls, folder)
    if peer_r is not None:
        report(case, "largest difference to the peer", float(np.abs(r - peer_r).max()), "r", peer=peer)
    for seconds, note in (
        (computing, "ours: float32 dosages in memory to r (float64) in memory"),
        (decoding, "ours: int8 calls in memory to dosages to r in memory"),
        (writing, "ours: int8 calls in memory to dosages to r, written as float32"),
    ):
        report(
            case,
            "LD matrix",
            seconds,
            "s",
            peer=peer,
            peer_value=round(peer_seconds, 4),
            ratio=round(peer_seconds / seconds, 2),
            note=note,
        )


def time_peer(calls: CallArray, folder: Path) -> tuple[str, float, FloatArray | None]:
    """Name, seconds and r of plink 1.9; of numpy's product where plink is not there."""
    plink = shutil.which("plink1.9")
    if plink is None:
        print("plink1.9 is not here (apt-get install plink1.9); the peer is numpy in float64", file=sys.stderr)
        dosages = calls.astype(np.float64)
        return "numpy float64 corrcoef", median_seconds(lambda: np.corrcoef(dosages)), None
    stem = folder / "calls"
    write_bed(calls, stem)
    command = [
        plink,
        "--bfile",
        str(stem),
        "--r",
        "square",
        "bin4",
        "--keep-allele-order",
        "--threads",
        "1",
        "--out",
        str(stem),
    ]
    seconds = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    r = np.fromfile(f"{stem}.ld.bin", dtype=np.float32).reshape(len(calls), len(calls)).astype(np.float64)
    return "plink 1.9 --r square bin4, whole run: .bed in the page cache to float32 file", seconds, r


def write_bed(calls: CallArray, stem: Path) -> None:
    """PLINK's .bed, .bim and .fam; four people a byte."""
    n_variants, n_samples = calls.shape
    padded = np.zeros((n_variants, -(-n_samples // 4) * 4), dtype=np.uint8)
    padded[:, :n_samples] = _PLINK_CODES[calls]
    four = padded.reshape(n_variants, -1, 4)
    bits = four[:, :, 0] | four[:, :, 1] << 2 | four[:, :, 2] << 4 | four[:, :, 3] << 6
    stem.with_suffix(".bed").write_bytes(b"\x6c\x1b\x01" + bits.tobytes())
    bim = (f"1\tv{row}\t0\t{_BIM_SPACING * (row + 1)}\tA\tG\n" for row in range(n_variants))
    stem.with_suffix(".bim").write_text("".join(bim))
    stem.with_suffix(".fam").write_text("".join(f"p{person} p{person} 0 0 0 -9\n" for person in range(n_samples)))


def benchmark_missing(calls: CallArray) -> None:
    """Hard calls, a few of them missing in every variant."""
    dosages = dosages_of(calls)
    case = f"{calls.shape[0]} variants x {calls.shape[1]} people, 1% missing in every variant"
    report(case, "LD matrix", median_seconds(lambda: ld.correlation_matrix(dosages)), "s", note="mean imputation")


def benchmark_imputed(n_variants: int, n_samples: int) -> None:
    """Dosages that are not whole numbers: double precision, and what single precision would save and cost."""
    noise = np.random.default_rng(3).normal(0, 0.05, (n_variants, n_samples))
    dosages = np.clip(simulate_calls(n_variants, n_samples) + noise, 0, 2).astype(np.float32)
    single = ld.standardize_dosages(dosages).astype(np.float32)
    error = float(np.abs(single @ single.T - ld.correlation_matrix(dosages)).max())
    report(
        f"{n_variants} variants x {n_samples} people, imputed",
        "LD matrix",
        median_seconds(lambda: ld.correlation_matrix(dosages)),
        "s",
        peer="the product alone in single precision",
        peer_value=median_seconds(lambda: single @ single.T),
        note=f"single precision misses r by up to {error:.1e}",
    )


def benchmark_spectrum(sizes: list[int]) -> None:
    """Eigendecomposition of r where there are more people than variants."""
    for n_variants in sizes:
        r = ld.correlation_matrix(dosages_of(simulate_calls(n_variants, n_variants + 500)))
        seconds = median_seconds(partial(ld.spectrum_of_matrix, r))
        report(f"{n_variants} variants", "eigendecomposition", seconds, "s")


def benchmark_reading(n_variants: int, n_samples: int, folder: Path) -> None:
    """Dosages of a region from BCF, and the bare loop over cyvcf2's genotype arrays of the same records; CPU time."""
    path = write_bcf(simulate_calls(n_variants, n_samples), folder)
    region = Region("1", 0, _BIM_SPACING * (n_variants + 1))

    def read_arrays() -> None:
        for record in VCF(path)(f"1:1-{region.end}"):
            record.genotype.array()

    with CohortGenotypes({"all": path}, dosage_field="GT", genome=None) as cohort:
        n_found = len(cohort.read_region(region, min_maf=0.0).variants)
        seconds, peer_seconds = alternating_cpu_seconds(partial(cohort.read_region, region, min_maf=0.0), read_arrays)
    report(
        f"{n_variants} variants x {n_samples} people, BCF",
        "reading a region",
        n_found / seconds,
        "variants/s",
        peer="loop over cyvcf2 variant.genotype.array(), nothing done with it",
        peer_value=round(n_variants / peer_seconds),
        ratio=round(n_found / n_variants * peer_seconds / seconds, 2),
        note="CPU time; ours ends with checked, counted dosages (float32) and a table of variants",
    )


def alternating_cpu_seconds(
    ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int = 7
) -> tuple[float, float]:
    """Median CPU time of two functions that are called in turn, so that both meet the same machine."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, own in zip((ours, theirs), seconds, strict=True):
            start = time.process_time()
            function()
            own.append(time.process_time() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def write_bcf(calls: CallArray, folder: Path) -> str:
    """Phased hard calls as an indexed BCF."""
    n_variants, n_samples = calls.shape
    text, path = folder / "calls.vcf", str(folder / "calls.bcf")
    names = "\t".join(f"p{person}" for person in range(n_samples))
    genotypes = np.array(["0|0", "0|1", "1|1"])
    with text.open("w") as file:
        file.write(f"##fileformat=VCFv4.2\n##contig=<ID=1,length={_BIM_SPACING * (n_variants + 1)}>\n")
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        file.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n")
        for row, calls_of_variant in enumerate(calls):
            file.write(f"1\t{_BIM_SPACING * (row + 1)}\t.\tA\tG\t.\t.\t.\tGT\t")
            file.write("\t".join(genotypes[calls_of_variant]) + "\n")
    with pysam.VariantFile(str(text)) as source, pysam.VariantFile(path, "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    pysam.bcftools.index(path)
    text.unlink()
    return path


if __name__ == "__main__":
    main()
