"""Genes and exons from a GTF file (GENCODE, Ensembl, or collapsed gene models such as GTEx's)."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome, chromosome_rank
from locus2target.core.errors import InputError, shortened
from locus2target.core.intervals import start_of
from locus2target.core.schemas import EXONS, GENES
from locus2target.ingest.files import numbered_lines

_LOG = logging.getLogger(__name__)
_FEATURES = frozenset({"gene", "transcript", "exon"})
_POSITION = re.compile(r"[0-9]{1,18}")
_ENSEMBL_ID = re.compile(r"^(?P<stable>ENS[A-Z]*G)(?P<par>R?)(?P<digits>\d+)(?:\.\d+)?(?:_PAR_Y)?(?:_\d+)?$")
_ATTRIBUTES = {
    name: re.compile(rf'(?:^|[;\s]){name}\s+"?(?P<value>[^";]+)')
    for name in ("gene_id", "gene_name", "gene_type", "gene_biotype")
}


@dataclass(frozen=True, slots=True)
class Annotation:
    """Genes and exons of one GTF, as tables `genes` and `exons`."""

    genes: pd.DataFrame
    exons: pd.DataFrame


def stable_gene_id(gene_id: str) -> str:
    """Ensembl id without version and without GENCODE's marks of pseudoautosomal and lifted copies.

    Other ids are left alone, because there a dot may be part of the name.

    >>> [stable_gene_id(text) for text in ("ENSG00000182378.13_PAR_Y", "ENSGR0000182378.8", "ENSG00000223972.5_2")]
    ['ENSG00000182378', 'ENSG00000182378', 'ENSG00000223972']
    """
    match = _ENSEMBL_ID.match(gene_id)
    if match is None:
        return gene_id
    first_digit = "0" if match["par"] else ""  # GENCODE up to release 24 wrote R for the first 0 on chromosome Y
    return match["stable"] + first_digit + match["digits"]


def stable_gene_ids(gene_ids: "pd.Series[str]") -> "pd.Series[str]":
    """`stable_gene_id` of every row; missing ids stay missing."""
    stable = {gene_id: stable_gene_id(gene_id) for gene_id in gene_ids.dropna().unique()}
    return gene_ids.map(stable).astype("str")


def read_annotation(gtf: str, *, chromosomes: Collection[str]) -> Annotation:
    """Read genes and exons.

    A gene that has transcripts or exons but no `gene` line spans what it has. A gene that stands on several
    chromosomes or strands under one id (the pseudoautosomal copies on Y) is kept once, on the first in the order
    1..22, X, Y. Exons that overlap or touch are merged, so that each base of a gene's transcripts counts once.
    Genes on contigs that the genome lacks are kept, and counted in the log.

    Parameters
    ----------
    gtf
        Path, plain or gzipped; contigs with or without `chr`.
    chromosomes
        Canonical names of the genome's contigs.

    Raises
    ------
    InputError
        If a line is malformed, the file has no genes, or none of them lies on a contig of the genome.
    """
    copies = _read_genes(gtf)
    genes = list(_one_copy_each(copies))
    if not any(gene.chromosome in chromosomes for gene in genes):
        examples = ", ".join(sorted({gene.chromosome for gene in genes})[:5])
        raise InputError(
            f"no gene lies on a contig of the genome (the GTF's contigs: {examples or 'none'})"
            if genes
            else "the file has no gene, transcript or exon lines",
            where=gtf,
            remedy="Give a GENCODE or Ensembl GTF of the run's build, with contigs named 1 or chr1.",
        )
    _log_counts(gtf, copies, genes, chromosomes)
    genes.sort(key=lambda gene: (chromosome_rank(gene.chromosome), gene.start, gene.end, gene.gene_id))
    return Annotation(_gene_table(genes), _exon_table(genes))


@dataclass(slots=True)
class _Gene:
    """What the lines of one gene say; `start`/`end` 0-based half-open."""

    gene_id: str
    chromosome: str
    strand: str
    start: int
    end: int
    symbol: str | None = None
    gene_type: str | None = None
    declared: bool = False  # by a `gene` line, which then alone says where the gene lies
    exons: set[tuple[int, int]] = field(default_factory=set)

    @property
    def tss(self) -> int:
        """1-based position of the first transcribed base."""
        return self.start + 1 if self.strand == "+" else self.end


def _read_genes(gtf: str) -> list[_Gene]:
    """Genes by id, chromosome and strand, in the file's order."""
    genes: dict[tuple[str, str, str], _Gene] = {}
    for number, line in numbered_lines(gtf, where="genome.gtf"):
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 9:
            raise _malformed(f"the line has {len(fields)} columns separated by tabs, not 9", f"{gtf}:{number}")
        if fields[2] in _FEATURES:
            _add_line(genes, fields, f"{gtf}:{number}")
    return list(genes.values())


