"""Chromosome 2 has the locus: genes A, B, 100 kb apart. Chromosome 4 has C to H, 2 Mb apart: one signal, one gene.

Chromosome 6 has gene X and never a signal: it was not looked at, and X is no gene where weight is expected.
"""

from collections.abc import Sequence
from math import exp, log, log10, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.targets.benchmark_data import Benchmark, build_benchmark, read_credible_sets
from locus2target.targets.gene_sets import GeneSet, GeneSetFile
from locus2target.targets.ranking_features import FEATURES, benchmark_features

SLOPE = -2.0
WINDOW = 500_000
A, B = 1_000_000, 1_100_000
STARTS = {
    "A": ("2", A),
    "B": ("2", B),
    **{name: ("4", 2_000_000 * n) for n, name in enumerate("CDEFGH", 1)},
    "X": ("6", A),
}
GENES = pd.DataFrame(
    [
        {"gene_id": f"ENSG_{name}", "gene_symbol": name, "chromosome": chromosome, "tss": tss}
        for name, (chromosome, tss) in STARTS.items()
    ]
).assign(body_start=np.nan, body_end=np.nan, strand="+", gene_type="protein_coding")
PATHWAYS = {"with_a": "ACDEF", "with_b": "BDFGH"}
OWN = [("T", "own", "2", A + 20_000, 0.6), ("T", "own", "2", A + 40_000, 0.2)]
TRUTH = [("T", "own", "2", A + 20_000, "A")]

Variant = tuple[str, str, str, int, float] | tuple[str, str, str, int, float, bool]


def pathways(sets: dict[str, str] = PATHWAYS) -> GeneSetFile:
    return GeneSetFile(Path("toy.gmt"), tuple(GeneSet(name, name, "toy", frozenset(sets[name])) for name in sets), {})


def credible_sets(variants: Sequence[Variant]) -> pd.DataFrame:
    """As `read_credible_sets` gives them; the sixth cell says whether the set has a coding variant."""
    columns = ["trait", "credible_set_id", "chromosome", "position", "pip", "has_coding"]
    return pd.DataFrame([(*row, False)[:6] for row in variants], columns=columns).assign(allele1="A", allele2="G")


def truth_table(rows: Sequence[tuple[str, str | None, str, int, str]]) -> pd.DataFrame:
    columns = ["trait", "credible_set_id", "chromosome", "position", "gene"]
    table = pd.DataFrame(rows, columns=columns).astype({"credible_set_id": "object"})
    places = table["chromosome"] + ":" + table["position"].astype(str)
    return table.assign(locus=table["trait"] + "|" + table["credible_set_id"].fillna(places))


def benchmark(truth: pd.DataFrame, sets: pd.DataFrame | None) -> Benchmark:
    return build_benchmark(truth, GENES, sets, window_bp=WINDOW)


def features(
    variants: Sequence[Variant], *, truth: Sequence[tuple[str, str | None, str, int, str]] = TRUTH
) -> pd.DataFrame:
    """Features by trait and gene, of the loci of one credible set each."""
    sets = credible_sets(variants)
    known = benchmark(truth_table(truth), sets)
    found = benchmark_features(known, GENES, sets, pathways(), shares_slope=SLOPE, window_bp=WINDOW)
    assert tuple(found.columns) == FEATURES
    return found.set_index(pd.MultiIndex.from_frame(known.candidates[["locus", "gene_symbol"]]))


def share_of_a(position: int) -> float:
    """Share of gene A, beside B, in a signal of one variant."""
    odds = SLOPE * (log10(abs(position - A) + 1_000) - log10(abs(position - B) + 1_000))
    return 1 / (1 + exp(-odds))


# -- distance and other signals ----------------------------------------------------------------------------------------


