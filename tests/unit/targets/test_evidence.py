"""Evidence rows of every source against numbers worked out by hand."""

import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import LEAD, WEIGHTS, coloc, effect, fit, gene, locus, locus_data, pointed_at, stage_results, variant

from locus2target.core.errors import InputError
from locus2target.core.schemas import EVIDENCE
from locus2target.core.tables import write_table
from locus2target.targets.annotations import read_consequences, read_gene_links, read_open_chromatin
from locus2target.targets.evidence import StageResults, annotate_variants, collect_evidence, read_annotations
from locus2target.targets.evidence_distance import centered, distance_evidence
from locus2target.targets.evidence_qtl import colocalization_evidence, corrected_h4, lead_overlap_evidence, rescaled_h4
from locus2target.targets.weights import SOURCES, Weights, read_weights

TABLE = read_weights(WEIGHTS)
W = TABLE.values
NO_FILES: dict[str, str | None] = dict.fromkeys(
    ["open_chromatin", "enhancer_gene_links", "coding_consequences", "gene_constraint"]
)
TWO_GENES = [gene("NEAR", 1_002_000), gene("FAR", 1_300_000)]


def collect(
    results: StageResults, paths: dict[str, str | None] | None = None, in_prior: Sequence[str] = ()
) -> pd.DataFrame:
    files = NO_FILES if paths is None else NO_FILES | paths
    annotations = annotate_variants(results, read_annotations(files, results.genes))
    limits: dict[str, Any] = {"gene_types": ["protein_coding"], "window_bp": 500_000}
    return collect_evidence(results, annotations, pointed_at(results), TABLE, **limits, in_prior=in_prior)


def of(evidence: pd.DataFrame, source: str, name: str | None) -> pd.DataFrame:
    """Rows of a source and gene; None stands for the locus as a whole."""
    gene_id = "none" if name is None else f"ENSG_{name}"
    return evidence[(evidence["source"] == source) & (evidence["gene_id"] == gene_id)]


def test_a_source_in_the_prior_is_told_and_counts_nothing() -> None:
    results = stage_results(TWO_GENES, [variant(1_000_000, 0.9)], [coloc("FAR", 0.9)])
    plain, without = collect(results), collect(results, in_prior=["distance"])
    assert (of(plain, "distance", "NEAR")["log_odds"] > 0).all()
    assert (without.loc[without["source"] == "distance", "log_odds"] == 0).all()
    assert (without.loc[without["source"] == "distance", "log_odds_unweighted"] == 0).all()
    assert set(without.loc[without["source"] == "distance", "status"]) == {"in_prior"}
    others = [frame[frame["source"] != "distance"].reset_index(drop=True) for frame in (plain, without)]
    pd.testing.assert_frame_equal(*others)


# ---- Distance --------------------------------------------------------------------------------------------------


