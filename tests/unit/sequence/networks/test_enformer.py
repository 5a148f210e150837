import json
import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.nn import functional

from locus2target.core.errors import InputError
from locus2target.sequence.networks import enformer
from locus2target.sequence.networks.enformer import Enformer, EnformerConfig, load_enformer, published_names
from locus2target.sequence.networks.enformer_positions import gamma_features, positional_features

CONFIG = EnformerConfig(
    dim=24,
    depth=2,
    heads=2,
    output_heads={"human": 5, "mouse": 3},
    target_length=16,
    attn_dim_key=4,
    num_downsamples=3,
    dim_divisible_by=4,
    length=8 * 24,
)
PUBLISHED = {
    "dim": 24,
    "depth": 1,
    "heads": 2,
    "output_heads": {"human": 5, "mouse": 3},
    "target_length": 896,
    "attn_dim_key": 4,
    "num_downsamples": 7,
    "dim_divisible_by": 4,
    "model_type": "enformer",
}

# (distance, gamma feature): value. In exact arithmetic the last five are 0.00689243, 0.72170475, 0.99444178, 0.95088266
# and 0.58750715.
TENSORFLOW = {
    (0, 0): 5.356140491130645e-07,
    (0, 31): 6.031668249306676e-07,
    (40, 0): 0.9828960299491882,
    (170, 4): 0.006893067620694637,
    (700, 14): 0.7213290333747864,
    (1010, 20): 0.9941577315330505,
    (1480, 30): 0.9504866003990173,
    (1511, 31): 0.5878699421882629,
}


def make(config: EnformerConfig = CONFIG, species: str = "human") -> Enformer:
    """Random weights; the positional part is large and no layer is near zero, so that each can be seen."""
    torch.manual_seed(0)
    network = Enformer(config, species).double().eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "running_var" in name:
                tensor.uniform_(0.05, 0.2)
            elif "running_mean" in name:
                tensor.normal_(0, 0.1)
            elif "to_rel_k" in name or "_heads" in name or "to_attn_logits" in name:
                tensor.normal_()
    return network


def one_hot(n: int, length: int, seed: int = 0) -> torch.Tensor:
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return functional.one_hot(codes, 4).transpose(1, 2).double()


# --- the same network written out step by step ---


def gelu(x: torch.Tensor) -> torch.Tensor:
    return x / (1 + torch.exp(-1.702 * x))


