"""Linkage disequilibrium of a locus: the cohort's genotypes aligned with a study's variants, and their correlation.

This is the one place where r is made and where its rows are put in the study's order and on the study's alleles. The
order is not assumed later on: a matrix carries a digest of the variant keys it was made for.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.variants import match_variants, variant_keys

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SAMPLES_PER_BLOCK = 4096  # bounds the float64 copy of a large cohort's dosages
_RANK_TOLERANCE = 1e-8  # eigenvalues of r below this are rounding; the tolerance of susieR


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


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigendecomposition of an LD matrix, without its null space.

    Attributes
    ----------
    values
        float64 array of shape (rank,): positive eigenvalues.
    vectors
        float64 array of shape (n_variants, rank): eigenvectors in columns.
    """

    values: FloatArray
    vectors: FloatArray


@dataclass(frozen=True, slots=True)
class LdMatrix:
    """Signed correlation of variants.

    Attributes
    ----------
    rows
        int64 array of shape (n_variants,): rows of the study table that the matrix is about.
    r
        float64 array of shape (n_variants, n_variants), symmetric with unit diagonal, per ALT allele of the study.
    spectrum
        Its eigendecomposition.
    n_samples
        People it was estimated from.
    keys_digest
        `digest_keys` of the variant keys, in the order of the rows.
    """

    rows: IntArray
    r: FloatArray
    spectrum: Spectrum
    n_samples: int
    keys_digest: str

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


def has_variation(dosages: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether each row of a (n_variants, n_samples) array has two values that differ; NaN is not a value."""
    if dosages.shape[1] == 0:
        return np.zeros(dosages.shape[0], dtype=bool)
    lowest, highest = np.fmin.reduce(dosages, axis=1), np.fmax.reduce(dosages, axis=1)
    result: npt.NDArray[np.bool_] = highest > lowest
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
    means, scales = _means_and_scales(dosages)
    return _standardize_block(dosages, means, scales)


def _means_and_scales(dosages: npt.NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Mean, and root of the sum of squares around it, per variant."""
    means = np.asarray(np.nanmean(dosages, axis=1, dtype=np.float64))
    squares = np.zeros(len(dosages))
    for block in _sample_blocks(dosages):
        centred = _standardize_block(block, means, np.ones(len(dosages)))
        squares += np.einsum("vs,vs->v", centred, centred)
    return means, np.sqrt(squares)


def _standardize_block(block: npt.NDArray[np.float32], means: FloatArray, scales: FloatArray) -> FloatArray:
    centred = block.astype(np.float64) - means[:, np.newaxis]
    centred[np.isnan(centred)] = 0.0
    centred /= scales[:, np.newaxis]
    return centred


def _sample_blocks(dosages: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    starts = range(0, dosages.shape[1], _SAMPLES_PER_BLOCK)
    return [dosages[:, start : start + _SAMPLES_PER_BLOCK] for start in starts]


def correlation_matrix(dosages: npt.NDArray[np.float32]) -> FloatArray:
    """Pearson correlation of the variants' dosages.

    Parameters
    ----------
    dosages
        float32 array of shape (n_variants, n_samples), each row with variation; NaN counts as the variant's mean.

    Returns
    -------
    numpy.ndarray
        float64 array of shape (n_variants, n_variants), exactly symmetric, unit diagonal, within [-1, 1]. Products
        are summed in float64, which is exact to about 1e-14; numpy computes `A @ A.T` as half a product.
    """
    n_variants = len(dosages)
    means, scales = _means_and_scales(dosages)
    r = np.zeros((n_variants, n_variants))
    for block in _sample_blocks(dosages):
        standardized = _standardize_block(block, means, scales)
        r += standardized @ standardized.T
    np.clip(r, -1.0, 1.0, out=r)
    np.fill_diagonal(r, 1.0)
    return r


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
    return Spectrum(values[kept], vectors[:, kept])


def spectrum_of_dosages(dosages: npt.NDArray[np.float32]) -> Spectrum:
    """Eigendecomposition of the LD matrix of dosages, through the people instead of the variants.

    With Z the standardised dosages, Z Z' (variants) and Z' Z (people) share their positive eigenvalues, and the
    vectors follow from one product. With fewer people than variants this is the cheaper way by far.

    Parameters
    ----------
    dosages
        float32 array of shape (n_variants, n_samples), each row with variation.
    """
    standardized = standardize_dosages(dosages)
    values, people = np.linalg.eigh(standardized.T @ standardized)
    kept = values > _RANK_TOLERANCE
    vectors = (standardized @ people[:, kept]) / np.sqrt(values[kept])
    return Spectrum(values[kept], vectors)


def compute_ld(aligned: AlignedDosages) -> LdMatrix:
    """LD matrix of aligned dosages, with its eigendecomposition."""
    n_variants, n_samples = aligned.values.shape
    r = correlation_matrix(aligned.values)
    spectrum = spectrum_of_dosages(aligned.values) if n_samples < n_variants else spectrum_of_matrix(r)
    return LdMatrix(aligned.rows, r, spectrum, n_samples, aligned.keys_digest)
