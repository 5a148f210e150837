"""Features against hand-made tables: only what a stratum leaves to tell, and nothing where nothing is known."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from locus2target.core.variant_codes import VariantCodes
from locus2target.core.variants import variant_keys
from locus2target.statgen.functional_priors import Groups
from locus2target.statgen.prior_features import (
    PriorVariants,
    annotation_feature,
    frequency_distance_strata,
    sequence_feature,
    sequence_scores,
    tss_distances,
)


def key_of(name):
    """One variant per name: its position is made of the letters."""
    return f"1:{int.from_bytes(name.encode()) % 2**29}:A:C"


def variants_of(*names, lengths=None, strata=None):
    """Variants by name, locus by locus, in one stratum unless given."""
    keys = VariantCodes()
    codes = keys.encode_keys(pd.Series([key_of(name) for name in names], dtype="str"))
    strata = np.zeros(len(names), dtype=np.int8) if strata is None else np.asarray(strata, dtype=np.int8)
    lengths = ([len(names)] if names else []) if lengths is None else lengths
    return PriorVariants.of_codes(keys, codes, Groups.of_lengths(lengths), strata)


def effects_of(quantiles, model="m"):
    rows = [(model, key_of(variant), value) for variant, value in quantiles.items()]
    table = pd.DataFrame(rows, columns=["model", "variant", "background_quantile"])
    types = {"model": "str", "variant": "str", "background_quantile": "float64", "largest": "bool"}
    return table.assign(largest=True).astype(types)


def features_of(variants, *effects):
    scores = sequence_scores(effects, variants)
    return [sequence_feature(model, of_model, variants) for model, of_model in scores.items()]


def carriers_of(variants, names):
    having = [key_of(name) for name in names]
    return variants.keys.decode(variants.distinct)["variant"].isin(having).to_numpy()


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
    """The largest score of a variant counts, wherever it stands."""
    (column,) = features_of(
        variants_of("p", "q", "r", "s"),
        effects_of({"p": 0.1, "q": 0.95, "r": 0.3, "s": 0.2, "elsewhere": 0.5}),
        effects_of({"p": np.nan, "q": 0.01}),
    )
    scores = norm.ppf([0.125, 0.875, 0.625, 0.375])
    np.testing.assert_allclose(column.values, scores / scores.std(), rtol=1e-12)
    assert (column.feature.name, column.feature.n_unknown, column.feature.status) == ("sequence_score:m", 0, "ok")


def test_only_the_largest_effects_of_a_variant_are_read():
    effects = effects_of({"p": 0.1, "q": 0.2, "r": 0.9}).assign(largest=[True, True, False])
    (scores,) = sequence_scores([effects], variants_of("p", "q", "r")).values()
    assert np.isnan(scores).tolist() == [False, False, True]


def test_each_model_is_a_feature_and_only_the_order_of_its_scores_counts():
    effects = [effects_of({"p": 0.7, "q": 0.8, "r": 0.81}, "n"), effects_of({"p": 0.1, "q": 0.2, "r": 0.9})]
    first, second = features_of(variants_of("p", "q", "r"), *effects)
    assert (first.feature.name, second.feature.name) == ("sequence_score:m", "sequence_score:n")
    np.testing.assert_allclose(first.values, second.values, rtol=1e-12)


def test_frequency_and_distance_leave_no_trace_in_a_score():
    generator = np.random.default_rng(2)
    strata = generator.integers(0, 4, 2000)
    names = [f"v{number}" for number in range(2000)]
    quantiles = dict(zip(names, np.clip(0.2 * strata + 0.3 * generator.random(2000), 0, 1), strict=True))
    (column,) = features_of(variants_of(*names, strata=strata), effects_of(quantiles))
    means = [column.values[strata == stratum].mean() for stratum in range(4)]
    np.testing.assert_allclose(means, 0.0, atol=1e-12)
    assert column.values.std() == pytest.approx(1.0)


def test_a_variant_without_score_is_at_the_mean_and_counted():
    effects = effects_of({"p": 0.1, "q": 0.2, "r": 0.3, "indel": np.nan})
    (column,) = features_of(variants_of("p", "q", "r", "indel"), effects)
    assert column.values[3] == 0.0
    assert column.feature.n_unknown == 1
    np.testing.assert_allclose(column.values[:3].mean(), 0.0, atol=1e-12)


def test_scores_of_a_chosen_few_are_not_used(caplog):
    """Where only likely variants were scored, those without score are not average: the locus gets no feature."""
    variants = variants_of(*"pqrspqrst", lengths=[4, 5])
    with caplog.at_level(logging.WARNING):
        (column,) = features_of(variants, effects_of({"p": 0.9, "q": 0.4}))
    assert (column.values[:2] != 0).all()
    assert (column.values[2:] == 0).all()
    assert column.feature.n_unknown == 7
    assert "2 scores not used" in caplog.text


@pytest.mark.parametrize("quantiles", [{}, {"p": np.nan, "q": np.nan}, {"p": 0.5, "q": 0.5}])
def test_a_model_that_tells_no_variants_apart_says_so(quantiles):
    found = features_of(variants_of("p", "q"), effects_of(quantiles))
    assert [column.feature.status for column in found] == (["no_scores"] if quantiles else [])
    assert all((column.values == 0).all() for column in found)


def test_annotation_is_what_is_above_the_share_of_the_stratum():
    variants = variants_of("p", "q", "r", "s", "t", strata=[0, 0, 0, 0, 7])
    column = annotation_feature("open_chromatin", carriers_of(variants, {"p", "t", "elsewhere"}), variants)
    np.testing.assert_allclose(column.values, [0.75, -0.25, -0.25, -0.25, 0.0], atol=1e-15)
    assert (column.feature.status, column.feature.n_unknown) == ("ok", 0)


@pytest.mark.parametrize(
    ("names", "status", "n_unknown"),
    [(None, "no_annotation", 2), (set(), "no_variation", 0), ({"p", "q"}, "no_variation", 0)],
)
def test_an_annotation_that_says_nothing_says_why(names, status, n_unknown):
    variants = variants_of("p", "q")
    carriers = None if names is None else carriers_of(variants, names)
    column = annotation_feature("coding_consequence", carriers, variants)
    assert (column.feature.status, column.feature.n_unknown, column.feature.n_variants) == (status, n_unknown, 2)
    assert column.feature.reason
    assert (column.values == 0).all()


def test_no_variants_have_no_features():
    variants = variants_of()
    nothing = annotation_feature("open_chromatin", np.empty(0, dtype=bool), variants)
    assert nothing.feature.status == "no_variation"
    (column,) = features_of(variants, effects_of({"p": 0.1, "q": 0.2}))
    assert (column.feature.status, len(column.values)) == ("no_scores", 0)


def test_variants_at_the_places_of_others_come_as_they_first_stand():
    table = pd.DataFrame(
        [("2", 5, "A", "C"), ("1", 7, "A", "C"), ("1", 5, "C", "A"), ("1", 5, "A", "C"), ("2", 5, "A", "C")],
        columns=["chromosome", "position", "ref", "alt"],
    )
    keys = VariantCodes()
    variants = PriorVariants.of_codes(keys, keys.encode(table), Groups.of_lengths([3, 2]), np.zeros(5, dtype=np.int8))
    others = pd.DataFrame({"chromosome": ["1", "9", "2"], "position": [5, 7, 5], "ref": "T", "alt": "G"})
    near = keys.decode(variants.distinct[variants.at_places_of(others)])["variant"].tolist()
    assert near == variant_keys(table.iloc[[0, 2, 3]]).tolist()
    assert keys.chromosomes == ["2", "1"]
