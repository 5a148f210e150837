"""Which loci of a disease are one signal seen twice."""

import pandas as pd


def overlap_groups(loci: pd.DataFrame) -> dict[str, int]:
    """Number the groups of loci that overlap, directly or through others; loci of one group share a number."""
    ordered = loci.sort_values(["chromosome", "start", "end"])
    groups: dict[str, int] = {}
    chromosome, reach, number = "", 0, -1
    for locus, on, start, end in ordered[["locus", "chromosome", "start", "end"]].itertuples(index=False):
        if on != chromosome or start >= reach:
            chromosome, reach, number = on, end, number + 1
        reach = max(reach, end)
        groups[locus] = number
    return groups
