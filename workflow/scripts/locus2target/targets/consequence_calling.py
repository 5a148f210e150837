"""Coding consequences by `bcftools csq` (Danecek and McCarthy 2017), from gene models in Ensembl's GFF3.

Each variant is looked at by itself. What the program would refuse, and end the run for, never reaches it: such variants
get a status. It is given the protein-coding genes that variants lie in, under the genome's contig names and with
their Ensembl ids for names.
"""

import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome, chromosome_rank
from locus2target.core.errors import InputError
from locus2target.core.likely_variants import CodedVariants
from locus2target.ingest.files import numbered_lines
from locus2target.ingest.genome import Genome, check_build
from locus2target.targets.consequence_vcf import CONSEQUENCE_COLUMNS, read_consequence_vcf

_LOG = logging.getLogger(__name__)
_CONFIG_KEY = "annotations.gene_models_gff3"
_GENE = re.compile(r"(?:^|;)ID=gene:(?P<id>[^;]+)")
_TRANSCRIPT = re.compile(r"(?:^|;)ID=transcript:(?P<id>[^;]+)")
_GENE_OF = re.compile(r"(?:^|;)Parent=gene:(?P<id>[^;]+)")
_TRANSCRIPT_OF = re.compile(r"(?:^|;)Parent=transcript:(?P<id>[^;]+)")
_NAME = re.compile(r"(?:^|;)Name=[^;]*")
_REGION = re.compile(r"##sequence-region\s+(?P<name>\S+)\s+\d+\s+(?P<end>\d+)")
_CODING = re.compile(r"(?:^|;)biotype=protein_coding(?:;|$)")
_BASES = re.compile(r"[ACGT]+")
_CODON_FLANK = 2  # bases on either side that may share a codon with the variant
_LAST_LINES = 5  # of the program's messages

Span = tuple[npt.NDArray[np.int64], int]
"""Sorted positions (1-based) of a chromosome's variants, and the length of their longest REF."""


@dataclass(frozen=True, slots=True)
class PredictedConsequences:
    """Consequences of some variants, and what became of each of them.

    Attributes
    ----------
    consequences
        Columns of `CONSEQUENCE_COLUMNS`, in the order of the genome; genes by Ensembl id.
    dispositions
        Columns variant, status and reason, one row per variant, in the order of the genome. Status `ok`: the program
        has looked at it, whatever it found; `not_bases`, `no_sequence`, `ref_mismatch` or `no_gene_models`: it has not.
    """

    consequences: pd.DataFrame
    dispositions: pd.DataFrame


def predict_consequences(
    variants: CodedVariants, *, genome: str | Path, gene_models: str | Path, build: str
) -> Iterator[PredictedConsequences]:
    """Predict what variants do to proteins and splice sites; gives them in pieces, as `variants.tables` does.

    Parameters
    ----------
    variants
        Each of them once, along the genome.
    genome
        FASTA with its index beside it.
    gene_models
        Ensembl's GFF3, plain or gzipped: ids `gene:` and `transcript:`, with biotypes; parents before children.
    build
        Of the run: GRCh37 or GRCh38.

    Raises
    ------
    InputError
        If the GFF3 is another kind or of another build, or bcftools is absent or fails.
    """
    with Genome(genome) as sequence, tempfile.TemporaryDirectory(prefix="locus2target_csq_") as folder:
        spans = _spans(variants.tables(), sequence)
        models = _choose_gene_models(gene_models, Path(folder) / "genes.gff3", spans, sequence, build)
        for table in variants.tables():
            verdicts = _verdicts(table, models, sequence, str(gene_models))
            usable = (verdicts["status"] == "ok") & table["chromosome"].isin(models.used_chromosomes)
            found = _call(table[usable], sequence, Path(genome), Path(folder)) if usable.any() else _no_consequences()
            yield PredictedConsequences(_in_genome_order(found), verdicts)


def _verdicts(variants: pd.DataFrame, models: "_GeneModels", genome: Genome, source: str) -> pd.DataFrame:
    """Columns variant, status and reason: whether the program can look at each variant."""
    verdicts = pd.DataFrame(
        [_sequence_verdict(genome, *row) for row in _alleles(variants)],
        columns=["status", "reason"],
        index=variants.index,
        dtype="str",
    )
    unknown = (verdicts["status"] == "ok") & ~variants["chromosome"].isin(models.chromosomes)
    verdicts.loc[unknown, "status"] = "no_gene_models"
    verdicts.loc[unknown, "reason"] = f"{source} has no protein-coding gene on the chromosome"
    return pd.concat([variants["variant"], verdicts], axis=1)


def _alleles(variants: pd.DataFrame) -> Iterator[tuple[str, int, str, str]]:
    """Chromosome, position, ref and alt of each row."""
    yield from variants[["chromosome", "position", "ref", "alt"]].itertuples(index=False, name=None)


