from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
import torch
from sequence_toys import ToyGenome, random_sequence, random_variants, variant_table

from locus2target.core.errors import InputError
from locus2target.sequence import language
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import UNKNOWN
from locus2target.sequence.language import load_language_model
from locus2target.sequence.language_backends import LanguageInfo
from locus2target.sequence.model_row import ModelRow

LENGTH = 64
GENOME = random_sequence(600, seed=5)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def info(kind, unit="base", **changes):
    values = {"default_bp": LENGTH, "shortest_bp": 1, "longest_bp": None}
    return LanguageInfo(kind=kind, unit=unit, weights_sha256="0", licence="", citation="", **(values | changes))


@dataclass
class NeighbourModel:
    """Masked model: a base's distribution depends on the bases at either side; beyond the window stands N."""

    info: LanguageInfo = field(default_factory=lambda: info("masked_lm"))
    seed: int = 0
    passes: int = 0

    def table(self):
        table = np.random.default_rng(self.seed).gamma(1.0, size=(5, 5, 4))
        return np.log(table / table.sum(axis=-1, keepdims=True))

    def all_log_probs(self, codes):
        padded = np.pad(codes, ((0, 0), (1, 1)), constant_values=UNKNOWN)
        return self.table()[padded[:, :-2], padded[:, 2:]]

    def base_log_probs(self, codes, rows, positions):
        self.passes += len(rows)
        return self.all_log_probs(codes)[rows, positions]

    def unmasked_log_likelihood(self, codes):
        log_p = np.concatenate([self.all_log_probs(codes), np.zeros((*codes.shape, 1))], axis=-1)
        return np.take_along_axis(log_p, codes[..., None].astype(int), axis=-1).sum(axis=(1, 2))


@dataclass
class MarkovModel:
    """Causal model: a base's distribution depends on the base before it; its state is the base, coded by a vector."""

    info: LanguageInfo = field(default_factory=lambda: info("causal_lm"))
    seed: int = 0
    n_layers: int = 2
    asked: list = field(default_factory=list)

    def table(self):
        table = np.random.default_rng(self.seed).gamma(1.0, size=(4, 4))
        return np.log(table / table.sum(axis=-1, keepdims=True))

    def log_likelihood(self, codes):
        self.asked.append(codes)
        return self.table()[codes[:, :-1], codes[:, 1:]].sum(axis=1)

    def embed(self, codes, layer):
        vectors = np.random.default_rng(layer).normal(size=(4, 3))
        return vectors[codes].mean(axis=1)


def load(monkeypatch, backends, scorers=None, **row):
    """The model of a row whose weights are the backends given."""
    weights = tuple(range(len(backends)))
    monkeypatch.setattr(language, "_load_backend", lambda _, replicate, *__: backends[replicate])
    given = ModelRow("toy", "huggingface", weights, scorers=scorers, **row)
    return load_language_model(given, device=torch.device("cpu"), batch_size=4)


def score(model, variants, genome=GENOME):
    toy = ToyGenome({"1": genome})
    return model.score(variants, Sources(toy.fetch, toy.lengths))


def values_of(model, variants, genome=GENOME):
    """Values (V, S), NaN where there is none; all variants must have been read."""
    scores = score(model, variants, genome)
    values = np.full((len(variants), len(model.scores)), np.nan)
    values[scores.effects.variants, scores.effects.scores] = scores.effects.values
    assert set(scores.status) == {"ok"}
    return values


