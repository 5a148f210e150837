"""Matrix files: every known trap is refused with a way out."""

import gzip

import numpy as np
import pandas as pd
import pytest

from locus2target.core.errors import InputError
from locus2target.ingest.ld_matrix import read_matrix, read_variants, variants_path

N_VARIANTS = 8
VARIANTS = pd.DataFrame(
    {"chromosome": "chr2", "position": 100 + 10 * np.arange(N_VARIANTS), "ref": list("acGTACGT"), "alt": "N"}
)


def correlations(n_variants):
    rng = np.random.default_rng(4)
    r = np.corrcoef(rng.normal(size=(n_variants, 60)) + rng.normal(size=(n_variants, 1)) * rng.normal(size=60))
    return np.tril(r, -1) + np.tril(r, -1).T + np.eye(n_variants)  # exactly symmetric


R = correlations(N_VARIANTS)


def write(folder, values, table=VARIANTS):
    np.savez(folder / "m.npz", r=values)
    table.to_csv(folder / "m.variants.tsv", sep="\t", index=False)
    return str(folder / "m.npz")


@pytest.mark.parametrize(
    ("suffix", "columns", "has_ref"),
    [
        (".variants.tsv", ("alt", "ref"), True),
        (".variants.tsv.gz", ("effect_allele", "other_allele"), False),
        (".gz", ("allele1", "allele2"), False),
    ],
)
def test_variant_lists(tmp_path, suffix, columns, has_ref):
    (tmp_path / "m.npz").touch()
    table = pd.DataFrame({"rsid": ["rs1", "rs2"], "position": [7, 9], columns[1]: ["a", "G"], columns[0]: ["C", "gt"]})
    table.insert(1, "chromosome", ["chrX", "23"])
    table.to_csv(tmp_path / f"m{suffix}", sep="\t", index=False)
    assert variants_path(str(tmp_path / "m.npz"), where="here").name == f"m{suffix}"
    variants = read_variants(str(tmp_path / "m.npz"))
    assert variants.has_ref == has_ref
    expected = pd.DataFrame({"chromosome": ["X", "X"], "position": [7, 9], "counted": ["C", "GT"], "other": ["A", "G"]})
    pd.testing.assert_frame_equal(variants.table, expected)


def test_rows_and_columns_are_taken_in_order(tmp_path):
    path = write(tmp_path, R.astype(np.float16))
    block = read_matrix(path, N_VARIANTS, np.array([1, 2, 6]))
    assert block.dtype == np.float32
    np.testing.assert_allclose(block, R[np.ix_([1, 2, 6], [1, 2, 6])], atol=1e-3)
    assert read_matrix(path, N_VARIANTS, np.empty(0, dtype=np.int64)).shape == (0, 0)


def test_a_variant_without_correlations_is_nan_throughout(tmp_path):
    r = R.copy()
    r[3, :] = r[:, 3] = np.nan
    r[3, 3] = 1.0
    block = read_matrix(write(tmp_path, r), N_VARIANTS, np.arange(N_VARIANTS))
    assert np.isnan(block[3]).all()
    assert np.isnan(block).sum() == 2 * N_VARIANTS - 1


def with_value(place, value):
    changed = R.copy()
    changed[place] = value
    return changed


REFUSED = {
    "wrong size": (R[:5, :5], "has shape (5, 5), and the list beside it has 8 variants"),
    "packed without diagonal": (R[np.tril_indices(N_VARIANTS, -1)], "has shape (28,)"),
    "packed otherwise": (np.full(36, 0.3), "packed triangle without a diagonal of ones"),
    "covariances": (3 * R, "has 3 to 3 on its diagonal"),
    "whole with half a diagonal": (R - 0.5 * np.eye(N_VARIANTS), "has 0.5 to 0.5 on its diagonal"),
    "not symmetric": (with_value((1, 4), 0.9), "is not symmetric"),
    "too large": (with_value(([1, 4], [4, 1]), 1.2), "holds 1.2"),
    "NaN here and there": (with_value(([1, 4], [4, 1]), np.nan), "not in whole rows"),
    "whole numbers": (np.eye(N_VARIANTS, dtype=np.int64), "has values of type int64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_correlation_matrix_is_refused(tmp_path, case):
    values, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        read_matrix(write(tmp_path, values), N_VARIANTS, np.arange(N_VARIANTS))
    assert message in str(caught.value)


def test_r_squared_is_refused(tmp_path):
    r = correlations(60)
    table = pd.DataFrame({"chromosome": "2", "position": np.arange(1, 61), "alt": "A", "ref": "G"})
    path = write(tmp_path, r**2, table)
    with pytest.raises(InputError, match="it holds r squared"):
        read_matrix(path, 60, np.arange(10))
    for stored in (np.tril(r**2), (r**2)[np.tril_indices(60)], r.astype(np.float32) ** 2):
        np.savez(tmp_path / "m.npz", r=stored)
        with pytest.raises(InputError, match="it holds r squared"):
            read_matrix(path, 60, np.arange(10))
    np.savez(tmp_path / "m.npz", r=r)
    np.testing.assert_array_equal(read_matrix(path, 60, np.arange(10)), r[:10, :10])


def test_unusable_files_are_refused(tmp_path):
    path = write(tmp_path, R)
    with pytest.raises(InputError, match="there is no file"):
        read_variants(str(tmp_path / "other.npz"))
    (tmp_path / "m.txt").touch()
    with pytest.raises(InputError, match="is not an npz"):
        read_variants(str(tmp_path / "m.txt"))
    np.savez(tmp_path / "m.npz", first=R, second=R)
    with pytest.raises(InputError, match="one of several arrays"):
        read_matrix(path, N_VARIANTS, np.arange(2))
    (tmp_path / "m.npz").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_matrix(path, N_VARIANTS, np.arange(2))
    VARIANTS.rename(columns={"alt": "A1"}).to_csv(tmp_path / "m.variants.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="the header is chromosome, position, ref, A1"):
        read_variants(path)
    VARIANTS.astype({"position": str}).replace({"120": "1.2e2"}).to_csv(
        tmp_path / "m.variants.tsv", sep="\t", index=False
    )
    with pytest.raises(InputError, match=r"m.variants.tsv:4: position '1.2e2'"):
        read_variants(path)
    (tmp_path / "m.variants.tsv").unlink()
    with pytest.raises(InputError, match="no list of its variants"):
        read_variants(path)


def test_an_npy_by_the_name_of_an_npz_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", R)
    (tmp_path / "m.npy").rename(tmp_path / "m.npz")
    with pytest.raises(InputError, match="this is no npz"):
        read_matrix(str(tmp_path / "m.npz"), N_VARIANTS, np.arange(2))


def test_a_precision_that_lapack_lacks_becomes_double(tmp_path):
    path = write(tmp_path, R.astype(np.longdouble))
    assert read_matrix(path, N_VARIANTS, np.arange(N_VARIANTS)).dtype == np.float64


def test_a_damaged_list_is_refused(tmp_path):
    (tmp_path / "m.npz").touch()
    (tmp_path / "m.gz").write_bytes(gzip.compress(b"chromosome\tposition\tref\talt\n" * 50)[:-12])
    with pytest.raises(InputError, match="the compressed data break off"):
        read_variants(str(tmp_path / "m.npz"))
