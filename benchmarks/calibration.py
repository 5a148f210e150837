"""Are the pipeline's claims as sure as they say? Simulated loci with known causal variants, on the demo's genotypes.

Prints one JSON line per figure: coverage of 95 % credible sets, power, false discovery rate of PIP > 0.9 and verdicts
for each kind of LD; how often H4 > 0.8 when two traits share a causal variant and when they do not. The peer of each
figure is the same SuSiE without any check of LD, or colocalization that allows one causal variant per trait. Intervals
are 95 %, Wilson. `docs/calibration.md` explains what is simulated and shows the results.

    python benchmarks/calibration.py > calibration.jsonl
    python benchmarks/calibration.py --quick
    python benchmarks/calibration.py --figures docs/images
"""

import os

if __name__ == "__main__":  # a test that imports this keeps its threads
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(Path(__file__).parent)]

import numpy as np
import pandas as pd
import yaml
from calibration_scenarios import (
    EXCHANGED,
    GOOD,
    OTHER_PEOPLE,
    R2_CLASSES,
    SCENARIOS,
    SHARED,
    Pipeline,
    colocalize_replicate,
    constant_sources,
    finemap_replicate,
)
from simulation import read_populations

from locus2target.statgen.abf import CASE_CONTROL, QUANTITATIVE
from locus2target.statgen.colocalization import ColocalizationRules
from locus2target.statgen.engines import open_engine
from locus2target.statgen.finemapping import FineMappingSettings

LOCI: Mapping[str, tuple[str, ...]] = {
    "setting": ("SRR", "DRD2", "AS3MT", "HMGCR", "OAS1", "dense_1", "dense_3"),
    "reporting": ("GRM3", "FURIN", "CACNA1C", "ATP2A2", "ITIH3", "CTLA4", "RBMS1", "dense_2", "dense_4"),
}
"""Limits were set on the first; what is reported comes from the second, which played no part in that."""

VERDICTS = ("PASS", "WARN", "FAIL", "NONE")
_TRUTHS = (SHARED, *R2_CLASSES)
_UNCHECKED = "SuSiE with all its effects, LD not checked"
_SINGLE = "one causal variant per trait (ABF)"
_TASKS = {"finemap": 0, "colocalize": 1}


# ---- Replicates --------------------------------------------------------------------------------------------------


@cache
def _prepared(loci: str, config: str) -> tuple[Any, ...]:
    """What all replicates of a process share."""
    settings = yaml.safe_load(Path(config).read_text())
    pipeline = Pipeline(
        open_engine("native"),
        FineMappingSettings.from_settings(settings["finemapping"]),
        ColocalizationRules.from_settings(settings["colocalization"]),
    )
    populations = read_populations(LOCI[loci])
    return populations, constant_sources(populations), pipeline


