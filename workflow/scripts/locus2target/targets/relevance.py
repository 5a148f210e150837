"""How much the evidence of a cell type or tissue counts for a disease: the last column of CONTEXT_ENRICHMENT."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

OPEN_CHROMATIN, GENE_LINK, QTL = "open_chromatin", "enhancer_gene_link", "qtl"
"""Kinds of contexts; a name may occur in several of them and is then judged in each."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """Factor of each context's evidence; contexts that are not listed have 1.

    Attributes
    ----------
    factors
        By kind and context, above 0 and at most 1. Without any, every context counts alike.

    Raises
    ------
    ValueError
        If a factor is outside these bounds.

    >>> Relevance({(QTL, "liver"): 0.5}).of(QTL, "liver"), Relevance().of(QTL, "liver")
    (0.5, 1.0)
    """

    factors: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        outside = {key: factor for key, factor in self.factors.items() if not 0 < factor <= 1}
        if outside:
            raise ValueError(f"relevance outside (0, 1]: {outside}")

    def of(self, kind: str, context: str) -> float:
        """Factor of the evidence of one context."""
        return self.factors.get((kind, context), 1.0)


ALIKE = Relevance()
"""Every context counts alike."""


def table_relevance(enrichment: pd.DataFrame) -> Relevance:
    """Take the factors from a disease's table (schema CONTEXT_ENRICHMENT)."""
    keys = zip(enrichment["kind"], enrichment["context"], strict=True)
    return Relevance(dict(zip(keys, enrichment["relevance"].astype(float), strict=True)))
