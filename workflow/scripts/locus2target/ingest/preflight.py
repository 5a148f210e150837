"""A look at every file that a run will read, before any job starts."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError
from locus2target.core.intervals import parse_region
from locus2target.core.settings import Settings
from locus2target.ingest.cohort import check_genotypes
from locus2target.ingest.files import require_file
from locus2target.ingest.genome import check_build
from locus2target.ingest.ld_matrix import variants_path

Check = Callable[[], object]


def check_inputs(settings: Settings, *, where: str) -> None:
    """Refuse a run whose files are missing, not indexed, cut short, or on another build than the config says.

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
    problems = []
    for check in _checks(settings, where):
        try:
            check()
        except InputError as error:
            problems.append(str(error))
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in dict.fromkeys(problems))
        raise InputError(f"inputs cannot be used:{listed}\n", where=where, remedy="Nothing has run.")


def _checks(settings: Settings, where: str) -> Iterator[Check]:
    config = settings.config
    yield partial(_check_genome, config["genome"], where)
    yield partial(parse_region, config["loci"]["mhc"]["region"], where=f"{where}, loci.mhc.region")
    for place, path in _plain_files(settings, where):
        yield partial(require_file, path, where=place)
    for model in settings.models:
        for path in settings.weights(model):
            yield partial(_check_weights, path, f"{config['sheets']['models']}, model '{model}'")
    for cohort, rows in settings.cohorts.items():
        place = f"{config['sheets']['cohorts']}, cohort '{cohort}'"
        for row in rows:
            yield partial(_check_ld_source, row, place)


def _plain_files(settings: Settings, where: str) -> Iterator[tuple[str, str]]:
    """Place that names a file, and the file."""
    config = settings.config
    yield f"{where}, genome.gtf", config["genome"]["gtf"]
    yield f"{where}, ranking.weights", config["ranking"]["weights"]
    yield f"{where}, mutagenesis.motifs", config["mutagenesis"]["motifs"]
    for build, path in config["genome"]["chains"].items():
        yield f"{where}, genome.chains.{build}", path
    for name, path in config["annotations"].items():
        if path is not None:
            yield f"{where}, annotations.{name}", path
    for path in config["pathways"]["gene_sets"]:
        yield f"{where}, pathways.gene_sets", path
    for sheet, kind in (("studies", "study"), ("qtls", "qtl")):
        rows: Mapping[str, Mapping[str, Any]] = getattr(settings, sheet)
        for name, row in rows.items():
            yield f"{config['sheets'][sheet]}, {kind} '{name}'", row["path"]
    for name, row in settings.models.items():
        if row["background"] is not None:
            yield f"{config['sheets']['models']}, model '{name}'", row["background"]


def _check_weights(path: str, place: str) -> None:
    """Weights are there: a file, or a folder that a job looks into."""
    if not Path(path).is_dir():
        require_file(path, where=place)


def _check_ld_source(row: Mapping[str, Any], place: str) -> None:
    """Genotypes can be read; an LD matrix has a list of its variants beside it, and jobs look inside."""
    if row["genotypes"] is None:
        variants_path(row["ld_matrix"], where=place)
    else:
        check_genotypes(row["genotypes"], dosage_field=row["dosage_field"], where=place)


def _check_genome(genome: Mapping[str, Any], where: str) -> None:
    """The FASTA is there, and the lengths in its index, when it has one, are those of the build."""
    place = f"{where}, genome.fasta"
    require_file(genome["fasta"], where=place)
    index = Path(f"{genome['fasta']}.fai")
    if index.is_file():  # otherwise step index_reference looks at the lengths
        check_build(_indexed_lengths(index), genome["build"], where=f"{place}, {index}")


def _indexed_lengths(index: Path) -> dict[str, int]:
    fields = (line.split("\t") for line in index.read_text().splitlines())
    return {canonical_chromosome(name): int(length) for name, length, *_ in fields}
