"""Engines by name."""

import subprocess
import sys

import pytest

from locus2target.statgen.engines import open_engine
from locus2target.statgen.native import NativeSusie
from locus2target.statgen.susier import SusieR


def test_engines_have_names():
    assert isinstance(open_engine("native"), NativeSusie)
    assert isinstance(open_engine("susier"), SusieR)
    with pytest.raises(ValueError, match="no fine-mapping engine 'finemap'"):
        open_engine("finemap")


def test_native_engine_loads_nothing_of_r():
    code = "import sys, locus2target.statgen.engines as e; e.open_engine('native'); print('rpy2' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
