import gzip
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import annotate_genes
from locus2target.core.errors import InputError
from locus2target.core.schemas import CONTIGS, EXONS, GENES
from locus2target.core.tables import read_table, write_table
from locus2target.ingest.annotation import _merged, read_annotation, stable_gene_id

REAL = Path("/work/shared/data/cohort_geuvadis_chr22/gencode.v19.annotation.chr22.gtf.gz")
GENCODE = """\
##description: hand-written in GENCODE's style
chr2\tHAVANA\tgene\t1001\t2000\t.\t+\t.\tgene_id "ENSG00000000002.7"; gene_type "protein_coding"; gene_name "BETA";
chr2\tHAVANA\ttranscript\t1001\t2000\t.\t+\t.\tgene_id "ENSG00000000002.7"; transcript_id "ENST1"; gene_name "BETA";
chr2\tHAVANA\texon\t1001\t1100\t.\t+\t.\tgene_id "ENSG00000000002.7"; transcript_id "ENST1"; gene_name "BETA";
chr2\tHAVANA\tCDS\t1001\t1100\t.\t+\t0\tgene_id "ENSG00000000002.7"; transcript_id "ENST1";
chr2\tHAVANA\texon\t1051\t1200\t.\t+\t.\tgene_id "ENSG00000000002.7"; transcript_id "ENST2"; gene_name "BETA";
chr2\tHAVANA\texon\t1901\t2000\t.\t+\t.\tgene_id "ENSG00000000002.7"; transcript_id "ENST1"; gene_name "BETA";
chr1\tHAVANA\tgene\t501\t900\t.\t-\t.\tgene_id "ENSG00000000001.1"; gene_type "lincRNA"; gene_name "ALPHA#1"; level 2;
"""


def _gtf(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def _line(attributes: str, *, contig: str = "1", feature: str = "gene", start: str = "11", strand: str = "+") -> str:
    return f"{contig}\tsource\t{feature}\t{start}\t20\t.\t{strand}\t.\t{attributes}\n"


def test_genes_and_exons_by_hand(tmp_path: Path) -> None:
    annotation = read_annotation(_gtf(tmp_path / "a.gtf", GENCODE), chromosomes={"1", "2"})
    assert annotation.genes.columns.to_list() == GENES.names
    assert annotation.genes.to_numpy().tolist() == [
        ["ENSG00000000001", "ALPHA#1", "1", 500, 900, "-", 900, "lincRNA"],
        ["ENSG00000000002", "BETA", "2", 1000, 2000, "+", 1001, "protein_coding"],
    ]
    assert annotation.exons.to_numpy().tolist() == [
        ["ENSG00000000002", "2", 1000, 1200],  # the two transcripts' first exons overlap
        ["ENSG00000000002", "2", 1900, 2000],
    ]


def test_gzipped_file_and_ensembl_style_read_the_same(tmp_path: Path) -> None:
    ensembl = GENCODE.replace("chr", "").replace("gene_type", "gene_biotype").replace(".7", "").replace("##", "#!")
    zipped = tmp_path / "a.gtf.gz"
    zipped.write_bytes(gzip.compress(ensembl.encode()))
    expected = read_annotation(_gtf(tmp_path / "a.gtf", GENCODE), chromosomes={"1"})
    found = read_annotation(str(zipped), chromosomes={"1"})
    pd.testing.assert_frame_equal(found.genes, expected.genes)
    pd.testing.assert_frame_equal(found.exons, expected.exons)


def test_genes_without_gene_lines_span_their_exons(tmp_path: Path) -> None:
    text = "".join(line for line in GENCODE.splitlines(keepends=True) if "\texon\t" in line)
    annotation = read_annotation(_gtf(tmp_path / "a.gtf", text), chromosomes={"2"})
    assert annotation.genes.to_numpy().tolist() == [
        ["ENSG00000000002", "BETA", "2", 1000, 2000, "+", 1001, "unknown"],
    ]
    assert len(annotation.exons) == 2


def test_gene_line_decides_the_bounds_wherever_it_stands(tmp_path: Path) -> None:
    lines = GENCODE.splitlines(keepends=True)
    shuffled = "".join([*lines[3:], *lines[:3]])
    found = read_annotation(_gtf(tmp_path / "b.gtf", shuffled), chromosomes={"1"})
    expected = read_annotation(_gtf(tmp_path / "a.gtf", GENCODE), chromosomes={"1"})
    pd.testing.assert_frame_equal(found.genes, expected.genes)


def test_symbol_defaults_to_the_id_and_type_to_unknown(tmp_path: Path) -> None:
    path = _gtf(tmp_path / "a.gtf", _line('gene_id "X1.2";'))
    gene = read_annotation(path, chromosomes={"1"}).genes.iloc[0]
    assert (gene["gene_id"], gene["gene_symbol"], gene["gene_type"]) == ("X1.2", "X1.2", "unknown")
    assert read_annotation(path, chromosomes={"1"}).exons.empty


@pytest.mark.parametrize("copy_id", ["ENSG00000182378.13_PAR_Y", "ENSGR0000182378.8"])
def test_pseudoautosomal_copies_are_kept_once_on_x(tmp_path: Path, copy_id: str) -> None:
    text = "".join(
        _line(f'gene_id "{gene_id}"; gene_name "PLCXD1";', contig=contig, feature=feature)
        for contig, gene_id in (("chrY", copy_id), ("chrX", "ENSG00000182378.13"))
        for feature in ("gene", "exon")
    )
    annotation = read_annotation(_gtf(tmp_path / "a.gtf", text), chromosomes={"X", "Y"})
    assert annotation.genes[["gene_id", "chromosome"]].to_numpy().tolist() == [["ENSG00000182378", "X"]]
    assert annotation.exons["chromosome"].to_list() == ["X"]


@pytest.mark.parametrize(
    ("raw", "stable"),
    [
        ("ENSG00000223972.5_2", "ENSG00000223972"),
        ("ENSG00000223972", "ENSG00000223972"),
        ("ENSG00000228572.7_PAR_Y_1", "ENSG00000228572"),
        ("ENSMUSG00000051951.6", "ENSMUSG00000051951"),
        ("ENSMMUG00000012345.3", "ENSMMUG00000012345"),
        ("ENSGR0000182378.8", "ENSG00000182378"),
        ("ENSR00000123456.1", "ENSR00000123456.1"),  # a regulatory feature, which is no gene
        ("AC000093.6", "AC000093.6"),
        ("BRCA1", "BRCA1"),
    ],
)
def test_stable_gene_id(raw: str, stable: str) -> None:
    assert stable_gene_id(raw) == stable


def test_genes_off_the_genome_are_kept_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _gtf(tmp_path / "a.gtf", GENCODE)
    with caplog.at_level("INFO"):
        annotation = read_annotation(path, chromosomes={"2", "7"})
    assert annotation.genes["chromosome"].to_list() == ["1", "2"]
    assert "1 genes on 1 contigs that the genome lacks" in caplog.text
    with pytest.raises(InputError, match=r"no gene lies on a contig of the genome \(the GTF's contigs: 1, 2\)"):
        read_annotation(path, chromosomes={"7"})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1\tsource\tgene\t11\t20\n", "5 columns"),
        (_line("ID=gene:ENSG1;Name=A"), "no gene_id; is this GFF3?"),
        (_line('gene_id "A";', start="eleven"), "'eleven'"),
        (_line('gene_id "A";', start="21"), "not 1 <= start <= end"),
        (_line('gene_id "A";', start="0"), "not 1 <= start <= end"),
        (_line('gene_id "A";', strand="."), "strand '.'"),
    ],
)
def test_malformed_line_is_named(tmp_path: Path, line: str, problem: str) -> None:
    path = _gtf(tmp_path / "a.gtf", GENCODE + line)
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        read_annotation(path, chromosomes={"1"})
    assert caught.value.where == f"{path}:{GENCODE.count(chr(10)) + 1}"


