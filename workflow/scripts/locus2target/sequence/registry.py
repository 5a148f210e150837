"""Backends by the name that the models sheet gives.

A new model family is one module with a `load_<family>_model` function and one line here.
"""

from collections.abc import Mapping
from typing import Any

import torch

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Model
from locus2target.sequence.motif import load_motif_model


def load_model(
    row: Mapping[str, Any], *, weights: str, device: torch.device, settings: Mapping[str, Any]
) -> Model[Any]:
    """Load the model that a row of the models sheet describes.

    Parameters
    ----------
    row
        Row of the models sheet.
    weights
        Path of its weights; never downloaded.
    device
        Where it runs.
    settings
        Config `scoring`.

    Raises
    ------
    InputError
        If the backend is unknown or the weights cannot be used.
    """
    if row["backend"] == "motif":
        return load_motif_model(
            weights, model=row["model"], window_bp=row["window_bp"], device=device, motif_p=settings["motif_p"]
        )
    raise InputError(
        f"backend {row['backend']!r} of model {row['model']} is unknown",
        where="models sheet",
        remedy="Use motif.",
    )
