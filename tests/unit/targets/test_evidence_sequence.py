import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_toys import WEIGHTS, gene, locus_data, table, variant

from locus2target.core import schemas
from locus2target.sequence.background import PROBABILITIES, background_quantiles
from locus2target.sequence.scorers import TRACK_SCORERS
from locus2target.targets.evidence_annotation import VariantAnnotations
from locus2target.targets.evidence_rows import LocusData, Row
from locus2target.targets.evidence_sequence import (
    LEVEL_SCORES,
    SIGNED_SCORES,
    gene_effect_evidence,
    select_gene_effects,
)
from locus2target.targets.weights import read_weights

GENES = [gene("NEAR", 1_000_000), gene("FAR", 1_200_000)]
WEIGHT = 0.5  # gene_effect large


def effect(position: int, quantile: float | None, name: str | None = "NEAR", **cells: Any) -> dict[str, Any]:
    """A row of the largest effect of one variant under one score."""
    return {
        "variant": f"1:{position}:A:G",
        "gene_id": None if name is None else f"ENSG_{name}",
        "model": "m",
        "track": "K562",
        "scorer": "largest_logSED",
        "mask": "exons",
        "largest": True,
        "value": 0.3,
        "background_quantile": quantile,
        "status": "ok",
        **cells,
    }


def variants(*cells: tuple[int, float, float | None]) -> list[dict[str, Any]]:
    """Variants by position, PIP and effect of ALT on the disease."""
    return [variant(position, pip) | {"posterior_mean": mean} for position, pip, mean in cells]


ONE = variants((100, 0.4, 0.2))


def judge(effects: Sequence[dict[str, Any]], carriers: Sequence[dict[str, Any]] = ONE) -> list[Row]:
    data = locus_data(GENES, carriers)
    return gene_effect_evidence(data, annotations(effects, data), read_weights(WEIGHTS))


def annotations(effects: Sequence[dict[str, Any]], data: LocusData) -> VariantAnnotations:
    nothing = pd.DataFrame()
    chosen = select_gene_effects(table(schemas.VARIANT_EFFECTS, effects))
    with_pip = chosen.merge(data.scored[["variant", "position", "pip"]].reset_index(drop=True), on="variant")
    return VariantAnnotations(None, None, None, nothing, nothing, with_pip, None)


def of_gene(rows: Sequence[Row], name: str = "NEAR") -> Row | None:
    found = [row for row in rows if row["gene_id"] == f"ENSG_{name}"]
    assert len(found) <= 1
    return found[0] if found else None


def test_row_of_a_large_effect() -> None:
    row = of_gene(judge([effect(100, 0.99)]))
    assert row is not None
    assert row["log_odds"] == pytest.approx(math.log(0.4 * math.exp(WEIGHT) + 0.6))
    assert (row["value"], row["unit"], row["context"]) == (0.4, "PIP mass", "K562")
    assert (row["variants"], row["status"]) == ("1:100:A:G", "ok")
    assert "unreliably" in str(row["detail"])


@pytest.mark.parametrize(
    ("quantiles", "large"),
    [
        ([0.99], True),
        ([0.989], False),
        ([0.995, 0.1], True),  # 2 scores: tail 2 * 0.005
        ([0.994, 0.1], False),
        ([0.996, 0.1, 0.1], False),  # 3 * 0.004
        ([1.0] + [0.0] * 9, True),  # beyond the background: its grid tells tails of 0.001 apart
        ([0.99, None], True),  # a score without a background is no test
    ],
)
def test_effects_are_large_after_correction_for_the_scores(quantiles: list[float | None], large: bool) -> None:
    rows = judge([effect(100, quantile, model=f"m{i}") for i, quantile in enumerate(quantiles)])
    assert (of_gene(rows) is not None) == large


def test_masks_of_one_score_are_two_scores() -> None:
    rows = [effect(100, 0.99, mask="exons"), effect(100, 0.5, mask="tss:500")]
    assert of_gene(judge(rows)) is None


