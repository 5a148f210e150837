"""What each locus of a run brings to its pack: tables parted by locus, QTL associations and annotation read beside."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from locus2target.core import schemas
from locus2target.core.intervals import Region
from locus2target.core.progress import tracked
from locus2target.core.tables import Record, read_table, records
from locus2target.report.formats import plural
from locus2target.report.heat_maps import HeatMap, heat_maps
from locus2target.report.json_rows import plain_rows
from locus2target.report.locus_intervals import annotation_intervals, locus_intervals
from locus2target.report.locus_pack import NAMED_PIP, LocusInputs, QtlAssociation, encode, pack_locus
from locus2target.report.locus_words import MAX_PAIRS, colocalization_note
from locus2target.report.named_variants import effects_of_named
from locus2target.report.run_tables import RunTables
from locus2target.targets.candidates import NONE

MIN_POSTERIOR_H4 = 0.01
MAX_QTL_GENES = 12

_TEST_COLUMNS = ["gene_id", "phenotype_id", "qtl", "qtl_type", "tissue", "primary", "posterior_h4"]
_SIGNAL = (
    *("signal", "method", "primary", "lead_variant", "log_bayes_factor", "n_credible", "coverage", "purity"),
    *("status", "reason"),
)
_PAIR = (
    *("gene_id", "qtl", "qtl_type", "tissue", "phenotype_id", "signal", "qtl_signal", "primary", "method", "n_shared"),
    *(f"posterior_h{number}" for number in range(5)),
    *("p12_low", "p12_high", "direction", "clpp", "shared_variant", "flag"),
)
_STATEMENT = ("source", "status", "detail")
_QTL_COLUMNS = ("variant", "gene_id", "phenotype_id", "tissue", "neg_log10_p")


@dataclass(frozen=True, slots=True)
class BesideTables:
    """What packs show and `RunTables` does not hold.

    Attributes
    ----------
    qtl_paths
        Harmonised table by QTL set.
    open_chromatin, links
        As targets/bed.py reads them; None where the config names no file.
    """

    qtl_paths: Mapping[str, str | Path]
    open_chromatin: pd.DataFrame | None = None
    links: pd.DataFrame | None = None


def pack_loci(tables: RunTables, beside: BesideTables) -> dict[str, str]:
    """Encoded pack by locus, for those with statistics of variants, in the order of the run."""
    packs = {str(each.locus["locus"]): encode(pack_locus(each)) for each in locus_inputs(tables, beside)}
    return {name: packs[name] for name in tables.loci["locus"] if name in packs}


class _Parted:
    """Rows of a table by one of its columns."""

    def __init__(self, frame: pd.DataFrame, column: str = "locus") -> None:
        self._parts = {str(name): rows for name, rows in frame.groupby(column, sort=False)}
        self._none = frame.iloc[:0]

    def of(self, name: str) -> pd.DataFrame:
        """Rows with this value; none where there are none."""
        return self._parts.get(name, self._none)

    def of_all(self, names: Iterable[str]) -> pd.DataFrame:
        """Rows with any of these values, in their order."""
        return pd.concat([self._none, *(self.of(name) for name in names)])


@dataclass(frozen=True, slots=True)
class _PartedRun:
    """The tables of a run by locus, so that no locus searches them as a whole."""

    candidates: _Parted
    pairs: _Parted
    effects: _Parted
    not_mutated: _Parted
    genes: _Parted
    exons: _Parted
    maps: Mapping[str, Sequence[HeatMap]]
    shown: Mapping[str, Mapping[str, Sequence[Record]]]
    intervals: Mapping[str, pd.DataFrame]
    qtl_paths: Mapping[str, str | Path]


def locus_inputs(tables: RunTables, beside: BesideTables) -> Iterator[LocusInputs]:
    """Inputs of every pack, one locus at a time, in the order of the files of credible sets."""
    effects = effects_of_named(tables)
    parted = _PartedRun(
        candidates=_Parted(tables.locus_genes),
        pairs=_Parted(tables.colocalization),
        effects=_Parted(effects),
        not_mutated=_Parted(tables.mutagenesis[tables.mutagenesis["alt"].isna()]),
        genes=_Parted(tables.genes, "chromosome"),
        exons=_Parted(tables.exons, "gene_id"),
        maps=heat_maps(tables.mutagenesis, tables.attribution, tables.motif_hits, effects),
        shown=_shown_tables(tables),
        intervals=annotation_intervals(beside.open_chromatin, beside.links, tables.gene_symbols),
        qtl_paths=beside.qtl_paths,
    )
    rows = {row["locus"]: row for row in records(tables.loci)}
    for path in tracked(tables.credible_sets.paths, unit="batches", label="packing"):
        batch = read_table(path, tables.credible_sets.schema)
        for name, variants in batch.groupby("locus", sort=False):
            yield _inputs_of(rows[str(name)], variants, parted)


def _inputs_of(locus: Record, variants: pd.DataFrame, run: _PartedRun) -> LocusInputs:
    name = str(locus["locus"])
    candidates, pairs = run.candidates.of(name), run.pairs.of(name)
    effects = run.effects.of(name)
    genes, hidden = _genes_of(locus, run.genes.of(str(locus["chromosome"])), candidates)
    inside = locus_intervals(locus, run.intervals)
    return LocusInputs(
        locus=locus,
        variants=variants,
        genes=genes,
        exons=run.exons.of_all(genes["gene_id"]),
        intervals=inside.rows,
        qtl=read_locus_qtl(run.qtl_paths, pairs[pairs["gene_id"].isin(candidates["gene_id"])], locus),
        effects=effects,
        mutagenesis=run.maps.get(name, ()),
        tables={table: rows.get(name, []) for table, rows in run.shown.items()},
        colocalization_note=colocalization_note(pairs),
        notes=tuple(filter(None, [hidden, inside.note, *_not_scored(effects, run.not_mutated.of(name))])),
    )


def _shown_tables(tables: RunTables) -> dict[str, dict[str, list[Record]]]:
    """Rows that the page of a locus shows as they are, by name in the pack and locus."""
    tested = tables.colocalization[tables.colocalization["posterior_h4"].notna()]
    pairs = tested.sort_values(["primary", "posterior_h4"], ascending=False, kind="stable")
    pairs = pairs.groupby("locus", sort=False).head(MAX_PAIRS)
    symbols = pairs["gene_id"].map(tables.gene_symbols)
    pairs = pairs.assign(gene_symbol=symbols.where(symbols.notna(), pairs["gene_id"]))
    statements = tables.evidence[tables.evidence["gene_id"] == NONE]
    return {
        "signals": _rows_by_locus(tables.signals.sort_values("signal", kind="stable"), _SIGNAL),
        "colocalization": _rows_by_locus(pairs, ("gene_symbol", *_PAIR)),
        "statements": _rows_by_locus(statements, _STATEMENT),
    }


def _rows_by_locus(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, list[Record]]:
    rows: dict[str, list[Record]] = {}
    for locus, row in zip(frame["locus"], plain_rows(frame[list(names)]), strict=True):
        rows.setdefault(locus, []).append(row)
    return rows


def _genes_of(locus: Record, genes: pd.DataFrame, candidates: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Candidate and protein-coding genes that overlap the locus, and a sentence about the others."""
    nearby = genes[(genes["start"] < locus["end"]) & (genes["end"] > locus["start"])]
    shown = nearby["gene_id"].isin(candidates["gene_id"]) | (nearby["gene_type"] == "protein_coding")
    n_hidden = int((~shown).sum())
    one, several = "codes for a protein nor is a candidate", "code for a protein nor are candidates"
    words = plural(n_hidden, f"gene that neither {one}", f"genes that neither {several}")
    note = f"Not drawn: {words}." if n_hidden else ""
    return nearby[shown], note


