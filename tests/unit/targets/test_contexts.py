"""Contexts beside matched background: hand-computed toys, slow twins, nulls with uniform p-values, planted signals."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, kstest
from target_toys import WEIGHTS, coloc, gene, locus, locus_data, table, variant

import enrich_contexts as script
from locus2target.core import schemas
from locus2target.core.tables import TableSchema, read_table, write_table
from locus2target.targets.contexts import (
    MIN_LOCI,
    ContextSettings,
    DiseaseSignals,
    enrich_contexts,
    independent_loci,
    relevance_factors,
)
from locus2target.targets.evidence_annotation import VariantAnnotations, link_evidence, motif_evidence
from locus2target.targets.evidence_annotation import open_chromatin_evidence as chromatin_evidence
from locus2target.targets.evidence_qtl import colocalization_evidence, corrected_h4
from locus2target.targets.evidence_rows import Row
from locus2target.targets.matched_background import Comparison, compare_intervals, compare_tissues
from locus2target.targets.relevance import GENE_LINK, OPEN_CHROMATIN, QTL, Relevance, table_relevance
from locus2target.targets.weights import read_weights

TABLE = read_weights(WEIGHTS)
SETTINGS = ContextSettings(enabled=True, permutations=199, seed=1, max_q=0.05)
NO_STARTS = pd.DataFrame({"chromosome": pd.Series(dtype="str"), "tss": pd.Series(dtype="int64")})
NO_FILES = {OPEN_CHROMATIN: None, GENE_LINK: None}
APART = 10_000_000  # between the starts of toy loci


def peaks(*rows: tuple[int, int, str]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["start", "end", "context"])
    return found.assign(chromosome="1")


def in_sets(*rows: tuple[str, int, float], credible_set: int = 1) -> pd.DataFrame:
    """Variants of credible sets: locus, position, pip."""
    found = pd.DataFrame(rows, columns=["locus", "position", "pip"])
    return found.assign(credible_set=credible_set, variant=[f"1:{position}:A:G" for position in found["position"]])


def places(*rows: tuple[str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["locus", "start", "end"]).assign(chromosome="1")


# ---- Intervals beside moved credible sets ------------------------------------------------------------------------


def test_observed_mass_by_hand() -> None:
    """BED 100-110 holds positions 101..110; a variant outside every interval counts nowhere."""
    variants = in_sets(("L1", 100, 0.4), ("L1", 101, 0.3), ("L1", 110, 0.2), ("L1", 111, 0.1))
    annotation = peaks((0, 1, "edge"), (100, 110, "blood"), (105, 120, "blood"), (299, 300, "edge"))
    found = compare_intervals(variants, places(("L1", 0, 300)), annotation, NO_STARTS, permutations=9, seed=1)
    assert found.contexts == ["blood", "edge"]
    assert found.observed == pytest.approx([0.6, 0.0])
    assert found.n_loci.tolist() == [1, 1]


def test_background_is_that_of_every_place_on_the_ring() -> None:
    """300 bases without genes: the mean is PIP times coverage; each background value is that of a slow rotation."""
    variants = in_sets(("L1", 100, 0.5), ("L1", 103, 0.3), ("L1", 130, 0.2))
    annotation = peaks((0, 1, "blood"), (98, 105, "blood"), (128, 160, "blood"), (290, 300, "blood"))
    found = compare_intervals(variants, places(("L1", 0, 300)), annotation, NO_STARTS, permutations=20_000, seed=1)
    inside = {base for start, end in ((0, 1), (98, 105), (128, 160), (290, 300)) for base in range(start, end)}
    slow = [sum(p for base, p in ((99, 0.5), (102, 0.3), (129, 0.2)) if (base + k) % 300 in inside) for k in range(300)]
    assert found.observed[0] == pytest.approx(slow[0])
    assert np.mean(slow) == pytest.approx(50 / 300)
    values, counts = np.unique(found.background[0].round(9), return_counts=True)
    expected = pd.Series(np.round(slow, 9)).value_counts(normalize=True).sort_index()
    assert values == pytest.approx(expected.index.to_numpy())
    assert counts / 20_000 == pytest.approx(expected.to_numpy(), abs=0.015)
    assert found.p_values()[0] == pytest.approx(np.mean(np.array(slow) >= slow[0] - 1e-9), abs=0.015)


def test_strongest_variant_keeps_its_distance_to_transcription_starts() -> None:
    """The start at 50,001 (base 50,000) owns the bases 48,000..52,000; peaks there and nowhere else hold every draw."""
    annotation = peaks((0, 1, "edges"), (48_000, 52_001, "promoter"), (99_999, 100_000, "edges"))
    starts = pd.DataFrame({"chromosome": ["1"], "tss": [50_001]})

    def background(position: int) -> set[float]:
        variants = in_sets(("L1", position, 1.0))
        found = compare_intervals(variants, places(("L1", 0, 100_000)), annotation, starts, permutations=300, seed=1)
        return set(found.background[found.contexts.index("promoter")])

    assert background(48_001) == background(52_001) == {1.0}
    assert background(48_000) == background(52_002) == background(20_000) == {0.0}


def test_signals_are_moved_apart_and_their_masses_add_up() -> None:
    annotation = peaks((0, 100, "blood"), (199, 200, "edge"))
    both = pd.concat([in_sets(("L1", 10, 1.0)), in_sets(("L1", 150, 1.0), credible_set=2)])
    found = compare_intervals(both, places(("L1", 0, 200)), annotation, NO_STARTS, permutations=2_000, seed=1)
    assert found.observed[0] == 1.0
    counts = np.bincount(found.background[0].astype(int), minlength=3) / 2_000
    assert counts == pytest.approx(
        [0.25, 0.5, 0.25], abs=0.04
    )  # two independent throws; one rigid pair gives 0, .6, .4
    assert found.n_loci[0] == 1


def test_annotation_that_is_cut_to_regions_bounds_the_moves() -> None:
    """Only bases 400..500 are annotated: a signal there stays there, one beside it is not studied."""
    annotation = peaks((400, 440, "blood"), (460, 500, "liver"))
    loci = places(("L1", 0, 1_000), ("L2", APART, APART + 1_000))
    inside = in_sets(("L1", 421, 0.8), ("L1", 900, 0.2), ("L2", APART + 5, 1.0))
    found = compare_intervals(inside, loci, annotation, NO_STARTS, permutations=2_000, seed=1)
    assert (found.n_loci.tolist(), found.observed.tolist()) == ([1, 1], [0.8, 0.0])
    assert found.background.mean(axis=1) == pytest.approx([0.8 * 0.4, 0.8 * 0.4], abs=0.03)
    beside = in_sets(("L1", 421, 0.2), ("L1", 900, 0.8))
    nothing = compare_intervals(beside, loci, annotation, NO_STARTS, permutations=9, seed=1)
    assert (nothing.n_loci.tolist(), nothing.observed.tolist()) == ([0, 0], [0.0, 0.0])


def simulated_loci(
    generator: np.random.Generator, *, n_loci: int, near_starts: bool, planted: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Credible sets of neighbouring variants and clustered peaks, each drawn without regard to the other.

    With `near_starts` both seek the same transcription starts. `planted`: the strongest variant is put into a peak.
    """
    variants, loci, annotation, starts = [], [], [], []
    for number in range(n_loci):
        start, name = number * APART, f"L{number:03}"
        loci.append((name, start, start + 100_000))
        tss = start + int(generator.integers(20_000, 80_000))
        starts.append(tss + 1)
        if near_starts:
            centres = np.append(tss + generator.integers(-1_500, 1_500, 4), start + generator.integers(0, 100_000, 2))
            lead = tss + int(generator.integers(-2_000, 2_001))
        else:
            centres = np.repeat(start + generator.integers(0, 100_000, 5), 3) + generator.integers(-2_000, 2_000, 15)
            lead = start + int(generator.integers(0, 100_000))
        if planted:
            lead = int(centres[0])
        annotation += [(max(start, c - 400), min(c + 400, start + 100_000), "blood") for c in centres.tolist()]
        annotation += [(start, start + 1, "edge"), (start + 99_999, start + 100_000, "edge")]
        pips = np.sort(generator.dirichlet(np.full(6, 0.5)))[::-1]
        offsets = np.append(0, generator.integers(-3_000, 3_000, 5))
        variants += [(name, lead + int(o) + 1, float(pip)) for o, pip in zip(offsets, pips, strict=True)]
    table = pd.DataFrame({"chromosome": "1", "tss": starts})
    return in_sets(*variants), places(*loci), peaks(*annotation), table


