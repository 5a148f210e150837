import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import LEAD, WEIGHTS, gene, locus_data, table, variant

from locus2target.core import schemas
from locus2target.targets.evidence_mendelian import cis_mr_evidence
from locus2target.targets.evidence_rows import Row
from locus2target.targets.weights import read_weights

GENES = [gene("A", 1_000_000), gene("B", 1_100_000)]
SUPPORTED, CONTRADICTED = 0.3, -0.7  # rows of the weights table


def p(value: float) -> float:
    return -math.log10(value)


def cis_effect(name: str = "A", **cells: Any) -> dict[str, Any]:
    """A clear estimate of two instruments that agree."""
    return {
        "qtl_type": "eqtl",
        "qtl": "Q",
        "tissue": "blood",
        "gene_id": f"ENSG_{name}",
        "phenotype_id": name,
        "posterior_h4": 0.9,
        "method": "cis_ivw",
        "n_instruments": 2,
        "instruments": f"{LEAD},1:1000500:A:G",
        "estimate": -0.3,
        "standard_error": 0.05,
        "neg_log10_p": p(1e-8),
        "q_neg_log10_p": p(0.4),
        "steiger_correct": True,
        "steiger_neg_log10_p": p(1e-5),
        "status": "ok",
        **cells,
    }


SINGLE = {"n_instruments": 1, "method": "wald_ratio", "q_neg_log10_p": None, "instruments": LEAD}


def judge(*tests: dict[str, Any]) -> list[Row]:
    data = locus_data(GENES, [variant(1_000_000, 0.8, rsid="rs1")])
    data = dataclasses.replace(data, cis_effects=table(schemas.CIS_EFFECTS, tests))
    return cis_mr_evidence(data, read_weights(WEIGHTS))


def test_row_of_a_supported_gene() -> None:
    (row,) = judge(cis_effect())
    assert (row["gene_id"], row["source"], row["log_odds"]) == ("ENSG_A", "cis_mr", SUPPORTED)
    assert (row["value"], row["direction"], row["context"]) == (-0.3, -1.0, "blood")
    assert row["variants"] == f"{LEAD},1:1000500:A:G"
    assert row["top_variant"] == f"rs1 ({LEAD}, PIP 0.8)"
    assert row["detail"] == (
        "2 instruments in blood (cis_ivw): estimate -0.3, -log10 p 8.0, heterogeneity -log10 p 0.4; "
        "the instruments agree"
    )


@pytest.mark.parametrize(
    ("cells", "log_odds"),
    [
        ({"neg_log10_p": p(0.049)}, SUPPORTED),
        ({"neg_log10_p": p(0.051)}, 0.0),
        ({"q_neg_log10_p": p(0.051)}, SUPPORTED),
        ({"q_neg_log10_p": p(0.049)}, 0.0),  # neither agrees nor clearly disagrees
        ({"q_neg_log10_p": p(0.011)}, 0.0),
        ({"q_neg_log10_p": p(0.009)}, CONTRADICTED),
        ({"q_neg_log10_p": p(0.009), "neg_log10_p": p(0.9)}, CONTRADICTED),  # opposite effects cancel out
        ({"q_neg_log10_p": None}, 0.0),
        (SINGLE, 0.0),
        ({"steiger_correct": False, "steiger_neg_log10_p": p(0.04)}, CONTRADICTED),
        (SINGLE | {"steiger_correct": False, "steiger_neg_log10_p": p(0.04)}, CONTRADICTED),
        ({"steiger_correct": False, "steiger_neg_log10_p": p(0.06)}, SUPPORTED),  # an unclear answer
        ({"steiger_correct": None, "steiger_neg_log10_p": None}, SUPPORTED),
        ({"status": "weak_instrument", "reason": "F"}, 0.0),
        ({"status": "weak_instrument", "q_neg_log10_p": 9.0, "steiger_correct": False}, 0.0),
    ],
)
def test_verdicts(cells: dict[str, Any], log_odds: float) -> None:
    (row,) = judge(cis_effect(**cells))
    assert row["log_odds"] == log_odds


