"""The demo on real data gives the answers that are known, and says what it cannot know."""

import math
from pathlib import Path

import pandas as pd
import pytest
from running import run_snakemake
from toy import ROOT

from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("demo")]


def ranked(demo: Path, disease: str) -> list[str]:
    table = read_table(demo / f"results/rank_genes/{disease}.parquet", schemas.RANKED_GENES)
    return list(table.sort_values("gene_rank")["gene_symbol"])


KNOWN = [
    # disease, gene, gene id, H4 of coloc.abf on the whole overlap with p1 = p2 = 1e-4, p12 = 1e-5
    ("ldl_cholesterol", "HMGCR", "ENSG00000113161", 0.976),
    ("rheumatoid_arthritis", "CTLA4", "ENSG00000163599", 0.993),
    ("lymphocyte_count", "RBMS1", "ENSG00000153250", 0.981),
    ("covid_19", "OAS1", "ENSG00000089127", 0.998),
]


@pytest.mark.parametrize(("disease", "symbol", "gene_id", "h4"), KNOWN)
def test_known_gene_comes_first_because_it_colocalises(
    demo: Path, disease: str, symbol: str, gene_id: str, h4: float
) -> None:
    assert ranked(demo, disease)[0] == symbol
    pairs = read_tables(sorted((demo / "results/colocalize_loci").glob("*-of-?.parquet")), schemas.COLOCALIZATION)
    whole_locus = pairs[(pairs["disease"] == disease) & (pairs["gene_id"] == gene_id) & (pairs["signal"] == 0)]
    assert whole_locus["posterior_h4"].max() == pytest.approx(h4, abs=0.03)
    evidence = read_table(demo / f"results/assemble_evidence/{disease}.parquet", schemas.EVIDENCE)
    reasons = evidence[(evidence["gene_id"] == gene_id) & evidence["source"].str.startswith("colocalization")]
    assert reasons["log_odds"].max() > 1


def test_every_disease_has_a_ranked_list(demo: Path) -> None:
    for disease in (*(row[0] for row in KNOWN), "schizophrenia", "type_1_diabetes"):
        assert ranked(demo, disease)
        assert (demo / f"results/rank_genes/{disease}.tsv").is_file()


def fine_mapping(demo: Path) -> "object":
    return read_tables(sorted((demo / "results/finemap_loci").glob("*.fine_mapping.parquet")), schemas.FINE_MAPPING)


def test_statistics_without_sign_rule_out_ld_and_direction(demo: Path) -> None:
    table = fine_mapping(demo)
    locus = table[table["disease"] == "type_1_diabetes"].iloc[0]
    assert (locus["method"], locus["status"]) == ("abf", "unsigned_statistics")
    genes = read_table(demo / "results/rank_genes/type_1_diabetes.parquet", schemas.RANKED_GENES)
    assert genes["direction"].isna().all()


def test_the_mhc_is_listed_and_not_analysed(demo: Path) -> None:
    table = fine_mapping(demo)
    mhc = table[(table["disease"] == "schizophrenia") & (table["status"] == "mhc")]
    assert len(mhc) >= 1
    assert (mhc["method"] == "none").all()


def test_susie_runs_where_the_panel_covers_the_signal_and_only_there(demo: Path) -> None:
    table = fine_mapping(demo)
    assert (table["method"] == "susie").any()
    sparse = table[table["status"] == "ld_sparse"]
    assert len(sparse) >= 1
    assert (sparse["method"] == "abf").all()


def test_the_reference_engine_agrees_on_real_loci(demo: Path) -> None:
    checks = read_table(demo / "results/crosscheck_loci/crosscheck.parquet", schemas.ENGINE_CROSSCHECK)
    assert checks["status"].tolist() == ["ok", "ok"]
    assert checks["max_pip_difference"].max() < 1e-6
    assert (checks["n_iterations"] == checks["other_n_iterations"]).all()


def test_gene_directions_are_the_known_ones(demo: Path) -> None:
    """Statins lower HMGCR activity and LDL; CTLA4 brakes T cells, its fusion protein treats rheumatoid arthritis."""
    path = demo / "results/tabulate_directions/gene_directions.parquet"
    directions = read_table(path, schemas.GENE_DIRECTIONS).set_index(["disease", "gene_symbol"])["direction"]
    assert directions["ldl_cholesterol", "HMGCR"] == 1
    assert directions["rheumatoid_arthritis", "CTLA4"] == -1


def test_functional_priors_learn_nothing_from_a_dozen_loci_and_say_so(demo: Path) -> None:
    enrichment = read_table(demo / "results/fit_priors/enrichment.parquet", schemas.PRIOR_ENRICHMENT)
    overall = enrichment[(enrichment["left_out"] == "none") & (enrichment["kind"] == "fitted")].set_index("feature")
    assert overall.loc["coding_consequence", "status"] == "no_annotation"
    effects = read_tables(
        sorted((demo / "results/apply_priors").glob("*.prior_effects.parquet")), schemas.PRIOR_EFFECTS
    )
    assert (effects["pip_uniform"] - effects["pip_functional"]).abs().max() < 0.1


def test_no_claim_from_sequence_that_is_not_there(demo: Path) -> None:
    effects = read_tables(sorted((demo / "results/score_variants").glob("*/*.parquet")), schemas.VARIANT_EFFECTS)
    absent = effects[effects["status"] == "no_sequence"]
    assert len(absent)
    assert absent["value"].isna().all()
    assert set(absent["variant"].str.partition(":")[0]) <= {"2", "3", "5", "7", "10", "11", "12", "15"}
    for disease in ("ldl_cholesterol", "covid_19"):
        evidence = read_table(demo / f"results/assemble_evidence/{disease}.parquet", schemas.EVIDENCE)
        assert (evidence.loc[evidence["source"] == "motif_change", "log_odds"] == 0).all()


