import gzip
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_toys import SETTINGS, qtl_row, random_sequence, study_row, write_chain, write_genome

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.core.schemas import LOCI, QTL, SUMSTATS
from locus2target.core.tables import write_table
from locus2target.ingest.columns import QTL_DEFAULTS, STUDY_DEFAULTS
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, harmonize_source, qtl_source, study_source
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import RawTable, read_delimited, read_gwas_vcf
from locus2target.ingest.regions import (
    inside_regions,
    locus_regions,
    merge_regions,
    on_source_build,
    read_regions,
)

DEMO = Path(__file__).parents[3] / "demo" / "data"
REGIONS = st.lists(
    st.tuples(st.sampled_from(["1", "2"]), st.integers(0, 80), st.integers(1, 20)).map(
        lambda drawn: Region(drawn[0], drawn[1], drawn[1] + drawn[2])
    )
)


def indexed(folder: Path, text: str, *, chromosome: int, position: int) -> str:
    """Path of a bgzipped table with a header line and an index over two columns (0-based)."""
    plain = folder / "table.tsv"
    plain.write_text(text)
    pysam.tabix_index(
        str(plain),
        seq_col=chromosome,
        start_col=position,
        end_col=position,
        line_skip=1,
        force=True,
        keep_original=True,
    )
    return f"{plain}.gz"


def real_set() -> str:
    """Text of one of the demo's QTL sets."""
    return gzip.decompress((DEMO / "qtl/OneK1K_CD4_CTLA4_eqtl.GRCh38.tsv.gz").read_bytes()).decode()


def indexed_real_set(folder: Path) -> str:
    return indexed(folder, real_set(), chromosome=1, position=2)


# ---- regions -----------------------------------------------------------------------------------------------------


@given(REGIONS, st.integers(0, 10))
def test_merged_regions_cover_the_same_bases_and_no_gap_is_short(regions: list[Region], gap: int) -> None:
    merged = merge_regions(regions, gap=gap)
    covered = {(region.chromosome, base) for region in regions for base in range(region.start, region.end)}
    after = {(region.chromosome, base) for region in merged for base in range(region.start, region.end)}
    assert covered <= after
    assert gap > 0 or covered == after
    for left, right in pairwise(merged):
        assert left.chromosome < right.chromosome or left.end + gap < right.start


@given(REGIONS, st.lists(st.tuples(st.sampled_from(["1", "2"]), st.integers(1, 110)), min_size=1))
def test_inside_regions_as_region_says(regions: list[Region], places: list[tuple[str, int]]) -> None:
    merged = merge_regions(regions)
    chromosome, position = (np.array(column, dtype=object) for column in zip(*places, strict=True))
    expected = [any(region.contains(*place) for region in regions) for place in places]
    assert inside_regions(chromosome, position.astype(np.int64), merged).tolist() == expected


def test_regions_of_the_config() -> None:
    assert read_regions(None, where="config") is None
    assert read_regions(["chr6:11-20", "6:15-40"], where="config") == [Region("6", 10, 40)]
    with pytest.raises(InputError, match=r"loci\.regions: "):
        read_regions(["6"], where="config, loci.regions")


def test_loci_that_are_analysed_with_a_margin(tmp_path: Path) -> None:
    rows = [("ok", "1", 500, 9_000), ("ok", "1", 10_500, 20_000), ("mhc", "6", 100, 200), ("ok", "2", 5_000, 6_000)]
    table = LOCI.frame(
        {**dict.fromkeys(LOCI.names), "status": status, "chromosome": chromosome, "start": start, "end": end}
        for status, chromosome, start, end in rows
    )
    filled = {column.name: ("" if column.type in {"string", "category"} else 0) for column in LOCI.columns}
    write_table(table.fillna(filled), tmp_path / "loci.parquet", LOCI)
    assert locus_regions([str(tmp_path / "loci.parquet")]) == [Region("1", 0, 21_000), Region("2", 4_000, 7_000)]


# ---- the other build ---------------------------------------------------------------------------------------------


@given(st.sampled_from(["1", "2", "3"]), st.integers(0, 95), st.integers(1, 40))
def test_every_base_that_is_lifted_into_a_region_is_read(
    tmp_path_factory: pytest.TempPathFactory, chromosome: str, start: int, length: int
) -> None:
    toy = (
        "chain 1000 chr1 100 + 10 40 chr2 90 + 30 62 1\n10 5 0\n10 0 7\n5",
        "chain 900 chr1 100 + 50 70 chr3 80 - 5 20 2\n10 5 0\n5",
        "chain 1 1 100 + 80 90 1 100 + 80 90 3\n10",
        "chain 1 1 100 + 85 88 2 90 + 0 3 4\n3",
    )
    chain = write_chain(tmp_path_factory.mktemp("chain"), *toy)
    wanted = Region(chromosome, start, start + length)
    positions = np.arange(1, 101)
    lifted = chain.lift(["1"] * 100, positions, np.ones(100, dtype=int))
    there = [
        bool(row.status == "ok" and wanted.contains(str(row.chromosome), int(row.position)))
        for row in lifted.itertuples(index=False)
    ]
    found = chain.regions_onto([wanted])
    assert [any(region.contains("1", position) for region in found) for position in positions] == there


