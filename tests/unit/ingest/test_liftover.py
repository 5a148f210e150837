import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.core.variants import reverse_complement
from locus2target.ingest.genome import check_build
from locus2target.ingest.liftover import ChainFile

FOLDER = Path("/work/shared/data/liftover_chains")
# Source chromosome 1 (100 bases), drawn block by block, 0-based:
#   10..20 -> 2: 30..40 (+)   gap of 5 in the source   25..35 -> 2: 40..50 (+)
#   35..40 -> 2: 57..62 (+)   (7 more bases in the target)
#   50..60 -> 3 on '-': target bases 80-1-5 .. going down, that is 74..65; then 5 only in the source; 65..70 -> 64..60
TOY = """\
# toy
chain 1000 chr1 100 + 10 40 chr2 90 + 30 62 1
10 5 0
10 0 7
5

chain 900 chr1 100 + 50 70 chr3 80 - 5 20 2
10 5 0
5
"""
PRIMARY_AND_PATCH = """\
chain 1 1 100 + 0 50 1 100 + 20 70 1
50

chain 1 1 100 + 0 50 HG104_PATCH 60 + 0 50 2
50

chain 1 chr1 100 + 0 50 1 100 + 20 70 3
50
"""
OVERLAP = """\
chain 1 1 100 + 0 50 1 100 + 20 70 1
50

chain 1 1 100 + 40 60 5 100 + 0 20 2
20
"""


def _chain(folder: Path, text: str) -> ChainFile:
    path = folder / "toy.chain"
    path.write_text(text)
    return ChainFile(str(path), where="genome.chains.GRCh38")


def _lift(chain: ChainFile, *variants: tuple[str, int, int]) -> list[tuple[object, ...]]:
    chromosomes, positions, lengths = zip(*variants, strict=True)
    lifted = chain.lift(list(chromosomes), positions, lengths)
    assert lifted.columns.to_list() == ["chromosome", "position", "strand", "status"]
    failed = lifted["status"] != "ok"
    assert lifted.loc[failed, ["chromosome", "position", "strand"]].isna().all(axis=None)
    return [
        tuple(row) if row[-1] == "ok" else row[-1] for row in lifted.astype(object).itertuples(index=False, name=None)
    ]


def test_forward_blocks_by_hand(tmp_path: Path) -> None:
    assert _lift(
        _chain(tmp_path, TOY), ("1", 11, 1), ("1", 20, 1), ("1", 26, 1), ("1", 35, 1), ("1", 36, 1), ("1", 11, 10)
    ) == [
        ("2", 31, "+", "ok"),
        ("2", 40, "+", "ok"),
        ("2", 41, "+", "ok"),
        ("2", 50, "+", "ok"),
        ("2", 58, "+", "ok"),
        ("2", 31, "+", "ok"),
    ]


def test_reverse_blocks_by_hand(tmp_path: Path) -> None:
    # source base 50 (0-based) is base 5 of the reversed target, which is base 74 (0-based), position 75
    assert _lift(_chain(tmp_path, TOY), ("1", 51, 1), ("1", 60, 1), ("1", 51, 3), ("1", 66, 1), ("1", 70, 1)) == [
        ("3", 75, "-", "ok"),
        ("3", 66, "-", "ok"),
        ("3", 73, "-", "ok"),  # bases 75, 74, 73 of the target
        ("3", 65, "-", "ok"),
        ("3", 61, "-", "ok"),
    ]


def test_gaps_and_ends_by_hand(tmp_path: Path) -> None:
    assert _lift(
        _chain(tmp_path, TOY),
        ("1", 10, 1),  # before the chain
        ("1", 10, 2),  # reaches into it
        ("1", 21, 5),  # all in the gap
        ("1", 20, 2),  # out of a block into the gap
        ("1", 35, 2),  # over the place where the target has bases of its own
        ("1", 45, 30),  # over a whole chain
        ("1", 71, 1),
        ("1", 0, 1),
        ("7", 11, 1),
    ) == ["unmapped", "split", "unmapped", "split", "split", "split", "unmapped", "unmapped", "unmapped"]


def test_only_primary_chromosomes_count_and_twice_listed_chains_once(tmp_path: Path) -> None:
    assert _lift(_chain(tmp_path, PRIMARY_AND_PATCH), ("1", 1, 50)) == [("1", 21, "+", "ok")]


def test_overlapping_chains_are_multiple(tmp_path: Path) -> None:
    found = _lift(_chain(tmp_path, OVERLAP), ("1", 40, 1), ("1", 41, 1), ("1", 50, 1), ("1", 51, 1), ("1", 40, 2))
    assert found == [("1", 60, "+", "ok"), "multiple", "multiple", ("5", 11, "+", "ok"), "multiple"]


def test_blocks_that_abut_without_shift_are_one(tmp_path: Path) -> None:
    text = "chain 1 1 100 + 0 20 1 100 + 5 25 1\n10 0 0\n10\n"
    assert _lift(_chain(tmp_path, text), ("1", 5, 10)) == [("1", 10, "+", "ok")]


