"""Gene constraint against numbers worked out by hand."""

import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import WEIGHTS, gene, locus_data, variant

from locus2target.core.errors import InputError
from locus2target.targets.gene_constraint import constraint_evidence, read_gene_constraint
from locus2target.targets.weights import Weights, read_weights

GENES = [gene("LOW", 1_002_000), gene("HIGH", 1_100_000), gene("ONLY_PLI", 1_200_000), gene("UNKNOWN", 1_300_000)]
WEIGHT = 0.7
WEIGHTED = Weights(dict(read_weights(WEIGHTS).values) | {("gene_constraint", "intolerant"): WEIGHT})
LOCUS = locus_data(GENES, [variant(1_000_000, 1.0)])


def read(path: Path, text: str) -> pd.DataFrame:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix in {".gz", ".bgz"} else text.encode())
    return read_gene_constraint(path)


def constraint(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["gene", "pli", "loeuf"])


def test_log_odds_by_hand() -> None:
    """LOEUF wins over pLI; a gene by its id, the others by symbol; one intolerant gene of three in the table."""
    table = constraint([("ENSG_LOW", 0.0, 0.2), ("HIGH", 0.99, 0.35), ("ONLY_PLI", 0.89, math.nan), ("LOW", 0.0, 1.5)])
    rows = constraint_evidence(LOCUS, table, WEIGHTED)
    mean = (math.exp(WEIGHT) + 2) / 3
    expected = [WEIGHT - math.log(mean), -math.log(mean), -math.log(mean), 0.0]
    assert [row["gene_symbol"] for row in rows] == ["LOW", "HIGH", "ONLY_PLI", "UNKNOWN"]
    np.testing.assert_allclose([row["log_odds"] for row in rows], expected, rtol=1e-12)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "not_in_table"]
    assert [row["value"] for row in rows] == [0.2, 0.35, 0.89, None]
    assert [row["unit"] for row in rows] == ["LOEUF", "LOEUF", "pLI", ""]
    assert rows[0]["detail"] == "LOW is intolerant of loss of function (LOEUF 0.20)"
    assert rows[3]["reason"]


def test_pli_at_the_bound_is_intolerant() -> None:
    table = constraint([("LOW", 0.9, math.nan), ("HIGH", 0.8999, math.nan)])
    first, second, *_ = constraint_evidence(LOCUS, table, WEIGHTED)
    assert float(str(first["log_odds"])) - float(str(second["log_odds"])) == pytest.approx(WEIGHT)


@given(st.lists(st.floats(0, 2), min_size=4, max_size=4))
def test_constraint_says_nothing_for_or_against_none(loeuf: list[float]) -> None:
    """The mean factor over the genes is 1; genes that are alike get 0."""
    names = [str(row["gene_symbol"]) for row in GENES]
    table = constraint([(name, math.nan, value) for name, value in zip(names, loeuf, strict=True)])
    factors = np.exp([float(str(row["log_odds"])) for row in constraint_evidence(LOCUS, table, WEIGHTED)])
    assert factors.mean() == pytest.approx(1.0)
    assert len(set(np.round(factors, 12))) == len({value < 0.35 for value in loeuf})


def test_without_a_table_and_with_an_empty_one() -> None:
    (row,) = constraint_evidence(LOCUS, None, WEIGHTED)
    assert (row["gene_id"], row["status"], row["log_odds"]) == ("none", "no_annotation", 0.0)
    rows = constraint_evidence(LOCUS, constraint([]).astype({"gene": "str"}), WEIGHTED)
    assert {row["status"] for row in rows} == {"not_in_table"}
    assert {row["log_odds"] for row in rows} == {0.0}


def test_table_by_gene_of_gnomad_v2(tmp_path: Path) -> None:
    text = (
        "gene\ttranscript\tpLI\toe_lof_upper\tgene_id\n"
        "AAA\tENST1\t1.0\t0.2\tENSG00000000001.3\n"
        "BBB\tENST2\tNA\tNA\tENSG00000000002\n"
        "CCC\tENST3\t1e-05\tNA\tENSG00000000003\n"
    )
    for name in ("constraint.txt", "constraint.txt.bgz", "constraint.tsv.gz"):
        found = read(tmp_path / name, text)
        assert found["gene"].tolist() == ["AAA", "CCC", "ENSG00000000001", "ENSG00000000003"]
        np.testing.assert_array_equal(found["pli"], [1.0, 1e-05, 1.0, 1e-05])
        np.testing.assert_array_equal(found["loeuf"], [0.2, np.nan, 0.2, np.nan])


def test_table_by_transcript_of_gnomad_v4(tmp_path: Path) -> None:
    """MANE Select wins over canonical, canonical over others, and among equals the lowest LOEUF."""
    rows = [
        "AAA\tENST1\tfalse\ttrue\t0.1\t0.1",
        "AAA\tENST2\ttrue\tfalse\t0.2\t0.9",
        "AAA\tNM_2\ttrue\ttrue\t0.3\t0.8",
        "BBB\tENST3\tfalse\tfalse\t0.4\t0.1",
        "BBB\tENST4\tfalse\ttrue\t0.5\t0.7",
        "NA\tENST5\ttrue\ttrue\t0.6\t0.7",
    ]
    header = "gene\ttranscript\tmane_select\tcanonical\tlof.pLI\tlof.oe_ci.upper\n"
    for order in (rows, rows[::-1]):
        found = read(tmp_path / "v4.tsv", header + "\n".join(order) + "\n")
        assert list(found.itertuples(index=False, name=None)) == [("AAA", 0.3, 0.8), ("BBB", 0.5, 0.7)]


@pytest.mark.parametrize(
    ("text", "problem", "where"),
    [
        ("", "not a table", "c.tsv"),
        ("symbol\tpLI\nA\t1\n", "the header is symbol, pLI", "c.tsv"),
        ("gene\tz\nA\t1\n", "the header is gene, z", "c.tsv"),
        ("gene\tpLI\nA\t1\nB\t1.2\n", "pLI '1.2' is not a number from 0 to 1", "c.tsv, line 3"),
        ("gene\tLOEUF\nA\thigh\n", "LOEUF 'high' is not a number from 0 to inf", "c.tsv, line 2"),
        ("gene\tLOEUF\nA\t-0.1\n", "LOEUF '-0.1'", "c.tsv, line 2"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, problem: str, where: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path / "c.tsv", text)
    assert problem in error.value.problem
    assert error.value.where.endswith(where)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_gene_constraint(tmp_path / "absent.tsv")
