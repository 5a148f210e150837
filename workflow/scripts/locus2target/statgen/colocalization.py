"""Colocalization: whether a disease signal and a molecular trait share their causal variant.

Every signal of a locus (`S` of them) is compared with every molecular trait (`P`) over the variants that both have
(`V` in all), with at most one causal variant each:

    H0 neither has one, H1 the disease only, H2 the molecular trait only, H3 two different ones, H4 one for both.

With A, B and C the log sums over the shared variants of the Bayes factors of the first, of the second, and of their
product, the log weights are 0, log p1 + A, log p2 + B, log p1 + log p2 + log(exp(A + B) - exp(C)) and log p12 + C
(Giambartolomei et al. 2014; signals of SuSiE as in Wallace 2021). The sums of all pairs are matrix products.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp, softmax

from locus2target.core.schemas import COLOCALIZATION, QTL
from locus2target.core.variants import match_variants
from locus2target.statgen.abf import (
    QUANTITATIVE,
    effect_signs,
    single_effect_posterior,
    study_log_bayes_factors,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QTL_COLUMNS = [name for name in QTL.names if name not in {"rsid", "ref_verified"}]
_KEY = ["chromosome", "position", "ref", "alt"]
_TRAIT = ["tissue", "gene_id", "phenotype_id"]
_FULL = "full"  # coverage of a QTL set that lists every variant, associated or not
_MIN_COVERED_SHARE = 0.5  # of a trait's posterior that the shared variants must hold; as in coloc.susie
_SMALLEST_PRODUCT = 1e-280  # below, a product of scaled exponentials has lost terms to underflow


@dataclass(frozen=True, slots=True)
class Priors:
    """Prior probabilities that a variant is causal for the disease, for the molecular trait, and for both."""

    p1: float
    p2: float
    p12: float


@dataclass(frozen=True, slots=True)
class ColocalizationRules:
    """The config's `colocalization` section.

    Attributes
    ----------
    priors
        Per variant.
    posterior_threshold
        Of H4, from which the range of priors is reported.
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


# ---- All pairs of two sets of log Bayes factors ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairSums:
    """What the hypotheses of every pair follow from.

    Attributes
    ----------
    n_shared
        int64 array of shape (S, P): variants that both have.
    first, second, both
        float64 arrays of shape (S, P): A, B and C of the module's docstring; -inf where nothing is shared.
    """

    n_shared: IntArray
    first: FloatArray
    second: FloatArray
    both: FloatArray


def pair_sums(first: FloatArray, second: FloatArray) -> PairSums:
    """Sums over the shared variants of all pairs.

    Parameters
    ----------
    first
        Log Bayes factors, float64 array of shape (S, V); NaN where a signal lacks the variant.
    second
        The same of shape (P, V), over the same variants in the same order.
    """
    in_first, in_second = ~np.isnan(first), ~np.isnan(second)
    n_shared = np.rint(in_first.astype(np.float64) @ in_second.astype(np.float64).T).astype(np.int64)
    log_first, log_second = np.where(in_first, first, -np.inf), np.where(in_second, second, -np.inf)
    with np.errstate(divide="ignore"):
        present_first, present_second = np.log(in_first.astype(np.float64)), np.log(in_second.astype(np.float64))
    return PairSums(
        n_shared,
        _log_products(log_first, present_second, n_shared),
        _log_products(present_first, log_second, n_shared),
        _log_products(log_first, log_second, n_shared),
    )


def _log_products(first: FloatArray, second: FloatArray, n_shared: IntArray) -> FloatArray:
    """All log sums over v of exp(first[s, v] + second[p, v]), as one matrix product of scaled exponentials.

    Pairs whose largest terms lie so far below both rows' maxima that the product underflows are summed directly.
    """
    top_first, top_second = _row_tops(first), _row_tops(second)
    product = np.exp(first - top_first) @ np.exp(second - top_second).T
    with np.errstate(divide="ignore"):
        result: FloatArray = np.log(product) + top_first + top_second.T
    underflown = (product < _SMALLEST_PRODUCT) & (n_shared > 0)
    for row in np.flatnonzero(underflown.any(axis=1)):
        columns = np.flatnonzero(underflown[row])
        result[row, columns] = logsumexp(first[row] + second[columns], axis=1)
    return result


def _row_tops(values: FloatArray) -> FloatArray:
    """Largest value of each row as a column; 0 for rows of -inf only."""
    tops = values.max(axis=1, initial=-np.inf, keepdims=True)
    return np.where(np.isfinite(tops), tops, 0.0)


