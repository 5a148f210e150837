import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.masks import MaskMaker, MaskSpec, parse_mask
from locus2target.sequence.networks.interface import Geometry


def geometry(n_bins, bin_bp=4, crop_bins=0):
    length = (n_bins + 2 * crop_bins) * bin_bp
    return Geometry(length=length, token_bp=bin_bp, bin_bp=bin_bp, crop_bins=crop_bins, level_bp=(bin_bp,), reach_bp=8)


def sources(genes=(), peaks=None):
    """Genes as (gene_id, chromosome, [(start, end), ...]) with disjoint exons and the TSS at the first base."""
    rows = [(name, chromosome, exons[0][0], exons[-1][1], exons[0][0] + 1) for name, chromosome, exons in genes]
    table = pd.DataFrame(rows, columns=["gene_id", "chromosome", "start", "end", "tss"])
    exons = [(name, chromosome, *exon) for name, chromosome, exons in genes for exon in exons]
    exon_table = pd.DataFrame(exons, columns=["gene_id", "chromosome", "start", "end"])
    peak_table = None if peaks is None else pd.DataFrame(peaks, columns=["chromosome", "start", "end", "name"])
    return Sources(fetch=None, lengths={}, genes=GeneModels(table, exon_table), peaks=peak_table)


def masks(text, shape, given_sources, window_start=0, variant=(0, 1), chromosome="1", **options):
    maker = MaskMaker(parse_mask(text, where="test"), shape, given_sources)
    return maker.masks(chromosome, window_start, *variant, **options)


def as_lists(found):
    return [(mask.gene_id, mask.bins.tolist(), mask.coverage) for mask in found]


def bases_of_bins(shape, window_start, left_out=(0, 0)):
    """Genome bases of each output bin, base by base; bases that are left out have no place."""
    start, end = left_out
    first = window_start + shape.crop_bins * shape.bin_bp
    places = [[first + i * shape.bin_bp + j for j in range(shape.bin_bp)] for i in range(shape.n_bins)]
    return [{place if place < start else place + end - start for place in bin_places} for bin_places in places]


def brute_any_overlap(shape, window_start, spans, left_out=(0, 0)):
    """Bins with a base of the spans, and share of their bases in the output."""
    wanted = {base for start, end in spans for base in range(start, end)}
    bins = bases_of_bins(shape, window_start, left_out)
    covered = wanted & set().union(*bins)
    return [i for i, bases in enumerate(bins) if bases & wanted], len(covered) / len(wanted)


def nearest_border(shape, window_start, base):
    """Border of an output bin nearest to a base, the even one of two; those beyond the ends count as the ends."""
    first = window_start + shape.crop_bins * shape.bin_bp
    borders = range(-1_000, 1_000)
    nearest = min(borders, key=lambda border: (abs(first + border * shape.bin_bp - base), border % 2))
    return min(max(nearest, 0), shape.n_bins)


def brute_nearest_border(shape, window_start, spans):
    ends = [[nearest_border(shape, window_start, base) for base in span] for span in spans]
    return sorted({i for low, high in ends for i in range(low, high)})


@st.composite
def gene_lists(draw):
    genes = []
    for i in range(draw(st.integers(1, 5))):
        borders = sorted(draw(st.lists(st.integers(0, 130), min_size=2, max_size=8, unique=True)))
        exons = list(zip(borders[::2], borders[1::2], strict=False))
        genes.append((f"G{i}", draw(st.sampled_from("12")), exons))
    return genes


shapes = st.builds(
    geometry, n_bins=st.integers(1, 12), bin_bp=st.sampled_from([1, 2, 3, 4, 8]), crop_bins=st.integers(0, 3)
)
window_starts = st.integers(-30, 120)


@settings(max_examples=300, deadline=None)
@given(genes=gene_lists(), shape=shapes, window_start=window_starts)
def test_exons_equal_base_by_base_overlap(genes, shape, window_start):
    expected = [
        (name, *brute_any_overlap(shape, window_start, exons)) for name, chromosome, exons in genes if chromosome == "1"
    ]
    found = masks("exons", shape, sources(genes), window_start)
    assert as_lists(found) == [row for row in expected if row[1]]
    assert all(mask.bins.dtype == np.int64 for mask in found)