def distance_rows(genes: Sequence[dict[str, Any]], variants: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    rows = distance_evidence(locus_data(genes, variants), TABLE)
    return {str(row["gene_symbol"]): row for row in rows}


def test_distance_is_the_pip_weighted_geometric_mean_in_the_nearest_credible_set() -> None:
    """NEAR: 2,000 and 9,000 bp; FAR: 300,000 and 289,000 bp to the first set, 10,000 bp to the second."""
    variants = [variant(1_000_000, 0.6), variant(1_011_000, 0.2), variant(1_290_000, 0.9, credible_set=2)]
    variants.append(variant(1_100_000, 0.01, credible_set=None))
    rows = distance_rows(TWO_GENES, variants)
    assert rows["NEAR"]["value"] == pytest.approx(3_000**0.75 * 10_000**0.25 - 1_000)
    assert rows["FAR"]["value"] == pytest.approx(10_000)
    assert rows["NEAR"]["variants"] == "1:1000000:A:G,1:1011000:A:G"
    assert rows["FAR"]["variants"] == "1:1290000:A:G"
    assert "nearest of 2 credible sets" in rows["FAR"]["detail"]


def test_the_nearest_credible_set_is_nearest_on_the_scale_that_counts() -> None:
    """Set 1 lies 0 or 200 kb away (geometric mean 13 kb), set 2 always 50 kb: a mean in bases would take set 2."""
    first = [variant(1_000_000, 0.5), variant(1_200_000, 0.5)]
    rows = distance_rows([gene("ONE", 1_000_000)], [*first, variant(1_050_000, 0.9, credible_set=2)])
    assert rows["ONE"]["value"] == pytest.approx(math.sqrt(1_000 * 201_000) - 1_000)


def test_without_credible_sets_every_variant_with_a_pip_counts() -> None:
    variants = [variant(1_001_000, 0.03, credible_set=None), variant(1_011_000, 0.01, credible_set=None)]
    row = distance_rows([gene("ONE", 1_002_000)], variants)["ONE"]
    assert row["value"] == pytest.approx(2_000**0.75 * 10_000**0.25 - 1_000)


def test_distance_log_odds_by_hand() -> None:
    """Distances 2 and 300 kb: factors 3,000^k and 301,000^k with k = -1.805/ln 10, over their mean."""
    rows = distance_rows(TWO_GENES, [variant(1_000_000, 1.0)])
    near, far = (total ** (-1.805 / math.log(10)) for total in (3_000, 301_000))
    mean = (near + far) / 2
    assert rows["NEAR"]["log_odds"] == pytest.approx(math.log(near / mean))
    assert rows["FAR"]["log_odds"] == pytest.approx(math.log(far / mean))
    assert rows["NEAR"]["log_odds"] == pytest.approx(0.6665, abs=1e-4)
    assert rows["FAR"]["log_odds"] == pytest.approx(-2.9461, abs=1e-4)
    assert all(row["log_odds_unweighted"] == row["log_odds"] for row in rows.values())


def test_the_gene_body_counts_with_its_own_weight() -> None:
    """Both transcription starts are 1 kb from the lead; one body lies over it, the other begins 1 kb away."""
    weights = Weights(dict(TABLE.values) | {("distance", "body_log10_bp"): -1.0})
    data = locus_data([gene("OVER", 999_000, length=5_000), gene("BESIDE", 1_001_000)], [variant(1_000_000, 1.0)])
    rows = {str(row["gene_symbol"]): float(str(row["log_odds"])) for row in distance_evidence(data, weights)}
    assert rows["OVER"] - rows["BESIDE"] == pytest.approx(math.log10((1_000 + 1_000) / (0 + 1_000)))


PLACES = st.integers(600_000, 1_400_000)


@given(
    starts=st.lists(PLACES, min_size=1, max_size=6),
    carriers=st.lists(
        st.tuples(PLACES, st.floats(0.01, 1.0), st.integers(1, 3)),
        min_size=1,
        max_size=8,
        unique_by=lambda cell: cell[0],
    ),
    seed=st.integers(0, 100),
)
def test_distance_evidence_is_that_of_a_slow_loop_in_any_order(
    starts: list[int], carriers: list[tuple[int, float, int]], seed: int
) -> None:
    genes = [gene(f"G{number}", tss) for number, tss in enumerate(starts)]
    order = np.random.default_rng(seed).permutation(len(carriers))
    shuffled = [carriers[index] for index in order]
    rows = distance_rows(genes, [variant(place, pip, credible_set=number) for place, pip, number in shuffled])
    totals = []
    for tss in starts:
        products = []
        for number in {number for _, _, number in carriers}:
            of_set = [(place, pip) for place, pip, other in carriers if other == number]
            weight = sum(pip for _, pip in of_set)
            products.append(math.prod((abs(tss - place) + 1_000) ** (pip / weight) for place, pip in of_set))
        totals.append(min(products))
    factors = [total ** (-1.805 / math.log(10)) for total in totals]
    expected = [math.log(factor * len(factors) / sum(factors)) for factor in factors]
    assert [rows[f"G{number}"]["log_odds"] for number in range(len(starts))] == pytest.approx(expected, abs=1e-9)
    assert [rows[f"G{number}"]["value"] for number in range(len(starts))] == pytest.approx(
        [total - 1_000 for total in totals], abs=1e-6
    )


def test_distance_says_nothing_in_a_locus_with_one_gene() -> None:
    rows = distance_evidence(locus_data([gene("ONLY", 1_050_000)], [variant(1_000_000, 1.0)]), TABLE)
    assert [row["log_odds"] for row in rows] == [0.0]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_centred_factors_average_to_one(values: list[float]) -> None:
    assert np.exp(centered(values)).mean() == pytest.approx(1)


def test_genes_at_the_same_distance_share_the_better_rank() -> None:
    rows = distance_rows(
        [gene("LEFT", 990_000), gene("RIGHT", 1_010_000), gene("THIRD", 1_100_000)], [variant(1_000_000, 1.0)]
    )
    assert rows["LEFT"]["log_odds"] == rows["RIGHT"]["log_odds"] > rows["THIRD"]["log_odds"]
    ranks = [next(rank for rank in "123" if f"rank {rank} of 3" in row["detail"]) for row in rows.values()]
    assert dict(zip(rows, ranks, strict=True)) == {"LEFT": "1", "RIGHT": "1", "THIRD": "3"}


def test_without_pips_the_lead_variant_counts_and_it_is_said() -> None:
    row = distance_evidence(locus_data([gene("NEAR", 1_002_000)], [variant(1_400_000, None)]), TABLE)[0]
    assert row["value"] == pytest.approx(2_000)
    assert row["variants"] == LEAD
    assert "no variant has a PIP" in str(row["detail"])


def test_variants_without_pip_are_counted_in_the_detail() -> None:
    variants = [variant(1_000_000, 1.0), variant(1_000_500, None), variant(1_000_600, None)]
    row = distance_evidence(locus_data([gene("NEAR", 1_002_000)], variants), TABLE)[0]
    assert "2 variants without a PIP are not counted" in str(row["detail"])


# ---- QTL -------------------------------------------------------------------------------------------------------


def test_corrected_h4_by_hand() -> None:
    assert corrected_h4(np.array([0.9]), n_signals=1) == pytest.approx(0.9)
    assert corrected_h4(np.array([0.9, 0.0, 0.0]), n_signals=1) == pytest.approx(3 / 4)
    assert corrected_h4(np.array([0.9]), n_signals=3) == pytest.approx(3 / 4)
    assert corrected_h4(np.array([1.0]), n_signals=1) == pytest.approx(0.999)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 5))
