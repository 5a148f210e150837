"""Compare each signal of a batch of loci with each signal of the molecular traits in its locus.

Input: LOCI of the batch, its FINE_MAPPING, SIGNALS and SIGNAL_LBF, the canonical QTL tables (file stem = QTL set), the
batch's QTL_SIGNALS and QTL_SIGNAL_LBF, and PRIOR_WEIGHTS where variant-specific priors are used.
Output: COLOCALIZATION, one row per pair of signals; a locus with nothing to compare has one row per QTL set that says
why. COLOCALIZED_VARIANTS, the variants that pairs with H4 of at least 0.5 probably share. Log Bayes factors are natural
logs. Loci whose own status is not `ok` are passed over: their row in LOCI says why.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core.intervals import Region
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.schemas import (
    COLOCALIZATION,
    COLOCALIZED_VARIANTS,
    FINE_MAPPING,
    LOCI,
    PRIOR_WEIGHTS,
    QTL,
    QTL_SIGNAL_LBF,
    QTL_SIGNALS,
    SIGNAL_LBF,
    SIGNALS,
)
from locus2target.core.tables import read_table, read_tables, records, write_table
from locus2target.statgen.coloc_flags import flag_sharing
from locus2target.statgen.coloc_traits import QTL_COLUMNS, arrange_signals
from locus2target.statgen.colocalization import ColocalizationRules, colocalize_locus, locus_without_pairs

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
    qtl_signals: str,
    qtl_signal_lbf: str,
    prior_weights: Sequence[str],
    colocalization: str,
    colocalized_variants: str,
    qtls: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> None:
    rules = ColocalizationRules.from_settings(settings)
    verdicts = read_table(fine_mapping, FINE_MAPPING).set_index("locus")[["status", "reason"]].to_dict("index")
    all_signals, all_qtl_signals = read_table(signals, SIGNALS), read_table(qtl_signals, QTL_SIGNALS)
    qtl_signals_of = _by(all_qtl_signals, ["locus", "qtl"])
    tables = {Path(path).stem: path for path in qtl_tables}
    parts, variants = [COLOCALIZATION.empty()], [COLOCALIZED_VARIANTS.empty()]
    analysed = records(read_table(loci, LOCI).query("status == 'ok'"))
    all_weights = read_tables(prior_weights, PRIOR_WEIGHTS, only={"locus": [locus["locus"] for locus in analysed]})
    for locus in tracked(analysed, unit="loci", label="colocalizing"):
        name, region = locus["locus"], Region(locus["chromosome"], locus["start"], locus["end"])
        verdict = verdicts.get(name, {"status": "not_finemapped", "reason": "it was not fine-mapped"})
        factors = _of(read_table(signal_lbf, SIGNAL_LBF, region=region), name)
        if factors.empty:
            reason = f"the locus has no signal: {verdict['reason']}"
            parts += [locus_without_pairs(locus, "no_signal", reason, qtl=qtl, qtl_sheet=qtls[qtl]) for qtl in qtls]
            continue
        arranged = arrange_signals(
            _of(all_signals, name), factors, prior_weights=_of(all_weights, name), status=verdict["status"]
        )
        factors_of = _by(_of(read_table(qtl_signal_lbf, QTL_SIGNAL_LBF, region=region), name), ["qtl"])
        for qtl, sheet in qtls.items():
            found = colocalize_locus(
                locus,
                arranged,
                read_table(tables[qtl], QTL, columns=QTL_COLUMNS, region=region),
                qtl=qtl,
                qtl_sheet=sheet,
                qtl_signals=qtl_signals_of.get((name, qtl), QTL_SIGNALS.empty()),
                qtl_signal_lbf=factors_of.get((qtl,), QTL_SIGNAL_LBF.empty()),
                rules=rules,
            )
            parts.append(found.colocalization)
            variants.append(found.variants)
    result = flag_sharing(pd.concat(parts, ignore_index=True), threshold=rules.posterior_threshold)
    write_table(result, colocalization, COLOCALIZATION)
    write_table(pd.concat(variants, ignore_index=True), colocalized_variants, COLOCALIZED_VARIANTS)
    for status, count in result["status"].value_counts().items():
        logger.info("%d row(s) with status %s", count, status)


def _of(table: pd.DataFrame, locus: str) -> pd.DataFrame:
    return table[table["locus"] == locus]


def _by(table: pd.DataFrame, columns: list[str]) -> dict[tuple[str, ...], pd.DataFrame]:
    """Rows of a table by the values of columns; to look for them anew for every QTL set would take longest of all."""
    return {tuple(map(str, names)): rows for names, rows in table.groupby(columns, sort=False)}


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            signals=snakemake.input.signals,
            signal_lbf=snakemake.input.signal_lbf,
            qtl_tables=snakemake.input.qtl_tables,
            qtl_signals=snakemake.input.qtl_signals,
            qtl_signal_lbf=snakemake.input.qtl_signal_lbf,
            prior_weights=snakemake.input.prior_weights,
            colocalization=snakemake.output.colocalization,
            colocalized_variants=snakemake.output.colocalized_variants,
            qtls=snakemake.params.qtls,
            settings=snakemake.params.settings,
        )
