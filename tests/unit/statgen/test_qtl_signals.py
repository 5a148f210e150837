"""Molecular traits with planted causal variants on real genotypes: what is parted, and what says why it was not."""

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from susie_reference import load_genotypes
from threadpoolctl import threadpool_info, threadpool_limits

import finemap_qtls
from locus2target.core.intervals import Region
from locus2target.core.schemas import LOCI, QTL, QTL_SIGNAL_LBF, QTL_SIGNAL_LD, QTL_SIGNALS
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.engine import SusieInput
from locus2target.statgen.finemapping import FineMappingSettings
from locus2target.statgen.ld_sources import GenotypeLd
from locus2target.statgen.native import NativeSusie
from locus2target.statgen.qtl_signals import QtlSignals, RepeatedLd, finemap_traits

N_VARIANTS = 400
SETTINGS = {
    "max_signals": 5,
    "coverage": 0.95,
    "min_purity": 0.5,
    "max_iterations": 100,
    "tolerance": 1e-3,
    "engine": "native",
    "ld": {"min_maf": 0.0},
}
LOCUS = {
    "locus": "s__3_1000_6000",
    "study": "s",
    "disease": "d",
    "chromosome": "3",
    "start": 999,
    "end": 6000,
    "lead_variant": "3:1000:A:G",
    "lead_neg_log10_p": 9.0,
    "n_variants": N_VARIANTS,
    "n_leads": 1,
    "status": "ok",
    "reason": "",
}
TWO, ONE = (122, 323), (20,)  # causal variants: common, and in little LD with each other
SHEET = {"qtl_type": "eqtl", "tissue": None, "sd_y": None, "coverage": "full", "cohort": "panel"}


class Cohort:
    """Genotypes in memory that count how often they are read."""

    def __init__(self, variants: pd.DataFrame, dosages: np.ndarray) -> None:
        self.variants, self.dosages, self.n_reads = variants, dosages, 0

    def read_region(self, region: Region, *, min_maf: float) -> CohortDosages:
        assert (str(region), min_maf) == ("3:1000-6000", 0.0)
        self.n_reads += 1
        names = tuple(map(str, range(self.dosages.shape[1])))
        return CohortDosages(self.variants, self.dosages, names, {}, 0)


@pytest.fixture(scope="module")
def dosages() -> np.ndarray:
    """float32 array of shape (400, 574): calls of variants that vary."""
    genotypes = load_genotypes("N3finemapping_genotypes.npz").T
    low, high = genotypes.min(axis=1, keepdims=True), genotypes.max(axis=1, keepdims=True)
    calls = np.rint(2 * (genotypes - low) / (high - low)).astype(np.float32)
    return calls[calls.min(axis=1) < calls.max(axis=1)][:N_VARIANTS]


@pytest.fixture(scope="module")
def variants() -> pd.DataFrame:
    table = pd.DataFrame({"chromosome": "3", "position": 1000 + 10 * np.arange(N_VARIANTS), "ref": "A", "alt": "G"})
    return table.assign(variant=variant_keys(table))


def trait(
    dosages: np.ndarray, variants: pd.DataFrame, causal: tuple[int, ...], gene: str, effect: float = 0.8
) -> pd.DataFrame:
    """Marginal statistics of a trait that the causal variants add up to, and noise of standard deviation 1."""
    x = dosages.astype(np.float64)
    x -= x.mean(axis=1, keepdims=True)
    signs = [1, -1][: len(causal)]
    y = sum(sign * effect * x[j] for sign, j in zip(signs, causal, strict=True))
    y = y + np.random.default_rng(len(causal)).normal(size=x.shape[1])
    y = y - y.mean()
    squares, n = (x**2).sum(axis=1), x.shape[1]
    beta = x @ y / squares
    error = np.sqrt((y @ y - beta**2 * squares) / (n - 2) / squares)
    frequency = dosages.mean(axis=1, dtype=np.float64) / 2
    return variants.assign(
        rsid=None,
        beta=beta,
        standard_error=error,
        z_score=beta / error,
        neg_log10_p=(beta / error) ** 2 / 2 / np.log(10),
        alt_frequency=frequency,
        minor_allele_frequency=np.minimum(frequency, 1 - frequency),
        n_effective=float(n),
        ref_verified=False,
        gene_id=gene,
        phenotype_id=gene,
        tissue="t",
    )[QTL.names]


