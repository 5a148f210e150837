"""Features of benchmark loci: what the fitted part of the ranking knows of each candidate gene.

    distance        PIP-weighted mean of log10(bases to the transcription start + 1 kb)
    other_signals   log(1 + expected number of the trait's other signals that act through the gene, by distance)
    convergence     log(1 + largest z of the gene's sets over the trait's signals on other chromosomes), traits pooled
    convergence_own the same with the signals of the trait alone

The truth of a locus is a coding signal of the same trait beside it, so that no credible set that holds a coding
variant is a signal here, on any chromosome and of any trait; and convergence never reads the locus' chromosome.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.targets.benchmark_data import Benchmark
from locus2target.targets.convergence import POOLED_CAP, converge
from locus2target.targets.gene_sets import GeneSetFile, Membership, build_membership
from locus2target.targets.signal_shares import SignalShares, share_signals

FEATURES = ("distance", "other_signals", "convergence", "convergence_own")
_KEYS = ["trait", "credible_set_id", "chromosome"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Signals:
    """Signals of all traits: one row per signal, and their shares of the genes."""

    table: pd.DataFrame  # trait, credible_set_id, chromosome; the index is the number of the signal
    trait: npt.NDArray[np.int64]
    traits: pd.Index
    shares: SignalShares


def benchmark_features(
    benchmark: Benchmark,
    genes: pd.DataFrame,
    credible_sets: pd.DataFrame | None,
    gene_sets: GeneSetFile,
    *,
    shares_slope: float,
    window_bp: int,
) -> pd.DataFrame:
    """Compute the features of all candidates.

    Parameters
    ----------
    benchmark
        From `build_benchmark`.
    genes
        From `read_genes`, the genes that may be candidates; symbols that several of them bear are in no gene set.
    credible_sets
        All credible sets of the traits (`read_credible_sets`). Without them the lead variants of the benchmark's loci
        are the signals that convergence learns from, and `other_signals` is 0: whether leads are independent is
        unknown.
    gene_sets
        What convergence looks for.
    shares_slope
        See `signal_shares`.
    window_bp
        As of the benchmark.

    Returns
    -------
    One column per feature of `FEATURES`, rows as `benchmark.candidates`.
    """
    candidates = benchmark.candidates
    known = genes.reset_index(drop=True)
    rows = pd.Index(known["gene_id"]).get_indexer(pd.Index(candidates["gene"]))
    variants = _variants_of_leads(benchmark) if credible_sets is None else credible_sets
    signals = _share(variants, known, shares_slope, window_bp)
    trait = signals.traits.get_indexer(pd.Index(candidates["trait"]))
    shape = (len(signals.traits), len(known))
    membership = build_membership([gene_sets], known[["gene_id", "gene_symbol"]])
    pooled, alone = _convergence(signals, known, membership)
    others = np.zeros(len(candidates)) if credible_sets is None else _other_signals(candidates, rows, signals, shape)
    columns = {
        "distance": candidates["mean_log10_tss_distance"].to_numpy(np.float64),
        "other_signals": np.log1p(others),
        "convergence": pooled[trait, rows],
        "convergence_own": alone[trait, rows],
    }
    return pd.DataFrame(columns, index=candidates.index)


def _convergence(signals: _Signals, genes: pd.DataFrame, membership: Membership) -> tuple[Floats, Floats]:
    """Strongest set of each trait and gene, traits pooled and each alone, float64 (n_traits, n_genes)."""
    chromosomes = genes["chromosome"].to_numpy(np.str_)
    weights = signals.shares.per_gene(signals.trait, shape=(len(signals.traits), len(genes)))
    # chromosomes on which no trait has a signal were not looked at
    studied = np.isin(chromosomes, signals.table["chromosome"].to_numpy(np.str_))
    found = [
        converge(np.minimum(weights, POOLED_CAP), chromosomes, membership.matrix, studied=studied, pooled=pooled)
        for pooled in (True, False)
    ]
    return found[0].strongest, found[1].strongest


def _variants_of_leads(benchmark: Benchmark) -> pd.DataFrame:
    return benchmark.loci.assign(credible_set_id=benchmark.loci["position"].astype(str), pip=1.0, has_coding=False)


def _share(variants: pd.DataFrame, genes: pd.DataFrame, slope: float, window_bp: int) -> _Signals:
    """Share out the signals without a coding variant; a trait that has none stays in `traits`."""
    traits = pd.Index(np.unique(variants["trait"]))
    noncoding = variants[~variants["has_coding"].to_numpy(np.bool_)]
    numbered = noncoding.assign(signal=noncoding.groupby(_KEYS, sort=True).ngroup(), weight=noncoding["pip"])
    positive = numbered[numbered.groupby("signal")["weight"].transform("sum") > 0]
    table = numbered.groupby("signal")[_KEYS].first()
    shares = share_signals(positive, genes, slope=slope, window_bp=window_bp)
    return _Signals(table, traits.get_indexer(pd.Index(table["trait"])).astype(np.int64), traits, shares)


def _other_signals(
    candidates: pd.DataFrame, rows: npt.NDArray[np.int64], signals: _Signals, shape: tuple[int, int]
) -> Floats:
    """Expected number of signals beside the locus' own, float64 (n_candidates,)."""
    totals = signals.shares.per_gene(signals.trait, shape=shape)
    numbers = pd.Series(signals.table.index, index=pd.MultiIndex.from_frame(signals.table[_KEYS]))
    own_signal = numbers.reindex(pd.MultiIndex.from_frame(candidates[_KEYS])).fillna(-1).to_numpy(np.int64)
    pairs = pd.MultiIndex.from_arrays([signals.shares.signal, signals.shares.gene])
    shares = pd.Series(signals.shares.share, index=pairs)
    own = shares.reindex(pd.MultiIndex.from_arrays([own_signal, rows])).fillna(0.0).to_numpy(np.float64)
    trait = signals.traits.get_indexer(pd.Index(candidates["trait"]))
    # rounding must not leave a gene with less than nothing
    others: Floats = np.maximum(totals[trait, rows] - own, 0.0)
    return others
