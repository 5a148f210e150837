"""Colocalization: whether a disease signal and a molecular trait share their causal variant.

Signals that SuSiE found are compared pair by pair, as in coloc.susie (Wallace 2021). A side that has none is taken as
a single effect over all its variants, as in coloc.abf (Giambartolomei et al. 2014), and the row says so. Beside these
primary rows each trait has one row of coloc.abf proper: single effects on both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import COLOCALIZATION, COLOCALIZED_VARIANTS
from locus2target.statgen.abf import credible_set, single_effect_posterior
from locus2target.statgen.coloc_leads import LEAD_OVERLAP, overlap_leads
from locus2target.statgen.coloc_pairs import (
    SENSITIVITY_P12,
    FloatArray,
    IntArray,
    PairSums,
    Priors,
    covered_share,
    hypothesis_posteriors,
    pair_sums,
    prior_range,
)
from locus2target.statgen.coloc_traits import (
    SUSIE,
    TRAIT,
    LocusSignals,
    MolecularTraits,
    arrange_traits,
    signal_totals,
    sort_traits,
    strongest_shared,
)

ABF = "abf"
_OK = "ok"
_FULL = "full"  # coverage of a QTL set that lists every variant, associated or not
_PIP_ONLY = "pip_only"  # method of imported signals whose Bayes factors are known up to a constant
_KEY = ["variant", "chromosome", "position", "ref", "alt"]
_MIN_COVERED_SHARE = 0.5  # of a side's posterior that the shared variants must hold; as in coloc.susie
_LISTED_H4 = 0.5  # from which the shared variants are listed
_LISTED_MASS = 0.95  # of the shared variant's posterior


@dataclass(frozen=True, slots=True)
class ColocalizationRules:
    """The config's `colocalization` section.

    Attributes
    ----------
    priors
        Per variant.
    posterior_threshold
        Of H4, from which a pair counts as sharing.
    min_shared_variants
        Pairs with fewer are not judged.
    """

    priors: Priors
    posterior_threshold: float
    min_shared_variants: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "ColocalizationRules":
        """Read the config's `colocalization` section."""
        return cls(
            Priors(settings["prior_p1"], settings["prior_p2"], settings["prior_p12"]),
            posterior_threshold=settings["posterior_threshold"],
            min_shared_variants=settings["min_shared_variants"],
        )


