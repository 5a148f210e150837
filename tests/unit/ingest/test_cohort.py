import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region, parse_region
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import (
    SKIP_REASONS,
    CohortDosages,
    CohortGenotypes,
    _place_record,
    check_genotypes,
)
from locus2target.ingest.genome import Genome, index_fasta

SHARED = Path("/work/shared/data")
DENSE = SHARED / "genotypes_1kg_eur489_dense_chr20/EUR489_1kg.chr20_1-4Mb.vcf.gz"
FASTA = SHARED / "reference_grch37_partial/GRCh37_partial.fa.gz"
# position:          1234567890123456789012345678901234567890
CHROMOSOME_1 = "ACGTACGTACCCCCTGAGAGAGTTTACGTNNNNACGTACGT"
MISSING = float("nan")
ANYWHERE = Region("1", 0, 40)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genome]:
    folder = tmp_path_factory.mktemp("genome")
    (folder / "source.fa").write_text(f">1\n{CHROMOSOME_1}\n>X\n{CHROMOSOME_1}\n")
    index_fasta(str(folder / "source.fa"), str(folder / "genome.fa"))
    with Genome(folder / "genome.fa") as opened:
        yield opened


def _vcf(folder: Path, records: Sequence[str], *, contigs: Sequence[str] = ("chr1", "chrX"), n: int = 4) -> str:
    """Write records `contig position ref alt format calls...` as an indexed VCF with n people."""
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={contig},length=40>" for contig in contigs),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">',
        '##INFO=<ID=XX,Number=1,Type=Float,Description="not a FORMAT field">',
        "\t".join(
            ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", *["FORMAT"] * (n > 0), *"abcdefgh"[:n]]
        ),
    ]
    for record in records:
        contig, position, ref, alt, *rest = record.split()
        lines.append("\t".join([contig, position, ".", ref, alt, ".", ".", ".", *rest]))
    path = folder / "cohort.vcf"
    path.write_text("\n".join(lines) + "\n")
    return str(pysam.tabix_index(str(path), preset="vcf", force=True))


def _read(
    path: str, region: Region = ANYWHERE, *, field: str = "GT", genome: Genome | None = None, min_maf: float = 0.0
) -> CohortDosages:
    with CohortGenotypes({"all": path}, dosage_field=field, genome=genome) as cohort:  # type: ignore[arg-type]
        found = cohort.read_region(region, min_maf=min_maf)
    assert found.dosages.dtype == np.float32
    assert found.dosages.shape == (len(found.variants), len(found.samples))
    assert found.skipped.keys() <= SKIP_REASONS.keys()
    return found


def _keys(found: CohortDosages) -> list[str]:
    return list(variant_keys(found.variants))


def test_hard_calls_by_hand(tmp_path: Path) -> None:
    found = _read(_vcf(tmp_path, ["chr1 2 C T GT 0/0 0|1 1|0 1/1", "chr1 3 G A GT ./. 0/1 ./1 0/0"]))
    assert found.samples == ("a", "b", "c", "d")
    assert _keys(found) == ["1:2:C:T", "1:3:G:A"]
    np.testing.assert_array_equal(found.dosages, [[0, 1, 1, 2], [MISSING, 1, MISSING, 0]])
    np.testing.assert_allclose(found.variants["alt_frequency"], [0.5, 0.25])
    assert found.skipped == {}


def test_multi_allelic_record_is_split(tmp_path: Path, genome: Genome) -> None:
    path = _vcf(tmp_path, ["chr1 2 CG TG,C,<DEL> GT:DS 0/1:1,0,0 1/2:1,1,0 2/2:0,1.5,0 3/0:0,0,1"])
    expected_keys = ["1:2:C:T", "1:2:CG:C"]
    calls = _read(path, genome=genome)
    assert _keys(calls) == expected_keys
    np.testing.assert_array_equal(calls.dosages, [[1, 1, 0, 0], [0, 1, 2, 0]])
    imputed = _read(path, field="DS", genome=genome)
    assert _keys(imputed) == expected_keys
    np.testing.assert_array_equal(imputed.dosages, [[1, 1, 0, 0], [0, 1, 1.5, 0]])
    assert calls.skipped == imputed.skipped == {"invalid_allele": 1}


