import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table

from locus2target.sequence.encoding import decode
from locus2target.sequence.shared_windows import plan_windows, read_window
from locus2target.sequence.windows import (
    ALLELE_TOO_LONG,
    NO_SEQUENCE,
    OK,
    REF_MISMATCH,
    UNSUPPORTED_ALLELE,
    WindowSpec,
    extract_windows,
)

LENGTH = 64


def read(sequence, *rows, shared_bp=16, flank=0, shift=0):
    genome = ToyGenome({"1": sequence})
    variants = variant_table(*(("1", *row) for row in rows))
    windows = plan_windows(variants, length=LENGTH, shared_bp=shared_bp, center_offset=32, shift=shift)
    return [(w, read_window(w, variants, genome.fetch, length=LENGTH, flank=flank)) for w in windows]


def haplotype(found, row, side, anchor):
    return decode(found.haplotypes(np.array([row]), side, anchor)[0])


def test_a_window_does_not_depend_on_the_other_variants():
    table = random_variants(random_sequence(2000), 60, seed=3)
    together = plan_windows(table, length=LENGTH, shared_bp=16, center_offset=32)
    starts = {int(row): window.start for window in together for row in window.rows}
    assert sorted(starts) == list(range(len(table)))
    assert len(together) < len(table)
    for row in range(len(table)):
        (alone,) = plan_windows(table.iloc[[row]], length=LENGTH, shared_bp=16, center_offset=32)
        assert alone.start == starts[row]
        assert -8 <= alone.start + 32 - (table["position"][row] - 1) <= 8


def test_windows_of_two_chromosomes_keep_the_rows_of_the_table():
    table = variant_table(("2", 40, "A", "C"), ("1", 40, "A", "C"), ("2", 41, "A", "C"), ("2", 400, "A", "C"))
    windows = plan_windows(table, length=LENGTH, shared_bp=16, center_offset=32)
    assert [(w.chromosome, w.rows.tolist()) for w in windows] == [("2", [0, 2]), ("2", [3]), ("1", [1])]


@pytest.mark.parametrize("shift", [-3, 0, 3])
def test_without_sharing_the_first_base_is_at_the_center_plus_the_shift(shift):
    sequence = random_sequence(300)
    table = variant_table(("1", 100, sequence[99], "A"), ("1", 100, sequence[99], "C"), ("1", 101, sequence[100], "A"))
    windows = plan_windows(table, length=LENGTH, shared_bp=0, center_offset=32, shift=shift)
    assert [w.start for w in windows] == [99 - 32 - shift, 100 - 32 - shift]
    assert [w.rows.tolist() for w in windows] == [[0, 1], [2]]


def test_cells_must_fit_the_window():
    with pytest.raises(ValueError, match="do not fit"):
        plan_windows(variant_table(("1", 1, "A", "C")), length=64, shared_bp=32, center_offset=8)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_left_anchored_haplotypes_are_those_of_the_pair_windows(data):
    sequence = data.draw(st.text("ACGTN", min_size=30, max_size=60))
    position = data.draw(st.integers(1, len(sequence)))
    ref = sequence[position - 1 : position - 1 + data.draw(st.integers(1, 6))]
    alt = data.draw(st.text("ACGT", min_size=1, max_size=6))
    ((_, found),) = read(sequence, (position, ref, alt), shared_bp=0)
    pair = extract_windows(
        variant_table(("1", position, ref, alt)), ToyGenome({"1": sequence}).fetch, WindowSpec(64, 32, 0)
    )
    assert (found.status, found.reason) == (pair.status, pair.reason)
    if found.status == [OK]:
        assert haplotype(found, 0, "ref", "left") == decode(pair.ref[0]) == decode(found.ref)
        assert haplotype(found, 0, "alt", "left") == decode(pair.alt[0])


