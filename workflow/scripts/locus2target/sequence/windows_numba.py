"""Kernels that build haplotype windows and find where two haplotypes differ. Base codes: ACGT 0..3, unknown 4."""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, fastmath=False)
def _copy(source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> None:
    """Copy as many bases as `target` has; a loop over a slice from its start becomes one block copy."""
    for i in range(len(target)):
        target[i] = source[i]


@numba.njit(cache=True, nogil=True, fastmath=False)
def fill_windows(
    piece: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ref_lengths: npt.NDArray[np.int64],
    alleles: npt.NDArray[np.uint8],
    allele_starts: npt.NDArray[np.int64],
    center: int,
    rows: npt.NDArray[np.int64],
    ref: npt.NDArray[np.uint8],
    alt: npt.NDArray[np.uint8],
) -> None:
    """Cut the REF and ALT haplotype windows of some variants out of one piece of a chromosome.

    Both windows share their left part; right of the allele each goes on with the reference sequence until it is full,
    so ALT reaches further (deletion) or less far (insertion) along the chromosome than REF.

    Parameters
    ----------
    piece
        uint8 codes that cover every window.
    starts
        int64 of shape (V,): index in `piece` of the first REF base.
    ref_lengths
        int64 of shape (V,): bases of REF.
    alleles, allele_starts
        uint8 codes of all ALT alleles one after the other; int64 of shape (V + 1,), where each begins.
    center
        Index in the window of the variant's first base.
    rows
        int64: the variants to do; the other arrays are indexed by these.
    ref, alt
        uint8 of shape (V, L), filled at `rows`.
    """
    length = ref.shape[1]
    for row in rows:
        start = starts[row]
        first = allele_starts[row]
        bases = min(allele_starts[row + 1] - first, length - center)
        behind = start + ref_lengths[row]
        _copy(piece[start - center : start - center + length], ref[row])
        _copy(piece[start - center : start], alt[row, :center])
        _copy(alleles[first : first + bases], alt[row, center : center + bases])
        _copy(piece[behind : behind + length - center - bases], alt[row, center + bases :])


@numba.njit(cache=True, nogil=True, fastmath=False)
def fill_changed_spans(
    ref: npt.NDArray[np.uint8],
    alt: npt.NDArray[np.uint8],
    center: int,
    ref_lengths: npt.NDArray[np.int64],
    alt_lengths: npt.NDArray[np.int64],
    ref_spans: npt.NDArray[np.int64],
    alt_spans: npt.NDArray[np.int64],
) -> None:
    """Find the bases that differ between two haplotypes, wherever an indel may be said to lie.

    Bases shared by both alleles are trimmed. An insertion or deletion inside a repeat can be written at several
    places; its span covers all of them, so that the answer does not depend on the one that the file chose.

    Parameters
    ----------
    ref, alt
        uint8 codes of shape (V, L).
    center
        Index of the variant's first base.
    ref_lengths, alt_lengths
        int64 of shape (V,): bases of the alleles, which lie inside the windows.
    ref_spans, alt_spans
        int64 of shape (V, 2), filled with start and end (exclusive) in the window; empty for an indel's shorter side.
    """
    length = ref.shape[1]
    for v in range(ref.shape[0]):
        n_ref, n_alt = ref_lengths[v], alt_lengths[v]
        shorter = min(n_ref, n_alt)
        tail = 0
        while tail < shorter and ref[v, center + n_ref - 1 - tail] == alt[v, center + n_alt - 1 - tail]:
            tail += 1
        head = 0
        while head < shorter - tail and ref[v, center + head] == alt[v, center + head]:
            head += 1
        start = center + head
        n_ref -= head + tail
        n_alt -= head + tail
        left, right = 0, 0
        unit = max(n_ref, n_alt)
        if min(n_ref, n_alt) == 0 and unit > 0:
            longer = ref[v] if n_ref > n_alt else alt[v]
            while start + unit + right < length and longer[start + right] == longer[start + unit + right] < 4:
                right += 1
            while start - left > 0 and longer[start - 1 - left] == longer[start + unit - 1 - left] < 4:
                left += 1
        ref_spans[v, 0] = start - left
        ref_spans[v, 1] = start + n_ref + right
        alt_spans[v, 0] = start - left
        alt_spans[v, 1] = start + n_alt + right


@numba.njit(cache=True, nogil=True, fastmath=False)
def has_unknown(
    codes: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether `codes[v, starts[v]:ends[v]]` holds an unknown base; bounds are cut at the window's."""
    found = np.zeros(codes.shape[0], dtype=np.bool_)
    for v in range(codes.shape[0]):
        for i in range(max(starts[v], 0), min(ends[v], codes.shape[1])):
            if codes[v, i] > 3:
                found[v] = True
                break
    return found


@numba.njit(cache=True, nogil=True, fastmath=False)
def has_allele(
    codes: npt.NDArray[np.uint8],
    center: int,
    alleles: npt.NDArray[np.uint8],
    allele_starts: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Whether each window has its allele, all of known bases and whole, at index `center`.

    Parameters
    ----------
    codes
        uint8 of shape (V, L).
    center
        Index of the alleles' first base.
    alleles, allele_starts
        uint8 codes of all alleles one after the other; int64 of shape (V + 1,), where each begins.
    """
    found = np.zeros(codes.shape[0], dtype=np.bool_)
    for v in range(codes.shape[0]):
        first = allele_starts[v]
        bases = allele_starts[v + 1] - first
        same = bases <= codes.shape[1] - center
        for i in range(bases if same else 0):
            base = alleles[first + i]
            same &= codes[v, center + i] == base and base < 4
        found[v] = same
    return found
