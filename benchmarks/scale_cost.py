"""What a run of any size costs on paper: jobs, hours, bytes, and which step is the bottleneck.

Each step is a count of what it works through times what one of these took in a measured run (`Units`), and grows with
the variants of a locus as its work does. The formulas are in `cost`. Hours of a sequence model are those of
`ingest.scoring_cost`: an upper bound from whole windows, on a GPU calculated and not measured.

    python benchmarks/scale_cost.py                    # 50 diseases x 300 loci x 49 tissues x Borzoi
    python benchmarks/scale_cost.py --diseases 5 --loci 200 --tissues 20 --backend motif
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from locus2target.ingest.scoring_cost import scoring_cost

MEASURED_VARIANTS = 2_000
LOCI_PER_BATCH, VARIANTS_PER_BATCH = 30, 50_000
STEPS_PER_DISEASE, STEPS_PER_STUDY, STEPS_PER_BATCH, STEPS_ONCE = 9, 2, 5, 22
FLANK_BP, BACKGROUND_VARIANTS = 50, 2_000
PASSES = {"strands": 1, "shifts": None, "replicates": None, "prefilter": None, "background": None, "model": "model"}


@dataclass(frozen=True, slots=True)
class Run:
    """How large a run is.

    Attributes
    ----------
    variants
        Of a locus.
    traits
        Molecular traits with full statistics in a locus, per tissue.
    distinct
        Share of the loci's variants that no other locus has: what is scored once.
    likely
        Variants of a locus with a PIP of at least `scoring.min_pip`.
    all_scored
        Whether sequence scores are a feature of the functional priors, so that every variant is scored.
    study_rows
        Of one study's summary statistics, millions.
    qtl_variants
        Tested per trait and tissue, over the whole genome, thousands; `qtl_traits` are the tissue's traits.
    """

    diseases: int = 50
    loci_per_disease: int = 300
    tissues: int = 49
    variants: int = 2_000
    traits: int = 10
    distinct: float = 0.5
    likely: int = 20
    all_scored: bool = False
    mutated_per_locus: int = 2
    study_rows: float = 10.0
    qtl_variants: float = 5.0
    qtl_traits: int = 20_000
    backend: str = "borzoi"

    @property
    def loci(self) -> int:
        """Of all diseases."""
        return self.diseases * self.loci_per_disease


@dataclass(frozen=True, slots=True)
class Units:
    """Seconds of one core and bytes, measured at 2,000 variants, 500 people, 3 traits per locus and tissue.

    From 20 loci of five diseases with 20 QTL sets, but harmonisation: 1.2 million rows. Start-up of a job is in `job`;
    what it adds to the other steps is left in, and makes them upper bounds.
    """

    job: float = 2.5  # Snakemake's own process, and Python with its libraries
    million_rows: float = 5.0  # harmonised
    locus_fit: float = 0.26  # grows with variants squared
    locus_refit: float = 0.65  # with functional priors; as above
    trait_fit: float = 0.058  # as above
    locus_tissue_colocalized: float = 0.113  # for 3 traits, grows with them
    locus_tissue_mendelian: float = 0.036
    locus_evidence: float = 0.1
    window_named: float = 0.2  # motifs named in a map
    row_bytes: float = 40.0  # of a canonical table and its dispositions
    locus_bytes: float = 270_000.0  # fine-mapping with and without functional priors; grows with variants
    trait_bytes: float = 21_000.0  # log Bayes factors of a trait's signals; grows with variants
    variant_effect_bytes: float = 45.0


def cost(run: Run, units: Units) -> dict[str, float]:
    """CPU hours of each step, GPU hours, jobs and gigabytes.

    Parameters
    ----------
    run
        What is asked for.
    units
        What one of each took.
    """
    cpu = _cpu_hours(run, units)
    jobs = _jobs(run)
    cpu["start-up of jobs"] = jobs * units.job / 3600
    scored, mutated = (
        run.loci * run.distinct * (run.variants if run.all_scored else run.likely),
        run.loci * run.mutated_per_locus,
    )
    row = {**PASSES, "backend": run.backend}
    scoring = scoring_cost(
        row, variants=round(scored), background=BACKGROUND_VARIANTS, mutated_windows=0, flank_bp=FLANK_BP
    )
    maps = scoring_cost(row, variants=0, background=0, mutated_windows=mutated, flank_bp=FLANK_BP)
    return {
        "all: jobs": jobs,
        **{f"{step}: CPU hours": hours for step, hours in cpu.items()},
        "all: CPU hours": sum(cpu.values()),
        "score_variants: windows": scoring.windows,
        "mutate_windows: windows": maps.windows,
        "score_variants: GPU hours": math.nan if scoring.gpu_hours is None else scoring.gpu_hours,
        "mutate_windows: GPU hours": math.nan if maps.gpu_hours is None else maps.gpu_hours,
        **{f"{step}: GB": size for step, size in _gigabytes(run, units, scored).items()},
    }


def _cpu_hours(run: Run, units: Units) -> dict[str, float]:
    """Steps but sequence models."""
    squared = (run.variants / MEASURED_VARIANTS) ** 2
    in_tissues = run.loci * run.tissues
    seconds = {
        "harmonize_sumstats": run.diseases * run.study_rows * units.million_rows,
        "harmonize_qtl": run.tissues * _qtl_rows(run) / 1e6 * units.million_rows,
        "finemap_loci": run.loci * squared * units.locus_fit,
        "apply_priors": run.loci * squared * units.locus_refit,
        "finemap_qtls": in_tissues * run.traits * squared * units.trait_fit,
        "colocalize_loci": in_tissues * run.traits / 3 * units.locus_tissue_colocalized,
        "estimate_cis_effects": in_tissues * units.locus_tissue_mendelian,
        "steps of diseases": run.loci * units.locus_evidence,
        "names of motifs": run.loci * run.mutated_per_locus * units.window_named,
    }
    return {step: value / 3600 for step, value in seconds.items()}


def _qtl_rows(run: Run) -> float:
    return run.qtl_traits * run.qtl_variants * 1e3


def _jobs(run: Run) -> int:
    batches = math.ceil(run.loci / LOCI_PER_BATCH)
    scoring = 2 * math.ceil(
        run.loci * run.distinct * (run.variants if run.all_scored else run.likely) / VARIANTS_PER_BATCH
    )
    return (
        STEPS_ONCE + STEPS_PER_BATCH * batches + STEPS_PER_DISEASE * run.diseases + STEPS_PER_STUDY * run.diseases
        + run.tissues + scoring
    )  # fmt: skip


def _gigabytes(run: Run, units: Units, scored: float) -> dict[str, float]:
    longer = run.variants / MEASURED_VARIANTS
    sizes = {
        "harmonize_sumstats": run.diseases * run.study_rows * 1e6 * units.row_bytes,
        "harmonize_qtl": run.tissues * _qtl_rows(run) * units.row_bytes,
        "fine-mapping": run.loci * longer * units.locus_bytes,
        "finemap_qtls": run.loci * run.tissues * run.traits * longer * units.trait_bytes,
        "score_variants": scored * units.variant_effect_bytes * 20,
    }
    return {step: value / 1e9 for step, value in sizes.items()}


def lines(run: Run, figures: Mapping[str, float]) -> Iterator[dict[str, object]]:
    """Figures as the benchmarks print them."""
    case = f"on paper: {run.diseases} diseases x {run.loci_per_disease} loci x {run.tissues} tissues x {run.backend}"
    for name, value in figures.items():
        rounded = None if math.isnan(value) else round(value, 2)
        yield {"benchmark": "scale", "case": case, "figure": name, "value": rounded, "unit": name.split(": ")[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diseases", type=int, default=50)
    parser.add_argument("--loci", type=int, default=300, help="of each disease")
    parser.add_argument("--tissues", type=int, default=49)
    parser.add_argument("--variants", type=int, default=2_000, help="of each locus")
    parser.add_argument("--traits", type=int, default=10, help="molecular traits of a locus, per tissue")
    parser.add_argument("--backend", default="borzoi")
    parser.add_argument("--all-scored", action="store_true", help="score every variant, as functional priors ask for")
    options = parser.parse_args()
    run = Run(
        diseases=options.diseases,
        loci_per_disease=options.loci,
        tissues=options.tissues,
        variants=options.variants,
        traits=options.traits,
        backend=options.backend,
        all_scored=options.all_scored,
    )
    for line in lines(run, cost(run, Units())):
        print(json.dumps(line))


if __name__ == "__main__":
    main()
