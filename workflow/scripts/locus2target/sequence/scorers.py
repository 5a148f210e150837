"""Scores of ALT against REF from the predicted tracks of both haplotypes.

Each formula is that of one published tool (`docs/scores.md` lists units, sources and what not to conclude). R and A are
the predictions of REF and ALT on the tool's coverage scale, transforms undone, in the bins of the mask.

Differences and logarithms are formed in float32 in a way that keeps small changes of large coverage (`_log_ratio`),
and summed in float64: the sum of 6,144 bins of float32 would lose what a weak variant changes. Scores are float32.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch

from locus2target.core.errors import InputError
from locus2target.sequence.masks import MaskSpec, parse_mask

Reduction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Predictions of REF (B or 1, T, K) and ALT (B, T, K), float32, to scores (B, T), float32."""

_EPSILON = 1e-8  # baskerville's, added to the sum of a profile: one without coverage becomes zeros
_LN2 = math.log(2)
_REQUEST = re.compile(r"^(?P<name>\w+)(?:@(?P<mask>[\w:]+))?$")


@dataclass(frozen=True, slots=True)
class TrackScorer:
    """A score of tracks.

    Attributes
    ----------
    name
        As the field calls it.
    formula
        In one line; R, A: REF and ALT in the bins of the mask; sums, means and largest values are over bins.
    version
        Goes up when a number changes.
    default_mask
        Bins that it reads when the models sheet does not say.
    signed
        Whether exchanging REF and ALT exchanges the sign. Unsigned scores are 0 or above.
    source
        Tool and version, or paper, whose definition it is.
    reduce
        The computation, on any device.
    """

    name: str
    formula: str
    version: int
    default_mask: str
    signed: bool
    source: str
    reduce: Reduction


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A score and the bins it reads."""

    scorer: TrackScorer
    mask: MaskSpec


def _total(values: torch.Tensor) -> torch.Tensor:
    """Sum over bins in float64."""
    return values.sum(dim=-1, dtype=torch.float64)


def _log_ratio(ref: torch.Tensor, alt: torch.Tensor, pseudocount: float) -> torch.Tensor:
    """ln((A + p) / (R + p)) without the digits that the difference of two near logarithms loses.

    Exactly minus itself when REF and ALT are exchanged.
    """
    change = alt - ref
    size = torch.log1p(change.abs() / (torch.minimum(ref, alt) + pseudocount))
    return torch.copysign(size, change)


def _log2_ratio(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    """log2(A + 1) - log2(R + 1)."""
    return _log_ratio(ref, alt, 1.0) / _LN2


def _difference(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    return alt - ref


def _profile_difference(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    """Difference of the profiles, each a share of its own sum."""
    return _profile(alt) - _profile(ref)


def _profile(prediction: torch.Tensor) -> torch.Tensor:
    return prediction / (_total(prediction)[..., None] + _EPSILON).float()


def _sum_of(change: Reduction) -> Reduction:
    return lambda ref, alt: _total(change(ref, alt)).float()


def _norm_of(change: Reduction, order: float) -> Reduction:
    def norm(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.vector_norm(change(ref, alt), order, dim=-1, dtype=torch.float64)
        return values.float()

    return norm


def _largest_of(change: Reduction) -> Reduction:
    return lambda ref, alt: change(ref, alt).abs().amax(dim=-1)


def _log2_ratio_of_sums(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    return (torch.log2(_total(alt) + 1) - torch.log2(_total(ref) + 1)).float()


def _log_ratio_of_means(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    n_bins = alt.shape[-1]
    return (torch.log(_total(alt) / n_bins + 1e-3) - torch.log(_total(ref) / n_bins + 1e-3)).float()


def _larger_sum(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    return torch.maximum(_total(ref), _total(alt)).float()


def _larger_mean(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    return torch.maximum(_total(ref), _total(alt)).div(alt.shape[-1]).float()


def _change_of_largest_size(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    change = alt - ref
    return change.gather(-1, change.abs().argmax(dim=-1, keepdim=True)).squeeze(-1)


def _symmetric_divergence(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    """Mean of KL(R||A) and KL(A||R), as one sum in which no term is below 0."""
    pseudocount = _lower_quartile(ref).clamp_min(_EPSILON)[..., None]
    ref, alt = (padded / _total(padded)[..., None].float() for padded in (ref + pseudocount, alt + pseudocount))
    return (_total((alt - ref) * _log_ratio(ref, alt, 0.0)) / 2).float()


def _lower_quartile(prediction: torch.Tensor) -> torch.Tensor:
    """25th percentile over bins, linear between neighbours as numpy's; `torch.quantile` takes 2^24 values at most."""
    place = (prediction.shape[-1] - 1) / 4
    below, above = (prediction.kthvalue(rank + 1, dim=-1).values for rank in (math.floor(place), math.ceil(place)))
    return torch.lerp(below, above, place % 1)


def _jensen_shannon(ref: torch.Tensor, alt: torch.Tensor) -> torch.Tensor:
    """Entropy of the mean profile minus mean of the entropies, in float64: near profiles differ in the last digits."""
    ref, alt = (values.double() / (_total(values)[..., None] + _EPSILON) for values in (ref, alt))
    mixed, of_ref, of_alt = (_total(torch.special.entr(profile)) for profile in ((ref + alt) / 2, ref, alt))
    return (mixed - (of_ref + of_alt) / 2).clamp_min(0).float()


