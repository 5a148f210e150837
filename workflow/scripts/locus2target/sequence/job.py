"""What every job of the stage opens: a model, and the sources that it reads."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.schemas import EXONS, GENES
from locus2target.core.tables import read_table
from locus2target.ingest.genome import Genome
from locus2target.sequence.backends import ModelSpec, Sources, VariantModel
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.registry import load_model
from locus2target.sequence.score_cache import ScoreCache
from locus2target.sequence.scoring import Scoring, log_model, resolve_device

_WHOLE_BATCH = 1_000_000  # an external program takes minutes to load its weights: it is started once per job


@contextmanager
def open_scoring(
    row: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    weights: Sequence[str],
    genome: str,
    genes: str,
    exons: str,
    peaks: pd.DataFrame | None,
    prefilter: bool = False,
) -> Iterator[Scoring]:
    """Load a model on the device that config `scoring` names, and open what it reads.

    Parameters
    ----------
    row
        Row of the models sheet.
    settings
        Config `scoring`, and the run's `build`.
    weights
        Files or folders, one per replicate.
    genome, genes, exons
        Indexed FASTA, and paths of the tables `genes` and `exons`.
    peaks
        As in `Sources`.
    prefilter
        Whether the row's prefilter is used. What it lets through depends on the whole batch, which is then scored at
        once and without the cache.

    Raises
    ------
    InputError
        If the device or the weights cannot be used.
    """
    device = resolve_device(settings["device"])
    described = ModelRow.from_sheet(row, weights)
    model = load_model(described, device=device, settings=settings)
    _check_build(model.spec, settings["build"])
    log_model(model.spec, device)
    cache = None if settings["cache"] is None else ScoreCache(settings["cache"], model)
    chunk = _WHOLE_BATCH if described.backend == "external" else settings["chunk"]
    if prefilter and described.prefilter is not None:
        model, cache, chunk = _prefiltered(model, described), None, _WHOLE_BATCH
    with Genome(genome) as reference:
        models = GeneModels(read_table(genes, GENES), read_table(exons, EXONS))
        yield Scoring(model, Sources(reference.fetch, reference.lengths, models, peaks), chunk, cache)


def _prefiltered(model: VariantModel, row: ModelRow) -> VariantModel:
    from locus2target.sequence.prefilter import PrefilteredModel
    from locus2target.sequence.track_model import TrackModel

    if not isinstance(model, TrackModel) or row.prefilter is None:
        raise InputError(
            f"model {row.model} of backend {row.backend} has no prefilter",
            where="models sheet",
            remedy="Leave `prefilter` empty; borzoi, enformer and shorkie have one.",
        )
    return PrefilteredModel(model, share=row.prefilter)


def _check_build(spec: ModelSpec, build: str) -> None:
    if spec.genome_build not in {None, build}:
        raise InputError(
            f"model {spec.model} names variants on {spec.genome_build}, the run is on {build}",
            where="models sheet",
            remedy="Use weights made for the run's build.",
        )
