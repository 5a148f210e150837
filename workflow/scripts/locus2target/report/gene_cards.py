"""One card per top gene: why it is believed, what speaks against it, and what is not known."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.formats import (
    MISSING,
    anchor,
    format_probability,
    format_signed,
    format_variant,
    format_words,
    is_missing,
    source_label,
    split_list,
)
from locus2target.report.run_tables import RunTables, fine_mapping_of, is_confident
from locus2target.report.tables import Table, TableColumn, build_table
from locus2target.targets.candidates import NONE
from locus2target.targets.ranking import PRIOR, parse_parts

CONVERGENCE = "convergence"
"""Source of what other loci say of a gene; its card reports it apart from the evidence at the locus."""

_ANNOTATIONS = {
    "tractability": "Tractability",
    "known_drugs": "Known drugs",
    "safety_constraint": "Safety and constraint",
}
_RIVALS = 5
_MENTIONED = 0.005  # smaller log odds are written as 0.00
_RIVAL_PROBABILITY = 0.05  # a less probable candidate is no argument against the gene

_VARIANT_COLUMNS = (
    TableColumn("variant", "Variant", "variants", "position, REF>ALT; effects are per ALT allele"),
    TableColumn("rsid", "rsID"),
    TableColumn("neg_log10_p", "p", "p_value", "association with the disease"),
    TableColumn("pip", "PIP", "probability", "posterior probability that the variant is causal, 0 to 1"),
    TableColumn("credible_set", "Credible set", "count", "number of the signal; – outside credible sets"),
    TableColumn("effect", "Strongest predicted effect"),
)
_RIVAL_COLUMNS = (
    TableColumn("locus_rank", "Rank", "count"),
    TableColumn("gene_symbol", "Candidate", link="href"),
    TableColumn(
        "probability",
        "Probability",
        "probability",
        "within the locus; all candidates and “none of these genes” add up to 1",
    ),
    TableColumn("log_odds", "Log odds", "log_odds", "sum of the parts, natural log"),
)
_LOCUS_COLUMNS = (
    TableColumn("region", "Locus", "region", link="href"),
    TableColumn("locus_rank", "Rank there", "count"),
    TableColumn("probability", "Probability", "probability", "that the gene is the target of this locus"),
)
_UNKNOWN_COLUMNS = (
    TableColumn("what", "What"),
    TableColumn("status", "Status", "badge"),
    TableColumn("reason", "Why"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of a waterfall: from `start` to `end` in log odds."""

    label: str
    value: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Log odds added up part by part, from 0 to `total`."""

    steps: tuple[Step, ...]
    total: float
    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a log-odds value lies between the ends of the axis, 0..1."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class GeneCard:
    """Everything the section of one gene shows."""

    anchor: str
    disease: str
    gene_id: str
    symbol: str
    rank: int
    probability: float
    confident: bool
    status: str
    reason: str
    mechanism: str
    robustness: str
    convergence: tuple[str, ...]
    modulation: str
    reliability: str
    modulation_reason: str
    other_diseases: str
    annotations: tuple[tuple[str, str], ...]
    best_locus: str
    best_locus_href: str
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    contexts: tuple[str, ...]
    waterfall: Waterfall
    variants: Table
    rivals: Table
    loci: Table
    unknown: Table


def gene_card(ranked: Record, tables: RunTables, links: Mapping[str, str]) -> GeneCard:
    """Build the card of one ranked gene.

    Parameters
    ----------
    ranked
        Row of the table of targets.
    tables
        The run.
    links
        Link by locus id, and by `disease gene_id`, of what has a section.
    """
    disease, gene_id, locus = str(ranked["disease"]), str(ranked["gene_id"]), str(ranked["best_locus"])
    of_gene = (tables.evidence["disease"] == disease) & (tables.evidence["gene_id"] == gene_id)
    evidence = tables.evidence[of_gene & (tables.evidence["locus"] == locus)]
    in_locus = (tables.locus_genes["disease"] == disease) & (tables.locus_genes["locus"] == locus)
    candidates = tables.locus_genes[in_locus].sort_values("locus_rank")
    keys = split_list(ranked["variants"])
    return GeneCard(
        anchor=anchor("gene", disease, gene_id),
        disease=disease,
        gene_id=gene_id,
        symbol=str(ranked["gene_symbol"]),
        rank=int(ranked["gene_rank"]),
        probability=float(ranked["probability"]),
        confident=is_confident(ranked),
        status=str(ranked["status"]),
        reason=str(ranked["reason"]),
        mechanism=format_words(str(ranked["mechanism"])),
        robustness=describe_robustness(ranked),
        convergence=convergence_sentences(evidence),
        modulation=str(ranked["modulation"]),
        reliability=str(ranked["modulation_reliability"]),
        modulation_reason=str(ranked["modulation_reason"]),
        other_diseases=describe_other_diseases(ranked["other_diseases"]),
        annotations=tuple((label, _or_dash(ranked[name])) for name, label in _ANNOTATIONS.items()),
        best_locus=tables.regions.get(locus, locus),
        best_locus_href=links.get(locus, ""),
        supporting=supporting_sentences(evidence),
        opposing=opposing_sentences(evidence, candidates, fine_mapping_of(tables.fine_mapping, locus), gene_id),
        contexts=tuple(map(format_words, split_list(ranked["contexts"]))),
        waterfall=waterfall(parse_parts(ranked["parts"])),
        variants=_variant_table(keys, gene_id, locus, tables),
        rivals=_rival_table(candidates, links, disease),
        loci=_locus_table(disease, gene_id, tables, links),
        unknown=_unknown_table(evidence, keys, gene_id, tables.variant_effects),
    )


def describe_robustness(ranked: Record) -> str:
    """The gene's probability beside those without convergence and without context weights."""
    probability, local, unweighted = (
        format_probability(ranked[name]) for name in ("probability", "probability_local", "probability_unweighted")
    )
    return (
        f"Probability {probability}; {local} without convergence across loci; {unweighted} with every cell type and "
        "tissue counted alike."
    )


