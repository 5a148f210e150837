"""Does the cohort's LD fit the study's statistics? Checks before a fit, after a fit, and the verdict they amount to.

Fine-mapping with LD that does not belong to the statistics gives confident nonsense (Kanai et al. 2022), so that no
locus is believed before its verdict.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from locus2target.ingest.association import neg_log10_p_of_z
from locus2target.statgen.engine import FloatArray, IntArray, SusieFit, adjusted_z_scores
from locus2target.statgen.kriging import flip_candidates, krige
from locus2target.statgen.ld import LdMatrix, Spectrum

PASS, WARN, FAIL, NONE = "PASS", "WARN", "FAIL", "NONE"

_MOST_SIGNALS = 10  # that may explain outliers near the lead
_SEARCH_TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))  # of R's optimiser, so that a mismatch near 0 is R's too


@dataclass(frozen=True, slots=True)
class LdSettings:
    """All limits of the LD verdict and the ladder: the keys of `finemapping.ld` in the config.

    Attributes
    ----------
    min_maf
        Rarer variants of the cohort are left out.
    min_variants
        With LD; a locus with fewer is not looked at.
    min_posterior_mass
        Of the single-effect posterior that lies on variants with LD, 0..1.
    warn_lambda, fail_lambda
        LD mismatch (`estimate_lambda`) above which the verdict is WARN and FAIL.
    min_eigenvalue
        Of the matrix; below it is no correlation matrix of anything: WARN. Rounded files go slightly below 0.
    sign_min_r, sign_min_z
        A pair of variants is compared in sign if its |r| and both its |z| are larger.
    sign_min_pairs
        The share of fewer pairs is not judged.
    min_sign_consistency
        Share of the pairs that must agree; below: FAIL.
    outlier_r2, outlier_neg_log10_p
        A variant in stronger LD with the lead is an outlier if it contradicts the lead more strongly (DENTIST-S). Any
        outlier: WARN.
    fail_outliers
        So many that no other signals explain: FAIL.
    flip_log_ratio, flip_min_z
        A variant is a flip candidate if the log likelihood ratio for the other sign and its |z| are larger: WARN.
    fail_flip_deviation, fail_flip_z
        A candidate whose z-score is more standard deviations from what the others predict, and larger: FAIL.
    max_runaway_ratio
        Of a fit (`runaway_ratio`) to count as settled.
    warn_max_signals, warn_min_z
        Where the verdict is WARN: effects that a fit may have, and the marginal |z| that the lead of a credible set
        must exceed. Sets that mismatch makes have leads without association.
    """

    min_maf: float = 0.005
    min_variants: int = 30
    min_posterior_mass: float = 0.5
    warn_lambda: float = 0.005
    fail_lambda: float = 0.25
    min_eigenvalue: float = -0.1
    sign_min_r: float = 0.5
    sign_min_z: float = 2.0
    sign_min_pairs: int = 10
    min_sign_consistency: float = 0.6
    outlier_r2: float = 0.6
    outlier_neg_log10_p: float = 4.0
    fail_outliers: int = 3
    flip_log_ratio: float = 2.0
    flip_min_z: float = 2.0
    fail_flip_deviation: float = 10.0
    fail_flip_z: float = 5.0
    max_runaway_ratio: float = 20.0
    warn_max_signals: int = 3
    warn_min_z: float = 4.9


@dataclass(frozen=True, slots=True)
class LdDiagnostics:
    """What the checks found.

    Attributes
    ----------
    verdict
        PASS, WARN or FAIL.
    reason
        Sentences with the numbers behind the verdict.
    sign_consistency
        See `sign_consistency`; None when too few pairs can tell.
    ld_lambda, null_space_lambda
        See `estimate_lambda` and `estimate_null_space_lambda`.
    smallest_eigenvalue
        Of the LD matrix.
    n_near_lead, n_outliers, n_unexplained
        Variants in LD with the lead; of those, variants that contradict it; of those, variants that still do beside
        the locus' other signals (`LeadOutliers`).
    flip_candidates
        int64 array: rows of the matrix whose variants may have exchanged alleles, most probable first.
    n_clear_flips
        Candidates that are beyond the limits for FAIL.
    """

    verdict: str
    reason: str
    sign_consistency: float | None
    ld_lambda: float
    null_space_lambda: float
    smallest_eigenvalue: float
    n_near_lead: int
    n_outliers: int
    n_unexplained: int
    flip_candidates: IntArray
    n_clear_flips: int


# ---- The checks --------------------------------------------------------------------------------------------------


def sign_consistency(z_score: FloatArray, r: FloatArray, *, min_abs_r: float, min_abs_z: float) -> tuple[float, int]:
    """Share of pairs in LD whose z-scores have the signs that r asks for.

    coloc's `check_alignment` takes every entry of the matrix with |r| > 0.2, the diagonal too. Among variants without
    association that share is near 0.6 for perfect LD, as noise has signs too: hence the two limits. Causal variants of
    opposite effects in LD with each other take it below 0.8 at loci where all is well.

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
    n_null, outside = _null_space(z_score, spectrum)

    def negative_log_likelihood(s: float) -> float:
        scale = (1.0 - s) * spectrum.values + s
        spanned = np.log(scale).sum() + (projected / scale).sum()
        return float(0.5 * (spanned + (n_null * np.log(s) + outside / s if n_null else 0.0)))

    return float(minimize_scalar(negative_log_likelihood, bounds=(0.0, 1.0), options={"xatol": _SEARCH_TOLERANCE}).x)


