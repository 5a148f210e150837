"""Way back from squashed coverage against `borzoi_pytorch`, for the tracks where that function is right.

Its defaults (soft clip 384, power 3/4, scale 0.01) belong to the GTEx RNA tracks; its newer branch raises to 4/3 where
today's data is undone by a square.
"""

import importlib.resources

import numpy as np
import pytest
import torch

from locus2target.sequence.tracks import Untransform, read_targets, select_tracks

borzoi_pytorch = pytest.importorskip("borzoi_pytorch")
utilities = pytest.importorskip("borzoi_pytorch.pytorch_borzoi_utils")


@pytest.fixture(scope="module")
def table():
    path = importlib.resources.files("borzoi_pytorch") / "precomputed" / "targets.txt"
    with importlib.resources.as_file(path) as file:
        return read_targets(file)


def squashed(table, rows):
    """Predictions of every size up to the hard clip, in the units of each track."""
    frame = table.frame.iloc[rows]
    top = torch.tensor((frame["clip"] * frame["scale"]).to_numpy(np.float32))[:, None]
    return top * torch.linspace(0, 1, 101)


def test_the_published_table_is_read_whole(table):
    assert len(table.frame) == 7_611
    kinds = table.frame.groupby(["clip", "clip_soft", "scale", "sum_stat"]).size()
    assert sorted(kinds)[-6:] == [89, 169, 222, 1_276, 1_438, 4_401]
    assert (kinds[768, 384, 0.01, "sum_sqrt"], kinds[768, 384, 0.3, "sum_sqrt"]) == (89, 1_438)
    pairs = table.strand_pair
    np.testing.assert_array_equal(pairs[pairs], np.arange(7_611))
    stranded = pairs != np.arange(7_611)
    ends = table.frame["identifier"].str[-1]
    assert (ends[stranded].to_numpy() != ends.iloc[pairs[stranded]].to_numpy()).all()


def test_gtex_tracks_are_right_with_the_defaults(table):
    frame = table.frame
    rows = np.flatnonzero((frame["scale"] == 0.01) & (frame["sum_stat"] == "sum_sqrt"))
    assert len(rows) == 89
    prediction = squashed(table, rows)
    ours = Untransform(table, rows, family="borzoi_legacy", rescale=False, unclip=True)(prediction)
    torch.testing.assert_close(ours, utilities.undo_squashed_scale(prediction), rtol=1e-5, atol=1e-6)


def test_every_kind_of_track_with_its_own_parameters(table):
    rows = select_tracks(table, "all")
    prediction = squashed(table, rows)
    ours = Untransform(table, rows, family="borzoi_legacy", rescale=False, unclip=True)(prediction)
    for row in rows:
        track = table.frame.iloc[row]
        power = 3 / 4 if "_sqrt" in track["sum_stat"] else 1.0
        peer = utilities.undo_squashed_scale(prediction[row], track["clip_soft"], power, track["scale"])
        torch.testing.assert_close(ours[row], peer, rtol=1e-5, atol=1e-6)


def test_the_newer_branch_agrees_where_no_power_is_undone(table):
    rows = np.flatnonzero(table.frame["sum_stat"] == "sum")[:50]
    prediction = squashed(table, rows)
    ours = Untransform(table, rows, family="baskerville", rescale=False, unclip=True)(prediction)
    for place, row in enumerate(rows):
        track = table.frame.iloc[row]
        peer = utilities.undo_squashed_scale(
            prediction[place], track["clip_soft"], 1.0, track["scale"], old_transform=False
        )
        torch.testing.assert_close(ours[place], peer, rtol=1e-5, atol=1e-4)


def test_the_newer_branch_is_wrong_for_square_roots():
    """Why parity stops there: 100, squashed to sqrt(101) - 1, comes back as 20.7 with it."""
    wrong = utilities.undo_squashed_scale(torch.tensor([101**0.5 - 1]), 384, 3 / 4, 1.0, old_transform=False)
    assert wrong.item() == pytest.approx(20.7, abs=0.05)