def compared(
    simulated: tuple[pd.DataFrame, ...], *, seed: int, starts: pd.DataFrame | None = None, permutations: int = 99
) -> Comparison:
    variants, loci, annotation, own_starts = simulated
    used = own_starts if starts is None else starts
    return compare_intervals(variants, loci, annotation, used, permutations=permutations, seed=seed)


def randomised_p(found: Comparison, generator: np.random.Generator, *, context: int = 0) -> float:
    """P-value in which ties are broken at random: exactly uniform under the null, never above the reported one."""
    observed, background = found.observed[context], found.background[context].round(9)
    larger, equal = (background > round(observed, 9)).sum(), (background == round(observed, 9)).sum()
    p_value = float((larger + generator.random() * (1 + equal)) / (1 + len(background)))
    assert p_value <= found.p_values()[context]
    return p_value


def assert_uniform(p_values: Sequence[float]) -> None:
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert binomtest(sum(p <= 0.05 for p in p_values), len(p_values), 0.05).pvalue > 0.01


@pytest.mark.parametrize("near_starts", [False, True])
def test_p_values_are_uniform_where_signals_and_peaks_ignore_each_other(near_starts: bool) -> None:
    generator = np.random.default_rng(5)
    runs = [simulated_loci(generator, n_loci=3, near_starts=near_starts) for _ in range(200)]
    assert_uniform([randomised_p(compared(run, seed=seed), generator) for seed, run in enumerate(runs)])


