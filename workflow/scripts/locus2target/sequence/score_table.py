"""Scores that another tool has computed, read from a table: AlphaGenome, or anything else with one row per score.

The table is Parquet (a file, or a folder of files) or tab-separated text (`.tsv`, `.tsv.gz`). Of a Parquet table that
is sorted by chromosome and position only the parts around the variants are read, however large it is; text is read
whole.
Columns, with the names that AlphaGenome's `tidy_scores` gives them in brackets:

chromosome, position (1-based), ref, alt
    The variant; or one column `variant` (`variant_id`), as `chr1:12345:A>C` or `1:12345:A:C`. `chr` may be there or
    not.
track (`track_name`), scorer (`variant_scorer`)
    What was predicted and how the alleles were compared.
value (`raw_score`)
    ALT against REF.
gene_id, quantile (`quantile_score`), track_group (`output_type`), track_strand
    Where there are such.

A variant that the table holds with REF and ALT exchanged is not scored: for a signed score the sign would have to be
turned, for an unsigned or an active-allele score not, and the table does not say which.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.sequence.backends import Effects, ModelSpec, Score, Sources, Track, VariantScores
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.tracks import TrackTable, plain_tracks, select_tracks
from locus2target.sequence.weights import checksum
from locus2target.sequence.windows import OK, WindowSpec

NOT_IN_TABLE = "not_in_table"
ALLELES_EXCHANGED = "alleles_exchanged"
NO_SCORE = "no_score"

_NAMES: Mapping[str, tuple[str, ...]] = {
    "variant": ("variant", "variant_id"),
    "chromosome": ("chromosome", "chrom", "#chrom", "#CHROM", "CHROM"),
    "position": ("position", "pos", "POS"),
    "ref": ("ref", "REF", "reference_bases"),
    "alt": ("alt", "ALT", "alternate_bases"),
    "track": ("track", "track_name"),
    "scorer": ("scorer", "variant_scorer"),
    "value": ("value", "raw_score"),
    "gene_id": ("gene_id",),
    "quantile": ("quantile", "quantile_score"),
    "group": ("track_group", "output_type"),
    "strand": ("track_strand",),
}
_KEY = ["chromosome", "position", "ref", "alt"]
_LABELS = ["scorer", "track", "group", "strand"]
_NUMBERS = {"position": pa.int64(), "value": pa.float64(), "quantile": pa.float64()}
_VARIANT = re.compile(r"^(?P<chromosome>[^:]+):(?P<position>\d+):(?P<ref>[A-Za-z]+)[>:](?P<alt>[A-Za-z]+)$")
_MITOCHONDRION = ("MT", "M", "chrMT", "chrM")


@dataclass(frozen=True, slots=True)
class ScoreTableModel:
    """A table of scores as `VariantModel`.

    Attributes
    ----------
    spec
        What the table holds; the window is the variant's first base, because no sequence is read.
    scores
        One for each scorer in the table.
    table
        Rows, as Arrow dataset.
    columns
        Our names of columns to the table's.
    scorers
        Scorers in the order of `scores`, as the table writes them.
    """

    spec: ModelSpec
    scores: tuple[Score, ...]
    table: pa.dataset.Dataset
    columns: Mapping[str, str]
    scorers: tuple[str, ...]

    @property
    def settings_key(self) -> str:
        """The tracks that are read."""
        return ";".join(track.name for track in self.spec.tracks)

    def score(self, variants: pd.DataFrame, sources: Sources) -> VariantScores:  # noqa: ARG002  # no sequence is read
        """Look variants up, as `VariantModel.score` says."""
        wanted = variants[_KEY].astype({"chromosome": str}).reset_index(drop=True).reset_index(names="row")
        found = self._read(wanted)
        straight = wanted.merge(found, on=_KEY)
        exchanged = wanted.rename(columns={"ref": "alt", "alt": "ref"}).merge(found, on=_KEY)
        effects = self._effects(straight)
        rows, swapped = set(straight["row"]), set(exchanged["row"])
        verdicts = [_verdict(v in rows, v in swapped) for v in range(len(variants))]
        for v in rows - set(effects.variants.tolist()):
            verdicts[v] = (NO_SCORE, "the table has no number for the tracks and scorers that are asked for")
        status, reason = [verdict[0] for verdict in verdicts], [verdict[1] for verdict in verdicts]
        return VariantScores(status, reason, effects, np.zeros(len(variants), np.int64))

    def _read(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """Rows around the variants, under our names, chromosomes and alleles in our spelling."""
        spelled = "variant" in self.columns
        parts = list(self.table.get_fragments()) if spelled else _near(self.table, wanted, self.columns)
        names, chosen = list(self.columns.values()), _is_wanted(wanted, self.columns)
        tables = [part.to_table(schema=self.table.schema, columns=names, filter=chosen) for part in parts]
        table = pa.concat_tables([self.table.schema.empty_table().select(names), *tables])
        found = table.rename_columns(list(self.columns)).to_pandas()
        return _with_labels(_with_keys(found) if spelled else _with_spelling(found))

    def _effects(self, found: pd.DataFrame) -> Effects:
        """Rows of the table that are asked for as effects; of several for one thing, that of largest size."""
        tracks = {track.name: index for index, track in enumerate(self.spec.tracks)}
        kept = found.assign(
            score=found["scorer"].map({name: index for index, name in enumerate(self.scorers)}),
            track_index=found["track"].map(tracks),
            size=found["value"].abs(),
        ).dropna(subset=["score", "track_index", "size"])
        kept = kept[np.isfinite(kept["size"])]
        same = ["row", "score", "track_index", "gene_id"]
        kept = kept.assign(n=kept.groupby(same, dropna=False)["size"].transform("size"))
        best = kept.sort_values("size", ascending=False, kind="stable").drop_duplicates(same)
        n = len(best)
        effects = Effects(
            variants=best["row"].to_numpy(np.int64),
            scores=best["score"].to_numpy(np.int64),
            tracks=best["track_index"].to_numpy(np.int64),
            values=best["value"].to_numpy(np.float32),
            genes=best["gene_id"].astype(object).where(best["gene_id"].notna(), None).to_numpy(),
            coverage=np.full(n, np.nan, np.float32),
            details=np.array([_detail(q, k) for q, k in zip(best["quantile"], best["n"], strict=True)], np.object_),
        )
        return Effects.concatenate([effects])


def load_score_table(row: ModelRow) -> ScoreTableModel:
    """Open a table of scores.

    Parameters
    ----------
    row
        `weights` names the table. `tracks` are regular expressions as for other models; `scorers` are regular
        expressions too, separated by semicolons, because names of scorers may hold commas.

    Raises
    ------
    InputError
        If the table cannot be read, misses a column, or holds no track or scorer that is asked for.
    """
    if len(row.weights) != 1:
        raise InputError(
            f"{len(row.weights)} tables are named", where=f"models sheet, model {row.model}", remedy="Name one."
        )
    path = row.weights[0]
    files = _files(path)
    table = _open(path, files)
    columns = _columns(table.schema.names, path)
    labels = _labels(table, columns)
    tracks = labels[["track", "group"]].drop_duplicates("track").reset_index(drop=True)
    tracks = tracks.iloc[select_tracks(_as_track_table(tracks["track"], tracks["group"]), row.tracks)]
    names = labels["scorer"].drop_duplicates().reset_index(drop=True)
    scorers = tuple(names.iloc[select_tracks(_as_track_table(names, names), row.scorers or "all")])
    spec = ModelSpec(
        model=row.model,
        kind="score_table",
        window=WindowSpec(1, 0, 0),
        bin_size=None,
        tracks=tuple(Track(name, group) for name, group in zip(tracks["track"], tracks["group"], strict=True)),
        licence="of the table's source",
        citation=path.name,
        weights_sha256=checksum(files),
    )
    return ScoreTableModel(spec, tuple(_score(name) for name in scorers), table, columns, scorers)


def _score(name: str) -> Score:
    return Score(
        name=name,
        largest=f"largest_{name}",
        mask="",
        formula=f"{name}, as the table gives it",
        silent_reason="every variant of the table has a score",
    )


def _files(path: Path) -> list[Path]:
    """Files of the table: one, or all Parquet files of a folder."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise InputError(
            "there is no such table", where=str(path), remedy="Name a .parquet, .tsv or .tsv.gz file, or a folder."
        )
    return files


