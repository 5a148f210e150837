"""Evidence from molecular QTL: colocalization, and overlap of lead variants where colocalization is impossible.

A gene is tested in many tissues, traits and signals, and the largest of many H4 grows with their number. Prior odds are
therefore shared out: if at most one of m tests of a gene were the one that carries it, the posterior odds of "any" are
the mean of the tests' odds, so that a tissue without the signal dilutes and several that agree do not add up beyond the
best one. Tissues that the disease's signals point to have a larger share of the prior (see contexts.py): the mean is
weighted by relevance. Signals of a locus are tried in turn; the best counts, its odds divided by their number. A
disease signal can be the same as one signal of a molecular trait at most: the odds of a trait's signals add up.

The log odds ask how much more often targets than other genes share the causal variant, so H4 must start from how often
other genes do. Given a disease signal, coloc's default priors start at odds p12/p1 = 0.1; of the genes that are not the
target 0.0329 colocalise (evidence_weights.tsv, eQTL), odds of 0.034. Posterior odds are scaled by their ratio, 0.34: an
H4 that is no more than the prior then says next to nothing.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.targets.candidates import NONE, SHARED_H4
from locus2target.targets.evidence_direction import SIGNED_TYPES, estimated_direction
from locus2target.targets.evidence_rows import LocusData, Row
from locus2target.targets.relevance import ALIKE, QTL, Relevance
from locus2target.targets.weights import Weights, mixed_log_odds

_MOLECULAR_TRAITS = {
    "eqtl": "expression",
    "sqtl": "splicing",
    "pqtl": "protein level",
    "caqtl": "chromatin accessibility",
}
_LARGEST_ODDS = 999.0  # H4 0.999: rounding and priors, not data, decide beyond it
_PRIOR_SCALE = 0.34  # see above
_TRAIT = ("qtl", "tissue", "phenotype_id")
_LEAD_OVERLAP = "lead_overlap"
_LEAD_PLACED = "truncated_qtl"  # status of a lead that the disease signal has a posterior for


def colocalization_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene and QTL type that was tested, and one per status of tests that failed.

    The value is the largest H4 of the best signal; the log odds rest on H4 corrected for the number of tests.
    """
    tests = data.colocalization[data.colocalization["method"] != _LEAD_OVERLAP]
    rows: list[Row] = []
    for (gene_id, qtl_type), of_gene in tests.groupby(["gene_id", "qtl_type"], sort=True):
        source = f"colocalization_{qtl_type}"
        usable = usable_tests(of_gene)
        chosen, note = _primary_or_single(usable)
        if gene_id in data.symbols and len(chosen):
            rows.append(_tested_gene(data, source, str(gene_id), chosen, note, weights))
        rows += _failed_tests(data, source, str(gene_id), of_gene.drop(usable.index))
    return rows