def test_without_matching_to_transcription_starts_the_same_null_looks_enriched() -> None:
    generator = np.random.default_rng(5)
    runs = [simulated_loci(generator, n_loci=8, near_starts=True) for _ in range(30)]
    found = [compared(run, seed=seed, starts=NO_STARTS).p_values()[0] for seed, run in enumerate(runs)]
    assert np.median(found) < 0.02


def test_planted_enrichment_is_found() -> None:
    generator = np.random.default_rng(6)
    runs = [simulated_loci(generator, n_loci=12, near_starts=False, planted=True) for _ in range(20)]
    assert max(compared(run, seed=seed).p_values()[0] for seed, run in enumerate(runs)) <= 0.02


def test_order_of_the_rows_does_not_matter() -> None:
    tables = simulated_loci(np.random.default_rng(7), n_loci=6, near_starts=True)
    shuffled = [table.sample(frac=1, random_state=3) for table in tables]
    one, other = (compare_intervals(*t, permutations=50, seed=2) for t in (tables, shuffled))
    assert one.contexts == other.contexts
    np.testing.assert_array_equal(one.background, other.background)
    np.testing.assert_array_equal(one.observed, other.observed)


# ---- Tissues beside exchanged tissues ----------------------------------------------------------------------------


def rows_of_tests(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["locus", "gene_id", "tissue", "posterior_h4"])


