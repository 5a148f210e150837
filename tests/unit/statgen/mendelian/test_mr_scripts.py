"""The three steps from files to files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import pytest
from test_cis import coloc_row, qtl_row, signal_row
from test_directions import GENE_TABLE
from test_two_sample import SETTINGS, study

import estimate_cis_effects
import estimate_trait_effects
import tabulate_directions
from locus2target.core.schemas import (
    CIS_EFFECTS,
    COLOCALIZATION,
    GENE_DIRECTIONS,
    GENES,
    LOCI,
    QTL,
    QTL_SIGNAL_LD,
    QTL_SIGNALS,
    SUMSTATS,
    TRAIT_EFFECTS,
    TRAIT_INSTRUMENTS,
)
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.statgen.mendelian.estimators import ivw
from locus2target.statgen.mendelian.instruments import Instruments

# ---- Molecular traits ----------------------------------------------------------------------------------------------


def put(folder: Path, name: str, table: pd.DataFrame, schema: TableSchema) -> str:
    path = folder / f"{name}.parquet"
    write_table(table, path, schema)
    return str(path)


@pytest.fixture
def cis_files(tmp_path: Path) -> dict[str, Any]:
    locus = {
        "locus": "ra__1_1_999",
        "study": "ra",
        "disease": "arthritis",
        "chromosome": "1",
        "start": 0,
        "end": 999,
        "lead_variant": "1:100:A:G",
        "lead_neg_log10_p": 20.0,
        "n_variants": 3,
        "n_leads": 1,
        "status": "ok",
        "reason": "",
    }
    other = {"gene_id": "ENSG2", "phenotype_id": "ENSG2"}
    tests = [coloc_row(1, 1, 0.9), coloc_row(1, 1, 0.1, **other), coloc_row(1, 1, 0.8, qtl="splicing", qtl_type="sqtl")]
    statistics = study(np.array([0.2, -0.1]), np.full(2, 0.02), 1000).assign(chromosome="1", position=[100, 5000])
    statistics = statistics.assign(variant="1:" + statistics["position"].astype(str) + ":A:G")
    ld_row = {"locus": "ra__1_1_999", "tissue": "liver", "gene_id": "ENSG1", "phenotype_id": "ENSG1"}
    return {
        "loci": put(tmp_path, "loci", LOCI.frame([locus]), LOCI),
        "sumstats": [put(tmp_path, "ra", statistics, SUMSTATS)],
        "qtl_tables": [
            put(tmp_path, "eqtl_set", QTL.frame([qtl_row(100, 0.4, 0.05)]), QTL),
            put(tmp_path, "splicing", QTL.frame([qtl_row(100, -0.4, 0.05)]), QTL),
        ],
        "qtl_signals": put(
            tmp_path,
            "signals",
            QTL_SIGNALS.frame([signal_row(1, "1:100:A:G"), signal_row(1, "1:100:A:G") | {"qtl": "splicing"}]),
            QTL_SIGNALS,
        ),
        "qtl_signal_ld": put(
            tmp_path,
            "ld",
            QTL_SIGNAL_LD.frame([ld_row | {"qtl": "eqtl_set", "first_signal": 1, "second_signal": 2, "r": 0.1}]),
            QTL_SIGNAL_LD,
        ),
        "colocalization": put(tmp_path, "colocalization", COLOCALIZATION.frame(tests), COLOCALIZATION),
        "cis_effects": str(tmp_path / "cis_effects.parquet"),
        "settings": {"min_posterior_h4": 0.5},
    }


def test_cis_effects_and_directions(cis_files: dict[str, Any], tmp_path: Path) -> None:
    estimate_cis_effects.main(**cis_files)
    found = read_table(cis_files["cis_effects"], CIS_EFFECTS).set_index("qtl_type")
    assert found["gene_id"].tolist() == ["ENSG1", "ENSG1"]  # ENSG2 does not colocalize
    assert found["estimate"].to_dict() == pytest.approx({"eqtl": 0.5, "sqtl": -0.5})
    outputs = {"gene_directions": str(tmp_path / "d.parquet"), "gene_directions_tsv": str(tmp_path / "d.tsv")}
    genes = put(tmp_path, "genes", GENE_TABLE, GENES)
    tabulate_directions.main(cis_effects=[cis_files["cis_effects"]], genes=genes, **outputs)
    (row,) = read_table(outputs["gene_directions"], GENE_DIRECTIONS).to_dict("records")
    assert (row["gene_symbol"], row["direction"], row["reliability"], row["n_tests"]) == ("CTLA4", 1.0, "single", 1)
    listed = pd.read_csv(outputs["gene_directions_tsv"], sep="\t")
    assert (
        listed["statement"][0]
        == "Higher CTLA4 expression goes with more arthritis (strongest in liver; the only test)."
    )


def test_nothing_that_colocalizes_gives_empty_tables(cis_files: dict[str, Any], tmp_path: Path) -> None:
    estimate_cis_effects.main(**cis_files | {"settings": {"min_posterior_h4": 0.95}})
    assert read_table(cis_files["cis_effects"], CIS_EFFECTS).empty
    outputs = {"gene_directions": str(tmp_path / "d.parquet"), "gene_directions_tsv": str(tmp_path / "d.tsv")}
    genes = put(tmp_path, "genes", GENE_TABLE, GENES)
    tabulate_directions.main(cis_effects=[cis_files["cis_effects"]], genes=genes, **outputs)
    assert read_table(outputs["gene_directions"], GENE_DIRECTIONS).empty


# ---- Two studies ---------------------------------------------------------------------------------------------------

N_PAIRS, N_PEOPLE, GAP, REACH = 6, 80, 20_000, 5_000
ROW = {"study": "bmi", "cohort": "panel", "trait_type": "quantitative", "sd_y": 1.0, "n_samples": 50_000}


@pytest.fixture(scope="module")
def trait_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Six independent places with two variants each in full LD, and one variant that the cohort lacks."""
    folder = tmp_path_factory.mktemp("traits")
    positions = np.sort(np.concatenate([GAP * np.arange(1, N_PAIRS + 1), GAP * np.arange(1, N_PAIRS + 1) + 500]))
    rng = np.random.default_rng(2)
    calls = np.repeat(rng.integers(0, 3, (N_PAIRS, N_PEOPLE)), 2, axis=0)
    (folder / "genome.fa").write_text(">1\n" + "N" * (GAP * (N_PAIRS + 2)) + "\n")
    pysam.faidx(str(folder / "genome.fa"))
    header = ["##fileformat=VCFv4.2", "##contig=<ID=1>", '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">']
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines = [*header, "\t".join([*columns, *(f"p{person}" for person in range(N_PEOPLE))])]
    for position, row in zip(positions, calls, strict=True):
        genotypes = [("0/0", "0/1", "1/1")[call] for call in row]
        lines.append("\t".join(["1", str(position), ".", "A", "G", ".", ".", ".", "GT", *genotypes]))
    (folder / "panel.vcf").write_text("\n".join(lines) + "\n")
    vcf = pysam.tabix_index(str(folder / "panel.vcf"), preset="vcf", force=True)
    beta = np.append(np.tile([0.2, 0.15], N_PAIRS) + rng.normal(0, 0.01, 2 * N_PAIRS), 0.12)
    place = {"chromosome": "1", "position": np.append(positions, GAP * (N_PAIRS + 1))}
    exposure = study(beta, np.full(len(beta), 0.01), 50_000, **place)
    outcome = study(0.3 * beta, np.full(len(beta), 0.02), 40_000, **place)
    cohort = {"cohort": "panel", "chromosome": "all", "genotypes": vcf, "dosage_field": "GT"}
    return {
        "exposure_sumstats": put(folder, "bmi", exposure, SUMSTATS),
        "outcome_sumstats": put(folder, "chd", outcome, SUMSTATS),
        "genome": str(folder / "genome.fa"),
        "cohorts": {"panel": [cohort | {"ld_matrix": None, "n_samples": None}]},
        "exposure": ROW,
        "outcome": ROW | {"study": "chd", "cohort": None},
        "settings": SETTINGS | {"clump_bp": REACH, "clump_r2": 0.2},
    }


