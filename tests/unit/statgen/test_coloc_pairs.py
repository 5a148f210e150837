import numpy as np
import numpy.typing as npt
import pytest
from coloc_reference import coloc_pairs, coloc_test_data, golden, needs_test_data, posteriors
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import logsumexp

from locus2target.statgen.abf import single_effect_posterior, wakefield_log_bayes_factors
from locus2target.statgen.coloc_pairs import Priors, covered_share, hypothesis_posteriors, pair_sums, prior_range

DEFAULT = Priors(1e-4, 1e-4, 1e-5)
PAIRS, ARRAYS = coloc_pairs()


def assert_posteriors(found: np.ndarray, expected: npt.ArrayLike) -> None:
    """To 1e-12; and, so that tiny ones count too, to 1e-9 of each.

    H3 of a pair that shares is what is left of two sums that agree in up to six digits, in coloc as here.
    """
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0.0)


def h_posteriors(first: np.ndarray, second: np.ndarray, priors: Priors) -> np.ndarray:
    return hypothesis_posteriors(pair_sums(np.atleast_2d(first), np.atleast_2d(second)), priors)


# ---- Against coloc ---------------------------------------------------------------------------------------------


def test_all_traits_against_all_give_colocs_posteriors() -> None:
    """One call for every pair of coloc.abf: 8 x 8 traits, of which coloc compared 7."""
    traits = PAIRS["traits"]
    factors = []
    for trait, facts in traits.items():
        variance = ARRAYS[f"{trait}_varbeta"]
        prior_sd = 0.2 if facts["type"] == "cc" else 0.15 * facts["sdY"]
        factors.append(
            wakefield_log_bayes_factors(ARRAYS[f"{trait}_beta"] / np.sqrt(variance), variance, prior_sd=prior_sd)
        )
    found = h_posteriors(np.stack(factors), np.stack(factors), DEFAULT)
    names = list(traits)
    for pair, summary in PAIRS["abf"].items():
        first, second = (names.index(trait) for trait in pair.split("__"))
        assert_posteriors(found[first, second], posteriors(summary))
        np.testing.assert_allclose(found[first, second].sum(), 1.0, rtol=1e-14)


@pytest.mark.parametrize("pair", PAIRS["susie"]["pairs"])
def test_susie_signals_give_coloc_susies_posteriors(pair: str) -> None:
    first, second, p12 = pair.replace("p12=", "").split("__")
    fits = PAIRS["susie"]["fits"]
    found = h_posteriors(
        ARRAYS[f"fit_{first}_lbf_variable"],
        ARRAYS[f"fit_{second}_lbf_variable"],
        Priors(1e-4, 1e-4, float(p12)),
    )
    effects = [[effect + 1 for effect in fits[trait]["cs_index"]] for trait in (first, second)]
    assert found.shape == (len(effects[0]), len(effects[1]), 5)
    for summary in PAIRS["susie"]["pairs"][pair]:
        row, column = (effects[side].index(summary[f"idx{side + 1}"]) for side in (0, 1))
        assert_posteriors(found[row, column], posteriors(summary))


@needs_test_data
@pytest.mark.parametrize("case", ["sdY", "estsdY", "quant_cc", "pvalues", "priors", "overlap", "guard"])
def test_posteriors_of_coloc_abf(case: str) -> None:
    expected = golden(f"abf_{case}")
    named = {"priors": Priors(1e-3, 5e-4, 1e-6), "guard": Priors(5e-3, 1e-4, 1e-5)}
    first, second = (np.array(expected[f"lABF.df{number}"]) for number in (1, 2))
    found = h_posteriors(first, second, named.get(case, DEFAULT))
    assert_posteriors(found[0, 0], posteriors(expected["summary"]))
    assert_posteriors(single_effect_posterior(first + second), expected["SNP.PP.H4"])


@needs_test_data
def test_only_common_variants_count_as_in_coloc_abf() -> None:
    expected = golden("abf_overlap")
    data = coloc_test_data()
    factors = []
    for number in (1, 2):
        values = np.full(500, np.nan)
        keep = expected[f"keep{number}"]
        variance = data[f"D{number}_varbeta"][keep]
        z_score = data[f"D{number}_beta"][keep] / np.sqrt(variance)
        values[keep] = wakefield_log_bayes_factors(z_score, variance, prior_sd=0.15 * float(data[f"D{number}_sdY"]))
        factors.append(values)
    sums = pair_sums(factors[0][None], factors[1][None])
    assert sums.n_shared.item() == expected["summary"]["nsnps"]
    found = hypothesis_posteriors(sums, DEFAULT)
    assert_posteriors(found[0, 0], posteriors(expected["summary"]))


