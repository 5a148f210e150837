"""One sentence from variant to gene to disease, built from evidence rows and nothing else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from locus2target.targets.candidates import SHARED_H4
from locus2target.targets.evidence_distance import format_bases

EvidenceRow = Mapping[str, Any]
# Evidence that names a gene by itself; open chromatin, motifs and truncated QTL only count beside distance.
NAMING_SOURCES = frozenset(
    {
        *("colocalization_eqtl", "colocalization_sqtl", "colocalization_pqtl", "colocalization_caqtl"),
        *("coding_consequence", "enhancer_gene_link"),
    }
)
NAMING_LOG_ODDS = math.log(2)  # a source must at least double the odds to name a gene
_MENTIONED = 0.05  # smaller log odds are not worth words
_SUPPORT = {
    "colocalization_eqtl": "colocalises with {gene} expression{context} (H4 {value:.2f}{direction})",
    "colocalization_sqtl": "colocalises with {gene} splicing{context} (H4 {value:.2f})",
    "colocalization_pqtl": "colocalises with {gene} protein level{context} (H4 {value:.2f}{direction})",
    "colocalization_caqtl": "colocalises with chromatin accessibility assigned to {gene}{context} (H4 {value:.2f})",
    "qtl_lead_overlap": "is a lead QTL variant of {gene}{context}",
    "coding_consequence": "changes the protein of {gene} (PIP mass {value:.2f})",
    "enhancer_gene_link": "lies in an enhancer linked to {gene}{context} (PIP mass {value:.2f})",
    "open_chromatin": "lies in open chromatin near the TSS of {gene}{context} (PIP mass {value:.2f})",
    "motif_change": "changes a motif near the TSS of {gene}: {plain} (PIP mass {value:.2f})",
}


def combine_directions(rows: Sequence[EvidenceRow]) -> tuple[float | None, bool]:
    """Sign on which a gene's evidence agrees, and whether it contradicts itself.

    Rows without a sign or without weight for the gene have no say.
    """
    signs = {row["direction"] for row in rows if row["direction"] in {-1.0, 1.0} and row["log_odds"] > 0}
    return (signs.pop(), False) if len(signs) == 1 else (None, len(signs) > 1)


def describe_mechanism(rows: Sequence[EvidenceRow], *, gene_symbol: str, disease: str) -> str:
    """Describe how a locus' variant may act through one gene.

    Parameters
    ----------
    rows
        The gene's evidence rows at one locus. The one with the largest log odds speaks; others are named.
    disease
        As in the sheet; underscores are read as blanks.
    """
    outcome = disease.replace("_", " ")
    support = sorted((row for row in rows if _supports(row)), key=lambda row: (-row["log_odds"], row["source"]))
    if not support:
        return f"{_distance_only(rows, gene_symbol)}; no functional evidence -> {outcome}"
    _, conflict = combine_directions(rows)
    best = support[0]
    text = f"{_variant(best, rows)} -> {_phrase(best, gene_symbol, outcome)}"
    if len(support) > 1:
        text += f"; also {', '.join(row['source'].replace('_', ' ') for row in support[1:])}"
    if conflict:
        text += "; QTL sources disagree about the direction"
    elif "directions disagree" in best["detail"]:
        text += "; tissues disagree about the direction"
    return f"{text} -> {outcome}"


def names_gene(rows: Sequence[EvidenceRow]) -> bool:
    """Whether more than its distance speaks for a gene: a row that the mechanism may rest on, and of some weight."""
    return any(
        row["source"] in NAMING_SOURCES and row["log_odds"] >= NAMING_LOG_ODDS and _supports(row) for row in rows
    )


def _supports(row: EvidenceRow) -> bool:
    """Whether the row speaks for the gene; a colocalization must be more probable than not to be called one."""
    if row["source"].startswith("colocalization") and row["value"] is not None and row["value"] < SHARED_H4:
        return False
    return row["source"] in _SUPPORT and row["log_odds"] >= _MENTIONED


def _variant(row: EvidenceRow, rows: Sequence[EvidenceRow]) -> str:
    """Name of the row's strongest variant, else of the variant that the distance is measured from."""
    named = [row, *(other for other in rows if other["source"] == "distance")]
    return next((other["top_variant"] for other in named if isinstance(other["top_variant"], str)), "a variant")


def _phrase(row: EvidenceRow, gene_symbol: str, disease: str) -> str:
    context = row["context"] if isinstance(row["context"], str) else ""
    return _SUPPORT[row["source"]].format(
        gene=gene_symbol,
        context=f" in {context.replace('_', ' ')}" if context else "",
        plain=context,
        value=row["value"],
        direction=_consequence(row, disease),
    )


def _consequence(row: EvidenceRow, disease: str) -> str:
    if row["direction"] not in {-1.0, 1.0}:
        return "; direction unknown"
    amount = "more" if row["direction"] > 0 else "less"
    trait = "protein" if row["source"] == "colocalization_pqtl" else "expression"
    return f"; {amount} {trait}, more {disease}"


def _distance_only(rows: Sequence[EvidenceRow], gene_symbol: str) -> str:
    measured = [row for row in rows if row["source"] == "distance"]
    if not measured:
        return f"nothing measured for {gene_symbol}"
    row = measured[0]
    return f"{_variant(row, rows)} -> lies {format_bases(row['value'])} from the TSS of {gene_symbol}"
