"""How far the run's own methods can be trusted: engines against each other, priors with and without, models."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import records
from locus2target.report.formats import format_number, plural
from locus2target.report.run_tables import RunTables, TableParts
from locus2target.report.tables import Table, TableColumn, build_table

_ALL_LOCI = "none"  # value of `left_out` where the fit saw every chromosome
_SHOWN_CHANGES = 50
_LARGE_CHANGE = 0.1  # of a PIP

_CROSSCHECK_COLUMNS = (
    TableColumn("region", "Locus", "region", link="href"),
    TableColumn("locus", "Locus id", export_only=True),
    TableColumn("study", "Study"),
    TableColumn("engine", "Engine of the run"),
    TableColumn("other_engine", "Other engine"),
    TableColumn("n_ld_variants", "Variants", "count", "variants in the fit"),
    TableColumn("max_pip_difference", "Largest PIP difference", "number", "over all variants of the locus"),
    TableColumn("sets_agree", "Same credible sets"),
    TableColumn("n_iterations", "Sweeps", "count", "of the run's engine"),
    TableColumn("other_n_iterations", "Sweeps, other", "count"),
    TableColumn("status", "Status", "badge"),
    TableColumn("reason", "Why", "long"),
)
_ENRICHMENT_COLUMNS = (
    TableColumn("feature", "Feature"),
    TableColumn("theta", "Enrichment", "number", "change of the log prior per unit of the feature"),
    TableColumn("standard_error", "Standard error", "number", "jackknife over chromosomes"),
    TableColumn("permuted", "Permuted control", "number", "the same fit with the feature shuffled within loci"),
    TableColumn("held_out_gain", "Gain, held out", "number", "log evidence of the chromosomes left out, all features"),
    TableColumn("permuted_gain", "Gain, permuted", "number", "the same with the scores shuffled"),
    TableColumn("n_loci", "Loci", "count"),
    TableColumn("status", "Status", "badge"),
    TableColumn("reason", "Why", "long"),
)
_CHANGE_COLUMNS = (
    TableColumn("region", "Locus", "region", link="href"),
    TableColumn("variant", "Variant", "variants"),
    TableColumn("disease", "Disease"),
    TableColumn("study", "Study", export_only=True),
    TableColumn("prior_weight", "Prior weight", "number", "1 is uniform"),
    TableColumn("pip_uniform", "PIP, uniform prior", "probability"),
    TableColumn("pip_functional", "PIP, functional prior", "probability"),
    TableColumn("log_evidence_ratio", "Evidence of the locus", "log_odds", "log, functional against uniform prior"),
)
_MODEL_COLUMNS = (
    TableColumn("model", "Model"),
    TableColumn("kind", "Predicts"),
    TableColumn("scorer", "Score"),
    TableColumn("mask", "Reads", "text", "output bins"),
    TableColumn("n_tracks", "Tracks", "count", "outputs that were scored"),
    TableColumn("window_bp", "Window, bases", "count", "sequence that the model sees"),
    TableColumn("formula", "Formula", "long", "with version, transform, strand, shift and replicate policy"),
    TableColumn("weights", "Weights", "text", "start of the SHA-256 of all files that decide predictions"),
    TableColumn("licence", "Licence", "long", "of the weights"),
    TableColumn("citation", "Source", "long"),
)


@dataclass(frozen=True, slots=True)
class MethodChecks:
    """Sentences on top, then the tables; a table without rows is not shown."""

    sentences: tuple[str, ...]
    crosscheck: Table
    enrichment: Table
    prior_changes: Table
    models: Table


def check_methods(tables: RunTables, *, links: Mapping[str, str]) -> MethodChecks:
    """Sum up the engines' cross-check, what functional priors change, and what sequence scores are.

    Parameters
    ----------
    tables
        The run.
    links
        Link by locus id of the loci that have a page.
    """
    priors = _prior_changes(tables.prior_effects)
    return MethodChecks(
        sentences=(_crosscheck_sentence(tables.crosscheck), _prior_sentence(priors)),
        crosscheck=_crosscheck_table(tables, links),
        enrichment=_enrichment_table(tables.prior_enrichment),
        prior_changes=_change_table(priors, tables.regions, links),
        models=_model_table(tables.model_scores),
    )


def _model_table(scores: pd.DataFrame) -> Table:
    """What the sequence scores of the run are."""
    rows = [
        {**row, "weights": row["weights_sha256"][:12], "mask": row["mask"] or "all bins"} for row in records(scores)
    ]
    return build_table(rows, _MODEL_COLUMNS)


def _crosscheck_sentence(crosscheck: pd.DataFrame) -> str:
    compared = crosscheck[crosscheck["max_pip_difference"].notna()]
    if compared.empty:
        return "No locus was fitted with a second fine-mapping engine."
    worst = float(compared["max_pip_difference"].max())
    agree = bool((compared["status"] == "ok").all())
    verdict = "as it should be" if agree else "more than two right engines may differ: look at the loci below"
    return (
        f"{plural(len(compared), 'locus', 'loci')} fitted again with the other fine-mapping engine: "
        f"the largest PIP difference is {format_number(worst)}, {verdict}."
    )


@dataclass(frozen=True, slots=True)
class _PriorChanges:
    """What functional priors change.

    Attributes
    ----------
    n_changed
        Variants whose PIP changes by more than `_LARGE_CHANGE`.
    n_loci, n_preferred
        Loci with both fits, and those where the data prefer the functional priors.
    largest
        Rows of table `prior_effects` that change most, first.
    """

    n_changed: int
    n_loci: int
    n_preferred: int
    largest: pd.DataFrame


def _prior_changes(effects: TableParts) -> _PriorChanges:
    """Sum up the parts of table `prior_effects`, each with whole loci."""
    n_changed, per_locus, largest = 0, [], effects.schema.empty()
    for part in effects.read():
        both = part[part["pip_uniform"].notna() & part["pip_functional"].notna()]
        n_changed += int((_change(both) > _LARGE_CHANGE).sum())
        per_locus += both.drop_duplicates("locus")["log_evidence_ratio"].tolist()
        candidates = pd.concat([largest, part], ignore_index=True)
        order = _change(candidates).sort_values(ascending=False, kind="stable").index
        largest = candidates.loc[order[:_SHOWN_CHANGES]]
    return _PriorChanges(n_changed, len(per_locus), sum(ratio > 0 for ratio in per_locus), largest)


def _change(effects: pd.DataFrame) -> "pd.Series[float]":
    return (effects["pip_functional"] - effects["pip_uniform"]).abs()


def _prior_sentence(priors: _PriorChanges) -> str:
    if not priors.n_loci:
        return "No functional priors were fitted: all PIPs have a uniform prior."
    return (
        f"With functional priors the PIP of {plural(priors.n_changed, 'variant')} changes by more than "
        f"{_LARGE_CHANGE}; the data prefer them at {priors.n_preferred} of {plural(priors.n_loci, 'locus', 'loci')}."
    )


def _crosscheck_table(tables: RunTables, links: Mapping[str, str]) -> Table:
    regions = tables.regions
    rows = [
        {
            **row,
            "region": regions.get(row["locus"], row["locus"]),
            "href": links.get(row["locus"]),
            "sets_agree": None if pd.isna(row["same_credible_sets"]) else "yes" if row["same_credible_sets"] else "no",
        }
        for row in records(tables.crosscheck)
    ]
    caption = "The same data, settings and stop rule in both engines."
    return build_table(rows, _CROSSCHECK_COLUMNS, caption=caption, filename="engine_crosscheck.tsv")


def _enrichment_table(enrichment: pd.DataFrame) -> Table:
    """One row per feature: the fit on all loci, with the permuted control beside it."""
    overall = enrichment[enrichment["left_out"] == _ALL_LOCI]
    permuted = overall[overall["kind"] == "permuted"][["feature", "theta", "held_out_gain"]]
    control = permuted.rename(columns={"theta": "permuted", "held_out_gain": "permuted_gain"})
    fitted = overall[overall["kind"] == "fitted"].merge(control, on="feature", how="left")
    rows = records(fitted)
    caption = (
        "What makes a variant more likely to be causal. For its own loci a chromosome takes the fit on all others. "
        "An enrichment within two standard errors of 0, or no larger than its permuted control, says nothing."
    )
    return build_table(rows, _ENRICHMENT_COLUMNS, caption=caption, filename="prior_enrichment.tsv")


def _change_table(priors: _PriorChanges, regions: Mapping[str, str], links: Mapping[str, str]) -> Table:
    rows = [
        {**row, "region": regions.get(row["locus"], row["locus"]), "href": links.get(row["locus"])}
        for row in records(priors.largest)
    ]
    caption = f"The {len(rows)} variants whose PIP changes most; all are in results/apply_priors."
    return build_table(rows, _CHANGE_COLUMNS, caption=caption, filename="prior_effects.tsv")
