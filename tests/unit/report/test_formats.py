import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.report import formats

_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "1.0×10⁻³"), (2.99999, "0.001"), (8.0, "1.0×10⁻⁸"), (7.301, "5.0×10⁻⁸")]
)
def test_p_values_at_powers_of_ten(value: float, text: str) -> None:
    assert formats.format_p_value(value) == text


@given(st.floats(3.0, 5000.0))
def test_p_value_text_is_the_p_value(neg_log10_p: float) -> None:
    mantissa, exponent = formats.format_p_value(neg_log10_p).split("×10")
    read_back = -math.log10(float(mantissa)) - int(exponent.translate(_SUPERSCRIPTS))
    assert 1 <= float(mantissa) < 10
    assert read_back == pytest.approx(neg_log10_p, abs=0.025)  # one decimal of the mantissa


@given(st.floats(0, 1))
def test_probability_never_rounds_to_certainty(value: float) -> None:
    text = formats.format_probability(value)
    assert (text in {"0", "1"}) == (value in {0.0, 1.0})
    assert text not in {"0.00", "1.00"}


@pytest.mark.parametrize("value", [None, "", float("nan"), pd.NA])
def test_missing_values(value: object) -> None:
    assert formats.is_missing(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "nan", "None"])
def test_present_values(value: object) -> None:
    assert not formats.is_missing(value)


@given(st.text(), st.text())
def test_anchors_need_no_escaping(first: str, second: str) -> None:
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in formats.anchor(first, second))
