"""Render the report of a run: one self-contained HTML page, and two kinds of small tables for `snakemake --report`.

Inputs: every table of the run, as the schemas define them, and the networks as SVG. What is about a disease has
one file per disease; the stem of a file of targets, and of a network, is its disease. `run` is shown in the settings
section.
Outputs: the page, its facts as JSON, one table of ranked genes per disease, one of input rows and loci.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.report.locus_inputs import BesideTables
from locus2target.report.page import read_review, write_report
from locus2target.report.quality import input_tables
from locus2target.report.ranked_page import write_ranked_page
from locus2target.report.run_data import RunFacts
from locus2target.report.run_tables import load_run_tables
from locus2target.report.tables import write_table_page
from locus2target.targets.bed import read_gene_links, read_open_chromatin

if TYPE_CHECKING:
    snakemake: Any


def main(
    *,
    harmonization_qc: list[str],
    loci: list[str],
    fine_mapping: list[str],
    credible_sets: list[str],
    signals: list[str],
    colocalization: list[str],
    crosscheck: str,
    prior_enrichment: list[str],
    prior_effects: list[str],
    cis_effects: list[str],
    gene_directions: str,
    variant_effects: list[str],
    model_scores: list[str],
    mutagenesis: list[str],
    attribution: list[str],
    motif_hits: list[str],
    genes: str,
    exons: str,
    evidence: list[str],
    locus_genes: list[str],
    locus_classes: list[str],
    targets: list[str],
    contexts: list[str],
    gene_sets: list[str],
    regulators: list[str],
    networks: list[str],
    qtl: Mapping[str, str],
    annotations: Mapping[str, str | None],
    report: str,
    summary: str,
    ranked_tables: list[str],
    qc_table: str,
    settings: Mapping[str, Any],
    run: Mapping[str, Any],
) -> None:
    tables = load_run_tables(
        harmonization_qc=harmonization_qc,
        loci=loci,
        fine_mapping=fine_mapping,
        credible_sets=credible_sets,
        signals=signals,
        colocalization=colocalization,
        crosscheck=crosscheck,
        prior_enrichment=prior_enrichment,
        prior_effects=prior_effects,
        cis_effects=cis_effects,
        gene_directions=gene_directions,
        variant_effects=variant_effects,
        model_scores=model_scores,
        mutagenesis=mutagenesis,
        attribution=attribution,
        motif_hits=motif_hits,
        genes=genes,
        exons=exons,
        evidence=evidence,
        locus_genes=locus_genes,
        locus_classes=locus_classes,
        targets=targets,
        contexts=contexts,
        gene_sets=gene_sets,
        regulators=regulators,
        networks=networks,
    )
    for disease, path in zip(tables.diseases, ranked_tables, strict=True):
        write_ranked_page(path, tables, disease)
    write_table_page(qc_table, input_tables(tables), title="Quality control: input rows and loci")
    beside = _read_beside(qtl, open_chromatin=annotations["open_chromatin"], links=annotations["enhancer_gene_links"])
    created = datetime.now(tz=UTC).strftime("%d %B %Y, %H:%M UTC")
    facts = RunFacts(name=str(run["config"]["run_name"]), title=str(settings["title"]), created=created)
    marks = None if settings["review"] is None else read_review(settings["review"])
    write_report(report, summary, tables, beside, facts, record=run, review=marks)


def _read_beside(qtl_paths: Mapping[str, str], *, open_chromatin: str | None, links: str | None) -> BesideTables:
    """Read the annotation files that the locus pages draw; QTL tables are read locus by locus."""
    return BesideTables(
        qtl_paths,
        None if open_chromatin is None else read_open_chromatin(open_chromatin),
        None if links is None else read_gene_links(links),
    )


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(
            harmonization_qc=list(snakemake.input.harmonization_qc),
            loci=list(snakemake.input.loci),
            fine_mapping=list(snakemake.input.fine_mapping),
            credible_sets=list(snakemake.input.credible_sets),
            signals=list(snakemake.input.signals),
            colocalization=list(snakemake.input.colocalization),
            crosscheck=snakemake.input.crosscheck,
            prior_enrichment=list(snakemake.input.prior_enrichment),
            prior_effects=list(snakemake.input.prior_effects),
            cis_effects=list(snakemake.input.cis_effects),
            gene_directions=snakemake.input.gene_directions,
            variant_effects=list(snakemake.input.variant_effects),
            model_scores=list(snakemake.input.model_scores),
            mutagenesis=list(snakemake.input.mutagenesis),
            attribution=list(snakemake.input.attribution),
            motif_hits=list(snakemake.input.motif_hits),
            genes=snakemake.input.genes,
            exons=snakemake.input.exons,
            evidence=list(snakemake.input.evidence),
            locus_genes=list(snakemake.input.locus_genes),
            locus_classes=list(snakemake.input.locus_classes),
            targets=list(snakemake.input.targets),
            contexts=list(snakemake.input.contexts),
            gene_sets=list(snakemake.input.gene_sets),
            regulators=list(snakemake.input.regulators),
            networks=list(snakemake.input.networks),
            qtl=dict(zip(snakemake.params.qtls, snakemake.input.qtl, strict=True)),
            annotations=snakemake.params.annotations,
            report=snakemake.output.report,
            summary=snakemake.output.summary,
            ranked_tables=list(snakemake.output.ranked_tables),
            qc_table=snakemake.output.qc_table,
            settings=snakemake.params.settings,
            run=snakemake.params.run,
        )