def _open(path: Path, files: Sequence[Path]) -> pa.dataset.Dataset:
    """The table as dataset: Parquet stays on disk, text is read."""
    try:
        if files[0].suffix == ".parquet":
            return pa.dataset.dataset([str(file) for file in files], format="parquet")
        header = pd.read_csv(path, sep="\t", nrows=0).columns.tolist()
        columns = _columns(header, path)
        types = {name: _NUMBERS.get(ours, pa.string()) for ours, name in columns.items()}
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types), strings_can_be_null=True)
        return pa.dataset.dataset(
            pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter="\t"), convert_options=convert)
        )
    except (OSError, ValueError) as error:  # Arrow's own errors are both
        raise InputError(
            f"the table cannot be read ({str(error).splitlines()[0]})",
            where=str(path),
            remedy="Write it as Parquet or as tab-separated text with a header.",
        ) from error


def _columns(names: Iterable[str], path: Path) -> dict[str, str]:
    """Our names of the columns that the table has, to the table's."""
    there = set(names)
    columns = {ours: next((name for name in known if name in there), None) for ours, known in _NAMES.items()}
    found = {ours: name for ours, name in columns.items() if name is not None}
    if set(_KEY) <= set(found):
        found.pop("variant", None)
    else:
        found = {ours: name for ours, name in found.items() if ours not in _KEY}
    required = ["track", "scorer", "value", *([] if set(_KEY) <= set(found) else ["variant"])]
    missing = [ours for ours in required if ours not in found]
    if missing:
        also = " (or chromosome, position, ref and alt)" if "variant" in missing else ""
        raise InputError(
            f"there is no column {missing[0]}{also}; there are {', '.join(sorted(there))}",
            where=str(path),
            remedy="sequence/score_table.py says which columns a table of scores has.",
        )
    return found


