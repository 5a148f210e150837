# ruff: noqa: C408, E501  tables of invented rows read better in one line each
"""A small invented run on disk: every status that the report must show, and text that tries to break out of HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from locus2target.core import schemas
from locus2target.core.tables import TableSchema, write_table

HOSTILE = "<script>alert('x')</script>"
HOSTILE_REASON = 'He said "</script><img src=x onerror=alert(1)>" & left $x_1$.'
SETTINGS = {"title": "Toy run <b>bold</b>", "review": None}
RUN = {
    "config_file": "config/config.yaml",
    "config": {"run_name": "toy", "genome": {"build": "GRCh37"}, "note": HOSTILE},
    "studies": {"alpha_2020": {"study": "alpha_2020", "disease": "alpha", "n_samples": 1000}},
}
DISEASES = ("alpha", "beta", "gamma")
N_VARIANTS = 1500
START, END = 1_000_000, 2_000_000
LEAD = 1_400_000


@dataclass(frozen=True)
class ToyRun:
    """Paths of the tables, as `render_report.main` takes them."""

    inputs: Mapping[str, object]
    folder: Path


@dataclass(frozen=True)
class Rendered:
    """Where the outputs of `render_report` lie."""

    report: Path
    summary: Path
    ranked: tuple[Path, ...]
    qc: Path


def write_toy_run(folder: Path) -> ToyRun:
    """Write every table of the run."""

    def put(name: str, schema: TableSchema, rows: list[dict[str, object]]) -> str:
        path = folder / f"{name}.parquet"
        write_table(schema.frame(rows), path, schema)
        return str(path)

    return ToyRun(
        folder=folder,
        inputs={
            "harmonization_qc": [put("qc", schemas.HARMONIZATION_QC, _qc())],
            "loci": [put("loci", schemas.LOCI, _loci())],
            "fine_mapping": [put("fine_mapping", schemas.FINE_MAPPING, _fine_mapping())],
            "credible_sets": [put("credible_sets", schemas.CREDIBLE_SETS, _credible_sets())],
            "signals": [put("signals", schemas.SIGNALS, _signals())],
            "colocalization": [put("colocalization", schemas.COLOCALIZATION, _colocalization())],
            "crosscheck": put("crosscheck", schemas.ENGINE_CROSSCHECK, _crosscheck()),
            "prior_enrichment": [put("enrichment", schemas.PRIOR_ENRICHMENT, _enrichment())],
            "prior_effects": [put("prior_effects", schemas.PRIOR_EFFECTS, _prior_effects())],
            "cis_effects": [put("cis_effects", schemas.CIS_EFFECTS, [])],
            "gene_directions": put("gene_directions", schemas.GENE_DIRECTIONS, _directions()),
            "variant_effects": [put("variant_effects", schemas.VARIANT_EFFECTS, _variant_effects())],
            "mutagenesis": [put("mutagenesis", schemas.MUTAGENESIS, _mutagenesis())],
            "model_scores": [put("model_scores", schemas.MODEL_SCORES, _model_scores())],
            "attribution": [put("attribution", schemas.ATTRIBUTION, _attribution())],
            "motif_hits": [put("motif_hits", schemas.MOTIF_HITS, _motif_hits())],
            "genes": put("genes", schemas.GENES, _genes()),
            "exons": put("exons", schemas.EXONS, _exons()),
            "evidence": [put(f"evidence/{disease}", schemas.EVIDENCE, _evidence(disease)) for disease in DISEASES],
            "locus_genes": [
                put(f"genes/{name}.locus_genes", schemas.LOCUS_GENES, _locus_genes(name)) for name in DISEASES
            ],
            "locus_classes": [put("locus_classes", schemas.LOCUS_CLASSES, _locus_classes())],
            "targets": [put(f"targets/{name}", schemas.TARGETS, _targets(name)) for name in DISEASES],
            "contexts": [put("contexts", schemas.CONTEXT_ENRICHMENT, _contexts())],
            "gene_sets": [put("gene_sets", schemas.GENE_SET_ENRICHMENT, _gene_sets())],
            "regulators": [put("regulators", schemas.REGULATORS, _regulators())],
            "networks": [_network(folder, name) for name in DISEASES[:2]],
        },
    )


def _qc() -> list[dict[str, object]]:
    def row(source: str, kind: str, metric: str, value: float | None, status: str, detail: str) -> dict[str, object]:
        return dict(source=source, kind=kind, metric=metric, value=value, status=status, detail=detail)

    return [
        row("alpha_2020", "study", "kept", 900_000, "ok", "kept as given"),
        row("alpha_2020", "study", "kept_flipped", 90_000, "ok", "effect turned round"),
        row("alpha_2020", "study", "lift_unmapped", 6_000, "dropped", "not in the run's build"),
        row("alpha_2020", "study", "ref_mismatch", 3_000, "dropped", "neither allele is the reference"),
        row("alpha_2020", "study", "palindromic_ambiguous", 900, "dropped", "strand not proven"),
        row("alpha_2020", "study", "duplicate_variant", 100, "dropped", "several rows"),
        row("alpha_2020", "study", "lambda_gc", 1.08, "ok", "genomic inflation"),
        row("alpha_2020", "study", "ref_mismatch_share", 0.003, "warning", "Share of 900000 rows that do not agree."),
        row("beta_2019", "study", "kept", 5_000, "ok", "kept as given"),
        row("beta_2019", "study", "signs", 0.0, "warning", HOSTILE_REASON),
        row("blood_eqtl", "qtl", "kept", 40_000, "ok", "kept as given"),
        row("blood_eqtl", "qtl", "missing_allele", 0, "dropped", "an allele is missing"),
    ]


def _locus(
    name: str, disease: str, chromosome: str, p: float, status: str = "ok", reason: str = ""
) -> dict[str, object]:
    return {
        "locus": name,
        "study": f"{disease}_2020",
        "disease": disease,
        "chromosome": chromosome,
        "start": START,
        "end": END,
        "lead_variant": f"{chromosome}:{LEAD}:A:G",
        "lead_neg_log10_p": p,
        "n_variants": N_VARIANTS,
        "n_leads": 1,
        "status": status,
        "reason": reason,
    }


def _loci() -> list[dict[str, object]]:
    return [
        _locus("alpha_strong", "alpha", "22", 25.3),
        _locus("alpha_sparse", "alpha", "17", 9.4),
        _locus("alpha_mhc", "alpha", "6", 120.0, "mhc", "The locus lies in the MHC, where LD is too long."),
        _locus("alpha_small", "alpha", "9", 7.6, "too_few_variants", "12 variants, at least 50 needed."),
        _locus("beta_unsigned", "beta", "1", 12.0),
        _locus("beta_quiet", "beta", "2", 7.4),
        {
            **_locus("gamma_2020__none", "gamma", "", 5.1, "no_lead", "no variant has -log10 p >= 7.301"),
            "lead_variant": "",
            "start": 0,
            "end": 0,
        },
    ]


def _mapped(name: str, method: str, verdict: str, ld_reason: str, **values: object) -> dict[str, object]:
    disease = name.partition("_")[0]
    row = {
        "locus": name,
        "study": f"{disease}_2020",
        "disease": disease,
        "method": method,
        "rung": {"susie": "full", "abf": "single_effect"}.get(method, "none"),
        "status": "ok",
        "reason": "",
        "ld_verdict": verdict,
        "ld_reason": ld_reason,
        "n_variants": N_VARIANTS,
        "n_ld_variants": 900,
        "n_signals": 1,
        "engine": "susieR 0.12.35" if method == "susie" else None,
    }
    return {**row, **values}


def _fine_mapping() -> list[dict[str, object]]:
    return [
        _mapped("alpha_strong", "susie", "PASS", "λ 0.001, no outliers.", n_signals=2, converged=True, n_iterations=7),
        _mapped("alpha_sparse", "abf", "NONE", "Only 8% of the posterior lies on cohort variants.", status="ld_sparse",
                reason="LD covers too little of the signal."),
        _mapped("alpha_mhc", "none", "NONE", "", status="mhc", reason="Not analysed: the locus lies in the MHC."),
        _mapped("alpha_small", "none", "NONE", "", status="too_few_variants", reason="Not analysed."),
        _mapped("gamma_2020__none", "none", "NONE", "", status="no_lead", reason="no variant has -log10 p >= 7.301"),
        _mapped("beta_unsigned", "abf", "NONE", "LD needs signed statistics.", status="unsigned_statistics",
                reason=HOSTILE_REASON),
        _mapped("beta_quiet", "abf", "FAIL", "λ 0.3: LD does not fit.", status="no_signal", n_signals=0,
                reason="No credible set holds 95% of the posterior."),
    ]  # fmt: skip


def variant_at(index: int, chromosome: str) -> dict[str, object]:
    """Key of the toy variant number `index`; number 600 is the lead."""
    position = START + 1 + round(index * (END - START - 2) / N_VARIANTS)
    position = LEAD if index == 600 else position
    return {
        "variant": f"{chromosome}:{position}:A:G",
        "chromosome": chromosome,
        "position": position,
        "ref": "A",
        "alt": "G",
    }


def _locus_variants(name: str, chromosome: str, peak: float, *, ld: bool, signed: bool) -> list[dict[str, object]]:
    rng = np.random.default_rng(sum(map(ord, name)))
    disease = name.partition("_")[0]
    rows = []
    for index in range(N_VARIANTS):
        r = float(np.exp(-abs(index - 600) / 60) * (1 if index % 3 else -0.4)) if index != 600 else 1.0
        strength = peak * r**2 * rng.uniform(0.85, 0.99) + rng.exponential(0.43)
        inside = ld and abs(index - 600) < 4
        p = peak if index == 600 else min(strength, peak - 0.1)
        rows.append(
            {
                "locus": name,
                "study": f"{disease}_2020",
                "disease": disease,
                **variant_at(index, chromosome),
                "rsid": f"rs{index}",
                "neg_log10_p": p,
                "z_score": float(np.sqrt(4.6 * p)) if signed else None,
                "pip": (0.62 if index == 600 else 0.05) if inside else 0.0001,
                "posterior_mean": 0.1,
                "posterior_sd": 0.02,
                "credible_set": 1 if inside else None,
                "r_lead": r if ld and index % 4 else None,
                "in_ld": bool(ld and index % 4),
                "status": "ok",
                "reason": "",
            }
        )
    return rows


def _credible_sets() -> list[dict[str, object]]:
    return [
        *_locus_variants("alpha_strong", "22", 25.3, ld=True, signed=True),
        *_locus_variants("alpha_sparse", "17", 9.4, ld=False, signed=True),
        *_locus_variants("beta_unsigned", "1", 12.0, ld=False, signed=False),
        *_locus_variants("beta_quiet", "2", 7.4, ld=False, signed=True),
    ]


def _signals() -> list[dict[str, object]]:
    base = {"study": "alpha_2020", "disease": "alpha", "status": "ok", "reason": ""}
    return [
        dict(base, locus="alpha_strong", signal=0, method="abf", primary=False, lead_variant=f"22:{LEAD}:A:G",
             log_bayes_factor=50.2, n_credible=9, coverage=0.96),
        dict(base, locus="alpha_strong", signal=1, method="susie", primary=True, lead_variant=f"22:{LEAD}:A:G",
             log_bayes_factor=51.7, n_credible=7, coverage=0.97, purity=0.93),
        dict(base, locus="alpha_sparse", signal=0, method="abf", primary=True, lead_variant=f"17:{LEAD}:A:G",
             log_bayes_factor=14.0, n_credible=64, coverage=0.95),
    ]  # fmt: skip


def _crosscheck() -> list[dict[str, object]]:
    base = {"study": "alpha_2020", "engine": "native 1", "other_engine": "susieR 0", "status": "ok", "reason": ""}
    return [
        dict(base, locus="alpha_strong", n_ld_variants=800, max_pip_difference=3.2e-9, same_credible_sets=True,
             n_iterations=6, other_n_iterations=6),
        dict(base, locus="alpha_sparse", n_ld_variants=0, status="engine_missing", reason=HOSTILE_REASON),
    ]  # fmt: skip


def _enrichment() -> list[dict[str, object]]:
    base: dict[str, object] = {
        "feature": "open_chromatin",
        "kind": "fitted",
        "n_loci": 12,
        "status": "ok",
        "reason": "",
    }
    base |= {"n_variants": 3000, "n_unknown": 40, "held_out_gain": 2.5}
    return [
        dict(base, left_out="none", theta=1.2, standard_error=0.4),
        dict(base, left_out="none", kind="permuted", theta=0.05),
        dict(base, left_out="22", theta=1.1),
    ]


def _prior_effects() -> list[dict[str, object]]:
    base = {"locus": "alpha_strong", "study": "alpha_2020", "disease": "alpha", "status": "ok", "reason": ""}
    return [
        dict(base, **variant_at(600, "22"), prior_weight=3.0, pip_uniform=0.62, pip_functional=0.81,
             log_evidence_ratio=0.7),
        dict(base, **variant_at(601, "22"), prior_weight=0.5, pip_uniform=0.05, pip_functional=0.02,
             log_evidence_ratio=0.7),
        dict(base, **variant_at(602, "22"), prior_weight=1.0, status="not_in_ld", reason="no LD"),
    ]  # fmt: skip


def _directions() -> list[dict[str, object]]:
    return [
        {
            "disease": "alpha",
            "gene_id": gene_id(number),
            "gene_symbol": f"GENE{number}",
            "direction": sign,
            "reliability": reliability,
            "estimate": 0.5 * number + 0.5,
            "standard_error": 0.1,
            "neg_log10_p": p,
            "n_tests": 2,
            "n_agree": 2,
            "locus": "alpha_strong",
            "qtl": "blood_eqtl",
            "tissue": "Whole blood",
            "statement": f"About {HOSTILE}.",
        }
        for number, sign, reliability, p in ((1, 1.0, "consistent", 4.0), (0, -1.0, "single", 9.0))
    ]


def _colocalization() -> list[dict[str, object]]:
    def pair(gene: int, tissue: str, h4: float | None, **values: object) -> dict[str, object]:
        row = {
            "locus": "alpha_strong",
            "study": "alpha_2020",
            "disease": "alpha",
            "signal": 1,
            "primary": True,
            "qtl": "blood_eqtl",
            "qtl_type": "eqtl",
            "tissue": tissue,
            "gene_id": gene_id(gene),
            "phenotype_id": gene_id(gene),
            "qtl_signal": 0,
            "method": "abf",
            "n_shared": 812,
            "status": "ok",
            "reason": "",
        }
        if h4 is not None:
            rest = (1 - h4) / 4
            row |= {f"posterior_h{number}": rest for number in range(4)}
            row |= {"posterior_h4": h4, "qtl_neg_log10_p": 20.0, "p12_low": 1.2e-6, "p12_high": 1e-4, "direction": 1.0}
        return {**row, **values}

    return [
        pair(0, "Whole blood", 0.97),
        pair(1, "Whole blood", 0.71, n_shared=61, direction=-1.0),
        pair(2, "Liver", 0.02),
        pair(
            3,
            "Spleen",
            None,
            status="too_few_shared_variants",
            reason="9 shared variants, at least 50 needed.",
            n_shared=9,
        ),
    ]


def _variant_effects() -> list[dict[str, object]]:
    def effect(index: int, chromosome: str, **values: object) -> dict[str, object]:
        row = {"variant": variant_at(index, chromosome)["variant"], "model": "jaspar", "status": "ok", "reason": ""}
        row |= {"scorer": "motif_log_odds", "mask": "", "largest": False}
        return {**row, **values}

    return [
        effect(
            600,
            "22",
            track="GATA1 MA0035.5",
            track_group="GATA",
            scorer="motif_log_odds",
            value=-4.2,
            background_quantile=0.98,
        ),
        effect(
            600,
            "22",
            track="SP1 MA0079.5",
            track_group="SP",
            scorer="motif_log_odds",
            value=1.1,
            background_quantile=0.6,
        ),
        effect(600, "17", status="no_sequence", reason="The FASTA has only N there."),
    ]


def _mutagenesis() -> list[dict[str, object]]:
    rng = np.random.default_rng(7)
    rows: list[dict[str, object]] = []
    for position in range(LEAD - 40, LEAD + 41):
        ref = "A" if position == LEAD else "ACGT"[position % 4]
        for alt in "ACGT":
            if alt != ref:
                near = np.exp(-(((position - LEAD) / 5) ** 2))
                rows.append(
                    dict(locus="alpha_strong", variant=f"22:{LEAD}:A:G", model="jaspar", chromosome="22", position=position,
                         ref=ref, alt=alt, track="GATA1 MA0035.5", scorer="motif_log_odds",
                         value=float(rng.normal(-4 * near, 0.25)), status="ok", reason="")
                )  # fmt: skip
    rows.append(
        dict(locus="alpha_sparse", variant=f"17:{LEAD}:A:G", model="jaspar", chromosome="17", position=LEAD,
             status="no_sequence", reason="The FASTA has only N there.")
    )  # fmt: skip
    return rows


def _model_scores() -> list[dict[str, object]]:
    return [
        dict(model="jaspar", kind="motif", scorer="motif_log_odds", mask="", formula="log10(p_ref / p_alt); version 1",
             n_tracks=1019, window_bp=256, weights_sha256="0123456789abcdef" * 4, licence="open", citation="JASPAR")
    ]  # fmt: skip


def _attribution() -> list[dict[str, object]]:
    window = dict(locus="alpha_strong", variant=f"22:{LEAD}:A:G", model="jaspar", chromosome="22")
    return [
        window | dict(position=position, ref="A" if position == LEAD else "ACGT"[position % 4], attribution=height)
        for position in range(LEAD - 40, LEAD + 41)
        for height in [4.0 if abs(position - LEAD) < 4 else 0.1]
    ]


def _motif_hits() -> list[dict[str, object]]:
    return [
        dict(locus="alpha_strong", variant=f"22:{LEAD}:A:G", model="jaspar", motif="GATA1 MA0035.5", motif_family="GATA",
             chromosome="22", start=LEAD - 5, end=LEAD + 3, strand="-", neg_log10_p=4.3, attribution_share=0.8,
             shift_p=0.0123, holds_variant=True)
    ]  # fmt: skip


def gene_id(number: int) -> str:
    """Id of the toy gene number `number`; ten per chromosome."""
    return f"ENSG{number:011d}"


def symbol(number: int) -> str:
    """Name of a toy gene; number 1 has a hostile one."""
    return HOSTILE if number == 1 else f"GENE{number}"


def _genes() -> list[dict[str, object]]:
    rows = []
    for number, chromosome in [(number, "22") for number in range(10)] + [(number, "17") for number in range(10, 15)]:
        start = START + 20_000 + (number % 10) * 95_000
        rows.append(
            dict(gene_id=gene_id(number), gene_symbol=symbol(number), chromosome=chromosome, start=start,
                 end=start + 60_000 + 8_000 * (number % 10), strand="+-"[number % 2], tss=start + 1,
                 gene_type="protein_coding" if number != 9 else "lincRNA")
        )  # fmt: skip
    return rows


def _exons() -> list[dict[str, object]]:
    return [
        dict(
            gene_id=gene["gene_id"],
            chromosome=gene["chromosome"],
            start=gene["start"] + offset,
            end=gene["start"] + offset + 2_500,
        )
        for gene in _genes()
        for offset in (0, 20_000, 40_000, 57_000)
    ]


PARTS = {
    0: "prior=-2.3;distance=1.62;convergence=0.6;colocalization_eqtl=2.4;open_chromatin=0.45;motif_change=0.71;"
    "coding_consequence=-0.3",
    1: "prior=-2.3;distance=0.9;colocalization_eqtl=0.8",
    2: "prior=-2.3;distance=-0.4;colocalization_eqtl=-0.6",
}


def _locus_classes() -> list[dict[str, object]]:
    def row(locus: str, name: str, n_candidates: int, **values: object) -> dict[str, object]:
        disease = locus.partition("_")[0]
        base = dict(disease=disease, locus=locus, locus_class=name, n_candidates=n_candidates, n_named=0, abstains=True)
        return {**base, "status": "ok", "reason": "", **values}

    return [
        row("alpha_strong", "clear", 11, n_named=2, top_gene="GENE0", top_probability=0.91, margin=0.855,
            none_probability=0.03, abstains=False),
        row("alpha_sparse", "no_local_evidence", 5, top_gene="GENE10,GENE11,GENE12,GENE13,GENE14", top_probability=0.2,
            margin=0.0, none_probability=0.004),
        row("alpha_mhc", "not_ranked", 0, status="mhc", reason="The locus lies in the MHC, where LD is too long."),
        row("alpha_small", "not_ranked", 0, status="too_few_variants", reason="12 variants, at least 50 needed."),
        row("beta_unsigned", "contested", 1, n_named=1, top_gene=HOSTILE, top_probability=0.21, none_probability=0.79),
    ]  # fmt: skip


def _contexts() -> list[dict[str, object]]:
    base = dict(disease="alpha", kind="open_chromatin", n_loci=8, background_sd=0.4, status="ok", reason="")
    return [
        dict(base, context="erythroblast", observed=3.1, expected=0.9, fold=2.57, p_value=0.001, q_value=0.002, relevance=1.0),
        dict(base, context=HOSTILE, observed=0.9, expected=0.9, fold=1.0, p_value=0.4, q_value=0.4, relevance=0.5),
        dict(base, kind="qtl", context="Whole blood", n_loci=2, relevance=1.0, status="too_few_loci",
             reason="2 loci, at least 5 needed."),
    ]  # fmt: skip


def _gene_sets() -> list[dict[str, object]]:
    def row(number: int, p: float | None, **values: object) -> dict[str, object]:
        base = dict(
            disease="alpha", gene_set=f"SET{number}", gene_set_name=f"Set {number}", source="reactome", n_genes=40
        )
        tested = dict(n_loci=4, observed=2.0, expected=1.0, fold=2.0, p_value=p, q_value=p, genes="GENE0 (0.91)")
        return {**base, **tested, "status": "ok", "reason": "", **values}

    weak = [row(number, 0.1 + number / 100) for number in range(20)]
    untested = dict(observed=None, expected=None, fold=None, status="too_few_loci", reason="1 locus; a test needs 2")
    return [*weak[::-1], row(20, None, **untested)]


def _regulators() -> list[dict[str, object]]:
    base = dict(disease="alpha", n_variants=90, observed=0.4, expected=0.2, background_sd=0.05, z_score=4.0, status="ok",
                reason="", variants=f"22:{LEAD}:A:G")  # fmt: skip
    return [
        dict(base, regulator="GATA1", family="GATA", p_value=0.001, q_value=0.01),
        dict(base, regulator="SP1", family="SP", p_value=0.5, q_value=0.5, z_score=0.0),
    ]


def _network(folder: Path, disease: str) -> str:
    path = folder / "networks" / f"{disease}.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="40"><text y="20">{disease}</text></svg>'
    )
    return str(path)


def _evidence(disease: str) -> list[dict[str, object]]:
    if disease != "alpha":
        return []
    base = dict(
        disease="alpha",
        locus="alpha_strong",
        gene_id=gene_id(0),
        gene_symbol=symbol(0),
        unit="",
        status="ok",
        reason="",
    )
    lead = f"22:{LEAD}:A:G"
    rows = [
        dict(base, source="distance", value=12_000.0, unit="bases", log_odds=1.62, detail="12,000 bases from the lead to the TSS."),
        dict(base, source="colocalization_eqtl", value=0.97, log_odds=2.4, direction=1.0, variants=lead, context="Whole blood",
             detail="Expression in whole blood shares a causal variant (H4 0.97)."),
        dict(base, source="open_chromatin", value=1.0, log_odds=0.45, context="erythroblast", detail="The variant lies in open chromatin."),
        dict(base, source="motif_change", value=-4.2, log_odds=0.71, detail="The ALT allele breaks a GATA1 motif."),
        dict(base, source="coding_consequence", value=0.0, log_odds=-0.3, detail="No coding change in any credible set."),
        dict(base, source="convergence", value=1.8, log_odds=0.6,
             detail="shares Reactome “Heme biosynthesis” with HMBS (0.9) and ALAS2 (0.7) at other loci"),
        dict(base, source="colocalization_pqtl", log_odds=0.0, status="no_qtl_in_locus", detail="not tested", reason="no QTL there"),
        dict(base, gene_id="none", gene_symbol="none of these", source="enhancer_gene_link", log_odds=0.0,
             status="no_annotation", detail="The config gives no enhancer-gene links.", reason="no annotation"),
        dict(base, gene_id=gene_id(1), gene_symbol=symbol(1), source="distance", value=70_000.0, unit="bases", log_odds=0.9,
             detail=HOSTILE_REASON),
    ]  # fmt: skip
    return [{**row, "log_odds_unweighted": row["log_odds"]} for row in rows]


def _candidate(
    disease: str, locus: str, rank: int, number: int | None, probability: float, **values: object
) -> dict[str, object]:
    row = {
        "disease": disease,
        "locus": locus,
        "locus_rank": rank,
        "gene_id": "none" if number is None else gene_id(number),
        "gene_symbol": "none of these genes" if number is None else symbol(number),
        "probability": probability,
        "probability_local": probability,
        "probability_unweighted": probability,
        "log_odds": 3.0 - rank,
        "parts": PARTS.get(number, "distance=0.1") if number is not None else "",
        "named": number is not None and "colocalization" in PARTS.get(number, ""),
        "mechanism": "",
        "status": "ok",
        "reason": "",
    }
    return {**row, **values}


def _locus_genes(disease: str) -> list[dict[str, object]]:
    if disease == "alpha":
        rows = [
            _candidate("alpha", "alpha_strong", 1, 0, 0.91, direction=1.0, contexts="Whole blood,erythroblast"),
            _candidate("alpha", "alpha_strong", 2, 1, 0.055),
            _candidate("alpha", "alpha_strong", 3, None, 0.03),
        ]
        rows += [_candidate("alpha", "alpha_strong", 3 + n, 1 + n, 0.001) for n in range(1, 9)]
        return rows + [_candidate("alpha", "alpha_sparse", n - 9, n, 0.2) for n in range(10, 15)]
    return [_candidate("beta", "beta_unsigned", 1, None, 1.0)] if disease == "beta" else []


def _targets(disease: str) -> list[dict[str, object]]:
    unknown = {
        "modulation": "unknown",
        "modulation_reliability": "none",
        "modulation_reason": "No expression or protein level colocalizes.",
        "n_other_diseases": 0,
    }
    rows = [{**row, **unknown} for row in _ranked(disease)]
    if disease == "alpha":
        rows[0] |= {
            "modulation": "inhibit",
            "modulation_reliability": "moderate",
            "modulation_reason": "More expression in whole blood, more alpha. Best H4 0.97.",
            "other_diseases": "beta_trait (0.61, activate), gamma (0.12, direction unknown)",
            "n_other_diseases": 1,
            "known_drugs": f"wonderdrug (phase 4, {HOSTILE})",
            "safety_constraint": "pLI 0.98, LOEUF 0.21: intolerant of loss of function",
        }
    return rows


def _ranked(disease: str) -> list[dict[str, object]]:
    def row(rank: int, number: int, probability: float, locus: str, **values: object) -> dict[str, object]:
        return {
            "disease": disease,
            "gene_rank": rank,
            "gene_id": gene_id(number),
            "gene_symbol": symbol(number),
            "probability": probability,
            "probability_local": probability / 2,
            "probability_unweighted": probability * 0.9,
            "best_locus": locus,
            "n_loci": 1,
            "parts": PARTS.get(number, "distance=0.1"),
            "named": "colocalization" in PARTS.get(number, ""),
            "mechanism": f"{symbol(number)} lies near the lead variant.",
            "status": "uncertain",
            "reason": f"probability {probability:.2g} is below 0.5",
            **values,
        }

    if disease == "alpha":
        first = row(1, 0, 0.913, "alpha_strong", status="confident", reason="", direction=1.0, contexts="Whole blood,erythroblast",
                    variants=f"22:{LEAD}:A:G", mechanism=f"rs600 (22:{LEAD}:A:G, PIP 0.62) -> colocalises with GENE0 expression in whole_blood "
                    "(H4 0.97; more expression, more alpha) -> alpha")  # fmt: skip
        rest = [row(1 + n, n, 0.06 / n, "alpha_strong") for n in range(1, 10)]
        return [first, *rest, *(row(1 + n, n, 0.004, "alpha_sparse", variants=f"17:{LEAD}:A:G") for n in range(10, 15))]
    if disease == "beta":
        return [row(1, 1, 0.21, "beta_unsigned", reason=HOSTILE_REASON)]
    return []
