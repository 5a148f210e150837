"""Which allele is the reference allele, on which strand: alleles against the genome, and what the whole study proves.

A non-palindromic single-base variant always agrees with the sequence on one of the two strands, so agreement on the
other strand proves nothing about a single row. Strand and build are judged from the study as a whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from locus2target.core.errors import InputError
from locus2target.ingest.alleles import AlleleDictionary
from locus2target.ingest.dispositions import Disposition, Ledger
from locus2target.ingest.genome import Genome

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_BLOCK_BP = 1 << 22  # sequence is read in pieces of 4 Mb that hold variants
_OVERHANG_BP = 1 << 12  # ... and this much on either side, for indels
_CONSISTENT = 0.01  # share of exceptions below which a study follows one convention
_RANDOM_STRAND = (0.25, 0.75)  # share on the other strand that random positions would give (about one half)

_COMPLEMENT = np.zeros(256, dtype=np.uint8)
_COMPLEMENT[np.frombuffer(b"ACGT", np.uint8)] = np.frombuffer(b"TGCA", np.uint8)


class Agreement(IntEnum):
    """How the two alleles of a row agree with the sequence."""

    AS_GIVEN = 0  # the other allele is the sequence
    SWAPPED = 1  # the effect allele is
    COMPLEMENT = 2  # the other allele is, on the other strand
    COMPLEMENT_SWAPPED = 3  # the effect allele is, on the other strand
    BOTH = 4  # an indel: either could be
    NEITHER = 5
    NO_SEQUENCE = 6


_KEPT = (  # agreement -> disposition of other variants, and of A/T and C/G variants of a proven strand
    (Agreement.AS_GIVEN, Disposition.KEPT, Disposition.KEPT_PALINDROMIC),
    (Agreement.SWAPPED, Disposition.KEPT_FLIPPED, Disposition.KEPT_PALINDROMIC_FLIPPED),
    (Agreement.COMPLEMENT, Disposition.KEPT_STRAND_FLIPPED, Disposition.KEPT_STRAND_FLIPPED),
    (
        Agreement.COMPLEMENT_SWAPPED,
        Disposition.KEPT_STRAND_FLIPPED_AND_FLIPPED,
        Disposition.KEPT_STRAND_FLIPPED_AND_FLIPPED,
    ),
    (Agreement.NO_SEQUENCE, Disposition.KEPT_UNVERIFIED, Disposition.KEPT_UNVERIFIED),
)


class Strand(StrEnum):
    """What is known of the strand of a study's alleles."""

    FORWARD = "forward"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sites:
    """Alleles and places on the run's build; arrays of shape (n_rows,).

    Attributes
    ----------
    chromosome
        Canonical names (object).
    position, position_swapped
        1-based, when the other allele or when the effect allele is REF; 0 where that reading has no place. They differ
        for indels lifted to the other strand.
    other, effect
        Codes into `dictionary`.
    """

    chromosome: npt.NDArray[np.object_]
    position: IntArray
    position_swapped: IntArray
    other: IntArray
    effect: IntArray
    dictionary: AlleleDictionary

    def take(self, which: BoolArray) -> "Sites":
        """The sites of a mask."""
        return Sites(
            self.chromosome[which],
            self.position[which],
            self.position_swapped[which],
            self.other[which],
            self.effect[which],
            self.dictionary,
        )

    @property
    def first_position(self) -> IntArray:
        """The place, whichever reading holds."""
        return np.where(self.position > 0, self.position, self.position_swapped)

    @property
    def is_snv(self) -> BoolArray:
        """Whether both alleles have one base."""
        lengths = self.dictionary.lengths
        mask: BoolArray = (lengths[self.other] == 1) & (lengths[self.effect] == 1)
        return mask

    @property
    def is_palindromic(self) -> BoolArray:
        """Whether the alleles are A and T, or C and G."""
        mask: BoolArray = self.is_snv & (self.dictionary.complements[self.other] == self.effect)
        return mask


@dataclass(frozen=True, slots=True)
class StudyOrientation:
    """What a study's variants prove together.

    Attributes
    ----------
    strand
        Declared or inferred.
    n_forward, n_other_strand
        Non-palindromic single-base variants that agree with the sequence on either strand.
    n_checked, n_mismatched
        Rows whose agreement with the sequence is a test of build and alleles, and those that fail it.
    indel_convention
        How indels are read whose alleles both agree with the sequence; `None` when the study has no convention.
    """

    strand: Strand
    n_forward: int
    n_other_strand: int
    n_checked: int
    n_mismatched: int
    indel_convention: Agreement | None

    @property
    def other_strand_share(self) -> float:
        """Share of informative variants on the other strand; NaN without any."""
        informative = self.n_forward + self.n_other_strand
        return self.n_other_strand / informative if informative else float("nan")

    @property
    def mismatch_share(self) -> float:
        """Share of checked rows that fail; NaN without any."""
        return self.n_mismatched / self.n_checked if self.n_checked else float("nan")


