"""Borzoi, Prime and Flashzoi against borzoi-pytorch 0.5.1, small trunks on short windows.

The peer's tower has a fixed width. Its Flashzoi needs flash-attn, which needs CUDA: the attention of that package is
written out here from its definition (flash_attn.modules.mha.MHA, commit 011ec32, and layers.rotary).
"""

import sys
import types

import pytest
import torch
from torch import nn
from torch.nn import functional

from locus2target.sequence.networks.borzoi import Borzoi, load_borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig

peer_config = pytest.importorskip("borzoi_pytorch.config_borzoi")
peer_model = pytest.importorskip("borzoi_pytorch.pytorch_borzoi_model")

LENGTH = 128 * 48
TOWER = (512, 608, 736, 896, 1056, 1280)
SMALL = {"depth": 2, "heads": 4, "attn_dim_key": 16, "attn_dim_value": 24, "enable_mouse_head": True}


class MHA(nn.Module):
    """Grouped-query attention with rotary positions, head by head."""

    def __init__(self, embed_dim, num_heads, num_heads_kv, softmax_scale, rotary_emb_dim, rotary_emb_base, **_):
        super().__init__()
        self.heads, self.kv_heads, self.scale = num_heads, num_heads_kv, softmax_scale
        self.dim = embed_dim // num_heads
        self.rotary_dim, self.base = rotary_emb_dim, rotary_emb_base
        self.Wqkv = nn.Linear(embed_dim, self.dim * (num_heads + 2 * num_heads_kv))
        self.out_proj = nn.Linear(embed_dim, embed_dim)

    def turn(self, x):
        """Rotate (B, N, H, D): pairs are a half of the rotated channels apart."""
        frequency = 1 / self.base ** (torch.arange(0, self.rotary_dim, 2).float() / self.rotary_dim)
        angle = torch.outer(torch.arange(x.shape[1]).float(), frequency)
        cos, sin = (torch.cat([part, part], -1)[:, None] for part in (angle.cos(), angle.sin()))
        turned = x[..., : self.rotary_dim]
        first, second = turned.chunk(2, -1)
        return torch.cat([turned * cos + torch.cat([-second, first], -1) * sin, x[..., self.rotary_dim :]], -1)

    def forward(self, x):
        batch, n, _ = x.shape
        qkv = self.Wqkv(x)
        query = self.turn(qkv[..., : self.heads * self.dim].reshape(batch, n, self.heads, self.dim))
        kv = qkv[..., self.heads * self.dim :].reshape(batch, n, 2, self.kv_heads, self.dim)
        key, value = self.turn(kv[:, :, 0]), kv[:, :, 1]
        shared = self.heads // self.kv_heads
        outputs = []
        for head in range(self.heads):
            logits = self.scale * query[:, :, head] @ key[:, :, head // shared].transpose(1, 2)
            outputs.append(logits.softmax(-1) @ value[:, :, head // shared])
        return self.out_proj(torch.cat(outputs, -1))


@pytest.fixture
def flash_attn(monkeypatch):
    module = types.ModuleType("flash_attn.modules.mha")
    module.MHA = MHA
    for name in ("flash_attn", "flash_attn.modules"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "flash_attn.modules.mha", module)


def randomize(network):
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.normal_(0.1, 0.3)
        elif "to_out" in name or "out_proj" in name:  # the peer begins with zeros
            tensor.normal_(0, 0.1)
    return network.eval()


def random_sequence(windows):
    return functional.one_hot(torch.randint(4, (windows, LENGTH)), 4).transpose(1, 2).float().contiguous()


def peer_borzoi():
    config = peer_config.BorzoiConfig(dim=96, bins_to_return=100, **SMALL)
    return peer_model.Borzoi(config), small_config(7611, 2608)


def peer_prime():
    config = peer_config.PrimeConfig(dim=96, bins_to_return=200, **SMALL)
    return peer_model.Prime(config), small_config(5431, 1774, stages=3, hidden=None)


def peer_flashzoi():
    config = peer_config.BorzoiConfig(dim=576, bins_to_return=100, **SMALL, flashed=True)
    return peer_model.Borzoi(config), small_config(7611, 2608, width=576, attention="rotary")


def small_config(human, mouse, width=96, stages=2, **more):
    kept, bins = 100 * 2 ** (stages - 2), LENGTH // 128 * 2**stages
    return BorzoiConfig(
        length=LENGTH,
        widths=(*TOWER, width),
        depth=2,
        heads=4,
        key_dim=16,
        value_dim=24,
        stages=stages,
        crop_bins=(bins - kept) // 2,
        human_tracks=human,
        mouse_tracks=mouse,
        **more,
    )


@pytest.mark.usefixtures("flash_attn")
@pytest.mark.parametrize("build", [peer_borzoi, peer_prime, peer_flashzoi])
@torch.inference_mode()
def test_outputs_and_names_are_those_of_borzoi_pytorch(build):
    peer, config = build()
    randomize(peer)
    ours = Borzoi(config).eval()
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == {
        name: tensor.shape for name, tensor in peer.state_dict().items()
    }
    ours.load_state_dict(peer.state_dict())
    sequence = random_sequence(2)
    for species in ("human", "mouse"):
        ours.species = species
        expected = peer(sequence, is_human=species == "human")
        output = ours(sequence)
        assert output.shape == expected.shape
        assert ((output - expected).abs().max() / expected.abs().max()).item() < 1e-5
        assert (output / expected - 1).abs().max().item() < 1e-4


@torch.inference_mode()
def test_a_folder_saved_by_borzoi_pytorch_loads(tmp_path):
    peer = randomize(peer_model.Borzoi(peer_config.BorzoiConfig(dim=96, bins_to_return=6144, **SMALL)))
    peer.save_pretrained(tmp_path)
    network = load_borzoi(tmp_path).network
    assert network.config == BorzoiConfig(
        widths=(*TOWER, 96), depth=2, heads=4, key_dim=16, value_dim=24, mouse_tracks=2608
    )
    for name, tensor in peer.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=0, atol=0)


@torch.inference_mode()
def test_a_longer_window_before_changes_nothing():
    """The peer keeps the positions of its first window for all that follow; ours keeps none."""
    peer, config = peer_borzoi()
    randomize(peer)
    ours = Borzoi(config).eval()
    ours.load_state_dict(peer.state_dict())
    tokens = torch.randn(1, 96, 40)
    expected = peer.transformer(tokens[..., :20].transpose(1, 2)).transpose(1, 2)
    ours.transform(tokens)
    torch.testing.assert_close(ours.transform(tokens[..., :20]), expected, rtol=1e-4, atol=1e-5)
