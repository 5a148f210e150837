"""Predictions of alleles of different length, bin against bin.

A change of length moves the bases on one side of it, so that a bin of ALT no longer holds the bases of the same bin
of REF. Three ways out are in use:

Symmetric stitching, used here
    Each haplotype is predicted twice: with the bases left of the change in place, and with the bases right of it in
    place (`shared_windows.WindowVariants.haplotypes`). Bins left of the change are read from the first prediction,
    bins right of it from the second, on REF and ALT alike. Every bin but the one at the change then holds the same
    bases in the same place on both haplotypes, and the score of ALT against REF is exactly minus (unsigned: exactly)
    that of REF against ALT. The bin at the change is the mean of both: neither side has a better claim to it.
Compensation shifts with `--indel_stitch` (baskerville, `stitch_preds` at commit 777c733)
    ALT alone is predicted twice, the second time shifted by the length of the change; REF is read from one window.
    The bin at the change is taken from the right. A deletion's REF then has bins of deleted bases where ALT has bins of
    moved ones, and exchanging REF and ALT gives another number. Without `--indel_stitch` the two are averaged over all
    bins, half of which compare different bases.
Alignment of the output (AlphaGenome, `align_alternate`)
    ALT is predicted once and its values are moved: zeros at deleted bases, the largest value of inserted ones in the
    place of the base before them. It needs one value per base. A bin of 16 to 128 bases cannot be moved by one base,
    so it is not offered here; `gene_mask_lfc` reads stitched predictions instead.

The bases of REF that a change of length takes away have no bin of their own: stitched predictions go from the base
before the change to the base after it. `masks.MaskMaker.masks` follows with `stitched=True`.
"""

import torch


def stitch(left: torch.Tensor, right: torch.Tensor, bins: torch.Tensor, cut: torch.Tensor) -> torch.Tensor:
    """Join the predictions of one allele, anchored at the left and at the right of the change.

    Parameters
    ----------
    left, right
        float32 of shape (B, T, K); B may be 1 in either, for a window that all B variants share.
    bins
        int64 of shape (K,): output bins that the last axis holds.
    cut
        int64 of shape (B,): output bin that holds the variant; any number, also of a bin that is not in `bins`.

    Returns
    -------
    torch.Tensor
        float32 of shape (B, T, K): bins before `cut` from `left`, bins after it from `right`, the bin itself the mean.
    """
    side = torch.sign(bins[None, :] - cut[:, None])[:, None, :]  # (B, 1, K): -1 left of the change, 1 right of it
    return torch.where(side < 0, left, torch.where(side > 0, right, (left + right) / 2))
