"""A narrow Borzoi with random weights, written as Calico publishes it: for tests of what surrounds the network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import config_from_baskerville, find_head

NetworkT = TypeVar("NetworkT", bound=nn.Module)
LENGTH = 2560
MATES = (1, 0, 2, 3, 5, 4)
TARGETS = "\tidentifier\tdescription\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\n" + "".join(
    f"{i}\ttrack{i}\tRNA:tissue {i}\t768\t384\t0.3\tsum_sqrt\t{mate}\n" for i, mate in enumerate(MATES)
)
PARAMETERS: dict[str, Any] = {
    "model": {
        "seq_length": LENGTH,
        "norm_type": "batch",
        "act_func": "gelu",
        "untransform": "borzoi",
        "trunk": [
            {"name": "ConvDNA", "out_channels": 6, "kernel_size": 15, "norm_type": None, "act_func": "linear",
             "pool_size": 2},
            {"name": "ConvTower", "in_channels": 6, "out_channels": 12, "divisible_by": 2, "kernel_size": 5,
             "repeat": 6, "pool_size": 2, "conv_bias": True},
            {"name": "TransformerTower", "type": "enformer", "repeat": 2, "heads": 2, "key_len": 4, "pos_features": 8},
            {"name": "UnetTower", "type": "borzoi", "repeat": 2, "kernel_size": 3, "skip_match": False,
             "upsample_conv": True},
            {"name": "Crop", "crop_size": 4},
        ],
        "head_human": {"name": "FinalBorzoi", "num_targets": 6, "hidden_channels": 14},
    },
}  # fmt: skip


def random_network(make: Callable[[], NetworkT], seed: int = 0) -> NetworkT:
    """Network in which every layer passes on what one base changes: its norms fit the columns that they see."""
    torch.manual_seed(seed)
    network = make().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        if tensor.dim() > 1:
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
        elif name.endswith("scale"):  # of Shorkie's blocks, which begin at 0
            tensor.fill_(0.5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0
    codes = torch.randint(4, (4, network.geometry.length), dtype=torch.uint8)
    network.train()(one_hot_tensor(codes))
    return network.eval()


def write_tiny_borzoi(folder: Path, seed: int = 0, targets: str = TARGETS, **model: Any) -> Borzoi:
    """Write model_best.pth, params.json (`model` changes its entries) and targets.txt; gives the network."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {"model": PARAMETERS["model"] | model}
    head = find_head(parameters, None, where="")
    network = random_network(lambda: Borzoi(config_from_baskerville(parameters, head, where="")), seed)
    torch.save(network.state_dict(), folder / "model_best.pth")
    (folder / "params.json").write_text(json.dumps(parameters))
    (folder / "targets.txt").write_text(targets)
    return network
