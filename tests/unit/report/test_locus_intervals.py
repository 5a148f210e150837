"""Chromatin of a locus: what is drawn, and what is merged where there is too much."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from locus2target.report.locus_intervals import (
    COLUMNS,
    annotation_intervals,
    locus_intervals,
    merge_intervals,
)

LOCUS = {"locus": "l", "chromosome": "7", "start": 1000, "end": 2000}


def peaks(*rows: tuple[str, int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "context"])


def links(*rows: tuple[str, int, int, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "gene", "context"])


def rows_of(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return list(plain.itertuples(index=False, name=None))


def test_both_kinds_with_symbols_of_known_genes() -> None:
    found = annotation_intervals(
        peaks(("7", 1, 2, "liver"), ("X", 5, 6, "skin")),
        links(("7", 3, 4, "ENSG1", "lung"), ("7", 4, 5, "OTHER", "lung")),
        {"ENSG1": "ONE"},
    )
    assert list(found) == ["7", "X"]
    assert rows_of(found["7"]) == [
        ("open_chromatin", "liver", 1, 2, None),
        ("link", "lung", 3, 4, "ONE"),
        ("link", "lung", 4, 5, "OTHER"),
    ]


def test_a_run_without_annotation() -> None:
    assert annotation_intervals(None, None, {}) == {}
    found = locus_intervals(LOCUS, {})
    assert list(found.rows.columns) == list(COLUMNS)
    assert (len(found.rows), found.note) == (0, "")


def test_only_what_overlaps_the_locus() -> None:
    given_peaks = peaks(
        ("7", 900, 1000, "before"), ("7", 900, 1001, "over"), ("7", 1999, 3000, "to"), ("7", 2000, 2001, "x")
    )
    found = locus_intervals(LOCUS, annotation_intervals(given_peaks, None, {}))
    assert found.rows["context"].tolist() == ["over", "to"]
    assert found.note == ""


def test_neighbours_of_one_context_are_merged_where_there_are_too_many() -> None:
    given_peaks = peaks(*(("7", 1000 + 20 * i, 1010 + 20 * i, "ab"[i % 2]) for i in range(40)))
    intervals = annotation_intervals(given_peaks, None, {})
    assert len(locus_intervals(LOCUS, intervals, limit=40).rows) == 40
    found = locus_intervals(LOCUS, intervals, limit=39)
    assert rows_of(found.rows) == [("open_chromatin", "a", 1000, 1770, None), ("open_chromatin", "b", 1020, 1790, None)]
    assert found.note == (
        "40 chromatin intervals and links were merged to 2: those of one context at most 100 bases apart are one."
    )


def test_contexts_are_merged_where_they_alone_are_too_many() -> None:
    given_links = links(*(("7", 1100, 1200, f"GENE{i % 2}", f"tissue {i}") for i in range(10)))
    found = locus_intervals(LOCUS, annotation_intervals(None, given_links, {}), limit=3)
    assert rows_of(found.rows) == [
        ("link", "5 contexts", 1100, 1200, "GENE0"),
        ("link", "5 contexts", 1100, 1200, "GENE1"),
    ]
    assert "those of all contexts that overlap are one" in found.note


_intervals = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 30), st.sampled_from("ab")), min_size=1, max_size=30
)


@given(_intervals, st.integers(0, 20))
def test_merged_intervals_cover_the_same_and_lie_apart(given_rows: list[tuple[int, int, str]], gap: int) -> None:
    frame = pd.DataFrame(
        [("open_chromatin", name, start, start + length, None) for start, length, name in given_rows],
        columns=list(COLUMNS),
    )
    merged = merge_intervals(frame, ["kind", "context", "gene"], gap=gap)
    for name, rows in merged.groupby("context"):
        covered = {base for start, length, own in given_rows if own == name for base in range(start, start + length)}
        found = {base for start, end in zip(rows["start"], rows["end"], strict=True) for base in range(start, end)}
        assert covered <= found
        assert (rows["start"].iloc[1:].to_numpy() > rows["end"].iloc[:-1].to_numpy() + gap).all()
        assert gap > 0 or covered == found
