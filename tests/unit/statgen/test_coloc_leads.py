import numpy as np
import pandas as pd
import pytest
from coloc_toys import N, colocalize, peak, qtl_rows, variant

from locus2target.statgen.abf import single_effect_posterior


@pytest.mark.parametrize("coverage", ["significant", "lead"])
def test_truncated_qtl_gets_the_posterior_at_its_lead(coverage: str) -> None:
    factors = {number: float(number % 7) for number in range(N)}
    found = colocalize({0: factors, 1: peak(4)}, qtl_rows(6, numbers=range(4, 8)), coverage=coverage)
    expected = [single_effect_posterior(np.array(list(values.values())))[6] for values in (factors, peak(4))]
    np.testing.assert_allclose(found["clpp"], expected, rtol=1e-12)
    assert set(found["status"]) == {"truncated_qtl"}
    assert set(found["method"]) == {"lead_overlap"}
    assert found["reason"].str.contains(f"coverage {coverage}").all()
    assert found["posterior_h4"].isna().all()
    assert found["n_shared"].tolist() == [4, 4]
    assert found["shared_variant"].tolist() == ["1:70:A:C"] * 2


def test_prior_weights_enter_the_posterior_at_the_lead() -> None:
    factors = {number: float(number % 7) for number in range(N)}
    weights = np.linspace(0.1, 2.0, N)
    table = pd.DataFrame([variant(number) | {"prior_weight": weights[number]} for number in range(N)])
    found = colocalize({0: factors}, qtl_rows(6), coverage="lead", prior_weights=table)
    bayes_factors = weights * np.exp(list(factors.values()))
    assert found["clpp"].tolist() == pytest.approx([bayes_factors[6] / bayes_factors.sum()])


def test_truncated_qtl_whose_lead_the_study_lacks() -> None:
    (row,) = colocalize({0: peak(3, range(6))}, qtl_rows(6), coverage="lead").to_dict("records")
    assert (row["status"], row["n_shared"], row["qtl_neg_log10_p"]) == ("no_overlap", 6, 0.1)
    assert "1:70:A:C" in row["reason"]
    assert pd.isna(row["clpp"])
