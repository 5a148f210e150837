"""Known models and their weight files, from the command line.

    python -m locus2target.sequence.models list
    python -m locus2target.sequence.models show borzoi
    python -m locus2target.sequence.models check weights/borzoi/f0c0 --backend borzoi --record

Nothing is downloaded: `list` and `show` say where the weights come from, `check` says whether what lies in a folder is
whole, fits the network tensor by tensor, and is what it was when its checksums were recorded.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

import pandas as pd
from torch import nn

from locus2target.core.digest import file_sha256
from locus2target.core.errors import InputError
from locus2target.core.tables import atomic_path
from locus2target.sequence.track_families import FAMILIES, load_for_table
from locus2target.sequence.tracks import find_targets, read_targets
from locus2target.sequence.weights import LoadedNetwork

CATALOGUE = Path(__file__).resolve().parents[4] / "resources" / "models" / "catalogue.tsv"
CHECKSUMS = "checksums.sha256"

_NETWORKS = "locus2target.sequence.networks"
LOADERS: Mapping[str, str] = {
    "shorkie_lm": f"{_NETWORKS}.shorkie:load_shorkie_lm",
    "scbasset": f"{_NETWORKS}.scbasset:load_scbasset",
    "accessibility": f"{_NETWORKS}.accessibility:load_accessibility",
    "nucleotide_gpt": f"{_NETWORKS}.nucleotide_gpt:load_nucleotide_gpt",
}
"""Module and function that load the weights of a backend without tracks, imported when it is checked."""

_LISTED = ("model", "backend", "input_bp", "bins", "tracks", "code_licence", "weights_licence", "size_mb", "files")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        report = _run(options)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("\n".join(report) + "\n")
    return 0


def read_catalogue(path: Path = CATALOGUE) -> pd.DataFrame:
    """Known models, one per row; all cells are text."""
    if not path.is_file():
        raise InputError("the catalogue of models is not there", where=str(path), remedy="Run from a full checkout.")
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def list_models(catalogue: pd.DataFrame) -> list[str]:
    """Aligned table of the known models; the last column says where the weights come from."""
    columns = [[column, *catalogue[column]] for column in (*_LISTED, "source")]
    widths = [max(map(len, cells)) for cells in columns]
    rows = zip(*columns, strict=True)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def show_model(catalogue: pd.DataFrame, model: str) -> list[str]:
    """All that is known of one model, and how its weights are checked."""
    names = catalogue["model"].tolist()
    if model not in names:
        close = get_close_matches(model, names, n=3) or names
        raise InputError(f"model {model!r} is unknown", where="catalogue", remedy=f"Use one of {', '.join(close)}.")
    row = catalogue.iloc[names.index(model)]
    lines = [f"{column:16}{value}" for column, value in row.items() if value]
    if row["backend"] in _checked():
        command = f"python -m locus2target.sequence.models check FOLDER --backend {row['backend']}"
        lines.append(f"{'check':16}{command}")
    return lines


def check_folder(folder: Path, backend: str, *, record: bool) -> list[str]:
    """Check the weights of a folder.

    Parameters
    ----------
    folder
        Holds the weights of one replicate.
    backend
        Key of `LOADERS` or of `track_families.FAMILIES`.
    record
        Write `checksums.sha256` (as `sha256sum -c` reads it) instead of comparing with it.

    Returns
    -------
    list
        Report: files with size and SHA-256, parameters, tracks.

    Raises
    ------
    InputError
        For the first trouble: a file that changed, is missing or damaged, a tensor that does not fit, a table of tracks
        of another length.
    """
    recorded = None if record else _read_checksums(folder)
    if recorded is not None:
        _compare(folder, recorded)
    targets = find_targets(folder)
    loaded = _load(backend, folder, targets)
    tracks = _check_tracks(loaded.network, targets)
    used = sorted({*loaded.files, *([] if targets is None else [targets])})
    checksums = {_relative(path, folder): file_sha256(path) for path in used}
    if record:
        _write_checksums(folder, checksums)
    elif recorded is not None:
        _refuse_unrecorded(folder, checksums, recorded)
    state = "recorded" if record else "not recorded (--record does)" if recorded is None else "as recorded"
    return [
        *(f"{checksum}  {_megabytes(folder / name):>9}  {name}" for name, checksum in checksums.items()),
        f"network     {type(loaded.network).__name__}, {_parameters(loaded.network):,} parameters, all in place",
        f"tracks      {tracks}",
        f"checksums   {state}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m locus2target.sequence.models", description="Models and weights.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="known models, their licences and where their weights come from")
    show = commands.add_parser("show", help="all that is known of one model")
    show.add_argument("model")
    check = commands.add_parser("check", help="are the weights in a folder whole, and do they fit the network?")
    check.add_argument("folder", type=Path)
    check.add_argument("--backend", required=True, choices=_checked())
    check.add_argument("--record", action="store_true", help=f"write {CHECKSUMS} beside the weights")
    return parser


def _run(options: argparse.Namespace) -> list[str]:
    if options.command == "check":
        return check_folder(options.folder, options.backend, record=options.record)
    catalogue = read_catalogue()
    return list_models(catalogue) if options.command == "list" else show_model(catalogue, options.model)


def _checked() -> list[str]:
    """Backends whose weights can be checked."""
    return sorted({*LOADERS, *FAMILIES})


def _load(backend: str, folder: Path, targets: Path | None) -> LoadedNetwork[nn.Module]:
    if backend in FAMILIES:
        return load_for_table(FAMILIES[backend], folder, targets)
    module, function = LOADERS[backend].split(":")
    loader: Callable[[Path], LoadedNetwork[nn.Module]] = getattr(import_module(module), function)
    return loader(folder)


def _check_tracks(network: nn.Module, targets: Path | None) -> str:
    """Number of tracks, compared with their table when there is one."""
    n_tracks: int | None = getattr(network, "n_tracks", None)
    if n_tracks is None:
        return "none"
    if targets is None:
        return f"{n_tracks:,}, without a table: they are numbered"
    n_rows = len(read_targets(targets).frame)
    if n_rows != n_tracks:
        raise InputError(
            f"{n_rows:,} tracks are listed, the network has {n_tracks:,}",
            where=str(targets),
            remedy="Use the targets.txt that is published with these weights.",
        )
    return f"{n_tracks:,}, as many as in {targets.name}"


def _read_checksums(folder: Path) -> dict[str, str] | None:
    """Recorded SHA-256 by file, None when none were recorded."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return None
    pairs = [line.split("  ", maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if line]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise InputError("not a list of checksums and files", where=str(path), remedy="Remove it or use --record.")
    return {name: checksum for checksum, name in pairs}


def _write_checksums(folder: Path, checksums: Mapping[str, str]) -> None:
    with atomic_path(folder / CHECKSUMS) as temporary:
        text = "".join(f"{checksum}  {name}\n" for name, checksum in checksums.items())
        temporary.write_text(text, encoding="utf-8")


def _compare(folder: Path, recorded: Mapping[str, str]) -> None:
    missing = [name for name in recorded if not (folder / name).is_file()]
    changed = [name for name in recorded if name not in missing and file_sha256(folder / name) != recorded[name]]
    troubles = [f"{name} is missing" for name in missing] + [f"{name} has changed" for name in changed]
    if troubles:
        raise InputError(
            f"{', '.join(troubles)} since {CHECKSUMS} was recorded",
            where=str(folder),
            remedy="Fetch the weights again, or record anew with --record if the change is meant.",
        )


def _refuse_unrecorded(folder: Path, checksums: Mapping[str, str], recorded: Mapping[str, str]) -> None:
    new = [name for name in checksums if name not in recorded]
    if new:
        raise InputError(
            f"{', '.join(new)} would be used and is not in {CHECKSUMS}",
            where=str(folder),
            remedy="Remove it, or record anew with --record if it belongs there.",
        )


def _relative(path: Path, folder: Path) -> str:
    """Path as seen from the folder, which may lie below the file."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:,.1f} MB"


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    sys.exit(main())
