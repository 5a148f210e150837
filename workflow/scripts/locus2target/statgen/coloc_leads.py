"""Overlap of lead variants, for QTL sets that list only significant or lead variants.

Such a set says nothing about the variants left out, so H0 to H4 have no posterior. What can be said is how probable the
trait's lead variant is as the causal variant of the disease signal.
"""

import numpy as np
import pandas as pd

from locus2target.statgen.abf import effect_signs, single_effect_posterior
from locus2target.statgen.coloc_traits import (
    TRAIT,
    IntArray,
    LocusSignals,
    TraitRows,
    locate_variants,
    strongest_shared,
)

LEAD_OVERLAP = "lead_overlap"


def overlap_leads(signals: LocusSignals, rows: TraitRows, *, coverage: str) -> pd.DataFrame:
    """Place the lead variant of every trait in every signal.

    Parameters
    ----------
    signals
        Disease signals of the locus.
    rows
        Of the QTL set, as `sort_traits` gives them.
    coverage
        What the set lists: `significant` or `lead`.

    Returns
    -------
    pandas.DataFrame
        One row per signal and trait with columns of `core.schemas.COLOCALIZATION`: status `truncated_qtl`, or
        `no_overlap` where the signal lacks the lead.
    """
    present = ~np.isnan(signals.log_bayes_factors)
    column, orientation = locate_variants(rows.statistics, signals.variants)
    strength = np.full((len(rows.traits), len(signals.variants)), np.nan)
    known = column >= 0
    strength[rows.trait[known], column[known]] = rows.statistics["neg_log10_p"].to_numpy(np.float64)[known]
    n_shared = present.astype(np.int64) @ (~np.isnan(strength)).astype(np.int64).T
    lead = _lead_rows(rows)
    place = np.maximum(column[lead], 0)
    shared = present[:, place] & (column[lead] >= 0)
    weights = None if signals.log_weights is None else np.exp(signals.log_weights)
    posterior = np.stack([single_effect_posterior(values, weights) for values in signals.log_bayes_factors])[:, place]
    sign = effect_signs(rows.statistics)[lead] * orientation[lead] * signals.effect_sign[place]
    n_signals, n_traits = shared.shape
    keys = rows.statistics["variant"].to_numpy(object)[lead]
    no_overlap = [f"the disease signal lacks the QTL's lead variant {key}" for key in keys]
    truncated = (
        f"the QTL set lists only some variants (coverage {coverage}), so there is no posterior; "
        "clpp is the disease signal's posterior at the QTL's lead variant"
    )
    found = pd.concat([rows.traits[TRAIT]] * n_signals, ignore_index=True)
    columns = {
        "n_shared": n_shared,
        "qtl_neg_log10_p": strongest_shared(present, strength),
        "clpp": np.where(shared, posterior, np.nan),
        "shared_variant": np.where(shared, signals.variants["variant"].to_numpy(object)[place], np.nan),
        "direction": np.where(shared, sign, np.nan),
        "status": np.where(shared, "truncated_qtl", "no_overlap"),
        "reason": np.where(shared, truncated, np.array(no_overlap, dtype=object)),
    }
    for name in ("signal", "primary"):
        found[name] = np.repeat(signals.signals[name].to_numpy(), n_traits)
    return found.assign(qtl_signal=0, method=LEAD_OVERLAP, **{name: values.ravel() for name, values in columns.items()})


def _lead_rows(rows: TraitRows) -> IntArray:
    """Row of each trait's strongest variant; the first of several."""
    strength = rows.statistics["neg_log10_p"].to_numpy(np.float64)
    order = np.lexsort((-strength, rows.trait))
    return order[rows.bounds[:-1]]
