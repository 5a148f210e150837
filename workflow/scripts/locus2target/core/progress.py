"""Progress of long steps: a bar with rate and time left on a terminal, a line now and then in a log."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

_LOGGER = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """Counts what is done.

    Parameters
    ----------
    total
        Units of work.
    unit
        What is counted, for example `variants`.
    label
        What is being done.
    """

    def __init__(self, total: int, *, unit: str, label: str) -> None:
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

    def line(self, seconds: float) -> str:
        """Progress in words after `seconds` of work.

        >>> progress = Progress(10, unit="variants", label="scoring")
        >>> progress.advance(4)
        >>> progress.line(2.0)
        'scoring: 4 of 10 variants, 2 variants/s, 3 s left'
        """
        rate = self._done / seconds if seconds > 0 else 0.0
        left = f"{(self._total - self._done) / rate:.0f} s left" if rate > 0 else "time left unknown"
        return f"{self._label}: {self._done} of {self._total} {self._unit}, {rate:.3g} {self._unit}/s, {left}"

    def close(self) -> None:
        """Remove the bar and log the rate of the whole."""
        self._bar.close()
        _LOGGER.info("%s", self.line(time.monotonic() - self._started))


@contextmanager
def progress(total: int, *, unit: str, label: str) -> Iterator[Progress]:
    """Progress of the body; see `Progress`."""
    shown = Progress(total, unit=unit, label=label)
    try:
        yield shown
    finally:
        shown.close()
