"""Where a run stands: its stages, what failed and why, from Snakemake's own records and the logs of the jobs."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from locus2target.core.errors import InputError
from locus2target.core.snakemake_calls import call_snakemake, planned_jobs

_HEAD = re.compile(r"^SNAKEMAKE\n=+$", re.MULTILINE)
_CONFIG = re.compile(r"^  Config file\(s\): \[(?:PosixPath\()?'([^']+)'", re.MULTILINE)
_STARTED = re.compile(r"^  Date: (.+)$", re.MULTILINE)
_STEPS = re.compile(r"^(\d+) of (\d+) steps", re.MULTILINE)
_ELAPSED = re.compile(r"^Elapsed time: (.+?)(?:\.\d+)?$", re.MULTILINE)
_NOTHING_TO_DO = "Nothing to be done"
_JOB_LOG_ERROR = " ERROR "
# The last line of a traceback: a class of a module, or one of Python's own.
_EXCEPTION = re.compile(r"^(?:(?:[A-Za-z_]\w*\.)+[A-Z]\w*(?::|$)|\w*(?:Error|Exception|Interrupt|Exit)\b)")
_LONGEST_LINE = 300
NOT_STARTED, RUNNING, SILENT, FINISHED, FAILED = "not started", "running", "silent", "finished", "failed"
_SILENT_AFTER = 900.0  # seconds without a sign of life, after which a run may have been killed


@dataclass(frozen=True, slots=True)
class LastRun:
    """What Snakemake's newest log says.

    Attributes
    ----------
    state
        `not started`, `running`, `silent` (neither ended nor written a line for a while), `finished` or `failed`.
    config
        The config it was started with; empty when there was no run.
    started
        Seconds since the epoch; 0 when there was no run.
    took
        Time from start to end, as Snakemake gives it; empty before the end.
    steps
        Jobs done, and jobs there were, as Snakemake counts them.
    log
        Path of the log; empty when there was no run.
    """

    state: str
    config: str = ""
    started: float = 0.0
    took: str = ""
    steps: tuple[int, int] = (0, 0)
    log: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """One job: its rule, its part of the log's path (study, batch, ...), its log, and the last error there."""

    rule: str
    name: str
    log: str
    error: str = ""


@dataclass(slots=True)
class Stage:
    """A rule's jobs: how many there should be (None when not known), and what became of them.

    `outdated` are done, and Snakemake would make them again: code, settings or inputs have changed. `seconds` is the
    sum over the jobs that are done.
    """

    rule: str
    expected: int | None
    done: int = 0
    outdated: int = 0
    running: list[Unit] = field(default_factory=list)
    failed: list[Unit] = field(default_factory=list)
    seconds: float = 0.0


def read_last_run(folder: Path, *, now: float) -> LastRun:
    """Read the newest log of a run of jobs in `folder`; dry runs and summaries leave none with a head.

    Parameters
    ----------
    folder
        The folder in which Snakemake ran.
    now
        Seconds since the epoch.
    """
    for path in sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"), reverse=True):
        text = path.read_text(errors="replace")
        if _HEAD.search(text):
            return _last_run(path, text, _newest_change(folder, path), now)
    return LastRun(NOT_STARTED)


def _last_run(path: Path, text: str, last_sign: float, now: float) -> LastRun:
    config, started, took = _CONFIG.search(text), _STARTED.search(text), _ELAPSED.search(text)
    steps = _STEPS.findall(text)
    return LastRun(
        state=_state(text, now - last_sign),
        config="" if config is None else config[1],
        started=0.0 if started is None else _seconds(started[1]),
        took="" if took is None else took[1],
        steps=(int(steps[-1][0]), int(steps[-1][1])) if steps else (0, 0),
        log=str(path),
    )


def _state(text: str, silence: float) -> str:
    if _NOTHING_TO_DO in text:  # Snakemake's last line then
        return FINISHED
    if "\nComplete log(s):" not in text:
        return SILENT if silence > _SILENT_AFTER else RUNNING
    steps = _STEPS.findall(text)
    return FINISHED if steps and steps[-1][0] == steps[-1][1] else FAILED


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


def _newest_change(folder: Path, log: Path) -> float:
    """When the run last wrote a line anywhere."""
    logs = (folder / "logs").rglob("*.log")
    return max(path.stat().st_mtime for path in (log, *logs))


def read_stages(folder: Path, run: LastRun) -> list[Stage]:
    """Stages of the run in the order of the workflow's graph.

    Raises
    ------
    InputError
        If Snakemake refuses the config that the run was started with.
    """
    expected = planned_jobs(run.config, directory=folder, everything=True)
    summary = call_snakemake(run.config, ("--summary",), directory=folder)
    return count_stages(folder, run, expected, summary)


def count_stages(folder: Path, run: LastRun, expected: Mapping[str, int], summary: str) -> list[Stage]:
    """Bring together what should be there, what is, and what the logs say.

    Parameters
    ----------
    folder
        The folder in which Snakemake ran.
    run
        Its last run.
    expected
        Jobs by rule, in the order to show.
    summary
        Table of `snakemake --summary`: a line per output.
    """
    stages = {rule: Stage(rule, n) for rule, n in expected.items()}
    complete, outdated = _outputs(summary)
    for rule, stage in stages.items():
        done = complete.get(rule, set())
        stage.done, stage.outdated = len(done), len(done & outdated)
        for unit in _units(folder, rule):
            if unit.log in done:
                stage.seconds += _benchmark_seconds(folder, unit)
            elif (folder / unit.log).stat().st_mtime >= run.started:
                _place(stage, unit, run)
    return list(stages.values())


