"""Reading some rows of tables: what is asked for, in the order of the file, and nothing else."""

from pathlib import Path

import pandas as pd
import pytest

from locus2target.core.intervals import Region
from locus2target.core.tables import Column, TableSchema, read_table, read_tables, write_table

TOY = TableSchema(
    "toy",
    (
        Column("disease", "string", ""),
        Column("chromosome", "string", ""),
        Column("position", "int64", ""),
        Column("largest", "bool", ""),
        Column("kind", "category", "", nullable=True),
    ),
)
ROWS = TOY.frame(
    {"disease": f"d{number % 3}", "chromosome": "1", "position": number, "largest": number % 2 == 0, "kind": "ab"[row]}
    for number, row in enumerate([0, 1, 1, 0, 1, 0, 0, 1])
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_table(ROWS, tmp_path / "toy.parquet", TOY)
    return tmp_path / "toy.parquet"


@pytest.mark.parametrize(
    ("only", "positions"),
    [
        ({"disease": ["d1"]}, [1, 4, 7]),
        ({"disease": ["d1", "d2"], "largest": [True]}, [2, 4]),
        ({"position": [7, 0, 99]}, [0, 7]),
        ({"kind": ["a"]}, [0, 3, 5, 6]),
        ({"disease": []}, []),
        ({}, list(range(8))),
    ],
)
def test_only_rows_with_these_values_are_read(path: Path, only: dict[str, list[object]], positions: list[int]) -> None:
    read = read_table(path, TOY, only=only)
    assert read["position"].tolist() == positions
    pd.testing.assert_frame_equal(read, ROWS.iloc[positions].reset_index(drop=True), check_categorical=False)


def test_values_and_region_hold_together(path: Path) -> None:
    read = read_table(path, TOY, columns=["position"], region=Region("1", 3, 8), only={"disease": ["d1"]})
    assert read["position"].tolist() == [4, 7]


def test_several_files_are_stacked_in_order_with_the_columns_asked_for(path: Path) -> None:
    read = read_tables([path, path], TOY, columns=["position", "disease"], only={"disease": ["d2"]})
    assert read["position"].tolist() == [2, 5, 2, 5]
    assert list(read.columns) == ["position", "disease"]
    none = read_tables([path], TOY, columns=["position"], only={"disease": ["d9"]})
    assert list(none.columns) == ["position"]
    assert none.empty
