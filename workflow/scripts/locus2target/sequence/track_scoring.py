"""Scores of all variants of one window by one network: what is predicted together, and against which reference."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from locus2target.sequence.encoding import Codes
from locus2target.sequence.halo import Edits
from locus2target.sequence.indels import stitch
from locus2target.sequence.scorers import ScoreRequest
from locus2target.sequence.shared_windows import WindowVariants
from locus2target.sequence.track_readings import Reading, Reduced, Reducer, union_of_bins
from locus2target.sequence.track_reference import TrackNetwork, WindowPredictor

Rows = npt.NDArray[np.int64]
Side = Literal["ref", "alt"]
Pass = tuple[Callable[[Rows], list[Reduced]], Rows]
"""A function that scores a batch, and the items that are given to it in batches."""

_REF = -1  # stands for the reference among the items


class WindowScorer:
    """Scores variants of one window.

    Parameters
    ----------
    network
        What predicts.
    found
        The window and its variants.
    requests, readings
        Scores, and what they read.
    untransform
        Raw predictions (B, T, K) to coverage.
    """

    def __init__(
        self,
        network: TrackNetwork,
        found: WindowVariants,
        requests: Sequence[ScoreRequest],
        readings: Sequence[Reading],
        untransform: Callable[[Tensor], Tensor],
    ) -> None:
        bins = union_of_bins(readings)
        self._geometry = network.geometry
        self._found = found
        self._members = np.unique(np.concatenate([reading.members for reading in readings]))
        self._untransform = untransform
        self._predictor = WindowPredictor(network, found.ref, bins)
        self._reducer = Reducer(requests, readings, bins, network.device)
        self._bins = torch.from_numpy(bins).to(network.device)
        self._edited_ref: Tensor | None = None
        self._whole_ref: Tensor | None = None

    def passes(self) -> list[Pass]:
        """What is to be done, in parts whose items are alike.

        The reference is the first item of each part with edits: it is computed in the same shapes and, far from the
        edits, from the same numbers as ALT, so that rounding cancels.
        """
        same = self._found.is_substitution[self._members]
        edits, others = self._members[same], self._members[~same]
        tokens = -(-self._found.alt_lengths[edits] // self._geometry.token_bp)
        sizes = np.where(self._found.alt_lengths[edits] > 1, tokens, 0)  # of the pieces, as in `plan_halo`
        sides = 2 * (self._found.ref_lengths[others] > 0) + (self._found.alt_lengths[others] > 0)
        of_edits = [(self.score_edits, np.append(_REF, part)) for part in _groups(edits, sizes)]
        return [*of_edits, *((self._score_haplotypes, part) for part in _groups(others, sides))]

    def score_edits(self, items: Rows) -> list[Reduced]:
        """Score variants with alleles of equal length; the reference must have come first."""
        coverage = self._untransform(self._predictor.edited(self._edits(items)))
        if items[0] == _REF:
            self._edited_ref, coverage, items = coverage[:1].clone(), coverage[1:], items[1:]
        if self._edited_ref is None:
            raise RuntimeError("variants were given before the reference")
        return self._reducer(self._edited_ref, coverage, items)

    def predict_reference(self) -> None:
        """Predict the reference alone: what one item takes."""
        self._untransform(self._predictor.edited(self._edits(np.array([_REF]))))

    def _edits(self, items: Rows) -> Edits:
        starts = np.where(items == _REF, 0, self._found.starts[items])
        nothing = np.empty(0, dtype=np.uint8)
        return Edits(starts, [nothing if item == _REF else self._found.alts[item] for item in items.tolist()])

    def _score_haplotypes(self, members: Rows) -> list[Reduced]:
        """Score variants with alleles of different length."""
        return self._reducer(self._allele(members, "ref"), self._allele(members, "alt"), members)

    def _allele(self, members: Rows, side: Side) -> Tensor:
        """Coverage of one allele, (B or 1, T, K): the prediction with either anchor, stitched where they differ."""
        lengths = self._found.ref_lengths if side == "ref" else self._found.alt_lengths
        left = self._reference() if side == "ref" else self._whole(self._found.haplotypes(members, side, "left"))
        if not lengths[members].any():
            return left
        right = self._whole(self._found.haplotypes(members, side, "right"))
        cut = self._found.starts[members] // self._geometry.bin_bp - self._geometry.crop_bins
        return stitch(left, right, self._bins, torch.from_numpy(cut).to(self._bins.device))

    def _reference(self) -> Tensor:
        if self._whole_ref is None:
            self._whole_ref = self._whole(self._found.ref[None])
        return self._whole_ref

    def _whole(self, windows: Codes) -> Tensor:
        return self._untransform(self._predictor.whole(windows))


def _groups(members: Rows, keys: npt.NDArray[np.int64]) -> list[Rows]:
    """Members with the same key together."""
    return [members[keys == key] for key in np.unique(keys)]
