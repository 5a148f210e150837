"""Loading of Borzoi networks: every published format, written here with random weights, and the errors."""

import copy
import dataclasses
import json
from itertools import pairwise

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from locus2target.core.errors import InputError
from locus2target.sequence.networks.borzoi import Borzoi, load_borzoi
from locus2target.sequence.networks.borzoi_config import (
    BorzoiConfig,
    config_from_baskerville,
    config_from_huggingface,
    config_from_keras,
    find_head,
)
from locus2target.sequence.networks.interface import ProfileNetwork
from locus2target.sequence.weights import LoadedNetwork

BORZOI_KERAS = {
    "model": {
        "seq_length": 524288,
        "activation": "gelu",
        "norm_type": "batch-sync",
        "trunk": [
            {
                "name": "conv_dna",
                "filters": 512,
                "kernel_size": 15,
                "norm_type": None,
                "activation": "linear",
                "pool_size": 2,
            },
            {
                "name": "res_tower",
                "filters_init": 608,
                "filters_end": 1536,
                "divisible_by": 32,
                "kernel_size": 5,
                "num_convs": 1,
                "pool_size": 2,
                "repeat": 6,
            },
            {"name": "transformer_tower", "key_size": 64, "heads": 8, "num_position_features": 32, "repeat": 8},
            {"name": "unet_conv", "kernel_size": 3, "upsample_conv": True},
            {"name": "unet_conv", "kernel_size": 3, "upsample_conv": True},
            {"name": "Cropping1D", "cropping": 5120},
            {"name": "conv_nac", "filters": 1920, "dropout": 0.1},
        ],
        "head_human": {"name": "final", "units": 7611, "activation": "softplus"},
        "head_mouse": {"name": "final", "units": 2608, "activation": "softplus"},
    }
}
BORZOI_TORCH = {
    "model": {
        "seq_length": 524288,
        "act_func": "gelu",
        "trunk": [
            {
                "name": "ConvDNA",
                "out_channels": 512,
                "kernel_size": 15,
                "pool_size": 2,
                "norm_type": None,
                "act_func": "linear",
            },
            {
                "name": "ConvTower",
                "in_channels": 512,
                "out_channels": 1536,
                "divisible_by": 32,
                "kernel_size": 5,
                "pool_size": 2,
                "repeat": 6,
                "norm_type": "batch",
                "act_func": "gelu",
                "conv_bias": True,
            },
            {
                "name": "TransformerTower",
                "type": "enformer",
                "channels": 1536,
                "heads": 8,
                "key_len": 64,
                "pos_features": 32,
                "act_func": "relu",
                "norm_type": "layer",
                "repeat": 8,
            },
            {
                "name": "UnetTower",
                "channels": 1536,
                "unet_channels": [1536, 1280],
                "type": "borzoi",
                "kernel_size": 3,
                "repeat": 2,
                "skip_match": False,
                "upsample_conv": True,
                "norm_type": "batch",
                "act_func": "gelu",
            },
            {"name": "Crop", "crop_size": 5120},
        ],
        "head_human": {"name": "FinalBorzoi", "in_channels": 1536, "hidden_channels": 1920, "num_targets": 7611},
    }
}


def change(params, block=None, **settings):
    """Copy of a parameters file with settings of a block of its trunk, or of the model, changed."""
    changed = copy.deepcopy(params)
    target = changed["model"] if block is None else changed["model"]["trunk"][block]
    target.update(settings)
    return changed


def keras_config(params, species=None):
    return config_from_keras(params, find_head(params, species, where="params.json"), where="params.json")


def torch_config(params, species=None):
    return config_from_baskerville(params, find_head(params, species, where="params.json"), where="params.json")


def test_the_published_parameter_files_of_borzoi_agree():
    assert keras_config(BORZOI_KERAS) == BorzoiConfig()
    assert torch_config(BORZOI_TORCH) == BorzoiConfig(gelu="none", epsilon=1e-4)
    huggingface = {"model_type": "borzoi", "dim": 1536, "depth": 8, "heads": 8, "bins_to_return": 6144}
    assert config_from_huggingface(huggingface, where="", human_tracks=7611, mouse_tracks=None) == BorzoiConfig()


