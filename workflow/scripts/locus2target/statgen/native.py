"""The native engine: SuSiE on summary statistics (Wang et al. 2020, Zou et al. 2022), with kernels of `susie_numba`.

It makes the same sweeps as susieR 0.12 and stops where that stops. R is never copied, is read in part, and is not
needed where a factor of it is at hand. The kernels hold no lock: loci can be fitted in parallel threads.
"""

from dataclasses import dataclass, replace
from itertools import count
from typing import cast

import numpy as np

from locus2target.core.version import VERSION
from locus2target.statgen.credible_sets import ACTIVE, find_credible_sets
from locus2target.statgen.engine import (
    CredibleSet,
    FitError,
    LdArray,
    SusieFit,
    SusieInput,
    SusieSettings,
    adjusted_z_scores,
    require_sample_size,
)
from locus2target.statgen.susie_numba import EM, FIXED, OPTIM, SIMPLE, Effects, Locus, multiply_ld, sweep

_METHODS = {"fixed": FIXED, "simple": SIMPLE, "optim": OPTIM, "EM": EM}
_START_WITHOUT_N = 50.0  # prior variance of a z-score where no sample size gives it another scale
_RUNAWAY = 100.0  # largest prior variance, in units of the largest squared z-score, that is not taken for a wrong R
_NO_SAMPLE_SIZE = "the sample size is unknown: effects are taken to be small and the sample to be large"


@dataclass(frozen=True, slots=True)
class _Problem:
    """One locus as the sweeps see it.

    `n_samples` and `total_squares` (y'y) belong to a trait of variance 1; without a sample size both are those of
    Zou et al. 2022.
    """

    locus: Locus
    n_samples: float
    total_squares: float
    start_variance: float


@dataclass(frozen=True, slots=True)
class _Model:
    """Where the sweeps ended."""

    effects: Effects
    residual_variance: float
    elbo: float
    n_iterations: int
    converged: bool


class NativeSusie:
    """SuSiE without R; fits agree with those of susieR 0.12 in every PIP to 1e-6, and in the number of sweeps."""

    def fit(self, data: SusieInput, settings: SusieSettings) -> SusieFit:
        """Fit one locus; the same input gives the same fit on the same machine, to the last bit.

        Raises
        ------
        FitError
            If the sample size or the prior weights make no sense; if a prior variance grows beyond all bounds or the
            residual variance becomes negative, both signs of an R that does not belong to the z-scores; if the settings
            give a prior variance as a share of the trait's, and the sample size is unknown.
        """
        problem = _prepare(data, settings)
        model = _run_sweeps(problem, _cold_start(problem, settings.max_signals), settings, guard=True)
        sets = _credible_sets(data, model, settings)
        if settings.refine:
            model, sets = _refine(data, problem, model, sets, settings)
        return _to_fit(data, problem, model, sets)


def _prepare(data: SusieInput, settings: SusieSettings) -> _Problem:
    require_sample_size(data, settings)
    n = data.n_samples
    if n is not None and not n > 1.0:
        raise FitError(f"n must be greater than 1, and is {n}")
    if not 0.0 <= settings.scaled_prior_variance <= 1.0:
        raise FitError(f"scaled_prior_variance is {settings.scaled_prior_variance}, not within [0, 1]")
    with np.errstate(invalid="ignore", divide="ignore"):
        z_score = adjusted_z_scores(data.z_score, n)
    if not np.isfinite(z_score).all():
        raise FitError(f"z-scores near zero have no meaning with n = {n}")
    unit = 1.0 if n is None else n - 1.0
    locus = Locus(
        ld=_in_row_order(data),
        is_factor=data.factor is not None,
        z_score=np.array(z_score, dtype=np.float64),
        prior=data.prior(),
        null_prior=float(data.null_weight),
        unit=unit,
        largest=float(np.abs(z_score).max()),
    )
    if n is None:
        return _Problem(locus, n_samples=2.0, total_squares=1.0, start_variance=_START_WITHOUT_N)
    return _Problem(locus, n_samples=n, total_squares=unit, start_variance=settings.scaled_prior_variance)


def _in_row_order(data: SusieInput) -> LdArray:
    """The LD with rows in one piece; R is symmetric, so that column order does as well.

    It is sealed, since numba compiles anew for an array that is not, and anybody's may be.
    """
    ld = data.ld.T if data.r is not None and data.r.flags.f_contiguous else np.ascontiguousarray(data.ld)
    sealed = ld.view()
    sealed.flags.writeable = False
    return cast("LdArray", sealed)


def _cold_start(problem: _Problem, max_signals: int) -> Effects:
    """Effects of zero."""
    p = len(problem.locus.z_score)
    n_variables = p + (problem.locus.null_prior > 0.0)
    n_effects = min(max_signals, n_variables)
    share = 1.0 / n_variables
    return Effects(
        alpha=np.full((n_effects, p), share),
        null_alpha=np.full(n_effects, share if n_variables > p else 0.0),
        residual=np.zeros((n_effects, p)),
        mean=np.zeros((n_effects, p)),
        applied=np.zeros((n_effects, p)),
        fitted=np.zeros((n_effects, p)),
        is_idle=np.ones(n_effects, dtype=np.bool_),
        variance=np.full(n_effects, problem.start_variance),
        used_variance=np.zeros(n_effects),
        start_variance=np.full(n_effects, np.nan),
        residual_variance=np.zeros(n_effects),
        lbf=np.zeros(n_effects),
        second_moment=np.zeros(n_effects),
        divergence=np.zeros(n_effects),
    )


