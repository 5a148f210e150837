"""The variants of many tables, each once, without the tables in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import SCORED_VARIANTS
from locus2target.core.tables import pieces
from locus2target.core.variant_codes import IntArray, VariantCodes

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CodedVariants:
    """Variants along the genome.

    Attributes
    ----------
    keys
        What the numbers mean.
    codes
        int64 array of shape (n_variants,): numbers of the variants.
    max_pip
        float64 array of shape (n_variants,): largest PIP in any study.
    """

    keys: VariantCodes
    codes: IntArray
    max_pip: FloatArray

    def tables(self, part: slice = slice(None)) -> Iterator[pd.DataFrame]:
        """Consecutive rows as tables `scored_variants`, as `tables.pieces` cuts them; one empty table for none."""
        start, stop, _ = part.indices(len(self.codes))
        for rows in pieces(slice(start, stop)):
            table = self.keys.decode(self.codes[rows]).assign(max_pip=self.max_pip[rows])
            yield table[SCORED_VARIANTS.names]


class LikelyVariants:
    """Gathers the variants with a PIP of at least `min_pip` in any study, once each; no PIP counts as 0.

    Takes tables one by one, and keeps 16 bytes per variant.

    Parameters
    ----------
    min_pip
        Smallest posterior inclusion probability; 0 for every variant.
    """

    def __init__(self, min_pip: float) -> None:
        self._min_pip = min_pip
        self._keys = VariantCodes()
        self._codes, self._max_pip = np.empty(0, dtype=np.int64), np.empty(0)
        self._pending: list[tuple[IntArray, FloatArray]] = []

    def add(self, credible_sets: pd.DataFrame) -> None:
        """Take the rows of one table `credible_sets`."""
        pip = credible_sets["pip"].fillna(0.0).to_numpy(np.float64)
        likely = pip >= self._min_pip
        self._pending.append((self._keys.encode(credible_sets[likely]), pip[likely]))
        # As many rows as there are variants already: however many tables come, a row is sorted only a few times.
        if sum(len(codes) for codes, _ in self._pending) > len(self._codes):
            self._merge()

    def _merge(self) -> None:
        """Keep each variant once, with its largest PIP."""
        codes = np.concatenate([self._codes, *(codes for codes, _ in self._pending)])
        pips = np.concatenate([self._max_pip, *(pips for _, pips in self._pending)])
        self._pending = []
        self._codes, variant = np.unique(codes, return_inverse=True)
        self._max_pip = np.full(len(self._codes), -np.inf)
        np.maximum.at(self._max_pip, variant, pips)

    def along_genome(self) -> CodedVariants:
        """The variants of all tables taken, in their order along the genome."""
        self._merge()
        order = self._keys.along_genome(self._codes)
        return CodedVariants(self._keys, self._codes[order], self._max_pip[order])
