"""Adapters of Borzoi against the base with the adapters applied beside its layers, never merged."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from published_formats import targets_text, write_keras
from torch import Tensor, nn
from torch.nn import functional

from locus2target.core.digest import file_sha256
from locus2target.core.errors import InputError
from locus2target.sequence.networks import adapters
from locus2target.sequence.networks.adapter_layers import convolutions, dense_layers
from locus2target.sequence.networks.adapters import is_adapted, load_adapted_borzoi
from locus2target.sequence.networks.borzoi import Borzoi, load_borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig

WIDTHS, WIDTH, HIDDEN, DEPTH, HEADS, KEY, FEATURES, TRACKS, NEW = (8, 12, 14, 16), 16, 20, 2, 2, 4, 8, 3, 5
LENGTH, CROP = 256, 3
RANK = 2
ATTENTION = [f"transformer.{layer}.0.fn.1" for layer in range(DEPTH)]
FFN = [f"transformer.{layer}.1.fn" for layer in range(DEPTH)]
CONVOLUTIONS = ["conv_dna", "res_tower.0", "res_tower.2", "unet1.1", "final_joined_convs.0"]
CHANNELS = dict(zip(CONVOLUTIONS, [(4, 8, 15), (8, 12, 5), (12, 14, 5), (14, 16, 5), (16, 20, 1)], strict=True))
Edit = Callable[[Borzoi], None]


def parameters(tracks: int = TRACKS, **more: Any) -> dict[str, Any]:
    unet = {"name": "unet_conv", "kernel_size": 3, "upsample_conv": True}
    trunk = [
        {"name": "conv_dna", "filters": 8, "kernel_size": 15, "norm_type": None, "activation": "linear",
         "pool_size": 2},
        {"name": "res_tower", "filters_init": 12, "filters_end": 16, "divisible_by": 2, "kernel_size": 5,
         "num_convs": 1, "pool_size": 2, "repeat": 3},
        {"name": "transformer_tower", "key_size": KEY, "heads": HEADS, "num_position_features": FEATURES,
         "repeat": DEPTH},
        unet, unet, {"name": "Cropping1D", "cropping": CROP}, {"name": "conv_nac", "filters": HIDDEN},
    ]  # fmt: skip
    model = {"seq_length": LENGTH, "activation": "gelu", "norm_type": "batch", "trunk": trunk,
             "head_human": {"name": "final", "units": tracks, "activation": "softplus"}}  # fmt: skip
    return {"model": model} | more


def keras_layers(tracks: int = TRACKS, seed: int = 0) -> dict[str, list[np.ndarray]]:
    random = np.random.default_rng(seed)
    layers: dict[str, list[np.ndarray]] = {}
    counts: dict[str, int] = {}

    def add(kind: str, *shapes: tuple[int, ...]) -> None:
        number = counts.get(kind, 0)
        counts[kind] = number + 1
        layers[f"{kind}_{number}" if number else kind] = [
            random.normal(size=shape, scale=0.3).astype(np.float32) for shape in shapes
        ]

    def batch_norm(width: int) -> None:
        add("batch_normalization", *[(width,)] * 3)
        last = layers[list(layers)[-1]]
        last[0] += 1
        last.append(random.uniform(0.5, 2, width).astype(np.float32))

    add("conv1d", (15, 4, 8), (8,))
    for width, wider in pairwise(WIDTHS):
        batch_norm(width)
        add("conv1d", (5, width, wider), (wider,))
    for _ in range(DEPTH):
        add("layer_normalization", (WIDTH,), (WIDTH,))
        bias, keys = (1, HEADS, 1, KEY), (WIDTH, HEADS * KEY)
        square = (WIDTH, WIDTH)
        add("multihead_attention", bias, bias, keys, keys, square, square, (WIDTH,), (FEATURES, HEADS * KEY))
        add("layer_normalization", (WIDTH,), (WIDTH,))
        add("dense", (WIDTH, 2 * WIDTH), (2 * WIDTH,))
        add("dense", (2 * WIDTH, WIDTH), (WIDTH,))
    for skip in (16, 14):
        batch_norm(WIDTH)
        batch_norm(skip)
        add("dense", (WIDTH, WIDTH), (WIDTH,))
        add("dense", (skip, WIDTH), (WIDTH,))
        add("separable_conv1d", (3, WIDTH, 1), (1, WIDTH, WIDTH), (WIDTH,))
    batch_norm(WIDTH)
    add("conv1d", (1, WIDTH, HIDDEN), (HIDDEN,))
    add("dense", (HIDDEN, tracks), (tracks,))
    return layers


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_keras(folder / "model_best.h5", keras_layers())
    (folder / "params.json").write_text(json.dumps(parameters()))
    return folder


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))) * 0.2


def new_head() -> dict[str, Tensor]:
    return {"head.weight": normal(NEW, HIDDEN, 1), "head.bias": normal(NEW)}


def write_targets(folder: Path, rows: int = NEW) -> None:
    (folder / "targets.txt").write_text(targets_text([{"identifier": f"track{row}"} for row in range(rows)]))


def write_adapter(folder: Path, delta: dict[str, Tensor], method: str, **settings: Any) -> Path:
    safetensors.torch.save_file(new_head() | delta, folder / "adapter.safetensors")
    described = {"base": {"family": "borzoi", "id": "johahi/borzoi-replicate-0"}, "method": method} | settings
    (folder / "adapter.json").write_text(json.dumps(described))
    write_targets(folder)
    return folder


def sequence(batch: int = 2) -> Tensor:
    return torch.eye(4, dtype=torch.float64)[torch.from_numpy(np.random.default_rng(5).integers(0, 4, (batch, LENGTH)))
                                             ].transpose(1, 2)  # fmt: skip


def unmerged(base: Path, edit: Edit) -> Tensor:
    """Prediction of the base in float64, with adapters beside its layers and the new head."""
    network = load_borzoi(base).network.double().requires_grad_(requires_grad=False)
    head = {name: tensor.double() for name, tensor in new_head().items()}
    network.human_head = nn.Conv1d(HIDDEN, NEW, 1).double().requires_grad_(requires_grad=False)
    network.human_head.weight.copy_(head["head.weight"])
    network.human_head.bias.copy_(head["head.bias"])
    edit(network)
    with torch.inference_mode():
        return network(sequence())


def change_output(network: Borzoi, name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Let a layer give `function(input, output)`."""
    network.get_submodule(name).register_forward_hook(lambda _, inputs, output: function(inputs[0], output))


