"""Ingest: one canonical table per study and QTL set, and what became of every row."""


rule harmonize_sumstats:
    """Bring a study's summary statistics to the run's build, REF/ALT and units."""
    input:
        source=study_source,
        index=study_index,
        genome=rules.index_reference.output.genome,
        chain=study_chain,
    output:
        sumstats="results/harmonize_sumstats/{study}.parquet",
        dispositions="results/harmonize_sumstats/{study}.dispositions.parquet",
        qc="results/harmonize_sumstats/{study}.qc.parquet",
    log:
        "logs/harmonize_sumstats/{study}.log",
    benchmark:
        "logs/benchmarks/harmonize_sumstats/{study}.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=memory_for_rows,
    params:
        study=study_row,
        settings=HARMONIZATION_SETTINGS | pick(config["loci"], "regions"),
        library=library("harmonize_sumstats"),
    message:
        "Harmonising study {wildcards.study}"
    script:
        "../workflow/scripts/harmonize_sumstats.py"


rule harmonize_qtl:
    """Bring a QTL set to the run's build, REF/ALT and units."""
    input:
        source=qtl_source,
        index=qtl_index,
        loci=indexed_qtl_loci,
        genome=rules.index_reference.output.genome,
        chain=qtl_chain,
    output:
        qtl_table="results/harmonize_qtl/{qtl}.parquet",
        dispositions="results/harmonize_qtl/{qtl}.dispositions.parquet",
        qc="results/harmonize_qtl/{qtl}.qc.parquet",
    log:
        "logs/harmonize_qtl/{qtl}.log",
    benchmark:
        "logs/benchmarks/harmonize_qtl/{qtl}.tsv"
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=memory_for_rows,
    params:
        qtl=qtl_row,
        settings=HARMONIZATION_SETTINGS,
        library=library("harmonize_qtl"),
    message:
        "Harmonising QTL set {wildcards.qtl}"
    script:
        "../workflow/scripts/harmonize_qtl.py"
