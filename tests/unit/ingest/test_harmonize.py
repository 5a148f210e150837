import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_toys import (
    SETTINGS,
    SSF,
    check_value,
    harmonize_qtls,
    harmonize_study,
    random_sequence,
    study_row,
    words,
    write_chain,
    write_genome,
    write_rows,
)

from locus2target.core.errors import InputError
from locus2target.core.schemas import DISPOSITIONS, HARMONIZATION_QC, QTL, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import Variant, normalize_variant, reverse_complement
from locus2target.ingest.genome import Genome
from locus2target.ingest.harmonize import HarmonizationSettings, harmonize_source, study_source
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.readers import read_gwas_vcf

GOLDEN = Path(__file__).parents[2] / "data" / "harmonise" / "dev_harmonise_60.json"
LENIENT = HarmonizationSettings(build="GRCh37", max_ref_mismatch=1.0, min_strand_variants=20)
#             1234567890123456789012345678901234567890
SEQUENCE_1 = "ACGTACGTTTTTGGGCCCATATCGCGACTGACTGNNNNNN"


@pytest.fixture
def genome(tmp_path: Path) -> Genome:
    """Chromosome 1: 40 bases, the last six unknown; chromosome 2: 5 kb of random bases."""
    return write_genome(tmp_path, {"chr1": SEQUENCE_1, "chr2": random_sequence(5000, seed=7)})


def one(tmp_path: Path, genome: Genome, *row: Any, **sheet: Any) -> pd.Series:
    """The canonical row of a study with one row, with its disposition as `word`."""
    harmonized = harmonize_study(write_rows(tmp_path, [row]), genome, **sheet)
    return harmonized.table.iloc[0].copy().set_axis(SUMSTATS.names).rename(words(harmonized)[0])


def clean_rows(genome: Genome, n_rows: int, seed: int = 1) -> pd.DataFrame:
    """Forward-strand single-base variants of chromosome 2 with other allele = REF, and agreeing beta, SE and p."""
    rng = np.random.default_rng(seed)
    position = np.sort(rng.choice(np.arange(1, 4900), n_rows, replace=False))
    sequence = genome.fetch("2", 0, 5000)
    other = [sequence[p - 1] for p in position]
    effect = [str(rng.choice([base for base in "ACGT" if base != ref])) for ref in other]
    z = rng.normal(scale=2, size=n_rows)
    p = np.array([max(value, 1e-300) for value in 2 * _normal_sf(np.abs(z))])
    columns = ("chr2", position, effect, other, z * 0.1, 0.1, p)
    return pd.DataFrame(dict(zip(SSF, columns, strict=True)))


def _normal_sf(z: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(norm.sf(z))


# ---- one row at a time, by hand ------------------------------------------------------------------------------------


def test_other_allele_is_ref(tmp_path: Path, genome: Genome) -> None:
    row = one(tmp_path, genome, 1, 2, "A", "C", 0.2, 0.1, 0.0455)
    assert row.name == "kept"
    assert row["variant"] == "1:2:C:A"
    assert (row["beta"], row["z_score"], row["ref_verified"]) == (0.2, 2.0, True)


def test_effect_allele_is_ref(tmp_path: Path, genome: Genome) -> None:
    columns = [*SSF, "effect_allele_frequency"]
    harmonized = harmonize_study(write_rows(tmp_path, [("chr1", 2, "c", "a", 0.2, 0.1, 0.0455, 0.3)], columns), genome)
    row = harmonized.table.iloc[0]
    assert words(harmonized) == ["kept_flipped"]
    assert row["variant"] == "1:2:C:A"
    assert (row["beta"], row["z_score"]) == (-0.2, -2.0)
    assert row["alt_frequency"] == pytest.approx(0.7)
    assert row["minor_allele_frequency"] == pytest.approx(0.3)
    assert harmonized.dispositions["source_variant"].tolist() == ["chr1:2:a:c"]


@pytest.mark.parametrize(
    ("effect", "other", "word", "beta"),
    [("T", "G", "kept_strand_flipped", 0.2), ("G", "T", "kept_strand_flipped_and_flipped", -0.2)],
)
def test_other_strand_of_a_study_of_unknown_strand(
    tmp_path: Path, genome: Genome, effect: str, other: str, word: str, beta: float
) -> None:
    row = one(tmp_path, genome, 1, 2, effect, other, 0.2, 0.1, 0.0455, strand="infer")
    assert (row.name, row["variant"], row["beta"]) == (word, "1:2:C:A", beta)


def test_other_strand_of_a_declared_forward_study_is_a_mismatch(tmp_path: Path, genome: Genome) -> None:
    rows = [(1, 2, "T", "G", 0.2, 0.1, 0.0455), (1, 3, "A", "G", 0.2, 0.1, 0.0455)]
    assert words(harmonize_study(write_rows(tmp_path, rows), genome)) == ["ref_mismatch", "kept"]


@pytest.mark.parametrize(
    ("strand", "expected"),
    [
        ("forward", ["kept_palindromic", "kept_palindromic_flipped", "kept"]),
        ("infer", ["palindromic_ambiguous", "palindromic_ambiguous", "kept"]),
    ],
)
def test_palindromic_variants_need_a_proven_strand(
    tmp_path: Path, genome: Genome, strand: str, expected: list[str]
) -> None:
    rows = [(1, 2, "G", "C", 0.2, 0.1, 0.05), (1, 4, "T", "A", 0.2, 0.1, 0.05), (1, 5, "C", "A", 0.2, 0.1, 0.05)]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome, strand=strand)
    assert words(harmonized) == expected
    if strand == "forward":
        assert harmonized.table["variant"].tolist() == ["1:2:C:G", "1:4:T:A", "1:5:A:C"]
        assert harmonized.table["beta"].tolist() == [0.2, -0.2, 0.2]


