from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from target_toys import locus, table

from locus2target.core import schemas
from locus2target.core.tables import read_table, write_table
from locus2target.targets.gene_set_enrichment import (
    TOO_FEW_LOCI,
    compare_with_permutations,
    enrich_gene_sets,
    permute_within_loci,
    place_candidates,
)
from locus2target.targets.gene_sets import GeneSet, GeneSetFile, Membership, build_membership


def toy_loci(n: int) -> pd.DataFrame:
    """Loci L0, L1, ... that do not overlap."""
    return table(schemas.LOCI, [locus(f"L{i}", start=i * 2_000_000, end=i * 2_000_000 + 1_000_000) for i in range(n)])


def candidates(loci: dict[str, dict[str, float]]) -> pd.DataFrame:
    """LOCUS_GENES from local probabilities by locus and symbol; every locus also has `none`."""
    rows = [
        {"locus": name, "gene_id": f"ENSG_{symbol}", "gene_symbol": symbol, "probability_local": probability}
        for name, genes in loci.items()
        for symbol, probability in genes.items()
    ]
    rows += [{"locus": name, "gene_id": "none", "gene_symbol": "none of these"} for name in loci]
    return table(schemas.LOCUS_GENES, rows)


def gene_list(locus_genes: pd.DataFrame) -> pd.DataFrame:
    named = locus_genes[locus_genes["gene_id"] != "none"].drop_duplicates("gene_id")
    return table(schemas.GENES, named[["gene_id", "gene_symbol"]].to_dict("records"))


def membership_of(genes: pd.DataFrame, **sets: str) -> Membership:
    named = [GeneSet(name, f"Title of {name}", "toy", frozenset(text.split())) for name, text in sets.items()]
    return build_membership([GeneSetFile(Path("toy.gmt"), tuple(named), {})], genes, min_genes=1)


def enrich(locus_genes: pd.DataFrame, loci: pd.DataFrame, membership: Membership, **settings: int) -> pd.DataFrame:
    settings = {"permutations": 500, "seed": 1} | settings
    return enrich_gene_sets(locus_genes, loci, gene_list(locus_genes), membership, disease="some_disease", **settings)


def random_run(
    seed: int, *, n_loci: int = 40, n_sets: int = 300, set_size: int = 30
) -> tuple[pd.DataFrame, pd.DataFrame, Membership]:
    """Loci of 2 to 20 candidates with random probabilities, and sets that know nothing of them."""
    generator = np.random.default_rng(seed)
    found = {}
    for i in range(n_loci):
        weights = generator.dirichlet(np.full(generator.integers(3, 22), 0.3))
        found[f"L{i}"] = {f"G{i}_{j}": float(p) for j, p in enumerate(weights[:-1])}
    symbols = [symbol for genes in found.values() for symbol in genes]
    sets = {f"S{k}": " ".join(generator.choice(symbols, set_size, replace=False)) for k in range(n_sets)}
    locus_genes = candidates(found)
    return locus_genes, toy_loci(n_loci), membership_of(gene_list(locus_genes), **sets)


def test_statistic_and_null_of_a_toy_by_enumeration() -> None:
    locus_genes = candidates({"L0": {"A": 0.6, "B": 0.1, "C": 0.2}, "L1": {"D": 0.5, "E": 0.3}})
    membership = membership_of(gene_list(locus_genes), S="A C D")
    result = enrich(locus_genes, toy_loci(2), membership, permutations=20_000)
    row = result.iloc[0]
    null = [
        first[0] + first[1] + second[0]
        for first in permutations([0.6, 0.1, 0.2])
        for second in permutations([0.5, 0.3])
    ]
    assert row["observed"] == pytest.approx(1.3)  # 0.6 + 0.2 at L0, 0.5 at L1
    assert row["expected"] == pytest.approx(np.mean(null), abs=0.01)
    assert row["p_value"] == pytest.approx(np.mean(np.array(null) >= 1.3 - 1e-9), abs=0.01)
    assert row["fold"] == pytest.approx(row["observed"] / row["expected"])
    assert row["genes"] == "A (0.6), D (0.5), C (0.2)"
    assert row[["disease", "gene_set", "gene_set_name", "source"]].tolist() == [
        "some_disease",
        "S",
        "Title of S",
        "toy",
    ]
    assert row[["n_genes", "n_loci", "status", "reason"]].tolist() == [3, 2, "ok", ""]


