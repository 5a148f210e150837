"""Position weight matrices of transcription factors, with the exact p-value of every score.

Weights are rounded to 0.01 bit, so that scores are whole numbers: sums are exact whatever the order, the batch or the
device, and the score's distribution on random sequence is computed, not sampled.
"""

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from locus2target.core.errors import InputError
from locus2target.sequence.motif_pvalues_numba import fill_survival

SCORE_UNIT = 0.01  # bits; the p-value tables grow as it shrinks
BACKGROUND = np.full(4, 0.25)  # ACGT; equal under reverse complement, so that both strands share one distribution

_ARRAYS = ("counts", "widths", "ids", "names", "families", "title", "licence", "citation")


@dataclass(frozen=True, slots=True)
class MotifBank:
    """Count matrices of M motifs.

    Attributes
    ----------
    counts
        One float64 array of shape (w, 4) per motif, columns ACGT.
    ids, names, families
        Matrix id, transcription factor, and group of motifs that look alike, per motif.
    title, licence, citation
        Where the matrices come from.
    sha256
        Of the file.
    """

    counts: tuple[npt.NDArray[np.float64], ...]
    ids: tuple[str, ...]
    names: tuple[str, ...]
    families: tuple[str, ...]
    title: str
    licence: str
    citation: str
    sha256: str

    @property
    def widths(self) -> npt.NDArray[np.int64]:
        """Bases of each motif, int64 of shape (M,)."""
        return np.array([len(matrix) for matrix in self.counts], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class PvalueTable:
    """log10 p-values of every score of every motif, motif after motif.

    Attributes
    ----------
    log10_p
        float64, all motifs' tables one after the other, each from the lowest score to the highest.
    zeros
        int64 of shape (M,): index in `log10_p` of score 0; score s (in 0.01 bit) stands at `zeros + s`.
    smallest
        float64 of shape (M,): log10 p-value of each motif's highest score.
    """

    log10_p: npt.NDArray[np.float64]
    zeros: npt.NDArray[np.int64]
    smallest: npt.NDArray[np.float64]


def read_motif_bank(path: str | Path) -> MotifBank:
    """Read a motif bank (`resources/motifs/README.md` describes the file).

    Raises
    ------
    InputError
        If the file is absent, is not an array file, or its arrays do not fit together.
    """
    try:
        content = Path(path).read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _ARRAYS}
        return _assemble(arrays, hashlib.sha256(content).hexdigest())
    except FileNotFoundError:
        problem = "there is no such file"
    except (OSError, EOFError, KeyError, ValueError, TypeError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        problem = f"not a motif bank ({error})"
    raise InputError(
        problem,
        where=str(path),
        remedy="Name resources/motifs/jaspar2026_core_vertebrates.npz as `weights` in the models sheet, or write a "
        "bank with resources/motifs/build_motif_bank.py.",
    )


def _assemble(arrays: dict[str, npt.NDArray[np.generic]], sha256: str) -> MotifBank:
    counts = np.asarray(arrays["counts"], dtype=np.float64)
    widths = np.asarray(arrays["widths"], dtype=np.int64)
    ids, names, families = (tuple(map(str, arrays[name].tolist())) for name in ("ids", "names", "families"))
    if not len(ids) == len(names) == len(families) == len(widths) > 0 or widths.min() < 1:
        raise ValueError("ids, names, families and widths differ in length, or there are none")
    if counts.shape != (widths.sum(), 4) or not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError(f"counts of shape {counts.shape} are not {widths.sum()} rows of four counts")
    if (counts.sum(axis=1) == 0).any():
        raise ValueError("a position has no counts")
    matrices = tuple(np.split(counts, np.cumsum(widths)[:-1]))
    title, licence, citation = (str(arrays[name]) for name in ("title", "licence", "citation"))
    return MotifBank(matrices, ids, names, families, title, licence, citation, sha256)


def weight_matrix(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Log2 odds of each base against the background.

    `log2((n_b + sqrt(N) / 4) / ((N + sqrt(N)) bg_b))`, N being the position's total: the square-root pseudocount of
    Wasserman & Sandelin 2004 (Nat Rev Genet 5:276).

    Parameters
    ----------
    counts
        Shape (w, 4), columns ACGT.

    Returns
    -------
    np.ndarray
        float64 of shape (w, 4), bits.
    """
    total = counts.sum(axis=1, keepdims=True)
    frequency = (counts + np.sqrt(total) / 4) / (total + np.sqrt(total))
    return np.asarray(np.log2(frequency / BACKGROUND), dtype=np.float64)


def score_matrix(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Weights in whole units of 0.01 bit, int64 of shape (w, 4)."""
    return np.rint(weight_matrix(counts) / SCORE_UNIT).astype(np.int64)


def pvalue_table(matrices: list[npt.NDArray[np.int64]]) -> PvalueTable:
    """Exact p-values of the scores of one word on one strand, for every motif.

    The p-value is that of a single word: it is not corrected for the words and strands among which a best one is
    chosen.

    Parameters
    ----------
    matrices
        Score matrices, int64 of shape (w, 4).
    """
    lowest = np.array([matrix.min(axis=1).sum() for matrix in matrices], dtype=np.int64)
    highest = np.array([matrix.max(axis=1).sum() for matrix in matrices], dtype=np.int64)
    ends = np.cumsum(highest - lowest + 1)
    starts = ends - (highest - lowest + 1)
    survival = np.empty(ends[-1])
    for matrix, start, end in zip(matrices, starts, ends, strict=True):
        fill_survival(matrix, BACKGROUND, survival[start:end])
    # Scores between attainable ones have their upper neighbour's p-value, so nothing is zero; rounding may exceed 1.
    log10_p = np.log10(np.minimum(survival, 1.0))
    return PvalueTable(log10_p, starts - lowest, log10_p[ends - 1])
