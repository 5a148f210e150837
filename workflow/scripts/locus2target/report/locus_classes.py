"""What the ranking makes of a locus, in words: how clear it is, by how much, and whether a target is named."""

from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.formats import format_probability, is_missing, plural, split_list

_MEANINGS = {
    "clear": "Clear: one gene reaches the configured probability, and more than distance speaks for it.",
    "contested": "Contested: more than distance speaks for some candidate, but no gene is settled on.",
    "no_local_evidence": "No local evidence: only distance, other signals and convergence tell candidates apart.",
    "not_ranked": "Not ranked: no gene of this locus has a probability.",
}


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
        return LocusVerdict("not_ranked", (_MEANINGS["not_ranked"],))
    row = rows[0]
    name = str(row["locus_class"])
    sentences = [_MEANINGS.get(name, name), str(row["reason"]), *_leader(row)]
    if not is_missing(row["none_probability"]):
        none = format_probability(row["none_probability"])
        sentences.append(f"That the target is none of the candidates has probability {none}.")
    if row["abstains"] and row["n_candidates"]:
        sentences.append(
            "The ranking abstains: no gene reaches the configured probability on more than distance, so no target is "
            "named here. The order of the candidates is no answer."
        )
    return LocusVerdict(name, tuple(sentence for sentence in sentences if sentence))


def _leader(row: Record) -> list[str]:
    """Who leads, by how much, and for how many candidates more than distance speaks."""
    genes = split_list(row["top_gene"])
    if not genes or is_missing(row["top_probability"]):
        return []
    leads = "leads" if len(genes) == 1 else "lead together"
    sentence = f"{' and '.join(genes)} {leads} with probability {format_probability(row['top_probability'])}"
    if row["n_candidates"] == 1:
        sentence += ", as the only candidate"
    elif not is_missing(row["margin"]):
        sentence += f", {row['margin']:.2f} more than the next of {plural(int(row['n_candidates']), 'candidate')}"
    named = int(row["n_named"])
    return [f"{sentence}.", f"More than distance speaks for {plural(named, 'candidate') if named else 'none'}."]
