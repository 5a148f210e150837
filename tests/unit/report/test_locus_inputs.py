"""What each locus of a run brings to its pack, read from its tables."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pack_decoder import decode, running_sum, unpack
from report_run import HOSTILE, LEAD, N_VARIANTS, START, ToyRun, gene_id

import locus2target.report.locus_inputs as locus_inputs_module
from locus2target.core import schemas
from locus2target.core.tables import Record, records, write_table
from locus2target.report.locus_inputs import (
    MAX_QTL_GENES,
    BesideTables,
    best_tests,
    locus_inputs,
    pack_loci,
    read_locus_qtl,
)
from locus2target.report.run_tables import RunTables, TableParts, load_run_tables


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


def _qtl_row(position: int, gene: int, p: float, **values: object) -> dict[str, object]:
    row = {
        "variant": f"22:{position}:A:G",
        "chromosome": "22",
        "position": position,
        "ref": "A",
        "alt": "G",
        "neg_log10_p": p,
        "ref_verified": True,
        "gene_id": gene_id(gene),
        "phenotype_id": gene_id(gene),
        "tissue": "Whole blood",
    }
    return {**row, **values}


@pytest.fixture(scope="module")
def qtl_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("qtl") / "blood_eqtl.parquet"
    rows = [
        _qtl_row(LEAD, 0, 20.25),
        _qtl_row(LEAD, 0, 3.0, phenotype_id="intron:7"),
        _qtl_row(LEAD, 0, 4.0, tissue="Liver"),
        _qtl_row(LEAD, 0, 19.0),  # the variant again
        _qtl_row(LEAD + 1, 0, 1.5),  # no variant of the locus
        _qtl_row(START + 1, 1, 0.25),
        _qtl_row(LEAD, 2, 2.5, tissue="Liver"),
        _qtl_row(START, 0, 9.0),  # the base before the locus
    ]
    write_table(schemas.QTL.frame(rows), path, schemas.QTL)
    return path


@pytest.fixture(scope="module")
def packs(tables: RunTables, qtl_path: Path) -> dict[str, tuple[dict[str, Any], dict[str, list[float | None]]]]:
    peaks = pd.DataFrame({"chromosome": ["22"], "start": [LEAD - 50], "end": [LEAD + 50], "context": [HOSTILE]})
    beside = BesideTables({"blood_eqtl": qtl_path}, open_chromatin=peaks)
    return {name: unpack(decode(text)) for name, text in pack_loci(tables, beside).items()}


def test_every_locus_with_statistics_has_a_pack_in_the_order_of_the_run(
    packs: dict[str, object],
) -> None:
    assert list(packs) == ["alpha_strong", "alpha_sparse", "beta_unsigned", "beta_quiet"]


def test_association_is_that_of_the_table(tables: RunTables, packs: dict[str, Any]) -> None:
    for name, (header, arrays) in packs.items():
        (rows,) = tables.credible_sets.read(only={"locus": [name]})
        rows = rows.sort_values("position")
        assert header["n"] == N_VARIANTS
        assert running_sum(arrays["step"], header["first"]) == rows["position"].tolist()
        assert arrays["neg_log10_p"] == pytest.approx(rows["neg_log10_p"].tolist(), abs=0.005 + 1e-9)
        assert arrays["pip"] == pytest.approx(rows["pip"].tolist(), abs=0.5 / 65534 + 1e-12)
        found = np.array(arrays["r2"], dtype=np.float64)
        assert found == pytest.approx(rows["r_lead"].to_numpy() ** 2, abs=0.5 / 254 + 1e-9, nan_ok=True)


def test_qtl_of_the_best_tests(packs: dict[str, Any]) -> None:
    header, arrays = packs["alpha_strong"]
    found = {
        entry["gene_id"]: (entry["posterior_h4"], arrays[entry["arrays"]["neg_log10_p"]]) for entry in header["qtl"]
    }
    assert found == {gene_id(0): (0.97, [20.25]), gene_id(1): (0.71, [0.25]), gene_id(2): (0.02, [2.5])}
    places = running_sum(arrays[header["qtl"][0]["arrays"]["step"]], 0)
    positions = running_sum(arrays["step"], header["first"])
    assert [positions[place] for place in places] == [LEAD]
    assert header["qtl"][0]["exact"] == {str(places[0]): 20.25}
    assert packs["alpha_sparse"][0]["qtl"] == []


def test_genes_are_candidates_and_those_that_code_for_a_protein(packs: dict[str, Any]) -> None:
    header, _ = packs["alpha_strong"]
    assert {gene["gene_id"] for gene in header["genes"]} == {gene_id(number) for number in range(10)}
    assert all(len(gene["exons"]) == 4 for gene in header["genes"])
    assert HOSTILE in {gene["symbol"] for gene in header["genes"]}


def test_other_genes_are_counted(tables: RunTables) -> None:
    lone = replace(tables, locus_genes=schemas.LOCUS_GENES.empty())
    notes = {each.locus["locus"]: each.notes for each in locus_inputs(lone, BesideTables({}))}
    assert "Not drawn: 1 gene that neither codes for a protein nor is a candidate." in notes["alpha_strong"]
    assert notes["beta_quiet"] == ()


def test_intervals_lie_in_the_locus(packs: dict[str, Any]) -> None:
    assert packs["alpha_strong"][0]["intervals"] == [
        {"kind": "open_chromatin", "context": HOSTILE, "start": LEAD - 50, "end": LEAD + 50, "gene": None}
    ]
    assert packs["alpha_sparse"][0]["intervals"] == []


def test_maps_and_what_could_not_be_scored(packs: dict[str, Any]) -> None:
    header, _ = packs["alpha_strong"]
    (entry,) = header["mutagenesis"]
    assert (entry["start"], entry["length"]) == (LEAD - 41, 81)
    assert [motif["name"] for motif in entry["motifs"]] == ["GATA1 MA0035.5"]
    sparse, _ = packs["alpha_sparse"]
    assert sparse["mutagenesis"] == []
    assert f"No mutagenesis around 17:{LEAD}:A:G by jaspar: The FASTA has only N there." in sparse["note"]


def test_effects_are_the_largest_of_variants_with_weight(tables: RunTables, qtl_path: Path, tmp_path: Path) -> None:
    (variants,) = tables.credible_sets.read(only={"locus": ["alpha_strong"]})

    def effect(index: int, value: float | None, *, largest: bool = True) -> dict[str, object]:
        row = {"variant": variants["variant"].iloc[index], "model": "jaspar", "scorer": "s", "mask": "", "value": value}
        status = "no_sequence" if value is None else "ok"
        return {**row, "largest": largest, "status": status, "reason": "N there" if value is None else ""}

    effects = [effect(600, 1.5), effect(600, 0.5, largest=False), effect(5, 9.0), effect(601, None), effect(602, None)]
    write_table(schemas.VARIANT_EFFECTS.frame(effects), tmp_path / "effects.parquet", schemas.VARIANT_EFFECTS)
    run = replace(tables, variant_effects=TableParts((tmp_path / "effects.parquet",), schemas.VARIANT_EFFECTS))
    header = unpack(decode(pack_loci(run, BesideTables({"blood_eqtl": qtl_path}))["alpha_strong"]))[0]
    assert [(each["index"], each["value"], each["status"]) for each in header["effects"]] == [
        (600, 1.5, "ok"),
        (601, None, "no_sequence"),
        (602, None, "no_sequence"),
    ]
    assert "No predicted effect for 2 variants with a PIP of 0.001 or more: N there." in header["note"]


def test_signals_in_order_as_the_table_has_them(tables: RunTables, packs: dict[str, Any]) -> None:
    rows = packs["alpha_strong"][0]["signals"]
    assert [(row["signal"], row["primary"], row["purity"]) for row in rows] == [(0, False, None), (1, True, 0.93)]
    own = tables.signals[tables.signals["locus"] == "alpha_strong"].sort_values("signal")
    for name in ("log_bayes_factor", "n_credible", "coverage", "lead_variant", "method", "status", "reason"):
        assert [row[name] for row in rows] == own[name].tolist()
    assert packs["beta_quiet"][0]["signals"] == []


def test_tested_pairs_of_the_table_best_first(tables: RunTables, packs: dict[str, Any]) -> None:
    header = packs["alpha_strong"][0]
    rows = header["colocalization"]
    assert [(row["gene_symbol"], row["tissue"]) for row in rows] == [
        ("GENE0", "Whole blood"),
        (HOSTILE, "Whole blood"),
        ("GENE2", "Liver"),
    ]
    own = tables.colocalization.set_index("gene_id")
    for row in rows:
        for name in ("posterior_h0", "posterior_h3", "posterior_h4", "p12_low", "p12_high", "direction", "n_shared"):
            assert row[name] == own.loc[row["gene_id"], name]
    assert header["colocalization_note"] == (
        "4 pairs of signal and molecular trait, 3 with a posterior. Without: too_few_shared_variants (1)."
    )
    assert packs["beta_quiet"][0]["colocalization_note"] == "No molecular trait was tested at this locus."


def test_at_most_fifty_pairs_those_used_for_ranking_first(tables: RunTables, qtl_path: Path) -> None:
    pairs = [_pair(number % 3, number / 100, primary=number < 5, locus="alpha_strong") for number in range(60)]
    run = replace(tables, colocalization=schemas.COLOCALIZATION.frame(pairs))
    (header,) = (unpack(decode(pack_loci(run, BesideTables({"blood_eqtl": qtl_path}))["alpha_strong"]))[0],)
    found = [row["posterior_h4"] for row in header["colocalization"]]
    assert found == [number / 100 for number in (4, 3, 2, 1, 0, *range(59, 14, -1))]
    assert "the 50 with the highest H4 are shown, signals used for ranking first" in header["colocalization_note"]


def test_evidence_that_names_no_gene_is_about_the_locus(packs: dict[str, Any]) -> None:
    assert packs["alpha_strong"][0]["statements"] == [
        {
            "source": "enhancer_gene_link",
            "status": "no_annotation",
            "detail": "The config gives no enhancer-gene links.",
        }
    ]
    assert packs["alpha_sparse"][0]["statements"] == []


def _pair(gene: int, h4: float | None, **values: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(("locus", "study", "disease", "status", "reason"), "x")
    row |= {"signal": 1, "primary": True, "qtl": "blood_eqtl", "qtl_type": "eqtl", "tissue": "Whole blood"}
    row |= {"gene_id": gene_id(gene), "phenotype_id": gene_id(gene), "qtl_signal": 0, "method": "abf", "n_shared": 9}
    return {**row, "posterior_h4": h4, **values}


def test_best_test_of_each_gene_with_any_chance() -> None:
    rows = [
        _pair(0, 0.4),
        _pair(0, 0.6, tissue="Liver"),
        _pair(1, 0.0099),
        _pair(2, None),
        _pair(3, 0.01),
        _pair(4, 0.9),
    ]
    found = best_tests(schemas.COLOCALIZATION.frame(rows))
    assert list(zip(found["gene_id"], found["tissue"], found["posterior_h4"], strict=True)) == [
        (gene_id(4), "Whole blood", 0.9),
        (gene_id(0), "Liver", 0.6),
        (gene_id(3), "Whole blood", 0.01),
    ]


def test_the_pair_used_for_ranking_comes_first_among_equals() -> None:
    rows = [_pair(0, 0.5, primary=False, tissue="a"), _pair(0, 0.5, tissue="b")]
    assert best_tests(schemas.COLOCALIZATION.frame(rows))["tissue"].tolist() == ["b"]


def test_at_most_twelve_genes() -> None:
    rows = [_pair(number, 0.5 + number / 100) for number in range(20)]
    found = best_tests(schemas.COLOCALIZATION.frame(rows))["gene_id"].tolist()
    assert found == [gene_id(number) for number in range(19, 19 - MAX_QTL_GENES, -1)]


def test_each_table_is_read_once_and_only_in_the_locus(
    tables: RunTables, qtl_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    original: Callable[..., pd.DataFrame] = locus_inputs_module.read_table
    monkeypatch.setattr(
        locus_inputs_module,
        "read_table",
        lambda *args, **options: calls.append(str(options["region"])) or original(*args, **options),
    )
    locus: Record = records(tables.loci)[0]
    pairs = tables.colocalization[tables.colocalization["locus"] == "alpha_strong"]
    found = read_locus_qtl({"blood_eqtl": qtl_path}, pairs, locus)
    assert calls == ["22:1000001-2000000"]
    assert [each.associations["neg_log10_p"].tolist() for each in found] == [[20.25, 1.5], [0.25], [2.5]]
    assert read_locus_qtl({}, pairs.iloc[:0], locus) == ()
