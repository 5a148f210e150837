"""LD of simulated loci, as the pipeline asks for it: people in memory, and matrices that are known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from simulation import FloatArray, IntArray, Population

from locus2target.core.intervals import Region
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.ld import LdMatrix, digest_keys
from locus2target.statgen.ld_sources import GenotypeLd
from locus2target.statgen.qtl_signals import RepeatedLd


@dataclass(frozen=True)
class People:
    """A cohort in memory, read like one on disk."""

    population: Population
    dosages: npt.NDArray[np.float32]

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        """All variants that are frequent enough."""
        if region != self.population.region:
            raise ValueError(f"{region} was asked of people who are known in {self.population.region}")
        frequency = self.dosages.mean(axis=1, dtype=np.float64) / 2.0
        kept = (frequency > 0.0) & (np.minimum(frequency, 1.0 - frequency) >= min_maf)
        variants = self.population.variants.loc[kept].assign(alt_frequency=frequency[kept])
        names = tuple(f"person{number}" for number in range(self.dosages.shape[1]))
        return CohortDosages(
            variants.reset_index(drop=True), self.dosages[kept], names, {"rare": int((~kept).sum())}, 0
        )


@dataclass(frozen=True)
class KnownLd:
    """`ld_sources.LdSource` and `AlignedLd` of a matrix that is known: the answer is always the same."""

    known: LdMatrix
    n_exchanged: int = 0

    @property
    def rows(self) -> IntArray:
        """Rows of the study that have LD."""
        return self.known.rows

    @property
    def left_out(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> "KnownLd":  # noqa: ARG002
        """Make sure that the study's variants are those of the matrix."""
        self.known.require_order(study.iloc[self.known.rows])
        return self

    def matrix(self) -> LdMatrix:
        """The matrix."""
        return self.known


def known_ld(population: Population, r: FloatArray, n_samples: float, rows: IntArray | None = None) -> KnownLd:
    """LD source of a matrix of some or all of a population's variants."""
    rows = np.arange(population.size) if rows is None else rows
    return KnownLd(LdMatrix(rows, r, int(n_samples), digest_keys(variant_keys(population.variants.iloc[rows]))))


def panel(population: Population, n_people: int, rng: np.random.Generator) -> RepeatedLd:
    """LD source of people drawn from the population."""
    return RepeatedLd(GenotypeLd(People(population, population.draw_people(n_people, rng))))
