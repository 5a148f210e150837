"""LD: alignment of alleles and the correlation that follows from it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.core.variants import variant_keys
from locus2target.statgen import ld as ld_module
from locus2target.statgen.ld import (
    LdMatrix,
    align_dosages,
    compute_ld,
    correlation_matrix,
    digest_keys,
    has_variation,
    spectrum_of_factor,
    spectrum_of_matrix,
    standardize_dosages,
)


def table(rows):
    return pd.DataFrame(rows, columns=["chromosome", "position", "ref", "alt"])


def random_dosages(n_variants, n_samples, seed=1):
    rng = np.random.default_rng(seed)
    shared = rng.binomial(2, 0.4, n_samples)
    own = rng.binomial(2, rng.uniform(0.1, 0.5, (n_variants, 1)), (n_variants, n_samples))
    return np.where(rng.random((n_variants, n_samples)) < 0.5, shared, own).astype(np.float32)


def test_alignment_reverses_exchanged_alleles_and_counts_what_it_leaves_out():
    study = table([("1", 10, "A", "G"), ("1", 20, "C", "T"), ("1", 30, "G", "GA"), ("1", 40, "A", "C")])
    cohort = table(
        [
            ("1", 40, "A", "C"),  # constant
            ("1", 20, "T", "C"),  # exchanged
            ("1", 10, "A", "G"),
            ("1", 10, "A", "G"),  # again
            ("1", 30, "GA", "G"),  # another indel, not an exchange
            ("1", 50, "A", "C"),  # not in the study
        ]
    )
    dosages = np.array(
        [[1, 1, 1], [0, 1, np.nan], [2, 0, 1], [0, 0, 1], [0, 1, 2], [0, 1, 2]],
        dtype=np.float32,
    )
    aligned = align_dosages(study, cohort, dosages)
    assert aligned.rows.tolist() == [0, 1]
    np.testing.assert_array_equal(aligned.values, [[2, 0, 1], [2, 1, np.nan]])
    assert (aligned.n_monomorphic, aligned.n_duplicate, aligned.n_not_in_study) == (1, 1, 2)


@given(
    exchanged=st.lists(st.booleans(), min_size=6, max_size=6),
    order=st.permutations(range(6)),
    study_exchanged=st.lists(st.booleans(), min_size=6, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_r_follows_the_studys_alleles_whatever_the_cohort_calls_ref(exchanged, order, study_exchanged):
    dosages = random_dosages(6, 80)
    expected = np.corrcoef(dosages) * np.where(np.logical_xor.outer(study_exchanged, study_exchanged), -1.0, 1.0)

    def row(variant, is_exchanged):
        return ("7", 100 + variant, *(("G", "A") if is_exchanged else ("A", "G")))

    study = table([row(variant, study_exchanged[variant]) for variant in range(6)])
    cohort = table([row(variant, exchanged[variant]) for variant in order])
    given_dosages = np.array([2 - dosages[v] if exchanged[v] else dosages[v] for v in order], dtype=np.float32)
    ld = compute_ld(align_dosages(study, cohort, given_dosages))
    assert ld.rows.tolist() == list(range(6))
    np.testing.assert_allclose(ld.r, expected, rtol=0, atol=1e-13)
    ld.require_order(study)


def correlation_by_numpy(dosages):
    """Definition: numpy's correlation of double-precision dosages, missing ones replaced by the mean."""
    filled = dosages.astype(np.float64)
    means = np.nanmean(filled, axis=1, keepdims=True)
    return np.corrcoef(np.where(np.isnan(filled), means, filled))


def assert_is_correlation(dosages, atol=1e-12):
    r = correlation_matrix(dosages)
    np.testing.assert_allclose(r, correlation_by_numpy(dosages), rtol=0, atol=atol)
    assert (r == r.T).all()
    assert (np.diag(r) == 1.0).all()
    assert np.abs(r).max() <= 1.0


@pytest.mark.parametrize("n_samples", [3, 63, 64, 65, 200])
def test_hard_calls_give_numpys_correlation(n_samples):
    dosages = random_dosages(70, n_samples, seed=n_samples)  # more variants than a tile of the kernel
    assert_is_correlation(dosages[has_variation(dosages)], atol=1e-14)


def test_imputed_dosages_give_numpys_correlation(monkeypatch):
    monkeypatch.setattr(ld_module, "_SAMPLES_PER_BLOCK", 7)  # several blocks, the last one shorter
    dosages = random_dosages(12, 60)
    imputed = np.clip(dosages + np.random.default_rng(2).normal(0, 0.1, dosages.shape), 0, 2).astype(np.float32)
    assert_is_correlation(imputed, atol=1e-14)
    imputed[2, 5:20] = np.nan
    assert_is_correlation(imputed, atol=1e-14)


