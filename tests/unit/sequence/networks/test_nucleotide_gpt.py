import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import encode
from locus2target.sequence.networks.nucleotide_gpt import NucleotideGpt, NucleotideGptConfig, load_nucleotide_gpt

Array = npt.NDArray[Any]

CONFIG = NucleotideGptConfig(
    d_model=12, ffw_multiplier=3, query_heads=2, key_heads=2, key_dim=6, num_layers=3, max_seq_len=32
)


def make(config: NucleotideGptConfig = CONFIG) -> NucleotideGpt:
    torch.manual_seed(0)
    network = NucleotideGpt(config).double().eval()
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if "gamma" in name:
                tensor.uniform_(0.5, 1.5)
    return network


# --- the same network written out step by step ---


def norm(x: Array, gamma: Array) -> Array:
    return gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)


def rotate(head: Array, position: int, max_seq_len: int) -> Array:
    half = len(head) // 2
    turned = np.empty_like(head)
    for c in range(half):
        angle = position / max_seq_len ** (2 * c / len(head))
        turned[c] = head[c] * math.cos(angle) - head[c + half] * math.sin(angle)
        turned[c + half] = head[c + half] * math.cos(angle) + head[c] * math.sin(angle)
    return turned


def attend(w: dict[str, Array], at: str, x: Array, config: NucleotideGptConfig) -> Array:
    """Attention of one sequence (L, D), a query at a time over the tokens up to it."""
    length = len(x)
    mixed = np.zeros_like(x)
    for head in range(config.query_heads):
        q, k, v = (x @ w[f"{at}.{name}"][:, head] for name in "qkv")
        q = np.stack([rotate(q[i], i, config.max_seq_len) for i in range(length)])
        k = np.stack([rotate(k[i], i, config.max_seq_len) for i in range(length)])
        for i in range(length):
            weight = np.exp(k[: i + 1] @ q[i] / math.sqrt(config.key_dim))
            mixed[i] += (weight @ v[: i + 1] / weight.sum()) @ w[f"{at}.proj"][head]
    return mixed


def step_by_step(network: NucleotideGpt, tokens: Array, layers: int) -> Array:
    """Hidden state (L, D) of one sequence."""
    w = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    x = w["embedding"][tokens]
    for i in range(layers):
        at = f"layers.{i}"
        mixed = attend(w, at, norm(x, w[f"{at}.attn_in_gamma"]), network.config)
        x = x + norm(mixed, w[f"{at}.attn_out_gamma"])
        y = norm(x, w[f"{at}.ff_in_gamma"]) @ w[f"{at}.w1"]
        y = 0.5 * y * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))
        x = x + norm(y @ w[f"{at}.w2"], w[f"{at}.ff_out_gamma"])
    return x


def random_tokens(length: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 6, length)


@pytest.mark.parametrize("layers", [0, 1, 3])
@torch.no_grad()
def test_hidden_states_equal_the_network_written_out(layers: int) -> None:
    network = make()
    tokens = np.stack([random_tokens(20, seed) for seed in (0, 1)])
    hidden = network.hidden_state(torch.from_numpy(tokens), layers).numpy()
    for row in range(2):
        np.testing.assert_allclose(hidden[row], step_by_step(network, tokens[row], layers), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_logits_equal_the_network_written_out() -> None:
    network = make()
    tokens = random_tokens(20)
    logits = network(torch.from_numpy(tokens)[None])[0].numpy()
    w = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    expected = norm(step_by_step(network, tokens, 3), w["gamma_final"]) @ w["vocab_proj"]
    assert logits.shape == (20, 6)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, 15), seed=st.integers(0, 100))
@torch.no_grad()
def test_a_token_changes_the_logits_from_itself_on_and_none_before(place: int, seed: int) -> None:
    network = make()
    tokens = torch.from_numpy(random_tokens(16, seed))
    edited = tokens.clone()
    edited[place] = (edited[place] + 1) % 6
    before, after = network(tokens[None])[0], network(edited[None])[0]
    torch.testing.assert_close(after[:place], before[:place], rtol=0, atol=1e-12)
    assert (after[place:] != before[place:]).any(1).all()


