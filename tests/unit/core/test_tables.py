from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core import schemas, tables
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.core.tables import (
    Column,
    TableSchema,
    append_table,
    append_tsv,
    atomic_path,
    is_among,
    pieces,
    read_table,
    read_tables,
    stack_tables,
    write_table,
    write_tsv,
)

TOY = TableSchema(
    "toy",
    (
        Column("chromosome", "string", ""),
        Column("position", "int64", ""),
        Column("count", "int64", "", nullable=True),
        Column("value", "float64", "", nullable=True),
    ),
)


def toy() -> pd.DataFrame:
    return TOY.frame(
        [
            {"chromosome": "1", "position": 5, "count": 2, "value": 0.5},
            {"chromosome": "1", "position": 9},
            {"chromosome": "2", "position": 5, "count": 1},
        ]
    )


def test_round_trip_keeps_types_and_missing_values(tmp_path: Path) -> None:
    write_table(toy(), tmp_path / "toy.parquet", TOY)
    read = read_table(tmp_path / "toy.parquet", TOY)
    pd.testing.assert_frame_equal(read, toy())
    assert str(read["count"].dtype) == "Int64"
    assert read["position"].dtype == "int64"


def test_region_reads_only_its_rows(tmp_path: Path) -> None:
    write_table(toy(), tmp_path / "toy.parquet", TOY)
    read = read_table(tmp_path / "toy.parquet", TOY, columns=["position"], region=Region("1", 5, 9))
    assert read["position"].tolist() == [9]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, r"unknown columns \['extra'\]"),
        ({"position": None}, "position"),
        ({"value": "abc"}, "toy"),
    ],
)
def test_a_table_off_its_schema_is_not_written(tmp_path: Path, change: dict[str, object], message: str) -> None:
    frame = toy().astype({"position": object, "value": object}).assign(**change)
    with pytest.raises(ValueError, match=message):
        write_table(frame, tmp_path / "toy.parquet", TOY)
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_refused(tmp_path: Path) -> None:
    write_table(toy(), tmp_path / "toy.parquet", TOY)
    with pytest.raises(ValueError, match="not those of table contigs"):
        read_table(tmp_path / "toy.parquet", schemas.CONTIGS)


@pytest.mark.parametrize("place", ["first page", "footer", "end"])
def test_a_table_with_another_byte_is_damaged(tmp_path: Path, place: str) -> None:
    path = tmp_path / "toy.parquet"
    write_table(toy(), path, TOY)
    content = bytearray(path.read_bytes())
    content[{"first page": 40, "footer": -60, "end": -1}[place]] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"toy\.parquet: the table is damaged .* Remove the file"):
        read_table(path, TOY)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_table_cut_short_is_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "toy.parquet"
    write_table(toy(), path, TOY)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="the table is damaged"):
        read_table(path, TOY, region=Region("1", 0, 9))


def test_reading_tables_without_rows_gives_an_empty_table(tmp_path: Path) -> None:
    write_table(TOY.empty(), tmp_path / "a.parquet", TOY)
    write_table(toy(), tmp_path / "b.parquet", TOY)
    assert len(read_tables([tmp_path / "a.parquet"], TOY)) == 0
    pd.testing.assert_frame_equal(read_tables([tmp_path / "a.parquet", tmp_path / "b.parquet"], TOY), toy())


def test_tables_are_stacked_in_order_and_keep_their_types() -> None:
    parts = (part for part in (toy().iloc[2:], TOY.empty(), toy().iloc[:2]))
    pd.testing.assert_frame_equal(stack_tables(parts, TOY), toy().iloc[[2, 0, 1]].reset_index(drop=True))
    pd.testing.assert_frame_equal(stack_tables([TOY.empty(), TOY.empty()], TOY), TOY.empty())
    pd.testing.assert_frame_equal(stack_tables([], TOY), TOY.empty())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="killed"):
        write_half(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def write_half(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")


def test_a_table_written_in_parts_is_the_table_written_whole(tmp_path: Path) -> None:
    with append_table(tmp_path / "parts.parquet", TOY) as append:
        for part in (toy().iloc[:2], TOY.empty(), toy().iloc[2:]):
            append(part)
    pd.testing.assert_frame_equal(read_table(tmp_path / "parts.parquet", TOY), toy())
    with append_table(tmp_path / "none.parquet", TOY):
        pass
    pd.testing.assert_frame_equal(read_table(tmp_path / "none.parquet", TOY), TOY.empty())


@given(st.lists(st.text(max_size=2)), st.lists(st.text(max_size=2)))
def test_which_texts_are_among_others(texts: list[str], wanted: list[str]) -> None:
    found = is_among(pd.Series(texts, dtype="str"), pd.Series(wanted, dtype="str"))
    assert found.tolist() == [text in wanted for text in texts]


def test_a_text_written_in_parts_is_the_text_written_whole(tmp_path: Path) -> None:
    with append_tsv(tmp_path / "parts.tsv") as append:
        for part in (TOY.empty(), toy().iloc[:2], toy().iloc[2:]):
            append(part)
    write_tsv(toy(), tmp_path / "whole.tsv")
    assert (tmp_path / "parts.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_a_part_off_its_schema_leaves_no_file(tmp_path: Path) -> None:
    def write() -> None:
        with append_table(tmp_path / "toy.parquet", TOY) as append:
            append(toy())
            append(toy().assign(extra=1))

    with pytest.raises(ValueError, match="unknown columns"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_written_files_follow_the_umask(tmp_path: Path) -> None:
    write_tsv(toy(), tmp_path / "toy.tsv")
    plain = tmp_path / "plain.txt"
    plain.write_text("")
    assert (tmp_path / "toy.tsv").stat().st_mode == plain.stat().st_mode
    assert (tmp_path / "toy.tsv").read_text().splitlines()[0] == "chromosome\tposition\tcount\tvalue"


def test_every_schema_has_described_columns_and_an_empty_table() -> None:
    tables = [value for value in vars(schemas).values() if isinstance(value, TableSchema)]
    assert len(tables) > 15
    for table in tables:
        assert len(set(table.names)) == len(table.names)
        assert table.empty().columns.tolist() == table.names
        assert all(column.description or column.unit for column in table.columns)


def test_pieces_cover_a_part_and_an_empty_part_is_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 3)
    assert list(pieces(slice(2, 9))) == [slice(2, 5), slice(5, 8), slice(8, 9)]
    assert list(pieces(slice(4, 4))) == [slice(4, 4)]
