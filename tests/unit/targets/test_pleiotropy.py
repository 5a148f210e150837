import numpy as np
import pandas as pd
import pytest
from target_toys import table

from locus2target.core import schemas
from locus2target.targets.pleiotropy import other_diseases


def ranked(disease: str, *genes: tuple[str, float, float | None]) -> pd.DataFrame:
    return table(
        schemas.RANKED_GENES,
        [{"disease": disease, "gene_id": name, "probability": p, "direction": sign} for name, p, sign in genes],
    )


RANKED = {
    "t1d": ranked("t1d", ("A", 0.9, 1.0), ("B", 0.4, None), ("C", 0.2, None)),
    "ra": ranked("ra", ("A", 0.93, 1.0), ("B", 0.0999, 1.0), ("Z", 0.99, 1.0)),
    "asthma": ranked("asthma", ("A", 0.93, -1.0), ("B", 0.5, None)),
    "gout": ranked("gout", ("A", 0.1, None)),
    "empty": ranked("empty"),
}


def test_by_hand() -> None:
    found = other_diseases(RANKED, disease="t1d", min_probability=0.5)
    assert found.replace({np.nan: None}).to_dict("records") == [
        {
            "gene_id": "A",  # equal probabilities by name
            "other_diseases": "asthma (0.93, activate), ra (0.93, inhibit), gout (0.10, direction unknown)",
            "n_other_diseases": 2,
        },
        {"gene_id": "B", "other_diseases": "asthma (0.50, direction unknown)", "n_other_diseases": 1},
        {"gene_id": "C", "other_diseases": None, "n_other_diseases": 0},
    ]


def test_every_counted_disease_is_named() -> None:
    found = other_diseases(RANKED, disease="t1d", min_probability=0.05).set_index("gene_id").loc["B"]
    assert found["n_other_diseases"] == 2
    assert found["other_diseases"] == "asthma (0.50, direction unknown), ra (0.10, inhibit)"


def test_order_of_diseases_and_rows_says_nothing() -> None:
    turned = {disease: frame.iloc[::-1] for disease, frame in reversed(RANKED.items())}
    turned["t1d"] = RANKED["t1d"]
    pd.testing.assert_frame_equal(
        other_diseases(turned, disease="t1d", min_probability=0.5),
        other_diseases(RANKED, disease="t1d", min_probability=0.5),
    )


@pytest.mark.parametrize("ranked_genes", [{"t1d": RANKED["t1d"]}, {"t1d": RANKED["t1d"], "empty": RANKED["empty"]}])
def test_alone_in_its_run(ranked_genes: dict[str, pd.DataFrame]) -> None:
    found = other_diseases(ranked_genes, disease="t1d", min_probability=0.5)
    assert found["n_other_diseases"].tolist() == [0, 0, 0]
    assert found["other_diseases"].isna().all()


def test_disease_without_genes() -> None:
    found = other_diseases(RANKED, disease="empty", min_probability=0.5)
    assert found.empty
    assert found["n_other_diseases"].dtype == "int64"
