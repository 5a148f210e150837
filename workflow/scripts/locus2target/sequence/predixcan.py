"""PrediXcan: predicted expression as a weighted sum of allele counts (Gamazon et al. 2015, Nat Genet 47:1091).

The score of a variant for a gene in a tissue is its weight per ALT allele. Weights come from SQLite files as PredictDB
publishes them, one per tissue: table `weights` (gene, rsid, varID, ref_allele, eff_allele, weight; the weight counts
`eff_allele`, whatever the genome has), table `extra` (gene, pred.perf.R2). Variants are matched by `varID`
(`chr1_12345_A_C_b38`); older files have rsIDs only, which the variants of a run do not.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.core.tables import Record, records
from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, Track, VariantScores
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.score_table import NOT_IN_TABLE
from locus2target.sequence.tracks import plain_tracks, select_tracks
from locus2target.sequence.weights import checksum
from locus2target.sequence.windows import OK, WindowSpec

ALLELE_MISMATCH = "allele_mismatch"

_VARIANT_ID = re.compile(r"^(?P<chr>(chr)?)[^_]+_\d+_[ACGT]+_[ACGT]+(?P<build>(_(b37|b38|hg19|hg38))?)$")
_BUILDS = {"_b37": "GRCh37", "_hg19": "GRCh37", "_b38": "GRCh38", "_hg38": "GRCh38"}
_SCORE = Score(
    name="predixcan_weight",
    largest="largest_predixcan_weight",
    mask="",
    formula="weight per ALT allele on the predicted expression of the gene, as trained; v1",
    silent_reason="every variant of a model has a weight",
)


@dataclass(frozen=True, slots=True)
class Tissue:
    """One file of weights.

    Attributes
    ----------
    path
        The file.
    column
        Column of `weights` that holds the variants.
    prefix, suffix
        What stands before and behind `chromosome_position_ref_alt` there.
    """

    path: Path
    column: str
    prefix: str
    suffix: str

    @property
    def genome_build(self) -> str | None:
        """GRCh37 or GRCh38; None when the file does not say."""
        return _BUILDS.get(self.suffix)


@dataclass(frozen=True, slots=True)
class PrediXcanModel:
    """Weights of all tissues as `VariantModel`.

    Attributes
    ----------
    spec
        Tracks are tissues; the window is the variant's first base, because no sequence is read.
    tissues
        In the order of the tracks.
    """

    spec: ModelSpec
    tissues: tuple[Tissue, ...]

    @property
    def scores(self) -> tuple[Score, ...]:
        """The weight."""
        return (_SCORE,)

    @property
    def settings_key(self) -> str:
        """The tissues that are read."""
        return ";".join(track.name for track in self.spec.tracks)

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:  # noqa: ARG002  # no sequence is read
        """Look variants up, as `VariantModel.score` says."""
        found = pd.concat([_lookup(tissue, t, variants) for t, tissue in enumerate(self.tissues)], ignore_index=True)
        usable = found[found["sign"] != 0]
        rows, first = set(usable["row"]), {record["row"]: record for record in records(found)[::-1]}
        verdicts = [_verdict(v in rows, first.get(v)) for v in range(len(variants))]
        status, reason = [verdict[0] for verdict in verdicts], [verdict[1] for verdict in verdicts]
        return VariantScores(status, reason, _effects(usable), np.zeros(len(variants), np.int64))


def load_predixcan(row: ModelRow) -> PrediXcanModel:
    """Open the files of weights.

    Parameters
    ----------
    row
        `weights` names `.db` files, or folders of them; each file is a tissue, named as the file.

    Raises
    ------
    InputError
        If a file is not of this format, has no variant that can be matched without rsIDs, or builds differ.
    """
    paths = [file for path in row.weights for file in (sorted(path.glob("*.db")) if path.is_dir() else [path])]
    if not paths:
        raise InputError("there are no .db files", where=str(row.weights[0]), remedy="Put PredictDB's files there.")
    names = [path.stem for path in paths]
    table = plain_tracks(len(names))
    table.frame["identifier"] = names
    chosen = select_tracks(table, row.tracks)
    tissues = tuple(_open_tissue(paths[t]) for t in chosen)
    builds = {tissue.genome_build: tissue.path for tissue in tissues}
    if len(builds) > 1:
        raise InputError(
            f"the files are on different builds: {', '.join(f'{path.name} on {b}' for b, path in builds.items())}",
            where=f"models sheet, model {row.model}",
            remedy="Use files of one release.",
        )
    spec = ModelSpec(
        model=row.model,
        kind="gene_linear",
        window=WindowSpec(1, 0, 0),
        bin_size=None,
        tracks=tuple(Track(names[t], names[t]) for t in chosen),
        licence="of the weights' source (predictdb.org)",
        citation="Gamazon et al. 2015",
        weights_sha256=checksum(tissue.path for tissue in tissues),
        genome_build=tissues[0].genome_build,
    )
    return PrediXcanModel(spec, tissues)


def _open_tissue(path: Path) -> Tissue:
    """Find the column with variants and how it writes them."""
    if not path.is_file():
        raise InputError("there is no such file", where=str(path), remedy="Check the path in the models sheet.")
    columns = {row[1] for row in _query(path, "PRAGMA table_info(weights)")}
    missing = sorted({"gene", "rsid", "weight", "ref_allele", "eff_allele"} - columns)
    if missing:
        raise InputError(
            f"table weights has no column {missing[0]}", where=str(path), remedy="Use a PredictDB file of weights."
        )
    for column in ("varID", "rsid"):
        if column in columns:
            first = _query(path, f"SELECT {column} FROM weights WHERE {column} LIKE '%\\_%\\_%' ESCAPE '\\' LIMIT 1")  # noqa: S608  # of two names
            match = _VARIANT_ID.match(str(first[0][0])) if first else None
            if match is not None:
                return Tissue(path, column, match["chr"], match["build"])
    raise InputError(
        "the file names its variants by rsID only, and the variants of a run are matched by position and alleles",
        where=str(path),
        remedy="Use weights with varID (PredictDB's GTEx v7 or v8 models), or add that column "
        "(chr1_12345_A_C_b38, on the run's build).",
    )


def _lookup(tissue: Tissue, track: int, variants: pd.DataFrame) -> pd.DataFrame:
    """Weights of the variants in one tissue, and their value per ALT allele; sign 0 where the alleles do not fit."""
    wanted = pd.DataFrame(_variant_ids(tissue, variants), columns=["row", "id"])
    query = (
        f"SELECT {tissue.column}, gene, weight, ref_allele, eff_allele FROM weights "  # noqa: S608  # of two names
        f"WHERE {tissue.column} IN (SELECT value FROM json_each(?))"
    )
    rows = _query(tissue.path, query, (json.dumps(wanted["id"].tolist()),))
    found = wanted.merge(pd.DataFrame(rows, columns=["id", "gene", "weight", "other", "effect"]), on="id")
    alleles = variants[["ref", "alt"]].iloc[found["row"].to_numpy()].reset_index(drop=True)
    straight = (found["effect"] == alleles["alt"]) & (found["other"] == alleles["ref"])
    turned = (found["effect"] == alleles["ref"]) & (found["other"] == alleles["alt"])
    sign = np.where(straight, 1.0, np.where(turned, -1.0, 0.0))
    accuracy = dict(_accuracies(tissue)) if len(found) else {}
    return found.assign(
        track=track,
        sign=sign,
        value=sign * found["weight"].astype(np.float64),
        r2=found["gene"].map(accuracy).astype(np.float64),
    )


def _variant_ids(tissue: Tissue, variants: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Row and text of each variant, with the alleles in either order."""
    columns = (variants[name] for name in ("chromosome", "position", "ref", "alt"))
    for row, (chromosome, position, ref, alt) in enumerate(zip(*columns, strict=True)):
        for first, second in ((ref, alt), (alt, ref)):
            yield row, f"{tissue.prefix}{chromosome}_{position}_{first}_{second}{tissue.suffix}"