def test_tissues_by_hand() -> None:
    """Largest H4 of any gene in the tissue, summed over loci; a gene tested in one tissue compares nothing."""
    tests = rows_of_tests(
        ("L1", "A", "blood", 0.9),
        ("L1", "A", "blood", 0.2),
        ("L1", "A", "liver", 0.1),
        ("L1", "B", "blood", 0.3),
        ("L1", "B", "liver", 0.4),
        ("L2", "A", "blood", 0.5),
        ("L2", "A", "lung", 0.5),
        ("L2", "C", "lung", 1.0),
        ("L3", "A", "brain", 1.0),
    )
    found = compare_tissues(tests, ["lung", "blood", "brain", "liver"], permutations=4_000, seed=1)
    assert found.contexts == ["blood", "brain", "liver", "lung"]
    assert found.observed == pytest.approx([1.4, 0.0, 0.4, 0.5])
    assert found.n_loci.tolist() == [2, 0, 1, 1]
    # gene A gives 0.9 or 0.1, gene B 0.3 or 0.4; the larger counts: 0.9, 0.9, 0.3, 0.4
    assert found.background.mean(axis=1) == pytest.approx([0.625 + 0.5, 0.0, 0.625, 0.5], abs=0.02)
    assert found.p_values()[0] == pytest.approx(0.5, abs=0.03)


def simulated_tests(generator: np.random.Generator, *, planted: bool) -> pd.DataFrame:
    rows = [
        (f"L{number}", gene_id, tissue, float(generator.beta(0.1, 1.5)))
        for number in range(10)
        for gene_id in ("A", "B", "C")
        for tissue in ("blood", "brain", "liver", "lung")
        if generator.random() < 0.8
    ]
    shared = {(f"L{number}", "A", "blood") for number in range(10)} if planted else set()
    return rows_of_tests(*((*row[:3], 0.99) if row[:3] in shared else row for row in rows))


def test_tissue_p_values_are_uniform_without_a_tissue_of_the_disease() -> None:
    generator = np.random.default_rng(8)
    tissues = ["blood", "brain", "liver", "lung"]
    found = [
        compare_tissues(simulated_tests(generator, planted=False), tissues, permutations=99, seed=seed)
        for seed in range(200)
    ]
    assert_uniform([randomised_p(one, generator) for one in found])


def test_planted_tissue_is_found_in_any_order() -> None:
    tests = simulated_tests(np.random.default_rng(9), planted=True)
    found = compare_tissues(tests, ["blood", "brain", "liver", "lung"], permutations=999, seed=1)
    assert found.p_values()[0] <= 0.01
    assert found.p_values()[1:].min() > 0.05
    shuffled = compare_tissues(
        tests.sample(frac=1, random_state=1), ["lung", "liver", "blood", "brain"], permutations=999, seed=1
    )
    np.testing.assert_array_equal(found.background, shuffled.background)


def test_p_value_counts_equal_sums_as_large() -> None:
    found = Comparison(["c"], np.array([1]), np.array([0.1 + 0.2]), np.array([[0.3, 0.0, 0.4]]))
    assert found.p_values().tolist() == [3 / 4]


# ---- The table ---------------------------------------------------------------------------------------------------


def disease_signals(
    n_loci: int = 6, *, position: int = 500, tests: Sequence[dict[str, Any]] = (), **cells: Any
) -> DiseaseSignals:
    """Loci of 10 kb with one certain variant each, `position` bases from the start."""
    names = {f"L{number}": number * APART for number in range(n_loci)}
    loci = [locus(name, start=start, end=start + 10_000) for name, start in names.items()]
    variants = [variant(start + position, 1.0) | {"locus": name} | cells for name, start in names.items()]
    return DiseaseSignals(
        "some_disease",
        table(schemas.LOCI, loci),
        table(schemas.CREDIBLE_SETS, variants),
        table(schemas.COLOCALIZATION, tests),
    )


def annotation_of(n_loci: int = 6) -> dict[str, pd.DataFrame | None]:
    """The signals of `disease_signals` lie in blood; liver has as many bases at the other end of each locus."""
    rows = [
        (number * APART + start, number * APART + end, context)
        for number in range(n_loci)
        for start, end, context in ((0, 1_000, "blood"), (9_000, 10_000, "liver"))
    ]
    return {OPEN_CHROMATIN: peaks(*rows), GENE_LINK: None}


