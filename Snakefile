"""locus2target: from cohort genotypes, GWAS and QTL statistics to ranked target genes.

The way of the data: reference -> ingest -> loci -> finemap -> colocalize -> mendelian -> score -> context -> rank ->
targets, mechanism -> report, and from score back to finemap when functional priors are on (priors).
"""

from snakemake.utils import min_version

min_version("9.25")


# Not merged with a config from the command line: a key that the user left out must not be filled from the demo.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/resources.smk"


localrules:
    all,
    mendelian_randomization,


rule all:
    """Ranked genes of every disease, the report, and the folder of results to send."""
    input:
        "results/check_run/plan.txt",
        "results/record_run/manifest.json",
        "results/render_report/report.html",
        collect("results/annotate_targets/{disease}.tsv", disease=DISEASES),
        collect("results/enrich_gene_sets/{disease}.tsv", disease=DISEASES),
        collect("results/enrich_regulators/{disease}.tsv", disease=DISEASES),
        collect("results/plot_locus/{disease}", disease=DISEASES),
        collect("results/tabulate_findings/{disease}.contexts.html", disease=DISEASES),
        "results/export_results/README.md",


include: "rules/check.smk"
include: "rules/reference.smk"
include: "rules/ingest.smk"
include: "rules/loci.smk"
include: "rules/finemap.smk"
include: "rules/colocalize.smk"
include: "rules/mendelian.smk"
include: "rules/score.smk"
include: "rules/train.smk"
include: "rules/priors.smk"
include: "rules/consequences.smk"
include: "rules/deal.smk"
include: "rules/context.smk"
include: "rules/rank.smk"
include: "rules/targets.smk"
include: "rules/mechanism.smk"
include: "rules/report.smk"
include: "rules/benchmark.smk"
