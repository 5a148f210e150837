"""Join regulators, target genes and pathways of one disease to a small network, as a table and as a figure.

Reads REGULATORS, GENE_SET_ENRICHMENT, RANKED_GENES and EVIDENCE of the disease, the credible sets (PIP 0..1) and
variant effects of the run, the genes, and gene sets in GMT. Writes NETWORK_EDGES (weights 0..1) as Parquet and as TSV,
and an SVG and a PNG; where there is nothing to draw they say so.
"""

from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.tables import atomic_path, read_table, read_tables, write_table, write_tsv
from locus2target.report.figures import save_png
from locus2target.report.network_figure import describe_network, described_svg, draw_network
from locus2target.targets.gene_sets import build_membership, read_gmt
from locus2target.targets.regulators import MOTIF_COLUMNS, MOTIF_ROWS
from locus2target.targets.regulatory_network import q_values_by_name, regulatory_network

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    regulators: str,
    enrichment: str,
    ranked_genes: str,
    evidence: str,
    credible_sets: list[str],
    variant_effects: list[str],
    genes: str,
    gene_sets: list[str],
    edges: str,
    edges_tsv: str,
    figure: str,
    figure_png: str,
    disease: str,
    settings: dict[str, int],
) -> None:
    of_regulators = read_table(regulators, schemas.REGULATORS)
    of_sets = read_table(enrichment, schemas.GENE_SET_ENRICHMENT)
    all_genes = read_table(genes, schemas.GENES)
    of_disease = {"disease": [disease]}
    reasons = read_table(evidence, schemas.EVIDENCE)
    named = {"variant": reasons["variants"].dropna().str.split(",").explode().unique()}
    network = regulatory_network(
        of_regulators,
        of_sets,
        read_table(ranked_genes, schemas.RANKED_GENES),
        reasons,
        read_tables(credible_sets, schemas.CREDIBLE_SETS, columns=["locus", "variant", "pip"], only=of_disease | named),
        read_tables(variant_effects, schemas.VARIANT_EFFECTS, columns=MOTIF_COLUMNS, only=MOTIF_ROWS | named),
        build_membership([read_gmt(path) for path in gene_sets], all_genes, **settings),
        all_genes,
        disease=disease,
    )
    write_table(network, edges, schemas.NETWORK_EDGES)
    write_tsv(network, edges_tsv)
    drawn = draw_network(network, q_values_by_name(of_regulators, of_sets))
    with atomic_path(figure) as path:
        path.write_text(described_svg(drawn, describe_network(network)), encoding="utf-8")
    with atomic_path(figure_png) as path:
        save_png(drawn, path)


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            regulators=snakemake.input.regulators,
            enrichment=snakemake.input.enrichment,
            ranked_genes=snakemake.input.ranked_genes,
            evidence=snakemake.input.evidence,
            credible_sets=list(snakemake.input.credible_sets),
            variant_effects=list(snakemake.input.variant_effects),
            genes=snakemake.input.genes,
            gene_sets=list(snakemake.input.gene_sets),
            edges=snakemake.output.edges,
            edges_tsv=snakemake.output.edges_tsv,
            figure=snakemake.output.figure,
            figure_png=snakemake.output.figure_png,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
