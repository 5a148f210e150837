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
        library=library("finemap_loci"),
    message:
        "Fine-mapping batch {wildcards.scatteritem}"
    script:
        "../workflow/scripts/finemap_loci.py"


rule import_credible_sets:
    """Take the credible sets of a study that comes fine-mapped."""
    input:
        source=study_source,
        genome=rules.index_reference.output.genome,
        chain=study_chain,
    output:
        loci="results/import_credible_sets/{study}.loci.parquet",
        fine_mapping="results/import_credible_sets/{study}.fine_mapping.parquet",
        credible_sets="results/import_credible_sets/{study}.credible_sets.parquet",
        signals="results/import_credible_sets/{study}.signals.parquet",
        signal_lbf="results/import_credible_sets/{study}.signal_lbf.parquet",
        sumstats="results/import_credible_sets/sumstats/{study}.parquet",
        dispositions="results/import_credible_sets/{study}.dispositions.parquet",
        qc="results/import_credible_sets/{study}.qc.parquet",
    log:
        "logs/import_credible_sets/{study}.log",
    benchmark:
        "logs/benchmarks/import_credible_sets/{study}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        study=study_row,
        settings={"harmonization": HARMONIZATION_SETTINGS, "loci": LOCUS_SETTINGS},
        library=library("import_credible_sets"),
    message:
        "Importing credible sets of study {wildcards.study}"
    script:
        "../workflow/scripts/import_credible_sets.py"


rule crosscheck_loci:
    """Fit some of the run's loci again with the other engine, and compare."""
    input:
        loci=gather.locus_batches("results/split_loci/{scatteritem}.parquet"),
        fine_mapping=gather.locus_batches(rules.finemap_loci.output.fine_mapping),
        credible_sets=gather.locus_batches(rules.finemap_loci.output.credible_sets),
        sumstats=rules.finemap_loci.input.sumstats,
        genome=rules.index_reference.output.genome,
        genotypes=COHORT_FILES,
    output:
        crosscheck="results/crosscheck_loci/crosscheck.parquet",
    log:
        "logs/crosscheck_loci/crosscheck_loci.log",
    benchmark:
        "logs/benchmarks/crosscheck_loci.tsv"
    conda:
        "../envs/finemap.yaml"
    resources:
        mem_mb=memory_for_crosscheck,
        runtime=minutes_for_ld,
    params:
        studies=STUDY_TRAITS,
        cohorts=COHORT_TRAITS,
        settings=FIT_SETTINGS | pick(config["finemapping"], "crosscheck"),
        library=library("crosscheck_loci"),
    message:
        "Checking fine-mapping with the other engine"
    script:
        "../workflow/scripts/crosscheck_loci.py"
