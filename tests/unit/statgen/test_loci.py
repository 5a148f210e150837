from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import define_loci
import split_loci
from locus2target.core.errors import InputError
from locus2target.core.schemas import LOCI, SUMSTATS
from locus2target.core.tables import read_table, write_table
from locus2target.statgen.loci import LocusRules, deal_loci, find_loci, group_leads, pick_leads

SETTINGS = {
    "lead_p": 5e-8,
    "window_bp": 500,
    "max_locus_bp": 3000,
    "min_variants": 2,
    "mhc": {"region": "6:20001-30000", "policy": "report"},
}


def write_sumstats(path: Path, variants: list[tuple[str, int, float]]) -> Path:
    rows = [
        {
            "variant": f"{chromosome}:{position}:A:C",
            "chromosome": chromosome,
            "position": position,
            "ref": "A",
            "alt": "C",
            "neg_log10_p": strength,
            "ref_verified": True,
        }
        for chromosome, position, strength in variants
    ]
    write_table(SUMSTATS.frame(rows), path, SUMSTATS)
    return path


def loci_of(tmp_path: Path, variants: list[tuple[str, int, float]], **changes: object) -> pd.DataFrame:
    path = write_sumstats(tmp_path / "s.parquet", variants)
    rules = LocusRules.from_settings(SETTINGS | changes)
    return find_loci(path, study="s", disease="d", rules=rules)


def test_the_strongest_variant_claims_its_window() -> None:
    position = np.array([100, 550, 600, 601, 1200, 5000])
    strength = np.array([9.0, 8.0, 20.0, 9.0, 9.0, 7.0])
    # 600 claims 100..1100; 1200 is free; 5000 is too weak
    leads = pick_leads(position, strength, min_neg_log10_p=7.3, window_bp=500)
    assert list(position[leads]) == [600, 1200]


def test_leads_of_equal_strength_go_by_position() -> None:
    leads = pick_leads(
        np.array([900, 500, 100]), np.array([np.inf, np.inf, np.inf]), min_neg_log10_p=7.3, window_bp=400
    )
    assert list(leads) == [2, 0]  # 100 claims 500 as well, 900 is free


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 30)), max_size=60), st.integers(0, 800))
def test_every_strong_variant_is_a_lead_or_claimed_by_one_as_strong(
    variants: list[tuple[int, int]], window_bp: int
) -> None:
    position = np.array([place for place, _ in variants], dtype=np.int64)
    strength = np.array([value for _, value in variants], dtype=np.float64)
    leads = pick_leads(position, strength, min_neg_log10_p=10.0, window_bp=window_bp)
    assert (np.diff(position[leads]) > window_bp).all()
    for row in np.flatnonzero(strength >= 10):
        claiming = leads[np.abs(position[leads] - position[row]) <= window_bp]
        assert (strength[claiming] >= strength[row]).any()
    assert (strength[leads] >= 10).all()


def test_windows_that_touch_do_not_overlap() -> None:
    # windows of 1001 bases: 1000 apart they share one base, 1001 apart none
    assert group_leads(np.array([1000, 2000]), window_bp=500, max_locus_bp=3000) == [slice(0, 2)]
    assert group_leads(np.array([1000, 2001]), window_bp=500, max_locus_bp=3000) == [slice(0, 1), slice(1, 2)]


def test_a_chain_that_is_too_long_is_parted_at_its_widest_gap() -> None:
    position = np.array([1000, 1600, 2500, 3200])  # 3201 bases with windows; gaps 600, 900, 700
    assert group_leads(position, window_bp=500, max_locus_bp=3201) == [slice(0, 4)]
    assert group_leads(position, window_bp=500, max_locus_bp=3200) == [slice(0, 2), slice(2, 4)]


@given(st.sets(st.integers(1, 20_000), max_size=40), st.integers(1, 900))
def test_groups_fit_and_hold_every_lead_once(places: set[int], window_bp: int) -> None:
    position = np.array(sorted(places), dtype=np.int64)
    groups = group_leads(position, window_bp=window_bp, max_locus_bp=3000)
    assert [row for group in groups for row in range(group.start, group.stop)] == list(range(len(position)))
    for group in groups:
        span = position[group][-1] - position[group][0] + 2 * window_bp + 1
        assert span <= 3000
        assert (np.diff(position[group]) <= 2 * window_bp).all()


def test_loci_by_hand(tmp_path: Path) -> None:
    variants = [
        ("10", 300, 8.0),  # window cut at the chromosome's start
        ("10", 800, 3.0),
        ("10", 801, 3.0),  # first base outside
        ("2", 5000, 12.0),
        ("2", 5900, 9.0),  # overlaps: same locus
        ("2", 6400, 1.0),
        ("2", 90_000, 8.0),  # alone
    ]
    loci = loci_of(tmp_path, variants).set_index("locus")
    assert list(loci.index) == ["s__2_4500_6400", "s__2_89500_90500", "s__10_1_800"]
    merged = loci.loc["s__2_4500_6400"]
    assert (merged["start"], merged["end"], merged["n_variants"], merged["n_leads"]) == (4499, 6400, 3, 2)
    assert (merged["lead_variant"], merged["lead_neg_log10_p"], merged["status"]) == ("2:5000:A:C", 12.0, "ok")
    assert loci.loc["s__2_89500_90500", "status"] == "too_few_variants"
    assert "1 variants; loci.min_variants is 2" in loci.loc["s__2_89500_90500", "reason"]
    assert loci.loc["s__10_1_800", ["start", "n_variants"]].tolist() == [0, 2]
    assert set(loci["study"]) == {"s"}
    assert set(loci["disease"]) == {"d"}


