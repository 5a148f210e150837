"""Saturation mutagenesis around the best variants of a batch's loci with one sequence model.

Reads the batch (`mutagenesis_windows`, positions 1-based), the indexed genome and the model's weights. Writes
`mutagenesis`: for every base within `flank_bp` of a window's variant the three substitutions of the reference base,
each with the track whose score changes most; bases and windows that cannot be scored have one row that says why.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import MUTAGENESIS, MUTAGENESIS_WINDOWS
from locus2target.core.tables import read_table, write_table
from locus2target.ingest.genome import Genome
from locus2target.sequence.mutagenesis import mutate_windows
from locus2target.sequence.registry import load_model
from locus2target.sequence.scoring import log_model, resolve_device

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    windows: str,
    genome: str,
    weights: str,
    mutagenesis: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    table = read_table(windows, MUTAGENESIS_WINDOWS)
    if table.empty:
        write_table(MUTAGENESIS.empty(), mutagenesis, MUTAGENESIS)
        return
    device = resolve_device(settings["device"])
    loaded = load_model(model, weights=weights, device=device, settings=settings)
    log_model(loaded.spec, device)
    with Genome(genome) as reference:
        effects = mutate_windows(
            loaded, table, reference.fetch, flank_bp=settings["flank_bp"], batch_size=settings["batch_size"]
        )
    write_table(effects, mutagenesis, MUTAGENESIS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            windows=snakemake.input.windows,
            genome=snakemake.input.genome,
            weights=snakemake.input.weights,
            mutagenesis=snakemake.output.mutagenesis,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
        )