@torch.no_grad()
def test_attention_depends_on_distances_not_on_positions() -> None:
    """With rotary positions equal stretches give equal attention wherever they stand: of one layer on one token."""
    network = make()
    layer = network.layers[0]
    x = torch.randn(1, 8, 12, dtype=torch.float64)
    angles = torch.arange(40, dtype=torch.float64)[:, None] / 32.0 ** (torch.arange(0, 6, 2) / 6.0)
    here = layer(x, angles[:8].cos(), angles[:8].sin())
    there = layer(x, angles[30:38].cos(), angles[30:38].sin())
    torch.testing.assert_close(here, there)


def test_tokens_are_those_of_the_training_loaders() -> None:
    codes = torch.from_numpy(encode("ACGTN"))[None]
    assert make().tokenize(codes).tolist() == [[1, 2, 3, 4, 5]]
    older = NucleotideGptConfig(d_model=12, key_dim=6, num_layers=0, vocabulary="PNACGT")
    assert NucleotideGpt(older).tokenize(codes).tolist() == [[2, 3, 4, 5, 1]]


def test_published_shape_has_about_half_a_billion_parameters() -> None:
    with torch.device("meta"):
        network = NucleotideGpt(NucleotideGptConfig())
    per_layer = 4 * 2048 * 8 * 128 + 2 * 2048 * 8192 + 4 * 2048
    assert sum(tensor.numel() for tensor in network.parameters()) == 12 * per_layer + 2 * 6 * 2048 + 2048
    assert 12 * per_layer == pytest.approx(5e8, rel=0.02)


# --- loading ---


def write_folder(folder: Path, drop: tuple[str, ...] = (), **changes: object) -> dict[str, torch.Tensor]:
    state = {name: tensor.float() for name, tensor in make().state_dict().items()}
    values = {name: getattr(CONFIG, name) for name in CONFIG.__slots__} | {"causal": True} | changes
    (folder / "config.json").write_text(json.dumps({name: value for name, value in values.items() if name not in drop}))
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return state


def test_folder_loads_whole(tmp_path: Path) -> None:
    state = write_folder(tmp_path)
    loaded = load_nucleotide_gpt(tmp_path)
    assert loaded.network.config == CONFIG
    assert not loaded.network.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.network.state_dict().items())
    assert loaded.files == (tmp_path / "config.json", tmp_path / "model.safetensors")


def test_names_are_the_paths_in_the_jax_weights(tmp_path: Path) -> None:
    parts = ("q", "k", "v", "proj", "w1", "w2", "attn_in_gamma", "attn_out_gamma", "ff_in_gamma", "ff_out_gamma")
    names = {f"layers.{layer}.{part}" for layer in range(3) for part in parts}
    state = write_folder(tmp_path)
    assert state.keys() == names | {"embedding", "vocab_proj", "gamma_final"}
    assert state["layers.0.q"].shape == (12, 2, 6)
    assert state["layers.0.proj"].shape == (2, 6, 12)


def test_torch_files_load_too(tmp_path: Path) -> None:
    state = write_folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(state, tmp_path / "model.pth")
    assert torch.equal(load_nucleotide_gpt(tmp_path).network.embedding, state["embedding"])


def test_vocabulary_may_be_left_out(tmp_path: Path) -> None:
    write_folder(tmp_path, drop=("vocabulary",))
    assert load_nucleotide_gpt(tmp_path).network.config.vocabulary == "PACGTN"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key_heads": 1}, "query_heads 2 and key_heads 1 differ"),
        ({"key_dim": 5}, "key_dim 5 is odd"),
        ({"vocab_size": 4098}, "'PACGTN' is not 4098 letters"),
        ({"vocabulary": "PACGUN"}, "'PACGUN' is not 6 letters with A, C, G, T and N"),
        ({"d_model": 24}, r"model\.safetensors: tensor .* has shape"),
        ({"num_layers": 4}, r"10 tensors are missing from the file: layers\.3\.q"),
    ],
)
def test_wrong_shapes_are_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    write_folder(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        load_nucleotide_gpt(tmp_path)


def test_missing_keys_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path, drop=("max_seq_len", "key_dim"))
    with pytest.raises(InputError, match="no key_dim, max_seq_len inside"):
        load_nucleotide_gpt(tmp_path)
