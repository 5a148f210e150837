"""Targets: the ranking of each disease beside what a drug would meet. Nothing here is evidence."""


rule annotate_targets:
    """Add modulation, other diseases and target annotations to the ranked genes."""
    input:
        ranked_genes=collect(rules.rank_genes.output.ranked_genes, disease=DISEASES),
        evidence=rules.rank_genes.output.evidence,
        gene_directions=rules.tabulate_directions.output.gene_directions,
        genes=rules.annotate_genes.output.genes,
        annotations=target_annotation_files,
    output:
        targets="results/annotate_targets/{disease}.parquet",
        targets_tsv=report(
            "results/annotate_targets/{disease}.tsv",
            caption="../workflow/report/targets.rst",
            category="Ranked genes",
            labels={"disease": "{disease}", "form": "table of all rows (TSV)"},
        ),
    log:
        "logs/annotate_targets/{disease}.log",
    benchmark:
        "logs/benchmarks/annotate_targets/{disease}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        annotations=TARGET_ANNOTATIONS,
        settings=pick(config["ranking"], "confident_probability"),
        library=library("annotate_targets"),
    message:
        "Annotating targets of {wildcards.disease}"
    script:
        "../workflow/scripts/annotate_targets.py"
