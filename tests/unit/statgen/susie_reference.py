"""Reads the reference answers of susieR: those in tests/data/finemapping, and the rest where it is at hand."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from locus2target.core.errors import InputError
from locus2target.statgen.engine import SusieFit, SusieInput, SusieSettings, allele_scale
from locus2target.statgen.susier import SusieR

OWN = Path(__file__).parents[2] / "data" / "finemapping"
SHARED = Path("/work/shared/golden")
OWN_CASES = sorted(path.stem for path in OWN.glob("dev*.json"))
SHARED_CASES = [
    "dev02_n3t1_L10_estresid",
    "dev06_n3t2_L1",
    "dev08_n3t1_L10_nullw",
    "dev09_n3_null",
    "dev10_n3_5signals",
    "dev11_n3_5signals_estresid",
    "dev12_n3_biobank",
    "dev16_fc_norefine",
    "dev19_small_n47",
    "dev20_um_weak2",
]
FloatArray = npt.NDArray[np.float64]

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the larger set of reference answers is not here")


@cache
def _susier_is_missing() -> str:
    tiny = SusieInput(np.array([1.0, 2.0, 0.5]), np.eye(3), 100.0)
    try:
        SusieR().fit(tiny, SusieSettings(max_signals=1))
    except InputError as error:
        return str(error)
    return ""


needs_susier = pytest.mark.skipif(bool(_susier_is_missing()), reason="R with susieR is not installed")


@dataclass(frozen=True)
class Case:
    """One problem: what goes in, and the answers of 0.12.35 by name, at its default stop and at the fixed point."""

    data: SusieInput
    settings: SusieSettings
    standard_error: FloatArray | None
    trait_variance: float
    arrays: dict[str, FloatArray]
    stop: dict[str, Any]
    converged: dict[str, Any]


def load_case(name: str) -> Case:
    folder = OWN if name in OWN_CASES else SHARED / "finemap"
    facts = json.loads((folder / f"{name}.json").read_text())
    with np.load(folder / f"{name}.npz") as stored:
        arrays = dict(stored)
    call, standard_error, results = facts["call"], arrays.get("shat"), facts["results"]["susieR_0.12.35"]
    z_score = arrays["z"] if standard_error is None else arrays["bhat"] / standard_error
    return Case(
        data=SusieInput(
            z_score,
            _ld_of(facts, arrays),
            facts["n"],
            prior_weights=arrays.get("prior_weights"),
            null_weight=call.get("null_weight", 0.0),
        ),
        settings=_settings_of(call),
        standard_error=standard_error,
        trait_variance=facts["var_y"] or 1.0,
        arrays=arrays,
        stop=results["default_stop"],
        converged=results["converged"],
    )


# ---- Comparison with a fit ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """How far a fit may be from the reference."""

    pip: float
    lbf: float
    prior_variance: tuple[float, float]  # relative, absolute
    residual_variance: float  # relative


def members(fit: SusieFit) -> list[tuple[int, list[int]]]:
    return [(found.effect, found.variables.tolist()) for found in fit.credible_sets]


def stated_members(answer: dict[str, Any]) -> list[tuple[int, list[int]]]:
    return [(found["effect"], found["variables"]) for found in answer["cs"]]


def check_stop(fit: SusieFit, case: Case, limits: Limits) -> None:
    """The fit is that of the reference at its default stop."""
    answer = case.stop
    np.testing.assert_equal((fit.n_iterations, fit.converged), (answer["niter"], answer["converged"]))
    np.testing.assert_equal(members(fit), stated_members(answer))
    _check(fit.pip, case.arrays["a_stop_pip"], limits.pip)
    _check(fit.lbf, answer["lbf"], limits.lbf)
    relative, absolute = limits.prior_variance
    _check(fit.prior_variance, np.array(answer["V"]) / case.trait_variance, absolute, relative)
    _check(fit.residual_variance, answer["sigma2"] / case.trait_variance, 0, limits.residual_variance)
    n = 2 if case.data.n_samples is None else case.data.n_samples  # without n susieR sets 2
    scale_of_trait = 0.5 * n * np.log(case.trait_variance)  # a density depends on the unit of the trait
    _check(fit.elbo, answer["elbo"][-1] + scale_of_trait, 1e-7)
    for found, expected in zip(fit.credible_sets, answer["cs"], strict=True):
        measured = (found.coverage, found.purity_min, found.purity_mean, found.purity_median)
        stated = tuple(expected[key] for key in ("coverage", "min_abs_corr", "mean_abs_corr", "median_abs_corr"))
        _check(measured, stated, limits.pip)


def check_fixed_point(
    fit: SusieFit, case: Case, *, pip: float, lbf: float, per_effect: float, per_effect_relative: float = 0.0
) -> None:
    """The posterior is that of the reference where nothing moves any more; absolute limits, but for the last.

    `pip` is the limit of all posteriors, `lbf` of the effects' log Bayes factors, `per_effect` of what each effect
    says of each variant.
    """
    answers, p = case.arrays, len(case.data.z_score)
    effects = answers["a_conv_effects"].astype(int)
    np.testing.assert_equal(np.flatnonzero(fit.prior_variance > 1e-9), effects)
    _check(fit.pip, answers["a_conv_pip"], pip)
    _check(fit.lbf, case.converged["lbf"], lbf)
    _check(fit.alpha[effects], answers["a_conv_alpha"][:, :p], pip)
    unit = max(1.0, np.abs(answers["a_conv_post_mean"]).max())  # without n effects are of the size of z-scores
    scale = _effect_scale(case)
    for values, field in ((fit.posterior_mean(), "post_mean"), (fit.posterior_sd(), "post_sd")):
        _check(values * scale, answers[f"a_conv_{field}"][:p], pip * unit)
    per_unit_of_trait = {"mu": case.trait_variance**0.5, "mu2": case.trait_variance, "lbf_variable": 1.0}
    for field, factor in per_unit_of_trait.items():
        values = getattr(fit, field)[effects] * factor
        _check(values, answers[f"a_conv_{field}"][:, :p], per_effect, per_effect_relative)


def _effect_scale(case: Case) -> float:
    """From standardised effects to those of the reference, which are per allele where it had standard errors."""
    if case.standard_error is None:
        return 1.0
    return allele_scale(case.data.z_score, case.standard_error, case.data.n_samples)


def _check(values: npt.ArrayLike, expected: npt.ArrayLike, absolute: float, relative: float = 0.0) -> None:
    np.testing.assert_allclose(values, expected, rtol=relative, atol=absolute)


# ---- Parts of a case ---------------------------------------------------------------------------------------------


def _settings_of(call: dict[str, Any]) -> SusieSettings:
    is_fixed = not call.get("estimate_prior_variance", True)
    return SusieSettings(
        max_signals=call["L"],
        estimate_residual_variance=call["estimate_residual_variance"],
        prior_variance_method="fixed" if is_fixed else call["estimate_prior_method"],
        scaled_prior_variance=call.get("scaled_prior_variance", 0.2),
        refine=call.get("refine", False),
    )


def _ld_of(facts: dict[str, Any], arrays: dict[str, FloatArray]) -> FloatArray:
    kind, source = facts["R"]["kind"], facts["R"]["input"]
    if kind == "matrix":
        return stored_ld(source)
    if kind == "cor_real":
        with np.load(input_path(source)) as stored:
            return np.corrcoef(stored["X"].T)
    genotypes = load_genotypes(source)
    people = arrays.get("input_rows_ld", np.arange(len(genotypes)))
    columns = arrays.get("input_cols", np.arange(genotypes.shape[1]))
    return np.corrcoef(genotypes[np.ix_(people, columns)].T)


def stored_ld(name: str) -> FloatArray:
    with np.load(input_path(name)) as stored:
        triangle = stored["R_triu"]
    p = int((np.sqrt(8 * len(triangle) + 1) - 1) / 2)
    r = np.zeros((p, p))
    r[np.triu_indices(p)] = triangle
    return np.triu(r) + np.triu(r, 1).T


@cache
def load_genotypes(name: str) -> FloatArray:
    """People x variants, as susieR ships them."""
    with np.load(input_path(name)) as stored:
        code, values = stored["code"], stored["values"]
    return values[np.arange(code.shape[1]), code]


def input_path(name: str) -> Path:
    return OWN / name if (OWN / name).exists() else SHARED / "inputs" / name


def load_ld_checks(name: str) -> dict[str, Any]:
    return json.loads((OWN / "ldqc" / f"ldqc_{name}.json").read_text())


def load_kriging(name: str) -> dict[str, FloatArray]:
    """Columns of the table that `kriging_rss` returns."""
    with np.load(OWN / "ldqc" / f"ldqc_{name}.npz") as stored:
        return {column.removeprefix("kriging_"): values for column, values in stored.items()}
