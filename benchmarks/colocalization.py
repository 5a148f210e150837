"""Colocalization of all pairs of two sets of traits, against one pair at a time.

Prints one JSON line per figure. Peers, each timed in the same run on a sample of the pairs: `coloc.abf` where R has
coloc (`install.packages("coloc")`); what it does for a pair, written plainly in pandas (Bayes factors of both traits, a
merge by variant name, the sums) and in numpy (without the merge, which is then done). `max_difference` is the largest
difference between any posterior and ours. One thread; medians over `--repeats`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from locus2target.core.schemas import QTL_SIGNAL_LBF, QTL_SIGNALS, SIGNALS
from locus2target.core.variants import variant_keys
from locus2target.statgen.abf import wakefield_log_bayes_factors
from locus2target.statgen.coloc_pairs import Priors, hypothesis_posteriors, pair_sums
from locus2target.statgen.coloc_traits import arrange_signals
from locus2target.statgen.colocalization import ColocalizationRules, colocalize_locus

PRIORS = Priors(1e-4, 1e-4, 1e-5)
PRIOR_SD = 0.15
N_SAMPLES = 1000
FloatArray = np.ndarray
R_PROGRAM = """
suppressMessages(library(coloc))
args <- commandArgs(TRUE)
beta <- as.matrix(read.table(file.path(args[1], "beta.txt")))
varbeta <- as.matrix(read.table(file.path(args[1], "varbeta.txt")))
snp <- paste0("v", seq_len(ncol(beta)))
dataset <- function(i) list(beta=beta[i,], varbeta=varbeta[i,], snp=snp, type="quant", sdY=1)
pairs <- as.integer(args[2]); repeats <- as.integer(args[3])
seconds <- numeric(0)
for (r in seq_len(repeats)) {
  start <- proc.time()[["elapsed"]]
  for (i in seq_len(pairs)) {
    out <- capture.output(h <- coloc.abf(dataset(2 * i - 1), dataset(2 * i))$summary)
    if (r == 1) write(paste(format(h[2:6], digits=15), collapse=" "), file.path(args[1], "h.txt"), append=i > 1)
  }
  seconds <- c(seconds, (proc.time()[["elapsed"]] - start) / pairs)
}
cat(median(seconds))
"""


def simulate(n_traits: int, n_variants: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Effects and their variances, float64 arrays of shape (n_traits, n_variants): a peak, in LD that decays."""
    rng = np.random.default_rng(seed)
    variance = 1.0 / (2 * N_SAMPLES * rng.uniform(0.05, 0.95, n_variants) ** 2)
    distance = np.abs(np.arange(n_variants) - rng.integers(0, n_variants, (n_traits, 1)))
    z_score = rng.uniform(0, 8, (n_traits, 1)) * np.exp(-distance / 50) + rng.normal(size=(n_traits, n_variants))
    return z_score * np.sqrt(variance), np.broadcast_to(variance, z_score.shape)


def log_bayes_factors(beta: FloatArray, variance: FloatArray) -> FloatArray:
    """Wakefield's, of a quantitative trait of standard deviation 1."""
    return wakefield_log_bayes_factors(beta / np.sqrt(variance), variance, prior_sd=PRIOR_SD)


