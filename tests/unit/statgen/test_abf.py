import numpy as np
import pandas as pd
import pytest
from coloc_reference import N_TEST_DATA, coloc_pairs, coloc_test_data, golden, needs_test_data
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

from locus2target.statgen import abf

RELATIVE = 1e-10


def sumstats(n: int, **columns: object) -> pd.DataFrame:
    names = ["beta", "standard_error", "z_score", "neg_log10_p", "alt_frequency", "minor_allele_frequency"]
    return pd.DataFrame(dict.fromkeys([*names, "n_effective"], np.full(n, np.nan)) | columns)


PAIRS, ARRAYS = coloc_pairs()


@pytest.mark.parametrize("pair", PAIRS["abf"])
@pytest.mark.parametrize("side", [0, 1])
def test_beta_and_standard_error_give_colocs_bayes_factors(pair: str, side: int) -> None:
    trait = pair.split("__")[side]
    facts = PAIRS["traits"][trait]
    table = sumstats(1001, beta=ARRAYS[f"{trait}_beta"], standard_error=np.sqrt(ARRAYS[f"{trait}_varbeta"]))
    trait_type = {"quant": "quantitative", "cc": "case_control"}[facts["type"]]
    found = abf.study_log_bayes_factors(table, trait_type=trait_type, sd_y=facts.get("sdY"))
    np.testing.assert_allclose(found.values, ARRAYS[f"abf_{pair}_lABF.df{side + 1}"], rtol=RELATIVE, atol=RELATIVE)
    assert set(found.reasons) == {""}


def dataset(name: str, *, with_n: bool) -> pd.DataFrame:
    data = coloc_test_data()
    n = np.full(500, float(N_TEST_DATA)) if with_n else np.full(500, np.nan)
    return sumstats(
        500,
        beta=data[f"{name}_beta"],
        standard_error=np.sqrt(data[f"{name}_varbeta"]),
        minor_allele_frequency=data[f"{name}_MAF"],
        n_effective=n,
    )


@needs_test_data
@pytest.mark.parametrize("number", [1, 2])
def test_trait_sd_is_estimated_as_coloc_does(number: int) -> None:
    expected = golden("abf_estsdY")
    table = dataset(f"D{number}", with_n=True)
    estimate = abf.estimate_trait_sd(
        table["standard_error"].to_numpy() ** 2, table["minor_allele_frequency"].to_numpy(), N_TEST_DATA
    )
    assert estimate == pytest.approx(expected["sdY.est"][number - 1], rel=RELATIVE)
    found = abf.study_log_bayes_factors(table, trait_type="quantitative", sd_y=None)
    np.testing.assert_allclose(found.values, expected[f"lABF.df{number}"], rtol=RELATIVE, atol=RELATIVE)


@needs_test_data
def test_case_control_effects_have_a_prior_of_their_own() -> None:
    found = abf.study_log_bayes_factors(dataset("D2", with_n=False), trait_type="case_control", sd_y=None)
    np.testing.assert_allclose(found.values, golden("abf_quant_cc")["lABF.df2"], rtol=RELATIVE, atol=RELATIVE)


@needs_test_data
@pytest.mark.parametrize(
    ("number", "trait_type", "n_effective"),
    [(1, "quantitative", N_TEST_DATA), (2, "case_control", 4 * N_TEST_DATA * 0.3 * 0.7)],
)
def test_p_values_frequency_and_size_give_colocs_bayes_factors(
    number: int, trait_type: str, n_effective: float
) -> None:
    expected = golden("abf_pvalues")
    table = sumstats(
        500,
        neg_log10_p=-np.log10(expected[f"pvalues{number}"]),
        minor_allele_frequency=coloc_test_data()[f"D{number}_MAF"],
        n_effective=np.full(500, float(n_effective)),
    )
    found = abf.study_log_bayes_factors(table, trait_type=trait_type, sd_y=None)
    np.testing.assert_allclose(found.values, expected[f"lABF.df{number}"], rtol=RELATIVE, atol=RELATIVE)


