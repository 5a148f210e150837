"""The ladder: how many signals a trait's statistics and its LD can carry, found by stepping down until a fit bears.

| rung            | claimed                                 | when                                                    |
|-----------------|-----------------------------------------|---------------------------------------------------------|
| `full`          | all signals that SuSiE finds            | verdict PASS, the first fit settles                     |
| `fewer_effects` | at most so many signals, strong ones    | verdict WARN, or only a fit with fewer effects settles  |
| `single_effect` | one signal, by Bayes factors without LD | no LD, verdict FAIL, no fit settles, no credible set    |
| `lead_only`     | the lead variant                        | no Bayes factor can be made for it                      |

SuSiE with one effect is no rung: it uses no LD, and sees only the variants that have LD.
"""

import logging
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from locus2target.statgen.engine import (
    FineMappingEngine,
    FitError,
    FloatArray,
    SusieFit,
    SusieInput,
    SusieSettings,
)
from locus2target.statgen.ld import LdMatrix
from locus2target.statgen.ld_diagnostics import (
    FAIL,
    PASS,
    WARN,
    LdDiagnostics,
    LdSettings,
    assess_ld,
    contradicts_lead,
    lowered,
    runaway_ratio,
    unsettled,
)

LOGGER = logging.getLogger(__name__)

FULL, FEWER_EFFECTS, SINGLE_EFFECT, LEAD_ONLY = "full", "fewer_effects", "single_effect", "lead_only"
OK = "ok"
_FEWEST_EFFECTS = 2
_TOO_FEW_PEOPLE = 2  # a z-score's regression has no degrees of freedom left


@dataclass(frozen=True, slots=True)
class SignalFit:
    """How far a trait with LD came.

    Attributes
    ----------
    rung
        `full` or `fewer_effects` when the fit is to be used, `single_effect` when none is.
    status, reason
        `ok`; `ld_mismatch`, `ld_failed`, `not_converged`, `fit_failed` or `no_signal` for `single_effect`. The reason
        also says why effects are fewer.
    diagnostics
        Checks of LD and fits; None when the matrix could not be decomposed, or the sample size makes no sense.
    fit, max_signals, runaway
        The last fit, settled or not, the effects it was allowed, and its `runaway_ratio`; None when there is none. Of
        its credible sets only those that may be used are left.
    """

    rung: str
    status: str
    reason: str
    diagnostics: LdDiagnostics | None = None
    fit: SusieFit | None = None
    max_signals: int | None = None
    runaway: float | None = None


def fit_signals(
    z_score: FloatArray,
    ld: LdMatrix,
    *,
    n_effective: float | None,
    engine: FineMappingEngine,
    settings: SusieSettings,
    limits: LdSettings,
    prior_weights: FloatArray | None = None,
) -> SignalFit:
    """Hold LD against the statistics and fit as many signals as the two can carry together.

    Parameters
    ----------
    z_score
        float64 array of shape (p,): marginal, finite, in the matrix' order and on its alleles.
    ld
        LD of the same variants.
    n_effective
        Sample size of the trait; None when unknown.
    engine, settings, limits
        What fits SuSiE, how, and what LD must hold.
    prior_weights
        float64 array of shape (p,): relative prior probability of each variant; None for equal ones.
    """
    if n_effective is not None and not n_effective > _TOO_FEW_PEOPLE:
        reason = f"The effective sample size is {n_effective:g}; z-scores mean something above {_TOO_FEW_PEOPLE}."
        return SignalFit(SINGLE_EFFECT, "fit_failed", reason)
    try:
        found = assess_ld(z_score, ld, limits, n_effective=n_effective)
    except np.linalg.LinAlgError as error:
        return SignalFit(SINGLE_EFFECT, "ld_failed", f"The LD matrix cannot be decomposed: {error}.")
    if found.verdict == FAIL:
        return SignalFit(SINGLE_EFFECT, "ld_mismatch", _mismatch_reason(found, limits), found)
    data = SusieInput(
        z_score, None if ld.factor is not None else ld.r, n_effective, prior_weights=prior_weights, factor=ld.factor
    )
    return _with_signals(_settle(data, found, engine, settings, limits), z_score, settings, limits)


def _mismatch_reason(found: LdDiagnostics, limits: LdSettings) -> str:
    if not contradicts_lead(found, limits):
        return found.reason
    return (
        f"{found.reason} Errors in the statistics give such outliers too, for example variants that only a part of a "
        f"meta-analysis has: the single-effect posterior is suspicious as well."
    )


