"""Which variants the sequence models look at, and how they are dealt to jobs."""

import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.schemas import MUTAGENESIS_WINDOWS, SCORED_VARIANTS

_KEY = ["variant", "chromosome", "position", "ref", "alt"]
SELECTION_COLUMNS = ("locus", *_KEY, "pip", "neg_log10_p")
"""What this module reads of table `credible_sets`."""


def select_variants(credible_sets: pd.DataFrame, *, min_pip: float) -> pd.DataFrame:
    """Variants with a PIP of at least `min_pip` in any study, once each, along the genome; no PIP counts as 0.

    Parameters
    ----------
    credible_sets
        Table `credible_sets`.
    min_pip
        Smallest posterior inclusion probability; 0 for every variant.

    Returns
    -------
    pd.DataFrame
        Table `scored_variants`.
    """
    known = credible_sets.assign(pip=credible_sets["pip"].fillna(0.0))
    likely = known[known["pip"] >= min_pip]
    best = likely.groupby(_KEY, sort=False, as_index=False).agg(max_pip=("pip", "max"))
    return _along_genome(best)[SCORED_VARIANTS.names]


def select_windows(credible_sets: pd.DataFrame, *, variants_per_locus: int) -> pd.DataFrame:
    """The variants with the highest PIP of every locus, along the genome; equal PIPs go by association, then by key.

    Returns
    -------
    pd.DataFrame
        Table `mutagenesis_windows`.
    """
    ranked = credible_sets[credible_sets["pip"].notna()].sort_values(
        ["pip", "neg_log10_p", "variant"], ascending=[False, False, True], kind="stable"
    )
    top = ranked.groupby("locus", sort=False).head(variants_per_locus)
    return _along_genome(top)[MUTAGENESIS_WINDOWS.names]


def deal(table: pd.DataFrame, batches: int) -> list[pd.DataFrame]:
    """Cut a table into contiguous parts whose sizes differ by at most one row; parts may be empty."""
    size, larger = divmod(len(table), batches)
    ends = [(batch + 1) * size + min(batch + 1, larger) for batch in range(batches)]
    starts = [0, *ends[:-1]]
    return [table.iloc[start:end].reset_index(drop=True) for start, end in zip(starts, ends, strict=True)]


def _along_genome(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by chromosome, position and alleles; then by locus where there is one."""
    rank = table["chromosome"].map(chromosome_rank)
    within = ["position", "ref", "alt", *(name for name in ("locus",) if name in table.columns)]
    return table.assign(_rank=rank).sort_values(["_rank", *within], kind="stable", ignore_index=True)
