import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

import index_reference
from locus2target.core.errors import InputError
from locus2target.core.schemas import CONTIGS
from locus2target.core.tables import read_table, write_table
from locus2target.ingest.genome import BUILD_LENGTHS, Genome, check_build, index_fasta

REAL = Path("/work/shared/data/reference_grch37_partial/GRCh37_partial.fa.gz")
SEQUENCE = "ACGTacgtNnRYKMSWBDHVU.ACGTTTGA"
AS_ACGTN = "ACGTACGTNNNNNNNNNNNNNNACGTTTGA"


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genome]:
    folder = tmp_path_factory.mktemp("genome")
    fasta = folder / "source.fa"
    fasta.write_text(f">chr1 first\n{SEQUENCE[:20]}\n{SEQUENCE[20:]}\n>chrM\nGGG\n>GL000192.1\nAC\n")
    index_fasta(str(fasta), str(folder / "genome.fa"))
    with Genome(folder / "genome.fa") as opened:
        yield opened


def _write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def _bgzip(path: Path, text: str) -> str:
    with pysam.BGZFile(str(path), "w") as file:
        file.write(text.encode())
    return str(path)


def test_names_lengths_and_contig_table(genome: Genome, tmp_path: Path) -> None:
    assert genome.lengths == {"1": 30, "MT": 3, "GL000192.1": 2}
    assert genome.has_chromosome("MT")
    assert not genome.has_chromosome("chrM")
    table = genome.contigs()
    write_table(table, tmp_path / "contigs.parquet", CONTIGS)
    assert table.to_dict("list") == {
        "contig": ["chr1", "chrM", "GL000192.1"],
        "chromosome": ["1", "MT", "GL000192.1"],
        "length": [30, 3, 2],
    }


@given(start=st.integers(-40, 70), length=st.integers(0, 80))
def test_fetch_pads_with_n_on_both_sides(genome: Genome, start: int, length: int) -> None:
    expected = "".join(AS_ACGTN[base] if 0 <= base < len(AS_ACGTN) else "N" for base in range(start, start + length))
    assert genome.fetch("1", start, start + length) == expected
    codes = genome.codes("1", start, start + length)
    assert codes.dtype == np.uint8
    assert codes.tobytes().decode() == expected


def test_unknown_chromosome_is_n_and_reversed_stretch_a_defect(genome: Genome) -> None:
    assert genome.fetch("22", 5, 9) == "NNNN"
    assert genome.codes("22", 0, 2).tolist() == [78, 78]
    with pytest.raises(ValueError, match="ends before it starts"):
        genome.fetch("1", 5, 4)


def test_bgzipped_genome_reads_like_the_plain_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sequence = "".join(rng.choice(list("ACGTN"), 200_000))  # several BGZF blocks
    lines = "\n".join(sequence[start : start + 61] for start in range(0, len(sequence), 61))
    fasta = _bgzip(tmp_path / "source.fa.gz", f">7\n{lines}\n")
    link = tmp_path / "results" / "genome.fa"
    index_fasta(fasta, str(link))
    assert link.is_symlink()
    assert {path.name for path in link.parent.iterdir()} == {"genome.fa", "genome.fa.fai", "genome.fa.gzi"}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["source.fa.gz"]
    with Genome(link) as genome:
        for start, end in ((0, 10), (65_270, 65_300), (130_000, 200_050), (199_990, 200_010)):
            assert genome.fetch("7", start, end) == sequence[start:end].ljust(end - start, "N")


def test_indexing_again_replaces_link_and_index(tmp_path: Path) -> None:
    link = tmp_path / "genome.fa"
    index_fasta(_write(tmp_path / "old.fa", ">1\nACGT\n"), str(link))
    index_fasta(_write(tmp_path / "new.fa", ">2\nAC\n"), str(link))
    with Genome(link) as genome:
        assert genome.lengths == {"2": 2}
    assert not (tmp_path / "genome.fa.gzi").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not FASTA"),
        ("ACGT\n", "not FASTA"),
        (">1\nACGT\n>2\nAC\n>1 again\nGGGG\n", r":5: contig '1' is already on line 1"),
        (">1\nACGT\nAC\nACGT\n", "lines of unequal length"),
    ],
)
def test_unusable_fasta_is_refused(tmp_path: Path, text: str, message: str) -> None:
    for fasta in (_write(tmp_path / "bad.fa", text), _bgzip(tmp_path / "bad.fa.gz", text)):
        with pytest.raises(InputError, match=message):
            index_fasta(fasta, str(tmp_path / "out" / "genome.fa"))
    assert not list(tmp_path.glob("out/*"))


