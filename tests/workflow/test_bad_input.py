"""Bad input is refused with its name, its place and the way out; one bad locus never ends a run."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from running import run_snakemake

from locus2target.core import schemas
from locus2target.core.tables import read_tables

pytestmark = pytest.mark.workflow
CONFIG = ("--configfile", "config/config.yaml")


def refused(directory: Path, *targets: str) -> str:
    done = run_snakemake(directory, *targets, "--cores", "1", *CONFIG, check=False)
    assert done.returncode != 0
    assert not re.search(r"^Traceback", done.stdout, re.MULTILINE), done.stdout
    return done.stdout


def edit_config(directory: Path, change: Callable[[dict[str, dict[str, object]]], object]) -> None:
    path = directory / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def edit_rows(path: Path, change: Callable[[list[list[str]]], object]) -> None:
    with gzip.open(path, "rt") as handle:
        rows = [line.rstrip("\n").split("\t") for line in handle]
    change(rows)
    with gzip.open(path, "wt") as handle:
        handle.writelines("\t".join(row) + "\n" for row in rows)


def edit_sheet(directory: Path, name: str, column: str, value: str, row: int = 1) -> None:
    path = directory / "config" / f"{name}.tsv"
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    rows[row][rows[0].index(column)] = value
    path.write_text("\n".join("\t".join(cells) for cells in rows) + "\n")


# ---- before any job starts -----------------------------------------------------------------------------------------


def test_unknown_key_is_named(toy_copy: Path) -> None:
    edit_config(toy_copy, lambda config: config["loci"].update(windw_bp=5))
    message = refused(toy_copy)
    assert "unknown key 'loci.windw_bp'; did you mean 'window_bp'?" in message
    assert "Job stats" not in message


def test_a_key_left_out_is_not_filled_from_the_demo(toy_copy: Path) -> None:
    edit_config(toy_copy, lambda config: config["annotations"].pop("open_chromatin"))
    assert "missing key 'annotations.open_chromatin'" in refused(toy_copy)


def test_missing_file_is_named(toy_copy: Path) -> None:
    (toy_copy / "data" / "gwas.tsv.gz").unlink()
    message = refused(toy_copy)
    assert "data/gwas.tsv.gz" in message
    assert "studies.tsv" in message


def test_genotypes_without_index(toy_copy: Path) -> None:
    (toy_copy / "data" / "cohort.vcf.gz.tbi").unlink()
    message = refused(toy_copy)
    assert "data/cohort.vcf.gz" in message
    assert "index" in message


def test_truncated_genotypes(toy_copy: Path) -> None:
    path = toy_copy / "data" / "cohort.vcf.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    message = refused(toy_copy)
    assert "data/cohort.vcf.gz" in message
    assert "truncated" in message


def test_build_that_does_not_fit_the_genome(toy_copy: Path) -> None:
    fai = toy_copy / "data" / "genome.fa.fai"
    fai.write_text("chr1\t248956422\t6\t60\t61\n")  # chromosome 1 of GRCh38
    message = refused(toy_copy)
    assert "GRCh37" in message
    assert "248956422" in message


def test_two_studies_with_one_id(toy_copy: Path) -> None:
    edit_sheet(toy_copy, "studies", "study", "toy_gwas", row=2)
    assert "study 'toy_gwas' stands in 2 rows" in refused(toy_copy)


# ---- in the job that reads the file --------------------------------------------------------------------------------

SUMSTATS = "results/harmonize_sumstats/toy_gwas.parquet"
QTL = "results/harmonize_qtl/toy_eqtl.parquet"


def test_truncated_summary_statistics(toy_copy: Path) -> None:
    path = toy_copy / "data" / "gwas.tsv.gz"
    path.write_bytes(path.read_bytes()[:-500])
    message = refused(toy_copy, SUMSTATS)
    assert "data/gwas.tsv.gz" in message
    assert "truncated" in message


def test_swapped_columns(toy_copy: Path) -> None:
    edit_sheet(toy_copy, "studies", "columns", "beta=p_value,p_value=beta")
    assert "data/gwas.tsv.gz" in refused(toy_copy, SUMSTATS)


def test_alleles_that_the_genome_does_not_have(toy_copy: Path) -> None:
    def shift(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            row[1] = str(int(row[1]) + 1)

    edit_rows(toy_copy / "data" / "gwas.tsv.gz", shift)
    message = refused(toy_copy, SUMSTATS)
    assert "data/gwas.tsv.gz" in message
    assert "build" in message


def test_empty_study(toy_copy: Path) -> None:
    edit_rows(toy_copy / "data" / "gwas.tsv.gz", lambda rows: rows.__delitem__(slice(1, None)))
    assert "data/gwas.tsv.gz" in refused(toy_copy, SUMSTATS)


def test_a_mapped_column_that_is_not_there(toy_copy: Path) -> None:
    edit_sheet(toy_copy, "qtls", "columns", "beta=slope")
    message = refused(toy_copy, QTL)
    assert "slope" in message
    assert "molecular_trait_id" in message  # the header that was found


def test_bad_rows_are_counted_not_fatal(toy_copy: Path) -> None:
    def spoil(rows: list[list[str]]) -> None:
        rows[1][5] = "0"  # standard error
        rows[2][5] = "-0.1"
        rows[3][4] = "NaN"  # beta
        rows[4][6] = "2"  # p
        rows[5][0] = "chr99"
        rows[6][1] = "x"
        rows.append(rows[7].copy())
        rows[-1][4] = "0.77"  # a second, different row of a variant

    edit_rows(toy_copy / "data" / "gwas.tsv.gz", spoil)
    run_snakemake(toy_copy, SUMSTATS, "--cores", "1", *CONFIG)
    table = read_tables([toy_copy / "results/harmonize_sumstats/toy_gwas.dispositions.parquet"], schemas.DISPOSITIONS)
    assert len(table) == 301
    dropped = table[~table["kept"]].set_index("row")["disposition"].astype(str)
    assert set(dropped.index) == {1, 2, 3, 4, 5, 6, 7, 301}
    assert dropped[1] == dropped[2] == "non_positive_standard_error"
    assert dropped[4] == "invalid_p"
    assert dropped[5] == "unknown_chromosome"
    assert dropped[6] == "invalid_position"
    assert dropped[7] == dropped[301] == "duplicate_variant"


def test_locus_without_a_genotyped_variant_and_qtl_without_overlap(toy_copy: Path) -> None:
    import pysam

    vcf = toy_copy / "data" / "cohort.vcf.gz"
    with gzip.open(vcf, "rt") as handle:
        lines = handle.readlines()
    kept = [line for line in lines if line.startswith("#") or int(line.split("\t")[1]) < 20_000]
    plain = toy_copy / "data" / "cohort.vcf"
    plain.write_text("".join(kept))
    pysam.tabix_index(str(plain), preset="vcf", force=True)

    def move(rows: list[list[str]]) -> None:
        rows[1:] = [row for row in rows[1:] if int(row[2]) < 20_000]

    edit_rows(toy_copy / "data" / "qtl.tsv.gz", move)
    run_snakemake(toy_copy, "--cores", "2", *CONFIG)
    results = toy_copy / "results"
    status = read_tables(sorted(results.glob("finemap_loci/*.fine_mapping.parquet")), schemas.FINE_MAPPING)
    locus = status[status["disease"] == "toy_disease"].iloc[0]
    assert locus["method"] == "abf"
    assert locus["status"] != "ok"
    assert locus["reason"]
    pairs = read_tables(sorted(results.glob("colocalize_loci/*-of-?.parquet")), schemas.COLOCALIZATION)
    assert set(pairs["status"]) == {"no_qtl_in_locus"}
    assert (results / "render_report" / "report.html").is_file()
