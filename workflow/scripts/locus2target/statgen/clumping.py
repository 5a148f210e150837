"""Clumping: the strongest of each group of correlated variants, with LD from a cohort that the run has itself.

Order the variants by p-value, take the first, drop every variant within a distance whose r2 with it reaches a limit,
and repeat with what is left (PLINK's --clump; the defaults of the run are those of TwoSampleMR). LD is read for one
index variant at a time, and genotypes only at the variants themselves. A variant without LD can neither be chosen nor
dropped: it is named, not lost.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import Region, region_of_positions
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.ld import LdMatrix
from locus2target.statgen.ld_sources import GenotypeLd, LdSource, RegionGenotypes

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

INDEX = "index"
CLUMPED = "clumped"
CLUMPED_BY_DISTANCE = "clumped_by_distance"
NOT_IN_LD_PANEL = "not_in_ld_panel"

_MIN_MAF = 0.005  # in the cohort; r of rarer variants is too unstable to judge by
_FLANK_BP = 1_000  # read beyond the outermost variants: a record may start elsewhere than its normalised variant
_MAX_COMPARED = 4_000  # variants per LD matrix: 128 MB in float64
_SAME_READ_BP = 5_000  # gap between variants over which reading on is cheaper than starting anew; above twice the flank
_NO_LD = "the cohort has no LD for the variant"
_BY_DISTANCE = "near {}, and there is no LD between them to say more"


@dataclass(frozen=True, slots=True)
class Clumping:
    """How far an index variant reaches: the config's `clump_bp` (bases on either side) and `clump_r2`."""

    max_bp: int
    min_r2: float


def clump_variants(variants: pd.DataFrame, *, ld_source: LdSource | None, rules: Clumping) -> pd.DataFrame:
    """Say of each variant whether it is an index variant, stands behind one, or has no LD.

    Parameters
    ----------
    variants
        Columns chromosome, position, ref, alt and neg_log10_p; each variant once. Ties go to the first row.
    ld_source
        LD of people like those of the study; None to drop by distance alone.
    rules
        Reach of an index variant.

    Returns
    -------
    pandas.DataFrame
        One row per variant in the order given: `status` (`index`, `clumped`, `clumped_by_distance`, or
        `not_in_ld_panel`) and `reason`, a sentence for all but index variants.
    """
    if isinstance(ld_source, GenotypeLd):
        ld_source = GenotypeLd(SparseGenotypes(ld_source.cohort, variants))
    found: list[tuple[int, str, str]] = []
    for chromosome in variants["chromosome"].unique():
        rows = np.flatnonzero((variants["chromosome"] == chromosome).to_numpy())
        decided = _clump_chromosome(variants.iloc[rows], ld_source, rules)
        found += [(int(rows[row]), status, reason) for row, status, reason in decided]
    table = pd.DataFrame(sorted(found), columns=["row", "status", "reason"])
    return table[["status", "reason"]].set_index(variants.index)


def _clump_chromosome(
    variants: pd.DataFrame, ld_source: LdSource | None, rules: Clumping
) -> Iterator[tuple[int, str, str]]:
    """Row, status and reason of every variant of one chromosome, as they are decided."""
    positions = variants["position"].to_numpy(np.int64)
    keys = variant_keys(variants).to_numpy(object)
    waiting = np.ones(len(variants), dtype=bool)
    for index in np.argsort(-variants["neg_log10_p"].to_numpy(np.float64), kind="stable").tolist():
        if not waiting[index]:
            continue
        waiting[index] = False
        if ld_source is not None and not _rows_with_ld(ld_source, variants, np.array([index])):
            yield index, NOT_IN_LD_PANEL, _NO_LD
            continue
        yield index, INDEX, ""
        near = np.flatnonzero(waiting & (np.abs(positions - positions[index]) <= rules.max_bp))
        for row, status, reason in _judge_near(ld_source, variants, index, near, rules):
            waiting[row] = False
            yield row, status, reason.format(keys[index])


def _judge_near(
    source: LdSource | None, variants: pd.DataFrame, index: int, near: IntArray, rules: Clumping
) -> Iterator[tuple[int, str, str]]:
    """Rows among `near` that end with this index variant: status, and reason with a place for its key."""
    if source is None:
        yield from ((row, CLUMPED_BY_DISTANCE, _BY_DISTANCE) for row in near.tolist())
        return
    r2 = _r2_with_index(source, variants, index, near)
    elsewhere = _rows_with_ld(source, variants, near[np.isnan(r2)])
    for row, value in zip(near.tolist(), r2.tolist(), strict=True):
        if value >= rules.min_r2:
            yield row, CLUMPED, f"r2 {value:.3g} with {{}}"
        elif np.isnan(value) and row in elsewhere:
            yield row, CLUMPED_BY_DISTANCE, _BY_DISTANCE
        elif np.isnan(value):
            yield row, NOT_IN_LD_PANEL, _NO_LD


