"""A toy genome with two genes, one on each strand, and its gene models in the style of Ensembl's GFF3.

PLUS (1-based 101-156): exon 101-112 ATG AAA TGG GGT (M K W G), intron 113-144 GTAAGT..TTTCAG, exon 145-156
CCC TAT GAA TAA (P Y E stop). MINUS (201-212) reads ATG TGT CAA TAA (M C Q stop) from 212 down to 201.
"""

import gzip
from pathlib import Path

from locus2target.core.variants import reverse_complement
from locus2target.ingest.genome import index_fasta

EXON_1, EXON_2 = "ATGAAATGGGGT", "CCCTATGAATAA"
INTRON = "GTAAGT" + "CCCTT" * 4 + "TTTCAG"
MINUS_CODING = "ATGTGTCAATAA"
PAD = "GATTACATCC" * 10
SEQUENCE = PAD + EXON_1 + INTRON + EXON_2 + PAD[:44] + reverse_complement(MINUS_CODING) + PAD[:38]
PLUS_ID, MINUS_ID = "ENSG00000000001", "ENSG00000000002"


def write_genome(folder: Path, *, contig: str = "chr1", sequence: str = SEQUENCE) -> Path:
    """Write and index the genome, soft-masked in part as UCSC's files are."""
    fasta, genome = folder / "toy.fa", folder / "genome.fa"
    fasta.write_text(f">{contig}\n{sequence[:110]}{sequence[110:].lower()}\n>chr2\n{'N' * 300}\n")
    index_fasta(str(fasta), str(genome))
    return genome


def gene_models(seqid: str = "1") -> list[str]:
    """Lines of the GFF3."""

    def line(kind: str, start: int, end: int, strand: str, attributes: str) -> str:
        phase = "0" if kind == "CDS" else "."
        return "\t".join([seqid, "havana", kind, str(start), str(end), ".", strand, phase, attributes])

    def gene(gene_id: str, symbol: str, strand: str, exons: list[tuple[int, int]]) -> list[str]:
        start, end = min(first for first, _ in exons), max(last for _, last in exons)
        transcript = gene_id.replace("ENSG", "ENST")
        parent = f"Parent=transcript:{transcript}"
        return [
            line("gene", start, end, strand, f"ID=gene:{gene_id};Name={symbol};biotype=protein_coding;version=3"),
            line(
                "mRNA", start, end, strand, f"ID=transcript:{transcript};Parent=gene:{gene_id};biotype=protein_coding"
            ),
            *(line("exon", first, last, strand, f"{parent};exon_id=E{first}") for first, last in exons),
            *(line("CDS", first, last, strand, f"ID=CDS:P{gene_id[4:]};{parent}") for first, last in exons),
        ]

    return [
        "##gff-version 3",
        f"##sequence-region {seqid} 1 {len(SEQUENCE)}",
        line("chromosome", 1, len(SEQUENCE), ".", f"ID=chromosome:{seqid}"),
        *gene(PLUS_ID, "PLUS", "+", [(101, 112), (145, 156)]),
        *gene(MINUS_ID, "MINUS", "-", [(201, 212)]),
    ]


def write_gene_models(path: Path, lines: list[str]) -> Path:
    """Write a GFF3, gzipped where its name ends so."""
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
