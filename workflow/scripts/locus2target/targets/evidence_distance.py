"""Evidence from distance: how far the causal variant probably lies from each gene's transcription start."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import distance_to_interval
from locus2target.core.variants import parse_variant_key
from locus2target.targets.candidates import NO_CANDIDATES, NOT_CANDIDATE
from locus2target.targets.evidence_rows import LocusData, Row, by_pip
from locus2target.targets.weights import Weights

_SOURCE = "distance"
_NEAR_BP, _FAR_BP = 10_000, 250_000  # bounds of the levels tss_*


def distance_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene, and one without weight per gene that was near and does not compete.

    The value is the PIP-weighted mean distance to the transcription start, in bases, for the credible set that lies
    nearest on average. Ranks compete within the locus, so their weights are centred (see `centered`).
    """
    rows = [
        data.row(_SOURCE, gene_id, detail=f"{symbol}: {reason}", status=NOT_CANDIDATE, reason=reason)
        for gene_id, symbol, reason in data.candidates.excluded.itertuples(index=False)
    ]
    if data.candidates.genes.empty:
        reason = "no gene of the configured types lies within the window of the lead variant"
        return [*rows, data.row(_SOURCE, detail=reason, status=NO_CANDIDATES, reason=reason)]
    distances = measure_distances(data)
    ranks = competition_ranks(distances.mean)
    rank_part = centered([weights.log_odds(_SOURCE, _rank_level(rank)) for rank in ranks])
    for index, gene_id in enumerate(data.candidates.genes["gene_id"]):
        mean = float(distances.mean[index])
        rows.append(
            data.row(
                _SOURCE,
                gene_id,
                detail=_detail(data, index, distances, int(ranks[index])),
                log_odds=float(rank_part[index]) + weights.log_odds(_SOURCE, _distance_level(mean)),
                value=mean,
                unit="bp to the transcription start",
                variants=distances.variants[index],
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances of a locus' candidates.

    Attributes
    ----------
    mean
        float64 array of shape (n_genes,): PIP-weighted mean distance to the transcription start, bases.
    variants
        For each gene, the strongest variants of the credible set that the distance is measured from.
    note
        How the distances were measured, where it is not from one credible set.
    """

    mean: npt.NDArray[np.float64]
    variants: list[list[str]]
    note: str


def measure_distances(data: LocusData) -> Distances:
    """Measure the distance of each candidate, with several credible sets from the nearest.

    Without credible sets all variants with a PIP count, without PIPs the lead variant.
    """
    starts = data.candidates.genes["tss"].to_numpy(np.float64)
    inside = data.scored[data.scored["credible_set"].notna()]
    sets = [group for _, group in inside.groupby("credible_set")] if len(inside) else [data.scored]
    sets = [group for group in sets if group["pip"].sum() > 0]
    if not sets:
        mean = np.abs(starts - parse_variant_key(data.lead_variant).position)
        return Distances(mean, [[data.lead_variant]] * len(starts), "of the lead variant: no variant has a PIP")
    means = np.stack([_mean_distance(starts, group) for group in sets])  # S credible sets x G genes
    names = [by_pip(group) for group in sets]
    notes = [f"nearest of {len(sets)} credible sets"] if len(sets) > 1 else []
    if data.n_unscored:
        notes.append(f"{data.n_unscored} variants without a PIP are not counted")
    return Distances(means.min(axis=0), [names[nearest] for nearest in means.argmin(axis=0)], "; ".join(notes))


def _mean_distance(starts: npt.NDArray[np.float64], variants: pd.DataFrame) -> npt.NDArray[np.float64]:
    positions = variants["position"].to_numpy(np.float64)
    distances = np.abs(starts[:, None] - positions[None, :])  # G genes x V variants
    mean: npt.NDArray[np.float64] = np.average(distances, axis=1, weights=variants["pip"].to_numpy(np.float64))
    return mean


def competition_ranks(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rank from the smallest, 1-based; equal distances share the better rank.

    >>> competition_ranks(np.array([5.0, 1.0, 1.0, 9.0]))
    array([3, 1, 1, 4])
    """
    ranks: npt.NDArray[np.int64] = 1 + np.sum(distances[None, :] < distances[:, None], axis=1)
    return ranks


def centered(log_odds: list[float]) -> npt.NDArray[np.float64]:
    """Divide factors by their mean, in logarithms.

    Levels that exclude each other (only one gene is the nearest) then tell genes apart and say nothing about `none`;
    a locus with one gene gets 0.
    """
    factors = np.exp(np.asarray(log_odds, dtype=np.float64))
    ratios: npt.NDArray[np.float64] = np.log(factors / factors.mean())
    return ratios


def _rank_level(rank: int) -> str:
    return f"rank_{rank}" if rank < 3 else "rank_3+"


def _distance_level(distance: float) -> str:
    if distance < _NEAR_BP:
        return "tss_below_10kb"
    return "tss_10_to_250kb" if distance < _FAR_BP else "tss_above_250kb"


def _detail(data: LocusData, index: int, distances: Distances, rank: int) -> str:
    genes = data.candidates.genes.to_dict("records")
    gene, top = genes[index], parse_variant_key(distances.variants[index][0])
    body = distance_to_interval(top.position, gene["start"], gene["end"])
    mean = format_bases(float(distances.mean[index]))
    place = "inside the gene body" if body == 0 else f"{format_bases(body)} from the gene body"
    text = (
        f"{mean} from the transcription start of {gene['gene_symbol']} on average, "
        f"rank {rank} of {len(genes)}; the strongest variant lies {place}"
    )
    return f"{text} ({distances.note})" if distances.note else text


def format_bases(distance: float) -> str:
    """Distance for people.

    >>> [format_bases(distance) for distance in (0, 850, 12_345, 1_200_000)]
    ['0 bp', '850 bp', '12 kb', '1.2 Mb']
    """
    if distance < 1_000:
        return f"{round(distance)} bp"
    return f"{round(distance / 1_000)} kb" if distance < 999_500 else f"{distance / 1_000_000:.1f} Mb"
