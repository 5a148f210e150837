"""Four chromosomes of six genes: `A1` to `A6` on chromosome 1, `B` on 2, `C` on 3, `D` on 4.

Set `ones` holds A1, B1, C1 and D1; set `twos` holds A2, B2 and C2; sixes are in no set.
"""

from math import log, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from target_toys import WEIGHTS, table

from locus2target.core import schemas
from locus2target.targets.candidates import NONE
from locus2target.targets.convergence_evidence import DiseaseLoci, convergence_evidence, score_convergence
from locus2target.targets.gene_sets import Membership
from locus2target.targets.weights import read_weights

CHROMOSOME = dict(zip("ABCD", "1234", strict=True))
SYMBOLS = [f"{letter}{number}" for letter in CHROMOSOME for number in range(1, 7)]
SETS = {"ones": ["A1", "B1", "C1", "D1"], "twos": ["A2", "B2", "C2"]}
GENES = table(
    schemas.GENES,
    [{"gene_id": f"E_{name}", "gene_symbol": name, "chromosome": CHROMOSOME[name[0]]} for name in SYMBOLS],
)
COLUMNS = ["strongest", "gene_set", "gene_set_name", "partners", "status", "reason"]


def membership(sets: dict[str, list[str]] = SETS) -> Membership:
    matrix = np.array([[name in members for members in sets.values()] for name in SYMBOLS], dtype=np.float64)
    names = pd.DataFrame({"identifier": list(sets), "name": [f"The {name}" for name in sets]})
    return Membership(sparse.csr_array(matrix), names.assign(source="toy", n_genes=matrix.sum(axis=0)), {})


def disease(loci: dict[str, dict[str, float]], *, places: dict[str, tuple[int, int]] | None = None) -> DiseaseLoci:
    """Probabilities of the genes by locus, contexts alike; `none` has the rest. Loci of one chromosome lie apart.

    `places` are starts and ends of loci that should lie elsewhere.
    """
    bounds = {name: (number * 1_000, number * 1_000 + 500) for number, name in enumerate(loci)} | (places or {})
    rows: list[dict[str, Any]] = []
    for name, genes in loci.items():
        chosen = {f"E_{gene}": (gene, value) for gene, value in genes.items()}
        for gene_id, (gene, value) in (chosen | {NONE: (NONE, 1 - sum(genes.values()))}).items():
            rows.append(
                {
                    "disease": "d",
                    "locus": name,
                    "gene_id": gene_id,
                    "gene_symbol": gene,
                    "probability": 0.123,  # what counts is the probability with contexts alike
                    "probability_local": 0.321,
                    "probability_unweighted": value,
                }
            )
    places_of = [
        {
            "disease": "d",
            "locus": name,
            "chromosome": CHROMOSOME[next(iter(genes))[0]],
            "start": bounds[name][0],
            "end": bounds[name][1],
            "status": "ok",
        }
        for name, genes in loci.items()
    ]
    return DiseaseLoci(table(schemas.LOCUS_GENES, rows), table(schemas.LOCI, places_of))


LOCI = {
    "a": {"A1": 0.2, "A2": 0.5, "A6": 0.2},
    "b": {"B1": 0.9, "B3": 0.05},
    "c": {"C1": 0.6, "C2": 0.03, "C5": 0.3},
}


def scored(*diseases: DiseaseLoci, min_loci: int = 1, sets: dict[str, list[str]] = SETS) -> list[pd.DataFrame]:
    named = {f"d{number}": one for number, one in enumerate(diseases)}
    found = score_convergence(named, GENES, membership(sets), min_loci=min_loci)
    assert list(found) == list(named)
    return [frame.set_index("gene_symbol") for frame in found.values()]


# -- scores ------------------------------------------------------------------------------------------------------------


