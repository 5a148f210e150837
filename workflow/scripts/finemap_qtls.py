"""Part the molecular traits in a batch's loci into their signals: LD from the QTL set's cohort, its verdict, SuSiE.

Input: LOCI of the batch, the canonical QTL tables (file stem = QTL set), the genome, the cohorts' files.
Output: QTL_SIGNALS, with one row per signal, or one (signal 0) per trait that was not parted which says why;
QTL_SIGNAL_LBF, natural log; QTL_SIGNAL_LD, signed r between the leads of a trait's signals. QTL sets that list only
some variants cannot be fitted and have no rows. Loci whose own status is not `ok` are passed over.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.schemas import LOCI, QTL, QTL_SIGNAL_LBF, QTL_SIGNAL_LD, QTL_SIGNALS
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.ingest.genome import Genome
from locus2target.statgen.engines import open_engine
from locus2target.statgen.finemapping import FineMappingSettings
from locus2target.statgen.ld_sources import open_ld_source
from locus2target.statgen.qtl_signals import RepeatedLd, finemap_traits

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(
    *,
    loci: str,
    qtl_tables: Sequence[str],
    genome: str,
    qtl_signals: str,
    qtl_signal_lbf: str,
    qtl_signal_ld: str,
    qtls: Mapping[str, Mapping[str, Any]],
    cohorts: Mapping[str, Sequence[Mapping[str, Any]]],
    settings: Mapping[str, Any],
) -> None:
    rules, engine = FineMappingSettings.from_settings(settings), open_engine(settings["engine"])
    tables = {Path(path).stem: path for path in qtl_tables}
    complete = {qtl: sheet for qtl, sheet in qtls.items() if sheet["coverage"] == "full"}
    logger.info("passed over, as they list only some variants: %s", sorted(set(qtls) - set(complete)))
    results = []
    with ExitStack() as stack:
        reference = stack.enter_context(Genome(genome))
        ld = {
            cohort: RepeatedLd(stack.enter_context(open_ld_source(cohorts[cohort], reference)))
            for cohort in sorted({sheet["cohort"] for sheet in complete.values() if sheet["cohort"] is not None})
        }
        for locus in read_table(loci, LOCI).query("status == 'ok'").to_dict("records"):
            region = Region(locus["chromosome"], locus["start"], locus["end"])
            for qtl, sheet in complete.items():
                rows = read_table(tables[qtl], QTL, region=region)
                source = ld.get(sheet["cohort"])
                results.append(
                    finemap_traits(
                        {str(name): value for name, value in locus.items()},
                        rows,
                        qtl=qtl,
                        qtl_sheet=sheet,
                        ld=source,
                        engine=engine,
                        settings=rules,
                        qtl_p=settings["qtl_p"],
                    )
                )
    _write([result.signals for result in results], qtl_signals, QTL_SIGNALS)
    _write([result.signal_lbf for result in results], qtl_signal_lbf, QTL_SIGNAL_LBF)
    _write([result.signal_ld for result in results], qtl_signal_ld, QTL_SIGNAL_LD)


def _write(parts: Sequence[pd.DataFrame], path: str, schema: TableSchema) -> None:
    filled = [part for part in parts if len(part)]
    write_table(pd.concat(filled, ignore_index=True) if filled else schema.empty(), path, schema)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            qtl_tables=snakemake.input.qtl_tables,
            genome=snakemake.input.genome,
            qtl_signals=snakemake.output.qtl_signals,
            qtl_signal_lbf=snakemake.output.qtl_signal_lbf,
            qtl_signal_ld=snakemake.output.qtl_signal_ld,
            qtls=snakemake.params.qtls,
            cohorts=snakemake.params.cohorts,
            settings=snakemake.params.settings,
        )
