"""Digests of files, and of the code a rule runs: editing a module reruns exactly the rules that import it.

Snakemake notices an edited script, not an edited module that the script imports. The digest stands in the tables of
the rule too, and covers the script itself, so that it says which code made them.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "locus2target"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def script_digest(script: Path) -> str:
    """Hash of a script and of every module of this package that it imports, directly or through another.

    Parameters
    ----------
    script
        Path of the script; the package lies beside it.

    Returns
    -------
    str
        Twelve hexadecimal digits. Files beside a module that are not Python (templates, assets) count too.
    """
    root = script.parent
    modules = sorted(imported_modules(script, root))
    hasher = hashlib.sha256()
    for part in (script, *(part for module in modules for part in (module, *_companions(module)))):
        hasher.update(part.relative_to(root).as_posix().encode())
        hasher.update(part.read_bytes())
    return hasher.hexdigest()[:12]


@cache
def package_digest(subpackage: str) -> str:
    """Hash of every module of a subpackage: results kept from other code must not pass for this code's."""
    root = Path(__file__).parents[1] / subpackage
    hasher = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        hasher.update(path.relative_to(root).as_posix().encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()[:12]


def imported_modules(script: Path, root: Path) -> set[Path]:
    """Files of the package's modules that a script imports, directly or through another."""
    found: set[Path] = set()
    waiting = list(_imports(script, root))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(module, root))
    return found


@cache
def _imports(source: Path, root: Path) -> frozenset[Path]:
    """Files of the package's modules that one file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    files = (root / Path(*name.split(".")).with_suffix(".py") for name in names if name.startswith(f"{PACKAGE}."))
    return frozenset(file for file in files if file.is_file())


def _companions(module: Path) -> list[Path]:
    """Templates and assets in the folder tree of a module's package."""
    return [] if module.parent.name == PACKAGE else _assets(module.parent)


@cache
def _assets(package: Path) -> list[Path]:
    """Files in a package's folder tree that are neither Python nor made from it."""
    return sorted(
        path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"}
    )