def test_dosages_missing_values_and_bounds(tmp_path: Path) -> None:
    found = _read(
        _vcf(
            tmp_path,
            [
                "chr1 2 C T DS 0 0.25 . 2.004",
                "chr1 3 G A DS 0 1 2 2.5",
                "chr1 4 T A DS . . . .",
                "chr1 5 A C GT 0/0 0/1 0/1 1/1",
                "chr1 6 C A,G DS 0 1 2 1",
            ],
        ),
        field="DS",
    )
    np.testing.assert_array_equal(found.dosages, np.array([[0, 0.25, MISSING, 2]], dtype=np.float32))
    assert found.skipped == {"invalid_dosage": 1, "no_genotypes": 2, "unsplit_dosage": 2}


def test_haploid_calls_count_zero_or_two(tmp_path: Path) -> None:
    records = ["chrX 2 C T GT:DS 0:0 1:1 0/1:1 1/1:2", "chrX 3 G A GT:DS 1:0.5 .:. ./.:. 0/0:0"]
    path = _vcf(tmp_path, records)
    expected = [[0, 2, 1, 2], [2, MISSING, MISSING, 0]]
    np.testing.assert_array_equal(_read(path, Region("X", 0, 40)).dosages, expected)
    expected[1][0] = 1
    np.testing.assert_array_equal(_read(path, Region("X", 0, 40), field="DS").dosages, expected)


def test_zero_or_two_keeps_independent_variants_uncorrelated_between_sexes() -> None:
    """Why males count 0 or 2: counted 0 or 1, the difference of the sexes' means alone makes r."""
    rng = np.random.default_rng(3)
    frequency, n = 0.4, 40_000
    female = rng.binomial(2, frequency, (2, n)).astype(float)
    male = rng.binomial(1, frequency, (2, n)).astype(float)
    as_two, as_one = np.hstack([female, 2 * male]), np.hstack([female, male])
    assert abs(np.corrcoef(as_two)[0, 1]) < 0.01
    assert np.corrcoef(as_one)[0, 1] > 0.05


def test_indels_are_trimmed_and_shifted_left(tmp_path: Path, genome: Genome) -> None:
    records = [
        "chr1 14 CT T GT 0/0 0/1 0/1 1/1",  # one C of CCCCC (10-14) lost: A9 C10 is the leftmost spelling
        "chr1 20 GAG G GT 0/0 0/0 0/1 0/1",  # one AG of the repeat at 17-22 lost
        "chr1 34 ACGTA ACGTC GT 0/0 0/0 0/0 0/1",  # padded SNV
    ]
    found = _read(_vcf(tmp_path, records), genome=genome)
    assert _keys(found) == ["1:9:AC:A", "1:15:TGA:T", "1:38:A:C"]
    np.testing.assert_array_equal(found.dosages, [[0, 1, 1, 2], [0, 0, 1, 1], [0, 0, 0, 1]])


def test_without_sequence_indels_are_only_trimmed(tmp_path: Path, genome: Genome) -> None:
    path = _vcf(tmp_path, ["chr1 32 TTA TT GT 0/0 0/1 0/1 1/1"])  # bases 30-33 are N
    assert _keys(_read(path, genome=genome)) == _keys(_read(path)) == ["1:33:TA:T"]


def test_alleles_are_checked_against_the_genome(tmp_path: Path, genome: Genome) -> None:
    records = [
        "chr1 1 G A GT 0/0 0/1 0/1 ./.",  # the genome has A: exchanged
        "chr1 2 c t GT 0/0 0/1 0/1 1/1",
        "chr1 3 A C GT 0/0 0/1 0/1 1/1",  # the genome has G
        "chr1 4 A T,C GT 0/0 0/1 0/1 2/2",  # T is the genome's, but there are other alleles
        "chr1 5 C CA GT 0/0 0/1 0/1 1/1",  # an indel on the wrong base
        "chr1 31 G A GT 0/0 0/1 0/1 1/1",  # N in the genome
    ]
    found = _read(_vcf(tmp_path, records), genome=genome)
    assert _keys(found) == ["1:1:A:G", "1:2:C:T", "1:31:G:A"]
    np.testing.assert_array_equal(found.dosages[0], [2, 1, 1, MISSING])
    assert found.variants["alt_frequency"][0] == pytest.approx(2 / 3)
    assert found.n_exchanged == 1
    assert found.skipped == {"ref_mismatch": 4}