def change_input(network: Borzoi, name: str, function: Callable[[Tensor], Tensor]) -> None:
    network.get_submodule(name).register_forward_pre_hook(lambda _, inputs: (function(inputs[0]),))


def assert_same(loaded: Borzoi, expected: Tensor) -> None:
    assert loaded.n_tracks == NEW
    with torch.inference_mode():
        predicted = loaded.double()(sequence())
    torch.testing.assert_close(predicted, expected, rtol=1e-6, atol=1e-6)


def lora(parts: dict[str, int]) -> tuple[dict[str, Tensor], Callable[[float], Edit]]:
    """Tensors of LoRA on linear maps with these outputs, and what they do."""
    delta = {}
    for number, name in enumerate(ATTENTION):
        for part, outputs in parts.items():
            delta[f"{name}.{part}.lora_down"] = normal(RANK, WIDTH, seed=number)
            delta[f"{name}.{part}.lora_up"] = normal(outputs, RANK, seed=number)

    def edit_with(alpha: float) -> Edit:
        def edit(network: Borzoi) -> None:
            for name in [name.removesuffix(".lora_up") for name in delta if name.endswith(".lora_up")]:
                down, up = delta[f"{name}.lora_down"].double(), delta[f"{name}.lora_up"].double()
                change_output(network, name, lambda x, y, d=down, u=up: y + alpha / RANK * (x @ d.T) @ u.T)

        return edit

    return delta, edit_with


KEYS = HEADS * KEY


@pytest.mark.parametrize("alpha", [None, 3.0])
def test_lora_on_queries_and_values(base: Path, tmp_path: Path, alpha: float | None) -> None:
    delta, edit_with = lora({"to_q": KEYS, "to_v": WIDTH})
    write_adapter(tmp_path, delta, "lora", **({} if alpha is None else {"lora_alpha": alpha}))
    assert_same(load_adapted_borzoi(base, tmp_path).network, unmerged(base, edit_with(16 if alpha is None else alpha)))