def test_file_without_features_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no gene, transcript or exon lines"):
        read_annotation(_gtf(tmp_path / "a.gtf", "#only a comment\n"), chromosomes={"1"})


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))))
def test_merged_exons_cover_the_same_bases_once(exons: list[tuple[int, int]]) -> None:
    merged = _merged(set(exons))
    covered = [base for start, end in merged for base in range(start, end)]
    assert covered == sorted({base for start, end in exons for base in range(start, end)})
    assert all(first[1] < second[0] for first, second in pairwise(merged))


def test_step_writes_both_tables(tmp_path: Path) -> None:
    contigs, genes, exons = (str(tmp_path / f"{name}.parquet") for name in ("contigs", "genes", "exons"))
    write_table(CONTIGS.frame([{"contig": "chr2", "chromosome": "2", "length": 5000}]), contigs, CONTIGS)
    annotate_genes.main(gtf=_gtf(tmp_path / "a.gtf", GENCODE), contigs=contigs, genes=genes, exons=exons)
    assert read_table(genes, GENES)["tss"].to_list() == [900, 1001]
    assert read_table(exons, EXONS)["end"].to_list() == [1200, 2000]


@pytest.mark.skipif(not REAL.exists(), reason="shared data are not here")
def test_real_gencode_agrees_with_a_pandas_reading() -> None:
    annotation = read_annotation(str(REAL), chromosomes={"22"})
    raw = pd.read_csv(REAL, sep="\t", comment="#", header=None)
    raw["gene_id"] = raw[8].str.extract(r'gene_id "(ENSG\d+)')
    genes = raw[raw[2] == "gene"]
    joined = annotation.genes.merge(genes, on="gene_id")
    assert len(joined) == len(genes)
    assert set(annotation.genes["gene_id"]) == set(raw["gene_id"])  # 16 genes of this file have no gene line
    assert (joined["start"] == joined[3] - 1).all()
    assert (joined["end"] == joined[4]).all()
    assert (joined["tss"] == joined[3].where(joined["strand"] == "+", joined[4])).all()
