"""The run's engine against another one: the same loci, LD and settings, fitted again and compared.

Two programs that were written apart and agree to many digits are good evidence that a run's PIPs are what the model
says.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.statgen.engine import FineMappingEngine, SusieInput, SusieSettings
from locus2target.statgen.finemapping import FineMappedLocus, FineMappingSettings, finemap_locus
from locus2target.statgen.finemapping_rows import SUSIE
from locus2target.statgen.ladder import OK
from locus2target.statgen.ld_sources import LdSource

OTHER_ENGINE = {"native": "susier", "susier": "native"}
_MAX_DIFFERENCE = 1e-4  # of two PIPs: the same sweeps give 1e-8, another optimiser of the prior variance 1e-6 to 1e-4


def choose_loci(fine_mapping: pd.DataFrame, n_loci: int) -> pd.DataFrame:
    """FINE_MAPPING rows of up to `n_loci` loci with a SuSiE fit.

    They come in the order of a digest of their id: spread over the run, and the same in every run.
    """
    fitted = fine_mapping[fine_mapping["method"] == SUSIE]
    digests = fitted["locus"].map(lambda locus: hashlib.sha256(locus.encode()).hexdigest())
    return fitted.loc[digests.sort_values(kind="stable").index[:n_loci]]


def engine_problem(engine: FineMappingEngine) -> str | None:
    """Why an engine cannot be used on this machine; None when it can."""
    toy = SusieInput(np.array([1.0, 2.0, 0.5]), np.eye(3), 100.0)
    try:
        engine.fit(toy, SusieSettings(max_signals=1))
    except InputError as error:
        return str(error)
    return None


def crosscheck_locus(
    locus: Mapping[str, Any],
    sumstats: pd.DataFrame,
    *,
    variants: pd.DataFrame,
    study: Mapping[str, Any],
    ld_source: LdSource | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
) -> dict[str, Any]:
    """Fit one locus again and compare.

    Parameters
    ----------
    locus, sumstats, study, ld_source
        As `finemap_locus` was given them.
    variants
        The run's CREDIBLE_SETS rows of the locus.
    engine
        The other engine.
    settings
        The run's: the locus goes down the whole ladder again, since what its verdict lets through depends on the way.

    Returns
    -------
    dict
        Columns of ENGINE_CROSSCHECK from `max_pip_difference` on.
    """
    other = finemap_locus(locus, sumstats, study=study, ld_source=ld_source, engine=engine, settings=settings)
    outcome = other.fine_mapping.iloc[0]
    if outcome["method"] != SUSIE:
        return {"status": "disagrees", "reason": f"The other engine gives no signals: {outcome['reason']}"}
    return _compare(variants, other) | {"other_n_iterations": int(outcome["n_iterations"])}


def _compare(variants: pd.DataFrame, other: FineMappedLocus) -> dict[str, Any]:
    pips = variants.set_index("variant")["pip"]
    other_pips = other.credible_sets.set_index("variant")["pip"].reindex(pips.index)
    difference = float(np.abs(pips - other_pips).max())
    same_sets = _sets(variants) == _sets(other.credible_sets)
    agrees = same_sets and difference <= _MAX_DIFFERENCE and bool((pips.isna() == other_pips.isna()).all())
    reason = f"PIPs differ by up to {difference:.2g}, credible sets are {'the same' if same_sets else 'not the same'}."
    return {
        "max_pip_difference": difference,
        "same_credible_sets": same_sets,
        "status": OK if agrees else "disagrees",
        "reason": "" if agrees else reason,
    }


def _sets(variants: pd.DataFrame) -> set[frozenset[str]]:
    """Credible sets by their members: the numbers of signals of equal strength could be exchanged."""
    inside = variants[variants["credible_set"].notna()]
    return {frozenset(group) for _, group in inside.groupby("credible_set")["variant"]}


def crosscheck_row(mapping: Mapping[str, Any], names: tuple[str, str], result: Mapping[str, Any]) -> dict[str, Any]:
    """ENGINE_CROSSCHECK row of one locus, without what is missing.

    Parameters
    ----------
    mapping
        The run's FINE_MAPPING row.
    names
        The run's engine and the other one.
    result
        What `crosscheck_locus` returned, or a status and a reason.
    """
    row = {name: mapping[name] for name in ("locus", "study", "n_ld_variants", "n_iterations")}
    known = {"engine": names[0], "other_engine": names[1]}
    return {**row, **known, **result}
