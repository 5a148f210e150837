"""Estimate the effect of one study's trait on another's (genome-wide two-sample Mendelian randomization).

Input: the canonical tables of exposure and outcome; the genome and the LD of the exposure's cohort, to clump. Output:
TRAIT_EFFECTS (Parquet and TSV), a row per method, in outcome units or log odds per unit of the exposure;
TRAIT_INSTRUMENTS, a row for every variant with p of at most `instrument_p` in the exposure and what became of it; a
folder with scatter, forest, funnel and radial plot as SVG and PNG, and a README of the columns of both tables.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.schemas import SUMSTATS, TRAIT_EFFECTS, TRAIT_INSTRUMENTS
from locus2target.core.tables import read_table, write_table, write_tsv
from locus2target.ingest.genome import Genome
from locus2target.report.column_docs import trait_effects_readme
from locus2target.report.figures import atomic_directory, save_figure
from locus2target.report.mendelian_plots import draw_trait_effects
from locus2target.statgen.ld_sources import open_ld_source
from locus2target.statgen.mendelian.two_sample import (
    SUMSTATS_COLUMNS,
    TraitRules,
    choose_instruments,
    estimate_trait_effects,
    pair_candidates,
)

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")
_LONGEST_CHROMOSOME = 2**31 - 1


def main(
    *,
    exposure_sumstats: str,
    outcome_sumstats: str,
    genome: str,
    trait_effects: str,
    trait_effects_tsv: str,
    instruments: str,
    figures: str,
    exposure: Mapping[str, Any],
    outcome: Mapping[str, Any],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
) -> None:
    rules = TraitRules.from_settings(settings)
    names = {"exposure": exposure["study"], "outcome": outcome["study"]}
    candidates = pd.concat(_pair_chromosomes(exposure_sumstats, outcome_sumstats, rules), ignore_index=True)
    with ExitStack() as stack:
        ld_source = None
        if exposure["cohort"] is None:
            logger.warning("%s has no cohort: instruments are kept apart by distance alone", exposure["study"])
        else:
            reference = stack.enter_context(Genome(genome))
            ld_source = stack.enter_context(open_ld_source(cohorts[exposure["cohort"]], reference))
        chosen = choose_instruments(candidates, ld_source=ld_source, rules=rules, **names)
    result = estimate_trait_effects(chosen, rules=rules, **names)
    write_table(result.effects, trait_effects, TRAIT_EFFECTS)
    write_tsv(result.effects, trait_effects_tsv)
    write_table(result.instruments, instruments, TRAIT_INSTRUMENTS)
    with atomic_directory(figures) as folder:
        for name, figure in draw_trait_effects(result.effects, result.instruments).items():
            save_figure(figure, folder, name)
        (folder / "README.md").write_text(trait_effects_readme(**names), encoding="utf-8")


def _pair_chromosomes(exposure: str, outcome: str, rules: TraitRules) -> Iterator[pd.DataFrame]:
    """Candidates of one chromosome after the other: a whole study does not have to fit into memory."""
    yield pair_candidates(SUMSTATS.empty(), SUMSTATS.empty(), rules=rules)
    chromosomes = list(read_table(exposure, SUMSTATS, columns=["chromosome"])["chromosome"].unique())
    for chromosome in tracked(chromosomes, unit="chromosomes", label="pairing variants"):
        region = Region(str(chromosome), 0, _LONGEST_CHROMOSOME)
        here, there = (
            read_table(path, SUMSTATS, columns=SUMSTATS_COLUMNS, region=region) for path in (exposure, outcome)
        )
        yield pair_candidates(here, there, rules=rules)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            exposure_sumstats=snakemake.input.exposure_sumstats,
            outcome_sumstats=snakemake.input.outcome_sumstats,
            genome=snakemake.input.genome,
            trait_effects=snakemake.output.trait_effects,
            trait_effects_tsv=snakemake.output.trait_effects_tsv,
            instruments=snakemake.output.instruments,
            figures=snakemake.output.figures,
            exposure=snakemake.params.exposure,
            outcome=snakemake.params.outcome,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
        )