def test_lora_on_all_of_the_attention(base: Path, tmp_path: Path) -> None:
    delta, edit_with = lora({"to_q": KEYS, "to_k": KEYS, "to_v": WIDTH, "to_out": WIDTH})
    write_adapter(tmp_path, delta, "lora", lora_full=True)
    assert_same(load_adapted_borzoi(base, tmp_path).network, unmerged(base, edit_with(16)))


def locon(names: list[str]) -> tuple[dict[str, Tensor], Edit]:
    delta, edit_with = lora({"to_q": KEYS, "to_v": WIDTH})
    low_rank = {}
    for name in names:
        channels, wider, taps = CHANNELS[name]
        low_rank[f"{name}.conv_layer.locon_down"] = normal(RANK, channels, taps)
        low_rank[f"{name}.conv_layer.locon_up"] = normal(wider, RANK)

    def edit(network: Borzoi) -> None:
        edit_with(16)(network)
        for name in names:
            down, up = (low_rank[f"{name}.conv_layer.locon_{part}"].double() for part in ("down", "up"))

            def function(x: Tensor, y: Tensor, d: Tensor = down, u: Tensor = up) -> Tensor:
                return y + functional.conv1d(functional.conv1d(x, d, padding="same"), u[..., None]) / RANK

            change_output(network, f"{name}.conv_layer", function)

    return delta | low_rank, edit


def test_locon_on_the_last_convolutions(base: Path, tmp_path: Path) -> None:
    delta, edit = locon(CONVOLUTIONS[-2:])
    write_adapter(tmp_path, delta, "locon", conv_select=2)
    assert_same(load_adapted_borzoi(base, tmp_path).network, unmerged(base, edit))


def test_locon_on_all_convolutions_trains_the_first_itself(base: Path, tmp_path: Path) -> None:
    delta, edit = locon(CONVOLUTIONS[1:])
    stem = normal(8, 4, 15)
    write_adapter(tmp_path, delta | {"conv_dna.conv_layer.weight": stem}, "locon", conv_select=5)

    def edit_all(network: Borzoi) -> None:
        edit(network)
        network.conv_dna.conv_layer.weight.copy_(stem.double())

    assert_same(load_adapted_borzoi(base, tmp_path).network, unmerged(base, edit_all))


@pytest.mark.parametrize(
    ("width", "names"),
    [
        (WIDTH, [*[f"{name}.1" for name in FFN], "upsampling_unet0.0.conv_layer", "upsampling_unet1.0.conv_layer",
                 "horizontal_conv1.conv_layer"]),
        (2 * WIDTH, [f"{name}.4" for name in FFN]),
        (14, ["horizontal_conv0.conv_layer"]),
        (HIDDEN, ["head"]),
    ],
)  # fmt: skip
def test_ia3_scales_dense_layers_of_one_input_width(base: Path, tmp_path: Path, width: int, names: list[str]) -> None:
    outputs = {f"{name}.{part}": size for name in ATTENTION for part, size in (("to_k", KEYS), ("to_v", WIDTH))}
    delta = {f"{name}.ia3": normal(size, seed=number) for number, (name, size) in enumerate(outputs.items())}
    inputs = {name: normal(width, seed=number) for number, name in enumerate(names)}
    write_adapter(tmp_path, delta | {f"{name}.ia3": factor for name, factor in inputs.items()}, "ia3", ia3_width=width)

    def edit(network: Borzoi) -> None:
        for name in outputs:
            factor = delta[f"{name}.ia3"].double()
            change_output(network, name, lambda _, y, s=factor: y * s)
        for name, factor in inputs.items():
            if name == "head":
                network.human_head.weight.mul_(factor.double()[:, None])
                continue
            shaped = factor.double() if name.startswith("transformer") else factor.double()[:, None]
            change_input(network, name, lambda x, s=shaped: x * s)

    assert_same(load_adapted_borzoi(base, tmp_path).network, unmerged(base, edit))


