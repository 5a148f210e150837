import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.sequence.encoding import decode, encode, one_hot
from locus2target.sequence.encoding_numba import fill_one_hot

sequences = st.text("ACGTN", max_size=40)


@settings(deadline=None)  # the first call compiles
@given(sequences)
def test_decode_undoes_encode(sequence):
    assert decode(encode(sequence)) == sequence


def test_codes_are_in_acgt_order_and_everything_else_is_unknown():
    assert encode("ACGTNacgtnRY-*é").tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text("ACGTN", min_size=7, max_size=7), min_size=1, max_size=5))
def test_one_hot_agrees_with_slow_twin(windows):
    codes = np.stack([encode(window) for window in windows])
    slow = np.array([[[base == letter for base in window] for letter in "ACGT"] for window in windows])
    assert np.array_equal(one_hot(codes), slow)
    compiled, interpreted = np.zeros((2, *slow.shape), dtype=np.int8)
    fill_one_hot(codes, compiled)
    fill_one_hot.py_func(codes, interpreted)
    assert np.array_equal(compiled, interpreted)
    assert one_hot(codes).dtype == np.int8
