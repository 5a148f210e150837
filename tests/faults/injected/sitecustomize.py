"""Breaks jobs of a running pipeline, each once. Every Python process of the run imports this first (PYTHONPATH).

`L2T_FAULTS` lists `rule:fault`, comma separated; `L2T_FAULTS_DONE` is a folder that remembers what has happened, so
that the next try of the job is left alone. The fault comes while the job's first table is half written.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DONE = Path(os.environ.get("L2T_FAULTS_DONE", "."))
DEVICE_HOLDS = 3  # items of a batch that the pretended GPU has memory for


def kill() -> None:
    """What `kill -9` and the kernel's out-of-memory killer do."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    """Wait until the test says `go`."""
    while not (DONE / "go").exists():
        time.sleep(0.2)


def sleep() -> None:
    """Outlast every limit of time."""
    time.sleep(600)


def fill_memory() -> None:
    """Take 1.5 GB, page by page, and keep it."""
    block = bytearray(1_500_000_000)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)


FAULTS: dict[str, Callable[[], None]] = {"kill": kill, "hang": hang, "sleep": sleep, "memory": fill_memory}


def happens_now(rule: str) -> bool:
    """Whether this process is the first to come here."""
    try:
        (DONE / rule).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def break_writing(rule: str, fault: Callable[[], None]) -> None:
    """Let the fault happen when rows of a table are on the disk and its end is not."""
    from pyarrow import parquet

    write_table = parquet.ParquetWriter.write_table

    def write_and_break(writer: Any, *arguments: Any, **options: Any) -> None:
        write_table(writer, *arguments, **options)
        if happens_now(rule):
            fault()

    parquet.ParquetWriter.write_table = write_and_break


def shrink_gpu(rule: str) -> None:
    """A device that is out of memory with more than a few windows at a time; remembers the size of every batch."""
    import torch

    forward = torch.nn.Conv1d.forward

    def forward_or_fail(layer: Any, windows: Any) -> Any:
        with (DONE / rule).open("a") as sizes:
            sizes.write(f"{len(windows)}\n")
        if len(windows) > DEVICE_HOLDS:
            raise torch.OutOfMemoryError("CUDA out of memory (pretended)")
        return forward(layer, windows)

    torch.nn.Conv1d.forward = forward_or_fail


def break_r(rule: str, what: str) -> None:
    """End R, and the process that it lives in, inside the fit."""
    from locus2target.statgen import susier

    expression = {"quit": "quit(save = 'no', status = 0)", "kill": "tools::pskill(Sys.getpid(), 9)"}[what]
    started = "set.seed(1)"
    marker = DONE / rule
    susier._R_FIT = susier._R_FIT.replace(
        started, f"if (!file.exists('{marker}')) {{ file.create('{marker}'); {expression} }}; {started}"
    )


def wanted() -> Iterator[tuple[str, str]]:
    """Faults of this process: Snakemake's copy of a script ends with the rule's name."""
    script = next((part for part in sys.orig_argv if "/.snakemake/scripts/" in part), "")
    for entry in filter(None, os.environ.get("L2T_FAULTS", "").split(",")):
        rule, fault = entry.split(":")
        if script.endswith(f".{rule}.py"):
            yield rule, fault


for broken_rule, name in wanted():
    if name == "gpu_memory":
        shrink_gpu(broken_rule)
    elif name.startswith("r_"):
        sys.path.append(os.environ["L2T_SCRIPTS"])
        with contextlib.suppress(ImportError):
            break_r(broken_rule, name.removeprefix("r_"))
    else:
        break_writing(broken_rule, FAULTS[name])