def test_missing_plain_gzip_and_truncated_fasta_are_refused(tmp_path: Path) -> None:
    link = str(tmp_path / "genome.fa")
    with pytest.raises(InputError, match="there is no file"):
        index_fasta(str(tmp_path / "absent.fa"), link)
    zipped = tmp_path / "plain.fa.gz"
    zipped.write_bytes(gzip.compress(b">1\nACGT\n"))
    with pytest.raises(InputError, match="not compressed with bgzip"):
        index_fasta(str(zipped), link)
    cut = tmp_path / "cut.fa.gz"
    cut.write_bytes(Path(_bgzip(tmp_path / "whole.fa.gz", ">1\n" + "ACGT\n" * 30_000)).read_bytes()[:-40])
    with pytest.raises(InputError, match="cut short"):
        index_fasta(str(cut), link)


def test_two_contigs_of_one_chromosome_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "genome.fa"
    index_fasta(_write(tmp_path / "both.fa", ">chrM\nAC\n>MT\nAC\n"), str(link))
    with pytest.raises(InputError, match="both stand for chromosome MT"):
        Genome(link)
    with pytest.raises(InputError, match="there is no file"):
        Genome(tmp_path / "absent.fa")


def test_builds_differ_in_every_chromosome() -> None:
    first, second = BUILD_LENGTHS["GRCh37"], BUILD_LENGTHS["GRCh38"]
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())
    # sums of the assemblies' chromosomes 1-22 and X (NCBI assembly reports GCF_000001405.13 and .26)
    assert sum(first.values()) == 3_036_303_846
    assert sum(second.values()) == 3_031_042_417


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
def test_right_partial_and_other_contigs_pass_the_build_check(build: str) -> None:
    check_build(BUILD_LENGTHS[build], build, where="genome.fasta")
    check_build({"7": 87_500_000, "GL000192.1": 10**9, "MT": 16_571}, build, where="genome.fasta")


def test_wrong_build_is_refused_with_contig_and_lengths() -> None:
    with pytest.raises(InputError, match=r"chromosome 1 has 248956422 bases, which is its length in GRCh38; GRCh37"):
        check_build(BUILD_LENGTHS["GRCh38"], "GRCh37", where="genome.fasta")
    with pytest.raises(InputError, match=r"chromosome 20 has 63025521 bases; GRCh37 has 63025520"):
        check_build({"20": 63_025_521}, "GRCh37", where="genome.fasta")


def test_build_check_says_when_it_could_not_look(caplog: pytest.LogCaptureFixture) -> None:
    check_build({"MT": 16_569}, "GRCh37", where="genome.fasta")
    assert "could not be checked" in caplog.text


def test_step_writes_link_index_and_contigs(tmp_path: Path) -> None:
    fasta = _write(tmp_path / "source.fa", ">chr2\nACGT\n>chrX\nAC\n")
    index_reference.main(
        fasta=fasta, genome=str(tmp_path / "out/genome.fa"), contigs=str(tmp_path / "out/c.parquet"), build="GRCh37"
    )
    table = read_table(tmp_path / "out/c.parquet", CONTIGS)
    assert table.to_numpy().tolist() == [["chr2", "2", 4], ["chrX", "X", 2]]
    with Genome(tmp_path / "out/genome.fa") as genome:
        assert genome.fetch("X", 0, 2) == "AC"


@pytest.mark.skipif(not REAL.exists(), reason="shared data are not here")
def test_real_partial_genome(tmp_path: Path) -> None:
    index_fasta(str(REAL), str(tmp_path / "genome.fa"))
    assert (tmp_path / "genome.fa.fai").read_text() == Path(f"{REAL}.fai").read_text()
    with Genome(tmp_path / "genome.fa") as genome:
        check_build(genome.lengths, "GRCh37", where="genome.fasta")
        assert set(genome.fetch("20", 0, 1_000_000)) == {"N"}
        assert "N" not in genome.fetch("20", 1_000_000, 2_000_000)
        assert set(genome.fetch("17", 0, 1_000_000)) <= set("ACGTN")
