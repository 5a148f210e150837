"""A cohort of any size, made of the demo's real genotypes and sequence, with causal variants and genes that are known.

The genome is a row of places. Each is a copy of the demo's million real bases of chromosome 20, a million bases of N
apart from the next, and carries a window of the real SNPs there; its people are mosaics of the real ones
(`simulation.Population`), drawn anew for each place, so that LD is real and places are independent. At each place one
variant is causal for every disease that has a locus there. It acts through one gene, whose expression it also changes
in some of the tissues; the other genes that the QTL sets test have causal variants of their own.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pysam
import pysam.bcftools
import yaml
from scipy.special import ndtr
from simulation import DEMO, MIN_MAF, FloatArray, IntArray, Population, change_probabilities

from locus2target.core.intervals import Region
from locus2target.ingest.cohort import CohortGenotypes
from locus2target.ingest.genome import BUILD_LENGTHS

ROOT = Path(__file__).parents[1]
BUILD = "GRCh37"
SOURCE = Region("20", 1_000_000, 2_000_000)  # where the demo has both dense genotypes and sequence
PLACE_BP = SOURCE.end - SOURCE.start
SPACING_BP = 2 * PLACE_BP
MHC = Region("6", 24_000_000, 36_000_000)  # left free: the shipped config does not analyse it
N_WINDOWS = 8  # different stretches of the real SNPs
GENES_PER_PLACE = 10
TRAITS_PER_PLACE = 3  # genes that each QTL set tests at a place: the target, and two others
CONTEXTS = tuple(f"tissue_{number}" for number in range(10))
ELEMENTS_PER_CONTEXT = 40
ELEMENT_BP = 600
N_GWAS, N_QTL = 100_000.0, 600.0
GWAS_Z, QTL_Z = (7.0, 14.0), (5.0, 10.0)  # range of the expected z of a causal variant
NEAREST_IS_TARGET = 0.6
SHARED_TISSUES = 0.5
LOCI_PER_BATCH, VARIANTS_PER_BATCH = 30, 50_000
_CALLS = np.array([b"\t0/0", b"\t0/1", b"\t1/1"])
_FASTA_WIDTH = 100_000  # divides the spacing of the places


@dataclass(frozen=True, slots=True)
class Size:
    """How large a cohort is.

    Attributes
    ----------
    diseases, loci
        Diseases, each with one study, and loci of all of them together.
    places
        Of the genome at which these loci lie: diseases share places where there are fewer than loci.
    variants
        SNPs of a place.
    people
        Of the cohort that gives LD.
    qtls
        QTL sets, of one tissue each.
    """

    diseases: int
    loci: int
    places: int
    variants: int
    people: int
    qtls: int

    def __post_init__(self) -> None:
        """Refuse what cannot be laid out."""
        if self.loci % self.diseases or not self.loci // self.diseases <= self.places <= self.loci:
            raise ValueError("loci must be a multiple of diseases; places lie between loci of one disease and all loci")

    @property
    def studies(self) -> list[str]:
        """Names of the studies."""
        return [f"study_{number}" for number in range(self.diseases)]

    @property
    def qtl_sets(self) -> list[str]:
        """Names of the QTL sets."""
        return [f"qtl_{number}" for number in range(self.qtls)]


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the genome and its truth.

    Attributes
    ----------
    chromosome, offset
        Where position 0 of the copied sequence comes to lie, 0-based.
    window
        Which stretch of the real SNPs it carries.
    causal
        Row of the causal variant among the place's variants.
    gene_starts
        0-based, on the genome.
    target, others
        Number of the gene through which the variant acts, and of the other genes that are tested.
    other_causal
        Rows of the causal variants of `others`.
    """

    number: int
    chromosome: str
    offset: int
    window: int
    causal: int
    gene_starts: tuple[int, ...]
    target: int
    others: tuple[int, ...]
    other_causal: tuple[int, ...]

    @property
    def tested(self) -> tuple[int, ...]:
        """Genes that the QTL sets test."""
        return (self.target, *self.others)


@dataclass(frozen=True, slots=True)
class Cohort:
    """What was written."""

    size: Size
    config: Path
    truth: pd.DataFrame  # disease, chromosome, position, variant, gene_id: one row per locus


# ---- Real people and sequence ------------------------------------------------------------------------------------


