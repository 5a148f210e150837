"""Other signals of a study: one locus with two credible sets and a neighbouring locus, by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_toys import WEIGHTS, gene, locus_data, table, variant

from locus2target.core import schemas
from locus2target.targets.evidence_distance import measure_distances
from locus2target.targets.evidence_rows import LocusData
from locus2target.targets.evidence_signals import other_signals_evidence, tabulate_signals
from locus2target.targets.weights import read_weights

TABLE = read_weights(WEIGHTS)
SLOPE, WEIGHT = -1.85, 2.206  # share_slope and log1p_signals of other_signals
WINDOW = 300_000

GENES = [gene("A", 1_000_000), gene("B", 1_100_000), gene("C", 1_400_000)]
FIRST = [variant(1_001_000, 0.9)]
SECOND = [variant(1_099_000, 0.6, credible_set=2), variant(1_109_000, 0.2, credible_set=2)]
BESIDE = [variant(1_050_000, 0.001, credible_set=None)]  # in no credible set: part of no signal
NEIGHBOUR = [variant(1_390_000, 0.5) | {"locus": "L2"}, variant(1_391_000, 0.4) | {"locus": "L2"}]


def parts_of(*signals: dict[str, float]) -> list[dict[str, float]]:
    """Share of each gene in each signal, from (distance + 1 kb) as a weighted geometric mean."""
    factors = [{name: mean ** (SLOPE / math.log(10)) for name, mean in means.items()} for means in signals]
    return [{name: factor / sum(own.values()) for name, factor in own.items()} for own in factors]


# the window leaves C (399 kb) out of signal 1, C (301 kb) out of signal 2, and A (390 kb) out of the neighbour's signal
ONE, TWO, NEXT = parts_of(
    {"A": 2_000, "B": 100_000},
    {"A": 100_000**0.75 * 110_000**0.25, "B": 2_000**0.75 * 10_000**0.25},
    {"B": 291_000 ** (5 / 9) * 292_000 ** (4 / 9), "C": 11_000 ** (5 / 9) * 10_000 ** (4 / 9)},
)


def credible_sets(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(schemas.CREDIBLE_SETS, rows)


def tabulate(*rows: dict[str, Any], window: int = WINDOW) -> pd.DataFrame:
    return tabulate_signals(credible_sets(*rows), table(schemas.GENES, GENES), TABLE, window_bp=window)


def locus_with(
    variants: Sequence[dict[str, Any]],
    *,
    elsewhere: Sequence[dict[str, Any]] = (),
    genes: Sequence[dict[str, Any]] = GENES,
) -> LocusData:
    """The locus L1, whose signals are those within 300 kb."""
    data = locus_data(genes, variants, elsewhere=elsewhere)
    both = credible_sets(*variants, *elsewhere)
    return replace(data, signals=tabulate_signals(both, table(schemas.GENES, genes), TABLE, window_bp=WINDOW))


def rows_of(data: LocusData) -> dict[str, dict[str, Any]]:
    return {str(row["gene_symbol"]): row for row in other_signals_evidence(data, TABLE)}


def test_signals_and_their_shares_by_hand() -> None:
    found = tabulate(*FIRST, *SECOND, *BESIDE, *NEIGHBOUR)
    cells = found[["study", "locus", "credible_set", "gene_id", "variant"]].to_numpy().tolist()
    assert cells == [
        ["S", "L1", 1, "ENSG_A", "1:1001000:A:G"],
        ["S", "L1", 1, "ENSG_B", "1:1001000:A:G"],
        ["S", "L1", 2, "ENSG_A", "1:1099000:A:G"],
        ["S", "L1", 2, "ENSG_B", "1:1099000:A:G"],
        ["S", "L2", 1, "ENSG_B", "1:1390000:A:G"],
        ["S", "L2", 1, "ENSG_C", "1:1390000:A:G"],
    ]
    expected = [ONE["A"], ONE["B"], TWO["A"], TWO["B"], NEXT["B"], NEXT["C"]]
    assert found["share"].tolist() == pytest.approx(expected)
    assert found.groupby(["locus", "credible_set"])["share"].sum().tolist() == pytest.approx([1, 1, 1])


def test_other_signals_by_hand() -> None:
    """A's own signal is the first, B's and C's the second; each has the shares of the two others."""
    rows = rows_of(locus_with([*FIRST, *SECOND, *BESIDE], elsewhere=NEIGHBOUR))
    sums = {"A": TWO["A"], "B": ONE["B"] + NEXT["B"], "C": NEXT["C"]}
    assert {name: row["value"] for name, row in rows.items()} == pytest.approx(sums)
    factors = {name: (1 + number) ** WEIGHT for name, number in sums.items()}
    mean = sum(factors.values()) / 3
    expected = {name: math.log(factor / mean) for name, factor in factors.items()}
    assert {name: row["log_odds"] for name, row in rows.items()} == pytest.approx(expected)
    assert all(row["log_odds_unweighted"] == row["log_odds"] for row in rows.values())
    assert {(row["source"], row["unit"], row["status"]) for row in rows.values()} == {
        ("other_signals", "signals", "ok")
    }
    assert rows["C"]["log_odds"] > 0 > rows["A"]["log_odds"]
    # strongest first, and only what is worth a word
    assert rows["B"]["variants"] == "1:1390000:A:G,1:1001000:A:G"
    assert rows["C"]["detail"].startswith("0.94 other signals of the study act through C")
    assert "(2 near it)" in rows["B"]["detail"]


