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
from locus2target.sequence.encoding import UNKNOWN, Codes, decode, encode
from locus2target.sequence.windows_numba import fill_changed_spans, fill_windows, has_unknown

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
    ref_lengths = np.fromiter(map(len, refs), dtype=np.int64, count=len(refs))
    alt_lengths = np.fromiter(map(len, alts), dtype=np.int64, count=len(alts))
    ref, alt = _fill(variants, "".join(alts), ref_lengths, alt_lengths, fetch, spec)
    longest = np.maximum(ref_lengths, alt_lengths)
    fits = spec.center_offset + longest <= spec.length
    ref_spans, alt_spans = np.zeros((2, len(refs), 2), dtype=np.int64)
    known_lengths = np.where(fits, ref_lengths, 0), np.where(fits, alt_lengths, 0)
    fill_changed_spans(ref, alt, spec.center_offset, *known_lengths, ref_spans, alt_spans)
    ends = np.maximum(ref_spans[:, 1], alt_spans[:, 1])
    fits &= (ref_spans[:, 0] >= spec.flank) & (ends + spec.flank <= spec.length)
    unknown = _reads_unknown(ref, ref_spans, spec) | _reads_unknown(alt, alt_spans, spec)
    verdicts = [
        _verdict(refs[v], alts[v], ref[v], spec, fits=bool(fits[v]), unknown=bool(unknown[v])) for v in range(len(refs))
    ]
    status, reason = [verdict[0] for verdict in verdicts], [verdict[1] for verdict in verdicts]
    return HaplotypeWindows(ref, alt, ref_spans, alt_spans, status, reason)


def _fill(
    variants: pd.DataFrame,
    alleles: str,
    ref_lengths: npt.NDArray[np.int64],
    alt_lengths: npt.NDArray[np.int64],
    fetch: FetchBases,
    spec: WindowSpec,
) -> tuple[Codes, Codes]:
    """REF and ALT windows, uint8 of shape (V, L)."""
    ref = np.full((len(variants), spec.length), UNKNOWN, dtype=np.uint8)
    alt = np.full_like(ref, UNKNOWN)
    starts = variants["position"].map(start_of).to_numpy(np.int64)
    allele_starts = np.concatenate([[0], np.cumsum(alt_lengths)])
    codes = encode(alleles)
    for chromosome, rows in _clusters(variants["chromosome"].tolist(), starts):
        first = int(starts[rows].min()) - spec.center_offset
        last = int((starts + ref_lengths)[rows].max()) + spec.length  # more than any ALT window can need
        piece = encode(fetch(chromosome, first, last))
        fill_windows(piece, starts - first, ref_lengths, codes, allele_starts, spec.center_offset, rows, ref, alt)
    return ref, alt


def _clusters(chromosomes: Sequence[str], starts: npt.NDArray[np.int64]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Row numbers of near variants, chromosome by chromosome."""
    rows_of: dict[str, list[int]] = {}
    for row, chromosome in enumerate(chromosomes):
        rows_of.setdefault(chromosome, []).append(row)
    for chromosome, members in rows_of.items():
        rows = np.array(members, dtype=np.int64)
        rows = rows[np.argsort(starts[rows], kind="stable")]
        gaps = np.flatnonzero(np.diff(starts[rows]) > _MAX_GAP) + 1
        for cluster in np.split(rows, gaps):
            yield chromosome, cluster


def _reads_unknown(codes: Codes, spans: npt.NDArray[np.int64], spec: WindowSpec) -> npt.NDArray[np.bool_]:
    return np.asarray(has_unknown(codes, spans[:, 0] - spec.flank, spans[:, 1] + spec.flank), dtype=np.bool_)


def _verdict(ref: str, alt: str, window: Codes, spec: WindowSpec, *, fits: bool, unknown: bool) -> tuple[str, str]:
    """Status and reason of one variant: the first thing that speaks against scoring it."""
    genome = decode(window[spec.center_offset : spec.center_offset + len(ref)])
    if "N" in genome:
        return NO_SEQUENCE, "the genome has no sequence at the variant"
    if not ref or not alt or not _BASES.issuperset(ref + alt):
        return UNSUPPORTED_ALLELE, f"alleles {ref}>{alt} are not sequences of A, C, G and T"
    if genome != ref[: len(genome)]:
        return REF_MISMATCH, f"REF is {ref}, the genome has {genome}"
    if not fits:
        return ALLELE_TOO_LONG, (
            f"the change and the {spec.flank} bases on either side that the model reads do not fit a window of "
            f"{spec.length} bases; raise window_bp in the models sheet"
        )
    if unknown:
        return NO_SEQUENCE, f"the genome has unknown bases within {spec.flank} bases of the variant"
    return OK, ""
