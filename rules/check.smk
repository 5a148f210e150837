"""Check: what the run will read, do and cost, and the manifest of what went in. No other rule reads them."""


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


rule record_run:
    """Write checksums of all inputs, versions, code, settings and seeds."""
    input:
        files=sorted({path for _, path in named_files(SETTINGS)}),
        sheets=list(config["sheets"].values()),
    output:
        manifest="results/record_run/manifest.json",
    log:
        "logs/record_run/record_run.log",
    benchmark:
        "logs/benchmarks/record_run.tsv"
    conda:
        "../envs/tables.yaml"
    threads: 2
    resources:
        runtime=minutes_for_checksums,
    params:
        run=RUN_FACTS,
        code=whole_library,
        library=library("record_run"),
    message:
        "Recording what the run reads"
    script:
        "../workflow/scripts/record_run.py"
