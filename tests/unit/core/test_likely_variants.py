import pandas as pd
import pytest

from locus2target.core import tables
from locus2target.core.likely_variants import LikelyVariants
from locus2target.core.schemas import SCORED_VARIANTS

# chromosome, position, REF, ALT, PIP
ROWS = [
    ("10", 500, "A", "G", 0.30),
    ("10", 700, "C", "T", 0.30),
    ("10", 600, "G", "T", 0.02),
    ("10", 650, "G", "T", None),
    ("10", 500, "A", "G", 0.60),
    ("10", 500, "A", "T", 0.005),
    ("2", 900, "A", "AT", 0.01),
    ("2", 901, "T", "C", 0.0099),
    ("X", 100, "T", "C", 0.5),
]
VARIANTS = pd.DataFrame(ROWS, columns=["chromosome", "position", "ref", "alt", "pip"])


def gathered(*parts: pd.DataFrame, min_pip: float) -> list[list[object]]:
    likely = LikelyVariants(min_pip)
    for part in parts:
        likely.add(part)
    table = pd.concat(likely.along_genome().tables(), ignore_index=True)
    assert table.columns.tolist() == SCORED_VARIANTS.names
    rows: list[list[object]] = table[["variant", "max_pip"]].to_numpy().tolist()
    return rows


def test_variants_once_each_with_their_largest_pip_along_the_genome() -> None:
    assert gathered(VARIANTS, min_pip=0.01) == [
        ["2:900:A:AT", 0.01],
        ["10:500:A:G", 0.60],
        ["10:600:G:T", 0.02],
        ["10:700:C:T", 0.30],
        ["X:100:T:C", 0.5],
    ]


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_every_variant_however_the_rows_come_and_go(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gathered(VARIANTS, min_pip=0)
    assert len(whole) == 8
    assert ["10:650:G:T", 0.0] in whole
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", rows)
    parts = [VARIANTS.iloc[start : start + rows] for start in range(0, len(VARIANTS), rows)]
    assert gathered(*parts, min_pip=0) == whole


def test_no_variants() -> None:
    assert gathered(VARIANTS.iloc[:0], min_pip=0.01) == []