def _in_genome_order(table: pd.DataFrame) -> pd.DataFrame:
    ranks = {name: chromosome_rank(name) for name in table["chromosome"].unique()}
    order = {name: place for place, name in enumerate(sorted(ranks, key=lambda name: ranks[name]))}
    others = [name for name in ("position", "ref", "alt", "gene_id", "consequence") if name in table.columns]
    ranked = table.assign(place=table["chromosome"].map(order)).sort_values(["place", *others], kind="stable")
    return ranked.drop(columns="place").reset_index(drop=True)


def _no_consequences() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype="str") for name in CONSEQUENCE_COLUMNS}).astype({"position": "int64"})


def _sequence_verdict(genome: Genome, chromosome: str, position: int, ref: str, alt: str) -> tuple[str, str]:
    """Whether the genome has the variant's REF, and the bases that may share a codon with it."""
    if not (_BASES.fullmatch(ref) and _BASES.fullmatch(alt)):
        return "not_bases", f"{ref}>{alt} is not a change of bases"
    start = position - 1 - _CODON_FLANK
    around = genome.fetch(chromosome, start, position - 1 + len(ref) + _CODON_FLANK)
    if "N" in around:
        return "no_sequence", "the genome FASTA has no sequence there"
    here = around[_CODON_FLANK:-_CODON_FLANK]
    if here != ref:
        return "ref_mismatch", f"REF is {ref}, the genome has {here}"
    return "ok", ""


# ---- Gene models -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _GeneModels:
    """What has been read of a GFF3 so far.

    Attributes
    ----------
    chromosomes, used_chromosomes
        With protein-coding genes; with such genes that variants lie in.
    genes, transcripts
        Ids that were taken.
    passed_by
        Ids of genes and transcripts that were not.
    n_orphans, n_beyond
        Lines whose parent had not been read; genes that reach beyond their contig, which the program cannot read.
    """

    chromosomes: set[str] = field(default_factory=set)
    used_chromosomes: set[str] = field(default_factory=set)
    genes: set[str] = field(default_factory=set)
    transcripts: set[str] = field(default_factory=set)
    passed_by: set[str] = field(default_factory=set)
    n_orphans: int = 0
    n_beyond: int = 0

    def take_child(self, attributes: str) -> bool:
        """Whether a line below a gene or a transcript is taken."""
        parent = _GENE_OF.search(attributes)
        transcript = _TRANSCRIPT.search(attributes)
        if parent is not None and transcript is not None:
            taken = parent["id"] in self.genes
            (self.transcripts if taken else self.passed_by).add(transcript["id"])
            self.n_orphans += not taken and parent["id"] not in self.passed_by
            return taken
        parent = _TRANSCRIPT_OF.search(attributes)
        if parent is None:
            return False
        taken = parent["id"] in self.transcripts
        self.n_orphans += not taken and parent["id"] not in self.passed_by
        return taken


def _choose_gene_models(
    path: str | Path, target: Path, spans: Mapping[str, Span], genome: Genome, build: str
) -> _GeneModels:
    """Write the protein-coding genes that variants lie in to `target`."""
    contigs = dict(genome.contigs()[["chromosome", "contig"]].itertuples(index=False, name=None))
    models = _GeneModels()
    regions: dict[str, int] = {}
    with target.open("w", encoding="utf-8") as out:
        out.write("##gff-version 3\n")
        for number, line in numbered_lines(path, where=_CONFIG_KEY):
            if line.startswith("##FASTA"):
                break
            if (region := _REGION.match(line)) is not None:
                regions[canonical_chromosome(region["name"])] = int(region["end"])
            if not line or line.startswith("#"):
                continue
            cells = _cells(line, where=f"{path}, line {number}")
            chromosome = canonical_chromosome(cells[0])
            gene = _GENE.search(cells[8])
            if gene is None:
                taken = models.take_child(cells[8])
            else:
                taken = _take_gene(models, gene["id"], cells, chromosome, spans, genome)
            if taken:
                out.write("\t".join([contigs[chromosome], *cells[1:8], _named_by_id(cells[8])]) + "\n")
    check_build(regions, build, where=str(path))
    _check_models(models, path)
    return models


def _spans(tables: Iterable[pd.DataFrame], genome: Genome) -> dict[str, Span]:
    """Where variants lie on the chromosomes that the genome has; the tables come in the order of the genome."""
    parts: dict[str, list[Span]] = {}
    for table in tables:
        for chromosome, group in table.groupby("chromosome"):
            longest = int(group["ref"].str.len().max())
            parts.setdefault(str(chromosome), []).append((group["position"].to_numpy(np.int64), longest))
    return {
        chromosome: (np.concatenate([positions for positions, _ in spans]), max(longest for _, longest in spans))
        for chromosome, spans in parts.items()
        if genome.has_chromosome(chromosome)
    }


