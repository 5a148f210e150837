"""Write what the loci of a disease say together as small HTML pages, for `snakemake --report`.

Inputs: CONTEXT_ENRICHMENT, GENE_SET_ENRICHMENT and REGULATORS of the disease (q-values 0..1), GENE_DIRECTIONS of the
run (effects per unit of the gene's level). Output: one sortable page of each, between definition and cautions.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import read_table
from locus2target.report.disease_findings import context_finding, gene_set_finding, regulator_finding
from locus2target.report.finding_pages import direction_finding, write_finding_page

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    contexts: str,
    gene_sets: str,
    regulators: str,
    gene_directions: str,
    contexts_page: str,
    gene_sets_page: str,
    regulators_page: str,
    directions_page: str,
    disease: str,
) -> None:
    write_finding_page(contexts_page, context_finding(read_table(contexts, schemas.CONTEXT_ENRICHMENT)), disease)
    write_finding_page(gene_sets_page, gene_set_finding(read_table(gene_sets, schemas.GENE_SET_ENRICHMENT)), disease)
    write_finding_page(regulators_page, regulator_finding(read_table(regulators, schemas.REGULATORS)), disease)
    directions = direction_finding(read_table(gene_directions, schemas.GENE_DIRECTIONS), disease)
    write_finding_page(directions_page, directions, disease)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            contexts=snakemake.input.contexts,
            gene_sets=snakemake.input.gene_sets,
            regulators=snakemake.input.regulators,
            gene_directions=snakemake.input.gene_directions,
            contexts_page=snakemake.output.contexts,
            gene_sets_page=snakemake.output.gene_sets,
            regulators_page=snakemake.output.regulators,
            directions_page=snakemake.output.directions,
            disease=snakemake.wildcards.disease,
        )
