"""Ranking: evidence to log odds to ranked target genes, per disease."""


rule assemble_evidence:
    """Turn the results of all stages into evidence rows for each candidate gene."""
    input:
        loci=gather.locus_batches("results/split_loci/{scatteritem}.parquet"),
        fine_mapping=gather.locus_batches(rules.finemap_loci.output.fine_mapping),
        credible_sets=gather.locus_batches(rules.finemap_loci.output.credible_sets),
        signals=gather.locus_batches(rules.finemap_loci.output.signals),
        colocalization=gather.locus_batches(rules.colocalize_loci.output.colocalization),
        variant_effects=VARIANT_EFFECTS,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        weights=config["ranking"]["weights"],
        annotations=annotation_files,
    output:
        evidence="results/assemble_evidence/{disease}.parquet",
    log:
        "logs/assemble_evidence/{disease}.log",
    benchmark:
        "logs/benchmarks/assemble_evidence/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        annotations=lookup(dpath="annotations", within=config),
        settings=pick(config["ranking"], "gene_types", "candidate_window_bp"),
        library=library("assemble_evidence"),
    message:
        "Assembling evidence for {wildcards.disease}"
    script:
        "../workflow/scripts/assemble_evidence.py"


rule rank_genes:
    """Add up log odds within each locus and rank the disease's genes."""
    input:
        evidence=rules.assemble_evidence.output.evidence,
        loci=rules.assemble_evidence.input.loci,
        fine_mapping=rules.assemble_evidence.input.fine_mapping,
        weights=config["ranking"]["weights"],
    output:
        locus_genes="results/rank_genes/{disease}.locus_genes.parquet",
        ranked_genes="results/rank_genes/{disease}.parquet",
        ranked_tsv="results/rank_genes/{disease}.tsv",
    log:
        "logs/rank_genes/{disease}.log",
    benchmark:
        "logs/benchmarks/rank_genes/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        settings=pick(config["ranking"], "confident_probability"),
        library=library("rank_genes"),
    message:
        "Ranking genes for {wildcards.disease}"
    script:
        "../workflow/scripts/rank_genes.py"
