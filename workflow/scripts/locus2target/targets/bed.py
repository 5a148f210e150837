"""BED files that link variants to chromatin and genes: open chromatin, and enhancers with their genes."""

import itertools
from pathlib import Path

import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError, shortened
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import numbered_lines, read_cells

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
    table = read_cells(path, where=str(path), header=False, columns=len(columns), skipped=skipped)
    if table.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name in {"start", "end"} else "str") for name in columns})
    table.columns = pd.Index(columns)
    refuse_empty_cells(table, path=path)
    table["start"] = whole_numbers(table["start"], path=path)
    table["end"] = whole_numbers(table["end"], path=path)
    _check_intervals(table, path=path)
    chromosomes = {name: canonical_chromosome(name) for name in table["chromosome"].unique()}
    return table.assign(chromosome=table["chromosome"].map(chromosomes)).reset_index(drop=True)


def leading_lines(path: str | Path, marks: tuple[str, ...]) -> int:
    """Count the lines at the top of a file that start with one of `marks`."""
    lines = (line for _, line in numbered_lines(path, where=str(path)))
    return sum(1 for _ in itertools.takewhile(lambda line: line.startswith(marks), lines))


def whole_numbers(texts: "pd.Series[str]", *, path: str | Path) -> "pd.Series[int]":
    """Positions as whole numbers, of a column as `read_cells` gives it.

    Raises
    ------
    InputError
        That names the first text that is none, its column and line.
    """
    bad = ~texts.str.fullmatch(r"[0-9]{1,18}")
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise InputError(
            f"{texts.name} {shortened(texts.iloc[row])} is not a whole number",
            where=f"{path}, line {texts.index[row]}",
            remedy="Positions are plain digits.",
        )
    return texts.astype("int64")


def refuse_empty_cells(table: pd.DataFrame, *, path: str | Path) -> None:
    """Refuse a table, as `read_cells` gives it, with an empty cell; the message names column and line."""
    empty = table.apply(lambda column: column.str.strip().eq(""))
    rows = empty.any(axis=1).to_numpy(bool)
    if rows.any():
        row = int(rows.argmax())
        raise InputError(
            f"{table.columns[int(empty.iloc[row].to_numpy(bool).argmax())]} is missing",
            where=f"{path}, line {table.index[row]}",
            remedy=f"Each line needs {', '.join(table.columns)}, tab-separated.",
        )


def _check_intervals(table: pd.DataFrame, *, path: str | Path) -> None:
    empty = (table["start"] >= table["end"]).to_numpy()
    if empty.any():
        row = int(empty.argmax())
        raise InputError(
            f"interval {table['start'].iloc[row]}-{table['end'].iloc[row]} is empty",
            where=f"{path}, line {table.index[row]}",
            remedy="BED starts are 0-based and below the end.",
        )
