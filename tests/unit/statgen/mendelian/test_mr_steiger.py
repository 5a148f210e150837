import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mr_reference import read_case
from scipy import stats

from locus2target.statgen.mendelian.steiger import steiger_test, variance_explained, variance_explained_of_p
from locus2target.statgen.mendelian.tails import neg_log10_p_of_t


def test_steiger_is_that_of_twosamplemr() -> None:
    """Its r2 come out of a numeric search, with a relative error of about 1e-8."""
    case = read_case("dev_steiger_bmi_chd")
    p_exposure, p_outcome, n_exposure, n_outcome = (
        np.array(case["input"][name], float) for name in ("p_exp", "p_out", "n_exp", "n_out")
    )
    mine = steiger_test(
        variance_explained_of_p(-np.log10(p_exposure), n_exposure),
        variance_explained_of_p(-np.log10(p_outcome), n_outcome),
        n_exposure=n_exposure.mean(),
        n_outcome=n_outcome.mean(),
    )
    expected = case["steiger"]
    assert mine.status == "ok"
    assert mine.correct_direction is expected["correct_causal_direction"]
    assert mine.r2_exposure == pytest.approx(expected["r2_exp"], rel=1e-7)
    assert mine.r2_outcome == pytest.approx(expected["r2_out"], rel=1e-7)
    assert mine.neg_log10_p == pytest.approx(-math.log10(expected["steiger_test"]), rel=1e-7)
    assert mine.sensitivity_ratio == pytest.approx(expected["sensitivity_ratio"], rel=1e-6)


@given(st.floats(-60, 60), st.integers(10, 1_000_000))
def test_variance_from_z_and_from_p_agree(z: float, n: int) -> None:
    p = 2 * stats.t.sf(abs(z), n - 2)
    if 1e-250 < p < 0.9999:
        from_p = variance_explained_of_p(np.array([-math.log10(p)]), n)
        np.testing.assert_allclose(from_p, variance_explained(np.array([z]), n), rtol=1e-7)


def test_p_far_below_the_smallest_float() -> None:
    r2 = variance_explained_of_p(np.array([5000.0]), 400_000)[0]
    size = math.sqrt(r2 / (1 - r2) * (400_000 - 2))
    assert neg_log10_p_of_t(size, 400_000 - 2) == pytest.approx(5000.0, rel=1e-10)


def test_direction_reverses_with_the_traits() -> None:
    strong, weak = np.array([0.02, 0.03]), np.array([0.001, 0.002])
    forward = steiger_test(strong, weak, n_exposure=10_000, n_outcome=20_000)
    backward = steiger_test(weak, strong, n_exposure=20_000, n_outcome=10_000)
    assert (forward.correct_direction, backward.correct_direction) == (True, False)
    assert forward.z_score == -backward.z_score
    assert forward.neg_log10_p == backward.neg_log10_p
    assert forward.sensitivity_ratio == backward.sensitivity_ratio
    by_hand = (np.arctanh(0.05**0.5) - np.arctanh(0.003**0.5)) / math.sqrt(1 / 9997 + 1 / 19997)
    assert forward.z_score == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("r2_exposure", "n_exposure", "status"),
    [([0.6, 0.5], 1000.0, "r2_above_one"), ([1.0], 1000.0, "r2_above_one"), ([0.1], 3.0, "too_few_people")],
)
def test_what_cannot_be_tested_has_a_status(r2_exposure: list[float], n_exposure: float, status: str) -> None:
    result = steiger_test(np.array(r2_exposure), np.array([0.1]), n_exposure=n_exposure, n_outcome=1000)
    assert result.status == status
    assert result.reason
    assert result.correct_direction is None
    assert math.isnan(result.neg_log10_p)
    assert math.isnan(result.sensitivity_ratio)


def test_outcome_without_any_association() -> None:
    result = steiger_test(np.array([0.1]), np.array([0.0]), n_exposure=1000, n_outcome=1000)
    assert result.correct_direction is True
    assert result.sensitivity_ratio == math.inf


def test_equal_variances_have_no_direction() -> None:
    result = steiger_test(np.array([0.1]), np.array([0.1]), n_exposure=1000, n_outcome=1000)
    assert result.correct_direction is False
    assert result.neg_log10_p == 0.0
