from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mr_reference import read_case

from locus2target.core.variants import reverse_complement
from locus2target.statgen.mendelian.harmonize import INPUT_COLUMNS, MatchStatus, Palindromes, harmonize_effects

ACTIONS = {Palindromes.TRUST: "action1", Palindromes.FREQUENCY: "action2", Palindromes.DROP: "action3"}


def pair(*row: Any) -> pd.DataFrame:
    return pd.DataFrame([row], columns=list(INPUT_COLUMNS))


def align(*row: Any, palindromes: str = "frequency") -> pd.Series:
    return harmonize_effects(pair(*row), palindromes=Palindromes(palindromes)).iloc[0]


@pytest.mark.parametrize("case", ["dev_harmonise_60", "dev_harmonise_no_other_allele"])
@pytest.mark.parametrize("policy", Palindromes)
def test_all_fields_are_those_of_twosamplemr(case: str, policy: Palindromes) -> None:
    content = read_case(case)
    given_rows, expected = content["input"], content["harmonise"][ACTIONS[policy]]
    sides = {"exposure": given_rows["exposure"], "outcome": given_rows["outcome"]}
    pairs = pd.DataFrame(
        {
            f"{side}_{name}": values[short]
            for side, values in sides.items()
            for name, short in (("effect_allele", "ea"), ("other_allele", "oa"), ("beta", "b"), ("frequency", "f"))
        }
    ).astype({"exposure_frequency": float, "outcome_frequency": float})
    mine = harmonize_effects(pairs, palindromes=policy)
    assert expected["SNP"] == given_rows["exposure"]["SNP"]
    np.testing.assert_array_equal(mine["outcome_beta"], expected["beta_outcome"])
    np.testing.assert_array_equal(pairs["exposure_beta"], expected["beta_exposure"])
    np.testing.assert_allclose(mine["outcome_frequency"], np.array(expected["eaf_outcome"], float), rtol=1e-14)
    np.testing.assert_allclose(pairs["exposure_frequency"], np.array(expected["eaf_exposure"], float))
    assert mine["palindromic"].tolist() == expected["palindromic"]
    assert mine["ambiguous"].tolist() == expected["ambiguous"]
    assert mine["kept"].tolist() == expected["mr_keep"]
    assert mine["effect_allele"].tolist() == expected["effect_allele.exposure"]
    assert mine["other_allele"].tolist() == expected["other_allele.exposure"]
    one_allele = pairs["outcome_other_allele"].isna()
    removed = (mine["status"] == "incompatible_alleles") | (one_allele & (mine["status"] == "palindromic"))
    assert removed.tolist() == expected["remove"]
    matched = mine["status"] != "incompatible_alleles"  # of the others TwoSampleMR shows the outcome's, complemented
    assert mine.loc[matched, "effect_allele"].tolist() == np.array(expected["effect_allele"])[matched].tolist()
    assert mine.loc[matched, "other_allele"].tolist() == np.array(expected["other_allele"])[matched].tolist()


@pytest.mark.parametrize(
    ("outcome", "status", "beta", "frequency"),
    [
        (("A", "G"), "kept", 0.3, 0.2),
        (("g", "a"), "kept_flipped", -0.3, 0.8),
        (("T", "C"), "kept_strand_flipped", 0.3, 0.2),
        (("C", "T"), "kept_strand_flipped_and_flipped", -0.3, 0.8),
        (("A", "C"), "incompatible_alleles", 0.3, 0.2),
        (("A", "A"), "incompatible_alleles", 0.3, 0.2),
        ((None, "G"), "missing_allele", 0.3, 0.2),
    ],
)
def test_one_variant_each(outcome: tuple[Any, Any], status: str, beta: float, frequency: float) -> None:
    row = align("A", "G", 0.2, *outcome, 0.3, 0.2)
    assert (row["status"], row["outcome_beta"]) == (status, beta)
    assert row["outcome_frequency"] == pytest.approx(frequency)
    assert row["reason"] == MatchStatus(status).sentence
    assert row["kept"] == status.startswith("kept") == MatchStatus(status).kept


