"""Shorkie and Shorkie LM against a float64 twin in baskerville's layout, on files as Keras writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from published_formats import write_keras

from locus2target.core.errors import InputError
from locus2target.sequence.networks.shorkie import Shorkie, load_shorkie, load_shorkie_lm
from locus2target.sequence.networks.shorkie_config import read_shape

Layers = dict[str, list[np.ndarray]]
CHANNELS, SPECIES = 118, 114
BLOCKS, HEADS, KEY, FEATURES, LAYERS, TRACKS = 3, 2, 3, 8, 2, 5


def parameters(*, stages: int, length: int, crop: int, outputs: int, head: str = "head") -> dict[str, Any]:
    """As published, narrower: widths 8, 8, 12 (the middle one is 9.8, rounded to a multiple of 4)."""
    unet = {"name": "unet_conv", "kernel_size": 3, "upsample_conv": True}
    return {
        "train": {"batch_size": 8},
        "model": {
            "seq_length": length, "activation": "gelu", "norm_type": "batch", "bn_momentum": 0.9, "augment_rc": False,
            "trunk": [
                {"name": "conv_dna", "filters": 8, "kernel_size": 11, "norm_type": None, "activation": "linear"},
                {"name": "res_tower", "filters_init": 8, "filters_end": 12, "divisible_by": 4, "kernel_size": 5,
                 "num_convs": 2, "dropout": 0.05, "pool_size": 2, "repeat": BLOCKS},
                {"name": "transformer_tower", "key_size": KEY, "heads": HEADS, "num_position_features": FEATURES,
                 "dropout": 0.2, "repeat": LAYERS},
                *[unet] * stages,
                *([{"name": "Cropping1D", "cropping": crop}] if crop else []),
            ],
            head: {"name": "final", "units": outputs, "activation": "softplus"},
        },
    }  # fmt: skip


def keras_layers(*, stages: int, outputs: int, channels: int = CHANNELS, seed: int = 0) -> Layers:
    """Random weights under Keras' names, in the order in which baskerville makes the layers."""
    random = np.random.default_rng(seed)
    layers: Layers = {"sequence": []}
    counts: dict[str, int] = {}

    def add(kind: str, *arrays: np.ndarray) -> None:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        layers[f"{kind}_{number}" if number else kind] = list(arrays)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape, scale=0.4).astype(np.float32)

    def batch_norm(width: int) -> None:
        add("batch_normalization", normal(width) + 1, normal(width), normal(width), np.abs(normal(width)) + 0.2)

    add("conv1d", normal(11, channels, 8), normal(8))
    widths = (8, 8, 12)
    for width, wider in zip((8, *widths), widths, strict=False):
        batch_norm(width)
        add("conv1d", normal(5, width, wider), normal(wider))
        batch_norm(wider)
        add("conv1d", normal(1, wider, wider), normal(wider))
        add("scale", normal(wider))
    for _ in range(LAYERS):
        add("layer_normalization", normal(12) + 1, normal(12))
        biases = normal(1, HEADS, 1, KEY), normal(1, HEADS, 1, KEY)
        queries_keys, values = (normal(12, HEADS * KEY), normal(12, HEADS * KEY)), normal(12, 12)
        out = normal(12, 12), normal(12)
        add("multihead_attention", *biases, *queries_keys, values, *out, normal(FEATURES, HEADS * KEY))
        add("layer_normalization", normal(12) + 1, normal(12))
        add("dense", normal(12, 24), normal(24))
        add("dense", normal(24, 12), normal(12))
    for skip in widths[::-1][:stages]:
        batch_norm(12)
        batch_norm(skip)
        add("dense", normal(12, 12), normal(12))
        add("dense", normal(skip, 12), normal(12))
        add("separable_conv1d", normal(3, 12, 1), normal(1, 12, 12), normal(12))
    add("dense", normal(12, outputs), normal(outputs))
    return layers


