"""The native engine gives susieR's answers: sweep by sweep, for any input that susieR takes, and from a factor of R."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from susie_reference import (
    OWN_CASES,
    SHARED_CASES,
    Limits,
    check_fixed_point,
    check_stop,
    input_path,
    load_case,
    load_genotypes,
    members,
    needs_shared,
    needs_susier,
    stated_members,
)

from locus2target.core.version import VERSION
from locus2target.statgen import susie_numba, susier
from locus2target.statgen.engine import FitError, SusieInput, SusieSettings
from locus2target.statgen.native import NativeSusie
from locus2target.statgen.susier import SusieR

ALL_CASES = [*OWN_CASES, *(pytest.param(name, marks=needs_shared) for name in SHARED_CASES)]
GENOTYPE_CASES = [  # those whose LD is of all the people and all the variants of a genotype file
    *("dev01_n3t1_L10", "dev07_n3t1_L10_priorw", "dev14_n2t1_no_n"),
    *(pytest.param(name, marks=needs_shared) for name in ("dev08_n3t1_L10_nullw", "dev11_n3_5signals_estresid")),
]
PIP_LIMIT = 1e-6  # the residual z-scores of a sweep are exact to 1e-8


@pytest.mark.parametrize("name", ALL_CASES)
def test_fit_equals_the_reference_at_its_default_stop(name):
    case = load_case(name)
    fit = NativeSusie().fit(case.data, case.settings)
    assert fit.engine == f"native {VERSION}"
    limits = Limits(PIP_LIMIT, lbf=1e-5, prior_variance=(1e-5, 1e-9), residual_variance=1e-7)
    check_stop(fit, case, limits)


@pytest.mark.parametrize("name", ALL_CASES)
def test_posterior_equals_the_reference_where_nothing_moves_any_more(name):
    """With tolerance 0 the last bit of the evidence ends the fit, so that the number of sweeps is not susieR's."""
    case = load_case(name)
    fit = NativeSusie().fit(case.data, replace(case.settings, tolerance=0.0, max_iterations=2000))
    assert fit.converged
    assert members(fit) == stated_members(case.converged)
    check_fixed_point(fit, case, pip=PIP_LIMIT, lbf=3e-5, per_effect=3e-5, per_effect_relative=3e-6)


@pytest.mark.parametrize("name", ALL_CASES)
def test_single_precision_ld_moves_no_pip_by_more_than_one_in_a_hundred_thousand(name):
    case = load_case(name)
    fit = NativeSusie().fit(replace(case.data, r=case.data.r.astype(np.float32)), case.settings)
    np.testing.assert_allclose(fit.pip, case.arrays["a_stop_pip"], rtol=0, atol=1e-5)
    assert members(fit) == stated_members(case.stop)
    assert fit.n_iterations == case.stop["niter"]