@needs_test_data
@pytest.mark.parametrize("case", ["bf_bf", "susie", "susie_default", "susie_p12", "susie_bf"])
def test_posteriors_of_coloc_bf_bf(case: str) -> None:
    expected = golden(case)
    fits = {"susie_default": "susie_default"}.get(case, "susie")  # susie_p12 and susie_bf use the fits of susie
    first, second = (np.array(golden(fits)[f"S{number}"]["lbf_variable"]) for number in (1, 2))
    if case == "bf_bf":
        first, second = (np.array(golden("abf_sdY")[f"lABF.df{number}"]) for number in (1, 2))
    if case == "susie_bf":  # trait 2 by SuSiE comes first there, the Bayes factors of trait 1 second
        first, second = second, np.array(expected["bf2"])
    found = h_posteriors(first, second, Priors(**expected["priors"]))
    given_h4 = single_effect_posterior(np.ravel(first) + np.ravel(second))
    assert_posteriors(given_h4, expected["SNP.PP.H4"]["SNP.PP.H4.abf"])
    assert_posteriors(found[0, 0], posteriors(expected["summary"]))


@needs_test_data
def test_prior_sensitivity_of_coloc() -> None:
    expected, factors = golden("sens_p12"), golden("abf_sdY")
    sums = pair_sums(np.array([factors["lABF.df1"]]), np.array([factors["lABF.df2"]]))
    h4 = []
    for p12, posterior in zip(expected["p12"], expected["PP"], strict=True):
        found = hypothesis_posteriors(sums, Priors(1e-4, 1e-4, p12))[0, 0]
        assert_posteriors(found, posterior)
        h4.append(posterior[4])
    low, high = prior_range(sums, DEFAULT, threshold=0.8)
    inside = (np.array(expected["p12"]) > low.item()) & (np.array(expected["p12"]) <= high.item() * (1 + 1e-12))
    np.testing.assert_array_equal(inside, np.array(h4) > 0.8)


@needs_test_data
def test_prior_weights_give_what_coloc_intends() -> None:
    """coloc 6.0.1 is right only for variants sorted by name; on others it gives the weights to the wrong variants."""
    expected, factors = golden("abf_weights1_sorted"), golden("abf_sdY")
    first, second = (np.array([factors[f"lABF.df{number}"]]) for number in (1, 2))
    log_weights = np.log(expected["w1"])
    for scale in (0.0, 7.0):
        found = hypothesis_posteriors(pair_sums(first, second, log_weights=log_weights + scale), DEFAULT)
        assert_posteriors(found[0, 0], posteriors(expected["summary"]))
    by_name = np.argsort([f"s{number + 1}" for number in range(len(log_weights))], kind="stable")
    misplaced = np.empty_like(log_weights)
    misplaced[by_name] = log_weights  # the defect, reproduced: sorted as text, weights left in place
    found = hypothesis_posteriors(pair_sums(first, second, log_weights=misplaced), DEFAULT)
    assert_posteriors(found[0, 0], posteriors(golden("abf_weights1_fileorder")["summary"]))


# ---- Against the definition ------------------------------------------------------------------------------------

FACTORS = st.one_of(st.floats(-20, 900), st.just(np.nan))


def factor_matrices() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    return st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.float64, (2, n), elements=FACTORS), hnp.arrays(np.float64, (3, n), elements=FACTORS)
        )
    )


@given(factor_matrices())
def test_sums_are_those_of_each_pair_on_its_own(matrices: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = matrices
    sums = pair_sums(first, second)
    for row, column in np.ndindex(2, 3):
        shared = ~np.isnan(first[row]) & ~np.isnan(second[column])
        assert sums.n_shared[row, column] == shared.sum()
        one, two = first[row, shared], second[column, shared]
        for found, direct in ((sums.first, one), (sums.second, two), (sums.both, one + two)):
            expected = logsumexp(direct) if len(direct) else -np.inf
            assert found[row, column] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(factor_matrices(), st.floats(0.1, 0.99))
def test_posteriors_and_prior_range_are_consistent(matrices: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    sums = pair_sums(*matrices)
    found = hypothesis_posteriors(sums, DEFAULT)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=1e-12)
    low, high = prior_range(sums, DEFAULT, threshold=threshold)
    for pair in zip(*np.nonzero(~np.isnan(low)), strict=True):
        for p12, above in ((low[pair] * 0.99, False), (min(low[pair] * 1.01, high[pair]), True)):
            if 0 < p12 <= high[pair] and (not above or p12 > low[pair] * 1.001):
                h4 = hypothesis_posteriors(sums, Priors(1e-4, 1e-4, p12))[(*pair, 4)]
                assert (h4 > threshold) == above
    for pair in zip(*np.nonzero(np.isnan(low)), strict=True):
        assert hypothesis_posteriors(sums, Priors(1e-4, 1e-4, 1e-4))[(*pair, 4)] <= threshold * (1 + 1e-9)


def test_two_variants_by_hand() -> None:
    # Bayes factors (2, 3) and (5, 7): A = 5, B = 12, C = 31, so H3 has 60 - 31 = 29
    found = h_posteriors(np.log([2.0, 3.0]), np.log([5.0, 7.0]), Priors(0.1, 0.2, 0.05))[0, 0]
    weights = np.array([1.0, 0.1 * 5, 0.2 * 12, 0.1 * 0.2 * 29, 0.05 * 31])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-14)


