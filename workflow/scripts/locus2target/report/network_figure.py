"""Figure of a disease's network: regulators, target genes and pathways in three columns. Deterministic SVG and PNG."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve

from locus2target.core.tables import Record, records
from locus2target.report.figures import STYLE, draw_notice
from locus2target.report.formats import format_probability, plural
from locus2target.targets.regulatory_network import GENE, GENE_SET, REGULATOR

SIGNIFICANT_Q = 0.05
_INK, _MUTED, _REGULATOR, _GENE_SET = "#1b2733", "#5a6774", "#6b2c91", "#0b5f73"
_WIDTH_IN, _ROW_IN, _MARGIN_IN = 9.0, 0.34, 0.75
_KINDS = (REGULATOR, GENE, GENE_SET)
_HEADINGS = {REGULATOR: "Regulators", GENE: "Target genes", GENE_SET: "Pathways"}
_LEFT_END, _GENE_LEFT, _GENE_RIGHT, _RIGHT_END = 0.25, 0.40, 0.51, 0.64  # of the width: where lines and labels meet
_LETTERS = {REGULATOR: 34, GENE_SET: 46}  # of a label's line
_MAX_LINES = 2
_THINNEST, _THICKEST = 0.5, 5.0  # line widths of weights 0 and 1, points
_LEGEND_WEIGHTS = (0.1, 0.5, 1.0)
_NOTHING = "No gene is probable enough, or those that are have neither a regulator nor a tested pathway."

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Height of every node, 0 at the bottom, by kind and name."""

    heights: Mapping[str, Mapping[str, float]]
    n_rows: int


def draw_network(edges: pd.DataFrame, q_values: Mapping[str, float]) -> Figure:
    """Draw a network; a figure that says why where there are no edges.

    Parameters
    ----------
    edges
        One disease's rows of NETWORK_EDGES.
    q_values
        Of the tested regulators and pathways, by name, as `regulatory_network.q_values_by_name` gives them. Up to 0.05
        labels are bold.
    """
    if edges.empty:
        return draw_notice(title="No network", subtitle=_NOTHING)
    columns = _arrange(edges)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_IN, columns.n_rows * _ROW_IN + 2 * _MARGIN_IN))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        margin = _MARGIN_IN / _ROW_IN
        axes.set_xlim(0, 1)
        axes.set_ylim(-margin - 0.5, columns.n_rows + margin - 0.5)
        for edge in sorted(records(edges), key=lambda edge: edge["weight"]):  # heavy ones on top
            _draw_edge(axes, edge, columns)
        for kind in _KINDS:
            _draw_column(axes, kind, columns, q_values)
        _draw_legend(axes, y=-margin + 0.4)
    return figure


def describe_network(edges: pd.DataFrame) -> str:
    """The network in words, for those who do not see it: counts, and the heaviest edges of both kinds."""
    if edges.empty:
        return f"No network. {_NOTHING}"
    names = _nodes(edges)
    counts = [
        plural(len(names[REGULATOR]), "regulator"),
        plural(len(names[GENE]), "target gene"),
        plural(len(names[GENE_SET]), "pathway"),
    ]
    heaviest = edges.sort_values("weight", ascending=False, kind="stable").drop_duplicates("from_kind")
    examples = [
        f"{edge['from_name']} to {edge['to_name']} ({format_probability(edge['weight'])})" for edge in records(heaviest)
    ]
    return f"Network of {', '.join(counts)}. Heaviest edges: {'; '.join(examples)}."


def _nodes(edges: pd.DataFrame) -> dict[str, list[str]]:
    """Names by kind, each once, in the order of the edges."""
    ends = [(edge["from_kind"], edge["from_name"]) for edge in records(edges)]
    ends += [(edge["to_kind"], edge["to_name"]) for edge in records(edges)]
    return {kind: list(dict.fromkeys(name for found, name in ends if found == kind)) for kind in _KINDS}


def _arrange(edges: pd.DataFrame) -> _Columns:
    """Regulators and pathways in the order of the edges; each gene at the mean height of its neighbours."""
    names = _nodes(edges)
    n_rows = max(len(found) for found in names.values())
    heights = {kind: _spread(names[kind], n_rows) for kind in (REGULATOR, GENE_SET)}
    neighbours: dict[str, list[float]] = {name: [] for name in names[GENE]}
    for edge in records(edges):
        if edge["to_kind"] == GENE:
            neighbours[edge["to_name"]].append(heights[REGULATOR][edge["from_name"]])
        else:
            neighbours[edge["from_name"]].append(heights[GENE_SET][edge["to_name"]])
    means = {name: sum(found) / len(found) for name, found in neighbours.items()}
    by_mean = sorted(names[GENE], key=lambda name: (-round(means[name], 9), name))
    return _Columns(heights | {GENE: _spread(by_mean, n_rows)}, n_rows)


