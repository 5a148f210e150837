import math
from fractions import Fraction
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.targets import benchmark_metrics as metrics
from locus2target.targets.benchmark_metrics import Layout, MeasureSettings, Prediction, lay_out, measure

Case = tuple[pd.DataFrame, pd.DataFrame, Prediction]


def toy() -> Case:
    """Loci a and b share the target X, c has Y, d has Z, which is not a candidate."""
    rows = [
        *[("a", "X", 0.75, True), ("a", "P", 0.125, False)],
        *[("b", "X", 0.25, True), ("b", "Q", 0.5, False)],
        *[("c", "Y", 0.25, True), ("c", "R", 0.25, False), ("c", "S", 0.25, False), ("c", "T", 0.25, False)],
        *[("d", "U", 0.5, False)],
    ]
    candidates = pd.DataFrame(rows, columns=["locus", "gene", "probability", "is_target"])
    targets = pd.DataFrame(
        [("a", "X"), ("b", "X"), ("c", "Y"), ("d", "Z"), ("no candidates", "W")], columns=["locus", "gene"]
    )
    probability = candidates["probability"].to_numpy()
    return candidates, targets, Prediction(probability, probability)


def values(case: Case, **options: object) -> dict[tuple[str, float | None, str], float]:
    candidates, targets, prediction = case
    chosen = MeasureSettings(draws=5, thresholds=(0.25, 0.5, 1.0), **options)  # type: ignore[arg-type]
    table = measure(lay_out(candidates, targets), prediction, method="m", settings=chosen)
    clean = [None if np.isnan(threshold) else threshold for threshold in table["threshold"]]
    return dict(zip(zip(table["metric"], clean, table["average"], strict=True), table["value"], strict=True))


def test_toy_by_hand() -> None:
    found = values(toy())
    expected = {
        ("top_1", None, "locus"): (1 + 0 + 1 / 4 + 0) / 4,
        ("top_1", None, "gene"): (1 / 2 + 1 / 4 + 0) / 3,  # X is right at one of its two loci
        ("top_3", None, "locus"): (1 + 1 + 3 / 4 + 0) / 4,
        ("top_3", None, "gene"): (1 + 3 / 4 + 0) / 3,
        ("precision", 0.5, "locus"): 1 / 3,  # called: a X, b Q, d U
        ("precision", 0.5, "gene"): 0.5 / (0.5 + 0.5 + 1),
        ("recall", 0.5, "locus"): 1 / 4,
        ("recall", 0.5, "gene"): 0.5 / 3,
        ("precision", 0.25, "locus"): 3 / 8,
        ("precision", 0.25, "gene"): 2 / (0.5 + 1 + 4 + 1),
        ("recall", 0.25, "locus"): 3 / 4,
        ("recall", 1.0, "locus"): 0,
        ("precision_at_recall", 0.4, "locus"): 3 / 8,
        # thresholds 0.75, 0.5, 0.25: recall 1/4, 1/4, 3/4 with precision 1, 1/3, 3/8
        ("average_precision", None, "locus"): 1 / 4 * 1 + 1 / 2 * 3 / 8,
        # bins of 0.125, 0.25, 0.5, 0.75: |hits - probabilities| of 1, 5, 2 and 1 candidates
        ("calibration_error", None, "locus"): (0.125 + (2 - 1.25) + 1.0 + 0.25) / 9,
        # highest per locus: 0.75 right, 0.5 wrong, 0.25 right once in four, 0.5 wrong
        ("top_calibration_error", None, "locus"): (0.25 + 1.0 + 0) / 4,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert np.isnan(found["precision", 1.0, "locus"])


def test_a_locus_with_two_targets_is_right_with_either_and_weighs_one() -> None:
    candidates = pd.DataFrame(
        {"locus": list("aaab"), "gene": list("XYPX"), "is_target": [True, True, False, True]},
    )
    targets = pd.DataFrame({"locus": list("aab"), "gene": list("XYX")})
    layout = lay_out(candidates, targets)
    assert layout.weights(np.ones((1, 2)), "locus").tolist() == [[1, 1]]
    assert layout.weights(np.ones((1, 2)), "gene").tolist() == [[1.5, 0.5]]
    assert metrics.top_hits(layout, np.array([0.1, 0.7, 0.2, 0.5]), 1).tolist() == [1, 1]
    found = values((candidates, targets, Prediction(np.array([0.1, 0.7, 0.2, 0.5]), np.array([0.1, 0.7, 0.2, 0.5]))))
    assert found["recall", 0.5, "locus"] == pytest.approx(2 / 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6), st.integers(1, 4))
