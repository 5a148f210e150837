"""Evidence from constraint: genes that tolerate little loss of function, by gnomAD's pLI or LOEUF.

Constraint is a gene's own property, the same at every locus. It tells candidates apart and says nothing for or against
`none`, so its weights are centred within the locus.
"""

import math
from pathlib import Path

import pandas as pd

from locus2target.core.errors import InputError, shortened
from locus2target.ingest.annotation import stable_gene_ids
from locus2target.ingest.files import read_cells
from locus2target.targets.evidence_distance import centered
from locus2target.targets.evidence_rows import LocusData, Row
from locus2target.targets.weights import Weights

_SOURCE = "gene_constraint"
_CONFIG_KEY = "annotations.gene_constraint"
_PLI_COLUMNS = ("pLI", "lof.pLI")
_LOEUF_COLUMNS = ("LOEUF", "oe_lof_upper", "lof.oe_ci.upper")
_PREFERRED = ("mane_select", "canonical")  # flags of transcripts, the first the better
_INTOLERANT_PLI = 0.9  # Lek et al. 2016
_INTOLERANT_LOEUF = 0.35  # Karczewski et al. 2020, for gnomAD v2.1.1
_MISSING = frozenset({"", "NA", "NaN", "nan", "null", "."})


def read_gene_constraint(path: str | Path) -> pd.DataFrame:
    """Read a TSV of gene constraint, plain or gzipped, such as gnomAD's tables by gene or by transcript.

    A gene with several rows has that of its MANE Select, else of its canonical transcript (columns `mane_select` and
    `canonical`); among equals the lowest LOEUF, then the highest pLI, counts.

    Parameters
    ----------
    path
        Header with `gene` (symbol or Ensembl id), and `pLI` (or `lof.pLI`), `LOEUF` (or `oe_lof_upper`,
        `lof.oe_ci.upper`) or both. A column `gene_id` adds a second name for each gene.

    Returns
    -------
    Columns gene (symbol or Ensembl id without version; each once), pli (0..1) and loeuf (ratio, at least 0), NaN where
    not given. Genes without either number are left out.

    Raises
    ------
    InputError
        If a column is absent, or a number is none or out of range.
    """
    table = read_cells(path, where=_CONFIG_KEY, header=True)
    names = [name for name in ("gene", "gene_id") if name in table.columns]
    pli = _numbers(table, _PLI_COLUMNS, upper=1.0, path=path)
    loeuf = _numbers(table, _LOEUF_COLUMNS, upper=float("inf"), path=path)
    if "gene" not in names or (pli is None and loeuf is None):
        raise InputError(
            f"the header is {', '.join(table.columns)}",
            where=str(path),
            remedy="It must name gene, and pLI or LOEUF (or oe_lof_upper).",
        )
    absent = pd.Series(float("nan"), index=table.index)
    known = pd.DataFrame({"pli": absent if pli is None else pli, "loeuf": absent if loeuf is None else loeuf})
    flags = [name for name in _PREFERRED if name in table.columns]
    known[flags] = table[flags].apply(lambda column: column.str.lower() == "true")
    known = known[known[["pli", "loeuf"]].notna().any(axis=1)]
    named = pd.concat([known.assign(gene=stable_gene_ids(table.loc[known.index, name])) for name in names])
    ranked = named[~named["gene"].isin(_MISSING)].sort_values(
        ["gene", *flags, "loeuf", "pli"], ascending=[True, *[False] * len(flags), True, False]
    )
    return ranked.drop_duplicates("gene")[["gene", "pli", "loeuf"]].reset_index(drop=True)


def _numbers(
    table: pd.DataFrame, names: tuple[str, ...], *, upper: float, path: str | Path
) -> "pd.Series[float] | None":
    """Numbers of the first of some columns that is there; None without any."""
    name = next((name for name in names if name in table.columns), None)
    if name is None:
        return None
    given = ~table[name].isin(_MISSING)
    numbers = pd.to_numeric(table[name].where(given), errors="coerce").astype("float64")
    bad = given & ~numbers.between(0.0, upper)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise InputError(
            f"{name} {shortened(table[name].iloc[row])} is not a number from 0 to {upper:g}",
            where=f"{path}, line {table.index[row]}",
            remedy="Leave the cell empty where the number is not known.",
        )
    return numbers


def constraint_evidence(data: LocusData, constraint: pd.DataFrame | None, weights: Weights) -> list[Row]:
    """Give one row per candidate: intolerant of loss of function or not, against the locus' other candidates.

    Intolerant is a LOEUF below 0.35 or, for genes without one, a pLI of at least 0.9. Factors are divided by their mean
    over the candidates in the table; those that are not in it count like the mean.

    Parameters
    ----------
    data
        The locus.
    constraint
        As `read_gene_constraint` gives it; None without a file, then one row says so.
    weights
        Level `intolerant` of source `gene_constraint`.
    """
    if constraint is None:
        reason = f"no table of gene constraint ({_CONFIG_KEY})"
        return [data.row(_SOURCE, detail=reason, status="no_annotation", reason=reason)]
    names = {*data.symbols, *data.symbols.values()}
    by_name = constraint[constraint["gene"].isin(names)].set_index("gene").to_dict("index")
    found = {gene_id: by_name.get(gene_id, by_name.get(symbol)) for gene_id, symbol in data.symbols.items()}
    known = {gene_id: numbers for gene_id, numbers in found.items() if numbers is not None}
    is_intolerant = [_is_intolerant(numbers["pli"], numbers["loeuf"]) for numbers in known.values()]
    factors = [weights.log_odds(_SOURCE, "intolerant") if intolerant else 0.0 for intolerant in is_intolerant]
    log_odds = dict(zip(known, centered(factors) if factors else [], strict=True))
    return [
        _unknown_row(data, gene_id)
        if numbers is None
        else _known_row(data, gene_id, numbers["pli"], numbers["loeuf"], float(log_odds[gene_id]))
        for gene_id, numbers in found.items()
    ]


def _is_intolerant(pli: float, loeuf: float) -> bool:
    return pli >= _INTOLERANT_PLI if math.isnan(loeuf) else loeuf < _INTOLERANT_LOEUF


def _known_row(data: LocusData, gene_id: str, pli: float, loeuf: float, log_odds: float) -> Row:
    name, value = ("pLI", pli) if math.isnan(loeuf) else ("LOEUF", loeuf)
    verdict = "intolerant" if _is_intolerant(pli, loeuf) else "not known to be intolerant"
    detail = f"{data.symbols[gene_id]} is {verdict} of loss of function ({name} {value:.2f})"
    return data.row(_SOURCE, gene_id, detail=detail, log_odds=log_odds, value=value, unit=name)


def _unknown_row(data: LocusData, gene_id: str) -> Row:
    reason = "the table of gene constraint has neither the gene's id nor its symbol"
    return data.row(_SOURCE, gene_id, detail=f"{data.symbols[gene_id]}: {reason}", status="not_in_table", reason=reason)
