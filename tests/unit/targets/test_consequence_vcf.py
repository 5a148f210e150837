"""Annotated VCFs of three programs, each written by hand after its documentation."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import WEIGHTS, gene, locus_data, variant

from locus2target.core.errors import InputError
from locus2target.targets.annotations import match_consequences, read_consequences
from locus2target.targets.consequence_terms import SEVERITIES, SEVERITY_LEVELS, worst_severity
from locus2target.targets.consequence_vcf import _allele_spellings, _named_allele, read_consequence_vcf
from locus2target.targets.evidence_annotation import VariantAnnotations, coding_evidence
from locus2target.targets.weights import LEVELS, read_weights

VEP = (
    "CSQ",
    "Consequence annotations from Ensembl VEP. Format: Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature",
)
VEP_NUMBERED = ("CSQ", VEP[1] + "|ALLELE_NUM")
SNPEFF = (
    "ANN",
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | "
    "Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p | cDNA.pos / cDNA.length | CDS.pos / CDS.length | "
    "AA.pos / AA.length | Distance | ERRORS / WARNINGS / INFO' ",
)
BCFTOOLS = (
    "BCSQ",
    "Haplotype-aware consequence annotation from BCFtools/csq, see http://samtools.github.io/bcftools/howtos/"
    "csq-calling.html for details. Format: Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change",
)
Site = tuple[int, str, str, str]
"""Position, REF, ALT and annotation of one record."""


def write_vcf(path: Path, field: tuple[str, str] | None, sites: Sequence[Site]) -> Path:
    info = f'##INFO=<ID={field[0]},Number=.,Type=String,Description="{field[1]}">\n' if field else ""
    name = field[0] if field else "X"
    rows = "".join(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{name}={text}\n" for pos, ref, alt, text in sites)
    path.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=chr1>\n{info}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{rows}"
    )
    return path


def rows_of(path: Path) -> list[tuple[str, str, str]]:
    """Key, gene and consequence of each row."""
    found = read_consequences(path)
    return [
        (f"{chromosome}:{position}:{ref}:{alt}", gene_id, consequence)
        for chromosome, position, ref, alt, gene_id, consequence in found.itertuples(index=False, name=None)
    ]


def test_vep(tmp_path: Path) -> None:
    """Terms, genes, an insertion and a deletion at one site, and what is left out."""
    missense = "G|missense_variant&splice_region_variant|MODERATE|AAA|ENSG00000000001.4|Transcript|ENST1"
    sites = [
        (100, "A", "G", f"{missense},{missense},G|intron_variant|MODIFIER|BBB|ENSG00000000002|Transcript|ENST2"),
        (
            200,
            "CA",
            "C,CAT",
            "-|frameshift_variant|HIGH|AAA|ENSG00000000001||,AT|stop_gained|HIGH|AAA|ENSG00000000001||",
        ),
        (300, "a", "t", "T|missense_variant|MODERATE|LOC1|1234|Transcript|NM_1"),
        (400, "C", "T", "T|upstream_gene_variant|MODIFIER||||"),
        (500, "C", "<DEL>", "deletion|transcript_ablation|HIGH|AAA|ENSG00000000001||"),
    ]
    assert rows_of(write_vcf(tmp_path / "vep.vcf", VEP, sites)) == [
        ("1:100:A:G", "ENSG00000000001", "missense_variant&splice_region_variant"),
        ("1:200:CA:C", "ENSG00000000001", "frameshift_variant"),
        ("1:201:A:AT", "ENSG00000000001", "stop_gained"),  # CA > CAT without the shared C
        ("1:300:A:T", "LOC1", "missense_variant"),  # RefSeq: the id is a number
    ]


@pytest.mark.parametrize(
    ("ref", "alts", "vep"),
    [
        ("A", ["G"], ["G"]),
        ("A", ["G", "T"], ["G", "T"]),
        ("AC", ["AT"], ["AT"]),  # equal lengths: nothing is dropped
        ("A", ["AT"], ["T"]),
        ("AT", ["A"], ["-"]),
        ("A", ["AT", "ATT"], ["T", "TT"]),
        ("A", ["AT", "G"], ["AT", "G"]),  # the alleles start differently
        ("AT", ["A", "AC"], ["-", "C"]),
        ("AT", ["A", "*"], ["-", "*"]),  # the allele that is not there does not count
    ],
)
def test_vep_drops_the_first_base_that_all_alleles_share(ref: str, alts: list[str], vep: list[str]) -> None:
    assert [spelling[0] for spelling in _allele_spellings(ref, alts)] == vep


BASES = st.text("ACGT", min_size=1, max_size=5)


@given(BASES, st.lists(BASES, min_size=1, max_size=4, unique=True), st.data())
def test_every_allele_is_found_as_vep_and_snpeff_write_it(ref: str, alts: list[str], data: st.DataObject) -> None:
    alts = [alt for alt in alts if alt != ref] or [ref + "A"]
    spellings = _allele_spellings(ref, alts)
    index = data.draw(st.integers(0, len(alts) - 1))
    assert _named_allele(spellings[index][0], "", spellings) == index
    for text in spellings[index]:
        assert _named_allele(text, str(index + 1), spellings) == index
    assert _named_allele("ACGTACGTACGT", "1", spellings) is None


def test_minimal_alleles_need_their_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """CAA > CA and CAA > C are both `-` when trimmed alone; without a number VEP's usual spelling decides."""
    entry = "-|{}|HIGH|AAA|ENSG00000000001|||{}"
    text = ",".join([entry.format("frameshift_variant", 1), entry.format("inframe_deletion", 2)])
    assert rows_of(write_vcf(tmp_path / "numbered.vcf", VEP_NUMBERED, [(10, "CAA", "CA,C", text)])) == [
        ("1:10:CA:C", "ENSG00000000001", "frameshift_variant"),
        ("1:10:CAA:C", "ENSG00000000001", "inframe_deletion"),
    ]
    # split after annotation: the numbers and texts are those of the old site
    text = "T|stop_gained|HIGH|AAA|ENSG00000000001|||1,G|missense_variant|MODERATE|AAA|ENSG00000000001|||2"
    caplog.set_level("WARNING")
    assert rows_of(write_vcf(tmp_path / "split.vcf", VEP_NUMBERED, [(10, "C", "G", text)])) == [
        ("1:10:C:G", "ENSG00000000001", "missense_variant")
    ]
    assert "1 consequences are not used" in caplog.text
    assert "'T' at 1:10" in caplog.text