@settings(max_examples=300, deadline=None)
@given(genes=gene_lists(), shape=shapes, window_start=window_starts, start=st.integers(0, 130), n=st.integers(0, 40))
def test_exons_of_stitched_predictions(genes, shape, window_start, start, n):
    left_out = (start, start + n)
    expected = [
        (name, *brute_any_overlap(shape, window_start, exons, left_out))
        for name, chromosome, exons in genes
        if chromosome == "1"
    ]
    found = masks("exons", shape, sources(genes), window_start, left_out, stitched=True)
    assert as_lists(found) == [row for row in expected if row[1]]


@settings(max_examples=300, deadline=None)
@given(genes=gene_lists(), shape=shapes, window_start=window_starts)
def test_majority_and_gene_span_round_to_the_nearest_border(genes, shape, window_start):
    for text in ("exons_majority", "gene"):
        expected = []
        for name, chromosome, exons in genes:
            spans = exons if text == "exons_majority" else [(exons[0][0], exons[-1][1])]
            bins = brute_nearest_border(shape, window_start, spans)
            if chromosome == "1" and bins:
                expected.append((name, bins, brute_any_overlap(shape, window_start, spans)[1]))
        assert as_lists(masks(text, shape, sources(genes), window_start)) == expected


@pytest.mark.parametrize(
    ("start", "end", "bins"),
    [(16, 48, [0, 1]), (17, 47, []), (48, 80, []), (47, 81, [1, 2]), (80, 112, [2, 3])],  # borders 0.5, 1.5, 2.5, 3.5
)
def test_halves_round_to_the_even_border(start, end, bins):
    found = masks("exons_majority", geometry(8, bin_bp=32), sources([("G", "1", [(start, end)])]))
    assert [mask.bins.tolist() for mask in found] == ([bins] if bins else [])


def brute_around(shape, window_start, base, width):
    """AlphaGenome's center mask, bin by bin, and the share of its bins in the output."""
    first = window_start + shape.crop_bins * shape.bin_bp
    n = math.ceil(width / shape.bin_bp)
    middle = (base - first) // shape.bin_bp
    wanted = [middle - n // 2 + i for i in range(n)]
    bins = [i for i in wanted if 0 <= i < shape.n_bins]
    return bins, len(bins) / n


@settings(max_examples=300, deadline=None)
@given(genes=gene_lists(), shape=shapes, window_start=window_starts, width=st.integers(1, 60), base=st.integers(0, 130))
def test_windows_around_tss_and_variant(genes, shape, window_start, width, base):
    expected = [
        (name, *brute_around(shape, window_start, exons[0][0], width))
        for name, chromosome, exons in genes
        if chromosome == "1"
    ]
    found = masks(f"tss:{width}", shape, sources(genes), window_start)
    assert as_lists(found) == [row for row in expected if row[1]]
    inside = any(base in bases for bases in bases_of_bins(shape, window_start))
    expected = [(None, *brute_around(shape, window_start, base, width))] if inside else []
    assert as_lists(masks(f"center:{width}", shape, sources(), window_start, (base, base + 1))) == expected


@pytest.mark.parametrize(
    ("start", "bins"), [(0, range(251)), (1, range(252)), (2_047, range(1_797, 2_048)), (2_048, None)]
)
def test_center_mask_at_one_base_per_bin(start, bins):
    found = masks("center:501", geometry(2_048, bin_bp=1), sources(), variant=(start, start + 1))
    assert [mask.bins.tolist() for mask in found] == ([] if bins is None else [list(bins)])


def test_center_mask_reads_the_variant_itself():  # the case of alphagenome_research pull request 21
    (mask,) = masks("center:1", geometry(100, bin_bp=1), sources(), window_start=100, variant=(150, 151))
    assert mask.bins.tolist() == [50]


def test_center_mask_of_501_bases_is_four_bins_of_128():
    shape = geometry(8, bin_bp=128)
    (mask,) = masks("center:501", shape, sources(), variant=(4 * 128 + 5, 4 * 128 + 6))
    assert mask.bins.tolist() == [2, 3, 4, 5]  # two left of the variant's bin, one right of it
    assert mask.coverage == 1
    (edge,) = masks("center:501", shape, sources(), variant=(0, 1))
    assert edge.bins.tolist() == [0, 1]
    assert edge.coverage == 0.5
    assert MaskSpec("center", 501).extent(128) == "center:501 is 4 x 128 bp"
    assert MaskSpec("exons").extent(128) == ""


def test_tss_of_a_reverse_gene_is_its_last_base():
    genes = GeneModels(
        pd.DataFrame({"gene_id": ["G"], "chromosome": ["1"], "start": [8], "end": [32], "tss": [32]}),
        pd.DataFrame({"gene_id": ["G"], "chromosome": ["1"], "start": [8], "end": [32]}),
    )
    (mask,) = masks("tss:4", geometry(10), Sources(fetch=None, lengths={}, genes=genes))
    assert mask.bins.tolist() == [7]


@settings(max_examples=200, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 120), st.integers(1, 30)), max_size=8),
    shape=shapes,
    window_start=window_starts,
    start=st.integers(0, 130),
    n=st.integers(0, 20),
)
def test_peak_is_the_union_of_peaks_that_overlap_the_variant(spans, shape, window_start, start, n):
    peaks = [("1", first, first + size, "p") for first, size in spans] + [("2", 0, 500, "elsewhere")]
    touched = set(range(start, start + max(n, 1)))
    held = [(low, high) for _, low, high, name in peaks if name == "p" and touched & set(range(low, high))]
    expected = [(None, *brute_any_overlap(shape, window_start, held))] if held else []
    found = masks("peak", shape, sources(peaks=peaks), window_start, (start, start + n))
    assert as_lists(found) == [row for row in expected if row[1]]