def test_every_variant_left_out_is_counted(tmp_path: Path) -> None:
    records = [
        "chr1 2 C T GT 0/0 0/0 0/0 0/0",
        "chr1 3 G A GT 0/1 0/1 0/1 0/1",
        "chr1 4 T . GT 0/0 0/0 0/0 0/0",
        "chr1 5 A <INS> GT 0/0 0/1 0/0 0/0",
        "chr1 6 C * GT 0/0 0/1 0/0 0/0",
        "chr1 7 N A GT 0/0 0/1 0/0 0/0",
        "chr1 8 T A GT ./. ./. ./. ./.",
        "chr1 9 A C GT 0/0 0/0 0/0 0/1",
        "chr1 10 C A GT 0/0 0/1 1/1 0/0",
        "chr1 10 C A GT 0/1 0/1 1/1 0/0",
        "chr1 11 C A DS 0 1 1 0",
    ]
    found = _read(_vcf(tmp_path, records), min_maf=0.2)
    assert _keys(found) == ["1:10:C:A"]
    np.testing.assert_array_equal(found.dosages, [[0, 1, 2, 0]])
    assert found.skipped == {
        "monomorphic": 3,
        "invalid_allele": 3,
        "no_genotypes": 2,
        "rare": 1,
        "duplicate": 1,
    }


def test_rare_counts_the_minor_allele_and_keeps_the_bound(tmp_path: Path) -> None:
    path = _vcf(tmp_path, ["chr1 2 C T GT 1/1 1/1 1/1 0/1", "chr1 3 G A GT 0/0 0/0 0/1 0/1"])
    assert _keys(_read(path, min_maf=0.25)) == ["1:3:G:A"]
    assert _keys(_read(path, min_maf=0.125)) == ["1:2:C:T", "1:3:G:A"]


def test_only_positions_inside_the_region(tmp_path: Path, genome: Genome) -> None:
    records = [
        "chr1 8 TACC T GT 0/0 0/1 0/1 1/1",  # starts before, reaches in
        "chr1 9 AC CC GT 0/0 0/1 0/1 1/1",  # padded: an SNV before the region
        "chr1 11 CC C GT 0/0 0/1 0/1 1/1",  # inside as written, left-normalised before the region
        "chr1 12 C T GT 0/0 0/1 0/1 1/1",
        "chr1 15 T A GT 0/0 0/1 0/1 1/1",
        "chr1 16 G A GT 0/0 0/1 0/1 1/1",
    ]
    found = _read(_vcf(tmp_path, records), parse_region("1:10-15", where="here"), genome=genome)
    assert _keys(found) == ["1:12:C:T", "1:15:T:A"]
    assert found.skipped == {"outside_region": 1}


def test_padded_record_from_before_the_region_can_lie_inside(tmp_path: Path, genome: Genome) -> None:
    path = _vcf(tmp_path, ["chr1 10 CCC CCT GT 0/0 0/1 0/1 1/1"])
    assert _keys(_read(path, parse_region("1:12-15", where="here"), genome=genome)) == ["1:12:C:T"]


def test_nothing_there_is_empty_not_an_error(tmp_path: Path, genome: Genome) -> None:
    path = _vcf(tmp_path, ["chr1 2 C T GT 0/0 0/1 0/1 1/1"])
    for region in (
        parse_region("1:20-30", where="x"),
        parse_region("X:1-9", where="x"),
        parse_region("7:1-9", where="x"),
    ):
        found = _read(path, region, genome=genome)
        assert found.variants.empty
        assert found.samples == ("a", "b", "c", "d")
        assert found.variants["position"].dtype == np.int64
    with CohortGenotypes({"1": path}, dosage_field="GT", genome=None) as cohort:
        assert cohort.has_chromosome("1")
        assert not cohort.has_chromosome("7")
        assert cohort.read_region(Region("7", 0, 9), min_maf=0).dosages.shape == (0, 0)
        assert len(cohort.read_region(ANYWHERE, min_maf=0).variants) == 1


def test_many_records_of_changing_ploidy(tmp_path: Path) -> None:
    """More rows than are judged at a time; haploid, diploid and triploid records among each other; two per position."""
    rng = np.random.default_rng(5)
    records, expected, rare = [], {}, 0
    for position in range(1, 701):
        ploidy = 3 if position > 400 and rng.random() < 0.2 else 1 if rng.random() < 0.1 else 2
        for alt in "TC":
            calls = rng.integers(0, 2, (4, ploidy))
            dosages = 2 * calls.mean(axis=1, dtype=np.float32)
            records.append(f"chr1 {position} A {alt} GT " + " ".join("/".join(map(str, call)) for call in calls))
            frequency = dosages.mean() / 2
            if dosages.min() == dosages.max():
                continue
            if min(frequency, 1 - frequency) < 0.2:
                rare += 1
            else:
                expected[position, alt] = dosages
    found = _read(_vcf(tmp_path, records), Region("1", 0, 700), min_maf=0.2)
    assert list(zip(found.variants["position"], found.variants["alt"], strict=True)) == sorted(expected)
    np.testing.assert_allclose(found.dosages, [expected[key] for key in sorted(expected)], rtol=1e-6)
    np.testing.assert_allclose(found.variants["alt_frequency"], found.dosages.mean(axis=1) / 2, rtol=1e-6)
    assert found.skipped["rare"] == rare > 0