def _labels(table: pa.dataset.Dataset, columns: Mapping[str, str]) -> pd.DataFrame:
    """Distinct scorers and tracks, by name; only their columns are read, batch by batch."""
    ours = [name for name in _LABELS if name in columns]
    distinct: set[tuple[Any, ...]] = set()
    for batch in table.to_batches(columns=[columns[name] for name in ours]):
        arrow = pa.Table.from_batches([batch]).rename_columns(ours)
        distinct.update(tuple(row.values()) for row in arrow.group_by(ours).aggregate([]).to_pylist())
    return _with_labels(pd.DataFrame(sorted(distinct, key=str), columns=ours, dtype=object))


def _with_labels(found: pd.DataFrame) -> pd.DataFrame:
    """Every column there, tracks told apart by strand, genes without version."""
    missing = [name for name in (*_LABELS, "gene_id", "quantile") if name not in found]
    found = found.assign(**dict.fromkeys(missing, None))
    stranded = found["strand"].isin(["+", "-"])
    track = found["track"].astype(object)
    gene = found["gene_id"].astype(object)
    return found.assign(
        track=track.where(~stranded, track.astype(str) + " " + found["strand"].astype(str)),
        group=found["group"].astype(object).where(found["group"].notna(), track),
        gene_id=gene.where(gene.isna(), gene.astype(str).str.replace(r"\.\d+$", "", regex=True)),
    )


def _as_track_table(names: "pd.Series[str]", groups: "pd.Series[str]") -> TrackTable:
    described = {"identifier": names.astype(str), "description": groups.astype(str)}
    return TrackTable(plain_tracks(len(names)).frame.assign(**described))


