"""Functional priors: which variants were likely to be causal before anyone looked at the trait.

The prior probability that a signal's causal variant is variant j of its locus is

    pi_j(theta) = (1 - u) exp(x_j theta) / sum_k exp(x_k theta) + u / p,

with features x, enrichments theta and a uniform share u. theta maximises the log evidence of the signals, the sum over
signals of log sum_j pi_j(theta) BF_j, less |theta|^2 / (2 s^2): empirical Bayes with one effect per signal and a normal
prior of standard deviation s that keeps theta near 0 when there are few loci. fGWAS (Pickrell 2014) and PAINTOR
(Kichaev et al. 2014) fit enrichments in this way, and PolyFun (Weissbrod et al. 2020) bounds its weights like this.

A locus never sees a theta that its own chromosome helped to fit. Loci of several traits in one region share variants
and often causal variants, so they are not independent: leaving out the whole chromosome keeps each of them from the
weights of the others, and the jackknife over chromosomes counts them together.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.progress import tracked

LOGGER = logging.getLogger(__name__)
FACTOR_COLUMNS = ("locus", "signal", "variant", "chromosome", "log_bayes_factor")
"""What `gather_signals` reads of table `signal_lbf`."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.int64)

OK = "ok"
ALL_LOCI = "none"
_OWN_METHODS = ("abf", "susie")
_MAX_GRADIENT = 1e-3  # of the penalised log evidence at its maximum: natural log per unit of theta
_FACTORS_AT_ONCE = 500_000  # of the log evidence: some 50 MB; not more than that are summed as one block
_PRECISION = {"gtol": 1e-6, "ftol": 1e-15}  # the loss is hundreds of nats: a relative change of 1e-9 ends too early