def test_no_sequence_keeps_the_alleles_as_given(tmp_path: Path, genome: Genome) -> None:
    row = one(tmp_path, genome, 1, 36, "A", "C", 0.2, 0.1, 0.05)
    assert (row.name, row["variant"], row["ref_verified"]) == ("kept_unverified", "1:36:C:A", False)


@pytest.mark.parametrize(
    ("position", "other", "effect", "variant"),
    [
        (10, "TT", "T", "1:7:GT:G"),  # deletion of one T of TTTTTT (8-13) moves before the first
        (12, "TG", "G", "1:7:GT:G"),  # written right-anchored
        (14, "GG", "GGG", "1:12:T:TG"),
        (27, "ACT", "ACTACT", "1:26:G:GACT"),
        (2, "CGT", "CAT", "1:3:G:A"),  # padded single-base change
        (1, "AC", "GG", "1:1:AC:GG"),
    ],
)
def test_indels_are_normalised(
    tmp_path: Path, genome: Genome, position: int, other: str, effect: str, variant: str
) -> None:
    expected = normalize_variant(Variant("1", position, other, effect), lambda start, end: SEQUENCE_1[start:end])
    columns = ["chromosome", "base_pair_location", "ref", "alt", "beta", "standard_error", "p_value"]
    path = write_rows(tmp_path, [(1, position, other, effect, 0.2, 0.1, 0.05)], columns)
    harmonized = harmonize_study(path, genome, columns="ref_allele=ref,alt_allele=alt")
    assert harmonized.table["variant"].tolist() == [expected.key]
    assert expected.key == variant
    assert harmonized.table["ref_verified"].all()


def test_indel_whose_effect_allele_alone_agrees_is_flipped(tmp_path: Path, genome: Genome) -> None:
    row = one(tmp_path, genome, 1, 2, "CG", "CGAA", 0.2, 0.1, 0.05)
    assert (row.name, row["variant"], row["beta"]) == ("kept_flipped", "1:3:G:GAA", -0.2)


@pytest.mark.parametrize(
    ("swapped_share", "word", "variant", "beta"),
    [
        (0.0, "kept", "1:2:CG:C", 0.2),
        (1.0, "kept_flipped", "1:2:C:CG", -0.2),
        (0.5, "indel_ambiguous", None, None),
    ],
)
def test_indel_that_reads_both_ways_follows_the_study(
    tmp_path: Path, genome: Genome, swapped_share: float, word: str, variant: str | None, beta: float | None
) -> None:
    """CG/C at 1:2 is a deletion of G or, since G follows, an insertion of G."""
    rows = clean_rows(genome, 40)
    turned = np.arange(40) < 40 * swapped_share
    rows.loc[turned, ["effect_allele", "other_allele"]] = rows.loc[turned, ["other_allele", "effect_allele"]].to_numpy()
    rows.loc[40] = ["1", 2, "C", "CG", 0.2, 0.1, 0.0455]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert words(harmonized)[40] == word
    found = harmonized.table[harmonized.table["chromosome"] == "1"]
    assert found["variant"].tolist() == ([] if variant is None else [variant])
    assert found["beta"].tolist() == ([] if beta is None else [beta])


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"chromosome": "NA"}, "missing_position"),
        ({"base_pair_location": "NA"}, "missing_position"),
        ({"effect_allele": "."}, "missing_allele"),
        ({"base_pair_location": "0"}, "invalid_position"),
        ({"base_pair_location": "2.5"}, "invalid_position"),
        ({"base_pair_location": "two"}, "invalid_position"),
        ({"base_pair_location": "1e20"}, "invalid_position"),
        ({"effect_allele": "<DEL>"}, "invalid_allele"),
        ({"effect_allele": "N"}, "invalid_allele"),
        ({"effect_allele": "C", "other_allele": "C"}, "invalid_allele"),
        ({"beta": "x"}, "invalid_number"),
        ({"beta": "inf"}, "invalid_number"),
        ({"standard_error": "0"}, "non_positive_standard_error"),
        ({"standard_error": "-0.1"}, "non_positive_standard_error"),
        ({"p_value": "1.01"}, "invalid_p"),
        ({"p_value": "-0.01"}, "invalid_p"),
        ({"p_value": "NaN", "beta": "NaN"}, "missing_statistic"),
        ({"p_value": "0", "beta": "NaN"}, "zero_p"),
        ({"p_value": "0"}, "kept"),
        ({"p_value": "NaN"}, "kept"),
        ({"standard_error": "NaN"}, "kept"),
        ({"beta": "NaN", "standard_error": "NaN"}, "missing_statistic"),  # the other rows have a sign
        ({"chromosome": "3"}, "unknown_chromosome"),
        ({"chromosome": "GL000192.1"}, "unknown_chromosome"),
        ({"base_pair_location": "41"}, "beyond_chromosome"),
        (dict(zip(SSF, SSF, strict=True)), "header_row"),
    ],
)
def test_each_bad_row_has_its_word(tmp_path: Path, genome: Genome, change: dict[str, str], word: str) -> None:
    good = dict(zip(SSF, ("1", "2", "A", "C", "0.2", "0.1", "0.0455"), strict=True))
    other = good | {"base_pair_location": "3", "other_allele": "G"}
    path = write_rows(tmp_path, pd.DataFrame([other, good | change, other | {"base_pair_location": "7"}]))
    harmonized = harmonize_study(path, genome)
    assert words(harmonized) == ["kept", word, "kept"]
    assert len(harmonized.table) == 2 + (word == "kept")


