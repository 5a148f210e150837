"""Compiled kernels that outlive their job, while no two jobs ever write the same files.

numba keeps compiled code in a folder. Where several jobs share it, numba lists a kernel under a file name before that
file is there, and two jobs may take the same name for different kernels: a job that is killed, or another one that is
just as fast, leaves a kernel that is not what its name says. Here each job has a folder of its own, filled from an
archive that is replaced as a whole when a job ends well. The last one wins; what it lacks is compiled again.

There is an archive for each rule and each state of the kernels' sources, all modules `*_numba.py`.
"""

import atexit
import hashlib
import logging
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from locus2target.core.tables import atomic_path

LOGGER = logging.getLogger(__name__)

VARIABLE = "NUMBA_CACHE_DIR"
_PACKAGE = Path(__file__).parents[1]
_TREE = _PACKAGE.parents[2]


@dataclass(frozen=True, slots=True)
class KernelCache:
    """A job's own folder of compiled kernels, and the archive that it came from."""

    folder: Path
    archive: Path
    unpacked: frozenset[str]

    def keep(self) -> None:
        """Put what this job compiled into the archive."""
        names = _files(self.folder)
        if names <= self.unpacked:
            return
        try:
            with atomic_path(self.archive) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                for name in sorted(names):
                    archive.write(self.folder / name, name)
            self._remove_older()
        except OSError as error:  # the job's results are there; the next job compiles again
            LOGGER.warning("compiled kernels are not kept: %s", error)

    def _remove_older(self) -> None:
        """Remove the rule's archives of other sources."""
        rule, _, _ = self.archive.name.partition(".")
        for other in self.archive.parent.glob(f"{rule}.*.zip"):
            if other != self.archive:
                other.unlink(missing_ok=True)


def archive_of(rule: str) -> Path:
    """Archive of a rule's kernels: in the source tree, for all runs; in the run's folder if the tree is read-only."""
    sources = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*_numba.py")):
        sources.update(path.read_bytes())
    home = _TREE if os.access(_TREE, os.W_OK) else Path.cwd()
    return home / ".cache" / "kernels" / f"{rule}.{sources.hexdigest()[:12]}.zip"


def open_kernel_cache(archive: Path) -> KernelCache:
    """Lead numba to a new folder with the archive's kernels; call it before anything imports numba."""
    folder = _new_folder()
    if not _unpack(archive, folder):
        folder = _new_folder()
    os.environ[VARIABLE] = str(folder)
    return KernelCache(folder, archive, _files(folder))


def _new_folder() -> Path:
    """Make a folder that goes with the process."""
    folder = tempfile.mkdtemp(prefix="l2t-kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _unpack(archive: Path, folder: Path) -> bool:
    """Whether the folder holds what the archive does: all of it, as its checksums say."""
    try:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    except FileNotFoundError:
        return True
    except (zipfile.BadZipFile, OSError) as error:
        LOGGER.warning("%s is damaged (%s): kernels are compiled again", archive, error)
        return False
    return True


def _files(folder: Path) -> frozenset[str]:
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