def test_toy_by_hand() -> None:
    """Chromosome 4 has no locus: it was not looked at, so 12 genes are what chromosome 1 may learn from."""
    found = scored(disease(LOCI))[0]
    assert found.index.tolist() == ["A1", "A2", "A6", "B1", "B3", "C1", "C2", "C5"]  # by gene id
    mean = (0.9 + 0.05 + 0.6 + 0.03 + 0.3) / 12  # chromosomes 2 and 3
    z = (1.5 - 2 * mean) / sqrt(2 * mean + 0.5)  # B1 and C1
    assert found.loc["A1", "strongest"] == pytest.approx(log(1 + z), rel=1e-12)
    assert found.loc["A1", ["gene_set", "gene_set_name", "partners"]].tolist() == [
        "ones",
        "The ones",
        "B1 (0.90), C1 (0.60)",
    ]
    assert found.loc["A1", ["chromosome", "status", "reason"]].tolist() == ["1", "ok", ""]
    # twos: B2 has nothing, C2 0.03, less than 2 x mean
    assert found.loc["A2", ["strongest", "status"]].tolist() == [0.0, "in_no_set"]
    assert found.loc[["A2", "A6"], "reason"].str.contains("in no set").all()
    assert found.loc["A2", ["gene_set", "partners"]].isna().all()
    # chromosome 2 sees A and C
    mean = (0.2 + 0.5 + 0.2 + 0.6 + 0.03 + 0.3) / 12
    assert found.loc["B1", "strongest"] == pytest.approx(log(1 + (0.8 - 2 * mean) / sqrt(2 * mean + 0.5)), rel=1e-12)
    assert found.loc["B1", "partners"] == "C1 (0.60), A1 (0.20)"
    # chromosome 3: ones 1.1 of A1, B1; twos 0.5 of A2 and B2, mean 1.85 / 12
    mean = 1.85 / 12
    assert found.loc["C2", "strongest"] == pytest.approx(log(1 + (0.5 - 2 * mean) / sqrt(2 * mean + 0.5)), rel=1e-12)
    assert found.loc["C2", "partners"] == "A2 (0.50)"  # B2 carries nothing


def test_a_gene_of_several_loci_counts_as_often_and_at_most_one_and_a_half_times() -> None:
    twice = scored(disease(LOCI | {"b2": {"B1": 0.3}}))[0]
    assert twice.loc["A1", "partners"] == "B1 (1.20), C1 (0.60)"
    often = scored(disease(LOCI | {f"b{number}": {"B1": 0.9} for number in range(2, 5)}))[0]
    assert often.loc["A1", "partners"] == "B1 (1.50), C1 (0.60)"


def test_two_studies_of_one_signal_count_once() -> None:
    """Locus b again from another study, overlapping: the larger probability of each gene counts, and one locus."""
    again = LOCI | {"b2": {"B1": 0.7, "B3": 0.25}}
    merged = LOCI | {"b": {"B1": 0.9, "B3": 0.25}}
    places = {"b": (1_000, 2_000), "b2": (1_500, 2_500)}
    found, expected = scored(disease(again, places=places))[0], scored(disease(merged))[0]
    pd.testing.assert_frame_equal(found, expected)
    # a third study bridges nothing, beside it: a signal of its own
    apart = scored(disease(again, places={"b": (1_000, 2_000), "b2": (2_000, 2_500)}))[0]
    assert apart.loc["A1", "partners"] == "B1 (1.50), C1 (0.60)"
    few = scored(disease(again, places=places), min_loci=3)[0]
    assert few.loc["A1", "reason"] == "2 independent loci on other chromosomes, fewer than 3"


def test_too_few_loci_on_other_chromosomes() -> None:
    loci = {"b": LOCI["b"], "b2": {"B1": 0.5}, "c": LOCI["c"]}
    found = scored(disease(loci), min_loci=2)[0]
    assert found.loc["C1", "status"] == "ok"  # two loci on chromosome 2
    assert found.loc["B1", ["strongest", "status"]].tolist() == [0.0, "too_few_loci"]
    assert found.loc["B1", "reason"] == "1 independent loci on other chromosomes, fewer than 2"
    assert found.loc["B1", ["gene_set", "gene_set_name", "partners"]].isna().all()