def test_the_mouse_head_is_found():
    mouse = keras_config(BORZOI_KERAS, "mouse")
    assert (mouse.human_tracks, mouse.mouse_tracks) == (None, 2608)
    assert find_head(BORZOI_KERAS, "mouse", where="").index == 1


def test_published_parameters_of_prime():
    trunk = BORZOI_KERAS["model"]["trunk"]
    crop = {"name": "Cropping1D", "cropping": 10240}
    params = change(
        BORZOI_KERAS,
        trunk=[*trunk[:5], trunk[4], crop],
        head_human=BORZOI_KERAS["model"]["head_human"] | {"units": 5431},
    )
    prime = BorzoiConfig(stages=3, crop_bins=10_240, hidden=None, human_tracks=5431)
    assert keras_config(params) == prime
    values = {"model_type": "prime", "bins_to_return": 12288}
    assert config_from_huggingface(values, where="", human_tracks=5431, mouse_tracks=None) == prime


def test_published_parameters_of_mini():
    trunk = [
        {
            "name": "conv_dna",
            "filters": 320,
            "kernel_size": 11,
            "norm_type": None,
            "activation": "linear",
            "pool_size": 2,
        },
        BORZOI_KERAS["model"]["trunk"][1] | {"filters_init": 384, "filters_end": 768, "divisible_by": 16},
        {"name": "transformer_tower", "key_size": 64, "heads": 4, "num_position_features": 32, "repeat": 8},
        {"name": "unet_conv", "kernel_size": 3},
        {"name": "unet_conv", "kernel_size": 3},
    ]
    head = {"name": "final", "units": 2, "activation": "softplus"}
    assert keras_config(
        {
            "model": {
                "seq_length": 393216,
                "activation": "gelu",
                "norm_type": "batch",
                "trunk": trunk,
                "head_human": head,
            }
        }
    ) == BorzoiConfig(
        length=393_216,
        widths=(320, 384, 448, 512, 576, 672, 768),
        stem_kernel=11,
        heads=4,
        value_dim=192,
        position_tokens=3072,
        upsample_conv=False,
        crop_bins=0,
        hidden=None,
        human_tracks=2,
    )


def test_flashzoi_and_the_long_output_of_borzoi_pytorch():
    values = {"model_type": "borzoi", "flashed": True, "return_center_bins_only": False}
    config = config_from_huggingface(values, where="", human_tracks=7611, mouse_tracks=2608)
    assert config == BorzoiConfig(attention="rotary", crop_bins=16, mouse_tracks=2608)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "model"),
        (change(BORZOI_KERAS, activation="relu"), "'relu'"),
        (change(BORZOI_KERAS, norm_type="layer"), "'layer'"),
        (change(BORZOI_KERAS, 1, num_convs=2), "num_convs of res_tower is 2"),
        (change(BORZOI_KERAS, 1, pool_type="softmax"), "softmax"),
        (change(BORZOI_KERAS, 1, filters_init="608"), "filters_init of res_tower is '608'"),
        (change(BORZOI_KERAS, 2, qkv_width=3), "qkv_width"),
        (change(BORZOI_KERAS, 2, name="conv_tower"), "'transformer_tower' should follow"),
        (change(BORZOI_KERAS, 4, kernel_size=5), "U-Net differ"),
        (change(BORZOI_KERAS, trunk=BORZOI_KERAS["model"]["trunk"][:2]), "the end"),
        (change(BORZOI_KERAS, trunk=[*BORZOI_KERAS["model"]["trunk"], {"name": "dense"}]), "'dense' more"),
        (change(BORZOI_KERAS, head_human={"name": "final", "units": 9, "activation": "linear"}), "'linear'"),
        (change(BORZOI_KERAS, head_human=[{}, {}]), "2 blocks"),
    ],
)
def test_other_keras_networks_are_refused(params, named):
    with pytest.raises(InputError, match=named):
        keras_config(params)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        (change(BORZOI_TORCH, 0, norm_type="batch"), "norm_type of ConvDNA"),
        (change(BORZOI_TORCH, 1, residual=True), "residual"),
        (change(BORZOI_TORCH, 2, type="", pos_embed="rope"), "type of TransformerTower"),
        (change(BORZOI_TORCH, 2, gated="headwise"), "headwise"),
        (change(BORZOI_TORCH, 3, type="v2"), "'v2'"),
        (change(BORZOI_TORCH, head_human={"name": "FinalGene", "num_targets": 3}), "FinalGene"),
        (change(BORZOI_TORCH, head_human={"name": "Final", "num_targets": 3}), "norm_type of Final"),
    ],
)
def test_other_baskerville_networks_are_refused(params, named):
    with pytest.raises(InputError, match=named):
        torch_config(params)


