"""Evidence weights: log likelihood ratios from a commented table, and how uncertain evidence is weighed."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from locus2target.core.errors import InputError

COLUMNS = ("source", "level", "log_odds", "source_figure", "citation", "note")
LEVELS: Mapping[str, tuple[str, ...]] = {
    "prior": ("none",),
    "distance": ("rank_1", "rank_2", "rank_3+", "tss_below_10kb", "tss_10_to_250kb", "tss_above_250kb"),
    "colocalization_eqtl": ("shared", "not_shared"),
    "colocalization_sqtl": ("shared", "not_shared"),
    "colocalization_pqtl": ("shared", "not_shared"),
    "colocalization_caqtl": ("shared", "not_shared"),
    "qtl_lead_overlap": ("overlap",),
    "coding_consequence": ("high", "moderate"),
    "enhancer_gene_link": ("link",),
    "open_chromatin": ("near_tss",),
    "motif_change": ("near_tss",),
}
SOURCES = tuple(source for source in LEVELS if source != "prior")
_LARGEST = 20.0  # a likelihood ratio of 5e8: beyond it a number is a slip, not evidence


@dataclass(frozen=True, slots=True)
class Weights:
    """Natural-log likelihood ratios by source and level."""

    values: Mapping[tuple[str, str], float]

    def log_odds(self, source: str, level: str) -> float:
        """Log likelihood ratio of one level of a source."""
        return self.values[source, level]


def mixed_log_odds(if_true: float, if_false: float, probability: float) -> float:
    """Log likelihood ratio of evidence that holds with a probability: the law of total probability.

    >>> round(mixed_log_odds(math.log(9), 0.0, 0.5), 3) == round(math.log(5), 3)
    True
    """
    return math.log(probability * math.exp(if_true) + (1 - probability) * math.exp(if_false))


def read_weights(path: str | Path) -> Weights:
    """Read a table of evidence weights; lines that start with `#` are comments.

    Raises
    ------
    InputError
        If the header is another, a source or level is unknown, given twice or absent, or a number is none.
    """
    values: dict[tuple[str, str], float] = {}
    for line, row in _rows(Path(path)):
        where = f"{path}, line {line}"
        key = _key(row, where=where)
        if key in values:
            raise InputError(f"{key[0]} {key[1]} is given twice", where=where, remedy="Keep one of the rows.")
        values[key] = _number(row["log_odds"], where=where)
    _require_all(values, path=path)
    return Weights(values)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each data row."""
    header_seen = False
    with path.open(newline="", encoding="utf-8") as handle:
        for line, text in enumerate(handle, start=1):
            if text.startswith("#") or not text.strip():
                continue
            cells = next(csv.reader([text.rstrip("\r\n")], delimiter="\t", quoting=csv.QUOTE_NONE))
            if not header_seen:
                _check_header(cells, where=f"{path}, line {line}")
                header_seen = True
                continue
            if len(cells) != len(COLUMNS):
                raise InputError(
                    f"{len(cells)} cells instead of {len(COLUMNS)}",
                    where=f"{path}, line {line}",
                    remedy="Separate cells by single tabs; empty cells keep their tab.",
                )
            yield line, dict(zip(COLUMNS, cells, strict=True))


def _check_header(cells: list[str], *, where: str) -> None:
    if tuple(cells) != COLUMNS:
        raise InputError(
            f"the header is {cells}", where=where, remedy=f"Write the columns {', '.join(COLUMNS)}, tab-separated."
        )


def _key(row: Mapping[str, str], *, where: str) -> tuple[str, str]:
    source, level = row["source"], row["level"]
    if source not in LEVELS:
        raise InputError(f"source {source!r} is unknown", where=where, remedy=f"Use one of {', '.join(LEVELS)}.")
    if level not in LEVELS[source]:
        raise InputError(
            f"level {level!r} of {source} is unknown", where=where, remedy=f"Use one of {', '.join(LEVELS[source])}."
        )
    return source, level


def _number(text: str, *, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _LARGEST:
        raise InputError(
            f"log_odds {text!r} is not a number between -{_LARGEST:g} and {_LARGEST:g}",
            where=where,
            remedy="Write a natural-log likelihood ratio, for example 2.3.",
        )
    return value


def _require_all(values: Mapping[tuple[str, str], float], *, path: str | Path) -> None:
    absent = [
        f"{source} {level}" for source, levels in LEVELS.items() for level in levels if (source, level) not in values
    ]
    if absent:
        raise InputError(
            f"no row for {', '.join(absent)}",
            where=str(path),
            remedy="Add the rows; log_odds 0 switches a kind of evidence off.",
        )
