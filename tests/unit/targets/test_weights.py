"""The shipped weights follow from the figures they cite, and a broken table is refused with its line."""

import csv
import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import ROOT, WEIGHTS

from locus2target.core.errors import InputError
from locus2target.targets.weights import (
    COLUMNS,
    GROUPS,
    LEVELS,
    SOURCES,
    Weights,
    combine_sources,
    mixed_log_odds,
    read_weights,
)

POSITIVES, NEGATIVES = 8_520, 124_450
FITTED = json.loads((ROOT / "resources/ranking/fitted_weights.json").read_text())
FINAL = FITTED["models"]["model"]["final"]


def likelihood_ratios(precision: float, recall: float) -> tuple[float, float]:
    """LR+ and LR- of a rule from its precision and recall on the L2G training set."""
    true_calls = recall * POSITIVES
    false_rate = true_calls * (1 - precision) / precision / NEGATIVES
    return recall / false_rate, (1 - recall) / (1 - false_rate)


def shared(precision: float, recall: float) -> float:
    positive, negative = likelihood_ratios(precision, recall)
    return math.log((positive - 0.2 * negative) / 0.8)


def half_absent(precision: float, recall: float) -> float:
    return math.log(likelihood_ratios(precision, recall)[1]) / 2


def odds(share: float) -> float:
    return math.log(share / (1 - share))


NEAREST_FAIR = math.log(0.407 / (0.593 / (NEGATIVES / POSITIVES)))
SHRINK = NEAREST_FAIR / math.log(likelihood_ratios(0.686, 0.736)[0])
CS2G = math.log(0.33 / (0.33 * 0.25 / 0.75 / (NEGATIVES / POSITIVES)))
FROM_FIGURES = {
    ("prior", "none"): (odds(0.04) + odds(0.53)) / 2,
    ("distance", "log10_bp"): FINAL["distance"],
    ("distance", "body_log10_bp"): 0.0,
    ("other_signals", "log1p_signals"): FINAL["other_signals"],
    ("other_signals", "share_slope"): FITTED["shares_slope"],
    ("convergence", "log1p_z"): FINAL["convergence"],
    ("colocalization_eqtl", "shared"): shared(0.42, 0.348),
    ("colocalization_eqtl", "not_shared"): half_absent(0.42, 0.348),
    ("colocalization_sqtl", "shared"): shared(0.495, 0.249) * SHRINK,
    ("colocalization_sqtl", "not_shared"): half_absent(0.495, 0.249),
    ("colocalization_pqtl", "shared"): shared(0.782, 0.141) * SHRINK,
    ("colocalization_pqtl", "not_shared"): half_absent(0.782, 0.141),
    ("colocalization_caqtl", "shared"): shared(0.42, 0.348) / 2,
    ("colocalization_caqtl", "not_shared"): 0.0,
    ("qtl_lead_overlap", "overlap"): shared(0.42, 0.348) / 4,
    ("cis_mr", "supported"): 0.3,
    ("cis_mr", "contradicted"): -0.7,
    ("coding_consequence", "high"): math.log(likelihood_ratios(0.804, 0.207)[0]),
    ("coding_consequence", "moderate"): math.log(likelihood_ratios(0.804, 0.207)[0]) * SHRINK,
    ("coding_consequence", "splice_region"): math.log(likelihood_ratios(0.804, 0.207)[0]) * SHRINK / 4,
    ("gene_effect", "large"): 0.5,
    ("enhancer_gene_link", "link"): CS2G / 4,
    ("open_chromatin", "near_tss"): 0.2,
    ("motif_change", "near_tss"): 0.2,
    ("gene_constraint", "intolerant"): 0.0,
    ("group_qtl", "shrink"): 0.5,
    ("group_qtl", "cap"): shared(0.782, 0.141) * SHRINK + shared(0.42, 0.348) / 2,
    ("group_regulatory", "shrink"): 0.5,
    ("group_regulatory", "cap"): 2 * CS2G / 4,
}


