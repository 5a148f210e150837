"""Saturation mutagenesis by patches against tangermeme's, which predicts every mutated window whole."""

import numpy as np
import pytest
import torch
from torch import nn

from locus2target.sequence.encoding import encode, one_hot_tensor
from locus2target.sequence.patches import PatchEngine

peer = pytest.importorskip("tangermeme.saturation_mutagenesis")

LENGTH = 90


def random_network(ending):
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv1d(4, 8, 11, padding="same"),
        nn.BatchNorm1d(8),
        nn.GELU(),
        nn.MaxPool1d(3),
        nn.Conv1d(8, 6, 5, padding="same", dilation=2),
        nn.ReLU(),
        *ending,
    )
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize(
    "ending",
    [
        [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3)],
        [nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 3)],
        [nn.Flatten(), nn.Linear(6 * LENGTH // 3, 3)],
    ],
    ids=["mean", "max", "dense"],
)
def test_all_changes_of_a_window_agree_with_the_peer_base_by_base(ending):
    network = random_network(ending)
    sequence = "".join(np.random.default_rng(4).choice(list("ACGT"), LENGTH))
    codes = torch.from_numpy(encode(sequence))[None]
    theirs = peer.saturation_mutagenesis(
        network, one_hot_tensor(codes), raw_outputs=True, device="cpu", batch_size=64, fast=False
    )

    positions = np.repeat(np.arange(LENGTH), 4)
    alts = np.tile(np.arange(4, dtype=np.uint8), LENGTH)[:, None]
    engine = PatchEngine.of(network, torch.cat([torch.eye(4), torch.zeros(1, 4)]))
    reference = engine.reference(codes)
    ours = reference.output + engine.changes(reference, np.zeros_like(positions), positions, alts)

    torch.testing.assert_close(reference.output, theirs.y0, rtol=0, atol=1e-6)
    by_position = ours.view(LENGTH, 4, 3)  # the peer's axes: window, base, position, output
    torch.testing.assert_close(by_position.transpose(0, 1), theirs.y_hat[0], rtol=0, atol=1e-6)
    assert (theirs.y_hat[0] - theirs.y0[0]).abs().amax() > 1e-3
