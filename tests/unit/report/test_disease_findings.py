import pytest
from report_run import HOSTILE, ToyRun

from locus2target.report.disease_findings import Finding, disease_findings
from locus2target.report.run_tables import RunTables, load_run_tables


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)


@pytest.fixture(scope="module")
def findings(tables: RunTables) -> tuple[Finding, ...]:
    return disease_findings(tables, "alpha")


def _cells(finding: Finding, *labels: str) -> list[tuple[str, ...]]:
    names = [column.label for column in finding.table.columns]
    return [tuple(row[names.index(label)].text for label in labels) for row in finding.table.rows]


def test_every_context_is_shown_untested_ones_last(findings: tuple[Finding, ...]) -> None:
    assert _cells(findings[0], "Cell type or tissue", "Seen in", "Fold", "q", "Relevance", "Status") == [
        ("erythroblast", "open chromatin", "2.57", "0.002", "1", "ok"),
        (HOSTILE, "open chromatin", "1", "0.4", "0.5", "ok"),
        ("Whole blood", "qtl", "–", "–", "1", "too_few_loci"),
    ]


def test_without_significant_sets_the_best_ten_are_shown_and_called_so(findings: tuple[Finding, ...]) -> None:
    assert _cells(findings[1], "Gene set") == [(f"Set {number}",) for number in range(10)]
    assert findings[1].result == (
        "None of 20 tested gene sets is significant (q ≤ 0.05). Shown: the 10 best, which chance alone can "
        "explain. Not tested: too_few_loci (1); for example: 1 locus; a test needs 2."
    )


def test_only_significant_factors_are_shown(findings: tuple[Finding, ...]) -> None:
    assert _cells(findings[2], "Transcription factors", "q") == [("GATA1", "0.01")]
    assert findings[2].result == "1 of 2 tested motif families with q ≤ 0.05. Shown: the 1 most significant."


def test_many_significant_sets_are_cut_and_counted(tables: RunTables) -> None:
    many = tables.gene_set_enrichment.assign(q_value=0.01)
    many = many.loc[many.index.repeat(3)]
    changed = {name: getattr(tables, name) for name in RunTables.__slots__} | {"gene_set_enrichment": many}
    finding = disease_findings(RunTables(**changed), "alpha")[1]
    assert len(finding.table.rows) == 50
    assert finding.result == "63 of 63 tested gene sets with q ≤ 0.05. Shown: the 50 most significant."


def test_disease_without_tests_says_so(tables: RunTables) -> None:
    assert [finding.result for finding in disease_findings(tables, "gamma")] == [
        f"This run has no {noun} to test." for noun in ("context", "gene set", "motif family")
    ]


def test_nothing_testable_is_not_nothing_found(tables: RunTables) -> None:
    untested = tables.regulators.assign(q_value=float("nan"), status="too_few_variants", reason="few")
    changed = {name: getattr(tables, name) for name in RunTables.__slots__} | {"regulators": untested}
    finding = disease_findings(RunTables(**changed), "alpha")[2]
    assert finding.result == "No motif family could be tested. Not tested: too_few_variants (2); for example: few."
    assert finding.table.rows == ()
