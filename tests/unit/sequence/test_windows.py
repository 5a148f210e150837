import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table

from locus2target.sequence.encoding import decode, encode
from locus2target.sequence.windows import WindowSpec, extract_windows
from locus2target.sequence.windows_numba import fill_changed_spans, fill_windows, has_allele, has_unknown

SPEC = WindowSpec(length=24, center_offset=12, flank=4)
alleles = st.text("ACGT", min_size=1, max_size=4)


def slow_windows(sequence, position, ref, alt, spec):
    """Both haplotypes by string surgery on a padded chromosome."""
    padded = "N" * 100 + sequence + "N" * 100
    start = 100 + position - 1
    left, right = padded[start - spec.center_offset : start], padded[start + len(ref) :]
    reference = left + padded[start : start + len(ref)] + right
    return reference[: spec.length], (left + alt + right)[: spec.length]


def extract(sequence, *rows, spec=SPEC):
    genome = ToyGenome({"1": sequence})
    return extract_windows(variant_table(*(("1", *row) for row in rows)), genome.fetch, spec)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_windows_agree_with_string_surgery_wherever_the_variant_lies(data):
    sequence = data.draw(st.text("ACGTN", min_size=30, max_size=60))
    position = data.draw(st.integers(1, len(sequence)))
    alt = data.draw(alleles)
    ref = sequence[position - 1 : position - 1 + data.draw(st.integers(1, 6))]
    windows = extract(sequence, (position, ref, alt))
    assert (decode(windows.ref[0]), decode(windows.alt[0])) == slow_windows(sequence, position, ref, alt, SPEC)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_haplotypes_differ_inside_the_spans_only(data):
    sequence = data.draw(st.text("AC", min_size=40, max_size=40))  # two letters: many repeats
    ref = sequence[19 : 19 + data.draw(st.integers(1, 4))]
    alt = data.draw(st.text("AC", min_size=1, max_size=4))
    spec = WindowSpec(40, 19, 0)
    windows = extract(sequence, (20, ref, alt), spec=spec)
    (start, ref_end), (alt_start, alt_end) = windows.ref_spans[0], windows.alt_spans[0]
    haplotype = sequence[:19] + alt + sequence[19 + len(ref) :]
    assert start == alt_start
    assert sequence[:start] == haplotype[:start]
    assert sequence[ref_end:] == haplotype[alt_end:]
    assert ref_end - alt_end == len(ref) - len(alt)


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_exchanging_the_haplotypes_exchanges_the_spans(data):
    sequence = data.draw(st.text("AC", min_size=40, max_size=40))
    ref = sequence[19 : 19 + data.draw(st.integers(1, 4))]
    alt = data.draw(st.text("AC", min_size=1, max_size=4))
    other = sequence[:19] + alt + sequence[19 + len(ref) :]
    spec = WindowSpec(36, 18, 0)
    forward = extract(sequence, (20, ref, alt), spec=spec)
    backward = extract(other, (20, alt, ref), spec=spec)
    assert np.array_equal(forward.ref, backward.alt)
    assert np.array_equal(forward.alt, backward.ref)
    assert np.array_equal(forward.ref_spans, backward.alt_spans)
    assert np.array_equal(forward.alt_spans, backward.ref_spans)


@pytest.mark.parametrize("position", range(11, 17))
def test_an_indel_in_a_repeat_has_one_span_wherever_it_is_written(position):
    sequence = "GATCGATCGC" + "AAAAAA" + "TCGATCGATCG"  # the run is bases 11..16
    spec = WindowSpec(20, 10, 0)
    deletion = extract(sequence, (position, "AA" if position < 16 else "A", "A" if position < 16 else ""), spec=spec)
    offset = position - 11  # the window moves with the variant, the run stays
    if position < 16:
        assert deletion.ref_spans[0].tolist() == [10 - offset, 16 - offset]
        assert deletion.alt_spans[0].tolist() == [10 - offset, 15 - offset]
    else:
        assert deletion.status == ["unsupported_allele"]


def test_spans_of_simple_changes():
    sequence = "GATTACAGATCTGACCGTAAGCTTGCATGCCTGCAG"
    windows = extract(
        sequence,
        (16, "C", "T"),  # one base
        (16, "CG", "TT"),  # block
        (16, "CGT", "TGA"),  # block with a shared middle
        (15, "C", "CTT"),  # insertion
        (15, "CCG", "C"),  # deletion that can also be written one base to the left: CCG>C is C[CG] or ...
        (16, "CG", "TTT"),  # both at once
        spec=WindowSpec(24, 12, 0),
    )
    assert windows.ref_spans[[0, 1, 2, 5]].tolist() == [[12, 13], [12, 14], [12, 15], [12, 14]]
    assert windows.alt_spans[[0, 1, 2, 5]].tolist() == [[12, 13], [12, 14], [12, 15], [12, 15]]
    assert (windows.ref_spans[3].tolist(), windows.alt_spans[3].tolist()) == ([13, 13], [13, 15])
    assert windows.status == ["ok"] * 6


