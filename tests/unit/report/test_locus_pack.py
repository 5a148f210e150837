# ruff: noqa: C408  rows of invented tables read better so
"""Locus packs give back what the tables hold, within half a step of the scale of each array."""

import base64
import gzip
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pack_decoder import decode, running_sum, unpack

from locus2target.core import schemas
from locus2target.report.heat_maps import NO_TRACK, HeatMap
from locus2target.report.locus_intervals import COLUMNS
from locus2target.report.locus_pack import LocusInputs, QtlAssociation, encode, pack_locus

HOSTILE = 'x</script><!--<script>"\\ \u2028 ü'
LOCUS = dict(locus="s__7_1_2000", chromosome="7", start=1000, end=2000, lead_variant="7:1500:A:G")
_STATUS = dict(status="ok", reason="")


def variant_row(position: int, **values: object) -> dict[str, object]:
    base = dict(
        locus="s__7_1_2000", study="s", disease="d", variant=f"7:{position}:A:G", chromosome="7", ref="A", alt="G"
    )
    return {**base, "position": position, "in_ld": True, **_STATUS, **values}


def effect_row(position: int, value: float | None, **values: object) -> dict[str, object]:
    base = dict(variant=f"7:{position}:A:G", model="m", scorer="s", largest=True, mask="", value=value, **_STATUS)
    return {**base, **values}


def inputs(**values: Any) -> LocusInputs:
    empty: dict[str, Any] = dict(
        locus=LOCUS,
        variants=schemas.CREDIBLE_SETS.empty(),
        genes=schemas.GENES.empty(),
        exons=schemas.EXONS.empty(),
        intervals=pd.DataFrame(columns=list(COLUMNS)),
        qtl=(),
        effects=schemas.VARIANT_EFFECTS.empty(),
        mutagenesis=(),
        tables=dict(signals=[], colocalization=[], statements=[]),
        colocalization_note="",
    )
    return LocusInputs(**{**empty, **values})


def packed(**values: Any) -> tuple[dict[str, Any], dict[str, list[float | None]]]:
    return unpack(decode(encode(pack_locus(inputs(**values)))))


def variants(*rows: dict[str, object]) -> pd.DataFrame:
    return schemas.CREDIBLE_SETS.frame(list(rows))


def assert_within_half_a_step(entry: dict[str, Any], found: list[float | None], expected: list[float | None]) -> None:
    assert len(found) == len(expected) == entry["length"]
    for value, true in zip(found, expected, strict=True):
        assert (value is None) == (true is None)
        if value is not None and true is not None:
            assert abs(value - true) <= 0.5 / entry["scale"] * (1 + 1e-9)


def test_a_locus_without_rows() -> None:
    header, arrays = packed()
    assert header["n"] == 0
    assert header["lead_index"] is None
    assert {name: [] for name in ("step", "neg_log10_p", "r2", "pip", "credible_set")} == arrays
    for name in ("named", "genes", "intervals", "qtl", "effects", "mutagenesis", "credible_sets", "signals"):
        assert header[name] == []


def test_header_names_the_locus() -> None:
    header, arrays = packed(variants=variants(variant_row(1600), variant_row(1500)))
    assert header["format"] == 2
    assert {name: header[name] for name in ("locus", "chromosome", "start", "end")} == {
        name: LOCUS[name] for name in ("locus", "chromosome", "start", "end")
    }
    assert (header["lead"], header["lead_index"], header["n"]) == ("7:1500:A:G", 0, 2)
    assert running_sum(arrays["step"], header["first"]) == [1500, 1600]


_maybe = st.none() | st.floats(0, 1)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(0, 5000), st.none() | st.floats(-1, 1), _maybe, st.none() | st.integers(0, 9)),
        max_size=40,
    )
)
def test_association_within_half_a_step(
    values: list[tuple[float | None, float | None, float | None, int | None]],
) -> None:
    rows = [
        variant_row(1001 + index, neg_log10_p=p, r_lead=r, pip=pip, credible_set=number)
        for index, (p, r, pip, number) in enumerate(values)
    ]
    header, arrays = packed(variants=variants(*rows))
    entry = {each["name"]: each for each in header["arrays"]}
    assert_within_half_a_step(entry["neg_log10_p"], arrays["neg_log10_p"], [p for p, _, _, _ in values])
    assert_within_half_a_step(entry["r2"], arrays["r2"], [None if r is None else r**2 for _, r, _, _ in values])
    assert_within_half_a_step(entry["pip"], arrays["pip"], [pip for _, _, pip, _ in values])
    assert running_sum(arrays["step"], header["first"]) == [1001 + index for index in range(len(values))]
    sets = [None if not k else header["credible_sets"][int(k) - 1] for k in arrays["credible_set"]]
    assert sets == [number for *_, number in values]


