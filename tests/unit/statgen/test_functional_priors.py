"""Enrichments against planted ones, a slow twin and EM; weights; and what a left-out chromosome may not know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize
from scipy.special import logsumexp, softmax

from locus2target.statgen import functional_priors
from locus2target.statgen.abf import wakefield_log_bayes_factors
from locus2target.statgen.functional_priors import (
    ALL_LOCI,
    Groups,
    PriorSettings,
    Signals,
    bounded_weights,
    delete_group_error,
    evidence_gains,
    fit_enrichments,
    fit_functional_prior,
    gather_signals,
    log_evidence,
    shuffle_within_loci,
)

SETTINGS = PriorSettings(min_loci=10, prior_sd=2.0, uniform_share=0.1, max_ratio=100.0, seed=1)
THETA = np.array([1.2, 0.0])
N_LOCI, N_VARIANTS = 220, 100
LD = 0.95  # r between neighbours
NONCENTRALITY = 5.5  # expected z of a causal variant
VARIANCE, PRIOR_SD = 0.03**2, 0.15


class Cohort:
    """Loci of one causal variant each, drawn from the prior that `theta` gives; a locus per chromosome in turn."""

    def __init__(self, theta, *, n_loci=N_LOCI, n_variants=N_VARIANTS, n_chromosomes=20, seed=7):
        generator = np.random.default_rng(seed)
        self.features = generator.standard_normal((n_loci * n_variants, len(theta)))
        self.loci = Groups.of_lengths(np.full(n_loci, n_variants))
        self.chromosome = np.array([str(1 + i % n_chromosomes) for i in range(n_loci)], dtype=object)
        places = np.arange(n_variants)
        r = LD ** np.abs(places[:, None] - places)
        root = np.linalg.cholesky(r)
        self.causal = np.empty(n_loci, dtype=np.int64)
        factors = np.empty((n_loci, n_variants))
        for locus in range(n_loci):
            own = self.features[locus * n_variants : (locus + 1) * n_variants]
            prior = 0.9 * softmax(own @ theta) + 0.1 / n_variants
            self.causal[locus] = generator.choice(n_variants, p=prior)
            z = NONCENTRALITY * r[self.causal[locus]] + root @ generator.standard_normal(n_variants)
            factors[locus] = wakefield_log_bayes_factors(z, VARIANCE, prior_sd=PRIOR_SD)
        names = np.array([f"locus{locus}" for locus in range(n_loci)], dtype=object)
        self.signals = Signals(np.arange(factors.size), factors.ravel(), self.loci, names, self.chromosome)

    def fit(self, settings=SETTINGS, *, features=None, signals=None):
        features = self.features if features is None else features
        signals = self.signals if signals is None else signals
        return fit_functional_prior(features, self.loci, self.chromosome, signals, settings)

    def pip(self, weights):
        """Single-effect posteriors, (n_loci, n_variants)."""
        shape = (len(self.causal), -1)
        return softmax(np.log(weights.reshape(shape)) + self.signals.log_bayes_factors.reshape(shape), axis=1)

    def pip_of_causal(self, weights):
        return self.pip(weights)[np.arange(len(self.causal)), self.causal]


@pytest.fixture(scope="module")
def enriched():
    return Cohort(THETA)


@pytest.fixture(scope="module")
def fitted(enriched):
    return enriched.fit()


def of_all(prior):
    assert prior.fits[0].left_out == ALL_LOCI
    return prior.fits[0]


# ---- Simulated cohorts --------------------------------------------------------------------------------------------


def test_planted_enrichments_are_found_within_their_error(fitted):
    fit = of_all(fitted)
    assert fit.status == "ok"
    assert (fit.standard_error < 0.25).all()
    np.testing.assert_array_less(np.abs(fit.theta - THETA), 3 * fit.standard_error)
    assert fit.theta[0] > 5 * fit.standard_error[0]


def test_the_shuffled_control_finds_nothing(enriched, fitted):
    shuffled = enriched.features.copy()
    shuffle_within_loci(shuffled, enriched.loci, seed=SETTINGS.seed)
    control = of_all(enriched.fit(features=shuffled))
    np.testing.assert_array_less(np.abs(control.theta), 3 * control.standard_error)
    assert of_all(fitted).held_out_gain > 20
    assert control.held_out_gain < 1


def test_informative_scores_raise_the_posterior_of_causal_variants_they_never_saw(enriched, fitted):
    uniform = np.full(enriched.features.shape[0], 1 / N_VARIANTS)
    gain = enriched.pip_of_causal(fitted.weights) - enriched.pip_of_causal(uniform)
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))
    assert gain.mean() > 0.05


def test_functional_posteriors_are_calibrated(enriched, fitted):
    pip = enriched.pip(fitted.weights)
    is_causal = np.zeros_like(pip)
    is_causal[np.arange(len(pip)), enriched.causal] = 1
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.01)):
        bin_ = (pip >= low) & (pip < high)
        error = np.sqrt((pip[bin_] * (1 - pip[bin_])).sum()) / bin_.sum()
        assert abs(is_causal[bin_].mean() - pip[bin_].mean()) < 3 * error


def test_scores_that_say_nothing_change_nothing_on_average():
    cohort = Cohort(np.zeros(2), seed=11)
    prior = cohort.fit(replace(SETTINGS, prior_sd=0.5))
    uniform = np.full(cohort.features.shape[0], 1 / N_VARIANTS)
    gain = cohort.pip_of_causal(prior.weights) - cohort.pip_of_causal(uniform)
    assert abs(gain.mean()) < 0.01
    assert abs(of_all(prior).held_out_gain) < 2


# ---- What the left-out chromosome may not know ----------------------------------------------------------------------


def test_a_chromosome_has_no_part_in_its_own_weights(enriched, fitted):
    here = np.repeat(enriched.chromosome == "3", N_VARIANTS)
    factors = enriched.signals.log_bayes_factors.copy()
    factors[here] = np.random.default_rng(0).normal(0, 30, here.sum())
    other = enriched.fit(signals=replace(enriched.signals, log_bayes_factors=factors))
    by_name = {fit.left_out: fit.theta for fit in fitted.fits}
    changed = {fit.left_out: fit.theta for fit in other.fits}
    np.testing.assert_array_equal(changed["3"], by_name["3"])
    np.testing.assert_array_equal(other.weights[here], fitted.weights[here])
    assert all(np.abs(changed[name] - by_name[name]).max() > 1e-3 for name in changed if name != "3")


def test_each_fit_counts_the_loci_of_the_other_chromosomes(fitted):
    expected = [(ALL_LOCI, N_LOCI), *((str(number), N_LOCI - N_LOCI // 20) for number in range(1, 21))]
    assert [(fit.left_out, fit.n_loci) for fit in fitted.fits] == expected


def test_too_few_loci_leave_equal_weights():
    cohort = Cohort(THETA, n_loci=12, n_variants=10, n_chromosomes=4)
    prior = cohort.fit()
    assert [fit.status for fit in prior.fits] == ["ok"] + ["too_few_loci"] * 4
    np.testing.assert_allclose(prior.weights, 0.1, rtol=1e-12)
    assert [fit.held_out_gain for fit in prior.fits] == pytest.approx([0.0] * 5, abs=1e-12)
    assert np.isnan(of_all(prior).standard_error).all()


def test_a_narrow_prior_keeps_enrichments_of_few_loci_small():
    cohort = Cohort(THETA, n_loci=14, n_chromosomes=14)
    wide, narrow = (of_all(cohort.fit(replace(SETTINGS, prior_sd=sd))).theta for sd in (2.0, 0.05))
    assert np.abs(narrow).max() < 0.05
    assert wide[0] > 0.4


def test_loci_without_signals_get_weights_and_no_say(enriched, fitted):
    with_signal = enriched.chromosome != "5"
    prior = enriched.fit(signals=enriched.signals.select(with_signal))
    by_name = {fit.left_out: fit.theta for fit in fitted.fits}
    np.testing.assert_array_equal(of_all(prior).theta, by_name["5"])
    here = np.repeat(~with_signal, N_VARIANTS)
    np.testing.assert_array_equal(prior.weights[here], fitted.weights[here])


def test_no_loci_and_no_features_are_no_accident():
    empty = np.empty(0, dtype=np.int64)
    nobody = np.empty(0, dtype=object)
    signals = Signals(empty, np.empty(0), Groups.of_lengths(empty), nobody, nobody)
    prior = fit_functional_prior(np.empty((0, 2)), Groups.of_lengths(empty), nobody, signals, SETTINGS)
    assert len(prior.weights) == 0
    assert [(fit.left_out, fit.status) for fit in prior.fits] == [(ALL_LOCI, "too_few_loci")]
    shuffle_within_loci(np.empty((0, 2)), Groups.of_lengths(empty), seed=1)
    cohort = Cohort(THETA, n_loci=20, n_variants=5)
    np.testing.assert_allclose(cohort.fit(features=np.empty((100, 0))).weights, 0.2, rtol=1e-12)


# ---- The fit against independent twins --------------------------------------------------------------------------


def slow_log_evidence(theta, features, signals, uniform_share):
    total = 0.0
    for start, length in zip(signals.groups.starts, signals.groups.lengths, strict=True):
        members = slice(start, start + length)
        prior = (1 - uniform_share) * softmax(features[signals.rows[members]] @ theta) + uniform_share / length
        total += np.log((prior * np.exp(signals.log_bayes_factors[members])).sum())
    return total


@pytest.fixture
def ragged():
    """Signals of unequal lengths; two of them share a locus, one of those lacks a variant."""
    generator = np.random.default_rng(3)
    rows = [np.arange(6), np.arange(5), np.arange(6, 9), np.arange(9, 20)]
    lengths = [len(of_one) for of_one in rows]
    names = np.array(["a", "a", "b", "c"], dtype=object)
    chromosome = np.array(["1", "1", "2", "3"], dtype=object)
    factors = generator.normal(2, 3, sum(lengths))
    return generator.standard_normal((20, 3)), Signals(
        np.concatenate(rows), factors, Groups.of_lengths(lengths), names, chromosome
    )


def test_evidence_is_that_of_a_slow_loop_and_its_gradient_is_exact(ragged):
    features, signals = ragged
    theta = np.array([0.4, -1.1, 0.2])
    of_signals, factors = features[signals.rows], np.exp(signals.log_bayes_factors)
    value, _ = log_evidence(theta, of_signals, factors, signals.groups, uniform_share=0.1)
    assert value == pytest.approx(slow_log_evidence(theta, features, signals, 0.1), rel=1e-12)
    error = check_grad(
        lambda t: log_evidence(t, of_signals, factors, signals.groups, uniform_share=0.1)[0],
        lambda t: log_evidence(t, of_signals, factors, signals.groups, uniform_share=0.1)[1],
        theta,
    )
    assert error < 1e-5


def test_factors_that_would_overflow_change_nothing(ragged):
    features, signals = ragged
    large = replace(
        signals, log_bayes_factors=signals.log_bayes_factors + np.repeat([1e5, 0, -1e5, 9e3], [6, 5, 3, 11])
    )
    theta, same = (fit_enrichments(features, found, prior_sd=0.5, uniform_share=0.1) for found in (signals, large))
    np.testing.assert_allclose(same, theta, rtol=1e-6)
    np.testing.assert_allclose(
        evidence_gains(np.arange(1.0, 21.0), large), evidence_gains(np.arange(1.0, 21.0), signals), rtol=1e-6
    )


@pytest.mark.parametrize("factors_at_once", [1, 6, 12])
def test_blocks_of_signals_add_up_to_the_whole(ragged, monkeypatch, factors_at_once):
    features, signals = ragged
    assert len(list(signals.blocks())) == 1
    whole = fit_enrichments(features, signals, prior_sd=0.5, uniform_share=0.1)
    monkeypatch.setattr(functional_priors, "_FACTORS_AT_ONCE", factors_at_once)
    blocks = list(signals.blocks())
    assert len(blocks) > 1
    assert [locus for block in blocks for locus in block.locus] == signals.locus.tolist()
    np.testing.assert_array_equal(np.concatenate([block.rows for block in blocks]), signals.rows)
    in_blocks = fit_enrichments(features, signals, prior_sd=0.5, uniform_share=0.1)
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-5)


def test_signals_of_parts_go_by_locus(ragged):
    _, signals = ragged
    parts = [signals.select(signals.locus == name) for name in ("c", "a", "b")]
    whole = Signals.by_locus(parts)
    for name in ("rows", "log_bayes_factors", "locus", "chromosome"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(signals, name))
    np.testing.assert_array_equal(whole.groups.lengths, signals.groups.lengths)


def test_expectation_maximisation_reaches_the_same_enrichments():
    """E step: who is causal, and drawn by features rather than evenly; M step: multinomial logistic regression."""
    cohort = Cohort(THETA, n_loci=40, n_variants=30)
    features, prior_sd, share = cohort.features.reshape(40, 30, 2), 0.5, 0.1
    factors = cohort.signals.log_bayes_factors.reshape(40, 30)
    theta = np.zeros(2)
    for _ in range(200):
        by_features = (1 - share) * softmax(features @ theta, axis=1)
        joint = (by_features + share / 30) * np.exp(factors)
        responsible = by_features * np.exp(factors) / joint.sum(axis=1, keepdims=True)

        def loss(t, responsible=responsible):
            log_share = features @ t - logsumexp(features @ t, axis=1, keepdims=True)
            return t @ t / (2 * prior_sd**2) - (responsible * log_share).sum()

        theta = minimize(loss, theta, method="BFGS").x
    direct = fit_enrichments(cohort.features, cohort.signals, prior_sd=prior_sd, uniform_share=share)
    np.testing.assert_allclose(direct, theta, atol=1e-4)


def test_evidence_gain_is_that_of_hand_computed_weights(ragged):
    _, signals = ragged
    weights = np.concatenate([np.array([1, 2, 3, 4, 5, 6]) / 21, [0.2, 0.3, 0.5], np.full(11, 1 / 11)])
    gains = evidence_gains(weights, signals)
    factors = np.exp(signals.log_bayes_factors[6:11])  # the second signal lacks the sixth variant
    by_hand = np.log((factors * np.arange(1, 6)).sum() / 15) - np.log(factors.mean())
    assert gains[1] == pytest.approx(by_hand, rel=1e-12)
    assert gains[3] == pytest.approx(0.0, abs=1e-12)


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(5).normal(size=12)
    without = (values.sum() - values) / 11
    error = delete_group_error(np.array([values.mean()]), without[:, None], np.ones(12))
    assert error[0] == pytest.approx(values.std(ddof=1) / np.sqrt(12), rel=1e-12)


# ---- Weights ---------------------------------------------------------------------------------------------------------


@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    spread=st.floats(0, 50),
    share=st.sampled_from([0.01, 0.1, 1.0]),
    seed=st.integers(0, 1000),
)
def test_weights_keep_their_bounds_and_their_order(lengths, spread, share, seed):
    loci = Groups.of_lengths(lengths)
    log_weights = np.random.default_rng(seed).normal(0, spread, sum(lengths))
    settings = replace(SETTINGS, uniform_share=share, max_ratio=20.0)
    weights = bounded_weights(log_weights, loci, settings)
    np.testing.assert_allclose(loci.sum(weights), 1.0, rtol=1e-12)
    for start, length in zip(loci.starts, loci.lengths, strict=True):
        own, score = weights[start : start + length], log_weights[start : start + length]
        assert (own > 0).all()
        assert own.max() <= 20.0 * own.min() * (1 + 1e-12)
        assert (np.diff(own[np.argsort(score)]) >= -1e-15).all()


def test_one_outstanding_variant_is_cut_to_the_largest_ratio():
    loci = Groups.of_lengths([1000])
    log_weights = np.zeros(1000)
    log_weights[7] = 40.0
    weights = bounded_weights(log_weights, loci, SETTINGS)
    assert weights[7] / np.median(weights) == pytest.approx(100.0)
    assert weights[7] == pytest.approx(100 / 1099)


def test_shuffling_stays_within_loci_and_follows_its_seed():
    features = np.arange(20.0).reshape(10, 2)
    loci = Groups.of_lengths([4, 6])
    shuffled, again = features.copy(), features.copy()
    shuffle_within_loci(shuffled, loci, seed=3)
    shuffle_within_loci(again, loci, seed=3)
    for members in (slice(0, 4), slice(4, 10)):
        assert sorted(map(tuple, shuffled[members])) == sorted(map(tuple, features[members]))
    assert (shuffled != features).any()
    np.testing.assert_array_equal(shuffled, again)


def test_signals_are_the_primary_ones_of_the_loci_asked_for():
    variants = pd.DataFrame({"locus": ["b", "b", "a", "a", "a", "d"], "variant": list("xyxyzx")})
    signals = pd.DataFrame(
        {"locus": ["a", "a", "b", "c", "d"], "signal": [0, 1, 0, 0, 1], "primary": [False, True, True, True, True]}
    ).assign(method=["abf", "susie", "abf", "abf", "imported"])
    rows = [
        ("d", 1, "x", 9.0),
        ("a", 0, "x", 9.0),
        ("a", 1, "z", 1.0),
        ("a", 1, "x", 2.0),
        ("b", 0, "y", 3.0),
        ("c", 0, "x", 4.0),
    ]
    table = pd.DataFrame(rows, columns=["locus", "signal", "variant", "log_bayes_factor"])
    table["chromosome"] = table["locus"].map({"a": "2", "b": "1", "c": "1", "d": "1"})
    found = gather_signals(variants, signals, table)
    assert found.locus.tolist() == ["a", "b"]
    assert found.chromosome.tolist() == ["2", "1"]
    assert found.rows.tolist() == [2, 4, 1]
    assert found.log_bayes_factors.tolist() == [2.0, 1.0, 3.0]
    assert found.groups.lengths.tolist() == [2, 1]
