"""Linkage disequilibrium of a locus: the signed correlation of variants, from dosages or as a file gave it.

A matrix carries a digest of the variant keys it was made for: their order is not assumed later on.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.variants import match_variants, variant_keys
from locus2target.statgen import ld_numba

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SAMPLES_PER_BLOCK = 4096  # bounds the float64 copy of a large cohort's imputed dosages
_RANK_TOLERANCE = 1e-8  # eigenvalues of r below this are rounding; the tolerance of susieR


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigendecomposition of an LD matrix, without its null space.

    Attributes
    ----------
    values
        float64 array of shape (rank,): positive eigenvalues.
    vectors
        float64 array of shape (n_variants, rank): eigenvectors in columns.
    smallest
        Smallest eigenvalue of the whole matrix, null space included: clearly below 0 for a matrix that is no
        correlation of anything.
    """

    values: FloatArray
    vectors: FloatArray
    smallest: float = 0.0


class LdMatrix:
    """Signed correlation of variants, per ALT allele of the study.

    Parameters
    ----------
    rows
        int64 array of shape (n_variants,): rows of the study table that the matrix is about.
    r
        float64 array of shape (n_variants, n_variants), symmetric with unit diagonal; None when `factor` is given.
    n_samples
        People it was estimated from.
    keys_digest
        `digest_keys` of the variant keys, in the order of the rows.
    factor
        float64 array of shape (n_people, n_variants), columns of unit norm, so that r = factor' factor: given when
        there are fewer people than variants. A variant's column is contiguous (Fortran order).
    """

    def __init__(
        self,
        rows: IntArray,
        r: FloatArray | None,
        n_samples: int,
        keys_digest: str,
        *,
        factor: FloatArray | None = None,
    ) -> None:
        if (r is None) == (factor is None):
            raise ValueError("an LD matrix needs either r or a factor of it")
        self.rows, self.n_samples, self.keys_digest, self.factor = rows, n_samples, keys_digest, factor
        if r is not None:
            self.r = r

    @cached_property
    def r(self) -> FloatArray:
        """The matrix; computed on first use where only the factor is there."""
        if self.factor is None:
            raise RuntimeError("an LD matrix lost both its forms")
        products: FloatArray = self.factor.T @ self.factor  # half a product: numpy sees that it is symmetric
        ld_numba.correlate(products)
        return products

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigendecomposition, computed on first use.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the matrix holds NaN or the decomposition fails.
        """
        return spectrum_of_matrix(self.r) if self.factor is None else spectrum_of_factor(self.factor)

    def require_order(self, variants: pd.DataFrame) -> None:
        """Make sure that rows and columns stand for these variants in this order.

        Parameters
        ----------
        variants
            The study's rows of the matrix, with columns chromosome, position, ref, alt.

        Raises
        ------
        ValueError
            If they are other variants, or in another order: a defect of the caller.
        """
        if digest_keys(variant_keys(variants)) != self.keys_digest:
            raise ValueError("the LD matrix was made for other variants, or for these in another order")


def digest_keys(keys: Iterable[str]) -> str:
    """SHA-256 of variant keys in their order."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


# ---- Dosages to r ------------------------------------------------------------------------------------------------


