"""Colocalization: do the disease and a molecular trait share a causal variant?"""


rule colocalize_loci:
    """Compare each signal of a batch with each molecular trait in its locus."""
    input:
        loci="results/split_loci/{scatteritem}.parquet",
        fine_mapping=rules.finemap_loci.output.fine_mapping,
        signals=rules.finemap_loci.output.signals,
        signal_lbf=rules.finemap_loci.output.signal_lbf,
        qtl_tables=collect(rules.harmonize_qtl.output.qtl_table, qtl=QTLS),
    output:
        colocalization="results/colocalize_loci/{scatteritem}.parquet",
    log:
        "logs/colocalize_loci/{scatteritem}.log",
    benchmark:
        "logs/benchmarks/colocalize_loci/{scatteritem}.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        qtls=QTL_TRAITS,
        settings=lookup(dpath="colocalization", within=config),
        library=library("colocalize_loci"),
    message:
        "Colocalizing batch {wildcards.scatteritem}"
    script:
        "../workflow/scripts/colocalize_loci.py"