def estimate_null_space_lambda(z_score: FloatArray, spectrum: Spectrum) -> float:
    """Mean square of z where no genotypes of the LD panel can put it (Zou et al. 2022, `null-partialmle`).

    0 for LD from the very people of the study, and for a matrix of full rank, which has no such part.

    Parameters
    ----------
    z_score
        float64 array of shape (p,), as `adjusted_z_scores` gives them.
    spectrum
        Of the LD matrix R.
    """
    n_null, outside = _null_space(z_score, spectrum)
    return outside / n_null if n_null else 0.0


def _null_space(z_score: FloatArray, spectrum: Spectrum) -> tuple[int, float]:
    """Dimension of R's null space, and the squared length of the z-scores in it."""
    inside = spectrum.vectors @ (spectrum.vectors.T @ z_score)
    return len(z_score) - len(spectrum.values), float(np.sum((z_score - inside) ** 2))


@dataclass(frozen=True, slots=True)
class LeadOutliers:
    """Variants near the lead.

    Attributes
    ----------
    near
        int64 array: rows in LD with the lead.
    outlier
        bool per row of `near`: contradicts the lead.
    unexplained
        bool per row of `near`: contradicts it also beside the locus' signals further away, and when the strongest
        outlier is taken for one more signal.
    """

    near: IntArray
    outlier: npt.NDArray[np.bool_]
    unexplained: npt.NDArray[np.bool_]