def test_snpeff(tmp_path: Path) -> None:
    """Alleles as in the VCF; ids that are not Ensembl's give way to the symbol; later parts may be missing."""
    tail = "|transcript|ENST1|protein_coding|1/1|c.1A>G|p.Met1?|1/918|1/918|1/305||"
    sites = [
        (100, "A", "G,T", f"G|start_lost|HIGH|AAA|ENSG00000000001{tail},T|missense_variant|MODERATE|BBB|BBB{tail}"),
        (200, "CA", "C", f"C|disruptive_inframe_deletion|MODERATE|CCC|rna-12{tail}"),
        (300, "A", "G", f"G-T|missense_variant|MODERATE|AAA|ENSG00000000001{tail}"),
        (400, "A", "G", "G|splice_region_variant&intron_variant|LOW|AAA|ENSG00000000001"),
    ]
    assert rows_of(write_vcf(tmp_path / "snpeff.vcf", SNPEFF, sites)) == [
        ("1:100:A:G", "ENSG00000000001", "start_lost"),
        ("1:100:A:T", "BBB", "missense_variant"),
        ("1:200:CA:C", "CCC", "disruptive_inframe_deletion"),
        ("1:400:A:G", "ENSG00000000001", "splice_region_variant&intron_variant"),
    ]