@given(data=st.data(), n_samples=st.integers(4, 140), hard=st.booleans())
@settings(max_examples=60, deadline=None)
def test_missing_dosages_count_as_the_mean(data, n_samples, hard):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dosages = random_dosages(6, n_samples, seed=rng)
    if not hard:
        dosages = (dosages * np.float32(0.9)).astype(np.float32)
    shares = data.draw(st.lists(st.sampled_from([0.0, 0.02, 0.3, 0.8]), min_size=6, max_size=6))
    dosages[rng.random(dosages.shape) < np.array(shares)[:, np.newaxis]] = np.nan
    dosages = dosages[has_variation(dosages)]
    if len(dosages) < 2:
        return
    assert_is_correlation(dosages)
    standardized = standardize_dosages(dosages)
    np.testing.assert_allclose(standardized @ standardized.T, correlation_by_numpy(dosages), rtol=0, atol=1e-12)


def test_sums_that_single_precision_could_not_hold_are_exact():
    """Common alleles in 20,000 people: sums of products near 80,000, and r from what is left after the means."""
    rng = np.random.default_rng(5)
    dosages = (2 - rng.binomial(2, 0.001, (3, 20_000))).astype(np.float32)
    dosages[1] = np.where(rng.random(20_000) < 0.9, dosages[0], dosages[1])
    assert_is_correlation(dosages)


def test_perfect_ld_stays_within_one():
    dosages = np.repeat(random_dosages(1, 37), 3, axis=0)
    dosages[2] = 2 - dosages[2]
    r = correlation_matrix(dosages)
    assert np.abs(r).max() == 1.0
    np.testing.assert_allclose(r, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], rtol=0, atol=1e-15)


def test_variation_needs_two_values():
    nan = np.nan
    rows = np.array([[1, 1, nan], [nan, nan, nan], [0, nan, 1], [2, 2, 2]], dtype=np.float32)
    assert has_variation(rows).tolist() == [False, False, True, False]
    assert has_variation(np.zeros((2, 0), dtype=np.float32)).tolist() == [False, False]


def test_spectrum_through_people_equals_spectrum_of_the_matrix():
    dosages = random_dosages(40, 25)
    through_people = spectrum_of_factor(standardize_dosages(dosages).T)
    direct = spectrum_of_matrix(correlation_matrix(dosages))
    assert len(through_people.values) == len(direct.values) == 24  # people less one for the mean
    np.testing.assert_allclose(through_people.values, direct.values, rtol=1e-9)
    rebuilt = (through_people.vectors * through_people.values) @ through_people.vectors.T
    np.testing.assert_allclose(rebuilt, correlation_matrix(dosages), rtol=0, atol=1e-12)


def test_with_fewer_people_than_variants_the_factor_stands_for_the_matrix():
    study = table([("1", 10 * row, "A", "G") for row in range(40)])
    dosages = random_dosages(40, 25)
    ld = compute_ld(align_dosages(study, study, dosages))
    assert ld.factor.shape == (25, 40)
    assert ld.factor.flags.f_contiguous
    np.testing.assert_allclose(np.einsum("nv,nv->v", ld.factor, ld.factor), 1.0, rtol=1e-14)
    np.testing.assert_allclose(ld.factor.T @ ld.factor, np.corrcoef(dosages), rtol=0, atol=1e-13)
    np.testing.assert_allclose(ld.r, np.corrcoef(dosages), rtol=0, atol=1e-13)
    assert (ld.r == ld.r.T).all()
    assert ld.r is ld.r
    assert len(ld.spectrum.values) == 24
    assert compute_ld(align_dosages(study[:20], study, dosages)).factor is None


def test_the_smallest_eigenvalue_tells_a_matrix_that_nothing_has():
    impossible = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    assert spectrum_of_matrix(impossible).smallest == pytest.approx(-0.8)
    assert len(spectrum_of_matrix(impossible).values) == 2
    assert spectrum_of_matrix(np.eye(3)).smallest == pytest.approx(1.0)
    assert spectrum_of_factor(standardize_dosages(random_dosages(40, 25)).T).smallest == 0.0


def test_a_matrix_needs_one_of_its_forms():
    with pytest.raises(ValueError, match="either r or a factor"):
        LdMatrix(np.arange(2), None, 10, "")
    with pytest.raises(ValueError, match="either r or a factor"):
        LdMatrix(np.arange(2), np.eye(2), 10, "", factor=np.eye(2))


def test_no_variants_give_an_empty_matrix():
    study = table([("1", 10, "A", "G")])
    ld = compute_ld(align_dosages(study, study[:0], np.empty((0, 5), dtype=np.float32)))
    assert ld.r.shape == (0, 0)


def test_a_matrix_with_nan_is_a_linear_algebra_error():
    with pytest.raises(np.linalg.LinAlgError, match="finite"):
        spectrum_of_matrix(np.array([[1.0, np.nan], [np.nan, 1.0]]))


def test_another_order_of_variants_is_noticed():
    study = table([("1", 10, "A", "G"), ("1", 20, "C", "T")])
    ld = compute_ld(align_dosages(study, study, random_dosages(2, 30)))
    ld.require_order(study)
    with pytest.raises(ValueError, match="another order"):
        ld.require_order(study[::-1])
    assert digest_keys(variant_keys(study)) != digest_keys(variant_keys(study[::-1]))