def test_the_report_says_what_it_cannot_know(demo: Path) -> None:
    page = (demo / "results/render_report/report.html").read_text()
    for status in ("unsigned_statistics", "fewer_effects", "ld_sparse", "no_sequence", "mhc"):
        assert status in page
    assert "distance_only" in (demo / "results/render_report/summary.json").read_text()
    assert page.count("No confident target") >= 2  # type 1 diabetes and schizophrenia rest on distance alone
    assert len(page) < 4_000_000


def test_nobody_is_a_confident_target_on_distance_alone(demo: Path) -> None:
    for path in (demo / "results/rank_genes").glob("*.parquet"):
        if path.name.count(".") == 1:
            table = read_table(path, schemas.RANKED_GENES)
            named = table.loc[table["status"] == "confident", "parts"]
            assert named.str.contains("colocalization|coding_consequence|enhancer_gene_link").all()


def test_a_strong_qtl_beside_the_signal_takes_nobody_in(demo: Path) -> None:
    """At 17p13.3, GTEx has some of its strongest eQTLs, of TSR1 and SRR; none of their leads is in a credible set."""
    pairs = read_tables(sorted((demo / "results/colocalize_loci").glob("*-of-?.parquet")), schemas.COLOCALIZATION)
    here = pairs[(pairs["disease"] == "schizophrenia") & pairs["locus"].str.contains("__17_1708")]
    assert here.groupby("gene_id")["qtl_neg_log10_p"].max().nlargest(2).min() > 60
    folder = demo / "results/rank_genes"
    evidence = read_table(folder / "schizophrenia.evidence.parquet", schemas.EVIDENCE)
    from_qtl = evidence["source"].str.contains("qtl|cis_mr") & evidence["locus"].isin(set(here["locus"]))
    assert from_qtl.sum() >= 10
    assert (evidence.loc[from_qtl, "log_odds"] <= 0).all()
    classes = read_table(folder / "schizophrenia.locus_classes.parquet", schemas.LOCUS_CLASSES)
    locus = classes[classes["locus"].isin(set(here["locus"]))].iloc[0]
    assert locus["locus_class"] == "no_local_evidence"
    assert locus["abstains"]


def test_ranks_probabilities_and_parts_recompute_from_the_tables_for_people(demo: Path) -> None:
    """The formula of docs/ranking_model.md, from the TSV files and the weights alone."""
    weights = pd.read_csv(ROOT / "resources/ranking/evidence_weights.tsv", sep="\t", comment="#")
    log_odds = weights.set_index(["source", "level"])["log_odds"]
    groups = {
        "group_qtl": {*(f"colocalization_{kind}qtl" for kind in ("e", "s", "p", "ca")), "qtl_lead_overlap", "cis_mr"},
        "group_regulatory": {"gene_effect", "enhancer_gene_link", "open_chromatin", "motif_change"},
    }
    for disease in (*(row[0] for row in KNOWN), "schizophrenia", "type_1_diabetes"):
        evidence = pd.read_csv(demo / f"results/rank_genes/{disease}.evidence.tsv", sep="\t")
        candidates = pd.read_csv(demo / f"results/rank_genes/{disease}.locus_genes.tsv", sep="\t")
        for locus, rows in candidates[candidates["status"] != "mhc"].groupby("locus"):
            genes = rows[rows["gene_id"] != "none"]
            sums = {}
            for gene in genes["gene_id"]:
                own = evidence[(evidence["locus"] == locus) & (evidence["gene_id"] == gene)]
                parts = own[own["status"] != "not_candidate"].groupby("source")["log_odds"].sum().to_dict()
                for group, members in groups.items():
                    inside = [parts.pop(name) for name in members & set(parts)]
                    for_it = sorted((x for x in inside if x > 0), reverse=True)
                    against = sorted(x for x in inside if x < 0)
                    total = sum(sum(x[:1]) + log_odds[group, "shrink"] * sum(x[1:]) for x in (for_it, against))
                    parts[group] = max(-log_odds[group, "cap"], min(log_odds[group, "cap"], total))
                sums[gene] = math.log(1 / len(genes)) + sum(parts.values())
            sums["none"] = log_odds["prior", "none"]
            whole = sum(math.exp(value) for value in sums.values())
            expected = rows["gene_id"].map({gene: math.exp(value) / whole for gene, value in sums.items()})
            assert rows["probability"].tolist() == pytest.approx(expected.tolist(), rel=1e-4)
            assert rows.sort_values("locus_rank")["probability"].is_monotonic_decreasing
            parts_of = genes["parts"].map(lambda text: sum(float(part.split("=")[1]) for part in text.split(";")))
            assert parts_of.tolist() == pytest.approx([sums[gene] for gene in genes["gene_id"]], abs=1e-4)


def test_the_benchmark_of_the_ranking_runs_by_name(demo: Path) -> None:
    run_snakemake(demo, "--cores", "1", "benchmark_ranking")
    metrics = pd.read_csv(demo / "results/benchmark_ranking/metrics.tsv", sep="\t")
    top = metrics[metrics["metric"] == "top_1"].set_index(["average", "method"])["value"]
    assert top["locus", "model"] >= top["locus", "nearest_tss"] + 0.08
    assert top["gene", "model"] >= top["gene", "nearest_tss"] + 0.10
    lines = (demo / "results/benchmark_ranking/metrics.jsonl").read_text().splitlines()
    assert len(lines) == len(metrics)


def test_a_second_run_does_nothing(demo: Path) -> None:
    assert "Nothing to be done" in run_snakemake(demo, "--cores", "1").stdout