def test_all_bins():
    (mask,) = masks("all", geometry(5, crop_bins=2), sources())
    assert (mask.gene_id, mask.bins.tolist()) == (None, [0, 1, 2, 3, 4])
    assert math.isnan(mask.coverage)
    assert MaskSpec("all").text == ""


def test_bins_are_counted_behind_the_crop():
    gene = ("G", "1", [(100 + 3 * 4, 100 + 5 * 4)])
    (mask,) = masks("exons", geometry(6, crop_bins=2), sources([gene]), window_start=100)
    assert mask.bins.tolist() == [1, 2]
    assert mask.coverage == 1


def test_genes_come_in_the_order_of_their_table_and_a_subset_leaves_the_others_out():
    genes = [("late", "1", [(20, 24)]), ("early", "1", [(0, 4)]), ("middle", "1", [(8, 16)])]
    everything = sources(genes)
    assert [mask.gene_id for mask in masks("exons", geometry(10), everything)] == ["late", "early", "middle"]
    subset = GeneModels(everything.genes.genes.query("gene_id == 'middle'"), everything.genes.exons)
    found = masks("exons", geometry(10), Sources(fetch=None, lengths={}, genes=subset))
    assert as_lists(found) == [("middle", [2, 3], 1.0)]


def test_one_maker_serves_many_windows_and_finds_genes_once_per_window():
    given_sources = sources([("G", "1", [(0, 4), (40, 44)]), ("H", "2", [(0, 4)])])
    maker = MaskMaker(MaskSpec("exons"), geometry(5), given_sources)
    first = maker.masks("1", 0, 3, 4)
    assert maker.masks("1", 0, 9, 10) is first
    assert maker.masks("1", 0, 9, 9, stitched=True) is first  # an insertion leaves no base of REF out
    assert as_lists(first) == [("G", [0], 0.5)]
    assert as_lists(maker.masks("1", 32, 33, 34)) == [("G", [2], 0.5)]
    assert as_lists(maker.masks("2", 0, 3, 4)) == [("H", [0], 1.0)]
    assert maker.masks("3", 0, 3, 4) == ()


def test_a_deletion_moves_what_lies_behind_it():
    gene = ("G", "1", [(0, 8), (12, 20), (24, 28)])
    (mask,) = masks("exons", geometry(10), sources([gene]), variant=(6, 14), stitched=True)
    # left: bases 0..5 in bins 0, 1; 14..19 moved to 6..11 in bins 1, 2; 24..27 moved to 16..19 in bin 4
    assert mask.bins.tolist() == [0, 1, 2, 4]
    assert mask.coverage == 16 / 20  # four of the twenty bases are deleted


@pytest.mark.parametrize(("text", "what"), [("peak", "peaks"), ("exons", "genes"), ("tss:100", "genes")])
def test_masks_need_what_they_are_about(text, what):
    with pytest.raises(InputError, match=f"mask {text} needs {what}, and the run has none"):
        masks(text, geometry(4), Sources(fetch=None, lengths={}))
