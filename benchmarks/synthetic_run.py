"""A run as large as asked for, without its statistics: shapes and sizes of tables are real, what they say is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core import schemas
from locus2target.core.tables import TableSchema, append_table, write_table
from locus2target.report.locus_inputs import BesideTables
from locus2target.report.run_tables import RunTables, TableParts

LOCUS_BP = 1_000_000
N_DISEASES = 6
N_GENES = 14  # candidates of a locus
N_TESTS = 2  # QTL associations of a locus
MAP_BP = 201
CONTEXTS = tuple(f"cell type {number}" for number in range(10))
SOURCES = ("distance", "convergence", "gene_constraint", "open_chromatin")  # what every candidate has
RARE_SOURCES = ("colocalization_eqtl", "colocalization_sqtl", "enhancer_gene_link", "motif_change")
QTL = "blood_eqtl"
SENTENCE = "rs1234567 (PIP 0.42) -> colocalises with {} expression in cell type 3 (H4 0.87) -> disease"
SEEN = "Expression of {} in cell type 3 shares a causal variant (H4 0.87, 812 variants in both, susie)."

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Locus:
    """Place of a synthetic locus, its variants and genes."""

    name: str
    disease: str
    chromosome: str
    start: int
    genes: tuple[str, ...]
    variants: pd.DataFrame


def synthetic_run(n_loci: int, n_variants: int, folder: Path) -> tuple[RunTables, BesideTables]:
    """Tables of a run in memory; those with rows per variant and its QTL set are files in `folder`, as in a run."""
    rng = np.random.default_rng(6)
    loci = [_locus(number, n_variants, rng) for number in range(n_loci)]
    path = folder / f"{QTL}.parquet"
    with append_table(path, schemas.QTL) as append:
        for locus in loci:
            append(_qtl(locus, rng))
    builders = {
        "loci": (schemas.LOCI, _locus_rows),
        "fine_mapping": (schemas.FINE_MAPPING, _fine_mapping),
        "credible_sets": (schemas.CREDIBLE_SETS, lambda locus: locus.variants),
        "colocalization": (schemas.COLOCALIZATION, _colocalization),
        "variant_effects": (schemas.VARIANT_EFFECTS, lambda locus: _effects(locus, rng)),
        "mutagenesis": (schemas.MUTAGENESIS, lambda locus: _mutagenesis(locus, rng)),
        "motif_hits": (schemas.MOTIF_HITS, _motif_hits),
        "genes": (schemas.GENES, _genes),
        "exons": (schemas.EXONS, _exons),
        "evidence": (schemas.EVIDENCE, _evidence),
        "locus_genes": (schemas.LOCUS_GENES, _locus_genes),
        "locus_classes": (schemas.LOCUS_CLASSES, _locus_classes),
        "targets": (schemas.TARGETS, _targets),
    }
    stacked = {
        name: _complete(pd.concat([build(locus) for locus in loci], ignore_index=True), schema)
        for name, (schema, build) in builders.items()
    }
    return _run_tables(tuple(dict.fromkeys(locus.disease for locus in loci)), stacked, folder), _beside(loci, path)


def _run_tables(diseases: tuple[str, ...], frames: Mapping[str, pd.DataFrame], folder: Path) -> RunTables:
    """The run; tables that neither the page's facts nor its packs show are empty."""
    others = {"crosscheck": schemas.ENGINE_CROSSCHECK, "context_enrichment": schemas.CONTEXT_ENRICHMENT}
    values: dict[str, Any] = {"diseases": diseases, "networks": {}, **frames}
    for name in (each.name for each in fields(RunTables) if each.name not in values):
        values[name] = (others[name] if name in others else getattr(schemas, name.upper())).empty()
    for name in ("credible_sets", "variant_effects", "prior_effects"):
        path, schema = folder / f"{name}.parquet", getattr(schemas, name.upper())
        write_table(values[name], path, schema)
        values[name] = TableParts((path,), schema)
    return RunTables(**values)


