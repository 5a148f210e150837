import numpy as np
import pytest
from mr_reference import random_instruments

from locus2target.statgen.mendelian.instruments import EstimationError, Instruments

GOOD = {
    "exposure_beta": [0.1, -0.2],
    "exposure_se": [0.01, 0.02],
    "outcome_beta": [0.04, -0.1],
    "outcome_se": [0.02, 0.03],
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"exposure_beta": [0.1, 0.0]}, "no instrument"),
        ({"outcome_se": [0.1, 0.0]}, "not positive"),
        ({"exposure_se": [-0.1, 0.1]}, "not positive"),
        ({"outcome_beta": [np.nan, 0.1]}, "not finite"),
        ({"outcome_beta": [0.1]}, "shape"),
        ({"outcome_beta": [[0.1, 0.2]]}, "shape"),
    ],
)
def test_impossible_numbers_are_refused(changed: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Instruments(**{name: np.array(values) for name, values in (GOOD | changed).items()})


def test_ratios_by_hand() -> None:
    data = Instruments(**{name: np.array(values) for name, values in GOOD.items()})
    np.testing.assert_allclose(data.ratio, [0.4, 0.5])
    np.testing.assert_allclose(data.ratio_se, [0.2, 0.15])
    np.testing.assert_allclose(
        data.ratio_se_second_order**2, [0.2**2 + 0.04**2 * 0.01**2 / 1e-4, 0.15**2 + 0.1**2 * 0.02**2 / 0.2**4]
    )
    np.testing.assert_allclose(data.f_statistic, [100.0, 100.0])


def test_take_and_require() -> None:
    data = random_instruments(5)
    assert len(data.take(data.exposure_beta > 0)) == (data.exposure_beta > 0).sum()
    with pytest.raises(EstimationError, match="egger needs 6 instruments; there are 5") as caught:
        data.require(6, "egger")
    assert caught.value.status == "too_few_instruments"
