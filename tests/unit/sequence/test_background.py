import numpy as np
import pytest
import torch
from sequence_toys import ToyGenome, consensus_counts, random_sequence, variant_table, write_bank

from locus2target.sequence.background import background_sizes
from locus2target.sequence.motif import load_motif_model
from locus2target.sequence.scoring import score_variants


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = write_bank(
        tmp_path_factory.mktemp("bank") / "bank.npz", [consensus_counts("ACGTA"), consensus_counts("GGAT")]
    )
    return load_motif_model(path, model="toy", window_bp=32, device=torch.device("cpu"), motif_p=5e-3)


def genome():
    return ToyGenome({"1": "N" * 2_000 + random_sequence(3_000, 1), "2": random_sequence(2_000, 2), "GL1": "A" * 9_000})


def test_background_is_the_distribution_over_the_whole_sequence(model):
    toy = genome()
    sizes = background_sizes(model, toy.fetch, toy.lengths, batch_size=256, n=3_000)
    assert len(sizes) == 3_000
    assert (np.diff(sizes) >= 0).all()
    everything = [
        (name, i + 1, ref, alt)
        for name, sequence in list(toy.sequences.items())[:2]  # other contigs than chromosomes are not drawn
        for i, ref in enumerate(sequence)
        for alt in "ACGT"
        if ref not in {alt, "N"}
    ]
    scores = score_variants(model, variant_table(*everything), toy.fetch, batch_size=2_048)
    truth = np.abs(scores.largest()[0][scores.scored])
    for threshold in (0.0, 0.5, 1.0, 1.5):
        assert np.mean(sizes > threshold) == pytest.approx(np.mean(truth > threshold), abs=0.03)


def test_genome_that_is_mostly_unknown_has_the_background_of_its_sequence(model):
    """A FASTA of a few regions, N elsewhere: random places would hardly ever meet a base."""
    sequence = random_sequence(3_000, 1)
    whole = ToyGenome({"1": sequence})
    partial = ToyGenome({"1": "N" * 2_000_000 + sequence + "N" * 500_000, "2": "N" * 70_000})
    expected, found = (background_sizes(model, toy.fetch, toy.lengths, batch_size=256) for toy in (whole, partial))
    assert len(found) == len(expected) == 2_000
    for threshold in (0.0, 0.5, 1.0, 1.5):
        assert np.mean(found > threshold) == pytest.approx(np.mean(expected > threshold), abs=0.05)


def test_background_depends_on_the_seed_only(model):
    toy = genome()
    draw = [
        background_sizes(model, toy.fetch, toy.lengths, batch_size=size, n=200, seed=seed)
        for size, seed in ((64, 0), (16, 0), (64, 1))
    ]
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


def test_genome_without_enough_sequence_gives_no_background(model, caplog):
    toy = ToyGenome({"1": "N" * 5_000})
    assert background_sizes(model, toy.fetch, toy.lengths, batch_size=64, n=20).size == 0
    assert "only 0 of 20 random places have sequence" in caplog.text
