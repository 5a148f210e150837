"""Estimate how molecular traits that colocalize with a disease act on it, locus by locus (cis Mendelian randomization).

Input: LOCI of the batch with its COLOCALIZATION, QTL_SIGNALS and QTL_SIGNAL_LD; the canonical tables of studies and QTL
sets (file stem = id). Output: CIS_EFFECTS, one row per locus and molecular trait whose best H4 reaches
`min_posterior_h4`; effects are per unit of the molecular trait as its QTL set counts it, in trait units or log odds of
the disease. Traits that were compared and do not colocalize have their row in COLOCALIZATION; the log counts them.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.schemas import CIS_EFFECTS, COLOCALIZATION, LOCI, QTL, QTL_SIGNAL_LD, QTL_SIGNALS, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.statgen.coloc_traits import QTL_COLUMNS
from locus2target.statgen.mendelian.cis import CisStatistics, estimate_cis_effects, shared_tests

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(
    *,
    loci: str,
    sumstats: Sequence[str],
    qtl_tables: Sequence[str],
    qtl_signals: str,
    qtl_signal_ld: str,
    colocalization: str,
    cis_effects: str,
    settings: Mapping[str, Any],
) -> None:
    studies, qtls = ({Path(path).stem: path for path in paths} for paths in (sumstats, qtl_tables))
    tests = shared_tests(
        read_table(colocalization, COLOCALIZATION), min_posterior_h4=float(settings["min_posterior_h4"])
    )
    signals, signal_ld = read_table(qtl_signals, QTL_SIGNALS), read_table(qtl_signal_ld, QTL_SIGNAL_LD)
    of_locus = read_table(loci, LOCI).set_index("locus")
    parts = [CIS_EFFECTS.empty()]
    by_locus = list(tests.groupby("locus", sort=True))
    for name, of_tests in tracked(by_locus, unit="loci", label="estimating effects of colocalized genes"):
        locus = of_locus.loc[name]
        region = Region(locus["chromosome"], int(locus["start"]), int(locus["end"]))
        study = read_table(studies[locus["study"]], SUMSTATS, region=region)
        for qtl, of_qtl in of_tests.groupby("qtl", sort=True):
            statistics = CisStatistics(
                study=study,
                qtl=read_table(qtls[qtl], QTL, columns=QTL_COLUMNS, region=region),
                signals=signals[(signals["locus"] == name) & (signals["qtl"] == qtl)],
                signal_ld=signal_ld[(signal_ld["locus"] == name) & (signal_ld["qtl"] == qtl)],
            )
            parts.append(estimate_cis_effects(of_qtl, statistics))
    result = pd.concat(parts, ignore_index=True)
    write_table(result, cis_effects, CIS_EFFECTS)
    for status, count in result["status"].value_counts().items():
        logger.info("%d trait(s) with status %s", count, status)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            sumstats=list(snakemake.input.sumstats),
            qtl_tables=list(snakemake.input.qtl_tables),
            qtl_signals=snakemake.input.qtl_signals,
            qtl_signal_ld=snakemake.input.qtl_signal_ld,
            colocalization=snakemake.input.colocalization,
            cis_effects=snakemake.output.cis_effects,
            settings=snakemake.params.settings,
        )
