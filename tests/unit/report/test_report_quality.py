from report_run import ToyRun

from locus2target.core.tables import records
from locus2target.report.quality import assess_quality, locus_status, summarize_sources, summarize_steps
from locus2target.report.run_tables import RunTables, load_run_tables


def _tables(run: ToyRun) -> RunTables:
    return load_run_tables(**run.inputs)


def test_rows_add_up_per_source(toy_run: ToyRun) -> None:
    sources = {row["source"]: row for row in records(summarize_sources(_tables(toy_run).harmonization_qc))}
    alpha = sources["alpha_2020"]
    # Checks (ref_mismatch_share, lambda_gc) are not counted as rows.
    assert (alpha["rows_in"], alpha["rows_kept"], alpha["rows_left"]) == (1_000_000, 990_000, 10_000)
    assert alpha["main_reasons"] == "lift unmapped 6,000, ref mismatch 3,000, palindromic ambiguous 900, others 100"
    assert alpha["n_warnings"] == 1
    assert sources["blood_eqtl"]["main_reasons"] == ""


def test_every_locus_has_one_outcome_and_its_reasons(toy_run: ToyRun) -> None:
    tables = _tables(toy_run)
    status = {row["locus"]: row for row in records(locus_status(tables.loci, tables.fine_mapping))}
    assert {name: row["outcome"] for name, row in status.items()} == {
        "alpha_strong": "ok",
        "alpha_sparse": "ld_sparse",
        "alpha_mhc": "mhc",
        "alpha_small": "too_few_variants",
        "beta_unsigned": "unsigned_statistics",
        "beta_quiet": "no_signal",
        "gamma_2020__none": "no_lead",
    }
    assert (
        status["alpha_sparse"]["why"]
        == "LD covers too little of the signal. Only 8% of the posterior lies on cohort variants."
    )


def test_locus_that_fine_mapping_lost_is_not_analysed(toy_run: ToyRun) -> None:
    tables = _tables(toy_run)
    status = locus_status(tables.loci, tables.fine_mapping.iloc[:0])
    assert status.set_index("locus")["outcome"]["alpha_strong"] == "not_analysed"


def test_steps_count_every_unit(toy_run: ToyRun) -> None:
    tables = _tables(toy_run)
    steps = records(summarize_steps(tables))
    pairs = {row["status"]: row["units"] for row in steps if row["step"] == "colocalize_loci"}
    assert pairs == {"ok": 3, "too_few_shared_variants": 1}
    assert sum(row["units"] for row in steps if row["unit"] == "loci" and row["step"] == "define_loci") == len(
        tables.loci
    )


def test_a_source_without_signs_is_named(toy_run: ToyRun) -> None:
    sentences = assess_quality(_tables(toy_run), links={}).sentences
    assert "Without effect signs, so without LD and without directions: beta_2019." in sentences