def lead_outliers(
    z_score: FloatArray, r: FloatArray, n_samples: int, *, min_r2: float, neg_log10_p: float
) -> LeadOutliers:
    """Variants in LD with the lead whose z-score is not what the lead's predicts (DENTIST-S; Kanai et al. 2022).

    That takes one causal variant for granted. At strong loci every further one makes outliers of its own, which its
    best variant explains; errors in the statistics stay. Of the variants near the lead only one can explain others:
    errors among them must not explain each other.

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
    near = np.flatnonzero(r[lead] ** 2 > min_r2)
    near = near[near != lead]
    if not len(near):
        nothing = np.zeros(0, dtype=np.bool_)
        return LeadOutliers(near, nothing, nothing)
    from_lead = _prediction_neg_log10_p(z_score, r, n_samples, [lead], near)
    outlier = from_lead > neg_log10_p
    if not outlier.any():
        return LeadOutliers(near, outlier, outlier)
    far = np.flatnonzero(r[lead] ** 2 <= min_r2)
    signals = _select_signals(z_score, r, n_samples, lead, far, neg_log10_p)
    beside_far = _prediction_neg_log10_p(z_score, r, n_samples, signals, near)
    signals.append(int(near[np.argmax(beside_far)]))
    beside_all = _prediction_neg_log10_p(z_score, r, n_samples, signals, near)
    return LeadOutliers(near, outlier, outlier & (beside_all > neg_log10_p))


def _select_signals(
    z_score: FloatArray, r: FloatArray, n_samples: int, lead: int, far: IntArray, neg_log10_p: float
) -> list[int]:
    """The lead, and one by one the variant of `far` that those before explain least, while that is an outlier."""
    signals = [lead]
    while len(signals) < _MOST_SIGNALS and len(far):
        strength = _prediction_neg_log10_p(z_score, r, n_samples, signals, far)
        if strength.max() <= neg_log10_p:
            break
        signals.append(int(far[np.argmax(strength)]))
    return signals


def _prediction_neg_log10_p(
    z_score: FloatArray, r: FloatArray, n_samples: int, signals: list[int], near: IntArray
) -> FloatArray:
    """-log10 p of each z-score of `near`, given those of the signals.

    With exact LD the deviation from `r_js R_ss^-1 z_s` has variance `u = 1 - r_js R_ss^-1 r_sj`. LD from `n_samples`
    people adds `u^2 z_s' R_ss^-1 z_s / n_samples`, and a panel of that size cannot tell u from 0 below
    `1 / n_samples`: without both, every strong locus with a small panel has outliers.
    """
    with_near = r[signals][:, near]
    inverse = np.linalg.pinv(r[signals][:, signals])  # two may be the same variant in all but name
    weights = inverse @ with_near
    unexplained = np.maximum(1.0 - (weights * with_near).sum(axis=0), 1.0 / n_samples)
    strength = float(z_score[signals] @ inverse @ z_score[signals])
    deviation = z_score[near] - z_score[signals] @ weights
    return neg_log10_p_of_z(deviation / np.sqrt(unexplained + unexplained**2 * strength / n_samples))


# ---- The verdict before a fit ------------------------------------------------------------------------------------


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

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix cannot be decomposed.
    """
    z_score = adjusted_z_scores(z_score, n_effective)
    share, n_pairs = sign_consistency(z_score, ld.r, min_abs_r=settings.sign_min_r, min_abs_z=settings.sign_min_z)
    found = lead_outliers(
        z_score, ld.r, ld.n_samples, min_r2=settings.outlier_r2, neg_log10_p=settings.outlier_neg_log10_p
    )
    mismatch = estimate_lambda(z_score, ld.spectrum)
    kriging = krige(z_score, ld.spectrum, mismatch)
    flipped = flip_candidates(z_score, kriging, min_log_ratio=settings.flip_log_ratio, min_abs_z=settings.flip_min_z)
    clear = (np.abs(kriging.deviation) > settings.fail_flip_deviation) & (np.abs(z_score) > settings.fail_flip_z)
    measured = LdDiagnostics(
        verdict=PASS,
        reason="",
        sign_consistency=share if n_pairs >= settings.sign_min_pairs else None,
        ld_lambda=mismatch,
        null_space_lambda=estimate_null_space_lambda(z_score, ld.spectrum),
        smallest_eigenvalue=ld.spectrum.smallest,
        n_near_lead=len(found.near),
        n_outliers=int(np.count_nonzero(found.outlier)),
        n_unexplained=int(np.count_nonzero(found.unexplained)),
        flip_candidates=flipped,
        n_clear_flips=int(np.count_nonzero(clear[flipped])),
    )
    failures, warnings = _failures(measured, settings), _warnings(measured, settings)
    verdict = FAIL if failures else WARN if warnings else PASS
    reason = "; ".join(failures or warnings or [_all_well(measured)])
    return replace(measured, verdict=verdict, reason=f"{reason}.")


