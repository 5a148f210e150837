"""Annotation files that link variants to chromatin, genes and proteins."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.variants import match_variants, variant_keys
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import numbered_lines

_BED_COMMENTS = ("#", "track", "browser")
_CONSEQUENCE_COLUMNS = ("chromosome", "position", "ref", "alt", "gene_id", "consequence")
SEVERITIES: Mapping[str, str] = {  # Sequence Ontology terms, grouped as Ensembl's VEP rates their impact
    "transcript_ablation": "high",
    "splice_acceptor_variant": "high",
    "splice_donor_variant": "high",
    "stop_gained": "high",
    "frameshift_variant": "high",
    "stop_lost": "high",
    "start_lost": "high",
    "inframe_insertion": "moderate",
    "inframe_deletion": "moderate",
    "missense_variant": "moderate",
    "protein_altering_variant": "moderate",
}


def read_open_chromatin(path: str | Path) -> pd.DataFrame:
    """Read BED4 of open chromatin: columns chromosome, start, end (0-based, half-open) and context (cell type)."""
    return _read_bed(path, ("context",))


def read_gene_links(path: str | Path) -> pd.DataFrame:
    """Read BED5 of enhancers: chromosome, start, end, gene (symbol or Ensembl id), context (cell type)."""
    links = _read_bed(path, ("gene", "context"))
    return links.assign(gene=stable_gene_ids(links["gene"]))


def read_consequences(path: str | Path) -> pd.DataFrame:
    """Read a TSV of coding consequences: variant columns, gene_id (no version) and consequence.

    Several terms of one row are joined by `&` or `,`, as annotation programs write them. Lines before the header that
    start with `##` or `# ` are skipped; the header may start with `#`.

    Raises
    ------
    InputError
        If there is no header, a column is absent, a line is too long or a position is not a whole number.
    """
    skipped = _leading_lines(path, ("##", "# "))
    try:
        table = pd.read_csv(path, sep="\t", dtype="str", keep_default_na=False, skiprows=skipped)
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise InputError(
            f"not a table ({error})", where=str(path), remedy="Each line needs as many cells as the header."
        ) from error
    table = table.rename(columns=lambda name: str(name).removeprefix("#"))
    absent = [name for name in _CONSEQUENCE_COLUMNS if name not in table.columns]
    if absent:
        raise InputError(
            f"columns {', '.join(absent)} are absent",
            where=str(path),
            remedy=f"The header must name {', '.join(_CONSEQUENCE_COLUMNS)}.",
        )
    table = table[list(_CONSEQUENCE_COLUMNS)].assign(
        chromosome=table["chromosome"].map(canonical_chromosome),
        position=_whole_numbers(table["position"], path=path, column="position", first_line=skipped + 2),
        ref=table["ref"].str.upper(),
        alt=table["alt"].str.upper(),
        gene_id=stable_gene_ids(table["gene_id"]),
    )
    return table


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
    Columns variant, gene_id, consequence and severity (high or moderate); consequences without an effect on the
    protein are left out, the worst of a row counts.
    """
    keyed = consequences.assign(key=variant_keys(consequences))
    distinct = keyed.drop_duplicates("key").reset_index(drop=True)
    match = match_variants(variants, distinct)
    names = pd.DataFrame(
        {"variant": variants["variant"].to_numpy()[match.left], "key": distinct["key"].to_numpy()[match.right]}
    )
    found = names.merge(keyed[["key", "gene_id", "consequence"]], on="key")
    found = found.assign(severity=found["consequence"].map(_severity))
    return found.loc[found["severity"].notna(), ["variant", "gene_id", "consequence", "severity"]].reset_index(
        drop=True
    )


def _severity(consequence: str) -> str | None:
    found = {SEVERITIES.get(term.strip()) for term in consequence.replace("&", ",").split(",")}
    return next((severity for severity in ("high", "moderate") if severity in found), None)


def _read_bed(path: str | Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Read the first columns of a BED file, chromosome names made canonical.

    Raises
    ------
    InputError
        If a line has too few columns or its interval is empty, negative or not numeric.
    """
    columns = ["chromosome", "start", "end", *names]
    skipped = _leading_lines(path, _BED_COMMENTS)
    try:
        table = pd.read_csv(
            path,
            sep="\t",
            header=None,
            skiprows=skipped,
            usecols=range(len(columns)),
            dtype="str",
            keep_default_na=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name in {"start", "end"} else "str") for name in columns})
    except (pd.errors.ParserError, ValueError) as error:
        raise InputError(
            f"not a BED file with {len(columns)} columns ({error})",
            where=str(path),
            remedy=f"Each line needs {', '.join(columns)}, tab-separated.",
        ) from error
    table.columns = pd.Index(columns)
    table["start"] = _whole_numbers(table["start"], path=path, column="start", first_line=skipped + 1)
    table["end"] = _whole_numbers(table["end"], path=path, column="end", first_line=skipped + 1)
    _check_intervals(table, path=path, first_line=skipped + 1)
    chromosomes = {name: canonical_chromosome(name) for name in table["chromosome"].unique()}
    return table.assign(chromosome=table["chromosome"].map(chromosomes))


def _leading_lines(path: str | Path, marks: tuple[str, ...]) -> int:
    """Count the lines at the top of a file that start with one of `marks`."""
    lines = (line for _, line in numbered_lines(path, where=str(path)))
    return sum(1 for _ in itertools.takewhile(lambda line: line.startswith(marks), lines))


def _whole_numbers(texts: "pd.Series[str]", *, path: str | Path, column: str, first_line: int) -> "pd.Series[int]":
    bad = ~texts.str.fullmatch(r"\d+")
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise InputError(
            f"{column} {texts.iloc[row]!r} is not a whole number",
            where=f"{path}, line {first_line + row}",
            remedy="Positions are plain digits.",
        )
    return texts.astype("int64")


def _check_intervals(table: pd.DataFrame, *, path: str | Path, first_line: int) -> None:
    empty = (table["start"] >= table["end"]).to_numpy()
    if empty.any():
        row = int(empty.argmax())
        raise InputError(
            f"interval {table['start'].iloc[row]}-{table['end'].iloc[row]} is empty",
            where=f"{path}, line {first_line + row}",
            remedy="BED starts are 0-based and below the end.",
        )
