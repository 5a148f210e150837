import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_toys import ToyGenome, random_sequence, variant_table

from locus2target.core.variants import Variant, normalize_variant
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import encode
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.indels import stitch
from locus2target.sequence.masks import MaskMaker, MaskSpec
from locus2target.sequence.networks.interface import Geometry
from locus2target.sequence.scorers import TRACK_SCORERS
from locus2target.sequence.shared_windows import SharedWindow, read_window

LENGTH = 64


@pytest.mark.parametrize("cuts", [(0, 3, 6), (-5, 100, 7), (2, 2, 4)])
def test_bins_come_from_their_side(cuts):
    bins = [0, 2, 3, 5, 6]
    left, right = torch.rand(3, 2, 5), torch.rand(3, 2, 5)
    stitched = stitch(left, right, torch.tensor(bins), torch.tensor(cuts))
    for variant, cut in enumerate(cuts):
        for place, number in enumerate(bins):
            expected = {-1: left, 0: (left + right) / 2, 1: right}[int(np.sign(number - cut))]
            assert torch.equal(stitched[variant, :, place], expected[variant, :, place])


def test_a_shared_side_is_broadcast():
    shared, own = torch.rand(1, 2, 4), torch.rand(3, 2, 4)
    bins, cut = torch.arange(4), torch.tensor([1, 2, 9])
    assert torch.equal(stitch(shared, own, bins, cut), stitch(shared.expand(3, -1, -1), own, bins, cut))
    assert torch.equal(stitch(own, shared, bins, cut), stitch(own, shared.expand(3, -1, -1), bins, cut))


def count_bases(windows, bin_bp):
    """Toy network of four tracks: how often each base stands in each bin."""
    one_hot = np.eye(5)[windows][..., :4].reshape(len(windows), -1, bin_bp, 4)
    return torch.tensor(one_hot.sum(axis=2).transpose(0, 2, 1), dtype=torch.float32)


def predict(sequence, variant, bin_bp):
    """Stitched predictions of REF and ALT of a variant, and its bin."""
    window = SharedWindow("1", 0, np.array([0]))
    table = variant_table((variant.chromosome, variant.position, variant.ref, variant.alt))
    found = read_window(window, table, ToyGenome({"1": sequence}).fetch, length=LENGTH, flank=0)
    assert found.status == ["ok"]
    cut = torch.tensor(found.starts // bin_bp)
    rows = np.array([0])
    sides = [
        [count_bases(found.haplotypes(rows, side, anchor), bin_bp) for anchor in ("left", "right")]
        for side in ("ref", "alt")
    ]
    ref, alt = (stitch(left, right, torch.arange(LENGTH // bin_bp), cut) for left, right in sides)
    return ref, alt, int(cut), found


@st.composite
def indels(draw):
    sequence = random_sequence(2 * LENGTH, draw(st.integers(0, 10_000)))
    start = draw(st.integers(20, 40))
    ref = sequence[start : start + draw(st.integers(0, 12))]
    alt = draw(st.text("ACGT", max_size=12).filter(lambda text: len(text) != len(ref)))
    anchor = sequence[start - 1]
    fetch = lambda first, last: sequence[first:last]  # noqa: E731
    return sequence, normalize_variant(Variant("1", start, anchor + ref, anchor + alt), fetch)


@settings(max_examples=200, deadline=None)
@given(case=indels(), bin_bp=st.sampled_from([1, 4, 8]))
def test_only_the_bin_of_the_change_differs(case, bin_bp):
    ref, alt, cut, _ = predict(*case, bin_bp)
    different = (ref != alt).any(dim=1)[0].nonzero()[:, 0].tolist()
    assert set(different) <= {cut}


@settings(max_examples=200, deadline=None)
@given(case=indels())
def test_exchanging_the_alleles_in_the_genome_too_exchanges_the_predictions(case):
    sequence, variant = case
    first, last = variant.position - 1, variant.position - 1 + len(variant.ref)
    exchanged_genome = sequence[:first] + variant.alt + sequence[last:]
    exchanged = Variant("1", variant.position, variant.alt, variant.ref)
    ref, alt, cut, _ = predict(sequence, variant, 4)
    back_ref, back_alt, back_cut, _ = predict(exchanged_genome, exchanged, 4)
    assert cut == back_cut
    n_known = (LENGTH - 24) // 4  # bins that both genomes, of different length, still hold
    assert torch.equal(ref[..., :n_known], back_alt[..., :n_known])
    assert torch.equal(alt[..., :n_known], back_ref[..., :n_known])
    scorer = TRACK_SCORERS["SAD"]
    forward = scorer.reduce(ref[..., :n_known], alt[..., :n_known])
    assert torch.equal(forward, -scorer.reduce(back_ref[..., :n_known], back_alt[..., :n_known]))


@settings(max_examples=200, deadline=None)
@given(case=indels(), exon=st.tuples(st.integers(0, 45), st.integers(1, 15)))
def test_masks_of_stitched_predictions_read_the_bases_of_the_exon(case, exon):
    """At one base per bin: away from the change a mask reads just what the genome has in the exon."""
    sequence, variant = case
    start, end = exon[0], sum(exon)
    ref, alt, cut, found = predict(sequence, variant, 1)
    removed = range(cut, cut + int(found.ref_lengths[0]))
    table = pd.DataFrame({"gene_id": ["G"], "chromosome": ["1"], "start": [start], "end": [end], "tss": [start + 1]})
    maker = MaskMaker(
        MaskSpec("exons"),
        Geometry(length=LENGTH, token_bp=1, bin_bp=1, crop_bins=0, level_bp=(1,), reach_bp=1),
        Sources(fetch=None, lengths={}, genes=GeneModels(table, table)),
    )
    kept = [base for base in range(start, end) if base not in removed]
    found_masks = maker.masks("1", 0, removed.start, removed.stop, stitched=True)
    assert len(found_masks) == (1 if kept else 0)
    for mask in found_masks:
        places = [place for place in mask.bins.tolist() if place != cut]
        bases = [base for base in kept if base != removed.stop]  # that one stands in the bin of the change
        expected = np.eye(5)[encode("".join(sequence[base] for base in bases))][:, :4].T
        for prediction in (ref, alt):
            assert np.array_equal(prediction[0][:, places].numpy(), expected)
