"""The answers of TwoSampleMR and RadialMR: those in tests/data, and one (GPL) where it is at hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from locus2target.statgen.mendelian.instruments import Instruments

DATA = Path(__file__).parents[3] / "data"
SHARED = Path("/work/shared/golden/mr")

OWN_CASES = sorted(path.stem for path in (DATA / "mr").glob("dev_mr_*.json"))
GPL_CASES = [name for name in ("dev_mr_hdl_chd",) if (SHARED / f"{name}.json").exists()]
CASES = OWN_CASES + GPL_CASES

DRAWS = 4000
SEED = 1
# name in methods.METHODS -> name in the reference
ANALYTIC = {
    "wald_ratio": "mr_wald_ratio",
    "ivw": "mr_ivw",
    "ivw_fixed": "mr_ivw_fe",
    "ivw_random": "mr_ivw_mre",
    "unweighted": "mr_uwr",
    "egger": "mr_egger_regression",
    "sign_test": "mr_sign",
    "maximum_likelihood": "mr_two_sample_ml",
}
BOOTSTRAPPED = {
    "simple_median": "mr_simple_median",
    "weighted_median": "mr_weighted_median",
    "penalised_weighted_median": "mr_penalised_weighted_median",
    "simple_mode": "Simple_mode",
    "weighted_mode": "Weighted_mode",
    "penalised_mode": "Penalised_mode",
    "simple_mode_nome": "Simple_mode_NOME_",
    "weighted_mode_nome": "Weighted_mode_NOME_",
}
RADIAL_CASES = [name for name in CASES if name not in {"dev_mr_sim_n1_wald", "dev_mr_sim_n2", "dev_mr_sim_n3"}]


def read_case(name: str) -> dict[str, Any]:
    for folder in (DATA / "mr", DATA / "harmonise", SHARED):
        if (folder / f"{name}.json").exists():
            return json.loads((folder / f"{name}.json").read_text())
    raise FileNotFoundError(name)


def instruments_of(case: dict[str, Any]) -> Instruments:
    names = ("beta_exposure", "se_exposure", "beta_outcome", "se_outcome")
    return Instruments(*(np.atleast_1d(np.array(case["input"][name], dtype=float)) for name in names))


def random_instruments(n_instruments: int, *, effect: float = 0.4, seed: int = 0) -> Instruments:
    """Valid instruments with F statistics of about 100."""
    rng = np.random.default_rng(seed)
    exposure_se = rng.uniform(0.006, 0.01, n_instruments)
    outcome_se = rng.uniform(0.01, 0.02, n_instruments)
    true_exposure = rng.choice([-1.0, 1.0], n_instruments) * rng.uniform(0.05, 0.12, n_instruments)
    exposure = rng.normal(true_exposure, exposure_se)
    return Instruments(exposure, exposure_se, rng.normal(effect * true_exposure, outcome_se), outcome_se)