def _not_scored(effects: pd.DataFrame, not_mutated: pd.DataFrame) -> list[str]:
    """Sentences on variants without a score, and on windows without a map, with the reasons of the tables."""
    notes = []
    without = effects[effects["value"].isna()]
    absent = without[~without["variant"].isin(effects.loc[effects["value"].notna(), "variant"])]
    for reason, rows in absent.groupby("reason", sort=False):
        n_variants = plural(rows["variant"].nunique(), "variant")
        notes.append(f"No predicted effect for {n_variants} with a PIP of {NAMED_PIP} or more: {reason}.")
    return notes + [
        f"No mutagenesis around {row['variant']} by {row['model']}: {row['reason']}."
        for row in records(not_mutated[["variant", "model", "reason"]])
    ]


def best_tests(pairs: pd.DataFrame) -> pd.DataFrame:
    """The test with the highest H4 of each gene, highest first, for genes with any chance of sharing a variant.

    At most `MAX_QTL_GENES`, each with a posterior of `MIN_POSTERIOR_H4` or more.
    """
    likely = pairs[pairs["posterior_h4"] >= MIN_POSTERIOR_H4]
    ordered = likely.sort_values(["posterior_h4", "primary", "gene_id"], ascending=[False, False, True], kind="stable")
    return ordered.drop_duplicates("gene_id").head(MAX_QTL_GENES)


def read_locus_qtl(paths: Mapping[str, str | Path], pairs: pd.DataFrame, locus: Record) -> tuple[QtlAssociation, ...]:
    """Read the association of the best test of each gene, and nothing of the other molecular traits.

    Parameters
    ----------
    paths
        Harmonised table by QTL set.
    pairs
        Rows of COLOCALIZATION: those of the locus' candidate genes.
    locus
        Row of LOCI.
    """
    picked = best_tests(pairs[_TEST_COLUMNS])
    region = Region(str(locus["chromosome"]), int(locus["start"]), int(locus["end"]))
    tables = {
        str(qtl): read_table(
            paths[str(qtl)],
            schemas.QTL,
            columns=_QTL_COLUMNS,
            region=region,
            only={"gene_id": tests["gene_id"].unique()},
        )
        for qtl, tests in picked.groupby("qtl", sort=False)
    }
    return tuple(_association(test, tables[test["qtl"]]) for test in records(picked))


def _association(test: Record, qtl: pd.DataFrame) -> QtlAssociation:
    """Rows of the tested molecular trait; of a variant that is listed twice, the strongest."""
    own = qtl
    for name in ("gene_id", "phenotype_id", "tissue"):
        own = own[own[name] == test[name]]
    own = own.sort_values("neg_log10_p", ascending=False, kind="stable")
    return QtlAssociation(
        gene_id=test["gene_id"],
        phenotype_id=test["phenotype_id"],
        qtl=test["qtl"],
        tissue=test["tissue"],
        qtl_type=test["qtl_type"],
        posterior_h4=test["posterior_h4"],
        associations=own.drop_duplicates("variant"),
    )
