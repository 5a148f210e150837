"""A class for each locus: whether its target is clear, contested, or out of reach of the evidence at hand."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from locus2target.core.schemas import LOCUS_CLASSES
from locus2target.core.tables import Record, records
from locus2target.targets.candidates import NONE

CLEAR, CONTESTED, NO_LOCAL_EVIDENCE, NOT_RANKED = "clear", "contested", "no_local_evidence", "not_ranked"
_DIGITS = 12  # as in the ranking: sums that differ only in the order of addition are equal


def classify_loci(locus_genes: pd.DataFrame, *, confident_probability: float) -> pd.DataFrame:
    """Class of each locus of a disease (schema LOCUS_CLASSES), in the order of the table.

    - `clear`: more than distance speaks for the most probable gene, which is alone at the top and reaches the
      probability;
    - `contested`: more than distance speaks for some candidate, but the locus is not clear;
    - `no_local_evidence`: nothing but distance, other signals and convergence speaks for any candidate;
    - `not_ranked`: no candidates, or the locus was not analysed.

    The run abstains from naming a target wherever a locus is not clear.

    Parameters
    ----------
    locus_genes
        LOCUS_GENES of one disease.
    confident_probability
        0..1.
    """
    rows = [
        _classify(records(group), confident_probability)
        for _, group in locus_genes.groupby(["disease", "locus"], sort=False)
    ]
    return LOCUS_CLASSES.frame(rows)


def _classify(candidates: Sequence[Record], threshold: float) -> Record:
    none = next(row for row in candidates if row["gene_id"] == NONE)
    genes = [row for row in candidates if row["gene_id"] != NONE]
    names = {key: none[key] for key in ("disease", "locus", "status", "reason")}
    if not genes:
        return {**names, "locus_class": NOT_RANKED, "n_candidates": 0, "n_named": 0, "abstains": True}
    rounded = np.round([row["probability"] for row in genes], _DIGITS)
    top, second = float(rounded.max()), float(np.sort(rounded)[-2]) if len(genes) > 1 else 0.0
    leaders = [row for row, value in zip(genes, rounded, strict=True) if value == top]
    n_named = sum(bool(row["named"]) for row in genes)
    clear = len(leaders) == 1 and top >= threshold and bool(leaders[0]["named"])
    return {
        **names,
        "locus_class": _name_class(n_named, clear=clear),
        "n_candidates": len(genes),
        "n_named": n_named,
        "top_gene": ",".join(row["gene_symbol"] for row in leaders),
        "top_probability": top,
        "margin": top - second,
        "none_probability": none["probability"],
        "abstains": not clear,
    }


def _name_class(n_named: int, *, clear: bool) -> str:
    if clear:
        return CLEAR
    return CONTESTED if n_named else NO_LOCAL_EVIDENCE
