"""A small cohort with a known answer: one disease, one causal variant, one target gene that is not the nearest one.

Genome, genotypes, GWAS and QTL statistics are drawn from fixed seeds. The GWAS reports effects per random allele and
the file names contigs `chr1`, so that harmonisation has work to do.
"""

import copy
import gzip
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pysam
import yaml
from tiny_borzoi import write_tiny_borzoi

ROOT = Path(__file__).parents[2]
LENGTH = 602_000
N_SAMPLES = 400
N_VARIANTS = 300
CAUSAL = 150
OTHER_CAUSAL = 40
N_GWAS, N_QTL = 40_000, 600
OUTCOME_PER_EXPOSURE = 0.8
GENES = {  # symbol: (start, end, strand), 0-based; the causal variant lies at 301,000 to 303,000
    "NEAREST": (305_000, 320_000, "+"),
    "TARGET": (380_000, 400_000, "-"),
    "BYSTANDER": (200_000, 215_000, "+"),
}


@dataclass(frozen=True)
class Toy:
    """Where the toy run lies and what its answer is."""

    directory: Path
    config: Path
    causal_variant: str
    target_gene: str = "TARGET"


def write_toy(directory: Path) -> Toy:
    """Write all inputs, sheets and the config of the toy run."""
    rng = np.random.default_rng(7)
    sequence = "".join(rng.choice(list("ACGT"), LENGTH))
    positions = 1_000 + np.arange(N_VARIANTS) * 2_000 + rng.integers(0, 1_900, N_VARIANTS)
    refs = [sequence[position - 1] for position in positions]
    alts = [rng.choice([base for base in "ACGT" if base not in {ref, *complement_of(ref)}]) for ref in refs]
    dosages = correlated_dosages(rng)
    data = directory / "data"
    data.mkdir(parents=True)
    write_fasta(data / "genome.fa", sequence)
    for replicate in range(2):
        write_tiny_borzoi(data / "tiny_borzoi" / f"f{replicate}", replicate)
    write_gtf(data / "genes.gtf")
    write_vcf(data / "cohort.vcf", positions, refs, alts, dosages)
    ld = np.corrcoef(dosages)
    frequency = dosages.mean(axis=1) / 2
    write_gwas(data / "gwas.tsv.gz", rng, positions, refs, alts, frequency, draw_z(rng, ld, {CAUSAL: 0.05}, N_GWAS))
    write_gwas(data / "null.tsv.gz", rng, positions, refs, alts, frequency, draw_z(rng, ld, {}, N_GWAS))
    write_qtl(data / "qtl.tsv.gz", rng, ld, positions, refs, alts, frequency)
    outcome = draw_z(rng, ld, {CAUSAL: 0.05 * OUTCOME_PER_EXPOSURE}, N_GWAS)
    write_gwas(data / "outcome.tsv.gz", rng, positions, refs, alts, frequency, outcome)
    write_credible_set(data / "sets.tsv", positions, refs, alts, frequency, draw_z(rng, ld, {CAUSAL: 0.05}, N_GWAS))
    config = write_config(directory)
    return Toy(directory, config, f"1:{positions[CAUSAL]}:{refs[CAUSAL]}:{alts[CAUSAL]}")


def complement_of(base: str) -> str:
    return {"A": "T", "T": "A", "C": "G", "G": "C"}[base]