def _warm_start(problem: _Problem, model: _Model) -> Effects:
    """The effects of another model, with the prior variance of a cold start."""
    effects = _cold_start(problem, len(model.effects.mean))
    effects.mean[:] = model.effects.mean
    effects.applied[:] = model.effects.mean
    effects.is_idle[:] = model.effects.is_idle
    for mean, fitted in zip(effects.mean, effects.fitted, strict=True):
        multiply_ld(problem.locus, mean, fitted)
    return effects


def _run_sweeps(problem: _Problem, effects: Effects, settings: SusieSettings, *, guard: bool) -> _Model:
    """Sweep until the evidence lower bound rises by less than the tolerance, or nothing changes any more.

    With `guard`, a prior variance beyond all bounds ends the fit.
    """
    method, residual_variance, elbo = _METHODS[settings.prior_variance_method], 1.0, -np.inf
    limit = _RUNAWAY * problem.locus.largest**2
    for iteration in count(1):
        residual_squares, n_changed = sweep(problem.locus, effects, residual_variance, method)
        squares = problem.total_squares + residual_squares
        if guard and effects.variance.max() > limit:
            raise FitError("a prior variance is unreasonably large: R does not belong to these z-scores")
        last, elbo = elbo, _evidence_lower_bound(problem, effects, residual_variance, squares)
        converged = elbo - last < settings.tolerance or n_changed == 0
        if converged or iteration >= settings.max_iterations:
            return _Model(effects, residual_variance, elbo, iteration, converged)
        if settings.estimate_residual_variance:
            residual_variance = _estimate_residual_variance(problem, squares)
    raise RuntimeError("the sweeps have no end")


def _evidence_lower_bound(problem: _Problem, effects: Effects, residual_variance: float, squares: float) -> float:
    likelihood = -0.5 * (problem.n_samples * np.log(2 * np.pi * residual_variance) + squares / residual_variance)
    elbo = float(likelihood - effects.divergence.sum())
    if not np.isfinite(elbo):
        raise FitError(f"the evidence lower bound became {elbo}: R does not belong to these z-scores")
    return elbo


def _estimate_residual_variance(problem: _Problem, squares: float) -> float:
    estimate = squares / problem.n_samples
    if not estimate > 0.0:
        raise FitError(
            f"the residual variance is estimated as {estimate:.3g}: R is not from the people of these z-scores"
        )
    return estimate


def _credible_sets(data: SusieInput, model: _Model, settings: SusieSettings) -> tuple[CredibleSet, ...]:
    return find_credible_sets(
        data,
        model.effects.alpha,
        model.effects.variance,
        coverage=settings.coverage,
        min_purity=settings.min_purity,
    )


def _refine(
    data: SusieInput, problem: _Problem, model: _Model, sets: tuple[CredibleSet, ...], settings: SusieSettings
) -> tuple[_Model, tuple[CredibleSet, ...]]:
    """Leave out each credible set in turn, fit, and start again from there; go on while the evidence rises."""
    while True:
        others = [_fit_around(problem, one, settings) for one in sets if _leaves_something(problem, one)]
        best = max(others, key=lambda other: other.elbo, default=model)
        if best.elbo <= model.elbo:
            return model, sets
        model, sets = best, _credible_sets(data, best, settings)


def _leaves_something(problem: _Problem, left_out: CredibleSet) -> bool:
    return bool(np.delete(problem.locus.prior, left_out.variables).any())


def _fit_around(problem: _Problem, left_out: CredibleSet, settings: SusieSettings) -> _Model:
    """Fit without these variants, then with all of them from where that ended."""
    prior = problem.locus.prior.copy()
    prior[left_out.variables] = 0.0
    rest = prior.sum() + problem.locus.null_prior
    locus = problem.locus._replace(prior=prior / rest, null_prior=problem.locus.null_prior / rest)
    without = replace(problem, locus=locus)
    model = _run_sweeps(without, _cold_start(without, settings.max_signals), settings, guard=False)
    return _run_sweeps(problem, _warm_start(problem, model), settings, guard=False)


def _to_fit(data: SusieInput, problem: _Problem, model: _Model, sets: tuple[CredibleSet, ...]) -> SusieFit:
    effects, unit = model.effects, problem.locus.unit
    variance = (unit * effects.used_variance)[:, np.newaxis]
    sigma2 = effects.residual_variance[:, np.newaxis]
    shrinkage = variance / (variance + sigma2)
    mean = shrinkage * effects.residual
    return SusieFit(
        pip=1.0 - np.prod(1.0 - effects.alpha[effects.variance > ACTIVE], axis=0),
        alpha=effects.alpha,
        mu=mean / np.sqrt(unit),
        mu2=(shrinkage * sigma2 + mean**2) / unit,
        lbf=effects.lbf,
        lbf_variable=0.5 * (np.log(sigma2 / (variance + sigma2)) + shrinkage * effects.residual**2 / sigma2),
        prior_variance=effects.variance,
        residual_variance=model.residual_variance,
        elbo=model.elbo,
        n_iterations=model.n_iterations,
        converged=model.converged,
        credible_sets=sets,
        engine=f"native {VERSION}",
        messages=_messages(data, model),
    )


def _messages(data: SusieInput, model: _Model) -> tuple[str, ...]:
    said = []
    if data.n_samples is None:
        said.append(_NO_SAMPLE_SIZE)
    if not model.converged:
        said.append(f"did not converge in {model.n_iterations} iterations")
    return tuple(said)
