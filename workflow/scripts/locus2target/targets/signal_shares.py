"""Which genes each association signal points at by distance alone, and how many signals point at a gene.

A signal is a credible set, or a lead variant. By distance alone it points at the genes near it in shares of 1: gene g
has

    share(g) = softmax over the genes near the signal of  slope * m(g),    m(g) = sum_v w_v log10(|TSS_g - v| + 1000)

over the signal's variants v, whose weights w add up to 1 (the model of `ranking_model`; slope is negative). The sum of
the shares over signals is the expected number of signals that act through the gene, if distance alone decided.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SOFTENING_BP = 1_000.0
"""Added to distances before the logarithm: below 1 kb, nearer says little more."""


@dataclass(frozen=True, slots=True)
class SignalShares:
    """Pairs of a signal and a gene near it, in the order of the signals.

    Attributes
    ----------
    signal, gene
        int64 (n_pairs,): number of the signal, row of the gene.
    mean_log10_distance
        float64 (n_pairs,): weighted mean of log10(bases to the transcription start + 1 kb).
    share
        float64 (n_pairs,): adds up to 1 over the genes of a signal.
    """

    signal: Ints
    gene: Ints
    mean_log10_distance: Floats
    share: Floats

    def per_gene(self, group: Ints, *, shape: tuple[int, int]) -> Floats:
        """Expected number of signals by group and gene, float64 of shape (n_groups, n_genes).

        Parameters
        ----------
        group
            int64 (n_signals,): row of the result, for example the disease.
        shape
            n_groups, n_genes.
        """
        sums = np.zeros(shape)
        np.add.at(sums, (group[self.signal], self.gene), self.share)
        return sums


def mean_log10_distance(first: Floats, last: Floats, positions: Floats, weights: Floats) -> Floats:
    """Weighted mean of log10(distance + 1 kb) from variants to each stretch of bases, 0 bases inside it.

    Parameters
    ----------
    first, last
        float64 (n_genes,): first and last base, 1-based; the same for transcription starts.
    positions, weights
        float64 (n_variants,): 1-based positions, and weights whose sum is above 0.
    """
    before, after = first[:, None] - positions[None, :], positions[None, :] - last[:, None]  # genes x variants
    logs = np.log10(np.maximum(np.maximum(before, after), 0.0) + SOFTENING_BP)
    mean: Floats = np.average(logs, axis=1, weights=weights)
    return mean


def share_signals(variants: pd.DataFrame, genes: pd.DataFrame, *, slope: float, window_bp: int) -> SignalShares:
    """Part each signal among the genes whose transcription start lies near its lead variant.

    Parameters
    ----------
    variants
        Columns signal (0, 1, ...), chromosome, position (1-based) and weight (at least 0, a sum above 0 per signal).
        The lead variant is the heaviest, of several the first by position.
    genes
        Columns chromosome and tss (1-based); the row number is the gene.
    slope
        Log odds per factor 10 of (distance + 1 kb), natural logarithm.
    window_bp
        Largest distance between the lead variant and a transcription start, bases, inclusive.
    """
    starts = genes["tss"].to_numpy(np.float64)
    rows_on = {str(name): rows for name, rows in genes.groupby("chromosome").indices.items()}
    parts: list[tuple[Ints, Ints, Floats, Floats]] = []
    ordered = variants.sort_values(["signal", "position"], kind="stable")
    for signal, of_signal in ordered.groupby("signal", sort=True):
        positions = of_signal["position"].to_numpy(np.float64)
        weights = of_signal["weight"].to_numpy(np.float64)
        here = rows_on.get(str(of_signal["chromosome"].iloc[0]), np.empty(0, dtype=np.int64))
        near = here[np.abs(starts[here] - positions[weights.argmax()]) <= window_bp]
        if len(near):
            mean = mean_log10_distance(starts[near], starts[near], positions, weights)
            parts.append((np.full(len(near), signal), near, mean, _shares(slope * mean)))
    if not parts:
        nothing = np.empty(0)
        return SignalShares(nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing)
    signals, rows, means, shares = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SignalShares(signals.astype(np.int64), rows.astype(np.int64), means, shares)


def _shares(log_odds: Floats) -> Floats:
    factors = np.exp(log_odds - log_odds.max())
    shares: Floats = factors / factors.sum()
    return shares
