import copy
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from locus2target.core.remote_files import LATER, FetchedFile
from locus2target.core.settings import Settings, load_settings
from locus2target.ingest import expected_loci, row_counts
from locus2target.ingest.expected_loci import ExpectedLoci, expect_all, expect_loci
from locus2target.ingest.plan import describe, make_plan
from locus2target.ingest.row_counts import count_genotypes, estimate_rows, file_kind, file_size
from locus2target.ingest.scoring_cost import CPU_SECONDS, scoring_cost, total_gpu_hours
from locus2target.statgen.loci import LocusRules

ROOT = Path(__file__).parents[3]
RULES = LocusRules(min_neg_log10_p=7.0, window_bp=100, max_locus_bp=1000, min_variants=3, left_out=None)
MODEL: dict[str, Any] = {
    "model": "m",
    "backend": "borzoi",
    "strands": 2,
    "shifts": "0,1,-1",
    "replicates": "0,1",
    "prefilter": None,
    "background": None,
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The shipped run."""
    monkeypatch.chdir(ROOT)
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return load_settings(config, schemas=ROOT / "workflow" / "schemas", where="config/config.yaml")


# ---- rows ----------------------------------------------------------------------------------------------------------


def write_rows(path: Path, n: int, *, packed: bool) -> None:
    rng = np.random.default_rng(1)
    lines = "".join(f"{i}\t{rng.random():.6f}\t{rng.random():.6f}\n" for i in range(n))
    text = "##comment\nposition\tbeta\tp\n" + lines
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_a_small_table_are_counted(tmp_path: Path, packed: bool) -> None:
    write_rows(tmp_path / "t.tsv", 1000, packed=packed)
    assert str(estimate_rows(tmp_path / "t.tsv", has_header=True)) == "1,000 rows"


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_a_large_table_are_estimated(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_counts, "_SAMPLE_BYTES", 20_000)
    write_rows(tmp_path / "t.tsv", 20_000, packed=packed)
    estimate = estimate_rows(tmp_path / "t.tsv", has_header=True)
    assert not estimate.exact
    assert str(estimate).startswith("about ")
    assert 18_000 < estimate.rows < 22_000


def test_rows_of_files_without_any_and_without_a_last_newline(tmp_path: Path) -> None:
    (tmp_path / "empty.tsv").write_text("")
    (tmp_path / "open.tsv").write_text("a\tb\n1\t2\n3\t4")
    assert estimate_rows(tmp_path / "empty.tsv", has_header=True).rows == 0
    assert estimate_rows(tmp_path / "open.tsv", has_header=True).rows == 2


def test_rows_of_a_file_without_header(tmp_path: Path) -> None:
    (tmp_path / "peaks.bed").write_text("# made by hand\n1\t2\t3\n1\t5\t6\n")
    assert estimate_rows(tmp_path / "peaks.bed", has_header=False).rows == 2


def test_kind_and_size_go_by_content(tmp_path: Path) -> None:
    demo = ROOT / "demo" / "data"
    assert file_kind(demo / "genotypes" / "EUR489_hm3.demo.bcf") == "bgzipped BCF"
    assert file_kind(demo / "genotypes" / "EUR489_dense_chr20.demo.vcf.gz") == "bgzipped VCF"
    (tmp_path / "table.txt").write_bytes(gzip.compress(b"a\n"))
    assert file_kind(tmp_path / "table.txt") == "gzipped TXT"
    assert file_kind(tmp_path) == "folder"
    assert file_size(tmp_path) == file_size(tmp_path / "table.txt")


def test_genotypes_are_counted_by_their_index() -> None:
    assert count_genotypes(str(ROOT / "demo/data/genotypes/EUR489_hm3.demo.bcf"))[0] == 489


# ---- loci ----------------------------------------------------------------------------------------------------------


def study_file(path: Path, places: dict[int, str]) -> dict[str, Any]:
    header = "chromosome\tbase_pair_location\teffect_allele\tother_allele\tp_value\n"
    path.write_text(header + "".join(f"chr1\t{place}\tA\tG\t{p}\n" for place, p in places.items()))
    return {"path": str(path), "format": "table", "columns": None}


def test_loci_are_counted_from_leads(tmp_path: Path) -> None:
    row = study_file(
        tmp_path / "gwas.tsv",
        {1000: "1e-9", 1050: "0.1", 1090: "1e-8", 5000: "1e-300", 5001: "0.2", 5050: "NA", 9000: "0.5"},
    )
    # the second has too few variants, as the row without p does not count
    assert expect_loci(row, RULES) == ExpectedLoci(analysed=1, listed=1, variants=3)


def test_no_lead_is_no_locus(tmp_path: Path) -> None:
    assert expect_loci(study_file(tmp_path / "gwas.tsv", {5: "0.5"}), RULES) == ExpectedLoci(0, 0, 0)


def test_why_loci_are_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = study_file(tmp_path / "large.tsv", {5: "0.5"})
    broken = study_file(tmp_path / "broken.tsv", {5: "0.5"})
    (tmp_path / "broken.tsv").write_bytes(gzip.compress(b"a" * 9)[:-5])
    monkeypatch.setattr(expected_loci, "MAX_BYTES", 50)
    found = expect_all({"large": large, "sets": large | {"format": "credible_sets"}, "broken": broken}, RULES)
    assert str(found["large"]).startswith("not known before harmonisation: larger than")
    assert found["sets"] == "comes fine-mapped: as many as its file has"
    assert "truncated or damaged" in str(found["broken"])


# ---- cost ----------------------------------------------------------------------------------------------------------


def test_windows_are_bounded_by_hand() -> None:
    cost = scoring_cost(MODEL, variants=10, background=100, mutated_windows=2, flank_bp=1)
    assert cost.windows == (2 * (10 + 100) + 2 * (3 * 3 + 1)) * 2 * 3 * 2
    assert cost.cpu_hours == pytest.approx(cost.windows * CPU_SECONDS["borzoi"] / 3600)
    assert cost.gpu_hours == pytest.approx(cost.windows * 0.49 / 3600)


@pytest.mark.parametrize(
    ("change", "windows"),
    [({"prefilter": 0.5}, 2 * (5 + 100)), ({"background": "given.parquet"}, 2 * 10), ({}, 2 * (10 + 100))],
)
def test_what_makes_scoring_cheaper(change: dict[str, Any], windows: int) -> None:
    plain = MODEL | {"strands": None, "shifts": None, "replicates": None}
    assert scoring_cost(plain | change, variants=10, background=100, mutated_windows=0, flank_bp=1).windows == windows


def test_models_without_a_figure_or_without_windows() -> None:
    amounts = {"variants": 10, "background": 0, "mutated_windows": 0, "flank_bp": 1}
    unknown = scoring_cost(MODEL | {"backend": "huggingface"}, **amounts)
    table = scoring_cost(MODEL | {"backend": "score_table"}, **amounts)
    assert (unknown.cpu_hours, unknown.gpu_hours) == (None, None)
    assert (table.windows, table.gpu_hours) == (0, 0.0)
    assert total_gpu_hours([unknown, table]) == 0


# ---- the plan ------------------------------------------------------------------------------------------------------


def test_plan_of_the_shipped_run(settings: Settings) -> None:
    plan = make_plan(settings, config="config/config.yaml", jobs={"index_reference": 1, "harmonize_qtl": 6})
    text = describe(plan)
    assert plan.counts == {"studies": 6, "diseases": 6, "cohorts": 2, "QTL sets": 6, "models": 1}
    assert plan.people == {"EUR489_hm3": 489, "EUR489_dense_chr20": 489}
    assert plan.is_whole
    assert plan.analysed > 0
    paths = {file.path for file in plan.files}
    assert {row["path"] for row in settings.studies.values()} <= paths
    assert {row["path"] for row in settings.qtls.values()} <= paths
    assert set(settings.cohort_files) <= paths
    assert "489 samples, 6,484 records" in text
    assert f"{plan.analysed} loci to analyse, {plan.variants:,} variants in them" in text
    assert "every variant of a locus is scored" in text
    assert "docs/performance.md" in text
    assert "1,862 rows" in text  # gene sets, as resources/pathways/README.md has them
    assert text.rstrip().endswith("7")  # jobs in all


def test_plan_says_what_it_does_not_know(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_loci, "MAX_BYTES", 0)
    text = describe(make_plan(settings, config="c.yaml", jobs=None))
    assert "at least 0 loci to analyse" in text
    assert "not every study could be counted" in text
    assert "for the counted loci at most" in text
    assert "Snakemake printed its own table" in text


def test_plan_of_a_run_that_is_done_and_scores_few(settings: Settings) -> None:
    config = copy.deepcopy(dict(settings.config))
    config["functional_priors"]["enabled"] = False
    changed = Settings(config, settings.studies, settings.cohorts, settings.qtls, settings.models)
    text = describe(make_plan(changed, config="c.yaml", jobs={}))
    assert "nothing to do, every result is there" in text
    assert "only variants with enough PIP are scored" in text


def test_remote_files_are_listed_with_what_is_known_of_them(settings: Settings) -> None:
    study, cohort = next(iter(settings.studies)), next(iter(settings.cohorts))
    settings.studies[study]["path"] = "https://host/gwas.tsv.gz"
    settings.cohorts[cohort][0]["genotypes"] = "s3://bucket/c.bcf"
    plan = make_plan(settings, config="c.yaml", jobs=None)
    assert plan.people[cohort] is None
    assert plan.loci[study] == LATER
    later = [file for file in plan.files if file.holds == LATER]
    assert {file.path for file in later} == {"https://host/gwas.tsv.gz", "s3://bucket/c.bcf", "s3://bucket/c.bcf.csi"}
    assert {file.size for file in later} == {None}
    text = describe(plan)
    assert f"{cohort} remote" in text
    assert "not every study could be counted" in text


def test_fetched_files_are_counted_and_listed_with_their_address(settings: Settings) -> None:
    study = next(iter(settings.studies))
    before = make_plan(settings, config="c.yaml", jobs=None)
    settings.studies[study]["path"] = FetchedFile(settings.studies[study]["path"], "https://host/gwas.tsv.gz")
    plan = make_plan(settings, config="c.yaml", jobs=None)
    assert plan.loci == before.loci
    (file,) = (file for file in plan.files if file.role == f"study {study}")
    assert (file.path, file.size) == ("https://host/gwas.tsv.gz", Path(settings.studies[study]["path"]).stat().st_size)
