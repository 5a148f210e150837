"""Score a batch of variants with one sequence model: ALT against REF haplotype.

Reads the batch (`scored_variants`, positions 1-based), the indexed genome and the model's weights. Writes
`variant_effects`: for each variant a row with its largest effect and that effect's quantile among random single-base
changes of the same genome, then a row per track worth reporting; a variant that cannot be scored has one row that says
why, with no value.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import SCORED_VARIANTS, VARIANT_EFFECTS
from locus2target.core.tables import read_table, write_table
from locus2target.ingest.genome import Genome
from locus2target.sequence.background import background_sizes
from locus2target.sequence.registry import load_model
from locus2target.sequence.scoring import effects_table, log_model, resolve_device, score_variants

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    variants: str,
    genome: str,
    weights: str,
    variant_effects: str,
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    table = read_table(variants, SCORED_VARIANTS)
    if table.empty:
        write_table(VARIANT_EFFECTS.empty(), variant_effects, VARIANT_EFFECTS)
        return
    device = resolve_device(settings["device"])
    loaded = load_model(model, weights=weights, device=device, settings=settings)
    log_model(loaded.spec, device)
    size = settings["batch_size"]
    with Genome(genome) as reference:
        scores = score_variants(loaded, table, reference.fetch, batch_size=size)
        background = background_sizes(loaded, reference.fetch, reference.lengths, batch_size=size)
    write_table(effects_table(loaded, table, scores, background), variant_effects, VARIANT_EFFECTS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            variants=snakemake.input.variants,
            genome=snakemake.input.genome,
            weights=snakemake.input.weights,
            variant_effects=snakemake.output.variant_effects,
            model=snakemake.params.model,
            settings=snakemake.params.settings,
        )
