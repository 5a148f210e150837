"""Which variants the sequence models look at, and how they are dealt to jobs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.schemas import MUTAGENESIS_WINDOWS, SCORED_VARIANTS
from locus2target.core.tables import pieces
from locus2target.core.variant_codes import VariantCodes

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SELECTION_COLUMNS = ("locus", "variant", "chromosome", "position", "ref", "alt", "pip", "neg_log10_p")
"""What this module reads of table `credible_sets`."""


@dataclass(frozen=True, slots=True)
class CodedVariants:
    """The variants to score, along the genome.

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

    def tables(self, part: slice) -> Iterator[pd.DataFrame]:
        """Consecutive rows as tables `scored_variants`, as `tables.pieces` cuts them; one empty table for none."""
        for rows in pieces(part):
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


def best_of_loci(credible_sets: pd.DataFrame, *, variants_per_locus: int) -> pd.DataFrame:
    """Rows of the variants with the highest PIP of every locus; equal PIPs go by association, then by key."""
    ranked = credible_sets[credible_sets["pip"].notna()].sort_values(
        ["pip", "neg_log10_p", "variant"], ascending=[False, False, True], kind="stable"
    )
    return ranked.groupby("locus", sort=False).head(variants_per_locus)


def select_windows(credible_sets: pd.DataFrame, *, variants_per_locus: int) -> pd.DataFrame:
    """The variants with the highest PIP of every locus, along the genome, as `best_of_loci` chooses them.

    Parameters
    ----------
    credible_sets
        Table `credible_sets`, or what `best_of_loci` left of several.
    variants_per_locus
        Variants to choose of each locus.

    Returns
    -------
    pd.DataFrame
        Table `mutagenesis_windows`.
    """
    top = best_of_loci(credible_sets, variants_per_locus=variants_per_locus)
    return _along_genome(top)[MUTAGENESIS_WINDOWS.names]


def deal(n_rows: int, batches: int) -> list[slice]:
    """Cut rows into contiguous parts whose sizes differ by at most one row; parts may be empty."""
    size, larger = divmod(n_rows, batches)
    ends = [(batch + 1) * size + min(batch + 1, larger) for batch in range(batches)]
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _along_genome(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by chromosome, position and alleles; then by locus."""
    rank = table["chromosome"].map(chromosome_rank)
    order = ["_rank", "position", "ref", "alt", "locus"]
    return table.assign(_rank=rank).sort_values(order, kind="stable", ignore_index=True)
