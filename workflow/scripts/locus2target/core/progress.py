"""Progress of long steps: a bar with rate and time left on a terminal, a line now and then in a log."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_LOGGER = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """Counts what is done.

    Parameters
    ----------
    total
        Units of work; None where nobody knows.
    unit
        What is counted, for example `variants`.
    label
        What is being done.
    """

    def __init__(self, total: int | None, *, unit: str, label: str) -> None:
        self._bar = tqdm(total=total, unit=f" {unit}", desc=label, disable=not sys.stderr.isatty(), leave=False)
        self._total, self._unit, self._label = total, unit, label
        self._done = 0
        self._started = self._told = time.monotonic()

    def advance(self, n: int) -> None:
        """Say that `n` more units are done."""
        self._done += n
        self._bar.update(n)
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            _LOGGER.info("%s", self.line(now - self._started))

    def reach(self, done: int) -> None:
        """Say that `done` units in all are done."""
        self.advance(done - self._done)

    def line(self, seconds: float) -> str:
        """Progress in words after `seconds` of work.

        >>> progress = Progress(10, unit="variants", label="scoring")
        >>> progress.advance(4)
        >>> progress.line(2.0)
        'scoring: 4 of 10 variants, 2 variants/s, 3 s left'
        """
        rate = self._done / seconds if seconds > 0 else 0.0
        so_far = f"{self._label}: {self._done}"
        if self._total is None:
            return f"{so_far} {self._unit}, {rate:.3g} {self._unit}/s"
        left = f"{(self._total - self._done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        return f"{so_far} of {self._total} {self._unit}, {rate:.3g} {self._unit}/s, {left}"

    def last_line(self, seconds: float) -> str:
        """What became of the work, after `seconds` of it.

        >>> progress = Progress(10, unit="variants", label="scoring")
        >>> progress.advance(10)
        >>> progress.last_line(2.0)
        'scoring: 10 variants in 2.0 s'
        """
        if self._total == 0:
            return f"{self._label}: nothing to do"
        if self._total is None or self._done == self._total:
            return f"{self._label}: {self._done} {self._unit} in {seconds:.1f} s"
        return self.line(seconds)

    def close(self) -> None:
        """Remove the bar, and log how much was done in what time."""
        self._bar.close()
        _LOGGER.info("%s", self.last_line(time.monotonic() - self._started))


@contextmanager
def progress(total: int | None, *, unit: str, label: str) -> Iterator[Progress]:
    """Progress of the body; see `Progress`."""
    shown = Progress(total, unit=unit, label=label)
    try:
        yield shown
    finally:
        shown.close()


def tracked(items: Sequence[Item], *, unit: str, label: str) -> Iterator[Item]:
    """Yield the items; one is done when the next is asked for. See `Progress`."""
    with progress(len(items), unit=unit, label=label) as done:
        for item in items:
            yield item
            done.advance(1)
