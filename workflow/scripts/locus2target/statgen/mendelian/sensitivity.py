"""What single instruments do to the estimate: each one alone, and the others without it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.mendelian.instruments import Instruments

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class InstrumentEstimates:
    """One estimate per instrument; float64 arrays of shape (k,), in the order of the instruments.

    Attributes
    ----------
    estimate, standard_error
        Outcome units per exposure unit.
    neg_log10_p
        Two-sided, normal.
    """

    estimate: FloatArray
    standard_error: FloatArray
    neg_log10_p: FloatArray


def single_snp(data: Instruments) -> InstrumentEstimates:
    """Wald ratio of each instrument, with first-order standard error. Needs 1 instrument."""
    data.require(1, "single_snp")
    return _with_p(data.ratio, data.ratio_se)


def leave_one_out(data: Instruments) -> InstrumentEstimates:
    """IVW of all instruments but one, for each one. Needs 3 instruments.

    Standard errors follow the rule of `estimators.ivw`. Takes k^2 memory.
    """
    data.require(3, "leave_one_out")
    others = 1.0 - np.eye(len(data))
    x, y, weights = data.exposure_beta, data.outcome_beta, data.outcome_se**-2.0
    spread = others @ (weights * x**2)
    slope = others @ (weights * x * y) / spread
    residual = (others * (y - slope[:, None] * x) ** 2) @ weights
    sigma = np.sqrt(residual / (len(data) - 2))
    return _with_p(slope, np.maximum(sigma, 1.0) / np.sqrt(spread))


def _with_p(estimate: FloatArray, standard_error: FloatArray) -> InstrumentEstimates:
    return InstrumentEstimates(estimate, standard_error, neg_log10_p_of_z(estimate / standard_error))