def conv_block(state: dict[str, torch.Tensor], at: str, x: torch.Tensor) -> torch.Tensor:
    mean, var, scale, shift = (state[f"{at}.0.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    x = gelu((x - mean[:, None]) / (var[:, None] + 1e-5).sqrt() * scale[:, None] + shift[:, None])
    weight = state[f"{at}.2.weight"]
    padded = functional.pad(x, (weight.shape[2] // 2,) * 2)
    windows = padded.unfold(2, weight.shape[2], 1)
    return torch.einsum("bcnk,dck->bdn", windows, weight) + state[f"{at}.2.bias"][:, None]


def pool(state: dict[str, torch.Tensor], at: str, x: torch.Tensor) -> torch.Tensor:
    pairs = x.unflatten(2, (-1, 2))
    logits = torch.einsum("bcnp,dc->bdnp", pairs, state[f"{at}.to_attn_logits.weight"][:, :, 0, 0])
    return (pairs * logits.softmax(-1)).sum(-1)


def attend(state: dict[str, torch.Tensor], at: str, x: torch.Tensor, config: EnformerConfig) -> torch.Tensor:
    n, heads = x.shape[1], config.heads
    features = torch.from_numpy(positional_features(n, config.dim // heads)).double()
    q, k, v = (
        (x @ state[f"{at}.to_{name}.weight"].T).unflatten(-1, (heads, -1)).transpose(1, 2) for name in ("q", "k", "v")
    )
    q = q / math.sqrt(config.attn_dim_key)
    r = (features @ state[f"{at}.to_rel_k.weight"].T).unflatten(-1, (heads, -1)).transpose(0, 1)
    logits = (q + state[f"{at}.rel_content_bias"]) @ k.transpose(-1, -2)
    position = q + state[f"{at}.rel_pos_bias"]
    for i in range(n):
        for j in range(n):
            logits[:, :, i, j] += (position[:, :, i] * r[:, j - i + n - 1]).sum(-1)
    mixed = (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return mixed @ state[f"{at}.to_out.weight"].T + state[f"{at}.to_out.bias"]


def layer_norm(state: dict[str, torch.Tensor], at: str, x: torch.Tensor) -> torch.Tensor:
    centered = x - x.mean(-1, keepdim=True)
    scaled = centered / (centered.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{at}.weight"] + state[f"{at}.bias"]


def step_by_step(network: Enformer, sequence: torch.Tensor) -> torch.Tensor:
    state, config = network.state_dict(), network.config
    windows = functional.pad(sequence, (7, 7)).unfold(2, 15, 1)
    x = torch.einsum("bcnk,dck->bdn", windows, state["stem.0.weight"]) + state["stem.0.bias"][:, None]
    x = pool(state, "stem.2", x + conv_block(state, "stem.1.fn", x))
    for block in range(config.num_downsamples - 1):
        x = conv_block(state, f"conv_tower.{block}.0", x)
        x = pool(state, f"conv_tower.{block}.2", x + conv_block(state, f"conv_tower.{block}.1.fn", x))
    x = x.transpose(1, 2)
    for layer in range(config.depth):
        at = f"transformer.{layer}"
        x = x + attend(state, f"{at}.0.fn.1", layer_norm(state, f"{at}.0.fn.0", x), config)
        y = layer_norm(state, f"{at}.1.fn.0", x) @ state[f"{at}.1.fn.1.weight"].T + state[f"{at}.1.fn.1.bias"]
        x = x + y.clamp(min=0) @ state[f"{at}.1.fn.4.weight"].T + state[f"{at}.1.fn.4.bias"]
    crop = (x.shape[1] - config.target_length) // 2
    x = gelu(conv_block(state, "final_pointwise.1", x.transpose(1, 2)[:, :, crop : x.shape[1] - crop]))
    head = f"_heads.{network.species}.0"
    y = torch.einsum("bcn,tc->btn", x, state[f"{head}.weight"]) + state[f"{head}.bias"][:, None]
    return torch.log1p(torch.exp(y))


@pytest.mark.parametrize("species", ["human", "mouse"])
@pytest.mark.parametrize("queries", [512, 24, 7])
@torch.no_grad()
def test_network_equals_itself_written_out(species: str, queries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enformer, "_QUERIES", queries)
    network = make(species=species)
    windows = one_hot(2, CONFIG.length)
    predicted = network(windows)
    expected = step_by_step(network, windows)
    assert predicted.dtype == torch.float32
    assert expected.std() > 0.5
    torch.testing.assert_close(predicted.double(), expected, rtol=1e-5, atol=1e-6)


def test_input_gradient_is_the_slope_of_the_prediction() -> None:
    network = make()
    window = one_hot(1, CONFIG.length).requires_grad_()

    def last_bin(sequence: torch.Tensor) -> torch.Tensor:
        tokens = network.transform(*network.convolve(sequence))
        embedding: torch.Tensor = network.final_pointwise(tokens[:, :, -5:-4])
        return embedding.sum()

    (gradient,) = torch.autograd.grad(last_bin(window), window)
    step = torch.zeros_like(window)
    step[0, 2, 40] = 1e-5
    with torch.no_grad():
        slope = (last_bin(window + step) - last_bin(window - step)) / 2e-5
    assert gradient[0, 2, 40].item() == pytest.approx(slope.item(), rel=1e-5)


# --- geometry, and the parts as the engine uses them ---


def test_geometry_of_the_published_network() -> None:
    with torch.device("meta"):
        network = Enformer(EnformerConfig())
    geometry = network.geometry
    assert (geometry.length, geometry.token_bp, geometry.bin_bp, geometry.level_bp) == (196_608, 128, 128, (128,))
    assert (geometry.crop_bins, geometry.n_bins) == (320, 896)
    assert geometry.reach_bp == 7 + 2 * (2 + 4 + 8 + 16 + 32 + 64) == 259
    assert network.config.widths == (768, 768, 896, 1024, 1152, 1280, 1536)
    assert network.n_tracks == 5313
    assert sum(tensor.numel() for tensor in network.parameters()) == pytest.approx(251.2e6, rel=1e-3)


@torch.no_grad()
def test_a_base_changes_the_tokens_within_reach_and_no_others() -> None:
    network = make()
    reach, bp = network.geometry.reach_bp, network.geometry.token_bp
    window = one_hot(1, CONFIG.length)
    (reference,) = network.convolve(window)
    edited = window.repeat(CONFIG.length, 1, 1)
    for position in range(CONFIG.length):
        edited[position, :, position] = edited[position, :, position].roll(1)
    (tokens,) = network.convolve(edited)
    changed = (tokens != reference).any(1)
    for position in range(CONFIG.length):
        first, last = max((position - reach) // bp, 0), min((position + reach) // bp, CONFIG.tokens - 1)
        assert changed[position].nonzero()[:, 0].tolist() == list(range(first, last + 1))


@pytest.mark.parametrize("start", [0, 5, 12])
@torch.no_grad()
def test_a_piece_gives_the_tokens_of_the_window_beyond_reach_of_its_ends(start: int) -> None:
    network = make()
    window = one_hot(1, CONFIG.length)
    (whole,) = network.convolve(window)
    (piece,) = network.convolve(window[:, :, start * 8 : (start + 12) * 8])
    margin = -(-network.geometry.reach_bp // 8)
    left = 0 if start == 0 else margin
    right = 12 if start == 12 else 12 - margin
    torch.testing.assert_close(piece[:, :, left:right], whole[:, :, start + left : start + right])


@pytest.mark.parametrize(("start", "stop"), [(0, 16), (0, 1), (15, 16), (3, 9)])
@torch.no_grad()
def test_some_bins_and_tracks_are_those_of_the_whole_prediction(start: int, stop: int) -> None:
    network = make()
    windows = one_hot(2, CONFIG.length)
    levels = network.convolve(windows)
    tokens = network.transform(levels[-1])
    span = network.decode_span(start, stop)
    cut = [level[:, :, columns] for level, columns in zip(levels, span.levels, strict=True)]
    embedding = network.decode(tokens[:, :, span.tokens], cut, span, start, stop)
    predicted = network.predict(embedding, torch.tensor([4, 0]))
    torch.testing.assert_close(predicted, network(windows)[:, [4, 0], start:stop])


@torch.no_grad()
def test_the_trunk_keeps_bfloat16_and_the_head_predicts_float32() -> None:
    exact = make().float()
    windows = one_hot(2, CONFIG.length).float()
    expected = exact(windows)
    network = make().bfloat16()
    (tokens,) = network.convolve(windows.bfloat16())
    mixed = network.transform(tokens)
    embedding = network.decode(mixed[:, :, 4:20], (), network.decode_span(0, 16), 0, 16)
    assert tokens.dtype == mixed.dtype == embedding.dtype == torch.bfloat16
    predicted = exact.predict(embedding, None)
    assert predicted.dtype == torch.float32
    assert torch.corrcoef(torch.stack([predicted.flatten(), expected.flatten()]))[0, 1] > 0.99


def test_tokens_of_another_window_length_are_refused() -> None:
    with pytest.raises(ValueError, match="23 tokens are not a window of 24"):
        make().transform(torch.zeros(1, 24, 23, dtype=torch.float64))


# --- positional features ---


def test_gamma_features_are_densities_up_to_the_rounding_of_float32() -> None:
    features = gamma_features(np.arange(1536), 1536, 32)
    x = np.arange(1, 1536, dtype=np.float64)[:, None]
    mean = 48.0 * np.arange(1, 33)
    shape, rate = (mean / 24) ** 2, mean / 24**2
    normalization = np.array([math.lgamma(value) for value in shape]) - shape * np.log(rate)
    density = np.exp((shape - 1) * np.log(x) - rate * x - normalization) + 1e-8
    np.testing.assert_allclose(features[1:], density / density.max(axis=0), rtol=5e-3)
    assert (features.max(axis=0) == 1).all()


def test_gamma_features_have_the_rounding_errors_of_tensorflow() -> None:
    """A few entries of the table that TensorFlow computed (enformer-pytorch 0.8.12); exact arithmetic gives others."""
    features = gamma_features(np.arange(1536), 1536, 32)
    for (distance, feature), value in TENSORFLOW.items():
        assert features[distance, feature] == pytest.approx(value, rel=3e-7)


def test_exponential_and_central_mask_features() -> None:
    features = positional_features(16, 12)
    here, near, far = features[15], features[15 + 3], features[15 - 8]
    assert features.shape == (31, 12)
    # two decays with half-lives 8 and 16, masks below 1 and 3
    np.testing.assert_allclose(here[:4], [1, 1, 1, 1])
    np.testing.assert_allclose(near[:4], [2 ** (-3 / 8), 2 ** (-3 / 16), 0, 0], rtol=1e-6)
    np.testing.assert_allclose(far[:4], [0.5, 2**-0.5, 0, 0], rtol=1e-6)
    # the other half has the sign of j - i
    np.testing.assert_array_equal(here[6:], 0)
    np.testing.assert_array_equal(near[6:], near[:6])
    np.testing.assert_array_equal(far[6:], -far[:6])


def test_positional_features_come_in_sixes() -> None:
    with pytest.raises(ValueError, match="10 positional features"):
        positional_features(16, 10)


# --- loading ---


def write_folder(folder: Path, *, twins: bool = True, **changes: object) -> dict[str, torch.Tensor]:
    """A folder as enformer-pytorch saves it, with every part named twice."""
    torch.manual_seed(1)
    config = EnformerConfig.from_json(PUBLISHED, where=folder)
    state = Enformer(config).state_dict()
    names = {
        "stem.": "_trunk.1.",
        "conv_tower.": "_trunk.2.",
        "transformer.": "_trunk.4.",
        "final_pointwise.": "_trunk.6.",
    }
    both = dict(state)
    for part, twin in names.items():
        both.update({twin + name.removeprefix(part): state[name] for name in state if name.startswith(part)})
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(PUBLISHED | changes))
    torch.save(both if twins else state, folder / "pytorch_model.bin")
    return state


def assert_holds(network: Enformer, state: dict[str, torch.Tensor]) -> None:
    loaded = network.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_published_folder_loads_whole(tmp_path: Path) -> None:
    state = write_folder(tmp_path)
    loaded = load_enformer(tmp_path, "mouse")
    assert_holds(loaded.network, state)
    assert not loaded.network.training
    assert loaded.network.n_tracks == 3
    assert loaded.network.geometry.length == 196_608
    assert loaded.files == (tmp_path / "config.json", tmp_path / "pytorch_model.bin")


def test_safetensors_with_the_second_names_loads_whole(tmp_path: Path) -> None:
    """Safetensors keeps one name of tensors that are the same memory."""
    state = write_folder(tmp_path)
    twins = {
        f"_trunk.1.{name.removeprefix('stem.')}" if name.startswith("stem.") else name: t for name, t in state.items()
    }
    assert published_names(twins).keys() == state.keys()
    safetensors.torch.save_file(twins, tmp_path / "model.safetensors")
    loaded = load_enformer(tmp_path)
    assert_holds(loaded.network, state)
    assert loaded.files[1].name == "model.safetensors"


def test_missing_and_unexpected_tensors_are_named(tmp_path: Path) -> None:
    state = write_folder(tmp_path, twins=False)
    torch.save(state | {"stem.9.weight": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin: 1 tensor is not part of the network: stem\.9\.weight"):
        load_enformer(tmp_path)
    state.pop("conv_tower.0.2.to_attn_logits.weight")
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"1 tensor is missing .*conv_tower\.0\.2\.to_attn_logits"):
        load_enformer(tmp_path)


def test_unknown_species_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    with pytest.raises(InputError, match="no head for species 'yeast', only for human, mouse"):
        load_enformer(tmp_path, "yeast")


def test_features_of_enformer_pytorch_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, use_tf_gamma=False)
    with pytest.raises(InputError, match="use_tf_gamma is False"):
        load_enformer(tmp_path)
    write_folder(tmp_path, use_tf_gamma=True)
    assert load_enformer(tmp_path).network.n_tracks == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 5}, "dim 24 is not a multiple of 6 x 5 heads"),
        ({"target_length": 2000}, "2000 bins are not the middle"),
    ],
)
def test_impossible_shapes_are_refused(changes: dict[str, int], message: str, tmp_path: Path) -> None:
    write_folder(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        load_enformer(tmp_path)


def test_missing_config_keys_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"dim": 24}))
    with pytest.raises(InputError, match="no depth, heads, output_heads, target_length"):
        load_enformer(tmp_path)


def test_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        load_enformer(tmp_path)
