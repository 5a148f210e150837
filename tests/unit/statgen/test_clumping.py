from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.core.intervals import Region
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen import clumping
from locus2target.statgen.clumping import CLUMPED, CLUMPED_BY_DISTANCE, INDEX, NOT_IN_LD_PANEL, Clumping, clump_variants
from locus2target.statgen.ld_sources import AlignedLd, GenotypeLd

RULES = Clumping(max_bp=1_000_000, min_r2=0.1)


class Cohort:
    """Genotypes in memory that remember which regions were read."""

    def __init__(self, variants: pd.DataFrame, dosages: np.ndarray) -> None:
        self.variants, self.dosages = variants, dosages
        self.regions: list[Region] = []

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:  # noqa: ARG002
        self.regions.append(region)
        places = zip(self.variants["chromosome"], self.variants["position"], strict=True)
        inside = np.array([region.contains(chromosome, position) for chromosome, position in places], dtype=bool)
        samples = tuple(str(person) for person in range(self.dosages.shape[1]))
        return CohortDosages(self.variants[inside].reset_index(drop=True), self.dosages[inside], samples, {}, 0)


def toy(n: int, seed: int, *, spacing: int = 60_000, n_people: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    """Variants on two chromosomes whose LD fades with distance, with p-values in no order."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.random((n, 2 * n_people)) < 0.4
    for row in range(1, n):
        copied = rng.random(2 * n_people) < 0.8
        haplotypes[row, copied] = haplotypes[row - 1, copied]
    dosages = (haplotypes[:, ::2].astype(int) + haplotypes[:, 1::2]).astype(np.float32)
    half = n // 2
    variants = pd.DataFrame(
        {
            "chromosome": ["1"] * half + ["2"] * (n - half),
            "position": [1_000_000 + spacing * row for row in [*range(half), *range(n - half)]],
            "ref": "A",
            "alt": "G",
            "neg_log10_p": rng.permutation(np.linspace(8, 40, n)),
        }
    )
    return variants, dosages


def slow_clumping(variants: pd.DataFrame, r: np.ndarray, absent: set[int], rules: Clumping) -> list[str]:
    """The definition, word by word, on the whole correlation matrix."""
    status = dict.fromkeys(absent, NOT_IN_LD_PANEL)
    for index in sorted(range(len(variants)), key=lambda row: -variants["neg_log10_p"][row]):
        if index in status:
            continue
        status[index] = INDEX
        for row in range(len(variants)):
            same = variants["chromosome"][row] == variants["chromosome"][index]
            near = abs(int(variants["position"][row]) - int(variants["position"][index])) <= rules.max_bp
            if row not in status and same and near and r[row, index] ** 2 >= rules.min_r2:
                status[row] = CLUMPED
    return [status[row] for row in range(len(variants))]


@given(
    st.integers(0, 10_000), st.integers(2, 25), st.sampled_from([0.01, 0.1, 0.5]), st.sampled_from([0, 100_000, 10**6])
)
@settings(max_examples=20)
def test_same_as_the_definition_on_the_whole_matrix(seed: int, n: int, min_r2: float, max_bp: int) -> None:
    variants, dosages = toy(n, seed)
    present = np.arange(n) % 5 != 3
    cohort = Cohort(variants[present].drop(columns="neg_log10_p"), dosages[present])
    rules = Clumping(max_bp=max_bp, min_r2=min_r2)
    varies = present & (dosages.std(axis=1) > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.corrcoef(dosages)
    absent = {int(row) for row in np.flatnonzero(~varies)}
    found = clump_variants(variants, ld_source=GenotypeLd(cohort), rules=rules)
    assert found["status"].tolist() == slow_clumping(variants, r, absent, rules)


def test_parts_of_a_window_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    variants, dosages = toy(80, 1, spacing=5_000)
    source = GenotypeLd(Cohort(variants.drop(columns="neg_log10_p"), dosages))
    whole = clump_variants(variants, ld_source=source, rules=RULES)
    monkeypatch.setattr(clumping, "_MAX_COMPARED", 3)
    pd.testing.assert_frame_equal(clump_variants(variants, ld_source=source, rules=RULES), whole)


def test_more_variants_than_people_uses_the_factor_and_gives_the_same() -> None:
    variants, dosages = toy(60, 3, spacing=1_000, n_people=20)
    found = clump_variants(
        variants, ld_source=GenotypeLd(Cohort(variants.drop(columns="neg_log10_p"), dosages)), rules=RULES
    )
    assert found["status"].tolist() == slow_clumping(variants, np.corrcoef(dosages), set(), RULES)


def test_order_and_index_of_the_table_are_kept() -> None:
    variants, dosages = toy(30, 2)
    source = GenotypeLd(Cohort(variants.drop(columns="neg_log10_p"), dosages))
    straight = clump_variants(variants, ld_source=source, rules=RULES)
    shuffled = variants.sample(frac=1.0, random_state=4)
    found = clump_variants(shuffled, ld_source=source, rules=RULES)
    assert found.index.equals(shuffled.index)
    pd.testing.assert_frame_equal(found.sort_index(), straight, check_names=False)


def test_every_reason_names_the_index_variant() -> None:
    variants, dosages = toy(30, 5)
    source = GenotypeLd(Cohort(variants.drop(columns="neg_log10_p"), dosages))
    found = clump_variants(variants, ld_source=source, rules=RULES)
    kept = variants[found["status"] == INDEX]
    keys = set(kept["chromosome"] + ":" + kept["position"].astype(str) + ":A:G")
    clumped = found[found["status"] == CLUMPED]["reason"]
    assert len(clumped)
    assert {reason.split(" with ")[1] for reason in clumped} <= keys
    assert (found.loc[found["status"] == INDEX, "reason"] == "").all()


def test_without_ld_distance_decides_and_the_status_says_so() -> None:
    variants = pd.DataFrame(
        {
            "chromosome": ["1", "1", "1", "2"],
            "position": [1_000_000, 2_000_000, 2_000_001, 1_000_000],
            "ref": "A",
            "alt": "C",
            "neg_log10_p": [20.0, 10.0, 9.0, 8.0],
        }
    )
    found = clump_variants(variants, ld_source=None, rules=RULES)
    assert found["status"].tolist() == [INDEX, CLUMPED_BY_DISTANCE, INDEX, INDEX]
    assert "1:1000000:A:C" in found["reason"][1]


def test_genotypes_are_read_only_around_the_variants() -> None:
    variants, dosages = toy(40, 6, spacing=400_000)
    cohort = Cohort(variants.drop(columns="neg_log10_p"), dosages)
    clump_variants(variants, ld_source=GenotypeLd(cohort), rules=RULES)
    assert {region.length for region in cohort.regions} == {2_001}


def test_genotypes_of_a_place_are_read_once() -> None:
    variants, dosages = toy(40, 6, spacing=40_000)
    cohort = Cohort(variants.drop(columns="neg_log10_p"), dosages)
    found = clump_variants(variants, ld_source=GenotypeLd(cohort), rules=Clumping(max_bp=10**7, min_r2=0.5))
    assert (found["status"] == INDEX).sum() > 5
    assert len(cohort.regions) == len(variants)


class TwoMatrices:
    """LD in two files with a border between them, as `MatrixLd` gives it: the file with most of the variants."""

    def __init__(self, cohort: Cohort, border: int) -> None:
        self.source, self.border = GenotypeLd(cohort), border

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> AlignedLd:
        left = study["position"].to_numpy() < self.border
        mine = left if left.sum() >= len(study) / 2 else ~left
        rows = np.flatnonzero(mine)
        aligned = self.source.align(region, study.iloc[rows], min_maf=min_maf)
        return replace(aligned, dosages=replace(aligned.dosages, rows=rows[aligned.rows]))


def test_between_matrix_files_distance_decides() -> None:
    variants, dosages = toy(12, 8, spacing=10_000)
    variants = variants.assign(chromosome="1", position=1_000_000 + 10_000 * np.arange(12))
    variants["neg_log10_p"] = np.where(np.arange(12) == 2, 50.0, variants["neg_log10_p"])
    source = TwoMatrices(Cohort(variants.drop(columns="neg_log10_p"), dosages), border=1_040_000)
    found = clump_variants(variants, ld_source=source, rules=Clumping(max_bp=1_000_000, min_r2=0.0))
    assert found["status"].tolist() == [CLUMPED] * 2 + [INDEX, CLUMPED] + [CLUMPED_BY_DISTANCE] * 8


def test_no_variants_give_an_empty_table() -> None:
    variants, _ = toy(2, 0)
    found = clump_variants(variants.iloc[:0], ld_source=None, rules=RULES)
    assert found.columns.tolist() == ["status", "reason"]
    assert found.empty
