"""The engines' common ground."""

import numpy as np
import pytest

from locus2target.statgen.engine import FitError, SusieInput, adjusted_z_scores, allele_scale


def test_adjusted_z_is_correlation_times_root_of_n():
    rng = np.random.default_rng(5)
    n = 400
    dosage, noise = rng.binomial(2, 0.3, n).astype(float), rng.normal(size=n)
    trait = 0.5 * dosage + noise
    r = np.corrcoef(dosage, trait)[0, 1]
    wald_z = r * np.sqrt((n - 2) / (1 - r**2))
    np.testing.assert_allclose(adjusted_z_scores(np.array([wald_z]), n), [r * np.sqrt(n - 1)], rtol=1e-12)
    assert adjusted_z_scores(np.array([3.0]), None) == 3.0


def test_allele_scale_is_the_ratio_of_standard_deviations():
    rng = np.random.default_rng(6)
    n = 400
    dosage = rng.binomial(2, 0.3, n).astype(float)
    trait = 7.0 * rng.normal(size=n) + 2.0 * dosage
    slope, intercept = np.polyfit(dosage, trait, 1)
    residual_variance = ((trait - intercept - slope * dosage) ** 2).sum() / (n - 2)
    standard_error = np.sqrt(residual_variance / ((dosage - dosage.mean()) ** 2).sum())
    z_score = slope / standard_error
    expected = trait.std(ddof=1) / dosage.std(ddof=1)
    np.testing.assert_allclose(allele_scale(np.array([z_score]), np.array([standard_error]), n), [expected], rtol=1e-12)


@pytest.mark.parametrize(
    ("z_score", "r", "weights"),
    [
        (np.zeros(3), np.eye(2), None),
        (np.zeros(2), np.eye(2), np.ones(3)),
        (np.array([0.0, np.nan]), np.eye(2), None),
        (np.zeros(2), np.full((2, 2), np.nan), None),
    ],
)
def test_input_of_unlike_shape_or_with_nan_is_refused(z_score, r, weights):
    with pytest.raises(ValueError, match=r"shape|finite"):
        SusieInput(z_score, r, 100.0, prior_weights=weights)


def test_ld_is_given_as_matrix_or_as_factor():
    z_score, r, factor = np.zeros(3), np.eye(3), np.ones((2, 3)) / np.sqrt(2)
    assert SusieInput(z_score, r, 100.0).ld is r
    assert SusieInput(z_score, None, 100.0, factor=factor).ld is factor
    for matrix, given_factor in ((None, None), (r, factor)):
        with pytest.raises(ValueError, match="either r or its factor"):
            SusieInput(z_score, matrix, 100.0, factor=given_factor)
    for bad in (np.ones((2, 4)), np.ones(3), np.full((2, 3), np.inf)):
        with pytest.raises(ValueError, match=r"shape|finite"):
            SusieInput(z_score, None, 100.0, factor=bad)
    with pytest.raises(ValueError, match="shape"):
        SusieInput(z_score, np.ones((2, 3)), 100.0)


def test_prior_sums_to_what_the_null_leaves():
    z_score, r = np.zeros(4), np.eye(4)
    np.testing.assert_allclose(SusieInput(z_score, r, 10.0).prior(), np.full(4, 0.25))
    weighted = SusieInput(z_score, r, 10.0, prior_weights=np.array([0.0, 1.0, 3.0, 4.0]), null_weight=0.2)
    np.testing.assert_allclose(weighted.prior(), [0.0, 0.1, 0.3, 0.4])
    for weights in (np.zeros(4), np.array([1.0, np.nan, 1.0, 1.0]), np.array([1.0, -0.1, 1.0, 1.0])):
        with pytest.raises(FitError, match="prior_weights"):
            SusieInput(z_score, r, 10.0, prior_weights=weights).prior()
