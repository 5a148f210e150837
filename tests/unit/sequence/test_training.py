import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sequence_toys import BANK, ToyGenome, consensus_counts, random_sequence, write_bank

import train_accessibility
from locus2target.core.errors import InputError
from locus2target.core.intervals import parse_region
from locus2target.ingest.genome import index_fasta
from locus2target.sequence import training
from locus2target.sequence.cell_model import load_cell_model
from locus2target.sequence.encoding import decode
from locus2target.sequence.metrics import auroc, average_precision
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.motif_bank import read_motif_bank
from locus2target.sequence.networks.accessibility import AccessibilityFacts, AccessibilityShape
from locus2target.sequence.training_windows import (
    CLOSED_PER_OPEN,
    TEST,
    TRAINING,
    VALIDATION,
    Split,
    covers,
    gather_training_windows,
    merge_intervals,
)

WORD = "TGACTCAT"
SECOND_WORD = "GGGGCGGG"
LENGTH, EVERY = 60_000, 300
SHAPE = AccessibilityShape(64, (8, 8), (9, 3), (4, 2), (), 8)


def region(text):
    return parse_region(text, where="test")


SPLIT = Split((region("1:1-42000"),), (region("1:42001-51000"),), (region("1:51001-60000"), region("2:1-40000")))


def intervals(*rows):
    return pd.DataFrame(rows, columns=["chromosome", "start", "end", "context"])


