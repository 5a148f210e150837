"""Loci: where a study has signal, dealt to a fixed number of batches."""


rule define_loci:
    """Find lead variants and the windows around them."""
    input:
        sumstats=rules.harmonize_sumstats.output.sumstats,
    output:
        loci="results/define_loci/{study}.parquet",
    log:
        "logs/define_loci/{study}.log",
    benchmark:
        "logs/benchmarks/define_loci/{study}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        disease=study_disease,
        settings=LOCUS_SETTINGS,
        library=library("define_loci"),
    message:
        "Defining loci of study {wildcards.study}"
    script:
        "../workflow/scripts/define_loci.py"


rule split_loci:
    """Deal the loci of all studies to batches of similar cost."""
    input:
        loci=collect(rules.define_loci.output.loci, study=STUDIES),
    output:
        batches=scatter.locus_batches("results/split_loci/{scatteritem}.parquet"),
    log:
        "logs/split_loci/split_loci.log",
    benchmark:
        "logs/benchmarks/split_loci.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        library=library("split_loci"),
    message:
        "Dealing loci to batches"
    script:
        "../workflow/scripts/split_loci.py"
