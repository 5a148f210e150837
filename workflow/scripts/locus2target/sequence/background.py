"""Background for a score: single-base changes drawn at random from the genome itself.

The draw depends on the genome and the seed alone, never on the variants of a job, so every job of a run compares with
the same background.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import ORDER
from locus2target.core.intervals import Region
from locus2target.sequence.backends import Model, PredictionT
from locus2target.sequence.encoding import BASES
from locus2target.sequence.scoring import score_variants
from locus2target.sequence.windows import FetchBases

_LOGGER = logging.getLogger(__name__)
N_BACKGROUND = 2_000  # standard error of a quantile of 0.95: 0.005
SEED = 0
_MAX_ROUNDS = 50
_SPARSE = 0.5  # share of random places with sequence, below which the FASTA is of part of a genome
_PIECE_BP = 1 << 16  # such a FASTA is searched for sequence in pieces of this size


def background_sizes(
    model: Model[PredictionT],
    fetch: FetchBases,
    lengths: Mapping[str, int],
    *,
    batch_size: int,
    n: int = N_BACKGROUND,
    seed: int = SEED,
) -> npt.NDArray[np.float64]:
    """Sizes of the largest effects of random single-base changes.

    Parameters
    ----------
    model, fetch, batch_size
        As for `score_variants`.
    lengths
        Bases of every chromosome of the genome.
    n
        Changes wanted, drawn uniformly from bases that the model can score.
    seed
        Of the draw.

    Returns
    -------
    np.ndarray
        float64 of shape (n,), ascending; empty when the genome has too little sequence to find `n` places.
    """
    stretches = [Region(name, 0, lengths[name]) for name in lengths if name in ORDER]
    stretches = stretches or [Region(name, 0, length) for name, length in lengths.items()]
    if len(_draw(np.random.default_rng(seed), fetch, stretches, n)) < _SPARSE * n:
        stretches = _with_sequence(fetch, stretches)
    generator = np.random.default_rng(seed)
    sizes = np.empty(0)
    for _ in range(_MAX_ROUNDS):
        variants = _draw(generator, fetch, stretches, n)
        scores = score_variants(model, variants, fetch, batch_size=batch_size)
        sizes = np.concatenate([sizes, np.abs(scores.largest()[0][scores.scored])])[:n]
        if len(sizes) == n:
            return np.sort(sizes)
    _LOGGER.warning("only %d of %d random places have sequence: scores get no background quantile", len(sizes), n)
    return np.empty(0)


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
