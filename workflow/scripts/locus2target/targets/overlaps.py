"""Which variants lie in which intervals, by bedtools; the only module that calls it."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pybedtools

from locus2target.core.intervals import start_of


def overlapping_rows(variants: pd.DataFrame, intervals: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Pair variants with the intervals that share a base of their REF allele.

    Parameters
    ----------
    variants
        Columns chromosome, position (1-based, of the first REF base) and ref.
    intervals
        Columns chromosome, start and end (0-based, half-open).

    Returns
    -------
    int64 array of shape (n_pairs, 2): row numbers in `variants` and in `intervals`, sorted. One call serves any number
    of loci; nothing is left in the temporary folder.
    """
    if variants.empty or intervals.empty:
        return np.empty((0, 2), dtype=np.int64)
    sites = pd.DataFrame({"chromosome": variants["chromosome"], "start": variants["position"].map(start_of)})
    sites["end"] = sites["start"] + variants["ref"].str.len()
    with tempfile.TemporaryDirectory() as folder:
        left = _write_bed(sites, Path(folder, "variants.bed"))
        right = _write_bed(intervals, Path(folder, "intervals.bed"))
        output = Path(folder, "pairs.bed")
        pybedtools.BedTool(str(left)).intersect(str(right), wa=True, wb=True, output=str(output))
        pairs = _read_pairs(output)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _write_bed(intervals: pd.DataFrame, path: Path) -> Path:
    """Write BED4 whose name is the row number."""
    rows = intervals[["chromosome", "start", "end"]].assign(row=np.arange(len(intervals)))
    rows.to_csv(path, sep="\t", header=False, index=False)
    return path


def _read_pairs(path: Path) -> npt.NDArray[np.int64]:
    if path.stat().st_size == 0:
        return np.empty((0, 2), dtype=np.int64)
    return pd.read_csv(path, sep="\t", header=None, usecols=[3, 7]).to_numpy(np.int64)