def run_traits(files: dict[str, Any], folder: Path, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    outputs = {name: str(folder / f"{name}.parquet") for name in ("trait_effects", "instruments")}
    listed = str(folder / "trait_effects.tsv")
    estimate_trait_effects.main(**files | changes, **outputs, trait_effects_tsv=listed, figures=str(folder / "figures"))
    effects = read_table(outputs["trait_effects"], TRAIT_EFFECTS)
    assert pd.read_csv(listed, sep="\t")["method"].tolist() == effects["method"].tolist()
    return effects, read_table(outputs["instruments"], TRAIT_INSTRUMENTS)


def test_instruments_are_clumped_with_the_cohort_and_the_effect_estimated(
    trait_files: dict[str, Any], tmp_path: Path
) -> None:
    effects, instruments = run_traits(trait_files, tmp_path)
    assert instruments["status"].tolist() == ["used", "clumped"] * N_PAIRS + ["not_in_ld_panel"]
    used = instruments[instruments["status"] == "used"]
    data = Instruments(
        *(used[name].to_numpy() for name in ("exposure_beta", "exposure_se", "outcome_beta", "outcome_se"))
    )
    row = effects.set_index("method").loc["ivw"]
    assert row["estimate"] == pytest.approx(ivw(data).estimate)
    assert row["estimate"] == pytest.approx(0.3)
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    plots = [f"{plot}.{form}" for plot in ("forest", "funnel", "radial", "scatter") for form in ("png", "svg")]
    assert names == ["README.md", *plots]


def test_a_study_without_cohort_is_clumped_by_distance(trait_files: dict[str, Any], tmp_path: Path) -> None:
    _, instruments = run_traits(trait_files, tmp_path, exposure=ROW | {"cohort": None})
    assert instruments["status"].tolist() == ["used", "clumped_by_distance"] * N_PAIRS + ["used"]


def test_studies_that_share_nothing_end_with_a_reason(trait_files: dict[str, Any], tmp_path: Path) -> None:
    empty = put(tmp_path, "empty", SUMSTATS.empty(), SUMSTATS)
    effects, instruments = run_traits(trait_files, tmp_path, outcome_sumstats=empty)
    assert effects["status"].tolist() == ["no_instruments"]
    assert set(instruments["status"]) == {"not_in_outcome"}
    effects, instruments = run_traits(trait_files, tmp_path, exposure_sumstats=empty)
    assert effects["reason"].tolist() == ["No variant is associated with the exposure."]
    assert instruments.empty
