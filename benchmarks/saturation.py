"""Saturation mutagenesis: exact patches beside tangermeme, on one thread, in one run.

One JSON line per figure, in processor time, which a busy machine does not blur. Both compute the output of a network
for every single-base change of a window. The outputs are compared first: a figure is printed only if they agree.
tangermeme is not part of the project; run this with a Python that has it (`.venv-peers/bin/python`, with
PYTHONPATH=workflow/scripts).
"""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from statistics import median
from time import process_time

if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np
import torch
from torch import nn

try:
    import tangermeme
    from tangermeme import saturation_mutagenesis as peer_module

    PEER = f"tangermeme {tangermeme.__version__}"
except ImportError:
    PEER = None

from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.networks.accessibility import AccessibilityFacts, AccessibilityNet, AccessibilityShape
from locus2target.sequence.networks.scbasset import PUBLISHED, ScBasset, SigmoidGelu
from locus2target.sequence.patches import PatchEngine

REPEATS = 7
TOLERANCE = 1e-6  # of the largest output


def plain_network(width):
    """Convolutions of 21, 3 and 3 bases, a mean, and a linear layer."""
    return nn.Sequential(
        nn.Conv1d(4, width, 21, padding="same"),
        nn.ReLU(),
        nn.Conv1d(width, width, 3, padding="same"),
        nn.ReLU(),
        nn.Conv1d(width, width, 3, padding="same"),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(width, 1),
    )


def scbasset_network():
    """Bottleneck vector of scBasset as published."""
    network = ScBasset(PUBLISHED)
    return nn.Sequential(network.tower, nn.Flatten(), network.bottleneck, network.bottleneck_norm, network.activation)


def accessibility_network():
    """Our small network, with one cell type."""
    network = AccessibilityNet(AccessibilityShape(), AccessibilityFacts(("cell",), ("cell",), "", "", {}))
    return nn.Sequential(network.layers, network.head)


def randomized(network):
    """Running statistics drawn at random, eval mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def mutate(network, codes, start, end):
    """Output for REF and for all changes, (end - start, 3, D), bases in the order REF + 1, 2, 3."""
    columns = one_hot_tensor(torch.arange(5, dtype=torch.uint8)[None])[0].T.contiguous()
    engine = PatchEngine.of(network, columns, elementwise=(SigmoidGelu,))
    reference = engine.reference(codes[None])
    positions = np.repeat(np.arange(start, end), 3)
    alts = (codes.numpy()[positions] + np.tile([1, 2, 3], end - start)) % 4
    changes = engine.changes(reference, np.zeros_like(positions), positions, alts.astype(np.uint8)[:, None])
    return reference.output + changes.view(end - start, 3, -1)


def mutate_by_peer(network, codes, start, end, *, fast_after):
    """The same by the peer, which lists bases in the order ACGT; its fast way is tried for jobs of `fast_after` s."""
    peer_module._FAST_MIN_SECONDS = fast_after
    window = one_hot_tensor(codes[None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = peer_module.saturation_mutagenesis(
            network, window, start=start, end=end, batch_size=32, raw_outputs=True, device="cpu"
        )
    by_base = result.y_hat[0].transpose(0, 1)  # (positions, 4, D)
    order = (codes[start:end].long()[:, None] + torch.arange(1, 4)) % 4
    return by_base[torch.arange(end - start)[:, None], order]


def timed(function, repeats):
    """What a function gives, and the seconds that it takes."""
    seconds = []
    for _ in range(repeats):
        start = process_time()
        result = function()
        seconds.append(process_time() - start)
    return result, median(seconds)


def report(case, figure, value, peer, peer_value, note):
    """Print one line; rates, so that the ratio is how many times ours is faster."""
    line = {"benchmark": "saturation", "case": case, "figure": figure, "value": round(value), "unit": "changes/s"}
    ratio = round(value / peer_value, 1) if peer_value else None
    rounded = peer_value and round(peer_value)
    print(json.dumps(line | {"peer": peer, "peer_value": rounded, "ratio": ratio, "note": note}), flush=True)


def measure(case, network, length, span, repeats):
    """One network: all changes of a window by us and by the peer's fast way; those of a span by its plain way."""
    codes = torch.from_numpy(np.random.default_rng(1).integers(0, 4, length).astype(np.uint8))
    ours, seconds = timed(lambda: mutate(network, codes, 0, length), REPEATS)
    rate = 3 * length / seconds
    figure = f"all {3 * length} changes of {length} bases"
    if PEER is None:
        report(case, figure, rate, None, None, "tangermeme is not installed: run with .venv-peers/bin/python")
        return
    ways = {
        "batches of whole windows": (span, np.inf),
        "its fastISM way, capture of the network included": (length, 0.0),
    }
    for way, (bases, fast_after) in ways.items():
        start, end = (length - bases) // 2, (length + bases) // 2
        theirs, peer_seconds = timed(
            lambda span=(start, end), after=fast_after: mutate_by_peer(network, codes, *span, fast_after=after), repeats
        )
        difference = float((ours[start:end] - theirs).abs().max())
        if difference > TOLERANCE * max(1.0, float(theirs.abs().max())):
            raise RuntimeError(f"{case}: outputs differ by {difference:.1e}")
        note = f"peer: {way}, {3 * bases} changes; outputs differ by at most {difference:.0e}"
        report(case, figure, rate, PEER, 3 * bases / peer_seconds, note)


def main():
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, to see that it works")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if arguments.quick:
        measure("conv 4-8 k21, 8-8 k3 twice, ReLU, mean, linear", randomized(plain_network(8)), 120, 20, 1)
        return
    measure("conv 4-64 k21, 64-64 k3 twice, ReLU, mean, linear", randomized(plain_network(64)), 2114, 256, 3)
    measure("accessibility network", randomized(accessibility_network()), 1024, 128, 3)
    measure("scBasset, latent vector", randomized(scbasset_network()), 1344, 32, 3)


if __name__ == "__main__":
    main()
