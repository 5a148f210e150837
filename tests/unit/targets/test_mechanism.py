from typing import Any

import pytest

from locus2target.targets.mechanism import (
    combine_directions,
    describe_convergence,
    describe_mechanism,
    names_gene,
)

KEY, OTHER = "2:204738919:G:A", "2:204740000:C:T"
VARIANT = f"rs3087243 ({KEY}, PIP 0.42)"


def row(source: str, log_odds: float, **cells: Any) -> dict[str, Any]:
    empty = {"value": 0.5, "direction": None, "context": None, "detail": "", "status": "ok"}
    return {**empty, "variants": KEY, "top_variant": VARIANT, "source": source, "log_odds": log_odds, **cells}


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
        ("coding_consequence", "changes the protein or splicing of CTLA4 (PIP mass 0.50)"),
        ("enhancer_gene_link", "lies in an enhancer linked to CTLA4 in blood (PIP mass 0.50)"),
        ("open_chromatin", "lies in open chromatin near the TSS of CTLA4 in blood (PIP mass 0.50)"),
        ("motif_change", "changes a motif near the TSS of CTLA4: blood (PIP mass 0.50)"),
        ("qtl_lead_overlap", "is a lead QTL variant of CTLA4 in blood"),
        (
            "gene_effect",
            "is predicted to change the output of CTLA4 in blood (PIP mass 0.50; direction unknown)",
        ),
        (
            "cis_mr",
            "changes CTLA4 and rheumatoid arthritis in proportion to other variants of the gene (cis-MR in blood)",
        ),
    ],
)
def test_every_source_has_its_phrase(source: str, phrase: str) -> None:
    assert f"-> {phrase} ->" in describe(DISTANCE, row(source, 0.5, context="blood"))


def test_the_strongest_speaks_and_the_others_are_named() -> None:
    apart = row("open_chromatin", 0.1, context="glia", variants=OTHER)
    text = describe(apart, row("enhancer_gene_link", 0.9, context="glia"), row("gene_constraint", 0.3, variants=None))
    assert text == (
        f"{VARIANT} -> lies in an enhancer linked to CTLA4 in glia (PIP mass 0.50); "
        "also gene constraint, open chromatin -> rheumatoid arthritis"
    )


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
        (row("gene_effect", 0.9, value=1.0), False),
        (row("cis_mr", 0.9, value=0.3), False),
        (row("convergence", 2.0, value=3.0), False),
        (row("gene_constraint", 2.0, value=1.0), False),
    ],
)
def test_only_evidence_that_names_the_gene_names_it(evidence: dict[str, Any], named: bool) -> None:
    assert names_gene([DISTANCE, evidence]) == named
    assert not named or "no functional evidence" not in describe(DISTANCE, evidence)


def test_conflicts_are_said() -> None:
    rows = [row("colocalization_eqtl", 2.0, direction=1.0), row("colocalization_pqtl", 1.0, direction=-1.0)]
    assert combine_directions(rows) == (None, True)
    assert "sources disagree about the direction" in describe(*rows)
    tissues = row("colocalization_eqtl", 2.0, detail="H4 0.9; directions disagree: 1 tests say more, 1 less")
    assert "tissues disagree about the direction" in describe(tissues)


COLOC = row("colocalization_eqtl", 2.5, value=0.99, direction=-1.0, context="CD4_T_cells")
ARRIVES = "colocalises with CTLA4 expression in CD4 T cells (H4 0.99; less expression, more RA) -> RA"
MOTIF = row("motif_change", 0.1, context="CTCF")
CHROMATIN = row("open_chromatin", 0.1, context="T_cells")
LINK = row("enhancer_gene_link", 0.9, context="Treg")


@pytest.mark.parametrize(
    ("elements", "step"),
    [
        ([MOTIF, CHROMATIN], "changes a CTCF motif in open chromatin of T cells"),
        ([MOTIF], "changes a CTCF motif in open chromatin"),
        ([CHROMATIN], "lies in open chromatin of T cells"),
        ([LINK], "lies in an enhancer linked to CTLA4 in Treg"),
        ([CHROMATIN, LINK], "lies in open chromatin of T cells and in an enhancer linked to CTLA4 in Treg"),
        (
            [MOTIF, CHROMATIN, LINK],
            "changes a CTCF motif in open chromatin of T cells and in an enhancer linked to CTLA4 in Treg",
        ),
        # it shaped the prior and counts no second time: it is still where the variant lies
        ([CHROMATIN | {"log_odds": 0.0, "status": "in_prior"}], "lies in open chromatin of T cells"),
    ],
)
def test_the_element_that_holds_the_variant_comes_before_the_gene(elements: list[dict[str, Any]], step: str) -> None:
    assert describe(DISTANCE, COLOC, *elements, disease="RA") == f"{VARIANT} -> {step} -> {ARRIVES}"


