"""Evidence from annotations: coding consequences, enhancer-gene links, open chromatin and motif changes.

Each counts with the PIP mass of the variants that carry it. Open chromatin and motif changes name no gene; they count,
for little, where the variant lies near a candidate's transcription start.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from locus2target.targets.candidates import NOT_CANDIDATE
from locus2target.targets.consequence_terms import SEVERITY_LEVELS
from locus2target.targets.evidence_direction import truncating_direction
from locus2target.targets.evidence_rows import LocusData, Row, by_pip, pip_mass, relevant_mass
from locus2target.targets.relevance import GENE_LINK, OPEN_CHROMATIN
from locus2target.targets.weights import Weights, mixed_log_odds

_NEAR_TSS_BP = 10_000
_SMALLEST_MASS = 0.01  # less PIP in chromatin is not worth a row: at most 0.016 log odds
_LARGE_CHANGE = 0.99  # quantile among background variants
_NO_FILE = "no_annotation"
_NAMED_GENES = 5


@dataclass(frozen=True, slots=True)
class VariantAnnotations:
    """What is known of a locus' variants; a table that is None was not given to the run.

    Every table also has the variants' `position` (1-based) and `pip`; variants without a PIP are not in it.

    Attributes
    ----------
    open_chromatin
        variant, context (cell type).
    links
        variant, gene (symbol or id), context (cell type).
    consequences
        variant, gene_id, consequence, severity.
    exons
        variant, gene_id: variants in exons.
    motifs
        track, background_quantile, status and reason of VARIANT_EFFECTS.
    gene_effects
        As `evidence_sequence.select_gene_effects` gives them.
    constraint
        As `gene_constraint.read_gene_constraint` gives it; of genes, not of variants.
    """

    open_chromatin: pd.DataFrame | None
    links: pd.DataFrame | None
    consequences: pd.DataFrame | None
    exons: pd.DataFrame
    motifs: pd.DataFrame
    gene_effects: pd.DataFrame
    constraint: pd.DataFrame | None


def coding_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Give one row per candidate whose protein or splicing a variant changes, and one for the other genes together.

    A variant counts once for a gene, by its worst consequence. Without a file of consequences exonic variants are told
    and not counted.
    """
    if annotations.consequences is None:
        return _exonic_variants(data, annotations.exons)
    carried = annotations.consequences
    others = carried.assign(gene=carried["gene_id"])
    rows = _other_genes(data, "coding_consequence", others, "changes proteins or splicing")
    for gene_id, symbol in data.symbols.items():
        of_gene = carried[carried["gene_id"].isin([gene_id, symbol])]
        worst = _worst_consequences(of_gene)
        if worst.empty:
            continue
        masses = {str(severity): pip_mass(group) for severity, group in worst.groupby("severity")}
        rows.append(
            data.row(
                "coding_consequence",
                gene_id,
                detail=f"PIP {pip_mass(worst):.2g} on {', '.join(sorted(set(worst['consequence'])))}",
                log_odds=_graded_log_odds(weights, masses),
                value=pip_mass(worst),
                unit="PIP mass",
                direction=truncating_direction(data, of_gene),
                variants=by_pip(worst),
            )
        )
    return rows


def _worst_consequences(of_gene: pd.DataFrame) -> pd.DataFrame:
    """The row of each variant's worst consequence; among equally bad ones the first by name."""
    rank = of_gene["severity"].map(SEVERITY_LEVELS.index)
    ranked = of_gene.assign(rank=rank).sort_values(["rank", "consequence"], kind="stable")
    return ranked.drop_duplicates("variant")


