import math
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
from mr_reference import RADIAL_CASES, instruments_of, random_instruments, read_case

from locus2target.statgen.mendelian.estimators import ivw_fixed, ivw_random, maximum_likelihood
from locus2target.statgen.mendelian.instruments import EstimationError, Instruments
from locus2target.statgen.mendelian.radial import (
    RadialFit,
    radial_egger,
    radial_ivw,
    radial_ivw_exact,
    radial_ivw_exact_random,
    radial_ivw_iterative,
    refit_without_outliers,
)

Weights = Literal[1, 2, 3]
ALL_WEIGHTS: tuple[Weights, ...] = (1, 2, 3)


def check_contributions(fit: RadialFit, expected: dict[str, Any], alpha: float) -> None:
    np.testing.assert_allclose(fit.q_contributions, expected["Qj"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(10**-fit.q_neg_log10_p, expected["Qj_p"], rtol=1e-9)
    assert fit.outliers(alpha).tolist() == expected["outlier"]
    assert fit.effect.q == pytest.approx(expected["Q"], rel=1e-12)
    assert fit.q_contributions.sum() == pytest.approx(expected["Q"], rel=1e-12)


@pytest.mark.parametrize("case", RADIAL_CASES)
@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_radial_ivw_is_that_of_radialmr(case: str, weights: Weights) -> None:
    content = read_case(case)
    data, expected = instruments_of(content), content["radial"][f"ivw_w{weights}"]
    fit = radial_ivw(data, weights=weights)
    estimate, error, _, p = expected["coef_effect"]
    assert fit.effect.estimate == pytest.approx(estimate, rel=1e-12)
    assert fit.effect.standard_error == pytest.approx(error, rel=1e-12)
    assert fit.effect.neg_log10_p == pytest.approx(-math.log10(p), rel=1e-12)
    assert fit.effect.q_df == expected["df"]
    np.testing.assert_allclose(fit.root_weights, expected["Wj"], rtol=1e-12)
    np.testing.assert_allclose(fit.weighted_ratios, expected["BetaWj"], rtol=1e-12)
    check_contributions(fit, expected, content["radial_alpha"])
    names = np.array(content["input"]["snp"])[fit.outliers(content["radial_alpha"])]
    assert sorted(names) == sorted(expected["outlier_snps"])
    assert data.f_statistic.mean() == pytest.approx(expected["meanF"], rel=1e-12)


@pytest.mark.parametrize("case", RADIAL_CASES)
@pytest.mark.parametrize("weights", ALL_WEIGHTS)
def test_radial_egger_is_that_of_radialmr(case: str, weights: Weights) -> None:
    content = read_case(case)
    expected = content["radial"][f"egger_w{weights}"]
    fit = radial_egger(instruments_of(content), weights=weights)
    assert fit.intercept is not None
    for estimate, (value, error, _, p) in zip((fit.intercept, fit.effect), expected["coef"], strict=True):
        assert estimate.estimate == pytest.approx(value, rel=1e-10)
        assert estimate.standard_error == pytest.approx(error, rel=1e-12)
        assert estimate.neg_log10_p == pytest.approx(-math.log10(p), rel=1e-10)
    check_contributions(fit, expected, content["radial_alpha"])


@pytest.mark.parametrize("case", RADIAL_CASES)
def test_iterative_and_exact_effects(case: str) -> None:
    content = read_case(case)
    data, expected = instruments_of(content), content["radial"]["ivw_w1"]
    value, error, _, p = expected["coef_iterative"]
    stopped = radial_ivw_iterative(data, tolerance=1e-5 / ivw_fixed(data).standard_error).effect  # as RadialMR stops
    assert stopped.estimate == pytest.approx(value, rel=1e-12)
    assert stopped.standard_error == pytest.approx(error, rel=1e-12)
    assert stopped.neg_log10_p == pytest.approx(-math.log10(p), rel=1e-12)
    assert radial_ivw_iterative(data).effect.estimate == pytest.approx(value, rel=1e-6)
    # RadialMR minimises with R's optimize, to about 1e-4 of the search interval
    exact = radial_ivw_exact(data).effect
    assert exact.estimate == pytest.approx(expected["coef_exact_fe"][0], rel=1e-4)
    assert exact.standard_error == pytest.approx(expected["coef_exact_fe"][1], rel=1e-5)
    assert radial_ivw_exact_random(data).effect.estimate == pytest.approx(expected["exact_re_estimate"], rel=1e-4)


@pytest.mark.parametrize("case", RADIAL_CASES)
def test_exact_effects_are_what_they_are_defined_as(case: str) -> None:
    data = instruments_of(read_case(case))
    exact, random = radial_ivw_exact(data), radial_ivw_exact_random(data)
    assert exact.effect.estimate == maximum_likelihood(data).estimate
    assert exact.effect.q == pytest.approx(maximum_likelihood(data).q, rel=1e-12)
    assert random.effect.q is not None
    assert random.overdispersion >= 1.0
    if exact.effect.q > len(data) - 1:
        assert random.effect.q == pytest.approx(len(data) - 1, rel=1e-10)
        assert random.effect.standard_error > exact.effect.standard_error
    else:
        assert random.overdispersion == 1.0
        assert random.effect.estimate == exact.effect.estimate
    variance = random.overdispersion * data.outcome_se**2 + (random.effect.estimate * data.exposure_se) ** 2
    around = [
        float(
            np.sum(
                (data.outcome_beta - b * data.exposure_beta) ** 2
                / (random.overdispersion * data.outcome_se**2 + (b * data.exposure_se) ** 2)
            )
        )
        for b in random.effect.estimate + np.array([-1e-3, 1e-3])
    ]
    assert random.effect.q < min(around)
    np.testing.assert_allclose(random.root_weights**2, data.exposure_beta**2 / variance, rtol=1e-12)


def test_iterative_effect_is_a_fixed_point() -> None:
    fit = radial_ivw_iterative(random_instruments(12))
    data, effect = random_instruments(12), fit.effect.estimate
    weights = data.exposure_beta**2 / (data.outcome_se**2 + (effect * data.exposure_se) ** 2)
    assert np.average(data.ratio, weights=weights) == pytest.approx(effect, rel=1e-10)


@pytest.mark.parametrize("n_instruments", [2, 3, 4])
def test_few_instruments_where_radialmr_stops(n_instruments: int) -> None:
    data = random_instruments(n_instruments, seed=4)
    assert radial_ivw(data).effect.estimate == pytest.approx(ivw_random(data).estimate, rel=1e-12)
    assert radial_ivw(data).effect.standard_error == pytest.approx(ivw_random(data).standard_error, rel=1e-12)
    for fit in (radial_ivw_iterative, radial_ivw_exact, radial_ivw_exact_random):
        assert fit(data).effect.estimate == pytest.approx(0.4, abs=6 * fit(data).effect.standard_error)
    if n_instruments == 2:
        with pytest.raises(EstimationError):
            radial_egger(data)


def with_outliers(n_instruments: int, outliers: list[int]) -> Instruments:
    data = random_instruments(n_instruments, seed=1)
    shift = np.zeros(n_instruments)
    shift[outliers] = 15 * data.outcome_se[outliers]
    return Instruments(data.exposure_beta, data.exposure_se, data.outcome_beta + shift, data.outcome_se)


@pytest.mark.parametrize("fit", [radial_ivw, partial(radial_ivw, weights=3), radial_egger, radial_ivw_exact])
def test_refit_without_planted_outliers(fit: Any) -> None:
    data = with_outliers(30, [3, 17])
    refit = refit_without_outliers(data, fit, alpha=0.05 / 30)
    assert np.flatnonzero(refit.outliers).tolist() == [3, 17]
    assert refit.before.effect == fit(data).effect
    assert refit.after is not None
    assert refit.after.effect.n_instruments == 28
    others = random_instruments(30, seed=1).take(~refit.outliers)
    assert refit.after.effect == fit(others).effect


def test_refit_without_any_outlier_is_the_fit() -> None:
    refit = refit_without_outliers(random_instruments(30, seed=1), alpha=0.05 / 30)
    assert refit.after is refit.before
    assert not refit.outliers.any()


def test_refit_of_two_that_disagree_says_that_none_are_left() -> None:
    refit = refit_without_outliers(with_outliers(2, [0]), alpha=0.05)
    assert refit.outliers.any()
    assert refit.after is None
    assert "needs 2 instruments" in refit.reason


def test_equal_weights_have_no_radial_egger_slope() -> None:
    ones = np.ones(5)
    with pytest.raises(EstimationError) as caught:
        radial_egger(Instruments(ones, 0.1 * ones, np.arange(5.0), 0.1 * ones))
    assert caught.value.status == "equal_instruments"
