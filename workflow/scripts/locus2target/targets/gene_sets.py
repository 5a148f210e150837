"""Gene sets (pathways) as a sparse membership matrix over the genes of a run.

Two formats are read: a table of pathways with Entrez ids (`pathways.tsv` of github.com/dhimmel/pathways: Reactome,
WikiPathways and PID), whose ids a MAGMA gene location file (`NCBI37.3.gene.loc`) turns into symbols; and GMT, one set
per line, of gene symbols or Ensembl ids. `resources/pathways/build_gene_sets.py` turns the table into the GMT that runs
read. Genes and sets that cannot be used are counted by reason, never lost silently.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from locus2target.core.errors import InputError
from locus2target.ingest.annotation import stable_gene_id
from locus2target.ingest.files import numbered_lines

_LOG = logging.getLogger(__name__)
_LOCATION_COLUMNS = 6  # Entrez id, chromosome, start, end, strand, symbol
_PATHWAY_COLUMNS = ("identifier", "name", "source", "coding_genes")
_GMT_COLUMNS = 3  # name, description, first gene
_AMBIGUOUS = -1
GMT_SEPARATOR = " | "
"""Between source and title in the description of a set of a GMT file."""

NO_SYMBOL = "genes whose Entrez id is not in the id map"
NOT_LISTED = "genes that are not in the gene list"
AMBIGUOUS = "genes whose name several genes of the list bear"
TOO_SMALL = "sets with too few genes"
TOO_LARGE = "sets with too many genes"
REPEATED = "sets with the same genes as an earlier set"


@dataclass(frozen=True, slots=True)
class GeneSet:
    """One set: its identifier in the file, its title, the database it comes from, and symbols or Ensembl ids."""

    identifier: str
    name: str
    source: str
    genes: frozenset[str]


@dataclass(frozen=True, slots=True)
class GeneSetFile:
    """The sets of one file, in its order, and how many distinct genes were dropped on reading, by reason."""

    path: Path
    sets: tuple[GeneSet, ...]
    dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Membership:
    """Which genes of a list belong to which sets.

    Attributes
    ----------
    matrix
        float64 `scipy.sparse.csr_array` of shape (n_genes, n_sets), 1 for a member; rows in the order of the list.
    sets
        One row per column of the matrix: identifier, name, source and n_genes (members in the list).
    dropped
        Number of distinct gene names (of each file) and of sets that are not in the matrix, by reason.
    """

    matrix: sparse.csr_array
    sets: pd.DataFrame
    dropped: Mapping[str, int]


def read_symbols(path: str | Path) -> dict[str, str]:
    """Read the symbols of Entrez ids from a MAGMA gene location file (six columns, no header, plain or gzipped).

    Raises
    ------
    InputError
        If a line has fewer columns, an id is not a whole number or has two symbols, or the file has no lines.
    """
    symbols: dict[str, str] = {}
    remedy = "Each line needs an Entrez id, chromosome, start, end, strand and symbol, separated by blanks."
    for number, line in _filled_lines(path):
        fields, where = line.split(), f"{path}:{number}"
        if len(fields) < _LOCATION_COLUMNS:
            raise InputError(f"the line has {len(fields)} columns, not {_LOCATION_COLUMNS}", where=where, remedy=remedy)
        entrez, symbol = fields[0], fields[_LOCATION_COLUMNS - 1]
        if not entrez.isdecimal():
            raise InputError(f"the Entrez id {entrez!r} is not a whole number", where=where, remedy=remedy)
        if symbols.setdefault(entrez, symbol) != symbol:
            problem = f"Entrez id {entrez} has the symbols {symbols[entrez]} and {symbol}"
            raise InputError(problem, where=where, remedy="Keep the line with the current symbol.")
    if not symbols:
        raise InputError("the file has no genes", where=str(path), remedy=remedy)
    return symbols


def read_pathways(path: str | Path, symbols: Mapping[str, str]) -> GeneSetFile:
    """Read a table of pathways with Entrez ids (columns identifier, name, source, coding_genes; ids joined by `|`).

    Parameters
    ----------
    path
        Plain or gzipped; other columns are ignored.
    symbols
        Symbol of each Entrez id, from `read_symbols`. Ids without a symbol are left out and counted.

    Raises
    ------
    InputError
        If a column is absent, a line is too short, an identifier comes twice, or the table has no sets.
    """
    lines = _filled_lines(path)
    header = next(lines, (1, ""))[1].split("\t")
    absent = [name for name in _PATHWAY_COLUMNS if name not in header]
    if absent:
        remedy = f"The header must name {', '.join(_PATHWAY_COLUMNS)}, separated by tabs."
        raise InputError(f"columns {', '.join(absent)} are absent", where=str(path), remedy=remedy)
    columns = [header.index(name) for name in _PATHWAY_COLUMNS]
    sets, unmapped = [], set()
    for number, line in lines:
        fields = line.split("\t")
        if len(fields) <= max(columns):
            problem = f"the line has {len(fields)} columns, the header {len(header)}"
            raise InputError(problem, where=f"{path}:{number}", remedy="Copy or download the table again.")
        identifier, name, source, joined = (fields[column].strip() for column in columns)
        entrez = {gene for gene in joined.split("|") if gene}
        unmapped |= entrez - symbols.keys()
        sets.append(GeneSet(identifier, name, source, frozenset(symbols[gene] for gene in entrez & symbols.keys())))
    return GeneSetFile(Path(path), _distinct(sets, path), {NO_SYMBOL: len(unmapped)})


def read_gmt(path: str | Path) -> GeneSetFile:
    """Read a GMT file (MSigDB's format: name, description, genes, separated by tabs) of symbols or Ensembl ids.

    Ensembl ids lose their version. A description `source | title` gives both; any other is the title, and the source is
    the file's name without its endings.

    Raises
    ------
    InputError
        If a line names no gene, a name comes twice, or the file has no sets.
    """
    stem = Path(path).name.removesuffix(".gz").removesuffix(".gmt")
    sets = []
    for number, line in _filled_lines(path):
        fields = [field.strip() for field in line.split("\t")]
        genes = frozenset(stable_gene_id(gene) for gene in fields[2:] if gene)
        if len(fields) < _GMT_COLUMNS or not genes:
            remedy = "Each line needs a name, a description and genes, separated by tabs."
            raise InputError("the line names no gene", where=f"{path}:{number}", remedy=remedy)
        source, separator, title = fields[1].partition(GMT_SEPARATOR)
        sets.append(GeneSet(fields[0], title, source, genes) if separator else GeneSet(fields[0], source, stem, genes))
    return GeneSetFile(Path(path), _distinct(sets, path), {})


def build_membership(
    files: Sequence[GeneSetFile], genes: pd.DataFrame, *, min_genes: int = 5, max_genes: int = 300
) -> Membership:
    """Find which genes of a list belong to which sets.

    Parameters
    ----------
    files
        As the readers give them; of sets with the same members in the list the first is kept. Without files there are
        no sets.
    genes
        One row per gene, columns gene_id (distinct) and gene_symbol. A name of a set may be either; a name that
        several genes bear belongs to none of them.
    min_genes, max_genes
        Bounds, both included, on the number of a set's members in the list.

    Raises
    ------
    InputError
        If the bounds are not 1 <= min_genes <= max_genes, no gene of a file is in the list, or no set of them is kept.
    """
    if not 1 <= min_genes <= max_genes:
        problem = f"the bounds {min_genes} and {max_genes} of the set sizes are not 1 <= min_genes <= max_genes"
        raise InputError(problem, where="gene set sizes", remedy="Correct the bounds; 5 and 300 are usual.")
    rows = _rows_by_name(genes)
    dropped: Counter[str] = Counter()
    kept: dict[frozenset[int], GeneSet] = {}
    for file in files:
        dropped.update(file.dropped)
        dropped.update(_unusable_genes(file, rows))
        for gene_set in file.sets:
            found = frozenset(rows.get(gene, _AMBIGUOUS) for gene in gene_set.genes) - {_AMBIGUOUS}
            reason = _refusal(found, kept, min_genes, max_genes)
            if reason is None:
                kept[found] = gene_set
            else:
                dropped[reason] += 1
    if files and not kept:
        counts = "; ".join(f"{count} {reason}" for reason, count in dropped.items())
        where = ", ".join(str(file.path) for file in files)
        remedy = "Give pathways of the run's species, or wider bounds."
        raise InputError(
            f"no set has {min_genes} to {max_genes} genes of the list ({counts})", where=where, remedy=remedy
        )
    _LOG.info("%d gene sets kept; dropped: %s", len(kept), dict(dropped))
    return Membership(_matrix(list(kept), len(genes)), _set_table(kept), dict(dropped))


def _filled_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in numbered_lines(path, where=str(path)) if line.strip())


def _distinct(sets: Iterable[GeneSet], path: str | Path) -> tuple[GeneSet, ...]:
    """The sets, refused if there are none or two of one identifier."""
    ordered = tuple(sets)
    counts = Counter(gene_set.identifier for gene_set in ordered)
    if not counts:
        raise InputError("the file has no gene sets", where=str(path), remedy="Check that this is the file you meant.")
    identifier, count = counts.most_common(1)[0]
    if count > 1:
        problem = f"the set {identifier!r} comes {count} times"
        raise InputError(problem, where=str(path), remedy="Keep one of them, or rename the others.")
    return ordered


def _rows_by_name(genes: pd.DataFrame) -> dict[str, int]:
    """Row of each Ensembl id and symbol; an id wins over a symbol, a symbol of several genes has no row."""
    by_id = {stable_gene_id(gene_id): row for row, gene_id in enumerate(genes["gene_id"])}
    if len(by_id) < len(genes):
        raise ValueError("the gene list names a gene twice")
    by_symbol: dict[str, int] = {}
    for row, symbol in enumerate(genes["gene_symbol"]):
        by_symbol[symbol] = _AMBIGUOUS if symbol in by_symbol else row
    return by_symbol | by_id


def _unusable_genes(file: GeneSetFile, rows: Mapping[str, int]) -> dict[str, int]:
    """Count the distinct genes of a file that have no row, by reason."""
    names = frozenset[str]().union(*(gene_set.genes for gene_set in file.sets))
    absent = len(names - rows.keys())
    if absent == len(names):
        example = min(names, default="none")
        problem = f"none of its {len(names)} named genes is in the gene list (the first by name: {example})"
        remedy = "Give gene symbols or Ensembl ids of the run's species; for Entrez ids, an id map of the same release."
        raise InputError(problem, where=str(file.path), remedy=remedy)
    return {NOT_LISTED: absent, AMBIGUOUS: sum(rows.get(name) == _AMBIGUOUS for name in names)}


def _refusal(
    found: frozenset[int], kept: Mapping[frozenset[int], GeneSet], min_genes: int, max_genes: int
) -> str | None:
    if len(found) < min_genes:
        return TOO_SMALL
    if len(found) > max_genes:
        return TOO_LARGE
    return REPEATED if found in kept else None


def _matrix(members: Sequence[frozenset[int]], n_genes: int) -> sparse.csr_array:
    sizes = [len(rows) for rows in members]
    gene: npt.NDArray[np.int64] = np.fromiter((row for rows in members for row in sorted(rows)), np.int64, sum(sizes))
    column = np.repeat(np.arange(len(members)), sizes)
    return sparse.csr_array((np.ones(len(gene)), (gene, column)), shape=(n_genes, len(members)))


def _set_table(kept: Mapping[frozenset[int], GeneSet]) -> pd.DataFrame:
    rows = [(found.identifier, found.name, found.source, len(genes)) for genes, found in kept.items()]
    return pd.DataFrame(rows, columns=["identifier", "name", "source", "n_genes"])
