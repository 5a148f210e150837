"""Evidence from convergence: candidates that share a pathway with genes at the disease's other loci.

The weight of a gene is the sum of its probabilities over the disease's independent loci, convergence and weights of
contexts left out, at most 1.5: the expected number of loci that act through it. (The weight of the source was fitted
with what distance alone makes of this number, signal by signal: `ranking_features`.) Other diseases of the run add
theirs as far as they resemble the disease (`convergence.pool_weights`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import CONVERGENCE, EVIDENCE
from locus2target.core.tables import Record, records
from locus2target.targets.candidates import NONE
from locus2target.targets.convergence import POOLED_CAP, Convergence, converge
from locus2target.targets.evidence_distance import centered
from locus2target.targets.evidence_rows import Row
from locus2target.targets.gene_sets import Membership
from locus2target.targets.mechanism import describe_convergence
from locus2target.targets.overlap_groups import overlap_groups
from locus2target.targets.weights import Weights

_SOURCE = "convergence"
_PARTNERS = 5
_SMALLEST_WEIGHT = 0.05  # genes that carry less are not worth naming as partners
OFF, TOO_FEW_LOCI, IN_NO_SET = "switched_off", "too_few_loci", "in_no_set"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DiseaseLoci:
    """One disease: its candidates with their probabilities, and its loci.

    Attributes
    ----------
    candidates
        LOCUS_GENES, ranked without convergence. `probability_unweighted` is what counts: contexts are weighted by all
        loci, and would let a gene's own chromosome have a say.
    loci
        Schema LOCI.
    """

    candidates: pd.DataFrame
    loci: pd.DataFrame


def score_convergence(
    diseases: Mapping[str, DiseaseLoci], genes: pd.DataFrame, membership: Membership, *, min_loci: int
) -> dict[str, pd.DataFrame]:
    """Score the candidates of every disease by what its loci on other chromosomes point to.

    Parameters
    ----------
    diseases
        All diseases of the run.
    genes
        Genes that may be candidates (schema GENES), rows as those of `membership.matrix`.
    membership
        Gene sets.
    min_loci
        Independent loci that a disease needs on other chromosomes; with fewer the status is `too_few_loci`.

    Returns
    -------
    CONVERGENCE of each disease: one row per candidate gene.
    """
    groups = {name: overlap_groups(disease.loci) for name, disease in diseases.items()}
    weights = np.stack([_gene_weights(diseases[name], groups[name], genes) for name in diseases])
    chromosomes = genes["chromosome"].to_numpy(np.str_)
    # a chromosome without any locus may not have been looked at
    with_loci = {str(name) for disease in diseases.values() for name in disease.loci["chromosome"]}
    studied = np.isin(chromosomes, sorted(with_loci))
    found = converge(weights, chromosomes, membership.matrix, studied=studied, pooled=True)
    ids, symbols = (genes[name].to_numpy(np.str_) for name in ("gene_id", "gene_symbol"))
    scorer = _Scorer(ids, symbols, chromosomes, membership, found, weights, min_loci)
    return {
        name: CONVERGENCE.frame(scorer.rows(number, name, disease, groups[name]))
        for number, (name, disease) in enumerate(diseases.items())
    }


def _gene_weights(disease: DiseaseLoci, groups: Mapping[str, int], genes: pd.DataFrame) -> Floats:
    """Expected number of independent loci that act through each gene, float64 (n_genes,)."""
    candidates = disease.candidates[disease.candidates["gene_id"] != NONE]
    by_group = candidates.groupby(["gene_id", candidates["locus"].map(groups)])["probability_unweighted"].max()
    sums = by_group.groupby(level=0).sum().clip(upper=POOLED_CAP)
    return np.asarray(sums.reindex(genes["gene_id"]).fillna(0.0).to_numpy(np.float64))


@dataclass(frozen=True, slots=True)
class _Scorer:
    """Turns scores of all genes into rows of the candidates.

    Attributes
    ----------
    ids, symbols, chromosomes
        str (n_genes,).
    membership, found
        Of these genes.
    weights
        float64 (n_diseases, n_genes).
    """

    ids: npt.NDArray[np.str_]
    symbols: npt.NDArray[np.str_]
    chromosomes: npt.NDArray[np.str_]
    membership: Membership
    found: Convergence
    weights: Floats
    min_loci: int

    def rows(self, number: int, name: str, disease: DiseaseLoci, groups: Mapping[str, int]) -> list[Record]:
        """Rows of CONVERGENCE of one disease, by gene id."""
        competing = disease.candidates[disease.candidates["gene_id"] != NONE]
        of_locus = disease.loci[disease.loci["locus"].isin(set(competing["locus"]))]
        places = dict(zip(of_locus["locus"].map(groups), of_locus["chromosome"], strict=True))
        rows: list[Record] = []
        for row in np.flatnonzero(np.isin(self.ids, competing["gene_id"].to_numpy(np.str_))):
            elsewhere = sum(place != self.chromosomes[row] for place in places.values())
            rows.append({"disease": name, **self._row(number, int(row), elsewhere)})
        return sorted(rows, key=lambda record: str(record["gene_id"]))

    def _row(self, number: int, row: int, n_elsewhere: int) -> Record:
        names = {
            "gene_id": str(self.ids[row]),
            "gene_symbol": str(self.symbols[row]),
            "chromosome": str(self.chromosomes[row]),
        }
        if n_elsewhere < self.min_loci:
            reason = f"{n_elsewhere} independent loci on other chromosomes, fewer than {self.min_loci}"
            return {**names, "strongest": 0.0, "status": TOO_FEW_LOCI, "reason": reason}
        column = int(self.found.best_set[number, row])
        if column < 0:
            reason = "the gene is in no set that carries more than expected at loci on other chromosomes"
            return {**names, "strongest": 0.0, "status": IN_NO_SET, "reason": reason}
        found = self.membership.sets.iloc[column]
        return {
            **names,
            "strongest": float(self.found.strongest[number, row]),
            "gene_set": found["identifier"],
            "gene_set_name": found["name"],
            "partners": self._partners(number, column, names["chromosome"]),
            "status": "ok",
            "reason": "",
        }

    def _partners(self, number: int, column: int, chromosome: str) -> str | None:
        """Members on other chromosomes by the disease's own weight, heaviest first."""
        weights = self.weights[number]
        members = self.membership.matrix[:, [column]].nonzero()[0]
        heavy = members[(self.chromosomes[members] != chromosome) & (weights[members] >= _SMALLEST_WEIGHT)]
        ordered = sorted(heavy, key=lambda row: (-weights[row], self.symbols[row]))
        names = [f"{self.symbols[row]} ({weights[row]:.2f})" for row in ordered[:_PARTNERS]]
        return ", ".join(names) if names else None


