"""`./run check` before a run, and `./run status` on an empty, a finished and a failed one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from environment import STARTED_WITH
from running import planned_jobs, run_snakemake
from toy import ROOT, Toy

pytestmark = pytest.mark.workflow
CONFIG = "config/config.yaml"


def call(script: str, directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "workflow" / "scripts" / script), *arguments]
    return subprocess.run(command, cwd=directory, env=STARTED_WITH, capture_output=True, text=True, check=False)


def test_check_tells_what_a_run_will_do(toy_copy: Path) -> None:
    done = call("check_run.py", toy_copy, CONFIG)
    assert done.returncode == 0, done.stderr
    assert "4 studies, 4 diseases" in done.stdout
    assert "400 samples, 300 records" in done.stdout
    planned = planned_jobs(run_snakemake(toy_copy, "--dry-run", "--configfile", CONFIG).stdout)
    _, _, table = done.stdout.partition("Jobs to run")
    told = dict(line.split() for line in table.splitlines()[1:] if line.startswith("  "))
    assert {rule: int(n) for rule, n in told.items() if rule != "total"} == planned
    assert not (toy_copy / "results").exists()


def test_check_lists_problems_of_config_sheets_and_files_at_once(toy_copy: Path) -> None:
    config = yaml.safe_load((toy_copy / CONFIG).read_text())
    config["loci"]["windw_bp"] = 5
    config["finemapping"]["coverage"] = 2
    (toy_copy / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))
    (toy_copy / "data" / "genes.gtf").unlink()
    (toy_copy / "data" / "cohort.vcf.gz.tbi").unlink()
    sheet = toy_copy / "config" / "qtls.tsv"
    sheet.write_text(sheet.read_text().replace("\tfull\t", "\tall\t"))
    done = call("check_run.py", toy_copy, CONFIG)
    assert done.returncode == 1
    assert done.stderr.startswith("5 problems in config/config.yaml and what it names; nothing has run:")
    for words in ("'loci.windw_bp'", "'finemapping.coverage' is 2", "genes.gtf", "no index", "qtls.tsv, line 2"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\n", "is not YAML: expected ',' or ']', but got '<stream end>' at line 2, column 1. Mend"),
        ("just words\n", "has no keys"),
        (None, "cannot be read"),
    ],
)
def test_check_of_what_is_no_config(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "my.yaml").write_text(text)
    done = call("check_run.py", tmp_path, "my.yaml")
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_a_folder_without_a_run(tmp_path: Path) -> None:
    assert call("show_status.py", tmp_path).stdout == "Nothing has run here yet.\n"


def test_status_of_a_finished_run_and_of_a_failed_one(finished_toy: Toy, tmp_path: Path) -> None:
    done = call("show_status.py", finished_toy.directory)
    assert done.returncode == 0, done.stderr
    assert ": finished" in done.stdout  # after some time, or with nothing to do where a test ran it again
    lines = [line.split() for line in done.stdout.splitlines()]
    assert next(line[1:4] for line in lines if line[:1] == ["finemap_loci"]) == ["2", "of", "2"]
    rules = [line[0] for line in lines if line[2:3] == ["of"] and line[1].isdigit()]
    assert rules.index("harmonize_sumstats") < rules.index("finemap_loci") < rules.index("render_report")
    assert "Failed" not in done.stdout
    assert "1 no_lead" in done.stdout
    assert "no variant has -log10 p >=" in done.stdout

    failed = tmp_path / "run"
    shutil.copytree(finished_toy.directory, failed)
    table = failed / "results" / "harmonize_sumstats" / "toy_gwas.parquet"
    table.write_bytes(table.read_bytes()[:-500])
    run_snakemake(failed, "--cores", "1", "--configfile", CONFIG, check=False)
    told = call("show_status.py", tmp_path, "run/results").stdout
    assert ": failed after " in told
    assert "were not done" in told
    assert "define_loci toy_gwas: logs/define_loci/toy_gwas.log" in told
    assert "toy_gwas.parquet: the table is damaged" in told
