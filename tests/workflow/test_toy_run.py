"""The whole DAG on the toy cohort: the planted variant and the planted gene come out."""

import re
from pathlib import Path

import pytest
import yaml
from running import planned_jobs, run_snakemake
from toy import OUTCOME_PER_EXPOSURE, Toy, write_gene_model

from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables
from locus2target.targets.annotations import read_consequences

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]
CONFIG = ("--configfile", "config/config.yaml")


def batches(toy: Toy, pattern: str) -> list[Path]:
    return sorted((toy.directory / "results").glob(pattern))


def test_job_counts_of_a_dry_run(toy: Toy) -> None:
    done = run_snakemake(toy.directory, "--cores", "1", "--dry-run", "--forceall", *CONFIG)
    assert planned_jobs(done.stdout) == {
        "check_run": 1,
        "record_run": 1,
        "index_reference": 1,
        "annotate_genes": 1,
        "harmonize_sumstats": 3,
        "harmonize_qtl": 1,
        "define_loci": 3,
        "split_loci": 1,
        "finemap_loci": 2,
        "import_credible_sets": 1,
        "crosscheck_loci": 1,
        "finemap_qtls": 3,
        "colocalize_loci": 3,
        "estimate_cis_effects": 3,
        "tabulate_directions": 1,
        "collect_variants": 1,
        "sample_background": 2,
        "score_variants": 4,
        "mutate_windows": 4,
        "fit_priors": 1,
        "apply_priors": 2,
        "deal_results": 6,
        "enrich_contexts": 4,
        "assemble_evidence": 4,
        "converge_loci": 1,
        "rank_genes": 4,
        "annotate_targets": 4,
        "enrich_gene_sets": 4,
        "enrich_regulators": 4,
        "draw_network": 4,
        "plot_locus": 4,
        "render_report": 1,
        "tabulate_findings": 4,
        "export_results": 1,
    }


def test_every_input_row_is_kept_and_flipped_back(finished_toy: Toy) -> None:
    sumstats = read_table(finished_toy.directory / "results/harmonize_sumstats/toy_gwas.parquet", schemas.SUMSTATS)
    assert len(sumstats) == 300
    assert sumstats["ref_verified"].all()
    dispositions = read_table(
        finished_toy.directory / "results/harmonize_sumstats/toy_gwas.dispositions.parquet", schemas.DISPOSITIONS
    )
    assert len(dispositions) == 300
    counts = dispositions["disposition"].value_counts()
    assert 100 < counts["kept_flipped"] < 200  # each row's effect allele was REF with probability one half


def test_planted_variant_is_fine_mapped_with_ld(finished_toy: Toy) -> None:
    status = read_tables(batches(finished_toy, "finemap_loci/*.fine_mapping.parquet"), schemas.FINE_MAPPING)
    locus = status[status["disease"] == "toy_disease"].iloc[0]
    assert (locus["method"], locus["ld_verdict"], locus["status"]) == ("susie", "PASS", "ok")
    variants = read_tables(batches(finished_toy, "finemap_loci/*.credible_sets.parquet"), schemas.CREDIBLE_SETS)
    planted = variants[variants["variant"] == finished_toy.causal_variant].iloc[0]
    assert planted["credible_set"] >= 1
    assert planted["pip"] > 0.1


def test_planted_gene_colocalises_with_opposite_sign(finished_toy: Toy) -> None:
    pairs = read_tables(batches(finished_toy, "colocalize_loci/*-of-?.parquet"), schemas.COLOCALIZATION)
    genes = read_table(finished_toy.directory / "results/annotate_genes/genes.parquet", schemas.GENES)
    of_disease = pairs[pairs["primary"] & (pairs["disease"] == "toy_disease")]
    primary = of_disease.merge(genes[["gene_id", "gene_symbol"]], on="gene_id")
    h4 = primary.set_index("gene_symbol")["posterior_h4"]
    assert h4["TARGET"] > 0.8
    assert h4["NEAREST"] < 0.2
    assert primary.set_index("gene_symbol")["direction"]["TARGET"] == -1
    assert primary.set_index("gene_symbol")["method"]["TARGET"] == "susie"  # both sides are parted into signals


def test_the_other_engine_gives_the_same_answer(finished_toy: Toy) -> None:
    path = finished_toy.directory / "results/crosscheck_loci/crosscheck.parquet"
    checks = read_table(path, schemas.ENGINE_CROSSCHECK)
    assert len(checks) == 2
    assert (checks["status"] == "ok").all()
    assert checks["max_pip_difference"].max() < 1e-6
    assert checks["same_credible_sets"].all()
    assert (checks["n_iterations"] == checks["other_n_iterations"]).all()


