"""From evidence to probabilities: candidates compete within a locus, loci add up within a disease.

Within a locus exactly one of n genes or `none` is the target. A gene starts at log(1/n) and adds its evidence,
correlated sources shrunk together; `none` stands at its prior. Probabilities are the softmax of these log odds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import LOCUS_GENES, RANKED_GENES
from locus2target.core.tables import Record, records
from locus2target.targets.candidates import NO_CANDIDATES, NONE, NONE_SYMBOL, NOT_CANDIDATE
from locus2target.targets.mechanism import combine_directions, describe_mechanism, names_gene
from locus2target.targets.overlap_groups import overlap_groups
from locus2target.targets.weights import SOURCES, Weights, combine_sources

PRIOR, CONVERGENCE = "prior", "convergence"
PROBABILITIES = ("probability", "probability_local", "probability_unweighted")
"""As it counts; without convergence; with every context counted alike."""
CONFIDENT, DISTANCE_ONLY, UNCERTAIN = "confident", "distance_only", "uncertain"


def softmax(log_odds: Sequence[float]) -> npt.NDArray[np.float64]:
    """Probabilities proportional to exp(log odds), shape as the argument.

    >>> softmax([0.0, math.log(3.0)]).round(6)
    array([0.25, 0.75])
    """
    values = np.asarray(log_odds, dtype=np.float64)
    weights = np.exp(values - values.max())
    probabilities: npt.NDArray[np.float64] = weights / weights.sum()
    return probabilities


def rank_loci(
    evidence: pd.DataFrame, states: pd.DataFrame, weights: Weights, *, disease: str, confident_probability: float
) -> pd.DataFrame:
    """Rank the candidates of every locus (schema LOCUS_GENES).

    Parameters
    ----------
    evidence
        All rows of the disease (schema EVIDENCE).
    states
        Every locus of the disease with status and reason, as `locus_states` gives them. Loci whose status is not ok,
        and loci without candidates, have one row with the gene `none`.
    confident_probability
        Below, a gene's status is `uncertain`; from this on `confident`, or `distance_only` when nothing names it.
    """
    by_locus = dict(iter(evidence.groupby("locus")))
    rows: list[Record] = []
    for locus, status, reason in states[["locus", "status", "reason"]].itertuples(index=False):
        if status != "ok":
            rows.append(_unranked_locus(disease, locus, status, reason))
        else:
            rows += rank_locus(by_locus.get(locus, evidence.iloc[:0]), weights, disease=disease, locus=locus)
    table = LOCUS_GENES.frame(rows)
    genes = (table["gene_id"] != NONE).to_numpy()
    return table.assign(**_verdicts(table, confident_probability, where=genes))


def rank_locus(evidence: pd.DataFrame, weights: Weights, *, disease: str, locus: str) -> list[Record]:
    """Rank the candidates of one locus; the row `none` has status ok."""
    competing = evidence[(evidence["gene_id"] != NONE) & (evidence["status"] != NOT_CANDIDATE)]
    by_gene = {str(gene): records(group) for gene, group in competing.groupby("gene_id", sort=True)}
    if not by_gene:
        return [_unranked_locus(disease, locus, NO_CANDIDATES, "no candidate gene near the lead variant")]
    prior = -math.log(len(by_gene))
    none = weights.log_odds(PRIOR, NONE)
    parts = {gene: {PRIOR: prior, **gene_parts(rows, weights)} for gene, rows in by_gene.items()}
    rows = [_gene_row(gene, by_gene[gene], parts[gene], disease=disease, locus=locus) for gene in by_gene]
    rows.append(_none_row(none, len(rows), disease=disease, locus=locus))
    local = [[row for row in group if row["source"] != CONVERGENCE] for group in by_gene.values()]
    columns = {
        "probability": softmax([row["log_odds"] for row in rows]),
        "probability_local": _probabilities(local, weights, prior, none, "log_odds"),
        "probability_unweighted": _probabilities(by_gene.values(), weights, prior, none, "log_odds_unweighted"),
    }
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = float(value)
    rows.sort(key=_order)
    return [{**row, "locus_rank": rank} for rank, row in enumerate(rows, start=1)]


def _probabilities(
    by_gene: Iterable[Sequence[Mapping[str, Any]]], weights: Weights, prior: float, none: float, column: str
) -> npt.NDArray[np.float64]:
    """Probabilities of the genes and of `none` from one column of log odds."""
    sums = [math.fsum([prior, *gene_parts(rows, weights, column).values()]) for rows in by_gene]
    return softmax([*sums, none])


def _order(row: Mapping[str, Any]) -> tuple[float, float, str, str]:
    """Best first; rounding keeps sums that differ only in the order of addition equal."""
    return -round(row["probability"], 12), -round(row["log_odds"], 12), row["gene_symbol"], row["gene_id"]


def _gene_row(gene_id: str, evidence: list[Record], parts: Mapping[str, float], *, disease: str, locus: str) -> Record:
    direction, _ = combine_directions(evidence)
    symbol = evidence[0]["gene_symbol"]
    supporting = sorted((r for r in evidence if r["log_odds"] > 0), key=lambda r: (-r["log_odds"], r["source"]))
    return {
        "disease": disease,
        "locus": locus,
        "gene_id": gene_id,
        "gene_symbol": symbol,
        "log_odds": math.fsum(parts.values()),
        "direction": direction,
        "variants": _joined(supporting, "variants"),
        "contexts": _joined(supporting, "context"),
        "parts": format_parts(parts),
        "named": names_gene(evidence),
        "mechanism": describe_mechanism(evidence, gene_symbol=symbol, disease=disease),
        "status": UNCERTAIN,
        "reason": "",
    }


def gene_parts(evidence: Sequence[Mapping[str, Any]], weights: Weights, column: str = "log_odds") -> dict[str, float]:
    """What each source adds to a gene: sums of its rows, correlated sources shrunk (`weights.combine_sources`).

    Parameters
    ----------
    evidence
        The gene's rows (schema EVIDENCE) at one locus.
    weights
        For the groups of sources.
    column
        `log_odds` or `log_odds_unweighted`.
    """
    sums = {source: math.fsum(row[column] for row in evidence if row["source"] == source) for source in SOURCES}
    return combine_sources(sums, weights)


def format_parts(parts: Mapping[str, float]) -> str:
    """`source=log odds` separated by semicolons."""
    return ";".join(f"{source}={value:.6g}" for source, value in parts.items())


def parse_parts(text: str) -> dict[str, float]:
    """Read what `format_parts` wrote.

    >>> parse_parts("prior=-1.5;distance=0.25")
    {'prior': -1.5, 'distance': 0.25}
    """
    pairs = (part.split("=") for part in text.split(";") if part)
    return {source: float(value) for source, value in pairs}


def _joined(evidence: Sequence[Mapping[str, Any]], column: str) -> str | None:
    """Distinct entries of a comma-separated column, strongest evidence first."""
    cells = [row[column] for row in evidence if isinstance(row[column], str)]
    names = dict.fromkeys(name for cell in cells for name in cell.split(",") if name)
    return ",".join(names) if names else None


def _none_row(log_odds: float, n_candidates: int, *, disease: str, locus: str) -> Record:
    return {
        "disease": disease,
        "locus": locus,
        "gene_id": NONE,
        "gene_symbol": NONE_SYMBOL,
        "log_odds": log_odds,
        "parts": format_parts({PRIOR: log_odds}),
        "named": False,
        "mechanism": f"the target is none of the {n_candidates} candidate genes",
        "status": "ok",
        "reason": "",
    }


def _unranked_locus(disease: str, locus: str, status: str, reason: str) -> Record:
    return {
        **_none_row(0.0, 0, disease=disease, locus=locus),
        "locus_rank": 1,
        "probability": 1.0,
        "probability_local": 1.0,
        "probability_unweighted": 1.0,
        "parts": "",
        "mechanism": "no gene is ranked at this locus",
        "status": status,
        "reason": reason,
    }


def _verdicts(
    table: pd.DataFrame, threshold: float, *, where: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.object_]]:
    """Status and reason of genes by their probability and its grounds; other rows keep theirs."""
    pairs = [
        _verdict(float(probability), bool(named), threshold)
        for probability, named in zip(table["probability"], table["named"], strict=True)
    ]
    verdicts = np.array(pairs, dtype=object).reshape(-1, 2)
    return {
        "status": np.where(where, verdicts[:, 0], table["status"].to_numpy(object)),
        "reason": np.where(where, verdicts[:, 1], table["reason"].to_numpy(object)),
    }


def _verdict(probability: float, named: bool, threshold: float) -> tuple[str, str]:
    """Status and reason of one gene. Being near is not enough to be confident of, however empty the locus."""
    if probability < threshold:
        return UNCERTAIN, f"probability {probability:.2g} is below {threshold:g}"
    if named:
        return CONFIDENT, ""
    return DISTANCE_ONLY, "no colocalization, coding consequence or enhancer-gene link of weight speaks for the gene"


def rank_disease(
    locus_genes: pd.DataFrame, loci: pd.DataFrame, *, disease: str, confident_probability: float
) -> pd.DataFrame:
    """Rank the genes of one disease over all loci (schema RANKED_GENES).

    A gene's probability is 1 - prod(1 - p) over independent loci. Loci that overlap, as those of two studies of one
    disease do, are one signal seen twice: the largest p of each such group counts.
    """
    groups = overlap_groups(loci)
    genes = locus_genes[locus_genes["gene_id"] != NONE]
    rows = [_ranked_row(frame, groups, disease) for _, frame in genes.groupby("gene_id", sort=True)]
    rows.sort(key=_order)
    ranked = [{**row, "gene_rank": rank} for rank, row in enumerate(rows, start=1)]
    table = RANKED_GENES.frame(ranked)
    return table.assign(**_verdicts(table, confident_probability, where=np.ones(len(table), dtype=np.bool_)))


def _ranked_row(genes: pd.DataFrame, groups: Mapping[str, int], disease: str) -> Record:
    """One gene over its loci; ties for the best locus go to the first by name."""
    ordered = genes.sort_values(["probability", "log_odds", "locus"], ascending=[False, False, True])
    best = ordered.iloc[0]
    independent = ordered.groupby(ordered["locus"].map(groups))[list(PROBABILITIES)].max()
    row = {name: best[name] for name in ("gene_id", "gene_symbol", "variants", "contexts", "parts", "mechanism")}
    return {
        **{name: value if isinstance(value, str) else None for name, value in row.items()},
        "disease": disease,
        **{name: 1 - math.prod(1 - independent[name]) for name in PROBABILITIES},
        "log_odds": best["log_odds"],
        "best_locus": best["locus"],
        "n_loci": len(genes),
        "named": bool(genes["named"].any()),
        "direction": best["direction"] if best["direction"] in {-1.0, 1.0} else None,
        "status": UNCERTAIN,
        "reason": "",
    }


def part_columns(ranked: pd.DataFrame) -> pd.DataFrame:
    """Add one column per source, its log odds at the best locus (0 without evidence): the copy for people."""
    parts = [parse_parts(text) for text in ranked["parts"]]
    return ranked.assign(**{name: [part.get(name, 0.0) for part in parts] for name in (PRIOR, *SOURCES)})
