"""The ladder on toy loci: how many effects are tried, which sets are kept, and what a verdict lets through."""

from dataclasses import replace

import numpy as np
import pytest

from locus2target.statgen.engine import CredibleSet, FitError, SusieFit, SusieSettings
from locus2target.statgen.ladder import fit_signals
from locus2target.statgen.ld import LdMatrix
from locus2target.statgen.ld_diagnostics import LdSettings
from locus2target.statgen.native import NativeSusie

N_VARIANTS, N_SAMPLES = 200, 20_000
LIMITS = LdSettings()


def r_of_neighbours(correlation=0.95):
    places = np.arange(N_VARIANTS)
    return correlation ** np.abs(places[:, np.newaxis] - places)


def draw_z_scores(r, effects, seed=1):
    """z-scores of a study with these expected z-scores at these variants, and LD r."""
    mean = sum(strength * r[variant] for variant, strength in effects.items())
    return mean + np.linalg.cholesky(r) @ np.random.default_rng(seed).normal(size=len(r))


def climb(z_score, r, engine=None, n_panel=10**6, **settings):
    return fit_signals(
        z_score,
        LdMatrix(np.arange(len(r)), r, n_panel, ""),
        n_effective=N_SAMPLES,
        engine=NativeSusie() if engine is None else engine,
        settings=SusieSettings(**settings),
        limits=LIMITS,
    )


class Recorder:
    """The native engine, which keeps what it was asked and can be made to refuse or change its fits."""

    def __init__(self, change=lambda fit, _: fit):
        self.change, self.asked = change, []

    def fit(self, data, settings):
        self.asked.append(settings.max_signals)
        return self.change(NativeSusie().fit(data, settings), settings)


def test_a_good_locus_has_all_its_signals():
    r = r_of_neighbours()
    found = climb(draw_z_scores(r, {50: 12.0, 150: -9.0}), r)
    assert (found.rung, found.status, found.reason, found.max_signals) == ("full", "ok", "", 10)
    assert found.diagnostics.verdict == "PASS"
    members = [set(credible.variables.tolist()) for credible in found.fit.credible_sets]
    assert len(members) == 2
    assert any(50 in variables for variables in members)
    assert any(150 in variables for variables in members)


def test_a_second_signal_near_the_lead_is_no_contradiction():
    """DENTIST-S takes one causal variant for granted: the second one makes outliers, which it explains itself."""
    r = r_of_neighbours(0.98)
    found = climb(draw_z_scores(r, {100: 40.0, 108: -28.0}), r)
    assert found.diagnostics.n_outliers >= 3
    assert found.diagnostics.n_unexplained < LIMITS.fail_outliers
    assert found.diagnostics.verdict == "WARN"


def test_strong_signals_further_away_are_no_contradiction():
    """Biobank loci with exact LD: each of five signals shifts the z-scores near the lead by more than chance."""
    r = r_of_neighbours(0.98)
    found = climb(draw_z_scores(r, {100: 80.0, 130: -60.0, 70: 60.0, 40: 50.0, 160: -50.0}), r)
    assert found.diagnostics.n_outliers >= 3
    assert found.diagnostics.n_unexplained == 0
    assert found.diagnostics.verdict == "WARN"


def test_scattered_outliers_fail_and_put_the_single_effect_in_doubt():
    r = r_of_neighbours(0.98)
    z_score = draw_z_scores(r, {100: 20.0})
    z_score[[91, 94, 97, 104, 107, 110]] *= 0.4
    found = climb(z_score, r)
    assert (found.rung, found.status, found.fit) == ("single_effect", "ld_mismatch", None)
    assert found.diagnostics.verdict == "FAIL"
    assert found.diagnostics.n_unexplained >= 3
    assert found.reason.startswith(found.diagnostics.reason)
    assert "the single-effect posterior is suspicious as well" in found.reason


def test_a_strong_flip_fails_and_is_named_first():
    r = r_of_neighbours()
    z_score = draw_z_scores(r, {100: 15.0})
    z_score[104] *= -1
    found = climb(z_score, r)
    assert found.status == "ld_mismatch"
    assert found.diagnostics.flip_candidates[0] == 104
    assert found.diagnostics.n_clear_flips >= 1
    assert "opposite sign" in found.reason


def mismatched(effects, seed=2):
    """LD of 400 people for statistics of many: the verdict is WARN."""
    r = r_of_neighbours()
    people = np.linalg.cholesky(r) @ np.random.default_rng(seed).normal(size=(N_VARIANTS, 400))
    return draw_z_scores(r, effects), np.corrcoef(people)


