"""Models against saturation mutagenesis MPRA: correlation with the measured effects, per element.

`python benchmarks/mpra.py --data FOLDER` prints one JSON line per figure, for every model of the models sheet, for a
trained accessibility model given by `--candidate FOLDER` (a folder per replicate in it, as `train_accessibility` writes
them), and for k-mers whose weights are learned from the assays of the other loci. FOLDER holds
`satmut_mpra.GRCh37.tsv.gz` and `elements.GRCh37.fa` (Kircher et al. 2019, Nat Commun 10:3583); it is not part of this
repository.

Score of a variant: the model's largest one over all tracks, as the pipeline reports it; positive where ALT raises
accessibility or the match of a motif. Effect: log2 of ALT's activity against REF's. `size` compares the sizes of both,
`signed` the numbers as they are. All figures are over the same variants: single-base changes with enough barcodes that
every model scores. 95 % intervals are from resampled positions. A locus assayed twice counts once in the means.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow/scripts"))

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg
import scipy.sparse
import torch
import yaml
from scipy.stats import rankdata, wilcoxon

from locus2target.core.settings import load_settings
from locus2target.sequence.backends import Sources
from locus2target.sequence.encoding import encode
from locus2target.sequence.metrics import auroc
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.registry import load_model
from locus2target.sequence.scoring import largest_values

ROOT = Path(__file__).parents[1]
MIN_BARCODES = 10  # as the study asks of a variant
STRONG_P = 1e-5  # the study's threshold of a significant effect
K = 5
PENALTIES = 10.0 ** np.arange(5)
INNER_FOLDS = 4
KMERS = f"{K}-mers, other loci"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Assays:
    """Single-base changes of all assays.

    Attributes
    ----------
    table
        Columns element, locus, chromosome, position (1-based), ref, alt, effect (log2), strong, and context: the
        2 K - 1 bases around the change.
    sources
        The elements as a genome; N beyond them.
    """

    table: pd.DataFrame
    sources: Sources


def main() -> None:
    """Score, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the assays")
    parser.add_argument("--candidate", type=Path, action="append", default=[], help="trained accessibility model")
    parser.add_argument("--quick", action="store_true", help="20 resamples, and every tenth position")
    given = parser.parse_args()
    for folder in given.candidate:
        if not replicates(folder):
            parser.error(f"--candidate {folder}: no model.safetensors in the folders inside it")
    torch.set_num_threads(1)
    assays = read_assays(given.data, every=10 if given.quick else 1)
    rows, settings = shipped_models()
    rows += map(candidate_row, given.candidate)
    scores = {row.model: model_scores(row, assays, settings) for row in rows}
    known = np.isfinite(np.column_stack(list(scores.values()))).all(axis=1)
    scores[KMERS] = kmer_scores(assays.table)
    table = assays.table[known].reset_index(drop=True)
    figures = pd.DataFrame(
        figure
        for model, values in scores.items()
        for figure in compare(model, table, values[known], resamples=20 if given.quick else 1000)
    )
    summarize(figures, baseline=next(iter(scores)))


def shipped_models() -> tuple[list[ModelRow], dict[str, Any]]:
    """The models of the project's own models sheet, and its settings of scoring."""
    path = ROOT / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    settings = load_settings(config, schemas=ROOT / "workflow/schemas", where=str(path))
    rows = []
    for model, row in settings.models.items():
        cells = {key: value for key, value in row.items() if key not in {"background", "weights"}}
        rows.append(ModelRow.from_sheet(cells, settings.weights(model)))
    return rows, config["scoring"]


def candidate_row(folder: Path) -> ModelRow:
    """An accessibility model: its replicates on both strands, each variant in a window of its own."""
    return ModelRow(folder.name, "accessibility", replicates(folder), strands=2)


def replicates(folder: Path) -> tuple[Path, ...]:
    """Folders of a trained model, one per replicate."""
    return tuple(sorted(path.parent for path in folder.glob("*/model.safetensors")))


def read_assays(folder: Path, *, every: int) -> Assays:
    """Read the assays; of the positions only every so many-th."""
    raw = pd.read_csv(folder / "satmut_mpra.GRCh37.tsv.gz", sep="\t", dtype={"Chrom": "str"})
    names = {"Chrom": "chromosome", "Pos": "position", "Ref": "ref", "Alt": "alt", "Element": "element"}
    table = raw.rename(columns=names | {"Coefficient": "effect"})
    table["strong"] = table["pValue"] < STRONG_P
    table["locus"] = table["element"].map(locus_names(table))
    kept = (table["Barcodes"] >= MIN_BARCODES) & (table["alt"] != "-") & (table["position"] % every == 0)
    elements = read_elements(folder / "elements.GRCh37.fa")
    table = table[kept].reset_index(drop=True)
    table["context"] = [
        elements.fetch(chromosome, position - K, position + K - 1)
        for chromosome, position in zip(table["chromosome"], table["position"], strict=True)
    ]
    return Assays(table, Sources(elements.fetch, elements.lengths))


