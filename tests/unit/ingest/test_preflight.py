from pathlib import Path
from typing import Any

import pysam
import pytest
import yaml

from locus2target.core import remote_files
from locus2target.core.errors import InputError
from locus2target.core.remote_files import FetchedFile
from locus2target.core.settings import Settings
from locus2target.ingest.preflight import check_fetched, check_inputs, examine_run, load_run

ROOT = Path(__file__).parents[3]
VCF = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=100>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n1\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\n"
)

GWAS = "chromosome\tbase_pair_location\teffect_allele\tother_allele\tp_value\n1\t5\tA\tG\t0.5\n"
QTL = "chromosome\tposition\tref\talt\tpvalue\tgene_id\n1\t5\tA\tG\t0.5\tENSG1\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A run whose files are all there."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    names = (
        "genome.fa",
        "genes.gtf",
        "weights.tsv",
        "chain",
        "peaks.bed",
        "gwas.tsv",
        "qtl.tsv",
        "model.npz",
        "ld.npz",
    )
    for name in names:
        (tmp_path / name).write_text("")
    (tmp_path / "ld.variants.tsv").write_text("")
    (tmp_path / "gwas.tsv").write_text(GWAS)
    (tmp_path / "qtl.tsv").write_text(QTL)
    (tmp_path / "genome.fa.fai").write_text("chr1\t1000\t6\t60\t61\n")
    (tmp_path / "cohort.vcf").write_text(VCF)
    pysam.tabix_index(str(tmp_path / "cohort.vcf"), preset="vcf")
    config["genome"] |= {"fasta": str(tmp_path / "genome.fa"), "gtf": str(tmp_path / "genes.gtf")}
    config["genome"]["chains"] = {"GRCh38": str(tmp_path / "chain")}
    config["annotations"] = dict.fromkeys(config["annotations"]) | {"open_chromatin": str(tmp_path / "peaks.bed")}
    config["ranking"]["weights"] = str(tmp_path / "weights.tsv")
    return Settings(
        config=config,
        studies={"s": {"path": str(tmp_path / "gwas.tsv"), "format": "table", "columns": None}},
        cohorts={
            "c": [{"genotypes": str(tmp_path / "cohort.vcf.gz"), "ld_matrix": None, "dosage_field": "GT"}],
            "m": [{"genotypes": None, "ld_matrix": str(tmp_path / "ld.npz"), "dosage_field": "GT"}],
        },
        qtls={"q": {"path": str(tmp_path / "qtl.tsv"), "columns": None}},
        models={"m": {"weights": str(tmp_path / "model.npz"), "replicates": None, "background": None}},
    )


def problem(settings: Settings) -> str:
    with pytest.raises(InputError) as refused:
        check_inputs(settings, where="config.yaml")
    return str(refused.value)


def test_a_run_with_all_files_passes(settings: Settings) -> None:
    check_inputs(settings, where="config.yaml")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("genome.fa", "config.yaml, genome.fasta"),
        ("genes.gtf", "config.yaml, genome.gtf"),
        ("weights.tsv", "config.yaml, ranking.weights"),
        ("chain", "config.yaml, genome.chains.GRCh38"),
        ("peaks.bed", "config.yaml, annotations.open_chromatin"),
        ("ld.npz", "cohorts.tsv, cohort 'm'"),
        ("gwas.tsv", "studies.tsv, study 's'"),
        ("qtl.tsv", "qtls.tsv, qtl 'q'"),
        ("model.npz", "models.tsv, model 'm'"),
        ("cohort.vcf.gz", "cohorts.tsv, cohort 'c'"),
    ],
)
def test_each_missing_file_is_named_with_its_place(settings: Settings, tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / name).unlink()
    message = problem(settings)
    assert str(tmp_path / name) in message
    assert place in message


def test_genotypes_without_index(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "cohort.vcf.gz.tbi").unlink()
    assert "has no index (.tbi or .csi)" in problem(settings)


