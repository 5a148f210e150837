"""Background of a model's scores: single-base changes drawn at random from the genome itself.

The draw depends on the genome and the seed alone, so every variant of a run is compared with the same background.
"""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import ORDER
from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.core.schemas import SCORE_BACKGROUND
from locus2target.sequence.backends import READS_NO_SEQUENCE, Score, VariantModel, VariantScores
from locus2target.sequence.encoding import BASES
from locus2target.sequence.score_cache import model_digest
from locus2target.sequence.scoring import Scoring, largest_values
from locus2target.sequence.windows import FetchBases

_LOGGER = logging.getLogger(__name__)
SEED = 0
_MAX_ROUNDS = 50
_SPARSE = 0.5  # share of random places with sequence, below which the FASTA is of part of a genome
_PIECE_BP = 1 << 16  # such a FASTA is searched for sequence in pieces of this size
# Fine where it matters: a quantile of 0.99 or more makes a change "large".
PROBABILITIES = np.concatenate([np.arange(0, 90) / 100, np.arange(900, 1_001) / 1_000])
# Every track of these has a score for every variant; elsewhere only scores worth reporting are kept.
_DENSE = frozenset({"track", "cell"})


def sample_background(scoring: Scoring, *, n: int, seed: int = SEED) -> pd.DataFrame:
    """Quantiles of the sizes of a model's scores over random single-base changes.

    Parameters
    ----------
    scoring
        Model and genome.
    n
        Changes wanted, drawn uniformly from bases that the model can score.
    seed
        Of the draw.

    Returns
    -------
    pd.DataFrame
        Table `score_background`; empty for a model that reads no sequence, and when the genome has too little
        sequence to find `n` places.
    """
    model = scoring.model
    if model.spec.kind in READS_NO_SEQUENCE or n == 0:
        return SCORE_BACKGROUND.empty()
    scores = _score_random(scoring, n=n, seed=seed)
    if len(scores.status) < n:
        _LOGGER.warning("only %d of %d random places could be scored: no background", len(scores.status), n)
        return SCORE_BACKGROUND.empty()
    largest = np.abs(largest_values(scores, model.scores))
    rows = [_rows(model, score, None, largest[:, s]) for s, score in enumerate(model.scores)]
    if model.spec.kind in _DENSE:
        rows += _track_rows(model, scores)
    table = pd.concat(rows, ignore_index=True).assign(model_sha256=model_digest(model))
    return table[SCORE_BACKGROUND.names]


def check_background(background: pd.DataFrame, model: VariantModel, *, where: str) -> None:
    """Refuse the background of another model, or of the same model with other settings.

    Raises
    ------
    InputError
        If it is not this model's.
    """
    digests = set(background["model_sha256"]) - {model_digest(model)}
    if digests:
        raise InputError(
            f"the background is of a model with digest {min(digests)}, {model.spec.model} has {model_digest(model)}",
            where=where,
            remedy="Leave `background` empty in the models sheet, so that this run samples its own.",
        )


def background_quantiles(
    background: pd.DataFrame, scorer: str, mask: str, track: str | None, sizes: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Share of the background that is smaller than each size, rounded down to the table's grid; NaN without one."""
    of_track = background["track"].isna() if track is None else background["track"] == track
    grid = background[(background["scorer"] == scorer) & (background["mask"] == mask) & of_track]
    if grid.empty:
        return np.full(len(sizes), np.nan)
    below = np.searchsorted(grid["size"].to_numpy(np.float32), sizes, side="left")
    return np.concatenate([[0.0], grid["probability"].to_numpy(np.float64)])[below]


def _score_random(scoring: Scoring, *, n: int, seed: int) -> VariantScores:
    """Scores of the first n random changes that can be scored, of fewer when there are not enough."""
    fetch, lengths = scoring.sources.fetch, scoring.sources.lengths
    stretches = [Region(name, 0, lengths[name]) for name in lengths if name in ORDER]
    stretches = stretches or [Region(name, 0, length) for name, length in lengths.items()]
    if len(_draw(np.random.default_rng(seed), fetch, stretches, n)) < _SPARSE * n:
        stretches = _with_sequence(fetch, stretches)
    generator = np.random.default_rng(seed)
    kept: list[tuple[npt.NDArray[np.int64], VariantScores]] = []
    found = 0
    for _ in range(_MAX_ROUNDS):
        drawn = _draw(generator, fetch, stretches, n)
        drawn = drawn.iloc[generator.permutation(len(drawn))[: n - found]]  # they come along the genome
        scores = scoring.score(drawn)
        scores = scores.take(np.flatnonzero(scores.scored))
        kept.append((np.arange(found, found + len(scores.status)), scores))
        found += len(scores.status)
        if found >= n or not stretches:
            break
    return VariantScores.merge(found, kept)


def _rows(model: VariantModel, score: Score, track: str | None, sizes: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Quantiles of one score over the variants that have it: sizes that at least a share does not exceed."""
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return SCORE_BACKGROUND.empty()
    return pd.DataFrame(
        {
            "model": model.spec.model,
            "scorer": score.name if track is not None else score.largest,
            "mask": score.mask,
            "formula": score.formula,
            "track": pd.Series([track] * len(PROBABILITIES), dtype="str"),
            "probability": PROBABILITIES,
            "size": np.quantile(sizes, PROBABILITIES, method="inverted_cdf").astype(np.float32),
            "n_variants": len(sizes),
        }
    )


def _track_rows(model: VariantModel, scores: VariantScores) -> list[pd.DataFrame]:
    """Quantiles of every score on every track, over variants and genes."""
    effects = scores.effects
    order = np.lexsort((effects.tracks, effects.scores))
    pair = effects.scores[order] * len(model.spec.tracks) + effects.tracks[order]
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    return [
        _rows(
            model,
            model.scores[effects.scores[rows[0]]],
            model.spec.tracks[effects.tracks[rows[0]]].name,
            np.abs(effects.values[rows]),
        )
        for rows in np.split(order, starts[1:])
        if len(rows)
    ]


def _with_sequence(fetch: FetchBases, stretches: Sequence[Region]) -> list[Region]:
    """Pieces of the stretches that hold a known base."""
    pieces = (
        Region(stretch.chromosome, start, min(start + _PIECE_BP, stretch.end))
        for stretch in stretches
        for start in range(stretch.start, stretch.end, _PIECE_BP)
    )
    return [piece for piece in pieces if fetch(piece.chromosome, piece.start, piece.end).strip("N")]


def _draw(generator: np.random.Generator, fetch: FetchBases, stretches: Sequence[Region], n: int) -> pd.DataFrame:
    """Draw n places along the stretches, and another base at each; places without sequence are left out."""
    ends = np.cumsum([0, *(stretch.length for stretch in stretches)])
    places = np.sort(generator.integers(ends[-1], size=n)) if stretches else np.empty(0, np.int64)
    shifts = generator.integers(1, 4, size=len(places))
    rows = []
    for place, shift in zip(places.tolist(), shifts.tolist(), strict=True):
        index = int(np.searchsorted(ends, place, side="right")) - 1
        stretch = stretches[index]
        start = stretch.start + place - int(ends[index])
        ref = fetch(stretch.chromosome, start, start + 1)
        if ref in BASES:
            rows.append((stretch.chromosome, start + 1, ref, BASES[(BASES.index(ref) + shift) % 4]))
    return pd.DataFrame(rows, columns=["chromosome", "position", "ref", "alt"])