def has_variation(dosages: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether each row of a (n_variants, n_samples) array has two values that differ; NaN is not a value."""
    result = np.empty(len(dosages), dtype=np.bool_)
    ld_numba.vary(dosages, result)
    return result


def standardize_dosages(dosages: npt.NDArray[np.float32]) -> FloatArray:
    """Dosages with mean 0 and sum of squares 1 per variant; missing values become the mean.

    Parameters
    ----------
    dosages
        float32 array of shape (n_variants, n_samples), each row with variation.

    Returns
    -------
    numpy.ndarray
        float64 array of the same shape.
    """
    calls = _count_calls(dosages)
    standardized = np.empty(dosages.shape)
    ld_numba.centre_dosages(dosages, calls.means, 0, standardized)
    standardized /= np.sqrt(np.einsum("vs,vs->v", standardized, standardized))[:, np.newaxis]
    return standardized


def correlation_matrix(dosages: npt.NDArray[np.float32]) -> FloatArray:
    """Pearson correlation of the variants' dosages.

    Hard calls are multiplied by counting bits (as PLINK does): exact, on one bit plane for who carries the allele and
    one for who has it twice. Imputed dosages are centred and multiplied in double precision, several times slower;
    single precision would miss r by 5e-6 with 10,000 people.

    Parameters
    ----------
    dosages
        float32 array of shape (n_variants, n_samples), each row with variation; NaN counts as the variant's mean.

    Returns
    -------
    numpy.ndarray
        float64 array of shape (n_variants, n_variants), exactly symmetric, unit diagonal, within [-1, 1].
    """
    if not len(dosages):
        return np.empty((0, 0))
    calls = _count_calls(dosages)
    products = _products_of_calls(dosages, calls) if calls.all_hard else _products_of_centred(dosages, calls)
    ld_numba.correlate(products)
    return products


@dataclass(frozen=True, slots=True)
class _Calls:
    """What is called, per variant: how often (int64), the sum (float64); and whether all dosages are 0, 1 or 2."""

    counts: IntArray
    sums: FloatArray
    all_hard: bool

    @property
    def means(self) -> FloatArray:
        return self.sums / self.counts


def _count_calls(dosages: npt.NDArray[np.float32]) -> _Calls:
    n_variants = len(dosages)
    counts, sums, hard = np.empty(n_variants, dtype=np.int64), np.empty(n_variants), np.empty(n_variants, dtype=bool)
    ld_numba.summarize_dosages(dosages, counts, sums, hard)
    return _Calls(counts, sums, bool(hard.all()))


def _products_of_calls(dosages: npt.NDArray[np.float32], calls: _Calls) -> FloatArray:
    """Sums of products of centred hard calls, lower triangle."""
    n_variants, n_samples = dosages.shape
    carries, doubled, missing = np.empty((3, n_variants, -(-n_samples // 64)), dtype=np.uint64)
    ld_numba.pack_calls(dosages, carries, doubled, missing)
    products = np.empty((n_variants, n_variants))
    ld_numba.multiply_calls(carries, doubled, missing, calls.counts, calls.sums, n_samples, products)
    return products


def _products_of_centred(dosages: npt.NDArray[np.float32], calls: _Calls) -> FloatArray:
    """Sums of products of centred dosages of any kind; numpy computes half of `A @ A.T`, which is symmetric."""
    n_variants, n_samples = dosages.shape
    products = np.zeros((n_variants, n_variants))
    for start in range(0, n_samples, _SAMPLES_PER_BLOCK):
        block = np.empty((n_variants, min(_SAMPLES_PER_BLOCK, n_samples - start)))
        ld_numba.centre_dosages(dosages, calls.means, start, block)
        products += block @ block.T
    return products


# ---- Eigendecomposition ------------------------------------------------------------------------------------------


def spectrum_of_matrix(r: FloatArray) -> Spectrum:
    """Eigendecomposition of an LD matrix; eigenvalues below 1e-8, negative ones too, count as null space.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix holds NaN or the decomposition fails.
    """
    if not np.isfinite(r).all():
        raise np.linalg.LinAlgError("the LD matrix has values that are not finite")
    values, vectors = np.linalg.eigh(r)
    kept = values > _RANK_TOLERANCE
    return Spectrum(values[kept], vectors[:, kept], float(values[0]))


def spectrum_of_factor(factor: FloatArray) -> Spectrum:
    """Eigendecomposition of factor' factor, through the people instead of the variants.

    factor' factor (variants) and factor factor' (people) share their positive eigenvalues, and the vectors follow from
    one product. With fewer people than variants this is the cheaper way by far.

    Parameters
    ----------
    factor
        float64 array of shape (n_people, n_variants), n_people < n_variants; see `LdMatrix`.
    """
    values, people = np.linalg.eigh(factor @ factor.T)
    kept = values > _RANK_TOLERANCE
    vectors = (factor.T @ people[:, kept]) / np.sqrt(values[kept])
    return Spectrum(values[kept], vectors)


# ---- Alignment ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AlignedDosages:
    """Dosages of those study variants that the cohort has, on the study's alleles.

    Attributes
    ----------
    rows
        int64 array of shape (n_variants,), ascending: rows of the study table.
    values
        float32 array of shape (n_variants, n_samples): copies of the study's ALT allele, 0..2, NaN where missing.
    keys_digest
        `digest_keys` of the study's variant keys, in the order of `rows`.
    n_not_in_study, n_duplicate, n_monomorphic
        Cohort variants left out: not among the study's; another record of a variant already there; without variation
        (or without any genotype) in the cohort.
    """

    rows: IntArray
    values: npt.NDArray[np.float32]
    keys_digest: str
    n_not_in_study: int
    n_duplicate: int
    n_monomorphic: int


def align_dosages(study: pd.DataFrame, cohort: pd.DataFrame, dosages: npt.NDArray[np.float32]) -> AlignedDosages:
    """Put the cohort's dosages in the study's order and on the study's ALT alleles.

    Parameters
    ----------
    study
        Variants with statistics: columns chromosome, position, ref, alt.
    cohort
        Variants with genotypes: the same columns; one row per row of `dosages`.
    dosages
        float32 array of shape (n_cohort_variants, n_samples): copies of the cohort's ALT allele, NaN where missing.
    """
    match = match_variants(study, cohort)
    matched = dosages[match.right]
    varies = has_variation(matched)
    values = np.where(match.sign[varies, np.newaxis] < 0, np.float32(2.0) - matched[varies], matched[varies])
    rows = match.left[varies]
    n_duplicate = int(cohort.duplicated(["chromosome", "position", "ref", "alt"]).sum())
    return AlignedDosages(
        rows=rows,
        values=values,
        keys_digest=digest_keys(variant_keys(study.iloc[rows])),
        n_not_in_study=len(cohort) - n_duplicate - len(match.right),
        n_duplicate=n_duplicate,
        n_monomorphic=int(np.count_nonzero(~varies)),
    )


def compute_ld(aligned: AlignedDosages) -> LdMatrix:
    """LD matrix of aligned dosages: as its factor where there are fewer people than variants."""
    n_variants, n_samples = aligned.values.shape
    if n_samples < n_variants:
        factor = standardize_dosages(aligned.values).T
        return LdMatrix(aligned.rows, None, n_samples, aligned.keys_digest, factor=factor)
    return LdMatrix(aligned.rows, correlation_matrix(aligned.values), n_samples, aligned.keys_digest)
