from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_run import END, LEAD, N_VARIANTS, START, ToyRun

from locus2target.core import schemas
from locus2target.core.tables import read_table, records
from locus2target.report.locus_plot import assign_lanes, plot_of_locus, r2_bins, shown_loci, thin_background


@pytest.fixture(scope="module")
def strong(toy_run: ToyRun) -> pd.DataFrame:
    table = read_table(toy_run.inputs["credible_sets"][0], schemas.CREDIBLE_SETS)
    return table[table["locus"] == "alpha_strong"]


def test_thinning_drops_only_background(strong: pd.DataFrame) -> None:
    drawn = thin_background(strong, start=START, end=END, lead_variant=f"22:{LEAD}:A:G")
    dropped = strong.drop(index=drawn.index)
    assert 0 < len(dropped) < N_VARIANTS
    assert len(drawn) + len(dropped) == N_VARIANTS
    assert (dropped["neg_log10_p"] < 2).all()
    assert (dropped["pip"] < 0.001).all()
    assert dropped["credible_set"].isna().all()


def test_every_dropped_variant_lies_beside_a_drawn_one(strong: pd.DataFrame) -> None:
    drawn = thin_background(strong, start=START, end=END, lead_variant=f"22:{LEAD}:A:G")
    height = strong["neg_log10_p"].max()
    for row in records(strong.drop(index=drawn.index)):
        near_x = (drawn["position"] - row["position"]).abs() <= (END - START) / 240
        near_y = (drawn["neg_log10_p"] - row["neg_log10_p"]).abs() <= height / 60
        assert (near_x & near_y).any()


def test_r2_bins_by_hand() -> None:
    r = pd.Series([0.0, 0.4, 0.5, -0.8, 0.9, -1.0, np.nan])
    assert r2_bins(r).tolist() == [0, 0, 1, 3, 4, 4, -1]


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300), st.text("AB", max_size=12)), max_size=40))
def test_genes_of_a_lane_do_not_overlap(drawn: list[tuple[int, int, str]]) -> None:
    genes = sorted((start, start + length, name) for start, length, name in drawn)
    lanes = assign_lanes(genes, 0, 1200)
    for lane in set(lanes):
        bodies = [gene for gene, own in zip(genes, lanes, strict=True) if own == lane]
        assert all(left[1] <= right[0] for left, right in pairwise(bodies))


def test_genes_drawn_are_coding_or_candidates(toy_run: ToyRun, strong: pd.DataFrame) -> None:
    inputs = toy_run.inputs
    loci = read_table(inputs["loci"][0], schemas.LOCI)
    annotation = {name: read_table(inputs[name], getattr(schemas, name.upper())) for name in ("genes", "exons")}
    candidates = read_table(inputs["locus_genes"][0], schemas.LOCUS_GENES)
    own = candidates[candidates["locus"] == "alpha_strong"]
    locus = records(loci[loci["locus"] == "alpha_strong"])[0]
    plot = plot_of_locus(locus, strong, candidates=own[own["locus_rank"] < 4], **annotation)
    assert [gene.symbol for gene in plot.genes if gene.probability is not None] == [
        "GENE0",
        "<script>alert('x')</script>",
    ]
    assert plot.n_hidden_genes == 1  # the lincRNA that is no candidate
    assert plot.genes[0].exons == (
        (1_020_000, 1_022_500),
        (1_040_000, 1_042_500),
        (1_060_000, 1_062_500),
        (1_077_000, 1_079_500),
    )


def test_loci_with_the_best_candidate_come_first(toy_run: ToyRun) -> None:
    loci = read_table(toy_run.inputs["loci"][0], schemas.LOCI)
    candidates = read_table(toy_run.inputs["locus_genes"][0], schemas.LOCUS_GENES)
    alpha = loci[loci["disease"] == "alpha"]
    assert shown_loci(alpha, candidates, 5)["locus"].tolist() == ["alpha_strong", "alpha_sparse"]
    assert shown_loci(alpha, candidates, 1)["locus"].tolist() == ["alpha_strong"]
