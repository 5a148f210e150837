"""Cut the demo data set out of the staged source data.

    PYTHONPATH=workflow/scripts python demo/build_demo.py --shared ../shared/data --output demo/data

Run once by a developer; users get the result in `demo/data`. Nothing is simulated and no number is changed: rows are
cut by region, unused columns and sequence case are dropped, genotypes are re-coded so that REF is the reference base
where a source says what that is. Rebuilding from the same sources with the same htslib gives the same bytes.
"""

import argparse
import bisect
import csv
import gzip
import hashlib
import io
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pysam
import pysam.bcftools

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.intervals import Region, region_around, region_of_positions

log = logging.getLogger("build_demo")

GENE_MARGIN_BP = 1_500_000  # genes this close to a locus are annotated: more than any candidate window
FLANK_BP = 600_000  # more than the loci's window of 500 kb, so that no window is cut
OPEN_CHROMATIN = {"ATAC_iPSC", "ATAC_iPSC_CN", "ATAC_iPSC_DN", "ATAC_iPSC_GA", "ATAC_iPSC_NSC", "DNaseI"}
PRIMARY = {*(str(number) for number in range(1, 23)), "X", "Y", "MT"}
FASTA_WIDTH = 60_000
BASES = frozenset("ACGT")


@dataclass(frozen=True, slots=True)
class Locus:
    """One demo locus: `region` on `build`; `lead_position` is the lead variant's 1-based position there."""

    name: str
    disease: str
    lead: str
    build: str
    region: Region
    lead_position: int


def _schizophrenia(name: str, lead: str, chromosome: str, position: int) -> Locus:
    region = region_around(chromosome, position, FLANK_BP)
    return Locus(name, "schizophrenia", lead, "GRCh37", region, position)


# The two loci with sequence keep the whole window of the source (lead +-1 Mb).
SCHIZOPHRENIA = (
    replace(_schizophrenia("GRM3", "rs12704290", "7", 86427626), region=region_of_positions("7", 85427738, 87427626)),
    replace(_schizophrenia("SRR", "rs4523957", "17", 2208899), region=region_of_positions("17", 1208900, 3208899)),
    _schizophrenia("FURIN", "rs4702", "15", 91426560),
    _schizophrenia("DRD2", "rs2514218", "11", 113392994),
    _schizophrenia("CACNA1C", "rs2007044", "12", 2344960),
    _schizophrenia("ATP2A2", "rs4766428", "12", 110723245),
    _schizophrenia("AS3MT", "rs11191419", "10", 104612335),
    _schizophrenia("MHC", "rs13217619", "6", 28306671),
    _schizophrenia("ITIH3", "rs2535627", "3", 52845105),
)
TYPE_1_DIABETES = Locus(
    "SIRPG", "type_1_diabetes", "rs6043409", "GRCh37", region_of_positions("20", 1000001, 2200000), 1616206
)
RHEUMATOID_ARTHRITIS = Locus(
    "CTLA4",
    "rheumatoid_arthritis",
    "rs3087243",
    "GRCh38",
    region_around("2", 203874196, FLANK_BP),
    203874196,
)
OTHER_GRCH38 = (
    Locus("HMGCR", "ldl_cholesterol", "rs4549504", "GRCh38", region_of_positions("5", 74855259, 75855259), 75512412),
    Locus(
        "RBMS1", "lymphocyte_count", "rs13431440", "GRCh38", region_of_positions("2", 160100000, 160700000), 160429709
    ),
    Locus("OAS1", "covid_19", "rs10774671", "GRCh38", region_of_positions("12", 112700000, 113200000), 112919388),
)


# ---- Files that come out the same every time --------------------------------------------------------------------
def write_gzip(path: Path, lines: Iterable[str]) -> None:
    """Write lines (with their line ends) as gzip without a time stamp."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as out:
        out.writelines(line.encode() for line in lines)


def write_bgzip(path: Path, lines: Iterable[str]) -> None:
    """Write lines as BGZF, which tabix and faidx can index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pysam.BGZFile(str(path), "w9") as out:
        for line in lines:
            out.write(line.encode())


