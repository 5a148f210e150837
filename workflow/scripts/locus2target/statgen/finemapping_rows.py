"""Rows of the fine-mapping tables: what was found at a locus, as the schemas in `core.schemas` have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, SIGNAL_LBF, SIGNALS
from locus2target.statgen.abf import (
    LogBayesFactors,
    credible_set,
    effect_signs,
    float_column,
    signs_of,
    single_effect_log_bayes_factor,
)
from locus2target.statgen.engine import CredibleSet, FloatArray, IntArray, SusieFit, allele_scale
from locus2target.statgen.ladder import FEWER_EFFECTS, FULL, LEAD_ONLY, OK, SignalFit
from locus2target.statgen.ld import LdMatrix
from locus2target.statgen.ld_diagnostics import NONE

SUSIE, ABF, LEAD, NO_METHOD = "susie", "abf", "lead", "none"
_LOCUS = ("locus", "study", "disease")
_KEY = ["variant", "chromosome", "position", "ref", "alt"]
_NAMED_FLIPS = 5


@dataclass(frozen=True, slots=True)
class SingleEffect:
    """Posterior of the locus if it has one causal variant; arrays of shape (n_variants,)."""

    log_bayes_factors: LogBayesFactors
    posterior: FloatArray
    prior_weights: FloatArray | None


@dataclass(frozen=True, slots=True)
class Findings:
    """How far fine-mapping with LD came at a locus, and why no further.

    Attributes
    ----------
    rung, status, reason
        What is claimed, and what prevented more.
    ld_rows
        int64 array: rows of the statistics that have LD.
    ld_posterior_mass
        Single-effect posterior on them; None before it was measured.
    ld, attempt
        Their LD, and what the ladder made of it; None before that.
    """

    rung: str
    status: str
    reason: str
    ld_rows: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    ld_posterior_mass: float | None = None
    ld: LdMatrix | None = None
    attempt: SignalFit | None = None

    @property
    def signals(self) -> "_Signals | None":
        """The fit to be used; None when there is none."""
        if self.rung not in {FULL, FEWER_EFFECTS} or self.attempt is None or self.attempt.fit is None:
            return None
        fit = self.attempt.fit
        return _Signals(self.ld_rows, fit, tuple(sorted(fit.credible_sets, key=lambda found: -fit.lbf[found.effect])))


@dataclass(frozen=True, slots=True)
class _Signals:
    """A fit to be believed: its rows of the statistics, and its credible sets, strongest effect first."""

    rows: IntArray
    fit: SusieFit
    sets: tuple[CredibleSet, ...]


# ---- One row per locus -------------------------------------------------------------------------------------------


def unmapped_row(locus: Mapping[str, Any]) -> pd.DataFrame:
    """FINE_MAPPING row of a locus that was not looked at, with its own status."""
    return _locus_row(
        locus,
        {"method": NO_METHOD, "rung": NO_METHOD, "status": locus["status"], "reason": locus["reason"]}
        | {"ld_reason": "The locus was not analysed.", "n_variants": int(locus["n_variants"]), "n_signals": 0},
    )


def _locus_row(locus: Mapping[str, Any], values: Mapping[str, Any]) -> pd.DataFrame:
    row = {name: locus[name] for name in _LOCUS} | {"ld_verdict": NONE, "n_ld_variants": 0}
    return FINE_MAPPING.frame([{**row, **values}])


def fine_mapping_row(locus: Mapping[str, Any], sumstats: pd.DataFrame, found: Findings) -> pd.DataFrame:
    """FINE_MAPPING row of a locus with a posterior."""
    signals = found.signals
    row = {
        "method": ABF if signals is None else SUSIE,
        "rung": found.rung,
        "status": found.status,
        "reason": found.reason,
        "ld_reason": found.reason,
        "n_variants": len(sumstats),
        "n_ld_variants": len(found.ld_rows),
        "ld_posterior_mass": found.ld_posterior_mass,
        "n_signals": 1 if signals is None else len(signals.sets),
    }
    if found.attempt is not None:
        row |= _diagnostic_columns(sumstats, found, found.attempt) | _fit_columns(found.attempt)
    return _locus_row(locus, row)


def _diagnostic_columns(sumstats: pd.DataFrame, found: Findings, attempt: SignalFit) -> dict[str, Any]:
    checks = attempt.diagnostics
    if checks is None:
        return {}
    flipped = sumstats["variant"].iloc[found.ld_rows[checks.flip_candidates[:_NAMED_FLIPS]]]
    return {
        "ld_verdict": checks.verdict,
        "ld_reason": checks.reason,
        "sign_consistency": checks.sign_consistency,
        "ld_lambda": checks.ld_lambda,
        "null_space_lambda": checks.null_space_lambda,
        "n_ld_outliers": checks.n_outliers,
        "n_flip_candidates": len(checks.flip_candidates),
        "flip_candidates": ",".join(flipped) if len(flipped) else None,
    }


def _fit_columns(attempt: SignalFit) -> dict[str, Any]:
    columns = {"max_signals": attempt.max_signals, "runaway_ratio": attempt.runaway}
    if attempt.fit is None:
        return columns
    fit = attempt.fit
    return columns | {"converged": fit.converged, "n_iterations": fit.n_iterations, "engine": fit.engine}


# ---- Variants ----------------------------------------------------------------------------------------------------


def variant_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: SingleEffect, found: Findings, coverage: float
) -> pd.DataFrame:
    """CREDIBLE_SETS rows: every variant of the locus, with the posterior of the locus' primary method."""
    in_ld = np.zeros(len(sumstats), dtype=bool)
    in_ld[found.ld_rows] = found.ld is not None
    signals = found.signals
    posterior = (
        _single_effect_columns(single, credible_set(single.posterior, coverage))
        if signals is None
        else _susie_columns(sumstats, signals)
    )
    rows = _variants_of(locus, sumstats)
    return rows.assign(**posterior, in_ld=in_ld, r_lead=_r_with_lead(locus, sumstats, found))[CREDIBLE_SETS.names]


