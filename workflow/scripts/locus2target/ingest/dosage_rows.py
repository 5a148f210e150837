"""Dosages of one region's variants, gathered row by row while its records are read."""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from locus2target.ingest import dosages_numba

DosageArray = npt.NDArray[np.float32]
CodeArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
VariantKey = tuple[int, str, str]
"""Position, REF and ALT of a normalised variant on the chromosome that is read."""
PlacedAllele = tuple[VariantKey, int, bool]
"""One ALT allele of a record as a normalised variant, which of the record's it is (1 is the first), and whether the
record has REF and ALT the other way round. A plain tuple, since millions are made."""

_WHOLE, _FRACTIONAL = "whole", "fractional"  # rows of int8, -1 where missing; of float32, NaN where missing
_BLOCK_ROWS = 128
_STORE_BYTES = 1 << 26  # at a time; only what is written takes memory
_DOSAGE_ROUNDING = 0.01  # imputation servers write dosages with two or three digits


class GatheredDosages(NamedTuple):
    """Variants in the order of their keys."""

    keys: list[VariantKey]
    dosages: DosageArray  # shape (n_variants, n_samples); NaN where missing
    frequencies: FloatArray  # of ALT
    n_exchanged: int


class _Kept(NamedTuple):
    """Usable variants of one block, as the records have them."""

    keys: list[VariantKey]
    exchanged: BoolArray
    frequencies: FloatArray
    dosages: npt.NDArray[Any]


class DosageRows:
    """Gathers variants with their dosages, and counts the ones that are left out.

    Rows are read into a small block, which stays in the processor's cache; a full block is judged at once, and its
    usable rows are copied into a large store. An array for each variant instead would lie between the buffers that
    the records are read into, and cost a tenth of the reading.

    Parameters
    ----------
    n_samples
        People.
    min_maf
        Variants with a rarer minor allele are left out.
    """

    def __init__(self, n_samples: int, min_maf: float) -> None:
        self.left_out: Counter[str] = Counter()
        self._n_samples = n_samples
        self._min_maf = min_maf
        shape = (_BLOCK_ROWS, n_samples)
        self._blocks: dict[str, npt.NDArray[Any]] = {
            _WHOLE: np.empty(shape, dtype=np.int8),
            _FRACTIONAL: np.empty(shape, dtype=np.float32),
        }
        self._kind = _WHOLE  # of the block that is being filled; the other one is empty
        self._placed: list[PlacedAllele] = []
        self._counted: list[dosages_numba.Counted] = []
        self._store: npt.NDArray[np.int8] = np.empty((0, n_samples), dtype=np.int8)
        self._known: set[VariantKey] = set()
        self._kept: list[_Kept] = []

    def add_called(self, placed: PlacedAllele, codes: CodeArray) -> None:
        """Read an allele from the hard calls of a record, as htslib codes them."""
        if codes.shape[1] == 2:
            counted = dosages_numba.count_diploid(codes, placed[1], self._free_row(_WHOLE))
        else:
            counted = dosages_numba.count_alleles(codes, placed[1], self._free_row(_FRACTIONAL))
        self._counted.append(counted)
        self._placed.append(placed)

    def add_imputed(self, placed: PlacedAllele, imputed: DosageArray, codes: CodeArray) -> None:
        """Read an allele from its imputed dosages; the calls say who is haploid, and have no places if nobody is."""
        counted = dosages_numba.take_dosages(imputed, codes, _DOSAGE_ROUNDING, self._free_row(_FRACTIONAL))
        if counted[0] < 0:
            self.left_out["invalid_dosage"] += 1
            return
        self._counted.append(counted)
        self._placed.append(placed)

    def _free_row(self, kind: str) -> npt.NDArray[Any]:
        if len(self._placed) == _BLOCK_ROWS or kind != self._kind:
            self._judge_block()
            self._kind = kind
        row: npt.NDArray[Any] = self._blocks[kind][len(self._placed)]
        return row

    def _judge_block(self) -> None:
        """Keep the usable rows of the block, count the others, and empty it."""
        if not self._placed:
            return
        frequencies, reasons = _judge(np.array(self._counted), self._min_maf)
        rows: list[int] = []
        keys: list[VariantKey] = []
        exchanged: list[bool] = []
        for row, ((key, _, is_exchanged), reason) in enumerate(zip(self._placed, reasons, strict=True)):
            if key in self._known:
                self.left_out["duplicate"] += 1
            elif reason:
                self.left_out[reason] += 1
            else:
                self._known.add(key)
                rows.append(row)
                keys.append(key)
                exchanged.append(is_exchanged)
        self._kept.append(_Kept(keys, np.array(exchanged, dtype=np.bool_), frequencies[rows], self._stored(rows)))
        self._placed.clear()
        self._counted.clear()

    def _stored(self, rows: list[int]) -> npt.NDArray[Any]:
        """Copy of rows of the block."""
        block = self._blocks[self._kind]
        if self._kind == _FRACTIONAL:
            return block[rows]
        if len(self._store) < len(rows):
            self._store = np.empty((_BLOCK_ROWS + _STORE_BYTES // self._n_samples, self._n_samples), dtype=np.int8)
        stored, self._store = self._store[: len(rows)], self._store[len(rows) :]
        block.take(rows, axis=0, out=stored, mode="clip")  # with the default mode it copies twice
        return stored

    def finish(self) -> GatheredDosages:
        """All usable variants by position, REF and ALT."""
        self._judge_block()
        keys = [key for kept in self._kept for key in kept.keys]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        places = np.empty(len(keys), dtype=np.int64)
        places[order] = np.arange(len(keys))
        frequencies = np.empty(len(keys))
        dosages = np.empty((len(keys), self._n_samples), dtype=np.float32)
        first = 0
        for kept in self._kept:
            own = places[first : first + len(kept.keys)]
            frequencies[own] = np.where(kept.exchanged, 1 - kept.frequencies, kept.frequencies)
            dosages_numba.write_rows(kept.dosages, own, kept.exchanged, dosages)
            first += len(own)
        n_exchanged = sum(int(kept.exchanged.sum()) for kept in self._kept)
        return GatheredDosages([keys[row] for row in order], dosages, frequencies, n_exchanged)


def _judge(counted: FloatArray, min_maf: float) -> tuple[FloatArray, list[str]]:
    """ALT frequencies, and the reasons to leave out variants, empty where there is none."""
    n_called, total, lowest, highest = counted.T
    frequencies = total / np.maximum(n_called, 1) / 2
    rare = np.minimum(frequencies, 1 - frequencies) < min_maf
    unusable = [n_called == 0, lowest == highest, rare]
    return frequencies, np.select(unusable, ["no_genotypes", "monomorphic", "rare"], "").tolist()
