"""Readers of summary statistics: GWAS-VCF and delimited tables become one raw frame with our column names."""

import re
import warnings
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from cyvcf2 import VCF

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError, shortened
from locus2target.core.intervals import Region
from locus2target.core.progress import progress
from locus2target.ingest.columns import ASSOCIATION_NEEDS, Needs, resolve_columns
from locus2target.ingest.files import (
    BROKEN_GZIP,
    TextBytes,
    check_bgzf,
    has_index,
    is_bgzf,
    open_text,
    require_file,
)
from locus2target.ingest.regions import cut_to_regions, refuse_other_columns
from locus2target.ingest.vcf_text import is_bcf, readable_records, refuse_broken_lines

_TEXTS = (
    *("chromosome", "effect_allele", "other_allele", "rsid"),
    *("gene_id", "phenotype_id", "tissue"),
    *("credible_set", "region"),
)
_NUMBERS = (
    "beta",
    "odds_ratio",
    "standard_error",
    "z_score",
    "neg_log10_p",
    "effect_allele_frequency",
    "minor_allele_frequency",
    "n",
    "n_cases",
    "pip",
)
_READ_AS_TEXT = (*_TEXTS, "ref_allele", "alt_allele", "variant", "p_value")
_VCF_NUMBERS = {
    "ES": "beta",
    "SE": "standard_error",
    "LP": "neg_log10_p",
    "AF": "effect_allele_frequency",
    "SS": "n",
    "EZ": "z_score",
    "NC": "n_cases",
}
_MISSING = ("", ".", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>")
_ROWS_PER_CHUNK = 500_000
_KILOBYTE = 1_000
_COMBINED = r"^(?:chr)?(?P<chromosome>[^:_]+)[:_](?P<position>\d+)[:_](?P<ref>[^:_]+)[:_](?P<alt>[^:_]+)(?:[:_].*)?$"
_SMALLEST_DOUBLE = 1e-300  # below, -log10 p is read from the text: doubles lose digits and then underflow to 0


@dataclass(frozen=True, slots=True)
class RawTable:
    """Summary statistics as the source gives them.

    Attributes
    ----------
    frame
        One row per data row (GWAS-VCF: per record and ALT): `row` (int64, 1-based, blank lines not counted),
        `source_variant`, texts, `position` (float64, NaN missing, -1 unreadable), numbers (float64, NaN missing;
        `neg_log10_p` is inf for p = 0 and negative for p outside 0..1), `is_header` and `unreadable` (bool).
    path
        The file.
    columns
        Our name -> the file's column, for messages.
    names_ref
        Whether the source says which allele is REF.
    unreadable
        Column of the file -> (how many of its numbers cannot be read, the first of them).
    contig_lengths
        Canonical chromosome -> bases, where the source's header says so.
    regions
        On the source's build, where only these were read; rows are then counted among the lines there. None: the
        whole file was read.
    """

    frame: pd.DataFrame
    path: str
    columns: Mapping[str, str]
    names_ref: bool
    unreadable: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    contig_lengths: Mapping[str, int] = field(default_factory=dict)
    regions: Sequence[Region] | None = None


# ---- GWAS-VCF ----------------------------------------------------------------------------------------------------


def read_gwas_vcf(path: str, *, regions: Sequence[Region] | None = None) -> RawTable:
    """Read a GWAS-VCF (Lyon et al. 2021): one study, effects per ALT; one row per record and ALT.

    Parameters
    ----------
    path
        VCF or BCF.
    regions
        On the file's build; an indexed VCF is read only there. None for the whole file.

    Raises
    ------
    InputError
        If the file is truncated or damaged, holds no record, or not exactly one study.
    """
    if regions is None or not has_index(path) or is_bcf(path):
        return _read_gwas_vcf(path)
    with cut_to_regions(path, regions, n_header=_header_lines(path)) as cut:
        return replace(_read_gwas_vcf(cut, may_be_empty=True), path=path, regions=regions)


def _header_lines(path: str) -> int:
    with _readable(path), open_text(path) as lines:
        return sum(1 for _ in takewhile(lambda line: line.startswith(b"#"), lines))


def _read_gwas_vcf(path: str, *, may_be_empty: bool = False) -> RawTable:
    _check_whole(path)
    with _readable(path):
        refuse_broken_lines(path)
        vcf = _open_vcf(path)
        tags = [tag for tag in _VCF_NUMBERS if _has_format(vcf, tag)]
        _refuse_texts(vcf, tags, path)
    texts: dict[str, list[str | None]] = {name: [] for name in ("chromosome", "other_allele", "effect_allele", "rsid")}
    whole: dict[str, array[int]] = {"row": array("q"), "position": array("q")}
    numbers: dict[str, array[float]] = {tag: array("d") for tag in tags}
    has_id = _has_format(vcf, "ID")
    label = f"reading {Path(path).name}"
    with _readable(path), progress(_indexed_records(vcf, path), unit="records", label=label) as done:
        for row, record in enumerate(readable_records(vcf, path), start=1):
            alts = record.ALT or [None]
            rsid = record.ID or _format_id(record, has_id)
            for alt in alts:
                for name, value in zip(texts, (record.CHROM, record.REF, alt, rsid), strict=True):
                    texts[name].append(value)
                whole["row"].append(row)
                whole["position"].append(record.POS)
            for tag in tags:
                numbers[tag].extend(_per_alt(record.format(tag), len(alts)))
            done.advance(1)
    if not whole["row"] and not may_be_empty:
        raise _empty(path)
    frame = pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in texts.items()})
    frame["row"] = np.asarray(whole["row"], dtype=np.int64)
    frame["position"] = np.asarray(whole["position"], dtype=np.float64)
    frame["source_variant"] = _source_variant(frame, frame["position"].astype("int64").astype("str"))
    for tag in tags:
        frame[_VCF_NUMBERS[tag]] = np.asarray(numbers[tag], dtype=np.float64)
    columns = {_VCF_NUMBERS[tag]: tag for tag in tags}
    return RawTable(_complete(frame), path, columns, names_ref=True, contig_lengths=_contig_lengths(vcf))


