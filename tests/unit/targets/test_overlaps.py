import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locus2target.targets.overlaps import overlapping_rows

VARIANTS = st.lists(
    st.tuples(st.sampled_from("12X"), st.integers(1, 60), st.sampled_from(["A", "AC", "ACGTA"])), max_size=8
)
INTERVALS = st.lists(st.tuples(st.sampled_from("12X"), st.integers(0, 60), st.integers(1, 20)), max_size=8)


def frames(
    variants: list[tuple[str, int, str]], intervals: list[tuple[str, int, int]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    left = pd.DataFrame(variants, columns=["chromosome", "position", "ref"])
    right = pd.DataFrame(intervals, columns=["chromosome", "start", "length"])
    return left, right.assign(end=right["start"] + right["length"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(variants=VARIANTS, intervals=INTERVALS)
def test_pairs_are_those_of_a_slow_loop(
    variants: list[tuple[str, int, str]], intervals: list[tuple[str, int, int]]
) -> None:
    expected = []
    for row, (chromosome, position, ref) in enumerate(variants):
        bases = set(range(position - 1, position - 1 + len(ref)))
        for other, (on, start, length) in enumerate(intervals):
            if chromosome == on and bases & set(range(start, start + length)):
                expected.append([row, other])
    assert overlapping_rows(*frames(variants, intervals)).tolist() == expected


@pytest.mark.parametrize(("position", "inside"), [(10, False), (11, True), (20, True), (21, False)])
def test_bounds_of_an_interval(position: int, inside: bool) -> None:
    found = overlapping_rows(*frames([("1", position, "A")], [("1", 10, 10)]))
    assert (len(found) == 1) is inside
    assert found.dtype == np.int64


def test_row_numbers_do_not_depend_on_the_index() -> None:
    left, right = frames([("1", 5, "A"), ("1", 15, "A")], [("1", 10, 10), ("1", 0, 8)])
    found = overlapping_rows(left.set_index(pd.Index([7, 9])), right.set_index(pd.Index([3, 3])))
    assert found.tolist() == [[0, 1], [1, 0]]


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    overlapping_rows(*frames([("1", 5, "A")], [("1", 0, 8)]))
    assert list(tmp_path.iterdir()) == []
