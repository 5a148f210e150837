import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from ingest_toys import SSF, write_rows

from locus2target.core.errors import InputError
from locus2target.ingest.columns import QTL_DEFAULTS, STUDY_DEFAULTS
from locus2target.ingest.readers import RawTable, read_delimited, read_gwas_vcf

ROW = (1, 100, "A", "G", 0.1, 0.05, 0.0455)
VCF_HEADER = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##FORMAT=<ID=ES,Number=A,Type=Float,Description="effect">
##FORMAT=<ID=SE,Number=A,Type=Float,Description="error">
##FORMAT=<ID=LP,Number=A,Type=Float,Description="p">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="frequency">
##FORMAT=<ID=SS,Number=A,Type=Integer,Description="people">
##FORMAT=<ID=EZ,Number=A,Type=Float,Description="z">
##FORMAT=<ID=NC,Number=1,Type=Float,Description="cases">
##FORMAT=<ID=ID,Number=1,Type=String,Description="name">
"""
VCF_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tstudy\n"


def read_study(path: str, **mapping: str) -> RawTable:
    return read_delimited(path, mapping, STUDY_DEFAULTS)


def write_vcf(folder: Path, records: str, columns: str = VCF_COLUMNS) -> str:
    path = folder / "study.vcf"
    path.write_text(VCF_HEADER + columns + records)
    return str(path)


@pytest.mark.parametrize("separator", ["\t", ",", " ", "   "])
@pytest.mark.parametrize("compress", [False, True])
def test_separators_and_compression(tmp_path: Path, separator: str, compress: bool) -> None:
    text = "".join(separator.join(map(str, line)) + "\n" for line in (SSF, ROW, ROW))
    path = tmp_path / "file"  # the content counts, not the name
    path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
    frame = read_study(str(path)).frame
    assert frame["row"].tolist() == [1, 2]
    assert frame["source_variant"].tolist() == ["1:100:G:A"] * 2
    assert frame["beta"].tolist() == [0.1, 0.1]
    assert frame["neg_log10_p"].to_numpy() == pytest.approx(-np.log10(0.0455))
    assert frame["odds_ratio"].isna().all()


def test_block_gzip_is_read_and_its_missing_end_is_noticed(tmp_path: Path) -> None:
    plain = write_rows(tmp_path, [ROW] * 2000)
    packed = str(tmp_path / "packed.gz")
    pysam.tabix_compress(plain, packed)
    assert len(read_study(packed).frame) == 2000
    whole = Path(packed).read_bytes()
    Path(packed).write_bytes(whole[:-28])
    with pytest.raises(InputError, match="cut short"):
        read_study(packed)


@pytest.mark.parametrize("n_rows", [1, 2000])
def test_the_log_says_how_much_was_read(tmp_path: Path, n_rows: int, caplog: pytest.LogCaptureFixture) -> None:
    path = write_rows(tmp_path, [ROW] * n_rows)
    with caplog.at_level("INFO"):
        read_study(path)
    kilobytes = -(-Path(path).stat().st_size // 1000)
    assert f"reading {Path(path).name}: {kilobytes} kB in " in caplog.text


def test_truncated_gzip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [(1, 100 + i, "A", "G", rng.normal(), 0.05, 0.5) for i in range(5000)]
    packed = gzip.compress(Path(write_rows(tmp_path, rows)).read_bytes())
    path = tmp_path / "cut.tsv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"cut\.tsv\.gz: the compressed file is truncated or damaged"):
        read_study(str(path))


@pytest.mark.parametrize("text", ["", "\n", "\t".join(SSF) + "\n", "##comment\n"])
def test_empty_study(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match="empty study"):
        read_study(str(path))


def test_only_repeated_headers_are_an_empty_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty study"):
        read_study(write_rows(tmp_path, [tuple(SSF)]))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_study(str(tmp_path / "absent.tsv"))


def test_header_line_in_the_middle_is_marked(tmp_path: Path) -> None:
    raw = read_study(write_rows(tmp_path, [ROW, tuple(SSF), ROW]))
    assert raw.frame["is_header"].tolist() == [False, True, False]
    assert raw.frame["position"].tolist() == [100, -1, 100]
    assert raw.unreadable == {}


def test_unreadable_numbers_are_counted_with_the_first_as_example(tmp_path: Path) -> None:
    bad = (1, 100, "A", "G", "0,1", 0.05, 0.5)
    raw = read_study(write_rows(tmp_path, [ROW, bad, bad]))
    assert raw.frame["unreadable"].tolist() == [False, True, True]
    assert raw.unreadable == {"beta": (2, "0,1")}


def test_missing_values(tmp_path: Path) -> None:
    words = ["NA", ".", "", "nan", "NULL"]
    frame = read_study(write_rows(tmp_path, [(1, 5, "A", "G", word, word, 0.5) for word in words])).frame
    assert frame[["beta", "standard_error"]].isna().all(axis=None)
    assert not frame["unreadable"].any()


@pytest.mark.parametrize("position", ["12a", "1,000"])
def test_unreadable_position_is_minus_one(tmp_path: Path, position: str) -> None:
    frame = read_study(write_rows(tmp_path, [ROW, (1, position, "A", "G", 0.1, 0.05, 0.5)])).frame
    assert frame["position"].tolist() == [100, -1]
    assert frame["source_variant"].tolist()[1] == f"1:{position}:G:A"


def test_p_values_below_the_smallest_double(tmp_path: Path) -> None:
    texts = ["1e-412", "2.5E-400", "0", "0.0", "1", "1.5", "-0.1", "NA", "4.9e-324", "1e-299"]
    frame = read_study(write_rows(tmp_path, [(1, 5, "A", "G", 0.1, 0.05, text) for text in texts])).frame
    expected = [412, 400 - np.log10(2.5), np.inf, np.inf, 0, -np.log10(1.5), -np.inf, np.nan, 324 - np.log10(4.9), 299]
    np.testing.assert_allclose(frame["neg_log10_p"], expected, rtol=1e-12)


def test_neg_log10_p_column_wins_over_p(tmp_path: Path) -> None:
    columns = [*SSF, "neg_log_10_p_value"]
    frame = read_study(write_rows(tmp_path, [(*ROW[:-1], 0.0, 350.0), (*ROW[:-1], 0.01, "NA")], columns)).frame
    assert frame["neg_log10_p"].tolist() == [350, 2]


def test_combined_ids(tmp_path: Path) -> None:
    ids = ["1_1387167_A_C_b37", "chrX:20:G:GA", "1_5_A", "nonsense"]
    path = write_rows(tmp_path, [(name, "ENSG1.2", 0.5) for name in ids], ["variant_id", "gene_id", "p"])
    frame = read_delimited(path, {"variant": "variant_id", "p_value": "p"}, QTL_DEFAULTS).frame
    assert frame["source_variant"].tolist() == ["1:1387167:A:C", "X:20:G:GA", ".:.:.:.", ".:.:.:."]
    assert frame["position"].tolist()[:2] == [1387167, 20]
    assert frame["position"].isna().tolist() == [False, False, True, True]


def test_other_allele_beside_a_combined_id(tmp_path: Path) -> None:
    rows = [("1:5:A:G", "a", 0.5), ("1:5:A:G", "G", 0.5), ("1:5:A:G", "T", 0.5)]
    for name in ("effect_allele", "other_allele"):
        path = write_rows(tmp_path, rows, ["variant", name, "p_value"])
        frame = read_study(path, variant="variant").frame
        counterpart = {"effect_allele": "other_allele", "other_allele": "effect_allele"}[name]
        assert frame[counterpart].tolist()[:2] == ["G", "A"]
        assert frame[counterpart].isna().tolist() == [False, False, True]  # T is neither REF nor ALT


def test_effect_allele_beside_ref_and_alt(tmp_path: Path) -> None:
    """PLINK 2 names REF, ALT and the tested allele A1."""
    columns = ["#CHROM", "POS", "REF", "ALT", "A1", "BETA", "SE", "P"]
    path = write_rows(tmp_path, [(1, 5, "A", "G", "G", 1, 1, 1), (1, 6, "A", "G", "A", 1, 1, 1)], columns)
    mapping = {"chromosome": "#CHROM", "position": "POS", "ref_allele": "REF", "alt_allele": "ALT"}
    raw = read_study(path, **mapping, effect_allele="A1", beta="BETA", standard_error="SE", p_value="P")
    assert raw.frame["effect_allele"].tolist() == ["G", "A"]
    assert raw.frame["other_allele"].tolist() == ["A", "G"]


@pytest.mark.parametrize("separator", ["\t", ",", " "])
@pytest.mark.parametrize("line", [1, 2])
def test_surplus_fields_are_refused(tmp_path: Path, separator: str, line: int) -> None:
    path = tmp_path / "ragged.tsv"
    lines = [SSF, ROW, ROW, ROW]
    lines[line] = (*ROW, "more")
    path.write_text("".join(separator.join(map(str, fields)) + "\n" for fields in lines))
    with pytest.raises(InputError, match="a line does not fit the header"):
        read_study(str(path))


@pytest.mark.parametrize("separator", ["\t", ",", " "])
def test_trailing_separators_are_no_fields(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "trailing.tsv"
    path.write_text("".join(separator.join(map(str, fields)) + separator + "\n" for fields in (ROW, ROW)))
    path.write_text(separator.join(SSF) + "\n" + path.read_text())
    assert read_study(str(path)).frame["beta"].tolist() == [0.1, 0.1]


def test_unbalanced_quote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quote.tsv"
    path.write_text("\t".join(SSF) + '\n"1\t100\tA\tG\t0.1\t0.05\t0.5\n')
    with pytest.raises(InputError, match="a line does not fit the header"):
        read_study(str(path))


def test_header_may_repeat_words_that_are_not_used(tmp_path: Path) -> None:
    path = write_rows(tmp_path, [(*ROW, 1, 2)], [*SSF, "info", "info"])
    assert read_study(path).frame["beta"].tolist() == [0.1]


def test_chunks_join_without_seams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(1 + i % 22, 100 + i, "A", "G", f"{i / 7:.3f}", 0.05, 0.5) for i in range(25)]
    rows[13] = (1, "POS?", "A", "G", "x", 0.05, 0.5)
    path = write_rows(tmp_path, rows)
    whole = read_study(path)
    monkeypatch.setattr("locus2target.ingest.readers._ROWS_PER_CHUNK", 4)
    parts = read_study(path)
    pd.testing.assert_frame_equal(parts.frame, whole.frame)
    assert parts.unreadable == whole.unreadable


def test_gwas_vcf_values(tmp_path: Path) -> None:
    records = (
        "1\t10\trs1\tA\tG\t.\tPASS\t.\tES:SE:LP:AF:SS:EZ:NC:ID\t0.5:0.25:1.5:0.2:1000:2:400:other\n"
        "1\t20\t.\tAC\tA,T\t.\tPASS\t.\tES:SE:LP:AF:SS:NC:ID\t0.5,-1:0.25,0.5:inf,.:0.2,0.1:1000,.:400:rs2\n"
        "1\t30\t.\tA\t.\t.\tPASS\t.\tES:SE\t0.5:0.25\n"
    )
    raw = read_gwas_vcf(write_vcf(tmp_path, records))
    frame = raw.frame
    assert raw.names_ref
    assert frame["row"].tolist() == [1, 2, 2, 3]
    assert frame["source_variant"].tolist() == ["1:10:A:G", "1:20:AC:A", "1:20:AC:T", "1:30:A:."]
    assert frame["rsid"].fillna("").tolist() == ["rs1", "rs2", "rs2", ""]
    np.testing.assert_array_equal(frame["beta"], [0.5, 0.5, -1, 0.5])
    np.testing.assert_array_equal(frame["neg_log10_p"], [1.5, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(frame["n"], [1000, 1000, np.nan, np.nan])
    np.testing.assert_array_equal(frame["n_cases"], [400, 400, 400, np.nan])
    np.testing.assert_array_equal(frame["z_score"], [2, np.nan, np.nan, np.nan])
    assert raw.contig_lengths == {"1": 1000}


def test_gwas_vcf_without_contig_lengths(tmp_path: Path) -> None:
    path = Path(write_vcf(tmp_path, "1\t10\t.\tA\tG\t.\t.\t.\tES\t1\n"))
    path.write_text(path.read_text().replace(",length=1000", ""))
    assert read_gwas_vcf(str(path)).contig_lengths == {}


def test_gwas_vcf_without_records(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty study"):
        read_gwas_vcf(write_vcf(tmp_path, ""))


def test_gwas_vcf_with_two_studies(tmp_path: Path) -> None:
    path = write_vcf(tmp_path, "1\t10\t.\tA\tG\t.\t.\t.\tES\t1\t2\n", VCF_COLUMNS.rstrip() + "\tsecond\n")
    with pytest.raises(InputError, match="holds 2 sample columns"):
        read_gwas_vcf(path)


@pytest.mark.parametrize("tool", ["bgzip", "gzip"])
def test_truncated_gwas_vcf(tmp_path: Path, tool: str) -> None:
    rng = np.random.default_rng(2)
    records = "".join(f"1\t{i}\t.\tA\tG\t.\t.\t.\tES:SE\t{rng.normal()}:1\n" for i in range(1, 9000))
    plain, packed = write_vcf(tmp_path, records), str(tmp_path / "cut.vcf.gz")
    if tool == "bgzip":
        pysam.tabix_compress(plain, packed)
    else:
        Path(packed).write_bytes(gzip.compress(Path(plain).read_bytes()))
    assert len(read_gwas_vcf(packed).frame) == 8999
    whole = Path(packed).read_bytes()
    Path(packed).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut short|truncated"):
        read_gwas_vcf(packed)


def test_what_is_no_vcf(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened as VCF"):
        read_gwas_vcf(write_rows(tmp_path, [ROW]))
