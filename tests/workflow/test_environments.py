"""Each rule's environment declares every third-party package that its script imports, directly or not, and no more.

Snakemake appends the launcher's packages to a rule's path, so a missing one would go unnoticed until a clean machine.
No environment has been solved here (no conda): names are held against a reviewed list, bounds against the
versions that the tests passed with, and `snakemake --containerize` is given a stand-in that knows as much of conda as
Snakemake asks for.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documents import command_blocks
from packaging.requirements import Requirement
from running import ENVIRONMENT as PROCESS_ENVIRONMENT

from locus2target.core.digest import imported_modules

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
RULE = re.compile(r"^rule (\w+):\n.*?envs/(\w+)\.yaml", re.MULTILINE | re.DOTALL)
ENVIRONMENT = dict(pair for path in sorted((ROOT / "rules").glob("*.smk")) for pair in RULE.findall(path.read_text()))
PACKAGE = {"torch": "pytorch", "matplotlib": "matplotlib-base", "yaml": "pyyaml"}
GIVEN = {*sys.stdlib_module_names, "locus2target", "snakemake"}
NAMES = [path.stem for path in sorted((ROOT / "envs").glob("*.yaml"))]
EVERYTHING = "locus2target"
# Programs and R packages, with what an environment has or calls that needs them.
BEHIND = {"bedtools": "pybedtools", "r-base": "rpy2", "r-susier": "rpy2", "bcftools": 'which("bcftools")'}
# Where each package is. About a dozen names were looked up in recipes (bioconda-recipes, conda-forge feedstocks)
# or on anaconda.org; the others are well-known names of conda-forge.
BIOCONDA = {
    "bcftools",
    "bedtools",
    "cyvcf2",
    "pybedtools",
    "pysam",
    "snakefmt",
    "snakemake-executor-plugin-slurm",
    "snakemake-minimal",
}
CONDA_FORGE = {
    "h5py",
    "hypothesis",
    "jinja2",
    "jsonschema",
    "markupsafe",
    "matplotlib-base",
    "mypy",
    "numba",
    "numpy",
    "pandas",
    "pandas-stubs",
    "playwright-python",
    "pyarrow",
    "pygments",
    "pytest",
    "pytest-xdist",
    "python",
    "pytorch",
    "pyyaml",
    "r-base",
    "r-susier",
    "rpy2",
    "ruff",
    "safetensors",
    "scipy",
    "threadpoolctl",
    "tqdm",
    "transformers",
    "types-pyyaml",
    "types-tqdm",
}
STAND_IN_FOR_CONDA = """\
#!/bin/sh
case "$1" in
    info) echo '{"conda_version": "25.3.0", "platform": "linux-64", "conda_prefix": "/opt/conda"}' ;;
    --version) echo "conda 25.3.0" ;;
    config) echo '{"get": {"channel_priority": "strict"}}' ;;
    *) exit 1 ;;
esac
"""


def conda_packages(name: str) -> dict[str, str]:
    listed = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    return {package: rest.strip() for package, _, rest in (entry.partition(" ") for entry in listed)}


def imports(path: Path) -> set[str]:
    """Top-level names that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


def sources(rule: str) -> set[Path]:
    """A rule's script and the modules of the library that it reaches."""
    script = SCRIPTS / f"{rule}.py"
    return {script, *imported_modules(script, SCRIPTS)}


def needed_packages(rule: str) -> set[str]:
    """Conda packages that a rule's sources import, and the programs behind them."""
    names = set().union(*(imports(path) for path in sources(rule))) - GIVEN
    packages = {PACKAGE.get(name, name) for name in names}
    text = "".join(path.read_text() for path in sources(rule))
    return packages | {program for program, sign in BEHIND.items() if sign in packages or sign in text}


def test_every_rule_with_a_script_was_found() -> None:
    scripts = re.compile(r"^rule (\w+):(?:\n(?!rule ).*)*?\n    script:", re.MULTILINE)
    assert list(ENVIRONMENT) == [
        rule for path in sorted((ROOT / "rules").glob("*.smk")) for rule in scripts.findall(path.read_text())
    ]