@pytest.mark.parametrize(
    ("frequencies", "policy", "status", "beta"),
    [
        ((0.2, 0.25), "frequency", "kept", 0.3),
        ((0.2, 0.75), "frequency", "kept_turned_by_frequency", -0.3),
        ((0.2, 0.75), "trust", "kept", 0.3),
        ((0.2, 0.75), "drop", "palindromic", 0.3),
        ((0.2, 0.45), "frequency", "ambiguous", 0.3),
        ((0.2, 0.45), "trust", "kept", 0.3),
        ((0.2, np.nan), "frequency", "ambiguous", 0.3),
        ((0.2, np.nan), "drop", "palindromic", 0.3),
    ],
)
def test_palindromic_variant(frequencies: tuple[float, float], policy: str, status: str, beta: float) -> None:
    row = align("C", "G", frequencies[0], "C", "G", 0.3, frequencies[1], palindromes=policy)
    assert (row["status"], row["outcome_beta"], row["palindromic"]) == (status, beta, True)


@pytest.mark.parametrize(
    ("exposure", "outcome", "status", "alleles"),
    [
        (("A", "ATT"), ("D", "I"), "kept", ("A", "ATT")),
        (("A", "ATT"), ("I", "D"), "kept_flipped", ("A", "ATT")),
        (("I", "D"), ("G", "GCA"), "kept_flipped", ("GCA", "G")),
        (("I", "D"), ("I", "D"), "kept", ("I", "D")),
        (("D", "I"), ("I", "D"), "kept_flipped", ("D", "I")),
        (("A", "G"), ("I", "D"), "incompatible_alleles", ("A", "G")),
        (("ATT", "A"), ("I", None), "kept", ("ATT", "A")),
        (("I", "D"), ("GCA", None), "incompatible_alleles", ("I", "D")),
        (("AC", "A"), ("GT", "T"), "kept_strand_flipped", ("AC", "A")),
        ((None, "A"), ("A", "C"), "missing_allele", (None, "A")),
    ],
)
def test_insertions_and_deletions(
    exposure: tuple[Any, Any], outcome: tuple[Any, Any], status: str, alleles: tuple[Any, Any]
) -> None:
    row = align(*exposure, 0.2, *outcome, 0.3, 0.8 if status == "kept_flipped" else 0.2)
    assert row["status"] == status
    assert row["effect_allele"] == alleles[0] or pd.isna(row["effect_allele"])
    assert row["other_allele"] == alleles[1]


def test_what_does_not_match_is_not_turned() -> None:
    row = align("A", "T", 0.2, "A", "C", 0.3, 0.75)
    assert (row["status"], row["outcome_beta"], row["outcome_frequency"]) == ("incompatible_alleles", 0.3, 0.75)


def test_index_is_kept_and_no_row_is_lost() -> None:
    rows = pd.concat([pair("A", "G", 0.2, "A", "G", 0.3, 0.2), pair("A", "G", 0.2, "A", "C", 0.3, 0.2)])
    mine = harmonize_effects(rows.set_axis(["second", "first"]), palindromes=Palindromes.DROP)
    assert mine.index.tolist() == ["second", "first"]
    empty = harmonize_effects(rows.iloc[:0], palindromes=Palindromes.DROP)
    assert empty.empty
    assert empty.columns.tolist() == mine.columns.tolist()


allele = st.text("ACGT", min_size=1, max_size=3)
frequency = st.one_of(st.floats(0.01, 0.4), st.floats(0.6, 0.99))


@given(allele, allele, frequency, st.booleans(), st.booleans(), st.floats(-2, 2).filter(bool))
def test_the_truth_comes_back(
    effect: str, other: str, allele_frequency: float, exchanged: bool, other_strand: bool, beta: float
) -> None:
    """However the outcome writes a variant, its effect comes back for the exposure's effect allele."""
    if effect == other:
        return
    written = (effect, other)
    if other_strand:
        written = (reverse_complement(effect), reverse_complement(other))
    outcome = (written[1], written[0], -beta, 1 - allele_frequency) if exchanged else (*written, beta, allele_frequency)
    row = align(effect, other, allele_frequency, *outcome)
    assert row["kept"]
    assert row["outcome_beta"] == beta
    assert row["outcome_frequency"] == pytest.approx(allele_frequency)