def test_distance_and_other_signals_by_hand() -> None:
    halfway, at_b = (A + B) // 2, B
    found = features(
        [*OWN, ("T", "x", "2", halfway, 0.4), ("T", "y", "2", at_b, 0.9), ("T", "far", "2", 9_000_000, 1.0)]
    )
    a, b = found.loc[("T|own", "A")], found.loc[("T|own", "B")]
    assert a["distance"] == pytest.approx(0.75 * log10(21_000) + 0.25 * log10(41_000))
    assert b["distance"] == pytest.approx(0.75 * log10(81_000) + 0.25 * log10(61_000))
    assert a["other_signals"] == pytest.approx(log(1 + 0.5 + share_of_a(at_b)))
    assert b["other_signals"] == pytest.approx(log(1 + 0.5 + 1 - share_of_a(at_b)))
    assert (found[["convergence", "convergence_own"]] == 0).all(axis=None)  # nothing is known of other chromosomes


def test_a_locus_own_signal_is_no_other_signal() -> None:
    found = features(OWN)
    np.testing.assert_allclose(found["other_signals"], 0.0, atol=1e-12)
    assert (found["other_signals"] >= 0).all()
    two = features([*OWN, ("T", "x", "2", B, 0.9)], truth=[*TRUTH, ("T", "x", "2", B, "A")])
    # each of the two loci sees the other's signal
    assert two.loc[("T|own", "A"), "other_signals"] == pytest.approx(log(1 + share_of_a(B)))
    mean_a, mean_b = two.loc["T|own", "distance"]
    own_share = 1 / (1 + exp(-SLOPE * (mean_a - mean_b)))
    assert two.loc[("T|x", "A"), "other_signals"] == pytest.approx(log(1 + own_share))


def test_signals_of_other_traits_are_none_of_the_trait() -> None:
    more = [("U", "x", "2", B, 0.9), ("U", "own", "2", A, 0.9)]
    np.testing.assert_array_equal(features([*OWN, *more])["other_signals"], features(OWN)["other_signals"])


def test_a_set_with_a_coding_variant_is_no_other_signal() -> None:
    quiet = [*OWN, ("T", "x", "2", B - 3, 0.5)]
    loud = [*quiet, ("T", "truth", "2", A, 0.9, True)]
    np.testing.assert_array_equal(features(loud)["other_signals"], features(quiet)["other_signals"])
    noncoding = [*quiet, ("T", "truth", "2", A, 0.9, False)]
    assert (
        features(noncoding).loc[("T|own", "A"), "other_signals"] > features(quiet).loc[("T|own", "A"), "other_signals"]
    )


def test_one_coding_variant_makes_its_whole_set_coding(tmp_path: Path) -> None:
    """Read from a file, where the variant of high PIP is not the coding one."""
    rows = [(*row, False) for row in OWN]
    rows += [("T", "x", "2", B, 0.9, False), ("T", "x", "2", B + 5, 0.05, True), ("T", "y", "2", A, 0.9, False)]
    names = ["trait", "credible_set_id", "chromosome", "position_0based_start", "pip", "coding"]
    table = pd.DataFrame(rows, columns=names).assign(allele1="A", allele2="G")
    table["position_0based_start"] -= 1
    table.to_csv(tmp_path / "sets.tsv", sep="\t", index=False)
    table.drop(columns="coding").to_csv(tmp_path / "unknown.tsv", sep="\t", index=False)

    def others(name: str) -> np.ndarray:
        sets = read_credible_sets([tmp_path / name])
        known = benchmark(truth_table(TRUTH), sets)
        found = benchmark_features(known, GENES, sets, pathways(), shares_slope=SLOPE, window_bp=WINDOW)
        return found["other_signals"].to_numpy()

    np.testing.assert_allclose(others("sets.tsv"), np.log1p([share_of_a(A), 1 - share_of_a(A)]), rtol=1e-12)
    assert (others("unknown.tsv") == 0).all()  # it cannot be ruled out that they are the truth


# -- convergence -------------------------------------------------------------------------------------------------------


