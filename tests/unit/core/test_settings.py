import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from locus2target.core.errors import InputError
from locus2target.core.settings import load_settings

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "workflow" / "schemas"
Config = dict[str, Any]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The shipped config, with its sheets copied to where a test may edit them."""
    shipped: Config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for name, path in shipped["sheets"].items():
        copied = tmp_path / f"{name}.tsv"
        copied.write_text((ROOT / path).read_text())
        shipped["sheets"][name] = str(copied)
    return shipped


def problem(config: Config) -> str:
    with pytest.raises(InputError) as refused:
        load_settings(config, schemas=SCHEMAS, where="config.yaml")
    return str(refused.value)


def test_the_shipped_config_is_valid(config: Config) -> None:
    settings = load_settings(config, schemas=SCHEMAS, where="config.yaml")
    assert len(settings.diseases) == 6
    assert settings.weights("motif_jaspar2026") == ["resources/motifs/jaspar2026_core_vertebrates.npz"]
    settings.models["motif_jaspar2026"] |= {"weights": "w/fold{replicate}", "replicates": "0, 3"}
    assert settings.weights("motif_jaspar2026") == ["w/fold0", "w/fold3"]
    assert settings.chain("GRCh37") is None
    assert settings.chain("GRCh38") == config["genome"]["chains"]["GRCh38"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(lcoi={}), "unknown key 'lcoi'; did you mean 'loci'?"),
        (lambda c: c["loci"].update(windw_bp=5), "unknown key 'loci.windw_bp'; did you mean 'window_bp'?"),
        (lambda c: c["loci"].pop("window_bp"), "missing key 'loci.window_bp'"),
        (
            lambda c: c["loci"].update(window_bp="500kb"),
            "'500kb', expected integer: bases, 1 or more",
        ),
        (lambda c: c["loci"].update(lead_p="5e-8"), "YAML takes 5e-8 for text; write 5.0e-8"),
        (lambda c: c["loci"].update(lead_p=5), "'loci.lead_p' is 5, expected p-value between 0 and 1"),
        (lambda c: c["genome"].update(build="hg19"), "'genome.build' is 'hg19', expected genome build of the run"),
        (lambda c: c["genome"]["chains"].clear(), "has no 'genome.chains.GRCh38'"),
        (lambda c: c["finemapping"]["ld"].update(warn_lambda=0.5), "'finemapping.ld.warn_lambda' is above"),
        (lambda c: c["sheets"].update(studies="absent.tsv"), "'sheets.studies': no file 'absent.tsv'"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_name(
    config: Config, change: Callable[[Config], object], expected: str
) -> None:
    changed = copy.deepcopy(config)
    change(changed)
    message = problem(changed)
    assert expected in message
    assert "config.yaml" in message


def edit(path: str, change: Callable[[list[list[str]]], object]) -> None:
    rows = [line.split("\t") for line in Path(path).read_text().splitlines()]
    change(rows)
    Path(path).write_text("".join("\t".join(row) + "\n" for row in rows))


def cell(rows: list[list[str]], line: int, column: str, value: str) -> None:
    rows[line - 1][rows[0].index(column)] = value


@pytest.mark.parametrize(
    ("sheet", "change", "expected"),
    [
        (
            "studies",
            lambda r: cell(r, 1, "disease", "diseese"),
            "unknown column 'diseese'; did you mean 'disease'?",
        ),
        ("studies", lambda r: cell(r, 1, "disease", "diseese"), "line 1: missing column 'disease'"),
        ("studies", lambda r: cell(r, 2, "n_samples", "many"), "line 2, column 'n_samples': 'many', expected"),
        ("studies", lambda r: cell(r, 3, "build", "hg18"), "line 3, column 'build': 'hg18', expected GRCh37 or GRCh38"),
        ("studies", lambda r: cell(r, 3, "study", ""), "line 3, column 'study': is empty"),
        ("studies", lambda r: cell(r, 3, "study", r[1][0]), "lines 2 and 3: study "),
        ("studies", lambda r: cell(r, 2, "cohort", "nobody"), "names cohort 'nobody', which is not in"),
        (
            "studies",
            lambda r: cell(r, 2, "columns", "p=P=Q"),
            "column 'columns': 'p=P=Q', expected name=COLUMN",
        ),
        ("studies", lambda r: r[1].pop(), "line 2:"),
        ("qtls", lambda r: cell(r, 2, "coverage", "all"), "line 2, column 'coverage': 'all', expected full"),
        ("models", lambda r: cell(r, 2, "backend", "borzoy"), "line 2, column 'backend': 'borzoy', expected motif"),
        ("models", lambda r: cell(r, 2, "backend", "score_table"), "of backend score_table does not read window_bp"),
        ("models", lambda r: cell(r, 2, "replicates", "0,1"), "must have both '{replicate}' in weights and a list of"),
        ("cohorts", lambda r: r.__delitem__(slice(1, None)), "cohorts.tsv: no rows"),
        (
            "cohorts",
            lambda r: r.append([r[2][0], "chr20", *r[2][2:]]),
            "cohort 'EUR489_dense_chr20' has 2 rows for chromosome '20'",
        ),
        (
            "cohorts",
            lambda r: r.append([r[2][0], "21", *r[2][2:5], "DS", *r[2][6:]]),
            "cohort 'EUR489_dense_chr20' has dosage fields DS and GT",
        ),
        ("cohorts", lambda r: cell(r, 2, "dosage_field", ""), "needs in each row either genotypes and dosage_field"),
        ("cohorts", lambda r: cell(r, 2, "ld_matrix", "ld.npz"), "needs in each row either genotypes and"),
        (
            "cohorts",
            lambda r: (cell(r, 2, "ld_matrix", "ld.npz"), cell(r, 2, "genotypes", "")),
            "or an ld_matrix and n_samples",
        ),
        (
            "cohorts",
            lambda r: r.append([r[2][0], "21", "", "ld.npz", "500", *r[2][5:]]),
            "cohort 'EUR489_dense_chr20' has genotypes in some rows and LD matrices in others",
        ),
        ("qtls", lambda r: cell(r, 2, "cohort", "nobody"), "qtl 'onek1k_cd4_t_cell' names cohort 'nobody'"),
    ],
)
def test_a_wrong_sheet_is_refused_with_file_and_line(
    config: Config, sheet: str, change: Callable[[list[list[str]]], object], expected: str
) -> None:
    edit(config["sheets"][sheet], change)
    message = problem(config)
    assert expected in message
    assert f"{sheet}.tsv" in message


def test_an_exposure_must_be_a_study_with_summary_statistics(config: Config) -> None:
    edit(config["sheets"]["studies"], lambda rows: cell(rows, 2, "format", "credible_sets"))
    pairs = [{"exposure": "scz_pgc2", "outcome": "nobody"}]
    message = problem(config | {"mendelian_randomization": config["mendelian_randomization"] | {"pairs": pairs}})
    assert "'mendelian_randomization.pairs.0.exposure' is 'scz_pgc2', which comes as credible sets" in message
    assert "'mendelian_randomization.pairs.0.outcome' is 'nobody', which is no study" in message


@pytest.mark.parametrize(("section", "key"), [("functional_priors", "ranking"), ("colocalization", "variant_priors")])
def test_functional_priors_must_be_fitted_to_be_used(config: Config, section: str, key: str) -> None:
    changed = copy.deepcopy(config)
    changed["functional_priors"]["enabled"] = False
    changed[section][key] = "functional"
    assert f"'{section}.{key}' is functional, and 'functional_priors.enabled' is false" in problem(changed)


def test_all_problems_are_reported_at_once(config: Config) -> None:
    edit(config["sheets"]["studies"], lambda rows: cell(rows, 2, "build", "hg18"))
    edit(config["sheets"]["qtls"], lambda rows: cell(rows, 2, "strand", "plus"))
    message = problem(config)
    assert "2 problems" in message
    assert "'hg18'" in message
    assert "'plus'" in message