def test_more_scores_than_the_background_can_tell_apart() -> None:
    rows = judge([effect(100, 1.0, model=f"m{i}") for i in range(11)])
    assert [row["status"] for row in rows] == ["too_many_scores"]
    assert "11 scores" in str(rows[0]["reason"])
    assert rows[0]["log_odds"] == 0


def test_the_best_model_counts_and_not_the_sum() -> None:
    one = of_gene(judge([effect(100, 1.0), effect(100, 0.0, model="n")]))
    both = of_gene(judge([effect(100, 1.0), effect(100, 1.0, model="n")]))
    assert one is not None
    assert both is not None
    assert both["log_odds"] == one["log_odds"]


def test_smaller_effects_of_a_variant_are_no_evidence() -> None:
    """Rows of single tracks are too many to correct for, and may have been cut."""
    track = effect(100, 1.0, "FAR", scorer="logSED", largest=False)
    assert of_gene(judge([effect(100, 0.99), track]), "FAR") is None


def test_genes_get_the_variants_that_they_answer_to() -> None:
    carriers = variants((100, 0.4, 0.1), (200, 0.3, 0.1), (300, 0.2, 0.1))
    rows = judge([effect(100, 0.99), effect(200, 0.99, "FAR"), effect(300, 0.995)], carriers)
    near, far = of_gene(rows), of_gene(rows, "FAR")
    assert near is not None
    assert far is not None
    assert (near["variants"], far["variants"]) == ("1:100:A:G,1:300:A:G", "1:200:A:G")
    assert near["value"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("value", "mean", "z", "direction"),
    [
        (0.3, 0.2, None, 1.0),  # ALT raises the gene and the disease
        (-0.3, -0.2, None, 1.0),
        (-0.3, 0.2, None, -1.0),
        (0.3, -0.2, 5.0, -1.0),  # the fine-mapped effect goes before the marginal one
        (0.3, None, -5.0, -1.0),
        (0.3, None, None, None),
        (0.0, 0.2, None, None),
    ],
)
def test_direction_needs_both_signs(value: float, mean: float | None, z: float | None, direction: float | None) -> None:
    carrier = variant(100, 0.4) | {"posterior_mean": mean, "z_score": z}
    row = of_gene(judge([effect(100, 0.99, value=value)], [carrier]))
    assert row is not None
    assert row["direction"] == direction
    assert direction is not None or "direction unknown" in str(row["detail"])


def test_unsigned_scores_have_no_direction() -> None:
    row = of_gene(judge([effect(100, 0.99, scorer="largest_nDinf")]))
    assert row is not None
    assert row["direction"] is None


def test_large_effects_that_disagree_have_no_direction() -> None:
    carriers = variants((100, 0.4, 0.1), (200, 0.3, 0.1))
    row = of_gene(judge([effect(100, 0.99), effect(200, 0.99, value=-0.3)], carriers))
    assert row is not None
    assert row["direction"] is None
    assert "differ" in str(row["detail"])
    # a smaller effect has no say
    row = of_gene(judge([effect(100, 0.99), effect(200, 0.5, value=-0.3)], carriers))
    assert row is not None
    assert row["direction"] == 1.0


def test_levels_are_not_changes() -> None:
    assert judge([effect(100, 1.0, scorer="largest_gene_mask_active")]) == []


def test_names_of_scores_are_those_of_the_models() -> None:
    signed = {name for name, scorer in TRACK_SCORERS.items() if scorer.signed}
    assert signed | {"predixcan_weight"} == SIGNED_SCORES
    assert set(TRACK_SCORERS) > LEVEL_SCORES
    assert {name for name, s in TRACK_SCORERS.items() if s.formula.startswith("max(")} == LEVEL_SCORES


def test_failures_have_one_row_per_status() -> None:
    carriers = variants((100, 0.4, 0.1), (200, 0.3, 0.1), (300, 0.2, 0.1))
    failed = [effect(p, None, None, status="no_sequence", reason="N") for p in (200, 300)]
    rows = judge([effect(100, 0.99), *failed], carriers)
    assert [row["status"] for row in rows] == ["no_sequence", "ok", "ok"]
    assert rows[0]["value"] == pytest.approx(0.5)
    assert (rows[0]["reason"], rows[0]["log_odds"], rows[0]["gene_id"]) == ("N", 0.0, "none")


