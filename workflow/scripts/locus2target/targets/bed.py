"""BED files that link variants to chromatin and genes: open chromatin, and enhancers with their genes."""

import itertools
from pathlib import Path

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import numbered_lines

_BED_COMMENTS = ("#", "track", "browser")


def read_open_chromatin(path: str | Path) -> pd.DataFrame:
    """Read BED4 of open chromatin: columns chromosome, start, end (0-based, half-open) and context (cell type)."""
    return _read_bed(path, ("context",))


def read_gene_links(path: str | Path) -> pd.DataFrame:
    """Read BED5 of enhancers: chromosome, start, end, gene (symbol or Ensembl id), context (cell type)."""
    links = _read_bed(path, ("gene", "context"))
    return links.assign(gene=stable_gene_ids(links["gene"]))


def _read_bed(path: str | Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Read the first columns of a BED file, chromosome names made canonical.

    Raises
    ------
    InputError
        If a line has too few columns or its interval is empty, negative or not numeric.
    """
    columns = ["chromosome", "start", "end", *names]
    skipped = leading_lines(path, _BED_COMMENTS)
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
    table["start"] = whole_numbers(table["start"], path=path, column="start", first_line=skipped + 1)
    table["end"] = whole_numbers(table["end"], path=path, column="end", first_line=skipped + 1)
    _check_intervals(table, path=path, first_line=skipped + 1)
    chromosomes = {name: canonical_chromosome(name) for name in table["chromosome"].unique()}
    return table.assign(chromosome=table["chromosome"].map(chromosomes))


def leading_lines(path: str | Path, marks: tuple[str, ...]) -> int:
    """Count the lines at the top of a file that start with one of `marks`."""
    lines = (line for _, line in numbered_lines(path, where=str(path)))
    return sum(1 for _ in itertools.takewhile(lambda line: line.startswith(marks), lines))


def whole_numbers(texts: "pd.Series[str]", *, path: str | Path, column: str, first_line: int) -> "pd.Series[int]":
    """Positions as whole numbers.

    Raises
    ------
    InputError
        That names the first text that is none, its column and line; `first_line` is the line of the first text.
    """
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