def test_a_warning_allows_few_effects_and_only_associated_leads():
    z_score, r = mismatched({50: 12.0, 150: -9.0})
    engine = Recorder()
    found = climb(z_score, r, engine, n_panel=400)
    assert found.diagnostics.verdict == "WARN"
    assert engine.asked == [3]
    assert (found.rung, found.status, found.max_signals) == ("fewer_effects", "ok", 3)
    assert found.reason.startswith("LD verdict WARN: at most 3 effects.")

    def add_weak_set(fit, _):
        weak = int(np.argmin(np.abs(z_score)))
        alpha = fit.alpha.copy()
        alpha[2] = np.eye(N_VARIANTS)[weak]
        extra = CredibleSet(2, np.array([weak]), 1.0, 1.0, 1.0, 1.0)
        return replace(fit, alpha=alpha, credible_sets=(*fit.credible_sets, extra))

    doubted = climb(z_score, r, Recorder(add_weak_set), n_panel=400)
    assert [credible.effect for credible in doubted.fit.credible_sets] == [
        credible.effect for credible in found.fit.credible_sets
    ]
    assert "Credible sets with a lead of |z| 0.0 are left out" in doubted.reason
    only_weak = Recorder(
        lambda fit, _: replace(add_weak_set(fit, _), credible_sets=add_weak_set(fit, _).credible_sets[-1:])
    )
    nothing = climb(z_score, r, only_weak, n_panel=400)
    assert (nothing.rung, nothing.status) == ("single_effect", "no_signal")
    assert nothing.reason.endswith("No credible set remains.")


@pytest.mark.parametrize(("allowed", "asked"), [(10, [10, 5, 2]), (4, [4, 2]), (3, [3]), (1, [1])])
def test_effects_are_halved_down_to_two(allowed, asked):
    r = r_of_neighbours()
    engine = Recorder(lambda fit, _: replace(fit, prior_variance=fit.prior_variance + 1.0))
    found = climb(draw_z_scores(r, {50: 8.0}), r, engine, max_signals=allowed)
    assert engine.asked == asked
    assert (found.rung, found.status, found.diagnostics.verdict) == ("single_effect", "not_converged", "FAIL")
    assert found.runaway > LIMITS.max_runaway_ratio


def test_a_warning_is_told_where_no_effects_had_to_be_given_up():
    z_score, r = mismatched({50: 12.0, 150: -9.0})
    found = climb(z_score, r, n_panel=400, max_signals=2)
    assert (found.rung, found.status, found.max_signals) == ("fewer_effects", "ok", 2)
    assert found.reason.startswith("LD verdict WARN: at most 2 effects.")


@pytest.mark.parametrize("n_effective", [2.0, 1.5, 1.0, 0.0, -5.0, np.nan])
def test_a_sample_size_that_makes_no_sense_is_no_crash(n_effective):
    r = r_of_neighbours()
    z_score = draw_z_scores(r, {50: 8.0})
    z_score[7] = 0.0
    found = fit_signals(
        z_score,
        LdMatrix(np.arange(N_VARIANTS), r, 1000, ""),
        n_effective=n_effective,
        engine=NativeSusie(),
        settings=SusieSettings(),
        limits=LIMITS,
    )
    assert (found.rung, found.status, found.fit) == ("single_effect", "fit_failed", None)
    assert f"sample size is {n_effective:g}" in found.reason


def test_a_failing_engine_is_no_verdict_on_the_ld():
    r = r_of_neighbours()

    class Failing:
        def fit(self, data, settings) -> SusieFit:
            raise FitError(f"no fit of {len(data.z_score)} with {settings.max_signals}")

    found = climb(draw_z_scores(r, {50: 8.0}), r, Failing(), max_signals=4)
    assert (found.status, found.diagnostics.verdict, found.fit) == ("fit_failed", "PASS", None)
    assert found.reason == "With 4 effects: no fit of 200 with 4. With 2 effects: no fit of 200 with 2."


def test_a_matrix_that_cannot_be_decomposed_has_its_own_status():
    r = r_of_neighbours()
    r[3, 4] = r[4, 3] = np.nan
    found = climb(np.ones(N_VARIANTS), r)
    assert (found.rung, found.status, found.diagnostics) == ("single_effect", "ld_failed", None)


def test_a_matrix_that_is_no_correlation_matrix_is_noticed():
    r = r_of_neighbours()
    r[:50, 50:] *= -3.0
    r[50:, :50] *= -3.0
    np.clip(r, -1, 1, out=r)
    found = climb(np.random.default_rng(3).normal(size=N_VARIANTS), r)
    assert found.diagnostics.verdict != "PASS"