def test_loci_that_would_be_too_long_together_name_each_other(tmp_path: Path) -> None:
    places = [1000, 1600, 2500, 3200, 4000, 9000, 9001]
    loci = loci_of(tmp_path, [("1", place, 9.0) for place in places])
    assert list(loci["locus"]) == ["s__1_500_2100", "s__1_2000_4500", "s__1_8500_9500"]
    assert loci["reason"].tolist() == [
        "overlaps 1:2000-4500, with which it was not merged",
        "overlaps 1:500-2100, with which it was not merged",
        "",
    ]


def test_the_mhc_is_listed_and_takes_no_neighbour_along(tmp_path: Path) -> None:
    variants = [("6", place, 9.0) for place in (19_000, 19_001, 19_501, 25_000, 30_501)]
    loci = loci_of(tmp_path, variants).set_index("locus")
    assert loci["status"].to_dict() == {
        "s__6_18500_19500": "ok",
        "s__6_19001_20001": "mhc",  # its last base is the first of the MHC
        "s__6_24500_25500": "mhc",
        "s__6_30001_31001": "too_few_variants",  # one base behind the MHC
    }
    assert "6:20001-30000" in loci.loc["s__6_24500_25500", "reason"]
    analysed = loci_of(tmp_path, variants, mhc={"region": "6:20001-30000", "policy": "analyse"})
    assert list(analysed["locus"]) == ["s__6_18500_20001", "s__6_24500_25500", "s__6_30001_31001"]
    assert "mhc" not in set(analysed["status"])


def test_a_study_without_lead_leaves_one_row(tmp_path: Path) -> None:
    (row,) = loci_of(tmp_path, [("1", 10, 2.0), ("3", 20, 6.5), ("3", 30, 1.0)]).to_dict("records")
    assert (row["locus"], row["status"], row["chromosome"], row["lead_variant"]) == ("s__none", "no_lead", "", "")
    assert (row["start"], row["end"], row["n_variants"], row["n_leads"]) == (0, 0, 3, 0)
    assert row["lead_neg_log10_p"] == 6.5
    assert "3:20:A:C" in row["reason"]


def test_an_empty_study_leaves_one_row(tmp_path: Path) -> None:
    (row,) = loci_of(tmp_path, []).to_dict("records")
    assert (row["status"], row["n_variants"], row["reason"]) == ("no_lead", 0, "the study has no variants")


def test_a_window_longer_than_a_locus_is_refused() -> None:
    with pytest.raises(InputError, match=r"max_locus_bp.*Raise it to 1001"):
        LocusRules.from_settings(SETTINGS | {"max_locus_bp": 1000})


def test_an_unreadable_mhc_region_is_refused() -> None:
    with pytest.raises(InputError, match=r"loci\.mhc\.region"):
        LocusRules.from_settings(SETTINGS | {"mhc": {"region": "chr6", "policy": "report"}})


def table_of(costs: list[tuple[str, int, str]]) -> pd.DataFrame:
    return LOCI.frame(
        {
            "locus": locus,
            "study": "s",
            "disease": "d",
            "chromosome": "1",
            "start": 0,
            "end": 1,
            "lead_variant": "v",
            "lead_neg_log10_p": 9.0,
            "n_variants": n_variants,
            "n_leads": 1,
            "status": status,
            "reason": "",
        }
        for locus, n_variants, status in costs
    )


def test_loci_are_dealt_by_squared_size() -> None:
    loci = table_of([("a", 10, "ok"), ("b", 7, "ok"), ("c", 7, "ok"), ("d", 1, "ok"), ("e", 99, "mhc")])
    first, second = deal_loci(loci, 2)
    # 100 | 49 + 49 + 1; the MHC locus costs nothing and goes to the lighter batch
    assert list(first["locus"]) == ["a"]
    assert list(second["locus"]) == ["b", "c", "d", "e"]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["ok", "mhc"])), max_size=20),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_every_locus_is_dealt_once_whatever_the_order(sizes: list[tuple[int, str]], n_batches: int, random) -> None:
    loci = table_of([(f"l{number}", size, status) for number, (size, status) in enumerate(sizes)])
    batches = deal_loci(loci, n_batches)
    assert sorted(locus for batch in batches for locus in batch["locus"]) == sorted(loci["locus"])
    order = list(range(len(loci)))
    random.shuffle(order)
    again = deal_loci(loci.iloc[order], n_batches)
    assert [set(batch["locus"]) for batch in again] == [set(batch["locus"]) for batch in batches]


def test_steps_write_every_locus_to_one_batch(tmp_path: Path) -> None:
    sumstats = write_sumstats(tmp_path / "s.parquet", [("1", 1000, 9.0), ("1", 1001, 1.0), ("2", 1000, 9.0)])
    define_loci.main(
        sumstats=str(sumstats), loci=str(tmp_path / "loci.parquet"), study="s", disease="d", settings=SETTINGS
    )
    batches = [str(tmp_path / f"{number}.parquet") for number in range(4)]
    split_loci.main(loci=[str(tmp_path / "loci.parquet")], batches=batches)
    written = pd.concat([read_table(path, LOCI) for path in batches])
    assert sorted(written["locus"]) == ["s__1_500_1500", "s__2_500_1500"]
    assert [len(read_table(path, LOCI)) for path in batches] == [1, 1, 0, 0]
