# ruff: noqa: C408  tables of invented rows read better in one line each
"""Run data of a small invented run, as the page's script reads them, with names that try to break out of HTML."""

import base64
import gzip
import json
import math
from collections.abc import Sequence
from typing import Any

WORDS = {
    "locus_class": {
        "clear": "Clear: it is.",
        "contested": "Contested: so it is.",
        "no_local_evidence": "No local evidence: none.",
        "not_ranked": "Not ranked: not.",
    },
    "ld_verdict": {"PASS": "LD fits.", "WARN": "LD fits badly.", "FAIL": "LD does not fit.", "NONE": "No LD."},
}
HOSTILE = "</script><script>document.title='broken'</script><!--<script>\"'&"
DISEASES = ("alpha", "beta | <i>two</i>")
LOCI = ("alpha_2020__1_1000_2000", "alpha_2020__2_5000_9000", "beta 'x'/<b>__3_1_100")
N_GENES = 120
SOURCES = ("prior", "distance", "colocalization_eqtl")
VARIANTS = ("1:1500:A:G", "1:1600:C:CTTTTTTTTTTT", "1:1700:G:T")
NAMED = [
    dict(index=0, variant=VARIANTS[0], rsid="rs1", neg_log10_p=8.5123, pip=0.70123, credible_set=1),
    dict(index=1, variant=VARIANTS[1], rsid=HOSTILE, neg_log10_p=320.25, pip=0.20456, credible_set=1),
    dict(index=2, variant=VARIANTS[2], rsid=None, neg_log10_p=3.5, pip=0.002, credible_set=None),
]
"""Rows of a pack's header on the variants that are named."""
_NO_SEQUENCE = dict(value=None, quantile=None, status="no_sequence", reason="only N there")
_OK = dict(status="ok", reason="")
EFFECTS = [
    dict(index=0, gene_id=None, model="motifs", track="GATA1", scorer="rank", value=-0.31, quantile=0.5, **_OK),
    dict(index=0, gene_id=None, model="motifs", track="SPI1", scorer="odds", value=-4.2, quantile=0.875, **_OK),
    dict(index=0, gene_id="ELSEWHERE", model="motifs", track="X", scorer="odds", value=9.0, quantile=0.99, **_OK),
    dict(index=0, gene_id=None, model="borzoi", track=None, scorer="sed", **_NO_SEQUENCE),
    dict(index=1, gene_id=None, model="motifs", track=None, scorer="rank", **_NO_SEQUENCE),
]
"""Rows of a pack's header on predicted effects."""
EVIDENCE_COLUMNS = [
    *("disease", "locus", "gene_id", "gene_symbol", "source", "value", "unit", "log_odds", "log_odds_unweighted"),
    *("direction", "variants", "top_variant", "context", "detail", "status", "reason"),
]


def invented_run(*, created: str = "2026-01-02 03:04", n_genes: int = N_GENES) -> dict[str, Any]:
    """Run data: genes over two loci for the first disease, two genes for the second."""
    targets = [_target(DISEASES[0], rank) for rank in range(1, n_genes + 1)]
    targets += [_target(DISEASES[1], rank) for rank in (1, 2)]
    return {
        "format": 1,
        "run": {"name": "toy", "title": f"Toy {HOSTILE}", "version": "0.0", "created": created},
        "diseases": [_disease(disease, targets) for disease in DISEASES],
        "loci": [_locus(number) for number in range(len(LOCI))],
        "targets": targets,
        "candidates": [_candidate(row) for row in targets],
        "words": WORDS,
        "evidence": {"columns": EVIDENCE_COLUMNS, "rows": [row for target in targets[:4] for row in _evidence(target)]},
    }


def pack(locus: str, *, named: Sequence[dict[str, Any]] = NAMED, effects: Sequence[dict[str, Any]] = EFFECTS) -> str:
    """A locus pack of three variants, two of which the evidence names."""
    arrays = [dict(name="position", dtype="u32", length=3, offset=0, scale=1)]
    header = {"format": 1, "locus": locus, "named": named, "effects": effects, "arrays": arrays}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    positions = b"".join(value.to_bytes(4, "little") for value in (10, 20, 30))
    return base64.b64encode(gzip.compress(len(text).to_bytes(4, "little") + text + positions, mtime=0)).decode()


def _symbol(rank: int) -> str:
    return {2: HOSTILE, 3: "=SUM('a\")"}.get(rank, f"GENE{rank}")


