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

from threadpoolctl import threadpool_limits

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.schemas import LOCI, QTL, QTL_SIGNAL_LBF, QTL_SIGNAL_LD, QTL_SIGNALS
from locus2target.core.tables import append_table, read_table, records
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
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1, user_api="blas"))  # more would sum in another order
        reference = stack.enter_context(Genome(genome))
        ld = {
            cohort: RepeatedLd(stack.enter_context(open_ld_source(cohorts[cohort], reference)))
            for cohort in sorted({sheet["cohort"] for sheet in complete.values() if sheet["cohort"] is not None})
        }
        # Written as they come: tissues times traits times signals times variants do not fit into memory.
        append_signals = stack.enter_context(append_table(qtl_signals, QTL_SIGNALS))
        append_lbf = stack.enter_context(append_table(qtl_signal_lbf, QTL_SIGNAL_LBF))
        append_ld = stack.enter_context(append_table(qtl_signal_ld, QTL_SIGNAL_LD))
        analysed = records(read_table(loci, LOCI).query("status == 'ok'"))
        for locus in tracked(analysed, unit="loci", label="fine-mapping molecular traits"):
            region = Region(locus["chromosome"], locus["start"], locus["end"])
            for qtl, sheet in complete.items():
                found = finemap_traits(
                    locus,
                    read_table(tables[qtl], QTL, region=region),
                    qtl=qtl,
                    qtl_sheet=sheet,
                    ld=ld.get(sheet["cohort"]),
                    engine=engine,
                    settings=rules,
                    qtl_p=settings["qtl_p"],
                )
                append_signals(found.signals)
                append_lbf(found.signal_lbf)
                append_ld(found.signal_ld)


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
