"""Where LD comes from: a cohort's genotypes read once per region, matrix files, and the sheet rows that say which."""

import numpy as np
import pandas as pd
import pysam
import pytest

from locus2target.core.errors import InputError
from locus2target.core.intervals import Region
from locus2target.ingest.cohort import CohortDosages
from locus2target.statgen.ld_files import MatrixLd
from locus2target.statgen.ld_sources import GenotypeLd, open_ld_source

REGION = Region("1", 0, 1000)
VARIANTS = pd.DataFrame(
    {
        "chromosome": "1",
        "position": [10, 20, 30, 40],
        "ref": ["A", "C", "G", "T"],
        "alt": ["G", "T", "A", "C"],
    }
)
DOSAGES = np.array(
    [[0, 1, 2, 1, 0, 0], [0, 1, 1, 1, 0, 2], [2, 1, 0, 0, np.nan, 1], [1, 1, 1, 1, 1, 1]], dtype=np.float32
)


class Cohort:
    """A cohort in memory that remembers what it was asked."""

    def __init__(self, skipped):
        self.skipped, self.asked = skipped, []

    def read_region(self, region, *, min_maf):
        self.asked.append((region, min_maf))
        return CohortDosages(VARIANTS, DOSAGES, tuple("abcdef"), self.skipped, 2)


def expected_r(rows, signs):
    filled = np.where(np.isnan(DOSAGES), np.nanmean(DOSAGES, axis=1, keepdims=True), DOSAGES)[rows]
    return np.corrcoef(filled) * np.multiply.outer(signs, signs)


def test_each_variant_of_the_cohort_is_used_or_counted():
    study = VARIANTS.iloc[[3, 1, 0]].rename(columns={})  # unsorted, and without the one at 30
    aligned = GenotypeLd(Cohort({"rare": 5, "monomorphic": 1})).align(REGION, study, min_maf=0.01)
    assert aligned.rows.tolist() == [1, 2]
    assert aligned.left_out == {"rare": 5, "monomorphic": 2, "not_in_study": 1}
    assert aligned.n_exchanged == 2
    ld = aligned.matrix()
    ld.require_order(study.iloc[aligned.rows])
    np.testing.assert_allclose(ld.r, expected_r([1, 0], [1, 1]), atol=1e-14)
    assert ld.n_samples == 6


def test_studies_of_one_region_share_one_reading():
    cohort = Cohort({})
    source = GenotypeLd(cohort)
    first = source.align(REGION, VARIANTS, min_maf=0.01).matrix().r
    part = source.align(REGION, VARIANTS[1:3], min_maf=0.01).matrix().r
    np.testing.assert_allclose(part, first[1:, 1:], atol=1e-15)
    assert cohort.asked == [(REGION, 0.01)]
    source.align(REGION, VARIANTS, min_maf=0.05)
    source.align(Region("1", 0, 900), VARIANTS, min_maf=0.05)
    assert len(cohort.asked) == 3


@pytest.fixture
def bcf(tmp_path):
    header = pysam.VariantHeader()
    header.add_line("##contig=<ID=chr1,length=1000>")
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    for name in "abcdef":
        header.add_sample(name)
    calls = {0: (0, 0), 1: (0, 1), 2: (1, 1)}
    path = str(tmp_path / "cohort.bcf")
    with pysam.VariantFile(path, "wb", header=header) as file:
        for variant, dosages in zip(VARIANTS.itertuples(), DOSAGES, strict=True):
            record = file.new_record(contig="chr1", start=variant.position - 1, alleles=(variant.ref, variant.alt))
            for name, dosage in zip("abcdef", dosages, strict=True):
                record.samples[name]["GT"] = (None, None) if np.isnan(dosage) else calls[int(dosage)]
            file.write(record)
    pysam.tabix_index(path, preset="bcf")
    return path


def test_a_sheet_row_with_genotypes_opens_the_cohort(bcf):
    row = {"chromosome": "chr1", "genotypes": bcf, "dosage_field": "GT", "ld_matrix": None}
    with open_ld_source([row], None) as source:
        aligned = source.align(REGION, VARIANTS, min_maf=0.0)
    assert aligned.rows.tolist() == [0, 1, 2]
    assert aligned.left_out == {"monomorphic": 1}
    np.testing.assert_allclose(aligned.matrix().r, expected_r([0, 1, 2], [1, 1, 1]), atol=1e-14)


def test_sheet_rows_with_matrices_open_the_files(tmp_path):
    np.savez(tmp_path / "m.npz", r=np.array([[1, 0.5], [0.5, 1]]))
    VARIANTS[:2].to_csv(tmp_path / "m.variants.tsv", sep="\t", index=False)
    row = {"chromosome": "chr1", "ld_matrix": str(tmp_path / "m.npz"), "n_samples": 5000}
    with open_ld_source([row | {"genotypes": None}], None) as source:
        assert isinstance(source, MatrixLd)
        aligned = source.align(REGION, VARIANTS, min_maf=0.0)
    assert aligned.rows.tolist() == [0, 1]
    assert aligned.matrix().n_samples == 5000
    genotypes = {"chromosome": "2", "genotypes": "x.bcf", "dosage_field": "GT"}
    with (
        pytest.raises(InputError, match="has genotypes in other rows"),
        open_ld_source([row, genotypes], None),
    ):
        pass
    with pytest.raises(InputError, match="n_samples is missing"), open_ld_source([row | {"n_samples": None}], None):
        pass
