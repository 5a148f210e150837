"""Descriptions of tables, made from their schemas, and of the JSON summary, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from locus2target.core.provenance import origin_in_words
from locus2target.core.schemas import TRAIT_EFFECTS, TRAIT_INSTRUMENTS
from locus2target.core.tables import TableSchema

_TYPES: Mapping[str, str] = {
    "string": "text",
    "category": "text",
    "int64": "whole number",
    "float64": "number",
    "float32": "number",
    "bool": "True or False",
}
CONVENTIONS = (
    "A variant is written `chromosome:position:ref:alt` on the run's build; `position` counts from 1, `start` and "
    "`end` of an interval from 0, with `end` outside.",
    "Every effect, direction and frequency is of one ALT allele. A direction is +1 where more of one goes with more of "
    "the other.",
    "A missing value is an empty field in TSV and null in Parquet. It means not known or not applicable, never 0.",
    "`status` is one word and `reason` a sentence about it, empty when all is well. Unless the column says more, `ok` "
    "is a result, and every other word is what prevented one.",
    "TSV is UTF-8 with one header line and numbers to six significant digits; Parquet holds the same rows with every "
    "digit, the types, and the order of the columns below.",
)
SUMMARY_KEYS: Mapping[str, str] = {
    "format": "version of this layout. It changes when a reader of the former one would misread the file; keys can be "
    "added without that",
    "run": "`name` and `title` from the config, `version` of locus2target, `created`, day and time, and `code`: digest "
    "of the library, git commit (null without git) and whether files differ from it",
    "diseases": "an object each, in the order of the run: `disease`; `n_loci`; `n_ranked`, loci with a class, and of "
    "those `n_clear`, `n_contested`, `n_no_local_evidence`; `answer` in sentences; `top`, the first genes, those named "
    "as targets before others",
    "loci": "an object each, also of those that were not analysed: place, lead variant, fine-mapping, LD verdict and "
    "class, under the names of the columns of loci, fine_mapping and locus_classes; `verdict` and `cautions` in "
    "sentences; `has_pack`: the report has a page with its variants. A study without any locus has an object without "
    "`chromosome`",
    "targets": "rows of targets, with `parts` as an object: log odds by source",
    "candidates": "rows of locus_genes without `none`, with `parts` as an object",
    "evidence": "`columns`, and `rows` as lists in that order: rows of evidence that say something about a candidate, "
    "or about a locus as a whole (`gene_id` is `none`), of loci with a page",
    "words": "what each value of `locus_class` and `ld_verdict` means",
}
"""Top-level keys of `summary.json`, which `run_data` makes."""


def describe_columns(schema: TableSchema) -> str:
    """Markdown table of a schema: every column with type, unit, whether it may be missing, and meaning."""
    rows = [
        [
            f"`{column.name}`",
            _TYPES[column.type],
            column.unit,
            "possible" if column.nullable else "",
            column.description,
        ]
        for column in schema.columns
    ]
    return markdown_table(("column", "type", "unit", "missing", "meaning"), rows)


def trait_effects_readme(*, exposure: str, outcome: str) -> str:
    """README, in Markdown, of the results about the effect of one study's trait on another's."""
    stem = f"{exposure}.on.{outcome}"
    parts = [
        f"# Effect of {exposure} on {outcome}",
        "Two-sample Mendelian randomization. Figures lie beside this file, as SVG and PNG; the tables one folder up.",
        origin_in_words(),
        "\n".join(f"- {sentence}" for sentence in CONVENTIONS),
        f"## {stem}.tsv, .parquet",
        f"One row is {TRAIT_EFFECTS.row}.",
        describe_columns(TRAIT_EFFECTS),
        f"## {stem}.instruments.parquet",
        f"One row is {TRAIT_INSTRUMENTS.row}.",
        describe_columns(TRAIT_INSTRUMENTS),
    ]
    return "\n\n".join(parts) + "\n"


def describe_summary() -> str:
    """Markdown table of the keys of `summary.json`."""
    return markdown_table(("key", "holds"), [[f"`{key}`", meaning] for key, meaning in SUMMARY_KEYS.items()])


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of a Markdown table; a bar inside a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
