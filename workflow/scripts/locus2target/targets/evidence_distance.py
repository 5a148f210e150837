"""Evidence from distance: how far the causal variant probably lies from each gene's transcription start."""

import math

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
    genes = data.candidates.genes
    if genes.empty:
        reason = "no gene of the configured types lies within the window of the lead variant"
        return [*rows, data.row(_SOURCE, detail=reason, status=NO_CANDIDATES, reason=reason)]
    distances, note = gene_distances(data)
    ranks = competition_ranks(distances)
    rank_part = centered([weights.log_odds(_SOURCE, _rank_level(rank)) for rank in ranks])
    for index, gene in enumerate(genes.to_dict("records")):
        distance = float(distances[index])
        rows.append(
            data.row(
                _SOURCE,
                gene["gene_id"],
                detail=_detail(data, gene, distance, int(ranks[index]), note),
                log_odds=float(rank_part[index]) + weights.log_odds(_SOURCE, _distance_level(distance)),
                value=distance,
                unit="bp to the transcription start",
                variants=_supporting(data),
            )
        )
    return rows


def gene_distances(data: LocusData) -> tuple[npt.NDArray[np.float64], str]:
    """Mean distance to each candidate's transcription start, bases, shape (n_genes,), and a remark.

    Distances of a credible set's variants are weighted by PIP; with several sets the nearest counts. Without PIPs the
    lead variant's distance counts.
    """
    starts = data.candidates.genes["tss"].to_numpy(np.float64)
    scored = data.scored
    if scored.empty or scored["pip"].sum() == 0:
        position = parse_variant_key(data.lead_variant).position
        return np.abs(starts - position), "the lead variant's distance: no variant has a PIP"
    inside = scored[scored["credible_set"].notna()]
    groups = [group for _, group in inside.groupby("credible_set") if group["pip"].sum() > 0]
    groups = groups if groups else [scored]
    means = np.stack([_mean_distance(starts, group) for group in groups])  # S signals x G genes
    return means.min(axis=0), "" if len(groups) == 1 else f"nearest of {len(groups)} credible sets"


def _mean_distance(starts: npt.NDArray[np.float64], variants: pd.DataFrame) -> npt.NDArray[np.float64]:
    positions = variants["position"].to_numpy(np.float64)
    distances = np.abs(starts[:, None] - positions[None, :])  # G genes x V variants
    return np.average(distances, axis=1, weights=variants["pip"].to_numpy(np.float64))


def competition_ranks(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rank from the smallest, 1-based; equal distances share the better rank.

    >>> competition_ranks(np.array([5.0, 1.0, 1.0, 9.0]))
    array([3, 1, 1, 4])
    """
    return 1 + (distances[None, :] < distances[:, None]).sum(axis=1).astype(np.int64)


def centered(log_odds: list[float]) -> npt.NDArray[np.float64]:
    """Divide factors by their mean, in logarithms.

    Levels that exclude each other (only one gene is the nearest) then tell genes apart and say nothing about `none`;
    a locus with one gene gets 0.
    """
    factors = np.exp(np.asarray(log_odds, dtype=np.float64))
    return np.log(factors / factors.mean())


def _rank_level(rank: int) -> str:
    return f"rank_{rank}" if rank < 3 else "rank_3+"


def _distance_level(distance: float) -> str:
    if distance < _NEAR_BP:
        return "tss_below_10kb"
    return "tss_10_to_250kb" if distance < _FAR_BP else "tss_above_250kb"


def _supporting(data: LocusData) -> list[str]:
    scored = data.scored
    inside = scored[scored["credible_set"].notna()]
    found = by_pip(inside if len(inside) else scored)
    return found if found else [data.lead_variant]


def _detail(data: LocusData, gene: dict[str, object], distance: float, rank: int, note: str) -> str:
    top = parse_variant_key(_supporting(data)[0])
    body = distance_to_interval(top.position, int(str(gene["start"])), int(str(gene["end"])))
    place = "inside the gene body" if body == 0 else f"{format_bases(body)} from the gene body"
    text = (
        f"{format_bases(distance)} from the transcription start of {gene['gene_symbol']} on average, rank {rank} of "
        f"{len(data.candidates.genes)}; the strongest variant lies {place}"
    )
    return f"{text} ({note})" if note else text


def format_bases(distance: float) -> str:
    """Distance for people.

    >>> [format_bases(distance) for distance in (0, 850, 12_345, 1_200_000)]
    ['0 bp', '850 bp', '12 kb', '1.2 Mb']
    """
    if distance < 1_000:
        return f"{round(distance)} bp"
    return f"{round(distance / 1_000)} kb" if distance < 1_000_000 else f"{math.floor(distance / 100_000 + 0.5) / 10:g} Mb"