def test_bcftools_csq(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Changes name their ALT, splice sites name none, `@` points to another record, `*` stands behind a stop."""
    caplog.set_level("WARNING")
    head = "AAA|ENST1|protein_coding"
    both = f"missense|{head}|+|5K>5G|100A>G+101A>G"
    sites = [
        (100, "A", "G", f"{both},*missense|{head}|+|9K>9E|100A>G"),
        (101, "A", "G,T", f"@100,stop_gained|{head}|+|5K>5*|101A>T"),
        (200, "G", "A,C", f"splice_donor|{head}"),
        (300, "G", "A", f"synonymous|{head}|+|7K|300G>A"),
        (301, "G", "A", f"inframe_altering&splice_region|{head}|+|7K|301G>A"),
        (400, "G", "A", "@9999"),
    ]
    assert rows_of(write_vcf(tmp_path / "csq.vcf", BCFTOOLS, sites)) == [
        ("1:100:A:G", "AAA", "missense_variant"),
        ("1:101:A:T", "AAA", "stop_gained"),
        ("1:200:G:A", "AAA", "splice_donor_variant"),
        ("1:200:G:C", "AAA", "splice_donor_variant"),
        ("1:301:G:A", "AAA", "protein_altering_variant&splice_region_variant"),
        ("1:101:A:G", "AAA", "missense_variant"),  # through @100
    ]
    assert "1 consequences point at a position that does not name them" in caplog.text


def test_compressed_and_binary_files_say_the_same(tmp_path: Path) -> None:
    plain = write_vcf(tmp_path / "a.vcf", VEP, [(100, "A", "G", "G|stop_gained|HIGH|AAA|ENSG00000000001||")])
    pysam.tabix_compress(str(plain), str(tmp_path / "a.vcf.gz"))
    with (
        pysam.VariantFile(str(plain)) as source,
        pysam.VariantFile(str(tmp_path / "a.bcf"), "wb", header=source.header) as out,
    ):
        for record in source:
            out.write(record)
    for name in ("a.vcf.gz", "a.bcf"):
        pd.testing.assert_frame_equal(read_consequences(tmp_path / name), read_consequences(plain))


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (None, "the header has no INFO field CSQ, ANN, BCSQ"),
        (("CSQ", "Consequences of this and that"), "does not say which part is Allele"),
        (("CSQ", "Format: Allele|IMPACT|Gene"), "does not say which part is Consequence or Annotation"),
        (("BCSQ", "Format: Consequence|gene"), "does not say which part is dna_change"),
    ],
)
def test_bad_headers_are_refused(tmp_path: Path, field: tuple[str, str] | None, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_consequence_vcf(write_vcf(tmp_path / "bad.vcf", field, []))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.vcf"
    path.write_text("chromosome\tposition\n")
    with pytest.raises(InputError, match="cannot be read as VCF or BCF"):
        read_consequences(path)
    with pytest.raises(InputError, match="there is no file"):
        read_consequences(tmp_path / "absent.bcf")


def test_a_file_without_consequences_is_an_empty_table(tmp_path: Path) -> None:
    found = read_consequences(write_vcf(tmp_path / "none.vcf", VEP, []))
    assert found.empty
    assert found["position"].dtype == "int64"


# ---- Severities and evidence -----------------------------------------------------------------------------------


def test_severities_are_levels_of_the_weights() -> None:
    assert set(SEVERITIES.values()) == set(SEVERITY_LEVELS) == set(LEVELS["coding_consequence"])
    assert worst_severity("splice_region_variant&synonymous_variant") == "splice_region"
    assert worst_severity("splice_region_variant,stop_gained&missense_variant") == "high"
    assert worst_severity("intergenic_variant") is None


def test_each_variant_counts_once_by_its_worst_and_symbols_are_matched() -> None:
    """PIP 0.5 high (named by symbol; also splice region, named by id), 0.3 moderate, 0.1 splice region."""
    carriers = [variant(1_000_000, 0.5), variant(1_000_010, 0.3), variant(1_000_020, 0.1)]
    data = locus_data([gene("NEAR", 1_002_000), gene("FAR", 1_300_000)], carriers)
    consequences = pd.DataFrame(
        [
            (1_000_000, "ENSG_NEAR", "splice_region_variant"),
            (1_000_000, "NEAR", "stop_gained"),
            (1_000_010, "NEAR", "missense_variant"),
            (1_000_020, "ENSG_NEAR", "splice_polypyrimidine_tract_variant"),
            (1_000_020, "GONE", "missense_variant"),
        ],
        columns=["position", "gene_id", "consequence"],
    ).assign(chromosome="1", ref="A", alt="G")
    matched = match_consequences(data.scored, consequences).merge(
        data.scored[["variant", "position", "pip"]], on="variant"
    )
    nothing = pd.DataFrame({"variant": [], "gene_id": [], "pip": []})
    annotations = VariantAnnotations(None, None, matched, nothing, nothing, nothing, None)
    weights = read_weights(WEIGHTS)
    others, row = coding_evidence(data, annotations, weights)
    high, moderate, splice = (math.exp(weights.log_odds("coding_consequence", level)) for level in SEVERITY_LEVELS)
    assert row["gene_symbol"] == "NEAR"
    assert row["log_odds"] == pytest.approx(math.log(0.1 + 0.5 * high + 0.3 * moderate + 0.1 * splice))
    assert row["value"] == pytest.approx(0.9)
    assert row["detail"] == "PIP 0.9 on missense_variant, splice_polypyrimidine_tract_variant, stop_gained"
    assert (others["status"], others["value"], others["log_odds"]) == ("not_candidate", 0.1, 0.0)
    assert "GONE" in str(others["detail"])


def test_masses_above_one_keep_the_worst() -> None:
    carriers = [variant(1_000_000, 0.9), variant(1_000_010, 0.8, credible_set=2)]
    data = locus_data([gene("NEAR", 1_002_000)], carriers)
    consequences = data.scored[["variant", "position", "pip"]].assign(
        gene_id="ENSG_NEAR", consequence=["stop_gained", "missense_variant"], severity=["high", "moderate"]
    )
    nothing = pd.DataFrame({"variant": [], "gene_id": [], "pip": []})
    annotations = VariantAnnotations(None, None, consequences, nothing, nothing, nothing, None)
    weights = read_weights(WEIGHTS)
    (row,) = coding_evidence(data, annotations, weights)
    high, moderate = (math.exp(weights.log_odds("coding_consequence", level)) for level in ("high", "moderate"))
    assert row["log_odds"] == pytest.approx(math.log(0.9 * high + 0.1 * moderate))
