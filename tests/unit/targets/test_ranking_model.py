import json
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize
from scipy.special import softmax

from locus2target.core.errors import InputError
from locus2target.targets.ranking_model import (
    MODELS,
    PENALTY,
    FittedModel,
    LocusTable,
    fit_model,
    fit_weights,
    locus_table,
    log_loss,
    read_models,
    softmax_by_locus,
    weighted,
    write_models,
)

Floats = npt.NDArray[np.float64]
NAMES = ("first", "second")
PLANTED = np.array([-2.0, 1.0])


def simulate(seed: int, *, n_loci: int, n_genes: int = 6, n_chromosomes: int = 4, scale: float = 1.0) -> LocusTable:
    """Loci whose target is drawn with the planted odds times `scale`; every locus has a vote of 1."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n_loci, n_genes, len(NAMES)))
    odds = softmax(scale * features @ PLANTED, axis=1)
    target = np.zeros((n_loci, n_genes))
    target[np.arange(n_loci), [generator.choice(n_genes, p=row) for row in odds]] = 1.0
    chromosomes = np.array([str(1 + number % n_chromosomes) for number in range(n_loci)])
    return LocusTable(
        np.repeat(np.arange(n_loci), n_genes),
        np.repeat(chromosomes, n_genes),
        pd.DataFrame(features.reshape(-1, len(NAMES)), columns=list(NAMES)),
        target.ravel(),
    )


def slow_loss(weights: npt.ArrayLike, table: LocusTable, *, penalty: float = PENALTY) -> float:
    """Penalised loss, one locus and one candidate at a time."""
    values = np.asarray(weights, dtype=np.float64)
    total = penalty / 2 * sum(float(value) ** 2 for value in values)
    for locus in set(table.locus.tolist()):
        rows = np.flatnonzero(table.locus == locus)
        scores = [
            sum(float(w) * float(x) for w, x in zip(values, table.features.iloc[row], strict=True)) for row in rows
        ]
        whole = sum(exp(score) for score in scores)
        total -= sum(float(table.target[row]) * log(exp(s) / whole) for row, s in zip(rows, scores, strict=True))
    return total


def with_target(table: LocusTable, target: Floats) -> LocusTable:
    return LocusTable(table.locus, table.chromosome, table.features, target)


# -- softmax and loss --------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-1e3, 1e3))
def test_softmax_of_loci_that_lie_mixed(seed: int, shift: float) -> None:
    generator = np.random.default_rng(seed)
    locus = np.append(generator.permutation(np.repeat(np.arange(4), 3)), 4)  # the last locus has one candidate
    values = generator.normal(scale=200.0, size=13)  # exp(200 x 3) is beyond float64
    found = softmax_by_locus(values, locus)
    for number in range(5):
        np.testing.assert_allclose(found[locus == number], softmax(values[locus == number]), rtol=1e-12, atol=1e-300)
    shifted = softmax_by_locus(values + shift * (locus == 2), locus)
    np.testing.assert_allclose(shifted, found, rtol=1e-9, atol=1e-300)


def test_no_candidates_have_no_probabilities() -> None:
    assert softmax_by_locus(np.zeros(0), np.zeros(0, dtype=np.int64)).shape == (0,)


def test_loss_by_hand() -> None:
    """One locus of two genes at odds 3 to 1 that counts half, one of three equal genes."""
    table = LocusTable(
        np.array([0, 0, 1, 1, 1]), np.array(["1"] * 5), pd.DataFrame({"x": np.zeros(5)}), np.array([0.5, 0, 0, 1, 0])
    )
    assert log_loss(np.array([log(3), 0, 7, 7, 7]), table) == pytest.approx(0.5 * log(4 / 3) + log(3))


def test_an_impossible_target_costs_much_and_not_everything() -> None:
    table = LocusTable(np.array([0, 0]), np.array(["1", "1"]), pd.DataFrame({"x": np.zeros(2)}), np.array([1.0, 0.0]))
    assert log_loss(np.array([0.0, 1e4]), table) == pytest.approx(-log(np.finfo(np.float64).tiny))


# -- the fit -----------------------------------------------------------------------------------------------------------


def test_planted_weights_come_back() -> None:
    found = fit_weights(simulate(1, n_loci=3_000), NAMES)
    assert list(found) == list(NAMES)
    np.testing.assert_allclose(list(found.values()), PLANTED, atol=0.15)


def test_weights_without_any_signal_are_near_0() -> None:
    table = simulate(2, n_loci=3_000, scale=0.0)
    np.testing.assert_allclose(list(fit_weights(table, NAMES).values()), [0.0, 0.0], atol=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_fit_equals_a_search_without_gradients(seed: int) -> None:
    table = simulate(seed, n_loci=25)
    table = with_target(table, table.target * np.random.default_rng(seed).random(25)[table.locus])  # unequal votes
    expected = minimize(
        slow_loss, np.ones(2), args=(table,), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}
    )
    found = np.array(list(fit_weights(table, NAMES).values()))
    np.testing.assert_allclose(found, expected.x, atol=1e-5)
    np.testing.assert_allclose(approx_fprime(found, slow_loss, 1e-6, table), 0.0, atol=1e-4)


def test_a_locus_whose_target_is_no_candidate_has_no_say() -> None:
    table = simulate(3, n_loci=40)
    lost = table.locus < 20
    without = with_target(table, np.where(lost, 0.0, table.target))
    assert fit_weights(without, NAMES) == pytest.approx(fit_weights(table.select(~lost), NAMES), abs=1e-6)


def test_one_feature_is_fitted_alone() -> None:
    table = simulate(4, n_loci=60)
    only = LocusTable(table.locus, table.chromosome, table.features[["second"]], table.target)
    expected = minimize(
        slow_loss, np.ones(1), args=(only,), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}
    )
    assert fit_weights(table, ["second"]) == pytest.approx({"second": expected.x[0]}, abs=1e-5)


# -- what is held out --------------------------------------------------------------------------------------------------


def test_a_chromosome_never_reaches_its_own_fold() -> None:
    table = simulate(5, n_loci=60)
    before = fit_model(table, NAMES)
    assert sorted(before.folds) == ["1", "2", "3", "4"]
    here = table.chromosome == "3"
    generator = np.random.default_rng(0)
    rolled = np.where(here, np.roll(table.target, 1), table.target)  # another gene is the target
    noise = np.where(here[:, None], generator.normal(size=table.features.shape), table.features)
    noisy = LocusTable(table.locus, table.chromosome, pd.DataFrame(noise, columns=list(NAMES)), table.target)
    for after in (
        fit_model(with_target(table, rolled), NAMES),
        fit_model(with_target(table, np.where(here, 0.0, table.target)), NAMES),
        fit_model(noisy, NAMES),
        fit_model(table.select(~here), NAMES),
    ):
        unseen = after.folds.get("3", after.final)
        assert unseen == before.folds["3"]  # to the last bit, the temperature included
        assert after.folds["1"] != before.folds["1"]
    assert fit_model(with_target(table, rolled), NAMES).final != before.final


def test_folds_and_temperature_equal_a_slow_twin() -> None:
    """The temperature is the one that is best for log odds held out by chromosome, found here on a grid."""
    table = simulate(6, n_loci=48, scale=0.4)

    def slow(rows: npt.NDArray[np.bool_]) -> tuple[Floats, float]:
        part = table.select(rows)
        held_out = np.zeros(len(part.locus))
        for name in set(part.chromosome.tolist()):
            here = part.chromosome == name
            weights = list(fit_weights(part.select(~here), NAMES).values())
            held_out[here] = part.features[here].to_numpy() @ weights
        as_feature = LocusTable(part.locus, part.chromosome, pd.DataFrame({"x": held_out}), part.target)
        grid = np.linspace(0.2, 5.0, 481)
        best = float(grid[np.argmin([log_loss(factor * held_out, as_feature) for factor in grid])])
        return best * np.array(list(fit_weights(part, NAMES).values())), best

    found = fit_model(table, NAMES)
    weights, temperature = slow(np.ones(len(table.locus), dtype=np.bool_))
    assert found.temperature == pytest.approx(temperature, abs=0.006)
    np.testing.assert_allclose(list(found.final.values()), weights, rtol=0.02, atol=0.01)
    for name, fold in found.folds.items():
        np.testing.assert_allclose(list(fold.values()), slow(table.chromosome != name)[0], rtol=0.02, atol=0.01)


def test_few_loci_are_fitted_too_timidly_and_the_temperature_mends_it() -> None:
    """The penalty shrinks weights of 12 clear loci; held-out log odds say so."""
    assert fit_model(simulate(7, n_loci=12, scale=20.0), NAMES).temperature > 1.5
    assert fit_model(simulate(7, n_loci=12, scale=0.0), NAMES).temperature < 0.9


def test_nothing_to_hold_out_leaves_the_weights_alone() -> None:
    alone = simulate(8, n_loci=20, n_chromosomes=1)
    assert fit_model(alone, NAMES) == FittedModel(fit_weights(alone, NAMES), {"1": {"first": 0.0, "second": 0.0}}, 1.0)
    both = simulate(8, n_loci=20, n_chromosomes=2)
    assert fit_model(both, NAMES).folds["1"] == fit_weights(both.select(both.chromosome == "2"), NAMES)


def test_each_chromosome_is_predicted_by_its_own_fold() -> None:
    model = FittedModel({"x": 1.0}, {"2": {"x": 10.0}, "4": {"x": 100.0}}, 1.0)
    assert [model.weights_for(name)["x"] for name in ("2", "4", "6")] == [10.0, 100.0, 1.0]
    features = pd.DataFrame({"other": 9.0, "x": [1.0, 2.0, 3.0, 4.0]})
    table = LocusTable(np.array([0, 0, 1, 2]), np.array(["4", "4", "6", "2"]), features, np.zeros(4))
    assert model.log_odds(table).tolist() == [100.0, 200.0, 3.0, 40.0]


def test_weights_find_their_features_by_name() -> None:
    features = pd.DataFrame({"second": [10.0, 20.0], "first": [1.0, 2.0], "unused": [5.0, 5.0]})
    assert weighted(features, {"second": -1.0, "first": 1.0}).tolist() == [-9.0, -18.0]


# -- votes -------------------------------------------------------------------------------------------------------------


def votes(candidates: list[tuple[str, str, bool]]) -> LocusTable:
    table = pd.DataFrame(candidates, columns=["locus", "gene", "is_target"]).assign(chromosome="2")
    features = pd.DataFrame({"x": np.arange(float(len(table)))})
    return locus_table(table, features)


def test_loci_of_one_gene_share_one_vote() -> None:
    """The target of d is no candidate: a locus without a vote, which takes none from others."""
    table = votes(
        [("a", "G", True), ("a", "H", False), ("b", "G", True), ("c", "H", True), ("c", "G", False), ("d", "H", False)]
    )
    assert table.locus.tolist() == [0, 0, 1, 2, 2, 3]
    assert table.target.tolist() == [0.5, 0.0, 0.5, 1.0, 0.0, 0.0]
    assert table.features["x"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_locus_of_several_targets_has_one_vote() -> None:
    """Gene G is the target of a and b, H of a alone: G has 1/2 per locus, H 1; at a each counts half."""
    table = votes([("a", "G", True), ("a", "H", True), ("a", "I", False), ("b", "G", True)])
    assert table.target.tolist() == [0.25, 0.5, 0.0, 0.5]


def test_a_gene_found_for_thirty_traits_counts_once() -> None:
    """The fit on thirty copies of a gene's locus is the fit on one."""
    generator = np.random.default_rng(9)
    x = generator.normal(size=(10, 4))

    def fitted(copies: int) -> dict[str, float]:
        loci = [number for number in range(10) for _ in range(copies if number == 0 else 1)]
        rows = [
            (f"{place}", f"G{number}.{gene}", gene == number % 4)
            for place, number in enumerate(loci)
            for gene in range(4)
        ]
        candidates = pd.DataFrame(rows, columns=["locus", "gene", "is_target"]).assign(chromosome="2")
        table = locus_table(candidates, pd.DataFrame({"x": np.concatenate([x[number] for number in loci])}))
        return fit_weights(table, ["x"])

    assert fitted(30) == pytest.approx(fitted(1), abs=1e-6)


