"""Coding consequences predicted from gene models, where the config gives a GFF3."""


rule predict_consequences:
    """Predict what the loci's variants do to proteins and splice sites with bcftools csq."""
    input:
        credible_sets=UNIFORM_CREDIBLE_SETS,
        genome=rules.index_reference.output.genome,
        gene_models=config["annotations"]["gene_models_gff3"] or [],
    output:
        consequences="results/predict_consequences/consequences.tsv",
        dispositions="results/predict_consequences/dispositions.tsv",
    log:
        "logs/predict_consequences/predict_consequences.log",
    benchmark:
        "logs/benchmarks/predict_consequences.tsv"
    conda:
        "../envs/consequences.yaml"
    params:
        build=lookup(dpath="genome/build", within=config),
        library=library("predict_consequences"),
    message:
        "Predicting coding consequences from {input.gene_models}"
    script:
        "../workflow/scripts/predict_consequences.py"
