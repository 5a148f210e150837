"""Backends by the name that the models sheet gives.

A new model family is one module with a `load_<family>_model` function and one line here. Modules are imported when a
model of theirs is asked for: a job that needs the motif bank need not have what a language model needs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from locus2target.core.errors import InputError
from locus2target.sequence.backends import VariantModel
from locus2target.sequence.model_row import ModelRow

_Loader = Callable[..., VariantModel]


def load_model(row: ModelRow, *, device: torch.device, settings: Mapping[str, Any]) -> VariantModel:
    """Load the model that a row of the models sheet describes.

    Parameters
    ----------
    row
        Row of the models sheet.
    device
        Where it runs.
    settings
        Config `scoring`.

    Raises
    ------
    InputError
        If the backend is unknown or the weights cannot be used.
    """
    loaders: Mapping[str, _Loader] = {
        "motif": _load_motif,
        **dict.fromkeys(("borzoi", "enformer", "shorkie"), _load_track),
        **dict.fromkeys(("scbasset", "accessibility"), _load_cell),
        **dict.fromkeys(("shorkie_lm", "huggingface", "nucleotide_gpt", "external"), _load_language),
        "score_table": _load_score_table,
        "predixcan": _load_predixcan,
    }
    if row.backend not in loaders:
        raise InputError(
            f"backend {row.backend!r} of model {row.model} is unknown",
            where="models sheet",
            remedy=f"Use one of {', '.join(sorted(loaders))}.",
        )
    return loaders[row.backend](row, device, settings)


def _load_motif(row: ModelRow, device: torch.device, settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.motif import load_motif_model

    return load_motif_model(row, device=device, batch_size=settings["batch_size"], motif_p=settings["motif_p"])


def _load_track(row: ModelRow, device: torch.device, settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.track_model import load_track_model

    return load_track_model(row, device=device, batch_size=settings["batch_size"])


def _load_cell(row: ModelRow, device: torch.device, settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.cell_model import load_cell_model

    return load_cell_model(row, device=device, batch_size=settings["batch_size"])


def _load_language(row: ModelRow, device: torch.device, settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.language import load_language_model

    return load_language_model(row, device=device, batch_size=settings["batch_size"])


def _load_score_table(row: ModelRow, _device: torch.device, _settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.score_table import load_score_table

    return load_score_table(row)


def _load_predixcan(row: ModelRow, _device: torch.device, _settings: Mapping[str, Any]) -> VariantModel:
    from locus2target.sequence.predixcan import load_predixcan

    return load_predixcan(row)
