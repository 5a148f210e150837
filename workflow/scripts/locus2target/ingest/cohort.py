"""Genotype dosages of one region from a cohort's indexed VCF or BCF files."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np
import pandas as pd
from cyvcf2 import VCF

from locus2target.core.chromosomes import contig_map
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region, start_of
from locus2target.core.variants import FetchSequence, Variant, normalize_variant
from locus2target.ingest.dosage_rows import CodeArray, DosageArray, DosageRows, PlacedAllele
from locus2target.ingest.files import HoldsFiles, check_bgzf, has_index, require_file
from locus2target.ingest.genome import Genome
from locus2target.ingest.vcf_text import readable_records

DosageField = Literal["GT", "DS"]
SKIP_REASONS: Mapping[str, str] = {
    "invalid_allele": "an allele is not made of A, C, G and T (symbolic, `*`, breakend, N)",
    "ref_mismatch": "REF is not what the genome has there",
    "outside_region": "the left-normalised variant lies in the neighbouring region",
    "no_genotypes": "no person has a genotype or dosage",
    "unsplit_dosage": "a multi-allelic record gives one dosage for several ALT alleles",
    "invalid_dosage": "a dosage lies outside 0..2",
    "monomorphic": "all people have the same dosage, or there is no ALT allele",
    "rare": "the minor allele is rarer than asked for",
    "duplicate": "an earlier record holds the same variant",
}
"""Why a variant of the files is not among the dosages."""

_SNVS = frozenset(permutations("ACGT", 2))
_VALID_ALLELE = re.compile(r"^[ACGT]+$")
_FIELD_TYPES: Mapping[DosageField, str] = {"GT": "String", "DS": "Float"}
_HAPLOID_CHROMOSOMES = frozenset({"X", "Y", "MT"})
_SEQUENCE_FLANK = 1_000  # bases read on either side of a region, so that shifting an indel seldom reads again


@dataclass(frozen=True, slots=True)
class CohortDosages:
    """ALT dosages of one region.

    Attributes
    ----------
    variants
        One row per variant, by position: `chromosome`, `position` (1-based), `ref`, `alt`, `alt_frequency`.
        Left-normalised and split, so the keys are those of every other table.
    dosages
        float32, shape (n_variants, n_samples): ALT alleles per person, 0..2; NaN where missing.
    samples
        Names of the people, in the order of the columns of `dosages`.
    skipped
        Number of variants left out, for each of `SKIP_REASONS` that occurred.
    n_exchanged
        Variants among `variants` whose REF and ALT the file had the other way round (see `CohortGenotypes`).
    """

    variants: pd.DataFrame
    dosages: DosageArray
    samples: tuple[str, ...]
    skipped: dict[str, int]
    n_exchanged: int


class CohortGenotypes(HoldsFiles):
    """A cohort's genotypes, read region by region.

    Use it as a context manager. It holds open files, so each process and thread opens its own.

    Haploid calls (X in males) count 0 or 2. The mean dosage is then twice the allele frequency in both sexes.
    Counted 0 or 1, the sexes would differ in the mean of every variant, which by itself correlates all of them;
    and files that write the same calls as homozygous diploid would give another r.

    A two-allelic SNV whose ALT is the genome's base and whose REF is not has its alleles exchanged (dosage 2 - d):
    PLINK writes the major allele as REF. Other REF alleles that contradict the genome are left out.

    Parameters
    ----------
    files
        Path of the VCF or BCF (bgzipped, indexed) for each canonical chromosome, or for `all`.
    dosage_field
        GT: hard calls; DS: imputed dosages, where haploid calls are known from a GT field beside it.
    genome
        Reference sequence. Without it, or where it has only N, REF is taken as it stands and indels are trimmed
        but not shifted.
    """

    def __init__(self, files: Mapping[str, str], *, dosage_field: DosageField, genome: Genome | None) -> None:
        self._files = dict(files)
        self._dosage_field: DosageField = dosage_field
        self._genome = genome
        self._readers: dict[str, _Reader] = {}

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def has_chromosome(self, chromosome: str) -> bool:
        """Whether a file is there that may hold the canonical chromosome."""
        return chromosome in self._files or "all" in self._files

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        """Read the variants whose normalised position lies inside the region.

        Records that start before the region and only reach into it belong to the region before; they are neither
        read nor counted. Variants with a minor allele frequency below `min_maf` are counted as `rare`.

        Returns
        -------
        CohortDosages
            Without variants where the files have none, and also without samples where no file covers the chromosome.

        Raises
        ------
        InputError
            If the file of the chromosome cannot be used; see `check_genotypes`.
        """
        if not self.has_chromosome(region.chromosome):
            return _cohort_dosages(DosageRows(0, min_maf), region.chromosome, ())
        reader = self._reader(region.chromosome)
        fetch = region_sequence(self._genome, region)
        rows = DosageRows(len(reader.samples), min_maf)
        for record in reader.records(region):
            placed = _place_record(record.POS, record.REF, record.ALT, region, fetch, rows.left_out)
            if placed and self._dosage_field == "GT":
                _add_called(record, placed, rows)
            elif placed:
                _add_imputed(record, placed, rows, may_be_haploid=region.chromosome in _HAPLOID_CHROMOSOMES)
            del record  # the next one is then read into the same memory, which the processor's cache still holds
        return _cohort_dosages(rows, region.chromosome, reader.samples)

    def _reader(self, chromosome: str) -> "_Reader":
        path = self._files[chromosome if chromosome in self._files else "all"]
        if path not in self._readers:
            check_genotypes(path, dosage_field=self._dosage_field, where="cohorts sheet")
            self._readers[path] = _Reader(path)
        return self._readers[path]


def check_genotypes(path: str, *, dosage_field: DosageField, where: str) -> None:
    """Refuse a genotype file that cannot serve for LD, without reading its records.

    Parameters
    ----------
    path
        VCF or BCF.
    dosage_field
        The FORMAT field that will be read.
    where
        Sheet and row that name the file, for errors.

    Raises
    ------
    InputError
        If the file is missing, not bgzipped, cut short (htslib would silently return what is left), not indexed,
        not VCF or BCF, without samples, without the field, or has two contigs for one chromosome.
    """
    require_file(path, where=where)
    check_bgzf(path, where=where)
    if not has_index(path):
        raise InputError(
            f"{path} has no index (.tbi or .csi) beside it",
            where=where,
            remedy="Make one with `tabix -p vcf` or `bcftools index`.",
        )
    try:
        vcf = VCF(path)
    except Exception as error:  # cyvcf2 raises bare Exception for headers that htslib cannot parse
        raise InputError(
            f"{path} cannot be read as VCF or BCF ({error})",
            where=where,
            remedy="Give genotypes as bgzipped VCF or BCF.",
        ) from error
    try:
        _check_header(vcf, path, dosage_field, where)
    except UnicodeDecodeError as error:
        raise InputError(
            f"the header of {path} is not text ({error.reason})", where=where, remedy="Write it as UTF-8."
        ) from error
    finally:
        vcf.close()


def _check_header(vcf: Any, path: str, dosage_field: DosageField, where: str) -> None:
    if not vcf.samples:
        raise InputError(f"{path} has no samples", where=where, remedy="Give a file with individual genotypes.")
    formats = {line["ID"]: line["Type"] for line in (header.info() for header in vcf.header_iter()) if _is_format(line)}
    declared = formats.get(dosage_field)
    if declared != _FIELD_TYPES[dosage_field]:
        problem = "does not declare" if declared is None else f"declares with type {declared}"
        raise InputError(
            f"the header of {path} {problem} FORMAT field {dosage_field} ({_FIELD_TYPES[dosage_field]}); "
            f"it declares {', '.join(sorted(formats)) or 'none'}",
            where=where,
            remedy="Set `dosage_field` to a field that the file has (GT or DS), or correct the header.",
        )
    contig_map(vcf.seqnames, where=path)


def _is_format(line: Mapping[str, str]) -> bool:
    return line.get("HeaderType") == "FORMAT"


class _Reader:
    """One open file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._vcf = VCF(path)
        self._contigs = contig_map(self._vcf.seqnames, where=path)
        self.samples: tuple[str, ...] = tuple(self._vcf.samples)

    def close(self) -> None:
        self._vcf.close()

    def records(self, region: Region) -> Iterator[Any]:
        """Records that overlap the region; none when the file does not know the chromosome."""
        contig = self._contigs.get(region.chromosome)
        if contig is None:
            return
        with warnings.catch_warnings():  # cyvcf2 warns where the index has no records of a contig: not a problem here
            warnings.filterwarnings("ignore", message="no intervals found")
            yield from readable_records(
                self._vcf(f"{contig}:{region.first_position}-{region.last_position}"), self._path
            )


