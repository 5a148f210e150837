"""LD checks: susieR's estimate, coloc's alignment, planted faults, and fits that ran away."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import chi2
from susie_reference import SHARED, load_case, load_genotypes, load_ld_checks, needs_shared, needs_susier, stored_ld

from locus2target.statgen.engine import adjusted_z_scores
from locus2target.statgen.ld import LdMatrix, spectrum_of_factor, spectrum_of_matrix, standardize_dosages
from locus2target.statgen.ld_diagnostics import (
    FAIL,
    PASS,
    WARN,
    LdSettings,
    assess_ld,
    estimate_lambda,
    estimate_null_space_lambda,
    lead_outliers,
    runaway_ratio,
    sign_consistency,
    unsettled,
)
from locus2target.statgen.susier import SusieR

LIMITS = LdSettings()


def as_ld(r, n_samples):
    return LdMatrix(np.arange(len(r)), r, n_samples, "")


@pytest.mark.parametrize("name", ["dev01_n3t1_L10", "dev15_n2t1_outofsampleLD", "dev18_sc_flipped"])
def test_lambda_equals_estimate_s_rss(name):
    data, expected = load_case(name).data, load_ld_checks(name)["estimate_s_rss"]["null-mle"]
    z_score = adjusted_z_scores(data.z_score, data.n_samples)
    assert estimate_lambda(z_score, spectrum_of_matrix(data.r)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", ["dev01_n3t1_L10", "dev15_n2t1_outofsampleLD", "dev18_sc_flipped"])
def test_null_space_lambda_equals_estimate_s_rss(name):
    data, expected = load_case(name).data, load_ld_checks(name)["estimate_s_rss"]["null-partialmle"]
    z_score = adjusted_z_scores(data.z_score, data.n_samples)
    assert estimate_null_space_lambda(z_score, spectrum_of_matrix(data.r)) == pytest.approx(expected, abs=1e-9)


def test_lambda_through_people_equals_lambda_through_the_matrix():
    case = load_case("dev15_n2t1_outofsampleLD")
    people, columns = case.arrays["input_rows_ld"], case.arrays["input_cols"]
    genotypes = load_genotypes("N2finemapping_genotypes.npz")[np.ix_(people, columns)].T.astype(np.float32)
    z_score = adjusted_z_scores(case.data.z_score, case.data.n_samples)
    expected = load_ld_checks("dev15_n2t1_outofsampleLD")["estimate_s_rss"]["null-mle"]
    spectrum = spectrum_of_factor(standardize_dosages(genotypes).T)
    assert estimate_lambda(z_score, spectrum) == pytest.approx(expected, abs=1e-6)


def test_sign_consistency_counts_pairs():
    r = np.array([[1.0, 0.8, -0.7, 0.1], [0.8, 1.0, -0.6, 0.9], [-0.7, -0.6, 1.0, 0.0], [0.1, 0.9, 0.0, 1.0]])
    z_score = np.array([5.0, -4.0, -3.0, 1.0])  # pairs 0-1 wrong, 0-2 right, 1-2 wrong; the last is not associated
    share, n_pairs = sign_consistency(z_score, r, min_abs_r=0.5, min_abs_z=2.0)
    assert (share, n_pairs) == (pytest.approx(1 / 3), 3)
    assert sign_consistency(np.zeros(4), r, min_abs_r=0.5, min_abs_z=2.0)[1] == 0


@needs_shared
def test_sign_consistency_without_limits_is_colocs_alignment():
    expected = json.loads((SHARED / "coloc" / "dev_coloc_alignment.json").read_text())["value"]["frac"]
    with np.load(SHARED / "inputs" / "coloc_test_data.npz") as stored:
        z_score, triangle = stored["D1_beta"] / np.sqrt(stored["D1_varbeta"]), stored["D1_LD_triu"]
    p = len(z_score)
    r = np.zeros((p, p))
    r[np.triu_indices(p)] = triangle
    share, n_pairs = sign_consistency(z_score, r + np.triu(r, 1).T, min_abs_r=0.2, min_abs_z=0.0)
    with_diagonal_and_both_halves = (2 * share * n_pairs + p) / (2 * n_pairs + p)
    assert with_diagonal_and_both_halves == pytest.approx(expected, abs=1e-12)


def test_lead_outliers_with_exact_ld_are_dentists():
    rng = np.random.default_rng(3)
    r_lead = np.array([1.0, 0.9, -0.85, 0.8, 0.3])
    r = np.eye(5)
    r[0], r[:, 0] = r_lead, r_lead
    z_score = r_lead * 12.0 + rng.normal(size=5) * np.sqrt(1 - r_lead**2)
    z_score[3] = -z_score[3]
    found = lead_outliers(z_score, r, 10**9, min_r2=0.6, neg_log10_p=4.0)
    statistic = (z_score[1:4] - r_lead[1:4] * z_score[0]) ** 2 / (1 - r_lead[1:4] ** 2)
    assert found.near.tolist() == [1, 2, 3]
    assert not found.unexplained.any()  # the only outlier explains itself
    assert found.outlier.tolist() == (-np.log10(chi2.sf(statistic, 1)) > 4.0).tolist() == [False, False, True]


def test_rounded_statistics_in_perfect_ld_are_no_outliers_with_a_small_panel():
    r = np.ones((2, 2))
    z_score = np.array([9.0, 8.9])
    assert lead_outliers(z_score, r, 10**12, min_r2=0.6, neg_log10_p=4.0).outlier.all()
    assert not lead_outliers(z_score, r, 489, min_r2=0.6, neg_log10_p=4.0).outlier.any()


def test_verdicts_of_the_reference_loci():
    own = load_case("dev01_n3t1_L10").data
    clean = assess_ld(own.z_score, as_ld(own.r, 574), LIMITS, n_effective=own.n_samples)
    assert clean.verdict == PASS
    assert clean.sign_consistency > 0.98
    assert "no outlier" in clean.reason
    other = load_case("dev15_n2t1_outofsampleLD").data
    assert assess_ld(other.z_score, as_ld(other.r, 287), LIMITS, n_effective=287).verdict in {WARN, FAIL}


def test_one_exchanged_variant_of_the_reference_is_noticed():
    data = load_case("dev18_sc_flipped").data
    found = assess_ld(data.z_score, as_ld(data.r, 500), LIMITS, n_effective=data.n_samples)
    assert found.verdict in {WARN, FAIL}
    mended = data.z_score.copy()
    mended[157] = -mended[157]
    repaired = assess_ld(mended, as_ld(data.r, 500), LIMITS, n_effective=data.n_samples)
    assert repaired.ld_lambda < found.ld_lambda


def test_many_exchanged_variants_fail_by_their_signs():
    data = load_case("dev01_n3t1_L10").data
    rng = np.random.default_rng(8)
    z_score = data.z_score * np.where(rng.random(len(data.z_score)) < 0.5, -1, 1)
    found = assess_ld(z_score, as_ld(data.r, 574), LIMITS, n_effective=data.n_samples)
    assert found.verdict == FAIL
    assert "agree in sign" in found.reason


@needs_susier
def test_a_locus_with_exchanged_alleles_does_not_count_as_settled():
    data = load_case("dev01_n3t1_L10").data
    fit = SusieR().fit(data, load_case("dev01_n3t1_L10").settings)
    assert runaway_ratio(fit, data.z_score, data.n_samples) < 4
    assert unsettled(fit, data.z_score, LIMITS, n_effective=data.n_samples) is None
    grown = replace(fit, prior_variance=fit.prior_variance * 1000)
    assert "ran away" in unsettled(grown, data.z_score, LIMITS, n_effective=data.n_samples)
    unfinished = replace(fit, converged=False, n_iterations=100)
    assert unsettled(unfinished, data.z_score, LIMITS, n_effective=data.n_samples) == "did not converge in 100 sweeps"


def test_reference_ld_is_a_correlation_matrix():
    r = stored_ld("SummaryConsistency.npz")
    assert (r == r.T).all()
    assert (np.diag(r) == 1).all()


def test_the_shipped_config_has_these_limits():
    config = yaml.safe_load((Path(__file__).parents[3] / "config" / "config.yaml").read_text())
    assert config["finemapping"]["ld"] == asdict(LIMITS)
