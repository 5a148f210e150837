"""Settings, names and input functions that the rule files share. Every cluster job parses this: keep it light."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
if (
    str(SCRIPTS) not in sys.path
):  # appended: an installed package of the same name as one of ours must not lose
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


def select(sheet, *columns):
    """Some columns of a sheet, by id: a step then reruns when what it uses changes, not when a citation does."""

    def pick(row):
        return {column: row[column] for column in columns}

    return {
        key: [pick(row) for row in rows] if isinstance(rows, list) else pick(rows)
        for key, rows in sheet.items()
    }


# What each step needs of the settings and no more, so that a change reruns only the steps that use it.
HARMONIZATION_SETTINGS = {
    **config["harmonization"],
    "build": config["genome"]["build"],
}
LOCI_SETTINGS = {
    key: value for key, value in config["loci"].items() if key != "batches"
}
SCORE_SETTINGS = {
    key: config["scoring"][key] for key in ("batch_size", "device", "motif_p")
}
MUTATE_SETTINGS = {**SCORE_SETTINGS, "flank_bp": config["mutagenesis"]["flank_bp"]}
COHORTS = select(SETTINGS.cohorts, "chromosome", "genotypes", "dosage_field")
STUDY_TRAITS = select(
    SETTINGS.studies,
    *("disease", "trait_type", "n_samples", "n_cases", "n_controls", "sd_y", "cohort"),
)
QTL_TRAITS = select(
    SETTINGS.qtls, "qtl_type", "tissue", "n_samples", "sd_y", "coverage"
)

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
RUN_FACTS = {
    "config_file": CONFIG_FILE,
    "config": dict(config),
    "studies": SETTINGS.studies,
    "cohorts": SETTINGS.cohorts,
    "qtls": SETTINGS.qtls,
    "models": SETTINGS.models,
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