def _settle(
    data: SusieInput, found: LdDiagnostics, engine: FineMappingEngine, settings: SusieSettings, limits: LdSettings
) -> SignalFit:
    """The first fit that settles, going from the effects that the verdict allows down to two."""
    allowed = settings.max_signals if found.verdict == PASS else min(settings.max_signals, limits.warn_max_signals)
    tried: list[tuple[int, str]] = []
    last = SignalFit(SINGLE_EFFECT, "fit_failed", "", found)
    for n_effects in _steps_down(allowed):
        last = _fit_once(data, found, engine, replace(settings, max_signals=n_effects), limits)
        if last.status == OK:
            return _settled(last, found, settings, _in_words(tried))
        tried.append((n_effects, last.reason))
    reason = _in_words(tried)
    diagnostics = lowered(found, FAIL, reason) if last.status == "not_converged" else found
    return replace(last, reason=reason, diagnostics=diagnostics)


def _steps_down(allowed: int) -> list[int]:
    """Numbers of effects to try: half as many each time, down to two.

    >>> _steps_down(10), _steps_down(3), _steps_down(1)
    ([10, 5, 2], [3], [1])
    """
    steps = [allowed]
    while steps[-1] // 2 >= _FEWEST_EFFECTS:
        steps.append(steps[-1] // 2)
    return steps


def _fit_once(
    data: SusieInput, found: LdDiagnostics, engine: FineMappingEngine, settings: SusieSettings, limits: LdSettings
) -> SignalFit:
    """One fit, and what is wrong with it."""
    try:
        fit = engine.fit(data, settings)
    except FitError as error:
        return SignalFit(SINGLE_EFFECT, "fit_failed", str(error), found, max_signals=settings.max_signals)
    for message in fit.messages:
        LOGGER.info("%s: %s", fit.engine, message)
    complaint = unsettled(fit, data.z_score, limits, n_effective=data.n_samples)
    return SignalFit(
        rung=FULL if complaint is None else SINGLE_EFFECT,
        status=OK if complaint is None else "not_converged",
        reason="" if complaint is None else f"SuSiE {complaint}",
        diagnostics=found,
        fit=fit,
        max_signals=settings.max_signals,
        runaway=runaway_ratio(fit, data.z_score, data.n_samples),
    )


def _settled(last: SignalFit, found: LdDiagnostics, settings: SusieSettings, failed: str) -> SignalFit:
    """The result for a fit that settled, with what had to be given up for it."""
    if last.max_signals == settings.max_signals and found.verdict == PASS:
        return last
    reasons = [f"LD verdict WARN: at most {last.max_signals} effects."] if found.verdict == WARN else []
    if failed:
        reasons += [failed, f"With {last.max_signals} it settled."]
    diagnostics = lowered(found, WARN, " ".join(reasons[-2:])) if failed else found
    return replace(last, rung=FEWER_EFFECTS, reason=" ".join(reasons), diagnostics=diagnostics)


def _in_words(tried: list[tuple[int, str]]) -> str:
    """Sentences for fits that did not settle; those that failed alike share one.

    >>> _in_words([(10, "SuSiE ran away"), (5, "SuSiE ran away"), (2, "R stopped: no")])
    'With 10 or 5 effects: SuSiE ran away. With 2 effects: R stopped: no.'
    """
    sentences = []
    for reason, group in groupby(tried, key=lambda attempt: attempt[1]):
        numbers = " or ".join(str(n_effects) for n_effects, _ in group)
        sentences.append(f"With {numbers} effects: {reason}.")
    return " ".join(sentences)


def _with_signals(result: SignalFit, z_score: FloatArray, settings: SusieSettings, limits: LdSettings) -> SignalFit:
    """The result with the credible sets that its verdict allows to keep; `no_signal` when it has none."""
    fit, diagnostics = result.fit, result.diagnostics
    if result.status != OK or fit is None or diagnostics is None:
        return result
    leads = np.abs([z_score[np.argmax(fit.alpha[found.effect])] for found in fit.credible_sets])
    doubted = leads <= limits.warn_min_z if diagnostics.verdict == WARN else np.zeros(len(leads), dtype=np.bool_)
    if doubted.any():
        kept = tuple(found for found, is_doubted in zip(fit.credible_sets, doubted, strict=True) if not is_doubted)
        strengths = ", ".join(f"{z:.1f}" for z in leads[doubted])
        reason = f"{result.reason} Credible sets with a lead of |z| {strengths} are left out: chance or mismatch."
        result = replace(result, fit=replace(fit, credible_sets=kept), reason=reason.strip())
    if len(leads) and not doubted.all():
        return result
    reason = f"{result.reason} {_no_signal(fit, z_score, settings)}".strip()
    return replace(result, rung=SINGLE_EFFECT, status="no_signal", reason=reason)


def _no_signal(fit: SusieFit, z_score: FloatArray, settings: SusieSettings) -> str:
    if fit.credible_sets:
        return "No credible set remains."
    return (
        f"SuSiE found no credible set of purity {settings.min_purity:g}: the best effect has log Bayes factor "
        f"{fit.lbf.max():.1f}, the largest |z| with LD is {np.abs(z_score).max():.1f}."
    )