def _cells(line: str, *, where: str) -> Sequence[str]:
    cells = line.split("\t")
    if len(cells) != 9 or not (cells[3].isdecimal() and cells[4].isdecimal()):
        raise InputError(
            "not a line of GFF3: it needs nine columns, with whole numbers in the fourth and fifth",
            where=where,
            remedy="Give Ensembl's GFF3, plain or gzipped.",
        )
    return cells


def _take_gene(
    models: _GeneModels, gene_id: str, cells: Sequence[str], chromosome: str, spans: Mapping[str, Span], genome: Genome
) -> bool:
    """Note a gene; it is taken when it is protein-coding, has variants and lies inside its contig."""
    end = int(cells[4])
    is_coding = _CODING.search(cells[8]) is not None
    if is_coding:
        models.chromosomes.add(chromosome)
    taken = is_coding and _has_variants(spans, chromosome, int(cells[3]), end)
    if taken and end > genome.lengths[chromosome]:
        models.n_beyond += 1
        taken = False
    if taken:
        models.used_chromosomes.add(chromosome)
    (models.genes if taken else models.passed_by).add(gene_id)
    return taken


def _has_variants(spans: Mapping[str, Span], chromosome: str, start: int, end: int) -> bool:
    """Whether a variant's REF may overlap the gene (1-based, both ends included)."""
    if chromosome not in spans:
        return False
    positions, longest = spans[chromosome]
    first, last = np.searchsorted(positions, [start - longest, end + 1])
    return bool(first < last)


def _named_by_id(attributes: str) -> str:
    """Attributes of a gene with its id for name, so that the program reports the id; others as they are."""
    gene = _GENE.search(attributes)
    return attributes if gene is None else f"{_NAME.sub('', attributes)};Name={gene['id']}"


def _check_models(models: _GeneModels, path: str | Path) -> None:
    if not models.chromosomes:
        raise InputError(
            "no line with `ID=gene:...` and `biotype=protein_coding`",
            where=str(path),
            remedy="Give Ensembl's GFF3 of the run's build; GENCODE's has other ids, which bcftools csq does not read.",
        )
    if models.n_beyond:
        _LOG.warning("%s: %d genes reach beyond their contig in the FASTA and are left out", path, models.n_beyond)
    if models.n_orphans:
        _LOG.warning("%s: %d lines stand before their parent and are left out; sort the file", path, models.n_orphans)
    _LOG.info("%s: %d genes with variants, %d transcripts", path, len(models.genes), len(models.transcripts))


# ---- The program -----------------------------------------------------------------------------------------------


def _call(variants: pd.DataFrame, genome: Genome, fasta: Path, folder: Path) -> pd.DataFrame:
    """Run bcftools csq on variants and the gene models in `folder`, and read what it found."""
    asked, answered = folder / "variants.vcf", folder / "consequences.bcf"
    _write_sites(variants, genome, asked)
    program = shutil.which("bcftools")
    if program is None:
        raise InputError(
            "the program bcftools is not installed",
            where=_CONFIG_KEY,
            remedy="Install it (apt-get install bcftools, or conda), or set the key to null.",
        )
    options = ["--local-csq", "--fasta-ref", str(fasta), "--gff-annot", str(folder / "genes.gff3")]
    command = [program, "csq", *options, "--output-type", "b", "--output", str(answered), str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own arguments
    messages = done.stderr.strip().splitlines()[-_LAST_LINES:]
    if done.returncode != 0:
        raise InputError(
            f"bcftools csq ended with status {done.returncode}: {' | '.join(messages)}",
            where=_CONFIG_KEY,
            remedy="Give Ensembl's GFF3 of the run's build, or set the key to null.",
        )
    for message in messages:
        _LOG.info("bcftools csq: %s", message)
    return read_consequence_vcf(answered)


def _write_sites(variants: pd.DataFrame, genome: Genome, path: Path) -> None:
    """Write a VCF without samples, one record per variant, under the FASTA's contig names."""
    contigs = genome.contigs().set_index("chromosome")["contig"]
    used = variants["chromosome"].unique()
    lines = [f"##contig=<ID={contigs[name]},length={genome.lengths[name]}>" for name in used]
    header = ["##fileformat=VCFv4.2", *lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    with path.open("w", encoding="ascii") as out:
        out.write("\n".join(header) + "\n")
        out.writelines(
            f"{contigs[chromosome]}\t{position}\t.\t{ref}\t{alt}\t.\t.\t.\n"
            for chromosome, position, ref, alt in _alleles(variants)
        )
