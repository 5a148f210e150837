"""Masks: which output bins a score reads, for each gene, around the variant, or in its peak.

Output bins are counted after the crop: bin i covers `bin_bp` bases from `window_start + (crop_bins + i) * bin_bp` on.
Bases are those of the genome, 0-based, in the coordinates of REF.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.intervals import start_of
from locus2target.sequence.backends import Sources
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.networks.interface import Geometry

SourceT = TypeVar("SourceT")
IntArray = npt.NDArray[np.int64]
MaskKind = Literal["all", "exons", "exons_majority", "gene", "tss", "center", "peak"]

MASKS: Mapping[str, str] = {
    "all": "all output bins",
    "exons": "of each gene: bins with at least one base of an exon",
    "exons_majority": "of each gene: bins between the bin borders nearest to an exon's ends",
    "gene": "of each gene: bins between the bin borders nearest to the gene's ends",
    "tss:BP": "of each gene: as many bins as hold BP bases, around the bin with its TSS",
    "center:BP": "as many bins as hold BP bases, around the bin with the variant",
    "peak": "bins with at least one base of a peak that overlaps the variant",
}
"""Masks by how they are written."""

_TEXT = re.compile(r"^(?P<kind>[a-z_]+)(?::(?P<width>[1-9]\d*))?$")
_WINDOWS_KEPT = 16  # a shared window is asked for once per variant and shift


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """Which bins a score reads; `width_bp` is 0 for kinds without a width."""

    kind: MaskKind
    width_bp: int = 0

    @property
    def text(self) -> str:
        """As it is written in tables, for example `center:501`; empty for all bins."""
        if self.kind == "all":
            return ""
        return f"{self.kind}:{self.width_bp}" if self.width_bp else self.kind

    def n_bins(self, bin_bp: int) -> int:
        """Whole bins that hold the width; 0 for kinds without one."""
        return -(-self.width_bp // bin_bp)

    def extent(self, bin_bp: int) -> str:
        """Bins that the width comes to, in words; empty for kinds without one."""
        n_bins = self.n_bins(bin_bp)
        return f"{self.text} is {n_bins} x {bin_bp} bp" if n_bins else ""


@dataclass(frozen=True, slots=True)
class Mask:
    """Bins of one score.

    Attributes
    ----------
    gene_id
        Gene that the bins belong to, or None.
    bins
        int64 of shape (K,): output bins, ascending, at least one.
    coverage
        Share of the mask's bases that lie inside the output; NaN when the mask is the output itself.
    """

    gene_id: str | None
    bins: IntArray
    coverage: float


def parse_mask(text: str, *, where: str) -> MaskSpec:
    """Read a mask such as `exons` or `center:2001`.

    Raises
    ------
    InputError
        If there is no such mask, or its width is missing or not wanted.
    """
    match = _TEXT.match(text)
    pattern = None if match is None else match["kind"] + (":BP" if match["width"] else "")
    if match is None or pattern not in MASKS:
        raise InputError(
            f"{text!r} is not a mask", where=where, remedy=f"Use one of {', '.join(MASKS)} (BP: bases, 1 or more)."
        )
    return MaskSpec(cast("MaskKind", match["kind"]), int(match["width"] or 0))


class MaskMaker:
    """Makes one kind of mask for windows of one geometry.

    Genes are searched in arrays that are sorted once per chromosome, and the genes of a window are found once for all
    of its variants. Scores with the same mask should share a maker.

    Parameters
    ----------
    spec
        Which mask.
    geometry
        Shape of the network's windows.
    sources
        Genes and exons, or peaks, when the mask is about them. Exons of genes that are not in `genes.genes` are left
        out, so that a subset of the genes can be scored.

    Raises
    ------
    InputError
        If the mask needs genes or peaks and the run has none.
    """

    def __init__(self, spec: MaskSpec, geometry: Geometry, sources: Sources) -> None:
        self._spec = spec
        self._geometry = geometry
        self._n_around = spec.n_bins(geometry.bin_bp)
        self._all = (Mask(None, np.arange(geometry.n_bins), float("nan")),)
        self._features = lru_cache(maxsize=None)(_feature_reader(spec, sources))
        self._of_window = lru_cache(maxsize=_WINDOWS_KEPT)(self._genes)

    def masks(
        self, chromosome: str, window_start: int, variant_start: int, variant_end: int, *, stitched: bool = False
    ) -> tuple[Mask, ...]:
        """Masks with at least one bin in the output of a window; genes in the order of their table.

        Parameters
        ----------
        chromosome
            Of the window.
        window_start
            First base of the window, 0-based; may be negative.
        variant_start, variant_end
            Bases of REF that the variant changes, 0-based and half-open; an insertion has none (equal numbers: it lies
            before `variant_start`). `center` looks at the first number alone.
        stitched
            Whether the predictions leave these bases out, so that the base at `variant_end` follows the base before
            `variant_start` (`indels.stitch`): for variants with alleles of different length.

        Returns
        -------
        tuple
            Empty when nothing lies in the output: no gene, no peak that overlaps the variant, or the variant itself
            outside.
        """
        grid = _Grid(window_start, self._geometry)
        left_out = _LeftOut(variant_start, variant_end - variant_start) if stitched else _LeftOut()
        match self._spec.kind:
            case "all":
                return self._all
            case "center":
                return self._center(grid, variant_start)
            case "peak":
                return self._peak(chromosome, grid, left_out, variant_start, variant_end)
            case _:
                return self._of_window(chromosome, grid, left_out if left_out.length else _LeftOut())

    def _center(self, grid: "_Grid", variant_start: int) -> tuple[Mask, ...]:
        if not grid.start <= variant_start < grid.end:
            return ()
        spans = grid.around(np.array([variant_start], dtype=np.int64), self._n_around)
        return _make_masks(grid, _any_overlap, _Features.of_nobody(spans), _LeftOut())

    def _peak(
        self, chromosome: str, grid: "_Grid", left_out: "_LeftOut", variant_start: int, variant_end: int
    ) -> tuple[Mask, ...]:
        peaks = self._features(chromosome)
        last = max(variant_end, variant_start + 1)  # an insertion is in the peak of the base behind it
        spans = _union(peaks.overlapping(variant_start, last).spans)
        return _make_masks(grid, _any_overlap, _Features.of_nobody(spans), left_out)

    def _genes(self, chromosome: str, grid: "_Grid", left_out: "_LeftOut") -> tuple[Mask, ...]:
        features = self._features(chromosome)
        margin = left_out.length + (self._n_around + 1) * self._geometry.bin_bp
        near = features.overlapping(grid.start - margin, grid.end + margin)
        if self._spec.kind == "tss":
            around = grid.around(left_out.collapse(near.spans)[:, 0], self._n_around)
            n_bases = np.full_like(near.n_bases, self._n_around * self._geometry.bin_bp)
            return _make_masks(grid, _any_overlap, replace(near, spans=around, n_bases=n_bases), _LeftOut())
        rule = _any_overlap if self._spec.kind == "exons" else _nearest_border
        return _make_masks(grid, rule, near, left_out)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Output bins of one window."""

    window_start: int
    geometry: Geometry

    @property
    def start(self) -> int:
        """First base of the output."""
        return self.window_start + self.geometry.crop_bins * self.geometry.bin_bp

    @property
    def end(self) -> int:
        """Base behind the output."""
        return self.start + self.geometry.n_bins * self.geometry.bin_bp

    def around(self, bases: IntArray, n_bins: int) -> IntArray:
        """Spans (N, 2) of `n_bins` bins around the bins that hold these bases, also where the output has ended.

        Of an even number, one more lies left of the middle bin than right: AlphaGenome's center mask
        (alphagenome_research center_mask.py at commit e918b8a).
        """
        bin_bp = self.geometry.bin_bp
        starts = self.start + ((bases - self.start) // bin_bp - n_bins // 2) * bin_bp
        return np.stack([starts, starts + n_bins * bin_bp], axis=1)


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Bases that stitched predictions have no place for."""

    start: int = 0
    length: int = 0

    def collapse(self, spans: IntArray) -> IntArray:
        """Spans in the coordinates of the predictions: all behind these bases moves up to the base before them."""
        return spans - np.clip(spans - self.start, 0, self.length)


@dataclass(frozen=True, slots=True)
class _Features:
    """Spans of G owners on one chromosome.

    Attributes
    ----------
    gene_ids
        object of shape (G,): genes, or None.
    n_bases
        int64 of shape (G,): bases of all spans of each owner.
    owners
        int64 of shape (N,): owner of each span.
    spans
        int64 of shape (N, 2): start and end, by start.
    reach
        int64 of shape (N,): largest end of a span and all before it.
    """

    gene_ids: npt.NDArray[np.object_]
    n_bases: IntArray
    owners: IntArray
    spans: IntArray
    reach: IntArray

    @classmethod
    def of_genes(cls, gene_ids: npt.NDArray[np.object_], owners: IntArray, spans: IntArray) -> "_Features":
        """Spans in any order; those of owner -1, a gene that is not asked for, are left out."""
        owned = np.flatnonzero(owners >= 0)
        order = owned[np.argsort(spans[owned, 0], kind="stable")]
        owners, spans = owners[order], spans[order]
        n_bases = np.zeros(len(gene_ids), dtype=np.int64)
        np.add.at(n_bases, owners, spans[:, 1] - spans[:, 0])
        return cls(gene_ids, n_bases, owners, spans, np.maximum.accumulate(spans[:, 1]))

    @classmethod
    def of_nobody(cls, spans: IntArray) -> "_Features":
        """Spans of a mask that belongs to no gene."""
        return cls.of_genes(np.array([None], dtype=np.object_), np.zeros(len(spans), dtype=np.int64), spans)

    def overlapping(self, start: int, end: int) -> "_Features":
        """Those of the spans that share a base with start..end."""
        first = np.searchsorted(self.reach, start, side="right")
        last = np.searchsorted(self.spans[:, 0], end, side="left")
        rows = first + np.flatnonzero(self.spans[first:last, 1] > start)
        return replace(self, owners=self.owners[rows], spans=self.spans[rows], reach=self.reach[rows])


def _feature_reader(spec: MaskSpec, sources: Sources) -> Callable[[str], _Features]:
    """How to get what the mask is about on a chromosome."""
    if spec.kind in {"all", "center"}:
        return lambda _chromosome: _Features.of_nobody(np.empty((0, 2), dtype=np.int64))
    if spec.kind == "peak":
        return partial(_read_peaks, _given(sources.peaks, spec, "peaks", "Name a file of peaks in the config"))
    return partial(_read_genes, _given(sources.genes, spec, "genes", "Set genome.gtf in the config"), spec.kind)


def _given(source: SourceT | None, spec: MaskSpec, what: str, remedy: str) -> SourceT:
    if source is None:
        raise InputError(
            f"mask {spec.text} needs {what}, and the run has none",
            where="models sheet, scorers",
            remedy=f"{remedy}, or choose another mask.",
        )
    return source


def _read_genes(genes: GeneModels, kind: MaskKind, chromosome: str) -> _Features:
    """What the mask counts of each gene: its exons, its span or the base of its TSS."""
    table = genes.genes[genes.genes["chromosome"] == chromosome]
    gene_ids = pd.Index(table["gene_id"])
    owners = np.arange(len(table))
    if kind == "tss":
        first = table["tss"].map(start_of).to_numpy(np.int64)
        spans = np.stack([first, first + 1], axis=1)
    elif kind == "gene":
        spans = table[["start", "end"]].to_numpy(np.int64)
    else:
        exons = genes.exons[genes.exons["chromosome"] == chromosome]
        owners = gene_ids.get_indexer(pd.Index(exons["gene_id"])).astype(np.int64)
        spans = exons[["start", "end"]].to_numpy(np.int64)
    return _Features.of_genes(gene_ids.to_numpy(np.object_), owners, spans)


def _read_peaks(peaks: pd.DataFrame, chromosome: str) -> _Features:
    return _Features.of_nobody(peaks.loc[peaks["chromosome"] == chromosome, ["start", "end"]].to_numpy(np.int64))


def _union(spans: IntArray) -> IntArray:
    """Spans (N, 2), sorted by start, with those that overlap or touch joined."""
    reach = np.maximum.accumulate(spans[:, 1])
    apart = np.flatnonzero(spans[1:, 0] > reach[:-1]) + 1
    firsts = np.concatenate([[0], apart])[: len(spans)]
    lasts = np.append(apart, len(spans))[: len(spans)] - 1
    return np.stack([spans[firsts, 0], reach[lasts]], axis=1)


_Rule = Callable[[IntArray, int], IntArray]
"""Spans (N, 2) in bases from the start of the output, and bases per bin -> first bin and the one behind the last."""


def _any_overlap(spans: IntArray, bin_bp: int) -> IntArray:
    """Bins with at least one base: `Gene.output_slice` of baskerville at commit 777c733."""
    return np.stack([spans[:, 0] // bin_bp, -(-spans[:, 1] // bin_bp)], axis=1)


def _nearest_border(spans: IntArray, bin_bp: int) -> IntArray:
    """Between the nearest borders of bins, halves to the even one: borzoi_sed.py of borzoi at commit 6d657e1."""
    borders: IntArray = np.rint(spans / bin_bp).astype(np.int64)
    return borders


def _make_masks(grid: _Grid, rule: _Rule, features: _Features, left_out: _LeftOut) -> tuple[Mask, ...]:
    """One mask per owner that has a bin in the output."""
    bin_bp, n_bins = grid.geometry.bin_bp, grid.geometry.n_bins
    spans = left_out.collapse(features.spans) - grid.start
    kept = spans[:, 1] > spans[:, 0]
    spans, owners = spans[kept], features.owners[kept]
    ranges = np.clip(rule(spans, bin_bp), 0, n_bins)
    keys = np.unique(np.repeat(owners * n_bins, ranges[:, 1] - ranges[:, 0]) + _expand(ranges))
    masked, firsts = np.unique(keys // n_bins, return_index=True)
    bases = np.bincount(owners, np.diff(np.clip(spans, 0, n_bins * bin_bp))[:, 0], minlength=len(features.n_bases))
    return tuple(
        Mask(features.gene_ids[owner], bins, float(bases[owner] / features.n_bases[owner]))
        for owner, bins in zip(masked, np.split(keys % n_bins, firsts[1:]), strict=False)
    )


def _expand(ranges: IntArray) -> IntArray:
    """All numbers of half-open ranges (N, 2), one range after the other."""
    counts = ranges[:, 1] - ranges[:, 0]
    before = np.cumsum(counts) - counts
    numbers: IntArray = np.arange(counts.sum()) + np.repeat(ranges[:, 0] - before, counts)
    return numbers
