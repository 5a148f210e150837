"""Settings, names and input functions of all stages. Every cluster job parses this file: keep it light."""

import sys
from importlib import metadata
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
# Appended, not put first: an installed package must not lose against a script of the same name.
if str(SCRIPTS) not in sys.path:
    sys.path.append(str(SCRIPTS))

from locus2target.core.digest import package_digest, script_digest
from locus2target.core.errors import InputError
from locus2target.core.index_files import index_of
from locus2target.core.input_files import named_files
from locus2target.core.settings import load_settings
from locus2target.core.slurm_status import be_patient

# Snakemake imports the plugins that are installed before it reads this file.
if workflow.is_main_process and "snakemake_executor_plugin_slurm" in sys.modules:
    be_patient(sys.modules["snakemake_executor_plugin_slurm"])

CONFIG_FILE = str((workflow.overwrite_configfiles or workflow.configfiles)[-1])
try:
    if workflow.is_main_process:  # jobs need not look at every input again
        from locus2target.ingest.preflight import load_run as validated
    else:
        validated = load_settings
    SETTINGS = validated(config, schemas=SCRIPTS.parent / "schemas", where=CONFIG_FILE)
except InputError as error:
    raise WorkflowError(str(error)) from None


include: "storage.smk"


STUDIES = SETTINGS.studies_to_fine_map
IMPORTED = SETTINGS.imported_studies
QTLS = list(SETTINGS.qtls)
MODELS = list(SETTINGS.models)
DISEASES = SETTINGS.diseases
COHORT_FILES = SETTINGS.cohort_files
N_BATCHES = config["loci"]["batches"]
BATCHES = [f"{n}-of-{N_BATCHES}" for n in range(1, N_BATCHES + 1)] + IMPORTED
FIT_THREADS = 4 if config["finemapping"]["engine"] == "native" else 1
GPUS = 0 if config["scoring"]["device"] == "cpu" else 1


wildcard_constraints:
    study="[A-Za-z0-9_]+",
    qtl="[A-Za-z0-9_]+",
    model="[A-Za-z0-9_]+",
    disease="[A-Za-z0-9_]+",
    exposure="[A-Za-z0-9_]+",
    outcome="[A-Za-z0-9_]+",
    batch="|".join(BATCHES),
    scatteritem=r"\d+-of-\d+",


