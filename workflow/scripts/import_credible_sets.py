"""Bring the credible sets of a study that comes fine-mapped to the run's build, and into the tables of the chain.

Input: a delimited table of variants with PIP and credible-set name (mapped columns), one row per variant and set; the
indexed genome; a chain file where the study is on the other build. Output: LOCI, FINE_MAPPING, CREDIBLE_SETS, SIGNALS
and SIGNAL_LBF of the study as the steps `define_loci` and `finemap_loci` write them; SUMSTATS of the variants that have
a p-value; one disposition for every input row, and the study's quality checks. Log Bayes factors are natural logs.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import write_table
from locus2target.ingest.columns import (
    CREDIBLE_SET_DEFAULTS,
    CREDIBLE_SET_NAMES,
    CREDIBLE_SET_NEEDS,
    parse_column_map,
)
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, harmonize_source, study_source
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import read_delimited
from locus2target.statgen.imported import import_study
from locus2target.statgen.loci import LocusRules

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    source: str,
    genome: str,
    chain: str | None,
    loci: str,
    fine_mapping: str,
    credible_sets: str,
    signals: str,
    signal_lbf: str,
    sumstats: str,
    dispositions: str,
    qc: str,
    study: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    where = f"studies sheet, study {study['study']}, columns"
    mapping = parse_column_map(study["columns"], names=CREDIBLE_SET_NAMES, where=where)
    raw = read_delimited(source, mapping, CREDIBLE_SET_DEFAULTS, needs=CREDIBLE_SET_NEEDS)
    with Genome(genome) as reference:
        harmonized = harmonize_source(
            raw,
            reference,
            chain=None if chain is None else ChainFile(chain, where="genome.chains"),
            source=study_source(study, source),
            settings=HarmonizationSettings.from_config(settings["harmonization"]),
        )
    table, rules = harmonized.table, LocusRules.from_settings(settings["loci"])
    name, disease = study["study"], study["disease"]
    imported = import_study(table, study=name, disease=disease, traits=study, rules=rules, where=source)
    write_table(imported.loci, loci, schemas.LOCI)
    write_table(imported.fine_mapping, fine_mapping, schemas.FINE_MAPPING)
    write_table(imported.credible_sets, credible_sets, schemas.CREDIBLE_SETS)
    write_table(imported.signals, signals, schemas.SIGNALS)
    write_table(imported.signal_lbf, signal_lbf, schemas.SIGNAL_LBF)
    tested = table.dropna(subset="neg_log10_p").drop_duplicates("variant")
    write_table(tested[schemas.SUMSTATS.names].reset_index(drop=True), sumstats, schemas.SUMSTATS)
    write_table(harmonized.dispositions, dispositions, schemas.DISPOSITIONS)
    outside = _outside_row(name, imported.n_outside)
    write_table(pd.concat([harmonized.qc, outside], ignore_index=True), qc, schemas.HARMONIZATION_QC)


def _outside_row(study: str, n_outside: int) -> pd.DataFrame:
    """QC row of the variants that have a PIP, and no locus to belong to."""
    row = {
        "source": study,
        "kind": "credible_sets",
        "metric": "outside_loci",
        "value": float(n_outside),
        "status": "dropped" if n_outside else "ok",
        "detail": "Variants in no credible set, and not near one: they belong to no locus.",
    }
    return schemas.HARMONIZATION_QC.frame([row])


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            source=snakemake.input.source,
            genome=snakemake.input.genome,
            chain=snakemake.input.chain or None,  # an empty list when the source is on the run's build
            loci=snakemake.output.loci,
            fine_mapping=snakemake.output.fine_mapping,
            credible_sets=snakemake.output.credible_sets,
            signals=snakemake.output.signals,
            signal_lbf=snakemake.output.signal_lbf,
            sumstats=snakemake.output.sumstats,
            dispositions=snakemake.output.dispositions,
            qc=snakemake.output.qc,
            study=snakemake.params.study,
            settings=snakemake.params.settings,
        )
