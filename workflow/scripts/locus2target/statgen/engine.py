"""What a fine-mapping engine takes and gives: SuSiE on summary statistics (Wang et al. 2020, Zou et al. 2022)."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
LdArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class FitError(Exception):
    """An engine could not fit this locus; the message says why."""


@dataclass(frozen=True, slots=True)
class SusieInput:
    """Summary statistics of one locus and the LD between its variants.

    Attributes
    ----------
    z_score
        float64 array of shape (p,), marginal, per ALT allele.
    r
        float64 or float32 array of shape (p, p): correlation of the same alleles in the same order, symmetric, unit
        diagonal. None where `factor` is given instead.
    n_samples
        Effective sample size; None when unknown (then effects are taken to be small and the sample to be large).
    prior_weights
        float64 array of shape (p,): relative prior probability of each variant to be causal; None for equal ones.
    null_weight
        Prior probability that an effect is none of the variants.
    factor
        float64 or float32 array of shape (n_people, p) whose columns have length 1, so that r = factor' factor:
        standardised genotypes over the root of n_people - 1. With fewer people than variants it is the smaller of the
        two. None where `r` is given.
    """

    z_score: FloatArray
    r: LdArray | None
    n_samples: float | None
    prior_weights: FloatArray | None = None
    null_weight: float = 0.0
    factor: LdArray | None = None

    def __post_init__(self) -> None:
        if (self.r is None) == (self.factor is None):
            raise ValueError("give either r or its factor")
        p, shape = len(self.z_score), self.ld.shape
        if self.z_score.shape != (p,) or shape not in {(p, p), (len(self.ld), p)}:
            raise ValueError(f"z_score has shape {self.z_score.shape}, r or its factor has shape {shape}")
        if self.r is not None and shape != (p, p):
            raise ValueError(f"r has shape {shape}, not {(p, p)}")
        if self.prior_weights is not None and self.prior_weights.shape != (p,):
            raise ValueError(f"prior_weights have shape {self.prior_weights.shape}, not ({p},)")
        if not (np.isfinite(self.z_score).all() and np.isfinite(self.ld.sum())):  # a sum needs no second matrix
            raise ValueError("z_score, r and factor must be finite")

    @property
    def ld(self) -> LdArray:
        """`r` or `factor`, whichever there is."""
        ld = self.factor if self.r is None else self.r
        if ld is None:
            raise ValueError("give either r or its factor")
        return ld

    def prior(self) -> FloatArray:
        """Prior probability of each variant, float64 (p,); they sum to 1 - `null_weight`.

        Raises
        ------
        FitError
            If the weights are not such that they can be probabilities.
        """
        p = len(self.z_score)
        weights = np.ones(p) if self.prior_weights is None else self.prior_weights
        if not (0.0 <= self.null_weight < 1.0):
            raise FitError(f"null_weight is {self.null_weight}, not within [0, 1)")
        if not (np.isfinite(weights).all() and weights.min() >= 0.0 and weights.max() > 0.0):
            raise FitError("prior_weights must be finite and not negative, and one of them must be above zero")
        share: FloatArray = weights * ((1.0 - self.null_weight) / weights.sum())
        return share


@dataclass(frozen=True, slots=True)
class SusieSettings:
    """Settings of a fit.

    Attributes
    ----------
    max_signals
        Effects in the model (L), an upper bound of the signals that can be found.
    coverage
        Posterior mass of a credible set, 0..1.
    min_purity
        Smallest |r| between two variants of a credible set for it to be kept.
    max_iterations
        Sweeps over the effects.
    tolerance
        The fit has converged when a sweep raises the evidence lower bound by less, natural log.
    estimate_residual_variance
        Only right with LD from the very people behind the statistics; otherwise it stays 1.
    prior_variance_method
        How each effect's prior variance follows from the data: "optim" maximises the effect's likelihood, "EM" takes
        one expectation-maximisation step a sweep, "simple" chooses between `scaled_prior_variance` and 0, and "fixed"
        keeps `scaled_prior_variance`.
    scaled_prior_variance
        Prior variance of an effect as a share of the trait's variance, 0..1; where "optim" and "EM" start. It needs a
        sample size: without one they start from the engine's own value, and "simple" and "fixed" have no meaning.
    refine
        Refit without each credible set in turn, and keep what raises the evidence: a way out of local optima, at
        several times the cost.
    """

    max_signals: int = 10
    coverage: float = 0.95
    min_purity: float = 0.5
    max_iterations: int = 100
    tolerance: float = 1e-3
    estimate_residual_variance: bool = False
    prior_variance_method: Literal["optim", "EM", "simple", "fixed"] = "optim"
    scaled_prior_variance: float = 0.2
    refine: bool = False


@dataclass(frozen=True, slots=True)
class CredibleSet:
    """Variants that cover one effect.

    Attributes
    ----------
    effect
        Row of the fit's arrays.
    variables
        int64 array: columns of the fit's arrays, ascending.
    coverage
        Posterior mass of the effect on them, 0..1.
    purity_min, purity_mean, purity_median
        |r| over their pairs; 1 for a single variant.
    """

    effect: int
    variables: IntArray
    coverage: float
    purity_min: float
    purity_mean: float
    purity_median: float


@dataclass(frozen=True, slots=True)
class SusieFit:
    """A fitted model of K effects on p variants; effect sizes are of standardised genotypes on a standardised trait.

    Attributes
    ----------
    pip
        float64 (p,): posterior inclusion probability.
    alpha
        float64 (K, p): probability that effect k is variant j. Rows sum to 1, less the null's share.
    mu, mu2
        float64 (K, p): mean and second moment of the effect, given that it is variant j.
    lbf, lbf_variable
        float64 (K,) and (K, p): log Bayes factors of the effects, and of each variant in them; natural log.
    prior_variance
        float64 (K,): variance of the effects' prior; 0 for an effect that is switched off.
    residual_variance
        1 when it is not estimated.
    elbo
        Evidence lower bound after the last sweep, natural log.
    n_iterations, converged
        Sweeps made, and whether the tolerance was reached.
    credible_sets
        Those pure enough, purest first.
    engine
        Program and version.
    messages
        What the program had to say, in order.
    """

    pip: FloatArray
    alpha: FloatArray
    mu: FloatArray
    mu2: FloatArray
    lbf: FloatArray
    lbf_variable: FloatArray
    prior_variance: FloatArray
    residual_variance: float
    elbo: float
    n_iterations: int
    converged: bool
    credible_sets: tuple[CredibleSet, ...]
    engine: str
    messages: tuple[str, ...]

    def posterior_mean(self) -> FloatArray:
        """Posterior mean of the variants' effects, float64 (p,), standardised scale."""
        mean: FloatArray = np.einsum("kp,kp->p", self.alpha, self.mu)
        return mean

    def posterior_sd(self) -> FloatArray:
        """Posterior standard deviation of the variants' effects, float64 (p,), standardised scale."""
        first = self.alpha * self.mu
        variance = np.einsum("kp,kp->p", self.alpha, self.mu2) - np.einsum("kp,kp->p", first, first)
        sd: FloatArray = np.sqrt(np.maximum(variance, 0.0))
        return sd


