"""Add up log odds within each locus and rank the genes of one disease.

Reads EVIDENCE of the disease, of its loci and of convergence (natural-log likelihood ratios), the loci and the
fine-mapping of all batches, and the table of evidence weights for the prior of `none` and the groups of sources.
Writes all evidence in one table (also as TSV), LOCUS_GENES (every candidate of every locus, probabilities 0..1),
LOCUS_CLASSES, RANKED_GENES (one row per gene), and the ranked genes as TSV with one column of log odds per source.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_tables, write_table, write_tsv
from locus2target.targets.candidates import locus_states
from locus2target.targets.locus_classes import classify_loci
from locus2target.targets.ranking import part_columns, rank_disease, rank_loci
from locus2target.targets.weights import read_weights

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    evidence: list[str],
    loci: list[str],
    fine_mapping: list[str],
    weights: str,
    all_evidence: str,
    evidence_tsv: str,
    locus_genes: str,
    locus_genes_tsv: str,
    locus_classes: str,
    locus_classes_tsv: str,
    ranked_genes: str,
    ranked_tsv: str,
    disease: str,
    settings: dict[str, Any],
) -> None:
    threshold = settings["confident_probability"]
    all_loci = read_tables(loci, schemas.LOCI)
    own_loci = all_loci[all_loci["disease"] == disease].reset_index(drop=True)
    rows = read_tables(evidence, schemas.EVIDENCE)
    candidates = rank_loci(
        rows,
        locus_states(own_loci, read_tables(fine_mapping, schemas.FINE_MAPPING)),
        read_weights(weights),
        disease=disease,
        confident_probability=threshold,
    )
    ranked = rank_disease(candidates, own_loci, disease=disease, confident_probability=threshold)
    classes = classify_loci(candidates, confident_probability=threshold)
    write_table(rows, all_evidence, schemas.EVIDENCE)
    write_tsv(rows, evidence_tsv)
    write_table(candidates, locus_genes, schemas.LOCUS_GENES)
    write_tsv(candidates, locus_genes_tsv)
    write_table(classes, locus_classes, schemas.LOCUS_CLASSES)
    write_tsv(classes, locus_classes_tsv)
    write_table(ranked, ranked_genes, schemas.RANKED_GENES)
    write_tsv(part_columns(ranked), ranked_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            evidence=list(snakemake.input.evidence),
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            weights=snakemake.input.weights,
            all_evidence=snakemake.output.evidence,
            evidence_tsv=snakemake.output.evidence_tsv,
            locus_genes=snakemake.output.locus_genes,
            locus_genes_tsv=snakemake.output.locus_genes_tsv,
            locus_classes=snakemake.output.locus_classes,
            locus_classes_tsv=snakemake.output.locus_classes_tsv,
            ranked_genes=snakemake.output.ranked_genes,
            ranked_tsv=snakemake.output.ranked_tsv,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