def convergence_sentences(evidence: pd.DataFrame) -> tuple[str, ...]:
    """What the disease's other loci say of a gene, with its partners there, or why they say nothing."""
    rows = records(evidence[evidence["source"] == CONVERGENCE])
    if not rows:
        return ("Not part of this run.",)
    return tuple(
        f"{format_signed(row['log_odds'])}: {row['gene_symbol']} {row['detail']}"
        if row["status"] == "ok"
        else str(row["reason"])
        for row in rows
    )


def describe_other_diseases(text: object) -> str:
    """Other diseases of the run that the gene may be a target of, as a sentence."""
    if is_missing(text):
        return "No other disease of the run reaches probability 0.1."
    return f"{format_words(str(text))}. The same gene can ask for opposite drugs in two diseases."


def _or_dash(text: object) -> str:
    return MISSING if is_missing(text) else str(text)


def supporting_sentences(evidence: pd.DataFrame) -> tuple[str, ...]:
    """Sentences of the evidence at the locus that raises the gene's odds, strongest first."""
    local = evidence[evidence["source"] != CONVERGENCE]
    raising = local[local["log_odds"] >= _MENTIONED].sort_values("log_odds", ascending=False, kind="stable")
    return tuple(
        f"{source_label(row['source'])} ({format_signed(row['log_odds'])}): {row['detail']}" for row in records(raising)
    )


def opposing_sentences(
    evidence: pd.DataFrame, candidates: pd.DataFrame, mapping: Record, gene_id: str
) -> tuple[str, ...]:
    """What speaks against the gene: evidence that lowers its odds, contradicting directions, doubtful LD, rivals."""
    local = evidence[evidence["source"] != CONVERGENCE]
    lowering = local[local["log_odds"] <= -_MENTIONED].sort_values("log_odds", kind="stable")
    sentences = [
        f"{source_label(row['source'])} ({format_signed(row['log_odds'])}): {row['detail']}"
        for row in records(lowering)
    ]
    if set(evidence["direction"].dropna()) == {-1.0, 1.0}:
        sentences.append("The evidence points in both directions: some of it says more, some of it less activity.")
    if mapping["ld_verdict"] in {"WARN", "FAIL"}:
        sentences.append(f"LD verdict of the locus {mapping['ld_verdict']}: {mapping['ld_reason']}")
    others = candidates[candidates["gene_id"] != gene_id]
    sentences += [
        f"At the same locus {rival_name(row)} has probability {format_probability(row['probability'])}."
        for row in records(others.sort_values("probability", ascending=False).head(2))
        if row["probability"] >= _RIVAL_PROBABILITY
    ]
    return tuple(sentences)


