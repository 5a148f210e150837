"""Kernels that turn base codes into one-hot arrays."""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, fastmath=False)
def fill_one_hot(codes: npt.NDArray[np.uint8], out: npt.NDArray[np.int8]) -> None:
    """Set `out[b, codes[b, i], i] = 1`; unknown bases (code 4) stay zero.

    Parameters
    ----------
    codes
        uint8 of shape (B, L).
    out
        int8 zeros of shape (B, 4, L).
    """
    for window in range(codes.shape[0]):
        for i in range(codes.shape[1]):
            code = codes[window, i]
            if code < 4:
                out[window, code, i] = 1