def _rows_with_ld(source: LdSource, variants: pd.DataFrame, rows: IntArray) -> set[int]:
    """Those of the rows that the source has; matrix files are asked until none has any of the rest."""
    found: set[int] = set()
    while len(rows):
        region = _span(str(variants["chromosome"].iloc[0]), variants["position"].to_numpy(np.int64)[rows])
        known = rows[source.align(region, variants.iloc[rows], min_maf=_MIN_MAF).rows]
        if not len(known):
            break
        found.update(known.tolist())
        rows = np.setdiff1d(rows, known)
    return found


def _r2_with_index(source: LdSource, variants: pd.DataFrame, index: int, others: IntArray) -> FloatArray:
    """Squared correlation of the variants `others` with the index variant; NaN where it is not known."""
    r2 = np.full(len(others), np.nan)
    distance = np.abs(variants["position"].to_numpy(np.int64)[others] - int(variants["position"].iloc[index]))
    nearest = np.argsort(distance, kind="stable")
    for start in range(0, len(others), _MAX_COMPARED):
        part = nearest[start : start + _MAX_COMPARED]
        while len(part):
            known = _align_with_index(source, variants, index, others[part])
            if known is not None:
                r2[part] = known
                break
            part = part[: len(part) // 2]  # matrix files: the nearer ones may be in the index variant's file
    return r2


def _align_with_index(source: LdSource, variants: pd.DataFrame, index: int, others: IntArray) -> FloatArray | None:
    """As `_r2_with_index`, of one read; None where what was read does not hold the index variant."""
    rows = np.sort(np.append(others, index))
    region = _span(str(variants["chromosome"].iloc[0]), variants["position"].to_numpy(np.int64)[rows])
    aligned = source.align(region, variants.iloc[rows], min_maf=_MIN_MAF)
    kept = rows[aligned.rows]
    place = np.flatnonzero(kept == index)
    if not len(place):
        return None
    r2 = np.full(len(variants), np.nan)
    r2[kept] = _row_of(aligned.matrix(), int(place[0])) ** 2
    return r2[others]


def _row_of(ld: LdMatrix, row: int) -> FloatArray:
    """One row of r, without the whole matrix where a factor of it is there."""
    return np.asarray(ld.r[row] if ld.factor is None else ld.factor.T @ ld.factor[:, row], dtype=np.float64)


def _span(chromosome: str, positions: IntArray) -> Region:
    first, last = int(positions.min()) - _FLANK_BP, int(positions.max()) + _FLANK_BP
    return region_of_positions(chromosome, max(first, 1), last)


# ---- Genotypes around a few variants -------------------------------------------------------------------------------


class SparseGenotypes:
    """A cohort of which only what lies around some variants is read, and of that each place once.

    Variants strong enough to be clumped are few, and their window is long: reading all of it would be most of the work,
    and so would be reading them again for every index variant. The dosages of one chromosome's variants are kept.

    Parameters
    ----------
    cohort
        Reads dosages region by region.
    variants
        Columns chromosome and position: the only ones whose dosages are wanted.
    """

    def __init__(self, cohort: RegionGenotypes, variants: pd.DataFrame) -> None:
        self._cohort = cohort
        places = variants.groupby("chromosome")["position"]
        self._positions = {str(name): np.unique(group.to_numpy(np.int64)) for name, group in places}
        self._kept: tuple[str, float, CohortDosages] | None = None

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        """Dosages of the region's variants at the wanted positions; counts are of all that was read for them."""
        if self._kept is None or self._kept[:2] != (region.chromosome, min_maf):
            self._kept = (region.chromosome, min_maf, self._read_chromosome(region.chromosome, min_maf))
        known = self._kept[2]
        inside = known.variants["position"].between(region.first_position, region.last_position).to_numpy()
        return _rows_of(known, inside)

    def _read_chromosome(self, chromosome: str, min_maf: float) -> CohortDosages:
        positions = self._positions.get(chromosome, np.empty(0, dtype=np.int64))
        parts = [
            _at_positions(self._cohort.read_region(stretch, min_maf=min_maf), positions)
            for stretch in _stretches(chromosome, positions)
        ]
        if not parts:
            return self._cohort.read_region(Region(chromosome, 0, 1), min_maf=min_maf)
        skipped: Counter[str] = Counter()
        for part in parts:
            skipped.update(part.skipped)
        return CohortDosages(
            pd.concat([part.variants for part in parts], ignore_index=True),
            np.concatenate([part.dosages for part in parts]),
            parts[0].samples,
            dict(skipped),
            sum(part.n_exchanged for part in parts),
        )


def _stretches(chromosome: str, positions: IntArray) -> Iterator[Region]:
    """Regions that hold the positions, ascending, and the flank around them; they do not overlap."""
    for group in np.split(positions, np.flatnonzero(np.diff(positions) > _SAME_READ_BP) + 1):
        if len(group):
            yield _span(chromosome, group)


def _at_positions(dosages: CohortDosages, positions: IntArray) -> CohortDosages:
    return _rows_of(dosages, dosages.variants["position"].isin(positions).to_numpy())


def _rows_of(dosages: CohortDosages, rows: npt.NDArray[np.bool_]) -> CohortDosages:
    return replace(dosages, variants=dosages.variants[rows].reset_index(drop=True), dosages=dosages.dosages[rows])
