"""Fine-map a batch of loci: LD from the study's cohort, its verdict, and SuSiE where the LD can be believed.

Input: LOCI of the batch, the studies' canonical tables (file stem = study), the genome, the cohorts' genotype files.
Output: FINE_MAPPING with one row per locus that says what could be claimed and why no more; CREDIBLE_SETS with every
variant of the analysed loci; SIGNALS; SIGNAL_LBF. Log Bayes factors are natural logs.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, LOCI, SIGNAL_LBF, SIGNALS, SUMSTATS
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.ingest.cohort import CohortGenotypes
from locus2target.ingest.genome import Genome
from locus2target.statgen.finemapping import FineMappingSettings, finemap_locus
from locus2target.statgen.susier import SusieR

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    loci: str,
    sumstats: Sequence[str],
    genome: str,
    fine_mapping: str,
    credible_sets: str,
    signals: str,
    signal_lbf: str,
    studies: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
) -> None:
    rules, engine = FineMappingSettings.from_settings(settings), SusieR()
    tables = {Path(path).stem: path for path in sumstats}
    with ExitStack() as stack:
        reference = stack.enter_context(Genome(genome))
        genotypes = {name: stack.enter_context(_open_cohort(rows, reference)) for name, rows in cohorts.items()}
        results = []
        for locus in read_table(loci, LOCI).to_dict("records"):
            study = studies[locus["study"]]
            statistics = _read_statistics(tables[locus["study"]], locus)
            cohort = genotypes.get(study["cohort"])
            results.append(
                finemap_locus(locus, statistics, study=study, genotypes=cohort, engine=engine, settings=rules)
            )
    _write([result.fine_mapping for result in results], fine_mapping, FINE_MAPPING)
    _write([result.credible_sets for result in results], credible_sets, CREDIBLE_SETS)
    _write([result.signals for result in results], signals, SIGNALS)
    _write([result.signal_lbf for result in results], signal_lbf, SIGNAL_LBF)


def _open_cohort(rows: Sequence[Mapping[str, Any]], genome: Genome) -> CohortGenotypes:
    files = {canonical_chromosome(str(row["chromosome"])): row["genotypes"] for row in rows}
    return CohortGenotypes(files, dosage_field=rows[0]["dosage_field"], genome=genome)


def _read_statistics(path: str, locus: Mapping[str, Any]) -> pd.DataFrame:
    """The study's variants in the locus; none for a row that only says why there is no locus."""
    if locus["status"] != "ok":
        return SUMSTATS.empty()
    return read_table(path, SUMSTATS, region=Region(locus["chromosome"], locus["start"], locus["end"]))


def _write(parts: Sequence[pd.DataFrame], path: str, schema: TableSchema) -> None:
    filled = [part for part in parts if len(part)]
    write_table(pd.concat(filled, ignore_index=True) if filled else schema.empty(), path, schema)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            sumstats=snakemake.input.sumstats,
            genome=snakemake.input.genome,
            fine_mapping=snakemake.output.fine_mapping,
            credible_sets=snakemake.output.credible_sets,
            signals=snakemake.output.signals,
            signal_lbf=snakemake.output.signal_lbf,
            studies=snakemake.params.studies,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
        )
