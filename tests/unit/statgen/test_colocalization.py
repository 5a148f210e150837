from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coloc_reference import coloc_pairs, coloc_test_data, golden, needs_test_data, posteriors
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import logsumexp

import colocalize_loci
from locus2target.core.schemas import COLOCALIZATION, FINE_MAPPING, LOCI, QTL, SIGNAL_LBF, SIGNALS
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.statgen.abf import (
    effect_signs,
    single_effect_posterior,
    study_log_bayes_factors,
    wakefield_log_bayes_factors,
)
from locus2target.statgen.colocalization import (
    ColocalizationRules,
    Priors,
    arrange_signals,
    arrange_traits,
    colocalize_locus,
    covered_share,
    hypothesis_posteriors,
    pair_sums,
    prior_range,
)

TOLERANCE = 1e-10
DEFAULT = Priors(1e-4, 1e-4, 1e-5)
PAIRS, ARRAYS = coloc_pairs()


def h_posteriors(first: np.ndarray, second: np.ndarray, priors: Priors) -> np.ndarray:
    return hypothesis_posteriors(pair_sums(np.atleast_2d(first), np.atleast_2d(second)), priors)


# ---- Against coloc ---------------------------------------------------------------------------------------------


def test_all_traits_against_all_give_colocs_posteriors() -> None:
    """One call for every pair of coloc.abf: 8 x 8 traits, of which coloc compared 7."""
    traits = PAIRS["traits"]
    factors = []
    for trait, facts in traits.items():
        variance = ARRAYS[f"{trait}_varbeta"]
        prior_sd = 0.2 if facts["type"] == "cc" else 0.15 * facts["sdY"]
        factors.append(
            wakefield_log_bayes_factors(ARRAYS[f"{trait}_beta"] / np.sqrt(variance), variance, prior_sd=prior_sd)
        )
    found = h_posteriors(np.stack(factors), np.stack(factors), DEFAULT)
    names = list(traits)
    for pair, summary in PAIRS["abf"].items():
        first, second = (names.index(trait) for trait in pair.split("__"))
        np.testing.assert_allclose(found[first, second], posteriors(summary), rtol=1e-9, atol=TOLERANCE)
        np.testing.assert_allclose(found[first, second].sum(), 1.0, rtol=1e-14)


@pytest.mark.parametrize("pair", PAIRS["susie"]["pairs"])
def test_susie_signals_give_coloc_susies_posteriors(pair: str) -> None:
    first, second, p12 = pair.replace("p12=", "").split("__")
    fits = PAIRS["susie"]["fits"]
    found = h_posteriors(
        ARRAYS[f"fit_{first}_lbf_variable"],
        ARRAYS[f"fit_{second}_lbf_variable"],
        Priors(1e-4, 1e-4, float(p12)),
    )
    effects = [[effect + 1 for effect in fits[trait]["cs_index"]] for trait in (first, second)]
    assert found.shape == (len(effects[0]), len(effects[1]), 5)
    for summary in PAIRS["susie"]["pairs"][pair]:
        row, column = (effects[side].index(summary[f"idx{side + 1}"]) for side in (0, 1))
        np.testing.assert_allclose(found[row, column], posteriors(summary), rtol=1e-9, atol=TOLERANCE)


@needs_test_data
@pytest.mark.parametrize("case", ["sdY", "estsdY", "quant_cc", "pvalues", "priors", "overlap", "guard"])
def test_posteriors_of_coloc_abf(case: str) -> None:
    expected = golden(f"abf_{case}")
    named = {"priors": Priors(1e-3, 5e-4, 1e-6), "guard": Priors(5e-3, 1e-4, 1e-5)}
    first, second = (np.array(expected[f"lABF.df{number}"]) for number in (1, 2))
    found = h_posteriors(first, second, named.get(case, DEFAULT))
    np.testing.assert_allclose(found[0, 0], posteriors(expected["summary"]), rtol=1e-9, atol=TOLERANCE)
    np.testing.assert_allclose(single_effect_posterior(first + second), expected["SNP.PP.H4"], rtol=1e-9)


