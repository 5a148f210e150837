"""Which code makes a result: the step that this process runs, and the library as a whole."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from locus2target.core.digest import package_digest
from locus2target.core.version import VERSION

_LIBRARY = Path(__file__).parents[1]


def running_step() -> Any | None:
    """What Snakemake tells the script that this process runs (rule, params ...); None outside a step."""
    return getattr(sys.modules["__main__"], "snakemake", None)


def table_origin() -> dict[str, str]:
    """Metadata of a table that is written now: the version of the code; in a step, also its name and code's digest."""
    step = running_step()
    if step is None:
        return {"locus2target": VERSION}
    return {"locus2target": VERSION, "step": step.rule, "code": step.params.get("library", "")}


@cache
def library_origin() -> dict[str, Any]:
    """Version of the code; digest of the library; git commit of it, and whether files differ from that, where known.

    The words are those of `code` in the run's manifest.
    """
    commit = _git("rev-parse", "HEAD")
    changes = None if commit is None else _git("status", "--porcelain", "--untracked-files=no")
    changed = None if changes is None else changes != ""
    return {"version": VERSION, "library": package_digest("."), "commit": commit, "changed_since_commit": changed}


def origin_in_words() -> str:
    """`library_origin` as a sentence, for people."""
    code = library_origin()
    changes = ", from which files differ" if code["changed_since_commit"] else ""
    commit = "no git checkout" if code["commit"] is None else f"git commit `{code['commit']}`{changes}"
    return f"Made by locus2target {code['version']}: library `{code['library']}`, {commit}."


def _git(*arguments: str) -> str | None:
    """Answer of git about the code; None without git, or where the code is no checkout."""
    try:
        done = subprocess.run(  # noqa: S603  our own arguments
            ["git", "-C", str(_LIBRARY), *arguments],  # noqa: S607  the user's git
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
