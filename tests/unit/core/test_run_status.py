import os
import time
from pathlib import Path

import pytest

from locus2target.core.run_status import (
    FAILED,
    FINISHED,
    NOT_STARTED,
    RUNNING,
    SILENT,
    LastRun,
    Stage,
    count_stages,
    count_without_plan,
    describe_run,
    describe_stages,
    last_error,
    read_last_run,
)
from locus2target.core.snakemake_calls import parse_job_table

HEAD = """\
Assuming unrestricted shared filesystem usage.

SNAKEMAKE
=========
  Date: 2026-11-21 13:59:04
  Command: snakemake --cores 2
  Working directory: /somewhere
  Config file(s): [{config}]

Building DAG of jobs...
Job stats:
job              count
-------------  -------
make_bread           2
slice_bread          2
all                  1
total                5

Select jobs to execute...
"""
END = "Complete log(s): /somewhere\nElapsed time: 0:05:44.500925\n"
SUMMARY = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\n"


def write_log(folder: Path, text: str, name: str = "2026-11-21T135904.0") -> Path:
    path = folder / ".snakemake" / "log" / f"{name}.snakemake.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_unit(folder: Path, rule: str, name: str, text: str = "INFO done\n", seconds: float | None = None) -> None:
    log = folder / "logs" / rule / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    if seconds is not None:
        path = folder / "logs" / "benchmarks" / rule / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:01\n")


def run_of(folder: Path, text: str, config: str = "'config/config.yaml'") -> LastRun:
    write_log(folder, HEAD.format(config=config) + text)
    return read_last_run(folder, now=time.time())


def test_an_empty_folder_has_no_run(tmp_path: Path) -> None:
    run = read_last_run(tmp_path, now=0)
    assert run.state == NOT_STARTED
    assert describe_run(run, now=0) == ["Nothing has run here yet."]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("1 of 5 steps (20%) done\n", RUNNING),
        ("5 of 5 steps (100%) done\n" + END, FINISHED),
        ("Nothing to be done (all requested files are present and up to date).\n" + END, FINISHED),
        ("1 of 5 steps (20%) done\nExiting because a job execution failed.\n" + END, FAILED),
        ("1 of 5 steps (20%) done\nTerminating processes on user request\n" + END, FAILED),
    ],
)
def test_state_of_the_last_run(tmp_path: Path, text: str, state: str) -> None:
    assert run_of(tmp_path, text).state == state


def test_a_failed_run_says_how_much_is_missing_and_what_to_do(tmp_path: Path) -> None:
    run = run_of(tmp_path, "2 of 5 steps (40%) done\nExiting because a job execution failed.\n" + END)
    text = "\n".join(describe_run(run, now=0))
    assert "2 of its 5 jobs done" in text
    assert "3 jobs were not done" in text
    assert "same command again" in text
    finished = run_of(tmp_path, "5 of 5 steps (100%) done\n" + END)
    assert len(describe_run(finished, now=0)) == 2


def test_out_of_date_is_explained_where_it_is_said() -> None:
    assert "inputs have changed" in "\n".join(describe_stages([Stage("make_bread", 2, done=2, outdated=1)]))
    assert "inputs have changed" not in "\n".join(describe_stages([Stage("make_bread", 2, done=2)]))


def test_a_run_that_has_long_been_silent(tmp_path: Path) -> None:
    log = write_log(tmp_path, HEAD.format(config="'c.yaml'"))
    os.utime(log, (1_000, 1_000))
    assert read_last_run(tmp_path, now=1_100).state == RUNNING
    assert read_last_run(tmp_path, now=9_000).state == SILENT


@pytest.mark.parametrize("config", ["'my/config.yaml'", "PosixPath('/data/my/config.yaml')"])
def test_the_config_of_the_run_is_known(tmp_path: Path, config: str) -> None:
    run = run_of(tmp_path, "5 of 5 steps (100%) done\n" + END, config)
    assert run.config.endswith("my/config.yaml")
    assert run.steps == (5, 5)
    assert run.took == "0:05:44"


def test_logs_of_dry_runs_and_summaries_are_passed_over(tmp_path: Path) -> None:
    write_log(tmp_path, "Building DAG of jobs...\n", "2027-01-01T000000.0")
    assert run_of(tmp_path, "5 of 5 steps (100%) done\n" + END).state == FINISHED


