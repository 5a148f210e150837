"""Ranking: evidence to log odds to ranked target genes, per disease."""


rule assemble_evidence:
    """Turn the results of all stages into evidence rows for each candidate gene."""
    input:
        loci=ALL_LOCI,
        fine_mapping=all_batches("fine_mapping"),
        credible_sets=all_batches("credible_sets"),
        signals=all_batches("signals"),
        colocalization=collect(
            rules.colocalize_loci.output.colocalization, batch=BATCHES
        ),
        cis_effects=collect(
            rules.estimate_cis_effects.output.cis_effects, batch=BATCHES
        ),
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
        settings=EVIDENCE_SETTINGS,
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
