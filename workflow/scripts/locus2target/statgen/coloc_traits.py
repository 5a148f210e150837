"""Signals of a locus and of its molecular traits, arranged as matrices over the variants of the locus.

The disease has S signals, and every molecular trait one row for its single effect over all variants (signal 0) and one
for each signal that SuSiE found (1, 2, ...): P rows in all, over the V variants of the disease's signals.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp

from locus2target.core.schemas import QTL
from locus2target.core.variants import match_variants
from locus2target.statgen.abf import QUANTITATIVE, LogBayesFactors, effect_signs, study_log_bayes_factors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

QTL_COLUMNS = [name for name in QTL.names if name not in {"rsid", "ref_verified"}]
TRAIT = ["tissue", "gene_id", "phenotype_id"]
SUSIE = "susie"
_KEY = ["chromosome", "position", "ref", "alt"]
_TRAITS_AT_ONCE = 256  # bounds the matrices


@dataclass(frozen=True, slots=True)
class LocusSignals:
    """Disease signals of one locus.

    Attributes
    ----------
    signals
        S rows with columns signal, method and primary.
    variants
        V rows with columns variant, chromosome, position, ref, alt.
    log_bayes_factors
        float64 array of shape (S, V), natural log; NaN where a signal lacks the variant.
    effect_sign
        float64 array of shape (V,): -1 or +1 per ALT allele, NaN where unsigned.
    log_weights
        float64 array of shape (V,): log prior weights with mean weight 1; None for equal ones.
    unparted
        Why the disease has no SuSiE signals, as one word; empty when it has.
    """

    signals: pd.DataFrame
    variants: pd.DataFrame
    log_bayes_factors: FloatArray
    effect_sign: FloatArray
    log_weights: FloatArray | None
    unparted: str


def arrange_signals(
    signals: pd.DataFrame,
    signal_lbf: pd.DataFrame,
    *,
    prior_weights: pd.DataFrame | None = None,
    status: str = "unknown",
) -> LocusSignals:
    """Arrange one locus.

    Parameters
    ----------
    signals, signal_lbf
        Its rows of `core.schemas.SIGNALS` and `SIGNAL_LBF`; at least one signal.
    prior_weights
        Its rows of `core.schemas.PRIOR_WEIGHTS`; None or no row for equal weights. Variants without one get the mean.
    status
        Of its row in `core.schemas.FINE_MAPPING`: why there are no SuSiE signals, where there are none.
    """
    codes, _ = pd.factorize(signal_lbf["variant"])
    variants = signal_lbf.drop_duplicates("variant")[["variant", *_KEY]].reset_index(drop=True)
    rows = pd.Index(signals["signal"]).get_indexer(signal_lbf["signal"])
    values = np.full((len(signals), len(variants)), np.nan)
    values[rows, codes] = signal_lbf["log_bayes_factor"].to_numpy(np.float64)
    effect_sign = np.full(len(variants), np.nan)
    effect_sign[codes] = signal_lbf["effect_sign"].to_numpy(np.float64, na_value=np.nan)
    return LocusSignals(
        signals.reset_index(drop=True),
        variants,
        values,
        effect_sign,
        None if prior_weights is None or prior_weights.empty else _log_weights(prior_weights, variants),
        _why_single(signals, status),
    )


def _why_single(signals: pd.DataFrame, status: str) -> str:
    if (signals["method"] == SUSIE).any():
        return ""
    return str(signals["method"].iloc[0]) if status == "ok" else status  # imported signals have nothing to explain


def _log_weights(prior_weights: pd.DataFrame, variants: pd.DataFrame) -> FloatArray:
    weights = prior_weights.set_index("variant")["prior_weight"].reindex(variants["variant"]).to_numpy(np.float64)
    known = ~np.isnan(weights)
    if not (weights[known] > 0.0).all():
        raise ValueError("prior weights must be positive: a variant with none could never be shared")
    weights = np.where(known, weights, weights[known].mean() if known.any() else 1.0)
    log_weights: FloatArray = np.log(weights / weights.mean())
    return log_weights


@dataclass(frozen=True, slots=True)
class MolecularTraits:
    """Signals of some molecular traits of one QTL set in one locus.

    Attributes
    ----------
    signals
        P rows, by trait and signal: trait (number), tissue, gene_id, phenotype_id, qtl_signal, n_variants and total
        (number and log sum of all Bayes factors of the signal in the locus, matched or not), unparted (why the trait
        has no SuSiE signals, as one word; empty when it has), problem (why there is no Bayes factor, else empty).
    log_bayes_factors, effect_sign, neg_log10_p
        float64 arrays of shape (P, V) over the locus' variants; NaN where a signal lacks the variant. Signs are per
        ALT allele of the locus' variant; p-values are those of the trait.
    """

    signals: pd.DataFrame
    log_bayes_factors: FloatArray
    effect_sign: FloatArray
    neg_log10_p: FloatArray


@dataclass(frozen=True, slots=True)
class TraitRows:
    """Rows of one QTL set in one locus, each variant of a trait once, sorted by trait.

    Attributes
    ----------
    statistics
        Columns `QTL_COLUMNS`.
    trait
        int64 array of shape (n_rows,), ascending: row of `traits`.
    traits
        Columns tissue, gene_id, phenotype_id, sorted.
    """

    statistics: pd.DataFrame
    trait: IntArray
    traits: pd.DataFrame

    @property
    def bounds(self) -> IntArray:
        """First row of each trait, and the end of the last: int64 array of shape (n_traits + 1,)."""
        return np.searchsorted(self.trait, np.arange(len(self.traits) + 1)).astype(np.int64)

    def split(self, n_traits: int = _TRAITS_AT_ONCE) -> Iterator["TraitRows"]:
        """Cut into pieces of at most so many traits."""
        for start in range(0, len(self.traits), n_traits):
            first, end = np.searchsorted(self.trait, [start, start + n_traits])
            traits = self.traits.iloc[start : start + n_traits].reset_index(drop=True)
            yield TraitRows(self.statistics.iloc[first:end], self.trait[first:end] - start, traits)


def sort_traits(qtl_rows: pd.DataFrame) -> TraitRows:
    """Sort the rows of a QTL set by trait; the first one counts where a trait has a variant twice."""
    trait: IntArray = qtl_rows.groupby(TRAIT, sort=True).ngroup().to_numpy().astype(np.int64)
    codes, names = pd.factorize(qtl_rows["variant"])
    first = np.flatnonzero(~pd.Series(trait * len(names) + codes).duplicated().to_numpy())
    order = first[np.argsort(trait[first], kind="stable")]
    sorted_trait: IntArray = trait[order]
    heads = np.flatnonzero(np.diff(sorted_trait, prepend=-1))
    return TraitRows(qtl_rows.iloc[order], sorted_trait, qtl_rows[TRAIT].iloc[order[heads]].reset_index(drop=True))


def locate_variants(rows: pd.DataFrame, variants: pd.DataFrame) -> tuple[IntArray, FloatArray]:
    """For each row of a QTL table the row of its variant in `variants`, and whether REF and ALT are exchanged.

    Returns
    -------
    tuple of numpy.ndarray
        int64 and float64 arrays of shape (n_rows,): -1 for none; -1 where exchanged, +1 where not, NaN for none.
    """
    if rows.empty:
        return np.empty(0, dtype=np.int64), np.empty(0)
    codes, _ = pd.factorize(rows["variant"])
    distinct = rows.drop_duplicates("variant")
    match = match_variants(variants, distinct)
    row, sign = np.full(len(distinct), -1, dtype=np.int64), np.full(len(distinct), np.nan)
    row[match.right], sign[match.right] = match.left, match.sign
    return row[codes], sign[codes]


def trait_log_bayes_factors(rows: TraitRows, *, sd_y: float | None) -> LogBayesFactors:
    """Log Bayes factors of all rows; the standard deviation of each trait is estimated where `sd_y` is None."""
    if sd_y is not None:
        return study_log_bayes_factors(rows.statistics, trait_type=QUANTITATIVE, sd_y=sd_y)
    parts = [
        study_log_bayes_factors(rows.statistics.iloc[start:end], trait_type=QUANTITATIVE, sd_y=None)
        for start, end in pairwise(rows.bounds)
    ]
    return LogBayesFactors(np.concatenate([p.values for p in parts]), np.concatenate([p.reasons for p in parts]))


def arrange_traits(
    rows: TraitRows,
    variants: pd.DataFrame,
    *,
    sd_y: float | None,
    qtl_signals: pd.DataFrame,
    qtl_signal_lbf: pd.DataFrame,
) -> MolecularTraits:
    """Arrange traits of one QTL set in one locus.

    Parameters
    ----------
    rows
        As `sort_traits` or `TraitRows.split` gives them.
    variants
        Variants of the locus, as in `LocusSignals`.
    sd_y
        Standard deviation of the molecular traits; None to estimate it for each.
    qtl_signals, qtl_signal_lbf
        Rows of `core.schemas.QTL_SIGNALS` and `QTL_SIGNAL_LBF` of the QTL set in the locus; may be empty.
    """
    single = _single_effects(rows, variants, sd_y)
    separate = _susie_signals(rows, variants, single, qtl_signal_lbf)
    signals = pd.concat([single.signals, separate.signals], ignore_index=True)
    signals["unparted"] = _why_unparted(signals, rows.traits, qtl_signals)
    order = signals.sort_values(["trait", "qtl_signal"]).index.to_numpy()
    values, signs, strength = (
        np.concatenate([getattr(single, name), getattr(separate, name)])[order]
        for name in ("log_bayes_factors", "effect_sign", "neg_log10_p")
    )
    return MolecularTraits(signals.iloc[order].reset_index(drop=True), values, signs, strength)


def _single_effects(rows: TraitRows, variants: pd.DataFrame, sd_y: float | None) -> MolecularTraits:
    """Signal 0 of every trait."""
    column, orientation = locate_variants(rows.statistics, variants)
    factors = trait_log_bayes_factors(rows, sd_y=sd_y)
    usable = ~np.isnan(factors.values)
    signals = rows.traits.rename_axis("trait").reset_index().assign(qtl_signal=0)
    signals["n_variants"], signals["total"] = _group_sums(factors.values, rows.trait, len(signals))
    signals["problem"] = np.where(signals["n_variants"] > 0, "", factors.reasons[rows.bounds[:-1]])
    values, signs, strength = np.full((3, len(signals), len(variants)), np.nan)
    kept = usable & (column >= 0)
    place = (rows.trait[kept], column[kept])
    values[place] = factors.values[kept]
    signs[place] = effect_signs(rows.statistics)[kept] * orientation[kept]
    strength[place] = rows.statistics["neg_log10_p"].to_numpy(np.float64)[kept]
    return MolecularTraits(signals, values, signs, strength)


def _susie_signals(
    rows: TraitRows, variants: pd.DataFrame, single: MolecularTraits, qtl_signal_lbf: pd.DataFrame
) -> MolecularTraits:
    """Signals 1, 2, ... of the traits that have some."""
    numbers = rows.traits.rename_axis("trait").reset_index()
    found = qtl_signal_lbf.merge(numbers, on=TRAIT).rename(columns={"signal": "qtl_signal"})
    names = ["trait", *TRAIT, "qtl_signal"]
    row = found.groupby(names, sort=True).ngroup().to_numpy().astype(np.int64)
    signals = found[names].drop_duplicates().sort_values(["trait", "qtl_signal"], ignore_index=True)
    factors = found["log_bayes_factor"].to_numpy(np.float64)
    signals["n_variants"], signals["total"] = _group_sums(factors, row, len(signals))
    signals["problem"] = ""
    column, orientation = locate_variants(found, variants)
    values, signs = np.full((2, len(signals), len(variants)), np.nan)
    kept = column >= 0
    place = (row[kept], column[kept])
    values[place] = factors[kept]
    signs[place] = found["effect_sign"].to_numpy(np.float64, na_value=np.nan)[kept] * orientation[kept]
    strength = np.where(np.isnan(values), np.nan, single.neg_log10_p[signals["trait"].to_numpy(np.int64)])
    return MolecularTraits(signals, values, signs, strength)


def _group_sums(values: FloatArray, group: IntArray, n_groups: int) -> tuple[IntArray, FloatArray]:
    """Number of values that are not NaN, and log of the sum of their exponentials, per group; -inf for none."""
    usable = ~np.isnan(values)
    kept, of_kept = values[usable], group[usable]
    top = np.full(n_groups, -np.inf)
    np.maximum.at(top, of_kept, kept)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = top + np.log(np.bincount(of_kept, np.exp(kept - top[of_kept]), minlength=n_groups))
    count = np.bincount(of_kept, minlength=n_groups).astype(np.int64)
    return count, np.where(count > 0, total, -np.inf)


def _why_unparted(signals: pd.DataFrame, traits: pd.DataFrame, qtl_signals: pd.DataFrame) -> "pd.Series[str]":
    """Status of signal 0 for traits without SuSiE signals, empty for the others."""
    parted = signals.loc[signals["qtl_signal"] > 0, "trait"].unique()
    status = traits.merge(qtl_signals.drop_duplicates(TRAIT)[[*TRAIT, "status"]], on=TRAIT, how="left")["status"]
    named = signals["trait"].map(status.fillna("not_finemapped"))
    return named.mask(signals["trait"].isin(parted), "")


def strongest_shared(present: npt.NDArray[np.bool_], neg_log10_p: FloatArray) -> FloatArray:
    """Largest -log10 p of each trait among the variants it shares with each signal, shape (S, P); NaN for none.

    Parameters
    ----------
    present
        Which variants a disease signal has, shape (S, V).
    neg_log10_p
        Of the traits, shape (P, V); NaN where a trait lacks the variant.
    """
    strength = np.where(np.isnan(neg_log10_p), -np.inf, neg_log10_p)
    strongest = np.stack([np.where(shared, strength, -np.inf).max(axis=1, initial=-np.inf) for shared in present])
    return np.where(np.isneginf(strongest), np.nan, strongest)


def signal_totals(signals: LocusSignals) -> tuple[FloatArray, IntArray]:
    """Log sum of each signal's Bayes factors times prior weights, and its number of variants, of shape (S, 1)."""
    present = ~np.isnan(signals.log_bayes_factors)
    weighted = signals.log_bayes_factors + (0.0 if signals.log_weights is None else signals.log_weights)
    totals = logsumexp(np.where(present, weighted, -np.inf), axis=1, keepdims=True)
    return totals, present.sum(axis=1, keepdims=True)
