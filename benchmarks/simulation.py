"""Simulated association studies on the demo's real genotypes, with LD that fits them and LD that does not.

The population of a locus is made of mosaics of the cohort's 489 people: along a person's chromosome the source changes
at random to another of the 489, mostly where neighbouring variants are in little LD already. Its LD is known exactly,
`r * P(no change between the two variants)`, its rank is not limited by 489, and panels of any size can be drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_ndtr

from locus2target.core.intervals import Region
from locus2target.core.schemas import SUMSTATS
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortGenotypes
from locus2target.statgen.abf import CASE_CONTROL, QUANTITATIVE, variance_from_frequency
from locus2target.statgen.ld import correlation_matrix

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DEMO = Path(__file__).parents[1] / "demo/data"
MIN_MAF = 0.01
CHANGES_PER_MB = 10.0  # of the source of a mosaic: pieces of 100 kb on average keep most of the LD within blocks
_DENSE_WINDOW_BP = 300_000
_NEIGHBOURS = 10  # variants on either side of a gap that say how much LD crosses it
_FEWEST_VARIANTS = 50


@dataclass(frozen=True)
class Population:
    """One locus and the people of whom it is made.

    Attributes
    ----------
    name
        Of the locus.
    region
        Bounds.
    variants
        p rows: chromosome, position, ref, alt, alt_frequency.
    dosages
        float32 (p, people): ALT alleles of the real people.
    change
        float64 (p - 1,): probability that the source of a mosaic changes between a variant and the next.
    """

    name: str
    region: Region
    variants: pd.DataFrame
    dosages: npt.NDArray[np.float32]
    change: FloatArray

    @property
    def size(self) -> int:
        """Number of variants."""
        return len(self.variants)

    @cached_property
    def unbroken(self) -> FloatArray:
        """float64 (p, p): probability that two variants of a mosaic come from the same person."""
        log_kept = np.concatenate([[0.0], np.cumsum(np.log1p(-self.change))])
        kept: FloatArray = np.exp(-np.abs(log_kept[:, np.newaxis] - log_kept))
        return kept

    @cached_property
    def r(self) -> FloatArray:
        """float64 (p, p): LD of the mosaics."""
        return correlation_matrix(self.dosages) * self.unbroken

    @cached_property
    def root(self) -> FloatArray:
        """float64 (p, p): `root @ root.T` is `r`."""
        values, vectors = np.linalg.eigh(self.r)
        root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
        return root

    @cached_property
    def allele_sd(self) -> FloatArray:
        """float64 (p,): standard deviation of the dosage."""
        sd: FloatArray = self.dosages.std(axis=1, dtype=np.float64)
        return sd

    def draw_people(self, n_people: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Dosages of mosaics, float32 (p, n_people)."""
        changes = rng.random((self.size - 1, n_people)) < self.change[:, np.newaxis]
        segment = np.vstack([np.zeros((1, n_people), dtype=np.int64), np.cumsum(changes, axis=0)])
        first_segment = np.concatenate([[0], np.cumsum(segment[-1] + 1)])
        source = rng.integers(self.dosages.shape[1], size=first_segment[-1])
        people = source[segment + first_segment[:-1]]
        return np.take_along_axis(self.dosages, people, axis=1)


@dataclass(frozen=True, slots=True)
class Study:
    """Summary statistics of one simulated trait, and its truth.

    Attributes
    ----------
    sumstats
        `core.schemas.SUMSTATS`, one row per variant of the population.
    trait_type
        quantitative or case_control.
    causal
        int64: rows of the causal variants.
    effects
        float64, as `causal`: of the standardised genotype, in standard deviations of the trait.
    """

    sumstats: pd.DataFrame
    trait_type: str
    causal: IntArray
    effects: FloatArray

    @property
    def z_score(self) -> FloatArray:
        """float64 (p,): Wald z-scores per ALT allele."""
        z_score: FloatArray = self.sumstats["z_score"].to_numpy(np.float64)
        return z_score


# ---- Genotypes of the demo ---------------------------------------------------------------------------------------


