"""The two steps of functional priors on a small run: files in, files out, every number by hand where it can be."""

import numpy as np
import pandas as pd
import pysam
import pytest
from scipy.special import logsumexp, softmax
from scipy.stats import norm, rankdata

import apply_priors
import finemap_loci
import fit_priors
from locus2target.core import schemas, tables
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.statgen.functional_priors import Groups, Signals
from locus2target.statgen.prior_tables import effects_table, weights_of_variants

SETTINGS = {
    "features": ["sequence_scores", "open_chromatin", "coding_consequence"],
    "min_loci": 5,
    "prior_sd": 0.5,
    "uniform_share": 0.1,
    "max_ratio": 100,
    "seed": 1,
}
FINE_MAPPING = {
    "engine": "native",
    "max_signals": 5,
    "coverage": 0.95,
    "min_purity": 0.5,
    "max_iterations": 100,
    "tolerance": 1e-3,
    "ld": {},
}
STUDIES = {"height": {"trait_type": "quantitative", "sd_y": 1.0, "cohort": None}}
N_VARIANTS = 40
CHROMOSOMES = ["1", "1", "2", "2", "3", "3", "4", "4", "10", "10", "X", "X"]
BATCH_TABLES = {
    "credible_sets": schemas.CREDIBLE_SETS,
    "signals": schemas.SIGNALS,
    "signal_lbf": schemas.SIGNAL_LBF,
}
TABLES = ("fine_mapping", "credible_sets", "signals", "signal_lbf")


