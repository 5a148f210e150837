"""Positional features of Enformer, as DeepMind's TensorFlow computed them.

Each distance between two tokens has three kinds of features (Avsec et al., Nature Methods 2021, Methods): exponential
decays, central masks and gamma densities; as many more are these times the sign of the distance.

The logarithm of a gamma density is a difference of float32 numbers of up to 30,000, so rounding moves the density by up
to 0.2 %, and the published weights were trained on the rounded values. They depend on the order of the sum and on the
last bit of each logarithm. TensorFlow takes the linear term and the normalization away as one sum (not one after the
other), its logarithm is Cephes' polynomial with fused multiply-adds (Eigen), and its log-gamma is Stirling's series in
float32 (C library). Done like this, the densities equal the table `tf_gammas.pt` of enformer-pytorch 0.8.12, which
TensorFlow wrote, to 3e-7 relative.

The densities that enformer-pytorch computes itself (`use_tf_gamma=False`) are not those of the weights: besides the
rounding, each is divided by the largest of the features at its distance, not by its own largest value.
"""

import math

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_MIN_HALF_LIFE = 3.0  # log2 of tokens
_FLOOR = np.float32(1e-8)
_SQRT_HALF = np.float32(0.707106781186547524)
_LOG_2 = np.float32(0.693147180559945309)
# Cephes logf: log(1 + x) = x - x^2/2 + x^3 P(x), highest power first.
_LOG_TERMS = np.array(
    [
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1,
        -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
        2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ],
    dtype=np.float32,
)  # fmt: skip


def positional_features(tokens: int, features: int) -> Float32:
    """Features of all distances j - i between two of N tokens.

    Parameters
    ----------
    tokens
        N.
    features
        F, a multiple of 6.

    Returns
    -------
    np.ndarray
        float32 of shape (2N - 1, F), distances -(N - 1) to N - 1.
    """
    if features % 6:
        raise ValueError(f"{features} positional features are not a multiple of 6")
    distances = np.arange(tokens)
    kinds = (exponential_features, central_mask_features, gamma_features)
    one_side = np.concatenate([kind(distances, tokens, features // 6) for kind in kinds], axis=1)
    symmetric = np.concatenate([one_side[:0:-1], one_side])
    sign = np.sign(np.arange(1 - tokens, tokens)).astype(np.float32)
    return np.concatenate([symmetric, sign[:, None] * symmetric], axis=1)


def exponential_features(distances: npt.NDArray[np.int64], tokens: int, features: int) -> Float32:
    """Decay by half within 2^3 to N tokens, float32 of shape (D, F) for distances >= 0."""
    half_lives = 2 ** np.linspace(_MIN_HALF_LIFE, math.log2(tokens), features)
    return np.exp2(-distances[:, None] / half_lives).astype(np.float32)


def central_mask_features(distances: npt.NDArray[np.int64], tokens: int, features: int) -> Float32:  # noqa: ARG001
    """Whether the distance is below 2^k - 1 for k = 1 to F, float32 of shape (D, F) for distances >= 0."""
    widths = 2.0 ** np.arange(1, features + 1) - 1
    return (widths > distances[:, None]).astype(np.float32)


def gamma_features(distances: npt.NDArray[np.int64], tokens: int, features: int) -> Float32:
    """Gamma densities with means N/F to N and standard deviation N/2F, each divided by its largest value.

    Parameters
    ----------
    distances
        int64 of shape (D,), 0 to N - 1 in this order, so that the largest value is among them.
    tokens, features
        N and F.

    Returns
    -------
    np.ndarray
        float32 of shape (D, F).
    """
    mean = np.linspace(tokens / features, tokens, features).astype(np.float32)
    deviation = np.float32(tokens / (2 * features))
    shape, rate = (mean / deviation) ** 2, mean / deviation**2
    normalization = _log_gamma(shape) - shape * _log(rate)
    x = distances[1:, None].astype(np.float32)
    exponent = (shape - np.float32(1)) * _log(x) - (rate * x + normalization)
    density = np.zeros((len(distances), features), dtype=np.float32)
    density[1:] = np.exp(exponent)  # at distance 0 it is 0
    density += _FLOOR
    scaled: Float32 = density / density.max(axis=0)
    return scaled


def _log(x: Float32) -> Float32:
    """Natural logarithm as Eigen's vector kernels compute it in float32."""
    mantissa, exponent = np.frexp(x)
    is_small = mantissa < _SQRT_HALF
    power = exponent.astype(np.float32) - is_small
    rest = (mantissa - np.float32(1)) + np.where(is_small, mantissa, np.float32(0))
    square = rest * rest
    cube = square * rest
    high, middle, low = (_fma(_fma(a, rest, b), rest, c) for a, b, c in _LOG_TERMS.reshape(3, 3))
    tail = _fma(_fma(high, cube, middle), cube, low) * cube
    return _fma(power, _LOG_2, rest + _fma(np.float32(-0.5), square, tail))


def _fma(a: Float32 | np.float32, b: Float32 | np.float32, c: Float32 | np.float32) -> Float32:
    """A * b + c, rounded to float32 once: the product of two float32 is exact in float64."""
    total: Float64 = np.multiply(a, b, dtype=np.float64) + c
    return total.astype(np.float32)


def _log_gamma(x: Float32) -> Float32:
    """Logarithm of the gamma function as C libraries computed it in float32: Stirling's series from 8 on."""
    log_x = np.log(x.astype(np.float64)).astype(np.float32)
    offset = np.float32((math.log(2 * math.pi) - 1) / 2)
    series = offset + (np.float32(1 / 12) / x - np.float32(1 / 360) / x**3)
    stirling = (x - np.float32(0.5)) * (log_x - np.float32(1)) + series
    small = np.array([math.lgamma(value) for value in x.tolist()], dtype=np.float32)
    return np.where(x < 8, small, stirling)