def test_ties_are_the_mean_over_all_orders(genes: list[tuple[int, bool]], k: int) -> None:
    orders = [
        sorted(order, key=lambda gene: -gene[0])[:k]  # a stable sort keeps the random order of equals
        for order in permutations(genes)
    ]
    expected = Fraction(sum(any(target for _, target in order) for order in orders), len(orders))
    scores, targets = (np.array(column) for column in zip(*genes, strict=True))
    layout = Layout(np.zeros(len(genes), int), targets.astype(bool), np.zeros(1, int), np.zeros(1, int), 1, 1)
    assert metrics.top_hits(layout, scores.astype(float), k)[0] == pytest.approx(float(expected))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows, targets = [], []
    for locus in range(draw(st.integers(1, 5))):
        n = draw(st.integers(1, 4))
        shares = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
        target = draw(st.integers(-1, n - 1))  # -1: not a candidate
        gene = draw(st.sampled_from("XYZ"))
        targets.append((str(locus), gene))
        rows += [(str(locus), share / (4 * n), index == target) for index, share in enumerate(shares)]
    candidates = pd.DataFrame(rows, columns=["locus", "probability", "is_target"])
    probability = candidates["probability"].to_numpy(float)
    return candidates, pd.DataFrame(targets, columns=["locus", "gene"]), Prediction(probability, probability)


def slow_twin(case: Case, average: str) -> dict[tuple[str, float | None], float]:
    """The definitions, candidate by candidate."""
    candidates, targets, _ = case
    gene_of = dict(targets.itertuples(index=False))
    loci_of = {gene: sum(other == gene for other in gene_of.values()) for gene in gene_of.values()}
    weight = {locus: 1.0 if average == "locus" else 1.0 / loci_of[gene] for locus, gene in gene_of.items()}
    rows = [(weight[locus], p, hit) for locus, p, hit in candidates.itertuples(index=False)]
    total = sum(weight.values())

    def at(threshold: float) -> tuple[float, float]:
        called = [(w, hit) for w, p, hit in rows if p >= threshold]
        right = sum(w for w, hit in called if hit)
        return (right / sum(w for w, _ in called) if called else float("nan")), right / total

    found: dict[tuple[str, float | None], float] = {}
    for threshold in (0.25, 0.5, 1.0):
        found["precision", threshold], found["recall", threshold] = at(threshold)
    curve = [at(threshold) for threshold in sorted({p for _, p, _ in rows}, reverse=True)]
    gains = [(r - before) * p for (p, r), (_, before) in zip(curve, [(0.0, 0.0), *curve], strict=False)]
    found["average_precision", None] = sum(gains)
    found["precision_at_recall", 0.4] = max((p for p, r in curve if r >= 0.4 - 1e-9), default=float("nan"))
    error = 0.0
    for number in range(10):
        inside = [(w, p, hit) for w, p, hit in rows if min(int(p * 10), 9) == number]
        if inside:
            size = sum(w for w, _, _ in inside)
            error += size * abs(sum(w * hit for w, _, hit in inside) / size - sum(w * p for w, p, _ in inside) / size)
    found["calibration_error", None] = error / sum(w for w, _, _ in rows)
    return found


@settings(deadline=None, max_examples=60)
@given(cases())
def test_metrics_equal_a_slow_twin(case: Case) -> None:
    found = values(case)
    for average in metrics.AVERAGES:
        expected = {(*key, average): value for key, value in slow_twin(case, average).items()}
        assert {key: found[key] for key in expected} == pytest.approx(expected, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: Case, random) -> None:  # type: ignore[no-untyped-def]
    candidates, targets, prediction = case
    order = list(range(len(candidates)))
    random.shuffle(order)
    shuffled = Prediction(prediction.probability[order], prediction.score[order])
    again = values((candidates.iloc[order].reset_index(drop=True), targets, shuffled))
    assert again == pytest.approx(values(case), nan_ok=True)


def test_perfect_and_calibrated() -> None:
    candidates = pd.DataFrame({"locus": list("aabb"), "is_target": [True, False, False, True]})
    targets = pd.DataFrame({"locus": ["a", "b"], "gene": ["X", "Y"]})
    sure = np.array([1.0, 0.0, 0.0, 1.0])
    found = values((candidates, targets, Prediction(sure, sure)))
    assert found["average_precision", None, "gene"] == 1
    assert found["calibration_error", None, "gene"] == 0
    assert found["top_calibration_error", None, "gene"] == 0
    even = np.full(4, 0.5)
    assert values((candidates, targets, Prediction(even, even)))["calibration_error", None, "locus"] == 0


