"""Add up log odds within each locus and rank the genes of one disease.

Reads EVIDENCE of the disease (natural-log likelihood ratios), the loci and the fine-mapping of all batches, and the
table of evidence weights for the prior of `none`. Writes LOCUS_GENES (every candidate of every locus, probabilities
0..1), RANKED_GENES (one row per gene), and the ranked genes as TSV with one column of log odds per source.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_table, read_tables, write_table, write_tsv
from locus2target.targets.candidates import locus_states
from locus2target.targets.ranking import part_columns, rank_disease, rank_loci
from locus2target.targets.weights import read_weights

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    evidence: str,
    loci: list[str],
    fine_mapping: list[str],
    weights: str,
    locus_genes: str,
    ranked_genes: str,
    ranked_tsv: str,
    disease: str,
    settings: dict[str, Any],
) -> None:
    threshold = settings["confident_probability"]
    all_loci = read_tables(loci, schemas.LOCI)
    own_loci = all_loci[all_loci["disease"] == disease].reset_index(drop=True)
    candidates = rank_loci(
        read_table(evidence, schemas.EVIDENCE),
        locus_states(own_loci, read_tables(fine_mapping, schemas.FINE_MAPPING)),
        read_weights(weights),
        disease=disease,
        confident_probability=threshold,
    )
    ranked = rank_disease(candidates, own_loci, disease=disease, confident_probability=threshold)
    write_table(candidates, locus_genes, schemas.LOCUS_GENES)
    write_table(ranked, ranked_genes, schemas.RANKED_GENES)
    write_tsv(part_columns(ranked), ranked_tsv)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            evidence=snakemake.input.evidence,
            loci=snakemake.input.loci,
            fine_mapping=snakemake.input.fine_mapping,
            weights=snakemake.input.weights,
            locus_genes=snakemake.output.locus_genes,
            ranked_genes=snakemake.output.ranked_genes,
            ranked_tsv=snakemake.output.ranked_tsv,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