@dataclass(frozen=True, slots=True)
class ColocalizedLocus:
    """Rows of one locus and QTL set for `core.schemas.COLOCALIZATION` and `COLOCALIZED_VARIANTS`."""

    colocalization: pd.DataFrame
    variants: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pairs that are looked at: row of the signals and row of the traits, int64 arrays of shape (n_pairs,)."""

    signal: IntArray
    trait: IntArray

    @property
    def index(self) -> tuple[IntArray, IntArray]:
        """To pick the pairs out of an array of shape (S, P)."""
        return self.signal, self.trait


def colocalize_locus(
    locus: Mapping[str, Any],
    signals: LocusSignals,
    qtl_rows: pd.DataFrame,
    *,
    qtl: str,
    qtl_sheet: Mapping[str, Any],
    qtl_signals: pd.DataFrame,
    qtl_signal_lbf: pd.DataFrame,
    rules: ColocalizationRules,
) -> ColocalizedLocus:
    """Compare the signals of a locus with those of every molecular trait of a QTL set.

    Parameters
    ----------
    locus
        Row of `core.schemas.LOCI`.
    signals
        Its signals; at least one.
    qtl_rows
        Columns `QTL_COLUMNS` of the QTL set's rows inside the locus.
    qtl, qtl_sheet
        The set's id, and of its row in qtls.tsv: qtl_type, tissue, sd_y, coverage.
    qtl_signals, qtl_signal_lbf
        Rows of `core.schemas.QTL_SIGNALS` and `QTL_SIGNAL_LBF` of the set in the locus; may be empty.
    rules
        Priors and limits.

    Returns
    -------
    ColocalizedLocus
        `colocalization` has one row per pair of signals. Status `ok`; `no_statistics`, `no_overlap`,
        `too_few_shared_variants`, `low_overlap` or `pip_only` without posterior; for sets that do not list all
        variants `truncated_qtl` or `no_overlap`; or a single row `no_qtl_in_locus`.
    """
    base = _base_row(locus, qtl, qtl_sheet)
    if qtl_rows.empty:
        reason = "the QTL set has no row in the locus"
        nothing = locus_without_pairs(locus, "no_qtl_in_locus", reason, qtl=qtl, qtl_sheet=qtl_sheet)
        return ColocalizedLocus(nothing, COLOCALIZED_VARIANTS.empty())
    rows = sort_traits(qtl_rows)
    if qtl_sheet["coverage"] != _FULL:
        leads = overlap_leads(signals, rows, coverage=qtl_sheet["coverage"])
        return ColocalizedLocus(_conform(leads.assign(**base)), COLOCALIZED_VARIANTS.empty())
    judged, listed = [], []
    for piece in rows.split():
        traits = arrange_traits(
            piece,
            signals.variants,
            sd_y=qtl_sheet["sd_y"],
            qtl_signals=qtl_signals,
            qtl_signal_lbf=qtl_signal_lbf,
        )
        pairs = choose_pairs(signals, traits)
        judged.append(_judge_pairs(signals, traits, pairs, rules))
        listed.append(_shared_variants(signals, traits, pairs, judged[-1]))
    # by disease signal, then by trait: the pieces are cut by trait
    frame = pd.concat(judged, ignore_index=True).sort_values(["signal", *TRAIT, "qtl_signal"], ignore_index=True)
    variants = pd.concat(listed, ignore_index=True).assign(locus=locus["locus"], qtl=qtl)
    return ColocalizedLocus(_conform(frame.assign(**base)), variants[COLOCALIZED_VARIANTS.names])


def locus_without_pairs(
    locus: Mapping[str, Any], status: str, reason: str, *, qtl: str, qtl_sheet: Mapping[str, Any]
) -> pd.DataFrame:
    """The one row, without gene, that says why a locus has no pair with a QTL set."""
    nothing = {
        "signal": 0,
        "primary": False,
        "tissue": "" if qtl_sheet["tissue"] is None else qtl_sheet["tissue"],
        "gene_id": "",
        "phenotype_id": "",
        "qtl_signal": 0,
        "method": ABF if qtl_sheet["coverage"] == _FULL else LEAD_OVERLAP,
        "n_shared": 0,
    }
    return COLOCALIZATION.frame([{**_base_row(locus, qtl, qtl_sheet), **nothing, "status": status, "reason": reason}])


def _base_row(locus: Mapping[str, Any], qtl: str, qtl_sheet: Mapping[str, Any]) -> dict[str, str]:
    return {name: locus[name] for name in ("locus", "study", "disease")} | {
        "qtl": qtl,
        "qtl_type": qtl_sheet["qtl_type"],
    }


def _conform(frame: pd.DataFrame) -> pd.DataFrame:
    """All columns of the schema in its types; a flag that may be missing stays an object."""
    return frame.reindex(columns=COLOCALIZATION.names).astype(_types())


@cache
def _types() -> dict[str, Any]:
    types = {str(name): kind for name, kind in COLOCALIZATION.empty().dtypes.items()}
    return types | {"prior_sensitive": object}


def choose_pairs(signals: LocusSignals, traits: MolecularTraits) -> _Pairs:
    """Pairs to look at, signal by signal.

    The primary disease signals meet the SuSiE signals of a trait, or its single effect when it has none; signal 0 of
    the disease meets signal 0 of the trait, whatever else there is.
    """
    primary = signals.signals["primary"].to_numpy(np.bool_)
    single = traits.signals["qtl_signal"].to_numpy() == 0
    best = ~single | (traits.signals["unparted"].to_numpy(object) != "")
    zero = signals.signals["signal"].to_numpy() == 0
    row, column = np.nonzero(np.logical_and.outer(primary, best) | np.logical_and.outer(zero, single))
    return _Pairs(row.astype(np.int64), column.astype(np.int64))


# ---- Results -----------------------------------------------------------------------------------------------------


def _judge_pairs(
    signals: LocusSignals, traits: MolecularTraits, pairs: _Pairs, rules: ColocalizationRules
) -> pd.DataFrame:
    """COLOCALIZATION rows of the pairs, without the columns that are the same for all."""
    sums = pair_sums(signals.log_bayes_factors, traits.log_bayes_factors, log_weights=signals.log_weights)
    frame = _describe(signals, traits, pairs)
    frame["n_shared"] = sums.n_shared[pairs.index]
    present = ~np.isnan(signals.log_bayes_factors)
    frame["qtl_neg_log10_p"] = strongest_shared(present, traits.neg_log10_p)[pairs.index]
    frame["status"], reasons = _verdicts(signals, traits, pairs, sums, rules)
    frame["reason"] = np.where(reasons == "", _assumptions(signals, traits, pairs), reasons)
    ok = (frame["status"] == _OK).to_numpy()
    placed = ok | (frame["status"] == _PIP_ONLY).to_numpy()
    for name, posterior in _posteriors(sums, rules).items():
        frame[name] = np.where(ok, posterior[pairs.index], np.nan)
    for name, best in _best_variants(signals, traits, sums).items():
        frame[name] = np.where(placed, best[pairs.index], np.nan)
    above = (frame["posterior_h4"] >= rules.posterior_threshold).to_numpy()
    # p12_low is missing where no p12 suffices
    sensitive = above & ~(frame["p12_low"] <= SENSITIVITY_P12).to_numpy()
    frame["prior_sensitive"] = pd.Series(sensitive, dtype=object).where(ok, None)
    return frame


def _describe(signals: LocusSignals, traits: MolecularTraits, pairs: _Pairs) -> pd.DataFrame:
    """Which pair a row is about."""
    frame = traits.signals[[*TRAIT, "qtl_signal"]].iloc[pairs.trait].reset_index(drop=True)
    disease = signals.signals[["signal", "primary", "method"]].iloc[pairs.signal].reset_index(drop=True)
    both_parted = (disease["method"] == SUSIE) & (frame["qtl_signal"] > 0)
    unparted = traits.signals["unparted"].to_numpy(object)[pairs.trait] != ""
    best = (frame["qtl_signal"] > 0) | unparted
    return frame.assign(
        signal=disease["signal"],
        primary=disease["primary"] & best,
        method=np.where(both_parted, SUSIE, ABF),
    )


def _posteriors(sums: PairSums, rules: ColocalizationRules) -> dict[str, FloatArray]:
    """Posteriors of H0 to H4 and the range of p12, shape (S, P)."""
    posteriors = np.moveaxis(hypothesis_posteriors(sums, rules.priors), -1, 0)
    low, high = prior_range(sums, rules.priors, threshold=rules.posterior_threshold)
    named = {f"posterior_h{number}": posterior for number, posterior in enumerate(posteriors)}
    return named | {"p12_low": low, "p12_high": high}


def _best_variants(
    signals: LocusSignals, traits: MolecularTraits, sums: PairSums
) -> dict[str, npt.NDArray[np.object_] | FloatArray]:
    """Per pair the CLPP, the most probable shared variant, its posterior given H4, and its direction, shape (S, P)."""
    weights = 0.0 if signals.log_weights is None else signals.log_weights
    best, top = np.zeros(sums.both.shape, dtype=np.int64), np.zeros(sums.both.shape)
    for row, signal in enumerate(signals.log_bayes_factors + weights):
        joint = signal + traits.log_bayes_factors
        joint[np.isnan(joint)] = -np.inf
        best[row] = joint.argmax(axis=1)
        top[row] = joint.max(axis=1)
    trait_sign = np.take_along_axis(traits.effect_sign, best.T, axis=1).T
    totals, _ = signal_totals(signals)
    with np.errstate(invalid="ignore"):  # -inf - -inf for pairs that share nothing, which get no result
        clpp = np.exp(sums.both - totals - traits.signals["total"].to_numpy())
        posterior = np.exp(top - sums.both)
    return {
        "clpp": np.minimum(clpp, 1.0),
        "shared_variant": signals.variants["variant"].to_numpy(object)[best],
        "shared_variant_posterior": np.minimum(posterior, 1.0),
        "direction": signals.effect_sign[best] * trait_sign,
    }


def _shared_variants(
    signals: LocusSignals, traits: MolecularTraits, pairs: _Pairs, found: pd.DataFrame
) -> pd.DataFrame:
    """COLOCALIZED_VARIANTS rows, without locus and QTL set, of the pairs that probably share their variant."""
    weights = 0.0 if signals.log_weights is None else signals.log_weights
    numbers = np.flatnonzero(found["posterior_h4"] >= _LISTED_H4)
    joint = signals.log_bayes_factors[pairs.signal[numbers]] + traits.log_bayes_factors[pairs.trait[numbers]] + weights
    posteriors = [single_effect_posterior(values) for values in joint]
    members = [credible_set(posterior, _LISTED_MASS) for posterior in posteriors]
    nothing = np.empty(0, dtype=np.int64)  # so that there is something to concatenate
    rows = np.repeat(numbers, [len(listed) for listed in members])
    variants = signals.variants[_KEY].iloc[np.concatenate([nothing, *members])].reset_index(drop=True)
    listed = [posterior[of_set] for posterior, of_set in zip(posteriors, members, strict=True)]
    names = found[["signal", *TRAIT, "qtl_signal"]].iloc[rows].reset_index(drop=True)
    return pd.concat([names, variants.assign(posterior=np.concatenate([np.empty(0), *listed]))], axis=1)


# ---- Verdicts ----------------------------------------------------------------------------------------------------


def _verdicts(
    signals: LocusSignals, traits: MolecularTraits, pairs: _Pairs, sums: PairSums, rules: ColocalizationRules
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Status and reason of each pair; the reason is empty where the status is ok."""
    totals, n_variants = signal_totals(signals)
    trait_total, trait_n = (traits.signals[name].to_numpy() for name in ("total", "n_variants"))
    with np.errstate(invalid="ignore"):  # of signals without any Bayes factor, which get another status
        signal_share = covered_share(sums.first, totals, n_variants, prior=rules.priors.p1)[pairs.index]
        trait_share = covered_share(sums.second, trait_total, trait_n, prior=rules.priors.p2)[pairs.index]
    n_shared = sums.n_shared[pairs.index]
    pip_only = (signals.signals["method"] == _PIP_ONLY).to_numpy()[pairs.signal]
    silent = (n_variants[:, 0] == 0)[pairs.signal]
    problem = traits.signals["problem"].to_numpy(object)[pairs.trait]
    tests = [
        (silent, "no_statistics", "no Bayes factor for the disease signal"),
        (problem != "", "no_statistics", "no Bayes factor for the molecular trait: " + problem),
        (n_shared == 0, "no_overlap", "no variant has statistics for both"),
        (pip_only, _PIP_ONLY, "the disease signal is known by PIPs only, so there is no posterior; clpp rests on them"),
        (n_shared < rules.min_shared_variants, "too_few_shared_variants", _few(n_shared, rules)),
        (signal_share < _MIN_COVERED_SHARE, "low_overlap", _low("disease signal", signal_share)),
        (trait_share < _MIN_COVERED_SHARE, "low_overlap", _low("molecular trait", trait_share)),
    ]
    status, reason = np.full(len(n_shared), _OK, dtype=object), np.full(len(n_shared), "", dtype=object)
    for failed, name, text in reversed(tests):
        status = np.where(failed, name, status)
        reason = np.where(failed, text, reason)
    return status, reason