def rival_name(candidate: Record) -> str:
    """Name of a candidate; the row that stands for no candidate says so."""
    return "“none of these genes”" if candidate["gene_id"] == NONE else str(candidate["gene_symbol"])


def waterfall(parts: Mapping[str, float]) -> Waterfall:
    """Stack log odds: the prior, then raising parts, largest first, then lowering ones; the axis always shows 0."""
    ordered = sorted(parts.items(), key=lambda part: (part[0] != PRIOR, -part[1]))
    steps, total = [], 0.0
    for source, value in ordered:
        if value:
            steps.append(Step(source_label(source), value, total, total + value))
            total += value
    ends = [0.0, *(step.end for step in steps)]
    low, high = min(ends), max(ends)
    return Waterfall(tuple(steps), total, low, high if high > low else low + 1.0)


def _variant_table(keys: list[str], gene_id: str, locus: str, tables: RunTables) -> Table:
    found = tables.credible_sets[(tables.credible_sets["locus"] == locus) & tables.credible_sets["variant"].isin(keys)]
    effects = tables.variant_effects[tables.variant_effects["variant"].isin(keys)]
    rows = [
        {**row, "effect": strongest_effect(effects[effects["variant"] == row["variant"]], gene_id)}
        for row in records(found.sort_values("pip", ascending=False, kind="stable"))
    ]
    return build_table(rows, _VARIANT_COLUMNS)


def strongest_effect(effects: pd.DataFrame, gene_id: str) -> str:
    """The largest predicted change of one variant by each model, for this gene or without a gene; or why none."""
    if effects.empty:
        return "not scored"
    models = [(str(model), _strongest_of_model(own, gene_id)) for model, own in effects.groupby("model", sort=False)]
    return "; ".join(f"{model}: {words}" if len(models) > 1 else words for model, words in models)


def _strongest_of_model(effects: pd.DataFrame, gene_id: str) -> str:
    about_gene = effects["gene_id"].isna() | (effects["gene_id"] == gene_id)
    scored = records(effects[effects["value"].notna() & about_gene])
    if not scored:
        row = records(effects)[0]
        return f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])
    # Scores of one model have several scales: what is rarest among random changes comes first.
    row = max(scored, key=lambda effect: (_or_zero(effect["background_quantile"]), abs(effect["value"])))
    name = row["scorer"] if is_missing(row["track"]) else f"{row['track']}, {row['scorer']}"
    return f"{name} {format_signed(row['value'])}"


def _or_zero(value: float | None) -> float:
    return 0.0 if value is None or is_missing(value) else float(value)


def _rival_table(candidates: pd.DataFrame, links: Mapping[str, str], disease: str) -> Table:
    top = candidates[(candidates["locus_rank"] <= _RIVALS) | (candidates["gene_id"] == NONE)]
    rows = [
        {**row, "gene_symbol": rival_name(row), "href": links.get(f"{disease} {row['gene_id']}")}
        for row in records(top)
    ]
    return build_table(rows, _RIVAL_COLUMNS)


def _locus_table(disease: str, gene_id: str, tables: RunTables, links: Mapping[str, str]) -> Table:
    own = tables.locus_genes[(tables.locus_genes["disease"] == disease) & (tables.locus_genes["gene_id"] == gene_id)]
    ordered = records(own.sort_values("probability", ascending=False, kind="stable"))
    regions = tables.regions
    return build_table(
        [{**row, "region": regions[row["locus"]], "href": links.get(row["locus"])} for row in ordered], _LOCUS_COLUMNS
    )


def _unknown_table(evidence: pd.DataFrame, keys: list[str], gene_id: str, effects: pd.DataFrame) -> Table:
    """What could not be found out about the gene and its variants: rows with a status other than ok."""
    rows = [{**row, "what": source_label(row["source"])} for row in records(evidence[evidence["status"] != "ok"])]
    about_gene = effects["gene_id"].isna() | (effects["gene_id"] == gene_id)
    unscored = effects[effects["variant"].isin(keys) & about_gene & (effects["status"] != "ok")]
    rows += [
        {**row, "what": f"Sequence score of {format_variant(row['variant'])}"}
        for row in records(unscored.drop_duplicates(["variant", "status"]))
    ]
    return build_table(rows, _UNKNOWN_COLUMNS)
