import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sequence_toys import (
    ToyGenome,
    consensus_counts,
    largest,
    motif_model,
    random_sequence,
    random_variants,
    score,
    variant_table,
    write_bank,
)

from locus2target.core.errors import InputError
from locus2target.core.variants import reverse_complement
from locus2target.sequence.encoding import encode
from locus2target.sequence.motif import RankChangeScorer
from locus2target.sequence.motif_bank import pvalue_table, read_motif_bank, score_matrix
from locus2target.sequence.windows import extract_windows

CTCF = "GCCACCAGGGGGCGC"  # consensus of MA0139.2


@pytest.fixture(scope="module")
def jaspar():
    return motif_model()


@pytest.fixture(scope="module")
def small_bank(tmp_path_factory):
    """Random motifs of 4 to 9 bases in three families."""
    generator = np.random.default_rng(7)
    widths = (4, 5, 5, 6, 7, 7, 8, 9)
    matrices = [generator.dirichlet([0.4] * 4, size=width) * 200 for width in widths]
    families = ["a", "b", "a", "c", "b", "a", "c", "c"]
    return write_bank(tmp_path_factory.mktemp("bank") / "bank.npz", matrices, families=families)


def slow_match(scores, haplotype, start, end):
    """Best score and log2 occupancy over both strands of all words with a base on either side of the change."""
    width = len(scores)
    found = []
    for strand in (scores, scores[::-1, ::-1]):
        for first in range(len(haplotype) - width + 1):
            inside = first < end and first + width > start
            if inside or (start == end and first < start < first + width):
                found.append(sum(int(strand[i, haplotype[first + i]]) for i in range(width)))
    return max(found), math.log2(sum(2 ** (score / 100) for score in found))


def changed(sequence, position, ref, alt):
    """Haplotypes and the stretch of each in which an equivalent change could lie, found by trying every place."""
    start = position - 1
    other = sequence[:start] + alt + sequence[start + len(ref) :]
    longer, shorter = (sequence, other) if len(sequence) >= len(other) else (other, sequence)
    size = len(longer) - len(shorter)
    if size:
        places = [p for p in range(len(shorter) + 1) if longer[:p] + longer[p + size :] == shorter]
        if places:
            spans = {len(longer): (places[0], places[-1] + size), len(shorter): (places[0], places[-1])}
            return other, spans[len(sequence)], spans[len(other)]
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt, start = ref[1:], alt[1:], start + 1
    return other, (start, start + len(ref)), (start, start + len(alt))


@pytest.mark.parametrize("letters", ["ACGT", "AC"])  # two letters: many repeats
def test_scores_agree_with_a_slow_search_of_both_haplotypes(small_bank, letters):
    sequence = "".join(np.random.default_rng(8).choice(list(letters), size=400))
    model = motif_model(small_bank, motif_p=1.0, window_bp=128)
    model.scorer._families = np.arange(8)  # every motif is reported
    table = random_variants(sequence, 60, seed=9)
    matrices = [score_matrix(counts) for counts in read_motif_bank(small_bank).counts]
    pvalues = pvalue_table(matrices)
    scores = score(replace(model, batch_size=16), table, ToyGenome({"1": sequence}))
    assert scores.status == ["ok"] * len(table)
    assert len(scores.effects.values) == 8 * len(table)
    for v, row in enumerate(table.itertuples()):
        other, ref_span, alt_span = changed(sequence, row.position, row.ref, row.alt)
        for m, matrix in enumerate(matrices):
            ref_best, ref_occupancy = slow_match(matrix, encode(sequence), *ref_span)
            alt_best, alt_occupancy = slow_match(matrix, encode(other), *alt_span)
            log10_p = pvalues.log10_p[pvalues.zeros[m] + np.array([ref_best, alt_best])]
            e = v * 8 + m
            assert scores.effects.values[e] == np.float32(log10_p[0] - log10_p[1])
            detail = dict(part.split("=") for part in scores.effects.details[e].split(": ")[1].split(", "))
            assert float(detail["bits"]) == pytest.approx((alt_best - ref_best) / 100, abs=1e-9)
            assert float(detail["occupancy"]) == pytest.approx(alt_occupancy - ref_occupancy, abs=0.006)
            assert float(detail["p_ref"]) == pytest.approx(10 ** log10_p[0], rel=0.06)


def test_results_do_not_depend_on_batch_size_or_order(jaspar):
    sequence = random_sequence(4_000, 10)
    table = random_variants(sequence, 90, seed=11)
    genome = ToyGenome({"1": sequence})
    whole = score(replace(jaspar, batch_size=10_000), table, genome)
    assert len(whole.effects.values) > 90
    for size in (1, 14, 64):
        again = score(replace(jaspar, batch_size=size), table, genome)
        assert np.array_equal(again.effects.values, whole.effects.values)
        assert np.array_equal(again.effects.tracks, whole.effects.tracks)
        assert np.array_equal(again.effects.details, whole.effects.details)
    shuffled = table.sample(frac=1, random_state=12)
    values, tracks = largest(score(replace(jaspar, batch_size=64), shuffled, genome))
    order = table.index.get_indexer(shuffled.index)
    assert np.array_equal(values, largest(whole)[0][order])
    assert np.array_equal(tracks, largest(whole)[1][order])


@pytest.mark.parametrize("site", [CTCF, reverse_complement(CTCF)])
def test_destroying_the_ctcf_consensus_is_a_loss_of_ctcf_and_restoring_it_the_same_gain(jaspar, site):
    left, right = random_sequence(200, 13), random_sequence(200, 14)
    intact = left + site + right
    at = 201 + (site.index("GGGG") + 1 if "GGGG" in site else site.index("CCCC") + 1)
    ref = intact[at - 1]
    alt = "T" if ref == "G" else "A"
    broken = intact[: at - 1] + alt + intact[at:]
    (loss,), (track,) = largest(score(jaspar, variant_table(("1", at, ref, alt)), ToyGenome({"1": intact})))
    (gain,), (same,) = largest(score(jaspar, variant_table(("1", at, alt, ref)), ToyGenome({"1": broken})))
    assert jaspar.spec.tracks[track].name.startswith("CTCF ")
    assert loss < -2
    assert (gain, same) == (-loss, track)