# -- the file ----------------------------------------------------------------------------------------------------------


def made_up() -> dict[str, FittedModel]:
    numbers = iter(np.random.default_rng(0).normal(size=100))
    return {
        name: FittedModel(
            {feature: float(next(numbers)) for feature in features},
            {chromosome: {feature: float(next(numbers)) for feature in features} for chromosome in ("2", "X")},
            1.25,
        )
        for name, features in MODELS.items()
    }


def test_models_come_back_from_the_file(tmp_path: Path) -> None:
    facts = {"version": "1", "shares_slope": -1.5, "files": {"a": "b"}}
    write_models(tmp_path / "models.json", made_up(), facts)
    models, found = read_models(tmp_path / "models.json")
    assert models == made_up()
    assert found == facts
    assert (tmp_path / "models.json").read_text().endswith("}\n")


def broken(content: dict[str, Any], *, change: str) -> str:
    if change == "model":
        del content["models"]["distance_only"]
    elif change == "slope":
        del content["shares_slope"]
    elif change == "slope in words":
        content["shares_slope"] = "steep"
    elif change == "feature":
        content["models"]["model"]["folds"]["2"]["literature"] = 1.0
    elif change == "field":
        del content["models"]["model"]["temperature"]
    elif change == "folds":
        content["models"]["model"]["folds"] = [1.0]
    return json.dumps([content] if change == "list" else content) + ("{" if change == "text" else "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model", "distance_only"),
        ("slope", "shares_slope"),
        ("slope in words", "steep"),
        ("feature", "model has weights of distance, other_signals, convergence, literature, not of"),
        ("field", "temperature"),
        ("folds", "not a file of fitted models"),
        ("list", "not a file of fitted models"),
        ("text", "not a file of fitted models"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "models.json"
    write_models(path, made_up(), {"shares_slope": -1.5})
    path.write_text(broken(json.loads(path.read_text()), change=change))
    with pytest.raises(InputError, match=message) as caught:
        read_models(path)
    assert str(path) in str(caught.value)
    assert "fit_ranking.py" in str(caught.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.json"):
        read_models(tmp_path / "absent.json")
