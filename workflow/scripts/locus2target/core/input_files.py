"""The files that a run reads, and what for. Imported while Snakemake parses the workflow: nothing heavy here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from locus2target.core.remote_files import FetchedFile, is_remote, urls_beside, with_files_beside
from locus2target.core.settings import Settings


class Fetch(Protocol):
    """Gives the copy of an address."""

    def __call__(self, url: str, /, *, is_kept: bool = False, beside: Iterable[FetchedFile] = ()) -> FetchedFile:
        """The copy, which stays after the run where `is_kept`, and the copies of what lies beside it."""
        ...


def named_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each file with what it is for; one that serves twice is listed twice."""
    yield from _files_of_config(settings.config)
    yield from _files_of_sheets(settings)


def _files_of_config(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for section, key in (("genome", "fasta"), ("genome", "gtf"), ("ranking", "weights"), ("mutagenesis", "motifs")):
        yield f"{section}.{key}", config[section][key]
    for build, path in config["genome"]["chains"].items():
        yield f"genome.chains.{build}", path
    for name, annotation in config["annotations"].items():
        if annotation is not None:
            yield f"annotations.{name}", annotation
    for path in config["pathways"]["gene_sets"]:
        yield "pathways.gene_sets", path


def _files_of_sheets(settings: Settings) -> Iterator[tuple[str, str]]:
    for study, row in settings.studies.items():
        yield f"study {study}", row["path"]
    for cohort, rows in settings.cohorts.items():
        for row in rows:
            for path in with_files_beside(row["ld_matrix"] if row["genotypes"] is None else row["genotypes"]):
                yield f"cohort {cohort}", path
    for qtl, row in settings.qtls.items():
        yield f"QTL set {qtl}", row["path"]
    for model in settings.models:
        for path in settings.weights(model):
            yield f"model {model}", path
        if settings.models[model]["background"] is not None:
            yield f"background of {model}", settings.models[model]["background"]


def with_copies(settings: Settings, fetch: Fetch) -> Settings:
    """The settings with the paths of fetched copies in place of all addresses.

    Parameters
    ----------
    settings
        As validated.
    fetch
        Gives the copy of an address.
    """

    def copy(path: Any, *, is_kept: bool = False) -> Any:
        return fetch(path, is_kept=is_kept) if is_remote(path) else path

    def copy_for_ld(path: Any) -> Any:
        return fetch(path, beside=[fetch(url) for url in urls_beside(path)]) if is_remote(path) else path

    config = settings.config
    genome = {
        "fasta": copy(config["genome"]["fasta"], is_kept=True),  # results link to it
        "gtf": copy(config["genome"]["gtf"]),
        "chains": {build: copy(path) for build, path in config["genome"]["chains"].items()},
    }
    changed = {
        "genome": config["genome"] | genome,
        "annotations": {name: copy(path) for name, path in config["annotations"].items()},
        "pathways": config["pathways"] | {"gene_sets": [copy(path) for path in config["pathways"]["gene_sets"]]},
    }
    return replace(
        settings,
        config=dict(config) | changed,
        studies={study: row | {"path": copy(row["path"])} for study, row in settings.studies.items()},
        qtls={qtl: row | {"path": copy(row["path"])} for qtl, row in settings.qtls.items()},
        models={
            model: row | {name: copy(row[name]) for name in ("weights", "background")}
            for model, row in settings.models.items()
        },
        cohorts={
            cohort: [row | {name: copy_for_ld(row[name]) for name in ("genotypes", "ld_matrix")} for row in rows]
            for cohort, rows in settings.cohorts.items()
        },
    )