def test_lengths_of_the_other_build(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "ld.variants.tsv").write_text("")
    (tmp_path / "genome.fa.fai").write_text("chr1\t248956422\t6\t60\t61\n")
    assert "248956422 bases, which is its length in GRCh38" in problem(settings)


def test_mhc_region_that_is_no_region(settings: Settings) -> None:
    settings.config["loci"]["mhc"]["region"] = "6p21"
    assert "'6p21' is not a region" in problem(settings)


def test_a_run_restricted_to_what_is_no_region(settings: Settings) -> None:
    settings.config["loci"]["regions"] = ["6:25000000-34000000", "chr1:200-100"]
    message = problem(settings)
    assert "loci.regions: 'chr1:200-100' is not a region" in message


def test_a_window_that_no_locus_can_hold(settings: Settings) -> None:
    settings.config["loci"]["max_locus_bp"] = 10
    assert "loci.max_locus_bp" in problem(settings)


def test_a_table_without_a_needed_column(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "gwas.tsv").write_text(GWAS.replace("p_value", "pval"))
    message = problem(settings)
    assert "no column gives a p-value" in message
    assert "the header is: chromosome" in message
    assert "Map p_value or" in message


def test_a_mapped_column_that_is_not_there(settings: Settings) -> None:
    settings.qtls["q"]["columns"] = "beta=slope"
    assert "there is no column 'slope' for beta" in problem(settings)


def test_summary_statistics_that_are_no_vcf(settings: Settings) -> None:
    settings.studies["s"]["format"] = "gwas_vcf"
    assert "cannot be opened as VCF" in problem(settings)


def edit_sheet(path: Path, column: str, value: str, line: int = 2) -> None:
    rows = [text.split("\t") for text in path.read_text().splitlines()]
    rows[line - 1][rows[0].index(column)] = value
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")


def test_problems_of_config_sheets_and_files_come_in_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for name in ("studies", "qtls"):
        copied = tmp_path / f"{name}.tsv"
        copied.write_text((ROOT / config["sheets"][name]).read_text())
        config["sheets"][name] = str(copied)
    config["loci"]["windw_bp"] = 5  # an unknown key
    config["loci"]["lead_p"] = "5e-8"  # a value of the wrong type
    config["annotations"]["open_chromatin"] = "absent.bed"  # a file that is not there
    edit_sheet(tmp_path / "studies.tsv", "build", "hg18")  # a cell
    edit_sheet(tmp_path / "studies.tsv", "columns", "p_value=PVAL", line=3)  # a column of a file
    edit_sheet(tmp_path / "qtls.tsv", "cohort", "nobody")  # a reference
    _, problems = examine_run(config, schemas=ROOT / "workflow" / "schemas", where="my.yaml")
    expected = (
        "my.yaml: unknown key 'loci.windw_bp'; did you mean 'window_bp'?",
        "my.yaml: 'loci.lead_p' is '5e-8'",
        "my.yaml, annotations.open_chromatin: there is no file absent.bed. Correct the path",
        "studies.tsv, line 2, column 'build': 'hg18'",
        "there is no column 'PVAL' for p_value",
        "names cohort 'nobody', which is not in config/cohorts.tsv",
    )
    for words in expected:
        assert sum(words in problem for problem in problems) == 1, words
    assert len(problems) == len(expected)


def test_what_rests_on_a_refused_value_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["sheets"]["cohorts"] = "absent.tsv"
    config["genome"]["build"] = "hg19"
    _, problems = examine_run(config, schemas=ROOT / "workflow" / "schemas", where="my.yaml")
    assert len(problems) == 2, problems  # no study names an unknown cohort, no index has wrong lengths


def test_a_sound_run_has_plain_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    settings = load_run(config, schemas=ROOT / "workflow" / "schemas", where="my.yaml")
    assert settings.config is config
    assert {type(row) for row in settings.studies.values()} == {dict}  # jobs need no class of ours to read them


