"""The answer for one disease: its first target, whether that is confident, and why."""

import pandas as pd

from locus2target.core.tables import Record
from locus2target.report.formats import format_probability, format_words
from locus2target.report.json_rows import plain_rows
from locus2target.report.run_tables import is_confident

_NO_TARGET = "No confident target."


def best_first(ranked: pd.DataFrame) -> list[Record]:
    """Ranked genes of one disease: those that the ranking names as targets, then the others, each in their order."""
    rows = plain_rows(ranked.sort_values("gene_rank"))
    return [*(row for row in rows if is_confident(row)), *(row for row in rows if not is_confident(row))]


def disease_answer(ranked: pd.DataFrame) -> tuple[str, ...]:
    """Sentences that answer which gene is the target of one disease.

    Parameters
    ----------
    ranked
        Its rows of TARGETS.
    """
    ordered = best_first(ranked)
    if not ordered:
        return _NO_TARGET, "No locus has a candidate gene."
    best = ordered[0]
    probability = format_probability(best["probability"])
    mechanism = format_words(best["mechanism"])
    if is_confident(best):
        return f"{best['gene_symbol']} is the first target, with probability {probability}.", mechanism
    first = f"First of the ranking is {best['gene_symbol']} with probability {probability}"
    return _NO_TARGET, f"{first} ({format_words(best['status'])}).", mechanism
