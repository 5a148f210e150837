import functools
import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sequence_toys import BANK, consensus_counts, write_bank

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import encode
from locus2target.sequence.motif_bank import BACKGROUND, pvalue_table, read_motif_bank, score_matrix, weight_matrix
from locus2target.sequence.motif_pvalues_numba import fill_survival

GATA1, PAX6 = "MA0035.5", "MA0069.1"
# Biopython 1.88 through pyjaspar 4.0.0: counts.normalize(pseudocounts=sqrt(N) / 4).log_odds().calculate(sequence),
# forward and reverse_complement(), for motifs whose columns have equal totals (N = 71,828 and 43).
BIOPYTHON = {
    GATA1: (
        "CCGAGATAAGGCTTATCTAC",
        [-11.09359, -12.97362, -10.91781, -18.67213, -15.27586, -7.66027, -10.10952, -19.5194, -17.41974, -14.11718,
         -19.15591, 11.37671, -10.68822, -13.32671],
        [-19.65834, -10.57337, -11.95963, 11.37671, -14.66501, -14.23634, -17.66816, -19.15409, -9.17965, -2.23684,
         -13.38198, -18.67213, -10.9013, -10.87309],
    ),
    PAX6: (
        "TGTTCACGCATGAGTTCA",
        [-10.89413, -13.26783, 19.10479, -16.3532, -15.53087],
        [5.45296, -21.52983, -15.79538, -17.79214, 3.12982],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def jaspar():
    return read_motif_bank(BANK)


@pytest.mark.parametrize("motif", [GATA1, PAX6])
def test_weights_agree_with_biopython(jaspar, motif):
    sequence, forward, reverse = BIOPYTHON[motif]
    weights = weight_matrix(jaspar.counts[jaspar.ids.index(motif)])
    codes = encode(sequence)
    places = range(len(codes) - len(weights) + 1)
    columns = np.arange(len(weights))
    assert [weights[columns, codes[p : p + len(weights)]].sum() for p in places] == pytest.approx(forward, abs=2e-5)
    flipped = weights[::-1, ::-1]
    assert [flipped[columns, codes[p : p + len(weights)]].sum() for p in places] == pytest.approx(reverse, abs=2e-5)


def test_weight_by_hand():
    # N = 100: sqrt(N) = 10; (97 + 2.5) / 110 / 0.25 and (1 + 2.5) / 110 / 0.25
    expected = np.log2([99.5 / 27.5, 3.5 / 27.5, 3.5 / 27.5, 3.5 / 27.5])
    assert weight_matrix(consensus_counts("A"))[0] == pytest.approx(expected)
    assert score_matrix(consensus_counts("A")).tolist() == [[186, -297, -297, -297]]


def every_word(scores):
    """Score of all 4 ** w words, in the order of itertools.product."""
    return functools.reduce(np.add.outer, scores).ravel()


@settings(deadline=None)  # the first call compiles
@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.integers(-30, 12)))
def test_pvalues_agree_with_all_words_counted(scores):
    table = pvalue_table([scores])
    totals = every_word(scores)
    for score in np.unique(totals):
        assert 10 ** table.log10_p[table.zeros[0] + score] == pytest.approx(np.mean(totals >= score), rel=1e-12)
    assert 10 ** table.smallest[0] == pytest.approx(np.mean(totals == totals.max()), rel=1e-12)


def test_pvalues_of_real_motifs_agree_with_all_words_counted(jaspar):
    chosen = [score_matrix(jaspar.counts[m]) for m in np.flatnonzero(jaspar.widths <= 8)[::20]]
    table = pvalue_table(chosen)
    for zero, scores in zip(table.zeros, chosen, strict=True):
        totals = np.sort(every_word(scores))
        at_least = (len(totals) - np.searchsorted(totals, totals, side="left")) / len(totals)
        np.testing.assert_allclose(10 ** table.log10_p[zero + totals], at_least, rtol=1e-11)


def test_survival_kernel_with_an_uneven_background_compiled_and_interpreted():
    scores = np.array([[3, -1, 0, 2], [0, 0, 5, -4], [1, 1, -2, 7]])
    background = np.array([0.1, 0.2, 0.3, 0.4])
    totals = every_word(scores)
    chances = np.array([np.prod(background[list(word)]) for word in itertools.product(range(4), repeat=3)])
    expected = [chances[totals >= score].sum() for score in range(totals.min(), totals.max() + 1)]
    for kernel in (fill_survival, fill_survival.py_func):
        survival = np.empty(totals.max() - totals.min() + 1)
        kernel(scores, background, survival)
        assert survival == pytest.approx(expected, rel=1e-12)


def test_background_is_the_same_on_both_strands():
    assert np.array_equal(BACKGROUND, BACKGROUND[::-1])


def test_shipped_bank_is_the_one_described(jaspar):
    described = (BANK.parent / "README.md").read_text()
    assert jaspar.sha256 == hashlib.sha256(BANK.read_bytes()).hexdigest()
    assert jaspar.sha256 in described
    assert len(jaspar.ids) == len(set(jaspar.ids)) == 1019
    assert f"{len(jaspar.ids):,} motifs" in described
    assert f"{len(set(jaspar.families))} groups" in described
    assert (jaspar.widths.min(), jaspar.widths.max()) == (4, 33)
    assert jaspar.names[jaspar.ids.index("MA0139.2")] == "CTCF"


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"absent.npz: there is no such file\. Name resources/motifs"):
        read_motif_bank(tmp_path / "absent.npz")


def test_file_cut_short(tmp_path):
    path = tmp_path / "bank.npz"
    path.write_bytes(BANK.read_bytes()[:50_000])
    with pytest.raises(InputError, match="not a motif bank"):
        read_motif_bank(path)


@pytest.mark.parametrize("content", [b"", b"not an array file", b"PK\x03\x04 broken"])
def test_other_content(tmp_path, content):
    path = tmp_path / "bank.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a motif bank"):
        read_motif_bank(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": np.array([4])},
        {"names": np.array(["a", "b"])},
        {"counts": np.zeros((3, 4), dtype=np.float32)},
        {"counts": np.full((3, 4), np.nan, dtype=np.float32)},
        {"counts": np.full((3, 4), -1, dtype=np.float32)},
        {"ids": np.array([{"pickled": 1}])},
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changes):
    path = write_bank(tmp_path / "bank.npz", [consensus_counts("ACG")], **changes)
    with pytest.raises(InputError, match="not a motif bank"):
        read_motif_bank(path)


def test_array_missing(tmp_path):
    path = tmp_path / "bank.npz"
    np.savez(path, counts=np.ones((3, 4)))
    with pytest.raises(InputError, match="widths"):
        read_motif_bank(path)