def _capped(prior: float, n_variants: IntArray) -> FloatArray:
    """The prior per variant, lowered to 1 / (n + 1) where n variants would have a probability of 1 or more."""
    return np.where(prior * n_variants >= 1.0, 1.0 / (n_variants + 1.0), prior)


def _log_weights(sums: PairSums, priors: Priors) -> FloatArray:
    """Log weights of H0 to H4 without their common constant, shape (S, P, 5)."""
    log_p1, log_p2 = np.log(_capped(priors.p1, sums.n_shared)), np.log(_capped(priors.p2, sums.n_shared))
    log_p12 = np.minimum(np.log(_capped(priors.p12, sums.n_shared)), np.minimum(log_p1, log_p2))
    separate = sums.first + sums.second
    with np.errstate(divide="ignore", invalid="ignore"):
        same_share = np.where(np.isfinite(sums.both), np.minimum(sums.both - separate, 0.0), -np.inf)
        different = separate + np.log(-np.expm1(same_share))
    return np.stack(
        [
            np.zeros_like(separate),
            log_p1 + sums.first,
            log_p2 + sums.second,
            log_p1 + log_p2 + different,
            log_p12 + sums.both,
        ],
        axis=-1,
    )


def hypothesis_posteriors(sums: PairSums, priors: Priors) -> FloatArray:
    """Posterior probabilities of H0 to H4 for every pair, float64 array of shape (S, P, 5).

    A prior that times the number of shared variants would reach 1 is lowered to 1 / (n_shared + 1).
    """
    posterior: FloatArray = softmax(_log_weights(sums, priors), axis=-1)
    return posterior