def test_more_tests_never_raise_h4_by_themselves(h4: list[float], n_signals: int) -> None:
    values = np.array(h4)
    score = corrected_h4(values, n_signals=n_signals)
    assert 0 <= score <= max(h4) + 1e-9
    assert corrected_h4(np.append(values, 0.0), n_signals=n_signals) <= score
    assert corrected_h4(np.append(values, values), n_signals=n_signals) == pytest.approx(score)


def test_rescaled_h4_by_hand() -> None:
    assert rescaled_h4(0.0) == 0
    assert rescaled_h4(0.9) == pytest.approx(9 * 0.34 / (1 + 9 * 0.34))


def coloc_log_odds(h4: float) -> float:
    """Hand arithmetic for an eQTL whose corrected H4 is `h4`."""
    odds = 0.34 * h4 / (1 - h4)
    return math.log((odds * math.exp(2.569) + math.exp(-0.197)) / (1 + odds))


def test_h4_at_the_prior_says_next_to_nothing() -> None:
    """Log odds at coloc's own prior, 0.1 : 1; the halved `not_shared` leaves a little."""
    assert abs(coloc_rows([coloc("FAR", 0.1 / 1.1)])[0]["log_odds"]) < 0.25


def coloc_rows(pairs: list[dict[str, Any]], **cells: Any) -> list[dict[str, Any]]:
    return colocalization_evidence(locus_data(TWO_GENES, [variant(1_000_000, 0.5)], pairs, **cells), TABLE)