def _other_genes(data: LocusData, source: str, carried: pd.DataFrame, what: str) -> list[Row]:
    """One row without weight for variants that point, by symbol or id, at genes that do not compete at the locus."""
    others = carried[~carried["gene"].isin({*data.symbols, *data.symbols.values()})]
    mass = pip_mass(others)
    if mass < _SMALLEST_MASS:
        return []
    excluded = data.candidates.excluded
    symbols = dict(zip(excluded["gene_id"], excluded["gene_symbol"], strict=True))
    names = sorted({symbols.get(gene, str(gene)) for gene in others["gene"]})
    more = f" and {len(names) - _NAMED_GENES} more" if len(names) > _NAMED_GENES else ""
    reason = "these genes are far from the lead variant, of other types, or not in the gene annotation"
    return [
        data.row(
            source,
            detail=f"PIP {mass:.2g} {what} of genes that do not compete: {', '.join(names[:_NAMED_GENES])}{more}",
            value=mass,
            unit="PIP mass",
            variants=by_pip(others),
            status=NOT_CANDIDATE,
            reason=reason,
        )
    ]


def _graded_log_odds(weights: Weights, masses: Mapping[str, float]) -> float:
    """Mix of the severities, worst first; their PIP masses may sum to more than 1 over several signals."""
    factor, left = 0.0, 1.0
    for severity in SEVERITY_LEVELS:
        mass = min(masses.get(severity, 0.0), left)
        factor += mass * math.exp(weights.log_odds("coding_consequence", severity))
        left -= mass
    return math.log(factor + left)


def _exonic_variants(data: LocusData, exons: pd.DataFrame) -> list[Row]:
    reason = "no table of coding consequences (annotations.coding_consequences)"
    rows = [data.row("coding_consequence", detail=reason, status=_NO_FILE, reason=reason)]
    for gene_id, of_gene in exons.groupby("gene_id", sort=True):
        mass = pip_mass(of_gene)
        if gene_id in data.symbols and mass >= _SMALLEST_MASS:
            rows.append(
                data.row(
                    "coding_consequence",
                    str(gene_id),
                    detail=f"PIP {mass:.2g} lies in exons; what it does to the protein is unknown and not counted",
                    value=mass,
                    unit="PIP mass in exons",
                    variants=by_pip(of_gene),
                    status=_NO_FILE,
                    reason=reason,
                )
            )
    return rows


def link_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Give one row per candidate with variants in an enhancer linked to it, and one for the other genes together."""
    if annotations.links is None:
        reason = "no enhancer-gene links (annotations.enhancer_gene_links)"
        return [data.row("enhancer_gene_link", detail=reason, status=_NO_FILE, reason=reason)]
    carried = _with_relevance(data, annotations.links, GENE_LINK)
    rows = _other_genes(data, "enhancer_gene_link", carried, "lies in enhancers")
    for gene_id, symbol in data.symbols.items():
        of_gene = carried[carried["gene"].isin([gene_id, symbol])]
        if pip_mass(of_gene) >= _SMALLEST_MASS:
            rows.append(
                _chromatin_row(data, "enhancer_gene_link", gene_id, of_gene, weights, "link", "enhancers linked to it")
            )
    return rows


def open_chromatin_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Give one row for the locus' PIP mass in open chromatin, and one per candidate that starts near such variants."""
    source = "open_chromatin"
    if annotations.open_chromatin is None:
        reason = "no open chromatin (annotations.open_chromatin)"
        return [data.row(source, detail=reason, status=_NO_FILE, reason=reason)]
    carried = annotations.open_chromatin
    mass = pip_mass(carried)
    where = f" of {', '.join(sorted(set(carried['context'])))}" if len(carried) else ""
    rows = [
        data.row(
            source,
            detail=f"PIP {mass:.2g} lies in open chromatin{where}; it names no gene by itself",
            value=mass,
            unit="PIP mass",
            variants=by_pip(carried),
        )
    ]
    for gene_id, near in _near_starts(data, _with_relevance(data, carried, OPEN_CHROMATIN)).items():
        place = "open chromatin within 10 kb of the transcription start"
        rows.append(_chromatin_row(data, source, gene_id, near, weights, "near_tss", place))
    return rows