def prior_range(sums: PairSums, priors: Priors, *, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Range of p12 in which the posterior of H4 is above `threshold`, the other priors as given.

    Returns
    -------
    tuple of numpy.ndarray
        Smallest and largest p12, float64 arrays of shape (S, P). The largest is min(p1, p2): a variant cannot be
        causal for both more often than for one. NaN in both where no p12 up to there suffices.
    """
    weights = _log_weights(sums, priors)
    others = logsumexp(weights[..., :4], axis=-1)
    high = np.minimum(_capped(priors.p1, sums.n_shared), _capped(priors.p2, sums.n_shared))
    with np.errstate(over="ignore"):
        low = np.exp(np.log(threshold) - np.log1p(-threshold) + others - sums.both)
    possible = low < high
    return np.where(possible, low, np.nan), np.where(possible, high, np.nan)


def covered_share(shared: FloatArray, total: FloatArray, n_variants: IntArray, *, prior: float) -> FloatArray:
    """Share of a trait's single-effect posterior that its shared variants can speak for.

    The posterior includes "no causal variant", which needs no variant to be shared: a trait without signal is not held
    against the overlap, a trait whose causal variant lies outside is.

    Parameters
    ----------
    shared
        Log sum of the Bayes factors of the shared variants, shape (S, P).
    total, n_variants
        Log sum over all variants of the trait in the locus, and their number; broadcast against `shared`.
    prior
        Probability of a variant to be causal.
    """
    probability = _capped(prior, n_variants)
    none = np.log1p(-probability * n_variants)
    share: FloatArray = np.exp(
        np.logaddexp(none, np.log(probability) + shared) - np.logaddexp(none, np.log(probability) + total)
    )
    return share


# ---- Signals and molecular traits of one locus -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LocusSignals:
    """Disease signals of one locus.

    Attributes
    ----------
    signals
        S rows with columns signal and primary.
    variants
        V rows with columns variant, chromosome, position, ref, alt.
    log_bayes_factors
        float64 array of shape (S, V); NaN where a signal lacks the variant.
    effect_sign
        float64 array of shape (V,): -1 or +1 per ALT allele, NaN where unsigned.
    """

    signals: pd.DataFrame
    variants: pd.DataFrame
    log_bayes_factors: FloatArray
    effect_sign: FloatArray


def arrange_signals(signals: pd.DataFrame, signal_lbf: pd.DataFrame) -> LocusSignals:
    """Arrange one locus' rows of `core.schemas.SIGNALS` and `SIGNAL_LBF`."""
    codes, _ = pd.factorize(signal_lbf["variant"])
    variants = signal_lbf.drop_duplicates("variant")[["variant", *_KEY]].reset_index(drop=True)
    row_of = {signal: row for row, signal in enumerate(signals["signal"])}
    rows = signal_lbf["signal"].map(row_of).to_numpy(np.int64)
    values = np.full((len(signals), len(variants)), np.nan)
    values[rows, codes] = signal_lbf["log_bayes_factor"].to_numpy(np.float64)
    effect_sign = np.full(len(variants), np.nan)
    effect_sign[codes] = signal_lbf["effect_sign"].to_numpy(np.float64, na_value=np.nan)
    return LocusSignals(signals.reset_index(drop=True), variants, values, effect_sign)


@dataclass(frozen=True, slots=True)
class MolecularTraits:
    """Molecular traits of one QTL set in one locus.

    Attributes
    ----------
    traits
        P rows: tissue, gene_id, phenotype_id, n_variants and total (number and log sum of all Bayes factors of the
        trait in the locus, matched or not), problem (why there are none, else empty).
    log_bayes_factors, effect_sign, neg_log10_p
        float64 arrays of shape (P, V) over the locus' variants; NaN where a trait lacks the variant. Signs are per
        ALT allele of the locus' variant.
    """

    traits: pd.DataFrame
    log_bayes_factors: FloatArray
    effect_sign: FloatArray
    neg_log10_p: FloatArray


def arrange_traits(qtl_rows: pd.DataFrame, variants: pd.DataFrame, *, sd_y: float | None) -> MolecularTraits:
    """Arrange the rows of one QTL set in one locus.

    Parameters
    ----------
    qtl_rows
        Columns `QTL_COLUMNS` of `core.schemas.QTL`.
    variants
        Variants of the locus, as in `LocusSignals`.
    sd_y
        Standard deviation of the molecular traits; None to estimate it for each.
    """
    rows = qtl_rows.drop_duplicates([*_TRAIT, "variant"]).reset_index(drop=True)
    column, sign = _locate(rows, variants)
    groups = rows.groupby(_TRAIT, sort=True)
    values, signs, strength = np.full((3, groups.ngroups, len(variants)), np.nan)
    traits = []
    for number, (names, members) in enumerate(groups):
        factors = study_log_bayes_factors(members, trait_type=QUANTITATIVE, sd_y=sd_y)
        usable = ~np.isnan(factors.values)
        traits.append(
            {
                **dict(zip(_TRAIT, names, strict=True)),
                "n_variants": np.count_nonzero(usable),
                "total": float(logsumexp(factors.values[usable])) if usable.any() else -np.inf,
                "problem": "" if usable.any() else str(factors.reasons[0]),
            }
        )
        kept = usable & (column[members.index] >= 0)
        row = members.index[kept]
        values[number, column[row]] = factors.values[kept]
        signs[number, column[row]] = effect_signs(members)[kept] * sign[row]
        strength[number, column[row]] = members["neg_log10_p"].to_numpy()[kept]
    return MolecularTraits(pd.DataFrame(traits), values, signs, strength)


def _locate(qtl_rows: pd.DataFrame, variants: pd.DataFrame) -> tuple[IntArray, FloatArray]:
    """For each QTL row the row of its variant in `variants` (-1: none), and -1 where REF and ALT are exchanged."""
    codes, _ = pd.factorize(qtl_rows["variant"])
    distinct = qtl_rows.drop_duplicates("variant")
    match = match_variants(variants, distinct)
    row, sign = np.full(len(distinct), -1, dtype=np.int64), np.full(len(distinct), np.nan)
    row[match.right], sign[match.right] = match.left, match.sign
    return row[codes], sign[codes]


# ---- One locus against one QTL set -----------------------------------------------------------------------------


def colocalize_locus(
    locus: Mapping[str, Any],
    signals: LocusSignals,
    qtl_rows: pd.DataFrame,
    *,
    qtl: str,
    qtl_sheet: Mapping[str, Any],
    rules: ColocalizationRules,
) -> pd.DataFrame:
    """Compare every signal of a locus with every molecular trait of a QTL set.

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
    rules
        Priors and limits.

    Returns
    -------
    pandas.DataFrame
        `core.schemas.COLOCALIZATION`, one row per signal and molecular trait. Status `ok`; `no_statistics`,
        `no_overlap`, `too_few_shared_variants` or `low_overlap` without posterior; for sets that do not list all
        variants `truncated_qtl` or `no_overlap`; or a single row `no_qtl_in_locus`.
    """
    if qtl_rows.empty:
        reason = "the QTL set has no row in the locus"
        return locus_without_pairs(locus, "no_qtl_in_locus", reason, qtl=qtl, qtl_sheet=qtl_sheet)
    base = _base_row(locus, qtl, qtl_sheet)
    rows: list[dict[Any, Any]] = []
    for _, tissue_rows in qtl_rows.groupby("tissue", sort=True):  # one tissue at a time bounds the matrices
        if qtl_sheet["coverage"] == _FULL:
            traits = arrange_traits(tissue_rows, signals.variants, sd_y=qtl_sheet["sd_y"])
            rows += _judge_pairs(signals, traits, rules)
        else:
            rows += _overlap_leads(signals, tissue_rows, coverage=qtl_sheet["coverage"])
    return COLOCALIZATION.frame({**base, **row} for row in rows)


def locus_without_pairs(
    locus: Mapping[str, Any], status: str, reason: str, *, qtl: str, qtl_sheet: Mapping[str, Any]
) -> pd.DataFrame:
    """The one row, without gene, that says why a locus has no pair with a QTL set."""
    tissue = "" if qtl_sheet["tissue"] is None else qtl_sheet["tissue"]
    nothing = {"signal": 0, "primary": False, "tissue": tissue, "gene_id": "", "phenotype_id": "", "n_shared": 0}
    row = {**_base_row(locus, qtl, qtl_sheet), **nothing, "status": status, "reason": reason}
    return COLOCALIZATION.frame([row])


def _base_row(locus: Mapping[str, Any], qtl: str, qtl_sheet: Mapping[str, Any]) -> dict[str, object]:
    return {
        "locus": locus["locus"],
        "study": locus["study"],
        "disease": locus["disease"],
        "qtl": qtl,
        "qtl_type": qtl_sheet["qtl_type"],
        "method": "abf" if qtl_sheet["coverage"] == _FULL else "lead_overlap",
    }


def _judge_pairs(signals: LocusSignals, traits: MolecularTraits, rules: ColocalizationRules) -> list[dict[Any, Any]]:
    """Rows of all pairs, signal by signal, for a QTL set that lists all variants."""
    sums = pair_sums(signals.log_bayes_factors, traits.log_bayes_factors)
    totals, n_variants = _signal_totals(signals)
    trait_totals, trait_n = traits.traits["total"].to_numpy(), traits.traits["n_variants"].to_numpy()
    signal_share = covered_share(sums.first, totals, n_variants, prior=rules.priors.p1)
    trait_share = covered_share(sums.second, trait_totals, trait_n, prior=rules.priors.p2)
    low, high = prior_range(sums, rules.priors, threshold=rules.posterior_threshold)
    posteriors = np.moveaxis(hypothesis_posteriors(sums, rules.priors), -1, 0)
    with np.errstate(invalid="ignore"):  # -inf - -inf for traits without any Bayes factor, which get no result
        clpp = np.minimum(np.exp(sums.both - totals - trait_totals), 1.0)
    results = {f"posterior_h{number}": posterior for number, posterior in enumerate(posteriors)}
    results |= {"p12_low": low, "p12_high": high, "clpp": clpp} | _shared_variants(signals, traits, sums)
    strength = _strongest_shared(signals, traits)
    rows = []
    signal_rows = signals.signals[["signal", "primary"]].to_dict("records")
    trait_rows = traits.traits[_TRAIT].to_dict("records")
    for pair in np.ndindex(*sums.n_shared.shape):
        n_shared, problem = int(sums.n_shared[pair]), traits.traits["problem"].iloc[pair[1]]
        status, reason = _verdict(problem, n_shared, float(signal_share[pair]), float(trait_share[pair]), rules)
        row = signal_rows[pair[0]] | trait_rows[pair[1]]
        row |= {"n_shared": n_shared, "qtl_neg_log10_p": strength[pair], "status": status, "reason": reason}
        rows.append(row | {name: values[pair] for name, values in results.items() if status == "ok"})
    return rows


def _signal_totals(signals: LocusSignals) -> tuple[FloatArray, IntArray]:
    """Log sum of the Bayes factors of each signal and the number of its variants, as columns of shape (S, 1)."""
    present = ~np.isnan(signals.log_bayes_factors)
    totals = logsumexp(np.where(present, signals.log_bayes_factors, -np.inf), axis=1, keepdims=True)
    return totals, present.sum(axis=1, keepdims=True)


def _shared_variants(
    signals: LocusSignals, traits: MolecularTraits, sums: PairSums
) -> dict[str, npt.NDArray[np.object_] | FloatArray]:
    """The most probable shared causal variant of each pair, its posterior given H4 and its direction, shape (S, P)."""
    best, top = np.zeros(sums.both.shape, dtype=np.int64), np.zeros(sums.both.shape)
    for row, signal in enumerate(signals.log_bayes_factors):
        joint = signal + traits.log_bayes_factors
        joint[np.isnan(joint)] = -np.inf
        best[row] = joint.argmax(axis=1)
        top[row] = joint.max(axis=1)
    trait_sign = np.take_along_axis(traits.effect_sign, best.T, axis=1).T
    with np.errstate(invalid="ignore"):  # -inf - -inf for pairs that share nothing, which get no result
        posterior = np.exp(top - sums.both)
    return {
        "shared_variant": signals.variants["variant"].to_numpy(object)[best],
        "shared_variant_posterior": np.minimum(posterior, 1.0),
        "direction": signals.effect_sign[best] * trait_sign,
    }


def _strongest_shared(signals: LocusSignals, traits: MolecularTraits) -> FloatArray:
    """Largest -log10 p of each trait among the variants it shares with each signal, shape (S, P); NaN for none."""
    strength = np.where(np.isnan(traits.neg_log10_p), -np.inf, traits.neg_log10_p)
    present = ~np.isnan(signals.log_bayes_factors)
    strongest = np.stack([np.where(shared, strength, -np.inf).max(axis=1) for shared in present])
    return np.where(np.isneginf(strongest), np.nan, strongest)


def _verdict(
    problem: str, n_shared: int, signal_share: float, trait_share: float, rules: ColocalizationRules
) -> tuple[str, str]:
    """Status and reason of a pair."""
    if problem:
        return "no_statistics", f"no Bayes factor for the molecular trait: {problem}"
    if n_shared == 0:
        return "no_overlap", "no variant has statistics for both"
    if n_shared < rules.min_shared_variants:
        return (
            "too_few_shared_variants",
            f"{n_shared} shared variants cannot tell one causal variant from two; "
            f"colocalization.min_shared_variants is {rules.min_shared_variants}",
        )
    if signal_share < _MIN_COVERED_SHARE:
        return "low_overlap", f"the shared variants hold {signal_share:.2g} of the disease signal's posterior"
    if trait_share < _MIN_COVERED_SHARE:
        return "low_overlap", f"the shared variants hold {trait_share:.2g} of the molecular trait's posterior"
    return "ok", ""


def _overlap_leads(signals: LocusSignals, qtl_rows: pd.DataFrame, *, coverage: str) -> list[dict[Any, Any]]:
    """Rows of all pairs, signal by signal, for a QTL set that lists only significant or lead variants.

    Such a set says nothing about the variants left out, so H0 to H4 have no posterior. What can be said is how probable
    the trait's lead variant is as the causal variant of the signal.
    """
    rows = qtl_rows.drop_duplicates([*_TRAIT, "variant"]).reset_index(drop=True)
    rows["column"], orientation = _locate(rows, signals.variants)
    rows["sign"] = effect_signs(rows) * orientation
    found = []
    for signal, factors in zip(signals.signals.to_dict("records"), signals.log_bayes_factors, strict=True):
        posterior = single_effect_posterior(factors)
        for names, members in rows.groupby(_TRAIT, sort=True):
            row = {"signal": signal["signal"], "primary": signal["primary"], **dict(zip(_TRAIT, names, strict=True))}
            found.append(row | _lead_result(members, signals, ~np.isnan(factors), posterior, coverage))
    return found


def _lead_result(
    members: pd.DataFrame, signals: LocusSignals, present: npt.NDArray[np.bool_], posterior: FloatArray, coverage: str
) -> dict[str, Any]:
    """What the lead variant of one trait says about one signal."""
    column = members["column"].to_numpy()
    shared = (column >= 0) & present[column]
    strength = members["neg_log10_p"].to_numpy()
    result = {"n_shared": np.count_nonzero(shared), "qtl_neg_log10_p": strength[shared].max() if shared.any() else None}
    lead = int(strength.argmax())
    place, key = column[lead], members["variant"].iloc[lead]
    if not shared[lead]:
        return result | {"status": "no_overlap", "reason": f"the disease signal lacks the QTL's lead variant {key}"}
    return result | {
        "clpp": posterior[place],
        "shared_variant": signals.variants["variant"].iloc[place],
        "direction": signals.effect_sign[place] * members["sign"].iloc[lead],
        "status": "truncated_qtl",
        "reason": (
            f"the QTL set lists only some variants (coverage {coverage}), so there is no posterior; "
            "clpp is the disease signal's posterior at the QTL's lead variant"
        ),
    }