def _target(disease: str, rank: int) -> dict[str, Any]:
    first = disease == DISEASES[0]
    parts = {"prior": -2.70805, "distance": 2.5 / rank - 0.3}
    if rank % 3 == 1:
        parts["colocalization_eqtl"] = 1.0 / rank
    return dict(
        disease=disease,
        gene_rank=rank,
        gene_id=f"ENSG{rank:011d}",
        gene_symbol=_symbol(rank),
        probability=0.93 / rank**1.7 + 1e-9,
        probability_local=0.9 / rank**1.9,
        probability_unweighted=0.91 / rank**1.7,
        best_locus=LOCI[rank % 2] if first else LOCI[2],
        n_loci=1,
        direction=None if rank % 2 else -1.0,
        variants=None if rank == 5 else "1:1500:A:G,1:1600:C:CTTTTTTTTTTT",
        contexts="CD4_T_cell,liver" if rank < 4 else None,
        parts=parts,
        named=rank == 1,
        mechanism=f"rs1 (1:1500:A:G, PIP 0.7) -> colocalises with {_symbol(rank)} -> {disease}",
        status="confident" if rank == 1 else "uncertain",
        reason="" if rank == 1 else "probability is below 0.5",
        modulation="inhibit" if rank == 1 else "unknown",
        modulation_reliability="moderate" if rank == 1 else "none",
        modulation_reason="Higher expression goes with more disease.",
        other_diseases="beta (0.93)" if rank == 1 else None,
        n_other_diseases=int(rank == 1),
        tractability=None,
        known_drugs=HOSTILE if rank == 1 else None,
        safety_constraint=None,
    )


def _disease(disease: str, targets: list[dict[str, Any]]) -> dict[str, Any]:
    own = [row for row in targets if row["disease"] == disease]
    top = [{name: row[name] for name in ("gene_id", "gene_symbol", "probability", "status")} for row in own[:5]]
    n_loci = 2 if disease == DISEASES[0] else 1
    return dict(
        disease=disease,
        n_loci=n_loci,
        n_ranked=n_loci,
        n_clear=1,
        n_contested=0,
        n_no_local_evidence=n_loci - 1,
        answer=[f"{top[0]['gene_symbol']} is the first target, with probability 0.93.", "So it is."],
        top=top,
    )


def _locus(number: int) -> dict[str, Any]:
    return dict(
        locus=LOCI[number],
        disease=DISEASES[number // 2],
        study="alpha_2020",
        chromosome=str(number + 1),
        start=999,
        end=2000,
        lead_variant="1:1500:A:G",
        lead_neg_log10_p=8.5 + 300 * number,
        method="susie",
        status="ok",
        reason="",
        ld_verdict="WARN" if number == 0 else "PASS",
        ld_reason="LD mismatch" if number == 0 else "",
        locus_class="clear" if number else "no_local_evidence",
        top_gene="GENE1",
        top_probability=0.93,
        margin=0.5,
        none_probability=0.07,
        abstains=not number,
        n_candidates=20,
        verdict=[f"{HOSTILE} leads."],
        cautions=["No cause is shown."],
        has_pack=True,
    )


def _candidate(target: dict[str, Any]) -> dict[str, Any]:
    kept = ("disease", "gene_id", "gene_symbol", "probability", "probability_local", "parts", "status", "reason")
    log_odds = math.fsum(target["parts"].values())
    rest = dict(locus=target["best_locus"], locus_rank=target["gene_rank"], log_odds=log_odds)
    return {**{name: target[name] for name in kept}, **rest}


def _evidence(target: dict[str, Any]) -> list[list[Any]]:
    start = [target["disease"], target["best_locus"], target["gene_id"], target["gene_symbol"]]
    variants = "1:1500:A:G,1:1600:C:CTTTTTTTTTTT"
    named = "rs1 (1:1500:A:G, PIP 0.7)"
    distance = target["parts"]["distance"]
    far = [*start, "distance", 9880.123, "bp", distance, distance, None, variants, named, None, "far away", "ok", ""]
    h4 = target["parts"].get("colocalization_eqtl", -0.25)
    shared = [*start, "colocalization_eqtl", 0.98, "posterior H4", h4, h4 / 2, 1.0, variants, named]
    shared += ["CD4_T_cell", f"H4 0.98 {HOSTILE}", "ok", ""]
    no_table = "no table of constraint"
    unknown = [*start, "gene_constraint", None, "", 0.0, 0.0, None, None, None, None, no_table]
    return [far, shared, [*unknown, "no_annotation", no_table]]