def test_the_order_of_the_rows_does_not_matter() -> None:
    """Batches of loci decide it."""
    locus_genes, loci, membership = random_run(5, n_loci=12, n_sets=40)
    genes = gene_list(locus_genes)
    settings = {"disease": "some_disease", "permutations": 200, "seed": 1}
    expected = enrich_gene_sets(locus_genes, loci, genes, membership, **settings)
    shuffled = (rows.sample(frac=1, random_state=2) for rows in (locus_genes, loci))
    pd.testing.assert_frame_equal(enrich_gene_sets(*shuffled, genes, membership, **settings), expected)


def test_batched_permutations_equal_a_slow_twin() -> None:
    locus_genes, loci, membership = random_run(3, n_loci=6, n_sets=8)
    placed = place_candidates(locus_genes, loci)
    rows = pd.Index(gene_list(locus_genes)["gene_id"]).get_indexer(placed["gene_id"])
    of_candidates = membership.matrix[rows]
    observed, shuffled = permute_within_loci(placed, of_candidates, permutations=7, seed=5)
    generator = np.random.default_rng(5)
    slow = np.zeros((8, 7))
    exact = np.zeros(8)
    for group in sorted(placed["group"].unique()):
        here = np.flatnonzero(placed["group"] == group)
        own = placed["probability_local"].to_numpy()[here]
        members = of_candidates[here].toarray()
        dealt = generator.permuted(np.tile(own[:, None], (1, 7)), axis=0)
        for k in range(8):
            exact[k] += min(1.0, sum(own * members[:, k]))
            for b in range(7):
                slow[k, b] += min(1.0, sum(dealt[:, b] * members[:, k]))
    np.testing.assert_allclose(observed, exact)
    np.testing.assert_allclose(shuffled, slow)


def test_p_values_are_uniform_without_signal() -> None:
    locus_genes, loci, membership = random_run(11)
    result = enrich(locus_genes, loci, membership, permutations=999)
    assert (result["status"] == "ok").all()
    assert stats.kstest(result["p_value"], "uniform").pvalue > 0.01
    assert (result["q_value"] > 0.05).all()
    np.testing.assert_allclose(result["q_value"], stats.false_discovery_control(result["p_value"]))


def test_a_planted_set_is_found_first() -> None:
    locus_genes, loci, membership = random_run(12)
    best = locus_genes.loc[locus_genes.groupby("locus")["probability_local"].idxmax(), "gene_symbol"]
    genes = gene_list(locus_genes)
    planted = membership_of(genes, PLANTED=" ".join(best.head(12)))
    both = Membership(
        sparse.hstack([membership.matrix, planted.matrix]).tocsr(), pd.concat([membership.sets, planted.sets]), {}
    )
    result = enrich(locus_genes, loci, both, permutations=2_000)
    assert result["gene_set"].iloc[0] == "PLANTED"
    assert result["p_value"].iloc[0] == pytest.approx(1 / 2_001)
    assert result["q_value"].iloc[0] < 0.2
    assert result["fold"].iloc[0] > 2


def test_paralogues_side_by_side_are_not_an_enrichment() -> None:
    clustered = {"L0": {f"P{j}": 0.18 for j in range(5)} | {"OTHER": 0.05}}
    others = {f"L{i}": {f"X{i}": 0.3, f"Y{i}": 0.4} for i in range(1, 6)}
    locus_genes = candidates(clustered | others)
    genes = gene_list(locus_genes)
    members = " ".join(f"P{j}" for j in range(5))
    result = enrich(locus_genes, toy_loci(6), membership_of(genes, ALONE=members, WITH=f"{members} X1"))
    alone = result.set_index("gene_set").loc["ALONE"]
    assert (alone["status"], alone["n_loci"]) == (TOO_FEW_LOCI, 1)
    assert "1 independent loci" in alone["reason"]
    assert alone[["observed", "expected", "fold", "p_value", "q_value"]].isna().all()
    assert result.set_index("gene_set").loc["WITH", "p_value"] == pytest.approx(1 / 6, abs=0.06)


