import numpy as np
import pytest
import torch
from sequence_toys import ToyGenome, largest, motif_model, random_sequence, random_variants, score, variant_table
from test_pairs import counter, effects_of

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Effects, VariantScores
from locus2target.sequence.score_cache import ScoreCache
from locus2target.sequence.scoring import resolve_device

SEQUENCE = random_sequence(3_000, 5)


def table_of(n=40):
    rows = random_variants(SEQUENCE, n, seed=6)
    odd = variant_table(("2", 10, "A", "C"), ("1", 100, "A" if SEQUENCE[99] != "A" else "C", "G"))
    return variant_table(*rows.itertuples(index=False), *odd.itertuples(index=False))


def assert_same(one, other):
    assert one.status == other.status
    assert one.reason == other.reason
    assert np.array_equal(one.offsets, other.offsets)
    for name in ("variants", "scores", "tracks", "values", "genes", "details"):
        assert np.array_equal(getattr(one.effects, name), getattr(other.effects, name)), name


def test_chunks_and_order_change_nothing():
    table, genome = table_of(), ToyGenome({"1": SEQUENCE})
    whole = score(motif_model(), table, genome)
    for chunk in (1, 7):
        assert_same(score(motif_model(), table, genome, chunk=chunk), whole)
    order = np.random.default_rng(0).permutation(len(table))
    values, _ = largest(score(motif_model(), table.iloc[order], genome, chunk=7))
    assert np.array_equal(values, largest(whole)[0][order], equal_nan=True)


def test_a_killed_job_goes_on_from_the_cache(tmp_path):
    table, genome = table_of(), ToyGenome({"1": SEQUENCE})
    whole = score(motif_model(), table, genome)

    class Dying:
        """Dies in the third chunk."""

        def __init__(self, model):
            self.model, self.calls = model, 0

        def __getattr__(self, name):
            return getattr(self.model, name)

        def score(self, variants, sources):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return self.model.score(variants, sources)

    first = Dying(motif_model())
    with pytest.raises(KeyboardInterrupt):
        score(first, table, genome, chunk=10, cache=ScoreCache(tmp_path, first))
    second = Dying(motif_model())
    second.calls = 10
    again = score(second, table, genome, chunk=10, cache=ScoreCache(tmp_path, second))
    assert second.calls - 10 == -(-(len(table) - 20) // 10)
    assert_same(again, whole)
    third = Dying(motif_model())
    third.calls = 2  # any call would be fatal
    assert_same(score(third, table, genome, chunk=10, cache=ScoreCache(tmp_path, third)), whole)


def test_other_sequence_or_another_model_is_not_in_the_cache(tmp_path):
    table = variant_table(("1", 1_500, SEQUENCE[1_499], "ACGT"["CGTA".index(SEQUENCE[1_499])]))
    model = motif_model()
    score(model, table, ToyGenome({"1": SEQUENCE}), cache=ScoreCache(tmp_path, model))
    near = SEQUENCE[:1_490] + "ACGTA" + SEQUENCE[1_495:]
    far = SEQUENCE[:10] + "T" + SEQUENCE[11:]
    cache = ScoreCache(tmp_path, model)
    sources = [ToyGenome({"1": sequence}).sources for sequence in (SEQUENCE, near, far)]
    assert [len(cache.load(cache.keys(table, source))[0]) for source in sources] == [1, 0, 1]
    for other in (motif_model(motif_p=1e-3), motif_model(window_bp=128)):
        cache = ScoreCache(tmp_path, other)
        assert len(cache.load(cache.keys(table, sources[0]))[0]) == 0


def test_a_variant_that_is_listed_twice_has_its_scores_twice(tmp_path):
    table, genome, model = table_of(), ToyGenome({"1": SEQUENCE}), motif_model()
    once = score(model, table.iloc[:20], genome)
    rows = np.array([3, 0, 3, 19, 0, 3, 7])
    listed = table.iloc[rows].reset_index(drop=True)
    for cache in (None, ScoreCache(tmp_path, model), ScoreCache(tmp_path, model)):  # the last one knows them all
        twice = score(model, listed, genome, cache=cache)
        assert twice.status == [once.status[row] for row in rows]
        for place, row in enumerate(rows):
            expected = once.effects.take(once.effects.variants == row)
            found = twice.effects.take(twice.effects.variants == place)
            assert np.array_equal(found.values, expected.values)
            assert np.array_equal(found.tracks, expected.tracks)


def test_a_broken_archive_is_scored_again(tmp_path, caplog):
    table, genome, model = table_of(), ToyGenome({"1": SEQUENCE}), motif_model()
    whole = score(model, table, genome, cache=ScoreCache(tmp_path, model))
    (archive,) = tmp_path.rglob("*.npz")
    archive.write_bytes(archive.read_bytes()[:100])
    assert_same(score(model, table, genome, cache=ScoreCache(tmp_path, model)), whole)
    assert "cannot be read" in caplog.text


def test_known_scores_come_back_with_genes_and_texts(tmp_path):
    model, genome = counter(), ToyGenome({"1": SEQUENCE})
    table = random_variants(SEQUENCE, 5, seed=1)
    scores = model.score(table, genome.sources)
    genes = np.array(["G1" if i % 2 else None for i in range(len(scores.effects.values))], np.object_)
    named = type(scores)(
        scores.status,
        scores.reason,
        Effects(*(*fields_of(scores.effects)[:4], genes, *fields_of(scores.effects)[5:])),
        scores.offsets,
    )
    cache = ScoreCache(tmp_path, model)
    keys = cache.keys(table, genome.sources)
    cache.save(keys, named)
    rows, back = ScoreCache(tmp_path, model).load(keys[::-1])
    assert_same(VariantScores.merge(len(table), [(len(table) - 1 - rows, back)]), named)


def fields_of(effects):
    return [getattr(effects, name) for name in effects.__dataclass_fields__]


def test_no_variants():
    scores = score(counter(), variant_table(), ToyGenome({}))
    assert scores.status == []
    assert effects_of(scores) == []


def test_device_names(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == resolve_device("cpu").type == "cpu"
    with pytest.raises(InputError, match="set auto or cpu"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(name).type for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