@pytest.fixture(scope="module")
def planted():
    """Genome whose peaks have a word in their middle: one cell type on chromosome 1 everywhere, another every other."""
    sequence = list(random_sequence(LENGTH, seed=3).replace(WORD, "A" * 8))
    rows = []
    for i, middle in enumerate(range(EVERY // 2, LENGTH, EVERY)):
        sequence[middle - 20 : middle - 12] = WORD
        sequence[middle + 12 : middle + 20] = WORD
        rows.append(("1", middle - 30, middle + 30, "T"))
        if i % 2:
            sequence[middle - 8 : middle] = SECOND_WORD
            rows.append(("1", middle - 30, middle + 30, "B"))
    return ToyGenome({"1": "".join(sequence)}), intervals(*rows)


def gather(planted, split=SPLIT, seed=1):
    genome, peaks = planted
    return gather_training_windows(peaks, genome.fetch, genome.lengths, split, window_bp=64, margin=8, seed=seed)


def test_merged_intervals_are_the_union_base_by_base():
    generator = np.random.default_rng(0)
    starts = generator.integers(0, 300, 40)
    frame = intervals(*(("1", int(start), int(start + generator.integers(1, 15)), "x") for start in starts))
    mask = np.zeros(330, dtype=bool)
    for start, end in zip(frame["start"], frame["end"], strict=True):
        mask[start:end] = True
    merged = merge_intervals(frame)
    assert np.array_equal(covers(merged, np.arange(330)), mask)
    assert len(merged[0]) == np.count_nonzero(np.diff(mask.astype(int), prepend=0) == 1)
    assert not covers(merge_intervals(frame[:0]), np.arange(5)).any()


def test_windows_are_where_they_belong_and_labelled_by_their_central_base(planted):
    genome, peaks = planted
    windows = gather(planted)
    sequence = genome.sequences["1"]
    assert windows.tracks == ("B", "T")
    for codes, label, part in zip(windows.codes, windows.labels, windows.parts, strict=True):
        start = sequence.find(decode(codes))
        end = start + len(codes)
        assert start >= 0
        assert part == (TRAINING if end <= 42_000 else VALIDATION if 42_000 <= start < end <= 51_000 else TEST)
        at = peaks[(peaks["start"] <= start + 40) & (start + 40 < peaks["end"])]
        assert list(label) == [float(track in set(at["context"])) for track in windows.tracks]
        if not label.any():
            assert not ((peaks["start"] < end) & (peaks["end"] > start)).any()


def test_closed_windows_have_the_gc_content_of_open_ones(planted):
    windows = gather(planted).of_part(TRAINING)
    gc = np.isin(windows.codes[:, 8:-8], (1, 2)).mean(axis=1)
    is_open = windows.labels.any(axis=1)
    for value in np.unique((gc * 40).astype(int)):
        same = (gc * 40).astype(int) == value
        assert np.count_nonzero(same & ~is_open) <= CLOSED_PER_OPEN * np.count_nonzero(same & is_open)
    assert np.count_nonzero(~is_open) > np.count_nonzero(is_open)


def test_the_choice_of_closed_windows_is_the_seeds(planted):
    first, again, other = gather(planted), gather(planted), gather(planted, seed=2)
    assert np.array_equal(first.codes, again.codes)
    assert not np.array_equal(first.codes, other.codes)
    assert first.labels.sum() == other.labels.sum()


def test_unknown_bases_are_in_no_window():
    bases = random_sequence(6000, seed=1)
    sequence = bases[:1000] + "N" * 1000 + bases[2000:]
    peaks = intervals(*(("1", start, start + 50, "x") for start in (100, 990, 1500, 2500, 4100, 5100)))
    split = Split((region("1:1-4000"),), (region("1:4001-5000"),), (region("1:5001-6000"),))
    genome = ToyGenome({"1": sequence})
    windows = gather_training_windows(peaks, genome.fetch, genome.lengths, split, window_bp=64, margin=0, seed=1)
    assert not (windows.codes == 4).any()
    assert windows.of_part(TRAINING).labels.sum() == 4  # two in each of the peaks at 100 and 2500


def test_a_part_without_peaks_is_refused(planted):
    with pytest.raises(InputError, match="validation part has no open window of B, T"):
        gather(planted, replace(SPLIT, validation=(region("3:1-1000"),)))
    with pytest.raises(InputError, match="overlap"):
        replace(SPLIT, validation=(region("1:30001-51000"),))
    with pytest.raises(InputError, match="no chromosome of the training"):
        gather((ToyGenome({"7": "ACGT"}), planted[1]))


def test_filters_are_the_families_best_motifs(tmp_path):
    weak, strong, wide = consensus_counts("TGAC"), consensus_counts(WORD), consensus_counts("CCCCCACGTACGTGTTTTT")
    wide[:3] = wide[-3:] = 25.0  # its ends say nothing
    path = write_bank(tmp_path / "bank.npz", [weak, strong, wide], families=["b", "b", "a"])
    filters = training.motif_filters(read_motif_bank(path), kernel=9)
    assert filters.shape == (2, 4, 9)
    assert torch.allclose(filters.flatten(1).norm(dim=1), torch.ones(2))
    told = ["".join("ACGT"[i] for i in filters[f].argmax(0)) for f in range(2)]
    assert told[1][:8] == WORD
    assert filters[1, :, 8].abs().sum() == 0
    assert told[0] in "CCCCCACGTACGTGTTTTT"[3:-3]


def test_telling_filters_are_those_of_the_planted_word(planted, tmp_path):
    words = ["AATTAATT", "CTCTGTGT", WORD, "ATGCAAAT"]
    path = write_bank(tmp_path / "bank.npz", [consensus_counts(word) for word in words], families=list("abcd"))
    filters = training.motif_filters(read_motif_bank(path), kernel=9)
    chosen = training.telling_filters(filters, gather(planted), n=1, seed=1)
    assert torch.equal(chosen, filters[2:3])


def filters_of(*words):
    """Filters of 9 bases that want the words of 8, of norm 1."""
    return (
        torch.stack([torch.eye(4)[[*map("ACGT".index, word + "A")]].T * (torch.arange(9) < 8) for word in words])
        / 8**0.5
    )


@pytest.fixture(scope="module")
def trained(planted):
    windows = gather(planted)
    facts = AccessibilityFacts(windows.tracks, windows.tracks, "none", "none", {})
    return (
        windows,
        facts,
        training.train_network(windows, SHAPE, facts, filters_of(WORD, SECOND_WORD), seed=1, epochs=12),
    )


def test_a_planted_word_is_learned_on_held_out_sequence(trained):
    windows, _, one = trained
    measured = training.measure([one.network], windows)
    assert min(one.losses) == pytest.approx(measured["validation"]["loss"], abs=1e-5)
    for part in ("validation", "test"):
        assert all(figures["auroc"] > 0.8 for figures in measured[part]["tracks"].values())


def test_training_is_deterministic_and_starts_from_the_filters(trained):
    windows, facts, _ = trained
    filters = torch.nn.functional.normalize(torch.randn(3, 36, generator=torch.Generator().manual_seed(0))).view(
        3, 4, 9
    )
    states = [
        training.train_network(windows, SHAPE, facts, filters, seed=seed, epochs=1).network.state_dict()
        for seed in (1, 1, 2)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])
    moved = (states[0]["layers.conv0.weight"][:3] - filters).norm() / filters.norm()
    assert 0 < moved < 0.5


def test_logits_are_means_over_strands_and_networks(trained):
    windows, _, one = trained
    part = windows.of_part(TEST)
    both = training.predict_logits([one.network], part)
    complement = np.ascontiguousarray(3 - part.codes[:, ::-1])
    assert np.allclose(both, training.predict_logits([one.network], replace(part, codes=complement)), atol=1e-6)
    assert np.allclose(both, training.predict_logits([one.network, one.network], part), atol=1e-6)
    labels = part.labels.astype(float)
    expected = -(labels * np.log(expit(both)) + (1 - labels) * np.log(expit(-both))).mean()
    assert training.cross_entropy(both, part.labels) == pytest.approx(expected, rel=1e-6)


def test_metrics_are_those_of_counted_pairs_and_thresholds():
    generator = np.random.default_rng(1)
    scores, labels = generator.integers(0, 12, 60), generator.random(60) < 0.4
    pairs = [float(a > b) + 0.5 * float(a == b) for a in scores[labels] for b in scores[~labels]]
    assert auroc(scores, labels) == pytest.approx(np.mean(pairs))
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        reached = labels[called].sum() / labels.sum()
        area += (reached - recall) * labels[called].mean()
        recall = reached
    assert average_precision(scores, labels) == pytest.approx(area)
    assert np.isnan(auroc(scores, np.ones(60)))
    assert np.isnan(average_precision(scores, np.zeros(60)))


def test_the_script_writes_what_the_models_sheet_can_name(planted, tmp_path, monkeypatch):
    genome, peaks = planted
    monkeypatch.setattr(train_accessibility, "SHAPE", replace(SHAPE, kernels=(17, 3)))
    monkeypatch.setattr(train_accessibility, "MARGIN", 8)
    lines = [f"{row.chromosome}\t{row.start}\t{row.end}\tATAC_{row.context}" for row in peaks.itertuples()]
    (tmp_path / "peaks.bed").write_text("\n".join([*lines, "1\t5\t90\tcoding"]) + "\n")
    (tmp_path / "genome.txt").write_text(f">1\n{genome.sequences['1']}\n")
    index_fasta(str(tmp_path / "genome.txt"), str(tmp_path / "genome.fa"))
    settings = {
        "tracks": "ATAC_",
        "training": ["1:1-42000"],
        "validation": ["1:42001-51000"],
        "test": ["1:51001-60000"],
        "epochs": 1,
        "seed": 1,
        "licence": "MIT",
        "citation": "made up",
    }
    given = {"genome": str(tmp_path / "genome.fa"), "peaks": str(tmp_path / "peaks.bed"), "motifs": str(BANK)}
    folders = [tmp_path / "0", tmp_path / "1"]
    train_accessibility.main(**given, replicates=[str(folder) for folder in folders], settings=settings)
    config = json.loads((folders[0] / "config.json").read_text())
    assert [track["name"] for track in config["tracks"]] == ["ATAC_B", "ATAC_T"]
    assert (config["licence"], config["training"]["seed"], len(config["training"]["validation_losses"])) == (
        "MIT",
        2,
        1,
    )
    assert 0 <= config["training"]["mean_of_replicates"]["test"]["tracks"]["ATAC_T"]["auroc"] <= 1
    row = ModelRow("trained", "accessibility", tuple(folders), strands=2)
    model = load_cell_model(row, device=torch.device("cpu"), batch_size=8)
    assert [track.name for track in model.spec.tracks] == ["ATAC_B", "ATAC_T"]
    with pytest.raises(InputError, match="no cell type matches 'DNase'"):
        train_accessibility.main(**given, replicates=["x"], settings=settings | {"tracks": "DNase"})
    with pytest.raises(InputError, match="not a list of regular expressions"):
        train_accessibility.main(**given, replicates=["x"], settings=settings | {"tracks": "ATAC_("})
