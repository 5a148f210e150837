"""The manifest of a run: what went in, bit for bit, what computed it, how, where and when."""

import gzip
import platform
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysam

from locus2target.core.digest import file_sha256, script_digest
from locus2target.core.errors import InputError
from locus2target.core.input_files import named_files
from locus2target.core.provenance import library_origin
from locus2target.core.remote_files import FetchedFile, as_written
from locus2target.core.settings import Settings
from locus2target.ingest.files import BROKEN_GZIP, is_bgzf, is_gzipped, require_file
from locus2target.ingest.ld_matrix import variants_path

_BLOCK = 1 << 24  # bytes read at a time
Entry = dict[str, Any]


def describe_run(
    settings: Settings, *, scripts: Path, config_file: str, software: Mapping[str, str], threads: int
) -> dict[str, Any]:
    """Everything that decides a run's results, as JSON values.

    Parameters
    ----------
    settings
        The run's settings.
    scripts
        Folder of the steps' scripts.
    config_file
        As it was named on the command line.
    software
        Version of each package that the run was launched with.
    threads
        Files that are read at a time.

    Returns
    -------
    dict
        `run_name`; `code` (version, git commit where there is one, whether files differ from it, digest of the library
        and of what each step imports); `software`; `place` (host, system, folder) and `time`; `config`, `sheets`;
        `seeds` by config key; and `inputs`: role, path, bytes, time of change and SHA-256 of every file. Of a remote
        file, `path` is its address, and the rest is of the copy, whose path is in `fetched_to`.

    Raises
    ------
    InputError
        If an input cannot be read, or its compression is damaged.
    """
    sheets = {name: getattr(settings, name) for name in ("studies", "cohorts", "qtls", "models")}
    return {
        "run_name": settings.config["run_name"],
        "code": _code(scripts),
        "software": {"python": platform.python_version(), **software},
        "place": {"host": platform.node(), "system": platform.platform(), "folder": str(Path.cwd())},
        "time": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "config_file": config_file,
        "config": as_written(settings.config),
        "sheets": as_written(sheets),
        "seeds": dict(_seeds(settings.config)),
        "inputs": describe_inputs(list(_input_files(settings)), threads=threads),
    }


def describe_inputs(files: Sequence[tuple[str, str | Path]], *, threads: int) -> list[Entry]:
    """Role, path, size, time of change and SHA-256 of files, in the order given; see `describe_run`."""
    distinct = list(dict.fromkeys(path for _, path in files))
    with ThreadPoolExecutor(max_workers=threads) as pool:  # hashing and unpacking leave Python's lock
        known = dict(zip(distinct, pool.map(_describe_file, distinct), strict=True))
    return [{"role": role, **known[path]} for role, path in files]


def _describe_file(name: str | Path) -> Entry:
    path = Path(name)
    require_file(path, where="input of the run")
    check_compression(path)
    facts = path.stat()
    changed = datetime.fromtimestamp(facts.st_mtime, tz=UTC).isoformat(timespec="seconds")
    origin = {"path": name.url, "fetched_to": str(path)} if isinstance(name, FetchedFile) else {"path": str(path)}
    return {**origin, "bytes": facts.st_size, "changed": changed, "sha256": file_sha256(path)}


def check_compression(path: Path) -> None:
    """Unpack a gzipped or block-gzipped file to its end.

    Reading a region stops without an error at a damaged block, and what lies behind it is lost; here it is found.

    Raises
    ------
    InputError
        If a checksum inside the file is wrong, or the file is cut short.
    """
    if not is_gzipped(path):
        return
    try:
        with pysam.BGZFile(str(path), "r", None) if is_bgzf(path) else gzip.open(path, "rb") as file:
            while file.read(_BLOCK):
                pass
    except (*BROKEN_GZIP, OSError) as error:
        raise InputError(
            f"the compressed data are damaged ({error})",
            where=str(path),
            remedy="Copy or download the file again, and remove the results that rest on it.",
        ) from error


def _input_files(settings: Settings) -> Iterator[tuple[str, str | Path]]:
    """Files of `named_files`, those in folders one by one, with what lies beside them and is read too."""
    for role, name in named_files(settings):
        path = Path(name)
        if path.is_dir():
            yield from ((role, file) for file in sorted(path.rglob("*")) if file.is_file())
        else:
            yield role, name
    for name, sheet in settings.config["sheets"].items():
        yield f"sheets.{name}", Path(sheet)
    for cohort, rows in settings.cohorts.items():
        for row in rows:
            if row["ld_matrix"] is not None and not isinstance(row["ld_matrix"], FetchedFile):  # named already
                yield f"variants of cohort {cohort}", variants_path(row["ld_matrix"], where="cohorts sheet")


def _seeds(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _seeds(value, f"{prefix}{key}.")
        elif key == "seed":
            yield prefix + key, value


def _code(scripts: Path) -> dict[str, Any]:
    steps = {script.stem: script_digest(script) for script in sorted(scripts.glob("*.py"))}
    return {**library_origin(), "steps": steps}
