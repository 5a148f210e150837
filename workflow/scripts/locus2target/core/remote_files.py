"""Remote files: which paths are remote, which of them can be fetched, and their copies here.

Snakemake's storage plugins fetch them (rules/storage.smk). Imported while Snakemake parses the workflow, and in jobs
that are handed a fetched file: nothing heavy here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Self

from locus2target.core.errors import InputError

PROVIDERS: Mapping[str, str] = {"http": "http", "https": "http", "s3": "s3", "gs": "gcs"}
"""Snakemake's storage provider by the scheme of an address."""

LATER = "remote: looked at when it is fetched"
"""What is known of a remote file before the run."""

ONE_FILE_BACKENDS = frozenset({"motif", "score_table", "predixcan"})
"""Backends of the models sheet whose weights are a single file."""

_ADDRESS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?)?")  # scheme, host, path, query
_PLAIN = re.compile(r"^[A-Za-z0-9._~:/@!$&'()*+,;=%-]+$")  # no blanks, queries, fragments, or braces of wildcards
_DOWNLOAD = "download the file and give its path"
_MANUAL = "docs/remote_files.md says how"


class FetchedFile(str):
    """Path of the copy that Snakemake makes of a remote file for the jobs that read it.

    Attributes
    ----------
    url
        Where the file is.
    beside
        Copies of the files that lie beside it and are read with it: an index, or the variants of an LD matrix.
    """

    url: str
    beside: tuple["FetchedFile", ...]

    def __new__(cls, path: str, url: str, beside: Iterable["FetchedFile"] = ()) -> Self:
        """Make the path."""
        self = super().__new__(cls, path)
        self.url, self.beside = url, tuple(beside)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Survive pickling."""
        return str(self), self.url, self.beside


@dataclass(frozen=True, slots=True)
class Address:
    """Parts of an address: scheme in lower case, host or bucket, path, and whether a query follows."""

    scheme: str
    host: str
    path: str
    has_query: bool

    @property
    def shown(self) -> str:
        """The address without password and signature."""
        return f"{self.scheme}://{self.host.rpartition('@')[2]}{self.path}"


def parse_address(path: str) -> Address | None:
    """The parts of an address; None for a local path.

    >>> parse_address("HTTPS://host:8080/x.tsv")
    Address(scheme='https', host='host:8080', path='/x.tsv', has_query=False)
    >>> parse_address("data/x.tsv") is None
    True
    """
    match = _ADDRESS.match(path)
    return None if match is None else Address(match[1].lower(), match[2], match[3], match[4] is not None)


def is_remote(path: object) -> bool:
    """Whether a path is an address; the copy of a fetched file is not."""
    return isinstance(path, str) and parse_address(path) is not None


def url_of(path: str) -> str | None:
    """The address of a remote file, or of a fetched one; None for any other path."""
    if isinstance(path, FetchedFile):
        return path.url
    return path if is_remote(path) else None


def urls_beside(url: str) -> tuple[str, ...]:
    """Addresses of what must lie beside a remote cohort file.

    >>> urls_beside("s3://b/c.vcf.gz"), urls_beside("s3://b/c.bcf"), urls_beside("s3://b/ld.npz")
    (('s3://b/c.vcf.gz.tbi',), ('s3://b/c.bcf.csi',), ('s3://b/ld.variants.tsv.gz',))
    """
    if url.endswith(".npz"):
        return (url.removesuffix(".npz") + ".variants.tsv.gz",)
    return (url + (".csi" if url.endswith(".bcf") else ".tbi"),)


def with_files_beside(path: str) -> list[str]:
    """A cohort's file and, where it is remote or fetched, what lies beside it."""
    if isinstance(path, FetchedFile):
        return [path, *path.beside]
    return [path, *urls_beside(path)] if is_remote(path) else [path]


def as_written(value: Any) -> Any:
    """A value of config or sheets with the addresses of fetched files, as the user wrote it."""
    if isinstance(value, FetchedFile):
        return value.url
    if isinstance(value, Mapping):
        return {key: as_written(one) for key, one in value.items()}
    return [as_written(one) for one in value] if isinstance(value, list) else value


# ---- what may be remote --------------------------------------------------------------------------------------------


def check_remote(url: str, *, where: str) -> None:
    """Refuse an address that cannot be fetched here.

    Parameters
    ----------
    url
        What `is_remote`.
    where
        Config key, or sheet and row, that holds it.

    Raises
    ------
    InputError
        If the scheme is unknown, the address holds credentials, a query or a folder above, or the plugin is missing.
    """
    address = parse_address(url)
    if address is None:
        raise ValueError(f"{url} is no address")
    if address.scheme not in PROVIDERS:
        known = ", ".join(f"{name}://" for name in PROVIDERS)
        raise InputError(
            f"{address.shown} cannot be fetched: the scheme '{address.scheme}' is unknown",
            where=where,
            remedy=f"Give an address of {known}, or {_DOWNLOAD}.",
        )
    if "@" in address.host or address.has_query:
        raise InputError(
            f"{address.shown} comes with a user name, password or query (?...), which would stand in logs and results",
            where=where,
            remedy=f"Give the plain address, and credentials as environment variables ({_MANUAL}), or {_DOWNLOAD}.",
        )
    if not address.host or address.path in {"", "/"} or ".." in address.path.split("/") or not _PLAIN.match(url):
        raise InputError(
            f"{url!r} is no address of one file",
            where=where,
            remedy=f"Give scheme, host or bucket, and path, special characters as %XX, without '..'; or {_DOWNLOAD}.",
        )
    _require_plugin(address, where)


def _require_plugin(address: Address, where: str) -> None:
    package = f"snakemake-storage-plugin-{PROVIDERS[address.scheme]}"
    if find_spec(package.replace("-", "_")) is None:
        raise InputError(
            f"{address.shown} cannot be fetched: the package {package} is not installed",
            where=where,
            remedy=f"`pip install {package} -c envs/constraints.txt` where Snakemake is installed, or {_DOWNLOAD}.",
        )


def check_matrix_name(url: str, *, where: str) -> None:
    """Refuse the address of an LD matrix whose variants cannot be named by it.

    Raises
    ------
    InputError
        If it does not end in `.npz`.
    """
    if not url.endswith(".npz"):
        raise InputError(f"{url} is not an npz", where=where, remedy="Write it with numpy.savez.")


def refuse_remote(path: object, *, where: str) -> None:
    """Refuse an address where a local file is needed.

    Raises
    ------
    InputError
        If the path is an address.
    """
    if is_remote(path):
        raise InputError(
            f"{path} is remote, and this must be local",
            where=where,
            remedy=f"D{_DOWNLOAD[1:]}; docs/remote_files.md lists what may be remote.",
        )
