"""scBasset against a numpy twin that works in Keras' layout, on files as Keras writes them."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from published_formats import targets_text, write_keras

from locus2target.core.errors import InputError
from locus2target.sequence.networks.scbasset import PUBLISHED, ScBasset, ScBassetShape, load_scbasset

WIDTHS, KERNELS, POSITIONS, LATENT, CELLS = (6, 5, 7, 4), (17, 5, 5, 1), 3, 5, 4
LENGTH = POSITIONS * 3 * 2 * 2


def keras_layers(seed: int = 0, first_number: int = 0) -> dict[str, list[np.ndarray]]:
    """Random weights under Keras' names; layers without weights are there too."""
    random = np.random.default_rng(seed)
    names = {
        kind: [f"{kind}_{n}" if n else kind for n in range(first_number, first_number + 20)]
        for kind in ("conv1d", "batch_normalization", "dense")
    }

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape, scale=0.5).astype(np.float32)

    def norm(width: int) -> list[np.ndarray]:
        return [normal(width), normal(width), normal(width), np.abs(normal(width)) + 0.1]

    layers: dict[str, list[np.ndarray]] = {"sequence": [], "stochastic_reverse_complement": [], "stochastic_shift": []}
    width = 4
    for i, (wider, kernel) in enumerate(zip(WIDTHS, KERNELS, strict=True)):
        layers[f"gelu_{i}"] = []
        layers[names["conv1d"][i]] = [normal(kernel, width, wider)]
        layers[names["batch_normalization"][i]] = norm(wider)
        width = wider
    layers[names["dense"][0]] = [normal(POSITIONS * width, LATENT)]
    layers[names["batch_normalization"][len(WIDTHS)]] = norm(LATENT)
    layers[names["dense"][1]] = [normal(LATENT, CELLS), normal(CELLS)]
    layers["switch_reverse"] = []
    return layers


def gelu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-1.702 * x))