def test_own_signals_never_count() -> None:
    """A gene on its signal has nothing from it; a second signal there, or in another locus, counts at once."""
    alone = rows_of(locus_with(FIRST))
    assert list(alone) == ["none of these"]
    assert (alone["none of these"]["value"], alone["none of these"]["log_odds"]) == (0.0, 0.0)
    assert "no other signal" in alone["none of these"]["detail"]
    again = [variant(1_001_100, 0.9, credible_set=2)]
    (share,) = parts_of({"A": 2_100, "B": 99_900})
    for rows in (
        rows_of(locus_with([*FIRST, *again])),
        rows_of(locus_with(FIRST, elsewhere=[again[0] | {"locus": "L2", "credible_set": 1}])),
    ):
        assert rows["A"]["value"] == pytest.approx(share["A"])
        assert "no other signal of the study points at C" in rows["C"]["detail"]


def test_a_set_of_the_same_number_in_another_locus_is_no_own_signal() -> None:
    data = locus_with(FIRST, elsewhere=[variant(1_003_000, 0.9) | {"locus": "L2"}])
    (share,) = parts_of({"A": 4_000, "B": 98_000})
    assert rows_of(data)["A"]["value"] == pytest.approx(share["A"])


def test_a_locus_without_credible_sets_is_one_signal_of_all_its_variants() -> None:
    """Its own genes leave it out; the neighbour's genes have it."""
    loose = [variant(1_000_500, 0.03, credible_set=None), variant(1_009_000, 0.01, credible_set=None)]
    found = tabulate(*loose)
    assert found["credible_set"].isna().all()
    (share,) = parts_of({"A": 1_500**0.75 * 10_000**0.25, "B": 100_500**0.75 * 92_000**0.25})
    assert dict(zip(found["gene_id"], found["share"], strict=True)) == pytest.approx(
        {f"ENSG_{name}": value for name, value in share.items()}
    )
    assert list(rows_of(locus_with(loose))) == ["none of these"]
    away = [row | {"locus": "L2"} for row in loose]
    assert rows_of(locus_with(FIRST, elsewhere=away))["A"]["value"] == pytest.approx(share["A"])


