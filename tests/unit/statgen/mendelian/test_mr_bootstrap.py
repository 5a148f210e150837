"""Medians and modes against TwoSampleMR and slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mr_reference import BOOTSTRAPPED, CASES, DRAWS, SEED, instruments_of, random_instruments, read_case
from scipy import stats

from locus2target.statgen.mendelian.instruments import Instruments
from locus2target.statgen.mendelian.median import interpolated_median
from locus2target.statgen.mendelian.methods import METHODS, estimate_effect
from locus2target.statgen.mendelian.mode import simple_mode, weighted_mode

LARGE_CASES = [name for name in CASES if name not in {"dev_mr_sim_n1_wald", "dev_mr_sim_n2"}]


@pytest.mark.parametrize("case", LARGE_CASES)
@pytest.mark.parametrize("method", BOOTSTRAPPED)
def test_medians_and_modes_are_those_of_twosamplemr(case: str, method: str) -> None:
    content = read_case(case)
    answer = content["methods"][BOOTSTRAPPED[method]]
    mine = estimate_effect(method, instruments_of(content), draws=DRAWS, seed=SEED)
    assert mine.method == method
    assert mine.n_instruments == answer["nsnp"]
    assert mine.estimate == pytest.approx(answer["b"], rel=1e-12)
    assert mine.standard_error == pytest.approx(answer["se_large"], rel=0.05)
    ratio = abs(mine.estimate) / mine.standard_error
    tail = 2 * stats.norm.sf(ratio) if mine.df is None else 2 * stats.t.sf(ratio, mine.df)
    assert mine.neg_log10_p == pytest.approx(-np.log10(tail), rel=1e-10)
    assert mine.df == (None if "median" in method else answer["nsnp"] - 1)


@pytest.mark.parametrize("method", BOOTSTRAPPED)
def test_a_seed_gives_one_answer(method: str) -> None:
    data = random_instruments(6)
    first, again, other = (METHODS[method](data, draws=300, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert first.standard_error != other.standard_error
    assert first.estimate == other.estimate


def test_draws_in_batches_are_all_used() -> None:
    data = random_instruments(5)
    few, many = (weighted_mode(data, draws=draws, seed=1).standard_error for draws in (257, 5000))
    assert few == pytest.approx(many, rel=0.3)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 10)), min_size=2, max_size=12))
def test_interpolated_median_is_interpolation_on_cumulative_weight(points: list[tuple[float, float]]) -> None:
    ratios, weights = np.array(points).T
    order = np.argsort(ratios, kind="stable")
    share = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
    expected = np.interp(0.5, share, ratios[order])
    assert interpolated_median(ratios, weights) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(interpolated_median(np.tile(ratios, (3, 1)), weights), np.full(3, expected), atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "expected"), [([1.0, 0.0, 0.0], 1.0), ([0.0, 0.0, 1.0], 3.0), ([0.0, 1.0, 0.0], 2.0)]
)
def test_median_of_the_only_instrument_with_weight(weights: list[float], expected: float) -> None:
    assert interpolated_median(np.array([1.0, 2.0, 3.0]), np.array(weights)) == expected


def test_equal_weights_give_the_median() -> None:
    ratios = np.random.default_rng(0).normal(size=(20, 7))
    np.testing.assert_allclose(interpolated_median(ratios, np.ones(7)), np.median(ratios, axis=1))


def test_mode_is_the_highest_point_of_the_density() -> None:
    """To the grid's step, by evaluating the kernel density without any grid."""
    data = random_instruments(30, seed=2)
    ratios, weights = data.ratio, data.ratio_se_second_order**-2
    mad = 1.4826 * np.median(np.abs(ratios - np.median(ratios)))
    width = 0.9 * min(ratios.std(ddof=1), mad) * 30**-0.2
    grid = np.linspace(ratios.min(), ratios.max(), 20_001)
    density = np.exp(-0.5 * ((grid[:, None] - ratios) / width) ** 2) @ weights
    step = (np.ptp(ratios) + 14 * width) / 511
    assert weighted_mode(data, draws=2, seed=0).estimate == pytest.approx(grid[density.argmax()], abs=2 * step)


def test_bandwidth_changes_the_mode() -> None:
    data = random_instruments(30, seed=2)
    wide = simple_mode(data, draws=2, seed=0, bandwidth=50.0).estimate
    assert wide == pytest.approx(data.ratio.mean(), abs=0.05)
    assert wide != simple_mode(data, draws=2, seed=0).estimate


def test_modes_of_equal_ratios() -> None:
    ones = np.ones(4)
    data = Instruments(ones, 0.01 * ones, 0.5 * ones, 0.02 * ones)
    assert simple_mode(data, draws=100, seed=0).estimate == pytest.approx(0.5, abs=1e-6)