def test_loci_without_candidates_are_no_loci() -> None:
    one = disease(LOCI)
    unranked = table(
        schemas.LOCUS_GENES,
        [{"disease": "d", "locus": "e", "gene_id": NONE, "gene_symbol": NONE, "probability_unweighted": 1.0}],
    )
    place = table(schemas.LOCI, [{"disease": "d", "locus": "e", "chromosome": "2", "start": 9_000, "end": 9_500}])
    more = DiseaseLoci(pd.concat([one.candidates, unranked]), pd.concat([one.loci, place], ignore_index=True))
    pd.testing.assert_frame_equal(scored(more, min_loci=3)[0], scored(one, min_loci=3)[0])


def test_a_disease_without_loci_has_no_rows() -> None:
    nothing = DiseaseLoci(table(schemas.LOCUS_GENES, []), table(schemas.LOCI, []))
    found = scored(nothing, disease(LOCI))
    assert found[0].empty
    assert found[1].drop(columns="disease").equals(scored(disease(LOCI))[0].drop(columns="disease"))
    assert scored(nothing)[0].empty


def test_at_most_five_partners_by_weight_then_name() -> None:
    sets = {"many": ["A1", *(f"B{number}" for number in range(1, 7)), "C1"]}
    loci = {"a": {"A1": 0.9}, "b": {f"B{number}": 0.1 for number in (6, 5, 4, 3, 2, 1)}, "c": {"C1": 0.3, "C2": 0.04}}
    found = scored(disease(loci), sets=sets)[0]
    assert found.loc["A1", "partners"] == "C1 (0.30), B1 (0.10), B2 (0.10), B3 (0.10), B4 (0.10)"


def test_similar_diseases_lend_their_loci() -> None:
    """Three like loci make two diseases alike; the locus of C1 is known for one of them alone."""
    alike = {"b": {"B3": 0.9}, "c": {"C3": 0.9}, "a": {"A1": 0.5}}
    one, other = disease(alike), disease(alike | {"c2": {"C1": 0.9}})
    alone, lent = scored(one)[0], scored(one, other)[0]
    assert alone.loc["A1", "status"] == "in_no_set"
    assert lent.loc["A1", "gene_set"] == "ones"
    # over the genes of chromosomes 2 and 3 (12 in all); own weights in the first row
    weights = np.zeros((2, 12))
    weights[:, [2, 8]] = 0.9
    weights[1, 6] = 0.9
    pooled = np.minimum(weights[0] + np.corrcoef(weights)[0, 1] * weights[1], 1.5)
    expected = 2 * pooled.mean()
    assert lent.loc["A1", "strongest"] == pytest.approx(log(1 + (pooled[6] - expected) / sqrt(expected + 0.5)))
    assert pd.isna(lent.loc["A1", "partners"])  # partners are the disease's own


