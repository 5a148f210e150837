"""Benchmark: the ranking on loci with a known target. No other rule asks for it; name it to run it."""

BENCHMARK = config["ranking_benchmark"]


rule benchmark_ranking:
    """Measure the fitted ranking, its ablations and the baselines, with intervals."""
    input:
        credible_sets=BENCHMARK["credible_sets"],
        genes=BENCHMARK["genes"],
        truth=BENCHMARK["truth"],
        gene_sets=BENCHMARK["gene_sets"],
        models=BENCHMARK["models"],
    output:
        metrics="results/benchmark_ranking/metrics.jsonl",
        metrics_tsv="results/benchmark_ranking/metrics.tsv",
    log:
        "logs/benchmark_ranking/benchmark_ranking.log",
    benchmark:
        "logs/benchmarks/benchmark_ranking.tsv"
    conda:
        "../envs/tables.yaml"
    params:
        settings=pick(BENCHMARK, "draws", "seed"),
        library=library("benchmark_ranking"),
    message:
        "Measuring the ranking on loci with a known target"
    script:
        "../workflow/scripts/benchmark_ranking.py"