# ---- reading -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    return Genome(DEMO / "genome/GRCh37_partial.fa.gz")


@pytest.fixture(scope="module")
def demo_chain() -> ChainFile:
    return ChainFile(str(DEMO / "genome/GRCh38_to_GRCh37.demo.chain.gz"), where="genome.chains")


def test_real_qtl_set_by_region_is_the_whole_one_there(
    tmp_path: Path, demo_genome: Genome, demo_chain: ChainFile
) -> None:
    text, path = real_set(), indexed_real_set(tmp_path)
    wanted = [Region("2", 204_500_000, 204_700_000), Region("17", 1, 2)]
    source = qtl_source(qtl_row(build="GRCh38"), path)

    def harmonized(raw: RawTable) -> pd.DataFrame:
        return harmonize_source(raw, demo_genome, chain=demo_chain, source=source, settings=SETTINGS).table

    there = on_source_build(wanted, demo_chain)
    cut = read_delimited(path, {}, QTL_DEFAULTS, regions=there)
    whole = harmonized(read_delimited(path, {}, QTL_DEFAULTS))
    inside = whole["chromosome"].eq("2") & whole["position"].between(204_500_001, 204_700_000)
    by_region = harmonized(cut)
    also = by_region["position"].between(204_500_001, 204_700_000)
    assert 500 < inside.sum() < len(whole)
    assert len(cut.frame) < text.count("\n") / 2
    pd.testing.assert_frame_equal(by_region[also].reset_index(drop=True), whole[inside].reset_index(drop=True))


def test_real_gwas_vcf_by_region(tmp_path: Path, demo_genome: Genome, demo_chain: ChainFile) -> None:
    path = tmp_path / "study.vcf.gz"
    path.write_bytes((DEMO / "gwas/LDLC_HMGCR.GRCh38.vcf.gz").read_bytes())
    pysam.tabix_index(str(path), preset="vcf")
    source = study_source(study_row(format="gwas_vcf", build="GRCh38"), str(path))
    whole = read_gwas_vcf(str(path))
    middle = int(whole.frame["position"].median())
    wanted = merge_regions([Region("5", middle - 20_000, middle), Region("5", middle + 5_000, middle + 9_000)])
    cut = read_gwas_vcf(str(path), regions=wanted)
    assert cut.path == str(path)
    assert cut.regions == wanted
    inside = inside_regions(
        whole.frame["chromosome"].str.removeprefix("chr").to_numpy(object),
        whole.frame["position"].to_numpy(np.int64),
        wanted,
    )
    assert 10 < inside.sum() < len(whole.frame)
    assert cut.frame["source_variant"].tolist() == whole.frame.loc[inside, "source_variant"].tolist()
    pd.testing.assert_frame_equal(
        cut.frame.drop(columns="row"), whole.frame[inside].drop(columns="row").reset_index(drop=True)
    )
    qc = harmonize_source(cut, demo_genome, chain=demo_chain, source=source, settings=SETTINGS).qc
    assert qc.set_index("metric").loc["regions_read", "value"] == 2


def test_file_without_index_is_read_whole(tmp_path: Path) -> None:
    plain = tmp_path / "qtl.tsv"
    plain.write_text(real_set())
    raw = read_delimited(str(plain), {}, QTL_DEFAULTS, regions=[Region("2", 0, 10)])
    assert raw.regions is None
    assert len(raw.frame) == plain.read_text().count("\n") - 1


def test_no_row_in_the_regions_is_an_empty_table(tmp_path: Path, demo_genome: Genome) -> None:
    path = indexed_real_set(tmp_path)
    raw = read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("9", 0, 1_000_000)])
    found = harmonize_source(raw, demo_genome, chain=None, source=qtl_source(qtl_row(), path), settings=SETTINGS)
    assert found.table.empty
    assert found.dispositions.empty
    assert found.qc["metric"].tolist() == ["regions_read"]
    write_table(found.table, tmp_path / "qtl.parquet", QTL)


def test_bytes_of_lines_survive(tmp_path: Path) -> None:
    text = real_set().splitlines()[:3]
    path = indexed(tmp_path, "\n".join(line.replace("ENSG", "ÄØ") for line in text) + "\n", chromosome=1, position=2)
    raw = read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("2", 202_868_827, 202_868_828)])
    assert raw.frame["gene_id"].tolist() == ["ÄØ00000163599"]


