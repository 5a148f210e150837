"""The calibration benchmark's simulator: its LD, its noise and its sabotage are what they are said to be."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import calibration
import calibration_scenarios as scenarios
import simulation

from locus2target.core.intervals import Region
from locus2target.core.schemas import SUMSTATS
from locus2target.core.tables import write_table
from locus2target.statgen.abf import CASE_CONTROL, QUANTITATIVE
from locus2target.statgen.engine import adjusted_z_scores
from locus2target.statgen.ld import correlation_matrix

N = 10_000.0


@pytest.fixture(scope="module")
def population():
    """Twelve variants of forty people in three blocks of LD."""
    rng = np.random.default_rng(7)
    blocks = np.repeat(rng.binomial(2, [[0.2], [0.4], [0.35]], size=(3, 40)), 4, axis=0)
    own = rng.binomial(2, 0.3, size=(12, 40))
    dosages = np.where(rng.random((12, 40)) < 0.15, own, blocks).astype(np.float32)
    variants = pd.DataFrame(
        {
            "chromosome": "7",
            "position": 1_000 * np.arange(1, 13),
            "ref": "A",
            "alt": "G",
            "alt_frequency": dosages.mean(axis=1, dtype=np.float64) / 2,
        }
    )
    change = simulation.change_probabilities(variants, dosages)
    return simulation.Population("toy", Region("7", 0, 20_000), variants, dosages, np.maximum(change, 0.05))


def test_mosaics_have_the_stated_ld_and_frequencies(population):
    drawn = population.draw_people(200_000, np.random.default_rng(1))
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(correlation_matrix(drawn), population.r, atol=0.02)
    np.testing.assert_allclose(drawn.mean(axis=1) / 2, population.variants["alt_frequency"], atol=0.01)


def test_probability_that_two_variants_come_from_one_person(population):
    expected = np.prod(1 - population.change[3:7])
    assert population.unbroken[3, 7] == pytest.approx(expected)
    assert population.unbroken[7, 3] == pytest.approx(expected)


def test_sources_change_where_little_ld_crosses(population):
    change = simulation.change_probabilities(population.variants, population.dosages)
    rate = -np.log1p(-change)
    assert rate.sum() == pytest.approx(simulation.CHANGES_PER_MB * 11_000 / 1e6)
    strongest = np.abs(np.triu(correlation_matrix(population.dosages), 1))
    crossing = np.array([strongest[max(0, gap - 10) : gap, gap : gap + 10].max() for gap in range(1, 12)])
    np.testing.assert_allclose(rate / rate[0], (1 - crossing**2) / (1 - crossing[0] ** 2))


def test_noise_of_a_study_has_the_populations_ld(population):
    causal, strength = np.array([2, 9]), np.array([6.0, -4.0])
    rng = np.random.default_rng(3)
    sizes = strength / np.sqrt(N)
    scores = np.array([simulation.draw_scores(population, causal, sizes, N, rng) for _ in range(20_000)])
    effects = np.zeros(12)
    effects[causal] = strength
    unexplained = 1 - effects @ population.r @ effects / N
    np.testing.assert_allclose(scores.mean(axis=0), population.r @ effects, atol=0.04)
    np.testing.assert_allclose(np.cov(scores.T), unexplained * population.r, atol=0.05)


def test_z_scores_of_a_study_are_wald_statistics_of_its_scores(population):
    causal, strength = np.array([2]), np.array([30.0])
    study = simulation.draw_study(population, causal, strength, N, QUANTITATIVE, np.random.default_rng(3))
    score = simulation.draw_scores(population, causal, strength / np.sqrt(N), N, np.random.default_rng(3))
    np.testing.assert_allclose(adjusted_z_scores(study.z_score, N), score)


def test_tables_are_canonical_and_consistent(population, tmp_path):
    for trait_type in (QUANTITATIVE, CASE_CONTROL):
        study = simulation.draw_study(
            population, np.array([2]), np.array([8.0]), N, trait_type, np.random.default_rng(4)
        )
        write_table(study.sumstats.astype({"rsid": "str"}), tmp_path / "sumstats.parquet", SUMSTATS)
        np.testing.assert_allclose(study.sumstats["beta"] / study.sumstats["standard_error"], study.z_score)


def test_standard_errors_are_those_of_a_regression(population):
    study = simulation.draw_people_study(population, np.array([5]), np.array([3.0]), np.random.default_rng(5))
    # any trait with these marginal correlations has these errors: of y on x, both of variance 1
    n, z_score = 40, study.z_score
    correlation = z_score / np.sqrt(n - 2 + z_score**2)
    expected = np.sqrt((1 - correlation**2) / (n - 2)) / population.allele_sd
    np.testing.assert_allclose(study.sumstats["standard_error"], expected)
    np.testing.assert_allclose(study.sumstats["beta"], correlation / population.allele_sd)


def test_exchanged_alleles_change_sign_and_nothing_else(population):
    study = simulation.draw_study(population, np.array([2]), np.array([8.0]), N, QUANTITATIVE, np.random.default_rng(6))
    changed = simulation.exchange_alleles(study, np.array([1, 4]))
    ratio = changed.z_score / study.z_score
    assert np.flatnonzero(ratio < 0).tolist() == [1, 4]
    assert np.abs(ratio) == pytest.approx(1)
    assert changed.sumstats["neg_log10_p"].equals(study.sumstats["neg_log10_p"])


def test_other_ld_is_a_correlation_of_the_variants_that_are_left(population):
    rows, r = simulation.ld_of_founders(population, 5, np.random.default_rng(8))
    assert r.shape == (len(rows), len(rows))
    assert np.diag(r) == pytest.approx(1)
    assert np.linalg.eigvalsh(r).min() > -1e-12
    off = simulation.ld_off_register(population, 3)
    assert off[0, 1] == population.r[3, 4]
    assert off[11, 0] == population.r[2, 3]


def test_a_subpopulation_keeps_only_what_varies(population):
    people = np.concatenate([population.dosages[:, :10], population.dosages[:, :10]], axis=1)
    people[4] = 1.0
    rows, sub = simulation.subpopulation(population, people)
    assert 4 not in rows
    assert sub.size == len(rows)
    np.testing.assert_allclose(sub.r, correlation_matrix(people[rows]))


def test_claims_are_scored_against_the_truth(population):
    study = simulation.draw_study(
        population, np.array([2, 9]), np.array([8.0, 8.0]), N, QUANTITATIVE, np.random.default_rng(9)
    )
    pip = np.array([0, 0.03, 0.95, 0, 0, 0, 0.92, 0, 0, 0.3, np.nan, 0.02])
    found = scenarios._score_claims("", study, [np.array([1, 2]), np.array([6])], 1.9, pip)
    assert (found["n_sets"], found["n_true_sets"], found["n_causal_found"]) == (2, 1, 1)
    assert (found["n_confident"], found["n_false_confident"]) == (2, 1)
    assert sum(found["pip_n"]) == 5  # neither 0 nor missing
    assert sum(found["pip_causal"]) == 2
    assert sum(found["pip_sum"]) == pytest.approx(np.nansum(pip))


def test_quick_run_of_one_locus_is_reproducible(monkeypatch):
    monkeypatch.setitem(calibration.LOCI, "reporting", ("RBMS1",))
    config = calibration.ROOT / "config/config.yaml"
    settings = {"loci": "reporting", "n_finemap": 2, "n_colocalize": 2, "seed": 5, "processes": 1, "config": config}
    calibration._prepared.cache_clear()
    first, pairs = calibration.run(**settings)
    again, _ = calibration.run(**settings)
    pd.testing.assert_frame_equal(first, again)
    assert set(first["scenario"]) == set(scenarios.SCENARIOS)
    good = first[first["scenario"].isin(["in_sample", "real_people"])]
    assert (good["verdict"] == "PASS").all()
    assert (first.loc[first["scenario"] == "off_register", "verdict"] == "FAIL").all()
    lines = [*calibration.summarize_finemapping(first), *calibration.summarize_colocalization(pairs, 0.8)]
    by_name = {(line["case"], line["figure"]): line for line in lines}
    assert by_name["off_register", "verdict FAIL"]["value"] == 1.0
    assert (
        by_name["in_sample", "coverage of 95 % credible sets"]["n"]
        == good.query("scenario == 'in_sample'")["n_sets"].sum()
    )
    calibration._prepared.cache_clear()


def test_wilson_interval_of_nothing_and_of_a_share():
    assert all(np.isnan(calibration.wilson_interval(0, 0)))
    low, high = calibration.wilson_interval(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)  # Wilson 1927, as statsmodels gives it
