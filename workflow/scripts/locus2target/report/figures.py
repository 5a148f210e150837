"""Static figure of a locus: association, fine-mapping, genes. Deterministic, as SVG with text as text and as PNG."""

import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from locus2target.core.tables import Record
from locus2target.report.formats import format_count, format_probability, format_region, format_variant
from locus2target.report.locus_plot import (
    LEAD_COLOUR,
    NO_LD_COLOUR,
    R2_COLOURS,
    DrawnGene,
    LocusPlot,
    plot_of_locus,
    r2_bins,
)
from locus2target.report.run_tables import fine_mapping_of

_INK, _MUTED, _CANDIDATE, _GENE = "#1b2733", "#5a6774", "#0b5f73", "#98a3ae"
STYLE: Any = {
    "svg.hashsalt": "locus2target",  # the same input gives the same bytes
    "svg.fonttype": "none",  # text stays text: small, searchable, editable
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
}
PNG_DPI = 200
"""Pixels per inch of figures."""
_WIDTH_IN = 9.0
_LANE_IN = 0.24
_LINE_LETTERS = 120  # of a subtitle, at the figure's width
_MEGABASE = 1e6


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Give an empty folder beside `path`; move it there whole when the body ends, remove it when the body fails."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as `<name>.svg`, for print and search, and as `<name>.png`, for slides and mails.

    Both hold neither a date nor random ids.
    """
    with mpl.rc_context(STYLE):
        figure.savefig(folder / f"{name}.svg", format="svg", metadata={"Date": None})
    save_png(figure, folder / f"{name}.png")


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as pixels on white, readable on a slide and in print at its own size."""
    with mpl.rc_context(STYLE):
        figure.savefig(path, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None})


def draw_locus(plot: LocusPlot, *, title: str, subtitle: str) -> Figure:
    """Regional plot: -log10 p coloured by r2 with the lead variant, PIP, and gene track.

    Parameters
    ----------
    plot
        What to draw.
    title, subtitle
        Locus and disease; fine-mapping method and LD verdict.
    """
    with mpl.rc_context(STYLE):
        track = 0.35 + plot.n_lanes * _LANE_IN
        height = 0.9 + 2.3 + 1.1 + track + 0.6
        figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained")
        FigureCanvasSVG(figure)
        association, fine_mapping, genes = figure.subplots(3, 1, sharex=True, height_ratios=[2.3, 1.1, track])
        _write_title(figure, title, subtitle)
        _draw_association(association, plot)
        _draw_pips(fine_mapping, plot)
        _draw_gene_track(genes, plot)
        genes.set_xlim(plot.start / _MEGABASE, plot.end / _MEGABASE)
        genes.set_xlabel(f"Position on chromosome {plot.chromosome} (Mb)", parse_math=False)
    return figure


