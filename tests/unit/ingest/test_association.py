import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from locus2target.ingest.association import (
    Association,
    complete_association,
    effective_sample_size,
    neg_log10_p_of_z,
    size_of_z,
)
from locus2target.ingest.dispositions import Ledger

NUMBERS = ("beta", "odds_ratio", "standard_error", "z_score", "neg_log10_p")


def complete(**columns: Any) -> tuple[Association, list[str]]:
    n_rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({name: np.full(n_rows, np.nan) for name in NUMBERS} | {"unreadable": False} | columns)
    ledger = Ledger(n_rows)
    association = complete_association(frame, ledger)
    words = ledger.words()
    return association, ["" if pd.isna(word) else str(word) for word in words]


def test_log_tail_against_scipy_and_asymptote() -> None:
    z = np.array([0.0, 1.0, -1.959963984540054, 5.0, 37.0])
    np.testing.assert_allclose(neg_log10_p_of_z(z), -np.log10(2 * norm.sf(np.abs(z))), rtol=1e-12, atol=1e-15)
    # Mills' ratio, Abramowitz and Stegun 26.2.12: Q(z) = phi(z)/z (1 - 1/z^2 + 3/z^4 - 15/z^6 ...)
    for size in (100.0, 800.0):
        series = math.log1p(-1 / size**2 + 3 / size**4 - 15 / size**6)
        log_p = math.log(2) - size**2 / 2 - math.log(size * math.sqrt(2 * math.pi)) + series
        assert neg_log10_p_of_z(np.array([size]))[0] == pytest.approx(-log_p / math.log(10), rel=1e-13)


@given(st.floats(min_value=1e-3, max_value=900))
def test_z_and_p_are_inverse(z: float) -> None:
    assert size_of_z(neg_log10_p_of_z(np.array([z])))[0] == pytest.approx(z, rel=1e-8)


def test_size_of_z_at_the_ends() -> None:
    np.testing.assert_array_equal(size_of_z(np.array([0.0, np.inf, np.nan])), [0.0, np.inf, np.nan])


def test_beta_and_error_give_z_and_p() -> None:
    association, words = complete(beta=[0.3], standard_error=[0.1])
    assert words == [""]
    assert association.z_score[0] == pytest.approx(3)
    assert association.neg_log10_p[0] == pytest.approx(-math.log10(2 * norm.sf(3)))


def test_log_odds_where_beta_is_missing() -> None:
    association, words = complete(beta=[np.nan, 0.5], odds_ratio=[1.2, -1], standard_error=[0.05, 0.1])
    assert words == ["", ""]
    np.testing.assert_allclose(association.beta, [math.log(1.2), 0.5])
    np.testing.assert_allclose(association.z_score, [math.log(1.2) / 0.05, 5])


@pytest.mark.parametrize("ratio", [0.0, -1.3])
def test_odds_ratio_must_be_positive(ratio: float) -> None:
    assert complete(odds_ratio=[ratio], standard_error=[0.1], neg_log10_p=[1.0])[1] == ["invalid_odds_ratio"]


@pytest.mark.parametrize("error", [0.0, -0.1])
def test_standard_error_must_be_positive(error: float) -> None:
    assert complete(beta=[0.1], standard_error=[error], neg_log10_p=[1.0])[1] == ["non_positive_standard_error"]


@pytest.mark.parametrize("name", ["beta", "standard_error", "z_score", "odds_ratio"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_numbers(name: str, value: float) -> None:
    assert complete(**{"neg_log10_p": [1.0], name: [value]})[1] == ["invalid_number"]


def test_p_outside_its_range() -> None:
    assert complete(beta=[0.1], standard_error=[0.1], neg_log10_p=[-0.1])[1] == ["invalid_p"]


def test_standard_error_from_beta_and_p() -> None:
    association, _ = complete(beta=[-0.2], neg_log10_p=[-math.log10(2 * norm.sf(4))])
    assert association.standard_error[0] == pytest.approx(0.05)
    assert association.z_score[0] == pytest.approx(-4)


def test_p_alone_is_unsigned() -> None:
    association, words = complete(neg_log10_p=[8.0])
    assert words == [""]
    assert association.neg_log10_p[0] == 8.0
    assert np.isnan([association.beta[0], association.standard_error[0], association.z_score[0]]).all()


def test_beta_of_zero_has_no_sign_to_go_with_p() -> None:
    association, words = complete(beta=[0.0], neg_log10_p=[0.1])
    assert words == [""]
    assert np.isnan([association.standard_error[0], association.z_score[0]]).all()


def test_rows_without_a_sign_go_where_most_have_one() -> None:
    beta = [0.1, 0.1, np.nan]
    assert complete(beta=beta, neg_log10_p=[8.0, 2.0, 3.0])[1] == ["", "", "missing_statistic"]
    # one stray effect does not make a list of p-values a signed study
    assert complete(beta=[0.1, np.nan, np.nan], neg_log10_p=[8.0, 2.0, 3.0])[1] == ["", "", ""]


def test_z_alone_gives_p() -> None:
    association, _ = complete(z_score=[-5.0])
    assert association.neg_log10_p[0] == pytest.approx(-math.log10(2 * norm.sf(5)))
    assert np.isnan(association.beta[0])


def test_p_of_zero_is_recomputed_or_refused() -> None:
    association, words = complete(
        beta=[4.0, np.nan, 4.0], standard_error=[0.1, np.nan, np.nan], neg_log10_p=[np.inf, np.inf, np.inf]
    )
    assert words == ["", "zero_p", "zero_p"]
    assert association.neg_log10_p[0] == pytest.approx(neg_log10_p_of_z(np.array([40.0]))[0])
    assert 349 < association.neg_log10_p[0] < 350


def test_nothing_to_go_by() -> None:
    words = complete(beta=[0.1, np.nan], standard_error=[np.nan, 0.1])[1]
    assert words == ["missing_statistic", "missing_statistic"]


def test_effective_sample_size() -> None:
    n, cases = np.array([4000.0, 3000.0, 3000.0]), np.array([np.nan, np.nan, 1500.0])
    sizes = effective_sample_size(n, cases, case_fraction=0.25)
    np.testing.assert_allclose(sizes, [4 / (1 / 1000 + 1 / 3000), 4 / (1 / 750 + 1 / 2250), 3000])
    unknown_share = effective_sample_size(n, cases / 2, case_fraction=np.nan)
    np.testing.assert_allclose(unknown_share, [4000, 3000, 4 / (1 / 750 + 1 / 2250)])