def motif_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Give one row per candidate near whose start a variant in open chromatin changes a motif, and one per failure.

    Counted are changes at or above the 0.99 quantile of background variants. Variants without sequence count nowhere.
    """
    source = "motif_change"
    scored_well = annotations.motifs["status"] == "ok"
    rows = _failed_scores(data, annotations.motifs[~scored_well])
    scored = annotations.motifs[scored_well]
    if len(scored) and scored["background_quantile"].isna().all():
        reason = "no scored variant is a single-base change with a background to compare with"
        return [*rows, data.row(source, detail=reason, status="not_calibrated", reason=reason)]
    large = scored[scored["background_quantile"] >= _LARGE_CHANGE]
    if annotations.open_chromatin is None:
        if len(large):
            reason = "motif changes count only in open chromatin, and there is no such file"
            detail = f"{large['variant'].nunique()} variants change a motif; {reason}"
            rows.append(data.row(source, detail=detail, variants=by_pip(large), status=_NO_FILE, reason=reason))
        return rows
    # a motif counts as the peak it lies in
    peaks = _with_relevance(data, annotations.open_chromatin, OPEN_CHROMATIN).groupby("variant")["relevance"].max()
    in_peaks = large[large["variant"].isin(peaks.index)]
    named = in_peaks.assign(context=in_peaks["track"].fillna("unnamed track"), relevance=in_peaks["variant"].map(peaks))
    for gene_id, near in _near_starts(data, named).items():
        place = "open chromatin within 10 kb of the transcription start and changes a motif"
        rows.append(_chromatin_row(data, source, gene_id, near, weights, "near_tss", place))
    return rows


def _failed_scores(data: LocusData, failed: pd.DataFrame) -> list[Row]:
    """One row without weight per status, for the locus as a whole."""
    return [
        data.row(
            "motif_change",
            detail=f"{group['variant'].nunique()} variants (PIP {pip_mass(group):.2g}) were not scored: {status}",
            value=pip_mass(group),
            unit="PIP mass without score",
            variants=by_pip(group),
            status=str(status),
            reason=str(group["reason"].iloc[0]),
        )
        for status, group in failed.groupby("status", sort=True)
    ]


def _chromatin_row(
    data: LocusData, source: str, gene_id: str, carried: pd.DataFrame, weights: Weights, level: str, place: str
) -> Row:
    """Row for variants in intervals; `carried` holds variant, pip, context and relevance, one row per interval."""
    mass, relevant = pip_mass(carried), relevant_mass(carried)
    weight = weights.log_odds(source, level)
    less = f", counted as {relevant:.2g}: the disease's signals point to other contexts" if relevant < mass else ""
    contexts = {str(context): pip_mass(group) for context, group in carried.groupby("context", sort=True)}
    best = max(contexts, key=lambda context: contexts[context])
    others = f" and {len(contexts) - 1} more" if len(contexts) > 1 else ""
    return data.row(
        source,
        gene_id,
        detail=f"PIP {mass:.2g} lies in {place}, most in {best}{others}{less}",
        log_odds=mixed_log_odds(weight, 0.0, relevant),
        log_odds_unweighted=mixed_log_odds(weight, 0.0, mass),
        value=mass,
        unit="PIP mass",
        variants=by_pip(carried),
        context=best,
    )


def _with_relevance(data: LocusData, carried: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Add the relevance of each row's context for the disease."""
    return carried.assign(relevance=[data.relevance.of(kind, context) for context in carried["context"]])


def _near_starts(data: LocusData, carried: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of `carried` within 10 kb of each candidate's transcription start, for candidates where they matter."""
    genes = data.candidates.genes
    found = {
        gene_id: carried[(carried["position"] - tss).abs() <= _NEAR_TSS_BP]
        for gene_id, tss in zip(genes["gene_id"], genes["tss"], strict=True)
    }
    return {gene_id: near for gene_id, near in found.items() if pip_mass(near) >= _SMALLEST_MASS}
