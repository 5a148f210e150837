"""Mendelian randomization: does more of a gene, or of a trait, make more of the disease?"""


rule estimate_cis_effects:
    """Estimate the effect of each colocalized gene on the disease."""
    input:
        loci=batch_loci,
        sumstats=SUMSTATS,
        qtl_tables=rules.finemap_qtls.input.qtl_tables,
        qtl_signals=rules.finemap_qtls.output.qtl_signals,
        qtl_signal_ld=rules.finemap_qtls.output.qtl_signal_ld,
        colocalization=rules.colocalize_loci.output.colocalization,
    output:
        cis_effects="results/estimate_cis_effects/{batch}.parquet",
    log:
        "logs/estimate_cis_effects/{batch}.log",
    benchmark:
        "logs/benchmarks/estimate_cis_effects/{batch}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        settings=pick(config["mendelian_randomization"], "min_posterior_h4"),
        library=library("estimate_cis_effects"),
    message:
        "Estimating gene effects of batch {wildcards.batch}"
    script:
        "../workflow/scripts/estimate_cis_effects.py"


rule tabulate_directions:
    """Say for each disease and gene whether more of the gene goes with more of the disease."""
    input:
        cis_effects=collect(
            rules.estimate_cis_effects.output.cis_effects, batch=BATCHES
        ),
        genes=rules.annotate_genes.output.genes,
    output:
        gene_directions="results/tabulate_directions/gene_directions.parquet",
        gene_directions_tsv=report(
            "results/tabulate_directions/gene_directions.tsv",
            caption="../workflow/report/gene_directions.rst",
            category="Mendelian randomization",
            subcategory="Genes on diseases",
            labels={"disease": "all", "form": "table of all rows (TSV)"},
        ),
    log:
        "logs/tabulate_directions/tabulate_directions.log",
    benchmark:
        "logs/benchmarks/tabulate_directions.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        library=library("tabulate_directions"),
    message:
        "Tabulating gene directions"
    script:
        "../workflow/scripts/tabulate_directions.py"


rule estimate_trait_effects:
    """Two-sample Mendelian randomization of one study's trait on another's, genome-wide."""
    input:
        exposure_sumstats="results/harmonize_sumstats/{exposure}.parquet",
        outcome_sumstats="results/harmonize_sumstats/{outcome}.parquet",
        genome=rules.index_reference.output.genome,
        genotypes=COHORT_FILES,
    output:
        trait_effects="results/estimate_trait_effects/{exposure}.on.{outcome}.parquet",
        trait_effects_tsv=report(
            "results/estimate_trait_effects/{exposure}.on.{outcome}.tsv",
            caption="../workflow/report/trait_effects.rst",
            category="Mendelian randomization",
            subcategory="{exposure} on {outcome}",
            labels={"item": "table of all methods (TSV)"},
        ),
        instruments="results/estimate_trait_effects/{exposure}.on.{outcome}.instruments.parquet",
        figures=report(
            directory("results/estimate_trait_effects/{exposure}.on.{outcome}"),
            patterns=["{plot}.svg"],
            caption="../workflow/report/trait_effects.rst",
            category="Mendelian randomization",
            subcategory="{exposure} on {outcome}",
            labels={"item": "{plot} plot"},
        ),
    log:
        "logs/estimate_trait_effects/{exposure}.on.{outcome}.log",
    benchmark:
        "logs/benchmarks/estimate_trait_effects/{exposure}.on.{outcome}.tsv"
    conda:
        "../envs/mendelian.yaml"
    params:
        exposure=exposure_row,
        outcome=outcome_row,
        cohorts=COHORT_TRAITS,
        settings=TRAIT_EFFECT_SETTINGS,
        library=library("estimate_trait_effects"),
    message:
        "Estimating the effect of {wildcards.exposure} on {wildcards.outcome}"
    script:
        "../workflow/scripts/estimate_trait_effects.py"


rule mendelian_randomization:
    """Second entry point: `snakemake mendelian_randomization` for the pairs of studies in the config."""
    input:
        TRAIT_PAIRS,
