"""Evidence from distance: how far the causal variant probably lies from each gene's transcription start."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import distance_to_interval
from locus2target.core.variants import parse_variant_key
from locus2target.targets.candidates import NO_CANDIDATES, NOT_CANDIDATE
from locus2target.targets.evidence_rows import LocusData, Row, by_pip
from locus2target.targets.signal_shares import SOFTENING_BP, mean_log10_distance
from locus2target.targets.weights import Weights

_SOURCE = "distance"


def distance_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene, and one without weight per gene that was near and does not compete.

    The value is the PIP-weighted geometric mean of (distance to the transcription start + 1 kb), less 1 kb, for the
    credible set that lies nearest on this scale. Its logarithm times the fitted weight (log odds per factor 10), plus
    the same for the gene body with its weight, is the evidence, centred within the locus (see `centered`).
    """
    rows = [
        data.row(_SOURCE, gene_id, detail=f"{symbol}: {reason}", status=NOT_CANDIDATE, reason=reason)
        for gene_id, symbol, reason in data.candidates.excluded.itertuples(index=False)
    ]
    if data.candidates.genes.empty:
        reason = "no gene of the configured types lies within the window of the lead variant"
        return [*rows, data.row(_SOURCE, detail=reason, status=NO_CANDIDATES, reason=reason)]
    distances = measure_distances(data)
    ranks = competition_ranks(distances.log10)
    to_start = weights.log_odds(_SOURCE, "log10_bp") * distances.log10
    log_odds = centered(to_start + weights.log_odds(_SOURCE, "body_log10_bp") * distances.body_log10)
    for index, gene_id in enumerate(data.candidates.genes["gene_id"]):
        rows.append(
            data.row(
                _SOURCE,
                gene_id,
                detail=_detail(data, index, distances, int(ranks[index])),
                log_odds=float(log_odds[index]),
                value=float(distances.bases[index]),
                unit="bp to the transcription start",
                variants=distances.variants[index],
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances of a locus' candidates, each from the credible set that lies nearest to it.

    Attributes
    ----------
    log10, body_log10
        float64 (n_genes,): PIP-weighted mean of log10(distance + 1 kb) to the transcription start, to the gene body.
    credible_set
        For each gene, the number of the credible set; None where the distance is not from one.
    variants
        For each gene, the strongest variants that the distance is measured from.
    note
        How the distances were measured, where it is not from one credible set.
    """

    log10: npt.NDArray[np.float64]
    body_log10: npt.NDArray[np.float64]
    credible_set: list[int | None]
    variants: list[list[str]]
    note: str

    @property
    def bases(self) -> npt.NDArray[np.float64]:
        """The means in bases, float64 (n_genes,)."""
        means: npt.NDArray[np.float64] = 10**self.log10 - SOFTENING_BP
        return means


def measure_distances(data: LocusData) -> Distances:
    """Measure the distance of each candidate, with several credible sets from the one whose variants start it nearest.

    Without credible sets all variants with a PIP count, without PIPs the lead variant.
    """
    genes = data.candidates.genes
    sets = locus_signals(data.scored)
    if not sets:
        lead = pd.DataFrame({"position": [parse_variant_key(data.lead_variant).position], "pip": [1.0]})
        to_start, to_body = _mean_log10(genes, lead)
        note = "of the lead variant: no variant has a PIP"
        return Distances(to_start, to_body, [None] * len(genes), [[data.lead_variant]] * len(genes), note)
    means = np.stack([_mean_log10(genes, group) for group in sets.values()])  # credible sets x (start, body) x genes
    numbers, names = list(sets), [by_pip(group) for group in sets.values()]
    notes = [f"nearest of {len(sets)} credible sets"] if len(sets) > 1 else []
    if data.n_unscored:
        notes.append(f"{data.n_unscored} variants without a PIP are not counted")
    nearest = means[:, 0].argmin(axis=0)
    to_start, to_body = means[nearest, :, np.arange(len(genes))].T
    return Distances(
        to_start, to_body, [numbers[row] for row in nearest], [names[row] for row in nearest], "; ".join(notes)
    )


def locus_signals(scored: pd.DataFrame) -> dict[int | None, pd.DataFrame]:
    """Variants of each credible set by its number, or all variants under None where there is no credible set.

    Parameters
    ----------
    scored
        Rows of CREDIBLE_SETS with a PIP, of one locus. Sets whose PIPs are all 0 are left out.
    """
    inside = scored[scored["credible_set"].notna()]
    numbers = inside["credible_set"].astype(int)
    found: dict[int | None, pd.DataFrame] = {int(number): inside[numbers == number] for number in np.unique(numbers)}
    if not found:
        found[None] = scored
    return {number: group for number, group in found.items() if group["pip"].sum() > 0}


def _mean_log10(genes: pd.DataFrame, variants: pd.DataFrame) -> npt.NDArray[np.float64]:
    """To the transcription start and to the gene body, float64 (2, n_genes)."""
    starts, first, last = (column.to_numpy(np.float64) for column in (genes["tss"], genes["start"] + 1, genes["end"]))
    positions, pips = (variants[name].to_numpy(np.float64) for name in ("position", "pip"))
    to_start = mean_log10_distance(starts, starts, positions, pips)
    return np.stack([to_start, mean_log10_distance(first, last, positions, pips)])


def competition_ranks(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rank from the smallest, 1-based; equal distances share the better rank.

    >>> competition_ranks(np.array([5.0, 1.0, 1.0, 9.0]))
    array([3, 1, 1, 4])
    """
    ranks: npt.NDArray[np.int64] = 1 + np.sum(distances[None, :] < distances[:, None], axis=1)
    return ranks


def centered(log_odds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Divide factors by their mean over the candidates, in logarithms.

    What compares candidates with each other then tells genes apart and by itself says nothing about `none`; a locus
    with one gene gets 0.
    """
    values = np.asarray(log_odds, dtype=np.float64)
    shifted = values - values.max()
    ratios: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).mean())
    return ratios


def _detail(data: LocusData, index: int, distances: Distances, rank: int) -> str:
    genes = data.candidates.genes.to_dict("records")
    gene, top = genes[index], parse_variant_key(distances.variants[index][0])
    body = distance_to_interval(top.position, gene["start"], gene["end"])
    mean = format_bases(float(distances.bases[index]))
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
