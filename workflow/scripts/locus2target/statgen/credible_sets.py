"""Credible sets of a SuSiE fit: the fewest variants that cover an effect, kept where they are in LD with each other."""

import numpy as np
import numpy.typing as npt

from locus2target.statgen.engine import CredibleSet, FloatArray, IntArray, SusieInput

ACTIVE = 1e-9  # an effect with a smaller prior variance is switched off; the limit of susieR


def find_credible_sets(
    data: SusieInput, alpha: FloatArray, prior_variance: FloatArray, *, coverage: float, min_purity: float
) -> tuple[CredibleSet, ...]:
    """Credible sets of the active effects, purest first, without repetitions.

    Parameters
    ----------
    data
        Gives the correlation of the variants.
    alpha
        float64 of shape (K, p): probability that effect k is variant j. What a row lacks to 1 is the null's share.
    prior_variance
        float64 of shape (K,).
    coverage, min_purity
        See `SusieSettings`.
    """
    found: dict[tuple[int, ...], CredibleSet] = {}
    for effect in np.flatnonzero(prior_variance > ACTIVE):
        variables = _smallest_cover(alpha[effect], coverage, has_null=data.null_weight > 0.0)
        if variables is None or tuple(variables) in found:
            continue
        purity = _purity(data, variables, min_purity)
        if purity is not None:
            mass = float(alpha[effect, variables].sum())
            found[tuple(variables)] = CredibleSet(int(effect), variables, mass, *purity)
    return tuple(sorted(found.values(), key=lambda one: -one.purity_min))


def _smallest_cover(alpha: FloatArray, coverage: float, *, has_null: bool) -> IntArray | None:
    """Variants that reach the coverage, ascending; None if the null is one of them. Ties go by index."""
    # Without a null, the variants below this limit hold less than 1 - coverage between them.
    limit = 0.0 if has_null else (1.0 - coverage) / len(alpha)
    candidates = np.flatnonzero(alpha >= limit)
    order = candidates[np.argsort(-alpha[candidates], kind="stable")]
    mass = np.cumsum(alpha[order])
    size = min(int(np.searchsorted(mass, coverage)) + 1, len(order))
    null = 1.0 - alpha.sum()
    if has_null and (mass[-1] < coverage or null > alpha[order[size - 1]]):  # it comes before the last of them
        return None
    return np.sort(order[:size])


def _purity(data: SusieInput, variables: IntArray, min_purity: float) -> tuple[float, float, float] | None:
    """Smallest, mean and median |r| of the pairs; None if the smallest is too small. 1 for a single variant."""
    if len(variables) == 1:
        return 1.0, 1.0, 1.0
    if np.abs(_correlations(data, variables[:1], variables)).min() < min_purity:
        return None  # spares a diffuse set, which may hold every variant, its matrix
    block = np.abs(_correlations(data, variables, variables))
    pairs = np.concatenate([row[number + 1 :] for number, row in enumerate(block)])
    lowest = float(pairs.min())
    return None if lowest < min_purity else (lowest, float(pairs.mean()), float(np.median(pairs)))


def _correlations(data: SusieInput, rows: IntArray, columns: IntArray) -> npt.NDArray[np.floating]:
    if data.factor is not None:
        return data.factor[:, rows].T @ data.factor[:, columns]
    return data.ld[np.ix_(rows, columns)]
