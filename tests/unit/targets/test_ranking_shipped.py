"""The shipped data and weights give what the documentation says, and the two programs are how to see it."""

import hashlib
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from environment import STARTED_WITH
from target_toys import ROOT, WEIGHTS

from locus2target.targets.benchmark_data import read_truth
from locus2target.targets.benchmark_metrics import MeasureSettings
from locus2target.targets.benchmark_run import BenchmarkFiles, prepare
from locus2target.targets.ranking_model import MODELS, read_models
from locus2target.targets.weights import read_weights

FITTED = ROOT / "resources/ranking/fitted_weights.json"
BENCHMARK = ROOT / "resources/benchmark"
TRUTH = BENCHMARK / "target_genes.even.tsv"
ENVIRONMENT = STARTED_WITH | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(program: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / program), *map(str, options)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def measured(*options: str | Path) -> pd.Series:
    """Value by method, metric, average and threshold (0: none)."""
    done = run("ranking.py", "--draws", "2", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = pd.DataFrame([json.loads(line) for line in done.stdout.splitlines()]).fillna({"threshold": 0.0})
    assert (lines["benchmark"] == "ranking").all()
    return lines.set_index(["method", "metric", "average", "threshold"])["value"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shipped() -> pd.Series:
    return measured()


@pytest.mark.parametrize(("average", "gain"), [("locus", 0.08), ("gene", 0.10)])
def test_the_model_beats_the_nearest_gene_on_chromosomes_it_has_not_seen(
    shipped: pd.Series, average: str, gain: float
) -> None:
    assert shipped["model", "top_1", average, 0.0] >= shipped["nearest_tss", "top_1", average, 0.0] + gain
    assert (
        shipped["model", "top_1", average, 0.0] >= shipped["pip_weighted_distance", "top_1", average, 0.0] + gain - 0.02
    )
    assert shipped["model", "calibration_error", average, 0.0] <= 0.05
    assert shipped["model", "precision_at_recall", average, 0.4] >= 0.75
    for ablation in ("without_convergence", "without_other_signals"):  # each part earns its place
        assert (
            shipped["model", "average_precision", average, 0.0] > shipped[ablation, "average_precision", average, 0.0]
        )


@dataclass(frozen=True)
class First:
    """The first gene of each locus: log odds of all candidates, and arrays by locus."""

    log_odds: pd.Series  # by locus
    leads: pd.Series  # True for the first gene or genes
    is_target: pd.Series
    gene: pd.Series  # target, by locus

    def probability(self, factor: float = 1.0) -> np.ndarray:
        """Of the first gene, with all log odds times a factor."""
        odds = np.exp(factor * self.log_odds)
        return (odds.groupby(level=0).max() / odds.groupby(level=0).sum()).to_numpy()

    def error(self, right: np.ndarray, probability: np.ndarray, average: str) -> float:
        """Tenths of probability: mean distance of what is said and what is right, by weight."""
        weight = np.ones(len(right)) if average == "locus" else 1 / self.gene.map(self.gene.value_counts()).to_numpy()
        tenth = np.minimum((probability * 10).astype(int), 9)
        gaps = np.bincount(tenth, weight * (right - probability))
        return float(np.abs(gaps).sum() / weight.sum())

    def observed(self, average: str, factor: float = 1.0) -> float:
        right = self.is_target[self.leads].groupby(level=0).mean().to_numpy()
        return self.error(right, self.probability(factor), average)

    def simulated(self, average: str, factor: float = 1.0, *, together: bool) -> np.ndarray:
        """Errors of perfect probabilities in 1,000 draws, where loci of a gene are right together or apart."""
        probability = self.probability(factor)
        number, names = pd.factorize(self.gene)
        generator = np.random.default_rng(20)
        n_throws = len(names) if together else len(number)
        throws = generator.random((1_000, n_throws))[:, number if together else np.arange(n_throws)]
        return np.array([self.error(throw < probability, probability, average) for throw in throws])


@pytest.fixture(scope="module")
def first() -> First:
    models, facts = read_models(FITTED)
    gene_sets = ROOT / "resources/pathways/pathways.symbols.gmt.gz"
    files = BenchmarkFiles(BENCHMARK / "gencode_v43_tss.bed.gz", gene_sets, (BENCHMARK / "credible_sets.even.tsv.gz",))
    benchmark, table = prepare(read_truth(TRUTH), files, shares_slope=facts["shares_slope"])
    candidates = benchmark.candidates.set_index("locus")
    log_odds = pd.Series(models["model"].log_odds(table), index=candidates.index)
    targets = benchmark.targets.set_index("locus")["gene"]
    assert targets.index.is_unique
    leads = log_odds == log_odds.groupby(level=0).transform("max")
    return First(log_odds, leads, candidates["is_target"], targets.loc[log_odds.groupby(level=0).size().index])


@pytest.mark.parametrize("average", ["locus", "gene"])
def test_the_probability_of_the_first_gene_is_calibrated(shipped: pd.Series, first: First, average: str) -> None:
    """Stricter than over all candidates, most of which are near 0 whatever a method says.

    164 loci of 45 genes do not show an error of 0 even if all probabilities are right: the error must be no more than
    what perfect probabilities show by chance in 39 of 40 draws, where the loci of a gene are right or wrong together.
    """
    error, floor = (shipped["model", f"top_calibration_{name}", average, 0.0] for name in ("error", "floor"))
    assert error == pytest.approx(first.observed(average))
    chance = first.simulated(average, together=True)
    assert error <= np.quantile(chance, 0.975)
    # the floor that is reported: loci apart from each other, which chance favours
    apart = first.simulated(average, together=False)
    assert floor == pytest.approx(apart.mean(), abs=4 * apart.std() / math.sqrt(MeasureSettings().floor_draws))
    assert floor < chance.mean()


@pytest.mark.parametrize("average", ["locus", "gene"])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_probabilities_of_half_or_twice_the_log_odds_would_not_pass(first: First, average: str, factor: float) -> None:
    """The bound above tells them from right ones: as timid, or as bold, is beyond chance."""
    chance = first.simulated(average, factor, together=True)
    assert first.observed(average, factor) > np.quantile(chance, 0.975)


def test_the_nearest_gene_is_counted_right(shipped: pd.Series) -> None:
    """By a slow loop over the files: the loci whose nearest start (500 kb, protein-coding) is the target's."""
    genes = pd.read_csv(BENCHMARK / "gencode_v43_tss.bed.gz", sep="\t")
    genes = genes[genes["gene_type"] == "protein_coding"].assign(tss=(genes["start"] + genes["end"]) // 2)
    truth = pd.read_csv(TRUTH, sep="\t")
    right = []
    for chromosome, lead, target in truth[["chromosome", "lead_position", "gene"]].itertuples(index=False):
        near = genes[genes["#chr"] == chromosome]
        distance = (near["tss"] - lead).abs()
        first = near.loc[distance == distance.min(), "name"].tolist()
        right.append((target in first) / len(first))
    per_gene = pd.Series(right).groupby(truth["gene"]).mean()
    assert len(truth) == 164
    assert len(per_gene) == 45
    assert shipped["nearest_tss", "top_1", "locus", 0.0] == pytest.approx(sum(right) / 164)
    assert shipped["nearest_tss", "top_1", "gene", 0.0] == pytest.approx(per_gene.mean())


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("fit") / "weights.json"
    done = run("fit_ranking.py", path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(MODELS)
    return dict(json.loads(path.read_text()))


def numbers(content: object, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers(value, f"{name}/{key}")
    elif isinstance(content, float):
        yield name, content


def test_shipped_weights_come_from_the_shipped_data(refitted: dict[str, Any]) -> None:
    known = json.loads(FITTED.read_text())
    expected = dict(numbers(known["models"]))
    assert len(expected) == 137  # 5 temperatures, and 11 weights each by 12 fits
    assert dict(numbers(refitted["models"])) == pytest.approx(expected, abs=1e-4)
    facts = [name for name in known if name not in ("models", "fitted")]
    assert {name: refitted[name] for name in facts} == {name: known[name] for name in facts}


def test_folds_are_the_chromosomes_of_the_truth() -> None:
    chromosomes = set(pd.read_csv(TRUTH, sep="\t")["chromosome"].str.removeprefix("chr"))
    assert all(int(name) % 2 == 0 for name in chromosomes)  # odd ones are kept for a test that has not been seen
    for model in json.loads(FITTED.read_text())["models"].values():
        assert set(model["folds"]) == chromosomes


def test_runs_rank_with_the_final_weights() -> None:
    final = json.loads(FITTED.read_text())["models"]["model"]["final"]
    levels = {"distance": "log10_bp", "other_signals": "log1p_signals", "convergence": "log1p_z"}
    weights = read_weights(WEIGHTS)
    assert {name: weights.log_odds(name, level) for name, level in levels.items()} == pytest.approx(final, abs=5e-4)


def test_files_are_those_that_were_fitted_and_listed() -> None:
    fitted_on = json.loads(FITTED.read_text())["files"]
    places = {name: next(ROOT.glob(f"resources/*/{name}")) for name in fitted_on}
    assert {name: sha256(path) for name, path in places.items()} == fitted_on
    listed = dict(
        reversed(line.split("  "))
        for line in re.findall(r"^[0-9a-f]{64}  .+$", (BENCHMARK / "README.md").read_text(), re.MULTILINE)
    )
    assert {path.name for path in BENCHMARK.glob("*.gz")} | {TRUTH.name} == set(listed)
    assert {name: sha256(BENCHMARK / name) for name in listed} == listed


def test_lead_variants_alone_still_beat_the_nearest_gene(tmp_path: Path) -> None:
    """The same loci without credible sets: convergence from the leads is all there is beside distance."""
    truth = pd.read_csv(TRUTH, sep="\t").rename(columns={"lead_position": "position"})
    truth["position"] += 1
    truth.drop(columns="credible_set_id").to_csv(tmp_path / "leads.tsv", sep="\t", index=False)
    found = measured("--truth", tmp_path / "leads.tsv")
    for average in ("locus", "gene"):
        assert found["model", "top_1", average, 0.0] >= found["nearest_tss", "top_1", average, 0.0] + 0.04
        assert found["model", "calibration_error", average, 0.0] <= 0.05
        # without other signals and convergence, distance to the lead is all that is left
        assert found["without_convergence", "top_1", average, 0.0] == found["nearest_tss", "top_1", average, 0.0]


def test_gold_standards_as_they_are() -> None:
    found = measured("--gold-standards", BENCHMARK / "gold_standards.even.tsv.gz")
    for average in ("locus", "gene"):
        assert found["model", "top_1", average, 0.0] > found["nearest_tss", "top_1", average, 0.0]
        assert found["model", "calibration_error", average, 0.0] <= 0.05


def test_unusable_input_ends_in_a_sentence(tmp_path: Path) -> None:
    done = run("ranking.py", "--truth", tmp_path / "absent.tsv")
    assert done.returncode == 1
    assert "absent.tsv" in done.stderr
    assert "Traceback" not in done.stderr


def test_credible_sets_beside_lead_variants_change_no_line_and_are_told(tmp_path: Path) -> None:
    truth = pd.read_csv(TRUTH, sep="\t").head(8).rename(columns={"lead_position": "position"})
    truth.drop(columns="credible_set_id").to_csv(tmp_path / "leads.tsv", sep="\t", index=False)
    options = ["ranking.py", "--draws", "2", "--truth", tmp_path / "leads.tsv"]
    alone, beside = run(*options), run(*options, "--credible-sets", BENCHMARK / "credible_sets.even.tsv.gz")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert (beside.returncode, beside.stderr) == (
        0,
        "the truth names lead variants: the credible sets are not used\n",
    )
    assert beside.stdout == alone.stdout
    assert alone.stdout.count("\n") > 100
