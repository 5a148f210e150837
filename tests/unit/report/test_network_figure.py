import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import image
from report_run import HOSTILE

from locus2target.core.schemas import NETWORK_EDGES
from locus2target.report.figures import save_png
from locus2target.report.network_figure import describe_network, described_svg, draw_network

_SVG = "{http://www.w3.org/2000/svg}"
LONG = "Transport of glucose and other sugars, bile salts and organic acids, metal ions and amine compounds by carriers"


def regulates(factor: str, gene: str, weight: float) -> dict[str, Any]:
    return {"from_kind": "regulator", "from_name": factor, "to_kind": "gene", "to_name": gene, "weight": weight}


def belongs(gene: str, gene_set: str, weight: float) -> dict[str, Any]:
    return {"from_kind": "gene", "from_name": gene, "to_kind": "gene_set", "to_name": gene_set, "weight": weight}


def edges(*rows: dict[str, Any]) -> pd.DataFrame:
    return NETWORK_EDGES.frame({"disease": "d", "detail": ""} | row for row in rows)


def svg_of(network: pd.DataFrame, q_values: dict[str, float]) -> str:
    """The figure as the script writes it."""
    return described_svg(draw_network(network, q_values), describe_network(network))


TOY = edges(
    regulates("SPI1", "LOW", 0.2),
    regulates("REST", "TOP", 1.0),
    belongs("TOP", "First pathway", 0.9),
    belongs("LOW", "Second pathway", 0.3),
    belongs("ALONE", "Second pathway", 0.5),
)
Q_VALUES = {"SPI1": 0.053, "First pathway": 0.004}


def texts(svg: str) -> dict[str, ET.Element]:
    return {"".join(text.itertext()).replace("\xa0", " "): text for text in ET.fromstring(svg).iter(f"{_SVG}text")}  # noqa: S314  our own


def height(text: ET.Element) -> float:
    """Vertical place of a text, larger further down."""
    return float(text.attrib["y"])


def test_every_node_is_named_with_its_q_value() -> None:
    drawn = texts(svg_of(TOY, Q_VALUES))
    nodes = {"SPI1 (q 0.053)", "REST (not tested)", "First pathway (q 0.004)", "Second pathway (not tested)"}
    assert {*nodes, "TOP", "LOW", "ALONE", "Regulators", "Target genes", "Pathways"} <= drawn.keys()
    bold = {name for name, text in drawn.items() if "700" in text.attrib["style"] and name in nodes}
    assert bold == {"First pathway (q 0.004)"}


def test_genes_stand_at_the_height_of_their_neighbours() -> None:
    """REST is below SPI1, and the first pathway above the second: means of 1.5, 1.5 and 2 rows."""
    drawn = texts(svg_of(TOY, Q_VALUES))
    assert height(drawn["LOW"]) < height(drawn["TOP"]) < height(drawn["ALONE"])  # equal means go by name
    assert height(drawn["SPI1 (q 0.053)"]) < height(drawn["REST (not tested)"])


def test_line_width_grows_with_the_weight() -> None:
    root = ET.fromstring(svg_of(edges(regulates("A", "X", 0.0), regulates("B", "X", 1.0)), {}))  # noqa: S314
    styles = [path.attrib.get("style", "") for path in root.iter(f"{_SVG}path")]
    curves = [style for style in styles if "opacity: 0.5" in style and "stroke-width" in style]
    widths = [float(style.split("stroke-width:")[1].split(";")[0]) for style in curves]
    assert widths == [0.5, 5.0]


def test_hostile_names_stay_text_and_long_ones_are_cut() -> None:
    svg = svg_of(edges(regulates("$x_1$", HOSTILE, 0.5), belongs(HOSTILE, LONG, 0.5)), {LONG: 0.5})
    root = ET.fromstring(svg)  # noqa: S314  our own
    drawn = "\n".join(texts(svg))
    assert HOSTILE in drawn
    assert "$x_1$" in drawn
    assert "Transport of glucose and other sugars" in drawn
    assert "and…" in drawn  # two lines at most
    assert "(q 0.5)" in drawn
    assert HOSTILE in root.attrib["aria-label"]


def test_figure_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(svg_of(TOY, Q_VALUES))  # noqa: S314  our own
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == (
        "Network of 2 regulators, 3 target genes, 2 pathways. "
        "Heaviest edges: REST to TOP (1); TOP to First pathway (0.90)."
    )


def test_empty_column_says_none() -> None:
    assert "none" in texts(svg_of(edges(belongs("TOP", "First pathway", 0.9)), {}))


def test_empty_network_says_why() -> None:
    svg = svg_of(NETWORK_EDGES.empty(), {})
    assert any("No gene is probable enough" in text for text in texts(svg))
    assert "No network" in ET.fromstring(svg).attrib["aria-label"]  # noqa: S314  our own


def test_same_input_gives_same_bytes() -> None:
    assert svg_of(TOY, Q_VALUES) == svg_of(TOY, Q_VALUES)


def test_png_shows_the_network_and_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_png(draw_network(TOY, Q_VALUES), tmp_path / name)
    pixels = image.imread(tmp_path / "first", format="png")
    assert pixels.shape[1] == 9 * 200  # inches, dots per inch
    assert (pixels[..., :3] < 0.5).any(axis=-1).sum() > 1000  # ink
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
