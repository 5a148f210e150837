"""Saturation mutagenesis around the best variants of a batch's loci with one sequence model.

Reads the batch (`mutagenesis_windows`, positions 1-based), the indexed genome, genes, exons and the model's weights.
Writes `mutagenesis`: for every base within `flank_bp` of a window's variant the three substitutions of the reference
base; bases and windows that cannot be scored have one row that says why. Beside it `attribution`, how much each
reference base matters, and `motif_hits`, motifs that stand where the attribution is.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import ATTRIBUTION, MOTIF_HITS, MUTAGENESIS, MUTAGENESIS_WINDOWS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.attribution import attribute, name_motifs
from locus2target.sequence.job import open_scoring
from locus2target.sequence.motif_bank import read_motif_bank
from locus2target.sequence.mutagenesis import mutate_windows
from locus2target.targets.bed import read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    windows: str,
    genome: str,
    genes: str,
    exons: str,
    peaks: str | None,
    weights: Sequence[str],
    motifs: str,
    mutagenesis: str,
    attribution: str,
    motif_hits: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    table = read_table(windows, MUTAGENESIS_WINDOWS)
    if table.empty:
        for schema, path in ((MUTAGENESIS, mutagenesis), (ATTRIBUTION, attribution), (MOTIF_HITS, motif_hits)):
            write_table(schema.empty(), path, schema)
        return
    elements = None if peaks is None else read_open_chromatin(peaks)
    inputs = {"weights": weights, "genome": genome, "genes": genes, "exons": exons, "peaks": elements}
    with open_scoring(model, settings, **inputs) as scoring:
        effects = mutate_windows(scoring, table, flank_bp=settings["flank_bp"])
    bases = attribute(effects)
    hits = name_motifs(bases, read_motif_bank(motifs), motif_p=settings["motif_p"])
    write_table(effects, mutagenesis, MUTAGENESIS)
    write_table(bases, attribution, ATTRIBUTION)
    write_table(hits, motif_hits, MOTIF_HITS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            windows=snakemake.input.windows,
            genome=snakemake.input.genome,
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            peaks=snakemake.input.peaks or None,
            weights=snakemake.input.weights,
            motifs=snakemake.input.motifs,
            mutagenesis=snakemake.output.mutagenesis,
            attribution=snakemake.output.attribution,
            motif_hits=snakemake.output.motif_hits,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
        )
