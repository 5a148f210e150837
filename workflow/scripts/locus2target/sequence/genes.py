"""Genes and exons as the masks of sequence scores need them."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class GeneModels:
    """Genes of a run.

    Attributes
    ----------
    genes
        Table `genes`.
    exons
        Table `exons`.
    """

    genes: pd.DataFrame
    exons: pd.DataFrame
