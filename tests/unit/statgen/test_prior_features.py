"""Features against hand-made tables: only what a stratum leaves to tell, and nothing where nothing is known."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from locus2target.statgen.prior_features import (
    annotation_feature,
    frequency_distance_strata,
    sequence_features,
    tss_distances,
)


def variants_of(*names, loci=None):
    return pd.DataFrame({"locus": loci if loci is not None else ["a"] * len(names), "variant": list(names)})


def effects_of(quantiles, model="m"):
    rows = [(model, variant, value) for variant, value in quantiles.items()]
    table = pd.DataFrame(rows, columns=["model", "variant", "background_quantile"])
    types = {"model": "str", "variant": "str", "background_quantile": "float64", "largest": "bool"}
    return table.assign(largest=True).astype(types)


def one_stratum(variants):
    return np.zeros(len(variants), dtype=np.int64)


@given(
    places=st.lists(st.tuples(st.sampled_from("12X"), st.integers(1, 500)), min_size=1, max_size=20),
    starts=st.lists(st.tuples(st.sampled_from("12"), st.integers(1, 500)), max_size=10),
)
def test_distance_is_to_the_nearest_start_of_the_chromosome(places, starts):
    variants = pd.DataFrame(places, columns=["chromosome", "position"])
    genes = pd.DataFrame(starts, columns=["chromosome", "tss"])
    slow = [
        min((abs(position - tss) for name, tss in starts if name == chromosome), default=np.inf)
        for chromosome, position in places
    ]
    np.testing.assert_array_equal(tss_distances(variants, genes), slow)


def test_strata_part_frequencies_distances_and_the_unknown():
    frequency = np.array([0.005, 0.01, 0.2, np.nan, 0.005, 0.005])
    distance = np.array([0.0, 0.0, 0.0, 0.0, 10_000.0, np.inf])
    strata = frequency_distance_strata(frequency, distance)
    assert len(set(strata)) == 6
    np.testing.assert_array_equal(strata, frequency_distance_strata(frequency + 1e-9, distance * 1.1))


def test_score_is_the_normal_score_of_its_rank_in_units_of_its_spread():
    variants = variants_of("p", "q", "r", "s")
    effects = pd.concat([effects_of({"p": 0.1, "q": 0.95, "r": 0.3, "s": 0.2}), effects_of({"p": np.nan, "q": 0.01})])
    (feature,) = sequence_features(variants, effects, one_stratum(variants))
    scores = norm.ppf([0.125, 0.875, 0.625, 0.375])
    np.testing.assert_allclose(feature.values, scores / scores.std(), rtol=1e-12)
    assert (feature.name, feature.n_unknown, feature.status) == ("sequence_score:m", 0, "ok")


def test_each_model_is_a_feature_and_only_the_order_of_its_scores_counts():
    variants = variants_of("p", "q", "r")
    effects = pd.concat([effects_of({"p": 0.1, "q": 0.2, "r": 0.9}), effects_of({"p": 0.7, "q": 0.8, "r": 0.81}, "n")])
    first, second = sequence_features(variants, effects, one_stratum(variants))
    assert (first.name, second.name) == ("sequence_score:m", "sequence_score:n")
    np.testing.assert_allclose(first.values, second.values, rtol=1e-12)


def test_frequency_and_distance_leave_no_trace_in_a_score():
    generator = np.random.default_rng(2)
    strata = generator.integers(0, 4, 2000)
    names = [f"v{number}" for number in range(2000)]
    quantiles = dict(zip(names, np.clip(0.2 * strata + 0.3 * generator.random(2000), 0, 1), strict=True))
    (feature,) = sequence_features(variants_of(*names), effects_of(quantiles), strata)
    means = [feature.values[strata == stratum].mean() for stratum in range(4)]
    np.testing.assert_allclose(means, 0.0, atol=1e-12)
    assert feature.values.std() == pytest.approx(1.0)


def test_a_variant_without_score_is_at_the_mean_and_counted():
    variants = variants_of("p", "q", "r", "indel")
    (feature,) = sequence_features(
        variants, effects_of({"p": 0.1, "q": 0.2, "r": 0.3, "indel": np.nan}), one_stratum(variants)
    )
    assert feature.values[3] == 0.0
    assert feature.n_unknown == 1
    np.testing.assert_allclose(feature.values[:3].mean(), 0.0, atol=1e-12)


def test_scores_of_a_chosen_few_are_not_used(caplog):
    """Where only likely variants were scored, those without score are not average: the locus gets no feature."""
    variants = variants_of(*"pqrspqrst", loci=["a"] * 4 + ["b"] * 5)
    effects = effects_of({"p": 0.9, "q": 0.4})
    with caplog.at_level(logging.WARNING):
        (feature,) = sequence_features(variants, effects, one_stratum(variants))
    assert (feature.values[:2] != 0).all()
    assert (feature.values[2:] == 0).all()
    assert feature.n_unknown == 7
    assert "2 scores not used" in caplog.text


@pytest.mark.parametrize("quantiles", [{}, {"p": np.nan, "q": np.nan}, {"p": 0.5, "q": 0.5}])
def test_a_model_that_tells_no_variants_apart_says_so(quantiles):
    variants = variants_of("p", "q")
    found = sequence_features(variants, effects_of(quantiles), one_stratum(variants))
    assert [feature.status for feature in found] == (["no_scores"] if quantiles else [])
    assert all((feature.values == 0).all() for feature in found)


def test_annotation_is_what_is_above_the_share_of_the_stratum():
    variants = variants_of("p", "q", "r", "s", "t")
    strata = np.array([0, 0, 0, 0, 7])
    feature = annotation_feature("open_chromatin", variants, {"p", "t", "elsewhere"}, strata)
    np.testing.assert_allclose(feature.values, [0.75, -0.25, -0.25, -0.25, 0.0], atol=1e-15)
    assert (feature.status, feature.n_unknown) == ("ok", 0)


@pytest.mark.parametrize(
    ("carriers", "status", "n_unknown"),
    [(None, "no_annotation", 2), (set(), "no_variation", 0), ({"p", "q"}, "no_variation", 0)],
)
def test_an_annotation_that_says_nothing_says_why(carriers, status, n_unknown):
    variants = variants_of("p", "q")
    feature = annotation_feature("coding_consequence", variants, carriers, one_stratum(variants))
    assert (feature.status, feature.n_unknown) == (status, n_unknown)
    assert feature.reason
    assert (feature.values == 0).all()


def test_no_variants_have_no_features():
    variants = variants_of()
    assert annotation_feature("open_chromatin", variants, {"p"}, one_stratum(variants)).status == "no_variation"
    (feature,) = sequence_features(variants, effects_of({"p": 0.1, "q": 0.2}), one_stratum(variants))
    assert (feature.status, len(feature.values)) == ("no_scores", 0)