def cut_lines(source: Path, keep: Callable[[list[str]], bool]) -> Iterator[str]:
    """Give the header and the kept rows of a tab-separated file, byte for byte."""
    with gzip.open(source, "rt") as lines:
        yield next(lines)
        for line in lines:
            if keep(line.rstrip("\n").split("\t")):
                yield line


def copy(source: Path, target: Path) -> None:
    """Copy a file unchanged."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def inside(regions: Iterable[Region], chromosome: str, position: int) -> bool:
    """Whether a 1-based position lies in one of the regions."""
    return any(region.contains(chromosome, position) for region in regions)


# ---- Liftover -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Block:
    """An ungapped stretch (0-based, half-open) of GRCh38 and where it starts on the forward strand of GRCh37."""

    start: int
    end: int
    chromosome: str
    lifted_start: int


def primary_chains(source: Path) -> list[list[str]]:
    """Chains between assembled chromosomes (no patches, no unplaced contigs), as lists of lines."""
    with gzip.open(source, "rt") as lines:
        chains = [chain.split("\n") for chain in lines.read().strip().split("\n\n")]
    return [chain for chain in chains if {chain[0].split()[2], chain[0].split()[7]} <= PRIMARY]


def chromosome_lengths(chains: list[list[str]]) -> dict[str, int]:
    """GRCh37 lengths as the chain headers state them."""
    return {chain[0].split()[7]: int(chain[0].split()[8]) for chain in chains}


def forward_blocks(chains: list[list[str]], chromosome: str) -> list[Block]:
    """Blocks of the chains that keep chromosome and strand, by start."""
    blocks: list[Block] = []
    for chain in chains:
        header = chain[0].split()
        if header[2] != chromosome or header[7] != chromosome or header[9] != "+":
            continue
        start, lifted = int(header[5]), int(header[10])
        for line in chain[1:]:
            size, *gaps = (int(field) for field in line.split())
            blocks.append(Block(start, start + size, header[7], lifted))
            if gaps:
                start, lifted = start + size + gaps[0], lifted + size + gaps[1]
    return sorted(blocks, key=lambda block: block.start)


def lift(blocks: list[Block], position: int) -> int | None:
    """Lift a 1-based position; None where no block holds it."""
    at = bisect.bisect_left(blocks, position, key=lambda block: block.start) - 1
    if at < 0 or position > blocks[at].end:
        return None
    return blocks[at].lifted_start + position - blocks[at].start


def lift_locus(locus: Locus, chains: list[list[str]]) -> Locus:
    """Put a locus on GRCh37."""
    if locus.build == "GRCh37":
        return locus
    blocks = forward_blocks(chains, locus.region.chromosome)
    first, last, lead = (
        lift(blocks, position)
        for position in (locus.region.first_position, locus.region.last_position, locus.lead_position)
    )
    if first is None or last is None or lead is None:
        raise RuntimeError(f"{locus.name}: an end of {locus.region} does not lift")
    region = region_of_positions(locus.region.chromosome, first, last)
    return replace(locus, build="GRCh37", region=region, lead_position=lead)


# ---- Genome and genes ---------------------------------------------------------------------------------------------
def fasta_lines(fasta: pysam.FastaFile, lengths: dict[str, int]) -> Iterator[str]:
    """Chromosomes at their full length, N where there is no sequence, so that every position of the demo exists.

    Upper case, since no step uses the soft mask; long lines, since they make the runs of N five times smaller.
    """
    for chromosome, length in lengths.items():
        yield f">{chromosome}\n"
        known = fasta.get_reference_length(chromosome) if chromosome in fasta.references else 0
        for start in range(0, length, FASTA_WIDTH):
            end = min(start + FASTA_WIDTH, length)
            sequence = fasta.fetch(chromosome, start, min(end, known)).upper() if start < known else ""
            yield sequence.ljust(end - start, "N") + "\n"


def build_genome(shared: Path, output: Path, lengths: dict[str, int]) -> None:
    """Write the FASTA and its two indexes."""
    target = output / "genome/GRCh37_partial.fa.gz"
    with pysam.FastaFile(str(shared / "reference_grch37_partial/GRCh37_partial.fa.gz")) as fasta:
        write_bgzip(target, fasta_lines(fasta, lengths))
    pysam.faidx(str(target))


def gtf_gene_line(row: dict[str, str]) -> str:
    """One gene as a GTF line; `gene_type` only where the source knows it."""
    attributes = f'gene_id "{row["gene_id"]}"; gene_name "{row["gene_name"]}";'
    if row["gene_type"] != "NA":
        attributes += f' gene_type "{row["gene_type"]}";'
    fields = (row["chr"], "GENCODE_v19", "gene", row["start"], row["end"], ".", row["strand"], ".", attributes)
    return "\t".join(fields) + "\n"


def build_genes(shared: Path, output: Path, regions: list[Region]) -> None:
    """Write genes near the loci, with collapsed exons on chromosomes 7, 17 and 20."""
    near = [Region(r.chromosome, max(0, r.start - GENE_MARGIN_BP), r.end + GENE_MARGIN_BP) for r in regions]
    exons: dict[str, list[str]] = {}
    with gzip.open(shared / "annotation_grch37/gencode_v19.collapsed.chr7_17_20.gtf.gz", "rt") as lines:
        for line in lines:
            fields = line.split("\t")
            if fields[2] == "exon":
                exons.setdefault(fields[8].split('"')[1], []).append(line)
    kept = []
    with gzip.open(shared / "annotation_grch37/gencode_v19.genes.tsv.gz", "rt") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            body = region_of_positions(row["chr"], int(row["start"]), int(row["end"]))
            if any(body.overlaps(region) for region in near):
                kept.append((chromosome_rank(body.chromosome), body.start, row))
    kept.sort(key=lambda item: (item[0], item[1], item[2]["gene_id"]))
    write_bgzip(
        output / "genome/gencode_v19.demo.gtf.gz",
        (line for *_, row in kept for line in (gtf_gene_line(row), *exons.get(row["gene_id"], []))),
    )
    log.info("%d genes, %d without a type", len(kept), sum(row["gene_type"] == "NA" for *_, row in kept))


# ---- Summary statistics -------------------------------------------------------------------------------------------
def build_gwas(shared: Path, output: Path) -> None:
    """Write the six studies in the formats of their sources."""
    folder = output / "gwas"
    windows = [locus.region for locus in SCHIZOPHRENIA]
    source = shared / "gwas_scz_pgc2_2014/scz_pgc2_2014.loci.tsv.gz"
    write_gzip(folder / "SCZ_PGC2_2014.GRCh37.tsv.gz", cut_lines(source, lambda f: inside(windows, f[0], int(f[1]))))
    source = shared / "gwas_t1d_ra_immunochip/t1d_ra_immunochip.pvalues.tsv.gz"
    rows = cut_lines(source, lambda f: f[0] == "20")
    write_gzip(folder / "T1D_immunochip.chr20.GRCh37.tsv.gz", ("\t".join(r.split("\t")[:7]) + "\n" for r in rows))
    source = shared / "coloc_ra_ctla4_grch38/RA_mvp_finngen_ukb.CTLA4.GRCh38.tsv.gz"
    window = [RHEUMATOID_ARTHRITIS.region]
    write_gzip(folder / source.name, cut_lines(source, lambda f: inside(window, f[0], int(f[1]))))
    for name in (
        "coloc_ldl_hmgcr_grch38/LDLC_HMGCR.GRCh38.vcf.gz",
        "coloc_lymphocyte_rbms1_grch38/LC_GCST004627.RBMS1.GRCh38.vcf.gz",
        "coloc_covid_oas1_grch38/COVID19_GCST011071.OAS1.GRCh38.tsv.gz",
    ):
        copy(shared / name, folder / Path(name).name)


def build_qtl(shared: Path, output: Path, regions: list[Region]) -> None:
    """Write the four full-region QTL files unchanged and GTEx v7 cut to the loci."""
    folder = output / "qtl"
    for name in (
        "coloc_ra_ctla4_grch38/OneK1K_CD4_CTLA4_eqtl.GRCh38.tsv.gz",
        "coloc_ldl_hmgcr_grch38/FUSION_muscle_eqtl.GRCh38.tsv.gz",
        "coloc_lymphocyte_rbms1_grch38/BLUEPRINT_Tcell_eqtl.GRCh38.tsv.gz",
        "coloc_covid_oas1_grch38/GEUVADIS_LCL_OAS1_sqtl.GRCh38.tsv.gz",
    ):
        copy(shared / name, folder / Path(name).name)

    def variant_inside(variant_id: str) -> bool:
        chromosome, position, *_ = variant_id.split("_")
        return inside(regions, chromosome, int(position))

    leads = cut_lines(shared / "qtl_gtex_v7/gtex_v7.egenes.loci.tsv.gz", lambda f: variant_inside(f[6]))
    write_gzip(folder / "GTEx_v7.egenes.demo.GRCh37.tsv.gz", leads)
    pairs = cut_lines(shared / "qtl_gtex_v7/gtex_v7.signif_pairs.loci.tsv.gz", lambda f: variant_inside(f[2]))
    write_gzip(folder / "GTEx_v7.signif_pairs.demo.GRCh37.tsv.gz", pairs)


def build_annotation(shared: Path, output: Path, regions: list[Region]) -> None:
    """Write open-chromatin elements that overlap a locus, sorted, as indexed BED4."""
    rows = []
    with gzip.open(shared / "annotation_grch37/regulatory_elements.loci.bed.gz", "rt") as lines:
        for line in lines:
            chromosome, start, end, name = line.rstrip("\n").split("\t")
            element = Region(chromosome, int(start), int(end))
            if name in OPEN_CHROMATIN and any(element.overlaps(region) for region in regions):
                rows.append((chromosome_rank(chromosome), element.start, element.end, name, line))
    rows.sort()
    target = output / "annotation/regulatory_elements.demo.bed.gz"
    write_bgzip(target, (row[-1] for row in rows))
    pysam.tabix_index(str(target), preset="bed", force=True)
    log.info("open chromatin: %s", dict(Counter(row[3] for row in rows)))


# ---- Genotypes ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Genotypes:
    """One biallelic SNP; `alternate_counts` has shape (489,), int8, copies of `alt`, -1 missing."""

    chromosome: str
    position: int
    rsid: str
    ref: str
    alt: str
    alternate_counts: npt.NDArray[np.int8]

    def exchanged(self) -> "Genotypes":
        """The same genotypes with REF and ALT exchanged."""
        counts = np.where(self.alternate_counts < 0, -1, 2 - self.alternate_counts).astype(np.int8)
        return replace(self, ref=self.alt, alt=self.ref, alternate_counts=counts)


def read_vcf(path: Path, regions: list[Region]) -> Iterator[Genotypes]:
    """Records of an unphased, GT-only VCF inside the regions."""
    codes = {"0/0": 0, "0/1": 1, "1/1": 2, "./.": -1}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if not line.startswith("#") and inside(regions, fields[0], int(fields[1])):
                counts = np.array([codes[field] for field in fields[9:]], dtype=np.int8)
                yield Genotypes(fields[0], int(fields[1]), fields[2], fields[3], fields[4], counts)


def read_plink(prefix: Path, regions: list[Region]) -> Iterator[Genotypes]:
    """Records of a gzipped PLINK 1 set inside the regions; allele 2 is taken as REF until a source says otherwise."""
    n_people = len(read_samples(prefix))
    n_bytes = (n_people + 3) // 4
    packed = np.frombuffer(gzip.decompress(Path(f"{prefix}.bed.gz").read_bytes()), dtype=np.uint8)
    if bytes(packed[:3]) != b"\x6c\x1b\x01":
        raise RuntimeError(f"{prefix}.bed.gz is not a SNP-major PLINK 1 file")
    by_snp = packed[3:].reshape(-1, n_bytes)
    allele_1_counts = np.array([2, -1, 1, 0], dtype=np.int8)  # PLINK's codes 00, 01 (missing), 10, 11
    with gzip.open(f"{prefix}.bim.gz", "rt") as lines:
        for row, line in zip(by_snp, lines, strict=True):
            chromosome, rsid, _, position, allele_1, allele_2 = line.split()
            if inside(regions, chromosome, int(position)):
                codes = (row[:, None] >> np.array([0, 2, 4, 6], dtype=np.uint8)) & 3
                counts = allele_1_counts[codes.ravel()[:n_people]]
                yield Genotypes(chromosome, int(position), rsid, allele_2, allele_1, counts)


def read_samples(prefix: Path) -> list[str]:
    """Sample names of a gzipped PLINK 1 set."""
    with gzip.open(f"{prefix}.fam.gz", "rt") as lines:
        return [line.split()[1] for line in lines]


ReferenceBases = dict[tuple[str, int], str]


def gtex_bases(shared: Path) -> ReferenceBases:
    """Bases of GRCh37 that GTEx v7 variant ids spell out in their REF."""
    bases: ReferenceBases = {}
    for name, column in (("egenes", 6), ("signif_pairs", 2)):
        for line in cut_lines(shared / f"qtl_gtex_v7/gtex_v7.{name}.loci.tsv.gz", lambda _: True):
            parts = line.split("\t")[column].split("_")
            if len(parts) == 5:
                chromosome, position, ref = parts[0], int(parts[1]), parts[2]
                bases.update({(chromosome, position + at): base for at, base in enumerate(ref)})
    return bases


def _grch38_alleles(shared: Path) -> Iterator[tuple[str, int, str]]:
    """Chromosome, position and REF of every variant of the GRCh38 studies and QTL sets."""
    for path in sorted(shared.glob("coloc_*_grch38/*.gz")):
        with gzip.open(path, "rt") as lines:
            vcf = path.name.endswith(".vcf.gz")
            header = None if vcf else next(lines).rstrip("\n").split("\t")
            names = {"chromosome", "CHR"}, {"position", "base_pair_location", "POS"}, {"ref", "other_allele", "REF"}
            columns = [0, 1, 3] if header is None else [next(i for i, h in enumerate(header) if h in n) for n in names]
            for line in lines:
                fields = line.rstrip("\n").split("\t")
                if not line.startswith("#") and fields[columns[1]].isdigit():
                    yield fields[columns[0]], int(fields[columns[1]]), fields[columns[2]]


def lifted_bases(shared: Path, chains: list[list[str]]) -> ReferenceBases:
    """Bases of GRCh38 under the variants of the GRCh38 files, lifted to GRCh37 positions."""
    alleles = sorted(set(_grch38_alleles(shared)))
    blocks = {chromosome: forward_blocks(chains, chromosome) for chromosome in {allele[0] for allele in alleles}}
    bases: ReferenceBases = {}
    for chromosome, position, ref in alleles:
        lifted = lift(blocks[chromosome], position)
        if lifted is not None:
            bases[chromosome, lifted] = ref[0]
    return bases


def orient(
    record: Genotypes, fasta: pysam.FastaFile, gtex: ReferenceBases, lifted: ReferenceBases
) -> tuple[Genotypes, str]:
    """Make REF the reference base, as far as a source says what it is; say which source did."""
    key = record.chromosome, record.position
    in_fasta = record.chromosome in fasta.references
    base = fasta.fetch(record.chromosome, record.position - 1, record.position).upper() if in_fasta else ""
    for source, claimed in (("FASTA", base), ("GTEX", gtex.get(key, "")), ("LIFTED", lifted.get(key, ""))):
        if claimed == record.ref:
            return record, source
        if claimed == record.alt:
            return record.exchanged(), source
        if claimed in BASES:
            raise RuntimeError(f"{record.rsid}: {source} has {claimed}, the panel {record.ref} and {record.alt}")
    return record, "NOFASTA"


def vcf_header(chains: list[list[str]], chromosomes: Iterable[str], info: list[str], samples: list[str]) -> str:
    """Header with the GRCh37 lengths that the chain file states."""
    lengths = chromosome_lengths(chains)
    lines = ["##fileformat=VCFv4.2", "##reference=GRCh37", *info]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Unphased best-guess genotype">')
    lines += [f"##contig=<ID={name},length={lengths[name]}>" for name in chromosomes]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    return "\n".join([*lines, "\t".join(columns)]) + "\n"


REFCHECK = (
    "##INFO=<ID=REFCHECK,Number=1,Type=String,Description="
    '"What REF rests on. FASTA: the GRCh37 sequence; GTEX: REF of a GTEx v7 variant id (GRCh37); LIFTED: REF of a '
    'GRCh38 file at the lifted position; NOFASTA: nothing, REF is allele A of the source panel">'
)


def build_hapmap3(shared: Path, output: Path, chains: list[list[str]], regions: list[Region]) -> None:
    """Write the HapMap3 genotypes of all loci but chromosome 20's as one indexed BCF."""
    panel = shared / "genotypes_1kg_eur489_hm3"
    with_sequence = [region for region in regions if region.chromosome in {"7", "17"}]
    without = [region for region in regions if region.chromosome not in {"7", "17", "20"}]
    records = [
        *read_vcf(panel / "EUR489_hm3.chr7_17_20.vcf.gz", with_sequence),
        *read_plink(panel / "EUR489_hm3.scz_loci", without),
        *read_plink(panel / "EUR489_hm3.other_loci", without),
    ]
    unique = {(record.chromosome, record.position, record.rsid): record for record in records}
    ordered = sorted(unique.values(), key=lambda record: (chromosome_rank(record.chromosome), record.position))
    gtex, lifted = gtex_bases(shared), lifted_bases(shared, chains)
    with pysam.FastaFile(str(output / "genome/GRCh37_partial.fa.gz")) as fasta:
        oriented = [orient(record, fasta, gtex, lifted) for record in ordered]
    log.info("HapMap3 panel: %s", dict(Counter(source for _, source in oriented)))
    chromosomes = list(dict.fromkeys(record.chromosome for record in ordered))
    header = vcf_header(chains, chromosomes, [REFCHECK], read_samples(panel / "EUR489_hm3.scz_loci"))
    write_bcf(output / "genotypes/EUR489_hm3.demo.bcf", header, oriented)


