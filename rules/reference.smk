"""Reference: the genome and its genes."""


rule index_reference:
    """Link and index the FASTA."""
    input:
        fasta=config["genome"]["fasta"],
    output:
        genome="results/index_reference/genome.fa",
        contigs="results/index_reference/contigs.parquet",
    log:
        "logs/index_reference/index_reference.log",
    benchmark:
        "logs/benchmarks/index_reference.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        build=lookup(dpath="genome/build", within=config),
        library=library("index_reference"),
    message:
        "Indexing {input.fasta}"
    script:
        "../workflow/scripts/index_reference.py"


rule annotate_genes:
    """Read genes and exons from the GTF."""
    input:
        gtf=config["genome"]["gtf"],
        contigs=rules.index_reference.output.contigs,
    output:
        genes="results/annotate_genes/genes.parquet",
        exons="results/annotate_genes/exons.parquet",
    log:
        "logs/annotate_genes/annotate_genes.log",
    benchmark:
        "logs/benchmarks/annotate_genes.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        library=library("annotate_genes"),
    message:
        "Reading genes from {input.gtf}"
    script:
        "../workflow/scripts/annotate_genes.py"
