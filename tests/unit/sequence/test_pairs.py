from dataclasses import dataclass, replace

import numpy as np
import torch
from sequence_toys import ToyGenome, largest, random_sequence, random_variants, score, variant_table

from locus2target.sequence.backends import Effects, ModelSpec, Score, Track
from locus2target.sequence.encoding import one_hot_tensor
from locus2target.sequence.pairs import PairModel
from locus2target.sequence.windows import WindowSpec


@dataclass
class Counts:
    """Base counts of windows, (B, 4)."""

    totals: torch.Tensor

    def take(self, rows):
        return Counts(self.totals[rows])


class BaseCounter:
    """A model whose answer is known: how often each base occurs in the window."""

    device = torch.device("cpu")

    def __init__(self):
        tracks = tuple(Track(base, "purine" if base in "AG" else "pyrimidine") for base in "ACGT")
        self.spec = ModelSpec("counter", "track", WindowSpec(20, 10, 0), None, tracks, "none", "none", "0" * 64)
        self.sizes = []

    def predict(self, codes, spans):
        assert codes.dtype == torch.uint8
        assert spans.shape == (len(codes), 2)
        self.sizes.append(len(codes))
        return Counts(one_hot_tensor(codes).sum(2))


class Difference:
    """Change of each count that changes."""

    scores = (Score("difference", "largest_difference", "", "ALT - REF; version 1", "no count changes", 0.0),)

    def effects(self, ref, alt):
        change = (alt.totals - ref.totals).numpy()
        variants, tracks = np.nonzero(change)
        n = len(variants)
        return Effects(
            variants,
            np.zeros(n, np.int64),
            tracks,
            change[variants, tracks],
            np.full(n, None, np.object_),
            np.full(n, np.nan, np.float32),
            np.array([f"base {t}" for t in tracks], np.object_),
        )


def counter(batch_size=4):
    return PairModel(BaseCounter(), Difference(), batch_size)


def effects_of(scores):
    effects = scores.effects
    return list(zip(effects.variants, effects.tracks, effects.values, strict=True))


def test_known_answers_of_a_counting_model():
    genome = ToyGenome({"1": "AACCGGTTAACCGGTTAACCGGTTAACCGGTTAACC"})
    table = variant_table(("1", 18, "A", "G"), ("1", 17, "A", "T"), ("1", 19, "CC", "TT"), ("1", 18, "C", "G"))
    scores = score(counter(), table, genome)
    assert effects_of(scores) == [
        *((0, 0, -1.0), (0, 2, 1.0)),
        *((1, 0, -1.0), (1, 3, 1.0)),
        *((2, 1, -2.0), (2, 3, 2.0)),
    ]
    assert scores.status == ["ok", "ok", "ok", "ref_mismatch"]
    values, tracks = largest(scores)
    assert values[:3].tolist() == [-1.0, -1.0, -2.0]  # of equal sizes the first track
    assert np.isnan(values[3])
    assert tracks.tolist() == [0, 0, 1, -1]


def test_deletion_draws_sequence_in_from_the_right_and_insertion_pushes_it_out():
    genome = ToyGenome({"1": "A" * 20 + "C" * 9 + "T" * 20})
    table = variant_table(("1", 20, "AC", "A"), ("1", 20, "A", "AGGG"))
    assert effects_of(score(counter(), table, genome)) == [
        *((0, 1, -1.0), (0, 3, 1.0)),  # window: 11 A, 9 C; then 11 A, 8 C, 1 T
        *((1, 1, -3.0), (1, 2, 3.0)),
    ]


def test_variants_at_one_place_share_their_reference_window():
    genome = ToyGenome({"1": random_sequence(100, 1)})
    ref = genome.sequences["1"][49]
    table = variant_table(*(("1", 50, ref, alt) for alt in "ACGT" if alt != ref))
    model = counter(64)
    score(model, table, genome)
    assert model.backend.sizes == [4]


def test_batches_hold_at_most_the_windows_asked_for():
    sequence = random_sequence(500, 2)
    model = counter(8)
    table = random_variants(sequence, 31, seed=3)
    whole = score(replace(model, batch_size=1_000), table, ToyGenome({"1": sequence}))
    model.backend.sizes.clear()
    parts = score(model, table, ToyGenome({"1": sequence}))
    assert max(model.backend.sizes) <= 8
    assert len(model.backend.sizes) == -(-len(table) // 4)
    assert effects_of(parts) == effects_of(whole)