@pytest.mark.parametrize("rule", ENVIRONMENT)
def test_environment_has_what_the_script_needs(rule: str) -> None:
    assert needed_packages(rule) <= set(conda_packages(ENVIRONMENT[rule]))


@pytest.mark.parametrize("name", sorted(set(ENVIRONMENT.values())))
def test_environment_has_nothing_that_no_script_needs(name: str) -> None:
    needed = set().union(*(needed_packages(rule) for rule, own in ENVIRONMENT.items() if own == name))
    assert set(conda_packages(name)) - {"python"} <= needed


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_on_conda_forge_or_bioconda(name: str) -> None:
    assert set(conda_packages(name)) <= BIOCONDA | CONDA_FORGE


@pytest.mark.parametrize("name", NAMES)
def test_bounds_admit_the_versions_that_the_tests_passed_with(name: str) -> None:
    lines = (ROOT / "envs" / "constraints.txt").read_text().splitlines()
    tested = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    pip_name = {"pytorch": "torch", "matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}
    pip_name["playwright-python"] = "playwright"
    outside_pip = {"python", *BEHIND}
    for package, bound in conda_packages(name).items():
        if package not in outside_pip:
            version = tested[pip_name.get(package, package)]
            assert Requirement(f"{package}{bound}").specifier.contains(version), f"{package} {bound}: {version}"


def test_the_one_environment_for_everything_covers_the_others() -> None:
    everything = conda_packages(EVERYTHING)
    for path in (ROOT / "envs").glob("*.yaml"):
        for package, bound in conda_packages(path.stem).items():
            assert everything[package] == bound, f"{path.name}: {package}"


def test_channels_are_conda_forge_then_bioconda() -> None:
    for path in (ROOT / "envs").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["channels"] == ["conda-forge", "bioconda"]


def test_pip_requirements_say_the_same_as_conda() -> None:
    conda = conda_packages(EVERYTHING)
    names = {"torch": "pytorch", "matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}
    for line in (ROOT / "envs" / "requirements.txt").read_text().splitlines():
        if not line.startswith("#"):
            package, bound = re.match(r"([\w-]+)(.*)", line).groups()  # type: ignore[union-attr]
            assert conda[names.get(package, package)] == bound.strip()


@pytest.fixture
def folder_with_conda(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The workflow as far as Snakemake reads it, and an environment in which `conda` answers."""
    for name in ("Snakefile", "rules", "envs", "config"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, tmp_path / name)
    for name in ("workflow", "resources", "profiles", "demo"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "conda").write_text(STAND_IN_FOR_CONDA)
    (programs / "conda").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{PROCESS_ENVIRONMENT['PATH']}"
    return tmp_path, PROCESS_ENVIRONMENT | {"PATH": path}


@pytest.mark.workflow
def test_the_container_definition_of_the_cluster_guide(folder_with_conda: tuple[Path, dict[str, str]]) -> None:
    folder, environment = folder_with_conda
    (block,) = (one for one in command_blocks(ROOT / "docs" / "cluster.md") if "--containerize" in one.text)
    writes_it, _, _ = block.text.partition("apptainer build")
    done = subprocess.run(
        ["bash", "-euc", writes_it], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    head, _, rest = (folder / "locus2target.def").read_text().partition("%files\n")
    files, _, script = rest.partition("%post\n")
    assert "Bootstrap: docker" in head
    copied = dict(re.findall(r"^ +envs/(\w+)\.yaml (\S+)$", files, re.MULTILINE))
    assert sorted(copied) == sorted(set(ENVIRONMENT.values()))
    for target in copied.values():
        prefix = target.removesuffix("/environment.yaml")
        assert f"conda env create --prefix {prefix} --file {target}" in script
    commands = [line.strip() for line in script.splitlines()]
    assert commands[0] == "export CONDA_OVERRIDE_CUDA=12.6"  # else PyTorch would come without CUDA
    assert 'containerized: "locus2target.sif"' in (folder / "Snakefile").read_text()
