"""Train the project's own small accessibility model on the run's peaks.

Reads the indexed genome, open chromatin (BED4, 0-based; name = cell type) and the motif bank. Writes one folder per
replicate with `model.safetensors` and `config.json` (sizes, cell types, data, split, held-out AUROC and AUPRC): what a
row of the models sheet with backend `accessibility` needs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from safetensors.torch import save_file

from locus2target.core.digest import file_sha256
from locus2target.core.errors import InputError
from locus2target.core.intervals import parse_region
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.tables import atomic_path
from locus2target.ingest.genome import Genome
from locus2target.sequence.motif_bank import read_motif_bank
from locus2target.sequence.networks.accessibility import AccessibilityFacts
from locus2target.sequence.training import (
    MARGIN,
    SHAPE,
    TrainedNetwork,
    measure,
    motif_filters,
    telling_filters,
    train_network,
)
from locus2target.sequence.training_windows import PARTS, Split, gather_training_windows
from locus2target.targets.bed import read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any

_KEY = "accessibility_training"


def main(
    *,
    genome: str,
    peaks: str,
    motifs: str,
    replicates: Sequence[str],
    settings: Mapping[str, Any],
) -> None:
    elements = choose_tracks(read_open_chromatin(peaks), settings["tracks"], where=peaks)
    split = Split(*(tuple(parse_region(text, where=f"{_KEY}.{part}") for text in settings[part]) for part in PARTS))
    with Genome(genome) as reference:
        windows = gather_training_windows(
            elements,
            reference.fetch,
            reference.lengths,
            split,
            window_bp=SHAPE.window_bp,
            margin=MARGIN,
            seed=settings["seed"],
        )
    bank = read_motif_bank(motifs)
    filters = motif_filters(bank, kernel=SHAPE.kernels[0])
    filters = telling_filters(filters, windows, n=SHAPE.widths[0], seed=settings["seed"])
    facts = AccessibilityFacts(windows.tracks, windows.tracks, settings["licence"], settings["citation"], {})
    seeds = [settings["seed"] + 1 + i for i in range(len(replicates))]
    trained = [
        train_network(windows, SHAPE, facts, filters, seed=seed, epochs=settings["epochs"])
        for seed in tracked(seeds, unit="networks", label="training")
    ]
    of_all = measure([one.network for one in trained], windows)
    source = {"peaks": Path(peaks).name, "peaks_sha256": file_sha256(Path(peaks)), "motifs": bank.title, **settings}
    for folder, seed, one in zip(replicates, seeds, trained, strict=True):
        held = {"this_replicate": measure([one.network], windows), "mean_of_replicates": of_all}
        write_model(Path(folder), one, source | {"seed": seed, "validation_losses": one.losses} | held)


def choose_tracks(peaks: pd.DataFrame, expressions: str, *, where: str) -> pd.DataFrame:
    """Peaks whose cell type matches one of the regular expressions, which semicolons separate."""
    try:
        wanted = re.compile("|".join(f"(?:{one.strip()})" for one in expressions.split(";")))
    except re.error as error:
        raise InputError(
            f"{expressions!r} is not a list of regular expressions ({error})",
            where=f"{_KEY}.tracks",
            remedy="Separate them with semicolons; escape parentheses, plus signs and the like with a backslash.",
        ) from error
    chosen = peaks[peaks["context"].str.contains(wanted)]
    if chosen.empty:
        known = ", ".join(sorted(peaks["context"].unique()))
        raise InputError(
            f"no cell type matches {expressions!r}",
            where=where,
            remedy=f"{_KEY}.tracks may name {known}.",
        )
    return chosen


def write_model(folder: Path, trained: TrainedNetwork, training: Mapping[str, Any]) -> None:
    """Write weights and `config.json`, whole or not at all."""
    network = trained.network
    facts = network.facts
    tracks = [{"name": name, "group": group} for name, group in zip(facts.tracks, facts.groups, strict=True)]
    terms = {"licence": facts.licence, "citation": facts.citation, "training": training}
    with atomic_path(folder / "model.safetensors") as path:
        save_file(network.state_dict(), path)
    with atomic_path(folder / "config.json") as path:
        path.write_text(json.dumps(network.shape.to_config() | {"tracks": tracks} | terms, indent=1) + "\n")


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            genome=snakemake.input.genome,
            peaks=snakemake.input.peaks,
            motifs=snakemake.input.motifs,
            replicates=[str(Path(path).parent) for path in snakemake.output.weights],
            settings=snakemake.params.settings,
        )