class FineMappingEngine(Protocol):
    """Anything that fits SuSiE."""

    def fit(self, data: SusieInput, settings: SusieSettings) -> SusieFit:
        """Fit one locus.

        Raises
        ------
        FitError
            If this locus cannot be fitted.
        """
        ...


def require_sample_size(data: SusieInput, settings: SusieSettings) -> None:
    """Make sure that a prior variance that is given as a share of the trait's has a meaning.

    Raises
    ------
    FitError
        If it is given so and the sample size is unknown.
    """
    method = settings.prior_variance_method
    if method in {"simple", "fixed"} and data.n_samples is None:
        raise FitError(f"a {method} prior variance, a share of the trait's variance, needs a sample size")


def adjusted_z_scores(z_score: FloatArray, n_samples: float | None) -> FloatArray:
    """z-scores as if the residual variance of each marginal regression were the trait's variance (Zou et al. 2022).

    A Wald z-score divides by the residual variance, which the variant itself lowers; SuSiE fixes it at 1 instead.
    """
    if n_samples is None:
        return z_score
    return z_score * np.sqrt((n_samples - 1) / (z_score**2 + n_samples - 2))


def allele_scale(z_score: FloatArray, standard_error: FloatArray, n_samples: float) -> FloatArray:
    """Factor from effects on the standardised scale to effects of one allele in the unit of the standard error.

    float64 array of shape (p,). The trait's variance cancels, so it need not be known.
    """
    scale: FloatArray = standard_error * np.sqrt(z_score**2 + n_samples - 2)
    return scale