def test_failures_of_models_without_genes_are_theirs() -> None:
    failed = effect(100, None, None, scorer="motif_max_rank_change", model="motifs", status="no_sequence")
    assert judge([failed]) == []


def test_variants_without_background_are_told() -> None:
    carriers = variants((100, 0.4, 0.1), (200, 0.3, 0.1))
    rows = judge([effect(100, 0.99), effect(200, None)], carriers)
    untold = [row for row in rows if row["status"] == "not_calibrated"]
    assert [(row["value"], row["log_odds"], row["variants"]) for row in untold] == [(0.3, 0.0, "1:200:A:G")]


def test_genes_that_do_not_compete_are_told_and_get_nothing() -> None:
    rows = judge([effect(100, 0.99, "OTHER")])
    assert len(rows) == 1
    assert rows[0]["gene_id"] == "none"
    assert "genes that do not compete: ENSG_OTHER" in str(rows[0]["detail"])


def test_without_models_of_genes_there_are_no_rows() -> None:
    assert judge([]) == []
    assert judge([effect(100, 0.99, None)]) == []  # no gene in reach of any variant


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["NEAR", "FAR"]),
            st.sampled_from(["m", "n", "o"]),
            st.one_of(st.none(), st.sampled_from([0.5, 0.98, 0.99, 0.995, 0.997, 1.0])),
        ),
        unique_by=lambda row: (row[0], row[2]),
    ),
    st.randoms(use_true_random=False),
)
def test_agrees_with_a_slow_twin_in_any_order(effects: list[tuple[int, str, str, float | None]], random: Any) -> None:
    carriers = variants(*((position, 0.1 * position, 0.1) for position in range(1, 5)))
    random.shuffle(effects)
    rows = judge([effect(position, q, name, model=model) for position, name, model, q in effects], carriers)
    for name in ("NEAR", "FAR"):
        large = set()
        for position, gene_name, _, quantile in effects:
            m = sum(1 for row in effects if row[0] == position and row[3] is not None)
            if gene_name == name and quantile is not None and round(m * max(1 - quantile, 0.001), 6) <= 0.01:
                large.add(position)
        row = of_gene(rows, name)
        assert (row is None) == (not large)
        if row is not None:
            expected = math.log(1 + 0.1 * sum(large) * (math.exp(WEIGHT) - 1))
            assert row["log_odds"] == pytest.approx(expected)


@pytest.mark.parametrize("n_tracks", [1, 500])
def test_a_model_with_many_tracks_is_large_as_often_as_one_with_few(n_tracks: int) -> None:
    """Null: variants like the background's are large in 1 % of cases, however many tracks the model has."""
    generator = np.random.default_rng(7)

    def largest_sizes(n: int) -> Any:
        return np.abs(generator.standard_normal((n, n_tracks))).max(axis=1).astype(np.float32)

    background = table(
        schemas.SCORE_BACKGROUND,
        [
            {"scorer": "largest_logSED", "mask": "exons", "probability": p, "size": size}
            for p, size in zip(
                PROBABILITIES, np.quantile(largest_sizes(20_000), PROBABILITIES, method="inverted_cdf"), strict=True
            )
        ],
    )
    n = 4_000
    quantiles = background_quantiles(background, "largest_logSED", "exons", None, largest_sizes(n))
    carriers = variants(*((position, 1 / n, 0.1) for position in range(1, n + 1)))
    rows = judge([effect(p, q) for p, q in enumerate(quantiles, start=1)], carriers)
    share = float(str(rows[0]["detail"]).split("those of PIP ")[1].split(" ")[0])
    assert share == pytest.approx(0.01, abs=4 * math.sqrt(0.01 * 0.99 * (1 / n + 1 / 20_000)))
