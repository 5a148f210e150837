from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coloc_reference import coloc_pairs, posteriors
from coloc_toys import (
    LOCUS,
    RULES,
    SHEET,
    N,
    colocalize,
    colocalize_all,
    peak,
    qtl_rows,
    qtl_signal_rows,
    signal_rows,
    variant,
)

import colocalize_loci
from locus2target.core.schemas import (
    COLOCALIZATION,
    COLOCALIZED_VARIANTS,
    FINE_MAPPING,
    LOCI,
    PRIOR_WEIGHTS,
    QTL,
    QTL_SIGNAL_LBF,
    QTL_SIGNALS,
    SIGNAL_LBF,
    SIGNALS,
)
from locus2target.core.tables import read_table, write_table
from locus2target.core.variants import variant_keys
from locus2target.statgen.abf import effect_signs, single_effect_posterior, study_log_bayes_factors
from locus2target.statgen.coloc_pairs import Priors
from locus2target.statgen.coloc_traits import arrange_signals
from locus2target.statgen.colocalization import ColocalizationRules, colocalize_locus

# ---- Single effects ----------------------------------------------------------------------------------------------


def test_shared_and_distinct_causal_variants() -> None:
    found = colocalize({0: peak(3), 1: peak(9)}, qtl_rows(3, gene="g1") + qtl_rows(9, gene="g2"))
    assert list(zip(found["signal"], found["gene_id"], strict=True)) == [(0, "g1"), (0, "g2"), (1, "g1"), (1, "g2")]
    assert found["primary"].tolist() == [False, False, True, True]
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
    assert not found["prior_sensitive"].any()
    assert set(found["method"]) == {"abf"}


def test_clpp_is_the_product_of_the_two_single_effect_posteriors() -> None:
    factors = {number: float(number % 7) for number in range(N)}
    rows = qtl_rows(6, z=3.0, numbers=range(4, N))
    found = colocalize({0: factors}, rows)
    signals = arrange_signals(*signal_rows({0: factors}))
    trait = study_log_bayes_factors(QTL.frame(rows), trait_type="quantitative", sd_y=1.0).values
    first = single_effect_posterior(signals.log_bayes_factors[0])
    second = np.concatenate([np.zeros(4), single_effect_posterior(trait)])
    assert found["clpp"].item() == pytest.approx(first @ second, rel=1e-12)
    joint = single_effect_posterior(signals.log_bayes_factors[0][4:] + trait)
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


def test_a_locus_without_qtl_rows_leaves_one_row() -> None:
    (row,) = colocalize({0: peak(3), 1: peak(4)}, []).to_dict("records")
    assert (row["status"], row["gene_id"], row["tissue"], row["n_shared"]) == ("no_qtl_in_locus", "", "", 0)


# ---- Pairs of signals --------------------------------------------------------------------------------------------

BOTH = {0: peak(3, height=20.0), 1: peak(3), 2: peak(9)}


