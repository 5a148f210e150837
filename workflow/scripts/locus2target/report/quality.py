"""What went into the run, what came out, and what was left behind and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import records
from locus2target.ingest.dispositions import SIGNS, Disposition
from locus2target.report.formats import format_count, plural
from locus2target.report.run_tables import RunTables, short_region
from locus2target.report.tables import Table, TableColumn, build_table

_MAIN_REASONS = 3
_STATUS = ("status", "reason")
_KEPT = [disposition.value for disposition in Disposition if disposition.kept]

_SOURCE_COLUMNS = (
    TableColumn("source", "Source"),
    TableColumn("kind", "Kind"),
    TableColumn("rows_in", "Rows in", "count", "data rows of the file"),
    TableColumn("rows_kept", "Kept", "count", "rows of the canonical table"),
    TableColumn("share_kept", "Share kept", "probability", "kept rows among all, 0 to 1"),
    TableColumn("rows_left", "Left behind", "count"),
    TableColumn("main_reasons", "Main reasons"),
    TableColumn("n_warnings", "Warnings", "count", "checks with status warning, listed below"),
)
_METRIC_COLUMNS = (
    TableColumn("source", "Source"),
    TableColumn("metric", "Disposition or check"),
    TableColumn("value", "Value", "number", "rows, or the value of the check"),
    TableColumn("status", "Status", "badge"),
    TableColumn("detail", "Meaning"),
)
_LOCUS_COLUMNS = (
    TableColumn("region", "Locus", "region", link="href"),
    TableColumn("locus", "Locus id", export_only=True),
    TableColumn("disease", "Disease", export_only=True),
    TableColumn("study", "Study"),
    TableColumn("lead_variant", "Lead variant", export_only=True),
    TableColumn("lead_neg_log10_p", "Lead p", "p_value"),
    TableColumn("n_variants", "Variants", "count", "variants with statistics"),
    TableColumn("outcome", "Status", "badge", "ok, or what prevented a result"),
    TableColumn(
        "method", "Method", "text", "what PIPs come from: susie (LD), abf (one signal, no LD), imported, lead, none"
    ),
    TableColumn("rung", "Claimed", "text", "full: all signals; fewer_effects: strong ones; single_effect; lead_only"),
    TableColumn("ld_verdict", "LD verdict", "badge", "whether the cohort's LD fits the statistics"),
    TableColumn("n_signals", "Signals", "count", "independent signals"),
    TableColumn("locus_class", "Class", "badge", "clear, contested, no_local_evidence (distance only), or not_ranked"),
    TableColumn("top_gene", "Leads", "list", "most probable gene; it need not be named as the target"),
    TableColumn("top_probability", "Its probability", "probability", "that it is the target of the locus"),
    TableColumn("none_probability", "None of these", "probability", "that the target is none of the candidates"),
    TableColumn("abstains", "Abstains", "text", "yes: the locus is not clear, no target is named"),
    TableColumn("why", "Why", "long"),
)
_STEP_COLUMNS = (
    TableColumn("step", "Step"),
    TableColumn("status", "Status", "badge"),
    TableColumn("units", "Number", "count"),
    TableColumn("unit", "Of what"),
    TableColumn("reason", "For example"),
)


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality section: sentences on top, then the tables."""

    sentences: tuple[str, ...]
    sources: Table
    warnings: Table
    metrics: Table
    loci: Table
    steps: Table


def assess_quality(tables: RunTables, *, links: Mapping[str, str]) -> Quality:
    """Summarise inputs, loci and steps.

    Parameters
    ----------
    tables
        The run.
    links
        Link by locus id of the loci that have a page.
    """
    metrics = tables.harmonization_qc
    sources = summarize_sources(metrics)
    loci = _with_classes(locus_status(tables.loci, tables.fine_mapping), tables.locus_classes)
    return Quality(
        sentences=tuple(_sentences(sources, loci, metrics)),
        sources=_source_table(sources),
        warnings=build_table(records(metrics[metrics["status"] == "warning"]), _METRIC_COLUMNS),
        metrics=build_table(records(metrics), _METRIC_COLUMNS, filename="harmonization_qc.tsv"),
        loci=_locus_table(loci, links),
        steps=build_table(records(summarize_steps(tables)), _STEP_COLUMNS, filename="steps.tsv"),
    )


def input_tables(tables: RunTables) -> tuple[Table, Table]:
    """Input rows per source and the status of every locus, as tables on their own."""
    loci = _with_classes(locus_status(tables.loci, tables.fine_mapping), tables.locus_classes)
    return _source_table(summarize_sources(tables.harmonization_qc)), _locus_table(loci, {})


def _source_table(sources: pd.DataFrame) -> Table:
    caption = "One row per file. A row of a file is kept or left behind under one named reason."
    return build_table(records(sources), _SOURCE_COLUMNS, caption=caption, filename="sources.tsv")


def _locus_table(loci: pd.DataFrame, links: Mapping[str, str]) -> Table:
    rows = [{**row, "href": links.get(row["locus"])} for row in records(loci)]
    caption = "One row per locus, also those that were not analysed. “Why” holds the reasons of all steps."
    return build_table(rows, _LOCUS_COLUMNS, caption=caption, filename="loci.tsv")