@needs_test_data
def test_posterior_with_and_without_a_null_is_colocs_finemap_abf() -> None:
    expected = golden("finemap_abf")
    factors, prior = np.array(expected["lABF"]), np.array(expected["prior"])
    posterior = np.array(expected["SNP.PP"])
    np.testing.assert_allclose(abf.single_effect_posterior(factors + np.log(prior)), posterior, rtol=1e-9)
    without_null = posterior[:-1] / posterior[:-1].sum()
    np.testing.assert_allclose(abf.single_effect_posterior(factors[:-1]), without_null, rtol=1e-9)


@pytest.mark.parametrize("p", [1.0, 0.9999, 0.3, 1e-5, 1e-100, 1e-300])
def test_absolute_z_inverts_two_sided_p(p: float) -> None:
    assert abf.absolute_z_scores(np.array([-np.log10(p)]))[0] == pytest.approx(-norm.ppf(p / 2), rel=1e-12, abs=1e-12)


def test_absolute_z_survives_p_values_that_underflow() -> None:
    z = np.array([40.0, 60.0, 200.0])
    neg_log10_p = -(norm.logsf(z) + np.log(2)) / np.log(10)
    assert neg_log10_p.min() > 308
    np.testing.assert_allclose(abf.absolute_z_scores(neg_log10_p), z, rtol=1e-12)


def test_wakefield_by_hand() -> None:
    # W = 0.04, V = 0.01: r = 0.8, so (log(0.2) + 0.8 * 9) / 2
    found = abf.wakefield_log_bayes_factors(np.array([-3.0]), np.array([0.01]), prior_sd=0.2)
    assert found[0] == pytest.approx(0.5 * (np.log(0.2) + 7.2), rel=1e-15)


def test_each_variant_uses_its_best_statistics_and_the_rest_say_why_not() -> None:
    table = sumstats(
        5,
        beta=[0.02, np.nan, np.nan, np.nan, 0.02],
        standard_error=[0.01, np.nan, np.nan, np.nan, 0.0],
        z_score=[2.0, -3.0, np.nan, np.nan, np.nan],
        neg_log10_p=[1.3, 1.3, 10.0, 10.0, np.inf],
        alt_frequency=[0.3, 0.8, np.nan, np.nan, 0.5],
        minor_allele_frequency=[0.3, 0.2, 0.1, 0.1, 0.5],
        n_effective=[1e4, 1e4, 1e4, np.nan, 1e4],
    )
    found = abf.study_log_bayes_factors(table, trait_type="quantitative", sd_y=2.0)

    def wakefield(z: float, variance: float, prior_sd: float) -> float:
        r = prior_sd**2 / (prior_sd**2 + variance)
        return 0.5 * (np.log(1 - r) + r * z**2)

    expected = [
        wakefield(2.0, 1e-4, 0.3),  # effects of a trait with standard deviation 2
        wakefield(3.0, 1 / (2 * 1e4 * 0.16), 0.15),  # z-score, in standard deviations
        wakefield(-norm.ppf(0.5e-10), 1 / (2 * 1e4 * 0.09), 0.15),  # p-value
    ]
    np.testing.assert_allclose(found.values[:3], expected, rtol=1e-12)
    assert np.isnan(found.values[3:]).all()
    assert list(found.reasons) == ["", "", "", abf.NO_STATISTIC, abf.NO_STATISTIC]


def test_unknown_trait_sd_is_named_as_the_reason() -> None:
    table = sumstats(2, beta=[0.1, 0.2], standard_error=[0.05, 0.05])
    found = abf.study_log_bayes_factors(table, trait_type="quantitative", sd_y=None)
    assert np.isnan(found.values).all()
    assert list(found.reasons) == [abf.NO_TRAIT_SD] * 2


