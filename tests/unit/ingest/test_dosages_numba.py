"""The kernels of one record against slow definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.ingest.dosages_numba import count_alleles, count_diploid, take_dosages, write_rows

FILLER = -2147483647  # what htslib puts behind the alleles of a person who has fewer
MISSING = None


def encode(calls, ploidy):
    """Calls (tuples of allele numbers, None where missing) as htslib's codes, every second one phased."""
    rows = [
        [(0 if allele is MISSING else (allele + 1) << 1) | (place % 2) for place, allele in enumerate(call)]
        + [FILLER] * (ploidy - len(call))
        for call in calls
    ]
    return np.array(rows, dtype=np.int32)


def slow_dosages(calls, allele):
    return [
        np.nan if not call or MISSING in call else 2 * sum(one == allele for one in call) / len(call) for call in calls
    ]


def people(ploidy):
    call = st.lists(st.sampled_from([MISSING, 0, 1, 2]), min_size=1, max_size=ploidy).map(tuple)
    return st.lists(call, min_size=1, max_size=40)


def check(kernel, calls, allele, ploidy):
    dosages = np.empty(len(calls), dtype=np.int8 if kernel is count_diploid else np.float32)
    n_called, total, lowest, highest = kernel(encode(calls, ploidy), allele, dosages)
    expected = np.array(slow_dosages(calls, allele), dtype=np.float32)
    np.testing.assert_array_equal(np.where(dosages < 0, np.nan, dosages), expected)
    called = expected[~np.isnan(expected)]
    assert n_called == len(called)
    assert total == pytest.approx(called.sum(dtype=np.float64), rel=1e-12)
    if n_called:
        assert (lowest, highest) == (called.min(), called.max())


@given(calls=people(2), allele=st.integers(1, 2))
def test_diploid_and_haploid_calls(calls, allele):
    check(count_diploid, calls, allele, 2)
    check(count_alleles, calls, allele, 2)


@given(calls=people(4), allele=st.integers(1, 2))
def test_any_number_of_alleles_counts_on_the_scale_of_two(calls, allele):
    check(count_alleles, calls, allele, 4)


def test_all_people_haploid_in_a_file_with_one_place():
    check(count_alleles, [(0,), (1,), (MISSING,), (1,)], 1, 1)


def take(imputed, calls):
    dosages = np.empty(len(imputed), dtype=np.float32)
    codes = encode(calls, 2) if calls else np.empty((len(imputed), 0), dtype=np.int32)
    return take_dosages(np.array(imputed, dtype=np.float32), codes, 0.01, dosages), dosages


def test_imputed_dosages_are_cut_doubled_for_haploids_and_refused_beyond_rounding():
    counted, dosages = take([-0.005, 1.0, np.nan, 0.75], [(0, 0), (1,), (MISSING,), (0, 1)])
    np.testing.assert_array_equal(dosages, np.array([0, 2, np.nan, 0.75], dtype=np.float32))
    assert counted == (3, 2.75, 0.0, 2.0)
    counted, dosages = take([1.0, 2.005], [])
    np.testing.assert_array_equal(dosages, np.array([1, 2], dtype=np.float32))
    assert counted == (2, 3.0, 1.0, 2.0)
    assert take([1.0, 2.5], [])[0][0] == -1
    assert take([np.nan], [])[0][0] == 0


@pytest.mark.parametrize(
    ("dtype", "rows"),
    [(np.int8, [[0, 1, -1, 2], [2, 2, 1, -1]]), (np.float32, [[0, 0.25, np.nan, 2], [2, 1.5, 1, np.nan]])],
)
def test_rows_go_to_their_places_and_are_exchanged(dtype, rows):
    dosages = np.full((3, 4), 9, dtype=np.float32)
    write_rows(np.array(rows, dtype=dtype), np.array([2, 0]), np.array([False, True]), dosages)
    expected = np.array(rows, dtype=np.float32)
    expected[expected < 0] = np.nan
    np.testing.assert_array_equal(dosages, [2 - expected[1], np.full(4, 9), expected[0]])
