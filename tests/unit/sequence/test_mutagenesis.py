import pytest
from sequence_toys import ToyGenome, largest, motif_model, random_sequence, score, scoring, variant_table

from locus2target.core.schemas import MUTAGENESIS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.mutagenesis import mutate_windows

CTCF = "GCCACCAGGGGGCGC"


@pytest.fixture(scope="module")
def model():
    return motif_model()


def windows_of(*rows):
    table = variant_table(*(row[:4] for row in rows))
    return table.assign(locus=[row[4] for row in rows], pip=0.5)


def mutate(model, genome, windows, tmp_path, flank_bp=10):
    frame = mutate_windows(scoring(model, genome, chunk=100), windows, flank_bp=flank_bp)
    write_table(frame, tmp_path / "mutagenesis.parquet", MUTAGENESIS)
    return read_table(tmp_path / "mutagenesis.parquet", MUTAGENESIS)


def test_every_substitution_of_every_base_with_its_own_score(model, tmp_path):
    genome = ToyGenome({"1": random_sequence(400, 1)})
    sequence = genome.sequences["1"]
    window = ("1", 200, sequence[199], "ACGT"[("ACGT".index(sequence[199]) + 1) % 4], "locus")
    frame = mutate(model, genome, windows_of(window), tmp_path)
    expected = [(p, sequence[p - 1], alt) for p in range(190, 211) for alt in "ACGT" if alt != sequence[p - 1]]
    assert list(frame[["position", "ref", "alt"]].itertuples(index=False, name=None)) == expected
    assert (frame["status"] == "ok").all()
    assert (frame["locus"] == "locus").all()
    assert (frame["variant"] == ":".join(map(str, window[:4]))).all()
    assert (frame["model"] == "motif").all()
    direct = variant_table(*(("1", *change) for change in expected))
    values, tracks = largest(score(model, direct, genome))
    assert frame["value"].tolist() == values.tolist()
    names = [None if track < 0 else model.spec.tracks[track].name for track in tracks]
    assert frame["track"].astype(object).where(frame["track"].notna(), None).tolist() == names
    silent = frame["track"].isna()
    assert (frame.loc[silent, "value"] == 0).all()
    assert (frame.loc[silent, "reason"] == "no motif reaches p <= 0.0001 on either allele").all()
    assert (frame.loc[~silent, "reason"] == "").all()


def test_the_ctcf_site_stands_out(model, tmp_path):
    genome = ToyGenome({"1": random_sequence(200, 2) + CTCF + random_sequence(200, 3)})
    frame = mutate(model, genome, windows_of(("1", 210, "G", "T", "locus")), tmp_path, flank_bp=50)
    strongest = frame.sort_values("value").head(15)
    assert strongest["track"].str.startswith("CTCF ").all()
    assert strongest["position"].between(201, 215).all()


def test_bases_and_windows_that_cannot_be_scored_have_one_row_each(model, tmp_path):
    sequence = random_sequence(400, 4)
    gap = sequence[:240] + "N" * 60 + sequence[300:]
    genome = ToyGenome({"1": gap})

    def ref(position):
        return gap[position - 1]

    windows = windows_of(
        ("1", 205, ref(205), "C" if ref(205) != "C" else "G", "near"),
        ("1", 270, "A", "C", "inside"),
        ("1", 150, "A" if ref(150) != "A" else "C", "T", "mismatch"),
        ("7", 150, "A", "T", "elsewhere"),
    )
    frame = mutate(model, genome, windows, tmp_path, flank_bp=10)
    assert frame["locus"].drop_duplicates().tolist() == ["near", "inside", "mismatch", "elsewhere"]
    near = frame[frame["locus"] == "near"]
    assert near["position"].drop_duplicates().tolist() == list(range(195, 216))
    refused = near[near["status"] != "ok"]
    assert refused["position"].tolist() == list(range(209, 216))  # the gap's first base, 241, is within 32 bases
    assert refused["value"].isna().all()
    assert refused["alt"].isna().all()
    assert (near["status"] == "ok").sum() == 3 * 14
    rest = frame[frame["locus"] != "near"]
    assert rest["status"].tolist() == ["no_sequence", "ref_mismatch", "no_sequence"]
    assert rest["position"].tolist() == [270, 150, 150]
    assert rest["value"].isna().all()
    assert (rest["reason"] != "").all()


def test_only_windows_that_cannot_be_scored(model, tmp_path):
    frame = mutate(model, ToyGenome({}), windows_of(("1", 270, "A", "C", "a"), ("2", 10, "A", "C", "b")), tmp_path)
    assert frame["status"].tolist() == ["no_sequence", "no_sequence"]


def test_flank_is_cut_at_the_ends_of_a_chromosome(model, tmp_path):
    genome = ToyGenome({"1": random_sequence(120, 5)})
    ref = genome.sequences["1"][39]
    window = ("1", 40, ref, "A" if ref != "A" else "C", "locus")
    frame = mutate(model, genome, windows_of(window), tmp_path, flank_bp=50)
    assert frame["position"].min() == 1
    assert frame.loc[frame["status"] == "ok", "position"].min() == 33
