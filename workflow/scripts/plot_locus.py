"""Draw the loci of one disease, one figure per locus, as SVG and as PNG.

Inputs: loci, credible sets (-log10 p; PIP 0..1; signed r with the lead), fine-mapping status, genes and exons (0-based
half-open), candidates per locus (probability 0..1). Output: a folder of `<locus>.svg` and `<locus>.png`; a locus
without variants to draw gets a figure that says why, and a disease without an analysed locus gets `no_loci`. Position
axes are in Mb.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from locus2target.core import schemas
from locus2target.core.job import job
from locus2target.core.progress import tracked
from locus2target.core.tables import read_table, read_tables, records
from locus2target.report.figures import atomic_directory, draw_locus_of_tables, draw_notice, save_figure
from locus2target.report.locus_plot import shown_loci

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    loci: list[str],
    credible_sets: list[str],
    fine_mapping: list[str],
    genes: str,
    exons: str,
    locus_genes: str,
    figures: str,
    disease: str,
    settings: Mapping[str, Any],
) -> None:
    found = read_tables(loci, schemas.LOCI)
    candidates = read_table(locus_genes, schemas.LOCUS_GENES)
    variants = read_tables(credible_sets, schemas.CREDIBLE_SETS)
    mapping = read_tables(fine_mapping, schemas.FINE_MAPPING)
    annotation = (read_table(genes, schemas.GENES), read_table(exons, schemas.EXONS))
    shown = shown_loci(found[found["disease"] == disease], candidates, int(settings["loci_per_disease"]))
    with atomic_directory(figures) as folder:
        if shown.empty:
            save_figure(draw_notice(title=disease, subtitle="The disease has no analysed locus."), folder, "no_loci")
        for locus in tracked(records(shown), unit="loci", label="drawing"):
            figure = draw_locus_of_tables(locus, variants, mapping, candidates, *annotation)
            save_figure(figure, folder, str(locus["locus"]))


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            loci=list(snakemake.input.loci),
            credible_sets=list(snakemake.input.credible_sets),
            fine_mapping=list(snakemake.input.fine_mapping),
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            locus_genes=snakemake.input.locus_genes,
            figures=snakemake.output.figures,
            disease=snakemake.wildcards.disease,
            settings=snakemake.params.settings,
        )
