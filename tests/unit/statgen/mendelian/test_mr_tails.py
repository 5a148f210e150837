import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from locus2target.statgen.mendelian.tails import neg_log10_p_of_chi2, neg_log10_p_of_t, size_of_t

# -log10 p with 60 digits of working precision (mpmath)
T_TAILS = [
    (0.01, 1, 0.0027735499735969476),
    (3, 1, 0.68860057313610581),
    (50, 1, 1.895147777262524),
    (1e6, 1, 6.1961198770302974),
    (2.5, 3, 1.0569674915879831),
    (9.999, 3, 2.6718196884415644),
    (10.001, 3, 2.6720741831761931),
    (40, 3, 4.4636855278802758),
    (1.96, 77, 1.2707219200377319),
    (9.9, 77, 14.649065740635855),
    (10.1, 77, 15.030538327568562),
    (60, 77, 65.679849080864997),
    (1e4, 77, 236.41283510103558),
    (0.001, 338901, 0.00034665486213565561),
    (5.5, 338901, 7.4201427763048118),
    (9.9, 338901, 22.377480265484831),
    (10.1, 338901, 23.254330950855596),
    (38, 338901, 314.57171380396196),
    (400, 338901, 28460.391385811802),
]
CHI2_TAILS = [
    (0.5, 1, 0.31921127782572033),
    (2.0, 2, 0.43429448190325183),
    (143.304576132034, 77, 5.164843243958215),
    (1500, 1, 327.40725604416649),
    (1e5, 1, 21717.322159443943),
    (3000, 77, 576.25451297189432),
    (1e5, 77, 21582.439594275884),
    (5000, 1000, 521.45494009483606),
    (30000, 20000, 412.65814275590453),
]


@pytest.mark.parametrize(("t", "df", "expected"), T_TAILS)
def test_t_tail(t: float, df: int, expected: float) -> None:
    assert neg_log10_p_of_t(t, df) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert neg_log10_p_of_t(-t, df) == neg_log10_p_of_t(t, df)


@pytest.mark.parametrize(("t", "df", "expected"), T_TAILS)
def test_t_quantile(t: float, df: int, expected: float) -> None:
    assert size_of_t(np.array([expected]), df)[0] == pytest.approx(t, rel=1e-9)


@pytest.mark.parametrize(("statistic", "df", "expected"), CHI2_TAILS)
def test_chi2_tail(statistic: float, df: int, expected: float) -> None:
    assert neg_log10_p_of_chi2(statistic, df) == pytest.approx(expected, rel=1e-12)


def test_ends() -> None:
    assert neg_log10_p_of_t(np.array([0.0, np.inf]), 5).tolist() == [0.0, np.inf]
    assert np.isnan(neg_log10_p_of_t(np.nan, 5))
    assert neg_log10_p_of_chi2(0.0, 3) == 0.0
    assert size_of_t(np.array([0.0]), 10)[0] == pytest.approx(0.0, abs=1e-9)


@given(st.floats(1e-6, 30.0), st.integers(1, 100_000))
def test_t_tail_is_that_of_scipy_where_it_does_not_underflow(t: float, df: int) -> None:
    expected = -np.log10(2.0) - stats.t.logsf(t, df) / np.log(10.0)
    if expected < 300:
        assert neg_log10_p_of_t(t, df) == pytest.approx(expected, rel=1e-8, abs=1e-9)


@given(st.floats(1e-3, 5000.0), st.integers(2, 1_000_000))
def test_t_quantile_inverts_the_tail(neg_log10_p: float, df: int) -> None:
    t = size_of_t(np.array([neg_log10_p]), df)
    if neg_log10_p < 100 * df:  # beyond, t has no square in floating point
        assert neg_log10_p_of_t(t, df)[0] == pytest.approx(neg_log10_p, rel=1e-9)
