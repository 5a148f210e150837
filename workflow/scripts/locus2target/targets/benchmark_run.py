"""The ranking benchmark: the fitted models, their ablations and the baselines on loci with a known target."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from locus2target.targets.benchmark_baselines import baselines
from locus2target.targets.benchmark_data import (
    NO_CANDIDATES,
    NOT_CANDIDATE,
    WINDOW_BP,
    Benchmark,
    build_benchmark,
    read_credible_sets,
    read_genes,
)
from locus2target.targets.benchmark_metrics import MeasureSettings, Prediction, lay_out, measure, measure_gain
from locus2target.targets.gene_sets import read_gmt
from locus2target.targets.ranking_features import benchmark_features
from locus2target.targets.ranking_model import (
    MODELS,
    FittedModel,
    LocusTable,
    locus_table,
    softmax_by_locus,
    weighted,
)

_LOGGER = logging.getLogger(__name__)
_GENE_TYPE = "protein_coding"
_SPEAKS = math.log(2)  # evidence that at least doubles a gene's odds is counted by `evidence_count`


@dataclass(frozen=True, slots=True)
class BenchmarkFiles:
    """Where the data of a benchmark lie; without credible sets the truth has lead variants only."""

    genes: Path
    gene_sets: Path
    credible_sets: tuple[Path, ...] = ()


def prepare(truth: pd.DataFrame, files: BenchmarkFiles, *, shares_slope: float) -> tuple[Benchmark, LocusTable]:
    """Read the data, and lay out candidates (protein-coding genes, as the weights were fitted), truth and features.

    Parameters
    ----------
    truth
        From `read_truth` or `read_gold_standards`. Where it names lead variants, credible sets are left aside: which of
        them is a locus' own is unknown.
    files
        The other data.
    shares_slope
        See `signal_shares`.
    """
    genes = read_genes(files.genes)
    sets = read_credible_sets(files.credible_sets) if files.credible_sets else None
    if sets is not None and truth["credible_set_id"].isna().any():
        _LOGGER.warning("the truth names lead variants: the credible sets are not used")
        sets = None
    benchmark = build_benchmark(truth, genes, sets, gene_types=(_GENE_TYPE,))
    of_type = genes[genes["gene_type"] == _GENE_TYPE]
    features = benchmark_features(
        benchmark, of_type, sets, read_gmt(files.gene_sets), shares_slope=shares_slope, window_bp=WINDOW_BP
    )
    return benchmark, locus_table(benchmark.candidates, features)


def measure_all(
    benchmark: Benchmark, table: LocusTable, models: dict[str, FittedModel], settings: MeasureSettings
) -> Iterator[pd.DataFrame]:
    """Measure the fitted models and the baselines, one table per method (see `measure`), then gains.

    Every locus is predicted by weights that have not seen its chromosome. Probabilities are given that the target is
    one of the candidates: the truth says nothing of loci without.
    """
    layout = lay_out(benchmark.candidates, benchmark.targets)
    predictions = {name: _prediction(table, models[name]) for name in MODELS}
    predictions |= baselines(benchmark.candidates, _speaking(table, models["model"]), threshold=_SPEAKS)
    for method, prediction in predictions.items():
        yield measure(layout, prediction, method=method, settings=settings)
    for method, prediction in predictions.items():
        if method != "model":
            yield measure_gain(layout, predictions["model"], prediction, method=method, settings=settings)


def json_lines(metrics: pd.DataFrame, benchmark: Benchmark) -> Iterator[dict[str, object]]:
    """One record per row of `measure`, undefined numbers as None.

    With the number of loci whose target is no candidate (every method misses them) and of loci without any candidate
    (these are not measured).
    """
    states = benchmark.loci["status"]
    out_of_reach = {
        "n_target_not_candidate": int((states == NOT_CANDIDATE).sum()),
        "n_without_candidates": int((states == NO_CANDIDATES).sum()),
    }
    for row in metrics.to_dict("records"):
        known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        yield {"benchmark": "ranking", **known, **out_of_reach}


def _prediction(table: LocusTable, model: FittedModel) -> Prediction:
    probability = softmax_by_locus(model.log_odds(table), table.locus)
    return Prediction(probability, probability)


def _speaking(table: LocusTable, model: FittedModel) -> pd.DataFrame:
    """Log odds that each source beside distance adds, over the locus' mean factor."""
    parts = {}
    for source in ("other_signals", "convergence"):
        values = np.zeros(len(table.locus))
        for chromosome in np.unique(table.chromosome):
            here = table.chromosome == chromosome
            weight = model.weights_for(str(chromosome))[source]
            values[here] = weighted(table.features[here], {source: weight})
        shares = softmax_by_locus(values, table.locus)
        parts[source] = np.log(shares * np.bincount(table.locus)[table.locus])
    return pd.DataFrame(parts)
