"""How good a ranking of candidate genes is, per locus and averaged per target gene, with bootstrap intervals.

Every metric is a ratio of sums over loci, so that averages and bootstrap draws differ in the loci's weights only:

- per locus: each locus weighs 1, shared equally by its targets where it has several;
- per gene: each target gene weighs 1, shared equally by its loci, so that a gene found for thirty lipid traits counts
  once;
- a bootstrap draw takes target genes with replacement, with all their loci (loci of one gene are not independent).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

AVERAGES = ("locus", "gene")
N_BINS = 10
_TOLERANCE = 1e-6  # on sums of probabilities
_TOP = (1, 3)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a method says, one value per row of the candidates.

    Attributes
    ----------
    probability
        float64 (n,): that the gene is the target; at most 1 in sum per locus, the rest is `none of these`.
    score
        float64 (n,): what the method ranks by within a locus, larger is better; a model's probability.
    """

    probability: Floats
    score: Floats


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """What is measured.

    Attributes
    ----------
    draws, seed, level
        Bootstrap draws, their seed, and the coverage of the percentile intervals.
    thresholds
        Probabilities from which a gene is called, for precision and recall.
    recall
        Recall at which the best precision is reported.
    floor_draws
        Outcomes drawn for the calibration error that chance alone gives.
    """

    draws: int = 1_000
    seed: int = 1
    level: float = 0.95
    thresholds: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    recall: float = 0.4
    floor_draws: int = 300


@dataclass(frozen=True, slots=True)
class Layout:
    """Candidates and truth as arrays; L loci that have candidates, N candidates, P pairs of a locus and a target.

    Attributes
    ----------
    locus
        int64 (N,): locus of each candidate, 0..L-1.
    is_target
        bool (N,).
    pair_locus, pair_gene
        int64 (P,): locus and number of the target gene, 0..G-1; targets that are not candidates are there too.
    n_loci, n_genes
        L and G.
    """

    locus: Ints
    is_target: npt.NDArray[np.bool_]
    pair_locus: Ints
    pair_gene: Ints
    n_loci: int
    n_genes: int

    @property
    def n_targets(self) -> Floats:
        """Known targets of each locus, float64 (L,)."""
        return np.bincount(self.pair_locus, minlength=self.n_loci).astype(np.float64)

    def weights(self, gene_counts: Floats, average: str) -> Floats:
        """Weights of the loci.

        Parameters
        ----------
        gene_counts
            float64 (D, G): how often each target gene was drawn.
        average
            `locus` or `gene`.

        Returns
        -------
        float64 (D, L).
        """
        if average not in AVERAGES:
            raise ValueError(f"average is {average!r}, expected one of {AVERAGES}")
        grouping = self.pair_gene if average == "gene" else self.pair_locus
        share = np.zeros((self.n_genes, self.n_loci))
        share[self.pair_gene, self.pair_locus] = 1.0 / np.bincount(grouping)[grouping]
        return gene_counts @ share


def lay_out(candidates: pd.DataFrame, targets: pd.DataFrame) -> Layout:
    """Number loci, by name whatever the order of the rows, and target genes.

    Parameters
    ----------
    candidates
        Columns locus and is_target (`Benchmark.candidates`).
    targets
        Columns locus and gene (`Benchmark.targets`); loci without candidates are left out.

    Raises
    ------
    ValueError
        If there is no candidate, or a locus has candidates and no known target.
    """
    locus, names = pd.factorize(candidates["locus"], sort=True)
    known = targets[targets["locus"].isin(names)].drop_duplicates(["locus", "gene"])
    if len(names) == 0 or known["locus"].nunique() != len(names):
        raise ValueError("each measured locus needs candidates and a known target")
    pair_gene, genes = pd.factorize(known["gene"])
    pair_locus = pd.Index(names).get_indexer(pd.Index(known["locus"]))
    return Layout(
        locus.astype(np.int64),
        candidates["is_target"].to_numpy(np.bool_),
        pair_locus.astype(np.int64),
        pair_gene.astype(np.int64),
        len(names),
        len(genes),
    )


