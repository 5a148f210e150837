"""Classes of loci: each one by hand, ties, abstention, and what the ranking hands over."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import WEIGHTS, table

from locus2target.core import schemas
from locus2target.core.tables import write_table
from locus2target.targets.locus_classes import classify_loci
from locus2target.targets.ranking import rank_loci
from locus2target.targets.weights import read_weights


def locus_of(
    genes: dict[str, tuple[float, bool]], *, none: float = 0.1, at: str = "L1", **cells: Any
) -> list[dict[str, Any]]:
    """Rows of LOCUS_GENES: probability and `named` of each gene, and the row `none`."""
    ok = {"disease": "some_disease", "locus": at, "status": "ok", "reason": ""} | cells
    rows = [
        ok | {"gene_id": f"ENSG_{name}", "gene_symbol": name, "probability": probability, "named": named}
        for name, (probability, named) in genes.items()
    ]
    return [*rows, ok | {"gene_id": "none", "gene_symbol": "none of these", "probability": none, "named": False}]


def classify(rows: list[dict[str, Any]], threshold: float = 0.5) -> pd.DataFrame:
    return classify_loci(table(schemas.LOCUS_GENES, rows), confident_probability=threshold)


@pytest.mark.parametrize(
    ("genes", "locus_class", "abstains", "n_named"),
    [
        ({"A": (0.6, True), "B": (0.3, False)}, "clear", False, 1),
        ({"A": (0.5, True), "B": (0.4, True)}, "clear", False, 2),  # the threshold itself is enough
        ({"A": (0.49, True), "B": (0.41, False)}, "contested", True, 1),  # no gene reaches it
        ({"A": (0.6, False), "B": (0.3, True)}, "contested", True, 1),  # something speaks for another gene
        ({"A": (0.45, True), "B": (0.45, True)}, "contested", True, 2),
        ({"A": (0.6, False), "B": (0.3, False)}, "no_local_evidence", True, 0),  # nearest, and nothing else
        ({"A": (0.45, False), "B": (0.45, False)}, "no_local_evidence", True, 0),
        ({"ONLY": (0.9, True)}, "clear", False, 1),
        ({"ONLY": (0.9, False)}, "no_local_evidence", True, 0),
        ({"ONLY": (0.4, True)}, "contested", True, 1),
    ],
)
def test_every_class_by_hand(
    genes: dict[str, tuple[float, bool]], locus_class: str, abstains: bool, n_named: int
) -> None:
    row = classify(locus_of(genes)).iloc[0]
    found = (row["locus_class"], row["abstains"], row["n_named"], row["n_candidates"])
    assert found == (locus_class, abstains, n_named, len(genes))
    assert (row["disease"], row["locus"], row["status"], row["reason"]) == ("some_disease", "L1", "ok", "")


def test_the_leader_its_margin_and_none_are_told() -> None:
    row = classify(locus_of({"A": (0.55, True), "B": (0.2, False), "C": (0.05, False)}, none=0.2)).iloc[0]
    assert row["top_gene"] == "A"
    assert [row["top_probability"], row["margin"], row["none_probability"]] == pytest.approx([0.55, 0.35, 0.2])


def test_the_margin_of_an_only_gene_is_its_probability() -> None:
    row = classify(locus_of({"ONLY": (0.7, True)}, none=0.3)).iloc[0]
    assert [row["top_probability"], row["margin"], row["none_probability"]] == pytest.approx([0.7, 0.7, 0.3])


@pytest.mark.parametrize("second", [0.3, 0.1 + 0.2])  # not the same in the last digit
def test_equal_leaders_share_the_top_and_no_target_is_named(second: float) -> None:
    """Even where both reach the threshold: with 0.25 as threshold, two genes at 0.3 are not one target."""
    row = classify(locus_of({"B": (second, True), "A": (0.3, True), "C": (0.1, True)}, none=0.3), 0.25).iloc[0]
    assert (row["top_gene"], row["locus_class"], row["abstains"]) == ("B,A", "contested", True)
    assert (row["top_probability"], row["margin"]) == (0.3, 0.0)


def test_a_probable_none_is_no_leader() -> None:
    row = classify(locus_of({"A": (0.2, True), "B": (0.1, False)}, none=0.7)).iloc[0]
    assert (row["top_gene"], row["abstains"], row["none_probability"]) == ("A", True, 0.7)
    assert row["margin"] == pytest.approx(0.1)


def test_loci_that_were_not_ranked_keep_their_status_and_reason() -> None:
    """No candidates, and not analysed: a row each, in the order of the table, without numbers."""
    rows = [
        *locus_of({}, none=1.0, at="L3", status="mhc", reason="why mhc"),
        *locus_of({"A": (0.6, True)}, at="L1"),
        *locus_of({}, none=1.0, at="L2", status="no_candidates", reason="none near"),
    ]
    found = classify(rows)
    assert found["locus"].tolist() == ["L3", "L1", "L2"]
    assert found["locus_class"].tolist() == ["not_ranked", "clear", "not_ranked"]
    without = found[found["locus"] != "L1"]
    assert without[["status", "reason"]].to_numpy().tolist() == [["mhc", "why mhc"], ["no_candidates", "none near"]]
    assert without["abstains"].all()
    assert (without[["n_candidates", "n_named"]] == 0).all(axis=None)
    assert without[["top_gene", "top_probability", "margin", "none_probability"]].isna().all(axis=None)


def test_the_ranking_hands_over_and_the_table_can_be_written(tmp_path: Any) -> None:
    """L1 has a colocalization, L2 only distance, L3 two genes at the same distance, L4 was not analysed."""
    made = [
        ("L1", "A", 1.0),
        ("L1", "B", -1.0),
        ("L2", "A", 4.0),
        ("L2", "B", -2.0),
        ("L3", "D", 0.0),
        ("L3", "C", 0.0),
    ]
    rows = [
        {"locus": at, "gene_id": f"ENSG_{name}", "gene_symbol": name, "source": "distance", "log_odds": value}
        for at, name, value in made
    ]
    rows.append(rows[0] | {"source": "colocalization_eqtl", "log_odds": 2.5, "value": 0.95})
    evidence = table(schemas.EVIDENCE, [{"status": "ok", "value": 1.0} | row for row in rows])
    states = pd.DataFrame(
        {"locus": ["L1", "L2", "L3", "L4"], "status": ["ok", "ok", "ok", "mhc"], "reason": ["", "", "", "why"]}
    )
    ranked = rank_loci(evidence, states, read_weights(WEIGHTS), disease="d", confident_probability=0.5)
    found = classify_loci(ranked, confident_probability=0.5)
    assert found[["locus", "locus_class", "abstains"]].to_numpy().tolist() == [
        ["L1", "clear", False],
        ["L2", "no_local_evidence", True],
        ["L3", "no_local_evidence", True],
        ["L4", "not_ranked", True],
    ]
    assert found["top_gene"].tolist()[:3] == ["A", "A", "C,D"]
    write_table(found, tmp_path / "classes.parquet", schemas.LOCUS_CLASSES)
    empty = classify_loci(schemas.LOCUS_GENES.empty(), confident_probability=0.5)
    assert empty.empty
    write_table(empty, tmp_path / "empty.parquet", schemas.LOCUS_CLASSES)


@given(
    cells=st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.6]), st.booleans()), min_size=1, max_size=6),
    threshold=st.sampled_from([0.1, 0.3, 0.5]),
)
def test_classes_are_those_of_the_definition(cells: list[tuple[float, bool]], threshold: float) -> None:
    row = classify(locus_of({f"G{number}": cell for number, cell in enumerate(cells)}), threshold).iloc[0]
    best = max(probability for probability, _ in cells)
    leaders = [f"G{number}" for number, (probability, _) in enumerate(cells) if probability == best]
    named = [f"G{number}" for number, (_, spoken) in enumerate(cells) if spoken]
    assert row["top_gene"] == ",".join(leaders)
    clear = len(leaders) == 1 and best >= threshold and leaders[0] in named
    assert (row["locus_class"] == "clear", row["abstains"]) == (clear, not clear)
    assert (row["locus_class"] == "no_local_evidence") == (not named)
    assert (row["margin"] == 0) == (len(leaders) > 1 or best == 0)
