"""Background for a score: single-base changes drawn at random from the genome itself.

The draw depends on the genome and the seed alone, never on the variants of a job, so every job of a run compares with
the same background.
"""

import logging
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import ORDER
from locus2target.sequence.backends import Model, PredictionT
from locus2target.sequence.encoding import BASES
from locus2target.sequence.scoring import score_variants
from locus2target.sequence.windows import FetchBases

_LOGGER = logging.getLogger(__name__)
N_BACKGROUND = 2_000  # standard error of a quantile of 0.95: 0.005
SEED = 0
_MAX_ROUNDS = 50  # gives up on a genome with less than 2 % sequence


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
    generator = np.random.default_rng(seed)
    sizes = np.empty(0)
    for _ in range(_MAX_ROUNDS):
        variants = _draw(generator, fetch, lengths, n)
        scores = score_variants(model, variants, fetch, batch_size=batch_size)
        sizes = np.concatenate([sizes, np.abs(scores.largest()[0][scores.scored])])[:n]
        if len(sizes) == n:
            return np.sort(sizes)
    _LOGGER.warning("only %d of %d random places have sequence: scores get no background quantile", len(sizes), n)
    return np.empty(0)


def _draw(generator: np.random.Generator, fetch: FetchBases, lengths: Mapping[str, int], n: int) -> pd.DataFrame:
    """Draw n places along the chromosomes, and another base at each; places without sequence are left out."""
    chromosomes = [name for name in lengths if name in ORDER] or list(lengths)
    ends = np.cumsum([lengths[name] for name in chromosomes])
    places = np.sort(generator.integers(ends[-1], size=n))
    shifts = generator.integers(1, 4, size=n)
    contigs = np.searchsorted(ends, places, side="right")
    rows = []
    for contig, place, shift in zip(contigs.tolist(), places.tolist(), shifts.tolist(), strict=True):
        chromosome = chromosomes[contig]
        start = place - int(ends[contig]) + lengths[chromosome]
        ref = fetch(chromosome, start, start + 1)
        if ref in BASES:
            rows.append((chromosome, start + 1, ref, BASES[(BASES.index(ref) + shift) % 4]))
    return pd.DataFrame(rows, columns=["chromosome", "position", "ref", "alt"])
