import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mr_reference import ANALYTIC, CASES, DRAWS, SEED, instruments_of, random_instruments, read_case
from scipy import stats
from scipy.optimize import minimize

from locus2target.statgen.mendelian.estimators import (
    egger,
    ivw,
    ivw_fixed,
    ivw_random,
    likelihood_minimum,
    make_estimate,
    maximum_likelihood,
    sign_test,
    wald_ratio,
)
from locus2target.statgen.mendelian.instruments import EstimationError, Instruments
from locus2target.statgen.mendelian.methods import METHODS, estimate_effect

ANSWERED = [(case, method) for case in CASES for method in ANALYTIC if ANALYTIC[method] in read_case(case)["methods"]]
EXACT = [(case, method) for case, method in ANSWERED if method != "maximum_likelihood"]
EGGER_CASES = [case for case in CASES if "pleiotropy" in read_case(case)]


def reference(case: str, method: str) -> tuple[Instruments, dict[str, Any]]:
    content = read_case(case)
    return instruments_of(content), content["methods"][ANALYTIC[method]]


@pytest.mark.parametrize(("case", "method"), EXACT)
def test_analytic_methods_are_those_of_twosamplemr(case: str, method: str) -> None:
    data, answer = reference(case, method)
    if answer["b"] is None:
        with pytest.raises(EstimationError) as caught:
            estimate_effect(method, data, draws=DRAWS, seed=SEED)
        assert caught.value.status == "too_few_instruments"
        return
    mine = estimate_effect(method, data, draws=DRAWS, seed=SEED)
    assert mine.method == method
    assert mine.n_instruments == answer["nsnp"]
    assert mine.estimate == pytest.approx(answer["b"], rel=1e-12)
    assert mine.neg_log10_p == pytest.approx(-math.log10(answer["pval"]), rel=1e-10)
    if answer.get("se") is None:
        assert math.isnan(mine.standard_error)
    else:
        assert mine.standard_error == pytest.approx(answer["se"], rel=1e-12)
    if "Q" in answer:
        assert (mine.q, mine.q_df) == (pytest.approx(answer["Q"], rel=1e-12), answer["Q_df"])
        assert mine.q_neg_log10_p == pytest.approx(-math.log10(answer["Q_pval"]), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("case", EGGER_CASES)
def test_egger_intercept_and_heterogeneity(case: str) -> None:
    content = read_case(case)
    data, expected = instruments_of(content), content["pleiotropy"]
    fit = egger(data)
    assert fit.intercept.estimate == pytest.approx(expected["egger_intercept"], rel=1e-10)
    assert fit.intercept.standard_error == pytest.approx(expected["se"], rel=1e-12)
    assert fit.intercept.neg_log10_p == pytest.approx(-math.log10(expected["pval"]), rel=1e-10)
    for name, estimate in {"MR Egger": fit.effect, "Inverse variance weighted": ivw(data)}.items():
        row = content["heterogeneity"]["method"].index(name)
        assert estimate.q == pytest.approx(content["heterogeneity"]["Q"][row], rel=1e-12)
        assert estimate.q_df == content["heterogeneity"]["Q_df"][row]
        assert estimate.q_neg_log10_p == pytest.approx(-math.log10(content["heterogeneity"]["Q_pval"][row]), rel=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_maximum_likelihood_is_not_below_that_of_twosamplemr(case: str) -> None:
    data, answer = reference(case, "maximum_likelihood")
    if answer["b"] is None:
        return
    mine = maximum_likelihood(data)
    assert mine.q is not None
    assert mine.q <= answer["Q"] * (1 + 1e-12)
    if len(data) <= 3:  # few enough parameters for Nelder-Mead to arrive
        assert mine.estimate == pytest.approx(answer["b"], rel=1e-5)
        assert mine.standard_error == pytest.approx(answer["se"], rel=1e-5)
    assert abs(mine.estimate - answer["b"]) < 0.25 * mine.standard_error


def test_maximum_likelihood_is_that_of_all_parameters() -> None:
    data = random_instruments(4, seed=3)

    def minus_log_likelihood(parameters: np.ndarray) -> float:
        truth, effect = parameters[:-1] * data.exposure_se, parameters[-1]
        exposure = ((data.exposure_beta - truth) / data.exposure_se) ** 2
        outcome = ((data.outcome_beta - effect * truth) / data.outcome_se) ** 2
        return 0.5 * float(np.sum(exposure + outcome))

    start = np.append(data.exposure_beta / data.exposure_se, 0.4)
    found = minimize(minus_log_likelihood, start, method="BFGS", options={"gtol": 1e-7})
    step = 1e-3 * np.eye(5)
    f = minus_log_likelihood
    hessian = np.array(
        [
            [(f(found.x + a + b) - f(found.x + a - b) - f(found.x - a + b) + f(found.x - a - b)) for a in step]
            for b in step
        ]
    )
    mine = maximum_likelihood(data)
    assert mine.estimate == pytest.approx(found.x[-1], rel=1e-6)
    assert mine.q == pytest.approx(2 * found.fun, rel=1e-9)
    assert mine.standard_error == pytest.approx(np.linalg.inv(hessian / 4e-6)[-1, -1] ** 0.5, rel=1e-4)


@pytest.mark.parametrize("overdispersion", [0.5, 1.0, 7.0])
def test_likelihood_minimum_is_global(overdispersion: float) -> None:
    # three instruments of z around 1000 that disagree: one narrow valley each
    x, sx = np.array([1.0, 1.0, 1.0]), np.full(3, 1e-3)
    data = Instruments(x, sx, np.array([0.1, 0.5, 0.9]), np.array([3e-3, 2.9e-3, 3e-3]))
    effect, q = likelihood_minimum(data, overdispersion)
    effects = np.linspace(-2, 2, 400_001)[:, None]
    variance = overdispersion * data.outcome_se**2 + effects**2 * sx**2
    everywhere = ((data.outcome_beta - effects * x) ** 2 / variance).sum(axis=1)
    assert q <= everywhere.min() * (1 + 1e-12)
    assert effect == pytest.approx(effects[np.argmin(everywhere), 0], abs=1e-5)


def test_wald_ratio_needs_exactly_one() -> None:
    with pytest.raises(ValueError, match="one instrument, not 2"):
        wald_ratio(random_instruments(2))
    with pytest.raises(EstimationError):
        wald_ratio(random_instruments(0))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_when_there_are_too_few(method: str) -> None:
    with pytest.raises(EstimationError) as caught:
        estimate_effect(method, random_instruments(0), draws=10, seed=0)
    assert caught.value.status == "too_few_instruments"
    assert method in caught.value.reason


def test_equal_instruments_have_no_egger_slope() -> None:
    data = replace(random_instruments(4), exposure_beta=np.array([0.1, -0.1, 0.1, 0.1]))
    with pytest.raises(EstimationError) as caught:
        egger(data)
    assert caught.value.status == "equal_instruments"


def test_p_values_do_not_underflow() -> None:
    data = random_instruments(50)
    strong = replace(data, outcome_se=data.outcome_se / 100, outcome_beta=0.4 * data.exposure_beta)
    z = 0.4 / ivw(strong).standard_error
    assert ivw(strong).neg_log10_p == pytest.approx(-(stats.norm.logsf(z) + np.log(2)) / np.log(10), rel=1e-10)
    assert ivw(strong).neg_log10_p > 1000
    assert 40 < egger(strong).effect.neg_log10_p < math.inf


def test_ratios_without_any_spread() -> None:
    data = replace(random_instruments(4), outcome_beta=0.5 * random_instruments(4).exposure_beta)
    assert ivw(data).standard_error == ivw_fixed(data).standard_error
    assert ivw_random(data).standard_error == pytest.approx(0.0, abs=1e-12)
    assert make_estimate("ivw_random", 4, 0.5, 0.0).neg_log10_p == math.inf


@given(st.integers(2, 40), st.integers(0, 1000), st.floats(0.01, 100.0))
def test_units_and_effect_alleles_do_not_matter(n_instruments: int, seed: int, unit: float) -> None:
    data = random_instruments(n_instruments, seed=seed)
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], n_instruments)
    other = Instruments(
        data.exposure_beta * sign * unit, data.exposure_se * unit, data.outcome_beta * sign, data.outcome_se
    )
    methods = [ivw, ivw_random, maximum_likelihood, *([lambda d: egger(d).effect] if n_instruments > 2 else [])]
    for method in methods:
        mine, changed = method(data), method(other)
        assert changed.estimate * unit == pytest.approx(mine.estimate, rel=1e-6, abs=1e-9)
        assert changed.standard_error * unit == pytest.approx(mine.standard_error, rel=1e-6)