def test_gene_effect_on_the_disease_is_the_planted_one(finished_toy: Toy) -> None:
    effects = read_tables(batches(finished_toy, "estimate_cis_effects/*-of-?.parquet"), schemas.CIS_EFFECTS)
    planted = effects[effects["disease"] == "toy_disease"].iloc[0]
    assert (planted["gene_id"], planted["status"], planted["method"]) == ("ENSG00000000002", "ok", "wald_ratio")
    assert abs(planted["estimate"] - 0.05 / -0.5) < 3 * planted["standard_error"]
    directions = read_table(
        finished_toy.directory / "results/tabulate_directions/gene_directions.parquet", schemas.GENE_DIRECTIONS
    )
    assert set(directions["gene_symbol"]) == {"TARGET"}
    assert (directions["direction"] == -1).all()


def test_trait_effect_is_the_planted_one(finished_toy: Toy) -> None:
    folder = finished_toy.directory / "results/estimate_trait_effects"
    effects = read_table(folder / "toy_gwas.on.outcome_gwas.parquet", schemas.TRAIT_EFFECTS).set_index("method")
    wald = effects.loc["wald_ratio"]
    assert abs(wald["estimate"] - OUTCOME_PER_EXPOSURE) < 3 * wald["standard_error"]
    assert effects.loc["egger", "status"] == "too_few_instruments"
    instruments = read_table(folder / "toy_gwas.on.outcome_gwas.instruments.parquet", schemas.TRAIT_INSTRUMENTS)
    assert (instruments["status"] == "used").sum() == 1
    for form in ("svg", "png"):
        drawn = {path.stem for path in (folder / "toy_gwas.on.outcome_gwas").glob(f"*.{form}")}
        assert drawn == {"scatter", "forest", "funnel", "radial"}
    readme = (folder / "toy_gwas.on.outcome_gwas" / "README.md").read_text()
    for schema in (schemas.TRAIT_EFFECTS, schemas.TRAIT_INSTRUMENTS):
        assert all(f"| `{column.name}` |" in readme for column in schema.columns)


def test_two_loci_are_too_few_for_a_functional_prior(finished_toy: Toy) -> None:
    effects = read_tables(batches(finished_toy, "apply_priors/*.prior_effects.parquet"), schemas.PRIOR_EFFECTS)
    assert len(effects)
    known = effects.dropna(subset="pip_uniform")
    assert (known["pip_uniform"] - known["pip_functional"]).abs().max() < 1e-9
    enrichment = read_table(finished_toy.directory / "results/fit_priors/enrichment.parquet", schemas.PRIOR_ENRICHMENT)
    assert "too_few_loci" in set(enrichment["status"])


def test_imported_credible_sets_join_the_chain(finished_toy: Toy) -> None:
    folder = finished_toy.directory / "results"
    variants = read_table(folder / "import_credible_sets/toy_sets.credible_sets.parquet", schemas.CREDIBLE_SETS)
    planted = variants.set_index("variant").loc[finished_toy.causal_variant]
    assert planted["credible_set"] == 1
    pairs = read_table(folder / "colocalize_loci/toy_sets.parquet", schemas.COLOCALIZATION)
    assert pairs.set_index("gene_id").loc["ENSG00000000002", "posterior_h4"] > 0.8
    ranked = read_table(folder / "rank_genes/imported_disease.parquet", schemas.RANKED_GENES)
    assert ranked.sort_values("gene_rank")["gene_symbol"].iloc[0] == finished_toy.target_gene


def test_planted_gene_ranks_first_before_the_nearest(finished_toy: Toy) -> None:
    ranked = read_table(finished_toy.directory / "results/rank_genes/toy_disease.parquet", schemas.RANKED_GENES)
    assert ranked.sort_values("gene_rank")["gene_symbol"].iloc[0] == finished_toy.target_gene
    assert ranked["gene_symbol"].is_unique
    assert "TARGET" in ranked.iloc[0]["mechanism"]


def test_a_single_disease_learns_nothing_from_its_other_chromosomes(finished_toy: Toy) -> None:
    scores = read_table(finished_toy.directory / "results/converge_loci/toy_disease.parquet", schemas.CONVERGENCE)
    assert set(scores["status"]) == {"too_few_loci"}
    locus_genes = read_table(
        finished_toy.directory / "results/rank_genes/toy_disease.locus_genes.parquet", schemas.LOCUS_GENES
    )
    assert (locus_genes["probability"] == locus_genes["probability_local"]).all()


def test_the_target_table_says_what_a_drug_must_do_and_where_else_the_gene_acts(finished_toy: Toy) -> None:
    targets = read_table(finished_toy.directory / "results/annotate_targets/toy_disease.parquet", schemas.TARGETS)
    first = targets.iloc[0]
    assert (first["gene_symbol"], first["modulation"]) == (finished_toy.target_gene, "activate")
    assert "outcome" in first["other_diseases"]  # its GWAS shares the causal variant