def test_one_variant_cannot_be_two() -> None:
    assert h_posteriors(np.array([30.0]), np.array([30.0]), DEFAULT)[0, 0, 3] == 0.0


def test_a_prior_that_fills_the_locus_is_lowered() -> None:
    n = 4
    found = h_posteriors(np.zeros(n), np.zeros(n), Priors(0.25, 0.1, 0.01))[0, 0]
    p1, p2, p12 = 1 / (n + 1), 0.1, 0.01
    weights = np.array([1.0, p1 * n, p2 * n, p1 * p2 * n * (n - 1), p12 * n])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-14)


def test_prior_range_by_hand() -> None:
    sums = pair_sums(np.log([[2.0, 3.0]]), np.log([[5.0, 7.0]]))
    low, high = prior_range(sums, Priors(0.1, 0.2, 0.05), threshold=0.5)
    assert low.item() == pytest.approx((1 + 0.5 + 2.4 + 0.58) / 31, rel=1e-13) or np.isnan(low.item())
    assert np.isnan(low.item())  # 0.1445 is above min(p1, p2) = 0.1
    low, high = prior_range(sums, Priors(0.1, 0.2, 0.05), threshold=0.25)
    assert low.item() == pytest.approx((1 + 0.5 + 2.4 + 0.58) / 31 / 3, rel=1e-13)
    assert high.item() == 0.1


def test_covered_share_counts_no_causal_variant_as_covered() -> None:
    n = np.array([100])
    silent = covered_share(np.log([[10.0]]), np.log([[100.0]]), n, prior=1e-4)  # Bayes factors of 1, a tenth shared
    assert silent.item() == pytest.approx((0.99 + 1e-4 * 10) / (0.99 + 1e-4 * 100), rel=1e-12)
    strong = covered_share(np.array([[20.0]]), np.array([[30.0]]), n, prior=1e-4)
    assert strong.item() == pytest.approx(np.exp(-10.0), rel=0.1)
    assert covered_share(np.array([[-np.inf]]), np.array([[800.0]]), n, prior=1e-4).item() == pytest.approx(0, abs=1e-9)


def test_prior_weights_by_hand() -> None:
    # Bayes factors (2, 3) and (5, 7), weights 1 : 3, so p1_j = p1 (0.5, 1.5) and p12_j = p12 (0.5, 1.5)
    sums = pair_sums(np.log([[2.0, 3.0]]), np.log([[5.0, 7.0]]), log_weights=np.log([10.0, 30.0]))
    found = hypothesis_posteriors(sums, Priors(0.1, 0.2, 0.05))[0, 0]
    h1, h4 = 0.1 * (0.5 * 2 + 1.5 * 3), 0.05 * (0.5 * 2 * 5 + 1.5 * 3 * 7)
    h3 = 0.1 * 0.2 * (0.5 * 2 * 7 + 1.5 * 3 * 5)
    weights = np.array([1.0, h1, 0.2 * 12, h3, h4])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-14)
    low, _ = prior_range(sums, Priors(0.1, 0.2, 0.05), threshold=0.25)
    assert low.item() == pytest.approx((1 + h1 + 2.4 + h3) / (h4 / 0.05) / 3, rel=1e-13)


def test_prior_weights_are_scaled_over_the_shared_variants_of_each_pair() -> None:
    first, second = np.log([[2.0, 3.0, 9.0]]), np.log([[5.0, 7.0, np.nan], [5.0, np.nan, 4.0]])
    weights = np.log([1.0, 3.0, 8.0])
    together = hypothesis_posteriors(pair_sums(first, second, log_weights=weights), Priors(0.1, 0.2, 0.05))[0]
    for row, columns in ((0, [0, 1]), (1, [0, 2])):
        alone = pair_sums(first[:, columns], second[[row]][:, columns], log_weights=weights[columns])
        np.testing.assert_allclose(together[row], hypothesis_posteriors(alone, Priors(0.1, 0.2, 0.05))[0, 0])


@given(factor_matrices())
def test_equal_prior_weights_change_nothing(matrices: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = matrices
    plain = hypothesis_posteriors(pair_sums(first, second), DEFAULT)
    weighted = pair_sums(first, second, log_weights=np.full(first.shape[1], -3.0))
    np.testing.assert_allclose(hypothesis_posteriors(weighted, DEFAULT), plain, rtol=1e-9, atol=1e-12)
