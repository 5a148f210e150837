"""Deal: from the results of batches of loci to those of each disease, so that no disease reads what is about others."""

BATCHES_OF_TABLE = {
    "loci": ALL_LOCI,
    "fine_mapping": all_batches("fine_mapping"),
    "credible_sets": all_batches("credible_sets"),
    "signals": all_batches("signals"),
    "colocalization": collect(
        rules.colocalize_loci.output.colocalization, batch=BATCHES
    ),
    "cis_effects": collect(
        rules.estimate_cis_effects.output.cis_effects, batch=BATCHES
    ),
}


rule deal_results:
    """Deal the rows of all batches of a table to their diseases, batch by batch."""
    input:
        batches=batches_of_table,
    output:
        dealt=collect(
            "results/deal_results/{table}/{disease}.parquet",
            disease=DISEASES,
            allow_missing=True,
        ),
    log:
        "logs/deal_results/{table}.log",
    benchmark:
        "logs/benchmarks/deal_results/{table}.tsv"
    wildcard_constraints:
        table="|".join(BATCHES_OF_TABLE),
    conda:
        "../envs/tables.yaml"
    params:
        diseases=DISEASES,
        library=library("deal_results"),
    message:
        "Dealing {wildcards.table} to diseases"
    script:
        "../workflow/scripts/deal_results.py"