def test_heads_that_are_not_there():
    with pytest.raises(InputError, match="no head for mouse"):
        find_head(BORZOI_TORCH, "mouse", where="params.json")
    with pytest.raises(InputError, match="enformer"):
        config_from_huggingface({"model_type": "enformer"}, where="", human_tracks=1, mouse_tracks=None)
    with pytest.raises(InputError, match="bins_to_return is 7"):
        config_from_huggingface(
            {"model_type": "borzoi", "bins_to_return": 7}, where="", human_tracks=1, mouse_tracks=None
        )


def fill_randomly(network, seed=0):
    torch.manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.normal_(
                0.1 if tensor.dim() == 1 else 0, 0.3 if tensor.dim() < 3 else 1 / np.prod(tensor.shape[1:]) ** 0.5
            )
    return network.eval()


def random_sequence(length):
    return functional.one_hot(torch.randint(4, (1, length)), 4).transpose(1, 2).float()


# Hugging Face folders: the tower is always Borzoi's, so the trunk and the heads alone are small.

HUGGINGFACE = {
    "model_type": "borzoi",
    "dim": 16,
    "depth": 1,
    "heads": 2,
    "attn_dim_key": 4,
    "attn_dim_value": 8,
    "enable_mouse_head": True,
}
HUGGINGFACE_SHAPE = BorzoiConfig(
    widths=(512, 608, 736, 896, 1056, 1280, 16),
    depth=1,
    heads=2,
    key_dim=4,
    value_dim=8,
    human_tracks=3,
    mouse_tracks=2,
)


@pytest.fixture(scope="module")
def published():
    return fill_randomly(Borzoi(HUGGINGFACE_SHAPE))


def write_huggingface(folder, network, kind):
    (folder / "config.json").write_text(json.dumps(HUGGINGFACE))
    state = network.state_dict()
    if kind == "safetensors":
        save_file(state, folder / "model.safetensors")
    elif kind == "bin":
        torch.save(state, folder / "pytorch_model.bin")
    else:
        first = dict(list(state.items())[:40])
        rest = {name: tensor for name, tensor in state.items() if name not in first}
        parts = {"model-00001-of-00002.safetensors": first, "model-00002-of-00002.safetensors": rest}
        for file, tensors in parts.items():
            save_file(tensors, folder / file)
        weight_map = {name: file for file, tensors in parts.items() for name in tensors}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.parametrize("kind", ["safetensors", "bin", "sharded"])