def test_overlapping_loci_and_repeated_genes_count_once() -> None:
    loci = table(
        schemas.LOCI,
        [
            locus("first", start=0, end=1_000_000),
            locus("second", start=900_000, end=2_000_000),  # of another study
            locus("far", start=5_000_000, end=6_000_000),
        ],
    )
    found = {"first": {"A": 0.5, "B": 0.4}, "second": {"A": 0.7, "B": 0.1, "C": 0.2}, "far": {"C": 0.1, "D": 0.6}}
    locus_genes = candidates(found)
    placed = place_candidates(locus_genes, loci)
    assert placed[["gene_symbol", "group", "probability_local"]].to_numpy().tolist() == [
        ["A", 0, 0.7],
        ["B", 0, 0.4],
        ["C", 0, 0.2],
        ["D", 1, 0.6],
    ]
    result = enrich(locus_genes, loci, membership_of(gene_list(locus_genes), ALL="A B D", ONE="A B C"))
    by_set = result.set_index("gene_set")
    assert by_set.loc["ALL", "observed"] == pytest.approx(1.6)  # 0.7 + 0.4 is at most 1, and 0.6
    assert by_set.loc["ONE", "status"] == TOO_FEW_LOCI


def test_order_of_the_inputs_does_not_matter() -> None:
    locus_genes, loci, membership = random_run(4, n_sets=40)
    result = enrich(locus_genes, loci, membership)
    again = enrich_gene_sets(
        locus_genes.iloc[::-1],
        loci.iloc[::-1],
        gene_list(locus_genes),
        membership,
        disease="some_disease",
        permutations=500,
        seed=1,
    )
    pd.testing.assert_frame_equal(again, result)


def test_convergence_does_not_enter() -> None:
    locus_genes, loci, membership = random_run(5, n_sets=20)
    changed = locus_genes.assign(probability=1 - locus_genes["probability_local"])
    pd.testing.assert_frame_equal(enrich(changed, loci, membership), enrich(locus_genes, loci, membership))


def test_disease_without_ranked_loci_has_every_set_with_its_reason(tmp_path: Path) -> None:
    locus_genes, loci, membership = random_run(6, n_sets=5)
    genes = gene_list(locus_genes)
    nothing = locus_genes[locus_genes["gene_id"] == "none"]
    result = enrich_gene_sets(nothing, loci, genes, membership, disease="d", permutations=10, seed=1)
    assert result["status"].tolist() == [TOO_FEW_LOCI] * 5
    assert result["genes"].isna().all()
    write_table(result, tmp_path / "sets.parquet", schemas.GENE_SET_ENRICHMENT)
    assert len(read_table(tmp_path / "sets.parquet", schemas.GENE_SET_ENRICHMENT)) == 5
    no_sets = enrich_gene_sets(
        locus_genes, loci, genes, build_membership([], genes), disease="d", permutations=10, seed=1
    )
    write_table(no_sets, tmp_path / "none.parquet", schemas.GENE_SET_ENRICHMENT)
    assert no_sets.empty


def test_ties_by_rounding_count_as_at_least_as_large() -> None:
    shuffled = np.array([[0.1 + 0.2, 0.3, 0.2]])
    compared = compare_with_permutations(np.array([0.3 + 1e-12]), shuffled)
    assert compared["p_value"].tolist() == [3 / 4]
    nothing = compare_with_permutations(np.array([0.0]), np.zeros((1, 3)))
    assert np.isnan(nothing["fold"][0])
    assert nothing["p_value"].tolist() == [1.0]


def test_defects_of_the_caller() -> None:
    locus_genes, loci, membership = random_run(8, n_loci=3, n_sets=3, set_size=3)
    genes = gene_list(locus_genes)
    with pytest.raises(ValueError, match="0 permutations"):
        enrich_gene_sets(locus_genes, loci, genes, membership, disease="d", permutations=0, seed=1)
    genes.loc[0, "gene_id"] = "ENSG_UNKNOWN"
    with pytest.raises(ValueError, match="candidate ENSG_G0_0 is not in the gene list"):
        enrich_gene_sets(locus_genes, loci, genes, membership, disease="d", permutations=1, seed=1)
