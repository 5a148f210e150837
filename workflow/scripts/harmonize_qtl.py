"""Bring one set of molecular QTL statistics to the run's build, with ALT as the effect allele.

Input: a delimited table (eQTL Catalogue headers or mapped columns); the indexed genome; a chain file where the set is
on the other build; the run's loci where the table has a tabix index: it is then read only there.
Output: table `qtl` (beta in units of the molecular trait per ALT, p as -log10), one disposition for every input row
that was read, and the set's quality checks.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import DISPOSITIONS, HARMONIZATION_QC, QTL
from locus2target.core.tables import write_table
from locus2target.ingest.columns import QTL_DEFAULTS, QTL_NAMES, parse_column_map
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, harmonize_source, qtl_source
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import read_delimited
from locus2target.ingest.regions import locus_regions, on_source_build

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    source: str,
    loci: Sequence[str],
    genome: str,
    chain: str | None,
    qtl_table: str,
    dispositions: str,
    qc: str,
    qtl: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    mapping = parse_column_map(qtl["columns"], names=QTL_NAMES, where=f"qtls sheet, qtl {qtl['qtl']}, columns")
    lift = None if chain is None else ChainFile(chain, where="genome.chains")
    there = on_source_build(locus_regions(loci) if loci else None, lift)
    raw = read_delimited(source, mapping, QTL_DEFAULTS, regions=there)
    with Genome(genome) as reference:
        harmonized = harmonize_source(
            raw,
            reference,
            chain=lift,
            source=qtl_source(qtl, source),
            settings=HarmonizationSettings.from_config(settings),
        )
    write_table(harmonized.table, qtl_table, QTL)
    write_table(harmonized.dispositions, dispositions, DISPOSITIONS)
    write_table(harmonized.qc, qc, HARMONIZATION_QC)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            source=snakemake.input.source,
            loci=snakemake.input.loci,
            genome=snakemake.input.genome,
            chain=snakemake.input.chain or None,  # an empty list when the source is on the run's build
            qtl_table=snakemake.output.qtl_table,
            dispositions=snakemake.output.dispositions,
            qc=snakemake.output.qc,
            qtl=snakemake.params.qtl,
            settings=snakemake.params.settings,
        )
