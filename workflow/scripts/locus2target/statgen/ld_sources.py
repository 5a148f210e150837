"""Where a study's LD comes from: the genotypes of a cohort, or matrices that somebody made before.

Whatever the source, LD is aligned here and nowhere else: on the study's alleles, in the study's order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.ingest.cohort import CohortDosages, CohortGenotypes
from locus2target.ingest.genome import Genome
from locus2target.statgen.ld import AlignedDosages, IntArray, LdMatrix, align_dosages, compute_ld
from locus2target.statgen.ld_files import MatrixFile, MatrixLd


class AlignedLd(Protocol):
    """LD of those variants of a study that the source knows."""

    @property
    def rows(self) -> IntArray:
        """int64 array of shape (n_variants,), ascending: rows of the study that have LD."""
        ...

    @property
    def left_out(self) -> Mapping[str, int]:
        """The source's variants of the region that are not used: number per reason."""
        ...

    @property
    def n_exchanged(self) -> int:
        """Variants that the source counts by the other allele; their sign is turned, and they are used."""
        ...

    def matrix(self) -> LdMatrix:
        """LD of the rows, in their order, per ALT allele of the study."""
        ...


class LdSource(Protocol):
    """Anything that has LD for regions of the genome."""

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> AlignedLd:
        """Find the study's variants of a region in the source.

        Parameters
        ----------
        region
            Where to look. A source keeps the region it read last: ask for one region with all its traits in a row.
        study
            Columns chromosome, position, ref, alt; any order, any index.
        min_maf
            Variants whose minor allele is rarer in the source are left out; a matrix cannot tell, and keeps them.

        Raises
        ------
        InputError
            If the source's file cannot be used.
        """
        ...


class RegionGenotypes(Protocol):
    """What LD needs of a cohort: `ingest.cohort.CohortGenotypes` has it."""

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        """Dosages of the variants in the region."""
        ...


@dataclass(frozen=True, slots=True)
class AlignedGenotypes:
    """`AlignedLd` of a cohort; the matrix is computed when it is asked for."""

    dosages: AlignedDosages
    left_out: Mapping[str, int]
    n_exchanged: int

    @property
    def rows(self) -> IntArray:
        """int64 array of shape (n_variants,), ascending: rows of the study that have LD."""
        return self.dosages.rows

    def matrix(self) -> LdMatrix:
        """Correlation of the dosages; as a factor where there are fewer people than variants."""
        return compute_ld(self.dosages)


class GenotypeLd:
    """LD of a cohort's genotypes.

    Parameters
    ----------
    cohort
        Reads dosages region by region. The last region is kept, as many molecular traits share one.

    Attributes
    ----------
    cohort
        As given.
    """

    def __init__(self, cohort: RegionGenotypes) -> None:
        self.cohort = cohort
        self._kept: tuple[Region, float, CohortDosages] | None = None

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> AlignedGenotypes:
        """See `LdSource.align`; reasons are `ingest.cohort.SKIP_REASONS` and `not_in_study`."""
        cohort = self._read(region, min_maf)
        aligned = align_dosages(study, cohort.variants, cohort.dosages)
        left_out = dict(cohort.skipped)
        for reason, count in (
            ("not_in_study", aligned.n_not_in_study),
            ("duplicate", aligned.n_duplicate),
            ("monomorphic", aligned.n_monomorphic),
        ):
            if count:
                left_out[reason] = left_out.get(reason, 0) + count
        return AlignedGenotypes(aligned, left_out, cohort.n_exchanged)

    def _read(self, region: Region, min_maf: float) -> CohortDosages:
        if self._kept is None or self._kept[:2] != (region, min_maf):
            self._kept = (region, min_maf, self.cohort.read_region(region, min_maf=min_maf))
        return self._kept[2]


@contextmanager
def open_ld_source(rows: Sequence[Mapping[str, Any]], genome: Genome | None) -> Iterator[LdSource]:
    """Open the LD of one cohort.

    Parameters
    ----------
    rows
        The cohort's rows of the cohorts sheet. Each has `chromosome` (or `all`) and either `genotypes` (with
        `dosage_field`) or `ld_matrix` (with `n_samples`; `chromosome` may occur again, for the next LD block).
    genome
        Reference sequence, to check and normalise alleles; see `CohortGenotypes`.

    Raises
    ------
    InputError
        If some rows name genotypes and others matrices, or a matrix has no `n_samples`.
    """
    matrices = [row["ld_matrix"] for row in rows if row.get("ld_matrix")]
    if len(matrices) == len(rows):
        yield MatrixLd([_matrix_file(row) for row in rows], genome)
        return
    if matrices:
        raise InputError(
            f"the cohort of LD matrix {matrices[0]} has genotypes in other rows",
            where="cohorts sheet",
            remedy="Make two cohorts of it, and give each study the one that is meant.",
        )
    files = {canonical_chromosome(str(row["chromosome"])): row["genotypes"] for row in rows}
    with CohortGenotypes(files, dosage_field=rows[0]["dosage_field"], genome=genome) as cohort:
        yield GenotypeLd(cohort)


def _matrix_file(row: Mapping[str, Any]) -> MatrixFile:
    n_samples = row.get("n_samples")
    if not n_samples:
        raise InputError(
            f"n_samples is missing beside ld_matrix {row['ld_matrix']}",
            where="cohorts sheet",
            remedy="State how many people the matrix was estimated from: the checks of LD depend on it.",
        )
    return MatrixFile(row["ld_matrix"], canonical_chromosome(str(row["chromosome"])), int(n_samples))
