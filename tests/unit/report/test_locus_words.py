# ruff: noqa: C408  rows of invented tables read better so
"""What not to conclude, against the toy run and tables written by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_run import HOSTILE, ToyRun

from locus2target.core import schemas
from locus2target.core.tables import write_table
from locus2target.report.locus_words import colocalization_note, locus_cautions
from locus2target.report.run_tables import RunTables, TableParts, load_run_tables

_STATUS = dict(status="ok", reason="", study="s", disease="alpha")


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


def _pair(gene: str, h4: float | None, **values: object) -> dict[str, object]:
    base = dict(locus="alpha_strong", signal=1, primary=True, qtl="q", qtl_type="eqtl", tissue="t", gene_id=gene)
    base |= dict(phenotype_id=gene, qtl_signal=0, method="abf", n_shared=500, posterior_h4=h4, **_STATUS)
    return {**base, **values}


def _of(tables: RunTables, locus: str = "alpha_strong", **changed: object) -> str:
    return " ".join(locus_cautions(replace(tables, **changed))[locus])  # type: ignore[arg-type]


def _mapped(tables: RunTables, **values: object) -> RunTables:
    own = tables.fine_mapping["locus"] == "alpha_strong"
    return replace(tables, fine_mapping=tables.fine_mapping.assign(**values)[own])  # type: ignore[arg-type]


def test_every_locus_has_cautions_in_the_order_of_the_run(tables: RunTables) -> None:
    found = locus_cautions(tables)
    assert list(found) == tables.loci["locus"].tolist()
    for locus in ("alpha_mhc", "alpha_small", "gamma_2020__none"):
        assert found[locus] == ("Nothing was analysed here, which says nothing for or against any gene.",)


@pytest.mark.parametrize(
    ("locus", "sentence"),
    [
        ("alpha_strong", "375 of 1,500 variants are not in the cohort and can have no PIP"),
        ("alpha_strong", "375 of 1,500 variants have no LD with the lead variant and are grey"),
        ("alpha_strong", "2 genes colocalize (H4 above 0.5)"),
        ("alpha_strong", "two in strong LD (r² above 0.5), which cannot be told apart"),
        ("alpha_strong", "fewer than 100 shared variants"),
        ("alpha_strong", "Sequence scores are a model's predictions"),
        ("alpha_strong", "the best of about a thousand"),
        ("alpha_strong", "Candidates are genes near the lead variant"),
        ("alpha_sparse", "without LD, as one signal"),
        ("alpha_sparse", "LD with the lead variant is not known"),
        ("alpha_sparse", "A credible set of 64 variants names a region"),
        ("beta_unsigned", "no direction can be concluded"),
        ("beta_quiet", "does not fit the statistics, so nothing here rests on it"),
    ],
)
def test_cautions_follow_from_the_tables(tables: RunTables, locus: str, sentence: str) -> None:
    assert sentence in _of(tables, locus)


@pytest.mark.parametrize(
    "absent", ["does not fit", "no direction", "names a region", "without LD", "exchanged", "p-values", "prior p12"]
)
def test_a_sound_locus_is_not_warned_of_what_is_not_so(tables: RunTables, absent: str) -> None:
    assert absent not in _of(tables)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (dict(flip_candidates=f"1:5:A:G,{HOSTILE}"), f"check 1:5:A:G, {HOSTILE} in the study's file"),
        (dict(ld_verdict="WARN"), "PIPs near 1 may be artefacts of the mismatch"),
        (dict(method="lead"), "which variant is causal was not estimated"),
        (dict(method="imported"), "how well the LD behind these PIPs fits was not seen here"),
    ],
)
def test_fine_mapping_speaks(tables: RunTables, values: dict[str, object], sentence: str) -> None:
    assert sentence in _of(_mapped(tables, **values))


def test_imported_sets_without_p_and_with_few_pips(tables: RunTables, tmp_path: Path) -> None:
    (variants,) = tables.credible_sets.read(only={"locus": ["alpha_strong"]})
    bare = variants.head(10).assign(neg_log10_p=float("nan"), pip=[0.1] * 3 + [float("nan")] * 7)
    write_table(bare, tmp_path / "bare.parquet", schemas.CREDIBLE_SETS)
    stored = TableParts((tmp_path / "bare.parquet",), schemas.CREDIBLE_SETS)
    words = _of(_mapped(tables, method="imported"), credible_sets=stored)
    assert "The credible sets came without p-values: the association panel is empty." in words
    assert "7 of 10 variants have no PIP" in words
    assert "not in the cohort" not in words


def test_only_tests_that_ranking_rests_on_count(tables: RunTables) -> None:
    pairs = [_pair("A", 0.51), _pair("A", 0.9, tissue="u"), _pair("B", 0.5), _pair("C", 0.99, primary=False)]
    words = _of(tables, colocalization=schemas.COLOCALIZATION.frame(pairs))
    assert "genes colocalize" not in words
    assert "A high H4 says" in words
    assert "fewer than 100" not in words


def test_tests_that_depend_on_the_prior_are_counted(tables: RunTables) -> None:
    pairs = [_pair("A", 0.8, prior_sensitive=True), _pair("B", 0.8, prior_sensitive=False), _pair("C", 0.8)]
    words = _of(tables, colocalization=schemas.COLOCALIZATION.frame(pairs))
    assert "For 1 test H4 passes the threshold only for some plausible values of the prior p12" in words


def test_predictions_are_warned_of_only_where_there_are_some(tables: RunTables) -> None:
    none = dict(
        variant_effects=TableParts((), schemas.VARIANT_EFFECTS),
        mutagenesis=schemas.MUTAGENESIS.empty(),
        motif_hits=schemas.MOTIF_HITS.empty(),
    )
    assert "predictions" not in _of(tables, **none)
    assert "predictions" not in _of(tables, "alpha_sparse")  # its window could not be scored


def test_note_on_colocalization() -> None:
    assert colocalization_note(schemas.COLOCALIZATION.empty()) == "No molecular trait was tested at this locus."
    rows = [_pair("A", 0.2), _pair("B", None, status="no_overlap"), _pair("C", None, status="no_overlap")]
    assert colocalization_note(schemas.COLOCALIZATION.frame(rows)) == (
        "3 pairs of signal and molecular trait, 1 with a posterior. Without: no_overlap (2)."
    )
    many = [_pair(f"G{number}", 0.2) for number in range(51)]
    assert colocalization_note(schemas.COLOCALIZATION.frame(many)).endswith(
        "51 with a posterior; the 50 with the highest H4 are shown, signals used for ranking first."
    )
