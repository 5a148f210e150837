"""From the results of all stages to evidence rows: one disease, all loci or some, every source."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core.schemas import EVIDENCE
from locus2target.core.tables import is_among
from locus2target.targets import annotations as files
from locus2target.targets.candidates import find_candidates, locus_states
from locus2target.targets.evidence_annotation import (
    VariantAnnotations,
    coding_evidence,
    link_evidence,
    motif_evidence,
    open_chromatin_evidence,
)
from locus2target.targets.evidence_distance import distance_evidence
from locus2target.targets.evidence_mendelian import cis_mr_evidence
from locus2target.targets.evidence_qtl import colocalization_evidence, lead_overlap_evidence
from locus2target.targets.evidence_rows import LocusData, Row
from locus2target.targets.evidence_sequence import GENE_EFFECT_COLUMNS, gene_effect_evidence, select_gene_effects
from locus2target.targets.evidence_signals import other_signals_evidence
from locus2target.targets.gene_constraint import constraint_evidence, read_gene_constraint
from locus2target.targets.overlaps import overlapping_rows
from locus2target.targets.relevance import Relevance
from locus2target.targets.weights import Weights

_LOGGER = logging.getLogger(__name__)
_MOTIF_COLUMNS = ("variant", "track", "background_quantile", "status", "reason")
_MOTIF_SCORE = "motif_max_rank_change"
EFFECT_COLUMNS = tuple(dict.fromkeys((*GENE_EFFECT_COLUMNS, *_MOTIF_COLUMNS, "largest")))
"""What evidence reads of table `variant_effects`, and there only the rows of the largest effects."""


@dataclass(frozen=True, slots=True)
class StageResults:
    """Tables of the stages above for loci of one disease, by their schemas, and how much its contexts count.

    Of `variant_effects` the columns `EFFECT_COLUMNS` of the largest effects are enough. `genes` and `exons` are all of
    the run.
    """

    loci: pd.DataFrame
    fine_mapping: pd.DataFrame
    credible_sets: pd.DataFrame
    signals: pd.DataFrame
    colocalization: pd.DataFrame
    cis_effects: pd.DataFrame
    variant_effects: pd.DataFrame
    genes: pd.DataFrame
    exons: pd.DataFrame
    relevance: Relevance


@dataclass(frozen=True, slots=True)
class AnnotationTables:
    """What annotation files say, as `annotations.py` and `gene_constraint.py` read them; None where there is none."""

    open_chromatin: pd.DataFrame | None
    links: pd.DataFrame | None
    consequences: pd.DataFrame | None
    constraint: pd.DataFrame | None


def read_annotations(paths: Mapping[str, str | None], genes: pd.DataFrame) -> AnnotationTables:
    """Read the annotation files.

    Parameters
    ----------
    paths
        Files by name: open_chromatin, enhancer_gene_links, coding_consequences, gene_constraint; None where there is
        none.
    genes
        Of the run; the log says how many rows name others.
    """
    links = _read(paths["enhancer_gene_links"], files.read_gene_links)
    coding = _read(paths["coding_consequences"], files.read_consequences)
    if links is not None:
        _log_unknown_genes("enhancer_gene_links", links["gene"], genes)
    if coding is not None:
        _log_unknown_genes("coding_consequences", coding["gene_id"], genes)
    return AnnotationTables(
        open_chromatin=_read(paths["open_chromatin"], files.read_open_chromatin),
        links=links,
        consequences=coding,
        constraint=_read(paths["gene_constraint"], read_gene_constraint),
    )


def annotate_variants(results: StageResults, given: AnnotationTables) -> VariantAnnotations:
    """Find what annotations say about the loci's variants, all loci at once.

    Parameters
    ----------
    results
        Variants with a PIP are looked up; others carry no evidence.
    given
        Of the whole genome.

    Returns
    -------
    The tables with the column `locus` beside the others; `collect_evidence` deals them out.
    """
    carriers = results.credible_sets.loc[
        results.credible_sets["pip"].notna(), ["locus", "variant", "chromosome", "position", "ref", "alt", "pip"]
    ]
    peaks, links, coding = given.open_chromatin, given.links, given.consequences
    effects = results.variant_effects
    motifs = effects[effects["scorer"] == _MOTIF_SCORE]
    return VariantAnnotations(
        open_chromatin=None if peaks is None else _in_intervals(carriers, peaks, ["context"]),
        links=None if links is None else _in_intervals(carriers, links, ["gene", "context"]),
        consequences=None if coding is None else _coding(carriers, coding),
        exons=_in_intervals(carriers, results.exons, ["gene_id"]),
        motifs=_of_loci(motifs[list(_MOTIF_COLUMNS)], carriers),
        gene_effects=_of_loci(select_gene_effects(effects), carriers),
        constraint=given.constraint,
    )


def _read(path: str | None, reader: Callable[[str], pd.DataFrame]) -> pd.DataFrame | None:
    return None if path is None else reader(path)


def _log_unknown_genes(name: str, named: "pd.Series[str]", genes: pd.DataFrame) -> None:
    """Say how many rows of an annotation file name a gene that the gene annotation lacks."""
    unknown = named[~named.isin({*genes["gene_id"], *genes["gene_symbol"]})]
    if len(unknown):
        _LOGGER.warning(
            "%s: %d of %d rows name genes that are not in the gene annotation, for example %s",
            *(name, len(unknown), len(named), unknown.iloc[0]),
        )


def _in_intervals(carriers: pd.DataFrame, intervals: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Variants in intervals, with the named columns of the interval."""
    variants = carriers.drop_duplicates("variant")
    nearby = _between(intervals, variants)
    pairs = overlapping_rows(variants, nearby)
    found = nearby[names].iloc[pairs[:, 1]].reset_index(drop=True)
    found.insert(0, "variant", variants["variant"].to_numpy()[pairs[:, 0]])
    return _of_loci(found.drop_duplicates(), carriers)