def test_layers_of_full_size_networks() -> None:
    """The 1,536 rule hits up-projections and the U-Net of Borzoi, and the head of Prime too."""
    borzoi = BorzoiConfig()
    prime = BorzoiConfig(stages=3, hidden=None)
    for config, others in [
        (borzoi, ["horizontal_conv1.conv_layer", "upsampling_unet0.0.conv_layer", "upsampling_unet1.0.conv_layer"]),
        (prime, ["head", "horizontal_conv2.conv_layer", *[f"upsampling_unet{i}.0.conv_layer" for i in range(3)]]),
    ]:
        with torch.device("meta"):
            network = Borzoi(config)
        names = [
            name for name in dense_layers(config)
            if network.get_submodule("human_head" if name == "head" else name).weight.shape[1] == 1536
        ]  # fmt: skip
        assert sorted(names) == sorted([*[f"transformer.{layer}.1.fn.1" for layer in range(8)], *others])
    assert convolutions(borzoi)[-4:] == ["res_tower.6", "res_tower.8", "unet1.1", "final_joined_convs.0"]
    assert convolutions(prime)[-4:] == ["res_tower.4", "res_tower.6", "unet1.1", "unet2.1"]


def houlsby(latent: int = 3) -> tuple[dict[str, Tensor], Edit]:
    delta = {}
    for layer in range(DEPTH):
        for half in range(2):
            name, seed = f"transformer.{layer}.{half}", 2 * layer + half
            delta |= {
                f"{name}.adapter.down.weight": normal(latent, WIDTH, seed=seed),
                f"{name}.adapter.down.bias": normal(latent, seed=seed),
                f"{name}.adapter.up.weight": normal(WIDTH, latent, seed=seed),
                f"{name}.adapter.up.bias": normal(WIDTH, seed=seed),
                f"{name}.fn.0.weight": normal(WIDTH, seed=seed + 9),
            }

    def edit(network: Borzoi) -> None:
        for name in [name.removesuffix(".fn.0.weight") for name in delta if name.endswith(".fn.0.weight")]:
            part = {key.removeprefix(f"{name}."): value.double() for key, value in delta.items() if name in key}

            def function(_: Tensor, y: Tensor, p: dict[str, Tensor] = part) -> Tensor:
                hidden = torch.clamp(y @ p["adapter.down.weight"].T + p["adapter.down.bias"], min=0)
                return y + hidden @ p["adapter.up.weight"].T + p["adapter.up.bias"]

            change_output(network, f"{name}.fn", function)
            network.get_submodule(f"{name}.fn.0").weight.copy_(part["fn.0.weight"])

    return delta, edit


def test_houlsby(base: Path, tmp_path: Path) -> None:
    delta, edit = houlsby()
    loaded = load_adapted_borzoi(base, write_adapter(tmp_path, delta, "houlsby", latent=3))
    assert_same(loaded.network, unmerged(base, edit))
    assert getattr(loaded.network, "is_local", True)


def squeeze_excite(names: list[str], rank: int = 2) -> tuple[dict[str, Tensor], Edit]:
    delta, edit_houlsby = houlsby()
    added = {}
    for name in names:
        wider = CHANNELS[name][1]
        added[f"{name}.adapter.squeeze.weight"] = normal(rank, wider)
        added[f"{name}.adapter.excite.weight"] = normal(wider, rank)

    def edit(network: Borzoi) -> None:
        edit_houlsby(network)
        for name in names:
            squeeze, excite = (added[f"{name}.adapter.{part}.weight"].double() for part in ("squeeze", "excite"))

            def function(_: Tensor, y: Tensor, s: Tensor = squeeze, e: Tensor = excite) -> Tensor:
                return y * (1 + torch.tanh(torch.clamp(y.mean(dim=2) @ s.T, min=0) @ e.T))[:, :, None]

            change_output(network, f"{name}.conv_layer", function)

    return delta | added, edit


def test_squeeze_and_excitation(base: Path, tmp_path: Path) -> None:
    delta, edit = squeeze_excite(CONVOLUTIONS[-3:])
    write_adapter(tmp_path, delta, "houlsby_se", latent=3, se_rank=2, conv_select=3)
    network = load_adapted_borzoi(base, tmp_path).network
    assert not network.is_local
    assert_same(network, unmerged(base, edit))


