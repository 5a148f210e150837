"""Scoring many variants of one window: the engine beside the two ways in use, with Borzoi's and Enformer's network.

`python benchmarks/mutagenesis.py [--quick] [--device cuda] [--full]` prints one JSON line per figure. The peers are
described by what they compute, with our own network in their place, so that the way of computing is all that differs:

- pairs: two full forward passes per variant, REF and ALT (gReLU; Calico's scripts without clusters);
- shared: one full pass per window for REF and one per variant for ALT (Calico's clusters of variants).

Both read all tracks and bins and reduce them on the device, with the scorer that the engine uses. Their seconds per
variant follow from the measured pass; the engine's time is that of `TrackModel.score`, everything included. Weights are
random; times are medians of three, CPU seconds of one thread or wall seconds of a GPU.

Without `--full` the networks are narrower and their windows shorter by one factor, which leaves the share of each part
of the published network's operations as it is; only the pieces of the halo do not shrink, so that the engine is
somewhat faster at full size than the ratios say.
"""

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    os.environ.update(dict.fromkeys(threads, "1"))
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import numpy as np
import pandas as pd
import torch
from torch import nn

from locus2target.sequence.backends import ModelSpec, Sources, Track
from locus2target.sequence.batching import Batches
from locus2target.sequence.encoding import encode, one_hot_tensor
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.networks.borzoi import Borzoi
from locus2target.sequence.networks.borzoi_config import BorzoiConfig
from locus2target.sequence.networks.enformer import Enformer, EnformerConfig
from locus2target.sequence.scorers import TRACK_SCORERS, parse_scorers
from locus2target.sequence.track_model import TrackModel
from locus2target.sequence.track_reference import TrackNetwork
from locus2target.sequence.tracks import Untransform, plain_tracks
from locus2target.sequence.windows import WindowSpec

NAME = "mutagenesis"
TOLERANCE = 1e-5  # of the summed coverage
CHOSEN = 85  # one in so many tracks: the GTEx tracks among Borzoi's
EXON_BP, EXON_SHARE = 0.0003, 0.003  # length and spacing of a gene's ten exons, shares of the window


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--full", action="store_true", help="networks of the published size")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=4, help="windows in one pass")
    options = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(options.device)
    counts = (1, 4) if options.quick else (1, 10, 100)
    factors = (1, 1) if options.full else (32, 16) if options.quick else (8, 4)
    for name, make, factor in zip(("Borzoi", "Enformer"), (make_borzoi, make_enformer), factors, strict=True):
        network = settle(make(factor).to(device))
        bench = Bench(f"{name}, 1/{factor} of width and window, {device.type}", network, device, options.batch)
        bench.run(counts, (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,))


