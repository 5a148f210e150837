"""Functional priors: what annotations and sequence scores of other chromosomes say about which variants are causal."""


rule fit_priors:
    """Fit prior weights by empirical Bayes, each chromosome's on all others."""
    input:
        sumstats=rules.finemap_loci.input.sumstats,
        credible_sets=gather.locus_batches(rules.finemap_loci.output.credible_sets),
        signals=gather.locus_batches(rules.finemap_loci.output.signals),
        signal_lbf=gather.locus_batches(rules.finemap_loci.output.signal_lbf),
        variant_effects=VARIANT_EFFECTS,
        genes=rules.annotate_genes.output.genes,
        annotations=annotation_files,
    output:
        prior_weights="results/fit_priors/prior_weights.parquet",
        enrichment="results/fit_priors/enrichment.parquet",
    log:
        "logs/fit_priors/fit_priors.log",
    benchmark:
        "logs/benchmarks/fit_priors.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        annotations=EVIDENCE_ANNOTATIONS,
        settings=PRIOR_SETTINGS,
        library=library("fit_priors"),
    message:
        "Fitting functional priors"
    script:
        "../workflow/scripts/fit_priors.py"


rule apply_priors:
    """Fine-map a batch of loci again with functional prior weights."""
    input:
        loci="results/split_loci/{scatteritem}.parquet",
        sumstats=rules.finemap_loci.input.sumstats,
        genome=rules.index_reference.output.genome,
        genotypes=COHORT_FILES,
        uniform_fine_mapping=rules.finemap_loci.output.fine_mapping,
        uniform_credible_sets=rules.finemap_loci.output.credible_sets,
        uniform_signals=rules.finemap_loci.output.signals,
        uniform_signal_lbf=rules.finemap_loci.output.signal_lbf,
        prior_weights=rules.fit_priors.output.prior_weights,
    output:
        fine_mapping="results/apply_priors/{scatteritem}.fine_mapping.parquet",
        credible_sets="results/apply_priors/{scatteritem}.credible_sets.parquet",
        signals="results/apply_priors/{scatteritem}.signals.parquet",
        signal_lbf="results/apply_priors/{scatteritem}.signal_lbf.parquet",
        prior_effects="results/apply_priors/{scatteritem}.prior_effects.parquet",
    log:
        "logs/apply_priors/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/apply_priors/{scatteritem}.tsv"
    priority: 1  # steps of one core would keep it waiting for several
    conda:
        "../envs/finemap.yaml"
    threads: FIT_THREADS
    resources:
        mem_mb=memory_for_ld,
        runtime=minutes_for_ld,
    params:
        studies=STUDY_TRAITS,
        cohorts=COHORT_TRAITS,
        settings=FIT_SETTINGS,
        library=library("apply_priors"),
    message:
        "Fine-mapping batch {wildcards.scatteritem} with functional priors"
    script:
        "../workflow/scripts/apply_priors.py"
