"""Settings, names and input functions of all stages. Every cluster job parses this file: keep it light."""

import sys
from importlib import metadata
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
# Appended, not put first: an installed package must not lose against a script of the same name.
if str(SCRIPTS) not in sys.path:
    sys.path.append(str(SCRIPTS))

from locus2target.core.digest import script_digest
from locus2target.core.errors import InputError
from locus2target.core.settings import load_settings

CONFIG_FILE = str((workflow.overwrite_configfiles or workflow.configfiles)[-1])
try:
    SETTINGS = load_settings(
        config, schemas=SCRIPTS.parent / "schemas", where=CONFIG_FILE
    )
    if workflow.is_main_process:  # jobs need not look at every input again
        from locus2target.ingest.preflight import check_inputs

        check_inputs(SETTINGS, where=CONFIG_FILE)
except InputError as error:
    raise WorkflowError(str(error)) from None

STUDIES = list(SETTINGS.studies)
QTLS = list(SETTINGS.qtls)
MODELS = list(SETTINGS.models)
DISEASES = SETTINGS.diseases
COHORT_FILES = [row["genotypes"] for rows in SETTINGS.cohorts.values() for row in rows]
GPUS = 0 if config["scoring"]["device"] == "cpu" else 1


wildcard_constraints:
    study="[A-Za-z0-9_]+",
    qtl="[A-Za-z0-9_]+",
    model="[A-Za-z0-9_]+",
    disease="[A-Za-z0-9_]+",
    scatteritem=r"\d+-of-\d+",


scattergather:
    locus_batches=config["loci"]["batches"],
    variant_batches=config["scoring"]["batches"],


def installed_version(package):
    """Version in the launching environment; with conda per rule, jobs may have others."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def pick(mapping, *keys):
    """Some entries only: a step reruns when what it uses changes, not with every edit of a section or a sheet."""
    return {key: mapping[key] for key in keys}


STUDY_TRAITS = {
    study: pick(row, "trait_type", "sd_y", "cohort")
    for study, row in SETTINGS.studies.items()
}
QTL_TRAITS = {
    qtl: pick(row, "qtl_type", "tissue", "sd_y", "coverage")
    for qtl, row in SETTINGS.qtls.items()
}
COHORT_TRAITS = {
    cohort: [pick(row, "chromosome", "genotypes", "dosage_field") for row in rows]
    for cohort, rows in SETTINGS.cohorts.items()
}
HARMONIZATION_SETTINGS = config["harmonization"] | pick(config["genome"], "build")
SCORE_SETTINGS = pick(config["scoring"], "batch_size", "device", "motif_p")
MUTATE_SETTINGS = SCORE_SETTINGS | pick(config["mutagenesis"], "flank_bp")
VARIANT_EFFECTS = [
    path
    for model in MODELS
    for path in gather.variant_batches(
        f"results/score_variants/{model}/{{scatteritem}}.parquet"
    )
]
MUTAGENESIS = [
    path.replace("score_variants", "mutate_windows") for path in VARIANT_EFFECTS
]
SOFTWARE = ("snakemake", "numpy", "pandas", "scipy", "torch", "cyvcf2", "pysam", "rpy2")
RUN_FACTS = {
    "config_file": CONFIG_FILE,
    "config": dict(config),
    "studies": SETTINGS.studies,
    "cohorts": SETTINGS.cohorts,
    "qtls": SETTINGS.qtls,
    "models": SETTINGS.models,
    "launched_with": {name: installed_version(name) for name in SOFTWARE},
}


def library(step):
    """Digest of the library modules that a step's script imports."""
    return script_digest(SCRIPTS / f"{step}.py")


def study_row(wildcards):
    """The study's row of the sheet."""
    return SETTINGS.studies[wildcards.study]


def qtl_row(wildcards):
    """The QTL set's row of the sheet."""
    return SETTINGS.qtls[wildcards.qtl]


def model_row(wildcards):
    """The model's row of the sheet."""
    return SETTINGS.models[wildcards.model]


def study_chain(wildcards):
    """Chain file that lifts the study to the run's build; nothing when it is there already."""
    return SETTINGS.chain(study_row(wildcards)["build"]) or []


def qtl_chain(wildcards):
    """Chain file that lifts the QTL set to the run's build; nothing when it is there already."""
    return SETTINGS.chain(qtl_row(wildcards)["build"]) or []


def study_disease(wildcards):
    """The disease the study is about."""
    return study_row(wildcards)["disease"]


def study_source(wildcards):
    """The study's own file."""
    return study_row(wildcards)["path"]


def qtl_source(wildcards):
    """The QTL set's own file."""
    return qtl_row(wildcards)["path"]


def model_weights(wildcards):
    """The model's weights."""
    return model_row(wildcards)["weights"]


def annotation_files(wildcards):
    """Annotations that the config gives."""
    return [path for path in config["annotations"].values() if path is not None]


def memory_for_ld(wildcards, attempt):
    """MB for one locus at a time: R and its working copies, float64, and the dosages; more on each attempt."""
    return 3000 * attempt