def lead_overlap_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene whose QTL lead variants could be placed in the locus, and one per failure.

    The value is the share of the gene's leads, one per tissue and trait, that lie in a credible set. Nothing is counted
    for a gene that has a colocalization: the same QTL would count twice.
    """
    source = "qtl_lead_overlap"
    by_method = data.colocalization["method"] == _LEAD_OVERLAP
    full = data.colocalization[~by_method & (data.colocalization["status"] == "ok")]
    colocalized = set(full["gene_id"])
    rows: list[Row] = []
    for gene_id, of_gene in data.colocalization[by_method].groupby("gene_id", sort=True):
        # without a PIP, a lead is neither inside nor outside a credible set
        placed = of_gene[(of_gene["status"] == _LEAD_PLACED) & of_gene["shared_variant"].isin(data.scored.index)]
        if gene_id in data.symbols and len(placed):
            # tissues of one resource can come as leads and as significant pairs: the same lead counts once
            distinct = placed.drop_duplicates(["tissue", "phenotype_id", "shared_variant"])
            rows.append(_lead_overlap(data, str(gene_id), distinct, weights, counted=gene_id not in colocalized))
        rows += _failed_tests(data, source, str(gene_id), _name_leads_without_pip(of_gene.drop(placed.index)))
    return rows


def _name_leads_without_pip(tests: pd.DataFrame) -> pd.DataFrame:
    without = tests["status"] == _LEAD_PLACED
    return tests.assign(
        status=tests["status"].mask(without, "not_in_ld"),
        reason=tests["reason"].mask(without, "the QTL's lead variant has no PIP: it is not among the variants with LD"),
    )


def usable_tests(colocalization: pd.DataFrame) -> pd.DataFrame:
    """Tests (schema COLOCALIZATION) that gave a posterior."""
    full = (colocalization["method"] != _LEAD_OVERLAP) & (colocalization["status"] == "ok")
    return colocalization[full & colocalization["posterior_h4"].notna()]


def corrected_h4(
    posterior_h4: npt.NDArray[np.float64], *, n_signals: int, relevance: npt.NDArray[np.float64] | None = None
) -> float:
    """H4 of "any of these tests", for one signal of `n_signals` that were tried.

    Parameters
    ----------
    posterior_h4
        float64 array of shape (n_tests,), n_tests >= 1: H4 of each tissue and molecular trait.
    n_signals
        Signals of the locus that the gene was tested with.
    relevance
        float64 array of shape (n_tests,), above 0: share of each test in the prior, up to a factor; all alike if None.

    >>> round(corrected_h4(np.array([0.9, 0.0, 0.0]), n_signals=1), 6)  # odds 9 over 3 tests
    0.75
    """
    odds = np.minimum(posterior_h4 / np.maximum(1 - posterior_h4, 1e-12), _LARGEST_ODDS)
    mean = float(np.average(odds, weights=relevance)) / n_signals
    return mean / (1 + mean)


def trait_h4(tests: pd.DataFrame) -> "pd.Series[float]":
    """H4 of "any signal of the molecular trait" for each trait tested with one disease signal.

    The index names the traits by qtl, tissue and phenotype_id.
    """
    posterior = tests["posterior_h4"].clip(upper=_LARGEST_ODDS / (1 + _LARGEST_ODDS))
    odds = (posterior / (1 - posterior)).groupby([tests[name] for name in _TRAIT]).sum()
    return odds / (1 + odds)


def rescaled_h4(posterior_h4: float) -> float:
    """H4 with the share of other genes that colocalise as its prior, instead of coloc's.

    >>> round(rescaled_h4(0.1 / 1.1), 4)  # coloc's prior becomes the measured share
    0.0329
    """
    odds = _PRIOR_SCALE * posterior_h4 / (1 - posterior_h4)
    return odds / (1 + odds)


def _primary_or_single(usable: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    primary = usable[usable["primary"]]
    if len(primary):
        return primary, ""
    return usable[
        usable["signal"] == 0
    ], "no usable test with the primary signals, single effect over all variants instead"


def _tested_gene(data: LocusData, source: str, gene_id: str, tests: pd.DataFrame, note: str, weights: Weights) -> Row:
    signals = {int(str(signal)): group for signal, group in tests.groupby("signal", sort=True)}
    scores = {signal: _signal_h4(group, len(signals), data.relevance) for signal, group in signals.items()}
    unweighted = max(_signal_h4(group, len(signals), ALIKE) for group in signals.values())
    best = max(scores, key=lambda signal: (scores[signal], -signal))
    ordered = signals[best].sort_values(
        ["posterior_h4", "qtl", "tissue", "phenotype_id"], ascending=[False, True, True, True]
    )
    top = ordered.iloc[0]
    direction, remark = _direction(data, gene_id, ordered)
    flag = top["flag"] if isinstance(top["flag"], str) else ""
    which = note or _signal_note(data, best, len(signals))
    remarks = [text for text in (which, remark, flag, _ld_note(data)) if text]
    return data.row(
        source,
        gene_id,
        detail=f"{_test_note(top, ordered, _n_traits(tests), scores[best])}; {'; '.join(remarks)}",
        log_odds=_shared_log_odds(source, weights, scores[best]),
        log_odds_unweighted=_shared_log_odds(source, weights, unweighted),
        value=float(top["posterior_h4"]),
        unit="posterior H4",
        direction=direction,
        variants=[str(top["shared_variant"])] if isinstance(top["shared_variant"], str) else [],
        context=str(top["tissue"]),
    )


def _signal_h4(tests: pd.DataFrame, n_signals: int, relevance: Relevance) -> float:
    """Corrected H4 of one disease signal; each molecular trait has the relevance of its tissue."""
    posterior = trait_h4(tests)
    factors = np.array([relevance.of(QTL, tissue) for tissue in posterior.index.get_level_values("tissue")])
    return corrected_h4(np.asarray(posterior, dtype=np.float64), n_signals=n_signals, relevance=factors)


def _shared_log_odds(source: str, weights: Weights, corrected: float) -> float:
    shared, not_shared = (weights.log_odds(source, level) for level in ("shared", "not_shared"))
    return mixed_log_odds(shared, not_shared, rescaled_h4(corrected))


def _n_traits(tests: pd.DataFrame) -> int:
    """Disease signals times molecular traits that were tested."""
    return len(tests.drop_duplicates(["signal", *_TRAIT]))


def _test_note(top: "pd.Series[Any]", ordered: pd.DataFrame, n_tests: int, corrected: float) -> str:
    trait = _MOLECULAR_TRAITS[str(top["qtl_type"])]
    source = f"{top['qtl']}, {top['n_shared']} shared variants"
    text = f"H4 {top['posterior_h4']:.2f} with {trait} in {top['tissue']} ({source})"
    others = sorted(set(ordered.loc[ordered["posterior_h4"] >= SHARED_H4, "tissue"]) - {top["tissue"]})
    if others:
        text += f", also in {', '.join(others)}"
    return (
        text if n_tests == 1 else f"{text}; best of {n_tests} tests, {corrected:.2f} after correction for their number"
    )


def _signal_note(data: LocusData, signal: int, n_tested: int) -> str:
    if signal == 0:
        return "single effect over all variants"
    return f"signal {signal}, best of {n_tested} tested" if n_tested > 1 else f"signal {signal} of {data.n_signals}"


def _ld_note(data: LocusData) -> str:
    if data.ld_verdict == "NONE":
        return "without LD: one causal variant is assumed"
    return f"LD does not fit: one causal variant is assumed ({data.ld_reason})" if data.ld_verdict == "FAIL" else ""


def _direction(data: LocusData, gene_id: str, tests: pd.DataFrame) -> tuple[float | None, str]:
    """Sign on which the gene's clear effects on the disease agree, and a remark."""
    qtl_type = str(tests["qtl_type"].iloc[0])
    if qtl_type not in SIGNED_TYPES:
        return None, f"the sign of {_MOLECULAR_TRAITS[qtl_type]} does not tell gene activity"
    if not (tests["posterior_h4"] >= SHARED_H4).any():
        return None, "not shared, no direction"
    effects = data.cis_effects
    return estimated_direction(effects[(effects["gene_id"] == gene_id) & (effects["qtl_type"] == qtl_type)])