@pytest.mark.parametrize("df", [None, 3])
def test_interval_leaves_out_zero_exactly_where_p_is_small(df: int | None) -> None:
    border = stats.norm.isf(0.025) if df is None else stats.t.isf(0.025, df)
    for z in (border * 0.999, border * 1.001):
        estimate = make_estimate("any", 5, z, 1.0, df=df)
        low, _ = estimate.confidence_interval
        assert (low > 0) == (estimate.neg_log10_p > -math.log10(0.05))


def test_sign_test_leaves_out_outcome_effects_of_zero() -> None:
    data = random_instruments(9)
    with_zero = replace(data, outcome_beta=np.where(np.arange(9) < 2, 0.0, data.exposure_beta))
    assert sign_test(with_zero).n_instruments == 7
    assert sign_test(with_zero).estimate == 1.0
    assert sign_test(with_zero).neg_log10_p == pytest.approx(-math.log10(2 * 0.5**7))
    with pytest.raises(EstimationError):
        sign_test(with_zero.take(np.arange(7)))


@pytest.mark.parametrize(("n_same", "k"), [(3, 6), (0, 7), (5, 9), (9, 9), (2000, 2000)])
def test_sign_test_p_value(n_same: int, k: int) -> None:
    ones = np.ones(k)
    data = Instruments(ones, ones, np.where(np.arange(k) < n_same, 1.0, -1.0), ones)
    expected = -math.log10(stats.binomtest(n_same, k).pvalue) if k < 1000 else (k - 1) * math.log10(2.0)
    assert sign_test(data).neg_log10_p == pytest.approx(expected, abs=1e-12)
