"""Kernels that turn text into base codes."""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, fastmath=False)
def fill_codes(text: npt.NDArray[np.uint8], codes: npt.NDArray[np.uint8]) -> None:
    """Base codes of ASCII letters: ACGT 0..3 in upper or lower case, anything else 4.

    Arithmetic in place of a table, so that many bases are done in one instruction: bits 1 and 2 of the letters are
    A 0, C 1, T 2, G 3.

    Parameters
    ----------
    text
        uint8 of shape (L,): letters.
    codes
        uint8 of shape (L,), filled.
    """
    for i in range(len(text)):
        letter = text[i] & np.uint8(0xDF)  # upper case
        bits = (letter >> np.uint8(1)) & np.uint8(3)
        known = (letter == 65) | (letter == 67) | (letter == 71) | (letter == 84)
        codes[i] = np.uint8(bits ^ (bits >> np.uint8(1))) if known else np.uint8(4)
