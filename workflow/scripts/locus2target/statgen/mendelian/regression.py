"""Weighted straight lines with known error variances."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locus2target.statgen.mendelian.instruments import EQUAL_INSTRUMENTS, EstimationError

FloatArray = npt.NDArray[np.float64]

_ROUNDING = 1e-20  # relative squared spread of x that is rounding


@dataclass(frozen=True, slots=True)
class Line:
    """Weighted least-squares line.

    Attributes
    ----------
    slope, intercept
        The intercept is 0 where none was fitted.
    slope_se, intercept_se
        For weights that are inverse error variances: multiply by `sigma` where they are known up to a factor.
    residual
        Weighted sum of squared residuals.
    df
        Points less fitted parameters.
    """

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float
    residual: float
    df: int

    @property
    def sigma(self) -> float:
        """Residual standard error; 1 is expected of true error variances."""
        return math.sqrt(self.residual / self.df)


def line_through_origin(x: FloatArray, y: FloatArray, weights: FloatArray) -> Line:
    """Line without intercept through at least 2 points; arrays of shape (k,)."""
    spread = float(weights @ x**2)
    slope = float(weights @ (x * y)) / spread
    residual = float(weights @ (y - slope * x) ** 2)
    return Line(slope, 0.0, spread**-0.5, 0.0, residual, len(x) - 1)


def line_with_intercept(x: FloatArray, y: FloatArray, weights: FloatArray) -> Line:
    """Line with intercept through at least 3 points; arrays of shape (k,).

    Raises
    ------
    EstimationError
        With status `equal_instruments` when all x are the same.
    """
    total = float(weights.sum())
    mean_x, mean_y = float(weights @ x) / total, float(weights @ y) / total
    spread = float(weights @ (x - mean_x) ** 2)
    if spread <= _ROUNDING * total * mean_x**2:
        raise EstimationError(
            EQUAL_INSTRUMENTS, "All instruments are equally strong, so that an intercept cannot be told from an effect."
        )
    slope = float(weights @ ((x - mean_x) * (y - mean_y))) / spread
    intercept = mean_y - slope * mean_x
    residual = float(weights @ (y - intercept - slope * x) ** 2)
    return Line(slope, intercept, spread**-0.5, math.sqrt(1.0 / total + mean_x**2 / spread), residual, len(x) - 2)