@pytest.mark.parametrize(("largest", "scale"), [(655.34, 100.0), (655.4, 65534 / 655.4), (4000.0, 65534 / 4000)])
def test_very_small_p_values_keep_their_size(largest: float, scale: float) -> None:
    header, arrays = packed(variants=variants(variant_row(1500, neg_log10_p=largest), variant_row(1501)))
    entry = next(each for each in header["arrays"] if each["name"] == "neg_log10_p")
    assert entry["scale"] == pytest.approx(scale)
    assert arrays["neg_log10_p"][0] == pytest.approx(largest, rel=1e-4)
    assert arrays["neg_log10_p"][1] is None


def test_steps_are_those_of_the_contract() -> None:
    header, _ = packed(variants=variants(variant_row(1500, neg_log10_p=3.0)))
    steps = {each["name"]: (each["dtype"], each["scale"], each["missing"]) for each in header["arrays"]}
    assert steps == {
        "step": ("u16", 1, None),
        "neg_log10_p": ("u16", 100, 65535),
        "r2": ("u8", 254, 255),
        "pip": ("u16", 65534, 65535),
        "credible_set": ("u8", 1, None),
    }


def test_r2_and_pip_of_one_are_exact_and_a_missing_pip_is_no_pip() -> None:
    rows = [variant_row(1500, r_lead=-1.0, pip=1.0), variant_row(1501)]
    _, arrays = packed(variants=variants(*rows))
    assert arrays["r2"] == [1.0, None]
    assert arrays["pip"] == [1.0, None]


def test_the_single_effect_has_number_zero_and_is_a_set() -> None:
    rows = [variant_row(1500, credible_set=0), variant_row(1501)]
    header, arrays = packed(variants=variants(*rows))
    assert header["credible_sets"] == [0]
    assert arrays["credible_set"] == [1, 0]


def test_steps_beyond_16_bits() -> None:
    rows = [variant_row(position) for position in (7, 65_542, 200_000_000)]
    header, arrays = packed(variants=variants(*rows))
    assert running_sum(arrays["step"], header["first"]) == [7, 65_542, 200_000_000]
    assert next(each["dtype"] for each in header["arrays"] if each["name"] == "step") == "u32"


def test_named_are_variants_with_weight_members_of_sets_and_the_lead() -> None:
    header, _ = packed(
        variants=variants(
            variant_row(1400, pip=0.001, rsid="rs1"),
            variant_row(1450, pip=0.0009, rsid="rs2"),
            variant_row(1500, rsid="7:1500:A:G"),
            variant_row(1550, credible_set=0),
            variant_row(1600, rsid="rs3"),
        )
    )
    assert [(row["index"], row["variant"], row["rsid"]) for row in header["named"]] == [
        (0, "7:1400:A:G", "rs1"),
        (2, "7:1500:A:G", "7:1500:A:G"),
        (3, "7:1550:A:G", None),
    ]


def test_numbers_of_named_variants_are_those_of_the_table() -> None:
    exact = dict(neg_log10_p=12.3456789012345, z_score=-7.000000001, r_lead=-0.123456789, pip=0.12345678901234)
    header, _ = packed(variants=variants(variant_row(1400, credible_set=0, **exact), variant_row(1500)))
    assert header["named"][0] == dict(index=0, variant="7:1400:A:G", rsid=None, credible_set=0, **exact)
    assert header["named"][1] == dict(
        **dict.fromkeys(("rsid", "neg_log10_p", "z_score", "r_lead", "pip", "credible_set")),
        index=1,
        variant="7:1500:A:G",
    )


def test_tables_and_their_note_are_passed_on() -> None:
    tables = dict(signals=[dict(signal=1)], colocalization=[dict(flag=HOSTILE)], statements=[dict(detail="x")])
    header, _ = packed(tables=tables, colocalization_note=HOSTILE)
    assert {name: header[name] for name in tables} == tables
    assert header["colocalization_note"] == HOSTILE


def test_genes_with_their_own_exons_in_order() -> None:
    base = dict(gene_symbol=HOSTILE, chromosome="7", strand="-", tss=1, gene_type="protein_coding")
    genes = schemas.GENES.frame(
        [dict(base, gene_id="B", start=1500, end=1700), dict(base, gene_id="A", start=1100, end=1300)]
    )
    exons = schemas.EXONS.frame(
        [
            dict(gene_id=gene, chromosome="7", start=start, end=start + 10)
            for gene, start in [("B", 1600), ("B", 1500), ("C", 1)]
        ],
    )
    header, _ = packed(genes=genes, exons=exons)
    assert header["genes"] == [
        dict(gene_id="A", symbol=HOSTILE, start=1100, end=1300, strand="-", exons=[]),
        dict(gene_id="B", symbol=HOSTILE, start=1500, end=1700, strand="-", exons=[[1500, 1510], [1600, 1610]]),
    ]