def _near(table: pa.dataset.Dataset, wanted: pd.DataFrame, columns: Mapping[str, str]) -> list[pa.dataset.Fragment]:
    """Parts of the table that may hold a wanted position, as the statistics of the row groups say."""
    positions = {
        spelling: np.sort(places.to_numpy(np.int64))
        for chromosome, places in wanted.groupby("chromosome")["position"]
        for spelling in _spellings(str(chromosome))
    }
    parts = []
    for fragment in table.get_fragments():
        if isinstance(fragment, pa.dataset.ParquetFileFragment):
            groups = [group.id for group in fragment.row_groups if _may_hold(group.statistics, positions, columns)]
            parts += [fragment.subset(row_group_ids=groups)] if groups else []
        else:
            parts.append(fragment)
    return parts


def _may_hold(
    statistics: Mapping[str, Mapping[str, Any]] | None,
    positions: Mapping[str, npt.NDArray[np.int64]],
    columns: Mapping[str, str],
) -> bool:
    """Whether a row group with these smallest and largest values may hold one of the positions."""
    known = statistics if statistics is not None else {}
    chromosome, position = (known.get(columns[name]) for name in ("chromosome", "position"))
    if chromosome is None or position is None:
        return True
    for name, places in positions.items():
        if chromosome["min"] <= name <= chromosome["max"]:
            single = chromosome["min"] == chromosome["max"]
            first = np.searchsorted(places, position["min"])
            if not single or (first < len(places) and places[first] <= position["max"]):
                return True
    return False


def _is_wanted(wanted: pd.DataFrame, columns: Mapping[str, str]) -> pc.Expression:
    """Rows that are looked at: at a wanted position, or with a wanted variant in any of its spellings."""
    if "position" in columns:
        return pc.field(columns["position"]).isin(pa.array(wanted["position"].unique(), pa.int64()))
    texts = [text for variant in wanted[_KEY].itertuples(index=False) for text in _variant_spellings(*variant)]
    return pc.field(columns["variant"]).isin(pa.array(texts, pa.string()))


def _variant_spellings(chromosome: str, position: int, ref: str, alt: str) -> Iterator[str]:
    for name in _spellings(chromosome):
        for first, second in ((ref, alt), (alt, ref)):
            yield from (f"{name}:{position}:{first}{between}{second}" for between in ">:")


def _spellings(chromosome: str) -> list[str]:
    """Names that a table may use for a chromosome."""
    return list(_MITOCHONDRION) if chromosome == "MT" else [chromosome, f"chr{chromosome}"]


def _with_spelling(found: pd.DataFrame) -> pd.DataFrame:
    return found.assign(
        chromosome=found["chromosome"].astype(str).map(canonical_chromosome),
        position=found["position"].astype(np.int64),
        ref=found["ref"].astype(str).str.upper(),
        alt=found["alt"].astype(str).str.upper(),
    )


def _with_keys(found: pd.DataFrame) -> pd.DataFrame:
    """Columns of the key from the text of the variant."""
    keys = found["variant"].astype(str).str.extract(_VARIANT)
    return _with_spelling(found.assign(**{name: keys[name] for name in _KEY}))


def _verdict(there: bool, exchanged: bool) -> tuple[str, str]:
    if there:
        return OK, ""
    if exchanged:
        return ALLELES_EXCHANGED, (
            "the table has the variant with REF and ALT exchanged, and does not say whether its scores are signed; "
            "score the variant again as the genome of this run has it"
        )
    return NOT_IN_TABLE, "the table does not have this variant"


def _detail(quantile: float | None, n: int) -> str:
    """What to know about a row: its quantile in the table, and how many rows it stands for."""
    parts = [] if quantile is None or pd.isna(quantile) else [f"quantile {quantile:.4g}"]
    return "; ".join([*parts, *([f"largest of {n} rows"] if n > 1 else [])])
