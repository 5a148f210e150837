"""Fine-map a batch of loci again with functional prior weights, and set both answers side by side.

Input: LOCI of the batch, the studies' canonical tables (file stem = study), the genome, the cohorts' LD files, the
batch's tables under equal weights, and PRIOR_WEIGHTS. Output: FINE_MAPPING, CREDIBLE_SETS, SIGNALS and SIGNAL_LBF as
`finemap_loci` writes them; PRIOR_EFFECTS with both PIPs of every variant and each locus' log evidence ratio (natural
log). Log Bayes factors are natural logs.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import Record, read_table, records, write_table
from locus2target.statgen.engine import FloatArray
from locus2target.statgen.finemapping_batch import finemap_batch, write_fine_mapping
from locus2target.statgen.functional_priors import gather_signals
from locus2target.statgen.prior_tables import effects_table, weights_of_variants

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    loci: str,
    sumstats: Sequence[str],
    genome: str,
    uniform_fine_mapping: str,
    uniform_credible_sets: str,
    uniform_signals: str,
    uniform_signal_lbf: str,
    prior_weights: str,
    fine_mapping: str,
    credible_sets: str,
    signals: str,
    signal_lbf: str,
    prior_effects: str,
    studies: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
    threads: int,
) -> None:
    batch = records(read_table(loci, schemas.LOCI))
    of_batch = {"locus": [locus["locus"] for locus in batch]}
    weights = read_table(prior_weights, schemas.PRIOR_WEIGHTS, only=of_batch)
    by_locus = dict(iter(weights.groupby("locus")))

    def functional_weights(locus: Record, rows: pd.DataFrame) -> FloatArray | None:
        return weights_of_variants(by_locus[locus["locus"]], rows["variant"]) if len(rows) else None

    results = finemap_batch(
        batch,
        sumstats=sumstats,
        genome=genome,
        studies=studies,
        cohorts=cohorts,
        settings=settings,
        threads=threads,
        prior_weights=functional_weights,
    )
    write_fine_mapping(
        results, fine_mapping=fine_mapping, credible_sets=credible_sets, signals=signals, signal_lbf=signal_lbf
    )
    evidence = gather_signals(
        weights, read_table(uniform_signals, schemas.SIGNALS), read_table(uniform_signal_lbf, schemas.SIGNAL_LBF)
    )
    effects = effects_table(
        weights,
        evidence,
        uniform=read_table(uniform_credible_sets, schemas.CREDIBLE_SETS),
        functional=read_table(credible_sets, schemas.CREDIBLE_SETS),
        uniform_rungs=_rungs(read_table(uniform_fine_mapping, schemas.FINE_MAPPING)),
        functional_rungs=_rungs(read_table(fine_mapping, schemas.FINE_MAPPING)),
    )
    write_table(effects, prior_effects, schemas.PRIOR_EFFECTS)


def _rungs(fits: pd.DataFrame) -> dict[str, str]:
    return dict(zip(fits["locus"], fits["rung"], strict=True))


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            sumstats=snakemake.input.sumstats,
            genome=snakemake.input.genome,
            uniform_fine_mapping=snakemake.input.uniform_fine_mapping,
            uniform_credible_sets=snakemake.input.uniform_credible_sets,
            uniform_signals=snakemake.input.uniform_signals,
            uniform_signal_lbf=snakemake.input.uniform_signal_lbf,
            prior_weights=snakemake.input.prior_weights,
            fine_mapping=snakemake.output.fine_mapping,
            credible_sets=snakemake.output.credible_sets,
            signals=snakemake.output.signals,
            signal_lbf=snakemake.output.signal_lbf,
            prior_effects=snakemake.output.prior_effects,
            studies=snakemake.params.studies,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
            threads=snakemake.threads,
        )
