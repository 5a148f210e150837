import json

import pytest
from report_run import LEAD, ToyRun

from locus2target.core.tables import records
from locus2target.report.locus_cards import LocusCard, locus_card
from locus2target.report.run_tables import RunTables, load_run_tables


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)


def _card(tables: RunTables, name: str) -> LocusCard:
    return locus_card(records(tables.loci[tables.loci["locus"] == name])[0], tables, {})


def test_plot_data_match_the_table(tables: RunTables) -> None:
    plot = _card(tables, "alpha_strong").plot
    assert plot is not None
    lead = plot["lead"]
    assert plot["start"] + plot["offset"][lead] == LEAD
    assert (plot["neg_log10_p"][lead], plot["r2"][lead], plot["pip"][lead], plot["set"][lead]) == (25.3, None, 0.62, 1)
    assert len({len(plot[name]) for name in ("offset", "alleles", "neg_log10_p", "r2", "pip", "set")}) == 1
    assert "NaN" not in json.dumps(plot)


def test_colocalization_best_first_and_failures_counted(tables: RunTables) -> None:
    card = _card(tables, "alpha_strong")
    labels = [column.label for column in card.colocalization.columns]
    first = dict(zip(labels, (cell.text for cell in card.colocalization.rows[0]), strict=True))
    assert (first["Gene"], first["H4"], first["p12 range"], first["Direction"]) == (
        "GENE0",
        "0.97",
        "1.2×10⁻⁶ – 1×10⁻⁴",
        "▲ more",
    )
    assert card.colocalization_note == (
        "4 pairs of signal and molecular trait, 3 with a posterior. Without: too_few_shared_variants (1)."
    )


def test_evidence_about_the_locus_as_a_whole_is_shown(tables: RunTables) -> None:
    (row,) = _card(tables, "alpha_strong").statements.rows
    assert [cell.text for cell in row] == ["Enhancer link", "no_annotation", "The config gives no enhancer-gene links."]


def test_window_without_sequence_is_named(tables: RunTables) -> None:
    (only,) = _card(tables, "alpha_sparse").heat_maps
    assert only.data is None
    assert only.note == "no_sequence: The FASTA has only N there."


@pytest.mark.parametrize(
    ("locus", "warning"),
    [
        ("alpha_strong", "not in the cohort"),
        ("alpha_strong", "2 genes colocalize with the same signal"),
        ("alpha_strong", "fewer than 100 shared variants"),
        ("alpha_sparse", "without LD, as one signal"),
        ("alpha_sparse", "64 variants names a region"),
        ("beta_unsigned", "no direction can be concluded"),
        ("beta_quiet", "does not fit the statistics"),
    ],
)
def test_cautions_follow_from_the_data(tables: RunTables, locus: str, warning: str) -> None:
    assert any(warning in sentence for sentence in _card(tables, locus).cautions)


def test_a_sound_locus_is_not_warned_about_ld(tables: RunTables) -> None:
    assert not any("does not fit" in text or "no direction" in text for text in _card(tables, "alpha_strong").cautions)
