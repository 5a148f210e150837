"""Features of benchmark loci: what the fitted part of the ranking knows of each candidate gene.

    distance        PIP-weighted mean of log10(bases to the transcription start + 1 kb)
    other_signals   log(1 + expected number of the trait's other signals that act through the gene, by distance)
    convergence     log(1 + largest z of the gene's sets over the trait's signals on other chromosomes), traits pooled
    convergence_own the same with the signals of the trait alone

The truth of a locus is a coding signal of the same trait beside it, so `other_signals` leaves out every credible set
that holds a coding variant, and convergence never reads the locus' chromosome.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.targets.benchmark_data import Benchmark
from locus2target.targets.convergence import POOLED_CAP, converge
from locus2target.targets.gene_sets import GeneSetFile, build_membership
from locus2target.targets.signal_shares import SignalShares, share_signals

FEATURES = ("distance", "other_signals", "convergence", "convergence_own")
_KEYS = ["trait", "credible_set_id", "chromosome"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Signals:
    """Signals of all traits: one row per signal, and their shares of the genes."""

    table: pd.DataFrame  # trait, credible_set_id, chromosome, has_coding; the index is the number of the signal
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
    membership = build_membership([gene_sets], known[["gene_id", "gene_symbol"]])
    chromosomes = known["chromosome"].to_numpy(np.str_)
    shape = (len(signals.traits), len(known))
    weights = np.minimum(signals.shares.per_gene(signals.trait, shape=shape), POOLED_CAP)
    # chromosomes on which no trait has a signal were not looked at
    studied = np.isin(chromosomes, signals.table["chromosome"].to_numpy(np.str_))
    scores = {
        name: converge(weights, chromosomes, membership.matrix, studied=studied, pooled=pooled).strongest[trait, rows]
        for name, pooled in (("convergence", True), ("convergence_own", False))
    }
    others = np.zeros(len(candidates)) if credible_sets is None else _other_signals(candidates, rows, signals, shape)
    distance = candidates["mean_log10_tss_distance"].to_numpy(np.float64)
    return pd.DataFrame({"distance": distance, "other_signals": np.log1p(others), **scores}, index=candidates.index)


def _variants_of_leads(benchmark: Benchmark) -> pd.DataFrame:
    loci = benchmark.loci.assign(credible_set_id=benchmark.loci["position"].astype(str), pip=1.0, has_coding=False)
    return loci.drop_duplicates([*_KEYS, "position"])


def _share(variants: pd.DataFrame, genes: pd.DataFrame, slope: float, window_bp: int) -> _Signals:
    by_key = variants.groupby(_KEYS, sort=True)
    numbered = variants.assign(signal=by_key.ngroup(), weight=variants["pip"])
    positive = numbered[numbered.groupby("signal")["weight"].transform("sum") > 0]
    table = numbered.groupby("signal")[[*_KEYS, "has_coding"]].first()
    trait, traits = pd.factorize(table["trait"], sort=True)
    return _Signals(
        table,
        trait.astype(np.int64),
        pd.Index(traits),
        share_signals(positive, genes, slope=slope, window_bp=window_bp),
    )


def _other_signals(
    candidates: pd.DataFrame, rows: npt.NDArray[np.int64], signals: _Signals, shape: tuple[int, int]
) -> Floats:
    """Expected number of other signals without a coding variant, float64 (n_candidates,)."""
    noncoding = ~signals.table["has_coding"].to_numpy(np.bool_)
    totals = signals.shares.per_gene(signals.trait, shape=shape, counted=noncoding)
    numbers = pd.Series(signals.table.index, index=pd.MultiIndex.from_frame(signals.table[_KEYS]))
    own_signal = numbers.reindex(pd.MultiIndex.from_frame(candidates[_KEYS])).to_numpy(np.int64)
    pairs = pd.MultiIndex.from_arrays([signals.shares.signal, signals.shares.gene])
    shares = pd.Series(signals.shares.share, index=pairs)
    own = shares.reindex(pd.MultiIndex.from_arrays([own_signal, rows])).fillna(0.0).to_numpy(np.float64)
    trait = signals.traits.get_indexer(pd.Index(candidates["trait"]))
    # rounding must not leave a gene with less than nothing; a locus' own set has no coding variant unless told
    # otherwise
    others: Floats = np.maximum(totals[trait, rows] - np.where(noncoding[own_signal], own, 0.0), 0.0)
    return others
