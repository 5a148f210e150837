"""Disease context: the cell types and tissues that a disease's signals point to, and how much each then counts.

For every context of every kind the table says how much of the disease's signals it holds, how much of matched
background (see matched_background.py), and with which p- and q-value. Loci that overlap are one signal seen twice: of
each such group the locus with the strongest association counts.

Where a kind has contexts with q at or below the limit, those keep relevance 1 and the other tested ones have 0.5.
The factor is a judgement: a context without enrichment is weaker ground, not wrong, since few loci seldom suffice to
find an enrichment. Where nothing reaches the limit, nothing is known and nothing is weighted. Relevance rests on the
same loci that it weighs, so that a locus can have a say in its own weights; at least five loci are asked for.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from locus2target.core.schemas import CONTEXT_ENRICHMENT
from locus2target.core.tables import Record
from locus2target.targets.evidence_qtl import usable_tests
from locus2target.targets.matched_background import Comparison, compare_intervals, compare_tissues
from locus2target.targets.overlap_groups import overlap_groups
from locus2target.targets.relevance import GENE_LINK, OPEN_CHROMATIN, QTL

MIN_LOCI = 5  # fewer tell about the loci, not about the disease
NOT_ENRICHED = 0.5  # relevance of tested contexts beside enriched ones
_PSEUDO_COUNT = 0.5
_FILES = {OPEN_CHROMATIN: "annotations.open_chromatin", GENE_LINK: "annotations.enhancer_gene_links"}


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How contexts are tested and used.

    Attributes
    ----------
    enabled
        Whether enrichment changes relevance; the table is the same otherwise.
    permutations
        Matched backgrounds; the smallest p-value is 1 / (1 + permutations).
    seed
        Where their random choice starts.
    max_q
        Contexts at or below this q-value are enriched.
    """

    enabled: bool
    permutations: int
    seed: int
    max_q: float


@dataclass(frozen=True, slots=True)
class DiseaseSignals:
    """What the run tells of one disease: its rows of LOCI, CREDIBLE_SETS and COLOCALIZATION."""

    disease: str
    loci: pd.DataFrame
    credible_sets: pd.DataFrame
    colocalization: pd.DataFrame


def enrich_contexts(
    signals: DiseaseSignals,
    intervals: Mapping[str, pd.DataFrame | None],
    starts: pd.DataFrame,
    settings: ContextSettings,
) -> pd.DataFrame:
    """Test every context of every kind for one disease (schema CONTEXT_ENRICHMENT), ordered by kind and q-value.

    Parameters
    ----------
    signals
        In any order.
    intervals
        By kind, open_chromatin and enhancer_gene_link: columns chromosome, start, end and context; None where the run
        has no such file.
    starts
        Genes whose transcription starts are matched: columns chromosome and tss.
    """
    rows: list[Record] = []
    for kind in (OPEN_CHROMATIN, GENE_LINK):
        rows += _interval_rows(kind, signals, intervals[kind], starts, settings)
    rows += _tissue_rows(signals, settings)
    return CONTEXT_ENRICHMENT.frame({"disease": signals.disease, **row} for row in rows)


def independent_loci(loci: pd.DataFrame, usable: Collection[str]) -> list[str]:
    """One usable locus of each group that overlaps: the strongest association, equal ones by name."""
    groups = overlap_groups(loci)
    found = loci[loci["locus"].isin(set(usable))]
    ordered = found.sort_values(["lead_neg_log10_p", "locus"], ascending=[False, True], na_position="last")
    return sorted(ordered.groupby(ordered["locus"].map(groups))["locus"].first())


def _interval_rows(
    kind: str,
    signals: DiseaseSignals,
    intervals: pd.DataFrame | None,
    starts: pd.DataFrame,
    settings: ContextSettings,
) -> list[Record]:
    if intervals is None or intervals.empty:
        what = "the file has no intervals" if intervals is not None else "no such file is given"
        return [_empty_row(kind, "no_annotation", f"{what} ({_FILES[kind]})")]
    in_sets = signals.credible_sets[
        signals.credible_sets["pip"].notna() & signals.credible_sets["credible_set"].notna()
    ]
    chosen = independent_loci(signals.loci, in_sets["locus"])
    comparison = compare_intervals(
        in_sets,
        signals.loci[signals.loci["locus"].isin(chosen)],
        intervals,
        starts,
        permutations=settings.permutations,
        seed=settings.seed,
    )
    return _judged(kind, comparison, [_interval_state(int(n), len(chosen)) for n in comparison.n_loci], settings)


