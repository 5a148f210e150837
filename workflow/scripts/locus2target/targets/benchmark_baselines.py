"""Simple rankings that every model stands beside: the nearest gene, and counting evidence."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.targets.benchmark_metrics import Prediction


def baselines(
    candidates: pd.DataFrame, sources: pd.DataFrame | None = None, *, threshold: float = 0.0
) -> dict[str, Prediction]:
    """Predictions of the baselines by name.

    Parameters
    ----------
    candidates
        `Benchmark.candidates`.
    sources
        For `evidence_count`: one numeric column per source beside distance, rows as in `candidates`; missing values
        are no evidence.
    threshold
        A source counts where its value is above this.

    Returns
    -------
    nearest_tss, nearest_body (only when every gene body is known), pip_weighted_distance, evidence_count.
    """
    near = nearest(candidates, "tss_distance")
    found = {"nearest_tss": near}
    if candidates["body_distance"].notna().all():
        found["nearest_body"] = nearest(candidates, "body_distance")
    found["pip_weighted_distance"] = inverse_distance(candidates)
    none = pd.DataFrame(index=candidates.index)
    found["evidence_count"] = evidence_count(candidates, none if sources is None else sources, threshold=threshold)
    return found


def nearest(candidates: pd.DataFrame, column: str) -> Prediction:
    """Rank by a distance, and be sure of the nearest gene (genes equally near share the probability)."""
    return _winner(candidates["locus"], -candidates[column].to_numpy(np.float64))


def inverse_distance(candidates: pd.DataFrame) -> Prediction:
    """Rank by PIP-weighted distance, with probabilities in proportion to 1 / distance.

    The distance is the PIP-weighted geometric mean of (bases to the transcription start + 1 kb).
    """
    log_distance = candidates["mean_log10_tss_distance"]
    # relative to the locus' nearest gene, which leaves the shares as they are and the powers near 1
    nearness = 10.0 ** (log_distance.groupby(candidates["locus"]).transform("min") - log_distance)
    share = nearness / nearness.groupby(candidates["locus"]).transform("sum")
    return Prediction(share.to_numpy(np.float64), -log_distance.to_numpy(np.float64))


def evidence_count(candidates: pd.DataFrame, sources: pd.DataFrame, *, threshold: float) -> Prediction:
    """Rank by the number of sources that speak for a gene, and be sure of the first.

    Being nearest to the lead variant is one source; equal counts are ordered by distance. Without other sources the
    ranking is that of the nearest transcription start.
    """
    distance = candidates["tss_distance"].to_numpy(np.float64)
    is_nearest = nearest(candidates, "tss_distance").probability > 0
    count = is_nearest + (sources > threshold).sum(axis=1).to_numpy(np.int64)
    # below 1, so that distance never outweighs a source
    return _winner(candidates["locus"], count - distance / (1.0 + distance.max(initial=0.0)))


def _winner(locus: pd.Series, score: npt.NDArray[np.float64]) -> Prediction:
    scores = pd.Series(score, index=locus.index)
    first = (scores == scores.groupby(locus).transform("max")).astype(np.float64)
    return Prediction((first / first.groupby(locus).transform("sum")).to_numpy(np.float64), score)
