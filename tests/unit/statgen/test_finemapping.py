"""The whole ladder on real genotypes with planted causal variants: what is found, and how it steps down."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from susie_reference import load_genotypes

from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, LOCI, SIGNAL_LBF, SIGNALS, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.engine import FitError
from locus2target.statgen.finemapping import FineMappingSettings, finemap_locus
from locus2target.statgen.ld_sources import GenotypeLd
from locus2target.statgen.native import NativeSusie

SETTINGS = {
    "max_signals": 10,
    "coverage": 0.95,
    "min_purity": 0.5,
    "max_iterations": 100,
    "tolerance": 1e-3,
    "engine": "native",
    "ld": {"min_maf": 0.005},  # the other limits as `LdSettings` has them
}
RULES = FineMappingSettings.from_settings(SETTINGS)
STUDY = {"trait_type": "quantitative", "sd_y": 1.0, "cohort": "panel"}
CAUSAL = (122, 793)  # nothing in the locus is closer to them than |r| = 0.87
EFFECTS = (0.6, -0.55)


class Genotypes:
    """A cohort in memory; remembers what it was asked."""

    def __init__(self, variants, dosages):
        self.variants, self.dosages, self.asked = variants, dosages, []

    def read_region(self, region, *, min_maf):
        self.asked.append((str(region), min_maf))
        names = tuple(f"person{number}" for number in range(self.dosages.shape[1]))
        return CohortDosages(self.variants, self.dosages, names, {}, 0)


class Engine:
    """An engine that fails, or gives what a good one gives, changed."""

    def __init__(self, change=None, error=None):
        self.change, self.error = change, error

    def fit(self, data, settings):
        if self.error is not None:
            raise self.error
        return self.change(NativeSusie().fit(data, settings))


@pytest.fixture(scope="module")
def locus_data():
    """Dosages (variants x people), variants and marginal statistics of a trait with two causal variants."""
    genotypes = load_genotypes("N3finemapping_genotypes.npz").T
    low, high = genotypes.min(axis=1, keepdims=True), genotypes.max(axis=1, keepdims=True)
    dosages = (2 * (genotypes - low) / (high - low)).astype(np.float32)  # susieR ships them centred
    rng = np.random.default_rng(11)
    trait = sum(effect * dosages[j] for effect, j in zip(EFFECTS, CAUSAL, strict=True)) + rng.normal(size=574)
    alleles = np.array([("A", "G"), ("C", "T"), ("G", "C"), ("T", "A")])[rng.integers(0, 4, len(dosages))]
    variants = pd.DataFrame(
        {"chromosome": "3", "position": 1000 + 10 * np.arange(len(dosages)), "ref": alleles[:, 0], "alt": alleles[:, 1]}
    )
    return dosages, variants, regress(dosages, trait, variants)


def regress(dosages, trait, variants):
    n = len(trait)
    dosages = dosages.astype(np.float64)
    x, y = dosages - dosages.mean(axis=1, keepdims=True), trait - trait.mean()
    squares = (x**2).sum(axis=1)
    beta = x @ y / squares
    standard_error = np.sqrt(((y @ y) - beta**2 * squares) / (n - 2) / squares)
    z_score = beta / standard_error
    return variants.assign(
        variant=variant_keys(variants),
        rsid=None,
        beta=beta,
        standard_error=standard_error,
        z_score=z_score,
        neg_log10_p=z_score**2 / 2 / np.log(10),
        alt_frequency=dosages.mean(axis=1) / 2,
        minor_allele_frequency=np.minimum(dosages.mean(axis=1) / 2, 1 - dosages.mean(axis=1) / 2),
        n_effective=float(n),
        ref_verified=False,
    )[SUMSTATS.names]


def locus_row(sumstats, **changes):
    lead = sumstats["neg_log10_p"].idxmax()
    return {
        "locus": "s__3_1000_11001",
        "study": "s",
        "disease": "d",
        "chromosome": "3",
        "start": 999,
        "end": 11001,
        "lead_variant": sumstats["variant"][lead],
        "lead_neg_log10_p": float(sumstats["neg_log10_p"][lead]),
        "n_variants": len(sumstats),
        "n_leads": 1,
        "status": "ok",
        "reason": "",
    } | changes


def run(sumstats, genotypes, engine=None, prior_weights=None, **locus_changes):
    result = finemap_locus(
        locus_row(sumstats, **locus_changes),
        sumstats,
        study=STUDY,
        ld_source=None if genotypes is None else GenotypeLd(genotypes),
        engine=NativeSusie() if engine is None else engine,
        settings=RULES,
        prior_weights=prior_weights,
    )
    return result, result.fine_mapping.iloc[0]


def assert_single_effect_only(result, status):
    """What every locus keeps that has to step down."""
    row = result.fine_mapping.iloc[0]
    assert (row["method"], row["status"], row["n_signals"]) == ("abf", status, 1)
    assert row["reason"].endswith(".")
    assert result.signals["signal"].tolist() == [0]
    assert result.signals["primary"].tolist() == [True]
    assert result.signals["reason"].tolist() == [row["reason"]]
    assert set(result.signal_lbf["signal"]) == {0}
    np.testing.assert_allclose(result.credible_sets["pip"].sum(), 1.0, rtol=1e-9)
    assert set(result.credible_sets["credible_set"].dropna()) == {0}


def test_planted_variants_are_found(locus_data, tmp_path):
    dosages, variants, sumstats = locus_data
    cohort = Genotypes(variants, dosages)
    result, row = run(sumstats, cohort)
    assert cohort.asked == [("3:1000-11001", 0.005)]
    assert (row["method"], row["status"], row["reason"], row["ld_verdict"]) == ("susie", "ok", "", "PASS")
    assert (row["n_signals"], row["n_variants"], row["n_ld_variants"]) == (2, 1001, 1001)
    assert row["engine"].startswith("native")
    assert row["converged"]
    table = result.credible_sets
    for j, effect in zip(CAUSAL, EFFECTS, strict=True):
        signal = table["credible_set"][j]
        members = table[table["credible_set"] == signal]
        assert table["pip"][j] == members["pip"].max() > 0.5
        assert members["posterior_mean"].sum() == pytest.approx(effect, abs=0.2)
    assert table["pip"].sum() == pytest.approx(2, abs=0.1)  # idle effects lift nobody
    signals = result.signals.set_index("signal")
    assert signals["primary"].to_dict() == {0: False, 1: True, 2: True}
    assert signals["log_bayes_factor"][1] >= signals["log_bayes_factor"][2]
    assert signals["n_credible"][[1, 2]].to_dict() == table["credible_set"].value_counts().sort_index().to_dict()
    lead = table["variant"] == locus_row(sumstats)["lead_variant"]
    assert table.loc[lead, "r_lead"].item() == 1.0
    factors = result.signal_lbf.pivot_table(index="variant", columns="signal", values="log_bayes_factor")
    assert factors.shape == (1001, 3)
    strongest = factors.idxmax()
    assert [strongest[1], strongest[2]] == signals["lead_variant"][[1, 2]].tolist()
    frames = (result.fine_mapping, result.credible_sets, result.signals, result.signal_lbf)
    for frame, schema in zip(frames, (FINE_MAPPING, CREDIBLE_SETS, SIGNALS, SIGNAL_LBF), strict=True):
        write_table(frame, tmp_path / f"{schema.name}.parquet", schema)


def test_a_cohort_with_exchanged_alleles_in_another_order_gives_the_same(locus_data):
    dosages, variants, sumstats = locus_data
    exchanged = np.random.default_rng(2).random(len(variants)) < 0.5
    order = np.random.default_rng(3).permutation(len(variants))
    ref, alt = (
        np.where(exchanged, variants["alt"], variants["ref"]),
        np.where(exchanged, variants["ref"], variants["alt"]),
    )
    other = variants.assign(ref=ref, alt=alt).iloc[order].reset_index(drop=True)
    other_dosages = np.where(exchanged[:, np.newaxis], 2 - dosages, dosages)[order]
    expected, _ = run(sumstats, Genotypes(variants, dosages))
    found, _ = run(sumstats, Genotypes(other, other_dosages))
    for column in ("pip", "posterior_mean", "r_lead"):
        np.testing.assert_allclose(found.credible_sets[column], expected.credible_sets[column], rtol=0, atol=1e-6)
    pd.testing.assert_series_equal(found.credible_sets["credible_set"], expected.credible_sets["credible_set"])


def test_an_exchanged_study_gives_the_same_with_the_signs_reversed(locus_data):
    dosages, variants, sumstats = locus_data
    other = sumstats.assign(
        ref=sumstats["alt"], alt=sumstats["ref"], beta=-sumstats["beta"], z_score=-sumstats["z_score"]
    )
    expected, _ = run(sumstats, Genotypes(variants, dosages))
    found, row = run(other, Genotypes(variants, dosages))
    assert row["method"] == "susie"
    np.testing.assert_allclose(found.credible_sets["pip"], expected.credible_sets["pip"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        found.credible_sets["posterior_mean"], -expected.credible_sets["posterior_mean"], rtol=0, atol=1e-6
    )


def test_the_sign_of_a_signal_is_the_one_beside_the_others():
    """Two causal variants at r = 0.77 with opposite effects: the weaker one's marginal effect has the other's sign."""
    rng = np.random.default_rng(8)
    haplotypes = rng.random((2, 800))
    shared = rng.random((2, 800)) < 0.85
    second = np.where(shared, haplotypes, rng.random((2, 800)))
    blocks = [np.where(rng.random((20, 2, 800)) < 0.05, rng.random((20, 2, 800)), one) for one in (haplotypes, second)]
    dosages = (np.concatenate(blocks) < 0.4).sum(axis=1).astype(np.float32)
    trait = dosages[5] - 0.5 * dosages[25] + rng.normal(size=800) * 0.6
    variants = pd.DataFrame(
        {"chromosome": "3", "position": 1000 + 10 * np.arange(40), "ref": "A", "alt": np.tile(["C", "G"], 20)}
    )
    sumstats = regress(dosages, trait, variants)
    result, row = run(sumstats, Genotypes(variants, dosages))
    assert (row["status"], row["n_signals"]) == ("ok", 2)
    signs = result.signal_lbf.pivot_table(index="variant", columns="signal", values="effect_sign")
    strong, weak = sumstats["variant"][[5, 25]]
    leads = result.signals.set_index("signal")["lead_variant"]
    assert (leads[1], leads[2]) == (strong, weak)
    assert sumstats["z_score"][25] > 5
    assert signs.loc[weak].to_dict() == {0: 1.0, 1: 1.0, 2: -1.0}
    assert signs.loc[strong, [0, 1]].tolist() == [1.0, 1.0]
    exchanged = sumstats.assign(
        ref=sumstats["alt"], alt=sumstats["ref"], beta=-sumstats["beta"], z_score=-sumstats["z_score"]
    )
    other, _ = run(exchanged, Genotypes(variants, dosages))
    np.testing.assert_array_equal(other.signal_lbf["effect_sign"], -result.signal_lbf["effect_sign"])


def test_wrong_alleles_are_noticed(locus_data):
    dosages, variants, sumstats = locus_data
    one = sumstats.copy()
    partner = int(np.argsort(-np.abs(np.corrcoef(dosages)[CAUSAL[0]]))[1])
    one.loc[partner, ["beta", "z_score"]] *= -1
    result, row = run(one, Genotypes(variants, dosages))
    assert row["ld_verdict"] in {"WARN", "FAIL"}
    assert row["n_ld_outliers"] > 0 or row["ld_lambda"] > 0.005
    many = sumstats.copy()
    wrong = np.random.default_rng(4).random(len(many)) < 0.2
    many.loc[wrong, ["beta", "z_score"]] *= -1
    result, row = run(many, Genotypes(variants, dosages))
    assert_single_effect_only(result, "ld_mismatch")
    assert row["ld_verdict"] == "FAIL"
    assert row["reason"] == row["ld_reason"]
    assert result.credible_sets["in_ld"].all()


def test_without_what_ld_needs_the_single_effect_remains(locus_data):
    dosages, variants, sumstats = locus_data
    result, row = run(sumstats, None)
    assert_single_effect_only(result, "no_ld")
    assert (row["ld_verdict"], row["n_ld_variants"]) == ("NONE", 0)
    assert pd.isna(row["ld_posterior_mass"])
    unsigned = sumstats.assign(beta=np.nan, standard_error=np.nan, z_score=np.nan)
    result, _ = run(unsigned, Genotypes(variants, dosages))
    assert_single_effect_only(result, "unsigned_statistics")
    assert result.signal_lbf["effect_sign"].isna().all()
    elsewhere = Genotypes(variants.assign(position=variants["position"] + 5), dosages)
    result, row = run(sumstats, elsewhere)
    assert_single_effect_only(result, "no_ld")
    assert "1001" in row["reason"]


def test_sparse_genotypes_step_down_and_say_how_sparse(locus_data):
    dosages, variants, sumstats = locus_data
    few = np.arange(0, 1001, 50)
    result, row = run(sumstats, Genotypes(variants.iloc[few], dosages[few]))
    assert_single_effect_only(result, "ld_sparse")
    assert "21 variants have LD, fewer than 30" in row["reason"]
    probable = np.argsort(-result.credible_sets["pip"].to_numpy())[:60]
    rest = np.setdiff1d(np.arange(1001), probable)
    result, row = run(sumstats, Genotypes(variants.iloc[rest].reset_index(drop=True), dosages[rest]))
    assert_single_effect_only(result, "ld_sparse")
    assert "is not one of them" in row["reason"]
    assert row["ld_posterior_mass"] < 0.5
    assert row["n_ld_variants"] == 941


def test_variants_without_ld_have_a_status_and_no_pip(locus_data):
    dosages, variants, sumstats = locus_data
    sumstats = sumstats.copy()
    sumstats.loc[5, "z_score"] = np.nan
    kept = np.setdiff1d(np.arange(1001), np.arange(200, 260))
    result, row = run(sumstats, Genotypes(variants.iloc[kept].reset_index(drop=True), dosages[kept]))
    assert row["method"] == "susie"
    table = result.credible_sets
    outside = table[table["status"] == "not_in_ld"]
    assert outside.index.tolist() == [5, *range(200, 260)]
    assert outside["pip"].isna().all()
    assert not outside["in_ld"].any()
    assert "direction" in outside["reason"][5]
    assert "Not in the cohort" in outside["reason"][200]
    assert table["pip"].notna().sum() == 940
    assert result.signal_lbf.groupby("signal").size().to_dict() == {0: 1001, 1: 940, 2: 940}


class Unsettled:
    """An engine whose fits converge only with few effects; remembers how many it was asked for."""

    def __init__(self, most_effects):
        self.most_effects, self.asked = most_effects, []

    def fit(self, data, settings):
        self.asked.append(settings.max_signals)
        fit = NativeSusie().fit(data, settings)
        return replace(fit, converged=settings.max_signals <= self.most_effects, n_iterations=100)


def test_a_fit_that_does_not_settle_is_tried_with_fewer_effects(locus_data):
    dosages, variants, sumstats = locus_data
    engine = Unsettled(most_effects=5)
    result, row = run(sumstats, Genotypes(variants, dosages), engine)
    assert engine.asked == [10, 5]
    assert (row["method"], row["rung"], row["status"], row["max_signals"]) == ("susie", "fewer_effects", "ok", 5)
    assert row["ld_verdict"] == "WARN"
    said = "With 10 effects: SuSiE did not converge in 100 sweeps. With 5 it settled."
    assert row["reason"] == said
    assert row["ld_reason"].endswith(said)
    assert {122, 793} <= set(np.flatnonzero(result.credible_sets["credible_set"].notna()))


def test_fits_that_are_not_to_be_believed_step_down(locus_data):
    dosages, variants, sumstats = locus_data
    cohort = Genotypes(variants, dosages)
    result, row = run(sumstats, cohort, Engine(error=FitError("susieR 1.2 stopped: no")))
    assert_single_effect_only(result, "fit_failed")
    assert row["reason"] == "With 10 or 5 or 2 effects: susieR 1.2 stopped: no."
    assert row["ld_verdict"] == "PASS"
    engine = Unsettled(most_effects=1)
    result, row = run(sumstats, cohort, engine)
    assert engine.asked == [10, 5, 2]
    assert_single_effect_only(result, "not_converged")
    assert (row["rung"], row["ld_verdict"], row["max_signals"]) == ("single_effect", "FAIL", 2)
    assert row["reason"] == "With 10 or 5 or 2 effects: SuSiE did not converge in 100 sweeps."
    assert not row["converged"]
    result, row = run(sumstats, cohort, Engine(lambda fit: replace(fit, prior_variance=fit.prior_variance * 1e4)))
    assert_single_effect_only(result, "not_converged")
    assert row["runaway_ratio"] > 20
    assert "ran away" in row["ld_reason"]
    result, row = run(sumstats, cohort, Engine(lambda fit: replace(fit, credible_sets=())))
    assert_single_effect_only(result, "no_signal")
    assert row["ld_verdict"] == "PASS"
    assert "log Bayes factor" in row["reason"]


def test_the_rung_of_a_good_locus_is_full(locus_data):
    dosages, variants, sumstats = locus_data
    _, row = run(sumstats, Genotypes(variants, dosages))
    assert (row["rung"], row["max_signals"], row["n_flip_candidates"]) == ("full", 10, 0)
    assert pd.isna(row["flip_candidates"])
    assert 0 < row["runaway_ratio"] < 4


def test_exchanged_alleles_are_named_and_left_as_they_are(locus_data):
    dosages, variants, sumstats = locus_data
    panel = np.random.default_rng(5).permutation(574)[:400]  # not all of the study's people: the mismatch is not 0
    kept = np.ptp(dosages[:, panel], axis=1) > 0
    cohort = Genotypes(variants[kept].reset_index(drop=True), dosages[kept][:, panel])
    one = sumstats.copy()
    strong = np.flatnonzero(kept & (np.abs(np.corrcoef(dosages)[CAUSAL[0]]) > 0.5))
    flipped = int(strong[np.argsort(-np.abs(sumstats["z_score"].to_numpy()[strong]))[3]])
    one.loc[flipped, ["beta", "z_score"]] *= -1
    result, row = run(one, cohort)
    assert row["n_flip_candidates"] >= 1
    assert row["flip_candidates"].split(",")[0] == one["variant"][flipped]
    assert row["ld_verdict"] in {"WARN", "FAIL"}
    pd.testing.assert_series_equal(result.credible_sets["z_score"], one["z_score"])


def test_prior_weights_shift_both_posteriors(locus_data):
    dosages, variants, sumstats = locus_data
    cohort = Genotypes(variants, dosages)
    equal, _ = run(sumstats, cohort)
    same, _ = run(sumstats, cohort, prior_weights=np.full(1001, 7.0))
    np.testing.assert_allclose(same.credible_sets["pip"], equal.credible_sets["pip"], rtol=0, atol=1e-12)
    runner_up = int(np.argsort(-np.where(np.arange(1001) == 122, 0, equal.credible_sets["pip"]))[1])
    weights = np.where(np.arange(1001) == runner_up, 1000.0, 1.0)
    shifted, _ = run(sumstats, cohort, prior_weights=weights)
    assert shifted.credible_sets["pip"][runner_up] > equal.credible_sets["pip"][runner_up] + 0.1
    alone, _ = run(sumstats, None)
    alone_shifted, _ = run(sumstats, None, prior_weights=weights)
    odds = (alone.credible_sets["pip"] * weights).to_numpy()
    np.testing.assert_allclose(alone_shifted.credible_sets["pip"], odds / odds.sum(), rtol=1e-9)


def test_where_the_lead_has_no_bayes_factor_only_it_is_named(locus_data, tmp_path):
    dosages, variants, sumstats = locus_data
    missing = ["beta", "standard_error", "alt_frequency", "minor_allele_frequency"]
    lead = int(sumstats["neg_log10_p"].idxmax())
    without = sumstats.copy()
    without.loc[lead, missing] = np.nan
    result, row = run(without, Genotypes(variants, dosages))
    assert (row["method"], row["rung"], row["status"], row["n_signals"]) == ("lead", "lead_only", "no_statistics", 1)
    assert f"No Bayes factor for the lead {sumstats['variant'][lead]}" in row["reason"]
    signal = result.signals.iloc[0]
    assert (signal["method"], signal["primary"], signal["n_credible"]) == ("lead", True, 0)
    assert signal["lead_variant"] == sumstats["variant"][lead]
    assert result.credible_sets["pip"].isna().all()
    assert result.credible_sets["reason"].ne("").all()
    assert result.signal_lbf.empty
    frames = (result.fine_mapping, result.credible_sets, result.signals, result.signal_lbf)
    for frame, schema in zip(frames, (FINE_MAPPING, CREDIBLE_SETS, SIGNALS, SIGNAL_LBF), strict=True):
        write_table(frame, tmp_path / f"{schema.name}.parquet", schema)


def test_loci_that_cannot_be_analysed_pass_through_with_their_reason(locus_data):
    _, _, sumstats = locus_data
    changes = {"status": "mhc", "reason": "In the MHC."}
    result, row = run(sumstats, None, **changes)
    assert (row["method"], row["status"], row["reason"], row["n_signals"]) == ("none", "mhc", "In the MHC.", 0)
    assert result.signals.empty
    assert result.credible_sets.empty
    blank = sumstats.assign(beta=np.nan, standard_error=np.nan, alt_frequency=np.nan, minor_allele_frequency=np.nan)
    result, row = run(blank, None)
    assert (row["method"], row["status"]) == ("lead", "no_statistics")
    assert "1001 variants" in row["reason"]


def write_vcf(path, variants, dosages):
    calls = np.array(["0/0", "0/1", "1/1"])[np.rint(dosages).astype(int)]
    header = "##fileformat=VCFv4.2\n##contig=<ID=3,length=20000>\n"
    header += '##FORMAT=<ID=GT,Number=1,Type=String,Description="calls">\n'
    names = [f"person{number}" for number in range(dosages.shape[1])]
    header += "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]) + "\n"
    lines = [
        "\t".join(["3", str(v.position), ".", v.ref, v.alt, ".", ".", ".", "GT", *row])
        for v, row in zip(variants.itertuples(), calls, strict=True)
    ]
    path.write_text(header + "\n".join(lines) + "\n")


@pytest.mark.parametrize(("engine", "in_main_thread"), [("susier", True), ("native", False)])
def test_r_is_used_in_the_main_thread_only(locus_data, tmp_path, monkeypatch, engine, in_main_thread):
    """R started elsewhere takes over the signals of a process for good."""
    pysam = pytest.importorskip("pysam")
    from locus2target.statgen import finemapping_batch

    dosages, variants, sumstats = locus_data
    (tmp_path / "genome.fa").write_text(">3\n" + "N" * 20000 + "\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    write_table(sumstats, tmp_path / "s.parquet", SUMSTATS)
    write_vcf(tmp_path / "panel.vcf", variants, np.rint(dosages))
    pysam.tabix_index(str(tmp_path / "panel.vcf"), preset="vcf", force=True)
    seen = []
    spy = Engine(lambda fit: seen.append(threading.current_thread()) or fit)
    monkeypatch.setattr(finemapping_batch, "open_engine", {engine: spy}.get)
    cohort = {
        "cohort": "panel",
        "chromosome": 3,
        "genotypes": str(tmp_path / "panel.vcf.gz"),
        "dosage_field": "GT",
    }
    finemapping_batch.finemap_batch(
        [locus_row(sumstats)],
        sumstats=[str(tmp_path / "s.parquet")],
        genome=str(tmp_path / "genome.fa"),
        studies={"s": STUDY},
        cohorts={"panel": [cohort]},
        settings=SETTINGS | {"engine": engine},
        threads=2,
    )
    assert seen
    assert {thread is threading.main_thread() for thread in seen} == {in_main_thread}


def test_the_script_maps_a_batch_from_files(locus_data, tmp_path):
    pysam = pytest.importorskip("pysam")
    sys.path.insert(0, str(Path(__file__).parents[3] / "workflow" / "scripts"))
    import finemap_loci

    dosages, variants, _ = locus_data
    calls = np.rint(dosages)
    trait = calls[CAUSAL[0]] - calls[CAUSAL[1]] + np.random.default_rng(1).normal(size=574)
    varies = calls.min(axis=1) < calls.max(axis=1)
    sumstats = regress(calls[varies], trait, variants[varies].reset_index(drop=True))
    write_table(sumstats, tmp_path / "s.parquet", SUMSTATS)
    write_vcf(tmp_path / "panel.vcf", variants, calls)
    pysam.tabix_index(str(tmp_path / "panel.vcf"), preset="vcf", force=True)
    (tmp_path / "genome.fa").write_text(">3\n" + "N" * 20000 + "\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    none = locus_row(sumstats, locus="s__none", status="no_lead", reason="No lead.", chromosome="", lead_variant="")
    loci = LOCI.frame([locus_row(sumstats), none])
    write_table(loci, tmp_path / "loci.parquet", LOCI)
    outputs = {name: str(tmp_path / f"{name}.out.parquet") for name in ("fine_mapping", "credible_sets", "signals")}
    finemap_loci.main(
        loci=str(tmp_path / "loci.parquet"),
        sumstats=[str(tmp_path / "s.parquet")],
        genome=str(tmp_path / "genome.fa"),
        signal_lbf=str(tmp_path / "lbf.parquet"),
        studies={"s": STUDY},
        cohorts={
            "panel": [
                {"cohort": "panel", "chromosome": 3, "genotypes": str(tmp_path / "panel.vcf.gz"), "dosage_field": "GT"}
            ]
        },
        settings=SETTINGS,
        threads=2,
        **outputs,
    )
    rows = read_table(outputs["fine_mapping"], FINE_MAPPING).set_index("locus")
    assert rows["status"].tolist() == ["ok", "no_lead"]
    assert rows["method"].tolist() == ["susie", "none"]
    assert len(read_table(outputs["credible_sets"], CREDIBLE_SETS)) == len(sumstats)
    assert read_table(outputs["signals"], SIGNALS)["signal"].tolist() == [0, *range(1, rows["n_signals"].iloc[0] + 1)]
    assert len(read_table(tmp_path / "lbf.parquet", SIGNAL_LBF)) > 0