def table_rows() -> list[dict[str, str]]:
    lines = [line for line in WEIGHTS.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t"))


def test_every_weight_follows_from_its_figure() -> None:
    values = read_weights(WEIGHTS).values
    assert set(values) == set(FROM_FIGURES)
    for key, expected in FROM_FIGURES.items():
        assert values[key] == pytest.approx(expected, abs=0.0015), key


def test_every_row_says_where_its_number_is_from() -> None:
    rows = table_rows()
    assert len(rows) == sum(len(levels) for levels in LEVELS.values())
    for row in rows:
        assert row["source_figure"]
        assert row["citation"] or row["note"]


def test_fitted_rows_are_the_final_weights_of_the_model() -> None:
    """To all decimals that the table has; every fitted weight is in it, and what they were fitted on."""
    values = read_weights(WEIGHTS).values
    rows = {"distance": "log10_bp", "other_signals": "log1p_signals", "convergence": "log1p_z"}
    assert {source: values[source, level] for source, level in rows.items()} == {
        source: round(weight, 3) for source, weight in FINAL.items()
    }
    assert values["other_signals", "share_slope"] == FITTED["shares_slope"]
    told = [cells for cells in table_rows() if cells["source"] in rows and cells["level"] != "body_log10_bp"]
    assert len(told) == 4
    for cells in told:
        assert cells["source_figure"] == f"{FITTED['n_loci']} loci, {FITTED['n_genes']} genes"
        assert cells["citation"] == f"fitted, fitted_weights.json {FITTED['version']}"


def test_the_slope_of_the_shares_is_that_of_distance_alone_before_calibration() -> None:
    alone = FITTED["models"]["distance_only"]
    assert FITTED["shares_slope"] == pytest.approx(alone["final"]["distance"] / alone["temperature"], abs=0.005)


def test_the_quoted_loci_and_genes_are_those_of_the_shipped_truth() -> None:
    with (ROOT / "resources/benchmark/target_genes.even.tsv").open() as handle:
        truth = list(csv.DictReader(handle, delimiter="\t"))
    loci = {(row["trait"], row["chromosome"], row["credible_set_id"]) for row in truth}
    assert (len(loci), len({row["gene"] for row in truth})) == (FITTED["n_loci"], FITTED["n_genes"])
    assert all(int(row["chromosome"].removeprefix("chr")) % 2 == 0 for row in truth)


def test_numbers_in_the_comments_are_those_of_the_rows() -> None:
    """The arithmetic that ends in a weight names that weight: the last number of its sentence."""
    comments = " ".join(line.removeprefix("#").strip() for line in WEIGHTS.read_text().splitlines())
    values = read_weights(WEIGHTS).values
    for pattern, key in (
        (r"-3\.178 \+ 0\.120\)/2 = (-\d\.\d+)", ("prior", "none")),
        (r"2\.874 x SHRINK = (\d\.\d+)", ("colocalization_sqtl", "shared")),
        (r"4\.179 x SHRINK = (\d\.\d+)", ("colocalization_pqtl", "shared")),
        (r"2\.569/2 = (\d\.\d+): the peak", ("colocalization_caqtl", "shared")),
        (r"2\.569/4 = (\d\.\d+)", ("qtl_lead_overlap", "overlap")),
        (r"moderate: x SHRINK = (\d\.\d+)", ("coding_consequence", "moderate")),
        (r"2\.724/4 = (\d\.\d+)", ("coding_consequence", "splice_region")),
        (r"A quarter, (\d\.\d+)", ("enhancer_gene_link", "link")),
        (r"2\.782 \+ 2\.569/2 = (\d\.\d+)", ("group_qtl", "cap")),
        (r"twice a link, (\d\.\d+)", ("group_regulatory", "cap")),
    ):
        found = re.search(pattern, comments)
        assert found is not None, pattern
        assert float(found[1]) == values[key], key


def test_colocalization_can_outweigh_distance_and_chromatin_cannot() -> None:
    """H4 near 1 leads over a gene 10 times nearer that was tested in vain, but not from the end of the window."""
    weight = read_weights(WEIGHTS).log_odds
    slope = weight("distance", "log10_bp")
    apart = weight("colocalization_eqtl", "shared") - weight("colocalization_eqtl", "not_shared")
    assert apart > slope * (math.log10(11_000) - math.log10(101_000))
    assert apart < slope * (math.log10(11_000) - math.log10(501_000))
    chromatin = weight("open_chromatin", "near_tss") + weight("motif_change", "near_tss")
    assert chromatin < -slope / 2


# ---- Sources that say the same ---------------------------------------------------------------------------------

QTL, REGULATORY = "group_qtl", "group_regulatory"
HALF = Weights({(QTL, "shrink"): 0.5, (QTL, "cap"): 3.0, (REGULATORY, "shrink"): 0.25, (REGULATORY, "cap"): 1.0})


def test_groups_hold_known_sources_and_share_none() -> None:
    members = [source for sources in GROUPS.values() for source in sources]
    assert len(members) == len(set(members))
    assert set(members) <= set(SOURCES)
    assert not {*GROUPS, "prior"} & set(SOURCES)
    assert set(SOURCES) - set(members) == {
        *("distance", "other_signals", "coding_consequence", "gene_constraint", "convergence")
    }


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        ({}, {}),
        ({"distance": 0.0, "cis_mr": 0.0}, {}),
        ({"distance": 9.0, "convergence": -9.0}, {"distance": 9.0, "convergence": -9.0}),
        ({"cis_mr": 0.3}, {"cis_mr": 0.3}),
        # of those that speak for the gene the largest in full whatever its place, the others half
        (
            {"colocalization_eqtl": 0.4, "colocalization_pqtl": 2.0, "cis_mr": 0.2},
            {"colocalization_eqtl": 0.2, "colocalization_pqtl": 2.0, "cis_mr": 0.1},
        ),
        # those that speak for and those against do not repeat each other: the largest of each side is in full
        (
            {"colocalization_eqtl": 0.4, "cis_mr": -0.7},
            {"colocalization_eqtl": 0.4, "cis_mr": -0.7},
        ),
        (
            {"colocalization_eqtl": 0.4, "colocalization_sqtl": 2.0, "colocalization_pqtl": -0.6, "cis_mr": -1.0},
            {"colocalization_eqtl": 0.2, "colocalization_sqtl": 2.0, "colocalization_pqtl": -0.3, "cis_mr": -1.0},
        ),
        # equal sizes of one sign: the first in the order of the sources is in full
        ({"cis_mr": -1.0, "colocalization_sqtl": -1.0}, {"colocalization_sqtl": -1.0, "cis_mr": -0.5}),
        ({"cis_mr": -1.0, "colocalization_sqtl": 1.0}, {"colocalization_sqtl": 1.0, "cis_mr": -1.0}),
        # the cap is for both sides together: 4 + 0.5 - 0.9 = 3.6 is scaled to 3
        (
            {"colocalization_pqtl": 4.0, "colocalization_eqtl": 1.0, "cis_mr": -0.9},
            {"colocalization_pqtl": 4.0 / 1.2, "colocalization_eqtl": 0.5 / 1.2, "cis_mr": -0.9 / 1.2},
        ),
        # 2.5 + 1.25 + 0.25 = 4 is scaled to 3
        (
            {"colocalization_eqtl": 2.5, "colocalization_sqtl": 2.5, "cis_mr": 0.5},
            {"colocalization_eqtl": 2.5 * 0.75, "colocalization_sqtl": 1.25 * 0.75, "cis_mr": 0.25 * 0.75},
        ),
        ({"colocalization_eqtl": -4.0}, {"colocalization_eqtl": -3.0}),
        # groups do not see each other
        (
            {"colocalization_eqtl": 2.0, "gene_effect": 0.5, "open_chromatin": 0.4, "distance": 1.0},
            {"colocalization_eqtl": 2.0, "gene_effect": 0.5, "open_chromatin": 0.1, "distance": 1.0},
        ),
    ],
)
def test_sources_of_a_group_are_shrunk_and_capped_by_hand(sums: dict[str, float], expected: dict[str, float]) -> None:
    assert combine_sources(sums, HALF) == pytest.approx(expected)


