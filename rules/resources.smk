"""Memory and minutes that jobs ask for, from what they read; more on each attempt. Used as functions of `resources:`."""

from locus2target.ingest.scoring_cost import scoring_cost

# Matrices of variants x variants in memory at the peak of a fit; measured with 2,500 variants: 5.0 and 14.3.
MATRICES_AT_PEAK = {"native": 6, "susier": 16}
# Memory over size of a file whose rows are harmonised: a row takes 0.75 kB (measured), of which a gzipped file has 23
# bytes or more, and a plain one 60 or more.
MEMORY_OF_GZIPPED, MEMORY_OF_PLAIN = 40, 15
# Of a file that is read around loci only; more on the next attempt.
SHARE_BY_REGION = 0.2
# MB that steps over all loci of a disease or a run keep of each variant; measured with 0.4 and 2 million: 0.5 to 1.3 kB.
MEMORY_OF_VARIANT = 0.0015


def memory_for_rows(wildcards, input, attempt):
    """MB for harmonising a file: all its rows are in memory, or those around loci; more on each attempt."""
    # Opened here, so that Snakemake knows the FileNotFoundError of an input that is yet to be fetched.
    with open(input.source, "rb") as file:
        factor = MEMORY_OF_GZIPPED if file.read(2) == b"\x1f\x8b" else MEMORY_OF_PLAIN
        megabytes = file.seek(0, 2) / 1e6
    share = SHARE_BY_REGION if input.get("index") else 1
    return int(1500 + share * factor * megabytes) * attempt


def loci_sizes(loci):
    """Variants of each locus to analyse, largest first; while the table is yet to be made, Snakemake asks again."""
    from pyarrow import parquet  # half a second that most jobs need not spend

    sizes = []
    for path in [loci] if isinstance(loci, str) else loci:
        # Opened here, so that Snakemake knows the FileNotFoundError of an input.
        with open(path, "rb") as table:
            rows = parquet.read_table(table, columns=["n_variants", "status"])
        sizes += [
            row["n_variants"] for row in rows.to_pylist() if row["status"] == "ok"
        ]
    return sorted(sizes, reverse=True)


def memory_for_fits(loci, matrices, attempt, threads=1):
    """MB for tables and dosages, and for float64 matrices of the largest loci's variants, one locus per thread."""
    largest = sum(matrices * 8e-6 * size**2 for size in loci_sizes(loci)[:threads])
    return int(1500 + 500 * threads + largest) * attempt


def memory_for_ld(wildcards, input, attempt, threads):
    """MB for fine-mapping a batch: the variants of its largest loci, squared; more on each attempt."""
    matrices = MATRICES_AT_PEAK[config["finemapping"]["engine"]]
    return memory_for_fits(input.loci, matrices, attempt, threads)


def memory_for_variants(wildcards, input, attempt):
    """MB for a step over all loci at once: their variants; more on each attempt."""
    return int(1500 + MEMORY_OF_VARIANT * sum(loci_sizes(input.loci))) * attempt


def memory_for_crosscheck(wildcards, input, attempt):
    """MB for fits with both engines; more on each attempt."""
    return memory_for_fits(input.loci, max(MATRICES_AT_PEAK.values()), attempt)


def minutes_for_ld(wildcards, input, attempt):
    """Minutes for a batch: fits go with the variants squared, and the spectrum of their LD with the third power."""
    thousands = [size / 1000 for size in loci_sizes(input.loci)]
    return int(20 + sum(0.05 * k**2 + 0.02 * k**3 for k in thousands)) * attempt


def minutes_for_scoring(wildcards, variants=0, background=0, mutated_windows=0):
    """Minutes that windows take in a model: twice the estimate of `./run check`, or two hours where there is none."""
    cost = scoring_cost(
        SETTINGS.models[wildcards.model],
        variants=variants,
        background=background,
        mutated_windows=mutated_windows,
        flank_bp=config["mutagenesis"]["flank_bp"],
    )
    hours = cost.gpu_hours if GPUS else cost.cpu_hours
    return 30 + int(120 * hours) if hours is not None else 120


def n_rows(path):
    """Rows of a table. While it is yet to be made, Snakemake asks again."""
    from pyarrow import parquet

    with open(path, "rb") as table:
        return parquet.read_metadata(table).num_rows


def minutes_for_background(wildcards, attempt):
    """Minutes for a model's background."""
    background = config["scoring"]["background_variants"]
    return minutes_for_scoring(wildcards, background=background) * attempt


def minutes_for_variants(wildcards, input, attempt):
    """Minutes for a batch of variants."""
    return minutes_for_scoring(wildcards, variants=n_rows(input.variants)) * attempt


def minutes_for_windows(wildcards, input, attempt):
    """Minutes for saturation mutagenesis of a batch."""
    return (
        minutes_for_scoring(wildcards, mutated_windows=n_rows(input.windows)) * attempt
    )


def memory_for_model(wildcards, attempt):
    """MB of main memory for a sequence model and its windows, on whatever device; more on each attempt."""
    return 4000 * attempt


def minutes_for_checksums(wildcards, attempt):
    """Minutes to read all inputs once, a hundred gigabytes in the first attempt; more on each attempt."""
    return 60 * attempt