def check_gwas_vcf(path: str) -> None:
    """Refuse what `read_gwas_vcf` would refuse before its first record.

    Raises
    ------
    InputError
        If the file is no VCF, is cut short as far as its end tells, or does not hold one study.
    """
    _check_whole(path)
    with _readable(path):
        _open_vcf(path).close()


def _open_vcf(path: str) -> Any:
    try:
        vcf = VCF(path)
    except Exception as error:  # cyvcf2 raises bare Exception for headers that htslib cannot parse
        raise InputError(
            f"cannot be opened as VCF ({error})", where=path, remedy="Check `path` and `format` of the sheet."
        ) from error
    if len(vcf.samples) != 1:
        raise InputError(
            f"holds {len(vcf.samples)} sample columns; a GWAS-VCF of one study has 1",
            where=path,
            remedy="Extract the study, for example with bcftools view -s.",
        )
    return vcf


def _indexed_records(vcf: Any, path: str) -> int | None:
    """Records by the file's index; None without one."""
    return int(vcf.num_records) if has_index(path) else None


def _has_format(vcf: Any, tag: str) -> bool:
    try:
        header = vcf.get_header_type(tag)
    except KeyError:
        return False
    return bool(header["HeaderType"] == "FORMAT") if "HeaderType" in header else True


def _refuse_texts(vcf: Any, tags: list[str], path: str) -> None:
    """Refuse statistics that the header does not declare as numbers."""
    for tag in tags:
        declared = vcf.get_header_type(tag).get("Type")
        if declared not in {"Float", "Integer"}:
            raise InputError(
                f"the header declares FORMAT field {tag} with type {declared}, not Float",
                where=path,
                remedy="Correct the header, for example with bcftools reheader.",
            )


def _contig_lengths(vcf: Any) -> dict[str, int]:
    try:
        return {canonical_chromosome(name): int(n) for name, n in zip(vcf.seqnames, vcf.seqlens, strict=True)}
    except AttributeError:  # what cyvcf2 raises when the header gives no lengths
        return {}