def test_intervals_as_given_without_a_gene_where_none_is_known() -> None:
    rows = [("open_chromatin", HOSTILE, 1001, 1100, None), ("link", "liver", 1200, 1300, "GENE")]
    header, _ = packed(intervals=pd.DataFrame(rows, columns=list(COLUMNS)))
    assert header["intervals"] == [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def test_qtl_points_at_the_variants_of_the_locus() -> None:
    associations = pd.DataFrame(
        {"variant": ["7:1600:A:G", "7:1:A:G", "7:1500:A:G", "7:1500:A:T"], "neg_log10_p": [1.234, 9.0, 56.789, 9.0]}
    )
    trait = QtlAssociation("ENSG1", "intron:7", HOSTILE, "liver", "eqtl", 0.123456789, associations)
    rows = [variant_row(position) for position in (1400, 1500, 1600)]  # 1500 is the lead, and so named
    header, arrays = packed(variants=variants(*rows), qtl=(trait,))
    (entry,) = header["qtl"]
    assert {name: value for name, value in entry.items() if name != "arrays"} == dict(
        gene_id="ENSG1",
        phenotype_id="intron:7",
        qtl=HOSTILE,
        tissue="liver",
        qtl_type="eqtl",
        posterior_h4=0.123456789,
        n=2,
        exact={"1": 56.789},
    )
    assert running_sum(arrays[entry["arrays"]["step"]], 0) == [1, 2]
    assert arrays[entry["arrays"]["neg_log10_p"]] == pytest.approx([56.789, 1.234], abs=0.005)


def test_effects_keep_every_digit_and_say_what_was_not_scored() -> None:
    effects = schemas.VARIANT_EFFECTS.frame(
        [
            effect_row(1600, 0.1, track="liver", gene_id="ENSG1", background_quantile=0.123456789),
            effect_row(1500, -1e-8, track=None),
            effect_row(1500, None, scorer="other", status="no_sequence", reason="N"),
        ],
    )
    header, _ = packed(variants=variants(variant_row(1500), variant_row(1600)), effects=effects)
    first = dict(
        index=0, model="m", scorer="s", track=None, gene_id=None, value=-1e-8, quantile=None, status="ok", reason=""
    )
    assert header["effects"] == [
        first,
        {**first, "scorer": "other", "value": None, "status": "no_sequence", "reason": "N"},
        {**first, "index": 1, "track": "liver", "gene_id": "ENSG1", "value": 0.1, "quantile": 0.123456789},
    ]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_an_effect_is_the_same_number_in_single_precision(value: float) -> None:
    header, _ = packed(
        variants=variants(variant_row(1500)), effects=schemas.VARIANT_EFFECTS.frame([effect_row(1500, value)])
    )
    assert np.float32(header["effects"][0]["value"]) == np.float32(value)


def test_a_map_lies_in_arrays_by_base_and_new_base() -> None:
    values = np.array([[np.nan, 0.25, np.nan, -2.0]], np.float32)
    track = np.array([[NO_TRACK, 1, NO_TRACK, 0]], np.uint16)
    motif = dict(name=HOSTILE, start=1490, end=1499, p=0.01)
    names = dict(variant="7:1500:A:G", model="m", scorer="s", start=1499, ref="A", note=HOSTILE)
    drawn = HeatMap(
        **names,
        values=values,
        tracks=("a", HOSTILE),
        track=track,
        attribution=np.array([1.5], np.float32),
        motifs=(motif,),
    )
    header, arrays = packed(mutagenesis=[drawn, drawn])
    assert [entry["array"] for entry in header["mutagenesis"]] == ["mutagenesis_0", "mutagenesis_1"]
    entry = header["mutagenesis"][0]
    assert {name: entry[name] for name in names} == names
    assert (entry["length"], entry["tracks"], entry["motifs"]) == (1, ["a", HOSTILE], [motif])
    assert arrays[entry["array"]] == [None, 0.25, None, -2.0]
    assert arrays[entry["track"]] == [None, 1, None, 0]
    assert arrays[entry["attribution"]] == [1.5]


def test_notes_are_one_text() -> None:
    assert packed()[0]["note"] == ""
    assert packed(notes=("One.", HOSTILE))[0]["note"] == f"One. {HOSTILE}"


def test_text_is_the_same_every_time_and_can_stand_in_an_element() -> None:
    pack = pack_locus(inputs(locus={**LOCUS, "locus": HOSTILE}, notes=(HOSTILE,)))
    text = encode(pack)
    assert text == encode(pack)
    assert decode(text) == pack
    assert "<" not in text
    with gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(text))) as member:
        member.read(1)
        assert member.mtime == 0


def test_arrays_follow_the_header_in_order_without_gaps_beyond_the_alignment() -> None:
    pack = pack_locus(inputs(variants=variants(*(variant_row(1500 + index) for index in range(3)))))
    length = int.from_bytes(pack[:4], "little")
    assert (4 + length) % 4 == 0
    sizes = {"u8": 1, "u16": 2, "u32": 4, "f32": 4}
    end = 0
    for entry in json.loads(pack[4 : 4 + length])["arrays"]:
        assert entry["offset"] == math.ceil(end / 4) * 4
        end = entry["offset"] + entry["length"] * sizes[entry["dtype"]]
    assert len(pack) == 4 + length + math.ceil(end / 4) * 4
