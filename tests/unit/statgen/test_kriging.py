"""Kriging of z-scores: susieR's table, susieR itself on other inputs, the textbook formula, and planted flips."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from susie_reference import load_case, load_genotypes, load_kriging, load_ld_checks

from locus2target.statgen.engine import adjusted_z_scores
from locus2target.statgen.kriging import flip_candidates, krige, mixture_weights
from locus2target.statgen.ld import spectrum_of_factor, spectrum_of_matrix, standardize_dosages
from locus2target.statgen.ld_diagnostics import estimate_lambda

CASES = ["dev01_n3t1_L10", "dev15_n2t1_outofsampleLD", "dev18_sc_flipped"]


def krige_case(name):
    data = load_case(name).data
    z_score, spectrum = adjusted_z_scores(data.z_score, data.n_samples), spectrum_of_matrix(data.r)
    return z_score, krige(z_score, spectrum, estimate_lambda(z_score, spectrum))


@pytest.mark.parametrize("name", CASES)
def test_the_table_is_that_of_kriging_rss(name):
    expected = load_kriging(name)
    z_score, found = krige_case(name)
    np.testing.assert_allclose(z_score, expected["z"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.mean, expected["condmean"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.variance, expected["condvar"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.deviation, expected["z_std_diff"], rtol=0, atol=1e-6)
    # susieR's optimiser stops at 1e-8 of the weights, which far out in the tails is 1e-6 of the log ratio
    np.testing.assert_allclose(found.log_ratio, expected["logLR"], rtol=1e-6, atol=1e-6)
    flagged = flip_candidates(z_score, found, min_log_ratio=2.0, min_abs_z=2.0)
    assert sorted(flagged) == load_ld_checks(name)["kriging_flagged"]


R_KRIGING = """
suppressMessages(library(susieR))
z <- scan("z.txt", quiet = TRUE); R <- as.matrix(read.table("r.txt")); dimnames(R) <- NULL
table <- kriging_rss(z, R, n = 400)$conditional_dist
write.table(format(table, digits = 17), "table.txt", row.names = FALSE, quote = FALSE)
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("n_variants", [120, 600])
def test_other_inputs_agree_with_kriging_rss_as_it_runs(n_variants, tmp_path):
    """150 people: the LD of 120 variants has full rank, that of 600 has a null space."""
    genotypes = load_genotypes("N2finemapping_genotypes.npz")[:150, :n_variants].astype(np.float64)
    genotypes = genotypes[:, genotypes.std(axis=0) > 0]
    r = np.corrcoef(genotypes.T)
    rng = np.random.default_rng(n_variants)
    z_score = r @ (8.0 * (np.arange(len(r)) == 37)) + np.linalg.cholesky(r + 1e-3 * np.eye(len(r))) @ rng.normal(
        size=len(r)
    )
    z_score[rng.integers(0, len(r), 3)] *= -1.0
    np.savetxt(tmp_path / "z.txt", z_score, fmt="%.17g")
    np.savetxt(tmp_path / "r.txt", r, fmt="%.17g")
    ran = subprocess.run(
        ["Rscript", "--vanilla", "-e", R_KRIGING], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "there is no package" in ran.stderr:
        pytest.skip("susieR is not installed")
    assert ran.returncode == 0, ran.stderr
    expected = np.loadtxt(tmp_path / "table.txt", skiprows=1)
    z_score, spectrum = adjusted_z_scores(z_score, 400), spectrum_of_matrix(r)
    found = krige(z_score, spectrum, estimate_lambda(z_score, spectrum))
    table = np.column_stack([z_score, found.mean, found.variance, found.deviation])
    np.testing.assert_allclose(table, expected[:, :4], rtol=1e-6, atol=1e-6)
    clear = np.abs(expected[:, 4]) < 30  # beyond, the densities are so small that susieR's tolerance shows
    np.testing.assert_allclose(found.log_ratio[clear], expected[clear, 4], rtol=1e-5, atol=1e-5)


def test_each_z_score_is_predicted_from_the_others():
    """Against the conditional normal distribution, one variant at a time."""
    r = np.corrcoef(load_genotypes("N2finemapping_genotypes.npz")[:, :25].T)
    z_score = np.random.default_rng(1).normal(size=25) * 2.0
    covariance = 0.9 * r + 0.1 * np.eye(25)
    found = krige(z_score, spectrum_of_matrix(r), 0.1)
    for j in range(25):
        others = np.delete(np.arange(25), j)
        weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, j])
        assert found.mean[j] == pytest.approx(weights @ z_score[others], abs=1e-9)
        assert found.variance[j] == pytest.approx(1.0 - weights @ covariance[others, j], abs=1e-9)


def test_people_or_matrix_makes_no_difference():
    dosages = load_genotypes("N2finemapping_genotypes.npz")[:80, :300].T.astype(np.float32)
    dosages = dosages[np.ptp(dosages, axis=1) > 0]
    z_score = np.random.default_rng(4).normal(size=len(dosages))
    through_people = krige(z_score, spectrum_of_factor(standardize_dosages(dosages).T), 0.05)
    through_matrix = krige(z_score, spectrum_of_matrix(np.corrcoef(dosages)), 0.05)
    np.testing.assert_allclose(through_people.log_ratio, through_matrix.log_ratio, rtol=1e-5, atol=1e-5)


def test_a_planted_flip_is_the_first_candidate():
    z_score, found = krige_case("dev18_sc_flipped")
    assert flip_candidates(z_score, found, min_log_ratio=2.0, min_abs_z=2.0).tolist() == [157]
    assert flip_candidates(z_score, found, min_log_ratio=2.0, min_abs_z=100.0).tolist() == []
    mended = z_score.copy()
    mended[157] *= -1
    spectrum = spectrum_of_matrix(load_case("dev18_sc_flipped").data.r)
    again = krige(mended, spectrum, estimate_lambda(mended, spectrum))
    assert not len(flip_candidates(mended, again, min_log_ratio=2.0, min_abs_z=2.0))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(5, 200), n_components=st.integers(1, 40))
def test_mixture_weights_meet_the_conditions_of_the_optimum(seed, n_rows, n_components):
    rng = np.random.default_rng(seed)
    scales = 0.8 * 1.05 ** np.arange(n_components)
    draws = rng.normal(size=(n_rows, 1)) * rng.choice([0.5, 1.0, 4.0], size=(n_rows, 1))
    log_densities = -0.5 * (draws / scales) ** 2 - np.log(scales)
    weights = mixture_weights(log_densities)
    density = np.exp(log_densities - log_densities.max(axis=1, keepdims=True))
    slope = (density / (density @ weights)[:, np.newaxis]).mean(axis=0)  # 1 where there is weight, at most 1 elsewhere
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert slope.max() <= 1.0 + 1e-6
    np.testing.assert_allclose(slope[weights > 1e-3], 1.0, rtol=0, atol=1e-6)
