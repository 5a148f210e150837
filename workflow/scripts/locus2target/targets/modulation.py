"""What a drug would have to do to a ranked gene: inhibit it, activate it, or unknown.

A gene whose activity goes up with the disease is to be inhibited, one whose activity goes down to be activated. What
speaks, in this order: molecular QTL that share their cause with the disease, protein-truncating variants, and where
neither says anything the predictions of sequence models. The grades are ours; they say how far the sign can be relied
on, not that the gene is the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core.tables import records
from locus2target.statgen.mendelian.directions import CONFLICTING, CONSISTENT, UNSURE
from locus2target.targets.candidates import SHARED_H4
from locus2target.targets.evidence_direction import agreed_sign

INHIBIT, ACTIVATE, UNKNOWN = "inhibit", "activate", "unknown"
HIGH, MODERATE, LOW, NONE = "high", "moderate", "low", "none"
MODULATION_COLUMNS = ("gene_id", "modulation", "modulation_reliability", "modulation_reason")

_STRONG_H4 = 0.8
_SIGNED_COLOCALIZATIONS = ("colocalization_eqtl", "colocalization_pqtl")


@dataclass(frozen=True, slots=True)
class _Answer:
    """Sign of the gene in the disease (+1: more gene, more disease), how far to rely on it, and why."""

    sign: float | None
    reliability: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Gene:
    """What is known of one gene.

    Attributes
    ----------
    measured
        Its row of GENE_DIRECTIONS; None where no expression or protein level colocalizes.
    h4
        Best colocalization of its expression or protein level; NaN without.
    truncating, predicted
        Directions of its coding evidence and of its predicted effects, of all loci.
    contradicted
        Whether cis-MR speaks against it at a locus.
    """

    measured: Mapping[str, Any] | None
    h4: float
    truncating: "pd.Series[float]"
    predicted: "pd.Series[float]"
    contradicted: bool


def modulation(ranked: pd.DataFrame, directions: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """Say for every ranked gene of one disease what a drug would have to do.

    Parameters
    ----------
    ranked
        `core.schemas.RANKED_GENES`.
    directions
        `core.schemas.GENE_DIRECTIONS`, rows of the disease.
    evidence
        `core.schemas.EVIDENCE` of the disease, all loci.

    Returns
    -------
    pandas.DataFrame
        Columns `MODULATION_COLUMNS`, str, one row per ranked gene in its order. `modulation` is inhibit, activate or
        unknown. `modulation_reliability`:

        - high: several clear estimates agree, at least 2 tests have the sign, and the best H4 is at least 0.8
        - moderate: the estimate is clear and the best H4 at least 0.8; or protein-truncating variants give the sign
        - low: the best H4 is 0.5 to 0.8; or cis-MR contradicts the gene; or only sequence models give the sign
        - none: unknown, because nothing gives a sign or sources contradict each other
    """
    measured = {row["gene_id"]: row for row in records(directions)}
    by_gene = dict(iter(evidence.groupby("gene_id")))
    nothing = evidence.iloc[:0]
    answers = [_answer(_gather(measured.get(gene), by_gene.get(gene, nothing))) for gene in ranked["gene_id"]]
    names = {None: UNKNOWN, 1.0: INHIBIT, -1.0: ACTIVATE}
    rows = [
        (gene_id, names[answer.sign], answer.reliability, answer.reason)
        for gene_id, answer in zip(ranked["gene_id"], answers, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(MODULATION_COLUMNS), dtype="str")


def _gather(measured: Mapping[str, Any] | None, evidence: pd.DataFrame) -> _Gene:
    """Collect what `evidence`, the gene's rows, and its measured direction say."""
    source = evidence["source"]
    return _Gene(
        measured=measured,
        h4=float(evidence.loc[source.isin(_SIGNED_COLOCALIZATIONS), "value"].astype("float64").max()),
        truncating=evidence.loc[source == "coding_consequence", "direction"].dropna(),
        predicted=evidence.loc[source == "gene_effect", "direction"].dropna(),
        contradicted=bool((evidence.loc[source == "cis_mr", "log_odds"] < 0).any()),
    )


def _answer(gene: _Gene) -> _Answer:
    if gene.measured is not None and gene.measured["reliability"] == CONFLICTING:
        return _Answer(None, NONE, str(gene.measured["statement"]))
    by_qtl, by_truncation, by_model = _of_qtl(gene), _of_truncation(gene), _of_prediction(gene)
    if by_truncation.sign is None and by_truncation.reason:
        return by_truncation
    if by_qtl.sign is not None and by_truncation.sign is not None:
        return _both(by_qtl, by_truncation)
    known = (answer for answer in (by_qtl, by_truncation) if answer.sign is not None)
    return next(known, by_model if by_model.reason else by_qtl)


def _of_qtl(gene: _Gene) -> _Answer:
    """What colocalized expression and protein levels say; the reason always stands."""
    if gene.measured is None:
        return _Answer(None, NONE, "No expression or protein level with an effect on the disease colocalizes.")
    statement = str(gene.measured["statement"])
    if gene.measured["reliability"] == UNSURE:
        return _Answer(None, NONE, statement)
    if not gene.h4 >= SHARED_H4:  # also where it is missing
        return _Answer(None, NONE, f"{statement} It does not count: no H4 of at least {SHARED_H4:g}.")
    sign = float(gene.measured["direction"])
    if gene.contradicted:
        return _Answer(sign, LOW, f"{statement} Best H4 {gene.h4:.2f}, but cis-MR contradicts the gene.")
    return _Answer(sign, _grade(gene.measured, gene.h4), f"{statement} Best H4 {gene.h4:.2f}.")


def _grade(measured: Mapping[str, Any], h4: float) -> str:
    if h4 < _STRONG_H4:
        return LOW
    return HIGH if measured["reliability"] == CONSISTENT and measured["n_agree"] >= 2 else MODERATE


def _of_truncation(gene: _Gene) -> _Answer:
    """What protein-truncating variants say; the reason is empty where there are none."""
    sign = agreed_sign(gene.truncating)
    if sign is not None:
        risk = "lowers" if sign > 0 else "raises"
        return _Answer(sign, MODERATE, f"Truncating the protein {risk} the disease.")
    if len(gene.truncating):
        return _Answer(None, NONE, "Protein-truncating variants at different loci disagree about the direction.")
    return _Answer(None, NONE, "")


def _both(by_qtl: _Answer, by_truncation: _Answer) -> _Answer:
    """QTL and truncating variants together: agreement is worth at least what truncation alone is."""
    if by_qtl.sign != by_truncation.sign:
        return _Answer(None, NONE, f"Sources contradict each other. {by_qtl.reason} {by_truncation.reason}")
    reliability = HIGH if by_qtl.reliability == HIGH else MODERATE
    return _Answer(by_qtl.sign, reliability, f"{by_qtl.reason} {by_truncation.reason}")


def _of_prediction(gene: _Gene) -> _Answer:
    """What sequence models say; the reason is empty where they say nothing."""
    sign = agreed_sign(gene.predicted)
    if sign is not None:
        more = "more" if sign > 0 else "less"
        return _Answer(
            sign, LOW, f"Only sequence models give a direction, unreliably: {more} of the gene, more disease."
        )
    if len(gene.predicted):
        return _Answer(None, NONE, "Sequence models alone give a direction, and loci disagree about it.")
    return _Answer(None, NONE, "")
