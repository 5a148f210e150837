from typing import Any

import pandas as pd
import pytest

from locus2target.core.schemas import CIS_EFFECTS, GENE_DIRECTIONS, GENES
from locus2target.statgen.mendelian.directions import tabulate_directions

GENE_TABLE = GENES.frame(
    [
        {"gene_id": f"ENSG{number}", "gene_symbol": symbol, "chromosome": "1", "start": 0, "end": 9, "strand": "+",
         "tss": 1, "gene_type": "protein_coding"}
        for number, symbol in enumerate(["CTLA4", "HMGCR"], start=1)
    ]
)  # fmt: skip


def effect(estimate: float | None, neg_log10_p: float | None, **changes: Any) -> dict[str, Any]:
    row = {
        "disease": "rheumatoid_arthritis",
        "study": "ra",
        "locus": "ra__2_1_9",
        "qtl_type": "eqtl",
        "qtl": "onek1k",
        "tissue": "CD4 T cell",
        "gene_id": "ENSG1",
        "phenotype_id": "ENSG1",
        "posterior_h4": 0.9,
        "method": "wald_ratio",
        "n_instruments": 1,
        "estimate": estimate,
        "standard_error": None if estimate is None else 0.1,
        "neg_log10_p": neg_log10_p,
        "status": "ok" if estimate is not None else "no_beta",
        "reason": "" if estimate is not None else "the study or the QTL set has no effect size for the instrument",
    }
    return row | changes


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return tabulate_directions(CIS_EFFECTS.frame(rows), GENE_TABLE)


@pytest.mark.parametrize(
    ("tests", "direction", "reliability", "n_agree"),
    [
        pytest.param([(-0.5, 9.0)], -1.0, "single", 1, id="one clear estimate"),
        pytest.param([(-0.5, 9.0), (-0.2, 2.0)], -1.0, "consistent", 2, id="two clear ones that agree"),
        pytest.param([(-0.5, 2.0), (0.2, 9.0)], 1.0, "conflicting", 1, id="two clear ones: the smallest p decides"),
        pytest.param([(-0.5, 9.0), (0.2, 0.4)], -1.0, "single", 1, id="one clear, one not clear that disagrees"),
        pytest.param([(0.5, 1.0)], None, "unsure", 1, id="p above 0.05"),
    ],
)
def test_direction_and_how_far_to_rely_on_it(
    tests: list[tuple[float, float]], direction: float | None, reliability: str, n_agree: int
) -> None:
    rows = [effect(*numbers, tissue=f"tissue {number}") for number, numbers in enumerate(tests)]
    row = table(*rows).iloc[0]
    assert row["reliability"] == reliability
    assert (row["n_tests"], row["n_agree"]) == (len(tests), n_agree)
    assert pd.isna(row["direction"]) if direction is None else row["direction"] == direction


def test_a_weak_instrument_is_not_clear_however_small_its_p() -> None:
    strong_and_weak = table(effect(-0.5, 3.0), effect(0.5, 30.0, status="weak_instrument", tissue="liver")).iloc[0]
    assert (strong_and_weak["reliability"], strong_and_weak["direction"]) == ("single", -1.0)
    assert strong_and_weak["tissue"] == "CD4 T cell"
    assert table(effect(0.5, 30.0, status="weak_instrument")).iloc[0]["reliability"] == "unsure"


def test_statement_says_what_goes_with_what() -> None:
    found = table(
        effect(-0.5, 9.0),
        effect(-0.4, 3.0, qtl="fusion", tissue="muscle"),
        effect(-0.1, 1.0, qtl="ukb_ppp", tissue="plasma", qtl_type="pqtl"),
    )
    assert found["statement"][0] == (
        "Higher CTLA4 expression goes with less rheumatoid arthritis (strongest in CD4 T cell; 3 of 3 tests agree)."
    )


def test_splicing_and_chromatin_give_no_direction() -> None:
    assert table(effect(0.5, 9.0, qtl_type="sqtl"), effect(0.5, 9.0, qtl_type="caqtl")).empty


def test_gene_without_any_estimate_keeps_a_row_that_says_why() -> None:
    row = table(effect(None, None)).iloc[0]
    assert (row["reliability"], row["n_tests"], row["n_agree"]) == ("unsure", 0, 0)
    assert "no effect size" in row["statement"]


def test_diseases_and_genes_are_kept_apart() -> None:
    found = table(
        effect(0.5, 9.0),
        effect(-0.5, 9.0, disease="ldl_cholesterol"),
        effect(0.5, 9.0, gene_id="ENSG2", phenotype_id="ENSG2"),
        effect(0.5, 9.0, gene_id="ENSG9", phenotype_id="ENSG9"),
    )
    assert list(zip(found["disease"], found["gene_symbol"], found["direction"], strict=True)) == [
        ("ldl_cholesterol", "CTLA4", -1.0),
        ("rheumatoid_arthritis", "CTLA4", 1.0),
        ("rheumatoid_arthritis", "ENSG9", 1.0),
        ("rheumatoid_arthritis", "HMGCR", 1.0),
    ]


def test_no_effects_give_an_empty_table() -> None:
    assert table().columns.tolist() == GENE_DIRECTIONS.names
