"""Enformer against enformer-pytorch: parameter names, positional features and predictions."""

from typing import Any

import numpy as np
import pytest
import torch

from locus2target.sequence.networks.enformer import Enformer, EnformerConfig, published_names
from locus2target.sequence.networks.enformer_positions import gamma_features, positional_features

pytest.importorskip("enformer_pytorch")
from enformer_pytorch import modeling_enformer as peer

# enformer-pytorch has TensorFlow's gamma features for 1,536 tokens and 32 features alone: 192 channels per head.
SMALL: dict[str, Any] = {
    "dim": 384,
    "depth": 2,
    "heads": 2,
    "output_heads": {"human": 7, "mouse": 5},
    "target_length": 896,
    "attn_dim_key": 16,
    "num_downsamples": 3,
    "dim_divisible_by": 64,
}
LENGTH = 1536 * 8


def peer_network(*, use_tf_gamma: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    network = peer.Enformer.from_hparams(**SMALL, use_tf_gamma=use_tf_gamma).eval()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if "rel_" in name or "to_out" in name or "_heads" in name:
                tensor.normal_(0, 0.3)  # positions shall matter, and attention not be zero as it is at first
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.train().momentum = 1.0
        network(one_hot(0).transpose(1, 2))  # sets the running statistics: every layer's input has variance 1
    return network.eval()


def our_network(theirs: torch.nn.Module, species: str) -> Enformer:
    network = Enformer(EnformerConfig(**SMALL, length=LENGTH), species).eval()
    network.load_state_dict(published_names(theirs.state_dict()), strict=True)
    return network


def one_hot(seed: int) -> torch.Tensor:
    codes = torch.randint(0, 4, (2, LENGTH), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()


@torch.no_grad()
def test_predictions_equal_the_peers_with_tensorflow_features() -> None:
    theirs = peer_network(use_tf_gamma=True)
    windows = one_hot(1)
    expected = theirs(windows.transpose(1, 2))
    for species in ("human", "mouse"):
        predicted = our_network(theirs, species)(windows)
        torch.testing.assert_close(predicted, expected[species].transpose(1, 2), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_peers_own_features_give_something_else() -> None:
    theirs = peer_network(use_tf_gamma=False)
    windows = one_hot(1)
    difference = our_network(theirs, "human")(windows) - theirs(windows.transpose(1, 2))["human"].transpose(1, 2)
    assert difference.abs().max() > 1e-3


def test_gamma_features_are_tensorflows() -> None:
    ours = gamma_features(np.arange(1536), 1536, 32)
    np.testing.assert_allclose(ours, peer.TF_GAMMAS[1535:].numpy(), rtol=3e-7)


def test_all_features_are_tensorflows() -> None:
    expected = peer.get_positional_embed(1536, 192, torch.device("cpu"), use_tf_gamma=True)
    np.testing.assert_allclose(positional_features(1536, 192), expected.numpy(), atol=3e-7)


def test_parameter_names_and_shapes_are_the_peers() -> None:
    with torch.device("meta"):
        theirs = peer.Enformer.from_hparams(use_tf_gamma=True)
        ours = Enformer(EnformerConfig())
    expected = {name: tensor.shape for name, tensor in published_names(theirs.state_dict()).items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == expected
    assert sum(tensor.numel() for tensor in ours.parameters()) == sum(t.numel() for t in theirs.parameters())