def test_colocalization_log_odds_by_hand() -> None:
    row = coloc_rows([coloc("FAR", 0.9, direction=-1.0)])[0]
    assert row["log_odds"] == pytest.approx(coloc_log_odds(0.9))
    assert (row["value"], row["direction"], row["context"]) == (0.9, -1.0, "blood")
    assert row["top_variant"] == f"{LEAD} (PIP 0.5)"


def test_tissues_are_one_row_and_do_not_add_up() -> None:
    one = coloc_rows([coloc("FAR", 0.9)])
    three = coloc_rows([coloc("FAR", 0.9, tissue=tissue) for tissue in ("blood", "liver", "lung")])
    assert len(three) == 1
    assert three[0]["log_odds"] == pytest.approx(one[0]["log_odds"])
    diluted = coloc_rows(
        [coloc("FAR", h4, tissue=tissue) for tissue, h4 in (("blood", 0.9), ("liver", 0.0), ("lung", 0.0))]
    )
    assert diluted[0]["value"] == 0.9
    assert diluted[0]["log_odds"] == pytest.approx(coloc_log_odds(0.75))
    assert "0.75 after correction" in str(diluted[0]["detail"])


def test_the_best_primary_signal_counts_and_is_named() -> None:
    pairs = [coloc("FAR", 0.2, signal=1), coloc("FAR", 0.95, signal=2), coloc("FAR", 0.999, signal=0, primary=False)]
    row = coloc_rows(pairs, n_signals=2)[0]
    assert row["value"] == 0.95
    assert "signal 2, best of 2 tested" in str(row["detail"])
    corrected = (19 / 2) / (1 + 19 / 2)
    assert row["log_odds"] == pytest.approx(coloc_log_odds(corrected))


def test_single_effect_steps_in_where_no_primary_test_is_usable() -> None:
    pairs = [
        coloc("FAR", None, signal=1, status="low_overlap", reason="little"),
        coloc("FAR", 0.9, signal=0, primary=False),
    ]
    rows = coloc_rows(pairs)
    assert [(row["status"], row["value"]) for row in rows] == [("ok", 0.9), ("low_overlap", None)]
    assert "no usable test with the primary signals" in str(rows[0]["detail"])
    assert (rows[1]["log_odds"], rows[1]["reason"]) == (0.0, "little")


def test_low_h4_lowers_a_gene_and_untested_genes_stay_at_zero() -> None:
    rows = coloc_rows([coloc("FAR", 0.0)])
    assert [row["gene_symbol"] for row in rows] == ["FAR"]
    assert rows[0]["log_odds"] == pytest.approx(-0.197)


@pytest.mark.parametrize(
    ("pairs", "direction", "remark"),
    [
        ([coloc("FAR", 0.9, direction=1.0), coloc("FAR", 0.8, tissue="t", direction=1.0)], 1.0, "also in t"),
        (
            [coloc("FAR", 0.9, direction=1.0), coloc("FAR", 0.8, tissue="t", direction=-1.0)],
            None,
            "directions disagree",
        ),
        ([coloc("FAR", 0.9, direction=1.0), coloc("FAR", 0.1, tissue="t", direction=-1.0)], 1.0, "H4 0.90"),
        ([coloc("FAR", 0.9)], None, "direction unknown: no effect of the gene"),
        (
            [coloc("FAR", 0.9, direction=1.0), coloc("FAR", 0.8, tissue="t", direction=-1.0, neg_log10_p=1.0)],
            1.0,
            "also in t",
        ),
        ([coloc("FAR", 0.9, direction=1.0, neg_log10_p=1.0)], None, "direction unsure: no effect of the gene"),
        ([coloc("FAR", 0.9, direction=1.0, qtl_type="sqtl")], None, "does not tell gene activity"),
    ],
)
def test_direction(pairs: list[dict[str, Any]], direction: float | None, remark: str) -> None:
    row = coloc_rows(pairs)[0]
    assert row["direction"] == direction
    assert remark in str(row["detail"])


