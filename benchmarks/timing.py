"""Timing of calls on a shared machine."""

from collections.abc import Callable
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