def region_sequence(genome: Genome | None, region: Region) -> FetchSequence:
    """Sequence access that reads the region once; all N without a genome."""
    if genome is None:
        return lambda start, end: "N" * (end - start)
    chromosome = region.chromosome
    first, last = region.start - _SEQUENCE_FLANK, region.end + _SEQUENCE_FLANK
    bases = genome.fetch(chromosome, first, last)

    def fetch(start: int, end: int) -> str:
        if first <= start and end <= last:
            return bases[start - first : end - first]
        return genome.fetch(chromosome, start, end)

    return fetch


def _place_record(
    position: int, ref: str, alts: Sequence[str], region: Region, fetch: FetchSequence, left_out: Counter[str]
) -> list[PlacedAllele]:
    """Each ALT allele of a record that is a normalised variant inside the region; the reasons of others are counted.

    What lies outside the region before and after normalisation is left out altogether.
    """
    inside = region.start < position <= region.end
    if inside and len(alts) == 1 and (ref, alts[0]) in _SNVS and fetch(start_of(position), position) in {ref, "N"}:
        return [((position, ref, alts[0]), 1, False)]  # most records: nothing to normalise
    left_out["monomorphic"] += inside and not alts
    placements: list[PlacedAllele] = []
    for allele, alt in enumerate(alts, start=1):
        placed = _place_allele(Variant(region.chromosome, position, ref.upper(), alt.upper()), fetch, len(alts) == 1)
        if isinstance(placed, str):
            left_out[placed] += inside
            continue
        variant, exchanged = placed
        if region.contains(variant.chromosome, variant.position):
            placements.append(((variant.position, variant.ref, variant.alt), allele, exchanged))
        else:
            left_out["outside_region"] += inside
    return placements


