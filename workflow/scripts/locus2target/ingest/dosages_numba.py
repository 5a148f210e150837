"""Kernels that turn the calls of one record into dosages, and count them, in one pass.

Genotypes are coded as htslib has them: (allele + 1) << 1, plus 1 where phased, so that 0 and 1 are a missing allele;
negative codes fill up the row of a person with fewer alleles.
"""

import numba
import numpy as np
import numpy.typing as npt

Counted = tuple[int, float, float, float]
"""People with a dosage, their sum, the smallest and the largest; see `count_alleles`."""


@numba.njit(cache=True, nogil=True, fastmath=False)
def count_diploid(codes: npt.NDArray[np.int32], allele: int, dosages: npt.NDArray[np.int8]) -> Counted:
    """Dosages of one allele where the rows have two places; see `count_alleles`, which it agrees with.

    `dosages` is int8 here, -1 where missing: a quarter of the memory to write, and vector code.
    """
    wanted, shift, none = np.int32(allele + 1), np.int32(1), np.int32(0)  # 32 bits throughout make vector code
    flat = codes.ravel()
    for s in range(codes.shape[0]):
        first, second = flat[2 * s] >> shift, flat[2 * s + 1] >> shift
        second = first if second < none else second  # one allele place: it counts twice
        missing = (first <= none) | (second == none)
        count = np.int32(first == wanted) + np.int32(second == wanted)
        dosages[s] = np.int8(-1) if missing else np.int8(count)
    n_called, total, lowest, highest = np.uint32(0), np.uint32(0), np.int8(2), np.int8(0)
    for dosage in dosages:
        called = dosage >= 0
        n_called = np.uint32(n_called + np.uint32(called))
        total = np.uint32(total + np.uint32(max(dosage, np.int8(0))))
        lowest = min(lowest, dosage if called else np.int8(2))
        highest = max(highest, dosage)
    return int(n_called), float(total), float(lowest), float(highest)


@numba.njit(cache=True, nogil=True, fastmath=False)
def write_rows(
    source: npt.NDArray[np.int8] | npt.NDArray[np.float32],
    places: npt.NDArray[np.int64],
    exchanged: npt.NDArray[np.bool_],
    dosages: npt.NDArray[np.float32],
) -> None:
    """Write rows of dosages to their places, NaN where they are missing (-1 or NaN).

    Parameters
    ----------
    source
        int8 or float32 of shape (k, N).
    places
        int64 of shape (k,): the row of `dosages` that each becomes.
    exchanged
        bool of shape (k,): which of them become the dosages of the other allele, 2 - d.
    dosages
        float32 of shape (n, N), filled.
    """
    for k in range(source.shape[0]):
        row = dosages[places[k]]
        start, sign = (np.float32(2.0), np.float32(-1.0)) if exchanged[k] else (np.float32(0.0), np.float32(1.0))
        for s in range(source.shape[1]):
            dosage = np.float32(source[k, s])
            row[s] = start + sign * dosage if dosage >= np.float32(0.0) else np.float32(np.nan)


@numba.njit(cache=True, nogil=True, fastmath=False)
def count_alleles(codes: npt.NDArray[np.int32], allele: int, dosages: npt.NDArray[np.float32]) -> Counted:
    """Dosages of one allele on the scale of two alleles per person.

    Parameters
    ----------
    codes
        int32 of shape (N, ploidy).
    allele
        1 is the record's first ALT.
    dosages
        float32 of shape (N,), filled: NaN for a person with no allele place, or with a missing allele.

    Returns
    -------
    tuple
        People with a dosage, their sum, the smallest and the largest (2 and 0 without any).
    """
    wanted = allele + 1
    n_called, total, lowest, highest = 0, 0.0, np.float32(2.0), np.float32(0.0)
    for s in range(codes.shape[0]):
        count, n_alleles, called = 0, 0, True
        for place in range(codes.shape[1]):
            code = codes[s, place] >> 1
            if code >= 0:
                n_alleles += 1
                count += code == wanted
                called &= code > 0
        if not called or n_alleles == 0:
            dosages[s] = np.float32(np.nan)
            continue
        dosage = np.float32(2.0 * count / n_alleles)
        dosages[s] = dosage
        n_called += 1
        total += float(dosage)
        lowest = min(lowest, dosage)
        highest = max(highest, dosage)
    return n_called, total, float(lowest), float(highest)


@numba.njit(cache=True, nogil=True, fastmath=False)
def take_dosages(
    imputed: npt.NDArray[np.float32],
    codes: npt.NDArray[np.int32],
    tolerance: float,
    dosages: npt.NDArray[np.float32],
) -> Counted:
    """Imputed dosages of one allele on the scale of two alleles per person, cut to 0..2.

    Parameters
    ----------
    imputed
        float32 of shape (N,); NaN where missing.
    codes
        int32 of shape (N, ploidy): the calls, for who is haploid; ploidy 0 where nobody can be.
    tolerance
        How far beyond 0..2 rounding may bring a dosage.
    dosages
        float32 of shape (N,), filled.

    Returns
    -------
    tuple
        As `count_alleles`; -1 people if a dosage lies further outside.
    """
    n_called, total, lowest, highest = 0, 0.0, np.float32(2.0), np.float32(0.0)
    for s in range(imputed.shape[0]):
        dosage = imputed[s]
        if np.isnan(dosage):
            dosages[s] = np.float32(np.nan)
            continue
        n_places = 0
        for place in range(codes.shape[1]):
            n_places += codes[s, place] >= 0
        if n_places == 1:
            dosage *= np.float32(2.0)
        if dosage < -tolerance or dosage > 2.0 + tolerance:
            return -1, 0.0, 0.0, 0.0
        dosage = min(max(dosage, np.float32(0.0)), np.float32(2.0))
        dosages[s] = dosage
        n_called += 1
        total += float(dosage)
        lowest = min(lowest, dosage)
        highest = max(highest, dosage)
    return n_called, total, float(lowest), float(highest)
