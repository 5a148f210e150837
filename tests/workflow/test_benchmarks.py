"""Benchmarks run, print one JSON line per figure, and give their peers' answers; times are not judged here."""

import json
import subprocess
import sys
from typing import Any

import pytest
from running import ENVIRONMENT
from toy import ROOT

pytestmark = pytest.mark.workflow


def figures(name: str) -> list[dict[str, Any]]:
    """The lines that a quick run of a benchmark prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--quick"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["finemapping", "colocalization", "ld", "calibration"])
def test_every_line_is_a_figure_with_its_unit(name: str) -> None:
    lines = figures(name)
    assert lines
    for line in lines:
        assert line["benchmark"] == name
        assert {"case", "figure", "value", "unit"} <= set(line)


@pytest.mark.parametrize(("name", "limit"), [("colocalization", 1e-10), ("ld", 1e-6)])
def test_the_timed_code_gives_the_answer_of_its_peer(name: str, limit: float) -> None:
    differences = [
        line.get("max_difference", line["value"])
        for line in figures(name)
        if "max_difference" in line or line["figure"] == "largest difference to the peer"
    ]
    assert differences
    assert max(differences) < limit