def test_some_bins_under_squeeze_and_excitation(base: Path, tmp_path: Path) -> None:
    """Its last mean is over all output bins, so that these have to be made."""
    delta, _ = squeeze_excite(CONVOLUTIONS[-1:])
    write_adapter(tmp_path, delta, "houlsby_se", latent=3, se_rank=2, conv_select=1)
    network = load_adapted_borzoi(base, tmp_path).network
    network.requires_grad_(requires_grad=False)
    window = sequence().float()
    levels = network.convolve(window)
    span = network.decode_span(4, 6)
    cut = [level[..., columns] for level, columns in zip(levels, span.levels, strict=True)]
    embedding = network.decode(network.transform(levels[-1])[..., span.tokens], cut, span, 4, 6)
    torch.testing.assert_close(network.predict(embedding, None), network(window)[..., 4:6])


@pytest.mark.parametrize("method", ["linear", "full"])
def test_tensors_that_replace_others(base: Path, tmp_path: Path, method: str) -> None:
    stem = {} if method == "linear" else {"conv_dna.conv_layer.bias": normal(8)}

    def edit(network: Borzoi) -> None:
        if stem:
            network.conv_dna.conv_layer.bias.copy_(stem["conv_dna.conv_layer.bias"].double())

    assert_same(load_adapted_borzoi(base, write_adapter(tmp_path, stem, method)).network, unmerged(base, edit))


def test_base_beside_the_adapter(base: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path, {}, "linear")
    (tmp_path / "base").symlink_to(base)
    loaded = load_adapted_borzoi(None, tmp_path)
    assert [file.name for file in loaded.files] == [
        "model_best.h5", "params.json", "adapter.json", "adapter.safetensors", "targets.txt"
    ]  # fmt: skip
    assert_same(loaded.network, unmerged(base, lambda _: None))


def test_folder_with_adapter_is_told_from_a_base(base: Path, tmp_path: Path) -> None:
    assert is_adapted(write_adapter(tmp_path, {}, "linear"))
    assert not is_adapted(base)
    assert not is_adapted(tmp_path / "nowhere")


def test_checksum_of_the_base(base: Path, tmp_path: Path) -> None:
    described = {"family": "borzoi", "id": "that one", "sha256": file_sha256(base / "model_best.h5")}
    write_adapter(tmp_path, {}, "linear", base=described)
    load_adapted_borzoi(base, tmp_path)
    write_adapter(tmp_path, {}, "linear", base=described | {"sha256": "0" * 64})
    with pytest.raises(InputError, match=r"SHA-256 differs.*Give that one"):
        load_adapted_borzoi(base, tmp_path)


QUERY = "transformer.0.0.fn.1.to_q"
LORA = lora({"to_q": KEYS, "to_v": WIDTH})[0]