def batch_norm(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def twin(layers: dict[str, list[np.ndarray]], one_hot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(length, 4) float64 to latent and probabilities, channels last throughout as in Keras."""
    weights = [[array.astype(np.float64) for array in arrays] for arrays in layers.values() if arrays]
    x = one_hot
    for i, pool in enumerate((3, 2, 2, 1)):
        (kernel,), norm = weights[2 * i], weights[2 * i + 1]
        half = len(kernel) // 2
        padded = np.pad(gelu(x), ((half, half), (0, 0)))
        convolved = sum(padded[tap : tap + len(x)] @ kernel[tap] for tap in range(len(kernel)))
        normed = batch_norm(convolved, *norm)
        x = normed.reshape(len(normed) // pool, pool, -1).max(axis=1)
    flat = gelu(x).reshape(-1)  # positions first
    latent = gelu(batch_norm(flat @ weights[-3][0], *weights[-2]))
    logits = latent @ weights[-1][0] + weights[-1][1]
    return latent, 1 / (1 + np.exp(-logits))


def sequences(n: int) -> np.ndarray:
    return np.eye(4)[np.random.default_rng(1).integers(0, 4, (n, LENGTH))]


@pytest.mark.parametrize("first_number", [0, 7])
@pytest.mark.parametrize("whole_model", [True, False])
def test_keras_file_gives_the_published_network(tmp_path: Path, first_number: int, *, whole_model: bool) -> None:
    layers = keras_layers(first_number=first_number)
    write_keras(tmp_path / "best_model.h5", layers, whole_model=whole_model)
    loaded = load_scbasset(tmp_path)
    network = loaded.network
    assert loaded.files == (tmp_path / "best_model.h5",)
    assert not network.training
    assert network.length == LENGTH
    x = sequences(3)
    one_hot = torch.from_numpy(x.transpose(0, 2, 1)).float()
    expected = [twin(layers, window) for window in x]
    latent = network.latent(network.features(one_hot))
    torch.testing.assert_close(latent, torch.tensor(np.stack([e[0] for e in expected])).float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        network(one_hot), torch.tensor(np.stack([e[1] for e in expected])).float(), rtol=1e-5, atol=1e-5
    )


def test_latent_change_times_cell_weights_is_the_change_of_logits(tmp_path: Path) -> None:
    write_keras(tmp_path / "model.h5", keras_layers())
    network = load_scbasset(tmp_path).network
    one_hot = torch.from_numpy(sequences(2).transpose(0, 2, 1)).float()
    ref, alt = network.latent(network.features(one_hot))
    logits = network.cell_logits(torch.stack([ref, alt]))
    torch.testing.assert_close((alt - ref) @ network.cell_weights.T, logits[1] - logits[0])


def test_unknown_base_is_a_column_of_zeros(tmp_path: Path) -> None:
    layers = keras_layers()
    write_keras(tmp_path / "model.h5", layers)
    x = sequences(1)
    x[0, 10:14] = 0
    one_hot = torch.from_numpy(x.transpose(0, 2, 1)).float()
    _, expected = twin(layers, x[0])
    torch.testing.assert_close(
        load_scbasset(tmp_path).network(one_hot)[0], torch.tensor(expected).float(), rtol=1e-5, atol=1e-5
    )


def test_own_format_gives_the_same_network(tmp_path: Path) -> None:
    write_keras(tmp_path / "model.h5", keras_layers())
    network = load_scbasset(tmp_path).network
    own = tmp_path / "own"
    own.mkdir()
    safetensors.torch.save_file(network.state_dict(), own / "model.safetensors")
    one_hot = torch.from_numpy(sequences(2).transpose(0, 2, 1)).float()
    assert torch.equal(load_scbasset(own).network(one_hot), network(one_hot))


def test_published_sizes() -> None:
    network = ScBasset(PUBLISHED)
    assert network.length == 1344
    assert PUBLISHED.widths[:-1] == tuple(int(np.round(288 * 1.122 ** max(i - 1, 0))) for i in range(7))
    assert network.eval()(torch.zeros(1, 4, 1344)).shape == (1, 1)


def test_cell_names(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "model.h5", keras_layers())
    assert load_scbasset(tmp_path).network.names == ("0", "1", "2", "3")
    (tmp_path / "targets.txt").write_text(targets_text([{"identifier": cell, "clip": 1} for cell in "wxyz"]))
    assert load_scbasset(tmp_path).network.names == tuple("wxyz")
    (tmp_path / "cells.txt").write_text("AAC-1\nCCA-1\nGGT-1\nTTG-1\n")
    loaded = load_scbasset(tmp_path)
    assert loaded.network.names == ("AAC-1", "CCA-1", "GGT-1", "TTG-1")
    assert loaded.files == (path, tmp_path / "cells.txt")


@pytest.mark.parametrize(
    ("text", "problem"), [("a\nb\nc\n", "3 names, but the weights have 4"), ("a\nb\na\nd\n", "a is named twice")]
)
def test_wrong_cell_names(tmp_path: Path, text: str, problem: str) -> None:
    write_keras(tmp_path / "model.h5", keras_layers())
    (tmp_path / "cells.txt").write_text(text)
    with pytest.raises(InputError, match=problem) as error:
        load_scbasset(tmp_path)
    assert error.value.where.endswith("cells.txt")


def test_names_that_do_not_fit_are_a_programming_error() -> None:
    with pytest.raises(ValueError, match="1 names for 2 cells"):
        ScBasset(ScBassetShape((2, 2), (3, 1), 1, 2, 2), ["a"])


@pytest.mark.parametrize(
    ("layer", "arrays", "problem"),
    [
        ("conv1d_1", [(5, 9, 5)], "tower.conv1.weight"),
        ("conv1d", [(17, 4, 6), (6,)], "layer conv1d has arrays"),
        ("batch_normalization_2", [(6,)] * 4, "tower.norm2.weight"),
        ("dense", [(13, LATENT)], "13 values, which are not whole columns of 4"),
        ("dense_1", [(9, CELLS), (CELLS,)], "head.weight"),
        ("dense_2", [(CELLS, 1), (1,)], "1 layers are not part of the network: dense_2"),
    ],
)
def test_other_shapes_name_file_and_tensor(
    tmp_path: Path, layer: str, arrays: list[tuple[int, ...]], problem: str
) -> None:
    layers = keras_layers() | {layer: [np.ones(shape, np.float32) for shape in arrays]}
    write_keras(tmp_path / "best_model.h5", layers)
    with pytest.raises(InputError, match=problem) as error:
        load_scbasset(tmp_path)
    assert error.value.where.endswith("best_model.h5")


def test_missing_layers(tmp_path: Path) -> None:
    layers = keras_layers()
    del layers["dense_1"]
    write_keras(tmp_path / "model.h5", layers)
    with pytest.raises(InputError, match="more dense layers than this file"):
        load_scbasset(tmp_path)


def test_weights_of_another_model(tmp_path: Path) -> None:
    torch.save({"linear.weight": torch.ones(2, 2)}, tmp_path / "model.pth")
    with pytest.raises(InputError, match=r"bottleneck\.weight, head\.weight is missing"):
        load_scbasset(tmp_path)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"best_model\.h5"):
        load_scbasset(tmp_path)