@dataclass(frozen=True, slots=True)
class PriorSettings:
    """The part of the config's `functional_priors` section that the fit needs.

    Attributes
    ----------
    min_loci
        Loci on other chromosomes below which a locus keeps equal weights.
    prior_sd
        s: standard deviation of the enrichments before any locus is seen, natural log.
    uniform_share
        u: share of the prior that is spread equally, 0..1.
    max_ratio
        Largest prior weight of a locus over its smallest (and so over its median).
    seed
        Of the shuffles of the control.
    """

    min_loci: int
    prior_sd: float
    uniform_share: float
    max_ratio: float
    seed: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "PriorSettings":
        """Read the section; the config's schema has checked its keys and types."""
        return cls(**{name: settings[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Groups:
    """Consecutive stretches of an array: loci of a table of variants, or signals of a table of Bayes factors.

    Attributes
    ----------
    starts
        int64 array of shape (n_groups,): first index of each; none is empty.
    lengths
        int64 array of shape (n_groups,).
    """

    starts: IntArray
    lengths: IntArray

    @classmethod
    def of_lengths(cls, lengths: npt.ArrayLike) -> "Groups":
        """Groups of these lengths, one after another."""
        sizes = np.asarray(lengths, dtype=np.int64)
        return cls(np.cumsum(sizes) - sizes, sizes)

    def sum(self, values: FloatArray) -> FloatArray:
        """Sum of each group, along the first axis."""
        result: FloatArray = np.add.reduceat(values, self.starts, axis=0)
        return result

    def spread(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Give every member the value of its group."""
        return np.repeat(values, self.lengths, axis=0)

    def relative_exp(self, values: FloatArray) -> FloatArray:
        """Exponentials divided by the largest of their group: none overflows."""
        result: FloatArray = np.exp(values - self.spread(np.maximum.reduceat(values, self.starts)))
        return result

    def softmax(self, values: FloatArray) -> FloatArray:
        """Exponentials that sum to 1 in each group."""
        terms = self.relative_exp(values)
        result: FloatArray = terms / self.spread(self.sum(terms))
        return result


@dataclass(frozen=True, slots=True)
class Signals:
    """Bayes factors of the primary signals of all loci, signal by signal.

    Attributes
    ----------
    rows
        int64 array of shape (n_factors,): row of the variant in the table of variants.
    log_bayes_factors
        float64 array of shape (n_factors,), natural log.
    groups
        The signals.
    locus, chromosome
        Object arrays of shape (n_signals,).
    """

    rows: IntArray
    log_bayes_factors: FloatArray
    groups: Groups
    locus: npt.NDArray[np.object_]
    chromosome: npt.NDArray[np.object_]

    def select(self, chosen: npt.NDArray[np.bool_]) -> "Signals":
        """Some of the signals; `chosen` has shape (n_signals,)."""
        members = np.repeat(chosen, self.groups.lengths)
        return Signals(
            self.rows[members],
            self.log_bayes_factors[members],
            Groups.of_lengths(self.groups.lengths[chosen]),
            self.locus[chosen],
            self.chromosome[chosen],
        )

    def blocks(self) -> Iterator["Signals"]:
        """Consecutive signals with some `_FACTORS_AT_ONCE` Bayes factors in all; views, not copies."""
        number = self.groups.starts // _FACTORS_AT_ONCE
        edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
        bounds = np.append(self.groups.starts, len(self.rows))
        for first, end in pairwise(edges):
            part, members = slice(first, end), slice(bounds[first], bounds[end])
            groups = Groups.of_lengths(self.groups.lengths[part])
            factors = self.log_bayes_factors[members]
            yield Signals(self.rows[members], factors, groups, self.locus[part], self.chromosome[part])

    @classmethod
    def by_locus(cls, parts: Sequence["Signals"]) -> "Signals":
        """The signals of several parts, no locus in two of them: by name of the locus, in each as they stand."""
        locus = np.concatenate([part.locus for part in parts])
        lengths = np.concatenate([part.groups.lengths for part in parts])
        order = np.argsort(locus, kind="stable")
        joined, ordered = Groups.of_lengths(lengths), Groups.of_lengths(lengths[order])
        members = np.arange(lengths.sum()) + ordered.spread(joined.starts[order] - ordered.starts)
        return cls(
            np.concatenate([part.rows for part in parts])[members],
            np.concatenate([part.log_bayes_factors for part in parts])[members],
            ordered,
            locus[order],
            np.concatenate([part.chromosome for part in parts])[order],
        )


@dataclass(frozen=True, slots=True)
class Enrichments:
    """A fit to the loci of all chromosomes but one, or of all.

    Attributes
    ----------
    left_out
        The chromosome; `none` for all loci.
    theta
        float64 array of shape (n_features,); all 0 when the status is not ok.
    standard_error
        float64 array of shape (n_features,), jackknife over chromosomes; NaN where it is not known.
    n_loci
        Loci with a signal behind the fit.
    held_out_gain
        Log evidence of the left-out loci's signals under these weights, less that under equal ones; for `none` the
        sum over chromosomes, each with its own fit.
    status, reason
        ok, `too_few_loci` or `not_converged`.
    """

    left_out: str
    theta: FloatArray
    standard_error: FloatArray
    n_loci: int
    held_out_gain: float
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class FunctionalPrior:
    """Weights of all variants and the fits behind them.

    Attributes
    ----------
    weights
        float64 array of shape (n_variants,) that sums to 1 in every locus.
    fits
        That of all loci, then one per chromosome that has loci.
    """

    weights: FloatArray
    fits: tuple[Enrichments, ...]


def gather_signals(variants: pd.DataFrame, signals: pd.DataFrame, signal_lbf: pd.DataFrame) -> Signals:
    """Find the Bayes factors of the primary signals.

    Parameters
    ----------
    variants
        Columns locus and variant, one row per variant and locus.
    signals, signal_lbf
        `core.schemas.SIGNALS` and `SIGNAL_LBF`. Left out are signals of loci that are not in `variants`, and imported
        ones: a source's PIPs may rest on a functional prior already.
    """
    primary = signals.loc[signals["primary"] & signals["method"].isin(_OWN_METHODS), ["locus", "signal"]]
    factors = signal_lbf[list(FACTOR_COLUMNS)].merge(primary)
    numbered = variants[["locus", "variant"]].assign(row=np.arange(len(variants)))
    factors = factors.merge(numbered, on=["locus", "variant"], validate="many_to_one")
    factors = factors.sort_values(["locus", "signal", "row"])
    each = factors.groupby(["locus", "signal"], sort=False)
    first = each.head(1)
    return Signals(
        factors["row"].to_numpy(np.int64),
        factors["log_bayes_factor"].to_numpy(np.float64),
        Groups.of_lengths(each.size().to_numpy()),
        first["locus"].to_numpy(object),
        first["chromosome"].to_numpy(object),
    )


def fit_functional_prior(
    features: FloatArray, loci: Groups, chromosome: npt.NDArray[np.object_], signals: Signals, settings: PriorSettings
) -> FunctionalPrior:
    """Fit enrichments without each chromosome in turn, and weigh the chromosome's variants with them.

    Parameters
    ----------
    features
        float64 array of shape (n_variants, n_features), 0 where a feature is not known.
    loci
        The variants' loci.
    chromosome
        Object array of shape (n_loci,).
    signals
        With rows that point into `features`.
    settings
        Limits of the fit and of the weights.
    """
    weights = loci.spread(1.0 / loci.lengths)
    fits = []
    chromosomes = sorted(set(chromosome), key=chromosome_rank)
    for name in tracked(chromosomes, unit="chromosomes", label="fitting without one chromosome at a time"):
        own = chromosome == name
        fit = _fit_if_enough(name, features, signals.select(signals.chromosome != name), settings)
        here = np.repeat(own, loci.lengths)
        weights[here] = bounded_weights(features[here] @ fit.theta, Groups.of_lengths(loci.lengths[own]), settings)
        gains = evidence_gains(weights, signals.select(signals.chromosome == name))
        fits.append(replace(fit, held_out_gain=float(gains.sum())))
    of_all = _fit_if_enough(ALL_LOCI, features, signals, settings)
    gain = float(sum(fit.held_out_gain for fit in fits))
    of_all = replace(of_all, standard_error=_jackknife_error(of_all, fits), held_out_gain=gain)
    return FunctionalPrior(weights, (of_all, *fits))


def shuffle_within_loci(features: FloatArray, loci: Groups, *, seed: int) -> None:
    """Deal the feature rows of each locus anew among its variants, in place: the control that must find nothing."""
    generator = np.random.default_rng(seed)
    for start, length in zip(loci.starts.tolist(), loci.lengths.tolist(), strict=True):
        features[start : start + length] = features[start + generator.permutation(length)]


def _fit_if_enough(left_out: str, features: FloatArray, signals: Signals, settings: PriorSettings) -> Enrichments:
    """Fit to the signals given; no enrichment where they are too few or the maximum is not found."""
    n_loci = len(set(signals.locus))
    nothing = np.zeros(features.shape[1])
    fit = Enrichments(left_out, nothing, np.full_like(nothing, np.nan), n_loci, 0.0, OK, "")
    if n_loci < settings.min_loci:
        reason = f"{n_loci} loci with a signal stand behind the fit, fewer than {settings.min_loci}: equal weights."
        return replace(fit, status="too_few_loci", reason=reason)
    theta = fit_enrichments(features, signals, prior_sd=settings.prior_sd, uniform_share=settings.uniform_share)
    if theta is None:
        reason = "The maximum of the evidence was not found: equal weights."
        return replace(fit, status="not_converged", reason=reason)
    return replace(fit, theta=theta)


def fit_enrichments(
    features: FloatArray, signals: Signals, *, prior_sd: float, uniform_share: float
) -> FloatArray | None:
    """Enrichments that maximise the evidence of the signals under their normal prior (L-BFGS, exact gradient).

    Parameters
    ----------
    features
        float64 array of shape (n_variants, n_features).
    signals
        The loci's signals; at least one.
    prior_sd, uniform_share
        See `PriorSettings`.

    Returns
    -------
    numpy.ndarray or None
        float64 of shape (n_features,); None when no maximum was reached. The search starts at 0, so that of several
        maxima the one next to equal weights is found.
    """

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        evidence, slope = 0.0, np.zeros_like(theta)
        for block in signals.blocks():
            factors = block.groups.relative_exp(block.log_bayes_factors)
            own = np.take(features, block.rows, axis=0)  # several times faster than an index in brackets
            of_block = log_evidence(theta, own, factors, block.groups, uniform_share=uniform_share)
            evidence, slope = evidence + of_block[0], slope + of_block[1]
        return float(theta @ theta) / (2 * prior_sd**2) - evidence, theta / prior_sd**2 - slope

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", options=_PRECISION)
    LOGGER.info("enrichments %s after %d steps: %s", np.round(found.x, 3), found.nit, found.message)
    theta: FloatArray = found.x
    return theta if np.abs(found.jac).max(initial=0.0) <= _MAX_GRADIENT else None


def log_evidence(
    theta: FloatArray, features: FloatArray, bayes_factors: FloatArray, signals: Groups, *, uniform_share: float
) -> tuple[float, FloatArray]:
    """Log evidence of all signals under a prior, and its gradient.

    Parameters
    ----------
    theta
        float64 array of shape (n_features,).
    features
        float64 array of shape (n_factors, n_features).
    bayes_factors
        float64 array of shape (n_factors,); each signal's on a scale of its own, of which the evidence keeps the log.
    signals
        The signals.
    uniform_share
        See `PriorSettings`.

    Returns
    -------
    tuple
        Sum over signals of log sum_j pi_j BF_j, natural log; and float64 of shape (n_features,). pi is taken over the
        variants that have a Bayes factor in the signal: given that one of them is the causal one.
    """
    share = (1.0 - uniform_share) * signals.softmax(features @ theta)
    even = uniform_share / signals.lengths
    evidence = signals.sum(share * bayes_factors) + even * signals.sum(bayes_factors)
    # Posterior that a variant is causal and was drawn from the feature part of the prior.
    responsible = share * bayes_factors / signals.spread(evidence)
    expected = share * signals.spread(signals.sum(responsible)) / (1.0 - uniform_share)
    return float(np.log(evidence).sum()), (responsible - expected) @ features


def bounded_weights(log_weights: FloatArray, loci: Groups, settings: PriorSettings) -> FloatArray:
    """Prior weights of shape (n_variants,) that sum to 1 in every locus.

    The softmax of `log_weights` is mixed with the uniform share; what is above `max_ratio` times the locus' smallest
    weight is cut to that.
    """
    even = settings.uniform_share / loci.spread(loci.lengths.astype(np.float64))
    mixed = (1.0 - settings.uniform_share) * loci.softmax(log_weights) + even
    smallest = np.minimum.reduceat(mixed, loci.starts)
    cut = np.minimum(mixed, settings.max_ratio * loci.spread(smallest))
    weights: FloatArray = cut / loci.spread(loci.sum(cut))
    return weights


def evidence_gains(weights: FloatArray, signals: Signals) -> FloatArray:
    """Log evidence of each signal under prior weights, less that under equal ones; shape (n_signals,), natural log.

    The Bayes factors are those of one fit: for a SuSiE signal they hold its other effects and its prior variance as
    that fit left them.
    """
    groups, own = signals.groups, weights[signals.rows]
    bayes_factors = groups.relative_exp(signals.log_bayes_factors)
    weighted = groups.sum(own * bayes_factors) / groups.sum(own)
    gains: FloatArray = np.log(weighted) - np.log(groups.sum(bayes_factors) / groups.lengths)
    return gains


def _jackknife_error(of_all: Enrichments, fits: Sequence[Enrichments]) -> FloatArray:
    """Standard error of the fit to all loci, from the fits that each lack the loci of one chromosome."""
    usable = [fit for fit in fits if fit.status == OK and fit.n_loci < of_all.n_loci]
    if of_all.status != OK or len(usable) < 2:
        return np.full(len(of_all.theta), np.nan)
    left_out = np.array([of_all.n_loci - fit.n_loci for fit in usable], dtype=np.float64)
    return delete_group_error(of_all.theta, np.array([fit.theta for fit in usable]), left_out)


def delete_group_error(estimate: FloatArray, without: FloatArray, sizes: FloatArray) -> FloatArray:
    """Jackknife standard error with groups of unequal size (Busing, Meijer and van der Leeden 1999).

    Parameters
    ----------
    estimate
        float64 array of shape (n_features,), from all groups.
    without
        float64 array of shape (n_groups, n_features), each row without one group.
    sizes
        float64 array of shape (n_groups,): units in each group.
    """
    ratio = (sizes.sum() / sizes)[:, None]
    pseudo = ratio * estimate - (ratio - 1.0) * without
    mean = len(sizes) * estimate - ((1.0 - 1.0 / ratio) * without).sum(axis=0)
    error: FloatArray = np.sqrt(((pseudo - mean) ** 2 / (ratio - 1.0)).mean(axis=0))
    return error