class Twin:
    """Whole network on one window, channels last, float64."""

    def __init__(self, layers: Layers) -> None:
        self.layers = {name: [array.astype(np.float64) for array in arrays] for name, arrays in layers.items()}
        self.used: dict[str, int] = {}

    def next(self, kind: str) -> list[np.ndarray]:
        number = self.used.get(kind, 0)
        self.used[kind] = number + 1
        return self.layers[f"{kind}_{number}" if number else kind]

    def norm(self, x: np.ndarray) -> np.ndarray:
        gamma, beta, mean, variance = self.next("batch_normalization")
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def layer_norm(self, x: np.ndarray) -> np.ndarray:
        gamma, beta = self.next("layer_normalization")
        centered = x - x.mean(axis=1, keepdims=True)
        return centered / np.sqrt((centered**2).mean(axis=1, keepdims=True) + 1e-3) * gamma + beta

    def conv(self, x: np.ndarray) -> np.ndarray:
        kernel, bias = self.next("conv1d")
        half = len(kernel) // 2
        padded = np.pad(x, ((half, half), (0, 0)))
        return sum(padded[tap : tap + len(x)] @ kernel[tap] for tap in range(len(kernel))) + bias

    def dense(self, x: np.ndarray) -> np.ndarray:
        kernel, bias = self.next("dense")
        return x @ kernel + bias

    def attend(self, x: np.ndarray) -> np.ndarray:
        content_bias, position_bias, q, k, v, out, out_bias, rel_k = self.next("multihead_attention")
        n = len(x)
        widths = np.exp(np.log(n + 1) / (FEATURES // 2)) ** np.arange(1, FEATURES // 2 + 1) - 1
        heads = []
        for head in range(HEADS):
            keys, values = slice(head * KEY, (head + 1) * KEY), slice(head * 6, (head + 1) * 6)
            query, key = x @ q[:, keys] * KEY**-0.5, x @ k[:, keys]
            logits = (query + content_bias[0, head]) @ key.T
            for i in range(n):
                distance = np.arange(n) - i
                # float32, as TensorFlow compares them
                within = widths.astype(np.float32) > np.abs(distance)[:, None].astype(np.float32)
                features = np.concatenate([within, within * np.sign(distance)[:, None]], axis=1)
                logits[i] += features @ rel_k[:, keys] @ (query[i] + position_bias[0, head, 0])
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            heads.append(weights / weights.sum(axis=1, keepdims=True) @ (x @ v[:, values]))
        return np.concatenate(heads, axis=1) @ out + out_bias

    def run(self, one_hot: np.ndarray, *, stages: int, crop: int, channels: int = CHANNELS) -> np.ndarray:
        """(length, 4) to the head's input to its activation, (bins, outputs)."""
        self.used = {}
        sequence = np.zeros((len(one_hot), channels))
        sequence[:, :4] = one_hot
        if channels > 4:
            sequence[:, SPECIES] = 1
        x, levels = self.conv(sequence), []
        for _ in range(BLOCKS):
            first = self.conv(gelu(self.norm(x)))
            level = first + self.conv(gelu(self.norm(first))) * self.next("scale")[0]
            levels.append(level)
            x = np.maximum(level[::2], level[1::2])
        for _ in range(LAYERS):
            x = x + self.attend(self.layer_norm(x))
            x = x + self.dense(np.maximum(self.dense(self.layer_norm(x)), 0))
        for level in levels[::-1][:stages]:
            main, skip = gelu(self.norm(x)), gelu(self.norm(level))
            main, skip = self.dense(main), self.dense(skip)
            joined = np.repeat(main, 2, axis=0) + skip
            by_channel, across, bias = self.next("separable_conv1d")
            padded = np.pad(joined, ((1, 1), (0, 0)))
            x = sum(padded[tap : tap + len(joined)] * by_channel[tap, :, 0] for tap in range(3)) @ across[0] + bias
        return self.dense(gelu(x[crop : len(x) - crop]))


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def sequences(n: int, length: int) -> np.ndarray:
    return np.eye(4)[np.random.default_rng(3).integers(0, 4, (n, length))]


def write(folder: Path, layers: Layers, params: dict[str, Any]) -> Path:
    write_keras(folder / "model_best.h5", layers)
    (folder / "params.json").write_text(json.dumps(params))
    return folder


def tensor(windows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(windows.transpose(0, 2, 1)).float()


@pytest.fixture
def shorkie(tmp_path: Path) -> Shorkie:
    """16 tokens of 8 bases, bins of 2 bases, 5 cropped on either side."""
    return load_shorkie(write(tmp_path, keras_layers(stages=2, outputs=TRACKS), SHORKIE)).network


SHORKIE = parameters(stages=2, length=128, crop=5, outputs=TRACKS)
LM = parameters(stages=3, length=64, crop=0, outputs=4, head="head_human")


def test_shorkie_agrees_with_twin(shorkie: Shorkie) -> None:
    windows = sequences(2, 128)
    windows[0, 30:40] = 0  # unknown bases
    twin = Twin(keras_layers(stages=2, outputs=TRACKS))
    expected = np.stack([np.log1p(np.exp(twin.run(window, stages=2, crop=5))).T for window in windows])
    predicted = shorkie(tensor(windows))
    assert predicted.shape == (2, TRACKS, 54)
    torch.testing.assert_close(predicted, torch.from_numpy(expected).float(), rtol=2e-5, atol=2e-5)


def test_language_model_agrees_with_twin(tmp_path: Path) -> None:
    layers = keras_layers(stages=3, outputs=4)
    network = load_shorkie_lm(write(tmp_path, layers, LM)).network
    windows = sequences(2, 64)
    windows[:, 31] = 0  # masked
    logits = np.stack([Twin(layers).run(window, stages=3, crop=0).T for window in windows])
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    log_probs = network.base_log_probs(tensor(windows))
    torch.testing.assert_close(log_probs, torch.from_numpy(expected).float(), rtol=2e-5, atol=2e-5)
    torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(2, 64))
    embedding = torch.randn(1, 12, 3)
    assert torch.equal(network.predict(embedding, torch.tensor([2, 0])), network.predict(embedding, None)[:, [2, 0]])


def test_network_without_species(tmp_path: Path) -> None:
    layers = keras_layers(stages=2, outputs=TRACKS, channels=4)
    network = load_shorkie(write(tmp_path, layers, SHORKIE)).network
    windows = sequences(1, 128)
    expected = np.log1p(np.exp(Twin(layers).run(windows[0], stages=2, crop=5, channels=4))).T
    torch.testing.assert_close(network(tensor(windows))[0], torch.from_numpy(expected).float(), rtol=2e-5, atol=2e-5)


def test_geometry(shorkie: Shorkie) -> None:
    geometry = shorkie.geometry
    assert (geometry.length, geometry.token_bp, geometry.bin_bp, geometry.n_bins) == (128, 8, 2, 54)
    assert geometry.level_bp == (2, 4, 8)
    levels = shorkie.convolve(tensor(sequences(1, 128)))
    assert [128 // level.shape[-1] for level in levels] == list(geometry.level_bp)
    assert shorkie.n_tracks == TRACKS
    assert shorkie.is_local


def test_published_geometry(tmp_path: Path) -> None:
    trunk = SHORKIE["model"]["trunk"]
    stem, tower, transformer, unet, _, crop = trunk
    published = {"seq_length": 16384, "head": {"units": 5215}, "trunk": [
        stem | {"filters": 96}, tower | {"filters_init": 96, "filters_end": 384, "divisible_by": 32, "repeat": 7},
        transformer | {"key_size": 64, "heads": 4, "num_position_features": 32, "repeat": 8}, unet, unet, unet,
        crop | {"cropping": 64}]}  # fmt: skip
    (tmp_path / "params.json").write_text(json.dumps({"model": SHORKIE["model"] | published}))
    shape = read_shape(tmp_path / "params.json")
    assert shape.widths == (96, 128, 160, 192, 256, 320, 384)
    geometry = shape.geometry
    assert (geometry.token_bp, geometry.bin_bp, geometry.n_bins) == (128, 16, 896)
    assert geometry.level_bp == (16, 32, 64, 128)
    assert geometry.reach_bp == 259


def test_reach_of_a_base(shorkie: Shorkie) -> None:
    """No substitution changes a level further away than the reach."""
    reach, positions = shorkie.geometry.reach_bp, np.arange(40, 88)
    assert reach == 5 + 2 * 7
    window = sequences(1, 128)
    changed = np.repeat(window, len(positions), axis=0)
    changed[np.arange(len(positions)), positions] = np.roll(window[0, positions], 1, axis=1)
    before, after = (shorkie.double().convolve(tensor(windows).double()) for windows in (window, changed))
    for level_bp, a, b in zip(shorkie.geometry.level_bp, before, after, strict=True):
        differs = ((a - b).abs() > 1e-9).any(dim=1).numpy()
        column = np.arange(128 // level_bp)
        lowest, highest = (positions - reach) // level_bp, (positions + reach) // level_bp
        inside = (column >= lowest[:, None]) & (column <= highest[:, None])
        assert differs.any(axis=1).all()
        assert not (differs & ~inside).any()


@pytest.mark.parametrize(("start", "stop"), [(0, 54), (0, 1), (53, 54), (7, 20), (20, 21), (31, 54)])
def test_decoding_some_bins(shorkie: Shorkie, start: int, stop: int) -> None:
    window = tensor(sequences(2, 128))
    whole = shorkie(window)
    levels = shorkie.convolve(window)
    span = shorkie.decode_span(start, stop)
    assert len(span.levels) == len(levels)
    cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
    embedding = shorkie.decode(shorkie.transform(levels[-1])[..., span.tokens], cut, span, start, stop)
    tracks = torch.tensor([3, 1])
    torch.testing.assert_close(shorkie.predict(embedding, tracks), whole[:, [3, 1], start:stop], rtol=1e-5, atol=1e-5)


def test_no_column_more_than_needed(shorkie: Shorkie) -> None:
    """Bin 20 is column 25 of the window: columns 24 to 26 at 2 bases, 11 to 14 at 4, tokens 5 to 7."""
    span = shorkie.decode_span(20, 21)
    assert span.levels == (slice(24, 27), slice(11, 15), slice(0, 0))
    assert span.tokens == slice(5, 8)


def test_uncropped_language_model_at_the_window_edges(tmp_path: Path) -> None:
    network = load_shorkie_lm(write(tmp_path, keras_layers(stages=3, outputs=4), LM)).network
    window = tensor(sequences(1, 64))
    levels = network.convolve(window)
    for start, stop in [(0, 1), (63, 64), (31, 32)]:
        span = network.decode_span(start, stop)
        cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
        embedding = network.decode(network.transform(levels[-1])[..., span.tokens], cut, span, start, stop)
        torch.testing.assert_close(
            network.predict(embedding, None), network(window)[..., start:stop], rtol=1e-5, atol=1e-5
        )


def test_pieces_of_a_window(shorkie: Shorkie) -> None:
    """The tower of a piece agrees with that of the window, 3 tokens (more than the reach) from the piece's ends."""
    window = tensor(sequences(1, 128))
    whole, piece = shorkie.convolve(window), shorkie.convolve(window[..., 24:104])
    for level_bp, a, b in zip(shorkie.geometry.level_bp, whole, piece, strict=True):
        torch.testing.assert_close(
            a[..., 48 // level_bp : 80 // level_bp], b[..., 24 // level_bp : 56 // level_bp], rtol=1e-5, atol=1e-5
        )


def test_own_format_and_parameters_one_folder_up(tmp_path: Path) -> None:
    network = load_shorkie(write(tmp_path, keras_layers(stages=2, outputs=TRACKS), SHORKIE)).network
    replicate = tmp_path / "f0"
    replicate.mkdir()
    safetensors.torch.save_file(network.state_dict(), replicate / "model.safetensors")
    loaded = load_shorkie(replicate)
    window = tensor(sequences(1, 128))
    assert torch.equal(loaded.network(window), network(window))
    assert [file.name for file in loaded.files] == ["model.safetensors", "params.json"]


@pytest.mark.parametrize(
    ("layer", "shapes", "problem"),
    [
        ("conv1d", [(11, 20, 8), (8,)], "stem.weight reads 20 channels"),
        ("conv1d_1", [(5, 8, 9), (9,)], r"tower\.0\.wide\.conv_layer\.weight has shape \(9, 8, 5\) in the file"),
        ("scale", [(9,)], r"tower\.0\.scale"),
        ("multihead_attention_1", [(12, 6)], "layer multihead_attention_1 has arrays of shapes"),
        ("dense_8", [(12, 7), (7,)], r"head\.weight has shape \(7, 12, 1\)"),
        ("dense_9", [(12, 7), (7,)], "not part of the network: dense_9"),
    ],
)
def test_other_shapes_name_file_and_tensor(
    tmp_path: Path, layer: str, shapes: list[tuple[int, ...]], problem: str
) -> None:
    layers = keras_layers(stages=2, outputs=TRACKS) | {layer: [np.ones(shape, np.float32) for shape in shapes]}
    with pytest.raises(InputError, match=problem) as error:
        load_shorkie(write(tmp_path, layers, SHORKIE))
    assert error.value.where.endswith("model_best.h5")


def changed(block: int, **settings: Any) -> dict[str, Any]:
    trunk = [dict(entry) for entry in SHORKIE["model"]["trunk"]]
    trunk[block] |= settings
    return {"model": SHORKIE["model"] | {"trunk": trunk}}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "TypeError"),
        ({"model": {}}, "KeyError: 'trunk'"),
        (changed(0, name="conv_block"), "trunk of conv_block"),
        (changed(1, pool_size=4), "res_tower with pool_size = 4"),
        (changed(1, repeat=20), "do not fit together"),
        (changed(3, upsample_conv=False), "unet_conv with upsample_conv = False"),
        ({"model": SHORKIE["model"] | {"activation": "relu"}}, "model with activation = relu"),
    ],
)
def test_parameters_of_another_network(tmp_path: Path, params: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem) as error:
        load_shorkie(write(tmp_path, keras_layers(stages=2, outputs=TRACKS), params))
    assert error.value.where.endswith("params.json")


def test_tracks_are_not_a_language_model(tmp_path: Path) -> None:
    folder = write(tmp_path, keras_layers(stages=2, outputs=TRACKS), SHORKIE)
    with pytest.raises(InputError, match="5 outputs per 2 bases and 5 bins cropped"):
        load_shorkie_lm(folder)


def test_torch_file_without_the_stem(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text(json.dumps(SHORKIE))
    torch.save({"x": torch.ones(1)}, tmp_path / "model_best.pth")
    with pytest.raises(InputError, match=r"stem\.weight is missing"):
        load_shorkie(tmp_path)