def convergence_evidence(
    scores: pd.DataFrame, candidates: pd.DataFrame, weights: Weights, *, enabled: bool
) -> pd.DataFrame:
    """Turn the scores into evidence rows of one disease (schema EVIDENCE), one per locus and candidate gene.

    Parameters
    ----------
    scores
        CONVERGENCE of the disease.
    candidates
        LOCUS_GENES of the disease.
    weights
        Evidence weights; the log odds are centred within the locus, see `evidence_distance.centered`.
    enabled
        Whether they count; if not, the rows have the status `switched_off` and no log odds.
    """
    by_gene = {str(row["gene_id"]): row for row in records(scores)}
    competing = candidates[candidates["gene_id"] != NONE]
    rows: list[Row] = []
    for locus, of_locus in competing.groupby("locus", sort=False):
        found = [by_gene[str(gene_id)] for gene_id in of_locus["gene_id"]]
        strongest = np.array([score["strongest"] for score in found], dtype=np.float64)
        log_odds = centered(weights.log_odds(_SOURCE, "log1p_z") * strongest)
        names = records(of_locus[["disease", "gene_id", "gene_symbol"]])
        for gene, score, value in zip(names, found, log_odds, strict=True):
            rows.append({**gene, "locus": locus, **_cells(score, float(value), enabled=enabled)})
    return EVIDENCE.frame(rows)


def _cells(score: Mapping[str, object], log_odds: float, *, enabled: bool) -> Row:
    is_known = score["status"] == "ok"
    partners = score["partners"]
    # names only: their weights stand in the table
    names = ", ".join(name.split(" (")[0] for name in partners.split(", ")) if isinstance(partners, str) else "genes"
    status, reason = (score["status"], score["reason"]) if enabled else (OFF, "ranking.convergence.enabled is false")
    counted = log_odds if enabled else 0.0
    return {
        "source": _SOURCE,
        "value": score["strongest"],
        "unit": "log(1 + z) of the strongest set",
        "log_odds": counted,
        "log_odds_unweighted": counted,
        "context": score["gene_set_name"] if is_known else None,
        "detail": describe_convergence(str(score["gene_set_name"]), names) if is_known else str(score["reason"]),
        "status": status,
        "reason": reason,
    }