@pytest.mark.parametrize("n_draws", [3, 40])  # of few draws the interval shows each value
def test_bootstrap_is_a_recomputation_on_drawn_genes(n_draws: int) -> None:
    candidates, targets, prediction = toy()
    layout = lay_out(candidates, targets)
    chosen = MeasureSettings(draws=n_draws, seed=7)
    table = measure(layout, prediction, method="m", settings=chosen)
    hits = {"X": [1.0, 0.0], "Y": [0.25], "Z": [0.0]}
    genes = list(hits)
    by_locus, by_gene = [], []
    for counts in metrics.bootstrap_counts(3, n_draws, 7).astype(int):
        drawn = [hits[genes[index]] for index in np.repeat(np.arange(3), counts)]
        by_locus.append(np.mean([hit for gene in drawn for hit in gene]))
        by_gene.append(np.mean([np.mean(gene) for gene in drawn]))
    top = table[table["metric"] == "top_1"].set_index("average")
    for average, draws in (("locus", by_locus), ("gene", by_gene)):
        assert [top.loc[average, "lower"], top.loc[average, "upper"]] == pytest.approx(
            np.quantile(draws, [0.025, 0.975]).tolist()
        )
    pd.testing.assert_frame_equal(table, measure(layout, prediction, method="m", settings=chosen))


def test_calibration_bins_are_tenths_and_1_is_in_the_last() -> None:
    probability = np.array([0.85, 0.95, 1.0, 0.1])
    error = metrics.calibration_error(np.arange(4), probability, np.array([1, 0, 1, 0]), 4)
    # 0.8 to 0.9: 0.15; 0.9 to 1: |1 - 1.95|; 0.1 to 0.2: 0.1
    assert error(np.ones((1, 4))) == pytest.approx([(0.15 + 0.95 + 0.1) / 4])


def exact_floor(top: list[float], weights: list[float]) -> float:
    """Mean error over all outcomes, each with its probability; bins of tenths, loci independent."""
    total = 0.0
    for outcome in product([False, True], repeat=len(top)):
        chance = math.prod(p if right else 1 - p for p, right in zip(top, outcome, strict=True))
        gaps = dict.fromkeys(range(10), 0.0)
        for p, right, weight in zip(top, outcome, weights, strict=True):
            gaps[min(int(p * 10), 9)] += weight * (right - p)
        total += chance * sum(map(abs, gaps.values())) / sum(weights)
    return total


@pytest.mark.parametrize(
    ("top", "weights", "expected"),
    [
        ([0.25], [2.0], 0.375),  # 0.75 one time in four, else 0.25
        ([0.5, 0.5], [1.0, 1.0], 0.25),  # both right or both wrong: 0.5; one of two: 0
        ([0.5, 0.5], [3.0, 1.0], 0.375),  # 0.5, or half of the difference of the weights: 0.25
        ([0.5, 0.25], [1.0, 1.0], 0.4375),  # two bins: the mean of 0.5 and 0.375
        ([1.0, 1.0], [1.0, 2.0], 0.0),  # sure and right: nothing is left to chance
        ([0.35, 0.35, 0.32, 0.6, 0.62, 0.97, 0.1], [1.0, 0.5, 0.25, 1.0, 0.5, 0.5, 1.0], None),
    ],
)
def test_calibration_floor_is_the_mean_over_all_outcomes(
    top: list[float], weights: list[float], expected: float | None
) -> None:
    """Within what 20,000 draws of an error between 0 and 1 can be off by, 4 standard errors of at most 0.0035."""
    found = metrics.calibration_floor(np.array(top), MeasureSettings(floor_draws=20_000))(np.array([weights]))
    assert found == pytest.approx([exact_floor(top, weights)], abs=0.014)
    assert expected is None or exact_floor(top, weights) == pytest.approx(expected)


def test_the_floor_of_the_toy_is_measured_by_locus_and_by_gene() -> None:
    """Highest probabilities 0.75, 0.5 (both of gene X), 0.25 and 0.5; a gene weighs 1."""
    found = values(toy(), floor_draws=20_000)
    for average, weights in (("locus", [1.0] * 4), ("gene", [0.5, 0.5, 1.0, 1.0])):
        floor = exact_floor([0.75, 0.5, 0.25, 0.5], weights)
        assert found["top_calibration_floor", None, average] == pytest.approx(floor, abs=0.014)
    one, again = (values(toy())["top_calibration_floor", None, "gene"] for _ in range(2))
    assert one == again
    assert values(toy(), seed=2)["top_calibration_floor", None, "gene"] != one