def test_identical_copies_leave_the_first(tmp_path: Path, genome: Genome) -> None:
    rows = [(1, 2, "A", "C", 0.2, 0.1, 0.05), (1, 2, "C", "A", -0.2, 0.1, 0.05), (1, 2, "A", "C", 0.2, 0.1, 0.05)]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert words(harmonized) == ["kept", "duplicate_identical", "duplicate_identical"]
    assert harmonized.dispositions["variant"].tolist() == ["1:2:C:A"] * 3


@pytest.mark.parametrize("second", [(0.3, 0.1, 0.05), (0.2, 0.1, 0.06), (0.2, 0.2, 0.05)])
def test_contradicting_copies_all_go(tmp_path: Path, genome: Genome, second: tuple[Any, ...]) -> None:
    rows = [(1, 2, "A", "C", 0.2, 0.1, 0.05), (1, 2, "A", "C", *second), (1, 2, "G", "C", 0.2, 0.1, 0.05)]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert words(harmonized) == ["duplicate_variant", "duplicate_variant", "kept_palindromic"]
    assert harmonized.table["variant"].tolist() == ["1:2:C:G"]


def test_copies_of_one_indel_written_differently_are_found(tmp_path: Path, genome: Genome) -> None:
    rows = [(1, 9, "T", "TT", 0.2, 0.1, 0.05), (1, 11, "T", "TT", 0.3, 0.1, 0.05), (1, 2, "A", "C", 1, 1, 0.3)]
    columns = ["chromosome", "base_pair_location", "alt", "ref", *SSF[4:]]
    harmonized = harmonize_study(write_rows(tmp_path, rows, columns), genome, columns="ref_allele=ref,alt_allele=alt")
    assert words(harmonized) == ["duplicate_variant", "duplicate_variant", "kept"]


def test_other_chromosome_names_than_the_genome(tmp_path: Path, genome: Genome) -> None:
    path = write_rows(tmp_path, [("chr7", 2, "A", "C", 0.2, 0.1, 0.05)])
    with pytest.raises(
        InputError, match=r"no row can be kept: 1 x unknown_chromosome .* are chr7; the genome's are 1, 2"
    ):
        harmonize_study(path, genome)


def test_wrong_build_is_refused_with_an_example(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 400)
    rows["base_pair_location"] += 3
    for strand in ("forward", "infer"):
        with pytest.raises(InputError, match=r"do not agree with the genome .* row \d+ \(chr2:\d+:[ACGT]:[ACGT]\)"):
            harmonize_study(write_rows(tmp_path, rows), genome, strand=strand)


def test_wrong_build_without_palindromic_variants_is_refused(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 400)
    pairs = rows["effect_allele"] + rows["other_allele"]
    rows = rows[~pairs.isin(["AT", "TA", "CG", "GC"])]
    rows["base_pair_location"] += 3
    with pytest.raises(InputError, match="variants are on the other strand, as in a wrong build"):
        harmonize_study(write_rows(tmp_path, rows), genome, strand="infer")


def test_alleles_not_in_the_genome(tmp_path: Path, genome: Genome) -> None:
    path = write_rows(tmp_path, [(1, 2, "A", "G", 0.2, 0.1, 0.05)])
    with pytest.raises(InputError, match="no row can be kept: 1 x ref_mismatch"):
        harmonize_study(path, genome)


