"""What a disease's signals share with each context, beside matched background from the same loci.

**Intervals** (open chromatin, enhancers). The PIP pattern of a credible set is moved as a whole, circularly, within its
locus, as GoShifter does (Trynka et al. 2015, Am J Hum Genet 97:139), and the PIP mass in the intervals is taken again.
A rigid move keeps what makes naive tests wrong: variants in LD lie side by side and fall into one interval together,
and intervals cluster; drawing variants one by one would break both and find enrichment everywhere. GoShifter's shifts
are uniform; ours are matched (ours): the set's strongest variant only moves to bases as near to a transcription start
as it is, in three bins, because causal variants and open chromatin of all cell types gather there. Given the bin, every
place is as likely as the true one under the null, so that permutation p-values are exact with one locus and with many.
Not matched are allele frequency and LD, which the tables of a run do not have for every variant; a rigid move keeps the
set's own. What is general to regulatory DNA beyond distance is not removed either: all contexts can be enriched.

**QTL.** H4 is exchanged between the tissues in which one gene was tested at one locus, so that genes and loci that
colocalise everywhere favour no tissue, and missing tests stay missing. Under the null the tissues of a gene are
exchangeable. Not corrected is power: a tissue with more donors finds more QTL and colocalises more often with every
disease; a tissue that is enriched for all diseases of a run is one of those.

The contexts of one kind are compared with the same draws.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import start_of
from locus2target.core.progress import tracked

_TSS_BINS_BP = (2_000, 20_000)  # promoter and its flanks; where open chromatin is still denser; beyond
_ROUNDING = 1e-9  # sums of the same PIPs in another order

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Contexts of one kind beside their background.

    Attributes
    ----------
    contexts
        Names in order.
    n_loci
        int64 (n_contexts,): loci that say something about the context.
    observed
        float64 (n_contexts,): sum over loci of PIP mass, or of the largest H4.
    background
        float64 (n_contexts, n_permutations): the same in matched background.
    """

    contexts: list[str]
    n_loci: Ints
    observed: Floats
    background: Floats

    def p_values(self) -> Floats:
        """One-sided, (1 + background at least as large) / (1 + permutations): float64 (n_contexts,)."""
        as_large = self.background >= self.observed[:, None] - _ROUNDING
        p_values: Floats = (1 + as_large.sum(axis=1)) / (1 + self.background.shape[1])
        return p_values


