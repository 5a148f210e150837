"""Compare each signal of a batch of loci with each molecular trait in its locus.

Input: LOCI of the batch, its FINE_MAPPING, SIGNALS and SIGNAL_LBF, and the canonical QTL tables (file stem = QTL set).
Output: COLOCALIZATION, one row per signal and molecular trait; a locus with nothing to compare has one row per QTL set
that says why. Log Bayes factors are natural logs. Loci whose own status is not `ok` are passed over: their row in LOCI
says why.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.schemas import COLOCALIZATION, FINE_MAPPING, LOCI, QTL, SIGNAL_LBF, SIGNALS
from locus2target.core.tables import read_table, write_table
from locus2target.statgen.colocalization import (
    QTL_COLUMNS,
    ColocalizationRules,
    arrange_signals,
    colocalize_locus,
    locus_without_pairs,
)

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger("locus2target")


def main(
    *,
    loci: str,
    fine_mapping: str,
    signals: str,
    signal_lbf: str,
    qtl_tables: Sequence[str],
    colocalization: str,
    qtls: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> None:
    rules = ColocalizationRules.from_settings(settings)
    verdicts = read_table(fine_mapping, FINE_MAPPING).set_index("locus")["reason"]
    all_signals = read_table(signals, SIGNALS)
    tables = {Path(path).stem: path for path in qtl_tables}
    parts = [COLOCALIZATION.empty()]
    for locus in read_table(loci, LOCI).query("status == 'ok'").to_dict("records"):
        region = Region(locus["chromosome"], locus["start"], locus["end"])
        of_locus = all_signals[all_signals["locus"] == locus["locus"]]
        factors = read_table(signal_lbf, SIGNAL_LBF, region=region).query("locus == @locus['locus']")
        for qtl, sheet in qtls.items():
            if factors.empty:
                reason = f"the locus has no signal: {verdicts.get(locus['locus'], 'it was not fine-mapped')}"
                parts.append(locus_without_pairs(locus, "no_signal", reason, qtl=qtl, qtl_sheet=sheet))
                continue
            rows = read_table(tables[qtl], QTL, columns=QTL_COLUMNS, region=region)
            arranged = arrange_signals(of_locus, factors)
            parts.append(colocalize_locus(locus, arranged, rows, qtl=qtl, qtl_sheet=sheet, rules=rules))
    result = pd.concat(parts, ignore_index=True)
    write_table(result, colocalization, COLOCALIZATION)
    for status, count in result["status"].value_counts().items():
        logger.info("%d row(s) with status %s", count, status)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            signals=snakemake.input.signals,
            signal_lbf=snakemake.input.signal_lbf,
            qtl_tables=snakemake.input.qtl_tables,
            colocalization=snakemake.output.colocalization,
            qtls=snakemake.params.qtls,
            settings=snakemake.params.settings,
        )
