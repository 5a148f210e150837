"""The run's config and sheets, checked against closed schemas before any job starts.

Every problem is collected and reported at once. Imported while Snakemake parses the workflow, in each cluster job
too, so nothing heavy is imported here.
"""

import csv
import difflib
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError, shortened
from locus2target.core.remote_files import is_remote, with_files_beside

_NUMBER = re.compile(r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LARGEST_NUMBER = 1e15  # beyond it a number is a slip
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


def _is_number(_: object, value: object) -> bool:
    """Whether a value is a number that can be compared and computed with: no bound refuses NaN."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER


def _is_integer(_: object, value: object) -> bool:
    return _is_number(_, value) and value == int(value)  # type: ignore[call-overload]


def _is_text(_: object, value: object) -> bool:
    """Whether a value is text without control characters, which no path or name has."""
    return isinstance(value, str) and _CONTROL.search(value) is None


_DRAFT = jsonschema.Draft202012Validator
_Validator = jsonschema.validators.extend(
    _DRAFT,
    type_checker=_DRAFT.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_integer, "string": _is_text}),
)
_UNIQUE_ID = {"studies": "study", "qtls": "qtl", "models": "model"}
Row = dict[str, Any]
Check = Callable[[], Iterable[str]]


class RefusedValueError(KeyError):
    """A value was asked for that has been refused already: what rests on it cannot be judged."""


class Sound(dict[str, Any]):
    """The entries that follow their schema; asking for another one raises `RefusedValueError`."""

    def __missing__(self, key: str) -> Any:
        raise RefusedValueError(key)


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
        """Genotype and LD files of all cohorts; with remote ones, what lies beside them."""
        files = (path for rows in self.cohorts.values() for row in rows for path in _ld_files(row))
        return [part for path in files for part in with_files_beside(path)]

    def weights(self, model: str) -> list[str]:
        """Files or folders of a model's weights, one for each replicate."""
        row = self.models[model]
        if row["replicates"] is None:
            return [row["weights"]]
        names = str(row["replicates"]).split(",")
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
    settings, problems = examine_settings(config, schemas=schemas, where=where)
    refuse(problems, where)
    return without_guards(settings, config)


def examine_settings(config: Mapping[str, Any], *, schemas: Path, where: str) -> tuple[Settings, list[str]]:
    """Find every problem of a config and the sheets it names.

    Parameters
    ----------
    config, schemas, where
        See `load_settings`.

    Returns
    -------
    tuple
        What is sound of the settings (`Sound`: asking for the rest raises `RefusedValueError`), and the problems.
    """
    schema = _schema(schemas, "config")
    errors = list(_Validator(schema).iter_errors(config))
    sound = _sound_part(config, errors)
    sheets = {name: _read_sheet(name, sound, _schema(schemas, name)) for name in SHEETS}
    problems = list(_config_problems(errors, schema, where))
    problems += [problem for sheet in sheets.values() for problem in sheet.problems]
    problems += _judge(_references(sound, sheets, where))
    return _settings(sound, sheets), problems


def refuse(problems: Iterable[str], where: str) -> None:
    """Raise one InputError that lists all problems, each once; nothing happens when there are none."""
    distinct = list(dict.fromkeys(problems))
    if distinct:
        raise _refusal(distinct, where)


def without_guards(settings: Settings, config: Mapping[str, Any]) -> Settings:
    """The settings with the config as written and plain rows, which jobs can be handed."""
    plain: dict[str, Any] = {
        name: {key: dict(row) for key, row in getattr(settings, name).items()} for name in ("studies", "qtls", "models")
    }
    cohorts = {cohort: [dict(row) for row in rows] for cohort, rows in settings.cohorts.items()}
    return replace(settings, config=config, cohorts=cohorts, **plain)


def _sound_part(config: Mapping[str, Any], errors: Iterable[jsonschema.ValidationError]) -> Sound:
    """The config without the values that break the schema."""
    sound = _guarded(config) if isinstance(config, Mapping) else Sound()
    for error in errors:
        if error.validator not in {"additionalProperties", "required"}:
            _drop(sound, list(error.absolute_path))
    return sound


def _guarded(values: Mapping[str, Any]) -> Sound:
    return Sound({key: _guarded(value) if isinstance(value, Mapping) else value for key, value in values.items()})


def _drop(values: Sound, path: Sequence[str | int]) -> None:
    """Remove the value at a path; a list goes as a whole."""
    for key in path[:-1]:
        if not isinstance(values.get(str(key)), Sound):
            values.pop(str(key), None)
            return
        values = values[str(key)]
    if path:
        values.pop(str(path[-1]), None)


def _judge(checks: Iterable[Check]) -> list[str]:
    """Problems that checks find; one that asks for a refused value has nothing to say."""
    problems: list[str] = []
    for check in checks:
        try:
            problems += check()
        except RefusedValueError:
            continue
    return problems


def _settings(config: Sound, sheets: Mapping[str, "_Sheet"]) -> Settings:
    cohorts: dict[str, list[Row]] = {}
    for row in sheets["cohorts"].rows:
        if "cohort" in row:
            cohorts.setdefault(row["cohort"], []).append(row)
    rows: dict[str, dict[str, Row]] = {
        name: {row[column]: row for row in sheets[name].rows if column in row} for name, column in _UNIQUE_ID.items()
    }
    return Settings(config=config, cohorts=cohorts, **rows)


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


def _config_problems(
    errors: Iterable[jsonschema.ValidationError], schema: Mapping[str, Any], where: str
) -> Iterator[str]:
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
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
        word = "key" if len(absent) == 1 else "keys"
        yield f"missing {word} {', '.join(repr(inside + name) for name in absent)}"
    else:
        yield f"'{key}' is {shortened(error.instance)}, expected {_expected(error, schema)}"


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


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One sheet as read: rows without refused cells, problems, and whether every line is among the rows."""

    rows: list[Sound]
    problems: list[str]
    is_whole: bool

    def names(self, column: str) -> list[str]:
        """Ids of the sheet; refused when some of them are not known."""
        if not self.is_whole:
            raise RefusedValueError(column)
        return [row[column] for row in self.rows]


def _read_sheet(name: str, config: Sound, schema: Mapping[str, Any]) -> _Sheet:
    """Read one TSV sheet, values in the schema's types."""
    try:
        path = config["sheets"][name]
    except RefusedValueError:
        return _Sheet([], [], is_whole=False)
    try:
        if is_remote(path) or not Path(path).is_file():
            remedy = ": a sheet must be local" if is_remote(path) else ""
            return _Sheet([], [f"'sheets.{name}': no file {shortened(path)}{remedy}"], is_whole=False)
        header, lines = _split_sheet(path)
    except OSError as error:
        return _Sheet([], [f"'sheets.{name}': {path} cannot be opened ({error.strerror})"], is_whole=False)
    except InputError as error:
        return _Sheet([], [str(error)], is_whole=False)
    problems = _header_problems(header, list(schema["properties"]), path)
    if problems:
        return _Sheet([], problems, is_whole=False)
    rows: dict[int, Sound] = {}
    for number, cells in lines:
        place = f"{path}, line {number}"
        if len(cells) != len(header):
            problems.append(f"{place}: {len(cells)} cells, expected {len(header)} (separated by tabs)")
            continue
        row = {key: _cell(cell, schema["properties"][key]) for key, cell in zip(header, cells, strict=True)}
        refused = _row_problems(row, schema, place)
        problems += refused.values()
        rows[number] = Sound({key: value for key, value in row.items() if key not in refused})
    if not lines:
        problems.append(f"{path}: no rows")
    problems += _repeated_ids(rows, _UNIQUE_ID.get(name), path)
    return _Sheet(list(rows.values()), problems, is_whole=0 < len(rows) == len(lines))


def _split_sheet(path: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and line number and cells of each line below it that is not empty."""
    remedy = "Save the sheet as tab-separated text in UTF-8."
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
        header = next(reader, [])
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no sheet ({error})", where=path, remedy=remedy) from error
    for number, cells in [(1, header), *lines]:
        broken = next((cell for cell in cells if not cell.replace("\ufeff", "\0").isprintable()), None)
        if broken is not None:
            raise InputError(
                f"the cell {shortened(broken)} holds a character that cannot be printed, or several lines",
                where=f"{path}, line {number}",
                remedy=f"Write the cell anew. {remedy}",
            )
    return header, lines


def _header_problems(header: Sequence[str], columns: Sequence[str], path: str) -> list[str]:
    problems = [
        f"{path}, line 1: unknown column {shortened(name)}{_suggestion(name, columns)}"
        for name in header
        if name not in columns
    ]
    problems += [f"{path}, line 1: missing column '{name}'" for name in columns if name not in header]
    problems += [f"{path}, line 1: column '{name}' twice" for name in set(header) if header.count(name) > 1]
    return problems


def _cell(text: str, schema: Mapping[str, Any]) -> str | float | None:
    """Value of one cell: None when empty, a number where the schema asks for one and the text is one."""
    stripped = text.strip()
    if not stripped:
        return None
    types = schema.get("type", "string")
    if not {"number", "integer"} & set([types] if isinstance(types, str) else types):
        return stripped
    number = float(stripped) if _NUMBER.match(stripped) else math.nan
    if not math.isfinite(number):
        return stripped
    return int(number) if number.is_integer() else number


def _row_problems(row: Row, schema: Mapping[str, Any], place: str) -> dict[str, str]:
    """What is wrong with each column of a row."""
    errors = _Validator(schema).iter_errors(row)
    return {
        str(error.absolute_path[0]): f"{place}, column '{error.absolute_path[0]}': "
        + ("is empty" if error.instance is None else shortened(error.instance))
        + f", expected {_expected(error, schema)}"
        for error in errors
    }


def _repeated_ids(rows: Mapping[int, Row], column: str | None, path: str) -> list[str]:
    """Ids that stand in several rows of a sheet; `rows` by their line."""
    lines: dict[Any, list[str]] = {}
    for number, row in rows.items():
        if column is not None and column in row:
            lines.setdefault(row[column], []).append(str(number))
    return [
        f"{path}, lines {' and '.join(numbers)}: {column} '{name}' stands in {len(numbers)} rows; ids must be unique"
        for name, numbers in lines.items()
        if len(numbers) > 1
    ]


def _references(config: Sound, sheets: Mapping[str, _Sheet], where: str) -> Iterator[Check]:
    """Checks of what one part of the run says of another; each asks for its values when it is called."""
    for row in sheets["cohorts"].rows:
        yield partial(_ld_file_problems, row, config)
    for cohort in dict.fromkeys(row["cohort"] for row in sheets["cohorts"].rows if "cohort" in row):
        yield partial(_cohort_contradictions, cohort, sheets["cohorts"].rows, config)
    for row in sheets["models"].rows:
        yield partial(_contradictory_model, row, config)
    for name, column in (("studies", "study"), ("qtls", "qtl")):
        for row in sheets[name].rows:
            yield partial(_unknown_cohort, row, column, sheets["cohorts"], config, name)
            yield partial(_unknown_build, row, column, config, name, where)
    for row in sheets["studies"].rows:
        yield partial(_half_counts, row, config)
    yield partial(_broken_pairs, config, sheets["studies"], where)
    yield partial(_unfitted_priors, config, where)
    yield partial(_unknown_mutators, config, sheets["models"], where)
    yield partial(_reversed_limits, config, where)


def _ld_file_problems(row: Row, config: Sound) -> Iterator[str]:
    needs = "dosage_field" if row["ld_matrix"] is None else "n_samples"
    if len(_ld_files(row)) != 1 or row[needs] is None:
        yield (
            f"{config['sheets']['cohorts']}: cohort '{row['cohort']}' needs in each row either genotypes and "
            "dosage_field, or an ld_matrix and n_samples, the people behind it"
        )


def _cohort_contradictions(cohort: str, rows: Sequence[Row], config: Sound) -> Iterator[str]:
    """Two files for one chromosome, or several dosage fields: only one of them would be read."""
    place = f"{config['sheets']['cohorts']}: cohort '{cohort}'"
    of_cohort = [row for row in rows if row.get("cohort") == cohort]
    own = [row for row in of_cohort if row["genotypes"] is not None]
    if own and len(own) < len(of_cohort):
        yield f"{place} has genotypes in some rows and LD matrices in others; make two"
    for chromosome, count in Counter(canonical_chromosome(row["chromosome"]) for row in own).items():
        if count > 1:
            yield f"{place} has {count} rows for chromosome '{chromosome}'; give each one file"
    fields = sorted({row["dosage_field"] for row in own if row["dosage_field"] is not None})
    if len(fields) > 1:
        yield f"{place} has dosage fields {' and '.join(fields)}; give it one"


def _unknown_cohort(row: Row, kind: str, cohorts: _Sheet, config: Sound, sheet: str) -> Iterator[str]:
    """A study or QTL set that names a cohort which the cohorts sheet does not have."""
    known = set(cohorts.names("cohort"))
    if row["cohort"] is not None and row["cohort"] not in known:
        yield (
            f"{config['sheets'][sheet]}: {kind} '{row[kind]}' names cohort '{row['cohort']}', which is not in "
            f"{config['sheets']['cohorts']}{_suggestion(row['cohort'], sorted(known))}"
        )


def _unknown_build(row: Row, kind: str, config: Sound, sheet: str, where: str) -> Iterator[str]:
    build = config["genome"]["build"]
    if row["build"] not in {build, *config["genome"]["chains"]}:
        yield (
            f"{config['sheets'][sheet]}: {kind} '{row[kind]}' is on {row['build']}, the run on {build}, and {where} "
            f"has no 'genome.chains.{row['build']}'"
        )


def _half_counts(row: Row, config: Sound) -> Iterator[str]:
    if row["trait_type"] == "case_control" and (row["n_cases"] is None) != (row["n_controls"] is None):
        place = f"{config['sheets']['studies']}: study '{row['study']}'"
        yield f"{place} has only one of n_cases and n_controls; give both or neither"


def _broken_pairs(config: Sound, sheet: _Sheet, where: str) -> Iterator[str]:
    """Exposures and outcomes that are no study with summary statistics."""
    formats = dict(zip(sheet.names("study"), sheet.names("format"), strict=True))
    for number, pair in enumerate(config["mendelian_randomization"]["pairs"]):
        for role in ("exposure", "outcome"):
            place, name = f"{where}: 'mendelian_randomization.pairs.{number}.{role}'", pair.get(role)
            if name is None:  # told by the schema
                continue
            if name not in formats:
                yield f"{place} is '{name}', which is no study{_suggestion(name, sorted(formats))}"
            elif formats[name] == "credible_sets":
                yield f"{place} is '{name}', which comes as credible sets; it takes summary statistics"


def _unfitted_priors(config: Sound, where: str) -> Iterator[str]:
    """Uses of functional priors in a run that does not fit them."""
    if config["functional_priors"]["enabled"]:
        return
    for section, key in (("functional_priors", "ranking"), ("colocalization", "variant_priors")):
        if config[section][key] == "functional":
            yield f"{where}: '{section}.{key}' is functional, and 'functional_priors.enabled' is false"


def _contradictory_model(row: Row, config: Sound) -> Iterator[str]:
    """Replicates and weights that do not go together, and columns that the backend would ignore."""
    place = f"{config['sheets']['models']}: model '{row['model']}'"
    read = _MODEL_COLUMNS[row["backend"]]
    ignored = [name for name in ("replicates", *_TRACK_COLUMNS) if row.get(name) is not None and name not in read]
    if ignored:
        yield f"{place} of backend {row['backend']} does not read {', '.join(ignored)}; leave that empty"
    if ("{replicate}" in row["weights"]) != (row["replicates"] is not None):
        yield f"{place} must have both '{{replicate}}' in weights and a list of replicates, or neither"


def _unknown_mutators(config: Sound, sheet: _Sheet, where: str) -> Iterator[str]:
    models = sheet.names("model")
    for name in config["mutagenesis"]["models"] or ():
        if name not in models:
            yield f"{where}: 'mutagenesis.models' names '{name}', which is no model{_suggestion(str(name), models)}"


def _reversed_limits(config: Sound, where: str) -> Iterator[str]:
    ld = config["finemapping"]["ld"]
    if ld["warn_lambda"] > ld["fail_lambda"]:
        yield f"{where}: 'finemapping.ld.warn_lambda' is above 'finemapping.ld.fail_lambda'"
