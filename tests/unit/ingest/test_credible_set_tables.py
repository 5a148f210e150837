"""Harmonising a table of credible sets: PIPs travel with their alleles, and every row has an end."""

from pathlib import Path

import pytest
from ingest_toys import SETTINGS, random_sequence, study_row, words, write_genome, write_rows

from locus2target.core.errors import InputError
from locus2target.core.schemas import IMPORTED_VARIANTS
from locus2target.ingest.columns import CREDIBLE_SET_DEFAULTS, CREDIBLE_SET_NEEDS
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import Harmonized, harmonize_source, study_source
from locus2target.ingest.readers import read_delimited

HEADER = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "pip", "credible_set"]
COMPLEMENT = dict(zip("ACGT", "TGCA", strict=True))


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    return write_genome(tmp_path, {"chr1": random_sequence(200, seed=3)})


def harmonize(tmp_path: Path, genome: Genome, rows: list[tuple], header: list[str] = HEADER) -> Harmonized:
    path = write_rows(tmp_path, rows, header)
    raw = read_delimited(path, {}, CREDIBLE_SET_DEFAULTS, needs=CREDIBLE_SET_NEEDS)
    source = study_source(study_row(format="credible_sets"), path)
    return harmonize_source(raw, genome, chain=None, source=source, settings=SETTINGS)


def ref_and_alt(genome: Genome, position: int) -> tuple[str, str]:
    """The genome's base, and one that is neither it nor its complement."""
    ref = genome.fetch("1", position - 1, position)
    return ref, next(base for base in "ACGT" if base not in (ref, COMPLEMENT[ref]))


def test_rows_without_statistics_are_kept_and_turned_round(tmp_path, genome):
    ref, alt = ref_and_alt(genome, 20)
    other_ref, other_alt = ref_and_alt(genome, 30)
    rows = [("1", 20, alt, ref, 0.7, "a"), ("1", 30, other_ref, other_alt, 0.2, "a")]
    result = harmonize(tmp_path, genome, rows)
    assert list(result.table.columns) == IMPORTED_VARIANTS.names
    assert list(result.table["variant"]) == [f"1:20:{ref}:{alt}", f"1:30:{other_ref}:{other_alt}"]
    assert list(result.table["pip"]) == [0.7, 0.2]
    assert result.table["neg_log10_p"].isna().all()
    assert words(result) == ["kept", "kept_flipped"]


def test_a_variant_may_be_in_two_sets_but_not_twice_in_one(tmp_path, genome):
    ref, alt = ref_and_alt(genome, 20)
    second_ref, second_alt = ref_and_alt(genome, 30)
    rows = [
        ("1", 20, alt, ref, 0.7, "a"),
        ("1", 20, alt, ref, 0.7, "b"),
        ("1", 30, second_alt, second_ref, 0.3, "a"),
        ("1", 30, second_alt, second_ref, 0.3, "a"),
        ("1", 30, second_alt, second_ref, 0.3, "b"),
        ("1", 30, second_alt, second_ref, 0.4, "b"),
    ]
    result = harmonize(tmp_path, genome, rows)
    assert words(result) == [
        *("kept", "kept", "kept", "duplicate_identical"),
        *("duplicate_variant", "duplicate_variant"),
    ]
    assert list(result.table["credible_set"]) == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("pip", "word"), [(None, "missing_pip"), (1.2, "invalid_pip"), (-0.1, "invalid_pip"), ("high", "missing_pip")]
)
def test_a_row_needs_a_pip(tmp_path, genome, pip, word):
    ref, alt = ref_and_alt(genome, 20)
    result = harmonize(tmp_path, genome, [("1", 20, alt, ref, 0.7, "a"), ("1", 20, alt, ref, pip, "b")])
    assert words(result) == ["kept", word]


def test_statistics_come_along_where_there_are_some(tmp_path, genome):
    ref, alt = ref_and_alt(genome, 20)
    header = [*HEADER, "beta", "standard_error", "region"]
    result = harmonize(tmp_path, genome, [("1", 20, ref, alt, 0.7, -1, 0.3, 0.1, "r1")], header)
    row = result.table.iloc[0]
    assert (row["beta"], row["z_score"], row["credible_set"], row["region"]) == (-0.3, pytest.approx(-3.0), "-1", "r1")
    assert row["neg_log10_p"] == pytest.approx(2.5687, abs=1e-4)


def test_a_file_without_pips_is_refused(tmp_path, genome):
    with pytest.raises(InputError, match="no column gives the posterior inclusion probability"):
        harmonize(tmp_path, genome, [("1", 20, "A", "G", "a")], [*HEADER[:4], "credible_set"])