@needs_test_data
def test_only_common_variants_count_as_in_coloc_abf() -> None:
    expected = golden("abf_overlap")
    data = coloc_test_data()
    factors = []
    for number in (1, 2):
        values = np.full(500, np.nan)
        keep = expected[f"keep{number}"]
        variance = data[f"D{number}_varbeta"][keep]
        z_score = data[f"D{number}_beta"][keep] / np.sqrt(variance)
        values[keep] = wakefield_log_bayes_factors(z_score, variance, prior_sd=0.15 * float(data[f"D{number}_sdY"]))
        factors.append(values)
    sums = pair_sums(factors[0][None], factors[1][None])
    assert sums.n_shared.item() == expected["summary"]["nsnps"]
    found = hypothesis_posteriors(sums, DEFAULT)
    np.testing.assert_allclose(found[0, 0], posteriors(expected["summary"]), rtol=1e-9, atol=TOLERANCE)


@needs_test_data
@pytest.mark.parametrize("case", ["bf_bf", "susie", "susie_p12"])
def test_posteriors_of_coloc_bf_bf(case: str) -> None:
    expected = golden(case)
    if case == "bf_bf":
        first, second = (golden("abf_sdY")[f"lABF.df{number}"] for number in (1, 2))
    else:  # susie_p12 is the same pair of fits at another p12
        first, second = (golden("susie")[f"S{number}"]["lbf_variable"] for number in (1, 2))
    found = h_posteriors(np.array(first), np.array(second), Priors(**expected["priors"]))
    np.testing.assert_allclose(found[0, 0], posteriors(expected["summary"]), rtol=1e-9, atol=TOLERANCE)


@needs_test_data
def test_prior_sensitivity_of_coloc() -> None:
    expected, factors = golden("sens_p12"), golden("abf_sdY")
    sums = pair_sums(np.array([factors["lABF.df1"]]), np.array([factors["lABF.df2"]]))
    h4 = []
    for p12, posterior in zip(expected["p12"], expected["PP"], strict=True):
        found = hypothesis_posteriors(sums, Priors(1e-4, 1e-4, p12))[0, 0]
        np.testing.assert_allclose(found, posterior, rtol=1e-9, atol=TOLERANCE)
        h4.append(posterior[4])
    low, high = prior_range(sums, DEFAULT, threshold=0.8)
    inside = (np.array(expected["p12"]) > low.item()) & (np.array(expected["p12"]) <= high.item() * (1 + 1e-12))
    np.testing.assert_array_equal(inside, np.array(h4) > 0.8)


# ---- Against the definition ------------------------------------------------------------------------------------

FACTORS = st.one_of(st.floats(-20, 900), st.just(np.nan))


def factor_matrices() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    return st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.float64, (2, n), elements=FACTORS), hnp.arrays(np.float64, (3, n), elements=FACTORS)
        )
    )


@given(factor_matrices())
def test_sums_are_those_of_each_pair_on_its_own(matrices: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = matrices
    sums = pair_sums(first, second)
    for row, column in np.ndindex(2, 3):
        shared = ~np.isnan(first[row]) & ~np.isnan(second[column])
        assert sums.n_shared[row, column] == shared.sum()
        one, two = first[row, shared], second[column, shared]
        for found, direct in ((sums.first, one), (sums.second, two), (sums.both, one + two)):
            expected = logsumexp(direct) if len(direct) else -np.inf
            assert found[row, column] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(factor_matrices(), st.floats(0.1, 0.99))
def test_posteriors_and_prior_range_are_consistent(matrices: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    sums = pair_sums(*matrices)
    found = hypothesis_posteriors(sums, DEFAULT)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=1e-12)
    low, high = prior_range(sums, DEFAULT, threshold=threshold)
    for pair in zip(*np.nonzero(~np.isnan(low)), strict=True):
        for p12, above in ((low[pair] * 0.99, False), (min(low[pair] * 1.01, high[pair]), True)):
            if 0 < p12 <= high[pair] and (not above or p12 > low[pair] * 1.001):
                h4 = hypothesis_posteriors(sums, Priors(1e-4, 1e-4, p12))[(*pair, 4)]
                assert (h4 > threshold) == above
    for pair in zip(*np.nonzero(np.isnan(low)), strict=True):
        assert hypothesis_posteriors(sums, Priors(1e-4, 1e-4, 1e-4))[(*pair, 4)] <= threshold * (1 + 1e-9)


def test_two_variants_by_hand() -> None:
    # Bayes factors (2, 3) and (5, 7): A = 5, B = 12, C = 31, so H3 has 60 - 31 = 29
    found = h_posteriors(np.log([2.0, 3.0]), np.log([5.0, 7.0]), Priors(0.1, 0.2, 0.05))[0, 0]
    weights = np.array([1.0, 0.1 * 5, 0.2 * 12, 0.1 * 0.2 * 29, 0.05 * 31])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-14)