def measure(
    layout: Layout, prediction: Prediction, *, method: str, settings: MeasureSettings | None = None
) -> pd.DataFrame:
    """Measure one method.

    Returns
    -------
    One row per metric and average: method, metric, threshold (missing where there is none), average (`locus` or
    `gene`), value, lower and upper (percentile bootstrap over target genes; draws in which a metric is undefined are
    left out), n_loci, n_genes. The calibration floor has no interval. A metric that is undefined (precision without a
    call) is NaN. The metrics:

    - `top_1`, `top_3`: weight of the loci with a target among the first k genes, see `top_hits`;
    - `precision`, `recall`: of the genes called at `probability >= threshold`; targets that are not candidates count
      as missed;
    - `precision_at_recall`: highest precision at any threshold whose recall is at least `threshold`;
    - `average_precision`: see `average_precision`;
    - `calibration_error`: expected calibration error over all candidates, `top_calibration_error` over the candidate
      of highest probability of each locus, see `calibration_error`; `top_calibration_floor`: what chance alone makes of
      the latter, see `calibration_floor`.

    Raises
    ------
    ValueError
        If probabilities are not finite, not within 0..1, or more than 1 in sum at a locus.
    """
    chosen = MeasureSettings() if settings is None else settings
    _check(layout, prediction)
    metrics = _metrics(layout, prediction, chosen)
    draws = bootstrap_counts(layout.n_genes, chosen.draws, chosen.seed)
    counts = np.vstack([np.ones((1, layout.n_genes)), draws])  # row 0 is the sample itself
    rows: list[dict[str, object]] = []
    for average in AVERAGES:
        weights = layout.weights(counts, average)
        for (metric, threshold), function in metrics.items():
            values = function(weights)
            # draws with repeats have a higher floor of their own: their interval would not be that of this value
            no_interval = metric == "top_calibration_floor"
            lower, upper = (math.nan, math.nan) if no_interval else percentile_interval(values[1:], chosen.level)
            names = {"method": method, "metric": metric, "threshold": threshold, "average": average}
            rows.append({**names, "value": float(values[0]), "lower": lower, "upper": upper})
    table = pd.DataFrame(rows).assign(n_loci=layout.n_loci, n_genes=layout.n_genes)
    return table.astype({"threshold": "float64"})


def measure_gain(
    layout: Layout, model: Prediction, other: Prediction, *, method: str, settings: MeasureSettings
) -> pd.DataFrame:
    """How much more often than another method the model is right: `top_1_gain`, with intervals of the difference.

    Parameters
    ----------
    model, other
        Predictions of both; each draw of target genes measures both.
    method
        Name of the other.

    Returns
    -------
    As `measure`, one row per average.
    """
    difference = top_hits(layout, model.score, 1) - top_hits(layout, other.score, 1)
    counts = np.vstack([np.ones((1, layout.n_genes)), bootstrap_counts(layout.n_genes, settings.draws, settings.seed)])
    rows: list[dict[str, object]] = []
    for average in AVERAGES:
        values = _mean(difference, np.ones(layout.n_loci))(layout.weights(counts, average))
        lower, upper = percentile_interval(values[1:], settings.level)
        names = {"method": method, "metric": "top_1_gain", "threshold": None, "average": average}
        rows.append({**names, "value": float(values[0]), "lower": lower, "upper": upper})
    table = pd.DataFrame(rows).assign(n_loci=layout.n_loci, n_genes=layout.n_genes)
    return table.astype({"threshold": "float64"})


_Metrics = Mapping[tuple[str, float | None], Callable[[Floats], Floats]]


