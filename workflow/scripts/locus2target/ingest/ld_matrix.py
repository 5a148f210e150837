"""Files with LD matrices: an npz with the correlations, and a list of their variants beside it.

Accepted matrices, for V variants, in floating point: an npz of `numpy.savez` whose array is called `r`, or is the only
one, and is a square (V, V), whole or with one triangle left empty (0 or NaN), or a packed triangle of V (V + 1) / 2
values, row by row, lower or upper, diagonal included; or an npz of `scipy.sparse.save_npz`, whole or half. A half
matrix may have 1, 0 or 0.5 on its diagonal (PolyFun halves it, to add the transpose).

Accepted lists, tab-separated with a header, one line per row of the matrix in its order: `<stem>.variants.tsv`,
`<stem>.variants.tsv.gz` or, as PolyFun has it, `<stem>.gz`. Columns: chromosome and position, and one pair of alleles,
of which r counts the first: effect_allele and other_allele, alt and ref, or allele1 and allele2. Others are not read.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError, shortened
from locus2target.ingest.files import BROKEN_GZIP, read_cells, require_file

Array = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]
Stored: TypeAlias = Array | sparse.csr_matrix

ALLELE_PAIRS: tuple[tuple[str, str], ...] = (("effect_allele", "other_allele"), ("alt", "ref"), ("allele1", "allele2"))
"""Columns of a variant list: the allele that r counts, and the other one."""

_VARIANT_SUFFIXES = (".variants.tsv", ".variants.tsv.gz", ".gz")
_SYMMETRY_TOLERANCE = 1e-5  # rounding of single precision, with a margin
_R_TOLERANCE = 1e-3  # beyond 1: rounding of half precision and of text with three decimals
_ACCEPTED_DIAGONALS = (1.0, 0.0, 0.5)  # the latter two only with one triangle
_DIAGONAL_TOLERANCE = 1e-3
_MIN_PAIRS_TO_TELL_R2 = 1000  # among so many pairs some r is negative, unless they are squared


@dataclass(frozen=True, slots=True)
class MatrixVariants:
    """Variants of a matrix, in its order.

    Attributes
    ----------
    table
        Columns `chromosome` (canonical), `position` (1-based), `counted` and `other`, alleles in upper case.
    has_ref
        Whether the list says which allele is REF: `counted` is then ALT, `other` is REF.
    """

    table: pd.DataFrame
    has_ref: bool


def variants_path(matrix: str, *, where: str) -> Path:
    """The variant list beside a matrix file.

    Parameters
    ----------
    matrix
        Path of the npz.
    where
        Sheet and row that name it, for errors.

    Raises
    ------
    InputError
        If the matrix is not called `.npz`, or no list is there.
    """
    require_file(matrix, where=where)
    if not matrix.endswith(".npz"):
        raise InputError(f"{matrix} is not an npz", where=where, remedy="Write it with numpy.savez.")
    candidates = [Path(matrix.removesuffix(".npz") + suffix) for suffix in _VARIANT_SUFFIXES]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise InputError(
        f"{matrix} has no list of its variants beside it",
        where=where,
        remedy=f"Put it there as {', '.join(candidate.name for candidate in candidates)}.",
    )


def read_variants(matrix: str) -> MatrixVariants:
    """Read the variant list of a matrix file.

    Raises
    ------
    InputError
        If it is missing, damaged, lacks a column, or has a position that is not a whole number.
    """
    path = variants_path(matrix, where="cohorts sheet")
    frame = read_cells(path, where="cohorts sheet", header=True)
    pairs = [pair for pair in ALLELE_PAIRS if set(pair) <= set(frame.columns)]
    if len(pairs) != 1 or not {"chromosome", "position"} <= set(frame.columns):
        raise InputError(
            f"the header is {', '.join(frame.columns)}",
            where=str(path),
            remedy="Name the columns chromosome, position, and one pair of alleles, the one that r counts first: "
            f"{'; '.join(' and '.join(pair) for pair in ALLELE_PAIRS)}.",
        )
    counted, other = pairs[0]
    canonical = {name: canonical_chromosome(name) for name in frame["chromosome"].unique()}
    table = pd.DataFrame(
        {
            "chromosome": frame["chromosome"].map(canonical),
            "position": _positions(frame["position"], path),
            "counted": frame[counted].str.upper(),
            "other": frame[other].str.upper(),
        }
    )
    return MatrixVariants(table.reset_index(drop=True), has_ref=(counted, other) == ("alt", "ref"))


def _positions(column: "pd.Series[str]", path: Path) -> IntArray:
    wrong = np.flatnonzero(~column.str.fullmatch(r"[1-9][0-9]{0,17}"))
    if len(wrong):
        raise InputError(
            f"position {shortened(column.iloc[wrong[0]])} is not a whole number",
            where=f"{path}:{column.index[wrong[0]]}",
            remedy="Write 1-based positions without commas or decimals.",
        )
    return column.to_numpy().astype(np.int64)


# ---- The matrix --------------------------------------------------------------------------------------------------


def read_matrix(path: str, n_variants: int, index: IntArray) -> Array:
    """Read some rows and columns of a matrix file, and make sure that they are signed correlations.

    Parameters
    ----------
    path
        The npz; the module's documentation says what it may hold.
    n_variants
        Variants in the list beside it.
    index
        int64 array of shape (n,), ascending: rows and columns wanted.

    Returns
    -------
    numpy.ndarray
        Floating-point array of shape (n, n), symmetric, diagonal 1, within [-1, 1]. A variant without correlations
        has NaN in its whole row and column, diagonal included.

    Raises
    ------
    InputError
        If the file is damaged, has another size than its list, holds r squared, covariances or values beyond
        [-1, 1], is neither symmetric nor half, or has NaN here and there.
    """
    stored = _read_npz(path)
    _check_size(stored, n_variants, path)
    _refuse_squares(stored, n_variants, path)
    r = _complete(_take(stored, n_variants, index, path), path)
    _mark_undefined(r, path)
    largest = float(np.nanmax(np.abs(r), initial=0.0))
    if largest > 1 + _R_TOLERANCE:
        raise _refusal(path, f"holds {largest:g}", "Correlations lie between -1 and 1: write those.")
    np.clip(r, -1, 1, out=r)
    return r


def _refusal(path: str, problem: str, remedy: str) -> InputError:
    return InputError(f"the LD matrix {problem}", where=path, remedy=remedy)


def _read_npz(path: str) -> Stored:
    """The stored matrix: 1-D (packed) or 2-D array, or a sparse one."""
    if not zipfile.is_zipfile(path):  # numpy would read an npy by that name
        raise _refusal(path, "cannot be read (this is no npz)", "Write it with numpy.savez, or copy it again.")
    try:
        with np.load(path, allow_pickle=False) as file:
            if "format" in file.files:
                stored: Stored = sparse.csr_matrix(sparse.load_npz(path))
            else:
                stored = file[_array_name(file.files, path)]
    except (zipfile.BadZipFile, ValueError, TypeError, OSError, KeyError, MemoryError, *BROKEN_GZIP) as error:
        raise _refusal(path, f"cannot be read ({error})", "Write or copy the npz again.") from error
    if not np.issubdtype(stored.dtype, np.floating):
        raise _refusal(path, f"has values of type {stored.dtype}", "Store r as floating-point numbers.")
    return stored


def _array_name(names: list[str], path: str) -> str:
    if "r" in names:
        return "r"
    if len(names) != 1:
        raise _refusal(path, f"is one of several arrays ({', '.join(names)})", "Call the one with correlations `r`.")
    return names[0]


def _check_size(stored: Stored, n_variants: int, path: str) -> None:
    packed = (n_variants * (n_variants + 1) // 2,)
    if stored.shape not in {(n_variants, n_variants), packed}:
        raise _refusal(
            path,
            f"has shape {stored.shape}, and the list beside it has {n_variants} variants",
            "Give one line per row of the matrix, in its order. A packed triangle includes the diagonal.",
        )


def _refuse_squares(stored: Stored, n_variants: int, path: str) -> None:
    """Refuse r squared, told by the absence of any negative value."""
    values: Array = stored if isinstance(stored, np.ndarray) else stored.data
    n_positive = int(np.count_nonzero(values > 0)) - n_variants
    if n_positive >= _MIN_PAIRS_TO_TELL_R2 and not (values < 0).any():
        raise _refusal(
            path,
            f"has no negative value beside {n_positive} positive ones: it holds r squared",
            "Fine-mapping needs the sign of r. Compute r (plink 1.9: --r, not --r2).",
        )


def _take(stored: Stored, n_variants: int, index: IntArray, path: str) -> Array:
    """Rows and columns of a stored matrix as a square array of its own, in single or double precision."""
    block: Array
    if not isinstance(stored, np.ndarray):
        block = stored[index][:, index].toarray()
    elif stored.ndim == 2:
        block = stored[np.ix_(index, index)]
    else:
        row, column = np.tril_indices(len(index))
        places = _packed_places(stored, n_variants, index[row], index[column], path)
        block = np.zeros((len(index), len(index)), dtype=stored.dtype)
        block[row, column] = stored[places]
    return np.asarray(block, dtype=np.float32 if block.dtype.itemsize <= 4 else np.float64)  # LAPACK has no others


def _packed_places(stored: Array, n_variants: int, row: IntArray, column: IntArray, path: str) -> IntArray:
    """Where a packed triangle holds (row, column), column <= row: known from where it has its diagonal."""

    def lower(row: IntArray, column: IntArray) -> IntArray:
        return row * (row + 1) // 2 + column

    def upper(row: IntArray, column: IntArray) -> IntArray:
        return column * n_variants - column * (column - 1) // 2 + row - column

    own = np.arange(n_variants)
    fitting = [place for place in (lower, upper) if _diagonal_of(stored[place(own, own)]) is not None]
    if not fitting or (len(fitting) > 1 and n_variants > 2):
        problem = "is a packed triangle without a diagonal of ones" if not fitting else "is packed lower or upper"
        raise _refusal(path, problem, "Store the square matrix instead.")
    return fitting[0](row, column)


def _complete(block: Array, path: str) -> Array:
    """Symmetric matrix with unit diagonal, of a whole or half one; a variant with NaN there keeps it."""
    lower, upper = np.tril(block, -1), np.triu(block, 1).T
    has_lower, has_upper = (bool((np.isfinite(half) & (half != 0)).any()) for half in (lower, upper))
    is_whole = has_lower and has_upper
    if is_whole and not np.allclose(lower, upper, rtol=0, atol=_SYMMETRY_TOLERANCE, equal_nan=True):
        raise _refusal(path, "is not symmetric", "Store r[i, j] = r[j, i], or one triangle alone.")
    diagonal = np.diagonal(block)
    common = _diagonal_of(diagonal)
    if common is None or (is_whole and common != 1):
        low, high = np.nanmin(diagonal), np.nanmax(diagonal)
        raise _refusal(
            path,
            f"has {low:g} to {high:g} on its diagonal",
            "A correlation matrix has 1 there (a half matrix may have 0 or 0.5); divide covariances by the deviations.",
        )
    half = upper if has_upper and not has_lower else lower
    r: Array = half + half.T
    np.fill_diagonal(r, np.where(np.isfinite(diagonal), 1, np.nan))
    return r


def _diagonal_of(values: Array) -> float | None:
    """Which of the diagonals that a matrix may have these values are, NaN aside; None if they are none."""
    known = values[np.isfinite(values)]
    return next((one for one in _ACCEPTED_DIAGONALS if (np.abs(known - one) <= _DIAGONAL_TOLERANCE).all()), None)


def _mark_undefined(r: Array, path: str) -> None:
    """Give variants without any correlation NaN in their whole row and column, in place; refuse NaN elsewhere."""
    infinite = ~np.isfinite(r)
    np.fill_diagonal(infinite, True)
    undefined = infinite.all(axis=1) & (~np.isfinite(np.diagonal(r)) | (len(r) > 1))
    np.fill_diagonal(infinite, ~np.isfinite(np.diagonal(r)))
    if infinite[np.ix_(~undefined, ~undefined)].any():
        raise _refusal(
            path,
            f"has {np.count_nonzero(infinite)} values that are not finite, and not in whole rows",
            "Compute r with missing genotypes filled in, or leave out the variants.",
        )
    r[undefined, :] = np.nan
    r[:, undefined] = np.nan
