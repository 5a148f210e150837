"""Pathways per disease: gene sets whose members are more probable targets than their neighbours at the same loci.

The test is ours. Loci with many genes, and genes of one pathway that lie side by side, would make a set look enriched
under any test that takes genes for independent. Here the probabilities of a locus are dealt anew among its own
candidates, so that the number of candidates, their sets and the probabilities stay, and only who is the target changes.

The probabilities are those without convergence: convergence rates a gene by the same sets, and testing the sets with
its result would be circular.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, stats

from locus2target.core.progress import tracked
from locus2target.core.schemas import GENE_SET_ENRICHMENT
from locus2target.targets.candidates import NONE
from locus2target.targets.gene_sets import Membership
from locus2target.targets.overlap_groups import overlap_groups

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TOO_FEW_LOCI = "too_few_loci"
_ROUNDING = 1e-9  # sums that differ by less are equal: the order of addition must not decide
_NAMED_GENES = 10


def enrich_gene_sets(
    locus_genes: pd.DataFrame,
    loci: pd.DataFrame,
    genes: pd.DataFrame,
    membership: Membership,
    *,
    disease: str,
    permutations: int,
    seed: int,
    min_loci: int = 2,
) -> pd.DataFrame:
    """Test every gene set against one disease (schema GENE_SET_ENRICHMENT), strongest first.

    The statistic of a set is the sum, over independent loci, of its members' probabilities, at most 1 per locus. Loci
    that overlap count as one. A gene that is a candidate at several loci counts where it is most probable.

    Parameters
    ----------
    locus_genes, loci
        Candidates and loci of the disease (schemas LOCUS_GENES and LOCI); `probability_local` is what counts.
    genes
        The genes of the rows of `membership`, in its order (schema GENES).
    membership
        The sets, as `gene_sets.build_membership` gives them.
    disease
        Written into every row.
    permutations, seed
        Number of times that the probabilities are dealt anew within each locus, and the seed of the draw.
    min_loci
        Sets with members at fewer independent loci are not tested; their status is `too_few_loci`.

    Raises
    ------
    ValueError
        If a candidate is not in `genes`, or `permutations` is below 1.
    """
    if permutations < 1:
        raise ValueError(f"{permutations} permutations")
    placed = place_candidates(locus_genes, loci)
    of_candidates = _rows_of(placed["gene_id"], genes, membership.matrix)
    n_loci = _count_loci(placed["group"].to_numpy(np.int64), of_candidates)
    tested = n_loci >= min_loci
    observed, shuffled = permute_within_loci(placed, of_candidates[:, tested], permutations=permutations, seed=seed)
    table = membership.sets.rename(columns={"identifier": "gene_set", "name": "gene_set_name"})
    table = table.assign(disease=disease, n_loci=n_loci, status=np.where(tested, "ok", TOO_FEW_LOCI))
    table["genes"] = _name_members(placed, of_candidates)
    table["reason"] = [_reason(n, min_loci) for n in n_loci.tolist()]
    for column, values in compare_with_permutations(observed, shuffled).items():
        table[column] = np.nan
        table.loc[tested, column] = values
    order = ["p_value", "fold", "source", "gene_set"]
    table = table.sort_values(order, ascending=[True, False, True, True], na_position="last", ignore_index=True)
    return table[GENE_SET_ENRICHMENT.names]


def place_candidates(locus_genes: pd.DataFrame, loci: pd.DataFrame) -> pd.DataFrame:
    """Give each gene one place: the group of overlapping loci where it is most probable.

    Genes that appear once can be exchanged within their group without counting one signal twice.

    Returns
    -------
    Columns gene_id, gene_symbol, group (number of the independent locus) and probability_local; by group and gene.
    """
    candidates = locus_genes[locus_genes["gene_id"] != NONE]
    candidates = candidates.assign(group=candidates["locus"].map(overlap_groups(loci)).astype("int64"))
    best_first = candidates.sort_values(["probability_local", "group", "gene_id"], ascending=[False, True, True])
    placed = best_first.drop_duplicates("gene_id").sort_values(["group", "gene_id"], ignore_index=True)
    return placed[["gene_id", "gene_symbol", "group", "probability_local"]]


def permute_within_loci(
    placed: pd.DataFrame, membership: sparse.csr_array, *, permutations: int, seed: int
) -> tuple[Floats, Floats]:
    """Statistic of each set as it is, and with the probabilities dealt anew among the candidates of each locus.

    Parameters
    ----------
    placed
        One row per candidate, as `place_candidates` gives them.
    membership
        Shape (n_candidates, n_sets), 1 for a member.

    Returns
    -------
    tuple
        float64 arrays of shape (n_sets,) and (n_sets, permutations).
    """
    generator = np.random.default_rng(seed)
    observed = np.zeros(membership.shape[1])
    shuffled = np.zeros((membership.shape[1], permutations))
    probabilities = placed["probability_local"].to_numpy(np.float64)
    loci = list(stretches(placed["group"].to_numpy(np.int64)))
    for first, end in tracked(loci, unit="loci", label="permuting gene sets"):
        here = membership[first:end]
        present = np.unique(here.indices)  # a locus has members of few sets
        members = here[:, present].toarray().T
        own = probabilities[first:end]
        dealt = generator.permuted(np.tile(own[:, None], (1, permutations)), axis=0)
        observed[present] += np.minimum(members @ own, 1.0)
        shuffled[present] += np.minimum(members @ dealt, 1.0)  # (n_present, permutations)
    return observed, shuffled


def compare_with_permutations(observed: Floats, shuffled: Floats) -> dict[str, Floats]:
    """Observed, expected, fold, one-sided p and Benjamini-Hochberg q, each float64 of shape (n_tests,).

    p = (1 + permutations at least as large) / (1 + permutations) is never 0 (Phipson & Smyth 2010, Stat Appl Genet Mol
    Biol 9:39). The fold is missing where nothing is expected.

    Parameters
    ----------
    observed, shuffled
        float64 arrays of shape (n_tests,) and (n_tests, permutations).
    """
    expected = shuffled.mean(axis=1)
    p_values = (1 + (shuffled >= observed[:, None] - _ROUNDING).sum(axis=1)) / (1 + shuffled.shape[1])
    fold = np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    q_values = stats.false_discovery_control(p_values) if len(p_values) else p_values
    return {"observed": observed, "expected": expected, "fold": fold, "p_value": p_values, "q_value": q_values}


def _rows_of(gene_ids: "pd.Series[str]", genes: pd.DataFrame, matrix: sparse.csr_array) -> sparse.csr_array:
    """Membership of the candidates, in their order."""
    rows = pd.Index(genes["gene_id"]).get_indexer(gene_ids)
    if (rows < 0).any():
        raise ValueError(f"candidate {gene_ids[rows < 0].iloc[0]} is not in the gene list")
    return matrix[rows]


def _count_loci(groups: Integers, membership: sparse.csr_array) -> Integers:
    """Independent loci with a member of each set, shape (n_sets,)."""
    counts = np.zeros(membership.shape[1], dtype=np.int64)
    for first, end in stretches(groups):
        counts += np.asarray(membership[first:end].sum(axis=0)) > 0
    return counts


def stretches(groups: Integers) -> Iterator[tuple[int, int]]:
    """First row and end of each run of equal numbers."""
    if len(groups):
        starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
        yield from zip(starts.tolist(), [*starts[1:].tolist(), len(groups)], strict=True)


def _name_members(placed: pd.DataFrame, membership: sparse.csr_array) -> list[str | None]:
    """Members of each set among the candidates, most probable first."""
    order = placed.sort_values(["probability_local", "gene_symbol"], ascending=[False, True]).index.to_numpy(np.int64)
    labels = [
        f"{symbol} ({probability:.2g})"
        for symbol, probability in placed.loc[order, ["gene_symbol", "probability_local"]].itertuples(index=False)
    ]
    ranked = membership[order].tocsc()
    ranked.sort_indices()
    return [
        _shortened([labels[row] for row in ranked.indices[first:end]])
        for first, end in zip(ranked.indptr[:-1], ranked.indptr[1:], strict=True)
    ]


def _shortened(labels: list[str]) -> str | None:
    more = f" and {len(labels) - _NAMED_GENES} more" if len(labels) > _NAMED_GENES else ""
    return ", ".join(labels[:_NAMED_GENES]) + more if labels else None


def _reason(n_loci: int, min_loci: int) -> str:
    if n_loci >= min_loci:
        return ""
    return f"{n_loci} independent loci have a member among their candidates; a test needs {min_loci}"
