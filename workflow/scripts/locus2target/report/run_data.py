"""The facts of a run as the page's script, later comparisons and other machines read them.

They are in the page, and in `summary.json` beside it (UTF-8): `SUMMARY_KEYS` of report/column_docs.py says what each
key on top holds. `format` changes when a reader of the former one would misread the file; keys can be added without
that. Numbers are those of the tables, in full precision; what a table misses is null. Places are 1-based, `start` and
`end` of loci 0-based and half-open.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.provenance import library_origin
from locus2target.core.tables import Record
from locus2target.core.version import VERSION
from locus2target.report.answers import best_first, disease_answer
from locus2target.report.json_rows import plain_rows, plain_values
from locus2target.report.locus_classes import LD_MEANINGS, MEANINGS, locus_verdict
from locus2target.report.locus_words import locus_cautions
from locus2target.report.run_tables import RunTables
from locus2target.targets.candidates import NONE
from locus2target.targets.ranking import parse_parts

FORMAT = 1
_TOP_GENES = 7
_TOP = ("gene_id", "gene_symbol", "probability", "status")
_CLASSES = ("clear", "contested", "no_local_evidence")
_LOCUS = ("locus", "disease", "study", "chromosome", "start", "end", "lead_variant", "lead_neg_log10_p")
_MAPPING = ("method", "status", "reason", "ld_verdict", "ld_reason")
_CLASS = (
    "locus_class",
    "top_gene",
    "top_probability",
    "margin",
    "none_probability",
    "abstains",
    "n_candidates",
)
_NOT_MAPPED = {"method": "none", "ld_verdict": "NONE", "ld_reason": ""}
_NOT_RANKED = {"locus_class": "not_ranked", "abstains": True, "n_candidates": 0}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What names a run: its name and title in the config, and when its page was made, as people write it."""

    name: str
    title: str
    created: str


def run_data(tables: RunTables, run: RunFacts, *, packed: Collection[str]) -> dict[str, Any]:
    """Everything the page's script knows before a locus is opened.

    Parameters
    ----------
    tables
        The run.
    run
        Its name.
    packed
        Loci whose association data are in the page; only their evidence is.

    Returns
    -------
    Plain lists, mappings, texts, numbers and None, ready for JSON.
    """
    loci = _loci(tables, frozenset(packed))
    return {
        "format": FORMAT,
        "run": {
            "name": run.name,
            "title": run.title,
            "version": VERSION,
            "created": run.created,
            "code": library_origin(),
        },
        "diseases": [_disease(disease, tables, loci) for disease in tables.diseases],
        "loci": loci,
        "targets": _with_parts(tables.targets),
        "candidates": _with_parts(tables.locus_genes[tables.locus_genes["gene_id"] != NONE]),
        "evidence": _evidence(tables, packed),
        "words": {"locus_class": dict(MEANINGS), "ld_verdict": dict(LD_MEANINGS)},
    }


def _disease(disease: str, tables: RunTables, loci: list[Record]) -> dict[str, Any]:
    """Counts of loci (a study without any has a row of its own, which is none), the answer, and the first genes."""
    own = [locus for locus in loci if locus["disease"] == disease and locus["chromosome"]]
    counts = {f"n_{name}": sum(locus["locus_class"] == name for locus in own) for name in _CLASSES}
    ranked = tables.targets[tables.targets["disease"] == disease]
    return {
        "disease": disease,
        "n_loci": len(own),
        "n_ranked": sum(counts.values()),
        **counts,
        "answer": list(disease_answer(ranked)),
        "top": [{name: row[name] for name in _TOP} for row in best_first(ranked)[:_TOP_GENES]],
    }


def _loci(tables: RunTables, packed: Collection[str]) -> list[Record]:
    """One object per locus, from its rows in three tables, and what they say in words."""
    mapped, classes = (
        {row["locus"]: row for row in plain_rows(frame)} for frame in (tables.fine_mapping, tables.locus_classes)
    )
    cautions = locus_cautions(tables)
    return [
        {
            **_locus(row, mapped.get(row["locus"]), classes.get(row["locus"])),
            "verdict": list(locus_verdict(tables.locus_classes, row["locus"]).sentences),
            "cautions": list(cautions[row["locus"]]),
            "has_pack": row["locus"] in packed,
        }
        for row in plain_rows(tables.loci)
    ]


def _locus(locus: Record, mapping: Record | None, ranking: Record | None) -> Record:
    """Status and reason are the locus' own where it was not analysed, otherwise those of fine-mapping."""
    mapping = {**_NOT_MAPPED, "status": locus["status"], "reason": locus["reason"]} if mapping is None else mapping
    if locus["status"] != "ok":
        mapping = {**mapping, "status": locus["status"], "reason": locus["reason"]}
    ranking = _NOT_RANKED if ranking is None else ranking
    return {
        **{name: locus[name] for name in _LOCUS},
        **{name: mapping[name] for name in _MAPPING},
        **{name: ranking.get(name) for name in _CLASS},
    }


def _with_parts(frame: pd.DataFrame) -> list[Record]:
    """Rows with `parts` as log odds by source."""
    return [{**row, "parts": parse_parts(row["parts"])} for row in plain_rows(frame)]


def _evidence(tables: RunTables, packed: Collection[str]) -> dict[str, Any]:
    """Evidence that says something, by column: of the candidates of packed loci, and of those loci as a whole.

    Rows that count for nothing and have no direction although all is well are left out; so are genes that are no
    candidates.
    """
    names = schemas.EVIDENCE.names
    evidence = tables.evidence[tables.evidence["locus"].isin(list(packed))]
    candidates = pd.MultiIndex.from_frame(tables.locus_genes[["locus", "gene_id"]])
    competing = pd.MultiIndex.from_frame(evidence[["locus", "gene_id"]]).isin(candidates)
    speaks = (evidence["log_odds"] != 0) | (evidence["status"] != "ok") | evidence["direction"].notna()
    rows = evidence[(competing | (evidence["gene_id"] == NONE)) & speaks]
    columns = [plain_values(rows[name]) for name in names]
    return {"columns": names, "rows": [list(row) for row in zip(*columns, strict=True)]}