def test_deleting_the_whole_site_and_inserting_it_are_opposite(jaspar):
    left, right = random_sequence(200, 15), random_sequence(200, 16)
    with_site, without = left + CTCF + right, left + right
    anchor = left[-1]
    table = variant_table(("1", 200, anchor + CTCF, anchor))
    back = variant_table(("1", 200, anchor, anchor + CTCF))
    deletion = score(replace(jaspar, batch_size=8), table, ToyGenome({"1": with_site}))
    insertion = score(replace(jaspar, batch_size=8), back, ToyGenome({"1": without}))
    assert jaspar.spec.tracks[largest(deletion)[1][0]].name.startswith("CTCF ")
    assert largest(deletion)[0] == -largest(insertion)[0]
    assert largest(deletion)[0] < -4


def test_both_strands_of_the_genome_give_the_same_scores(jaspar):
    sequence = random_sequence(1_000, 17)
    table = random_variants(sequence, 40, seed=18)
    flipped = variant_table(
        *(
            ("1", len(sequence) - row.position - len(row.ref) + 2, *map(reverse_complement, (row.ref, row.alt)))
            for row in table.itertuples()
        )
    )
    forward = score(replace(jaspar, batch_size=32), table, ToyGenome({"1": sequence}))
    reverse = score(replace(jaspar, batch_size=32), flipped, ToyGenome({"1": reverse_complement(sequence)}))
    assert np.array_equal(forward.effects.values, reverse.effects.values)
    assert np.array_equal(forward.effects.tracks, reverse.effects.tracks)


def test_a_change_inside_a_run_of_sites_that_leaves_as_good_a_site_changes_nothing(tmp_path):
    model = motif_model(
        write_bank(tmp_path / "bank.npz", [consensus_counts("AAAAAA", 10_000)]), motif_p=0.01, window_bp=64
    )
    sequence = random_sequence(60, 19) + "G" + "A" * 12 + "C" + random_sequence(60, 20)
    scores = score(replace(model, batch_size=4), variant_table(("1", 61, "GAA", "G")), ToyGenome({"1": sequence}))
    assert scores.effects.values.tolist() == [0.0]
    assert scores.effects.details[0].startswith("neutral: ")


def test_only_motifs_with_a_site_count_and_the_best_of_each_family_is_reported(jaspar):
    sequence = random_sequence(2_000, 21)
    table = random_variants(sequence, 40, seed=22)
    windows = extract_windows(table, ToyGenome({"1": sequence}).fetch, jaspar.spec.window)
    ref, alt = (
        jaspar.backend.predict(torch.from_numpy(codes), torch.from_numpy(spans))
        for codes, spans in ((windows.ref, windows.ref_spans), (windows.alt, windows.alt_spans))
    )
    effects = RankChangeScorer([t.group for t in jaspar.spec.tracks], motif_p=1e-4).effects(ref, alt)
    change = (ref.log10_p - alt.log10_p).numpy()
    passing = np.minimum(ref.log10_p.numpy(), alt.log10_p.numpy()) <= -4
    expected = []
    for v in range(len(table)):
        best = {}
        for m in np.flatnonzero(passing[v]):
            group = jaspar.spec.tracks[m].group
            if group not in best or abs(change[v, m]) > abs(change[v, best[group]]):
                best[group] = m
        expected += [(v, m, np.float32(change[v, m])) for m in sorted(best.values())]
    assert list(zip(effects.variants, effects.tracks, effects.values, strict=True)) == expected


def test_details_say_gain_or_loss_with_both_p_values(tmp_path):
    model = motif_model(write_bank(tmp_path / "bank.npz", [consensus_counts("ACGTTGCA")]), window_bp=64)
    sequence = "T" * 40 + "ACGTTGCA" + "T" * 40
    scores = score(replace(model, batch_size=4), variant_table(("1", 41, "A", "C")), ToyGenome({"1": sequence}))
    # 8 bases: p of the best word is 4 ** -8 = 1.5e-5; with one base wrong, 25 words are as good: 3.8e-4
    assert scores.effects.details.tolist() == ["loss: p_ref=1.5e-05, p_alt=0.00038, bits=-4.83, occupancy=-4.83"]
    assert scores.effects.values == pytest.approx([-math.log10(25)])


def test_spec_describes_the_model(jaspar):
    spec = jaspar.spec
    assert (spec.kind, spec.window.length, spec.window.center_offset, spec.window.flank) == ("motif", 256, 128, 32)
    assert len(spec.tracks) == 1019
    ctcf = next(track for track in spec.tracks if track.name == "CTCF MA0139.2")
    assert ctcf.group == "CTCF"  # its TF family is a catch-all of zinc fingers
    assert next(track for track in spec.tracks if track.name == "GATA1 MA0035.5").group == "C4-GATA-related"
    assert "JASPAR 2026" in spec.citation


def test_motifs_too_short_for_motif_p_are_counted_in_the_log(caplog):
    with caplog.at_level("INFO"):
        motif_model()
    assert "115 of 1019 motifs are too short to reach p <= 0.0001" in caplog.text


def test_window_shorter_than_the_widest_motif_needs():
    with pytest.raises(InputError, match=r"window_bp 64 of model motif is too small.*needs 65 bases"):
        motif_model(window_bp=64)
    motif_model(window_bp=65)