scattergather:
    locus_batches=N_BATCHES,
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
    study: pick(row, "disease", "trait_type", "sd_y", "cohort")
    for study, row in SETTINGS.studies.items()
}
QTL_TRAITS = {
    qtl: pick(row, "qtl_type", "tissue", "sd_y", "coverage", "cohort")
    for qtl, row in SETTINGS.qtls.items()
}
COHORT_TRAITS = {
    cohort: [
        pick(row, "chromosome", "genotypes", "ld_matrix", "n_samples", "dosage_field")
        for row in rows
    ]
    for cohort, rows in SETTINGS.cohorts.items()
}
LOCUS_SETTINGS = pick(
    config["loci"], "lead_p", "window_bp", "max_locus_bp", "min_variants", "mhc"
)
FIT_SETTINGS = {
    key: value for key, value in config["finemapping"].items() if key != "crosscheck"
}
PRIORS = config["functional_priors"]
FINE_MAPPED_BY = "apply_priors" if PRIORS["ranking"] == "functional" else "finemap_loci"
PRIOR_SETTINGS = {
    key: value for key, value in PRIORS.items() if key not in ("enabled", "ranking")
}
COLOCALIZATION_SETTINGS = pick(
    config["colocalization"],
    "prior_p1",
    "prior_p2",
    "prior_p12",
    "posterior_threshold",
    "min_shared_variants",
)
MENDELIAN = config["mendelian_randomization"]
TRAIT_EFFECT_SETTINGS = {
    key: value
    for key, value in MENDELIAN.items()
    if key not in ("min_posterior_h4", "pairs")
}
PRIOR_ENRICHMENT = (
    ["results/fit_priors/enrichment.parquet"] if PRIORS["enabled"] else []
)
PRIOR_EFFECTS = (
    gather.locus_batches("results/apply_priors/{scatteritem}.prior_effects.parquet")
    if PRIORS["enabled"]
    else []
)
TRAIT_PAIRS = [
    f"results/estimate_trait_effects/{pair['exposure']}.on.{pair['outcome']}.tsv"
    for pair in MENDELIAN["pairs"]
]
# What a prior feature already says; a motif change counts only in open chromatin.
EVIDENCE_OF_FEATURE = {
    "sequence_scores": ["motif_change", "gene_effect"],
    "open_chromatin": ["open_chromatin", "motif_change"],
    "coding_consequence": ["coding_consequence"],
}
IN_PRIOR = {
    source for feature in PRIORS["features"] for source in EVIDENCE_OF_FEATURE[feature]
}
PRIOR_SOURCES = sorted(IN_PRIOR) if PRIORS["ranking"] == "functional" else []
SCORED_MIN_PIP = (
    0
    if PRIORS["enabled"] and "sequence_scores" in PRIORS["features"]
    else config["scoring"]["min_pip"]
)
TARGET_ANNOTATIONS = pick(
    config["annotations"], "tractability", "known_drugs", "safety_constraint"
)
GENE_MODELS = config["annotations"]["gene_models_gff3"]
EVIDENCE_ANNOTATIONS = pick(
    config["annotations"], "open_chromatin", "enhancer_gene_links", "gene_constraint"
) | {
    "coding_consequences": config["annotations"]["coding_consequences"]
    or (GENE_MODELS and "results/predict_consequences/consequences.tsv")
}
EVIDENCE_SETTINGS = pick(config["ranking"], "gene_types", "candidate_window_bp") | {
    "in_prior": PRIOR_SOURCES,
    "posterior_threshold": config["colocalization"]["posterior_threshold"],
}
HARMONIZATION_SETTINGS = config["harmonization"] | pick(config["genome"], "build")
MODEL_SETTINGS = pick(
    config["scoring"], "batch_size", "chunk", "cache", "device", "motif_p"
) | pick(config["genome"], "build")
BACKGROUND_SETTINGS = MODEL_SETTINGS | pick(config["scoring"], "background_variants")
SCORE_SETTINGS = MODEL_SETTINGS | pick(config["scoring"], "tracks_per_score")
MUTATE_SETTINGS = MODEL_SETTINGS | pick(config["mutagenesis"], "flank_bp")
ALL_LOCI = [
    *gather.locus_batches("results/split_loci/{scatteritem}.parquet"),
    *collect("results/import_credible_sets/{study}.loci.parquet", study=IMPORTED),
]
UNIFORM_CREDIBLE_SETS = [
    *gather.locus_batches("results/finemap_loci/{scatteritem}.credible_sets.parquet"),
    *collect(
        "results/import_credible_sets/{study}.credible_sets.parquet", study=IMPORTED
    ),
]
SUMSTATS = [
    *collect("results/harmonize_sumstats/{study}.parquet", study=STUDIES),
    *collect("results/import_credible_sets/sumstats/{study}.parquet", study=IMPORTED),
]
VARIANT_EFFECTS = [
    path
    for model in MODELS
    for path in gather.variant_batches(
        f"results/score_variants/{model}/{{scatteritem}}.parquet"
    )
]
MUTATED_BY = [
    model
    for model in MODELS
    if config["mutagenesis"]["models"] is None
    or model in config["mutagenesis"]["models"]
]
IS_ZIP_FORM = any(argument.endswith(".zip") for argument in sys.argv)
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


def in_zip_form(path, **item):
    """An item of `snakemake --report` in the form of a zip only: the other form shows no page of more than 1.5 MB.

    Snakemake does not tell a workflow which form is asked for, so this looks at the command line.
    """
    return report(path, **item) if IS_ZIP_FORM else path


def library(step):
    """Params function: digest of the library modules that a step's script imports."""

    def of_step(wildcards):
        # A job works out its own rule's only, which is most of the time that parsing takes.
        return script_digest(SCRIPTS / f"{step}.py")

    return of_step


def whole_library(wildcards):
    """Params function: digest of all library modules, for the step that records them."""
    return package_digest(".")


def study_row(wildcards):
    """The study's row of the sheet."""
    return SETTINGS.studies[wildcards.study]


def qtl_row(wildcards):
    """The QTL set's row of the sheet."""
    return SETTINGS.qtls[wildcards.qtl]


def model_row(wildcards):
    """What the model's row of the sheet says of how it is run."""
    row = SETTINGS.models[wildcards.model]
    return {key: value for key, value in row.items() if key != "background"}


