import numpy as np
import pytest
from mr_reference import CASES, instruments_of, random_instruments, read_case

from locus2target.statgen.mendelian.estimators import ivw
from locus2target.statgen.mendelian.instruments import EstimationError
from locus2target.statgen.mendelian.sensitivity import leave_one_out, single_snp

LARGE_CASES = [name for name in CASES if "leaveoneout" in read_case(name)]


@pytest.mark.parametrize("case", LARGE_CASES)
def test_single_instruments_are_those_of_twosamplemr(case: str) -> None:
    content = read_case(case)
    mine, expected = single_snp(instruments_of(content)), content["singlesnp"]
    assert expected["snp"] == content["input"]["snp"]
    np.testing.assert_allclose(mine.estimate, expected["b"], rtol=1e-12)
    np.testing.assert_allclose(mine.standard_error, expected["se"], rtol=1e-12)
    np.testing.assert_allclose(10**-mine.neg_log10_p, expected["p"], rtol=1e-10)


@pytest.mark.parametrize("case", LARGE_CASES)
def test_leave_one_out_is_that_of_twosamplemr(case: str) -> None:
    content = read_case(case)
    data, expected = instruments_of(content), content["leaveoneout"]
    assert expected["snp"] == [*content["input"]["snp"], "All"]
    mine, full = leave_one_out(data), ivw(data)
    np.testing.assert_allclose([*mine.estimate, full.estimate], expected["b"], rtol=1e-12)
    np.testing.assert_allclose([*mine.standard_error, full.standard_error], expected["se"], rtol=1e-12)
    np.testing.assert_allclose(10 ** -np.append(mine.neg_log10_p, full.neg_log10_p), expected["p"], rtol=1e-10)


def test_too_few() -> None:
    with pytest.raises(EstimationError):
        leave_one_out(random_instruments(2))
    with pytest.raises(EstimationError):
        single_snp(random_instruments(0))
