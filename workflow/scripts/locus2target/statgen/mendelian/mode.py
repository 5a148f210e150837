"""Mode estimators: consistent when the largest group of instruments with the same ratio is valid (Hartwig et al. 2017).

The mode of the Wald ratios is the highest point of their Gaussian kernel density. So that the numbers are those of R,
the density is that of R's `density()` before R 4.4: linear binning on a grid, convolution by fast Fourier transform,
and interpolation to 512 points. The standard error is the scaled median absolute deviation of the same estimator over
normal draws of the ratios; p-values are of t with k - 1 degrees of freedom.

Letters: `D` draws, `k` instruments, `G` = 512 points of the density.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import erfc

from locus2target.statgen.mendelian.estimators import Estimate, make_estimate
from locus2target.statgen.mendelian.instruments import Instruments

FloatArray = npt.NDArray[np.float64]
_Mode = Callable[[FloatArray], FloatArray]

_GRID = 512
_MARGIN = 3.0  # bandwidths from the outermost ratios to the ends of the density
_PADDING = 4.0  # bandwidths from there to the ends of the grid that is convolved
_NORMAL_MAD = 1.4826  # standard deviation over median absolute deviation, as R rounds it
_SMALLEST_BANDWIDTH = 1e-8
_PENALTY = 20.0
_DRAWS_AT_ONCE = 32  # whose grids stay in the processor's cache


def simple_mode(data: Instruments, *, draws: int, seed: int, bandwidth: float = 1.0) -> Estimate:
    """Mode of the Wald ratios, with equal weights.

    Parameters
    ----------
    data
        At least 3 instruments.
    draws, seed
        Of the bootstrap behind the standard error; the same seed gives the same answer.
    bandwidth
        phi, multiplies Silverman's bandwidth 0.9 min(sd, 1.4826 MAD) k^(-1/5).
    """
    weights = np.ones(len(data))
    return _mode_estimate(
        "simple_mode", data, lambda ratios: _modes(ratios, weights, bandwidth), data.ratio_se_second_order, draws, seed
    )


def weighted_mode(data: Instruments, *, draws: int, seed: int, bandwidth: float = 1.0) -> Estimate:
    """Mode of the Wald ratios, weighted by their second-order precision; parameters as in `simple_mode`."""
    errors = data.ratio_se_second_order
    return _mode_estimate(
        "weighted_mode", data, lambda ratios: _modes(ratios, errors**-2.0, bandwidth), errors, draws, seed
    )


def penalised_mode(data: Instruments, *, draws: int, seed: int, bandwidth: float = 1.0) -> Estimate:
    """Weighted mode with less weight on instruments away from it; parameters as in `simple_mode`.

    The weight of an instrument is multiplied by min(1, 20 p), p being the probability of a ratio so far from the
    weighted mode; also in each draw.
    """
    errors = data.ratio_se_second_order

    def penalised(ratios: FloatArray) -> FloatArray:
        center = _modes(ratios, errors**-2.0, bandwidth)[:, None]
        penalty = np.minimum(1.0, _PENALTY * erfc(np.abs(ratios - center) / (np.sqrt(2.0) * errors)))
        return _modes(ratios, errors**-2.0 * penalty, bandwidth)

    return _mode_estimate("penalised_mode", data, penalised, errors, draws, seed)


def simple_mode_nome(data: Instruments, *, draws: int, seed: int, bandwidth: float = 1.0) -> Estimate:
    """Simple mode with ratios drawn as if exposure effects had no measurement error; parameters as in `simple_mode`."""
    weights = np.ones(len(data))
    return _mode_estimate(
        "simple_mode_nome", data, lambda ratios: _modes(ratios, weights, bandwidth), data.ratio_se, draws, seed
    )


def weighted_mode_nome(data: Instruments, *, draws: int, seed: int, bandwidth: float = 1.0) -> Estimate:
    """Weighted mode as if exposure effects had no measurement error; parameters as in `simple_mode`."""
    errors = data.ratio_se
    return _mode_estimate(
        "weighted_mode_nome", data, lambda ratios: _modes(ratios, errors**-2.0, bandwidth), errors, draws, seed
    )


def _mode_estimate(method: str, data: Instruments, modes: _Mode, errors: FloatArray, draws: int, seed: int) -> Estimate:
    data.require(3, method)
    center = float(modes(data.ratio[None, :])[0])
    rng = np.random.default_rng(seed)
    sizes = [min(_DRAWS_AT_ONCE, draws - start) for start in range(0, draws, _DRAWS_AT_ONCE)]
    drawn = np.concatenate([modes(rng.normal(data.ratio, errors, (size, len(data)))) for size in sizes])
    return make_estimate(method, len(data), center, float(_scaled_mad(drawn)), df=len(data) - 1)


def _scaled_mad(values: FloatArray) -> FloatArray:
    """Median absolute deviation along the last axis, times 1.4826."""
    center = np.median(values, axis=-1, keepdims=True)
    result: FloatArray = _NORMAL_MAD * np.median(np.abs(values - center), axis=-1)
    return result


def _modes(ratios: FloatArray, weights: FloatArray, bandwidth: float) -> FloatArray:
    """Grid point of highest weighted density of each row.

    Parameters
    ----------
    ratios
        float64 array of shape (D, k).
    weights
        float64 array of shape (k,) or (D, k); only their proportions matter.
    bandwidth
        Factor of Silverman's bandwidth.
    """
    spread = np.minimum(ratios.std(axis=1, ddof=1), _scaled_mad(ratios))
    width = np.maximum(0.9 * spread * ratios.shape[1] ** -0.2 * bandwidth, _SMALLEST_BANDWIDTH)
    first, last = ratios.min(axis=1) - _MARGIN * width, ratios.max(axis=1) + _MARGIN * width
    low, high = first - _PADDING * width, last + _PADDING * width
    step = (high - low) / (_GRID - 1)
    mass = _binned_mass((ratios - low[:, None]) / step[:, None], np.broadcast_to(weights, ratios.shape))
    density = _convolved(mass, 2.0 * (high - low) / (2 * _GRID - 1) / width)
    # where the reported points lie on the grid that was convolved
    place = ((first - low) / step)[:, None] + ((last - first) / step)[:, None] * np.linspace(0.0, 1.0, _GRID)
    below = place.astype(np.int64)
    fraction = place - below
    left = np.take_along_axis(density, below, axis=1)
    right = np.take_along_axis(density, below + 1, axis=1)
    best = np.argmax(left + (right - left) * fraction, axis=1)
    modes: FloatArray = first + (last - first) * best / (_GRID - 1)
    return modes


def _binned_mass(place: FloatArray, weights: FloatArray) -> FloatArray:
    """Weight of each row on 2 G grid points, each ratio's shared between its two neighbours; shape (D, 2 G)."""
    n_draws = len(place)
    below = place.astype(np.int64)
    fraction = place - below
    index = below + 2 * _GRID * np.arange(n_draws)[:, None]
    length = 2 * _GRID * n_draws
    on_lower = np.bincount(index.ravel(), (weights * (1.0 - fraction)).ravel(), length)
    on_upper = np.bincount(index.ravel() + 1, (weights * fraction).ravel(), length)
    mass: FloatArray = np.add(on_lower, on_upper, dtype=np.float64)
    return mass.reshape(n_draws, 2 * _GRID)


def _convolved(mass: FloatArray, step: FloatArray) -> FloatArray:
    """Convolve each row with a Gaussian; `step` is the kernel's grid step in bandwidths. Shape (D, G), unnormalised."""
    lag = np.minimum(np.arange(2 * _GRID), 2 * _GRID - np.arange(2 * _GRID))
    kernel = np.exp(-0.5 * (step[:, None] * lag) ** 2)
    transformed = np.fft.rfft(mass, axis=1) * np.fft.rfft(kernel, axis=1).real  # of a symmetric kernel
    return np.fft.irfft(transformed, axis=1)[:, :_GRID]
