"""Where coloc's answers are, for the tests of Bayes factors and colocalization."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHARED = Path("/work/shared/golden")
HERE = Path(__file__).parents[2] / "data" / "coloc"
N_TEST_DATA = 1000

needs_test_data = pytest.mark.skipif(
    not (SHARED / "coloc" / "dev_coloc_abf_sdY.json").exists(), reason="coloc_test_data is GPL and not kept here"
)


def golden(name: str) -> dict[str, Any]:
    return json.loads((SHARED / "coloc" / f"dev_coloc_{name}.json").read_text())["value"]


def coloc_test_data() -> dict[str, np.ndarray]:
    with np.load(SHARED / "inputs" / "coloc_test_data.npz") as arrays:
        return dict(arrays)


def coloc_pairs() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with np.load(HERE / "dev_coloc_pairs.npz") as arrays:
        return json.loads((HERE / "dev_coloc_pairs.json").read_text()), dict(arrays)


def posteriors(summary: dict[str, Any]) -> list[float]:
    return [summary[f"PP.H{number}.abf"] for number in range(5)]
