"""One sentence from variant over motif or element and gene to disease, built from evidence rows and nothing else."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locus2target.targets.candidates import SHARED_H4
from locus2target.targets.evidence_distance import format_bases

EvidenceRow = Mapping[str, Any]
_COLOCALIZATIONS = ("colocalization_eqtl", "colocalization_sqtl", "colocalization_pqtl", "colocalization_caqtl")
# Evidence that names a gene by itself. Open chromatin, motifs and truncated QTL only count beside distance, predicted
# effects and cis-MR beside something measured, convergence and constraint beside something at the locus.
NAMING_SOURCES = frozenset({*_COLOCALIZATIONS, "coding_consequence", "enhancer_gene_link"})
NAMING_LOG_ODDS = math.log(2)  # a source must at least double the odds to name a gene
_MENTIONED = 0.05  # smaller log odds are not worth words
_SUPPORT = {
    "colocalization_eqtl": "colocalises with {gene} expression{context} (H4 {value:.2f}{direction})",
    "colocalization_sqtl": "colocalises with {gene} splicing{context} (H4 {value:.2f})",
    "colocalization_pqtl": "colocalises with {gene} protein level{context} (H4 {value:.2f}{direction})",
    "colocalization_caqtl": "colocalises with chromatin accessibility assigned to {gene}{context} (H4 {value:.2f})",
    "qtl_lead_overlap": "is a lead QTL variant of {gene}{context}",
    "cis_mr": "changes {gene} and {disease} in proportion to other variants of the gene (cis-MR{context})",
    "coding_consequence": "changes the protein or splicing of {gene} (PIP mass {value:.2f})",
    "gene_effect": "is predicted to change the output of {gene}{context} (PIP mass {value:.2f}{direction})",
    "enhancer_gene_link": "lies in an enhancer linked to {gene}{context} (PIP mass {value:.2f})",
    "open_chromatin": "lies in open chromatin near the TSS of {gene}{context} (PIP mass {value:.2f})",
    "motif_change": "changes a motif near the TSS of {gene}: {plain} (PIP mass {value:.2f})",
}
_OF_THE_GENE = ("gene_constraint", "convergence")  # about no variant: they are told, and never speak first
_SPEAKS_LAST = ("cis_mr",)  # it is about a colocalization, which speaks wherever it has weight
_TRAITS = {"colocalization_eqtl": "expression", "colocalization_pqtl": "protein", "gene_effect": "expression"}
_NAMES = {"cis_mr": "cis-MR", "gene_effect": "predicted gene effect"}
_PREDICTED = "gene_effect"
_DISAGREE = "directions disagree"
# Evidence that says which gene, but not through what; an element that holds the same variant says it.
_LACKS_ELEMENT = frozenset({*_COLOCALIZATIONS, "qtl_lead_overlap", "enhancer_gene_link", "gene_effect"})
_MOTIF, _CHROMATIN, _LINK = "motif_change", "open_chromatin", "enhancer_gene_link"
_TRUE_STATUSES = ("ok", "in_prior")  # what shaped the prior counts no second time, and is true


@dataclass(frozen=True, slots=True)
class _Step:
    """What a variant does before it reaches the gene: its name, the phrase, and the sources that say it."""

    variant: str
    phrase: str
    sources: frozenset[str]


def combine_directions(rows: Sequence[EvidenceRow]) -> tuple[float | None, bool]:
    """Sign on which a gene's evidence agrees, and whether it contradicts itself.

    Rows without a sign or without weight for the gene have no say. Predictions of sequence models have one only where
    nothing was measured: they are right about the direction little more often than chance.
    """
    speaking = [row for row in rows if row["log_odds"] > 0]
    measured = _signs(row for row in speaking if row["source"] != _PREDICTED)
    unsure = any(_DISAGREE in row["detail"] for row in speaking)
    signs = measured if measured or unsure else _signs(speaking)
    return (signs.pop(), False) if len(signs) == 1 else (None, len(signs) > 1)


def _signs(rows: Iterable[EvidenceRow]) -> set[float]:
    return {row["direction"] for row in rows if row["direction"] in {-1.0, 1.0}}


def describe_convergence(gene_set_name: str, partners: str) -> str:
    """Detail of a row of source `convergence`, which the mechanism quotes.

    Parameters
    ----------
    gene_set_name
        Title of the set.
    partners
        Members at other loci, separated by commas, as people should read them.

    >>> describe_convergence("T cell activation", "CD28, ICOS")
    'shares the pathway T cell activation with CD28, ICOS at other loci'
    """
    return f"shares the pathway {gene_set_name} with {partners} at other loci"


def describe_mechanism(rows: Sequence[EvidenceRow], *, gene_symbol: str, disease: str) -> str:
    """Describe how a locus' variant may act through one gene.

    Parameters
    ----------
    rows
        The gene's evidence rows at one locus. The one with the largest log odds speaks; the motif, open chromatin or
        enhancer that holds the same variant comes before it; others are named.
    disease
        As in the sheet; underscores are read as blanks.
    """
    outcome = disease.replace("_", " ")
    support = sorted((row for row in rows if _supports(row)), key=_order)
    speaking = [row for row in support if row["source"] not in _OF_THE_GENE]
    if speaking:
        step = _step(speaking[0], rows, gene_symbol)
        text = _chain(speaking[0], step, rows, gene_symbol, outcome)
        told = {speaking[0]["source"]} | (step.sources if step else frozenset())
    else:
        text, told = f"{_distance_only(rows, gene_symbol)}; no functional evidence", set()
    asides = [_also(support, told), *_remarks(rows, support, gene_symbol)]
    return f"{'; '.join([text, *(aside for aside in asides if aside)])} -> {outcome}"


def _order(row: EvidenceRow) -> tuple[bool, float, str]:
    """Strongest first."""
    return row["source"] in _SPEAKS_LAST, -row["log_odds"], row["source"]


def _chain(best: EvidenceRow, step: _Step | None, rows: Sequence[EvidenceRow], gene_symbol: str, disease: str) -> str:
    """Variant, element where one is known, and what links it to the gene."""
    phrase = _phrase(best, gene_symbol, disease)
    return f"{step.variant} -> {step.phrase} -> {phrase}" if step else f"{_variant(best, rows)} -> {phrase}"


def _also(support: Sequence[EvidenceRow], told: Collection[str]) -> str:
    """Names of the sources that support the gene and are not told yet; convergence has words of its own."""
    sources = dict.fromkeys(row["source"] for row in support if row["source"] not in {*told, "convergence"})
    names = [_NAMES.get(source, source.replace("_", " ")) for source in sources]
    return f"also {', '.join(names)}" if names else ""


def _remarks(rows: Sequence[EvidenceRow], support: Sequence[EvidenceRow], gene_symbol: str) -> list[str]:
    """What convergence says, and where directions disagree."""
    remarks = [f"{gene_symbol} {row['detail']}" for row in support if row["source"] == "convergence"][:1]
    _, conflict = combine_directions(rows)
    if conflict:
        remarks.append("sources disagree about the direction")
    elif any(_DISAGREE in row["detail"] for row in support):
        remarks.append("tissues disagree about the direction")
    return remarks


def names_gene(rows: Sequence[EvidenceRow]) -> bool:
    """Whether more than its distance speaks for a gene: a row that the mechanism may rest on, and of some weight."""
    return any(
        row["source"] in NAMING_SOURCES and row["log_odds"] >= NAMING_LOG_ODDS and _supports(row) for row in rows
    )


def _supports(row: EvidenceRow) -> bool:
    """Whether the row speaks for the gene; a colocalization must be more probable than not to be called one."""
    if row["source"] in _COLOCALIZATIONS and row["value"] is not None and row["value"] < SHARED_H4:
        return False
    return (row["source"] in _SUPPORT or row["source"] in _OF_THE_GENE) and row["log_odds"] >= _MENTIONED


def _step(best: EvidenceRow, rows: Sequence[EvidenceRow], gene_symbol: str) -> _Step | None:
    """Motif or element through which a variant of `best` may act: of its first variant that lies in one."""
    if best["source"] not in _LACKS_ELEMENT:
        return None
    elements = [
        row
        for row in rows
        if row["source"] in {_MOTIF, _CHROMATIN, _LINK} - {best["source"]} and row["status"] in _TRUE_STATUSES
    ]
    for variant in _variants(best):
        holding = {row["source"]: row for row in elements if variant in _variants(row)}
        if holding:
            phrase = _element(holding, variant, gene_symbol)
            return _Step(_label(variant, [best, *holding.values()]), phrase, frozenset(holding))
    return None


def _variants(row: EvidenceRow) -> list[str]:
    """Supporting variants, most probable first."""
    return row["variants"].split(",") if isinstance(row["variants"], str) else []


def _label(variant: str, rows: Sequence[EvidenceRow]) -> str:
    """Name of a variant for people: its label where it is the first of a row, else the key."""
    return next((row["top_variant"] for row in rows if _variants(row)[:1] == [variant]), variant)


def _element(holding: Mapping[str, EvidenceRow], variant: str, gene_symbol: str) -> str:
    """What a variant changes, and where it lies; `holding` are the rows of elements that hold it, by source."""
    places = []
    if _CHROMATIN in holding or _MOTIF in holding:  # motif changes count in open chromatin only
        places.append(f"open chromatin{_context_of(holding.get(_CHROMATIN), variant, ' of ')}")
    if _LINK in holding:
        places.append(f"an enhancer linked to {gene_symbol}{_context_of(holding[_LINK], variant, ' in ')}")
    where = " and ".join(f"in {place}" for place in places)
    if _MOTIF not in holding:
        return f"lies {where}"
    return f"changes a{_context_of(holding[_MOTIF], variant, ' ')} motif {where}"


def _context_of(row: EvidenceRow | None, variant: str, link: str) -> str:
    """Context of an element, with `link` before it; empty where the row is about other variants in the first place."""
    if row is None or _variants(row)[:1] != [variant] or not isinstance(row["context"], str):
        return ""
    return f"{link}{row['context'].replace('_', ' ')}"


def _variant(row: EvidenceRow, rows: Sequence[EvidenceRow]) -> str:
    """Name of the row's strongest variant, else of the variant that the distance is measured from."""
    named = [row, *(other for other in rows if other["source"] == "distance")]
    return next((other["top_variant"] for other in named if isinstance(other["top_variant"], str)), "a variant")


def _phrase(row: EvidenceRow, gene_symbol: str, disease: str) -> str:
    context = row["context"] if isinstance(row["context"], str) else ""
    return _SUPPORT[row["source"]].format(
        gene=gene_symbol,
        disease=disease,
        context=f" in {context.replace('_', ' ')}" if context else "",
        plain=context,
        value=row["value"],
        direction=_consequence(row, disease),
    )


def _consequence(row: EvidenceRow, disease: str) -> str:
    """More or less of the trait, more disease; empty for sources without a trait that has a sign."""
    if row["source"] not in _TRAITS:
        return ""
    if row["direction"] not in {-1.0, 1.0}:
        return "; direction unknown"
    amount = "more" if row["direction"] > 0 else "less"
    text = f"; {amount} {_TRAITS[row['source']]}, more {disease}"
    return f"{text}, an unreliable prediction" if row["source"] == _PREDICTED else text


def _distance_only(rows: Sequence[EvidenceRow], gene_symbol: str) -> str:
    measured = [row for row in rows if row["source"] == "distance"]
    if not measured:
        return f"nothing measured for {gene_symbol}"
    row = measured[0]
    return f"{_variant(row, rows)} -> lies {format_bases(row['value'])} from the TSS of {gene_symbol}"
