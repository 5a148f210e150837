import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from locus2target.core.variants import (
    Variant,
    is_palindromic,
    match_variants,
    normalize_variant,
    parse_variant_key,
    reverse_complement,
    variant_keys,
)

GENOME = "GATTACACACACAGTTTTTTCATGCATGCCC"
bases = st.text("ACGT", min_size=1, max_size=6)


def fetch(start: int, end: int) -> str:
    return GENOME[start:end]


def haplotype(variant: Variant) -> str:
    start = variant.position - 1
    assert GENOME[start : start + len(variant.ref)] == variant.ref
    return GENOME[:start] + variant.alt + GENOME[start + len(variant.ref) :]


def test_known_left_alignment() -> None:
    # GATT ACACACACA G: deleting any AC of the repeat is deleting the first one, anchored at the T before it.
    assert normalize_variant(Variant("1", 8, "CAC", "C"), fetch) == Variant("1", 4, "TAC", "T")
    assert normalize_variant(Variant("1", 20, "T", "TT"), fetch) == Variant("1", 14, "G", "GT")


@given(st.integers(1, len(GENOME) - 6), st.integers(1, 5), st.text("ACGT", min_size=1, max_size=6))
def test_normalisation_keeps_the_haplotype_and_is_idempotent(position: int, length: int, alt: str) -> None:
    ref = GENOME[position - 1 : position - 1 + length]
    assume(ref != alt)
    variant = Variant("1", position, ref, alt)
    normal = normalize_variant(variant, fetch)
    assert haplotype(normal) == haplotype(variant)
    assert normalize_variant(normal, fetch) == normal
    assert min(len(normal.ref), len(normal.alt)) == 1 or normal.ref[0] != normal.alt[0]
    assert normal.position == 1 or normal.ref[-1] != normal.alt[-1]


def test_unknown_sequence_stops_the_shift() -> None:
    assert normalize_variant(Variant("1", 3, "AA", "A"), lambda _start, _end: "N") == Variant("1", 3, "AA", "A")


@given(bases)
def test_reverse_complement_twice_is_the_allele(allele: str) -> None:
    assert reverse_complement(reverse_complement(allele)) == allele


def test_palindromes() -> None:
    pairs = [(a, b) for a in "ACGT" for b in "ACGT" if a != b and is_palindromic(a, b)]
    assert pairs == [("A", "T"), ("C", "G"), ("G", "C"), ("T", "A")]
    assert is_palindromic("AC", "GT")


def frame(*keys: str) -> pd.DataFrame:
    return pd.DataFrame([vars_of(parse_variant_key(key)) for key in keys])


def vars_of(variant: Variant) -> dict[str, object]:
    return {"chromosome": variant.chromosome, "position": variant.position, "ref": variant.ref, "alt": variant.alt}


def test_keys_round_trip() -> None:
    keys = ["1:5:A:G", "X:7:AT:A"]
    assert variant_keys(frame(*keys)).tolist() == keys


def test_match_finds_exchanged_snvs_but_not_exchanged_indels() -> None:
    left = frame("1:5:A:G", "1:6:C:T", "1:7:A:AT", "2:5:A:G")
    right = frame("1:7:AT:A", "1:6:T:C", "1:5:A:G", "1:5:G:C")
    match = match_variants(left, right)
    assert match.left.tolist() == [0, 1]
    assert match.right.tolist() == [2, 1]
    assert match.sign.tolist() == [1.0, -1.0]


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("ACGT"), st.sampled_from("ACGT")), max_size=12))
def test_each_row_is_matched_at_most_once(rows: list[tuple[int, str, str]]) -> None:
    keys = [f"1:{position}:{ref}:{alt}" for position, ref, alt in rows if ref != alt]
    assume(keys)
    match = match_variants(frame(*keys), frame(*reversed(keys)))
    assert len(set(match.left)) == len(match.left)
    assert len(set(match.right)) == len(match.right)
    assert set(match.left) >= {keys.index(key) for key in keys if keys.count(f"{swap(key)}") == 0}


def swap(key: str) -> str:
    chromosome, position, ref, alt = key.split(":")
    return f"{chromosome}:{position}:{alt}:{ref}"