@dataclass(frozen=True, slots=True)
class SequenceBlock:
    """A stretch of one chromosome held in memory, and the rows that lie in it."""

    genome: Genome
    chromosome: str
    start: int
    sequence: str
    rows: IntArray

    def fetch(self, start: int, end: int) -> str:
        """Bases of [start, end), 0-based."""
        first = start - self.start
        if first >= 0 and end - self.start <= len(self.sequence):
            return self.sequence[first : end - self.start]
        return self.genome.fetch(self.chromosome, start, end)


def sequence_blocks(genome: Genome, chromosome: npt.NDArray[np.object_], position: IntArray) -> Iterator[SequenceBlock]:
    """Walk through the rows by place, with the sequence around them."""
    if not len(position):
        return
    names, codes = np.unique(chromosome.astype(str), return_inverse=True)
    order = np.lexsort((position, codes))
    block = position[order] // _BLOCK_BP
    breaks = np.flatnonzero((np.diff(block) != 0) | (np.diff(codes[order]) != 0)) + 1
    for rows in np.split(order, breaks):
        name = str(names[codes[rows[0]]])
        start = max(0, int(position[rows[0]]) - 1 - _OVERHANG_BP)
        end = min(int(position[rows[-1]]) + _OVERHANG_BP, genome.lengths[name])
        yield SequenceBlock(genome, name, start, genome.fetch(name, start, end), rows)


def compare_with_genome(sites: Sites, genome: Genome) -> npt.NDArray[np.int8]:
    """`Agreement` of each row with the sequence, shape (n_rows,)."""
    agreement = np.full(len(sites.other), Agreement.NO_SEQUENCE, dtype=np.int8)
    is_snv = sites.is_snv
    for block in sequence_blocks(genome, sites.chromosome, sites.first_position):
        snvs = block.rows[is_snv[block.rows]]
        agreement[snvs] = _compare_snvs(sites, snvs, block)
        for row in block.rows[~is_snv[block.rows]]:
            agreement[row] = _compare_indel(sites, int(row), block.fetch)
    return agreement


def _compare_snvs(sites: Sites, rows: IntArray, block: SequenceBlock) -> npt.NDArray[np.int8]:
    sequence = np.frombuffer(block.sequence.encode("ascii"), np.uint8)
    base = sequence[sites.position[rows] - 1 - block.start]
    other, effect = (sites.dictionary.bases[codes[rows]] for codes in (sites.other, sites.effect))
    tests = (
        (_COMPLEMENT[base] == 0, Agreement.NO_SEQUENCE),
        (other == base, Agreement.AS_GIVEN),
        (effect == base, Agreement.SWAPPED),
        (_COMPLEMENT[other] == base, Agreement.COMPLEMENT),
        (_COMPLEMENT[effect] == base, Agreement.COMPLEMENT_SWAPPED),
    )
    found = np.select([test for test, _ in tests], [int(name) for _, name in tests], int(Agreement.NEITHER))
    return found.astype(np.int8)


def _compare_indel(sites: Sites, row: int, fetch: Callable[[int, int], str]) -> Agreement:
    """Agreement of alleles with several bases, on the forward strand only; a reading without a place may be right."""
    texts = sites.dictionary.texts
    readings = (
        (int(sites.position[row]), texts[sites.other[row]]),
        (int(sites.position_swapped[row]), texts[sites.effect[row]]),
    )
    fits = []
    for position, allele in readings:
        sequence = fetch(position - 1, position - 1 + len(allele)) if position else ""
        if sequence.strip("ACGT"):
            return Agreement.NO_SEQUENCE
        fits.append(position == 0 or sequence == allele)
    if all(fits):
        return Agreement.BOTH
    if any(fits):
        return Agreement.AS_GIVEN if fits[0] else Agreement.SWAPPED
    return Agreement.NEITHER