def read_populations(names: Sequence[str]) -> dict[str, Population]:
    """Loci of the demo by name; `dense_1` to `dense_4` are windows of chromosome 20, where genotypes are dense."""
    regions = dict(_hapmap_regions()) | dict(_dense_regions())
    return {name: _read_population(name, *regions[name]) for name in names}


def _hapmap_regions() -> Iterator[tuple[str, tuple[Region, Path]]]:
    loci = pd.read_csv(DEMO / "loci.tsv", sep="\t", dtype={"chromosome": str})
    for row in loci.to_dict("records"):
        yield (
            row["locus"],
            (Region(row["chromosome"], row["start"], row["end"]), DEMO / "genotypes/EUR489_hm3.demo.bcf"),
        )


def _dense_regions() -> Iterator[tuple[str, tuple[Region, Path]]]:
    for number in range(4):
        start = 1_000_000 + number * _DENSE_WINDOW_BP
        region = Region("20", start, start + _DENSE_WINDOW_BP)
        yield f"dense_{number + 1}", (region, DEMO / "genotypes/EUR489_dense_chr20.demo.vcf.gz")


def _read_population(name: str, region: Region, path: Path) -> Population:
    with CohortGenotypes({"all": str(path)}, dosage_field="GT", genome=None) as cohort:
        read = cohort.read_region(region, min_maf=MIN_MAF)
    if len(read.variants) < _FEWEST_VARIANTS:
        raise ValueError(f"{name} has {len(read.variants)} variants, too few to simulate on")
    dosages = np.where(np.isnan(read.dosages), np.nanmean(read.dosages, axis=1, keepdims=True), read.dosages)
    return Population(name, region, read.variants, dosages, change_probabilities(read.variants, dosages))


def change_probabilities(variants: pd.DataFrame, dosages: npt.NDArray[np.float32]) -> FloatArray:
    """Probability of a change of source in each gap between variants, float64 (p - 1,).

    Proportional to the gap's length and to what the strongest LD across it leaves unexplained, so that haplotype
    blocks stay whole.
    """
    r2 = correlation_matrix(dosages) ** 2
    position = variants["position"].to_numpy(np.float64)
    gaps = range(1, len(position))
    crossing = np.array([r2[max(0, g - _NEIGHBOURS) : g, g : g + _NEIGHBOURS].max() for g in gaps])
    rate = np.diff(position) * (1.0 - crossing)
    rate *= CHANGES_PER_MB * (position[-1] - position[0]) / 1e6 / rate.sum()
    change: FloatArray = -np.expm1(-rate)
    return change


def subpopulation(population: Population, dosages: npt.NDArray[np.float32]) -> tuple[IntArray, Population]:
    """The population that consists of these people and nobody else, with the rows of the variants that they vary in."""
    rows = np.flatnonzero(dosages.min(axis=1) < dosages.max(axis=1))
    frequency = dosages[rows].mean(axis=1, dtype=np.float64) / 2.0
    variants = population.variants.iloc[rows].assign(alt_frequency=frequency).reset_index(drop=True)
    return rows, Population(population.name, population.region, variants, dosages[rows], np.zeros(len(rows) - 1))


# ---- Studies -----------------------------------------------------------------------------------------------------


def draw_study(
    population: Population,
    causal: IntArray,
    noncentrality: FloatArray,
    n_samples: float,
    trait_type: str,
    rng: np.random.Generator,
) -> Study:
    """Statistics of a large study, whose LD is that of the population.

    Parameters
    ----------
    population
        Of the locus.
    causal, noncentrality
        Rows of the causal variants, and the expected z-score that each would have on its own, signed.
    n_samples
        Effective sample size.
    trait_type
        For case_control the effect is turned to log odds, with the standard error that the sample size implies.
    rng
        Source of the noise.
    """
    effects = noncentrality / np.sqrt(n_samples)
    score = draw_scores(population, causal, effects, n_samples, rng)
    z_score = score * np.sqrt((n_samples - 2.0) / (n_samples - 1.0 - score**2))
    return Study(tabulate(population, z_score, n_samples, trait_type), trait_type, causal, effects)


