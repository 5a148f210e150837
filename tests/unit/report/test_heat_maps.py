# ruff: noqa: C408  rows of invented tables read better so
"""Mutagenesis maps against tables written by hand, and those of the toy run."""

import numpy as np
import pandas as pd
import pytest
from report_run import LEAD, ToyRun

from locus2target.core import schemas
from locus2target.report.heat_maps import BASES, NO_TRACK, HeatMap, heat_maps
from locus2target.report.run_tables import RunTables, load_run_tables

HOSTILE = "</script><!--"


@pytest.fixture(scope="module")
def tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


def row(position: int, alt: str | None, value: float | None, **values: object) -> dict[str, object]:
    base = dict(locus="l", variant="7:1500:A:G", model="m", chromosome="7", position=position, ref="A", alt=alt)
    return {**base, "scorer": "s", "value": value, "status": "ok", "reason": "", **values}


def maps(
    rows: list[dict[str, object]],
    attribution: list[dict[str, object]] | None = None,
    hits: list[dict[str, object]] | None = None,
    effects: list[dict[str, object]] | None = None,
) -> dict[str, list[HeatMap]]:
    return heat_maps(
        schemas.MUTAGENESIS.frame(rows),
        schemas.ATTRIBUTION.frame(attribution or []),
        schemas.MOTIF_HITS.frame(hits or []),
        schemas.VARIANT_EFFECTS.frame(effects or []),
    )


def test_a_map_holds_the_strongest_track_of_each_substitution() -> None:
    rows = [
        row(1499, "C", 0.25),
        row(1501, "T", 0.5, track="weak", ref="G"),
        row(1501, "T", -2.0, track=HOSTILE, ref="G"),
        row(1501, "T", 1.0, track="middle", ref="G"),
        row(1500, "A", 0.125, ref="N", reason="a gene's expression"),
        row(1502, "G", None),
        row(1503, "GT", 9.0),
    ]
    (drawn,) = maps(rows)["l"]
    assert (drawn.variant, drawn.model, drawn.scorer) == ("7:1500:A:G", "m", "s")
    assert (drawn.start, drawn.ref) == (1498, "ANG")
    expected = np.full((3, 4), np.nan)
    expected[0, 1], expected[1, 0], expected[2, 3] = 0.25, 0.125, -2.0
    np.testing.assert_array_equal(drawn.values, expected)
    names = [[None if number == NO_TRACK else drawn.tracks[number] for number in column] for column in drawn.track]
    assert names == [
        [None, "the model's output", None, None],
        ["a gene's expression", None, None, None],
        [None, None, None, HOSTILE],
    ]
    assert drawn.note.startswith(f"Largest change of the window: {HOSTILE}, −2.00 (s) for G>T at 1,501.")


def test_one_map_per_locus_variant_model_and_score() -> None:
    hit = dict(locus="l", variant="7:1500:A:G", model="m", motif=HOSTILE, motif_family="F", chromosome="7")
    hit |= dict(start=1490, end=1499, strand="+", neg_log10_p=4.5, attribution_share=0.75, shift_p=0.01)
    found = maps(
        [
            row(1500, "C", 1.0),
            row(1500, "C", 2.0, scorer="t"),
            row(1500, "C", 3.0, model="n"),
            row(1500, "C", 4.0, locus="k"),
        ],
        hits=[dict(hit, holds_variant=True)],
    )
    assert {locus: [(each.model, each.scorer, len(each.motifs)) for each in own] for locus, own in found.items()} == {
        "l": [("m", "s", 1), ("m", "t", 1), ("n", "s", 0)],
        "k": [("m", "s", 0)],
    }
    assert found["l"][0].motifs[0] == dict(
        name=HOSTILE,
        start=1490,
        end=1499,
        strand="+",
        neg_log10_p=4.5,
        attribution_share=0.75,
        p=0.01,
        holds_variant=True,
    )
    assert found["l"][0].note.endswith(f"{HOSTILE} (75% of the attribution, shift p = 0.01; holds the variant).")
    assert found["k"][0].note.endswith("No motif stands where the attribution is.")


def test_attribution_is_that_of_the_table_and_missing_elsewhere() -> None:
    base = dict(locus="l", variant="7:1500:A:G", model="m", chromosome="7", ref="A")
    attribution = [
        dict(base, position=1501, attribution=-0.5),
        dict(base, position=1400, attribution=9.0),
        dict(base, position=1500, attribution=7.0, model="other"),
    ]
    (drawn,) = maps([row(1500, "C", 1.0), row(1502, "C", 1.0)], attribution)["l"]
    np.testing.assert_array_equal(drawn.attribution, [np.nan, -0.5, np.nan])


def test_the_largest_effect_of_the_variant_itself_is_told() -> None:
    effect = dict(variant="7:1500:A:G", model="m", largest=True, mask="", status="ok", reason="")
    effects = [
        dict(effect, scorer="s", value=-3.0, track="T"),
        dict(effect, scorer="t", value=2.0, track="U"),
        dict(effect, scorer="s", value=9.0, track="V", model="n"),
        dict(effect, scorer="s", value=9.0, track="W", variant="7:1:A:G"),
    ]
    (drawn,) = maps([row(1500, "C", 1.0)], effects=effects)["l"]
    assert "The variant itself changes T most: −3.00 (s)." in drawn.note


def test_windows_that_were_not_scored_have_no_map() -> None:
    assert maps([row(1500, None, None, status="no_sequence", reason="N", ref=None, scorer=None)]) == {}


def test_maps_of_the_toy_run_equal_its_tables(tables: RunTables) -> None:
    (effects,) = tables.variant_effects.read()
    found = heat_maps(tables.mutagenesis, tables.attribution, tables.motif_hits, effects)
    assert list(found) == ["alpha_strong"]
    (drawn,) = found["alpha_strong"]
    windows = tables.mutagenesis[tables.mutagenesis["value"].notna()]
    for position, alt, value in zip(windows["position"], windows["alt"], windows["value"], strict=True):
        assert drawn.values[position - 1 - drawn.start, BASES.index(alt)] == np.float32(value)
    heights = pd.Series(drawn.attribution, index=range(drawn.start + 1, drawn.start + 1 + len(drawn.ref)))
    own = tables.attribution.set_index("position")["attribution"]
    assert heights.dropna().to_dict() == {position: value for position, value in own.items() if position in heights}
    assert heights[LEAD] == 4.0
    assert "The variant itself changes GATA1 MA0035.5 most: −4.20" in drawn.note