def correlated_dosages(rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """(variants, samples) dosages whose LD decays over a few tens of variants."""
    haplotypes = np.empty((N_VARIANTS, 2 * N_SAMPLES), dtype=np.int8)
    thresholds = rng.uniform(-1, 1, N_VARIANTS)
    latent = rng.standard_normal(2 * N_SAMPLES)
    for row in range(N_VARIANTS):
        latent = 0.93 * latent + np.sqrt(1 - 0.93**2) * rng.standard_normal(2 * N_SAMPLES)
        haplotypes[row] = latent > thresholds[row]
    return haplotypes[:, ::2] + haplotypes[:, 1::2]


def draw_z(
    rng: np.random.Generator, ld: npt.NDArray[np.float64], effects: dict[int, float], n: int
) -> npt.NDArray[np.float64]:
    """z-scores per ALT from N(sqrt(n) R b, R)."""
    b = np.zeros(len(ld))
    for variant, effect in effects.items():
        b[variant] = effect
    noise = np.linalg.cholesky(ld + 1e-6 * np.eye(len(ld))) @ rng.standard_normal(len(ld))
    return np.asarray(np.sqrt(n) * ld @ b + noise)


def write_fasta(path: Path, sequence: str) -> None:
    path.write_text(">chr1\n" + "".join(f"{sequence[i : i + 60]}\n" for i in range(0, len(sequence), 60)))


def write_gtf(path: Path) -> None:
    lines = []
    for number, (symbol, (start, end, strand)) in enumerate(GENES.items(), 1):
        attributes = f'gene_id "ENSG{number:011d}.1"; gene_name "{symbol}"; gene_type "protein_coding";'
        lines += [
            f"chr1\ttoy\t{feature}\t{start + 1}\t{end}\t.\t{strand}\t.\t{attributes}\n" for feature in ("gene", "exon")
        ]
    path.write_text("".join(lines))


@dataclass(frozen=True)
class CodingVariant:
    """A variant of the toy cohort, and what it does to the protein of NEAREST in a gene model."""

    position: int
    consequence: str


AMINO_ACIDS = dict(  # the standard code, codons in the order of T, C, A, G
    zip(
        map("".join, itertools.product("TCAG", repeat=3)),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)


def write_gene_model(toy: Toy, path: Path) -> CodingVariant:
    """Write an Ensembl GFF3 of NEAREST with one coding exon, in which a variant changes an amino acid."""
    start, end, _ = GENES["NEAREST"]
    with pysam.FastaFile(str(toy.directory / "data" / "genome.fa")) as fasta:
        sequence = fasta.fetch("chr1")
    with pysam.VariantFile(str(toy.directory / "data" / "cohort.vcf.gz")) as variants:
        inside = [(record.start, record.alts[0]) for record in variants if start + 50 < record.start < end - 50]
    for (place, alt), frame in itertools.product(inside, range(3)):
        first = place - frame - 30
        protein = [AMINO_ACIDS[sequence[first + 3 * i : first + 3 * i + 3]] for i in range(20)]
        changed = AMINO_ACIDS[sequence[place - frame : place] + alt + sequence[place + 1 : place - frame + 3]]
        if "*" not in protein and changed not in {"*", protein[10]}:
            _write_gff3(path, start, end, first)
            return CodingVariant(place + 1, "missense_variant")
    raise LookupError("no variant of the toy cohort changes an amino acid")


def _write_gff3(path: Path, start: int, end: int, first: int) -> None:
    gene = "ID=gene:ENSG00000000001;Name=NEAREST;biotype=protein_coding;gene_id=ENSG00000000001;version=1"
    transcript = "ID=transcript:ENST00000000001;Parent=gene:ENSG00000000001;biotype=protein_coding"
    parts = [
        ("gene", start + 1, end, ".", gene),
        ("mRNA", start + 1, end, ".", transcript),
        ("exon", start + 1, end, ".", "Parent=transcript:ENST00000000001"),
        ("CDS", first + 1, first + 60, "0", "ID=CDS:P1;Parent=transcript:ENST00000000001"),
    ]
    lines = [f"1\ttoy\t{kind}\t{low}\t{high}\t.\t+\t{phase}\t{cells}\n" for kind, low, high, phase, cells in parts]
    path.write_text("##gff-version 3\n" + "".join(lines))


def write_vcf(
    path: Path, positions: npt.NDArray[np.int64], refs: list[str], alts: list[str], dosages: npt.NDArray[np.int8]
) -> None:
    samples = "\t".join(f"S{i}" for i in range(N_SAMPLES))
    calls = {0: "0/0", 1: "0/1", 2: "1/1"}
    with path.open("w") as handle:
        handle.write(f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={LENGTH}>\n")
        handle.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        handle.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n")
        for position, ref, alt, row in zip(positions, refs, alts, dosages, strict=True):
            genotypes = "\t".join(calls[int(dosage)] for dosage in row)
            handle.write(f"chr1\t{position}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t{genotypes}\n")
    pysam.tabix_index(str(path), preset="vcf", force=True)


def write_gwas(
    path: Path,
    rng: np.random.Generator,
    positions: npt.NDArray[np.int64],
    refs: list[str],
    alts: list[str],
    frequency: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
) -> None:
    """Effects per a randomly chosen allele, on the scale of a standardised trait."""
    with gzip.open(path, "wt") as handle:
        handle.write("chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\tp_value\n")
        for position, ref, alt, f, score in zip(positions, refs, alts, frequency, z, strict=True):
            se = 1 / np.sqrt(2 * f * (1 - f) * N_GWAS)
            flip = rng.random() < 0.5
            effect, other, beta = (ref, alt, -score * se) if flip else (alt, ref, score * se)
            p = np.exp(log_two_sided_p(score))
            handle.write(f"1\t{position}\t{effect}\t{other}\t{beta:.6g}\t{se:.6g}\t{p:.6g}\n")


def write_credible_set(
    path: Path,
    positions: npt.NDArray[np.int64],
    refs: list[str],
    alts: list[str],
    frequency: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
) -> None:
    """A study that comes fine-mapped: PIPs of one causal variant with a wide prior, and its 95 % credible set."""
    weight = np.exp(0.5 * (z**2 - z.max() ** 2))
    pip = weight / weight.sum()
    order = np.argsort(-pip)
    members = set(order[: np.searchsorted(np.cumsum(pip[order]), 0.95) + 1])
    with path.open("w") as handle:
        handle.write("variant\tpip\tcredible_set\tbeta\tstandard_error\n")
        for row, position in enumerate(positions):
            se = 1 / np.sqrt(2 * frequency[row] * (1 - frequency[row]) * N_GWAS)
            name = "set_1" if row in members else "-1"
            key = f"1:{position}:{refs[row]}:{alts[row]}"
            handle.write(f"{key}\t{pip[row]:.6g}\t{name}\t{z[row] * se:.6g}\t{se:.6g}\n")


def log_two_sided_p(z: float) -> float:
    from scipy.special import log_ndtr

    return float(np.log(2) + log_ndtr(-abs(z)))


def write_qtl(
    path: Path,
    rng: np.random.Generator,
    ld: npt.NDArray[np.float64],
    positions: npt.NDArray[np.int64],
    refs: list[str],
    alts: list[str],
    frequency: npt.NDArray[np.float64],
) -> None:
    """The target's expression shares the causal variant, with the opposite sign; the nearest gene's does not."""
    causal = {"TARGET": {CAUSAL: -0.5}, "NEAREST": {OTHER_CAUSAL: 0.5}, "BYSTANDER": {}}
    with gzip.open(path, "wt") as handle:
        handle.write("molecular_trait_id\tchromosome\tposition\tref\talt\tmaf\tpvalue\tbeta\tse\tgene_id\n")
        for number, symbol in enumerate(GENES, 1):
            gene = f"ENSG{number:011d}"
            z = draw_z(rng, ld, causal[symbol], N_QTL)
            for position, ref, alt, f, score in zip(positions, refs, alts, frequency, z, strict=True):
                se = 1 / np.sqrt(2 * f * (1 - f) * N_QTL)
                p = np.exp(log_two_sided_p(score))
                handle.write(f"{gene}\tchr1\t{position}\t{ref}\t{alt}\t{min(f, 1 - f):.4f}\t")
                handle.write(f"{p:.6g}\t{score * se:.6g}\t{se:.6g}\t{gene}\n")


SHEETS: dict[str, list[dict[str, Any]]] = {
    "studies": [
        {"study": "toy_gwas", "disease": "toy_disease", "path": "data/gwas.tsv.gz", "trait_type": "quantitative"},
        {"study": "null_gwas", "disease": "null_disease", "path": "data/null.tsv.gz", "trait_type": "quantitative"},
        {"study": "outcome_gwas", "disease": "outcome", "path": "data/outcome.tsv.gz", "trait_type": "quantitative"},
        {"study": "toy_sets", "disease": "imported_disease", "path": "data/sets.tsv", "trait_type": "quantitative"}
        | {"format": "credible_sets", "columns": "variant=variant,pip=pip,credible_set=credible_set"},
    ],
    "cohorts": [
        {"cohort": "toy_cohort", "chromosome": "all", "genotypes": "data/cohort.vcf.gz", "dosage_field": "GT"},
    ],
    "qtls": [
        {"qtl": "toy_eqtl", "path": "data/qtl.tsv.gz", "qtl_type": "eqtl", "tissue": "toy tissue", "coverage": "full"}
        | {"cohort": "toy_cohort"},
    ],
    "models": [
        {
            "model": "motif_jaspar2026",
            "backend": "motif",
            "weights": str(ROOT / "resources/motifs/jaspar2026_core_vertebrates.npz"),
            "window_bp": 256,
        },
        {"model": "tiny_borzoi", "backend": "borzoi", "weights": "data/tiny_borzoi/f{replicate}", "replicates": "0,1"}
        | {"shared_bp": 512, "tracks": "track[23]", "scorers": "SAD@center:256,logSED", "strands": 2},
    ],
}
SHARED_CELLS: dict[str, dict[str, Any]] = {
    "studies": {"format": "table", "build": "GRCh37", "n_samples": N_GWAS, "sd_y": 1, "strand": "infer"}
    | {"cohort": "toy_cohort"},
    "qtls": {"format": "table", "build": "GRCh37", "n_samples": N_QTL, "sd_y": 1, "strand": "forward"},
    "cohorts": {},
    "models": {},
}


def write_config(directory: Path) -> Path:
    """The shipped config, pointed at the toy's files."""
    config = copy.deepcopy(yaml.safe_load((ROOT / "config" / "config.yaml").read_text()))
    config["run_name"] = "toy"
    config["genome"] |= {"fasta": "data/genome.fa", "gtf": "data/genes.gtf", "chains": {}}
    config["annotations"] = dict.fromkeys(config["annotations"])
    config["loci"] |= {"window_bp": 250_000, "min_variants": 20, "batches": 2}
    config["mendelian_randomization"]["pairs"] = [{"exposure": "toy_gwas", "outcome": "outcome_gwas"}]
    config["pathways"]["gene_sets"] = []  # its genes have names of their own
    resources = (("ranking", "weights"), ("mutagenesis", "motifs"), ("accessibility_training", "motifs"))
    for section, key in resources:
        config[section][key] = str(ROOT / config[section][key])
    for name, rows in SHEETS.items():
        config["sheets"][name] = f"config/{name}.tsv"
        write_sheet(directory / "config" / f"{name}.tsv", name, rows)
    path = directory / "config" / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def write_sheet(path: Path, name: str, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / f"{name}.schema.yaml").read_text())
    columns = list(schema["properties"])
    lines = ["\t".join(columns)]
    lines += ["\t".join(str((SHARED_CELLS[name] | row).get(column, "")) for column in columns) for row in rows]
    path.write_text("\n".join(lines) + "\n")
