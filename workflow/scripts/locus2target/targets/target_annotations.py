"""What is known of a gene as a drug target: shown to people, never evidence.

Three optional tables with a header, tab-separated, plain or gzipped. The column `gene` is a symbol or an Ensembl id,
with or without version; other columns than those named here are ignored.

tractability       modality, bucket
known_drugs        drug, and optionally phase (0 to 4), action, indication
safety_constraint  pLI and/or LOEUF (also called oe_lof_upper), and optionally note
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from locus2target.core.errors import InputError
from locus2target.ingest.annotation import stable_gene_id
from locus2target.ingest.files import numbered_lines

_LOG = logging.getLogger(__name__)
_SHOWN = 5  # entries per gene; how many more there are is said
_MISSING = frozenset({"", ".", "NA", "NaN", "nan", "null"})
# Karczewski et al. 2020, Nature 581:434: the usual limits of intolerance of loss of function.
_INTOLERANT_PLI, _INTOLERANT_LOEUF = 0.9, 0.35
_LOEUF_NAMES = ("LOEUF", "oe_lof_upper")

NOT_LISTED = "genes that are not in the gene annotation"
AMBIGUOUS = "symbols that several genes bear"
NOTHING_SAID = "genes whose rows say nothing"


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One row of an annotation table: where it stands, and its cells by column; missing cells are None."""

    path: str
    line: int
    cells: Mapping[str, str | None]

    @property
    def gene(self) -> str:
        """Symbol or Ensembl id without version."""
        return stable_gene_id(self.required("gene"))

    def required(self, column: str) -> str:
        """A cell that must not be empty."""
        value = self.cells[column]
        if value is None:
            raise InputError("the cell is empty", where=self.place(column), remedy="Fill it in, or remove the row.")
        return value

    def number(self, column: str, low: float, high: float) -> float | None:
        """A cell as a number within bounds; None where it is missing."""
        text = self.cells.get(column)
        if text is None:
            return None
        problem = f"{text!r} is not a number from {low:g} to {high:g}"
        try:
            value = float(text)
        except ValueError as error:
            raise InputError(problem, where=self.place(column), remedy="Leave it empty if unknown.") from error
        if not low <= value <= high:
            raise InputError(problem, where=self.place(column), remedy="Leave it empty if unknown.")
        return value

    def place(self, column: str) -> str:
        """File, line and column, as error messages name them."""
        return f"{self.path}, line {self.line}, column {column}"


@dataclass(frozen=True, slots=True)
class TargetAnnotations:
    """What the annotation tables say of genes.

    Attributes
    ----------
    texts
        One row per gene of which any table says something: gene_id, tractability, known_drugs and safety_constraint
        (text for people, missing where its table says nothing or is not given).
    dropped
        Number of distinct gene names of each given table that are not in `texts`, by reason.
    """

    texts: pd.DataFrame
    dropped: Mapping[str, Mapping[str, int]]


def read_target_annotations(paths: Mapping[str, str | None], genes: pd.DataFrame) -> TargetAnnotations:
    """Read the annotation tables that are given.

    Parameters
    ----------
    paths
        Path of each table by name: tractability, known_drugs, safety_constraint; None or absent when not given.
    genes
        The run's genes (schema GENES). An Ensembl id wins over a symbol; a symbol of several genes belongs to none.

    Raises
    ------
    InputError
        If a file is missing, empty or not a table, a column is absent, a needed cell is empty or a number is none.
    """
    ids = _ids_by_name(genes)
    texts: dict[str, dict[str, str]] = {}
    dropped = {}
    for name, describe in _TABLES.items():
        path = paths.get(name)
        by_name = {} if path is None else describe(path)
        texts[name], dropped_here = _match(by_name, ids)
        if path is not None:
            dropped[name] = dropped_here
            _log_match(name, path, texts[name], dropped_here)
    named = sorted(set[str]().union(*texts.values()))
    columns = {name: [found.get(gene) for gene in named] for name, found in texts.items()}
    return TargetAnnotations(pd.DataFrame({"gene_id": named, **columns}, dtype="str"), dropped)