def test_a_few_mismatches_are_dropped_and_counted(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 100)
    ref = rows["other_allele"].iloc[5]
    rows.loc[5, ["effect_allele", "other_allele"]] = {"A": ("C", "G"), "T": ("C", "G")}.get(ref, ("A", "T"))
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert words(harmonized)[5] == "ref_mismatch"
    assert check_value(harmonized, "ref_mismatch_share") == pytest.approx(0.01)


def test_gwas_vcf_whose_header_names_the_other_build(tmp_path: Path, genome: Genome) -> None:
    path = tmp_path / "study.vcf"
    path.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=1,length=248956422>\n"
        '##FORMAT=<ID=ES,Number=A,Type=Float,Description="effect">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tstudy\n1\t2\t.\tC\tA\t.\t.\t.\tES\t1\n"
    )
    raw, source = read_gwas_vcf(str(path)), study_source(study_row(), str(path))
    with pytest.raises(InputError, match="which is its length in GRCh38; GRCh37 has 249250621"):
        harmonize_source(raw, genome, chain=None, source=source, settings=LENIENT)


def test_other_build_without_chain(tmp_path: Path, genome: Genome) -> None:
    with pytest.raises(InputError, match="its build is GRCh38, the run's is GRCh37, and there is no chain file"):
        harmonize_study(write_rows(tmp_path, [(1, 2, "A", "C", 0.2, 0.1, 0.05)]), genome, build="GRCh38")


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        (("beta", "standard_error"), "Beta and standard error look exchanged|non_positive_standard_error"),
        (("p_value", "beta"), "invalid_p"),
        (("standard_error", "p_value"), "effects and p-values contradict each other"),
        (("effect_allele", "base_pair_location"), "invalid_position"),
    ],
)
def test_exchanged_columns(tmp_path: Path, genome: Genome, exchange: tuple[str, str], message: str) -> None:
    rows = clean_rows(genome, 300, seed=3)
    first, second = exchange
    with pytest.raises(InputError, match=message):
        harmonize_study(write_rows(tmp_path, rows.rename(columns={first: second, second: first})), genome)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("beta", lambda rows: np.exp(rows["beta"]), "Beta looks like an odds ratio"),
        ("standard_error", lambda rows: rows["standard_error"] ** 2, "The standard error looks like a variance"),
        ("p_value", lambda rows: rows["p_value"].to_numpy()[::-1], "No simple exchange"),
    ],
)
def test_mistaken_statistics(tmp_path: Path, genome: Genome, column: str, values: Any, message: str) -> None:
    rows = clean_rows(genome, 300)
    rows[column] = values(rows)
    with pytest.raises(InputError, match=message):
        harmonize_study(write_rows(tmp_path, rows), genome)


def test_genomic_control_is_a_warning_at_most(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 300)
    rows["p_value"] = 2 * _normal_sf(np.abs(rows["beta"] / 0.1) / np.sqrt(1.7))
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    ratio = harmonized.qc.set_index("metric").loc["z_p_ratio"]
    assert ratio["value"] == pytest.approx(np.sqrt(1.7), rel=1e-3)
    assert ratio["status"] == "warning"


# ---- strand of the study -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_flipped", "palindromic"), [(0, "kept_palindromic"), (30, "palindromic_ambiguous")])
def test_strand_is_inferred(tmp_path: Path, genome: Genome, n_flipped: int, palindromic: str) -> None:
    rows = clean_rows(genome, 300)
    is_palindromic = (rows["effect_allele"] + rows["other_allele"]).isin(["AT", "TA", "CG", "GC"]).to_numpy()
    flipped = np.flatnonzero(~is_palindromic)[:n_flipped]
    for name in ("effect_allele", "other_allele"):
        rows.loc[flipped, name] = [reverse_complement(allele) for allele in rows.loc[flipped, name]]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome, strand="infer")
    found = np.array(words(harmonized))
    assert set(found[is_palindromic]) == {palindromic}
    assert (found == "kept_strand_flipped").sum() == n_flipped
    assert check_value(harmonized, "other_strand_share") == pytest.approx(n_flipped / (~is_palindromic).sum())


# ---- golden: TwoSampleMR -------------------------------------------------------------------------------------------


