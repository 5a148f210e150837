"""The final table of one disease: the ranking as it is, and beside it what a drug would meet."""

from typing import Any

import pandas as pd

from locus2target.core.schemas import TARGETS

_MODULATION = ("modulation", "modulation_reliability", "modulation_reason")
_PLEIOTROPY = ("other_diseases", "n_other_diseases")
_ANNOTATIONS = ("tractability", "known_drugs", "safety_constraint")


def target_table(
    ranked: pd.DataFrame, modulation: pd.DataFrame, pleiotropy: pd.DataFrame, annotations: pd.DataFrame
) -> pd.DataFrame:
    """Put modulation, other diseases and annotations beside the ranked genes of one disease (schema TARGETS).

    Rows, their order and every column of the ranking are taken over untouched: nothing added here is evidence.

    Parameters
    ----------
    ranked
        Ranked genes (schema RANKED_GENES).
    modulation
        One row for every ranked gene: gene_id, modulation, modulation_reliability, modulation_reason.
    pleiotropy
        One row for every ranked gene, as `pleiotropy.other_diseases` gives them.
    annotations
        Texts by gene, as `target_annotations.read_target_annotations` gives them; genes without a row have none.

    Raises
    ------
    ValueError
        If a frame has a gene twice, or lacks a ranked gene that it must have.
    """
    gene_ids = ranked["gene_id"]
    added = {
        **_columns(gene_ids, modulation, _MODULATION, complete=True),
        **_columns(gene_ids, pleiotropy, _PLEIOTROPY, complete=True),
        **_columns(gene_ids, annotations, _ANNOTATIONS, complete=False),
    }
    return ranked.assign(**added)[TARGETS.names]


def _columns(
    gene_ids: "pd.Series[str]", frame: pd.DataFrame, names: tuple[str, ...], *, complete: bool
) -> "dict[str, pd.Series[Any]]":
    """Columns of a frame in the order of the genes, with their index; missing for a gene without a row."""
    by_gene = frame.set_index("gene_id")
    if by_gene.index.has_duplicates:
        raise ValueError(f"the table of {names[0]} has a gene twice")
    absent = gene_ids[~gene_ids.isin(by_gene.index)]
    if complete and len(absent):
        raise ValueError(f"the table of {names[0]} lacks {len(absent)} ranked genes, the first {absent.iloc[0]}")
    return {name: gene_ids.map(by_gene[name]) for name in names}