def at(gene: str) -> tuple[str, int]:
    return STARTS[gene]


def z(observed: float, expected: float) -> float:
    return (observed - expected) / sqrt(expected + 0.5)


def test_convergence_by_hand() -> None:
    """T has signals at C (two, which count 1.5) and D, U at C and G; the trait U resembles T."""
    elsewhere = [("T", "c", *at("C"), 0.9), ("T", "c2", *at("C"), 0.9), ("T", "d", *at("D"), 0.3)]
    others = [("U", "c", *at("C"), 0.9), ("U", "g", *at("G"), 0.9)]
    found = features([*OWN, *elsewhere, *others])
    own = np.array([1.5, 1, 0, 0, 0, 0])  # C to H
    theirs = np.array([1.0, 0, 0, 0, 1, 0])
    # with_a has C, D, E, F there; with_b has D, F, G, H
    pooled = np.minimum(own + max(np.corrcoef(own, theirs)[0, 1], 0) * theirs, 1.5)
    assert pooled[4] > 0.2
    for name, weights in (("convergence_own", own), ("convergence", pooled)):
        expected = 4 * weights.mean()
        assert found.loc[("T|own", "A"), name] == pytest.approx(log(1 + z(weights[:4].sum(), expected)), rel=1e-12)
        best = max(z(weights[[1, 3, 4, 5]].sum(), expected), 0.0)
        assert found.loc[("T|own", "B"), name] == pytest.approx(log(1 + best), rel=1e-12, abs=1e-12)
    assert found.loc[("T|own", "A"), "convergence"] != found.loc[("T|own", "A"), "convergence_own"]


def test_sets_with_coding_variants_on_other_chromosomes_count_nowhere() -> None:
    """Chromosome 4 has no other set: it was not looked at, as if nothing were there."""
    coding = features([*OWN, ("T", "c", *at("C"), 0.9, True)])
    pd.testing.assert_frame_equal(coding, features(OWN), check_exact=True)
    assert (coding["convergence"] == 0).all()
    # the same set without the coding variant is C alone among 6 genes, one of the 4 partners of A
    plain = features([*OWN, ("T", "c", *at("C"), 0.9)])
    assert plain.loc[("T|own", "A"), "convergence"] == pytest.approx(log(1 + z(1.0, 4 / 6)), rel=1e-12)


def random_variants(
    generator: np.random.Generator, n: int, *, chromosome: str, prefix: str, coding: bool | None
) -> list[Variant]:
    """Sets of one variant anywhere near the genes of a chromosome, of either trait."""
    starts = [tss for place, tss in STARTS.values() if place == chromosome]
    return [
        (
            ("T", "U")[int(generator.integers(2))],
            f"{prefix}{number}",
            chromosome,
            int(generator.choice(starts) + generator.integers(-200_000, 200_000)),
            float(generator.uniform(0.1, 1.0)),
            bool(generator.integers(2)) if coding is None else coding,
        )
        for number in range(n)
    ]


