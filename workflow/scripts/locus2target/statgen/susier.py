"""The reference engine: susieR through rpy2. The only module that talks to R.

R is started once per process, at the first fit. Arrays go in through their memory and come out as numpy copies; no R
object leaves this module. What R says during a fit becomes `SusieFit.messages`, an R error becomes a `FitError`, and
anything it still writes to its console goes to the log.
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from locus2target.core.errors import InputError
from locus2target.statgen.engine import (
    CredibleSet,
    FitError,
    FloatArray,
    LdArray,
    SusieFit,
    SusieInput,
    SusieSettings,
    require_sample_size,
)

LOGGER = logging.getLogger(__name__)

_OLDEST = (0, 12, 27)  # first susie_rss with a sample size in its present meaning
_WHERE = "fine-mapping engine susier"
_REMEDY = "Install R with susieR: envs/finemap.yaml has it for conda, `apt install r-cran-susier` on Debian and Ubuntu."
_R_OPTIONS = ("rpy2", "--quiet", "--no-save", "--no-restore", "--no-init-file")  # results depend on no user's workspace

# Every argument that changed its default between susieR 0.12 and 0.16 is given. Conditions are caught in R, where
# they can be told apart. `sets` and `V` are flattened so that each value is a plain vector or matrix. Without n both
# generations set the prior variance themselves, and 0.12 stops at being given one. The seed is for 0.12, whose
# refinement forgets n_purity and takes the purity of large sets from a sample.
_R_FIT = """
function(z, R, n, prior_weights, scaled_prior_variance, ...) {
  set.seed(1)
  said <- character()
  keep <- function(restart) function(condition) {
    said <<- c(said, trimws(conditionMessage(condition)))
    invokeRestart(restart)
  }
  run <- function() if (is.null(n)) {
    susieR::susie_rss(z = z, R = R, prior_weights = prior_weights, ...)
  } else {
    susieR::susie_rss(z = z, R = R, n = n, prior_weights = prior_weights,
      scaled_prior_variance = scaled_prior_variance, ...)
  }
  tryCatch({
    fit <- withCallingHandlers(run(), warning = keep("muffleWarning"), message = keep("muffleMessage"))
    sets <- fit$sets
    purity <- if (length(sets$cs)) as.matrix(sets$purity) else matrix(0, 0, 3)
    list(
      pip = fit$pip, alpha = fit$alpha, mu = fit$mu, mu2 = fit$mu2, lbf = fit$lbf, lbf_variable = fit$lbf_variable,
      prior_variance = as.numeric(fit$V), residual_variance = as.numeric(fit$sigma2),
      elbo = as.numeric(fit$elbo), n_iterations = as.numeric(fit$niter), converged = as.numeric(fit$converged),
      set_effects = as.numeric(sets$cs_index), set_sizes = as.numeric(lengths(sets$cs)),
      set_variables = as.numeric(unlist(sets$cs)), set_coverage = as.numeric(sets$coverage),
      set_purity = purity, messages = said)
  }, error = function(condition) list(error = trimws(conditionMessage(condition)), messages = said))
}
"""


@dataclass(frozen=True, slots=True)
class _Session:
    """R, started: its low-level interface, the fit function above, and susieR's version."""

    interface: Any
    fit: Callable[..., Any]
    collect_garbage: Callable[[], Any]
    version: str


class SusieR:
    """SuSiE as its authors' package fits it (susieR 0.12.27 or newer, also the rewritten 0.16)."""

    def fit(self, data: SusieInput, settings: SusieSettings) -> SusieFit:
        """Fit one locus with `susie_rss`; the same input gives the same fit, to the last bit.

        Purity is exact, save for sets of more than 100 variants that susieR 0.12 found by refinement: theirs is of 100.

        Raises
        ------
        FitError
            If R stops with an error; the message is R's. Also if the settings give a prior variance as a share of the
            trait's, and the sample size is unknown.
        InputError
            If R or susieR is not installed, or susieR is too old.
        """
        session = _open_session()
        try:
            values = _run(session, data, settings)
        finally:
            session.collect_garbage()  # several copies of the LD matrix, which Python's collector does not see
        return _to_fit(values, n_variants=len(data.z_score), version=session.version)


def _run(session: _Session, data: SusieInput, settings: SusieSettings) -> dict[str, Any]:
    """Call R and copy what it gives; every R object is free when this returns."""
    result = session.fit(**_arguments(session.interface, data, settings))
    values = dict(zip(result.names, result, strict=True))
    if "error" in values:
        raise FitError(f"susieR {session.version} stopped: {values['error'][0]}")
    return _arrays(values)


@cache
def _open_session() -> _Session:
    """Start R in this process and load susieR.

    Raises
    ------
    InputError
        If rpy2, R or susieR is not there, or susieR is too old.
    """
    interface = _start_r()
    if not interface.evalr('requireNamespace("susieR", quietly = TRUE)')[0]:
        raise InputError("the R package susieR is not installed", where=_WHERE, remedy=_REMEDY)
    version = str(interface.evalr('as.character(packageVersion("susieR"))')[0])
    if _version_parts(version) < _OLDEST:
        oldest = ".".join(str(part) for part in _OLDEST)
        raise InputError(f"susieR {version} is older than {oldest}", where=_WHERE, remedy=_REMEDY)
    LOGGER.info("%s, susieR %s", interface.evalr("R.version.string")[0], version)
    return _Session(interface, interface.evalr(_R_FIT), interface.evalr("function() invisible(gc())"), version)


