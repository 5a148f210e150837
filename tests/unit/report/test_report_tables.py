from pathlib import Path

import pytest
from report_run import Rendered

from locus2target.core.schemas import TARGETS
from locus2target.report.ranked_page import present_sources, ranked_table
from locus2target.report.tables import Table, TableColumn, build_table, write_table_page


def _one(kind: str, value: object) -> tuple[str, str]:
    (cell,) = build_table([{"x": value}], [TableColumn("x", "X", kind)]).rows[0]
    return cell.text, cell.value


@pytest.mark.parametrize(
    ("kind", "value", "text", "exact"),
    [
        ("count", 12345, "12,345", "12345"),
        ("probability", 0.12345, "0.12", "0.12345"),
        ("p_value", 8.5, "3.2×10⁻⁹", "8.5"),
        ("log_odds", -1.25, "−1.25", "-1.25"),
        ("direction", -1.0, "▼ less", "-1.0"),
        ("list", "a,b,c,d", "a, b, c +1", "a,b,c,d"),
        ("variants", "1:1000:A:G", "1:1,000 A>G", "1:1000:A:G"),
        ("text", "plain", "plain", ""),
        ("count", None, "–", ""),
        ("probability", float("nan"), "–", ""),
    ],
)
def test_cells_show_a_text_and_keep_the_value(kind: str, value: object, text: str, exact: str) -> None:
    assert _one(kind, value) == (text, exact)


def test_sources_in_their_usual_order_then_unknown_ones() -> None:
    parts = [{"new": 1.0, "motif_change": 0.1}, {"distance": 1.0}]
    assert present_sources(parts) == ["distance", "motif_change", "new"]


def test_bars_are_cut_at_full_length_and_signed() -> None:
    cells = dict.fromkeys([*TARGETS.names, "best_region"])
    rows = [{**cells, "parts": "prior=-2;distance=30;motif_change=-1.5"}]
    table = ranked_table(rows, caption="", filename="x.tsv")
    bars = {column.label: cell.bar for column, cell in zip(table.columns, table.rows[0], strict=True) if cell.bar}
    assert bars == {"Distance": 1.0, "Motif": -0.5}


def test_table_page_escapes_text(tmp_path: Path) -> None:
    table = build_table([{"x": "</script><b>"}], [TableColumn("x", "<i>X</i>")], caption="<u>")
    write_table_page(tmp_path / "t.html", [table], title="<title>")
    html = (tmp_path / "t.html").read_text()
    assert "&lt;/script&gt;&lt;b&gt;" in html
    assert not any(tag in html for tag in ("<b>", "<i>X", "<u>", "<title><title>"))


def test_table_without_rows_says_so(tmp_path: Path) -> None:
    write_table_page(tmp_path / "t.html", [Table((TableColumn("x", "X"),), ())], title="empty")
    assert "No rows." in (tmp_path / "t.html").read_text()


def test_pages_for_snakemake_stay_below_what_it_can_show(rendered: Rendered) -> None:
    assert all(path.stat().st_size < 1_500_000 for path in (*rendered.ranked, rendered.qc))