@pytest.mark.parametrize(
    ("cells", "log_odds"),
    [
        ({"neg_log10_p": p(0.024)}, SUPPORTED),  # of 2 tests: 0.05 / 2
        ({"neg_log10_p": p(0.026)}, 0.0),
        ({"q_neg_log10_p": p(0.0049)}, CONTRADICTED),  # 0.01 / 2
        ({"q_neg_log10_p": p(0.0051)}, 0.0),
        ({"steiger_correct": False, "steiger_neg_log10_p": p(0.024)}, CONTRADICTED),
        ({"steiger_correct": False, "steiger_neg_log10_p": p(0.026)}, SUPPORTED),
    ],
)
def test_p_values_are_corrected_for_the_number_of_tests(cells: dict[str, Any], log_odds: float) -> None:
    other = cis_effect(tissue="liver", neg_log10_p=p(0.5), **SINGLE)
    (row,) = judge(cis_effect(**cells), other)
    assert row["log_odds"] == log_odds
    assert "of 2 tests" in str(row["detail"])


def test_tests_without_estimate_are_not_counted() -> None:
    failed = cis_effect(tissue="liver", estimate=None, neg_log10_p=None, status="no_beta", **SINGLE)
    (row,) = judge(cis_effect(neg_log10_p=p(0.04)), failed)
    assert row["log_odds"] == SUPPORTED


def test_the_strongest_test_with_a_verdict_speaks() -> None:
    silent = cis_effect(tissue="a", neg_log10_p=50.0, estimate=-0.9, **SINGLE)
    supports = cis_effect(tissue="b", neg_log10_p=9.0)
    contradicts = cis_effect(tissue="c", neg_log10_p=8.0, q_neg_log10_p=6.0)
    (row,) = judge(contradicts, silent, supports)
    assert (row["context"], row["log_odds"]) == ("b", SUPPORTED)
    (row,) = judge(silent, contradicts)
    assert (row["context"], row["log_odds"]) == ("c", CONTRADICTED)
    (row,) = judge(silent)
    assert (row["context"], row["value"]) == ("a", -0.9)


def test_direction_is_of_expression_and_protein() -> None:
    (row,) = judge(cis_effect(qtl_type="sqtl"))
    assert row["direction"] is None
    assert "sign is not the gene's" in str(row["detail"])
    (row,) = judge(cis_effect(), cis_effect(qtl_type="pqtl", tissue="plasma"))
    assert row["direction"] == -1.0
    (row,) = judge(cis_effect(), cis_effect(qtl_type="pqtl", tissue="plasma", estimate=0.3))
    assert row["direction"] is None
    assert "directions disagree" in str(row["detail"])


def test_one_row_per_candidate_gene() -> None:
    rows = judge(cis_effect("B"), cis_effect("A"), cis_effect("OTHER"), cis_effect("A", tissue="liver"))
    assert [row["gene_id"] for row in rows] == ["ENSG_A", "ENSG_B"]
    assert judge() == []


def test_failures_say_why() -> None:
    failed = {"estimate": None, "neg_log10_p": None, "status": "no_beta", "reason": "no effect size"}
    (row,) = judge(cis_effect(**failed))
    assert (row["status"], row["reason"], row["log_odds"]) == ("no_beta", "no effect size", 0.0)
    (row,) = judge(cis_effect(status="weak_instrument", reason="F 3"))
    assert (row["status"], row["reason"], row["value"]) == ("weak_instrument", "F 3", -0.3)


def test_the_qtl_set_stands_for_an_unnamed_tissue() -> None:
    (row,) = judge(cis_effect(tissue=""))
    assert row["context"] == "Q"


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "tissue": st.sampled_from(["a", "b", "c"]),
                "n_instruments": st.integers(1, 3),
                "neg_log10_p": st.sampled_from([0.5, 1.5, 3.0]),
                "q_neg_log10_p": st.sampled_from([None, 0.2, 1.7, 4.0]),
                "status": st.sampled_from(["ok", "weak_instrument"]),
            }
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda cells: cells["tissue"],
    ),
    st.randoms(use_true_random=False),
)
def test_rows_do_not_depend_on_the_order(cells: list[dict[str, Any]], random: Any) -> None:
    tests = [cis_effect(**row) for row in cells]
    expected = judge(*tests)
    random.shuffle(tests)
    assert judge(*tests) == expected
