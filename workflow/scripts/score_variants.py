"""Score a batch of variants with one sequence model: ALT against REF haplotype.

Reads the batch (`scored_variants`, positions 1-based), the indexed genome, genes, exons, the model's weights and its
background. Writes `variant_effects`: for each variant and score a row with its largest effect and that effect's
quantile among random single-base changes of the same genome, then a row per effect worth reporting; a variant that
cannot be scored has one row per score that says why, with no value.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import SCORE_BACKGROUND, SCORED_VARIANTS, VARIANT_EFFECTS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.background import check_background
from locus2target.sequence.effects_table import effects_table
from locus2target.sequence.job import open_scoring
from locus2target.targets.bed import read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    variants: str,
    genome: str,
    genes: str,
    exons: str,
    peaks: str | None,
    weights: Sequence[str],
    background: str,
    variant_effects: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    table = read_table(variants, SCORED_VARIANTS)
    if table.empty:
        write_table(VARIANT_EFFECTS.empty(), variant_effects, VARIANT_EFFECTS)
        return
    elements = None if peaks is None else read_open_chromatin(peaks)
    inputs = {"weights": weights, "genome": genome, "genes": genes, "exons": exons, "peaks": elements}
    with open_scoring(model, settings, **inputs, prefilter=True) as scoring:
        sizes = read_table(background, SCORE_BACKGROUND)
        check_background(sizes, scoring.model, where=background)
        scores = scoring.score(table)
    effects = effects_table(scoring.model, table, scores, sizes, tracks_per_score=settings["tracks_per_score"])
    write_table(effects, variant_effects, VARIANT_EFFECTS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            variants=snakemake.input.variants,
            genome=snakemake.input.genome,
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            peaks=snakemake.input.peaks or None,
            weights=snakemake.input.weights,
            background=snakemake.input.background,
            variant_effects=snakemake.output.variant_effects,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
        )
