from typing import Any

import numpy as np
import pandas as pd
import pytest
from mr_reference import read_case
from scipy.stats import norm, t

from locus2target.core.schemas import SUMSTATS, TRAIT_EFFECTS, TRAIT_INSTRUMENTS
from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.mendelian.instruments import Instruments
from locus2target.statgen.mendelian.two_sample import (
    TraitEffects,
    TraitRules,
    choose_instruments,
    estimate_trait_effects,
    exposure_heterogeneity,
    pair_candidates,
)

SETTINGS: dict[str, Any] = {
    "palindromes": "frequency",
    "instrument_p": 5e-8,
    "clump_bp": 10_000_000,
    "clump_r2": 0.001,
    "bootstrap_draws": 200,
    "seed": 1,
}
BMI_CHD = read_case("dev_mr_bmi_chd")
N_PEOPLE = (339_000.0, 184_305.0)
SPACING = 20_000_000


def rules(**changes: Any) -> TraitRules:
    return TraitRules.from_settings(SETTINGS | changes)


def study(beta: np.ndarray, se: np.ndarray, n_people: float, **changes: Any) -> pd.DataFrame:
    """One canonical table; variants far apart on 22 chromosomes."""
    beta, se = np.asarray(beta, dtype=float), np.asarray(se, dtype=float)
    k = len(beta)
    columns = {
        "chromosome": [str(row % 22 + 1) for row in range(k)],
        "position": [(row // 22 + 1) * SPACING for row in range(k)],
        "ref": "A",
        "alt": "G",
        "beta": beta,
        "standard_error": se,
        "z_score": beta / se,
        "neg_log10_p": neg_log10_p_of_z(beta / se),
        "alt_frequency": 0.3,
        "n_effective": n_people,
        "ref_verified": False,
    }
    frame = pd.DataFrame(columns | changes)
    key = frame["chromosome"] + ":" + frame["position"].astype(str) + ":" + frame["ref"] + ":" + frame["alt"]
    return frame.assign(variant=key).reindex(columns=SUMSTATS.names)


def exchange_alleles(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """The same statistics with REF and ALT of some variants the other way round."""
    exchanged = table.copy()
    exchanged.loc[rows, ["ref", "alt"]] = table.loc[rows, ["alt", "ref"]].to_numpy()
    exchanged.loc[rows, "beta"] *= -1
    exchanged.loc[rows, "alt_frequency"] = 1 - table.loc[rows, "alt_frequency"]
    return exchanged


def bmi_and_chd() -> tuple[pd.DataFrame, pd.DataFrame]:
    shown = {name: np.array(values) for name, values in BMI_CHD["input"].items()}
    exposure = study(shown["beta_exposure"], shown["se_exposure"], N_PEOPLE[0])
    outcome = study(shown["beta_outcome"], shown["se_outcome"], N_PEOPLE[1])
    return exposure, outcome


def analyse(exposure: pd.DataFrame, outcome: pd.DataFrame, **settings: Any) -> TraitEffects:
    limits, names = rules(**settings), {"exposure": "bmi", "outcome": "chd"}
    candidates = pair_candidates(exposure, outcome, rules=limits)
    chosen = choose_instruments(candidates, ld_source=None, rules=limits, **names)
    result = estimate_trait_effects(chosen, rules=limits, **names)
    assert result.effects.columns.tolist() == TRAIT_EFFECTS.names
    assert result.instruments.columns.tolist() == TRAIT_INSTRUMENTS.names
    return result


@pytest.fixture(scope="module")
def bmi_on_chd() -> TraitEffects:
    exposure, outcome = bmi_and_chd()
    outcome = exchange_alleles(outcome, np.arange(0, 79, 3)).sample(frac=1.0, random_state=1)
    return analyse(exposure, outcome, instrument_p=1e-4, bootstrap_draws=2000)


# ---- BMI on coronary heart disease: the answers of TwoSampleMR and RadialMR ---------------------------------------


@pytest.mark.parametrize(
    ("method", "reference"), [("ivw", "mr_ivw"), ("ivw_fixed", "mr_ivw_fe"), ("egger", "mr_egger_regression")]
)
def test_bmi_on_chd_gives_the_published_numbers(bmi_on_chd: TraitEffects, method: str, reference: str) -> None:
    row, expected = bmi_on_chd.effects.set_index("method").loc[method], BMI_CHD["methods"][reference]
    assert (row["n_instruments"], row["status"]) == (79, "ok")
    assert row["estimate"] == pytest.approx(expected["b"], rel=1e-12)
    assert row["standard_error"] == pytest.approx(expected["se"], rel=1e-12)
    assert 10 ** -row["neg_log10_p"] == pytest.approx(expected["pval"], rel=1e-9)
    assert (row["q_statistic"], row["q_df"]) == (pytest.approx(expected["Q"], rel=1e-12), expected["Q_df"])
    quantile = t.ppf(0.975, 77) if method == "egger" else norm.ppf(0.975)
    assert row["confidence_low"] == pytest.approx(expected["b"] - quantile * expected["se"], rel=1e-9)


def test_bmi_on_chd_intercept_median_and_mode(bmi_on_chd: TraitEffects) -> None:
    rows = bmi_on_chd.effects.set_index("method")
    egger = BMI_CHD["methods"]["mr_egger_regression"]
    assert rows.loc["egger_intercept", "estimate"] == pytest.approx(egger["b_i"], rel=1e-10)
    assert 10 ** -rows.loc["egger_intercept", "neg_log10_p"] == pytest.approx(egger["pval_i"], rel=1e-9)
    median, mode = BMI_CHD["methods"]["mr_weighted_median"], BMI_CHD["methods"]["Weighted_mode"]
    assert rows.loc["weighted_median", "estimate"] == pytest.approx(median["b"], rel=1e-12)
    assert rows.loc["weighted_median", "standard_error"] == pytest.approx(median["se_large"], rel=0.1)
    assert rows.loc["weighted_mode", "estimate"] == pytest.approx(mode["b"], rel=1e-6)
    assert rows.loc["weighted_mode", "standard_error"] == pytest.approx(mode["se_large"], rel=0.15)


def test_bmi_on_chd_radial(bmi_on_chd: TraitEffects) -> None:
    rows, expected = bmi_on_chd.effects.set_index("method"), BMI_CHD["radial"]["ivw_w3"]
    effect, error = expected["coef_effect"][:2]
    assert rows.loc["radial_ivw", "estimate"] == pytest.approx(effect, rel=1e-10)
    assert rows.loc["radial_ivw", "standard_error"] == pytest.approx(error, rel=1e-10)
    assert bmi_on_chd.instruments["radial_q"].sum() == pytest.approx(expected["Q"], rel=1e-10)
    outliers = bmi_on_chd.instruments["radial_outlier"]
    assert rows.loc["radial_ivw_without_outliers", "n_instruments"] == 79 - outliers.sum()
    smallest_p = 2 * norm.sf(np.sqrt(bmi_on_chd.instruments["radial_q"].astype(float)))
    assert outliers.tolist() == (smallest_p < 0.05 / 79).tolist()
    assert 0 < outliers.sum() < 10


def test_bmi_on_chd_leave_one_out_and_single_variants(bmi_on_chd: TraitEffects) -> None:
    exposure, _ = bmi_and_chd()
    found = bmi_on_chd.instruments.set_index("variant").loc[exposure["variant"]]
    for columns, reference in (
        (("leave_one_out", "leave_one_out_se"), "leaveoneout"),
        (("wald_ratio", "wald_se"), "singlesnp"),
    ):
        listed = pd.DataFrame({name: BMI_CHD[reference][name] for name in ("snp", "b", "se")}).set_index("snp")
        expected = listed.loc[BMI_CHD["input"]["snp"]]
        np.testing.assert_allclose(found[columns[0]].astype(float), expected["b"], rtol=1e-10)
        np.testing.assert_allclose(found[columns[1]].astype(float), expected["se"], rtol=1e-10)


def test_bmi_on_chd_direction(bmi_on_chd: TraitEffects) -> None:
    """By the definition; TwoSampleMR, with other numbers of people and rounded p-values, comes near."""
    row = bmi_on_chd.effects.set_index("method").loc["steiger"]
    reference = read_case("dev_steiger_bmi_chd")["steiger"]
    for name, shown, n_people in zip(("exposure", "outcome"), bmi_and_chd(), N_PEOPLE, strict=True):
        f_statistic = (shown["beta"] / shown["standard_error"]) ** 2
        assert row[f"r2_{name}"] == pytest.approx((f_statistic / (n_people - 2 + f_statistic)).sum(), rel=1e-12)
        assert row[f"r2_{name}"] == pytest.approx(reference[f"r2_{name[:3]}"], rel=0.05)
    assert row["direction_correct"]
    assert row["neg_log10_p"] == pytest.approx(-np.log10(reference["steiger_test"]), rel=0.05)


def test_same_seed_same_table() -> None:
    exposure, outcome = bmi_and_chd()
    first, second = (analyse(exposure, outcome).effects for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    other = analyse(exposure, outcome, seed=2).effects.set_index("method")
    assert (
        other.loc["weighted_median", "standard_error"]
        != first.set_index("method").loc["weighted_median", "standard_error"]
    )


# ---- What becomes of candidates -----------------------------------------------------------------------------------


def toy_pair(k: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(7)
    beta = rng.uniform(0.08, 0.2, k)
    exposure = study(beta, np.full(k, 0.01), 50_000)
    return exposure, study(0.5 * beta + rng.normal(0, 0.02, k), np.full(k, 0.02), 40_000)


def statuses(result: TraitEffects) -> dict[str, str]:
    return dict(zip(result.instruments["variant"], result.instruments["status"], strict=True))


def test_every_associated_variant_keeps_a_row_with_its_status() -> None:
    exposure, outcome = toy_pair()
    exposure.loc[0, ["beta", "neg_log10_p"]] = [0.01, 0.5]  # not associated: no row
    exposure.loc[1, "beta"] = np.nan
    outcome.loc[2, "standard_error"] = np.nan
    outcome = outcome.drop(index=3)
    exposure.loc[4, ["beta", "standard_error"]] = [0.2, 0.1]  # p-value and effect contradict each other
    for table in (exposure, outcome):
        table.loc[5, ["ref", "alt", "alt_frequency"]] = ["A", "T", 0.5]
        table.loc[6, ["ref", "alt", "alt_frequency"]] = ["C", "G", 0.2]
    exposure.loc[7, ["chromosome", "position"]] = ["8", SPACING]
    extra = exposure.loc[[7]].assign(position=SPACING + 10, variant="8:20000010:A:G", neg_log10_p=9.0)
    exposure = pd.concat([exposure, extra], ignore_index=True)
    outcome = pd.concat([outcome, outcome.loc[[7]].assign(position=SPACING + 10)], ignore_index=True)
    found = analyse(exposure, outcome)
    keys = exposure["variant"]
    assert statuses(found) == {
        keys[1]: "no_beta",
        keys[2]: "no_beta",
        keys[3]: "not_in_outcome",
        keys[4]: "weak_instrument",
        keys[5]: "palindromic_ambiguous",
        keys[6]: "used",
        **dict.fromkeys(keys[7:12], "used"),
        "8:20000010:A:G": "clumped_by_distance",
    }
    reasons = found.instruments.set_index("status")["reason"]
    assert (reasons.drop("used") != "").all()
    assert (reasons["used"] == "").all()


@pytest.mark.parametrize(("policy", "n_used"), [("trust", 12), ("frequency", 12), ("drop", 11)])
def test_palindromes_follow_the_policy(policy: str, n_used: int) -> None:
    exposure, outcome = toy_pair()
    for table in (exposure, outcome):
        table.loc[0, ["ref", "alt"]] = ["A", "T"]
    outcome.loc[0, ["beta", "alt_frequency"]] = [-0.07, 0.7]  # read on the other strand
    found = analyse(exposure, outcome, palindromes=policy)
    assert (found.instruments["status"] == "used").sum() == n_used
    first = found.instruments.set_index("variant")["outcome_beta"][exposure["variant"][0]]
    assert first == (0.07 if policy == "frequency" else -0.07)


def test_a_candidate_that_the_outcome_lacks_leaves_its_place_to_its_neighbour() -> None:
    exposure, outcome = toy_pair()
    neighbour = exposure.loc[[0]].assign(position=SPACING + 5, variant="1:20000005:A:G", neg_log10_p=8.0)
    outcome.loc[0, "position"] += 5
    found = statuses(analyse(pd.concat([exposure, neighbour], ignore_index=True), outcome))
    assert found[exposure["variant"][0]] == "not_in_outcome"
    assert found["1:20000005:A:G"] == "used"


# ---- Few instruments -----------------------------------------------------------------------------------------------


def test_one_instrument_gives_the_wald_ratio_and_says_why_not_more() -> None:
    exposure, outcome = toy_pair(1)
    rows = analyse(exposure, outcome).effects.set_index("method")
    ratio = outcome["beta"][0] / exposure["beta"][0]
    assert rows.loc["wald_ratio", "estimate"] == pytest.approx(ratio)
    others = rows.drop(["wald_ratio", "steiger"])
    assert (others["status"] == "too_few_instruments").all()
    assert others["reason"].str.contains("there are 1").all()
    assert rows.loc["steiger", "status"] == "ok"


def test_no_instrument_gives_one_row_that_counts_what_there_was() -> None:
    exposure, outcome = toy_pair(2)
    row = analyse(exposure, outcome.iloc[:0]).effects
    assert row["status"].tolist() == ["no_instruments"]
    assert "2 not_in_outcome" in row["reason"][0]
    nothing = analyse(exposure, outcome, instrument_p=1e-300).effects
    assert nothing["reason"].tolist() == ["No variant is associated with the exposure."]


def test_unknown_numbers_of_people_leave_only_steiger_out() -> None:
    exposure, outcome = toy_pair()
    rows = analyse(exposure, outcome.assign(n_effective=np.nan)).effects.set_index("method")
    assert rows.loc["steiger", "status"] == "no_sample_size"
    assert (rows.drop("steiger")["status"] == "ok").all()


def test_effects_say_how_strong_their_instruments_are() -> None:
    data = Instruments(np.full(5, 0.1), np.full(5, 0.02), np.zeros(5), np.ones(5))
    assert exposure_heterogeneity(data) == 0.0
    exposure, outcome = toy_pair()
    remark = analyse(exposure, outcome).effects.set_index("method")["remark"]
    mean_f = ((exposure["beta"] / 0.01) ** 2).mean()
    assert f"mean F statistic {mean_f:.0f}" in remark["ivw"]
