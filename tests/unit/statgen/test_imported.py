"""Credible sets from elsewhere become loci and signals; PIPs stay what they were."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from locus2target.core.errors import InputError
from locus2target.core.schemas import IMPORTED_VARIANTS
from locus2target.statgen.abf import wakefield_log_bayes_factors
from locus2target.statgen.imported import ImportedStudy, import_study
from locus2target.statgen.loci import LocusRules

SETTINGS = {
    "lead_p": 5e-8,
    "window_bp": 1000,
    "max_locus_bp": 5000,
    "min_variants": 50,
    "mhc": {"region": "6:100-200", "policy": "report"},
}
TRAITS = {"trait_type": "quantitative", "sd_y": 1.0}


def row(position, pip, credible_set=None, *, chromosome="1", region=None, z=None):
    values = {
        "variant": f"{chromosome}:{position}:A:G",
        "chromosome": chromosome,
        "position": position,
        "ref": "A",
        "alt": "G",
        "ref_verified": True,
        "pip": pip,
        "credible_set": credible_set,
        "region": region,
    }
    if z is not None:
        values |= {"beta": z * 0.01, "standard_error": 0.01, "z_score": z, "neg_log10_p": abs(z)}
    return values


def imported(*rows, **changes) -> ImportedStudy:
    table = IMPORTED_VARIANTS.frame(rows)
    rules = LocusRules.from_settings(SETTINGS | changes)
    return import_study(table, study="s", disease="d", traits=TRAITS, rules=rules, where="sets.tsv")


def test_sets_with_overlapping_windows_share_a_locus():
    result = imported(row(5000, 0.9, "a"), row(6500, 0.8, "b"), row(20000, 0.7, "c"))
    assert list(result.loci["locus"]) == ["s__1_4000_7500", "s__1_19000_21000"]
    assert list(result.loci["n_leads"]) == [2, 1]
    assert list(result.loci["lead_variant"]) == ["1:5000:A:G", "1:20000:A:G"]
    assert list(result.signals["signal"]) == [1, 2, 1]
    assert list(result.fine_mapping["method"]) == ["imported", "imported"]
    assert list(result.fine_mapping["ld_verdict"]) == ["NONE", "NONE"]


def test_regions_of_the_source_are_not_merged_and_name_their_neighbour():
    result = imported(row(5000, 0.9, "1", region="east"), row(5600, 0.8, "1", region="west"))
    assert len(result.loci) == 2
    assert result.loci["reason"].str.startswith("overlaps 1:").all()


def test_a_variant_of_two_sets_is_listed_once_with_its_largest_pip():
    result = imported(row(5000, 0.3, "a"), row(5000, 0.6, "b"), row(5100, 0.7, "a"), row(5200, 0.4, "b"))
    assert list(result.credible_sets["pip"]) == [0.6, 0.7, 0.4]
    assert list(result.credible_sets["credible_set"]) == [1, 2, 1]
    assert list(result.signals["n_credible"]) == [2, 2]
    assert list(result.signals["lead_variant"]) == ["1:5000:A:G", "1:5100:A:G"]
    np.testing.assert_allclose(result.signals["coverage"], [1.0, 1.0])


def test_minus_one_means_outside_all_sets_and_variants_far_away_are_counted():
    result = imported(row(5000, 0.9, "a"), row(5100, 0.05, "-1"), row(50000, 0.01, "-1"))
    assert result.n_outside == 1
    assert list(result.credible_sets["variant"]) == ["1:5000:A:G", "1:5100:A:G"]
    assert result.credible_sets["credible_set"].isna().tolist() == [False, True]


def test_without_statistics_the_signal_has_relative_bayes_factors_only():
    result = imported(row(5000, 0.6, "a"), row(5100, 0.3, "a"), row(5200, 0.0, "a"))
    assert list(result.signals["method"]) == ["pip_only"]
    assert result.signals["log_bayes_factor"].isna().all()
    np.testing.assert_allclose(softmax(result.signal_lbf["log_bayes_factor"]), [2 / 3, 1 / 3])
    assert result.signal_lbf["effect_sign"].isna().all()


def test_a_lone_set_with_all_statistics_has_marginal_bayes_factors():
    rows = [row(5000 + 10 * k, 0.96 if k == 0 else 0.001, "a" if k == 0 else None, z=8.0 - k) for k in range(6)]
    result = imported(*rows)
    assert list(result.signals["method"]) == ["imported"]
    expected = wakefield_log_bayes_factors(8.0 - np.arange(6.0), np.full(6, 1e-4), prior_sd=0.15)
    np.testing.assert_allclose(result.signal_lbf["log_bayes_factor"], expected, rtol=1e-12)
    assert result.signals["log_bayes_factor"].iloc[0] == pytest.approx(np.log(np.mean(np.exp(expected))))
    assert list(result.signal_lbf["effect_sign"]) == [1.0] * 6


def test_marginal_statistics_do_not_speak_for_one_of_two_sets():
    rows = [row(5000 + 10 * k, 0.5, "ab"[k] if k < 2 else None, z=8.0 - k) for k in range(6)]
    assert list(imported(*rows).signals["method"]) == ["pip_only", "pip_only"]


def test_a_locus_in_the_mhc_is_listed_and_left_alone():
    result = imported(row(150, 0.9, "a", chromosome="6"), row(5000, 0.9, "b"))
    assert dict(zip(result.loci["chromosome"], result.loci["status"], strict=True)) == {"1": "ok", "6": "mhc"}
    assert dict(zip(result.fine_mapping["status"], result.fine_mapping["method"], strict=True)) == {
        "ok": "imported",
        "mhc": "none",
    }
    assert set(result.credible_sets["chromosome"]) == {"1"}
    assert result.n_outside == 0


def test_a_name_that_stands_for_several_places_is_refused():
    with pytest.raises(InputError, match="'1' reaches over 45000 bases"):
        imported(row(5000, 0.9, "1"), row(50000, 0.9, "1"))
    assert len(imported(row(5000, 0.9, "1", region="r1"), row(50000, 0.9, "1", region="r2")).loci) == 2


def test_two_regions_that_are_one_place_are_refused():
    with pytest.raises(InputError, match=r"two fine-mapped regions .* 1:4000-6000"):
        imported(row(5000, 0.9, "1", region="east"), row(5000, 0.8, "1", region="west"))


def test_a_table_without_sets_is_refused():
    with pytest.raises(InputError, match="no variant is in a credible set"):
        imported(row(5000, 0.9, "-1"), row(5100, 0.9))


def test_loci_are_ordered_by_place():
    places = [("2", 5000), ("10", 5000), ("1", 50000), ("1", 5000)]
    result = imported(*(row(p, 0.9, f"{c}_{p}", chromosome=c) for c, p in places))
    found = list(zip(result.loci["chromosome"], result.loci["start"], strict=True))
    assert found == [("1", 3999), ("1", 48999), ("2", 3999), ("10", 3999)]
    assert pd.unique(result.credible_sets["locus"]).tolist() == result.loci["locus"].tolist()


def test_statistics_of_the_members_alone_do_not_make_bayes_factors():
    bare = [row(6000 + k, 0.001) for k in range(8)]
    assert list(imported(row(5000, 0.9, "a", z=8.0), *bare).signals["method"]) == ["pip_only"]


def test_a_set_without_any_pip_is_refused():
    with pytest.raises(InputError, match="no variant of credible set 'b' has a PIP above 0"):
        imported(row(5000, 0.9, "a"), row(20000, 0.0, "b"))