def golden_case(folder: Path, *, palindromic: bool) -> tuple[Genome, pd.DataFrame, str]:
    """A genome whose REF alleles are the exposure's other alleles, the golden answers, and the outcome's file."""
    golden = json.loads(GOLDEN.read_text())
    exposure, outcome = (pd.DataFrame(golden["input"][name]) for name in ("exposure", "outcome"))
    answers = {name: pd.DataFrame(rows).set_index("SNP") for name, rows in golden["harmonise"].items()}
    pairs = exposure.merge(outcome, on="SNP", suffixes=("_ref", ""))
    snv = (pairs[["ea_ref", "oa_ref", "ea", "oa"]].map(len) == 1).all(axis=1)
    is_palindromic = (pairs["ea_ref"] + pairs["oa_ref"]).isin(["AT", "TA", "CG", "GC"])
    pairs = pairs[snv & (is_palindromic == palindromic)].reset_index(drop=True)
    pairs["position"] = 10 * pairs.index + 5
    for action, table in answers.items():
        pairs[f"keep_{action}"] = table.loc[pairs["SNP"], "mr_keep"].to_numpy()
        pairs[f"beta_{action}"] = table.loc[pairs["SNP"], "beta_outcome"].to_numpy()
    sequence = np.full(10 * len(pairs) + 10, "A")
    sequence[pairs["position"] - 1] = pairs["oa_ref"]
    rows = list(zip(["1"] * len(pairs), pairs["position"], pairs["ea"], pairs["oa"], pairs["b"], strict=True))
    path = write_rows(folder, [(*row, 0.1, "NA") for row in rows])
    return write_genome(folder, {"1": "".join(sequence)}), pairs, path


def test_non_palindromic_variants_as_twosamplemr(tmp_path: Path) -> None:
    """Action 3 keeps what matches the exposure's alleles on either strand; here those alleles are REF and ALT."""
    genome, pairs, path = golden_case(tmp_path, palindromic=False)
    settings = HarmonizationSettings("GRCh37", 1.0, min_strand_variants=10_000)  # judge every row by its letters
    table = harmonize_study(path, genome, settings=settings, strand="infer").table
    found = table.set_index(["position", "ref", "alt"])["beta"]
    wanted = pairs[pairs["keep_action3"].astype(bool)].set_index(["position", "oa_ref", "ea_ref"])["beta_action3"]
    matched = found[found.index.isin(pd.MultiIndex.from_frame(pairs[["position", "oa_ref", "ea_ref"]]))]
    assert len(wanted) >= 20
    pd.testing.assert_series_equal(matched.sort_index(), wanted.sort_index(), check_names=False)


def test_palindromic_variants_as_twosamplemr(tmp_path: Path) -> None:
    """Action 1 trusts the strand, as a study declared forward; action 3 drops all, as a study of unknown strand."""
    genome, pairs, path = golden_case(tmp_path, palindromic=True)
    table = harmonize_study(path, genome, settings=LENIENT).table
    wanted = pairs.set_index(["position", "oa_ref", "ea_ref"])["beta_action1"]
    assert pairs["keep_action1"].astype(bool).all()
    assert not pairs["keep_action3"].astype(bool).any()
    found = table.set_index(["position", "ref", "alt"])["beta"]
    pd.testing.assert_series_equal(found.sort_index(), wanted.sort_index(), check_names=False)
    with pytest.raises(InputError, match="palindromic_ambiguous"):
        harmonize_study(path, genome, strand="infer")


# ---- property: whatever the source's way of writing, the answer is the truth ---------------------------------------

OLD = random_sequence(300, seed=11)
# Source build (chromosome 1, 300 bases) against the run's: bases 0-100 forward behind 50 new bases, a gap, then bases
# 120-220 on the other strand; the rest is gone.
FORWARD, REVERSED = OLD[:100], OLD[120:220]
RUN = random_sequence(50, seed=12) + FORWARD + random_sequence(30, seed=13) + reverse_complement(REVERSED)
CHAINS = (
    f"chain 1 1 300 + 0 100 1 {len(RUN)} + 50 150 1\n100",
    f"chain 1 1 300 + 120 220 1 {len(RUN)} - 0 100 2\n100",
)


@st.composite
def variants(draw: st.DrawFn) -> tuple[int, str, str]:
    """(0-based start on the source build, REF, ALT) of a variant on the source's forward strand."""
    start = draw(st.one_of(st.integers(5, 85), st.integers(125, 205)))
    ref = OLD[start : start + draw(st.integers(1, 4))]
    alt = draw(st.one_of(st.sampled_from("ACGT"), st.text("ACGT", min_size=1, max_size=4).map(lambda t: ref[0] + t)))
    return start, ref, alt


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(variant=variants(), swapped=st.booleans(), lifted=st.booleans(), beta=st.sampled_from([-0.3, 0.4]))
def test_harmonised_effect_is_the_truth(
    tmp_path: Path, variant: tuple[int, str, str], swapped: bool, lifted: bool, beta: float
) -> None:
    start, ref, alt = variant
    if ref == alt:
        return
    true_variant = _on_run_build(start, ref, alt)
    sequence, position, chain = RUN, true_variant.position, None
    if lifted:
        sequence, position, chain = OLD, start + 1, write_chain(tmp_path, *CHAINS)
    else:
        ref, alt = true_variant.ref, true_variant.alt
    genome = write_genome(tmp_path, {"1": RUN})
    other, effect, sign = (alt, ref, -1) if swapped else (ref, alt, 1)
    rows = [("1", position, effect, other, sign * beta, 0.1, "NA")]
    path = write_rows(tmp_path, rows)
    row_settings = HarmonizationSettings("GRCh37", 1.0, min_strand_variants=20)
    build = "GRCh38" if lifted else "GRCh37"
    if len(ref) != len(alt) and sequence[position - 1 :].startswith(alt):  # REF and ALT could be exchanged
        with pytest.raises(InputError, match="indel_ambiguous"):
            harmonize_study(path, genome, chain=chain, settings=row_settings, build=build)
        return
    table = harmonize_study(path, genome, chain=chain, settings=row_settings, build=build).table
    assert table["variant"].tolist() == [true_variant.key]
    assert table["beta"].tolist() == [beta]


