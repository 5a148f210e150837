"""Put the final table of one disease together: its ranked genes, and beside them what a drug would meet.

Reads RANKED_GENES of every disease of the run (one file each, its stem is the disease; probabilities 0..1), EVIDENCE of
this disease, GENE_DIRECTIONS, GENES, and up to three annotation tables (TSV) that never count as evidence. Writes
TARGETS as Parquet, and as TSV with one column of log odds (natural log) per source of evidence.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.schemas import EVIDENCE, GENE_DIRECTIONS, GENES, RANKED_GENES, TARGETS
from locus2target.core.tables import read_table, write_table, write_tsv
from locus2target.targets.modulation import modulation
from locus2target.targets.pleiotropy import other_diseases
from locus2target.targets.ranking import part_columns
from locus2target.targets.target_annotations import read_target_annotations
from locus2target.targets.target_table import target_table

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    ranked_genes: Sequence[str],
    evidence: str,
    gene_directions: str,
    genes: str,
    annotations: Mapping[str, str | None],
    targets: str,
    targets_tsv: str,
    disease: str,
    settings: Mapping[str, Any],
) -> None:
    ranked = {Path(path).stem: read_table(path, RANKED_GENES) for path in ranked_genes}
    directions = read_table(gene_directions, GENE_DIRECTIONS)
    own_directions = directions[directions["disease"] == disease]
    table = target_table(
        ranked[disease],
        modulation(ranked[disease], own_directions, read_table(evidence, EVIDENCE)),
        other_diseases(ranked, disease=disease, min_probability=settings["confident_probability"]),
        read_target_annotations(annotations, read_table(genes, GENES)).texts,
    )
    write_table(table, targets, TARGETS)
    write_tsv(part_columns(table), targets_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            ranked_genes=list(snakemake.input.ranked_genes),
            evidence=snakemake.input.evidence,
            gene_directions=snakemake.input.gene_directions,
            genes=snakemake.input.genes,
            annotations=snakemake.params.annotations,
            targets=snakemake.output.targets,
            targets_tsv=snakemake.output.targets_tsv,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
