"""One card per locus: plot data, signals, colocalization, saturation mutagenesis, and what not to conclude."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.formats import (
    anchor,
    format_count,
    format_list,
    format_number,
    format_p_value,
    format_region,
    format_variant,
    is_missing,
    plural,
    source_label,
)
from locus2target.report.gene_cards import rival_name
from locus2target.report.heat_maps import HeatMap, heat_maps
from locus2target.report.locus_classes import LocusVerdict, locus_verdict
from locus2target.report.locus_plot import LEAD_COLOUR, NO_LD_COLOUR, R2_COLOURS, LocusPlot, plot_of_locus
from locus2target.report.run_tables import RunTables, fine_mapping_of
from locus2target.report.tables import Table, TableColumn, build_table
from locus2target.targets.candidates import NONE

_CANDIDATES = 12
_COLOCALIZATIONS = 15
_LARGE_SET = 50  # variants; a set this large names a region rather than variants
_FEW_SHARED = 100  # variants; below it H3 and H4 are hard to tell apart

_CANDIDATE_COLUMNS = (
    TableColumn("locus_rank", "Rank", "count"),
    TableColumn("gene_symbol", "Candidate", link="href"),
    TableColumn("probability", "Probability", "probability", "that the gene is the target of this locus"),
    TableColumn("log_odds", "Log odds", "log_odds", "sum of the parts, natural log"),
    TableColumn("direction", "Direction", "direction", "▲ more gene activity goes with more disease, ▼ with less"),
    TableColumn("contexts", "Tissues", "list"),
)
_SIGNAL_COLUMNS = (
    TableColumn("signal", "Signal", "count", "0: single effect over all variants; 1 and up: SuSiE effects"),
    TableColumn("method", "Method"),
    TableColumn("used", "Used for ranking"),
    TableColumn("lead_variant", "Best variant", "variants", "highest posterior"),
    TableColumn("log_bayes_factor", "ln BF", "number", "natural log of the Bayes factor"),
    TableColumn("n_credible", "Variants in set", "count"),
    TableColumn("coverage", "Coverage", "probability", "posterior mass in the set"),
    TableColumn("purity", "Purity", "probability", "smallest |r| between variants of the set; – without LD"),
    TableColumn("status", "Status", "badge"),
    TableColumn("reason", "Why"),
)
_COLOCALIZATION_COLUMNS = (
    TableColumn("gene_symbol", "Gene", link="href"),
    TableColumn("qtl", "QTL set"),
    TableColumn("tissue", "Tissue"),
    TableColumn("qtl_type", "Type"),
    TableColumn("signal", "Signal", "count", "of the disease; 0 is the single effect over all variants"),
    TableColumn("qtl_signal", "QTL signal", "count", "of the molecular trait; 0 is the single effect"),
    TableColumn("method", "Method", "text", "susie: both sides are separate signals; abf: one causal variant a side"),
    TableColumn("n_shared", "Shared", "count", "variants with both statistics"),
    TableColumn("posterior_h0", "H0", "probability", "no association"),
    TableColumn("posterior_h1", "H1", "probability", "disease only"),
    TableColumn("posterior_h2", "H2", "probability", "molecular trait only"),
    TableColumn("posterior_h3", "H3", "probability", "two distinct causal variants"),
    TableColumn("posterior_h4", "H4", "probability", "one shared causal variant"),
    TableColumn("p12_range", "p12 range", "region", help="prior p12 for which H4 stays above the threshold"),
    TableColumn("direction", "Direction", "direction", "▲ more of the trait goes with more disease, ▼ with less"),
    TableColumn("clpp", "CLPP", "probability", "sum over variants of the product of the two posteriors"),
    TableColumn("flag", "Flag", "long", "shares with too much to tell anything"),
)
_STATEMENT_COLUMNS = (
    TableColumn("label", "Evidence"),
    TableColumn("status", "Status", "badge"),
    TableColumn("detail", "What it says"),
)


_METHOD_CAUTIONS = {
    "abf": "Fine-mapped without LD, as one signal: further independent signals of the locus are not told apart.",
    "lead": "Only the lead variant is known here: which variant is causal was not estimated.",
    "imported": "Fine-mapped elsewhere: how well the LD behind these PIPs fits was not seen here.",
}


@dataclass(frozen=True, slots=True)
class LocusCard:
    """Everything the section of one locus shows."""

    anchor: str
    locus: str
    region: str
    study: str
    disease: str
    lead_variant: str
    lead_p: str
    status: str
    reason: str
    method: str
    mapping_status: str
    mapping_reason: str
    ld_verdict: str
    ld_reason: str
    verdict: LocusVerdict
    plot: Mapping[str, Any] | None
    plot_note: str
    candidates: Table
    signals: Table
    colocalization: Table
    colocalization_note: str
    statements: Table
    heat_maps: tuple[HeatMap, ...]
    cautions: tuple[str, ...]


def locus_card(locus: Record, tables: RunTables, links: Mapping[str, str]) -> LocusCard:
    """Build the card of one locus.

    Parameters
    ----------
    locus
        Row of the loci table.
    tables
        The run.
    links
        Link by locus id, and by `disease gene_id`, of what has a section.
    """
    name = str(locus["locus"])
    mapping = fine_mapping_of(tables.fine_mapping, name)
    variants, signals, pairs, genes, windows = (
        frame[frame["locus"] == name]
        for frame in (
            tables.credible_sets,
            tables.signals,
            tables.colocalization,
            tables.locus_genes,
            tables.mutagenesis,
        )
    )
    plot = plot_of_locus(locus, variants, genes=tables.genes, exons=tables.exons, candidates=genes)
    return LocusCard(
        anchor=anchor("locus", name),
        locus=name,
        region=format_region(str(locus["chromosome"]), int(locus["start"]), int(locus["end"])),
        study=str(locus["study"]),
        disease=str(locus["disease"]),
        lead_variant=format_variant(str(locus["lead_variant"])),
        lead_p="not given" if is_missing(locus["lead_neg_log10_p"]) else format_p_value(locus["lead_neg_log10_p"]),
        status=str(locus["status"]),
        reason=str(locus["reason"]),
        method=str(mapping["method"]),
        mapping_status=str(mapping["status"]),
        mapping_reason=str(mapping["reason"]),
        ld_verdict=str(mapping["ld_verdict"]),
        ld_reason=str(mapping["ld_reason"]),
        verdict=locus_verdict(tables.locus_classes, name),
        plot=plot_data(plot) if len(variants) else None,
        plot_note=plot_note(plot),
        candidates=_candidate_table(genes, links),
        signals=_signal_table(signals),
        colocalization=_colocalization_table(pairs, tables.gene_symbols, links),
        colocalization_note=colocalization_note(pairs),
        statements=_statement_table(tables.evidence[tables.evidence["locus"] == name]),
        heat_maps=tuple(heat_maps(windows, tables)),
        cautions=tuple(cautions(mapping, signals, pairs, variants)),
    )


def plot_data(plot: LocusPlot) -> dict[str, Any]:
    """The plot as plain lists for the page's script; positions relative to the locus' start (0-based) to stay small."""
    variants = plot.variants
    names = variants["variant"].tolist()
    return {
        "chromosome": plot.chromosome,
        "start": plot.start,
        "end": plot.end,
        "lead": names.index(plot.lead_variant) if plot.lead_variant in names else None,
        "offset": (variants["position"] - plot.start).tolist(),
        "alleles": (variants["ref"].str.slice(0, 12) + ">" + variants["alt"].str.slice(0, 12)).tolist(),
        "neg_log10_p": _rounded(variants["neg_log10_p"], 2),
        "r2": _rounded(variants["r_lead"] ** 2, 2),
        "pip": _rounded(variants["pip"], 4),
        "set": [None if is_missing(number) else int(number) for number in variants["credible_set"]],
        "lanes": plot.n_lanes,
        "genes": [
            [gene.symbol, gene.start, gene.end, gene.strand, gene.lane, gene.probability, gene.exons]
            for gene in plot.genes
        ],
        "colours": {"r2": R2_COLOURS, "no_ld": NO_LD_COLOUR, "lead": LEAD_COLOUR},
    }


def _rounded(values: pd.Series, digits: int) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), digits) for value in values]


def plot_note(plot: LocusPlot) -> str:
    """What is and is not drawn."""
    drawn = format_count(len(plot.variants))
    note = f"{drawn} of {format_count(plot.n_variants)} variants are drawn"
    if len(plot.variants) < plot.n_variants:
        note += "; variants with p > 0.01 and next to no PIP that would cover one another are drawn once"
    note += ". Genes: protein-coding ones and candidates"
    if plot.n_hidden_genes:
        note += f"; {plot.n_hidden_genes} of other types are not drawn"
    return f"{note}."


def _candidate_table(genes: pd.DataFrame, links: Mapping[str, str]) -> Table:
    ordered = genes.sort_values("locus_rank")
    top = ordered[(ordered["locus_rank"] <= _CANDIDATES) | (ordered["gene_id"] == NONE)]
    rows = [
        {**row, "gene_symbol": rival_name(row), "href": links.get(f"{row['disease']} {row['gene_id']}")}
        for row in records(top)
    ]
    hidden = len(ordered) - len(top)
    caption = f"{hidden} candidates of lower rank are in the ranked table." if hidden else ""
    return build_table(rows, _CANDIDATE_COLUMNS, caption=caption)


def _signal_table(signals: pd.DataFrame) -> Table:
    rows = [{**row, "used": "yes" if row["primary"] else "no"} for row in records(signals.sort_values("signal"))]
    return build_table(rows, _SIGNAL_COLUMNS)


def _colocalization_table(pairs: pd.DataFrame, symbols: Mapping[str, str], links: Mapping[str, str]) -> Table:
    tested = pairs[pairs["posterior_h4"].notna()]
    ordered = tested.sort_values(["primary", "posterior_h4"], ascending=False, kind="stable")
    rows = [
        {
            **row,
            "gene_symbol": symbols.get(row["gene_id"], row["gene_id"]),
            "href": links.get(f"{row['disease']} {row['gene_id']}"),
            "p12_range": _prior_range(row["p12_low"], row["p12_high"]),
        }
        for row in records(ordered.head(_COLOCALIZATIONS))
    ]
    return build_table(rows, _COLOCALIZATION_COLUMNS)


def _statement_table(evidence: pd.DataFrame) -> Table:
    """Evidence about the locus as a whole: what names no gene, and what could not be had."""
    rows = [{**row, "label": source_label(row["source"])} for row in records(evidence[evidence["gene_id"] == NONE])]
    return build_table(rows, _STATEMENT_COLUMNS)


def _prior_range(low: float, high: float) -> str | None:
    return None if is_missing(low) or is_missing(high) else f"{format_number(low)} – {format_number(high)}"


def colocalization_note(pairs: pd.DataFrame) -> str:
    """How many pairs were tested, how many are shown, and how the others ended."""
    if pairs.empty:
        return "No molecular trait was tested at this locus."
    tested = pairs["posterior_h4"].notna()
    statuses = pairs.loc[~tested, "status"].value_counts()
    n_tested = int(tested.sum())
    note = f"{plural(len(pairs), 'pair')} of signal and molecular trait, {format_count(n_tested)} with a posterior"
    if n_tested > _COLOCALIZATIONS:
        note += f"; the {_COLOCALIZATIONS} with the highest H4 are shown, signals used for ranking first"
    if len(statuses):
        note += ". Without: " + ", ".join(f"{status} ({count})" for status, count in statuses.items())
    return f"{note}."


def cautions(mapping: Record, signals: pd.DataFrame, pairs: pd.DataFrame, variants: pd.DataFrame) -> list[str]:
    """What not to conclude from this locus, from what its tables say."""
    sentences = [*_mapping_cautions(mapping, variants), *_colocalization_cautions(pairs)]
    sizes = signals.loc[signals["primary"], "n_credible"]
    if len(sizes) and sizes.max() >= _LARGE_SET:
        sentences.append(
            f"A credible set of {sizes.max()} variants names a region, not a variant: "
            "do not pick one of them by PIP alone."
        )
    sentences.append(
        "Candidates are genes near the lead variant. "
        "A target outside that distance can only appear as “none of these genes”."
    )
    return sentences


def _mapping_cautions(mapping: Record, variants: pd.DataFrame) -> list[str]:
    sentences = []
    if mapping["method"] in _METHOD_CAUTIONS:
        sentences.append(_METHOD_CAUTIONS[str(mapping["method"])])
    if not is_missing(mapping.get("flip_candidates")):
        names = format_list(str(mapping["flip_candidates"]))
        sentences.append(f"Alleles may be exchanged, nothing was flipped: check {names} in the study's file.")
    if mapping["ld_verdict"] == "WARN":
        sentences.append("The LD fits the statistics only in part: PIPs near 1 may be artefacts of the mismatch.")
    if mapping["ld_verdict"] == "FAIL":
        sentences.append("The cohort's LD does not fit the statistics, so nothing here rests on it.")
    uncovered = int((~variants["in_ld"]).sum())
    if mapping["method"] == "susie" and uncovered:
        sentences.append(
            f"{format_count(uncovered)} of {format_count(len(variants))} variants are not in the cohort and can have "
            "no PIP; the causal variant may be among them."
        )
    if len(variants) and variants["neg_log10_p"].isna().all():
        sentences.append("The credible sets came without p-values: the association panel is empty.")
    if len(variants) and variants["z_score"].isna().all():
        sentences.append("The study gives no effect signs here: no direction can be concluded.")
    return sentences


def _colocalization_cautions(pairs: pd.DataFrame) -> list[str]:
    sentences = []
    shared = pairs[pairs["primary"] & (pairs["posterior_h4"] > 0.5)]
    n_genes = len(shared["gene_id"].unique())
    if n_genes > 1:
        sentences.append(
            f"{n_genes} genes colocalize with the same signal: a shared causal variant does not say which of them "
            "causes the disease."
        )
    if len(shared):
        sentences.append(
            "A high H4 says that both traits have the same causal variant or two in strong LD (r² above 0.5), which "
            "cannot be told apart."
        )
    if len(shared) and shared["n_shared"].min() < _FEW_SHARED:
        sentences.append(
            f"Some H4 rest on fewer than {_FEW_SHARED} shared variants, which cannot well tell one causal variant "
            "from two."
        )
    return sentences
