import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region, distance_to_interval, parse_region, region_around, region_of_positions


def test_one_based_text_to_zero_based_region() -> None:
    region = parse_region("chr6:25,000,000-34,000,000", where="config")
    assert (region.chromosome, region.start, region.end) == ("6", 24_999_999, 34_000_000)
    assert str(region) == "6:25000000-34000000"


@pytest.mark.parametrize("text", ["6", "6:5", "6:9-5", "6:0-5", "6:a-b", ""])
def test_text_that_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a region"):
        parse_region(text, where="config")


def test_empty_region_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Region("1", 5, 5)


def test_window_is_cut_at_the_chromosomes_start() -> None:
    assert region_around("1", 3, 10) == Region("1", 0, 13)


@given(st.integers(1, 200), st.integers(0, 100), st.integers(1, 100))
def test_distance_matches_counting_bases(position: int, start: int, length: int) -> None:
    covered = range(start + 1, start + length + 1)  # 1-based positions of the interval
    assert distance_to_interval(position, start, start + length) == min(abs(position - base) for base in covered)


@given(st.integers(1, 1000), st.integers(0, 100), st.integers(1, 1000))
def test_contains_agrees_with_positions(first: int, extra: int, position: int) -> None:
    region = region_of_positions("1", first, first + extra)
    assert region.contains("1", position) == (first <= position <= first + extra)
    assert region.length == extra + 1
    assert not region.contains("2", position)


@given(st.integers(0, 50), st.integers(1, 20), st.integers(0, 50), st.integers(1, 20))
def test_overlap_means_a_shared_base(start: int, length: int, other: int, other_length: int) -> None:
    shared = set(range(start, start + length)) & set(range(other, other + other_length))
    assert Region("1", start, start + length).overlaps(Region("1", other, other + other_length)) == bool(shared)