def read_windows(variants: int) -> list[Population]:
    """Stretches of the demo's dense SNPs, at most `N_WINDOWS` different ones.

    Raises
    ------
    ValueError
        If the demo has fewer SNPs.
    """
    path = str(DEMO / "genotypes/EUR489_dense_chr20.demo.vcf.gz")
    with CohortGenotypes({"all": path}, dosage_field="GT", genome=None) as cohort:
        read = cohort.read_region(SOURCE, min_maf=MIN_MAF)
    snps = read.variants["ref"].str.len().eq(1) & read.variants["alt"].str.len().eq(1)
    rows = np.flatnonzero(snps & ~read.variants["position"].duplicated())
    if len(rows) < variants:
        raise ValueError(f"the demo has {len(rows)} SNPs where it has sequence, not {variants}")
    dosages = np.where(np.isnan(read.dosages), np.nanmean(read.dosages, axis=1, keepdims=True), read.dosages)
    firsts = np.unique(np.linspace(0, len(rows) - variants, N_WINDOWS).astype(int))
    return [_window(read.variants, dosages, rows[first : first + variants]) for first in firsts]


def _window(variants: pd.DataFrame, dosages: npt.NDArray[np.float32], rows: IntArray) -> Population:
    chosen, people = variants.iloc[rows].reset_index(drop=True), np.rint(dosages[rows]).astype(np.float32)
    return Population("window", SOURCE, chosen, people, change_probabilities(chosen, people))


# ---- Layout and truth --------------------------------------------------------------------------------------------


def lay_out(size: Size, windows: Sequence[Population], rng: np.random.Generator) -> list[Place]:
    """Places over the chromosomes in turn, so that leaving one out leaves others."""
    free = [(chromosome, iter(_offsets(chromosome))) for chromosome in map(str, range(1, 23))]
    places: list[Place] = []
    while len(places) < size.places:
        left = [(chromosome, offset) for chromosome, offsets in free if (offset := next(offsets, None)) is not None]
        if not left:
            raise ValueError(f"the genome has room for {len(places)} places, not {size.places}")
        for chromosome, offset in left[: size.places - len(places)]:
            number = len(places)
            window = number % len(windows)
            places.append(_place(number, chromosome, offset, window, windows[window], rng))
    return places


def _offsets(chromosome: str) -> Iterator[int]:
    for offset in range(0, BUILD_LENGTHS[BUILD][chromosome] - SPACING_BP, SPACING_BP):
        if chromosome != MHC.chromosome or not MHC.start <= offset < MHC.end:
            yield offset