def _variants_of(locus: Mapping[str, Any], sumstats: pd.DataFrame) -> pd.DataFrame:
    rows = sumstats[[*_KEY, "rsid", "neg_log10_p", "z_score"]].copy()
    return rows.assign(**{name: locus[name] for name in _LOCUS})


def _single_effect_columns(single: SingleEffect, members: IntArray) -> dict[str, Any]:
    n_variants = len(single.posterior)
    missing = np.isnan(single.log_bayes_factors.values)
    return {
        "pip": np.where(missing, np.nan, single.posterior),
        "posterior_mean": np.full(n_variants, np.nan),
        "posterior_sd": np.full(n_variants, np.nan),
        "credible_set": _optional_integers(n_variants, {0: members}),
        "status": np.where(missing, "no_statistics", OK).astype(object),
        "reason": single.log_bayes_factors.reasons,
    }


def _susie_columns(sumstats: pd.DataFrame, signals: _Signals) -> dict[str, Any]:
    rows, fit, n_variants = signals.rows, signals.fit, len(sumstats)
    without_ld = ~np.isin(np.arange(n_variants), rows)
    unsigned = np.isnan(float_column(sumstats, "z_score"))
    why_not = np.where(unsigned, "No direction of effect.", "Not in the cohort's LD, or rare or constant there.")
    scale = _effect_scale(sumstats.iloc[rows])
    return {
        "pip": _spread(pip_of_sets(fit), rows, n_variants),
        "posterior_mean": _spread(fit.posterior_mean() * scale, rows, n_variants),
        "posterior_sd": _spread(fit.posterior_sd() * scale, rows, n_variants),
        "credible_set": _optional_integers(n_variants, {k: rows[s.variables] for k, s in enumerate(signals.sets, 1)}),
        "status": np.where(without_ld, "not_in_ld", OK).astype(object),
        "reason": np.where(without_ld, why_not, "").astype(object),
    }


def _effect_scale(of_ld: pd.DataFrame) -> FloatArray:
    """Factor from standardised effects to the unit of beta; NaN without a sample size."""
    n_effective = median_sample_size(of_ld)
    return allele_scale(
        float_column(of_ld, "z_score"),
        float_column(of_ld, "standard_error"),
        np.nan if n_effective is None else n_effective,
    )


def median_sample_size(sumstats: pd.DataFrame) -> float | None:
    """Median effective sample size of the variants; None when none states one."""
    sizes = float_column(sumstats, "n_effective")
    known = sizes[np.isfinite(sizes)]
    return float(np.median(known)) if len(known) else None


def pip_of_sets(fit: SusieFit) -> FloatArray:
    """1 - prod(1 - alpha) over the effects that have a credible set, shape (p,).

    An effect that found nothing can keep a tiny prior variance; its flat alpha would lift every variant by 1/p, and
    ten of them to a sum of PIPs near ten. susieR offers the same as `prune_by_cs`.
    """
    effects = [members.effect for members in fit.credible_sets]
    pip: FloatArray = 1.0 - np.prod(1.0 - fit.alpha[effects], axis=0)
    return pip


def _spread(values: FloatArray, rows: IntArray, n_variants: int) -> FloatArray:
    """Values of some rows in an array of all of them; NaN elsewhere."""
    result = np.full(n_variants, np.nan)
    result[rows] = values
    return result


def _optional_integers(n_variants: int, members: Mapping[int, IntArray]) -> pd.arrays.IntegerArray:
    """The signal of each row that belongs to one; a row in several sets counts for the strongest."""
    values, missing = np.zeros(n_variants, dtype=np.int64), np.ones(n_variants, dtype=bool)
    for signal in sorted(members, reverse=True):
        values[members[signal]] = signal
        missing[members[signal]] = False
    return pd.arrays.IntegerArray(values, missing)


