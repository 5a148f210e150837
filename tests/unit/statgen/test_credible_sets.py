"""Credible sets of made-up effects, worked out by hand."""

import numpy as np
import pytest

from locus2target.statgen.credible_sets import find_credible_sets
from locus2target.statgen.engine import SusieInput

ACTIVE = 0.1


def find(alpha, r=None, *, variance=None, coverage=0.95, min_purity=0.5, null_weight=0.0, factor=None):
    alpha = np.atleast_2d(np.array(alpha, dtype=np.float64))
    p = alpha.shape[1]
    r = np.ones((p, p)) if r is None and factor is None else r
    data = SusieInput(np.zeros(p), r, 100.0, null_weight=null_weight, factor=factor)
    variance = np.full(len(alpha), ACTIVE) if variance is None else np.array(variance)
    return find_credible_sets(data, alpha, variance, coverage=coverage, min_purity=min_purity)


def members(found):
    return [(one.effect, one.variables.tolist()) for one in found]


def test_the_fewest_variants_that_cover():
    found = find([0.2, 0.5, 0.01, 0.26, 0.03])
    assert members(found) == [(0, [0, 1, 3])]
    assert found[0].coverage == pytest.approx(0.96)
    assert members(find([0.2, 0.5, 0.01, 0.26, 0.03], coverage=0.97)) == [(0, [0, 1, 3, 4])]


def test_ties_go_by_index():
    assert members(find([0.25, 0.25, 0.25, 0.25], coverage=0.5)) == [(0, [0, 1])]


def test_idle_effects_and_repetitions_have_none():
    alpha = [[0.99, 0.01, 0.0], [0.98, 0.02, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert members(find(alpha, variance=[ACTIVE, ACTIVE, 1e-9, ACTIVE])) == [(0, [0]), (3, [2])]


def test_purity_is_of_all_pairs_and_orders_the_sets():
    r = np.eye(5)
    for first, second, value in ((0, 1, -0.9), (0, 2, 0.8), (1, 2, -0.6), (3, 4, 0.7)):
        r[first, second] = r[second, first] = value
    alpha = [[0.4, 0.3, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 0.5, 0.5]]
    found = find(alpha, r)
    assert members(found) == [(1, [3, 4]), (0, [0, 1, 2])]
    purity = [(one.purity_min, one.purity_mean, one.purity_median) for one in found]
    np.testing.assert_allclose(purity, [(0.7, 0.7, 0.7), (0.6, 2.3 / 3, 0.8)], rtol=1e-15)
    assert members(find(alpha, r, min_purity=0.65)) == [(1, [3, 4])]
    assert find(alpha, r, min_purity=0.75) == ()


def test_a_set_with_the_null_is_none():
    assert members(find([0.6, 0.36, 0.01], null_weight=0.1)) == [(0, [0, 1])]  # the null has 0.03
    assert find([0.6, 0.3, 0.01], null_weight=0.1) == ()  # the null has 0.09
    assert find([0.3, 0.3, 0.3], null_weight=0.1) == ()


def test_a_factor_gives_the_same_purity():
    people = np.random.default_rng(4).normal(size=(30, 6)) + np.random.default_rng(5).normal(size=(30, 1)) * 2
    centred = people - people.mean(axis=0)
    factor = centred / np.sqrt(np.square(centred).sum(axis=0))
    alpha = [[0.3, 0.3, 0.4, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.3, 0.2, 0.5]]
    by_matrix, by_factor = find(alpha, factor.T @ factor, min_purity=0.1), find(alpha, factor=factor, min_purity=0.1)
    assert members(by_matrix) == members(by_factor)
    assert len(by_matrix) == 2
    for one, other in zip(by_matrix, by_factor, strict=True):
        assert one.purity_median == pytest.approx(other.purity_median)
        assert one.purity_mean == pytest.approx(other.purity_mean)
