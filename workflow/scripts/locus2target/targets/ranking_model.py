"""The fitted part of the ranking: a conditional logit over a locus' candidates, never measured where it was fitted.

    P(gene g is the target | one of the candidates is) = softmax over the candidates of  sum_f weight_f feature_f(g)

(McFadden 1974). Loci of one target gene share one vote. Each model is fitted once on all loci, for use on other data,
and once without each chromosome: a locus on a chromosome of the training data is always predicted by the fit that
never saw its chromosome, and so never saw its gene.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize, minimize_scalar

from locus2target.core.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MODELS: Mapping[str, tuple[str, ...]] = {
    "model": ("distance", "other_signals", "convergence"),
    "without_convergence": ("distance", "other_signals"),
    "without_other_signals": ("distance", "convergence"),
    "without_pooling": ("distance", "other_signals", "convergence_own"),
    "distance_only": ("distance",),
}
"""Features of the model that ships, and of its ablations."""
PENALTY = 1.0
"""Half of it times the squared weights is added to the loss: a normal prior with standard deviation 1."""
_TEMPERATURES = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class LocusTable:
    """Candidates with their features; N candidates of L loci.

    Attributes
    ----------
    locus
        int64 (N,), 0..L-1.
    chromosome
        str (N,).
    features
        One column per feature, N rows.
    target
        float64 (N,): of a target, 1 over the loci where its gene is one, over the targets of this locus; 0 elsewhere.
    """

    locus: Ints
    chromosome: npt.NDArray[np.str_]
    features: pd.DataFrame
    target: Floats

    def select(self, rows: npt.NDArray[np.bool_]) -> "LocusTable":
        """Some rows; loci must stay whole."""
        locus = pd.factorize(self.locus[rows])[0].astype(np.int64)
        return LocusTable(locus, self.chromosome[rows], self.features[rows], self.target[rows])


@dataclass(frozen=True, slots=True)
class FittedModel:
    """Weights per unit of each feature, natural-log odds.

    Attributes
    ----------
    final
        Fitted on all loci, temperature included.
    folds
        The same without one chromosome, by that chromosome.
    temperature
        Factor by which the held-out log odds had to be multiplied: above 1 when fits were too timid.
    """

    final: Mapping[str, float]
    folds: Mapping[str, Mapping[str, float]]
    temperature: float

    def weights_for(self, chromosome: str) -> Mapping[str, float]:
        """Weights that have never seen a chromosome."""
        return self.folds.get(chromosome, self.final)

    def log_odds(self, table: LocusTable) -> Floats:
        """Log odds of each candidate up to a constant per locus, float64 (N,)."""
        values = np.zeros(len(table.locus))
        for chromosome in np.unique(table.chromosome):
            here = table.chromosome == chromosome
            values[here] = weighted(table.features[here], self.weights_for(str(chromosome)))
        return values


def locus_table(candidates: pd.DataFrame, features: pd.DataFrame) -> LocusTable:
    """Bring candidates and features together.

    Parameters
    ----------
    candidates
        Of `Benchmark`. Loci whose target is no candidate have no vote.
    features
        Rows as `candidates`.
    """
    is_target = candidates["is_target"].to_numpy(np.bool_)
    found = candidates[is_target]
    shares = 1.0 / found.groupby("locus")["gene"].transform("size")  # of a locus with several targets
    loci_of_gene = found.groupby("gene")["locus"].transform("nunique")
    target = np.zeros(len(candidates))
    target[is_target] = (shares / loci_of_gene).to_numpy(np.float64)
    locus = pd.factorize(candidates["locus"])[0].astype(np.int64)
    return LocusTable(locus, candidates["chromosome"].to_numpy(np.str_), features, target)


def softmax_by_locus(log_odds: Floats, locus: Ints) -> Floats:
    """Probabilities that add up to 1 within each locus, float64 (N,)."""
    best = np.full(locus.max(initial=-1) + 1, -np.inf)
    np.maximum.at(best, locus, log_odds)
    factors = np.exp(log_odds - best[locus])
    probabilities: Floats = factors / np.bincount(locus, factors)[locus]
    return probabilities


def weighted(features: pd.DataFrame, weights: Mapping[str, float]) -> Floats:
    """Sum of weight times feature, float64 (N,)."""
    return np.asarray(features[list(weights)].to_numpy(np.float64) @ np.array(list(weights.values())), dtype=np.float64)


def fit_model(table: LocusTable, names: Sequence[str]) -> FittedModel:
    """Fit one model: its final weights, and those without each chromosome.

    The temperature (Platt scaling without an intercept: Guo et al. 2017, ICML) is fitted on log odds that were held
    out by chromosome within the loci at hand, for each fold anew, and is part of the weights.
    """
    chromosomes = [str(name) for name in np.unique(table.chromosome)]
    final, temperature = _calibrated_fit(table, names)
    folds = {name: _calibrated_fit(table.select(table.chromosome != name), names)[0] for name in chromosomes}
    return FittedModel(final, folds, temperature)


def _calibrated_fit(table: LocusTable, names: Sequence[str]) -> tuple[dict[str, float], float]:
    held_out = np.zeros(len(table.locus))
    for chromosome in np.unique(table.chromosome):
        here = table.chromosome == chromosome
        held_out[here] = weighted(table.features[here], fit_weights(table.select(~here), names))
    temperature = _temperature(held_out, table)
    return {name: temperature * weight for name, weight in fit_weights(table, names).items()}, temperature


def _temperature(held_out: Floats, table: LocusTable) -> float:
    if not held_out.any():  # one chromosome: a fit on no loci says nothing, and any factor of nothing is as good
        return 1.0
    found = minimize_scalar(lambda factor: log_loss(factor * held_out, table), bounds=_TEMPERATURES, method="bounded")
    return float(found.x)


def fit_weights(table: LocusTable, names: Sequence[str]) -> dict[str, float]:
    """Weights that minimise the penalised log loss; convex, so the minimum is the only one."""
    features = table.features[list(names)].to_numpy(np.float64)
    votes = np.bincount(table.locus, table.target)[table.locus]

    def loss(weights: Floats) -> tuple[float, Floats]:
        log_odds = features @ weights
        gradient = features.T @ (votes * softmax_by_locus(log_odds, table.locus) - table.target) + PENALTY * weights
        return log_loss(log_odds, table) + PENALTY * float(weights @ weights) / 2, gradient

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15})
    return {name: float(weight) for name, weight in zip(names, found.x, strict=True)}


def log_loss(log_odds: Floats, table: LocusTable) -> float:
    """Sum over loci of vote times -log P(target), natural logarithm."""
    logs = np.log(np.maximum(softmax_by_locus(log_odds, table.locus), np.finfo(np.float64).tiny))
    return float(-(table.target * logs).sum())


def write_models(path: Path, models: Mapping[str, FittedModel], facts: Mapping[str, Any]) -> None:
    """Write fitted models as JSON, with facts about how they were fitted."""
    content = {**facts, "models": {name: asdict(model) for name, model in models.items()}}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_models(path: Path) -> tuple[dict[str, FittedModel], dict[str, Any]]:
    """Read what `write_models` wrote: the models by name, and the facts.

    Raises
    ------
    InputError
        If the file is absent, is no such JSON, lacks a model or the number `shares_slope`, or a model has other
        features than its name says.
    """
    remedy = "Use resources/ranking/fitted_weights.json, or write one with benchmarks/fit_ranking.py."
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models = {name: _model(name, content["models"][name]) for name in MODELS}
        facts = {key: value for key, value in content.items() if key != "models"}
        facts["shares_slope"] = float(facts["shares_slope"])
    except OSError as error:
        raise InputError(str(error), where=str(path), remedy=remedy) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not a file of fitted models ({error!r})", where=str(path), remedy=remedy) from error
    return models, facts


def _model(name: str, content: Mapping[str, Any]) -> FittedModel:
    model = FittedModel(**content)
    for weights in (model.final, *model.folds.values()):
        if set(weights) != set(MODELS[name]):
            raise ValueError(f"{name} has weights of {', '.join(weights)}, not of {', '.join(MODELS[name])}")
    return model