@dataclass(frozen=True, slots=True)
class _Window:
    """The annotated stretch of a locus: 0-based, half-open."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def mark(self, starts: Ints, ends: Ints) -> Bools:
        """Bases in the intervals, which may reach over the edges: bool (length,)."""
        marked = np.zeros(self.length, dtype=np.bool_)
        firsts, stops = np.clip(starts - self.start, 0, None), np.clip(ends - self.start, 0, None)
        for first, stop in zip(firsts.tolist(), stops.tolist(), strict=True):
            marked[first:stop] = True
        return marked


@dataclass(frozen=True, slots=True)
class _Moved:
    """One credible set in all its places.

    Attributes
    ----------
    places
        int64 (1 + n_permutations, n_variants): first bases of the variants from the window's start, as they are in row
        0 and moved in the others.
    pips
        float64 (n_variants,).
    """

    places: Ints
    pips: Floats

    def masses(self, covered: Bools) -> Floats:
        """PIP mass in the covered bases: float64 (1 + n_permutations,)."""
        masses: Floats = covered[self.places] @ self.pips
        return masses


def compare_intervals(
    variants: pd.DataFrame,
    loci: pd.DataFrame,
    intervals: pd.DataFrame,
    starts: pd.DataFrame,
    *,
    permutations: int,
    seed: int,
) -> Comparison:
    """Compare the PIP mass in each context's intervals with that of the credible sets moved within their loci.

    A variant is where its first REF base is. The order of the rows of the tables does not matter.

    Parameters
    ----------
    variants
        Variants of credible sets: columns locus, credible_set, variant, position (1-based) and pip.
    loci
        Independent loci: columns locus, chromosome, start and end. A locus is studied between the first and the last
        interval of any context in it, since an annotation may be cut to regions; credible sets whose strongest variant
        lies outside, and loci without any interval, are left out. `n_loci` counts the rest, for all contexts alike.
    intervals
        Columns chromosome, start, end and context.
    starts
        Transcription starts: columns chromosome and tss (1-based).
    permutations, seed
        Moves of each credible set, and where their random choice starts.
    """
    contexts = sorted(set(intervals["context"]))
    totals = {context: np.zeros(1 + permutations) for context in contexts}
    generator = np.random.default_rng(seed)
    n_loci = 0
    sets = dict(iter(variants.groupby("locus")))
    annotated = list(_annotated_loci(loci, intervals))
    for locus, chromosome, window, inside in tracked(annotated, unit="loci", label="permuting intervals"):
        if locus not in sets:
            continue
        bins = _tss_bins(window, starts.loc[starts["chromosome"] == chromosome, "tss"].to_numpy(np.int64))
        moved = list(_move_sets(sets[locus], window, bins, permutations, generator))
        n_loci += len(moved) > 0
        for context, of_context in inside.groupby("context"):
            covered = window.mark(of_context["start"].to_numpy(np.int64), of_context["end"].to_numpy(np.int64))
            for credible_set in moved:
                totals[str(context)] += credible_set.masses(covered)
    total = np.array(list(totals.values())).reshape(len(contexts), 1 + permutations)
    return Comparison(contexts, np.full(len(contexts), n_loci), total[:, 0], total[:, 1:])


def _annotated_loci(loci: pd.DataFrame, intervals: pd.DataFrame) -> Iterator[tuple[str, str, _Window, pd.DataFrame]]:
    """Loci that have intervals: name, chromosome, annotated stretch and its intervals; in the order of their names."""
    on_chromosome = dict(iter(intervals.groupby("chromosome")))
    ordered = loci.sort_values("locus")[["locus", "chromosome", "start", "end"]]
    for locus, chromosome, start, end in ordered.itertuples(index=False, name=None):
        found = on_chromosome.get(chromosome, intervals.iloc[:0])
        inside = found[(found["start"] < end) & (found["end"] > start)]
        if len(inside):
            window = _Window(max(start, int(inside["start"].min())), min(end, int(inside["end"].max())))
            yield locus, chromosome, window, inside


def _tss_bins(window: _Window, tss: Ints) -> npt.NDArray[np.int8]:
    """Number of the distance bin of each base, 0 nearest to a transcription start (1-based): int8 (length,)."""
    bins = np.full(window.length, len(_TSS_BINS_BP), dtype=np.int8)
    bases = tss - 1
    for number, distance in reversed(list(enumerate(_TSS_BINS_BP))):
        bins[window.mark(bases - distance, bases + distance + 1)] = number
    return bins


def _move_sets(
    variants: pd.DataFrame,
    window: _Window,
    bins: npt.NDArray[np.int8],
    permutations: int,
    generator: np.random.Generator,
) -> Iterator[_Moved]:
    """Move each credible set of a locus whose strongest variant lies in the window."""
    for _, credible_set in variants.groupby("credible_set"):
        ordered = credible_set.sort_values(["pip", "variant"], ascending=[False, True])
        places = ordered["position"].map(start_of).to_numpy(np.int64) - window.start
        inside = (places >= 0) & (places < window.length)
        if not inside[0]:
            continue
        kept, strongest = places[inside], places[0]
        moves = generator.choice(np.flatnonzero(bins == bins[strongest]), permutations) - strongest
        shifts = np.concatenate([[0], moves])
        yield _Moved((kept + shifts[:, None]) % window.length, ordered["pip"].to_numpy(np.float64)[inside])


def compare_tissues(tests: pd.DataFrame, tissues: Collection[str], *, permutations: int, seed: int) -> Comparison:
    """Compare the colocalizations of each tissue with those of the other tissues of the same genes and loci.

    Observed is the sum over loci of the largest H4 of any gene in the tissue. The order of the rows does not matter.

    Parameters
    ----------
    tests
        Tests at independent loci: columns locus, gene_id, tissue and posterior_h4. Of several tests of one gene in one
        tissue the largest H4 counts. Genes tested in one tissue compare nothing and are left out; `n_loci` counts the
        loci at which a tissue has others beside it.
    tissues
        Every tissue to report, also those that `tests` has not.
    permutations, seed
        Exchanges of each gene's H4 between its tissues, and where their random choice starts.
    """
    names = sorted(tissues)
    best = tests.groupby(["locus", "gene_id", "tissue"])["posterior_h4"].max().reset_index()
    best = best.assign(column=best["tissue"].map({name: column for column, name in enumerate(names)}))
    generator = np.random.default_rng(seed)
    total = np.zeros((1 + permutations, len(names)))
    n_loci = np.zeros(len(names), dtype=np.int64)
    for _, of_locus in tracked(list(best.groupby("locus")), unit="loci", label="permuting tissues"):
        highest = np.zeros_like(total)
        compared = np.zeros(len(names), dtype=np.bool_)
        for _, of_gene in of_locus.groupby("gene_id"):
            if len(of_gene) < 2:
                continue
            where = of_gene["column"].to_numpy(np.int64)
            drawn = _exchange(of_gene["posterior_h4"].to_numpy(np.float64), permutations, generator)
            highest[:, where] = np.maximum(highest[:, where], drawn)
            compared[where] = True
        total += highest
        n_loci += compared
    return Comparison(names, n_loci, total[0], total[1:].T)


def _exchange(values: Floats, permutations: int, generator: np.random.Generator) -> Floats:
    """The values as they are in row 0, in random order in the others: float64 (1 + permutations, n_values)."""
    drawn = generator.permuted(np.tile(values, (permutations, 1)), axis=1)
    return np.vstack([values, drawn])
