"""Haplotype windows around variants: what a sequence model reads for REF and for ALT.

Any allele is exact: single bases, blocks, insertions, deletions and mixtures are all written into the sequence, and
the two haplotypes are scored as they are. Bases beyond a chromosome's ends are unknown (code 4), like N.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import start_of
from locus2target.sequence.encoding import Codes, decode, encode
from locus2target.sequence.windows_numba import fill_changed_spans, fill_windows, has_allele, has_unknown

FetchBases = Callable[[str, int, int], str]
"""(chromosome, start, end) 0-based half-open, inside the chromosome or not -> bases, N where there is none."""

OK = "ok"
NO_SEQUENCE = "no_sequence"
REF_MISMATCH = "ref_mismatch"
UNSUPPORTED_ALLELE = "unsupported_allele"
ALLELE_TOO_LONG = "allele_too_long"

_MAX_GAP = 10_000  # variants closer than this are served by one read of the genome
_BASES = frozenset("ACGT")


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Shape of a model's input.

    Attributes
    ----------
    length
        Bases of a window, L.
    center_offset
        Index in the window of the variant's first base.
    flank
        Bases on either side of the changed ones that must be known: those that decide the score.
    """

    length: int
    center_offset: int
    flank: int

    def __post_init__(self) -> None:
        if not self.flank <= self.center_offset < self.length - self.flank:
            raise ValueError(f"{self.length}-base window cannot hold a variant and {self.flank} bases on each side")


@dataclass(frozen=True, slots=True)
class HaplotypeWindows:
    """Windows of V variants.

    Attributes
    ----------
    ref, alt
        uint8 codes of shape (V, L).
    ref_spans, alt_spans
        int64 of shape (V, 2): start and end in the window of the bases that differ between the haplotypes. An
        insertion's REF span and a deletion's ALT span are empty unless a repeat lets the change lie in several places.
    status, reason
        One word and one sentence per variant; only windows with status `ok` may be scored.
    """

    ref: Codes
    alt: Codes
    ref_spans: npt.NDArray[np.int64]
    alt_spans: npt.NDArray[np.int64]
    status: list[str]
    reason: list[str]

    @property
    def scorable(self) -> npt.NDArray[np.bool_]:
        """Which windows have status `ok`, bool of shape (V,)."""
        return np.array([status == OK for status in self.status], dtype=np.bool_)


def extract_windows(variants: pd.DataFrame, fetch: FetchBases, spec: WindowSpec) -> HaplotypeWindows:
    """Build both haplotypes' windows and check each variant against the genome.

    Parameters
    ----------
    variants
        Columns chromosome, position (1-based), ref, alt; in any order.
    fetch
        Access to the genome; called once per cluster of near variants.
    spec
        Shape of the windows.
    """
    refs, alts = variants["ref"].tolist(), variants["alt"].tolist()
    ref_alleles, alt_alleles = _Alleles.of(refs), _Alleles.of(alts)
    ref, alt = _fill(variants, ref_alleles.lengths, alt_alleles, fetch, spec)
    longest = np.maximum(ref_alleles.lengths, alt_alleles.lengths)
    fits = spec.center_offset + longest <= spec.length
    ref_spans, alt_spans = np.zeros((2, len(refs), 2), dtype=np.int64)
    known_lengths = np.where(fits, ref_alleles.lengths, 0), np.where(fits, alt_alleles.lengths, 0)
    fill_changed_spans(ref, alt, spec.center_offset, *known_lengths, ref_spans, alt_spans)
    ends = np.maximum(ref_spans[:, 1], alt_spans[:, 1])
    fits &= (ref_spans[:, 0] >= spec.flank) & (ends + spec.flank <= spec.length)
    unknown = _reads_unknown(ref, ref_spans, spec) | _reads_unknown(alt, alt_spans, spec)
    matches = np.asarray(has_allele(ref, spec.center_offset, ref_alleles.codes, ref_alleles.starts), dtype=np.bool_)
    status, reason = [OK] * len(refs), [""] * len(refs)
    plain = fits & ~unknown & matches & ref_alleles.are_bases & alt_alleles.are_bases
    for v in np.flatnonzero(~plain).tolist():
        genome = decode(ref[v, spec.center_offset : spec.center_offset + len(refs[v])])
        status[v], reason[v] = judge_variant(
            refs[v], alts[v], genome, spec.length, spec.flank, fits=bool(fits[v]), unknown=bool(unknown[v])
        )
    return HaplotypeWindows(ref, alt, ref_spans, alt_spans, status, reason)


