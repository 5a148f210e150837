"""Our networks against the packages that published them: same random weights, largest difference, seconds each.

`python benchmarks/parity.py [--model borzoi ...] [--quick | --full]` prints one JSON line per figure. It has to be run
where the peers are installed (`.venv-peers/bin/python`); a model whose peer is missing says so in its line. `--full`
takes whole published sizes: minutes and 5 GB per model, one run of each. One thread; seconds are of the processor,
which others that use the machine do not stretch as much as those of the clock.
"""

import argparse
import dataclasses
import gc
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

if __name__ == "__main__":
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import torch
from torch import nn

from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig
from locus2target.sequence.networks.enformer import Enformer, EnformerConfig, published_names

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """Our network and its peer.

    Attributes
    ----------
    ours, theirs
        One-hot windows (B, 4, L) to float32 (B, T, K).
    length
        L.
    """

    ours: Forward
    theirs: Forward
    length: int


@dataclass(frozen=True)
class Model:
    """A network to compare.

    Attributes
    ----------
    peer
        Package, as installed.
    module
        What it is imported as.
    build
        From the bases of a window, with a small trunk, or None for the published size, to both networks with equal
        weights.
    """

    peer: str
    module: str
    build: Callable[[int | None], Pair]


def main() -> None:
    """Compare the models asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=MODELS, help="may be repeated; all by default")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one run of a short window")
    size.add_argument("--full", action="store_true", help="one run of the published size")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.model or MODELS:
        length = None if given.full else 32_768 if given.quick else 131_072
        compare(name, length, runs=1 if given.quick or given.full else 3)


def compare(name: str, length: int | None, *, runs: int) -> None:
    """Print the figures of one model."""
    model = MODELS[name]
    case = f"{name}, published size" if length is None else f"{name}, small trunk, {length} bp"
    if importlib.util.find_spec(model.module) is None:
        report(case, "largest difference to the peer", None, "relative", note=f"{model.peer} is not installed")
        return
    pair = model.build(length)
    case = case.replace(f"{length} bp", f"{pair.length} bp")
    codes = torch.randint(4, (1, pair.length), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    sequence = one_hot_tensor(codes)
    peer = f"{model.peer} {version(model.peer)}"
    with torch.inference_mode():
        if length is not None:  # the first pass of a process also makes kernels and takes memory
            run(pair.ours, sequence), run(pair.theirs, sequence)
        passes = [(run(pair.ours, sequence), run(pair.theirs, sequence)) for _ in range(runs)]
    (ours, _), (theirs, _) = passes[0]
    our_seconds, their_seconds = (statistics.median(one[side][1] for one in passes) for side in (0, 1))
    difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    report(case, "largest difference to the peer", difference, "relative", peer=peer, shape=list(ours.shape))
    ratio = round(their_seconds / our_seconds, 2)
    report(
        case,
        "forward pass",
        our_seconds,
        "processor s",
        peer=peer,
        peer_value=float(f"{their_seconds:.4g}"),
        ratio=ratio,
    )


def run(forward: Forward, sequence: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Output, and the processor's seconds that it takes."""
    gc.collect()
    start = time.process_time()
    output = forward(sequence)
    return output, time.process_time() - start


def report(case: str, figure: str, value: float | None, unit: str, **others: object) -> None:
    """Print one figure as a JSON line."""
    shown = None if value is None else float(f"{value:.4g}")
    line = {"benchmark": "parity", "case": case, "figure": figure, "value": shown, "unit": unit}
    print(json.dumps(line | others), flush=True)


def randomize(network: nn.Module) -> nn.Module:
    """Weights that keep the scale of what passes; normalizations, biases and positions that matter."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.normal_(0.1, 0.3)
        elif "to_out" in name:  # zero at first
            tensor.normal_(0, 0.02)
    return network.eval()


def build_borzoi(length: int | None) -> Pair:
    """Borzoi with its human head."""
    from borzoi_pytorch.config_borzoi import BorzoiConfig as PeerConfig
    from borzoi_pytorch.pytorch_borzoi_model import Borzoi as Peer

    config = shorten(BorzoiConfig(), length)
    return pair_borzoi(Peer(PeerConfig(**peer_settings(config))), config)


def build_prime(length: int | None) -> Pair:
    """Borzoi Prime with its human head."""
    from borzoi_pytorch.config_borzoi import PrimeConfig
    from borzoi_pytorch.pytorch_borzoi_model import Prime

    config = shorten(BorzoiConfig(stages=3, hidden=None, crop_bins=10_240, human_tracks=5431), length)
    return pair_borzoi(Prime(PrimeConfig(**peer_settings(config))), config)


def shorten(config: BorzoiConfig, length: int | None) -> BorzoiConfig:
    """A shape with shorter windows and a small trunk; the peer's tower has one width."""
    if length is None:
        return config
    crop_bins = config.crop_bins * length // config.length
    widths = (*config.widths[:-1], 384)
    return dataclasses.replace(config, length=length, widths=widths, depth=2, value_dim=48, crop_bins=crop_bins)


def peer_settings(config: BorzoiConfig) -> dict[str, int]:
    """What borzoi-pytorch calls the settings of a shape."""
    return {
        "dim": config.width,
        "depth": config.depth,
        "heads": config.heads,
        "attn_dim_key": config.key_dim,
        "attn_dim_value": config.value_dim,
        "bins_to_return": config.length // config.bin_bp - 2 * config.crop_bins,
    }


def pair_borzoi(peer: nn.Module, config: BorzoiConfig) -> Pair:
    """Put the peer's weights into our network; both then share the memory of them."""
    randomize(peer)
    with torch.device("meta"):
        ours = Borzoi(config)
    ours.load_state_dict(peer.state_dict(), assign=True)
    return Pair(ours.eval(), peer, config.length)


def build_enformer(length: int | None) -> Pair:
    """Enformer with its human head and TensorFlow's positional features.

    The peer has these for 1,536 tokens alone: in shorter windows the tokens are, not their number.
    """
    from enformer_pytorch import Enformer as Peer

    config = EnformerConfig()
    if length is not None:
        poolings = (length // config.tokens).bit_length() - 1
        narrow = {"dim": 384, "depth": 2, "heads": 2}
        config = EnformerConfig(**narrow, num_downsamples=poolings, length=config.tokens * 2**poolings)
    settings = dataclasses.asdict(config)
    length = settings.pop("length")
    peer = randomize(Peer.from_hparams(**settings, use_tf_gamma=True))
    equalize(peer, length // 16)
    with torch.device("meta"):
        ours = Enformer(config)
    ours.load_state_dict(published_names(peer.state_dict()), assign=True)
    return Pair(ours.eval(), lambda sequence: peer(sequence.transpose(1, 2), head="human").transpose(1, 2), length)


@torch.no_grad()
def equalize(peer: nn.Module, length: int) -> None:
    """Give the input of each block variance 1; without it the tower's output hardly depends on the sequence."""
    norms = [module for module in peer.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        norm.train().momentum = 1.0
    codes = torch.randint(4, (1, length), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    tokens = peer.conv_tower(peer.stem(one_hot_tensor(codes)))
    peer.final_pointwise(tokens.transpose(1, 2))
    peer.eval()


MODELS = {
    "borzoi": Model("borzoi-pytorch", "borzoi_pytorch", build_borzoi),
    "prime": Model("borzoi-pytorch", "borzoi_pytorch", build_prime),
    "enformer": Model("enformer-pytorch", "enformer_pytorch", build_enformer),
}

if __name__ == "__main__":
    main()
