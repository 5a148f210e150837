"""Which bases of a window a model reads, and which motifs stand there: what a mutagenesis map says in short."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import ATTRIBUTION, MOTIF_HITS
from locus2target.core.variants import parse_variant_key
from locus2target.sequence.encoding import Codes, encode
from locus2target.sequence.motif_bank import MotifBank, pvalue_table, score_matrix
from locus2target.sequence.windows import OK

HITS_PER_WINDOW = 5
_MAX_SHIFT_P = 0.05
_WINDOW = ["locus", "variant", "model"]
_SUBSTITUTIONS = 3
_FloatArray = npt.NDArray[np.float64]


def attribute(mutagenesis: pd.DataFrame) -> pd.DataFrame:
    """Attribution of each reference base: minus the mean change of its three substitutions.

    That is the reference column of a mutagenesis matrix centered at each position, as tangermeme and AlphaGenome
    define it. Bases without all three changes have none.

    Parameters
    ----------
    mutagenesis
        Table `mutagenesis`.

    Returns
    -------
    pd.DataFrame
        Table `attribution`, windows and positions in their order.
    """
    scored = mutagenesis[(mutagenesis["status"] == OK) & mutagenesis["alt"].notna() & mutagenesis["value"].notna()]
    grouped = scored.groupby([*_WINDOW, "chromosome", "position", "ref"], sort=False)["value"]
    bases = grouped.agg(["size", "mean"]).reset_index()
    bases = bases[bases["size"] == _SUBSTITUTIONS]
    return bases.assign(attribution=(-bases["mean"]).astype(np.float32))[ATTRIBUTION.names].reset_index(drop=True)


def name_motifs(attribution: pd.DataFrame, bank: MotifBank, *, motif_p: float) -> pd.DataFrame:
    """Motifs that stand where a window's attribution is: at most five per window, none overlapping a better one.

    A motif counts when a word of the reference matches it with p <= `motif_p`, on either strand, and more attribution
    lies under that word than under 95 % of the same words placed elsewhere (circular shifts). Of all that count,
    the one that holds most of the attribution beyond its share of the bases comes first. It is a name for a pattern:
    many factors of a family share one.

    Parameters
    ----------
    attribution
        Table `attribution`.
    bank
        Motifs.
    motif_p
        Largest p-value of a match for one random word.

    Returns
    -------
    pd.DataFrame
        Table `motif_hits`.
    """
    scanner = _Scanner(bank, motif_p)
    frames = [scanner.hits(window) for _, window in attribution.groupby(_WINDOW, sort=False)]
    hits = pd.concat([MOTIF_HITS.empty(), *frames], ignore_index=True)
    return hits[MOTIF_HITS.names]


class _Scanner:
    """Finds the words of a sequence that match a motif."""

    def __init__(self, bank: MotifBank, motif_p: float) -> None:
        self._bank = bank
        self._matrices = [score_matrix(counts) for counts in bank.counts]
        self._pvalues = pvalue_table(self._matrices)
        self._limit = np.log10(motif_p)

    def hits(self, window: pd.DataFrame) -> pd.DataFrame:
        """Rows of `motif_hits` of one window."""
        first, last = int(window["position"].min()), int(window["position"].max())
        values = np.zeros(last - first + 1)
        values[window["position"].to_numpy() - first] = np.abs(window["attribution"].to_numpy(np.float64))
        bases = np.full(len(values), "N")
        bases[window["position"].to_numpy() - first] = window["ref"].to_numpy(str)
        found = self._matches(encode("".join(bases)))
        if found.empty or values.sum() == 0:
            return MOTIF_HITS.empty()
        found["attribution_share"], found["shift_p"] = _shares(found, values)
        excess = found["attribution_share"] - (found["end"] - found["start"]) / len(values)  # long words hold more
        kept = _best_apart(found.assign(excess=excess)[found["shift_p"] <= _MAX_SHIFT_P])
        centre = parse_variant_key(str(window["variant"].iloc[0]))
        kept["start"] += first - 1
        kept["end"] += first - 1
        holds = (kept["start"] < centre.position - 1 + len(centre.ref)) & (kept["end"] > centre.position - 1)
        labels = {name: window[name].iloc[0] for name in (*_WINDOW, "chromosome")}
        return kept.assign(**labels, holds_variant=holds)

    def _matches(self, codes: Codes) -> pd.DataFrame:
        """All matches: start and end in the sequence, strand, motif, family and p-value."""
        parts = []
        for m, matrix in enumerate(self._matrices):
            for strand, oriented in (("+", matrix), ("-", matrix[::-1, ::-1])):
                scores = _word_scores(codes, oriented)
                log10_p = self._pvalues.log10_p[self._pvalues.zeros[m] + np.maximum(scores, 0)]
                starts = np.flatnonzero((log10_p <= self._limit) & (scores > 0))
                if len(starts):  # few of thousands: a frame of each without rows would take most of the time
                    parts.append(self._rows(m, strand, starts, len(matrix), -log10_p[starts]))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _rows(self, m: int, strand: str, starts: npt.NDArray[np.int64], width: int, size: _FloatArray) -> pd.DataFrame:
        """Matches of one motif on one strand, whose p-values have these sizes (-log10)."""
        name, family = f"{self._bank.names[m]} {self._bank.ids[m]}", self._bank.families[m]
        places = {"start": starts, "end": starts + width, "strand": strand}
        return pd.DataFrame({**places, "motif": name, "motif_family": family, "neg_log10_p": size})


def _word_scores(codes: Codes, matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Score of every word of a sequence, 0 for one with an unknown base; int64 of shape (L - w + 1,), may be empty."""
    width = len(matrix)
    if len(codes) < width:
        return np.empty(0, dtype=np.int64)
    words = np.lib.stride_tricks.sliding_window_view(codes, width)
    padded = np.concatenate([matrix, np.zeros((width, 1), dtype=np.int64)], axis=1)
    scores = padded[np.arange(width), words].sum(axis=1)
    scores[(words > 3).any(axis=1)] = 0
    return np.asarray(scores, dtype=np.int64)


def _shares(found: pd.DataFrame, values: _FloatArray) -> tuple[_FloatArray, _FloatArray]:
    """Share of the attribution under each word, and of circular shifts that put as much there."""
    n, total = len(values), values.sum()
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values]))])
    shares, shift_p = np.empty(len(found)), np.empty(len(found))
    for row, (start, end) in enumerate(zip(found["start"], found["end"], strict=True)):
        under = running[end - start : n + end - start] - running[:n]
        shares[row] = under[start] / total
        shift_p[row] = np.mean(under >= under[start] * (1 - 1e-9))
    return shares, shift_p


def _best_apart(found: pd.DataFrame) -> pd.DataFrame:
    """The best matches that do not overlap: by excess share of the attribution, then by p-value."""
    ordered = found.sort_values(["excess", "neg_log10_p", "motif"], ascending=[False, False, True])
    kept: list[int] = []
    taken: list[tuple[int, int]] = []
    for index, start, end in zip(ordered.index, ordered["start"], ordered["end"], strict=True):
        if len(kept) < HITS_PER_WINDOW and all(end <= other or start >= until for other, until in taken):
            kept.append(index)
            taken.append((start, end))
    return found.loc[kept].copy()