@pytest.mark.parametrize(("verdict", "remark"), [("NONE", "without LD"), ("FAIL", "LD does not fit")])
def test_lack_of_ld_is_said(verdict: str, remark: str) -> None:
    assert remark in str(coloc_rows([coloc("FAR", 0.9)], verdict=verdict)[0]["detail"])


def test_a_qtl_set_without_rows_in_the_locus_is_told_once() -> None:
    rows = coloc_rows([coloc("", None, primary=False, signal=0, status="no_qtl_in_locus", reason="none there")])
    assert [(row["gene_id"], row["status"], row["log_odds"]) for row in rows] == [("none", "no_qtl_in_locus", 0.0)]


def lead(name: str, key: str, **cells: Any) -> dict[str, Any]:
    return coloc(name, None, method="lead_overlap", status="truncated_qtl", shared_variant=key, clpp=0.1, **cells)


def test_lead_overlap_counts_the_share_of_leads_in_a_credible_set() -> None:
    variants = [variant(1_000_000, 0.9), variant(1_200_000, 0.01, credible_set=None)]
    pairs = [
        lead("FAR", LEAD, tissue="blood", direction=1.0),
        lead("FAR", LEAD, tissue="blood", qtl="Q_significant", direction=1.0),  # the same lead again
        lead("FAR", "1:1200000:A:G", tissue="lung", direction=-1.0),
    ]
    row = lead_overlap_evidence(locus_data(TWO_GENES, variants, pairs), TABLE)[0]
    assert row["value"] == 0.5
    assert row["log_odds"] == pytest.approx(math.log(0.5 * math.exp(0.642) + 0.5))
    assert (row["context"], row["direction"], row["variants"]) == ("blood", 1.0, LEAD)


def test_lead_overlap_is_not_counted_beside_a_colocalization() -> None:
    pairs = [lead("FAR", LEAD), coloc("FAR", 0.9)]
    row = lead_overlap_evidence(locus_data(TWO_GENES, [variant(1_000_000, 0.9)], pairs), TABLE)[0]
    assert (row["log_odds"], row["value"]) == (0.0, 1.0)
    assert "not counted" in str(row["detail"])


# ---- Annotations -----------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str | None]:
    """Open chromatin at 1,000,000 +- 100 in two cell types, a link to FAR, and consequences in NEAR."""
    peaks, links, coding = (tmp_path / name for name in ("peaks.bed.gz", "links.bed", "coding.tsv"))
    with gzip.open(peaks, "wt") as handle:
        handle.write(
            "track name=x\nchr1\t999900\t1000100\tneuron\nchr1\t999900\t1000000\tglia\nchr1\t1299000\t1299500\tglia\n"
        )
    links.write_text("1\t999000\t1001000\tFAR\tneuron\n1\t999000\t1001000\tENSG_FAR\tglia\n1\t5\t10\tNEAR\tglia\n")
    coding.write_text(
        "chromosome\tposition\tref\talt\tgene_id\tconsequence\n"
        "chr1\t1000000\tA\tG\tENSG_NEAR\tmissense_variant&splice_region_variant\n"
        "1\t1000050\ta\tg\tENSG_NEAR\tstop_gained\n"
        "1\t1000050\tA\tT\tENSG_FAR\tstop_gained\n"
        "1\t1000000\tA\tG\tENSG_FAR\tintron_variant\n"
    )
    return {"open_chromatin": str(peaks), "enhancer_gene_links": str(links), "coding_consequences": str(coding)}


VARIANTS = [variant(1_000_000, 0.6), variant(1_000_050, 0.2), variant(1_299_100, 0.1), variant(1_000_060, None)]


