"""LD from matrix files: the same matrix whatever the layout, the order and the counted alleles of the file."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from locus2target.core.intervals import Region
from locus2target.ingest.genome import Genome, index_fasta
from locus2target.statgen.ld_files import LEFT_OUT_REASONS, MatrixFile, MatrixLd

N_VARIANTS = 8
ANYWHERE = Region("2", 0, 1000)
STUDY = pd.DataFrame(
    {
        "chromosome": "2",
        "position": 100 + 10 * np.arange(N_VARIANTS),
        "ref": list("ACGTACGT"),
        "alt": list("GTACGTAC"),
    }
)


def correlations(n_variants, n_samples=60, seed=4):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n_samples)
    r = np.corrcoef(rng.normal(size=(n_variants, n_samples)) + rng.normal(size=(n_variants, 1)) * shared)
    lower = np.tril(r, -1)
    return lower + lower.T + np.eye(n_variants)  # exactly symmetric


R = correlations(N_VARIANTS)


def write_list(folder, table, suffix=".variants.tsv"):
    table.to_csv(folder / f"m{suffix}", sep="\t", index=False)


def write(folder, values, table=STUDY, *, name="r", suffix=".variants.tsv"):
    np.savez(folder / "m.npz", **{name: values})
    write_list(folder, table, suffix)
    return str(folder / "m.npz")


def source(path, *, n_samples=2000, genome=None, chromosome="2"):
    return MatrixLd([MatrixFile(path, chromosome, n_samples)], genome)


def half(r, diagonal, empty=0.0, upper=False):
    result = np.full(r.shape, empty)
    place = np.triu_indices(len(r), 1) if upper else np.tril_indices(len(r), -1)
    result[place] = r[place]
    np.fill_diagonal(result, diagonal)
    return result


LAYOUTS: dict[str, Callable] = {
    "square": lambda r: r,
    "single precision": lambda r: r.astype(np.float32),
    "lower": lambda r: half(r, 1.0),
    "upper": lambda r: half(r, 1.0, upper=True),
    "lower without diagonal": lambda r: half(r, 0.0),
    "lower with half a diagonal": lambda r: half(r, 0.5),
    "upper, the rest NaN": lambda r: half(r, 1.0, empty=np.nan, upper=True),
    "packed lower": lambda r: r[np.tril_indices(len(r))],
    "packed upper": lambda r: r[np.triu_indices(len(r))],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_are_the_same_matrix(tmp_path, layout):
    aligned = source(write(tmp_path, LAYOUTS[layout](R), name="r" if "lower" in layout else "arr_0")).align(
        ANYWHERE, STUDY, min_maf=0.0
    )
    ld = aligned.matrix()
    assert ld.rows.tolist() == list(range(N_VARIANTS))
    np.testing.assert_allclose(ld.r, R, rtol=0, atol=1e-7 if layout == "single precision" else 0)
    assert (ld.r == ld.r.T).all()
    assert ld.n_samples == 2000
    ld.require_order(STUDY)
    assert aligned.left_out == {}


@pytest.mark.parametrize("stored", [R, half(R, 0.5), half(R, 1.0, upper=True)], ids=["whole", "polyfun", "upper"])
def test_sparse_matrices_as_polyfun_ships_them(tmp_path, stored):
    sparse.save_npz(tmp_path / "m.npz", sparse.coo_matrix(stored))
    table = STUDY.rename(columns={"alt": "allele1", "ref": "allele2"}).assign(rsid="rs1")
    write_list(tmp_path, table[["rsid", "chromosome", "position", "allele1", "allele2"]], ".gz")
    ld = source(str(tmp_path / "m.npz")).align(ANYWHERE, STUDY, min_maf=0.0).matrix()
    np.testing.assert_array_equal(ld.r, R)


@given(
    order=st.permutations(range(N_VARIANTS)),
    counted_is_ref=st.lists(st.booleans(), min_size=N_VARIANTS, max_size=N_VARIANTS),
    chosen=st.sets(st.integers(0, N_VARIANTS - 1), min_size=1),
    layout=st.sampled_from(sorted(LAYOUTS)),
)
@settings(max_examples=50, deadline=None)
def test_r_follows_the_studys_alleles_and_order(tmp_path_factory, order, counted_is_ref, chosen, layout):
    folder = tmp_path_factory.mktemp("ld")
    flipped, order = np.array(counted_is_ref), list(order)
    sign = np.where(flipped, -1.0, 1.0)
    table = pd.DataFrame(
        {
            "chromosome": "chr2",
            "position": STUDY["position"],
            "effect_allele": np.where(flipped, STUDY["ref"], STUDY["alt"]),
            "other_allele": np.where(flipped, STUDY["alt"], STUDY["ref"]),
        }
    )
    stored = (R * np.multiply.outer(sign, sign))[np.ix_(order, order)]
    path = write(folder, LAYOUTS[layout](stored), table.iloc[order])
    study = STUDY.iloc[sorted(chosen)]
    aligned = source(path).align(ANYWHERE, study, min_maf=0.0)
    assert aligned.rows.tolist() == list(range(len(chosen)))
    np.testing.assert_allclose(aligned.matrix().r, R[np.ix_(sorted(chosen), sorted(chosen))], rtol=0, atol=1e-7)
    assert aligned.n_exchanged == int(flipped[sorted(chosen)].sum())
    assert aligned.left_out.get("not_in_study", 0) == N_VARIANTS - len(chosen)


def test_a_region_is_cut_out_of_a_file(tmp_path):
    path = write(tmp_path, R[np.tril_indices(N_VARIANTS)])
    aligned = source(path).align(Region("2", 105, 145), STUDY, min_maf=0.0)
    assert aligned.rows.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(aligned.matrix().r, R[1:5, 1:5])
    assert source(path).align(Region("3", 0, 500), STUDY, min_maf=0.0).rows.tolist() == []
    assert source(path, chromosome="3").align(ANYWHERE, STUDY, min_maf=0.0).matrix().r.shape == (0, 0)
    assert source(path, chromosome="all").align(ANYWHERE, STUDY, min_maf=0.0).rows.tolist() == list(range(N_VARIANTS))


def test_the_block_with_most_of_the_study_serves_the_locus(tmp_path):
    files = []
    for name, part in (("early", slice(0, 5)), ("late", slice(3, 8))):
        (tmp_path / name).mkdir()
        files.append(MatrixFile(write(tmp_path / name, R[part, part], STUDY[part]), "2", 100))
    ld = MatrixLd(files, None)
    study = STUDY.iloc[[1, 3, 5, 6, 7]]
    aligned = ld.align(ANYWHERE, study, min_maf=0.0)
    assert aligned.rows.tolist() == [1, 2, 3, 4]
    assert aligned.left_out == {"outside_ld_block": 1, "not_in_study": 1}
    assert ld.align(ANYWHERE, STUDY[:4], min_maf=0.0).rows.tolist() == [0, 1, 2, 3]


def test_every_variant_left_out_has_a_reason(tmp_path):
    table = STUDY.copy()
    table.loc[1] = table.loc[0]
    table.loc[2, "alt"] = "<DEL>"
    r = R.copy()
    r[4, :] = r[:, 4] = np.nan
    aligned = source(write(tmp_path, r, table)).align(ANYWHERE, STUDY.drop(index=5), min_maf=0.0)
    assert aligned.left_out == {"duplicate": 1, "invalid_allele": 1, "monomorphic": 1, "not_in_study": 1}
    assert aligned.left_out.keys() <= LEFT_OUT_REASONS.keys()
    assert aligned.rows.tolist() == [0, 3, 5, 6]
    np.testing.assert_array_equal(aligned.matrix().r, R[np.ix_([0, 3, 6, 7], [0, 3, 6, 7])])


def test_the_genome_says_which_allele_of_an_indel_is_ref(tmp_path):
    (tmp_path / "source.fa").write_text(">2\nACGTACCCCTGAGAGTTTACGT\n")  # positions 1 to 22
    index_fasta(str(tmp_path / "source.fa"), str(tmp_path / "genome.fa"))
    pairs = pd.DataFrame(
        [
            ("2", 5, "A", "AC"),  # A is REF or AC is: the study decides
            ("2", 9, "CT", "C"),  # the same; the study has both readings
            ("2", 13, "G", "GG"),  # only G can be REF
            ("2", 16, "T", "G"),  # the genome has T
            ("2", 20, "T", "G"),  # the genome has neither
        ],
        columns=["chromosome", "position", "allele1", "allele2"],
    )
    study = pd.DataFrame(
        [
            ("2", 5, "AC", "A"),
            ("2", 9, "CT", "C"),
            ("2", 9, "C", "CT"),
            ("2", 12, "A", "AG"),  # the insertion of G, left-aligned
            ("2", 16, "T", "G"),
        ],
        columns=["chromosome", "position", "ref", "alt"],
    )
    r = correlations(5)
    path = write(tmp_path, r, pairs)
    with Genome(tmp_path / "genome.fa") as genome:
        aligned = source(path, genome=genome).align(Region("2", 0, 22), study, min_maf=0.0)
    assert aligned.rows.tolist() == [0, 3, 4]
    assert aligned.left_out == {"ambiguous_indel": 1, "ref_mismatch": 1}
    sign = np.array([1, -1, -1])  # allele1 is ALT of the first alone
    np.testing.assert_allclose(
        aligned.matrix().r, r[np.ix_([0, 2, 3], [0, 2, 3])] * np.multiply.outer(sign, sign), rtol=0, atol=0
    )


def test_one_file_is_read_once_for_the_traits_of_a_region(tmp_path):
    path = write(tmp_path, R)
    ld = source(path)
    ld.align(ANYWHERE, STUDY, min_maf=0.0)
    (tmp_path / "m.npz").unlink()
    np.testing.assert_array_equal(ld.align(ANYWHERE, STUDY[2:4], min_maf=0.0).matrix().r, R[2:4, 2:4])


def test_a_matrix_that_is_not_positive_semidefinite_says_so(tmp_path):
    impossible = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    ld = source(write(tmp_path, impossible, STUDY[:3])).align(ANYWHERE, STUDY, min_maf=0.0).matrix()
    np.testing.assert_array_equal(ld.r, impossible)  # nothing is repaired in silence
    assert ld.spectrum.smallest == pytest.approx(-0.8)
