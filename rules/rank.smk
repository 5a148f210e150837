"""Ranking: evidence to log odds to ranked target genes, per disease."""


rule assemble_evidence:
    """Turn the results of all stages into evidence rows for each candidate gene."""
    input:
        loci=dealt("loci"),
        fine_mapping=dealt("fine_mapping"),
        credible_sets=dealt("credible_sets"),
        signals=dealt("signals"),
        colocalization=dealt("colocalization"),
        cis_effects=dealt("cis_effects"),
        variant_effects=VARIANT_EFFECTS,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        contexts=rules.enrich_contexts.output.enrichment,
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
    resources:
        mem_mb=memory_for_variants,
    params:
        annotations=EVIDENCE_ANNOTATIONS,
        settings=EVIDENCE_SETTINGS,
        library=library("assemble_evidence"),
    message:
        "Assembling evidence for {wildcards.disease}"
    script:
        "../workflow/scripts/assemble_evidence.py"


rule converge_loci:
    """Look for pathways that a disease's loci on other chromosomes point to, as evidence apart."""
    input:
        evidence=collect(rules.assemble_evidence.output.evidence, disease=DISEASES),
        loci=ALL_LOCI,
        fine_mapping=all_batches("fine_mapping"),
        genes=rules.annotate_genes.output.genes,
        gene_sets=config["pathways"]["gene_sets"],
        weights=config["ranking"]["weights"],
    output:
        convergence=collect("results/converge_loci/{disease}.parquet", disease=DISEASES),
        convergence_tsv=collect("results/converge_loci/{disease}.tsv", disease=DISEASES),
        evidence=collect(
            "results/converge_loci/{disease}.evidence.parquet", disease=DISEASES
        ),
    log:
        "logs/converge_loci/converge_loci.log",
    benchmark:
        "logs/benchmarks/converge_loci.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        diseases=DISEASES,
        gene_types=config["ranking"]["gene_types"],
        settings=config["ranking"]["convergence"],
        library=library("converge_loci"),
    message:
        "Looking for pathways that loci share"
    script:
        "../workflow/scripts/converge_loci.py"


rule rank_genes:
    """Add up log odds within each locus, class the loci and rank the disease's genes."""
    input:
        evidence=[
            rules.assemble_evidence.output.evidence,
            "results/converge_loci/{disease}.evidence.parquet",
        ],
        loci=dealt("loci"),
        fine_mapping=dealt("fine_mapping"),
        weights=config["ranking"]["weights"],
    output:
        evidence="results/rank_genes/{disease}.evidence.parquet",
        evidence_tsv="results/rank_genes/{disease}.evidence.tsv",
        locus_genes="results/rank_genes/{disease}.locus_genes.parquet",
        locus_genes_tsv="results/rank_genes/{disease}.locus_genes.tsv",
        locus_classes="results/rank_genes/{disease}.locus_classes.parquet",
        locus_classes_tsv="results/rank_genes/{disease}.locus_classes.tsv",
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
