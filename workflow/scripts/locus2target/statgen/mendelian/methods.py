"""The estimators by name, for callers that go through a list of them.

`estimate_effect(name, data, draws=..., seed=...)` raises `EstimationError` (with `status` and `reason`) where the
instruments do not allow a method.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from locus2target.statgen.mendelian import estimators, median, mode
from locus2target.statgen.mendelian.estimators import Estimate
from locus2target.statgen.mendelian.instruments import Instruments
from locus2target.statgen.mendelian.radial import radial_egger, radial_ivw, radial_ivw_exact, radial_ivw_iterative


class Method(Protocol):
    """Estimator; those without a bootstrap do not look at `draws` and `seed`."""

    def __call__(self, data: Instruments, *, draws: int, seed: int) -> Estimate:
        """Estimate of one causal effect."""


def estimate_effect(name: str, data: Instruments, *, draws: int, seed: int) -> Estimate:
    """Estimate of the method of that name, one of `METHODS`.

    Raises
    ------
    EstimationError
        Where the instruments do not allow it; its `status` and `reason` say why.
    """
    return METHODS[name](data, draws=draws, seed=seed)


def _without_bootstrap(estimator: Callable[[Instruments], Estimate]) -> Method:
    def run(data: Instruments, *, draws: int, seed: int) -> Estimate:  # noqa: ARG001
        return estimator(data)

    return run


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "wald_ratio": _without_bootstrap(estimators.wald_ratio),
        "ivw": _without_bootstrap(estimators.ivw),
        "ivw_fixed": _without_bootstrap(estimators.ivw_fixed),
        "ivw_random": _without_bootstrap(estimators.ivw_random),
        "egger": _without_bootstrap(lambda data: estimators.egger(data).effect),
        "simple_median": median.simple_median,
        "weighted_median": median.weighted_median,
        "penalised_weighted_median": median.penalised_weighted_median,
        "simple_mode": mode.simple_mode,
        "weighted_mode": mode.weighted_mode,
        "penalised_mode": mode.penalised_mode,
        "simple_mode_nome": mode.simple_mode_nome,
        "weighted_mode_nome": mode.weighted_mode_nome,
        "maximum_likelihood": _without_bootstrap(estimators.maximum_likelihood),
        "unweighted": _without_bootstrap(estimators.unweighted),
        "sign_test": _without_bootstrap(estimators.sign_test),
        "radial_ivw": _without_bootstrap(lambda data: radial_ivw(data).effect),
        "radial_ivw_iterative": _without_bootstrap(lambda data: radial_ivw_iterative(data).effect),
        "radial_ivw_exact": _without_bootstrap(lambda data: radial_ivw_exact(data).effect),
        "radial_egger": _without_bootstrap(lambda data: radial_egger(data).effect),
    }
)