def test_job_table_is_in_the_order_of_the_graph_without_targets() -> None:
    assert parse_job_table(HEAD) == {"make_bread": 2, "slice_bread": 2}
    assert parse_job_table("Nothing to be done.") == {}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("2026 INFO a: b\n2026 ERROR locus2target: gwas.tsv: it is cut short. Copy it again.\n", "gwas.tsv: it is cut"),
        ("Traceback (most recent call last):\n  File\nValueError: 0 windows\n\n", "ValueError: 0 windows"),
        ("x ERROR l: unexpected error\nTraceback\n  f()\npyarrow.lib.ArrowInvalid: no Parquet\n", "ArrowInvalid: no"),
        ("x ERROR l: unexpected error\nTraceback\n  f()\nKeyError: 'a'\n", "KeyError: 'a'"),
        ("2026-11-21 14:00:00 INFO a.b.c: all is well\ngenome.fa: read\n", ""),
        ("INFO all is well\nno ERRORS here\n", ""),
    ],
)
def test_last_error_of_a_log(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "job.log").write_text(text)
    found = last_error(tmp_path / "job.log")
    assert error in found
    assert bool(error) == bool(found)


def test_stages_of_a_failed_run(tmp_path: Path) -> None:
    run = run_of(tmp_path, "1 of 5 steps (20%) done\n" + END)
    write_unit(tmp_path, "make_bread", "rye", seconds=12.5)
    write_unit(tmp_path, "make_bread", "wheat", "2026 ERROR locus2target: no flour\n")
    summary = SUMMARY + (
        "rye.a\tnow\tmake_bread\tlogs/make_bread/rye.log\tok\tno update\n"
        "rye.b\tnow\tmake_bread\tlogs/make_bread/rye.log\tparams changed\tupdate pending\n"
        "wheat.a\t-\tmake_bread\t-\tmissing\tupdate pending\n"
    )
    bread, slices = count_stages(tmp_path, run, {"make_bread": 2, "slice_bread": 2}, summary)
    assert (bread.done, bread.outdated, bread.seconds) == (1, 1, 12.5)
    assert [(unit.name, unit.log) for unit in bread.failed] == [("wheat", "logs/make_bread/wheat.log")]
    assert (slices.done, slices.failed, slices.running) == (0, [], [])
    text = "\n".join(describe_stages([bread, slices]))
    assert "1 of 2" in text
    assert "make_bread wheat: logs/make_bread/wheat.log\n    locus2target: no flour" in text


def test_a_job_half_of_whose_outputs_are_missing_is_not_done(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5 of 5 steps (100%) done\n" + END)
    write_unit(tmp_path, "make_bread", "rye")
    log = "logs/make_bread/rye.log"
    summary = f"{SUMMARY}a\tnow\tmake_bread\t{log}\tok\tx\nb\t-\tmake_bread\t{log}\tmissing\tx\n"
    (bread,) = count_stages(tmp_path, run, {"make_bread": 1}, summary)
    assert bread.done == 0


def test_stages_of_a_running_run(tmp_path: Path) -> None:
    run = run_of(tmp_path, "0 of 5 steps (0%) done\n")
    write_unit(tmp_path, "make_bread", "rye")
    write_unit(tmp_path, "make_bread", "wheat", "2026 ERROR x: y\n")  # goes on with --keep-going
    write_unit(tmp_path, "make_bread", "old")
    os.utime(tmp_path / "logs/make_bread/old.log", (1, 1))  # of an earlier run: has not begun in this one
    (bread,) = count_stages(tmp_path, run, {"make_bread": 3}, SUMMARY)
    assert [unit.name for unit in bread.running] == ["rye"]
    assert [unit.name for unit in bread.failed] == ["wheat"]


def test_stages_where_snakemake_cannot_be_asked(tmp_path: Path) -> None:
    run = run_of(tmp_path, "5 of 5 steps (100%) done\n" + END)
    write_unit(tmp_path, "make_bread", "rye", seconds=3)
    write_unit(tmp_path, "slice_bread", "rye", "KeyError: 'knife'\n")
    bread, slices = count_without_plan(tmp_path, run)
    assert (bread.done, bread.expected, bread.failed) == (1, None, [])
    assert slices.failed[0].error == "KeyError: 'knife'"
    assert "1 of ?" in "\n".join(describe_stages([bread, slices]))
