"""What convergence is worth to a run of one disease with few loci: the shipped weights on signals that were cut.

Each trait of the ranking benchmark keeps N of its signals, drawn at random, and other traits tell nothing, as in a run
of one disease. Convergence is computed anew from what is left; distance and other signals stay, and so do the shipped
weights, of the fit without the locus' chromosome. One JSON line per figure, over the draws. Beside them the same
without cutting, with all traits pooled, and with convergence 0 (the other weights as they are).

    python benchmarks/few_loci.py
    python benchmarks/few_loci.py --quick
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np
import numpy.typing as npt
import pandas as pd
from fit_ranking import FILES, TRUTH

from locus2target.targets.benchmark_data import WINDOW_BP, Benchmark, read_credible_sets, read_genes, read_truth
from locus2target.targets.benchmark_metrics import AVERAGES, lay_out, top_hits
from locus2target.targets.benchmark_run import prepare
from locus2target.targets.convergence import POOLED_CAP, converge
from locus2target.targets.gene_sets import Membership, build_membership, read_gmt
from locus2target.targets.ranking_model import FittedModel, LocusTable, log_loss, read_models, softmax_by_locus
from locus2target.targets.signal_shares import SignalShares, share_signals

MODELS = ROOT / "resources" / "ranking" / "fitted_weights.json"
SIZES = (3, 5, 10, 20, 50)
QUICK_SIZES = (3, 1_000)
"""No trait has as many as the second: it must give what the uncut signals give."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals of all traits, and the genes that they point at.

    Attributes
    ----------
    trait
        int64 (n_signals,): number of each signal's trait.
    shares
        Of the signals.
    chromosomes
        str (n_genes,).
    studied
        bool (n_genes,): genes on a chromosome with a signal before the cut; a run knows only those with a locus.
    membership
        Rows as the genes.
    rows
        Trait and gene of each candidate of the benchmark, int64 (n_candidates,) each.
    """

    trait: npt.NDArray[np.int64]
    shares: SignalShares
    chromosomes: npt.NDArray[np.str_]
    studied: npt.NDArray[np.bool_]
    membership: Membership
    rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

    def convergence(self, kept: npt.NDArray[np.bool_]) -> Floats:
        """Convergence of each candidate as the kept signals of its trait alone give it, float64 (n_candidates,)."""
        n_traits = int(self.trait.max()) + 1
        groups = np.where(kept, self.trait, n_traits)  # what was cut goes to a row of its own
        weights = self.shares.per_gene(groups, shape=(n_traits + 1, len(self.chromosomes)))[:n_traits]
        capped = np.minimum(weights, POOLED_CAP)
        found = converge(capped, self.chromosomes, self.membership.matrix, studied=self.studied)
        strongest: Floats = found.strongest[self.rows]
        return strongest

    def draw(self, size: int, seed: int) -> npt.NDArray[np.bool_]:
        """Signals that are kept, at most `size` of each trait, bool (n_signals,)."""
        order = np.random.default_rng(seed).permutation(len(self.trait))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = pd.Series(self.trait[order]).groupby(self.trait[order]).cumcount()
        kept: npt.NDArray[np.bool_] = place < size
        return kept


def read_signals(benchmark: Benchmark, slope: float) -> Signals:
    genes = read_genes(FILES.genes).query("gene_type == 'protein_coding'").reset_index(drop=True)
    sets = read_credible_sets(FILES.credible_sets).query("not has_coding")  # as in ranking_features
    numbers = sets.groupby(["trait", "credible_set_id", "chromosome"]).ngroup()
    shares = share_signals(sets.assign(signal=numbers, weight=sets["pip"]), genes, slope=slope, window_bp=WINDOW_BP)
    traits = pd.Index(np.unique(sets["trait"]))
    of_signal = traits.get_indexer(pd.Index(sets.groupby(numbers)["trait"].first())).astype(np.int64)
    candidates = benchmark.candidates
    of_candidate = traits.get_indexer(pd.Index(candidates["trait"])).astype(np.int64)
    gene = pd.Index(genes["gene_id"]).get_indexer(pd.Index(candidates["gene"])).astype(np.int64)
    chromosomes = genes["chromosome"].to_numpy(np.str_)
    studied = np.isin(chromosomes, sets["chromosome"].to_numpy(np.str_))
    membership = build_membership([read_gmt(FILES.gene_sets)], genes[["gene_id", "gene_symbol"]])
    return Signals(of_signal, shares, chromosomes, studied, membership, (of_candidate, gene))


def judge(benchmark: Benchmark, table: LocusTable, model: FittedModel) -> Callable[[Floats], tuple[float, ...]]:
    """Give held-out log loss per gene, and top-1 per locus and per gene, as a function of convergence."""
    layout = lay_out(benchmark.candidates, benchmark.targets)
    weights = [layout.weights(np.ones((1, layout.n_genes)), average)[0] for average in AVERAGES]

    def figures(convergence: Floats) -> tuple[float, ...]:
        seen = LocusTable(table.locus, table.chromosome, table.features.assign(convergence=convergence), table.target)
        log_odds = model.log_odds(seen)
        hits = top_hits(layout, softmax_by_locus(log_odds, table.locus), 1)
        top = [float(weight @ hits / weight.sum()) for weight in weights]
        return log_loss(log_odds, seen) / float(table.target.sum()), *top

    return figures


def lines(case: str, draws: Sequence[tuple[float, ...]], without: float, note: str) -> Iterator[dict[str, object]]:
    """Figures of one case over its draws, each draw as `judge` gives it."""
    losses, *tops = np.array(draws).T
    base = {"benchmark": "few_loci", "case": case}
    values = [
        ("log loss, mean", losses.mean(), "nats per gene"),
        ("log loss, smallest", losses.min(), "nats per gene"),
        ("log loss, largest", losses.max(), "nats per gene"),
        ("draws worse than without convergence", (losses > without).mean(), "share"),
        *((f"top-1 per {average}, mean", top.mean(), "share") for average, top in zip(AVERAGES, tops, strict=True)),
    ]
    for figure, value, unit in values:
        yield {**base, "figure": figure, "value": round(float(value), 4), "unit": unit, "note": note}


def cases(sizes: Sequence[int], n_draws: int) -> Iterator[dict[str, object]]:
    models, facts = read_models(MODELS)
    slope = facts["shares_slope"]
    benchmark, table = prepare(read_truth(TRUTH), FILES, shares_slope=slope)
    signals = read_signals(benchmark, slope)
    figures = judge(benchmark, table, models["model"])
    nothing = figures(np.zeros(len(table.locus)))
    for size in sizes:
        draws = [figures(signals.convergence(signals.draw(size, seed))) for seed in range(n_draws)]
        yield from lines(f"{size} signals per trait", draws, nothing[0], f"{n_draws} draws, each trait alone")
    own, pooled = (table.features[name].to_numpy(np.float64) for name in ("convergence_own", "convergence"))
    yield from lines("all signals, each trait alone", [figures(own)], nothing[0], _counts(signals))
    yield from lines("all signals, traits pooled", [figures(pooled)], nothing[0], "as the benchmark of the ranking")
    yield from lines("without convergence", [nothing], nothing[0], "other weights the same")


def _counts(signals: Signals) -> str:
    """How many signals the traits of the benchmark's loci have."""
    measured = np.unique(signals.rows[0])
    counts = np.bincount(signals.trait)[measured]
    return f"{counts.min()} to {counts.max()} signals per trait, median {np.median(counts):g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20, help="random choices of signals per case")
    parser.add_argument("--quick", action="store_true", help="2 draws of two cases")
    options = parser.parse_args()
    sizes, n_draws = (QUICK_SIZES, 2) if options.quick else (SIZES, options.draws)
    for line in cases(sizes, n_draws):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
