"""Small tables for the tests of targets: one locus on chromosome 1 with its lead variant at 1,000,000."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.tables import Column, TableSchema
from locus2target.targets.candidates import Candidates
from locus2target.targets.evidence import StageResults
from locus2target.targets.evidence_rows import LocusData
from locus2target.targets.evidence_signals import tabulate_signals
from locus2target.targets.relevance import ALIKE, Relevance
from locus2target.targets.weights import read_weights

ROOT = Path(__file__).parents[3]
WEIGHTS = ROOT / "resources/ranking/evidence_weights.tsv"
LEAD = "1:1000000:A:G"
_FILLERS: Mapping[str, Any] = {"string": "", "category": "", "int64": 0, "float64": 0.0, "float32": 0.0, "bool": False}


def table(schema: TableSchema, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table whose cells that a test does not care about are missing where they may be, else empty or 0."""

    def filler(column: Column) -> object:
        return None if column.nullable else _FILLERS[column.type]

    return schema.frame({column.name: filler(column) for column in schema.columns} | dict(row) for row in rows)


def gene(name: str, tss: int, *, kind: str = "protein_coding", length: int = 10_000) -> dict[str, Any]:
    return {
        "gene_id": f"ENSG_{name}",
        "gene_symbol": name,
        "chromosome": "1",
        "start": tss - 1,
        "end": tss - 1 + length,
        "strand": "+",
        "tss": tss,
        "gene_type": kind,
    }


def variant(
    position: int, pip: float | None, *, credible_set: int | None = 1, rsid: str | None = None
) -> dict[str, Any]:
    return {
        "locus": "L1",
        "study": "S",
        "disease": "some_disease",
        "variant": f"1:{position}:A:G",
        "chromosome": "1",
        "position": position,
        "ref": "A",
        "alt": "G",
        "rsid": rsid,
        "pip": pip,
        "credible_set": credible_set,
        "status": "ok",
    }


def coloc(name: str, h4: float | None, **cells: Any) -> dict[str, Any]:
    return {
        "locus": "L1",
        "study": "S",
        "disease": "some_disease",
        "signal": 1,
        "primary": True,
        "qtl": "Q",
        "qtl_type": "eqtl",
        "tissue": "blood",
        "gene_id": f"ENSG_{name}" if name else "",
        "phenotype_id": name,
        "method": "abf",
        "n_shared": 100,
        "posterior_h4": h4,
        "shared_variant": LEAD,
        "status": "ok",
        **cells,
    }


def gene_effects(colocalization: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of CIS_EFFECTS as the signed tests that share would give them."""
    names = [name for name in schemas.CIS_EFFECTS.names if name not in ("method", "status", "reason")]
    return [
        {"neg_log10_p": 10.0, "estimate": 0.3 * test["direction"], "status": "ok"}
        | {name: test[name] for name in names if name in test}
        for test in colocalization
        if test.get("direction") is not None and (test["posterior_h4"] or 0.0) >= 0.5
    ]


def locus(name: str = "L1", *, status: str = "ok", start: int = 500_000, end: int = 1_500_000) -> dict[str, Any]:
    return {
        "locus": name,
        "study": "S",
        "disease": "some_disease",
        "chromosome": "1",
        "start": start,
        "end": end,
        "lead_variant": LEAD,
        "status": status,
        "reason": "" if status == "ok" else f"why {status}",
    }


def fit(name: str = "L1", *, method: str = "susie", status: str = "ok", verdict: str = "PASS") -> dict[str, Any]:
    return {
        "locus": name,
        "study": "S",
        "disease": "some_disease",
        "method": method,
        "status": status,
        "reason": "" if status == "ok" else f"why {status}",
        "ld_verdict": verdict,
    }


def effect(
    position: int, *, quantile: float | None = None, status: str = "ok", track: str | None = "SPI1"
) -> dict[str, Any]:
    return {
        "variant": f"1:{position}:A:G",
        "model": "m",
        "track": track,
        "scorer": "motif_max_rank_change",
        "mask": "",
        "largest": True,
        "background_quantile": quantile,
        "status": status,
        "reason": "" if status == "ok" else f"why {status}",
    }


def locus_data(
    genes: Sequence[Mapping[str, Any]],
    variants: Sequence[Mapping[str, Any]],
    colocalization: Sequence[Mapping[str, Any]] = (),
    *,
    verdict: str = "PASS",
    n_signals: int = 1,
    relevance: Relevance = ALIKE,
    elsewhere: Sequence[Mapping[str, Any]] = (),
) -> LocusData:
    """One locus; `elsewhere` are variants of other loci of the study."""
    credible = table(schemas.CREDIBLE_SETS, variants)
    all_sets = table(schemas.CREDIBLE_SETS, [*variants, *elsewhere])
    known = credible["pip"].notna()
    return LocusData(
        disease="some_disease",
        locus="L1",
        lead_variant=LEAD,
        candidates=Candidates(
            table(schemas.GENES, genes), pd.DataFrame({"gene_id": [], "gene_symbol": [], "reason": []}, dtype="object")
        ),
        scored=credible[known].set_index("variant", drop=False).rename_axis(index=None),
        n_unscored=int((~known).sum()),
        colocalization=table(schemas.COLOCALIZATION, colocalization),
        cis_effects=table(schemas.CIS_EFFECTS, gene_effects(colocalization)),
        n_signals=n_signals,
        signals=tabulate_signals(all_sets, table(schemas.GENES, genes), read_weights(WEIGHTS), window_bp=500_000),
        ld_verdict=verdict,
        ld_reason="",
        relevance=relevance,
    )


def stage_results(
    genes: Sequence[Mapping[str, Any]],
    variants: Sequence[Mapping[str, Any]],
    colocalization: Sequence[Mapping[str, Any]] = (),
    effects: Sequence[Mapping[str, Any]] = (),
    *,
    loci: Sequence[Mapping[str, Any]] | None = None,
    fits: Sequence[Mapping[str, Any]] | None = None,
    exons: Sequence[Mapping[str, Any]] = (),
    relevance: Relevance = ALIKE,
) -> StageResults:
    return StageResults(
        loci=table(schemas.LOCI, [locus()] if loci is None else loci),
        fine_mapping=table(schemas.FINE_MAPPING, [fit()] if fits is None else fits),
        credible_sets=table(schemas.CREDIBLE_SETS, variants),
        signals=table(schemas.SIGNALS, [{"locus": "L1", "signal": 1, "primary": True, "lead_variant": LEAD}]),
        colocalization=table(schemas.COLOCALIZATION, colocalization),
        cis_effects=table(schemas.CIS_EFFECTS, gene_effects(colocalization)),
        variant_effects=table(schemas.VARIANT_EFFECTS, effects),
        genes=table(schemas.GENES, genes),
        exons=table(schemas.EXONS, exons),
        relevance=relevance,
    )


def pointed_at(results: StageResults) -> pd.DataFrame:
    """Signals of the toy's loci and the genes that they point at."""
    coding = results.genes[results.genes["gene_type"] == "protein_coding"]
    return tabulate_signals(results.credible_sets, coding, read_weights(WEIGHTS), window_bp=500_000)
