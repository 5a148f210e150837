from pathlib import Path

import pytest
import torch

from locus2target.core.errors import InputError
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.registry import load_model


def test_unknown_backend():
    row = ModelRow("m", "crystal_ball", (Path("x"),))
    with pytest.raises(InputError, match="backend 'crystal_ball' of model m is unknown"):
        load_model(row, device=torch.device("cpu"), settings={})


def test_row_of_the_sheet():
    cells = {"model": "borzoi", "backend": "borzoi", "weights": "w/{replicate}", "replicates": "0, 3"}
    row = ModelRow.from_sheet(cells | {"shifts": "-1,0,1", "strands": 2, "tracks": None}, ["w/0", "w/3"])
    assert row.weights == (Path("w/0"), Path("w/3"))
    assert row.shifts == (-1, 0, 1)
    assert (row.strands, row.tracks, row.window_bp, row.precision) == (2, "all", None, "float32")