def _complete(frame: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Columns in the schema's order, with missing values in those that were not given."""
    types = {column.name: "str" if column.type == "string" else column.type for column in schema.columns}
    absent = {name: pd.Series([None] * len(frame), dtype="object") for name in schema.names if name not in frame}
    whole = frame.assign(**absent)[schema.names]
    nullable = {column.name: "Int64" for column in schema.columns if column.type == "int64" and column.nullable}
    flags = {column.name: "boolean" for column in schema.columns if column.type == "bool" and column.nullable}
    return whole.astype(types | nullable | flags)


def _locus(number: int, n_variants: int, rng: np.random.Generator) -> Locus:
    """Loci lie side by side, 12 on each chromosome of a genome without end."""
    chromosome, start = str(1 + number // 12), 10_000_000 + number % 12 * 3 * LOCUS_BP
    name = f"study_2020__{chromosome}_{start + 1}_{start + LOCUS_BP}"
    disease = f"disease_{number % N_DISEASES}"
    genes = tuple(f"ENSG{number * N_GENES + gene:011d}" for gene in range(N_GENES))
    variants = _variants(name, disease, chromosome, start, n_variants, rng)
    return Locus(name, disease, chromosome, start, genes, variants)


def _variants(
    name: str, disease: str, chromosome: str, start: int, n_variants: int, rng: np.random.Generator
) -> pd.DataFrame:
    """LD falls off from a causal variant in blocks; z follows it; the PIP is that of a single effect."""
    position = start + 1 + np.sort(rng.choice(LOCUS_BP, n_variants, replace=False))
    causal = n_variants // 2
    blocks = np.repeat(rng.uniform(-1, 1, n_variants // 20 + 1), 20)[:n_variants]
    r = np.clip(blocks * np.exp(-np.abs(position - position[causal]) / 60_000), -1, 1)
    r[causal] = 1.0
    z = r * rng.uniform(6, 20) + rng.normal(size=n_variants) * np.sqrt(1 - r**2)
    posterior = np.exp((z**2 - (z**2).max()) / 2.2)
    pip = posterior / posterior.sum()
    in_ld = rng.random(n_variants) < 0.9
    in_ld[causal] = True
    inside = np.cumsum(np.sort(pip)[::-1])
    size = int(np.searchsorted(inside, 0.95)) + 1
    member = pip >= np.sort(pip)[::-1][size - 1]
    texts = pd.Series(position).astype(str)
    return pd.DataFrame(
        {
            "locus": name,
            "study": "study_2020",
            "disease": disease,
            "variant": chromosome + ":" + texts + ":A:G",
            "chromosome": chromosome,
            "position": position,
            "ref": "A",
            "alt": "G",
            "rsid": "rs" + texts,
            "neg_log10_p": z**2 / 4.605 + 0.3,
            "z_score": z,
            "pip": np.where(in_ld, pip, np.nan),
            "posterior_mean": z / 100,
            "posterior_sd": 0.01,
            "credible_set": pd.array(np.where(member, 1, 0), dtype="Int64").astype("object"),
            "r_lead": np.where(in_ld, r, np.nan),
            "in_ld": in_ld,
            "status": "ok",
            "reason": "",
        }
    ).assign(credible_set=lambda frame: frame["credible_set"].where(frame["credible_set"] == 1))


def _lead(locus: Locus) -> str:
    return str(locus.variants["variant"].iloc[int(locus.variants["neg_log10_p"].to_numpy().argmax())])


def _head(locus: Locus) -> dict[str, Any]:
    return {"locus": locus.name, "study": "study_2020", "disease": locus.disease, "status": "ok", "reason": ""}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def _locus_rows(locus: Locus) -> pd.DataFrame:
    place = {"chromosome": locus.chromosome, "start": locus.start, "end": locus.start + LOCUS_BP}
    strongest = float(locus.variants["neg_log10_p"].max())
    counts = {"n_variants": len(locus.variants), "n_leads": 1}
    return _frame([{**_head(locus), **place, "lead_variant": _lead(locus), "lead_neg_log10_p": strongest, **counts}])


def _fine_mapping(locus: Locus) -> pd.DataFrame:
    words = {"method": "susie", "rung": "full", "ld_verdict": "PASS", "ld_reason": "", "n_signals": 1}
    n_variants = len(locus.variants)
    return _frame([{**_head(locus), **words, "n_variants": n_variants, "n_ld_variants": n_variants}])


def _colocalization(locus: Locus) -> pd.DataFrame:
    test = {"signal": 1, "primary": True, "qtl": QTL, "qtl_type": "eqtl", "tissue": "blood", "qtl_signal": 1}
    return _frame(
        [
            {**_head(locus), **test, "gene_id": gene, "phenotype_id": gene, "method": "susie", "n_shared": 900}
            | {"posterior_h4": 0.9 / (1 + number)}
            for number, gene in enumerate(locus.genes[:N_TESTS])
        ]
    )


def _qtl(locus: Locus, rng: np.random.Generator) -> pd.DataFrame:
    """Association of the tested genes with every second variant."""
    shared = locus.variants.iloc[::2]
    columns = ["variant", "chromosome", "position", "ref", "alt", "rsid", "z_score"]
    parts = [
        shared[columns].assign(
            neg_log10_p=shared["neg_log10_p"] * rng.uniform(0.3, 0.9), gene_id=gene, phenotype_id=gene
        )
        for gene in locus.genes[:N_TESTS]
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values("position", kind="stable")
    return _complete(rows.assign(tissue="blood", ref_verified=True), schemas.QTL)


def _named(locus: Locus) -> "pd.Series[str]":
    return locus.variants.loc[locus.variants["pip"] >= 0.001, "variant"]


def _effects(locus: Locus, rng: np.random.Generator) -> pd.DataFrame:
    named = _named(locus)
    parts = [
        pd.DataFrame({"variant": named, "value": rng.normal(size=len(named)), "background_quantile": 0.5}).assign(
            model=model, scorer=scorer, track="CNhs10608 CD4+ T cells", largest=True, mask="", status="ok", reason=""
        )
        for model in ("borzoi", "motif")
        for scorer in ("local_change", "gene_change")
    ]
    return pd.concat(parts)


def _mutagenesis(locus: Locus, rng: np.random.Generator) -> pd.DataFrame:
    """Two maps around the lead, one per model: three substitutions of each base."""
    centre = int(_lead(locus).split(":")[1])
    position = np.repeat(centre - MAP_BP // 2 + np.arange(MAP_BP), 3)
    ref = np.repeat(rng.choice(list("ACGT"), MAP_BP), 3)
    others = {base: [other for other in "ACGT" if other != base] for base in "ACGT"}
    alt = [others[base][index % 3] for index, base in enumerate(ref)]
    words = {"variant": _lead(locus), "chromosome": locus.chromosome, "scorer": "local_change"}
    rows = pd.DataFrame({"position": position, "ref": ref, "alt": alt}).assign(**{**_head(locus), **words})
    rows = rows.drop(columns=["study", "disease"])
    return pd.concat([rows.assign(model=model, value=rng.normal(size=len(rows))) for model in ("borzoi", "motif")])


def _motif_hits(locus: Locus) -> pd.DataFrame:
    centre = int(_lead(locus).split(":")[1])
    word = {"chromosome": locus.chromosome, "start": centre - 6, "end": centre + 4, "strand": "+"}
    numbers = {"neg_log10_p": 4.6, "attribution_share": 0.3, "shift_p": 0.01, "holds_variant": True}
    names = {"model": "borzoi", "motif": "GATA1 MA0035.5", "motif_family": "GATA"}
    return _frame([{"locus": locus.name, "variant": _lead(locus), **names, **word, **numbers}])


def _spans(locus: Locus) -> Iterator[tuple[str, int]]:
    for number, gene in enumerate(locus.genes):
        yield gene, locus.start + number * LOCUS_BP // N_GENES


def _genes(locus: Locus) -> pd.DataFrame:
    return _frame(
        [
            {"gene_id": gene, "gene_symbol": f"G{gene[-5:]}", "chromosome": locus.chromosome, "start": start}
            | {"end": start + 40_000, "strand": "+", "tss": start + 1, "gene_type": "protein_coding"}
            for gene, start in _spans(locus)
        ]
    )


def _exons(locus: Locus) -> pd.DataFrame:
    return _frame(
        [
            {"gene_id": gene, "chromosome": locus.chromosome, "start": start + exon * 4_000}
            | {"end": start + exon * 4_000 + 180}
            for gene, start in _spans(locus)
            for exon in range(10)
        ]
    )


def _ranked(locus: Locus) -> list[dict[str, Any]]:
    """What rows of candidates and of targets have in common; no two numbers are alike, as in a run."""
    rng = _numbers(locus)
    variants = ",".join(locus.variants["variant"].head(5))
    probability = 0.9 * 0.5 ** np.arange(N_GENES) * rng.uniform(0.9, 1, N_GENES)
    return [
        {"disease": locus.disease, "gene_id": gene, "gene_symbol": f"G{gene[-5:]}", "variants": variants}
        | {name: float(own) for name in ("probability", "probability_local", "probability_unweighted")}
        | {"contexts": "cell type 3,cell type 4", "parts": _parts(rng), "named": number == 0}
        | {"mechanism": SENTENCE.format(gene), "direction": 1.0, "status": "uncertain", "reason": "below 0.5"}
        for number, (gene, own) in enumerate(zip(locus.genes, probability, strict=True))
    ]


def _numbers(locus: Locus) -> np.random.Generator:
    """The same numbers for the same locus."""
    return np.random.default_rng(locus.start + int(locus.chromosome))


def _parts(rng: np.random.Generator) -> str:
    return ";".join(f"{source}={rng.normal():.6g}" for source in ("prior", *SOURCES))


def _locus_genes(locus: Locus) -> pd.DataFrame:
    rows = [
        {**row, "locus": locus.name, "locus_rank": rank, "log_odds": 1.2345 / rank}
        for rank, row in enumerate(_ranked(locus), 1)
    ]
    none = {"gene_id": "none", "gene_symbol": "none of these genes", "locus_rank": N_GENES + 1, "probability": 0.1}
    return _frame([*rows, {**rows[-1], **none}])


def _targets(locus: Locus) -> pd.DataFrame:
    rest = {
        "modulation": "inhibit",
        "modulation_reliability": "moderate",
        "modulation_reason": "More expression, more disease.",
    }
    return _frame(
        [
            {**row, "gene_rank": rank, "best_locus": locus.name, "n_loci": 1, "n_other_diseases": 0, **rest}
            for rank, row in enumerate(_ranked(locus), 1)
        ]
    )


def _locus_classes(locus: Locus) -> pd.DataFrame:
    words = {"disease": locus.disease, "locus": locus.name, "locus_class": "clear", "status": "ok", "reason": ""}
    counts = {"n_candidates": N_GENES, "n_named": 1, "top_gene": f"G{locus.genes[0][-5:]}", "top_probability": 0.9}
    return _frame([{**words, **counts, "margin": 0.45, "none_probability": 0.1, "abstains": False}])


def _evidence(locus: Locus) -> pd.DataFrame:
    rng = _numbers(locus)
    head = {"disease": locus.disease, "locus": locus.name, "unit": "posterior", "status": "ok", "reason": ""}
    variants = ",".join(locus.variants["variant"].head(5))
    return _frame(
        [
            {**head, "gene_id": gene, "gene_symbol": f"G{gene[-5:]}", "source": source, "value": rng.uniform()}
            | {"log_odds": rng.normal(), "log_odds_unweighted": rng.normal(), "direction": 1.0, "variants": variants}
            | {"top_variant": "rs1234567 (1:12345678:A:G, PIP 0.42)", "context": "cell type 3"}
            | {"detail": SEEN.format(gene)}
            for number, gene in enumerate(locus.genes)
            for source in (*SOURCES, *(RARE_SOURCES if number < N_TESTS else ()))
        ]
    )


def _beside(loci: list[Locus], qtl: Path) -> BesideTables:
    """Open chromatin of ten cell types, 40 elements each, and ten linked enhancers a gene."""
    peaks = pd.concat(
        pd.DataFrame({"start": locus.start + np.arange(400) * 2_400}).assign(
            chromosome=locus.chromosome,
            end=lambda rows: rows["start"] + 600,
            context=[CONTEXTS[number % len(CONTEXTS)] for number in range(400)],
        )
        for locus in loci
    )
    links = pd.concat(
        peaks[peaks["start"].between(locus.start, locus.start + LOCUS_BP) & (peaks["chromosome"] == locus.chromosome)]
        .head(10 * N_GENES)
        .assign(gene=np.repeat(locus.genes, 10))
        for locus in loci
    )
    return BesideTables({QTL: qtl}, peaks, links)
