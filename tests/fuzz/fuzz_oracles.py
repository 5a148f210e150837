"""What must hold of what was read from a damaged file, told by a plain reading of its text.

A plain reading unpacks the file, splits it into lines and the lines into cells, and knows nothing else. Where quotes
stand in the text it does not judge, because it does not understand them.
"""

import gzip
import math
import re
from typing import Any

import numpy as np

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.ingest.readers import RawTable

MISSING = {"", ".", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "<NA>"}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def nothing(result: Any, content: bytes) -> None:
    """No check beyond that it was read."""


def plain_lines(content: bytes) -> list[str] | None:
    """Lines that are not blank; None where quotes make plain splitting wrong."""
    while content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    text = content.decode("utf-8", "replace").lstrip("\ufeff")
    if '"' in text:
        return None
    lines = re.split(r"\r\n|\r|\n", text)
    if any(line and not line.strip() for line in lines):  # blanks and tabs alone: a row or none
        return None
    return [line for line in lines if line]


def plain_table(content: bytes, comment: tuple[str, ...] = ("##",)) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows, split as the header is."""
    lines = plain_lines(content)
    if lines is None:
        return None
    while lines and lines[0].startswith(comment):
        del lines[0]
    separator = next((sign for sign in "\t," if sign in lines[0]), None)
    header = [name.strip() for name in lines[0].split(separator)]
    return header, [line.split(separator) for line in lines[1:]]


def same_number(found: float, text: str) -> bool:
    """Whether a number is the text's; texts that are no plain number must not have become one."""
    text = text.strip()
    if text in MISSING:
        return math.isnan(found)
    if not NUMBER.fullmatch(text):
        return not math.isfinite(found) or found == -1
    return found == float(text) or math.isclose(found, float(text), rel_tol=1e-14)


def same_association(raw: RawTable, content: bytes) -> None:
    """Every line is a row, and every number is its cell's."""
    table = plain_table(content)
    if table is None:
        return
    header, rows = table
    frame = raw.frame
    assert len(frame) == len(rows), f"{len(rows)} lines, {len(frame)} rows"
    assert frame["row"].tolist() == list(range(1, len(rows) + 1))
    for name in ("position", "beta", "standard_error", "n", "chromosome", "effect_allele"):
        if raw.columns.get(name) not in header:
            continue
        place = header.index(raw.columns[name])
        for row, cells in zip(frame[name], rows, strict=True):
            cell = cells[place] if place < len(cells) else ""
            if name in {"chromosome", "effect_allele"}:
                found = row if isinstance(row, str) else ""
                assert found == ("" if cell.strip() in MISSING else cell), (name, row, cell)
            else:
                assert same_number(row, cell), (name, row, cell)


def same_gwas_vcf(raw: RawTable, content: bytes) -> None:
    """Every record is in the frame, with the position and the effect of its line."""
    text = _unpacked(content).decode("utf-8", "replace")
    lines = [line.removesuffix("\r") for line in text.split("\n") if line.strip()]
    records = [line.split("\t") for line in lines if not line.startswith("#")]
    assert raw.frame["row"].nunique() == len(records)
    first = raw.frame.drop_duplicates("row")
    for record, row in zip(records, first.itertuples(), strict=True):
        assert int(row.position) == int(record[1])
        assert row.chromosome == record[0]
        values = dict(zip(record[8].split(":"), record[9].split(":"), strict=False)) if len(record) > 9 else {}
        effect = values.get("ES", "").split(",")[0]
        if NUMBER.fullmatch(effect) and "beta" in raw.columns:
            assert math.isclose(row.beta, float(np.float32(float(effect))), rel_tol=1e-6) or math.isnan(row.beta)


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def same_genes(annotation: Any, content: bytes) -> None:
    """Every gene line's bounds are in the table, and no gene is lost."""
    text = _unpacked(content).removeprefix(b"\xef\xbb\xbf").decode()
    lines = [line.split("\t") for line in re.split(r"\r\n|\r|\n", text) if line.strip() and not line.startswith("#")]
    named = [cells for cells in lines if cells[2] in {"gene", "transcript", "exon"}]
    ids = {re.search(r'(?:^|[;\s])gene_id\s+"?([^";]+)', cells[8])[1].strip() for cells in named}
    assert 0 < len(annotation.genes) <= len(ids)
    bounds = {(int(cells[3]) - 1, int(cells[4])) for cells in named}
    starts, ends = ({bound[side] for bound in bounds} for side in (0, 1))
    for table in (annotation.genes, annotation.exons):
        assert set(table["start"]) <= starts
        assert set(table["end"]) <= ends


def same_sequences(sequences: dict[str, str], content: bytes) -> None:
    """Every contig has the bases of its lines."""
    text = _unpacked(content).decode("utf-8", "replace")
    expected = {}
    for part in re.split(r"(?:^|\n)>", text)[1:]:
        name, *lines = part.split("\n")
        bases = re.sub("[^!-~]", "", "".join(lines)).upper()
        contig = name.split(maxsplit=1)[0] if name.strip() else ""
        expected[canonical_chromosome(contig)] = re.sub("[^ACGT]", "N", bases)
    assert sequences == expected


def same_bed(table: Any, content: bytes) -> None:
    """Every line is a row with its numbers."""
    lines = plain_lines(content)
    if lines is None:
        return
    while lines and lines[0].startswith(("#", "track", "browser")):
        del lines[0]
    rows = [line.split("\t") for line in lines]
    assert len(table) == len(rows)
    for row, cells in zip(table.itertuples(), rows, strict=True):
        assert (row.chromosome, row.start, row.end) == (canonical_chromosome(cells[0]), int(cells[1]), int(cells[2]))
        assert row.context == cells[len(table.columns) - 1]


def same_consequences(table: Any, content: bytes) -> None:
    """Every line is a row with its position and alleles."""
    plain = plain_table(content, ("##", "# "))
    if plain is None:
        return
    header, rows = plain
    names = [name.removeprefix("#") for name in header]
    assert len(table) == len(rows)
    for row, cells in zip(table.itertuples(), rows, strict=True):
        assert row.position == int(cells[names.index("position")])
        assert row.alt == cells[names.index("alt")].upper()


def same_constraint(table: Any, content: bytes) -> None:
    """Every number is one of the file's."""
    plain = plain_table(content, ())
    if plain is None:
        return
    _, rows = plain
    numbers = {float(cell) for row in rows for cell in row if NUMBER.fullmatch(cell.strip())} | {math.inf}
    assert set(table[["pli", "loeuf"]].stack().dropna()) <= numbers


def same_sets(file: Any, content: bytes) -> None:
    """Every line is a set with its genes."""
    text = _unpacked(content).removeprefix(b"\xef\xbb\xbf").decode()
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    assert len(file.sets) == len(lines)


def same_ld(variants: Any, content: bytes) -> None:
    """Every line is a variant, in order: the rows of the matrix follow it."""
    plain = plain_table(content, ())
    if plain is None:
        return
    header, rows = plain
    assert variants.table["position"].tolist() == [int(cells[header.index("position")]) for cells in rows]


def same_studies(settings: Any, content: bytes) -> None:
    """Every line of the sheet is a study."""
    lines = plain_lines(content)
    if lines is not None:
        assert len(settings.studies) == len(lines) - 1