@given(st.dictionaries(st.sampled_from(SOURCES), st.floats(-5, 5)))
def test_no_group_counts_more_than_its_cap_nor_in_another_order(sums: dict[str, float]) -> None:
    parts = combine_sources(sums, HALF)
    assert combine_sources(dict(reversed(sums.items())), HALF) == parts
    assert {source for source, value in sums.items() if value != 0} == set(parts)
    for group, sources in GROUPS.items():
        sizes = {source: abs(sums.get(source, 0.0)) for source in sources}
        assert abs(sum(parts.get(source, 0.0) for source in sources)) <= HALF.log_odds(group, "cap") + 1e-12
        assert all(abs(parts.get(source, 0.0)) <= size for source, size in sizes.items())
        assert all(parts[source] * sums[source] >= 0 for source in sources if source in parts)


@given(
    sums=st.dictionaries(st.sampled_from(SOURCES), st.floats(-5, 5)),
    source=st.sampled_from(SOURCES),
    change=st.floats(-0.5, 0.5),
)
def test_a_small_change_of_a_source_is_a_small_change_of_the_sum(
    sums: dict[str, float], source: str, change: float
) -> None:
    """No jump where signs cross, the largest is another or the cap is reached: no more than the change itself."""
    before = math.fsum(combine_sources(sums, HALF).values())
    after = math.fsum(combine_sources(sums | {source: sums.get(source, 0.0) + change}, HALF).values())
    assert abs(after - before) <= abs(change) + 1e-12
    assert (after - before) * change >= -1e-12  # and more evidence for a gene never speaks against it


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_uncertain_evidence_is_the_mean_likelihood_ratio(probability: float) -> None:
    value = mixed_log_odds(math.log(9), math.log(0.5), probability)
    assert math.exp(value) == pytest.approx(9 * probability + 0.5 * (1 - probability))


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    """The shipped table with one text replaced."""

    def edit(old: str, new: str) -> Path:
        text = WEIGHTS.read_text()
        assert old in text
        path = tmp_path / "weights.tsv"
        path.write_text(text.replace(old, new, 1))
        return path

    return edit


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("open_chromatin\tnear_tss", "open_chromatine\tnear_tss", r"line \d+: source 'open_chromatine' is unknown"),
        ("open_chromatin\tnear_tss", "open_chromatin\tfar", r"line \d+: level 'far' of open_chromatin is unknown"),
        ("near_tss\t0.2", "near_tss\tmuch", r"line \d+: log_odds 'much' is not a number"),
        ("near_tss\t0.2", "near_tss\tnan", r"line \d+: log_odds 'nan' is not a number"),
        ("shrink\t0.5", "shrink\t1.5", r"line \d+: log_odds '1.5' is not a number between 0 and 1"),
        ("cap\t1.89", "cap\t-1.89", r"line \d+: log_odds '-1.89' is not a number between 0 and 20"),
        ("near_tss\t0.2", "near_tss\t-20.5", r"line \d+: log_odds '-20.5' is not a number between -20 and 20"),
        ("near_tss\t0.2", "near_tss\tinf", r"line \d+: log_odds 'inf' is not a number"),
        ("near_tss\t0.2\t", "near_tss\t0.2", r"line \d+: 5 cells instead of 6"),
        ("moderate\t2.724", "high\t2.724", r"line \d+: coding_consequence high is given twice"),
        ("log_odds\tsource_figure", "weight\tsource_figure", r"line \d+: the header is"),
    ],
)
def test_broken_table_is_refused_with_its_line(
    edited: Callable[[str, str], Path], old: str, new: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_weights(edited(old, new))


def test_line_number_counts_comments(edited: Callable[[str, str], Path]) -> None:
    path = edited("near_tss\t0.2", "near_tss\tmuch")
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "much" in text.split("\t"))
    with pytest.raises(InputError, match=f"line {line}:"):
        read_weights(path)


def test_absent_rows_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.tsv"
    path.write_text("\t".join(COLUMNS) + "\nprior\tnone\t-1\t\t\t\n")
    with pytest.raises(InputError, match=r"no row for distance log10_bp, distance body_log10_bp, other_signals log1p_"):
        read_weights(path)