def _run_replicate(task: tuple[str, int, str, str, int]) -> list[dict[str, Any]]:
    kind, replicate, loci, config, seed = task
    populations, constant, pipeline = _prepared(loci, config)
    rng = np.random.default_rng([seed, list(LOCI).index(loci), _TASKS[kind], replicate])
    population = populations[LOCI[loci][rng.integers(len(populations))]]
    if kind == "finemap":
        n_causal = 1 + replicate % 3
        trait_type = (QUANTITATIVE, CASE_CONTROL)[replicate // 3 % 2]
        rows = finemap_replicate(population, constant, pipeline, n_causal=n_causal, trait_type=trait_type, rng=rng)
    else:
        truth, n_causal = _TRUTHS[replicate % len(_TRUTHS)], 1 + replicate // len(_TRUTHS) % 3
        row = colocalize_replicate(population, constant, pipeline, truth=truth, n_causal=n_causal, rng=rng)
        rows = [] if row is None else [row]
    return [{"kind": kind, "replicate": replicate} | row for row in rows]


def run(
    *, loci: str, n_finemap: int, n_colocalize: int, seed: int, processes: int, config: Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of all fine-mapping replicates, one per scenario, and of all colocalization replicates."""
    tasks = [("finemap", number, loci, str(config), seed) for number in range(n_finemap)]
    tasks += [("colocalize", number, loci, str(config), seed) for number in range(n_colocalize)]
    if processes == 1:
        rows = [row for task in tasks for row in _run_replicate(task)]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            rows = [row for part in pool.map(_run_replicate, tasks, chunksize=4) for row in part]
    found = pd.DataFrame(rows)
    is_finemap = found["kind"] == "finemap"
    return found[is_finemap].dropna(axis=1, how="all"), found[~is_finemap].dropna(axis=1, how="all")


# ---- Figures of merit --------------------------------------------------------------------------------------------


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share.

    >>> [round(bound, 3) for bound in wilson_interval(95, 100)]
    [0.888, 0.978]
    """
    if not trials:
        return float("nan"), float("nan")
    z2 = 1.959964**2
    share = successes / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return float(centre - half), float(centre + half)


def _share(
    case: str, figure: str, counts: tuple[float, float], peer: tuple[str, float, float] | None = None, **more: Any
) -> dict[str, Any]:
    """One line: a share with its interval, beside the peer's."""
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    value = successes / trials if trials else None
    peer_value = None if peer is None or not peer[2] else peer[1] / peer[2]
    return {
        "benchmark": "calibration",
        "case": case,
        "figure": figure,
        "value": value,
        "low": low if trials else None,
        "high": high if trials else None,
        "n": int(trials),
        "unit": "share",
        "peer": None if peer is None else peer[0],
        "peer_value": peer_value,
        "ratio": value / peer_value if value is not None and peer_value else None,
        **more,
    }


def summarize_finemapping(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Lines of every scenario, and of the groups of scenarios that goals are about."""
    for scenario, (group, description) in SCENARIOS.items():
        yield from _summarize_scenario(scenario, rows[rows["scenario"] == scenario], f"{group}: {description}")
    of_group = {group: rows[rows["scenario"].map(lambda name: SCENARIOS[name][0]) == group] for group in _GROUPS}
    good, bad = of_group[GOOD], pd.concat([of_group[EXCHANGED], of_group[OTHER_PEOPLE]])
    yield _claims("all good LD", "coverage of 95 % credible sets", good, "n_true_sets", "n_sets", goal="0.93 to 0.97")
    yield _share("all good LD", "verdict FAIL", ((good["verdict"] == "FAIL").sum(), len(good)), goal="at most 0.05")
    for name in (EXCHANGED, OTHER_PEOPLE):
        yield _caught(name, of_group[name])
    yield _caught("all mismatched LD", bad)


def _caught(case: str, rows: pd.DataFrame) -> dict[str, Any]:
    return _share(case, "verdict not PASS", ((rows["verdict"] != "PASS").sum(), len(rows)), goal="at least 0.95")


_GROUPS = (GOOD, EXCHANGED, OTHER_PEOPLE)


def _summarize_scenario(scenario: str, rows: pd.DataFrame, note: str) -> Iterator[dict[str, Any]]:
    for verdict in VERDICTS:
        yield _share(scenario, f"verdict {verdict}", ((rows["verdict"] == verdict).sum(), len(rows)), note=note)
    for rung in ("full", "fewer_effects", "single_effect"):
        of_rung = rows[rows["rung"] == rung]
        yield _share(scenario, f"rung {rung}", (len(of_rung), len(rows)), note=note)
        yield _claims(scenario, f"coverage on rung {rung}", of_rung, "n_true_sets", "n_sets", note=note)
    yield _claims(scenario, "coverage of 95 % credible sets", rows, "n_true_sets", "n_sets", note=note)
    yield _claims(scenario, "false discovery rate of PIP > 0.9", rows, "n_false_confident", "n_confident", note=note)
    yield _power(scenario, rows, note)
    yield from _sizes(scenario, rows, note)


def _claims(case: str, figure: str, rows: pd.DataFrame, hits: str, trials: str, **more: Any) -> dict[str, Any]:
    """A share of claims, beside that of the fits without checks."""
    peer = (_UNCHECKED, rows[f"unchecked_{hits}"].sum(), rows[f"unchecked_{trials}"].sum())
    return _share(case, figure, (rows[hits].sum(), rows[trials].sum()), peer, **more)


def _power(scenario: str, rows: pd.DataFrame, note: str) -> dict[str, Any]:
    n_causal = rows["n_causal"].sum()
    peer = (_UNCHECKED, rows["unchecked_n_causal_found"].sum(), n_causal)
    return _share(
        scenario, "power: causal variants in a set", (rows["n_causal_found"].sum(), n_causal), peer, note=note
    )


def _sizes(scenario: str, rows: pd.DataFrame, note: str) -> Iterator[dict[str, Any]]:
    base = {"benchmark": "calibration", "case": scenario, "peer": _UNCHECKED, "n": len(rows), "note": note}
    sizes, unchecked = ([size for one in rows[name] for size in one] for name in ("set_sizes", "unchecked_set_sizes"))
    pairs = {
        ("median size of a set", "variants"): (_median(sizes), _median(unchecked)),
        ("sets per locus", "sets"): (rows["n_sets"].mean(), rows["unchecked_n_sets"].mean()),
        ("mean posterior mass of a set", "share"): (
            rows["set_mass"].sum() / rows["n_sets"].sum(),
            rows["unchecked_set_mass"].sum() / rows["unchecked_n_sets"].sum(),
        ),
        ("median LD mismatch", "lambda"): (_median(rows["ld_lambda"].dropna()), None),
    }
    for (figure, unit), (value, peer_value) in pairs.items():
        ratio = value / peer_value if value is not None and peer_value else None
        yield base | {"figure": figure, "unit": unit, "value": value, "peer_value": peer_value, "ratio": ratio}


def _median(values: Any) -> float | None:
    return float(np.median(values)) if len(values) else None


def summarize_colocalization(rows: pd.DataFrame, threshold: float) -> Iterator[dict[str, Any]]:
    """How often H4 is above the threshold: true where the traits share, false where they do not."""
    counts: Mapping[str, tuple[int, ...]] = {"1 to 3": (1, 2, 3), "1": (1,), "2 or 3": (2, 3)}
    for truth in _TRUTHS:
        for name, numbers in counts.items():
            group = rows[(rows["truth"] == truth) & rows["n_causal"].isin(numbers)]
            figure = f"H4 > {threshold:g}, {'true' if truth == SHARED else 'false'}"
            peer = (_SINGLE, (group["single_posterior_h4"] > threshold).sum(), len(group))
            counted = ((group["posterior_h4"] > threshold).sum(), len(group))
            yield _share(f"{truth}, disease with {name} causal variants", figure, counted, peer)


# ---- Command line ------------------------------------------------------------------------------------------------


def main() -> None:
    """Run, print, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=500, help="loci, each met with every kind of LD")
    parser.add_argument("--pairs", type=int, default=1500, help="pairs of traits to colocalize")
    parser.add_argument("--quick", action="store_true", help="a tiny run that shows that it works")
    parser.add_argument("--loci", choices=sorted(LOCI), default="reporting")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--config", type=Path, default=ROOT / "config/config.yaml", help="limits and priors to measure")
    parser.add_argument("--rows", type=Path, help="folder for the rows behind the figures, as two JSON files")
    parser.add_argument("--figures", type=Path, help="folder for plots")
    given = parser.parse_args()
    n_finemap, n_colocalize = (6, 10) if given.quick else (given.replicates, given.pairs)
    finemapped, colocalized = run(
        loci=given.loci,
        n_finemap=n_finemap,
        n_colocalize=n_colocalize,
        seed=given.seed,
        processes=given.processes,
        config=given.config,
    )
    threshold = yaml.safe_load(given.config.read_text())["colocalization"]["posterior_threshold"]
    lines = [*summarize_finemapping(finemapped), *summarize_colocalization(colocalized, threshold)]
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
    if given.rows is not None:
        given.rows.mkdir(parents=True, exist_ok=True)
        finemapped.to_json(given.rows / "finemapping.json", orient="records", lines=True)
        colocalized.to_json(given.rows / "colocalization.json", orient="records", lines=True)
    if given.figures is not None:
        from calibration_figures import draw_figures

        draw_figures(pd.DataFrame(lines), finemapped, given.figures)


if __name__ == "__main__":
    main()