def _add_line(genes: dict[tuple[str, str, str], _Gene], fields: list[str], where: str) -> None:
    contig, _, feature, first, last, _, strand, _, attributes = fields
    gene_id = _attribute(attributes, "gene_id")
    if gene_id is None:
        raise _malformed("the last column has no gene_id; is this GFF3?", where)
    start, end = _parse_bounds(first, last, where)
    if strand not in {"+", "-"}:
        raise _malformed(f"strand {shortened(strand)} is neither + nor -", where)
    key = (stable_gene_id(gene_id), canonical_chromosome(contig), strand)
    gene = genes.get(key)
    if gene is None:
        gene = genes[key] = _Gene(*key, start, end)
    if feature == "gene":
        gene.start, gene.end, gene.declared = start, end, True
    elif not gene.declared:
        gene.start, gene.end = min(gene.start, start), max(gene.end, end)
    if feature == "exon":
        gene.exons.add((start, end))
    if gene.symbol is None:
        gene.symbol = _attribute(attributes, "gene_name")
    if gene.gene_type is None:
        gene.gene_type = _attribute(attributes, "gene_type") or _attribute(attributes, "gene_biotype")


def _attribute(attributes: str, name: str) -> str | None:
    match = _ATTRIBUTES[name].search(attributes)
    return None if match is None else match["value"].strip()


def _parse_bounds(first: str, last: str, where: str) -> tuple[int, int]:
    if not (_POSITION.fullmatch(first) and _POSITION.fullmatch(last)):
        raise _malformed(f"start {shortened(first)} or end {shortened(last)} is not a whole number", where)
    start, end = start_of(int(first)), int(last)
    if not 0 <= start < end:
        raise _malformed(f"start {first} and end {last} are not 1 <= start <= end", where)
    return start, end


def _malformed(problem: str, where: str) -> InputError:
    return InputError(problem, where=where, remedy="Give an unaltered GTF file from GENCODE or Ensembl.")


def _one_copy_each(copies: Iterable[_Gene]) -> Iterator[_Gene]:
    """The copy of each gene on the first chromosome; one with a `gene` line before one without."""
    seen: set[str] = set()
    for gene in sorted(copies, key=lambda gene: (not gene.declared, chromosome_rank(gene.chromosome))):
        if gene.gene_id not in seen:
            seen.add(gene.gene_id)
            yield gene


def _merged(exons: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Union of half-open intervals; those that touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(exons):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _log_counts(gtf: str, copies: list[_Gene], genes: list[_Gene], chromosomes: Collection[str]) -> None:
    absent = Counter(gene.chromosome for gene in genes if gene.chromosome not in chromosomes)
    derived = sum(not gene.declared for gene in genes)
    _LOG.info("%s: %d genes, %d without a gene line span their exons", gtf, len(genes), derived)
    _LOG.info("%s: %d further copies of genes (pseudoautosomal) left out", gtf, len(copies) - len(genes))
    _LOG.info("%s: %d genes on %d contigs that the genome lacks", gtf, absent.total(), len(absent))


def _gene_table(genes: list[_Gene]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {
        "gene_id": [gene.gene_id for gene in genes],
        "gene_symbol": [gene.gene_id if gene.symbol is None else gene.symbol for gene in genes],
        "chromosome": [gene.chromosome for gene in genes],
        "start": [gene.start for gene in genes],
        "end": [gene.end for gene in genes],
        "strand": [gene.strand for gene in genes],
        "tss": [gene.tss for gene in genes],
        "gene_type": ["unknown" if gene.gene_type is None else gene.gene_type for gene in genes],
    }
    return pd.DataFrame(columns)[GENES.names]


def _exon_table(genes: list[_Gene]) -> pd.DataFrame:
    rows = [(gene.gene_id, gene.chromosome, start, end) for gene in genes for start, end in _merged(gene.exons)]
    return pd.DataFrame(rows, columns=EXONS.names) if rows else EXONS.empty()
