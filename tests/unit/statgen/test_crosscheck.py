"""The other engine on loci of the run: what agrees, what does not, and what a missing engine leaves behind."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from susie_reference import needs_susier
from test_finemapping import SETTINGS, STUDY, Genotypes, locus_data, locus_row, regress, write_vcf

from locus2target.core.errors import InputError
from locus2target.core.schemas import ENGINE_CROSSCHECK, FINE_MAPPING, LOCI, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.statgen.crosscheck import choose_loci, crosscheck_locus, engine_problem
from locus2target.statgen.engine import CredibleSet
from locus2target.statgen.finemapping import FineMappingSettings, finemap_locus
from locus2target.statgen.ld_sources import GenotypeLd
from locus2target.statgen.native import NativeSusie
from locus2target.statgen.susier import SusieR

__all__ = ["locus_data"]
sys.path.insert(0, str(Path(__file__).parents[3] / "workflow" / "scripts"))
RULES = FineMappingSettings.from_settings(SETTINGS)


class Absent:
    """An engine that is not installed."""

    def fit(self, data, settings):  # noqa: ARG002
        raise InputError("no R", where="engine", remedy="Install it.")


class Hesitant:
    """The native engine; with more than five effects it does not converge. It also finds a set without association."""

    def fit(self, data, settings):
        fit = NativeSusie().fit(data, settings)
        alpha, weakest = fit.alpha.copy(), int(np.argmin(np.abs(data.z_score)))
        alpha[4] = np.arange(len(data.z_score)) == weakest
        extra = CredibleSet(4, np.array([weakest]), 1.0, 1.0, 1.0, 1.0)
        return replace(fit, alpha=alpha, credible_sets=(*fit.credible_sets, extra), converged=settings.max_signals <= 5)


def check(locus_data, engine, change=lambda variants: variants, first=None):
    dosages, variants, sumstats = locus_data
    locus, source = locus_row(sumstats), GenotypeLd(Genotypes(variants, dosages))
    first = NativeSusie() if first is None else first
    ours = finemap_locus(locus, sumstats, study=STUDY, ld_source=source, engine=first, settings=RULES)
    return crosscheck_locus(
        locus,
        sumstats,
        variants=change(ours.credible_sets),
        study=STUDY,
        ld_source=source,
        engine=engine,
        settings=RULES,
    )


@needs_susier
def test_the_reference_engine_agrees(locus_data):
    result = check(locus_data, SusieR())
    assert result["max_pip_difference"] < 1e-6
    assert (result["same_credible_sets"], result["status"], result["reason"]) == (True, "ok", "")
    assert result["other_n_iterations"] > 1


def test_what_the_tables_say_is_what_is_compared(locus_data):
    shifted = check(locus_data, NativeSusie(), lambda rows: rows.assign(pip=rows["pip"] * 0.9))
    assert shifted["status"] == "disagrees"
    assert shifted["max_pip_difference"] > 0.05
    assert shifted["same_credible_sets"]
    renumbered = check(locus_data, NativeSusie(), lambda rows: rows.assign(credible_set=3 - rows["credible_set"]))
    assert renumbered["same_credible_sets"]
    fewer = check(
        locus_data, NativeSusie(), lambda rows: rows.assign(credible_set=rows["credible_set"].where(rows["pip"] < 0))
    )
    assert not fewer["same_credible_sets"]
    assert "not the same" in fewer["reason"]


def test_a_locus_that_stepped_down_is_compared_with_one_that_does(locus_data):
    """With fewer effects the verdict is WARN, which drops the set without association: from both or from none."""
    result = check(locus_data, Hesitant(), first=Hesitant())
    assert (result["status"], result["max_pip_difference"]) == ("ok", 0.0)
    result = check(locus_data, Hesitant())
    assert result["status"] == "ok"  # what settles with five effects has the same two signals as with ten


def test_the_choice_is_the_same_in_every_order_and_takes_only_fits():
    rows = FINE_MAPPING.frame(
        {"locus": f"l{number}", "method": "abf" if number % 5 == 0 else "susie"} for number in range(40)
    )
    chosen = choose_loci(rows, 4)["locus"].tolist()
    assert len(chosen) == 4
    assert not {f"l{number}" for number in range(0, 40, 5)} & set(chosen)
    assert choose_loci(rows.sample(frac=1.0, random_state=1), 4)["locus"].tolist() == chosen
    assert choose_loci(rows, 0).empty
    assert len(choose_loci(rows, 100)) == 32


def test_an_engine_that_is_not_there_is_told():
    assert "no R" in engine_problem(Absent())
    assert engine_problem(NativeSusie()) is None


def test_the_script_writes_a_row_per_chosen_locus(locus_data, tmp_path, monkeypatch):
    pysam = pytest.importorskip("pysam")
    import crosscheck_loci
    import finemap_loci

    dosages, variants, _ = locus_data
    calls = np.rint(dosages)
    trait = calls[122] - calls[793] + np.random.default_rng(1).normal(size=574)
    varies = calls.min(axis=1) < calls.max(axis=1)
    sumstats = regress(calls[varies], trait, variants[varies].reset_index(drop=True))
    write_table(sumstats, tmp_path / "s.parquet", SUMSTATS)
    write_vcf(tmp_path / "panel.vcf", variants, calls)
    pysam.tabix_index(str(tmp_path / "panel.vcf"), preset="vcf", force=True)
    (tmp_path / "genome.fa").write_text(">3\n" + "N" * 20000 + "\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    write_table(LOCI.frame([locus_row(sumstats)]), tmp_path / "loci.parquet", LOCI)
    paths = {name: str(tmp_path / f"{name}.parquet") for name in ("fine_mapping", "credible_sets")}
    shared = {
        "sumstats": [str(tmp_path / "s.parquet")],
        "genome": str(tmp_path / "genome.fa"),
        "studies": {"s": STUDY},
        "cohorts": {
            "panel": [
                {
                    "cohort": "panel",
                    "chromosome": 3,
                    "genotypes": str(tmp_path / "panel.vcf.gz"),
                    "ld_matrix": None,
                    "n_samples": None,
                    "dosage_field": "GT",
                }
            ]
        },
    }
    loci, out = str(tmp_path / "loci.parquet"), str(tmp_path / "crosscheck.parquet")
    finemap_loci.main(
        loci=loci,
        signals=str(tmp_path / "signals.parquet"),
        signal_lbf=str(tmp_path / "lbf.parquet"),
        settings=SETTINGS,
        threads=1,
        **paths,
        **shared,
    )

    def crosschecked(engine, n_loci=2):
        monkeypatch.setattr(crosscheck_loci, "open_engine", {"susier": engine}.get)
        crosscheck_loci.main(
            loci=[loci],
            crosscheck=out,
            settings=SETTINGS | {"crosscheck": n_loci},
            **{name: [path] for name, path in paths.items()},
            **shared,
        )
        return read_table(out, ENGINE_CROSSCHECK)

    row = crosschecked(NativeSusie()).iloc[0]
    assert (row["engine"], row["other_engine"], row["status"]) == ("native", "susier", "ok")
    assert row["max_pip_difference"] == 0.0
    assert row["n_iterations"] == row["other_n_iterations"]
    absent = crosschecked(Absent()).iloc[0]
    assert absent["status"] == "engine_missing"
    assert "Install it." in absent["reason"]
    assert pd.isna(absent["max_pip_difference"])
    assert crosschecked(Absent(), n_loci=0).empty
