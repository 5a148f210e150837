"""Scores of earlier runs and of killed jobs, kept by what decides them: sequence, variant, model and formulas.

A cache is a folder of NumPy archives, one per finished chunk, each written whole or not at all; several jobs may share
it. Nothing in it is ever changed, and deleting it costs time only.
"""

import hashlib
import logging
import zipfile
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.digest import package_digest
from locus2target.core.intervals import start_of
from locus2target.core.tables import atomic_path
from locus2target.sequence.backends import Effects, Sources, VariantModel, VariantScores

_LOGGER = logging.getLogger(__name__)
_KEY_BYTES = 20
_REACH = 2  # windows on either side of a variant's own that may decide its score: shared windows, shifts, deletions
_ARRAYS = ("variants", "scores", "tracks", "values", "coverage")
_TEXTS = ("genes", "details")


class ScoreCache:
    """Scores of one model.

    Parameters
    ----------
    folder
        Where all models' scores are kept; made when missing.
    model
        The model; its weights, settings, tracks and formulas are part of every key, and so is the code that scores.
    """

    def __init__(self, folder: str | Path, model: VariantModel) -> None:
        self._length = model.spec.window.length
        self._uses_genes = any(score.mask for score in model.scores)
        self._folder = Path(folder) / model.spec.model / f"{model_digest(model)}-{package_digest('sequence')}"

    def keys(self, variants: pd.DataFrame, sources: Sources) -> list[bytes]:
        """Key of each variant: of its alleles and place, and of everything around it that a score can depend on."""
        around = lru_cache(maxsize=64)(lambda chromosome, cell: self._surroundings(chromosome, cell, sources))
        columns = (variants[name] for name in ("chromosome", "position", "ref", "alt"))
        keys = []
        for chromosome, position, ref, alt in zip(*columns, strict=True):
            context = around(chromosome, start_of(position) // self._length)
            keys.append(_digest(f"{chromosome}:{position}:{ref}:{alt}:", context))
        return keys

    def _surroundings(self, chromosome: str, cell: int, sources: Sources) -> bytes:
        start, end = (cell - _REACH) * self._length, (cell + _REACH + 2) * self._length
        parts = [sources.fetch(chromosome, start, end)]
        if self._uses_genes and sources.genes is not None:
            genes = _near(sources.genes.genes, chromosome, start, end)
            exons = sources.genes.exons  # those further away too: the coverage of a gene's mask counts them
            exons = exons[exons["gene_id"].isin(genes["gene_id"])]
            parts += [genes.to_csv(index=False), exons.to_csv(index=False)]
        if self._uses_genes and sources.peaks is not None:
            parts.append(_near(sources.peaks, chromosome, start, end).to_csv(index=False))
        return _digest("\n".join(parts))

    @cached_property
    def _places(self) -> dict[bytes, tuple[Path, int]]:
        """Archive of each key, and its row there."""
        places: dict[bytes, tuple[Path, int]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            arrays = _read(path, "keys")
            if arrays is not None:
                keys = arrays["keys"].tobytes()
                for first in range(0, len(keys), _KEY_BYTES):
                    places.setdefault(keys[first : first + _KEY_BYTES], (path, first // _KEY_BYTES))
        return places

    def load(self, keys: Sequence[bytes]) -> tuple[npt.NDArray[np.int64], VariantScores]:
        """Rows of `keys` that are known, and their scores in that order."""
        wanted: dict[Path, list[tuple[int, int]]] = {}
        for row, key in enumerate(keys):
            if key in self._places:
                path, stored = self._places[key]
                wanted.setdefault(path, []).append((row, stored))
        known: list[int] = []
        parts: list[tuple[npt.NDArray[np.int64], VariantScores]] = []
        for path, pairs in wanted.items():
            arrays = _read(path)
            if arrays is not None:
                places = np.arange(len(known), len(known) + len(pairs))
                parts.append((places, _scores(arrays).take(np.array([stored for _, stored in pairs], dtype=np.int64))))
                known += [row for row, _ in pairs]
        return np.array(known, dtype=np.int64), VariantScores.merge(len(known), parts)

    def save(self, keys: Sequence[bytes], scores: VariantScores) -> None:
        """Add scores, one key for each variant."""
        effects = scores.effects
        arrays: dict[str, Any] = {name: getattr(effects, name) for name in _ARRAYS}
        arrays |= {name: _as_text(getattr(effects, name)) for name in _TEXTS}
        arrays["has_gene"] = np.array([gene is not None for gene in effects.genes], dtype=np.bool_)
        arrays["keys"] = np.frombuffer(b"".join(keys), dtype=np.uint8)
        arrays |= {"status": np.array(scores.status, dtype=np.str_), "reason": np.array(scores.reason, dtype=np.str_)}
        with atomic_path(self._folder / f"{_digest(b''.join(keys)).hex()}.npz") as temporary:
            np.savez_compressed(temporary, **arrays, offsets=scores.offsets)


def model_digest(model: VariantModel) -> str:
    """Digest of all that decides a model's scores but the code: weights, geometry, tracks, settings and formulas."""
    spec = model.spec
    decisive = (spec.weights_sha256, spec.kind, spec.window, spec.tracks)
    return _digest(repr(decisive), repr(model.scores), model.settings_key).hex()


def _digest(*parts: str | bytes) -> bytes:
    state = hashlib.blake2b(digest_size=_KEY_BYTES)
    for part in parts:
        state.update(part.encode() if isinstance(part, str) else part)
    return state.digest()


def _near(table: pd.DataFrame, chromosome: str, start: int, end: int) -> pd.DataFrame:
    """Rows of a table of intervals that touch a region."""
    return table[(table["chromosome"] == chromosome) & (table["start"] < end) & (table["end"] > start)]


def _as_text(values: npt.NDArray[np.object_]) -> npt.NDArray[np.str_]:
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def _read(path: Path, *names: str) -> dict[str, npt.NDArray[Any]] | None:
    """Some or all arrays of an archive; None for one that cannot be read, whose scores are then computed again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _LOGGER.warning("%s in the score cache cannot be read (%s): its variants are scored again", path, error)
        return None


def _scores(arrays: dict[str, npt.NDArray[Any]]) -> VariantScores:
    """All scores of an archive."""
    genes = arrays["genes"].astype(np.object_)
    genes[~arrays["has_gene"]] = None
    columns = {name: arrays[name] for name in _ARRAYS}
    effects = Effects(**columns, genes=genes, details=arrays["details"].astype(np.object_))
    return VariantScores(arrays["status"].tolist(), arrays["reason"].tolist(), effects, arrays["offsets"])
