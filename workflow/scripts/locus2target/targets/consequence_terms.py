"""Sequence Ontology terms for what a variant does to a transcript, and how severe they are."""

from collections.abc import Mapping
from functools import cache

SEVERITIES: Mapping[str, str] = {
    # Grouped as Ensembl's VEP rates their impact, with the terms that only SnpEff writes.
    "transcript_ablation": "high",
    "exon_loss_variant": "high",
    "splice_acceptor_variant": "high",
    "splice_donor_variant": "high",
    "stop_gained": "high",
    "frameshift_variant": "high",
    "stop_lost": "high",
    "start_lost": "high",
    "inframe_insertion": "moderate",
    "inframe_deletion": "moderate",
    "conservative_inframe_insertion": "moderate",
    "conservative_inframe_deletion": "moderate",
    "disruptive_inframe_insertion": "moderate",
    "disruptive_inframe_deletion": "moderate",
    "missense_variant": "moderate",
    "protein_altering_variant": "moderate",
    # VEP rates these low; near a splice site they may still change the transcript.
    "splice_region_variant": "splice_region",
    "splice_donor_5th_base_variant": "splice_region",
    "splice_donor_region_variant": "splice_region",
    "splice_polypyrimidine_tract_variant": "splice_region",
}
SEVERITY_LEVELS = ("high", "moderate", "splice_region")
"""Worst first; the levels of source `coding_consequence` in the table of evidence weights."""


@cache
def worst_severity(consequence: str) -> str | None:
    """Severity of the worst of several terms, joined by `&` or `,`; None without an effect on protein or splicing.

    >>> [worst_severity(text) for text in ("splice_region_variant&missense_variant", "intron_variant")]
    ['moderate', None]
    """
    found = {SEVERITIES.get(term.strip()) for term in consequence.replace("&", ",").split(",")}
    return next((severity for severity in SEVERITY_LEVELS if severity in found), None)