def _format_id(record: Any, has_id: bool) -> str | None:
    values = record.format("ID") if has_id else None
    return None if values is None or values[0] in {"", "."} else str(values[0])


def _per_alt(values: npt.NDArray[Any] | None, n_alts: int) -> list[float]:
    """Numbers of one FORMAT field, one per ALT; a single number (Number=1) stands for every ALT."""
    if values is None:
        return [np.nan] * n_alts
    numbers = [float(value) for value in values[0]]
    if np.issubdtype(values.dtype, np.integer):
        numbers = [number if number > np.iinfo(np.int32).min + 1 else np.nan for number in numbers]
    return numbers * n_alts if len(numbers) == 1 else (numbers + [np.nan] * n_alts)[:n_alts]


# ---- delimited tables --------------------------------------------------------------------------------------------


def read_delimited(
    path: str,
    mapping: Mapping[str, str],
    defaults: Mapping[str, str],
    *,
    needs: Needs = ASSOCIATION_NEEDS,
    regions: Sequence[Region] | None = None,
) -> RawTable:
    """Read a table with a header line, separated by tabs, commas or spaces, plain or gzipped.

    Parameters
    ----------
    path
        The file; lines before the header that start with `##` are skipped.
    mapping, defaults, needs
        See `columns.resolve_columns`.
    regions
        On the file's build; a file with a tabix index is read only there. None for the whole file.

    Raises
    ------
    InputError
        If the file is absent, truncated or damaged, has no data rows or lines that do not fit the header, or lacks a
        column; or if the index is over other columns than those that are read.
    """
    _check_whole(path)
    with _readable(path):
        header, separator, n_skipped = _read_header(path)
        columns = resolve_columns(header, mapping, defaults, needs=needs, where=path)
    if regions is None or not has_index(path):
        return _read_delimited(path, columns, header, separator, n_skipped)
    refuse_other_columns(path, header, columns)
    with cut_to_regions(path, regions, n_header=n_skipped) as cut:
        found = _read_delimited(cut, columns, header, separator, n_skipped, may_be_empty=True)
        return replace(found, path=path, regions=regions)


def _read_delimited(
    path: str,
    columns: dict[str, str],
    header: list[str],
    separator: str,
    n_skipped: int,
    *,
    may_be_empty: bool = False,
) -> RawTable:
    with _readable(path):
        unreadable: dict[str, tuple[int, str]] = {}
        frames = [
            _raw_chunk(chunk, columns, unreadable) for chunk in _chunks(path, header, separator, n_skipped, columns)
        ]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"is_header": []})
    if frame["is_header"].all() and not may_be_empty:
        raise _empty(path)
    return RawTable(frame, path, columns, names_ref="effect_allele" not in columns, unreadable=unreadable)


def check_delimited(
    path: str, mapping: Mapping[str, str], defaults: Mapping[str, str], *, needs: Needs = ASSOCIATION_NEEDS
) -> None:
    """Refuse what `read_delimited` would refuse before its first data row.

    Parameters
    ----------
    path, mapping, defaults, needs
        See `read_delimited`.

    Raises
    ------
    InputError
        If the file is empty, is cut short as far as its end tells, or lacks a column.
    """
    _check_whole(path)
    with _readable(path):
        header, _, _ = _read_header(path)
    resolve_columns(header, mapping, defaults, needs=needs, where=path)


def _read_header(path: str) -> tuple[list[str], str, int]:
    """Column names, separator, and lines up to and including the header."""
    with open_text(path) as lines:
        for n_lines, line in enumerate(lines, start=1):
            text = line.decode(errors="replace").rstrip("\r\n")
            if text.strip() and not text.startswith("##"):
                separator = next((sign for sign in "\t," if sign in text), r"\s+")
                names = re.split(separator, text.strip(" "), flags=re.ASCII)  # pandas knows no other blanks
                return [name.strip().strip('"') for name in names], separator, n_lines
    raise _empty(path)


