"""Commands of the documents: run where they can run here, else held against the programs, options, files and keys."""

import importlib.util
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documents import (
    COMMAND_LANGUAGES,
    CONFIG_KEYS,
    DOCUMENTS,
    OTHER_LANGUAGES,
    Block,
    blocks_of,
    command_blocks,
    commands_of,
    squeezed,
)
from running import ENVIRONMENT
from toy import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"
GO_ON_FROM_IT = [path for path in DOCUMENTS if path != TUTORIAL and command_blocks(path, "run")]
NOT_INSTALLED_HERE = {
    "apptainer",
    "conda",
    "docker",
    "mamba",
    "module",
    "sbatch",
    "scancel",
    "snakedeploy",
    "squeue",
    "ssh",
    "tmux",
    "xdg-open",
}
SHELL_WORDS = {"[", "cd", "echo", "export", "for", "read", "source", "."}
WORKFLOW = "".join(path.read_text() for path in [ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
RULES = set(re.findall(r"^rule (\w+):", WORKFLOW, re.MULTILINE))
FILE_ENDINGS = {"html", "json", "md", "parquet", "py", "tsv", "yaml", "zip"}
STAMP = ROOT / ".setup" / "python-test"  # what `./run test` installed
PLACEHOLDER = re.compile(r"^[A-Z_]+$")


# ------------------------------------------------------------------------------------------------ blocks that run
@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as a user has it after `./run setup`, in which commands may write."""
    if not STAMP.exists():
        pytest.skip("`./run test` has not made the environment .venv, which `./run` in the documents would make")
    target = tmp_path_factory.mktemp("docs") / "locus2target"
    target.mkdir()
    for name in ("Snakefile", "rules", "workflow", "resources", "envs", "profiles", "slurm", "demo", "benchmarks"):
        (target / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "config", target / "config")
    shutil.copy2(ROOT / "run", target / "run")
    (target / ".venv").symlink_to(ROOT / ".venv")
    (target / ".setup").mkdir()
    shutil.copy2(STAMP, target / ".setup" / "python-demo")  # `./run` installs nothing
    return target


def run_blocks(blocks: list[Block], directory: Path) -> None:
    """Run blocks one after the other as a reader would, and look for what they should print."""
    environment = ENVIRONMENT | {"PATH": f"{Path(sys.executable).parent}:{ENVIRONMENT['PATH']}"}
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        for line in block.expected:
            assert squeezed(line) in squeezed(done.stdout), f"{block} did not print {line!r}:\n{done.stdout[-6000:]}"


@pytest.fixture(scope="module")
def after_tutorial(project: Path) -> Path:
    """The project after all steps of the tutorial."""
    run_blocks(command_blocks(TUTORIAL, "run"), project)
    return project


@pytest.mark.workflow
@pytest.mark.xdist_group("docs")
def test_the_tutorial_runs_and_prints_what_it_says(after_tutorial: Path) -> None:
    assert (after_tutorial / "results/render_report/report.html").exists()
    config = yaml.safe_load((after_tutorial / "my_run/config.yaml").read_text())
    shipped = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert config["finemapping"] == shipped["finemapping"]  # what it tried, it took back
    assert not [key for key, value in config["sheets"].items() if not value.startswith("my_run/")]


@pytest.mark.workflow
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("document", GO_ON_FROM_IT, ids=lambda path: path.name)
def test_documents_that_go_on_from_the_tutorial_run(after_tutorial: Path, document: Path) -> None:
    run_blocks(command_blocks(document, "run"), after_tutorial)


# ------------------------------------------------------------------------------------- blocks that are only read
@pytest.fixture(scope="session")
def snakemake_options() -> set[str]:
    """Options that the installed Snakemake and its plugins know."""
    command = [sys.executable, "-m", "snakemake", "--help"]
    shown = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?<![\w-])(--?[a-z][\w-]*)", shown))


READ = [block for document in DOCUMENTS for block in command_blocks(document)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_has_a_known_language_and_commands_have_a_mark(document: Path) -> None:
    for block in blocks_of(document):
        assert block.language in COMMAND_LANGUAGES | OTHER_LANGUAGES, f"{block}: language {block.language!r}"
        if block.language in COMMAND_LANGUAGES:
            assert block.mark in {"run", "parse"}, f"{block}: <!-- run --> or <!-- parse --> must stand before it"


@pytest.mark.parametrize("block", READ, ids=str)
def test_commands_name_programs_options_and_files_that_exist(block: Block, snakemake_options: set[str]) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"{block}: {checked.stderr}"
    for command in commands_of(block):
        words = shlex.split(command)
        problem = problem_of(words, snakemake_options) or problem_of_paths(words)
        assert not problem, f"{block}: {problem} in: {command}"


def problem_of(words: list[str], snakemake_options: set[str]) -> str | None:
    """What is wrong with the program of a command or its options; None when nothing is."""
    program = Path(words[0]).name if words[0].startswith(".venv") else words[0]
    if program == "./run":
        return _problem_of_run(words)
    if program == "snakemake":
        return _problem_of_snakemake(words, snakemake_options)
    if program == "python":
        return _problem_of_python(words)
    known = {*NOT_INSTALLED_HERE, *SHELL_WORDS}
    path = f"{Path(sys.executable).parent}:{ENVIRONMENT['PATH']}"
    is_there = program in known or shutil.which(program, path=path) is not None
    return None if is_there else f"unknown program {program}"


@pytest.mark.parametrize(
    "command",
    [
        "snakemake --no-such-option",
        "snakemake no_such_rule --cores 1",
        "snakemake --configfile config/none.yaml",
        "./run no_such_command",
        "python benchmarks/none.py",
        "python benchmarks/calibration.py --no-such-option",
        "python -m locus2target.none",
        "no_such_program",
    ],
)
def test_wrong_commands_are_seen(command: str, snakemake_options: set[str]) -> None:
    words = command.split()
    assert problem_of(words, snakemake_options) or problem_of_paths(words)


def _problem_of_run(words: list[str]) -> str | None:
    cases = re.findall(r"^    ([\w|]+)\) ", (ROOT / "run").read_text(), re.MULTILINE)
    known = {name for case in cases for name in case.split("|")}
    return None if len(words) == 1 or words[1] in known else f"./run has no command {words[1]}"


def _problem_of_snakemake(words: list[str], known: set[str]) -> str | None:
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    unknown = [option for option in options if option not in known]
    if unknown:
        return f"snakemake has no option {unknown[0]}"
    takes_no_value = {"-n", "--dry-run", "--keep-going", "--unlock", "--lint", "--conda-create-envs-only"}
    targets = [
        word
        for before, word in itertools.pairwise(words)
        if not word.startswith("-") and (before == "snakemake" or before in takes_no_value)
    ]
    wrong = [word for word in targets if "/" not in word and word not in RULES and not PLACEHOLDER.match(word)]
    return f"no rule {wrong[0]}" if wrong else None


def _problem_of_python(words: list[str]) -> str | None:
    if len(words) == 1 or words[1] == "-":
        return None
    if words[1] == "-m":
        return None if _has_module(words[2]) else f"no module {words[2]}"
    if words[1].startswith("-"):
        return None
    script = ROOT / words[1]
    if not script.exists():
        return f"no script {words[1]}"
    options = [word for word in words[2:] if word.startswith("--")]
    unknown = [option for option in options if f'"{option}"' not in script.read_text()]
    return f"{words[1]} has no option {unknown[0]}" if unknown else None


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def problem_of_paths(words: list[str]) -> str | None:
    """A file of the project that a command names and that is not there."""
    top = {path.name for path in ROOT.iterdir()} - {"results", "logs"}
    for word in words:
        path = word.partition("=")[2] or word
        path = re.sub(r"^my_run/(?!data\b)", "config/", path)
        inside = path.partition("/")[0] in top and "/" in path and not re.search(r"[*{$<>]|PATH|FILE", path)
        if inside and not path.startswith(".") and not (ROOT / path).exists():
            return f"no file {word}"
    return None


# --------------------------------------------------------------------------------------------------- keys and links
def known_yaml_keys(options: set[str]) -> set[str]:
    return {*(key for key in CONFIG_KEYS if "." not in key), *(option.lstrip("-") for option in options), *RULES}


YAML = [block for document in DOCUMENTS for block in blocks_of(document) if block.language == "yaml"]


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_blocks_hold_keys_of_the_config_or_of_a_profile(block: Block, snakemake_options: set[str]) -> None:
    values = yaml.safe_load(block.text)
    known = known_yaml_keys(snakemake_options)
    assert set(values) <= known, block
    assert set(values.get("set-resources", {})) <= RULES, block
    for section, entries in values.items():
        if section in CONFIG_KEYS and isinstance(entries, dict):
            assert {f"{section}.{key}" for key in entries} <= CONFIG_KEYS, block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_config_keys_in_the_text_exist(document: Path) -> None:
    sections = {key for key in CONFIG_KEYS if "." not in key}
    for name in re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)+)`", document.read_text()):
        section, _, rest = name.partition(".")
        if section in sections and rest.rpartition(".")[2] not in FILE_ENDINGS:
            assert name in CONFIG_KEYS, f"{document.name}: no config key {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]*)(?:#[^)]*)?\)", document.read_text()):
        if link and not link.startswith("http"):
            assert Path(os.path.normpath(document.parent / link)).exists(), f"{document.name}: {link}"


def test_the_index_names_every_document() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for document in DOCUMENTS:
        if document.parent == ROOT / "docs" and document.name != "README.md":
            assert f"]({document.name})" in index, document.name
