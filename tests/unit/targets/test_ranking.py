"""Ranking against numbers worked out by hand."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import WEIGHTS, coloc, effect, fit, gene, locus, pointed_at, stage_results, table, variant

from locus2target.core import schemas
from locus2target.core.tables import write_table
from locus2target.targets.candidates import NOT_CANDIDATE, locus_states
from locus2target.targets.evidence import annotate_variants, collect_evidence, read_annotations
from locus2target.targets.ranking import (
    PROBABILITIES,
    format_parts,
    overlap_groups,
    parse_parts,
    part_columns,
    rank_disease,
    rank_loci,
    softmax,
)
from locus2target.targets.weights import SOURCES, Weights, read_weights

TABLE = read_weights(WEIGHTS)
EVEN = Weights({**TABLE.values, ("prior", "none"): 0.0})  # `none` as likely as all genes together


def row(name: str, source: str, log_odds: float, *, at: str = "L1", **cells: Any) -> dict[str, Any]:
    return {
        "disease": "some_disease",
        "locus": at,
        "gene_id": f"ENSG_{name}",
        "gene_symbol": name,
        "source": source,
        "log_odds": log_odds,
        "log_odds_unweighted": log_odds,
        "value": 1.0,
        "status": "ok",
        **cells,
    }


def rank(rows: list[dict[str, Any]], names: tuple[str, ...] = ("L1",), *, weights: Weights = EVEN) -> pd.DataFrame:
    states = pd.DataFrame({"locus": list(names), "status": "ok", "reason": ""})
    evidence = table(schemas.EVIDENCE, rows)
    return rank_loci(evidence, states, weights, disease="some_disease", confident_probability=0.5)


def loci(**bounds: tuple[int, int]) -> pd.DataFrame:
    return table(schemas.LOCI, [locus(name, start=start, end=end) for name, (start, end) in bounds.items()])


def disease(genes: pd.DataFrame, where: pd.DataFrame) -> pd.DataFrame:
    return rank_disease(genes, where, disease="some_disease", confident_probability=0.5)


def test_softmax_toy_by_hand() -> None:
    """Three genes at 1/3 each against none at 1; A gains a factor 9 (3 x 3), B keeps 1, C a third.

    Weights 9/3, 1/3, 1/9 and 1: sum 40/9; probabilities 27/40, 3/40, 1/40 and 9/40.
    """
    three = math.log(3)
    found = rank(
        [
            row("A", "distance", three),
            row("A", "colocalization_eqtl", three),
            row("B", "distance", 0.0),
            row("C", "distance", -three),
        ]
    )
    probability = dict(zip(found["gene_id"], found["probability"], strict=True))
    expected = {"ENSG_A": 27 / 40, "none": 9 / 40, "ENSG_B": 3 / 40, "ENSG_C": 1 / 40}
    assert probability == pytest.approx(expected)
    assert found["gene_id"].tolist() == list(expected)
    assert found["locus_rank"].tolist() == [1, 2, 3, 4]
    assert dict(zip(found["gene_id"], found["status"], strict=True)) == {
        "ENSG_A": "confident",
        "none": "ok",
        "ENSG_B": "uncertain",
        "ENSG_C": "uncertain",
    }
    assert parse_parts(found["parts"][0]) == pytest.approx(
        {"prior": -three, "distance": three, "colocalization_eqtl": three}, abs=1e-5
    )
    assert found["log_odds"][0] == pytest.approx(three)


@pytest.mark.parametrize(
    ("source", "log_odds", "status"),
    [
        ("colocalization_eqtl", 0.7, "confident"),
        ("coding_consequence", 0.7, "confident"),
        ("colocalization_eqtl", 0.6, "distance_only"),  # H4 of about 0.2: less than twice the odds
        ("colocalization_eqtl", -0.1, "distance_only"),
        ("open_chromatin", 0.2, "distance_only"),
        ("motif_change", 0.2, "distance_only"),
        ("qtl_lead_overlap", 0.6, "distance_only"),
    ],
)
def test_being_near_is_not_enough_to_be_confident(source: str, log_odds: float, status: str) -> None:
    found = rank([row("NEAR", "distance", 3.0), row("NEAR", source, log_odds), row("FAR", "distance", 0.0)])
    assert found.loc[found["gene_id"] == "ENSG_NEAR", "status"].tolist() == [status]
    assert (found.loc[found["gene_id"] == "ENSG_NEAR", "reason"] == "").tolist() == [status == "confident"]


# ---- The documented formula, once more and slowly ----------------------------------------------------------------
# resources/ranking/evidence_weights.tsv: ln(1/n) plus the sum of a gene's evidence, sources of a group shrunk; `none`
# at its prior; softmax. In each group, of the sources above 0 the largest counts in full (of equal ones the first), the
# others half; likewise of those below 0; and the sum of all stays within the cap.

NONE_LOG_ODDS, SHRINK = -1.529, 0.5
CAPS = {
    4.067: (
        *("colocalization_eqtl", "colocalization_sqtl", "colocalization_pqtl", "colocalization_caqtl"),
        *("qtl_lead_overlap", "cis_mr"),
    ),
    1.89: ("gene_effect", "enhancer_gene_link", "open_chromatin", "motif_change"),
}
ALONE = ("distance", "other_signals", "coding_consequence", "gene_constraint", "convergence")


def slow_parts(rows: Sequence[dict[str, Any]], column: str) -> dict[str, float]:
    """What each source adds to a gene, from its rows; sums are exact until they are rounded once."""
    exact: dict[str, Fraction] = {}
    for cells in rows:
        exact[cells["source"]] = exact.get(cells["source"], Fraction(0)) + Fraction(cells[column])
    sums = {source: float(value) for source, value in exact.items()}
    parts = {source: sums[source] for source in ALONE if sums.get(source)}
    for cap, sources in CAPS.items():
        told = [source for source in sources if sums.get(source)]
        counted = {}
        for sign in (1, -1):
            of_sign = [source for source in told if sign * sums[source] > 0]
            by_size = sorted(of_sign, key=lambda source: -abs(sums[source]))  # stable: of equal ones the first
            counted |= {
                source: sums[source] if place == 0 else SHRINK * sums[source] for place, source in enumerate(by_size)
            }
        total = sum(counted.values())
        excess = max(1.0, abs(total) / cap)
        parts |= {source: value / excess for source, value in counted.items()}
    return parts


def slow_ranking(rows: Sequence[dict[str, Any]], column: str, *, without: str = "") -> dict[str, float]:
    """Probability of each gene and of `none` at one locus, as shares of their odds."""
    competing = [cells for cells in rows if cells["gene_id"] != "none" and cells["status"] != "not_candidate"]
    genes = {cells["gene_id"] for cells in competing}
    odds = {"none": math.exp(NONE_LOG_ODDS)}
    for name in genes:
        own = [cells for cells in competing if cells["gene_id"] == name and cells["source"] != without]
        odds[name] = math.prod(math.exp(value) for value in slow_parts(own, column).values()) / len(genes)
    return {name: value / sum(odds.values()) for name, value in odds.items()}


SLOW = {
    "probability": ("log_odds", ""),
    "probability_local": ("log_odds", "convergence"),
    "probability_unweighted": ("log_odds_unweighted", ""),
}


def assert_follows_the_formula(found: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> None:
    """Probabilities, parts and ranks of one locus."""
    by_gene = found.set_index("gene_id")
    for name, (column, without) in SLOW.items():
        expected = slow_ranking(rows, column, without=without)
        assert by_gene[name].to_dict() == pytest.approx(expected, abs=1e-12), name
    for gene_id in by_gene.index.drop("none"):
        own = [cells for cells in rows if cells["gene_id"] == gene_id]
        parts = {"prior": -math.log(len(by_gene) - 1), **slow_parts(own, "log_odds")}
        assert parse_parts(by_gene.loc[gene_id, "parts"]) == pytest.approx(parts, rel=1e-5, abs=1e-12)
        assert by_gene.loc[gene_id, "log_odds"] == pytest.approx(sum(parts.values()), abs=1e-9)
    assert found["locus_rank"].tolist() == list(range(1, len(found) + 1))
    for (_, better), (_, worse) in itertools.pairwise(found.iterrows()):
        assert better["log_odds"] > worse["log_odds"] - 1e-9
        if better["log_odds"] == worse["log_odds"]:
            assert better["gene_symbol"] < worse["gene_symbol"]


def test_correlated_sources_and_the_cap_by_hand() -> None:
    """A: QTL 2.5 + 0.75 + 0.15, chromatin 0.9 + 0.1 + 0.1. B: 2.7 + 1.25 + 0.95 = 4.9, held at 4.067; chromatin -0.4.

    C: QTL 1.0 + 0.2 for the gene and -0.7 - 0.05 against it: 0.45. Without convergence A lacks 0.4. With contexts alike
    its eQTL has 3.0 and its sQTL 2.0: 3.0 + 1.0 + 0.15 is held at 4.067 as well.
    """
    rows = [
        row("A", "distance", 0.5),
        row("A", "convergence", 0.4),
        row("A", "colocalization_eqtl", 2.0, log_odds_unweighted=2.5),
        row("A", "colocalization_eqtl", 0.5),
        row("A", "colocalization_sqtl", 1.5, log_odds_unweighted=2.0),
        row("A", "cis_mr", 0.3),
        row("A", "enhancer_gene_link", 0.9),
        row("A", "open_chromatin", 0.2),
        row("A", "motif_change", 0.2),
        row("B", "distance", -0.7),
        row("B", "colocalization_pqtl", 2.7),
        row("B", "colocalization_eqtl", 2.5),
        row("B", "colocalization_sqtl", 1.9),
        row("B", "open_chromatin", -0.4),
        row("C", "distance", -1.0),
        row("C", "coding_consequence", 4.0),
        row("C", "colocalization_eqtl", 1.0),
        row("C", "qtl_lead_overlap", 0.4),
        row("C", "cis_mr", -0.7),
        row("C", "colocalization_sqtl", -0.1),
    ]
    found = rank(rows, weights=TABLE)
    log_odds = {"A": 0.5 + 0.4 + 3.4 + 1.1, "B": -0.7 + 4.067 - 0.4, "C": 3.0 + 0.45}
    log_odds = {name: value - math.log(3) for name, value in log_odds.items()}
    changes = {"probability": 0.0, "probability_local": -0.4, "probability_unweighted": 4.067 - 3.4}
    for column, change in changes.items():
        odds = {f"ENSG_{name}": math.exp(value + change * (name == "A")) for name, value in log_odds.items()}
        odds["none"] = math.exp(-1.529)
        expected = {name: value / sum(odds.values()) for name, value in odds.items()}
        assert dict(zip(found["gene_id"], found[column], strict=True)) == pytest.approx(expected), column
    parts = found.set_index("gene_symbol")["parts"].map(parse_parts)
    assert parts["B"]["colocalization_pqtl"] == pytest.approx(2.7 * 4.067 / 4.9, abs=1e-5)
    assert parts["B"]["colocalization_sqtl"] == pytest.approx(0.95 * 4.067 / 4.9, abs=1e-5)
    assert parts["A"]["motif_change"] == pytest.approx(0.1)
    assert_follows_the_formula(found, rows)


# few distinct values, so that sources and genes tie
VALUES = st.sampled_from([-0.7, -0.5, -0.3, 0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 2.5]) | st.floats(-4, 4)
EVIDENCE_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C", "D", "none"]),
        st.sampled_from(SOURCES),
        VALUES,
        VALUES,
        st.sampled_from(["ok", "ok", "ok", "no_annotation", NOT_CANDIDATE]),
    ),
    max_size=25,
)


@given(EVIDENCE_ROWS)
def test_rank_probability_and_parts_recompute_from_the_evidence_by_the_formula(
    cells: list[tuple[str, str, float, float, str]],
) -> None:
    rows = [row("FIRST", "distance", 0.1)]
    for name, source, log_odds, unweighted, status in cells:
        excluded = f"{name}_RNA" if status == NOT_CANDIDATE and name != "none" else name  # a gene competes or does not
        made = row(excluded, source, log_odds, log_odds_unweighted=unweighted, status=status)
        rows.append(made | {"gene_id": "none"} if name == "none" else made)
    assert_follows_the_formula(rank(rows, weights=TABLE), rows)


@given(
    told=st.lists(st.tuples(st.sampled_from(["distance", "cis_mr", "colocalization_eqtl"]), VALUES), max_size=12),
    seeds=st.lists(st.integers(0, 100), min_size=2, max_size=4),
)
def test_genes_with_the_same_evidence_share_their_probability(told: list[tuple[str, float]], seeds: list[int]) -> None:
    """To the last digit, whatever the order of their rows, so that none of them leads by rounding."""
    rows = [row("OTHER", "distance", 0.25)]
    for number, seed in enumerate(seeds):
        order = np.random.default_rng(seed).permutation(len(told))
        twin = f"TWIN{number}"
        rows += [row(twin, "distance", 0.1), *(row(twin, *told[index]) for index in order)]
    found = rank(rows, weights=TABLE)
    twins = found[found["gene_symbol"].str.startswith("TWIN")]
    assert all(len(set(twins[name])) == 1 for name in PROBABILITIES)
    assert twins["gene_symbol"].tolist() == sorted(twins["gene_symbol"])
    assert twins["locus_rank"].max() - twins["locus_rank"].min() == len(twins) - 1


def test_without_evidence_genes_are_equal_and_none_keeps_its_prior() -> None:
    found = rank([row(name, "distance", 0.0) for name in "ABCDE"], weights=TABLE).set_index("gene_id")["probability"]
    assert found["none"] == pytest.approx(0.178, abs=0.001)
    assert found.drop("none").tolist() == pytest.approx([(1 - found["none"]) / 5] * 5)


def test_missing_evidence_is_zero_and_not_a_part() -> None:
    silent = rank([row("A", "distance", 0.5), row("B", "distance", 0.1)])
    spoken = rank(
        [row("A", "distance", 0.5), row("B", "distance", 0.1), row("A", "motif_change", 0.0, status="no_sequence")]
    )
    assert spoken["probability"].tolist() == silent["probability"].tolist()
    assert "motif_change" not in silent["parts"][0]


def test_ties_go_by_symbol_whatever_the_order_of_rows() -> None:
    """Ids run the other way: the symbol decides."""
    rows = [row(name, "distance", 0.3) | {"gene_id": f"ENSG{9 - i}"} for i, name in enumerate("ABC")]
    for rows_in_order in (rows, rows[::-1]):
        found = rank(rows_in_order)
        assert found.loc[found["gene_id"] != "none", "gene_symbol"].tolist() == ["A", "B", "C"]


def test_one_gene_locus_rests_on_the_prior() -> None:
    found = rank([row("ONLY", "distance", 0.0)])
    for name in PROBABILITIES:
        assert found[name].tolist() == pytest.approx([0.5, 0.5])


def test_one_gene_is_weighed_against_none_alone() -> None:
    """Odds 3 with convergence, 1.5 without, 9 with contexts alike, against `none` at 1."""
    rows = [
        row("ONLY", "colocalization_eqtl", math.log(1.5), log_odds_unweighted=math.log(4.5)),
        row("ONLY", "convergence", math.log(2)),
    ]
    only = rank(rows).set_index("gene_id").loc["ENSG_ONLY"]
    assert [only[name] for name in PROBABILITIES] == pytest.approx([3 / 4, 1.5 / 2.5, 9 / 10])


SOURCE_ROWS = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(SOURCES), st.floats(-3, 3)), min_size=1, max_size=15
)


@given(rows=SOURCE_ROWS, seed=st.integers(0, 100))
def test_order_of_rows_does_not_matter(rows: list[tuple[str, str, float]], seed: int) -> None:
    made = [row(*cells) for cells in rows]
    shuffled = [made[index] for index in np.random.default_rng(seed).permutation(len(made))]
    first, second = rank(made), rank(shuffled)
    columns = ["gene_id", "locus_rank"]
    assert first[columns].to_numpy().tolist() == second[columns].to_numpy().tolist()
    assert first["probability"].to_numpy() == pytest.approx(second["probability"].to_numpy())
    assert first["probability"].sum() == pytest.approx(1)


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=10), st.floats(-300, 300))
def test_softmax_ignores_a_common_shift(values: list[float], shift: float) -> None:
    assert softmax([value + shift for value in values]) == pytest.approx(softmax(values), abs=1e-9)


def test_genes_that_do_not_compete_are_left_out() -> None:
    found = rank([row("A", "distance", 0.0), row("RNA", "distance", 0.0, status=NOT_CANDIDATE)])
    assert set(found["gene_id"]) == {"ENSG_A", "none"}


def test_locus_without_candidates_has_a_status() -> None:
    found = rank([row("RNA", "distance", 0.0, status=NOT_CANDIDATE)])
    assert found[["gene_id", "status", "locus_rank"]].to_numpy().tolist() == [["none", "no_candidates", 1]]
    assert found["reason"][0]


def test_loci_that_were_not_analysed_are_listed() -> None:
    all_loci = table(schemas.LOCI, [locus("L1"), locus("L2", status="mhc"), locus("L3")])
    states = locus_states(
        all_loci, table(schemas.FINE_MAPPING, [fit("L1"), fit("L3", method="none", status="no_statistics")])
    )
    found = rank_loci(
        table(schemas.EVIDENCE, [row("A", "distance", 0.0)]),
        states,
        EVEN,
        disease="some_disease",
        confident_probability=0.5,
    )
    rows = found[found["locus"] != "L1"][["locus", "gene_id", "status", "reason"]].to_numpy().tolist()
    assert rows == [["L2", "none", "mhc", "why mhc"], ["L3", "none", "no_statistics", "why no_statistics"]]


def test_direction_needs_agreement() -> None:
    agree = rank(
        [row("A", "colocalization_eqtl", 2.0, direction=1.0), row("A", "colocalization_pqtl", 1.0, direction=1.0)]
    )
    clash = rank(
        [row("A", "colocalization_eqtl", 2.0, direction=1.0), row("A", "colocalization_pqtl", 1.0, direction=-1.0)]
    )
    weightless = rank(
        [row("A", "colocalization_eqtl", 2.0, direction=1.0), row("A", "colocalization_pqtl", -0.1, direction=-1.0)]
    )
    by_gene = [found.set_index("gene_id").loc["ENSG_A"] for found in (agree, clash, weightless)]
    assert by_gene[0]["direction"] == 1
    assert math.isnan(by_gene[1]["direction"])
    assert "disagree about the direction" in by_gene[1]["mechanism"]
    assert by_gene[2]["direction"] == 1


def test_disease_probability_over_independent_loci_by_hand() -> None:
    """p 0.5 at each of three loci, two of which overlap: 1 - 0.5 * 0.5."""
    rows = [row("ONLY", "distance", 0.0, at=name) for name in ("L1", "L2", "L3")]
    where = loci(L1=(0, 100), L2=(50, 150), L3=(150, 300))
    ranked = disease(rank(rows, ("L1", "L2", "L3")), where)
    assert ranked["probability"].tolist() == pytest.approx([0.75])
    assert ranked[["n_loci", "best_locus", "status", "gene_rank"]].to_numpy().tolist() == [
        [3, "L1", "distance_only", 1]
    ]


def test_disease_keeps_three_probabilities_by_hand() -> None:
    """One gene against `none` at 1; L1 and L2 overlap. The best of a group may be another in each column.

    Odds as they count 3, 1 and 1; without convergence 1, 1 and 1; with contexts alike 3, 9 and 1.
    """
    rows = [
        row("ONLY", "convergence", math.log(3), at="L1"),
        row("ONLY", "open_chromatin", 0.0, at="L2", log_odds_unweighted=math.log(3)),
        row("ONLY", "colocalization_eqtl", 0.0, at="L2", log_odds_unweighted=math.log(3)),
        row("ONLY", "distance", 0.0, at="L3"),
    ]
    where = loci(L1=(0, 100), L2=(50, 150), L3=(150, 300))
    best = disease(rank(rows, ("L1", "L2", "L3")), where).iloc[0]
    assert best["probability"] == pytest.approx(1 - 1 / 4 * 1 / 2)
    assert best["probability_local"] == pytest.approx(1 - 1 / 2 * 1 / 2)
    assert best["probability_unweighted"] == pytest.approx(1 - 1 / 10 * 1 / 2)
    assert (best["best_locus"], best["n_loci"]) == ("L1", 3)


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["L1", "L2", "L3", "L4"]), VALUES, VALUES), min_size=1)
)
def test_disease_ranking_is_that_of_a_slow_loop(cells: list[tuple[str, str, float, float]]) -> None:
    """L1 and L3 overlap; L2 and L4 stand alone."""
    rows = [
        row(name, "distance" if number % 2 else "convergence", log_odds, at=at, log_odds_unweighted=unweighted)
        for number, (name, at, log_odds, unweighted) in enumerate(cells)
    ]
    names = tuple(sorted({cells["locus"] for cells in rows}))
    where = loci(L1=(0, 100), L2=(200, 300), L3=(90, 150), L4=(300, 400))
    ranked = disease(rank(rows, names, weights=TABLE), where).set_index("gene_id")
    at_locus = {
        (name, at): slow_ranking([cells for cells in rows if cells["locus"] == at], column, without=without)
        for name, (column, without) in SLOW.items()
        for at in names
    }
    for name in PROBABILITIES:
        expected = {}
        for gene_id in {str(cells["gene_id"]) for cells in rows}:
            p = {at: at_locus[name, at].get(gene_id, 0.0) for at in names}
            missed = [1 - max(p.get("L1", 0.0), p.get("L3", 0.0)), 1 - p.get("L2", 0.0), 1 - p.get("L4", 0.0)]
            expected[gene_id] = 1 - math.prod(missed)
        assert ranked[name].to_dict() == pytest.approx(expected, abs=1e-12)
    assert ranked["gene_rank"].tolist() == list(range(1, len(ranked) + 1))
    assert (ranked["probability"].diff().dropna() <= 1e-12).all()
    n_loci = {f"ENSG_{gene}": len({at for name, at, *_ in cells if name == gene}) for gene, *_ in cells}
    assert ranked["n_loci"].to_dict() == n_loci


def test_overlapping_loci_form_groups_through_others() -> None:
    groups = overlap_groups(loci(A=(0, 100), B=(90, 120), C=(110, 200), D=(200, 300), E=(10, 20)))
    assert groups["A"] == groups["B"] == groups["C"] == groups["E"] != groups["D"]


def test_gene_ranks_break_ties_by_log_odds_then_symbol() -> None:
    rows = [row("B", "distance", 0.0), row("A", "distance", 0.0), row("C", "distance", 1.0)]
    ranked = disease(rank(rows), loci(L1=(0, 100)))
    assert ranked["gene_symbol"].tolist() == ["C", "A", "B"]
    assert ranked["gene_rank"].tolist() == [1, 2, 3]


def test_disease_without_analysed_loci_has_an_empty_table(tmp_path: Path) -> None:
    states = pd.DataFrame({"locus": ["L1"], "status": ["mhc"], "reason": ["why"]})
    found = rank_loci(schemas.EVIDENCE.empty(), states, EVEN, disease="some_disease", confident_probability=0.5)
    ranked = disease(found, loci(L1=(0, 100)))
    assert ranked.empty
    write_table(found, tmp_path / "a.parquet", schemas.LOCUS_GENES)
    write_table(ranked, tmp_path / "b.parquet", schemas.RANKED_GENES)
    assert set(SOURCES) <= set(part_columns(ranked).columns)


def test_every_part_of_the_score_is_a_column_and_they_add_up() -> None:
    found = rank([row("A", "distance", 0.5), row("A", "coding_consequence", 1.5), row("B", "distance", -0.5)])
    columns = part_columns(disease(found, loci(L1=(0, 100)))).set_index("gene_id")
    sums = columns[["prior", *SOURCES]].sum(axis=1)
    log_odds = found.set_index("gene_id")["log_odds"]
    assert sums["ENSG_A"] == pytest.approx(log_odds["ENSG_A"], abs=1e-5)
    assert columns.loc["ENSG_A", "coding_consequence"] == 1.5
    assert columns.loc["ENSG_B", "coding_consequence"] == 0


@given(st.dictionaries(st.sampled_from(["prior", *SOURCES]), st.floats(-20, 20)))
def test_parts_survive_the_text(parts: dict[str, float]) -> None:
    assert parse_parts(format_parts(parts)) == pytest.approx(parts, rel=1e-5, abs=1e-12)


def test_planted_gene_wins_over_the_nearest(tmp_path: Path) -> None:
    genes = [gene("NEAREST", 1_005_000), gene("TARGET", 1_100_000), gene("BYSTANDER", 850_000), gene("OTHER", 700_000)]
    pairs = [coloc("TARGET", 0.99, direction=-1.0), coloc("NEAREST", 0.01), coloc("BYSTANDER", 0.0)]
    results = stage_results(
        genes, [variant(1_000_000, 0.42, rsid="rs1"), variant(1_000_100, 0.5)], pairs, [effect(1_000_000)]
    )
    files = dict.fromkeys(["open_chromatin", "enhancer_gene_links", "coding_consequences", "gene_constraint"])
    evidence = collect_evidence(
        results,
        annotate_variants(results, read_annotations(files, results.genes)),
        pointed_at(results),
        TABLE,
        gene_types=["protein_coding"],
        window_bp=500_000,
        in_prior=(),
    )
    states = locus_states(results.loci, results.fine_mapping)
    found = rank_loci(evidence, states, TABLE, disease="some_disease", confident_probability=0.5)
    ranked = disease(found, results.loci)
    write_table(ranked, tmp_path / "ranked.parquet", schemas.RANKED_GENES)
    best = ranked.iloc[0]
    assert (best["gene_symbol"], best["direction"], best["contexts"]) == ("TARGET", -1, "blood")
    assert best["mechanism"] == (
        "rs1 (1:1000000:A:G, PIP 0.42) -> colocalises with TARGET expression in blood "
        "(H4 0.99; less expression, more some disease) -> some disease"
    )