def _place_allele(variant: Variant, fetch: FetchSequence, is_biallelic: bool) -> tuple[Variant, bool] | str:
    """Normalised variant and whether REF and ALT were exchanged, or the reason to skip it."""
    if not (_VALID_ALLELE.match(variant.ref) and _VALID_ALLELE.match(variant.alt)) or variant.ref == variant.alt:
        return "invalid_allele"
    start = start_of(variant.position)
    bases = fetch(start, start + len(variant.ref))
    if bases == variant.ref or all(base in {"N", own} for base, own in zip(bases, variant.ref, strict=True)):
        return normalize_variant(variant, fetch), False
    if is_biallelic and variant.is_snv and bases == variant.alt:
        return Variant(variant.chromosome, variant.position, variant.alt, variant.ref), True
    return "ref_mismatch"


def _add_called(record: Any, placed: Sequence[PlacedAllele], rows: DosageRows) -> None:
    """Dosages from hard calls; a call in which any allele is missing is missing."""
    codes = _genotype_codes(record)
    if codes is None:
        rows.left_out["no_genotypes"] += len(placed)
        return
    for one in placed:
        rows.add_called(one, codes)


def _add_imputed(record: Any, placed: Sequence[PlacedAllele], rows: DosageRows, *, may_be_haploid: bool) -> None:
    """Imputed dosages."""
    imputed = record.format("DS") if "DS" in record.FORMAT else None
    if imputed is None or imputed.shape[1] != len(record.ALT):
        rows.left_out["no_genotypes" if imputed is None else "unsplit_dosage"] += len(placed)
        return
    codes = _genotype_codes(record) if may_be_haploid else None
    places = np.empty((len(imputed), 0), dtype=np.int32) if codes is None else codes
    columns = np.array(imputed.T, dtype=np.float32, order="C")
    for one in placed:
        _, allele, _ = one
        rows.add_imputed(one, columns[allele - 1], places)


def _genotype_codes(record: Any) -> CodeArray | None:
    """Alleles as htslib codes them, int32 of shape (n_samples, ploidy), C order; None for a record without calls.

    Faster than cyvcf2's decoded array, which is one copy further from the file.
    """
    codes: CodeArray | None = record.format("GT", int)
    return codes


def _cohort_dosages(rows: DosageRows, chromosome: str, samples: tuple[str, ...]) -> CohortDosages:
    found = rows.finish()
    variants = pd.DataFrame(
        {
            "chromosome": pd.Series([chromosome] * len(found.keys), dtype="str"),
            "position": np.array([position for position, _, _ in found.keys], dtype=np.int64),
            "ref": pd.Series([ref for _, ref, _ in found.keys], dtype="str"),
            "alt": pd.Series([alt for _, _, alt in found.keys], dtype="str"),
            "alt_frequency": found.frequencies,
        }
    )
    return CohortDosages(variants, found.dosages, samples, dict(+rows.left_out), found.n_exchanged)
