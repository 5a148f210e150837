import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core.schemas import CREDIBLE_SETS, MUTAGENESIS_WINDOWS, SCORED_VARIANTS
from locus2target.sequence.selection import deal, select_variants, select_windows


def credible_sets(*rows):
    """Rows (locus, chromosome, position, ref, alt, pip, neg_log10_p)."""
    return CREDIBLE_SETS.frame(
        {
            "locus": locus,
            "study": locus[0],
            "disease": "d",
            "variant": f"{chromosome}:{position}:{ref}:{alt}",
            "chromosome": chromosome,
            "position": position,
            "ref": ref,
            "alt": alt,
            "pip": pip,
            "neg_log10_p": neg_log10_p,
            "in_ld": True,
            "status": "ok",
            "reason": "",
        }
        for locus, chromosome, position, ref, alt, pip, neg_log10_p in rows
    )


TABLE = credible_sets(
    ("A1", "10", 500, "A", "G", 0.30, 8.0),
    ("A1", "10", 700, "C", "T", 0.30, 9.0),
    ("A1", "10", 600, "G", "T", 0.02, 7.0),
    ("A1", "10", 650, "G", "T", None, 7.0),
    ("B1", "10", 500, "A", "G", 0.60, 8.0),
    ("B1", "10", 500, "A", "T", 0.005, 8.0),
    ("B2", "2", 900, "A", "AT", 0.01, 6.0),
    ("B2", "2", 901, "T", "C", 0.0099, 6.0),
    ("B3", "X", 100, "T", "C", 0.5, 6.0),
    ("B4", "9", 100, "T", "C", None, 6.0),
)


def test_variants_once_each_with_their_largest_pip_along_the_genome():
    frame = select_variants(TABLE, min_pip=0.01)
    assert frame.columns.tolist() == SCORED_VARIANTS.names
    assert frame[["variant", "max_pip"]].to_numpy().tolist() == [
        ["2:900:A:AT", 0.01],
        ["10:500:A:G", 0.60],
        ["10:600:G:T", 0.02],
        ["10:700:C:T", 0.30],
        ["X:100:T:C", 0.5],
    ]


def test_windows_are_the_top_of_each_locus():
    frame = select_windows(TABLE, variants_per_locus=2)
    assert frame.columns.tolist() == MUTAGENESIS_WINDOWS.names
    assert frame[["locus", "variant", "pip"]].to_numpy().tolist() == [
        ["B2", "2:900:A:AT", 0.01],
        ["B2", "2:901:T:C", 0.0099],
        ["A1", "10:500:A:G", 0.30],
        ["B1", "10:500:A:G", 0.60],
        ["B1", "10:500:A:T", 0.005],
        ["A1", "10:700:C:T", 0.30],
        ["B3", "X:100:T:C", 0.5],
    ]
    single = select_windows(TABLE, variants_per_locus=1)
    assert single.loc[single["locus"] == "A1", "variant"].tolist() == ["10:700:C:T"]  # equal PIP, stronger association


def test_no_rows():
    assert select_variants(CREDIBLE_SETS.empty(), min_pip=0.01).columns.tolist() == SCORED_VARIANTS.names
    assert select_windows(CREDIBLE_SETS.empty(), variants_per_locus=2).columns.tolist() == MUTAGENESIS_WINDOWS.names


@given(st.integers(0, 50), st.integers(1, 9))
def test_dealing_keeps_every_row_in_order_in_batches_of_like_size(rows, batches):
    table = pd.DataFrame({"row": range(rows)})
    parts = deal(table, batches)
    assert len(parts) == batches
    assert [row for part in parts for row in part["row"]] == list(range(rows))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_batches_keep_their_columns(rows):
    parts = deal(pd.DataFrame({"row": range(rows)}), 3)
    assert [part.columns.tolist() for part in parts] == [["row"]] * 3
