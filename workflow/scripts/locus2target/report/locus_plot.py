"""What the static figure and the page draw of one locus: variants, colours of LD, genes in lanes.

Positions are 1-based, intervals 0-based half-open.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.targets.candidates import NONE

BACKGROUND_NEG_LOG10_P = 2.0  # below it (p > 0.01) a variant is background and may be drawn for its neighbours
_BACKGROUND_PIP = 0.001  # ... unless fine-mapping gives it weight
_GRID_COLUMNS, _GRID_ROWS = 240, 60  # cells about as large as a drawn point (4 px in 960 x 240 px)
_LANE_GAP_SHARE = 0.01  # free width between neighbours of a lane
_LETTER_SHARE = 0.0085  # width of one letter of a gene's label

R2_COLOURS = ("#3b4cc0", "#2f8fb8", "#38964a", "#c27a10", "#cf3a2c")
"""Colour of r2 with the lead in [0, 0.2), [0.2, 0.4), ... [0.8, 1]; blue to red as in regional plots elsewhere."""
NO_LD_COLOUR = "#7f8a96"
LEAD_COLOUR = "#6b2c91"


@dataclass(frozen=True, slots=True)
class DrawnGene:
    """One gene of the track: its name, bounds (0-based, half-open), exons, lane, and probability as a candidate."""

    gene_id: str
    symbol: str
    start: int
    end: int
    strand: str
    exons: tuple[tuple[int, int], ...]
    lane: int
    probability: float | None


@dataclass(frozen=True, slots=True)
class LocusPlot:
    """Everything a plot of one locus shows.

    Attributes
    ----------
    variants
        Rows of the credible-set table that are drawn, by position.
    n_variants
        Variants of the locus; more than are drawn where background variants cover each other.
    genes
        Candidate and protein-coding genes that overlap the locus.
    n_hidden_genes
        Genes of other types, which are not drawn.
    """

    chromosome: str
    start: int
    end: int
    lead_variant: str
    variants: pd.DataFrame
    n_variants: int
    genes: tuple[DrawnGene, ...]
    n_hidden_genes: int

    @property
    def n_lanes(self) -> int:
        """Lanes of the gene track."""
        return 1 + max((gene.lane for gene in self.genes), default=0)


def plot_of_locus(
    locus: Record,
    variants: pd.DataFrame,
    *,
    genes: pd.DataFrame,
    exons: pd.DataFrame,
    candidates: pd.DataFrame,
) -> LocusPlot:
    """Choose what is drawn of a locus.

    Parameters
    ----------
    locus
        Row of the loci table.
    variants
        Credible-set rows of the locus.
    genes, exons
        Annotation of the genome.
    candidates
        Rows of the locus in the locus-genes table.
    """
    start, end = int(locus["start"]), int(locus["end"])
    nearby = genes[(genes["chromosome"] == locus["chromosome"]) & (genes["start"] < end) & (genes["end"] > start)]
    shown = nearby["gene_id"].isin(candidates["gene_id"]) | (nearby["gene_type"] == "protein_coding")
    variants = variants.assign(neg_log10_p=variants["neg_log10_p"].fillna(0.0))  # credible sets may come without p
    drawn = thin_background(variants, start=start, end=end, lead_variant=str(locus["lead_variant"]))
    return LocusPlot(
        chromosome=str(locus["chromosome"]),
        start=start,
        end=end,
        lead_variant=str(locus["lead_variant"]),
        variants=drawn.sort_values("position", kind="stable"),
        n_variants=len(variants),
        genes=_draw_genes(nearby[shown], exons, candidates, start, end),
        n_hidden_genes=int((~shown).sum()),
    )


def thin_background(variants: pd.DataFrame, *, start: int, end: int, lead_variant: str) -> pd.DataFrame:
    """Keep one of several background variants that would be drawn on top of one another.

    Background is p > 0.01 with a PIP below 0.001 (or none), outside credible sets, and not the lead. The strongest
    association of a grid cell stays.
    """
    background = (
        (variants["neg_log10_p"] < BACKGROUND_NEG_LOG10_P)
        & ~(variants["pip"] >= _BACKGROUND_PIP)
        & variants["credible_set"].isna()
        & (variants["variant"] != lead_variant)
    )
    ceiling = max(float(variants["neg_log10_p"].max()), BACKGROUND_NEG_LOG10_P) if len(variants) else 1.0
    columns = ((variants["position"] - start) * _GRID_COLUMNS) // (end - start)
    rows = (variants["neg_log10_p"] / ceiling * _GRID_ROWS).astype("int64")
    order = variants["neg_log10_p"].sort_values(ascending=False, kind="stable").index
    cells = pd.DataFrame({"column": columns, "row": rows, "colour": r2_bins(variants["r_lead"])}).loc[order]
    covered = cells[background.loc[order]].duplicated()
    return variants.drop(index=covered[covered].index)


def r2_bins(r_lead: pd.Series) -> npt.NDArray[np.int64]:
    """Colour bin 0..4 of r2 with the lead variant; -1 where LD is not known. Shape (n_variants,)."""
    r2 = r_lead.to_numpy(np.float64) ** 2
    bins = np.minimum(np.nan_to_num(r2, nan=0.0) * 5, 4).astype(np.int64)
    return np.where(np.isnan(r2), -1, bins)


def _draw_genes(
    shown: pd.DataFrame, exons: pd.DataFrame, candidates: pd.DataFrame, start: int, end: int
) -> tuple[DrawnGene, ...]:
    genes = records(shown.sort_values(["start", "end", "gene_id"]))
    probability = dict(zip(candidates["gene_id"], candidates["probability"], strict=True))
    labels = [f"{gene['gene_symbol']} ›{' 0.00' if gene['gene_id'] in probability else ''}" for gene in genes]
    bodies = [(gene["start"], gene["end"], label) for gene, label in zip(genes, labels, strict=True)]
    lanes = assign_lanes(bodies, start, end)
    return tuple(
        DrawnGene(
            gene_id=gene["gene_id"],
            symbol=gene["gene_symbol"],
            start=gene["start"],
            end=gene["end"],
            strand=gene["strand"],
            exons=_exons_of(gene["gene_id"], exons),
            lane=lane,
            probability=probability.get(gene["gene_id"]),
        )
        for gene, lane in zip(genes, lanes, strict=True)
    )


def assign_lanes(genes: Iterable[tuple[int, int, str]], start: int, end: int) -> list[int]:
    """Lane of each gene, first free lane first, so that neither bodies nor labels overlap.

    Parameters
    ----------
    genes
        (start, end, label) sorted by start; a label is centred on the body and moved into the plot.
    start, end
        Bounds of the plot, which decide how many bases a letter covers.
    """
    span = end - start
    free_from: list[float] = []
    lanes = []
    for gene_start, gene_end, label in genes:
        left, right = max(gene_start, start), min(gene_end, end)
        half = len(label) * _LETTER_SHARE * span / 2
        middle = max(min((left + right) / 2, end - half), start + half)
        first, last = min(left, middle - half), max(right, middle + half)
        lane = next((number for number, free in enumerate(free_from) if free <= first), len(free_from))
        free_from[lane : lane + 1] = [last + _LANE_GAP_SHARE * span]
        lanes.append(lane)
    return lanes


def _exons_of(gene_id: str, exons: pd.DataFrame) -> tuple[tuple[int, int], ...]:
    """Exons of a gene, which step annotate_genes has merged over its transcripts."""
    own = exons[exons["gene_id"] == gene_id]
    return tuple(zip(own["start"].tolist(), own["end"].tolist(), strict=True))


def best_candidates(loci: pd.DataFrame, locus_genes: pd.DataFrame) -> pd.Series:
    """Probability of the best candidate of each locus (index: locus); 0 where there is none."""
    candidates = locus_genes[locus_genes["gene_id"] != NONE]
    best = candidates.groupby("locus")["probability"].max()
    return best.reindex(loci["locus"]).fillna(0.0)


def shown_loci(loci: pd.DataFrame, locus_genes: pd.DataFrame, limit: int) -> pd.DataFrame:
    """The loci of one disease that get a plot: best candidate first, then strongest association, at most `limit`.

    Loci that were not analysed are left to the table of loci, which says why.
    """
    analysed = loci[loci["status"] == "ok"]
    order = analysed.assign(best=best_candidates(analysed, locus_genes).to_numpy())
    order = order.sort_values(["best", "lead_neg_log10_p", "locus"], ascending=[False, False, True], kind="stable")
    return order.head(limit).drop(columns="best")
