import pytest

from locus2target.core.chromosomes import canonical_chromosome, chromosome_rank, contig_map
from locus2target.core.errors import InputError


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("chr7", "7"), ("7", "7"), ("CHRX", "X"), ("x", "X"), ("chrM", "MT"), ("23", "X"), ("24", "Y"), ("26", "MT")],
)
def test_canonical_names(written: str, canonical: str) -> None:
    assert canonical_chromosome(written) == canonical


def test_other_contigs_keep_their_case() -> None:
    assert canonical_chromosome("chrUn_gl000220") == "Un_gl000220"


def test_contig_map_leads_back_to_the_files_names() -> None:
    assert contig_map(["chr1", "chrM"], where="a.vcf") == {"1": "chr1", "MT": "chrM"}


def test_two_contigs_for_one_chromosome_are_refused() -> None:
    with pytest.raises(InputError, match=r"a\.vcf: contigs 'chr1' and '1' both stand for chromosome 1"):
        contig_map(["chr1", "1"], where="a.vcf")


def test_rank_is_karyotype_order() -> None:
    names = ["MT", "10", "X", "2", "GL1", "Y", "1"]
    assert sorted(names, key=chromosome_rank) == ["1", "2", "10", "X", "Y", "MT", "GL1"]