def _start_r() -> Any:
    try:
        from rpy2 import rinterface
        from rpy2.rinterface_lib import callbacks, embedded
    except (ImportError, OSError, ValueError) as error:  # rpy2 is missing, or finds no R, or cannot load its library
        raise InputError(f"R cannot be used from Python: {error}", where=_WHERE, remedy=_REMEDY) from error
    callbacks.consolewrite_print = _log_console(logging.INFO)
    callbacks.consolewrite_warnerror = _log_console(logging.WARNING)
    if not embedded.isinitialized():
        embedded.set_initoptions(_R_OPTIONS)
        with warnings.catch_warnings():  # that R's own start script extends LD_LIBRARY_PATH and the like is its custom
            warnings.filterwarnings("ignore", message="Environment variable .* redefined by R")
            rinterface.initr()
    return rinterface


def _log_console(level: int) -> Callable[[str], None]:
    def write(text: str) -> None:
        if text.strip():
            LOGGER.log(level, "R: %s", text.strip())

    return write


def _version_parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.replace("-", ".").split("."))


def _arguments(interface: Any, data: SusieInput, settings: SusieSettings) -> dict[str, Any]:
    """Arguments of `_R_FIT` as R values."""
    require_sample_size(data, settings)
    real, whole, logical, null = (
        interface.FloatSexpVector,
        interface.IntSexpVector,
        interface.BoolSexpVector,
        interface.NULL,
    )
    p = len(data.z_score)
    matrix = _to_r(interface, _ld_matrix(data))  # symmetric, so that row order and column order are the same
    matrix.do_slot_assign("dim", whole([p, p]))
    weights = None if data.prior_weights is None else data.prior_weights / data.prior_weights.sum()
    return {
        "z": _to_r(interface, data.z_score),
        "R": matrix,
        "n": null if data.n_samples is None else real([data.n_samples]),
        "prior_weights": null if weights is None else _to_r(interface, weights),
        "null_weight": real([data.null_weight]),
        "L": whole([settings.max_signals]),
        "coverage": real([settings.coverage]),
        "min_abs_corr": real([settings.min_purity]),
        "max_iter": whole([settings.max_iterations]),
        "tol": real([settings.tolerance]),
        "estimate_residual_variance": logical([settings.estimate_residual_variance]),
        **_prior_variance_arguments(interface, settings),
        "refine": logical([settings.refine]),
        "n_purity": whole([p + 1]),  # and the null variable: a sample of this size is everything
    }


def _ld_matrix(data: SusieInput) -> LdArray:
    if data.r is not None:
        return data.r
    factor = data.ld.astype(np.float64)
    r: FloatArray = factor.T @ factor
    return r


def _prior_variance_arguments(interface: Any, settings: SusieSettings) -> dict[str, Any]:
    method = settings.prior_variance_method
    is_fixed = method == "fixed"  # to susieR this is no method, but the absence of one
    return {
        "scaled_prior_variance": interface.FloatSexpVector([settings.scaled_prior_variance]),
        "estimate_prior_variance": interface.BoolSexpVector([not is_fixed]),
        "estimate_prior_method": interface.StrSexpVector(["optim" if is_fixed else method]),
    }


def _to_r(interface: Any, values: LdArray) -> Any:
    """Copy an array's memory into an R vector; building it from a Python list would take forty times as long."""
    flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    return interface.FloatSexpVector.from_memoryview(flat.data)


def _arrays(result: dict[str, Any]) -> dict[str, Any]:
    """R's values as numpy arrays that own their memory, and texts as a tuple."""
    arrays: dict[str, Any] = {"messages": tuple(str(text) for text in result.pop("messages"))}
    for name, value in result.items():
        flat = np.array(value.memoryview(), dtype=np.float64)
        dim = value.do_slot("dim") if "dim" in value.list_attrs() else (len(flat),)
        arrays[name] = flat.reshape(tuple(dim), order="F")
    return arrays


def _to_fit(values: dict[str, Any], *, n_variants: int, version: str) -> SusieFit:
    variables = slice(0, n_variants)  # a null variable, if any, comes after them
    alpha = np.ascontiguousarray(values["alpha"][:, variables])
    return SusieFit(
        pip=values["pip"][variables],
        alpha=alpha,
        mu=np.ascontiguousarray(values["mu"][:, variables]),
        mu2=np.ascontiguousarray(values["mu2"][:, variables]),
        lbf=values["lbf"],
        lbf_variable=np.ascontiguousarray(values["lbf_variable"][:, variables]),
        prior_variance=values["prior_variance"],
        residual_variance=float(values["residual_variance"][0]),
        elbo=float(values["elbo"][-1]),
        n_iterations=int(values["n_iterations"][0]),
        converged=bool(values["converged"][0]),
        credible_sets=_credible_sets(values),
        engine=f"susieR {version}",
        messages=values["messages"],
    )


def _credible_sets(values: dict[str, Any]) -> tuple[CredibleSet, ...]:
    if not len(values["set_effects"]):
        return ()
    bounds = np.cumsum(values["set_sizes"]).astype(np.int64)[:-1]
    members = np.split(values["set_variables"].astype(np.int64) - 1, bounds)  # R counts from 1
    return tuple(
        CredibleSet(int(effect) - 1, np.sort(variables), float(coverage), *(float(value) for value in purity))
        for effect, variables, coverage, purity in zip(
            values["set_effects"], members, values["set_coverage"], values["set_purity"], strict=True
        )
    )