def by_context(found: pd.DataFrame, kind: str) -> dict[str, dict[str, Any]]:
    return {row["context"]: row for row in found[found["kind"] == kind].to_dict("records")}


def test_enriched_context_keeps_its_weight_and_the_others_lose_half() -> None:
    found = enrich_contexts(disease_signals(), annotation_of(), NO_STARTS, SETTINGS)
    rows = by_context(found, OPEN_CHROMATIN)
    assert rows["blood"]["p_value"] == 1 / 200
    assert rows["blood"]["q_value"] == pytest.approx(2 / 200)  # Benjamini-Hochberg by hand: p times 2 over rank 1
    assert (rows["blood"]["observed"], rows["liver"]["observed"]) == (6.0, 0.0)
    assert rows["blood"]["expected"] == pytest.approx(0.6, abs=0.15)  # 6 signals, a tenth of the bases
    assert rows["blood"]["fold"] == pytest.approx(6.5 / (rows["blood"]["expected"] + 0.5))
    assert rows["liver"]["p_value"] == rows["liver"]["q_value"] == 1.0
    assert (rows["blood"]["relevance"], rows["liver"]["relevance"]) == (1.0, 0.5)
    relevance = table_relevance(found)
    assert relevance.of(OPEN_CHROMATIN, "liver") == 0.5
    assert relevance.of(OPEN_CHROMATIN, "unknown") == relevance.of(QTL, "liver") == 1.0


def test_nothing_is_weighted_where_nothing_is_enriched_or_weighting_is_off() -> None:
    nowhere = enrich_contexts(disease_signals(position=5_000), annotation_of(), NO_STARTS, SETTINGS)
    assert set(nowhere["relevance"]) == {1.0}
    off = ContextSettings(enabled=False, permutations=199, seed=1, max_q=0.05)
    found = enrich_contexts(disease_signals(), annotation_of(), NO_STARTS, off)
    assert set(found["relevance"]) == {1.0}
    weighted = enrich_contexts(disease_signals(), annotation_of(), NO_STARTS, SETTINGS)
    pd.testing.assert_frame_equal(found.drop(columns="relevance"), weighted.drop(columns="relevance"))


@pytest.mark.parametrize(
    ("n_loci", "annotated", "status", "reason"),
    [
        (MIN_LOCI, MIN_LOCI, "ok", ""),
        (MIN_LOCI - 1, MIN_LOCI - 1, "too_few_loci", "4 independent loci of 4 with credible sets"),
        (6, 3, "too_few_loci", "3 independent loci of 6 with credible sets"),
        (0, 6, "too_few_loci", "0 independent loci of 0 with credible sets"),
    ],
)
def test_context_says_whether_it_could_be_tested(n_loci: int, annotated: int, status: str, reason: str) -> None:
    found = enrich_contexts(disease_signals(n_loci), annotation_of(annotated), NO_STARTS, SETTINGS)
    rows = by_context(found, OPEN_CHROMATIN)
    assert set(rows) == {"blood", "liver"}
    for row in rows.values():
        assert (row["status"], row["n_loci"]) == (status, min(n_loci, annotated))
        assert str(row["reason"]).startswith(reason)
        assert math.isnan(row["p_value"]) == (status != "ok")
        assert status == "ok" or row["relevance"] == 1.0


