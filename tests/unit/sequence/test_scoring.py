from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table

from locus2target.core.errors import InputError
from locus2target.core.schemas import VARIANT_EFFECTS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.backends import Effects, Model, ModelSpec, Track
from locus2target.sequence.registry import load_model
from locus2target.sequence.scoring import effects_table, resolve_device, score_variants
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

    def __init__(self, n_encoding="zero"):
        tracks = tuple(Track(base, "purine" if base in "AG" else "pyrimidine") for base in "ACGT")
        self.spec = ModelSpec(
            "counter", "track", WindowSpec(20, 10, 0), None, tracks, n_encoding, "none", "none", "0", frozenset({"cpu"})
        )
        self.windows = 0

    def predict(self, one_hot, spans):
        assert one_hot.dtype == torch.float32
        assert spans.shape == (len(one_hot), 2)
        self.windows += len(one_hot)
        return Counts(one_hot.sum(2))


class Difference:
    """Change of each count that changes."""

    name = "difference"
    largest = "largest_difference"
    silent_reason = "no count changes"

    def effects(self, ref, alt):
        change = (alt.totals - ref.totals).double().numpy()
        variants, tracks = np.nonzero(change)
        return Effects(variants, tracks, change[variants, tracks], [f"base {t}" for t in tracks])


def counter(n_encoding="zero"):
    return Model(BaseCounter(n_encoding), Difference())


def test_known_answers_of_a_counting_model():
    genome = ToyGenome({"1": "AACCGGTTAACCGGTTAACCGGTTAACCGGTTAACC"})
    table = variant_table(("1", 18, "A", "G"), ("1", 17, "A", "T"), ("1", 19, "CC", "TT"), ("1", 18, "C", "G"))
    scores = score_variants(counter(), table, genome.fetch, batch_size=4)
    effects = scores.effects
    assert list(zip(effects.variants, effects.tracks, effects.values, strict=True)) == [
        *((0, 0, -1.0), (0, 2, 1.0)),
        *((1, 0, -1.0), (1, 3, 1.0)),
        *((2, 1, -2.0), (2, 3, 2.0)),
    ]
    assert scores.status == ["ok", "ok", "ok", "ref_mismatch"]
    values, tracks = scores.largest()
    assert values[:3].tolist() == [-1.0, -1.0, -2.0]  # of equal sizes the first track
    assert np.isnan(values[3])
    assert tracks.tolist() == [0, 0, 1, -1]


def test_deletion_draws_sequence_in_from_the_right_and_insertion_pushes_it_out():
    genome = ToyGenome({"1": "A" * 20 + "C" * 9 + "T" * 20})
    table = variant_table(("1", 20, "AC", "A"), ("1", 20, "A", "AGGG"))
    scores = score_variants(counter(), table, genome.fetch, batch_size=4)
    effects = scores.effects
    assert list(zip(effects.variants, effects.tracks, effects.values, strict=True)) == [
        *((0, 1, -1.0), (0, 3, 1.0)),  # window: 11 A, 9 C; then 11 A, 8 C, 1 T
        *((1, 1, -3.0), (1, 2, 3.0)),
    ]


def test_unknown_bases_as_zeros_or_quarters():
    genome = ToyGenome({"1": "N" * 15 + "ACGTACGTAC"})
    table = variant_table(("1", 20, "A", "C"))
    for encoding, total in (("zero", 15.0), ("quarter", 20.0)):
        model = counter(encoding)
        seen = []
        predict = model.backend.predict
        model.backend.predict = lambda one_hot, spans, predict=predict, seen=seen: (
            seen.append(one_hot) or predict(one_hot, spans)
        )
        score_variants(model, table, genome.fetch, batch_size=4)
        assert seen[0].sum().item() == 2 * (total if encoding == "quarter" else 10.0)


def test_variants_at_one_place_share_their_reference_window():
    genome = ToyGenome({"1": random_sequence(100, 1)})
    ref = genome.sequences["1"][49]
    table = variant_table(*(("1", 50, ref, alt) for alt in "ACGT" if alt != ref))
    model = counter()
    score_variants(model, table, genome.fetch, batch_size=64)
    assert model.backend.windows == 4


def test_batches_hold_at_most_the_windows_asked_for():
    sequence = random_sequence(500, 2)
    model = counter()
    sizes = []
    predict = model.backend.predict
    model.backend.predict = lambda one_hot, spans: sizes.append(len(one_hot)) or predict(one_hot, spans)
    table = random_variants(sequence, 31, seed=3)
    score_variants(model, table, ToyGenome({"1": sequence}).fetch, batch_size=8)
    assert max(sizes) <= 8
    assert len(sizes) == -(-len(table) // 4)


def test_effects_table_has_one_largest_row_per_variant_and_keeps_their_order(tmp_path):
    genome = ToyGenome({"1": "AACCGGTTAACCGGTTAACCGGTTAACCGGTTAACC"})
    table = variant_table(("1", 28, "C", "T"), ("1", 17, "AA", "TT"), ("1", 18, "C", "G"), ("1", 17, "A", "A"))
    model = counter()
    scores = score_variants(model, table, genome.fetch, batch_size=4)
    frame = effects_table(model, table, scores, np.array([0.0, 1.0, 1.0, 3.0]))
    path = tmp_path / "effects.parquet"
    write_table(frame, path, VARIANT_EFFECTS)
    frame = read_table(path, VARIANT_EFFECTS)
    first = frame[frame["scorer"] == "largest_difference"]
    assert first["variant"].tolist() == ["1:28:C:T", "1:17:AA:TT", "1:18:C:G", "1:17:A:A"]
    assert first["status"].tolist() == ["ok", "ok", "ref_mismatch", "ok"]
    assert first["reason"].tolist() == ["", "", "REF is C, the genome has A", "no count changes"]
    assert first["value"].tolist()[:2] == [-1.0, -2.0]
    assert first["value"].isna().tolist() == [False, False, True, False]  # a refusal has no value ...
    assert first["value"].tolist()[3] == 0.0  # ... and no effect is zero
    assert first["background_quantile"].fillna(-1).tolist() == [0.25, -1, -1, 0.0]  # single-base changes only
    own = frame[frame["scorer"] == "difference"]
    assert own[["variant", "track", "track_group", "value", "detail"]].to_numpy().tolist() == [
        ["1:28:C:T", "C", "pyrimidine", -1.0, "base 1"],
        ["1:28:C:T", "T", "pyrimidine", 1.0, "base 3"],
        ["1:17:AA:TT", "A", "purine", -2.0, "base 0"],
        ["1:17:AA:TT", "T", "pyrimidine", 2.0, "base 3"],
    ]
    without = effects_table(model, table, scores, np.empty(0))
    assert without["background_quantile"].isna().all()


def test_no_variants_give_an_empty_table():
    model = counter()
    table = variant_table()
    scores = score_variants(model, table, ToyGenome({}).fetch, batch_size=4)
    assert effects_table(model, table, scores, np.empty(0)).empty


def test_device_names(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == resolve_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="set auto or cpu"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(name).type for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]


def test_unknown_backend():
    row = {"model": "m", "backend": "crystal_ball", "window_bp": 256}
    with pytest.raises(InputError, match="backend 'crystal_ball' of model m is unknown"):
        load_model(row, weights="x", device=torch.device("cpu"), settings={"motif_p": 1e-4})
