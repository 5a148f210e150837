"""Which loci are ranked, and which genes compete in each."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.intervals import distance_to_interval
from locus2target.core.schemas import GENES
from locus2target.core.variants import parse_variant_key

NONE = "none"
"""Id of the candidate that every locus has: the target is none of its genes."""
NONE_SYMBOL = "none of these"
NOT_CANDIDATE = "not_candidate"
NO_CANDIDATES = "no_candidates"
SHARED_H4 = 0.5
"""H4 from which a colocalization is called one: more likely shared than not."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Genes of one locus.

    Attributes
    ----------
    genes
        Table of the competing genes (schema GENES), ordered by gene id.
    excluded
        `gene_id`, `gene_symbol` and `reason` of genes that were near or colocalised, and do not compete.
    """

    genes: pd.DataFrame
    excluded: pd.DataFrame


def genome_order(loci: pd.DataFrame) -> list[str]:
    """Names of loci by chromosome, start and name: batches decide in which order the rows come, not the results'."""
    places = zip(loci["locus"], loci["chromosome"], loci["start"], strict=True)
    return [name for name, *_ in sorted(places, key=lambda place: (chromosome_rank(place[1]), place[2], place[0]))]


def locus_states(loci: pd.DataFrame, fine_mapping: pd.DataFrame) -> pd.DataFrame:
    """Say for each locus whether its genes can be ranked.

    Returns
    -------
    Columns locus, status (`ok` where there are posterior probabilities) and reason, along the genome.
    """
    ordered = loci.set_index("locus").loc[genome_order(loci), ["status", "reason"]].reset_index()
    fits = fine_mapping[["locus", "method", "status", "reason"]]
    merged = ordered.merge(fits, on="locus", how="left", suffixes=("", "_fit"))
    absent = (merged["status"] == "ok") & merged["method"].isna()
    merged.loc[absent, ["status", "reason"]] = ["not_fine_mapped", "fine-mapping left no row for the locus"]
    unmapped = (merged["status"] == "ok") & (merged["method"] == "none")
    merged.loc[unmapped, "status"] = merged["status_fit"].where(merged["status_fit"] != "ok", "not_fine_mapped")
    merged.loc[unmapped, "reason"] = merged["reason_fit"]
    return merged[["locus", "status", "reason"]].reset_index(drop=True)


def find_candidates(
    lead_variants: Collection[str],
    genes: pd.DataFrame,
    colocalization: pd.DataFrame,
    *,
    gene_types: Collection[str],
    window_bp: int,
) -> Candidates:
    """Find the genes that compete at one locus.

    Parameters
    ----------
    lead_variants
        Keys of the locus' lead variant and of the leads of its signals; at least one.
    genes
        All genes (schema GENES).
    colocalization
        The locus' rows (schema COLOCALIZATION); a gene with H4 of at least 0.5 is considered at any distance.
    gene_types
        Biotypes that may be candidates; `unknown` is one only when it is listed.
    window_bp
        Largest distance between a lead variant and the gene body, bases.
    """
    leads = [parse_variant_key(key) for key in lead_variants]
    neighbours = genes[genes["chromosome"] == leads[0].chromosome]
    distances = [
        min(distance_to_interval(lead.position, start, end) for lead in leads)
        for start, end in zip(neighbours["start"], neighbours["end"], strict=True)
    ]
    near = neighbours[np.array(distances, dtype=np.int64) <= window_bp]
    shared = colocalization[(colocalization["status"] == "ok") & (colocalization["posterior_h4"] >= SHARED_H4)]
    # QTL tables can name a peak or a retired gene, which the annotation does not know
    considered = set(near["gene_id"]) | set(shared["gene_id"])
    known = genes[genes["gene_id"].isin(considered)].drop_duplicates("gene_id").sort_values("gene_id")
    of_type = known["gene_type"].isin(list(gene_types))
    allowed = ", ".join(gene_types)
    excluded = [
        (gene_id, symbol, f"gene type {kind} is not one of {allowed}")
        for gene_id, symbol, kind in known.loc[~of_type, ["gene_id", "gene_symbol", "gene_type"]].itertuples(
            index=False
        )
    ]
    excluded += [
        (gene_id, gene_id, "colocalises with the locus but is not in the gene annotation")
        for gene_id in sorted(considered - set(known["gene_id"]))
    ]
    return Candidates(
        known.loc[of_type, GENES.names].reset_index(drop=True),
        pd.DataFrame(excluded, columns=["gene_id", "gene_symbol", "reason"], dtype="object"),
    )
