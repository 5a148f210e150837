"""Annotation files that link variants to chromatin, genes and proteins."""

from pathlib import Path

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.variants import match_variants, variant_keys
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import read_cells
from locus2target.targets.bed import (
    leading_lines,
    read_gene_links,
    read_open_chromatin,
    refuse_empty_cells,
    whole_numbers,
)
from locus2target.targets.consequence_terms import worst_severity
from locus2target.targets.consequence_vcf import CONSEQUENCE_COLUMNS, VCF_ENDINGS, read_consequence_vcf

__all__ = [
    "match_consequences",
    "read_consequence_table",
    "read_consequences",
    "read_gene_links",
    "read_open_chromatin",
]


def read_consequences(path: str | Path) -> pd.DataFrame:
    """Read coding consequences: an annotated VCF or BCF, or a table; the file's ending decides.

    Returns
    -------
    Columns chromosome, position (1-based), ref, alt, gene_id (Ensembl id without version, or a symbol) and consequence.

    Raises
    ------
    InputError
        As `read_consequence_vcf` and `read_consequence_table` say.
    """
    is_vcf = str(path).lower().endswith(VCF_ENDINGS)
    return read_consequence_vcf(path) if is_vcf else read_consequence_table(path)


def read_consequence_table(path: str | Path) -> pd.DataFrame:
    """Read a TSV of coding consequences: variant columns, gene_id (Ensembl id or symbol) and consequence.

    Several terms of one row are joined by `&` or `,`, as annotation programs write them. Lines before the header that
    start with `##` or `# ` are skipped; the header may start with `#`.

    Raises
    ------
    InputError
        If it is no table (see `read_cells`), a column is absent or a position is not a whole number.
    """
    skipped = leading_lines(path, ("##", "# "))
    table = read_cells(path, where=str(path), header=True, skipped=skipped)
    table = table.rename(columns=lambda name: str(name).removeprefix("#"))
    absent = [name for name in CONSEQUENCE_COLUMNS if name not in table.columns]
    if absent:
        raise InputError(
            f"columns {', '.join(absent)} are absent",
            where=str(path),
            remedy=f"The header must name {', '.join(CONSEQUENCE_COLUMNS)}.",
        )
    refuse_empty_cells(table[["chromosome", "position", "ref", "alt"]], path=path)
    table = table[list(CONSEQUENCE_COLUMNS)].assign(
        chromosome=table["chromosome"].map(canonical_chromosome),
        position=whole_numbers(table["position"], path=path),
        ref=table["ref"].str.upper(),
        alt=table["alt"].str.upper(),
        gene_id=stable_gene_ids(table["gene_id"]),
    )
    return table.reset_index(drop=True)


def match_consequences(variants: pd.DataFrame, consequences: pd.DataFrame) -> pd.DataFrame:
    """Find the coding consequences of variants.

    Parameters
    ----------
    variants
        Key columns and `variant`.
    consequences
        As `read_consequences` gives them.

    Returns
    -------
    Columns variant, gene_id, consequence and severity (high, moderate or splice_region); consequences without an effect
    on protein or splicing are left out, the worst of a row counts.
    """
    keyed = consequences.assign(key=variant_keys(consequences))
    distinct = keyed.drop_duplicates("key").reset_index(drop=True)
    match = match_variants(variants, distinct)
    names = pd.DataFrame(
        {"variant": variants["variant"].to_numpy()[match.left], "key": distinct["key"].to_numpy()[match.right]}
    )
    found = names.merge(keyed[["key", "gene_id", "consequence"]], on="key")
    found = found.assign(severity=found["consequence"].map(worst_severity))
    return found.loc[found["severity"].notna(), ["variant", "gene_id", "consequence", "severity"]].reset_index(
        drop=True
    )