def test_annotation_elsewhere_or_absent_is_said() -> None:
    elsewhere = {OPEN_CHROMATIN: annotation_of()[OPEN_CHROMATIN].assign(chromosome="2"), GENE_LINK: peaks()}  # type: ignore[union-attr]
    found = enrich_contexts(disease_signals(), elsewhere, NO_STARTS, SETTINGS)
    assert found["status"].tolist() == ["no_annotation"] * 3 + ["no_tests"]
    assert found["context"].tolist() == ["blood", "liver", "", ""]
    assert "no interval of any context" in found["reason"][0]
    assert "the file has no intervals (annotations.enhancer_gene_links)" in found["reason"][2]
    absent = enrich_contexts(disease_signals(), NO_FILES, NO_STARTS, SETTINGS)
    assert "no such file is given (annotations.open_chromatin)" in absent["reason"][0]
    assert set(absent["relevance"]) == {1.0}


def test_variants_outside_credible_sets_and_without_pip_do_not_count() -> None:
    for cells in ({"credible_set": None}, {"pip": None}):
        found = enrich_contexts(disease_signals(**cells), annotation_of(), NO_STARTS, SETTINGS)
        assert set(by_context(found, OPEN_CHROMATIN)["blood"]["status"].split()) == {"too_few_loci"}


def test_one_signal_in_two_studies_counts_once() -> None:
    loci = table(
        schemas.LOCI,
        [
            locus("weak", start=0, end=100) | {"lead_neg_log10_p": 9.0},
            locus("strong", start=50, end=150) | {"lead_neg_log10_p": 20.0},
            locus("strongest_without_fit", start=60, end=160) | {"lead_neg_log10_p": 30.0},
            locus("other", start=1_000, end=1_100),
        ],
    )
    assert independent_loci(loci, ["weak", "strong", "other"]) == ["other", "strong"]
    assert independent_loci(loci.iloc[::-1], ["other", "weak"]) == ["other", "weak"]
    signals = disease_signals()
    twice = pd.concat([signals.loci, signals.loci.assign(locus=signals.loci["locus"] + "_again")], ignore_index=True)
    sets = signals.credible_sets
    doubled = DiseaseSignals(
        "some_disease", twice, pd.concat([sets, sets.assign(locus=sets["locus"] + "_again")]), signals.colocalization
    )
    one, two = (enrich_contexts(found, annotation_of(), NO_STARTS, SETTINGS) for found in (signals, doubled))
    pd.testing.assert_frame_equal(one, two)


def qtl_tests(n_loci: int, *tissues: str) -> list[dict[str, Any]]:
    """Every locus shares its signal with the first tissue."""
    return [
        coloc(name, 0.95 if tissue == tissues[0] else 0.01, tissue=tissue, locus=f"L{number}")
        for number in range(n_loci)
        for name in ("A", "B")
        for tissue in tissues
    ]


def test_tissues_in_the_table() -> None:
    def rows(n_loci: int, *tissues: str) -> dict[str, dict[str, Any]]:
        signals = disease_signals(tests=qtl_tests(n_loci, *tissues))
        return by_context(enrich_contexts(signals, NO_FILES, NO_STARTS, SETTINGS), QTL)

    enough = rows(6, "blood", "liver", "lung", "brain")
    assert (enough["blood"]["observed"], enough["blood"]["n_loci"]) == (pytest.approx(5.7), 6)
    assert enough["blood"]["q_value"] <= 0.05
    assert {tissue: row["relevance"] for tissue, row in enough.items()} == {
        "blood": 1.0,
        "liver": 0.5,
        "lung": 0.5,
        "brain": 0.5,
    }
    few, single = rows(4, "blood", "liver"), rows(6, "blood")
    assert {row["status"] for row in few.values()} == {"too_few_loci"}
    assert [row["status"] for row in single.values()] == ["one_context"]
    assert {row["relevance"] for row in [*few.values(), *single.values()]} == {1.0}