def _on_run_build(start: int, ref: str, alt: str) -> Variant:
    """The variant on the run's build, by counting bases."""
    if start < 100:
        moved = Variant("1", 50 + start + 1, ref, alt)
    else:
        end = start + len(ref)
        moved = Variant("1", 180 + (220 - end) + 1, reverse_complement(ref), reverse_complement(alt))
    assert RUN[moved.position - 1 :].startswith(moved.ref)
    return normalize_variant(moved, lambda first, last: RUN[first:last])


# ---- studies and QTL sets as a whole -------------------------------------------------------------------------------


def test_rows_are_sorted_and_survive_the_file(tmp_path: Path) -> None:
    genome = write_genome(tmp_path, dict.fromkeys(("chrX", "chr10", "chr2"), "ACGTACGTAC"))
    rows = [("X", 1, "G", "A", 1, 1, 0.3), (10, 3, "A", "G", 1, 1, 0.3), (2, 5, "T", "A", 1, 1, 0.3)]
    rows += [(2, 5, "C", "A", 1, 1, 0.3), (2, 2, "T", "C", 1, 1, 0.3)]
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert harmonized.table["variant"].tolist() == ["2:2:C:T", "2:5:A:C", "2:5:A:T", "10:3:G:A", "X:1:A:G"]
    for frame, schema in (
        (harmonized.table, SUMSTATS),
        (harmonized.dispositions, DISPOSITIONS),
        (harmonized.qc, HARMONIZATION_QC),
    ):
        write_table(frame, tmp_path / "table.parquet", schema)
        assert len(read_table(tmp_path / "table.parquet", schema)) == len(frame)


def test_every_row_is_accounted_for(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 60)
    rows.loc[3, "p_value"] = 7
    rows.loc[4, "effect_allele"] = "R"
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    counts = harmonized.qc[harmonized.qc["status"].isin(["ok", "dropped"])].set_index("metric")["value"]
    assert harmonized.dispositions["row"].tolist() == list(range(1, 61))
    assert counts[[name for name in counts.index if name in set(words(harmonized))]].sum() == 60
    assert harmonized.dispositions["kept"].sum() == len(harmonized.table) == 58


def test_sample_sizes(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 3).assign(n=[900, "NA", -5])
    path = write_rows(tmp_path, rows)
    quantitative = harmonize_study(path, genome, n_samples=1000)
    assert quantitative.table["n_effective"].tolist() == [900, 1000, 1000]
    assert check_value(quantitative, "outside_range") == 1
    huge = write_rows(tmp_path, clean_rows(genome, 3).assign(n=[900, 1e10, 0.5]))
    assert harmonize_study(huge, genome, n_samples=1000).table["n_effective"].tolist() == [900, 1000, 1000]
    path = write_rows(tmp_path, rows)
    disease = harmonize_study(path, genome, trait_type="case_control", n_cases=100, n_controls=300)
    expected = [900 * 4 * 0.25 * 0.75, 4 / (1 / 100 + 1 / 300), 4 / (1 / 100 + 1 / 300)]
    np.testing.assert_allclose(disease.table["n_effective"], expected)
    unknown = harmonize_study(path, genome, n_samples=None)
    assert unknown.table["n_effective"].isna().tolist() == [False, True, True]


def test_cases_of_each_row_count_without_counts_in_the_sheet(tmp_path: Path, genome: Genome) -> None:
    """GWAS-VCF gives people (SS) and cases (NC); SS is then no effective size."""
    path = tmp_path / "study.vcf"
    formats = "".join(
        f'##FORMAT=<ID={tag},Number=A,Type=Float,Description="{tag}">\n' for tag in ("ES", "SE", "SS", "NC")
    )
    path.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=1>\n{formats}"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tstudy\n"
        "1\t2\t.\tC\tA\t.\t.\t.\tES:SE:SS:NC\t1:0.1:1000:250\n1\t3\t.\tG\tA\t.\t.\t.\tES:SE:SS:NC\t1:0.1:1000:.\n"
    )
    source = study_source(study_row(trait_type="case_control", n_samples=None), str(path))
    harmonized = harmonize_source(read_gwas_vcf(str(path)), genome, chain=None, source=source, settings=LENIENT)
    np.testing.assert_allclose(harmonized.table["n_effective"], [4 / (1 / 250 + 1 / 750), 1000])


