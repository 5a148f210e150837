"""Sequence as numbers: base codes and one-hot arrays.

A code is one byte per base: A 0, C 1, G 2, T 3, anything else 4 (unknown). One-hot arrays are `A x L` in the order
ACGT; an unknown base is a column of zeros.
"""

import numpy as np
import numpy.typing as npt
import torch

from locus2target.sequence.encoding_numba import fill_codes

Codes = npt.NDArray[np.uint8]
BASES = "ACGT"
UNKNOWN = 4

_BYTE_OF_CODE = np.frombuffer(b"ACGTN", dtype=np.uint8)


def encode(sequence: str) -> Codes:
    """Codes, uint8 of shape (L,), of a sequence in upper or lower case.

    >>> encode("ACGTNac-").tolist()
    [0, 1, 2, 3, 4, 0, 1, 4]
    """
    text = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
    codes = np.empty_like(text)
    fill_codes(text, codes)
    return codes


def decode(codes: Codes) -> str:
    """Sequence in upper case, N for unknown bases."""
    return _BYTE_OF_CODE[codes].tobytes().decode("ascii")


def one_hot_tensor(codes: torch.Tensor, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """One-hot windows on the device that holds the codes: one byte per base travels there, not sixteen.

    Parameters
    ----------
    codes
        uint8 of shape (B, L).
    dtype
        Of the result.

    Returns
    -------
    torch.Tensor
        (B, 4, L), channels ACGT; the column of an unknown base is zeros.
    """
    windows, length = codes.shape
    encoded = torch.empty(windows, len(BASES), length, dtype=dtype, device=codes.device)
    for code in range(len(BASES)):
        torch.eq(codes, code, out=encoded[:, code])
    return encoded


def reverse_complement(codes: torch.Tensor) -> torch.Tensor:
    """Reverse complement of uint8 codes (..., L); unknown bases stay unknown."""
    flipped = codes.flip(-1)
    return torch.where(flipped < UNKNOWN, 3 - flipped, flipped)