@pytest.mark.parametrize(("precision", "limit"), [(np.float64, PIP_LIMIT), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", GENOTYPE_CASES)
def test_genotypes_do_in_place_of_their_correlation(name, precision, limit):
    case = load_case(name)
    source = "N2finemapping_genotypes.npz" if "_n2" in name else "N3finemapping_genotypes.npz"
    centred = load_genotypes(source) - load_genotypes(source).mean(axis=0)
    factor = (centred / np.sqrt(np.square(centred).sum(axis=0))).astype(precision)
    fit = NativeSusie().fit(replace(case.data, r=None, factor=factor), case.settings)
    np.testing.assert_allclose(fit.pip, case.arrays["a_stop_pip"], rtol=0, atol=limit)
    assert members(fit) == stated_members(case.stop)
    assert fit.n_iterations == case.stop["niter"]
    purity = [(found["min_abs_corr"], found["mean_abs_corr"], found["median_abs_corr"]) for found in case.stop["cs"]]
    measured = [(found.purity_min, found.purity_mean, found.purity_median) for found in fit.credible_sets]
    np.testing.assert_allclose(measured, purity, rtol=0, atol=limit)


def random_locus(seed, *, p, n, n_causal, other_people):
    """z-scores and LD of a made-up locus with blocks of LD; from other people, if wanted."""
    rng = np.random.default_rng(seed)
    loading = rng.normal(size=(max(2, p // 4), p)) * (rng.random((max(2, p // 4), p)) < 0.3)
    people = [rng.normal(size=(n, len(loading))) @ loading + 0.4 * rng.normal(size=(n, p)) for _ in range(2)]
    effects = np.zeros(p)
    effects[rng.choice(p, min(n_causal, p), replace=False)] = rng.normal(scale=0.4, size=min(n_causal, p))
    standard = (people[0] - people[0].mean(axis=0)) / people[0].std(axis=0)
    trait = standard @ effects + rng.normal(size=n)
    r = np.clip(np.corrcoef(np.column_stack([standard, trait]).T)[:-1, -1], -0.999, 0.999)
    ld = np.atleast_2d(np.corrcoef(people[int(other_people)].T))
    return r * np.sqrt((n - 2) / (1 - r**2)), (ld + ld.T) / 2


@needs_susier
@settings(max_examples=12)
@given(
    seed=st.integers(0, 10**6),
    p=st.integers(2, 60),
    n=st.sampled_from([60, 400, 3000]),
    has_n=st.booleans(),
    n_causal=st.integers(0, 4),
    other_people=st.booleans(),
    max_signals=st.integers(1, 12),
    null_weight=st.sampled_from([0.0, 0.1, 0.6]),
    has_weights=st.booleans(),
    method=st.sampled_from(["optim", "EM", "simple", "fixed"]),
    estimate=st.booleans(),
    refine=st.booleans(),
    coverage=st.sampled_from([0.5, 0.95, 0.99]),
)
def test_any_fit_is_that_of_susier(
    seed, p, n, has_n, n_causal, other_people, max_signals, null_weight, has_weights, method, estimate, refine, coverage
):
    z_score, r = random_locus(seed, p=p, n=n, n_causal=n_causal, other_people=other_people)
    weights = np.random.default_rng(seed).gamma(0.5, size=p) + 1e-3 if has_weights else None
    data = SusieInput(z_score, r, float(n) if has_n else None, prior_weights=weights, null_weight=null_weight)
    chosen = SusieSettings(
        max_signals=max_signals,
        prior_variance_method=method,
        estimate_residual_variance=estimate,
        refine=refine,
        coverage=coverage,
        max_iterations=40,
    )
    expected, fit = outcome(SusieR(), data, chosen), outcome(NativeSusie(), data, chosen)
    assert (fit is None) == (expected is None)
    assume(fit is not None)
    if not expected.engine.endswith("0.12.35"):
        pytest.skip("another version ends its sweeps in another way")
    assert (fit.n_iterations, fit.converged) == (expected.n_iterations, expected.converged)
    np.testing.assert_allclose(pip_of_signals(fit), pip_of_signals(expected), rtol=0, atol=PIP_LIMIT)
    np.testing.assert_allclose(fit.elbo, expected.elbo, rtol=1e-9, atol=1e-6)
    sets, expected_sets = (
        sorted(found.variables.tolist() for found in one.credible_sets) for one in (fit, expected)
    )  # refinement may come to the same fit with the effects in another order
    assert sets == expected_sets


def pip_of_signals(fit):
    """PIPs without effects of no evidence, which rounding counts in or leaves out."""
    return 1.0 - np.prod(1.0 - fit.alpha[(fit.lbf > 1e-6) & (fit.prior_variance > 1e-9)], axis=0)


def outcome(engine, data, chosen):
    try:
        return engine.fit(data, chosen)
    except FitError:
        return None


@needs_susier
def test_a_locus_with_exchanged_alleles_stops_unsettled_where_susier_stops():
    z_score, r = runaway_locus()
    data, chosen = SusieInput(z_score, r, 574.0), SusieSettings(max_iterations=100)
    expected, fit = SusieR().fit(data, chosen), NativeSusie().fit(data, chosen)
    assert (fit.n_iterations, fit.converged) == (expected.n_iterations, expected.converged) == (100, False)
    assert fit.messages[-1] == "did not converge in 100 iterations"
    np.testing.assert_allclose(fit.pip, expected.pip, rtol=0, atol=PIP_LIMIT)
    np.testing.assert_allclose(fit.prior_variance, expected.prior_variance, rtol=1e-4, atol=1e-9)


def runaway_locus():
    """A strong signal with the alleles of one in ten variants exchanged, and its LD."""
    genotypes = load_genotypes("N3finemapping_genotypes.npz")[:, :400]
    rng = np.random.default_rng(2)
    causal = genotypes[:, 120] / genotypes[:, 120].std()
    trait = causal + rng.normal(size=len(causal))
    r = np.corrcoef(np.column_stack([genotypes, trait]).T)
    marginal = r[:-1, -1] * np.where(rng.random(400) < 0.1, -1, 1)
    return marginal * np.sqrt((574 - 2) / (1 - marginal**2)), r[:-1, :-1]


def test_unsettled_fit_says_so():
    case = load_case("dev15_n2t1_outofsampleLD")
    fit = NativeSusie().fit(case.data, replace(case.settings, max_iterations=3))
    assert (fit.n_iterations, fit.converged) == (3, False)
    assert fit.messages == ("did not converge in 3 iterations",)


def test_unknown_sample_size_is_mentioned():
    case = load_case("dev14_n2t1_no_n")
    assert any("sample size" in message for message in NativeSusie().fit(case.data, case.settings).messages)


def test_refinement_leaves_a_local_optimum():
    case = load_case("dev17_fc_refine")
    stuck = NativeSusie().fit(case.data, replace(case.settings, refine=False))
    refined = NativeSusie().fit(case.data, case.settings)
    assert (len(stuck.credible_sets), len(refined.credible_sets)) == (3, 2)
    assert refined.elbo > stuck.elbo + 1.0
    with np.load(input_path("FinemappingConvergence.npz")) as stored:
        true_effects = stored["true_effects"]
    assert all(np.isin(true_effects, found.variables).any() for found in refined.credible_sets)


WRONG_R = np.array([[1.0, 0.99, 0.9], [0.99, 1.0, -0.9], [0.9, -0.9, 1.0]])


@pytest.mark.parametrize(
    ("data", "chosen", "reason"),
    [
        (SusieInput(np.array([1.0, 2.0]), np.eye(2), 1.0), SusieSettings(), "n must be greater than 1"),
        (SusieInput(np.zeros(2), np.eye(2), 1.5), SusieSettings(), "no meaning with n"),
        (SusieInput(np.ones(2), np.eye(2), 9.0), SusieSettings(scaled_prior_variance=1.5), "scaled_prior_variance"),
        (SusieInput(np.ones(2), np.eye(2), 9.0, prior_weights=np.zeros(2)), SusieSettings(), "prior_weights"),
        (SusieInput(np.ones(2), np.eye(2), 9.0, prior_weights=np.array([1.0, -1.0])), SusieSettings(), "prior_weights"),
        (SusieInput(np.ones(2), np.eye(2), 9.0, null_weight=1.0), SusieSettings(), "null_weight"),
        (SusieInput(np.ones(2), np.eye(2), None), SusieSettings(prior_variance_method="simple"), "needs a sample size"),
        (SusieInput(np.ones(2), np.eye(2), None), SusieSettings(prior_variance_method="fixed"), "needs a sample size"),
        (SusieInput(np.array([20.0, -20.0, 3.0]), WRONG_R, None), SusieSettings(), "unreasonably large"),
        (
            SusieInput(np.array([20.0, -20.0, 20.0]), WRONG_R, 500.0),
            SusieSettings(estimate_residual_variance=True),
            "residual variance is estimated as -",
        ),
    ],
)
def test_what_cannot_be_fitted_says_why(data, chosen, reason):
    with pytest.raises(FitError, match=reason):
        NativeSusie().fit(data, chosen)


def test_parallel_threads_give_the_fits_of_one():
    cases = [load_case(name) for name in ("dev01_n3t1_L10", "dev18_sc_flipped", "dev13_n2t1_bhat_shat_vary")] * 3
    alone = [NativeSusie().fit(case.data, case.settings) for case in cases]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda case: NativeSusie().fit(case.data, case.settings), cases))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.pip, other.pip)
        np.testing.assert_array_equal(one.lbf_variable, other.lbf_variable)


def test_ld_in_column_order_or_read_only_is_as_good():
    case = load_case("dev18_sc_flipped")
    expected = NativeSusie().fit(case.data, case.settings)
    sealed = case.data.r.copy()
    sealed.flags.writeable = False
    for r in (np.asfortranarray(case.data.r), sealed, np.repeat(case.data.r, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(NativeSusie().fit(replace(case.data, r=r), case.settings).pip, expected.pip)


def test_more_signals_than_variants_and_a_single_variant():
    fit = NativeSusie().fit(SusieInput(np.array([9.0]), np.eye(1), 900.0), SusieSettings())
    assert fit.alpha.shape == (1, 1)
    assert fit.pip[0] == 1.0
    assert [found.variables.tolist() for found in fit.credible_sets] == [[0]]


# Kernels


def test_exponential_is_that_of_the_library():
    x = -np.abs(np.random.default_rng(0).normal(size=20_000)) * np.logspace(-8, 2.2, 20_000)
    values = np.array([susie_numba.exponential(one) for one in x])
    np.testing.assert_allclose(values, np.exp(x), rtol=5e-16)
    assert [susie_numba.exponential(one) for one in (0.0, -0.0)] == [1.0, 1.0]
    assert 0.0 < susie_numba.exponential(-np.inf) == susie_numba.exponential(-1e300) < 1e-300


@pytest.mark.parametrize("null_prior", [0.0, 0.2])
@pytest.mark.parametrize("variance", [0.0, 1e-9, 0.3, 40.0, 3e6])
@pytest.mark.parametrize("residual_variance", [1.0, 0.4])
def test_evidence_is_the_ratio_of_two_normal_densities(null_prior, variance, residual_variance):
    rng = np.random.default_rng(1)
    z_score, prior = rng.normal(scale=4, size=50), rng.dirichlet(np.ones(50)) * (1 - null_prior)
    densities = norm.logpdf(z_score, scale=np.sqrt(variance + residual_variance)) - norm.logpdf(
        z_score, scale=np.sqrt(residual_variance)
    )
    expected = np.log((prior * np.exp(densities)).sum() + null_prior)
    gap, best = gap_of(z_score, residual_variance)
    found = susie_numba.log_evidence(variance, residual_variance, gap, best, prior, null_prior)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def gap_of(z_score, residual_variance=1.0):
    half = 0.5 * z_score**2 / residual_variance
    return half - half.max(), half.max()


@needs_susier
@pytest.mark.parametrize("scale", [2.0, 6.0, 20.0])
def test_search_ends_where_that_of_r_ends(scale):
    """The maximum itself is flat to 1e-8 of log V: where in there the search ends is rounding."""
    z_score = np.random.default_rng(3).normal(scale=scale, size=200)
    gap, best = gap_of(z_score)
    prior, unit = np.full(200, 1 / 200), 999.0
    found, evidence = susie_numba.search_log_variance(unit, 1.0, gap, best, prior, 0.0)
    assert evidence == susie_numba.log_evidence(unit * np.exp(found), 1.0, gap, best, prior, 0.0)
    interface = susier._open_session().interface
    optimise = interface.evalr(
        "function(z, unit) { f <- function(lv) { w <- unit * exp(lv);"
        " l <- dnorm(z, 0, sqrt(w + 1), log = TRUE) - dnorm(z, 0, 1, log = TRUE);"
        " -(max(l) + log(mean(exp(l - max(l))))) };"
        ' optim(0, f, method = "Brent", lower = -30, upper = 15)$par }'
    )
    expected = optimise(interface.FloatSexpVector(list(z_score)), interface.FloatSexpVector([unit]))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), p=st.integers(1, 40), n=st.integers(1, 12), share=st.floats(0, 1))
def test_products_with_r_are_those_of_linear_algebra(seed, p, n, share):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, p)).astype(np.float32)
    r = factor.T.astype(np.float64) @ factor.astype(np.float64)
    vector = rng.normal(size=p) * (rng.random(p) < share)
    live, product = np.flatnonzero(vector), np.full(p, np.nan)
    susie_numba.multiply_matrix(r, vector, live, product)
    np.testing.assert_allclose(product, r @ vector, rtol=1e-12, atol=1e-12)
    susie_numba.multiply_factor(factor, vector, live, product)
    np.testing.assert_allclose(product, r @ vector, rtol=1e-12, atol=1e-12)
