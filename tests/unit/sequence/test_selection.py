from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import collect_variants
from locus2target.core import tables
from locus2target.core.likely_variants import LikelyVariants
from locus2target.core.schemas import CREDIBLE_SETS, MUTAGENESIS_WINDOWS, SCORED_VARIANTS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.selection import best_of_loci, deal, select_windows


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


def select_variants(*tables, min_pip):
    likely = LikelyVariants(min_pip)
    for table in tables:
        likely.add(table)
    return pd.concat(likely.along_genome().tables(), ignore_index=True)


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


@pytest.mark.parametrize("cuts", [[4], [1, 2, 3, 9], [0, 5, 10]])
def test_the_best_of_several_tables_are_those_of_one(cuts):
    """A locus may even be cut in two."""
    edges = [0, *cuts, len(TABLE)]
    parts = [TABLE.iloc[start:end] for start, end in pairwise(edges)]
    best = pd.concat([best_of_loci(part, variants_per_locus=2) for part in parts])
    whole = select_windows(TABLE, variants_per_locus=2)
    assert select_windows(best, variants_per_locus=2).equals(whole)


@pytest.mark.parametrize("min_pip", [0, 0.01])
def test_the_step_writes_the_same_however_loci_are_dealt(tmp_path, monkeypatch, min_pip):
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    written = [_collect(tmp_path / str(batches), batches, min_pip) for batches in (1, 2, 5)]
    scored, windows = written[0]
    assert pd.concat(scored, ignore_index=True).equals(select_variants(TABLE, min_pip=min_pip))
    assert pd.concat(windows, ignore_index=True).equals(select_windows(TABLE, variants_per_locus=2))
    for others in written[1:]:
        for kind, same in zip(others, written[0], strict=True):
            assert all(table.equals(other) for table, other in zip(kind, same, strict=True))


def _collect(folder, batches, min_pip):
    """Both tables of three variant batches, with loci dealt to some batches."""
    number = TABLE.groupby("locus").ngroup()
    for batch in range(batches):
        write_table(TABLE[number % batches == batch], folder / f"{batch}.parquet", CREDIBLE_SETS)
    variants, windows = ([folder / f"{kind}{part}.parquet" for part in range(3)] for kind in ("variants", "windows"))
    collect_variants.main(
        credible_sets=[folder / f"{batch}.parquet" for batch in range(batches)],
        variants=variants,
        windows=windows,
        scoring={"min_pip": min_pip},
        mutagenesis={"variants_per_locus": 2},
    )
    scored = [read_table(path, SCORED_VARIANTS) for path in variants]
    return scored, [read_table(path, MUTAGENESIS_WINDOWS) for path in windows]


def test_no_rows():
    assert select_windows(CREDIBLE_SETS.empty(), variants_per_locus=2).columns.tolist() == MUTAGENESIS_WINDOWS.names


@given(st.integers(0, 50), st.integers(1, 9))
def test_dealing_keeps_every_row_in_order_in_batches_of_like_size(rows, batches):
    parts = deal(rows, batches)
    assert len(parts) == batches
    assert [row for part in parts for row in range(rows)[part]] == list(range(rows))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
