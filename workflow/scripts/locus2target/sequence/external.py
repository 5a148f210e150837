"""Language models that run in an environment of their own, such as Evo 2: a program scores sequences, files go between.

`weights` in the models sheet names a JSON file::

    {
      "command": ["/opt/conda/envs/evo2/bin/python", "evo2_score.py", "--model", "evo2_7b"],
      "kind": "causal_lm",
      "window_bp": 8192,
      "timeout_min": 600,
      "files": ["evo2_score.py"],
      "licence": "Apache-2.0",
      "citation": "Brixi et al. 2025"
    }

`command` is a list, run without a shell in the JSON file's folder, with two paths behind it:

1. a tab-separated table with the columns `id` and `sequence`, all sequences of equal length, upper case, N for unknown
   bases; distinct sequences only, of all strands and shifts that the sheet asks for;
2. where to write a tab-separated table with the columns `id` and `log_likelihood`: for `causal_lm` the sum over the
   sequence of ln p(token | tokens before it), for `masked_lm` the sum of ln p(token) with each token masked in turn.
   Every id once, in any order; `nan` where a sequence cannot be scored.

A program that ends with another status than 0, or takes longer than `timeout_min` (a day when left out), is an error
that shows the end of what it printed. `files` are those that decide the scores besides the JSON file; they enter the
checksum. `window_bp` may be left to the sheet. The program is started once for each replicate (JSON file) and call of
`LanguageModel.score`, whatever the number of variants, scores, strands and shifts.
`workflow/scripts/external/evo2_score.py` is such a program.
"""

import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.errors import InputError
from locus2target.sequence.encoding import Codes, decode
from locus2target.sequence.language_backends import LanguageInfo
from locus2target.sequence.weights import checksum, read_json

_DAY_MIN = 24 * 60
_SHOWN_CHARACTERS = 2000  # of a failed program's output
_REMEDY = "Run the command by hand on a small table; sequence/external.py says what it must read and write."


@dataclass(frozen=True, slots=True)
class ExternalModel:
    """A program as `Likelihood` backend.

    Attributes
    ----------
    info
        What the model behind the program is.
    command
        Program and arguments.
    folder
        Where it runs.
    timeout_min
        Minutes that one run may take.
    """

    info: LanguageInfo
    command: tuple[str, ...]
    folder: Path
    timeout_min: float

    def log_likelihood(self, codes: Codes) -> npt.NDArray[np.float64]:
        """See `Likelihood`; one run of the program for all windows.

        Raises
        ------
        InputError
            If the program fails, takes too long, or does not write what it must.
        """
        ids = [f"w{row}" for row in range(len(codes))]
        with tempfile.TemporaryDirectory(prefix="locus2target_external_") as folder:
            asked, answered, log = (Path(folder) / name for name in ("sequences.tsv", "scores.tsv", "output.log"))
            sequences = pd.DataFrame({"id": ids, "sequence": [decode(window) for window in codes]})
            sequences.to_csv(asked, sep="\t", index=False)
            self._run([*self.command, str(asked), str(answered)], log)
            return self._read(answered, ids)

    def _run(self, command: list[str], log: Path) -> None:
        """Run the program to its end; it and all that it started are gone afterwards."""
        with log.open("wb") as output:
            try:
                process = subprocess.Popen(  # noqa: S603  the user names the program
                    command,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise self._failure(f"the program {command[0]!r} cannot be started ({error})") from error
            try:
                status = process.wait(timeout=60 * self.timeout_min)
            except subprocess.TimeoutExpired as error:
                problem = f"the program took longer than {self.timeout_min:g} minutes{_tail(log)}"
                raise self._failure(problem, "Raise timeout_min, or score fewer variants.") from error
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if status != 0:
            raise self._failure(f"the program ended with status {status}{_tail(log)}")

    def _read(self, path: Path, ids: list[str]) -> npt.NDArray[np.float64]:
        """Log-likelihoods in the order of `ids`."""
        if not path.is_file():
            raise self._failure("the program ended well but wrote no table")
        try:
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        except ValueError as error:
            raise self._failure(f"the program's table cannot be read ({error})") from error
        if not {"id", "log_likelihood"} <= set(table.columns):
            raise self._failure(f"the program's table has the columns {list(table.columns)}, not id and log_likelihood")
        if sorted(table["id"]) != sorted(ids):
            wrong = sorted(set(ids) ^ set(table["id"])) or table["id"][table["id"].duplicated()].tolist()
            problem = f"of {len(ids)} ids {len(wrong)} are missing, unknown or repeated, for example {wrong[0]}"
            raise self._failure(problem)
        values = table.set_index("id")["log_likelihood"].reindex(ids)
        try:
            return values.to_numpy(dtype=np.float64)
        except ValueError as error:
            raise self._failure(f"log_likelihood is not a number ({error})") from error

    def _failure(self, problem: str, remedy: str = _REMEDY) -> InputError:
        return InputError(problem, where=" ".join(self.command), remedy=remedy)


def load_external(path: Path) -> ExternalModel:
    """Read the JSON file that says how to run a program.

    Raises
    ------
    InputError
        If a key is missing or unknown, or has a value that makes no sense.
    """
    settings = read_json(path)
    _require(settings, path)
    files = [path, *(path.parent / name for name in settings.get("files", []))]
    absent = [str(file) for file in files if not file.is_file()]
    if absent:
        raise InputError(f"files names {absent[0]}, which is not there", where=str(path), remedy="Correct its path.")
    kind: Literal["masked_lm", "causal_lm"] = settings["kind"]
    info = LanguageInfo(
        kind=kind,
        unit="token",
        default_bp=settings.get("window_bp"),
        shortest_bp=1,
        longest_bp=None,
        weights_sha256=checksum(files),
        licence=str(settings.get("licence", "")),
        citation=str(settings.get("citation", "")),
    )
    return ExternalModel(info, tuple(settings["command"]), path.parent, float(settings.get("timeout_min", _DAY_MIN)))


def _require(settings: dict[str, Any], path: Path) -> None:
    """Refuse settings that are missing, misspelt or of the wrong type."""
    command, window_bp, timeout = (settings.get(key) for key in ("command", "window_bp", "timeout_min"))
    known = {"command", "kind", "window_bp", "timeout_min", "files", "licence", "citation", "notes"}
    checks = {
        f"has the unknown key {sorted(set(settings) - known)}": not set(settings) - known,
        "has no `command` that is a list of texts": _are_texts(command) and bool(command),
        "has no `kind` that is causal_lm or masked_lm": settings.get("kind") in {"causal_lm", "masked_lm"},
        "has a `window_bp` that is not a whole number above 0": window_bp is None
        or (type(window_bp) is int and window_bp > 0),
        "has a `timeout_min` that is not a number above 0": timeout is None
        or (isinstance(timeout, int | float) and timeout > 0),
        "has `files` that are not a list of texts": _are_texts(settings.get("files", [])),
    }
    for problem, passed in checks.items():
        if not passed:
            raise InputError(
                f"the file {problem}", where=str(path), remedy="See the example in docs/external_models.md."
            )


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _tail(log: Path) -> str:
    """The end of a program's output, for a message."""
    text = log.read_bytes()[-_SHOWN_CHARACTERS:].decode("utf-8", "replace").strip()
    return f"; its output ends with:\n{text}\n" if text else " without any output"
