"""The cohorts that benchmarks/scale.py makes: what is planted is there, and the same seed gives the same files."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from scale_cohort import (  # noqa: E402
    MHC,
    Cohort,
    Place,
    Size,
    disease_places,
    draw_z,
    lay_out,
    read_windows,
    write_cohort,
    write_config,
)
from scale_cost import Run, Units, cost  # noqa: E402
from scale_measure import growth_exponents, steps  # noqa: E402

SIZE = Size(diseases=2, loci=6, places=4, variants=120, people=60, qtls=2)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return write_cohort(tmp_path_factory.mktemp("scale") / "run", SIZE, seed=3)


def data(cohort: Cohort) -> Path:
    return cohort.config.parents[1] / "data"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_files(cohort: Cohort, tmp_path: Path) -> None:
    again = write_cohort(tmp_path / "run", SIZE, seed=3)
    assert digests(data(cohort)) == digests(data(again))
    other = write_cohort(tmp_path / "other", SIZE, seed=4)
    assert digests(data(other))["cohort.bcf"] != digests(data(again))["cohort.bcf"]


def test_every_disease_has_its_loci_and_together_they_cover_all_places(cohort: Cohort) -> None:
    assert cohort.truth.groupby("disease").size().tolist() == [3, 3]
    at = disease_places(SIZE, np.random.default_rng(1))
    assert set.union(*at) == set(range(SIZE.places))


def test_ref_is_the_base_of_the_genome_and_genotypes_are_those_of_the_studies(cohort: Cohort) -> None:
    study = pd.read_csv(data(cohort) / "study_1.tsv.gz", sep="\t", dtype={"chromosome": str})
    assert len(study) == SIZE.places * SIZE.variants
    with pysam.FastaFile(str(data(cohort) / "genome.fa")) as genome:
        bases = [
            genome.fetch(c, p - 1, p) for c, p in zip(study["chromosome"], study["base_pair_location"], strict=True)
        ]
    assert bases == study["other_allele"].tolist()
    with pysam.VariantFile(str(data(cohort) / "cohort.bcf")) as genotypes:
        records = [(record.chrom, record.pos, record.ref, record.alts[0]) for record in genotypes]
    names = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
    assert sorted(records) == sorted(study[names].itertuples(index=False, name=None))


def test_a_planted_variant_is_strong_where_its_disease_has_a_locus_and_nowhere_else(cohort: Cohort) -> None:
    for number in range(SIZE.diseases):
        study = pd.read_csv(data(cohort) / f"study_{number}.tsv.gz", sep="\t", dtype={"chromosome": str})
        best = study.groupby("chromosome")["p_value"].min()
        planted = cohort.truth.loc[cohort.truth["disease"] == f"disease_{number}", "chromosome"]
        assert (best[planted] < 1e-6).all()
        assert (best.drop(planted) > 1e-6).all()


def test_z_scores_follow_the_ld_of_the_causal_variant() -> None:
    (window, *_) = read_windows(100)
    z = draw_z(window, [40, None], np.array([500.0, 500.0]), np.random.default_rng(5))
    assert np.corrcoef(z[:, 0], window.r[:, 40])[0, 1] > 0.999
    assert np.abs(z[:, 1]).max() < 6.0


def test_places_stay_apart_and_out_of_the_mhc() -> None:
    places: list[Place] = lay_out(Size(1, 800, 800, 60, 10, 1), read_windows(60), np.random.default_rng(0))
    spots = [(place.chromosome, place.offset) for place in places]
    assert len(set(spots)) == 800
    assert not any(c == MHC.chromosome and MHC.start <= offset < MHC.end for c, offset in spots)
    assert all(gene != place.target for place in places for gene in place.others)
    with pytest.raises(ValueError, match="room for"):
        lay_out(Size(1, 5_000, 5_000, 60, 10, 1), read_windows(60), np.random.default_rng(0))


@pytest.mark.parametrize("size", [(2, 5, 4), (2, 6, 2), (2, 6, 7)])
def test_impossible_sizes_are_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="loci"):
        Size(*size, variants=60, people=10, qtls=1)


def test_more_variants_than_the_demo_has_are_refused() -> None:
    with pytest.raises(ValueError, match="not 100000"):
        read_windows(100_000)


def test_a_larger_run_can_be_planned_over_the_files_of_a_smaller_one(tmp_path: Path) -> None:
    config = write_config(tmp_path, Size(4, 40, 20, 2_000, 500, 5), files=SIZE)
    studies = pd.read_csv(config.parent / "studies.tsv", sep="\t")
    assert studies["disease"].nunique() == 4
    assert set(studies["path"]) == {"data/study_0.tsv.gz", "data/study_1.tsv.gz"}


def test_growth_is_the_power_of_the_size() -> None:
    sizes = (10.0, 20.0, 80.0)
    values = {size: pd.Series({"flat": 7.0, "line": 3 * size, "square": size**2}) for size in sizes}
    assert growth_exponents(sizes, values).round(9).to_dict() == {"flat": 0.0, "line": 1.0, "square": 2.0}


def test_steps_are_summed_over_jobs_and_memory_is_that_of_the_largest(tmp_path: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, seconds, memory in (("one", 2, 100), ("two", 3, 400)):
        path = tmp_path / f"logs/benchmarks/fit/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}{seconds}\t0:00:02\t{memory}\t-\t-\t-\t0\t0\t0\t1.5\n")
    (tmp_path / "results/fit").mkdir(parents=True)
    (tmp_path / "results/fit/x").write_bytes(b"12345")
    row = steps(tmp_path).loc["fit"].to_dict()
    assert row == {"wall_seconds": 5.0, "cpu_seconds": 3.0, "jobs": 2, "peak_mb": 400.0, "bytes": 5}


def test_cost_of_a_run_is_the_sum_of_its_parts() -> None:
    small = cost(Run(diseases=1, loci_per_disease=30, tissues=1, variants=1_000, traits=2), Units())
    large = cost(Run(diseases=2, loci_per_disease=30, tissues=1, variants=1_000, traits=2), Units())
    assert large["finemap_loci: CPU hours"] == pytest.approx(2 * small["finemap_loci: CPU hours"])
    assert small["all: CPU hours"] == pytest.approx(
        sum(v for k, v in small.items() if k.endswith(": CPU hours") and k != "all: CPU hours")
    )
    wide = cost(Run(diseases=1, loci_per_disease=30, tissues=4, variants=1_000, traits=2), Units())
    assert wide["finemap_qtls: CPU hours"] == pytest.approx(4 * small["finemap_qtls: CPU hours"])
    assert wide["finemap_loci: CPU hours"] == pytest.approx(small["finemap_loci: CPU hours"])
