"""Fine-mapping: the native SuSiE engine beside susieR, on one thread, in one run.

One JSON line per figure. Times are medians of repeated fits of the same locus: for susieR of the call of `susie_rss`
alone, with every argument already in R's memory; what the bridge needs to get them there is a figure of its own.
Genotypes are made up: haplotypes of blocks with a few forms each, so that R has both perfect and hardly any LD.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np
from timing import peak_memory

from locus2target.statgen import susier
from locus2target.statgen.engine import SusieInput, SusieSettings
from locus2target.statgen.engines import open_engine

PEOPLE = 1000
NATIVE_REPEATS, PEER_REPEATS = 7, 3


def make_factor(variants, rng):
    """Standardised genotypes over the root of n - 1, (people, variants), so that R is their cross product."""
    haplotypes = np.empty((2 * PEOPLE, variants), dtype=np.int8)
    form = rng.integers(0, 10, 2 * PEOPLE)
    start = 0
    while start < variants:
        width = min(int(rng.integers(30, 150)), variants - start)
        forms = rng.random((10, width)) < rng.beta(0.6, 1.2, width)
        frequencies = rng.dirichlet(np.full(10, 0.7))
        form = np.where(rng.random(2 * PEOPLE) < 0.35, rng.choice(10, 2 * PEOPLE, p=frequencies), form)
        haplotypes[:, start : start + width] = forms[form] ^ (rng.random((2 * PEOPLE, width)) < 0.005)
        start += width
    dosages = (haplotypes[:PEOPLE] + haplotypes[PEOPLE:]).astype(np.float64)
    centred = dosages - dosages.mean(axis=0)
    return centred / np.sqrt(np.square(centred).sum(axis=0))


def make_locus(variants, *, share_exchanged=0.0, seed=1):
    """z-scores of a trait with five signals, and the factor of their LD; some with exchanged alleles, if wanted."""
    rng = np.random.default_rng(seed)
    factor = make_factor(variants, rng)
    effects = rng.choice([-0.25, 0.25], 5) * (4.0 if share_exchanged else 1.0)
    trait = factor[:, rng.choice(variants, 5, replace=False)] @ effects * np.sqrt(PEOPLE - 1)
    trait += rng.normal(size=PEOPLE)
    trait -= trait.mean()
    r = factor.T @ trait / np.sqrt(np.square(trait).sum())
    z_score = r * np.sqrt((PEOPLE - 2) / (1 - r**2))
    return z_score * np.where(rng.random(variants) < share_exchanged, -1, 1), factor


def time_native(data, settings):
    """The fit, and seconds that it takes."""
    engine = open_engine("native")
    engine.fit(data, settings)  # compiles, or loads what was compiled
    seconds = []
    for _ in range(NATIVE_REPEATS):
        start = perf_counter()
        fit = engine.fit(data, settings)
        seconds.append(perf_counter() - start)
    return fit, median(seconds)


def time_peer(data, settings):
    """The peer's fit, seconds of its fitting function, and seconds to hand over the arguments."""
    session = susier._open_session()
    seconds, transfers = [], []
    for _ in range(PEER_REPEATS):
        session.collect_garbage()
        start = perf_counter()
        arguments = susier._arguments(session.interface, data, settings)
        transfers.append(perf_counter() - start)
        start = perf_counter()
        session.fit(**arguments)
        seconds.append(perf_counter() - start)
        del arguments
    return open_engine("susier").fit(data, settings), median(seconds), median(transfers)


def report(case, figure, value, unit, peer, peer_value, note):
    """Print one line."""
    line = {"benchmark": "finemapping", "case": case, "figure": figure, "value": value, "unit": unit, "peer": peer}
    ratio = round(peer_value / value, 1) if value else None
    print(json.dumps(line | {"peer_value": peer_value, "ratio": ratio, "note": note}), flush=True)


def measure_times(case, z_score, factor, settings):
    """Times of one locus in all the forms that its LD can have."""
    r = factor.T @ factor
    whole = SusieInput(z_score, r, float(PEOPLE))
    expected, peer_seconds, transfer = time_peer(whole, settings)
    forms = {
        "LD in float64": whole,
        "LD in float32": SusieInput(z_score, r.astype(np.float32), float(PEOPLE)),
        "factor in float64": SusieInput(z_score, None, float(PEOPLE), factor=factor),
        "factor in float32": SusieInput(z_score, None, float(PEOPLE), factor=factor.astype(np.float32)),
    }
    for form, data in forms.items():
        fit, seconds = time_native(data, settings)
        note = (
            f"{fit.n_iterations} sweeps, peer {expected.n_iterations}; converged {fit.converged}, peer "
            f"{expected.converged}; largest PIP difference {np.abs(fit.pip - expected.pip).max():.0e}"
        )
        report(case, f"time of a fit, {form}", round(seconds, 5), "s", expected.engine, round(peer_seconds, 3), note)
    note = f"not in the peer's times above: {transfer:.3f} s to hand its arguments to R"
    _, seconds = time_native(whole, settings)
    in_all = round(peer_seconds + transfer, 3)
    report(case, "time with the hand-over", round(seconds, 5), "s", expected.engine, in_all, note)


def measure_memory(case, z_score, factor):
    """Peak memory of a process that reads the LD and fits, less what it had before."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/z_score.npy", z_score)
        np.save(f"{folder}/factor.npy", factor)
        np.save(f"{folder}/r.npy", factor.T @ factor)
        peaks = {form: peak_of(folder, *form) for form in (("native", "r"), ("native", "factor"), ("susier", "r"))}
    peer = peaks["susier", "r"]
    for form, word in (("r", "LD in float64"), ("factor", "factor in float64")):
        note = "of a process of its own, above its state before the LD was read; LD or factor included"
        report(case, f"peak memory, {word}", peaks["native", form], "MB", "susieR", peer, note)


def peak_of(folder, engine, form):
    """Run `print_peak` in a process of its own."""
    command = [sys.executable, __file__, "--peak-of", engine, form, folder]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(engine_name, form, folder):
    """Fit the locus in the folder, and print by how much that raised the peak."""
    engine = open_engine(engine_name)
    tiny = np.eye(2)
    given = {"r": tiny} if form == "r" else {"r": None, "factor": tiny}
    engine.fit(SusieInput(np.array([0.0, 9.0]), n_samples=99.0, **given), SusieSettings())
    before = peak_memory()
    ld = np.load(f"{folder}/{form}.npy")
    given = {"r": ld} if form == "r" else {"r": None, "factor": ld}
    engine.fit(SusieInput(np.load(f"{folder}/z_score.npy"), n_samples=float(PEOPLE), **given), SusieSettings())
    print(round(peak_memory() - before, 1))


def main():
    """Run all of it, or what a process started by it is to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, to see that it works")
    parser.add_argument("--peak-of", nargs=3, metavar=("ENGINE", "FORM", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak_of:
        print_peak(*arguments.peak_of)
        return
    sizes = [200] if arguments.quick else [1000, 2000, 5000]
    for variants in sizes:
        measure_times(f"{variants} variants, 5 signals, L=10", *make_locus(variants), SusieSettings())
    unsettled = 101 if arguments.quick else 1001
    case = f"{unsettled} variants, exchanged alleles, not converging"
    measure_times(case, *make_locus(unsettled, share_exchanged=0.1), SusieSettings(max_iterations=100))
    measure_memory(f"{sizes[-1]} variants, 5 signals, L=10", *make_locus(sizes[-1]))


if __name__ == "__main__":
    main()
