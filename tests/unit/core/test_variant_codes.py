import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locus2target.core import variant_codes
from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.variant_codes import VariantCodes
from locus2target.core.variants import variant_keys


def key_columns(places):
    table = pd.DataFrame(places, columns=["chromosome", "position", "ref", "alt"])
    return table.astype({"position": "int64"}).assign(variant=variant_keys)


PLACES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "10", "X", "MT", "GL000192.1"]),
        st.integers(1, 2**30 - 1) | st.integers(1, 3),
        st.text("ACGT", min_size=1, max_size=3),
        st.text("ACGT", min_size=1, max_size=3),
    ),
    max_size=20,
)


@given(PLACES)
def test_numbers_of_variants_say_which_they_are_and_where(places):
    table, codes = key_columns(places), VariantCodes()
    numbers = codes.encode(table)
    assert codes.decode(numbers)[table.columns].to_numpy().tolist() == table.to_numpy().tolist()
    np.testing.assert_array_equal(codes.encode_keys(table["variant"]), numbers)
    assert len(set(numbers.tolist())) == table["variant"].nunique()
    order = sorted(range(len(places)), key=lambda row: (chromosome_rank(places[row][0]), *places[row][1:]))
    assert numbers[codes.along_genome(numbers)].tolist() == numbers[order].tolist()


def test_numbers_of_a_table_hold_in_the_next():
    codes, (first, second) = VariantCodes(), (key_columns([("2", 7, "A", "C")]), key_columns([("1", 7, "A", "G")]))
    number = codes.encode(first)[0]
    assert codes.encode(second)[0] != number
    assert codes.encode(first)[0] == number
    assert codes.places(first)[0] == codes.places_of(np.array([number]))[0]
    assert codes.chromosomes == ["2", "1"]


def test_what_does_not_fit_into_a_number_is_not_cut(monkeypatch):
    with pytest.raises(OverflowError, match="position 1073741824"):
        VariantCodes().encode(key_columns([("1", 2**30, "A", "C")]))
    monkeypatch.setattr(variant_codes, "_ALLELES_BITS", 1)
    with pytest.raises(OverflowError, match="2 different values"):
        VariantCodes().encode(key_columns([("1", 1, "A", "C"), ("1", 1, "A", "G")]))