def test_duplicates_are_known_across_blocks(tmp_path: Path) -> None:
    records = [f"chr1 2 C {'A' * length} GT 0/0 0/1 0/1 1/1" for length in range(2, 302)]
    path = _vcf(tmp_path, [*records, *records])
    found = _read(path)
    assert len(found.variants) == 300
    assert found.skipped == {"duplicate": 300}


def test_chromosomes_come_from_their_own_files(tmp_path: Path) -> None:
    files = {}
    for contig, chromosome, ref in (("1", "1", "C"), ("23", "X", "G")):
        folder = tmp_path / contig
        folder.mkdir()
        files[chromosome] = _vcf(folder, [f"{contig} 2 {ref} T GT 0/0 0/1 0/1 1/1"], contigs=[contig])
    with CohortGenotypes(files, dosage_field="GT", genome=None) as cohort:
        assert _keys(cohort.read_region(ANYWHERE, min_maf=0)) == ["1:2:C:T"]
        assert _keys(cohort.read_region(Region("X", 0, 40), min_maf=0)) == ["X:2:G:T"]


def test_bcf_reads_like_vcf(tmp_path: Path) -> None:
    records = ["chr1 2 C T,A GT:DS 0/0:0,0 0|1:1,0 1/2:1,1 ./.:.,.", "chrX 3 G A GT:DS 0:0 1:1 0/1:1 ./.:."]
    path = _vcf(tmp_path, records)
    bcf = str(tmp_path / "cohort.bcf")
    with pysam.VariantFile(path) as source, pysam.VariantFile(bcf, "wb", header=source.header) as target:
        for record in source:
            target.write(record)
    pysam.tabix_index(bcf, preset="bcf")
    for field in ("GT", "DS"):
        check_genotypes(bcf, dosage_field=field, where="here")  # type: ignore[arg-type]
        for region in (ANYWHERE, Region("X", 0, 40)):
            expected, found = _read(path, region, field=field), _read(bcf, region, field=field)
            assert _keys(found) == _keys(expected) != []
            np.testing.assert_array_equal(found.dosages, expected.dosages)


def test_dosages_outlive_the_file(tmp_path: Path) -> None:
    path = _vcf(tmp_path, [f"chr1 {position} C T DS 0 {position / 40} 1 2" for position in range(2, 38)])
    found = _read(path, field="DS")
    np.testing.assert_allclose(found.dosages[:, 1], np.arange(2, 38) / 40, rtol=1e-6)


def _expect_refusal(path: str, message: str, *, field: str = "GT") -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_genotypes(path, dosage_field=field, where="cohorts.tsv, row 2")  # type: ignore[arg-type]
    assert caught.value.where.startswith(("cohorts.tsv, row 2", path))
    with pytest.raises(InputError, match=message), CohortGenotypes({"all": path}, dosage_field=field, genome=None) as c:  # type: ignore[arg-type]
        c.read_region(ANYWHERE, min_maf=0)


def test_unusable_files_are_refused_up_front(tmp_path: Path) -> None:
    record = ["chr1 2 C T GT 0/0 0/1 0/1 1/1"]
    path = _vcf(tmp_path, record)
    check_genotypes(path, dosage_field="GT", where="here")
    _expect_refusal(str(tmp_path / "absent.vcf.gz"), "there is no file")
    whole = Path(path).read_bytes()

    def variant(name: str, content: bytes, *, indexed: bool = True) -> str:
        other = tmp_path / name
        other.write_bytes(content)
        if indexed:
            Path(f"{other}.tbi").write_bytes(Path(f"{path}.tbi").read_bytes())
        return str(other)

    _expect_refusal(variant("bare.vcf.gz", whole, indexed=False), "no index")
    _expect_refusal(variant("cut.vcf.gz", whole[:-28]), "cut short")
    _expect_refusal(variant("plain.vcf", gzip.decompress(whole)), "not compressed with bgzip")
    _expect_refusal(variant("gzip.vcf.gz", gzip.compress(gzip.decompress(whole))), "not compressed with bgzip")
    with pysam.BGZFile(str(tmp_path / "text.gz"), "w") as file:
        file.write(b"no variants here\n")
    (tmp_path / "text.gz.tbi").touch()
    _expect_refusal(str(tmp_path / "text.gz"), "cannot be read as VCF or BCF")


