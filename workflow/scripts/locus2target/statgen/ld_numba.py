"""Kernels of the LD matrix: hard calls as bits, sums of their products by counting bits, and r from such sums."""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba.extending import intrinsic

_TILE = 32  # rows and columns at a time, so that what is read again and again stays in the cache

Words = npt.NDArray[np.uint64]


def _lower_bit_count(_typing: Any, _word: Any) -> Any:
    """LLVM's own operation, which vector instructions do for several words at a time."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.uint64(numba.types.uint64), generate


_count_bits: Any = intrinsic(_lower_bit_count)
"""Number of bits that are set in a word of 64."""


@numba.njit(cache=True, nogil=True, fastmath=False)
def summarize_dosages(
    dosages: npt.NDArray[np.float32],
    n_called: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    hard: npt.NDArray[np.bool_],
) -> None:
    """Count and add up the dosages of each variant that are not NaN, and see whether all of them are 0, 1 or 2.

    Parameters
    ----------
    dosages
        float32 of shape (V, N).
    n_called, sums, hard
        int64, float64 and bool of shape (V,), filled.
    """
    for v in range(dosages.shape[0]):
        called, total, is_hard = 0, 0.0, True
        for s in range(dosages.shape[1]):
            value = dosages[v, s]
            if not np.isnan(value):
                called += 1
                total += value
                is_hard &= value in (0.0, 1.0, 2.0)
        n_called[v] = called
        sums[v] = total
        hard[v] = is_hard


@numba.njit(cache=True, nogil=True, fastmath=False)
def vary(dosages: npt.NDArray[np.float32], result: npt.NDArray[np.bool_]) -> None:
    """Whether each row of a float32 array of shape (V, N) has two values that differ, NaN aside; fills bool (V,)."""
    for v in range(dosages.shape[0]):
        first = np.float32(np.nan)
        result[v] = False
        for s in range(dosages.shape[1]):
            value = dosages[v, s]
            if np.isnan(value):
                continue
            if np.isnan(first):
                first = value
            elif value != first:
                result[v] = True
                break


@numba.njit(cache=True, nogil=True, fastmath=False)
def centre_dosages(
    dosages: npt.NDArray[np.float32],
    means: npt.NDArray[np.float64],
    start: int,
    block: npt.NDArray[np.float64],
) -> None:
    """Fill `block`, float64 of shape (V, B), with dosage less mean of the people from `start` on; NaN becomes 0."""
    for v in range(block.shape[0]):
        for s in range(block.shape[1]):
            value = dosages[v, start + s]
            block[v, s] = 0.0 if np.isnan(value) else value - means[v]


@numba.njit(cache=True, nogil=True, fastmath=False)
def pack_calls(dosages: npt.NDArray[np.float32], carries: Words, doubled: Words, missing: Words) -> None:
    """Write hard calls as bits: who carries the allele, who has it twice, whose call is missing.

    Parameters
    ----------
    dosages
        float32 of shape (V, N): 0, 1, 2 or NaN.
    carries, doubled, missing
        uint64 of shape (V, ceil(N / 64)), filled; bits behind the last person are 0.
    """
    one = np.uint64(1)
    n_samples = dosages.shape[1]
    for v in range(dosages.shape[0]):
        for word in range(carries.shape[1]):
            carry, double, miss = np.uint64(0), np.uint64(0), np.uint64(0)
            for s in range(64 * word, min(64 * word + 64, n_samples)):
                value = dosages[v, s]
                bit = one << np.uint64(s - 64 * word)
                if value >= 1.0:
                    carry |= bit
                if value == 2.0:
                    double |= bit
                if np.isnan(value):
                    miss |= bit
            carries[v, word] = carry
            doubled[v, word] = double
            missing[v, word] = miss


@numba.njit(cache=True, nogil=True, fastmath=False)
def _shared_bits(first: Words, second: Words) -> float:
    """Bits that are set in both of two arrays of shape (W,)."""
    total = np.uint64(0)
    for word in range(first.shape[0]):
        total += _count_bits(first[word] & second[word])
    return float(total)


@numba.njit(cache=True, nogil=True, fastmath=False)
def _product(carries: Words, doubled: Words, i: int, j: int) -> float:
    """Sum over people of the product of two variants' calls: each call is the sum of its two bits."""
    total = np.uint64(0)
    for word in range(carries.shape[1]):
        carry_i, double_i = carries[i, word], doubled[i, word]
        carry_j, double_j = carries[j, word], doubled[j, word]
        total += _count_bits(carry_i & carry_j) + _count_bits(carry_i & double_j)
        total += _count_bits(double_i & carry_j) + _count_bits(double_i & double_j)
    return float(total)


@numba.njit(cache=True, nogil=True, fastmath=False)
def multiply_calls(
    carries: Words,
    doubled: Words,
    missing: Words,
    n_called: npt.NDArray[np.int64],
    sums: npt.NDArray[np.float64],
    n_samples: int,
    products: npt.NDArray[np.float64],
) -> None:
    """Sums of products of hard calls less their means, a missing call counting as the mean.

    All counts are exact. Without missing calls a sum is (n S_ij - s_i s_j) / n with S the sum of products and s the
    sums of calls, and that numerator is exact too.

    Parameters
    ----------
    carries, doubled, missing
        uint64 of shape (V, W), as `pack_calls` fills them.
    n_called, sums
        As `summarize_dosages` fills them.
    n_samples
        People, N.
    products
        float64 of shape (V, V): the lower triangle is filled.
    """
    n_variants = carries.shape[0]
    for first in range(0, n_variants, _TILE):
        for second in range(0, first + 1, _TILE):
            for i in range(first, min(first + _TILE, n_variants)):
                for j in range(second, min(second + _TILE, i + 1)):
                    product = _product(carries, doubled, i, j)
                    if n_called[i] == n_samples and n_called[j] == n_samples:
                        products[i, j] = (n_samples * product - sums[i] * sums[j]) / n_samples
                        continue
                    mean_i, mean_j = sums[i] / n_called[i], sums[j] / n_called[j]
                    sum_i, sum_j, n_both = sums[i], sums[j], float(n_called[i] + n_called[j] - n_samples)
                    if n_called[i] < n_samples:
                        sum_j -= _shared_bits(missing[i], carries[j]) + _shared_bits(missing[i], doubled[j])
                    if n_called[j] < n_samples:
                        sum_i -= _shared_bits(missing[j], carries[i]) + _shared_bits(missing[j], doubled[i])
                    if n_called[i] < n_samples and n_called[j] < n_samples:
                        n_both += _shared_bits(missing[i], missing[j])
                    products[i, j] = product - mean_i * sum_j - mean_j * sum_i + mean_i * mean_j * n_both


@numba.njit(cache=True, nogil=True, fastmath=False)
def correlate(products: npt.NDArray[np.float64]) -> None:
    """Turn sums of products of centred values into correlations, in place.

    Parameters
    ----------
    products
        float64 of shape (V, V), C order: the lower triangle is read, the whole is filled: symmetric, unit diagonal,
        within [-1, 1].
    """
    n_variants = products.shape[0]
    scales = np.empty(n_variants)
    for i in range(n_variants):
        scales[i] = 1.0 / np.sqrt(products[i, i])
    for first in range(0, n_variants, _TILE):
        for second in range(0, first + 1, _TILE):
            for i in range(first, min(first + _TILE, n_variants)):
                for j in range(second, min(second + _TILE, i)):
                    r = min(max(products[i, j] * scales[i] * scales[j], -1.0), 1.0)
                    products[i, j] = r
                    products[j, i] = r
    for i in range(n_variants):
        products[i, i] = 1.0