def draw_scores(
    population: Population, causal: IntArray, effects: FloatArray, n_samples: float, rng: np.random.Generator
) -> FloatArray:
    """Marginal z-scores on the scale of the trait's variance, float64 (p,): N(sqrt(n) R b, (1 - b' R b) R).

    `engine.adjusted_z_scores` turns the Wald z-scores of a study back into these.
    """
    joint = np.zeros(population.size)
    joint[causal] = effects
    unexplained = 1.0 - float(joint @ population.r @ joint)
    noise = np.sqrt(unexplained) * (population.root @ rng.standard_normal(population.size))
    scores: FloatArray = np.sqrt(n_samples) * (population.r @ joint) + noise
    return scores


def draw_people_study(
    population: Population, causal: IntArray, noncentrality: FloatArray, rng: np.random.Generator
) -> Study:
    """Statistics of a quantitative trait of the real people themselves, by one regression per variant."""
    n_samples = population.dosages.shape[1]
    genotypes = population.dosages - population.dosages.mean(axis=1, keepdims=True, dtype=np.float64)
    genotypes /= population.allele_sd[:, np.newaxis]
    effects = noncentrality / np.sqrt(n_samples)
    unexplained = max(1.0 - float(effects @ effects), 0.1)
    trait = effects @ genotypes[causal] + np.sqrt(unexplained) * rng.standard_normal(n_samples)
    trait = (trait - trait.mean()) / trait.std()
    correlation = genotypes @ trait / n_samples
    z_score = correlation * np.sqrt((n_samples - 2.0) / (1.0 - correlation**2))
    return Study(tabulate(population, z_score, n_samples, QUANTITATIVE), QUANTITATIVE, causal, effects)


def tabulate(population: Population, z_score: FloatArray, n_samples: float, trait_type: str) -> pd.DataFrame:
    """`core.schemas.SUMSTATS` of these z-scores, in the population's order."""
    if trait_type == CASE_CONTROL:
        frequency = population.variants["alt_frequency"].to_numpy(np.float64)
        standard_error = np.sqrt(variance_from_frequency(frequency, n_samples, case_fraction=0.5))
    else:
        standard_error = 1.0 / (population.allele_sd * np.sqrt(n_samples - 2.0 + z_score**2))
    frequency = population.variants["alt_frequency"].to_numpy(np.float64)
    table = population.variants[["chromosome", "position", "ref", "alt", "alt_frequency"]].assign(
        variant=list(variant_keys(population.variants)),
        rsid=None,
        beta=z_score * standard_error,
        standard_error=standard_error,
        z_score=z_score,
        neg_log10_p=-(np.log(2.0) + log_ndtr(-np.abs(z_score))) / np.log(10.0),
        minor_allele_frequency=np.minimum(frequency, 1.0 - frequency),
        n_effective=float(n_samples),
        ref_verified=True,
    )
    return table[SUMSTATS.names]


# ---- What can be wrong -------------------------------------------------------------------------------------------


def exchange_alleles(study: Study, rows: IntArray) -> Study:
    """The same study with the effect of these variants reported for the other allele."""
    sign = np.ones(len(study.sumstats))
    sign[rows] = -1.0
    sumstats = study.sumstats.assign(beta=study.sumstats["beta"] * sign, z_score=study.sumstats["z_score"] * sign)
    return Study(sumstats, study.trait_type, study.causal, study.effects)


def ld_of_founders(population: Population, n_founders: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """LD of a population that a few of the people founded: rows of the variants that still vary, and r among them."""
    founders = rng.choice(population.dosages.shape[1], size=n_founders, replace=False)
    dosages = population.dosages[:, founders]
    rows = np.flatnonzero(dosages.min(axis=1) < dosages.max(axis=1))
    return rows, correlation_matrix(dosages[rows]) * population.unbroken[np.ix_(rows, rows)]


def ld_off_register(population: Population, shift: int) -> FloatArray:
    """The population's LD with each variant's row and column taken by the one `shift` places further on."""
    moved = np.roll(np.arange(population.size), -shift)
    return population.r[np.ix_(moved, moved)]
