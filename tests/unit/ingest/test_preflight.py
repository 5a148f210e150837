from pathlib import Path
from typing import Any

import pysam
import pytest
import yaml

from locus2target.core.errors import InputError
from locus2target.core.settings import Settings
from locus2target.ingest.preflight import check_inputs

ROOT = Path(__file__).parents[3]
VCF = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=100>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n1\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\n"
)


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
    (tmp_path / "genome.fa.fai").write_text("chr1\t1000\t6\t60\t61\n")
    (tmp_path / "cohort.vcf").write_text(VCF)
    pysam.tabix_index(str(tmp_path / "cohort.vcf"), preset="vcf")
    config["genome"] |= {"fasta": str(tmp_path / "genome.fa"), "gtf": str(tmp_path / "genes.gtf")}
    config["genome"]["chains"] = {"GRCh38": str(tmp_path / "chain")}
    config["annotations"] = dict.fromkeys(config["annotations"]) | {"open_chromatin": str(tmp_path / "peaks.bed")}
    config["ranking"]["weights"] = str(tmp_path / "weights.tsv")
    return Settings(
        config=config,
        studies={"s": {"path": str(tmp_path / "gwas.tsv")}},
        cohorts={
            "c": [{"genotypes": str(tmp_path / "cohort.vcf.gz"), "ld_matrix": None, "dosage_field": "GT"}],
            "m": [{"genotypes": None, "ld_matrix": str(tmp_path / "ld.npz"), "dosage_field": "GT"}],
        },
        qtls={"q": {"path": str(tmp_path / "qtl.tsv")}},
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


def test_all_problems_are_reported_at_once(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "gwas.tsv").unlink()
    (tmp_path / "qtl.tsv").unlink()
    message = problem(settings)
    assert "gwas.tsv" in message
    assert "qtl.tsv" in message
