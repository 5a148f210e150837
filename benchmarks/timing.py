"""Time of calls, and memory of a process, on a shared machine."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time


def seconds_of(function: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call, after one that compiles; what it gives is freed between the calls."""
    function()
    seconds = []
    for _ in range(repeats):
        start = process_time()
        function()
        seconds.append(process_time() - start)
    return median(seconds)


def peak_memory() -> float:
    """Of this process, MB. `ru_maxrss` will not do: a new program inherits it from the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
