import pytest
from report_run import LEAD, ToyRun

from locus2target.core.tables import records
from locus2target.report.heat_maps import heat_maps
from locus2target.report.run_tables import RunTables, load_run_tables


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)


def test_heat_map_by_hand(tables: RunTables) -> None:
    windows = tables.mutagenesis[tables.mutagenesis["locus"] == "alpha_strong"]
    (drawn,) = heat_maps(windows, tables)
    assert drawn.data is not None
    data = drawn.data
    own = records(windows[(windows["position"] == LEAD) & (windows["alt"] == "C")])[0]
    column = LEAD - data["first"]
    assert data["reference"][column] == "A"
    assert data["values"]["ACGT".index("C")][column] == pytest.approx(own["value"], rel=1e-3)
    assert data["values"]["ACGT".index("A")][column] is None
    assert data["limit"] == windows["value"].abs().max()
    assert "The variant itself changes GATA1 MA0035.5 most: −4.20" in drawn.note


def test_logo_and_motifs_stand_in_the_columns_of_the_map(tables: RunTables) -> None:
    windows = tables.mutagenesis[tables.mutagenesis["locus"] == "alpha_strong"]
    (drawn,) = heat_maps(windows, tables)
    assert drawn.data is not None
    column = LEAD - drawn.data["first"]
    assert drawn.data["attribution"][column - 4 : column + 5] == [0.1, *[4.0] * 7, 0.1]
    assert drawn.data["motifs"] == [[column - 4, column + 4, "GATA1 MA0035.5", "-"]]  # start 0-based, first 1-based
    assert "GATA1 MA0035.5 (80% of the attribution, shift p = 0.0123; holds the variant)" in drawn.note


def test_window_that_could_not_be_scored_says_why(tables: RunTables) -> None:
    (drawn,) = heat_maps(tables.mutagenesis[tables.mutagenesis["locus"] == "alpha_sparse"], tables)
    assert drawn.data is None
    assert drawn.note == "no_sequence: The FASTA has only N there."