def test_without_pips_there_are_no_signals_and_others_still_count() -> None:
    unknown = [variant(1_001_000, None)]
    assert tabulate(*unknown).empty
    assert tabulate(*unknown).columns.tolist() == tabulate(*FIRST).columns.tolist()
    assert list(rows_of(locus_with(unknown))) == ["none of these"]
    rows = rows_of(locus_with(unknown, elsewhere=NEIGHBOUR))
    assert rows["C"]["value"] == pytest.approx(NEXT["C"])


def test_sets_whose_pips_are_all_0_are_no_signals() -> None:
    assert tabulate(*FIRST, variant(1_099_000, 0.0, credible_set=2))["credible_set"].unique().tolist() == [1]


@pytest.mark.parametrize("names", [["FAR"], ["FAR", "TWIN"]])
def test_less_than_a_hundredth_of_a_signal_is_not_worth_a_row(names: list[str]) -> None:
    """A signal 295 kb from B and on a gene: B has 0.0102 of it. On two genes B has 0.0051, and the locus one row."""
    genes = [gene("B", 1_100_000), *(gene(name, 1_395_000) for name in names)]
    data = locus_with([variant(1_100_000, 0.9)], elsewhere=[variant(1_395_000, 0.9) | {"locus": "L2"}], genes=genes)
    only = replace(data, candidates=replace(data.candidates, genes=data.candidates.genes.head(1)))
    (row,) = other_signals_evidence(only, TABLE)
    (share,) = parts_of({"B": 296_000} | dict.fromkeys(names, 1_000))
    if len(names) == 1:
        assert (row["gene_id"], row["value"]) == ("ENSG_B", pytest.approx(share["B"]))
        assert share["B"] == pytest.approx(0.0102, abs=1e-4)
    else:
        assert (row["gene_id"], row["value"], row["status"]) == ("none", 0.0, "ok")
        assert share["B"] == pytest.approx(0.0051, abs=1e-4)


def test_one_gene_has_no_log_odds() -> None:
    rows = rows_of(locus_with(FIRST, elsewhere=[variant(1_003_000, 0.9) | {"locus": "L2"}], genes=GENES[:1]))
    assert (rows["A"]["value"], rows["A"]["log_odds"]) == (1.0, 0.0)


PLACES = st.integers(700_000, 1_600_000)
CARRIERS = st.lists(
    st.tuples(PLACES, st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from(["L1", "L2", "L3"]), st.sampled_from([1, 2])),
    min_size=1,
    max_size=10,
    unique_by=lambda cell: cell[0],
)


@settings(max_examples=30)
@given(carriers=CARRIERS, seed=st.integers(0, 100))
def test_values_are_all_shares_less_the_own_signals_in_any_order(
    carriers: list[tuple[int, float, str, int]], seed: int
) -> None:
    rows = [variant(place, pip, credible_set=number) | {"locus": at} for place, pip, at, number in carriers]
    shuffled = [rows[index] for index in np.random.default_rng(seed).permutation(len(rows))]
    made = []
    for ordered in (rows, shuffled):
        here = [row for row in ordered if row["locus"] == "L1"]
        data = locus_data(GENES, here, elsewhere=[row for row in ordered if row["locus"] != "L1"])
        made.append((data, rows_of(data)))
    (data, found), (_, again) = made
    assert list(found) == list(again)
    for name, row in found.items():
        for column in ("value", "log_odds"):
            assert row[column] == pytest.approx(again[name][column], abs=1e-9)
    own = dict(zip("ABC", measure_distances(data).credible_set, strict=True))
    expected = {
        name: sum(
            signal.share
            for signal in data.signals.itertuples(index=False)
            if signal.gene_id == f"ENSG_{name}" and (signal.locus != "L1" or signal.credible_set != own[name])
        )
        for name in "ABC"
    }
    if max(expected.values()) >= 0.01:
        assert {name: row["value"] for name, row in found.items()} == pytest.approx(expected)
        assert np.exp([row["log_odds"] for row in found.values()]).mean() == pytest.approx(1)
    else:
        assert list(found) == ["none of these"]
