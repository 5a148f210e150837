"""Evidence weights: log likelihood ratios from a commented table, and how uncertain evidence is weighed."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from locus2target.core.errors import InputError, shortened
from locus2target.ingest.files import numbered_lines

COLUMNS = ("source", "level", "log_odds", "source_figure", "citation", "note")
LEVELS: Mapping[str, tuple[str, ...]] = {
    "prior": ("none",),
    "distance": ("log10_bp", "body_log10_bp"),
    "other_signals": ("log1p_signals", "share_slope"),
    "colocalization_eqtl": ("shared", "not_shared"),
    "colocalization_sqtl": ("shared", "not_shared"),
    "colocalization_pqtl": ("shared", "not_shared"),
    "colocalization_caqtl": ("shared", "not_shared"),
    "qtl_lead_overlap": ("overlap",),
    "cis_mr": ("supported", "contradicted"),
    "coding_consequence": ("high", "moderate", "splice_region"),
    "gene_effect": ("large",),
    "enhancer_gene_link": ("link",),
    "open_chromatin": ("near_tss",),
    "motif_change": ("near_tss",),
    "gene_constraint": ("intolerant",),
    "convergence": ("log1p_z",),
    "group_qtl": ("shrink", "cap"),
    "group_regulatory": ("shrink", "cap"),
}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "group_qtl": (
        *("colocalization_eqtl", "colocalization_sqtl", "colocalization_pqtl", "colocalization_caqtl"),
        *("qtl_lead_overlap", "cis_mr"),
    ),
    "group_regulatory": ("gene_effect", "enhancer_gene_link", "open_chromatin", "motif_change"),
}
"""Sources that rest on the same data or on the same biology, see `combine_sources`."""
SOURCES = tuple(source for source in LEVELS if source != "prior" and source not in GROUPS)
_LARGEST = 20.0  # a likelihood ratio of 5e8: beyond it a number is a slip, not evidence
_GROUP_LIMITS: Mapping[str, tuple[float, float]] = {"shrink": (0.0, 1.0), "cap": (0.0, _LARGEST)}


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


def combine_sources(sums: Mapping[str, float], weights: Weights) -> dict[str, float]:
    """What each source adds to a gene, given the sums of its rows: correlated ones are shrunk together (formula ours).

    Within a group, of the sources that speak for the gene the largest counts in full and every other one `shrink`
    times, since it repeats part of what the first says; and likewise of those that speak against it. Of equal ones the
    first in the order of `SOURCES` is in full. If the sum is then larger than `cap` in size, all are scaled down to it.
    Sources outside the groups stay as they are; sources without log odds are left out.

    >>> half = Weights({("group_qtl", "shrink"): 0.5, ("group_qtl", "cap"): 3.0, ("group_regulatory", "shrink"): 0.5,
    ...                 ("group_regulatory", "cap"): 3.0})
    >>> combine_sources({"distance": 1.0, "cis_mr": 0.5, "colocalization_eqtl": 2.5}, half)
    {'distance': 1.0, 'colocalization_eqtl': 2.5, 'cis_mr': 0.25}
    """
    parts = {source: sums[source] for source in SOURCES if sums.get(source, 0.0) != 0}
    for group, sources in GROUPS.items():
        members = [source for source in SOURCES if source in sources and source in parts]
        if not members:
            continue
        by_sign = ([m for m in members if parts[m] > 0], [m for m in members if parts[m] < 0])
        in_full = {max(same, key=lambda source: abs(parts[source])) for same in by_sign if same}
        shrink, cap = weights.log_odds(group, "shrink"), weights.log_odds(group, "cap")
        shrunk = {source: parts[source] * (1.0 if source in in_full else shrink) for source in members}
        size = abs(math.fsum(shrunk.values()))
        scale = cap / size if size > cap else 1.0
        parts |= {source: scale * value for source, value in shrunk.items()}
    return parts


def read_weights(path: str | Path) -> Weights:
    """Read a table of evidence weights; lines that start with `#` are comments.

    Raises
    ------
    InputError
        If the header is another, a source or level is unknown, given twice or absent, or a number is none or out of
        range: log odds within +-20, `shrink` of a group within 0..1, `cap` within 0..20.
    """
    values: dict[tuple[str, str], float] = {}
    for line, row in _rows(Path(path)):
        where = f"{path}, line {line}"
        key = _key(row, where=where)
        if key in values:
            raise InputError(f"{key[0]} {key[1]} is given twice", where=where, remedy="Keep one of the rows.")
        values[key] = _number(row["log_odds"], level=key[1], where=where)
    _require_all(values, path=path)
    return Weights(values)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each data row."""
    header_seen = False
    for line, text in numbered_lines(path, where="ranking.weights"):
        if text.startswith("#") or not text.strip():
            continue
        cells = text.split("\t")
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
            f"the header is {shortened(cells)}",
            where=where,
            remedy=f"Write the columns {', '.join(COLUMNS)}, tab-separated.",
        )


def _key(row: Mapping[str, str], *, where: str) -> tuple[str, str]:
    source, level = row["source"], row["level"]
    if source not in LEVELS:
        raise InputError(
            f"source {shortened(source)} is unknown", where=where, remedy=f"Use one of {', '.join(LEVELS)}."
        )
    if level not in LEVELS[source]:
        raise InputError(
            f"level {shortened(level)} of {source} is unknown",
            where=where,
            remedy=f"Use one of {', '.join(LEVELS[source])}.",
        )
    return source, level


def _number(text: str, *, level: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    lowest, highest = _GROUP_LIMITS.get(level, (-_LARGEST, _LARGEST))
    if not lowest <= value <= highest:
        what = "the number of the group" if level in _GROUP_LIMITS else "a natural-log likelihood ratio"
        raise InputError(
            f"log_odds {text!r} is not a number between {lowest:g} and {highest:g}",
            where=where,
            remedy=f"Write {what}, for example {highest / 10:g}.",
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