def test_old_index_is_refused(tmp_path: Path) -> None:
    path = indexed_real_set(tmp_path)
    os.utime(f"{path}.tbi", (1, 1))
    with pytest.raises(InputError, match=r"index .*table.tsv.gz.tbi is older than the file.*touch"):
        read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("2", 0, 10)])


def test_index_over_other_columns_is_refused(tmp_path: Path) -> None:
    lines = ["chromosome\tposition\thg19\tref\talt\tpvalue\tbeta\tse\tgene_id", "1\t5\t70\tA\tC\t0.1\t0.1\t0.1\tG"]
    path = indexed(tmp_path, "\n".join(lines) + "\n", chromosome=0, position=2)
    with pytest.raises(InputError, match="its index is over column hg19, but the position is read from position"):
        read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("1", 0, 100)])
    assert len(read_delimited(path, {"position": "hg19"}, QTL_DEFAULTS, regions=[Region("1", 0, 100)]).frame) == 1


def test_damaged_index_is_refused(tmp_path: Path) -> None:
    path = indexed_real_set(tmp_path)
    Path(f"{path}.tbi").write_bytes(b"no index")
    with pytest.raises(InputError, match="index cannot be read"):
        read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("2", 0, 10)])


def test_damaged_block_of_an_indexed_file_is_refused(tmp_path: Path) -> None:
    path = Path(indexed_real_set(tmp_path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, (1, 1))
    with pytest.raises(InputError, match="cannot be read by its index"):
        read_delimited(str(path), {}, QTL_DEFAULTS, regions=[Region("2", 200_000_000, 210_000_000)])


def test_csi_index(tmp_path: Path) -> None:
    path = indexed_real_set(tmp_path)
    Path(f"{path}.tbi").unlink()
    pysam.tabix_index(path, seq_col=1, start_col=2, end_col=2, line_skip=1, csi=True)
    raw = read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("2", 202_868_827, 202_869_266)])
    assert raw.frame["position"].tolist() == [202_868_828, 202_869_266]


def test_errors_name_the_file_of_the_user(tmp_path: Path) -> None:
    lines = ["chromosome\tposition\tref\talt\tpvalue\tbeta\tse\tgene_id", "1\t5\tA\tC\t0.1\t0.1\t0.1\tG\tmore\tcells"]
    path = indexed(tmp_path, "\n".join(lines) + "\n", chromosome=0, position=1)
    with pytest.raises(InputError, match="does not fit the header") as caught:
        read_delimited(path, {}, QTL_DEFAULTS, regions=[Region("1", 0, 100)])
    assert caught.value.where.startswith(path)
    assert "l2t-regions" not in str(caught.value)


# ---- a run that is restricted to regions -------------------------------------------------------------------------


def restricted(path: str, genome: Genome, regions: list[Region], *, by_index: bool) -> pd.DataFrame:
    raw = read_delimited(path, {}, STUDY_DEFAULTS, regions=regions if by_index else None)
    settings = HarmonizationSettings("GRCh37", 0.05, 20, regions)
    found = harmonize_source(raw, genome, chain=None, source=study_source(study_row(), path), settings=settings)
    if not by_index:
        n_outside = int((found.dispositions["disposition"] == "outside_regions").sum())
        assert n_outside == len(raw.frame) - len(found.table)
        assert len(found.dispositions) == len(raw.frame)
    assert list(found.table) == SUMSTATS.names
    return found.table


def test_study_in_regions_with_and_without_index(tmp_path: Path) -> None:
    genome = write_genome(tmp_path, {"chr2": random_sequence(5000, seed=7)})
    rng = np.random.default_rng(1)
    sequence = genome.fetch("2", 0, 5000)
    lines = ["\t".join(["chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error"])]
    for position in range(10, 4_900, 7):
        ref = sequence[position - 1]
        alt = rng.choice([base for base in "ACGT" if base != ref])
        lines.append(f"chr2\t{position}\t{alt}\t{ref}\t{rng.normal():.3f}\t0.5")
    path = indexed(tmp_path, "\n".join(lines) + "\n", chromosome=0, position=1)
    regions = [Region("2", 1_000, 2_000), Region("2", 3_000, 3_100)]
    cut, marked = (restricted(path, genome, regions, by_index=by_index) for by_index in (True, False))
    assert len(cut) == sum(1_001 <= p <= 2_000 or 3_001 <= p <= 3_100 for p in range(10, 4_900, 7))
    pd.testing.assert_frame_equal(cut, marked)
    assert restricted(path, genome, [Region("9", 0, 5)], by_index=False).empty
    assert restricted(path, genome, [Region("9", 0, 5)], by_index=True).empty