def test_series_lengths_and_empty_input(tmp_path: Path) -> None:
    chain = _chain(tmp_path, TOY)
    assert chain.source_lengths == {"1": 100}
    assert chain.target_lengths == {"2": 90, "3": 80}
    lifted = chain.lift(pd.Series(["1", "1"], index=[7, 3]), pd.Series([11, 51], index=[7, 3]), np.array([1, 1]))
    assert lifted["position"].to_list() == [31, 75]
    assert lifted.index.to_list() == [0, 1]
    assert chain.lift([], [], []).empty


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("10 5 0\n", 1, "before a chain header"),
        (TOY.replace("10 5 0", "10 5", 1), 3, "'10 5' is not a block"),
        (TOY.replace("10 5 0", "10 x 0", 1), 3, "'10 x 0' is not a block"),
        (TOY.replace("10 5 0", "10 -5 0", 1), 3, "negative size"),
        (TOY.replace("10 5 0", "11 5 0", 1), 5, "end at 41 and 63"),
        (TOY.replace("chr1 100 + 10 40", "chr1 100 + 10", 1), 2, "header cannot be read"),
        (TOY.replace("chr1 100 + 10 40", "chr1 ten + 10 40", 1), 2, "header cannot be read"),
        (TOY.replace("chr1 100 + 10 40", "chr1 100 - 10 40", 1), 2, "wrong strand"),
        (TOY.replace("chr2 90 +", "chr2 60 +", 1), 2, "bounds outside"),
        (TOY.replace("5\n\nchain", "\nchain", 1), 6, "has no last block"),
        (TOY.removesuffix("5\n"), None, "chain of line 7 has no last block"),
        ("# nothing\n", None, "no chain between"),
        ("chain 1 A 100 + 0 50 B 100 + 20 70 1\n50\n", None, "no chain between"),
    ],
)
def test_corrupt_chain_is_named(tmp_path: Path, text: str, line: int | None, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        _chain(tmp_path, text)
    path = str(tmp_path / "toy.chain")
    assert caught.value.where == (path if line is None else f"{path}:{line}")


def test_missing_and_truncated_chain_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"genome\.chains\.GRCh38: there is no file"):
        ChainFile(str(tmp_path / "absent"), where="genome.chains.GRCh38")
    path = tmp_path / "cut.chain.gz"
    path.write_bytes(gzip.compress(TOY.encode())[:-12])
    with pytest.raises(InputError, match="break off"):
        ChainFile(str(path), where="genome.chains.GRCh38")


@given(
    blocks=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6),
    reverse=st.booleans(),
    position=st.integers(1, 80),
    length=st.integers(1, 12),
    seed=st.integers(0, 2**16),
)
def test_lifted_allele_is_the_same_sequence(
    tmp_path_factory: pytest.TempPathFactory,
    blocks: list[tuple[int, int, int]],
    reverse: bool,
    position: int,
    length: int,
    seed: int,
) -> None:
    """Two sequences are built block by block; what is lifted must spell the same bases in both."""
    bases = "".join(np.random.default_rng(seed).choice(list("ACGT"), 400))
    source, target, used = "", "", 0
    lines = []
    for number, (size, source_gap, target_gap) in enumerate(blocks):
        last = number == len(blocks) - 1
        extra = (0, 0) if last else (source_gap, target_gap)
        shared, used = bases[used : used + size], used + size
        source += shared + bases[used : used + extra[0]]
        target += shared + bases[used + extra[0] : used + sum(extra)]
        used += sum(extra)
        lines.append(f"{size}" if last else f"{size} {extra[0]} {extra[1]}")
    header = f"chain 1 1 {len(source)} + 0 {len(source)} 2 {len(target)} {'-' if reverse else '+'} 0 {len(target)} 1"
    chain = _chain(tmp_path_factory.mktemp("chain"), "\n".join([header, *lines]) + "\n")
    forward_target = reverse_complement(target) if reverse else target
    outcome = chain.lift(["1"], [position], [length]).iloc[0]
    if position + length - 1 > len(source):
        assert outcome["status"] == ("unmapped" if position > len(source) else "split")
    if outcome["status"] == "ok":
        allele = source[position - 1 : position - 1 + length]
        expected = reverse_complement(allele) if outcome["strand"] == "-" else allele
        assert forward_target[outcome["position"] - 1 : outcome["position"] - 1 + length] == expected


@pytest.mark.skipif(not FOLDER.exists(), reason="shared data are not here")
def test_real_chains_round_trip() -> None:
    down = ChainFile(str(FOLDER / "GRCh38_to_GRCh37.chain.gz"), where="down")
    up = ChainFile(str(FOLDER / "GRCh37_to_GRCh38.chain.gz"), where="up")
    check_build(down.source_lengths, "GRCh38", where="down")
    check_build(down.target_lengths, "GRCh37", where="down")
    assert _lift(down, ("2", 203_874_196, 1)) == [("2", 204_738_919, "+", "ok")]  # rs3087243
    assert _lift(up, ("2", 204_738_919, 1)) == [("2", 203_874_196, "+", "ok")]
    rng = np.random.default_rng(7)
    chromosomes = rng.integers(1, 23, 100_000).astype(str)
    positions = (rng.random(100_000) * [down.source_lengths[name] for name in chromosomes]).astype(np.int64) + 1
    there = down.lift(list(chromosomes), positions, np.ones(100_000, dtype=np.int64))
    ok = (there["status"] == "ok").to_numpy()
    assert ok.mean() > 0.89  # the rest are assembly gaps and sequence new in GRCh38
    assert {"+", "-"} == set(there.loc[ok, "strand"])
    back = up.lift(there.loc[ok, "chromosome"].astype(str), there.loc[ok, "position"], np.ones(ok.sum(), dtype=int))
    assert (back["position"].to_numpy() == positions[ok]).all()
    assert (back["strand"].to_numpy() == there.loc[ok, "strand"].to_numpy()).all()
