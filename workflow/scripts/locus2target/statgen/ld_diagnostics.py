"""Does the cohort's LD fit the study's statistics? Checks before a fit, after a fit, and the verdict they amount to.

Fine-mapping with LD that does not belong to the statistics gives confident nonsense (Kanai et al. 2022), so that no
locus is believed before its verdict.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from locus2target.statgen.engine import FloatArray, SusieFit, adjusted_z_scores
from locus2target.statgen.ld import LdMatrix, Spectrum

PASS, WARN, FAIL, NONE = "PASS", "WARN", "FAIL", "NONE"

_PAIR_MIN_R = 0.5  # two variants in weaker LD, or without association, may differ in sign by chance
_PAIR_MIN_Z = 2.0
_MIN_PAIRS = 10  # a share of fewer says nothing
_MAX_RUNAWAY = 20.0  # fits that settle stay below 4, those that run away exceed 2000


@dataclass(frozen=True, slots=True)
class LdSettings:
    """Limits of the LD checks: the keys of `finemapping.ld` in the config, which explains them."""

    min_maf: float
    min_variants: int
    min_posterior_mass: float
    warn_lambda: float
    fail_lambda: float
    min_sign_consistency: float
    outlier_r2: float
    outlier_neg_log10_p: float
    max_outlier_share: float


@dataclass(frozen=True, slots=True)
class LdDiagnostics:
    """What the checks before a fit found.

    Attributes
    ----------
    verdict
        PASS, WARN or FAIL.
    reason
        Sentence with the numbers behind the verdict.
    sign_consistency
        See `sign_consistency`; None when too few pairs can tell.
    ld_lambda
        See `estimate_lambda`.
    n_outliers, n_near_lead
        Variants in LD with the lead that contradict it, and all variants in such LD.
    """

    verdict: str
    reason: str
    sign_consistency: float | None
    ld_lambda: float
    n_outliers: int
    n_near_lead: int


def sign_consistency(
    z_score: FloatArray, r: FloatArray, *, min_abs_r: float = _PAIR_MIN_R, min_abs_z: float = _PAIR_MIN_Z
) -> tuple[float, int]:
    """Share of pairs in LD whose z-scores have the signs that r asks for.

    coloc's `check_alignment` takes every entry of the matrix with |r| > 0.2, the diagonal too. Among variants without
    association that share is near 0.6 for perfect LD, as noise has signs too: hence the two limits.

    Parameters
    ----------
    z_score
        float64 array of shape (p,).
    r
        float64 array of shape (p, p).
    min_abs_r, min_abs_z
        A pair counts if its |r| and both its |z| are above.

    Returns
    -------
    tuple of float and int
        The share (NaN without pairs) and the number of pairs.
    """
    associated = np.flatnonzero(np.abs(z_score) > min_abs_z)
    signs = np.sign(z_score[associated]).astype(np.int8)
    block = r[np.ix_(associated, associated)]
    counted = np.triu(np.abs(block) > min_abs_r, k=1)
    n_pairs = int(np.count_nonzero(counted))
    agreeing = counted & (np.multiply.outer(signs, signs) == np.sign(block))
    return (float(np.count_nonzero(agreeing) / n_pairs) if n_pairs else float("nan")), n_pairs


def estimate_lambda(z_score: FloatArray, spectrum: Spectrum) -> float:
    """Mismatch s of `z ~ N(0, (1 - s) R + s I)`, by maximum likelihood (Zou et al. 2022, `null-mle`).

    Parameters
    ----------
    z_score
        float64 array of shape (p,), as `adjusted_z_scores` gives them.
    spectrum
        Of the LD matrix R.

    Returns
    -------
    float
        0 (the LD explains the z-scores) to 1 (they are unrelated to it).
    """
    projected = (spectrum.vectors.T @ z_score) ** 2
    n_null = len(z_score) - len(spectrum.values)
    outside = max(float(z_score @ z_score - projected.sum()), 0.0)  # rounding can make it negative

    def negative_log_likelihood(s: float) -> float:
        scale = (1.0 - s) * spectrum.values + s
        spanned = np.log(scale).sum() + (projected / scale).sum()
        return float(0.5 * (spanned + (n_null * np.log(s) + outside / s if n_null else 0.0)))

    return float(minimize_scalar(negative_log_likelihood, bounds=(0.0, 1.0), options={"xatol": 1e-9}).x)


@dataclass(frozen=True, slots=True)
class LeadOutliers:
    """Variants near the lead: `near` (rows in LD with it) and `outlier` (bool per row of `near`)."""

    near: npt.NDArray[np.int64]
    outlier: npt.NDArray[np.bool_]


def lead_outliers(
    z_score: FloatArray, r: FloatArray, n_samples: int, *, min_r2: float, neg_log10_p: float
) -> LeadOutliers:
    """Variants in LD with the lead whose z-score is not what the lead's predicts (DENTIST-S; Kanai et al. 2022).

    `(z_j - r_j z_lead)^2` has variance `1 - r_j^2` under one causal variant and exact LD. LD from `n_samples` people
    adds `z_lead^2 (1 - r_j^2)^2 / n_samples`, and a panel of that size cannot tell `1 - r^2` from 0 below
    `1 / n_samples`: without both, every strong locus with a small panel has outliers.

    Parameters
    ----------
    z_score
        float64 array of shape (p,); the lead is the largest in size.
    r
        float64 array of shape (p, p).
    n_samples
        People behind r.
    min_r2
        Variants with a larger r^2 with the lead are looked at.
    neg_log10_p
        ... and are outliers above this -log10 p-value.
    """
    lead = int(np.argmax(np.abs(z_score)))
    r_lead = r[lead]
    near = np.flatnonzero(r_lead**2 > min_r2)
    near = near[near != lead]
    unexplained = np.maximum(1.0 - r_lead[near] ** 2, 1.0 / n_samples)
    variance = unexplained + z_score[lead] ** 2 * unexplained**2 / n_samples
    deviation = np.abs(z_score[near] - r_lead[near] * z_score[lead]) / np.sqrt(variance)
    deviation_neg_log10_p = -(np.log(2.0) + log_ndtr(-deviation)) / np.log(10.0)
    return LeadOutliers(near, deviation_neg_log10_p > neg_log10_p)


def assess_ld(z_score: FloatArray, ld: LdMatrix, settings: LdSettings, *, n_effective: float | None) -> LdDiagnostics:
    """Run all checks on one locus and give the verdict.

    Parameters
    ----------
    z_score
        float64 array of shape (p,): marginal, finite, in the matrix' order and on its alleles.
    ld
        LD of the same variants.
    settings
        Limits.
    n_effective
        Sample size of the study; None when unknown.
    """
    z_score = adjusted_z_scores(z_score, n_effective)
    share, n_pairs = sign_consistency(z_score, ld.r)
    found = lead_outliers(
        z_score, ld.r, ld.n_samples, min_r2=settings.outlier_r2, neg_log10_p=settings.outlier_neg_log10_p
    )
    measured = LdDiagnostics(
        verdict=PASS,
        reason="",
        sign_consistency=share if n_pairs >= _MIN_PAIRS else None,
        ld_lambda=estimate_lambda(z_score, ld.spectrum),
        n_outliers=int(np.count_nonzero(found.outlier)),
        n_near_lead=len(found.near),
    )
    return _judge(measured, settings)


def _judge(found: LdDiagnostics, settings: LdSettings) -> LdDiagnostics:
    failures, warnings = _failures(found, settings), _warnings(found, settings)
    verdict = FAIL if failures else WARN if warnings else PASS
    reason = "; ".join(failures or warnings or [_all_well(found)])
    return LdDiagnostics(
        verdict, f"{reason}.", found.sign_consistency, found.ld_lambda, found.n_outliers, found.n_near_lead
    )


def _failures(found: LdDiagnostics, settings: LdSettings) -> list[str]:
    failures = []
    if found.sign_consistency is not None and found.sign_consistency < settings.min_sign_consistency:
        failures.append(
            f"only {found.sign_consistency:.0%} of associated pairs in LD agree in sign "
            f"(at least {settings.min_sign_consistency:.0%} expected): alleles may be exchanged"
        )
    if found.ld_lambda > settings.fail_lambda:
        failures.append(f"LD mismatch {found.ld_lambda:.3f} is above {settings.fail_lambda:g}")
    if found.n_outliers > settings.max_outlier_share * found.n_near_lead:
        failures.append(
            f"{found.n_outliers} of {found.n_near_lead} variants in LD with the lead contradict it "
            f"(more than {settings.max_outlier_share:.0%})"
        )
    return failures


def _warnings(found: LdDiagnostics, settings: LdSettings) -> list[str]:
    warnings = []
    if found.ld_lambda > settings.warn_lambda:
        warnings.append(f"LD mismatch {found.ld_lambda:.3f} is above {settings.warn_lambda:g}")
    if found.n_outliers:
        warnings.append(f"{found.n_outliers} of {found.n_near_lead} variants in LD with the lead contradict it")
    return warnings


def _all_well(found: LdDiagnostics) -> str:
    signs = "too few pairs to compare signs" if found.sign_consistency is None else f"{found.sign_consistency:.0%}"
    return f"LD mismatch {found.ld_lambda:.4f}, no outlier near the lead, sign agreement {signs}"


def runaway_ratio(fit: SusieFit, z_score: FloatArray, n_effective: float | None) -> float:
    """Largest prior variance of a fit, against the largest marginal effect: about 1 in a fit that makes sense.

    With mismatched LD effects can grow against each other without bound while the evidence bound keeps rising;
    susieR's own guard compares different scales and does not notice.
    """
    strongest = float(np.max(adjusted_z_scores(z_score, n_effective) ** 2))
    n_scale = 1.0 if n_effective is None else n_effective
    return float(fit.prior_variance.max()) * n_scale / strongest if strongest else 0.0


def unsettled(fit: SusieFit, z_score: FloatArray, *, n_effective: float | None) -> str | None:
    """Sentence that says why a fit is not to be believed; None when it settled."""
    if not fit.converged:
        return f"SuSiE did not converge in {fit.n_iterations} sweeps."
    ratio = runaway_ratio(fit, z_score, n_effective)
    if ratio > _MAX_RUNAWAY:
        return f"SuSiE's effects ran away: prior variance {ratio:.0f} times the largest marginal effect."
    return None
