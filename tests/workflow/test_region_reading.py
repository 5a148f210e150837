"""Runs whose large inputs have an index: read by region, with the results of the whole files."""

import gzip
from pathlib import Path

import pandas as pd
import pysam
import pytest
import yaml
from running import run_snakemake
from toy import Toy

from locus2target.core.schemas import COLOCALIZATION, CREDIBLE_SETS, DISPOSITIONS, HARMONIZATION_QC
from locus2target.core.tables import read_table, read_tables

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]
BATCHES = ("1-of-2", "2-of-2")


def index_file(path: Path, *, position: int) -> None:
    """Sort a gzipped table by place, block-gzip it, and index it; the chromosome stands before the position."""
    header, *lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    lines.sort(key=lambda line: int(line.split("\t")[position]))
    plain = path.with_suffix("")
    plain.write_text("".join([header, *lines]))
    path.unlink()
    columns = {"seq_col": position - 1, "start_col": position, "end_col": position}
    pysam.tabix_index(str(plain), line_skip=1, **columns)


def change_config(folder: Path, section: str, **values: object) -> None:
    path = folder / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    config[section] |= values
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def colocalization(folder: Path) -> pd.DataFrame:
    return read_tables([folder / f"results/colocalize_loci/{batch}.parquet" for batch in BATCHES], COLOCALIZATION)


def test_indexed_qtl_set_is_read_around_loci_only_and_gives_the_same_answer(toy_copy: Path) -> None:
    change_config(toy_copy, "loci", window_bp=100_000)
    targets = [f"results/colocalize_loci/{batch}.parquet" for batch in BATCHES]
    options = (*targets, "--cores", "2", "--configfile", "config/config.yaml")
    run_snakemake(toy_copy, *options)
    whole = colocalization(toy_copy)
    n_rows = len(read_table(toy_copy / "results/harmonize_qtl/toy_eqtl.dispositions.parquet", DISPOSITIONS))
    index_file(toy_copy / "data/qtl.tsv.gz", position=2)
    done = run_snakemake(toy_copy, *options)
    assert "harmonize_qtl" in done.stdout
    qc = read_table(toy_copy / "results/harmonize_qtl/toy_eqtl.qc.parquet", HARMONIZATION_QC).set_index("metric")
    assert qc.loc["regions_read", "value"] >= 1
    assert len(read_table(toy_copy / "results/harmonize_qtl/toy_eqtl.dispositions.parquet", DISPOSITIONS)) < n_rows
    assert (whole["status"] == "ok").any()
    pd.testing.assert_frame_equal(colocalization(toy_copy), whole)


def test_run_restricted_to_a_region_finds_the_planted_variant_there(toy: Toy, toy_copy: Path) -> None:
    position = int(toy.causal_variant.split(":")[1])
    index_file(toy_copy / "data/gwas.tsv.gz", position=1)
    change_config(toy_copy, "loci", regions=[f"chr1:{position - 60_000}-{position + 60_000}"])
    targets = [f"results/finemap_loci/{batch}.credible_sets.parquet" for batch in BATCHES]
    run_snakemake(toy_copy, *targets, "--cores", "2", "--configfile", "config/config.yaml")
    found = read_tables([toy_copy / target for target in targets], CREDIBLE_SETS)
    assert found["position"].between(position - 60_000, position + 60_000).all()
    best = found[found["study"] == "toy_gwas"].sort_values("pip").iloc[-1]
    assert best["variant"] == toy.causal_variant
    read, marked = (
        read_table(toy_copy / f"results/harmonize_sumstats/{study}.qc.parquet", HARMONIZATION_QC)["metric"].tolist()
        for study in ("toy_gwas", "null_gwas")
    )
    assert "regions_read" in read  # by its index
    assert "outside_regions" not in read
    assert "outside_regions" in marked  # read whole