def read_tractability(path: str | Path) -> dict[str, str]:
    """What each named gene can be reached with: "small molecule: Approved Drug; antibody: ...", in the file's order.

    Raises
    ------
    InputError
        As `read_target_annotations` does.
    """
    buckets: dict[str, dict[str, list[str]]] = {}
    for row in _rows(path, ("modality", "bucket")):
        modality = row.required("modality").replace("_", " ")
        buckets.setdefault(row.gene, {}).setdefault(modality, []).append(row.required("bucket"))
    return {
        gene: _joined(f"{modality}: {', '.join(dict.fromkeys(names))}" for modality, names in by_modality.items())
        for gene, by_modality in buckets.items()
    }


def read_known_drugs(path: str | Path) -> dict[str, str]:
    """Drugs of each named gene: "atorvastatin (phase 4, inhibitor, hypercholesterolaemia); ...", highest phase first.

    Of the rows of one drug, that with the highest phase speaks, and its other indications are counted.

    Raises
    ------
    InputError
        As `read_target_annotations` does.
    """
    drugs: dict[str, dict[str, list[_Use]]] = {}
    for row in _rows(path, ("drug",)):
        phase = row.number("phase", 0, 4)
        use = _Use(phase, row.cells.get("action"), row.cells.get("indication"))
        drugs.setdefault(row.gene, {}).setdefault(row.required("drug"), []).append(use)
    return {gene: _joined(_describe_drugs(uses)) for gene, uses in drugs.items()}


def read_safety_constraint(path: str | Path) -> dict[str, str]:
    """Intolerance of loss of function of each named gene: "pLI 0.98, LOEUF 0.21: intolerant of loss of function".

    Intolerant: pLI >= 0.9 or LOEUF < 0.35 (Karczewski et al. 2020). A gene that comes in several rows, as with several
    transcripts, has all of them.

    Raises
    ------
    InputError
        As `read_target_annotations` does, and if there is neither a column pLI nor LOEUF.
    """
    entries: dict[str, list[str]] = {}
    for row in _rows(path, (), one_of=("pLI", *_LOEUF_NAMES)):
        text = _describe_constraint(row)
        entries.setdefault(row.gene, []).append(text)
    return {gene: _joined(sorted(set(texts) - {""})) for gene, texts in entries.items()}


