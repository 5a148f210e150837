"""Which variants the sequence models look at, and how they are dealt to jobs."""

import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.schemas import MUTAGENESIS_WINDOWS

SELECTION_COLUMNS = ("locus", "variant", "chromosome", "position", "ref", "alt", "pip", "neg_log10_p")
"""What this module reads of table `credible_sets`."""


def best_of_loci(credible_sets: pd.DataFrame, *, variants_per_locus: int) -> pd.DataFrame:
    """Rows of the variants with the highest PIP of every locus; equal PIPs go by association, then by key."""
    ranked = credible_sets[credible_sets["pip"].notna()].sort_values(
        ["pip", "neg_log10_p", "variant"], ascending=[False, False, True], kind="stable"
    )
    return ranked.groupby("locus", sort=False).head(variants_per_locus)


def select_windows(credible_sets: pd.DataFrame, *, variants_per_locus: int) -> pd.DataFrame:
    """The variants with the highest PIP of every locus, along the genome, as `best_of_loci` chooses them.

    Parameters
    ----------
    credible_sets
        Table `credible_sets`, or what `best_of_loci` left of several.
    variants_per_locus
        Variants to choose of each locus.

    Returns
    -------
    pd.DataFrame
        Table `mutagenesis_windows`.
    """
    top = best_of_loci(credible_sets, variants_per_locus=variants_per_locus)
    return _along_genome(top)[MUTAGENESIS_WINDOWS.names]


def deal(n_rows: int, batches: int) -> list[slice]:
    """Cut rows into contiguous parts whose sizes differ by at most one row; parts may be empty."""
    size, larger = divmod(n_rows, batches)
    ends = [(batch + 1) * size + min(batch + 1, larger) for batch in range(batches)]
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _along_genome(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by chromosome, position and alleles; then by locus."""
    rank = table["chromosome"].map(chromosome_rank)
    order = ["_rank", "position", "ref", "alt", "locus"]
    return table.assign(_rank=rank).sort_values(order, kind="stable", ignore_index=True)
