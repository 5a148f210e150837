"""Gene directions: whether more of a gene's product goes with more or with less of a disease.

All estimates of one disease and gene are gathered over tissues, QTL sets, loci and studies. Only expression and protein
levels count: more of an intron or an open peak is not more of the gene. The strongest estimate (smallest p-value) gives
the direction, the others say how far to rely on it.
"""

import numpy as np
import pandas as pd

from locus2target.core.schemas import GENE_DIRECTIONS
from locus2target.core.tables import Record

CONSISTENT, SINGLE, CONFLICTING, UNSURE = "consistent", "single", "conflicting", "unsure"
"""Words of `reliability`: several clear estimates agree; there is one; some disagree; there is none.

An estimate is clear with p of at most 0.05 and instruments that are not weak.
"""

_AMOUNTS = {"eqtl": "expression", "pqtl": "protein level"}  # the types whose sign is the gene's
_CLEAR_NEG_LOG10_P = -np.log10(0.05)


def tabulate_directions(cis_effects: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """One row for every disease and gene whose expression or protein level colocalizes with the disease.

    Parameters
    ----------
    cis_effects
        Rows of `core.schemas.CIS_EFFECTS`, of all loci.
    genes
        Rows of `core.schemas.GENES`, for the display names.

    Returns
    -------
    pandas.DataFrame
        `core.schemas.GENE_DIRECTIONS` by disease and gene symbol. `n_tests` and `n_agree` count all estimates, also
        those that are not clear; `n_agree` those with the sign of the strongest one. `direction` is missing where the
        reliability is `unsure`.
    """
    symbols = dict(zip(genes["gene_id"], genes["gene_symbol"], strict=True))
    signed = cis_effects[cis_effects["qtl_type"].isin(_AMOUNTS)]
    rows = [
        _direction_of_gene(tests, symbol=symbols.get(gene_id, gene_id))
        for (_, gene_id), tests in signed.groupby(["disease", "gene_id"], sort=True)
    ]
    table = GENE_DIRECTIONS.frame(rows)
    return table.sort_values(["disease", "gene_symbol", "gene_id"], kind="stable", ignore_index=True)


def clear_estimates(cis_effects: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows of `core.schemas.CIS_EFFECTS` are clear enough to give a direction."""
    is_clear: pd.Series[bool] = (cis_effects["status"] == "ok") & (cis_effects["neg_log10_p"] >= _CLEAR_NEG_LOG10_P)
    return is_clear


def _direction_of_gene(tests: pd.DataFrame, *, symbol: str) -> Record:
    order = ["is_clear", "neg_log10_p", "posterior_h4", "qtl", "tissue", "phenotype_id", "locus"]
    ascending = [False, False, False, True, True, True, True]
    ranked = tests.assign(is_clear=clear_estimates(tests)).sort_values(order, ascending=ascending, kind="stable")
    best = ranked.iloc[0]
    signs = np.sign(ranked["estimate"])
    n_tests, n_agree = int(signs.notna().sum()), int((signs == signs.iloc[0]).sum())
    reliability = _reliability(signs[ranked["is_clear"]])
    gathered = {
        "disease": best["disease"],
        "gene_id": best["gene_id"],
        "gene_symbol": symbol,
        "direction": None if reliability == UNSURE else signs.iloc[0],
        "reliability": reliability,
        "n_tests": n_tests,
        "n_agree": n_agree,
        "statement": _statement(best, symbol, reliability, n_tests, n_agree),
    }
    copied = ("estimate", "standard_error", "neg_log10_p", "locus", "qtl", "tissue")
    return gathered | {name: None if pd.isna(best[name]) else best[name] for name in copied}


def _reliability(clear_signs: pd.Series) -> str:
    """Word for the signs of the clear estimates."""
    if clear_signs.empty:
        return UNSURE
    if clear_signs.min() < clear_signs.max():
        return CONFLICTING
    return CONSISTENT if len(clear_signs) > 1 else SINGLE


def _statement(best: pd.Series, symbol: str, reliability: str, n_tests: int, n_agree: int) -> str:
    """Sentence for people."""
    product, disease = f"{symbol} {_AMOUNTS[best['qtl_type']]}", str(best["disease"]).replace("_", " ")
    if n_tests == 0:
        return f"Whether more {product} goes with more or less {disease} is unknown: {best['reason']}."
    place = f"in {best['tissue']}" if best["tissue"] else f"in {best['qtl']}"
    more = "more" if best["estimate"] > 0 else "less"
    if reliability == UNSURE:
        return f"Whether more {product} goes with more or less {disease} is unsure: no estimate is clear."
    agree = f"{n_agree} of {n_tests} tests agree" if n_tests > 1 else "the only test"
    if reliability == CONFLICTING:
        return (
            f"Tests disagree about {product} and {disease}: the strongest, {place}, says that more of it goes with "
            f"{more} of the disease ({agree})."
        )
    return f"Higher {product} goes with {more} {disease} (strongest {place}; {agree})."