def count_without_plan(folder: Path, run: LastRun) -> list[Stage]:
    """Stages by their logs alone, where Snakemake cannot say what should be there: done is what has a benchmark."""
    stages = []
    for rule in sorted(path.name for path in (folder / "logs").glob("*") if path.name != "benchmarks"):
        stage = Stage(rule, None)
        for unit in _units(folder, rule):
            seconds = _benchmark_seconds(folder, unit)
            if seconds > 0 and not unit.error:
                stage.done, stage.seconds = stage.done + 1, stage.seconds + seconds
            else:
                _place(stage, unit, run)
        stages.append(stage)
    return stages


def _place(stage: Stage, unit: Unit, run: LastRun) -> None:
    """A job that has begun and has no results yet runs, unless its log or the run's end say that it failed."""
    has_failed = unit.error or run.state not in {RUNNING, SILENT}
    (stage.failed if has_failed else stage.running).append(unit)


def _outputs(summary: str) -> tuple[dict[str, set[str]], set[str]]:
    """Logs of the jobs all of whose outputs are there, by rule; and those of jobs that would run again."""
    complete: dict[str, set[str]] = {}
    broken, outdated = set(), set()
    for line in summary.splitlines()[1:]:
        _, _, rule, log, status, plan = line.split("\t")
        if log == "-" or status == "missing":
            broken.add(log)
            continue
        complete.setdefault(rule, set()).add(log)
        if plan == "update pending":
            outdated.add(log)
    return {rule: logs - broken for rule, logs in complete.items()}, outdated


def _units(folder: Path, rule: str) -> Iterator[Unit]:
    """Jobs of a rule that have begun at some time: each has a log."""
    own = folder / "logs" / rule
    for path in sorted(own.rglob("*.log")):
        name = path.relative_to(own).with_suffix("").as_posix()
        yield Unit(rule, name, path.relative_to(folder).as_posix(), last_error(path))


def last_error(log: Path) -> str:
    """The last line of a job's log that tells an error; empty when none does."""
    lines = log.read_text(errors="replace").splitlines()
    found = next((line for line in reversed(lines) if _JOB_LOG_ERROR in line or _EXCEPTION.match(line)), "")
    return found.partition(_JOB_LOG_ERROR)[2][:_LONGEST_LINE] if _JOB_LOG_ERROR in found else found[:_LONGEST_LINE]


def _benchmark_seconds(folder: Path, unit: Unit) -> float:
    """Seconds that a job took, as Snakemake measured them; 0 where it did not."""
    short = f"logs/benchmarks/{unit.rule}.tsv" if unit.name == unit.rule else ""
    path = folder / (short or f"logs/benchmarks/{unit.rule}/{unit.name}.tsv")
    if not path.is_file():
        return 0.0
    values = path.read_text().splitlines()[-1].split("\t")
    return float(values[0]) if values[0].replace(".", "", 1).isdigit() else 0.0


# ---- text ----------------------------------------------------------------------------------------------------------


def describe_run(run: LastRun, *, now: float) -> list[str]:
    """State of the run in words."""
    if run.state == NOT_STARTED:
        return ["Nothing has run here yet."]
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    words = {
        RUNNING: f"running for {duration(now - run.started)}",
        SILENT: "has not ended and written nothing for a while: killed, or waiting for a cluster",
        FINISHED: f"finished after {run.took}" if run.took else "finished: there was nothing to do",
        FAILED: f"failed after {run.took}",
    }
    done, total = run.steps
    jobs = f"; {done} of its {total} jobs done" if total else ""
    head = f"Run of {run.config}, started {since}: {words[run.state]}{jobs}."
    return [head, run.log, *_what_to_do(run)]


def _what_to_do(run: LastRun) -> Iterator[str]:
    done, total = run.steps
    if run.state == FAILED:
        yield (
            f"{total - done} jobs were not done: what failed, and what waits for it. Below, results of earlier runs "
            "count as done."
        )
        yield "Mend the cause, then give the same command again: what is done is not repeated."
    if run.state == SILENT:
        yield "Was it killed? `./run resume` with the options of the run ends what it left behind and goes on."


def describe_stages(stages: Iterable[Stage]) -> list[str]:
    """A table of the stages, then each failed job with its log and error."""
    shown = list(stages)
    rows = [("stage", "done", "running", "failed", "seconds", "")]
    rows += [
        (
            stage.rule,
            f"{stage.done} of {'?' if stage.expected is None else stage.expected}",
            str(len(stage.running)),
            str(len(stage.failed)),
            f"{stage.seconds:.0f}",
            f"{stage.outdated} out of date" if stage.outdated else "",
        )
        for stage in shown
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if any(stage.outdated for stage in shown):
        lines.append("out of date: code, settings or inputs have changed since; the next run makes them again")
    for title, units in (
        ("Running", [unit for stage in shown for unit in stage.running]),
        ("Failed", [unit for stage in shown for unit in stage.failed]),
    ):
        if units:
            lines += ["", title, *(line for unit in units for line in _unit_lines(unit))]
    return lines


def _unit_lines(unit: Unit) -> list[str]:
    told = [f"    {unit.error}"] if unit.error else []
    return [f"  {unit.rule} {unit.name}: {unit.log}", *told]


def duration(seconds: float) -> str:
    """Time in words.

    >>> [duration(seconds) for seconds in (42, 3_700)]
    ['42 s', '1 h 1 min']
    """
    minutes = int(seconds) // 60
    if minutes == 0:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def stages_of(folder: Path, run: LastRun) -> tuple[list[Stage], str]:
    """Stages, and what could not be said of them; empty when all could."""
    try:
        return read_stages(folder, run), ""
    except InputError as error:
        return count_without_plan(folder, run), f"How many jobs there should be is not known. {error}"