_BASENJI = "basenji basenji_sad.py, baskerville snps.py"
_BASKERVILLE = "baskerville snps.py at commit 777c733"
_TENSORFLOW = "baskerville snps.py at commit 4e38acd (TensorFlow)"
_BORZOI_SED = "borzoi borzoi_sed.py at commit 6d657e1"
_CENTER_MASK = "alphagenome_research center_mask.py at commit e918b8a"
_GENE_MASK = "alphagenome_research gene_mask.py at commit 0072ba8"
_SHARES = "r = R / (sum R + 1e-8), a alike"
_PADDED = "natural log, r = (R + p) / sum (R + p), a alike, p = 25th percentile of R"

_SAD = TrackScorer("SAD", "sum A - sum R", 1, "all", True, _BASENJI, _sum_of(_difference))
_LOG_SAD = TrackScorer("logSAD", "sum log2(A + 1) - sum log2(R + 1)", 1, "all", True, _BASENJI, _sum_of(_log2_ratio))
_SCORERS = (
    _SAD,
    replace(_SAD, name="SUM"),
    _LOG_SAD,
    replace(_LOG_SAD, name="logSUM"),
    replace(_SAD, name="SED", default_mask="exons", source=_BORZOI_SED),
    TrackScorer("logSED", "log2(sum A + 1) - log2(sum R + 1)", 1, "exons", True, _BORZOI_SED, _log2_ratio_of_sums),
    TrackScorer("D1", "sum |A - R|", 1, "all", False, _BASKERVILLE, _norm_of(_difference, 1)),
    TrackScorer("D2", "sqrt(sum (A - R)^2)", 1, "all", False, _BASKERVILLE, _norm_of(_difference, 2)),
    TrackScorer("logD1", "sum |log2(A + 1) - log2(R + 1)|", 1, "all", False, _BASKERVILLE, _norm_of(_log2_ratio, 1)),
    TrackScorer(
        "logD2", "sqrt(sum (log2(A + 1) - log2(R + 1))^2)", 1, "all", False, _BASKERVILLE, _norm_of(_log2_ratio, 2)
    ),
    TrackScorer(
        "SAX", "A - R in the bin where |A - R| is largest", 1, "all", True, _TENSORFLOW, _change_of_largest_size
    ),
    TrackScorer("JS", f"(KL(r || a) + KL(a || r)) / 2, {_PADDED}", 1, "all", False, _TENSORFLOW, _symmetric_divergence),
    TrackScorer(
        "JSD",
        f"(KL(r || m) + KL(a || m)) / 2, natural log, {_SHARES}, m = (r + a) / 2",
        1,
        "all",
        False,
        _BASKERVILLE,
        _jensen_shannon,
    ),
    TrackScorer("nD1", f"sum |a - r|, {_SHARES}", 1, "all", False, _BASKERVILLE, _norm_of(_profile_difference, 1)),
    TrackScorer(
        "nD2", f"sqrt(sum (a - r)^2), {_SHARES}", 1, "all", False, _BASKERVILLE, _norm_of(_profile_difference, 2)
    ),
    TrackScorer("nDinf", f"max |a - r|, {_SHARES}", 1, "gene", False, _BASKERVILLE, _largest_of(_profile_difference)),
    TrackScorer(
        "center_mask", "log2(1 + sum A) - log2(1 + sum R)", 1, "center:501", True, _CENTER_MASK, _log2_ratio_of_sums
    ),
    TrackScorer(
        "gene_mask_lfc", "ln(mean A + 0.001) - ln(mean R + 0.001)", 1, "exons", True, _GENE_MASK, _log_ratio_of_means
    ),
    TrackScorer("active_allele", "max(sum A, sum R)", 1, "center:501", False, _CENTER_MASK, _larger_sum),
    TrackScorer("gene_mask_active", "max(mean A, mean R)", 1, "exons", False, _GENE_MASK, _larger_mean),
    TrackScorer("max_abs_diff", "max |A - R|", 1, "gene", False, _GENE_MASK, _largest_of(_difference)),
)
TRACK_SCORERS: Mapping[str, TrackScorer] = {scorer.name: scorer for scorer in _SCORERS}
"""Scores of tracks by name."""


def parse_scorers(text: str, *, where: str = "models sheet, scorers") -> tuple[ScoreRequest, ...]:
    """Read a list of scores, each `name` or `name@mask`, separated by commas.

    Parameters
    ----------
    text
        For example `logSED,center_mask@center:2001`. Without a mask a score reads its default one.
    where
        Where the text stands, for the error message.

    Raises
    ------
    InputError
        If a score or mask does not exist, or one is asked for twice.
    """
    requests = tuple(_parse_request(item.strip(), where) for item in text.split(","))
    keys = [(request.scorer.name, request.mask) for request in requests]
    for name, mask in keys:
        if keys.count((name, mask)) > 1:
            raise InputError(
                f"{name} with mask {mask.kind} is asked for twice in {text!r}", where=where, remedy="Name it once."
            )
    return requests


def _parse_request(item: str, where: str) -> ScoreRequest:
    match = _REQUEST.match(item)
    scorer = TRACK_SCORERS.get(match["name"]) if match is not None else None
    if match is None or scorer is None:
        raise InputError(
            f"{item!r} is not a score of tracks",
            where=where,
            remedy=f"Write name or name@mask, with a name from {', '.join(TRACK_SCORERS)}.",
        )
    return ScoreRequest(scorer, parse_mask(match["mask"] or scorer.default_mask, where=where))
