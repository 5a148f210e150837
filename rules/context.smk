"""Disease context: which cell types and tissues a disease's signals point to, and how much each then counts."""


rule enrich_contexts:
    """Compare the disease's signals in each cell type and tissue with matched background."""
    input:
        loci=dealt("loci"),
        credible_sets=dealt("credible_sets"),
        colocalization=dealt("colocalization"),
        genes=rules.annotate_genes.output.genes,
        annotations=context_files,
    output:
        enrichment="results/enrich_contexts/{disease}.parquet",
        enrichment_tsv=report(
            "results/enrich_contexts/{disease}.tsv",
            caption="../workflow/report/contexts.rst",
            category="Cell types and tissues",
            labels={"disease": "{disease}", "form": "table of all rows (TSV)"},
        ),
    log:
        "logs/enrich_contexts/{disease}.log",
    benchmark:
        "logs/benchmarks/enrich_contexts/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        annotations=pick(config["annotations"], "open_chromatin", "enhancer_gene_links"),
        gene_types=config["ranking"]["gene_types"],
        settings=config["contexts"],
        library=library("enrich_contexts"),
    message:
        "Comparing contexts of {wildcards.disease} with matched background"
    script:
        "../workflow/scripts/enrich_contexts.py"