def summarize_sources(metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows in, kept and left behind per source, with the main reasons.

    Parameters
    ----------
    metrics
        Harmonisation metrics: dispositions, which count rows (those left behind have status dropped), and checks.
    """
    rows = []
    for (source, kind), group in metrics.groupby(["source", "kind"], sort=False):
        kept = group["metric"].isin(_KEPT)
        counts = group[kept | (group["status"] == "dropped")]
        left = counts[counts["status"] == "dropped"].sort_values("value", ascending=False, kind="stable")
        rows_in, rows_kept = float(counts["value"].sum()), float(group.loc[kept, "value"].sum())
        rows.append(
            {
                "source": source,
                "kind": kind,
                "rows_in": rows_in,
                "rows_kept": rows_kept,
                "share_kept": rows_kept / rows_in if rows_in else None,
                "rows_left": rows_in - rows_kept,
                "main_reasons": _name_reasons(left),
                "n_warnings": int((group["status"] == "warning").sum()),
            }
        )
    return pd.DataFrame(rows, columns=[column.name for column in _SOURCE_COLUMNS])


def _name_reasons(left: pd.DataFrame) -> str:
    left = left[left["value"] > 0]
    named = [
        f"{metric.replace('_', ' ')} {format_count(value)}"
        for metric, value in zip(left["metric"].head(_MAIN_REASONS), left["value"].head(_MAIN_REASONS), strict=True)
    ]
    if len(left) > _MAIN_REASONS:
        named.append(f"others {format_count(left['value'].iloc[_MAIN_REASONS:].sum())}")
    return ", ".join(named)


def locus_status(loci: pd.DataFrame, fine_mapping: pd.DataFrame) -> pd.DataFrame:
    """One row per locus with its outcome: the first status on its way that is not ok, and all reasons.

    Columns are those of the loci table plus region, outcome, method, ld_verdict, n_signals and why.
    """
    mapped = fine_mapping[["locus", "method", "rung", "status", "reason", "ld_verdict", "ld_reason", "n_signals"]]
    joined = loci.merge(mapped, on="locus", how="left", suffixes=("", "_mapping"))
    found = joined["status"] == "ok"
    joined["outcome"] = joined["status"].where(~found, joined["status_mapping"].fillna("not_analysed"))
    joined["region"] = [short_region(row) for row in records(joined)]
    reasons = zip(joined["reason"], joined["reason_mapping"].fillna(""), joined["ld_reason"].fillna(""), strict=True)
    joined["why"] = [" ".join(dict.fromkeys(_sentence(part) for part in parts if part)) for parts in reasons]
    return joined


def _with_classes(loci: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Add what the ranking makes of each locus; missing where it has no say."""
    said = classes.assign(abstains=classes["abstains"].map({True: "yes", False: "no"}))
    columns = ["locus", "locus_class", "top_gene", "top_probability", "none_probability", "abstains"]
    return loci.merge(said[columns], on="locus", how="left")


def _sentence(reason: str) -> str:
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def summarize_steps(tables: RunTables) -> pd.DataFrame:
    """How often each step ended in which status, with one reason as an example."""
    steps: tuple[tuple[str, str, Iterable[pd.DataFrame]], ...] = (
        ("define_loci", "loci", [tables.loci]),
        ("finemap_loci", "loci", [tables.fine_mapping]),
        ("finemap_loci", "variants", tables.credible_sets.read(_STATUS)),
        ("colocalize_loci", "signal and molecular trait pairs", [tables.colocalization]),
        ("score_variants", "variant scores", tables.variant_effects.read(_STATUS)),
        ("mutate_windows", "substitutions", [tables.mutagenesis]),
        ("assemble_evidence", "evidence rows", [tables.evidence]),
        ("rank_genes", "genes", [tables.targets]),
    )
    frames = [_count_statuses(parts).assign(step=step, unit=unit) for step, unit, parts in steps]
    return pd.concat(frames, ignore_index=True)[[column.name for column in _STEP_COLUMNS]]


def _count_statuses(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Columns status, units (rows of all parts) and reason (the first), by status."""
    none = pd.DataFrame({"status": [], "reason": []}, dtype="str").assign(units=0)
    counted = [
        part.groupby("status", sort=True).agg(units=("status", "size"), reason=("reason", "first")).reset_index()
        for part in parts
    ]
    together = pd.concat([none, *counted]).groupby("status", sort=True)
    return together.agg(units=("units", "sum"), reason=("reason", "first")).reset_index()


def _sentences(sources: pd.DataFrame, loci: pd.DataFrame, metrics: pd.DataFrame) -> list[str]:
    total, kept = sources["rows_in"].sum(), sources["rows_kept"].sum()
    found = loci["outcome"] != "no_lead"
    analysed = loci["method"].fillna("none") != "none"
    sentences = [
        f"{format_count(total)} rows of {plural(len(sources), 'file')} came in; {format_count(kept)} were kept, "
        f"{format_count(total - kept)} left behind for the reasons below.",
        f"{int(analysed.sum())} of {plural(int(found.sum()), 'locus', 'loci')} were fine-mapped.",
    ]
    left = loci[found & ~analysed]
    if len(left):
        counts = ", ".join(f"{status} ({count})" for status, count in left["outcome"].value_counts().items())
        sentences.append(f"Not analysed: {counts}.")
    silent = loci.loc[~found, "study"]
    if len(silent):
        sentences.append(f"Without a lead variant, and so without a locus: {', '.join(silent)}.")
    for verdict, meaning in (("WARN", "some doubt about"), ("FAIL", "no trust in"), ("NONE", "no")):
        count = int((loci["ld_verdict"][analysed] == verdict).sum())
        if count:
            sentences.append(f"{count} fine-mapped with {meaning} LD (verdict {verdict}).")
    unsigned = metrics.loc[(metrics["metric"] == SIGNS) & (metrics["status"] == "warning"), "source"]
    if len(unsigned):
        sentences.append(f"Without effect signs, so without LD and without directions: {', '.join(unsigned)}.")
    n_warnings = int((metrics["status"] == "warning").sum())
    if n_warnings:
        sentences.append(f"{plural(n_warnings, 'warning')} from checks of the input, listed below.")
    return sentences