def _r_with_lead(locus: Mapping[str, Any], sumstats: pd.DataFrame, found: Findings) -> FloatArray:
    """Signed r of every variant with the locus' lead; NaN where one of the two has no LD."""
    if found.ld is None:
        return np.full(len(sumstats), np.nan)
    lead = np.flatnonzero((sumstats["variant"].iloc[found.ld_rows] == locus["lead_variant"]).to_numpy())
    if not len(lead):
        return np.full(len(sumstats), np.nan)
    return _spread(found.ld.r[lead[0]], found.ld_rows, len(sumstats))


# ---- Signals -----------------------------------------------------------------------------------------------------


def signal_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: SingleEffect, found: Findings, coverage: float
) -> pd.DataFrame:
    """SIGNALS rows: the single effect over all variants, then SuSiE's, strongest first."""
    shared = {name: locus[name] for name in _LOCUS}
    rows = [shared | _single_effect_signal(sumstats, single, found, coverage)]
    signals = found.signals
    if signals is not None:
        rows += [
            shared | {"signal": signal} | _susie_signal(sumstats, signals, members)
            for signal, members in enumerate(signals.sets, start=1)
        ]
    return SIGNALS.frame(rows)


def _single_effect_signal(
    sumstats: pd.DataFrame, single: SingleEffect, found: Findings, coverage: float
) -> dict[str, Any]:
    members = credible_set(single.posterior, coverage)
    return {
        "signal": 0,
        "method": ABF,
        "primary": found.signals is None,
        "lead_variant": sumstats["variant"].iloc[int(np.argmax(single.posterior))],
        "log_bayes_factor": single_effect_log_bayes_factor(single.log_bayes_factors.values, single.prior_weights),
        "n_credible": len(members),
        "coverage": float(single.posterior[members].sum()),
        "purity": _purity(members, found),
        "status": OK,
        "reason": found.reason,
    }


def _purity(members: IntArray, found: Findings) -> float | None:
    """Smallest |r| between variants; None unless all of them have LD."""
    if found.ld is None or not np.isin(members, found.ld_rows).all():
        return None
    where = np.searchsorted(found.ld_rows, members)
    return float(np.abs(found.ld.r[np.ix_(where, where)]).min())


def _susie_signal(sumstats: pd.DataFrame, signals: _Signals, members: CredibleSet) -> dict[str, Any]:
    fit = signals.fit
    lead = signals.rows[int(np.argmax(fit.alpha[members.effect]))]
    return {
        "method": SUSIE,
        "primary": True,
        "lead_variant": sumstats["variant"].iloc[lead],
        "log_bayes_factor": float(fit.lbf[members.effect]),
        "n_credible": len(members.variables),
        "coverage": members.coverage,
        "purity": members.purity_min,
        "status": OK,
        "reason": "",
    }


def bayes_factor_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, single: SingleEffect, found: Findings
) -> pd.DataFrame:
    """SIGNAL_LBF rows: every variant that has a Bayes factor in a signal.

    The sign of a separate signal's effect is the one beside all other signals: a weaker signal in LD with a stronger
    one can have the other sign in the marginal statistics.
    """
    present = np.flatnonzero(~np.isnan(single.log_bayes_factors.values))
    blocks = [(0, present, single.log_bayes_factors.values[present], effect_signs(sumstats)[present])]
    signals = found.signals
    if signals is not None:
        values, signs = signals.fit.lbf_variable, signs_of(signals.fit.mu)
        blocks += [
            (number, signals.rows, values[members.effect], signs[members.effect])
            for number, members in enumerate(signals.sets, 1)
        ]
    frames = [
        sumstats[_KEY].iloc[rows].assign(signal=signal, log_bayes_factor=factors, effect_sign=effect_sign)
        for signal, rows, factors, effect_sign in blocks
    ]
    return pd.concat(frames, ignore_index=True).assign(locus=locus["locus"])[SIGNAL_LBF.names]


# ---- The lowest rung ---------------------------------------------------------------------------------------------


def lead_only_rows(
    locus: Mapping[str, Any], sumstats: pd.DataFrame, factors: LogBayesFactors, reason: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """FINE_MAPPING, CREDIBLE_SETS and SIGNALS rows of a locus of which only the lead variant can be named."""
    explained = {"status": "no_statistics", "reason": reason}
    row = _locus_row(
        locus,
        explained
        | {"method": LEAD, "rung": LEAD_ONLY, "n_variants": len(sumstats), "n_signals": 1}
        | {"ld_reason": "LD was not looked at."},
    )
    unknown = np.full(len(sumstats), np.nan)
    variants = _variants_of(locus, sumstats).assign(
        pip=unknown,
        posterior_mean=unknown,
        posterior_sd=unknown,
        credible_set=_optional_integers(len(sumstats), {}),
        r_lead=unknown,
        in_ld=False,
        status="no_statistics",
        reason=np.where(factors.reasons == "", reason, factors.reasons),
    )
    signal = {name: locus[name] for name in _LOCUS} | explained
    signal |= {"signal": 0, "method": LEAD, "primary": True, "lead_variant": locus["lead_variant"], "n_credible": 0}
    return row, variants[CREDIBLE_SETS.names], SIGNALS.frame([signal])
