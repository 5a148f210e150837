"""Scores of a network, whatever else is in its batch and however many threads it has.

A network sums in float32, and batch size and threads decide in which order, so that the last digits differ.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from sequence_toys import ToyGenome, random_sequence, random_variants
from tiny_borzoi import write_tiny_borzoi

from locus2target.sequence.backends import Sources
from locus2target.sequence.genes import GeneModels
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.track_model import load_track_model

CPU = torch.device("cpu")
SEQUENCE = random_sequence(6000, seed=3)
GENES = pd.DataFrame(
    {"gene_id": ["a"], "chromosome": "1", "start": [2500], "end": [2900], "strand": "+", "tss": [2501]}
)
VARIANTS = random_variants(SEQUENCE[:3400], 60, seed=2).query("position > 2000").reset_index(drop=True)
OF_LARGEST = 1e-4  # of the largest effect of a score: ten times what was seen
EFFECT = ["variant", "score", "track"]
FORWARDS, BACKWARDS = slice(None), slice(None, None, -1)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_borzoi(folder)
    return ModelRow("tiny", "borzoi", (folder,), scorers="SAD@center:256,logSED,D2", shared_bp=512, strands=2)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def effects(row: ModelRow, *, batch_size: int, threads: int, order: slice = FORWARDS) -> pd.DataFrame:
    """Every effect, by variant, score and track."""
    torch.set_num_threads(threads)
    model = load_track_model(row, device=CPU, batch_size=batch_size)
    genome = ToyGenome({"1": SEQUENCE})
    exons = GENES[["gene_id", "chromosome", "start", "end"]]
    given = VARIANTS[order]
    found = model.score(given.reset_index(drop=True), Sources(genome.fetch, genome.lengths, GeneModels(GENES, exons)))
    numbers = given.index.to_numpy()[found.effects.variants]
    cells = {"variant": numbers, "score": found.effects.scores, "track": found.effects.tracks}
    return pd.DataFrame(cells | {"value": found.effects.values}).sort_values(EFFECT, ignore_index=True)


@pytest.fixture(scope="module")
def expected(row: ModelRow) -> pd.DataFrame:
    return effects(row, batch_size=8, threads=1)


@pytest.mark.parametrize(
    ("batch_size", "threads", "order"),
    [(1, 1, FORWARDS), (3, 1, FORWARDS), (1, 4, FORWARDS), (8, 4, FORWARDS), (3, 1, BACKWARDS)],
)
def test_scores_depend_on_batches_and_threads_in_their_last_digits_only(
    row: ModelRow, expected: pd.DataFrame, batch_size: int, threads: int, order: slice
) -> None:
    found = effects(row, batch_size=batch_size, threads=threads, order=order)
    pd.testing.assert_frame_equal(found[EFFECT], expected[EFFECT])
    largest = expected["value"].abs().groupby(expected["score"]).transform("max")
    assert ((found["value"] - expected["value"]).abs() <= OF_LARGEST * largest).all()
    assert expected.groupby("score")["value"].apply(lambda values: np.abs(values).max() > 0.1).all()


def test_the_same_batches_and_threads_give_the_same_bits(row: ModelRow) -> None:
    first, second = (effects(row, batch_size=8, threads=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