def haplotypes(position, ref, alt, *, shift=0, genome=GENOME):
    """REF and ALT window, by string surgery."""
    start = position - 1
    left = genome[start - LENGTH // 2 - shift : start]
    assert genome[start : start + len(ref)] == ref
    return tuple((left + allele + genome[start + len(ref) :])[:LENGTH] for allele in (ref, alt))


def slow_pll(model, window, first=0, last=LENGTH):
    """Sum of ln p(base), position by position."""
    table, total = model.table(), 0.0
    for i in range(first, last):
        left, right = ("ACGTN".index(f"N{window}N"[j]) for j in (i, i + 2))
        total += table[left, right, "ACGT".index(window[i])]
    return total


def slow_chain(model, window):
    table = model.table()
    return sum(table["ACGT".index(a), "ACGT".index(b)] for a, b in pairwise(window))


def rows_of(variants):
    return variants[["position", "ref", "alt"]].itertuples(index=False)


VARIANTS = random_variants(GENOME, 40, seed=3)


def test_masked_llr_is_the_difference_of_two_entries_of_the_masked_distribution(monkeypatch):
    backend = NeighbourModel()
    model = load(monkeypatch, [backend], "masked_llr")
    ref = GENOME[99]
    alts = [base for base in "ACGT" if base != ref]
    values = values_of(model, variant_table(*(("1", 100, ref, alt) for alt in alts)))
    log_p = backend.table()["ACGT".index(GENOME[98]), "ACGT".index(GENOME[100])]
    expected = [log_p["ACGT".index(alt)] - log_p["ACGT".index(ref)] for alt in alts]
    assert values[:, 0] == pytest.approx(expected, rel=1e-6)
    assert backend.passes == 1  # one pass serves all three


def test_masked_llr_sees_through_bases_that_both_alleles_share(monkeypatch):
    model = load(monkeypatch, [NeighbourModel()], "masked_llr")
    other = next(base for base in "ACGT" if base != GENOME[99])
    plain = values_of(model, variant_table(("1", 100, GENOME[99], other)))
    padded = values_of(model, variant_table(("1", 98, GENOME[97:100], GENOME[97:99] + other)))
    assert padded == pytest.approx(plain, rel=1e-6)


def test_pll_delta_sums_over_every_position_of_both_windows(monkeypatch):
    backend = NeighbourModel()
    model = load(monkeypatch, [backend], "pll_delta,pll_delta@mean,pll_delta@unmasked")
    values = values_of(model, VARIANTS)
    for row, variant in zip(values, rows_of(VARIANTS), strict=True):
        ref, alt = haplotypes(*variant)
        expected = slow_pll(backend, alt) - slow_pll(backend, ref)
        assert row == pytest.approx([expected, expected / LENGTH, expected], rel=1e-5, abs=1e-6)


def test_pll_delta_with_a_flank_reads_as_many_positions_on_both_haplotypes(monkeypatch):
    backend = NeighbourModel()
    model = load(monkeypatch, [backend], "pll_delta@flank:3")
    position, ref, alt = 200, GENOME[199:201], GENOME[199] + "GATTACA"[: 1 + (GENOME[200] != "G")] + "CCT"
    value = values_of(model, variant_table(("1", position, ref, alt)))[0, 0]
    window_ref, window_alt = haplotypes(position, ref, alt)
    same = next(i for i in range(LENGTH) if window_ref[i] != window_alt[i])
    shared_tail = next(i for i in range(9) if GENOME[200 - i] != alt[-1 - i])
    end = LENGTH // 2 + len(alt) - shared_tail  # the longer allele's end
    expected = [slow_pll(backend, window, same - 3, end + 3) for window in (window_ref, window_alt)]
    assert value == pytest.approx(expected[1] - expected[0], rel=1e-5)


def test_causal_delta_sums_over_windows_of_equal_length(monkeypatch):
    backend = MarkovModel()
    model = load(monkeypatch, [backend], "causal_delta,causal_delta@mean")
    values = values_of(model, VARIANTS)
    for row, variant in zip(values, rows_of(VARIANTS), strict=True):
        ref, alt = (slow_chain(backend, window) for window in haplotypes(*variant))
        assert row == pytest.approx([alt - ref, (alt - ref) / LENGTH], rel=1e-5, abs=1e-6)
    assert {windows.shape[1] for windows in backend.asked} == {LENGTH}


def test_two_strands_are_the_mean_of_both_readings(monkeypatch):
    for backend, scorer, slow in (
        (NeighbourModel(), "pll_delta", slow_pll),
        (MarkovModel(), "causal_delta", slow_chain),
    ):
        values = values_of(load(monkeypatch, [backend], scorer, strands=2), VARIANTS)[:, 0]
        expected = []
        for variant in rows_of(VARIANTS):
            windows = haplotypes(*variant)
            flipped = [window.translate(COMPLEMENT)[::-1] for window in windows]
            deltas = [slow(backend, alt) - slow(backend, ref) for ref, alt in (windows, flipped)]
            expected.append(np.mean(deltas))
        assert values == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_masked_llr_and_flanks_read_the_mirrored_places_on_the_other_strand(monkeypatch):
    class Symmetric(NeighbourModel):
        """Reads the same on both strands."""

        def table(self):
            table = np.exp(super().table())
            both = table + table[[3, 2, 1, 0, 4]][:, [3, 2, 1, 0, 4]].transpose(1, 0, 2)[..., ::-1]
            return np.log(both / both.sum(axis=-1, keepdims=True))

    scorers = "masked_llr,pll_delta@flank:4,pll_delta@unmasked"
    one = values_of(load(monkeypatch, [Symmetric()], scorers), VARIANTS)
    two = values_of(load(monkeypatch, [Symmetric()], scorers, strands=2), VARIANTS)
    assert np.allclose(one, two, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_scores_are_averaged_over_shifts_and_replicates(monkeypatch):
    backends = [MarkovModel(seed=1), MarkovModel(seed=2)]
    values = values_of(load(monkeypatch, backends, "causal_delta", shifts=(-2, 0, 5)), VARIANTS)[:, 0]
    for value, variant in zip(values, rows_of(VARIANTS), strict=True):
        deltas = [
            slow_chain(backend, alt) - slow_chain(backend, ref)
            for backend in backends
            for ref, alt in (haplotypes(*variant, shift=shift) for shift in (-2, 0, 5))
        ]
        assert value == pytest.approx(np.mean(deltas), rel=1e-5, abs=1e-6)


def test_exchanging_the_alleles_turns_the_sign(monkeypatch):
    for backend, scorers in ((NeighbourModel(), "pll_delta,pll_delta@flank:5"), (MarkovModel(), "causal_delta")):
        model = load(monkeypatch, [backend], scorers)
        for position, ref, alt in rows_of(VARIANTS):
            other = GENOME[: position - 1] + alt + GENOME[position - 1 + len(ref) :]
            forward = values_of(model, variant_table(("1", position, ref, alt)))
            backward = values_of(model, variant_table(("1", position, alt, ref)), genome=other)
            assert forward == pytest.approx(-backward, rel=1e-5, abs=1e-6)


def test_neither_order_nor_company_nor_chunks_change_a_score(monkeypatch):
    model = load(monkeypatch, [NeighbourModel()], "masked_llr,pll_delta")
    whole = values_of(model, VARIANTS)
    order = np.random.default_rng(1).permutation(len(VARIANTS))
    assert np.array_equal(values_of(model, VARIANTS.iloc[order]), whole[order], equal_nan=True)
    assert np.array_equal(values_of(model, VARIANTS.iloc[[7]]), whole[[7]], equal_nan=True)
    monkeypatch.setattr(language, "_CHUNK_BASES", 6 * LENGTH)
    assert np.array_equal(values_of(model, VARIANTS), whole, equal_nan=True)


def test_ref_windows_of_one_place_are_scored_once(monkeypatch):
    backend = MarkovModel()
    model = load(monkeypatch, [backend], "causal_delta")
    values_of(model, variant_table(*(("1", 100, GENOME[99], alt) for alt in "ACGT" if alt != GENOME[99])))
    assert [len(windows) for windows in backend.asked] == [4]


def test_embedding_distance_keeps_its_digits_for_near_windows(monkeypatch):
    backend = MarkovModel()
    names = ["embedding_distance", "embedding_distance@l2", "embedding_distance@cosine:0", "embedding_distance@l2:1"]
    values = values_of(load(monkeypatch, [backend], ",".join(names)), VARIANTS)
    for row, variant in zip(values, rows_of(VARIANTS), strict=True):
        codes = np.array([["ACGT".index(base) for base in window] for window in haplotypes(*variant)])
        expected = []
        for metric, layer in (("cosine", 2), ("l2", 2), ("cosine", 0), ("l2", 1)):
            ref, alt = backend.embed(codes, layer).astype(np.longdouble)
            cosine = 1 - ref @ alt / np.sqrt((ref @ ref) * (alt @ alt))
            expected.append(float(cosine if metric == "cosine" else np.sqrt(((ref - alt) ** 2).sum())))
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_unknown_bases_have_no_term(monkeypatch):
    genome = GENOME[:80] + "N" * 5 + GENOME[85:]
    backend = NeighbourModel()
    model = load(monkeypatch, [backend], "pll_delta,pll_delta@unmasked")
    alt = next(base for base in "ACGT" if base != genome[109])
    values = values_of(model, variant_table(("1", 110, genome[109], alt)), genome)
    log_p = [
        sum(slow_pll(backend, window, i, i + 1) for i in range(LENGTH) if window[i] != "N")
        for window in haplotypes(110, genome[109], alt, genome=genome)
    ]
    assert values[0] == pytest.approx([log_p[1] - log_p[0]] * 2, rel=1e-5)


def test_every_variant_has_a_status_and_a_reason(monkeypatch):
    model = load(monkeypatch, [NeighbourModel()], "masked_llr")
    snv, wrong = GENOME[99], "A" if GENOME[99] != "A" else "C"
    other = next(base for base in "ACGT" if base not in {snv, wrong})
    variants = variant_table(
        ("1", 100, snv, wrong),
        ("1", 100, wrong, other),
        ("1", 100, snv, f"{snv}GG"),
        ("1", 10_000, "A", "C"),
        ("1", 100, snv, "<DEL>"),
        ("1", 100, GENOME[99:101], "".join("CA"[base == "C"] for base in GENOME[99:101])),
    )
    scores = score(model, variants)
    words = ["ok", "ref_mismatch", "unsupported_allele", "no_sequence", "unsupported_allele", "unsupported_allele"]
    assert scores.status == words
    assert "single-base changes only" in scores.reason[2]
    assert scores.effects.variants.tolist() == [0]
    assert all(bool(reason) == (word != "ok") for word, reason in zip(scores.status, scores.reason, strict=True))


def test_other_scores_serve_variants_that_masked_llr_does_not(monkeypatch):
    scores = score(load(monkeypatch, [NeighbourModel()]), VARIANTS)  # the defaults
    single = np.array([len(ref) == len(alt) == 1 for _, ref, alt in rows_of(VARIANTS)])
    assert set(scores.status) == {"ok"}
    has_llr = np.isin(np.arange(len(VARIANTS)), scores.effects.variants[scores.effects.scores == 0])
    assert has_llr[single].all()
    assert np.array_equal(scores.effects.variants[scores.effects.scores == 1], np.arange(len(VARIANTS)))


def test_a_window_without_a_finite_likelihood_stops_only_its_variant(monkeypatch):
    class Choosy(MarkovModel):
        def log_likelihood(self, codes):
            return np.where((codes[:, LENGTH // 2] == 0), np.nan, super().log_likelihood(codes))

    variants = variant_table(*(("1", 100, GENOME[99], alt) for alt in "ACGT" if alt != GENOME[99]))
    scores = score(load(monkeypatch, [Choosy()]), variants)
    bad = [alt == "A" or GENOME[99] == "A" for alt in variants["alt"]]
    assert [status == "no_score" for status in scores.status] == bad
    assert "causal_delta" in scores.reason[bad.index(True)]


WORDS = info("masked_lm", unit="token")


class WholeWindows:
    """A masked model of longer tokens."""

    info = WORDS

    def log_likelihood(self, codes):
        return codes.sum(axis=1, dtype=np.float64)


@pytest.mark.parametrize(
    ("backend", "row", "message"),
    [
        (NeighbourModel(), {"scorers": "logSED"}, "'logSED' is not a score of language models"),
        (NeighbourModel(), {"scorers": "causal_delta"}, "ask for pll_delta"),
        (NeighbourModel(), {"scorers": "pll_delta@flank:x"}, "pll_delta@flank:25"),
        (NeighbourModel(), {"scorers": "masked_llr@mean"}, "Write masked_llr"),
        (NeighbourModel(), {"scorers": "masked_llr,masked_llr"}, "one twice"),
        (NeighbourModel(), {"scorers": "embedding_distance"}, "no hidden states"),
        (MarkovModel(), {"scorers": "masked_llr"}, "ask for causal_delta"),
        (MarkovModel(), {"scorers": "pll_delta"}, "ask for causal_delta"),
        (MarkovModel(), {"scorers": "embedding_distance@l2:3"}, ":0 to :2"),
        (MarkovModel(), {"scorers": "causal_delta@flank:3"}, "causal_delta@mean"),
        (WholeWindows(), {"scorers": "masked_llr"}, "tokens are longer than a base"),
        (WholeWindows(), {"scorers": "pll_delta@flank:3"}, "tokens are longer than a base"),
        (WholeWindows(), {"scorers": "pll_delta@unmasked"}, "no unmasked probabilities"),
        (MarkovModel(), {"shared_bp": 16}, "centered on each variant"),
        (MarkovModel(), {"tracks": "liver"}, "have no tracks"),
        (MarkovModel(info("causal_lm", default_bp=None)), {}, "Set window_bp"),
        (MarkovModel(info("causal_lm", longest_bp=100)), {"window_bp": 128}, "at most 100 bases"),
        (MarkovModel(info("causal_lm", shortest_bp=100)), {"window_bp": 64}, "at least 100 bases"),
        (MarkovModel(), {"center_offset": 3}, "fewer than 16 bases beside it"),
        (NeighbourModel(), {"scorers": "pll_delta@flank:40"}, "fewer than 40 bases beside it"),
    ],
)
def test_what_cannot_be_done_is_said_before_scoring(monkeypatch, backend, row, message):
    with pytest.raises(InputError, match=message):
        load(monkeypatch, [backend], **row)


def test_token_models_are_scored_per_base_pair_by_default(monkeypatch):
    model = load(monkeypatch, [WholeWindows()])
    assert [score.name for score in model.scores] == ["pll_delta@mean"]
    assert "divided by the bases" in model.scores[0].formula
    value = values_of(model, variant_table(("1", 100, GENOME[99], "ACGT"[("ACGT".index(GENOME[99]) + 1) % 4])))
    change = 1 if GENOME[99] != "T" else -3
    assert value[0, 0] == pytest.approx(change / LENGTH)