@pytest.mark.parametrize(
    ("delta", "settings", "problem"),
    [
        (LORA | {"head.weight": torch.ones(NEW, 7, 1)}, {}, r"human_head\.weight has shape \(5, 7, 1\) in the file"),
        ({f"{QUERY}.lora_down": torch.ones(2, WIDTH)}, {}, r"to_q\.lora_up is missing"),
        (LORA | {f"{QUERY}.lora_down": torch.ones(2, 9)}, {}, r"lora_down has shape \(2, 9\).*\(rank, 16"),
        (LORA | {f"{QUERY}.lora_down": torch.ones(0, WIDTH)}, {}, r"has shape \(0, 16\)"),
        (LORA | {f"{QUERY}.ia3": torch.ones(KEYS)}, {}, r"does not adapt: transformer\.0\.0\.fn\.1\.to_q\.ia3"),
        (LORA | {"conv_dna.weight": torch.ones(1)}, {}, r"not part of the network: conv_dna\.weight"),
        (LORA, {"lora_full": True}, r"to_k\.lora_down is missing"),
        (LORA, {"method": "dora"}, "method is 'dora', not one of lora, locon"),
        (LORA, {"rank": 8}, "rank is no setting"),
        (LORA, {"lora_alpha": "16"}, "lora_alpha is '16'"),
        (LORA, {"conv_select": 0}, "conv_select is 0"),
        (LORA, {"lora_full": 1}, "lora_full is 1"),
        (LORA, {"base": "borzoi"}, "`base` does not name the family"),
        (LORA, {"base": {"family": "prime"}}, "the adapter is for prime, but .* holds borzoi"),
        ({"transformer.0.0.adapter.down.weight": torch.ones(4, WIDTH)}, {"method": "houlsby", "latent": 4},
         r"missing from the file: transformer\.0\.0\.adapter\.down\.bias"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit(
    base: Path, tmp_path: Path, delta: dict[str, Tensor], settings: dict[str, Any], problem: str
) -> None:
    write_adapter(tmp_path, delta, **({"method": "lora"} | settings))
    with pytest.raises(InputError, match=problem) as error:
        load_adapted_borzoi(base, tmp_path)
    assert error.value.where.startswith(str(tmp_path / "adapter."))


def test_no_new_head(base: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path, {}, "linear")
    safetensors.torch.save_file({"head.bias": torch.ones(NEW)}, tmp_path / "adapter.safetensors")
    with pytest.raises(InputError, match=r"head\.weight is missing"):
        load_adapted_borzoi(base, tmp_path)


def test_targets_of_another_head(base: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path, {}, "linear")
    write_targets(tmp_path, 4)
    with pytest.raises(InputError, match="4 tracks, but the head has 5") as error:
        load_adapted_borzoi(base, tmp_path)
    assert error.value.where.endswith("targets.txt")


def write_transferred(folder: Path, layers: dict[str, list[np.ndarray]], name: str, transfer: dict[str, Any]) -> None:
    write_keras(folder / name, layers)
    (folder / "params.json").write_text(json.dumps(parameters(NEW, transfer=transfer)))
    write_targets(folder)


def transferred_layers() -> dict[str, list[np.ndarray]]:
    layers = keras_layers()
    head = new_head()
    last = list(layers)[-1]
    return layers | {last: [head["head.weight"][..., 0].T.numpy(), head["head.bias"].numpy()]}


def test_network_merged_by_baskerville(base: Path, tmp_path: Path) -> None:
    lora_mode = {"mode": "adapter", "adapter": "lora", "adapter_latent": 8}
    write_transferred(tmp_path, transferred_layers(), "model_best.mergeW.h5", lora_mode)
    assert is_adapted(tmp_path)
    assert_same(load_adapted_borzoi(None, tmp_path).network, unmerged(base, lambda _: None))
    (tmp_path / "model_best.mergeW.h5").rename(tmp_path / "model_best.h5")
    with pytest.raises(InputError, match=r"model_best\.mergeW\.h5"):
        load_adapted_borzoi(None, tmp_path)


def test_head_that_baskerville_does_not_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "BASKERVILLE_IA3_WIDTH", WIDTH)
    write_transferred(tmp_path, keras_layers(), "model_best.mergeW.h5", {"mode": "adapter", "adapter": "ia3"})
    params = json.loads((tmp_path / "params.json").read_text())
    params["model"]["trunk"].pop()  # Prime has no convolution before its head
    (tmp_path / "params.json").write_text(json.dumps(params))
    with pytest.raises(InputError, match="leaves its weights as they were"):
        load_adapted_borzoi(None, tmp_path)


@pytest.mark.parametrize("selected", [0, 3])
def test_network_with_layers_added_by_baskerville(base: Path, tmp_path: Path, selected: int) -> None:
    names = CONVOLUTIONS[len(CONVOLUTIONS) - selected :]
    delta, edit = squeeze_excite(names) if selected else houlsby()
    layers = transferred_layers()
    norms = iter([name for name in layers if name.startswith("layer_normalization")])
    for layer in range(DEPTH):
        for half in range(2):
            part = {key: value for key, value in delta.items() if f"transformer.{layer}.{half}." in key}
            arrays = [value.numpy().T.copy() for key, value in part.items() if "adapter" in key]
            number = 2 * layer + half
            layers[f"adapter_houlsby_{number}" if number else "adapter_houlsby"] = arrays
            layers[next(norms)][0] = part[f"transformer.{layer}.{half}.fn.0.weight"].numpy()
    for number, name in enumerate(names):
        layers[f"squeeze_excite_{number + 4}"] = [
            delta[f"{name}.adapter.{part}.weight"].T.numpy().copy() for part in ("squeeze", "excite")
        ]
    method = "houlsby_se" if selected else "houlsby"
    write_transferred(tmp_path, layers, "model_best.h5", {"mode": "adapter", "adapter": method})
    network = load_adapted_borzoi(None, tmp_path).network
    assert getattr(network, "is_local", True) == (not selected)
    assert_same(network, unmerged(base, edit))
