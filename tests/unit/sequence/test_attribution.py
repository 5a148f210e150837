import numpy as np
import pandas as pd
import pytest
from sequence_toys import (
    BANK,
    ToyGenome,
    consensus_counts,
    motif_model,
    random_sequence,
    scoring,
    variant_table,
    write_bank,
)

from locus2target.core.schemas import ATTRIBUTION, MOTIF_HITS
from locus2target.core.tables import write_table
from locus2target.sequence.attribution import attribute, name_motifs
from locus2target.sequence.motif_bank import pvalue_table, read_motif_bank, score_matrix
from locus2target.sequence.mutagenesis import mutate_windows

CTCF = "GCCACCAGGGGGCGC"


def mapped(sequence, position, flank_bp=30):
    """Mutagenesis by the motif bank around one base."""
    ref = sequence[position - 1]
    window = variant_table(("1", position, ref, "ACGT"[("ACGT".index(ref) + 1) % 4])).assign(locus="L", pip=0.5)
    return mutate_windows(scoring(motif_model(), ToyGenome({"1": sequence})), window, flank_bp=flank_bp)


def bases(heights, sequence, first=101, variant="1:110:A:C"):
    return pd.DataFrame(
        {
            "locus": "L",
            "variant": variant,
            "model": "m",
            "chromosome": "1",
            "position": np.arange(first, first + len(sequence)),
            "ref": list(sequence),
            "attribution": np.asarray(heights, dtype=np.float32),
        }
    )


def test_attribution_is_minus_the_mean_change():
    changes = pd.DataFrame(
        [("L", "v", "m", "1", 5, "A", alt, value, "ok") for alt, value in (("C", -3.0), ("G", 0.0), ("T", -1.5))]
        + [("L", "v", "m", "1", 6, "C", alt, 2.0, "ok") for alt in "AG"]  # one change is missing
        + [("L", "v", "m", "1", 7, None, None, np.nan, "no_sequence")]
        + [("L", "v", "m", "1", 8, "A", alt, np.nan, "ok") for alt in "CGT"],  # scored, and nothing to say
        columns=["locus", "variant", "model", "chromosome", "position", "ref", "alt", "value", "status"],
    )
    table = attribute(changes)
    assert table[["position", "ref", "attribution"]].to_numpy().tolist() == [[5, "A", 1.5]]


@pytest.mark.parametrize("site", [CTCF, CTCF[::-1].translate(str.maketrans("ACGT", "TGCA"))])
def test_a_planted_site_is_named_where_it_stands(tmp_path, site):
    sequence = random_sequence(200, 2) + site + random_sequence(200, 3)
    table = attribute(mapped(sequence, 208))
    hits = name_motifs(table, read_motif_bank(BANK), motif_p=1e-4)
    write_table(table, tmp_path / "a.parquet", ATTRIBUTION)
    write_table(hits, tmp_path / "h.parquet", MOTIF_HITS)
    best = hits.iloc[0]
    assert best["motif"].startswith("CTCF ")
    assert (best["start"], best["end"]) == (200, 215)
    assert best["strand"] == ("+" if site == CTCF else "-")
    assert best["holds_variant"]
    assert best["attribution_share"] > 0.5
    assert best["shift_p"] < 0.05


def test_matches_shares_and_p_values_by_a_slow_search(tmp_path):
    path = write_bank(tmp_path / "bank.npz", [consensus_counts("ACGTA"), consensus_counts("GGATC")])
    bank = read_motif_bank(path)
    sequence = "TTTTTACGTATTTTTTTTGATCCTTTTTTTTTTTTTTTTT"
    heights = np.full(40, 0.1)
    heights[5:10], heights[18:23] = -1.05, 1.0  # the sign does not matter
    hits = name_motifs(bases(heights, sequence), bank, motif_p=2e-3)
    matrices = [score_matrix(counts) for counts in bank.counts]
    table = pvalue_table(matrices)
    total = np.abs(heights).sum()
    expected = []
    for name, word, start, strand in (("TF0 M0", "ACGTA", 5, "+"), ("TF1 M1", "GGATC", 18, "-")):
        m = int(name[2])
        score = sum(matrices[m][i, "ACGT".index(base)] for i, base in enumerate(word))
        under = np.abs(heights[start : start + 5]).sum()
        shifted = [np.abs(np.roll(heights, -k))[start : start + 5].sum() for k in range(40)]
        p = np.mean([value >= under - 1e-6 for value in shifted])
        expected.append(
            (name, 100 + start, 105 + start, strand, -table.log10_p[table.zeros[m] + score], under / total, p)
        )
    got = hits[["motif", "start", "end", "strand", "neg_log10_p", "attribution_share", "shift_p"]]
    for row, wanted in zip(got.itertuples(index=False, name=None), expected, strict=True):
        assert row[:4] == wanted[:4]
        assert row[4:] == pytest.approx(wanted[4:], rel=1e-5)
    assert hits["holds_variant"].tolist() == [True, False]  # position 110 is index 9


def test_attribution_spread_evenly_names_nothing(tmp_path):
    bank = read_motif_bank(write_bank(tmp_path / "bank.npz", [consensus_counts("ACGTA")]))
    assert name_motifs(bases(np.ones(30), "T" * 10 + "ACGTA" + "T" * 15), bank, motif_p=2e-3).empty
    assert name_motifs(bases(np.zeros(30), "T" * 10 + "ACGTA" + "T" * 15), bank, motif_p=2e-3).empty


def test_bases_without_attribution_break_words(tmp_path):
    bank = read_motif_bank(write_bank(tmp_path / "bank.npz", [consensus_counts("ACGTA")]))
    heights = np.r_[np.zeros(10), np.ones(5), np.zeros(15)]
    table = bases(heights, "T" * 10 + "ACGTA" + "T" * 15)
    assert len(name_motifs(table, bank, motif_p=2e-3)) == 1
    assert name_motifs(table.drop(index=12), bank, motif_p=2e-3).empty


def test_no_windows(tmp_path):
    bank = read_motif_bank(write_bank(tmp_path / "bank.npz", [consensus_counts("ACGTA")]))
    assert name_motifs(ATTRIBUTION.empty(), bank, motif_p=1e-3).empty
