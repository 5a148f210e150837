import numpy as np
import pytest
from sequence_toys import (
    ToyGenome,
    consensus_counts,
    largest,
    motif_model,
    random_sequence,
    score,
    scoring,
    variant_table,
    write_bank,
)
from test_pairs import counter

from locus2target.core.errors import InputError
from locus2target.core.schemas import SCORE_BACKGROUND
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.background import background_quantiles, check_background, sample_background


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = write_bank(
        tmp_path_factory.mktemp("bank") / "bank.npz", [consensus_counts("ACGTA"), consensus_counts("GGAT")]
    )
    return motif_model(path, window_bp=32, motif_p=5e-3, model="toy")


def share_above(table, threshold):
    """Share of the background that is larger, read off the table."""
    return 1.0 - table.loc[table["size"] <= threshold, "probability"].max()


def sample(model, toy, n=2_000, **settings):
    return sample_background(scoring(model, toy, chunk=512), n=n, **settings)


def genome():
    return ToyGenome({"1": "N" * 2_000 + random_sequence(3_000, 1), "2": random_sequence(2_000, 2), "GL1": "A" * 9_000})


def test_background_is_the_distribution_over_the_whole_sequence(model, tmp_path):
    toy = genome()
    table = sample(model, toy, n=3_000)
    write_table(table, tmp_path / "background.parquet", SCORE_BACKGROUND)
    table = read_table(tmp_path / "background.parquet", SCORE_BACKGROUND)
    assert set(table["scorer"]) == {"motif_max_rank_change"}
    assert table["track"].isna().all()
    assert (table["n_variants"] == 3_000).all()
    assert (np.diff(table["size"]) >= 0).all()
    everything = [
        (name, i + 1, ref, alt)
        for name, sequence in list(toy.sequences.items())[:2]  # other contigs than chromosomes are not drawn
        for i, ref in enumerate(sequence)
        for alt in "ACGT"
        if ref not in {alt, "N"}
    ]
    scores = score(model, variant_table(*everything), toy)
    truth = np.abs(largest(scores)[0][scores.scored])
    for threshold in (0.0, 0.5, 1.0, 1.5):
        assert share_above(table, threshold) == pytest.approx(np.mean(truth > threshold), abs=0.03)
    quantiles = background_quantiles(table, "motif_max_rank_change", "", None, np.array([0.0, 0.7, 99.0], np.float32))
    assert quantiles.tolist() == pytest.approx([0.0, np.mean(truth < 0.7), 1.0], abs=0.03)


def test_genome_that_is_mostly_unknown_has_the_background_of_its_sequence(model):
    """A FASTA of a few regions, N elsewhere: random places would hardly ever meet a base."""
    sequence = random_sequence(3_000, 1)
    whole = ToyGenome({"1": sequence})
    partial = ToyGenome({"1": "N" * 2_000_000 + sequence + "N" * 500_000, "2": "N" * 70_000})
    expected, found = (sample(model, toy) for toy in (whole, partial))
    for threshold in (0.0, 0.5, 1.0, 1.5):
        assert share_above(found, threshold) == pytest.approx(share_above(expected, threshold), abs=0.05)


def test_background_depends_on_the_seed_only(model):
    draw = [sample(model, genome(), n=200, seed=seed)["size"].tolist() for seed in (0, 0, 1)]
    assert draw[0] == draw[1] != draw[2]


def test_genome_without_enough_sequence_gives_no_background(model, caplog):
    assert sample(model, ToyGenome({"1": "N" * 5_000}), n=20).empty
    assert "only 0 of 20 random places could be scored" in caplog.text
    assert np.isnan(background_quantiles(SCORE_BACKGROUND.empty(), "x", "", None, np.ones(1, np.float32))).all()


def test_models_with_a_score_on_every_track_have_a_background_on_each():
    toy = ToyGenome({"1": random_sequence(500, 4)})
    table = sample(counter(), toy, n=100)
    assert table["track"].fillna("largest").unique().tolist() == ["largest", "A", "C", "G", "T"]
    assert set(table.loc[table["track"].notna(), "scorer"]) == {"difference"}
    sizes = np.array([0.5, 1.0, 1.5], np.float32)
    assert background_quantiles(table, "difference", "", "A", sizes).tolist() == [0.0, 0.0, 1.0]


def test_background_of_another_model_is_refused(model):
    table = sample(model, genome(), n=100)
    check_background(table, model, where="here")
    with pytest.raises(InputError, match="Leave `background` empty"):
        check_background(table, counter(), where="here")
