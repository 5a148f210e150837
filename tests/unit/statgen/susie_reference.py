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
from locus2target.statgen.engine import SusieInput, SusieSettings
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
