"""Gather the variants that the sequence models score.

Reads the credible sets of all loci (`credible_sets` tables). Writes, for each variant batch, the variants with a
posterior inclusion probability of at least `scoring.min_pip` in any study (`scored_variants`), and the windows for
saturation mutagenesis around the best variants of each locus (`mutagenesis_windows`). Batches are contiguous along the
genome and of equal size; an empty batch is an empty table. Positions are 1-based. One table of credible sets is in
memory at a time; of the others 16 bytes per variant are kept, and the best variants of each locus.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.likely_variants import LikelyVariants
from locus2target.core.schemas import CREDIBLE_SETS, MUTAGENESIS_WINDOWS, SCORED_VARIANTS
from locus2target.core.tables import append_table, read_table, stack_tables, write_table
from locus2target.sequence.selection import SELECTION_COLUMNS, best_of_loci, deal, select_windows

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    credible_sets: Sequence[str],
    variants: Sequence[str],
    windows: Sequence[str],
    scoring: Mapping[str, Any],
    mutagenesis: Mapping[str, Any],
) -> None:
    likely, best, n_rows = LikelyVariants(scoring["min_pip"]), [], 0
    for path in credible_sets:
        table = read_table(path, CREDIBLE_SETS, columns=SELECTION_COLUMNS)
        likely.add(table)
        best.append(best_of_loci(table, **mutagenesis))
        n_rows += len(table)
    selected = likely.along_genome()
    centers = select_windows(stack_tables(best, CREDIBLE_SETS), **mutagenesis)
    logging.getLogger("locus2target").info(
        "%d variants to score and %d windows to mutate out of %d rows", len(selected.codes), len(centers), n_rows
    )
    for path, part in zip(variants, deal(len(selected.codes), len(variants)), strict=True):
        with append_table(path, SCORED_VARIANTS) as append:
            for rows in selected.tables(part):
                append(rows)
    for path, part in zip(windows, deal(len(centers), len(windows)), strict=True):
        write_table(centers.iloc[part], path, MUTAGENESIS_WINDOWS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=snakemake.input.credible_sets,
            variants=snakemake.output.variants,
            windows=snakemake.output.windows,
            scoring={"min_pip": snakemake.params.min_pip},
            mutagenesis={"variants_per_locus": snakemake.params.variants_per_locus},
        )