class Run:
    """Twelve loci on six chromosomes, and a thirteenth that was only reported; causal variants score high."""

    def __init__(self, folder):
        self.folder, generator = folder, np.random.default_rng(4)
        self.loci, tables, effects = [], [], []
        for number, chromosome in enumerate([*CHROMOSOMES, "6"]):
            start = 1_000_000 * (1 + number)
            position = start + 1 + 20 * np.arange(N_VARIANTS)
            causal = int(generator.integers(N_VARIANTS))
            z = 4.5 * 0.9 ** np.abs(np.arange(N_VARIANTS) - causal) + generator.normal(0, 0.7, N_VARIANTS)
            table = pd.DataFrame({"chromosome": chromosome, "position": position, "ref": "A", "alt": "C"})
            tables.append(table.assign(beta=0.02 * z, standard_error=0.02, z_score=z))
            quantile = 0.9 * generator.random(N_VARIANTS)
            quantile[causal] = 0.99
            quantile[-1] = np.nan
            effects.append(pd.DataFrame({"variant": variant_keys(table), "background_quantile": quantile}))
            lead = variant_keys(table).iloc[int(np.abs(z).argmax())]
            status = ("ok", "") if number < len(CHROMOSOMES) else ("mhc", "reported only")
            self.loci.append(self._locus(chromosome, start, lead, status))
        self.effects = pd.concat(effects, ignore_index=True)
        self._write_sumstats(pd.concat(tables, ignore_index=True))
        self._write_effects()
        self._write_reference()

    def path(self, name):
        return str(self.folder / name)

    def _locus(self, chromosome, start, lead, status):
        end = start + 1000
        row = {"locus": f"height__{chromosome}_{start}_{end}", "study": "height", "disease": "tall", "n_leads": 1}
        place = {"chromosome": chromosome, "start": start, "end": end, "n_variants": N_VARIANTS}
        lead_of = {"lead_variant": lead, "lead_neg_log10_p": 9.0}
        return row | place | lead_of | {"status": status[0], "reason": status[1]}

    def _write_sumstats(self, table):
        p = -np.log10(2 * norm.sf(np.abs(table["z_score"])))
        known = {"rsid": None, "neg_log10_p": p, "alt_frequency": 0.3, "minor_allele_frequency": 0.3}
        table = table.assign(variant=variant_keys(table), n_effective=10_000.0, ref_verified=True, **known)
        write_table(table[schemas.SUMSTATS.names], self.path("height.parquet"), schemas.SUMSTATS)
        write_table(schemas.LOCI.frame(self.loci), self.path("loci.parquet"), schemas.LOCI)

    def _write_effects(self):
        scored = self.effects.assign(
            model="motif", scorer="largest", largest=True, mask="", value=1.0, status="ok", reason=""
        )
        rows = schemas.VARIANT_EFFECTS.frame(scored.to_dict("records"))
        write_table(rows, self.path("effects.parquet"), schemas.VARIANT_EFFECTS)

    def _write_reference(self):
        gene = {
            "gene_id": "ENSG1",
            "gene_symbol": "G",
            "chromosome": "1",
            "start": 0,
            "end": 9,
            "strand": "+",
            "tss": 1,
        }
        write_table(schemas.GENES.frame([gene | {"gene_type": "x"}]), self.path("genes.parquet"), schemas.GENES)
        (self.folder / "genome.fa").write_text(">1\n" + "A" * 50 + "\n")
        pysam.faidx(self.path("genome.fa"))

    def finemap(self):
        finemap_loci.main(
            loci=self.path("loci.parquet"),
            sumstats=[self.path("height.parquet")],
            genome=self.path("genome.fa"),
            **{name: self.path(f"uniform.{name}.parquet") for name in TABLES},
            studies=STUDIES,
            cohorts={},
            settings=FINE_MAPPING,
            threads=1,
        )

    def deal(self, n_batches, *, seed=0):
        """Write the tables of the uniform fit again, loci dealt to batches at random; the batches' names."""
        order = np.random.default_rng(seed).permutation([locus["locus"] for locus in self.loci])
        batch_of = {locus: number % n_batches for number, locus in enumerate(order)}
        for name, schema in BATCH_TABLES.items():
            table = self.read(f"uniform.{name}", schema)
            for batch in range(n_batches):
                rows = table[table["locus"].map(batch_of) == batch]
                write_table(rows, self.path(f"{n_batches}_{batch}.{name}.parquet"), schema)
        return [f"{n_batches}_{batch}" for batch in range(n_batches)]

    def fit(self, annotations=None, *, batches=("uniform",), **changed):
        fit_priors.main(
            **{name: [self.path(f"{batch}.{name}.parquet") for batch in batches] for name in BATCH_TABLES},
            sumstats=[self.path("height.parquet")],
            variant_effects=[self.path("effects.parquet")],
            genes=self.path("genes.parquet"),
            annotations={"open_chromatin": None, "coding_consequences": None} | (annotations or {}),
            prior_weights=self.path("weights.parquet"),
            enrichment=self.path("enrichment.parquet"),
            settings=SETTINGS | changed,
        )
        return self.read("weights", schemas.PRIOR_WEIGHTS), self.read("enrichment", schemas.PRIOR_ENRICHMENT)

    def apply(self):
        apply_priors.main(
            loci=self.path("loci.parquet"),
            sumstats=[self.path("height.parquet")],
            genome=self.path("genome.fa"),
            **{f"uniform_{name}": self.path(f"uniform.{name}.parquet") for name in TABLES},
            prior_weights=self.path("weights.parquet"),
            **{name: self.path(f"functional.{name}.parquet") for name in TABLES},
            prior_effects=self.path("effects_of_prior.parquet"),
            studies=STUDIES,
            cohorts={},
            settings=FINE_MAPPING,
            threads=2,
        )
        return self.read("effects_of_prior", schemas.PRIOR_EFFECTS)

    def read(self, name, schema):
        return read_table(self.path(f"{name}.parquet"), schema)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("priors"))
    run.finemap()
    return run


@pytest.fixture(scope="module")
def fitted(run):
    return run.fit()


def theta_of(enrichment, feature, *, left_out="none", kind="fitted"):
    row = enrichment.query("feature == @feature and left_out == @left_out and kind == @kind")
    assert len(row) == 1
    return row.iloc[0]


def test_every_variant_of_every_analysed_locus_has_a_weight(run, fitted):
    weights, _ = fitted
    assert set(weights["locus"]) == {locus["locus"] for locus in run.loci if locus["status"] == "ok"}
    assert weights.groupby("locus").size().eq(N_VARIANTS).all()
    np.testing.assert_allclose(weights.groupby("locus")["prior_weight"].sum(), 1.0, rtol=1e-12)