BACKGROUND: list[Variant] = [("T", "t", "4", 2_000_000, 0.5), ("U", "u", "4", 4_000_000, 0.5)]  # both traits exist
TWO_LOCI = [*TRUTH, ("U", "ours", "2", B, "B")]
OURS: list[Variant] = [*OWN, ("U", "ours", "2", B, 0.9)]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), counts=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_coding_sets_change_nothing_on_any_chromosome(seed: int, counts: tuple[int, int]) -> None:
    """The truth is made from them: added, removed or moved, every feature stays as it is to the last bit."""
    generator = np.random.default_rng(seed)
    noncoding = random_variants(generator, 4, chromosome="2", prefix="n", coding=False)
    elsewhere = random_variants(generator, 6, chromosome="4", prefix="e", coding=None)
    common = [*OURS, *BACKGROUND, *noncoding, *elsewhere]
    one, other = (
        features(
            [
                *common,
                *(
                    row
                    for place in "246"
                    for row in random_variants(generator, count, chromosome=place, prefix=prefix, coding=True)
                ),
            ],
            truth=TWO_LOCI,
        )
        for count, prefix in zip(counts, ("c", "a"), strict=True)  # `a` and `c`: sorted before and among the others
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), counts=st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_nothing_on_the_chromosome_of_a_locus_reaches_its_convergence(seed: int, counts: tuple[int, int]) -> None:
    generator = np.random.default_rng(seed)
    elsewhere = random_variants(generator, 6, chromosome="4", prefix="e", coding=None)
    one, other = (
        features(
            [
                *OURS,
                *BACKGROUND,
                *elsewhere,
                *random_variants(generator, count, chromosome="2", prefix=f"k{case}", coding=None),
            ],
            truth=TWO_LOCI,
        )
        for case, count in enumerate(counts)
    )
    columns = ["distance", "convergence", "convergence_own"]
    pd.testing.assert_frame_equal(one[columns], other[columns], check_exact=True)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_truth_is_not_read(seed: int) -> None:
    generator = np.random.default_rng(seed)
    variants = [*OURS, *BACKGROUND, *random_variants(generator, 8, chromosome="2", prefix="k", coding=None)]
    swapped = [(*row[:4], {"A": "B", "B": "A"}[row[4]]) for row in TWO_LOCI]
    pd.testing.assert_frame_equal(
        features(variants, truth=TWO_LOCI), features(variants, truth=swapped), check_exact=True
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_sets_and_genes_does_not_matter(seed: int) -> None:
    generator = np.random.default_rng(seed)
    variants = [*OURS, *BACKGROUND, *random_variants(generator, 12, chromosome="4", prefix="k", coding=None)]
    sets = credible_sets(variants)
    known = benchmark(truth_table(TWO_LOCI), sets)
    one, other = (
        benchmark_features(known, genes, table, pathways(), shares_slope=SLOPE, window_bp=WINDOW)
        for genes, table in (
            (GENES, sets),
            (GENES.sample(frac=1, random_state=seed), sets.sample(frac=1, random_state=1)),
        )
    )
    pd.testing.assert_frame_equal(other, one, rtol=1e-9)


# -- lead variants only ------------------------------------------------------------------------------------------------


def test_leads_speak_for_convergence_and_not_for_other_signals() -> None:
    """Two leads of T near A; its lead at C is the one signal elsewhere, however many targets or repeats it has."""
    leads = [
        ("T", None, "2", A + 20_000, "A"),
        ("T", None, "2", (A + B) // 2, "B"),
        ("T", None, *at("C"), "C"),
        ("T", None, *at("C"), "D"),  # a second target of the same lead
    ]
    known = benchmark(truth_table(leads), None)
    found = benchmark_features(known, GENES, None, pathways(), shares_slope=SLOPE, window_bp=WINDOW)
    assert (found["other_signals"] == 0).all()
    rows = found.set_index(pd.MultiIndex.from_frame(known.candidates[["locus", "gene_symbol"]]))
    assert rows.loc[(f"T|2:{(A + B) // 2}", "A"), "distance"] == pytest.approx(log10(51_000))
    for locus in (f"T|2:{A + 20_000}", f"T|2:{(A + B) // 2}"):
        assert rows.loc[(locus, "A"), "convergence"] == pytest.approx(log(1 + z(1.0, 4 / 6)), rel=1e-12)
        assert rows.loc[(locus, "B"), "convergence"] == 0.0
    # C sees the leads of chromosome 2 alone: the shares of A in two leads, of 2 genes in all
    weight = share_of_a(A + 20_000) + 0.5
    assert 1.2 < weight < 1.5
    assert rows.loc[(f"T|4:{at('C')[1]}", "C"), "convergence"] == pytest.approx(log(1 + z(weight, 1.0)), rel=1e-12)