def test_only_tests_that_evidence_rests_on_count_for_tissues() -> None:
    """Signal 0 beside a primary one, failed tests and lead overlaps stay out; signal 0 alone steps in."""
    tests = qtl_tests(5, "blood", "liver", "lung", "brain")
    beside = [test | {"signal": 0, "primary": False, "posterior_h4": 1.0, "tissue": "liver"} for test in tests]
    failed = [test | {"posterior_h4": None, "status": "low_overlap", "tissue": "skin"} for test in tests]
    leads = [test | {"method": "lead_overlap", "tissue": "colon", "posterior_h4": 1.0} for test in tests]
    alone = [test | {"signal": 0, "primary": False} for test in tests]

    def found(given: list[dict[str, Any]]) -> pd.DataFrame:
        return enrich_contexts(disease_signals(tests=given), NO_FILES, NO_STARTS, SETTINGS)

    pd.testing.assert_frame_equal(found(tests), found([*leads, *beside, *failed, *tests]))
    pd.testing.assert_frame_equal(found(tests), found(alone))


def test_relevance_of_kinds_by_hand() -> None:
    q_values = np.array([0.05, 0.051, np.nan])
    assert relevance_factors(q_values, max_q=0.05).tolist() == [1.0, 0.5, 1.0]
    assert relevance_factors(q_values, max_q=0.01).tolist() == [1.0, 1.0, 1.0]
    for factor in (0.0, -1.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="relevance outside"):
            Relevance({(QTL, "blood"): factor})


# ---- Evidence with and without -----------------------------------------------------------------------------------

GENES = [gene("NEAR", 1_002_000)]
PAIRS = [coloc("NEAR", 0.9), coloc("NEAR", 0.2, tissue="liver"), coloc("NEAR", 0.0, tissue="lung")]


def shared_log_odds(h4: float) -> float:
    odds = 0.34 * h4 / (1 - h4)
    shared, not_shared = (math.exp(TABLE.log_odds("colocalization_eqtl", level)) for level in ("shared", "not_shared"))
    return math.log((odds * shared + not_shared) / (1 + odds))