def _accuracies(tissue: Tissue) -> Iterator[tuple[str, float]]:
    """Cross-validated R2 of the genes' models, where the file has it."""
    columns = {row[1] for row in _query(tissue.path, "PRAGMA table_info(extra)")}
    if {"gene", "pred.perf.R2"} <= columns:
        for gene, r2 in _query(tissue.path, 'SELECT gene, "pred.perf.R2" FROM extra'):
            if isinstance(r2, int | float):
                yield gene, float(r2)


def _query(path: Path, text: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of a query on a file that is opened for reading only."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(text, parameters).fetchall()
    except sqlite3.Error as error:
        raise InputError(
            f"the file cannot be read as SQLite ({error})", where=str(path), remedy="Use a PredictDB file of weights."
        ) from error


def _effects(found: pd.DataFrame) -> Effects:
    n = len(found)
    details = ["" if np.isnan(r2) else f"R2 of the gene's model {r2:.3g}" for r2 in found["r2"]]
    effects = Effects(
        variants=found["row"].to_numpy(np.int64),
        scores=np.zeros(n, np.int64),
        tracks=found["track"].to_numpy(np.int64),
        values=found["value"].to_numpy(np.float32),
        genes=np.array([str(gene).split(".", maxsplit=1)[0] for gene in found["gene"]], np.object_),
        coverage=np.full(n, np.nan, np.float32),
        details=np.array(details, np.object_),
    )
    return Effects.concatenate([effects])


def _verdict(usable: bool, found: Record | None) -> tuple[str, str]:
    if usable:
        return OK, ""
    if found is None:
        return NOT_IN_TABLE, "no gene's model has a weight for this variant"
    return ALLELE_MISMATCH, (
        f"the files weigh {found['id']} by alleles {found['other']} and {found['effect']}, which are not the variant's"
    )
