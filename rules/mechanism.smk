"""Mechanism: the pathways that a disease's target genes share, the regulators of its variants, and both in a network."""


rule enrich_gene_sets:
    """Test which pathways the probable target genes of a disease share."""
    input:
        locus_genes=rules.rank_genes.output.locus_genes,
        loci=ALL_LOCI,
        genes=rules.annotate_genes.output.genes,
        gene_sets=config["pathways"]["gene_sets"],
    output:
        enrichment="results/enrich_gene_sets/{disease}.parquet",
        enrichment_tsv="results/enrich_gene_sets/{disease}.tsv",
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
        credible_sets=all_batches("credible_sets"),
        loci=ALL_LOCI,
        variant_effects=VARIANT_EFFECTS,
    output:
        regulators="results/enrich_regulators/{disease}.parquet",
        regulators_tsv="results/enrich_regulators/{disease}.tsv",
    log:
        "logs/enrich_regulators/{disease}.log",
    benchmark:
        "logs/benchmarks/enrich_regulators/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
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
            labels={"disease": "{disease}"},
        ),
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
