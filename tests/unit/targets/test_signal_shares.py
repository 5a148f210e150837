"""Shares of signals against numbers worked out by hand, and against a slow loop."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.targets.signal_shares import SignalShares, mean_log10_distance, share_signals

SLOPE = -2.0
SQUARE = -2 * math.log(10)  # slope with which the share falls with the square of distance + 1 kb


def genes(*starts: int, chromosome: str = "1") -> pd.DataFrame:
    return pd.DataFrame({"chromosome": chromosome, "tss": starts})


def variants(*cells: tuple[int, int, float], chromosome: str = "1") -> pd.DataFrame:
    """Signal, position and weight of each variant."""
    return pd.DataFrame(cells, columns=["signal", "position", "weight"]).assign(chromosome=chromosome)


def share(
    carriers: pd.DataFrame, targets: pd.DataFrame, *, slope: float = SLOPE, window: int = 500_000
) -> SignalShares:
    return share_signals(carriers, targets, slope=slope, window_bp=window)


def test_mean_of_logarithms_by_hand() -> None:
    """Distances 0 and 99 kb with weights 3 : 1, and 9 kb twice."""
    starts, positions, weights = np.array([1_000.0, 91_000.0]), np.array([1_000.0, 100_000.0]), np.array([3.0, 1.0])
    means = mean_log10_distance(starts, starts, positions, weights)
    assert means == pytest.approx([0.75 * 3 + 0.25 * 5, 0.75 * math.log10(91_000) + 0.25 * 4])
    to_bodies = mean_log10_distance(starts, np.array([91_000.0, 100_000.0]), positions, weights)
    assert to_bodies == pytest.approx([0.75 * 3 + 0.25 * 4, 0.75 * math.log10(91_000) + 0.25 * 3])  # 0 bases inside


def test_shares_by_hand() -> None:
    """Genes 1 and 3 kb away with softening 1 kb: 2 and 4 kb, squares 1 : 4, so shares 4/5 and 1/5."""
    found = share(variants((0, 10_000, 0.4)), genes(11_000, 7_000), slope=SQUARE)
    assert found.signal.tolist() == [0, 0]
    assert found.gene.tolist() == [0, 1]
    assert found.mean_log10_distance == pytest.approx([math.log10(2_000), math.log10(4_000)])
    assert found.share == pytest.approx([0.8, 0.2])


def test_equal_distances_share_equally_and_an_only_gene_has_all() -> None:
    assert share(variants((0, 10_000, 0.4)), genes(9_000, 11_000)).share.tolist() == [0.5, 0.5]
    assert share(variants((0, 10_000, 0.4)), genes(400_000)).share.tolist() == [1.0]


def test_genes_compete_within_the_window_of_the_lead_variant_and_on_its_chromosome() -> None:
    """The lead is the heaviest variant; at equal weights the first by position. The bound is inclusive."""
    carriers = variants((0, 600_000, 0.2), (0, 100_000, 0.5), (0, 500_000, 0.5))
    targets = pd.concat([genes(600_000, 600_001, 90_000), genes(100_000, chromosome="2")])
    assert share(carriers, targets).gene.tolist() == [0, 2]
    assert share(carriers.iloc[::-1], targets).gene.tolist() == [0, 2]
    assert share(carriers.assign(weight=[0.9, 0.5, 0.5]), targets).gene.tolist() == [0, 1]
    assert share(carriers, targets, window=9_999).gene.tolist() == []


def test_signals_without_genes_have_no_pairs() -> None:
    carriers = pd.concat([variants((0, 10_000, 1.0), chromosome="7"), variants((1, 10_000, 1.0))])
    found = share(carriers, genes(10_000))
    assert (found.signal.tolist(), found.gene.tolist(), found.share.tolist()) == ([1], [0], [1.0])
    nothing = share(carriers.head(1), genes(10_000))
    assert [len(column) for column in (nothing.signal, nothing.gene, nothing.share)] == [0, 0, 0]
    assert nothing.per_gene(np.array([0]), shape=(1, 1)).tolist() == [[0.0]]


def test_weights_need_not_add_up_to_one() -> None:
    small = share(variants((0, 10_000, 0.01), (0, 50_000, 0.03)), genes(9_000, 60_000))
    large = share(variants((0, 10_000, 0.25), (0, 50_000, 0.75)), genes(9_000, 60_000))
    assert small.share == pytest.approx(large.share)


def test_signals_per_group_and_gene_by_hand() -> None:
    """Two groups; signals 0 and 2 are of group 1."""
    shares = SignalShares(
        np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 2]), np.zeros(5), np.array([0.75, 0.25, 1.0, 0.5, 0.5])
    )
    group = np.array([1, 0, 1])
    assert shares.per_gene(group, shape=(2, 3)).tolist() == [[0.0, 1.0, 0.0], [0.75, 0.75, 0.5]]


PLACES = st.integers(1, 400_000)
CARRIERS = st.lists(
    st.tuples(st.integers(0, 3), PLACES, st.sampled_from([0.1, 0.2, 0.5, 1.0])),
    min_size=1,
    max_size=12,
    unique_by=lambda cell: cell[:2],
)
STARTS = st.lists(st.tuples(PLACES, st.sampled_from(["1", "2"])), min_size=1, max_size=8)


def slow_shares(
    carriers: list[tuple[int, int, float]], starts: list[tuple[int, str]], slope: float, window: int
) -> dict[tuple[int, int], tuple[float, float]]:
    """Mean logarithm and share of each pair of a signal and a gene; even signals lie on chromosome 1, odd ones on 2."""
    pairs = {}
    for signal in {number for number, _, _ in carriers}:
        own = [(position, weight) for number, position, weight in carriers if number == signal]
        heaviest = max(weight for _, weight in own)
        lead = min(position for position, weight in own if weight == heaviest)
        total = sum(weight for _, weight in own)
        factors, means = {}, {}
        for index, (tss, chromosome) in enumerate(starts):
            if chromosome == "12"[signal % 2] and abs(tss - lead) <= window:
                product = math.prod((abs(tss - position) + 1_000.0) ** (weight / total) for position, weight in own)
                factors[index], means[index] = product ** (slope / math.log(10)), math.log10(product)
        for index, factor in factors.items():
            pairs[signal, index] = (means[index], factor / sum(factors.values()))
    return pairs


@given(carriers=CARRIERS, starts=STARTS, slope=st.floats(-4, 0), window=st.sampled_from([20_000, 100_000, 500_000]))
def test_shares_are_those_of_a_slow_loop_in_any_order(
    carriers: list[tuple[int, int, float]], starts: list[tuple[int, str]], slope: float, window: int
) -> None:
    expected = slow_shares(carriers, starts, slope, window)
    targets = pd.DataFrame(starts, columns=["tss", "chromosome"])
    table = pd.DataFrame(carriers, columns=["signal", "position", "weight"])
    table["chromosome"] = ["12"[signal % 2] for signal in table["signal"]]
    for rows in (table, table.iloc[::-1], table.sort_values("weight")):
        found = share(rows, targets, slope=slope, window=window)
        pairs = list(zip(found.signal.tolist(), found.gene.tolist(), strict=True))
        assert pairs == sorted(expected)
        assert found.mean_log10_distance == pytest.approx([expected[pair][0] for pair in pairs], abs=1e-9)
        assert found.share == pytest.approx([expected[pair][1] for pair in pairs], abs=1e-9)
    totals = found.per_gene(np.arange(4), shape=(4, len(starts)))
    assert totals.sum(axis=1) == pytest.approx([float(signal in found.signal) for signal in range(4)])
    assert all(totals[pair] == pytest.approx(share) for pair, (_, share) in expected.items())
