"""Every reader of user input: a whole file, how it is read, and what must hold of whatever is read from a damaged one.

A check compares with a reading of its own, by plain splitting of the text, so that a row that is lost, shifted or
changed on the way is found.
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz_oracles as oracle
import pandas as pd
import yaml

from locus2target.core.settings import load_settings
from locus2target.ingest.annotation import read_annotation
from locus2target.ingest.columns import QTL_DEFAULTS, STUDY_DEFAULTS
from locus2target.ingest.genome import Genome, index_fasta
from locus2target.ingest.ld_matrix import read_variants
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import check_delimited, read_delimited, read_gwas_vcf
from locus2target.targets.annotations import read_consequences, read_gene_links, read_open_chromatin
from locus2target.targets.gene_constraint import read_gene_constraint
from locus2target.targets.gene_sets import read_gmt
from locus2target.targets.ranking_model import read_models
from locus2target.targets.target_annotations import read_known_drugs, read_safety_constraint, read_tractability
from locus2target.targets.weights import read_weights

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow" / "schemas"


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read.

    Attributes
    ----------
    file
        Name of the file in its folder.
    content
        What a whole file holds.
    read
        Reads the file; an `InputError` refuses it.
    check
        Takes what was read and the damaged content; fails when they disagree.
    """

    file: str
    content: bytes
    read: Callable[[Path], Any]
    check: Callable[[Any, bytes], None] = oracle.nothing


def _table(header: str, *rows: str) -> bytes:
    return "".join(line.replace(" ", "\t") + "\n" for line in (header, *rows)).encode()


STUDY = _table(
    "chromosome base_pair_location effect_allele other_allele beta standard_error p_value n rsid",
    "1 100 A C 0.01 0.002 5.7e-7 1000 rs1",
    "1 200 G T -0.5 0.1 5.7e-400 1000 rs2",
    "chr2 300 AT A 0 0.25 1 999 rs3",
    "X 400 C CGG 1e-5 0.1 0.9999 NA rs4",
    "2 500 T G 0.125 0.03125 6.3e-5 1000 rs5",
)
QTL = _table(
    "molecular_trait_id chromosome position ref alt variant ma_samples maf pvalue beta se gene_id tissue",
    "ENSG1.1 1 100 A C chr1_100_A_C 10 0.1 0.01 0.5 0.2 ENSG00000000001.5 blood",
    "ENSG1.1 1 200 G T chr1_200_G_T 10 0.2 1e-5 -0.5 0.1 ENSG00000000001.5 blood",
    "ENSG2.1 2 300 AT A chr2_300_AT_A 10 0.3 0.5 0.25 0.5 ENSG00000000002.5 lung",
)
GTF = "".join(
    f"{contig}\tHAVANA\t{feature}\t{first}\t{last}\t.\t{strand}\t.\t"
    f'gene_id "{gene}"; gene_name "{name}"; gene_type "protein_coding";\n'
    for gene, name, contig, strand, parts in (
        ("ENSG00000000001.5", "ONE", "chr1", "+", [("gene", 11, 90), ("exon", 11, 30), ("exon", 25, 40)]),
        ("ENSG00000000002.5", "TWO", "chr2", "-", [("gene", 100, 900), ("exon", 100, 300)]),
        ("ENSG00000000003.5", "THREE", "chr2", "-", [("exon", 100, 300), ("exon", 500, 600)]),
    )
    for feature, first, last in parts
).encode()
FASTA = b">chr1 first\nACGTACGTAC\nGTACGTACGT\nACG\n>chr2\nNNNNacgtnn\nRYACGT\n>chrX\nACGTACGTAC\n"
BED = b"track name=peaks\nchr1\t0\t100\tT cell\nchr1\t200\t300\tB cell\nchrX\t5\t6\tliver\n2\t7\t9\tliver\n"
LINKS = b"chr1\t0\t100\tONE\tT cell\nchr1\t200\t300\tENSG00000000002.3\tB cell\nchrX\t5\t6\tTHREE\tliver\n"
CONSEQUENCES = _table(
    "#chromosome position ref alt gene_id consequence",
    "1 100 A C ENSG00000000001.3 missense_variant",
    "chr2 200 at G TWO stop_gained&splice_region_variant",
    "X 300 A G TWO intron_variant",
)
CONSTRAINT = _table(
    "gene gene_id canonical pLI LOEUF",
    "ONE ENSG00000000001.3 true 0.99 0.2",
    "TWO ENSG00000000002 false 1e-9 1.8",
    "TWO ENSG00000000002 true NA 0.9",
)
GMT = b"P1\tReactome | one\tONE\tTWO\nP2\tPID | two\tTWO\tTHREE\tENSG00000000001\nP3\t\tONE\n"
TRACTABILITY = _table("gene modality bucket", "ONE antibody High", "TWO small_molecule Approved", "ONE PROTAC Yes")
DRUGS = _table("gene drug phase action indication", "ONE alpha 4 inhibitor gout", "ONE beta 2 . .", "TWO alpha NA . x")
SAFETY = _table("gene pLI LOEUF note", "ONE 0.99 0.2 .", "TWO NA 1.5 seen", "TWO 0.1 0.8 .")
LD_VARIANTS = _table("chromosome position allele1 allele2 rsid", "1 100 A C rs1", "1 200 g T rs2", "1 300 AT A rs3")
CHAIN = (
    b"chain 100 chr1 1000 + 0 300 chr1 1100 + 100 410 1\n100 10 20\n190\n\n"
    b"chain 9 chr2 500 + 0 50 chr2 500 - 0 50 2\n50\n"
)
VCF = (
    b"##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n##contig=<ID=2,length=1000>\n"
    b'##FORMAT=<ID=ES,Number=A,Type=Float,Description="effect">\n##FORMAT=<ID=SE,Number=A,Type=Float,Description="se">\n'
    b'##FORMAT=<ID=LP,Number=A,Type=Float,Description="p">\n##FORMAT=<ID=SS,Number=A,Type=Float,Description="n">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tstudy\n"
    b"1\t100\trs1\tA\tC\t.\tPASS\t.\tES:SE:LP:SS\t0.5:0.125:4.5:1000\n"
    b"1\t200\trs2\tG\tT\t.\tPASS\t.\tES:SE:LP:SS\t-0.25:0.125:1.5:1000\n"
    b"2\t300\trs3\tAT\tA\t.\tPASS\t.\tES:SE:LP\t0.75:0.5:0.5\n"
    b"2\t400\trs4\tA\tG\t.\tPASS\t.\tES:SE:LP:SS\t0.0:0.5:0:.\n"
)
CSQ = (
    b"##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n"
    b'##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    b'Format: Allele|Consequence|SYMBOL|Gene">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"1\t100\t.\tA\tC\t.\t.\tCSQ=C|missense_variant|ONE|ENSG00000000001\n"
    b"1\t200\t.\tG\tT,A\t.\t.\tCSQ=T|stop_gained|ONE|ENSG00000000001,A|intron_variant|ONE|ENSG00000000001\n"
)