def test_annotation_log_odds_by_hand(files: dict[str, str | None]) -> None:
    evidence = collect(stage_results(TWO_GENES, VARIANTS), files)
    coding = of(evidence, "coding_consequence", "NEAR").iloc[0]
    expected = math.log(0.2 + 0.2 * math.exp(4.093) + 0.6 * math.exp(2.724))
    assert coding["log_odds"] == pytest.approx(expected)
    assert of(evidence, "coding_consequence", "FAR").empty
    link = of(evidence, "enhancer_gene_link", "FAR").iloc[0]
    assert link["value"] == pytest.approx(0.8)
    assert link["log_odds"] == pytest.approx(math.log(0.8 * math.exp(0.945) + 0.2))
    assert of(evidence, "enhancer_gene_link", "NEAR").empty
    near, far, whole = (of(evidence, "open_chromatin", name).iloc[0] for name in ("NEAR", "FAR", None))
    assert (near["value"], far["value"]) == (pytest.approx(0.8), pytest.approx(0.1))
    assert near["log_odds"] == pytest.approx(math.log(0.8 * math.exp(0.2) + 0.2))
    assert near["context"] == "neuron"
    assert (whole["value"], whole["log_odds"]) == (pytest.approx(0.9), 0)


def test_genes_that_do_not_compete_are_told(
    files: dict[str, str | None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Consequences and links of genes beyond the window leave a row without weight and without a gene."""
    genes = [gene("NEAR", 1_002_000), gene("DISTANT", 2_900_000)]
    links, coding = tmp_path / "links_far.bed", tmp_path / "coding_far.tsv"
    links.write_text("1\t999000\t1001000\tDISTANT\tneuron\n1\t999000\t1001000\tNOWHERE\tglia\n")
    coding.write_text(
        "## made by hand\n#chromosome\tposition\tref\talt\tgene_id\tconsequence\textra\n"
        "1\t1000000\tA\tG\tENSG_DISTANT\tstop_gained\tp.W1#\n"
    )
    evidence = collect(
        stage_results(genes, VARIANTS), {"enhancer_gene_links": str(links), "coding_consequences": str(coding)}
    )
    for source, mass, names in (("coding_consequence", 0.6, "ENSG_DISTANT"), ("enhancer_gene_link", 0.8, "DISTANT")):
        told = evidence[evidence["source"] == source]
        assert told[["gene_id", "status", "log_odds"]].to_numpy().tolist() == [["none", "not_candidate", 0.0]]
        assert told["value"].iloc[0] == pytest.approx(mass)
        assert names in told["detail"].iloc[0]
    assert "1 of 2 rows name genes that are not in the gene annotation, for example NOWHERE" in caplog.text


def test_variants_without_pip_carry_nothing(files: dict[str, str | None]) -> None:
    evidence = collect(stage_results(TWO_GENES, [variant(1_000_000, None), variant(1_000_050, None)]), files)
    assert evidence.loc[evidence["source"] != "distance", "log_odds"].eq(0).all()


def test_missing_files_are_told_and_count_nothing() -> None:
    evidence = collect(stage_results(TWO_GENES, VARIANTS, effects=[effect(1_000_000, quantile=0.999)]))
    for source in ("coding_consequence", "enhancer_gene_link", "open_chromatin", "motif_change", "gene_constraint"):
        row = of(evidence, source, None).iloc[0]
        assert (row["status"], row["log_odds"]) == ("no_annotation", 0)
        assert row["reason"]


def test_exonic_variants_are_told_but_not_counted_without_consequences() -> None:
    exons = [{"gene_id": "ENSG_NEAR", "chromosome": "1", "start": 999_990, "end": 1_000_020}]
    row = of(collect(stage_results(TWO_GENES, VARIANTS, exons=exons)), "coding_consequence", "NEAR").iloc[0]
    assert (row["value"], row["log_odds"], row["status"]) == (pytest.approx(0.6), 0, "no_annotation")


def test_pip_mass_in_intervals_is_that_of_a_slow_loop(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    positions = np.sort(rng.choice(np.arange(995_000, 1_005_000), 200, replace=False))
    pips = rng.dirichlet(np.full(200, 0.2))
    starts = rng.integers(995_000, 1_004_900, 40)
    path = tmp_path / "peaks.bed"
    path.write_text("".join(f"chr1\t{start}\t{start + 100}\tcell{start % 3}\n" for start in starts))
    variants = [variant(int(position), float(pip)) for position, pip in zip(positions, pips, strict=True)]
    row = of(collect(stage_results(TWO_GENES, variants), {"open_chromatin": str(path)}), "open_chromatin", "NEAR").iloc[
        0
    ]
    slow = sum(
        pip
        for position, pip in zip(positions, pips, strict=True)
        if abs(position - 1_002_000) <= 10_000 and any(start < position <= start + 100 for start in starts)
    )
    assert row["value"] == pytest.approx(slow)


def test_motif_change_needs_open_chromatin_and_a_nearby_start(files: dict[str, str | None]) -> None:
    effects = [
        effect(1_000_000, quantile=0.999),
        effect(1_000_000, track="PAX5"),  # rows of single motifs have no quantile
        effect(1_000_050, quantile=0.98),
        effect(1_299_100, quantile=0.995, track="CTCF"),
    ]
    evidence = collect(stage_results(TWO_GENES, VARIANTS, effects=effects), files)
    rows = evidence[evidence["source"] == "motif_change"]
    assert rows["gene_symbol"].tolist() == ["NEAR", "FAR"] or rows["gene_symbol"].tolist() == ["FAR", "NEAR"]
    near = of(evidence, "motif_change", "NEAR").iloc[0]
    assert (near["value"], near["context"]) == (pytest.approx(0.6), "SPI1")
    assert near["log_odds"] == pytest.approx(math.log(0.6 * math.exp(0.2) + 0.4))


@pytest.mark.parametrize("status", ["no_sequence", "ref_mismatch"])
def test_variants_that_were_not_scored_never_count(files: dict[str, str | None], status: str) -> None:
    effects = [effect(1_000_000, status=status, quantile=1.0), effect(1_000_050, status=status, quantile=1.0)]
    rows = collect(stage_results(TWO_GENES, VARIANTS, effects=effects), files).query("source == 'motif_change'")
    assert rows[["gene_id", "status", "log_odds"]].to_numpy().tolist() == [["none", status, 0.0]]
    assert rows["reason"].iloc[0] == f"why {status}"


def test_scores_without_background_do_not_count(files: dict[str, str | None]) -> None:
    rows = collect(stage_results(TWO_GENES, VARIANTS, effects=[effect(1_000_000)]), files).query(
        "source == 'motif_change'"
    )
    assert rows[["status", "log_odds"]].to_numpy().tolist() == [["not_calibrated", 0.0]]


# ---- Genes and other signals -----------------------------------------------------------------------------------


def test_constraint_is_read_from_its_file_and_counts_by_its_weight(tmp_path: Path) -> None:
    """With weight w, an intolerant gene among two has ln(2 e^w / (e^w + 1)); the other ln(2 / (e^w + 1))."""
    path = tmp_path / "constraint.tsv"
    path.write_text("gene\tpLI\nNEAR\t0.95\nFAR\t0.1\n")
    results = stage_results(TWO_GENES, VARIANTS)
    annotations = annotate_variants(results, read_annotations(NO_FILES | {"gene_constraint": str(path)}, results.genes))
    doubled = Weights({**W, ("gene_constraint", "intolerant"): math.log(2)})
    for weights, expected in ((TABLE, (0.0, 0.0)), (doubled, (math.log(4 / 3), math.log(2 / 3)))):
        evidence = collect_evidence(
            results,
            annotations,
            pointed_at(results),
            weights,
            gene_types=["protein_coding"],
            window_bp=500_000,
            in_prior=(),
        )
        rows = [of(evidence, "gene_constraint", name).iloc[0] for name in ("NEAR", "FAR")]
        assert [row["value"] for row in rows] == [0.95, 0.1]
        assert [row["log_odds"] for row in rows] == pytest.approx(expected)


def test_other_signals_of_the_study_reach_the_locus_and_those_of_other_studies_do_not() -> None:
    """A signal of a second locus 1 kb from FAR; FAR is its only gene in reach, so that it counts in full."""
    where = {"locus": "L2", "chromosome": "1"}
    neighbour = variant(1_799_000, 0.9) | where
    genes = [gene("NEAR", 1_002_000), gene("FAR", 1_400_000)]
    loci = [locus(), locus("L2", start=1_700_000, end=1_900_000)]
    fits = [fit(), fit("L2", method="none", status="few_variants")]
    alone, own, other = (
        of(
            collect(stage_results(genes, [variant(1_000_000, 0.9), *more], loci=loci, fits=fits)),
            "other_signals",
            name,
        )
        for more, name in (([], None), ([neighbour], "FAR"), ([neighbour | {"study": "T"}], None))
    )
    assert own["value"].tolist() == pytest.approx([1.0])
    factor = 2**2.206
    assert own["log_odds"].tolist() == pytest.approx([math.log(2 * factor / (factor + 1))])
    for row in (alone.iloc[0], other.iloc[0]):
        assert (row["value"], row["log_odds"], row["status"]) == (0.0, 0.0, "ok")


# ---- All sources -----------------------------------------------------------------------------------------------


def test_table_can_be_written_and_knows_its_sources(files: dict[str, str | None], tmp_path: Path) -> None:
    pairs = [coloc("FAR", 0.9), lead("NEAR", LEAD)]
    evidence = collect(stage_results(TWO_GENES, VARIANTS, pairs, [effect(1_000_000, quantile=1.0)]), files)
    write_table(evidence, tmp_path / "evidence.parquet", EVIDENCE)
    assert set(evidence["source"]) <= set(SOURCES)
    assert set(evidence["locus"]) == {"L1"}


def test_loci_that_were_not_analysed_have_no_evidence() -> None:
    results = stage_results(TWO_GENES, VARIANTS, loci=[locus(status="mhc")], fits=[fit(method="none", status="mhc")])
    assert collect(results).empty


def test_locus_without_candidates_has_one_row() -> None:
    rows = collect(stage_results([gene("RNA", 1_000_000, kind="unknown")], VARIANTS))
    assert rows[["gene_id", "status", "log_odds"]].to_numpy().tolist() == [
        ["ENSG_RNA", "not_candidate", 0.0],
        ["none", "no_candidates", 0.0],
    ]


# ---- Files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1\t5\t10\n", "line 1: 3 columns, where at least 4 are needed"),
        ("#x\nchr1\t5\t10\ta\nchr1\tfive\t10\ta\n", "line 3: start 'five' is not a whole number"),
        ("chr1\t10\t10\ta\n", "line 1: interval 10-10 is empty"),
    ],
)
def test_broken_bed_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.bed"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_open_chromatin(path)


def test_empty_bed_is_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "x.bed"
    path.write_text("# nothing\n")
    assert read_open_chromatin(path).empty


def test_gene_versions_are_cut_from_links(tmp_path: Path) -> None:
    path = tmp_path / "x.bed"
    path.write_text("chr1\t5\t10\tENSG00000123.4\ta\t0.9\nchr1\t5\t10\tRP11-1.2\ta\t0.9\n")
    assert read_gene_links(path)["gene"].tolist() == ["ENSG00000123", "RP11-1.2"]


def test_consequence_table_needs_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("chromosome\tposition\n1\t5\n")
    with pytest.raises(InputError, match="columns ref, alt, gene_id, consequence are absent"):
        read_consequences(path)