def write_bcf(target: Path, header: str, records: list[tuple[Genotypes, str]]) -> None:
    """Write records as BCF with a CSI index."""
    codes = np.array(["0/0", "0/1", "1/1", "./."])  # -1 picks the last
    text = io.StringIO(header)
    text.seek(0, io.SEEK_END)
    for record, source in records:
        fixed = (record.chromosome, str(record.position), record.rsid, record.ref, record.alt, ".", "PASS")
        genotypes = "\t".join(codes[record.alternate_counts])
        text.write("\t".join((*fixed, f"REFCHECK={source}", "GT", genotypes)) + "\n")
    plain = target.with_suffix(".vcf.gz")
    write_bgzip(plain, [text.getvalue()])
    pysam.bcftools.view("--no-version", "-Ob9", "-o", str(target), str(plain), catch_stdout=False)
    plain.unlink()
    pysam.bcftools.index("--force", str(target), catch_stdout=False)


def build_dense(shared: Path, output: Path, chains: list[list[str]]) -> None:
    """Write the dense chromosome 20 panel, cut to the T1D locus, as an indexed VCF."""
    source = shared / "genotypes_1kg_eur489_dense_chr20/EUR489_1kg.chr20_1-4Mb.vcf.gz"
    with gzip.open(source, "rt") as lines:
        text = list(lines)
    info = [line.rstrip("\n") for line in text if line.startswith("##INFO")]
    samples = next(line for line in text if line.startswith("#CHROM")).rstrip("\n").split("\t")[9:]
    body = [line for line in text if not line.startswith("#")]
    window = [TYPE_1_DIABETES.region]
    kept = [line for line in body if inside(window, "20", int(line.split("\t", 2)[1]))]
    target = output / "genotypes/EUR489_dense_chr20.demo.vcf.gz"
    write_bgzip(target, [vcf_header(chains, ["20"], info, samples), *kept])
    pysam.tabix_index(str(target), preset="vcf", force=True)