@dataclass(frozen=True, slots=True)
class _Alleles:
    """Alleles of V variants one after the other.

    Attributes
    ----------
    codes
        uint8 of all alleles.
    starts
        int64 of shape (V + 1,): where each begins.
    lengths
        int64 of shape (V,).
    are_bases
        bool of shape (V,): whether it is one or more of A, C, G and T in upper case.
    """

    codes: Codes
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    are_bases: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "_Alleles":
        joined = "".join(texts)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        are_bases = lengths > 0
        if not _BASES.issuperset(joined):
            are_bases &= np.array([_BASES.issuperset(text) for text in texts], dtype=np.bool_)
        return cls(encode(joined), np.concatenate([[0], np.cumsum(lengths)]), lengths, are_bases)


def _fill(
    variants: pd.DataFrame,
    ref_lengths: npt.NDArray[np.int64],
    alts: _Alleles,
    fetch: FetchBases,
    spec: WindowSpec,
) -> tuple[Codes, Codes]:
    """REF and ALT windows, uint8 of shape (V, L)."""
    ref = np.empty((len(variants), spec.length), dtype=np.uint8)
    alt = np.empty_like(ref)
    starts = np.array([start_of(position) for position in variants["position"].tolist()], dtype=np.int64)
    for chromosome, rows in _clusters(variants["chromosome"], starts):
        first = int(starts[rows[0]]) - spec.center_offset
        last = int((starts[rows] + ref_lengths[rows]).max()) + spec.length  # more than any ALT window can need
        piece = encode(fetch(chromosome, first, last))
        fill_windows(piece, starts - first, ref_lengths, alts.codes, alts.starts, spec.center_offset, rows, ref, alt)
    return ref, alt


def _clusters(
    chromosomes: "pd.Series[str]", starts: npt.NDArray[np.int64]
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Row numbers of near variants in the order of their starts, chromosome by chromosome."""
    numbers, names = pd.factorize(chromosomes)
    order = np.lexsort((starts, numbers))
    ends = (np.diff(starts[order]) > _MAX_GAP) | (np.diff(numbers[order]) != 0)
    for rows in np.split(order, np.flatnonzero(ends) + 1) if len(order) else []:
        yield str(names[numbers[rows[0]]]), rows


def _reads_unknown(codes: Codes, spans: npt.NDArray[np.int64], spec: WindowSpec) -> npt.NDArray[np.bool_]:
    return np.asarray(has_unknown(codes, spans[:, 0] - spec.flank, spans[:, 1] + spec.flank), dtype=np.bool_)


def judge_variant(
    ref: str, alt: str, genome: str, length: int, flank: int, *, fits: bool, unknown: bool
) -> tuple[str, str]:
    """Status and reason of one variant: the first thing that speaks against scoring it.

    Parameters
    ----------
    ref, alt
        Alleles.
    genome
        The genome's bases in REF's place, as far as they are inside the window.
    length, flank
        Bases of the window, and bases on either side of the change that decide the score.
    fits
        Whether the change and its flanks lie inside the window.
    unknown
        Whether there is an unknown base in the flanks.
    """
    if "N" in genome:
        return NO_SEQUENCE, "the genome has no sequence at the variant"
    if not ref or not alt or not _BASES.issuperset(ref + alt):
        return UNSUPPORTED_ALLELE, f"alleles {ref}>{alt} are not sequences of A, C, G and T"
    if genome != ref[: len(genome)]:
        return REF_MISMATCH, f"REF is {ref}, the genome has {genome}"
    if not fits:
        return ALLELE_TOO_LONG, (
            f"the change and the {flank} bases on either side that the model reads do not fit a window of "
            f"{length} bases; raise window_bp in the models sheet"
        )
    if unknown:
        return NO_SEQUENCE, f"the genome has unknown bases within {flank} bases of the variant"
    return OK, ""