def infer_orientation(
    sites: Sites, agreement: npt.NDArray[np.int8], *, declared_forward: bool, names_ref: bool, min_variants: int
) -> StudyOrientation:
    """Judge strand, build and order of alleles from all rows of a study.

    Parameters
    ----------
    sites, agreement
        The rows and their agreement with the genome.
    declared_forward
        Whether the sheet vouches for the forward strand.
    names_ref
        Whether the source says which allele is REF; believed for indels where single-base variants are too few.
    min_variants
        Informative variants that a judgement needs.
    """
    is_snv, is_palindromic = sites.is_snv, sites.is_palindromic
    plain = is_snv & ~is_palindromic
    as_given, swapped = (agreement == name for name in (Agreement.AS_GIVEN, Agreement.SWAPPED))
    on_other_strand = np.isin(agreement, (Agreement.COMPLEMENT, Agreement.COMPLEMENT_SWAPPED))
    n_forward = int((plain & (as_given | swapped)).sum())
    n_other = int((plain & on_other_strand).sum())
    strand = Strand.FORWARD if declared_forward else _infer_strand(n_forward, n_other, min_variants)
    tested = (agreement != Agreement.NO_SEQUENCE) & (is_palindromic | ~is_snv | (strand is Strand.FORWARD))
    failed = (agreement == Agreement.NEITHER) | (on_other_strand & (strand is Strand.FORWARD))
    turned = is_snv & np.isin(agreement, (Agreement.SWAPPED, Agreement.COMPLEMENT_SWAPPED))
    straight = is_snv & np.isin(agreement, (Agreement.AS_GIVEN, Agreement.COMPLEMENT))
    return StudyOrientation(
        strand,
        n_forward,
        n_other,
        n_checked=int(tested.sum()),
        n_mismatched=int((tested & failed).sum()),
        indel_convention=_indel_convention(int(straight.sum()), int(turned.sum()), names_ref, min_variants),
    )


def _infer_strand(n_forward: int, n_other: int, min_variants: int) -> Strand:
    if n_forward + n_other < min_variants:
        return Strand.UNKNOWN
    return Strand.FORWARD if n_other < _CONSISTENT * (n_forward + n_other) else Strand.MIXED


def _indel_convention(n_straight: int, n_turned: int, names_ref: bool, min_variants: int) -> Agreement | None:
    """Order of alleles that the single-base variants of the study prove."""
    total = n_straight + n_turned
    if total < min_variants:
        return Agreement.AS_GIVEN if names_ref else None
    if n_turned < _CONSISTENT * total:
        return Agreement.AS_GIVEN
    return Agreement.SWAPPED if n_straight < _CONSISTENT * total else None


def refuse_mismatch(
    study: StudyOrientation, *, max_mismatch: float, min_variants: int, example: str, build: str, where: str
) -> None:
    """Refuse a study whose alleles are not those of the genome.

    Raises
    ------
    InputError
        If more than `max_mismatch` of at least `min_variants` checked rows mismatch, or if about half of the variants
        are on the other strand and nothing tells a mix of strands from positions of another build.
    """
    remedy = f"Check `build` (the run's is {build}), the strand, and the columns of position and alleles in the sheet."
    if study.n_checked >= min_variants and study.mismatch_share > max_mismatch:
        raise InputError(
            f"{study.n_mismatched} of {study.n_checked} variants that can be checked do not agree with the genome "
            f"({study.mismatch_share:.1%}, at most {max_mismatch:.1%} are allowed), for example {example}",
            where=where,
            remedy=remedy,
        )
    low, high = _RANDOM_STRAND
    if study.strand is Strand.MIXED and study.n_checked < min_variants and low < study.other_strand_share < high:
        raise InputError(
            f"{study.n_other_strand} of {study.n_forward + study.n_other_strand} variants are on the other strand, as "
            f"in a wrong build, and there are too few A/T, C/G variants and indels ({study.n_checked}) to tell it from "
            "a mix of strands",
            where=where,
            remedy=remedy + " If they are right, write the alleles on the forward strand.",
        )


def settle_orientation(
    sites: Sites, agreement: npt.NDArray[np.int8], study: StudyOrientation, rows: IntArray, ledger: Ledger
) -> npt.NDArray[np.int8]:
    """Give every site its disposition, and settle the agreement of indels by the study's convention.

    Parameters
    ----------
    sites, agreement
        The sites and how their alleles agree with the genome.
    study
        What the whole study proves.
    rows
        Row numbers of the sites in `ledger`.

    Returns
    -------
    ndarray
        Agreement of shape (n_rows,) without `BOTH` among the kept rows.
    """
    palindromic, forward = sites.is_palindromic, study.strand is Strand.FORWARD
    both = agreement == Agreement.BOTH
    if study.indel_convention is None:
        ledger.settle(rows[both], Disposition.INDEL_AMBIGUOUS)
    else:
        agreement = np.where(both, np.int8(study.indel_convention), agreement)
    other_strand = np.isin(agreement, (Agreement.COMPLEMENT, Agreement.COMPLEMENT_SWAPPED))
    mismatch = (agreement == Agreement.NEITHER) | (other_strand & forward)
    ledger.settle(rows[mismatch], Disposition.REF_MISMATCH)
    ledger.settle(rows[palindromic & (not forward)], Disposition.PALINDROMIC_AMBIGUOUS)
    position = np.where(agreement == Agreement.SWAPPED, sites.position_swapped, sites.position)
    ledger.settle(rows[position == 0], Disposition.LIFT_SPLIT)
    for name, plain, strand_proven in _KEPT:
        ledger.settle(rows[(agreement == name) & palindromic], strand_proven)
        ledger.settle(rows[agreement == name], plain)
    return agreement
