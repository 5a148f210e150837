import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.sequence.encoding import decode, encode, one_hot_tensor, reverse_complement
from locus2target.sequence.encoding_numba import fill_codes

sequences = st.text("ACGTN", max_size=40)


@settings(deadline=None)  # the first call compiles
@given(sequences)
def test_decode_undoes_encode(sequence):
    assert decode(encode(sequence)) == sequence


def test_codes_are_in_acgt_order_and_everything_else_is_unknown():
    assert encode("ACGTNacgtnRY-*é").tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4]


@settings(deadline=None)  # the first call compiles
@given(st.binary(min_size=1, max_size=80))
def test_compiled_codes_agree_with_a_table_for_every_byte(text):
    table = {ord(base): code for code, base in enumerate("ACGT")} | {ord(base): i for i, base in enumerate("acgt")}
    letters = np.frombuffer(text, dtype=np.uint8)
    codes = np.empty_like(letters)
    fill_codes(letters, codes)
    assert codes.tolist() == [table.get(letter, 4) for letter in text]


def test_compiled_and_interpreted_codes_agree():
    letters = np.arange(256, dtype=np.uint8)
    compiled, interpreted = np.empty_like(letters), np.empty_like(letters)
    fill_codes(letters, compiled)
    fill_codes.py_func(letters, interpreted)
    assert np.array_equal(compiled, interpreted)
    assert np.count_nonzero(compiled < 4) == 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@given(windows=st.lists(st.text("ACGTN", min_size=7, max_size=7), min_size=1, max_size=5))
def test_one_hot_agrees_with_slow_twin(dtype, windows):
    codes = torch.from_numpy(np.stack([encode(window) for window in windows]))
    slow = [[[float(b == base) for b in window] for base in "ACGT"] for window in windows]
    encoded = one_hot_tensor(codes, dtype=dtype)
    assert encoded.tolist() == slow
    assert encoded.dtype == dtype
    assert encoded.is_contiguous()


@given(st.text("ACGTN", min_size=1, max_size=30))
def test_reverse_complement_of_codes_is_that_of_the_letters(sequence):
    other_strand = sequence.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert decode(reverse_complement(torch.from_numpy(encode(sequence))).numpy()) == other_strand