def _place(
    number: int, chromosome: str, offset: int, window: int, population: Population, rng: np.random.Generator
) -> Place:
    """Genes side by side; the causal variant in the middle of the variants, where both flanks have LD."""
    starts = tuple(int(offset + gene * PLACE_BP // GENES_PER_PLACE + rng.integers(40_000)) for gene in range(10))
    fifth = population.size // 5
    causal, *other_causal = (int(row) for row in rng.integers(fifth, 4 * fifth, TRAITS_PER_PLACE))
    middle = offset + int(population.variants["position"].iloc[causal]) - SOURCE.start
    by_distance = np.argsort(np.abs(np.array(starts) + 20_000 - middle))
    target = int(by_distance[0 if rng.random() < NEAREST_IS_TARGET else rng.integers(1, 4)])
    others = tuple(int(gene) for gene in by_distance[:TRAITS_PER_PLACE] if gene != target)[: TRAITS_PER_PLACE - 1]
    return Place(number, chromosome, offset, window, causal, starts, target, others, tuple(other_causal))


def gene_id(place: Place, gene: int) -> str:
    """Ensembl-like id of a gene."""
    return f"ENSG{place.number * GENES_PER_PLACE + gene + 1:011d}"


def disease_places(size: Size, rng: np.random.Generator) -> list[set[int]]:
    """Numbers of the places at which each disease has a locus; together the diseases cover all places."""
    each, order = size.loci // size.diseases, rng.permutation(size.places)
    firsts = np.arange(size.diseases) * size.places // size.diseases
    return [{int(order[(first + step) % size.places]) for step in range(each)} for first in firsts]


# ---- Statistics --------------------------------------------------------------------------------------------------


def variant_columns(place: Place, population: Population) -> pd.DataFrame:
    """Chromosome, position, ref, alt and frequency of a place's variants."""
    there = population.variants
    position = there["position"] - SOURCE.start + place.offset
    frequency = there["alt_frequency"].astype("float32")
    columns = {"position": position, "ref": there["ref"], "alt": there["alt"], "alt_frequency": frequency}
    return pd.DataFrame({"chromosome": place.chromosome, **columns})


def draw_z(
    population: Population, causal: Sequence[int | None], expected: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """z-scores of several traits, (p, traits): the expected z of the causal variant spread by LD, and noise with LD."""
    noise = population.root @ rng.standard_normal((population.size, len(causal)))
    for trait, row in enumerate(causal):
        if row is not None:
            noise[:, trait] += population.r[:, row] * expected[trait]
    return noise


def _signed(limits: tuple[float, float], n: int, rng: np.random.Generator) -> FloatArray:
    sizes: FloatArray = rng.uniform(*limits, n) * rng.choice([-1.0, 1.0], n)
    return sizes


def _statistics(z_score: FloatArray, frequency: FloatArray, n_samples: float) -> dict[str, npt.NDArray[Any]]:
    standard_error = 1.0 / np.sqrt(2.0 * frequency * (1.0 - frequency) * (n_samples + z_score**2))
    p = np.maximum(2.0 * ndtr(-np.abs(z_score)), 1e-300)
    written = {"beta": z_score * standard_error, "standard_error": standard_error}
    return {**{name: values.astype(np.float32) for name, values in written.items()}, "p_value": p}


def study_rows(variants: pd.DataFrame, z_score: FloatArray) -> pa.Table:
    """Rows of a study, in GWAS-SSF columns."""
    values = _statistics(z_score, variants["alt_frequency"].to_numpy(np.float64), N_GWAS)
    names = {"position": "base_pair_location", "alt": "effect_allele", "ref": "other_allele"}
    rows = variants.rename(columns={**names, "alt_frequency": "effect_allele_frequency"}).assign(**values)
    return pa.Table.from_pandas(rows, preserve_index=False)


def qtl_rows(variants: pd.DataFrame, genes: Sequence[str], z_scores: FloatArray) -> pa.Table:
    """Rows of a QTL set, in the columns of the eQTL Catalogue."""
    frequency = variants["alt_frequency"].to_numpy(np.float64)
    parts = []
    for gene, z_score in zip(genes, z_scores.T, strict=True):
        values = _statistics(z_score, frequency, N_QTL)
        names = {"p_value": "pvalue", "standard_error": "se"}
        part = variants.drop(columns="alt_frequency").assign(
            maf=np.minimum(frequency, 1.0 - frequency).astype(np.float32), **values
        )
        parts.append(part.rename(columns=names).assign(molecular_trait_id=gene, gene_id=gene))
    return pa.Table.from_pandas(pd.concat(parts, ignore_index=True), preserve_index=False)


# ---- Writing -----------------------------------------------------------------------------------------------------


def write_cohort(folder: Path, size: Size, *, seed: int) -> Cohort:
    """Write genome, genes, genotypes, studies, QTL sets and config; the same seed gives the same files."""
    rng = np.random.default_rng(seed)
    windows = read_windows(size.variants)
    places, at = lay_out(size, windows, rng), disease_places(size, rng)
    data = folder / "data"
    data.mkdir(parents=True)
    _write_fasta(data / "genome.fa", places)
    _write_genes(data / "genes.gtf", places, rng)
    _write_elements(data / "elements.bed.gz", places, windows, rng)
    _write_genotypes(data / "cohort.bcf", places, windows, size.people, rng)
    _write_statistics(data, size, places, windows, at, rng)
    truth = _truth(places, windows, at)
    truth.to_csv(folder / "truth.tsv", sep="\t", index=False)
    return Cohort(size, write_config(folder, size), truth)


def _truth(places: Sequence[Place], windows: Sequence[Population], at: Sequence[set[int]]) -> pd.DataFrame:
    rows = []
    for disease, numbers in enumerate(at):
        for place in (place for place in places if place.number in numbers):
            causal = variant_columns(place, windows[place.window]).iloc[place.causal]
            variant = ":".join(str(causal[name]) for name in ("chromosome", "position", "ref", "alt"))
            row = {"disease": f"disease_{disease}", "chromosome": place.chromosome, "position": causal["position"]}
            rows.append({**row, "variant": variant, "gene_id": gene_id(place, place.target)})
    return pd.DataFrame(rows)


def _by_chromosome(places: Sequence[Place]) -> dict[str, list[Place]]:
    grouped: dict[str, list[Place]] = {}
    for place in sorted(places, key=lambda place: (int(place.chromosome), place.offset)):
        grouped.setdefault(place.chromosome, []).append(place)
    return grouped


def _lengths(places: Sequence[Place]) -> dict[str, int]:
    return {name: of_name[-1].offset + SPACING_BP for name, of_name in _by_chromosome(places).items()}


def _write_fasta(path: Path, places: Sequence[Place]) -> None:
    """Every place the same real million bases; N between them."""
    with pysam.FastaFile(str(DEMO / "genome/GRCh37_partial.fa.gz")) as fasta:
        bases = fasta.fetch(SOURCE.chromosome, SOURCE.start, SOURCE.end)
    starts = range(0, PLACE_BP, _FASTA_WIDTH)
    real = "".join(f"{bases[start : start + _FASTA_WIDTH]}\n" for start in starts)
    unknown = f"{'N' * _FASTA_WIDTH}\n" * len(starts)
    with path.open("w") as file:
        for chromosome, of_chromosome in _by_chromosome(places).items():
            used = {place.offset for place in of_chromosome}
            file.write(f">{chromosome}\n")
            for offset in range(0, of_chromosome[-1].offset + 1, SPACING_BP):
                file.write((real if offset in used else unknown) + unknown)


def _symbols() -> Iterator[str]:
    """Real symbols of the pathways, so that their genes are found; made-up ones when those are used up."""
    with gzip.open(ROOT / "resources/pathways/pathways.symbols.gmt.gz", "rt") as lines:
        real = sorted({symbol for line in lines for symbol in line.rstrip("\n").split("\t")[2:]})
    yield from real
    number = 0
    while True:
        yield f"GENE{(number := number + 1)}"


def _write_genes(path: Path, places: Sequence[Place], rng: np.random.Generator) -> None:
    """Protein-coding genes of four exons each."""
    symbols = _symbols()
    lines = []
    for place in places:
        for gene, start in enumerate(place.gene_starts):
            length, strand = int(rng.integers(15_000, 50_000)), "+-"[int(rng.integers(2))]
            words = f'gene_id "{gene_id(place, gene)}"; gene_name "{next(symbols)}"; gene_type "protein_coding";'
            spans = [("gene", start, start + length)]
            spans += [("exon", low, low + 200) for low in (start + part * (length - 200) // 3 for part in range(4))]
            lines += [
                f"{place.chromosome}\tscale\t{kind}\t{low + 1}\t{high}\t.\t{strand}\t.\t{words}\n"
                for kind, low, high in spans
            ]
    path.write_text("".join(lines))


def _write_elements(
    path: Path, places: Sequence[Place], windows: Sequence[Population], rng: np.random.Generator
) -> None:
    """Open chromatin of each context, one of them around the causal variant of each place."""
    rows = []
    for place in places:
        starts = rng.integers(0, PLACE_BP - ELEMENT_BP, (len(CONTEXTS), ELEMENTS_PER_CONTEXT)) + place.offset
        middle = int(variant_columns(place, windows[place.window])["position"].iloc[place.causal])
        starts[rng.integers(len(CONTEXTS)), 0] = middle - ELEMENT_BP // 2
        names = np.repeat(CONTEXTS, ELEMENTS_PER_CONTEXT)
        rows += [(place.chromosome, int(start), name) for start, name in zip(starts.ravel(), names, strict=True)]
    rows.sort(key=lambda row: (int(row[0]), row[1], row[2]))
    with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as file:
        for chromosome, start, name in rows:
            file.write(f"{chromosome}\t{start}\t{start + ELEMENT_BP}\t{name}\n".encode())


def _write_genotypes(
    path: Path, places: Sequence[Place], windows: Sequence[Population], n_people: int, rng: np.random.Generator
) -> None:
    """Mosaics of the real people as an indexed BCF."""
    header = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    header += [f"##contig=<ID={name},length={length}>" for name, length in _lengths(places).items()]
    columns = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    header.append("#" + "\t".join([*columns, *(f"P{number}" for number in range(n_people))]))
    plain = path.with_suffix(".vcf")
    with plain.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode())
        for of_chromosome in _by_chromosome(places).values():
            for place in of_chromosome:
                _write_records(file, place, windows[place.window], n_people, rng)
    pysam.bcftools.view("--no-version", "-Ob1", "-o", str(path), str(plain), catch_stdout=False)
    plain.unlink()
    pysam.bcftools.index("--force", str(path), catch_stdout=False)


def _write_records(file: Any, place: Place, population: Population, n_people: int, rng: np.random.Generator) -> None:
    calls = _CALLS[population.draw_people(n_people, rng).astype(np.int8)]
    variants = variant_columns(place, population)
    for row, cells in zip(variants.itertuples(index=False), calls, strict=True):
        head = f"{place.chromosome}\t{row.position}\t.\t{row.ref}\t{row.alt}\t.\tPASS\t.\tGT"
        file.write(head.encode() + cells.tobytes() + b"\n")


def _write_statistics(
    data: Path,
    size: Size,
    places: Sequence[Place],
    windows: Sequence[Population],
    at: Sequence[set[int]],
    rng: np.random.Generator,
) -> None:
    """Studies and QTL sets, place by place: memory does not depend on how many there are."""
    in_order = [place for of_chromosome in _by_chromosome(places).values() for place in of_chromosome]
    with ExitStack() as stack, ThreadPoolExecutor(1) as writer:
        studies = [stack.enter_context(_Lines(data / f"{name}.tsv.gz")) for name in size.studies]
        qtls = [stack.enter_context(_Lines(data / f"{name}.tsv.gz")) for name in size.qtl_sets]
        for place in in_order:
            population = windows[place.window]
            variants = variant_columns(place, population)
            causal = [place.causal if place.number in of_disease else None for of_disease in at]
            z_scores = draw_z(population, causal, _signed(GWAS_Z, size.diseases, rng), rng)
            pending = [
                writer.submit(file.write, study_rows(variants, z)) for file, z in zip(studies, z_scores.T, strict=True)
            ]
            genes = [gene_id(place, gene) for gene in place.tested]
            for file in qtls:
                shares = rng.random() < SHARED_TISSUES
                rows = [place.causal if shares else None, *place.other_causal]
                traits = draw_z(population, rows, _signed(QTL_Z, len(genes), rng), rng)
                pending.append(writer.submit(file.write, qtl_rows(variants, genes, traits)))
            for done in pending:
                done.result()


class _Lines:
    """A gzipped tab-separated file that grows table by table."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path, "wb", compresslevel=1, mtime=0)
        self._header = True

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, table: pa.Table) -> None:
        """Append the rows, after a header the first time."""
        if self._header:
            self._file.write(("\t".join(table.column_names) + "\n").encode())
            self._header = False
        options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(table, sink, options)
        self._file.write(sink.getvalue())


# ---- Config and sheets -------------------------------------------------------------------------------------------


def write_config(folder: Path, size: Size, files: Size | None = None) -> Path:
    """The shipped config and sheets, pointed at the cohort; `files` is the size of what is there, where it is less."""
    there = size if files is None else files
    config: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["run_name"] = "scale"
    config["genome"] = {"build": BUILD, "fasta": "data/genome.fa", "gtf": "data/genes.gtf", "chains": {}}
    config["annotations"] = dict.fromkeys(config["annotations"]) | {"open_chromatin": "data/elements.bed.gz"}
    config["loci"]["batches"] = -(-size.loci // LOCI_PER_BATCH)
    config["scoring"]["batches"] = -(-size.places * size.variants // VARIANTS_PER_BATCH)
    config["pathways"]["gene_sets"] = [str(ROOT / path) for path in config["pathways"]["gene_sets"]]
    for section, key in (("ranking", "weights"), ("mutagenesis", "motifs"), ("accessibility_training", "motifs")):
        config[section][key] = str(ROOT / config[section][key])
    for name, rows in _sheets(size, there).items():
        config["sheets"][name] = f"config/{name}.tsv"
        _write_sheet(folder / config["sheets"][name], name, rows)
    path = folder / "config/config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _sheets(size: Size, there: Size) -> Mapping[str, list[dict[str, object]]]:
    same = {"format": "table", "build": BUILD, "sd_y": 1, "strand": "forward", "cohort": "people"}
    studies = [
        {**same, "study": name, "disease": f"disease_{number}", "n_samples": int(N_GWAS)}
        | {"path": f"data/{there.studies[number % there.diseases]}.tsv.gz", "trait_type": "quantitative"}
        for number, name in enumerate(size.studies)
    ]
    qtls = [
        {**same, "qtl": name, "qtl_type": "eqtl", "tissue": f"tissue_{number}", "n_samples": int(N_QTL)}
        | {"path": f"data/{there.qtl_sets[number % there.qtls]}.tsv.gz", "coverage": "full"}
        for number, name in enumerate(size.qtl_sets)
    ]
    cohort: dict[str, object] = {
        "cohort": "people",
        "chromosome": "all",
        "genotypes": "data/cohort.bcf",
        "dosage_field": "GT",
    }
    motifs = str(ROOT / "resources/motifs/jaspar2026_core_vertebrates.npz")
    model: dict[str, object] = {"model": "motif_jaspar2026", "backend": "motif", "weights": motifs, "window_bp": 256}
    return {"studies": studies, "qtls": qtls, "cohorts": [cohort], "models": [model]}


def _write_sheet(path: Path, name: str, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = pd.read_csv(ROOT / f"config/{name}.tsv", sep="\t", nrows=0).columns
    pd.DataFrame(rows).reindex(columns=columns).to_csv(path, sep="\t", index=False)
