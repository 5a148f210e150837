"""Gather the variants that the sequence models score.

Reads the credible sets of all loci (`credible_sets` tables). Writes, for each variant batch, the variants with a
posterior inclusion probability of at least `scoring.min_pip` in any study (`scored_variants`), and the windows for
saturation mutagenesis around the best variants of each locus (`mutagenesis_windows`). Batches are contiguous along the
genome and of equal size; an empty batch is an empty table. Positions are 1-based.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import CREDIBLE_SETS, MUTAGENESIS_WINDOWS, SCORED_VARIANTS
from locus2target.core.tables import read_tables, write_table
from locus2target.sequence.selection import SELECTION_COLUMNS, deal, select_variants, select_windows

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
    table = read_tables(credible_sets, CREDIBLE_SETS, columns=SELECTION_COLUMNS)
    selected = select_variants(table, min_pip=scoring["min_pip"])
    centers = select_windows(table, variants_per_locus=mutagenesis["variants_per_locus"])
    logging.getLogger("locus2target").info(
        "%d variants to score and %d windows to mutate out of %d rows", len(selected), len(centers), len(table)
    )
    for path, part in zip(variants, deal(selected, len(variants)), strict=True):
        write_table(part, path, SCORED_VARIANTS)
    for path, part in zip(windows, deal(centers, len(windows)), strict=True):
        write_table(part, path, MUTAGENESIS_WINDOWS)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=snakemake.input.credible_sets,
            variants=snakemake.output.variants,
            windows=snakemake.output.windows,
            scoring={"min_pip": snakemake.params.min_pip},
            mutagenesis={"variants_per_locus": snakemake.params.variants_per_locus},
        )