def _failures(found: LdDiagnostics, settings: LdSettings) -> list[str]:
    failures = []
    if found.sign_consistency is not None and found.sign_consistency < settings.min_sign_consistency:
        failures.append(
            f"only {found.sign_consistency:.0%} of associated pairs in LD agree in sign "
            f"(at least {settings.min_sign_consistency:.0%} expected): alleles may be exchanged"
        )
    if found.ld_lambda > settings.fail_lambda:
        failures.append(f"LD mismatch {found.ld_lambda:.3f} is above {settings.fail_lambda:g}")
    if contradicts_lead(found, settings):
        failures.append(
            f"{found.n_outliers} of {found.n_near_lead} variants in LD with the lead contradict it, "
            f"{found.n_unexplained} of them also beside other signals"
        )
    if found.n_clear_flips:
        failures.append(
            f"{found.n_clear_flips} strong variants have the opposite sign of what all others predict: "
            "alleles may be exchanged"
        )
    return failures


def contradicts_lead(found: LdDiagnostics, settings: LdSettings) -> bool:
    """Whether so many variants near the lead contradict it that the lead itself, and the ABF, are in doubt (SLALOM)."""
    return found.n_unexplained >= settings.fail_outliers


def _warnings(found: LdDiagnostics, settings: LdSettings) -> list[str]:
    warnings = []
    if found.ld_lambda > settings.warn_lambda:
        warnings.append(f"LD mismatch {found.ld_lambda:.3f} is above {settings.warn_lambda:g}")
    if found.smallest_eigenvalue < settings.min_eigenvalue:
        warnings.append(f"the LD matrix is no correlation matrix: it has eigenvalue {found.smallest_eigenvalue:.2g}")
    if found.n_outliers:
        warnings.append(f"{found.n_outliers} of {found.n_near_lead} variants in LD with the lead contradict it")
    if len(found.flip_candidates):
        plural = "variant" if len(found.flip_candidates) == 1 else "variants"
        warnings.append(f"{len(found.flip_candidates)} {plural} may have exchanged alleles")
    return warnings


def _all_well(found: LdDiagnostics) -> str:
    signs = "too few pairs to compare signs" if found.sign_consistency is None else f"{found.sign_consistency:.0%}"
    return f"LD mismatch {found.ld_lambda:.4f}, no outlier near the lead, sign agreement {signs}"


# ---- The verdict after a fit -------------------------------------------------------------------------------------


def lowered(found: LdDiagnostics, verdict: str, reason: str) -> LdDiagnostics:
    """Diagnostics with a verdict that fits have lowered, and the further reason for it."""
    return replace(found, verdict=verdict, reason=f"{found.reason} {reason}")


def runaway_ratio(fit: SusieFit, z_score: FloatArray, n_effective: float | None) -> float:
    """Largest prior variance of a fit, against the largest marginal effect: about 1 in a fit that makes sense.

    With mismatched LD effects can grow against each other without bound while the evidence bound keeps rising;
    susieR's own guard compares different scales and does not notice. Fits that settle stay below 4, those that run
    away exceed 2000.
    """
    strongest = float(np.max(adjusted_z_scores(z_score, n_effective) ** 2))
    n_scale = 1.0 if n_effective is None else n_effective
    return float(fit.prior_variance.max()) * n_scale / strongest if strongest else 0.0


def unsettled(fit: SusieFit, z_score: FloatArray, settings: LdSettings, *, n_effective: float | None) -> str | None:
    """What is wrong with a fit that is not to be believed; None when it settled."""
    if not fit.converged:
        return f"did not converge in {fit.n_iterations} sweeps"
    ratio = runaway_ratio(fit, z_score, n_effective)
    if ratio > settings.max_runaway_ratio:
        return f"ran away: prior variance {ratio:.0f} times the largest marginal effect"
    return None