def test_relevance_weighs_the_odds_of_tissues() -> None:
    """Odds 9, 1/4 and 0 with relevance 1, 1/2 and 1/2: a mean of (9 + 1/8) / 2 instead of 9.25 / 3."""
    relevance = Relevance({(QTL, "liver"): 0.5, (QTL, "lung"): 0.5, (OPEN_CHROMATIN, "blood"): 0.5})
    row = colocalization_evidence(locus_data(GENES, [variant(1_000_000, 0.5)], PAIRS, relevance=relevance), TABLE)[0]
    weighted, alike = 9.125 / 2, 9.25 / 3
    assert row["log_odds"] == pytest.approx(shared_log_odds(weighted / (1 + weighted)))
    assert row["log_odds_unweighted"] == pytest.approx(shared_log_odds(alike / (1 + alike)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from([1.0, 0.5, 0.25]))
def test_equal_relevance_changes_nothing(h4: list[float], factor: float) -> None:
    values = np.array(h4)
    weighted = corrected_h4(values, n_signals=2, relevance=np.full(len(h4), factor))
    assert weighted == pytest.approx(corrected_h4(values, n_signals=2), rel=1e-12)


def annotated(**tables: pd.DataFrame) -> VariantAnnotations:
    nothing = pd.DataFrame({"variant": [], "gene_id": [], "status": [], "background_quantile": []})
    return VariantAnnotations(
        **{"open_chromatin": None, "links": None, "consequences": None, "exons": nothing, "motifs": nothing}
        | {"gene_effects": nothing, "constraint": None}
        | tables
    )


CARRIED = pd.DataFrame(
    {
        "variant": ["1:1000000:A:G", "1:1000000:A:G", "1:1001000:A:G"],
        "position": [1_000_000, 1_000_000, 1_001_000],
        "pip": [0.5, 0.5, 0.2],
        "context": ["blood", "liver", "liver"],
        "gene": "NEAR",
    }
)
MOTIFS = pd.DataFrame(
    {
        "variant": ["1:1000000:A:G", "1:1001000:A:G"],
        "position": [1_000_000, 1_001_000],
        "pip": [0.5, 0.2],
        "track": ["SPI1", "SPI1"],
        "background_quantile": [0.999, 0.999],
        "status": "ok",
        "reason": "",
    }
)


@pytest.mark.parametrize(
    ("kind", "source", "level", "make"),
    [
        (OPEN_CHROMATIN, "open_chromatin", "near_tss", chromatin_evidence),
        (GENE_LINK, "enhancer_gene_link", "link", link_evidence),
        (OPEN_CHROMATIN, "motif_change", "near_tss", motif_evidence),
    ],
)
def test_variants_in_chromatin_count_with_their_most_relevant_context(
    kind: str, source: str, level: str, make: Callable[..., list[Row]]
) -> None:
    """PIP 0.5 in blood and liver counts whole, PIP 0.2 in liver only counts half: 0.6 instead of 0.7."""
    variants = [variant(1_000_000, 0.5), variant(1_001_000, 0.2)]
    annotations = annotated(open_chromatin=CARRIED, links=CARRIED, motifs=MOTIFS)

    def row(factors: dict[tuple[str, str], float]) -> Row:
        found = make(locus_data(GENES, variants, relevance=Relevance(factors)), annotations, TABLE)
        return next(row for row in found if row["gene_symbol"] == "NEAR" and row["source"] == source)

    factor = math.exp(TABLE.log_odds(source, level))
    weighted, alike = row({(kind, "liver"): 0.5}), row({})
    assert weighted["log_odds"] == pytest.approx(math.log(0.4 + 0.6 * factor))
    assert weighted["log_odds_unweighted"] == alike["log_odds"] == alike["log_odds_unweighted"]
    assert alike["log_odds"] == pytest.approx(math.log(0.3 + 0.7 * factor))
    assert weighted["value"] == alike["value"] == pytest.approx(0.7)
    assert "counted as 0.6" in str(weighted["detail"])
    assert "counted as" not in str(alike["detail"])


# ---- The step on files -------------------------------------------------------------------------------------------


def test_step_on_files_reads_one_disease(tmp_path: Path) -> None:
    def stored(schema: TableSchema, frame: pd.DataFrame) -> str:
        write_table(frame, tmp_path / f"{schema.name}.parquet", schema)
        return str(tmp_path / f"{schema.name}.parquet")

    def with_other(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([frame, frame.assign(disease="another", locus=frame["locus"] + "_other")], ignore_index=True)

    signals = disease_signals(tests=qtl_tests(6, "blood", "liver"))
    bed = tmp_path / "peaks.bed"
    columns = ["chromosome", "start", "end", "context"]
    annotation_of()[OPEN_CHROMATIN][columns].to_csv(bed, sep="\t", header=False, index=False)  # type: ignore[index]
    script.main(
        loci=[stored(schemas.LOCI, with_other(signals.loci))],
        credible_sets=[stored(schemas.CREDIBLE_SETS, with_other(signals.credible_sets))],
        colocalization=[stored(schemas.COLOCALIZATION, with_other(signals.colocalization))],
        genes=stored(schemas.GENES, table(schemas.GENES, [gene("FAR", 200), gene("RNA", 500, kind="lincRNA")])),
        annotations={"open_chromatin": str(bed), "enhancer_gene_links": None},
        enrichment=str(tmp_path / "enrichment.parquet"),
        enrichment_tsv=str(tmp_path / "enrichment.tsv"),
        disease="some_disease",
        gene_types=["protein_coding"],
        settings={"enabled": True, "permutations": 199, "seed": 1, "max_q": 0.05},
    )
    found = read_table(tmp_path / "enrichment.parquet", schemas.CONTEXT_ENRICHMENT)
    starts = pd.DataFrame({"chromosome": ["1"], "tss": [200]})
    pd.testing.assert_frame_equal(found, enrich_contexts(signals, annotation_of(), starts, SETTINGS))
    people = pd.read_csv(tmp_path / "enrichment.tsv", sep="\t")
    assert people["context"].tolist()[:2] == ["blood", "liver"]
