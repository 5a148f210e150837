"""Bring one study's summary statistics to the run's build, with ALT as the effect allele.

Input: GWAS-VCF or a delimited table; the indexed genome; a chain file where the study is on the other build. Where the
config restricts the run to regions, an indexed file is read only there, and of others the rows outside are left out.
Output: table `sumstats` (beta in trait units or log odds per ALT, p as -log10), one disposition for every input row,
and the study's quality checks.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import DISPOSITIONS, HARMONIZATION_QC, SUMSTATS
from locus2target.core.tables import write_table
from locus2target.ingest.columns import STUDY_DEFAULTS, STUDY_NAMES, parse_column_map
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, harmonize_source, study_source
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import read_delimited, read_gwas_vcf
from locus2target.ingest.regions import on_source_build, read_regions

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    source: str,
    genome: str,
    chain: str | None,
    sumstats: str,
    dispositions: str,
    qc: str,
    study: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    where = f"studies sheet, study {study['study']}, columns"
    mapping = parse_column_map(study["columns"], names=STUDY_NAMES, where=where)
    lift = None if chain is None else ChainFile(chain, where="genome.chains")
    regions = read_regions(settings["regions"], where="config, loci.regions")
    there = on_source_build(regions, lift)
    if study["format"] == "gwas_vcf":
        raw = read_gwas_vcf(source, regions=there)
    else:
        raw = read_delimited(source, mapping, STUDY_DEFAULTS, regions=there)
    with Genome(genome) as reference:
        harmonized = harmonize_source(
            raw,
            reference,
            chain=lift,
            source=study_source(study, source),
            settings=HarmonizationSettings.from_config(settings, regions=regions),
        )
    write_table(harmonized.table, sumstats, SUMSTATS)
    write_table(harmonized.dispositions, dispositions, DISPOSITIONS)
    write_table(harmonized.qc, qc, HARMONIZATION_QC)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            source=snakemake.input.source,
            genome=snakemake.input.genome,
            chain=snakemake.input.chain or None,  # an empty list when the source is on the run's build
            sumstats=snakemake.output.sumstats,
            dispositions=snakemake.output.dispositions,
            qc=snakemake.output.qc,
            study=snakemake.params.study,
            settings=snakemake.params.settings,
        )