def test_signals_of_both_sides_are_compared_pair_by_pair() -> None:
    """Two disease signals, two QTL signals; the second of each is the same variant."""
    found = colocalize(BOTH, qtl_rows(15), qtl_signals=qtl_signal_rows({1: peak(15), 2: peak(9)}))
    pairs = list(zip(found["signal"], found["qtl_signal"], strict=True))
    assert pairs == [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert (found["posterior_h4"] > 0.99).tolist() == [False, False, False, False, True]
    assert found["primary"].tolist() == [False, True, True, True, True]
    assert found["method"].tolist() == ["abf", "susie", "susie", "susie", "susie"]
    assert (found["reason"] == "").tolist() == [False, True, True, True, True]
    assert found["reason"].iloc[0] == (
        "single effect assumed for the disease (its signals are in other rows) "
        "and the molecular trait (its signals are in other rows)"
    )
    assert found["shared_variant"].iloc[4] == "1:100:A:C"
    assert found["qtl_neg_log10_p"].tolist() == [8.0] * 5


def test_a_trait_without_signals_falls_back_to_its_single_effect() -> None:
    found = colocalize(BOTH, qtl_rows(9), qtl_signals=qtl_signal_rows({0: {}}))
    assert list(zip(found["signal"], found["qtl_signal"], strict=True)) == [(0, 0), (1, 0), (2, 0)]
    assert found["primary"].tolist() == [False, True, True]
    assert set(found["method"]) == {"abf"}
    assert found["reason"].tolist()[1:] == ["single effect assumed for the molecular trait (ld_sparse)"] * 2
    assert (found["posterior_h4"] > 0.99).tolist() == [False, False, True]


def test_a_disease_without_signals_falls_back_to_its_single_effect() -> None:
    found = colocalize({0: peak(9)}, qtl_rows(15), qtl_signals=qtl_signal_rows({1: peak(15), 2: peak(9)}))
    assert list(zip(found["signal"], found["qtl_signal"], strict=True)) == [(0, 0), (0, 1), (0, 2)]
    assert found["primary"].tolist() == [False, True, True]
    assert set(found["method"]) == {"abf"}
    assert found["reason"].iloc[2] == "single effect assumed for the disease (no_ld)"
    assert found["posterior_h4"].iloc[2] > 0.99


def test_a_trait_that_nobody_fine_mapped_says_so() -> None:
    found = colocalize(BOTH, qtl_rows(9))
    assert found["reason"].iloc[1] == "single effect assumed for the molecular trait (not_finemapped)"


def test_signals_belong_to_their_own_trait() -> None:
    rows = qtl_rows(15, gene="a") + qtl_rows(9, gene="b")
    found = colocalize(BOTH, rows, qtl_signals=qtl_signal_rows({1: peak(3), 2: peak(9)}, gene="a"))
    pairs = list(zip(found["gene_id"], found["signal"], found["qtl_signal"], strict=True))
    assert pairs == [
        *[("a", 0, 0), ("b", 0, 0)],
        *[("a", 1, 1), ("a", 1, 2), ("b", 1, 0)],
        *[("a", 2, 1), ("a", 2, 2), ("b", 2, 0)],
    ]
    shares = found["posterior_h4"] > 0.8
    assert [pair for pair, shared in zip(pairs, shares, strict=True) if shared] == [
        ("a", 1, 1),
        ("a", 2, 2),
        ("b", 2, 0),
    ]


def test_a_signal_over_few_variants_is_held_to_its_own_posterior() -> None:
    """The QTL signal was fitted on variants with LD, of which the disease has those without its peak."""
    found = colocalize(
        {0: peak(3), 1: peak(3, range(10))}, qtl_rows(3), qtl_signals=qtl_signal_rows({1: peak(12, range(4, N))})
    )
    assert found["status"].tolist() == ["ok", "low_overlap"]
    assert found["n_shared"].tolist() == [N, 6]
    assert "disease signal's posterior" in found["reason"].iloc[1]


def test_the_direction_follows_exchanged_alleles_of_a_signal() -> None:
    signals, lbf = qtl_signal_rows({1: peak(9)})
    exchanged = pd.DataFrame([variant(number, exchanged=True) for number in range(N)])
    lbf = lbf.assign(**{name: exchanged[name] for name in exchanged})
    found = colocalize({0: peak(9), 1: peak(9)}, qtl_rows(9, exchanged=True), qtl_signals=(signals, lbf))
    assert found["direction"].tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("p12", [1e-6, 5e-6, 1e-5])
def test_tables_of_susie_fits_give_coloc_susies_answers(p12: float) -> None:
    """From SIGNAL_LBF and QTL_SIGNAL_LBF to COLOCALIZATION, on the fits that coloc.susie was given."""
    facts, arrays = coloc_pairs()
    keys = pd.DataFrame([variant(number) for number in range(arrays["fit_multi_a_lbf_variable"].shape[1])])

    def factors(trait: str) -> dict[int, dict[int, float]]:
        return {k: dict(enumerate(row)) for k, row in enumerate(arrays[f"fit_{trait}_lbf_variable"], start=1)}

    assert len(keys) == 1001
    rules = ColocalizationRules(Priors(1e-4, 1e-4, p12), posterior_threshold=0.8, min_shared_variants=5)
    found = colocalize(
        factors("multi_a"),
        qtl_rows(3, numbers=range(len(keys))),
        qtl_signals=qtl_signal_rows(factors("multi_b")),
        rules=rules,
    ).set_index(["signal", "qtl_signal"])
    number = f"{p12:.0e}".replace("e-0", "e-0")
    effects = [[effect + 1 for effect in facts["susie"]["fits"][trait]["cs_index"]] for trait in ("multi_a", "multi_b")]
    answers = facts["susie"]["pairs"][f"multi_a__multi_b__p12={number}"]
    assert len(found) == len(answers) == len(effects[0]) * len(effects[1])
    for answer in answers:
        row = found.loc[tuple(effects[side].index(answer[f"idx{side + 1}"]) + 1 for side in (0, 1))]
        np.testing.assert_allclose(
            [row[f"posterior_h{h}"] for h in range(5)], posteriors(answer), rtol=1e-9, atol=1e-12
        )


def test_imported_pips_have_a_clpp_but_no_posterior() -> None:
    pips = {3: 0.7, 4: 0.3}
    rows = qtl_rows(3, z=2.0)
    found = colocalize({1: {number: float(np.log(pip)) for number, pip in pips.items()}}, rows, method="pip_only")
    trait = study_log_bayes_factors(QTL.frame(rows), trait_type="quantitative", sd_y=1.0).values
    second = single_effect_posterior(trait)
    assert found["status"].item() == "pip_only"
    assert found["clpp"].item() == pytest.approx(0.7 * second[3] + 0.3 * second[4], rel=1e-12)
    assert found["shared_variant"].item() == "1:40:A:C"
    assert found["direction"].item() == 1.0
    assert found["posterior_h4"].isna().all()
    assert found["prior_sensitive"].isna().all()


# ---- Priors ------------------------------------------------------------------------------------------------------


def weights_of(values: dict[int, float]) -> pd.DataFrame:
    return PRIOR_WEIGHTS.frame(
        {"locus": LOCUS["locus"], **variant(number), "prior_weight": value} for number, value in values.items()
    )


def test_prior_weights_decide_between_variants_that_the_data_cannot_tell_apart() -> None:
    factors = {number: 15.0 if number in (3, 4) else -1.0 for number in range(N)}
    rows = [row | {"z_score": 6.0, "beta": 0.3} if number in (3, 4) else row for number, row in enumerate(qtl_rows(3))]
    weights = {number: 0.19 if number == 4 else 0.01 for number in range(N)}
    plain = colocalize({0: factors}, rows)
    found = colocalize_all({0: factors}, rows, prior_weights=weights_of(weights))
    assert plain["shared_variant"].item() == "1:40:A:C"
    assert plain["shared_variant_posterior"].item() == pytest.approx(0.5, abs=1e-3)
    assert found.colocalization["shared_variant"].item() == "1:50:A:C"
    assert found.colocalization["shared_variant_posterior"].item() == pytest.approx(0.95, abs=1e-3)
    listed = found.variants.set_index("variant")["posterior"]
    assert listed.index[0] == "1:50:A:C"
    assert listed.iloc[0] == pytest.approx(0.95, abs=1e-3)


def test_a_variant_without_prior_weight_gets_the_mean() -> None:
    signals, lbf = signal_rows({0: peak(3)})
    found = arrange_signals(signals, lbf, prior_weights=weights_of(dict.fromkeys(range(5), 0.2)))
    np.testing.assert_allclose(found.log_weights, np.zeros(N), atol=1e-15)
    with pytest.raises(ValueError, match="positive"):
        arrange_signals(signals, lbf, prior_weights=weights_of({3: 0.0}))


def test_sharing_that_hangs_on_the_prior_is_flagged() -> None:
    """Odds of H4 to H3 are (p12 / (p1 p2)) exp(-difference of the Bayes factors): 1e-5 suffices, 1e-6 does not."""
    strong, weak = colocalize({0: peak(3)}, qtl_rows(3)), colocalize({0: peak(3, height=9.0)}, qtl_rows(3, z=4.1))
    assert strong["prior_sensitive"].tolist() == [False]
    assert weak["posterior_h4"].item() > 0.8
    assert weak["p12_low"].item() > 1e-6
    assert weak["prior_sensitive"].tolist() == [True]


# ---- Variants ----------------------------------------------------------------------------------------------------


def test_shared_variants_are_listed_for_pairs_that_share() -> None:
    factors = {number: 20.0 - (number - 6) ** 2 if 4 <= number <= 8 else -1.0 for number in range(N)}
    rows = [row | {"beta": 0.25} if number in (5, 6, 7) else row for number, row in enumerate(qtl_rows(6, z=5.0))]
    found = colocalize_all({0: factors, 1: peak(12)}, rows)
    assert set(found.variants["signal"]) == {0}
    assert list(found.variants) == COLOCALIZED_VARIANTS.names
    row = found.colocalization.iloc[0]
    best = found.variants.iloc[0]
    assert found.variants["variant"].tolist() == ["1:70:A:C", "1:60:A:C", "1:80:A:C"]
    assert best["variant"] == row["shared_variant"]
    assert best["posterior"] == pytest.approx(row["shared_variant_posterior"], rel=1e-12)
    assert found.variants["posterior"].sum() >= 0.95
    assert found.variants["posterior"].iloc[:-1].sum() < 0.95


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
        LOCUS,
        arrange_signals(signals, lbf),
        rows,
        qtl="q",
        qtl_sheet=SHEET,
        qtl_signals=QTL_SIGNALS.empty(),
        qtl_signal_lbf=QTL_SIGNAL_LBF.empty(),
        rules=RULES,
    ).colocalization.set_index("phenotype_id")
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
            "rung": "none",
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
    separate, separate_lbf = qtl_signal_rows({1: peak(3)})
    tables = {
        "loci": (LOCI.frame(loci), LOCI),
        "fine_mapping": (FINE_MAPPING.frame(fitted), FINE_MAPPING),
        "signals": (signals, SIGNALS),
        "signal_lbf": (lbf, SIGNAL_LBF),
        "qtl_signals": (separate.assign(qtl="near"), QTL_SIGNALS),
        "qtl_signal_lbf": (separate_lbf.assign(qtl="near"), QTL_SIGNAL_LBF),
        "prior_weights": (weights_of(dict.fromkeys(range(N), 0.05)), PRIOR_WEIGHTS),
        "near": (QTL.frame(qtl_rows(3)), QTL),
        "far": (QTL.frame([row | {"chromosome": "2"} for row in qtl_rows(3)]), QTL),
    }
    paths = {name: str(tmp_path / f"{name}.parquet") for name in [*tables, "colocalization", "variants"]}
    for name, (frame, schema) in tables.items():
        write_table(frame, paths[name], schema)
    colocalize_loci.main(
        loci=paths["loci"],
        fine_mapping=paths["fine_mapping"],
        signals=paths["signals"],
        signal_lbf=paths["signal_lbf"],
        qtl_tables=[paths["near"], paths["far"]],
        qtl_signals=paths["qtl_signals"],
        qtl_signal_lbf=paths["qtl_signal_lbf"],
        prior_weights=[paths["prior_weights"]],
        colocalization=paths["colocalization"],
        colocalized_variants=paths["variants"],
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
        ("s__1_1_1000", "near", "ok"),
        ("s__1_1_1000", "far", "no_qtl_in_locus"),
        ("failed", "near", "no_signal"),
        ("failed", "far", "no_signal"),
    ]
    assert found["qtl_signal"].tolist() == [0, 1, 0, 0, 0]
    assert (found["posterior_h4"].iloc[:2] > 0.99).all()
    assert found["n_genes_sharing"].tolist()[:2] == [pd.NA, 1]
    assert "no usable statistics" in found["reason"].iloc[3]
    listed = read_table(paths["variants"], COLOCALIZED_VARIANTS)
    assert listed["variant"].tolist() == ["1:40:A:C"] * 2
