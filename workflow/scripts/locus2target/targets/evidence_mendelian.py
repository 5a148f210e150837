"""Evidence from cis-MR: whether the estimates of a gene's effect on the disease tell one story.

The estimates rest on the same statistics as the colocalization, so that their size is not evidence again. What they
add: several independent variants that change the gene change the disease in proportion, or they do not; and the
variants explain more of the gene's product than of the disease, or the arrow points the other way. p-values are
corrected for the number of the gene's tests at the locus (Bonferroni).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core.tables import records
from locus2target.targets.evidence_direction import SIGNED_TYPES, estimated_direction
from locus2target.targets.evidence_rows import LocusData, Row
from locus2target.targets.weights import Weights

_SOURCE = "cis_mr"
_CLEAR_P = 0.05
_HETEROGENEOUS_P = 0.01
_SUPPORTED, _CONTRADICTED = "supported", "contradicted"
_ORDER = ("neg_log10_p", "posterior_h4", "qtl_type", "qtl", "tissue", "phenotype_id", "study")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one test says: `supported`, `contradicted` or None, and why."""

    test: Mapping[str, Any]
    level: str | None
    why: str


def cis_mr_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene that has rows in `data.cis_effects`.

    Parameters
    ----------
    data
        The locus.
    weights
        `cis_mr supported` and `cis_mr contradicted`.

    Returns
    -------
    list of Row
        The value is the estimate of the strongest test with a verdict, else of the strongest test. A test supports the
        gene when it is clear (p below 0.05) and its instruments, at least 2, are not heterogeneous (Cochran's Q, p
        above 0.05). It contradicts it when they are (p below 0.01), or when Steiger's test says that they explain more
        of the disease (p below 0.05). Anything else counts nothing.
    """
    tests = {str(gene): rows for gene, rows in data.cis_effects.groupby("gene_id", sort=True)}
    return [_gene_row(data, gene, tests[gene], weights) for gene in tests if gene in data.symbols]


def _gene_row(data: LocusData, gene_id: str, tests: pd.DataFrame, weights: Weights) -> Row:
    estimated = tests[tests["estimate"].notna()]
    if estimated.empty:
        return _failed_row(data, gene_id, tests)
    ordered = estimated.sort_values(list(_ORDER), ascending=[False, False, *[True] * (len(_ORDER) - 2)], kind="stable")
    verdicts = [_judge(test, len(ordered)) for test in records(ordered)]
    chosen = next((verdict for verdict in verdicts if verdict.level is not None), verdicts[0])
    signed = tests[tests["qtl_type"].isin(SIGNED_TYPES)]
    direction, remark = estimated_direction(signed) if len(signed) else (None, "the trait's sign is not the gene's")
    weak = (ordered["status"] != "ok").all()
    test = chosen.test
    return data.row(
        _SOURCE,
        gene_id,
        detail="; ".join(text for text in (_test_note(test, len(ordered)), chosen.why, remark) if text),
        log_odds=0.0 if chosen.level is None else weights.log_odds(_SOURCE, chosen.level),
        value=float(test["estimate"]),
        unit="disease effect per unit of the trait",
        direction=direction,
        variants=test["instruments"].split(",") if isinstance(test["instruments"], str) else [],
        context=_place(test),
        status=str(test["status"]) if weak else "ok",
        reason=str(test["reason"]) if weak else "",
    )


def _failed_row(data: LocusData, gene_id: str, tests: pd.DataFrame) -> Row:
    """Row of a gene none of whose tests gave an estimate."""
    first = records(tests.sort_values(["status", *_ORDER[2:]]))[0]
    return data.row(
        _SOURCE,
        gene_id,
        detail=f"no effect of the gene on the disease could be estimated in {len(tests)} tests",
        context=_place(first),
        status=str(first["status"]),
        reason=str(first["reason"]),
    )


def _judge(test: Mapping[str, Any], n_tests: int) -> _Verdict:
    """Verdict of one test out of `n_tests` of the gene: the first answer that holds.

    Heterogeneity speaks also where the common estimate is not clear: instruments of opposite effect cancel out in it.
    """
    heterogeneity = test["q_neg_log10_p"]
    answers = (
        (test["status"] != "ok", None, "the instruments are weak"),
        (_is_reversed(test, n_tests), _CONTRADICTED, "the instruments explain more of the disease (Steiger's test)"),
        (test["n_instruments"] < 2, None, "a single instrument cannot be checked against others"),
        (
            heterogeneity > _threshold(_HETEROGENEOUS_P, n_tests),
            _CONTRADICTED,
            "the instruments disagree about the effect",
        ),
        (test["neg_log10_p"] < _threshold(_CLEAR_P, n_tests), None, "the estimate is not clear after correction"),
        (heterogeneity < _threshold(_CLEAR_P, 1), _SUPPORTED, "the instruments agree"),
        (True, None, "whether the instruments agree is not clear"),
    )
    return next(_Verdict(test, level, why) for holds, level, why in answers if holds)


def _is_reversed(test: Mapping[str, Any], n_tests: int) -> bool:
    """Whether Steiger's test clearly says that the disease is the cause."""
    answered = pd.notna(test["steiger_correct"]) and not test["steiger_correct"]
    return bool(answered and test["steiger_neg_log10_p"] > _threshold(_CLEAR_P, n_tests))


def _threshold(p: float, n_tests: int) -> float:
    """-log10 of a p-value corrected for a number of tests."""
    return -math.log10(p / n_tests)


def _place(test: Mapping[str, Any]) -> str:
    return str(test["tissue"] or test["qtl"])


def _test_note(test: Mapping[str, Any], n_tests: int) -> str:
    """Numbers of one test."""
    text = (
        f"{test['n_instruments']} instruments in {_place(test)} ({test['method']}): estimate {test['estimate']:.2g}, "
        f"-log10 p {test['neg_log10_p']:.1f}"
    )
    if pd.notna(test["q_neg_log10_p"]):
        text += f", heterogeneity -log10 p {test['q_neg_log10_p']:.1f}"
    return text if n_tests == 1 else f"{text}; of {n_tests} tests"