@pytest.mark.parametrize(
    "element",
    [
        CHROMATIN | {"variants": OTHER},
        CHROMATIN | {"variants": None},
        row("open_chromatin", 0.0, status="no_annotation", context="T_cells"),
        row("distance", 1.0, value=10.0),
    ],
)
def test_nothing_is_inserted_without_a_shared_variant(element: dict[str, Any]) -> None:
    assert describe(COLOC, element, disease="RA").startswith(f"{VARIANT} -> colocalises with")


def test_an_element_before_an_enhancer_or_a_predicted_effect() -> None:
    link = describe(LINK, MOTIF, CHROMATIN)
    assert "changes a CTCF motif in open chromatin of T cells -> lies in an enhancer linked to CTLA4 in Treg (" in link
    predicted = describe(row("gene_effect", 0.5, value=0.8, direction=1.0, context="K562"), MOTIF, disease="RA")
    assert predicted == (
        f"{VARIANT} -> changes a CTCF motif in open chromatin -> is predicted to change the output of CTLA4 in K562 "
        "(PIP mass 0.80; more expression, more RA, an unreliable prediction) -> RA"
    )


def test_coding_changes_need_no_element() -> None:
    coding = row("coding_consequence", 3.0, value=0.9)
    assert describe(coding, CHROMATIN).startswith(f"{VARIANT} -> changes the protein or splicing of CTLA4")


def test_the_sentence_starts_from_the_variant_that_the_element_holds() -> None:
    several = LINK | {"variants": f"{KEY},{OTHER}"}
    named = CHROMATIN | {"variants": OTHER, "top_variant": f"rs2 ({OTHER}, PIP 0.2)"}
    assert describe(several, named).startswith(f"rs2 ({OTHER}, PIP 0.2) -> lies in open chromatin of T cells -> lies")
    # second in both rows: no label, and the row's motif and cell type are those of its first variant
    second = {"variants": f"2:1:A:C,{OTHER}", "top_variant": "rs3"}
    text = describe(several, MOTIF | second, CHROMATIN | second)
    assert text.startswith(f"{OTHER} -> changes a motif in open chromatin -> lies in an enhancer linked to CTLA4")


def test_cis_mr_speaks_only_where_no_colocalization_does() -> None:
    mr = row("cis_mr", 0.3, value=-0.2, context="blood")
    weak = row("colocalization_eqtl", 0.1, value=0.6)
    assert "colocalises with CTLA4 expression (H4 0.60; direction unknown); also cis-MR ->" in describe(mr, weak)


def test_convergence_is_told_behind_what_the_locus_says() -> None:
    detail = describe_convergence("T cell activation", "CD28, ICOS")
    shared = row("convergence", 3.0, context="T cell activation", detail=detail, variants=None, top_variant=None)
    clause = "; CTLA4 shares the pathway T cell activation with CD28, ICOS at other loci -> RA"
    assert describe(DISTANCE, COLOC, shared, disease="RA") == f"{VARIANT} -> {ARRIVES.removesuffix(' -> RA')}{clause}"
    assert describe(DISTANCE, shared, disease="RA") == (
        f"{VARIANT} -> lies 12 kb from the TSS of CTLA4; no functional evidence{clause}"
    )
    assert "shares" not in describe(DISTANCE, COLOC, shared | {"log_odds": -0.2})


def test_constraint_never_speaks() -> None:
    assert describe(DISTANCE, row("gene_constraint", 0.8, variants=None), disease="RA") == (
        f"{VARIANT} -> lies 12 kb from the TSS of CTLA4; no functional evidence; also gene constraint -> RA"
    )


@pytest.mark.parametrize(
    ("rows", "combined"),
    [
        ([("colocalization_eqtl", 1.0, 1.0), ("gene_effect", 1.0, -1.0)], (1.0, False)),
        ([("gene_effect", 1.0, -1.0)], (-1.0, False)),
        ([("gene_effect", 1.0, -1.0), ("colocalization_eqtl", -0.1, 1.0)], (-1.0, False)),
        ([("coding_consequence", 1.0, -1.0), ("colocalization_eqtl", 1.0, 1.0)], (None, True)),
        ([("cis_mr", 0.3, 1.0), ("colocalization_eqtl", 1.0, 1.0)], (1.0, False)),
        ([], (None, False)),
    ],
)
def test_predictions_decide_the_direction_only_alone(
    rows: list[tuple[str, float, float]], combined: tuple[float | None, bool]
) -> None:
    signed = [row(source, log_odds, direction=direction) for source, log_odds, direction in rows]
    assert combine_directions(signed) == combined


def test_predictions_do_not_settle_what_tissues_disagree_about() -> None:
    tissues = row("colocalization_eqtl", 2.0, detail="H4 0.9; directions disagree: 1 tests say more, 1 less")
    assert combine_directions([tissues, row("gene_effect", 0.5, direction=1.0)]) == (None, False)
