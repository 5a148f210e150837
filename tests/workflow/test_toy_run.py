"""The whole DAG on the toy cohort: the planted variant and the planted gene come out."""

import re
from pathlib import Path

import pytest
import yaml
from running import planned_jobs, run_snakemake
from toy import Toy

from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]
CONFIG = ("--configfile", "config/config.yaml")


def batches(toy: Toy, pattern: str) -> list[Path]:
    return sorted((toy.directory / "results").glob(pattern))


def test_job_counts_of_a_dry_run(toy: Toy) -> None:
    done = run_snakemake(toy.directory, "--cores", "1", "--dry-run", "--forceall", *CONFIG)
    assert planned_jobs(done.stdout) == {
        "index_reference": 1,
        "annotate_genes": 1,
        "harmonize_sumstats": 2,
        "harmonize_qtl": 1,
        "define_loci": 2,
        "split_loci": 1,
        "finemap_loci": 2,
        "colocalize_loci": 2,
        "collect_variants": 1,
        "score_variants": 2,
        "mutate_windows": 2,
        "assemble_evidence": 2,
        "rank_genes": 2,
        "plot_locus": 2,
        "render_report": 1,
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
    pairs = read_tables(batches(finished_toy, "colocalize_loci/*.parquet"), schemas.COLOCALIZATION)
    genes = read_table(finished_toy.directory / "results/annotate_genes/genes.parquet", schemas.GENES)
    primary = pairs[pairs["primary"]].merge(genes[["gene_id", "gene_symbol"]], on="gene_id")
    h4 = primary.set_index("gene_symbol")["posterior_h4"]
    assert h4["TARGET"] > 0.8
    assert h4["NEAREST"] < 0.2
    assert primary.set_index("gene_symbol")["direction"]["TARGET"] == -1


def test_planted_gene_ranks_first_before_the_nearest(finished_toy: Toy) -> None:
    ranked = read_table(finished_toy.directory / "results/rank_genes/toy_disease.parquet", schemas.RANKED_GENES)
    assert ranked.sort_values("gene_rank")["gene_symbol"].iloc[0] == finished_toy.target_gene
    assert ranked["gene_symbol"].is_unique
    assert "TARGET" in ranked.iloc[0]["mechanism"]


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


def test_snakemake_report_shows_the_figures(finished_toy: Toy, tmp_path: Path) -> None:
    for suffix in ("html", "zip"):
        target = tmp_path / f"report.{suffix}"
        run_snakemake(finished_toy.directory, "--cores", "1", "--report", str(target), *CONFIG)
        assert target.stat().st_size > 100_000
    page = (tmp_path / "report.html").read_text()
    for item in ("toy_gwas__1_", "Ranked genes", "Quality control"):
        assert item in page


def test_a_second_run_does_nothing(finished_toy: Toy) -> None:
    done = run_snakemake(finished_toy.directory, "--cores", "1", *CONFIG)
    assert "Nothing to be done" in done.stdout


AFTER_RANKING = {"rank_genes", "plot_locus", "render_report"}
AFTER_COLOC = {"colocalize_loci", "assemble_evidence", *AFTER_RANKING}
AFTER_FINEMAP = {"finemap_loci", "collect_variants", "score_variants", "mutate_windows", *AFTER_COLOC}


@pytest.mark.parametrize(
    ("section", "key", "value", "reruns"),
    [
        ("colocalization", "min_shared_variants", 60, AFTER_COLOC),
        ("ranking", "confident_probability", 0.7, AFTER_RANKING),
        ("report", "title", "another title", {"render_report"}),
        ("mutagenesis", "flank_bp", 20, {"mutate_windows", "render_report"}),
        ("finemapping", "max_signals", 5, AFTER_FINEMAP),
        ("loci", "lead_p", 1.0e-9, {"define_loci", "split_loci", *AFTER_FINEMAP}),
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
    assert set(planned_jobs(done.stdout)) == reruns
