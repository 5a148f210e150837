"""Figures of a Mendelian randomization between two studies: scatter, forest, funnel and radial plot.

Effects are those of the allele that raises the exposure. The lines are those of the methods that do not lean on one
another's assumptions: IVW, Egger, weighted median and weighted mode. Instruments that radial IVW calls outliers have
the same colour in every figure.
"""

from collections.abc import Iterator, Mapping

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from locus2target.core.tables import Record, records
from locus2target.report.figures import STYLE, draw_notice
from locus2target.report.formats import format_number, format_variant, is_missing, plural

FloatArray = npt.NDArray[np.float64]

PLOTS = ("scatter", "forest", "funnel", "radial")
"""Names of the figures."""

_POINT, _BAR, _OUTLIER, _RULE = "#38475a", "#b9c2cb", "#c8321f", "#5a6774"
_DRAWN_METHODS: Mapping[str, tuple[str, str, str]] = {  # name for people, colour, line
    "wald_ratio": ("Wald ratio", "#0b5f73", "-"),
    "ivw": ("IVW", "#0b5f73", "-"),
    "egger": ("Egger", "#d17a00", "--"),
    "weighted_median": ("Weighted median", "#6b2c91", "-."),
    "weighted_mode": ("Weighted mode", "#3f8f4c", ":"),
}
_WIDTH_IN, _HEIGHT_IN = 6.6, 5.0
_ROW_IN = 0.155  # of the forest: 100 instruments are a page and a half
_MAX_ROWS = 150  # of the forest; the strongest
_MAX_NAMES = 10  # of outliers in the radial plot
_NORMAL_975 = 1.96


def draw_trait_effects(effects: pd.DataFrame, instruments: pd.DataFrame) -> dict[str, Figure]:
    """All figures of one pair of studies, by name.

    Parameters
    ----------
    effects, instruments
        Rows of `core.schemas.TRAIT_EFFECTS` and `TRAIT_INSTRUMENTS` of the pair. Only instruments with status `used`
        are drawn; without any, each figure says so.
    """
    used = instruments[instruments["status"] == "used"]
    title = f"{effects['exposure'].iloc[0]} → {effects['outcome'].iloc[0]}"
    if used.empty:
        reason = effects["reason"].iloc[0]
        return {name: draw_notice(title=title, subtitle=f"No instrument to draw. {reason}") for name in PLOTS}
    return {
        "scatter": _draw_scatter(effects, used, title),
        "forest": _draw_forest(effects, used, title),
        "funnel": _draw_funnel(effects, used, title),
        "radial": _draw_radial(effects, used, title),
    }


def _open_figure(title: str, subtitle: str, height: float = _HEIGHT_IN) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained")
    FigureCanvasSVG(figure)
    heading = figure.suptitle(f"{title}\n{subtitle}", x=0.01, ha="left", size=10)
    heading.set_parse_math(False)
    return figure, figure.subplots()


def _drawn_methods(effects: pd.DataFrame) -> Iterator[tuple[Record, str, str, str]]:
    """Row, name, colour and line of each method that has an estimate and is drawn."""
    rows = {row["method"]: row for row in records(effects[effects["estimate"].notna()])}
    for method, (name, colour, line) in _DRAWN_METHODS.items():
        if method in rows:
            yield rows[method], name, colour, line


def _colours(instruments: pd.DataFrame) -> npt.NDArray[np.object_]:
    return np.where(_is_outlier(instruments), _OUTLIER, _POINT).astype(object)


