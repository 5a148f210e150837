"""Genetic instruments: effects of the same allele of each variant on an exposure and on an outcome.

Letters: `k` instruments; x and y are the effects on exposure and outcome, sx and sy their standard errors.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

TOO_FEW_INSTRUMENTS = "too_few_instruments"
EQUAL_INSTRUMENTS = "equal_instruments"
NOT_CONVERGED = "not_converged"


class EstimationError(ValueError):
    """These instruments do not allow the estimate that was asked for.

    Attributes
    ----------
    status
        One word for a status column: `too_few_instruments`, `equal_instruments` or `not_converged`.
    reason
        Sentence for people.
    """

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Instruments:
    """Harmonized effects of `k` independent variants; float64 arrays of shape (k,).

    Attributes
    ----------
    exposure_beta, outcome_beta
        Effects of the same allele, in the units of exposure and outcome. An exposure effect is never 0.
    exposure_se, outcome_se
        Their standard errors, positive.

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, a standard error is not positive or an exposure effect is 0.
    """

    exposure_beta: FloatArray
    exposure_se: FloatArray
    outcome_beta: FloatArray
    outcome_se: FloatArray

    def __post_init__(self) -> None:
        shape = np.shape(self.exposure_beta)
        for name in ("exposure_beta", "exposure_se", "outcome_beta", "outcome_se"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, expected one dimension and {shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has values that are not finite")
        if (self.exposure_se <= 0).any() or (self.outcome_se <= 0).any():
            raise ValueError("a standard error is not positive")
        if (self.exposure_beta == 0).any():
            raise ValueError("a variant without effect on the exposure is no instrument")

    def __len__(self) -> int:
        """Number of instruments."""
        return len(self.exposure_beta)

    @property
    def ratio(self) -> FloatArray:
        """Wald ratio y / x of each instrument."""
        return self.outcome_beta / self.exposure_beta

    @property
    def ratio_se(self) -> FloatArray:
        """First-order standard error of the Wald ratio, sy / |x|: the exposure effect counts as known."""
        return self.outcome_se / np.abs(self.exposure_beta)

    @property
    def ratio_se_second_order(self) -> FloatArray:
        """Standard error of the Wald ratio by the delta method, sqrt(sy^2 / x^2 + y^2 sx^2 / x^4)."""
        result: FloatArray = np.hypot(self.ratio_se, self.ratio * self.exposure_se / self.exposure_beta)
        return result

    @property
    def f_statistic(self) -> FloatArray:
        """Strength of each instrument, (x / sx)^2; below 10 is weak."""
        return (self.exposure_beta / self.exposure_se) ** 2

    def take(self, rows: BoolArray | npt.NDArray[np.int64]) -> "Instruments":
        """The instruments at a mask or at row numbers."""
        return Instruments(
            self.exposure_beta[rows], self.exposure_se[rows], self.outcome_beta[rows], self.outcome_se[rows]
        )

    def require(self, minimum: int, method: str) -> None:
        """Stop when there are fewer instruments than a method needs.

        Raises
        ------
        EstimationError
            With status `too_few_instruments`.
        """
        if len(self) < minimum:
            raise EstimationError(
                TOO_FEW_INSTRUMENTS,
                f"The method {method} needs {minimum} instrument{'s' if minimum > 1 else ''}; there are {len(self)}.",
            )
