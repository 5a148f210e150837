"""Signals of molecular traits: SuSiE on every QTL of a locus that is strong enough and has LD that fits.

A trait goes through the same checks and the same fits as a disease locus (`finemapping`). What bears becomes signals 1,
2, ...; a trait that was not parted keeps one row (signal 0) that says why.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.schemas import QTL_SIGNAL_LBF, QTL_SIGNAL_LD, QTL_SIGNALS
from locus2target.core.variants import variant_keys
from locus2target.statgen.abf import (
    QUANTITATIVE,
    FloatArray,
    credible_set,
    single_effect_log_bayes_factor,
    single_effect_posterior,
)
from locus2target.statgen.coloc_traits import TRAIT, TraitRows, sort_traits, trait_log_bayes_factors
from locus2target.statgen.engine import FineMappingEngine
from locus2target.statgen.finemapping import FineMappedLocus, FineMappingSettings, finemap_locus
from locus2target.statgen.ld import IntArray, LdMatrix, digest_keys
from locus2target.statgen.ld_diagnostics import NONE
from locus2target.statgen.ld_sources import LdSource


@dataclass(frozen=True, slots=True)
class QtlSignals:
    """Rows for `core.schemas.QTL_SIGNALS`, `QTL_SIGNAL_LBF` and `QTL_SIGNAL_LD`."""

    signals: pd.DataFrame
    signal_lbf: pd.DataFrame
    signal_ld: pd.DataFrame


# ---- LD of one locus for many traits -----------------------------------------------------------------------------


@dataclass(frozen=True)
class KeptLd:
    """`ld_sources.AlignedLd` whose matrix is computed once; `keys` are the variants of its rows."""

    keys: tuple[str, ...]
    rows: IntArray
    left_out: Mapping[str, int]
    n_exchanged: int
    compute: Callable[[], LdMatrix]

    def matrix(self) -> LdMatrix:
        """LD of the rows, in their order, per ALT allele of the study."""
        return self.compute()


class RepeatedLd:
    """`ld_sources.LdSource` that keeps its last answer, as molecular traits in a row mostly have the same variants.

    The matrix and its eigendecomposition are then made once for all of them.
    """

    def __init__(self, source: LdSource) -> None:
        self._source = source
        self._asked: tuple[Region, float, str] | None = None
        self._kept: KeptLd | None = None

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> KeptLd:
        """See `ld_sources.LdSource.align`."""
        keys = variant_keys(study).to_numpy(object)
        asked = (region, min_maf, digest_keys(keys))
        if self._kept is None or asked != self._asked:
            found = self._source.align(region, study, min_maf=min_maf)
            self._asked = asked
            self._kept = KeptLd(
                keys=tuple(keys[found.rows]),
                rows=found.rows,
                left_out=found.left_out,
                n_exchanged=found.n_exchanged,
                compute=cache(found.matrix),
            )
        return self._kept

    def correlation(self, variants: list[str]) -> FloatArray:
        """Signed r between variants of the last answer, float64 array of shape (n_variants, n_variants)."""
        if self._kept is None:
            raise RuntimeError("no LD was asked for yet")
        where = pd.Index(self._kept.keys).get_indexer(pd.Index(variants))
        if (where < 0).any():
            raise ValueError(f"the last LD does not have all of {variants}")
        return self._kept.matrix().r[np.ix_(where, where)]


# ---- Traits of one locus -----------------------------------------------------------------------------------------


def finemap_traits(
    locus: Mapping[str, Any],
    qtl_rows: pd.DataFrame,
    *,
    qtl: str,
    qtl_sheet: Mapping[str, Any],
    ld: RepeatedLd | None,
    engine: FineMappingEngine,
    settings: FineMappingSettings,
    qtl_p: float,
) -> QtlSignals:
    """Part the molecular traits of one QTL set in one locus into their signals.

    Parameters
    ----------
    locus
        Row of `core.schemas.LOCI`.
    qtl_rows
        Rows of `core.schemas.QTL` inside the locus, of a set that lists every variant.
    qtl, qtl_sheet
        The set's id, and of its row in qtls.tsv: sd_y.
    ld
        LD of the set's cohort; None when it names none.
    engine, settings
        As for disease loci.
    qtl_p
        Traits whose strongest p in the locus is larger have no signal worth parting.

    Returns
    -------
    QtlSignals
        Each trait has either signals 1, 2, ... with status `ok`, or signal 0 with status `no_ld`, `weak`, or the one
        that `finemapping.finemap_locus` gave.
    """
    if qtl_rows.empty:
        return QtlSignals(QTL_SIGNALS.empty(), QTL_SIGNAL_LBF.empty(), QTL_SIGNAL_LD.empty())
    rows = sort_traits(qtl_rows)
    strongest = np.maximum.reduceat(rows.statistics["neg_log10_p"].to_numpy(np.float64), rows.bounds[:-1])
    weak = ~(strongest >= -np.log10(qtl_p))
    parts = [_unparted(rows, weak, ld=ld, sd_y=qtl_sheet["sd_y"], coverage=settings.susie.coverage, qtl_p=qtl_p)]
    if ld is not None:
        study = {"trait_type": QUANTITATIVE, "sd_y": qtl_sheet["sd_y"]}
        for number in np.flatnonzero(~weak):
            names = {name: str(rows.traits[name].iloc[number]) for name in TRAIT}
            members = rows.statistics.iloc[rows.bounds[number] : rows.bounds[number + 1]]
            as_locus = _trait_as_locus(locus, members, f"{locus['locus']}, {qtl}: {', '.join(names.values())}")
            fitted = finemap_locus(as_locus, members, study=study, ld_source=ld, engine=engine, settings=settings)
            parts.append(_of_trait(fitted, names, ld))
    return _stack(parts, locus=locus["locus"], qtl=qtl)


def _stack(parts: Sequence[QtlSignals], **ids: str) -> QtlSignals:
    tables = (
        ([part.signals for part in parts], QTL_SIGNALS),
        ([part.signal_lbf for part in parts], QTL_SIGNAL_LBF),
        ([part.signal_ld for part in parts], QTL_SIGNAL_LD),
    )
    return QtlSignals(*(pd.concat(frames, ignore_index=True).assign(**ids)[schema.names] for frames, schema in tables))


def _trait_as_locus(locus: Mapping[str, Any], members: pd.DataFrame, label: str) -> dict[str, Any]:
    """A molecular trait in the shape of a row of LOCI; the label is for the log."""
    lead = int(members["neg_log10_p"].to_numpy(np.float64).argmax())
    place = {name: locus[name] for name in ("chromosome", "start", "end")}
    return place | {
        "locus": label,
        "study": "",
        "disease": "",
        "lead_variant": members["variant"].iloc[lead],
        "n_variants": len(members),
        "status": "ok",
        "reason": "",
    }


def _of_trait(fitted: FineMappedLocus, names: Mapping[str, str], ld: RepeatedLd) -> QtlSignals:
    """Rows of a trait that was fitted: its SuSiE signals, or signal 0 with what prevented them."""
    verdict = fitted.fine_mapping.iloc[0]
    separate = fitted.signals[fitted.signals["signal"] > 0]
    signals = separate if len(separate) else fitted.signals.assign(status=verdict["status"], reason=verdict["reason"])
    signals = signals.assign(ld_verdict=verdict["ld_verdict"], **names)
    factors = fitted.signal_lbf[fitted.signal_lbf["signal"] > 0].assign(**names)
    pairs = _lead_correlations(separate, ld) if len(separate) > 1 else []
    return QtlSignals(signals, factors, QTL_SIGNAL_LD.frame({**names, **pair} for pair in pairs))


def _lead_correlations(signals: pd.DataFrame, ld: RepeatedLd) -> Iterator[dict[str, Any]]:
    """Signed r between the lead variants of each two signals."""
    r = ld.correlation(signals["lead_variant"].tolist())
    for first, second in combinations(range(len(signals)), 2):
        numbers = signals["signal"].iloc[[first, second]].tolist()
        yield {"first_signal": numbers[0], "second_signal": numbers[1], "r": float(r[first, second])}


def _unparted(
    rows: TraitRows,
    weak: "np.ndarray[Any, np.dtype[np.bool_]]",
    *,
    ld: RepeatedLd | None,
    sd_y: float | None,
    coverage: float,
    qtl_p: float,
) -> QtlSignals:
    """Signal 0 of the traits that were not fitted."""
    status, reason = "weak", f"No variant in the locus has p of at most {qtl_p:g}."
    left = weak
    if ld is None:
        status, reason, left = "no_ld", "The QTL set names no cohort for LD.", np.ones_like(weak)
    factors = trait_log_bayes_factors(rows, sd_y=sd_y).values
    variants = rows.statistics["variant"].to_numpy(object)
    strength = rows.statistics["neg_log10_p"].to_numpy(np.float64)
    found = []
    for number, (start, end) in enumerate(pairwise(rows.bounds)):
        if left[number]:
            names = {name: rows.traits[name].iloc[number] for name in TRAIT}
            single = _single_effect(factors[start:end], variants[start:end], strength[start:end], coverage)
            found.append(names | single | {"status": status, "reason": reason})
    return QtlSignals(QTL_SIGNALS.frame(found), QTL_SIGNAL_LBF.empty(), QTL_SIGNAL_LD.empty())


def _single_effect(
    factors: FloatArray, variants: "np.ndarray[Any, np.dtype[np.object_]]", strength: FloatArray, coverage: float
) -> dict[str, Any]:
    """What the single-effect posterior of a trait says; its strongest variant where there is none."""
    posterior = single_effect_posterior(factors)
    members = credible_set(posterior, coverage)
    lead = int(posterior.argmax()) if len(members) else int(strength.argmax())
    return {
        "signal": 0,
        "method": "abf",
        "ld_verdict": NONE,
        "lead_variant": variants[lead],
        "log_bayes_factor": single_effect_log_bayes_factor(factors) if len(members) else None,
        "n_credible": len(members),
        "coverage": float(posterior[members].sum()) if len(members) else None,
    }