@pytest.mark.parametrize(
    ("sequence", "row", "status", "words"),
    [
        ("ACGTACGTACGTACGTACGTACGTACGT", (14, "C", "T"), "ok", ""),
        ("ACGTACGTACGTACGTACGTACGTACGT", (14, "A", "T"), "ref_mismatch", "REF is A, the genome has C"),
        ("ACGTACGTACGTACGTACGTACGTACGT", (14, "CGG", "T"), "ref_mismatch", "the genome has CGT"),
        ("ACGTACGTACGTANGTACGTACGTACGT", (14, "C", "T"), "no_sequence", "at the variant"),
        ("ACGTACGTACGTACGTNCGTACGTACGT", (14, "C", "T"), "no_sequence", "within 4 bases"),
        ("ACGTACGTACGTACGTACNTACGTACGT", (14, "C", "T"), "ok", ""),  # five bases away: not read
        ("ACGTACGTACGTACGTACGTACGTACGT", (2, "C", "T"), "no_sequence", "within 4 bases"),  # beyond the end
        ("ACGTACGTACGTACGTACGTACGTACGT", (99, "C", "T"), "no_sequence", "at the variant"),
        ("ACGTACGTACGTACGTACGTACGTACGT", (14, "C", "<DEL>"), "unsupported_allele", "C><DEL>"),
        ("ACGTACGTACGTACGTACGTACGTACGT", (14, "C", "C" + "ACCTGT" * 3), "allele_too_long", "raise window_bp"),
        ("GATCCGTTAGCA" + "A" * 16 + "GATCCGTTAG", (12, "AA", "A"), "allele_too_long", "24 bases"),  # repeat too long
    ],
)
def test_every_variant_has_a_verdict_with_its_reason(sequence, row, status, words):
    windows = extract(sequence, row)
    assert windows.status == [status]
    assert words in windows.reason[0]
    assert (windows.reason[0] == "") == (status == "ok")
    assert windows.scorable.tolist() == [status == "ok"]


def test_unknown_chromosome_is_no_sequence():
    windows = extract_windows(variant_table(("9", 5, "A", "C")), ToyGenome({"1": "ACGT"}).fetch, SPEC)
    assert windows.status == ["no_sequence"]


def test_many_variants_at_once_are_the_same_as_one_by_one_and_share_reads():
    genome = ToyGenome({"1": random_sequence(3_000, 1), "2": random_sequence(3_000, 2)})
    table = variant_table(
        *random_variants(genome.sequences["1"], 30, 3, "1").itertuples(index=False, name=None),
        *random_variants(genome.sequences["2"], 30, 4, "2").itertuples(index=False, name=None),
    ).sample(frac=1, random_state=5)
    together = extract_windows(table, genome.fetch, SPEC)
    assert genome.reads == 2  # one per chromosome
    for v in range(len(table)):
        alone = extract_windows(table.iloc[[v]], genome.fetch, SPEC)
        assert np.array_equal(alone.ref[0], together.ref[v])
        assert np.array_equal(alone.alt[0], together.alt[v])
        assert np.array_equal(alone.ref_spans[0], together.ref_spans[v])
        assert (alone.status[0], alone.reason[0]) == (together.status[v], together.reason[v])


def test_no_variants():
    windows = extract_windows(variant_table(), ToyGenome({}).fetch, SPEC)
    assert windows.ref.shape == (0, 24)
    assert windows.status == []


def test_kernels_compiled_and_interpreted_agree():
    piece = encode(random_sequence(80, 6))
    starts, ref_lengths = np.array([30, 40]), np.array([1, 3])
    allele_starts, rows = np.array([0, 2, 3]), np.array([0, 1])
    outputs = []
    for fill, spans in ((fill_windows, fill_changed_spans), (fill_windows.py_func, fill_changed_spans.py_func)):
        ref, alt = np.zeros((2, 2, 24), dtype=np.uint8)
        ref_spans, alt_spans = np.zeros((2, 2, 2), dtype=np.int64)
        fill(piece, starts, ref_lengths, encode("ACG"), allele_starts, 12, rows, ref, alt)
        spans(ref, alt, 12, ref_lengths, np.diff(allele_starts), ref_spans, alt_spans)
        outputs.append((ref, alt, ref_spans, alt_spans))
    assert all(np.array_equal(*pair) for pair in zip(*outputs, strict=True))
    codes = encode("ACGTNACG").reshape(1, 8)
    for start, end, found in ((0, 4, False), (0, 5, True), (-3, 99, True), (5, 8, False)):
        bounds = np.array([start]), np.array([end])
        assert has_unknown(codes, *bounds)[0] == has_unknown.py_func(codes, *bounds)[0] == found


def test_allele_kernel_wants_every_base_known_and_inside():
    codes = np.tile(encode("ACGTNACG"), (6, 1))
    texts = ["GT", "GA", "", "GTN", "GTNACG", "GTNACGT"]
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    for kernel in (has_allele, has_allele.py_func):
        assert kernel(codes, 2, encode("".join(texts)), starts).tolist() == [True, False, True, False, False, False]


def test_one_variant_with_a_symbolic_allele_does_not_change_the_others():
    genome = ToyGenome({"1": random_sequence(3_000, 1)})
    table = random_variants(genome.sequences["1"], 20, 3, "1")
    broken = table.copy()
    broken.loc[4, "alt"] = "<DUP>"
    broken.loc[9, "ref"] = broken.loc[9, "ref"].lower()
    whole, mixed = (extract_windows(rows, genome.fetch, SPEC) for rows in (table, broken))
    assert (mixed.status[4], mixed.status[9]) == ("unsupported_allele", "unsupported_allele")
    others = [row for row in range(len(table)) if row not in {4, 9}]
    assert [mixed.status[row] for row in others] == [whole.status[row] for row in others]
    assert np.array_equal(mixed.alt[others], whole.alt[others])


def test_spec_refuses_a_window_that_cannot_hold_the_flanks():
    with pytest.raises(ValueError, match="8-base window"):
        WindowSpec(8, 4, 4)