def test_header_without_what_is_needed_is_refused(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    record = "chr1 2 C T GT 0/0 0/1 0/1 1/1"
    _expect_refusal(_vcf(folder("a"), ["chr1 2 C T"], n=0), "has no samples")
    _expect_refusal(_vcf(folder("b"), [record], contigs=["chr1", "1"]), "both stand for chromosome 1")
    path = _vcf(folder("c"), [record])
    text = gzip.decompress(Path(path).read_bytes()).decode()
    for name, old, new, message in (
        ("d", "##FORMAT=<ID=DS", "##INFO=<ID=DS", r"does not declare FORMAT field DS \(Float\); it declares GT"),
        ("e", "Number=A,Type=Float", "Number=A,Type=String", "declares with type String FORMAT field DS"),
    ):
        plain = folder(name) / "cohort.vcf"
        plain.write_text(text.replace(old, new, 1))
        _expect_refusal(str(pysam.tabix_index(str(plain), preset="vcf")), message, field="DS")


# The chromosome starts with a base that no ALT allele has, so that nothing can be shifted beyond its start.
REPEATS = (st.text("AC", min_size=29, max_size=29) | st.text("ACT", min_size=29, max_size=29)).map(
    lambda text: "G" + text
)


def _haplotype(sequence: str, position: int, ref: str, alt: str) -> str:
    start = position - 1
    assert sequence[start : start + len(ref)] == ref
    return sequence[:start] + alt + sequence[start + len(ref) :]


@given(
    sequence=REPEATS,
    position=st.integers(2, 25),
    ref_length=st.integers(1, 6),
    alts=st.lists(st.text("AC", min_size=1, max_size=6), min_size=1, max_size=3, unique=True),
)
def test_splitting_and_normalising_keeps_the_haplotype(
    sequence: str, position: int, ref_length: int, alts: list[str]
) -> None:
    ref = sequence[position - 1 : position - 1 + ref_length]
    assume(ref not in alts)
    left_out: Counter[str] = Counter()
    region = Region("1", 0, 30)
    placements = _place_record(position, ref, alts, region, lambda start, end: sequence[start:end], left_out)
    assert [allele for _, allele, _ in placements] == list(range(1, len(alts) + 1))
    assert not +left_out
    for (placed_position, placed_ref, placed_alt), allele, exchanged in placements:
        assert not exchanged
        expected = _haplotype(sequence, position, ref, alts[allele - 1])
        assert _haplotype(sequence, placed_position, placed_ref, placed_alt) == expected
        assert placed_position == _leftmost(sequence, expected)


def _leftmost(sequence: str, haplotype: str) -> int:
    """Slow definition: the smallest position at which some REF/ALT without shared end spells the haplotype."""
    shift = len(haplotype) - len(sequence)
    for position in range(1, len(sequence) + 1):
        for length in range(1, len(sequence) - position + 2):
            alt_length = length + shift
            if alt_length < 1:
                continue
            start = position - 1
            ref, alt = sequence[start : start + length], haplotype[start : start + alt_length]
            same_rest = haplotype == sequence[:start] + alt + sequence[start + length :]
            parsimonious = ref != alt and ref[-1] != alt[-1] and (min(length, alt_length) == 1 or ref[0] != alt[0])
            if same_rest and parsimonious:
                return position
    raise AssertionError("no spelling")


@pytest.mark.skipif(not DENSE.exists(), reason="shared data are not here")
def test_real_cohort_agrees_with_a_slow_pysam_reading(tmp_path: Path) -> None:
    index_fasta(str(FASTA), str(tmp_path / "genome.fa"))
    region = parse_region("20:1500000-1520000", where="here")
    with Genome(tmp_path / "genome.fa") as reference:
        found = _read(str(DENSE), region, genome=reference, min_maf=0.01)
        slow: dict[str, list[int]] = {}
        with pysam.VariantFile(str(DENSE)) as file:
            for record in file.fetch("20", region.start, region.end):
                if record.pos < region.first_position:
                    continue
                assert len(record.alts) == 1
                counts = [sum(call["GT"]) for call in record.samples.values()]
                frequency = sum(counts) / (2 * len(counts))
                if min(frequency, 1 - frequency) >= 0.01:
                    slow[f"20:{record.pos}:{record.ref}:{record.alts[0]}"] = counts
    assert len(slow) > 50
    assert set(_keys(found)) == set(slow)  # the source is left-normalised already
    np.testing.assert_array_equal(found.dosages, [slow[key] for key in _keys(found)])
    assert not found.skipped.keys() & {"ref_mismatch", "duplicate", "no_genotypes"}