def _spread(names: Sequence[str], n_rows: int) -> dict[str, float]:
    """Heights of names from top to bottom, evenly over the column."""
    step = n_rows / max(len(names), 1)
    return {name: n_rows - 0.5 - step * (place + 0.5) for place, name in enumerate(names)}


def _draw_edge(axes: Axes, edge: Record, columns: _Columns) -> None:
    start_y = columns.heights[edge["from_kind"]][edge["from_name"]]
    end_y = columns.heights[edge["to_kind"]][edge["to_name"]]
    if edge["to_kind"] == GENE:
        _draw_curve(axes, (_LEFT_END, start_y), (_GENE_LEFT, end_y), edge["weight"], _REGULATOR)
    else:
        _draw_curve(axes, (_GENE_RIGHT, start_y), (_RIGHT_END, end_y), edge["weight"], _GENE_SET)


def _draw_curve(axes: Axes, start: Place, end: Place, weight: float, colour: str) -> None:
    middle = (start[0] + end[0]) / 2
    curve = Curve(
        [start, (middle, start[1]), (middle, end[1]), end], [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    )
    axes.add_patch(PathPatch(curve, fill=False, edgecolor=colour, alpha=0.5, linewidth=_line_width(weight)))


def _line_width(weight: float) -> float:
    return _THINNEST + (_THICKEST - _THINNEST) * weight


def _draw_column(axes: Axes, kind: str, columns: _Columns, q_values: Mapping[str, float]) -> None:
    x, alignment = {
        REGULATOR: (_LEFT_END - 0.01, "right"),
        GENE: ((_GENE_LEFT + _GENE_RIGHT) / 2, "center"),
        GENE_SET: (_RIGHT_END + 0.01, "left"),
    }[kind]
    axes.text(x, columns.n_rows + 0.55, _HEADINGS[kind], ha=alignment, va="center", weight="bold", color=_MUTED)
    if not columns.heights[kind]:
        axes.text(x, columns.n_rows - 1, "none", ha=alignment, va="center", size=7.5, color=_MUTED)
    for name, y in columns.heights[kind].items():
        if kind == GENE:
            axes.text(x, y, name, ha="center", va="center", style="italic", parse_math=False, color=_INK)
            continue
        q_value = q_values.get(name)
        strong = q_value is not None and q_value <= SIGNIFICANT_Q
        axes.text(
            *(x, y, _label(name, q_value, _LETTERS[kind])),
            ha=alignment,
            va="center",
            size=7.5,
            linespacing=1.05,
            weight="bold" if strong else "normal",
            color=_INK if strong else _MUTED,
            parse_math=False,
        )


def _label(name: str, q_value: float | None, letters: int) -> str:
    """Name and q-value on at most two lines; what does not fit is cut from the name."""
    verdict = "not tested" if q_value is None else f"q {q_value:.2g}"
    room = _MAX_LINES * letters - len(verdict) - 3
    shown = name if len(name) <= room else textwrap.shorten(name, room, placeholder="…")
    return textwrap.fill(f"{shown} ({verdict.replace(' ', chr(160))})", letters)


def _draw_legend(axes: Axes, *, y: float) -> None:
    """Samples of line widths below the columns."""
    axes.text(
        0.01, y, "Line width: PIP of the variants (left), probability of the gene (right):", va="center", size=7.5
    )
    for place, weight in enumerate(_LEGEND_WEIGHTS):
        x = 0.47 + 0.1 * place
        axes.plot([x, x + 0.03], [y, y], color=_MUTED, alpha=0.6, linewidth=_line_width(weight), solid_capstyle="butt")
        axes.text(x + 0.037, y, f"{weight:g}", va="center", size=7.5)
    axes.text(0.99, y, f"bold: q ≤ {SIGNIFICANT_Q:g}", va="center", ha="right", size=7.5)


def described_svg(figure: Figure, description: str) -> str:
    """A figure as the text of an SVG whose `aria-label` says what it shows."""
    stream = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue().replace("<svg ", f'<svg role="img" aria-label={quoteattr(description)} ', 1)
