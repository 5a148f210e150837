"""Sequence scores: what credible-set variants do in a sequence model."""


rule collect_variants:
    """Gather the variants worth scoring, once each, and deal them to batches."""
    input:
        credible_sets=UNIFORM_CREDIBLE_SETS,
    output:
        variants=scatter.variant_batches(
            "results/collect_variants/{scatteritem}.variants.parquet"
        ),
        windows=scatter.variant_batches(
            "results/collect_variants/{scatteritem}.windows.parquet"
        ),
    log:
        "logs/collect_variants/collect_variants.log",
    benchmark:
        "logs/benchmarks/collect_variants.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        min_pip=SCORED_MIN_PIP,
        variants_per_locus=lookup(dpath="mutagenesis/variants_per_locus", within=config),
        library=library("collect_variants"),
    message:
        "Collecting variants to score"
    script:
        "../workflow/scripts/collect_variants.py"


rule sample_background:
    """Score random single-base changes, with which every score is compared."""
    input:
        genome=rules.index_reference.output.genome,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        peaks=peaks,
        weights=model_weights,
        given=given_background,
    output:
        background="results/sample_background/{model}.parquet",
        model_scores="results/sample_background/{model}.scores.parquet",
    log:
        "logs/sample_background/{model}.log",
    benchmark:
        "logs/benchmarks/sample_background/{model}.tsv"
    conda:
        "../envs/sequence.yaml"
    resources:
        gpu=GPUS,
        mem_mb=memory_for_model,
        runtime=minutes_for_background,
    params:
        model=model_row,
        settings=BACKGROUND_SETTINGS,
        library=library("sample_background"),
    message:
        "Sampling the background of {wildcards.model}"
    script:
        "../workflow/scripts/sample_background.py"


rule score_variants:
    """Score a batch of variants: ALT against REF haplotype windows."""
    input:
        variants="results/collect_variants/{scatteritem}.variants.parquet",
        genome=rules.index_reference.output.genome,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        peaks=peaks,
        weights=model_weights,
        background=rules.sample_background.output.background,
    output:
        variant_effects="results/score_variants/{model}/{scatteritem}.parquet",
    log:
        "logs/score_variants/{model}/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/score_variants/{model}/{scatteritem}.tsv"
    conda:
        "../envs/sequence.yaml"
    resources:
        gpu=GPUS,
        mem_mb=memory_for_model,
        runtime=minutes_for_variants,
    params:
        model=model_row,
        settings=SCORE_SETTINGS,
        library=library("score_variants"),
    message:
        "Scoring variants of batch {wildcards.scatteritem} with {wildcards.model}"
    script:
        "../workflow/scripts/score_variants.py"


rule mutate_windows:
    """Saturation mutagenesis around the best variants of a batch's loci, and the motifs there."""
    input:
        windows="results/collect_variants/{scatteritem}.windows.parquet",
        genome=rules.index_reference.output.genome,
        genes=rules.annotate_genes.output.genes,
        exons=rules.annotate_genes.output.exons,
        peaks=peaks,
        weights=model_weights,
        motifs=config["mutagenesis"]["motifs"],
    output:
        mutagenesis="results/mutate_windows/{model}/{scatteritem}.parquet",
        attribution="results/mutate_windows/{model}/{scatteritem}.attribution.parquet",
        motif_hits="results/mutate_windows/{model}/{scatteritem}.motif_hits.parquet",
    log:
        "logs/mutate_windows/{model}/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/mutate_windows/{model}/{scatteritem}.tsv"
    conda:
        "../envs/sequence.yaml"
    resources:
        gpu=GPUS,
        mem_mb=memory_for_model,
        runtime=minutes_for_windows,
    params:
        model=model_row,
        settings=MUTATE_SETTINGS,
        library=library("mutate_windows"),
    message:
        "Mutating windows of batch {wildcards.scatteritem} with {wildcards.model}"
    script:
        "../workflow/scripts/mutate_windows.py"
