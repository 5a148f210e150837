"""The run's config and sheets, checked against closed schemas before any job starts.

Every problem is collected and reported at once. Imported while Snakemake parses the workflow, in each cluster job
too, so nothing heavy is imported here.
"""

import csv
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError

_EXPONENT = re.compile(r"^\d+[eE][+-]?\d+$")
SHEETS = ("studies", "cohorts", "qtls", "models")
# Columns of the models sheet that a backend reads besides model, backend, weights, background and description.
_LANGUAGE_COLUMNS = ("window_bp", "center_offset", "scorers", "precision", "strands", "shifts")
_TRACK_COLUMNS = (*_LANGUAGE_COLUMNS, "shared_bp", "tracks", "prefilter")
_CELL_COLUMNS = ("shared_bp", "center_offset", "tracks", "strands", "shifts")
_MODEL_COLUMNS: Mapping[str, Sequence[str]] = {
    "motif": ("window_bp",),
    **dict.fromkeys(("borzoi", "enformer", "shorkie"), ("replicates", *_TRACK_COLUMNS)),
    **dict.fromkeys(("accessibility", "scbasset"), ("replicates", *_CELL_COLUMNS)),
    **dict.fromkeys(("shorkie_lm", "huggingface", "nucleotide_gpt"), ("replicates", *_LANGUAGE_COLUMNS)),
    "external": ("replicates", *(name for name in _LANGUAGE_COLUMNS if name != "precision")),
    "score_table": ("tracks", "scorers"),
    "predixcan": ("replicates", "tracks"),
}
_UNIQUE_ID = {"studies": "study", "qtls": "qtl", "models": "model"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """A validated run.

    Attributes
    ----------
    config
        The config as written.
    studies, qtls, models
        Row by id, in the sheet's order.
    cohorts
        Rows by cohort id: one per genotype file.
    """

    config: Mapping[str, Any]
    studies: dict[str, Row]
    cohorts: dict[str, list[Row]]
    qtls: dict[str, Row]
    models: dict[str, Row]

    @property
    def diseases(self) -> list[str]:
        """Diseases in the order of the studies sheet."""
        return list(dict.fromkeys(row["disease"] for row in self.studies.values()))

    @property
    def imported_studies(self) -> list[str]:
        """Studies that come fine-mapped."""
        return [study for study, row in self.studies.items() if row["format"] == "credible_sets"]

    @property
    def studies_to_fine_map(self) -> list[str]:
        """Studies that come as summary statistics."""
        return [study for study in self.studies if study not in self.imported_studies]

    @property
    def cohort_files(self) -> list[str]:
        """Genotype and LD files of all cohorts."""
        return [file for rows in self.cohorts.values() for row in rows for file in _ld_files(row)]

    def weights(self, model: str) -> list[str]:
        """Files or folders of a model's weights, one for each replicate."""
        row = self.models[model]
        names = [""] if row["replicates"] is None else str(row["replicates"]).split(",")
        return [row["weights"].replace("{replicate}", name.strip()) for name in names]

    def chain(self, build: str) -> str | None:
        """Chain file from `build` to the run's build; None when they are the same."""
        genome = self.config["genome"]
        return None if build == genome["build"] else genome["chains"][build]


def _ld_files(row: Row) -> list[str]:
    return [row[name] for name in ("genotypes", "ld_matrix") if row[name] is not None]


def load_settings(config: Mapping[str, Any], *, schemas: Path, where: str) -> Settings:
    """Validate a config and the sheets it names.

    Parameters
    ----------
    config
        As parsed from YAML.
    schemas
        Folder of `<name>.schema.yaml`.
    where
        Name of the config for messages.

    Raises
    ------
    InputError
        That lists every problem: key or file, line and column, the value, and what was expected.
    """
    problems = list(_config_problems(config, _schema(schemas, "config"), where))
    if problems:
        raise _refusal(problems, where)
    sheets: dict[str, list[Row]] = {}
    for name in SHEETS:
        sheets[name], found = _read_sheet(config["sheets"][name], _schema(schemas, name), key=f"sheets.{name}")
        problems += found
        problems += _repeated_ids(sheets[name], _UNIQUE_ID.get(name), config["sheets"][name])
    if not problems:
        problems += _broken_references(config, sheets, where)
    if problems:
        raise _refusal(problems, where)
    return _settings(config, sheets)


def _settings(config: Mapping[str, Any], sheets: Mapping[str, list[Row]]) -> Settings:
    cohorts: dict[str, list[Row]] = {}
    for row in sheets["cohorts"]:
        cohorts.setdefault(row["cohort"], []).append(row)
    return Settings(
        config=config,
        studies={row["study"]: row for row in sheets["studies"]},
        cohorts=cohorts,
        qtls={row["qtl"]: row for row in sheets["qtls"]},
        models={row["model"]: row for row in sheets["models"]},
    )


def _refusal(problems: Sequence[str], where: str) -> InputError:
    listed = "".join(f"\n  - {problem}" for problem in problems)
    plural = "problem" if len(problems) == 1 else "problems"
    return InputError(
        f"{len(problems)} {plural}:{listed}\n",
        where=where,
        remedy="Nothing has run. Mend them and start again; config/README.md explains every key and column.",
    )


def _schema(folder: Path, name: str) -> dict[str, Any]:
    with (folder / f"{name}.schema.yaml").open() as handle:
        schema: dict[str, Any] = yaml.safe_load(handle)
    return schema


def _config_problems(config: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(config), key=lambda error: list(map(str, error.absolute_path))):
        prefix = ".".join(map(str, error.absolute_path))
        yield from (f"{where}: {text}" for text in _explain(error, prefix, schema))


def _explain(error: jsonschema.ValidationError, key: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Say in words what one schema error means."""
    inside = f"{key}." if key else ""
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        allowed = list(error.schema.get("properties", {}))
        for name in error.instance:
            if name not in allowed:
                yield f"unknown key '{inside}{name}'{_suggestion(str(name), allowed)}"
    elif error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        yield f"missing key {', '.join(repr(inside + name) for name in absent)}"
    else:
        yield f"'{key}' is {error.instance!r}, expected {_expected(error, schema)}"


def _suggestion(name: str, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"{hint} Allowed: {', '.join(allowed)}"


def _expected(error: jsonschema.ValidationError, schema: Mapping[str, Any]) -> str:
    described = _description(schema, error.absolute_path)
    types = error.schema.get("type")
    kind = " or ".join(types) if isinstance(types, list) else types
    expected = str(described if described is not None else error.message)
    if described is not None and kind is not None and error.validator == "type":
        expected = f"{kind}: {described}"
    if isinstance(error.instance, str) and kind == "number" and _EXPONENT.match(error.instance):
        expected += " (YAML takes 5e-8 for text; write 5.0e-8)"
    return expected


def _description(schema: Mapping[str, Any], path: Iterable[str | int]) -> str | None:
    """What the schema says of a key; `$ref` holds the type, the key's own entry the words."""
    entry: Mapping[str, Any] = schema
    for part in path:
        entry = entry.get("properties", {}).get(part, {})
    return entry.get("description")


def _read_sheet(path: str, schema: Mapping[str, Any], *, key: str) -> tuple[list[Row], list[str]]:
    """Read one TSV sheet: rows with values in the schema's types, and problems."""
    if not Path(path).is_file():
        return [], [f"'{key}': no file {path!r}"]
    with Path(path).open(newline="") as handle:
        reader = csv.reader(handle, delimiter="\t")
        header = next(reader, [])
        columns = list(schema["properties"])
        problems = [
            f"{path}, line 1: unknown column '{name}'{_suggestion(name, columns)}"
            for name in header
            if name not in columns
        ]
        problems += [f"{path}, line 1: missing column '{name}'" for name in columns if name not in header]
        problems += [f"{path}, line 1: column '{name}' twice" for name in set(header) if header.count(name) > 1]
        rows: list[Row] = []
        for cells in reader if not problems else ():
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                problems.append(f"{place}: {len(cells)} cells, expected {len(header)} (separated by tabs)")
                continue
            row = {name: _cell(cell, schema["properties"][name]) for name, cell in zip(header, cells, strict=True)}
            problems += _row_problems(row, schema, place)
            rows.append(row)
    if not rows and not problems:
        problems.append(f"{path}: no rows")
    return rows, problems


def _cell(text: str, schema: Mapping[str, Any]) -> str | float | None:
    """Value of one cell: None when empty, a number where the schema asks for one and the text is one."""
    stripped = text.strip()
    if not stripped:
        return None
    types = schema.get("type", "string")
    if not {"number", "integer"} & set([types] if isinstance(types, str) else types):
        return stripped
    try:
        number = float(stripped)
    except ValueError:
        return stripped
    return int(number) if number.is_integer() else number


def _row_problems(row: Row, schema: Mapping[str, Any], place: str) -> list[str]:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(row)
    return [
        f"{place}, column '{error.absolute_path[0]}': "
        + ("is empty" if error.instance is None else f"{error.instance!r}")
        + f", expected {_expected(error, schema)}"
        for error in errors
    ]


def _repeated_ids(rows: Sequence[Row], column: str | None, path: str) -> list[str]:
    if column is None:
        return []
    ids = [row[column] for row in rows]
    repeated = [name for name in dict.fromkeys(ids) if ids.count(name) > 1]
    return [f"{path}: {column} '{name}' stands in {ids.count(name)} rows; ids must be unique" for name in repeated]


def _cohort_contradictions(rows: Sequence[Row], path: str) -> list[str]:
    """Cohorts with two files for one chromosome, or with several dosage fields: only one of them would be read."""
    problems = [
        f"{path}: cohort '{row['cohort']}' needs in each row either genotypes and dosage_field, or an ld_matrix and "
        "n_samples, the people behind it"
        for row in rows
        if len(_ld_files(row)) != 1 or row["dosage_field" if row["ld_matrix"] is None else "n_samples"] is None
    ]
    for cohort in dict.fromkeys(row["cohort"] for row in rows):
        of_cohort = [row for row in rows if row["cohort"] == cohort]
        own = [row for row in of_cohort if row["genotypes"] is not None]
        if own and len(own) < len(of_cohort):
            problems.append(f"{path}: cohort '{cohort}' has genotypes in some rows and LD matrices in others; make two")
        chromosomes = Counter(canonical_chromosome(row["chromosome"]) for row in own)
        problems += [
            f"{path}: cohort '{cohort}' has {count} rows for chromosome '{chromosome}'; give each one file"
            for chromosome, count in chromosomes.items()
            if count > 1
        ]
        fields = sorted({row["dosage_field"] for row in own if row["dosage_field"] is not None})
        if len(fields) > 1:
            problems.append(f"{path}: cohort '{cohort}' has dosage fields {' and '.join(fields)}; give it one")
    return problems


def _unknown_cohorts(config: Mapping[str, Any], sheets: Mapping[str, list[Row]]) -> list[str]:
    """Studies and QTL sets that name a cohort which the cohorts sheet does not have."""
    cohorts = {row["cohort"] for row in sheets["cohorts"]}
    return [
        f"{config['sheets'][sheet]}: {kind} '{row[kind]}' names cohort '{row['cohort']}', "
        f"which is not in {config['sheets']['cohorts']}{_suggestion(row['cohort'], sorted(cohorts))}"
        for sheet, kind in (("studies", "study"), ("qtls", "qtl"))
        for row in sheets[sheet]
        if row["cohort"] is not None and row["cohort"] not in cohorts
    ]


def _broken_pairs(config: Mapping[str, Any], sheets: Mapping[str, list[Row]], where: str) -> list[str]:
    """Exposures and outcomes that are no study with summary statistics."""
    studies = {row["study"]: row for row in sheets["studies"]}
    problems = []
    for number, pair in enumerate(config["mendelian_randomization"]["pairs"]):
        for role in ("exposure", "outcome"):
            place, name = f"{where}: 'mendelian_randomization.pairs.{number}.{role}'", pair[role]
            if name not in studies:
                problems.append(f"{place} is '{name}', which is no study{_suggestion(name, sorted(studies))}")
            elif studies[name]["format"] == "credible_sets":
                problems.append(f"{place} is '{name}', which comes as credible sets; it takes summary statistics")
    return problems


def _unfitted_priors(config: Mapping[str, Any], where: str) -> list[str]:
    """Uses of functional priors in a run that does not fit them."""
    if config["functional_priors"]["enabled"]:
        return []
    users = (("functional_priors", "ranking"), ("colocalization", "variant_priors"))
    return [
        f"{where}: '{section}.{key}' is functional, and 'functional_priors.enabled' is false"
        for section, key in users
        if config[section][key] == "functional"
    ]


def _contradictory_models(rows: Sequence[Row], path: str) -> list[str]:
    """Models whose replicates and weights do not go together, and columns that a backend would ignore."""
    problems = []
    for row in rows:
        read = _MODEL_COLUMNS[row["backend"]]
        columns = ("replicates", *_TRACK_COLUMNS)
        ignored = [name for name in columns if row[name] is not None and name not in read]
        if ignored:
            problems.append(
                f"{path}: model '{row['model']}' of backend {row['backend']} does not read {', '.join(ignored)}; "
                "leave that empty"
            )
        if ("{replicate}" in row["weights"]) != (row["replicates"] is not None):
            problems.append(
                f"{path}: model '{row['model']}' must have both '{{replicate}}' in weights and a list of replicates, "
                "or neither"
            )
    return problems


def _broken_references(config: Mapping[str, Any], sheets: Mapping[str, list[Row]], where: str) -> list[str]:
    """Ids and builds that one part of the run names and another does not provide."""
    problems = _cohort_contradictions(sheets["cohorts"], config["sheets"]["cohorts"])
    problems += _contradictory_models(sheets["models"], config["sheets"]["models"])
    problems += _unknown_cohorts(config, sheets)
    problems += _broken_pairs(config, sheets, where)
    for row in sheets["studies"]:
        if row["trait_type"] == "case_control" and (row["n_cases"] is None) != (row["n_controls"] is None):
            place = f"{config['sheets']['studies']}: study '{row['study']}'"
            problems.append(f"{place} has only one of n_cases and n_controls; give both or neither")
    known = {config["genome"]["build"], *config["genome"]["chains"]}
    for name, column in (("studies", "study"), ("qtls", "qtl")):
        problems += [
            f"{config['sheets'][name]}: {column} '{row[column]}' is on {row['build']}, the run on "
            f"{config['genome']['build']}, and {where} has no 'genome.chains.{row['build']}'"
            for row in sheets[name]
            if row["build"] not in known
        ]
    problems += _unfitted_priors(config, where)
    models = [row["model"] for row in sheets["models"]]
    problems += [
        f"{where}: 'mutagenesis.models' names '{name}', which is no model{_suggestion(str(name), models)}"
        for name in config["mutagenesis"]["models"] or ()
        if name not in models
    ]
    ld = config["finemapping"]["ld"]
    if ld["warn_lambda"] > ld["fail_lambda"]:
        problems.append(f"{where}: 'finemapping.ld.warn_lambda' is above 'finemapping.ld.fail_lambda'")
    return problems