def locus_names(table: pd.DataFrame) -> dict[str, str]:
    """Locus of each element: those that share bases are one, called by the first of them."""
    spans = table.groupby("element").agg(
        chromosome=("chromosome", "first"), first=("position", "min"), last=("position", "max")
    )
    names: dict[str, str] = {}
    reached, previous = ("", 0), ""
    for element, chromosome, first, last in spans.sort_values(["chromosome", "first"]).itertuples():
        if chromosome != reached[0] or first > reached[1]:
            reached, previous = (chromosome, last), element
        names[element] = previous
        reached = chromosome, max(reached[1], last)
    return names


@dataclass(frozen=True)
class Elements:
    """Sequences with their places: chromosome, 0-based start, bases."""

    sequences: tuple[tuple[str, int, str], ...]

    @property
    def lengths(self) -> dict[str, int]:
        """Last base of each chromosome that is known."""
        return {
            chromosome: max(start + len(bases) for name, start, bases in self.sequences if name == chromosome)
            for chromosome, _, _ in self.sequences
        }

    def fetch(self, chromosome: str, start: int, end: int) -> str:
        """Bases of a 0-based, half-open stretch, N outside the elements."""
        piece = np.full(end - start, "N")
        for name, first, bases in self.sequences:
            low, high = max(start, first), min(end, first + len(bases))
            if name == chromosome and low < high:
                piece[low - start : high - start] = list(bases[low - first : high - first])
        return "".join(piece)


def read_elements(path: Path) -> Elements:
    """Read a FASTA whose headers are `NAME BUILD CHROMOSOME:FIRST-LAST`, 1-based; a sequence is one line."""
    lines = path.read_text().split("\n")
    sequences = []
    for header, bases in zip(lines[::2], lines[1::2], strict=False):
        chromosome, span = header.split()[2].split(":")
        sequences.append((chromosome, int(span.split("-")[0]) - 1, bases.strip().upper()))
    return Elements(tuple(sequences))


def model_scores(row: ModelRow, assays: Assays, settings: Mapping[str, Any]) -> Floats:
    """Largest score of each change, as the pipeline reports it; NaN where it is not scored."""
    model = load_model(row, device=torch.device("cpu"), settings=settings)
    parts = np.full(len(assays.table), np.nan)
    for rows in assays.table.groupby("element").indices.values():
        scores = model.score(assays.table.iloc[rows].reset_index(drop=True), assays.sources)
        parts[rows] = largest_values(scores, model.scores)[:, 0]
    return parts


def kmer_scores(table: pd.DataFrame) -> Floats:
    """Effects predicted from the k-mers that a change makes and breaks, learned from the other loci.

    Ridge regression on counts of canonical k-mers, ALT - REF, with the effects of each locus scaled to variance 1 so
    that no assay outweighs the others. The penalty is chosen inside the loci learned from, some of them left out.
    """
    changes = kmer_changes(table)
    loci = table["locus"].to_numpy(str)
    moments = {locus: moments_of(changes[loci == locus], table["effect"][loci == locus]) for locus in np.unique(loci)}
    predicted = np.empty(len(table))
    for locus in moments:
        others = [name for name in moments if name != locus]
        weights = fit_ridge([moments[name] for name in others], choose_penalty(others, moments))
        predicted[loci == locus] = changes[loci == locus] @ weights
    return predicted