def test_gene_models_give_coding_consequences(finished_toy: Toy, tmp_path: Path) -> None:
    """The real bcftools, on a gene whose only exon is one reading frame around a variant."""
    model = write_gene_model(finished_toy, tmp_path / "models.gff3")
    config = yaml.safe_load(finished_toy.config.read_text())
    config["annotations"]["gene_models_gff3"] = str(tmp_path / "models.gff3")
    changed = tmp_path / "config.yaml"
    changed.write_text(yaml.safe_dump(config, sort_keys=False))
    target = "results/predict_consequences/consequences.tsv"
    run_snakemake(finished_toy.directory, "--cores", "1", target, "--configfile", str(changed))
    found = read_consequences(finished_toy.directory / target)
    assert found[["position", "gene_id"]].to_numpy().tolist() == [[model.position, "ENSG00000000001"]]
    assert found["consequence"].tolist() == [model.consequence]


def test_a_disease_without_signal_has_a_status_and_no_gene(finished_toy: Toy) -> None:
    ranked = read_table(finished_toy.directory / "results/rank_genes/null_disease.parquet", schemas.RANKED_GENES)
    assert ranked.empty
    locus_genes = read_table(
        finished_toy.directory / "results/rank_genes/null_disease.locus_genes.parquet", schemas.LOCUS_GENES
    )
    assert locus_genes["status"].tolist() == ["no_lead"]


def test_report_names_the_gene_and_calls_nobody(finished_toy: Toy) -> None:
    page = (finished_toy.directory / "results/render_report/report.html").read_text()
    assert "TARGET" in page
    assert "Content-Security-Policy" in page
    assert not re.search(r"""(?:src|href)=["']?https?://""", page)


def test_a_second_run_does_nothing(finished_toy: Toy) -> None:
    done = run_snakemake(finished_toy.directory, "--cores", "1", *CONFIG)
    assert "Nothing to be done" in done.stdout


AFTER_GENE_SETS = {"draw_network", "tabulate_findings", "render_report"}
AFTER_RANKING = {"rank_genes", "annotate_targets", "enrich_gene_sets", "plot_locus", *AFTER_GENE_SETS}
AFTER_EVIDENCE = {"assemble_evidence", "converge_loci", *AFTER_RANKING}
AFTER_EFFECTS = {"tabulate_directions", "deal_results", *AFTER_EVIDENCE}
AFTER_COLOC = {"colocalize_loci", "estimate_cis_effects", "enrich_contexts", *AFTER_EFFECTS}
AFTER_SCORES = {"fit_priors", "apply_priors", "mutate_windows", "enrich_regulators", *AFTER_EVIDENCE}
AFTER_EFFECT_SIZES = AFTER_SCORES - {"mutate_windows"}
AFTER_FINEMAP = {"collect_variants", "score_variants", "crosscheck_loci", *AFTER_SCORES, *AFTER_COLOC}


@pytest.mark.parametrize(
    ("section", "key", "value", "reruns"),
    [
        ("colocalization", "min_shared_variants", 60, AFTER_COLOC),
        ("colocalization", "qtl_p", 1.0e-6, {"finemap_qtls", *AFTER_COLOC}),
        ("ranking", "confident_probability", 0.7, AFTER_RANKING),
        ("ranking", "convergence", {"enabled": False, "min_loci": 10}, {"converge_loci", *AFTER_RANKING}),
        ("contexts", "max_q", 0.1, {"enrich_contexts", *AFTER_EVIDENCE}),
        ("pathways", "seed", 2, {"enrich_gene_sets", "enrich_regulators", *AFTER_GENE_SETS}),
        ("annotations", "known_drugs", "data/genes.gtf", {"annotate_targets", "render_report"}),
        ("report", "title", "another title", {"render_report"}),
        ("scoring", "tracks_per_score", 5, {"score_variants", *AFTER_EFFECT_SIZES}),
        ("scoring", "background_variants", 500, {"sample_background", "score_variants", *AFTER_EFFECT_SIZES}),
        ("mutagenesis", "flank_bp", 20, {"mutate_windows", "render_report"}),
        ("finemapping", "max_signals", 5, {"finemap_loci", "finemap_qtls", *AFTER_FINEMAP}),
        ("finemapping", "crosscheck", 1, {"crosscheck_loci", "render_report"}),
        ("mendelian_randomization", "min_posterior_h4", 0.6, {"estimate_cis_effects", *AFTER_EFFECTS}),
        (
            "functional_priors",
            "prior_sd",
            0.4,
            {"fit_priors", "apply_priors", "render_report"},
        ),
        (
            "loci",
            "lead_p",
            1.0e-9,
            {"define_loci", "import_credible_sets", "split_loci", "finemap_loci", "finemap_qtls", *AFTER_FINEMAP},
        ),
    ],
)
def test_a_changed_setting_reruns_the_rules_that_use_it(
    finished_toy: Toy, tmp_path: Path, section: str, key: str, value: object, reruns: set[str]
) -> None:
    config = yaml.safe_load(finished_toy.config.read_text())
    config[section][key] = value
    changed = tmp_path / "config.yaml"
    changed.write_text(yaml.safe_dump(config, sort_keys=False))
    done = run_snakemake(
        finished_toy.directory, "--cores", "1", "--dry-run", "--configfile", str(changed), "--rerun-triggers", "params"
    )
    assert set(planned_jobs(done.stdout)) == reruns | {"check_run", "record_run", "export_results"}
