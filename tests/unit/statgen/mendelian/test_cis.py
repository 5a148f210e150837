import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core.schemas import CIS_EFFECTS, COLOCALIZATION, QTL, QTL_SIGNAL_LD, QTL_SIGNALS, SUMSTATS
from locus2target.statgen.mendelian.cis import (
    CisStatistics,
    cis_ivw,
    estimate_cis_effects,
    joint_variance_explained,
    shared_tests,
)
from locus2target.statgen.mendelian.estimators import ivw
from locus2target.statgen.mendelian.instruments import EstimationError, Instruments
from locus2target.statgen.mendelian.steiger import steiger_test, variance_explained

SHRINKAGE = 1e-3
TRAIT = {"qtl": "eqtl_set", "tissue": "liver", "gene_id": "ENSG1", "phenotype_id": "ENSG1"}


# ---- Estimator ----------------------------------------------------------------------------------------------------


def random_instruments(k: int, seed: int) -> tuple[Instruments, np.ndarray]:
    rng = np.random.default_rng(seed)
    dosages = rng.normal(size=(50, k)) + rng.normal(size=(50, 1))
    r = np.atleast_2d(np.corrcoef(dosages.T))
    return Instruments(rng.normal(0.3, 0.1, k), np.full(k, 0.02), rng.normal(0, 0.1, k), rng.uniform(0.01, 0.1, k)), r


@given(st.integers(2, 8), st.integers(0, 1000))
def test_same_as_least_squares_on_whitened_data(k: int, seed: int) -> None:
    data, r = random_instruments(k, seed)
    shrunk = (1 - SHRINKAGE) * r + SHRINKAGE * np.eye(k)
    values, vectors = np.linalg.eigh(np.diag(data.outcome_se) @ shrunk @ np.diag(data.outcome_se))
    whiten = vectors / np.sqrt(values)
    x, y = whiten.T @ data.exposure_beta, whiten.T @ data.outcome_beta
    (slope,), (residual,), *_ = np.linalg.lstsq(x[:, None], y, rcond=None)
    found = cis_ivw(data, r)
    assert found.estimate == pytest.approx(slope, rel=1e-9)
    assert found.q == pytest.approx(residual, rel=1e-8)
    assert found.standard_error == pytest.approx(max(1.0, math.sqrt(residual / (k - 1))) / np.linalg.norm(x), rel=1e-9)
    assert (found.method, found.n_instruments, found.q_df) == ("cis_ivw", k, k - 1)


def test_independent_instruments_give_the_usual_ivw() -> None:
    data, _ = random_instruments(6, 3)
    correlated, usual = cis_ivw(data, np.eye(6)), ivw(data)
    for name in ("estimate", "standard_error", "neg_log10_p", "q", "q_neg_log10_p"):
        assert getattr(correlated, name) == pytest.approx(getattr(usual, name), rel=1e-12)


