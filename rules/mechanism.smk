"""Mechanism: the pathways that a disease's target genes share, the regulators of its variants, and both in a network."""


rule enrich_gene_sets:
    """Test which pathways the probable target genes of a disease share."""
    input:
        locus_genes=rules.rank_genes.output.locus_genes,
        loci=dealt("loci"),
        genes=rules.annotate_genes.output.genes,
        gene_sets=config["pathways"]["gene_sets"],
    output:
        enrichment="results/enrich_gene_sets/{disease}.parquet",
        enrichment_tsv=report(
            "results/enrich_gene_sets/{disease}.tsv",
            caption="../workflow/report/gene_sets.rst",
            category="Pathways and regulators",
            subcategory="Gene sets",
            labels={"disease": "{disease}", "form": "table of all rows (TSV)"},
        ),
    log:
        "logs/enrich_gene_sets/{disease}.log",
    benchmark:
        "logs/benchmarks/enrich_gene_sets/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        settings=pick(
            config["pathways"], "min_genes", "max_genes", "permutations", "seed"
        ),
        library=library("enrich_gene_sets"),
    message:
        "Testing pathways of {wildcards.disease}"
    script:
        "../workflow/scripts/enrich_gene_sets.py"


rule enrich_regulators:
    """Test which transcription factors' motifs the causal variants of a disease change."""
    input:
        credible_sets=dealt("credible_sets"),
        loci=dealt("loci"),
        variant_effects=VARIANT_EFFECTS,
    output:
        regulators="results/enrich_regulators/{disease}.parquet",
        regulators_tsv=report(
            "results/enrich_regulators/{disease}.tsv",
            caption="../workflow/report/regulators.rst",
            category="Pathways and regulators",
            subcategory="Transcription factors",
            labels={"disease": "{disease}", "form": "table of all rows (TSV)"},
        ),
    log:
        "logs/enrich_regulators/{disease}.log",
    benchmark:
        "logs/benchmarks/enrich_regulators/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=memory_for_variants,
    params:
        settings=pick(config["pathways"], "permutations", "seed"),
        library=library("enrich_regulators"),
    message:
        "Testing regulators of {wildcards.disease}"
    script:
        "../workflow/scripts/enrich_regulators.py"


rule draw_network:
    """Join regulators, target genes and pathways of a disease to a network."""
    input:
        regulators=rules.enrich_regulators.output.regulators,
        enrichment=rules.enrich_gene_sets.output.enrichment,
        ranked_genes=rules.rank_genes.output.ranked_genes,
        evidence=rules.rank_genes.output.evidence,
        credible_sets=rules.enrich_regulators.input.credible_sets,
        variant_effects=VARIANT_EFFECTS,
        genes=rules.annotate_genes.output.genes,
        gene_sets=config["pathways"]["gene_sets"],
    output:
        edges="results/draw_network/{disease}.parquet",
        edges_tsv="results/draw_network/{disease}.tsv",
        figure=report(
            "results/draw_network/{disease}.svg",
            caption="../workflow/report/network.rst",
            category="Pathways and regulators",
            subcategory="Network",
            labels={"disease": "{disease}"},
        ),
        figure_png="results/draw_network/{disease}.png",
    log:
        "logs/draw_network/{disease}.log",
    benchmark:
        "logs/benchmarks/draw_network/{disease}.tsv"
    conda:
        "../envs/report.yaml"
    params:
        settings=pick(config["pathways"], "min_genes", "max_genes"),
        library=library("draw_network"),
    message:
        "Drawing the network of {wildcards.disease}"
    script:
        "../workflow/scripts/draw_network.py"