def read_study(path: Path) -> Any:
    """A study as the run reads it: the check before the run must not refuse what the job reads, nor crash."""
    check_delimited(str(path), {}, STUDY_DEFAULTS)
    return read_delimited(str(path), {}, STUDY_DEFAULTS)


def read_qtl(path: Path) -> Any:
    check_delimited(str(path), {}, QTL_DEFAULTS)
    return read_delimited(str(path), {}, QTL_DEFAULTS)


def read_genome(path: Path) -> dict[str, str]:
    """All sequences by canonical chromosome."""
    link = path.with_name("link.fa")
    index_fasta(str(path), str(link))
    with Genome(link) as genome:
        genome.contigs()
        return {name: genome.fetch(name, 0, length) for name, length in genome.lengths.items()}


def sheet_reader(name: str) -> Callable[[Path], Any]:
    """Read a sheet in place of the demo's."""

    def read(path: Path) -> Any:
        config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        for sheet in config["sheets"]:
            config["sheets"][sheet] = str(ROOT / "config" / f"{sheet}.tsv")
        config["sheets"][name] = str(path)
        return load_settings(config, schemas=SCHEMAS, where="config.yaml")

    return read


def read_lifted(path: Path) -> pd.DataFrame:
    chain = ChainFile(str(path), where="genome.chains")
    return chain.lift(["1", "1", "2", "3"], [50, 150, 10, 7], [1, 2, 1, 1])


READERS: Mapping[str, Reader] = {
    "study": Reader("study.tsv", STUDY, read_study, oracle.same_association),
    "study named gz": Reader("study.tsv.gz", gzip.compress(STUDY, mtime=0), read_study, oracle.same_association),
    "qtl": Reader("qtl.tsv", QTL, read_qtl, oracle.same_association),
    "gwas vcf": Reader("study.vcf", VCF, lambda path: read_gwas_vcf(str(path)), oracle.same_gwas_vcf),
    "gtf": Reader("genes.gtf", GTF, lambda path: read_annotation(str(path), chromosomes={"1", "2"}), oracle.same_genes),
    "fasta": Reader("genome.fa", FASTA, read_genome, oracle.same_sequences),
    "fasta of Windows": Reader("genome.fa", FASTA.replace(b"\n", b"\r\n"), read_genome, oracle.same_sequences),
    "bed": Reader("peaks.bed", BED, read_open_chromatin, oracle.same_bed),
    "bed named gz": Reader("peaks.bed.gz", gzip.compress(BED, mtime=0), read_open_chromatin, oracle.same_bed),
    "links": Reader("links.bed", LINKS, read_gene_links, oracle.same_bed),
    "consequences": Reader("coding.tsv", CONSEQUENCES, read_consequences, oracle.same_consequences),
    "consequence vcf": Reader("coding.vcf", CSQ, read_consequences),
    "constraint": Reader("constraint.tsv", CONSTRAINT, read_gene_constraint, oracle.same_constraint),
    "gmt": Reader("sets.gmt", GMT, read_gmt, oracle.same_sets),
    "tractability": Reader("tractability.tsv", TRACTABILITY, read_tractability),
    "drugs": Reader("drugs.tsv", DRUGS, read_known_drugs),
    "safety": Reader("safety.tsv", SAFETY, read_safety_constraint),
    "ld variants": Reader(
        "block.variants.tsv", LD_VARIANTS, lambda path: read_variants(str(path.with_name("block.npz"))), oracle.same_ld
    ),
    "chain": Reader("lift.chain", CHAIN, read_lifted),
    "studies sheet": Reader(
        "studies.tsv", (ROOT / "config/studies.tsv").read_bytes(), sheet_reader("studies"), oracle.same_studies
    ),
    "qtls sheet": Reader("qtls.tsv", (ROOT / "config/qtls.tsv").read_bytes(), sheet_reader("qtls")),
    "cohorts sheet": Reader("cohorts.tsv", (ROOT / "config/cohorts.tsv").read_bytes(), sheet_reader("cohorts")),
    "models sheet": Reader("models.tsv", (ROOT / "config/models.tsv").read_bytes(), sheet_reader("models")),
    "evidence weights": Reader(
        "weights.tsv", (ROOT / "resources/ranking/evidence_weights.tsv").read_bytes(), read_weights
    ),
    "fitted models": Reader("fitted.json", (ROOT / "resources/ranking/fitted_weights.json").read_bytes(), read_models),
}
