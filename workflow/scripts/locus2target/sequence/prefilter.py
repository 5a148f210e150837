"""Prefilter of many single-base changes: a gradient says which of them are worth an exact score.

The first-order Taylor expansion of a model around the reference approximates the effect of every base change of a
window from one gradient (TISM; Sasse et al., iScience 2024). It is never a score: it only chooses which variants are
scored exactly. A random sample is scored along with them, and tells how well the choice was made.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, VariantScores
from locus2target.sequence.masks import MaskMaker
from locus2target.sequence.shared_windows import WindowVariants, plan_windows, read_window
from locus2target.sequence.track_model import TrackModel
from locus2target.sequence.track_readings import Reading, plan_readings, union_of_bins
from locus2target.sequence.track_reference import TrackNetwork, plan_runs

_LOGGER = logging.getLogger(__name__)
PREFILTERED = "prefiltered"

_FEWEST = 3  # variants that a rank correlation needs to say anything
_GENE_MASKS = ("exons", "exons_majority", "gene", "tss")
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which variants are scored exactly.

    Attributes
    ----------
    exact
        int64: rows with an exact score.
    sampled
        int64: those of them that were drawn at random from the others that could have been left out.
    """

    exact: Rows
    sampled: Rows


@dataclass(frozen=True, slots=True)
class PrefilteredModel:
    """A `VariantModel` that scores the most promising single-base changes, and everything else, exactly.

    Which variants are scored depends on the others in the batch; what a score is does not.

    Attributes
    ----------
    model
        What scores.
    share
        Of the single-base changes, those with the largest approximate effects: 0 to 1.
    sample
        Single-base changes drawn at random besides.
    seed
        Of the draw.
    """

    model: TrackModel
    share: float
    sample: int = 200
    seed: int = 0

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.model.spec

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores that it gives: those of the model."""
        return self.model.scores

    @property
    def settings_key(self) -> str:
        """Settings of the model: the prefilter decides which variants have a score, never what it is."""
        return self.model.settings_key

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:
        """Score those variants that the prefilter lets through; the others have status `prefiltered`."""
        sizes = _taylor_sizes(self.model, variants, sources)
        choice = choose(sizes, share=self.share, sample=self.sample, seed=self.seed)
        exact = self.model.score(variants.iloc[choice.exact].reset_index(drop=True), sources)
        correlation = rank_correlation(sizes, exact, choice)
        _LOGGER.info("prefilter: %d of %d variants are scored", len(choice.exact), len(variants))
        _LOGGER.info("prefilter: rank correlation with exact scores of a random sample %.3f", correlation)
        left = np.setdiff1d(np.arange(len(variants)), choice.exact)
        reason = (
            f"its approximate effect is not among the largest {self.share:.0%}; on a random sample of "
            f"{len(choice.sampled)} the approximation had rank correlation {correlation:.2f} with the exact score"
        )
        return VariantScores.merge(len(variants), [(choice.exact, exact), (left, _unscored(len(left), reason))])


def choose(sizes: Floats, *, share: float, sample: int, seed: int) -> Choice:
    """Choose the rows with the largest sizes, a random sample of the others, and all without a size (NaN)."""
    ranked = np.flatnonzero(~np.isnan(sizes))
    by_size = ranked[np.argsort(-sizes[ranked], kind="stable")]
    n_top = int(np.ceil(share * len(ranked)))
    rest = np.sort(by_size[n_top:])
    drawn = np.random.default_rng(seed).choice(rest, size=min(sample, len(rest)), replace=False)
    exact = np.union1d(np.flatnonzero(np.isnan(sizes)), np.concatenate([by_size[:n_top], drawn]))
    return Choice(exact.astype(np.int64), np.sort(drawn).astype(np.int64))


def rank_correlation(sizes: Floats, exact: VariantScores, choice: Choice) -> float:
    """Spearman correlation of approximate sizes with exact ones, over the random sample; NaN for fewer than three.

    The exact size is that of the model's first score, the largest over tracks and genes.
    """
    rows = np.searchsorted(choice.exact, choice.sampled)
    known = exact.scored[rows]
    if known.sum() < _FEWEST:
        return float("nan")
    first = exact.effects.take(exact.effects.scores == 0)
    values = np.zeros(len(exact.status))
    np.maximum.at(values, first.variants, np.abs(first.values))
    return float(spearmanr(values[rows[known]], sizes[choice.sampled[known]]).statistic)


def _unscored(n: int, reason: str) -> VariantScores:
    return VariantScores([PREFILTERED] * n, [reason] * n, Effects.empty(), np.zeros(n, dtype=np.int64))


def _taylor_sizes(model: TrackModel, variants: pd.DataFrame, sources: Sources) -> Floats:
    """Size of the approximate effect of each single-base change, float64 (V,); NaN for all others.

    Read from the first replicate, shift and strand.
    """
    window, network = model.spec.window, model.networks[0]
    request = model.requests[0]
    maker = MaskMaker(request.mask, network.geometry, sources)
    sizes = np.full(len(variants), np.nan)
    for cell in plan_windows(
        variants, length=window.length, shared_bp=model.row.shared_bp, center_offset=window.center_offset
    ):
        found = read_window(cell, variants, sources.fetch, length=window.length, flank=window.flank)
        members = np.flatnonzero(found.scorable & (found.ref_lengths == 1) & (found.alt_lengths == 1))
        if not len(members):
            continue
        readings = (
            plan_readings([request], {request.mask: maker}, cell, found, members)
            if request.mask.kind in _GENE_MASKS
            else []
        )
        sizes[cell.rows[members]] = _window_sizes(network, model, found, members, readings)
    return sizes


def _window_sizes(
    network: TrackNetwork, model: TrackModel, found: WindowVariants, members: Rows, readings: Sequence[Reading]
) -> Floats:
    """Largest size over objectives: log2(1 + coverage) of each gene, or of the whole output, mean over tracks."""
    bins = union_of_bins(readings) if readings else np.arange(network.geometry.n_bins)
    one_hot = network.encode(found.ref[None]).requires_grad_()
    levels = network.convolve(one_hot)
    raw = network.predict(lambda level, columns: levels[level][:, :, columns], plan_runs(bins), network.outputs(0))
    coverage = model.untransform(raw)
    masks = {reading.mask.bins.tobytes(): reading.mask.bins for reading in readings} or {b"": bins}
    sizes = np.zeros(len(members))
    for mask in masks.values():
        columns = torch.from_numpy(np.searchsorted(bins, mask)).to(network.device)
        objective = torch.log2(1 + coverage[0, :, columns].sum(1)).mean()
        (gradient,) = torch.autograd.grad(objective, one_hot, retain_graph=True)
        sizes = np.maximum(sizes, np.abs(_changes(gradient[0].float(), found, members)))
    return sizes


def _changes(gradient: Tensor, found: WindowVariants, members: Rows) -> Floats:
    """Approximate change of the objective, float64 (n,), from its gradient (4, L): that of ALT's base minus REF's."""
    starts = found.starts[members]
    alts = np.array([found.alts[member][0] for member in members], dtype=np.int64)
    values = gradient.cpu().numpy().astype(np.float64)
    return np.asarray(values[alts, starts] - values[found.ref[starts], starts], dtype=np.float64)
