from math import log, sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from locus2target.targets.convergence import converge, pool_weights, score_sets

Floats = npt.NDArray[np.float64]
CHROMOSOMES = np.array(["1", "1", "2", "2", "3"])
MEMBERSHIP = np.array([[1, 0], [0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float64)
ALL = np.ones(5, dtype=np.bool_)


def random_case(seed: int) -> tuple[Floats, npt.NDArray[np.str_], sparse.csr_array, npt.NDArray[np.bool_]]:
    generator = np.random.default_rng(seed)
    n_diseases, n_genes, n_sets = (int(generator.integers(1, high)) for high in (5, 25, 7))
    weights = generator.gamma(0.5, size=(n_diseases, n_genes)) * (generator.random((n_diseases, n_genes)) < 0.5)
    chromosomes = generator.choice(["1", "2", "10", "X"], n_genes)
    membership = (generator.random((n_genes, n_sets)) < 0.3).astype(np.float64)
    return weights, chromosomes, sparse.csr_array(membership), generator.random(n_genes) < 0.8


def slow_pool(weights: Floats) -> Floats:
    pooled = weights.copy()
    for one, own in enumerate(weights):
        for other, theirs in enumerate(weights):
            if one != other and len(set(own)) > 1 and len(set(theirs)) > 1:
                pooled[one] += max(float(np.corrcoef(own, theirs)[0, 1]), 0.0) * theirs
    return np.minimum(pooled, 1.5)


def slow_scores(weights: Floats, membership: Floats, chromosomes: npt.NDArray[np.str_], gene: int) -> Floats:
    """Largest z of a gene's sets and the first set that has it (-1: none above 0), for each disease.

    From genes on other chromosomes, all studied.
    """
    others = [row for row in range(len(chromosomes)) if chromosomes[row] != chromosomes[gene]]
    result = []
    for disease in weights:
        best, best_set = 0.0, -1
        for column in np.flatnonzero(membership[gene]):
            members = [row for row in others if membership[row, column]]
            observed = sum(disease[row] for row in members)
            expected = len(members) * sum(disease[row] for row in others) / max(len(others), 1)
            z = (observed - expected) / sqrt(expected + 0.5)
            if z > best + 1e-12:  # two sums of the same weights may differ by rounding
                best, best_set = z, int(column)
        result.append([log(1 + best), best_set])
    return np.array(result)


def test_toy_by_hand() -> None:
    """Set 0 holds genes 0, 2, 4; set 1 holds genes 3, 4. One locus at gene 2, half a one at gene 4."""
    weights = np.array([[0.0, 0.0, 1.0, 0.0, 0.5]])
    found = converge(weights, CHROMOSOMES, sparse.csr_array(MEMBERSHIP), studied=ALL)
    # Chromosome 1 sees genes 2 to 4, mean weight 0.5: set 0 has 1.5 of 2 x 0.5. Chromosome 2 sees genes 0, 1 and 4,
    # mean 1/6: set 0 has 0.5 of 1/3, set 1 has 0.5 of 1/6. Chromosome 3 sees genes 0 to 3, mean 1/4: set 0 has 1 of
    # 1/2, set 1 has 0 of 1/4.
    z = [0.5 / sqrt(1.5), 0.0, (1 / 6) / sqrt(5 / 6), (1 / 3) / sqrt(2 / 3), 0.5]
    np.testing.assert_allclose(found.strongest, [np.log1p(z)], rtol=1e-14)
    assert found.best_set.tolist() == [[0, -1, 0, 1, 0]]


def test_set_scores_by_hand() -> None:
    membership = sparse.csr_array(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    z = score_sets(np.array([[3.0, 0.0, 1.0, 0.0]]), membership)
    np.testing.assert_allclose(z, [[1 / sqrt(2.5), 0.0]])  # each set is expected to carry 2; less counts as 0


def test_an_excess_that_rounding_could_make_counts_as_none() -> None:
    """Two genes, each a set of its own; the first has as much above the mean of 1/2 as the second has below."""
    for excess, expected in ((5e-10, 0.0), (2e-9, 2e-9)):
        weights = np.array([[0.5 + excess, 0.5 - excess]])
        z = score_sets(weights, sparse.csr_array(np.eye(2)))
        np.testing.assert_allclose(z, [[expected, 0.0]], rtol=1e-6)  # the variance is 1/2 + 1/2


def test_of_equal_sets_the_first_is_named() -> None:
    """Sets 1 and 2 have the same members, set 0 is another that carries less."""
    membership = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=np.float64)
    found = converge(np.array([[0.0, 0, 1, 0, 0]]), CHROMOSOMES, sparse.csr_array(membership), studied=ALL)
    assert found.best_set[0, 0] == 1
    swapped = converge(np.array([[0.0, 0, 1, 0, 0]]), CHROMOSOMES, sparse.csr_array(membership[:, ::-1]), studied=ALL)
    assert swapped.best_set[0, 0] == 0
    np.testing.assert_array_equal(swapped.strongest, found.strongest)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pooled=st.booleans())
def test_scores_equal_a_slow_loop_over_genes(seed: int, pooled: bool) -> None:
    weights, chromosomes, membership, studied = random_case(seed)
    found = converge(weights, chromosomes, membership, studied=studied, pooled=pooled)
    for gene in range(len(chromosomes)):
        rows = np.flatnonzero(studied | (np.arange(len(studied)) == gene))  # the gene itself is scored in any case
        known = weights[:, rows].copy()
        elsewhere = chromosomes[rows] != chromosomes[gene]
        if pooled and elsewhere.any():
            known[:, elsewhere] = slow_pool(known[:, elsewhere])
        own = int(np.flatnonzero(rows == gene)[0])
        expected = slow_scores(known, membership.toarray()[rows], chromosomes[rows], own)
        np.testing.assert_allclose(found.strongest[:, gene], expected[:, 0], atol=1e-12)
        clear = expected[:, 0] > 1e-9  # below, rounding decides whether a set is named
        assert found.best_set[clear, gene].tolist() == expected[clear, 1].astype(int).tolist()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), pooled=st.booleans(), factor=st.floats(0, 1e6))
