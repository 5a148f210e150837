"""What a run will read, do and cost, told before anything runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from locus2target.core.input_files import named_files
from locus2target.core.remote_files import LATER, is_remote, url_of
from locus2target.core.settings import Settings
from locus2target.ingest.expected_loci import ExpectedLoci, expect_all
from locus2target.ingest.files import has_index
from locus2target.ingest.preflight import check_fetched
from locus2target.ingest.row_counts import count_genotypes, estimate_rows, file_kind, file_size
from locus2target.ingest.scoring_cost import BASIS, ScoringCost, scoring_cost, total_gpu_hours
from locus2target.statgen.loci import LocusRules

_WITH_HEADER = {"TSV", "CSV", "TXT", "VCF"}
_WITHOUT_HEADER = {"BED", "GTF", "GFF3", "GMT"}
_SINGULAR = {
    "studies": "study",
    "diseases": "disease",
    "cohorts": "cohort",
    "QTL sets": "QTL set",
    "models": "model",
}
_WIDTH = 110  # of running text
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the run reads: what for, where, how stored, bytes, and what it holds as far as that is cheap.

    One that is remote and not here has no size yet.
    """

    role: str
    path: str
    kind: str
    size: int | None
    holds: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a run before it starts.

    Attributes
    ----------
    config
        Name of the config.
    run_name, build
        As the config says.
    files
        What is read.
    counts
        How many studies, diseases, cohorts and so on.
    people
        People of each cohort; None where its genotypes are remote and not here.
    loci
        Loci of each study, or why they are not known.
    device
        As the config says: auto, cpu or cuda.
    scores_all
        Whether every variant of a locus is scored, or those with enough PIP.
    costs
        Of each model.
    jobs
        Jobs to run by rule; None where Snakemake was not asked.
    """

    config: str
    run_name: str
    build: str
    files: Sequence[InputFile]
    counts: Mapping[str, int]
    people: Mapping[str, int | None]
    loci: Mapping[str, ExpectedLoci | str]
    device: str
    scores_all: bool
    costs: Sequence[ScoringCost]
    jobs: Mapping[str, int] | None

    @property
    def analysed(self) -> int:
        """Loci that were counted and will be analysed."""
        return sum(loci.analysed for loci in self.loci.values() if isinstance(loci, ExpectedLoci))

    @property
    def variants(self) -> int:
        """Variants in the counted loci."""
        return sum(loci.variants for loci in self.loci.values() if isinstance(loci, ExpectedLoci))

    @property
    def is_whole(self) -> bool:
        """Whether the loci of every study were counted."""
        return all(isinstance(loci, ExpectedLoci) for loci in self.loci.values())


def make_plan(settings: Settings, *, config: str, jobs: Mapping[str, int] | None) -> Plan:
    """Look at the inputs of a run whose settings and files have no problem, as far as they are here.

    Parameters
    ----------
    settings
        As `preflight.load_run` gives them; with fetched files in place of addresses, the copies are checked first.
    config
        Name of the config.
    jobs
        Jobs to run by rule, from a dry run; None leaves them out.

    Raises
    ------
    InputError
        If a fetched copy cannot be used.
    """
    check_fetched(settings)
    values = settings.config
    here = {study: row for study, row in settings.studies.items() if not is_remote(row["path"])}
    loci = dict.fromkeys(settings.studies, LATER) | expect_all(here, LocusRules.from_settings(values["loci"]))
    counted = [one for one in loci.values() if isinstance(one, ExpectedLoci)]
    n_loci, n_variants = sum(one.analysed for one in counted), sum(one.variants for one in counted)
    return Plan(
        config=config,
        run_name=values["run_name"],
        build=values["genome"]["build"],
        files=list(_input_files(settings)),
        counts=_counts(settings),
        people=_people(settings),
        loci=loci,
        device=values["scoring"]["device"],
        scores_all=_scores_all(values),
        costs=_costs(settings, n_loci, n_variants),
        jobs=jobs,
    )


def _counts(settings: Settings) -> dict[str, int]:
    return {
        "studies": len(settings.studies),
        "diseases": len(settings.diseases),
        "cohorts": len(settings.cohorts),
        "QTL sets": len(settings.qtls),
        "models": len(settings.models),
    }


def _people(settings: Settings) -> dict[str, int | None]:
    """People by cohort: of its first file, or as the sheet says where there is an LD matrix."""
    return {cohort: _people_of(rows[0]) for cohort, rows in settings.cohorts.items()}


def _people_of(row: Mapping[str, Any]) -> int | None:
    if row["genotypes"] is None:
        return int(row["n_samples"])
    return None if is_remote(row["genotypes"]) else count_genotypes(row["genotypes"])[0]


def _scores_all(config: Mapping[str, Any]) -> bool:
    """Whether variants are scored whatever their PIP, because functional priors rest on the scores."""
    priors = config["functional_priors"]
    return bool(priors["enabled"] and "sequence_scores" in priors["features"])


def _costs(settings: Settings, n_loci: int, n_variants: int) -> list[ScoringCost]:
    scoring, mutagenesis = settings.config["scoring"], settings.config["mutagenesis"]
    chosen = settings.models if mutagenesis["models"] is None else mutagenesis["models"]
    return [
        scoring_cost(
            row,
            variants=n_variants,
            background=scoring["background_variants"],
            mutated_windows=n_loci * mutagenesis["variants_per_locus"] if model in chosen else 0,
            flank_bp=mutagenesis["flank_bp"],
        )
        for model, row in settings.models.items()
    ]


# ---- files ---------------------------------------------------------------------------------------------------------


def _input_files(settings: Settings) -> Iterator[InputFile]:
    for role, path in named_files(settings):
        url = url_of(path)
        if url is not None and not Path(path).exists():  # not fetched, or not for this step
            yield InputFile(role, url, "", None, LATER)
        else:
            kind = file_kind(path)
            yield InputFile(role, url or path, kind, file_size(path), _holds(path, kind))


def _holds(path: str, kind: str) -> str:
    content = kind.rsplit(maxsplit=1)[-1]
    if content in {"VCF", "BCF"} and has_index(path):
        samples, records = count_genotypes(path)
        return f"{samples:,} samples, {records:,} records"
    has_header = content in _WITH_HEADER
    return str(estimate_rows(path, has_header=has_header)) if has_header or content in _WITHOUT_HEADER else ""


# ---- text ----------------------------------------------------------------------------------------------------------


def describe(plan: Plan) -> str:
    """The plan in words, for a terminal."""
    sections = (_head(plan), _file_lines(plan), _locus_lines(plan), _cost_lines(plan), _job_lines(plan))
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(plan: Plan) -> list[str]:
    people = ", ".join(f"{cohort} {'remote' if n is None else f'{n:,}'}" for cohort, n in plan.people.items())
    return [
        f"Plan of {plan.config}: run {plan.run_name}, build {plan.build}",
        "  " + ", ".join(f"{n} {_SINGULAR[name] if n == 1 else name}" for name, n in plan.counts.items()),
        f"  people for LD: {people}",
    ]


def _file_lines(plan: Plan) -> list[str]:
    rows = [
        (file.role, file.kind, "" if file.size is None else _size(file.size), file.holds, file.path)
        for file in plan.files
    ]
    return ["What is read", *_aligned(rows)]


def _locus_lines(plan: Plan) -> list[str]:
    rows = [(study, _locus_words(loci)) for study, loci in plan.loci.items()]
    total = f"{plan.analysed} loci to analyse, {plan.variants:,} variants in them"
    return [
        "Loci expected, counted from leads before harmonisation, which may drop variants",
        *_aligned(rows),
        f"  {total}" if plan.is_whole else f"  at least {total}: not every study could be counted",
    ]


def _locus_words(loci: ExpectedLoci | str) -> str:
    if isinstance(loci, str):
        return loci
    only_listed = f", {loci.listed} only listed (too few variants, or in the MHC)" if loci.listed else ""
    return f"{loci.analysed} to analyse{only_listed}, {loci.variants:,} variants"


def _cost_lines(plan: Plan) -> list[str]:
    which = "every variant of a locus is scored" if plan.scores_all else "only variants with enough PIP are scored"
    bound = "at most" if plan.is_whole else "for the counted loci at most"
    rows = [(cost.model, cost.backend, f"{bound} {cost.windows:,} windows", *_hour_words(cost)) for cost in plan.costs]
    return [
        f"Sequence scores on device {plan.device}: {which}; scores in the cache cost nothing",
        *_aligned(rows),
        f"  GPU hours {bound} {_hours(total_gpu_hours(plan.costs))}",
        *wrap(BASIS, _WIDTH, initial_indent="  ", subsequent_indent="  "),
    ]


def _hour_words(cost: ScoringCost) -> tuple[str, str]:
    if cost.cpu_hours is None:
        return f"no figure for {cost.backend}: time a small batch first", ""
    gpu = "needs no GPU" if cost.gpu_hours is None or not cost.windows else f"{_hours(cost.gpu_hours)} GPU hours"
    return gpu, f"{_hours(cost.cpu_hours)} CPU hours"


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours == 0 or hours >= 0.1 else "0.1"


def _job_lines(plan: Plan) -> list[str]:
    if plan.jobs is None:
        return ["Jobs: Snakemake printed its own table when it started"]
    if not plan.jobs:
        return ["Jobs: nothing to do, every result is there"]
    rows = [(rule, str(n)) for rule, n in plan.jobs.items()]
    return ["Jobs to run; those whose results are there already are left out", *_aligned([*rows, _total(plan.jobs)])]


def _total(jobs: Mapping[str, int]) -> tuple[str, str]:
    return "total", str(sum(jobs.values()))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, columns padded to their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _size(n_bytes: int) -> str:
    """Size in decimal units.

    >>> [_size(n) for n in (12, 3_400, 5_000_000)]
    ['12 B', '3.4 kB', '5.0 MB']
    """
    size, unit = float(n_bytes), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