def make_borzoi(factor: int) -> Borzoi:
    """Borzoi with all widths and the window divided by a factor; heads get fewer, then narrower."""
    published = BorzoiConfig()
    width, heads = published.widths[-1] // factor, max(published.heads // factor, 1)
    return Borzoi(
        dataclasses.replace(
            published,
            length=published.length // factor,
            widths=tuple(width // factor for width in published.widths),
            heads=heads,
            key_dim=width // heads // 3,
            value_dim=width // heads,
            position_tokens=published.position_tokens // factor,
            hidden=1920 // factor,
            crop_bins=published.crop_bins // factor,
            human_tracks=7611 // factor,
        )
    )


def make_enformer(factor: int) -> Enformer:
    """Enformer likewise."""
    published = EnformerConfig()
    dim, heads = published.dim // factor, max(published.heads // factor, 1)
    return Enformer(
        dataclasses.replace(
            published,
            dim=dim,
            output_heads={"human": 5313 // factor},
            target_length=published.target_length // factor,
            heads=heads,
            attn_dim_key=dim // heads // 3,
            dim_divisible_by=published.dim_divisible_by // factor,
            length=published.length // factor,
        )
    )


def settle(network: nn.Module) -> nn.Module:
    """Random weights that pass on what one base changes: norms fit the columns that they see."""
    for parameter in network.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    device = next(network.parameters()).device
    with torch.inference_mode():
        codes = torch.randint(4, (1, network.geometry.length), dtype=torch.uint8, device=device)
        network(one_hot_tensor(codes))
    return network.eval().requires_grad_(False)


class Bench:
    """One network in one window of a random genome."""

    def __init__(self, case: str, network: Any, device: torch.device, batch: int) -> None:
        self.case, self.network, self.device, self.batch = case, network, device, batch
        self.length = network.geometry.length
        generator = np.random.default_rng(1)
        self.sequence = "".join(generator.choice(list("ACGT"), size=3 * self.length))
        cell = self.length // 16
        self.cell = cell
        first = 3 * self.length // 2 // cell * cell
        positions = first + np.sort(generator.choice(cell, size=min(100, cell), replace=False)) + 1
        refs = [self.sequence[position - 1] for position in positions]
        alts = ["ACGT"[("ACGT".index(ref) + 1 + generator.integers(3)) % 4] for ref in refs]
        self.variants = pd.DataFrame({"chromosome": "1", "position": positions, "ref": refs, "alt": alts})
        self.start = first + cell // 2 - self.length // 2

    def run(self, counts: tuple[int, ...], dtypes: tuple[torch.dtype, ...]) -> None:
        """All figures."""
        for dtype in dtypes:
            precision = str(dtype).removeprefix("torch.")
            everything = self.model(dtype, "SAD", np.arange(self.network.n_tracks))
            chosen = self.model(dtype, "logSED", np.arange(0, self.network.n_tracks, CHOSEN))
            self.check(everything, precision)
            seconds = self.seconds(lambda dtype=dtype: self.full_pass(dtype)) / self.batch
            for count in counts:
                what = {"all tracks and bins": everything, "exons of a gene and chosen tracks": chosen}
                for label, model in what.items():
                    self.time(model, f"{self.case}, {precision}, {count} variants, {label}", count, seconds)

    def model(self, dtype: torch.dtype, scorer: str, tracks: Any) -> TrackModel:
        """The engine with some tracks."""
        table = plain_tracks(self.network.n_tracks)
        precision = "bfloat16" if dtype == torch.bfloat16 else "float32"
        return TrackModel(
            spec=ModelSpec(
                model=NAME,
                kind="track",
                window=WindowSpec(self.length, self.length // 2, 0),
                bin_size=self.network.geometry.bin_bp,
                tracks=tuple(Track(f"track_{row}", "") for row in tracks),
                licence="",
                citation="",
                weights_sha256="",
            ),
            row=ModelRow(NAME, "borzoi", (), shared_bp=self.cell, precision=precision),
            networks=(TrackNetwork(self.network, self.device, dtype, tracks, None),),
            requests=parse_scorers(scorer),
            untransform=Untransform(table, tracks, family="none", rescale=True, unclip=True),
            track_strands=table.strands[tracks],
            batches=Batches(self.batch, self.device, NAME),
        )

    def sources(self) -> Sources:
        """Genome, and a gene of ten exons whose first is near the middle of the output."""
        middle = self.start + self.length // 2
        starts = middle + np.arange(10) * int(EXON_SHARE * self.length)
        exons = pd.DataFrame({"chromosome": "1", "start": starts, "end": starts + max(1, int(EXON_BP * self.length))})
        exons["gene_id"] = "gene"
        gene = pd.DataFrame({"chromosome": ["1"], "gene_id": ["gene"], "start": starts[0], "end": starts[-1] + 1})
        gene["strand"] = "+"
        return Sources(self.fetch, {"1": len(self.sequence)}, GeneModels(gene, exons))

    def fetch(self, _chromosome: str, start: int, end: int) -> str:
        """Genome."""
        return self.sequence[start:end]

    def full_pass(self, dtype: torch.dtype) -> None:
        """Predict a batch of whole windows and reduce them, as a peer does for each haplotype."""
        codes = np.repeat(encode(self.sequence[self.start : self.start + self.length])[None], self.batch, axis=0)
        predicted = self.forward(codes, dtype)
        TRACK_SCORERS["SAD"].reduce(predicted[:1], predicted).cpu()

    @torch.inference_mode()
    def forward(self, codes: Any, dtype: torch.dtype) -> torch.Tensor:
        """Whole network on whole windows, the trunk in `dtype`."""
        one_hot = one_hot_tensor(torch.from_numpy(codes).to(self.device))
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            predicted: torch.Tensor = self.network(one_hot)
        return predicted.float()

    def check(self, model: TrackModel, precision: str) -> None:
        """Scores of a few variants by the engine and by pairs of full passes."""
        few = self.variants.iloc[:: max(1, len(self.variants) // 4)].iloc[:4].reset_index(drop=True)
        found = model.score(few, self.sources()).effects.values.reshape(len(few), -1)
        window = encode(self.sequence[self.start : self.start + self.length])
        pairs, size = [], 0.0
        for position, alt in zip(few["position"], few["alt"], strict=True):
            edited = window.copy()
            edited[position - 1 - self.start] = "ACGT".index(alt)
            ref, other = (self.forward(codes[None], torch.float32) for codes in (window, edited))
            pairs.append(TRACK_SCORERS["SAD"].reduce(ref, other)[0].cpu().numpy())
            size = max(size, float(ref.sum(dim=2).max()))
        expected = np.stack(pairs)
        error = float(np.abs(found - expected).max()) / size
        report(
            f"{self.case}, {precision}", "largest difference to the peer", error, "share of the coverage", peer="pairs"
        )
        ranks = pd.Series(found.ravel()).corr(pd.Series(expected.ravel()), method="spearman")
        report(f"{self.case}, {precision}", "rank correlation with the peer", float(ranks), "", peer="pairs, float32")
        if precision == "float32" and error > TOLERANCE:
            raise SystemExit(f"{self.case}: the engine differs from full passes by {error:.2g} of the coverage")

    def time(self, model: TrackModel, case: str, count: int, full: float) -> None:
        """Seconds per variant of the engine beside those of the peers, from the seconds of a full pass."""
        variants = self.variants.iloc[:count].reset_index(drop=True)
        sources = self.sources()
        ours = self.seconds(lambda: model.score(variants, sources)) / len(variants)
        for peer, seconds in (("pairs", 2 * full), ("shared", (1 + 1 / len(variants)) * full)):
            ratio = {"peer": peer, "peer_value": float(f"{seconds:.4g}"), "ratio": round(seconds / ours, 2)}
            report(case, "time per variant", ours, "s", **ratio)

    def seconds(self, function: Callable[[], object], *, repeats: int = 3) -> float:
        """Median time of some calls, after one that warms up: of the only thread on a CPU, of the clock on a GPU."""
        on_gpu = self.device.type == "cuda"
        clock = time.perf_counter if on_gpu else time.process_time
        taken = []
        for _ in range(repeats + 1):
            start = clock()
            function()
            if on_gpu:
                torch.cuda.synchronize()
            taken.append(clock() - start)
        return statistics.median(taken[1:])


def report(case: str, figure: str, value: float, unit: str, **more: Any) -> None:
    """Print one figure as a JSON line."""
    row = {"benchmark": NAME, "case": case, "figure": figure, "value": float(f"{value:.4g}"), "unit": unit, **more}
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