def draw_notice(*, title: str, subtitle: str) -> Figure:
    """A figure that says why there is no plot."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_IN, 1.0))
        FigureCanvasSVG(figure)
        figure.text(0.01, 0.62, title, weight="bold", size=11, parse_math=False)
        figure.text(0.01, 0.22, subtitle, color=_MUTED, parse_math=False)
    return figure


def _write_title(figure: Figure, title: str, subtitle: str) -> None:
    heading = figure.suptitle(f"{title}\n{subtitle}", x=0.01, ha="left", size=10)
    heading.set_parse_math(False)


def _draw_association(axes: Axes, plot: LocusPlot) -> None:
    variants = plot.variants
    bins = r2_bins(variants["r_lead"])
    colours = np.array([*R2_COLOURS, NO_LD_COLOUR])[bins]  # bin -1 is the last colour
    order = np.argsort(bins, kind="stable")  # strong LD on top
    x = variants["position"].to_numpy() / _MEGABASE
    y = variants["neg_log10_p"].to_numpy()
    axes.scatter(x[order], y[order], c=colours[order], s=9, linewidths=0)
    axes.axhline(-np.log10(5e-8), color=_MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    _mark_lead(axes, plot)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("−log₁₀ p")
    has_ld = bool((bins >= 0).any())
    axes.legend(handles=_legend_entries(has_ld), frameon=False, fontsize=7.5, loc="upper left", handletextpad=0.2)


def _mark_lead(axes: Axes, plot: LocusPlot) -> None:
    lead = plot.variants[plot.variants["variant"] == plot.lead_variant]
    if lead.empty:
        return
    x, y = lead["position"].iloc[0] / _MEGABASE, lead["neg_log10_p"].iloc[0]
    axes.scatter([x], [y], marker="D", s=30, c=LEAD_COLOUR, linewidths=0, zorder=3)
    axes.annotate(
        format_variant(plot.lead_variant),
        (x, y),
        xytext=(6, 2),
        textcoords="offset points",
        fontsize=8,
        color=LEAD_COLOUR,
    )


def _legend_entries(has_ld: bool) -> list[Line2D]:
    style: dict[str, Any] = {"linestyle": "", "markersize": 4.5}
    entries = [Line2D([], [], marker="D", color=LEAD_COLOUR, label="lead variant", **style)]
    if has_ld:
        for number, colour in reversed(list(enumerate(R2_COLOURS))):
            label = f"r² {number / 5:.1f}–{(number + 1) / 5:.1f}"
            entries.append(Line2D([], [], marker="o", color=colour, label=label, **style))
    return [*entries, Line2D([], [], marker="o", color=NO_LD_COLOUR, label="no LD", **style)]


def _draw_pips(axes: Axes, plot: LocusPlot) -> None:
    variants = plot.variants[plot.variants["pip"].notna()]
    outside = variants[variants["credible_set"].isna()]
    inside = variants[variants["credible_set"].notna()]
    axes.scatter(outside["position"] / _MEGABASE, outside["pip"], s=6, c=NO_LD_COLOUR, linewidths=0)
    axes.vlines(inside["position"] / _MEGABASE, 0, inside["pip"], color=_CANDIDATE, linewidth=0.8)
    axes.scatter(inside["position"] / _MEGABASE, inside["pip"], s=14, c=_CANDIDATE, linewidths=0)
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("PIP")
    if variants.empty:
        axes.text(0.5, 0.5, "not fine-mapped", transform=axes.transAxes, ha="center", va="center", color=_MUTED)


def _draw_gene_track(axes: Axes, plot: LocusPlot) -> None:
    for gene in plot.genes:
        colour = _GENE if gene.probability is None else _CANDIDATE
        y = -gene.lane
        left, right = max(gene.start, plot.start) / _MEGABASE, min(gene.end, plot.end) / _MEGABASE
        axes.hlines(y, left, right, color=colour, linewidth=1)
        axes.broken_barh(
            [(start / _MEGABASE, (end - start) / _MEGABASE) for start, end in gene.exons],
            (y - 0.17, 0.34),
            color=colour,
            linewidth=0.4,
        )
        name = f"{gene.symbol} ›" if gene.strand == "+" else f"‹ {gene.symbol}"
        if gene.probability is not None:
            name += f" {format_probability(gene.probability)}"
        x, alignment = _label_place(gene, plot)
        axes.text(x, y + 0.25, name, ha=alignment, va="bottom", size=6.5, color=colour, parse_math=False)
    axes.set_ylim(-plot.n_lanes + 0.5, 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _label_place(gene: DrawnGene, plot: LocusPlot) -> tuple[float, Literal["left", "center", "right"]]:
    """Where a gene's label stands, in Mb: over its middle, or inside the plot when the body is cut."""
    if gene.start < plot.start:
        return plot.start / _MEGABASE, "left"
    if gene.end > plot.end:
        return plot.end / _MEGABASE, "right"
    return (gene.start + gene.end) / 2 / _MEGABASE, "center"


def draw_locus_of_tables(
    locus: Record,
    variants: pd.DataFrame,
    fine_mapping: pd.DataFrame,
    candidates: pd.DataFrame,
    genes: pd.DataFrame,
    exons: pd.DataFrame,
) -> Figure:
    """Figure of one row of the loci table; one that says why when the locus has no variants to draw.

    Parameters
    ----------
    locus
        Row of the loci table.
    variants, fine_mapping, candidates
        Credible-set, fine-mapping and locus-genes rows of any loci.
    genes, exons
        Annotation of the genome.
    """
    name = str(locus["locus"])
    region = format_region(str(locus["chromosome"]), int(locus["start"]), int(locus["end"]))
    title = f"{region} · {locus['disease']} · {locus['study']}"
    own = variants[variants["locus"] == name]
    mapping = fine_mapping_of(fine_mapping, name)
    if own.empty:
        reasons = dict.fromkeys([str(locus["reason"]), str(mapping["reason"])])
        return draw_notice(title=title, subtitle=f"{locus['status']}: {' '.join(filter(None, reasons))}")
    plot = plot_of_locus(locus, own, genes=genes, exons=exons, candidates=candidates[candidates["locus"] == name])
    return draw_locus(plot, title=title, subtitle=locus_subtitle(mapping, plot))


def locus_subtitle(fine_mapping: Record, plot: LocusPlot) -> str:
    """Method, LD verdict, and how much of the locus is drawn."""
    drawn = f"{format_count(len(plot.variants))} of {format_count(plot.n_variants)} variants drawn"
    reason = str(fine_mapping["ld_reason"]).rstrip(".")
    verdict = f"LD {fine_mapping['ld_verdict']}" + (f": {reason}" if reason else "")
    return textwrap.fill(f"fine-mapping {fine_mapping['method']} · {verdict} · {drawn}", width=_LINE_LETTERS)