def _is_outlier(instruments: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return instruments["radial_outlier"].fillna(value=False).to_numpy(np.bool_)


def _counts(instruments: pd.DataFrame) -> str:
    """How many instruments there are, and how many of them are outliers."""
    n_outliers = int(_is_outlier(instruments).sum())
    drawn = plural(len(instruments), "instrument")
    return f"{drawn}, {plural(n_outliers, 'outlier')} in red" if n_outliers else drawn


def _effect_label(row: Record, name: str) -> str:
    if is_missing(row["confidence_low"]):
        return f"{name} {format_number(row['estimate'])}"
    low, high = format_number(row["confidence_low"]), format_number(row["confidence_high"])
    return f"{name} {format_number(row['estimate'])} ({low} to {high})"


def _add_legend(axes: Axes) -> None:
    """Legend above the data, which can lie in any corner."""
    axes.legend(frameon=False, fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=2.6)


def _draw_scatter(effects: pd.DataFrame, used: pd.DataFrame, title: str) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = _open_figure(title, f"{_counts(used)}; bars are 95 % intervals")
        sign = np.sign(used["exposure_beta"].to_numpy())
        x, y = np.abs(used["exposure_beta"].to_numpy()), used["outcome_beta"].to_numpy() * sign
        for row_x, row_y, bar_x, bar_y in zip(x, y, used["exposure_se"], used["outcome_se"], strict=True):
            half_x, half_y = _NORMAL_975 * bar_x, _NORMAL_975 * bar_y
            axes.plot([row_x - half_x, row_x + half_x], [row_y, row_y], color=_BAR, linewidth=0.6, zorder=1)
            axes.plot([row_x, row_x], [row_y - half_y, row_y + half_y], color=_BAR, linewidth=0.6, zorder=1)
        axes.scatter(x, y, c=_colours(used), s=13, linewidths=0, zorder=3)
        axes.axhline(0, color=_RULE, linewidth=0.6)
        ends = np.array([0.0, x.max() * 1.06])
        intercepts = effects.loc[effects["method"] == "egger_intercept", "estimate"].dropna()
        for row, name, colour, line in _drawn_methods(effects):
            start = intercepts.iloc[0] if row["method"] == "egger" and len(intercepts) else 0.0
            heights = start + row["estimate"] * ends
            axes.plot(
                ends, heights, color=colour, linestyle=line, linewidth=1.5, label=_effect_label(row, name), zorder=2
            )
        axes.set_xlim(left=0)
        axes.set_xlabel(f"Effect on {effects['exposure'].iloc[0]}", parse_math=False)
        axes.set_ylabel(f"Effect on {effects['outcome'].iloc[0]}", parse_math=False)
        _add_legend(axes)
    return figure


def _draw_forest(effects: pd.DataFrame, used: pd.DataFrame, title: str) -> Figure:
    shown = used.nlargest(_MAX_ROWS, "f_statistic").sort_values(["wald_ratio", "variant"], kind="stable")
    methods = list(_drawn_methods(effects))
    subtitle = _counts(used) if len(shown) == len(used) else f"the {len(shown)} strongest of {_counts(used)}"
    with mpl.rc_context(STYLE):
        figure, axes = _open_figure(title, f"Wald ratio of {subtitle}", 1.5 + _ROW_IN * (len(shown) + len(methods) + 1))
        first = len(methods) + 1
        heights = first + np.arange(len(shown))
        colours = _colours(shown)
        ratio, half = shown["wald_ratio"].to_numpy(), _NORMAL_975 * shown["wald_se"].to_numpy()
        axes.hlines(heights, ratio - half, ratio + half, color=list(colours), linewidth=0.9, alpha=0.6)
        axes.scatter(ratio, heights, c=colours, s=9, linewidths=0, zorder=3)
        names = [format_variant(variant) for variant in shown["variant"]]
        for height, (row, name, colour, _) in zip(range(len(methods) - 1, -1, -1), methods, strict=True):
            axes.hlines(height, row["confidence_low"], row["confidence_high"], color=colour, linewidth=1.6)
            axes.scatter([row["estimate"]], [height], c=colour, marker="D", s=22, linewidths=0, zorder=3)
            axes.annotate(
                name,
                (0, height),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=7.5,
                weight="bold",
                color=colour,
            )
        axes.axhline(len(methods), color=_BAR, linewidth=0.6)
        axes.axvline(0, color=_RULE, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_yticks(heights, names, fontsize=6.5)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.8, first + len(shown) - 0.2)
        axes.set_xlabel(_effect_axis(effects), parse_math=False)
    return figure


def _effect_axis(effects: pd.DataFrame) -> str:
    return f"Effect on {effects['outcome'].iloc[0]} per unit of {effects['exposure'].iloc[0]}"


def _draw_funnel(effects: pd.DataFrame, used: pd.DataFrame, title: str) -> Figure:
    with mpl.rc_context(STYLE):
        figure, axes = _open_figure(title, "precise instruments on top; a lopsided funnel speaks for pleiotropy")
        axes.scatter(used["wald_ratio"], 1 / used["wald_se"], c=_colours(used), s=15, linewidths=0, zorder=3)
        for row, name, colour, line in _drawn_methods(effects):
            label = _effect_label(row, name)
            axes.axvline(row["estimate"], color=colour, linestyle=line, linewidth=1.4, label=label, zorder=2)
        axes.axvline(0, color=_RULE, linewidth=0.6)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(_effect_axis(effects), parse_math=False)
        axes.set_ylabel("1 / standard error of the Wald ratio")
        _add_legend(axes)
    return figure


def _root_weights(effects: pd.DataFrame, used: pd.DataFrame) -> FloatArray:
    """Root of the modified second-order weights, at the IVW effect; those by which outliers were told."""
    effect = effects.loc[effects["method"].isin(["ivw", "wald_ratio"]), "estimate"].dropna().iloc[0]
    spread = np.hypot(used["outcome_se"].to_numpy(), effect * used["exposure_se"].to_numpy())
    weights: FloatArray = np.abs(used["exposure_beta"].to_numpy()) / spread
    return weights


def _draw_radial(effects: pd.DataFrame, used: pd.DataFrame, title: str) -> Figure:
    outliers = _is_outlier(used)
    with mpl.rc_context(STYLE):
        subtitle = f"slope: IVW effect; band: 95 % of valid instruments; {_counts(used)}"
        figure, axes = _open_figure(title, subtitle)
        root_weight = _root_weights(effects, used)
        height = used["wald_ratio"].to_numpy() * root_weight
        ends = np.array([0.0, root_weight.max() * 1.06])
        for row, name, colour, line in _drawn_methods(effects):
            if row["method"] in {"ivw", "wald_ratio"}:
                middle = row["estimate"] * ends
                axes.fill_between(ends, middle - _NORMAL_975, middle + _NORMAL_975, color=_BAR, alpha=0.3, linewidth=0)
                axes.plot(ends, middle, color=colour, linestyle=line, linewidth=1.5, label=_effect_label(row, name))
        axes.scatter(root_weight, height, c=_colours(used), s=15, linewidths=0, zorder=3)
        named = used.assign(x=root_weight, y=height)[outliers].nlargest(_MAX_NAMES, "radial_q")
        for row in records(named):
            axes.annotate(
                format_variant(row["variant"]),
                (row["x"], row["y"]),
                xytext=(5, 2),
                fontsize=7,
                textcoords="offset points",
                color=_OUTLIER,
            )
        axes.axhline(0, color=_RULE, linewidth=0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("√weight")
        axes.set_ylabel("Wald ratio × √weight")
        _add_legend(axes)
    return figure
