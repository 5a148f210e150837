"""Kernel for the exact distribution of a motif's score on random sequence."""

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, fastmath=False)
def fill_survival(
    scores: npt.NDArray[np.int64], background: npt.NDArray[np.float64], survival: npt.NDArray[np.float64]
) -> None:
    """Probability that a random word scores at least as much, for every attainable score.

    Columns are added one at a time: the distribution of the sum is the convolution of the columns' distributions
    (Staden 1989, Comput Appl Biosci 5:89). Exact for whole-number scores.

    Parameters
    ----------
    scores
        int64 of shape (w, 4): score of each base at each position.
    background
        float64 of shape (4,): probability of each base.
    survival
        float64 of shape (max - min + 1,): element k becomes P(score >= min + k), where min and max are the lowest and
        highest score of a word.
    """
    width = scores.shape[0]
    size = survival.shape[0]
    density = np.zeros(size)
    following = np.zeros(size)
    density[0] = 1.0
    reach = 0  # highest index in use
    for column in range(width):
        lowest = scores[column].min()
        highest = scores[column].max()
        following[: reach + highest - lowest + 1] = 0.0
        for base in range(4):
            step = scores[column, base] - lowest
            for k in range(reach + 1):
                following[k + step] += density[k] * background[base]
        reach += highest - lowest
        density, following = following, density
    total = 0.0
    for k in range(size - 1, -1, -1):
        total += density[k]
        survival[k] = total
