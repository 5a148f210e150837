"""What the ranking makes of a locus, in words: how clear it is, by how much, and whether a target is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.formats import format_probability, is_missing, plural, split_list

MEANINGS: Mapping[str, str] = {
    "clear": "Clear: one gene reaches the configured probability, and more than distance speaks for it.",
    "contested": "Contested: more than distance speaks for some candidate, but no gene is settled on.",
    "no_local_evidence": "No local evidence: only distance, other signals and convergence tell candidates apart.",
    "not_ranked": "Not ranked: no gene of this locus has a probability.",
}
"""What each class of a locus means."""

LD_MEANINGS: Mapping[str, str] = {
    "PASS": "The cohort's LD fits the statistics.",
    "WARN": "The cohort's LD fits the statistics only in part.",
    "FAIL": "The cohort's LD does not fit the statistics, so nothing here rests on it.",
    "NONE": "There was no LD to judge.",
}
"""What each LD verdict of fine-mapping means."""

_NAMED_LEADERS = 4


@dataclass(frozen=True, slots=True)
class LocusVerdict:
    """Class of a locus, one word, and sentences that explain it."""

    locus_class: str
    sentences: tuple[str, ...]


def locus_verdict(locus_classes: pd.DataFrame, locus: str) -> LocusVerdict:
    """Explain the class of one locus.

    Parameters
    ----------
    locus_classes
        Rows of LOCUS_CLASSES; a locus without one was not ranked.
    locus
        Its id.
    """
    rows = records(locus_classes[locus_classes["locus"] == locus])
    if not rows:
        return LocusVerdict("not_ranked", (MEANINGS["not_ranked"],))
    row = rows[0]
    name = str(row["locus_class"])
    sentences = [MEANINGS.get(name, name), _as_sentence(str(row["reason"])), *_leader(row)]
    if not is_missing(row["none_probability"]):
        none = format_probability(row["none_probability"])
        sentences.append(f"That the target is none of the candidates has probability {none}.")
    if row["abstains"] and row["n_candidates"]:
        sentences.append(
            "The ranking abstains: no gene reaches the configured probability on more than distance, so no target is "
            "named here. The order of the candidates is no answer."
        )
    return LocusVerdict(name, tuple(sentence for sentence in sentences if sentence))


def _as_sentence(reason: str) -> str:
    """A table's reason with a capital and a full stop."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}." if reason else ""


def _leader(row: Record) -> list[str]:
    """Who leads, by how much, and for how many candidates more than distance speaks."""
    genes = split_list(row["top_gene"])
    if not genes or is_missing(row["top_probability"]):
        return []
    probability = format_probability(row["top_probability"])
    if len(genes) > 1:
        lead = f"{_joined(genes)} lead together with probability {probability} each"
    else:
        lead = f"{genes[0]} leads with probability {probability}"
    named = int(row["n_named"])
    return [
        f"{lead}, {_against(row, n_leaders=len(genes))}.",
        f"More than distance speaks for {plural(named, 'candidate') if named else 'none of them'}.",
    ]


def _joined(genes: Sequence[str]) -> str:
    """Names as a list in prose; of more than `_NAMED_LEADERS`, the number of the others."""
    hidden = len(genes) - _NAMED_LEADERS
    names = [*genes[:_NAMED_LEADERS], plural(hidden, "other")] if hidden > 0 else genes
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _against(row: Record, *, n_leaders: int) -> str:
    """What the lead is measured against: the next candidate, or how many candidates there are."""
    n_candidates = int(row["n_candidates"])
    if n_candidates == 1:
        return "as the only candidate"
    if n_leaders == n_candidates:
        return "as all candidates do"
    if n_leaders > 1 or is_missing(row["margin"]):
        return f"among {plural(n_candidates, 'candidate')}"
    return f"{format_probability(row['margin'])} more than the next of {plural(n_candidates, 'candidate')}"