def test_effects_and_p_values_of_one_study_agree() -> None:
    frequency, n, sd_y = np.array([0.1, 0.25, 0.5]), np.full(3, 2e4), 3.0
    error = sd_y / np.sqrt(2 * n * frequency * (1 - frequency))
    z = np.array([1.0, -5.0, 7.0])
    shared = {"alt_frequency": frequency, "n_effective": n}
    by_effect = sumstats(3, beta=z * error, standard_error=error, **shared)
    by_p = sumstats(3, neg_log10_p=-(norm.logsf(np.abs(z)) + np.log(2)) / np.log(10), **shared)
    known = abf.study_log_bayes_factors(by_effect, trait_type="quantitative", sd_y=sd_y).values
    estimated = abf.study_log_bayes_factors(by_effect, trait_type="quantitative", sd_y=None).values
    unsigned = abf.study_log_bayes_factors(by_p, trait_type="quantitative", sd_y=None).values
    np.testing.assert_allclose(known, estimated, rtol=1e-9)
    np.testing.assert_allclose(known, unsigned, rtol=1e-9)


def test_effect_signs() -> None:
    table = sumstats(4, z_score=[-2.0, np.nan, np.nan, 0.0], beta=[5.0, 0.1, np.nan, 0.0])
    np.testing.assert_array_equal(abf.effect_signs(table), [-1.0, 1.0, np.nan, np.nan])


def test_unknown_trait_type_is_a_defect() -> None:
    with pytest.raises(ValueError, match="trait type 'binary'"):
        abf.prior_effect_sd("binary")


def test_prior_weights_count_as_prior_odds_on_any_scale() -> None:
    factors, weights = np.log([2.0, 3.0, 4.0, 1.0]), np.array([1.0, 5.0, 2.0, 2.0])
    odds = np.array([2.0, 15.0, 8.0, 2.0])
    np.testing.assert_allclose(abf.single_effect_posterior(factors, weights), odds / odds.sum(), rtol=1e-12)
    np.testing.assert_allclose(abf.single_effect_posterior(factors, 9 * weights), odds / odds.sum(), rtol=1e-12)
    assert abf.single_effect_log_bayes_factor(factors, weights) == pytest.approx(np.log(2.7))
    missing = np.array([*factors, np.nan])
    assert abf.single_effect_log_bayes_factor(missing, np.array([*weights, 50.0])) == pytest.approx(np.log(2.7))


def test_single_effect_log_bayes_factor_is_the_log_of_the_mean() -> None:
    factors = np.log(np.array([1.0, 2.0, 6.0]))
    assert abf.single_effect_log_bayes_factor(factors) == pytest.approx(np.log(3.0))
    assert abf.single_effect_log_bayes_factor(np.array([*factors, np.nan])) == pytest.approx(np.log(3.0))
    assert np.isnan(abf.single_effect_log_bayes_factor(np.array([np.nan])))


def test_posterior_of_nothing_is_nothing() -> None:
    np.testing.assert_array_equal(abf.single_effect_posterior(np.array([np.nan, np.nan])), [0.0, 0.0])
    assert abf.single_effect_posterior(np.array([])).shape == (0,)
    np.testing.assert_allclose(abf.single_effect_posterior(np.array([800.0, np.nan, 800.0])), [0.5, 0.0, 0.5])


def test_credible_set_by_hand() -> None:
    posterior = np.array([0.1, 0.45, 0.05, 0.4])
    assert list(abf.credible_set(posterior, 0.8)) == [1, 3]
    assert list(abf.credible_set(posterior, 0.85)) == [1, 3]  # reached exactly
    assert list(abf.credible_set(posterior, 0.9)) == [1, 3, 0]
    assert list(abf.credible_set(np.array([0.25, 0.25, 0.25, 0.25]), 0.5)) == [0, 1]
    assert list(abf.credible_set(posterior, 1.0)) == [1, 3, 0, 2]
    assert len(abf.credible_set(np.zeros(3), 0.95)) == 0


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-50, 900)),
    st.floats(0.5, 0.999),
)
def test_credible_set_reaches_the_coverage_and_no_smaller_one_does(factors: np.ndarray, coverage: float) -> None:
    posterior = abf.single_effect_posterior(factors)
    assert posterior.sum() == pytest.approx(1.0)
    members = abf.credible_set(posterior, coverage)
    assert len(set(members)) == len(members)
    assert posterior[members].sum() >= coverage - 1e-9
    assert np.sort(posterior)[::-1][: len(members) - 1].sum() < coverage
