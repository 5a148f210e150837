"""A look at every file that a run will read, before any job starts."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.config_file import read_config
from locus2target.core.errors import InputError, shortened
from locus2target.core.remote_files import (
    ONE_FILE_BACKENDS,
    FetchedFile,
    check_matrix_name,
    check_remote,
    is_remote,
    refuse_remote,
)
from locus2target.core.settings import RefusedValueError, Settings, examine_settings, refuse, without_guards
from locus2target.ingest.cohort import check_genotypes
from locus2target.ingest.columns import (
    CREDIBLE_SET_DEFAULTS,
    CREDIBLE_SET_NAMES,
    CREDIBLE_SET_NEEDS,
    QTL_DEFAULTS,
    QTL_NAMES,
    STUDY_DEFAULTS,
    STUDY_NAMES,
    parse_column_map,
)
from locus2target.ingest.files import require_file
from locus2target.ingest.genome import check_build
from locus2target.ingest.ld_matrix import variants_path
from locus2target.ingest.readers import check_delimited, check_gwas_vcf
from locus2target.ingest.regions import read_regions
from locus2target.statgen.loci import LocusRules

Check = Callable[[], object]
_LOCAL_FILES = (("report", "review"), ("ranking", "weights"), ("mutagenesis", "motifs"))
_LOCAL_PATHS = (  # not looked at otherwise: by-name steps read them, or they need not be there
    ("scoring", "cache"),
    ("accessibility_training", "peaks"),
    ("accessibility_training", "motifs"),
    ("ranking_benchmark", "credible_sets"),
    ("ranking_benchmark", "genes"),
    ("ranking_benchmark", "truth"),
    ("ranking_benchmark", "gene_sets"),
    ("ranking_benchmark", "models"),
)


def load_run(config: Mapping[str, Any], *, schemas: Path, where: str) -> Settings:
    """Validate config, sheets and files, and report every problem of all three at once.

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
        That lists every problem found.
    """
    settings, problems = examine_run(config, schemas=schemas, where=where)
    refuse([*_problems_of_yaml(where), *problems], where)
    return without_guards(settings, config)


def _problems_of_yaml(where: str) -> list[str]:
    """What Snakemake, which reads the config file itself, lets pass."""
    try:
        if Path(where).is_file():
            read_config(where)
    except InputError as error:
        return [str(error)]
    return []


def examine_run(config: Mapping[str, Any], *, schemas: Path, where: str) -> tuple[Settings, list[str]]:
    """What is sound of the settings (see `settings.Sound`), and the problems of config, sheets and files.

    A file that a refused key or cell names is not looked at; every other file is.
    """
    settings, problems = examine_settings(config, schemas=schemas, where=where)
    return settings, list(dict.fromkeys([*problems, *file_problems(settings, where=where)]))


def check_inputs(settings: Settings, *, where: str) -> None:
    """Refuse a run whose files are missing, not indexed, cut short, on another build, or lack a column.

    Parameters
    ----------
    settings
        The validated config and sheets.
    where
        Name of the config for messages.

    Raises
    ------
    InputError
        That lists every problem found.
    """
    refuse(file_problems(settings, where=where), where)


def check_fetched(settings: Settings) -> None:
    """Look into remote studies, QTL sets and cohorts now that their copies are here.

    Parameters
    ----------
    settings
        As step `check_run` is handed them, with the copies' paths.

    Raises
    ------
    InputError
        That tells the first problem found.
    """
    for check in _checks_of_statistics(
        replace(
            settings,
            studies={study: row for study, row in settings.studies.items() if _is_fetched(row, "path")},
            qtls={qtl: row for qtl, row in settings.qtls.items() if _is_fetched(row, "path")},
            cohorts={
                cohort: [row for row in rows if _is_fetched(row, "genotypes", "ld_matrix")]
                for cohort, rows in settings.cohorts.items()
            },
        )
    ):
        check()


def _is_fetched(row: Mapping[str, Any], *columns: str) -> bool:
    return any(isinstance(row[column], FetchedFile) for column in columns)


def file_problems(settings: Settings, *, where: str) -> list[str]:
    """One line per file that cannot be used, with its place and the remedy."""
    problems = []
    for check in _checks(settings, where):
        try:
            check()
        except InputError as error:
            problems.append(str(error))
        except RefusedValueError:  # the settings' own problem, told already
            continue
    return problems


def _checks(settings: Settings, where: str) -> Iterator[Check]:
    """Checks that ask for their values when they are called."""
    config = settings.config
    yield partial(_check_genome, config, where)
    yield partial(_check_loci, config)
    yield partial(_check_file, config, ("genome", "gtf"), where)
    for keys in _LOCAL_FILES:
        yield partial(_check_local_file, config, keys, where)
    for keys in _LOCAL_PATHS:
        yield partial(_refuse_remote_value, config, keys, where)
    for build in config.get("genome", {}).get("chains", {}):
        yield partial(_check_file, config, ("genome", "chains", build), where)
    for name in config.get("annotations", {}):
        yield partial(_check_file, config, ("annotations", name), where)
    for path in config.get("pathways", {}).get("gene_sets", ()):
        yield partial(_is_here, path, f"{where}, pathways.gene_sets")
    for model in settings.models:
        yield partial(_check_model, settings, model, f"{_sheet(config, 'models')}, model '{model}'")
    yield from _checks_of_statistics(settings)


def _checks_of_statistics(settings: Settings) -> Iterator[Check]:
    """Checks of studies, QTL sets and cohorts."""
    config = settings.config
    for study, row in settings.studies.items():
        yield partial(_check_study, row, f"{_sheet(config, 'studies')}, study '{study}'")
    for qtl, row in settings.qtls.items():
        yield partial(_check_qtl, row, f"{_sheet(config, 'qtls')}, qtl '{qtl}'")
    for cohort, rows in settings.cohorts.items():
        for row in rows:
            yield partial(_check_ld_source, row, f"{_sheet(config, 'cohorts')}, cohort '{cohort}'")


def _sheet(config: Mapping[str, Any], name: str) -> str:
    return str(config["sheets"][name])


def _check_loci(config: Mapping[str, Any]) -> None:
    """The lengths of windows and loci go together; the MHC is a region, and so is what restricts the run."""
    LocusRules.from_settings(config["loci"])
    read_regions(config["loci"]["regions"], where="config, loci.regions")


def _is_here(path: str, place: str) -> bool:
    """Whether the file can be looked into now: it is here, or remote and can be fetched; refused when it is neither."""
    if is_remote(path):
        check_remote(path, where=place)
        return False
    require_file(path, where=place)
    return True


def _value(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    value: Any = config
    for key in keys:
        value = value[key]
    return value


def _check_file(config: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    value = _value(config, keys)
    if value is not None:  # an annotation that the run goes without
        _is_here(value, f"{where}, {'.'.join(keys)}")


def _check_local_file(config: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    _refuse_remote_value(config, keys, where)
    value = _value(config, keys)
    if value is not None:
        require_file(value, where=f"{where}, {'.'.join(keys)}")


def _refuse_remote_value(config: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    value = _value(config, keys)
    for path in value if isinstance(value, list) else [value]:
        refuse_remote(path, where=f"{where}, {'.'.join(keys)}")


def _check_study(row: Mapping[str, Any], place: str) -> None:
    """The file is there, is not cut short as far as its end tells, and has the columns that are needed."""
    path, form = row["path"], row["format"]
    if not _is_here(path, place):
        return
    if form == "gwas_vcf":
        check_gwas_vcf(path)
    elif form == "credible_sets":
        mapping = parse_column_map(row["columns"], names=CREDIBLE_SET_NAMES, where=f"{place}, columns")
        check_delimited(path, mapping, CREDIBLE_SET_DEFAULTS, needs=CREDIBLE_SET_NEEDS)
    else:
        mapping = parse_column_map(row["columns"], names=STUDY_NAMES, where=f"{place}, columns")
        check_delimited(path, mapping, STUDY_DEFAULTS)


def _check_qtl(row: Mapping[str, Any], place: str) -> None:
    if not _is_here(row["path"], place):
        return
    mapping = parse_column_map(row["columns"], names=QTL_NAMES, where=f"{place}, columns")
    check_delimited(row["path"], mapping, QTL_DEFAULTS)


def _check_model(settings: Settings, model: str, place: str) -> None:
    """Weights are there: files, or folders that a job looks into; and the background, where one is given."""
    row = settings.models[model]
    if is_remote(row["weights"]) and row["backend"] not in ONE_FILE_BACKENDS:
        refuse_remote(row["weights"], where=f"{place}, weights of backend {row['backend']}, a folder")
    for path in settings.weights(model):
        if not Path(path).is_dir():
            _is_here(path, place)
    if row["background"] is not None:
        _is_here(row["background"], place)


def _check_ld_source(row: Mapping[str, Any], place: str) -> None:
    """Genotypes can be read; an LD matrix has a list of its variants beside it, and jobs look inside."""
    matrix, genotypes = row["ld_matrix"], row["genotypes"]
    if not _is_here(matrix if genotypes is None else genotypes, place):
        if genotypes is None:
            check_matrix_name(matrix, where=place)
    elif genotypes is None:
        variants_path(matrix, where=place)
    else:
        check_genotypes(genotypes, dosage_field=row["dosage_field"], where=place)


def _check_genome(config: Mapping[str, Any], where: str) -> None:
    """The FASTA is there, and the lengths in its index, when it has one, are those of the build."""
    place, fasta = f"{where}, genome.fasta", config["genome"]["fasta"]
    index = Path(f"{fasta}.fai")
    if _is_here(fasta, place) and index.is_file():  # otherwise step index_reference looks at the lengths
        check_build(_indexed_lengths(index), config["genome"]["build"], where=f"{place}, {index}")


def _indexed_lengths(index: Path) -> dict[str, int]:
    """Bases by canonical chromosome."""
    lengths = {}
    for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
        name, *cells = line.split("\t")
        if not cells or not re.fullmatch("[0-9]{1,18}", cells[0]):
            raise InputError(
                f"the line {shortened(line)} is not of a FASTA index",
                where=str(index),
                remedy="Remove the index, or make it anew with `samtools faidx`.",
            )
        lengths[canonical_chromosome(name)] = int(cells[0])
    return lengths
