"""Start-up of every job: log, threads, compiled kernels, version banner, and errors a user can read.

Nothing is seeded here: a step that draws random numbers takes its seed as an argument. Importing this module in a
script that Snakemake runs gives numba its cache, so scripts import it before what imports numba.
"""

import errno
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from locus2target.core.errors import InputError
from locus2target.core.kernel_cache import VARIABLE, KernelCache, archive_of, open_kernel_cache
from locus2target.core.provenance import running_step
from locus2target.core.version import VERSION

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


def _kernels_of_step() -> KernelCache | None:
    """The compiled kernels of the rule that this process runs; None outside Snakemake, and where a user chose."""
    step = running_step()
    if step is None or VARIABLE in os.environ:
        return None
    return open_kernel_cache(archive_of(step.rule))


_KERNELS = _kernels_of_step()


@contextmanager
def job(log: str, *, threads: int = 1) -> Iterator[logging.Logger]:
    """Run the body as one pipeline job.

    Messages go to `log` and to standard error. An `InputError`, or a full disk, is printed as one line and ends the
    process with status 1; any other exception is logged with its traceback and raised on.

    Parameters
    ----------
    log
        Path of the log file; written anew.
    threads
        Cores the job may use; bounds numba's and torch's pools where those are loaded.
    """
    logger = _start_log(log)
    _bound_threads(threads)
    logger.info("locus2target %s, python %s, %d thread(s)", VERSION, platform.python_version(), threads)
    try:
        yield logger
    except InputError as error:
        logger.error("%s", error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            logger.exception("unexpected error")
            raise
        logger.error("%s", _disk_full(error))  # the traceback of a library's write call would tell no more
        sys.exit(1)
    except Exception:
        logger.exception("unexpected error")
        raise
    if _KERNELS is not None:
        _KERNELS.keep()


def _disk_full(error: OSError) -> InputError:
    return InputError(
        f"the disk, or your quota on it, is full ({error})",
        where=f"folder {Path.cwd()}, or the temporary folder {tempfile.gettempdir()}",
        remedy="Make room and give the same command again: what is finished stays.",
    )


def _start_log(log: str) -> logging.Logger:
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.FileHandler(log, mode="w"), logging.StreamHandler(sys.stderr)]
    logging.basicConfig(level=logging.INFO, format=_FORMAT, handlers=handlers, force=True)
    return logging.getLogger("locus2target")


def _bound_threads(threads: int) -> None:
    """Bound the pools of libraries that the job has already imported; importing them here would cost seconds."""
    for library, limit in (("numba", min(threads, os.cpu_count() or 1)), ("torch", threads)):
        if library in sys.modules:
            sys.modules[library].set_num_threads(limit)