def _metrics(layout: Layout, prediction: Prediction, settings: MeasureSettings) -> _Metrics:
    """Each metric by name and threshold, as a function of weights (D, L) that gives (D,)."""
    probability = prediction.probability
    curve = Curve.build(layout, probability)
    metrics: dict[tuple[str, float | None], Callable[[Floats], Floats]] = {}
    for k in _TOP:
        metrics[f"top_{k}", None] = _mean(top_hits(layout, prediction.score, k), np.ones(layout.n_loci))
    for threshold in settings.thresholds:
        called = probability >= threshold
        hits = _sum_by_locus(layout, called & layout.is_target)
        metrics["precision", threshold] = _mean(hits, _sum_by_locus(layout, called))
        metrics["recall", threshold] = _mean(hits, layout.n_targets)
    metrics["precision_at_recall", settings.recall] = curve.by_draw(lambda p, r: precision_at(p, r, settings.recall))
    metrics["average_precision", None] = curve.by_draw(average_precision)
    top, top_right = top_confidence(layout, probability)
    everyone = np.arange(layout.n_loci)
    metrics["calibration_error", None] = calibration_error(layout.locus, probability, layout.is_target, layout.n_loci)
    metrics["top_calibration_error", None] = calibration_error(everyone, top, top_right, layout.n_loci)
    metrics["top_calibration_floor", None] = calibration_floor(top, settings)
    return metrics


def _check(layout: Layout, prediction: Prediction) -> None:
    shapes = {prediction.probability.shape, prediction.score.shape, layout.locus.shape}
    if len(shapes) != 1 or not np.isfinite(prediction.score).all():
        raise ValueError("a method gives each candidate one probability and one finite score")
    probability = prediction.probability
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities lie within 0..1")
    if (_sum_by_locus(layout, probability) > 1 + _TOLERANCE).any():
        raise ValueError("the probabilities of a locus' genes sum to at most 1")


def _sum_by_locus(layout: Layout, values: npt.NDArray[np.generic]) -> Floats:
    sums: Floats = np.bincount(layout.locus, values.astype(np.float64), minlength=layout.n_loci).astype(np.float64)
    return sums


def _mean(numerator: Floats, denominator: Floats) -> Callable[[Floats], Floats]:
    return lambda weights: _ratio(weights @ numerator, weights @ denominator)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    undefined = np.full(np.shape(numerator), np.nan)
    quotient: Floats = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return quotient


def top_hits(layout: Layout, score: Floats, k: int) -> Floats:
    """Probability that a target is among the first k genes of each locus, float64 (L,).

    Genes with equal scores are in random order: with s places left for m tied genes of which t are targets, and no
    target before them, at least one comes in with probability 1 - C(m - t, s) / C(m, s). The candidate `none` takes
    no place.
    """
    own = [layout.locus == locus for locus in range(layout.n_loci)]
    return np.array([_chance_in_top(score[rows], layout.is_target[rows], k) for rows in own])


def _chance_in_top(scores: Floats, targets: npt.NDArray[np.bool_], k: int) -> float:
    if not targets.any():
        return 0.0
    best = scores[targets].max()
    before, tied = int((scores > best).sum()), int((scores == best).sum())
    tied_targets = int(targets[scores == best].sum())
    places = min(max(k - before, 0), tied)
    return 1.0 - math.comb(tied - tied_targets, places) / math.comb(tied, places)


def top_confidence(layout: Layout, probability: Floats) -> tuple[Floats, Floats]:
    """Highest probability of each locus, and the part of the genes with this probability that are targets."""
    top = np.zeros(layout.n_loci)
    np.maximum.at(top, layout.locus, probability)
    first = probability == top[layout.locus]
    return top, _ratio(_sum_by_locus(layout, first & layout.is_target), _sum_by_locus(layout, first))


def calibration_error(
    locus: Ints, probability: Floats, right: npt.NDArray[np.generic], n_loci: int
) -> Callable[[Floats], Floats]:
    """Give the expected calibration error as a function of the weights of the loci.

    Sum over 10 equal-width bins of probability (lower bound inclusive, the last bin closed) of the bin's part of the
    weight times the distance between its mean probability and its fraction of right calls: Naeini, Cooper &
    Hauskrecht, AAAI 2015, for binary outcomes; Guo et al., ICML 2017, for the highest probability of each locus.
    """
    bins = np.minimum((probability * N_BINS).astype(np.int64), N_BINS - 1)
    gap, size = np.zeros((n_loci, N_BINS)), np.zeros((n_loci, N_BINS))
    np.add.at(gap, (locus, bins), right.astype(np.float64) - probability)
    np.add.at(size, (locus, bins), 1.0)

    def error(weights: Floats) -> Floats:
        return _ratio(np.abs(weights @ gap).sum(axis=1), (weights @ size).sum(axis=1))

    return error


