"""Test which transcription factors' motifs the probably causal variants of one disease change more than others do.

Reads the credible sets (PIP 0..1) and loci (0-based, half-open) of all batches and the variant effects of all models,
of which the motif model's are used (log10 change of a p-value). Writes REGULATORS, one row per motif family, as Parquet
and as TSV.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_table, read_tables, write_table, write_tsv
from locus2target.targets.regulators import MOTIF_COLUMNS, MOTIF_ROWS, enrich_regulators, gather_motif_effects

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    credible_sets: list[str],
    loci: list[str],
    variant_effects: list[str],
    regulators: str,
    regulators_tsv: str,
    disease: str,
    settings: dict[str, int],
) -> None:
    of_disease = {"disease": [disease]}
    variants = read_tables(credible_sets, schemas.CREDIBLE_SETS, columns=["locus", "variant", "pip"], only=of_disease)
    # File by file: the effects of all variants of a run do not fit into memory.
    effects = (
        read_table(path, schemas.VARIANT_EFFECTS, columns=MOTIF_COLUMNS, only=MOTIF_ROWS) for path in variant_effects
    )
    table = enrich_regulators(
        variants,
        read_tables(loci, schemas.LOCI, only=of_disease),
        gather_motif_effects(effects, variants["variant"]),
        disease=disease,
        permutations=settings["permutations"],
        seed=settings["seed"],
    )
    write_table(table, regulators, schemas.REGULATORS)
    write_tsv(table, regulators_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            credible_sets=list(snakemake.input.credible_sets),
            loci=list(snakemake.input.loci),
            variant_effects=list(snakemake.input.variant_effects),
            regulators=snakemake.output.regulators,
            regulators_tsv=snakemake.output.regulators_tsv,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
