import numpy as np
import pandas as pd
import pytest
import torch
from sequence_toys import variant_table
from test_track_model import CROP, LENGTH, SEQUENCE, TRACKS, build, frame, sources
from tiny_profile import TinyProfile

from locus2target.sequence import prefilter
from locus2target.sequence.prefilter import PREFILTERED, PrefilteredModel, choose
from locus2target.sequence.windows import OK, REF_MISMATCH

WRONG = "C" if SEQUENCE[730] != "C" else "G"


def snvs(first, last):
    rows = [
        ("1", position, SEQUENCE[position - 1], alt)
        for position in range(first, last)
        for alt in "ACGT"
        if alt != SEQUENCE[position - 1]
    ]
    return variant_table(*rows)


@pytest.mark.parametrize("scorers", ["logSED", "logSAD", "center_mask@center:32"])
def test_prefiltered_scores_are_exact_and_the_rest_has_none(scorers):
    model = build(scorers=scorers, strands=1)
    variants = pd.concat(
        [snvs(705, 725), variant_table(("1", 730, SEQUENCE[729:732], SEQUENCE[729]), ("1", 731, WRONG, "A"))]
    ).reset_index(drop=True)
    filtered = PrefilteredModel(model, share=0.25, sample=12)
    found = filtered.score(variants, sources())
    assert found.status.count(OK) == 15 + 12 + 1  # top share, sample, the deletion
    assert found.status.count(PREFILTERED) == 60 - 27
    assert found.status[60:] == [OK, REF_MISMATCH]
    exact = frame(model, model.score(variants, sources()))
    mine = frame(model, found)
    kept = [row for row, status in enumerate(found.status) if status == OK]
    assert set(mine.index.get_level_values("variant")) == set(kept)
    np.testing.assert_allclose(mine, exact[mine.index], rtol=1e-4, atol=1e-5)
    reason = found.reason[found.status.index(PREFILTERED)]
    assert "rank correlation" in reason
    assert "25%" in reason


def test_sizes_are_the_slope_of_the_objective():
    """Central differences of the whole network along the path from REF's base to ALT's."""
    model = build(scorers="logSAD", strands=1, family="none")
    table = snvs(712, 714)
    sizes = prefilter._taylor_sizes(model, table, sources())
    network = TinyProfile(length=LENGTH, crop=CROP).double()
    start = (711 // 64) * 64 + 32 - LENGTH // 2
    codes = np.array(["ACGT".index(base) for base in SEQUENCE[start : start + LENGTH]])
    for size, position, alt in zip(sizes, table["position"], table["alt"], strict=True):
        ends = []
        for step in (-1e-5, 1e-5):
            one_hot = torch.eye(4, dtype=torch.float64)[codes].T.clone()
            one_hot["ACGT".index(alt), position - 1 - start] += step
            one_hot[codes[position - 1 - start], position - 1 - start] -= step
            ends.append(torch.log2(1 + network(one_hot[None])[0][TRACKS].sum(1)).mean().item())
        assert size == pytest.approx(abs(ends[1] - ends[0]) / 2e-5, rel=1e-3)


def test_the_choice_is_the_largest_a_sample_and_all_without_a_size():
    sizes = np.array([0.1, np.nan, 5.0, 0.2, 3.0, 0.3, 0.0, np.nan])
    choice = choose(sizes, share=0.3, sample=2, seed=1)
    assert {1, 7, 2, 4} <= set(choice.exact)
    assert len(choice.exact) == 6
    assert set(choice.sampled) == set(choice.exact) - {1, 7, 2, 4}
    assert np.array_equal(choose(sizes, share=0.3, sample=2, seed=1).exact, choice.exact)
    assert choose(sizes, share=1.0, sample=5, seed=0).exact.tolist() == list(range(8))


def test_the_approximation_ranks_variants():
    model = build(scorers="logSED@all", strands=1, family="none", tracks=np.array([0]))  # what the gradient is of
    variants = snvs(700, 740)
    sizes = prefilter._taylor_sizes(model, variants, sources())
    scores = model.score(variants, sources())
    choice = choose(sizes, share=0.0, sample=len(variants), seed=0)
    assert prefilter.rank_correlation(sizes, scores, choice) > 0.2
