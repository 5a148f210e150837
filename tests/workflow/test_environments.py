"""Each rule's environment declares every third-party package that its script imports, directly or not.

Snakemake appends the launcher's packages to a rule's path, so a missing one would go unnoticed until a clean machine.
"""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

from locus2target.core.digest import imported_modules

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
RULE = re.compile(r"^rule (\w+):\n.*?envs/(\w+)\.yaml", re.MULTILINE | re.DOTALL)
ENVIRONMENT = dict(pair for path in sorted((ROOT / "rules").glob("*.smk")) for pair in RULE.findall(path.read_text()))
PACKAGE = {"torch": "pytorch", "matplotlib": "matplotlib-base", "yaml": "pyyaml"}
GIVEN = {*sys.stdlib_module_names, "locus2target", "snakemake"}


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


@pytest.mark.parametrize("rule", ENVIRONMENT)
def test_environment_has_what_the_script_imports(rule: str) -> None:
    script = SCRIPTS / f"{rule}.py"
    needed = set().union(*(imports(path) for path in (script, *imported_modules(script, SCRIPTS)))) - GIVEN
    declared = conda_packages(ENVIRONMENT[rule])
    assert {PACKAGE.get(name, name) for name in needed} <= set(declared)


@pytest.mark.parametrize("rule", ENVIRONMENT)
def test_environment_has_the_programs_behind_the_packages(rule: str) -> None:
    declared = conda_packages(ENVIRONMENT[rule])
    assert "pybedtools" not in declared or "bedtools" in declared
    assert "rpy2" not in declared or {"r-base", "r-susier"} <= set(declared)


def test_the_one_environment_for_everything_covers_the_others() -> None:
    everything = conda_packages("locus2target")
    for path in (ROOT / "envs").glob("*.yaml"):
        for package, bound in conda_packages(path.stem).items():
            assert everything[package] == bound, f"{path.name}: {package}"


def test_channels_are_conda_forge_then_bioconda() -> None:
    for path in (ROOT / "envs").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["channels"] == ["conda-forge", "bioconda"]


def test_pip_requirements_say_the_same_as_conda() -> None:
    conda = conda_packages("locus2target")
    names = {"torch": "pytorch", "matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}
    for line in (ROOT / "envs" / "requirements.txt").read_text().splitlines():
        if not line.startswith("#"):
            package, bound = re.match(r"([\w-]+)(.*)", line).groups()  # type: ignore[union-attr]
            assert conda[names.get(package, package)] == bound.strip()