def test_all_problems_are_reported_at_once(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "gwas.tsv").unlink()
    (tmp_path / "qtl.tsv").unlink()
    message = problem(settings)
    assert "gwas.tsv" in message
    assert "qtl.tsv" in message


# ---- remote files --------------------------------------------------------------------------------------------------


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """All plugins are there."""
    monkeypatch.setattr(remote_files, "find_spec", lambda name: name)


def make_remote(settings: Settings, place: str) -> None:
    """Give every file that may be remote an address at `place`."""
    settings.config["genome"] |= {"fasta": f"{place}/g.fa", "gtf": f"{place}/g.gtf"}
    settings.config["genome"]["chains"] = {"GRCh38": f"{place}/chain"}
    settings.config["annotations"]["open_chromatin"] = f"{place}/peaks.bed"
    settings.config["pathways"]["gene_sets"] = [f"{place}/sets.gmt"]
    settings.studies["s"]["path"] = f"{place}/gwas.tsv"
    settings.qtls["q"]["path"] = f"{place}/qtl.tsv"
    settings.cohorts["c"][0]["genotypes"] = f"{place}/c.bcf"
    settings.cohorts["m"][0]["ld_matrix"] = f"{place}/ld.npz"
    settings.models["m"] |= {"backend": "motif", "weights": f"{place}/model.npz", "background": f"{place}/b.parquet"}


@pytest.mark.usefixtures("plugins")
def test_remote_files_are_left_to_the_jobs(settings: Settings) -> None:
    make_remote(settings, "s3://bucket")
    check_inputs(settings, where="config.yaml")


@pytest.mark.usefixtures("plugins")
def test_every_address_that_cannot_be_fetched_is_told(settings: Settings) -> None:
    make_remote(settings, "ftp://host")
    message = problem(settings)
    assert message.startswith("config.yaml: 10 problems:")
    assert message.count("the scheme 'ftp' is unknown") == 10  # one of each row


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("ranking", "weights"),
        ("mutagenesis", "motifs"),
        ("report", "review"),
        ("scoring", "cache"),
        ("accessibility_training", "peaks"),
        ("ranking_benchmark", "truth"),
    ],
)
def test_files_that_must_be_local(settings: Settings, section: str, key: str) -> None:
    settings.config[section][key] = "https://host/x"
    message = problem(settings)
    assert f"config.yaml, {section}.{key}: https://host/x is remote, and this must be local" in message
    assert message.startswith("config.yaml: 1 problem:")


@pytest.mark.usefixtures("plugins")
def test_folders_of_weights_and_lists_of_files_must_be_local(settings: Settings) -> None:
    settings.models["m"] |= {"backend": "borzoi", "weights": "https://host/f0"}
    settings.config["ranking_benchmark"]["credible_sets"] = ["s3://bucket/x.tsv"]
    message = problem(settings)
    assert "weights of backend borzoi, a folder: https://host/f0 is remote, and this must be local" in message
    assert "ranking_benchmark.credible_sets: s3://bucket/x.tsv is remote, and this must be local" in message


@pytest.mark.usefixtures("plugins")
def test_a_remote_matrix_whose_variants_have_no_name(settings: Settings) -> None:
    settings.cohorts["m"][0]["ld_matrix"] = "s3://bucket/ld.txt"
    assert "s3://bucket/ld.txt is not an npz" in problem(settings)


def test_fetched_copies_are_looked_into(settings: Settings, tmp_path: Path) -> None:
    check_fetched(settings)
    (tmp_path / "gwas.tsv").write_text(GWAS.replace("p_value", "pval"))
    check_fetched(settings)  # local files were looked at before the run
    settings.studies["s"]["path"] = FetchedFile(str(tmp_path / "gwas.tsv"), "s3://bucket/gwas.tsv")
    with pytest.raises(InputError, match="no column gives a p-value"):
        check_fetched(settings)
