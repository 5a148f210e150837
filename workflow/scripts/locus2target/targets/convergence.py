"""Convergence across loci: whether a gene belongs to the pathways that a disease's other loci point to.

The idea is that of PoPS (Weeks et al. 2023, Nat Genet 55:1267): features of genes, here gene sets only (no literature,
no drug knowledge), are weighed by a disease's association elsewhere in the genome, and the score of a gene rests on the
other chromosomes alone (their leave-one-chromosome-out scheme). The formulas are ours. PoPS regresses MAGMA's z-scores
of all genes on the features by ridge regression, which needs full summary statistics; here a set is rated by the weight
that its genes carry against what the mean weight lets expect, which needs the loci alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]

_Z_VARIANCE = 0.5  # added to the expectation, so that tiny sets do not reach a high z by a single gene
_ROUNDING = 1e-9  # a set with as much weight as expected must not come out by the last bits of a sum
POOLED_CAP = 1.5
"""A gene that many signals or diseases share counts at most as so many loci."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """What other chromosomes say of each gene; both of shape (n_diseases, n_genes).

    Attributes
    ----------
    strongest
        float64: log(1 + largest z of the gene's sets); 0 for a gene in no set, or in none with more weight than
        expected.
    best_set
        int64: column of that set in the membership, of equal ones the first; -1 where `strongest` is 0.
    """

    strongest: Floats
    best_set: npt.NDArray[np.int64]


def converge(
    weights: Floats,
    chromosomes: npt.NDArray[np.str_],
    membership: sparse.csr_array,
    *,
    studied: npt.NDArray[np.bool_],
    pooled: bool = False,
) -> Convergence:
    """Score every gene by the sets it belongs to, as the loci on other chromosomes rate them.

    Everything that a score rests on, the diseases' similarity included, leaves out the gene's own chromosome.

    Parameters
    ----------
    weights
        float64 array of shape (n_diseases, n_genes), at least 0: how much each disease's own loci speak for each
        gene, about 1 per locus in all.
    chromosomes
        str array of shape (n_genes,).
    membership
        Shape (n_genes, n_sets), 1 for a member, as `gene_sets.build_membership` gives it.
    studied
        bool array of shape (n_genes,): genes where a locus could have been found. Others neither carry weight nor
        count in the expectation, but are scored.
    pooled
        Whether to add to each disease's weights those of similar diseases, see `pool_weights`.

    Raises
    ------
    ValueError
        If the shapes disagree, or a weight is negative or not finite.
    """
    _check(weights, chromosomes, membership, studied)
    strongest, best_set = np.zeros_like(weights), np.full(weights.shape, -1, dtype=np.int64)
    for chromosome in np.unique(chromosomes):
        here = chromosomes == chromosome
        elsewhere = studied & ~here
        # The genes are parted rather than their share subtracted from a total: rounding would leak the chromosome.
        known = pool_weights(weights[:, elsewhere]) if pooled else weights[:, elsewhere]
        largest, columns = _largest(score_sets(known, membership[elsewhere]), membership[here])
        strongest[:, here], best_set[:, here] = np.log1p(largest), columns
    return Convergence(strongest, best_set)


def score_sets(weights: Floats, membership: sparse.csr_array) -> Floats:
    """How much more weight than expected (members x mean weight of a gene) the genes of each set carry (formula ours).

    z = (observed - expected) / sqrt(expected + 0.5), at least 0.

    Parameters
    ----------
    weights
        float64 array of shape (n_diseases, n_genes), at least 0.
    membership
        Shape (n_genes, n_sets), 1 for a member.

    Returns
    -------
    float64 (n_diseases, n_sets).
    """
    n_genes = max(weights.shape[1], 1)  # without genes all sums are 0
    observed = _dense_product(weights, membership)
    members = np.asarray(membership.sum(axis=0), dtype=np.float64)
    expected = np.outer(weights.sum(axis=1) / n_genes, members)
    excess = observed - expected
    z: Floats = np.where(excess > _ROUNDING, excess, 0.0) / np.sqrt(expected + _Z_VARIANCE)
    return z


def pool_weights(weights: Floats) -> Floats:
    """Add to each disease's weights those of other diseases times their correlation, at most 1.5 per gene (ours).

    The correlation is Pearson's over the genes given, negative ones count as 0; a disease whose weights are all equal
    resembles none but itself.

    Parameters
    ----------
    weights
        float64 array of shape (n_diseases, n_genes), at least 0.
    """
    if weights.shape[1] == 0:
        return weights
    centered = weights - weights.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centered, axis=1, keepdims=True)
    # Rounding of the mean can give a constant row a norm above 0, underflow a row of tiny weights the norm 0.
    varies = (np.ptp(weights, axis=1, keepdims=True) > 0) & (norms > 0)
    unit = np.divide(centered, norms, out=np.zeros_like(centered), where=varies)
    similarity = np.clip(unit @ unit.T, 0.0, 1.0)
    np.fill_diagonal(similarity, 1.0)
    pooled: Floats = np.minimum(similarity @ weights, POOLED_CAP)
    return pooled


def _dense_product(dense: Floats, matrix: sparse.csr_array) -> Floats:
    product: Floats = np.asarray(dense @ matrix, dtype=np.float64)
    return product


def _largest(set_scores: Floats, membership: sparse.csr_array) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Largest score of each gene's sets and the first set that has it, (n_diseases, n_genes); 0 and -1 without any."""
    shape = len(set_scores), membership.shape[0]
    largest, first = np.zeros(shape), np.full(shape, -1, dtype=np.int64)
    sizes = np.diff(membership.indptr)
    filled = np.flatnonzero(sizes)  # reduceat cannot do empty segments
    if filled.size:
        of_members = set_scores[:, membership.indices]
        starts = membership.indptr[filled]
        largest[:, filled] = np.maximum.reduceat(of_members, starts, axis=1)
        is_best = of_members == np.repeat(largest[:, filled], sizes[filled], axis=1)
        columns = np.where(is_best, membership.indices, membership.shape[1])
        first[:, filled] = np.minimum.reduceat(columns, starts, axis=1)
    return largest, np.where(largest > 0, first, -1)


def _check(
    weights: Floats,
    chromosomes: npt.NDArray[np.str_],
    membership: sparse.csr_array,
    studied: npt.NDArray[np.bool_],
) -> None:
    n_genes = weights.shape[1]
    if not chromosomes.shape == studied.shape == (n_genes,) or membership.shape[0] != n_genes:
        raise ValueError(
            f"weights of {n_genes} genes, but {chromosomes.shape[0]} chromosomes, {studied.shape[0]} genes studied or "
            f"not, and {membership.shape[0]} rows of membership"
        )
    if not np.all(np.isfinite(weights) & (weights >= 0)):
        raise ValueError("a gene's weight is negative or not finite")