def test_one_variant_cannot_be_two() -> None:
    assert h_posteriors(np.array([30.0]), np.array([30.0]), DEFAULT)[0, 0, 3] == 0.0


def test_a_prior_that_fills_the_locus_is_lowered() -> None:
    n = 4
    found = h_posteriors(np.zeros(n), np.zeros(n), Priors(0.25, 0.1, 0.01))[0, 0]
    p1, p2, p12 = 1 / (n + 1), 0.1, 0.01
    weights = np.array([1.0, p1 * n, p2 * n, p1 * p2 * n * (n - 1), p12 * n])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-14)


def test_prior_range_by_hand() -> None:
    sums = pair_sums(np.log([[2.0, 3.0]]), np.log([[5.0, 7.0]]))
    low, high = prior_range(sums, Priors(0.1, 0.2, 0.05), threshold=0.5)
    assert low.item() == pytest.approx((1 + 0.5 + 2.4 + 0.58) / 31, rel=1e-13) or np.isnan(low.item())
    assert np.isnan(low.item())  # 0.1445 is above min(p1, p2) = 0.1
    low, high = prior_range(sums, Priors(0.1, 0.2, 0.05), threshold=0.25)
    assert low.item() == pytest.approx((1 + 0.5 + 2.4 + 0.58) / 31 / 3, rel=1e-13)
    assert high.item() == 0.1


def test_covered_share_counts_no_causal_variant_as_covered() -> None:
    n = np.array([100])
    silent = covered_share(np.log([[10.0]]), np.log([[100.0]]), n, prior=1e-4)  # Bayes factors of 1, a tenth shared
    assert silent.item() == pytest.approx((0.99 + 1e-4 * 10) / (0.99 + 1e-4 * 100), rel=1e-12)
    strong = covered_share(np.array([[20.0]]), np.array([[30.0]]), n, prior=1e-4)
    assert strong.item() == pytest.approx(np.exp(-10.0), rel=0.1)
    assert covered_share(np.array([[-np.inf]]), np.array([[800.0]]), n, prior=1e-4).item() == pytest.approx(0, abs=1e-9)


# ---- One locus -------------------------------------------------------------------------------------------------

RULES = ColocalizationRules(DEFAULT, posterior_threshold=0.8, min_shared_variants=5)
SHEET = {"qtl_type": "eqtl", "tissue": None, "n_samples": 500, "sd_y": 1.0, "coverage": "full"}
LOCUS = {"locus": "s__1_1_1000", "study": "s", "disease": "d", "chromosome": "1", "start": 0, "end": 1000}
N = 20


def variant(number: int, *, exchanged: bool = False) -> dict[str, object]:
    ref, alt = ("C", "A") if exchanged else ("A", "C")
    position = 10 * (number + 1)
    return {
        "variant": f"1:{position}:{ref}:{alt}",
        "chromosome": "1",
        "position": position,
        "ref": ref,
        "alt": alt,
    }