# ---- What is in ---------------------------------------------------------------------------------------------------
def write_loci(output: Path, loci: list[Locus], lifted: list[Locus]) -> None:
    """Write the list of loci on their own build and on the run's."""
    header = ["locus", "disease", "chromosome", "start", "end", "lead", "lead_position"]
    header += ["source_build", "source_lead_position"]
    rows = [
        [
            *(new.name, new.disease, new.region.chromosome, new.region.start, new.region.end, new.lead),
            *(new.lead_position, old.build, old.lead_position),
        ]
        for old, new in zip(loci, lifted, strict=True)
    ]
    lines = ["\t".join(map(str, row)) + "\n" for row in [header, *rows]]
    (output / "loci.tsv").write_text("".join(lines))


def write_manifest(output: Path, provenance: Path) -> None:
    """Write size, checksum, source and licence of every file."""
    with provenance.open() as lines:
        table = {row["file"]: row for row in csv.DictReader(lines, delimiter="\t")}
    header = ["file", "bytes", "sha256", "build", "licence", "source", "citation"]
    rows = []
    for path in sorted(path for path in output.rglob("*") if path.is_file() and path.name != "MANIFEST.tsv"):
        name = path.relative_to(output).as_posix()
        row = table[name]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append([name, str(path.stat().st_size), digest, *(row[column] for column in header[3:])])
    (output / "MANIFEST.tsv").write_text("".join("\t".join(row) + "\n" for row in [header, *rows]))
    log.info("%d files, %.2f MB", len(rows), sum(int(row[1]) for row in rows) / 1e6)