def gains(case: Case, other: Prediction, **options: float) -> pd.DataFrame:
    candidates, targets, model = case
    settings = MeasureSettings(**options)  # type: ignore[arg-type]
    table = metrics.measure_gain(lay_out(candidates, targets), model, other, method="other", settings=settings)
    assert (table["method"] == "other").all()
    assert (table["metric"] == "top_1_gain").all()
    assert table["threshold"].isna().all()
    return table.set_index("average")


def test_gain_by_hand() -> None:
    """Right at a, b, c, d: the model 1, 0, 1/4, 0, the other 0, 1/2, 0, 0."""
    score = np.array([1, 2, *[1, 1], *[0, 1, 0, 0], 5.0])
    other = Prediction(np.zeros(9), score)
    found = gains(toy(), other, draws=5)
    assert found["value"].to_dict() == pytest.approx(
        {"locus": (1 - 1 / 2 + 1 / 4) / 4, "gene": ((1 - 1 / 2) / 2 + 1 / 4 + 0) / 3}
    )
    assert found[["n_loci", "n_genes"]].to_numpy().tolist() == [[4, 3], [4, 3]]
    assert gains(toy(), toy()[2])[["value", "lower", "upper"]].to_numpy().tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(("level", "interval"), [(0.4, (0.0, 0.0)), (0.6, (-1.0, 1.0))])
def test_interval_of_the_gain_is_that_of_the_difference(level: float, interval: tuple[float, float]) -> None:
    """Each method is right at one of two loci. Drawn twice, twice or once each: gains 1, -1, 0 with 1/4, 1/4, 1/2.

    Both are measured on the same draw: drawn apart from each other they would differ by 1 in 1/16 of the draws.
    """
    candidates = pd.DataFrame({"locus": list("aabb"), "is_target": [True, False] * 2})
    targets = pd.DataFrame({"locus": ["a", "b"], "gene": ["X", "Y"]})
    model, other = (Prediction(np.array(right), np.array(right)) for right in ([0.9, 0, 0, 0.9], [0, 0.9, 0.9, 0]))
    found = gains((candidates, targets, model), other, level=level)
    for average in metrics.AVERAGES:
        assert found.loc[average, "value"] == 0
        assert (found.loc[average, "lower"], found.loc[average, "upper"]) == pytest.approx(interval)


@settings(deadline=None, max_examples=30)
@given(cases(), st.randoms(use_true_random=False))
def test_gain_is_the_difference_of_the_values(case: Case, random) -> None:  # type: ignore[no-untyped-def]
    candidates, targets, model = case
    score = np.array([random.choice([0.0, 0.5, 1.0]) for _ in range(len(candidates))])
    other = Prediction(np.zeros(len(score)), score)
    found = gains(case, other, draws=20)
    for average in metrics.AVERAGES:
        right = [values((candidates, targets, one))["top_1", None, average] for one in (model, other)]
        assert found.loc[average, "value"] == pytest.approx(right[0] - right[1])
        swapped = gains((candidates, targets, other), model, draws=20).loc[average]
        assert found.loc[average, "lower"] == pytest.approx(-swapped["upper"])


def test_bootstrap_draws_as_many_genes_as_there_are() -> None:
    counts = metrics.bootstrap_counts(20, 500, 3)
    assert (counts.sum(axis=1) == 20).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=0.2)  # standard error 0.044


def test_interval_leaves_out_undefined_draws() -> None:
    assert metrics.percentile_interval(np.array([np.nan, 1.0, 3.0]), 0.5) == (1.5, 2.5)
    assert np.isnan(metrics.percentile_interval(np.array([np.nan]), 0.5)).all()


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        ([0.75, 0.5, 0, 0, 0, 0, 0, 0, 0], "sum to at most 1"),
        ([-0.1, 0, 0, 0, 0, 0, 0, 0, 0], r"within 0\.\.1"),
        ([np.nan, 0, 0, 0, 0, 0, 0, 0, 0], "finite"),
        ([0.5], "each candidate one"),
    ],
)
def test_improper_probabilities_are_refused(probability: list[float], message: str) -> None:
    candidates, targets, _ = toy()
    wrong = np.array(probability, dtype=float)
    with pytest.raises(ValueError, match=message):
        measure(lay_out(candidates, targets), Prediction(wrong, wrong), method="m")


def test_every_measured_locus_needs_a_known_target() -> None:
    candidates, targets, _ = toy()
    with pytest.raises(ValueError, match="known target"):
        lay_out(candidates, targets[targets["locus"] != "d"])
    with pytest.raises(ValueError, match="average is 'trait'"):
        lay_out(candidates, targets).weights(np.ones((1, 3)), "trait")
