"""What is known of a variant before any association: the features of functional priors.

Scores and annotations differ with allele frequency and with the distance to genes, whatever they say about function. So
every feature is compared within strata of the two: a score becomes its rank among variants of its stratum, an
annotation its difference from the stratum's share. A prior learned from them knows neither frequency nor distance, and
distance can stay evidence of its own when genes are ranked. Strata hold features and frequencies of all loci, never
effects or p-values.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

from locus2target.core.variant_codes import VariantCodes
from locus2target.statgen.functional_priors import FloatArray, Groups, IntArray

LOGGER = logging.getLogger(__name__)

OK = "ok"
SEQUENCE_SCORES, OPEN_CHROMATIN, CODING_CONSEQUENCE = "sequence_scores", "open_chromatin", "coding_consequence"
FREQUENCY_EDGES = (0.01, 0.05, 0.2)  # of the minor allele
DISTANCE_EDGES_BP = (10_000, 100_000)  # to the nearest transcription start
SCORE_COLUMNS = ("variant", "model", "largest", "background_quantile")
"""What `sequence_scores` reads of table `variant_effects`, and there only the rows of the largest effects."""
_MIN_SCORED = 0.5  # of a locus' variants; fewer were probably chosen, and then those left out are not like them


@dataclass(frozen=True, slots=True)
class Feature:
    """What there is to say of one feature beside its values.

    Attributes
    ----------
    name
        `sequence_score:<model>`, `open_chromatin` or `coding_consequence`.
    n_variants
        Variants in all loci, each as often as there are loci with it.
    n_unknown
        Variants at which the feature is not known, or not used because most of their locus lacks it.
    status, reason
        ok, or why the feature says nothing of any variant.
    """

    name: str
    n_variants: int
    n_unknown: int
    status: str = OK
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """A feature and its values.

    Attributes
    ----------
    feature
        Its name and status.
    values
        float64 array of shape (n_variants,), 0 on average in every stratum, and 0 where the feature is not known. Unit:
        standard deviations for a score; for an annotation 1 lies between having it and not.
    """

    feature: Feature
    values: FloatArray


@dataclass(frozen=True, slots=True)
class PriorVariants:
    """The variants of all loci as numbers: what the features of each are found by.

    Attributes
    ----------
    keys
        What the numbers of variants mean.
    distinct
        int64 array of shape (n_distinct,): numbers of the variants, each once, ascending.
    of_row
        int64 array of shape (n_variants,): place in `distinct` of every variant of every locus, locus by locus.
    loci
        The loci of `of_row`.
    strata
        int8 array of shape (n_variants,), from `frequency_distance_strata`.
    """

    keys: VariantCodes
    distinct: IntArray
    of_row: IntArray
    loci: Groups
    strata: npt.NDArray[np.int8]

    @classmethod
    def of_codes(
        cls, keys: VariantCodes, codes: IntArray, loci: Groups, strata: npt.NDArray[np.int8]
    ) -> "PriorVariants":
        """Variants whose numbers, of shape (n_variants,), stand locus by locus."""
        distinct, of_row = np.unique(codes, return_inverse=True)
        return cls(keys, distinct, of_row, loci, strata)

    def find(self, codes: IntArray) -> IntArray:
        """Place of variants in `distinct`; -1 for those that are in no locus."""
        if not len(self.distinct):
            return np.full(len(codes), -1)
        place = np.searchsorted(self.distinct, codes).clip(max=len(self.distinct) - 1)
        return np.where(self.distinct[place] == codes, place, -1)

    def at_places_of(self, others: pd.DataFrame) -> IntArray:
        """Variants that share chromosome and position with a row of another table: places in `distinct`, int64.

        They come in the order in which they first stand in the loci. Chromosomes without loci need no numbers.
        """
        here = others[others["chromosome"].isin(self.keys.chromosomes)]
        near = np.isin(self.keys.places_of(self.distinct), self.keys.places(here))
        rows = self.of_row[near[self.of_row]]
        _, first = np.unique(rows, return_index=True)
        return rows[np.sort(first)]


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


def sequence_scores(effects: Iterable[pd.DataFrame], variants: PriorVariants) -> dict[str, FloatArray]:
    """Largest background quantile of each variant, by model.

    Parameters
    ----------
    effects
        Tables `core.schemas.VARIANT_EFFECTS`, columns `SCORE_COLUMNS`.
    variants
        The variants of all loci; scores of others are left out.

    Returns
    -------
    dict
        float64 arrays of shape (n_distinct,), NaN where a variant has no score; models by name. Without any row of a
        largest effect there is no model.
    """
    scores: dict[str, FloatArray] = {}
    for table in effects:
        for model, rows in table[table["largest"]].groupby("model"):
            largest = rows.groupby("variant")["background_quantile"].max()
            place = variants.find(variants.keys.encode_keys(largest.index.to_series()))
            of_model = scores.setdefault(str(model), np.full(len(variants.distinct), np.nan))
            found = place >= 0
            of_model[place[found]] = np.fmax(of_model[place[found]], largest.to_numpy(np.float64)[found])
    return dict(sorted(scores.items()))


def sequence_feature(model: str, scores: FloatArray, variants: PriorVariants) -> FeatureColumn:
    """How large the effect of each variant is among variants of its stratum, by one sequence model.

    The largest background quantile of a variant is turned into its normal score within the stratum: only the order of
    scores counts, and models with other scales give the same feature.

    Parameters
    ----------
    model
        Its name.
    scores
        float64 array of shape (n_distinct,), as `sequence_scores` gives them.
    variants
        The variants of all loci.
    """
    name, values = f"sequence_score:{model}", scores[variants.of_row]
    used = _used(name, ~np.isnan(values), variants.loci)
    n_unknown = len(values) - int(used.sum())
    values[~used] = 0.0
    for stratum in np.unique(variants.strata[used]):
        of_stratum = np.flatnonzero(used & (variants.strata == stratum))
        normal = ndtri((rankdata(values[of_stratum]) - 0.5) / len(of_stratum))
        values[of_stratum] = normal - normal.mean()
    spread = float(np.sqrt(np.mean(values[used] ** 2))) if used.any() else 0.0
    if spread == 0.0:
        reason = f"No locus has different scores for its variants; {n_unknown} of {len(values)} have none."
        return _silent(name, len(values), n_unknown, "no_scores", reason)
    values /= spread
    return FeatureColumn(Feature(name, len(values), n_unknown), values)


def _used(name: str, scored: npt.NDArray[np.bool_], loci: Groups) -> npt.NDArray[np.bool_]:
    """Whether the score of each variant is used: those of a few chosen variants of a locus are not."""
    share = np.add.reduceat(scored, loci.starts, dtype=np.int64) / loci.lengths
    used = scored & np.repeat(share >= _MIN_SCORED, loci.lengths)
    ignored = int(scored.sum() - used.sum())
    if ignored:
        LOGGER.warning("%s: %d scores not used, in loci where most variants have none", name, ignored)
    return used


def annotation_feature(name: str, carriers: npt.NDArray[np.bool_] | None, variants: PriorVariants) -> FeatureColumn:
    """A feature that a variant has or has not, less the share of variants of its stratum that have it.

    Parameters
    ----------
    name
        Of the annotation.
    carriers
        bool array of shape (n_distinct,): which variants have it; None when the run has no such annotation.
    variants
        The variants of all loci.
    """
    n_variants = len(variants.of_row)
    if carriers is None:
        return _silent(name, n_variants, n_variants, "no_annotation", "The run has no such annotation file.")
    has = carriers[variants.of_row]
    if has.all() or not has.any():
        return _silent(
            name, n_variants, 0, "no_variation", "All variants have it." if has.any() else "No variant has it."
        )
    share = np.bincount(variants.strata, weights=has) / np.maximum(np.bincount(variants.strata), 1)
    return FeatureColumn(Feature(name, n_variants, 0), has - share[variants.strata])


def _silent(name: str, n_variants: int, n_unknown: int, status: str, reason: str) -> FeatureColumn:
    """A feature that says nothing of any variant."""
    return FeatureColumn(Feature(name, n_variants, n_unknown, status, reason), np.zeros(n_variants))