@pytest.fixture(scope="module")
def traits(dosages: np.ndarray, variants: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(
        [
            trait(dosages, variants, TWO, "two"),
            trait(dosages, variants, ONE, "one"),
            trait(dosages, variants, (), "none"),
        ],
        ignore_index=True,
    )


def fit(rows: pd.DataFrame, ld: RepeatedLd | None, engine: object = None, **sheet: object) -> QtlSignals:
    return finemap_traits(
        LOCUS,
        rows,
        qtl="q",
        qtl_sheet=SHEET | sheet,
        ld=ld,
        engine=NativeSusie() if engine is None else engine,
        settings=FineMappingSettings.from_settings(SETTINGS),
        qtl_p=1e-5,
    )


def test_traits_are_parted_into_their_planted_signals(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    cohort = Cohort(variants, dosages)
    found = fit(traits, RepeatedLd(GenotypeLd(cohort)))
    named = found.signals.set_index("gene_id")
    assert named.loc["two", "signal"].tolist() == [1, 2]
    assert set(named.loc["two", "method"]) == {"susie"}
    assert set(named.loc["two", "status"]) == {"ok"}
    assert (named.loc["one", "signal"], named.loc["none", "signal"]) == (1, 0)
    assert (named.loc["none", "status"], named.loc["none", "method"]) == ("weak", "abf")
    assert named.loc["none", "reason"] == "No variant in the locus has p of at most 1e-05."
    r = np.corrcoef(dosages)
    for lead, causal in zip(
        named.loc["two", "lead_variant"], named.loc["two", "signal"].map({1: 0, 2: 1}), strict=True
    ):
        assert max(abs(r[variants["variant"].tolist().index(lead), j]) for j in TWO) > 0.8, causal
    assert cohort.n_reads == 1


def test_factors_and_ld_are_those_of_the_engine(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    settings = FineMappingSettings.from_settings(SETTINGS)
    found = fit(traits, RepeatedLd(GenotypeLd(Cohort(variants, dosages))))
    rows = traits[traits["gene_id"] == "two"].reset_index(drop=True)
    r = np.corrcoef(dosages)
    direct = NativeSusie().fit(SusieInput(rows["z_score"].to_numpy(), r, 574.0), settings.susie)
    effects = sorted((one.effect for one in direct.credible_sets), key=lambda k: -direct.lbf[k])
    lbf = found.signal_lbf.query("gene_id == 'two'")
    assert sorted(lbf["signal"].unique()) == [1, 2]
    for signal, effect in enumerate(effects, start=1):
        of_signal = lbf[lbf["signal"] == signal].set_index("variant").loc[rows["variant"]]
        np.testing.assert_allclose(of_signal["log_bayes_factor"], direct.lbf_variable[effect], rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(of_signal["effect_sign"], np.sign(direct.mu[effect]))
    (pair,) = found.signal_ld.to_dict("records")
    leads = found.signals.query("gene_id == 'two'")["lead_variant"].tolist()
    first, second = (variants["variant"].tolist().index(lead) for lead in leads)
    assert (pair["locus"], pair["qtl"], pair["gene_id"]) == (LOCUS["locus"], "q", "two")
    assert (pair["first_signal"], pair["second_signal"]) == (1, 2)
    assert pair["r"] == pytest.approx(r[first, second], abs=1e-6)


def test_ld_follows_the_alleles_of_the_trait(traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray) -> None:
    """One lead exchanged in the QTL table: r between the leads changes its sign, the signals do not change."""
    rows = traits[traits["gene_id"] == "two"].reset_index(drop=True)
    plain = fit(rows, RepeatedLd(GenotypeLd(Cohort(variants, dosages))))
    lead = rows["variant"] == plain.signals["lead_variant"].iloc[0]
    turned = rows.assign(
        ref=rows["ref"].mask(lead, "G"),
        alt=rows["alt"].mask(lead, "A"),
        beta=rows["beta"].mask(lead, -rows["beta"]),
        z_score=rows["z_score"].mask(lead, -rows["z_score"]),
        alt_frequency=rows["alt_frequency"].mask(lead, 1 - rows["alt_frequency"]),
    )
    found = fit(turned.assign(variant=variant_keys(turned)), RepeatedLd(GenotypeLd(Cohort(variants, dosages))))
    assert found.signal_ld["r"].item() == pytest.approx(-plain.signal_ld["r"].item(), rel=1e-6)
    np.testing.assert_allclose(found.signals["log_bayes_factor"], plain.signals["log_bayes_factor"], rtol=1e-6)


def test_ld_is_made_once_for_traits_with_the_same_variants(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    ld = RepeatedLd(GenotypeLd(Cohort(variants, dosages)))
    region = Region("3", 999, 6000)
    rows = traits[traits["gene_id"] == "one"]
    first = ld.align(region, rows, min_maf=0.0).matrix()
    assert ld.align(region, traits[traits["gene_id"] == "two"], min_maf=0.0).matrix() is first
    fewer = ld.align(region, rows.iloc[5:], min_maf=0.0).matrix()
    assert fewer is not first
    np.testing.assert_allclose(fewer.r, first.r[5:, 5:], atol=1e-7)
    leads = rows["variant"].iloc[[7, 9]].tolist()
    np.testing.assert_allclose(ld.correlation(leads), first.r[np.ix_([7, 9], [7, 9])], atol=1e-7)
    with pytest.raises(ValueError, match="does not have"):
        ld.correlation([rows["variant"].iloc[0]])


def test_without_a_cohort_every_trait_says_so(traits: pd.DataFrame) -> None:
    found = fit(traits, None, cohort=None)
    assert found.signals["gene_id"].tolist() == ["none", "one", "two"]
    assert set(found.signals["signal"]) == {0}
    assert set(found.signals["status"]) == {"no_ld"}
    assert set(found.signals["reason"]) == {"The QTL set names no cohort for LD."}
    assert found.signal_lbf.empty
    assert found.signal_ld.empty
    one = traits[traits["gene_id"] == "one"]
    strongest = one["variant"].iloc[int(one["z_score"].abs().to_numpy().argmax())]
    assert found.signals["lead_variant"].iloc[1] == strongest
    assert (found.signals["coverage"] >= 0.95).all()


def test_ld_that_covers_little_leaves_the_single_effect(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    few = Cohort(variants.iloc[:20].reset_index(drop=True), dosages[:20])
    found = fit(traits, RepeatedLd(GenotypeLd(few))).signals.set_index("gene_id")
    assert found.loc[["one", "two"], "status"].tolist() == ["ld_sparse", "ld_sparse"]
    assert found.loc["one", "reason"].startswith("20 variants have LD, fewer than 30")
    assert set(found["signal"]) == {0}


def test_ld_of_others_leaves_the_single_effect(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    shuffled = np.random.default_rng(1).permutation(len(dosages))
    found = fit(traits, RepeatedLd(GenotypeLd(Cohort(variants, dosages[shuffled])))).signals.set_index("gene_id")
    assert found.loc[["one", "two"], "status"].tolist() == ["ld_mismatch", "ld_mismatch"]
    assert found.loc[["one", "two"], "ld_verdict"].tolist() == ["FAIL", "FAIL"]


def test_traits_without_statistics_keep_a_row(
    traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray
) -> None:
    silent = traits.assign(beta=np.nan, standard_error=np.nan, z_score=np.nan, n_effective=np.nan)
    for ld in (None, RepeatedLd(GenotypeLd(Cohort(variants, dosages)))):
        found = fit(silent, ld).signals
        assert found["gene_id"].nunique() == 3
        assert found["log_bayes_factor"].isna().all()
        write = QTL_SIGNALS.frame(found.to_dict("records"))
        assert write["lead_variant"].notna().all()


def test_step(traits: pd.DataFrame, variants: pd.DataFrame, dosages: np.ndarray, tmp_path: Path) -> None:
    write_table(LOCI.frame([LOCUS, LOCUS | {"locus": "skipped", "status": "mhc"}]), tmp_path / "loci.parquet", LOCI)
    for name in ("full", "without", "leads"):
        write_table(traits, tmp_path / f"{name}.parquet", QTL)
    listed = variants.rename(columns={"alt": "effect_allele", "ref": "other_allele"})
    listed.to_csv(tmp_path / "panel.variants.tsv", sep="\t", index=False)
    np.savez(tmp_path / "panel.npz", r=np.corrcoef(dosages))
    (tmp_path / "genome.fa").write_text(">3\n" + "N" * 20000 + "\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    row = {"cohort": "panel", "chromosome": "3", "genotypes": None, "dosage_field": None}
    outputs = {
        name: str(tmp_path / f"{name}.out.parquet") for name in ("qtl_signals", "qtl_signal_lbf", "qtl_signal_ld")
    }
    finemap_qtls.main(
        loci=str(tmp_path / "loci.parquet"),
        qtl_tables=[str(tmp_path / f"{name}.parquet") for name in ("full", "without", "leads")],
        genome=str(tmp_path / "genome.fa"),
        **outputs,
        qtls={"full": SHEET, "without": SHEET | {"cohort": None}, "leads": SHEET | {"coverage": "lead"}},
        cohorts={"panel": [row | {"ld_matrix": str(tmp_path / "panel.npz"), "n_samples": 574}]},
        settings=SETTINGS | {"qtl_p": 1e-5},
    )
    signals = read_table(outputs["qtl_signals"], QTL_SIGNALS)
    names = list(zip(signals["locus"], signals["qtl"], signals["gene_id"], signals["signal"], strict=True))
    locus = LOCUS["locus"]
    assert names == [
        *[(locus, "full", "none", 0), (locus, "full", "one", 1), (locus, "full", "two", 1), (locus, "full", "two", 2)],
        *[(locus, "without", gene, 0) for gene in ("none", "one", "two")],
    ]
    lbf = read_table(outputs["qtl_signal_lbf"], QTL_SIGNAL_LBF)
    assert lbf.groupby(["gene_id", "signal"]).size().tolist() == [N_VARIANTS] * 3
    assert read_table(outputs["qtl_signal_ld"], QTL_SIGNAL_LD)["gene_id"].tolist() == ["two"]


def test_blas_has_one_thread_while_traits_are_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more it sums in another order, and results would depend on the job's threads."""
    seen: list[int] = []

    def look(items: Iterable[object], **_: object) -> Iterable[object]:
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return items

    monkeypatch.setattr(finemap_qtls, "Genome", nullcontext)
    monkeypatch.setattr(finemap_qtls, "tracked", look)
    write_table(LOCI.empty(), tmp_path / "loci.parquet", LOCI)
    names = ("qtl_signals", "qtl_signal_lbf", "qtl_signal_ld")
    outputs = {name: str(tmp_path / f"{name}.parquet") for name in names}
    with threadpool_limits(2, user_api="blas"):
        finemap_qtls.main(
            loci=str(tmp_path / "loci.parquet"),
            qtl_tables=[],
            genome="",
            **outputs,
            qtls={},
            cohorts={},
            settings=SETTINGS | {"qtl_p": 1e-5},
        )
    assert set(seen) == {1}
