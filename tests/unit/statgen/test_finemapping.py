"""The whole ladder on real genotypes with planted causal variants: what is found, and how it steps down."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from susie_reference import load_genotypes, needs_susier

from locus2target.core.schemas import CREDIBLE_SETS, FINE_MAPPING, LOCI, SIGNAL_LBF, SIGNALS, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.engine import FitError
from locus2target.statgen.finemapping import FineMappingSettings, finemap_locus
from locus2target.statgen.susier import SusieR

SETTINGS = {
    "max_signals": 10,
    "coverage": 0.95,
    "min_purity": 0.5,
    "max_iterations": 100,
    "tolerance": 1e-3,
    "ld": {
        "min_maf": 0.005,
        "min_variants": 30,
        "min_posterior_mass": 0.5,
        "warn_lambda": 0.005,
        "fail_lambda": 0.05,
        "min_sign_consistency": 0.9,
        "outlier_r2": 0.6,
        "outlier_neg_log10_p": 4.0,
        "max_outlier_share": 0.02,
    },
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
    """An engine that fails, or gives what the reference engine gives, changed."""

    def __init__(self, change=None, error=None):
        self.change, self.error = change, error

    def fit(self, data, settings):
        if self.error is not None:
            raise self.error
        return self.change(SusieR().fit(data, settings))


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


def run(sumstats, genotypes, engine=None, **locus_changes):
    result = finemap_locus(
        locus_row(sumstats, **locus_changes),
        sumstats,
        study=STUDY,
        genotypes=genotypes,
        engine=SusieR() if engine is None else engine,
        settings=RULES,
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


@needs_susier
def test_planted_variants_are_found(locus_data, tmp_path):
    dosages, variants, sumstats = locus_data
    cohort = Genotypes(variants, dosages)
    result, row = run(sumstats, cohort)
    assert cohort.asked == [("3:1000-11001", 0.005)]
    assert (row["method"], row["status"], row["reason"], row["ld_verdict"]) == ("susie", "ok", "", "PASS")
    assert (row["n_signals"], row["n_variants"], row["n_ld_variants"]) == (2, 1001, 1001)
    assert row["engine"].startswith("susieR ")
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


@needs_susier
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


@needs_susier
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


@needs_susier
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


@needs_susier
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
    assert "Not genotyped" in outside["reason"][200]
    assert table["pip"].notna().sum() == 940
    assert result.signal_lbf.groupby("signal").size().to_dict() == {0: 1001, 1: 940, 2: 940}


@needs_susier
def test_fits_that_are_not_to_be_believed_step_down(locus_data):
    dosages, variants, sumstats = locus_data
    cohort = Genotypes(variants, dosages)
    result, row = run(sumstats, cohort, Engine(error=FitError("susieR 1.2 stopped: no")))
    assert_single_effect_only(result, "fit_failed")
    assert row["reason"] == "susieR 1.2 stopped: no."
    assert row["ld_verdict"] == "PASS"
    result, row = run(sumstats, cohort, Engine(lambda fit: replace(fit, converged=False)))
    assert_single_effect_only(result, "not_converged")
    assert not row["converged"]
    result, _ = run(sumstats, cohort, Engine(lambda fit: replace(fit, prior_variance=fit.prior_variance * 1e4)))
    assert_single_effect_only(result, "not_converged")
    result, row = run(sumstats, cohort, Engine(lambda fit: replace(fit, credible_sets=())))
    assert_single_effect_only(result, "no_signal")
    assert "log Bayes factor" in row["reason"]


def test_loci_that_cannot_be_analysed_pass_through_with_their_reason(locus_data):
    _, _, sumstats = locus_data
    changes = {"status": "mhc", "reason": "In the MHC."}
    result, row = run(sumstats, None, **changes)
    assert (row["method"], row["status"], row["reason"], row["n_signals"]) == ("none", "mhc", "In the MHC.", 0)
    assert result.signals.empty
    assert result.credible_sets.empty
    blank = sumstats.assign(beta=np.nan, standard_error=np.nan, alt_frequency=np.nan, minor_allele_frequency=np.nan)
    result, row = run(blank, None)
    assert (row["method"], row["status"]) == ("none", "no_statistics")
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


@needs_susier
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
        cohorts={"panel": [{"chromosome": 3, "genotypes": str(tmp_path / "panel.vcf.gz"), "dosage_field": "GT"}]},
        settings=SETTINGS,
        **outputs,
    )
    rows = read_table(outputs["fine_mapping"], FINE_MAPPING).set_index("locus")
    assert rows["status"].tolist() == ["ok", "no_lead"]
    assert rows["method"].tolist() == ["susie", "none"]
    assert len(read_table(outputs["credible_sets"], CREDIBLE_SETS)) == len(sumstats)
    assert read_table(outputs["signals"], SIGNALS)["signal"].tolist() == [0, *range(1, rows["n_signals"].iloc[0] + 1)]
    assert len(read_table(tmp_path / "lbf.parquet", SIGNAL_LBF)) > 0
