"""Tables of functional priors: the variants, their weights, the enrichments behind them, and what they changed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from locus2target.core.schemas import PRIOR_EFFECTS, PRIOR_ENRICHMENT, PRIOR_WEIGHTS
from locus2target.statgen.functional_priors import (
    Enrichments,
    FloatArray,
    FunctionalPrior,
    Groups,
    Signals,
    evidence_gains,
)
from locus2target.statgen.prior_features import OK, Feature

FITTED, PERMUTED = "fitted", "permuted"
_KEY = ["variant", "chromosome", "position", "ref", "alt"]
VARIANT_COLUMNS = ("locus", "study", *_KEY)
"""What `prior_variants` reads of table `credible_sets`."""
_SAME_WEIGHT = 1e-9  # relative


def prior_variants(credible_sets: pd.DataFrame) -> pd.DataFrame:
    """Variants of all analysed loci, locus by locus: columns locus, study and the key columns.

    Parameters
    ----------
    credible_sets
        `core.schemas.CREDIBLE_SETS` of all batches; it lists every variant of a locus that was analysed.
    """
    rows = credible_sets[list(VARIANT_COLUMNS)]
    return rows.sort_values("locus", kind="stable", ignore_index=True)


def locus_groups(variants: pd.DataFrame) -> Groups:
    """The loci of a table that `prior_variants` made, in its order."""
    return Groups.of_lengths(variants.groupby("locus", sort=False).size().to_numpy())


def weights_table(variants: pd.DataFrame, weights: FloatArray) -> pd.DataFrame:
    """Table PRIOR_WEIGHTS: one row per variant and locus."""
    return variants[["locus", *_KEY]].assign(prior_weight=weights)[PRIOR_WEIGHTS.names]


def weights_of_variants(weights: pd.DataFrame, variants: "pd.Series[str]") -> FloatArray:
    """Prior weights of variants, in their order: float64 of shape (n_variants,).

    Parameters
    ----------
    weights
        Rows of PRIOR_WEIGHTS of one locus.
    variants
        Keys of that locus' variants.

    Raises
    ------
    ValueError
        If one of them has no weight: the tables are not of the same run.
    """
    found = weights.set_index("variant")["prior_weight"].reindex(variants).to_numpy(np.float64)
    if np.isnan(found).any():
        raise ValueError(f"{np.isnan(found).sum()} of {len(found)} variants have no prior weight")
    return found


def enrichment_table(features: Sequence[Feature], priors: Mapping[str, FunctionalPrior]) -> pd.DataFrame:
    """Table PRIOR_ENRICHMENT.

    Parameters
    ----------
    features
        Those fitted, in the order of the fits' theta.
    priors
        What was fitted, by kind: `fitted` and `permuted`.
    """
    rows = [
        _enrichment_row(feature, column, kind, fit)
        for kind, prior in priors.items()
        for fit in prior.fits
        for column, feature in enumerate(features)
    ]
    return PRIOR_ENRICHMENT.frame(rows)


def _enrichment_row(feature: Feature, column: int, kind: str, fit: Enrichments) -> dict[str, object]:
    """Row of one enrichment; why there is no fit comes before why a feature says nothing in it."""
    blame = feature if fit.status == OK else fit
    error = fit.standard_error[column]
    return {
        "feature": feature.name,
        "left_out": fit.left_out,
        "kind": kind,
        "theta": fit.theta[column],
        "standard_error": error if np.isfinite(error) and feature.status == OK else None,
        "n_loci": fit.n_loci,
        "n_variants": len(feature.values),
        "n_unknown": feature.n_unknown,
        "held_out_gain": fit.held_out_gain,
        "status": blame.status,
        "reason": blame.reason,
    }


def effects_table(
    weights: pd.DataFrame,
    signals: Signals,
    *,
    uniform: pd.DataFrame,
    functional: pd.DataFrame,
    uniform_rungs: Mapping[str, str],
    functional_rungs: Mapping[str, str],
) -> pd.DataFrame:
    """Table PRIOR_EFFECTS: every variant's PIP under equal and under functional weights, side by side.

    Parameters
    ----------
    weights
        Table PRIOR_WEIGHTS of the loci that were fitted again.
    signals
        Their primary signals under equal weights, with rows that point into `weights`.
    uniform, functional
        Table CREDIBLE_SETS under equal and under functional weights.
    uniform_rungs, functional_rungs
        What the two fits claim, by locus: `rung` of FINE_MAPPING.
    """
    both = _pips(functional, "pip_functional", ["study", "disease", "status", "reason"]).merge(
        _pips(uniform, "pip_uniform", []), on=["locus", "variant"], how="left"
    )
    rows = weights.merge(both, on=["locus", "variant"], validate="one_to_one")
    prior_weight = rows["prior_weight"] * rows.groupby("locus")["prior_weight"].transform("size")
    gains = pd.Series(evidence_gains(weights["prior_weight"].to_numpy(np.float64), signals))
    rows = rows.assign(
        prior_weight=prior_weight, log_evidence_ratio=rows["locus"].map(gains.groupby(signals.locus).sum())
    )
    for locus, remark in _locus_remarks(rows, uniform_rungs, functional_rungs).items():
        mark = (rows["locus"] == locus) & (rows["status"] == OK)
        rows.loc[mark, ["status", "reason"]] = remark
    return rows[PRIOR_EFFECTS.names]


def _pips(credible_sets: pd.DataFrame, name: str, others: list[str]) -> pd.DataFrame:
    return credible_sets[["locus", "variant", "pip", *others]].rename(columns={"pip": name})


def _locus_remarks(
    rows: pd.DataFrame, uniform: Mapping[str, str], functional: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Status and reason of the loci whose two PIPs are equal by construction, or are not of the same model."""
    remarks = {}
    for locus, weights in rows.groupby("locus")["prior_weight"]:
        name = str(locus)
        if uniform[name] != functional[name]:
            reason = f"Equal weights: {uniform[name]}; functional weights: {functional[name]}. The PIPs differ in both."
            remarks[name] = ("other_rung", reason)
        elif weights.max() - weights.min() < _SAME_WEIGHT:
            remarks[name] = ("equal_weights", "The prior weights are all equal; the table of enrichments says why.")
    return remarks
