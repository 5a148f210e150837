"""Steiger's test: whether the instruments explain more of the exposure than of the outcome (Hemani et al. 2017).

If they explain more of the outcome, the arrow may point the other way. Both traits are treated as quantitative.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.mendelian.tails import size_of_t

FloatArray = npt.NDArray[np.float64]

OK = "ok"
R2_ABOVE_ONE = "r2_above_one"
TOO_FEW_PEOPLE = "too_few_people"
_SMALLEST_SAMPLE = 4  # Fisher's z has variance 1 / (n - 3)


@dataclass(frozen=True, slots=True)
class SteigerTest:
    """Result; all numbers but the r2 are NaN, and `correct_direction` None, where the status is not `ok`.

    Attributes
    ----------
    status
        `ok`, `r2_above_one` or `too_few_people`.
    reason
        Sentence that explains a status other than ok.
    r2_exposure, r2_outcome
        Share of the variance that all instruments explain together.
    correct_direction
        Whether they explain more of the exposure.
    z_score
        Of Fisher's transformed difference; positive when they explain more of the exposure.
    neg_log10_p
        Two-sided, of that difference.
    sensitivity_ratio
        Volume of measurement errors of the two traits that agrees with the direction found, over the volume that
        reverses it; inf where no error reverses it.
    """

    status: str
    reason: str
    r2_exposure: float
    r2_outcome: float
    correct_direction: bool | None
    z_score: float
    neg_log10_p: float
    sensitivity_ratio: float


def variance_explained(z_score: FloatArray, n_samples: FloatArray | float) -> FloatArray:
    """Share of a trait's variance that each variant explains, F / (n - 2 + F) with F = (beta / standard_error)^2.

    Parameters
    ----------
    z_score
        beta / standard_error, shape (k,).
    n_samples
        People, more than 2; one number or shape (k,).
    """
    f_statistic = np.asarray(z_score, np.float64) ** 2
    return f_statistic / (n_samples - 2.0 + f_statistic)


def variance_explained_of_p(neg_log10_p: FloatArray, n_samples: FloatArray | float) -> FloatArray:
    """The same from two-sided p-values of Student's t with n - 2 degrees of freedom; parameters otherwise as above."""
    return variance_explained(size_of_t(neg_log10_p, n_samples - 2.0), n_samples)


def steiger_test(
    r2_exposure: FloatArray, r2_outcome: FloatArray, *, n_exposure: float, n_outcome: float
) -> SteigerTest:
    """Compare the variance that independent instruments explain in exposure and outcome.

    The correlations are the roots of the summed r2; samples of exposure and outcome do not overlap.

    Parameters
    ----------
    r2_exposure, r2_outcome
        Of each instrument, shape (k,); see `variance_explained`.
    n_exposure, n_outcome
        People behind them; the mean over the instruments where it differs.
    """
    first, second = float(np.sum(r2_exposure)), float(np.sum(r2_outcome))
    if max(first, second) >= 1.0:
        return _untested(R2_ABOVE_ONE, "The instruments explain 100 % of a trait's variance or more.", first, second)
    if min(n_exposure, n_outcome) < _SMALLEST_SAMPLE:
        return _untested(TOO_FEW_PEOPLE, "The test needs at least 4 people for each trait.", first, second)
    difference = math.atanh(math.sqrt(first)) - math.atanh(math.sqrt(second))
    z = difference / math.sqrt(1.0 / (n_exposure - 3.0) + 1.0 / (n_outcome - 3.0))
    tail = float(neg_log10_p_of_z(np.asarray(z)))
    return SteigerTest(OK, "", first, second, first > second, z, tail, _sensitivity_ratio(first, second))


def _untested(status: str, reason: str, r2_exposure: float, r2_outcome: float) -> SteigerTest:
    return SteigerTest(status, reason, r2_exposure, r2_outcome, None, math.nan, math.nan, math.nan)


def _sensitivity_ratio(r2_exposure: float, r2_outcome: float) -> float:
    """Ratio of the two volumes over reliabilities of exposure and outcome between |r| and 1."""
    high, low = math.sqrt(max(r2_exposure, r2_outcome)), math.sqrt(min(r2_exposure, r2_outcome))
    if low == 0.0:
        return math.inf
    log_high, log_low = math.log(high), math.log(low)
    difference = high * log_high - low * log_low + high * low * (log_low - log_high)
    reversing = 2.0 * high * low - 2.0 * low - low * log_high - high * low * log_high
    return abs(difference - reversing) / reversing if reversing > 0.0 else math.inf
