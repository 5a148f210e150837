"""Borzoi networks: exact partial computation, attention against slow twins."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from locus2target.sequence.networks import attention
from locus2target.sequence.networks.attention import CentralMasks, RelativeAttention, RotaryAttention
from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig

TINY = BorzoiConfig(
    length=768,
    widths=(6, 6, 8, 8, 10, 10, 12),
    depth=2,
    heads=2,
    key_dim=4,
    value_dim=6,
    position_features=8,
    position_tokens=6,
    hidden=7,
    crop_bins=0,
    human_tracks=5,
    mouse_tracks=3,
)
SHAPES = {
    "borzoi": TINY,
    "prime": dataclasses.replace(TINY, stages=3, hidden=None, crop_bins=6),
    "mini": dataclasses.replace(TINY, upsample_conv=False, hidden=None, stem_kernel=11),
    "flashzoi": dataclasses.replace(TINY, attention="rotary", rotary_dim=4, crop_bins=5),
    "wide": dataclasses.replace(TINY, decoder_kernel=5, stages=1),
}


@pytest.fixture(params=SHAPES)
def network(request):
    return random_network(SHAPES[request.param])


def random_network(config, seed=0):
    """Network whose normalizations do something."""
    torch.manual_seed(seed)
    network = Borzoi(config).eval()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.normal_(0.2, 0.5)
    return network


def random_sequence(length, windows=2):
    return functional.one_hot(torch.randint(4, (windows, length)), 4).transpose(1, 2).float()


def full_embedding(network, sequence):
    """Decoder on the whole window, with zero padding at its ends, and the crop afterwards."""
    config, geometry = network.config, network.geometry
    *levels, tokens = network.convolve(sequence)
    columns = network.transform(tokens)
    half = config.decoder_kernel // 2
    for stage in reversed(range(config.stages)):
        up = network.get_submodule(f"upsampling_unet{stage}")(columns)
        columns = up + network.get_submodule(f"horizontal_conv{stage}")(levels[stage])
        columns = network.get_submodule(f"separable{stage}")(columns, half, half)
    kept = columns[..., geometry.crop_bins : columns.shape[-1] - geometry.crop_bins]
    return network.final_joined_convs(kept)


def decode_bins(network, sequence, start, stop):
    *levels, tokens = network.convolve(sequence)
    levels.append(tokens)
    span = network.decode_span(start, stop)
    cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
    return network.decode(network.transform(tokens)[..., span.tokens], cut, span, start, stop)


def test_geometry_of_the_published_networks():
    with torch.device("meta"):
        borzoi, prime = Borzoi(BorzoiConfig()), Borzoi(BorzoiConfig(stages=3, crop_bins=10_240, hidden=None))
    assert borzoi.geometry.n_bins == 6144
    assert borzoi.geometry.level_bp == (32, 64, 128)
    assert borzoi.geometry.reach_bp == 259  # notes: half receptive field
    assert prime.geometry.n_bins == 12_288
    assert prime.geometry.level_bp == (16, 32, 64, 128)
    assert sum(parameter.numel() for parameter in borzoi.parameters()) == pytest.approx(185.9e6, rel=1e-3)


@torch.inference_mode()
def test_any_bins_are_decoded_as_in_the_full_output(network):
    sequence = random_sequence(network.config.length, windows=1)
    full = full_embedding(network, sequence)
    n_bins = network.geometry.n_bins
    assert full.shape[-1] == n_bins
    for start in range(n_bins):
        for stop in {start + 1, start + 2, start + 5, n_bins - 1, n_bins}:
            if start < stop <= n_bins:
                torch.testing.assert_close(
                    decode_bins(network, sequence, start, stop), full[..., start:stop], rtol=1e-5, atol=1e-6
                )


@torch.inference_mode()
def test_forward_is_the_head_of_the_full_embedding(network):
    sequence = random_sequence(network.config.length)
    expected = functional.softplus(network.human_head(full_embedding(network, sequence)))
    torch.testing.assert_close(network(sequence), expected)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (0, 10**6)])
def test_bins_outside_the_output_are_a_defect_of_the_caller(start, stop):
    with pytest.raises(ValueError, match="output bins"):
        Borzoi(TINY).decode_span(start, stop)


@torch.inference_mode()
def test_little_more_than_the_bins_is_read():
    network = Borzoi(dataclasses.replace(TINY, length=128 * 64))
    span = network.decode_span(101, 102)
    assert [columns.stop - columns.start for columns in span.levels] == [3, 4, 0]
    assert span.tokens.stop - span.tokens.start <= 3


@torch.inference_mode()
def test_pieces_of_the_tower_equal_the_whole_inside(network):
    sequence = random_sequence(network.config.length)
    whole, token_bp = network.convolve(sequence), network.geometry.token_bp
    margin = -(-network.geometry.reach_bp // token_bp)
    n_tokens = network.config.length // token_bp
    for first, last in [(0, 4), (1, 6), (0, 6), (n_tokens - 4, n_tokens)]:
        piece = network.convolve(sequence[..., first * token_bp : last * token_bp])
        low = first if first == 0 else first + margin
        high = last if last == n_tokens else last - margin
        for level, part, bp in zip(whole, piece, network.geometry.level_bp, strict=True):
            columns = token_bp // bp
            inner = part[..., (low - first) * columns : (high - first) * columns]
            torch.testing.assert_close(inner, level[..., low * columns : high * columns], rtol=1e-5, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("base", [0, 300, 383, 384, 767])
def test_a_base_reaches_as_far_as_the_geometry_says(base):
    network = random_network(TINY)
    sequence = random_sequence(TINY.length, windows=1)
    edited = sequence.clone()
    edited[0, :, base] = sequence[0, :, base].roll(1)
    reach = network.geometry.reach_bp
    for before, after, bp in zip(
        network.convolve(sequence), network.convolve(edited), network.geometry.level_bp, strict=True
    ):
        changed = torch.nonzero((before != after).any(1)[0])[:, 0]
        assert changed.min() >= (base - reach) // bp
        assert changed.max() <= (base + reach) // bp


@torch.inference_mode()
def test_chosen_tracks_are_rows_of_all():
    network = random_network(TINY)
    embedding = torch.randn(2, 7, 4)
    rows = torch.tensor([3, 0, 3])
    torch.testing.assert_close(network.predict(embedding, rows), network.predict(embedding, None)[:, rows])
    assert network.n_tracks == 5
    network.species = "mouse"
    assert network.n_tracks == network.predict(embedding, None).shape[1] == 3


@torch.inference_mode()
def test_the_head_stays_in_float32():
    network = random_network(TINY)
    embedding = torch.randn(2, 7, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = network.predict(embedding, None)
    assert under_autocast.dtype == torch.float32
    torch.testing.assert_close(under_autocast, network.predict(embedding, None), rtol=0, atol=0)
    half = embedding.bfloat16()
    torch.testing.assert_close(network.predict(half, None), network.predict(half.float(), None), rtol=0, atol=0)


@torch.inference_mode()
def test_the_trunk_runs_in_the_dtype_of_its_input(network):
    sequence = random_sequence(network.config.length)
    exact = network(sequence)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = network(sequence)
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, exact, rtol=0.1, atol=0.05)
    assert network.bfloat16().transform(network.convolve(sequence.bfloat16())[-1]).dtype == torch.bfloat16


@torch.inference_mode()
def test_nothing_of_a_length_is_kept_for_the_next(network):
    tokens = torch.randn(1, network.config.width, 9)
    first = network.transform(tokens[..., :6])
    network.transform(tokens)
    torch.testing.assert_close(network.transform(tokens[..., :6]), first, rtol=0, atol=0)


def test_gradients_reach_the_sequence(network):
    sequence = random_sequence(network.config.length).double().requires_grad_()
    network.double()
    network.convolve(sequence)
    embedding = full_embedding(network, sequence)
    embedding.sum().backward()
    step = torch.zeros_like(sequence)
    step[0, :, 400] = 1e-6
    with torch.no_grad():
        difference = full_embedding(network, sequence + step).sum() - full_embedding(network, sequence - step).sum()
    assert difference.item() / 2e-6 == pytest.approx(sequence.grad[0, :, 400].sum().item(), rel=1e-4, abs=1e-7)


@torch.inference_mode()
def test_adapters_are_applied_before_the_residual_and_after_the_convolution():
    network = random_network(TINY)
    names = set(network.state_dict())
    tokens = torch.randn(1, TINY.width, 6)
    layer = network.transformer[0]
    states = tokens.transpose(1, 2)
    for part in layer:
        part.adapter = nn.Linear(TINY.width, TINY.width)
        states = states + part.adapter(part.fn(states))
    torch.testing.assert_close(layer(tokens.transpose(1, 2)), states)
    block = network.res_tower[0]
    columns = torch.randn(1, 6, 8)
    plain = block(columns)
    block.adapter = nn.Conv1d(6, 6, 1)
    torch.testing.assert_close(block(columns), block.adapter(plain))
    added = {name for name in network.state_dict() if name not in names}
    assert {name.rsplit(".", 1)[0] for name in added} == {
        "transformer.0.0.adapter",
        "transformer.0.1.adapter",
        "res_tower.0.adapter",
    }


def slow_relative_attention(layer, tokens, features, position_tokens):
    """The formula, query by query, with the features of every distance."""
    n, heads = tokens.shape[0], layer.heads
    rate = np.exp(np.log(position_tokens + 1) / (features // 2))
    widths = np.round(rate ** np.arange(1, features // 2 + 1) - 1, 6)
    q, k, v = (weight(tokens).view(n, heads, -1).numpy() for weight in (layer.to_q, layer.to_k, layer.to_v))
    content, position = layer.rel_content_bias[0, :, 0].numpy(), layer.rel_pos_bias[0, :, 0].numpy()
    output = np.zeros((n, heads, v.shape[-1]))
    for head in range(heads):
        for query in range(n):
            logits = []
            for key in range(n):
                distance = key - query
                mask = (np.abs(distance) < widths).astype(np.float32)
                relative = layer.to_rel_k(torch.tensor(np.r_[mask, np.sign(distance) * mask], dtype=torch.float32))
                relative = relative.view(heads, -1)[head].numpy()
                scaled = q[query, head] * q.shape[-1] ** -0.5
                logits.append((scaled + content[head]) @ k[key, head] + (scaled + position[head]) @ relative)
            weights = np.exp(logits - np.max(logits))
            output[query, head] = weights @ v[:, head] / weights.sum()
    return layer.to_out(torch.tensor(output.reshape(n, -1), dtype=torch.float32))


@torch.inference_mode()
@pytest.mark.parametrize(("n", "position_tokens"), [(1, 10), (13, 10), (20, 24), (33, 64)])
@pytest.mark.parametrize("value_dim", [3, 8])
def test_relative_attention_follows_the_formula(monkeypatch, n, position_tokens, value_dim):
    monkeypatch.setattr(attention, "_QUERIES", 8)
    torch.manual_seed(1)
    layer = RelativeAttention(10, 2, key_dim=5, value_dim=value_dim, features=8, position_tokens=position_tokens)
    tokens = torch.randn(2, n, 10)
    output = layer(tokens)
    for window in range(2):
        expected = slow_relative_attention(layer, tokens[window], 8, position_tokens)
        torch.testing.assert_close(output[window], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tokens", [6, 24, 3072, 4096])
def test_runs_cover_all_distances_with_equal_features(tokens):
    masks = CentralMasks(32, tokens)
    first, last = -tokens, tokens + 3
    members, lengths = masks.runs(first, last)
    every = masks.features(list(range(first, last + 1)), torch.zeros(1))
    spread = masks.features(members, torch.zeros(1)).repeat_interleave(torch.tensor(lengths), dim=0)
    torch.testing.assert_close(spread, every, rtol=0, atol=0)
    assert len(members) <= 2 * 17 + 1


@torch.inference_mode()
def test_rotary_attention_follows_the_formula():
    torch.manual_seed(2)
    n, heads, channels, rotary, base = 11, 4, 32, 6, 20_000.0
    layer = RotaryAttention(channels, heads, rotary_dim=rotary, base=base)
    tokens = torch.randn(1, n, channels)
    dim = channels // heads
    qkv = layer.mha.Wqkv(tokens)[0].numpy().astype(np.float64)
    query, kv = qkv[:, :channels].reshape(n, heads, dim), qkv[:, channels:].reshape(n, 2, heads // 2, dim)

    def turn(vector, position):
        turned = vector.copy()
        for pair in range(rotary // 2):
            angle = position / base ** (2 * pair / rotary)
            a, b = vector[pair], vector[pair + rotary // 2]
            turned[pair] = a * np.cos(angle) - b * np.sin(angle)
            turned[pair + rotary // 2] = b * np.cos(angle) + a * np.sin(angle)
        return turned

    output = np.zeros((n, heads, dim))
    for head in range(heads):
        keys = [turn(kv[key, 0, head // 2], key) for key in range(n)]
        for i in range(n):
            logits = np.array([turn(query[i, head], i) @ key for key in keys]) * dim**-0.5
            weights = np.exp(logits - logits.max())
            output[i, head] = weights @ kv[:, 1, head // 2] / weights.sum()
    expected = layer.mha.out_proj(torch.tensor(output.reshape(1, n, channels), dtype=torch.float32))
    torch.testing.assert_close(layer(tokens), expected, rtol=1e-4, atol=1e-5)