def build(shared: Path, output: Path) -> None:
    """Build every file of the demo."""
    output.mkdir(parents=True, exist_ok=True)
    chains = primary_chains(shared / "liftover_chains/GRCh38_to_GRCh37.chain.gz")
    loci = [*SCHIZOPHRENIA, TYPE_1_DIABETES, RHEUMATOID_ARTHRITIS, *OTHER_GRCH38]
    lifted = [lift_locus(locus, chains) for locus in loci]
    regions = [locus.region for locus in lifted]
    write_gzip(output / "genome/GRCh38_to_GRCh37.demo.chain.gz", ("\n".join(chain) + "\n\n" for chain in chains))
    demo_chromosomes = sorted({region.chromosome for region in regions}, key=chromosome_rank)
    lengths = chromosome_lengths(chains)
    build_genome(shared, output, {chromosome: lengths[chromosome] for chromosome in demo_chromosomes})
    build_genes(shared, output, regions)
    build_gwas(shared, output)
    build_qtl(shared, output, regions)
    build_annotation(shared, output, regions)
    build_hapmap3(shared, output, chains, regions)
    build_dense(shared, output, chains)
    write_loci(output, loci, lifted)
    write_manifest(output, Path(__file__).with_name("provenance.tsv"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the source data")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("data"), help="folder to write")
    arguments = parser.parse_args()
    build(arguments.shared, arguments.output)