def test_two_instruments_by_hand() -> None:
    """x = (1, 1), y = (0.4, 0.6), sy = 0.1, r = 0.5: by symmetry b = 0.5, x' W x = 200 / 1.5."""
    data = Instruments(np.ones(2), np.full(2, 0.1), np.array([0.4, 0.6]), np.full(2, 0.1))
    found = cis_ivw(data, np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert found.estimate == pytest.approx(0.5)
    assert found.q == pytest.approx(2 * 0.1**2 / 0.1**2 / 0.5, rel=2e-3)
    assert found.standard_error == pytest.approx(math.sqrt(4.0) / math.sqrt(200 / 1.5), rel=2e-3)


def test_orientation_of_an_allele_changes_nothing() -> None:
    data, r = random_instruments(4, 5)
    flip = np.array([1.0, -1.0, -1.0, 1.0])
    turned = Instruments(data.exposure_beta * flip, data.exposure_se, data.outcome_beta * flip, data.outcome_se)
    assert cis_ivw(turned, r * np.outer(flip, flip)).estimate == pytest.approx(cis_ivw(data, r).estimate, rel=1e-10)


def test_the_same_variant_twice_counts_once() -> None:
    data = Instruments(np.ones(2), np.full(2, 0.1), np.array([0.5, 0.5]), np.full(2, 0.1))
    assert cis_ivw(data, np.ones((2, 2))).standard_error == pytest.approx(0.1, rel=1e-3)


def test_one_instrument_is_refused() -> None:
    data, _ = random_instruments(2, 0)
    with pytest.raises(EstimationError, match="2 instruments"):
        cis_ivw(data.take(np.array([0])), np.eye(1))


def test_variance_explained_together() -> None:
    """With c = (0.6, 0.3) and r = 0.5, the second variant adds nothing to the first: 0.36 in all."""
    n = 1000
    correlation = np.array([0.6, 0.3])
    z = correlation * np.sqrt((n - 2) / (1 - correlation**2))
    assert joint_variance_explained(z, np.array([[1.0, 0.5], [0.5, 1.0]]), n) == pytest.approx(0.36, rel=2e-3)
    assert joint_variance_explained(z, np.eye(2), n) == pytest.approx(variance_explained(z, n).sum(), rel=1e-9)


# ---- A locus -------------------------------------------------------------------------------------------------------


def association(position: int, beta: float | None, se: float | None, **changes: Any) -> dict[str, Any]:
    row = {
        "variant": f"1:{position}:A:G",
        "chromosome": "1",
        "position": position,
        "ref": "A",
        "alt": "G",
        "beta": beta,
        "standard_error": se,
        "neg_log10_p": 10.0,
        "n_effective": 1000.0,
        "ref_verified": True,
    }
    return row | changes


def qtl_row(position: int, beta: float | None, se: float | None, **changes: Any) -> dict[str, Any]:
    named = {name: value for name, value in TRAIT.items() if name != "qtl"}
    return association(position, beta, se) | named | changes


def coloc_row(signal: int, qtl_signal: int, h4: float, **changes: Any) -> dict[str, Any]:
    row = {
        "locus": "ra__1_1_999",
        "study": "ra",
        "disease": "arthritis",
        "signal": signal,
        "primary": signal > 0,
        **TRAIT,
        "qtl_type": "eqtl",
        "qtl_signal": qtl_signal,
        "method": "susie" if signal and qtl_signal else "abf",
        "n_shared": 500,
        "posterior_h4": h4,
        "shared_variant": "1:150:A:G",
        "status": "ok",
        "reason": "",
    }
    return row | changes


def signal_row(signal: int, lead: str) -> dict[str, Any]:
    numbers = {"log_bayes_factor": 20.0, "n_credible": 3, "coverage": 0.97}
    words = {"locus": "ra__1_1_999", "method": "susie", "ld_verdict": "PASS", "status": "ok", "reason": ""}
    return TRAIT | numbers | words | {"signal": signal, "lead_variant": lead}


STUDY = SUMSTATS.frame(
    [
        association(100, 0.20, 0.02),
        association(150, 0.12, 0.02),
        association(200, -0.09, 0.03),
        association(300, None, None),
    ]
)
QTL_ROWS = QTL.frame(
    [
        qtl_row(100, 0.40, 0.05),
        qtl_row(150, 0.30, 0.05),
        qtl_row(200, -0.30, 0.04),
        qtl_row(300, 0.5, 0.04),
        qtl_row(400, 0.6, 0.04),
    ]
)
LD_ROWS = QTL_SIGNAL_LD.frame([{"locus": "ra__1_1_999", **TRAIT, "first_signal": 1, "second_signal": 2, "r": -0.3}])


def estimate(
    tests: list[dict[str, Any]],
    signals: list[dict[str, Any]],
    *,
    study: pd.DataFrame = STUDY,
    qtl: pd.DataFrame = QTL_ROWS,
    ld: pd.DataFrame = LD_ROWS,
) -> dict[str, Any]:
    shared = shared_tests(COLOCALIZATION.frame(tests), min_posterior_h4=0.5)
    table = estimate_cis_effects(shared, CisStatistics(study, qtl, QTL_SIGNALS.frame(signals), ld))
    assert table.columns.tolist() == CIS_EFFECTS.names
    (row,) = table.to_dict("records")
    return row


def test_one_shared_signal_gives_the_wald_ratio_of_its_lead() -> None:
    row = estimate([coloc_row(1, 1, 0.9)], [signal_row(1, "1:100:A:G")])
    assert (row["method"], row["status"], row["instruments"]) == ("wald_ratio", "ok", "1:100:A:G")
    assert row["estimate"] == pytest.approx(0.5)
    assert row["standard_error"] == pytest.approx(0.05)
    assert row["min_f_statistic"] == pytest.approx(64.0)
    assert row["posterior_h4"] == 0.9
    r2_exposure, r2_outcome = variance_explained(np.array([8.0]), 1000), variance_explained(np.array([10.0]), 1000)
    expected = steiger_test(r2_exposure, r2_outcome, n_exposure=1000, n_outcome=1000)
    assert row["steiger_correct"] is expected.correct_direction is False
    assert row["steiger_neg_log10_p"] == pytest.approx(expected.neg_log10_p)


def test_two_shared_signals_use_the_ld_between_their_leads() -> None:
    row = estimate(
        [coloc_row(1, 1, 0.9), coloc_row(2, 2, 0.7)], [signal_row(1, "1:100:A:G"), signal_row(2, "1:200:A:G")]
    )
    data = Instruments(np.array([0.4, -0.3]), np.array([0.05, 0.04]), np.array([0.2, -0.09]), np.array([0.02, 0.03]))
    expected = cis_ivw(data, np.array([[1.0, -0.3], [-0.3, 1.0]]))
    assert (row["method"], row["n_instruments"]) == ("cis_ivw", 2)
    assert row["estimate"] == pytest.approx(expected.estimate)
    assert row["q_statistic"] == pytest.approx(expected.q)


def test_signal_that_does_not_share_is_no_instrument() -> None:
    row = estimate(
        [coloc_row(1, 1, 0.9), coloc_row(1, 2, 0.01)], [signal_row(1, "1:100:A:G"), signal_row(2, "1:200:A:G")]
    )
    assert (row["method"], row["instruments"]) == ("wald_ratio", "1:100:A:G")


def test_single_effect_counts_only_where_nothing_better_is_there() -> None:
    """Neither the disease's nor the trait's single effect stands beside signals of their own."""
    both = [coloc_row(0, 0, 0.99), coloc_row(0, 1, 0.99), coloc_row(1, 0, 0.99), coloc_row(1, 1, 0.2)]
    assert shared_tests(COLOCALIZATION.frame(both), min_posterior_h4=0.5).empty
    only_single = [coloc_row(0, 0, 0.99), coloc_row(1, 0, 0.1, status="low_overlap", posterior_h4=None)]
    assert shared_tests(COLOCALIZATION.frame(only_single), min_posterior_h4=0.5)["signal"].tolist() == [0]


def test_lead_that_the_study_lacks_is_replaced_by_the_shared_variant() -> None:
    row = estimate([coloc_row(1, 1, 0.9)], [signal_row(1, "1:400:A:G")])
    assert (row["status"], row["instruments"]) == ("ok", "1:150:A:G")
    assert row["estimate"] == pytest.approx(0.12 / 0.30)
    assert "shared variant instead" in row["remark"]


def test_signal_without_lead_stands_back_behind_one_with() -> None:
    row = estimate(
        [coloc_row(1, 1, 0.9), coloc_row(2, 2, 0.7)], [signal_row(1, "1:400:A:G"), signal_row(2, "1:200:A:G")]
    )
    assert (row["instruments"], row["n_instruments"]) == ("1:200:A:G", 1)
    assert row["remark"] == "1 of 2 shared signals without a lead that both have"


def test_leads_without_ld_leave_the_strongest_alone() -> None:
    row = estimate(
        [coloc_row(1, 1, 0.9), coloc_row(2, 2, 0.7)],
        [signal_row(1, "1:100:A:G"), signal_row(2, "1:200:A:G")],
        ld=QTL_SIGNAL_LD.empty(),
    )
    assert (row["method"], row["instruments"]) == ("wald_ratio", "1:100:A:G")  # |z| 8 against 7.5
    assert "no LD" in row["remark"]


def test_variant_of_the_study_with_alleles_exchanged_keeps_its_sign() -> None:
    exchanged = association(100, -0.20, 0.02, variant="1:100:G:A", ref="G", alt="A")
    row = estimate([coloc_row(1, 1, 0.9)], [signal_row(1, "1:100:A:G")], study=SUMSTATS.frame([exchanged]))
    assert row["estimate"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("lead", "shared", "status"),
    [("1:300:A:G", "1:300:A:G", "no_beta"), ("1:400:A:G", "1:401:A:G", "no_shared_instrument")],
)
def test_why_there_is_no_estimate(lead: str, shared: str, status: str) -> None:
    row = estimate([coloc_row(1, 1, 0.9, shared_variant=shared)], [signal_row(1, lead)])
    assert (row["status"], row["method"], row["n_instruments"]) == (status, "none", 0)
    assert row["reason"]
    assert math.isnan(row["estimate"])


def test_the_lead_of_a_signal_that_is_not_shared_does_not_explain_a_missing_estimate() -> None:
    signals = [signal_row(1, "1:400:A:G"), signal_row(2, "1:100:A:G")]
    row = estimate([coloc_row(1, 1, 0.9, shared_variant="1:401:A:G"), coloc_row(1, 2, 0.1)], signals)
    assert row["status"] == "no_shared_instrument"


def test_weak_instrument_keeps_its_numbers() -> None:
    weak = QTL.frame([qtl_row(100, 0.1, 0.05)])
    row = estimate([coloc_row(1, 1, 0.9)], [signal_row(1, "1:100:A:G")], qtl=weak)
    assert (row["status"], row["min_f_statistic"]) == ("weak_instrument", pytest.approx(4.0))
    assert row["estimate"] == pytest.approx(2.0)


def test_unknown_numbers_of_people_leave_the_steiger_test_out() -> None:
    unknown = SUMSTATS.frame([association(100, 0.20, 0.02, n_effective=None)])
    row = estimate([coloc_row(1, 1, 0.9)], [signal_row(1, "1:100:A:G")], study=unknown)
    assert row["status"] == "ok"
    assert row["steiger_correct"] is None


def test_other_traits_of_the_set_do_not_mix() -> None:
    other = {"gene_id": "ENSG2", "phenotype_id": "ENSG2"}
    qtl = pd.concat([QTL_ROWS, QTL.frame([qtl_row(100, -0.8, 0.05, **other)])], ignore_index=True)
    tests = COLOCALIZATION.frame([coloc_row(1, 1, 0.9), coloc_row(1, 1, 0.8, **other)])
    signals = QTL_SIGNALS.frame([signal_row(1, "1:100:A:G"), signal_row(1, "1:100:A:G") | other])
    table = estimate_cis_effects(shared_tests(tests, min_posterior_h4=0.5), CisStatistics(STUDY, qtl, signals, LD_ROWS))
    assert table["gene_id"].tolist() == ["ENSG1", "ENSG2"]
    assert table["estimate"].tolist() == pytest.approx([0.5, -0.25])
