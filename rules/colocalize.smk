"""Colocalization: do the disease and a molecular trait share a causal variant?"""


rule finemap_qtls:
    """Part the molecular traits in a batch's loci into their signals."""
    input:
        loci=batch_loci,
        qtl_tables=collect(rules.harmonize_qtl.output.qtl_table, qtl=QTLS),
        genome=rules.index_reference.output.genome,
        genotypes=COHORT_FILES,
    output:
        qtl_signals="results/finemap_qtls/{batch}.qtl_signals.parquet",
        qtl_signal_lbf="results/finemap_qtls/{batch}.qtl_signal_lbf.parquet",
        qtl_signal_ld="results/finemap_qtls/{batch}.qtl_signal_ld.parquet",
    log:
        "logs/finemap_qtls/{batch}.log",
    benchmark:
        "logs/benchmarks/finemap_qtls/{batch}.tsv"
    conda:
        "../envs/finemap.yaml"
    resources:
        mem_mb=memory_for_ld,
        runtime=minutes_for_ld,
    params:
        qtls=QTL_TRAITS,
        cohorts=COHORT_TRAITS,
        settings=FIT_SETTINGS | pick(config["colocalization"], "qtl_p"),
        library=library("finemap_qtls"),
    message:
        "Fine-mapping molecular traits of batch {wildcards.batch}"
    script:
        "../workflow/scripts/finemap_qtls.py"


rule colocalize_loci:
    """Compare each signal of a batch with each signal of the molecular traits in its locus."""
    input:
        loci=batch_loci,
        fine_mapping=batch_table("fine_mapping"),
        signals=batch_table("signals"),
        signal_lbf=batch_table("signal_lbf"),
        prior_weights=colocalization_priors,
        qtl_tables=rules.finemap_qtls.input.qtl_tables,
        qtl_signals=rules.finemap_qtls.output.qtl_signals,
        qtl_signal_lbf=rules.finemap_qtls.output.qtl_signal_lbf,
    output:
        colocalization="results/colocalize_loci/{batch}.parquet",
        colocalized_variants="results/colocalize_loci/{batch}.variants.parquet",
    log:
        "logs/colocalize_loci/{batch}.log",
    benchmark:
        "logs/benchmarks/colocalize_loci/{batch}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        qtls=QTL_TRAITS,
        settings=COLOCALIZATION_SETTINGS,
        library=library("colocalize_loci"),
    message:
        "Colocalizing batch {wildcards.batch}"
    script:
        "../workflow/scripts/colocalize_loci.py"