_TABLES: Mapping[str, Callable[[str], dict[str, str]]] = {
    "tractability": read_tractability,
    "known_drugs": read_known_drugs,
    "safety_constraint": read_safety_constraint,
}


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a drug."""

    phase: float | None
    action: str | None
    indication: str | None

    @property
    def rank(self) -> float:
        """Smaller for a higher phase; unknown phases last."""
        return 1.0 if self.phase is None else -self.phase

    @property
    def order(self) -> tuple[float, bool, str, bool, str]:
        """By phase, then by name; what is not named comes last."""
        named = (self.action is None, str(self.action), self.indication is None, str(self.indication))
        return (self.rank, *named)


def _describe_drugs(uses_by_drug: Mapping[str, Sequence[_Use]]) -> list[str]:
    best = {drug: min(uses, key=lambda use: use.order) for drug, uses in uses_by_drug.items()}
    ordered = sorted(best, key=lambda drug: (best[drug].rank, drug))
    return [_describe_drug(drug, best[drug], uses_by_drug[drug]) for drug in ordered]


def _describe_drug(drug: str, best: _Use, uses: Sequence[_Use]) -> str:
    others = len({use.indication for use in uses if use.indication is not None} - {best.indication})
    phase = None if best.phase is None else f"phase {best.phase:g}"
    more = f"{others} more indication{'s' if others > 1 else ''}" if others else None
    facts = [fact for fact in (phase, best.action, best.indication, more) if fact is not None]
    return f"{drug} ({', '.join(facts)})" if facts else drug


def _describe_constraint(row: AnnotationRow) -> str:
    """The row as text; empty when it says nothing."""
    pli = row.number("pLI", 0, 1)
    loeuf = next((value for name in _LOEUF_NAMES if (value := row.number(name, 0, 10)) is not None), None)
    note = row.cells.get("note")
    suffix = "" if note is None else f" ({note})"
    figures = [f"{name} {value:.2f}" for name, value in (("pLI", pli), ("LOEUF", loeuf)) if value is not None]
    if not figures:
        return "" if note is None else note
    intolerant = (pli is not None and pli >= _INTOLERANT_PLI) or (loeuf is not None and loeuf < _INTOLERANT_LOEUF)
    verdict = "intolerant of loss of function" if intolerant else "not shown to be intolerant of loss of function"
    return f"{', '.join(figures)}: {verdict}{suffix}"


def _joined(entries: Iterable[str]) -> str:
    """The first entries, and how many there are besides."""
    listed = list(entries)
    more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return "; ".join(listed[:_SHOWN]) + more


def _rows(path: str | Path, required: Sequence[str], *, one_of: Sequence[str] = ()) -> Iterator[AnnotationRow]:
    """Rows of a table, the header checked; comments (`##`) and empty lines are skipped."""
    lines = ((number, line) for number, line in numbered_lines(path, where=str(path)) if line.strip())
    lines = ((number, line) for number, line in lines if not line.startswith("##"))
    first, header = next(lines, (1, ""))
    names = [name.strip() for name in header.removeprefix("#").split("\t")]
    _check_header(names, ("gene", *required), one_of, where=f"{path}, line {first}")
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(names):
            problem = f"the line has {len(cells)} columns, the header {len(names)}"
            remedy = "Separate the cells by tabs, as many as in the header."
            raise InputError(problem, where=f"{path}, line {number}", remedy=remedy)
        values = {name: None if cell in _MISSING else cell for name, cell in zip(names, cells, strict=True)}
        yield AnnotationRow(str(path), number, values)


def _check_header(names: Sequence[str], required: Sequence[str], one_of: Sequence[str], *, where: str) -> None:
    absent = [name for name in required if name not in names]
    if absent or (one_of and not set(one_of) & set(names)):
        wanted = ", ".join(required) + (f" and at least one of {', '.join(one_of)}" if one_of else "")
        problem = f"column {', '.join(absent) or ' or '.join(one_of)} is absent"
        raise InputError(problem, where=where, remedy=f"The header must name {wanted}, separated by tabs.")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        problem = f"column {repeated[0]} comes twice"
        raise InputError(problem, where=where, remedy="Keep one of them, or rename the others.")


def _ids_by_name(genes: pd.DataFrame) -> dict[str, str | None]:
    """Gene id of each id and symbol; None for a symbol that several genes bear."""
    ids: dict[str, str | None] = {}
    for gene_id, symbol in zip(genes["gene_id"], genes["gene_symbol"], strict=True):
        ids[symbol] = None if symbol in ids else gene_id
    return ids | {gene_id: gene_id for gene_id in genes["gene_id"]}


def _match(texts: Mapping[str, str], ids: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, int]]:
    """Texts by gene id, and the number of names that have none, by reason.

    Where one gene is named by its id and by its symbol, the texts of both are joined.
    """
    found: dict[str, list[str]] = {}
    dropped: Counter[str] = Counter()
    for name in sorted(texts):
        gene_id = ids.get(name)
        if name not in ids:
            dropped[NOT_LISTED] += 1
        elif gene_id is None:
            dropped[AMBIGUOUS] += 1
        elif not texts[name]:
            dropped[NOTHING_SAID] += 1
        else:
            found.setdefault(gene_id, []).append(texts[name])
    return {gene_id: "; ".join(dict.fromkeys(parts)) for gene_id, parts in found.items()}, dict(dropped)


def _log_match(name: str, path: str, found: Mapping[str, str], dropped: Mapping[str, int]) -> None:
    counts = "; ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()))
    _LOG.info("%s (%s): says something of %d genes; left out: %s", name, path, len(found), counts or "none")
