"""The files that a run reads, and what for. Imported while Snakemake parses the workflow: nothing heavy here."""

from collections.abc import Iterator, Mapping
from typing import Any

from locus2target.core.settings import Settings


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
            yield f"cohort {cohort}", row["ld_matrix"] if row["genotypes"] is None else row["genotypes"]
    for qtl, row in settings.qtls.items():
        yield f"QTL set {qtl}", row["path"]
    for model in settings.models:
        for path in settings.weights(model):
            yield f"model {model}", path
        if settings.models[model]["background"] is not None:
            yield f"background of {model}", settings.models[model]["background"]