@settings(deadline=None)
@given(st.data())
def test_exchanging_ref_and_alt_exchanges_the_haplotypes_of_either_anchor(data):
    sequence = random_sequence(300, seed=data.draw(st.integers(0, 5)))
    position = data.draw(st.integers(100, 200))
    ref = sequence[position - 1 : position - 1 + data.draw(st.integers(1, 5))]
    alt = data.draw(st.text("ACGT", min_size=1, max_size=5))
    edited = sequence[: position - 1] + alt + sequence[position - 1 + len(ref) :]
    ((_, forward),) = read(sequence, (position, ref, alt))
    ((_, backward),) = read(edited, (position, alt, ref))
    for anchor in ("left", "right"):
        assert haplotype(forward, 0, "ref", anchor) == haplotype(backward, 0, "alt", anchor)
        assert haplotype(forward, 0, "alt", anchor) == haplotype(backward, 0, "ref", anchor)


@settings(deadline=None)
@given(st.data())
def test_right_anchored_haplotypes_share_all_bases_from_the_first_one_after_the_change(data):
    sequence = random_sequence(300, seed=data.draw(st.integers(0, 5)))
    ref = sequence[149 : 149 + data.draw(st.integers(1, 5))]
    alt = data.draw(st.text("ACGT", min_size=1, max_size=5))
    ((window, found),) = read(sequence, (150, ref, alt))
    start, after = found.starts[0], found.starts[0] + found.ref_lengths[0] + window.start
    for side, allele in (("ref", ref), ("alt", alt)):
        edited = sequence[:149] + allele + sequence[149 + len(ref) :]
        first = after + len(edited) - len(sequence) - start  # of the window, on the edited chromosome
        assert haplotype(found, 0, side, "right") == edited[first : first + LENGTH]
        left = haplotype(found, 0, side, "left")
        assert left == edited[window.start : window.start + LENGTH]


def test_symmetric_sides_of_insertions_and_deletions():
    sequence = random_sequence(200)
    insertion, deletion = (100, sequence[99], sequence[99] + "GATTACA"), (100, sequence[99:104], sequence[99])
    (_, found), *_ = read(sequence, insertion, deletion)
    assert haplotype(found, 0, "ref", "right") == haplotype(found, 0, "ref", "left")
    assert haplotype(found, 1, "alt", "right") == haplotype(found, 1, "alt", "left")
    assert found.is_substitution.tolist() == [False, False]
    assert found.ref_lengths.tolist() == [0, 4]
    assert found.alt_lengths.tolist() == [7, 0]


def test_blocks_are_trimmed_to_the_bases_that_change():
    sequence = "ACGT" * 50
    ((window, found),) = read(sequence, (101, "ACGT", "AGGT"))
    assert window.start + found.starts[0] == 101
    assert (found.ref_lengths[0], found.alt_lengths[0], decode(found.alts[0])) == (1, 1, "G")
    assert found.is_substitution[0]


def test_every_fault_has_its_status_and_spares_the_others():
    sequence = random_sequence(120, seed=1)
    sequence = sequence[:60] + "N" + sequence[61:]
    base = sequence[55]
    wrong = "ACGT"[("ACGT".index(base) + 1) % 4]
    ((_, found),) = read(
        sequence,
        (56, base, wrong),
        (56, wrong, base),
        (61, "N", "A"),
        (56, base, "<DEL>"),
        (56, base, base + "A" * 40),
        (60, sequence[59], "A" if sequence[59] != "A" else "C"),
        flank=3,
        shared_bp=16,
    )
    assert found.status == [OK, REF_MISMATCH, NO_SEQUENCE, UNSUPPORTED_ALLELE, ALLELE_TOO_LONG, NO_SEQUENCE]
    assert found.scorable.tolist() == [True, False, False, False, False, False]
    assert all(found.reason[1:])


def test_beyond_the_chromosome_bases_are_unknown():
    sequence = random_sequence(40)
    ((window, found),) = read(sequence, (1, sequence[0], "A" if sequence[0] != "A" else "C"))
    assert window.start < 0
    assert decode(found.ref) == "N" * -window.start + sequence + "N" * (LENGTH + window.start - 40)
