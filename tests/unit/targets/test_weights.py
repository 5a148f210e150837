"""The shipped weights follow from the figures they cite, and a broken table is refused with its line."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from target_toys import WEIGHTS

from locus2target.core.errors import InputError
from locus2target.targets.weights import COLUMNS, LEVELS, mixed_log_odds, read_weights

POSITIVES, NEGATIVES = 8_520, 124_450
BENCHMARK = Path("/work/shared/data/benchmark_ukb_credible_sets_grch38")


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
N_CANDIDATES = 11.41
OTHER_SHARE = (1 - 0.407 - 0.187) / (N_CANDIDATES - 2)
CS2G = math.log(0.33 / (0.33 * 0.25 / 0.75 / (NEGATIVES / POSITIVES)))
FROM_FIGURES = {
    ("prior", "none"): (odds(0.04) + odds(0.53)) / 2,
    ("distance", "rank_1"): math.log(0.407 / OTHER_SHARE),
    ("distance", "rank_2"): math.log(0.187 / OTHER_SHARE),
    ("distance", "rank_3+"): 0.0,
    ("distance", "tss_below_10kb"): math.log(30 / (37 * 89 / 164 + 7 * 26 / 162 + 3 * 49 / 1545)) / 2,
    ("distance", "tss_10_to_250kb"): math.log(111 / (125 * 89 / 164 + 149 * 26 / 162 + 690 * 49 / 1545)) / 2,
    ("distance", "tss_above_250kb"): math.log(23 / (2 * 89 / 164 + 6 * 26 / 162 + 852 * 49 / 1545)) / 2,
    ("colocalization_eqtl", "shared"): shared(0.42, 0.348),
    ("colocalization_eqtl", "not_shared"): half_absent(0.42, 0.348),
    ("colocalization_sqtl", "shared"): shared(0.495, 0.249) * SHRINK,
    ("colocalization_sqtl", "not_shared"): half_absent(0.495, 0.249),
    ("colocalization_pqtl", "shared"): shared(0.782, 0.141) * SHRINK,
    ("colocalization_pqtl", "not_shared"): half_absent(0.782, 0.141),
    ("colocalization_caqtl", "shared"): shared(0.42, 0.348) / 2,
    ("colocalization_caqtl", "not_shared"): 0.0,
    ("qtl_lead_overlap", "overlap"): shared(0.42, 0.348) / 4,
    ("coding_consequence", "high"): math.log(likelihood_ratios(0.804, 0.207)[0]),
    ("coding_consequence", "moderate"): math.log(likelihood_ratios(0.804, 0.207)[0]) * SHRINK,
    ("enhancer_gene_link", "link"): CS2G / 4,
    ("open_chromatin", "near_tss"): 0.2,
    ("motif_change", "near_tss"): 0.2,
}


def test_every_weight_follows_from_its_figure() -> None:
    values = read_weights(WEIGHTS).values
    assert set(values) == set(FROM_FIGURES)
    for key, expected in FROM_FIGURES.items():
        assert values[key] == pytest.approx(expected, abs=0.0015), key


def test_every_row_says_where_its_number_is_from() -> None:
    lines = [line for line in WEIGHTS.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t"))
    assert len(rows) == sum(len(levels) for levels in LEVELS.values())
    for row in rows:
        assert row["source_figure"]
        assert row["citation"] or row["note"]


def test_colocalization_can_outweigh_the_nearest_gene() -> None:
    """A gene of rank 3 or more with H4 near 1 leads over a nearest gene within 10 kb that was tested in vain."""
    weight = read_weights(WEIGHTS).log_odds
    nearest = weight("distance", "rank_1") + weight("distance", "tss_below_10kb")
    tested = weight("colocalization_eqtl", "not_shared")
    assert weight("colocalization_eqtl", "shared") + weight("distance", "tss_10_to_250kb") > nearest + tested
    assert weight("colocalization_eqtl", "shared") > weight("distance", "rank_1")
    assert weight("open_chromatin", "near_tss") + weight("motif_change", "near_tss") < weight("distance", "rank_1") / 2


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
        ("near_tss\t0.2", "near_tss\tinf", r"line \d+: log_odds 'inf' is not a number"),
        ("near_tss\t0.2\t", "near_tss\t0.2", r"line \d+: 5 cells instead of 6"),
        ("rank_2\t1.466", "rank_1\t1.466", r"line \d+: distance rank_1 is given twice"),
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
    with pytest.raises(InputError, match=r"no row for distance rank_1, distance rank_2"):
        read_weights(path)


@pytest.mark.skipif(not BENCHMARK.exists(), reason="the benchmark's credible sets are not here")
def test_counts_of_the_distance_rows_come_from_the_benchmark() -> None:
    """Counts by rank and distance that the table quotes, from the credible sets themselves."""
    targets = pd.read_csv(BENCHMARK / "target_genes.tsv", sep="\t")
    sets = pd.read_csv(BENCHMARK / "credible_sets.tsv.gz", sep="\t", low_memory=False)
    genes = pd.read_csv(BENCHMARK / "gencode_v43_tss.bed.gz", sep="\t")
    genes = genes[genes["gene_type"] == "protein_coding"]
    genes = genes.assign(tss=(genes["start"] + genes["end"]) // 2)
    by_set = dict(iter(sets.groupby(["trait", "credible_set_id"])))
    rows = []
    for number, target in enumerate(targets.itertuples(index=False)):
        variants = by_set[target.trait, target.credible_set_id]
        near = genes[(genes["#chr"] == target.chromosome) & ((genes["tss"] - target.lead_position).abs() <= 500_000)]
        distances = np.abs(near["tss"].to_numpy()[:, None] - variants["position_0based_start"].to_numpy()[None, :])
        mean = np.average(distances, axis=1, weights=variants["pip"])
        rank = np.minimum(pd.Series(mean).rank(method="first").to_numpy(), 3)
        rows.append(pd.DataFrame({"locus": number, "gene": near["name"], "rank": rank, "bp": mean, "of": target.gene}))
    found = pd.concat(rows)
    found = found.assign(hit=found["gene"] == found["of"], bin=pd.cut(found["bp"], [0, 1e4, 2.5e5, 1e9], labels=False))
    assert found.groupby("rank")["hit"].sum().tolist() == [89, 26, 49]
    assert found.groupby("rank").size().tolist() == [164, 162, 1545]
    assert found.groupby("bin")["hit"].sum().tolist() == [30, 111, 23]
    assert found.groupby(["bin", "rank"]).size().tolist() == [37, 7, 3, 125, 149, 690, 2, 6, 852]
    assert len(found) / found["locus"].nunique() == pytest.approx(11.41, abs=0.005)
    hits = found[found["hit"]]
    weight = 1 / hits.groupby("gene")["locus"].transform("size")
    assert (weight[hits["rank"] == 2].sum() / weight.sum()) == pytest.approx(0.187, abs=0.001)