def _lead_overlap(data: LocusData, gene_id: str, leads: pd.DataFrame, weights: Weights, *, counted: bool) -> Row:
    credible = data.scored.index[data.scored["credible_set"].notna()]
    inside = leads[leads["shared_variant"].isin(credible)].sort_values(
        ["clpp", "tissue", "shared_variant"], ascending=[False, True, True]
    )
    signs = inside.loc[inside["qtl_type"].isin(SIGNED_TYPES), "direction"].dropna()
    agreed = len(signs) > 0 and signs.min() == signs.max()
    text = f"{len(inside)} of {len(leads)} QTL lead variants of the gene lie in a credible set"
    if not counted:
        text += "; not counted beside a colocalization of the gene"
    weight = weights.log_odds("qtl_lead_overlap", "overlap") if counted else 0.0
    share = len(inside) / len(leads)
    return data.row(
        "qtl_lead_overlap",
        gene_id,
        detail=text,
        log_odds=mixed_log_odds(weight, 0.0, share),
        value=share,
        unit="share of QTL leads",
        direction=float(signs.iloc[0]) if agreed else None,
        variants=inside["shared_variant"].drop_duplicates(),
        context=str(inside["tissue"].iloc[0]) if len(inside) else None,
    )


def _failed_tests(data: LocusData, source: str, gene_id: str, tests: pd.DataFrame) -> list[Row]:
    """One row without weight per status: of a candidate gene, or of a QTL set without any gene in the locus."""
    if gene_id not in {*data.symbols, ""}:
        return []
    return [
        data.row(
            source,
            gene_id or NONE,
            detail=f"could not be tested: {status} in {len(group)} of {len(tests)} failed tests",
            context=",".join(sorted({name for name in group["tissue"] if name})) or None,
            status=str(status) if status != "ok" else "no_posterior",
            reason=str(group["reason"].iloc[0]) if status != "ok" else "the test gave no posterior",
        )
        for status, group in tests.groupby("status", sort=True)
    ]