def all_pairs(first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Posteriors of H0 to H4, shape (n_first, n_second, 5), from effects and variances."""
    return hypothesis_posteriors(pair_sums(log_bayes_factors(*first), log_bayes_factors(*second)), PRIORS)


def logsum(values: FloatArray) -> float:
    """Log of the sum of exponentials."""
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))


def one_pair(first: FloatArray, second: FloatArray) -> FloatArray:
    """Posteriors of one pair from its log Bayes factors, with the sums that coloc takes."""
    a, b, c = logsum(first), logsum(second), logsum(first + second)
    p1, p2, p12 = np.log([PRIORS.p1, PRIORS.p2, PRIORS.p12])
    different = a + b + np.log1p(-np.exp(c - a - b))
    weights = np.array([0.0, p1 + a, p2 + b, p1 + p2 + different, p12 + c])
    return np.exp(weights - logsum(weights))


def from_tables(first: pd.DataFrame, second: pd.DataFrame) -> FloatArray:
    """What coloc.abf does for a pair: Bayes factors of either side, a merge by name, the sums."""
    factors = [
        table[["snp"]].assign(lbf=log_bayes_factors(table["beta"].to_numpy(), table["varbeta"].to_numpy()))
        for table in (first, second)
    ]
    merged = factors[0].merge(factors[1], on="snp", suffixes=("_1", "_2"))
    return one_pair(merged["lbf_1"].to_numpy(), merged["lbf_2"].to_numpy())


def from_arrays(first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray], pair: int) -> FloatArray:
    """The same for the pair (pair, pair) of variants that are matched already."""
    return one_pair(
        log_bayes_factors(first[0][pair], first[1][pair]), log_bayes_factors(second[0][pair], second[1][pair])
    )


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    """Wall time of one call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def report(case: str, figure: str, value: float, unit: str, **others: object) -> None:
    """Write one figure as a JSON line."""
    line = {"benchmark": "colocalization", "case": case, "figure": figure, "value": value, "unit": unit} | others
    sys.stdout.write(f"{json.dumps(line)}\n")


def r_with_coloc() -> str | None:
    """The path of an Rscript whose R has coloc; None when there is none."""
    program = shutil.which("Rscript")
    if program is None:
        return None
    question = [program, "-e", 'cat(requireNamespace("coloc", quietly=TRUE))']
    answer = subprocess.run(question, capture_output=True, text=True, check=False).stdout.strip()
    return program if answer == "TRUE" else None


def coloc_in_r(
    rscript: str,
    first: tuple[FloatArray, FloatArray],
    second: tuple[FloatArray, FloatArray],
    n_pairs: int,
    repeats: int,
) -> tuple[float, FloatArray]:
    """Seconds of coloc.abf per pair, and its posteriors of the pairs (0, 0), (1, 1), ..."""
    with tempfile.TemporaryDirectory() as folder:
        for name, number in (("beta", 0), ("varbeta", 1)):
            rows = np.stack([first[number][:n_pairs], second[number][:n_pairs]], axis=1)
            np.savetxt(Path(folder) / f"{name}.txt", rows.reshape(2 * n_pairs, -1), fmt="%.17g")
        program = Path(folder) / "pairs.R"
        program.write_text(R_PROGRAM)
        command = [rscript, str(program), folder, str(n_pairs), str(repeats)]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(found.stdout), np.loadtxt(Path(folder) / "h.txt")


def benchmark_pairs(n_traits: int, n_variants: int, repeats: int) -> None:
    """All pairs of `n_traits` x `n_traits`, against a sample of pairs one at a time."""
    first, second = simulate(n_traits, n_variants, 1), simulate(n_traits, n_variants, 2)
    found = all_pairs(first, second)
    ours = median_seconds(lambda: all_pairs(first, second), repeats) / n_traits**2
    n_sample = min(n_traits, 50)
    pairs = np.arange(n_sample)
    expected = found[pairs, pairs]

    def tell(peer: str, seconds: float, answers: FloatArray) -> None:
        report(
            f"{n_traits} x {n_traits} traits, {n_variants} variants",
            "per_pair",
            ours * 1e6,
            "us",
            peer=peer,
            peer_value=seconds * 1e6,
            ratio=seconds / ours,
            max_difference=float(np.abs(answers - expected).max()),
            note=f"all in: Bayes factors of {2 * n_traits} traits and the posteriors of {n_traits**2} pairs",
        )

    rscript = r_with_coloc()
    if rscript is not None:
        tell("coloc.abf (R)", *coloc_in_r(rscript, first, second, n_sample, repeats))
    names = [f"v{number}" for number in range(n_variants)]
    tables = [
        [pd.DataFrame({"snp": names, "beta": beta[pair], "varbeta": variance[pair]}) for pair in pairs]
        for beta, variance in (first, second)
    ]
    for peer, run in (
        ("per pair in pandas: Bayes factors, merge, sums", lambda pair: from_tables(tables[0][pair], tables[1][pair])),
        ("per pair in numpy: Bayes factors, sums", lambda pair: from_arrays(first, second, pair)),
    ):
        answers = np.array([run(pair) for pair in pairs])
        tell(peer, median_seconds(lambda run=run: [run(pair) for pair in pairs], repeats) / n_sample, answers)


def toy_locus(
    n_tissues: int, n_genes: int, n_variants: int, n_signals: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Disease signals and the rows of a QTL set in one locus."""
    variants = pd.DataFrame({"chromosome": "1", "position": 1000 + 10 * np.arange(n_variants), "ref": "A", "alt": "G"})
    variants["variant"] = variant_keys(variants)
    beta, variance = simulate(n_tissues * n_genes, n_variants, 3)
    rows = pd.concat([variants] * len(beta), ignore_index=True)
    trait = np.repeat(np.arange(len(beta)), n_variants)
    tissues = np.array([f"tissue{number}" for number in range(n_tissues)], dtype=object)
    genes = np.array([f"ENSG{number:011d}" for number in range(n_genes)], dtype=object)
    z_score = (beta / np.sqrt(variance)).ravel()
    rows = rows.assign(
        beta=beta.ravel(),
        standard_error=np.sqrt(variance).ravel(),
        z_score=z_score,
        neg_log10_p=z_score**2 / 2 / np.log(10),
        alt_frequency=0.3,
        minor_allele_frequency=0.3,
        n_effective=float(N_SAMPLES),
        tissue=tissues[trait // n_genes],
        gene_id=genes[trait % n_genes],
        phenotype_id=genes[trait % n_genes],
    )
    signals = SIGNALS.frame(
        {"signal": k, "method": "susie" if k else "abf", "primary": k > 0} for k in range(n_signals + 1)
    )
    factors = log_bayes_factors(*simulate(n_signals + 1, n_variants, 4))
    lbf = pd.concat(
        [variants.assign(signal=k, log_bayes_factor=factors[k], effect_sign=1.0) for k in range(n_signals + 1)]
    )
    return signals, lbf, rows


def benchmark_locus(n_tissues: int, n_genes: int, n_variants: int, n_signals: int, repeats: int) -> None:
    """A whole locus, rows of tables in, rows of tables out."""
    signals, lbf, rows = toy_locus(n_tissues, n_genes, n_variants, n_signals)
    locus = {"locus": "l", "study": "s", "disease": "d"}
    sheet = {"qtl_type": "eqtl", "tissue": None, "sd_y": 1.0, "coverage": "full"}
    rules = ColocalizationRules(PRIORS, posterior_threshold=0.8, min_shared_variants=50)

    def run() -> int:
        arranged = arrange_signals(signals, lbf)
        return len(
            colocalize_locus(
                locus,
                arranged,
                rows,
                qtl="q",
                qtl_sheet=sheet,
                qtl_signals=QTL_SIGNALS.empty(),
                qtl_signal_lbf=QTL_SIGNAL_LBF.empty(),
                rules=rules,
            ).colocalization
        )

    case = f"{n_tissues} tissues x {n_genes} genes x {n_signals} + 1 signals, {n_variants} variants"
    n_pairs = run()
    seconds = median_seconds(run, repeats)
    report(
        case, "locus", seconds, "s", note=f"{n_pairs} rows, {seconds / n_pairs * 1e6:.0f} us each, tables in and out"
    )


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows that the script works")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    sizes = [(20, 500)] if arguments.quick else [(200, 500), (200, 2000), (200, 5000)]
    for n_traits, n_variants in sizes:
        benchmark_pairs(n_traits, n_variants, arguments.repeats)
    n_tissues, n_genes, n_variants = (3, 4, 500) if arguments.quick else (49, 40, 1000)
    benchmark_locus(n_tissues, n_genes, n_variants, n_signals=3, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