def study_chain(wildcards):
    """Chain file that lifts the study to the run's build; nothing when it is there already."""
    return SETTINGS.chain(study_row(wildcards)["build"]) or []


def qtl_chain(wildcards):
    """Chain file that lifts the QTL set to the run's build; nothing when it is there already."""
    return SETTINGS.chain(qtl_row(wildcards)["build"]) or []


def batch_loci(wildcards):
    """Loci of a batch; an imported study is a batch of its own."""
    if wildcards.batch in IMPORTED:
        return f"results/import_credible_sets/{wildcards.batch}.loci.parquet"
    return f"results/split_loci/{wildcards.batch}.parquet"


def fine_mapped(table, batch):
    """Path of a batch's fine-mapping table that ranking rests on."""
    step = "import_credible_sets" if batch in IMPORTED else FINE_MAPPED_BY
    return f"results/{step}/{batch}.{table}.parquet"


def batch_table(table):
    """Input function: a fine-mapping table of the batch."""

    def of_batch(wildcards):
        return fine_mapped(table, wildcards.batch)

    return of_batch


def all_batches(table):
    """A fine-mapping table of all batches."""
    return [fine_mapped(table, batch) for batch in BATCHES]


def batches_of_table(wildcards):
    """The table of every batch; rules/deal.smk says which tables are dealt."""
    return BATCHES_OF_TABLE[wildcards.table]


def dealt(table):
    """A disease's rows of a table, from all batches; a list, as of the tables of all batches."""
    return [f"results/deal_results/{table}/{{disease}}.parquet"]


def colocalization_priors(wildcards):
    """Prior weights of the disease signals' variants; nothing when they are uniform."""
    is_functional = config["colocalization"]["variant_priors"] == "functional"
    return "results/fit_priors/prior_weights.parquet" if is_functional else []


def exposure_row(wildcards):
    """The exposure's row of the studies sheet."""
    return SETTINGS.studies[wildcards.exposure]


def outcome_row(wildcards):
    """The outcome's row of the studies sheet."""
    return SETTINGS.studies[wildcards.outcome]


def study_disease(wildcards):
    """The disease the study is about."""
    return study_row(wildcards)["disease"]


def study_source(wildcards):
    """The study's own file."""
    return study_row(wildcards)["path"]


def qtl_source(wildcards):
    """The QTL set's own file."""
    return qtl_row(wildcards)["path"]


def study_index(wildcards):
    """Index of a study's file, which is then read by region; nothing without one, or where the run has no regions."""
    source = study_row(wildcards)["path"]
    return (config["loci"]["regions"] and index_of(source)) or []


def qtl_index(wildcards):
    """Index of a QTL set's file, which is then read around loci only; nothing without one."""
    return index_of(qtl_row(wildcards)["path"]) or []


def indexed_qtl_loci(wildcards):
    """Loci around which an indexed QTL set is read; nothing for one that is read whole."""
    return ALL_LOCI if qtl_index(wildcards) else []


def model_weights(wildcards):
    """The model's weights: one file or folder for each replicate."""
    return SETTINGS.weights(wildcards.model)


def given_background(wildcards):
    """Background that came with the model; nothing when the run samples its own."""
    return SETTINGS.models[wildcards.model]["background"] or []


def peaks(wildcards):
    """Open chromatin, for scores about a variant's own peak; nothing when the config gives none."""
    return config["annotations"]["open_chromatin"] or []


def mutagenesis(table=None):
    """A table of saturation mutagenesis of all models that do it; the maps themselves without a name."""
    suffix = "parquet" if table is None else f"{table}.parquet"
    return [
        path
        for model in MUTATED_BY
        for path in gather.variant_batches(
            f"results/mutate_windows/{model}/{{scatteritem}}.{suffix}"
        )
    ]


def annotation_files(wildcards):
    """Annotations that count as evidence, as far as the config gives them."""
    return [path for path in EVIDENCE_ANNOTATIONS.values() if path is not None]


def context_files(wildcards):
    """Annotations that name a cell type or tissue."""
    kinds = pick(config["annotations"], "open_chromatin", "enhancer_gene_links")
    return [path for path in kinds.values() if path is not None]


def target_annotation_files(wildcards):
    """Annotations of genes that never count as evidence."""
    return [path for path in TARGET_ANNOTATIONS.values() if path is not None]