def test_file_without_any_allele_is_refused(tmp_path: Path, genome: Genome) -> None:
    rows = [(1, 2, "NA", "NA", 0.2, 0.1, 0.05)]
    with pytest.raises(InputError, match="no row can be kept: 1 x missing_allele"):
        harmonize_study(write_rows(tmp_path, rows), genome)


def test_p_values_only_are_flagged_unsigned(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 30).drop(columns=["beta", "standard_error"])
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome)
    assert harmonized.table[["beta", "standard_error", "z_score"]].isna().all(axis=None)
    signs = harmonized.qc.set_index("metric").loc["signs"]
    assert (signs["value"], signs["status"]) == (0, "warning")
    assert "Unsigned" in signs["detail"]


def test_frequencies_outside_their_range_are_missing(tmp_path: Path, genome: Genome) -> None:
    rows = clean_rows(genome, 3).assign(effect_allele_frequency=[0.2, 1.2, "NA"], maf=[0.3, 0.4, 0.7])
    harmonized = harmonize_study(write_rows(tmp_path, rows), genome, columns="minor_allele_frequency=maf")
    np.testing.assert_allclose(harmonized.table["alt_frequency"], [0.2, np.nan, np.nan])
    np.testing.assert_allclose(harmonized.table["minor_allele_frequency"], [0.2, 0.4, 0.3])


def test_qtl_set_of_the_eqtl_catalogue(tmp_path: Path, genome: Genome) -> None:
    columns = ["molecular_trait_id", "chromosome", "position", "ref", "alt", "pvalue", "beta", "se", "gene_id", "rsid"]
    row = ("clu_1", 1, 2, "C", "A", 0.05, 0.2, 0.1, "ENSG00000000001.7")
    rows = [(*row, "rs1"), (*row, "rs2"), ("clu_2", *row[1:], "rs1"), (*row[:-1], "NA", "rs3"), tuple(columns)]
    # ids as GENCODE writes lifted genes and the copies of chromosome Y: the gene table has them without these marks
    rows += [("clu_3", *row[1:-1], "ENSG00000000002.7_2", "rs1"), ("clu_4", *row[1:-1], "ENSGR0000000003.1", "rs1")]
    harmonized = harmonize_qtls(write_rows(tmp_path, rows, columns), genome)
    assert words(harmonized) == ["kept", "duplicate_identical", "kept", "missing_gene", "header_row", "kept", "kept"]
    table = harmonized.table
    assert table["gene_id"].tolist() == ["ENSG00000000001"] * 2 + ["ENSG00000000002", "ENSG00000000003"]
    assert table["phenotype_id"].tolist() == ["clu_1", "clu_2", "clu_3", "clu_4"]
    assert table["tissue"].tolist() == ["blood"] * 4
    assert table["n_effective"].tolist() == [100] * 4
    write_table(table, tmp_path / "qtl.parquet", QTL)


def test_qtl_set_of_gtex_with_tissue_column_and_combined_id(tmp_path: Path, genome: Genome) -> None:
    columns = ["tissue", "gene_id", "variant_id", "pval_nominal", "slope", "slope_se"]
    rows = [
        ("Uterus", "ENSG00000000001.5", "1_2_C_A_b37", 0.05, 0.2, 0.1),
        ("Vagina", "ENSG00000000001.5", "1_2_C_A_b37", 0.05, 0.3, 0.15),
        (None, "ENSG00000000001.5", "1_2_C_A_b37", 0.05, 0.3, 0.15),
    ]
    mapping = "variant=variant_id,p_value=pval_nominal,beta=slope,standard_error=slope_se"
    harmonized = harmonize_qtls(write_rows(tmp_path, rows, columns), genome, tissue=None, columns=mapping)
    assert words(harmonized) == ["kept", "kept", "missing_tissue"]
    assert harmonized.table["tissue"].tolist() == ["Uterus", "Vagina"]
    assert harmonized.table["phenotype_id"].tolist() == ["ENSG00000000001"] * 2


@pytest.mark.parametrize(
    ("columns", "message"), [(["gene_id"], "says the tissue"), (["tissue"], "no column gives gene_id")]
)
def test_qtl_set_without_gene_or_tissue(tmp_path: Path, genome: Genome, columns: list[str], message: str) -> None:
    names = ["chromosome", "position", "ref", "alt", "pvalue", *columns]
    with pytest.raises(InputError, match=message):
        harmonize_qtls(write_rows(tmp_path, [(1, 2, "C", "A", 0.5, "x")], names), genome, tissue=None)


