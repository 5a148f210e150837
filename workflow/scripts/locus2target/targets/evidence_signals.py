"""Evidence from other signals: several independent associations of one study that point at the same gene.

Genes that a disease acts through often carry several causal variants (allelic heterogeneity). Each signal points at
the genes near it in shares (see `signal_shares`); a gene's evidence is the sum of its shares over the study's other
signals, also those of neighbouring loci, without the signal that its own distance is measured from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from locus2target.core.tables import is_among
from locus2target.targets.evidence_distance import centered, locus_signals, measure_distances
from locus2target.targets.evidence_rows import LocusData, Row, by_pip
from locus2target.targets.signal_shares import share_signals
from locus2target.targets.weights import Weights

_SOURCE = "other_signals"
_SMALLEST = 0.01  # less than a hundredth of a signal is not worth a row: at most 0.02 log odds
_PAIR_COLUMNS = ("study", "locus", "credible_set", "gene_id", "share", "variant")


@dataclass(frozen=True, slots=True)
class _Signal:
    study: str
    locus: str
    credible_set: int | None
    variants: pd.DataFrame


def tabulate_signals(
    credible_sets: pd.DataFrame, genes: pd.DataFrame, weights: Weights, *, window_bp: int
) -> pd.DataFrame:
    """List which genes each signal of a disease points at.

    Parameters
    ----------
    credible_sets
        All rows of the disease (schema CREDIBLE_SETS).
    genes
        Genes that may be candidates (schema GENES).
    weights
        They hold the slope of the shares.
    window_bp
        Largest distance between a signal's strongest variant and a transcription start, bases.

    Returns
    -------
    study, locus, credible_set (missing: the locus has no credible set), gene_id, share (0..1), and variant: the key of
    the signal's strongest variant. One row per signal and gene near it.
    """
    known = credible_sets[credible_sets["pip"].notna()]
    signals = [
        _Signal(str(study), str(locus), number, variants)
        for (study, locus), group in known.groupby(["study", "locus"], sort=True)
        for number, variants in locus_signals(group).items()
    ]
    if not signals:
        return pd.DataFrame(columns=list(_PAIR_COLUMNS))
    return _pairs(
        signals, genes.reset_index(drop=True), slope=weights.log_odds(_SOURCE, "share_slope"), window_bp=window_bp
    )


def _pairs(signals: Sequence[_Signal], genes: pd.DataFrame, *, slope: float, window_bp: int) -> pd.DataFrame:
    variants = pd.concat([signal.variants.assign(signal=number) for number, signal in enumerate(signals)])
    shares = share_signals(variants.assign(weight=variants["pip"]), genes, slope=slope, window_bp=window_bp)
    of_pair = [signals[number] for number in shares.signal]
    leads = [by_pip(signal.variants, limit=1)[0] for signal in signals]
    columns: Mapping[str, object] = {
        "study": [signal.study for signal in of_pair],
        "locus": [signal.locus for signal in of_pair],
        "credible_set": pd.array([signal.credible_set for signal in of_pair], dtype="Int64"),
        "gene_id": genes["gene_id"].to_numpy()[shares.gene],
        "share": shares.share,
        "variant": [leads[number] for number in shares.signal],
    }
    return pd.DataFrame(columns)


def other_signals_evidence(data: LocusData, weights: Weights) -> list[Row]:
    """Give one row per candidate gene where other signals of the study point at any, else one for the locus.

    The value is the expected number of other signals that act through the gene; the log odds are its log(1 + number)
    times the fitted weight, centred within the locus: genes compete for the signals.
    """
    others = _others_by_gene(data)
    sums = np.array([group["share"].sum() for group in others.values()], dtype=np.float64)
    if (sums < _SMALLEST).all():
        return [
            data.row(
                _SOURCE, detail="no other signal of the study points at a candidate gene", value=0.0, unit="signals"
            )
        ]
    log_odds = centered(weights.log_odds(_SOURCE, "log1p_signals") * np.log1p(sums))
    return [
        data.row(
            _SOURCE,
            gene_id,
            detail=_detail(data.symbols[gene_id], group),
            log_odds=float(value),
            value=float(group["share"].sum()),
            unit="signals",
            variants=group.loc[group["share"] >= _SMALLEST, "variant"].head(5),
        )
        for (gene_id, group), value in zip(others.items(), log_odds, strict=True)
    ]


def _others_by_gene(data: LocusData) -> dict[str, pd.DataFrame]:
    """Signals of the study that point at each candidate, the largest share first, without the candidate's own."""
    own = measure_distances(data).credible_set
    competing = data.signals[is_among(data.signals["gene_id"], data.candidates.genes["gene_id"])]
    ordered = competing.sort_values(["share", "variant"], ascending=[False, True])
    found = dict(iter(ordered.groupby("gene_id")))
    others = {}
    for gene_id, number in zip(data.candidates.genes["gene_id"], own, strict=True):
        group = found.get(gene_id, ordered.iloc[:0])
        here = group["locus"] == data.locus
        of_set = group["credible_set"].isna() if number is None else (group["credible_set"] == number).fillna(False)
        others[str(gene_id)] = group[~(here & of_set).astype(bool)]
    return others


def _detail(symbol: str, signals: pd.DataFrame) -> str:
    strongest = signals[signals["share"] >= _SMALLEST]
    if strongest.empty:
        return f"no other signal of the study points at {symbol}"
    return (
        f"{strongest['share'].sum():.2g} other signals of the study act through {symbol} if distance alone decides "
        f"({len(strongest)} near it)"
    )
