"""Sequence as numbers: base codes and one-hot arrays.

A code is one byte per base: A 0, C 1, G 2, T 3, anything else 4 (unknown). One-hot arrays are `A x L` in the order
ACGT; an unknown base is a column of zeros.
"""

import numpy as np
import numpy.typing as npt

from locus2target.sequence.encoding_numba import fill_one_hot

Codes = npt.NDArray[np.uint8]
BASES = "ACGT"
UNKNOWN = 4

_CODE_OF_BYTE = np.full(256, UNKNOWN, dtype=np.uint8)
for _code, _base in enumerate(BASES):
    _CODE_OF_BYTE[[ord(_base), ord(_base.lower())]] = _code
_BYTE_OF_CODE = np.frombuffer(b"ACGTN", dtype=np.uint8)


def encode(sequence: str) -> Codes:
    """Codes, uint8 of shape (L,), of a sequence in upper or lower case.

    >>> encode("ACGTNac-").tolist()
    [0, 1, 2, 3, 4, 0, 1, 4]
    """
    return _CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]


def decode(codes: Codes) -> str:
    """Sequence in upper case, N for unknown bases."""
    return _BYTE_OF_CODE[codes].tobytes().decode("ascii")


def one_hot(codes: Codes) -> npt.NDArray[np.int8]:
    """One-hot arrays of windows.

    Parameters
    ----------
    codes
        uint8 of shape (B, L).

    Returns
    -------
    np.ndarray
        int8 of shape (B, 4, L), channels ACGT.
    """
    windows, length = codes.shape
    encoded = np.zeros((windows, len(BASES), length), dtype=np.int8)
    fill_one_hot(codes, encoded)
    return encoded
