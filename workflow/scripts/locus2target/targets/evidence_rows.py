"""What an evidence row is made from: one locus' data, and the row itself."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from locus2target.targets.candidates import NONE, NONE_SYMBOL, Candidates
from locus2target.targets.relevance import Relevance

Row = dict[str, object]
"""One row of the table EVIDENCE by column name; columns left out are missing."""


@dataclass(frozen=True, slots=True)
class LocusData:
    """What one locus brings to the ranking.

    Attributes
    ----------
    disease, locus, lead_variant
        Ids; the lead variant's key.
    candidates
        The genes that compete.
    scored
        The locus' rows of CREDIBLE_SETS that have a PIP, each once, with the key as index.
    n_unscored
        Variants of the locus without a PIP.
    colocalization
        The locus' rows of COLOCALIZATION.
    cis_effects
        The locus' rows of CIS_EFFECTS.
    n_signals
        Primary signals of the locus.
    signals
        Signals of the locus' study and the genes they point at, as `evidence_signals.tabulate_signals` gives them.
    ld_verdict, ld_reason
        Of the fine-mapping.
    relevance
        How much the disease's cell types and tissues count.
    """

    disease: str
    locus: str
    lead_variant: str
    candidates: Candidates
    scored: pd.DataFrame
    n_unscored: int
    colocalization: pd.DataFrame
    cis_effects: pd.DataFrame
    n_signals: int
    signals: pd.DataFrame
    ld_verdict: str
    ld_reason: str
    relevance: Relevance

    @property
    def symbols(self) -> dict[str, str]:
        """Symbol of each candidate gene, by id."""
        genes = self.candidates.genes
        return dict(zip(genes["gene_id"], genes["gene_symbol"], strict=True))

    def row(
        self,
        source: str,
        gene_id: str = NONE,
        *,
        detail: str,
        log_odds: float = 0.0,
        log_odds_unweighted: float | None = None,
        value: float | None = None,
        unit: str = "",
        direction: float | None = None,
        variants: Iterable[str] = (),
        context: str | None = None,
        status: str = "ok",
        reason: str = "",
    ) -> Row:
        """One evidence row; the gene `none` stands for a statement about the locus as a whole.

        `log_odds_unweighted` is what the log odds were if all contexts counted alike: the same when left out.
        """
        keys = list(variants)
        return {
            "disease": self.disease,
            "locus": self.locus,
            "gene_id": gene_id,
            "gene_symbol": self._name(gene_id),
            "source": source,
            "value": value,
            "unit": unit,
            "log_odds": log_odds,
            "log_odds_unweighted": log_odds if log_odds_unweighted is None else log_odds_unweighted,
            "direction": direction,
            "variants": ",".join(keys) if keys else None,
            "top_variant": self.label(keys[0]) if keys else None,
            "context": context,
            "detail": detail,
            "status": status,
            "reason": reason,
        }

    def _name(self, gene_id: str) -> str:
        """Display name of a candidate, an excluded gene or `none`."""
        excluded = self.candidates.excluded
        names = dict(zip(excluded["gene_id"], excluded["gene_symbol"], strict=True)) | {NONE: NONE_SYMBOL}
        return str((names | self.symbols)[gene_id])

    def label(self, variant: str) -> str:
        """Name a variant for people: `rs3087243 (2:204738919:G:A, PIP 0.42)`."""
        if variant not in self.scored.index:
            return f"{variant} (no PIP)"
        pip = f"PIP {float(self.scored['pip'].loc[variant]):.2g}"
        name = self.scored["rsid"].loc[variant]
        return f"{name} ({variant}, {pip})" if isinstance(name, str) and name else f"{variant} ({pip})"


def pip_mass(variants: pd.DataFrame) -> float:
    """Probability that a causal variant is among these rows, at most 1: the sum of their PIPs, each variant once."""
    return min(1.0, float(variants.drop_duplicates("variant")["pip"].sum()))


def relevant_mass(variants: pd.DataFrame) -> float:
    """PIP mass in which each variant counts with the largest `relevance` of its rows, at most 1."""
    return pip_mass(variants.assign(pip=variants["pip"] * variants.groupby("variant")["relevance"].transform("max")))


def by_pip(variants: pd.DataFrame, *, limit: int = 5) -> list[str]:
    """Keys of the variants with the highest PIPs, highest first; equal PIPs in the order of the keys."""
    distinct = variants.drop_duplicates("variant").sort_values(["pip", "variant"], ascending=[False, True])
    return distinct["variant"].head(limit).tolist()