def _few(n_shared: IntArray, rules: ColocalizationRules) -> npt.NDArray[np.object_]:
    limit = f"colocalization.min_shared_variants is {rules.min_shared_variants}"
    return np.array([f"{n} shared variants cannot tell one causal variant from two; {limit}" for n in n_shared], object)


def _low(side: str, share: FloatArray) -> npt.NDArray[np.object_]:
    return np.array([f"the shared variants hold {value:.2g} of the {side}'s posterior" for value in share], object)


def _assumptions(signals: LocusSignals, traits: MolecularTraits, pairs: _Pairs) -> npt.NDArray[np.object_]:
    """Which side of each pair is taken as a single effect, and why; empty for pairs of SuSiE signals."""
    by_susie = (signals.signals["method"] == SUSIE).to_numpy()
    disease = np.where(by_susie, "", f"the disease ({signals.unparted or 'its signals are in other rows'})")
    why = np.where(traits.signals["unparted"] == "", "its signals are in other rows", traits.signals["unparted"])
    separate = (traits.signals["qtl_signal"] > 0).to_numpy()
    trait = np.where(separate, "", [f"the molecular trait ({reason})" for reason in why])
    sides = zip(disease[pairs.signal], trait[pairs.trait], strict=True)
    texts = [" and ".join(side for side in both if side) for both in sides]
    return np.array([f"single effect assumed for {text}" if text else "" for text in texts], dtype=object)
