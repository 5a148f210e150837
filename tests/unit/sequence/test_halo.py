import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_profile import TinyProfile

from locus2target.sequence.encoding import decode, encode, one_hot_tensor
from locus2target.sequence.halo import Edits, plan_halo, recompute, reverse_complement_codes
from locus2target.sequence.networks.interface import Geometry

LENGTH = 256
NETWORK = TinyProfile(length=LENGTH, width=8)
WINDOW = np.random.default_rng(0).integers(0, 4, LENGTH).astype(np.uint8)


def levels_of(codes):
    return NETWORK.convolve(one_hot_tensor(torch.from_numpy(codes)))


def random_edit(start, length, seed):
    return (WINDOW[start : start + length] + np.random.default_rng(seed).integers(1, 4, length).astype(np.uint8)) % 4


def check(edits):
    """Recomputed levels against those of whole edited windows, at every column of every level."""
    halo = plan_halo(NETWORK.geometry, edits.longest)
    patches = recompute(levels_of, halo, WINDOW, edits)
    whole = levels_of(edits.write(WINDOW, np.zeros(len(edits), dtype=np.int64), LENGTH))
    for patch, reference, expected in zip(patches, levels_of(WINDOW[None]), whole, strict=True):
        recomputed = patch.onto(reference, slice(0, reference.shape[2]))
        error = (recomputed - expected).abs().amax() / expected.abs().amax()
        assert error < 1e-5
        middle = slice(5, reference.shape[2] - 3)
        torch.testing.assert_close(patch.onto(reference, middle), recomputed[:, :, middle])
    return halo


def test_single_bases_at_every_position_of_the_window():
    starts = np.arange(LENGTH)
    halo = check(Edits(starts, [random_edit(start, 1, start) for start in starts]))
    assert (halo.changed, halo.margin) == (3, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=6))
def test_blocks_of_any_length_and_no_edit_at_all_in_one_batch(rows):
    starts = np.array([start for start, _, _ in rows])
    check(Edits(starts, [random_edit(start, min(length, LENGTH - start), seed) for start, length, seed in rows]))


def test_the_inner_columns_of_the_piece_are_all_that_can_change():
    geometry = Geometry(524_288, 128, 32, 5120, (32, 64, 128), 259)  # Borzoi's tower
    halo = plan_halo(geometry, 1)
    for start in range(300_000, 300_128):
        first, last = (start - 259) // 128, (start + 259) // 128
        piece, changed = (int(tokens[0]) for tokens in halo.first_tokens(Edits(np.array([start]), [encode("A")])))
        assert changed <= first <= last < changed + halo.changed
        assert 128 * (first - piece) >= 259
        assert 128 * (piece + halo.tokens) - 128 * (last + 1) >= 259
    assert halo.tokens == 12


def test_edits_that_change_most_of_the_window_have_no_piece():
    assert plan_halo(NETWORK.geometry, 1) is not None
    assert plan_halo(NETWORK.geometry, 240) is None


@pytest.mark.parametrize(("longest", "expected"), [(0, 3), (1, 3), (2, 4), (8, 4), (9, 5)])
def test_pieces_have_few_sizes(longest, expected):
    assert plan_halo(NETWORK.geometry, longest).changed == expected


def test_columns_that_an_edit_does_not_reach_keep_their_bits():
    start = 100
    edits = Edits(np.array([start, start]), [random_edit(start, 1, 0), WINDOW[start : start + 1]])
    patches = recompute(levels_of, plan_halo(NETWORK.geometry, 1), WINDOW, edits)
    for patch, reference, bp in zip(patches, levels_of(WINDOW[None]), (4, 8), strict=True):
        changed, same = patch.onto(reference, slice(0, reference.shape[2]))
        columns = np.flatnonzero((changed != reference[0]).any(dim=0).numpy())
        assert (start - 8) // bp <= columns.min() <= columns.max() <= (start + 8) // bp
        assert torch.equal(same, reference[0])


def test_edits_on_the_reverse_strand_are_the_reverse_complement_of_edits():
    edits = Edits(np.array([3, 100, 250]), [encode("ACG"), encode(""), encode("TTAACG")])
    whole = np.zeros(3, dtype=np.int64)
    reverse = edits.on_reverse_strand(LENGTH).write(reverse_complement_codes(WINDOW), whole, LENGTH)
    assert np.array_equal(reverse, reverse_complement_codes(edits.write(WINDOW, whole, LENGTH)))
    assert decode(reverse_complement_codes(encode("AACGTN"))) == "NACGTT"
