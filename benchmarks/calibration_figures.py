"""Plots of the calibration benchmark."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from calibration_scenarios import EXCHANGED, GOOD, OTHER_PEOPLE, R2_CLASSES, SCENARIOS, SHARED, SMALL_PANEL

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any kind of colour vision can tell apart; also told by shape.
_OURS, _PEER, _BAND = "#0072B2", "#D55E00", "#009E73"
_VERDICTS = {"PASS": "#009E73", "WARN": "#F0E442", "FAIL": "#CC79A7", "NONE": "0.8"}
_VERDICT_LABELS = {"NONE": "too little LD for a verdict"}
_PIP_PANELS = ("in_sample", "panel_500", "founders_40")
_FEWEST_IN_BIN = 5


def draw_figures(lines: pd.DataFrame, rows: pd.DataFrame, folder: Path) -> None:
    """Write `calibration_*.png` into the folder.

    Parameters
    ----------
    lines
        The benchmark's JSON lines.
    rows
        Rows of the fine-mapping replicates.
    folder
        Is made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        _draw_coverage(lines, folder / "calibration_coverage.png")
        _draw_verdicts(lines, folder / "calibration_verdicts.png")
        _draw_pips(rows, folder / "calibration_pip.png")
        _draw_colocalization(lines, folder / "calibration_colocalization.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(figure)


def _names() -> list[str]:
    """Scenarios from top to bottom."""
    groups = (GOOD, SMALL_PANEL, EXCHANGED, OTHER_PEOPLE)
    return [name for group in groups for name, (of, _) in SCENARIOS.items() if of == group]


def _label_scenarios(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    groups = [SCENARIOS[name][0] for name in names]
    for place in range(1, len(names)):
        if groups[place] != groups[place - 1]:
            axes.axhline(place - 0.5, color="0.8", linewidth=0.8)


def _figures(lines: pd.DataFrame, figure: str, cases: list[str]) -> pd.DataFrame:
    return lines[lines["figure"] == figure].set_index("case").reindex(cases)


def _draw_coverage(lines: pd.DataFrame, path: Path) -> None:
    """Coverage, power and false discoveries of every scenario."""
    names = _names()
    panels = {
        "coverage of 95 % credible sets": "sets that hold a causal variant",
        "power: causal variants in a set": "causal variants in a set",
        "false discovery rate of PIP > 0.9": "variants with PIP > 0.9 that are not causal",
    }
    figure, all_axes = plt.subplots(1, 3, figsize=(11, 4.6), sharey=True, layout="constrained")
    for axes, (name, label) in zip(all_axes, panels.items(), strict=True):
        found, places = _figures(lines, name, names), np.arange(len(names))
        value = found["value"].to_numpy(float)
        spread = np.abs(np.stack([value - found["low"].to_numpy(float), found["high"].to_numpy(float) - value]))
        axes.scatter(
            found["peer_value"].to_numpy(float), places, marker="x", color=_PEER, label="SuSiE, LD not checked"
        )
        axes.errorbar(value, places, xerr=spread, fmt="o", color=_OURS, markersize=5, label="locus2target")
        axes.set(xlim=(-0.03, 1.03), xlabel=label)
        axes.grid(axis="x", color="0.92")
        axes.set_axisbelow(True)
    all_axes[0].axvspan(0.93, 0.97, color=_BAND, alpha=0.25, linewidth=0, label="goal for good LD")
    for axes in all_axes:
        _label_scenarios(axes, names)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False)
    _save(figure, path)


def _draw_verdicts(lines: pd.DataFrame, path: Path) -> None:
    """Share of PASS, WARN and FAIL."""
    names = _names()
    figure, axes = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
    left = np.zeros(len(names))
    for verdict, colour in _VERDICTS.items():
        share = _figures(lines, f"verdict {verdict}", names)["value"].to_numpy(float)
        axes.barh(
            range(len(names)),
            share,
            left=left,
            color=colour,
            edgecolor="white",
            label=_VERDICT_LABELS.get(verdict, verdict),
        )
        for place, (start, width) in enumerate(zip(left, share, strict=True)):
            if width >= 0.06:
                axes.text(start + width / 2, place, f"{width:.0%}", ha="center", va="center", fontsize=8)
        left += share
    _label_scenarios(axes, names)
    axes.set(xlim=(0, 1), xlabel="share of loci")
    figure.legend(loc="outside upper left", ncols=4, frameon=False)
    _save(figure, path)


def _draw_pips(rows: pd.DataFrame, path: Path) -> None:
    """Share of causal variants against mean PIP, by bin of PIP."""
    figure, all_axes = plt.subplots(1, len(_PIP_PANELS), figsize=(9.5, 3.4), sharey=True, layout="constrained")
    for axes, name in zip(all_axes, _PIP_PANELS, strict=True):
        of_scenario = rows[rows["scenario"] == name]
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for prefix, colour, marker, label in (
            ("unchecked_", _PEER, "x", "SuSiE, LD not checked"),
            ("", _OURS, "o", "locus2target"),
        ):
            n, total, causal = (
                np.array(of_scenario[f"{prefix}pip_{part}"].tolist()).sum(axis=0) for part in ("n", "sum", "causal")
            )
            full = n >= _FEWEST_IN_BIN
            axes.plot(total[full] / n[full], causal[full] / n[full], marker=marker, color=colour, label=label)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="mean PIP of the bin", title=name.replace("_", " "))
    all_axes[0].set_ylabel("share that is causal")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
    _save(figure, path)


def _draw_colocalization(lines: pd.DataFrame, path: Path) -> None:
    """Share of pairs of traits with H4 above the threshold."""
    truths = [SHARED, *R2_CLASSES]
    figure, all_axes = plt.subplots(1, 2, figsize=(9.5, 3.2), sharey=True, layout="constrained")
    counts = {"one causal variant": "1", "two or three causal variants": "2 or 3"}
    for axes, (title, count) in zip(all_axes, counts.items(), strict=True):
        cases = [f"{truth}, disease with {count} causal variants" for truth in truths]
        found = lines[lines["figure"].str.startswith("H4 >")].set_index("case").reindex(cases)
        value, places = found["value"].to_numpy(float), np.arange(len(truths))
        spread = np.abs(np.stack([value - found["low"].to_numpy(float), found["high"].to_numpy(float) - value]))
        axes.errorbar(value, places, xerr=spread, fmt="o", color=_OURS, markersize=5, label="locus2target")
        peer = found["peer_value"].to_numpy(float)
        axes.plot(peer, places, "x", color=_PEER, label="one causal variant per trait (ABF)")
        axes.set(xlim=(-0.03, 1.03), xlabel="share of pairs with H4 > 0.8", title=f"disease with {title}")
        axes.set_yticks(places, [SHARED, *(f"different, {name}" for name in R2_CLASSES)])
        axes.axhline(0.5, color="0.8", linewidth=0.8)
        axes.grid(axis="x", color="0.92")
        axes.set_axisbelow(True)
    all_axes[0].invert_yaxis()
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
    _save(figure, path)
