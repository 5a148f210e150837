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
_ENRICHMENT_PRIOR = 1.0  # weight of one locus, added to both sides of the ratio: shrinks it towards 1
_POOLED_CAP = 1.5  # a gene that many diseases share counts at most as 1.5 loci


@dataclass(frozen=True, slots=True)
class Convergence:
    """What other chromosomes say of each gene; 0 for a gene in no set, or in none with more weight than expected.

    Attributes
    ----------
    strongest
        float64 array of shape (n_diseases, n_genes): log(1 + largest z of the gene's sets).
    enrichment
        float64 array of shape (n_diseases, n_genes): log(1 + sum of the positive log enrichments of the gene's sets).
    """

    strongest: Floats
    enrichment: Floats


@dataclass(frozen=True, slots=True)
class SetScores:
    """How much more weight than expected sets carry; both float64 arrays of shape (n_diseases, n_sets).

    Attributes
    ----------
    z
        (observed - expected) / sqrt(expected + 0.5), at least 0.
    log_enrichment
        log((observed + 1) / (expected + 1)), natural logarithm.
    """

    z: Floats
    log_enrichment: Floats


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
        gene, about 1 per locus in all (see `proximity_weights`).
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
    strongest, enrichment = np.zeros_like(weights), np.zeros_like(weights)
    for chromosome in np.unique(chromosomes):
        here = chromosomes == chromosome
        elsewhere = studied & ~here
        # The genes are parted rather than their share subtracted from a total: rounding would leak the chromosome.
        known = pool_weights(weights[:, elsewhere]) if pooled else weights[:, elsewhere]
        sets = score_sets(known, membership[elsewhere])
        strongest[:, here] = np.log1p(_largest(sets.z, membership[here]))
        enrichment[:, here] = np.log1p(_dense_product(np.maximum(sets.log_enrichment, 0.0), membership[here].T))
    return Convergence(strongest, enrichment)


def score_sets(weights: Floats, membership: sparse.csr_array) -> SetScores:
    """Compare the weight of each set's genes with its expectation, members x mean weight of a gene (formulas ours).

    Parameters
    ----------
    weights
        float64 array of shape (n_diseases, n_genes), at least 0.
    membership
        Shape (n_genes, n_sets), 1 for a member.
    """
    n_genes = max(weights.shape[1], 1)  # without genes all sums are 0
    observed = _dense_product(weights, membership)
    members = np.asarray(membership.sum(axis=0), dtype=np.float64)
    expected = np.outer(weights.sum(axis=1) / n_genes, members)
    z = np.maximum(observed - expected, 0.0) / np.sqrt(expected + _Z_VARIANCE)
    ratio = (observed + _ENRICHMENT_PRIOR) / (expected + _ENRICHMENT_PRIOR)
    return SetScores(z, np.log(ratio))


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
    pooled: Floats = np.minimum(similarity @ weights, _POOLED_CAP)
    return pooled


def proximity_weights(
    distances: Floats,
    diseases: npt.NDArray[np.int64],
    genes: npt.NDArray[np.int64],
    loci: npt.NDArray[np.int64],
    *,
    shape: tuple[int, int],
    softening_bp: float = 5_000.0,
) -> Floats:
    """Part the weight 1 of each locus among the genes near it, in proportion to 1 / (distance + softening) (ours).

    A gene near several loci of a disease keeps its largest share, so that one association split into several credible
    sets does not count several times.

    Parameters
    ----------
    distances
        float64 array of shape (n_pairs,), one pair for each gene near each locus: bases from the lead variant to the
        transcription start.
    diseases, genes, loci
        int64 arrays of shape (n_pairs,): row and column of the result, and the locus (0-based).
    shape
        n_diseases, n_genes.
    softening_bp
        Distance within which nearness tells little.
    """
    closeness = 1.0 / (distances + softening_bp)
    shares = closeness / np.bincount(loci, closeness)[loci]
    weights = np.zeros(shape)
    np.maximum.at(weights, (diseases, genes), shares)
    return weights


def relative_to_locus(scores: Floats, loci: npt.NDArray[np.int64]) -> Floats:
    """Score of each candidate less the best score of its locus: at most 0, and 0 throughout a locus without scores.

    Parameters
    ----------
    scores, loci
        float64 and int64 (0-based locus number) arrays of shape (n_candidates,).

    >>> relative_to_locus(np.array([1.0, 3.0, 0.5]), np.array([0, 0, 1]))
    array([-2.,  0.,  0.])
    """
    best = np.full(loci.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, loci, scores)
    relative: Floats = scores - best[loci]
    return relative


def _dense_product(dense: Floats, matrix: sparse.csr_array) -> Floats:
    product: Floats = np.asarray(dense @ matrix, dtype=np.float64)
    return product


def _largest(set_scores: Floats, membership: sparse.csr_array) -> Floats:
    """Largest score of each gene's sets, (n_diseases, n_genes); 0 for a gene without sets."""
    largest = np.zeros((len(set_scores), membership.shape[0]))
    filled = np.flatnonzero(np.diff(membership.indptr))  # reduceat cannot do empty segments
    if filled.size:
        of_members = set_scores[:, membership.indices]
        largest[:, filled] = np.maximum.reduceat(of_members, membership.indptr[filled], axis=1)
    return largest


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