def test_weights_are_those_of_the_enrichment_without_the_chromosome(run, fitted):
    weights, enrichment = fitted
    quantiles = run.effects["background_quantile"].to_numpy()[: len(CHROMOSOMES) * N_VARIANTS]
    known = ~np.isnan(quantiles)
    score = np.zeros(len(quantiles))
    score[known] = norm.ppf((rankdata(quantiles[known]) - 0.5) / known.sum())
    score[known] = (score[known] - score[known].mean()) / score[known].std()
    by_locus = dict(iter(weights.groupby("locus")["prior_weight"]))
    for number, locus in enumerate(run.loci[: len(CHROMOSOMES)]):
        theta = theta_of(enrichment, "sequence_score:motif", left_out=locus["chromosome"])["theta"]
        own = score[number * N_VARIANTS : (number + 1) * N_VARIANTS]
        mixed = 0.9 * softmax(theta * own) + 0.1 / N_VARIANTS
        cut = np.minimum(mixed, 100 * mixed.min())
        np.testing.assert_allclose(by_locus[locus["locus"]], cut / cut.sum(), rtol=1e-9)


def test_enrichments_name_every_feature_fit_and_control(fitted):
    _, enrichment = fitted
    order = ["none", "1", "2", "3", "4", "10", "X"]
    features = ["sequence_score:motif", "open_chromatin", "coding_consequence"]
    named = enrichment[["kind", "left_out", "feature"]].apply(tuple, axis=1).tolist()
    assert named == [(kind, out, name) for kind in ("fitted", "permuted") for out in order for name in features]
    own = theta_of(enrichment, "sequence_score:motif")
    assert own["theta"] > 3 * own["standard_error"] > 0
    assert (own["n_loci"], own["n_variants"], own["n_unknown"]) == (12, 12 * N_VARIANTS, 12)
    assert own["held_out_gain"] > 2 > theta_of(enrichment, "sequence_score:motif", kind="permuted")["held_out_gain"]
    assert theta_of(enrichment, "sequence_score:motif", left_out="X")["n_loci"] == 10
    without_file = theta_of(enrichment, "open_chromatin")
    assert (without_file["status"], without_file["theta"]) == ("no_annotation", 0.0)
    assert np.isnan(without_file["standard_error"])


@pytest.fixture(scope="module")
def annotation_files(run, tmp_path_factory):
    """Open chromatin over every locus' causal variant and its neighbour; one variant changes a protein."""
    tmp_path = tmp_path_factory.mktemp("annotations")
    causal = run.effects[run.effects["background_quantile"] == 0.99]["variant"].str.split(":", expand=True)
    start = causal[1].astype(int) - 1
    peaks, coding = tmp_path / "peaks.bed", tmp_path / "coding.tsv"
    peaks.write_text("".join(f"chr{c}\t{s}\t{s + 21}\tliver\n" for c, s in zip(causal[0], start, strict=True)))
    one = causal.iloc[0]
    coding.write_text(
        "chromosome\tposition\tref\talt\tgene_id\tconsequence\n" + f"{one[0]}\t{one[1]}\tA\tC\tENSG1\tstop_gained\n"
    )
    return {"open_chromatin": str(peaks), "coding_consequences": str(coding)}


def test_annotation_files_become_features(run, annotation_files):
    weights, enrichment = run.fit(annotation_files, features=["open_chromatin", "coding_consequence"])
    assert set(enrichment["feature"]) == {"open_chromatin", "coding_consequence"}
    assert set(enrichment["status"]) == {"ok"}
    assert theta_of(enrichment, "open_chromatin")["theta"] > 0.5
    causal = run.effects[run.effects["background_quantile"] == 0.99]
    in_peak = weights.sort_values("prior_weight", ascending=False).groupby("locus")["variant"].first()
    assert set(in_peak) <= set(run.effects["variant"][causal.index]) | set(run.effects["variant"][causal.index + 1])
    coded = theta_of(enrichment, "coding_consequence")["theta"]
    assert 0 < coded < 0.5
    assert theta_of(enrichment, "coding_consequence", left_out="1")["theta"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("n_batches", [1, 2, 5])
def test_the_dealing_of_loci_to_batches_changes_nothing(run, annotation_files, monkeypatch, n_batches):
    whole = run.fit(annotation_files)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 70)  # some pieces of the table end within a locus
    dealt = run.fit(annotation_files, batches=run.deal(n_batches))
    for table, same in zip(dealt, whole, strict=True):
        pd.testing.assert_frame_equal(table, same, check_exact=True)
    assert dealt[0]["locus"].is_monotonic_increasing
    assert set(dealt[1]["status"]) == {"ok"}


def test_a_locus_in_two_batches_is_a_defect(run):
    with pytest.raises(ValueError, match="is in two batches"):
        run.fit(batches=["uniform", "uniform"])