def signal_rows(factors: dict[int, dict[int, float]], sign: float | None = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = {name: LOCUS[name] for name in ("locus", "study", "disease")}
    facts = {"method": "abf", "lead_variant": "v", "log_bayes_factor": 1.0, "n_credible": 1, "coverage": 0.95}
    signals = SIGNALS.frame(
        {**ids, **facts, "signal": signal, "primary": signal == 0, "status": "ok", "reason": ""} for signal in factors
    )
    lbf = SIGNAL_LBF.frame(
        {
            "locus": LOCUS["locus"],
            "signal": signal,
            **variant(number),
            "log_bayes_factor": value,
            "effect_sign": sign,
        }
        for signal, values in factors.items()
        for number, value in values.items()
    )
    return signals, lbf


def peak(at: int, numbers: range = range(N), height: float = 30.0) -> dict[int, float]:
    return {number: height if number == at else -1.0 for number in numbers}


def qtl_rows(
    at: int, *, gene: str = "g", tissue: str = "t", z: float = 8.0, numbers: range = range(N), exchanged: bool = False
) -> list[dict[str, object]]:
    return [
        {
            **variant(number, exchanged=exchanged),
            "beta": 0.05 * (z if number == at else 0.1),
            "standard_error": 0.05,
            "z_score": z if number == at else 0.1,
            "neg_log10_p": abs(z) if number == at else 0.1,
            "alt_frequency": 0.3,
            "minor_allele_frequency": 0.3,
            "n_effective": 500.0,
            "ref_verified": True,
            "gene_id": gene,
            "phenotype_id": f"p{gene}",
            "tissue": tissue,
        }
        for number in numbers
    ]


def colocalize(
    factors: dict[int, dict[int, float]], rows: list[dict[str, object]], *, sign: float | None = 1.0, **sheet: object
) -> pd.DataFrame:
    return colocalize_locus(
        LOCUS,
        arrange_signals(*signal_rows(factors, sign)),
        QTL.frame(rows),
        qtl="q",
        qtl_sheet=SHEET | sheet,
        rules=RULES,
    )


def test_shared_and_distinct_causal_variants() -> None:
    found = colocalize({0: peak(3), 1: peak(9)}, qtl_rows(3, gene="g1") + qtl_rows(9, gene="g2"))
    assert list(zip(found["signal"], found["gene_id"], strict=True)) == [(0, "g1"), (0, "g2"), (1, "g1"), (1, "g2")]
    assert found["primary"].tolist() == [True, True, False, False]
    h4 = found["posterior_h4"].to_numpy()
    assert (h4[[0, 3]] > 0.99).all()
    assert (found["posterior_h3"].to_numpy()[[1, 2]] > 0.99).all()
    assert found["shared_variant"].tolist()[0] == "1:40:A:C"
    assert found["shared_variant"].tolist()[3] == "1:100:A:C"
    assert found["shared_variant_posterior"].iloc[0] == pytest.approx(1.0, abs=1e-6)
    assert found["clpp"].iloc[0] == pytest.approx(1.0, abs=1e-3)
    assert found["clpp"].iloc[1] < 1e-6
    assert set(found["n_shared"]) == {N}
    assert set(found["qtl_neg_log10_p"]) == {8.0}
    assert (found["p12_low"].iloc[0] < 1e-6) & (found["p12_high"].iloc[0] == 1e-4)
    assert found["p12_low"].isna().tolist() == [False, True, True, False]
    assert set(found["status"]) == {"ok"}
    assert set(found["reason"]) == {""}
    assert set(found["method"]) == {"abf"}


def test_clpp_is_the_product_of_the_two_single_effect_posteriors() -> None:
    factors = {number: float(number % 7) for number in range(N)}
    rows = qtl_rows(6, z=3.0, numbers=range(4, N))
    found = colocalize({0: factors}, rows)
    signals = arrange_signals(*signal_rows({0: factors}))
    traits = arrange_traits(QTL.frame(rows), signals.variants, sd_y=1.0)
    first = single_effect_posterior(signals.log_bayes_factors[0])
    second = single_effect_posterior(traits.log_bayes_factors[0])
    assert found["clpp"].item() == pytest.approx(first @ second, rel=1e-12)
    joint = single_effect_posterior(signals.log_bayes_factors[0] + traits.log_bayes_factors[0])
    assert found["shared_variant_posterior"].item() == pytest.approx(joint.max(), rel=1e-12)
    assert found["shared_variant"].item() == "1:70:A:C"


@pytest.mark.parametrize(
    ("disease", "z", "exchanged", "expected"),
    [
        (1.0, 8.0, False, 1.0),
        (-1.0, 8.0, False, -1.0),
        (-1.0, -8.0, False, 1.0),
        (1.0, 8.0, True, -1.0),  # the QTL table counts the other allele
        (None, 8.0, False, np.nan),
    ],
)
@pytest.mark.parametrize("coverage", ["full", "significant"])
def test_direction(disease: float | None, z: float, exchanged: bool, expected: float, coverage: str) -> None:
    found = colocalize({0: peak(3)}, qtl_rows(3, z=z, exchanged=exchanged), sign=disease, coverage=coverage)
    np.testing.assert_array_equal(found["direction"], [expected])
    assert found["shared_variant"].item() == "1:40:A:C"


def test_unsigned_qtl_has_no_direction() -> None:
    rows = [row | {"beta": None, "standard_error": None, "z_score": None} for row in qtl_rows(3)]
    found = colocalize({0: peak(3)}, rows)
    assert found["status"].item() == "ok"
    assert np.isnan(found["direction"].item())


def test_each_tissue_and_phenotype_is_a_trait_of_its_own() -> None:
    rows = qtl_rows(3, tissue="liver") + qtl_rows(9, tissue="brain") + qtl_rows(3, tissue="brain", gene="h")
    found = colocalize({0: peak(3)}, rows).set_index(["tissue", "gene_id"])["posterior_h4"]
    assert (found > 0.5).to_dict() == {("brain", "g"): False, ("brain", "h"): True, ("liver", "g"): True}


def test_traits_over_different_variants_are_each_compared_over_their_own() -> None:
    rows = qtl_rows(3, gene="a", numbers=range(2, 12)) + qtl_rows(9, gene="b", numbers=range(6, N))
    together = colocalize({0: peak(9)}, rows)
    apart = pd.concat([colocalize({0: peak(9)}, rows[:10]), colocalize({0: peak(9)}, rows[10:])], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart)
    assert together["n_shared"].tolist() == [10, 14]


def test_duplicated_qtl_rows_count_once() -> None:
    rows = qtl_rows(3)
    pd.testing.assert_frame_equal(colocalize({0: peak(3)}, rows + rows), colocalize({0: peak(3)}, rows))


def test_trait_sd_is_estimated_per_trait_when_not_given() -> None:
    # frequency 0.3, 500 people, standard error 0.05: sd_y = sqrt(2 * 500 * 0.21 * 0.0025)
    given = colocalize({0: peak(3)}, qtl_rows(3), sd_y=np.sqrt(2 * 500 * 0.21 * 0.05**2))
    pd.testing.assert_frame_equal(colocalize({0: peak(3)}, qtl_rows(3), sd_y=None), given)


NO_POSTERIOR = ["posterior_h0", "posterior_h4", "p12_low", "p12_high", "clpp", "shared_variant", "direction"]


@pytest.mark.parametrize(
    ("factors", "rows", "status", "reason", "n_shared"),
    [
        (peak(3), qtl_rows(3, numbers=range(30, 50)), "no_overlap", "no variant has statistics for both", 0),
        (peak(3), qtl_rows(3, numbers=range(4)), "too_few_shared_variants", "min_shared_variants is 5", 4),
        (peak(3), qtl_rows(9, numbers=range(4, N)), "low_overlap", "of the disease signal's posterior", 16),
        (peak(9, range(4, N)), qtl_rows(3), "low_overlap", "of the molecular trait's posterior", 16),
        (
            peak(3),
            [row | {"standard_error": None, "n_effective": None} for row in qtl_rows(3)],
            "no_statistics",
            "no Bayes factor for the molecular trait: neither",
            0,
        ),
    ],
)
def test_pairs_that_cannot_be_judged_say_why(
    factors: dict[int, float], rows: list[dict[str, object]], status: str, reason: str, n_shared: int
) -> None:
    (row,) = colocalize({0: factors}, rows).to_dict("records")
    assert (row["status"], row["n_shared"], row["gene_id"]) == (status, n_shared, "g")
    assert reason in row["reason"]
    assert all(pd.isna(row[name]) for name in NO_POSTERIOR)


def test_a_silent_trait_is_not_held_against_the_overlap() -> None:
    found = colocalize({0: peak(3, range(8))}, qtl_rows(3, z=0.1))  # most of the QTL's variants are not shared
    assert found["status"].item() == "ok"
    assert found["posterior_h1"].item() > 0.9


def test_overlap_does_not_hang_on_the_last_variant() -> None:
    """coloc.bf_bf takes the last variant for the null; a pair vanished when an irrelevant one was left out."""
    whole = colocalize({0: peak(3)}, qtl_rows(3))
    cut = colocalize({0: peak(3, range(N - 1))}, qtl_rows(3))
    assert cut["status"].item() == "ok"
    assert cut["posterior_h4"].item() == pytest.approx(whole["posterior_h4"].item(), rel=1e-3)


@pytest.mark.parametrize("coverage", ["significant", "lead"])
def test_truncated_qtl_gets_the_posterior_at_its_lead(coverage: str) -> None:
    factors = {number: float(number % 7) for number in range(N)}
    found = colocalize({0: factors, 1: peak(4)}, qtl_rows(6, numbers=range(4, 8)), coverage=coverage)
    expected = [single_effect_posterior(np.array(list(values.values())))[6] for values in (factors, peak(4))]
    np.testing.assert_allclose(found["clpp"], expected, rtol=1e-12)
    assert set(found["status"]) == {"truncated_qtl"}
    assert set(found["method"]) == {"lead_overlap"}
    assert found["reason"].str.contains(f"coverage {coverage}").all()
    assert found["posterior_h4"].isna().all()
    assert found["n_shared"].tolist() == [4, 4]
    assert found["shared_variant"].tolist() == ["1:70:A:C"] * 2


def test_truncated_qtl_whose_lead_the_study_lacks() -> None:
    (row,) = colocalize({0: peak(3, range(6))}, qtl_rows(6), coverage="lead").to_dict("records")
    assert (row["status"], row["n_shared"], row["qtl_neg_log10_p"]) == ("no_overlap", 6, 0.1)
    assert "1:70:A:C" in row["reason"]
    assert pd.isna(row["clpp"])


def test_a_locus_without_qtl_rows_leaves_one_row() -> None:
    (row,) = colocalize({0: peak(3), 1: peak(4)}, []).to_dict("records")
    assert (row["status"], row["gene_id"], row["tissue"], row["n_shared"]) == ("no_qtl_in_locus", "", "", 0)


# ---- Real loci -------------------------------------------------------------------------------------------------

DATA = Path("/work/shared/data")
OAS1 = DATA / "coloc_covid_oas1_grch38"
CTLA4 = DATA / "coloc_ra_ctla4_grch38"


def real_study(path: Path, names: dict[str, str]) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t").rename(columns=names).astype({"chromosome": str})
    absent = ["z_score", "neg_log10_p", "alt_frequency", "minor_allele_frequency", "n_effective"]
    return table.assign(variant=variant_keys, **dict.fromkeys(absent, np.nan), tissue="")


@pytest.mark.skipif(not DATA.exists(), reason="the shared real data are not here")
@pytest.mark.parametrize(
    ("study_file", "study_names", "qtl_file", "lead", "phenotype", "shared_variant", "posterior_h4"),
    [
        (
            OAS1 / "COVID19_GCST011071.OAS1.GRCh38.tsv.gz",
            {"base_pair_location": "position", "other_allele": "ref", "effect_allele": "alt"},
            OAS1 / "GEUVADIS_LCL_OAS1_sqtl.GRCh38.tsv.gz",
            112_919_388,
            "12:112917700:112918597:clu_11092_+",
            "12:112919388:G:A",  # rs10774671, the splice acceptor variant
            0.998,
        ),
        (
            CTLA4 / "RA_mvp_finngen_ukb.CTLA4.GRCh38.tsv.gz",
            {"CHR": "chromosome", "POS": "position", "REF": "ref", "ALT": "alt", "se": "standard_error"},
            CTLA4 / "OneK1K_CD4_CTLA4_eqtl.GRCh38.tsv.gz",
            203_874_196,
            "ENSG00000163599",
            "2:203874196:G:A",  # rs3087243, CT60
            0.993,
        ),
    ],
)
def test_published_loci(
    study_file: Path,
    study_names: dict[str, str],
    qtl_file: Path,
    lead: int,
    phenotype: str,
    shared_variant: str,
    posterior_h4: float,
) -> None:
    """Disease (log odds) and molecular trait (sd 1) within 500 kb of the lead; coloc.abf's H4 to three digits."""
    window = f"{lead - 500_000} <= position <= {lead + 500_000}"
    study = real_study(study_file, study_names).query(window)
    factors = study_log_bayes_factors(study, trait_type="case_control", sd_y=None).values
    signals, _ = signal_rows({0: {}})
    lbf = study.assign(signal=0, log_bayes_factor=factors, effect_sign=effect_signs(study))
    rows = real_study(qtl_file, {"se": "standard_error", "molecular_trait_id": "phenotype_id"}).query(window)
    found = colocalize_locus(
        LOCUS, arrange_signals(signals, lbf), rows, qtl="q", qtl_sheet=SHEET, rules=RULES
    ).set_index("phenotype_id")
    assert found["posterior_h4"].idxmax() == phenotype
    assert found.loc[phenotype, "posterior_h4"] == pytest.approx(posterior_h4, abs=5e-4)
    assert found.loc[phenotype, "shared_variant"] == shared_variant


# ---- The step --------------------------------------------------------------------------------------------------


def test_step(tmp_path: Path) -> None:
    kept = {"lead_variant": "v", "lead_neg_log10_p": 9.0, "n_variants": N, "n_leads": 1}
    loci = [
        LOCUS | kept | {"status": "ok", "reason": ""},
        LOCUS | kept | {"locus": "failed", "status": "ok", "reason": ""},
        LOCUS | kept | {"locus": "in_mhc", "status": "mhc", "reason": "MHC"},
    ]
    fitted = [
        {
            **{name: locus[name] for name in ("locus", "study", "disease")},
            "method": "none",
            "status": "failed",
            "reason": "no usable statistics",
            "ld_verdict": "NONE",
            "ld_reason": "",
            "n_variants": N,
            "n_ld_variants": 0,
            "n_signals": 0,
        }
        for locus in loci
    ]
    signals, lbf = signal_rows({0: peak(3)})
    tables = {
        "loci": (LOCI.frame(loci), LOCI),
        "fine_mapping": (FINE_MAPPING.frame(fitted), FINE_MAPPING),
        "signals": (signals, SIGNALS),
        "signal_lbf": (lbf, SIGNAL_LBF),
        "near": (QTL.frame(qtl_rows(3)), QTL),
        "far": (QTL.frame([row | {"chromosome": "2"} for row in qtl_rows(3)]), QTL),
    }
    paths = {name: str(tmp_path / f"{name}.parquet") for name in [*tables, "colocalization"]}
    for name, (frame, schema) in tables.items():
        write_table(frame, paths[name], schema)
    colocalize_loci.main(
        loci=paths["loci"],
        fine_mapping=paths["fine_mapping"],
        signals=paths["signals"],
        signal_lbf=paths["signal_lbf"],
        qtl_tables=[paths["near"], paths["far"]],
        colocalization=paths["colocalization"],
        qtls={"near": SHEET, "far": SHEET},
        settings={
            "prior_p1": 1e-4,
            "prior_p2": 1e-4,
            "prior_p12": 1e-5,
            "posterior_threshold": 0.8,
            "min_shared_variants": 5,
        },
    )
    found = read_table(paths["colocalization"], COLOCALIZATION)
    assert list(zip(found["locus"], found["qtl"], found["status"], strict=True)) == [
        ("s__1_1_1000", "near", "ok"),
        ("s__1_1_1000", "far", "no_qtl_in_locus"),
        ("failed", "near", "no_signal"),
        ("failed", "far", "no_signal"),
    ]
    assert found["posterior_h4"].iloc[0] > 0.99
    assert "no usable statistics" in found["reason"].iloc[2]
