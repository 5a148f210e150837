"""Check: what the run will read, do and cost, written before anything else. No other rule reads it."""


localrules:
    check_run,


rule check_run:
    """Write what the run will read, how many loci to expect and what they will cost."""
    input:
        studies=[row["path"] for row in SETTINGS.studies.values()],
        genotypes=COHORT_FILES,
        qtls=[row["path"] for row in SETTINGS.qtls.values()],
    output:
        plan="results/check_run/plan.txt",
    log:
        "logs/check_run/check_run.log",
    benchmark:
        "logs/benchmarks/check_run.tsv"
    priority: 100
    conda:
        "../envs/tables.yaml"
    params:
        config_file=CONFIG_FILE,
        config=dict(config),
        sheets={
            "studies": SETTINGS.studies,
            "cohorts": SETTINGS.cohorts,
            "qtls": SETTINGS.qtls,
            "models": SETTINGS.models,
        },
        library=library("check_run"),
    message:
        "Checking what the run will read"
    script:
        "../workflow/scripts/check_run.py"
