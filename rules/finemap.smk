"""Fine-mapping: LD, its verdict, credible sets and posterior inclusion probabilities."""


rule finemap_loci:
    """Fine-map a batch of loci with the LD of each study's cohort."""
    input:
        loci="results/split_loci/{scatteritem}.parquet",
        sumstats=collect(rules.harmonize_sumstats.output.sumstats, study=STUDIES),
        genome=rules.index_reference.output.genome,
        genotypes=COHORT_FILES,
    output:
        fine_mapping="results/finemap_loci/{scatteritem}.fine_mapping.parquet",
        credible_sets="results/finemap_loci/{scatteritem}.credible_sets.parquet",
        signals="results/finemap_loci/{scatteritem}.signals.parquet",
        signal_lbf="results/finemap_loci/{scatteritem}.signal_lbf.parquet",
    log:
        "logs/finemap_loci/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/finemap_loci/{scatteritem}.tsv"
    conda:
        "../envs/finemap.yaml"
    resources:
        mem_mb=memory_for_ld,
    params:
        studies=STUDY_TRAITS,
        cohorts=COHORT_TRAITS,
        settings=lookup(dpath="finemapping", within=config),
        library=library("finemap_loci"),
    message:
        "Fine-mapping batch {wildcards.scatteritem}"
    script:
        "../workflow/scripts/finemap_loci.py"