def kmer_changes(table: pd.DataFrame) -> scipy.sparse.csr_array:
    """Counts of canonical k-mers around each change, ALT - REF: (V, D); `context` has 2 K - 1 bases, REF inside."""
    ref = np.stack([encode(context) for context in table["context"]])
    alt = ref.copy()
    alt[:, K - 1] = encode("".join(table["alt"]))
    powers = 4 ** np.arange(K)
    every = np.stack(np.unravel_index(np.arange(4**K), (4,) * K), axis=1)
    kmers, column_of = np.unique(np.minimum(every @ powers[::-1], (3 - every) @ powers), return_inverse=True)
    rows, columns, counts = [], [], []
    for codes, sign in ((ref, -1.0), (alt, 1.0)):
        words = np.lib.stride_tricks.sliding_window_view(codes, K, axis=1).astype(np.int64)  # (V, K, K)
        variant, word = np.nonzero((words < 4).all(axis=2))
        rows.append(variant)
        columns.append(column_of[words[variant, word] @ powers[::-1]])
        counts.append(np.full(len(variant), sign))
    entries = np.concatenate(counts), (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.coo_array(entries, shape=(len(table), len(kmers))).tocsr()


@dataclass(frozen=True)
class Moments:
    """Sums over the changes of a locus: products of their k-mers (D, D), and of these with the effects (D,)."""

    squares: Floats
    products: Floats


def moments_of(changes: scipy.sparse.csr_array, effects: Floats) -> Moments:
    """Moments with the effects scaled to variance 1, and each locus weighing the same."""
    weight = 1000 / changes.shape[0]
    scaled = effects / effects.std()
    return Moments(weight * (changes.T @ changes).toarray(), weight * (changes.T @ scaled))


def fit_ridge(moments: Sequence[Moments], penalty: float) -> Floats:
    """Weights of the k-mers, float64 (D,)."""
    squares = sum(one.squares for one in moments)
    squares[np.diag_indices_from(squares)] += penalty
    return scipy.linalg.solve(squares, sum(one.products for one in moments), assume_a="pos")


def choose_penalty(loci: Sequence[str], moments: Mapping[str, Moments]) -> float:
    """The penalty with the smallest squared error in loci that are left out in turn."""
    errors = np.zeros(len(PENALTIES))
    for fold in range(INNER_FOLDS):
        left_out = loci[fold::INNER_FOLDS]
        learned = [moments[locus] for locus in loci if locus not in left_out]
        for i, penalty in enumerate(PENALTIES):
            weights = fit_ridge(learned, penalty)
            for locus in left_out:  # squared error but for the effects' own square
                errors[i] += weights @ moments[locus].squares @ weights - 2 * weights @ moments[locus].products
    return float(PENALTIES[errors.argmin()])


def compare(model: str, table: pd.DataFrame, values: Floats, *, resamples: int) -> Iterator[dict[str, Any]]:
    """Print and give the figures of one model, element by element."""
    for element, rows in table.groupby("element").indices.items():
        part, scores = table.iloc[rows], values[rows]
        effects = part["effect"].to_numpy(np.float64)
        generator = np.random.default_rng(1)
        positions = part["position"].to_numpy(np.int64)
        for kind, x, y in (("size", np.abs(scores), np.abs(effects)), ("signed", scores, effects)):
            low, high = interval(x, y, positions, resamples, generator)
            for figure, value, more in (
                (f"Spearman, {kind}", correlation(rankdata(x), rankdata(y)), {"low": low, "high": high}),
                (f"Pearson, {kind}", correlation(x, y), {}),
            ):
                yield report(
                    element, figure, model, value, "correlation", **more, n=len(part), locus=part["locus"].iloc[0]
                )
        value = auroc(np.abs(scores), part["strong"].to_numpy())
        yield report(
            element,
            "AUROC of strong effects",
            model,
            value,
            "area",
            n=len(part),
            strong=int(part["strong"].sum()),
            locus=part["locus"].iloc[0],
        )


def correlation(x: Floats, y: Floats) -> float:
    """Pearson correlation; 0 where one side does not vary."""
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def interval(
    x: Floats, y: Floats, positions: npt.NDArray[np.int64], resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of Spearman's correlation, all changes of a position drawn together."""
    order = np.argsort(positions, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(positions[order])) + 1)
    values = []
    for _ in range(resamples):
        rows = np.concatenate([members[i] for i in generator.integers(len(members), size=len(members))])
        values.append(correlation(rankdata(x[rows]), rankdata(y[rows])))
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def summarize(figures: pd.DataFrame, *, baseline: str) -> None:
    """Print means over loci, and how they compare with those of the first model."""
    by_locus = figures.pivot_table(index=["figure", "unit", "locus"], columns="model", values="value")
    for (figure, unit), values in by_locus.dropna().groupby(level=["figure", "unit"], sort=False):
        for model, mean in values.mean().items():
            comparison = {} if model == baseline else compare_loci(values[model] - values[baseline])
            peer = {} if model == baseline else {"peer": baseline, "peer_value": float(values[baseline].mean())}
            report("mean over loci", figure, model, mean, unit, n=len(values), **peer, **comparison)


def compare_loci(gains: pd.Series) -> dict[str, Any]:
    """In how many loci a model is better than another, and the one-sided p of Wilcoxon's signed-rank test."""
    return {"wins": int((gains > 0).sum()), "p": float(wilcoxon(gains, alternative="greater").pvalue)}


def report(case: str, figure: str, model: str, value: float, unit: str, **others: object) -> dict[str, Any]:
    """Print one figure as a JSON line, null where it is not defined, and give it."""
    line = {"benchmark": "mpra", "case": case, "figure": figure, "model": model, "value": float(value), "unit": unit}
    line |= others
    shown = {name: float(f"{x:.4g}") if isinstance(x, float) else x for name, x in line.items()}
    shown |= {name: None for name, x in shown.items() if isinstance(x, float) and math.isnan(x)}
    print(json.dumps(shown), flush=True)
    return line


if __name__ == "__main__":
    main()
