import pandas as pd
import pytest
from target_toys import gene, locus_data, variant

from locus2target.targets.consequence_terms import SEVERITIES
from locus2target.targets.evidence_direction import (
    TRUNCATING_TERMS,
    agreed_sign,
    disease_signs,
    estimated_direction,
    truncating_direction,
)


@pytest.mark.parametrize(
    ("signs", "agreed"),
    [([1.0, 1.0], 1.0), ([-1.0, None], -1.0), ([1.0, -1.0], None), ([None, None], None), ([], None)],
)
def test_agreed_sign(signs: list[float | None], agreed: float | None) -> None:
    assert agreed_sign(pd.Series(signs, dtype="float64")) == agreed


def test_disease_signs_prefer_the_fine_mapped_effect() -> None:
    cells = [(0.1, -3.0), (-0.1, 3.0), (None, 3.0), (0.0, -3.0), (None, None), (None, 0.0)]
    carriers = [
        variant(position, 0.1) | {"posterior_mean": mean, "z_score": z}
        for position, (mean, z) in enumerate(cells, start=1)
    ]
    signs = disease_signs(locus_data([gene("A", 1)], carriers).scored)
    assert signs.fillna(9).tolist() == [1, -1, 1, -1, 9, 9]


@pytest.mark.parametrize(
    ("cells", "direction", "remark"),
    [
        ([("ok", 9.0, 0.3), ("ok", 2.0, 0.1)], 1.0, ""),
        ([("ok", 9.0, -0.3), ("ok", 1.0, 0.1)], -1.0, ""),  # p 0.1 is not clear
        ([("ok", 9.0, -0.3), ("weak_instrument", 9.0, 0.1)], -1.0, ""),
        ([("ok", 9.0, -0.3), ("ok", 9.0, 0.1)], None, "directions disagree: 1 tests say more, 1 less"),
        ([("ok", 1.0, 0.3)], None, "direction unsure"),
        ([("no_beta", None, None)], None, "direction unknown"),
    ],
)
def test_estimated_direction(
    cells: list[tuple[str, float | None, float | None]], direction: float | None, remark: str
) -> None:
    effects = pd.DataFrame(cells, columns=["status", "neg_log10_p", "estimate"])
    found, text = estimated_direction(effects)
    assert found == direction
    assert text.startswith(remark)
    assert bool(text) == bool(remark)


@pytest.mark.parametrize(
    ("consequences", "direction"),
    [
        ([(1, "stop_gained")], -1.0),  # ALT breaks the gene and raises the disease: less gene, more disease
        ([(2, "frameshift_variant&splice_region_variant")], 1.0),
        ([(1, "missense_variant")], None),
        ([(1, "start_lost")], None),  # another start may serve
        ([(3, "stop_gained")], None),  # PIP 0.2
        ([(3, "stop_gained"), (4, "splice_donor_variant")], -1.0),  # together 0.5
        ([(1, "stop_gained"), (2, "stop_gained")], None),  # they disagree
        ([(5, "stop_gained")], None),  # effect unknown
        ([(1, "stop_gained"), (1, "missense_variant")], -1.0),  # in another transcript
        ([], None),
    ],
)
def test_truncating_direction(consequences: list[tuple[int, str]], direction: float | None) -> None:
    pips = {1: (0.6, 0.1), 2: (0.9, -0.1), 3: (0.2, 0.1), 4: (0.3, 0.1), 5: (0.7, None)}
    carriers = [variant(position, pip) | {"posterior_mean": mean} for position, (pip, mean) in pips.items()]
    carried = pd.DataFrame(
        {
            "variant": pd.Series([f"1:{position}:A:G" for position, _ in consequences], dtype="str"),
            "pip": pd.Series([pips[position][0] for position, _ in consequences], dtype="float64"),
            "consequence": pd.Series([term for _, term in consequences], dtype="str"),
        }
    )
    assert truncating_direction(locus_data([gene("A", 1)], carriers), carried) == direction


def test_truncating_terms_are_of_high_impact() -> None:
    assert {SEVERITIES[term] for term in TRUNCATING_TERMS} == {"high"}