def _interval_state(n_loci: int, n_fine_mapped: int) -> tuple[str, str]:
    """Status and reason of a context by the loci it could be studied at, of those with credible sets."""
    if n_loci >= MIN_LOCI:
        return "ok", ""
    if n_fine_mapped and not n_loci:
        return "no_annotation", f"no interval of any context surrounds a signal of the {n_fine_mapped} independent loci"
    return _too_few(n_loci, f"of {n_fine_mapped} with credible sets have intervals around them")


def _too_few(n_loci: int, what: str) -> tuple[str, str]:
    return "too_few_loci", f"{n_loci} independent loci {what}; {MIN_LOCI} are needed to tell a context of the disease"


def _tissue_rows(signals: DiseaseSignals, settings: ContextSettings) -> list[Record]:
    tests = _counted_tests(signals.colocalization)
    if tests.empty:
        return [_empty_row(QTL, "no_tests", "no colocalization of the disease gave a posterior")]
    chosen = independent_loci(signals.loci, tests["locus"])
    # tissues that were tested at other loci of a group only stay in the table, with no locus
    every = sorted(set(tests["tissue"]))
    found = compare_tissues(
        tests[tests["locus"].isin(chosen)], every, permutations=settings.permutations, seed=settings.seed
    )
    return _judged(QTL, found, [_tissue_state(int(n), len(every)) for n in found.n_loci], settings)


def _counted_tests(colocalization: pd.DataFrame) -> pd.DataFrame:
    """Tests that evidence rests on: of the primary signals, or of the single effect where those gave none."""
    usable = usable_tests(colocalization)
    by_gene = [usable[name] for name in ("locus", "gene_id", "qtl_type")]
    has_primary = usable["primary"].groupby(by_gene).transform("any").astype(bool)
    return usable[usable["primary"] | (~has_primary & (usable["signal"] == 0))]


def _tissue_state(n_loci: int, n_tissues: int) -> tuple[str, str]:
    if n_tissues == 1:
        return "one_context", "all QTL are of one tissue: there is no other to compare it with"
    return ("ok", "") if n_loci >= MIN_LOCI else _too_few(n_loci, "have a gene tested in this tissue and in another")


def _empty_row(kind: str, status: str, reason: str) -> Record:
    """Row of a kind that has no contexts."""
    return {"kind": kind, "context": "", "n_loci": 0, "relevance": 1.0, "status": status, "reason": reason}


def _judged(
    kind: str, comparison: Comparison, states: list[tuple[str, str]], settings: ContextSettings
) -> list[Record]:
    """Rows of one kind, most significant first, equal ones by name; untested contexts have no numbers."""
    tested = np.array([status == "ok" for status, _ in states], dtype=np.bool_)
    p_values = comparison.p_values()
    q_values = np.full(len(states), np.nan)
    if tested.any():
        q_values[tested] = false_discovery_control(p_values[tested])
    relevances = relevance_factors(q_values, max_q=settings.max_q) if settings.enabled else np.ones(len(states))
    rows = [
        {
            "kind": kind,
            "context": context,
            "n_loci": int(comparison.n_loci[number]),
            **(_numbers(comparison, number) | {"p_value": p, "q_value": q} if status == "ok" else {}),
            "relevance": float(relevance),
            "status": status,
            "reason": reason,
        }
        for number, (context, (status, reason), p, q, relevance) in enumerate(
            zip(comparison.contexts, states, p_values.tolist(), q_values.tolist(), relevances, strict=True)
        )
    ]
    return sorted(rows, key=lambda row: (row.get("q_value", 2.0), row.get("p_value", 2.0), row["context"]))


def relevance_factors(q_values: npt.NDArray[np.float64], *, max_q: float) -> npt.NDArray[np.float64]:
    """Relevance of the contexts of one kind; q-values of untested ones are NaN, and their relevance is 1.

    >>> relevance_factors(np.array([0.01, 0.2, np.nan]), max_q=0.05).tolist()
    [1.0, 0.5, 1.0]
    >>> relevance_factors(np.array([0.06, 0.2, np.nan]), max_q=0.05).tolist()
    [1.0, 1.0, 1.0]
    """
    if not (q_values <= max_q).any():
        return np.ones(len(q_values))
    return np.where(q_values > max_q, NOT_ENRICHED, 1.0)


def _numbers(comparison: Comparison, number: int) -> Record:
    """Observed and expected of one context."""
    observed, background = float(comparison.observed[number]), comparison.background[number]
    expected = float(background.mean())
    return {
        "observed": observed,
        "expected": expected,
        "background_sd": float(background.std()),
        "fold": (observed + _PSEUDO_COUNT) / (expected + _PSEUDO_COUNT),
    }
