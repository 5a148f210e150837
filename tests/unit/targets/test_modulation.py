from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from target_toys import table

from locus2target.core import schemas
from locus2target.targets.modulation import MODULATION_COLUMNS, modulation

GENE = "ENSG_A"


def measured(direction: float | None = 1.0, reliability: str = "consistent", n_agree: int = 2) -> dict[str, Any]:
    """A row of GENE_DIRECTIONS."""
    return {
        "gene_id": GENE,
        "direction": direction,
        "reliability": reliability,
        "n_tests": max(n_agree, 1),
        "n_agree": n_agree,
        "statement": "Statement.",
    }


def evidence(source: str, **cells: Any) -> dict[str, Any]:
    return {"gene_id": GENE, "source": source, "status": "ok", "locus": "L1", **cells}


def coloc(h4: float | None, kind: str = "eqtl") -> dict[str, Any]:
    return evidence(f"colocalization_{kind}", value=h4)


def truncation(direction: float | None, **cells: Any) -> dict[str, Any]:
    return evidence("coding_consequence", direction=direction, log_odds=3.0, **cells)


def prediction(direction: float | None, **cells: Any) -> dict[str, Any]:
    return evidence("gene_effect", direction=direction, log_odds=0.3, **cells)


def judge(directions: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> tuple[str, str, str]:
    ranked = table(schemas.RANKED_GENES, [{"gene_id": GENE}])
    answer = modulation(ranked, table(schemas.GENE_DIRECTIONS, directions), table(schemas.EVIDENCE, rows))
    assert list(answer.columns) == list(MODULATION_COLUMNS)
    ((gene_id, drug, reliability, reason),) = answer.itertuples(index=False)
    assert gene_id == GENE
    assert reason
    assert (drug == "unknown") == (reliability == "none")
    return str(drug), str(reliability), str(reason)


@pytest.mark.parametrize(
    ("directions", "rows", "expected"),
    [
        # QTL: several tests agree, one test, weak colocalization
        ([measured(1.0)], [coloc(0.8)], ("inhibit", "high")),
        ([measured(-1.0)], [coloc(0.99)], ("activate", "high")),
        ([measured(1.0)], [coloc(0.3), coloc(0.9, "pqtl")], ("inhibit", "high")),
        ([measured(1.0, n_agree=1)], [coloc(0.9)], ("inhibit", "moderate")),
        ([measured(-1.0, "single", 1)], [coloc(0.8)], ("activate", "moderate")),
        ([measured(1.0)], [coloc(0.79)], ("inhibit", "low")),
        ([measured(1.0)], [coloc(0.5)], ("inhibit", "low")),
        ([measured(1.0)], [coloc(0.49)], ("unknown", "none")),
        ([measured(1.0)], [coloc(None)], ("unknown", "none")),
        ([measured(1.0)], [], ("unknown", "none")),
        ([measured(1.0)], [coloc(0.99, "sqtl")], ("unknown", "none")),  # of splicing, which has no sign
        ([measured(None, "unsure", 0)], [coloc(0.99)], ("unknown", "none")),
        ([measured(1.0, "conflicting")], [coloc(0.99)], ("unknown", "none")),
        # cis-MR: caps what colocalizes, and supports nothing by itself
        ([measured(1.0)], [coloc(0.99), evidence("cis_mr", log_odds=-0.7)], ("inhibit", "low")),
        ([measured(1.0)], [coloc(0.99), evidence("cis_mr", log_odds=0.3)], ("inhibit", "high")),
        ([], [evidence("cis_mr", log_odds=0.3, direction=1.0)], ("unknown", "none")),
        # truncating variants: less gene, more disease is -1
        ([], [truncation(-1.0)], ("activate", "moderate")),
        ([], [truncation(1.0)], ("inhibit", "moderate")),
        ([], [truncation(None)], ("unknown", "none")),
        ([], [truncation(1.0), truncation(-1.0, locus="L2")], ("unknown", "none")),
        ([], [truncation(1.0), truncation(1.0, locus="L2")], ("inhibit", "moderate")),
        # both
        ([measured(-1.0)], [coloc(0.9), truncation(-1.0)], ("activate", "high")),
        ([measured(-1.0, "single", 1)], [coloc(0.6), truncation(-1.0)], ("activate", "moderate")),
        ([measured(1.0)], [coloc(0.9), truncation(-1.0)], ("unknown", "none")),
        ([measured(1.0)], [coloc(0.6), truncation(-1.0)], ("unknown", "none")),
        ([measured(1.0)], [coloc(0.4), truncation(-1.0)], ("activate", "moderate")),  # nothing colocalizes
        ([measured(None, "unsure", 0)], [coloc(0.9), truncation(-1.0)], ("activate", "moderate")),
        ([measured(1.0, "conflicting")], [coloc(0.9), truncation(1.0)], ("unknown", "none")),
        ([measured(1.0)], [coloc(0.9), truncation(1.0), truncation(-1.0, locus="L2")], ("unknown", "none")),
        # sequence models: only where nothing else speaks
        ([], [prediction(1.0)], ("inhibit", "low")),
        ([], [prediction(-1.0), prediction(-1.0, locus="L2")], ("activate", "low")),
        ([], [prediction(-1.0), prediction(1.0, locus="L2")], ("unknown", "none")),
        ([], [prediction(None)], ("unknown", "none")),
        ([measured(1.0)], [coloc(0.9), prediction(-1.0)], ("inhibit", "high")),
        ([], [truncation(1.0), prediction(-1.0)], ("inhibit", "moderate")),
        ([measured(None, "unsure", 0)], [coloc(0.9), prediction(-1.0)], ("activate", "low")),
        ([measured(1.0, "conflicting")], [coloc(0.9), prediction(1.0)], ("unknown", "none")),
        ([], [evidence("distance", direction=None, log_odds=1.0)], ("unknown", "none")),
    ],
)
def test_every_branch(directions: list[dict[str, Any]], rows: list[dict[str, Any]], expected: tuple[str, str]) -> None:
    assert judge(directions, rows)[:2] == expected


@pytest.mark.parametrize(
    ("directions", "rows", "reason"),
    [
        ([measured(1.0)], [coloc(0.9)], "Statement. Best H4 0.90."),
        ([measured(1.0)], [coloc(0.4)], "Statement. It does not count: no H4 of at least 0.5."),
        ([measured(1.0, "conflicting")], [coloc(0.9)], "Statement."),
        ([], [], "No expression or protein level with an effect on the disease colocalizes."),
        ([], [truncation(-1.0)], "Truncating the protein raises the disease."),
        ([], [truncation(1.0)], "Truncating the protein lowers the disease."),
        (
            [measured(1.0)],
            [coloc(0.9), truncation(-1.0)],
            "Sources contradict each other. Statement. Best H4 0.90. Truncating the protein raises the disease.",
        ),
        (
            [],
            [prediction(-1.0)],
            "Only sequence models give a direction, unreliably: less of the gene, more disease.",
        ),
        (
            [measured(1.0)],
            [coloc(0.9), evidence("cis_mr", log_odds=-0.7)],
            "Statement. Best H4 0.90, but cis-MR contradicts the gene.",
        ),
    ],
)
def test_reasons(directions: list[dict[str, Any]], rows: list[dict[str, Any]], reason: str) -> None:
    assert judge(directions, rows)[2] == reason


def test_one_row_per_ranked_gene_in_its_order() -> None:
    ranked = table(schemas.RANKED_GENES, [{"gene_id": name} for name in ("ENSG_C", GENE, "ENSG_B")])
    rows = [coloc(0.9), coloc(0.9) | {"gene_id": "ENSG_B"}, truncation(-1.0) | {"gene_id": "ENSG_D"}]
    directions = [measured(1.0), measured(-1.0) | {"gene_id": "ENSG_B"}]
    answer = modulation(ranked, table(schemas.GENE_DIRECTIONS, directions), table(schemas.EVIDENCE, rows))
    assert answer["gene_id"].tolist() == ["ENSG_C", GENE, "ENSG_B"]
    assert answer["modulation"].tolist() == ["unknown", "inhibit", "activate"]
    shuffled = table(schemas.GENE_DIRECTIONS, directions[::-1]), table(schemas.EVIDENCE, rows[::-1])
    pd.testing.assert_frame_equal(modulation(ranked, *shuffled), answer)


def test_no_ranked_genes() -> None:
    answer = modulation(
        *(schema.empty() for schema in (schemas.RANKED_GENES, schemas.GENE_DIRECTIONS, schemas.EVIDENCE))
    )
    assert answer.empty
    assert list(answer.columns) == list(MODULATION_COLUMNS)