def _between(intervals: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Intervals between the first and the last variant of their chromosome: of a genome's, those near some loci."""
    longest = variants["ref"].str.len().max() if len(variants) else 0
    places = variants.groupby("chromosome")["position"]
    bounds = (places.min(), places.max() + longest)
    first, last = (intervals["chromosome"].map(bound).astype("float64") for bound in bounds)
    return intervals[(intervals["end"] >= first) & (intervals["start"] < last)]  # missing where none is


def _coding(carriers: pd.DataFrame, consequences: pd.DataFrame) -> pd.DataFrame:
    variants = carriers.drop_duplicates("variant")
    return _of_loci(files.match_consequences(variants, consequences), carriers)


def _of_loci(table: pd.DataFrame, carriers: pd.DataFrame) -> pd.DataFrame:
    """Add locus, position and pip to a table of variants, one row per locus that has the variant."""
    return table.merge(carriers[["locus", "variant", "position", "pip"]], on="variant")


def collect_evidence(
    results: StageResults,
    annotations: VariantAnnotations,
    signals: pd.DataFrame,
    weights: Weights,
    *,
    gene_types: Collection[str],
    window_bp: int,
    in_prior: Collection[str],
) -> pd.DataFrame:
    """Make the evidence rows of loci of one disease (schema EVIDENCE), locus by locus along the genome.

    Loci that were not analysed have no evidence; `rank_loci` lists them with their status. `signals` are those of all
    loci of the disease, as `evidence_signals.tabulate_signals` gives them: a gene's evidence may lie in a neighbouring
    locus. Sources `in_prior` have shaped the PIPs already, so that their rows stay and count nothing.
    """
    states = locus_states(results.loci, results.fine_mapping)
    analysed = states.loc[states["status"] == "ok", "locus"].tolist()
    deal = {
        name: _by_locus(getattr(annotations, name), analysed)
        for name in ("open_chromatin", "links", "consequences", "exons", "motifs", "gene_effects")
    }
    rows: list[Row] = []
    for data in _locus_data(results, signals, analysed, gene_types=gene_types, window_bp=window_bp):
        own = {name: deal[name][data.locus] for name in deal}
        rows += locus_evidence(data, VariantAnnotations(**own, constraint=annotations.constraint), weights)
    _LOGGER.info("%d of %d loci analysed, %d evidence rows", len(analysed), len(states), len(rows))
    return EVIDENCE.frame(_counted_in_prior(row) if row["source"] in in_prior else row for row in rows)


def _counted_in_prior(row: Row) -> Row:
    reason = "the PIPs were fitted with this source as prior; counting it again would double it"
    return row | {"log_odds": 0.0, "log_odds_unweighted": 0.0, "status": "in_prior", "reason": reason}


def _by_locus(table: pd.DataFrame | None, loci: Sequence[str]) -> dict[str, Any]:
    """Rows of each locus; None for each where there is no table."""
    if table is None:
        return dict.fromkeys(loci)
    own = table[is_among(table["locus"], pd.Series(loci, dtype="str"))]
    found = dict(iter(own.groupby("locus")))
    return {locus: found.get(locus, table.iloc[:0]) for locus in loci}


def locus_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Make the evidence rows of one locus, every source in turn."""
    rows = distance_evidence(data, weights)
    if data.candidates.genes.empty:
        return rows
    return [
        *rows,
        *other_signals_evidence(data, weights),
        *colocalization_evidence(data, weights),
        *lead_overlap_evidence(data, weights),
        *cis_mr_evidence(data, weights),
        *coding_evidence(data, annotations, weights),
        *gene_effect_evidence(data, annotations, weights),
        *link_evidence(data, annotations, weights),
        *open_chromatin_evidence(data, annotations, weights),
        *motif_evidence(data, annotations, weights),
        *constraint_evidence(data, annotations.constraint, weights),
    ]


def _locus_data(
    results: StageResults,
    signals_of_genes: pd.DataFrame,
    analysed: Sequence[str],
    *,
    gene_types: Collection[str],
    window_bp: int,
) -> Iterator[LocusData]:
    """Gather what each analysed locus brings, in the order given."""
    stages = (results.credible_sets, results.colocalization, results.cis_effects, results.signals)
    tables = [_by_locus(table, analysed) for table in stages]
    loci = results.loci.set_index("locus").to_dict("index")
    fits = results.fine_mapping.set_index("locus").to_dict("index")
    for locus in analysed:
        variants, colocalization, cis_effects, signals = (table[locus] for table in tables)
        lead = loci[locus]["lead_variant"]
        leads = {lead, *signals.loc[signals["primary"], "lead_variant"]}
        candidates = find_candidates(leads, results.genes, colocalization, gene_types=gene_types, window_bp=window_bp)
        _LOGGER.info("%s: %d candidates, %d genes excluded", locus, len(candidates.genes), len(candidates.excluded))
        known = variants["pip"].notna()
        yield LocusData(
            disease=loci[locus]["disease"],
            locus=locus,
            lead_variant=lead,
            candidates=candidates,
            scored=variants[known].drop_duplicates("variant").set_index("variant", drop=False).rename_axis(index=None),
            n_unscored=int((~known).sum()),
            colocalization=colocalization,
            cis_effects=cis_effects,
            n_signals=int(signals["primary"].sum()),
            signals=signals_of_genes[signals_of_genes["study"] == loci[locus]["study"]],
            ld_verdict=fits[locus]["ld_verdict"],
            ld_reason=fits[locus]["ld_reason"],
            relevance=results.relevance,
        )