@torch.inference_mode()
def test_huggingface_folders(tmp_path, published, kind):
    write_huggingface(tmp_path, published, kind)
    loaded = load_borzoi(tmp_path)
    network = loaded.network
    assert network.config == HUGGINGFACE_SHAPE
    assert not network.training
    assert (tmp_path / "config.json") in loaded.files
    assert len(loaded.files) == 2
    for name, tensor in published.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=0, atol=0)
    piece = random_sequence(256)
    for ours, theirs in zip(network.convolve(piece), published.convolve(piece), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_species_of_a_huggingface_folder(tmp_path, published):
    write_huggingface(tmp_path, published, "safetensors")
    assert load_borzoi(tmp_path).network.n_tracks == 3
    assert load_borzoi(tmp_path, "mouse").network.n_tracks == 2
    human_only = {name: tensor for name, tensor in published.state_dict().items() if not name.startswith("mouse")}
    save_file(human_only, tmp_path / "model.safetensors")
    assert load_borzoi(tmp_path).network.config.mouse_tracks is None
    with pytest.raises(InputError, match="no head for mouse among the weights"):
        load_borzoi(tmp_path, "mouse")


def test_a_missing_tensor_is_named(tmp_path, published):
    write_huggingface(tmp_path, published, "safetensors")
    state = published.state_dict()
    del state["separable1.conv_layer.0.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"separable1\.conv_layer\.0\.weight"):
        load_borzoi(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"model0_best\.h5"):
        load_borzoi(tmp_path)


# Calico's torch format, from a twin of its modules: their names, and their own forward pass.

SMALL_TORCH = change(
    change(
        change(
            change(change(BORZOI_TORCH, seq_length=384), 0, out_channels=8),
            1,
            in_channels=8,
            out_channels=16,
            divisible_by=2,
        ),
        2,
        channels=16,
        heads=2,
        key_len=4,
        pos_features=8,
        repeat=2,
    ),
    4,
    crop_size=2,
)
SMALL_WIDTHS = (8, 8, 10, 12, 12, 14, 16)


class Norm(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


def batch_norm(channels):
    return Norm(nn.BatchNorm1d(channels, eps=1e-4))


class Named(nn.Module):
    """A bag of modules."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


class BaskervilleAttention(Named):
    def __init__(self, width, heads, key_len, features):
        super().__init__(
            q_proj=nn.Linear(width, heads * key_len, bias=False),
            k_proj=nn.Linear(width, heads * key_len, bias=False),
            v_proj=nn.Linear(width, width, bias=False),
            out_proj=nn.Linear(width, width),
            to_pos_k=nn.Linear(features, heads * key_len, bias=False),
        )
        self.heads, self.half = heads, features // 2
        self.rel_content_bias = nn.Parameter(torch.randn(1, heads, 1, key_len))
        self.rel_pos_bias = nn.Parameter(torch.randn(1, heads, 1, key_len))

    def forward(self, x):
        n = x.shape[1]
        q, k, v = (part(x).view(1, n, self.heads, -1) for part in (self.q_proj, self.k_proj, self.v_proj))
        q = q / k.shape[-1] ** 0.5
        distance = torch.arange(n)[None] - torch.arange(n)[:, None]  # of the key (column) from the query (row)
        widths = (n + 1) ** (torch.arange(1, self.half + 1) / self.half) - 1
        within = (widths > distance.abs()[..., None]).float()
        features = torch.cat([within, within * distance.sign()[..., None]], -1)
        relative = self.to_pos_k(features).view(n, n, self.heads, -1)
        content, position = self.rel_content_bias[:, :, 0], self.rel_pos_bias[:, :, 0]
        logits = torch.einsum("bihd,bjhd->bhij", q + content, k) + torch.einsum(
            "bihd,ijhd->bhij", q + position, relative
        )
        return self.out_proj(torch.einsum("bhij,bjhd->bihd", logits.softmax(-1), v).reshape(1, n, -1))


class BaskervilleTwin(nn.Module):
    """Borzoi as Calico's torch code lays it out, for one small shape."""

    def __init__(self, hidden, n_tracks, heads=1):
        super().__init__()
        widths, width = SMALL_WIDTHS, SMALL_WIDTHS[-1]
        stem = Named(conv=nn.Conv1d(4, widths[0], 15, padding=7))
        tower = nn.ModuleList()
        for before, after in pairwise(widths):
            tower.append(Named(norm=batch_norm(before), conv=nn.Conv1d(before, after, 5, padding=2)))
            tower.append(nn.MaxPool1d(2))
        layers = [
            Named(
                norm=Norm(nn.LayerNorm(width, eps=1e-4)),
                mha=BaskervilleAttention(width, 2, 4, 8),
                ffn=Named(
                    dense1=Named(norm=Norm(nn.LayerNorm(width, eps=1e-4)), linear=nn.Linear(width, 2 * width)),
                    dense2=Named(linear=nn.Linear(2 * width, width)),
                ),
            )
            for _ in range(2)
        ]
        unet = [
            Named(
                normx=batch_norm(width),
                normu=batch_norm(skip),
                convx=nn.Conv1d(width, width, 1),
                convu=nn.Conv1d(skip, width, 1),
                conv_depth=nn.Conv1d(width, width, 3, padding=1, groups=width, bias=False),
                conv_point=nn.Conv1d(width, width, 1),
            )
            for skip in (widths[-1], widths[-2])
        ]
        blocks = nn.ModuleList(layers)
        self.trunk = nn.ModuleList([stem, Named(layers=tower), Named(blocks=blocks), Named(layers=nn.ModuleList(unet))])
        final = [self.final(width, hidden, n_tracks + more) for more in range(heads)]
        self.heads_cov = nn.ModuleList([nn.Sequential(head) for head in final])

    @staticmethod
    def final(width, hidden, n_tracks):
        if hidden is None:
            return Named(conv=nn.Conv1d(width, n_tracks, 1))
        return Named(norm=batch_norm(width), conv_nac=nn.Conv1d(width, hidden, 1), conv=nn.Conv1d(hidden, n_tracks, 1))

    def forward(self, x, head):
        gelu = functional.gelu
        stem, tower, transformer, unet = self.trunk
        x = functional.max_pool1d(stem.conv(x), 2)
        skips = []
        for block in tower.layers[::2]:
            skips.append(block.conv(gelu(block.norm(x))))
            x = functional.max_pool1d(skips[-1], 2)
        x = x.transpose(1, 2)
        for layer in transformer.blocks:
            x = x + layer.mha(layer.norm(x))
            dense = layer.ffn.dense1
            x = x + layer.ffn.dense2.linear(dense.linear(dense.norm(x)).relu())
        x = x.transpose(1, 2)
        for stage, skip in zip(unet.layers, reversed(skips), strict=False):
            up = stage.convx(gelu(stage.normx(x))).repeat_interleave(2, -1)
            x = stage.conv_point(stage.conv_depth(up + stage.convu(gelu(stage.normu(skip)))))
        x = x[..., 2:-2]
        final = self.heads_cov[head][0]
        if hasattr(final, "conv_nac"):
            x = final.conv_nac(gelu(final.norm(x)))
        return functional.softplus(final.conv(gelu(x)))


def small_torch(hidden, n_tracks, name="head_human"):
    final = {"name": "Final", "num_targets": n_tracks, "norm_type": None}
    if hidden is not None:
        final = {"name": "FinalBorzoi", "num_targets": n_tracks, "hidden_channels": hidden}
    params = copy.deepcopy(SMALL_TORCH)
    del params["model"]["head_human"]
    params["model"][name] = final
    return params


@pytest.mark.parametrize("hidden", [None, 6])
@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
@torch.inference_mode()
def test_baskerville_folders(tmp_path, hidden, prefix):
    twin = fill_randomly(BaskervilleTwin(hidden, 3))
    torch.save({prefix + name: tensor for name, tensor in twin.state_dict().items()}, tmp_path / "model_best.pth")
    (tmp_path / "params.json").write_text(json.dumps(small_torch(hidden, 3)))
    network = load_borzoi(tmp_path).network
    assert network.config.widths == SMALL_WIDTHS
    sequence = random_sequence(384)
    torch.testing.assert_close(network(sequence), twin(sequence, 0), rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_baskerville_file_of_two_species(tmp_path):
    twin = fill_randomly(BaskervilleTwin(None, 3, heads=2))
    params = small_torch(None, 3)
    params["model"]["head_mouse"] = params["model"]["head_human"] | {"num_targets": 4}
    (tmp_path / "params.json").write_text(json.dumps(params))
    fold = tmp_path / "f0c0"
    fold.mkdir()
    old_names = {name.replace("heads_cov.", "heads."): tensor for name, tensor in twin.state_dict().items()}
    torch.save(old_names, fold / "model_best.pth")
    sequence = random_sequence(384)
    for index, species in enumerate(("human", "mouse")):
        output = load_borzoi(fold, species).network(sequence)
        torch.testing.assert_close(output, twin(sequence, index), rtol=1e-5, atol=1e-5)


def test_a_baskerville_tensor_too_many_is_named(tmp_path):
    state = BaskervilleTwin(None, 3).state_dict() | {"trunk.9.extra": torch.zeros(1)}
    torch.save(state, tmp_path / "model_best.pth")
    (tmp_path / "params.json").write_text(json.dumps(small_torch(None, 3)))
    with pytest.raises(InputError, match=r"trunk\.9\.extra"):
        load_borzoi(tmp_path)


# Keras: layers of each kind numbered from where the process happened to be.


def keras_layers(network, first):
    """Weights of a network as a Keras file of baskerville-tf keeps them, layer numbers starting at `first`."""
    config, state = network.config, {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    layers, counts = {}, {}

    def add(kind, *arrays):
        number = counts.get(kind, first)
        counts[kind] = number + 1
        layers[kind if number == 0 else f"{kind}_{number}"] = arrays

    def add_norm(name):
        add(
            "batch_normalization",
            *(state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")),
        )

    def add_conv(name):
        add("conv1d", state[f"{name}.weight"].transpose(2, 1, 0), state[f"{name}.bias"])

    def add_dense(name):
        weight = state[f"{name}.weight"]
        add("dense", (weight if weight.ndim == 2 else weight[..., 0]).T, state[f"{name}.bias"])

    add_conv("conv_dna.conv_layer")
    last = len(config.widths) - config.stages
    for block in [f"res_tower.{2 * i}" for i in range(last)] + [f"unet{i}.1" for i in range(1, config.stages)]:
        add_norm(f"{block}.norm")
        add_conv(f"{block}.conv_layer")
    for i in range(config.depth):
        attention, ffn = f"transformer.{i}.0.fn", f"transformer.{i}.1.fn"
        add("layer_normalization", state[f"{attention}.0.weight"], state[f"{attention}.0.bias"])
        q, k, v, out = (state[f"{attention}.1.{part}.weight"].T for part in ("to_q", "to_k", "to_v", "to_out"))
        biases = state[f"{attention}.1.rel_content_bias"], state[f"{attention}.1.rel_pos_bias"]
        rel_k = state[f"{attention}.1.to_rel_k.weight"].T
        add("multihead_attention", *biases, q, k, v, out, state[f"{attention}.1.to_out.bias"], rel_k)
        add("layer_normalization", state[f"{ffn}.0.weight"], state[f"{ffn}.0.bias"])
        add_dense(f"{ffn}.1")
        add_dense(f"{ffn}.4")
    for stage in reversed(range(config.stages)):
        add_norm(f"upsampling_unet{stage}.0.norm")
        add_norm(f"horizontal_conv{stage}.norm")
        if config.upsample_conv:
            add_dense(f"upsampling_unet{stage}.0.conv_layer")
        add_dense(f"horizontal_conv{stage}.conv_layer")
        depthwise, point = f"separable{stage}.conv_layer.0", f"separable{stage}.conv_layer.1"
        arrays = state[f"{depthwise}.weight"].transpose(2, 0, 1), state[f"{point}.weight"].transpose(2, 1, 0)
        add("separable_conv1d", *arrays, state[f"{point}.bias"])
    if config.hidden is not None:
        add_norm("final_joined_convs.0.norm")
        add_conv("final_joined_convs.0.conv_layer")
    add_dense("human_head" if config.human_tracks is not None else "mouse_head")
    return layers


def write_keras(path, layers):
    """A Keras 2 weights file; layers in an order of its own, as Keras lists them by their depth in the graph."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in sorted(layers)]
        for name, arrays in layers.items():
            group = file.create_group(name)
            names = [f"{name}/part{index}:0" for index in range(len(arrays))]
            group.attrs["weight_names"] = [part.encode() for part in names]
            for part, array in zip(names, arrays, strict=True):
                group[part] = array


def small_keras(upsample_conv, hidden):
    params = change(BORZOI_KERAS, seq_length=384)
    trunk = params["model"]["trunk"]
    trunk[0]["filters"] = 8
    trunk[1] |= {"filters_init": 8, "filters_end": 16, "divisible_by": 2}
    trunk[2] |= {"key_size": 4, "heads": 2, "num_position_features": 8, "repeat": 6}
    trunk[3]["upsample_conv"] = trunk[4]["upsample_conv"] = upsample_conv
    trunk[5]["cropping"] = 2
    trunk[6]["filters"] = 6
    params["model"]["trunk"] = trunk if hidden else trunk[:-1]
    params["model"]["head_human"]["units"], params["model"]["head_mouse"]["units"] = 3, 2
    return params


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize(("upsample_conv", "hidden"), [(True, True), (False, False)])
@torch.inference_mode()
def test_keras_folders(tmp_path, first, upsample_conv, hidden):
    params = small_keras(upsample_conv, hidden)
    network = fill_randomly(Borzoi(keras_config(params)))
    (tmp_path / "params.json").write_text(json.dumps(params))
    fold = tmp_path / "f3"
    fold.mkdir()
    write_keras(fold / "model0_best.h5", keras_layers(network, first))
    loaded = load_borzoi(fold).network
    assert loaded.config == network.config
    for name, tensor in network.state_dict().items():
        if "num_batches_tracked" not in name:
            torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)
    sequence = random_sequence(384)
    torch.testing.assert_close(loaded(sequence), network(sequence), rtol=0, atol=0)


def test_keras_file_of_the_mouse_head(tmp_path):
    params = small_keras(upsample_conv=True, hidden=True)
    network = fill_randomly(Borzoi(keras_config(params, "mouse")))
    (tmp_path / "params.json").write_text(json.dumps(params))
    write_keras(tmp_path / "model1_best.h5", keras_layers(network, 0))
    assert load_borzoi(tmp_path).network.species == "mouse"
    assert load_borzoi(tmp_path, "mouse").network.n_tracks == 2


def test_keras_file_of_another_depth_is_refused(tmp_path):
    params = small_keras(upsample_conv=True, hidden=True)
    network = fill_randomly(Borzoi(dataclasses.replace(keras_config(params), depth=5)))
    (tmp_path / "params.json").write_text(json.dumps(params))
    write_keras(tmp_path / "model_best.h5", keras_layers(network, 0))
    with pytest.raises(InputError, match="10 layers of kind layer_normalization, but the parameters file makes 12"):
        load_borzoi(tmp_path)


def test_keras_file_with_other_layers_is_refused(tmp_path):
    params = small_keras(upsample_conv=True, hidden=True)
    layers = keras_layers(fill_randomly(Borzoi(keras_config(params))), 0)
    (tmp_path / "params.json").write_text(json.dumps(params))
    write_keras(tmp_path / "model_best.h5", layers | {"squeeze_excite_3": (np.ones((2, 2), np.float32),)})
    with pytest.raises(InputError, match="does not have: squeeze_excite"):
        load_borzoi(tmp_path)


def test_a_shorter_window_keeps_the_positions_of_the_training():
    params = change(BORZOI_KERAS, 2, seqlen_train=4096)
    params["model"]["seq_length"] = 262_144
    assert keras_config(params).position_tokens == 4096
    assert keras_config(change(params, 2, seqlen_train=None)).position_tokens == 2048


def test_a_loaded_network_is_a_profile_network(tmp_path, published):
    write_huggingface(tmp_path, published, "safetensors")
    loaded: LoadedNetwork[Borzoi] = load_borzoi(tmp_path)
    profile: ProfileNetwork = loaded.network
    assert profile.geometry.n_bins == 6144