@pytest.mark.parametrize(
    ("source_length", "target_length", "message"),
    [
        (249_250_621, 200, "chromosome 1 has 249250621 bases, which is its length in GRCh37; GRCh38 has 248956422"),
        (300, 248_956_422, "chromosome 1 has 248956422 bases, which is its length in GRCh38; GRCh37 has 249250621"),
    ],
)
def test_chain_of_the_wrong_direction_is_refused(
    tmp_path: Path, genome: Genome, source_length: int, target_length: int, message: str
) -> None:
    chain = write_chain(tmp_path, f"chain 1 1 {source_length} + 0 100 1 {target_length} + 50 150 1\n100")
    path = write_rows(tmp_path, [(1, 2, "A", "C", 0.2, 0.1, 0.05)])
    with pytest.raises(InputError, match=f"chain file of study toy .*: {message}"):
        harmonize_study(path, genome, chain=chain, build="GRCh38")


def test_liftover_failures_have_their_words(tmp_path: Path) -> None:
    genome = write_genome(tmp_path, {"1": RUN})
    chain = write_chain(tmp_path, *CHAINS, f"chain 1 1 300 + 130 140 1 {len(RUN)} + 0 10 3\n10")
    alleles = [(10, 1), (98, 4), (99, 1), (110, 1), (135, 1)]  # 0-based start, bases of REF
    rows = [(1, start + 1, _another(OLD[start]), OLD[start : start + length], 1, 1, 0.3) for start, length in alleles]
    rows[1] = (1, 99, OLD[98], OLD[98:102], 1, 1, 0.3)
    columns = [*SSF[:2], "alt", "ref", *SSF[4:]]
    harmonized = harmonize_study(
        write_rows(tmp_path, rows, columns),
        genome,
        chain=chain,
        build="GRCh38",
        settings=LENIENT,
        columns="ref_allele=ref,alt_allele=alt",
    )
    found = [word.replace("kept_palindromic", "kept") for word in words(harmonized)]
    assert found == ["kept", "lift_split", "kept", "lift_unmapped", "lift_multiple"]


def _another(base: str) -> str:
    return "C" if base != "C" else "G"


# ---- real data -----------------------------------------------------------------------------------------------------

DEMO = Path(__file__).parents[3] / "demo" / "data"


@pytest.mark.skipif(not (DEMO / "gwas").is_dir(), reason="the demo data are not here")
def test_real_gwas_vcf_with_infinite_log_p() -> None:
    """UK Biobank LDL: where LP is inf, p comes from effect and standard error, and goes on where LP ends (307.65)."""
    source = str(DEMO / "gwas" / "LDLC_HMGCR.GRCh38.vcf.gz")
    raw = read_gwas_vcf(source)
    row = study_row(build="GRCh38", n_samples=457526)
    chain = ChainFile(str(DEMO / "genome" / "GRCh38_to_GRCh37.demo.chain.gz"), where="genome.chains")
    with Genome(DEMO / "genome" / "GRCh37_partial.fa.gz") as genome:
        harmonized = harmonize_source(raw, genome, chain=chain, source=study_source(row, source), settings=SETTINGS)
    infinite = np.isinf(raw.frame["neg_log10_p"].to_numpy())
    by_row = harmonized.table.set_index("variant")["neg_log10_p"]
    recovered = by_row[harmonized.dispositions.loc[infinite, "variant"]]
    assert infinite.sum() == 36
    assert recovered.between(307, 340).all()
    assert set(words(harmonized)) == {"kept_unverified"}


@pytest.mark.skipif(not (DEMO / "gwas").is_dir(), reason="the demo data are not here")
def test_real_odds_ratios_of_a_minor_allele_file() -> None:
    """PGC schizophrenia 2014: effect allele A1 is REF or ALT as it comes; every checkable variant fits the genome."""
    columns = (
        "chromosome=CHR,position=POS,rsid=SNP,effect_allele=A1,other_allele=A2,odds_ratio=OR,standard_error=SE,"
        "p_value=P,minor_allele_frequency=MAF_1KG"
    )
    path = str(DEMO / "gwas" / "SCZ_PGC2_2014.GRCh37.tsv.gz")
    with Genome(DEMO / "genome" / "GRCh37_partial.fa.gz") as genome:
        harmonized = harmonize_study(
            path, genome, strand="infer", columns=columns, trait_type="case_control", n_cases=36989, n_controls=113075
        )
    found = pd.Series(words(harmonized)).value_counts()
    assert found["kept"] + found["kept_palindromic"] == 5059
    assert found["kept_flipped"] + found["kept_palindromic_flipped"] == 4043
    assert check_value(harmonized, "ref_mismatch_share") == 0
    assert check_value(harmonized, "z_p_ratio") == pytest.approx(1, abs=1e-3)
    source = pd.read_csv(path, sep="\t").set_index("SNP")
    lead = harmonized.table.set_index("rsid").loc["rs4523957"]
    sign = 1 if source.loc["rs4523957", "A1"] == lead["alt"] else -1
    assert lead["beta"] == pytest.approx(sign * np.log(source.loc["rs4523957", "OR"]))
    assert {source.loc["rs4523957", "A1"], source.loc["rs4523957", "A2"]} == {lead["ref"], lead["alt"]}
