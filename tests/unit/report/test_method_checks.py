from dataclasses import replace

from report_run import ToyRun

from locus2target.core import schemas
from locus2target.report.gene_directions import direction_table
from locus2target.report.method_checks import check_methods
from locus2target.report.run_tables import RunTables, TableParts, load_run_tables
from locus2target.report.tables import Table


def _tables(run: ToyRun) -> RunTables:
    return load_run_tables(**run.inputs)


def _texts(table: Table) -> list[dict[str, str]]:
    labels = [column.label for column in table.columns]
    return [dict(zip(labels, (cell.text for cell in row), strict=True)) for row in table.rows]


def test_crosscheck_tells_the_largest_difference_and_what_could_not_be_compared(toy_run: ToyRun) -> None:
    checks = check_methods(_tables(toy_run), links={})
    assert "1 locus fitted again" in checks.sentences[0]
    assert "3.2×10⁻⁹, as it should be" in checks.sentences[0]
    rows = _texts(checks.crosscheck)
    assert [row["Same credible sets"] for row in rows] == ["yes", "–"]
    assert [row["Status"] for row in rows] == ["ok", "engine_missing"]


def test_a_large_difference_is_not_called_well(toy_run: ToyRun) -> None:
    tables = _tables(toy_run)
    worse = tables.crosscheck.assign(max_pip_difference=[0.02, float("nan")], status=["disagrees", "engine_missing"])
    checks = check_methods(replace(tables, crosscheck=worse), links={})
    assert "more than two right engines may differ" in checks.sentences[0]


def test_enrichment_has_its_permuted_control_beside_it(toy_run: ToyRun) -> None:
    rows = _texts(check_methods(_tables(toy_run), links={}).enrichment)
    assert [(row["Feature"], row["Enrichment"], row["Permuted control"]) for row in rows] == [
        ("open_chromatin", "1.2", "0.05")
    ]


def test_prior_changes_come_largest_first_and_are_counted(toy_run: ToyRun) -> None:
    checks = check_methods(_tables(toy_run), links={})
    assert "PIP of 1 variant changes by more than 0.1; the data prefer them at 1 of 1 locus" in checks.sentences[1]
    assert [row["PIP, functional prior"] for row in _texts(checks.prior_changes)][:2] == ["0.81", "0.02"]


def test_a_run_without_checks_says_so(toy_run: ToyRun) -> None:
    tables = _tables(toy_run)
    empty = {name: getattr(tables, name).iloc[:0] for name in ("crosscheck", "prior_enrichment")}
    no_priors = TableParts((), schemas.PRIOR_EFFECTS)
    checks = check_methods(replace(tables, **empty, prior_effects=no_priors), links={})
    assert checks.sentences == (
        "No locus was fitted with a second fine-mapping engine.",
        "No functional priors were fitted: all PIPs have a uniform prior.",
    )
    assert [table.rows for table in (checks.crosscheck, checks.enrichment, checks.prior_changes)] == [(), (), ()]


def test_directions_of_one_disease_best_first_with_their_interval(toy_run: ToyRun) -> None:
    directions = _tables(toy_run).gene_directions
    rows = _texts(direction_table(directions, disease="alpha", links={}))
    assert [row["Gene"] for row in rows] == ["GENE0", "GENE1"]
    assert rows[0]["95 % interval"] == "0.304 to 0.696"
    assert not direction_table(directions, disease="beta", links={}).rows


def test_each_sequence_score_is_shown_with_its_formula_and_weights(toy_run: ToyRun) -> None:
    (row,) = _texts(check_methods(_tables(toy_run), links={}).models)
    assert (row["Model"], row["Score"], row["Reads"]) == ("jaspar", "motif_log_odds", "all bins")
    assert row["Formula"] == "log10(p_ref / p_alt); version 1"
    assert row["Weights"] == "0123456789ab"
