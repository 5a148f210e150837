from typing import Any

import pytest

from locus2target.targets.mechanism import combine_directions, describe_mechanism, names_gene

VARIANT = "rs3087243 (2:204738919:G:A, PIP 0.42)"


def row(source: str, log_odds: float, **cells: Any) -> dict[str, Any]:
    empty = {"value": 0.5, "direction": None, "context": None, "top_variant": VARIANT, "detail": "", "status": "ok"}
    return {**empty, "source": source, "log_odds": log_odds, **cells}


DISTANCE = row("distance", 1.0, value=12_300.0)


def describe(*rows: dict[str, Any], disease: str = "rheumatoid_arthritis") -> str:
    return describe_mechanism(rows, gene_symbol="CTLA4", disease=disease)


def test_colocalization_with_direction() -> None:
    text = describe(DISTANCE, row("colocalization_eqtl", 2.5, value=0.993, direction=-1.0, context="CD4 T cell"))
    assert text == (
        f"{VARIANT} -> colocalises with CTLA4 expression in CD4 T cell "
        "(H4 0.99; less expression, more rheumatoid arthritis) -> rheumatoid arthritis"
    )


def test_distance_only() -> None:
    assert describe(DISTANCE, row("motif_change", 0.0, status="no_sequence")) == (
        f"{VARIANT} -> lies 12 kb from the TSS of CTLA4; no functional evidence -> rheumatoid arthritis"
    )


def test_unsigned_statistics_claim_no_direction() -> None:
    assert "H4 0.90; direction unknown)" in describe(row("colocalization_eqtl", 2.0, value=0.9))


@pytest.mark.parametrize(
    ("source", "phrase"),
    [
        ("colocalization_sqtl", "colocalises with CTLA4 splicing in blood (H4 0.50)"),
        ("colocalization_pqtl", "colocalises with CTLA4 protein level in blood (H4 0.50; direction unknown)"),
        ("coding_consequence", "changes the protein of CTLA4 (PIP mass 0.50)"),
        ("enhancer_gene_link", "lies in an enhancer linked to CTLA4 in blood (PIP mass 0.50)"),
        ("open_chromatin", "lies in open chromatin near the TSS of CTLA4 in blood (PIP mass 0.50)"),
        ("motif_change", "changes a motif near the TSS of CTLA4: blood (PIP mass 0.50)"),
        ("qtl_lead_overlap", "is a lead QTL variant of CTLA4 in blood"),
    ],
)
def test_every_source_has_its_phrase(source: str, phrase: str) -> None:
    assert f"-> {phrase} ->" in describe(DISTANCE, row(source, 0.5, context="blood"))


def test_the_strongest_speaks_and_the_others_are_named() -> None:
    text = describe(row("open_chromatin", 0.1, context="glia"), row("enhancer_gene_link", 0.9, context="glia"))
    assert "lies in an enhancer linked to CTLA4 in glia" in text
    assert "; also open chromatin ->" in text


def test_evidence_against_a_gene_is_not_support() -> None:
    assert "no functional evidence" in describe(DISTANCE, row("colocalization_eqtl", -0.2, value=0.01))


def test_a_low_h4_is_not_called_colocalization() -> None:
    assert "no functional evidence" in describe(DISTANCE, row("colocalization_eqtl", 0.3, value=0.2))


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        (row("colocalization_eqtl", 2.5, value=0.99), True),
        (row("colocalization_eqtl", 0.9, value=0.3), False),  # doubles the odds, yet more probably not shared
        (row("colocalization_eqtl", 0.6, value=0.6), False),
        (row("coding_consequence", 2.0, value=0.6), True),
        (row("open_chromatin", 2.0, value=1.0), False),
        (row("qtl_lead_overlap", 0.7, value=1.0), False),
    ],
)
def test_only_evidence_that_names_the_gene_names_it(evidence: dict[str, Any], named: bool) -> None:
    assert names_gene([DISTANCE, evidence]) == named
    assert not named or "no functional evidence" not in describe(DISTANCE, evidence)


def test_conflicts_are_said() -> None:
    rows = [row("colocalization_eqtl", 2.0, direction=1.0), row("colocalization_pqtl", 1.0, direction=-1.0)]
    assert combine_directions(rows) == (None, True)
    assert "QTL sources disagree about the direction" in describe(*rows)
    tissues = row("colocalization_eqtl", 2.0, detail="H4 0.9; directions disagree: 1 tests say more, 1 less")
    assert "tissues disagree about the direction" in describe(tissues)