def random_disease(generator: np.random.Generator, letters: str, *, prefix: str = "") -> dict[str, dict[str, float]]:
    return {
        f"{prefix}{letter}{number}": dict(
            zip(
                (f"{letter}{gene}" for gene in range(1, 7)),
                (float(value) for value in generator.dirichlet(np.full(7, 0.3))[:6]),
                strict=True,
            )
        )
        for letter in letters
        for number in range(int(generator.integers(1, 4)))
    }


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), letter=st.sampled_from("ABCD"))
def test_nothing_on_its_own_chromosome_matters_to_a_gene(seed: int, letter: str) -> None:
    """Other loci on a chromosome, for the disease and for others, leave the scores of its genes as they were."""
    generator = np.random.default_rng(seed)
    others = "ABCD".replace(letter, "")
    fixed = [random_disease(generator, others) for _ in range(3)]
    before, after = (
        scored(
            *(
                disease(one | random_disease(np.random.default_rng([seed, case, n]), letter))
                for n, one in enumerate(fixed)
            )
        )
        for case in (0, 1)
    )
    for old, new in zip(before, after, strict=True):
        here = [name for name in old.index if name.startswith(letter)]
        assert len(here) == 6
        pd.testing.assert_frame_equal(new.loc[here, COLUMNS], old.loc[here, COLUMNS], check_exact=True)
    # and the same loci do matter elsewhere
    assert any(
        not new.drop(index=here)["strongest"].equals(old.drop(index=here)["strongest"])
        for old, new in zip(before, after, strict=True)
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_inputs_does_not_matter(seed: int) -> None:
    generator = np.random.default_rng(seed)
    diseases = {name: disease(random_disease(generator, "ABCD")) for name in ("x", "y")}
    shuffled = {
        name: DiseaseLoci(one.candidates.sample(frac=1, random_state=1), one.loci.sample(frac=1, random_state=2))
        for name, one in reversed(diseases.items())
    }
    order = generator.permutation(len(GENES))
    whole = membership()
    moved = Membership(whole.matrix[order], whole.sets, {})
    one = score_convergence(diseases, GENES, whole, min_loci=2)
    other = score_convergence(shuffled, GENES.iloc[order].reset_index(drop=True), moved, min_loci=2)
    for name, frame in one.items():
        pd.testing.assert_frame_equal(other[name], frame, rtol=1e-9)


def test_a_planted_pathway_is_found_and_a_random_one_is_not() -> None:
    """Targets of one pathway at 20 loci of 6 genes each stand out from their neighbours; of no pathway they do not."""
    generator = np.random.default_rng(1)
    n_loci, n_genes = 20, 6
    symbols = [f"G{locus}_{gene}" for locus in range(n_loci) for gene in range(n_genes)]
    chromosomes = [str(1 + locus % 5) for locus in range(n_loci) for _ in range(n_genes)]
    genes = table(
        schemas.GENES,
        [
            {"gene_id": f"E{number:03d}", "gene_symbol": name, "chromosome": place}
            for number, (name, place) in enumerate(zip(symbols, chromosomes, strict=True))
        ],
    )
    targets = [locus * n_genes + int(generator.integers(n_genes)) for locus in range(n_loci)]
    local = np.full(len(symbols), 0.1)
    local[targets] = 0.3  # what is known of each locus alone
    rows = [
        {
            "locus": f"L{number // n_genes}",
            "gene_id": f"E{number:03d}",
            "gene_symbol": name,
            "probability_unweighted": value,
        }
        for number, (name, value) in enumerate(zip(symbols, local, strict=True))
    ]
    loci = [
        {
            "locus": f"L{number}",
            "chromosome": chromosomes[number * n_genes],
            "start": number * 1_000,
            "end": number * 1_000 + 9,
        }
        for number in range(n_loci)
    ]
    given_disease = {"d": DiseaseLoci(table(schemas.LOCUS_GENES, rows), table(schemas.LOCI, loci))}

    def advantage(planted: bool) -> float:
        """Mean score of the targets less that of the other genes."""
        matrix = (generator.random((len(symbols), 30)) < 0.1).astype(np.float64)
        matrix[:, 0] = 0.0
        matrix[targets if planted else generator.choice(len(symbols), n_loci, replace=False), 0] = 1.0
        sets = pd.DataFrame({"identifier": [f"S{n}" for n in range(30)], "name": "", "source": "", "n_genes": 0})
        found = score_convergence(given_disease, genes, Membership(sparse.csr_array(matrix), sets, {}), min_loci=2)["d"]
        strongest = found["strongest"].to_numpy()  # by gene id, as the genes are
        if planted:
            assert (found["gene_set"].iloc[targets] == "S0").all()
        return float(strongest[targets].mean() - np.delete(strongest, targets).mean())

    assert advantage(planted=True) > 0.4
    assert abs(np.mean([advantage(planted=False) for _ in range(20)])) < 0.1


# -- evidence ----------------------------------------------------------------------------------------------------------


def evidence(*, enabled: bool = True, min_loci: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    one = disease(LOCI | {"d": {"D1": 0.4}})
    scores = score_convergence({"d": one}, GENES, membership(), min_loci=min_loci)["d"]
    rows = convergence_evidence(scores, one.candidates, read_weights(WEIGHTS), enabled=enabled)
    return rows.set_index(["locus", "gene_symbol"]), scores.set_index("gene_symbol")


def test_log_odds_are_the_weighted_scores_centred_within_the_locus() -> None:
    rows, scores = evidence()
    assert len(rows) == 9  # one per locus and gene, none for `none`
    weight = read_weights(WEIGHTS).log_odds("convergence", "log1p_z")
    for _, of_locus in rows.groupby(level=0):
        genes = of_locus.index.get_level_values(1)
        expected = weight * scores.loc[genes, "strongest"].to_numpy()
        differences = of_locus["log_odds"].to_numpy() - expected
        np.testing.assert_allclose(differences, differences[0], atol=1e-12)
        assert np.exp(of_locus["log_odds"]).mean() == pytest.approx(1.0)
    assert rows.loc[("d", "D1"), "log_odds"] == 0.0  # one gene has nothing to compete with
    assert rows.loc[("d", "D1"), "value"] > 0
    assert (rows["log_odds_unweighted"] == rows["log_odds"]).all()
    assert (rows["source"] == "convergence").all()
    assert rows.loc[("a", "A1"), "log_odds"] > 0 > rows.loc[("a", "A6"), "log_odds"]


def test_rows_say_which_pathway_is_shared_with_whom() -> None:
    rows, _ = evidence()
    assert rows.loc[("a", "A1"), "detail"] == "shares the pathway The ones with B1, C1, D1 at other loci"
    assert rows.loc[("a", "A1"), ["context", "status", "reason"]].tolist() == ["The ones", "ok", ""]
    assert rows.loc[("a", "A6"), "status"] == "in_no_set"
    assert rows.loc[("a", "A6"), "detail"] == rows.loc[("a", "A6"), "reason"] != ""
    assert pd.isna(rows.loc[("a", "A6"), "context"])


def test_too_few_loci_say_so_and_count_nothing() -> None:
    rows, _ = evidence(min_loci=4)
    assert (rows["status"] == "too_few_loci").all()
    assert (rows[["log_odds", "log_odds_unweighted", "value"]] == 0).all(axis=None)


def test_switched_off_rows_show_what_they_would_have_said() -> None:
    on, _ = evidence()
    off, _ = evidence(enabled=False)
    assert (off["status"] == "switched_off").all()
    assert off["reason"].str.contains("ranking.convergence.enabled").all()
    assert (off[["log_odds", "log_odds_unweighted"]] == 0).all(axis=None)
    pd.testing.assert_frame_equal(off[["value", "context", "detail"]], on[["value", "context", "detail"]])


def test_a_gene_shared_by_members_without_weight_of_their_own_has_unnamed_partners() -> None:
    """Pooled from another disease: the set counts, and the disease's own partners are none."""
    alike = {"b": {"B3": 0.9}, "c": {"C3": 0.9}, "a": {"A1": 0.5, "A4": 0.1}}
    one, other = disease(alike), disease(alike | {"c2": {"C1": 0.9}})
    scores = score_convergence({"d0": one, "d1": other}, GENES, membership(), min_loci=1)["d0"]
    rows = convergence_evidence(scores, one.candidates, read_weights(WEIGHTS), enabled=True).set_index("gene_symbol")
    assert rows.loc["A1", "detail"] == "shares the pathway The ones with genes at other loci"


def test_a_disease_without_candidates_has_no_evidence() -> None:
    empty = convergence_evidence(
        table(schemas.CONVERGENCE, []), table(schemas.LOCUS_GENES, []), read_weights(WEIGHTS), enabled=True
    )
    assert empty.empty
    assert list(empty.columns) == schemas.EVIDENCE.names