def test_a_run_without_analysed_loci_has_empty_weights(run):
    for name, schema in BATCH_TABLES.items():
        write_table(schema.empty(), run.path(f"nothing.{name}.parquet"), schema)
    weights, enrichment = run.fit(batches=["nothing", "nothing"])
    assert weights.empty
    assert set(enrichment["status"]) == {"too_few_loci"}
    assert set(enrichment["n_variants"]) == {0}


def test_few_loci_leave_the_run_as_it_was(run):
    weights, enrichment = run.fit(min_loci=50)
    np.testing.assert_allclose(weights["prior_weight"], 1 / N_VARIANTS, rtol=1e-12)
    assert set(enrichment["status"]) == {"too_few_loci"}
    assert "fewer than 50" in enrichment["reason"].iloc[0]
    effects = run.apply()
    assert set(effects["status"]) == {"equal_weights"}
    np.testing.assert_allclose(effects["pip_functional"], effects["pip_uniform"], rtol=1e-9)
    np.testing.assert_allclose(effects["prior_weight"], 1.0, rtol=1e-12)
    np.testing.assert_allclose(effects["log_evidence_ratio"], 0.0, atol=1e-9)


def test_both_posteriors_and_their_evidence_stand_side_by_side(run):
    weights, _ = run.fit()
    effects = run.apply()
    assert (effects["status"] == "ok").all()
    factors = run.read("uniform.signal_lbf", schemas.SIGNAL_LBF).set_index(["locus", "variant"])["log_bayes_factor"]
    for locus, own in effects.groupby("locus"):
        lbf = factors.loc[locus].reindex(own["variant"]).to_numpy()
        weight = weights[weights["locus"] == locus].set_index("variant")["prior_weight"].reindex(own["variant"])
        np.testing.assert_allclose(own["prior_weight"], weight * N_VARIANTS, rtol=1e-12)
        np.testing.assert_allclose(own["pip_uniform"], softmax(lbf), rtol=1e-9)
        np.testing.assert_allclose(own["pip_functional"], softmax(lbf + np.log(weight)), rtol=1e-9)
        ratio = logsumexp(lbf, b=weight) - logsumexp(lbf) + np.log(N_VARIANTS)
        np.testing.assert_allclose(own["log_evidence_ratio"], ratio, rtol=1e-9)
    causal = effects["variant"].isin(run.effects.loc[run.effects["background_quantile"] == 0.99, "variant"])
    assert effects.loc[causal, "pip_functional"].mean() > effects.loc[causal, "pip_uniform"].mean() + 0.05


def test_the_locus_that_was_not_analysed_keeps_its_reason(run, fitted):
    run.apply()
    fits = run.read("functional.fine_mapping", schemas.FINE_MAPPING)
    assert fits["locus"].tolist() == [locus["locus"] for locus in run.loci]
    assert fits[["status", "reason"]].iloc[-1].tolist() == ["mhc", "reported only"]


def test_posteriors_of_different_claims_are_marked():
    keys = {"chromosome": "1", "position": [1, 2], "ref": "A", "alt": "C", "variant": ["1:1:A:C", "1:2:A:C"]}
    weights = pd.DataFrame({"locus": "a", **keys, "prior_weight": [0.25, 0.75]})
    table = pd.DataFrame({"locus": "a", "study": "s", "disease": "d", **keys, "pip": [0.5, np.nan]})
    table = table.assign(status=["ok", "not_in_ld"], reason=["", "Not genotyped."])
    signals = Signals(
        np.array([0]), np.array([3.0]), Groups.of_lengths([1]), np.array(["a"], object), np.array(["1"], object)
    )
    effects = effects_table(
        weights,
        signals,
        uniform=table,
        functional=table,
        uniform_rungs={"a": "full"},
        functional_rungs={"a": "single_effect"},
    )
    assert effects["status"].tolist() == ["other_rung", "not_in_ld"]
    assert effects["reason"].iloc[0].startswith("Equal weights: full; functional weights: single_effect.")
    assert effects["prior_weight"].tolist() == [0.5, 1.5]


def test_a_variant_without_weight_is_a_defect():
    weights = pd.DataFrame({"variant": ["x"], "prior_weight": [1.0]})
    with pytest.raises(ValueError, match="1 of 2 variants have no prior weight"):
        weights_of_variants(weights, pd.Series(["x", "y"]))
