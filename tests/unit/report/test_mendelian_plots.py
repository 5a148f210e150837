import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from locus2target.core.schemas import TRAIT_EFFECTS, TRAIT_INSTRUMENTS
from locus2target.report.figures import save_figure
from locus2target.report.mendelian_plots import PLOTS, draw_trait_effects

_SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<b>$a_1$&bmi"


def tables(k: int, *, outliers: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(k)
    beta, ratio = rng.uniform(0.02, 0.1, k) * rng.choice([-1, 1], k), rng.normal(0.4, 0.2, k)
    rows = [
        {
            "exposure": HOSTILE,
            "outcome": "chd",
            "variant": f"{row % 22 + 1}:{1000 + row}:A:G",
            "chromosome": str(row % 22 + 1),
            "position": 1000 + row,
            "ref": "A",
            "alt": "G",
            "exposure_beta": beta[row],
            "exposure_se": 0.005,
            "exposure_neg_log10_p": 10.0,
            "outcome_beta": beta[row] * ratio[row],
            "outcome_se": 0.01,
            "f_statistic": (beta[row] / 0.005) ** 2,
            "wald_ratio": ratio[row],
            "wald_se": 0.01 / abs(beta[row]),
            "radial_q": 1.0 if k > 1 else None,
            "radial_outlier": row < outliers if k > 1 else None,
            "status": "used",
            "reason": "",
        }
        for row in range(k)
    ]
    spare = rows[:1] and [rows[0] | {"variant": "1:77:C:T", "status": "clumped", "radial_outlier": None}]
    methods = (
        {"wald_ratio": 0.4} if k == 1 else {"ivw": 0.4, "egger": 0.5, "egger_intercept": -0.01, "weighted_mode": 0.3}
    )
    effects = [
        {
            "exposure": HOSTILE,
            "outcome": "chd",
            "method": method,
            "n_instruments": k,
            "estimate": value,
            "standard_error": 0.05,
            "confidence_low": value - 0.1,
            "confidence_high": value + 0.1,
            "neg_log10_p": 3.0,
            "status": "ok",
            "reason": "",
        }
        for method, value in methods.items()
    ]
    effects.append(
        effects[0] | {"method": "weighted_median", "estimate": None, "status": "too_few_instruments", "reason": "Few."}
    )
    return TRAIT_EFFECTS.frame(effects), TRAIT_INSTRUMENTS.frame([*rows, *spare])


def texts(path: Path) -> str:
    return "\n".join("".join(text.itertext()) for text in ET.parse(path).iter(f"{_SVG}text"))  # noqa: S314  our own file


def drawn(folder: Path, k: int, **changes: int) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    for name, figure in draw_trait_effects(*tables(k, **changes)).items():
        save_figure(figure, folder, name)
    return {name: texts(folder / f"{name}.svg") for name in PLOTS}


@pytest.mark.parametrize("k", [1, 2, 40])
def test_every_figure_names_studies_and_estimates(tmp_path: Path, k: int) -> None:
    found = drawn(tmp_path, k)
    assert all(HOSTILE in text and "chd" in text for text in found.values())
    method = "Wald ratio 0.4 (0.3 to 0.5)" if k == 1 else "IVW 0.4 (0.3 to 0.5)"
    assert all(method in found[name] for name in ("scatter", "funnel", "radial"))
    assert "Weighted median" not in "".join(found.values())  # it has no estimate


def test_only_used_instruments_are_drawn_and_outliers_named(tmp_path: Path) -> None:
    found = drawn(tmp_path, 30, outliers=2)
    assert "30 instruments, 2 outliers in red" in found["scatter"]
    assert "1:1,000 A>G" in found["radial"]
    assert "2:1,001 A>G" in found["radial"]
    assert "3:1,002 A>G" not in found["radial"]
    assert "3:1,002 A>G" in found["forest"]
    assert "1:77 C>T" not in found["forest"]


def test_forest_of_many_keeps_the_strongest_and_says_so(tmp_path: Path) -> None:
    found = drawn(tmp_path, 200)
    assert "the 150 strongest of 200 instruments" in found["forest"]
    assert found["forest"].count(" A>G") == 150


def test_without_instruments_each_figure_says_why(tmp_path: Path) -> None:
    effects, instruments = tables(1)
    nothing = effects.assign(reason="No variant is associated with the exposure.")
    for name, figure in draw_trait_effects(nothing, instruments.iloc[:0]).items():
        save_figure(figure, tmp_path, name)
        assert "No variant is associated" in texts(tmp_path / f"{name}.svg")


def test_same_input_gives_same_bytes(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        drawn(tmp_path / folder, 12, outliers=1)
    for name in PLOTS:
        for form in ("svg", "png"):
            first, second = ((tmp_path / folder / f"{name}.{form}").read_bytes() for folder in ("first", "second"))
            assert first == second