def calibration_floor(top: Floats, settings: MeasureSettings) -> Callable[[Floats], Floats]:
    """Give the error that perfect probabilities would show by chance, as a function of the weights of the loci.

    Mean of `calibration_error` over drawn outcomes: each locus right with its highest probability, loci independent.
    Loci of one gene are right together more often than that, so that the true floor is higher.

    Parameters
    ----------
    top
        float64 (L,): highest probability of each locus. Outcomes are drawn in this order, by name in a `Layout`.
    settings
        For the number of draws and their seed.
    """
    n_loci = len(top)
    outcomes = np.random.default_rng(settings.seed).random((settings.floor_draws, n_loci)) < top
    errors = [calibration_error(np.arange(n_loci), top, right, n_loci) for right in outcomes]
    return lambda weights: np.mean([error(weights) for error in errors], axis=0)


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall as the threshold falls through all probabilities that occur.

    Attributes
    ----------
    locus, is_target
        Of the candidates, from the highest probability to the lowest.
    last
        int64 (T,): index of the last candidate of each distinct probability. Equal probabilities are called together,
        since no threshold can part them: the curve does not depend on their order.
    n_targets
        Of each locus.
    """

    locus: Ints
    is_target: npt.NDArray[np.bool_]
    last: Ints
    n_targets: Floats

    @classmethod
    def build(cls, layout: Layout, probability: Floats) -> "Curve":
        """Order the candidates."""
        order = np.argsort(-probability, kind="stable")
        falls = np.flatnonzero(np.diff(probability[order]))
        last = np.append(falls, len(order) - 1).astype(np.int64)
        return cls(layout.locus[order], layout.is_target[order], last, layout.n_targets)

    def points(self, weights: Floats) -> tuple[Floats, Floats]:
        """Precision and recall, float64 (T,), of one draw's weights (L,); precision is NaN before the first call."""
        of_candidate = weights[self.locus]
        called = np.cumsum(of_candidate)[self.last]
        right = np.cumsum(of_candidate * self.is_target)[self.last]
        return _ratio(right, called), right / (weights @ self.n_targets)

    def by_draw(self, summary: Callable[[Floats, Floats], float]) -> Callable[[Floats], Floats]:
        """Apply a summary of (precision, recall) to each row of weights (D, L)."""
        return lambda weights: np.array([summary(*self.points(row)) for row in weights])


def average_precision(precision: Floats, recall: Floats) -> float:
    """Sum over falling thresholds of (gain in recall) x precision.

    The definition of scikit-learn's `average_precision_score`; candidates with equal probability count together.
    Recall ends below 1 where a target is not a candidate.
    """
    gain = np.diff(recall, prepend=0.0)
    return float(np.sum(np.where(gain > 0, gain * precision, 0.0)))


def precision_at(precision: Floats, recall: Floats, wanted: float) -> float:
    """Highest precision among the thresholds with at least this recall, NaN when none reaches it."""
    reached = precision[recall >= wanted - _TOLERANCE]
    return float(reached.max()) if len(reached) else float("nan")


def bootstrap_counts(n_genes: int, draws: int, seed: int) -> Floats:
    """How often each gene is drawn when as many genes are drawn with replacement, float64 (draws, n_genes)."""
    generator = np.random.default_rng(seed)
    chances = np.full(n_genes, 1.0 / n_genes)
    return generator.multinomial(n_genes, chances, size=draws).astype(np.float64)


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Percentile interval of the defined values; NaN when there are none."""
    defined = values[np.isfinite(values)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    lower, upper = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)