def _chunks(
    path: str, header: list[str], separator: str, n_skipped: int, columns: Mapping[str, str]
) -> Iterator[pd.DataFrame]:
    texts = {header.index(column): "str" for name, column in columns.items() if name in _READ_AS_TEXT}
    total = _kilobytes(Path(path).stat().st_size)
    with open_text(path) as source, progress(total, unit="kB", label=f"reading {Path(path).name}") as done:
        with _tidy_lines(path):
            chunks = pd.read_csv(
                cast("IO[bytes]", source),
                sep=separator,
                names=list(range(len(header))),  # a header may repeat words that nobody asks for
                skiprows=n_skipped,
                dtype=texts,
                chunksize=_ROWS_PER_CHUNK,
                keep_default_na=False,
                na_values=list(_MISSING),
                index_col=False,
                low_memory=False,
                encoding_errors="replace",
            )
        while True:
            with _tidy_lines(path):
                chunk = next(chunks, None)
            if chunk is None:
                return
            _refuse_swallowed_cells(chunk, header, path)
            yield pd.DataFrame({name: chunk[header.index(column)] for name, column in columns.items()})
            done.reach(_kilobytes(cast("TextBytes", source.raw).bytes_read))


def _kilobytes(n_bytes: int) -> int:
    """Rounded up: a small file has something to read."""
    return -(-n_bytes // _KILOBYTE)


def _refuse_swallowed_cells(chunk: pd.DataFrame, header: list[str], path: str) -> None:
    """Refuse quotes that open in one cell and close in another one: what is between would be lost."""
    for name, column in zip(header, chunk.columns, strict=True):
        if pd.api.types.is_numeric_dtype(chunk[column]):
            continue
        texts = chunk[column].astype("str")
        swallowed = texts.str.contains(r"[\t\r\n]", na=False).to_numpy(bool)
        if swallowed.any():
            row = int(swallowed.argmax())
            raise InputError(
                f"the cell {shortened(texts.iloc[row])} of column {name!r} spans several cells or lines",
                where=f"{path}, data row {chunk.index[row] + 1}",
                remedy="Close the quote, or remove it.",
            )


@contextmanager
def _tidy_lines(path: str) -> Iterator[None]:
    """Turn lines with more fields than the header, or with an open quote, into an `InputError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.EmptyDataError:
        raise _empty(path) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InputError(
            f"a line does not fit the header ({str(error).strip()})", where=path, remedy="Mend or remove that line."
        ) from error


def _raw_chunk(raw: pd.DataFrame, columns: Mapping[str, str], unreadable: dict[str, tuple[int, str]]) -> pd.DataFrame:
    """The raw frame of one chunk; counts what cannot be read into `unreadable`."""
    key = "position" if "position" in columns else "variant"
    frame = pd.DataFrame({"row": raw.index.to_numpy(np.int64) + 1, "is_header": raw[key].eq(columns[key])})
    _split_combined(raw)
    _name_alleles(raw)
    for name in set(_TEXTS) & set(raw):
        frame[name] = raw[name].astype("str")
    frame["source_variant"] = _source_variant(frame, raw["position"])
    frame["position"], bad = _numbers(raw["position"])
    frame.loc[bad, "position"] = -1.0
    frame["unreadable"] = False
    for name in ("p_value", *_NUMBERS):
        if name not in raw:
            continue
        frame[name], bad = _neg_log10_p(raw[name]) if name == "p_value" else _numbers(raw[name])
        bad &= ~frame["is_header"].to_numpy()
        frame["unreadable"] |= bad
        if bad.any():
            count, example = unreadable.get(columns[name], (0, str(raw[name].array[bad.argmax()])))
            unreadable[columns[name]] = count + int(bad.sum()), example
    if "p_value" in frame:
        from_p = frame.pop("p_value")
        frame["neg_log10_p"] = frame["neg_log10_p"].fillna(from_p) if "neg_log10_p" in frame else from_p
    return _complete(frame)


def _split_combined(raw: pd.DataFrame) -> None:
    """Fill chromosome, position and alleles from ids like `1_1387167_A_C_b37` where they have no column."""
    if "variant" not in raw:
        return
    parts = raw["variant"].str.extract(_COMBINED)
    raw["chromosome"] = raw["chromosome"] if "chromosome" in raw else parts["chromosome"]
    raw["position"] = raw["position"] if "position" in raw else parts["position"]
    if not ({"effect_allele", "other_allele"} <= set(raw) or {"ref_allele", "alt_allele"} <= set(raw)):
        raw["ref_allele"], raw["alt_allele"] = parts["ref"], parts["alt"]


def _name_alleles(raw: pd.DataFrame) -> None:
    """ALT is the effect allele unless the file names one of the two; then the other one of REF and ALT completes it."""
    if "effect_allele" in raw and "other_allele" in raw:
        return
    if "effect_allele" in raw:
        raw["other_allele"] = _counterpart(raw["effect_allele"], raw)
    elif "other_allele" in raw:
        raw["effect_allele"] = _counterpart(raw["other_allele"], raw)
    else:
        raw["effect_allele"], raw["other_allele"] = raw["alt_allele"], raw["ref_allele"]


def _counterpart(named: "pd.Series[str]", raw: pd.DataFrame) -> "pd.Series[str]":
    """The one of REF and ALT that is not `named`, in either case; missing where `named` is neither of them."""
    ref, alt = raw["ref_allele"], raw["alt_allele"]
    is_ref, is_alt = (named.str.upper() == column.str.upper() for column in (ref, alt))
    return alt.where(is_ref, ref.where(is_alt))


def _source_variant(frame: pd.DataFrame, position: "pd.Series[Any]") -> "pd.Series[str]":
    parts = (frame["chromosome"], position, frame["other_allele"], frame["effect_allele"])
    chromosome, place, other, effect = (part.astype("str").fillna(".") for part in parts)
    return chromosome + ":" + place + ":" + other + ":" + effect


def _numbers(values: "pd.Series[Any]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Numbers, NaN where missing or unreadable, and which are unreadable."""
    if values.dtype == bool:  # pandas reads a column of TRUE and FALSE so, and would take them for 1 and 0
        return np.full(len(values), np.nan), np.ones(len(values), dtype=np.bool_)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return numbers, np.isnan(numbers) & values.notna().to_numpy()


def _neg_log10_p(texts: "pd.Series[str]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """-log10 of p-values written as text, also below the smallest double; inf for 0, negative outside 0..1."""
    p, bad = _numbers(texts)
    neg_log10 = np.full(len(p), np.nan)
    inside = p > 0
    neg_log10[inside] = -np.log10(p[inside])
    neg_log10[p < 0] = -np.inf
    tiny = np.flatnonzero((p >= 0) & (p < _SMALLEST_DOUBLE))
    neg_log10[tiny] = [_neg_log10_of_text(texts.array[row]) for row in tiny]
    return neg_log10 + 0.0, bad


def _neg_log10_of_text(text: str) -> float:
    """-log10 of a non-negative number.

    >>> _neg_log10_of_text("1e-412")
    412.0
    """
    mantissa, _, exponent = text.lower().partition("e")
    value = float(mantissa)
    return np.inf if value == 0 else -float(np.log10(value)) - float(exponent or 0)


# ---- shared ------------------------------------------------------------------------------------------------------


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that the source does not have, as missing values."""
    for name in ("is_header", "unreadable"):
        if name not in frame:
            frame[name] = False
    for name in set(_NUMBERS) - set(frame):
        frame[name] = np.nan
    if "rsid" not in frame:
        frame["rsid"] = pd.Series(np.nan, index=frame.index, dtype="str")
    return frame


def _empty(path: str) -> InputError:
    return InputError("empty study: there are no data rows", where=path, remedy="Check the file, or remove the study.")


def _check_whole(path: str) -> None:
    """Refuse a block-gzipped file without its last block: cut between two blocks, it reads like a whole one."""
    require_file(path, where=path)
    if is_bgzf(path):
        check_bgzf(path, where=path)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turn the ways in which a file can be broken into an `InputError`."""
    try:
        yield
    except BROKEN_GZIP as error:
        raise InputError(
            f"the compressed file is truncated or damaged ({error})", where=path, remedy="Copy or download it again."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"there is something else than text ({error.reason})", where=path, remedy="Save it as UTF-8 text."
        ) from error
