"""Signs: whether more of a gene goes with more or with less of the disease, from what one locus brings."""

import numpy as np
import pandas as pd

from locus2target.statgen.mendelian.directions import clear_estimates
from locus2target.targets.evidence_rows import LocusData, pip_mass

SIGNED_TYPES = ("eqtl", "pqtl")
"""QTL types whose sign is the gene's: more of an intron or of a peak is not more gene activity."""

TRUNCATING_TERMS = frozenset(
    {
        *("transcript_ablation", "stop_gained", "frameshift_variant"),
        *("splice_acceptor_variant", "splice_donor_variant"),
    }
)
"""Sequence Ontology terms of predicted loss of function (Karczewski et al. 2020, and loss of the whole transcript)."""

_MORE_LIKELY_THAN_NOT = 0.5


def signs_of(values: "pd.Series[float]") -> "pd.Series[float]":
    """-1 or +1; missing where a value is missing or 0."""
    signs = pd.Series(np.sign(values.to_numpy(np.float64)), index=values.index)
    return signs.where(signs != 0)


def agreed_sign(signs: "pd.Series[float]") -> float | None:
    """Sign on which all that are known agree; None without any or when they disagree.

    Parameters
    ----------
    signs
        -1, +1 or missing.
    """
    known = set(signs.dropna())
    return float(known.pop()) if len(known) == 1 else None


def estimated_direction(effects: pd.DataFrame) -> tuple[float | None, str]:
    """Sign on which the clear effects of one gene on the disease agree, and a remark where there is none.

    Parameters
    ----------
    effects
        Rows of `core.schemas.CIS_EFFECTS` of the gene, of types whose sign is the gene's.
    """
    if effects["estimate"].isna().all():
        return None, "direction unknown: no effect of the gene on the disease could be estimated"
    signs = np.sign(effects.loc[clear_estimates(effects), "estimate"])
    if signs.empty:
        return None, "direction unsure: no effect of the gene on the disease is clear"
    if signs.min() < signs.max():
        return None, f"directions disagree: {(signs > 0).sum()} tests say more, {(signs < 0).sum()} less"
    return float(signs.iloc[0]), ""


def disease_signs(scored: pd.DataFrame) -> "pd.Series[float]":
    """Whether ALT raises (+1) or lowers (-1) the disease; missing where that is not known.

    The sign of the fine-mapped effect, beside all other signals; where there is none, of the marginal association.

    Parameters
    ----------
    scored
        Rows of `core.schemas.CREDIBLE_SETS`, each variant once.

    Returns
    -------
    pandas.Series
        float64 with the index of `scored`: -1, +1 or missing.
    """
    return signs_of(scored["posterior_mean"]).fillna(signs_of(scored["z_score"]))


def truncating_direction(data: LocusData, consequences: pd.DataFrame) -> float | None:
    """Direction of a gene from variants that truncate its protein.

    ALT is loss of function: where it raises the disease, less gene goes with more disease.

    Parameters
    ----------
    data
        The locus.
    consequences
        variant, pip and consequence of the variants that change the gene's protein.

    Returns
    -------
    float or None
        -1 or +1; None where the truncating variants disagree, their effects on the disease are unknown, or a causal
        variant is less likely among them than not (PIP mass below 0.5).
    """
    terms = consequences["consequence"].str.split(r"[&,]", regex=True)
    truncates = terms.map(lambda names: any(name.strip() in TRUNCATING_TERMS for name in names)).astype(bool)
    truncating = consequences[truncates]
    if pip_mass(truncating) < _MORE_LIKELY_THAN_NOT:
        return None
    return agreed_sign(-disease_signs(data.scored).reindex(truncating["variant"]))