def test_weights_on_a_chromosome_never_reach_its_own_genes(seed: int, pooled: bool, factor: float) -> None:
    weights, chromosomes, membership, studied = random_case(seed)
    here = chromosomes == chromosomes[0]
    changed = np.where(here, factor * np.random.default_rng(seed).random(weights.shape), weights)
    before = converge(weights, chromosomes, membership, studied=studied, pooled=pooled)
    after = converge(changed, chromosomes, membership, studied=studied, pooled=pooled)
    np.testing.assert_array_equal(after.strongest[:, here], before.strongest[:, here])  # to the last bit
    np.testing.assert_array_equal(after.best_set[:, here], before.best_set[:, here])


def test_weights_elsewhere_do_reach_a_gene() -> None:
    weights = np.zeros((1, 5))
    changed = np.array([[0.0, 0, 1, 0, 0]])
    before, after = (
        converge(case, CHROMOSOMES, sparse.csr_array(MEMBERSHIP), studied=ALL) for case in (weights, changed)
    )
    assert before.strongest.tolist() == [[0.0] * 5]
    assert before.best_set.tolist() == [[-1] * 5]
    assert after.strongest[0].nonzero()[0].tolist() == [0, 4]


def test_genes_not_studied_neither_carry_nor_expect_weight() -> None:
    weights = np.array([[0.0, 0.0, 1.0, 0.0, 7.0]])
    studied = np.array([True, True, True, True, False])
    found = converge(weights, CHROMOSOMES, sparse.csr_array(MEMBERSHIP), studied=studied)
    np.testing.assert_allclose(found.strongest[0, [0]], [log(1 + 0.5)])  # chromosome 1 sees genes 2 and 3: 1 of 1/2
    np.testing.assert_allclose(found.strongest[0, [4]], [log(1 + 0.5)])  # scored all the same: 1 of 1/2


def test_one_chromosome_has_nothing_to_learn_from() -> None:
    for pooled in (False, True):
        found = converge(np.ones((2, 5)), np.array(["1"] * 5), sparse.csr_array(MEMBERSHIP), studied=ALL, pooled=pooled)
        assert not found.strongest.any()
        assert (found.best_set == -1).all()


def test_similar_diseases_lend_their_weights() -> None:
    weights = np.array([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0.1, 0.1, 0.1, 0.1]])
    pooled = pool_weights(weights)
    np.testing.assert_allclose(pooled[0], [1.5, 0, 0, 0], atol=1e-15)  # 1 + 1, capped; disease 2 is the opposite
    np.testing.assert_allclose(pooled[2], [0.0, 0.0, 1.0, 1.0], atol=1e-15)
    np.testing.assert_array_equal(pooled[3], weights[3])  # a constant row resembles none


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_pooled_weights_equal_a_slow_loop(seed: int) -> None:
    weights = random_case(seed)[0]
    np.testing.assert_allclose(pool_weights(weights), slow_pool(weights), atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((1, 4)), "weights of 4 genes, but 5 chromosomes"),
        (np.full((1, 5), -1.0), "negative"),
        (np.full((1, 5), np.nan), "not finite"),
    ],
)
def test_unusable_weights(weights: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        converge(weights, CHROMOSOMES, sparse.csr_array(MEMBERSHIP), studied=ALL)
