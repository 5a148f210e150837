"""What is known of a variant before any association: the features of functional priors.

Scores and annotations differ with allele frequency and with the distance to genes, whatever they say about function. So
every feature is compared within strata of the two: a score becomes its rank among variants of its stratum, an
annotation its difference from the stratum's share. A prior learned from them knows neither frequency nor distance, and
distance can stay evidence of its own when genes are ranked. Strata hold features and frequencies of all loci, never
effects or p-values.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

LOGGER = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OK = "ok"
SEQUENCE_SCORES, OPEN_CHROMATIN, CODING_CONSEQUENCE = "sequence_scores", "open_chromatin", "coding_consequence"
FREQUENCY_EDGES = (0.01, 0.05, 0.2)  # of the minor allele
DISTANCE_EDGES_BP = (10_000, 100_000)  # to the nearest transcription start
SCORE_COLUMNS = ("variant", "model", "largest", "background_quantile")
"""What `sequence_features` reads of table `variant_effects`, and there only the rows of the largest effects."""
_MIN_SCORED = 0.5  # of a locus' variants; fewer were probably chosen, and then those left out are not like them


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of all variants.

    Attributes
    ----------
    name
        `sequence_score:<model>`, `open_chromatin` or `coding_consequence`.
    values
        float64 array of shape (n_variants,), 0 on average in every stratum, and 0 where the feature is not known. Unit:
        standard deviations for a score; for an annotation 1 lies between having it and not.
    n_unknown
        Variants at which the feature is not known, or not used because most of their locus lacks it.
    status, reason
        ok, or why the feature says nothing of any variant.
    """

    name: str
    values: FloatArray
    n_unknown: int
    status: str = OK
    reason: str = ""


def tss_distances(variants: pd.DataFrame, genes: pd.DataFrame) -> FloatArray:
    """Distance of each variant to the nearest transcription start, bases.

    Parameters
    ----------
    variants
        Columns chromosome and position (1-based).
    genes
        Columns chromosome and tss (1-based) of `core.schemas.GENES`.

    Returns
    -------
    numpy.ndarray
        float64 of shape (n_variants,); infinite on chromosomes without genes.
    """
    distances = np.full(len(variants), np.inf)
    starts = {name: np.sort(of_one["tss"].to_numpy(np.float64)) for name, of_one in genes.groupby("chromosome")}
    positions, chromosomes = variants["position"].to_numpy(np.float64), variants["chromosome"].to_numpy()
    for name, tss in starts.items():
        here = chromosomes == name
        bounded = np.concatenate([[-np.inf], tss, [np.inf]])
        above = np.searchsorted(bounded, positions[here])
        distances[here] = np.minimum(positions[here] - bounded[above - 1], bounded[above] - positions[here])
    return distances


def frequency_distance_strata(minor_allele_frequency: FloatArray, distance_bp: FloatArray) -> IntArray:
    """Stratum of each variant: int64 of shape (n_variants,). An unknown frequency (NaN) is a class of its own."""
    frequency = np.searchsorted(FREQUENCY_EDGES, minor_allele_frequency, side="right")  # NaN sorts last
    frequency[np.isnan(minor_allele_frequency)] = len(FREQUENCY_EDGES) + 1
    distance = np.searchsorted(DISTANCE_EDGES_BP, distance_bp, side="right")
    strata: IntArray = frequency * (len(DISTANCE_EDGES_BP) + 1) + distance
    return strata.astype(np.int64)


def sequence_features(variants: pd.DataFrame, effects: pd.DataFrame, strata: IntArray) -> list[Feature]:
    """One feature per sequence model: how large the variant's effect is among variants of its stratum.

    The largest background quantile of a variant and model is turned into its normal score within the stratum: only
    the order of scores counts, and models with other scales give the same feature.

    Parameters
    ----------
    variants
        Columns locus and variant, one row per variant and locus.
    effects
        `core.schemas.VARIANT_EFFECTS`. Without any row there is no model, and no feature.
    strata
        int64 array of shape (n_variants,).
    """
    return [
        _score_feature(
            f"sequence_score:{model}", variants, of_model.groupby("variant")["background_quantile"].max(), strata
        )
        for model, of_model in effects[effects["largest"]].groupby("model")
    ]


def _score_feature(name: str, variants: pd.DataFrame, scores: "pd.Series[float]", strata: IntArray) -> Feature:
    values = variants["variant"].map(scores).to_numpy(np.float64)
    scored = ~np.isnan(values)
    share = pd.Series(scored).groupby(variants["locus"].to_numpy()).transform("mean").to_numpy(np.float64)
    used = scored & (share >= _MIN_SCORED)
    ignored = int(scored.sum() - used.sum())
    if ignored:
        LOGGER.warning("%s: %d scores not used, in loci where most variants have none", name, ignored)
    n_unknown = len(values) - int(used.sum())
    result = np.zeros(len(values))
    for stratum in np.unique(strata[used]):
        of_stratum = np.flatnonzero(used & (strata == stratum))
        normal = ndtri((rankdata(values[of_stratum]) - 0.5) / len(of_stratum))
        result[of_stratum] = normal - normal.mean()
    spread = float(np.sqrt(np.mean(result[used] ** 2))) if used.any() else 0.0
    if spread == 0.0:
        reason = f"No locus has different scores for its variants; {n_unknown} of {len(values)} have none."
        return Feature(name, np.zeros(len(values)), n_unknown, "no_scores", reason)
    return Feature(name, result / spread, n_unknown)


def annotation_feature(
    name: str, variants: pd.DataFrame, carriers: Collection[str] | None, strata: IntArray
) -> Feature:
    """A feature that a variant has or has not, less the share of variants of its stratum that have it.

    Parameters
    ----------
    name
        Of the annotation.
    variants
        Column variant, one row per variant and locus.
    carriers
        Keys of the variants that have it; None when the run has no such annotation.
    strata
        int64 array of shape (n_variants,).
    """
    n_variants = len(variants)
    if carriers is None:
        return Feature(name, np.zeros(n_variants), n_variants, "no_annotation", "The run has no such annotation file.")
    has = variants["variant"].isin(carriers).to_numpy(np.float64)
    if len(np.unique(has)) < 2:
        reason = "All variants have it." if has.any() else "No variant has it."
        return Feature(name, np.zeros(n_variants), 0, "no_variation", reason)
    share = pd.Series(has).groupby(strata).transform("mean").to_numpy()
    return Feature(name, has - share, 0)
